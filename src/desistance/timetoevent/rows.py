"""What a row of people at risk says.

A row says that a person was at risk from just after day `start` up to and including day `stop`,
written (start, stop], and whether the event came on day `stop`. So somebody whose row starts on
day 30 is not yet at risk for an event on day 30, and an event on the day of a censoring comes
first. A person may have many rows; they must not overlap, and nothing may follow the event of a
first-event analysis.

    day        0        30        60        90
    person A   (---------]  event on day 30
    person B            (---------]  censored on day 60: at risk from day 31
    person C   (-------------------------]  two rows, (0, 45] and (45, 90], are the same person-time

Times are whole days, or whole units of another clock (weeks, minutes). They are checked once,
here, at the door; nobody downstream checks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.timetoevent.columns import (
    causes_of,
    codes,
    columns_exist,
    people_of,
    truth,
    weights_of,
    where,
    whole,
)
from desistance.timetoevent.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FEWEST_ROWS = 10  # so many different rows are not all there twice by chance
LONGEST = {  # 120 years, as the clock may be age
    "days": 43_830, "weeks": 6_262, "months": 1_440, "years": 120,
    "hours": 43_830 * 24, "minutes": 43_830 * 1_440, "seconds": 43_830 * 86_400,
}  # fmt: skip
PER_YEAR = {
    "days": 365.25, "weeks": 365.25 / 7, "months": 12.0, "years": 1.0,
    "hours": 365.25 * 24, "minutes": 365.25 * 1_440, "seconds": 365.25 * 86_400,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TimeToEvent:
    """Checked (start, stop] rows, with the columns that terms may be taken from.

    Attributes
    ----------
    start, stop : int64 arrays, shape (n,)
        In whole `unit`s; ``0 <= start < stop``.
    event : bool array, shape (n,)
        Whether the event came on day `stop`.
    person : int64 array, shape (n,), values 0..n_people - 1
        Which rows belong together; each row its own person when none was named.
    strata : int64 array, shape (n,), or None
        Codes 0..n_strata - 1 of `strata_labels`.
    weight : float64 array, shape (n,), or None
        Above zero.
    cause : int64 array, shape (n,), or None
        0 where there is no event, else 1.. for the labels `cause_labels`.
    columns : DataFrame, n rows
        What terms and groups are named from, in the same order as the arrays.
    n_in, left_out
        Rows that came in, and how many were left out for which reason; always
        ``n_in == n + sum(left_out.values())``.
    person_column
        The column `person` was read from, so that no model takes an id for a term.
    caveats
        What is odd about the rows, though no rule forbids it; estimators repeat it.
    outcome_columns
        The columns of `stop`, event and cause: what happened is no term either (`start` may be: it
        is known on entry).
    last_day : int
        The latest `stop`, 0 of no rows.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    event: NDArray[np.bool_]
    person: NDArray[np.int64]
    strata: NDArray[np.int64] | None
    weight: NDArray[np.float64] | None
    cause: NDArray[np.int64] | None
    strata_labels: tuple[str, ...]
    cause_labels: tuple[str, ...]
    columns: pd.DataFrame
    unit: str
    n_in: int
    left_out: dict[str, int]
    person_column: str | None = None
    caveats: tuple[str, ...] = ()
    outcome_columns: frozenset[str] = frozenset()
    last_day: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "last_day", int(self.stop.max(initial=0)))

    @property
    def n(self) -> int:
        """How many rows are used."""
        return len(self.stop)

    @property
    def n_people(self) -> int:
        """How many people they are of: where no column says, every row is of another."""
        return self.n if self.person_column is None else int(self.person.max(initial=-1)) + 1

    @property
    def enters_late(self) -> bool:
        """Whether any row starts after day 0; where one start is that of all, by a look at one."""
        return bool((self.start[:1] if self.start.strides == (0,) else self.start).any())

    def first_rows(self) -> NDArray[np.int64] | slice:
        """Index each person's first row, n_people in all: a slice where every row is of another."""
        if self.person_column is None:
            return slice(None)
        order = np.arange(self.n)[in_order(self.person, self.start)]
        return order[np.flatnonzero(np.diff(self.person[order], prepend=-1))]

    def __repr__(self) -> str:
        return (
            f"<TimeToEvent: {self.n} rows of {self.n_people} people, "
            f"{int(self.event.sum())} events, in {self.unit}>"
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        stop: str,
        event: str,
        start: str | None = None,
        person: str | None = None,
        strata: str | None = None,
        weight: str | None = None,
        cause: str | None = None,
        unit: str = "days",
        recurrent: bool = False,
    ) -> TimeToEvent:
        """Check a plain frame once and hold it as rows of people at risk.

        Parameters
        ----------
        frame
            One row per stretch of time at risk.
        stop, start
            Columns of whole numbers; `start` is 0 for everyone when left out.
        event
            Column of bool or 0/1; nothing else is guessed at.
        person, strata, weight, cause
            Columns of ids, strata, weights above zero, and labels of the kind of event
            (read where `event` is true).
        unit
            "days", "weeks", "months" or "years", or of a finer clock, from time stamps, "hours",
            "minutes" or "seconds": only printed, never converted.
        recurrent
            Whether a person may have rows after an event.

        Raises
        ------
        DataError
            With every fault found: which column, how many rows, the first row numbers
            (counted from 0), and what to do. Rows with an empty time, event, stratum or
            weight are faults, not silently dropped.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"week": [20, 17, 52], "arrest": [1, 1, 0]})
        >>> TimeToEvent.from_frame(frame, stop="week", event="arrest", unit="weeks")
        <TimeToEvent: 3 rows of 3 people, 2 events, in weeks>
        """
        if unit not in LONGEST:
            raise DataError(f"`unit` must be one of {', '.join(LONGEST)}.")
        named = {
            "stop": stop, "event": event, "start": start, "person": person,
            "strata": strata, "weight": weight, "cause": cause,
        }  # fmt: skip
        if not isinstance(frame, pd.DataFrame):
            raise DataError(
                f"The rows come in a pandas DataFrame, not in a {type(frame).__name__}."
            )
        columns_exist(frame, named)
        frame = plain(frame)
        faults: list[str] = []
        n = len(frame)
        stops = whole(frame, stop, faults)
        starts = np.broadcast_to(np.int64(0), n) if start is None else whole(frame, start, faults)
        events = truth(frame, event, faults)
        people = np.arange(n) if person is None else people_of(frame, person, faults)
        stratum, strata_labels = (None, ()) if strata is None else codes(frame, strata, faults)
        weights = None if weight is None else weights_of(frame, weight, faults)
        causes: NDArray[np.int64] | None = None
        cause_labels: tuple[str, ...] = ()
        if cause is not None and not faults:
            causes, cause_labels = causes_of(frame, cause, events, faults)
        if not faults:
            faults += _person_time_faults(
                starts, stops, events, people, unit,
                names=(start or "start", stop), recurrent=recurrent,
            )  # fmt: skip
        if faults:
            raise DataError(
                "These rows cannot be used as people at risk:\n- " + "\n- ".join(faults)
            )
        return cls(
            starts, stops, events, people.astype(np.int64), stratum, weights, causes,
            strata_labels, cause_labels, frame.reset_index(drop=True), unit, n, {}, person,
            _told_of_copies(frame, person, 2 * stops + events), outcome_columns(named),
        )  # fmt: skip

    def only(self, keep: NDArray[np.bool_], reason: str) -> TimeToEvent:
        """Keep some rows; the others are counted under `reason`."""
        if keep.all():
            return self

        def kept(values: Any) -> Any:
            return None if values is None else values[keep]

        left_out = dict(self.left_out)
        left_out[reason] = left_out.get(reason, 0) + int((~keep).sum())
        return TimeToEvent(
            self.start[keep], self.stop[keep], self.event[keep],
            np.unique(self.person[keep], return_inverse=True)[1].astype(np.int64),
            kept(self.strata), kept(self.weight), kept(self.cause),
            self.strata_labels, self.cause_labels,
            self.columns[keep].reset_index(drop=True), self.unit, self.n_in, left_out,
            self.person_column, self.caveats, self.outcome_columns,
        )  # fmt: skip


def outcome_columns(roles: Mapping[str, str | None]) -> frozenset[str]:
    """Find the columns that say what happened, of those each role is read from."""
    named = (roles.get(role) for role in ("stop", "event", "cause"))
    return frozenset(name for name in named if name is not None)


def in_order(whose: NDArray[np.int64], then: NDArray[np.integer]) -> NDArray[np.int64] | slice:
    """Index rows so that they are in order of `whose`, then `then`: a slice where they lie so."""
    same, later = whose[1:] == whose[:-1], then[1:] >= then[:-1]
    if ((whose[1:] > whose[:-1]) | (same & later)).all():
        return slice(None)
    return np.lexsort((then, whose))


def _person_time_faults(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    event: NDArray[np.bool_],
    person: NDArray[np.int64],
    unit: str,
    *,
    names: tuple[str, str],
    recurrent: bool,
) -> list[str]:
    """The named faults of person-time, each counted: empty rows, overlaps, life after the event."""
    faults = []
    empty = stop <= start
    if empty.any():
        faults.append(
            f"column {names[1]!r} is not after {names[0]!r} in {where(empty)}: (start, stop] holds "
            "no time at risk; follow `followup` in what to do with an event on day 0"
        )
    longest = stop > LONGEST[unit]
    if longest.any():
        faults.append(
            f"column {names[1]!r} is longer than 120 years in {where(longest)}; is a code such as "
            "31/12/9999 among the dates?"
        )
    order = in_order(person, start)
    same = person[order][1:] == person[order][:-1]
    overlap = np.zeros(len(start), bool)
    overlap[order] = np.append(False, same & (start[order][1:] < stop[order][:-1]))[: len(start)]
    if overlap.any():
        faults.append(f"{where(overlap)} overlap an earlier row of the same person")
    if not recurrent:
        after = np.zeros(len(start), bool)
        after[order] = np.append(False, same & event[order][:-1])[: len(start)]
        if after.any():
            faults.append(
                f"{where(after)} follow the event of the same person; for repeated events pass "
                "`recurrent=True`"
            )
    return faults


def _told_of_copies(
    frame: pd.DataFrame, person: str | None, outcome: NDArray[np.int64]
) -> tuple[str, ...]:
    """Say so where every row stands several times, ids apart; `outcome` (n,) is alike in copies."""
    if _copies(np.unique(outcome, return_counts=True)[1]) < 2:
        return ()
    n = len(frame)
    try:
        alike = [
            name != person and frame.iloc[:, place].nunique() < n
            for place, name in enumerate(frame.columns)
        ]
        rows = pd.util.hash_pandas_object(frame.loc[:, alike], index=False).to_numpy()
    except TypeError:  # cells hold lists, which cannot be told apart
        return ()
    counts = np.unique(rows, return_counts=True)[1]
    if len(counts) < FEWEST_ROWS or _copies(counts) < 2:
        return ()
    return (
        f"Every row stands {_copies(counts)} times, ids apart: if the same people were read more "
        "than once, all counts are too high and all limits too narrow; keep one of each.",
    )


def _copies(counts: NDArray[np.int64]) -> int:
    return int(np.gcd.reduce(counts)) if counts.size else 0


class HasTimes(Protocol):
    """Anything that can say who was at risk when: a `FollowUp`, say."""

    def times(self) -> TimeToEvent:
        """Give the rows of people at risk."""
        ...


def as_times(data: TimeToEvent | HasTimes) -> TimeToEvent:
    """Take the rows of people at risk from what the user has in hand."""
    if isinstance(data, TimeToEvent):
        return data
    if hasattr(data, "times_in_blocks"):
        raise DataError(
            "This needs all rows at once, and they are in blocks, of which `reoffending_rates`, "
            "`kaplan_meier` and `fit_cox` can be had. For anything else take as many people as fit "
            "in memory: `follow_up` of `cases.in_memory()`, or of one part of the cases."
        )
    if hasattr(data, "times"):
        return data.times()
    raise DataError(
        f"An estimator takes a FollowUp or a TimeToEvent, not {type(data).__name__}; for a plain "
        "frame use `TimeToEvent.from_frame(frame, stop=..., event=...)`."
    )
