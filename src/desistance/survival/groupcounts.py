"""Counts of rows at risk, group by group and day by day, added up over blocks of people.

The groups and the days that are listed are those of `groups`. Every count is a whole number of
rows, so curves of rows in blocks are those of the rows at once, to the last bit; weights do not
add up like that and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.survival.alike import entries_of
from desistance.survival.groups import seams
from desistance.survival.risksets import all_one, event_days
from desistance.survival.suspicion import people_in, told_of_small
from desistance.survival.terms import labelled, labels_across

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import TimesInBlocks, TimeToEvent

    Ints = NDArray[np.int64]

COUNTS = ["begin", "end", "n_events", "late", "n_censored"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupCounts:
    """Counts on the K days listed for the groups; compare `groups.GroupRows`.

    Attributes
    ----------
    sets : RiskSets
        The days, one stratum a group, without rows.
    n_at_risk, n_censored : int64 arrays, shape (K,)
    counts : DataFrame
        group, n (rows), n_events, last_day.
    """

    sets: RiskSets
    n_at_risk: Ints
    n_censored: Ints
    labels: tuple[str, ...]
    counts: pd.DataFrame
    n_people: int
    n_left_out: int
    said: list[str]

    def days(self) -> dict[str, NDArray[Any]]:
        """List the days: group, day, n_at_risk, n_events, n_censored; (K,)."""
        return {
            "group": np.array(self.labels, dtype=object)[self.sets.stratum],
            "day": self.sets.day,
            "n_at_risk": self.n_at_risk,
            "n_events": self.sets.n_events,
            "n_censored": self.n_censored,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What is counted of one block: `days` has a row a label and day on which anything happened."""

    n: int
    n_people: int
    n_left_out: int
    labels: pd.DataFrame
    groups: pd.DataFrame
    days: pd.DataFrame


def group_counts(times: TimesInBlocks, by: str | None) -> GroupCounts:
    """Count the rows of all blocks; those without a label are left out and counted.

    Raises
    ------
    ModelError
        If `by` is no column, or the rows have weights.
    """
    there = times.source.columns()
    if by is not None and by not in there:
        raise ModelError(f"{by!r} is not a column; there are {', '.join(map(repr, there))}.")
    if "weight" in times.roles:
        raise ModelError(
            "Curves with weights cannot be had of rows in blocks: read the rows, or some of the "
            "people, into one frame for `TimeToEvent.from_frame`."
        )
    seen = list(times.each(partial(_count, by), [] if by is None else [by]))
    labels: tuple[str, ...] = ("all",)
    if by:
        labels = labels_across([block.labels for block in seen])
    code = {label: place for place, label in enumerate(labels)}
    groups = pd.concat([block.groups for block in seen]).groupby("label")
    sums = groups[["n", "n_events", "people"]].sum().reindex(labels, fill_value=0)
    last_day = groups["last_day"].max().reindex(labels, fill_value=0)
    said = list(times.caveats)
    if n_left_out := sum(block.n_left_out for block in seen):
        said.append(Caveat(f"Rows left out (`{by}` is empty): {{rows}}.", rows=n_left_out))
    n_people = sum(block.n_people for block in seen)
    if by:
        said += told_of_small(dict(zip(labels, sums["people"], strict=True)), by, n_people)
    if not any(block.n for block in seen):
        said.append("Nobody is at risk.")
    counts = pd.DataFrame({
        "group": labels, "n": sums["n"].to_numpy(), "n_events": sums["n_events"].to_numpy(),
        "last_day": last_day.to_numpy(),
    })  # fmt: skip
    every = pd.concat([block.days for block in seen])
    every = every.assign(stratum=every["label"].map(code)).groupby(["stratum", "day"])[COUNTS].sum()
    begin = every["begin"][::-1].groupby("stratum").cumsum()[::-1]
    end = every["end"][::-1].groupby("stratum").cumsum()[::-1]
    n_at_risk = end - begin
    listed = every[["n_events", "late", "n_censored"]].any(axis=1).to_numpy()
    stratum, day = (every.index.get_level_values(level).to_numpy(np.int64) for level in (0, 1))
    n_events = every["n_events"].to_numpy()[listed]
    sets = event_days(stratum[listed], day[listed], n_events, n_events.astype(float))
    return GroupCounts(
        sets, n_at_risk.to_numpy()[listed], every["n_censored"].to_numpy()[listed], labels,
        counts, n_people, n_left_out, said,
    )  # fmt: skip


def _count(by: str | None, came: TimeToEvent) -> Counted:
    kept, group, labels = labelled(came, by) if by else (came, all_one(came.n), ("all",))
    carries_on, carried_on = seams(entries_of(kept, group, len(labels), together=False))
    last_day = np.zeros(len(labels), np.int64)
    np.maximum.at(last_day, group, kept.stop)
    groups = pd.DataFrame({
        "label": labels,
        "n": np.bincount(group, minlength=len(labels)),
        "n_events": np.bincount(group[kept.event], minlength=len(labels)),
        "people": people_in(kept, group, len(labels)),
        "last_day": last_day,
    })  # fmt: skip
    late, censored = (kept.start > 0) & ~carried_on, ~kept.event & ~carries_on
    days = pd.DataFrame({
        "group": np.concatenate([group, group]),
        "day": np.concatenate([kept.start, kept.stop]),
        "begin": np.repeat([1, 0], kept.n),
        "end": np.repeat([0, 1], kept.n),
        "n_events": np.concatenate([0 * group, kept.event]),
        "late": np.concatenate([late, 0 * group]),
        "n_censored": np.concatenate([0 * group, censored]),
    })  # fmt: skip
    days = days.groupby(["group", "day"], as_index=False)[COUNTS].sum()
    days["label"] = np.array(labels, dtype=object)[days["group"]]
    return Counted(
        kept.n, kept.n_people, came.n - kept.n,
        kept.columns[[by] if by else []].drop_duplicates(), groups, days.drop(columns="group"),
    )  # fmt: skip
