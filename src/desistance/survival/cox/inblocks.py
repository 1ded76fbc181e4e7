"""A Cox model of rows that are read block by block: the same numbers as of the rows at once.

A first pass finds labels, event days and counts, a second means and spreads of the covariates; then
Newton's way takes two passes a step, and a sandwich one more. Tables as long as the event days are
kept, and nothing as long as the rows.

What needs all rows side by side is refused: exact ties, Firth's penalty, frailties, terms that
change with time, and splines whose knots are to be found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.survival.baseline import baseline_hazard
from desistance.survival.blocks.likelihood import BlockedLikelihood, Part
from desistance.survival.covariates import Covariates, centre_scale_reach, measure, pooled
from desistance.survival.cox.fitted import CoxFit
from desistance.survival.cox.variance import blanked, score_statistic, told_apart, unscaled
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import PartialLikelihood, centred_events
from desistance.survival.penalty import maximise_penalised
from desistance.survival.reasons import (
    Counted,
    caveats_of_counts,
    refuse_few_clusters,
    what_the_penalty_does,
    why_not_estimable,
)
from desistance.survival.risksets import event_days, risk_sets
from desistance.survival.terms import (
    Category,
    Interaction,
    Spline,
    columns_of,
    labelled,
    read_terms,
    without_empty,
)
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from desistance.survival.blocks.times import TimesInBlocks
    from desistance.survival.cox.choices import CoxTies
    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.penalty import Penalty
    from desistance.survival.reasons import Variance
    from desistance.survival.risksets import RiskSets
    from desistance.survival.terms import Term

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_LABELS = 1_000
FEW_PEOPLE = 20  # as in `terms.columns`


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Which rows and columns of the blocks a fit reads; `by` and `cluster` name columns."""

    times: TimesInBlocks
    columns: tuple[str, ...]
    by: tuple[str, ...]
    cluster: tuple[str, ...]
    variance: Variance

    def blocks(self) -> Iterator[TimeToEvent]:
        """Read the blocks, without the rows where a column is empty."""
        for came in self.times.blocks(self.columns):
            block = came
            for name in self.columns:
                block = without_empty(block, name)
            yield block

    def stratum(self, block: TimeToEvent) -> tuple[Ints, tuple[str, ...]]:
        """Code the strata of a block's rows, shape (n,), by labels."""
        if self.by:
            return labelled(block, self.by)[1:]
        if block.strata is not None:
            return block.strata, block.strata_labels
        return np.zeros(block.n, np.int64), ("all",)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What the first pass over the blocks found.

    `days` are the event days of all, without rows; `distinct` holds the labels of each column of
    labels, and one value of the others.
    """

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
    reading = Reading(times, _columns(times, terms, (*by, *around)), by, around, variance)
    found = _survey(reading, terms)
    problem = _problem(reading, found, ties)
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
            *(Caveat(f"Rows left out ({w}): {{rows}}.", rows=n) for w, n in found.left_out.items()),
            *caveats_of_counts(counted, notes, variance, penalised=penalty is not None),
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


def _survey(reading: Reading, terms: Sequence[str | Term]) -> Survey:
    coded = _columns_of_labels(terms)
    strata, clusters = _Labels(reading.by), _Labels(reading.cluster)
    distinct: dict[str, list[pd.Series]] = {name: [] for name in columns_of(terms)}
    days: list[pd.DataFrame] = []
    left_out: Counter[str] = Counter()
    last_day: dict[str, int] = {}
    counts = np.zeros(3, np.int64)
    most_events = 0
    for block in reading.blocks():
        left_out.update(block.left_out)
        if not block.n:
            continue
        people = np.bincount(block.person, block.event)
        most_events = max(most_events, int(people.max()))
        counts += [block.n, len(people), int(block.event.sum())]
        strata.see(block)
        clusters.see(block)
        for name, seen in distinct.items():
            column = block.columns[name]
            is_number = column.dtype.kind in "biuf" and name not in coded
            seen.append((column.iloc[:1] if is_number else column.drop_duplicates()).copy())
        codes, labels = reading.stratum(block)
        lasts = np.zeros(len(labels), np.int64)
        np.maximum.at(lasts, codes, block.stop)
        for label, last in zip(labels, lasts.tolist(), strict=True):
            last_day[label] = max(last_day.get(label, 0), last)
        sets = risk_sets(block.start, block.stop, block.event, stratum=codes, weight=block.weight)
        days.append(
            pd.DataFrame(
                {
                    "label": np.array(labels, dtype=object)[sets.stratum],
                    "day": sets.day, "n": sets.n_events, "weight": sets.event_weight,
                }
            )
        )  # fmt: skip
    if not days:
        raise ModelError("Every row has an empty value in one of the columns: none is left to fit.")
    labels = strata.known() if reading.by else reading.times.strata_labels or ("all",)
    return Survey(
        _all_days(days, labels), labels, tuple(last_day.get(label, 0) for label in labels),
        clusters.known(), _fixed(reading.times, terms, distinct, coded, int(counts[1])),
        int(counts[0]), int(counts[1]), int(counts[2]), most_events,
        {why: n for why, n in left_out.items() if n},
    )  # fmt: skip


class _Labels:
    """The labels that columns make together, gathered block by block."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.seen: list[pd.DataFrame] = []

    def see(self, block: TimeToEvent) -> None:
        if self.names:
            self.seen.append(block.columns[list(self.names)].drop_duplicates())

    def known(self) -> tuple[str, ...]:
        """The labels of all blocks, in the order in which one frame would have them."""
        if not self.names:
            return ()
        frame = pd.DataFrame({n: _joined([some[n] for some in self.seen]) for n in self.names})
        return labelled(_bare(frame.drop_duplicates(ignore_index=True)), self.names)[2]


def _joined(columns: list[pd.Series]) -> pd.Series:
    """One column of several; categories keep their order."""
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return pd.Series(pd.api.types.union_categoricals(columns, ignore_order=True))
    return pd.concat(columns, ignore_index=True)


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
    distinct: dict[str, list[pd.Series]],
    coded: set[str],
    n_people: int,
) -> tuple[Term, ...]:
    """Settle the terms by rows that hold every label twice, so that none looks like an id."""
    found = {name: _joined(seen) for name, seen in distinct.items()}
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
    return read_terms(replace(_bare(frame), person_column=person), terms)[1]


def _bare(frame: pd.DataFrame) -> TimeToEvent:
    """Hold columns as rows whose times do not matter."""
    zeros = np.zeros(len(frame), np.int64)
    return TimeToEvent(
        zeros, zeros + 1, zeros > 0, np.arange(len(frame)), None, None, None, (), (), frame,
        "days", len(frame), {},
    )  # fmt: skip


def _all_days(days: list[pd.DataFrame], labels: tuple[str, ...]) -> RiskSets:
    """The event days of all blocks, in order, with the events of each."""
    every = pd.concat(days, ignore_index=True)
    every["stratum"] = every.label.map({label: code for code, label in enumerate(labels)})
    sums = every.groupby(["stratum", "day"], as_index=False)[["n", "weight"]].sum()
    stratum, day, n = (sums[name].to_numpy(np.int64) for name in ("stratum", "day", "n"))
    return event_days(stratum, day, n, sums.weight.to_numpy(float))


def _problem(reading: Reading, found: Survey, ties: Ties) -> BlockedLikelihood:
    """Find means and spreads of the covariates, and set up the likelihood."""
    names = tuple(name for term in found.terms for name in term.names)
    places = {label: code for code, label in enumerate(found.labels)}
    groups = {label: code for code, label in enumerate(found.cluster_labels)}

    def of_rows(block: TimeToEvent) -> tuple[RiskSets, tuple[NDArray[Any], ...]]:
        codes, labels = reading.stratum(block)
        stratum = np.array([places[label] for label in labels], np.int64)[codes]
        columns = tuple(x for term in found.terms for x in term.values(block.columns))
        return found.days.of_rows(
            block.start, block.stop, block.event, stratum=stratum, weight=block.weight
        ), columns

    near: Floats | None = None
    measures: list[Floats] = []
    events = np.zeros(len(names))
    for block in reading.blocks():
        sets, columns = of_rows(block)
        measures.append(measure(columns, sets))
        near = measures[0][3] if near is None else near
        events += centred_events(sets, Covariates(names, columns, near, near, near))
    measured = centre_scale_reach(pooled(measures))
    events -= found.days.event_weight.sum() * (measured[0] - measures[0][3])

    def read() -> Iterator[Part]:
        for block in reading.blocks():
            sets, columns = of_rows(block)
            cluster = np.arange(block.n)
            if reading.cluster:
                _, codes, labels = labelled(block, reading.cluster)
                cluster = np.array([groups[label] for label in labels], np.int64)[codes]
            elif reading.variance == "cluster":
                cluster = block.person
            of_block = PartialLikelihood(sets, Covariates(names, columns, *measured), ties, events)
            yield Part(of_block, cluster)

    none = tuple(np.zeros(0) for _ in names)
    return BlockedLikelihood(found.days, Covariates(names, none, *measured), ties, events, read)


def _sandwich(problem: BlockedLikelihood, top: Maximum, found: Survey) -> Floats:
    n_clusters = len(found.cluster_labels) or None
    return unscaled(problem.sandwich(top.point, top.covariance, n_clusters=n_clusters), problem)
