"""Curves in age or time: polynomials, and splines of the same degree between knots.

With z = (time - centre) / unit a curve of degree d with knots k is

    b_0 + b_1 z + ... + b_d z^d + sum over knots of c_k max(z - k, 0)^d,

which spans the same curves as B-splines with those knots. Centre and unit are the middle and half
the range of the times if they are not given, so that z runs from -1 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

SAME = 1e-9  # what a column adds to those before it, for its size, when it adds nothing


@dataclass(frozen=True, slots=True)
class Basis:
    """A polynomial or spline of time; `knots` are times."""

    degree: int
    knots: tuple[float, ...]
    centre: float
    unit: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms, in z."""
        powers = ("intercept", "z", *(f"z^{k}" for k in range(2, self.degree + 1)))
        return (*powers[: self.degree + 1], *(f"from {knot:g} on" for knot in self.knots))

    def matrix(self, time: ArrayLike) -> Floats:
        """Terms at each time: (times, terms)."""
        z = (np.asarray(time, float) - self.centre) / self.unit
        knots = (np.array(self.knots) - self.centre) / self.unit
        bends = np.maximum(z[:, None] - knots, 0) ** self.degree
        return np.hstack([np.vander(z, self.degree + 1, increasing=True), bends])


def basis_of(
    time: Floats, degree: int, knots: int | Sequence[float], centre: float | None,
    unit: float | None,
) -> Basis:  # fmt: skip
    """Place a basis on the times there are; a number of knots goes to quantiles of them."""
    moments = np.unique(time)
    if degree < 0 or int(degree) != degree:
        raise ModelError(f"A curve has a degree of 0 or more, not {degree}.")
    if isinstance(knots, int):
        knots = tuple(np.quantile(moments, np.linspace(0, 1, knots + 2)[1:-1]))
    if any(not moments[0] < knot < moments[-1] for knot in knots) or (knots and degree < 1):
        raise ModelError("Knots lie between the first and the last time, of a degree of 1 or more.")
    if 1 + degree + len(knots) > len(moments):
        raise ModelError(
            f"A curve of {1 + degree + len(knots)} terms needs as many periods; there are "
            f"{len(moments)}. Take a lower degree or fewer knots."
        )
    middle = (moments[0] + moments[-1]) / 2 if centre is None else centre
    half = (moments[-1] - moments[0]) / 2 if unit is None else unit
    return Basis(int(degree), tuple(map(float, sorted(knots))), float(middle), float(half))


def of_unit_size(plain: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Turn columns (n, k) into ones of unit size that have nothing in common, and the way back.

    Returns
    -------
    matrix, back : shapes (n, k) and (k, k)
        ``matrix = plain @ back``; ``back @ coefficients`` are those of `plain`.
    """
    size = np.sqrt(len(plain))
    q, r = np.linalg.qr(plain)
    left = np.abs(np.diag(r)) < SAME * np.maximum(np.abs(r).max(axis=0, initial=0), 1e-300)
    if left.any():
        raise ModelError(
            f"{names[int(np.argmax(left))]!r} says nothing that the terms before it do not: leave "
            "it out."
        )
    signs = np.sign(np.diag(r))
    return q * signs * size, np.linalg.inv(r) * signs * size
