"""A simulation study: needs missing at random, given joining and the outcome.

Aim: filling in is unbiased and its intervals cover; complete cases are neither. Data: 1,000 pilots
of 400 people; see `missing_needs`. Estimand: log hazard ratio of joining, given the need. Methods:
all the data, complete cases, 10 copies. Performance: bias and coverage with Monte Carlo error.
"""

import numpy as np
import pytest

from tests.studies.missing_needs import EFFECT, estimates

REPLICATES = 1_000


@pytest.mark.slow
def test_filled_in_needs_are_unbiased_and_their_intervals_cover():
    found = np.array([estimates(seed) for seed in range(REPLICATES)])
    bias = found[:, :, 0].mean(axis=0) - EFFECT
    error = found[:, :, 0].std(axis=0, ddof=1) / np.sqrt(REPLICATES)
    covered = ((found[:, :, 2] <= EFFECT) & (found[:, :, 3] >= EFFECT)).mean(axis=0)
    for name, row in zip(
        ("all", "complete cases", "filled in"), zip(bias, error, covered, strict=True), strict=True
    ):
        print(f"\n{name}: bias {row[0]:+.4f} ({row[1]:.4f}), coverage {row[2]:.1%}")  # noqa: T201
    assert abs(bias[2]) < 0.02
    assert 0.93 <= covered[2] <= 0.97
    assert abs(bias[1]) > 0.2
    assert covered[1] < 0.8
