"""Rows at risk, group by group, with every day that a curve lists.

A group is a stratum of the risk sets: groups share nobody at risk. A group may change within a
person (the days before a change count for the old group); a row that the same person carries on
in the same group is neither an end nor a late entry. A curve lists the days on which anyone
entered late, left, or had the event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.results import NO_EVENT_YET, NOT_ESTIMABLE
from desistance.survival.alike import entries_of
from desistance.survival.risksets import EVERY, all_one, risk_sets
from desistance.survival.suspicion import small_groups
from desistance.survival.terms import labelled, told_of_left_out
from desistance.timetoevent import as_times, in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.alike import Entries
    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LIMITS = ["estimate", "std_error", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupRows:
    """The n rows that have a group, entered as m, and the K days listed for the groups.

    Attributes
    ----------
    times : the rows kept
    entries : of the rows, m = n unless they were put together; groups are codes of `labels`
    ends : bool array, shape (m,)
        Whether nobody carries the entry on.
    sets : RiskSets
        Of the entries, one stratum a group.
    n_left_out, said
        Rows left out for want of a label, and the sentence that says so.
    """

    times: TimeToEvent
    entries: Entries
    labels: tuple[str, ...]
    ends: NDArray[np.bool_]
    sets: RiskSets
    n_left_out: int
    said: list[str]

    @property
    def n_people(self) -> int:
        """How many people there are; rows put together are each of another."""
        return self.times.n if self.entries.copies is not None else self.times.n_people

    def counts(self, event: NDArray[np.bool_]) -> pd.DataFrame:
        """Count each group: group, n (rows), n_events (entries that end in one), last_day."""
        last_day = np.zeros(len(self.labels), np.int64)
        np.maximum.at(last_day, self.sets.stratum, self.sets.day)
        return pd.DataFrame(
            {
                "group": self.labels,
                "n": in_each(self.entries, len(self.labels)),
                "n_events": in_each(self.entries, len(self.labels), event),
                "last_day": last_day,
            }
        )

    def days(self, sets: RiskSets, censored: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """List the days: group, day, n_at_risk, n_events (those of `sets`), n_censored; (K,)."""
        return {
            "group": np.array(self.labels, dtype=object)[sets.stratum],
            "day": sets.day,
            "n_at_risk": sets.n_at_risk(),
            "n_events": sets.n_events,
            "n_censored": sets.at_last(censored).astype(np.int64),
        }


def group_rows(
    times: TimeToEvent | HasTimes, by: str | None, *, together: bool = False
) -> GroupRows:
    """Group rows by a column; rows without a label are left out and counted.

    With `together`, rows that fare alike are one entry: for what needs no row by itself.
    """
    came = as_times(times)
    kept, group, labels = labelled(came, by) if by else (came, all_one(came.n), ("all",))
    entries = entries_of(kept, group, len(labels), together=together)
    carries_on, carried_on = seams(entries)
    enters, leaves = (entries.start > 0) & ~carried_on, ~entries.event & ~carries_on
    sets = risk_sets(
        entries.start, entries.stop, entries.event, weight=kept.weight, copies=entries.copies,
        stratum=entries.group if len(labels) > 1 else None,
        marked=(enters, leaves),
    )  # fmt: skip
    said = told_of_left_out(came, kept)
    if by:
        said += small_groups(kept, group, labels, by, in_each(entries, len(labels)))
    if not kept.n:
        said.append("Nobody is at risk.")
    return GroupRows(kept, entries, labels, ~carries_on, sets, came.n - kept.n, said)


def in_each(entries: Entries, n_groups: int, some: NDArray[np.bool_] | slice = EVERY) -> Ints:
    """Count the rows of some entries in each group, shape (groups,)."""
    group, copies = entries.group[some], entries.copies
    if n_groups == 1 and copies is None:
        return np.array([len(group)])
    counts = np.bincount(group, None if copies is None else copies[some], n_groups)
    return counts.astype(np.int64, copy=False)


def seams(rows: Entries) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows the same person and group carries on, and which carry one on, (m,) each."""
    n = len(rows.stop)
    before, after = np.zeros(n, bool), np.zeros(n, bool)
    if int(rows.person.max(initial=-1)) + 1 == n:  # one row a person
        return before, after
    order = in_order(rows.person, rows.start)
    person, group = rows.person[order], rows.group[order]
    seam = (
        (person[1:] == person[:-1])
        & (group[1:] == group[:-1])
        & (rows.start[order][1:] == rows.stop[order][:-1])
    )
    before[order], after[order] = np.append(seam, False)[:n], np.append(False, seam)[:n]
    return before, after


def read_curve(
    curve: pd.DataFrame, groups: pd.DataFrame, days: Ints, *, first: float
) -> pd.DataFrame:
    """Read step curves on given days; NaN with a note after a group's last follow-up.

    `first` is the estimate before any event.
    """
    found = [
        _read_line(curve[curve.group == label], label, last, days, first)
        for label, last in zip(groups.group, groups.last_day, strict=True)
    ]
    return pd.concat(found, ignore_index=True) if found else curve.head(0)


def _read_line(line: pd.DataFrame, label: str, last: int, days: Ints, first: float) -> pd.DataFrame:
    known = line.day.to_numpy()
    reached = np.searchsorted(known, days, side="right")
    coming = np.minimum(np.searchsorted(known, days), max(len(known) - 1, 0))
    start = pd.DataFrame({"estimate": [first], "note": NO_EVENT_YET})
    steps = pd.concat([start, line[[*LIMITS, "note"]]], ignore_index=True).iloc[reached]
    out = pd.DataFrame({"group": label, "day": days})
    out["n_at_risk"] = line.n_at_risk.to_numpy()[coming] if len(known) else 0
    out[[*LIMITS, "note"]] = steps[[*LIMITS, "note"]].to_numpy()
    out[LIMITS] = out[LIMITS].astype(float)
    late = days > last
    out.loc[late, LIMITS] = np.nan
    out.loc[late, "n_at_risk"] = 0
    out.loc[late, "note"] = f"{NOT_ESTIMABLE}: after the last follow-up, {last}"
    return out
