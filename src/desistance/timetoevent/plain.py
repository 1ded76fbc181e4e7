"""Columns of Arrow's or of pandas' nullable floats, held so that not-a-number is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_extension_array_dtype

if TYPE_CHECKING:
    from typing import Any


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the frame with such columns as numpy's floats, pandas' bools and whole numbers, or text.

    Arrow and pandas tell a null from not-a-number (an empty float read from many files) and say of
    the latter that it is not empty; here both are.

    Examples
    --------
    >>> plain(pd.DataFrame({"x": pd.array([0.0, 1.0], "Float64") / 0.0})).x.isna().tolist()
    [True, False]
    """
    odd = [_is_odd(dtype) for dtype in frame.dtypes]
    if not any(odd):
        return frame
    columns = (frame.iloc[:, place] for place in range(len(odd)))
    own = [_own(column) if change else column for column, change in zip(columns, odd, strict=True)]
    return pd.concat(own, axis=1)


def _is_odd(dtype: Any) -> bool:
    arrow = isinstance(dtype, pd.ArrowDtype) and dtype.kind not in "mM"
    return arrow or (is_extension_array_dtype(dtype) and dtype.kind == "f")


def _own(column: pd.Series) -> pd.Series:
    if column.dtype.kind == "f":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(values, column.index, name=column.name)
    kinds: dict[str, Any] = {"b": "boolean", "i": "Int64", "u": "UInt64"}
    return column.astype(kinds.get(column.dtype.kind, object))
