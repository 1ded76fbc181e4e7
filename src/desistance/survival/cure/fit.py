"""Split population: what share reoffends eventually, and how soon those who do.

    S(t) = 1 - pi + pi S_0(t)

The share that is modelled, by logistic regression on `share_terms`, is pi: of EVENTUAL
REOFFENDERS. An odds ratio above 1 means more of them. 1 - pi is the share of eventual desisters
(called "cured" elsewhere), who never have the event. How soon those who reoffend do so is a
parametric time, with time ratios for `terms` as in `parametric`.

The two can be told apart only if follow-up reaches a plateau: see `plateau` for the rule. Where it
does not, `not identified` stands in place of the shares and of all coefficients; the curve within
the follow-up stands. Covariates are those of a person, not of a day.

References: Maltz and McCleary (1977); Schmidt and Witte (1988), Predicting Recidivism Using
Survival Models; Farewell (1982), Biometrics 38, 1041-1046.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from desistance.errors import ModelError
from desistance.plots import DARK_GREY
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.cure.plateau import Plateau, plateau, why_not_identified
from desistance.survival.parametric.designs import design, single
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
from desistance.survival.parametric.likelihood import LOCATION, LOG_SCALE, SHARE, log_rows
from desistance.survival.parametric.solution import Z95, Solution, solve
from desistance.survival.reasons import Variance
from desistance.survival.terms import Term, one_column
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Latency = Literal["weibull", "log-normal", "log-logistic", "exponential"]
WORTH_SAYING = 0.05  # of eventual events still to come
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SplitPopulationFit(Result):
    """A fitted split population.

    Attributes
    ----------
    not_identified
        Why the shares and coefficients cannot be told; empty where they can.
    mean_share, mean_share_error
        Share of eventual reoffenders averaged over people, and its standard error; NaN where it
        is not estimable. Read `shares`, which respects the verdict.
    to_come
        Share of eventual events that the fit expects after the last follow-up.
    end : Plateau
    solution : Solution
        Coefficients where the likelihood is highest, whatever the verdict.
    curve : DataFrame
        day, estimate (averaged over the people fitted), observed (Kaplan-Meier).
    n, n_people, n_events, n_left_out
        Rows, people and events fitted, and rows left out by this fit.
    """

    not_identified: str
    mean_share: float
    mean_share_error: float
    to_come: float
    end: Plateau
    solution: Solution
    latency: Latency
    variance: Variance
    clusters: str
    weighted: bool
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]
    curve: pd.DataFrame
    read_as: tuple[Term, ...]
    share_read_as: tuple[Term, ...]

    @property
    def log_likelihood(self) -> float:
        """On the scale of time, not of log time."""
        return self.solution.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion: smaller is better, among fits to the same rows."""
        return 2 * self.solution.degrees - 2 * self.log_likelihood

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Odds ratios of eventual reoffending, and time ratios of those who reoffend.

        Group "share" has odds ratios (its intercept the odds), group "latency" time ratios (its
        intercept a time, `scale` the spread of log time), each with 95 % intervals, or all
        logarithms with `log`. `std_error`, `statistic` and `p_value` are of the logarithm in
        both. Without a verdict of identified the numbers are empty and the note says why.
        """
        frame = self.maximum(log=log)
        if self.not_identified:
            frame[NUMBERS] = np.nan
            frame["note"] = f"{NOT_ESTIMABLE}: not identified"
        return frame

    def maximum(self, *, log: bool = False) -> pd.DataFrame:
        """Where the likelihood is highest, whatever the verdict: for checks, not for reports."""
        frame = self.solution.frame(log=log)
        of_share = self.solution.predictor == SHARE
        frame.insert(0, "group", np.where(of_share, "share", "latency"))
        order = np.argsort(~of_share, kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def shares(self) -> pd.DataFrame:
        """Shares of eventual reoffenders and desisters over the people fitted, 95 % limits.

        Limits are made on the logit scale. Where no plateau tells the two apart the numbers are
        empty and the note says `not identified` and why.
        """
        share, error = self.mean_share, self.mean_share_error
        half = Z95 * error / (share * (1 - share))
        low, high = expit(logit(share) - half), expit(logit(share) + half)
        frame = pd.DataFrame(
            {
                "group": ["eventual reoffenders", "eventual desisters"],
                "estimate": [share, 1 - share],
                "std_error": [error, error],
                "conf_low": [low, 1 - high],
                "conf_high": [high, 1 - low],
                "note": "",
            }
        )
        if self.not_identified:
            frame[NUMBERS[:4]] = np.nan
            frame["note"] = f"{NOT_ESTIMABLE}: not identified, {self.not_identified}"
        return frame

    def tests(self) -> pd.DataFrame:
        """Maller and Zhou's test that follow-up is too short; see `plateau`."""
        return pd.DataFrame(
            {
                "term": ["follow-up is too short (Maller–Zhou)"],
                "n": [self.end.n],
                "n_events": [self.end.n_late],
                "p_value": [self.end.p_value],
                "note": [
                    f"last event at {self.end.last_event}, last follow-up at {self.end.last_day} "
                    f"{self.end.unit}; n_events are those in the same length before the last event"
                ],
            }
        )

    def survival_at(self, profile: Mapping[str, object], days: Sequence[int]) -> pd.DataFrame:
        """Predict the share without the event for one profile, a row per day.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            Those after the last follow-up are extrapolated if the shares are identified, and
            else not estimable.

        Returns
        -------
        DataFrame
            day, estimate, std_error, conf_low, conf_high (95 %, log-log), note.
        """
        x, share_x = (covariates_of(read, profile) for read in (self.read_as, self.share_read_as))
        later = f"{NOT_ESTIMABLE}: after the last follow-up, and the shares are not identified"
        return predicted(
            self.solution, x, share_x, days, self.end.last_day,
            why_not_later=later if self.not_identified else "",
        )  # fmt: skip

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        if self.not_identified:
            found = [f"Share of eventual desisters: not identified; {self.not_identified}."]
        else:
            found = [
                "Shares with 95 % intervals:",
                text_table(self.shares().drop(columns="note")),
                "",
                "The share that is modelled is of EVENTUAL REOFFENDERS: an odds ratio above 1 "
                "means more of them.",
                f"Latency is time ratios among them, its intercept in {self.end.unit} (std_error "
                "is of the logarithm):",
                text_table(self.to_frame()),
            ]
        lines = [
            f"Split population, {self.latency} latency: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows",
            told_of_variance(self.variance, self.clusters, weighted=self.weighted),
            f"Log-likelihood {self.log_likelihood:.4f} on the scale of time, AIC {self.aic:.2f}",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            *found,
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the fitted curve over the Kaplan-Meier curve, and the plateau if identified."""
        ax = draw_fit(self.curve, f"split {self.latency}", self.end.unit, ax=ax)
        if not self.not_identified:
            ax.axhline(1 - self.mean_share, color=DARK_GREY, linestyle=":", linewidth=1.2)
        return ax


def fit_split_population(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str] = (),
    *,
    share_terms: Sequence[str] | None = None,
    latency: Latency = "weibull",
    variance: Variance = "model",
    cluster: str | None = None,
) -> SplitPopulationFit:
    """Fit a mixture of people who reoffend eventually and people who never do.

    Parameters
    ----------
    times
        Rows of people at risk; late entries are conditioned on, weights are used, strata are not.
    terms
        Columns that make those who reoffend do so sooner or later; each fixed for a person.
    share_terms
        Columns that make more or fewer people reoffend eventually; `terms` when left out.
    latency
        "weibull", "log-normal", "log-logistic" or "exponential".
    variance, cluster
        As in `fit_parametric`.

    Raises
    ------
    ModelError
        If a name is not a column, a column cannot be a term, a term changes within a person, or
        a person has several events. Data that say too little are no error: `not identified`
        stands where a share would.

    References
    ----------
    Schmidt and Witte (1988); Maller and Zhou (1996).

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> day = np.array([3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 20, 24] + [90] * 28)
    >>> frame = pd.DataFrame({"day": day, "reoffended": day < 90})
    >>> fit = fit_split_population(TimeToEvent.from_frame(frame, stop="day", event="reoffended"))
    >>> fit.shares()[["group", "estimate", "conf_low", "conf_high"]].round(3)
                      group  estimate  conf_low  conf_high
    0  eventual reoffenders       0.3     0.179      0.457
    1    eventual desisters       0.7     0.543      0.821
    """
    _check_latency(latency)
    came = as_times(times)
    share_names = terms if share_terms is None else share_terms
    kept, (read_as, share_read_as) = rows_to_fit(came, terms, share_names, cluster=cluster)
    _refuse_repeated_events(kept)
    for name in {*terms, *share_names}:
        _refuse_what_changes(kept, name)
    clusters = clusters_of(kept, variance, cluster)
    rows = log_rows(kept)
    location = design(kept, read_as, rows.weight)
    share = design(kept, share_read_as, rows.weight)
    designs = {LOCATION: location, SHARE: share}
    if latency != "exponential":
        designs = {LOCATION: location, LOG_SCALE: single("scale", kept.n), SHARE: share}
    solution = solve(rows, latency, designs, clusters=clusters)
    first = np.unique(kept.person, return_index=True)[1]
    weight = rows.weight[first]
    end = plateau(kept)
    mean_share, error, to_come = _shares(
        solution, location.plain[:, first], share.plain[:, first], weight, end.last_day
    )
    why = why_not_identified(end, to_come, _fault(solution))
    return SplitPopulationFit(
        why, mean_share, error, to_come, end, solution, latency, variance, cluster or "person",
        kept.weight is not None, kept.n, end.n, int(kept.event.sum()), came.n - kept.n,
        (*caveats(came, kept, solution, variance, clusters), *_told_of_shape(why, to_come, end)),
        fitted_curve(kept, solution, location.plain, share.plain), read_as, share_read_as,
    )  # fmt: skip


def _check_latency(latency: str) -> None:
    if latency == "cox":
        raise ModelError(
            "A Cox latency has no formula beyond the last event and is not offered: choose a "
            "parametric `latency`, and compare several by `aic`."
        )
    if latency not in get_args(Latency):
        raise ModelError(f"`latency` is one of {', '.join(get_args(Latency))}.")


def _refuse_repeated_events(times: TimeToEvent) -> None:
    several = np.bincount(times.person, times.event) > 1
    if several.any():
        raise ModelError(
            f"{several.sum()} people have several events: whether somebody ever reoffends is asked "
            "of the first; leave out the rows after it."
        )


def _refuse_what_changes(times: TimeToEvent, name: str) -> None:
    """A share is of a person's whole future, so what it depends on is known at the start."""
    labels = one_column(times, name).groupby(times.person, observed=True).nunique()
    if (labels > 1).any():
        raise ModelError(
            f"Column {name!r} changes within {int((labels > 1).sum())} people: a share of eventual "
            "reoffenders is of a person's whole future; use the value on the index date."
        )


def _shares(
    solution: Solution, x: Floats, share_x: Floats, weight: Floats, last_day: int
) -> tuple[float, float, float]:
    """Mean share over people with its standard error, and of it what is still to come.

    `x` (1 + p, people), `share_x` (1 + q, people), `weight` (people,).
    """
    if not solution.degrees:
        return np.nan, np.nan, np.nan
    of_share = solution.predictor == SHARE
    each = expit(solution.of(SHARE) @ share_x)
    share = float(np.average(each, weights=weight))
    moved = share_x @ (weight * each * (1 - each)) / weight.sum()
    error = float(np.sqrt(moved @ solution.covariance[np.ix_(of_share, of_share)] @ moved))
    still = solution.mean_survival(x, share_x, weight, np.array([last_day]))[0] - (1 - share)
    return share, error, float(still / share)


def _fault(solution: Solution) -> str:
    """What keeps the fit itself from telling a share; empty if nothing does."""
    missing = np.isnan(solution.values)
    if not missing.any():
        return ""
    notes = np.array(solution.notes, dtype=object)
    if missing[(solution.predictor == SHARE) & ~solution.is_term].any() and not missing.all():
        return "the likelihood rises without end, as where everybody reoffends eventually"
    return str(notes[missing][0]).removeprefix(f"{NOT_ESTIMABLE}: ")


def _told_of_shape(why: str, to_come: float, end: Plateau) -> tuple[str, ...]:
    """Warn where an identified share still leans on the latency's formula."""
    if why or to_come < WORTH_SAYING:
        return ()
    return (
        f"By this fit {to_come:.0%} of eventual events come after the last follow-up, at "
        f"{end.last_day} {end.unit}: the share leans on the shape of the latency; compare "
        "others.",
    )
