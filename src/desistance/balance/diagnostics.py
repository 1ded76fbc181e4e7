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

from desistance.balance.covariates import varying_columns
from desistance.balance.rows import refuse_repeated, rows_of, weight_before
from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.balance.rows import Rows
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

GREEN, AMBER = 0.05, 0.10


def balance_table(
    people: pd.DataFrame | FollowUp,
    *,
    terms: Sequence[str],
    exposed: str | None = None,
    weights: pd.Series | None = None,
    pooled: bool = False,
) -> pd.DataFrame:
    """Compare two cohorts of a frame or a follow-up, as they are and weighted.

    Parameters
    ----------
    people
        A frame with a row a person, or a follow-up whose exposure starts later: each who joined
        against the people of the same day since leaving, see `riskset`.
    terms
        Columns to compare, as in `estimate_propensity`; text becomes a column for each label but
        the first.
    exposed
        The column of a frame that says who was exposed (yes/no or 1/0).
    weights
        Of a balance of the same people, as of `match_cohorts` and `weigh_cohorts`; when left out,
        each person of a frame once, and the others of a risk set as one person together.
    pooled
        Standardise by both cohorts' spread, as where the effect is not on those exposed.

    Returns
    -------
    DataFrame
        See `compare_columns`; the columns "after" stand for the weighted cohorts.

    Raises
    ------
    ModelError
        If a column is missing or infinite, no term differs between people, only one cohort is
        there, or a row has no weight.

    Examples
    --------
    >>> frame = pd.DataFrame({"joined": [0, 0, 1, 1], "age": [20.0, 30, 30, 40]})
    >>> balance_table(frame, exposed="joined", terms=["age"])["smd_before"].round(3).tolist()
    [1.414]
    """
    rows = rows_of(people, terms, exposed=exposed)
    columns = varying_columns(rows.frame, rows.terms)
    before = weight_before(rows.exposed, rows.sets)
    after = before if weights is None else _aligned(weights, rows)
    return compare_columns(columns, rows.exposed, before, after, pooled=pooled)


def _aligned(weights: object, rows: Rows) -> Floats:
    """Put weights in the order of the rows."""
    if not isinstance(weights, pd.Series):
        raise ModelError("`weights` is a Series, as `weights` of a balance.")
    refuse_repeated(rows.frame.index)
    if rows.sets is not None and len(weights) != len(rows.frame):
        raise ModelError(
            f"The risk sets have {len(rows.frame):,} rows and there are {len(weights):,} weights: "
            "pass those of a balance of this follow-up without a comparator."
        )
    aligned = weights.reindex(rows.frame.index)
    if aligned.isna().any():
        raise ModelError(f"{aligned.isna().sum()} rows have no weight on their label.")
    return aligned.to_numpy(float)


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
    joined, pool = (_moments(values, before * side) for side in (exposed, ~exposed))
    kept, matched = (_moments(values, after * side) for side in (exposed, ~exposed))
    variance = (joined[1] + pool[1]) / 2 if pooled else joined[1]
    if not (variance > 0).all():
        variance = np.where(variance > 0, variance, _moments(values, before)[1])
    spread = np.sqrt(variance)
    smd_after = (kept[0] - matched[0]) / spread
    gaps = _gaps(values, exposed, (before, after))
    return pd.DataFrame(
        {
            "term": columns.columns,
            "mean_joined": kept[0],
            "mean_before": pool[0],
            "mean_after": matched[0],
            "smd_before": (joined[0] - pool[0]) / spread,
            "smd_after": smd_after,
            "variance_ratio_before": _ratio(joined[1], pool[1]),
            "variance_ratio_after": _ratio(kept[1], matched[1]),
            "ks_before": gaps[0][0],
            "ks_after": gaps[1][0],
            "ecdf_before": gaps[0][1],
            "ecdf_after": gaps[1][1],
            "light": [traffic_light(smd) for smd in smd_after],
        }
    )


def _moments(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted means and variances of the columns; a variance has the n - 1 of a sample."""
    rows = np.flatnonzero(weight)
    weight, n = weight[rows], len(rows)
    total = weight.sum()
    mean, variance = np.full((2, values.shape[1]), np.nan)
    for place, column in enumerate(values.T if total > 0 else ()):
        inside = column[rows]
        alike = inside.min() == inside.max()  # whose mean is rounded, and would seem to vary
        mean[place] = inside[0] if alike else weight @ inside / total
        if n > 1:
            variance[place] = weight @ (inside - mean[place]) ** 2 / total * (n / (n - 1))
    return mean, variance


def _ratio(ours: Floats, theirs: Floats) -> Floats:
    """Variance of those exposed in parts of the comparison's; NaN where it has none."""
    return np.divide(ours, theirs, out=np.full(len(ours), np.nan), where=theirs > 0)


def _gaps(
    values: Floats, exposed: Bools, weights: tuple[Floats, Floats]
) -> list[tuple[Floats, Floats]]:
    """Largest and mean difference of the distributions, column by column, under each weighting.

    The mean is over the distinct values of the column.
    """
    steps = np.zeros((2, len(exposed)))
    for step, weight in zip(steps, weights, strict=True):
        ours, theirs = weight * exposed, weight * ~exposed
        with np.errstate(invalid="ignore"):  # of nobody, there is no distribution
            step[:] = ours / ours.sum() - theirs / theirs.sum()
    found = np.full((2, 2, values.shape[1]), np.nan)
    for place, column in enumerate(values.T):
        if ((column == 0) | (column == 1)).all():  # they differ at 0, and not at 1
            largest = np.abs(steps @ column)
            found[:, :, place] = largest, largest / 2
            continue
        order = np.argsort(column)
        ranked = column[order]
        last = np.append(ranked[1:] > ranked[:-1], True)  # of those with the same value
        for weighting, step in enumerate(steps):
            gap = np.abs(step[order].cumsum()[last])
            found[:, weighting, place] = gap.max(), gap.mean()
    return [(largest, average) for largest, average in found.transpose(1, 0, 2)]


def traffic_light(smd: float) -> str:
    """Grade a standardised mean difference as the Justice Data Lab does."""
    if np.isnan(smd) or abs(smd) > AMBER:
        return "red"
    return "green" if abs(smd) <= GREEN else "amber"


def effective_size(weight: Floats) -> float:
    """Kish's effective sample size: how many equal weights carry as much."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0
