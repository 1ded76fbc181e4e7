"""A row a person, from rows at risk: what is to be filled in, and what predicts it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.balance.covariates import covariate_columns
from desistance.errors import ModelError
from desistance.survival import nelson_aalen
from desistance.timetoevent import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """What n people are like.

    Attributes
    ----------
    frame : DataFrame of float, shape (n, p)
        In the order of person codes: first the q columns to be filled in, then the predictors.
    incomplete : the names of the q columns
    yes_no : those of them that are yes or no
    last : int64 array, shape (n,)
        The last row of each person.
    """

    frame: pd.DataFrame
    incomplete: tuple[str, ...]
    yes_no: frozenset[str]
    last: Ints


def read_people(times: TimeToEvent, terms: Sequence[str], modified: Sequence[str]) -> People:
    """Read people from their rows.

    Raises
    ------
    ModelError
        If a term is not a column; if one with missing values changes within a person, or nobody
        has a value.
    """
    order = np.arange(times.n)[in_order(times.person, times.start)]  # whatever order rows came in
    times = _reordered(times, order)
    columns, person = times.columns, times.person
    absent = [name for name in (*terms, *modified) if name not in columns]
    if absent:
        raise ModelError(
            f"{', '.join(map(repr, absent))} cannot be read; there are "
            f"{', '.join(map(repr, columns))}."
        )
    last = np.append(np.flatnonzero(np.diff(person)), len(person) - 1)
    names = list(dict.fromkeys(terms))
    table = columns[names]
    numbers = [name for name in names if table[name].dtype.kind in "biuf"]
    incomplete = tuple(name for name in numbers if table[name].isna().any())
    changes = {
        name: int((table[name].groupby(person).nunique(dropna=False) > 1).sum()) for name in names
    }
    for name in incomplete:
        if changes[name]:
            raise ModelError(
                f"{name!r} has missing values and changes within {changes[name]} people: what is "
                "filled in is filled in once a person."
            )
        if table[name].isna().all():
            raise ModelError(f"Nobody has a value of {name!r}: nothing says what it may be.")
    found = {name: table[name].iloc[last].to_numpy(float, na_value=np.nan) for name in incomplete}
    yes_no = frozenset(
        name for name in incomplete if np.isin(found[name][~np.isnan(found[name])], (0, 1)).all()
    )
    whole = [name for name in names if name not in found]
    known = covariate_columns(columns, whole)
    events = np.bincount(person, times.event)
    step = _hazard_gathered(times)
    predictors = {str(name): known[name].to_numpy(float)[last] for name in known}
    predictors |= {"events": events, "hazard": np.bincount(person, step)}
    both = dict.fromkeys([*modified, *(name for name in whole if changes[name])])
    together = covariate_columns(columns, both)
    for name in map(str, together):
        x = together[name].to_numpy(float)
        predictors[f"{name} x events"] = x[last] * events
        predictors[f"{name} x hazard"] = np.bincount(person, x * step)
    return People(pd.DataFrame(found | predictors), incomplete, yes_no, order[last])


def _reordered(times: TimeToEvent, order: Ints) -> TimeToEvent:
    def put(values: Any) -> Any:
        return None if values is None else values[order]

    return replace(
        times, start=put(times.start), stop=put(times.stop), event=put(times.event),
        person=put(times.person), strata=put(times.strata), weight=put(times.weight),
        cause=put(times.cause), columns=times.columns.iloc[order].reset_index(drop=True),
    )  # fmt: skip


def _hazard_gathered(times: TimeToEvent) -> Floats:
    """Cumulative hazard from the start of each row to its end, shape (n,)."""
    curve = nelson_aalen(times).to_frame()
    hazard = np.concatenate([[0.0], curve["estimate"].to_numpy()])
    day = curve["day"].to_numpy()
    gathered: Floats = (
        hazard[np.searchsorted(day, times.stop, "right")]
        - hazard[np.searchsorted(day, times.start, "right")]
    )
    return gathered
