"""A partial likelihood whose rows are read block by block, each pass anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    clustered_score,
    find_shift,
    point_at,
    risks,
    scatter,
    squares,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

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


@dataclass(frozen=True, slots=True, eq=False)
class BlockedLikelihood(PartialLikelihood):
    """The likelihood of rows in blocks: `sets` and `covariates` hold days and measures, no row.

    `read` goes through the blocks once, in the same order every time.
    """

    read: Callable[[], Iterator[Part]]

    def map(self, function: Callable[[Part], T]) -> Iterator[T]:
        """Apply a function to every block, one after the other."""
        return map(function, self.read())

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score at scaled coefficients `beta` (p,): a pass over the blocks."""
        shift = self._shift(beta)
        tables = self.map(lambda part: scatter(part.problem, beta, shift)[0])
        table = reduce(add, tables, self.sets.empty_table(1 + self.p))
        return point_at(self, beta, shift, np.zeros(0), table)

    def _shift(self, beta: Floats) -> float:
        """The largest exponent of any block, where any could overflow; else 0, without a pass."""
        if find_shift(self, beta) == 0.0:
            return 0.0
        return max(self.map(lambda part: find_shift(part.problem, beta)))

    def squares(self, at: Point) -> Floats:
        """Add up hazard-weighted squares of the covariates over the rows, shape (p, p)."""

        def of_part(part: Part) -> Floats:
            return squares(part.problem, at, risks(part.problem, at.beta, at.shift))

        return reduce(add, self.map(of_part), np.zeros((self.p, self.p)))

    def seen(self, j: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Covariate j's values in any risk set, at most a few of each, and whether an event."""
        pairs = [
            np.unique(np.column_stack(part.problem.seen(j)), axis=0)[:3] for part in self.read()
        ]
        values, event = np.concatenate(pairs).T
        return values, event.astype(bool)

    def sandwich(self, at: Point, bread: Floats, *, n_clusters: int | None) -> Floats:
        """Squares of what clusters move the scaled coefficients by, added up, shape (p, p).

        With `n_clusters` their codes go over all blocks; without, no cluster goes over two.
        """
        meat = np.zeros((self.p, self.p))
        total = np.zeros((n_clusters or 0, self.p))
        for part in self.read():
            here = replace(at, risk=risks(part.problem, at.beta, at.shift))
            score = clustered_score(part.problem, here, part.cluster)
            if n_clusters is None:
                meat += score.T @ score
            else:
                total[: len(score)] += score
        return bread @ (meat + total.T @ total) @ bread
