"""From named columns to a fitted Cox model.

`fit_cox` reads terms and strata by name, climbs the partial likelihood (see
`partial_likelihood` and `newton`) and gives a `CoxFit`.

Few events, or none among some people, call for a penalty (see `penalty`); time in few, coarse
steps for ``ties="exact"`` (see `exact`). Neither has a sandwich here.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError
from desistance.survival.baseline import baseline_hazard, last_days
from desistance.survival.cox.choices import check_choices, check_frailty, check_weights
from desistance.survival.cox.fitted import CoxFit
from desistance.survival.cox.inblocks import fit_in_blocks
from desistance.survival.cox.overtime import at_zero, by_piece, lay_out, let_vary
from desistance.survival.cox.variance import (
    blanked,
    sandwich,
    score_statistic,
    told_apart,
    unscaled,
)
from desistance.survival.exact import exact_likelihood
from desistance.survival.frailty import (
    PERSON,
    frailty_groups,
    maximise_with_frailty,
    what_frailty_asks,
)
from desistance.survival.manydays import ManyDays
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import partial_likelihood, same_likelihood
from desistance.survival.penalty import maximise_penalised, profile_limits
from desistance.survival.reasons import (
    caveats_of,
    offer_of_firth,
    refuse_few_clusters,
    what_the_penalty_does,
    why_not_estimable,
)
from desistance.survival.suited import suited_likelihood
from desistance.survival.terms import labelled, read_terms, without_empty
from desistance.timetoevent import HasBlocks, TimeToEvent, as_times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from desistance.survival.baseline import BaselineHazard
    from desistance.survival.cox.choices import CoxTies
    from desistance.survival.cox.overtime import How
    from desistance.survival.partial_likelihood import PartialLikelihood, Point, Ties
    from desistance.survival.penalty import Penalty
    from desistance.survival.reasons import Variance
    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes

    Ints = NDArray[np.int64]


def fit_cox(
    times: TimeToEvent | HasTimes | HasBlocks,
    terms: Sequence[str | Term],
    *,
    time_varying: Mapping[str, How] | None = None,
    ties: CoxTies = "efron",
    strata: str | Sequence[str] | None = None,
    variance: Variance = "model",
    cluster: str | None = None,
    penalty: Penalty | None = None,
    frailty: str | None = None,
) -> CoxFit:
    """Fit Cox's proportional hazards by partial likelihood.

    Parameters
    ----------
    times
        Rows of people at risk; their weights are used, and their strata unless `strata` says
        otherwise. Rows in blocks give the same numbers, save what needs them all at once.
    terms
        Columns to enter: numbers and bools as they are, text and categories as one covariate
        for each label after the first; or `Category`, `Spline` and `Interaction` objects, see
        `terms`.
    time_varying
        Terms whose effect changes with time, and how: "log", "linear" or `Steps([90, 180])`;
        see `overtime`. A mapping, as the change is one of a term named in `terms`: a term
        cannot change in two ways, nor change and be left out.
    ties
        "efron" (the better approximation), "breslow", or "exact" for time in few, coarse steps
        (no weights, no penalty, model variance only).
    strata
        A column, or several, whose groups have each their own baseline hazard.
    variance, cluster
        See `variance`; `cluster` names a column, and is the person when left out.
    penalty
        "firth" for few events, or for a term that no event contradicts (no weights); or
        `Ridge(theta)`, for many terms. Model variance only; see `penalty`.
    frailty
        A column of groups, or "person", whose hazards are higher or lower than the terms tell by
        gamma frailties (no weights, no penalty, model variance only); see `frailty`.

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
    >>> import pandas as pd
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
    check_choices(ties, variance, cluster, penalty)
    if not isinstance(times, TimeToEvent) and isinstance(times, HasBlocks):
        return fit_in_blocks(
            times.times_in_blocks(), terms, ties=ties, strata=strata, variance=variance,
            cluster=cluster, penalty=penalty,
            refused={"frailty": frailty, "time_varying": time_varying},
        )  # fmt: skip
    came = as_times(times)
    check_weights(came, ties, penalty)
    check_frailty(came, frailty, ties, variance, penalty)
    by = [strata] if isinstance(strata, str) else list(strata or ())
    kept = came
    for name in [*by, *([cluster] if cluster else [])]:
        kept = without_empty(kept, name)
    if frailty and frailty != PERSON:
        kept = without_empty(kept, frailty)
    kept, read_as = read_terms(kept, terms)
    read_as = let_vary(kept, read_as, time_varying)
    stratum, labels = (
        labelled(kept, by)[1:] if by else (kept.strata, kept.strata_labels or ("all",))
    )
    laid = lay_out(kept, stratum, read_as)
    if ties == "exact":
        problem: PartialLikelihood = exact_likelihood(laid.sets, laid.covariates)
    else:
        set_up = partial_likelihood if penalty or frailty else suited_likelihood
        problem = set_up(laid.sets, laid.covariates, ties)
    origin = laid.origin
    del laid  # where rows were put in order, theirs is another
    clusters = labelled(kept, cluster)[1] if cluster else kept.person
    refuse_few_clusters(cluster, int(clusters.max(initial=-1)) + 1, problem.p)
    shared = None
    if frailty:
        codes, groups = frailty_groups(kept, frailty)
        top, counted, shared = maximise_with_frailty(
            problem, by_piece(codes, origin), frailty, groups
        )  # fmt: skip
    else:
        top = maximise(problem) if penalty is None else maximise_penalised(problem, penalty)
    model = unscaled(top.covariance, problem)
    if shared:
        covariance = unscaled(counted, problem)
    elif variance == "model":
        covariance = model
    else:
        together = by_piece(clusters, origin) if variance == "cluster" else origin
        covariance = told_apart(sandwich(problem, top, together), model)
    notes = why_not_estimable(problem, top)
    slopes = top.beta / problem.covariates.scale
    slopes[list(top.aliased)] = 0.0
    slopes[top.runaway | top.unsettled] = np.nan
    blank = np.array([bool(note) for note in notes], dtype=bool)
    baseline = partial(
        baseline_hazard,
        groups=labels,
        last_day=last_days(kept.stop, stratum, len(labels)),
        slopes=slopes,
        covariance=covariance,
        zero=at_zero(read_as, problem.sets.day),
    )
    if isinstance(problem, ManyDays):  # its rows are too many to be kept in order
        again = partial(_again, kept, stratum, read_as, problem.ties)
        baseline_of: Callable[[], BaselineHazard] = cache(
            lambda: baseline(again(top.point), top.point)
        )
    else:
        baseline_of = baseline(problem, top.point).itself
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
        score_statistic=score_statistic(top),
        degrees=len(notes) - len(top.aliased),
        n=kept.n,
        n_people=kept.n_people,
        n_events=int(kept.event.sum()),
        n_left_out=came.n - kept.n,
        caveats=(
            *caveats_of(
                came,
                kept,
                notes,
                variance,
                clusters,
                penalised=penalty is not None,
                shared=frailty == PERSON,
            ),
            *(
                offer_of_firth(
                    int(kept.event.sum()), top, variance, ties, weighted=kept.weight is not None
                )
                if penalty is None and not shared
                else ()
            ),
            *what_the_penalty_does(penalty),
            *(what_frailty_asks(kept, shared) if shared else ()),
        ),
        baseline_of=baseline_of,
        read_as=read_as,
        iterations=top.iterations,
        penalty=penalty,
        profile=profile_limits(problem, top) if penalty == "firth" else None,
        frailty=shared,
    )


def _again(
    times: TimeToEvent, stratum: Ints | None, terms: tuple[Term, ...], ties: Ties, top: Point
) -> PartialLikelihood:
    """Set up the partial likelihood of a fit's rows again, whose top was `top`."""
    laid = lay_out(times, stratum, terms)
    problem = suited_likelihood(laid.sets, laid.covariates, ties)
    if not same_likelihood(problem.evaluate(top.beta).log_likelihood, top.log_likelihood):
        raise ModelError(
            "A column of the rows was changed after the fit, which reads them again to predict: "
            "fit once more."
        )
    return problem
