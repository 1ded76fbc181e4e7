"""A simulation study: limits from a bootstrap that estimates the score anew hold as they say.

Aim: percentile limits of the effect on the rate of those who join, weighted by a propensity score
(study 9 in `trials` has the formula's limits). Data: 300 samples of 500 people, of whom those at
higher risk join more often, with a true hazard ratio of 0.7. Estimand: the difference in the rate
of those who join. Methods: 199 replicates by person. Performance: coverage of 95 % limits, and the
standard error told against the spread of estimates; 300 samples have a Monte Carlo standard error
of 1.3 points.
"""

from functools import partial

import numpy as np
import pytest

from desistance.balance import weigh_cohorts
from desistance.comparison import Binary, bootstrap_effects
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
