"""coxstream: one sorted pass a Newton step; right-censored rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from coxstream import CoxStream

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "coxstream"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix, and times as floats."""
    x = np.column_stack([columns[name] for name in terms(columns)])
    return {
        "stop": columns["stop"].astype(float),
        "event": columns["event"].astype(np.int32),
        "x": x,
    }


def cox(held: Columns) -> Fit:
    """Efron ties, model variance."""

    def fit() -> Answer:
        found = CoxStream().fit(held["stop"], held["event"], held["x"])
        return {"coef": list(found.coef_), "se": list(found.standard_errors_)}

    return fit
