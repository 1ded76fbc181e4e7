"""A Cox model of rows that are read block by block: the same numbers as of the rows at once.

A first pass finds labels, event days and counts, a second means and spreads of the covariates; then
Newton's way takes two passes a step, and a sandwich one more. Tables as long as the event days are
kept, and nothing as long as the rows. What a pass does to a block is a function that holds only
settings and such tables (see `desistance.engine`), as it may run elsewhere.

What needs all rows side by side is refused: exact ties, Firth's penalty, frailties, terms that
change with time, and splines whose knots are to be found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.survival.baseline import baseline_hazard
from desistance.survival.covariates import Covariates, centre_scale_reach, measure, pooled
from desistance.survival.cox.blockedlikelihood import BlockedLikelihood, Part
from desistance.survival.cox.fitted import CoxFit
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
from desistance.survival.risksets import event_days, risk_sets
from desistance.survival.suspicion import odd, tally
from desistance.survival.terms import (
    Category,
    Interaction,
    Spline,
    bare_rows,
    columns_of,
    joined,
    labelled,
    labels_across,
    read_terms,
    without_empty,
    without_parts,
)
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from numpy.typing import NDArray

    from desistance.survival.cox.choices import CoxTies
    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.penalty import Penalty
    from desistance.survival.reasons import Variance
    from desistance.survival.risksets import RiskSets
    from desistance.survival.suspicion import Tally
    from desistance.survival.terms import Term
    from desistance.timetoevent import TimesInBlocks

    T = TypeVar("T")
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_LABELS = 1_000
FEW_PEOPLE = 20  # as in `terms.columns`


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a fit reads of a block: `by` and `cluster` name columns, `coded` those of labels."""

    columns: tuple[str, ...]
    termed: tuple[str, ...]
    coded: frozenset[str]
    by: tuple[str, ...]
    cluster: tuple[str, ...]
    variance: Variance

    def kept(self, came: TimeToEvent) -> TimeToEvent:
        """Leave out the rows where a column is empty."""
        for name in self.columns:
            came = without_empty(came, name)
        return came

    def stratum(self, block: TimeToEvent) -> tuple[Ints, tuple[str, ...]]:
        """Code the strata of a block's rows, shape (n,), by labels."""
        if self.by:
            return labelled(block, self.by)[1:]
        if block.strata is not None:
            return block.strata, block.strata_labels
        return np.zeros(block.n, np.int64), ("all",)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the first pass finds of one block.

    `distinct` holds the labels of each column of labels, and one value of the others; `events` the
    event days: label, day, n, weight.
    """

    n: int
    n_people: int
    n_events: int
    most_events: int
    left_out: dict[str, int]
    strata: pd.DataFrame
    clusters: pd.DataFrame
    distinct: dict[str, pd.Series]
    tallies: dict[str, Tally]
    last_day: dict[str, int]
    events: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What the first pass over the blocks found; `days` are the event days of all, without rows."""

    days: RiskSets
    labels: tuple[str, ...]
    last_day: tuple[int, ...]
    cluster_labels: tuple[str, ...]
    terms: tuple[Term, ...]
    n: int
    n_people: int
    n_events: int
    most_events: int
    left_out: dict[str, int]
    said: tuple[str, ...]


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
    reading = Reading(
        _columns(times, terms, (*by, *around)), tuple(columns_of(terms)),
        frozenset(_columns_of_labels(terms)), by, around, variance,
    )  # fmt: skip
    found = _survey(times, reading, terms)
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
        baseline=baseline_hazard(
            problem, top.point, groups=found.labels, last_day=found.last_day,
            slopes=slopes, covariance=covariance,
        ),
        read_as=found.terms,
        iterations=top.iterations,
        penalty=penalty,
    )  # fmt: skip


def _columns(
    times: TimesInBlocks, terms: Sequence[str | Term], others: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns to read, in the order in which empty rows are left out."""
    if isinstance(terms, str):
        raise ModelError(f"`terms` is a list of columns: write [{terms!r}].")
    wanted = tuple(dict.fromkeys([*others, *columns_of(terms)]))
    there = times.source.columns()
    for name in wanted:
        if name not in there:
            raise ModelError(
                f"{name!r} is not a column of every block; there are {', '.join(map(repr, there))}."
            )
    return wanted


def _survey(times: TimesInBlocks, reading: Reading, terms: Sequence[str | Term]) -> Survey:
    seen = list(times.each(partial(_seen, reading), reading.columns))
    left_out: Counter[str] = Counter()
    for block in seen:
        left_out.update(block.left_out)
    seen = [block for block in seen if block.n]
    if not seen:
        raise ModelError("Every row has an empty value in one of the columns: none is left to fit.")
    last_day: dict[str, int] = {}
    for block in seen:
        for label, last in block.last_day.items():
            last_day[label] = max(last_day.get(label, 0), last)
    labels = times.strata_labels or ("all",)
    if reading.by:
        labels = labels_across([block.strata for block in seen])
    n_people = sum(block.n_people for block in seen)
    fixed = _fixed(times, terms, [block.distinct for block in seen], reading.coded, n_people)
    tallies = {
        name: reduce(add, (block.tallies[name] for block in seen)) for name in reading.termed
    }
    said = [told for name, tallied in tallies.items() for told in odd(tallied, name)]
    return Survey(
        _all_days([block.events for block in seen], labels),
        labels,
        tuple(last_day.get(label, 0) for label in labels),
        labels_across([block.clusters for block in seen]) if reading.cluster else (),
        fixed,
        sum(block.n for block in seen),
        n_people,
        sum(block.n_events for block in seen),
        max(block.most_events for block in seen),
        {why: left_out[why] for name in reading.columns if left_out[why := f"`{name}` is empty"]},
        (*dict.fromkeys(said), *without_parts(fixed)),
    )


def _seen(reading: Reading, came: TimeToEvent) -> Seen:
    block = reading.kept(came)
    people = np.bincount(block.person, block.event)
    codes, labels = reading.stratum(block)
    lasts = np.zeros(len(labels), np.int64)
    np.maximum.at(lasts, codes, block.stop)
    sets = risk_sets(block.start, block.stop, block.event, stratum=codes, weight=block.weight)
    distinct = {}
    for name in reading.termed:
        column = block.columns[name]
        is_number = column.dtype.kind in "biuf" and name not in reading.coded
        distinct[name] = (column.iloc[:1] if is_number else column.drop_duplicates()).copy()
    return Seen(
        block.n, len(people), int(block.event.sum()), int(people.max(initial=0)),
        dict(block.left_out),
        block.columns[list(reading.by)].drop_duplicates(),
        block.columns[list(reading.cluster)].drop_duplicates(),
        distinct,
        {name: tally(block, name) for name in reading.termed},
        dict(zip(labels, lasts.tolist(), strict=True)),
        pd.DataFrame({
            "label": np.array(labels, dtype=object)[sets.stratum],
            "day": sets.day, "n": sets.n_events, "weight": sets.event_weight,
        }),
    )  # fmt: skip


def _columns_of_labels(terms: Sequence[str | Term]) -> set[str]:
    """The columns that terms read as labels, whatever they hold."""
    found: set[str] = set()
    for term in terms:
        if isinstance(term, Interaction):
            found |= _columns_of_labels(term.parts)
        elif isinstance(term, Category) and not term.levels:
            found.add(term.column)
        elif isinstance(term, Spline) and not term.places:
            raise ModelError(
                f"Say where the knots of Spline({term.column!r}) are: they cannot be found of rows "
                "in blocks."
            )
    return found


def _fixed(
    times: TimesInBlocks,
    terms: Sequence[str | Term],
    distinct: list[dict[str, pd.Series]],
    coded: frozenset[str],
    n_people: int,
) -> tuple[Term, ...]:
    """Settle the terms by rows that hold every label twice, so that none looks like an id."""
    found = {name: joined([block[name] for block in distinct]) for name in distinct[0]}
    for name, column in found.items():
        is_number = column.dtype.kind in "biuf" and name not in coded
        found[name] = column.iloc[:1] if is_number else column.drop_duplicates()
    person = times.roles.get("person")
    for name, column in found.items():
        everyone = len(column) == n_people > FEW_PEOPLE
        if name != person and (len(column) > MOST_LABELS or everyone):
            raise ModelError(f"Column {name!r} has {len(column):,} labels: an id is not a term.")
    length = 2 * max(map(len, found.values()))
    frame = pd.DataFrame(
        {
            name: column.iloc[np.arange(length) % len(column)].reset_index(drop=True)
            for name, column in found.items()
        }
    )
    return read_terms(replace(bare_rows(frame), person_column=person), terms)[1]


def _all_days(days: list[pd.DataFrame], labels: tuple[str, ...]) -> RiskSets:
    """The event days of all blocks, in order, with the events of each."""
    every = pd.concat(days, ignore_index=True)
    every["stratum"] = every.label.map({label: code for code, label in enumerate(labels)})
    sums = every.groupby(["stratum", "day"], as_index=False)[["n", "weight"]].sum()
    stratum, day, n = (sums[name].to_numpy(np.int64) for name in ("stratum", "day", "n"))
    return event_days(stratum, day, n, sums.weight.to_numpy(float))


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
