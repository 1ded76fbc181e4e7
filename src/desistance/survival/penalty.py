"""Cox fits drawn towards 0, on purpose: Firth's for few events, a ridge for many terms.

    Firth     log L + 1/2 log |I|             takes out most of the bias of small samples; a
                                              hazard ratio stays finite where no event
                                              contradicts a term
    ridge     log L - theta/2 sum of beta^2   coefficients of the covariates as they stand, as R's
                                              ``ridge(x, theta = theta, scale = FALSE)``

with L the partial likelihood of the chosen tie rule and I its information. The slope of
1/2 log |I| adds up third central moments of the covariates over the risk sets, ties removed as
in `partial_likelihood`.

Firth's likelihood is far from a parabola just where it is needed. Its limits are therefore those
of the profile: the values of one log hazard at which twice the drop of the penalised likelihood,
the other terms fitted anew, is 3.84; its p-value is of the drop at 0. The penalty is that of all
terms throughout, so a fixed term stays in I.

References: Firth (1993); Heinze and Schemper (2001); Gray (1992) for the ridge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy
from scipy.special import ndtri

from desistance.errors import ModelError
from desistance.survival.newton import Maximum, Start, find_aliases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood, Point

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_STEPS = 100
DIFFERENCE = 1e-5
SMALLEST_STEP = 1e-12
SETTLED = 1e-7
LONGEST_STEP = 3.0  # in the linear predictor
MOST_WIDENINGS = 40


@dataclass(frozen=True, slots=True)
class Ridge:
    """A ridge of strength `theta`, as if each log hazard came from a normal of variance 1/theta.

    Examples
    --------
    >>> Ridge(2.0)
    Ridge(theta=2.0)
    """

    theta: float

    def __post_init__(self) -> None:
        """Refuse a strength that is no positive number."""
        if not 0 < self.theta < np.inf:
            raise ModelError("`theta` of a Ridge is a number above 0.")


Penalty = Ridge | Literal["firth"]


@dataclass(frozen=True, slots=True, eq=False)
class Penalised:
    """A partial likelihood with a penalty; `kept` are the covariates that are fitted."""

    problem: PartialLikelihood
    penalty: Penalty
    kept: Ints

    def look(self, beta: Floats) -> View:
        """See the penalised likelihood at scaled coefficients `beta` (p,)."""
        point = self.problem.evaluate(beta)
        matrix = self.problem.information(point)
        if isinstance(self.penalty, Ridge):
            strength = np.zeros_like(beta)
            strength[self.kept] = self.penalty.theta / self.problem.covariates.scale[self.kept] ** 2
            value, slope = -0.5 * float(strength @ beta**2), -strength * beta
            matrix = matrix + np.diag(strength)
        else:
            value, slope = self._firth(point, matrix)
        value += point.log_likelihood
        if not np.isfinite([value, *slope]).all():
            value = -np.inf
        return View(replace(point, log_likelihood=value, score=point.score + slope), matrix)

    def _firth(self, point: Point, matrix: Floats) -> tuple[float, Floats]:
        """Half the logarithm of |I| and its slope (p,)."""
        free = np.ix_(self.kept, self.kept)
        nothing = np.zeros(self.problem.p)
        if not np.isfinite(matrix).all():
            return -np.inf, nothing
        sign, log_determinant = np.linalg.slogdet(matrix[free])
        if sign <= 0:
            return -np.inf, nothing
        inverse = np.zeros_like(matrix)
        inverse[free] = np.linalg.inv(matrix[free])
        return 0.5 * float(log_determinant), 0.5 * log_determinant_slope(
            self.problem, point, inverse
        )


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A penalised likelihood at one place.

    The value and score of `point` count the penalty; `matrix` (p, p) is the information, with
    the ridge if there is one.
    """

    point: Point
    matrix: Floats


def log_determinant_slope(problem: PartialLikelihood, at: Point, inverse: Floats) -> Floats:
    """Slope of log |I| by scaled coefficients, shape (p,); `inverse` (p, p) is that of I.

    With x a covariate vector drawn from a risk set and m its mean, each tied event adds
    E[(x - m)' inverse (x - m) (x - m)]. Rows have no weights.
    """
    sets, p, scale = problem.sets, problem.p, problem.covariates.scale
    inverse = inverse / np.outer(scale, scale)
    width = 1 + 2 * p + p * p
    table = sets.empty_table(width)
    for rows in sets.blocks(width):
        x = problem.covariates.block(rows)
        size = np.einsum("ai,ab,bi->i", x[1:], inverse, x[1:])
        products = (x[1:, None] * x[None, 1:]).reshape(p * p, -1)
        table += sets.weighted_tables(rows, at.risk[rows], np.vstack([x, x[1:] * size, products]))
    left = _left_at_each_event(problem, *sets.split(table))
    moments = left[:, 1:] / left[:, :1]
    mean, third = moments[:, :p], moments[:, p : 2 * p]
    second = moments[:, 2 * p :].reshape(-1, p, p)
    lean = mean @ inverse
    spread = np.einsum("eab,ab->e", second, inverse) - 2 * np.einsum("ea,ea->e", lean, mean)
    skew = third - spread[:, None] * mean - 2 * np.einsum("eab,eb->ea", second, lean)
    total: Floats = skew.sum(axis=0) / scale
    return total


def _left_at_each_event(problem: PartialLikelihood, at_risk: Floats, dying: Floats) -> Floats:
    """Sums over those at risk less the tie rule's share of the events, one row an event."""
    d = problem.sets.n_events
    day = np.repeat(np.arange(len(d)), d)
    if problem.ties == "breslow":
        return at_risk[day]
    share = (np.arange(len(day)) - (np.cumsum(d) - d)[day]) / d[day]
    left: Floats = at_risk[day] - share[:, None] * dying[day]
    return left


def maximise_penalised(problem: PartialLikelihood, penalty: Penalty) -> Maximum:
    """Climb from 0 to the top of a penalised likelihood.

    Aliased covariates are left out as in `newton`, save that a ridge tells apart covariates
    that repeat each other. The covariance is the inverse information, with the ridge in it.
    """
    zero = np.zeros(problem.p)
    bare = problem.information(problem.evaluate(zero))
    aliased = find_aliases(bare, float(problem.sets.event_weight.sum()))
    if isinstance(penalty, Ridge):
        aliased = {j: others for j, others in aliased.items() if not others}
    kept = np.array([j for j in range(problem.p) if j not in aliased], dtype=int)
    this = Penalised(problem, penalty, kept)
    null = this.look(zero)
    top, step, iterations = _climb(this, null, kept)
    covariance = np.zeros_like(bare)
    covariance[np.ix_(kept, kept)] = np.linalg.inv(top.matrix[np.ix_(kept, kept)])
    return Maximum(
        top.point, top.point.beta, covariance, Start.at(null.point), null.matrix,
        aliased,
        np.zeros(problem.p, bool), np.abs(step) >= SETTLED, iterations,
    )  # fmt: skip


def _climb(
    this: Penalised, view: View, moving: Ints, bent: Floats | None = None
) -> tuple[View, Floats, int]:
    """Go up in the covariates `moving`; give the top, the step not taken there, and a count.

    `bent` is their curvature nearby: with it, what the slopes tell on the way corrects it, and the
    climb is at rest sooner, where the value no longer changes.
    """
    reach, last_size = this.problem.covariates.reach, np.inf
    smallest = SMALLEST_STEP if bent is None else SETTLED
    for iteration in range(MOST_STEPS):  # noqa: B007
        step = np.zeros(this.problem.p)
        if view.point.log_likelihood == -np.inf:
            break
        curvature = _curvature(this, view, moving) if bent is None else bent
        step[moving] = np.linalg.solve(curvature, view.point.score[moving])
        size = np.abs(step).max(initial=0.0)
        if size < smallest or (size < SETTLED and size > last_size / 2):
            break  # the second: as near as the data's own rounding lets it come
        higher = _uphill(this, view, step * min(1.0, LONGEST_STEP / np.max(np.abs(step) * reach)))
        if higher is view:
            break
        if bent is not None:
            moved, fell = higher.point.beta - view.point.beta, view.point.score - higher.point.score
            bent = _corrected(bent, moved[moving], fell[moving])
        view, last_size = higher, size
    return view, step, iteration


def _corrected(bent: Floats, moved: Floats, fell: Floats) -> Floats:
    """Let a curvature say how much the slope fell over a step, all else alike (BFGS)."""
    along = bent @ moved
    if not fell @ moved > 0:
        return bent
    corrected: Floats = bent - np.outer(along, along) / (moved @ along)
    return corrected + np.outer(fell, fell) / (fell @ moved)


def _curvature(this: Penalised, view: View, moving: Ints) -> Floats:
    """Minus the second derivative by the covariates `moving`; the information where not convex.

    Firth's is by differences of its slope: it only steers the steps.
    """
    matrix = view.matrix[np.ix_(moving, moving)]
    if isinstance(this.penalty, Ridge):
        return matrix
    beta, sides = view.point.beta, DIFFERENCE * np.eye(this.problem.p)[moving]
    slopes = [
        this.look(beta - side).point.score - this.look(beta + side).point.score for side in sides
    ]
    curvature = np.array(slopes).reshape(-1, this.problem.p)[:, moving] / (2 * DIFFERENCE)
    curvature = (curvature + curvature.T) / 2
    if np.isfinite(curvature).all() and np.linalg.eigvalsh(curvature).min(initial=1.0) > 0:
        return curvature
    return matrix


def _uphill(this: Penalised, view: View, step: Floats) -> View:
    """Take a step, or as much of it as does not lower the likelihood; stay if nothing will do."""
    value = view.point.log_likelihood
    for _ in range(30):
        there = this.look(view.point.beta + step)
        if there.point.log_likelihood >= value - 1e-11 * (1 + abs(value)):
            return there
        step = step / 2
    return view


def profile_limits(problem: PartialLikelihood, top: Maximum) -> Floats:
    """Profile of Firth's likelihood by log hazard, shape (p, 3); NaN for what is not estimable.

    The lower and upper limit of the 95 % interval, and the signed root of twice the drop of the
    penalised likelihood at 0.
    """
    found = np.full((problem.p, 3), np.nan)
    kept = np.array([j for j in range(problem.p) if j not in top.aliased], dtype=int)
    if top.unsettled.any():
        return found
    this = Penalised(problem, "firth", kept)
    bent = np.zeros_like(top.covariance)
    bent[np.ix_(kept, kept)] = _curvature(this, this.look(top.beta), kept)
    for j in kept:
        scale = problem.covariates.scale[j]
        low, high = (_limit(this, top, bent, int(j), side) / scale for side in (-1.0, 1.0))
        found[j] = low, high, -_signed_root(this, top, bent, int(j), 0.0)
    return found


def _limit(this: Penalised, top: Maximum, bent: Floats, j: int, side: float) -> float:
    """Find the scaled coefficient on one side where the profile has dropped enough."""
    z, here = float(ndtri(0.975)), float(top.beta[j])
    near, far = here, here + side * z * float(top.covariance[j, j]) ** 0.5

    def beyond(value: float) -> float:
        return side * _signed_root(this, top, bent, j, value) - z

    for _ in range(MOST_WIDENINGS):
        if beyond(far) >= 0:
            return float(scipy.optimize.brentq(beyond, near, far, xtol=1e-10, rtol=1e-12))
        near, far = far, far + 0.5 * (far - here)
    return side * np.inf


def _signed_root(this: Penalised, top: Maximum, bent: Floats, j: int, value: float) -> float:
    """Root of twice the drop of the profile at a scaled coefficient, with the side's sign.

    `bent` (p, p) is the curvature at the top.
    """
    moved = value - top.beta[j]
    start = this.look(top.beta + top.covariance[:, j] / top.covariance[j, j] * moved)
    others = this.kept[this.kept != j]
    view, _, _ = _climb(this, start, others, bent[np.ix_(others, others)])
    drop = top.point.log_likelihood - view.point.log_likelihood
    return float(np.sign(moved) * np.sqrt(2 * max(drop, 0.0)))
