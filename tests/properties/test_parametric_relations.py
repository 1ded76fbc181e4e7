"""What may never move a parametric or a split fit, and what must."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.survival import fit_parametric, fit_split_population
from desistance.survival.parametric.likelihood import (
    LOCATION,
    LOG_SCALE,
    SHAPE,
    SHARE,
    Part,
    likelihood_of,
    log_rows,
)
from desistance.timetoevent import TimeToEvent
from search import examples

FAMILIES = ("weibull", "exponential", "log-normal", "log-logistic", "generalised-gamma")
few = examples(15)


@st.composite
def cohorts(draw, *, weighted=False):
    """People of whom seven in ten have the event, some entering late."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(60, 120))
    frame = pd.DataFrame({"x": rng.normal(size=n).round(2), "arm": rng.random(n) < 0.5})
    day = np.ceil(rng.lognormal(3 + 0.4 * frame.x, 0.7)).astype(int)
    ends = rng.integers(150, 200, n)
    frame["event"] = (rng.random(n) < 0.7) & (day <= ends)
    frame["stop"] = np.where(frame.event, day, ends)
    frame["start"] = np.minimum(rng.integers(0, 12, n) * (rng.random(n) < 0.5), frame.stop - 1)
    if weighted:
        frame["weight"] = rng.integers(1, 4, n)
    return frame


def times_of(frame, **more):
    roles = {"weight": "weight"} if "weight" in frame else {}
    return TimeToEvent.from_frame(frame, start="start", stop="stop", event="event", **roles, **more)


def plain(frame, family, **more):
    fit = fit_parametric(times_of(frame, **more), ["x", "arm"], distribution=family)
    assume(not any(fit.solution.notes))
    return fit


def split(frame, latency, **more):
    fit = fit_split_population(times_of(frame, **more), ["x"], share_terms=["arm"], latency=latency)
    assume(not any(fit.solution.notes))
    assume(fit.mean_share_error < 0.2)  # otherwise hardly a top
    return fit


def values(fit):
    return np.array(fit.solution.values)


fits = st.one_of(
    st.tuples(st.just(plain), st.sampled_from(FAMILIES[:4])),
    st.tuples(st.just(split), st.sampled_from(FAMILIES[:4])),
)


def same(one, other, *, moved=0.0, error=1.0, tolerance=1e-7):
    """The intercept `moved`, standard errors times `error`."""
    expected = values(one)
    expected[0] += moved
    assert_allclose(values(other), expected, rtol=tolerance, atol=tolerance)
    assert_allclose(
        other.solution.covariance, one.solution.covariance * error**2, rtol=tolerance,
        atol=tolerance * np.abs(one.solution.covariance).max(),
    )  # fmt: skip


@few
@given(cohorts(), fits, st.sampled_from([7, 30]))
def test_days_for_weeks_move_the_intercept_and_nothing_else(frame, how, times):
    fit, family = how
    longer = frame.assign(start=frame.start * times, stop=frame.stop * times)
    one, other = fit(frame, family), fit(longer, family)
    same(one, other, moved=np.log(times))
    gone = frame.event.sum() * np.log(times)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - gone, rel=1e-11)


@few
@given(cohorts())
def test_days_for_weeks_leave_the_generalised_gamma(frame):
    one = plain(frame, "generalised-gamma")
    other = plain(frame.assign(start=frame.start * 7, stop=frame.stop * 7), "generalised-gamma")
    same(one, other, moved=np.log(7), tolerance=1e-5)


@few
@given(cohorts(), fits)
def test_units_of_a_covariate_move_its_own_coefficient(frame, how):
    fit, family = how
    one, other = fit(frame, family), fit(frame.assign(x=frame.x * 1000), family)
    factor = np.where(np.array(one.solution.names) == "x", 1000, 1)
    assert_allclose(values(other) * factor, values(one), rtol=1e-7, atol=1e-8)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)


@few
@given(cohorts(weighted=True), fits)
def test_a_weight_of_two_is_two_people(frame, how):
    fit, family = how
    copies = frame.loc[frame.index.repeat(frame.weight)].drop(columns="weight")
    one, other = fit(frame, family), fit(copies.reset_index(drop=True), family)
    same(one, other)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)


@few
@given(cohorts(), fits, st.integers(0, 2**32 - 1))
def test_cutting_a_stay_in_two_changes_nothing(frame, how, seed):
    fit, family = how
    rng = np.random.default_rng(seed)
    cut = rng.integers(frame.start, frame.stop)
    whole = frame.assign(pid=frame.index)
    long = cut > frame.start
    parts = pd.concat([
        whole[~long],
        whole[long].assign(stop=cut[long], event=False),
        whole[long].assign(start=cut[long]),
    ])  # fmt: skip
    one = fit(frame, family)
    other = fit(parts.sample(frac=1, random_state=seed), family, person="pid")
    same(one, other)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)


@few
@given(cohorts(), st.sampled_from(FAMILIES[:4]))
def test_a_split_without_people_who_never_do_is_the_plain_fit(frame, latency):
    sure = frame[frame.event].reset_index(drop=True)
    one = fit_parametric(times_of(sure), ["x"], distribution=latency)
    assume(not any(one.solution.notes))
    other = fit_split_population(times_of(sure), ["x"], share_terms=[], latency=latency)
    assert other.not_identified
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-4)
    assert_allclose(values(other)[:-1], values(one), rtol=1e-3, atol=1e-4)


@given(
    cohorts(weighted=True),
    st.sampled_from(FAMILIES),
    st.booleans(),
    st.lists(st.floats(-0.8, 0.8), min_size=6, max_size=6),
)
def test_score_and_second_derivatives_are_what_differences_say(frame, family, split, theta):
    times = times_of(frame)
    one = np.ones((1, times.n))
    x = np.vstack([one, frame.x])
    parts = [Part(LOCATION, x), Part(LOG_SCALE, one), Part(SHAPE, one)]
    if split:
        parts.append(Part(SHARE, x))
    theta = np.array(theta[: sum(len(part.design) for part in parts)])
    likelihood = likelihood_of(log_rows(times), family, tuple(parts))
    assume(np.isfinite(likelihood(theta).value))
    point, step = likelihood(theta), 1e-5
    for j in range(len(theta)):
        up, down = (likelihood(theta + side * step * np.eye(len(theta))[j]) for side in (1, -1))
        scale = 1 + np.abs(point.bend).max()
        assert point.score[j] == pytest.approx((up.value - down.value) / 2 / step, abs=1e-6 * scale)
        assert_allclose(point.bend[j], (up.score - down.score) / 2 / step, atol=1e-5 * scale)


@few
@given(cohorts(), st.sampled_from(FAMILIES[:3]))
def test_simpler_families_lie_within_the_generalised_gamma(frame, family):
    wide = fit_parametric(times_of(frame), ["x", "arm"], distribution="generalised-gamma")
    assume(not any(wide.solution.notes))
    assert wide.log_likelihood > plain(frame, family).log_likelihood - 1e-9
