"""The arithmetic of counts per exposure: exact limits, limits over people, gamma-Poisson.

References
----------
Garwood (1936), Biometrika 28, 437-442. Lawless (1987), Canadian Journal of Statistics 15, 209-225.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, psi

from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

EVENER = 1e7  # a gamma shape beyond which people cannot be told apart


def exact_poisson(events: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Give Garwood's exact limits of expected counts, shape of `events`."""
    seen, tail = np.asarray(events, float), (1 - confidence) / 2
    low = np.where(seen > 0, chdtri(2 * np.maximum(seen, 1), 1 - tail) / 2, 0.0)
    return low, chdtri(2 * seen + 2, tail) / 2


def over_people(counts: Floats, exposure: Floats, z: float) -> tuple[float, float, float]:
    """Divide counts by exposure, with limits that let some people offend more than others.

    The variance is that of a ratio of sums over people, on the log scale: a Poisson interval
    would be far too narrow, because offences come in bursts of the same people.

    Returns
    -------
    rate, low, high
        NaN where there is no exposure or no event; limits NaN where people do not vary.
    """
    events, total = counts.sum(), exposure.sum()
    if total <= 0 or events <= 0:
        return np.nan, np.nan, np.nan
    rate = events / total
    error = np.sqrt(((counts - rate * exposure) ** 2).sum()) / events
    spread = np.exp(z * error) if len(counts) > 1 and error > 1e-9 else np.nan
    return float(rate), float(rate / spread), float(rate * spread)


def gamma_poisson(counts: Floats, years: Floats) -> tuple[float, float, str]:
    """Fit the gamma distribution of people's rates: the maximum of the marginal likelihood.

    A person's count is Poisson with mean rate x years, and rates vary as a gamma with shape alpha
    and rate beta; so counts are negative binomial with log years as offset. Given alpha the mean
    alpha / beta solves one monotone equation, so the search is over alpha alone.

    Parameters
    ----------
    counts, years : float64 arrays, shape (n,)
        People without exposure are not counted.

    Returns
    -------
    shape, rate : alpha, and beta in years
    note
        Why there is none, or empty.
    """
    at_risk = years > 0
    n, t = counts[at_risk], years[at_risk]
    none = (np.nan, np.nan)
    if not n.sum():
        return *none, f"{NOT_ESTIMABLE}: no offence"
    poisson = n.sum() / t.sum() * t
    if ((n - poisson) ** 2 - n).sum() <= 0:  # the likelihood falls from an even rate on
        return *none, f"{NOT_ESTIMABLE}: counts vary no more than by chance"

    def mean(alpha: float) -> float:
        return brentq(lambda m: ((n - m * t) / (alpha + m * t)).sum(), 0.0, (n / t).max() * 2)

    def slope(log_alpha: float) -> float:
        alpha = np.exp(log_alpha)
        all_in = alpha + mean(alpha) * t
        rest = np.log(alpha / all_in) + 1 - (n + alpha) / all_in
        return float((psi(n + alpha) - psi(alpha) + rest).sum())

    if slope(np.log(EVENER)) >= 0:
        return *none, f"{NOT_ESTIMABLE}: counts vary hardly more than by chance"
    shape = float(np.exp(brentq(slope, np.log(1e-8), np.log(EVENER), xtol=1e-13, rtol=1e-13)))
    return shape, shape / mean(shape), ""
