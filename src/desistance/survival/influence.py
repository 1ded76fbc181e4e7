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
    Codes = NDArray[np.int32]
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
    whose, last = person, sets.last
    if sets.stratum.any():
        whose = np.append(sets.stratum, 0)[last] * (int(person.max(initial=0)) + 1) + person
    order: Ints | slice = in_order(whose, last)
    if not sets.has_say.all():
        order = np.arange(sets.n)[order]
        order = order[sets.has_say[order]]
    whose, last, weight = whose[order], last[order], sets.weights()[order]
    before = None if sets.before is None else sets.before[order]
    copies = 1 if sets.copies is None else sets.copies[order]
    begins = np.flatnonzero(np.diff(whose, prepend=-1))
    n_rows = np.diff(begins, append=len(whose))
    again = np.flatnonzero(whose[1:] == whose[:-1])

    def at(code: Ints | Codes, values: Floats) -> Floats:
        return np.bincount(code, values, sets.n_days + 1)[: sets.n_days].astype(float, copy=False)

    def staying(values: Floats) -> Floats:
        """Add up over those at risk on each day who are still at risk after it, shape (K,)."""
        values = values * copies
        leave = at(last, values)
        enter = 0.0 if before is None else at(before, values)
        return sets.running_back(leave - enter) - leave

    running = sets.running(path)
    left, start = [], []
    for mine, path_so_far in zip(move[order].T, running.T, strict=True):
        total = np.cumsum(mine)
        so_far = total - np.repeat((total - mine)[begins], n_rows)
        entry = 0.0 if before is None else weight * np.append(path_so_far, 0.0).take(before)
        left.append(so_far)
        start.append(so_far - mine + entry)
    stays_alone = staying(weight**2)
    with_weight = [staying(own * weight) for own in start]
    covariance = np.empty((sets.n_days, len(start), len(start)))
    for j, k in zip(*np.tril_indices(len(start)), strict=True):
        squares = left[j] * left[k]
        gone = at(last, squares * copies)
        if before is not None:
            gone -= at(before[again + 1] + np.int32(1), squares[again])
        c_j, c_k = running[:, j], running[:, k]
        covariance[:, j, k] = covariance[:, k, j] = (
            staying(start[j] * start[k])
            - c_j * with_weight[k]
            - c_k * with_weight[j]
            + c_j * c_k * stays_alone
            + sets.running(gone)
        )
    return covariance
