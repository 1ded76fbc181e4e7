"""Who is drawn: whole people, or whole groups of a column, with all their rows.

Replicate number b draws as many units as there are, each with equal chance and put back, from a
stream of its own: child b of the seed. So a replicate is the same whoever computes it, in
whichever company, and can be drawn again alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.survival.terms import labelled
from desistance.timetoevent import where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is drawn: `code` (n,) names the unit of each row, 0..size - 1."""

    name: str
    code: Ints
    size: int
    seed: int

    def drawn(self, replicate: int) -> Ints:
        """How many times a replicate draws each row's unit, shape (n,)."""
        stream = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(replicate,)))
        times = np.bincount(stream.integers(0, self.size, self.size), minlength=self.size)
        return times[self.code]


def units_of(times: TimeToEvent, by: str, seed: int) -> tuple[TimeToEvent, Units]:
    """Find the units, leaving out and counting rows where the column `by` is empty."""
    kept, code = (times, times.person) if by == "person" else labelled(times, by)[:2]
    size = int(code.max(initial=-1)) + 1
    if size < 2:
        raise ModelError(f"There are {size} units to draw from: a bootstrap takes at least 2.")
    of_person = np.zeros(int(kept.person.max()) + 1, np.int64)
    of_person[kept.person] = code
    torn = of_person[kept.person] != code
    if torn.any():
        raise ModelError(
            f"In {where(torn)} a person is in one group of {by!r} and in another elsewhere: draw "
            "groups that hold whole people."
        )
    return kept, Units(by, code.astype(np.int64), size, seed)


def written_out(times: TimeToEvent, count: Ints, *, apart: str | None = None) -> TimeToEvent:
    """Write row i out `count[i]` times; somebody drawn twice is two people.

    So is a group of the column `apart` two groups, if there is one: its labels become numbers.
    """
    rows = np.repeat(np.arange(times.n), count)
    copy = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    copies = int(count.max(initial=0)) + 1
    person = np.unique(times.person[rows] * copies + copy, return_inverse=True)[1].astype(np.int64)
    drawn = replace(_rows_of(times, rows), person=person)
    if apart is None:
        return drawn
    group = pd.factorize(drawn.columns[apart])[0] * copies + copy
    return replace(drawn, columns=drawn.columns.assign(**{apart: group}))


def weighed(times: TimeToEvent, count: Ints) -> TimeToEvent:
    """Keep the rows drawn, each weighing as many times as it was drawn."""
    rows = np.flatnonzero(count)
    drawn = _rows_of(times, rows)
    weight = count[rows].astype(float)
    person = np.unique(drawn.person, return_inverse=True)[1].astype(np.int64)
    return replace(
        drawn, person=person, weight=weight if drawn.weight is None else weight * drawn.weight
    )


def _rows_of(times: TimeToEvent, rows: Ints) -> TimeToEvent:
    def taken(values: Any) -> Any:
        return None if values is None else values[rows]

    return replace(
        times, start=times.start[rows], stop=times.stop[rows], event=times.event[rows],
        person=times.person[rows], strata=taken(times.strata), weight=taken(times.weight),
        cause=taken(times.cause), columns=times.columns.iloc[rows].reset_index(drop=True),
        n_in=len(rows), left_out={},
    )  # fmt: skip
