"""Columns of numbers from what is known of people.

Covariates are turned into columns of numbers: numbers as they are, a yes/no as 1/0, text as one
column for each label but the first, in the order of their text; a category is labels, whatever it
holds, and an object column that holds numbers alone is numbers. What was not known is a state of
its own: it gets the mean and a column `<term> unknown`, with a label "unknown" if there is one, so
that nobody is left out and missing never reads as "no".
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.checks import numbers_of
from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

NUMBERS = Real | Decimal | np.bool_
UNKNOWN = "unknown"


def covariate_columns(known: pd.DataFrame, terms: Iterable[str]) -> pd.DataFrame:
    """Turn terms into columns of numbers, named by text; constant columns are dropped.

    Raises
    ------
    ModelError
        If a term is not a column, the message listing those there are; if it stands several times
        or is infinite somewhere; or if two terms make columns of one name.
    """
    columns: dict[str, Floats] = {}
    for term in dict.fromkeys(terms):
        made = _columns_of(term, one_column(known, term))
        twice = [name for name in made if name in columns]
        if twice:
            raise ModelError(
                f"Two terms make a column {twice[0]!r}, {term!r} one of them: rename a column."
            )
        columns |= made
    vary = {name: values for name, values in columns.items() if (values != values[:1]).any()}
    return pd.DataFrame(vary, index=known.index)


def varying_columns(known: pd.DataFrame, terms: Iterable[str]) -> pd.DataFrame:
    """Turn terms into columns as `covariate_columns` does, and refuse terms that tell nothing."""
    terms = list(terms)
    columns = covariate_columns(known, terms)
    if not columns.shape[1]:
        raise ModelError(
            f"No term differs between people: {', '.join(map(str, terms))} is the same for all, "
            "or empty."
        )
    return columns


def one_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Take a column that stands once in the frame."""
    found = list(frame.columns).count(name)
    if not found:
        raise ModelError(
            f"{name!r} is not known of people; there are {', '.join(map(str, frame))}."
        )
    if found > 1:
        raise ModelError(f"Column {name!r} stands {found} times in the frame; keep one.")
    return frame[name]


def _columns_of(term: str, values: pd.Series) -> dict[str, Floats]:
    """Turn one term into columns: itself, or one a label, and whether it was not known."""
    columns: dict[str, Floats] = {}
    missing: Bools = values.isna().to_numpy()
    if values.dtype.kind in "biuf" or (
        values.dtype == object and all(isinstance(one, NUMBERS) for one in values[~missing])
    ):
        numbers = numbers_of(values)
        infinite = int(np.isinf(numbers).sum())
        if infinite:
            raise ModelError(f"Column {term!r} is infinite in {infinite} of {len(numbers)} rows.")
        if missing.any():
            filler = np.nanmean(numbers) if not missing.all() else 0.0
            numbers = np.where(missing, filler, numbers)
        columns[str(term)] = numbers
    else:
        codes, found = pd.factorize(values.astype(str), use_na_sentinel=False)
        texts = found.to_numpy(object)[codes]
        missing |= texts == UNKNOWN
        labels = sorted({*texts[~missing].tolist()})
        for label in labels[1:]:
            columns[f"{term} {label}"] = ((texts == label) & ~missing).astype(float)
    if missing.any():
        columns[f"{term} {UNKNOWN}"] = missing.astype(float)
    return columns


def in_standard_units(x: Floats) -> tuple[Floats, Floats]:
    """Centre columns (n, p) and divide them by their standard deviations, (p,), given too."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0), spread
