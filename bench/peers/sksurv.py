"""scikit-survival: a structured array of times and a matrix of terms; no errors of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sksurv.util import Surv

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "scikit-survival"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix, and times as floats."""
    x = np.column_stack([columns[name] for name in terms(columns)])
    return {**columns, "stop": columns["stop"].astype(float), "x": x}


def cox(held: Columns) -> Fit:
    """Efron ties."""
    response = Surv.from_arrays(held["event"], held["stop"])
    return lambda: {
        "coef": list(CoxPHSurvivalAnalysis(ties="efron").fit(held["x"], response).coef_)
    }


def incidence(held: Columns) -> Fit:
    """Aalen-Johansen of two causes, with limits from Aalen's variance."""

    def fit() -> Answer:
        days, share, _ = cumulative_incidence_competing_risks(
            held["cause"], held["stop"], conf_type="log-log"
        )
        return {"estimate": list(share[1:, np.isin(days, held["stop"][held["event"]])].ravel())}

    return fit
