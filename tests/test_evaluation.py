import dataclasses
import re
from datetime import date
from pathlib import Path

import pytest

from desistance.balance import BalanceDesign, CalendarRules, Comparator
from desistance.cases import CaseData
from desistance.comparison import ExternalRate, SensitivityDesign
from desistance.comparison.exploratory import effects_by_dose, effects_by_need
from desistance.comparison.timing import compare_over_time
from desistance.disclosure import DisclosurePolicy
from desistance.errors import FollowUpError, ModelError, NoOverlapError, PlanError
from desistance.evaluation import (
    EvaluationPlan,
    ExploratoryDesign,
    MissingDesign,
    TargetTrial,
    TimingDesign,
    evaluate,
    load_plan,
)
from desistance.evaluation.plan import HazardDesign
from desistance.followup import FollowUpDesign
from desistance.imputation import impute_needs
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
        ("outcomes = []", "one effect or more"),
        ("outcomes = ['rate', 'rate']", "each once"),
        ("offence_sets = ['ANY_RECORDABLE']", "others than that of the follow-up"),
        ("[disclosure]\nname = 'open_data'", "need a `reason`"),
        ("[target_trial]\neligibility = 'All'", "`target_trial.strategies`"),
        ("[target_trial]\nclock = 'wall'", "`target_trial.clock` is not a setting"),
        ("[balance.comparator]\nletters = 'A'", "`balance.comparator.letters` is not a setting"),
        ("[balance.comparator.calendar]\nseason = 1", "`balance.comparator.calendar.season` is"),
        ("comparators = ['A', 'A']", "each once"),
        ("comparators = ['E']", "needs an `external` rate"),
        ("comparators = ['Q']", "`comparators.0`"),
        ("cohorts = ['moon']", "`cohorts.0`"),
        ("[external]\nrate = 35.2\nsource = ' '", "has a `source`"),
        ("[sensitivity]\nareas = 'some'", "`sensitivity.areas`"),
        ("[sensitivity]\narea = true", "`sensitivity.area` is not a setting (there are outcome,"),
        ("[missing]\ncopies = 1", "2 or more"),
        ("[timing]\ndesigns = ['sundial']", "`timing.designs.0`"),
        ("[exploratory]\nneeds = false\ndose = false", "`needs`, `dose` or both"),
        ("[exploratory]\nbands = [4, 2]", "ascending"),
        ("[exploratory]\nhorizon = 9", "`exploratory.horizon` is not a setting (there are needs,"),
        ("[timing]\ndesigns = ['landmark', 'landmark']", "each once"),
        (
            "[timing]\nlandmark_days = 0",
            "`timing` cannot be used: Months, windows and the landmark",
        ),
        ("[timing]\nlandmark = 30", "`timing.landmark` is not a setting (there are designs,"),
        ("[missing]\ndeltas = []", "one shift or more"),
        ("[missing]\ncopy = 5", "`missing.copy` is not a setting (there are copies,"),
        ("[missing]\n[hazards]\nterms = []", "fills in terms of `hazards`"),
        ("title = ", "not valid TOML"),
    ],
)
def test_a_faulty_plan_is_one_clear_error(tmp_path, text, says):
    with pytest.raises(PlanError) as caught:
        load_plan(written(tmp_path, text))
    assert says in str(caught.value)
    assert caught.value.__context__ is None or "nine" not in str(caught.value)


def test_the_page_of_the_plan_lists_every_setting():
    page = (Path(__file__).parents[1] / "docs/plan.md").read_text(encoding="utf-8")
    table = page[page.index("| setting |") : page.index("## Outcomes")]
    named = set(re.findall(r"`\[{0,2}(\w+)\]{0,2}`", table))
    assert {setting.name for setting in dataclasses.fields(EvaluationPlan)} <= named


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


def test_where_no_weights_make_cohorts_alike_the_rest_is_there(cases, monkeypatch):
    def apart(*_):
        raise NoOverlapError("On some mix of the terms they do not overlap.")

    monkeypatch.setattr("desistance.evaluation.evaluation.balance_cohorts", apart)
    found = evaluate(cases, EvaluationPlan(balance=BalanceDesign(way="entropy")))
    assert found.effects is None
    assert found.not_compared["n_remaining"].iloc[-1] == 0
    assert found.not_compared["n_left_out"].iloc[-1] == found.not_compared["n_remaining"].iloc[-2]
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


TRIAL = """
[target_trial]
eligibility = "Adults who leave IOM"
strategies = "An offer, or none"
assignment = "By lot"
time_zero = "The day of leaving"
outcome = "A proven reoffence"
contrast = "Of the offer"
analysis = "A difference in shares"
"""


def test_the_target_trial_stands_beside_its_emulation(tmp_path):
    plan = load_plan(written(tmp_path, TRIAL + "[follow_up]\nexits_from = 2020-10-01\nmonths = 9"))
    table = plan.trial_table().set_index("item")
    assert len(table) == 7
    assert table["target_trial"].tolist() == list(dataclasses.asdict(plan.target_trial).values())
    assert "on or after 1 October 2020" in table.loc["Eligibility", "emulation"]
    assert "within 9 months" in table.loc["Outcome", "emulation"]
    for shown in (plan._repr_html_(), plan.target_trial._repr_html_()):
        assert "An offer, or none" in shown
        assert 'scope="row"' in shown
    without = EvaluationPlan().trial_table()
    assert (without["target_trial"] == "not stated in the plan").all()


def test_an_empty_item_of_the_trial_is_named():
    with pytest.raises(PlanError, match="says nothing of assignment, analysis"):
        TargetTrial("a", "b", " ", "c", "d", "e", "")


LEAVING_OTHERWISE = {  # every choice that makes the emulation, and the item it stands in
    "Eligibility": (
        {"leaving": "X"}, {"joining": "X"}, {"exits_from": date(2020, 1, 1)},
        {"exits_to": date(2022, 1, 1)}, {"min_age": 21}, {"min_age": 0}, {"seen_everywhere": True},
    ),
    "Outcome": (
        {"offence_set": "VIOLENT"}, {"months": 6}, {"waiting_months": 3}, {"clock": "street"},
    ),
    "Time zero": ({"time_zero": "own start"}, {"exposure": "ever"}),
}  # fmt: skip
PLANNED_OTHERWISE = {
    "Strategies": (
        {"comparators": ("A",)}, {"balance": BalanceDesign(comparator=Comparator("C"))},
    ),
    "Assignment": (
        {"balance": BalanceDesign(terms=("age",))}, {"balance": BalanceDesign(exact=("sex",))},
    ),
    "Contrast": (
        {"until_joining": True}, {"outcomes": ("time",)},
        {"outcomes": ("rmst", "severity", "incidence")}, {"offence_sets": ("VIOLENT",)},
    ),
    "Analysis": (
        {"balance": BalanceDesign(caliper=0.1)}, {"balance": BalanceDesign(ratio=3)},
        {"balance": BalanceDesign(propensity="logistic")},
        {"balance": BalanceDesign(way="entropy")},
        {"comparators": ("A",)}, {"comparators": ("A",), "comparators_way": "entropy"},
        {"cohorts": ("tier",)}, {"cohorts": ("tier",), "cohorts_way": "match"},
        {"missing": MissingDesign()}, {"missing": MissingDesign(copies=9)},
        {"missing": MissingDesign(seed=1)}, {"missing": MissingDesign(tipping="exposed")},
        {"timing": TimingDesign()}, {"timing": TimingDesign(("landmark",))},
        {"exploratory": ExploratoryDesign()}, {"exploratory": ExploratoryDesign(dose=False)},
        {"timing": TimingDesign(("landmark",), landmark_days=30)},
        {"sensitivity": SensitivityDesign()}, {"sensitivity": SensitivityDesign(outcome="time")},
    ),
}  # fmt: skip


def test_a_term_that_must_agree_too_is_told_once():
    plan = EvaluationPlan(balance=BalanceDesign(terms=("age", "tier"), exact=("tier",)))
    told = plan.trial_table().set_index("item").loc["Assignment", "emulation"]
    assert told.endswith("given age, tier; the same tier in a match.")


def test_the_emulation_cannot_drift_from_the_settings():
    plain = EvaluationPlan()

    def words(plan, item):
        return plan.trial_table().set_index("item").loc[item, "emulation"]

    for item, settings in LEAVING_OTHERWISE.items():
        for setting in settings:
            follow = dataclasses.replace(plain.follow_up, **setting)
            assert words(dataclasses.replace(plain, follow_up=follow), item) != words(plain, item)
    for item, settings in PLANNED_OTHERWISE.items():
        said = [words(dataclasses.replace(plain, **setting), item) for setting in settings]
        assert len({*said, words(plain, item)}) == len(said) + 1, item
    proven = dataclasses.replace(plain.histories, proven_by=("convicted",))
    assert words(dataclasses.replace(plain, histories=proven), "Outcome") != words(plain, "Outcome")


def test_every_outcome_and_offence_set_of_the_plan_is_compared(cases):
    plan = EvaluationPlan(
        outcomes=("rmst", "severity", "incidence"), offence_sets=("SAC_HMICFRS2022",),
        comparators=("A",), cohorts=("tier",), balance=BalanceDesign(terms=("age",)),
    )  # fmt: skip
    found = evaluate(cases, plan)
    sets = found.effects.frame.groupby("offence_set")["outcome"].nunique()
    assert (sets >= 3).all()
    assert list(sets.index) == ["ANY_RECORDABLE", "SAC_HMICFRS2022"]
    assert "days without reoffending" in found.effects.sentence
    beside = {"difference in days without reoffending"}  # none of the first three is planned
    assert beside < set(found.triangulation.frame["outcome"])
    assert beside < set(found.cohorts[0].frame["outcome"])
    assert EvaluationPlan(outcomes=("rmst", "time")).main_outcomes == ("time",)


FILLED = MissingDesign(copies=3, cycles=3, seed=5, using=("n_sanctions",), tipping="need_SUB",
                       among=None, deltas=(-4, 4))  # fmt: skip


def test_missing_needs_are_filled_in_as_the_library_does(cases):
    plan = EvaluationPlan(
        hazards=HazardDesign(("exposed", "need_SUB"), "breslow", "model"), missing=FILLED,
        balance=BalanceDesign(terms=("age",)),
    )  # fmt: skip
    steps = []
    found = evaluate(cases, plan, progress=steps.append)
    assert "Filling in missing needs" in steps
    terms = ["exposed", "need_SUB"]
    copies = impute_needs(found.followed, [*terms, "n_sanctions"], copies=3, cycles=3, rng=5)
    pooled = copies.fit_cox(terms, ties="breslow", variance="model")
    assert found.missing.pooled.to_frame().equals(pooled.to_frame())
    assert found.missing.pooled.fits[0].n_people > found.hazards.n_people  # of complete cases
    assert found.missing.tipping.frame["delta"].tolist() == [-4, 0, 4]
    told = found.summary()
    assert told.index("completed copies of") < told.index("Effect of joining, on")


def test_where_no_need_is_missing_nothing_tips(cases):
    plan = EvaluationPlan(
        hazards=HazardDesign(("exposed", "n_previous")), missing=FILLED,
        balance=BalanceDesign(terms=("age",)),
    )  # fmt: skip
    found = evaluate(
        cases, dataclasses.replace(plan, missing=MissingDesign(2, 2, tipping="exposed"))
    )
    assert found.missing.tipping is None
    assert found.missing.pooled.to_frame()["estimate"].to_numpy() == pytest.approx(
        found.hazards.to_frame()["estimate"].to_numpy()
    )


ONE_CHECK = SensitivityDesign(
    days_left_out=(30,), months=(), waiting_months=(), offence_sets=(), unfair_time_zeros=False,
    later_joiners=False, areas=False, detection=False, negative_control=None,
)  # fmt: skip


@pytest.mark.parametrize("way", ["match", "entropy"])
def test_the_comparison_of_the_plan_is_what_is_stressed(cases, way):
    steps = []
    plan = EvaluationPlan(balance=BalanceDesign(terms=("age",), way=way), sensitivity=ONE_CHECK)
    found = evaluate(cases, plan, progress=steps.append)
    assert steps[-1].startswith("Stress-testing: ")
    assert "Stress-testing: first days left out: 30 days" in steps
    assert found.stress.planned["estimate"] == found.effects.effect("rate")["estimate"]
    assert found.stress.basis[0] == found.effects.rests_on("rate")
    assert ("caliper" in set(found.stress.frame["group"])) == (way == "match")
    assert "Stress test of the difference" in found.summary()


@pytest.mark.parametrize("clock", ["calendar", "street"])
def test_designs_of_time_are_those_of_the_library(cases, clock):
    design = TimingDesign(("landmark", "risk-set"), landmark_days=60)
    plan = EvaluationPlan(
        follow_up=FollowUpDesign(clock=clock), balance=BalanceDesign(terms=("age",)), timing=design
    )
    steps = []
    found = evaluate(cases, plan, progress=steps.append)
    assert steps[-1] == "Comparing by designs of time"
    landmark = compare_over_time(found.followed, "landmark", landmark_days=60, terms=["age"])
    assert found.timing.compared.results[0].to_frame().equals(landmark.to_frame())
    own = found.timing.compared.results[1].effect("time")["estimate"]
    assert own == pytest.approx(found.effects.effect("time")["estimate"], abs=1e-9)
    assert not found.timing.immortal.found
    told = found.summary()
    assert told.index("Effect of joining, on") < told.index("Immortal time: no time before joining")


def test_what_is_explored_is_what_the_library_explores(cases):
    plan = EvaluationPlan(
        balance=BalanceDesign(terms=("age",)),
        exploratory=ExploratoryDesign(bands=(3,), landmark=30, dose_bands=(2,)),
    )  # fmt: skip
    steps = []
    found = evaluate(cases, plan, progress=steps.append)
    assert steps[-1] == "Exploring for whom joining does more"
    by_need, by_dose = found.explored
    own = effects_by_need(found.followed, found.balanced, bands=(3,))
    assert by_need.to_frame().equals(own.to_frame())
    own = effects_by_dose(found.followed, found.balanced, landmark=30, bands=(2,))
    assert by_dose.to_frame().equals(own.to_frame())
    for one in found.explored:
        for row, on in zip(one.to_frame().itertuples(), one.basis, strict=True):
            # Groups share people who are compared more than once.
            assert row.n <= sum(on.n_people.values())
            assert len(on.n_people) == (4 if row.group == "with against without" else
                                        1 if row.group == "per further contact" else 2)  # fmt: skip
    without = dataclasses.replace(cases, support=cases.support.iloc[:0])
    assert len(evaluate(without, plan).explored) == 1


def test_other_designs_and_cohorts_are_run_where_the_plan_asks(cases):
    steps = []
    plan = EvaluationPlan(
        comparators=("A", "E"), external=ExternalRate(35.2, "a published rate"),
        cohorts=("tier",), calendar=CalendarRules(concurrent_months=12),
        balance=BalanceDesign(terms=("age",)), outcomes=("frequency",),
    )  # fmt: skip
    found = evaluate(cases, plan, progress=steps.append)
    assert steps[-2:] == ["Comparing under other designs", "Comparing by cohort"]
    assert list(found.triangulation.found) == ["A", "E"]
    assert [told.by for told in found.cohorts] == ["tier"]
    told = found.summary()
    assert told.index("Effect of joining, on") < told.index("2 comparator designs side by side")
    plain = evaluate(cases, dataclasses.replace(plan, comparators=(), cohorts=()))
    assert plain.triangulation is None
    assert plain.cohorts == ()
    # Asking for more moves no number of the main comparison.
    assert plain.effects.frame.equals(found.effects.frame)
