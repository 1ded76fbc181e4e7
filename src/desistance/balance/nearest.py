"""Nearest neighbours on one number, exact and fast, whatever the order of the rows.

Those exposed are served in the order of the score, the largest first unless asked otherwise; each
gets the nearest person left. Of two as near, the one first in the order of labels is taken, and
labels also settle who of two equal scores is served first. With several each, all get a first
before any gets a second. Since the scores served only descend, or ascend, the nearest people left
on either side are always at hand, and the answer is that of looking at everybody.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Order = Literal["largest", "smallest"]


def nearest(
    score: Floats,
    exposed: NDArray[np.bool_],
    block: Ints,
    *,
    ratio: int,
    replacement: bool,
    caliper: float,
    order: Order,
) -> tuple[Ints, Ints]:
    """Pair rows, whose places are the order of their labels, within blocks.

    Parameters
    ----------
    score, exposed, block : shape (n,)
        Rows of different blocks are never paired.
    ratio, replacement
        Most comparison people for each exposed, and whether one may serve several.
    caliper
        Largest difference in score of any pair.

    Returns
    -------
    exposed_row, other_row : int64 arrays, shape (n_pairs,)
    """
    found_exposed: list[Ints] = []
    found_other: list[Ints] = []
    caliper = min(caliper, float(np.finfo(float).max))  # an infinite gap is to nobody
    score = score if order == "largest" else -score
    rows = np.argsort(block, kind="stable")
    edges = np.concatenate([[0], np.flatnonzero(np.diff(block[rows])) + 1, [len(rows)]])
    pair = _with_replacement if replacement else _without_replacement
    for begin, end in pairwise(edges):
        here = rows[begin:end]
        ours, theirs = here[exposed[here]], here[~exposed[here]]
        if not len(ours) or not len(theirs):
            continue
        ours = ours[stable_order(-score[ours])]
        one, other = pair(score[ours], score[theirs], ratio, caliper)
        found_exposed.append(ours[one])
        found_other.append(theirs[other])
    if not found_exposed:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found_exposed), np.concatenate(found_other)


def stable_order(values: Floats) -> Ints:
    """Sort, the first of equals first: as a stable sort, but fast where few are equal."""
    order = np.argsort(values)
    ranked = values[order]
    same = ranked[1:] == ranked[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    order[tied] = order[tied][np.lexsort((order[tied], ranked[tied]))]
    return order


def _without_replacement(
    ours: Floats, theirs: Floats, ratio: int, caliper: float
) -> tuple[Ints, Ints]:
    """Serve `ours`, which descend."""
    left, waiting = stable_order(theirs), np.arange(len(ours))
    pairs: list[tuple[Ints, Ints]] = []
    for _ in range(ratio):
        got, chosen = _served(ours[waiting], theirs[left], left, caliper)
        waiting = waiting[got]  # who found nobody finds nobody later
        pairs.append((waiting, left[chosen]))
        left = np.delete(left, chosen)
    return np.concatenate([one for one, _ in pairs]), np.concatenate([other for _, other in pairs])


def _served(ours: Floats, theirs: Floats, label: Ints, caliper: float) -> tuple[Ints, Ints]:
    """Give each of `ours`, which descend, the nearest of `theirs`, which ascend, who is left.

    Equal scores are one level, taken from in the order of labels. Levels above the score that is
    served lie on a pile, the nearest on top; those below were not reached yet. So the nearest left
    are at hand, and the levels at infinity, which have nobody, end the search.
    """
    first = np.flatnonzero(np.diff(theirs, prepend=-np.inf))
    levels = np.concatenate([[-np.inf], theirs[first], [np.inf]])
    reached: list[int] = np.searchsorted(levels, ours, side="left").tolist()
    start: list[int] = np.concatenate([[0], first, [len(theirs)]]).tolist()
    value: list[float] = levels.tolist()
    free, below, above = start.copy(), len(first), [len(first) + 1]
    chosen = [-1] * len(ours)
    for place, (score, level) in enumerate(zip(ours.tolist(), reached, strict=True)):
        if level <= below:
            above.extend(range(below, level - 1, -1))
            below = level - 1
        upper = above[-1]
        down, up = score - value[below], value[upper] - score
        if down > caliper and up > caliper:
            continue
        if down < up or (down == up and label[free[below]] < label[free[upper]]):
            chosen[place] = free[below]
            free[below] += 1
            if free[below] == start[below + 1]:  # nobody is left on it
                below -= 1
        else:
            chosen[place] = free[upper]
            free[upper] += 1
            if free[upper] == start[upper + 1]:
                above.pop()
    found = np.array(chosen, np.int64)
    got = np.flatnonzero(found >= 0)
    return got, found[got]


def _with_replacement(
    ours: Floats, theirs: Floats, ratio: int, caliper: float
) -> tuple[Ints, Ints]:
    """Give each its `ratio` nearest: among as many above and as many below."""
    m = len(theirs)
    up, down = stable_order(theirs), stable_order(-theirs)
    above = np.searchsorted(theirs[up], ours, side="left")[:, None] + np.arange(ratio)
    below = np.searchsorted(-theirs[down], -ours, side="right")[:, None] + np.arange(ratio)
    there = np.column_stack([above < m, below < m])
    who = np.column_stack([up[np.minimum(above, m - 1)], down[np.minimum(below, m - 1)]])
    gap = np.where(there, np.abs(theirs[who] - ours[:, None]), np.inf)
    ranked = np.lexsort((who, gap))[:, :ratio]
    gap, who = (np.take_along_axis(values, ranked, axis=1) for values in (gap, who))
    one, place = np.nonzero(gap <= caliper)
    return one, who[one, place]


def within(
    score: Floats, exposed: NDArray[np.bool_], block: Ints, *, caliper: float
) -> tuple[Ints, Ints]:
    """Pair each exposed row with everybody of its block within the caliper."""
    theirs = np.flatnonzero(~exposed)
    order = theirs[np.lexsort((score[theirs], block[theirs]))]
    ours = np.flatnonzero(exposed)
    first, last = np.zeros(len(ours), np.int64), np.zeros(len(ours), np.int64)
    begin = np.searchsorted(block[order], block[ours], side="left")
    end = np.searchsorted(block[order], block[ours], side="right")
    for place, row in enumerate(ours.tolist()):
        values = score[order[begin[place] : end[place]]]
        first[place] = begin[place] + np.searchsorted(values, score[row] - caliper, side="left")
        last[place] = begin[place] + np.searchsorted(values, score[row] + caliper, side="right")
    count = last - first
    owner = np.repeat(np.arange(len(ours)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return ours[owner], order[first[owner] + step]


def once_each(
    score: Floats,
    exposed: NDArray[np.bool_],
    block: Ints,
    person: Ints,
    *,
    ratio: int,
    caliper: float,
    order: Order,
) -> tuple[Ints, Ints]:
    """Give each exposed row its nearest where a person stands in many blocks but serves once."""
    by_block = np.argsort(block, kind="stable")
    ours = np.flatnonzero(exposed)
    served = ours[np.argsort(-score[ours] if order == "largest" else score[ours], kind="stable")]
    begin = np.searchsorted(block[by_block], block[served], side="left")
    end = np.searchsorted(block[by_block], block[served], side="right")
    taken = np.zeros(int(person.max()) + 1, bool)
    found: list[tuple[int, int]] = []
    for _ in range(ratio):
        for place, row in enumerate(served.tolist()):
            there = by_block[begin[place] : end[place]]
            free = there[~exposed[there] & ~taken[person[there]]]
            gap = np.abs(score[free] - score[row])
            if len(free) and gap.min() <= caliper:
                chosen = int(free[gap.argmin()])
                taken[person[chosen]] = True
                found.append((row, chosen))
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
