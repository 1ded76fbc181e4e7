"""Simulation studies of areas that go live at different times, and of tests with few areas.

Aim: with effects that grow and differ between go-live groups, the overall effect and the stacked
event study are unbiased and two-way fixed effects is not; with no effect, tests reject as often as
they say. Data: 6 to 12 areas by months, an area's level and its errors from month to month alike
(autoregressive, 0.5). Performance: bias, rejection at 5 and 10 %, coverage, with Monte Carlo error.
"""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from desistance.comparison.fewareas import fit_by_area
from desistance.comparison.fewareas.areafit import CR2, WILD
from desistance.comparison.rollout import rollout_effects
from desistance.comparison.rollout.effects import OVERALL, RANDOMISED, STACKED_ALL, TWO_WAY
from desistance.comparison.rollout.grouptime import group_time, overall
from desistance.comparison.rollout.stacked import event_study, two_way


def errors(rng, n, months):
    """Make errors that are half like those of the month before, on areas' own levels."""
    noise = rng.normal(size=(n, months))
    for month in range(1, months):
        noise[:, month] = 0.5 * noise[:, month - 1] + np.sqrt(0.75) * noise[:, month]
    return noise + 3 * rng.normal(size=(n, 1)) + rng.normal(size=months)


def growing(start, months):
    """Effects that grow by the month, twice as fast in the areas that went live first."""
    since = np.arange(months) - start[:, None]
    pace = np.where(start == start.min(), 0.4, 0.2)[:, None]
    return np.where(since >= 0, -pace * (since + 1), 0.0)


MONTHS, START = 24, np.repeat([6, 12, 18, 24], 3)
EFFECT = growing(START, MONTHS)
WENT_LIVE = np.flatnonzero(START < MONTHS)
TRUTH = np.mean([EFFECT[i, START[i] :].mean() for i in WENT_LIVE])
TRUTH_OF_WINDOW = np.mean([EFFECT[i, START[i] : START[i] + 6].mean() for i in WENT_LIVE])


def missed(y):
    """How far the overall effect, the stacked one and two-way fixed effects are from the truth."""
    weight = np.ones(len(y))
    study = event_study(y, weight, START, window=(6, 5), base_months=3, anticipation=0)
    cells = group_time(y, weight, START, against="not-yet", base_months=3)
    two = two_way(y, weight, START).estimate
    return [float(overall(cells)) - TRUTH, study.estimate[-1] - TRUTH_OF_WINDOW, two - TRUTH]


def test_growing_effects_bias_two_way_fixed_effects_alone():
    # Every estimator is linear in the outcomes: without noise, what is missed is the bias.
    ours, stacked, two = missed(EFFECT + 3 * np.arange(12)[:, None] + np.sin(np.arange(MONTHS)))
    assert abs(ours) < 1e-10
    assert abs(stacked) < 1e-10
    assert two > 0.5 * abs(TRUTH)  # it finds less than half of what there is


def size_study(replicates, *, n_each, months=10):
    """How often each test of no effect rejects at 5 %, and randomisation at 10 %."""
    start = np.repeat([4, 7, months], n_each)
    found = []
    for seed in range(replicates):
        y = errors(np.random.default_rng([2026, 15, seed]), len(start), months)
        area, month = np.indices(y.shape).reshape(2, -1)
        go_live = np.where(start < months, start, np.nan)[area]
        frame = pd.DataFrame(
            {"area": area, "month": month, "outcome": y.ravel(), "go_live": go_live}
        )
        effects = rollout_effects(frame, permutations=1_999, draws=9, window=(3, 2), rng=seed)
        live = frame.assign(live=frame["month"] >= frame["go_live"])
        fit = fit_by_area(live, "outcome", ["live"], fixed=["area", "month"], draws=1_999, rng=seed)
        plain = fit.to_frame().set_index("interval")["p_value"]
        found.append([effects.effect(RANDOMISED)["p_value"], effects.effect(OVERALL)["p_value"],
                      effects.effect(STACKED_ALL)["p_value"], effects.effect(TWO_WAY)["p_value"],
                      plain[CR2], plain[WILD]])  # fmt: skip
    found = np.array(found)
    names = ("randomised", "overall", "stacked", "two-way", "CR2", "wild")
    shares = dict(zip(names, (found <= 0.05).mean(axis=0), strict=True))
    return shares | {"randomised at 10 %": float((found[:, 0] <= 0.1).mean())}


def test_randomisation_rejects_no_more_than_it_says_whatever_the_outcomes():
    # Each of the 30 ways to go live is taken for the real one in turn, on the same outcomes.
    y = np.random.default_rng(5).normal(size=(5, 6)).cumsum(axis=1)
    area, month = np.indices(y.shape).reshape(2, -1)
    frame = pd.DataFrame({"area": area, "month": month, "outcome": y.ravel()})
    p_values = np.array([
        rollout_effects(frame.assign(go_live=np.array(way)[area]), base_months=1, window=(1, 1),
                        permutations=30, draws=9).effect(RANDOMISED)["p_value"]
        for way in sorted(set(permutations([2.0, 3.0, 3.0, 9.0, 9.0])))
    ])  # fmt: skip
    assert len(p_values) == 30
    for level in np.unique(p_values):
        assert (p_values <= level + 1e-12).mean() <= level + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("n_each", [[2, 2, 2], [2, 2, 4], [4, 4, 4]], ids=lambda one: str(sum(one)))
def test_size_of_every_test_with_few_areas(n_each):
    shares = size_study(1_000, n_each=n_each)
    print(f"\n{sum(n_each)} areas: {shares}")  # noqa: T201
    assert shares["randomised"] <= 0.05 + 0.021  # three Monte Carlo errors
    assert shares["randomised at 10 %"] <= 0.1 + 0.029
    assert shares["wild"] <= 0.08
    assert shares["CR2"] <= 0.09
    assert shares["overall"] <= 0.09
