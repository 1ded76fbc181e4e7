"""Rows that fare alike, put together and counted: most of a large table says little that is new.

People of one row each, all watched from day 0, differ to a curve or a test only in their group,
their last day and what came on it. So a million of them are a few thousand entries, and each
entry stands for as many rows as it has `copies` (see `RiskSets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from desistance.survival.risksets import CELLS_IN_CACHE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

ROWS_IN_CACHE = 32_768


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """What m entries say, each of one row, or of as many as there are copies; arrays (m,).

    `cause` is 0 for no event, and 1 for every event where rows name no causes; `copies` is None
    where every entry is a row.
    """

    group: Ints
    start: Ints
    stop: Ints
    event: NDArray[np.bool_]
    person: Ints
    cause: Ints
    copies: Ints | None = None


def entries_of(times: TimeToEvent, group: Ints, n_groups: int, *, together: bool) -> Entries:
    """Enter rows (n,) one by one; those that fare alike `together`, if any may be."""
    cause: NDArray[Any] = times.event if times.cause is None else times.cause
    alone = together and times.weight is None and times.n_people == times.n
    span, kinds = times.last_day + 1, max(2, len(times.cause_labels) + 1)
    n_cells = n_groups * span * kinds
    if not alone or times.enters_late or n_cells > 4 * times.n + CELLS_IN_CACHE:
        cause = cause.astype(np.int64, copy=False)
        return Entries(group, times.start, times.stop, times.event, times.person, cause)
    counts = np.zeros(n_cells, np.int64)
    size = max(ROWS_IN_CACHE, n_cells)
    for first in range(0, times.n, size):
        rows = slice(first, first + size)
        cells = times.stop[rows] * kinds
        cells += cause[rows]
        if n_groups > 1:
            cells += group[rows] * (span * kinds)
        counts += np.bincount(cells, minlength=n_cells)
    there = np.flatnonzero(counts)
    place, code = np.divmod(there, kinds)
    return Entries(
        place // span, np.zeros(len(there), np.int64), place % span, code > 0,
        np.arange(len(there)), code, counts[there],
    )  # fmt: skip
