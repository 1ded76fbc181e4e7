"""What a fit expects of rows, those it was made from or others: cumulative hazards, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from desistance.errors import ModelError
from desistance.survival.cox import CoxFit
from desistance.survival.cox.overtime import TimeVarying
from desistance.survival.cure import SplitPopulationFit
from desistance.survival.parametric import FlexibleFit, ParametricFit
from desistance.survival.parametric.distributions import standard
from desistance.survival.parametric.likelihood import LOCATION, LOG_SCALE, SHAPE, SHARE
from desistance.survival.parametric.solution import Solution
from desistance.survival.parametric.splinecurve import FAMILY
from desistance.survival.residuals import strata_columns
from desistance.survival.splines import restricted_cubic
from desistance.survival.terms import labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from desistance.survival.terms import Term
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Cumulative = Callable[[Ints], Floats]

Predicts = CoxFit | ParametricFit | FlexibleFit | SplitPopulationFit


def columns_read(fitted: Predicts) -> tuple[Term, ...]:
    """The terms a fit needs to predict."""
    if not isinstance(fitted, Predicts):
        raise ModelError(
            f"{type(fitted).__name__} predicts no risk by a day here: pass a Cox, parametric, "
            "flexible parametric or split-population fit."
        )
    return (*fitted.read_as, *getattr(fitted, "share_read_as", ()))


def cumulative_hazards(fitted: Predicts, times: TimeToEvent) -> Cumulative:
    """Ready n rows: the function gives each row's cumulative hazard by its day, both (n,).

    Raises
    ------
    ModelError
        If the fit cannot predict, or not for these rows.
    """
    if isinstance(fitted, CoxFit):
        return _of_cox(fitted, times)
    if np.isnan(fitted.solution.values).any():
        raise _cannot_predict()
    x = _with_intercept(fitted.read_as, times)
    if isinstance(fitted, FlexibleFit):
        curve = fitted.solution
        line = curve.values[: len(x)] @ x

        def flexible(day: Ints) -> Floats:
            spline = restricted_cubic(np.log(np.maximum(day, 1)), curve.knots)
            z = line + curve.values[len(x) :] @ spline
            return _from_0(day, -standard(FAMILY[curve.scale], z, 0.0).survival)

        return flexible
    solution = fitted.solution
    if not isinstance(solution, Solution):
        raise ModelError("A Cox latency predicts no risk here: fit a parametric `latency`.")
    location, scale = solution.of(LOCATION) @ x, np.exp(solution.of(LOG_SCALE).sum())
    shape = float(solution.of(SHAPE).sum())

    def parametric(day: Ints) -> Floats:
        z = (np.log(np.maximum(day, 1)) - location) / scale
        left = standard(solution.distribution, z, shape).survival
        if isinstance(fitted, SplitPopulationFit):
            eventual = expit(solution.of(SHARE) @ _with_intercept(fitted.share_read_as, times))
            left = np.log1p(eventual * np.expm1(left))
        return _from_0(day, -left)

    return parametric


def _cannot_predict() -> ModelError:
    return ModelError(
        "The fit has terms that are not estimable, so it predicts nothing: fit it without them."
    )


def _from_0(day: Ints, hazard: Floats) -> Floats:
    return np.where(day > 0, hazard, 0.0)


def _columns(terms: Sequence[Term], times: TimeToEvent) -> list[Floats]:
    return [np.asarray(x, dtype=float) for term in terms for x in term.values(times.columns)]


def _with_intercept(terms: Sequence[Term], times: TimeToEvent) -> Floats:
    return np.vstack([np.ones(times.n), *_columns(terms, times)])


def _of_cox(fitted: CoxFit, times: TimeToEvent) -> Cumulative:
    if any(isinstance(term, TimeVarying) for term in fitted.read_as):
        raise ModelError("A fit with `time_varying` effects predicts no risk by row here.")
    base = fitted.baseline
    if np.isnan(base.slopes).any():
        raise _cannot_predict()
    line = np.zeros(times.n)
    for slope, centre, x in zip(
        base.slopes, base.centre, _columns(fitted.read_as, times), strict=True
    ):
        line += slope * (x - centre)
    stratum = stratum_of_fit(fitted, times)
    span = int(base.day.max(initial=0)) + 2
    key, hazard = base.group * span + base.day, np.append(base.hazard, 0.0)

    def cox(day: Ints) -> Floats:
        place = np.searchsorted(key, stratum * span + np.minimum(day, span - 1), side="right") - 1
        there = (place >= 0) & (np.append(base.group, -1)[place] == stratum)
        return hazard[np.where(there, place, -1)] * np.exp(line)

    return cox


def stratum_of_fit(fitted: CoxFit, times: TimeToEvent) -> Ints:
    """The fit's code of each row's stratum, shape (n,)."""
    by = strata_columns(fitted)
    if not fitted.strata:
        return np.zeros(times.n, np.int64)
    if by:
        _, codes, labels = labelled(times, by)
    elif times.strata is not None:
        codes, labels = times.strata, times.strata_labels
    else:
        raise ModelError("The fit has the strata of its rows, and these rows have none.")
    known = {label: code for code, label in enumerate(fitted.baseline.groups)}
    missing = sorted(set(labels) - set(known))
    if missing:
        raise ModelError(
            f"{len(missing)} of {len(labels)} strata of these rows are not in the fit, which has "
            "no baseline for them: leave their rows out."
        )
    return np.array([known[label] for label in labels], np.int64)[codes]
