"""What looks odd in columns and groups, though no rule forbids it: said, never mended.

Two things are looked for: a flag, label or group of a handful of people, on whom whatever is said
of it rests; and a code such as 99 or 9999 for a value nobody knew, read as a number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

FEWEST_PEOPLE = 5
NINES = {10.0**digits - 1 for digits in range(2, 8)} | {1 - 10.0**digits for digits in range(1, 8)}


def noticed(times: TimeToEvent, columns: Iterable[str]) -> TimeToEvent:
    """Let rows carry what is odd about columns that a model reads, none of them empty."""
    said = [told for name in dict.fromkeys(columns) for told in _odd(times, name)]
    return replace(times, caveats=tuple(dict.fromkeys([*times.caveats, *said])))


def small_groups(times: TimeToEvent, group: Ints, labels: tuple[str, ...], by: str) -> list[str]:
    """Say which groups, codes (n,) of `labels`, are of a handful of people, if there are others."""
    if len(labels) < 2:
        return []
    few = [
        (label, people)
        for code, label in enumerate(labels)
        if (people := _people_if_few(times, group == code)) is not None
    ]
    if len(few) > 1:
        told = f"{len(few)} labels of `{by}` are each of fewer than {FEWEST_PEOPLE} people"
        return [f"{told}: what is said of them rests on very few."]
    return [_told_of_few(times, f"`{by}` is {label}", people) for label, people in few]


def _odd(times: TimeToEvent, name: str) -> Iterator[str]:
    column = times.columns[name]
    if column.dtype.kind not in "biuf":
        codes, labels = column.factorize()
        yield from small_groups(times, codes, tuple(map(str, labels)), name)
        return
    values = column.to_numpy(dtype=bool if column.dtype.kind == "b" else None)
    if not len(values):
        return
    low, high = values.min(), values.max()
    if low == 0 and high == 1:
        for value in (0, 1):
            people = _people_if_few(times, values == value)
            if people is not None and ((values == 0) | (values == 1)).all():
                yield _told_of_few(times, f"`{name}` is {value}", people)
    for code in {float(low), float(high)} & NINES:
        yield from _told_of_code(times, column, code)


def _people_if_few(times: TimeToEvent, rows: NDArray[np.bool_]) -> int | None:
    """How many people some rows are of, if they are a handful."""
    most = 1 if times.person_column is None else int(np.bincount(times.person).max())
    if np.count_nonzero(rows) >= FEWEST_PEOPLE * most:
        return None
    people = len(np.unique(times.person[rows]))
    return people if people < FEWEST_PEOPLE else None


def _told_of_few(times: TimeToEvent, what: str, people: int) -> Caveat:
    told = f"{what} for {{people}} of {{all}} people: what is said of it rests on them alone."
    return Caveat(told, people=people, all=int(times.person.max()) + 1)


def _told_of_code(times: TimeToEvent, column: pd.Series, code: float) -> list[str]:
    """Say so where a number of nines lies further from the others than these from each other."""
    values = column.to_numpy(dtype=float)
    coded = values == code
    others = values[~coded]
    if not others.size:
        return []
    low, high = float(others.min()), float(others.max())
    if max(low - code, code - high) <= high - low:
        return []
    told = (
        f"`{column.name}` is one number of nines, far from all others, for {{people}} of {{all}} "
        "people: if it stands for unknown, empty those cells."
    )
    people = len(np.unique(times.person[coded]))
    return [Caveat(told, people=people, all=int(times.person.max()) + 1)]
