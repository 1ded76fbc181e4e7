"""The days at which a user asks what a curve says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Days = int | Sequence[int]


def days_asked(days: Days) -> NDArray[np.int64]:
    """Read one day, or several, shape (m,).

    Raises
    ------
    ModelError
        If one is no whole number from 0 on.

    Examples
    --------
    >>> days_asked(365), days_asked([180, 365.0])
    (array([365]), array([180, 365]))
    """
    try:
        asked = np.atleast_1d(np.asarray(days, dtype=float))
    except (TypeError, ValueError):
        asked = np.array([np.nan])
    if asked.ndim > 1 or not (np.isfinite(asked) & (asked >= 0) & (asked % 1 == 0)).all():
        raise ModelError("`days` is one whole number from 0 on, or a list of them, as [180, 365].")
    return asked.astype(np.int64)
