"""A fitted split population with a Cox latency: its coefficients, its baseline, its predictions.

The likelihood and its top are those of `jumps`. Coefficients of latency are log hazard ratios
among those who reoffend eventually. After the last event their curve is 0 (the zero tail), so
that everybody still followed then is taken never to reoffend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.special import logit

from desistance.results import NOT_ESTIMABLE
from desistance.survival.cox.variance import unmoved
from desistance.survival.cure.jumps import JumpLikelihood, solve_band
from desistance.survival.hazardratios import hazard_ratios
from desistance.survival.intervals import survival_interval
from desistance.survival.parametric.ascent import climb
from desistance.survival.parametric.designs import Design
from desistance.survival.parametric.likelihood import LOCATION, LOG_SCALE, SHARE, logistic
from desistance.survival.parametric.solution import ROUNDING, in_own_units, notes_of, sandwich

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.cure.jumps import Baseline
    from desistance.survival.parametric.likelihood import LogRows
    from desistance.survival.parametric.solution import Solution
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CoxLatency:
    """P coefficients, those of latency first, and a baseline of K jumps, in their own units.

    Attributes
    ----------
    names, notes, predictor, is_term, values, covariance, model_covariance, degrees, steps
        As of a parametric `Solution`; there is no intercept and no scale of latency.
    log_likelihood
        With the logarithms of the jumps: to be set against other Cox latencies only.
    day : int64 array, shape (K,)
        The event days.
    baseline : Baseline, or None
        None if the likelihood has no top. The hazard is at the covariates `centre` (p,).
    moves : float64 array, shape (K, P)
        How the baseline's cumulative hazard follows the coefficients.
    mean_weight : what the weights were divided by
    by_model : whether `covariance` is the inverse information
    """

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
    day: Ints
    baseline: Baseline | None
    centre: Floats
    moves: Floats
    mean_weight: float
    by_model: bool

    def frame(self, *, log: bool) -> pd.DataFrame:
        """Tidy coefficients, or with `log` false their exponentials."""
        values = np.where([bool(note) for note in self.notes], np.nan, self.values)
        stuck = unmoved(np.diag(self.covariance), np.diag(self.model_covariance), ROUNDING)
        covariance = np.where(np.isnan(values) | stuck, np.nan, self.covariance)
        return hazard_ratios(
            self.names, values, covariance, self.notes, log=log, tested=self.is_term
        )

    def of(self, predictor: int) -> Floats:
        """The coefficients that make one predictor."""
        return self.values[self.predictor == predictor]

    def survival(self, x: Floats, share_x: Floats | None, days: Ints) -> pd.DataFrame:
        """Share without the event at covariates `x` (1 + p,), a row per day, with 95 % limits.

        The limits are by the model's variance; with another there are none.
        """
        assert share_x is not None
        passed = np.searchsorted(self.day, days, side="right")
        cumulative, risk = self._cumulative(), float(np.exp(self._predictor(x[:, None])[0]))
        hazard = np.where(self._in_tail(days), np.inf, risk * cumulative[passed])
        share = np.full(len(days), self.of(SHARE) @ share_x)
        eventual, log_rest = logistic(share)
        with np.errstate(invalid="ignore"):
            still, log_both = logistic(share - hazard)
        log_share = log_both - log_rest
        falls = np.where(np.isinf(hazard), 0.0, -still * risk)
        with np.errstate(invalid="ignore"):
            moved = np.vstack([
                np.outer(x[1:] - self.centre, falls * cumulative[passed]),
                np.outer(share_x, still - eventual),
            ])  # fmt: skip
            moved += falls * np.vstack([np.zeros(len(moved)), self.moves])[passed].T
            spread = np.einsum("pm,pq,qm->m", moved, self.covariance, moved)
            error = np.sqrt(spread + falls**2 * self._given_coefficients(passed))
        estimate = np.exp(log_share)
        error = np.where(days < self.day.min(initial=1), 0.0, error)
        if not self.by_model:
            error = np.full(len(days), np.nan)
        with np.errstate(over="ignore"):
            low, high = survival_interval(estimate, error, 0.95, "log-log")
        return pd.DataFrame(
            {
                "day": days, "estimate": estimate, "std_error": estimate * error,
                "conf_low": low, "conf_high": high,
            }
        )  # fmt: skip

    def mean_survival(
        self, x: Floats, share_x: Floats | None, weight: Floats, days: Ints
    ) -> Floats:
        """Survival on each day, averaged over covariates x (1 + p, n) with weights (n,).

        NaN where a coefficient is.
        """
        assert share_x is not None
        if np.isnan(self.values).any() or self.baseline is None:
            return np.full(len(days), np.nan)
        risk, (eventual, _) = np.exp(self._predictor(x)), logistic(self.of(SHARE) @ share_x)
        passed = np.searchsorted(self.day, days, side="right")
        reoffending, still = weight * eventual, np.zeros(len(days))
        hazards = self._cumulative()[passed]
        for at in np.flatnonzero(~self._in_tail(days)):
            still[at] = reoffending @ np.exp(-risk * hazards[at])
        return 1 - (reoffending.sum() - still) / weight.sum()

    def _predictor(self, x: Floats) -> Floats:
        """The log relative risk at covariates x (1 + p, n), shape (n,)."""
        return self.of(LOCATION) @ (x[1:] - self.centre[:, None])

    def _cumulative(self) -> Floats:
        """The baseline cumulative hazard before any event and after each, shape (K + 1,)."""
        if self.baseline is None:
            return np.full(len(self.day) + 1, np.nan)
        return np.append(0.0, self.baseline.cumulative)

    def _in_tail(self, days: Ints) -> NDArray[np.bool_]:
        return days > self.day.max(initial=0)

    def _given_coefficients(self, passed: Ints) -> Floats:
        """Variance of the cumulative hazard after `passed` (m,) events, coefficients known."""
        if self.baseline is None:
            return np.full(len(passed), np.nan)
        which, at = np.unique(passed, return_inverse=True)
        unit = np.zeros((len(self.day) + 1, len(which)))
        unit[which, range(len(which))] = 1.0
        inverse = solve_band(self.baseline.band, unit[1:]) / self.mean_weight
        return np.einsum("km,km->m", unit[1:], inverse)[at]


def solve_cox_latency(
    times: TimeToEvent,
    rows: LogRows,
    location: Design,
    share: Design,
    near: Solution,
    *,
    clusters: Ints | None,
) -> CoxLatency:
    """Find the maximum of the likelihood, starting from `near`, a fit with a Weibull latency.

    `clusters` (n,) makes the covariance a sandwich.
    """
    latency = Design(
        location.names[1:], location.notes[1:], location.plain[1:], location.matrix[1:],
        location.back[1:, 1:],
    )  # fmt: skip
    designs = [latency, share]
    names = latency.names + share.names
    predictor = np.repeat([LOCATION, SHARE], [len(own.names) for own in designs])
    is_term = np.append(np.ones(len(latency.names), bool), np.arange(len(share.names)) > 0)
    if not times.event.any():
        none = np.full(len(names), np.nan)
        return CoxLatency(
            names, (f"{NOT_ESTIMABLE}: no event",) * len(names), predictor, is_term,
            none, np.outer(none, none), np.outer(none, none), np.nan, 0, 0,
            np.zeros(0, np.int64), None, none[: len(latency.names)], np.zeros((0, len(names))),
            rows.mean_weight, by_model=True,
        )  # fmt: skip
    likelihood = JumpLikelihood(times, rows, latency.matrix, share.matrix)
    day = likelihood.day
    back = block_diag(latency.back, share.back)
    onto = np.linalg.pinv(back)
    centre = -location.back[0, 1:] @ np.linalg.pinv(latency.back)
    as_seen = np.zeros(len(onto))
    as_seen[len(latency.matrix)] = logit(np.clip(rows.event.mean(), 0.05, 0.95))
    starts = [(as_seen, np.zeros(len(day)))]
    if np.isfinite(near.values).all():
        line, per_scale = near.of(LOCATION), np.exp(-near.of(LOG_SCALE))
        theta = onto @ np.append(-line[1:] * per_scale, near.of(SHARE))
        cumulative = np.exp((np.log(day) - line[0] - line[1:] @ centre) * per_scale)
        starts.insert(0, (theta, cumulative))
    for start, cumulative in starts:
        likelihood.begin(start, cumulative)
        top = climb(likelihood, start)
        baseline = likelihood.baseline(top.theta) if top.settled else None
        if baseline is not None:
            break
    else:  # perhaps as the baseline does not settle where the last step leads
        top = replace(top, settled=False)
    notes = notes_of(designs, top, back @ top.lost, rows.event)
    blank = np.array([bool(note) for note in notes]) & back.any(axis=1)
    model = covariance = top.covariance / rows.mean_weight
    if clusters is not None and baseline is not None:
        covariance = sandwich(likelihood, top, clusters)
    return CoxLatency(
        names, notes, predictor, is_term, np.where(blank, np.nan, back @ top.theta),
        *in_own_units(covariance, model, back, blank),
        rows.mean_weight * top.value if top.settled else np.nan,
        len(top.theta) - top.lost.shape[1], top.steps, day, baseline,
        centre, np.zeros((len(day), len(names))) if baseline is None else baseline.moves @ onto,
        rows.mean_weight, by_model=clusters is None,
    )  # fmt: skip
