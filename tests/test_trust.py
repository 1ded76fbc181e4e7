"""docs/trust.md says what the commands that write it find today."""

import pytest

from tests.estimators import ESTIMATORS
from tests.faults.inputs import INPUTS
from tests.faults.judge import GOOD
from tests.studies.design import met
from tests.studies.trials import STUDIES
from tests.trust import bad_input, relations, section, studies

# A figure that misses its goal is told on the page; which ones do is said here too.
MISSED = set()


def test_relations_and_studies_are_those_of_the_page():
    assert section("relations") == relations()
    assert section("studies") == studies()


def test_every_input_is_on_the_page_and_every_answer_a_good_one():
    lines = [line.split(" | ") for line in section("bad input").splitlines() if line[:2] == "| "]
    rows = {int(line[0].strip("| ")): line for line in lines[2:]}
    assert [rows[bad.number][1] for bad in INPUTS] == [bad.what for bad in INPUTS]
    assert {code for row in rows.values() for cell in row[2:] for code in cell.strip("| ").split()}
    codes = " ".join(" ".join(row[2:]) for row in rows.values()).replace("|", " ").split()
    assert set(codes) <= set(GOOD)
    assert f"of {len(ESTIMATORS)} estimators" in section("bad input")


@pytest.mark.slow
def test_answers_to_bad_input_are_those_of_the_page():
    assert section("bad input") == bad_input()


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: str(study.number))
def test_studies_meet_their_goals_but_for_those_said(study):
    found = study.recorded()
    assert found["replicates"] == study.replicates
    missed = {
        (study.number, scenario, goal.measure)
        for scenario, choices in study.scenarios.items()
        for goal in study.goals(**choices)
        if not met(goal, found["scenarios"][scenario][goal.measure])
    }
    assert missed == {one for one in MISSED if one[0] == study.number}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: str(study.number))
def test_a_replicate_run_alone_is_the_one_recorded(study):
    for scenario, kept in study.recorded()["scenarios"].items():
        again, first = study.one(scenario, 0), kept["first replicate"]
        assert again.keys() == first.keys()
        for name, value in again.items():
            assert value == pytest.approx(first[name], rel=1e-6, abs=1e-9, nan_ok=True)
