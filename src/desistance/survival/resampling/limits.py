"""Confidence limits from replicates: what each of the four kinds does.

    percentile   the ordered replicates themselves
    basic        twice the estimate less the ordered replicates, from the other end
    normal       the estimate less its bias, and so many standard deviations to either side
    bca          the ordered replicates, further in or out for bias and for a spread that changes
                 with the estimate (acceleration)

Order statistics stand at (R + 1) times the probability, between two of them on the scale of
normal quantiles; as in R's ``boot.ci``. Without end (-inf or inf) is a place in the order. Where
the order has no such place, because replicates are few, there is no limit: NaN.

Reference: Davison and Hinkley (1997), Bootstrap Methods and their Application, chapter 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtr, ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Interval = Literal["percentile", "basic", "normal", "bca"]


def spread(values: Floats) -> float:
    """Standard deviation of the replicates that are finite; NaN for fewer than two."""
    finite = values[np.isfinite(values)]
    return float(np.std(finite, ddof=1)) if len(finite) > 1 else np.nan


def limits(
    values: Floats, estimate: float, confidence: float, interval: Interval, acceleration: float
) -> tuple[float, float]:
    """Lower and upper limit from replicates (R,), NaN left out; `acceleration` is for "bca"."""
    ordered = np.sort(values[~np.isnan(values)])
    tail = (1 - confidence) / 2
    if not len(ordered) or np.isnan(estimate):
        return np.nan, np.nan
    if interval == "normal":
        half = float(ndtri(1 - tail)) * spread(values)
        if np.isnan(half):
            return np.nan, np.nan
        middle = 2 * estimate - float(np.mean(values[np.isfinite(values)]))
        return middle - half, middle + half
    if interval == "basic":
        return 2 * estimate - _at(ordered, 1 - tail), 2 * estimate - _at(ordered, tail)
    if interval == "bca":
        below = (ordered < estimate).mean()
        shift = float(ndtri(below))
        moved = [shift + float(ndtri(place)) for place in (tail, 1 - tail)]
        low, high = (float(ndtr(shift + z / (1 - acceleration * z))) for z in moved)
        return _at(ordered, low), _at(ordered, high)
    return _at(ordered, tail), _at(ordered, 1 - tail)


def acceleration(moves: Floats) -> Floats:
    """Acceleration of p terms, from what each of m units moves them by, shape (m, p)."""
    squares = (moves**2).sum(axis=0)
    return np.divide(
        (moves**3).sum(axis=0), 6 * squares**1.5, out=np.zeros(len(squares)), where=squares > 0
    )


def _at(ordered: Floats, share: float) -> float:
    """The value below which a share of the ordered values lies."""
    n = len(ordered) + 1
    place = share * n
    if not 1 - 1e-9 <= place <= n - 1 + 1e-9:
        return np.nan
    if abs(place - round(place)) < 1e-9:
        return float(ordered[round(place) - 1])
    below = int(place)
    low, high = ordered[below - 1], ordered[below]
    if np.isinf(low) or np.isinf(high):
        ends = {float(end) for end in (low, high) if np.isinf(end)}
        return ends.pop() if len(ends) == 1 else np.nan
    start, end = ndtri(below / n), ndtri((below + 1) / n)
    return float(low + (ndtri(share) - start) / (end - start) * (high - low))
