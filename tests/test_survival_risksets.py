"""The drawing at the top of `risksets`, row by row, and sums over risk sets by brute force."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from desistance.survival.risksets import risk_sets

START = np.array([0, 0, 10, 12, 0])
STOP = np.array([20, 20, 30, 18, 30])
EVENT = np.array([True, False, True, False, False])


def test_rows_are_at_risk_as_drawn():
    event = np.append(EVENT, True)
    sets = risk_sets(np.append(START, 0), np.append(STOP, 10), event)
    assert sets.day.tolist() == [10, 20, 30]
    assert sets.last.tolist() == [1, 1, 2, 3, 2, 0]  # 3: none
    assert sets.before.tolist() == [3, 3, 0, 3, 3, 3]
    assert sets.n_events.tolist() == [1, 1, 1]
    assert sets.at_risk(np.ones(6)).tolist() == [4, 4, 2]
    assert sets.has_say.tolist() == [True, True, True, False, True, True]


def test_nobody_enters_late_when_all_entries_come_before_the_first_event():
    assert risk_sets(np.array([3, 0]), np.array([9, 9]), np.array([True, True])).before is None


def brute(start, stop, stratum, day, group, values):
    here = (start < day) & (stop >= day) & (stratum == group)
    return values[here].sum(axis=0)


@pytest.mark.parametrize("n_strata", [1, 3, 400])
def test_sums_over_risk_sets_are_brute_force(n_strata):
    rng = np.random.default_rng(n_strata)
    n = 700
    start = rng.integers(0, 30, n)
    stop = start + rng.integers(1, 20, n)
    event = rng.random(n) < 0.5
    stratum = rng.integers(0, n_strata, n) * 3  # codes with gaps
    weight = rng.uniform(0.5, 2, n)
    x = rng.normal(size=(3, n))
    sets = risk_sets(start, stop, event, stratum=stratum, weight=weight)
    table = np.zeros((2, sets.n_days + 1, 3))
    for rows in (slice(0, 300), slice(300, n)):
        table += sets.weighted_tables(rows, weight[rows], x[:, rows])
    at_risk, events = sets.split(table)
    on_day = [
        (event & (stop == day) & (stratum == group))
        for day, group in zip(sets.day, sets.stratum, strict=True)
    ]
    assert_allclose(
        at_risk,
        [brute(start, stop, stratum, d, g, (weight * x).T)
         for d, g in zip(sets.day, sets.stratum, strict=True)],
        atol=1e-11,
    )  # fmt: skip
    assert_allclose(events, [(weight * x).T[rows].sum(axis=0) for rows in on_day], atol=1e-11)
    assert_allclose(sets.event_weight, [weight[rows].sum() for rows in on_day])
    increments = rng.uniform(size=sets.n_days)
    stays = [
        increments[(sets.stratum == g) & (sets.day > s) & (sets.day <= e)].sum()
        for s, e, g in zip(start, stop, stratum, strict=True)
    ]
    assert_allclose(sets.over_stay(increments, 0 * increments)[slice(None)], stays, atol=1e-12)


def test_days_far_apart_are_found_by_search_as_by_table():
    far = 10**7
    near = risk_sets(START, STOP, EVENT)
    spread = risk_sets(START * far, STOP * far, EVENT)
    assert_array_equal(near.last, spread.last)
    assert_array_equal(near.before, spread.before)
    assert_array_equal(near.day * far, spread.day)
