import dataclasses

import pytest

from desistance.balance import BalanceDesign
from desistance.cases import CaseData
from desistance.disclosure import DisclosurePolicy
from desistance.errors import FollowUpError, ModelError, PlanError
from desistance.evaluation import EvaluationPlan, evaluate, load_plan
from desistance.followup import FollowUpDesign
from desistance.synthetic import SimulationDesign, simulate_cases

WHOLE = """
title = "A pilot"
extract_date = 2024-01-31
outcomes = ["time", "rate"]
[histories]
scheme = "NOMS7"
offence_sets = ["VIOLENT"]
[follow_up]
exits_from = 2020-01-01
names = ["before", "after"]
months = 9
[hazards]
terms = []
[balance]
terms = ["age"]
ratio = 2
[disclosure]
name = "internal"
"""


def written(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_whole(tmp_path):
    plan = load_plan(written(tmp_path, WHOLE))
    assert plan.follow_up.names == ("before", "after")
    assert plan.follow_up.months == 9
    assert plan.outcomes == ("time", "rate")
    assert plan.balance.ratio == 2
    assert plan.disclosure == DisclosurePolicy("internal")
    assert plan.histories.offence_sets == ("VIOLENT",)


def test_an_empty_plan_has_the_defaults(tmp_path):
    assert load_plan(written(tmp_path, "")) == EvaluationPlan()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("titel = 'A'", "`titel` is not a setting"),
        ("[follow_up]\nmonth = 9", "`follow_up.month` is not a setting"),
        ("[follow_up]\nmonths = 'nine'", "`follow_up.months`"),
        ("[follow_up]\nclock = 'wall'", "`follow_up.clock`"),
        ("outcomes = ['luck']", "`outcomes.0`"),
        ("[disclosure]\nname = 'open_data'", "need a `reason`"),
        ("title = ", "not valid TOML"),
    ],
)
def test_a_faulty_plan_is_one_clear_error(tmp_path, text, says):
    with pytest.raises(PlanError) as caught:
        load_plan(written(tmp_path, text))
    assert says in str(caught.value)
    assert caught.value.__context__ is None or "nine" not in str(caught.value)


def test_a_missing_plan_says_where_it_looked(tmp_path):
    with pytest.raises(PlanError, match=r"There is no plan at .*nowhere\.toml"):
        load_plan(tmp_path / "nowhere.toml")


@pytest.fixture(scope="module")
def cases():
    return simulate_cases(SimulationDesign(n_people=250), rng=6)


def test_the_story_in_order(cases):
    steps = []
    found = evaluate(cases, EvaluationPlan(title="A pilot"), progress=steps.append)
    assert steps == [
        "Building histories", "Following people up", "Measuring reoffending",
        "Describing needs and support", "Fitting hazards", "Balancing the cohorts",
        "Comparing the cohorts",
    ]  # fmt: skip
    told = found.summary()
    assert told.index("Reoffending:") < told.index("Kaplan") < told.index("Cox")
    assert told.index("compared with") < told.index("Effect of joining")


def test_without_a_programme_everything_but_the_comparison_is_there(cases):
    plan = EvaluationPlan(follow_up=FollowUpDesign(joining="nothing"))
    found = evaluate(cases, plan)
    assert found.effects is None
    assert found.not_compared["step"].iloc[0] == "people who joined"
    assert "Nobody can be compared" in found.summary()
    assert found.rates.to_frame()["estimate"].notna().any()


def test_a_misspelt_term_of_the_plan_is_an_error_not_a_lost_headline(cases):
    plan = EvaluationPlan(balance=BalanceDesign(terms=("n_previuos",)))
    with pytest.raises(ModelError, match="'n_previuos' is not known"):
        evaluate(cases, plan)


def test_a_pathway_nobody_was_assessed_on_does_not_empty_the_hazard_model(cases):
    blind = cases.assessments[cases.assessments["pathway"] != "ACC"]
    names = ("people", "episodes", "offences", "custody", "residence")
    frames = {name: getattr(cases, name) for name in names} | {"assessments": blind}
    found = evaluate(
        CaseData.from_frames(frames, extract_date=cases.extract_date), EvaluationPlan()
    )
    assert found.hazards.n_events > 50
    assert "need_ACC" not in found.hazards.terms


def test_no_hazard_model_where_none_is_planned(cases):
    plan = EvaluationPlan()
    plan = dataclasses.replace(plan, hazards=dataclasses.replace(plan.hazards, terms=()))
    assert evaluate(cases, plan).hazards is None


def test_an_impossible_follow_up_is_refused_at_once():
    with pytest.raises(FollowUpError, match="two programmes"):
        FollowUpDesign(leaving="IOM", joining="IOM")
    with pytest.raises(FollowUpError, match="`clock` is one of calendar, street"):
        FollowUpDesign(clock="wall")
