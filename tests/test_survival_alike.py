"""Rows that fare alike, put together, give what they give one by one."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from desistance import (
    TimeToEvent,
    cumulative_incidence,
    kaplan_meier,
    log_rank,
    nelson_aalen,
)
from desistance.survival import alike, groups, logrank

ESTIMATORS = {
    "kaplan_meier": partial(kaplan_meier, by="cohort"),
    "nelson_aalen": partial(nelson_aalen, by="cohort"),
    "cumulative_incidence": partial(cumulative_incidence, by="cohort"),
    "log_rank": partial(log_rank, by="cohort"),
    "log_rank in strata": partial(log_rank, by="cohort", strata="area"),
    "log_rank of late days": partial(log_rank, by="cohort", gamma=1, at_risk=0.5),
}


@pytest.fixture(params=["sex", None], ids=["strata", "none"])
def times(request):
    """600 people of one row each, on 40 days, so that most are like somebody else."""
    rng = np.random.default_rng(7)
    n = 600
    event = rng.random(n) < 0.6
    frame = pd.DataFrame({
        "day": rng.integers(1, 41, n), "event": event,
        "cause": np.where(event, rng.choice(["custody", "reoffence"], n), None),
        "cohort": rng.choice(["7PP", "IOM", "never"], n), "area": rng.choice(["A", "B"], n),
        "sex": rng.choice(["F", "M"], n),
    })  # fmt: skip
    return TimeToEvent.from_frame(
        frame, stop="day", event="event", cause="cause", strata=request.param
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_together_is_one_by_one(times, name, monkeypatch):
    together = ESTIMATORS[name](times)
    for room in (groups, logrank):
        monkeypatch.setattr(room, "entries_of", one_by_one)
    each = ESTIMATORS[name](times)
    pd.testing.assert_frame_equal(together.to_frame(), each.to_frame(), rtol=1e-12)
    if name != "log_rank":
        assert together.summary() == each.summary()


def one_by_one(times, group, n_groups, *, together):
    del together
    return alike.entries_of(times, group, n_groups, together=False)


def test_most_are_put_together(times):
    group = pd.factorize(times.columns.cohort)[0]
    entries = alike.entries_of(times, group, 3, together=True)
    assert len(entries.stop) <= 3 * 40 * 3 < times.n
    assert entries.copies.sum() == times.n
    again = pd.DataFrame(
        {"group": entries.group, "stop": entries.stop, "cause": entries.cause}
    ).loc[np.repeat(np.arange(len(entries.stop)), entries.copies)]
    before = pd.DataFrame({"group": group, "stop": times.stop, "cause": times.cause})
    columns = ["group", "stop", "cause"]
    pd.testing.assert_frame_equal(
        again.reset_index(drop=True), before.sort_values(columns).reset_index(drop=True)
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.assign(weight=1.5),
        lambda f: f.assign(start=(f.index == 3).astype(int)),
        lambda f: f.assign(person=f.index // 2, start=f.index % 2 * 10, stop=f.index % 2 * 10 + 9),
        lambda f: f.assign(stop=f["stop"] * 10**6),
    ],
    ids=["weights", "late entry", "several rows", "days too many for a table"],
)
def test_rows_that_differ_otherwise_are_left_apart(spoil):
    frame = pd.DataFrame({"stop": np.arange(2, 42), "event": False, "start": 0})
    frame = spoil(frame)
    roles = {name: name for name in ("weight", "person") if name in frame}
    times = TimeToEvent.from_frame(
        frame, stop="stop", event="event", start="start", unit="seconds", **roles
    )
    entries = alike.entries_of(times, np.zeros(40, np.int64), 1, together=True)
    assert entries.copies is None
    assert len(entries.stop) == 40


def test_labels_read_as_they_are_written():
    frame = pd.DataFrame({
        "day": [1, 2, 3, 4], "event": True,
        "month": pd.to_datetime(["2024-01-01", "2024-02-01"] * 2),
        "number": [10, 2, 10, 2], "share": [1.5, 2.0] * 2, "flag": [True, False] * 2,
        "unused": pd.Categorical(["b", "a"] * 2, categories=["b", "x", "a"]),
    })  # fmt: skip
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    labels = {
        name: kaplan_meier(times, by=name).groups.group.tolist() for name in frame.columns[2:]
    }
    assert labels == {
        "month": ["2024-01-01 00:00:00", "2024-02-01 00:00:00"], "number": ["2", "10"],
        "share": ["1.5", "2.0"], "flag": ["False", "True"], "unused": ["b", "a"],
    }  # fmt: skip


def test_rows_of_several_blocks_are_all_counted():
    rng = np.random.default_rng(8)
    n = 2 * alike.ROWS_IN_CACHE + 17
    day, cause, group = rng.integers(1, 100, n), rng.integers(0, 3, n), rng.integers(0, 4, n)
    label = np.array([None, "custody", "reoffence"], dtype=object)[cause]
    frame = pd.DataFrame({"day": day, "event": cause > 0, "cause": label})
    times = TimeToEvent.from_frame(frame, stop="day", event="event", cause="cause")
    found = alike.entries_of(times, group, 4, together=True)
    counted = frame.assign(cause=cause, group=group).groupby(["group", "day", "cause"]).size()
    told = pd.MultiIndex.from_arrays([found.group, found.stop, found.cause])
    assert found.copies.tolist() == counted.loc[told].tolist()
    assert found.copies.sum() == n
