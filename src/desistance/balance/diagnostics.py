"""How alike two cohorts are: one standardised mean difference, the same wherever it is shown.

SMD = (mean of those who joined - weighted mean of the comparison) / standard deviation of those
who joined (of everyone in the risk sets where those who joined do not vary), the latter before
matching and never recomputed after. A yes/no
column is treated like any other. The traffic lights are the Justice Data Lab's: up to 0.05 green,
up to 0.10 amber, beyond that red.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

GREEN, AMBER = 0.05, 0.10


def balance_table(
    columns: pd.DataFrame,
    exposed: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> pd.DataFrame:
    """Compare the cohorts column by column, before and after matching.

    Parameters
    ----------
    columns : DataFrame, shape (n_rows, n_columns)
        From `covariate_columns`.
    exposed : bool array, shape (n_rows,)
    before, after : float arrays, shape (n_rows,)
        Weight of each row before and after matching.

    Returns
    -------
    DataFrame
        ``term, mean_joined, mean_before, mean_after, smd_before, smd_after, light``.
    """
    values = columns.to_numpy(float)

    def mean(weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
        total = (weight * rows).sum()
        return (weight * rows) @ values / total if total > 0 else np.full(values.shape[1], np.nan)

    joined_before, joined_after = mean(before, exposed), mean(after, exposed)
    pool, matched = mean(before, ~exposed), mean(after, ~exposed)
    spread = np.sqrt(mean_square(values - joined_before, before * exposed))
    everyone = np.sqrt(mean_square(values - mean(before, exposed | ~exposed), before))
    spread = np.where(spread > 0, spread, everyone)
    smd_before, smd_after = (joined_before - pool) / spread, (joined_after - matched) / spread
    return pd.DataFrame(
        {
            "term": columns.columns,
            "mean_joined": joined_after,
            "mean_before": pool,
            "mean_after": matched,
            "smd_before": smd_before,
            "smd_after": smd_after,
            "light": [traffic_light(smd) for smd in smd_after],
        }
    )


def mean_square(deviations: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean of squares, by column, with the n - 1 of a sample."""
    n = (weight > 0).sum()
    share = weight / weight.sum() if weight.sum() > 0 else weight
    return share @ deviations**2 * (n / (n - 1) if n > 1 else np.nan)


def traffic_light(smd: float) -> str:
    """Grade a standardised mean difference as the Justice Data Lab does."""
    if np.isnan(smd) or abs(smd) > AMBER:
        return "red"
    return "green" if abs(smd) <= GREEN else "amber"


def effective_size(weight: np.ndarray) -> float:
    """Kish's effective sample size: how many equal weights carry as much."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0
