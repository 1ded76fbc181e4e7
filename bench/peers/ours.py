"""desistance: a frame, checked once by `TimeToEvent.from_frame`, then any number of fits."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

import desistance as d
from bench.data import SEED, digest, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "desistance"
A_CENTURY = 36_525


def read(columns: Columns) -> pd.DataFrame | Columns:
    """Hold the columns as a frame, save the draws, which are longer and made again.

    Histories have columns of three lengths: they stay as they are.
    """
    if "index_day" in columns:
        return columns
    return pd.DataFrame({name: values for name, values in columns.items() if name != "drawn"})


def cox(frame: pd.DataFrame) -> Fit:
    """Efron ties, model variance, with whatever columns there are."""
    return _cox(frame, "model")


def cox_clustered(frame: pd.DataFrame) -> Fit:
    """As `cox`, with variance by person."""
    return _cox(frame, "cluster")


def _cox(frame: pd.DataFrame, variance: Literal["model", "cluster"]) -> Fit:
    times, names = _rows(frame), terms(frame)

    def fit() -> Answer:
        found = d.fit_cox(times, names, variance=variance)
        return {
            "coef": list(found.log_hazards),
            "se": list(np.sqrt(np.diag(found.covariance))),
            "loglik": [found.log_likelihood],
        }

    return fit


def curves(frame: pd.DataFrame) -> Fit:
    """Kaplan-Meier by cohort with Greenwood's error, and the log-rank test."""
    times = _rows(frame)

    def fit() -> Answer:
        found = d.kaplan_meier(times, by="cohort")
        test = d.log_rank(times, "cohort")
        return {**_curve(found.curve), "statistic": [test.statistic]}

    return fit


def incidence(frame: pd.DataFrame) -> Fit:
    """Aalen-Johansen of two causes, with standard errors."""
    times = _rows(frame, cause="cause")

    def fit() -> Answer:
        curve = d.cumulative_incidence(times).curve
        names = ("n_events", "estimate", "std_error")
        events, share, error = (curve[name].to_numpy().reshape(2, -1) for name in names)
        days = events.sum(axis=0) > 0
        return {"estimate": share[:, days].ravel().tolist(), "se": error[:, days].ravel().tolist()}

    return fit


def mean_number(frame: pd.DataFrame) -> Fit:
    """Mean number of events a person, with standard errors over people."""
    times = _rows(frame)
    return lambda: _curve(d.mean_cumulative_function(times).curve)


def fine_gray(frame: pd.DataFrame) -> Fit:
    """Fine-Gray of cause 1, with robust standard errors."""
    times, names = _rows(frame, cause="cause"), terms(frame)

    def fit() -> Answer:
        found = d.fit_fine_gray(times, names, cause="1")
        return {"coef": list(found.log_hazards), "se": list(np.sqrt(np.diag(found.covariance)))}

    return fit


def cure_weibull(frame: pd.DataFrame) -> Fit:
    """Weibull split population, every term in both parts: shares, then time ratios."""
    times, names = _rows(frame), terms(frame)

    def fit() -> Answer:
        found = d.fit_split_population(times, names)
        numbers = found.maximum(log=True)
        return {
            "coef": list(numbers.estimate),
            "se": list(numbers.std_error),
            "loglik": [found.log_likelihood],
        }

    return fit


def cure_cox(frame: pd.DataFrame) -> Fit:
    """Cox split population, every term in both parts: shares, then hazard ratios."""
    times, names = _rows(frame), terms(frame)

    def fit() -> Answer:
        found = d.fit_split_population(times, names, latency="cox")
        return {"coef": list(found.maximum(log=True).estimate)}

    return fit


def bootstrap(frame: pd.DataFrame) -> Fit:
    """A Cox fit to every draw of people, those that `data.draws` gives the others."""
    times, replicates = _rows(frame), int(frame.replicates.iloc[0])
    estimator = partial(d.fit_cox, terms=terms(frame))

    def fit() -> Answer:
        found = d.bootstrap(estimator, times, replicates=replicates, rng=SEED)
        return {"coef": list(found.replicates.ravel())}

    return fit


def matching(frame: pd.DataFrame) -> Fit:
    """A logistic score, and the nearest within 0.2 of its standard deviations, each once."""
    return _matching(frame, reused=False)


def matching_reused(frame: pd.DataFrame) -> Fit:
    """As `matching`, but people may serve several."""
    return _matching(frame, reused=True)


def _matching(frame: pd.DataFrame, *, reused: bool) -> Fit:
    names = terms(frame)

    def fit() -> Answer:
        scored = d.estimate_propensity(frame, exposed="exposed", terms=names)
        found = d.match_cohorts(scored, replacement=reused, caliper=0.2)
        pairs = found.matches["row"].to_numpy().reshape(-1, 2)  # who is exposed, and whom they got
        return digest(*pairs.T) | {"coef": list(scored.coefficients["estimate"])}

    return fit


def _rows(frame: pd.DataFrame, **more: str) -> d.TimeToEvent:
    roles = {role: role for role in ("start", "person", "strata", "weight") if role in frame}
    unit = "seconds" if frame.stop.max() > A_CENTURY else "days"
    return d.TimeToEvent.from_frame(
        frame, stop="stop", event="event", unit=unit, recurrent="person" in frame, **roles, **more
    )


def _curve(curve: pd.DataFrame) -> Answer:
    rows = curve[curve.n_events > 0]
    return {"estimate": list(rows.estimate), "se": list(rows.std_error)}


def histories(columns: Columns) -> Fit:
    """See `ourhistories`: opened by itself, as the cold start of a Cox model is measured too."""
    made: Fit = import_module("bench.peers.ourhistories").histories(columns)
    return made
