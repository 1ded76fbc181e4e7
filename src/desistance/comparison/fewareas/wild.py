"""The wild cluster bootstrap: a test of one coefficient that turns whole areas' residuals about.

The coefficient is held at the value tested, the residuals of that fit are multiplied by one weight
an area, and t is reckoned anew, with the plain clustered variance. Two-point weights (Rademacher)
have 2 to the power of m patterns over m areas, six-point weights (Webb) 6 to that power: where all
can be gone through they are, and nothing is left to chance. The interval holds the values that are
not rejected.

References
----------
Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90(3); Webb (2023), Canadian
Journal of Economics 56(3); MacKinnon and Webb (2017), Journal of Applied Econometrics 32(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from desistance.comparison.fewareas.leastsquares import least_squares

if TYPE_CHECKING:
    from collections.abc import Callable

    from desistance.comparison.fewareas.leastsquares import Floats, Ints, LeastSquares

Pattern = Literal["rademacher", "webb"]
POINTS = {
    "rademacher": np.array([-1.0, 1.0]),
    "webb": np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]),
}
TIE = 1e-9  # t statistics nearer than this are equal
FARTHEST, HALVINGS = 2.0**12, 50  # standard errors an end of the interval may lie off; steps


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Weights an area, shape (draws, m); whether they are all there are; and which kind."""

    weights: Floats
    exact: bool
    kind: Pattern


@dataclass(frozen=True, slots=True)
class WildTest:
    """p-value of no effect, and the interval of the values that are not rejected."""

    p_value: float
    conf_low: float
    conf_high: float


def patterns(m: int, kind: Pattern, draws: int, rng: np.random.Generator) -> Patterns:
    """Go through every pattern of weights over m areas, or draw `draws` where there are more."""
    points = POINTS[kind]
    if len(points) ** m <= max(draws, 1):
        whole = np.stack(np.meshgrid(*[points] * m, indexing="ij"), axis=-1).reshape(-1, m)
        return Patterns(whole, True, kind)
    drawn = points[rng.integers(0, len(points), size=(draws, m))]
    return Patterns(np.vstack([np.ones(m), drawn]), False, kind)  # the data as they are count too


def wild_test(
    fit: LeastSquares, weight: Floats, cluster: Ints, k: int, drawn: Patterns, *,
    confidence: float, std_error: float,
) -> WildTest:  # fmt: skip
    """Test coefficient `k` of a fit; `std_error` is the scale on which its interval is sought."""
    others = np.delete(np.arange(fit.x.shape[1]), k)
    apart = least_squares(fit.x[:, others], fit.x[:, k], weight, cluster).residual
    free = _moments(fit, fit.residual, k, drawn.weights)
    tilt = _moments(fit, apart, k, drawn.weights)
    as_seen = _moments(fit, apart, k, np.ones((1, len(fit.clusters))))
    seen_free = _moments(fit, fit.residual, k, np.ones((1, len(fit.clusters))))
    beta = float(fit.coefficients[k])

    def p_value(tested: float) -> float:
        off = beta - tested
        observed = _squared_t(seen_free, as_seen, off)[0]
        drawn_t = _squared_t(free, tilt, off)
        return float(np.mean(drawn_t >= observed * (1 - TIE)))

    level = 1 - confidence + TIE
    ends = [_edge(p_value, beta, side * std_error, level) for side in (-1.0, 1.0)]
    return WildTest(p_value(0.0), *ends)


def _moments(fit: LeastSquares, residual: Floats, k: int, weights: Floats) -> tuple[Floats, Floats]:
    """What turned residuals make of the coefficient, and of its score in each area.

    Returns
    -------
    moved : shape (draws,); scores : shape (draws, m)
    """
    pull = np.stack([fit.solver[:, rows] @ residual[rows] for rows in fit.clusters])  # (m, p)
    reach = np.stack([fit.solver[k, rows] @ fit.x[rows] for rows in fit.clusters])  # (m, p)
    turned = weights * pull[:, k]
    return turned.sum(axis=1), turned - (weights @ pull) @ reach.T


def _squared_t(free: tuple[Floats, Floats], tilt: tuple[Floats, Floats], off: float) -> Floats:
    moved = free[0] + off * tilt[0]
    variance = ((free[1] + off * tilt[1]) ** 2).sum(axis=1)
    nothing = moved**2 <= (TIE * (abs(off) + np.abs(free[0]).max())) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(nothing, 0.0, moved**2 / variance)


def _edge(p_value: Callable[[float], float], beta: float, step: float, level: float) -> float:
    """Go out from the estimate until values are rejected, then halve onto the edge."""
    inside, reach = 0.0, 1.0
    while p_value(beta + reach * step) > level:
        inside, reach = reach, 2 * reach
        if reach > FARTHEST:
            return float(np.copysign(np.inf, step))
    for _ in range(HALVINGS):
        middle = (inside + reach) / 2
        if p_value(beta + middle * step) > level:
            inside = middle
        else:
            reach = middle
    return beta + inside * step
