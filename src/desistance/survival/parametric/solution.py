"""From designs to coefficients in their own units, with what cannot be estimated and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.special import expit, logit, ndtr, ndtri

from desistance.results import NOT_ESTIMABLE
from desistance.survival.cox.variance import blanked, unmoved
from desistance.survival.hazardratios import NO_ERROR
from desistance.survival.intervals import survival_interval
from desistance.survival.parametric.ascent import SMALLEST_STEP, climb
from desistance.survival.parametric.distributions import standard
from desistance.survival.parametric.likelihood import (
    LOCATION,
    LOG_SCALE,
    SHAPE,
    SHARE,
    Likelihood,
    Part,
    jet_at,
    likelihood_of,
)
from desistance.survival.reasons import why_monotone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.survival.parametric.ascent import Top
    from desistance.survival.parametric.designs import Design
    from desistance.survival.parametric.distributions import Distribution
    from desistance.survival.parametric.likelihood import LogRows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Designs = dict[int, "Design"]  # by the predictor they make, ascending

Z95 = float(ndtri(0.975))
WITHOUT_END = "the likelihood rises without end"
ROWS_TO_START, EVENTS_TO_START = 1_500, 200
NEAR, APART = 0.01, 0.05  # of a top that is a start, and of two such tops
ROUNDING = 1e-12  # of the model's variance
RUNS_ALONG = 1e-2  # of the largest coefficient of a direction without a top


class HasScores(Protocol):
    """A likelihood of n rows that can tell them apart."""

    def scores(self, theta: Floats) -> Floats:
        """Every row's share in the score, shape (coefficients, n)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """P coefficients of a fitted likelihood, in their own units.

    Attributes
    ----------
    names, notes : P each; a note says why a coefficient is not estimable
    predictor : int64 array, shape (P,)
        Which predictor each makes, ascending: LOCATION, LOG_SCALE, SHAPE, SHARE of `likelihood`.
    is_term : bool array, shape (P,)
        Not the intercepts, the scale and the shape.
    values : float64 array, shape (P,)
        0 where aliased, NaN where the likelihood has no top.
    covariance : float64 array, shape (P, P)
        0 for what is aliased, NaN where `values` are.
    model_covariance : float64 array, shape (P, P)
        The inverse information. A robust variance that is nothing beside it is rounding: nobody
        moves the coefficient.
    log_likelihood : on the scale of time
    degrees : how many coefficients were free
    """

    distribution: Distribution
    names: tuple[str, ...]
    notes: tuple[str, ...]
    predictor: Ints
    is_term: NDArray[np.bool_]
    values: Floats
    covariance: Floats
    model_covariance: Floats
    log_likelihood: float
    degrees: int
    steps: int

    def frame(self, *, log: bool) -> pd.DataFrame:
        """Tidy coefficients, or with `log` false their exponentials (a shape stays as it is)."""
        values = np.where([bool(note) for note in self.notes], np.nan, self.values)
        stuck = unmoved(np.diag(self.covariance), np.diag(self.model_covariance), ROUNDING)
        told = ~(np.isnan(values) | stuck)
        error = np.full(len(values), np.nan)
        error[told] = np.sqrt(np.diag(self.covariance)[told])
        limits = np.stack([values, values - Z95 * error, values + Z95 * error])
        if not log:
            with np.errstate(over="ignore"):
                limits = np.where(self.predictor == SHAPE, limits, np.exp(limits))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(self.is_term, values / error, np.nan)
        return pd.DataFrame(
            {
                "term": self.names, "estimate": limits[0], "std_error": error,
                "conf_low": limits[1], "conf_high": limits[2], "statistic": z,
                "p_value": 2 * ndtr(-np.abs(z)), "note": np.where(stuck, NO_ERROR, self.notes),
            }
        )  # fmt: skip

    def of(self, predictor: int) -> Floats:
        """The coefficients that make one predictor."""
        return self.values[self.predictor == predictor]

    def survival(self, x: Floats, share_x: Floats | None, days: Ints) -> pd.DataFrame:
        """Share without the event at covariates `x` (1 + p,), a row per day, with 95 % limits."""
        with np.errstate(invalid="ignore"):
            log_share, moved = self._log_survival(x, share_x, np.log(np.maximum(days, 1)))
        spread, by_model = (
            np.einsum("pm,pq,qm->m", moved, of, moved)
            for of in (self.covariance, self.model_covariance)
        )
        spread[unmoved(spread, by_model, ROUNDING)] = np.nan
        estimate = np.where(days > 0, np.exp(log_share), 1.0)
        error = np.where(days > 0, np.sqrt(spread), 0.0)
        with np.errstate(over="ignore"):
            low, high = survival_interval(estimate, error, 0.95, "log-log")
        return pd.DataFrame(
            {
                "day": days, "estimate": estimate, "std_error": estimate * error,
                "conf_low": low, "conf_high": high,
            }
        )  # fmt: skip

    def _log_survival(
        self, x: Floats, share_x: Floats | None, log_time: Floats
    ) -> tuple[Floats, Floats]:
        """Log survival at `log_time` (m,), and how each coefficient moves it, (P, m)."""
        given = {LOCATION: x, SHARE: np.zeros(0) if share_x is None else share_x}
        by_coefficient = np.concatenate(
            [given[LOCATION], np.ones(len(self.of(LOG_SCALE)) + len(self.of(SHAPE))), given[SHARE]]
        )
        each = self.values * by_coefficient
        predictors = {by: each[self.predictor == by].sum() for by in np.unique(self.predictor)}
        jet = jet_at(self.distribution, log_time, predictors, of_density=False)
        slope = np.stack([np.broadcast_to(jet.slope[by], log_time.shape) for by in self.predictor])
        return jet.value, slope * by_coefficient[:, None]

    def mean_survival(
        self, x: Floats, share_x: Floats | None, weight: Floats, days: Ints
    ) -> Floats:
        """Survival on each day, averaged over covariates x (1 + p, n) with weights (n,).

        NaN where a coefficient is.
        """
        if np.isnan(self.values).any():
            return np.full(len(days), np.nan)
        location, scale = self.of(LOCATION) @ x, float(np.exp(self.of(LOG_SCALE).sum()))
        shape = float(self.of(SHAPE).sum())
        eventual = 1.0 if share_x is None else expit(self.of(SHARE) @ share_x)
        curves = (
            np.exp(standard(self.distribution, (np.log(day) - location) / scale, shape).survival)
            for day in days
        )
        return np.array([np.average(1 - eventual + eventual * s, weights=weight) for s in curves])


def solve(
    rows: LogRows,
    distribution: Distribution,
    designs: Designs,
    *,
    clusters: Ints | None = None,
    near: float = SMALLEST_STEP,
) -> Solution:
    """Find the maximum of the likelihood; `clusters` (n,) makes the covariance a sandwich.

    The last step is shorter than `near`; the covariance is of before it.
    """
    predictor = np.repeat(list(designs), [len(own.names) for own in designs.values()])
    is_term = np.array([j > 0 for own in designs.values() for j in range(len(own.names))])
    names = tuple(name for own in designs.values() for name in own.names)
    if not rows.event.any():
        none = np.full(len(names), np.nan)
        return Solution(
            distribution, names, (f"{NOT_ESTIMABLE}: no event",) * len(names), predictor, is_term,
            none, np.outer(none, none), np.outer(none, none), np.nan, 0, 0,
        )  # fmt: skip
    top = _highest(rows, distribution, designs, near=near)
    model = covariance = top.covariance / rows.mean_weight
    if clusters is not None:
        covariance = sandwich(_likelihood(rows, distribution, designs), top, clusters)
    back = block_diag(*(own.back for own in designs.values()))
    values = back @ top.theta
    values[0] += rows.centre
    notes = notes_of(list(designs.values()), top, back @ top.lost, rows.event)
    blank = np.array([bool(note) for note in notes]) & back.any(axis=1)
    return Solution(
        distribution, names, notes, predictor, is_term, np.where(blank, np.nan, values),
        *in_own_units(covariance, model, back, blank),
        rows.mean_weight * (top.value - rows.jacobian) if top.settled else np.nan,
        len(top.theta) - top.lost.shape[1], top.steps,
    )  # fmt: skip


def _likelihood(rows: LogRows, distribution: Distribution, designs: Designs) -> Likelihood:
    parts = tuple(Part(predictor, own.matrix) for predictor, own in designs.items())
    return likelihood_of(rows, distribution, parts)


def _highest(
    rows: LogRows, distribution: Distribution, designs: Designs, *, near: float = SMALLEST_STEP
) -> Top:
    """Climb from every start, until a step is shorter than `near`, and keep the highest top."""
    likelihood = _likelihood(rows, distribution, designs)
    starts = _starts(rows, distribution, designs)
    tops = [climb(likelihood, start, near=near) for start in starts]
    return max(tops, key=lambda top: (top.settled, top.value))


def _starts(rows: LogRows, distribution: Distribution, designs: Designs) -> list[Floats]:
    """Where to climb from: simpler fits, where the likelihood may have several tops."""
    if SHARE in designs:
        nearly_all, as_seen = np.zeros((2, len(designs[SHARE].matrix)))
        nearly_all[0], as_seen[0] = 3.0, logit(np.clip(rows.event.mean(), 0.05, 0.95))
        some, few = _thinned(rows, designs)
        one_population = {by: own for by, own in few.items() if by != SHARE}
        all_alike = _highest(some, distribution, one_population, near=NEAR).theta
        seen = np.zeros_like(all_alike)
        seen[0] = rows.log_stop[rows.event].mean()
        starts = [np.append(all_alike, nearly_all), np.append(seen, as_seen)]
        return starts if some is rows else _nearer(_likelihood(some, distribution, few), starts)
    if SHAPE in designs:
        simpler = {p: own for p, own in designs.items() if p != SHAPE}
        return [
            np.append(_highest(rows, "weibull", simpler).theta, 1.0),
            np.append(_highest(rows, "log-normal", simpler).theta, 0.0),
        ]
    start = np.zeros(sum(len(own.matrix) for own in designs.values()))
    at_risk = rows.weight @ np.exp(rows.log_stop)
    at_risk -= rows.weight[rows.late] @ np.exp(rows.log_start)
    start[0] = np.log(at_risk / rows.weight[rows.event].sum())
    return [start]


def _nearer(some: Likelihood, starts: list[Floats]) -> list[Floats]:
    """The tops that `some` of the rows show from each start, those apart from one another."""
    nearer: list[Floats] = []
    for start in starts:
        top = climb(some, start, near=NEAR)
        theta = top.theta if top.settled and not top.lost.size else start
        if not any(np.abs(theta - other).max() < APART for other in nearer):
            nearer.append(theta)
    return nearer


def _thinned(rows: LogRows, designs: Designs) -> tuple[LogRows, Designs]:
    """Every so-manieth row where rows and events are many: near enough for a start."""
    thin = slice(None, None, max(1, len(rows.event) // ROWS_TO_START))
    if thin.step == 1 or rows.event[thin].sum() < EVENTS_TO_START:
        return rows, designs
    late = rows.late % thin.step == 0
    some = replace(
        rows, log_stop=rows.log_stop[thin], event=rows.event[thin], weight=rows.weight[thin],
        late=rows.late[late] // thin.step, log_start=rows.log_start[late],
    )  # fmt: skip
    return some, {by: replace(own, matrix=own.matrix[:, thin]) for by, own in designs.items()}


def sandwich(likelihood: HasScores, top: Top, clusters: Ints) -> Floats:
    """Add up the squares of what each cluster of rows moves the coefficients by."""
    scores = likelihood.scores(top.theta)
    by_cluster = np.stack([np.bincount(clusters, score) for score in scores])
    moves = top.covariance @ by_cluster
    return moves @ moves.T


def in_own_units(
    covariance: Floats, model: Floats, back: Floats, blank: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Turn two covariances into those of coefficients in their own units; empty if `blank`."""
    own, by_model = (back @ of @ back.T for of in (covariance, model))
    return blanked(own, blank), blanked(by_model, blank)


def notes_of(
    designs: Sequence[Design], top: Top, lost: Floats, event: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Why each coefficient is not estimable; empty where it is."""
    notes = [note for own in designs for note in own.notes]
    if top.settled and not lost.size:
        return tuple(notes)
    x = np.vstack([own.plain for own in designs])
    names = [name for own in designs for name in own.names]
    spread = x.std(axis=1)
    along = np.abs(lost) * np.where(spread > 0, spread, 1.0)[:, None]
    runs = (along > RUNS_ALONG * along.max(axis=0)).any(axis=1)
    for j, note in enumerate(notes):
        if note:
            continue
        if not top.settled:
            notes[j] = f"{NOT_ESTIMABLE}: the fit had not settled after {top.steps} steps"
        elif runs[j]:
            why = why_monotone(x[j], event, names[j]) if spread[j] else WITHOUT_END
            notes[j] = f"{NOT_ESTIMABLE}: {why}"
    return tuple(notes)
