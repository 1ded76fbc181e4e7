"""A simulation study: is the day of convergence found, and does its interval cover?

Aim: the day on which a falling hazard meets a reference is found, and its interval covers; where
follow-up ends before, no day is told, and the bound holds. Data: 3,000 people, some entering up to
60 days late, a Weibull hazard of shape 0.6 and scale 800 days; reference 0.0008 a day, which it
meets on day 680; followed for 1,460 days, or 400. Estimand: that day. Performance: median error,
coverage of 95 % intervals and of the bound, with Monte Carlo error of some 1 %.
"""

import numpy as np
import pandas as pd
import pytest

from desistance.survival import hazard_convergence
from desistance.timetoevent import TimeToEvent

REPLICATES = 400
TRUTH = 800 * (0.0008 * 800 / 0.6) ** -2.5


def found_with(seed, last):
    rng = np.random.default_rng([2009, seed])
    day = np.ceil(800 * rng.weibull(0.6, 4000)).astype(int)
    start = rng.integers(0, 61, 4000) * (rng.random(4000) < 0.5)
    frame = pd.DataFrame({"start": start, "day": day.clip(max=last), "back": day <= last})
    frame = frame[frame.day > frame.start].head(3000)
    times = TimeToEvent.from_frame(frame, start="start", stop="day", event="back")
    return hazard_convergence(
        times, reference=0.0008, bandwidth=200, hold=1, replicates=200, rng=seed
    ).to_frame()


@pytest.mark.slow
def test_a_known_day_is_found_and_covered():
    found = pd.concat([found_with(seed, 1460) for seed in range(REPLICATES)])
    high = found.conf_high.fillna(np.inf)
    covered = ((found.conf_low <= TRUTH) & (high >= TRUTH)).mean()
    off = (found.estimate - TRUTH).median()
    print(f"covered {covered:.1%}, median error {off:.0f} of {TRUTH:.0f} days")  # noqa: T201
    assert abs(off) < 0.05 * TRUTH
    assert covered > 0.90


@pytest.mark.slow
def test_too_short_a_follow_up_gives_bounds_that_hold():
    found = pd.concat([found_with(seed, 400) for seed in range(REPLICATES)])
    told = found.estimate.notna().mean()
    held = (
        (found.conf_low <= TRUTH) & (found.conf_high.isna() | (found.conf_high >= TRUTH))
    ).mean()
    print(f"a day told in {told:.1%}, bound held in {held:.1%}")  # noqa: T201
    assert held > 0.95
