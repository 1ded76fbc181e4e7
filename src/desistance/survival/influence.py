"""How far each person moves a curve: the infinitesimal jackknife, day by day.

A row of weight w that is at risk on some days and has the event on the last moves a statistic by

    w * (moved on the day of its event - path added up over the days it is at risk)

where `moved` is what one more unit of events would change and `path` is hazard times `moved`.
A person's move is that of all their rows, and the robust variance the people's moves squared and
added up. For the cumulative hazard ``moved = 1 / at risk``; for minus the logarithm of
Kaplan–Meier's S, ``1 / (at risk - events)``.

References: Lawless and Nadeau (1995); Therneau and Grambsch (2000), chapter 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desistance.timetoevent import in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

OVER_PEOPLE = "infinitesimal jackknife over people"


def row_moves(sets: RiskSets, moved: Floats, path: Floats) -> Floats:
    """What each row moves the statistic by over its whole stay, shape (n,); arguments (K,)."""
    return -sets.weights() * sets.over_stay(path, moved)[slice(None)]


def variance_over_people(sets: RiskSets, person: Ints, moved: Floats, path: Floats) -> Floats:
    """Robust variance of one statistic on every day, shape (K,); `moved` and `path` (K,)."""
    move = row_moves(sets, moved, path)
    return jackknife(sets, person, move[:, None], path[:, None])[:, 0, 0]


def jackknife(sets: RiskSets, person: Ints, move: Floats, path: Floats) -> Floats:
    """Covariance of q statistics on every day, shape (K, q, q).

    `move` (n, q) is each row's move over its whole stay, `path` (K, q) the days' paths.

    A person's total is constant between rows, and falls with the running path C while at risk:
    a - w C, with a = what earlier rows left + w C at entry. So the products over all who are at
    risk add up from sums of a a', a w and w^2, in one sweep over days.
    """

    def staying(values: Floats) -> Floats:
        return sets.at_risk_and_after(values)[1]

    say = np.flatnonzero(sets.has_say)
    whose = sets.stratum[sets.last[say]] * (int(person.max(initial=0)) + 1) + person[say]
    place = in_order(whose, sets.last[say])
    order, whose = say[place], whose[place]
    carries_on = whose[1:] == whose[:-1]
    begins = np.concatenate([[True], ~carries_on])[: len(order)]
    weight = sets.weights()
    running = np.vstack([sets.running(path), np.zeros_like(path[:1])])
    left = _running_within(move[order], begins)
    start = np.zeros_like(move)
    start[order] = left - move[order]
    if sets.before is not None:
        start += weight[:, None] * running[sets.before]
    copies = 1 if sets.copies is None else sets.copies[order]
    stays_alone = staying(weight**2)
    with_weight = [staying(start[:, j] * weight) for j in range(path.shape[1])]
    covariance = np.empty((sets.n_days, path.shape[1], path.shape[1]))
    for j, k in zip(*np.tril_indices(path.shape[1]), strict=True):
        squares = left[:, j] * left[:, k]
        gone = np.bincount(sets.last[order], squares * copies, sets.n_days).astype(float)
        if sets.before is not None and carries_on.any():
            back = sets.before[order[1:][carries_on]] + 1
            gone -= np.bincount(back, squares[:-1][carries_on], sets.n_days)
        c_j, c_k = running[:-1, j], running[:-1, k]
        covariance[:, j, k] = covariance[:, k, j] = (
            staying(start[:, j] * start[:, k])
            - c_j * with_weight[k]
            - c_k * with_weight[j]
            + c_j * c_k * stays_alone
            + sets.running(gone)
        )
    return covariance


def _running_within(values: Floats, begins: NDArray[np.bool_]) -> Floats:
    """Running sums of rows (m, q) that begin anew wherever `begins` is true."""
    total: Floats = np.cumsum(values, axis=0)
    before = (total - values)[begins][np.cumsum(begins) - 1]
    within: Floats = total - before
    return within
