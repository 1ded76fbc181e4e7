"""Parametric survival: how many times as long until a reoffence, and the whole curve.

The logarithm of the time to the event is location + scale x noise, with the location a sum over
terms (an accelerated failure time model). The exponential of a coefficient is a time ratio: 1.5
means that the time until any given share has reoffended is half as long again. The noise is one
of the families in `distributions`; rows, late entry and weights are as in `likelihood`.

Of the Weibull, the familiar shape is 1 / scale, and a log hazard ratio is -coefficient / scale.

The kinds of variance are those of `fit_cox`: "model", "robust" over rows, "cluster" over people
or a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import pandas as pd

from desistance.errors import ModelError
from desistance.results import Result, number, text_table
from desistance.survival.parametric.designs import design, single
from desistance.survival.parametric.distributions import Distribution
from desistance.survival.parametric.faces import (
    caveats,
    clusters_of,
    covariates_of,
    draw_fit,
    fitted_curve,
    predicted,
    rows_to_fit,
    told_of_variance,
)
from desistance.survival.parametric.likelihood import LOCATION, LOG_SCALE, SHAPE, log_rows
from desistance.survival.parametric.solution import Solution, solve
from desistance.survival.reasons import Variance
from desistance.survival.terms import Term
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from desistance.timetoevent import Days, HasTimes, TimeToEvent


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParametricFit(Result):
    """A fitted accelerated failure time model.

    Attributes
    ----------
    solution : Solution
        Coefficients, covariance and notes, arrays in the order of `to_frame`.
    curve : DataFrame
        day, estimate (averaged over the people fitted), observed (Kaplan-Meier).
    n, n_people, n_events, n_left_out
        Rows, people and events fitted, and rows left out by this fit.
    last_day : the last follow-up; later days are extrapolated
    """

    solution: Solution
    distribution: Distribution
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
        """On the log scale, by name: intercept, terms, scale (its logarithm) and shape (Q)."""
        frame = self.to_frame(log=True)
        return dict(zip(frame.term, frame.estimate, strict=True))

    @property
    def log_likelihood(self) -> float:
        """On the scale of time, not of log time, as R's survreg."""
        return self.solution.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion: smaller is better, among fits to the same rows."""
        return 2 * self.solution.degrees - 2 * self.log_likelihood

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Time ratios with 95 % intervals, a row a term; log time ratios with `log`.

        The intercept is a time (or its logarithm), `scale` the spread of log time (or its
        logarithm), `shape` the Q of a generalised gamma in both. `std_error`, `statistic` and
        `p_value` are of the logarithm in both.
        """
        return self.solution.frame(log=log)

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
        x = covariates_of(self.read_as, profile)
        return predicted(self.solution, x, None, days, self.last_day)

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        lines = [
            f"Parametric survival, {self.distribution}: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows",
            told_of_variance(self.variance, self.clusters, weighted=self.weighted),
            f"Log-likelihood {self.log_likelihood:.4f} on the scale of time, AIC {self.aic:.2f}",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            f"Time ratios with 95 % intervals, the intercept in {self.unit} "
            "(std_error is of the logarithm):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the fitted curve over the Kaplan-Meier curve, which it should follow."""
        return draw_fit(self.curve, self.distribution, self.unit, ax=ax)


def fit_parametric(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term] = (),
    *,
    distribution: Distribution = "weibull",
    variance: Variance = "model",
    cluster: str | None = None,
) -> ParametricFit:
    """Fit an accelerated failure time model by maximum likelihood.

    Parameters
    ----------
    times
        Rows of people at risk; late entries are conditioned on, weights are used, strata are not.
    terms
        Columns to enter, as in `fit_cox`; none for a curve alone.
    distribution
        "weibull", "exponential", "log-normal", "log-logistic" or "generalised-gamma".
    variance, cluster
        See the module; `cluster` names a column, and is the person when left out.

    Raises
    ------
    ModelError
        If a name is not a column, or a column cannot be a term. Data that say too little are
        no error: the `note` says why a coefficient is not estimable.

    References
    ----------
    Kalbfleisch and Prentice (2002), chapter 3; Prentice (1974); R survival 3.5, `survreg`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> fit = fit_parametric(times, ["priors"])
    >>> fit.to_frame()[["term", "estimate"]].round(3)
            term  estimate
    0  intercept    51.823
    1     priors     0.814
    2      scale     0.299
    """
    if distribution not in get_args(Distribution):
        raise ModelError(f"`distribution` is one of {', '.join(get_args(Distribution))}.")
    came = as_times(times)
    kept, (read_as,) = rows_to_fit(came, terms, cluster=cluster)
    clusters = clusters_of(kept, variance, cluster, read_as)
    rows = log_rows(kept)
    location = design(kept, read_as, rows.weight)
    designs = {LOCATION: location}
    if distribution != "exponential":
        designs[LOG_SCALE] = single("scale", kept.n)
    if distribution == "generalised-gamma":
        designs[SHAPE] = single("shape", kept.n)
    solution = solve(rows, distribution, designs, clusters=clusters)
    return ParametricFit(
        solution, distribution, variance, cluster or "person", kept.unit,
        kept.weight is not None, kept.n, kept.n_people,
        int(kept.event.sum()), came.n - kept.n, kept.last_day,
        caveats(came, kept, solution, variance, clusters),
        fitted_curve(kept, solution, location.plain), read_as,
    )  # fmt: skip
