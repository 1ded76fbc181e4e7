"""Counts of a two-by-two table: how often two yes-or-no answers of the same people go together.

The answers may be one need at two times, or two needs at one time:

                    second yes   second no
    first yes          both      only_first
    first no        only_second    neither

References
----------
Tango (1998), Stat. Med. 17, 891-908: score interval for the difference of paired shares. McNemar
(1947), Psychometrika 12, 153-157. Cornfield (1956), Proc. Third Berkeley Symp. 4, 135-148; Fisher
(1935), J. R. Stat. Soc. 98, 39-82: odds ratio given the margins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, gammaln, ndtri
from scipy.stats import binom

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

STEPS = 64  # halvings: more than a double can hold
LARGEST = 40.0  # of a log odds ratio: beyond, a table is as good as empty in a cell


def paired_change(
    more: ArrayLike, fewer: ArrayLike, n: ArrayLike, *, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats, Floats]:
    """Compare two shares of the same people.

    Parameters
    ----------
    more, fewer, n : shape (k,)
        People who went from no to yes, from yes to no, and all.

    Returns
    -------
    change, low, high, p_value : float arrays, shape (k,)
        (more - fewer) / n, its score interval, and McNemar's exact two-sided p; NaN where n is 0.
    """
    more, fewer, n = (np.asarray(part, np.float64) for part in (more, fewer, n))
    n = np.where(n > 0, n, np.nan)
    change = (more - fewer) / n
    z = float(ndtri((1 + confidence) / 2))

    def excess(change_if: Floats, sign: float) -> Floats:
        """How far the observed difference lies beyond z errors from a supposed one."""
        first = -more - fewer + (2 * n - more + fewer) * change_if
        last = -fewer * change_if * (1 - change_if)
        fewer_share = (np.sqrt(np.maximum(first**2 - 8 * n * last, 0)) - first) / (4 * n)
        variance = n * (2 * fewer_share + change_if * (1 - change_if))
        return sign * (more - fewer - n * change_if) - z * np.sqrt(np.maximum(variance, 0))

    limits = []
    for sign in (1.0, -1.0):
        beyond, within = np.full_like(change, -sign), change.copy()
        for _ in range(STEPS):
            middle = (beyond + within) / 2
            out = excess(middle, sign) > 0
            beyond, within = np.where(out, middle, beyond), np.where(out, within, middle)
        limits.append(np.where(np.isnan(change), np.nan, (beyond + within) / 2))
    moved = more + fewer
    p_value = np.minimum(2 * binom.cdf(np.minimum(more, fewer), moved, 0.5), 1.0)
    return change, limits[0], limits[1], np.where(np.isnan(change), np.nan, p_value)


def share_interval(
    some: ArrayLike, n: ArrayLike, *, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Give shares with their exact limits (Clopper and Pearson 1934); NaN where n is 0."""
    some, n = np.asarray(some, np.float64), np.asarray(n, np.float64)
    tail = (1 - confidence) / 2
    there = n > 0
    low = np.where(some > 0, betaincinv(np.maximum(some, 1), n - some + 1, tail), 0.0)
    high = np.where(some < n, betaincinv(some + 1, np.maximum(n - some, 1), 1 - tail), 1.0)
    return tuple(  # type: ignore[return-value]
        np.where(there, part, np.nan) for part in (some / np.where(there, n, 1), low, high)
    )


def phi(both: Floats, only_first: Floats, only_second: Floats, neither: Floats) -> Floats:
    """Correlate two yes-or-no answers; NaN where one of them never varies."""
    margins = (
        (both + only_first)
        * (only_second + neither)
        * (both + only_second)
        * (only_first + neither)
    )
    product = both * neither - only_first * only_second
    return product / np.sqrt(np.where(margins > 0, margins, np.nan))


def odds_ratio(
    both: int, only_first: int, only_second: int, neither: int, *, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Give the odds ratio of a table given its margins, its exact interval, and Fisher's p.

    Returns
    -------
    estimate, low, high, p_value
        The conditional maximum likelihood estimate, limits with half the error in each tail, and
        the probability of tables no more likely than this one. All but p are NaN where a cell is
        empty: the likelihood then rises without end.
    """
    first, second = both + only_first, both + only_second
    n = first + only_second + neither
    cell = np.arange(max(0, first + second - n), min(first, second) + 1, dtype=float)
    weight = -sum(
        gammaln(part + 1) for part in (cell, first - cell, second - cell, n - first - second + cell)
    )
    chance = _chance(weight, cell, 0.0)
    p_value = float(chance[chance <= chance[cell == both] * (1 + 1e-7)].sum())
    if min(both, only_first, only_second, neither) == 0:
        return np.nan, np.nan, np.nan, min(p_value, 1.0)
    tail = (1 - confidence) / 2
    estimate = _root(lambda b: float(_chance(weight, cell, b) @ cell) - both)
    low = _root(lambda b: float(_chance(weight, cell, b)[cell >= both].sum()) - tail)
    high = _root(lambda b: tail - float(_chance(weight, cell, b)[cell <= both].sum()))
    return float(np.exp(estimate)), float(np.exp(low)), float(np.exp(high)), min(p_value, 1.0)


def _chance(weight: Floats, cell: Floats, log_odds: float) -> Floats:
    """Give the probability of each table with these margins, shape of `cell`."""
    tilted = weight + log_odds * cell
    chance = np.exp(tilted - tilted.max())
    return np.asarray(chance / chance.sum())


def _root(rising: Callable[[float], float]) -> float:
    """Find where a function that rises with the log odds ratio crosses 0."""
    low, high = -LARGEST, LARGEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
