"""People whose need is missing at random: more often where they joined and reoffended."""

import numpy as np
import pandas as pd

from desistance import TimeToEvent, fit_cox, impute_needs

EFFECT, NEED = -0.5, 0.8  # log hazard ratios of joining, and of the need
TERMS = ["joined", "need"]


def people(rng, n):
    """A year of n people; who joined and reoffended is assessed less often."""
    joined = rng.random(n) < 0.5
    need = rng.random(n) < np.where(joined, 0.6, 0.4)
    day = np.ceil(rng.exponential(1 / (0.003 * np.exp(EFFECT * joined + NEED * need)))).astype(int)
    event = day <= 365
    lost = rng.random(n) < np.where(joined & event, 0.65, 0.15)
    return pd.DataFrame({
        "pid": np.arange(n), "day": np.minimum(day, 365), "event": event, "joined": joined,
        "need": pd.array(need, dtype="boolean"), "true_need": need,
    }).assign(need=lambda frame: frame["need"].mask(lost))  # fmt: skip


def estimates(seed, n=400, copies=10, cycles=2):
    """Log hazard ratio, error and limits of joining: on all, on complete cases, filled in."""
    frame = people(np.random.default_rng([2026, 9, seed]), n)
    rows, whole = (
        TimeToEvent.from_frame(one, stop="day", event="event", person="pid")
        for one in (frame, frame.assign(need=frame["true_need"]))
    )
    filled = impute_needs(rows, TERMS, copies=copies, cycles=cycles, rng=seed).fit_cox(TERMS)
    fits = fit_cox(whole, TERMS), fit_cox(rows, TERMS), filled
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    return np.array([fit.to_frame(log=True).loc[0, columns].to_numpy(float) for fit in fits])
