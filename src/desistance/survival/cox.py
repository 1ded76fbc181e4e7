"""Cox's proportional hazards: which people reoffend sooner, and by how much.

`fit_cox` reads terms and strata by name, climbs the partial likelihood (see
`partial_likelihood` and `newton`) and gives a `CoxFit`. Who is at risk when is said in
`risksets`, what a term is in `terms`.

The three kinds of variance:

    model     the inverse information: right when the model is and rows are independent
    robust    the sandwich over rows: for weights, one row a person
    cluster   the sandwich over people, or over a column of groups: for several rows or events
              a person, matched pairs, areas

Both sandwiches add up score residuals made by the fit's own tie rule, as R's coxph does.

Few events, or none among some people, call for a penalty (see `penalty`); time in few, coarse
steps for ``ties="exact"`` (see `exact`). Neither has a sandwich here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.baseline import BaselineHazard, baseline_hazard
from desistance.survival.covariates import covariates
from desistance.survival.exact import exact_likelihood
from desistance.survival.hazardratios import forest, hazard_ratios
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    Ties,
    clustered_score,
    partial_likelihood,
    score_residuals,
)
from desistance.survival.penalty import Penalty, Ridge, maximise_penalised, profile_limits
from desistance.survival.reasons import (
    Variance,
    caveats_of,
    offer_of_firth,
    what_the_penalty_does,
    why_not_estimable,
)
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import Term, labelled, read_terms, without_empty
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.newton import Maximum
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CoxTies = Ties | Literal["exact"]


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
    baseline : BaselineHazard
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
    baseline: BaselineHazard
    read_as: tuple[Term, ...]
    iterations: int
    penalty: Penalty | None = None
    profile: Floats | None = None

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
        found = np.isfinite(self.log_hazards)
        beta, matrix = self.log_hazards[found], self.covariance[np.ix_(found, found)]
        wald = float(beta @ np.linalg.lstsq(matrix, beta)[0]) if found.any() else np.nan
        ratio = 2 * (self.log_likelihood - self.log_likelihood_null)
        rows = [
            ("likelihood ratio", ratio, self.degrees),
            ("score", self.score_statistic, self.degrees),
            ("Wald", wald, int(found.sum())),
        ]
        frame = pd.DataFrame(rows, columns=["term", "statistic", "df"])
        none = frame.df.eq(0)
        drawn = isinstance(self.penalty, Ridge) | (frame.term.eq("score") & bool(self.penalty))
        frame["statistic"] = frame.statistic.mask(none | drawn)
        frame["p_value"] = chdtrc(frame.df.to_numpy(float), frame.statistic.to_numpy())
        why = np.where(none, "no term is", "the fit is penalised")
        frame["note"] = np.where(none | drawn, f"{NOT_ESTIMABLE}: " + why.astype(object), "")
        return frame

    def survival_at(self, profile: Mapping[str, object], days: Sequence[int]) -> pd.DataFrame:
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
            as R's survfit.coxph.
        """
        x = np.array([value for term in self.read_as for value in term.of(profile)])
        return self.baseline.survival(x, np.asarray(days))

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
            + (f", strata by {', '.join(self.strata)}" if self.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Hazard ratios with 95 % intervals (std_error is of the log hazard ratio):",
            text_table(self.to_frame()),
            "",
            text_table(self.tests()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios on a log axis, each with its numbers."""
        return forest(self.to_frame(), ax=ax)


def fit_cox(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str],
    *,
    ties: CoxTies = "efron",
    strata: str | Sequence[str] | None = None,
    variance: Variance = "model",
    cluster: str | None = None,
    penalty: Penalty | None = None,
) -> CoxFit:
    """Fit Cox's proportional hazards by partial likelihood.

    Parameters
    ----------
    times
        Rows of people at risk; their weights are used, and their strata unless `strata` says
        otherwise.
    terms
        Columns to enter: numbers and bools as they are, text and categories as one term for
        each label after the first.
    ties
        "efron" (the better approximation), "breslow", or "exact" for time in few, coarse steps
        (no weights, no penalty, model variance only).
    strata
        A column, or several, whose groups have each their own baseline hazard.
    variance, cluster
        See the module; `cluster` names a column, and is the person when left out.
    penalty
        "firth" for few events, or for a term that no event contradicts (no weights); or
        `Ridge(theta)`, for many terms. Model variance only; see `penalty`.

    Raises
    ------
    ModelError
        If a name is not a column, or a column cannot be a term; if choices do not go together;
        if exact ties are too many. Data that say too little are no error: the term's `note`
        says why it is not estimable.

    References
    ----------
    Cox (1972); Efron (1977); Lin and Wei (1989); R survival 3.5, `coxph`. Penalties and exact
    ties: see `penalty` and `exact`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> fit = fit_cox(TimeToEvent.from_frame(frame, stop="days", event="reoffended"), ["priors"])
    >>> round(fit.coefficients["priors"], 4)
    0.572
    """
    _check_choices(ties, variance, cluster, penalty)
    came = as_times(times)
    _check_weights(came, ties, penalty)
    by = [strata] if isinstance(strata, str) else list(strata or ())
    kept = came
    for name in [*by, *([cluster] if cluster else [])]:
        kept = without_empty(kept, name)
    kept, read_as = read_terms(kept, terms)
    stratum, labels = (
        labelled(kept, by)[1:] if by else (kept.strata, kept.strata_labels or ("all",))
    )
    sets = risk_sets(kept.start, kept.stop, kept.event, stratum=stratum, weight=kept.weight)
    x = covariates(kept, read_as, sets)
    problem = exact_likelihood(sets, x) if ties == "exact" else partial_likelihood(sets, x, ties)
    clusters = labelled(kept, cluster)[1] if cluster else kept.person
    top = maximise(problem) if penalty is None else maximise_penalised(problem, penalty)
    model = unscaled(top.covariance, problem)
    if variance == "model":
        covariance = model
    else:
        covariance = _sandwich(problem, top, clusters if variance == "cluster" else None)
    notes = why_not_estimable(problem, top)
    slopes = top.beta / problem.covariates.scale
    slopes[list(top.aliased)] = 0.0
    slopes[top.runaway | top.unsettled] = np.nan
    blank = np.array([bool(note) for note in notes], dtype=bool)
    return CoxFit(
        terms=problem.covariates.names,
        log_hazards=np.where(blank, np.nan, slopes),
        covariance=blanked(covariance, blank),
        model_covariance=blanked(model, blank),
        notes=notes,
        variance=variance,
        clusters=cluster or "person",
        ties=ties,
        strata=tuple(by) or (("the rows' strata",) if stratum is not None else ()),
        weighted=kept.weight is not None,
        log_likelihood=top.point.log_likelihood,
        log_likelihood_null=top.null.log_likelihood,
        score_statistic=_score_statistic(top),
        degrees=len(notes) - len(top.aliased),
        n=kept.n,
        n_people=int(kept.person.max(initial=-1)) + 1,
        n_events=int(kept.event.sum()),
        n_left_out=came.n - kept.n,
        caveats=(
            *caveats_of(came, kept, notes, variance, clusters, penalised=penalty is not None),
            *(offer_of_firth(kept, top, variance, ties) if penalty is None else ()),
            *what_the_penalty_does(penalty),
        ),
        baseline=baseline_hazard(
            problem,
            top.point,
            groups=labels,
            last_day=_last_days(kept.stop, stratum, len(labels)),
            slopes=slopes,
            covariance=covariance,
        ),
        read_as=read_as,
        iterations=top.iterations,
        penalty=penalty,
        profile=profile_limits(problem, top) if penalty == "firth" else None,
    )


def _check_choices(ties: str, variance: str, cluster: str | None, penalty: Penalty | None) -> None:
    if ties not in ("efron", "breslow", "exact"):
        raise ModelError("`ties` is 'efron', 'breslow' or 'exact'.")
    if penalty not in (None, "firth") and not isinstance(penalty, Ridge):
        raise ModelError("`penalty` is None, 'firth' or Ridge(theta).")
    if ties == "exact" and penalty is not None:
        raise ModelError("A penalty goes with ties='efron' or 'breslow', not with 'exact'.")
    if variance not in ("model", "robust", "cluster"):
        raise ModelError("`variance` is 'model', 'robust' or 'cluster'.")
    if cluster is not None and variance != "cluster":
        raise ModelError("`cluster` has a meaning only with variance='cluster'.")
    if variance != "model" and (ties == "exact" or penalty is not None):
        what = "ties='exact'" if ties == "exact" else "a penalty"
        raise ModelError(f"There is no robust variance with {what}: use variance='model'.")


def _check_weights(times: TimeToEvent, ties: str, penalty: Penalty | None) -> None:
    if times.weight is not None and (ties == "exact" or penalty == "firth"):
        what = "ties='exact'" if ties == "exact" else "penalty='firth'"
        raise ModelError(f"{what} takes no weights: read the rows without `weight`.")


def _told_penalty(penalty: Penalty | None) -> str:
    if isinstance(penalty, Ridge):
        return f", ridge with theta {penalty.theta:g}"
    return ", Firth's penalised likelihood" if penalty else ""


def unscaled(covariance: Floats, problem: PartialLikelihood) -> Floats:
    """Turn a covariance of scaled coefficients into one of log hazards, shape (p, p)."""
    scale = problem.covariates.scale
    return covariance / np.outer(scale, scale)


def _sandwich(problem: PartialLikelihood, top: Maximum, cluster: Ints | None) -> Floats:
    """Add up the squares of what each row, or cluster of rows, moves the coefficients by."""
    if cluster is not None:
        moves = clustered_score(problem, top.point, cluster) @ top.covariance
        return unscaled(moves.T @ moves, problem)
    total = np.zeros_like(top.covariance)
    for _, residuals in score_residuals(problem, top.point):
        moves = residuals @ top.covariance
        total += moves.T @ moves
    return unscaled(total, problem)


def blanked(covariance: Floats, blank: NDArray[np.bool_]) -> Floats:
    """Empty the rows and columns of terms that are not estimable."""
    return np.where(blank | blank[:, None], np.nan, covariance)


def _score_statistic(top: Maximum) -> float:
    kept = [j for j in range(len(top.beta)) if j not in top.aliased]
    score, matrix = top.null.score[kept], top.null_information[np.ix_(kept, kept)]
    return float(score @ np.linalg.solve(matrix, score))


def _last_days(stop: Ints, stratum: Ints | None, n_strata: int) -> tuple[int, ...]:
    last = np.zeros(n_strata, np.int64)
    np.maximum.at(last, np.zeros_like(stop) if stratum is None else stratum, stop)
    return tuple(map(int, last))
