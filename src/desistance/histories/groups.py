"""Groups of people that measures are told for: everyone first, then the labels of a column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from desistance.errors import DataError

EVERYONE = "everyone"


def groups_of(column: pd.Series | None, n: int) -> dict[str, np.ndarray]:
    """Say who is in each group, shape (n,); a person without a label is in ``unknown``."""
    masks = {EVERYONE: np.ones(n, bool)}
    if column is not None:
        labels = column.astype("string").fillna("unknown")
        masks |= {label: (labels == label).to_numpy(bool) for label in _in_order(column, labels)}
    return masks


def column_of(by: str | pd.Series | None, people: pd.DataFrame) -> pd.Series | None:
    """Find the column that forms the groups: one of `people`, or one on its index."""
    if by is None:
        return None
    if isinstance(by, pd.Series):
        if not by.index.equals(people.index):
            raise DataError("`by` does not stand on the index of the people: give one label each.")
        return by
    if by not in people:
        raise DataError(f"{by!r} is not a column; there are {', '.join(map(str, people.columns))}.")
    return people[by]


def _in_order(column: pd.Series, labels: pd.Series) -> list[str]:
    """List the labels there are: in the order of a category, else of the alphabet."""
    found = sorted(map(str, labels.unique()))
    if isinstance(column.dtype, pd.CategoricalDtype):
        ranks = {str(label): rank for rank, label in enumerate(column.cat.categories)}
        found.sort(key=lambda label: ranks.get(label, len(ranks)))
    return found
