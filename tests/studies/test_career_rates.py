"""A simulation study: rates of offending of unlike people who spend time in custody.

Aim: on the street the rate and its limits over people are right, and on the calendar it is biased
by the time inside. Data: 300 samples of 120 people with personal rates from a gamma distribution
of mean 2 and shape 1.5, who offend while at liberty in 700 days; half of them are in custody for
100 to 500 of these days, whatever their rate. Estimand: the mean rate. Performance: bias, coverage
of 95 % limits over people and of exact Poisson ones, which take people for alike.
"""

import numpy as np
import pytest

from desistance import career_measures, trace_careers
from tests.lives import histories_of, on

REPLICATES, PEOPLE, DAYS = 300, 120, 700
MEAN, SHAPE, JAILED = 2.0, 1.5, 0.5


def sample(seed):
    rng = np.random.default_rng([37, seed])
    names = [f"P{number:03d}" for number in range(PEOPLE)]
    offences, custody = [], []
    for name, rate in zip(names, rng.gamma(SHAPE, MEAN / SHAPE, PEOPLE), strict=True):
        free = np.ones(DAYS, bool)
        if rng.random() < JAILED:
            inside = int(rng.integers(100, 500))
            into = int(rng.integers(0, DAYS - inside))
            custody.append((name, into, into + inside, "sentence"))
            free[into + 1 : into + inside] = False
        again = rng.poisson(rate / 365.25, DAYS) * free
        offences += [
            (name, int(day), "046", 1, str(n))
            for n, day in enumerate(np.repeat(np.arange(DAYS), again))
        ]
    return histories_of(people=names, offences=offences, custody=custody)


def estimates(seed):
    careers = trace_careers(sample(seed), since=on(0), until=on(DAYS), waiting_months=1)
    frame = career_measures(careers).to_frame().set_index(["outcome", "interval"])
    told = [
        ("offences per year in the community", "over people"),
        ("offences per year in the community", "exact Poisson"),
        ("offences per year", "over people"),
    ]
    return frame.loc[told, ["estimate", "conf_low", "conf_high"]].to_numpy(float)


@pytest.mark.slow
def test_street_rates_are_those_of_people_at_liberty():
    found = np.array([estimates(seed) for seed in range(REPLICATES)])
    error = found[:, :, 0].std(axis=0, ddof=1) / REPLICATES**0.5
    bias = found[:, :, 0].mean(axis=0) - MEAN
    covered = ((found[:, :, 1] <= MEAN) & (found[:, :, 2] >= MEAN)).mean(axis=0)
    assert abs(bias[0]) < 4 * error[0]
    assert bias[2] < -0.15 * MEAN
    assert abs(covered[0] - 0.95) < 0.03
    assert covered[1] < 0.75
