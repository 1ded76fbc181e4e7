"""The baseline hazard of a Cox fit, and the survival it predicts for a named profile.

Increments follow the fit's tie rule: with Efron ties the hazard of a day is the mean event weight
times the sum over its events of 1 / (R - f D), in the notation of `partial_likelihood`. Sums are
kept at the covariates' means, where they are safe to compute; `to_frame` gives them where every
covariate is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.results import AT_THE_EDGE, NO_EVENT_YET, NOT_ESTIMABLE
from desistance.survival.intervals import survival_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood, Point

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BaselineHazard:
    """Cumulative hazards of K event days, stratum after stratum; p covariates.

    Attributes
    ----------
    groups, last_day : the strata's labels, and the last day each was followed
    group, day : int64 arrays, shape (K,)
    hazard, variance : float64 arrays, shape (K,)
        Cumulative hazard at the means, and its variance were the coefficients known.
    path : float64 array, shape (K, p)
        Mean centred covariate of those at risk, added up over the hazard.
    centre, slopes : float64 arrays, shape (p,)
        Means; log hazards, 0 where aliased and NaN where the likelihood is monotone.
    covariance : float64 array, shape (p, p)
        Of the slopes.
    log_ratio_at_zero : float64 array, shape (K,)
        Log hazard at covariates 0 against the hazard at the means.
    """

    groups: tuple[str, ...]
    last_day: tuple[int, ...]
    group: Ints
    day: Ints
    hazard: Floats
    variance: Floats
    path: Floats
    centre: Floats
    slopes: Floats
    covariance: Floats
    log_ratio_at_zero: Floats

    def itself(self) -> BaselineHazard:
        """Give the baseline that a fit holds ready."""
        return self

    def to_frame(self) -> pd.DataFrame:
        """Cumulative hazard at covariates 0: group, day, estimate."""
        with np.errstate(over="ignore", under="ignore"):
            ratio = np.exp(self.log_ratio_at_zero)
            estimate = self._added_up(self._increments(self.hazard) * ratio)
        labels = np.array(self.groups, dtype=object)[self.group]
        return pd.DataFrame({"group": labels, "day": self.day, "estimate": estimate})

    def survival(self, x: Floats, days: Ints) -> pd.DataFrame:
        """Share without the event at covariates `x`, a row per stratum and day.

        `x` is (p,), or (K, p) where it changes from event day to event day.
        """
        hazard, error = self._hazard_and_error(x - self.centre)
        rows = [
            (label, day, *self._at(code, day, hazard), self._at(code, day, error)[0])
            for code, label in enumerate(self.groups)
            for day in days
        ]
        frame = pd.DataFrame(rows, columns=["group", "day", "hazard", "note", "error"])
        frame["estimate"] = np.exp(-frame.hazard.astype(float))
        edge = frame.estimate.isin([0, 1])
        frame.loc[edge, "error"] = np.nan
        frame.loc[edge & frame.note.eq(""), "note"] = AT_THE_EDGE
        estimate, error = frame.estimate.to_numpy(), frame.error.to_numpy(float)
        low, high = survival_interval(estimate, error, 0.95, "log-log")
        return pd.DataFrame(
            {
                "group": frame.group, "day": frame.day, "estimate": estimate,
                "std_error": estimate * error, "conf_low": low, "conf_high": high,
                "note": frame.note,
            }
        )  # fmt: skip

    def _hazard_and_error(self, centred: Floats) -> tuple[Floats, Floats]:
        """Cumulative hazard at centred covariates and its standard error, shape (K,) each."""
        ratio = np.broadcast_to(np.exp(centred @ self.slopes), self.hazard.shape)
        increments, path = self._increments(self.hazard), self._increments(self.path)
        moved = self._added_up(ratio[:, None] * (centred * increments[:, None] - path))
        spread = self._added_up(self._increments(self.variance) * ratio**2)
        spread += np.einsum("kp,pq,kq->k", moved, self.covariance, moved)
        return self._added_up(increments * ratio), np.sqrt(spread)

    def _increments(self, cumulative: Floats) -> Floats:
        """What each day adds, the inverse of `_added_up`."""
        before = np.zeros_like(cumulative)
        goes_on = self.group[1:] == self.group[:-1]
        before[1:][goes_on] = cumulative[:-1][goes_on]
        added: Floats = cumulative - before
        return added

    def _added_up(self, increments: Floats) -> Floats:
        """Add up `increments` (K, ...) over the days of each stratum."""
        out = np.empty_like(increments)
        begins = np.flatnonzero(np.diff(self.group, prepend=-1))
        for first, end in zip(begins, [*begins, len(out)][1:], strict=True):
            np.cumsum(increments[first:end], axis=0, out=out[first:end])
        return out

    def _at(self, code: int, day: int, values: Floats) -> tuple[float, str]:
        if day > self.last_day[code]:
            return np.nan, f"{NOT_ESTIMABLE}: after the last follow-up, {self.last_day[code]}"
        if np.isnan(self.slopes).any():
            return np.nan, f"{NOT_ESTIMABLE}: a term of the fit is not"
        passed = np.flatnonzero((self.group == code) & (self.day <= day))
        return (float(values[passed[-1]]), "") if len(passed) else (0.0, NO_EVENT_YET)


def baseline_hazard(
    problem: PartialLikelihood,
    at: Point,
    *,
    groups: tuple[str, ...],
    last_day: tuple[int, ...],
    slopes: Floats,
    covariance: Floats,
    zero: Floats | float = 0.0,
) -> BaselineHazard:
    """Add up the baseline hazard of a fit whose top is `at`.

    `zero` (K, p) is what the covariates are on each day where the terms' own are 0.
    """
    sets, centre = problem.sets, problem.covariates.centre
    back = np.exp(-at.shift)
    tied, path = problem.by_day(at)
    return BaselineHazard(
        groups,
        last_day,
        sets.stratum,
        sets.day,
        sets.running(tied.hazard) * back,
        sets.running(tied.square) * back**2,
        sets.running(path) * back,
        centre,
        slopes,
        covariance,
        np.broadcast_to((zero - centre) @ (at.beta / problem.covariates.scale), sets.n_days),
    )


def last_days(stop: Ints, stratum: Ints | None, n_strata: int) -> tuple[int, ...]:
    """The last day that each stratum was followed; arrays of shape (n,)."""
    if stratum is None:
        return (int(stop.max(initial=0)),) * n_strata
    last = np.zeros(n_strata, np.int64)
    np.maximum.at(last, stratum, stop)
    return tuple(map(int, last))
