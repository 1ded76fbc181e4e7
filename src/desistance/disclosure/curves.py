"""Kaplan-Meier curves that nobody can be read from.

A curve gives itself away in three ways: a step is somebody's date, the height of a step gives
the number at risk back, and its end hangs on the last few people. So

* events, censorings and late entries are counted up and each sum is moved to the middle of its
  block of `min_cell` (1 to 10 people -> 5, 11 to 20 -> 15, ...): a step says that a block began;
* the curve is worked out from these sums and put on a grid of quarter months, which holds every
  month's end (day 30, 91, 365, ...);
* it stops before the first day with fewer than `min_cell` people at risk, true or rounded, or
  with a step that would take more than a third of them.

At 150 people this moves the curve by 0.06 at its worst point, about one and a half standard
errors. The interval is that of the unprotected fit, at the same days, rounded outwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.disclosure.policy import (
    LOG,
    NOT_REPORTED,
    PUBLICATION,
    DisclosurePolicy,
    ProtectedTable,
    row_label,
    unprotected,
)
from desistance.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAYS_IN_YEAR = 365.25
STEPS_IN_YEAR = 48  # quarter months; 12 of them are the 3 months between two risk-table marks
SIX_AND_TWELVE_MONTHS = np.array([183.0, 365.0])
LARGEST_STEP = 3  # a step takes at most a third: beyond, it tells of blocks, not of people
MANY_PEOPLE = 300  # from here on a third decimal gives nobody away

COUNTS = ("n_at_risk", "n_events", "n_censored")
RELEASED = ("day", "n_at_risk", "estimate", "conf_low", "conf_high")


def protect_curve(
    frame: pd.DataFrame, *, policy: DisclosurePolicy = PUBLICATION, table: str = "curve"
) -> ProtectedTable:
    """Make the rows of Kaplan-Meier curves safe to release; see `disclosure.curves`.

    Parameters
    ----------
    frame
        One row per group and day of an event or a censoring, with `day`, `n_at_risk` (just
        before that day's events), `n_events`, `n_censored`, `estimate`, `conf_low` and
        `conf_high`. People may enter late: the rows are enough to see it.
    policy, table
        The thresholds, and what the log calls this table.

    Returns
    -------
    ProtectedTable
        A row for each day the released curve changes and each third month; `n_at_risk` at the
        third months only. Groups below `min_curve` people have rows at 6 and 12 months only,
        groups below `min_group` none; `note` says why.

    Raises
    ------
    DataError
        If columns are missing, or people leave a group without being counted as censored.

    References
    ----------
    OpenSAFELY, midpoint rounding of Kaplan-Meier curves (here with an end before the risk set
    grows small, without which rounded curves fall below zero).
    """
    if not policy.protects:
        return unprotected(frame)
    absent = [name for name in (*RELEASED, *COUNTS[1:]) if name not in frame]
    if absent:
        raise DataError(
            f"A curve to protect needs the column {', '.join(absent)}; one that was protected "
            "already has no need to be protected again."
        )
    keys = [name for name in ("outcome", "group", "cause", "term") if name in frame]
    curves, lines = [], []
    groups = frame.groupby(keys, sort=False, observed=True, dropna=False) if keys else [((), frame)]
    for labels, rows in groups:
        named = {key: str(label) for key, label in zip(keys, labels, strict=True)}
        curve, rule = _protect_one(rows.sort_values("day", kind="stable"), policy)
        curves.append(curve.assign(**named)[[*keys, *RELEASED, "note"]])
        if rule:
            lines.append((table, row_label(pd.Series(named, dtype=object)), "estimate", rule))
    released = pd.concat(curves, ignore_index=True)
    hidden = pd.DataFrame(False, index=released.index, columns=released.columns)
    log = pd.DataFrame(lines, columns=LOG, dtype=object)
    silent = released["note"] != ""
    hidden.loc[silent, ["estimate", "conf_low", "conf_high"]] = True
    return ProtectedTable(released, hidden, log, NOT_REPORTED, _note(policy))


def _note(policy: DisclosurePolicy) -> str:
    return (
        f"Curves are worked out from counts in blocks of {policy.min_cell}, so they differ a "
        f"little from the exact ones, and end where fewer than {policy.min_cell} people are at "
        f"risk. Intervals are those of the exact curves. Numbers at risk are rounded to the "
        f"nearest {policy.round_to}."
    )


def _protect_one(rows: pd.DataFrame, policy: DisclosurePolicy) -> tuple[pd.DataFrame, str]:
    """Give the released rows of one group, and the rule that cut something off, if any."""
    risk = _Risk(rows)
    people = int(risk.at_risk.max(initial=0))
    if people < policy.min_group:
        return _silence(f"fewer than {policy.min_group} people")
    if people < policy.min_curve:
        return _values_only(rows, risk, policy)
    few = f"fewer than {policy.min_cell} people at risk"
    survival, good = _rounded_survival(risk, policy)
    if not good[0]:
        return _silence(few)
    day = rows["day"].to_numpy(dtype=float)
    end = day[-1] if good.all() else day[np.argmin(good)] - 1
    grid = _grid(end)
    last = np.searchsorted(day, grid, side="right") - 1  # last row up to each day of the grid
    places = 3 if people >= MANY_PEOPLE else 2
    height: NDArray[np.float64] = np.where(last < 0, 1.0, survival[last]).round(places)
    mark = np.arange(len(grid)) % (STEPS_IN_YEAR // 4) == 0
    kept = mark | np.append(True, np.diff(height) != 0)
    at_risk = np.where(mark, _shown_at_risk(risk, day, grid, policy), np.nan)
    curve = _released(rows, last, grid, at_risk, height, places)[kept]
    return curve, "" if good.all() else f"the curve ends: {few}"


class _Risk:
    """Counts of one group by row: at risk, events, and everybody who came or left so far."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.at_risk, self.events, self.censored = (
            rows[name].to_numpy(dtype=np.int64) for name in COUNTS
        )
        leaving = self.events + self.censored
        self.left_before = np.cumsum(leaving) - leaving
        self.entered = self.at_risk + self.left_before
        if (np.diff(self.entered) < 0).any():
            raise DataError(
                "The rows of a curve do not add up: people leave the risk set who are neither "
                "events nor censored. Give a row for every day somebody is censored."
            )


def _rounded_survival(
    risk: _Risk, policy: DisclosurePolicy
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Work the curve out from rounded sums; say up to which row it may be shown."""
    k = policy.min_cell

    def midpoint(total: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(total == 0, 0, -(-total // k) * k - k // 2)

    events = midpoint(np.cumsum(risk.events))
    left = events + midpoint(np.cumsum(risk.censored))
    late = midpoint(risk.entered - risk.entered[0])
    at_risk = policy.rounded(risk.entered[:1].astype(float)) + late - np.append(0, left[:-1])
    steps = np.diff(events, prepend=0)
    good = (risk.at_risk >= k) & (at_risk >= k) & (LARGEST_STEP * steps <= at_risk)
    good = np.logical_and.accumulate(good)
    return np.cumprod(1 - np.where(good, steps / np.where(good, at_risk, 1), 0)), good


def _grid(end: float) -> NDArray[np.float64]:
    """Quarter months from day 0 up to `end`."""
    many = np.arange(int(end / DAYS_IN_YEAR * STEPS_IN_YEAR) + 2)
    days = np.round(many * DAYS_IN_YEAR / STEPS_IN_YEAR)
    return days[days <= end]


def _shown_at_risk(
    risk: _Risk, day: NDArray[np.float64], grid: NDArray[np.float64], policy: DisclosurePolicy
) -> NDArray[np.float64]:
    """Number at risk just before each day, rounded; empty where it is small."""
    later = np.searchsorted(day, grid, side="left")
    at_risk = np.append(risk.at_risk, 0)[later].astype(float)
    return np.where(policy.is_small(at_risk), np.nan, policy.rounded(at_risk))


def _released(
    rows: pd.DataFrame,
    last: NDArray[np.int64],
    days: NDArray[np.float64],
    at_risk: NDArray[np.float64],
    height: NDArray[np.float64],
    places: int,
) -> pd.DataFrame:
    """Lay the rows out, with the interval rounded outwards and made to hold the estimate."""
    unit = 10.0**places
    low, high = (
        np.where(last < 0, np.nan, rows[name].to_numpy(dtype=float)[last])
        for name in ("conf_low", "conf_high")
    )
    return pd.DataFrame(
        {
            "day": days.astype(np.int64),
            "n_at_risk": pd.Series(at_risk).astype("Int64"),
            "estimate": height,
            "conf_low": np.minimum(np.clip(np.floor(low * unit) / unit, 0, 1), height),
            "conf_high": np.maximum(np.clip(np.ceil(high * unit) / unit, 0, 1), height),
            "note": "",
        }
    )


def _values_only(
    rows: pd.DataFrame, risk: _Risk, policy: DisclosurePolicy
) -> tuple[pd.DataFrame, str]:
    """Give a small group's exact share at 6 and 12 months, if enough happened and is still to."""
    day = rows["day"].to_numpy(dtype=float)
    last = np.searchsorted(day, SIX_AND_TWELVE_MONTHS, side="right") - 1
    events = np.where(last < 0, 0, np.cumsum(risk.events)[last])
    without = np.where(last < 0, 0, (risk.at_risk - risk.events)[last])
    enough = (events >= policy.min_cell) & (without >= policy.min_cell)
    enough &= day[-1] >= SIX_AND_TWELVE_MONTHS
    if enough.all():  # what happened between the two must not be small either
        enough[0] = events[1] - events[0] >= policy.min_cell
    reason = f"fewer than {policy.min_cell} people with the event, or without it and still at risk"
    at_risk = _shown_at_risk(risk, day, SIX_AND_TWELVE_MONTHS, policy)
    exact: NDArray[np.float64] = rows["estimate"].to_numpy(dtype=np.float64)[last]
    height = np.asarray(np.round(exact, 2), dtype=np.float64)
    values = _released(rows, last, SIX_AND_TWELVE_MONTHS, at_risk, height, places=2)
    values.loc[~enough, [name for name in RELEASED if name != "day"]] = np.nan
    values.loc[~enough, "note"] = f"{NOT_REPORTED}: {reason}"
    return values, f"no curve: fewer than {policy.min_curve} people at risk at once"


def _silence(reason: str) -> tuple[pd.DataFrame, str]:
    empty = dict.fromkeys(RELEASED, np.nan)
    row = pd.DataFrame([{**empty, "note": f"{NOT_REPORTED}: {reason}"}])
    return row.astype({"day": "Int64", "n_at_risk": "Int64"}), reason
