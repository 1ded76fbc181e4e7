"""Columns by name: found, read, grouped by, and the rows they leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.timetoevent import where

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

FEW_CODES = 64_000  # that a table may hold beside a few for every row
FEW_PEOPLE = 20  # among so few, a column of text may differ by person and still be no id


def one_column(times: TimeToEvent, name: str) -> pd.Series:
    """Take a column that stands once in the frame."""
    columns = times.columns.columns
    if name not in columns:
        raise ModelError(f"{name!r} is not a column; there are {', '.join(map(repr, columns))}.")
    if not columns.is_unique and (found := list(columns).count(name)) > 1:
        raise ModelError(f"Column {name!r} stands {found} times in the frame; keep one.")
    return times.columns[name]


def without_empty(times: TimeToEvent, name: str) -> TimeToEvent:
    """Leave out and count the rows where a column is empty."""
    return left_out(times, one_column(times, name))


def left_out(times: TimeToEvent, column: pd.Series) -> TimeToEvent:
    """Leave out and count the rows where `column`, one of theirs, is empty."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biu":
        return times  # such a column has no empty cells
    if isinstance(column.dtype, np.dtypes.Float64DType):
        empty = np.isnan(column.to_numpy())  # as `isna`, and faster
    else:
        empty = column.isna().to_numpy()
    return times.only(~empty, f"`{column.name}` is empty") if empty.any() else times


def told_of_left_out(came: TimeToEvent, kept: TimeToEvent, what: str = "Rows") -> list[str]:
    """Say what is odd, and how many rows were left out, and why, between `came` and `kept`.

    `what` they are: a row may stand for a person.
    """
    new = {why: n - came.left_out.get(why, 0) for why, n in kept.left_out.items()}
    left = [Caveat(f"{what} left out ({why}): {{rows}}.", rows=n) for why, n in new.items() if n]
    return [*kept.caveats, *left]


def labelled(
    times: TimeToEvent, names: str | Sequence[str]
) -> tuple[TimeToEvent, Ints, tuple[str, ...]]:
    """Group rows by one column or several; rows with an empty label are left out and counted.

    Returns the rows kept, their codes 0, 1, ... and the labels, in the order of the first
    column's labels, then the second's.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        refuse_outcomes(times, name)
        times = without_empty(times, name)
    codes, labels = _codes_and_labels(times.columns[names[0]])
    for name in names[1:]:
        own, known = _codes_and_labels(times.columns[name])
        used, codes = _used(codes * len(known) + own, len(labels) * len(known))
        labels = [f"{labels[pair // len(known)]}, {known[pair % len(known)]}" for pair in used]
    if len(set(labels)) < len(labels):
        told = " and ".join(map(repr, names))
        raise ModelError(f"Labels of {told} read the same, 1 and '1' say: give each its own.")
    return times, codes, tuple(labels)


def _codes_and_labels(column: pd.Series) -> tuple[Ints, list[str]]:
    """Give each row the code of its label, in the order of the labels that are used."""
    known: pd.Index[Any]
    low, high = _range(column)
    if low <= high < low + len(column):  # a table of whole numbers is faster than a category
        known = pd.RangeIndex(low, high + 1)
        codes: Ints = column.to_numpy(np.int64)
        if low:
            codes = np.asarray(codes - low, np.int64)
        if len(known) <= 2:  # both ends are there
            return codes, [str(label) for label in known]
    else:
        category = column.astype("category").cat
        known, codes = category.categories, np.asarray(category.codes, np.int64)
    used, codes = _used(codes, len(known))
    return codes, [str(label) for label in known[used]]


def _range(column: pd.Series) -> tuple[int, int]:
    """The lowest and highest number of a column of whole ones; (0, -1) of any other."""
    whole = isinstance(column.dtype, np.dtype) and column.dtype.kind == "i" and len(column)
    return (int(column.to_numpy().min()), int(column.to_numpy().max())) if whole else (0, -1)


def _used(codes: Ints, n_codes: int) -> tuple[Ints, Ints]:
    """Give the codes that are used, in order, and each row the place of its own among them."""
    if n_codes > 4 * len(codes) + FEW_CODES:
        used, place = np.unique(codes, return_inverse=True)
        return used, place.astype(np.int64)
    there = np.bincount(codes, minlength=n_codes) > 0
    used = np.flatnonzero(there)
    return used, codes if there.all() else (np.cumsum(there) - 1)[codes]


def whole(column: pd.Series, name: str) -> pd.Series:
    """Read codes kept as floats as the whole numbers they are."""
    if column.dtype.kind != "f":
        return column
    values = column.to_numpy(dtype=float)
    if not (values == np.round(values)).all() or not (np.abs(values) < 2**53).all():
        raise ModelError(f"Column {name!r} holds fractions: a category is text or whole numbers.")
    return pd.Series(values.astype(np.int64))


def numbers(column: pd.Series, name: str) -> NDArray[Any]:
    """Read a column of finite numbers, shape (n,): bool where it is, else floats."""
    if column.dtype.kind not in "biuf":
        raise ModelError(f"Column {name!r} holds {column.dtype}, not numbers.")
    if isinstance(column.dtype, np.dtypes.BoolDType):
        return column.to_numpy()
    values: NDArray[Any] = column.to_numpy(dtype=float)
    if column.dtype.kind == "f" and np.isinf(values).any():
        raise ModelError(f"Column {name!r} is infinite in {where(np.isinf(values))}.")
    return values


def refuse_outcomes(times: TimeToEvent, name: str) -> None:
    """Refuse a column that `stop`, events or causes were read from."""
    if name in times.outcome_columns:
        raise ModelError(f"Column {name!r} says what happened: it is no term and no group.")


def refuse_ids(times: TimeToEvent, column: pd.Series, *, codes: bool = False) -> None:
    """Refuse a column that says who a person is; of `codes`, one of numbers too."""
    name = column.name
    if name in (times.person_column, "person_id"):
        raise ModelError(f"Column {name!r} says who a person is; it is not a term.")
    few = column.dtype.kind in "biuf" or isinstance(column.dtype, pd.CategoricalDtype)
    if few and not codes:
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


def labels_of(column: pd.Series, name: str, *, codes: bool = False) -> tuple[str, ...]:
    """Find the labels of a column of text, bools or a category; of `codes`, whole numbers too."""
    labels = column.astype("category").cat.remove_unused_categories().cat.categories
    if not isinstance(column.dtype, pd.CategoricalDtype):
        found = pd.api.types.infer_dtype(labels)
        if found not in ("string", "boolean", "empty", *(["integer"] if codes else [])):
            raise ModelError(
                f"Column {name!r} holds {column.dtype} ({found}), neither numbers nor text; a "
                "term is a number, a bool, text or a category."
            )
        numbers_as_text = pd.to_numeric(labels.to_series(), errors="coerce").notna().all()
        if found == "string" and numbers_as_text and not codes:
            raise ModelError(
                f"Column {name!r} holds numbers written as text: turn it into numbers with "
                f"`pd.to_numeric`, or enter it as Category({name!r}) if they are codes."
            )
    return tuple(map(str, labels))
