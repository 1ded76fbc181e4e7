"""Columns of numbers from what is known of people.

Covariates are turned into columns of numbers: numbers as they are, a yes/no as 1/0, text as one
column for each label but the first. What was not known is a state of its own: it gets the mean
and a column `<term> unknown`, so that nobody is left out and missing never reads as "no".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def covariate_columns(known: pd.DataFrame, terms: Iterable[str]) -> pd.DataFrame:
    """Turn terms into columns of numbers; constant columns are dropped.

    Raises
    ------
    ModelError
        If a term is not a column; the message lists the columns there are.
    """
    columns: dict[str, np.ndarray] = {}
    for term in terms:
        if term not in known:
            raise ModelError(
                f"{term!r} is not known of people; there are {', '.join(map(str, known))}."
            )
        values = known[term]
        if values.dtype.kind in "biuf":
            numbers = values.to_numpy(float, na_value=np.nan)
            missing = np.isnan(numbers)
            if missing.any():
                filler = np.nanmean(numbers) if not missing.all() else 0.0
                numbers = np.where(missing, filler, numbers)
            columns[term] = numbers
        else:
            missing = values.isna().to_numpy()
            labels = sorted(values.dropna().astype(str).unique())
            for label in labels[1:]:
                columns[f"{term} {label}"] = values.eq(label).fillna(False).to_numpy(float)
        if missing.any():
            columns[f"{term} unknown"] = missing.astype(float)
    vary = {name: values for name, values in columns.items() if (values != values[:1]).any()}
    return pd.DataFrame(vary, index=known.index)


def in_standard_units(x: Floats) -> tuple[Floats, Floats]:
    """Centre columns (n, p) and divide them by their standard deviations, (p,), given too."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0), spread
