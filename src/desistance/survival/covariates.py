"""The numbers of a model's covariates: centred as they are read, block by block.

Columns are never copied into one matrix: blocks of rows are put together when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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

    def block(self, rows: slice | NDArray[np.integer[Any]]) -> Floats:
        """Put together ones and the centred covariates of m rows, shape (1 + p, m)."""
        m = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        x = np.empty((1 + len(self.columns), m))
        x[0] = 1.0
        for j, (column, centre) in enumerate(zip(self.columns, self.centre, strict=True), 1):
            np.subtract(column[rows], centre, out=x[j])
        return x

    def put_together(self, matrix: Floats) -> PutTogether:
        """Read the covariates from a `matrix` (m, 1 + p) from here on."""
        return PutTogether(self.names, self.columns, self.centre, self.scale, self.reach, matrix)


@dataclass(frozen=True, slots=True, eq=False)
class PutTogether(Covariates):
    """Covariates put together once: `matrix` (m, 1 + p) holds ones and the centred covariates."""

    matrix: Floats

    def block(self, rows: slice | NDArray[np.integer[Any]]) -> Floats:
        """Copy ones and the centred covariates of m rows in the matrix's order, (1 + p, m)."""
        return self.matrix[rows].T.copy()


def covariates(times: TimeToEvent, terms: Sequence[Term], sets: RiskSets) -> Covariates:
    """Read the covariates of `terms` for the rows of `times`."""
    columns = [x for term in terms for x in term.values(times.columns)]
    return measured(tuple(name for term in terms for name in term.names), columns, sets)


def measured(names: tuple[str, ...], columns: Sequence[NDArray[Any]], sets: RiskSets) -> Covariates:
    """Hold covariates, each of shape (n,), with what they are centred and scaled by."""
    measures = measure(columns, sets)
    return Covariates(names, tuple(columns), *centre_scale_reach(measures))


def measure(columns: Sequence[NDArray[Any]], sets: RiskSets) -> Floats:
    """Count, least, most, mean and squared deviations of rows in any risk set, shape (5, p)."""
    say, blocks = sets.has_say, [np.zeros((5, len(columns)))]
    everyone = bool(say.all())
    for rows in sets.blocks(len(columns), tables=False) if columns else ():
        x = np.array([column[rows] for column in columns], dtype=float)
        blocks.append(_measure(x if everyone else x.take(np.flatnonzero(say[rows]), axis=1)))
    return pooled(blocks)


def _measure(x: Floats) -> Floats:
    """Measure a block, shape (p, m)."""
    p, m = x.shape
    if not m:
        return np.zeros((5, p))
    mean = x.mean(axis=1)
    low, high = x.min(axis=1), x.max(axis=1)
    x -= mean[:, None]
    return np.array([np.full(p, m), low, high, mean, np.einsum("ij,ij->i", x, x)])


def pooled(measures: Sequence[Floats]) -> Floats:
    """Measures of rows together, from those of blocks of them, shape (5, p)."""
    some = [m for m in measures if m[0].any()] or list(measures[:1])
    if len(some) == 1:
        return some[0]
    n, low, high, mean, squares = np.stack(some, axis=1)
    total = np.maximum(n.sum(axis=0), 1)
    whole = mean[0] + (n * (mean - mean[0])).sum(axis=0) / total
    off = squares.sum(axis=0) + (n * (mean - whole) ** 2).sum(axis=0)
    return np.array([n.sum(axis=0), low.min(axis=0), high.max(axis=0), whole, off])


def centre_scale_reach(measures: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation (1 for a constant) and reach of p covariates, (p,) each."""
    n, low, high, mean, squares = measures
    constant = low == high
    centre = np.where(constant, low, mean)
    spread = np.where(constant, 1.0, np.sqrt(squares / np.maximum(n, 1)))
    reach = np.where(constant, 0.0, np.maximum(high - centre, centre - low) / spread)
    return centre, spread, reach
