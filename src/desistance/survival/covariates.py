"""The numbers of a model's covariates: centred as they are read, block by block.

Columns are never copied into one matrix: blocks of rows are put together when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.survival.risksets import CELLS_IN_CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.survival.terms import Term
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """The covariates of n rows, centred as they are read.

    Attributes
    ----------
    names : of the p covariates
    columns : p arrays of shape (n,), numbers or bool
    centre, scale, reach : float64 arrays, shape (p,)
        Mean and standard deviation over the rows in any risk set, and the furthest any such
        row lies from the mean, in standard deviations.
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    centre: Floats
    scale: Floats
    reach: Floats

    def block(self, rows: slice) -> Floats:
        """Put together ones and the centred covariates of m rows, shape (1 + p, m)."""
        x = np.empty((1 + len(self.columns), rows.stop - rows.start))
        x[0] = 1.0
        for j, (column, centre) in enumerate(zip(self.columns, self.centre, strict=True), 1):
            np.subtract(column[rows], centre, out=x[j])
        return x


def covariates(times: TimeToEvent, terms: Sequence[Term], sets: RiskSets) -> Covariates:
    """Read the covariates of `terms` for the rows of `times`."""
    columns = [x for term in terms for x in term.values(times.columns[term.column])]
    say = sets.has_say
    if say.all():
        measures = [_measure(column) for column in columns] if sets.n else []
    else:
        measures = [_measure(column[say]) for column in columns] if say.any() else []
    centre, scale, reach = np.array(measures or [(0.0, 1.0, 0.0)] * len(columns)).reshape(-1, 3).T
    names = tuple(name for term in terms for name in term.names)
    return Covariates(names, tuple(columns), centre, scale, reach)


def _measure(column: NDArray[Any]) -> tuple[float, float, float]:
    """Mean, standard deviation (1 for a constant) and reach of one covariate."""
    low, high = float(column.min()), float(column.max())
    if low == high:
        return low, 1.0, 0.0
    mean = float(column.mean())
    squares = 0.0
    for first in range(0, len(column), CELLS_IN_CACHE):
        off = column[first : first + CELLS_IN_CACHE] - mean
        squares += float(np.dot(off, off))
    spread = (squares / len(column)) ** 0.5
    return mean, spread, max(high - mean, mean - low) / spread
