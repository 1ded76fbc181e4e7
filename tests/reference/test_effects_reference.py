"""Effects and their standard errors beside R's (`effects.R`): lm, glm, coxph, survfit, sandwich."""

import json
from pathlib import Path

import numpy as np
import pytest

from desistance import fit_cox
from desistance.balance import weigh_cohorts
from desistance.comparison import (
    Binary,
    Count,
    Mean,
    TimeTo,
    adjusted_curves,
    compare_cohorts,
    doubly_robust,
)
from desistance.timetoevent import TimeToEvent
from tests.reference.effects import HORIZON, matched, people, trained

FROM_R = json.loads((Path(__file__).parent / "effects.json").read_text())


@pytest.fixture(scope="module")
def everyone():
    return people()


@pytest.fixture(scope="module")
def pairs(everyone):
    return matched(everyone)


def row(effects, outcome, group=None):
    """Give an estimate and its standard error."""
    frame = effects.to_frame()
    if group is None:
        found = effects.effect(outcome)
    else:
        found = frame[(frame["outcome"] == outcome) & (frame["group"] == group)].iloc[0]
    return np.array([found["estimate"], found["std_error"]], float)


def test_a_matched_difference_has_rs_standard_error_by_pair():
    men, balanced = trained()
    found = compare_cohorts(men, balanced, [Mean("re78"), Binary("zero")])
    for outcome, column, scale in (
        ("difference in mean re78", "re78", 1),
        ("difference in zero per 100 people", "zero", 100),
    ):
        estimate, error, club = FROM_R[f"trained {column}"]
        assert row(found, outcome) == pytest.approx([scale * estimate, scale * error], rel=1e-9)
        assert error == pytest.approx(club, rel=1e-12)


@pytest.mark.parametrize("by", ["person", "match", "both"])
def test_clusters_are_rs(everyone, pairs, by):
    outcomes = [Mean("harm"), Binary("yes"), Count("count", "years"), TimeTo("day", "reoffended")]
    found = compare_cohorts(everyone, pairs[1], outcomes, clusters=by)
    place = 1 + ["person", "match", "both"].index(by)
    for outcome, name, scale in (
        ("difference in mean harm", "harm", 1),
        ("difference in yes per 100 people", "yes", 100),
        ("ratio of count for each years", "count", 0),
        ("hazard ratio of reoffended", "hazard", 0),
    ):
        told = FROM_R[f"matched {name}"]
        estimate, error = row(found, outcome)
        expected = (
            (told[0] * scale, told[place] * scale) if scale else (np.exp(told[0]), told[place])
        )
        assert [estimate, error] == pytest.approx(expected, rel=1e-7)


def test_shares_means_and_causes_by_a_day_are_rs(everyone, pairs):
    outcome = TimeTo("day", "reoffended", horizon=HORIZON)
    causes = TimeTo("day", "over", horizon=HORIZON, cause="cause")
    found = compare_cohorts(everyone, pairs[1], [outcome, causes], clusters="person")
    first = FROM_R["first"]
    told = {
        f"reoffended by {HORIZON} per 100 people": (100, FROM_R["share"]),
        f"mean day without reoffended of the first {HORIZON}": (1, FROM_R["area"]),
        f"death first by {HORIZON} per 100 people": (100, first[:2] + first[4:6]),
        f"reoffence first by {HORIZON} per 100 people": (100, first[2:4] + first[6:]),
    }
    for label, (scale, values) in told.items():
        for place, group in enumerate(pairs[1].names):
            expected = scale * np.array(values[2 * place : 2 * place + 2])
            assert row(found, label, group) == pytest.approx(expected, rel=1e-8), label
        gap = scale * (values[2] - values[0])
        error = scale * np.hypot(values[1], values[3])  # nobody is in both cohorts
        assert row(found, f"difference in {label}") == pytest.approx([gap, error], rel=1e-8)


@pytest.mark.parametrize(
    ("estimand", "way"), [("ATT", "inverse"), ("ATE", "inverse"), ("ATO", "overlap")]
)
def test_weights_counted_as_estimated_are_stacked_equations(everyone, pairs, estimand, way):
    scored = pairs[0]
    weighed = weigh_cohorts(scored, method=way, estimand=estimand)
    found = compare_cohorts(everyone, weighed, [Mean("harm")], propensity=scored)
    told = FROM_R[f"estimated {estimand}"]
    assert row(found, "difference in mean harm") == pytest.approx(told, rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_doubly_robust_effects_are_stacked_equations(everyone, pairs, estimand):
    found = doubly_robust(everyone, pairs[0], [Mean("harm"), Binary("yes")], estimand=estimand)
    for label, name, scale in (("mean harm", "harm", 1), ("yes per 100 people", "yes", 100)):
        m0, m1, e0, gap_error = scale * np.array(FROM_R[f"robust {name} {estimand}"])
        assert row(found, label, "not exposed") == pytest.approx([m0, e0], rel=1e-6)
        assert row(found, f"difference in {label}") == pytest.approx([m1 - m0, gap_error], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_averaged_curves_are_rs(everyone, estimand):
    times = TimeToEvent.from_frame(everyone, stop="day", event="reoffended")
    fitted = fit_cox(times, ["joined", "age", "previous"])
    found = adjusted_curves(times, fitted, exposed="joined", estimand=estimand).at([30, 90, 180])
    assert found["estimate"].to_numpy()[:6] == pytest.approx(
        FROM_R[f"averaged {estimand}"], rel=1e-8
    )
