"""Effects drawn towards their mean: on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS = 400  # of tau, from 0 to five times the spread of its prior


def drawn_in(effects: Floats, covariance: Floats, spread: float) -> tuple[Floats, Floats, float]:
    """Draw k effects towards their mean: normal effects, normal errors.

    Given tau the k effects are independent draws around an unknown mean (flat prior), observed
    with errors of the covariance given. Tau, of half-normal prior, is averaged over.

    Parameters
    ----------
    effects, covariance : shapes (k,) and (k, k)
        On a scale on which they are about normal.
    spread
        Scale of the half-normal prior of tau.

    Returns
    -------
    means and standard errors, (k,) each, and the mean of tau
    """
    k = len(effects)
    tau = np.linspace(0, 5 * spread, STEPS + 1)[1:] - 5 * spread / (2 * STEPS)
    weight = np.linalg.inv(tau[:, None, None] ** 2 * np.eye(k) + covariance)
    total = weight.sum(axis=(1, 2))
    mean = (weight.sum(axis=1) @ effects) / total
    off = effects - mean[:, None]
    pull = np.einsum("tij,tj->ti", weight, off)
    log = 0.5 * (np.linalg.slogdet(weight)[1] - np.log(total) - np.einsum("ti,ti->t", off, pull))
    log -= tau**2 / (2 * spread**2)
    chance = np.exp(log - logsumexp(log))
    means = mean[:, None] + tau[:, None] ** 2 * pull
    left = 1 - tau[:, None] ** 2 * weight.sum(axis=2)
    variance = (
        tau[:, None] ** 2
        - tau[:, None] ** 4 * np.diagonal(weight, axis1=1, axis2=2)
        + left**2 / total[:, None]
    )
    found = chance @ means
    error = np.sqrt(chance @ (variance + (means - found) ** 2))
    return found, error, float(chance @ tau)
