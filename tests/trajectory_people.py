"""Simulated people of two kinds with eight periods, most of whom spend time in custody.

Kind 0 offends less and less, kind 1 goes on. Being of kind 1 has log odds KINDS[0] + KINDS[1] need.
"""

import numpy as np
import pandas as pd

FAMILIES = ("poisson", "zip", "negative-binomial", "logit")
KINDS = (-0.9, 1.0)
INFLATION, DISPERSION = (0.3, 0.15), (0.6, 0.3)


def rates(kind, period, family="poisson"):
    """Expected offences in one unit of exposure, or the chance of any, of a kind at each period."""
    z = (np.asarray(period) - 3.5) / 3.5
    log_rate = np.where(np.asarray(kind) == 1, 1.2 + 0.2 * z - 0.3 * z**2, -0.3 - 1.2 * z)
    if family == "logit":
        return 1 / (1 + np.exp(-log_rate))
    inflation = np.where(np.asarray(kind) == 1, *INFLATION[::-1]) if family == "zip" else 0.0
    return (1 - inflation) * np.exp(log_rate)


def people_of(*, n, seed, family="poisson"):
    """Draw a panel: person_id, period, exposure, n_offences, need, area, and kind (the truth)."""
    rng = np.random.default_rng(seed)
    need, area = rng.random(n) < 0.4, rng.choice(["a", "b"], n)
    kind = rng.random(n) < 1 / (1 + np.exp(-KINDS[0] - KINDS[1] * need))
    person, period = np.repeat(np.arange(n), 8), np.tile(np.arange(8), n)
    k = kind[person].astype(int)
    free = np.clip(0.3 + rng.exponential(0.8, 8 * n), 0, 1).round(2)
    if family == "logit":
        odds = free * rates(k, period, family) / (1 - rates(k, period, family))
        count = (rng.random(8 * n) < odds / (1 + odds)).astype(int)
    else:
        mu = free * rates(k, period)
        if family == "negative-binomial":
            alpha = np.array(DISPERSION)[k]
            mu = mu * rng.gamma(1 / alpha, alpha)
        count = rng.poisson(mu)
        if family == "zip":
            count = np.where(rng.random(8 * n) < np.array(INFLATION)[k], 0, count)
    return pd.DataFrame(
        {
            "person_id": [f"P{100_000 + 7 * one}" for one in person],
            "period": period,
            "exposure": free,
            "n_offences": count,
            "need": need[person],
            "area": area[person],
            "kind": k,
        }
    )
