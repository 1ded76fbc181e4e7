"""P-values of a family of tests, adjusted for how many there are.

holm
    The chance of any false finding in the family stays below the level, whatever the tests share.
bh
    Of the findings, the expected share that are false stays below the level (Benjamini and
    Hochberg), for tests that are independent or rise together.

References
----------
Holm (1979), Scandinavian Journal of Statistics 6(2); Benjamini and Hochberg (1995), Journal of the
Royal Statistical Society B 57(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from desistance.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Adjustment = Literal["holm", "bh"]


def adjusted_p(p_values: ArrayLike, method: Adjustment = "holm") -> NDArray[np.float64]:
    """Adjust the p-values of one family of tests.

    Parameters
    ----------
    p_values : shape (n,)
        NaN for a test that could not be done: it stays NaN and does not count in the family.
    method
        See `desistance.comparison.multiplicity`.

    Returns
    -------
    float64 array, shape (n,)

    Raises
    ------
    ModelError
        If a p-value lies outside 0 to 1, or the method is unknown.

    Examples
    --------
    >>> adjusted_p([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> adjusted_p([0.01, 0.04, 0.03], method="bh").round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in get_args(Adjustment):
        raise ModelError(f"`method` is one of {', '.join(get_args(Adjustment))}.")
    try:
        p = np.asarray(p_values, dtype=float)
    except (TypeError, ValueError):
        raise ModelError("`p_values` is one row of numbers from 0 to 1.") from None
    known = ~np.isnan(p)
    if p.ndim != 1 or ((p[known] < 0) | (p[known] > 1)).any():
        raise ModelError("`p_values` is one row of numbers from 0 to 1.")
    n = int(known.sum())
    order = np.argsort(p[known], kind="stable")
    place = np.arange(1, n + 1)
    if method == "holm":
        stepped = np.maximum.accumulate(p[known][order] * (n - place + 1))
    else:
        stepped = np.minimum.accumulate((p[known][order] * n / place)[::-1])[::-1]
    family = np.empty(n)
    family[order] = np.minimum(stepped, 1.0)
    adjusted = np.full(len(p), np.nan)
    adjusted[known] = family
    return adjusted
