"""The first pass over rows in blocks: labels, event days, counts, and what is odd.

What is found of one block is small, adds up, and holds no row.
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
from desistance.survival.risksets import event_days, risk_sets
from desistance.survival.suspicion import enough_rows, odd, tally
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
from desistance.survival.terms.columns import FEW_PEOPLE
from desistance.timetoevent import outcome_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.survival.reasons import Variance
    from desistance.survival.risksets import RiskSets
    from desistance.survival.suspicion import Tally
    from desistance.survival.terms import Term
    from desistance.timetoevent import TimesInBlocks, TimeToEvent

    Ints = NDArray[np.int64]

MOST_LABELS = 1_000


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


def reading_of(
    times: TimesInBlocks,
    terms: Sequence[str | Term],
    by: tuple[str, ...],
    around: tuple[str, ...],
    variance: Variance,
) -> Reading:
    """Say what a fit of `terms`, by the columns `by` and clustered `around` one, reads."""
    return Reading(
        _columns(times, terms, (*by, *around)), tuple(columns_of(terms)),
        frozenset(_columns_of_labels(terms)), by, around, variance,
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


def survey(times: TimesInBlocks, reading: Reading, terms: Sequence[str | Term]) -> Survey:
    """Go through the blocks once, and settle what no block can tell alone."""
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
    enough = enough_rows(block)
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
        {name: tally(block, block.columns[name], enough) for name in reading.termed},
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
    rows = replace(
        bare_rows(frame), person_column=person, outcome_columns=outcome_columns(times.roles)
    )
    return read_terms(rows, terms)[1]


def _all_days(days: list[pd.DataFrame], labels: tuple[str, ...]) -> RiskSets:
    """The event days of all blocks, in order, with the events of each."""
    every = pd.concat(days, ignore_index=True)
    every["stratum"] = every.label.map({label: code for code, label in enumerate(labels)})
    sums = every.groupby(["stratum", "day"], as_index=False)[["n", "weight"]].sum()
    stratum, day, n = (sums[name].to_numpy(np.int64) for name in ("stratum", "day", "n"))
    return event_days(stratum, day, n, sums.weight.to_numpy(float))
