"""Propensity, matches and weights on data whose answers are in print or in `lalonde.json` (R)."""

import json
from pathlib import Path

import numpy as np
import pytest

from desistance.balance import estimate_propensity, match_cohorts, weigh_cohorts
from tests.reference.lalonde import TERMS, lalonde

FROM_R = json.loads((Path(__file__).parent / "lalonde.json").read_text())

# MatchIt, "Getting started" (Greifer): standardised mean differences before, and after 1:1 nearest
# neighbour matching without replacement, to the four digits printed. MatchIt standardises a 0/1
# column by sqrt(p (1 - p)), without the n - 1 of a sample.
PRINTED = {
    "age": (-0.3094, 0.0718), "educ": (0.0550, -0.1290), "black": (1.7615, 1.0259),
    "hispan": (-0.3498, -0.6629), "married": (-0.8263, -0.0552), "nodegree": (0.2450, 0.1546),
    "re74": (-0.7211, -0.0505), "re75": (-0.2903, -0.0257),
}  # fmt: skip
YES_NO = ("black", "hispan", "married", "nodegree")

# MatchIt 4.7.2: matched pairs, the sum of their distances, and men trained who found a match.
MATCHED = {
    "nearest": ({}, 39.6927987, 185),
    "smallest first": ({"order": "smallest"}, 46.9655836, 185),
    "two each": ({"ratio": 2}, 136.5495860, 185),
    "with replacement": ({"replacement": True}, 0.5443950, 185),
    "caliper 0.2": ({"caliper": 0.2}, 3.7751394, 113),
    "caliper 0.05": ({"caliper": 0.05}, 0.8464107, 109),
    "exact": ({"exact": ["black", "married"]}, 8.0932348, 116),
}


@pytest.fixture(scope="module")
def men():
    return lalonde()


@pytest.fixture(scope="module")
def propensity(men):
    return estimate_propensity(men, exposed="treat", terms=TERMS)


def difference(men, weights):
    trained = men["treat"] == 1
    return np.average(men["re78"][trained], weights=weights[trained]) - np.average(
        men["re78"][~trained], weights=weights[~trained]
    )


def test_the_propensity_model_is_rs(propensity):
    told = propensity.to_frame()
    assert told["estimate"].to_numpy() == pytest.approx(FROM_R["coefficients"], rel=1e-8)
    assert told["std_error"].to_numpy() == pytest.approx(FROM_R["std_errors"], rel=1e-8)


def test_default_matching_gives_the_printed_effect(men, propensity):
    matched = match_cohorts(propensity)
    assert difference(men, matched.weights) == pytest.approx(894.367480270274, abs=1e-9)


def test_standardised_differences_are_the_printed_ones(propensity):
    table = match_cohorts(propensity).table.set_index("term")
    for term, (before, after) in PRINTED.items():
        scale = np.sqrt(185 / 184) if term in YES_NO else 1.0
        found = scale * table.loc[term, ["smd_before", "smd_after"]].to_numpy(float)
        assert found == pytest.approx([before, after], abs=5.1e-5)


@pytest.mark.parametrize("case", MATCHED)
def test_matches_are_as_near_as_matchits(propensity, case):
    choices, distance, n = MATCHED[case]
    matched = match_cohorts(propensity, **choices)
    pairs = matched.matches.merge(matched.matches, on="match")
    pairs = pairs[pairs["exposed_x"] & ~pairs["exposed_y"]]
    score = propensity.score.to_numpy()
    total = np.abs(score[pairs["row_x"]] - score[pairs["row_y"]]).sum()
    assert total == pytest.approx(distance, rel=2e-6)
    assert matched.n_matched == n


def test_inverse_weights_give_rs_effects(men, propensity):
    att = weigh_cohorts(propensity)
    ate = weigh_cohorts(propensity, estimand="ATE")
    assert difference(men, att.weights) == pytest.approx(FROM_R["att"], rel=1e-9)
    assert difference(men, ate.weights) == pytest.approx(FROM_R["ate"], rel=1e-8)
