"""Frames as they come: columns of Arrow, fine clocks, and slips of the pen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from desistance import (
    Binary,
    Mean,
    TimesInBlocks,
    TimeTo,
    TimeToEvent,
    compare_cohorts,
    concordance,
    cox_residuals,
    doubly_robust,
    estimate_propensity,
    fit_cox,
    fit_fine_gray,
    fit_parametric,
    hazard_convergence,
    kaplan_meier,
    log_rank,
    smoothed_hazard,
    weigh_cohorts,
)
from desistance.errors import DataError, ModelError, SourceError

A_DAY = 86_400


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(11)
    n = 300
    x = rng.normal(size=n)
    x[rng.random(n) < 0.1] = np.nan
    stop = rng.integers(5, 366, n)
    cause = rng.choice(np.array([None, "custody", "reoffence"], dtype=object), n)
    return pd.DataFrame({
        "start": np.minimum(rng.integers(0, 60, n), stop - 1), "stop": stop,
        "event": pd.notna(cause), "cause": cause, "x": x, "flag": rng.random(n) < 0.5,
        "tier": rng.choice(["FIXED", "FLEX", "FREE"], n), "area": rng.integers(1, 4, n),
    })  # fmt: skip


def as_arrow(frame):
    """The frame as `table.to_pandas(types_mapper=pd.ArrowDtype)` gives it: not-a-number stays."""
    table = pa.Table.from_pydict({
        name: pa.array(frame[name].to_numpy(), from_pandas=name == "cause") for name in frame
    })  # fmt: skip
    coded = table["tier"].dictionary_encode()
    return table.append_column("coded", coded).to_pandas(types_mapper=pd.ArrowDtype)


def rows(frame, **roles):
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", cause="cause", **roles
    )


@pytest.mark.parametrize(
    "estimate",
    [
        lambda t: fit_cox(t, ["x", "tier", "flag"], strata="area"),
        lambda t: fit_cox(t, ["x"], variance="cluster", cluster="x"),
        lambda t: fit_fine_gray(t, ["x", "tier"], cause="reoffence"),
        lambda t: fit_parametric(t, ["x", "tier"]),
        lambda t: concordance(t, "x"),
        lambda t: log_rank(t, "flag", strata="tier"),
        lambda t: log_rank(t, "x"),
    ],
    ids=["cox", "cluster", "fine-gray", "parametric", "concordance", "log-rank", "labels"],
)
def test_arrows_columns_give_what_numpys_give(frame, estimate):
    ours, arrows = (estimate(rows(one)) for one in (frame, as_arrow(frame)))
    assert ours.n_left_out == arrows.n_left_out
    pd.testing.assert_frame_equal(ours.to_frame(), arrows.to_frame())


def test_arrows_columns_of_codes_and_nullable_floats_are_read(frame):
    arrow = as_arrow(frame)
    coded, plain = (fit_cox(rows(arrow), [name]) for name in ("coded", "tier"))
    np.testing.assert_array_equal(coded.log_hazards, plain.log_hazards)
    odd = frame.assign(x=pd.array(frame.x.fillna(0), "Float64") / frame.x.notna().astype(float))
    assert odd.x.isna().sum() == 0  # pandas says so of 0 / 0
    assert fit_cox(rows(odd), ["x"]).n_left_out == frame.x.isna().sum()


def test_not_a_number_is_no_stratum_person_or_weight(frame):
    arrow = as_arrow(frame)
    for role in ("strata", "person", "weight"):
        with pytest.raises(DataError, match="'x' is empty"):
            rows(arrow, **{role: "x"})


def in_seconds(frame):
    return frame.assign(start=frame.start * A_DAY, stop=frame.stop * A_DAY)


@pytest.mark.parametrize("late", [True, False], ids=["late entry", "from 0"])
def test_fine_gray_is_the_same_on_a_clock_of_seconds(frame, late):
    frame = frame if late else frame.assign(start=0)
    both = rows(frame), rows(in_seconds(frame), unit="seconds")
    slow, fast = (fit_fine_gray(times, ["x", "tier"], cause="reoffence") for times in both)
    np.testing.assert_array_equal(slow.log_hazards, fast.log_hazards)
    np.testing.assert_array_equal(slow.covariance, fast.covariance)
    profile = {"x": 0.3, "tier": "FLEX"}
    wanted = np.array([0, 40, 200, 365])
    share, again = slow.incidence_at(profile, wanted), fast.incidence_at(profile, wanted * A_DAY)
    np.testing.assert_array_equal(share.estimate, again.estimate)


def test_what_can_be_seen_of_a_hazard_is_the_same_on_a_clock_of_seconds(frame):
    days = smoothed_hazard(rows(frame), bandwidth=60).groups
    seconds = smoothed_hazard(rows(in_seconds(frame), unit="seconds"), bandwidth=60 * A_DAY).groups
    assert days.n_events.equals(seconds.n_events)
    assert (days.first_day - 1).tolist() == ((seconds.first_day - 1) // A_DAY).tolist()


def test_convergence_holds_for_half_a_year_on_every_clock(frame):
    hours = frame.assign(start=frame.start * 24, stop=frame.stop * 24)
    found = hazard_convergence(
        rows(hours, unit="hours"), reference=1e-3, bandwidth=2_000, replicates=100, rng=1
    )
    assert found.to_frame().note.ne("").all()  # less than a year cannot show half a year


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        (lambda t: fit_cox(t, None), "`terms` is a list"),
        (lambda t: fit_cox(t, ["flag"], time_varying=["flag"]), "how they change"),
        (lambda t: log_rank(t, None), "`by` names"),
    ],
    ids=["terms", "time_varying", "by"],
)
def test_a_slip_is_told(frame, slip, says):
    with pytest.raises(ModelError, match=says):
        slip(rows(frame))


def test_what_is_no_frame_and_no_file_is_told(frame, tmp_path):
    with pytest.raises(DataError, match="not in a dict"):
        TimeToEvent.from_frame({"day": [1]}, stop="day", event="event")
    (tmp_path / "part.parquet").write_bytes(b"no such thing")
    with pytest.raises(SourceError, match=r"'part\.parquet' is no Parquet file"):
        TimesInBlocks.from_parquet(tmp_path, stop="stop", event="event")


def test_cells_that_hold_lists_stand_in_the_way_of_nothing(frame):
    twice = pd.concat([frame, frame], ignore_index=True).assign(notes=[["a"]] * 600)
    assert rows(twice).n == 600


def test_residuals_of_nobody_are_a_frame_without_rows(frame):
    nobody = rows(frame[:0])
    assert cox_residuals(fit_cox(nobody, ["flag"]), nobody, "dfbeta").empty


def test_cohorts_of_arrows_columns_are_those_of_numpys(frame):
    frame = frame.assign(x=frame.x.fillna(0), joined=frame.flag, harm=frame.stop / 7)
    found = []
    for one in (frame, as_arrow(frame)):
        scored = estimate_propensity(one, exposed="joined", terms=["x", "tier", "area"])
        weighed = weigh_cohorts(scored)
        outcomes = [Mean("harm"), Binary("event"), TimeTo("stop", "event", horizon=90)]
        found.append((
            scored.coefficients,
            weighed.table,
            compare_cohorts(one, weighed, outcomes).to_frame(),
            doubly_robust(one, scored, outcomes[:2], terms=["x"]).to_frame(),
        ))  # fmt: skip
    for ours, arrows in zip(*found, strict=True):
        pd.testing.assert_frame_equal(ours, arrows)


@pytest.mark.parametrize("start", [None, "start"])
def test_whoever_is_watched_from_day_0_does_not_enter_late(start):
    """A column of zeros and no column say the same; a start after 0, of all or of one, is late."""
    frame = pd.DataFrame({"start": 0, "stop": [3, 5, 5, 8], "event": [1, 0, 1, 1]})
    times = TimeToEvent.from_frame(frame, start=start, stop="stop", event="event")
    assert not times.enters_late
    assert not times.only(frame["stop"].to_numpy() > 3, "few days").enters_late
    assert kaplan_meier(times).curve["n_at_risk"].tolist() == [4, 3, 1]
    assert replace(times, start=np.broadcast_to(np.int64(2), 4)).enters_late
    assert replace(times, start=np.array([0, 0, 0, 1])).enters_late
    assert not times.only(np.zeros(4, bool), "nobody").enters_late
