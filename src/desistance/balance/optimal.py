"""Pairs and sets with the least total distance.

Pairs are an assignment problem, in which a person exposed who may have several stands as often.
Full matching puts everybody into sets with one person of one cohort and any number of the other;
the best such sets are an edge cover of least cost, which is an assignment too: give everybody their
nearest neighbour, then pair two people wherever their pair costs less than both their nearest
neighbours together. A pair beyond the caliper is forbidden.

References
----------
Rosenbaum (1991), Journal of the Royal Statistical Society B 53(3); Hansen (2004), Journal of the
American Statistical Association 99(467).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_CELLS = 100_000_000  # of one block's distances


def optimal_pairs(
    score: Floats,
    exposed: NDArray[np.bool_],
    block: Ints,
    *,
    ratio: int,
    caliper: float,
    person: Ints | None = None,
) -> tuple[Ints, Ints]:
    """Pair as many of those exposed as can be, and make as many pairs as can be, `ratio` at most.

    Of all such pairs these have the least total distance. To have most exposed paired costs no
    pair: whoever has one keeps one while pairs are added along alternating paths. Where a `person`
    (n,) stands in many blocks they serve once, and the blocks are solved together.

    Returns
    -------
    exposed_row, other_row : int64 arrays, shape (n_pairs,)
    """
    ones: list[Ints] = []
    others: list[Ints] = []
    if person is None:
        parts = _blocks(score, exposed, block)
    else:
        parts = iter([_across_blocks(score, exposed, block, person)])
    for ours, theirs, distance in parts:
        # A pair beyond the caliper costs more than all the allowed ones together.
        forbidden = (distance > caliper) | np.isinf(distance)
        dear = (distance[~forbidden].max(initial=0) + 1) * (min(distance.shape) * ratio + 1)
        cost = np.repeat(np.where(forbidden, dear, distance), ratio, axis=0)
        if ratio > 1:  # a first one is worth more than all distances together
            cost[::ratio] -= np.where(forbidden, 0.0, dear)
        one, other = linear_sum_assignment(cost)
        allowed = ~forbidden[one // ratio, other]
        one, other = one[allowed] // ratio, other[allowed]
        ones.append(ours[one])
        others.append(theirs[other] if theirs.ndim == 1 else theirs[one, other])
    return _joined(ones), _joined(others)


def full_sets(
    score: Floats, exposed: NDArray[np.bool_], block: Ints, *, caliper: float
) -> tuple[Ints, Ints]:
    """Put everybody who has anybody within the caliper into a set.

    Returns
    -------
    exposed_row, other_row : int64 arrays, shape (n_pairs,)
        The pairs of every set: one side of a set is one person.
    """
    ones: list[Ints] = []
    others: list[Ints] = []
    for ours, theirs, distance in _blocks(score, exposed, block):
        cost = np.where(distance > caliper, np.inf, distance)
        have = np.isfinite(cost)
        rows, columns = np.flatnonzero(have.any(axis=1)), np.flatnonzero(have.any(axis=0))
        if not len(rows):
            continue
        cost = cost[np.ix_(rows, columns)]
        own, their = cost.argmin(axis=1), cost.argmin(axis=0)
        least_own, least_their = cost.min(axis=1), cost.min(axis=0)
        saving = np.minimum(cost - least_own[:, None] - least_their[None, :], 0.0)
        one, other = linear_sum_assignment(saving)
        paired = saving[one, other] < 0
        one, other = one[paired], other[paired]
        alone = np.setdiff1d(np.arange(len(rows)), one)
        left = np.setdiff1d(np.arange(len(columns)), other)
        edges = np.unique(
            np.column_stack(
                [
                    np.concatenate([one, alone, their[left]]),
                    np.concatenate([other, own[alone], left]),
                ]
            ),
            axis=0,
        )
        edges = _stars(edges)
        ones.append(ours[rows[edges[:, 0]]])
        others.append(theirs[columns[edges[:, 1]]])
    return _joined(ones), _joined(others)


def _stars(edges: Ints) -> Ints:
    """Drop pairs whose two people both have another: of equal scores, they cost nothing."""
    kept = np.ones(len(edges), bool)
    one, other = (np.bincount(side) for side in edges.T)
    for place, (i, j) in enumerate(edges.tolist()):
        if one[i] > 1 and other[j] > 1:
            kept[place] = False
            one[i] -= 1
            other[j] -= 1
    return edges[kept]


def _blocks(
    score: Floats, exposed: NDArray[np.bool_], block: Ints
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """The two sides of every block that has both, and how far apart they are."""
    rows = np.argsort(block, kind="stable")
    edges = np.concatenate([[0], np.flatnonzero(np.diff(block[rows])) + 1, [len(rows)]])
    for begin, end in pairwise(edges):
        here = rows[begin:end]
        ours, theirs = here[exposed[here]], here[~exposed[here]]
        _refuse_too_many(len(ours), len(theirs))
        if len(ours) and len(theirs):
            yield ours, theirs, np.abs(score[ours][:, None] - score[theirs][None, :])


def _across_blocks(
    score: Floats, exposed: NDArray[np.bool_], block: Ints, person: Ints
) -> tuple[Ints, Ints, Floats]:
    """Those exposed, the row of every other person in each one's block, and how far they are.

    The last two have a column a person; who is not in a block is infinitely far.
    """
    ours, others = np.flatnonzero(exposed), np.flatnonzero(~exposed)
    known, column = np.unique(person[others], return_inverse=True)
    _refuse_too_many(len(ours), len(known))
    whose = np.full(int(block.max(initial=-1)) + 1, -1)  # each block is of one exposed at most
    whose[block[ours]] = np.arange(len(ours))
    one = whose[block[others]]
    theirs = np.full((len(ours), len(known)), -1)
    theirs[one[one >= 0], column[one >= 0]] = others[one >= 0]
    distance = np.abs(score[ours][:, None] - score[theirs])
    return ours, theirs, np.where(theirs < 0, np.inf, distance)


def _refuse_too_many(ours: int, theirs: int) -> None:
    if ours * theirs > MOST_CELLS:
        raise ModelError(
            f"{ours:,} by {theirs:,} people are too many for the best of all matches; name "
            '`exact` columns, or use method="nearest".'
        )


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
