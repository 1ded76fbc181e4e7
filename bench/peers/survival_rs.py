"""survival (Rust): arrays; named survival_rs here, since R's package has that name too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import survival
from survival import regression, surv_analysis, validation

from bench.data import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "survival"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix, and times as floats."""
    names = terms(columns)
    held = {name: columns[name].astype(float) for name in columns if name not in names}
    held |= {
        name: held[name].astype(int) for name in ("person", "strata", "cohort") if name in held
    }
    held["event"] = held["event"].astype(np.int32)
    if names:
        held["x"] = np.column_stack([columns[name] for name in names])
    return held


def cox(held: Columns) -> Fit:
    """Efron ties, model variance, with whatever columns there are."""
    return _cox(held, None)


def cox_clustered(held: Columns) -> Fit:
    """As `cox`, with variance by person."""
    return _cox(held, held["person"])


def _cox(held: Columns, cluster: np.ndarray | None) -> Fit:
    def fit() -> Answer:
        found = regression.coxph_fit(
            held["stop"],
            held["event"],
            held["x"],
            entry=held.get("start"),
            strata=held.get("strata"),
            weights=held.get("weight"),
            cluster=cluster,
        )
        return {
            "coef": list(found.coefficients),
            "se": list(np.sqrt(np.diag(found.var))),
            "loglik": [found.loglik[-1]],
        }

    return fit


def cox_by_formula(held: Columns) -> Fit:
    """As `cox`, from a frame whose columns a formula names, as ours are."""
    names = [f"x{j}" for j in range(held["x"].shape[1])]
    frame = pd.DataFrame(dict(zip(names, held["x"].T, strict=True)))
    frame = frame.assign(stop=held["stop"], event=held["event"])
    formula = "Surv(stop, event) ~ " + " + ".join(names)

    def fit() -> Answer:
        found = survival.coxph(formula, data=frame)
        return {
            "coef": list(found.coefficients),
            "se": list(np.sqrt(np.diag(found.var))),
            "loglik": [found.loglik[-1]],
        }

    return fit


def curves(held: Columns) -> Fit:
    """Kaplan-Meier by cohort with Greenwood's error, and the log-rank test."""
    cohorts = [np.flatnonzero(held["cohort"] == cohort) for cohort in (0, 1)]
    times = [(held["stop"][rows], held["event"][rows]) for rows in cohorts]

    def fit() -> Answer:
        estimate: list[float] = []
        error: list[float] = []
        for stop, event in times:
            found = surv_analysis.survfitkm(stop, event)
            happened = np.asarray(found.n_event) > 0
            share = np.asarray(found.surv)[happened]
            estimate += list(share)
            error += list(share * np.asarray(found.std_err)[happened])
        test = validation.logrank_test(held["stop"], held["event"], held["cohort"])
        return {"estimate": estimate, "se": error, "statistic": [test.statistic]}

    return fit
