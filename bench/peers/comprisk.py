"""comprisk: arrays; competing risks only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from comprisk import CumulativeIncidence, FineGrayRegression

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "comprisk"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix, and times as floats."""
    x = np.column_stack([columns[name] for name in terms(columns)])
    return {"stop": columns["stop"].astype(float), "cause": columns["cause"], "x": x}


def incidence(held: Columns) -> Fit:
    """Aalen-Johansen of two causes, with its variance (Pepe's)."""

    def fit() -> Answer:
        found = CumulativeIncidence().fit(held["stop"], held["cause"])
        days = np.union1d(*(curve.times for curve in found.curves_.values()))
        return {"estimate": list(found.timepoints(days)[0].ravel())}

    return fit


def fine_gray(held: Columns) -> Fit:
    """Fine-Gray of cause 1, with robust standard errors."""

    def fit() -> Answer:
        found = FineGrayRegression(cause=1, robust_se=True, gtol=1e-10).fit(
            held["x"], time=held["stop"], event=held["cause"]
        )
        return {"coef": list(found.coef_), "se": list(found.se_)}

    return fit
