"""From column names to covariates: what a term means, and which rows it leaves out.

    numbers, bool     one covariate, as it stands
    text, category    one covariate of 0 and 1 for each label after the first, named
                      ``tier[FLEX]``; the first label is what the others are set against

Labels go in the order of their category, else of the alphabet; labels nobody has are not used.
A row with an empty value is left out and counted, an infinite value is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.timetoevent import where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]


FEW_PEOPLE = 20  # among so few, a column of text may differ by person and still be no id


@dataclass(frozen=True, slots=True)
class Term:
    """A column that covariates are made from; `levels` are the labels of a column of text."""

    column: str
    levels: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the covariates are called."""
        if len(self.levels) < 2:
            return (self.column,)
        return tuple(f"{self.column}[{level}]" for level in self.levels[1:])

    def values(self, column: pd.Series) -> list[NDArray[Any]]:
        """Make the covariates, each of shape (n,), from a column without empty values."""
        if not self.levels:
            is_bool = isinstance(column.dtype, np.dtypes.BoolDType)
            return [column.to_numpy(dtype=bool if is_bool else float)]
        codes = _as_labels(column).cat.codes.to_numpy()
        return [codes == code for code in range(1, max(2, len(self.levels)))]

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Make the covariates of one named profile."""
        if self.column not in profile:
            raise ModelError(f"The profile says nothing of {self.column!r}.")
        value = profile[self.column]
        if not self.levels:
            if not isinstance(value, int | float | np.number | np.bool_):
                raise ModelError(f"The profile's {self.column!r} is not a number.")
            return [float(value)]
        if str(value) not in self.levels:
            raise ModelError(
                f"The profile's {self.column!r} is none of the labels fitted: "
                f"{', '.join(self.levels)}."
            )
        return [float(str(value) == level) for level in self.levels[1:] or ("",)]


def read_terms(times: TimeToEvent, names: Sequence[str]) -> tuple[TimeToEvent, tuple[Term, ...]]:
    """Find the terms, leaving out and counting rows where one is empty.

    Raises
    ------
    ModelError
        If the terms are not a list of distinct columns that can be covariates.
    """
    if isinstance(names, str):
        raise ModelError(f"`terms` is a list of columns: write [{names!r}].")
    if not names:
        raise ModelError("`terms` is empty; name at least one column.")
    if len(set(names)) < len(names):
        raise ModelError("`terms` names a column twice.")
    for name in names:
        _refuse_ids(times, name)
        times = without_empty(times, name)
    return times, tuple(_term(times.columns[name], name) for name in names)


def one_column(times: TimeToEvent, name: str) -> pd.Series:
    """Take a column that stands once in the frame."""
    found = list(times.columns.columns).count(name)
    if found == 0:
        there = ", ".join(map(repr, times.columns.columns))
        raise ModelError(f"{name!r} is not a column; there are {there}.")
    if found > 1:
        raise ModelError(f"Column {name!r} stands {found} times in the frame; keep one.")
    return times.columns[name]


def without_empty(times: TimeToEvent, name: str) -> TimeToEvent:
    """Leave out and count the rows where a column is empty."""
    empty = one_column(times, name).isna().to_numpy()
    return times.only(~empty, f"`{name}` is empty") if empty.any() else times


def told_of_left_out(came: TimeToEvent, kept: TimeToEvent) -> list[str]:
    """Say how many rows were left out, for which reason, between `came` and `kept`."""
    new = {why: n - came.left_out.get(why, 0) for why, n in kept.left_out.items()}
    return [Caveat(f"Rows left out ({why}): {{rows}}.", rows=n) for why, n in new.items() if n]


def labelled(
    times: TimeToEvent, names: str | Sequence[str]
) -> tuple[TimeToEvent, Ints, tuple[str, ...]]:
    """Group rows by one column or several; rows with an empty label are left out and counted.

    Returns the rows kept, their codes 0, 1, ... and the labels, in the order of the first
    column's labels, then the second's.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        times = without_empty(times, name)
    codes, labels = np.zeros(times.n, np.int64), [""]
    for name in names:
        column = _as_labels(times.columns[name])
        known = [str(label) for label in column.cat.categories]
        codes = codes * len(known) + column.cat.codes.to_numpy()
        labels = [f"{left}, {right}" if left else right for left in labels for right in known]
    used, codes = np.unique(codes, return_inverse=True)
    return times, codes.astype(np.int64), tuple(labels[i] for i in used)


def _as_labels(column: pd.Series) -> pd.Series:
    return column.astype("category").cat.remove_unused_categories()


def _refuse_ids(times: TimeToEvent, name: str) -> None:
    column = one_column(times, name)
    if name in (times.person_column, "person_id"):
        raise ModelError(f"Column {name!r} says who a person is; it is not a term.")
    if column.dtype.kind in "biuf" or isinstance(column.dtype, pd.CategoricalDtype):
        return
    labels, _ = pd.factorize(column)
    known = labels >= 0
    people, n_labels = len(np.unique(times.person[known])), labels.max(initial=-1) + 1
    if people > FEW_PEOPLE and people == n_labels == _pairs(labels, times.person, known):
        raise ModelError(
            f"Column {name!r} has a label of its own for every person: an id is not a term."
        )


def _pairs(labels: Ints, person: Ints, known: NDArray[np.bool_]) -> int:
    return len(np.unique(labels[known] * (int(person.max(initial=0)) + 1) + person[known]))


def _term(column: pd.Series, name: str) -> Term:
    """Say how a column without empty values becomes covariates."""
    if column.dtype.kind == "f":
        infinite = np.isinf(column.to_numpy(dtype=float))
        if infinite.any():
            raise ModelError(f"Column {name!r} is infinite in {where(infinite)}.")
    if column.dtype.kind in "biuf":
        return Term(name)
    labels = _as_labels(column).cat.categories
    if not isinstance(column.dtype, pd.CategoricalDtype):
        _refuse_unlikely_labels(column, labels, name)
    return Term(name, tuple(str(label) for label in labels) or ("",))


def _refuse_unlikely_labels(column: pd.Series, labels: pd.Index, name: str) -> None:
    found = pd.api.types.infer_dtype(labels)
    if found not in ("string", "boolean", "empty"):
        raise ModelError(
            f"Column {name!r} holds {column.dtype} ({found}), neither numbers nor text; a term "
            "is a number, a bool, text or a category."
        )
    if found == "string" and pd.to_numeric(labels.to_series(), errors="coerce").notna().all():
        raise ModelError(
            f"Column {name!r} holds numbers written as text: turn it into numbers with "
            "`pd.to_numeric`, or into a category if they are codes."
        )
