"""The variance of the frailty: the top of the integrated likelihood, its limits, its edge at 0."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy
from scipy.special import chdtri

from desistance.results import NOT_ESTIMABLE
from desistance.survival.frailty.groups import SharedFrailty
from desistance.survival.frailty.top import (
    SETTLED,
    SOLVED,
    GroupedRows,
    View,
    climb,
    correction,
    curvature_at,
    stay_of,
)
from desistance.survival.newton import Maximum, maximise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood, Point

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SMALLEST, LARGEST = 1e-6, 1e4  # variances of frailty; a smaller one is 0, none is larger
ENDLESS = "the likelihood rises with the variance without end"
UNEVEN = "the likelihood is too uneven to tell the variance of its top"
NEXT_TO = 1e-12  # of two logarithms of a variance
FIRST_LOOKS = (0.02, 0.1, 0.4, 1.6)
DROP95 = float(chdtri(1, 0.05)) / 2


@dataclass(slots=True, eq=False)
class Profile:
    """The integrated likelihood by theta alone; each climb begins from the nearest one done.

    `plain` is the top without frailty, `done` the view at each theta, the step that was left
    there, and how many were taken.
    """

    this: GroupedRows
    plain: Point
    done: dict[float, tuple[View, float, int]] = field(default_factory=dict)

    def at(self, theta: float) -> View:
        """The top at one theta above 0."""
        if theta not in self.done:
            beta, log_frailty = self.plain.beta, np.zeros(len(self.this.events))
            if self.done:
                near = min(self.done, key=lambda other: abs(np.log(other / theta)))
                beta, log_frailty = self.done[near][0].point.beta, self.done[near][0].log_frailty
            self.done[theta] = climb(self.this, self.this.look(beta, log_frailty, theta))
        return self.done[theta][0]

    def value(self, theta: float) -> float:
        """The likelihood at its top; theta 0 is no frailty."""
        if np.isnan(theta):
            return np.nan
        return self.at(theta).value if theta else self.plain.log_likelihood

    def slope(self, log_theta: float) -> float:
        """Its slope by theta."""
        view = self.at(float(np.exp(log_theta)))
        short = np.sum(view.log_frailty - np.expm1(view.log_frailty))
        return float(correction(self.this.events, view.theta)[1] - short / view.theta**2)

    def best_theta(self) -> float:
        """The theta of the highest likelihood: 0 at the edge, infinite if there is no top.

        NaN where the likelihood is uneven, so that no slope leads to its top.
        """
        looks = [SMALLEST, *FIRST_LOOKS]
        values = [self.value(theta) for theta in looks]
        while values[-1] == max(values):
            if looks[-1] > LARGEST:
                return np.inf
            looks.append(4 * looks[-1])
            values.append(self.value(looks[-1]))
        best = int(np.argmax(values))
        rising = self.slope(np.log(looks[best])) > 0
        if best == 0 and not rising:
            return 0.0
        here, there = np.log(looks[best]), np.log(looks[best + 1 if rising else best - 1])
        while (self.slope(there) > 0) == rising:
            if abs(there - here) < NEXT_TO:
                return np.nan
            there = (here + there) / 2  # another top lies between
        return float(
            np.exp(
                scipy.optimize.brentq(self.slope, *sorted((here, there)), xtol=1e-13, rtol=1e-14)
            )
        )

    def limit(self, theta: float, side: int) -> float:
        """Find the theta above (1) or below (-1) the best where twice the drop is 3.84."""
        enough = self.value(theta) - DROP95

        def beyond(log_theta: float) -> float:
            return enough - self.value(float(np.exp(log_theta)))

        if side < 0 and self.value(0.0) >= enough:
            return 0.0
        near = np.log(max(theta, SMALLEST))
        far = near + side
        while beyond(far) < 0:
            if far > np.log(LARGEST) + 1:
                return np.inf
            near, far = far, far + side
        return float(
            np.exp(scipy.optimize.brentq(beyond, *sorted((near, far)), xtol=1e-10, rtol=1e-12))
        )


def maximise_with_frailty(
    problem: PartialLikelihood, group: Ints, by: str, labels: tuple[str, ...]
) -> tuple[Maximum, Floats, SharedFrailty]:
    """Climb to the top of the integrated likelihood.

    Returns the top (its covariance with theta known), the covariance with theta estimated, and the
    frailties; `group` (n,) are codes of `labels`. Terms that are aliased or whose likelihood is
    monotone without frailty are treated as there.
    """
    plain = maximise(problem)
    events = np.bincount(group[problem.sets.event], minlength=len(labels))
    stuck = plain.runaway | plain.unsettled
    stuck[list(plain.aliased)] = True
    this = GroupedRows(problem, group, events, np.flatnonzero(~stuck))
    if not problem.sets.n_days:
        return plain, plain.covariance, _unknown(by, labels, events, "no event")
    profile = Profile(this, plain.point)
    theta = profile.best_theta()
    if not np.isfinite(theta):
        why = ENDLESS if theta == np.inf else UNEVEN
        lost = replace(plain, unsettled=~stuck)
        return lost, plain.covariance, _unknown(by, labels, events, why)
    start = problem.evaluate(np.zeros(problem.p))
    nothing = Profile(replace(this, free=this.free[:0]), start)
    null = replace(plain.null, log_likelihood=nothing.value(nothing.best_theta()))
    limits = profile.limit(theta, -1), profile.limit(theta, 1)
    best = profile.value(theta), plain.point.log_likelihood
    if theta == 0:
        expected = this.added(plain.point.risk * stay_of(problem, plain.point))
        note = "at its edge, 0: groups differ no more than chance has them differ"
        found = SharedFrailty(by, labels, events, expected, 0.0, np.nan, *limits, *best, note)
        return replace(plain, null=null), plain.covariance, found
    view, size, _ = profile.done[theta]
    known, counted, error = _covariances(this, view)
    expected = this.added(view.point.risk * view.stay) / np.exp(view.log_frailty)
    top = replace(
        plain, point=replace(view.point, log_likelihood=view.value), beta=view.point.beta,
        covariance=known, null=null,
        iterations=sum(steps for _, _, steps in profile.done.values()),
        unsettled=plain.unsettled | (~stuck & (size >= SETTLED)),
    )  # fmt: skip
    found = SharedFrailty(by, labels, events, expected, theta, error, *limits, *best, "")
    return top, counted, found


def _covariances(this: GroupedRows, view: View) -> tuple[Floats, Floats, float]:
    """Covariance of scaled coefficients with theta known and estimated, (p, p); theta's error."""
    theta, q = view.theta, len(this.free)
    column = -np.expm1(view.log_frailty) / theta**2
    short = np.sum(view.log_frailty - np.expm1(view.log_frailty))
    curved = curvature_at(this, view, column, SOLVED)
    matrix = np.zeros((q + 1, q + 1))
    matrix[:q, :q] = curved.left
    matrix[:q, q] = matrix[q, :q] = -curved.crossed.T @ curved.divided
    matrix[q, q] = -correction(this.events, theta)[2] - 2 * short / theta**3
    matrix[q, q] -= column @ curved.divided
    known, counted = np.zeros((2, this.problem.p, this.problem.p))
    whole = np.linalg.inv(matrix)
    known[np.ix_(this.free, this.free)] = np.linalg.inv(curved.left)
    counted[np.ix_(this.free, this.free)] = whole[:q, :q]
    return known, counted, float(np.sqrt(whole[q, q])) if whole[q, q] > 0 else np.nan


def _unknown(by: str, labels: tuple[str, ...], events: Ints, why: str) -> SharedFrailty:
    none = np.full(len(labels), np.nan)
    return SharedFrailty(by, labels, events, none, *(np.nan,) * 6, f"{NOT_ESTIMABLE}: {why}")
