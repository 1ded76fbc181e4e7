"""A simulation study: areas differ, and a Cox model that does not know is too sure of itself.

Aim: log hazards, the variance of the frailty and their errors are right. Data: 600 cohorts of 400
people in 40 areas, gamma frailties of variance 0.5, hazard 1 a year; one term of people (log hazard
0.5), one of areas, half of which have a programme (-0.4); watched for 100 to 600 days. Estimands:
both log hazards given the area, and the variance. Performance: bias, the model's error against the
spread of estimates, coverage of 95 % intervals with their Monte Carlo error (0.9 points at 95 %);
with no frailty, how often the test at the edge rejects at 5 %.

Found: log hazards as they should be. The variance is a maximum of likelihood and, of 40 areas, a
tenth too low (0.453), so that its limits cover it in 91.8 % of cohorts: its bounds below are wide.
"""

import numpy as np
import pandas as pd
import pytest

from desistance.survival import fit_cox
from desistance.timetoevent import TimeToEvent

REPLICATES, AREAS, PEOPLE = 600, 40, 400
TRUTH, THETA = np.array([0.5, -0.4]), 0.5


def cohort(seed, theta):
    rng = np.random.default_rng([31, seed])
    area = rng.integers(0, AREAS, PEOPLE)
    z = rng.gamma(1 / theta, theta, AREAS)[area] if theta else np.ones(PEOPLE)
    frame = pd.DataFrame({"x": rng.normal(size=PEOPLE), "programme": area % 2 == 0, "area": area})
    rate = z * np.exp(frame[["x", "programme"]].astype(float).to_numpy() @ TRUTH)
    due, until = np.ceil(rng.exponential(365 / rate)), rng.integers(100, 601, PEOPLE)
    frame = frame.assign(day=np.minimum(due, until).astype(int), event=due <= until)
    return TimeToEvent.from_frame(frame, stop="day", event="event")


def told(name, values):
    print(f"\n{name}: {np.round(values, 4)}")  # noqa: T201 - the figures are what a study is for


@pytest.mark.slow
def test_log_hazards_and_the_variance_of_the_frailty_are_right():
    beta, error, plain, plain_error = np.empty((4, REPLICATES, 2))
    theta, low, high = np.empty((3, REPLICATES))
    for seed in range(REPLICATES):
        times = cohort(seed, THETA)
        fit = fit_cox(times, ["x", "programme"], frailty="area")
        beta[seed], error[seed] = fit.log_hazards, np.sqrt(np.diag(fit.covariance))
        shared = fit.frailty
        theta[seed], low[seed], high[seed] = shared.theta, shared.conf_low, shared.conf_high
        naive = fit_cox(times, ["x", "programme"])
        plain[seed], plain_error[seed] = naive.log_hazards, np.sqrt(np.diag(naive.covariance))
    bias, spread = beta.mean(axis=0) - TRUTH, beta.std(axis=0, ddof=1)
    covered = (np.abs(beta - TRUTH) < 1.96 * error).mean(axis=0)
    naively = (np.abs(plain - TRUTH) < 1.96 * plain_error).mean(axis=0)
    told("bias of log hazards", bias)
    told("Monte Carlo error", spread / REPLICATES**0.5)
    told("mean error over spread", error.mean(axis=0) / spread)
    told("coverage", covered)
    told("coverage without frailty", naively)
    told("bias of the variance", theta.mean() - THETA)
    told("coverage of its limits", np.mean((low < THETA) & (high > THETA)))
    assert (np.abs(bias) < 0.03).all()
    assert (np.abs(covered - 0.95) < 0.025).all()
    assert naively[1] < 0.85
    assert abs(theta.mean() - THETA) < 0.05
    assert 0.90 < np.mean((low < THETA) & (high > THETA)) < 0.975


@pytest.mark.slow
def test_the_test_at_the_edge_keeps_its_size():
    p = [
        fit_cox(cohort(seed, 0.0), ["x", "programme"], frailty="area").frailty.p_value
        for seed in range(REPLICATES)
    ]
    rejected = np.mean(np.array(p) < 0.05)
    told("no frailty, yet rejected at 5 %", rejected)
    assert 0.015 < rejected < 0.075
