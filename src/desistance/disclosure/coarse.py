"""Numbers made too coarse to give a count back: rates per 100, shares, and intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd


def wider(released: pd.DataFrame, exact: pd.DataFrame, bursts: pd.Series) -> pd.DataFrame:
    """Widen the intervals of reoffences, which come in bursts, by as much as the exact ones are.

    Only the ratio of the exact limits is used, and that to two digits, so that they do not give
    the exact rate back.
    """
    apart = (exact["conf_high"] / exact["conf_low"]).astype(float).pow(0.5)
    factor = np.ceil(apart.where(apart < np.inf) * 100) / 100
    low, high = released["estimate"] / factor, released["estimate"] * factor
    return released.assign(
        conf_low=released["conf_low"].where(~bursts, low),
        conf_high=released["conf_high"].where(~bursts, high),
    )


def in_blocks(values: pd.DataFrame, people: pd.Series, block: int) -> pd.DataFrame:
    """Round shares to whole blocks of people; intervals outwards to hundredths."""
    step = block / people
    share = (1 - step * ((1 - values["estimate"]) / step).round()).clip(0, 1).round(2)
    low = np.minimum(np.floor(values["conf_low"] * 100) / 100, share)
    high = np.maximum(np.ceil(values["conf_high"] * 100) / 100, share)
    return values.assign(estimate=share, conf_low=low, conf_high=high)


def outwards(limits: pd.Series, name: str, places: int) -> pd.Series:
    """Round `conf_low` down and `conf_high` up, to so many decimals; no minus before a zero."""
    scaled = (limits * 10**places).round(9)  # 0.29 in hundredths is 29, not a little less
    rounded = np.floor(scaled) if name == "conf_low" else np.ceil(scaled)
    return rounded / 10**places + 0.0


def coarser(frame: pd.DataFrame, step: int) -> pd.DataFrame:
    """Round people per 100 to whole steps, their intervals outwards: finer would be a count."""
    outcome = frame["outcome"]
    per_hundred = outcome.str.endswith("per 100 people") & ~outcome.str.startswith("ratio")
    rounded = {
        "estimate": (frame["estimate"] / step).round() * step + 0.0,  # no minus before a zero
        "conf_low": np.floor(frame["conf_low"] / step) * step,
        "conf_high": np.ceil(frame["conf_high"] / step) * step + 0.0,
    }
    return frame.assign(
        **{name: frame[name].where(~per_hundred, new) for name, new in rounded.items()}
    )
