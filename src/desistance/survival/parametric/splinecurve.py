"""The spline in log time of a flexible parametric fit: its likelihood, its maximum, its curve.

With z the spline plus the terms, a row adds what `likelihood` says, of a Weibull or a
log-logistic at z; a density has the logarithm of the spline's slope besides. Where the slope is
not above 0 at every event there is no likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.linalg import block_diag, solve_triangular

from desistance.results import NOT_ESTIMABLE
from desistance.survival.cox.variance import blanked
from desistance.survival.hazardratios import Z95
from desistance.survival.intervals import survival_interval
from desistance.survival.parametric.ascent import climb
from desistance.survival.parametric.designs import Design
from desistance.survival.parametric.distributions import Distribution, standard
from desistance.survival.parametric.faces import LIMITS
from desistance.survival.parametric.likelihood import Point
from desistance.survival.parametric.solution import notes_of, sandwich
from desistance.survival.splines import restricted_cubic, slope_of_restricted_cubic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.parametric.likelihood import LogRows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Scale = Literal["hazard", "odds"]
FAMILY: dict[Scale, Distribution] = {"hazard": "weibull", "odds": "log-logistic"}


@dataclass(frozen=True, slots=True, eq=False)
class SplineCurve:
    """A fitted spline in log time and its terms: P coefficients.

    Attributes
    ----------
    names, notes : P each; a note says why a coefficient is not estimable
    is_term : bool array, shape (P,)
        The intercept comes first and the spline last.
    values : float64 array, shape (P,)
        0 where aliased, NaN where the likelihood has no top.
    covariance : float64 array, shape (P, P)
    knots : float64 array, shape (knots,)
        Of log time; the first and the last are the outer ones.
    log_likelihood : on the scale of time
    """

    scale: Scale
    names: tuple[str, ...]
    notes: tuple[str, ...]
    is_term: NDArray[np.bool_]
    values: Floats
    covariance: Floats
    knots: Floats
    log_likelihood: float
    degrees: int

    def at(self, x: Floats, days: Ints, what: Literal["survival", "hazard"]) -> pd.DataFrame:
        """Survival or hazard at covariates `x` (1 + p,), a row per day, with 95 % limits."""
        if np.isnan(self.values).any():
            return pd.DataFrame({"day": days, **dict.fromkeys(LIMITS, np.nan)})
        log_time = np.log(np.maximum(days, 1))
        spline = restricted_cubic(log_time, self.knots)
        by_coefficient = np.vstack([np.repeat(x[:, None], len(days), axis=1), spline])
        with np.errstate(all="ignore"):
            at = standard(FAMILY[self.scale], self.values @ by_coefficient, 0.0)
            survival = at.along_z(of_density=False)
            if what == "survival":
                moved = survival[1] * by_coefficient
            else:
                steep = np.vstack(
                    [np.zeros((len(x), len(days))), slope_of_restricted_cubic(log_time, self.knots)]
                )
                slope = self.values @ steep
                moved = (at.slope - survival[1]) * by_coefficient + steep / slope
            error = np.sqrt(np.einsum("pm,pq,qm->m", moved, self.covariance, moved))
            if what == "survival":
                estimate = np.where(days > 0, np.exp(at.survival), 1.0)
                error = np.where(days > 0, error, 0.0)
                low, high = survival_interval(estimate, error, 0.95, "log-log")
            else:
                hazard = np.exp(at.density - at.survival) * slope / np.maximum(days, 1)
                estimate = np.where((days > 0) & (slope > 0), hazard, np.nan)
                low, high = (estimate * np.exp(side * Z95 * error) for side in (-1, 1))
        limits = (estimate, estimate * error, low, high)
        return pd.DataFrame({"day": days, **dict(zip(LIMITS, limits, strict=True))})

    def mean_survival(
        self, x: Floats, share_x: Floats | None, weight: Floats, days: Ints
    ) -> Floats:
        """Survival on each day, averaged over covariates x (1 + p, n) with weights (n,)."""
        del share_x  # nobody is spared in this model
        if np.isnan(self.values).any():
            return np.full(len(days), np.nan)
        spline = restricted_cubic(np.log(days), self.knots)
        at_terms = self.values[: len(x)] @ x
        at_days = self.values[len(x) :] @ spline
        curves = (np.exp(standard(FAMILY[self.scale], at_terms + z, 0.0).survival) for z in at_days)
        return np.array([np.average(curve, weights=weight) for curve in curves])

    def slope(self, log_time: Floats) -> Floats:
        """The spline's slope at `log_time` (m,)."""
        slopes = slope_of_restricted_cubic(log_time, self.knots)
        of_spline: Floats = self.values[-len(slopes) :] @ slopes
        return of_spline


def solve_spline(
    rows: LogRows, terms: Design, knots: Floats, scale: Scale, clusters: Ints | None
) -> SplineCurve:
    """Find the maximum with `knots` in log time; `clusters` (n,) makes a sandwich."""
    n_inner = max(len(knots) - 2, 0)
    names = (*terms.names, "log time", *(f"spline {j + 1}" for j in range(n_inner)))
    is_term = np.arange(len(names)) < len(terms.names)
    is_term[0] = False
    event_days = np.unique(rows.log_stop[rows.event])
    if min(len(np.unique(knots)), len(event_days)) < max(len(knots), 2):
        why = f"too few days with an event for {n_inner} inner knots" if len(knots) else "no event"
        none = np.full(len(names), np.nan)
        return SplineCurve(
            scale, names, (f"{NOT_ESTIMABLE}: {why}",) * len(names), is_term, none,
            np.outer(none, none), knots, np.nan, 0,
        )  # fmt: skip
    moved = knots - rows.centre
    spline = restricted_cubic(rows.log_stop, moved)
    turn = np.linalg.qr((spline * np.sqrt(rows.weight * rows.event)).T, mode="r")
    turn *= np.sign(np.diag(turn))[:, None] / np.sqrt(rows.event.sum())
    back = solve_triangular(turn, np.eye(len(turn)))
    bases = Design(names[len(terms.names) :], ("",) * len(turn), spline, back.T @ spline, back)
    likelihood = _SplineLikelihood(
        FAMILY[scale],
        rows,
        np.vstack([terms.matrix, bases.matrix]),
        np.vstack([terms.matrix[:, rows.late], back.T @ restricted_cubic(rows.log_start, moved)]),
        np.vstack(
            [
                np.zeros((len(terms.matrix), int(rows.event.sum()))),
                back.T @ slope_of_restricted_cubic(rows.log_stop[rows.event], moved),
            ]
        ),
    )
    start = np.zeros(len(likelihood.at_stop))
    start[len(terms.matrix)] = turn[0, 0]  # a Weibull of scale 1: the exponential
    at_risk = rows.weight @ np.exp(rows.log_stop)
    at_risk -= rows.weight[rows.late] @ np.exp(rows.log_start)
    start[0] = np.log(rows.weight[rows.event].sum() / at_risk)
    top = climb(likelihood, start)
    covariance = top.covariance / rows.mean_weight
    if clusters is not None:
        covariance = sandwich(likelihood, top, clusters)
    own_units = block_diag(terms.back, back)
    notes = notes_of([terms, bases], top, own_units @ top.lost, rows.event)
    blank = np.array([bool(note) for note in notes]) & own_units.any(axis=1)
    own_units[0] -= rows.centre * own_units[len(terms.names)]
    return SplineCurve(
        scale, names, notes, is_term, np.where(blank, np.nan, own_units @ top.theta),
        blanked(own_units @ covariance @ own_units.T, blank), knots,
        rows.mean_weight * (top.value - rows.jacobian) if top.settled else np.nan,
        len(top.theta) - top.lost.shape[1],
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _SplineLikelihood:
    """The likelihood of n rows with P coefficients, linear in z.

    `at_stop` (P, n) and `at_start` (P, late) give z at the ends and the late starts of rows,
    `steep` (P, events) its slope in log time at the events.
    """

    family: Distribution
    rows: LogRows
    at_stop: Floats
    at_start: Floats
    steep: Floats

    def __call__(self, theta: Floats) -> Point:
        """Evaluate; where the numbers leave the range of a float the value is -inf."""
        rows = self.rows
        with np.errstate(all="ignore"):
            stop, start, slope = self._jets(theta)
            weight, event_weight = rows.weight, rows.weight[rows.event]
            value = weight @ stop[0] - weight[rows.late] @ start[0] + event_weight @ np.log(slope)
            score = self.scores(theta).sum(axis=1)
            bend = (self.at_stop * (weight * stop[2])) @ self.at_stop.T
            bend -= (self.at_start * (weight[rows.late] * start[2])) @ self.at_start.T
            bend -= (self.steep * (event_weight / slope**2)) @ self.steep.T
        sound = np.isfinite([value, *score, *bend.ravel()]).all() and (slope > 0).all()
        return Point(theta, float(value) if sound else -np.inf, score, bend)

    def scores(self, theta: Floats) -> Floats:
        """Every row's share in the score, shape (P, n)."""
        stop, start, slope = self._jets(theta)
        scores = self.at_stop * stop[1]
        scores[:, self.rows.late] -= self.at_start * start[1]
        scores[:, self.rows.event] += self.steep / slope
        return scores * self.rows.weight

    def _jets(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and derivatives along z, (3, n) at stops, (3, late) at starts; the slope."""
        at = standard(self.family, theta @ self.at_stop, 0.0)
        stop = np.where(self.rows.event, at.along_z(of_density=True), at.along_z(of_density=False))
        start = standard(self.family, theta @ self.at_start, 0.0).along_z(of_density=False)
        return stop, np.stack(start), theta @ self.steep
