"""The standard distributions of log time, and how each changes along its arguments.

With z = (log time - location) / scale, each distribution is its log density and log survival at z:

    weibull             z - exp(z)                    -exp(z)
    log-logistic        z - 2 log(1 + exp(z))         -log(1 + exp(z))
    log-normal          -z^2 / 2 - log(2 pi) / 2      log Phi(-z)
    generalised-gamma   Prentice's family with a shape Q: the Weibull at 1, the log-normal at 0,
                        the gamma where Q is the scale
    exponential         the Weibull with scale 1

Derivatives along z are exact. Along Q there is no closed form for survival: seven neighbours a
hundredth apart, on a fixed grid so that none is close to but not at 0, make a polynomial.
It is right to some 1e-11, and its derivatives with it. A shape beyond 10 either way is refused
(NaN): no data tell such shapes apart.

Reference: Prentice (1974), Biometrika 61, 539-544.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import expit, gammainc, gammaincc, gammaln, log_ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Distribution = Literal["weibull", "exponential", "log-normal", "log-logistic", "generalised-gamma"]

LOG_ROOT_2PI = 0.9189385332046727
GRID = 0.01  # between neighbours in Q
LARGEST_SHAPE = 10.0
NEIGHBOURS = np.arange(-3, 4)


class Standard(NamedTuple):
    """A distribution at z (n,): log density, its first two derivatives, and log survival."""

    density: Floats
    slope: Floats
    bend: Floats
    survival: Floats

    def along_z(self, *, of_density: bool) -> tuple[Floats, Floats, Floats]:
        """Value, first and second derivative along z, (n,) each."""
        if of_density:
            return self.density, self.slope, self.bend
        hazard = np.exp(self.density - self.survival)
        bend = np.where(hazard > 0, -hazard * (self.slope + hazard), 0.0)  # far out, slope is not
        return self.survival, -hazard, bend


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def standard(distribution: Distribution, z: Floats, shape: float) -> Standard:
    """Evaluate a distribution at z (n,); only the generalised gamma reads `shape`.

    Far out, log density and log survival are minus infinity.
    """
    if distribution == "log-normal" or (distribution == "generalised-gamma" and shape == 0):
        return Standard(-z * z / 2 - LOG_ROOT_2PI, -z, np.full_like(z, -1.0), log_ndtr(-z))
    if distribution == "log-logistic":
        share = expit(z)
        log_odds = np.logaddexp(0.0, z)
        return Standard(z - 2 * log_odds, 1 - 2 * share, -2 * share * (1 - share), -log_odds)
    if distribution == "generalised-gamma":
        return _generalised_gamma(z, shape)
    grown = np.exp(z)
    return Standard(z - grown, 1 - grown, -grown, -grown)


def _generalised_gamma(z: Floats, q: float) -> Standard:
    k, growth = q**-2, np.exp(q * z)
    constant = np.log(abs(q)) + k * np.log(k) - k - gammaln(k)
    tail = gammaincc if q > 0 else gammainc
    return Standard(
        constant + k * (q * z - np.expm1(q * z)),
        (1 - growth) / q,
        -growth,
        np.log(tail(k, k * growth)),
    )


def derivatives(
    distribution: Distribution, z: Floats, shape: float, *, of_density: bool
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats, Floats]]:
    """Log density or log survival with its derivatives along z and along the shape.

    Returns
    -------
    value; slopes along z and shape; bends along z twice, z and shape, and shape twice: (n,) each.
    """
    none = np.zeros_like(z)
    if distribution in ("weibull", "exponential") and not of_density:
        with np.errstate(over="ignore"):
            value = -np.exp(z)
        return value, (value, none), (value, none, none)
    if distribution != "generalised-gamma":
        value, slope, bend = standard(distribution, z, shape).along_z(of_density=of_density)
        return value, (slope, none), (bend, none, none)
    if not abs(shape) <= LARGEST_SHAPE:  # also of a shape that is not known
        nothing = np.full_like(z, np.nan)
        return nothing, (nothing, nothing), (nothing, nothing, nothing)
    middle = round(shape / GRID)
    nodes = [
        standard(distribution, z, float((middle + step) * GRID)).along_z(of_density=of_density)
        for step in NEIGHBOURS
    ]
    at, once, twice = np.tensordot(_through_neighbours(shape / GRID - middle), nodes, axes=1)
    return at[0], (at[1], once[0]), (at[2], once[1], twice[0])


def _through_neighbours(place: float) -> Floats:
    """Weights (3, 7) that read a polynomial through the neighbours, and its derivatives."""
    powers = np.arange(len(NEIGHBOURS))
    to_coefficients = np.linalg.inv(np.vander(NEIGHBOURS.astype(float), increasing=True))
    once = powers * place ** np.maximum(powers - 1.0, 0.0) / GRID
    twice = powers * (powers - 1) * place ** np.maximum(powers - 2.0, 0.0) / GRID**2
    return np.stack([place**powers, once, twice]) @ to_coefficients
