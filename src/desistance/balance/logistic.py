"""Logistic regression by maximum likelihood: Newton's method, over blocks of rows.

A block is small enough to stay near the processor, so that a step reads the columns once, and
nothing as large as they are is made beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

STEPS, ENOUGH = 100, 1e-12
BLOCK = 16_384


def fit_logistic(x: Floats, exposed: Bools) -> tuple[Floats, Floats, Floats]:
    """Find the log odds of being exposed.

    Parameters
    ----------
    x : shape (n, p)
        Standardised columns; where some tell the same, the smallest slopes are found.
    exposed : shape (n,)

    Returns
    -------
    log_odds : shape (n,)
    slopes : shape (p,)
    covariance : shape (p, p)
        Of the slopes. Where a column tells who is exposed, slopes grow until nothing is gained, and
        their variances with them.
    """
    slopes = np.zeros(x.shape[1] + 1)  # the last is the intercept
    value, gradient, information = _likelihood(x, exposed, slopes)
    for _ in range(STEPS):
        if np.abs(gradient).max() <= ENOUGH:
            break
        step = np.linalg.lstsq(information, gradient, rcond=ENOUGH)[0]
        while (new := _likelihood(x, exposed, slopes + step))[0] < value - ENOUGH:
            step /= 2
        slopes, (value, gradient, information) = slopes + step, new
    log_odds: Floats = x @ slopes[:-1] + slopes[-1]
    covariance = np.linalg.pinv(information * len(x))[:-1, :-1].astype(float)
    return log_odds, slopes[:-1], covariance


def _likelihood(x: Floats, exposed: Bools, slopes: Floats) -> tuple[float, Floats, Floats]:
    """Mean log-likelihood, its gradient, and the information."""
    value, gradient = 0.0, np.zeros(len(slopes))
    information = np.zeros((len(slopes), len(slopes)))
    for begin in range(0, len(x), BLOCK):
        sign = np.where(exposed[begin : begin + BLOCK], 1.0, -1.0)[:, None]
        block = sign * np.column_stack([x[begin : begin + BLOCK], np.ones(len(sign))])
        chance = expit(block @ slopes)  # of being in the cohort that they are in
        with np.errstate(divide="ignore"):  # a step so far that somebody is impossible is halved
            value += float(np.log(chance).sum())
        gradient += (1 - chance) @ block
        information += (block * (chance * (1 - chance))[:, None]).T @ block
    return value / len(x), gradient / len(x), information / len(x)
