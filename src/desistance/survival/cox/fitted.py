"""A fitted Cox model: what it holds, shows and predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.baseline import BaselineHazard
from desistance.survival.cox.choices import CoxTies
from desistance.survival.cox.effects import effect_of, term_tests
from desistance.survival.frailty import SharedFrailty, without_error
from desistance.survival.hazardratios import effect_curve, forest, hazard_ratios
from desistance.survival.penalty import Penalty, Ridge
from desistance.survival.reasons import Variance
from desistance.survival.terms import Term
from desistance.timetoevent import days_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import Days

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoxFit(Result):
    """A fitted Cox model: p covariates, named by `terms`.

    Attributes
    ----------
    terms : the covariates' names, p of them
    log_hazards : float64 array, shape (p,)
        Log hazard ratios; NaN where `notes` say why there is none.
    covariance : float64 array, shape (p, p)
        Of the log hazards, by `variance`.
    profile : float64 array, shape (p, 3), or None
        With Firth's penalty: limits of the log hazards and signed roots of the test that each
        is 0 (see `penalty`).
    model_covariance : float64 array, shape (p, p)
        The inverse information, whatever `variance` is.
    log_likelihood, log_likelihood_null
        At the fit, and with every log hazard 0; the penalty, if any, counted in both.
    score_statistic
        Of the score test at 0, by the inverse information.
    degrees : how many covariates the likelihood-ratio and score tests are of
    n, n_people, n_events, n_left_out
        Rows, people and events fitted, and rows left out by this fit.
    baseline_of : gives the `baseline`, from the rows once more where these were in many days
    frailty : SharedFrailty, or None
        With one, `covariance` counts that its variance is estimated, `model_covariance` takes it
        as known, log-likelihoods have the frailties integrated out (with every log hazard 0, the
        variance fitted anew), and the baseline is that of a group of frailty 1.
    """

    terms: tuple[str, ...]
    log_hazards: Floats
    covariance: Floats
    model_covariance: Floats
    notes: tuple[str, ...]
    variance: Variance
    clusters: str
    ties: CoxTies
    strata: tuple[str, ...]
    weighted: bool
    log_likelihood: float
    log_likelihood_null: float
    score_statistic: float
    degrees: int
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]
    baseline_of: Callable[[], BaselineHazard]
    read_as: tuple[Term, ...]
    iterations: int
    penalty: Penalty | None = None
    profile: Floats | None = None
    frailty: SharedFrailty | None = None

    @property
    def baseline(self) -> BaselineHazard:
        """The cumulative hazard at the covariates' means, and what predictions need of it."""
        return self.baseline_of()

    @property
    def coefficients(self) -> dict[str, float]:
        """Log hazard ratio by term."""
        return dict(zip(self.terms, map(float, self.log_hazards), strict=True))

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Hazard ratios with 95 % intervals, one row a term; log hazard ratios with `log`.

        `std_error`, `statistic` and `p_value` are of the log hazard ratio in both. With Firth's
        penalty the interval, `statistic` and `p_value` are the profile's, and `note` says so.
        """
        return hazard_ratios(
            self.terms, self.log_hazards, self.covariance, self.notes, log=log, profile=self.profile
        )

    def tests(self) -> pd.DataFrame:
        """Likelihood-ratio, score and Wald tests that no term matters.

        The first two rest on the model's variance even where `variance` is a sandwich; with
        weights or several events a person read the Wald test. With Firth's penalty the first is
        of the penalised likelihood and the second is not defined; with a ridge none is.
        """
        found = np.isfinite(self.log_hazards) & np.isfinite(np.diag(self.covariance))
        beta, matrix = self.log_hazards[found], self.covariance[np.ix_(found, found)]
        error = np.sqrt(np.diag(matrix))
        unit = np.where(error > 0, error, 1.0)  # so that no term's unit hides another's
        turned = np.linalg.lstsq(matrix / np.outer(unit, unit), beta / unit, rcond=None)[0]
        wald = float(beta / unit @ turned) if found.any() else np.nan
        ratio = 2 * (self.log_likelihood - self.log_likelihood_null)
        rows = [
            ("likelihood ratio", ratio, self.degrees),
            ("score", self.score_statistic, self.degrees),
            ("Wald", wald, int(found.sum())),
        ]
        frame = pd.DataFrame(rows, columns=["term", "statistic", "df"])
        none = frame.df.eq(0)
        bent = bool(self.penalty) or self.frailty is not None
        drawn = isinstance(self.penalty, Ridge) | (frame.term.eq("score") & bent)
        frame["statistic"] = frame.statistic.mask(none | drawn)
        frame["p_value"] = chdtrc(frame.df.to_numpy(float), frame.statistic.to_numpy())
        model = "the fit has a frailty" if self.frailty else "the fit is penalised"
        why = np.where(none, "no term is", model)
        frame["note"] = np.where(none | drawn, f"{NOT_ESTIMABLE}: " + why.astype(object), "")
        return frame

    def survival_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the share without the event for one profile, a row per stratum and day.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            In the fit's unit; NaN beyond the last follow-up of the stratum.

        Returns
        -------
        DataFrame
            group, day, estimate, std_error, conf_low, conf_high (95 %, log-log), note.
            The standard error counts both the baseline's and the coefficients' uncertainty,
            as R's survfit.coxph. With a frailty it is of a group of frailty 1, without error.
        """
        event_days = self.baseline.day
        x = np.hstack([term.over(profile, event_days) for term in self.read_as])
        found = self.baseline.survival(x, days_asked(days))
        return without_error(found) if self.frailty else found

    def term_tests(self) -> pd.DataFrame:
        """Wald tests of each term as a whole: term, statistic, df, p_value, note.

        A category or a spline is one term, whatever its covariates; a term whose effect changes
        with time has a second test, that it does not. With a ridge there is none.
        """
        tests = term_tests(self)
        if isinstance(self.penalty, Ridge):
            tests[["statistic", "p_value"]] = np.nan
            tests["note"] = f"{NOT_ESTIMABLE}: the fit is penalised"
        return tests

    def effect_of(
        self,
        column: str,
        at: Sequence[object] | None = None,
        *,
        reference: object = None,
        given: Mapping[str, object] | None = None,
        day: int | None = None,
    ) -> pd.DataFrame:
        """Compare values of one column: hazard ratios against a reference, a row a value.

        Parameters
        ----------
        column
            A column that terms were read from; all its terms count.
        at, reference
            Values, and the one they are set against. When left out: from the first knot of a
            spline to the last, against its middle knot; the labels, against the first.
        given
            Values of the columns that `column` interacts with.
        day
            The day of the comparison, where the effect changes with time.

        Returns
        -------
        DataFrame
            term, value, estimate, std_error (of the log), conf_low, conf_high (95 %), note.

        Raises
        ------
        ModelError
            If something needed is not said, or a label was not fitted.
        """
        return effect_of(self, column, at, reference, given, day)

    def plot_effect(
        self,
        column: str,
        at: Sequence[object] | None = None,
        *,
        reference: object = None,
        given: Mapping[str, object] | None = None,
        day: int | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw `effect_of`: a curve with its interval, or a forest where values are labels."""
        frame = self.effect_of(column, at, reference=reference, given=given, day=day)
        if not pd.api.types.is_numeric_dtype(frame.value):
            return forest(frame.assign(term=column + " " + frame.value.astype(str)), ax=ax)
        return effect_curve(frame, column, ax=ax)

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        people = f"{number(self.n_people)} people, {number(self.n_events)} events"
        kind = {
            "model": "model variance",
            "robust": "robust variance over rows",
            "cluster": f"robust variance clustered by {self.clusters}",
        }[self.variance]
        lines = [
            f"Cox proportional hazards: {people}, {number(self.n)} rows",
            f"{self.ties.capitalize()} ties, {kind}"
            + (", weighted" if self.weighted else "")
            + _told_penalty(self.penalty)
            + (f", gamma frailty by {self.frailty.by}" if self.frailty else "")
            + (f", strata by {', '.join(self.strata)}" if self.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Hazard ratios with 95 % intervals (std_error is of the log hazard ratio):",
            text_table(self.to_frame()),
            "",
            text_table(self.tests()),
            *(("", text_table(self.frailty.variance())) if self.frailty else ()),
        ]
        if any(len(term.names) > 1 for term in self.read_as):
            lines += ["", "Wald tests of whole terms:", text_table(self.term_tests())]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios on a log axis, each with its numbers."""
        return forest(self.to_frame(), ax=ax)


def _told_penalty(penalty: Penalty | None) -> str:
    if isinstance(penalty, Ridge):
        return f", ridge with theta {penalty.theta:g}"
    return ", Firth's penalised likelihood" if penalty else ""
