"""The partial likelihood when event days are many: rows in order, a block of days at a time.

With time in hours or seconds nearly every event has a day of its own, and tables of all days by
covariates no longer fit the cache. The rows are then put in the order of their last risk set, once,
and gone through from the last day to the first: a block of days holds its own small table, and the
sum over those still at risk is carried on from block to block,

    days      [0 ... 4000)  [4000 ... 7900)  [7900 ... K)
                        <-- carry        <-- carry         from here

so the numbers are those of `partial_likelihood`, which says what is computed. A row that enters
late is taken away again in the block that holds the day before its first. The rows in order are
as large as all covariates, so a point keeps nothing by row or day: the information is made with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csc_array

from desistance.survival.covariates import Covariates
from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    Point,
    TieSums,
    drowning,
    evaluate,
    find_shift,
    information,
    mean_path,
    of_events,
    relative_risk,
    score_residuals,
    sums_by_day,
)
from desistance.survival.risksets import CELLS_IN_CACHE, DROWNED, add_up_back, order_of, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.risksets import Codes, RiskSets, Runs

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_ROWS = 1024  # of a block


@dataclass(frozen=True, slots=True, eq=False)
class InOrder(Covariates):
    """Covariates in the order of the rows' last risk set: `x` (n, p), centred."""

    x: Floats

    def block(self, rows: slice | NDArray[np.integer[Any]]) -> Floats:
        """Put together ones and the centred covariates of m rows in this order, (1 + p, m)."""
        x = self.x[rows]
        return np.vstack([np.ones(len(x)), x.T])


@dataclass(frozen=True, slots=True, eq=False)
class SweptPoint(Point):
    """A point without tables: `found` (p, p) is the information of scaled coefficients."""

    found: Floats


@dataclass(frozen=True, slots=True)
class Block:
    """A block of days: which days, rows that leave in them and rows (of `late`) that enter.

    `runs` are the strata of the days, as in `RiskSets`, counted from the first of them; `goes_on`
    says whether the last has days after the block.
    """

    days: slice
    rows: slice
    entering: slice
    runs: Runs
    goes_on: bool


@dataclass(frozen=True, slots=True, eq=False)
class ManyDays(PartialLikelihood):
    """The likelihood of rows in the order of their last risk set.

    Attributes
    ----------
    covariates : InOrder
    order : int32 array, shape (n,)
        Where each row stood before.
    late : int64 array, shape (m,)
        Rows that enter late, in the order of the risk set before their first.
    tied : int64 array, shape (q,)
        Rows that end in an event on a day of several.
    blocks : from the first days to the last
    """

    covariates: InOrder
    order: Codes
    late: Ints
    tied: Ints
    blocks: tuple[Block, ...]

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score, and information, at scaled coefficients `beta` (p,)."""
        sets, scale, p = self.sets, self.covariates.scale, self.p
        shift, slope = find_shift(self, beta), beta / scale
        risk, hazard = np.empty(sets.n), np.empty(sets.n_days)
        log, square, expected, between = 0.0, 0.0, np.zeros(p), np.zeros((p, p))
        peak, lost = 0.0, 0.0
        with np.errstate(all="ignore"):
            for days, rows, at_risk, dying in self._sweep(risk, shift, slope):
                if sets.may_drown:
                    lost += drowning(at_risk[:, 0], peak)
                    peak = max(peak, float(at_risk[:, 0].max()))
                tied = self._sums(days, at_risk, dying)
                hazard[days] = tied[1]
                log += float(tied[0].sum())
                square += float(tied[3].sum())
                r = at_risk[:, 1:]
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
                    between += self._spared(days, rows, risk, tied[2])
            if lost > sets.n_days / DROWNED:
                return evaluate(self, beta)
            value = float(self.events @ slope - shift * sets.event_weight.sum() - log)
            score = (self.events - expected) / scale
            sound = np.isfinite([value, *score, square]).all()
            found = (self._squares(risk, hazard) - between) / np.outer(scale, scale)
        none = np.zeros((0, 1 + p))
        empty = TieSums(*none.T[[0] * 6])
        return SweptPoint(
            beta, value if sound else -np.inf, score, none[:, 0], shift, none, none, empty, found
        )  # fmt: skip

    def information(self, at: Point) -> Floats:
        """Minus the second derivative by scaled coefficients, shape (p, p)."""
        return at.found if isinstance(at, SweptPoint) else information(self, at)

    def seen(self, j: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Covariate j of the rows in any risk set, and whether they end in an event."""
        return self.covariates.columns[j][self.order], self.sets.event

    def residuals(self, at: Point) -> Iterator[tuple[Codes, Floats]]:
        """What each row adds to the scaled score: where m rows stood, and (m, p)."""
        if not isinstance(at, SweptPoint):
            for rows, residuals in score_residuals(self, at):
                yield self.order[rows], residuals
            return
        sets, risk, slope = self.sets, np.empty(self.sets.n), at.beta / self.covariates.scale
        tied, path = self.by_day(at)
        path = np.vstack([sets.running(path, out=path), np.zeros((1, self.p))])
        hazard = sets.over_stay(tied.hazard, tied.hazard_tied)
        for days, rows, at_risk, dying in self._sweep(risk, at.shift, slope):
            r, d = at_risk[:, 1:], dying[:, 1:]
            weight = sets.event_weight[days, None]
            mean = (tied.hazard[days, None] * r - tied.hazard_tied[days, None] * d) / weight
            spared = tied.square_tied[days, None] * r - tied.square_twice[days, None] * d
            happened = sets.event[rows] * (1.0 if sets.weight is None else sets.weight[rows])
            local = sets.last[rows] - days.start
            stay = path.take(sets.last[rows], axis=0) - sets.event[rows, None] * spared[local]
            if sets.before is not None:
                stay -= path.take(sets.before[rows], axis=0)
            residuals = (happened - risk[rows] * hazard[rows])[:, None] * self.covariates.x[rows]
            residuals += risk[rows, None] * stay - happened[:, None] * mean[local]
            yield self.order[rows], residuals / self.covariates.scale

    def by_day(self, at: Point) -> tuple[TieSums, Floats]:
        """As `PartialLikelihood.by_day`, by one more pass."""
        if not isinstance(at, SweptPoint):
            return at.tied, mean_path(at)
        sums = np.empty((6, self.sets.n_days))
        path = np.empty((self.sets.n_days, self.p))
        risk, slope = np.empty(self.sets.n), at.beta / self.covariates.scale
        for days, _, at_risk, dying in self._sweep(risk, at.shift, slope):
            tied = sums[:, days] = self._sums(days, at_risk, dying)
            out = np.multiply(at_risk[:, 1:], tied[3][:, None], out=path[days])
            shared = np.flatnonzero(tied[4])
            out[shared] -= tied[4, shared, None] * dying[shared, 1:]
        return TieSums(*sums), path

    def _squares(self, risk: Floats, hazard: Floats) -> Floats:
        """Add up squares of the rows by `risk` (n,) and all the hazard of their days: (p, p).

        `hazard` (K,) is that of each day; it is spent.
        """
        sets, total = self.sets, np.zeros((self.p, self.p))
        met = sets.running(hazard, out=hazard)
        if sets.before is not None:
            met = np.append(met, 0.0)
        for rows in sets.blocks(1 + self.p, tables=False):
            weight = met[sets.last[rows]]
            if sets.before is not None:
                weight -= met[sets.before[rows]]
            weight *= risk[rows]
            x = self.covariates.x[rows] * np.sqrt(weight, out=weight)[:, None]
            total += x.T @ x
        return total

    def _spared(self, days: slice, rows: slice, risk: Floats, hazard: Floats) -> Floats:
        """Add up squares of the rows with a tied event by the hazard they are spared, (p, p).

        `risk` is (n,), `hazard` (days,) what they are spared on each day of a block.
        """
        own = self.tied[slice(*np.searchsorted(self.tied, [rows.start, rows.stop]))]
        x = self.covariates.x[own]
        weight = risk[own] * hazard[self.sets.last[own] - days.start]
        return (x * weight[:, None]).T @ x

    def _sweep(
        self, risk: Floats, shift: float, slope: Floats
    ) -> Iterator[tuple[slice, slice, Floats, Floats]]:
        """Go from the last day to the first: days, their rows, sums over risk sets and events.

        The sums are (days, 1 + p) each, at `slope` (p,); `risk` (n,) is filled in on the way.
        """
        sets, x, width = self.sets, self.covariates.x, 1 + self.p
        carry = np.zeros(width)
        for block in reversed(self.blocks):
            days, rows, late = block.days, block.rows, self.late[block.entering]
            first, n = days.start, days.stop - days.start
            risk[rows] = relative_risk(sets, rows, x[rows] @ slope - shift)
            leaves = sets.last[rows] - np.int32(first) + np.int32(n) * sets.event[rows]
            alive, dying = _scattered(leaves, risk[rows], x[rows], 2 * n).reshape(2, n, width)
            pairs = np.zeros((n, width + width % 2))
            at_risk = np.add(alive, dying, out=pairs[:, :width])
            if sets.before is not None and len(late):
                at_risk -= _scattered(sets.before[late] - np.int32(first), risk[late], x[late], n)
            if block.goes_on:
                at_risk[-1] += carry
            table = pairs.view(complex)  # two columns at once: half of the time
            add_up_back(table, block.runs, out=table)
            yield days, rows, at_risk, dying
            carry = at_risk[0].copy()

    def _sums(self, days: slice, at_risk: Floats, dying: Floats) -> Floats:
        """Sums of `TieSums`, in its order, shape (6, days)."""
        d, weight = self.sets.n_events[days], self.sets.event_weight[days]
        sums = np.zeros((6, len(d)))
        return sums_by_day(self.ties, d, weight, at_risk[:, 0], dying[:, 0], sums)


def _scattered(codes: Codes, risk: Floats, x: Floats, n_codes: int) -> Floats:
    """Add up `risk` (m,), alone and times `x` (m, p), by codes of the rows: (codes, 1 + p)."""
    ends = np.arange(len(risk) + 1, dtype=np.int32)
    summed = np.empty((n_codes, 1 + x.shape[1]))
    summed[:, 0] = np.bincount(codes, risk, n_codes)
    summed[:, 1:] = csc_array((risk, codes, ends), shape=(n_codes, len(risk))) @ x
    return summed


def many_days(sets: RiskSets, covariates: Covariates, ties: Ties) -> ManyDays:
    """Set up the likelihood of rows put in order."""
    width, none = 1 + len(covariates.names), np.int32(sets.n_days)
    order = order_of(sets.last)[: np.count_nonzero(sets.has_say)].astype(np.int32)
    in_order = replace(
        sets,
        last=sets.last[order],
        before=None if sets.before is None else sets.before[order],
        event=sets.event[order],
        weight=None if sets.weight is None else sets.weight[order],
    )
    x, events = np.empty((len(order), width - 1)), np.zeros(width - 1)
    for j, (column, centre) in enumerate(zip(covariates.columns, covariates.centre, strict=True)):
        for rows in in_order.blocks(width, tables=False):
            np.subtract(column.take(order[rows]), centre, out=x[rows, j])
    for rows in in_order.blocks(width, tables=False):
        events += of_events(in_order, rows, x[rows].T)
    late, enters = np.zeros(0, np.int64), np.zeros(0, np.int32)
    if in_order.before is not None:
        late = order_of(in_order.before)[: np.count_nonzero(in_order.before < none)]
        enters = in_order.before[late]
    tied = np.flatnonzero(in_order.event & (sets.n_events[in_order.last] > 1))
    n_rows = CELLS_IN_CACHE // 2 // width  # of a block, beside which its tables of days stand
    some = np.arange(0, len(order), max(FEWEST_ROWS, n_rows))
    days = np.unique(np.append(in_order.last[some], [np.int32(0), none]))
    cuts = np.column_stack(
        [days, np.searchsorted(in_order.last, days), np.searchsorted(enters, days)]
    ).tolist()
    blocks = [
        Block(slice(d, e), slice(r, s), slice(m, t), *_strata(sets.stratum, d, e))
        for (d, r, m), (e, s, t) in pairwise(cuts)
    ]
    c = covariates
    return ManyDays(
        in_order, InOrder(c.names, c.columns, c.centre, c.scale, c.reach, x), ties, events,
        order, late, tied, tuple(blocks),
    )  # fmt: skip


def _strata(stratum: Ints, first: int, end: int) -> tuple[Runs, bool]:
    """The strata of the days from `first` to before `end`, and whether the last goes on."""
    return runs_of(stratum[first:end]), bool((stratum[end : end + 1] == stratum[end - 1]).any())
