"""What may never move the numbers of competing events, and what they must add up to."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.survival import cumulative_incidence, fit_fine_gray, gray_test, kaplan_meier
from desistance.timetoevent import TimeToEvent

KINDS = np.array(["custody", "death", "reoffence", None], dtype=object)
TERMS = ["x", "arm"]


@st.composite
def cohorts(draw, *, late=True):
    """A frame of 40 to 70 rows with three kinds of event, full of ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(40, 70))
    start = rng.integers(0, 6, n) * (rng.random(n) < 0.3) if late else np.zeros(n, int)
    frame = pd.DataFrame(
        {
            "start": start,
            "stop": start + rng.integers(2, draw(st.sampled_from([9, 40])), n),
            "what": rng.choice(KINDS, n, p=[0.25, 0.1, 0.4, 0.25]),
            "weight": rng.uniform(0.3, 3, n).round(3),
            "x": np.round(rng.normal(size=n), 2),
            "arm": rng.random(n) < 0.5,
            "area": rng.choice(["a", "b"], n),
        }
    )
    # Somebody watched from day 0 to the end, so that it is known how likely entry was.
    watched = frame.head(2).assign(start=0, stop=frame.stop.max(), what=None, area=["a", "b"])
    assume((frame.what == "reoffence").sum() > 10)
    return pd.concat([frame, watched], ignore_index=True)


def times_of(frame, weight="weight"):
    frame = frame.assign(over=frame.what.notna())
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="over", cause="what", weight=weight
    )


def fine_gray(frame, weight="weight", **options):
    fit = fit_fine_gray(times_of(frame, weight), TERMS, cause="reoffence", **options)
    assume(not any(fit.notes))
    assume(np.abs(fit.log_hazards).max() < 5)
    return fit


def same(one, other, tolerance=1e-9):
    assert_allclose(one.log_hazards, other.log_hazards, rtol=tolerance, atol=tolerance)
    scale = np.abs(other.covariance).max()
    assert_allclose(one.covariance, other.covariance, rtol=tolerance, atol=tolerance * scale)


@given(cohorts(), st.sampled_from([None, "weight"]))
def test_incidences_and_the_share_without_any_event_add_up_to_one(frame, weight):
    times = times_of(frame, weight)
    shares = cumulative_incidence(times, "area").to_frame()
    added = shares.groupby(["group", "day"]).estimate.sum()
    left = kaplan_meier(times, "area").to_frame().set_index(["group", "day"]).estimate
    assert_allclose(added + left, 1, atol=1e-12)
    assert (shares.groupby(["group", "cause"]).estimate.diff().fillna(0) >= 0).all()


@given(cohorts(), st.randoms())
def test_rows_may_come_in_any_order(frame, random):
    mixed = frame.iloc[random.sample(range(len(frame)), len(frame))].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        cumulative_incidence(times_of(frame), "area").to_frame(),
        cumulative_incidence(times_of(mixed), "area").to_frame(),
        rtol=1e-9,
        atol=1e-13,
    )
    same(fine_gray(frame, strata="area"), fine_gray(mixed, strata="area"))


@given(cohorts(), st.sampled_from([None, "area"]), st.integers(0, 9))
def test_rows_may_be_cut_anywhere(frame, strata, seed):
    whole = frame.assign(person=frame.index, over=frame.what.notna())
    room = whole.stop - whole.start > 1
    cut = np.random.default_rng(seed).integers(whole.start + 1, whole.stop + ~room)
    before = whole[room].assign(stop=cut[room], over=False, what=None)
    rows = pd.concat([whole.assign(start=np.where(room, cut, whole.start)), before])
    one, two = (
        fit_fine_gray(
            TimeToEvent.from_frame(
                f.reset_index(drop=True), start="start", stop="stop", event="over",
                cause="what", weight="weight", person="person",
            ),
            TERMS, cause="reoffence", strata=strata,
        )
        for f in (whole, rows)
    )  # fmt: skip
    assume(not any(one.notes))
    assume(np.abs(one.log_hazards).max() < 5)
    same(one, two)


@given(cohorts())
def test_only_the_order_of_days_matters(frame):
    stretched = frame.assign(start=frame.start * 30, stop=frame.stop * 30)
    same(fine_gray(frame), fine_gray(stretched))
    one, two = (gray_test(times_of(f, None), "area").statistics for f in (frame, stretched))
    assert_allclose(one, two, rtol=1e-9)
    one, two = (cumulative_incidence(times_of(f)).to_frame() for f in (frame, stretched))
    assert (one.day * 30).tolist() == two.day.tolist()
    assert_allclose(one.std_error, two.std_error, rtol=1e-9)


@given(cohorts(), st.integers(2, 4))
def test_a_weight_of_two_is_a_person_written_twice(frame, most):
    weight = np.arange(len(frame)) % most + 1
    twice = frame.loc[frame.index.repeat(weight)].reset_index(drop=True)
    heavy = frame.assign(weight=weight.astype(float))
    one, two = (cumulative_incidence(t) for t in (times_of(heavy), times_of(twice, None)))
    assert_allclose(one.to_frame().estimate, two.to_frame().estimate, atol=1e-12)
    one, two = fine_gray(heavy), fine_gray(twice, None)
    assert_allclose(one.log_hazards, two.log_hazards, rtol=1e-9, atol=1e-9)
    assert_allclose(one.model_covariance, two.model_covariance, rtol=1e-8)


@given(cohorts())
def test_other_causes_may_be_told_apart_or_not(frame):
    merged = frame.assign(what=frame.what.replace({"death": "custody"}))
    same(fine_gray(frame), fine_gray(merged))
    whole = cumulative_incidence(times_of(merged)).to_frame().set_index(["cause", "day"])
    parts = cumulative_incidence(times_of(frame)).to_frame().set_index(["cause", "day"])
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    mine = parts.loc["reoffence", columns]
    pd.testing.assert_frame_equal(mine, whole.loc["reoffence", columns], rtol=1e-9, atol=1e-13)
    two = parts.estimate["custody"] + (parts.estimate["death"] if "death" in parts.index else 0)
    assert_allclose(two, whole.estimate["custody"], atol=1e-13)


@given(cohorts())
def test_copies_differ_in_nothing(frame):
    copies = pd.concat([frame.assign(copy=False), frame.assign(copy=True)], ignore_index=True)
    assert_allclose(gray_test(times_of(copies, None), "copy").statistics, 0, atol=1e-9)
    # Two groups watched alike are as one, and half the variance is left.
    one, two = fine_gray(frame), fine_gray(copies, strata="copy")
    assert_allclose(one.log_hazards, two.log_hazards, rtol=1e-9, atol=1e-9)
    assert_allclose(one.covariance / 2, two.covariance, rtol=1e-8, atol=1e-12)


@given(cohorts(), st.sampled_from([0.0, 1.0]))
def test_grays_test_does_not_mind_which_group_is_first(frame, rho):
    turned = frame.assign(area=frame.area.map({"a": "b", "b": "a"}))
    one, two = (gray_test(times_of(f, None), "area", rho=rho) for f in (frame, turned))
    assert_allclose(one.statistics, two.statistics, rtol=1e-9)
    assert_allclose(one.scores, two.scores[:, ::-1], atol=1e-10)
    assert_allclose(one.scores.sum(axis=1), 0, atol=1e-10)
