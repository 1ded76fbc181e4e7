"""Fits and curves of completed copies, put together by Rubin's rules; see `rubin`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as t_distribution

from desistance.errors import ModelError
from desistance.plots import house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.rubin import joint_test, put_together
from desistance.survival import Survival
from desistance.survival.hazardratios import forest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival import CoxFit

    Floats = NDArray[np.float64]

TOO_FEW = "There is nothing to put together: two copies or more are needed."


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PooledCox(Result):
    """One Cox model of m completed copies: p covariates, named by `terms`.

    Attributes
    ----------
    log_hazards, df, missing : float64 arrays, shape (p,)
        Log hazard ratios, degrees of freedom, and share of the information that is missing.
    covariance : float64 array, shape (p, p)
        Of the log hazards, by Rubin's rules.
    fits : tuple of CoxFit
        What was put together.
    """

    terms: tuple[str, ...]
    log_hazards: Floats
    covariance: Floats
    df: Floats
    missing: Floats
    notes: tuple[str, ...]
    confidence: float
    fits: tuple[CoxFit, ...]
    caveats: tuple[str, ...]

    @property
    def coefficients(self) -> dict[str, float]:
        """Log hazard ratio by term."""
        return dict(zip(self.terms, map(float, self.log_hazards), strict=True))

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Hazard ratios with intervals by Student's t, one row a term; their logs with `log`.

        `std_error`, `statistic` and `p_value` are of the log hazard ratio in both;
        `missing_information` is the share of its information that is missing.
        """
        error = np.sqrt(np.diag(self.covariance))
        reach = t_distribution.ppf(0.5 + self.confidence / 2, self.df) * error
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            statistic = self.log_hazards / error
            limits = [self.log_hazards, self.log_hazards - reach, self.log_hazards + reach]
            estimate, low, high = limits if log else np.exp(limits)
        return pd.DataFrame(
            {
                "term": self.terms,
                "estimate": estimate,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
                "statistic": statistic,
                "df": self.df,
                "p_value": 2 * t_distribution.sf(np.abs(statistic), self.df),
                "missing_information": self.missing,
                "note": self.notes,
            }
        )

    def joint_test(self, terms: Sequence[str] | None = None) -> pd.DataFrame:
        """Test that several covariates, all by default, have no effect: D1, against an F.

        Returns
        -------
        DataFrame, one row
            term, statistic, df, df_error, p_value, note.
        """
        names = list(self.terms if terms is None else terms)
        absent = [name for name in names if name not in self.terms]
        if absent or not names:
            raise ModelError(f"`terms` may name {', '.join(map(repr, self.terms))}.")
        place = [self.terms.index(name) for name in names]
        lost = [name for name, j in zip(names, place, strict=True) if self.notes[j]]
        found: tuple[float, int, float, float] = (np.nan, len(names), np.nan, np.nan)
        if not lost:
            slopes = np.array([fit.log_hazards[place] for fit in self.fits])
            spread = np.array([fit.covariance[np.ix_(place, place)] for fit in self.fits])
            found = joint_test(slopes, spread)
        note = f"{NOT_ESTIMABLE}: {', '.join(lost)} is not" if lost else ""
        return pd.DataFrame(
            [(", ".join(names), *found, note)],
            columns=["term", "statistic", "df", "df_error", "p_value", "note"],
        )

    def summary(self) -> str:
        """Say of what copies, and what was found."""
        one = self.fits[0]
        lines = [
            f"Cox proportional hazards: {number(one.n_people)} people, {number(one.n_events)} "
            f"events, {len(self.fits)} completed copies put together by Rubin's rules",
            f"Hazard ratios with {100 * self.confidence:g} % intervals (std_error is of the log "
            "hazard ratio):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios on a log axis, each with its numbers."""
        return forest(self.to_frame(), ax=ax)


def pool_fits(fits: Sequence[CoxFit], *, confidence: float = 0.95) -> PooledCox:
    """Put Cox fits of completed copies together by Rubin's rules.

    Parameters
    ----------
    fits
        The same model of each copy, as `fit_cox` gives it.
    confidence
        Of the intervals.

    Returns
    -------
    PooledCox
        The complete data would have events less covariates as degrees of freedom, as in R's mice.

    Raises
    ------
    ModelError
        If the fits are fewer than two, or of other terms.

    References
    ----------
    Barnard and Rubin (1999), Biometrika 86(4).
    """
    if len(fits) < 2:
        raise ModelError(TOO_FEW)
    terms = fits[0].terms
    if any(fit.terms != terms for fit in fits):
        raise ModelError("The fits are of other terms: one model is put together at a time.")
    m, p = len(fits), len(terms)
    slopes = np.array([fit.log_hazards for fit in fits])
    spread = np.array([fit.covariance for fit in fits])
    lost = np.array([[bool(note) for note in fit.notes] for fit in fits]).sum(axis=0)
    slopes[:, lost > 0] = np.nan
    variances = np.diagonal(spread, axis1=1, axis2=2).copy()
    variances[:, lost > 0] = np.nan
    complete = max(min(fit.n_events for fit in fits) - p, 1)
    together = put_together(slopes, variances, complete_df=complete)
    between = np.atleast_2d(np.cov(slopes.T))
    covariance = spread.mean(axis=0) + (1 + 1 / m) * between
    covariance[lost > 0], covariance[:, lost > 0] = np.nan, np.nan
    notes = tuple(f"{NOT_ESTIMABLE}: it is not in {k} of {m} copies" if k else "" for k in lost)
    said = [one for one in fits[0].caveats if all(one in fit.caveats for fit in fits)]
    return PooledCox(
        terms, together.estimate, covariance, together.df, together.missing, notes, confidence,
        tuple(fits), tuple(said),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PooledCurves(Result):
    """Curves of m completed copies, put together on the complementary log-log scale.

    Attributes
    ----------
    curve : DataFrame
        ``group, day, estimate, std_error, conf_low, conf_high, note``.
    n_copies : int
    """

    curve: pd.DataFrame
    n_copies: int
    unit: str
    confidence: float
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and day."""
        return self.curve.copy()

    def summary(self) -> str:
        """Say of how many copies, and where the curves end."""
        last = self.curve.dropna(subset=["estimate"]).groupby("group", sort=False).tail(1)
        lines = [
            f"Share not yet reoffended: {self.n_copies} completed copies put together by Rubin's "
            "rules on the complementary log-log scale",
            f"{100 * self.confidence:g} % intervals; on the last day, in {self.unit}:",
            text_table(last),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share not yet reoffended against time since the index date."""
        ax = new_axes(ax)
        with house_style():
            for label, line in self.curve.groupby("group", sort=False):
                day = np.concatenate([[0], line["day"]])
                share, low, high = (
                    np.concatenate([[1.0], line[name]])
                    for name in ("estimate", "conf_low", "conf_high")
                )
                ax.step(day, share, where="post", label=str(label))
                ax.fill_between(day, low, high, step="post", alpha=0.2)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since index date",
                ylabel="Share not yet reoffended",
                ylim=(0, 1.02),
            )
            if self.curve["group"].nunique() > 1:
                ax.legend()
        return ax


def pool_curves(
    curves: Sequence[Survival | pd.DataFrame],
    *,
    days: Sequence[int] | None = None,
    confidence: float = 0.95,
) -> PooledCurves:
    """Put curves of completed copies together on the complementary log-log scale.

    Parameters
    ----------
    curves
        One a copy: from `kaplan_meier`, or frames of ``group, day, estimate, std_error``, as
        `CoxFit.survival_at` gives them for the same days.
    days
        Days to read Kaplan-Meier curves on; by default every day on which one of them steps.
    confidence
        Of the intervals.

    Returns
    -------
    PooledCurves
        Where the share is 1 or 0 in a copy it has no place on the scale: the row is the mean
        of the copies without an interval, and says so.

    Raises
    ------
    ModelError
        If curves are fewer than two, or of other groups or days.
    """
    if len(curves) < 2:
        raise ModelError(TOO_FEW)
    if days is None:
        steps = [one.curve["day"].to_numpy() for one in curves if isinstance(one, Survival)]
        days = np.unique(np.concatenate(steps)).tolist() if steps else []
    read = [one.at(days) if isinstance(one, Survival) else one for one in curves]
    keys = ["group", "day"]
    tables = [one.set_index(keys)[["estimate", "std_error"]].astype(float) for one in read]
    first = tables[0].index
    if any(len(one) != len(first) or set(one.index) != set(first) for one in tables):
        raise ModelError("The curves are of other groups or days: put like curves together.")
    tables = [one.loc[first] for one in tables]
    share = np.array([one["estimate"] for one in tables])
    error = np.array([one["std_error"] for one in tables])
    frame = pd.DataFrame(_on_cloglog(share, error, confidence), index=first).reset_index()
    unit = next((one.unit for one in curves if isinstance(one, Survival)), "days")
    return PooledCurves(frame, len(curves), unit, confidence, ())


def _on_cloglog(share: Floats, error: Floats, confidence: float) -> dict[str, object]:
    """Put shares and their errors together, (m, k) each, on the scale of log(-log S)."""
    unseen = np.isnan(share).any(axis=0)
    at_end = ((share <= 0) | (share >= 1)).any(axis=0) & ~unseen
    inside = np.where(unseen | at_end, np.nan, share)
    log = np.log(inside)
    found = put_together(np.log(-log), (error / (inside * log)) ** 2)
    low, high = found.interval(confidence)
    estimate = np.where(at_end, share.mean(axis=0), np.exp(-np.exp(found.estimate)))
    whole = np.exp(found.estimate) * estimate  # of the share, by the delta method
    note = np.select(
        [unseen, at_end],
        [
            f"{NOT_ESTIMABLE}: after the last follow-up in a copy",
            "mean of the copies; no interval, as it is 1 or 0 in one",
        ],
        "",
    )
    return {
        "estimate": estimate,
        "std_error": np.where(at_end, np.nan, whole * np.sqrt(found.variance)),
        "conf_low": np.exp(-np.exp(high)),
        "conf_high": np.exp(-np.exp(low)),
        "note": note,
    }
