"""Simulation studies of limits of effects: of a bootstrap, and of the formula after matching.

*A bootstrap that estimates the score anew holds as it says.*

Aim: percentile limits of the effect on the rate of those who join, weighted by a propensity score
(study 9 in `trials` has the formula's limits). Data: 300 samples of 500 people, of whom those at
higher risk join more often, with a true hazard ratio of 0.7. Estimand: the difference in the rate
of those who join. Methods: 199 replicates by person. Performance: coverage of 95 % limits, and the
standard error told against the spread of estimates; 300 samples have a Monte Carlo standard error
of 1.3 points.

*Where people serve in several matches, errors by person and match hold, and by match do not.* Data:
500 samples of 500 people, no effect. Methods: the nearest with replacement, and everybody within a
caliper. Performance: coverage (Monte Carlo standard error 1.0 points), and the share of the spread
of estimates that is told.
"""

from functools import partial

import numpy as np
import pytest

from desistance.balance import estimate_propensity, match_cohorts, weigh_cohorts
from desistance.comparison import Binary, bootstrap_effects, compare_cohorts
from tests.studies.trials import confounded, true_difference

SAMPLES, PEOPLE, RATIO = 300, 500, 0.7


def one(seed, replicates):
    people = confounded(np.random.default_rng([9, seed]), PEOPLE, RATIO)
    found = bootstrap_effects(
        people, exposed="joined", terms=["risk"], outcomes=[Binary("event")], rng=seed,
        replicates=replicates, balance=partial(weigh_cohorts, method="inverse"),
    )  # fmt: skip
    return found.to_frame().iloc[0]


@pytest.mark.slow
def test_limits_with_the_score_estimated_anew_hold_as_often_as_they_say():
    truth = true_difference(RATIO)
    rows = [one(seed, 199) for seed in range(SAMPLES)]
    estimate = np.array([row.estimate for row in rows])
    held = np.array([row.conf_low <= truth <= row.conf_high for row in rows])
    ratio = np.mean([row.std_error for row in rows]) / estimate.std(ddof=1)
    assert abs(estimate.mean() - truth) < 1.0
    assert ratio == pytest.approx(1, abs=3 / np.sqrt(2 * SAMPLES))
    assert 0.935 - 2 * 0.0126 < held.mean() < 0.97 + 2 * 0.0126


@pytest.mark.slow
@pytest.mark.parametrize("choices", [{"ratio": 1}, {"ratio": None, "caliper": 0.2}], ids=str)
def test_where_people_serve_in_several_matches_errors_count_both_ways(choices):
    found = []
    for seed in range(500):
        people = confounded(np.random.default_rng([77, seed]), PEOPLE, 1.0)
        scored = estimate_propensity(people, exposed="joined", terms=["risk"])
        matched = match_cohorts(scored, replacement=True, **choices)
        by = [
            compare_cohorts(people, matched, [Binary("event")], clusters=name).effect(
                "difference in event per 100 people"
            )
            for name in ("both", "match")
        ]
        found.append([by[0]["estimate"], *(one["std_error"] for one in by)])
    estimate, both, match = np.array(found, float).T
    spread = estimate.std(ddof=1)
    print(f"\n{choices}: told {both.mean() / spread:.2f}, {match.mean() / spread:.2f}")  # noqa: T201
    assert both.mean() / spread == pytest.approx(1, abs=3 / np.sqrt(1_000))
    assert (np.abs(estimate) < 1.96 * both).mean() > 0.92
    assert match.mean() / spread < 0.85
    assert (np.abs(estimate) < 1.96 * match).mean() < 0.9
