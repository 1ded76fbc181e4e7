"""Newton's way up a likelihood that need not be concave, nor have a top.

Where the second derivatives do not point down, their absolute values stand in, so that every step
goes up; it is halved until it does. Coefficients are per standard deviation, log scale or logit,
so a step of 1 is a long one.

If steps stay long and yet gain nothing, the likelihood keeps rising as the coefficients run to
infinity in that direction. They are moved far out, where it no longer matters how far, and the
climb goes on in the directions that still matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import null_space

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.survival.parametric.likelihood import Point

    Floats = NDArray[np.float64]

SMALLEST_STEP = 1e-11
SETTLED = 1e-6
LONGEST_STEP = 3.0
MOST_STEPS = 100
HALVINGS = 16
NO_GAIN = 1e-6  # log-likelihood, at mean weight 1
LONG_STEP = 0.01
FLAT = 1e-9
FAR_OUT = (30.0, 10.0, 3.0, 1.0)  # steps of a direction without a top


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """Where the climb ended, p coefficients.

    `covariance` (p, p) is the inverse information, 0 along the `lost` directions (p, any);
    `settled` says whether the climb came to rest at a maximum.
    """

    theta: Floats
    value: float
    covariance: Floats
    lost: Floats
    settled: bool
    steps: int


def climb(
    likelihood: Callable[[Floats], Point], start: Floats, *, near: float = SMALLEST_STEP
) -> Top:
    """Climb from `start` to the top, until a step is shorter than `near`."""
    point = likelihood(start)
    lost, free = np.zeros((len(start), 0)), np.eye(len(start))
    if not np.isfinite(point.value):
        return Top(start, point.value, np.zeros((len(start),) * 2), lost, False, 0)
    size = last_size = np.inf
    steps, step = 0, np.zeros_like(start)
    while steps < MOST_STEPS:
        falls, directions = _curvature(point, free)
        flat = _flat(point, free, falls, directions)
        if flat.size:
            lost, free = _without(lost, flat)
            falls, directions = _curvature(point, free)
        step = _uphill(point, free, falls, directions)
        last_size, size = size, float(np.abs(step).max(initial=0.0))
        if size < near or (size < SETTLED and size > last_size / 2):
            break  # the second: as near as the data's own rounding lets it come
        steps += 1
        if size > LONG_STEP and step @ point.score < NO_GAIN:
            point = _far_out(likelihood, point, step)
            lost, free = _without(lost, step[:, None] / np.linalg.norm(step))
            continue
        higher = _higher(likelihood, point, step)
        if higher is point:
            break
        point = higher
    falls, directions = _curvature(point, free)
    settled = size < max(SETTLED, near) and bool((falls > 0).all())
    told = np.abs(falls) > 1e-15 * np.abs(falls).max(initial=0.0)
    axes = free @ directions[:, told]
    covariance = (axes / falls[told]) @ axes.T
    return Top(point.theta + step * settled, point.value, covariance, lost, settled, steps)


def _curvature(point: Point, free: Floats) -> tuple[Floats, Floats]:
    """How much the slope falls along each of the axes of the `free` directions, and the axes."""
    bend = point.bend if free.shape[1] == len(free) else free.T @ point.bend @ free
    falls, directions = np.linalg.eigh(-bend)
    return falls, directions


def _flat(point: Point, free: Floats, falls: Floats, directions: Floats) -> Floats:
    """Directions among the `free` that do not matter here, shape (p, any)."""
    slight = np.abs(falls) < FLAT
    if not slight.any():
        return free[:, :0]
    flat: Floats = free @ directions[:, slight]
    return flat[:, np.abs(flat.T @ point.score) < FLAT]


def _without(lost: Floats, more: Floats) -> tuple[Floats, Floats]:
    """Lose `more` directions, and give those that are left."""
    lost = np.hstack([lost, more])
    return lost, null_space(lost.T) if lost.size else np.eye(len(lost))


def _uphill(point: Point, free: Floats, falls: Floats, directions: Floats) -> Floats:
    """Newton's step among the `free` directions, made to go up and not too far."""
    if not free.shape[1]:
        return np.zeros_like(point.theta)
    steepness = np.maximum(np.abs(falls), 1e-12 * np.abs(falls).max())
    axes = free @ directions
    along = point.score @ axes
    step: Floats = axes @ np.divide(along, steepness, out=np.zeros_like(along), where=steepness > 0)
    return step * min(1.0, LONGEST_STEP / max(np.abs(step).max(), 1e-300))


def _higher(likelihood: Callable[[Floats], Point], point: Point, step: Floats) -> Point:
    """Take a step, or as much of it as does not lower the likelihood; stay if nothing will do."""
    slack = 1e-13 * (1 + abs(point.value))
    for _ in range(HALVINGS):
        there = likelihood(point.theta + step)
        if there.value >= point.value - slack:
            return there
        step = step / 2
    return point


def _far_out(likelihood: Callable[[Floats], Point], point: Point, step: Floats) -> Point:
    """Move on along a direction without a top, as far as the likelihood bears."""
    for far in FAR_OUT:
        there = likelihood(point.theta + far * step)
        if there.value >= point.value - NO_GAIN:
            return there
    return point
