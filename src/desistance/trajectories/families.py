"""The log-probability of a count in a period, and how it moves with its two predictors.

With mu = exposure x exp(curve), the first predictor is eta = log mu, and y the count:

    poisson            Poisson(mu)
    zip                0 with probability p, else Poisson(mu); the second predictor is logit p
    negative-binomial  mean mu, variance mu + alpha mu^2; the second predictor is log alpha
    logit              any offence at all, with log odds eta

All functions take arrays that broadcast to (..., rows) and give, in this order, the
log-probability and its derivatives by eta, by the second predictor, by eta twice, by both, and by
the second twice. Families without a second predictor give None in its places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import gammaln

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Family = Literal["poisson", "zip", "negative-binomial", "logit"]
LARGEST = 300.0  # of a predictor, so that nothing overflows while a start runs astray


class Moves(NamedTuple):
    """A log-probability and its derivatives, each of shape (..., rows) or None."""

    value: Floats
    eta: Floats
    second: Floats | None
    eta_eta: Floats
    eta_second: Floats | None
    second_second: Floats | None


def _logistic(x: Floats) -> tuple[Floats, Floats]:
    """Give 1 / (1 + exp(-x)) and log(1 + exp(x)) by one exponential."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1 + small), np.maximum(x, 0.0) + np.log1p(small)


def poisson(y: Floats, eta: Floats) -> Moves:
    """Poisson counts."""
    mu = np.exp(np.minimum(eta, LARGEST))
    return Moves(y * eta - mu - gammaln(y + 1), y - mu, None, -mu, None, None)


def logit(y: Floats, eta: Floats) -> Moves:
    """Whether there is any offence."""
    p, log_p = _logistic(eta)
    return Moves((y > 0) * eta - log_p, (y > 0) - p, None, -p * (1 - p), None, None)


def zip_(y: Floats, eta: Floats, logit_p: Floats) -> Moves:
    """Zero-inflated Poisson counts (Lambert 1992)."""
    mu, none = np.exp(np.minimum(eta, LARGEST)), y == 0
    p, log_p = _logistic(logit_p)
    q, log_q = _logistic(logit_p + mu)
    q = np.where(none, q, 0.0)  # chance that a 0 is of the inflation
    both = q * (1 - q)
    value = np.where(none, log_q, y * eta - gammaln(y + 1)) - mu - log_p
    return Moves(
        value, y - (1 - q) * mu, q - p,
        -(1 - q) * mu + both * mu**2, both * mu, both - p * (1 - p),
    )  # fmt: skip


def negative_binomial(y: Floats, eta: Floats, log_alpha: Floats) -> Moves:
    """Counts with more spread than Poisson's; `log_alpha` is one number for all rows: (..., 1)."""
    mu, alpha = np.exp(np.minimum(eta, LARGEST)), np.exp(np.clip(log_alpha, -LARGEST, LARGEST))
    k = np.arange(y.max(initial=0.0))
    one = 1 + k * alpha
    steps = np.stack([np.log(one), k * alpha / one, k * alpha / one**2])
    rising = np.concatenate([np.zeros_like(steps[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)
    log_rising, slope, bend = rising[..., y.astype(np.int64)]  # sums over k = 0 .. y - 1
    spread = 1 + alpha * mu
    logs, share = np.log1p(alpha * mu) / alpha, mu / spread  # log1p: alpha may be tiny
    return Moves(
        log_rising + y * eta - (alpha * y + 1) * logs - gammaln(y + 1),
        (y - mu) / spread,
        slope + logs - (alpha * y + 1) * share,
        -(alpha * y + 1) * mu / spread**2,
        -(y - mu) * alpha * share / spread,
        bend - logs + share - alpha * y * share + (alpha * y + 1) * alpha * share**2,
    )  # fmt: skip
