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
        given = np.asarray(days)
        asked = np.atleast_1d(given.astype(float))
    except (TypeError, ValueError):
        given = asked = np.array([np.nan])
    known = (asked >= 0) & (asked < 2**53) & (asked % 1 == 0)
    if asked.ndim > 1 or given.dtype.kind not in "iufO" or not known.all():
        raise ModelError("`days` is one whole number from 0 on, or a list of them, as [180, 365].")
    return asked.astype(np.int64)
