"""Other outcomes of the same follow-up: every reoffence, and reoffences by kind.

The rules of time are those of `desistance.followup`; only what ends a row differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import offence_set
from desistance.followup.rules import (
    DEATH,
    cut_at,
    on_street_clock,
    stretches,
    watch,
)
from desistance.histories.days import NEVER, among, months_to_days, pack
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.followup.followup import FollowUp
    from desistance.followup.rules import Watched
    from desistance.histories.days import Days

OTHER = "other reoffence"


def repeated(followed: FollowUp) -> TimeToEvent:
    """Give rows that go on after a reoffence, each ending on a day of reoffending or of joining.

    All reoffences of one day are one occasion. The column ``died`` is true on the row that ends
    in death: name it as the terminal event of `mean_cumulative_function`.
    """
    seen = _watched(followed)
    whose, when = seen.reoffences
    person = np.arange(len(followed.people))
    pair, start, stop = stretches(
        followed.histories.stays, followed.position, followed.index_day, seen.end
    )
    pair, start, stop = cut_at(
        pair, start, stop, np.concatenate([person, whose]), np.concatenate([followed.joined, when])
    )
    rows = _rows(followed, pair, start, stop)
    rows["event"] = among(pack(pair, stop), pack(whose, when))
    rows["died"] = (seen.ended_by[pair] == DEATH) & (stop == seen.end[pair])
    return _times(followed, rows, recurrent=True)


def by_cause(followed: FollowUp, sets: Mapping[str, str]) -> TimeToEvent:
    """Give rows up to the first reoffence or death, with what it was.

    Parameters
    ----------
    sets
        Name of each kind of reoffence, and the offence set that holds it, the one that goes first
        first: a day with several offences counts as the first kind any of them belongs to.
        What is in none is ``other reoffence``; death is ``death``.
    """
    seen = _watched(followed)
    last = np.minimum(seen.end, seen.event)
    pair, start, stop = stretches(
        followed.histories.stays, followed.position, followed.index_day, last
    )
    pair, start, stop = cut_at(pair, start, stop, np.arange(len(followed.people)), followed.joined)
    rows = _rows(followed, pair, start, stop)
    reoffended = stop == seen.event[pair]
    died = ~reoffended & (seen.ended_by[pair] == DEATH) & (stop == seen.end[pair])
    rows["event"] = reoffended | died
    kinds = _kinds(followed, seen, sets)[pair]
    rows["cause"] = np.where(reoffended, kinds, np.where(died, DEATH, ""))
    return _times(followed, rows, cause="cause")


def _watched(followed: FollowUp) -> Watched:
    months = followed.design.watch_months
    return watch(
        followed.histories, followed.design, followed.reoffences, followed.position,
        followed.index_day, days=None if months is None else months_to_days(months),
    )  # fmt: skip


def _kinds(followed: FollowUp, seen: Watched, sets: Mapping[str, str]) -> np.ndarray:
    """Say of what kind each person's first reoffence was."""
    reoffences = followed.reoffences
    on_that_day = pack(reoffences.person, reoffences.day)
    first = pack(followed.position, followed.index_day + np.minimum(seen.event, NEVER // 2))
    kinds = np.full(len(first), OTHER, dtype=object)
    for kind, name in reversed(list(sets.items())):
        belongs = offence_set(name).is_in(pd.Series(reoffences.code)).to_numpy(bool)
        kinds[np.isin(first, on_that_day[belongs])] = kind
    return kinds


def _rows(followed: FollowUp, pair: Days, start: Days, stop: Days) -> pd.DataFrame:
    """Put stretches on the clock of the design, and say whether each is exposed."""
    exposed = start >= followed.joined[pair]
    if followed.design.clock == "street":
        start, stop = on_street_clock(pair, start, stop)
    return pd.DataFrame({"person": pair, "start": start, "stop": stop, "exposed": exposed})


def _times(
    followed: FollowUp, rows: pd.DataFrame, *, cause: str | None = None, recurrent: bool = False
) -> TimeToEvent:
    names = followed.design.names
    cohort = pd.Categorical(np.where(rows["exposed"], names[1], names[0]), categories=names)
    frame = rows.assign(cohort=cohort).merge(
        followed.known, left_on="person", right_index=True, how="left"
    )
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", cause=cause,
        recurrent=recurrent,
    )  # fmt: skip
