"""What may never move a split population with a Cox latency, and what must."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.survival import fit_split_population
from desistance.survival.cure.jumps import JumpLikelihood
from desistance.survival.parametric.ascent import climb
from desistance.survival.parametric.likelihood import log_rows
from desistance.timetoevent import TimeToEvent
from search import examples

few = examples(15)
seeds = st.integers(0, 10_000)


def cohort(seed, n=120, *, late=False):
    rng = np.random.default_rng([1874, seed])
    x, arm = rng.normal(size=n).round(2), rng.random(n) < 0.5
    day = np.ceil(20 * rng.weibull(1.1, n) * np.exp(-0.3 * x)).astype(int)
    ends = rng.integers(80, 120, n)
    back = (rng.random(n) < np.where(arm, 0.7, 0.4)) & (day <= ends)
    stop = np.where(back, day, ends)
    start = np.where(late & (rng.random(n) < 0.4), np.minimum(rng.integers(1, 15, n), stop - 1), 0)
    return pd.DataFrame(
        {"person": np.arange(n), "start": start, "day": stop, "event": back, "x": x, "arm": arm,
         "w": rng.uniform(0.3, 3, n).round(2)}
    )  # fmt: skip


def fitted(frame, **columns):
    columns = {"start": "start"} | columns
    times = TimeToEvent.from_frame(frame, stop="day", event="event", **columns)
    return fit_split_population(times, ["x"], share_terms=["arm"], latency="cox")


def same(one, other, *, rtol=1e-8):
    assert_allclose(one.solution.values, other.solution.values, rtol=rtol, atol=1e-9)
    assert_allclose(one.solution.covariance, other.solution.covariance, rtol=1e-6, atol=1e-10)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-7)


@few
@given(seeds, st.booleans(), st.integers(2, 30))
def test_the_unit_of_time_and_any_rising_map_of_it_change_nothing(seed, late, by):
    frame = cohort(seed, late=late)
    once = fitted(frame)
    same(once, fitted(frame.assign(start=frame.start * by, day=frame.day * by)))
    same(once, fitted(frame.assign(start=frame.start**2, day=frame.day**2)))


@few
@given(seeds, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(seed, late, random):
    frame = cohort(seed, late=late)
    order = list(range(len(frame)))
    random.shuffle(order)
    same(fitted(frame), fitted(frame.iloc[order]))


@few
@given(seeds, st.booleans(), st.integers(1, 60))
def test_rows_cut_in_two_add_up_to_the_whole_stay(seed, late, cut):
    frame = cohort(seed, late=late)
    torn = (frame.start < cut) & (cut < frame.day)
    first = frame[torn].assign(day=cut, event=False)
    second = frame[torn].assign(start=cut)
    pieces = pd.concat([frame[~torn], first, second])
    same(fitted(frame, person="person"), fitted(pieces, person="person"))


@few
@given(seeds, st.booleans())
def test_whole_weights_are_people_alike(seed, late):
    frame = cohort(seed, late=late)
    frame["w"] = 1 + frame.index % 3
    copies = frame.loc[frame.index.repeat(frame.w)]
    same(fitted(frame, weight="w"), fitted(copies))


@few
@given(seeds, st.floats(0.01, 100), st.floats(-50, 50), st.floats(0.1, 10))
def test_units_of_terms_and_of_weights_change_only_their_own(seed, by, shift, heavier):
    frame = cohort(seed)
    once = fitted(frame, weight="w")
    other = fitted(frame.assign(x=frame.x * by + shift, w=frame.w * heavier), weight="w")
    scale = np.array([by, 1, 1])
    found = np.multiply(other.solution.values, scale)
    assert_allclose(found, once.solution.values, rtol=1e-7, atol=1e-9)


@few
@given(seeds, st.booleans())
def test_all_ways_up_lead_to_one_top(seed, late):
    frame = cohort(seed, late=late)
    times = TimeToEvent.from_frame(frame, start="start", stop="day", event="event")
    x, share_x = frame[["x"]].to_numpy().T, np.vstack([np.ones(len(frame)), frame.arm])
    likelihood = JumpLikelihood(times, log_rows(times), x, share_x)
    likelihood.begin(np.zeros(3), np.zeros(likelihood.n_days))
    rng = np.random.default_rng(seed)
    tops = [climb(likelihood, start) for start in (np.zeros(3), *rng.normal(0, 1, (4, 3)))]
    assert all(top.settled for top in tops)
    for top in tops[1:]:
        assert_allclose(top.theta, tops[0].theta, rtol=1e-8, atol=1e-9)


@few
@given(seeds, st.booleans(), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_score_and_second_derivatives_are_what_differences_say(seed, late, theta):
    frame = cohort(seed, late=late)
    times = TimeToEvent.from_frame(frame, start="start", stop="day", event="event", weight="w")
    x, share_x = frame[["x"]].to_numpy().T, np.vstack([np.ones(len(frame)), frame.arm])
    likelihood = JumpLikelihood(times, log_rows(times), x, share_x)
    likelihood.begin(np.zeros(3), np.zeros(likelihood.n_days))
    point, step = likelihood(np.array(theta)), 1e-5
    assert_allclose(likelihood.scores(point.theta).sum(axis=1), point.score, atol=1e-8)
    for j, unit in enumerate(np.eye(3)):
        up, down = (likelihood(point.theta + side * step * unit) for side in (1, -1))
        assert point.score[j] == pytest.approx((up.value - down.value) / 2 / step, abs=1e-5)
        assert_allclose(point.bend[j], (up.score - down.score) / 2 / step, atol=1e-5)
