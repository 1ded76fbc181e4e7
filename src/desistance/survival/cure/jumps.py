"""The likelihood of a split population whose latency is a Cox model, its baseline profiled out.

Among those who reoffend eventually the hazard is h exp(x beta) on an event day and 0 between
them; H adds up the h of all days. With r = exp(x beta), and pi the share of eventual reoffenders,
a row adds, times its weight,

    event                          log pi + log h + x beta - r H
    censored                       log(1 - pi + pi exp(-r H))
    censored after the last event  log(1 - pi)                  (the zero tail)

less, for a late entry, what a row censored on the day it starts after adds. Events on one day
each count the day's whole jump, as by Breslow.

This is what EM climbs (Peng and Dear 2000; Sy and Taylor 2000; R's smcure). A row reads H on one
day or two, and only `log h` joins a day to the day before it, so the second derivatives by H make
a matrix of three diagonals: for any coefficients the best H is a few sweeps away, and the way to
the top is Newton's, to the last digit. The second derivatives of what is left, the profile
likelihood, are the observed information that Louis's formula gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dptsv
from scipy.sparse import csc_array

from desistance.survival.parametric.ascent import SMALLEST_STEP
from desistance.survival.parametric.likelihood import Point, logistic
from desistance.survival.risksets import distinct, finder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.parametric.likelihood import LogRows
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

EVENT, SPLIT, TAIL = range(3)  # what a reading of H is for
SETTLED = 1e-9  # relative change of every jump
MOST_SWEEPS = 60
HALVINGS = 30
FURTHEST = 0.9  # of a jump that one step may take away


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Rows that read H for the same purpose.

    `rows` (m,) numbers them, `day` (m,) how many event days have passed, `weight` (m,) is below
    zero for a late entry; `x` (m, p) and `share_x` (m, q) are their covariates.
    """

    kind: int
    rows: Ints
    day: Ints
    weight: Floats
    x: Floats
    share_x: Floats

    def by_day(self, values: Floats, n_days: int) -> csc_array:
        """Put `values` (m,) where a product adds them up by day, shape (n_days + 1, m)."""
        ends = np.arange(len(values) + 1, dtype=np.int32)
        return csc_array((values, self.day.astype(np.int32), ends), shape=(n_days + 1, len(values)))


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Jumps on K event days, with the information on H: a band of shape (2, K), see `_band`.

    `moves` (K, p + q) says how H follows the coefficients.
    """

    cumulative: Floats
    band: Floats
    moves: Floats

    @property
    def jumps(self) -> Floats:
        """How much H rises on each day, shape (K,)."""
        return rises(self.cumulative)


class JumpLikelihood:
    """The profile likelihood of p coefficients of latency and q of the share, in this order.

    `event_weight` (K,) is the weight of the events on each of the days `day` (K,). Call `begin`
    before all else.
    """

    def __init__(self, times: TimeToEvent, rows: LogRows, x: Floats, share_x: Floats) -> None:
        """Read rows with covariates `x` (p, n) and `share_x` (q, n)."""
        span = times.last_day + 1
        self.day = distinct(times.stop[times.event], span, times.n)
        self.n, self.p, self.n_days = times.n, len(x), len(self.day)
        find = finder(self.day, span, times.n)
        stop = find(times.stop).astype(np.int64) + 1
        last = self.day.max(initial=0)
        after = ~times.event & (times.stop > last)
        kinds = np.where(times.event, EVENT, np.where(after, TAIL, SPLIT))
        entered = find(times.start[rows.late]).astype(np.int64) + 1
        beyond = times.start[rows.late] > last
        weight = np.zeros(times.n)
        weight[rows.late] = -rows.weight[rows.late]
        start = np.zeros_like(stop)
        start[rows.late] = entered
        self.readings = tuple(
            Readings(
                kind, which, days[which], signed[which],
                x.take(which, axis=1).T.copy(), share_x.take(which, axis=1).T.copy(),
            )
            for kind, which, days, signed in (
                *((k, np.flatnonzero(kinds == k), stop, rows.weight) for k in range(3)),
                (SPLIT, rows.late[(entered > 0) & ~beyond], start, weight),
                (TAIL, rows.late[beyond], start, weight),
            )
            if len(which)
        )  # fmt: skip
        at_event, there = stop[times.event] - 1, rows.weight[times.event]
        self.event_weight = np.bincount(at_event, there, self.n_days)

    def begin(self, theta: Floats, cumulative: Floats) -> None:
        """Begin at `theta` with what one step of EM makes of H = `cumulative` (K,); no band yet."""
        own, leaves = np.zeros(self.n), np.zeros(self.n_days + 1)
        for of in self.readings:
            if of.weight[0] > 0:  # those of late entries come last
                risk, share = self._linear(of, theta)
                own[of.rows] = of.weight * _read(of, risk, share, cumulative)[0] * risk
            leaves += np.bincount(of.day, np.sign(of.weight) * own[of.rows], self.n_days + 1)
        at_risk = np.cumsum(leaves[::-1])[::-1][1:]
        none = np.zeros((self.n_days, len(theta)))
        cumulative = np.cumsum(self.event_weight / at_risk)
        self._last = theta, Baseline(cumulative, np.zeros((2, self.n_days)), none)

    def __call__(self, theta: Floats) -> Point:
        """Evaluate; where H does not settle or leaves the range of a float the value is -inf."""
        with np.errstate(all="ignore"):
            at = self._profile(theta)
        if at is None:
            nothing = np.zeros(len(theta))
            return Point(theta, -np.inf, nothing, np.outer(nothing, nothing))
        self._last = theta, at[1]
        return at[0]

    def baseline(self, theta: Floats) -> Baseline | None:
        """The best baseline at `theta`; none where it does not settle."""
        there, last = self._last
        if last.band.any() and np.abs(theta - there).max() < SMALLEST_STEP:
            return last
        with np.errstate(all="ignore"):
            found = self._profile(theta)
        return None if found is None else found[1]

    def scores(self, theta: Floats) -> Floats:
        """Every row's share in the profile's score, shape (coefficients, n)."""
        baseline = self.baseline(theta)
        assert baseline is not None  # a top that has settled
        moves = np.vstack([np.zeros(len(theta)), baseline.moves])
        jumps, moved = baseline.jumps, np.diff(moves, axis=0)
        scores = np.zeros((len(theta), self.n))
        for of in self.readings:
            risk, share = self._linear(of, theta)
            eventual, _ = logistic(share)
            still, _, hazard = _read(of, risk, share, baseline.cumulative)
            own = np.hstack([
                of.x * ((of.kind == EVENT) - still * hazard)[:, None],
                of.share_x * (still - eventual)[:, None],
            ])  # fmt: skip
            own -= moves[of.day] * (still * risk)[:, None]
            if of.kind == EVENT:
                own += (moved / jumps[:, None])[of.day - 1]
            np.add.at(scores.T, of.rows, own * of.weight[:, None])
        return scores

    def _linear(self, of: Readings, theta: Floats) -> tuple[Floats, Floats]:
        """Relative risks and log odds of reoffending eventually, (m,) each."""
        return np.exp(of.x @ theta[: self.p]), of.share_x @ theta[self.p :]

    def _profile(self, theta: Floats) -> tuple[Point, Baseline] | None:
        """Find the best H, and with it the value, score and second derivatives of the profile."""
        linear = [self._linear(of, theta) for of in self.readings]
        cumulative = self._settle(linear, self._foreseen(theta))
        if cumulative is None:
            return None
        p, size, k = self.p, len(theta), self.n_days
        value, score, inner = 0.0, np.zeros(size), np.zeros((size, size))
        across, curve = np.zeros((k + 1, size)), np.zeros(k + 1)
        for of, (risk, share) in zip(self.readings, linear, strict=True):
            eventual, log_rest = logistic(share)
            still, log_both, hazard = _read(of, risk, share, cumulative)
            turn = still * (1 - still)
            value += float(of.weight @ (log_both - log_rest))
            score[p:] += (of.weight * (still - eventual)) @ of.share_x
            inner[p:, p:] += (
                of.share_x.T * (of.weight * (eventual * (1 - eventual) - turn))
            ) @ of.share_x
            if of.kind == TAIL:
                continue
            moved = of.weight * (still * hazard - turn * hazard**2)
            score[:p] += (of.weight * ((of.kind == EVENT) - still * hazard)) @ of.x
            inner[:p, :p] += (of.x.T * moved) @ of.x
            across[:, :p] += of.by_day(of.weight * risk * (still - turn * hazard), k) @ of.x
            if of.kind == SPLIT:
                inner[:p, p:] += (of.x.T * (of.weight * turn * hazard)) @ of.share_x
                across[:, p:] += of.by_day(of.weight * turn * risk, k) @ of.share_x
                curve += np.bincount(of.day, of.weight * turn * risk**2, k + 1)
            else:
                value += float(of.weight @ (of.x @ theta[:p]))
        inner[p:, :p] = inner[:p, p:].T
        jumps = rises(cumulative)
        value += float(self.event_weight @ np.log(jumps))
        band = self._band(jumps, -curve[1:])
        try:
            moves = -solve_band(band, across[1:])
        except LinAlgError:
            return None
        bend = -(inner + across[1:].T @ moves)
        if not (np.isfinite(value) and np.isfinite(score).all() and np.isfinite(bend).all()):
            return None
        return Point(theta, value, score, (bend + bend.T) / 2), Baseline(cumulative, band, moves)

    def _foreseen(self, theta: Floats) -> Floats:
        """Where the last H moves to as the coefficients do, if every jump stays above 0, (K,)."""
        there, last = self._last
        moved: Floats = last.cumulative + last.moves @ (theta - there)
        return moved if (rises(moved) > 0).all() else last.cumulative

    def _settle(self, linear: list[tuple[Floats, Floats]], cumulative: Floats) -> Floats | None:
        """Climb to the best H (K,) from `cumulative`; None if it does not settle."""
        value, score, curve = self._at(cumulative, linear)
        for _ in range(MOST_SWEEPS):
            jumps = rises(cumulative)
            step = self._sweep(jumps, score, curve)
            if step is None:
                return None
            change = rises(step) / jumps
            size = float(np.abs(change).max())
            if not np.isfinite(size):
                return None
            step = step * min(1.0, FURTHEST / max(-float(change.min()), 1e-300))
            if size < SETTLED:
                return cumulative + step
            slack = 1e-12 * (1 + abs(value))
            for _ in range(HALVINGS):
                there = self._at(cumulative + step, linear)
                if there[0] >= value - slack:
                    break
                step = step / 2
            else:
                return None
            cumulative = cumulative + step
            value, score, curve = there
        return None

    def _at(
        self, cumulative: Floats, linear: list[tuple[Floats, Floats]]
    ) -> tuple[float, Floats, Floats]:
        """What depends on H in the log-likelihood, with two derivatives by it.

        The second leaves out the events' logarithms and is of one diagonal: all shapes (K,).
        """
        jumps, k, so_far = rises(cumulative), self.n_days, np.append(0.0, cumulative)
        value = float(self.event_weight @ np.log(jumps))
        ratio = self.event_weight / jumps
        score = ratio - np.append(ratio[1:], 0.0)
        curve = np.zeros(k + 1)
        slope = np.zeros(k + 1)
        for of, (risk, share) in zip(self.readings, linear, strict=True):
            if of.kind == TAIL:
                continue
            hazard = risk * so_far[of.day]
            if of.kind == EVENT:
                value -= float(of.weight @ hazard)
                slope -= np.bincount(of.day, of.weight * risk, k + 1)
                continue
            still, log_both = logistic(share - hazard)
            value += float(of.weight @ log_both)
            slope -= np.bincount(of.day, of.weight * still * risk, k + 1)
            curve += np.bincount(of.day, of.weight * still * (1 - still) * risk**2, k + 1)
        return value, score + slope[1:], curve[1:]

    def _sweep(self, jumps: Floats, score: Floats, curve: Floats) -> Floats | None:
        """Newton's step for H; where it would not go up, that of EM with the gradient."""
        for bent in (curve, np.minimum(curve, 0.0)):
            try:
                return solve_band(self._band(jumps, -bent), score)
            except LinAlgError:
                continue
        return None

    def _band(self, jumps: Floats, diagonal: Floats) -> Floats:
        """Lay out the information on H: its upper diagonal, 0 first, over its diagonal, (2, K)."""
        bent = self.event_weight / jumps**2
        upper = np.append(0.0, -bent[1:])
        return np.stack([upper, bent - np.append(upper[1:], 0.0) + diagonal])


def rises(curve: Floats) -> Floats:
    """How much a curve (K,) that begins at 0 rises on each day."""
    risen = curve.copy()
    risen[1:] -= curve[:-1]
    return risen


def solve_band(band: Floats, right: Floats) -> Floats:
    """Solve for `right` (K, ...) with a positive definite band (2, K); LinAlgError if it is not."""
    if not (band[1, 0] > 0 and np.isfinite(band).all()):
        raise LinAlgError
    if band.shape[1] == 1:
        return right / band[1, 0]
    *_, solved, fault = dptsv(band[1], band[0, 1:], right)
    if fault:
        raise LinAlgError
    found: Floats = solved
    return found


def _read(
    of: Readings, risk: Floats, share: Floats, cumulative: Floats
) -> tuple[Floats, Floats, Floats]:
    """What each row says at H = `cumulative` (K,), (m,) each.

    The chance that it is of one who reoffends eventually; the log of what it adds, times
    1 + exp(share) and without the jump and x beta; and its r H.
    """
    if of.kind == TAIL:
        nothing = np.zeros((3, len(share)))
        return nothing[0], nothing[1], nothing[2]
    hazard = risk * np.append(0.0, cumulative)[of.day]
    if of.kind == EVENT:
        return np.ones(len(share)), share - hazard, hazard
    still, log_both = logistic(share - hazard)
    return still, log_both, hazard
