"""Confidence limits of a share, on the scale where it is nearest to normal.

With S the share and e the standard error of log S:

    log-log   S ** exp(+-z e / log S)         the default: right for small groups, stays in 0..1
    logit     on log(S / (1 - S)), e / (1 - S)
    log       S exp(+-z e), at most 1
    plain     S +- z S e, cut to 0..1

Where S is 0 or 1 there is no limit to give: NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit, logit, ndtri

from desistance.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Interval = Literal["log-log", "logit", "log", "plain"]


def survival_interval(
    share: Floats, log_error: Floats, confidence: float, interval: Interval
) -> tuple[Floats, Floats]:
    """Lower and upper limits of `share`, whose logarithm has standard error `log_error`."""
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
    z = float(ndtri((1 + confidence) / 2))
    s = np.where((share > 0) & (share < 1), share, np.nan)
    if interval == "log-log":
        turn = np.exp(z * log_error / -np.log(s))
        return s**turn, s ** (1 / turn)
    if interval == "logit":
        half = z * log_error / (1 - s)
        return expit(logit(s) - half), expit(logit(s) + half)
    if interval == "log":
        return s * np.exp(-z * log_error), np.minimum(s * np.exp(z * log_error), 1.0)
    if interval == "plain":
        half = z * s * log_error
        return np.maximum(s - half, 0.0), np.minimum(s + half, 1.0)
    raise ModelError("`interval` is one of 'log-log', 'logit', 'log' and 'plain'.")
