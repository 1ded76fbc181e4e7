"""What a value must be before anything is done with it, where Python's own error would not say."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import pandas as pd

from desistance.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def numbers_of(values: pd.Series) -> Floats:
    """Read a column as numbers, NaN where it is empty; the error names it and shows no cell."""
    try:
        return values.to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError):
        raise ModelError(f"Column {values.name!r} holds text, or other than numbers.") from None


def flags_of(values: pd.Series) -> pd.Series:
    """Read text that says yes and no alone as 1 and 0; leave anything else as it is."""
    if values.dtype.kind in "biuf":
        return values
    said = values.astype("string").str.strip().str.casefold()
    return said.map({"yes": 1, "no": 0}) if said.dropna().isin(["yes", "no"]).all() else values


def refuse_no_frame(value: object, name: str) -> None:
    """Refuse what is no plain frame: a result has one, by `to_frame`."""
    if not isinstance(value, pd.DataFrame):
        raise ModelError(f"`{name}` is a frame, not a {type(value).__name__}.")


def is_number(value: object) -> TypeGuard[float]:
    """Tell a number from text, True and what is no number."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def is_whole(value: object, least: int = 1) -> bool:
    """Tell a whole number of at least `least`, 2 or 2.0."""
    return is_number(value) and float(value).is_integer() and value >= least
