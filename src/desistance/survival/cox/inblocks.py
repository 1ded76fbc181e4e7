"""A Cox model of rows that are read block by block: the same numbers as of the rows at once.

A first pass finds labels, event days and counts (see `survey`), a second means and spreads of the
covariates; then Newton's way takes two passes a step, and a sandwich one more. Tables as long as
the event days are kept, and nothing as long as the rows. What a pass does to a block is a function
that holds only settings and such tables (see `desistance.engine`), as it may run elsewhere.

What needs all rows side by side is refused: exact ties, Firth's penalty, frailties, terms that
change with time, and splines whose knots are to be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.survival.baseline import baseline_hazard
from desistance.survival.covariates import Covariates, centre_scale_reach, measure, pooled
from desistance.survival.cox.blockedlikelihood import BlockedLikelihood, Part
from desistance.survival.cox.fitted import CoxFit
from desistance.survival.cox.survey import reading_of, survey
from desistance.survival.cox.variance import blanked, score_statistic, told_apart, unscaled
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import PartialLikelihood, centred_events
from desistance.survival.penalty import maximise_penalised
from desistance.survival.reasons import (
    Counted,
    caveats_of_counts,
    offer_of_firth,
    refuse_few_clusters,
    what_the_penalty_does,
    why_not_estimable,
)
from desistance.survival.terms import labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from numpy.typing import NDArray

    from desistance.survival.cox.choices import CoxTies
    from desistance.survival.cox.survey import Reading, Survey
    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.penalty import Penalty
    from desistance.survival.reasons import Variance
    from desistance.survival.risksets import RiskSets
    from desistance.survival.terms import Term
    from desistance.timetoevent import TimesInBlocks, TimeToEvent

    T = TypeVar("T")
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def fit_in_blocks(
    times: TimesInBlocks,
    terms: Sequence[str | Term],
    *,
    ties: CoxTies,
    strata: str | Sequence[str] | None,
    variance: Variance,
    cluster: str | None,
    penalty: Penalty | None,
    refused: dict[str, object],
) -> CoxFit:
    """Fit as `fit_cox` does, reading the rows block by block; `refused` are its other options.

    Raises
    ------
    ModelError
        As `fit_cox`; if a choice needs all rows at once, or a column has too many labels.
    """
    asked = [f"`{name}`" for name, value in refused.items() if value]
    asked += ["penalty='firth'"] * (penalty == "firth") + ["ties='exact'"] * (ties == "exact")
    if asked or ties == "exact":
        raise ModelError(
            f"{' and '.join(asked)} cannot be had of rows in blocks: read the rows, or some of the "
            "people, into one frame for `TimeToEvent.from_frame`."
        )
    by = (strata,) if isinstance(strata, str) else tuple(strata or ())
    around = (cluster,) if cluster else ()
    reading = reading_of(times, terms, by, around, variance)
    found = survey(times, reading, terms)
    problem = _problem(times, reading, found, ties)
    top = maximise(problem) if penalty is None else maximise_penalised(problem, penalty)
    n_clusters = len(found.cluster_labels) if around else found.n_people
    refuse_few_clusters(cluster, n_clusters, problem.p)
    model = covariance = unscaled(top.covariance, problem)
    if variance != "model":
        covariance = told_apart(_sandwich(problem, top, found), model)
    notes = why_not_estimable(problem, top)
    slopes = top.beta / problem.covariates.scale
    slopes[list(top.aliased)] = 0.0
    slopes[top.runaway | top.unsettled] = np.nan
    blank = np.array([bool(note) for note in notes], dtype=bool)
    counted = Counted(found.n, found.n_people, found.n_events, found.most_events, n_clusters)
    return CoxFit(
        terms=problem.covariates.names,
        log_hazards=np.where(blank, np.nan, slopes),
        covariance=blanked(covariance, blank),
        model_covariance=blanked(model, blank),
        notes=notes,
        variance=variance,
        clusters=cluster or "person",
        ties=ties,
        strata=by or (("the rows' strata",) if "strata" in times.roles else ()),
        weighted="weight" in times.roles,
        log_likelihood=top.point.log_likelihood,
        log_likelihood_null=top.null.log_likelihood,
        score_statistic=score_statistic(top),
        degrees=len(notes) - len(top.aliased),
        n=found.n,
        n_people=found.n_people,
        n_events=found.n_events,
        n_left_out=times.n - found.n,
        caveats=(
            *times.caveats,
            *found.said,
            *(Caveat(f"Rows left out ({w}): {{rows}}.", rows=n) for w, n in found.left_out.items()),
            *caveats_of_counts(counted, notes, variance, penalised=penalty is not None),
            *(
                offer_of_firth(
                    found.n_events, top, variance, ties, weighted="weight" in times.roles
                )
                if penalty is None
                else ()
            ),
            *what_the_penalty_does(penalty),
        ),
        baseline_of=baseline_hazard(
            problem, top.point, groups=found.labels, last_day=found.last_day,
            slopes=slopes, covariance=covariance,
        ).itself,
        read_as=found.terms,
        iterations=top.iterations,
        penalty=penalty,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How the rows of a block become a part of the likelihood of all."""

    reading: Reading
    days: RiskSets
    terms: tuple[Term, ...]
    places: dict[str, int]
    groups: dict[str, int]
    ties: Ties

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates' names."""
        return tuple(name for term in self.terms for name in term.names)

    def rows(self, block: TimeToEvent) -> tuple[RiskSets, tuple[NDArray[Any], ...]]:
        """Code the rows on the event days of all, and read their covariates."""
        codes, labels = self.reading.stratum(block)
        stratum = np.array([self.places[label] for label in labels], np.int64)[codes]
        columns = tuple(x for term in self.terms for x in term.values(block.columns))
        return self.days.of_rows(
            block.start, block.stop, block.event, stratum=stratum, weight=block.weight
        ), columns

    def cluster(self, block: TimeToEvent) -> Ints:
        """Code the rows' clusters, over all blocks if a column names them."""
        if self.reading.cluster:
            _, codes, labels = labelled(block, self.reading.cluster)
            return np.array([self.groups[label] for label in labels], np.int64)[codes]
        return block.person if self.reading.variance == "cluster" else np.arange(block.n)


def _problem(
    times: TimesInBlocks, reading: Reading, found: Survey, ties: Ties
) -> BlockedLikelihood:
    """Find means and spreads of the covariates, and set up the likelihood."""
    layout = Layout(
        reading, found.days, found.terms,
        {label: code for code, label in enumerate(found.labels)},
        {label: code for code, label in enumerate(found.cluster_labels)}, ties,
    )  # fmt: skip
    measures, events, weights = zip(
        *times.each(partial(_measured, layout), reading.columns), strict=True
    )
    measured = centre_scale_reach(pooled(measures))
    moved = [
        e - w * (measured[0] - m[3]) for m, e, w in zip(measures, events, weights, strict=True)
    ]
    total = np.sum(moved, axis=0)

    def each(function: Callable[[Part], T]) -> Iterator[T]:
        return times.each(partial(_to_part, function, layout, measured, total), reading.columns)

    none = tuple(np.zeros(0) for _ in layout.names)
    return BlockedLikelihood(
        found.days, Covariates(layout.names, none, *measured), ties, total, each
    )


def _measured(layout: Layout, came: TimeToEvent) -> tuple[Floats, Floats, float]:
    """Measures of a block's covariates, and its events' sums about its own means, and weight."""
    sets, columns = layout.rows(layout.reading.kept(came))
    measures = measure(columns, sets)
    about = measures[3]
    events = centred_events(sets, Covariates(layout.names, columns, about, about, about))
    return measures, events, float(np.sum(sets.weights()[sets.event]))


def _to_part(
    function: Callable[[Part], T],
    layout: Layout,
    measured: tuple[Floats, Floats, Floats],
    events: Floats,
    came: TimeToEvent,
) -> T:
    block = layout.reading.kept(came)
    sets, columns = layout.rows(block)
    of_block = Covariates(layout.names, columns, *measured)
    return function(
        Part(PartialLikelihood(sets, of_block, layout.ties, events), layout.cluster(block))
    )


def _sandwich(problem: BlockedLikelihood, top: Maximum, found: Survey) -> Floats:
    n_clusters = len(found.cluster_labels) or None
    return unscaled(problem.sandwich(top.point, top.covariance, n_clusters=n_clusters), problem)
