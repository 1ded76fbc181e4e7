"""Adjusted survival curves: the share not yet reoffended in cohorts made alike.

weighted
    Kaplan–Meier of the matched or weighted rows of each cohort. The standard error on a day adds up
    what rows move the curve by, over people, matches or both, and through the weights where they
    are counted as estimated (see `variance`).
g-formula
    A Cox model predicts everybody's curve as if exposed, and as if not; the curve of a cohort is
    the mean over everybody (ATE) or over those exposed (ATT). Its standard error adds what the
    baseline hazard, the coefficients, and the drawing of the people averaged over contribute
    (delta method). With the hazard of a day dH, its variance given the coefficients dV, and S_i
    and r_i the curve and the hazard ratio of person i, the mean curve moves by

        - mean(S_i r_i) dH  -  mean(S_i r_i ((x_i - c) H - path)) d beta

    with c and `path` of `survival.baseline`. It is right only as far as the model is.

Limits of curves are those of log(-log S), of differences plain. A curve is not known after the
last day its cohort is watched. Beside it stands the table of who is at risk: people, and what they
weigh.

References
----------
Cole and Hernan (2004), Computer Methods and Programs in Biomedicine 75(1), of weighted curves;
Xie and Liu (2005), Statistics in Medicine 24(20); Makuch (1982), Journal of Chronic Diseases 35(6),
of averaged curves; Hernan (2010), Epidemiology 21(1), of why not a hazard ratio alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from desistance.balance import Balance
from desistance.comparison.effects.contrasts import reach
from desistance.comparison.effects.curves import WHO, AdjustedCurves, laid_out
from desistance.comparison.effects.followed import balance_of, compared, until_first
from desistance.comparison.effects.result import UNSEEN
from desistance.comparison.effects.variance import (
    Clustering,
    Clusters,
    checked_clustering,
    told_of,
    weights_estimated,
)
from desistance.errors import ModelError
from desistance.followup import FollowUp
from desistance.survival import CoxFit, events_per_parameter, influences_of_survival
from desistance.timetoevent import TimeToEvent, as_times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.balance import Propensity

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

Estimand = Literal["ATT", "ATE"]
NAMES = ("not exposed", "exposed")


def adjusted_curves(
    people: FollowUp | TimeToEvent,
    by: Balance | CoxFit,
    *,
    exposed: str | None = None,
    estimand: Estimand | None = None,
    propensity: Propensity | None = None,
    clusters: Clustering | None = None,
    names: tuple[str, str] | None = None,
    confidence: float = 0.95,
) -> AdjustedCurves:
    """Estimate the curves of two cohorts made alike.

    Parameters
    ----------
    people
        A follow-up, or rows of people at risk: one row a person, in the order of the frame that was
        balanced (`TimeToEvent.from_frame(frame, ...)`).
    by
        A balance, for weighted Kaplan–Meier; or a `fit_cox` of the rows with the exposure among its
        terms, for the g-formula.
    exposed
        With a Cox fit: its column of 0 and 1 that says who was exposed.
    estimand
        With a Cox fit: whom the curves stand for, "ATE" (everybody, the default) or "ATT" (those
        exposed). A balance has its own.
    propensity
        With inverse or overlap weights: the logistic model behind them, so that they are counted
        as estimated.
    clusters
        With a balance: as of `compare_cohorts`.
    names
        With a Cox fit: what the cohorts are called.
    confidence
        Of the limits, day by day.

    Raises
    ------
    ModelError
        If the rows are not those of the balance or the fit, or the fit cannot be averaged: it has
        fewer than five events a parameter without a penalty, say.

    References
    ----------
    See `desistance.comparison.effects.adjusted`.

    Examples
    --------
    >>> from desistance import fit_cox
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 13, 18, 23, 28, 31, 34, 40, 44, 51, 60],
    ...     "reoffended": [1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1],
    ...     "joined": [0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0],
    ...     "previous": [5, 2, 4, 6, 1, 1, 3, 2, 0, 2, 1, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> curves = adjusted_curves(times, fit_cox(times, ["joined", "previous"]), exposed="joined")
    >>> curves.at([20])[["group", "estimate", "conf_low", "conf_high"]].round(2)
                           group  estimate  conf_low  conf_high
    0                not exposed      0.74      0.36       0.92
    1                    exposed      0.80      0.38       0.95
    2  joined against comparison      0.06     -0.18       0.30
    """
    reach(confidence)
    if isinstance(by, CoxFit):
        if propensity is not None or clusters is not None:
            raise ModelError("`propensity` and `clusters` are for a balance, not for a Cox fit.")
        return _averaged(people, by, exposed, estimand or "ATE", names or NAMES, confidence)
    if exposed is not None or estimand is not None or names is not None:
        raise ModelError("A balance knows who was exposed and whom its weights stand for.")
    if isinstance(people, FollowUp):
        if propensity is not None:
            raise ModelError("The weights of a follow-up are not a formula of its score.")
        own = compared(
            people, by, until_joining=False, by=checked_clustering(clusters or "person"),
            confidence=confidence,
        )  # fmt: skip
        rows = until_first(own)
        rows = replace(rows, columns=rows.columns.assign(**{WHO: rows.columns["person"]}))
        joined, grouped = rows.columns["exposed"].to_numpy(bool), own.clusters(rows.columns)
    else:
        rows, joined, grouped = _matched(as_times(people), by, propensity, clusters or "both")
    return _weighted(rows, joined, grouped, by, confidence)


def _matched(
    times: TimeToEvent, balanced: Balance, propensity: Propensity | None, by: str
) -> tuple[TimeToEvent, Bools, Clusters]:
    """Take rows as often as they were matched, with their weights."""
    if times.n != len(balance_of(balanced).index) or times.weight is not None:
        raise ModelError(
            f"The balance is of {len(balanced.index)} rows and these are {times.n}"
            + (", with weights" if times.weight is not None else "")
            + ": pass one row a person without weights, in the order of the frame balanced."
        )
    matches = balanced.matches
    place = matches["row"].to_numpy()
    through = None if propensity is None else weights_estimated(propensity, balanced)
    match = pd.factorize(matches["match"])[0]
    who = times.person[place]
    rows = replace(
        times, start=times.start[place], stop=times.stop[place], event=times.event[place],
        person=np.arange(len(place)), strata=None, cause=None,
        weight=matches["weight"].to_numpy(float), n_in=len(place), left_out={},
        columns=times.columns.iloc[place].reset_index(drop=True).assign(**{WHO: who}),
    )  # fmt: skip
    clusters = Clusters(who, match, checked_clustering(by), through)
    return rows, matches["exposed"].to_numpy(bool), clusters


def _weighted(
    rows: TimeToEvent, joined: Bools, clusters: Clusters, balanced: Balance, confidence: float
) -> AdjustedCurves:
    days = np.unique(rows.stop[rows.event])
    found = [
        influences_of_survival(rows.only(joined == bool(place), "other cohort"), days)
        for place in (0, 1)
    ]
    share = np.empty((3, len(days)))

    def moves() -> Iterator[Floats]:
        for k, both in enumerate(zip(*found, strict=True)):
            by_cohort = np.zeros((2, rows.n))
            for place, (value, by_row) in enumerate(both):
                share[place, k] = value
                by_cohort[place, joined == bool(place)] = by_row
            yield from (*by_cohort, by_cohort[1] - by_cohort[0])

    error = clusters.errors(moves()).reshape(-1, 3).T
    share[2] = share[1] - share[0]
    said = [UNSEEN, *told_of(clusters)]
    if clusters.through_weights is not None:
        said.append("Limits count the weights as estimated.")
    return laid_out(rows, joined, days, share, error, balanced.names, balanced.method,
                   balanced.estimand, confidence, said)  # fmt: skip


def _averaged(
    people: FollowUp | TimeToEvent, fitted: CoxFit, exposed: str | None, estimand: Estimand,
    names: tuple[str, str], confidence: float,
) -> AdjustedCurves:  # fmt: skip
    times = as_times(people)
    events_per_parameter(fitted).require()
    base = fitted.baseline
    read = [column for term in fitted.read_as for column in term.columns]
    if exposed not in read:
        raise ModelError(f"`exposed` names a term of the fit; there are {', '.join(read)}.")
    if estimand not in ("ATE", "ATT"):
        raise ModelError('`estimand` is "ATT" or "ATE".')
    if fitted.strata or fitted.frailty is not None or np.isnan(base.slopes).any():
        raise ModelError(
            "Curves are averaged of a Cox fit all of whose terms are estimable, without strata and "
            "frailty."
        )
    if not times.columns[exposed].isin([0, 1]).all():
        raise ModelError(f"{exposed!r} holds other values than 0 and 1.")
    if times.columns[read].isna().any().any():
        raise ModelError("The fit left out rows with an empty term: fit it without them.")
    joined = times.columns[exposed].to_numpy(dtype=bool)
    first = np.zeros(times.n, bool)
    first[times.first_rows()] = True
    ever = np.bincount(times.person, joined)[times.person] > 0
    target = times.columns[first & ever if estimand == "ATT" else first]
    made = []
    for value in (False, True):
        as_if = target.assign(**{exposed: _as(value, times.columns[exposed])})
        made.append(np.column_stack([x for term in fitted.read_as for x in term.values(as_if)]))
    day = base.day
    share, error = _standardised(base.hazard, base.variance, base.path, base.slopes,
                                 base.covariance, *(x - base.centre for x in made))  # fmt: skip
    rows = replace(times, columns=times.columns.assign(**{WHO: times.person}))
    terms = ", ".join(dict.fromkeys(name for name in read if name != exposed)) or "nothing else"
    said = [f"The curves hold as far as the Cox model of {exposed} and {terms} does.", UNSEEN]
    return laid_out(rows, joined, day, share, error, names, "g-formula of a Cox model", estimand,
                   confidence, said)  # fmt: skip


def _as(value: bool, column: pd.Series) -> pd.Series:
    """Write yes or no the way a column does, for everybody."""
    return pd.Series(value, index=column.index).astype(column.dtype)


def _standardised(
    hazard: Floats, variance: Floats, path: Floats, slopes: Floats, covariance: Floats,
    without: Floats, exposed: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Mean curves and their difference, and standard errors, shape (3, K) each; see the module.

    `without` and `exposed` (n, p) are the centred covariates of everybody as if in either cohort.
    """
    n = len(without)
    ratios = [np.exp(x @ slopes) for x in (without, exposed)]
    share, error = np.empty((3, len(hazard))), np.empty((3, len(hazard)))
    for k in range(len(hazard)):
        curves, by_hazard, by_slopes = [], [], []
        for x, ratio in zip((without, exposed), ratios, strict=True):
            own = np.exp(-hazard[k] * ratio)
            steep = own * ratio
            curves.append(own)
            by_hazard.append(steep.mean())
            by_slopes.append(hazard[k] * (steep @ x) / n - steep.mean() * path[k])
        curves.append(curves[1] - curves[0])
        by_hazard.append(by_hazard[1] - by_hazard[0])
        by_slopes.append(by_slopes[1] - by_slopes[0])
        for c in range(3):
            share[c, k] = curves[c].mean()
            error[c, k] = np.sqrt(
                by_hazard[c] ** 2 * variance[k]
                + by_slopes[c] @ covariance @ by_slopes[c]
                + curves[c].var() / n
            )
    return share, error
