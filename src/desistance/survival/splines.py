"""Restricted cubic splines: smooth between the knots, straight outside them.

With knots k_1 < ... < k_m, column j of the m - 1 is x itself for j = 0, and for j = 1, ..., m - 2

    (x - k_{j+1})^3_+ - share_j (x - k_1)^3_+ - (1 - share_j) (x - k_m)^3_+,
    share_j = (k_m - k_{j+1}) / (k_m - k_1),

over (k_m - k_1)^2, which gives every column the units of x. Reference: Royston and Parmar (2002),
Statistics in Medicine 21, 2175-2197.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def restricted_cubic(x: Floats, knots: Sequence[float] | Floats) -> Floats:
    """Columns of the spline at `x` (n,), shape (knots - 1, n)."""
    return _columns(x, np.asarray(knots, float), lambda over: over**3, x)


def slope_of_restricted_cubic(x: Floats, knots: Sequence[float] | Floats) -> Floats:
    """Derivatives of the columns at `x` (n,), shape (knots - 1, n)."""
    return _columns(x, np.asarray(knots, float), lambda over: 3 * over**2, np.ones_like(x))


def _columns(x: Floats, knots: Floats, power: Callable[[Floats], Floats], first: Floats) -> Floats:
    low, high = knots[0], knots[-1]
    above = [power(np.maximum(x - knot, 0.0)) / (high - low) ** 2 for knot in knots]
    shares = (high - knots) / (high - low)
    bent = [
        inner - share * above[0] - (1 - share) * above[-1]
        for inner, share in zip(above[1:-1], shares[1:-1], strict=True)
    ]
    return np.stack([first, *bent])
