"""People with seven needs, some of whom joined: the effect may differ by need."""

import numpy as np
import pandas as pd

from desistance import TimeToEvent, effects_by_need

NEEDS = [f"need_{code}" for code in ("ACC", "ETE", "HLT", "SUB", "FIN", "FAM", "ATB")]
EFFECT = -0.4  # log hazard ratio of joining


def rows(rng, n, by_need=()):
    """Watch n people for a year; `by_need` adds to the log hazard ratio where a need is there."""
    serious = rng.normal(0, 0.6, n)  # needs come together
    needs = rng.random((n, 7)) < 1 / (1 + np.exp(-serious[:, None]))
    joined = rng.random(n) < 0.5
    effect = EFFECT + needs[:, : len(by_need)] @ np.asarray(by_need, float)
    log = np.log(0.003) + 0.15 * needs.sum(axis=1) - 0.5 + joined * effect
    day = np.ceil(rng.exponential(np.exp(-log))).astype(int)
    frame = pd.DataFrame(needs, columns=NEEDS).assign(
        day=np.minimum(day, 365), event=day <= 365, joined=joined, n_needs=needs.sum(axis=1)
    )
    return TimeToEvent.from_frame(frame, stop="day", event="event")


def null(seed, n=500):
    """False positives without and with Holm, and squared errors, raw and drawn in."""
    found = effects_by_need(
        rows(np.random.default_rng([2026, 10, seed]), n), needs=NEEDS, exposed="joined", number=None
    ).to_frame()
    asked = found[found["p_value"].notna()]
    within = found[found["group"] == "with the need"]
    raw, drawn = (((np.log(within[name]) - EFFECT) ** 2).mean() for name in ("estimate", "shrunk"))
    covered = (np.log(within["shrunk_low"]) <= EFFECT) & (np.log(within["shrunk_high"]) >= EFFECT)
    return (
        float((asked["p_value"] < 0.05).any()), float((asked["p_holm"] < 0.05).any()), raw, drawn,
        covered.mean(),
    )  # fmt: skip
