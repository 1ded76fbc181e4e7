"""Faulty rows of police and probation extracts: each one's fate is fixed beforehand.

The numbers are those of the list of 44 faults the library was designed against. Not here: 15 to 19,
22, 24, 25 and 44 (whole files, in test_files.py); 3 and 4 (PNC, CRO and other identifiers never
reach these tables); 29 to 33, 36, 39 and 42 (rules of time and of comparison, in `followup` and
above); 43 (needs two extracts).
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from casefiles import (
    EXTRACT,
    TOKEN,
    TOLERANT,
    added,
    assert_silent,
    changed,
    checked,
    clean,
    fates,
)
from desistance import CaseData
from desistance.errors import DataError
from desistance.schemas import TABLES

ANN, BOB, CAT, DAN = (f"{TOKEN}-{name}" for name in ("ann", "bob", "cat", "dan"))
NEW = {"crime_ref": f"{TOKEN}-9"}

# Number of the fault; table; cells of one row added to the clean ones, which otherwise repeats the
# first; rule; fate. `@` stands for the token of an id.
ADDED_ROWS = """
1       | people      | same_row                 | merged      |
1       | offences    | same_row                 | merged      |
5       | people      | empty_cell               | quarantined | person_id=
5       | offences    | empty_cell               | quarantined | person_id=
6       | people      | number_as_text           | quarantined | person_id=1.23457E+11
7       | people      | placeholder_date         | quarantined | person_id=@dan; birth_month=01/01/1900
7       | offences    | placeholder_date         | quarantined | crime_ref=@9; offence_date=30/12/1899
7       | offences    | placeholder_date         | quarantined | crime_ref=@9; offence_date=01/01/1970
7       | offences    | placeholder_date         | quarantined | crime_ref=@9; offence_date=01/01/1753
8       | offences    | no_end_here              | quarantined | crime_ref=@9; offence_date=31/12/9999
8       | custody     | no_end                   | repaired    | person_id=@cat; out_date=31/12/9999
8       | custody     | no_end                   | repaired    | person_id=@cat; out_date=31/12/2999
9       | offences    | impossible_date          | quarantined | crime_ref=@9; offence_date=04/13/2021
9       | offences    | misformatted_date        | quarantined | crime_ref=@9; offence_date=Easter
10      | offences    | misformatted_date        | quarantined | crime_ref=@9; offence_date=16/03/21
11      | offences    | bare_number              | quarantined | crime_ref=@9; offence_date=44291
12      | offences    | impossible_date          | quarantined | crime_ref=@9; offence_date=29/02/2023
12      | offences    | impossible_date          | quarantined | crime_ref=@9; offence_date=00/00/2020
12      | offences    | impossible_date          | quarantined | crime_ref=@9; offence_date=31/09/2020
14      | offences    | time_dropped             | repaired    | crime_ref=@9; offence_date=16/03/2021 13:05
21      | offences    | totals_row               | quarantined | person_id=Grand total
21      | offences    | totals_row               | quarantined | person_id=; crime_ref=Records: 123
23      | offences    | broken_cell              | quarantined | crime_ref=@9; outcome=#REF!
26      | offences    | under_ten                | quarantined | crime_ref=@9; offence_date=30/04/2000
26      | custody     | before_birth             | quarantined | in_date=30/04/1990
26      | people      | after_extract            | quarantined | person_id=@dan; birth_month=01/03/2031
27      | people      | too_old                  | quarantined | person_id=@dan; birth_month=01/01/1912
28      | offences    | after_death              | quarantined | crime_ref=@9; person_id=@bob; offence_date=14/02/2024; recorded_date=; outcome_date=; outcome=charged
28      | support     | after_death              | quarantined | person_id=@bob; contact_date=14/02/2024
34      | offences    | unknown_code             | quarantined | crime_ref=@9; outcome=disposed
35      | offences    | outcome_before_offence   | quarantined | crime_ref=@9; outcome_date=15/03/2021
35      | offences    | recorded_before_offence  | quarantined | crime_ref=@9; recorded_date=15/03/2021
35      | offences    | outcome_before_recorded  | warned      | crime_ref=@9; recorded_date=19/06/2021
35      | offences    | proven_without_date      | warned      | crime_ref=@9; outcome_date=
35      | offences    | empty_cell               | quarantined | crime_ref=@9; offence_date=
37      | custody     | end_before_start         | quarantined | in_date=19/06/2021; out_date=18/06/2021
37      | custody     | overlapping_spells       | warned      | in_date=19/08/2021; out_date=21/08/2021
38      | custody     | not_yet                  | repaired    | person_id=@cat; out_date=01/01/2030
40      | episodes    | overlapping_episodes     | warned      | start_date=01/12/2020; programme=NOM
41      | assessments | score_out_of_range       | quarantined | pathway=ETE; score=99
41      | assessments | score_out_of_range       | quarantined | pathway=ETE; score=-1
41      | assessments | not_a_number             | quarantined | pathway=ETE; score=7 of 10
41      | assessments | score_and_reason         | quarantined | pathway=ETE; missing_reason=refused
41      | assessments | neither_score_nor_reason | warned      | pathway=ETE; score=
41      | assessments | score_without_range      | warned      | pathway=ETE; score_max=
41      | assessments | range_reversed           | quarantined | pathway=ETE; score_min=11; score=
41      | residence   | not_a_flag               | quarantined | from_date=13/06/2019; to_date=13/07/2019; in_area=perhaps
dates   | offences    | after_extract            | quarantined | crime_ref=@9; offence_date=30/10/2024; recorded_date=; outcome_date=
dates   | residence   | end_before_start         | quarantined | from_date=13/06/2018; to_date=12/06/2018
dates   | residence   | overlapping_stays        | warned      | from_date=14/06/2022; to_date=15/06/2022
dates   | episodes    | end_before_start         | quarantined | programme=NOM; end_date=12/01/2020
dates   | people      | death_before_birth       | quarantined | person_id=@dan; death_date=01/04/1990
dates   | extract     | complete_after_extract   | quarantined | source=x; complete_to=01/10/2024
keys    | offences    | unknown_person           | quarantined | crime_ref=@9; person_id=@dan
keys    | episodes    | unknown_area             | warned      | area_id=@moon; programme=NOM; start_date=13/01/2018; end_date=13/02/2018
codes   | offences    | offence_code_form        | quarantined | crime_ref=@9; offence_code=28
custody | offences    | offence_inside           | warned      | crime_ref=@9; offence_date=21/06/2021; recorded_date=; outcome_date=22/07/2021
needs   | assessments | far_from_episode         | warned      | assessed_date=01/01/2018
needs   | assessments | items_missing            | warned      | pathway=ETE; n_items_missing=2
44      | action_log  | note_identifies          | quarantined | note_id=3; note=born 01/02/1990
44      | action_log  | note_identifies          | quarantined | note_id=3; note=call 07700 900123
44      | action_log  | note_identifies          | quarantined | note_id=3; note=moved to LE1 6ZG
44      | action_log  | note_identifies          | quarantined | note_id=3; note=seen as 1999/123456A
44      | action_log  | note_names               | quarantined | note_id=3; note=Visit @ANN, soon
44      | action_log  | unknown_code             | quarantined | note_id=3; status=perhaps
44      | action_log  | empty_cell               | quarantined | note_id=3; note=
areas   | areas       | -                        | -           | area_id=@west
"""  # noqa: E501


def added_rows():
    for line in ADDED_ROWS.strip().splitlines():
        fault, table, rule, fate, cells = (part.strip() for part in line.split("|"))
        overwrite = dict(
            cell.split("=") for cell in cells.replace("@", f"{TOKEN}-").split("; ") if cell
        )
        yield pytest.param(table, overwrite, rule, fate, id=f"{fault}-{table}-{cells}")


def test_the_clean_tables_have_nothing_to_find():
    cases = checked(clean())
    assert cases.quality.faults.empty
    assert cases.quality.accounting["n_quarantined"].sum() == 0


@pytest.mark.parametrize(("table", "cells", "rule", "fate"), list(added_rows()))
def test_a_faulty_row_meets_its_fate_and_no_other_row_does(table, cells, rule, fate):
    tables = added(table, **cells)
    cases = checked(tables)
    line = len(tables[table]) + 1
    found = cases.quality.faults.query("table == @table and fate != 'warned' or rule == @rule")
    expected = [] if rule == "-" else [(rule, fate, table, line)]
    assert [
        *zip(found["rule"], found["fate"], found["table"], found["line"], strict=True)
    ] == expected
    for other in TABLES:
        kept = other.name == table and fate in ("warned", "repaired", "-")
        assert len(getattr(cases, other.name)) == len(clean()[other.name]) + kept, other.name
    total = cases.quality.accounting.set_index("table").loc[table]
    assert total.n_quarantined == (fate == "quarantined")
    assert total.n_merged == (fate == "merged")
    assert_silent(cases.quality.summary() + cases.quality.faults.to_csv() + repr(cases))


@pytest.mark.parametrize("note", ["x" * 281, "first line\nsecond line"])
def test_44_a_note_is_one_short_line(note):
    cases = checked(added("action_log", note_id="3", note=note))
    assert fates(cases, "action_log") == [("note_too_long", "quarantined")]
    assert len(cases.action_log) == 2


def test_2_copies_of_a_person_that_differ_are_all_left_out_with_their_rows():
    cases = checked(added("people", sex="M"))
    assert list(cases.people["person_id"]) == [BOB, CAT]
    assert fates(cases, "people") == [("same_key", "quarantined")] * 2
    assert set(fates(cases, "offences")) == {("person_quarantined", "quarantined")}
    assert ANN not in set(cases.episodes["person_id"]) | set(cases.assessments["person_id"])


def test_rows_with_part_of_their_key_empty_are_not_taken_for_copies():
    tables = added("offences", crime_ref="", outcome="nfa")
    tables["offences"].loc[0, "crime_ref"] = ""
    assert len(checked(tables).offences) == 4


def test_38_two_open_episodes_of_one_programme_are_both_left_out():
    cases = checked(added("episodes", programme="7PP", start_date="13/02/2022", end_date=""))
    assert fates(cases, "episodes") == [("several_open", "quarantined")] * 2
    assert "7PP" not in set(cases.episodes["programme"])


@pytest.mark.parametrize("programme_start", ["12/01/2021", "13/01/2021"])
def test_an_area_goes_live_before_its_first_start(programme_start):
    tables = changed("episodes", 2, start_date=programme_start)
    tables["episodes"].loc[0, "end_date"] = programme_start
    early = programme_start == "12/01/2021"
    assert fates(checked(tables), "areas") == [("live_too_late", "warned")] * early


def test_28_the_person_who_offends_after_death_is_warned_of():
    tables = added("offences", **NEW, person_id=BOB, offence_date="14/02/2024", recorded_date="",
                   outcome_date="", outcome="charged")  # fmt: skip
    cases = checked(tables)
    assert fates(cases, "people") == [("busy_after_death", "warned")]
    assert BOB in set(cases.people["person_id"])


def test_8_and_38_open_ends_are_empty():
    assert (
        checked(added("custody", person_id=CAT, out_date="31/12/9999"))
        .custody["out_date"]
        .isna()
        .sum()
        == 2
    )
    assert (
        checked(added("custody", person_id=CAT, out_date="01/01/2030"))
        .custody["out_date"]
        .isna()
        .sum()
        == 2
    )


def test_37_spells_that_touch_are_apart():
    cases = checked(added("custody", in_date="20/08/2021", out_date="21/08/2021"))
    assert fates(cases, "custody") == []


def test_an_offence_inside_a_long_spell_that_holds_a_short_one():
    tables = added("custody", in_date="21/06/2021", out_date="22/06/2021", kind="recall")
    tables["offences"].loc[0, ["offence_date", "recorded_date", "outcome_date"]] = [
        "25/06/2021",
        "",
        "26/06/2021",
    ]
    assert ("offence_inside", "warned") in fates(checked(tables), "offences")
    tables["offences"].loc[0, "in_custody"] = "yes"
    assert fates(checked(tables), "offences") == []


@pytest.mark.parametrize("day", ["20/06/2021", "20/08/2021"])
def test_the_days_of_going_in_and_coming_out_are_not_inside(day):
    cases = checked(
        changed("offences", 0, offence_date=day, recorded_date="", outcome_date="01/09/2021")
    )
    assert fates(cases, "offences") == []


def test_10_years_of_two_digits_are_never_after_the_extract():
    tables = changed("people", 0, birth_month="01/05/68")
    tables["people"]["birth_month"] = ["01/05/68", "01/05/85", "01/05/79"]
    tables["offences"] = tables["offences"].iloc[:0]
    cases = checked(tables, people={"dates": {"birth_month": "%d/%m/%y"}})
    assert list(cases.people["birth_month"].dt.year) == [1968, 1985, 1979]


def test_11_a_declared_serial_number_is_a_date():
    tables = changed("offences", 0, offence_date="44271")  # 16 March 2021
    cases = checked(tables, offences={"dates": {"offence_date": "excel-serial"}, "columns": {}})
    assert fates(cases, "offences") == [("misformatted_date", "quarantined")] * 2
    assert list(cases.offences["offence_date"]) == [pd.Timestamp("2021-03-16")]


def test_13_midnight_in_utc_is_the_day_of_british_summer_time():
    tables = clean()
    tables["offences"]["recorded_date"] = [
        "2021-06-01 23:00:00Z",
        "2021-06-02T00:30:00+01:00",
        "2021-12-01 23:59:00+00:00",
    ]
    tables["offences"]["outcome_date"] = ""
    recorded = checked(tables).offences["recorded_date"]
    assert [f"{day:%d/%m}" for day in recorded] == ["02/06", "02/06", "01/12"]


def test_13_times_with_and_without_a_zone_are_not_mixed():
    tables = changed("offences", 0, recorded_date="2021-06-01 23:00:00Z")
    with pytest.raises(DataError, match=r"1 cell of `recorded_date` \(line 2\) have a time zone"):
        checked(tables)


def test_9_a_column_in_another_format_stops_the_load():
    tables = clean()
    tables["offences"]["offence_date"] = ["16.03.2021", "16.04.2021", "16.05.2021"]
    with pytest.raises(DataError, match=r"3 cells of `offence_date` \(lines 2, 3, 4\).*'%d/%m/%Y'"):
        CaseData.from_frames(tables)


def test_9_a_long_column_without_a_day_after_the_12th_is_warned_of():
    tables = clean()
    rows = tables["support"].loc[[0] * 40]
    rows["contact_date"] = [f"{1 + n % 12:02d}/{1 + n // 12:02d}/2021" for n in range(40)]
    tables["support"] = rows
    late = rows.assign(contact_date=[f"{13 + n % 12:02d}/0{2 + n // 12}/2021" for n in range(40)])
    assert ("day_or_month", "warned") in fates(checked(tables), "support")
    assert fates(checked({**tables, "support": late}), "support") == []


def test_20_surnames_that_look_empty_are_text():
    tables = clean()
    tables["people"]["ethnicity"] = ["NA", "None", "nan"]
    assert list(checked(tables).people["ethnicity"]) == ["NA", "None", "nan"]
    cases = checked(tables, people={"missing": {"ethnicity": ["NA"]}})
    assert list(cases.people["ethnicity"].isna()) == [True, False, False]


@pytest.mark.parametrize(("n_rows", "found"), [("3", []), ("5", [("rows_missing", "warned")])])
def test_the_rows_that_came_are_compared_with_the_rows_sent(n_rows, found):
    assert fates(checked(changed("extract", 1, n_rows=n_rows)), "offences") == found


def test_a_day_of_birth_is_not_kept():
    cases = checked(changed("people", 0, birth_month="23/05/1990"))
    assert cases.people["birth_month"].iloc[0] == pd.Timestamp("1990-05-01")
    assert fates(cases, "people") == [("day_dropped", "repaired")]


def test_spaces_and_capitals_are_put_right():
    cases = checked(changed("people", 0, sex=" f ", person_id=f" {ANN}"))
    assert cases.people["sex"].iloc[0] == "F"
    assert fates(cases, "people") == [("tidied", "repaired")] * 2


def test_too_many_rows_in_quarantine_stop_the_load():
    tables = added("offences", **NEW, outcome="disposed")
    with pytest.raises(DataError, match=r"1 of 4 rows - outcome: .*, 1 row \(line 5\)") as caught:
        CaseData.from_frames(tables)
    assert_silent(str(caught.value))
    assert len(CaseData.from_frames(tables, mapping={"max_quarantined": 0.25}).offences) == 3


texts = st.sampled_from([
    "", "Total", ANN, BOB, DAN, "01/01/1970", "16/03/2021", "2021-03-16", "31/12/9999", "99", "F",
    "yes", "convicted", "028/01", "7", "#N/A", "nonsense", "29/02/2023", "1E+5"])  # fmt: skip


@given(st.sampled_from(TABLES), st.lists(st.lists(texts, min_size=12, max_size=12), max_size=8))
def test_every_row_is_used_in_quarantine_or_merged_whatever_it_holds(table, rows):
    tables = clean()
    names = [column.name for column in table.columns]
    wild = pd.DataFrame([row[: len(names)] for row in rows], columns=names, dtype=str)
    tables[table.name] = pd.concat([tables[table.name], wild], ignore_index=True).fillna("")
    cases = CaseData.from_frames(tables, mapping=TOLERANT, extract_date=EXTRACT)
    accounting = cases.quality.to_frame().set_index("table")
    for other in TABLES:
        counts = accounting.loc[other.name]
        assert counts.n_in == len(tables[other.name])
        assert counts.n_in == counts.n_used + counts.n_quarantined + counts.n_merged
        assert counts.n_used == len(getattr(cases, other.name))
    lines = cases.quality.faults.query("fate == 'quarantined'")[["table", "line"]].drop_duplicates()
    assert len(lines) == accounting["n_quarantined"].sum()


@given(seed=st.integers(0, 2**16))
def test_the_order_of_rows_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    tables = added("people", person_id=DAN, sex="9")
    tables["people"] = pd.concat([tables["people"], tables["people"].iloc[:2]])
    shuffled = {name: table.iloc[rng.permutation(len(table))] for name, table in tables.items()}
    one, two = checked(tables), checked(shuffled)
    for table in TABLES:
        assert_frame_equal(getattr(one, table.name), getattr(two, table.name))
    assert_frame_equal(one.quality.accounting, two.quality.accounting)


def test_35_checking_what_was_checked_changes_nothing():
    once = checked(added("custody", person_id=CAT, out_date="31/12/9999"))
    tables = {table.name: getattr(once, table.name) for table in TABLES}
    twice = CaseData.from_frames(tables, extract_date=once.extract_date)
    for table in TABLES:
        assert_frame_equal(getattr(twice, table.name), tables[table.name])
    assert twice.quality.accounting["n_quarantined"].sum() == 0
