"""Randomisation inference: what the effect would be had the areas drawn other go-live months.

Under no effect on anybody, who went live when is a label: every other way to hand the same go-live
months to the same areas gives an effect that was as likely, if the months were handed out by
chance. The p-value is the share of the ways whose effect is as far from 0. A constant effect tau is
tested by taking it out of every live area-month first; as the effect is linear in the outcomes, the
tau that are not rejected form an interval whose ends need no search.

References
----------
Fisher (1935), The Design of Experiments; Rosenbaum (2002), Observational Studies, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from desistance.comparison.fewareas.leastsquares import Floats, Ints

TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Randomised:
    """p-value of no effect, and the interval of constant effects that are not rejected."""

    p_value: float
    conf_low: float
    conf_high: float
    n_ways: int
    exact: bool


def ways_to_go_live(start: Ints, most: int, rng: np.random.Generator) -> tuple[Ints, bool]:
    """List the ways to hand the areas' go-live months out again, the real one first.

    Parameters
    ----------
    start
        Go-live of each area, shape (n,).
    most
        List all ways if they are no more than this; otherwise draw this many.

    Returns
    -------
    order : int64 array, shape (ways, n)
        Area ``order[w, i]`` stands where area i stood.
    exact : bool
        Whether these are all the ways there are.
    """
    values, counts = np.unique(start, return_counts=True)
    exact = factorial(len(start)) // prod(factorial(int(c)) for c in counts) <= most
    if exact:
        handed = _every(values, counts, len(start))
        handed = np.vstack([start, handed[(handed != start).any(axis=1)]])
    else:
        handed = np.vstack([start, rng.permuted(np.tile(start, (most, 1)), axis=1)])
    order = np.empty_like(handed)
    order[:, np.argsort(start, kind="stable")] = np.argsort(handed, axis=1, kind="stable")
    return order, exact


def _every(values: Ints, counts: Ints, n: int) -> Ints:
    """List every distinct arrangement of values, each as often as counted."""
    handed = np.full((1, n), -1, dtype=np.int64)
    free = np.arange(n)[None, :]  # the places not yet taken in each arrangement
    for value, count in zip(values, counts, strict=True):
        chosen = np.array(list(combinations(range(free.shape[1]), int(count))), dtype=np.int64)
        left = np.array([np.delete(np.arange(free.shape[1]), one) for one in chosen])
        taken = free[:, chosen].reshape(-1, int(count))
        handed = np.repeat(handed, len(chosen), axis=0)
        np.put_along_axis(handed, taken, value, axis=1)
        free = free[:, left.astype(np.int64)].reshape(len(handed), -1)
    return handed


def randomised(effect: Floats, share: Floats, *, exact: bool, confidence: float) -> Randomised:
    """Test no effect, and every constant effect, against the ways to go live.

    Parameters
    ----------
    effect
        Effect in each way, shape (ways,); the real way first.
    share
        What each way makes of an outcome that is 1 in area-months really live and 0 elsewhere:
        from -1 to 1, and 1 in the real way.
    """
    real = effect[0]
    scale = TIE * max(np.abs(effect).max(), 1e-300)
    p_value = float(np.mean(np.abs(effect) >= abs(real) - scale))
    above, below = np.stack([real - effect, real + effect]), np.stack([1 - share, 1 + share])
    above[np.abs(above) <= scale], below[np.abs(below) <= TIE] = 0.0, 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = above / below  # 0 / 0: no effect tells this way from the real one
    told = ~np.isnan(ends).any(axis=0)
    low = np.sort(np.where(told, ends.min(axis=0), -np.inf))
    high = np.sort(np.where(told, ends.max(axis=0), np.inf))[::-1]
    beyond = int(np.floor((1 - confidence) * len(effect) + TIE))
    return Randomised(p_value, float(low[beyond]), float(high[beyond]), len(effect), exact)
