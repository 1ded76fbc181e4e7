"""Weights that make weighted means of the comparison equal those of the exposed, exactly.

Of all weights that do so, with the total of every set given, these are the nearest to equal ones in
Kullback and Leibler's sense: within a set they are proportional to exp(x b). The slopes b minimise

    sum over sets of n_s (log sum_{i in s} exp(x_i b) - mean of the exposed in s @ b),

which is convex. With one set it is entropy balancing; with a set for every day on which somebody
joined it is, but for counting those who join that day, the partial likelihood of joining.

References
----------
Hainmueller (2012), Political Analysis 20(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import NoOverlapError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS, ENOUGH, EXACT = 200, 1e-12, 1e-8


def balancing_slopes(
    x: Floats, exposed: NDArray[np.bool_], sets: NDArray[np.int64], *, hazard: bool = True
) -> tuple[Floats, Floats]:
    """Find the slopes by Newton's method, with halved steps.

    Parameters
    ----------
    x : shape (n, p)
        Standardised covariates.
    exposed : shape (n,)
    sets : shape (n,)
        Codes of the sets.
    hazard
        Count those exposed among the candidates (the partial likelihood), or not (the weights).

    Returns
    -------
    slopes : shape (p,)
    information : shape (p, p)

    Raises
    ------
    NoOverlapError
        If no weights can make the means equal: the exposed lie outside the comparison people.
    """
    _, sets = np.unique(sets, return_inverse=True)
    n_sets = int(sets.max()) + 1
    pool = np.ones(len(x), bool) if hazard else ~exposed
    inside, code = x[pool], sets[pool]
    n_exposed = np.bincount(sets[exposed], minlength=n_sets).astype(float)
    target = x[exposed].sum(axis=0)
    slopes, total = np.zeros(x.shape[1]), max(float(n_exposed.sum()), 1.0)

    def at(slopes: Floats) -> tuple[float, Floats, Floats]:
        score = inside @ slopes
        top = np.full(n_sets, -np.inf)
        np.maximum.at(top, code, score)
        risk = np.exp(score - top[code])
        sums = np.bincount(code, risk, minlength=n_sets)
        weight = risk * (n_exposed / np.where(sums > 0, sums, 1))[code]
        held = sums > 0
        value = float(n_exposed[held] @ (np.log(sums[held]) + top[held]) - target @ slopes)
        return value, weight, weight @ inside - target

    value, weight, gradient = at(slopes)
    for _ in range(STEPS):
        information = _information(inside, weight, code, n_exposed)
        step = np.linalg.lstsq(information, gradient, rcond=1e-12)[0]
        size = 1.0
        while size > 1e-10:
            new = at(slopes - size * step)
            if new[0] <= value - 1e-4 * size * float(gradient @ step) or (
                np.abs(new[2]).max() < np.abs(gradient).max() and abs(new[0] - value) < 1e-9
            ):
                break
            size /= 2
        else:
            break  # no step goes down any further
        slopes, before = slopes - size * step, float(np.abs(gradient).max())
        value, weight, gradient = new
        gap = float(np.abs(gradient).max())
        if gap <= ENOUGH * total or before / 2 < gap <= EXACT * total:
            break  # as near as it gets, or as rounding lets it
    if np.abs(gradient).max() > EXACT * total:
        raise NoOverlapError(
            "No weights make the two cohorts alike on every term: those exposed lie outside the "
            "range of the others on some mix of the terms. Leave terms out, or match."
        )
    return slopes, _information(inside, weight, code, n_exposed)


def balancing_weights(x: Floats, exposed: NDArray[np.bool_], sets: NDArray[np.int64]) -> Floats:
    """Weigh the exposed 1 each, and the others of a set as much as those exposed in it together."""
    slopes, _ = balancing_slopes(x, exposed, sets, hazard=False)
    return set_weights(x @ slopes, exposed, sets)


def set_weights(score: Floats, exposed: NDArray[np.bool_], sets: NDArray[np.int64]) -> Floats:
    """Share each set's number of exposed among its others, in proportion to exp(score)."""
    _, code = np.unique(sets, return_inverse=True)
    top = np.full(code.max() + 1, -np.inf)
    np.maximum.at(top, code[~exposed], score[~exposed])
    risk = np.where(exposed, 0.0, np.exp(np.minimum(score - top[code], 0.0)))
    total = np.bincount(code, risk)
    n_exposed = np.bincount(code, exposed)
    return np.where(exposed, 1.0, risk * (n_exposed / np.where(total > 0, total, 1))[code])


def _information(x: Floats, weight: Floats, code: NDArray[np.int64], n_exposed: Floats) -> Floats:
    means = np.zeros((len(n_exposed), x.shape[1]))
    for column in range(x.shape[1]):
        means[:, column] = np.bincount(code, weight * x[:, column], minlength=len(n_exposed))
    inverse = np.divide(1.0, n_exposed, out=np.zeros_like(n_exposed), where=n_exposed > 0)
    result: Floats = (x * weight[:, None]).T @ x - (means * inverse[:, None]).T @ means
    return result
