"""Case files in: one answer whatever they are kept in, each row accounted for."""

import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa
from pandas.testing import assert_frame_equal

from casefiles import EXTRACT, TOKEN, TOLERANT, added, checked, clean, write_csv
from desistance import CaseData, load_cases
from desistance.cases import QualityReport, read_mapping
from desistance.cases.check import CASE_RULES
from desistance.cases.parse import CELL_RULES
from desistance.errors import DataError, OutputError
from desistance.schemas import TABLES

DTYPES = {"text": "string", "date": "datetime64[ns]", "number": "float64", "flag": "boolean"}


def typed() -> dict[str, pd.DataFrame]:
    """Give the clean tables, and one faulty row, as a database would hold them."""
    tables = added("offences", crime_ref=f"{TOKEN}-9", offence_date="01/01/1970")
    for table in TABLES:
        rows = tables[table.name]
        for column in table.columns:
            if column.name not in rows:
                continue
            cells = rows[column.name].replace("", None)
            if column.kind == "date":
                cells = pd.to_datetime(cells, format="%d/%m/%Y").dt.date.astype(object)
                cells = cells.where(cells.notna(), None)
            elif column.kind == "number":
                cells = pd.to_numeric(cells)
            elif column.kind == "flag":
                cells = cells.map({"yes": True, "no": False}).astype(object)
            rows[column.name] = cells
    return tables


def as_folder(tmp_path):
    rows = added("offences", crime_ref=f"{TOKEN}-9", offence_date="01/01/1970")
    return write_csv(tmp_path, rows)


def as_workbooks(tmp_path):
    for name, rows in typed().items():
        _fill(openpyxl.Workbook(), {name: rows}).save(tmp_path / f"{name}.xlsx")
    return tmp_path


def as_one_workbook(tmp_path):
    _fill(openpyxl.Workbook(), typed()).save(tmp_path / "cases.xlsx")
    return tmp_path


def as_workbook_itself(tmp_path):
    return as_one_workbook(tmp_path) / "cases.xlsx"


def as_parquet(tmp_path):
    for name, rows in typed().items():
        rows.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def as_sqlite(tmp_path):
    connection = sqlite3.connect(tmp_path / "cases.db")
    for name, rows in typed().items():
        rows.map(lambda cell: cell.isoformat() if isinstance(cell, date) else cell).to_sql(
            name, connection, index=False
        )
    connection.commit()
    connection.close()
    return f"sqlite:///{tmp_path / 'cases.db'}"


def _fill(book, tables):
    book.remove(book.active)
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        sheet.append(list(rows))
        for row in rows.astype(object).where(rows.notna(), None).itertuples(index=False):
            sheet.append(row)
    return book


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """Start a server of our own, and give its address."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.get_exec_path())]
    programs = next((path for path in found if (path / "initdb").exists()), None)
    if programs is None:
        pytest.skip("no PostgreSQL server: initdb is neither on PATH nor under /usr/lib/postgresql")
    folder = tmp_path_factory.mktemp("postgresql")
    user = "postgres" if os.geteuid() == 0 else None  # a server refuses to run as root
    if user:
        shutil.chown(folder, user)
        for parent in folder.parents:
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    quiet = {"cwd": folder, "user": user, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    make = [programs / "initdb", "-D", folder / "data", "--auth=trust", "--username=postgres"]
    subprocess.run([*make, "--encoding=UTF8", "--no-sync"], check=True, **quiet)
    serve = [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", port, "-F"]
    with subprocess.Popen([*serve, "-c", "unix_socket_directories="], **quiet) as server:
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", port, "-q"]
        while server.poll() is None and subprocess.run(ready, check=False).returncode:
            time.sleep(0.1)
        yield f"postgresql+pg8000://postgres@127.0.0.1:{port}/postgres"
        server.send_signal(signal.SIGINT)


def assert_same(one: CaseData, two: CaseData) -> None:
    for table in TABLES:
        assert_frame_equal(getattr(one, table.name), getattr(two, table.name))
    assert_frame_equal(one.quality.accounting, two.quality.accounting)
    rules = ["table", "column", "rule", "says", "fate"]
    assert_frame_equal(one.quality.faults[rules], two.quality.faults[rules])
    assert one.extract_date == two.extract_date


@pytest.mark.parametrize(
    "kept_as",
    [as_folder, as_workbooks, as_one_workbook, as_workbook_itself, as_parquet, as_sqlite],
)
def test_the_same_cases_come_out_whatever_they_are_kept_in(tmp_path, kept_as):
    cases = load_cases(kept_as(tmp_path), TOLERANT)
    assert_same(cases, checked(typed()))
    assert len(cases.offences) == 3
    assert cases.quality.faults["rule"].tolist() == ["placeholder_date", "rows_missing"]


@pytest.mark.postgresql
def test_the_same_cases_come_out_of_postgresql(postgresql):
    kinds = {"text": sa.Text, "date": sa.Date, "number": sa.Numeric, "flag": sa.Boolean}
    engine = sa.create_engine(postgresql, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in TABLES:
            rows = typed()[table.name]
            columns = [sa.Column(c.name, kinds[c.kind]) for c in table.columns if c.name in rows]
            stored = sa.Table(table.name, sa.MetaData(), *columns)
            stored.create(connection)
            values = rows.astype(object).where(rows.notna(), None)
            connection.execute(stored.insert(), values.to_dict("records"))
    assert_same(load_cases(postgresql, TOLERANT), checked(typed()))


@pytest.mark.postgresql
def test_postgresql_is_only_read(postgresql):
    from desistance.cases.database import _engine, read_only

    engine = _engine(postgresql)
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only"):
        read_only(connection).execute(sa.text("CREATE TABLE nothing (x int)"))
    engine.dispose()


def test_columns_have_the_kinds_of_the_schema_also_in_tables_that_were_not_given():
    some = {name: clean()[name] for name in ("people", "episodes", "offences")}
    cases = CaseData.from_frames(some, extract_date=EXTRACT)
    assert cases.custody.empty
    assert cases.extract.empty
    for table in TABLES:
        frame = getattr(cases, table.name)
        assert [*frame.columns] == [column.name for column in table.columns]
        assert {c.name: str(frame[c.name].dtype) for c in table.columns} == {
            c.name: DTYPES[c.kind] for c in table.columns
        }
    absent = cases.quality.faults.query("rule == 'table_absent'")["table"]
    assert set(absent) == {table.name for table in TABLES} - set(some)


def test_rows_come_in_the_order_of_their_key():
    tables = {name: rows.iloc[::-1] for name, rows in clean().items()}
    cases = checked(tables)
    for table in TABLES:
        frame = getattr(cases, table.name)
        assert_frame_equal(frame, frame.sort_values(list(table.key), ignore_index=True))


def test_values_are_those_of_the_file():
    cases = checked(clean())
    first = cases.offences.iloc[0]
    assert first["person_id"] == f"{TOKEN}-ann"
    assert first["offence_date"] == pd.Timestamp("2021-03-16")
    assert first["offence_code"] == "028/01"
    assert first["in_custody"] == False  # noqa: E712 - a boolean that may be missing
    assert cases.offences["in_custody"].isna().sum() == 1
    assert cases.assessments["score"].tolist()[0] == 7.0
    assert cases.assessments["score"].isna().tolist() == [False, True]


@pytest.mark.parametrize("given", ["2024-09-29", date(2024, 9, 29), pd.Timestamp("2024-09-29")])
def test_the_extract_date_is_the_argument_s(given):
    cases = CaseData.from_frames(
        clean(), extract_date=given, mapping={"extract_date": date(2024, 9, 28)}
    )
    assert cases.extract_date == pd.Timestamp("2024-09-29")


def test_the_extract_date_is_else_the_mapping_s_else_the_earliest():
    tables = clean()
    tables["extract"]["extract_date"] = ["30/09/2024", "29/09/2024"]
    tables["extract"]["complete_to"] = ""
    assert checked(tables).extract_date == pd.Timestamp("2024-09-29")
    assert checked(tables, extract_date=date(2024, 9, 20)).extract_date == pd.Timestamp(
        "2024-09-20"
    )


@pytest.mark.parametrize("given", [None, "30/09/2024"])
def test_the_extract_date_is_known_or_nothing_is_loaded(given):
    tables = clean()
    del tables["extract"]
    with pytest.raises(DataError, match="extract_date"):
        CaseData.from_frames(tables, extract_date=given)


def test_names_codes_and_formats_come_from_the_mapping(tmp_path):
    tables = clean()
    tables["people"] = tables["people"].rename(columns={"person_id": "NominalRef", "sex": "Gender"})
    tables["people"] = tables["people"].assign(
        Gender=["1", "2", "NK"], visits=["3", "", "4.5"], working=["Y", "N", ""]
    )
    offences = tables["offences"].assign(outcome=["Court", "Cautioned", "Charged/Summonsed"])
    offences["offence_date"] = ["20210316", "20210416", "20210516"]
    write_csv(tmp_path, {**tables, "offences": offences})
    (tmp_path / "people.csv").rename(tmp_path / "nominals.csv")
    (tmp_path / "mapping.toml").write_text("""
        extract_date = 2024-09-30
        [people]
        file = "nominals.csv"
        columns = { person_id = "NominalRef", sex = "Gender" }
        codes = { sex = { "1" = "M", "2" = "F" } }
        missing = { sex = ["NK"] }
        extra = { visits = "number", working = "flag" }
        [offences.codes.outcome]
        "Court" = "convicted"
        "Cautioned" = "caution"
        "Charged/Summonsed" = "charged"
        [offences.dates]
        offence_date = "%Y%m%d"
    """)
    cases = load_cases(tmp_path, tmp_path / "mapping.toml")
    assert cases.quality.faults.empty
    assert cases.people["sex"].fillna("?").tolist() == ["M", "F", "?"]
    assert cases.extra == ("visits", "working")
    assert cases.people["visits"].fillna(0).tolist() == [3.0, 0.0, 4.5]
    assert cases.people["working"].tolist() == [True, False, pd.NA]
    assert cases.offences["outcome"].tolist() == ["convicted", "caution", "charged"]
    assert cases.offences["offence_date"].iloc[0] == pd.Timestamp("2021-03-16")


def test_frames_are_not_changed_and_not_shared():
    tables, before = clean(), clean()
    cases = checked(tables)
    cases.people.loc[0, "sex"] = "M"
    for name, rows in tables.items():
        assert_frame_equal(rows, before[name])


@pytest.mark.parametrize(("frames", "words"), [
    ({"peple": clean()["people"]}, "`peple` is not a table; did you mean `people`?"),
    ({"people": [1, 2]}, "`people` is a list, not a DataFrame"),
    ({"people": pd.DataFrame({"person_id": [[1], [2]]})}, "person_id"),
])  # fmt: skip
def test_frames_that_are_no_tables_are_refused(frames, words):
    with pytest.raises(DataError) as caught:
        CaseData.from_frames({**clean(), **frames}, mapping={"max_quarantined": 0.0})
    assert words in str(caught.value)


def test_ids_that_are_whole_numbers_are_text_and_broken_numbers_are_not():
    tables = {name: clean()[name].iloc[:2] for name in ("people", "episodes", "offences")}
    tables["people"] = tables["people"].assign(person_id=[1, 2])
    tables["episodes"] = tables["episodes"].assign(person_id=[1, 2])
    tables["offences"] = tables["offences"].assign(person_id=[1.0, 2.0])
    cases = CaseData.from_frames(tables, extract_date=EXTRACT, mapping=TOLERANT)
    assert cases.people["person_id"].tolist() == ["1", "2"]
    assert (
        cases.quality.faults.query("table == 'offences'")["rule"].tolist() == ["number_as_text"] * 2
    )


def test_sources_are_named_by_file_and_hash(tmp_path):
    cases = load_cases(write_csv(tmp_path, clean()))
    assert set(cases.sources) == {f"{table.name}.csv" for table in TABLES}
    (tmp_path / "areas.csv").write_text((tmp_path / "areas.csv").read_text() + "\n")
    again = load_cases(tmp_path)
    assert {name for name in cases.sources if cases.sources[name] != again.sources[name]} == {
        "areas.csv"
    }


def test_the_shape_is_shown_and_no_row():
    shown = repr(checked(clean()))
    assert shown == (
        "<CaseData: 3 people, 4 episodes, 3 offences, 2 custody, 2 assessments, 2 areas, "
        "2 residence, 1 support, 2 action_log, extracted on 30 September 2024>"
    )
    assert shown[1:-1] in checked(clean())._repr_html_()


def test_the_quality_report_is_written_for_its_owner_alone(tmp_path):
    tables = added("people", person_id="", sex="9")
    cases = load_cases(write_csv(tmp_path, tables), TOLERANT)
    cases.quality.write(tmp_path / "quality")
    cases.quality.write(tmp_path / "quality")
    files = {path.name: path for path in (tmp_path / "quality").iterdir()}
    assert set(files) == {"quarantine.csv", "warnings.csv", "accounting.csv"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    quarantine = pd.read_csv(files["quarantine.csv"])
    assert quarantine[["file", "line", "table", "column", "rule"]].to_numpy().tolist() == [
        ["people.csv", 5, "people", "person_id", "empty_cell"],
        ["people.csv", 5, "people", "sex", "unknown_code"],
    ]
    assert set(quarantine["sha256"]) == {cases.sources["people.csv"]}
    accounting = pd.read_csv(files["accounting.csv"])
    assert_frame_equal(accounting, cases.quality.to_frame())


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"quarantine\.csv could not be written") as caught:
        checked(clean()).quality.write(tmp_path / "file")
    assert caught.value.__context__ is None


def test_a_file_name_cannot_be_a_formula(tmp_path):
    cases = checked(added("people", person_id=""))
    faults = cases.quality.faults.assign(file="=1+1")
    QualityReport(cases.quality.accounting, faults, {"=1+1": "x"}).write(tmp_path)
    assert ",=1+1" not in (tmp_path / "quarantine.csv").read_text()


def test_rows_that_are_not_accounted_for_raise():
    quality = checked(clean()).quality
    lost = quality.accounting.copy()
    lost["n_in"] += lost["table"].isin(["people", "areas"])
    with pytest.raises(DataError, match="people, areas are not accounted for"):
        QualityReport(lost, quality.faults, {})


def test_the_summary_says_what_became_of_the_rows():
    summary = checked(added("people", person_id="", sex="9")).quality.summary()
    assert summary.startswith("24 rows in = 23 used + 1 in quarantine + 0 merged with a copy")
    assert "1  people.person_id: the cell is not empty [empty_cell]" in summary


def test_the_documentation_lists_every_column_and_every_rule():
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    for table in TABLES:
        section = page.split(f"### {table.name}\n")[1].split("\n#")[0]
        for column in table.columns:
            codes = ", ".join(f"`{code}`" for code in column.codes)
            assert f"| `{column.name}` | {column.kind} |" in section
            assert f"| {column.meaning} | {codes} |" in section
    rules = [(rule.code, rule.says) for table in TABLES for rule in table.rules]
    rules += [(rule.code, rule.says) for rule in CASE_RULES]
    rules += [(code, says) for code, (says, _) in CELL_RULES.items()]
    assert [code for code, says in rules if f"| `{code}` |" not in page or says not in page] == []


def test_the_mapping_in_the_documentation_is_a_mapping(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    mapping = read_mapping(tmp_path / "mapping.toml")
    assert mapping.people.columns == {"person_id": "NominalRef"}
