"""lifelines: a frame of exactly the columns that a fit is to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test

from bench.data import draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "lifelines"


def read(columns: Columns) -> pd.DataFrame:
    """Hold the columns as a frame, save the draws, which are longer and made again."""
    return pd.DataFrame({name: values for name, values in columns.items() if name != "drawn"})


def cox(frame: pd.DataFrame) -> Fit:
    """Efron ties, model variance, with entries if there are any."""
    used = frame.drop(columns="person", errors="ignore")
    entry = "start" if "start" in used else None

    def fit() -> Answer:
        found = CoxPHFitter().fit(used, "stop", "event", entry_col=entry)
        return {
            "coef": list(found.params_),
            "se": list(found.standard_errors_),
            "loglik": [found.log_likelihood_],
        }

    return fit


def curves(frame: pd.DataFrame) -> Fit:
    """Kaplan-Meier by cohort, and the log-rank test."""
    cohorts = [frame[frame.cohort == cohort] for cohort in (0, 1)]

    def fit() -> Answer:
        estimate: list[float] = []
        for rows in cohorts:
            found = KaplanMeierFitter().fit(rows.stop, rows.event)
            happened = found.event_table.observed > 0
            estimate += list(found.survival_function_.iloc[:, 0][happened])
        first, second = cohorts
        test = logrank_test(first.stop, second.stop, first.event, second.event)
        return {"estimate": estimate, "statistic": [test.test_statistic]}

    return fit


def bootstrap(frame: pd.DataFrame) -> Fit:
    """A Cox fit to every draw of people, one after the other."""
    used, drawn = frame.drop(columns="replicates"), draws(frame.replicates.iloc[0], len(frame))

    def fit() -> Answer:
        found = [CoxPHFitter().fit(used.iloc[rows], "stop", "event").params_ for rows in drawn]
        return {"coef": list(np.concatenate(found))}

    return fit
