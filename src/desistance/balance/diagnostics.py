"""How alike two cohorts are: one standardised mean difference, the same wherever it is shown.

SMD = (weighted mean of those exposed - weighted mean of the comparison) / standard deviation of
those exposed before matching, never recomputed after (of everyone where those exposed do not vary;
where the effect is not on those exposed, the root of the mean of both cohorts' variances). A yes/no
column is treated like any other. The traffic lights are the Justice Data Lab's: up to 0.05 green,
up to 0.10 amber, beyond that red.

Beside it: the ratio of variances, and how far apart the weighted distributions are at most (the
statistic of Kolmogorov and Smirnov) and on average, all of the exposed against the comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance.covariates import covariate_columns
from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

GREEN, AMBER = 0.05, 0.10


def balance_table(
    frame: pd.DataFrame,
    *,
    exposed: str,
    terms: Sequence[str],
    weights: pd.Series | None = None,
    pooled: bool = False,
) -> pd.DataFrame:
    """Compare two cohorts of a frame, as they are and weighted.

    Parameters
    ----------
    frame
        A row a person.
    exposed
        Column that says who was exposed.
    terms
        Columns to compare; text becomes a column for each label but the first.
    weights
        On the index of `frame`, as of `match_cohorts` and `weigh_cohorts`; each person once when
        left out.
    pooled
        Standardise by both cohorts' spread, as where the effect is not on those exposed.

    Returns
    -------
    DataFrame
        See `compare_columns`; the columns "after" stand for the weighted cohorts.

    Examples
    --------
    >>> frame = pd.DataFrame({"joined": [0, 0, 1, 1], "age": [20.0, 30, 30, 40]})
    >>> balance_table(frame, exposed="joined", terms=["age"])["smd_before"].round(3).tolist()
    [1.414]
    """
    if exposed not in frame or frame[exposed].isna().any():
        raise ModelError(f"`exposed={exposed!r}` is not a column without empty cells.")
    after = np.ones(len(frame))
    if weights is not None:
        aligned = weights.reindex(frame.index)
        if aligned.isna().any():
            raise ModelError(f"{aligned.isna().sum()} rows have no weight on their label.")
        after = aligned.to_numpy(float)
    columns = covariate_columns(frame, terms)
    flags = frame[exposed].to_numpy(dtype=bool)
    return compare_columns(columns, flags, np.ones(len(frame)), after, pooled=pooled)


def compare_columns(
    columns: pd.DataFrame, exposed: Bools, before: Floats, after: Floats, *, pooled: bool = False
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
        ``term, mean_joined, mean_before, mean_after, smd_before, smd_after, variance_ratio_before,
        variance_ratio_after, ks_before, ks_after, ecdf_before, ecdf_after, light``; `mean_joined`
        is after matching.
    """
    values = columns.to_numpy(float)
    joined_before, joined_after = (_mean(values, w * exposed) for w in (before, after))
    pool, matched = (_mean(values, w * ~exposed) for w in (before, after))
    variance = mean_square(values - joined_before, before * exposed)
    if pooled:
        variance = (variance + mean_square(values - pool, before * ~exposed)) / 2
    everyone = mean_square(values - _mean(values, before), before)
    spread = np.sqrt(np.where(variance > 0, variance, everyone))
    smd_after = (joined_after - matched) / spread
    gaps = _gaps(values, exposed, (before, after))
    return pd.DataFrame(
        {
            "term": columns.columns,
            "mean_joined": joined_after,
            "mean_before": pool,
            "mean_after": matched,
            "smd_before": (joined_before - pool) / spread,
            "smd_after": smd_after,
            "variance_ratio_before": _variance_ratio(values, exposed, before),
            "variance_ratio_after": _variance_ratio(values, exposed, after),
            "ks_before": gaps[0][0],
            "ks_after": gaps[1][0],
            "ecdf_before": gaps[0][1],
            "ecdf_after": gaps[1][1],
            "light": [traffic_light(smd) for smd in smd_after],
        }
    )


def _mean(values: Floats, weight: Floats) -> Floats:
    total = weight.sum()
    return weight @ values / total if total > 0 else np.full(values.shape[1], np.nan)


def _variance_ratio(values: Floats, exposed: Bools, weight: Floats) -> Floats:
    """Weighted variance of those exposed in parts of the comparison's; NaN where it has none."""
    ours, theirs = (
        mean_square(values - _mean(values, weight * side), weight * side)
        for side in (exposed, ~exposed)
    )
    return np.divide(ours, theirs, out=np.full(len(ours), np.nan), where=theirs > 0)


def _gaps(
    values: Floats, exposed: Bools, weights: tuple[Floats, Floats]
) -> list[tuple[Floats, Floats]]:
    """Largest and mean difference of the distributions, column by column, under each weighting.

    The mean is over the distinct values of the column.
    """
    steps = []
    for weight in weights:
        ours, theirs = weight * exposed, weight * ~exposed
        there = ours.sum() > 0 and theirs.sum() > 0
        steps.append(ours / ours.sum() - theirs / theirs.sum() if there else None)
    found = np.full((2, 2, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        distinct, code = np.unique(values[:, column], return_inverse=True)
        for place, step in enumerate(steps):
            if step is not None:
                gap = np.abs(np.cumsum(np.bincount(code, step, minlength=len(distinct))))
                found[place, :, column] = gap.max(), gap.mean()
    return [(largest, average) for largest, average in found]


def mean_square(deviations: Floats, weight: Floats) -> Floats:
    """Weighted mean of squares, by column, with the n - 1 of a sample."""
    n = (weight > 0).sum()
    share = weight / weight.sum() if weight.sum() > 0 else weight
    result: Floats = share @ deviations**2 * (n / (n - 1) if n > 1 else np.nan)
    return result


def traffic_light(smd: float) -> str:
    """Grade a standardised mean difference as the Justice Data Lab does."""
    if np.isnan(smd) or abs(smd) > AMBER:
        return "red"
    return "green" if abs(smd) <= GREEN else "amber"


def effective_size(weight: Floats) -> float:
    """Kish's effective sample size: how many equal weights carry as much."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0
