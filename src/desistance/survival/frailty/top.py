"""The way to the top of the penalised likelihood at one variance of the frailty.

Newton's steps, with the groups' frailties swept out of the covariates' part. Their own part, of the
size groups x groups, is only ever multiplied by columns: systems are solved by conjugate gradients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.survival.partial_likelihood import evaluate, information, over_stay

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood, Point

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_STEPS = 60
SMALLEST_STEP = 1e-12
SETTLED = 1e-7
STEERED, SOLVED = 1e-16, 1e-28  # of the squared error that a linear system began with


@dataclass(frozen=True, slots=True, eq=False)
class GroupedRows:
    """A partial likelihood of n rows in G groups.

    `group` (n,) are codes 0, 1, ..., `events` (G,) the groups' events, and `free` the covariates
    that are fitted.
    """

    problem: PartialLikelihood
    group: Ints
    events: Ints
    free: Ints

    def added(self, values: Floats) -> Floats:
        """Add up `values` (n,) by group, shape (G,)."""
        sums: Floats = np.bincount(self.group, values, len(self.events)).astype(float)
        return sums

    def look(self, beta: Floats, log_frailty: Floats, theta: float) -> View:
        """See the penalised likelihood at scaled coefficients (p,) and log frailties (G,)."""
        problem, offset = self.problem, log_frailty[self.group]
        x = problem.covariates
        together = replace(
            problem,
            covariates=replace(
                x, names=(*x.names, "frailty"), columns=(*x.columns, offset),
                centre=np.append(x.centre, 0.0), scale=np.append(x.scale, 1.0),
                reach=np.append(x.reach, np.abs(offset).max(initial=0.0)),
            ),
            events=np.append(problem.events, offset[problem.sets.event].sum()),
        )  # fmt: skip
        point = evaluate(together, np.append(beta, 1.0))
        point = replace(
            point, beta=beta, score=point.score[:-1],
            at_risk=point.at_risk[:, :-1], dying=point.dying[:, :-1],
        )  # fmt: skip
        short = np.sum(log_frailty - np.expm1(log_frailty))
        value = point.log_likelihood + short / theta + correction(self.events, theta)[0]
        return View(point, log_frailty, theta, float(value), stay_of(problem, point))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The integrated likelihood near its top at one theta; `stay` (n,) is each row's hazard."""

    point: Point
    log_frailty: Floats
    theta: float
    value: float
    stay: Floats


def correction(events: Ints, theta: float) -> tuple[float, float, float]:
    """The sum of c(d_g), and its first and second derivative by theta."""
    d = events[events > 0].astype(float)
    j = np.arange(1, int(d.max(initial=1)))
    more = len(d) - np.cumsum(np.bincount(events[events > 0], minlength=len(j) + 1))[1 : len(j) + 1]
    log, share = np.log1p(d * theta), j / (1 + j * theta)
    return (
        float(np.sum(d - (1 / theta + d) * log) + more @ np.log1p(j * theta)),
        float(np.sum(log / theta**2 - d / theta) + more @ share),
        float(np.sum((d + d / (1 + d * theta)) / theta**2 - 2 * log / theta**3) - more @ share**2),
    )


def stay_of(problem: PartialLikelihood, point: Point) -> Floats:
    """The hazard of each row over its stay, shape (n,), by which its risk is multiplied."""
    with np.errstate(invalid="ignore"):  # where the likelihood has no top, hazards are infinite
        tied = point.tied
        return over_stay(problem.sets, point, tied.hazard, tied.hazard_tied)[slice(None)]


def _curve(this: GroupedRows, view: View, columns: list[Floats]) -> Floats:
    """How far groups' expected events rise along each of m `columns` (n,), shape (G, m)."""
    sets, tied, risk = this.problem.sets, view.point.tied, view.point.risk
    found = np.empty((len(this.events), len(columns)))
    for j, column in enumerate(columns):
        moved = risk * column
        at_risk, dying = sets.at_risk(moved), sets.at_last(moved * sets.event)
        path = sets.over_stay(
            tied.square * at_risk - tied.square_tied * dying,
            tied.square_tied * at_risk - tied.square_twice * dying,
        )
        found[:, j] = this.added(moved * view.stay - risk * path[slice(None)])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Minus the second derivative at a view, with q free covariates, the frailties swept out.

    `crossed` (G, q) is of frailties by covariates, `swept` the same divided by the frailties' own
    part, `divided` a column (G,) so divided, `left` (q, q) what remains of the covariates' part.
    """

    crossed: Floats
    swept: Floats
    divided: Floats
    left: Floats


def curvature_at(this: GroupedRows, view: View, column: Floats, enough: float) -> Curvature:
    x = this.problem.covariates
    crossed = _curve(this, view, [(x.columns[j] - x.centre[j]) / x.scale[j] for j in this.free])
    pull = np.exp(view.log_frailty) / view.theta

    def times(v: Floats) -> Floats:
        return _curve(this, view, list(v[this.group].T)) + pull[:, None] * v

    diagonal = pull + this.added(view.point.risk * view.stay)
    found = _solve(times, diagonal, np.column_stack([crossed, column]), enough)
    swept = found[:, :-1]
    own = information(this.problem, view.point)[np.ix_(this.free, this.free)]
    left = own - crossed.T @ swept
    return Curvature(crossed, swept, found[:, -1], (left + left.T) / 2)


def _solve(
    times: Callable[[Floats], Floats], diagonal: Floats, right: Floats, enough: float
) -> Floats:
    """Solve for m right-hand sides (G, m) at once, by conjugate gradients."""
    found, rest = np.zeros_like(right), right.copy()
    aim = rest / diagonal[:, None]
    size = np.sum(rest * aim, axis=0)
    small = enough * size
    for _ in range(2 * len(right) + 10):
        if (size <= small).all():
            break
        pushed = times(aim)
        stride = _ratio(size, np.sum(aim * pushed, axis=0))
        found += stride * aim
        rest -= stride * pushed
        near, before = rest / diagonal[:, None], size
        size = np.sum(rest * near, axis=0)
        aim = near + _ratio(size, before) * aim
    return found


def _ratio(over: Floats, under: Floats) -> Floats:
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)


def climb(this: GroupedRows, view: View) -> tuple[View, float, int]:
    """Go to the top at the view's theta; give it, the step not taken there, and a count."""
    last_size = np.inf
    for count in range(MOST_STEPS):  # noqa: B007
        score = this.events - this.added(view.point.risk * view.stay)
        score = score - np.expm1(view.log_frailty) / view.theta
        curved = curvature_at(this, view, score, STEERED)
        pull = view.point.score[this.free] - curved.crossed.T @ curved.divided
        step: Floats = np.asarray(np.linalg.solve(curved.left, pull), dtype=float)
        by_group = curved.divided - curved.swept @ step
        size = float(max(np.abs(step).max(initial=0.0), np.abs(by_group).max(initial=0.0)))
        if size < SMALLEST_STEP or (size < SETTLED and size > last_size / 2):
            break  # the second: as near as the data's own rounding lets it come
        higher = _uphill(this, view, step, by_group)
        if higher is view:
            break
        view, last_size = higher, size
    return view, size, count


def _uphill(this: GroupedRows, view: View, step: Floats, by_group: Floats) -> View:
    """Take a step, or as much of it as does not lower the likelihood; stay if nothing will do."""
    slack = 1e-11 * (1 + abs(view.value))
    for _ in range(30):
        beta = view.point.beta.copy()
        beta[this.free] += step
        there = this.look(beta, view.log_frailty + by_group, view.theta)
        if there.value >= view.value - slack:
            return there
        step, by_group = step / 2, by_group / 2
    return view
