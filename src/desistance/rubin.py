"""Rubin's rules: one estimate from those of several completed data sets.

With m copies, estimates q and their squared errors u,

    estimate   mean of q
    within     mean of u
    between    variance of q between the copies
    variance   within + (1 + 1/m) between
    df         Barnard and Rubin's, which are never more than those of the complete data
    missing    the share of the information that is missing, lambda adjusted for m

Estimates must be on a scale on which they are about normal: a hazard ratio as its logarithm, a
share as its complementary log-log.

References
----------
Rubin (1987), Multiple Imputation for Nonresponse in Surveys; Barnard and Rubin (1999), Biometrika
86(4); Li, Raghunathan and Rubin (1991), JASA 86(416), of the joint test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Estimates of p things put together, an array of shape (p,) each."""

    estimate: Floats
    within: Floats
    between: Floats
    variance: Floats
    df: Floats
    missing: Floats

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper limits by Student's t."""
        reach = t_distribution.ppf(0.5 + confidence / 2, self.df) * np.sqrt(self.variance)
        return self.estimate - reach, self.estimate + reach


def put_together(
    estimates: Floats, variances: Floats, *, complete_df: float | Floats = np.inf
) -> Together:
    """Put m estimates of p things together.

    Parameters
    ----------
    estimates, variances : float64 arrays, shape (m, p)
        With m of 2 or more. Where a copy has none (NaN), neither has the whole.
    complete_df
        Degrees of freedom the estimates would have were nothing missing.

    Examples
    --------
    >>> found = put_together(np.array([[0.4], [0.5], [0.3]]), np.full((3, 1), 0.01))
    >>> found.estimate.round(3), found.variance.round(4), found.df.round(1)
    (array([0.4]), array([0.0233]), array([6.1]))
    """
    m = len(estimates)
    within = variances.mean(axis=0)
    between = estimates.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    variance = within + added
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(variance > 0, added / variance, 0.0)
        share = np.where(np.isnan(variance), np.nan, share)
        old = np.where(share > 0, (m - 1) / share**2, np.inf)
        complete = np.broadcast_to(np.asarray(complete_df, float), share.shape)
        observed = (complete + 1) / (complete + 3) * complete * (1 - share)
        both = np.where(np.isinf(old), observed, old * observed / (old + observed))
        df = np.where(np.isinf(complete), old, both)
        df = np.where(np.isnan(share), np.nan, df)
        ratio = np.where(within > 0, added / within, np.where(added > 0, np.inf, 0.0))
        missing = np.where(np.isinf(ratio), 1.0, (ratio + 2 / (df + 3)) / (ratio + 1))
    missing = np.where(np.isnan(share), np.nan, missing)
    return Together(estimates.mean(axis=0), within, between, variance, df, missing)


def joint_test(estimates: Floats, covariances: Floats) -> tuple[float, int, float, float]:
    """Test that k things are all 0, from m estimates (m, k) and covariances (m, k, k).

    Returns
    -------
    statistic, k, denominator degrees of freedom, p_value
        Li, Raghunathan and Rubin's D1, against an F.
    """
    m, k = estimates.shape
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.atleast_2d(np.cov(estimates.T))
    ratio = (1 + 1 / m) * float(np.trace(np.linalg.solve(within, between))) / k
    statistic = float(mean @ np.linalg.solve(within, mean)) / (k * (1 + ratio))
    free = k * (m - 1)
    if ratio <= 0:
        df = np.inf
    elif free > 4:
        df = 4 + (free - 4) * (1 + (1 - 2 / free) / ratio) ** 2
    else:
        df = free * (1 + 1 / k) * (1 + 1 / ratio) ** 2 / 2
    return statistic, k, df, float(f_distribution.sf(statistic, k, df))
