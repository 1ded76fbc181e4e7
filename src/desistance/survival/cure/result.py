"""What a fitted split population shows; what its numbers mean is said in `fit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from desistance.plots import DARK_GREY
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.cure.coxlatency import CoxLatency
from desistance.survival.cure.plateau import Plateau
from desistance.survival.hazardratios import NO_ERROR
from desistance.survival.parametric.faces import (
    covariates_of,
    draw_fit,
    predicted,
    told_of_variance,
)
from desistance.survival.parametric.likelihood import SHARE
from desistance.survival.parametric.solution import Z95, Solution
from desistance.survival.reasons import Variance
from desistance.survival.terms import Term

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from desistance.timetoevent import Days

Latency = Literal["weibull", "log-normal", "log-logistic", "exponential", "cox"]
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value"]
NO_LIMITS = f"{NOT_ESTIMABLE}: a Cox latency has limits by the model's variance only"


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
        Share of eventual events that the fit expects after the last follow-up; with a Cox latency
        that a Weibull latency of the same terms expects.
    end : Plateau
    solution : Solution or CoxLatency
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
    solution: Solution | CoxLatency
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
        """On the scale of time; with a Cox latency, with the logarithms of its jumps."""
        return self.solution.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion: smaller is better, among fits to the same rows; not for Cox."""
        if self.latency == "cox":
            return np.nan
        return 2 * self.solution.degrees - 2 * self.log_likelihood

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Odds ratios of eventual reoffending, and time or hazard ratios of those who reoffend.

        Group "share" has odds ratios (its intercept the odds), group "latency" time ratios (its
        intercept a time, `scale` the spread of log time) or, with a Cox latency, hazard ratios;
        each with 95 % intervals, or all logarithms with `log`. `std_error`, `statistic` and
        `p_value` are of the logarithm in both. Without a verdict of identified the numbers are
        empty and the note says why.
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
        order = np.argsort(~of_share, kind="stable")
        group = np.where(of_share, "share", "latency")[order]
        columns = {name: frame[name].to_numpy()[order] for name in frame}
        return pd.DataFrame({"group": group} | columns)

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

    def survival_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the share without the event for one profile, a row per day.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            Those after the last follow-up are extrapolated if the shares are identified, and
            else not estimable. With a Cox latency the limits are by the model's variance, and
            with another `variance` there are none.

        Returns
        -------
        DataFrame
            day, estimate, std_error, conf_low, conf_high (95 %, log-log), note.
        """
        x, share_x = (covariates_of(read, profile) for read in (self.read_as, self.share_read_as))
        later = f"{NOT_ESTIMABLE}: after the last follow-up, and the shares are not identified"
        frame = predicted(
            self.solution, x, share_x, days, self.end.last_day,
            why_not_later=later if self.not_identified else "",
        )  # fmt: skip
        if self.latency == "cox" and self.variance != "model":
            frame["note"] = frame.note.mask(frame.note.isin(["", NO_ERROR]), NO_LIMITS)
        return frame

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
                f"Latency is {self._told_latency()} (std_error is of the logarithm):",
                text_table(self.to_frame()),
            ]
        lines = [
            f"Split population, {self.latency} latency: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows",
            told_of_variance(self.variance, self.clusters, weighted=self.weighted),
            self._told_likelihood(),
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

    def _told_latency(self) -> str:
        if self.latency == "cox":
            return "hazard ratios among them"
        return f"time ratios among them, its intercept in {self.end.unit}"

    def _told_likelihood(self) -> str:
        value = f"Log-likelihood {self.log_likelihood:.4f}"
        if self.latency == "cox":
            return f"{value}, to be set against other Cox latencies only; Breslow ties"
        return f"{value} on the scale of time, AIC {self.aic:.2f}"
