"""What subtraction gives back: a suppressed count is safe only while several values fit it.

Someone may know the rounded size of a whole group, or the rounded total of a column, from
another table. From these and the shown cells they bound each suppressed count. While the bounds
leave fewer than `LEAST_DOUBT` values, one more count of the same sum is hidden: the smallest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.disclosure.policy import DisclosurePolicy

LEAST_DOUBT = 3  # values a reader must hold possible


def hide_what_subtracts(
    counts: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    sums: Sequence[NDArray[np.int64]],
    policy: DisclosurePolicy,
) -> NDArray[np.bool_]:
    """Say which further cells must be hidden.

    Parameters
    ----------
    counts, hidden : arrays, shape (cells,)
        The true counts, and which are hidden already.
    sums : arrays of cell numbers
        The cells of each sum whose rounded true total somebody may know.

    Returns
    -------
    bool array, shape (cells,)
        The cells to hide besides `hidden`.
    """
    sums = [cells for cells in sums if not np.isnan(counts[cells]).any()]
    now = hidden.copy()
    if not sums:
        return now & ~hidden
    while True:
        low, high = _bounds(counts, now, sums, policy)
        choices = [
            (high[cell] - low[cell], counts[shown].min(), shown[np.argmin(counts[shown])])
            for cells in sums
            for cell in cells[now[cells]]
            if high[cell] - low[cell] + 1 < LEAST_DOUBT
            if (shown := cells[~now[cells] & (counts[cells] > 0)]).size
        ]
        if not choices:
            return now & ~hidden
        now[min(choices)[2]] = True


def _bounds(
    counts: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    sums: Sequence[NDArray[np.int64]],
    policy: DisclosurePolicy,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound each hidden count by what is shown and by all sums at once."""
    low, high = _before_rounding(counts, policy)
    low = np.where((low > 0) & ~hidden, np.maximum(low, policy.min_cell), low)
    only_small = (counts[hidden] < policy.min_cell).all()  # else nobody knows which are the small
    low[hidden] = counts[hidden].min(initial=1)
    high[hidden] = policy.min_cell - 1 if only_small else counts.sum() + policy.min_cell
    member = np.zeros((len(sums), counts.size))
    for row, cells in zip(member, sums, strict=True):
        row[cells] = 1
    least, most = _before_rounding(member @ counts, policy)
    above, below = np.vstack([member, -member]), np.concatenate([most, -least])
    for cell in np.flatnonzero(hidden):
        goal = (np.arange(counts.size) == cell).astype(float)
        # Rows, columns and the whole are a network: the least and the most are whole numbers.
        low[cell], high[cell] = (
            round(
                sign * linprog(sign * goal, above, below, bounds=np.column_stack([low, high])).fun
            )
            for sign in (1, -1)
        )
    return low, high


def _before_rounding(
    counts: NDArray[np.float64], policy: DisclosurePolicy
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the most a count can have been, by what a table shows of it."""
    shown, half = policy.rounded(counts), policy.round_to // 2
    small = policy.is_small(counts)
    least = np.where(counts == 0, 0, np.where(small, 1, shown - half))
    most = np.where(small, policy.min_cell - 1, shown + policy.round_to - 1 - half)
    return least.astype(float), np.where(counts == 0, 0, most).astype(float)
