"""Newton's way to the top of a partial likelihood, and what to do when there is no top.

Two things keep a coefficient from being estimated, and neither may spoil the others:

* **Aliased**: within every risk set the covariate is constant, or the same as a combination of
  covariates named before it. Found at the start from the information at 0, term by term, as R
  does; the term does not enter the fit.
* **Monotone**: the likelihood keeps rising as the coefficient runs to infinity (no event among
  those with a need, say). Seen when Newton still takes whole steps that no longer gain
  anything, or where it comes to rest so far out that nothing is told there any more. The fit is
  then moved far out in that direction, where it no longer matters how far, and goes on in the
  directions that are left.

No step is longer than `LONGEST_STEP`: where one row outweighs all others the first would otherwise
go straight to where every direction looks flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, eigh, null_space
from scipy.linalg.lapack import dpotrf, dtrtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood, Point

    Floats = NDArray[np.float64]

ALIASED = 1e-11  # share of a covariate's information that those before it leave over
SMALLEST_STEP = 1e-12
MOST_STEPS = 100
NO_GAIN = 1e-6  # log-likelihood per event of mean weight
WHOLE_STEP = 0.1  # in the linear predictor
LONGEST_STEP = 10.0  # of one term, in the linear predictor
FLAT = 1e-9  # share of the information at 0 below which a direction tells nothing
FAR_OUT = 30.0  # steps of a monotone direction: exp(-30) no longer matters
LARGEST_PREDICTOR = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where the climb began, all coefficients 0: what is kept of it."""

    log_likelihood: float
    score: Floats

    @classmethod
    def at(cls, point: Point) -> Start:
        """Keep what later tests need of a point, and none of its long arrays."""
        return cls(point.log_likelihood, point.score)


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """The top of a partial likelihood with p covariates, all in scaled coefficients.

    `aliased` maps a covariate to those it is a combination of (none: it is constant);
    `runaway` and `unsettled` are bool arrays (p,) of terms whose likelihood is monotone, and
    of terms that had not come to rest after `iterations`. `covariance` is 0 in aliased and
    runaway directions.
    """

    point: Point
    beta: Floats
    covariance: Floats
    null: Start
    null_information: Floats
    aliased: dict[int, tuple[int, ...]]
    runaway: NDArray[np.bool_]
    unsettled: NDArray[np.bool_]
    iterations: int


def maximise(problem: PartialLikelihood) -> Maximum:
    """Climb from 0 to the maximum, to a step below `SMALLEST_STEP` and one step more."""
    point = problem.evaluate(np.zeros(problem.p))
    null, null_information = Start.at(point), problem.information(point)
    aliased = find_aliases(null_information, float(problem.sets.event_weight.sum()))
    kept = np.array([j for j in range(problem.p) if j not in aliased], dtype=int)
    free = np.eye(problem.p)[:, kept]
    lost = np.zeros((problem.p, 0))
    matrix, last_size, iterations, newest = null_information, np.inf, 0, True
    for iteration in range(1, MOST_STEPS + 1):
        step = _shortened(_inverse(free, matrix) @ point.score, problem)
        size = float(np.abs(step).max(initial=0.0))
        at_rest = size < SMALLEST_STEP or (size < 1e-7 and size > last_size / 2)
        if at_rest and not newest:
            matrix, newest = problem.information(point), True
            continue
        gone = _flat(free, matrix, null_information) if at_rest else free[:, :0]
        if at_rest and not gone.shape[1]:
            break  # or as near as the data's own rounding lets it come
        iterations = iteration
        if not at_rest:
            higher = point if _runs_away(problem, point, step) else _climb(problem, point, step)
            if higher is point:
                higher, gone = _move_far_out(problem, point, step, free, null_information)
            point, last_size = higher, size
            # so near, the next step is as good by the information from before this one
            near = size * _furthest(step, problem) ** 2 < SMALLEST_STEP
            newest = not near or bool(gone.shape[1])
            if newest:
                matrix = problem.information(point)
        if gone.shape[1]:
            lost = np.hstack([lost, gone])
            free = free @ null_space(lost.T @ free, rcond=1e-4)
    unsettled = np.zeros(problem.p, bool)
    if size >= 1e-7:
        unsettled = np.abs(step) >= 1e-7
    return Maximum(
        point, point.beta + step, _inverse(free, matrix), null, null_information, aliased,
        (lost != 0).any(axis=1), unsettled, iterations,
    )  # fmt: skip


def find_aliases(matrix: Floats, events: float) -> dict[int, tuple[int, ...]]:
    """Find the covariates that those before them already tell, from the information at 0."""
    if _plainly_told_apart(matrix, events) is not None:
        return {}
    aliased: dict[int, tuple[int, ...]] = {}
    kept: list[int] = []
    for j in range(len(matrix)):
        if not matrix[j, j] > 1e-12 * events:
            aliased[j] = ()
            continue
        share = np.linalg.solve(matrix[np.ix_(kept, kept)], matrix[kept, j])
        if matrix[j, j] - matrix[j, kept] @ share > ALIASED * matrix[j, j]:
            kept.append(j)
        else:
            aliased[j] = tuple(k for k, c in zip(kept, share, strict=True) if abs(c) > 1e-6)
    return aliased


def _plainly_told_apart(matrix: Floats, events: float = 0.0) -> Floats | None:
    """The root of `matrix` where each covariate keeps plainly enough information of its own."""
    if not len(matrix):
        return None
    root: Floats
    root, fault = dpotrf(matrix, lower=1)
    own = root.diagonal() ** 2
    told = (own > 1e-6 * matrix.diagonal()).all() and (own > 1e-12 * events).all()
    return root if told and not fault else None


def _shortened(step: Floats, problem: PartialLikelihood) -> Floats:
    """Take no more of a step than moves any term by `LONGEST_STEP` in the linear predictor."""
    longest = _furthest(step, problem)
    return step * (LONGEST_STEP / longest) if longest > LONGEST_STEP else step


def _inverse(free: Floats, matrix: Floats) -> Floats:
    """The inverse within the `free` directions (p, any), 0 where nothing is known."""
    root = _plainly_told_apart(matrix) if free.shape[1] == len(free) else None
    if root is not None:
        back: Floats = dtrtri(root, lower=1)[0]
        return back.T @ back
    size, direction = np.linalg.eigh(free.T @ matrix @ free)
    told = np.abs(size) > 1e-15 * len(size) * np.abs(size).max(initial=0.0)
    out = free @ direction[:, told]
    inverse: Floats = (out / size[told]) @ out.T
    return inverse


def _climb(problem: PartialLikelihood, point: Point, step: Floats) -> Point:
    """Take a step, or as much of it as does not lower the likelihood; stay if nothing will do."""
    slack = 1e-11 * (1 + abs(point.log_likelihood))
    for _ in range(30):
        there = problem.evaluate(point.beta + step)
        if there.log_likelihood >= point.log_likelihood - slack:
            return there
        step = step / 2
    return point


def _runs_away(problem: PartialLikelihood, point: Point, step: Floats) -> bool:
    """Whether a step is long in the linear predictor and yet gains nothing."""
    sets = problem.sets
    gain = step @ point.score / (sets.event_weight.sum() / sets.n_events.sum())
    return bool(gain < NO_GAIN and _furthest(step, problem) > WHOLE_STEP)


def _furthest(step: Floats, problem: PartialLikelihood) -> float:
    """How far a step moves any term in the linear predictor of any row."""
    return float(np.max(np.abs(step) * problem.covariates.reach, initial=0.0))


def _move_far_out(
    problem: PartialLikelihood, point: Point, step: Floats, free: Floats, null_information: Floats
) -> tuple[Point, Floats]:
    """Move on along a monotone direction; give the place and the directions lost there, (p, m)."""
    reach = np.abs(step) @ problem.covariates.reach
    room = (LARGEST_PREDICTOR - np.abs(point.beta) @ problem.covariates.reach) / reach
    far = problem.evaluate(point.beta + step * np.clip(room, 0.0, FAR_OUT))
    if not np.isfinite(far.log_likelihood):
        far = point
    gone = _flat(free, problem.information(far), null_information)
    return far, np.column_stack([_only_large(step), gone])


def _flat(free: Floats, matrix: Floats, null_information: Floats) -> Floats:
    """Directions in which next to nothing is left of the information at 0, shape (p, m)."""
    left, told = free.T @ matrix @ free, free.T @ null_information @ free
    if not len(left) or np.linalg.eigvalsh(left)[0] > FLAT * np.trace(told):
        return free[:, :0]  # so little is left of no direction
    try:
        share, directions = eigh(left, told)
    except LinAlgError:
        return free[:, :0]
    found = (free @ directions[:, share < FLAT]).T
    return np.array([_only_large(direction) for direction in found]).reshape(-1, len(free)).T


def _only_large(direction: Floats) -> Floats:
    direction = direction / np.abs(direction).max()
    return np.where(np.abs(direction) > 1e-3, direction, 0.0)
