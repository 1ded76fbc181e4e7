"""A partial likelihood whose rows are read block by block, each pass anew.

What a fit needs of the rows are sums over them: each block is mapped to its sums, and these are
added up. Between the sums nothing is kept but arrays as long as the event days, so blocks in
memory, in files, or on other machines give the same numbers. Risk sets are as in `risksets`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    clustered_score,
    find_shift,
    point_at,
    risks,
    scatter,
    squares,
    tables_by_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import Point

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The likelihood of one block of rows, on the event days of all, and each row's cluster."""

    problem: PartialLikelihood
    cluster: Ints


class Pass(Protocol):
    """One pass over the blocks, in the same order every time."""

    def __call__(self, function: Callable[[Part], T]) -> Iterator[T]:
        """Apply a function to every block; it may run elsewhere, so it holds only small things."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BlockedLikelihood(PartialLikelihood):
    """The likelihood of rows in blocks: `sets` and `covariates` hold days and measures, no row."""

    each: Pass

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score at scaled coefficients `beta` (p,): a pass over the blocks."""
        shift = self._shift(beta)
        tables = self.each(partial(_table, beta, shift))
        table = reduce(add, tables, self.sets.empty_table(1 + self.p))
        return point_at(self, beta, shift, np.zeros(0), table)

    @property
    def may_drown(self) -> bool:
        """Of rows that are not here nobody knows."""
        return True

    def by_size(self, beta: Floats, shift: float, risk: Floats) -> dict[int, Floats]:  # noqa: ARG002
        """Scatter the rows by the size of their risk: one more pass."""
        together: dict[int, Floats] = {}
        for tables in self.each(partial(_by_size, beta, shift)):
            for size, table in tables.items():
                together[size] = together[size] + table if size in together else table
        return together

    def _shift(self, beta: Floats) -> float:
        """The largest exponent of any block, where any could overflow; else 0, without a pass."""
        if find_shift(self, beta) == 0.0:
            return 0.0
        return max(self.each(partial(_shift_of, beta)))

    def squares(self, at: Point) -> Floats:
        """Add up hazard-weighted squares of the covariates over the rows, shape (p, p)."""
        return reduce(add, self.each(partial(_squares, at)), np.zeros((self.p, self.p)))

    def seen(self, j: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Covariate j's values in any risk set, at most a few of each, and whether an event."""
        values, event = np.concatenate(list(self.each(partial(_seen, j)))).T
        return values, event.astype(bool)

    def sandwich(self, at: Point, bread: Floats, *, n_clusters: int | None) -> Floats:
        """Squares of what clusters move the scaled coefficients by, added up, shape (p, p).

        With `n_clusters` their codes go over all blocks; without, no cluster goes over two.
        """
        if n_clusters is None:
            meat = reduce(add, self.each(partial(_squared_scores, at)), np.zeros((self.p, self.p)))
            return bread @ meat @ bread
        total = np.zeros((n_clusters, self.p))
        for score in self.each(partial(_scores, at)):
            total[: len(score)] += score
        return bread @ (total.T @ total) @ bread


def _table(beta: Floats, shift: float, part: Part) -> Floats:
    return scatter(part.problem, beta, shift)[0]


def _by_size(beta: Floats, shift: float, part: Part) -> dict[int, Floats]:
    return tables_by_size(part.problem, risks(part.problem, beta, shift))


def _shift_of(beta: Floats, part: Part) -> float:
    return find_shift(part.problem, beta)


def _squares(at: Point, part: Part) -> Floats:
    return squares(part.problem, at, risks(part.problem, at.beta, at.shift))


def _seen(j: int, part: Part) -> Floats:
    return np.unique(np.column_stack(part.problem.seen(j)), axis=0)[:3].astype(float)


def _scores(at: Point, part: Part) -> Floats:
    here = replace(at, risk=risks(part.problem, at.beta, at.shift))
    return clustered_score(part.problem, here, part.cluster)


def _squared_scores(at: Point, part: Part) -> Floats:
    score = _scores(at, part)
    return score.T @ score
