"""Split population: what share reoffends eventually, and how soon those who do.

    S(t) = 1 - pi + pi S_0(t)

The share that is modelled, by logistic regression on `share_terms`, is pi: of EVENTUAL
REOFFENDERS. An odds ratio above 1 means more of them. 1 - pi is the share of eventual desisters
(called "cured" elsewhere), who never have the event. How soon those who reoffend do so is a
parametric time, with time ratios for `terms` as in `parametric`, or a Cox model, with hazard
ratios (see `coxlatency`).

The two can be told apart only if follow-up reaches a plateau: see `plateau` for the rule. Where it
does not, `not identified` stands in place of the shares and of all coefficients; the curve within
the follow-up stands. Covariates are those of a person, not of a day.

References: Maltz and McCleary (1977); Schmidt and Witte (1988), Predicting Recidivism Using
Survival Models; Farewell (1982), Biometrics 38, 1041-1046.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE
from desistance.survival.cure.coxlatency import solve_cox_latency
from desistance.survival.cure.plateau import plateau, why_not_identified, why_thin_early
from desistance.survival.cure.result import Latency, SplitPopulationFit
from desistance.survival.parametric.ascent import SMALLEST_STEP
from desistance.survival.parametric.designs import design, single
from desistance.survival.parametric.faces import (
    caveats,
    clusters_of,
    fitted_curve,
    rows_to_fit,
)
from desistance.survival.parametric.likelihood import LOCATION, LOG_SCALE, SHARE, log_rows
from desistance.survival.parametric.solution import solve
from desistance.survival.terms import columns_of, one_column
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.survival.cure.coxlatency import CoxLatency
    from desistance.survival.cure.plateau import Plateau
    from desistance.survival.parametric.distributions import Distribution
    from desistance.survival.parametric.solution import Solution
    from desistance.survival.reasons import Variance
    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]

NEAR = 1e-4  # the last of Newton's steps, whose square is what is left of the way
WORTH_SAYING = 0.05  # of eventual events still to come


def fit_split_population(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term] = (),
    *,
    share_terms: Sequence[str | Term] | None = None,
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
        "weibull", "log-normal", "log-logistic", "exponential" or "cox".
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
    Schmidt and Witte (1988); Maller and Zhou (1996); for a Cox latency Sy and Taylor (2000),
    Biometrics 56, 227-236, and Peng and Dear (2000), Biometrics 56, 237-243.

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
    named = [terms] if share_terms is None else [terms, share_terms]
    kept, read = rows_to_fit(came, *named, cluster=cluster)
    read_as, share_read_as = read[0], read[-1]
    _refuse_repeated_events(kept)
    end = plateau(kept)
    if kept.n > end.n:
        for name in columns_of([*read_as, *share_read_as]):
            _refuse_what_changes(kept, name)
    clusters = clusters_of(kept, variance, cluster, read_as, share_read_as)
    rows = log_rows(kept)
    location = design(kept, read_as, rows.weight)
    share = location if share_terms is None else design(kept, share_read_as, rows.weight)
    formula: Distribution = "weibull" if latency == "cox" else latency
    designs = {LOCATION: location, SHARE: share}
    if formula != "exponential":
        designs = {LOCATION: location, LOG_SCALE: single("scale", kept.n), SHARE: share}
    near = NEAR if latency == "cox" else SMALLEST_STEP  # a start, and what it says of the plateau
    with_formula = solve(rows, formula, designs, clusters=clusters, near=near)
    solution: Solution | CoxLatency = with_formula
    if latency == "cox":
        solution = solve_cox_latency(kept, rows, location, share, with_formula, clusters=clusters)
    first = kept.first_rows()
    x, share_x, weight = location.plain[:, first], share.plain[:, first], rows.weight[first]
    mean_share, error = _shares(solution, share_x, weight)
    to_come = _to_come(with_formula, x, share_x, weight, end.last_day)
    fault = _fault(solution) or _fault(with_formula)
    if latency == "cox":
        fault = fault or why_thin_early(kept)
    why = why_not_identified(end, to_come, fault)
    return SplitPopulationFit(
        why, mean_share, error, to_come, end, solution, latency, variance, cluster or "person",
        kept.weight is not None, kept.n, end.n, int(kept.event.sum()), came.n - kept.n,
        (
            *caveats(came, kept, solution, variance, clusters),
            *_told_of_shape(why, to_come, end, latency),
        ),
        fitted_curve(kept, solution, location.plain, share.plain), read_as, share_read_as,
    )  # fmt: skip


def _check_latency(latency: str) -> None:
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
    labels, _ = pd.factorize(one_column(times, name))
    first = times.first_rows()
    changes = labels != labels[first][times.person]
    if changes.any():
        raise ModelError(
            f"Column {name!r} changes within {len(set(times.person[changes]))} people: a share of "
            "eventual reoffenders is of a person's whole future; use the value on the index date."
        )


def _shares(
    solution: Solution | CoxLatency, share_x: Floats, weight: Floats
) -> tuple[float, float]:
    """Mean share over people, and its standard error.

    `share_x` (1 + q, people), `weight` (people,).
    """
    if not solution.degrees:
        return np.nan, np.nan
    of_share = solution.predictor == SHARE
    each = expit(solution.of(SHARE) @ share_x)
    moved = share_x @ (weight * each * (1 - each)) / weight.sum()
    error = np.sqrt(moved @ solution.covariance[np.ix_(of_share, of_share)] @ moved)
    return float(np.average(each, weights=weight)), float(error)


def _to_come(
    solution: Solution, x: Floats, share_x: Floats, weight: Floats, last_day: int
) -> float:
    """What share of eventual events the fit expects after the last day; see `_shares`."""
    share, _ = _shares(solution, share_x, weight)
    if np.isnan(share):
        return np.nan
    on_last = solution.mean_survival(x, share_x, weight, np.array([last_day]))[0]
    return float((on_last - (1 - share)) / share)


def _fault(solution: Solution | CoxLatency) -> str:
    """What keeps the fit itself from telling a share; empty if nothing does."""
    missing = np.isnan(solution.values)
    if not missing.any():
        return ""
    notes = np.array(solution.notes, dtype=object)
    if missing[(solution.predictor == SHARE) & ~solution.is_term].any() and not missing.all():
        return "the likelihood rises without end, as where everybody reoffends eventually"
    return str(notes[missing][0]).removeprefix(f"{NOT_ESTIMABLE}: ")


def _told_of_shape(why: str, to_come: float, end: Plateau, latency: Latency) -> tuple[str, ...]:
    """Warn where an identified share still leans on how the curve goes on."""
    if why or to_come < WORTH_SAYING:
        return ()
    by, leans = ("this fit", "the shape of the latency; compare others")
    if latency == "cox":
        by, leans = ("a Weibull latency", "the curve being 0 after the last event")
    return (
        f"By {by} {to_come:.0%} of eventual events come after the last follow-up, at "
        f"{end.last_day} {end.unit}: the share leans on {leans}.",
    )
