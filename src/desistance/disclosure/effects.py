"""Effects between groups: not reported when a group is small, rounded when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from desistance.disclosure.coarse import outwards
from desistance.disclosure.policy import (
    LABELS,
    NOT_REPORTED,
    PUBLICATION,
    DisclosurePolicy,
    ProtectedTable,
    suppression_log,
    unprotected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS = ("n", "n_compared", "n_people", "n_at_risk", "n_events", "person_years")
MOST_OF_TWO = 0.9  # the (n, k) rule of the SACRO output checker: two people, 90 %
PLACES = dict.fromkeys(("p_value", "holm", "bh", "p_holm", "p_bh"), 3)
ELSE = 2  # decimals of all other numbers: no exact count can be had back


def protect_effect(
    frame: pd.DataFrame,
    *,
    n_people: Mapping[str, int],
    n_events: Mapping[str, int],
    n_terms: int = 1,
    of_two: float = 0.0,
    policy: DisclosurePolicy = PUBLICATION,
    table: str = "effect",
) -> ProtectedTable:
    """Make estimated effects (hazard ratios, differences) safe to release.

    Parameters
    ----------
    frame
        One row per effect, columns from `results.COLUMNS`.
    n_people, n_events
        By group, the people compared and those of them with the event; `n_events` is empty of a
        mean of what differs from person to person (age), in which there is no event.
    n_terms
        How many terms the model has; each needs `min_cell` events.
    of_two
        Of a sum (harm, money), the largest share of a group's that two people make up.
    policy, table
        The thresholds, and what the log calls this table.

    Returns
    -------
    ProtectedTable
        Every number empty, and the reason in `note`, if a group has fewer than `min_group`
        people, fewer than `min_cell` with or without the event, or the model too few events; or if
        two people make up more than 90 % of a sum, which would tell of them.

    Examples
    --------
    >>> effect = pd.DataFrame({"term": ["7PP"], "estimate": [0.8123], "p_value": [0.04321]})
    >>> events = {"7PP": 14, "IOM": 120}
    >>> large = protect_effect(effect, n_people={"7PP": 90, "IOM": 220}, n_events=events)
    >>> large.frame.values.tolist()
    [['7PP', 0.81, 0.043, '']]
    >>> small = protect_effect(effect, n_people={"7PP": 29, "IOM": 220}, n_events=events)
    >>> small.frame.note.item()
    'not reported: fewer than 30 people in a group'
    """
    if not policy.protects:
        return unprotected(frame)
    reason = _why_not(n_people, n_events, n_terms, of_two, policy)
    released = frame.reset_index(drop=True).copy()
    released["note"] = released["note"].fillna("") if "note" in released else ""
    numbers = [
        str(name)
        for name, column in released.items()
        if name not in LABELS and is_numeric_dtype(column)
    ]
    rules = pd.DataFrame("", index=released.index, columns=numbers, dtype=object)
    for name in numbers:
        there = released[name].notna()
        released[name] = _coarse(released[name], name, policy) if not reason else np.nan
        small = reason or f"a count of 1 to {policy.min_cell - 1}"
        rules.loc[there & released[name].isna(), name] = small
    if reason:
        released["note"] = f"{NOT_REPORTED}: {reason}"
    hidden = (rules != "").reindex(columns=released.columns, fill_value=False)
    return ProtectedTable(released, hidden, suppression_log(table, released, rules), NOT_REPORTED)


def _why_not(
    n_people: Mapping[str, int],
    n_events: Mapping[str, int],
    n_terms: int,
    of_two: float,
    policy: DisclosurePolicy,
) -> str:
    """Give the first rule that forbids the effect, or an empty text."""
    if any(people < policy.min_group for people in n_people.values()):
        return f"fewer than {policy.min_group} people in a group"
    with_and_without = [
        count
        for group, people in n_people.items()
        if n_events
        for count in (n_events[group], people - n_events[group])
    ]
    if any(count < policy.min_cell for count in with_and_without):
        return f"fewer than {policy.min_cell} people with or without the event in a group"
    if n_events and sum(n_events.values()) < policy.min_cell * n_terms:
        return f"fewer than {policy.min_cell} events for each term of the model"
    if of_two > MOST_OF_TWO:
        return f"two people make up more than {MOST_OF_TWO:.0%} of it"
    return ""


def _coarse(numbers: pd.Series[Any], name: str, policy: DisclosurePolicy) -> pd.Series[Any]:
    """Round a count to `round_to`, or hide it if small; others to their places, limits outwards."""
    if name in ("conf_low", "conf_high"):
        return outwards(numbers, name, ELSE)
    if name not in COUNTS:
        return numbers.round(PLACES.get(name, ELSE))
    counts = np.asarray(numbers.astype("Float64").to_numpy(na_value=np.nan), dtype=np.float64)
    shown = np.where(policy.is_small(counts), np.nan, policy.rounded(counts))
    return pd.Series(shown, index=numbers.index).astype("Int64")
