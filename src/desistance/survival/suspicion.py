"""What looks odd in columns and groups, though no rule forbids it: said, never mended.

Two things are looked for: a flag, label or group of a handful of people, on whom whatever is said
of it rests; and a code such as 99 or 9999 for a value nobody knew, read as a number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

FEWEST_PEOPLE = 5
NINES = {10.0**digits - 1 for digits in range(2, 8)} | {1 - 10.0**digits for digits in range(1, 8)}


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted of a column to see what is odd about it; those of blocks add up.

    Attributes
    ----------
    people : how many there are
    labels : people of each label (of 0 and 1, in a column of numbers), up to a handful
    only : whether these are all the values there are
    low, high : of a column of numbers
    coded : for the numbers of nines at either end, people who have it, and the ends of the others
    """

    people: int
    labels: Counter[Any]
    only: bool
    low: float = np.inf
    high: float = -np.inf
    coded: Mapping[float, tuple[int, float, float]] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        """Count the people of both, of whom none is in both."""
        coded = {}
        for code in dict.fromkeys([*self.coded, *other.coded]):
            mine = self.coded.get(code, (0, self.low, self.high))
            their = other.coded.get(code, (0, other.low, other.high))
            coded[code] = (mine[0] + their[0], min(mine[1], their[1]), max(mine[2], their[2]))
        return Tally(
            self.people + other.people, self.labels + other.labels, self.only and other.only,
            min(self.low, other.low), max(self.high, other.high), coded,
        )  # fmt: skip


def noticed(times: TimeToEvent, columns: Iterable[pd.Series]) -> TimeToEvent:
    """Let rows carry what is odd about columns that a model reads, none of them empty."""
    enough = enough_rows(times)
    said = [
        told for column in columns for told in odd(tally(times, column, enough), str(column.name))
    ]
    if not said:
        return times
    return replace(times, caveats=tuple(dict.fromkeys([*times.caveats, *said])))


def tally(times: TimeToEvent, column: pd.Series, enough: int) -> Tally:
    """Count what there is in a column, none of it empty; `enough` is as `enough_rows`."""
    everyone = times.n_people
    if column.dtype.kind not in "biuf":
        codes, labels = column.factorize()
        counts = people_in(times, codes, len(labels), enough=enough)
        return Tally(everyone, Counter(dict(zip(map(str, labels), counts, strict=True))), True)
    values = column.to_numpy(dtype=bool if column.dtype.kind == "b" else float)
    if not len(values):
        return Tally(everyone, Counter(), True)
    low, high = float(values.min()), float(values.max())
    coded = {}
    for code in sorted({low, high} & NINES):
        is_code = np.asarray(values == code)
        others = values[~is_code]
        coded[code] = (
            len(np.unique(times.person[is_code])),
            float(others.min(initial=np.inf)),
            float(others.max(initial=-np.inf)),
        )
    if low < 0 or high > 1:  # no flag
        return Tally(everyone, Counter(), False, low, high, coded)
    flags = (values == 0, values == 1)
    rows = [np.count_nonzero(flag) for flag in flags]
    there = Counter(
        {
            value: FEWEST_PEOPLE if n >= enough else len(np.unique(times.person[flags[value]]))
            for value, n in enumerate(rows)
            if n
        }
    )
    return Tally(everyone, there, sum(rows) == len(values), low, high, coded)


def odd(found: Tally, name: str) -> Iterator[str]:
    """Say what is odd about a column."""
    if found.low > found.high:
        yield from told_of_small(found.labels, name, found.people)
        return
    if found.only and found.low == 0 and found.high == 1:
        for value, people in sorted(found.labels.items()):
            if people < FEWEST_PEOPLE:
                yield _told_of_few(f"`{name}` is {value}", people, found.people)
    for code in {found.low, found.high} & NINES:
        people, low, high = found.coded[code]
        if low <= high and max(low - code, code - high) > high - low:
            yield _told_of_code(name, people, found.people)


def small_groups(
    times: TimeToEvent, group: Ints, labels: tuple[str, ...], by: str, rows: Ints | None = None
) -> list[str]:
    """Say which groups, codes (n,) of `labels`, are of a handful of people, if there are others.

    `rows` is how many rows each has, if that is known.
    """
    if len(labels) < 2:
        return []
    counts = people_in(times, group, len(labels), rows)
    if min(counts) >= FEWEST_PEOPLE:
        return []
    return told_of_small(dict(zip(labels, counts, strict=True)), by, times.n_people)


def told_of_small(people: Mapping[str, int], by: str, everyone: int) -> list[str]:
    """Say which labels are of a handful of `everyone`, if there are other labels."""
    if len(people) < 2:
        return []
    few = [(label, n) for label, n in people.items() if n < FEWEST_PEOPLE]
    if len(few) > 1:
        told = f"{len(few)} labels of `{by}` are each of fewer than {FEWEST_PEOPLE} people"
        return [f"{told}: what is said of them rests on very few."]
    return [_told_of_few(f"`{by}` is {label}", n, everyone) for label, n in few]


def people_in(
    times: TimeToEvent,
    group: Ints,
    n_groups: int,
    rows: Ints | None = None,
    enough: int | None = None,
) -> list[int]:
    """Count the people of each group, codes (n,), up to a handful; `rows` as in `small_groups`.

    `enough` is as `enough_rows`, where that is known.
    """
    rows = np.bincount(group, minlength=n_groups) if rows is None else rows
    enough = enough_rows(times) if enough is None else enough
    return [
        FEWEST_PEOPLE if n >= enough else len(np.unique(times.person[group == code]))
        for code, n in enumerate(rows)
    ]


def enough_rows(times: TimeToEvent) -> int:
    """How many rows are of a handful of people at the least."""
    if times.person_column is None:
        return FEWEST_PEOPLE
    return FEWEST_PEOPLE * int(np.bincount(times.person).max(initial=1))


def _told_of_few(what: str, people: int, everyone: int) -> Caveat:
    told = f"{what} for {{people}} of {{all}} people: what is said of it rests on them alone."
    return Caveat(told, people=people, all=everyone)


def _told_of_code(name: str, people: int, everyone: int) -> Caveat:
    """Say so where a number of nines lies further from the others than these from each other."""
    told = (
        f"`{name}` is one number of nines, far from all others, for {{people}} of {{all}} "
        "people: if it stands for unknown, empty those cells."
    )
    return Caveat(told, people=people, all=everyone)
