"""The partial likelihood when event days are many: rows in order, a block of days at a time.

With time in hours or seconds nearly every event has a day of its own, and tables of all days by
covariates no longer fit the cache. The rows are then put in the order of their last risk set, once,
and gone through from the last day to the first: a block of days holds its own small table, and the
sum over those still at risk is carried on from block to block,

    days      [0 ... 4000)  [4000 ... 7900)  [7900 ... K)
                        <-- carry        <-- carry         from here

so the numbers are those of `partial_likelihood`, which says what is computed. A row that enters
late is taken away again in the block that holds the day before its first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csc_array

from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    Point,
    TieSums,
    find_shift,
    of_events,
    relative_risk,
    sums_by_day,
)
from desistance.survival.risksets import CELLS_IN_CACHE, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.survival.covariates import Covariates, PutTogether
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_ROWS = 1024  # of a block


@dataclass(frozen=True, slots=True, eq=False)
class SweptPoint(Point):
    """A point without tables, `between` (p, p) is what they take from the information.

    `path` (K, p) is the `mean_path`, where it was made ready.
    """

    between: Floats
    path: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class ManyDays(PartialLikelihood):
    """The likelihood of rows in the order of their last risk set.

    Attributes
    ----------
    covariates : PutTogether
    order : int64 array, shape (n,)
        Where each row stood before.
    late : int64 array, shape (m,)
        Rows that enter late, in the order of the risk set before their first.
    cuts : int64 array, shape (blocks + 1, 3)
        Where each block of days begins among the days, the rows, and those that enter late.
    ends : int64 array, shape (K,)
        The day at which the next stratum begins.
    """

    covariates: PutTogether
    order: Ints
    late: Ints
    cuts: Ints
    ends: Ints

    def evaluate(self, beta: Floats, *, near: bool = False) -> SweptPoint:
        """Log-likelihood and score at scaled coefficients `beta` (p,): one pass over the rows."""
        sets, scale, p = self.sets, self.covariates.scale, self.p
        shift, slope = find_shift(self, beta), beta / scale
        line = np.append(-shift, slope)
        risk, sums = np.empty(sets.n), np.zeros((6, sets.n_days))
        expected, between = np.zeros(p), np.zeros((p, p))
        path = np.empty((sets.n_days, p)) if near else None
        with np.errstate(all="ignore"):
            for days, _, at_risk, dying in self._sweep(risk, line):
                tied = self._tied(days, at_risk, dying, out=sums[:, days])
                r = at_risk[:, 1:]
                if path is not None:
                    _mean_path(tied[3], tied[4], at_risk, dying, out=path[days])
                expected += tied[1] @ r
                x = r * np.sqrt(tied[3])[:, None]
                between += x.T @ x
                shared = np.flatnonzero(tied[2])  # days of more than one event
                if len(shared):
                    r, d = r[shared], dying[shared, 1:]
                    _, _, hazard_tied, _, square_tied, square_twice = tied[:, shared]
                    expected -= hazard_tied @ d
                    cross = (r * square_tied[:, None]).T @ d
                    between += (d * square_twice[:, None]).T @ d - cross - cross.T
            value = float(self.events @ slope - shift * sets.event_weight.sum() - sums[0].sum())
            score = (self.events - expected) / scale
            sound = np.isfinite([value, *score, sums[3].sum()]).all()
        none = np.zeros((0, 1 + p))
        return SweptPoint(
            beta,
            value if sound else -np.inf,
            score,
            risk,
            shift,
            none,
            none,
            TieSums(*sums),
            between,
            path,
        )

    def squares(self, at: Point) -> Floats:
        """Add up hazard-weighted squares of the covariates over the rows, shape (p, p)."""
        total = np.zeros((self.p, self.p))
        hazard = self.sets.over_stay(at.tied.hazard, at.tied.hazard_tied)
        for rows in self.sets.blocks(1 + self.p, tables=False):
            weight = np.sqrt(at.risk[rows] * hazard[rows])
            x = self.covariates.matrix[rows, 1:] * weight[:, None]
            total += x.T @ x
        return total

    def between(self, at: Point) -> Floats:
        """What the means of the risk sets take from the information, shape (p, p)."""
        assert isinstance(at, SweptPoint)
        return at.between

    def mean_path(self, at: Point) -> Floats:
        """Day-by-day increments of the hazard-weighted mean covariate, shape (K, p), shifted."""
        assert isinstance(at, SweptPoint)
        if at.path is not None:
            return at.path
        path = np.empty((self.sets.n_days, self.p))
        for days, _, at_risk, dying in self._sweep(at.risk):
            square, square_tied = at.tied.square[days], at.tied.square_tied[days]
            _mean_path(square, square_tied, at_risk, dying, out=path[days])
        return path

    def seen(self, j: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Covariate j of the rows in any risk set, and whether they end in an event."""
        return self.covariates.columns[j][self.order], self.sets.event

    def residuals(self, at: Point) -> Iterator[tuple[Ints, Floats]]:
        """What each row adds to the scaled score: where m rows stood, and (m, p)."""
        sets, tied = self.sets, at.tied
        path = np.vstack([sets.running(self.mean_path(at)), np.zeros((1, self.p))])
        hazard = sets.over_stay(tied.hazard, tied.hazard_tied)
        for days, rows, at_risk, dying in self._sweep(at.risk):
            r, d = at_risk[:, 1:], dying[:, 1:]
            weight = sets.event_weight[days, None]
            mean = (tied.hazard[days, None] * r - tied.hazard_tied[days, None] * d) / weight
            spared = tied.square_tied[days, None] * r - tied.square_twice[days, None] * d
            happened = sets.event[rows] * (1.0 if sets.weight is None else sets.weight[rows])
            local = sets.last[rows] - days.start
            stay = path.take(sets.last[rows], axis=0) - sets.event[rows, None] * spared[local]
            if sets.before is not None:
                stay -= path.take(sets.before[rows], axis=0)
            risk = at.risk[rows]
            residuals = (happened - risk * hazard[rows])[:, None] * self.covariates.matrix[rows, 1:]
            residuals += risk[:, None] * stay - happened[:, None] * mean[local]
            yield self.order[rows], residuals / self.covariates.scale

    def _sweep(
        self, risk: Floats, line: Floats | None = None
    ) -> Iterator[tuple[slice, slice, Floats, Floats]]:
        """Go from the last day to the first: days, their rows, sums over risk sets and events.

        The sums are (days, 1 + p) each. With `line` (1 + p,), minus the shift and slopes, `risk`
        (n,) is filled in on the way.
        """
        sets, width = self.sets, 1 + self.p
        carry = np.zeros(width)
        for begin, stop in zip(self.cuts[-2::-1].tolist(), self.cuts[:0:-1].tolist(), strict=True):
            days, rows, entering = map(slice, begin, stop)
            first, n = days.start, days.stop - days.start
            matrix = self.covariates.matrix[rows]
            if line is not None:
                risk[rows] = relative_risk(sets, rows, matrix @ line)
            leaves = sets.last[rows] - np.int32(first) + np.int32(n) * sets.event[rows]
            alive, dying = _scattered(leaves, risk[rows], matrix, 2 * n).reshape(2, n, width)
            pairs = np.zeros((n, width + width % 2))
            at_risk = np.add(alive, dying, out=pairs[:, :width])
            late = self.late[entering]
            if sets.before is not None and len(late):
                gone = self.covariates.matrix[late]
                at_risk -= _scattered(sets.before[late] - np.int32(first), risk[late], gone, n)
            end = self.ends[days] - first
            over, on = np.searchsorted(end, [n, n + 1])  # strata that end inside, and go on after
            if not on:
                at_risk[-1] += carry
            _add_up_from_the_last(pairs)
            if on:  # apart, as what is carried may be large beside the small strata before
                at_risk[:over] -= at_risk[end[:over]]
                at_risk[on:] += carry
            yield days, rows, at_risk, dying
            carry = at_risk[0].copy()

    def _tied(self, days: slice, at_risk: Floats, dying: Floats, out: Floats) -> Floats:
        d, weight = self.sets.n_events[days], self.sets.event_weight[days]
        return sums_by_day(self.ties, d, weight, at_risk[:, 0], dying[:, 0], out)


def _mean_path(
    square: Floats, square_tied: Floats, at_risk: Floats, dying: Floats, *, out: Floats
) -> None:
    """Fill in `mean_path` for a block of days, `out` (days, p); see `TieSums` and `_sweep`."""
    np.multiply(at_risk[:, 1:], square[:, None], out=out)
    shared = np.flatnonzero(square_tied)
    out[shared] -= square_tied[shared, None] * dying[shared, 1:]


def _scattered(codes: NDArray[np.int32], risk: Floats, matrix: Floats, n_codes: int) -> Floats:
    """Add up ``risk * matrix`` of m rows by their codes, shape (codes, q)."""
    ends = np.arange(len(risk) + 1, dtype=np.int32)
    summed: Floats = csc_array((risk, codes, ends), shape=(n_codes, len(risk))) @ matrix
    return summed


def _add_up_from_the_last(table: Floats) -> None:
    """Turn `table` (days, 2 q) into its sums from each day on to the last."""
    pairs = table.view(complex)[::-1]  # two columns at once: half of the time
    np.cumsum(pairs, axis=0, out=pairs)


def many_days(sets: RiskSets, covariates: Covariates, ties: Ties) -> ManyDays:
    """Set up the likelihood of rows put in order."""
    width, none = 1 + len(covariates.names), np.int32(sets.n_days)
    order = order_of(sets.last)[: np.count_nonzero(sets.has_say)]
    in_order = replace(
        sets,
        last=sets.last[order],
        before=None if sets.before is None else sets.before[order],
        leaves=sets.leaves[order],
        event=sets.event[order],
        weight=None if sets.weight is None else sets.weight[order],
    )
    as_came = np.empty((sets.n, width))  # a row is fetched whole, which is twice as fast
    events = np.zeros(width - 1)
    for rows in sets.blocks(width, tables=False):
        block = covariates.block(rows)
        as_came[rows] = block.T
        events += of_events(sets, rows, block[1:])
    x = covariates.put_together(as_came.take(order, axis=0))
    del as_came
    late, enters = np.zeros(0, np.int64), np.zeros(0, np.int32)
    if in_order.before is not None:
        late = order_of(in_order.before)[: np.count_nonzero(in_order.before < none)]
        enters = in_order.before[late]
    n_rows = CELLS_IN_CACHE // width  # of a block
    some = np.arange(0, len(order), max(FEWEST_ROWS, n_rows))
    days = np.unique(np.append(in_order.last[some], [np.int32(0), none]))
    cuts = [days, np.searchsorted(in_order.last, days), np.searchsorted(enters, days)]
    ends = np.searchsorted(sets.stratum, sets.stratum, side="right")
    return ManyDays(
        in_order, x, ties, events, order, late, np.column_stack(cuts), ends
    )  # fmt: skip
