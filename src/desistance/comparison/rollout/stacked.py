"""The stacked event study, and the two-way regression it stands in for.

Each go-live group makes a stack: its areas, and areas not live throughout the stack's months, from
`before` months before go-live to `after` months after it. All stacks are fitted together, with an
intercept for each area and each month of a stack and a coefficient for each month since go-live of
the areas that went live, told against the mean of the base months. Areas compared are weighted so
that each stack counts as its live areas do. Groups whose months are not all there, or with nobody
to compare, are left out. Errors are over areas (an area may stand in many stacks), by CR2 with
Satterthwaite's degrees of freedom.

Two-way fixed effects (an intercept for each area and month, one coefficient for being live) is
shown as a yardstick only: where effects grow, areas that went live early are compared with
themselves later on, and some live area-months count with the wrong sign.

References
----------
Cengiz, Dube, Lindner and Zipperer (2019), Quarterly Journal of Economics 134(3); Wing, Freedman and
Hollingsworth (2024), NBER working paper 32054; Goodman-Bacon (2021) and de Chaisemartin and
D'Haultfoeuille (2020) on two-way fixed effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.comparison.fewareas.leastsquares import cr2, least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EventStudy:
    """Coefficients by month since go-live, and their mean over live months (last).

    Attributes
    ----------
    month : int64 array, shape (k,)
    estimate, std_error, df : float64 arrays, shape (k + 1,)
    n_live : areas that went live in some stack
    n_left_out : go-live groups that make no stack
    """

    month: Ints
    estimate: Floats
    std_error: Floats
    df: Floats
    n_live: int
    n_left_out: int


def event_study(
    y: Floats, weight: Floats, start: Ints, *, window: tuple[int, int], base_months: int,
    anticipation: int,
) -> EventStudy | None:  # fmt: skip
    """Stack and fit; arrays as in `grouptime`. None where no go-live group makes a stack."""
    stacks, n_months = [], y.shape[1]
    before, after = window
    groups = np.unique(start[start < n_months])
    for group in groups:
        others = (start > group + after + anticipation) | (start == n_months)
        mine = start == group
        if group - before < 0 or group + after >= n_months or not others.any():
            continue
        stacks.append((int(group), mine, others))
    if not stacks:
        return None
    live, other = (np.array([weight[stack[i]].sum() for stack in stacks]) for i in (1, 2))
    fair = (live / live.sum()) / (other / other.sum())
    months = np.arange(-before, after + 1)
    rows: list[tuple[Ints, ...]] = []
    for s, (group, mine, others) in enumerate(stacks):
        area, month = (a.ravel() for a in np.meshgrid(np.flatnonzero(mine | others), months,
                                                      indexing="ij"))  # fmt: skip
        seen = np.isfinite(y[area, month + group])
        rows.append(tuple(a[seen] for a in (np.full_like(area, s), area, month, month + group)))
    stack, area, month, when = (np.concatenate(part) for part in zip(*rows, strict=True))
    is_live = start[area] == np.array([group for group, _, _ in stacks])[stack]
    counted = weight[area] * np.where(is_live, 1.0, fair[stack])
    last = -1 - anticipation
    told = months[months != last]
    x = np.column_stack(
        [
            (is_live[:, None] & (month[:, None] == told)).astype(float),
            _intercepts(stack * y.shape[0] + area),
            _intercepts(stack * len(months) + month),
        ]
    )
    fit = least_squares(x, y[area, when], counted, np.unique(area, return_inverse=True)[1])
    told_of = (months[:, None] == told).astype(float)  # the last month of the base is 0
    told_of -= told_of[(months <= last) & (months > last - base_months)].mean(axis=0)
    contrasts = np.zeros((len(months) + 1, x.shape[1]))
    contrasts[:-1, : len(told)] = told_of
    contrasts[-1, : len(told)] = told_of[months >= 0].mean(axis=0)
    estimate, error, df = cr2(fit, contrasts)
    return EventStudy(months, estimate, error, df, int(sum(mine.sum() for _, mine, _ in stacks)),
                      len(groups) - len(stacks))  # fmt: skip


def _intercepts(label: Ints) -> Floats:
    return np.eye(len(np.unique(label)))[np.unique(label, return_inverse=True)[1]]


@dataclass(frozen=True, slots=True)
class TwoWay:
    """The two-way coefficient, and the share of live area-months with the wrong sign."""

    estimate: float
    std_error: float
    df: float
    wrong_sign: float


def two_way(y: Floats, weight: Floats, start: Ints) -> TwoWay:
    """Fit the yardstick; arrays as in `grouptime`."""
    area, month = np.nonzero(np.isfinite(y))
    is_live = month >= start[area]
    x = np.column_stack([is_live.astype(float), _intercepts(area), _intercepts(month)])
    cluster = np.unique(area, return_inverse=True)[1]
    fit = least_squares(x, y[area, month], weight[area], cluster)
    estimate, error, df = cr2(fit, np.eye(x.shape[1])[:1])
    counted = fit.solver[0][is_live]
    return TwoWay(float(estimate[0]), float(error[0]), float(df[0]), float(np.mean(counted < 0)))
