"""Labels of rows that are in blocks: the same, in the same order, as of the rows in one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.survival.terms.columns import labelled
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Sequence


def labels_across(seen: Sequence[pd.DataFrame]) -> tuple[str, ...]:
    """The labels that columns make together, from the different rows each block has of them."""
    names = list(seen[0].columns)
    frame = pd.DataFrame({name: joined([some[name] for some in seen]) for name in names})
    return labelled(bare_rows(frame.drop_duplicates(ignore_index=True)), names)[2]


def joined(columns: Sequence[pd.Series]) -> pd.Series:
    """One column of several; categories keep their order."""
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return pd.Series(pd.api.types.union_categoricals([*columns], ignore_order=True))
    return pd.concat(columns, ignore_index=True)


def bare_rows(frame: pd.DataFrame) -> TimeToEvent:
    """Hold columns as rows whose times do not matter."""
    zeros = np.zeros(len(frame), np.int64)
    return TimeToEvent(
        zeros, zeros + 1, zeros > 0, np.arange(len(frame)), None, None, None, (), (), frame,
        "days", len(frame), {},
    )  # fmt: skip
