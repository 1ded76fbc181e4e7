"""What each definition can say at the present follow-up, and what it cannot.

Every sentence rests on the numbers of its row alone, so that the same row is always told in the
same words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NOTHING = "Nothing yet."


def said_of(row: Any, *, years: float, threshold: float, window: float) -> tuple[str, str]:
    """Say what a row (`outcome, estimate, conf_low, conf_high, note`) can tell, and cannot.

    Parameters
    ----------
    years, threshold, window
        Crime-free years, reoffences a street-year, and years a rate must stay low.
    """
    why = row.note.split(": ", 1)[-1] if row.note else ""
    if row.outcome in ("static", "split population"):
        share = f"go {told_years(years)} without a reoffence"
        if row.outcome == "split population":
            share = "never reoffend"
        return _of_a_share(row, share, why)
    low = f"the group reoffends less than {threshold:g} times a street-year"
    if row.outcome == "hazard convergence":
        low = "those who have not reoffended are at no higher risk than the reference"
    return _of_a_time(row, low, window, why)


def _of_a_share(row: Any, share: str, why: str) -> tuple[str, str]:
    if np.isnan(row.estimate):
        can = NOTHING
        if row.conf_high < 1:
            can = f"At most {_in_100(row.conf_high)} in 100 {share}."
        return can, f"The share itself: {why}."
    limits = f" ({_in_100(row.conf_low)} to {_in_100(row.conf_high)})"
    limits = "" if np.isnan(row.conf_low) else limits
    if row.outcome == "static":
        unsaid = "Whether they have desisted: people reoffend after longer gaps."
        return f"{_in_100(row.estimate)} in 100{limits} {share}.", unsaid
    can = f"{_in_100(row.estimate)} in 100{limits} {share}, if the curve stays flat."
    return can, "Who they are; nor that nobody reoffends after the last day of follow-up."


def _of_a_time(row: Any, low: str, window: float, why: str) -> tuple[str, str]:
    if np.isnan(row.estimate):
        can = NOTHING
        if not np.isnan(row.conf_low):
            can = f"Later than {row.conf_low:.1f} years, if ever, {low}."
        return can, f"Whether and when: {why.rsplit('; ', maxsplit=1)[-1]}."
    high = "beyond follow-up" if np.isnan(row.conf_high) else f"{row.conf_high:.1f}"
    can = (
        f"From {row.estimate:.1f} years ({row.conf_low:.1f} to {high}) on, for "
        f"{told_years(window)} at least, {low}."
    )
    if row.outcome == "dynamic":
        return can, "Who desists: a few who reoffend often have the mean of many who do seldom."
    return can, "That the risk of anyone falls: those at high risk reoffend first, and others stay."


def told_years(years: float) -> str:
    """Say a number of years: 1 year, 1.5 years."""
    return f"{years:g} year{'s' * (years != 1)}"


def _in_100(share: float) -> str:
    return f"{100 * share:.0f}"
