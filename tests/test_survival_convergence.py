"""What `smoothed_hazard` and `hazard_convergence` say, and when they say "later than"."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.errors import DataError, ModelError
from desistance.survival import hazard_convergence, smoothed_hazard
from desistance.survival.smoothed import kernel
from desistance.timetoevent import TimeToEvent
from search import examples

FAST = {"replicates": 100, "rng": 1}


def falling(n=2000, *, shape=0.6, last=1460, seed=1):
    """Simulate a Weibull hazard that falls, to 0.0008 a day on day 680."""
    rng = np.random.default_rng(seed)
    day = np.ceil(800 * rng.weibull(shape, n)).astype(int)
    return pd.DataFrame(
        {
            "day": day.clip(max=last),
            "back": day <= last,
            "cohort": rng.choice(["former IOM", "7PP"], n),
            "age": rng.uniform(18, 40, n),
            "start": np.minimum(rng.integers(0, 60, n), day.clip(max=last) - 1),
            "w": rng.uniform(0.5, 2, n),
            "person": np.arange(n),
        }
    )


def times_of(frame, **columns):
    return TimeToEvent.from_frame(frame, stop="day", event="back", **columns)


# --- the smoothed hazard -----------------------------------------------------------------


@given(st.integers(40, 900), st.floats(1, 450))
@examples(40)
def test_the_kernel_weighs_to_one_everywhere_and_leans_nowhere(last, width):
    every = np.arange(1, last + 1)
    width = min(width, last / 2)
    weights = kernel(every, every, width, 0, last)
    assert_allclose(weights.sum(axis=1), 1, atol=2.5 / width**2 + 0.25 / width**1.5)
    if width > 20:
        leaning = (weights * (every[:, None] - every)).sum(axis=1)
        assert_allclose(leaning / width, 0, atol=0.01)


def test_a_constant_hazard_is_found_to_the_very_ends():
    day = np.repeat(np.arange(1, 101), 10)
    frame = pd.DataFrame({"day": [*day, *[100] * 1000], "back": [True] * 1000 + [False] * 1000})
    found = smoothed_hazard(times_of(frame), bandwidth=25).to_frame()
    exact = 10 / found.n_at_risk
    assert_allclose(found.estimate, exact, rtol=0.01)


def test_rows_cut_in_two_and_whole_weights_change_no_hazard():
    frame = falling(300)
    plain = smoothed_hazard(times_of(frame, start="start"), bandwidth=90).to_frame()
    torn = frame[(frame.start < 200) & (frame.day > 200)]
    whole = frame.drop(torn.index)
    cut = pd.concat([whole, torn.assign(day=200, back=False), torn.assign(start=200)])
    pieces = smoothed_hazard(times_of(cut, start="start", person="person"), bandwidth=90)
    assert_allclose(pieces.to_frame().estimate, plain.estimate, rtol=1e-12)
    heavy = smoothed_hazard(times_of(frame.assign(w=7.0), start="start", weight="w"), bandwidth=90)
    assert_allclose(heavy.to_frame()[["estimate", "std_error"]], plain[["estimate", "std_error"]])


def test_nothing_is_seen_with_fewer_than_ten_at_risk():
    frame = pd.DataFrame({"day": [*range(1, 30), *[400] * 9], "back": True})
    found = smoothed_hazard(times_of(frame), bandwidth=10)
    assert found.groups.last_day[0] == 29
    gap = pd.DataFrame({"start": [0] * 20 + [50] * 20, "day": [*range(1, 21), *range(51, 71)]})
    said = smoothed_hazard(times_of(gap.assign(back=True), start="start"), bandwidth=5)
    assert said.groups.last_day[0] == 11
    assert "the later part is not used" in said.caveats[-1]
    few = smoothed_hazard(times_of(frame.head(5)))
    assert few.to_frame().empty
    assert few.groups.note[0].startswith("not estimable: no event while 10")


# --- the day of convergence --------------------------------------------------------------


def test_a_known_crossing_is_found():
    found = hazard_convergence(
        times_of(falling(20_000)), reference=0.0008, bandwidth=250, **FAST
    ).to_frame()
    day = 800 * (0.0008 * 800 / 0.6) ** -2.5
    assert found.conf_low[0] < day < found.conf_high[0]
    assert found.estimate[0] == pytest.approx(day, rel=0.15)


def test_a_tolerance_is_a_higher_reference():
    times = times_of(falling())
    high = hazard_convergence(times, reference=0.0009, bandwidth=250, **FAST).to_frame()
    near = hazard_convergence(times, reference=0.0008, tolerance=0.0001, bandwidth=250, **FAST)
    assert_allclose(near.to_frame()[["estimate", "conf_low"]], high[["estimate", "conf_low"]])
    low = hazard_convergence(times, reference=0.0008, bandwidth=250, **FAST).to_frame()
    assert high.estimate[0] < low.estimate[0]


def test_too_short_a_follow_up_gives_a_bound_and_no_day():
    found = hazard_convergence(times_of(falling(last=300)), reference=0.0008, **FAST)
    row = found.to_frame().iloc[0]
    assert np.isnan(row.estimate)
    assert np.isnan(row.conf_high)
    assert row.note == "not estimable: later than 300 days; follow-up is too short"
    assert row.conf_low <= 300
    assert "later than 300 days" in found.summary()


def test_a_crossing_that_has_not_held_for_long_enough_is_none():
    times = times_of(falling(20_000, last=800))
    met = hazard_convergence(times, reference=0.0008, bandwidth=200, hold=1, **FAST).to_frame()
    assert met.estimate[0] < 800
    waited = hazard_convergence(times, reference=0.0008, bandwidth=200, hold=400, **FAST).to_frame()
    assert np.isnan(waited.estimate[0])
    assert "not below for 400 days since" in waited.note[0]


def test_another_group_is_a_reference_whose_uncertainty_counts():
    frame = falling(4000)
    slow = frame.cohort.eq("former IOM")
    day = np.ceil(np.random.default_rng(3).exponential(1200, len(frame))).astype(int)
    frame["day"] = np.where(slow, day.clip(max=1460), frame.day)
    frame["back"] = np.where(slow, day <= 1460, frame.back)
    asked = {"by": "cohort", "bandwidth": 250} | FAST
    found = hazard_convergence(times_of(frame), reference="former IOM", **asked)
    assert list(found.to_frame().group) == ["7PP"]
    sure = hazard_convergence(times_of(frame[~slow]), reference=1 / 1200, bandwidth=250, **FAST)
    width = [(one.conf_high - one.conf_low)[0] for one in (found.to_frame(), sure.to_frame())]
    assert not width[0] < width[1]
    lines = found.plot().lines
    assert len(lines) >= 4


def test_a_table_by_day_or_by_age_is_looked_up():
    times = times_of(falling())
    constant = hazard_convergence(times, reference=0.0008, bandwidth=250, **FAST).hazards()
    by_day = pd.DataFrame({"day": [0, 500], "hazard": [0.0008, 0.0004]})
    limit = hazard_convergence(times, reference=by_day, bandwidth=250, **FAST).hazards()
    assert_allclose(limit.limit[limit.day < 500], constant.limit[constant.day < 500])
    assert_allclose(limit.limit[limit.day >= 500], 0.0004)
    flat = pd.DataFrame({"age": [10, 30], "hazard": [0.0008, 0.0008]})
    aged = hazard_convergence(times, reference=flat, age="age", bandwidth=250, **FAST).hazards()
    assert_allclose(aged.limit, 0.0008)
    frame = falling(500).assign(age=20.0)
    turn = pd.DataFrame({"age": [10, 22], "hazard": [0.001, 0.0005]})
    older = hazard_convergence(times_of(frame), reference=turn, age="age", **FAST).hazards()
    assert_allclose(older.limit[older.day < 700], 0.001)
    assert_allclose(older.limit[older.day > 780], 0.0005)


def test_the_seed_says_all_and_the_order_of_rows_nothing_of_the_estimate():
    frame = falling(600)
    asked = {"reference": 0.0008, "bandwidth": 200, "replicates": 100}
    one, two = (hazard_convergence(times_of(frame), rng=4, **asked) for _ in range(2))
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    other = hazard_convergence(times_of(frame.iloc[::-1]), rng=4, **asked)
    assert_allclose(other.to_frame().estimate, one.to_frame().estimate)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"back": False}, "too few are at risk, or have events"),
        ({"day": 1, "back": True}, "later than 1 days"),
        ({"day": 30, "back": True}, "later than 30 days"),
    ],
)
def test_flat_data_have_a_reason_and_no_day(change, note):
    found = hazard_convergence(times_of(falling(60).assign(**change)), reference=0.001, **FAST)
    assert np.isnan(found.to_frame().estimate[0])
    assert note in found.to_frame().note[0]
    assert found.summary()
    assert found.plot()


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("by", [None, "cohort"])
def test_hardly_anybody_is_no_error(rows, by):
    times = times_of(falling(60).head(rows))
    found = hazard_convergence(times, reference=0.001, by=by, **FAST)
    assert found.to_frame().estimate.isna().all()
    assert smoothed_hazard(times, by=by).summary()


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"reference": "7PP"}, ModelError, "say the column of groups"),
        ({"reference": "nobody", "by": "cohort"}, ModelError, "one of at least two groups"),
        ({"reference": -1.0}, DataError, "empty, infinite or below 0"),
        ({"reference": 0.1, "age": "age"}, ModelError, "by age, only"),
        ({"reference": pd.DataFrame({"age": [10], "hazard": [1]})}, ModelError, "by age, only"),
        ({"reference": pd.DataFrame({"week": [1], "hazard": [1]})}, DataError, "columns `day`"),
        ({"reference": pd.DataFrame({"day": [9], "hazard": [1]})}, DataError, "begins after"),
        ({"reference": pd.DataFrame({"day": [0, 0], "hazard": [1, 2]})}, DataError, "twice"),
        ({"reference": 0.1, "tolerance": -1}, ModelError, "`tolerance`"),
        ({"reference": 0.1, "hold": 0}, ModelError, "`hold`"),
        ({"reference": 0.1, "bandwidth": 0}, ModelError, "`bandwidth`"),
        ({"reference": 0.1, "replicates": 10}, ModelError, "`replicates`"),
        ({"reference": 0.1, "confidence": 1}, ModelError, "`confidence`"),
        ({"reference": 0.1, "by": "height"}, ModelError, "not a column"),
    ],
)
def test_what_cannot_be_meant_is_a_clear_error(asked, error, says):
    with pytest.raises(error, match=says):
        hazard_convergence(times_of(falling(100)), **(FAST | asked))
