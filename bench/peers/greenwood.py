"""greenwood: a response object and a matrix of terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import greenwood as gw
import numpy as np

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "greenwood"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix, and times as floats."""
    x = np.column_stack([columns[name] for name in terms(columns)])
    return {**{name: columns[name].astype(float) for name in columns}, "x": x}


def cox(held: Columns) -> Fit:
    """Efron ties, model variance, with entries if there are any."""
    response = _response(held)

    def fit() -> Answer:
        found = gw.CoxPH().fit(response, held["x"])
        return {
            "coef": list(found.coef_),
            "se": list(found.std_error_),
            "loglik": [found.loglik_],
        }

    return fit


def cure_cox(held: Columns) -> Fit:
    """Cox split population by EM, every term in both parts; as many steps as it asks for."""
    response = _response(held)

    def fit() -> Answer:
        found = gw.MixtureCure(emmax=500).fit(response, held["x"], held["x"], nboot=0)
        return {"coef": [*found.cure_coef_, *found.latency_coef_]}

    return fit


def _response(held: Columns) -> gw.Surv:
    if "start" in held:
        return gw.Surv(held["start"], held["stop"], held["event"])
    return gw.Surv(held["stop"], event=held["event"])
