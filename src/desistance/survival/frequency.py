"""How often people reoffend for their time on the street: negative binomial regression.

A person's reoffences are counted over all their rows, and their exposure is the days in them, so
that days in custody do not count. With mu = exposure x exp(terms), counts vary by

    variance = mu + dispersion x mu^2

as people differ in more than their terms tell. At dispersion 0 it is Poisson's model, which is
fitted where the counts vary no more than that. The exponential of a coefficient is a rate ratio.
statsmodels finds the maximum; standard errors are of the expected information at the dispersion
found, as R's `glm.nb`, or of the sandwich.

Terms are read on a person's first row: what changes later belongs in `fit_recurrent`. People whose
rate the likelihood sends to 0 (none of those with a need reoffends) are set aside with the terms
that single them out, by the linear programme of Correia, Guimaraes and Zylkin (2019, arXiv
1903.01633), and the other terms are as without them.

References: Lawless (1987), Canadian Journal of Statistics 15, 209-225.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import linprog, minimize_scalar
from scipy.special import chdtrc
from statsmodels.tools.sm_exceptions import HessianInversionWarning, PerfectSeparationWarning

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.cox.variance import blanked, told_apart
from desistance.survival.cumulative import named_people
from desistance.survival.hazardratios import NO_ERROR, Z95, forest, hazard_ratios
from desistance.survival.parametric.designs import Design, design
from desistance.survival.parametric.faces import clusters_of, covariates_of, told_of_variance
from desistance.survival.reasons import Counted, Variance, caveats_of_counts, why_monotone
from desistance.survival.terms import (
    Term,
    columns_of,
    read_terms,
    told_of_left_out,
    without_empty,
)
from desistance.timetoevent import PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

COUNT, ROWS = "(events of the person)", "(rows of the person)"
RATE = "reoffences per person-year"
MOST_STEPS = 200
TELLS = 1e-6
DISPERSIONS = (1e-6, 1e4)
EXACTLY = {"maxiter": 200, "tol": 1e-13, "tol_criterion": "params"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrequencyFit(Result):
    """A fitted negative binomial model of counts, with p terms' covariates.

    Attributes
    ----------
    terms, notes : p names, and why there is no estimate of one (or empty)
    rate_note : why there is no rate where every covariate is 0 (or empty)
    log_rates : float64 array, shape (1 + p,)
        Log rate per `unit` where every covariate is 0, then log rate ratios; NaN where the notes
        say why.
    covariance : float64 array, shape (1 + p, 1 + p)
        NaN for the same.
    predicts : bool array, shape (1 + p,)
        Which coefficients a prediction adds up: not those of terms that are constant, or repeat
        others.
    dispersion, dispersion_error
        The dispersion and its standard error, 0 and NaN for Poisson's model.
    log_likelihood, log_likelihood_poisson
    n, n_rows, n_events, exposure, n_left_out
        People, their rows, events and time at risk in `unit`, and people left out for an empty
        term.
    """

    terms: tuple[str, ...]
    notes: tuple[str, ...]
    rate_note: str
    log_rates: Floats
    covariance: Floats
    predicts: Truths
    dispersion: float
    dispersion_error: float
    log_likelihood: float
    log_likelihood_poisson: float
    variance: Variance
    clusters: str
    unit: str
    n: int
    n_rows: int
    n_events: int
    exposure: int
    n_left_out: int
    caveats: tuple[str, ...]
    read_as: tuple[Term, ...]

    @property
    def n_people(self) -> int:
        """The same as `n`."""
        return self.n

    @property
    def coefficients(self) -> dict[str, float]:
        """Log rate ratio by term; without terms, the log of the rate per person-year."""
        frame = self.to_frame(log=True)
        return dict(zip(frame.term, frame.estimate, strict=True))

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Rate ratios with 95 % intervals, one row a term; log rate ratios with `log`.

        Without terms, one row: the rate per person-year, or its logarithm. `std_error` is of the
        logarithm in both.
        """
        if self.terms:
            return hazard_ratios(
                self.terms, self.log_rates[1:], self.covariance[1:, 1:], self.notes, log=log
            )
        per_year = self.log_rates + np.log(PER_YEAR[self.unit])
        frame = hazard_ratios((RATE,), per_year, self.covariance, (self.rate_note,), log=log)
        return frame.assign(statistic=np.nan, p_value=np.nan)  # that it is 1 a year is no question

    def test_of_dispersion(self) -> tuple[float, float]:
        """Likelihood-ratio statistic and p-value that counts vary no more than Poisson's.

        The dispersion cannot be below 0, so the p-value is half of that of a chi-square.
        """
        statistic = max(2 * (self.log_likelihood - self.log_likelihood_poisson), 0.0)
        return statistic, float(chdtrc(1, statistic)) / 2 if statistic > 0 else 1.0

    def rate_at(self, profile: Mapping[str, object]) -> pd.DataFrame:
        """Predict reoffences per person-year on the street for one profile.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.

        Returns
        -------
        DataFrame
            One row: estimate, std_error, conf_low, conf_high (95 %, on the log scale), note.
        """
        used = self.predicts
        x = covariates_of(self.read_as, profile)[used]
        estimate = np.exp(self.log_rates[used] @ x) * PER_YEAR[self.unit]
        error = np.sqrt(x @ self.covariance[np.ix_(used, used)] @ x)
        missing = f"{NOT_ESTIMABLE}: a term of the fit is not" if self.terms else self.rate_note
        no_error = NO_ERROR if np.isnan(error) else ""
        return pd.DataFrame(
            {
                "estimate": [estimate],
                "std_error": estimate * error,
                "conf_low": estimate * np.exp(-Z95 * error),
                "conf_high": estimate * np.exp(Z95 * error),
                "note": missing if np.isnan(estimate) else no_error,
            }
        )

    def summary(self) -> str:
        """Say who was counted, by which definitions, and what was found."""
        statistic, p = self.test_of_dispersion()
        lines = [
            f"Negative binomial frequency: {number(self.n)} people, "
            f"{number(self.n_events)} events, {number(self.exposure)} {self.unit} at risk",
            told_of_variance(self.variance, self.clusters, weighted=False),
            f"Dispersion {self.dispersion:.3f} (std_error {self.dispersion_error:.3f}); against "
            f"none, chi-square {statistic:.2f}, p {p:.2g}",
            f"People left out: {number(self.n_left_out)}",
            "",
            "Rate ratios with 95 % intervals (std_error is of the log rate ratio):"
            if self.terms
            else "Rate with its 95 % interval (std_error is of its logarithm):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of rate ratios on a log axis, each with its numbers; or the one rate."""
        if self.terms:
            return forest(self.to_frame(), ax=ax, label="Rate ratio")
        return forest(self.to_frame(), ax=ax, label="Reoffences per person-year", equal=None)


def fit_frequency(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term] = (),
    *,
    variance: Variance = "model",
    cluster: str | None = None,
) -> FrequencyFit:
    """Fit a negative binomial model of reoffences for time on the street.

    Parameters
    ----------
    times
        Rows of people at risk, with a person column, made with ``recurrent=True``; no weights.
    terms
        Columns to enter, as in `fit_cox`; none for the mean rate alone.
    variance, cluster
        "model"; "robust" over people; or "cluster" over a column of areas, say.

    Raises
    ------
    ModelError
        If the rows name no person or have weights, or a column cannot be a term. Data that say
        too little are no error: the `note` says why a term is not estimable.

    References
    ----------
    Lawless (1987); R MASS 7.3, `glm.nb`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "person": [1, 1, 2, 3, 3, 3, 4, 5], "start": [0, 20, 0, 0, 15, 40, 0, 0],
    ...     "stop": [20, 90, 60, 15, 40, 80, 35, 70], "again": [1, 0, 1, 1, 1, 0, 0, 1],
    ...     "priors": [3, 3, 1, 5, 5, 5, 2, 0],
    ... })
    >>> times = TimeToEvent.from_frame(
    ...     frame, start="start", stop="stop", event="again", person="person", recurrent=True
    ... )
    >>> fit = fit_frequency(times, ["priors"])
    >>> round(fit.coefficients["priors"], 3), fit.dispersion
    (0.125, 0.0)
    """
    came = named_people(times)
    if came.weight is not None:
        raise ModelError("A model of counts takes no weights: read the rows without `weight`.")
    everyone = _people(came)
    people = everyone if cluster is None else without_empty(everyone, cluster)
    people, read_as = read_terms(people, terms) if len(terms) else (people, ())
    clusters = clusters_of(people, variance, cluster, read_as)
    counts = people.columns[COUNT].to_numpy()
    own = design(people, read_as, np.ones(people.n))
    found = _fit(own, counts, people.stop, clusters)
    notes = found.notes[1:]
    return FrequencyFit(
        own.names[1:], notes, found.notes[0], found.values, found.covariance,
        np.array([not note for note in own.notes]), found.dispersion,
        found.dispersion_error, found.log_likelihood, found.log_likelihood_poisson, variance,
        cluster or "person", people.unit, people.n, int(people.columns[ROWS].sum()),
        int(counts.sum()), int(people.stop.sum()), everyone.n - people.n,
        (
            *told_of_left_out(everyone, people, "People"),
            *caveats_of_counts(_counted(people, clusters), notes, variance),
            *_caveats(came, read_as, counts, notes),
        ),
        read_as,
    )  # fmt: skip


def _people(times: TimeToEvent) -> TimeToEvent:
    """One row a person: their first row's columns, and their own time at risk and events."""
    first, n = times.first_rows(), times.n_people
    counts = np.bincount(times.person, times.event, n).astype(np.int64)
    exposure = np.bincount(times.person, times.stop - times.start, n).astype(np.int64)
    told = {COUNT: counts, ROWS: np.bincount(times.person, minlength=n)}
    return replace(
        times, start=np.zeros_like(exposure), stop=exposure, event=counts > 0,
        person=np.arange(n), strata=None, cause=None,
        columns=times.columns.iloc[first].assign(**told).reset_index(drop=True),
    )  # fmt: skip


def _counted(people: TimeToEvent, clusters: Ints | None) -> Counted:
    codes = people.person if clusters is None else clusters
    n_clusters = int(codes.max(initial=-1)) + 1
    return Counted(people.n, people.n, int(people.event.sum()), 1, n_clusters)


def _caveats(
    times: TimeToEvent, terms: Sequence[Term], counts: Ints, notes: tuple[str, ...]
) -> list[str]:
    said: list[str] = []
    if 0 < len(counts) <= 1 + sum(not note for note in notes):
        said.append(
            "There are no more people than coefficients: the fit repeats their counts, and how far "
            "people differ cannot be seen."
        )
    if counts.max(initial=0) == 1:
        said.append(
            "Nobody has a second event: if the rows end at the first, their number is not a "
            "frequency."
        )
    for name in columns_of(terms):
        if (times.columns.groupby(times.person)[name].nunique(dropna=False) > 1).any():
            said.append(f"`{name}` changes over some people's time: it is read on their first row.")
    if times.strata is not None:
        said.append("The rows' strata are not used: enter them as a term.")
    return said


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A maximum in the terms' own units, the intercept first; see `FrequencyFit`."""

    notes: tuple[str, ...]
    values: Floats
    covariance: Floats
    dispersion: float = np.nan
    dispersion_error: float = np.nan
    log_likelihood: float = np.nan
    log_likelihood_poisson: float = np.nan


def _fit(own: Design, counts: Ints, exposure: Ints, clusters: Ints | None) -> _Found:
    """Find the maximum for counts (n,) over exposures (n,); `clusters` (n,) make a sandwich."""
    if not counts.any():
        return _nothing(own, "no event")
    kept = ~_rate_of_zero(own.matrix, counts)
    basis, lost = _told_apart(own.matrix[:, kept])
    spread = own.plain.std(axis=1)
    off = np.abs(own.back @ lost) * np.where(spread > 0, spread, 1.0)[:, None] > TELLS
    gone = np.any(off, axis=1)
    notes = tuple(
        f"{NOT_ESTIMABLE}: {why_monotone(own.plain[j], counts > 0, own.names[j])}"
        if gone[j] and not note
        else note
        for j, note in enumerate(own.notes)
    )
    x, y, scale = (basis.T @ own.matrix[:, kept]).T, counts[kept], exposure[kept].mean()
    over = exposure[kept] / scale
    poisson = _reweighted(y, x, sm.families.Poisson(), over)
    more = ((y - poisson.mu) ** 2 - y).sum() / (poisson.mu**2).sum()
    fit, dispersion, error, value = poisson, 0.0, np.nan, poisson.llf
    if more > 0:  # the likelihood rises from a dispersion of 0
        full = _dispersed(y, x, over, np.append(poisson.params, more))
        if full is None:
            return _nothing(own, "the dispersion has no maximum")
        dispersion, error, value = full.params[-1], full.bse[-1], full.llf
        fit = _reweighted(y, x, sm.families.NegativeBinomial(alpha=dispersion), over)
    back = own.back @ basis
    values = back @ fit.params
    values[0] -= np.log(scale)
    covariance = back @ fit.cov_params() @ back.T
    if clusters is not None:
        weight = (y - fit.mu) / (1 + dispersion * fit.mu)
        scores = [np.bincount(clusters[kept], weight * column) for column in x.T]
        moves = back @ fit.cov_params() @ np.array(scores)
        covariance = told_apart(moves @ moves.T, covariance)
    blank = gone | [bool(note) for note in own.notes]
    return _Found(
        notes, np.where(blank, np.nan, values), blanked(covariance, blank),
        float(dispersion), float(error), float(value), float(poisson.llf),
    )  # fmt: skip


def _reweighted(y: Ints, x: Floats, family: Any, over: Floats) -> Any:
    """Fit a GLM. That it meets every count is no fault: who has a rate of 0 was set aside."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return sm.GLM(y, x, family, exposure=over).fit(**EXACTLY)


def _dispersed(y: Ints, x: Floats, over: Floats, start: Floats) -> Any:
    """Climb to coefficients and dispersion from `start`, else from near the top; or None."""
    model = sm.NegativeBinomial(y, x, exposure=over)
    found = _climbed(model, start)
    return _climbed(model, _near_the_top(y, x, over)) if found is None else found


def _climbed(model: Any, start: Floats) -> Any:
    """Climb by Newton's steps; None where they come to no rest, or to no dispersion above 0."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", HessianInversionWarning)
        found = model.fit(
            start_params=start, method="newton", disp=0, maxiter=MOST_STEPS, tol=1e-12,
            warn_convergence=False,
        )  # fmt: skip
    return found if found.mle_retvals["converged"] and found.params[-1] > 0 else None


def _near_the_top(y: Ints, x: Floats, over: Floats) -> Floats:
    """Coefficients and dispersion, the best of those between the limits of `DISPERSIONS`."""

    def at(log_dispersion: float) -> Any:
        family = sm.families.NegativeBinomial(alpha=np.exp(log_dispersion))
        return _reweighted(y, x, family, over)

    limits = tuple(np.log(DISPERSIONS))
    best = minimize_scalar(lambda place: -at(place).llf, bounds=limits, method="bounded").x
    return np.append(at(best).params, np.exp(best))


def _nothing(own: Design, why: str) -> _Found:
    none = np.full(len(own.names), np.nan)
    return _Found((f"{NOT_ESTIMABLE}: {why}",) * len(none), none, np.outer(none, none))


def _rate_of_zero(matrix: Floats, counts: Ints) -> Truths:
    """Which people the likelihood gives a rate of 0, shape (n,); `matrix` is (q, n).

    They are those whom some direction of the coefficients lowers while it raises nobody and
    leaves everybody with an event as they are.
    """
    none, moves = counts == 0, _told_apart(matrix[:, counts > 0])[1]
    aside = np.zeros(len(counts), bool)
    if not moves.shape[1] or not none.any():
        return aside
    lower = matrix[:, none].T @ moves
    found = linprog(
        lower.sum(axis=0), A_ub=np.vstack([lower, -lower]), bounds=(None, None),
        b_ub=np.repeat([0.0, 1.0], len(lower)),
    )  # fmt: skip
    aside[none] = lower @ found.x < -TELLS
    return aside


def _told_apart(matrix: Floats) -> tuple[Floats, Floats]:
    """Directions of q coefficients that columns of `matrix` (q, n) tell apart, and do not."""
    directions, sizes, _ = np.linalg.svd(matrix @ matrix.T)
    n_told = int((sizes > TELLS**2 * sizes.max(initial=0.0)).sum())
    if n_told == len(directions):
        return np.eye(n_told), directions[:, n_told:]
    return directions[:, :n_told], directions[:, n_told:]
