"""Raw tables in, pseudonyms out: every row accounted for, nobody left over or in a message."""

import json
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from casefiles import EXTRACT, TOKEN, assert_silent, clean, write_csv
from desistance import load_cases, pseudonymise
from desistance.cli import app
from desistance.errors import DataError, DesistanceError, OutputError, PlanError, SourceError
from desistance.identifiers import PseudonymKey, make_key_file
from desistance.identifiers.forms import check_letters
from desistance.pseudonymisation import read_merges

KEY = PseudonymKey(bytes(range(32)))
PEOPLE = ("ann", "bob", "cat")
TOLERANT = {"max_quarantined": 1.0}


def pnc(serial, year=1999):
    [letter] = check_letters(np.array([year % 100 * 10**7 + serial]))
    return f"{year}/{serial:07d}{letter}"


ANN, BOB, CAT, DAN = (pnc(serial) for serial in (1234567, 7654321, 42, 4040))


def with_pnc(**spelled):
    """Give the clean tables with PNC numbers for ids, spelled as told in `people`."""
    ids = dict(zip(PEOPLE, (ANN, BOB, CAT), strict=True))
    tables = clean()
    for name, table in tables.items():
        if "person_id" in table:
            spelling = {**ids, **(spelled if name == "people" else {})}
            table["person_id"] = table["person_id"].str.removeprefix(f"{TOKEN}-").map(spelling)
    return tables


def hidden(tmp_path, tables, *, key=KEY, scheme="pnc", name="out", **options):
    source = tmp_path / f"{name}-raw"
    source.mkdir()
    write_csv(source, tables)
    told = pseudonymise(source, key, tmp_path / name, scheme=scheme, **options)
    return told, tmp_path / name


def cells(folder, table):
    return pd.read_csv(folder / f"{table}.csv", dtype=str, keep_default_na=False)


def lookup(folder):
    known = cells(folder, "lookup")
    return known[known["scheme"] == "pnc"].set_index("identifier")["pseudonym"]


# --- the tables -------------------------------------------------------------------------------


def test_what_comes_out_loads_and_is_the_same_but_for_the_ids(tmp_path):
    _, out = hidden(tmp_path, with_pnc(), restricted=tmp_path / "restricted")
    before, after = load_cases(tmp_path / "out-raw"), load_cases(out)
    assert after.quality.accounting.equals(before.quality.accounting)
    assert len(after.quality.faults) == len(before.quality.faults)
    names = lookup(tmp_path / "restricted")
    for table in ("people", "episodes", "offences", "custody", "assessments", "support"):
        old, new = getattr(before, table), getattr(after, table)
        old = old.assign(person_id=old["person_id"].map(names).astype("string"))
        rest = [c for c in old if c not in ("crime_ref", "occasion_id")]
        order = [c for c in rest if old[c].notna().any()]
        pd.testing.assert_frame_equal(
            old[rest].sort_values(order, ignore_index=True),
            new[rest].sort_values(order, ignore_index=True),
        )
    assert set(after.people["person_id"]) == set(names)


def test_one_person_has_one_pseudonym_in_every_table_and_spelling(tmp_path):
    tables = with_pnc(ann=f" {ANN[2:4]}-{int(ANN[5:12])}{ANN[-1].lower()} ")
    told, out = hidden(tmp_path, tables)
    known = set(cells(out, "people")["person_id"])
    assert len(known) == 3
    for table in ("episodes", "offences", "custody", "assessments", "residence", "support"):
        assert set(cells(out, table)["person_id"]) <= known
    assert "1 id put into canonical spelling" in told.summary()


def test_the_same_key_gives_the_same_bytes_and_another_key_other_ids(tmp_path):
    _, one = hidden(tmp_path, with_pnc(), name="one")
    backwards = {name: table[::-1] for name, table in with_pnc().items()}
    _, two = hidden(tmp_path, backwards, name="two")
    _, other = hidden(tmp_path, with_pnc(), name="other", key=PseudonymKey(bytes(range(1, 33))))
    ids = [set(cells(folder, "people")["person_id"]) for folder in (one, two, other)]
    assert ids[0] == ids[1]
    assert not ids[0] & ids[2]


def test_references_of_crimes_are_hidden_and_empty_stays_empty(tmp_path):
    tables = with_pnc()
    tables["offences"].loc[1, "crime_ref"] = ""
    _, out = hidden(tmp_path, tables)
    references = cells(out, "offences")["crime_ref"].tolist()
    assert references[1] == ""
    assert all(re.fullmatch("p[0-9a-f]{32}", text) for text in (references[0], references[2]))


def test_columns_nobody_named_are_not_written(tmp_path):
    tables = with_pnc()
    tables["people"]["surname"] = f"{TOKEN}-surname"
    tables["offences"]["mo_notes"] = f"{TOKEN}-notes"
    _, out = hidden(tmp_path, tables)
    assert all(
        f"{TOKEN}-{word}" not in path.read_text(encoding="utf-8")
        for path in out.iterdir()
        for word in ("surname", "notes", *PEOPLE)
    )


def test_a_day_of_birth_is_not_written(tmp_path):
    tables = with_pnc()
    tables["people"]["birth_month"] = ["17/05/1990", "1985-06-23", ""]
    _, out = hidden(tmp_path, tables)
    assert cells(out, "people")["birth_month"].tolist() == ["1990-05-01", "1985-06-01", ""]


def test_a_birth_that_cannot_be_read_is_set_aside_and_not_written(tmp_path):
    tables = with_pnc()
    tables["people"].loc[0, "birth_month"] = "31/02/1990"
    told, out = hidden(tmp_path, tables, mapping=TOLERANT)
    assert len(cells(out, "people")) == 2
    found = told.faults[told.faults["fate"] == "quarantined"]
    rules = found[["table", "line", "rule"]].to_numpy().tolist()
    assert rules == [["people", 2, "impossible_date"]]


def test_extra_identifiers_are_hidden_under_schemes_of_their_own(tmp_path):
    tables = with_pnc()
    tables["people"]["cro"] = ["65656/91H", "085227/65G", ""]
    tables["people"]["noms"] = "A1234BC"
    mapping = {"people": {"extra": {"cro": "text", "noms": "text"}}}
    told, out = hidden(tmp_path, tables, mapping=mapping, restricted=tmp_path / "restricted")
    people = cells(out, "people")
    assert people["cro"].str.len().tolist() == [33, 0, 0]
    assert people["noms"].nunique() == 1
    assert "not a valid cro: left empty" in told.summary()
    aside = cells(tmp_path / "restricted", "set_aside")
    assert aside[["file", "line", "column", "text"]].to_numpy().tolist() == [
        ["people.csv", "3", "cro", "085227/65G"]
    ]
    loaded = load_cases(out, out / "mapping.toml")
    assert loaded.people["cro"].notna().sum() == 1


def test_numbers_left_over_in_a_text_stop_everything(tmp_path):
    tables = with_pnc()
    tables["people"]["ethnicity"] = [
        "12/2034A",
        f"was {ANN[2:4]}/{int(ANN[5:12])}{ANN[-1]} (old)",
        ANN,
    ]
    with pytest.raises(DataError, match=r"2 cells of `ethnicity` \(lines 3, 4\)") as caught:
        hidden(tmp_path, tables)
    assert ANN not in str(caught.value)
    assert not (tmp_path / "out").exists()


# --- every row accounted for ------------------------------------------------------------------


def test_rows_without_a_valid_id_are_in_quarantine_with_line_and_reason(tmp_path):
    tables = with_pnc()
    wrong = {"": "empty", "12A": "form", "1999/1234567O": "letter", pnc(5)[:-1] + "B": "check",
             "N/K": "empty"}  # fmt: skip
    rows = tables["offences"].iloc[[0] * len(wrong)].assign(person_id=list(wrong))
    tables["offences"] = pd.concat([tables["offences"], rows])
    told, out = hidden(
        tmp_path, tables, mapping=TOLERANT | {"missing": ["N/K"]}, restricted=tmp_path / "r"
    )
    found = told.faults[told.faults["fate"] == "quarantined"]
    assert found["line"].tolist() == [5, 6, 7, 8, 9]
    assert found["rule"].tolist() == [f"id_{reason}" for reason in wrong.values()]
    account = told.accounting.set_index("table").loc["offences"]
    assert account.tolist() == [8, 3, 5, 0]
    assert cells(tmp_path / "r", "set_aside")["text"].tolist() == list(wrong)
    assert len(cells(out, "offences")) == 3


def test_too_many_wrong_ids_stop_everything(tmp_path):
    with pytest.raises(DataError, match="rows are in quarantine") as caught:
        hidden(tmp_path, clean(), restricted=tmp_path / "restricted")  # ids that are no PNC numbers
    assert_silent(str(caught.value))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "restricted").exists()


def test_ids_stored_as_numbers_are_set_aside(tmp_path):
    source = tmp_path / "raw"
    source.mkdir()
    tables = {name: table for name, table in clean().items() if name != "people"}
    write_csv(source, tables)
    people = clean()["people"].astype(object)
    people.loc[2, "person_id"] = 123456
    people.to_excel(source / "people.xlsx", index=False)
    told = pseudonymise(source, KEY, tmp_path / "out", scheme="local", mapping=TOLERANT)
    assert "number_as_text" in told.faults["rule"].tolist()
    assert told.accounting.set_index("table").loc["people"].tolist() == [3, 2, 1, 0]


def test_a_mapping_is_applied_and_what_is_left_of_it_is_written(tmp_path):
    tables = with_pnc()
    tables["people"] = tables["people"].rename(columns={"person_id": "PNC Ref", "sex": "Gender"})
    tables["people"]["Gender"] = ['Fe"male', "Mâle", "-"]
    tables["offences"]["offence_date"] = ["2021.03.16", "2021.04.16", "2021.05.16"]
    mapping = {
        "missing": ["-"],
        "people": {
            "columns": {"person_id": "PNC Ref", "sex": "Gender"},
            "codes": {"sex": {'Fe"male': "F", "Mâle": "M"}},
            "dates": {"birth_month": "%d/%m/%Y"},
        },
        "offences": {"dates": {"offence_date": "%Y.%m.%d"}},
    }
    _, out = hidden(tmp_path, tables, mapping=mapping)
    before = load_cases(tmp_path / "out-raw", mapping)
    after = load_cases(out, out / "mapping.toml")
    for table, column in (("people", "sex"), ("offences", "offence_date")):
        new, old = getattr(after, table)[column], getattr(before, table)[column]
        assert sorted(new.dropna()) == sorted(old.dropna())
    assert sorted(after.people["sex"].dropna()) == ["F", "M"]
    assert "birth_month" not in (out / "mapping.toml").read_text(encoding="utf-8")


def test_no_mapping_is_written_when_none_is_needed(tmp_path):
    _, out = hidden(tmp_path, with_pnc())
    assert not (out / "mapping.toml").exists()


@pytest.mark.parametrize(
    "mapping",
    [{"people": {"codes": {"person_id": {"x": "y"}}}}, {"people": {"extra": {"cro": "number"}}}],
)
def test_a_mapping_that_gives_ids_codes_is_refused(tmp_path, mapping):
    with pytest.raises(PlanError):
        hidden(tmp_path, with_pnc(), mapping=mapping)


def test_the_year_comes_from_the_extract_or_must_be_told(tmp_path):
    told, out = hidden(tmp_path, with_pnc())
    assert json.loads((out / "manifest.json").read_text())["about"]["year"] == 2024
    without = {name: table for name, table in with_pnc().items() if name != "extract"}
    with pytest.raises(PlanError, match="say the year"):
        hidden(tmp_path, without, name="b")
    hidden(tmp_path, without, name="c", year=2024)
    hidden(tmp_path, without, name="d", mapping={"extract_date": pd.Timestamp(EXTRACT).date()})
    assert told.accounting["n_in"].sum() == sum(map(len, with_pnc().values()))


# --- merged ids -------------------------------------------------------------------------------


def merges(tmp_path, *pairs):
    path = tmp_path / "merges.csv"
    rows = "".join(f"{one},{into}\n" for one, into in pairs)
    path.write_text(f"person_id,merged_into\n{rows}", encoding="utf-8")
    return path


def test_merged_ids_become_one_person_and_their_rows_are_counted(tmp_path):
    tables = with_pnc()
    tables["people"].loc[0, "death_date"] = ""
    tables["people"].loc[2, "sex"] = ""
    path = merges(tmp_path, (BOB, DAN), (DAN, CAT))  # a chain, over an id that has no rows
    told, out = hidden(tmp_path, tables, merges=path, restricted=tmp_path / "r")
    assert told.accounting.set_index("table").loc["people"].tolist() == [3, 2, 0, 1]
    names = lookup(tmp_path / "r")
    assert names[BOB] == names[CAT] != names[ANN]
    people = cells(out, "people").set_index("person_id")
    kept = people.loc[names[CAT]]
    assert kept["sex"] == "M"  # empty there, so taken from the merged row
    assert kept["death_date"] == "13/02/2024"
    assert kept["birth_month"] == "1979-07-01"  # both say one: the remaining id's is kept
    found = told.faults.set_index("rule")
    assert found.loc["merged_differs", ["line", "fate"]].tolist() == [3, "warned"]
    assert found.loc["merged_into", ["line", "fate"]].tolist() == [3, "merged"]
    assert (cells(out, "offences")["person_id"] == names[CAT]).sum() == 2
    assert len(cells(out, "offences")) == 3


def test_a_merge_into_an_id_without_a_row_keeps_the_first_row(tmp_path):
    path = merges(tmp_path, (BOB, DAN), (CAT, DAN))
    told, out = hidden(tmp_path, with_pnc(), merges=path)
    assert told.accounting.set_index("table").loc["people"].tolist() == [3, 2, 0, 1]
    assert sorted(cells(out, "people")["birth_month"]) == ["1985-06-01", "1990-05-01"]


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([(ANN, "nobody")], "1 rows have an id that is not valid"),
        ([(ANN, BOB), (ANN, CAT)], "1 ids are merged into more than one"),
        ([(ANN, BOB), (BOB, CAT), (CAT, ANN)], "3 ids are merged in a circle"),
        ([(DAN, ANN), (ANN, BOB), (BOB, ANN)], "3 ids are merged in a circle"),
    ],
)
def test_a_table_of_merges_that_cannot_be_meant_is_refused(tmp_path, pairs, says):
    with pytest.raises(DataError, match=says) as caught:
        read_merges(merges(tmp_path, *pairs), "pnc", year=2024)
    assert "19" not in str(caught.value)


def test_long_chains_of_merges_are_followed(tmp_path):
    ids = [pnc(serial) for serial in range(100, 140)]
    into = read_merges(merges(tmp_path, *pairwise(ids)), "pnc", year=2024)
    assert set(into) == {ids[-1]}
    assert len(into) == 39


def test_a_table_of_merges_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text(f"{ANN}\n{BOB}\n", encoding="utf-8")
    for name in ("a.csv", "nowhere.csv"):
        with pytest.raises(SourceError, match="person_id and merged_into") as caught:
            read_merges(tmp_path / name, "pnc", year=2024)
        assert caught.value.__context__ is None


# --- folders ----------------------------------------------------------------------------------


def test_folders_and_files_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        hidden(tmp_path, with_pnc(), restricted=tmp_path / "restricted")
    finally:
        os.umask(before)
    for folder in ("out", "restricted"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700
        for path in (tmp_path / folder).iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert not list(tmp_path.glob("*.part*"))


def test_the_manifest_has_the_key_id_and_no_file_has_the_key_or_an_id(tmp_path):
    _, out = hidden(tmp_path, with_pnc(), restricted=tmp_path / "restricted")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["about"]["key_id"] == KEY.id
    assert set(manifest["about"]["inputs"]) >= {"people.csv", "offences.csv"}
    for path in (*out.iterdir(), *(tmp_path / "restricted").iterdir()):
        content = path.read_bytes()
        assert KEY.secret not in content
        assert KEY.secret.hex().encode() not in content.lower()
        if path.parent == out:
            assert not any(number.encode() in content for number in (ANN, BOB, CAT))
    assert ANN in (tmp_path / "restricted" / "lookup.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("out", "restricted", "says"),
    [("raw/out", None, "none of the others"), (".", None, "none of the others"),
     ("out", "out/restricted", "none of the others"), ("out", "raw", "none of the others"),
     ("out", "out", "none of the others"), ("there", None, "exists already"),
     ("out", "there", "exists already"), ("out", "repo/restricted", "git work tree")],
)  # fmt: skip
def test_raw_hidden_and_restricted_are_kept_apart_and_nothing_is_replaced(
    tmp_path, out, restricted, says
):
    for name in ("raw", "there", "repo/.git"):
        (tmp_path / name).mkdir(parents=True)
    write_csv(tmp_path / "raw", with_pnc())
    with pytest.raises(OutputError, match=says):
        pseudonymise(
            tmp_path / "raw", KEY, tmp_path / out, restricted=restricted and tmp_path / restricted
        )
    assert not list((tmp_path / "there").iterdir())
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("desistance.release.os.fsync", full)
    with pytest.raises(DesistanceError):
        hidden(tmp_path, with_pnc(), restricted=tmp_path / "restricted")
    assert {path.name for path in tmp_path.iterdir()} == {"out-raw"}


# --- the command, and nobody in its words -----------------------------------------------------


def run(*words):
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return write_csv(tmp_path / "raw", with_pnc())


@pytest.fixture(autouse=True)
def keep_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_command_makes_a_key_once_and_says_what_became_of_the_rows(tmp_path, raw):
    key = tmp_path / "keys" / "k"
    words = ["pseudonymise", raw, "--key", key]
    assert run(*words, "--out", tmp_path / "a").exit_code == 3  # no key is made unasked
    done = run(*words, "--out", tmp_path / "a", "--new-key")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("23 rows in = 23 used + 0 in quarantine")
    assert run(*words, "--out", tmp_path / "b", "--new-key").exit_code == 8
    assert run(*words, "--out", tmp_path / "b").exit_code == 0
    assert cells(tmp_path / "a", "people").equals(cells(tmp_path / "b", "people"))
    assert load_cases(tmp_path / "b").people["person_id"].nunique() == 3


def test_the_command_refuses_a_key_in_the_environment(tmp_path, raw, monkeypatch):
    make_key_file(tmp_path / "k")
    monkeypatch.setenv("PROJECT_KEY", (tmp_path / "k").read_bytes().hex())
    done = run("pseudonymise", raw, "--key", tmp_path / "k", "--out", tmp_path / "a")
    assert done.exit_code == 3
    assert "in the environment" in done.stderr


def test_the_command_does_not_repeat_a_key_that_was_pasted(tmp_path, raw):
    pasted = os.urandom(32).hex()
    done = subprocess.run(
        [sys.executable, "-m", "desistance", "pseudonymise", raw, "--key", pasted, "--out",
         tmp_path / "a"], capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert pasted not in done.stdout + done.stderr


def canaries():
    """Give the clean tables in which every text that may be one is a token of its own."""
    tables, numbered = with_pnc(), iter(range(10_000))
    for table in tables.values():
        for column in ("crime_ref", "area_id", "end_reason", "sex", "tier", "detection", "outcome"):
            if column in table:
                table[column] = [f"{TOKEN}{next(numbered)}" for _ in range(len(table))]
        table["surname"] = [f"{TOKEN}{next(numbered)}" for _ in range(len(table))]
    return tables


FAULTS = {
    "none": {},
    "a wrong letter": {("people", "person_id"): f"1999/{TOKEN}"},
    "an impossible birth": {("people", "birth_month"): f"{TOKEN}/1990"},
    "an extra that is no number": {("people", "cro"): f"{TOKEN}"},
    "a quote": {("offences", "crime_ref"): f'"{TOKEN}'},
    "a NUL": {("offences", "crime_ref"): f"{TOKEN}\0"},
    "a number left over": {("people", "ethnicity"): ANN},
    "a date of the extract": {("extract", "extract_date"): TOKEN},
    "no header": {("people", ""): ""},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("tolerant", [True, False])
def test_no_token_is_in_any_word_of_the_command(tmp_path, fault, tolerant, caplog):
    tables = canaries()
    tables["people"]["cro"] = ""
    header = fault != "no header"
    for (table, column), text in FAULTS[fault].items():
        if column:
            tables[table].loc[0, column] = text
    (tmp_path / "raw").mkdir()
    for name, table in tables.items():
        text = table.to_csv(index=False, header=header or name != "people")
        if fault == "a quote":
            text = text.replace('"""', '"')
        (tmp_path / "raw" / f"{name}.csv").write_text(text, encoding="utf-8")
    settings = f"max_quarantined = {1.0 if tolerant else 0.0}\nextract_date = 2024-09-30\n"
    mapping = tmp_path / f"{TOKEN}.toml"
    mapping.write_text(f'{settings}[people.extra]\ncro = "text"\n', encoding="utf-8")
    make_key_file(tmp_path / "k")
    done = run(
        "pseudonymise", tmp_path / "raw", "--key", tmp_path / "k", "--out", tmp_path / "out",
        "--mapping", mapping,
    )  # fmt: skip
    told = done.stdout + done.stderr + caplog.text
    assert_silent(told)
    assert not any(number in told for number in (ANN, BOB, CAT))
    assert (done.exit_code == 0) == (tmp_path / "out").exists()
    if done.exit_code == 0:
        written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
        surnames = [token for table in tables.values() for token in table["surname"]]
        assert not any(token + "\n" in written or f"{token}," in written for token in surnames)
    else:
        assert fault != "none"
        assert "Traceback" not in told
        assert "fault in desistance" not in told
