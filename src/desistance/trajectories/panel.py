"""A long table of people and periods, checked once: what the trajectories are fitted to.

A row is a person's period: how many offences, and for how long they could be committed. Rows with
nothing to say are left out and counted: those without a count, and those without any exposure
(a period wholly in custody). A period left out is not a period without offences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_PERIODS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Rows sorted by person and time, n people.

    Attributes
    ----------
    person_ids : shape (n,), sorted
    first : shape (n,)
        The first row of each person.
    time, count, exposure : shape (rows,)
    weight : shape (n,)
        With mean 1; all 1 without weights.
    members, member_names : shape (n, r) and r names
        Covariates of membership, an intercept first.
    n_empty, n_unexposed, n_uncovered
        Rows left out without a count and without exposure; people left out without a covariate.
    n_lost
        People who have no row left.
    """

    person_ids: pd.Index
    first: Ints
    time: Floats
    count: Floats
    exposure: Floats
    weight: Floats
    members: Floats
    member_names: tuple[str, ...]
    n_empty: int
    n_unexposed: int
    n_uncovered: int
    n_lost: int

    @property
    def lengths(self) -> Ints:
        """Rows of each person, shape (n,)."""
        return np.diff([*self.first, len(self.count)])


def read_panel(
    frame: pd.DataFrame,
    *,
    person: str,
    time: str,
    count: str,
    exposure: str | None,
    membership: Sequence[str],
    weight: str | None,
) -> Panel:
    """Check a long table and lay it out by person.

    Raises
    ------
    ModelError
        For columns that are not there or not numbers, counts that are not whole, offences in a
        period without exposure, periods told twice, or what changes within a person.
    """
    wanted = [person, time, count, *membership]
    wanted += [name for name in (exposure, weight) if name is not None]
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise ModelError(
            f"Not a column: {', '.join(map(repr, absent))}. The columns are "
            f"{', '.join(map(repr, frame.columns))}."
        )
    if frame[person].isna().any():
        raise ModelError(f"{frame[person].isna().sum()} of {len(frame)} rows name no person.")
    frame = frame[list(dict.fromkeys(wanted))]
    n_people = frame[person].nunique()
    covered = frame[[*membership]].notna().all(axis=1).groupby(frame[person]).transform("all")
    n_uncovered = frame.loc[~covered, person].nunique()
    frame = frame[covered].sort_values([person, time], kind="stable")
    moment = _numbers(frame, time)
    free = np.ones(len(frame)) if exposure is None else _numbers(frame, exposure)
    counts = _numbers(frame, count, may_be_empty=True)
    _refuse(frame.duplicated([person, time]), "rows tell a person's period again", "keep one each")
    _refuse(free < 0, f"rows have an {exposure!r} below 0", "mend them")
    _refuse((counts < 0) | (counts % 1 > 0), f"rows have a {count!r} that is not whole", "mend")
    _refuse(
        (free == 0) & (counts > 0), "rows have offences and no exposure",
        "leave out offences in custody, or give the period the days at liberty it had",
    )  # fmt: skip
    empty, unexposed = np.isnan(counts), (free == 0) & ~np.isnan(counts)
    kept = ~(empty | unexposed)
    frame, moment, counts, free = frame[kept], moment[kept], counts[kept], free[kept]
    if len(np.unique(moment)) < FEWEST_PERIODS:
        raise ModelError(
            f"A trajectory needs {FEWEST_PERIODS} periods or more; {len(np.unique(moment))} have "
            "a count and exposure."
        )
    codes, ids = pd.factorize(frame[person], sort=True)
    first = np.unique(codes, return_index=True)[1].astype(np.int64)
    members, names = _members(frame, codes, first, membership)
    return Panel(
        pd.Index(ids), first, moment, counts, free, _weights(frame, codes, first, weight), members,
        names, int(empty.sum()), int(unexposed.sum()), int(n_uncovered),
        int(n_people - n_uncovered - len(ids)),
    )  # fmt: skip


def _numbers(frame: pd.DataFrame, name: str, *, may_be_empty: bool = False) -> Floats:
    """Read a column as numbers, shape (rows,)."""
    if not (pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name])):
        raise ModelError(f"Column {name!r} is not of numbers.")
    values = frame[name].to_numpy(float, na_value=np.nan)
    if not may_be_empty:
        _refuse(np.isnan(values), f"rows have no {name!r}", "leave them out or fill them in")
    _refuse(np.isinf(values), f"rows have an infinite {name!r}", "mend them")
    return values


def _refuse(wrong: NDArray[np.bool_] | pd.Series, what: str, do: str) -> None:
    if np.any(wrong):
        raise ModelError(f"{np.sum(wrong)} of {len(wrong)} {what}: {do}.")


def _weights(frame: pd.DataFrame, codes: Ints, first: Ints, name: str | None) -> Floats:
    if name is None:
        return np.ones(len(first))
    values = _numbers(frame, name)
    _refuse(values <= 0, f"rows have a {name!r} of 0 or less", "leave those people out")
    _refuse(values != values[first][codes], f"rows change {name!r} within a person", "give one")
    return values[first] / values[first].mean()


def _members(
    frame: pd.DataFrame, codes: Ints, first: Ints, names: Sequence[str]
) -> tuple[Floats, tuple[str, ...]]:
    """Lay out covariates by person: numbers as they are, texts as indicators but the first."""
    columns, told = [np.ones(len(first))], ["intercept"]
    for name in names:
        labels = pd.factorize(frame[name])[0]
        _refuse(labels != labels[first][codes], f"rows change {name!r} within a person",
                "a group is of a person's whole time; use the value at its start")  # fmt: skip
        mine = frame[name].iloc[first]
        if pd.api.types.is_numeric_dtype(mine) or pd.api.types.is_bool_dtype(mine):
            columns.append(mine.to_numpy(float))
            told.append(name)
            continue
        for level in sorted(mine.astype(str).unique())[1:]:
            columns.append((mine.astype(str) == level).to_numpy(float))
            told.append(f"{name}: {level}")
    return np.column_stack(columns), tuple(told)
