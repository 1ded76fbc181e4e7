"""Faulty files: refused whole, with the line and never a cell; or read, with a word about it.

Numbers as in test_rows.py.
"""

import re
import sqlite3
import zipfile
from contextlib import closing
from datetime import date

import openpyxl
import pandas as pd
import pytest

from casefiles import (
    EXTRACT,
    TOKEN,
    TOLERANT,
    added,
    assert_silent,
    clean,
    fates,
    refusal,
    write_csv,
)
from desistance import load_cases
from desistance.errors import DataError, SourceError

PEOPLE = f"person_id,sex\n{TOKEN}-ann,F\n{TOKEN}-bob,M\n{TOKEN}-cat,U\n".encode()
WIDE = b"person_id,sex,ethnicity,note\n"

# number of the fault, the bytes of people.csv, what the refusal says
BAD_PEOPLE = {
    "15 cp1252 without a word": (PEOPLE + TOKEN.encode() + b",O\x92\n", "not UTF-8 text on line 5"),
    "15 UTF-8 read as latin-1": (
        WIDE + f"{TOKEN}-ann,F,JosÃ©,x\n".encode(),
        r"1 cell of `ethnicity` \(line 2\) hold garbled",
    ),
    "15 control characters": (
        WIDE + f"{TOKEN}-ann,F,O\x92Neil,x\n".encode(),
        r"1 cell of `ethnicity` \(line 2\) hold garbled",
    ),
    "16 NUL": (PEOPLE.replace(b"bob", b"b\0b"), "NUL byte on line 3"),
    "16 UTF-16": (PEOPLE.decode().encode("utf-16"), "NUL byte on line 1"),
    "17 quote not closed": (PEOPLE + f'"{TOKEN},F\n'.encode(), "a quote opened on line 5"),
    "17 text after a quote": (PEOPLE + f'"{TOKEN}"x,F\n'.encode(), "a quote opened on line 5"),
    "17 pair of quotes over two rows": (
        WIDE + f'{TOKEN}-ann,F,"a,b\n{TOKEN}-bob,M,c",d\n'.encode(),
        r"1 row \(line 2\) hold a pair of quotes",
    ),
    "17 pair of quotes over a row": (
        WIDE + f'{TOKEN},F,"a,b\n{TOKEN},U,x,y\n{TOKEN},M,c",d\n'.encode(),
        r"1 row \(line 2\) hold a pair of quotes",
    ),
    "18 short row": (
        PEOPLE + f"{TOKEN}-dan\n".encode(),
        r"1 row \(line 5\) do not have as many cells",
    ),
    "18 comma at the end": (
        PEOPLE.replace(b",M", b",M,"),
        r"1 row \(line 3\) do not have as many cells",
    ),
    "19 one heading twice": (
        b"person_id,sex,Sex \n" + f"{TOKEN}-ann,F,M\n".encode(),
        "columns 2 and 3 have the same heading",
    ),
    "22 title above the header": (
        b"Extract of " + TOKEN.encode() + b",\n" + PEOPLE,
        "there is no column `person_id`.*read from line 1",
    ),
    "22 empty row among the others": (
        PEOPLE.replace(b"M\n", b"M\n\n,\n"),
        r"2 rows \(lines 4, 5\) are empty",
    ),
    "24 cut at the last line": (
        b"person_id\n" + b"x\n" * 65_535,
        "line 65,536, the last a spreadsheet can hold",
    ),
    "25 column renamed": (
        PEOPLE.replace(b"person_id", b"personid"),
        "no column `person_id`; did you mean `personid`?",
    ),
    "25 no header at all": (PEOPLE.split(b"\n", 1)[1], "there is no column `person_id`"),
    "25 nothing in the file": (b"", "there is no column `person_id`"),
}


@pytest.fixture
def folder(tmp_path):
    return write_csv(tmp_path, clean())


@pytest.mark.parametrize("fault", BAD_PEOPLE)
def test_a_file_that_is_not_one_clean_table_is_refused(folder, fault):
    data, words = BAD_PEOPLE[fault]
    (folder / "people.csv").write_bytes(data)
    message = refusal(DataError, folder, {**TOLERANT, "missing": ["-"]})
    assert "people.csv" in message
    assert re.search(words, message), message


def test_the_same_files_without_a_fault_load(folder):
    (folder / "people.csv").write_bytes(PEOPLE)
    assert len(load_cases(folder).people) == 3


def test_all_faulty_files_are_told_of_at_once(folder):
    (folder / "people.csv").write_bytes(PEOPLE.replace(b"person_id", b"x"))
    (folder / "offences.csv").unlink()
    (folder / "custody.csv").write_bytes(b"person_id,in_date\n\0\n")
    message = refusal(DataError, folder)
    assert all(words in message for words in ("people.csv", "`offences`", "custody.csv"))


def test_15_a_declared_encoding_is_used(folder):
    (folder / "people.csv").write_bytes(WIDE + "A,F,O’Neil,x\n".encode("cp1252"))
    cases = load_cases(folder, {**TOLERANT, "people": {"encoding": "cp1252"}})
    assert list(cases.people["ethnicity"]) == ["O’Neil"]


def test_17_line_breaks_inside_a_note_are_read(folder):
    rows = f'{TOKEN}-ann,F,a,"two\nlines"\n{TOKEN}-bob,9,b,"one"\n{TOKEN}-cat,U,,\n'
    (folder / "people.csv").write_bytes(WIDE + rows.encode())
    cases = load_cases(folder, TOLERANT)
    assert cases.quality.faults.query("rule == 'unknown_code'")["line"].tolist() == [4]


def test_19_headings_are_tidied_and_logged(folder):
    (folder / "people.csv").write_bytes(
        b"\xef\xbb\xbf" + PEOPLE.replace(b"person_id", b" Person_ID ")
    )
    cases = load_cases(folder)
    assert len(cases.people) == 3
    assert fates(cases, "people") == [("heading", "repaired")]


@pytest.mark.parametrize("last", ["Total,3", "Records: 3", "(3 rows affected)", ",Grand total"])
def test_21_totals_at_the_end_are_left_out(folder, last):
    (folder / "people.csv").write_bytes(PEOPLE + last.encode() + b"\n\n,\n")
    cases = load_cases(folder, TOLERANT)
    assert len(cases.people) == 3
    assert fates(cases, "people") == [("totals_row", "quarantined")]


def test_22_a_declared_header_row_may_stand_lower(folder):
    (folder / "people.csv").write_bytes(b'Extract, "of\n\n' + PEOPLE.replace(b"M\n", b"M\n,\n"))
    cases = load_cases(folder, {**TOLERANT, "people": {"header_row": 3}})
    assert len(cases.people) == 3


def test_44_a_column_nobody_named_is_not_loaded(folder):
    (folder / "people.csv").write_bytes(b"person_id,surname\n" + f"{TOKEN}-ann,{TOKEN}\n".encode())
    assert "surname" not in load_cases(folder, TOLERANT).people


@pytest.mark.parametrize("name", ["people.xls", "people.ods"])
def test_formats_that_hide_errors_are_not_read(folder, name):
    (folder / "people.csv").rename(folder / name)
    assert "save it as .xlsx" in refusal(SourceError, folder)


def test_two_files_for_one_table_are_an_error(folder):
    clean()["people"].to_parquet(folder / "people.parquet")
    assert "people.csv, people.parquet" in refusal(SourceError, folder)


def test_a_table_that_must_be_there_is_missed_by_its_nearest_name(folder):
    (folder / "offences.csv").rename(folder / "offence.csv")
    assert "no file for `offences`; did you mean `offence`?" in refusal(SourceError, folder)


@pytest.mark.parametrize("place", ["../people.csv", "/etc/passwd", "nothing.csv"])
def test_the_mapping_names_files_of_the_folder_only(folder, place):
    (folder.parent / "people.csv").write_bytes(PEOPLE)
    refused = refusal(SourceError, folder, {"people": {"file": place}})
    (folder.parent / "people.csv").unlink()
    assert "not a CSV, .xlsx or Parquet file in the folder" in refused


@pytest.mark.parametrize("source", ["nowhere", "nowhere.xlsx", "people.csv"])
def test_a_source_is_a_folder_a_workbook_or_a_database(folder, source):
    assert "is none of them" in refusal(SourceError, folder / source)


@pytest.mark.parametrize("name", ["people.parquet", "people.xlsx"])
def test_a_damaged_file_is_refused(folder, name):
    (folder / "people.csv").unlink()
    (folder / name).write_bytes(f"PAR1 {TOKEN} PAR1".encode())
    assert name in refusal(SourceError, folder)


# Workbooks


def sheet(folder, rows, change=lambda sheet: None, name="people.xlsx"):
    """Put a workbook of one sheet in the place of people.csv."""
    (folder / "people.csv").unlink(missing_ok=True)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    book.save(folder / name)
    return folder


ROWS = [
    ["person_id", "sex", "death_date"],
    *([f"{TOKEN}-{n}", "F", None] for n in ("ann", "bob", "cat")),
]


def test_6_an_id_stored_as_a_number_is_quarantined(folder):
    cases = load_cases(sheet(folder, [*ROWS, [123, "F", None]]), TOLERANT)
    assert len(cases.people) == 3
    assert fates(cases, "people") == [("number_as_text", "quarantined")]


def test_dates_of_a_sheet_are_dates_and_bare_numbers_are_not(folder):
    rows = [*ROWS, ["A", "F", date(2023, 3, 4)], ["B", "F", 44_291], ["C", "F", "05/03/2023"]]
    cases = load_cases(sheet(folder, rows), TOLERANT)
    assert list(cases.people["death_date"].dropna()) == [
        pd.Timestamp("2023-03-04"),
        pd.Timestamp("2023-03-05"),
    ]
    assert fates(cases, "people") == [("bare_number", "quarantined")]


def test_11_days_counted_from_1904_are_refused(folder):
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.MAC_EPOCH
    for row in ROWS:
        book.active.append(row)
    (folder / "people.csv").unlink()
    book.save(folder / "people.xlsx")
    assert "from 1904" in refusal(SourceError, folder)


def test_22_merged_cells_are_refused_below_the_header(folder):
    sheet(folder, ROWS, lambda s: s.merge_cells("A3:B3"))
    assert "merged cells" in refusal(DataError, folder)


def test_22_a_merged_title_above_a_declared_header_is_read(folder):
    rows = [[f"Extract {TOKEN}", None, None], [None], *ROWS]
    sheet(folder, rows, lambda s: s.merge_cells("A1:C1"))
    assert "merged cells" in refusal(DataError, folder)
    assert len(load_cases(folder, {"people": {"header_row": 3}}).people) == 3


def test_22_empty_rows_among_the_others_are_refused(folder):
    sheet(folder, [*ROWS, [None], ["A", "F", None]])
    assert re.search(r"1 row \(line 5\) are empty", refusal(DataError, folder))


def test_22_hidden_rows_are_read_and_warned_of(folder):
    sheet(folder, ROWS, lambda s: setattr(s.row_dimensions[2], "hidden", True))
    cases = load_cases(folder)
    assert len(cases.people) == 3
    assert fates(cases, "people") == [("hidden", "warned")]


@pytest.mark.parametrize("formula", ['=IF(1,"F","")', "error"])
def test_23_errors_and_formulas_not_worked_out_are_quarantined(folder, formula):
    def spoil(active):
        active["B3"].value = "#N/A" if formula == "error" else formula
        active["B3"].data_type = "e" if formula == "error" else "f"

    cases = load_cases(sheet(folder, ROWS, spoil), TOLERANT)
    assert [
        *cases.quality.faults.query("table == 'people'")[["line", "column", "rule"]].iloc[0]
    ] == [3, "sex", "broken_cell"]
    assert len(cases.people) == 2


def test_24_a_text_cut_at_the_longest_cell_is_refused(folder):
    sheet(folder, [*ROWS, ["x" * 32_767, "F", None]])
    assert "`person_id` has a text of 32,767 characters" in refusal(DataError, folder)


def test_a_far_cell_is_refused_before_the_sheet_is_laid_out(folder):
    sheet(folder, ROWS, lambda s: s.cell(1_048_576, 700, "x"))
    assert "reaches to line 1,048,576 with only 10 cells" in refusal(DataError, folder)


def test_a_workbook_that_unpacks_to_far_more_is_refused(folder):
    sheet(folder, ROWS)
    with zipfile.ZipFile(folder / "people.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b" " * 50_000_000)
    assert "more than 100 times its size" in refusal(SourceError, folder)


def test_a_workbook_of_several_sheets_needs_their_names(folder):
    sheet(folder, ROWS, lambda s: (setattr(s, "title", "Nominals"), s.parent.create_sheet("Notes")))
    assert "none named 'people'" in refusal(SourceError, folder)
    assert len(load_cases(folder, {"people": {"sheet": "Nominals"}}).people) == 3


# Databases


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    refused = refusal(SourceError, f"sqlite:///{tmp_path / 'cases.db'}")
    assert "no SQLite file" in refused
    assert not (tmp_path / "cases.db").exists()


@pytest.mark.parametrize(
    "address",
    [f"postgresql+pg8000://{TOKEN}:{TOKEN}@127.0.0.1:1/x", f"nonsense+{TOKEN}://x", "://"],
)
def test_a_database_that_cannot_be_opened_keeps_its_password(address):
    assert "database" in refusal(SourceError, address)


@pytest.mark.parametrize(
    "name",
    ['people"; DROP TABLE people; --', "people' OR 1=1", "sqlite_master", "offences WHERE 1=0"],
)
def test_a_table_of_a_database_is_named_by_its_catalogue(tmp_path, name):
    with closing(sqlite3.connect(tmp_path / "cases.db")) as connection:
        for table, rows in clean().items():
            rows.to_sql(table, connection, index=False)
        connection.commit()
    address = f"sqlite:///{tmp_path / 'cases.db'}"
    assert "no table for `people`" in refusal(SourceError, address, {"people": {"table": name}})
    assert len(load_cases(address).people) == 3


# What may never be shown


CELLS = [(table, column) for table, rows in clean().items() for column in rows]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_no_cell_is_ever_shown(tmp_path, table, column):
    tables = added(table)
    tables[table][column] = [f"{TOKEN}-{n}" for n in range(len(tables[table]))]
    write_csv(tmp_path, tables)
    cases = load_cases(tmp_path, TOLERANT, extract_date=EXTRACT)
    quality = cases.quality
    quality.write(tmp_path / "quality")
    written = [path.read_text() for path in (tmp_path / "quality").iterdir()]
    assert len(written) == 3
    shown = [repr(cases), str(cases), cases._repr_html_(), quality.faults.to_csv()]
    shown += [repr(quality), quality.summary(), quality._repr_html_()]
    assert_silent("\n".join([*written, *shown]))


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_no_cell_is_shown_when_the_load_is_refused(tmp_path, table, column):
    tables = added(table)
    tables[table].loc[0, column] = f"{TOKEN}-\x92"
    write_csv(tmp_path, tables)
    assert f"1 cell of `{column}`" in refusal(DataError, tmp_path, extract_date=EXTRACT)
