"""The stress test: each row is the whole evaluation again with one change, done by hand here."""

from dataclasses import fields, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from desistance import (
    BalanceDesign,
    FollowUpDesign,
    SensitivityDesign,
    SimulationDesign,
    balance_cohorts,
    build_histories,
    compare_cohorts,
    estimate_propensity,
    follow_up,
    simulate_cases,
    stress_test,
    weigh_cohorts,
)
from desistance.errors import ModelError
from desistance.followup.rules import Reoffences
from desistance.histories.days import NEVER

FEW = BalanceDesign(terms=("age", "n_previous", "months_since_offence"), propensity="logistic")
NOTHING = SensitivityDesign(
    unfair_time_zeros=False, days_left_out=(), months=(), waiting_months=(), clocks=(),
    offence_sets=(), later_joiners=False, calipers=(), ratios=(), areas=False, detection=False,
    negative_control=None,
)  # fmt: skip
SPAN = (date(2021, 1, 1), date(2021, 3, 31))
EFFECT = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]


@pytest.fixture(scope="module")
def pilot():
    """A pilot that cuts offending to a quarter, and finds more of it by visiting."""
    design = SimulationDesign(
        n_people=280, n_areas=3, n_live_areas=2, effect=0.25, proactive_per_year=0.6,
        last_exit=date(2022, 9, 30),
    )  # fmt: skip
    cases = simulate_cases(design, rng=8)
    followed = follow_up(cases, build_histories(cases))
    return cases, followed, balance_cohorts(followed, FEW)


@pytest.fixture(scope="module")
def stressed(pilot):
    design = SensitivityDesign(exits_left_out=(SPAN,), negative_control="VIOLENT")
    return stress_test(*pilot[1:], design, balance=FEW)


def row_of(stressed, group, term):
    frame = stressed.to_frame()
    rows = frame[(frame["group"] == group) & (frame["term"] == term)]
    assert len(rows) == 1, (group, term, frame["term"].tolist())
    return rows.iloc[0]


def assert_same(row, compared, outcome="rate"):
    expected = compared.effect(outcome)[EFFECT].to_numpy(float)
    assert row[EFFECT].to_numpy(float) == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(expected).all()


def by_hand(followed, balance=FEW, **options):
    return compare_cohorts(followed, balance_cohorts(followed, balance), ("rate",), **options)


@pytest.mark.parametrize(
    ("group", "term", "changed"),
    [("waiting period", "3 months", {"waiting_months": 3}),
     ("length of follow-up", "18 months", {"months": 18}),
     ("offence set", "SAC_HO2008", {"offence_set": "SAC_HO2008"}),
     ("negative control", "VIOLENT", {"offence_set": "VIOLENT"}),
     ("time zero", "own start", {"time_zero": "own start"})],
)  # fmt: skip
def test_a_changed_follow_up_is_the_evaluation_again(pilot, stressed, group, term, changed):
    cases, followed, _ = pilot
    design = FollowUpDesign(**changed)
    again = follow_up(cases, followed.histories, design, acknowledge_bias=True)
    assert_same(row_of(stressed, group, term), by_hand(again))


@pytest.mark.parametrize(
    ("group", "term", "changed"),
    [("caliper", "0.1 SD", {"caliper": 0.1}), ("matches for each", "5", {"ratio": 5})],
)
def test_another_balance_is_balanced_again(pilot, stressed, group, term, changed):
    assert_same(row_of(stressed, group, term), by_hand(pilot[1], replace(FEW, **changed)))


def test_the_clock_changes_the_hazard_alone(pilot):
    cases, followed, balanced = pilot
    design = replace(NOTHING, outcome="time", clocks=("street",))
    row = row_of(stress_test(followed, balanced, design, balance=FEW), "clock", "street")
    street = follow_up(cases, followed.histories, FollowUpDesign(clock="street"))
    again = compare_cohorts(street, balance_cohorts(street, FEW), ("time",))
    assert_same(row, again, "time")
    rate = stress_test(followed, balanced, replace(NOTHING, clocks=("street",)), balance=FEW)
    assert rate.n_analyses == 0


def test_first_days_left_out_and_later_joiners(pilot, stressed):
    _, followed, balanced = pilot
    later = replace(balanced, matches=balanced.matches.assign(day=balanced.matches["day"] + 30))
    assert_same(row_of(stressed, "first days left out", "30 days"),
                compare_cohorts(followed, later, ("rate",)))  # fmt: skip
    assert_same(row_of(stressed, "who joins later", "watched until they join"),
                compare_cohorts(followed, balanced, ("rate",), until_joining=True))  # fmt: skip


def dropped(cases, followed, out):
    """Drop people from every table of the case files, and start from there."""
    gone = followed.people.loc[out, "person_id"]
    tables = {
        field.name: table[~table["person_id"].isin(gone)].reset_index(drop=True)
        for field in fields(cases)
        if isinstance(table := getattr(cases, field.name), pd.DataFrame) and "person_id" in table
    }
    fewer = replace(cases, **tables)
    return follow_up(fewer, build_histories(fewer))


def test_leaving_an_area_out_is_dropping_it_from_the_case_files(pilot, stressed):
    cases, followed, _ = pilot
    again = dropped(cases, followed, followed.people["area_id"] == "AREA2")
    assert_same(row_of(stressed, "area left out", "AREA2"), by_hand(again))
    assert stressed.frame["group"].eq("area left out").sum() == 3
    left = followed.people["index_date"].between(*map(pd.Timestamp, SPAN))
    assert_same(row_of(stressed, "exits left out", "2021-01-01 to 2021-03-31"),
                by_hand(dropped(cases, followed, left)))  # fmt: skip


def test_by_ever_joining_every_day_before_joining_counts_as_exposed(pilot, stressed):
    """Nobody who joins is in the comparison, and all are followed from leaving."""
    _, followed, _ = pilot
    people = followed.people.copy()
    people.loc[people["joined_day"].notna(), "joined_day"] = 0.0
    naive = replace(followed, people=people)
    matches = balance_cohorts(naive, FEW).matches
    assert (matches["day"] == 0).all()
    assert (followed.joined[matches.loc[~matches["exposed"], "person"]] == NEVER).all()
    row = row_of(stressed, "time zero", "by ever joining")
    assert_same(row, by_hand(naive))
    assert row["note"].startswith("makes its own effect")


def test_the_split_by_detection_undoes_what_visiting_does(pilot, stressed):
    cases, followed, balanced = pilot
    victim = row_of(stressed, "how it came to notice", "reported by a victim")
    found = row_of(stressed, "how it came to notice", "found proactively")
    assert victim["conf_high"] < 0 < found["conf_low"]
    assert stressed.planned["conf_high"] > 0  # together they hide the effect
    # By hand: of the reoffences, those whose person, day and code a victim reported.
    all_of = followed.reoffences
    told = cases.offences[cases.offences["detection"] == "victim"]
    day = (told["offence_date"].to_numpy("M8[D]") - np.datetime64("1900-01-01")).astype(int)
    keys = {*zip(followed.histories.positions(told["person_id"]), day, told["offence_code"],
                 strict=True)}  # fmt: skip
    mask = np.array([key in keys for key in zip(all_of.person, all_of.day, all_of.code,
                                                strict=True)])  # fmt: skip
    only = Reoffences(*(getattr(all_of, field.name)[mask] for field in fields(Reoffences)))
    again = compare_cohorts(replace(followed, reoffences=only), balanced, ("rate",))
    assert_same(victim, again)


def with_motoring(cases, followed, joined_only):
    """Add a speeding conviction on a random day after leaving, for some or for those who joined."""
    rng = np.random.default_rng(3)
    people = followed.people
    drawn = rng.random(len(people)) < np.where(people["joined_day"].notna(), 0.7, 0.5)
    if joined_only:
        drawn = people["joined_day"].notna() & (rng.random(len(people)) < 0.9)
    some = people[drawn]
    after = pd.to_timedelta(rng.integers(1, 500, len(some)), "D")
    day = (some["index_date"] + after).to_numpy()
    added = cases.offences.iloc[[0] * len(some)].assign(
        person_id=some["person_id"].to_numpy(), offence_date=day, recorded_date=day,
        outcome_date=day, offence_code="816/00", outcome="convicted", detection="victim",
        crime_ref=[f"M{n}" for n in range(len(some))],
    )  # fmt: skip
    offences = pd.concat([cases.offences, added], ignore_index=True)
    return replace(cases, offences=offences.sort_values(["person_id", "offence_date"]))


def test_a_negative_control_tells_a_fair_comparison_from_an_unfair_one(pilot):
    for joined_only, told in ((False, "as it should be"), (True, "differs, though it should not")):
        cases = with_motoring(*pilot[:2], joined_only)
        followed = follow_up(cases, build_histories(cases))
        only = replace(NOTHING, negative_control="SUMMARY_MOTORING")
        found = stress_test(followed, balance_cohorts(followed, FEW), only, balance=FEW)
        assert row_of(found, "negative control", "SUMMARY_MOTORING")["note"].startswith(told)
        assert f"Negative control (SUMMARY_MOTORING): {told}" in found.summary()


def test_the_strengths_are_of_the_effect_as_planned(pilot, stressed):
    _, followed, balanced = pilot
    compared = compare_cohorts(followed, balanced)
    effect = compared.effect("rate")
    frame = compared.to_frame().set_index(["outcome", "group"])
    share = frame.loc[("reoffenders per 100 people", "former IOM"), "estimate"]
    ratio = share / (share + effect["estimate"])
    larger = max(ratio, 1 / ratio)
    told = row_of(stressed, "unmeasured confounding", "of the estimate")["estimate"]
    assert told == pytest.approx(larger + np.sqrt(larger * (larger - 1)))
    assert_same(stressed.planned, compared)
    family = stressed.family
    p = family["p_value"].to_numpy()
    assert family["holm"].min() == pytest.approx(3 * p.min())
    assert p.tolist() == [
        compared.effect(name)["p_value"] for name in ("rate", "frequency", "time")
    ]


def test_hidden_bias_is_bounded_on_pairs_in_which_nobody_stands_twice(pilot, stressed):
    row = row_of(stressed, "hidden bias", "two-sided exact Mantel-Haenszel test")
    assert 20 < row["n"] <= pilot[2].n_matched
    assert row["estimate"] == stressed.bounds.gamma
    assert row["p_value"] == stressed.bounds.frame["p_value"].iloc[0]


def test_people_not_followed_are_those_with_no_reoffence_and_no_last_day(pilot):
    _, followed, balanced = pilot
    found = stress_test(followed, balanced, NOTHING, balance=FEW).to_frame()
    rows = found[found["group"] == "people not followed to the end"]
    matches = balanced.matches
    seen = followed.from_day(
        matches["person"].to_numpy(), matches["day"].to_numpy(), months=12,
        until_joining=np.zeros(len(matches), bool),
    ).groupby("pair")[["first_event", "end"]].min().reindex(range(len(matches)))  # fmt: skip
    lost = ~((seen["first_event"] <= seen["end"]) | (seen["end"] >= 365)).to_numpy()
    joined, weight = matches["exposed"].to_numpy(), matches["weight"].to_numpy()
    share = [weight[side & lost].sum() / weight[side].sum() for side in (joined, ~joined)]
    assert min(share) > 0
    needed = rows["estimate"].to_numpy()[-1]
    assert needed == pytest.approx(-found["estimate"].iloc[0] / sum(share))


def test_the_count_of_analyses_is_the_rows_of_the_effect(stressed):
    frame = stressed.to_frame()
    assert frame["outcome"].eq(stressed.outcome).sum() == stressed.n_analyses + 1
    assert f"{stressed.n_analyses} analyses besides" in stressed.summary()
    assert not frame.duplicated(["group", "term"]).any()


def test_the_tornado_has_the_furthest_first_and_the_plan_as_a_band(stressed):
    ax = stressed.plot()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    centre = stressed.planned["estimate"]
    reach = stressed.alternatives.groupby("group")["estimate"].agg(["min", "max"])
    span = reach["max"].clip(lower=centre) - reach["min"].clip(upper=centre)
    assert labels[: len(span)] == [
        name.capitalize() for name in span.sort_values(ascending=False, kind="stable").index
    ]
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx(
        (stressed.planned["conf_low"], stressed.planned["conf_high"])
    )
    assert "Time zero: own start" in labels[len(span) :]
    assert not stressed.alternatives["group"].isin(["time zero", "negative control"]).any()


def test_what_cannot_be_run_says_why(pilot):
    cases, followed, _ = pilot
    offences = cases.offences.assign(detection=pd.NA)
    bare = replace(cases, offences=offences, episodes=cases.episodes.assign(area_id=pd.NA))
    followed = follow_up(bare, build_histories(bare))

    def weighed(again):
        return weigh_cohorts(estimate_propensity(again, terms=FEW.terms), method="inverse")

    asked = replace(NOTHING, calipers=(0.1,), areas=True, detection=True, offence_sets=("NONE",))
    found = stress_test(followed, weighed(followed), asked, balance=weighed).to_frame()
    notes = found.set_index("group")["note"]
    assert notes["caliper"] == "not estimable: the cohorts were not made by a BalanceDesign"
    assert notes["area left out"] == "not estimable: nobody is left out"
    assert notes["how it came to notice"].iloc[0].endswith("no offence says how it came to notice")
    assert notes["offence set"].startswith("not estimable: ")
    assert notes["hidden bias"] == "not estimable: people stand in several matched sets"


def test_another_balance_than_the_planned_one_is_refused(pilot):
    with pytest.raises(ModelError, match="not a BalanceDesign"):
        stress_test(pilot[1], FEW, balance=FEW)
    with pytest.raises(ModelError, match="`balance` does not give the cohorts of `balanced`"):
        stress_test(*pilot[1:], NOTHING, balance=replace(FEW, caliper=0.5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "luck"},
        {"family": ()},
        {"days_left_out": (0,)},
        {"months": (-6,)},
        {"months": ("6",)},
        {"waiting_months": (-1,)},
        {"ratios": (1.5,)},
        {"calipers": (0.0,)},
        {"clocks": ("sidereal",)},
        {"exits_left_out": (SPAN[::-1],)},
    ],
    ids=str,
)  # fmt: skip
def test_a_design_that_cannot_be_is_refused(wrong):
    with pytest.raises(ModelError):
        SensitivityDesign(**wrong)
