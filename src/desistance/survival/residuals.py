"""Residuals of a Cox fit: how far each row, or each event, is from what the model expects.

    martingale   events less expected events of a row; with weights they add up to 0 by stratum
    deviance     the same made symmetrical: beyond 2 or -2, sooner or later than expected
    schoenfeld   an event's covariates less those expected of an event on its day
    score        what a row adds to the slope of the log-likelihood, its weight included
    dfbeta       what a row moves the log hazards by, its weight included

A `CoxFit` holds no rows, so they are passed again, and the fit is climbed again to the same
likelihood: other rows are refused. All follow the fit's tie rule, as R's survival.

References: Therneau, Grambsch and Fleming (1990); Schoenfeld (1982); Therneau and Grambsch
(2000), chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import number
from desistance.survival.covariates import covariates
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import (
    mean_covariates,
    over_stay,
    partial_likelihood,
    same_likelihood,
    score_residuals,
)
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import columns_of, labelled, read_terms, without_empty
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.cox import CoxFit
    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import PartialLikelihood
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Kind = Literal["martingale", "deviance", "schoenfeld", "score", "dfbeta"]


@dataclass(frozen=True, slots=True, eq=False)
class FitAgain:
    """A fit together with its n rows.

    `rows` (n,) says which of the rows passed they are, `estimable` which covariates have an
    estimate, by place and by name.
    """

    times: TimeToEvent
    rows: Ints
    problem: PartialLikelihood
    top: Maximum
    estimable: Ints
    names: tuple[str, ...]


def cox_residuals(
    fitted: CoxFit, times: TimeToEvent | HasTimes, kind: Kind = "martingale"
) -> pd.DataFrame:
    """Give the residuals of a Cox fit.

    Parameters
    ----------
    fitted
        The fit.
    times
        The rows it was fitted to.
    kind
        "martingale", "deviance", "schoenfeld", "score" or "dfbeta"; see the module.

    Returns
    -------
    DataFrame
        A row for each row fitted ("schoenfeld": for each event among them), indexed by the
        place of the row in `times`; rows the fit left out are missing. One column named by
        `kind` for the first two; for the others `day`, the end of the row, and a column for
        each covariate that is estimable.

    Raises
    ------
    ModelError
        If the rows are not those of the fit.

    Examples
    --------
    >>> from desistance.survival import fit_cox
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23], "reoffended": [1, 1, 0, 1, 1], "priors": [5, 2, 4, 6, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> fit = fit_cox(times, ["priors"])
    >>> cox_residuals(fit, times).martingale.round(3).to_list()
    [0.751, 0.689, -0.472, -0.455, -0.513]
    """
    if kind not in get_args(Kind):
        raise ModelError(f"`kind` is one of {', '.join(map(repr, get_args(Kind)))}.")
    again = fit_again(fitted, times)
    if kind in ("martingale", "deviance"):
        values = _martingale(again) if kind == "martingale" else _deviance(again)
        return pd.DataFrame({kind: values}, index=again.rows)
    if kind == "schoenfeld":
        return _by_covariate(again, schoenfeld(again), again.times.event)
    none = np.zeros((0, again.problem.p))
    blocks = (block for _, block in score_residuals(again.problem, again.top.point))
    score = np.vstack([none, *blocks])
    scale = again.problem.covariates.scale
    moves = score * scale if kind == "score" else score @ again.top.covariance / scale
    return _by_covariate(again, moves[:, again.estimable], np.ones(len(moves), bool))


def strata_columns(fitted: CoxFit) -> list[str]:
    """The columns a fit was stratified by; none where the rows' own strata were used."""
    return [] if fitted.strata == ("the rows' strata",) else list(fitted.strata)


def fit_again(fitted: CoxFit, times: TimeToEvent | HasTimes) -> FitAgain:
    """Put a fit and its rows together, refusing rows that are not those it was fitted to."""
    if fitted.ties == "exact" or fitted.penalty is not None or fitted.frailty is not None:
        raise ModelError(
            "A fit with exact ties, a penalty or a frailty has no residuals here: fit with "
            "ties='efron' and neither penalty nor frailty."
        )
    came = as_times(times)
    terms, by = columns_of(fitted.read_as), strata_columns(fitted)
    cluster = [fitted.clusters] if fitted.clusters != "person" else []
    kept = came
    for name in [*by, *cluster]:
        kept = without_empty(kept, name)
    kept, read_as = read_terms(kept, fitted.read_as)
    stratum = labelled(kept, by)[1] if by else kept.strata
    sets = risk_sets(kept.start, kept.stop, kept.event, stratum=stratum, weight=kept.weight)
    problem = partial_likelihood(sets, covariates(kept, read_as, sets), fitted.ties)
    _check_counts(fitted, kept)
    top = maximise(problem)
    if not same_likelihood(top.point.log_likelihood, fitted.log_likelihood):
        raise ModelError(
            "These rows give another likelihood than the fit's: a time, event, weight, stratum or "
            "covariate differs. Pass the rows the fit was made from."
        )
    estimable = np.flatnonzero([not note for note in fitted.notes])
    return FitAgain(
        kept,
        np.flatnonzero(came.columns[[*by, *cluster, *terms]].notna().all(axis=1)),
        problem,
        top,
        estimable,
        tuple(fitted.terms[j] for j in estimable),
    )


def _check_counts(fitted: CoxFit, kept: TimeToEvent) -> None:
    events = int(kept.event.sum())
    if (kept.n, events) != (fitted.n, fitted.n_events):
        raise ModelError(
            f"The fit is of {number(fitted.n)} rows with {number(fitted.n_events)} events, these "
            f"are {number(kept.n)} rows with {number(events)}: pass the rows it was made from."
        )


def schoenfeld(again: FitAgain) -> Floats:
    """Estimable covariates of each event less those expected on its day, shape (events, q)."""
    sets, event = again.problem.sets, again.times.event
    x = [again.problem.covariates.columns[j][event] for j in again.estimable]
    expected = mean_covariates(again.problem, again.top.point) + again.problem.covariates.centre
    residuals: Floats = -expected[sets.last[event]][:, again.estimable]
    for j, column in enumerate(x):
        residuals[:, j] += column
    return residuals


def _martingale(again: FitAgain) -> Floats:
    values: Floats = again.times.event - _expected(again)
    return values


def _deviance(again: FitAgain) -> Floats:
    event, expected = again.times.event, _expected(again)
    martingale = event - expected
    twice = -2 * (martingale + np.log(np.where(event, expected, 1.0)))
    values: Floats = np.sign(martingale) * np.sqrt(np.maximum(twice, 0.0))
    return values


def _expected(again: FitAgain) -> Floats:
    """Events the model expects of each row while it is at risk, shape (n,)."""
    sets, point = again.problem.sets, again.top.point
    stay = over_stay(sets, point, point.tied.hazard, point.tied.hazard_tied)[slice(None)]
    return point.risk / sets.weights() * stay


def _by_covariate(again: FitAgain, values: Floats, rows: NDArray[np.bool_]) -> pd.DataFrame:
    frame = pd.DataFrame(values, index=again.rows[rows], columns=list(again.names))
    frame.insert(0, "day", again.times.stop[rows], allow_duplicates=True)
    return frame
