"""statsmodels: arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from statsmodels.duration.hazard_regression import PHReg

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "statsmodels"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix."""
    return {**columns, "x": np.column_stack([columns[name] for name in terms(columns)])}


def cox(held: Columns) -> Fit:
    """Efron ties, model variance, right-censored."""
    model = PHReg(held["stop"], held["x"], held["event"], ties="efron")

    def fit() -> Answer:
        found = model.fit()
        return {"coef": list(found.params), "se": list(found.bse), "loglik": [found.llf]}

    return fit
