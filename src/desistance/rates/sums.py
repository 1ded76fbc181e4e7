"""What rates are made of, counted in groups: whole numbers, which add up over blocks of people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from desistance.followup import in_cohorts
from desistance.histories.days import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

EVERYONE = "everyone"
CLOCKS = ("calendar_days", "days_at_risk")


class Exposure(NamedTuple):
    """Days d of people with c reoffences: their sum, that of c d, and that of d squared."""

    days: int
    by_count: int
    squares: int


@dataclass(frozen=True, slots=True)
class OneYear:
    """People whose follow-up is complete, and their c reoffences each: sums of c and c squared."""

    n: int
    reoffenders: int
    reoffences: int
    squares: int
    exposures: tuple[Exposure, ...]

    def __add__(self, other: OneYear) -> OneYear:
        """Count together."""
        together = [
            Exposure(*(a + b for a, b in zip(mine, their, strict=True)))
            for mine, their in zip(self.exposures, other.exposures, strict=True)
        ]
        return OneYear(
            self.n + other.n, self.reoffenders + other.reoffenders,
            self.reoffences + other.reoffences, self.squares + other.squares, tuple(together),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AtRisk:
    """People at risk, their first events, and their time at risk in whole units."""

    n: int
    events: int
    time: int

    def __add__(self, other: AtRisk) -> AtRisk:
        """Count together."""
        return AtRisk(self.n + other.n, self.events + other.events, self.time + other.time)


S = TypeVar("S", OneYear, AtRisk)


@dataclass(frozen=True, slots=True)
class Grouped(Generic[S]):
    """Sums of everyone and of each label; `ranks` order the labels where their column does."""

    sums: dict[str, S]
    ranks: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Grouped[S]) -> Grouped[S]:
        """Count together; either may lack a label."""
        sums: dict[str, Any] = dict(self.sums)
        for label, more in other.sums.items():
            sums[label] = sums[label] + more if label in sums else more
        return Grouped(sums, self.ranks | other.ranks)

    def in_order(self) -> dict[str, S]:
        """Everyone first; then labels in the order of a category, else of the alphabet."""
        last = len(self.ranks)
        labels = sorted(self.sums, key=lambda x: (x != EVERYONE, self.ranks.get(x, last), x))
        return {label: self.sums[label] for label in labels}


def grouped(
    column: pd.Series | None, n: int, count: Callable[[NDArray[np.bool_]], S]
) -> Grouped[S]:
    """Count all of n rows, and those of each label of a column; an empty label is "unknown"."""
    sums = {EVERYONE: count(np.ones(n, bool))}
    ranks = {}
    if column is not None:
        labels = column.astype("string").fillna("unknown")
        sums |= {str(label): count((labels == label).to_numpy(bool)) for label in labels.unique()}
        if isinstance(column.dtype, pd.CategoricalDtype):
            ranks = {str(label): rank for rank, label in enumerate(column.cat.categories)}
    return Grouped(sums, ranks)


def one_year(people: pd.DataFrame, column: pd.Series | None) -> Grouped[OneYear]:
    """Count the people of each group whose follow-up is complete."""
    mature = people["mature"].to_numpy(bool)
    counts = _whole(people["n_reoffences"])
    days = [_whole(people[name]) for name in CLOCKS]

    def count(mask: NDArray[np.bool_]) -> OneYear:
        some = mask & mature
        c = counts[some]
        return OneYear(
            len(c), int((c > 0).sum()), int(c.sum()), int((c * c).sum()),
            tuple(
                Exposure(int(d.sum()), int((c * d).sum()), int((d * d).sum()))
                for d in (values[some] for values in days)
            ),
        )  # fmt: skip

    return grouped(column, len(people), count)


def at_risk(times: TimeToEvent, column: pd.Series | None) -> Grouped[AtRisk]:
    """Count the rows at risk of each group."""
    time = times.stop - times.start

    def count(mask: NDArray[np.bool_]) -> AtRisk:
        people = len(np.unique(times.person[mask]))
        return AtRisk(people, int(times.event[mask].sum()), int(time[mask].sum()))

    return grouped(column, times.n, count)


def on_calendar(people: pd.DataFrame, by: str | None, names: tuple[str, str]) -> Grouped[AtRisk]:
    """Count first events and days with custody left in: before joining, and from joining on.

    Nothing is counted where `by` is neither a column of the people nor what joining changes.
    """
    end = people["end_day"].to_numpy(np.int64)
    joined = np.minimum(people["joined_day"].fillna(NEVER).to_numpy(np.int64), end)
    start, stop = np.concatenate([0 * end, joined]), np.concatenate([joined, end])
    event = np.tile(people["event_day"].to_numpy(float) == end, 2) & (stop == np.tile(end, 2))
    exposed, kept = np.repeat([False, True], len(people)), stop > start
    person, days = np.tile(np.arange(len(people)), 2)[kept], (stop - start)[kept]
    changed = {"exposed": pd.Series(exposed[kept]),
               "cohort": pd.Series(in_cohorts(exposed[kept], names))}  # fmt: skip
    if by is None:
        column = None
    elif by in changed:
        column = changed[by]
    elif by in people:
        column = people[by].iloc[person].reset_index(drop=True)
    else:
        return Grouped({})

    def count(mask: NDArray[np.bool_]) -> AtRisk:
        return AtRisk(
            len(np.unique(person[mask])), int(event[kept][mask].sum()), int(days[mask].sum())
        )

    return grouped(column, len(person), count)


def _whole(column: pd.Series) -> Ints:
    """Read whole numbers; 0 where there is none."""
    return column.to_numpy(np.int64, na_value=0)
