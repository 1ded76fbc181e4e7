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

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from desistance.timetoevent import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Rows = slice | Ints

ROWS_IN_CACHE = 16_384
OVER_PEOPLE = "infinitesimal jackknife over people"


def row_moves(sets: RiskSets, moved: Floats, path: Floats) -> Floats:
    """What each row moves the statistic by over its whole stay, shape (n,); arguments (K,)."""
    return -sets.weights() * sets.over_stay(path, moved)[slice(None)]


def variance_over_people(sets: RiskSets, person: Ints, moved: Floats, path: Floats) -> Floats:
    """Robust variance of one statistic on every day, shape (K,); `moved` and `path` (K,)."""
    stay = sets.over_stay(-path, -moved)

    def move(rows: Rows) -> Floats:
        return (sets.weights(rows) * stay[rows])[:, None]

    return jackknife(sets, person, move, path[:, None])[:, 0, 0]


def jackknife(sets: RiskSets, person: Ints, move: Callable[[Rows], Floats], path: Floats) -> Floats:
    """Covariance of q statistics on every day, shape (K, q, q).

    `move` gives what r rows move over their whole stay, (r, q); `path` (K, q) the days' paths.

    A person's total is constant between rows, and falls with the running path C while at risk:
    a - w C, with a = what earlier rows left + w C at entry. So the products over all who are at
    risk add up from sums of w^2, a w and a a', in one sweep over days.
    """
    running, (n_days, q) = sets.running(path), path.shape
    pairs = [(j, k) for j in range(q) for k in range(j + 1)]
    leave, enter, gone = _sums_over_people(sets, person, move, running, pairs)
    staying = sets.running_back(leave - enter) - leave
    alone, with_weight, both = np.split(staying, [1, 1 + q], axis=1)
    covariance, gone = np.empty((n_days, q, q)), sets.running(gone)
    for place, (j, k) in enumerate(pairs):
        c_j, c_k = running[:, j], running[:, k]
        covariance[:, j, k] = covariance[:, k, j] = (
            both[:, place]
            - c_j * with_weight[:, k]
            - c_k * with_weight[:, j]
            + c_j * c_k * alone[:, 0]
            + gone[:, place]
        )
    return covariance


def _sums_over_people(
    sets: RiskSets,
    person: Ints,
    move: Callable[[Rows], Floats],
    running: Floats,
    pairs: list[tuple[int, int]],
) -> tuple[Floats, Floats, Floats]:
    """What leaves the sums over those at risk on each day, what enters, and what is left behind.

    The first two, (K, 1 + q + pairs), are of w^2, a w and a a', the last, (K, pairs), of the
    totals of people between rows and after them. Where a row carries on the person's last without
    a break, only what changes is added up.
    """
    order, whose = _by_person(sets, person)
    (none, q), entry = running.shape, np.append(running.T, np.zeros((running.shape[1], 1)), axis=1)
    leave, enter, gone = np.zeros((3, 1 + q + len(pairs), none + 1))

    def add(table: Floats, code: Ints, values: Floats) -> None:
        table += np.bincount(code, values, none + 1)

    for block in _whole_people(whose, none):
        rows = block if isinstance(order, slice) else order[block]
        last, weight, mine = sets.last[rows].astype(np.int64), sets.weights(rows), move(rows).T
        before = np.full_like(last, none)
        if sets.before is not None:
            before = sets.before[rows].astype(np.int64)
        copies = 1 if sets.copies is None else sets.copies[rows]
        again = whose[block][1:] == whose[block][:-1]
        on = again & (before[1:] == last[:-1])
        comes, goes = np.flatnonzero(np.append(True, ~on)), np.flatnonzero(np.append(~on, True))
        first, apart = np.flatnonzero(np.append(True, ~again)), np.flatnonzero(again & ~on)
        left = np.cumsum(mine, axis=1)
        left -= np.repeat((left - mine)[:, first], np.diff(first, append=len(last)), axis=1)
        sums = [weight**2]
        if sets.before is not None:  # else everybody starts from 0
            start = left - mine + weight * entry[:, before]
            sums += [*(start * weight), *(start[j] * start[k] for j, k in pairs)]
        for place, values in enumerate(sums):
            change = values * copies
            change[:-1] -= change[1:] * on
            add(leave[place], last, change)
            add(enter[place], before[comes], values[comes])
        for place, (j, k) in enumerate(pairs):
            squares = left[j] * left[k] * copies
            add(gone[place], last[goes], squares[goes])
            add(gone[place], before[apart + 1] + 1, -squares[apart])
    return leave[:, :none].T, enter[:, :none].T, gone[: len(pairs), :none].T


def _by_person(sets: RiskSets, person: Ints) -> tuple[Rows, Ints]:
    """Index the r rows with a say by stratum, person and time; and codes of the first two, (r,)."""
    whose = person
    if sets.stratum.any():
        n_people = int(person.max(initial=0)) + 1
        whose = np.append(sets.stratum, 0)[sets.last] * n_people + person
    order: Rows = in_order(whose, sets.last)
    if not sets.has_say.all():
        order = np.arange(sets.n)[order]
        order = order[sets.has_say[order]]
    return order, whose[order]


def _whole_people(whose: Ints, n_days: int) -> Iterator[slice]:
    """Cut rows in the order of `whose` (n,) into blocks that stay in cache, people whole."""
    begins = np.searchsorted(whose, whose[:: max(ROWS_IN_CACHE, 2 * (n_days + 1))])
    for begin, end in pairwise(np.unique(np.append(begins, len(whose))).tolist()):
        yield slice(begin, end)
