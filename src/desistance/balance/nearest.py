"""Nearest neighbours on one number, exact and fast, whatever the order of the rows.

Those exposed are served in the order of the score, the largest first unless asked otherwise; each
gets the nearest person left. Of two as near, the one first in the order of labels is taken, and
labels also settle who of two equal scores is served first. With several each, all get a first
before any gets a second. A union-find over the sorted comparison people jumps over those taken, so
that a search costs next to nothing, and the answer is that of looking at everybody.
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
    rows = np.argsort(block, kind="stable")
    edges = np.concatenate([[0], np.flatnonzero(np.diff(block[rows])) + 1, [len(rows)]])
    pair = _with_replacement if replacement else _without_replacement
    for begin, end in pairwise(edges):
        here = rows[begin:end]
        ours, theirs = here[exposed[here]], here[~exposed[here]]
        if not len(ours) or not len(theirs):
            continue
        served = np.argsort(-score[ours] if order == "largest" else score[ours], kind="stable")
        ours = ours[served]
        one, other = pair(score[ours], score[theirs], ratio, caliper)
        found_exposed.append(ours[one])
        found_other.append(theirs[other])
    if not found_exposed:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found_exposed), np.concatenate(found_other)


def _without_replacement(
    ours: Floats, theirs: Floats, ratio: int, caliper: float
) -> tuple[Ints, Ints]:
    """Serve `ours` in order; -1 in the links marks either end."""
    order = np.argsort(theirs, kind="stable")
    values: list[float] = theirs[order].tolist()
    labels: list[int] = order.tolist()
    m = len(values)
    first_of_run = np.searchsorted(theirs[order], theirs[order], side="left").tolist()
    place: list[int] = np.searchsorted(theirs[order], ours, side="left").tolist()
    right = list(range(m + 1))  # the first one left at or after a place
    left = list(range(m + 1))  # the last one left before or at a place - 1
    found_ours: list[int] = []
    found_theirs: list[int] = []
    scores: list[float] = ours.tolist()
    waiting = list(range(len(scores)))
    for _ in range(ratio):
        got: list[int] = []
        for one in waiting:
            score, start = scores[one], place[one]
            after = start
            while right[after] != after:
                right[after] = right[right[after]]
                after = right[after]
            before = start
            while left[before] != before:
                left[before] = left[left[before]]
                before = left[before]
            up = values[after] - score if after < m else np.inf
            down = score - values[before - 1] if before else np.inf
            if min(up, down) > caliper or (after >= m and not before):
                continue
            if down <= up:  # the first one left of a run of equal scores
                below = first_of_run[before - 1]
                while right[below] != below:
                    right[below] = right[right[below]]
                    below = right[below]
                chosen = below if down < up or labels[below] < labels[after] else after
            else:
                chosen = after
            right[chosen], left[chosen + 1] = chosen + 1, chosen
            found_ours.append(one)
            found_theirs.append(labels[chosen])
            got.append(one)
        waiting = got  # who found nobody finds nobody later
    return np.array(found_ours, np.int64), np.array(found_theirs, np.int64)


def _with_replacement(
    ours: Floats, theirs: Floats, ratio: int, caliper: float
) -> tuple[Ints, Ints]:
    """Give each its `ratio` nearest: among as many above and as many below."""
    n, m = len(ours), len(theirs)
    up, down = np.argsort(theirs, kind="stable"), np.argsort(-theirs, kind="stable")
    above = np.searchsorted(theirs[up], ours, side="left")[:, None] + np.arange(ratio)
    below = np.searchsorted(-theirs[down], -ours, side="right")[:, None] + np.arange(ratio)
    there = np.column_stack([above < m, below < m])
    who = np.column_stack([up[np.minimum(above, m - 1)], down[np.minimum(below, m - 1)]])
    gap = np.where(there, np.abs(theirs[who] - ours[:, None]), np.inf)
    row = np.repeat(np.arange(n), who.shape[1])
    ranked = np.lexsort((who.ravel(), gap.ravel(), row)).reshape(n, -1)[:, :ratio]
    gap, who = gap.ravel()[ranked], who.ravel()[ranked]
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
