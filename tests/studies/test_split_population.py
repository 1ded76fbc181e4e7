"""A simulation study: is the share found, does its interval cover, and is it refused when it must?

Aim: with a plateau the share of eventual reoffenders and its covariate are found without bias and
with intervals that cover; without one no share is told. Data: 500 people, entering up to 20 days
late; eventually reoffending with log odds -0.5 + need, then after a Weibull time (scale 120,
shape 1.3, half as long again without need). Followed for 900 to 1,000 days (a plateau), or for
the same 365 days with a constant hazard that never falls (none). Estimands: the coefficients; how
often a share is told. Performance: bias, coverage of 95 % intervals, with Monte Carlo error.
The same with a Cox latency, for coefficients, the mean share and two days of the curve.
"""

import numpy as np
import pandas as pd
import pytest

from desistance.survival import fit_split_population
from desistance.timetoevent import TimeToEvent

REPLICATES = 1_000
TRUTH = {
    ("share", "intercept"): -0.5,
    ("share", "need"): 1.0,
    ("latency", "intercept"): np.log(180.0),
    ("latency", "need"): np.log(2 / 3),
    ("latency", "scale"): -np.log(1.3),
}


def simulated(seed, people=500):
    """Draw people until enough are still without the event when they enter."""
    rng = np.random.default_rng([1977, seed])
    need = rng.random(2 * people) < 0.5
    eventual = rng.random(2 * people) < 1 / (1 + np.exp(0.5 - need))
    day = np.ceil(180 * np.where(need, 2 / 3, 1) * rng.weibull(1.3, 2 * people)).astype(int)
    ends = rng.integers(900, 1000, 2 * people)
    start = rng.integers(0, 21, 2 * people)
    returned = eventual & (day <= ends)
    frame = pd.DataFrame(
        {"start": start, "day": np.where(returned, day, ends), "returned": returned, "need": need}
    )
    return frame[frame.day > frame.start].head(people)


def times_of(frame):
    return TimeToEvent.from_frame(frame, start="start", stop="day", event="returned")


@pytest.mark.slow
def test_with_a_plateau_the_truth_is_found_and_covered():
    truth = pd.Series(TRUTH)
    found, covered, told = [], [], 0
    for seed in range(REPLICATES):
        fit = fit_split_population(times_of(simulated(seed)), ["need"])
        top = fit.maximum(log=True).set_index(["group", "term"]).loc[list(TRUTH)]
        found.append(top.estimate)
        covered.append((top.conf_low <= truth) & (truth <= top.conf_high))
        told += not fit.not_identified
    found, covered = pd.DataFrame(found), pd.DataFrame(covered)
    bias, error = found.mean() - truth, found.std() / np.sqrt(REPLICATES)
    print(pd.DataFrame({"bias": bias, "error": error, "cover": covered.mean()}), told)  # noqa: T201
    assert (bias.abs() < 3 * error + 0.01).all()
    assert covered.mean().between(0.93, 0.97).all()
    assert told / REPLICATES > 0.85


COX_TRUTH = {
    ("share", "intercept"): -0.5,
    ("share", "need"): 1.0,
    ("latency", "need"): -1.3 * np.log(2 / 3),
}


@pytest.mark.slow
def test_a_cox_latency_finds_the_truth_and_covers_it():
    truth, days = pd.Series(COX_TRUTH), np.array([60, 250])
    eventual = 1 / (1 + np.exp(-0.5))
    left = 1 - eventual + eventual * np.exp(-((days / 120) ** 1.3))
    found, covered, told = [], [], 0
    for seed in range(REPLICATES):
        fit = fit_split_population(times_of(simulated(seed)), ["need"], latency="cox")
        top = fit.maximum(log=True).set_index(["group", "term"]).loc[list(COX_TRUTH)]
        curve = fit.survival_at({"need": 1}, days.tolist())
        low, high = [*top.conf_low, *curve.conf_low], [*top.conf_high, *curve.conf_high]
        actual = np.array([*truth, *left])
        found.append(np.array([*top.estimate, *curve.estimate]) - actual)
        covered.append((low <= actual) & (actual <= high))
        told += not fit.not_identified
    found, covered = pd.DataFrame(found), pd.DataFrame(covered)
    bias, error = found.mean(), found.std() / np.sqrt(REPLICATES)
    print(pd.DataFrame({"bias": bias, "error": error, "cover": covered.mean()}), told)  # noqa: T201
    assert (bias.abs() < 3 * error + 0.01).all()
    assert covered.mean().between(0.93, 0.97).all()
    assert told / REPLICATES > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["weibull", "cox"])
def test_without_a_plateau_a_share_is_hardly_ever_told(latency):
    told = 0
    for seed in range(REPLICATES):
        rng = np.random.default_rng([1978, seed])
        day = np.ceil(rng.exponential(400, 500)).astype(int)
        frame = pd.DataFrame({"start": 0, "day": np.minimum(day, 365), "returned": day <= 365})
        told += not fit_split_population(times_of(frame), latency=latency).not_identified
    print(f"told without a plateau: {told / REPLICATES:.1%}")  # noqa: T201
    assert told / REPLICATES < 0.05
