"""What rows must say before competing events can be told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError
from desistance.timetoevent import as_times, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.timetoevent import HasTimes, TimeToEvent

    Ints = NDArray[np.int64]


def first_events(data: TimeToEvent | HasTimes) -> TimeToEvent:
    """Take rows whose events have causes and are not followed by anything; say if there are none.

    Raises
    ------
    ModelError
        If the rows name no causes, or go on after an event.
    """
    times = as_times(data)
    causes_of(times)
    if times.n_people < times.n:
        _refuse_what_follows(times)
    if not times.event.any():
        none = "No row has an event, so no cause can be counted."
        return replace(times, caveats=(*times.caveats, none))
    return times


def _refuse_what_follows(times: TimeToEvent) -> None:
    last = np.zeros(times.n_people, np.int64)
    np.maximum.at(last, times.person, times.stop)
    after = times.event & (times.stop < last[times.person])
    if after.any():
        raise ModelError(
            f"After the event of {where(after)} the same person has more rows: competing events "
            "are of first events; leave what follows out."
        )


def causes_of(times: TimeToEvent) -> Ints:
    """Give the cause of each row, shape (n,): 0 for none, else 1, 2, ..."""
    if times.cause is None:
        raise ModelError(
            "These rows do not say which kind of event came: name the column with "
            "`TimeToEvent.from_frame(..., cause=...)`, or take `followed.by_cause(...)`."
        )
    return times.cause


def cause_code(times: TimeToEvent, cause: str) -> int:
    """Find the code of a named cause."""
    if cause not in times.cause_labels:
        there = ", ".join(map(repr, times.cause_labels)) or "none"
        raise ModelError(f"{cause!r} is no cause of any event; there are {there}.")
    return times.cause_labels.index(cause) + 1
