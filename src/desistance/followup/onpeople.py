"""What a follow-up finds of some people, all of them or a block: nothing here looks beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.followup.eligibility import described, flow_of, time_zero
from desistance.followup.rules import (
    REOFFENCE,
    Reoffences,
    countable,
    cut_at,
    extract_day,
    next_move,
    on_street_clock,
    stretches,
    watch,
)
from desistance.followup.tallies import Tallies
from desistance.histories.days import NEVER, before, months_to_days, pack, to_days

if TYPE_CHECKING:
    from desistance.followup.design import FollowUpDesign
    from desistance.histories import Histories
    from desistance.histories.days import Days

OUTCOMES = [
    "joined_day", "end_day", "ended_by", "event_day", "mature", "reoffended", "n_reoffences",
    "days_at_risk", "calendar_days",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found of some people; the frames are those of `FollowUp`."""

    people: pd.DataFrame
    rows: pd.DataFrame
    flow: pd.DataFrame
    reoffences: Reoffences
    tallies: Tallies


def follow_people(histories: Histories, design: FollowUpDesign) -> Found:
    """Follow the people of some histories by the rules of `desistance.followup`."""
    person = np.arange(len(histories.person_ids))
    zero, joined_on, left_out = time_zero(histories, design)
    late = 0
    if design.time_zero == "own start":
        own = np.where(joined_on < NEVER, joined_on, zero)
        late = int((own > zero).sum())
        zero = own
    joined = np.where(joined_on < NEVER, joined_on - zero, NEVER)
    joined_later = 0
    if design.exposure == "ever":
        joined_later = int(((joined > 0) & (joined < NEVER)).sum())
        joined = np.where(joined < NEVER, 0, NEVER)
    reoffences, in_custody = countable(histories, design)
    days = None if design.watch_months is None else months_to_days(design.watch_months)
    seen = watch(histories, design, reoffences, person, zero, days=days)
    last = np.minimum(seen.end, seen.event)
    pair, start, stop = stretches(histories.stays, person, zero, last)
    left_out["no day of complete follow-up before the extract"] = seen.end < 1
    left_out["in custody for the whole of follow-up"] = ~np.isin(person, pair)
    kept, flow = flow_of(left_out)
    pair, start, stop = cut_at(pair, start, stop, person, joined)
    event = stop == seen.event[pair]
    exposed = start >= joined[pair]
    if design.clock == "street":
        start, stop = on_street_clock(pair, start, stop)
    rows = pd.DataFrame({
        "person": (np.cumsum(kept) - 1)[pair],
        "start": start,
        "stop": stop,
        "event": event,
        "cohort": in_cohorts(exposed, design.names),
        "exposed": exposed,
    })[kept[pair]].reset_index(drop=True)  # fmt: skip
    person, zero = person[kept], zero[kept]
    people = pd.concat(
        [
            described(histories, design, person, zero),
            histories.known(person, zero),
            pd.DataFrame(
                {
                    "joined_day": _days_or_nan(joined_on[kept] - zero, joined_on[kept] < NEVER),
                    "end_day": last[kept],
                    "ended_by": np.where(seen.event <= seen.end, REOFFENCE, seen.ended_by)[kept],
                    "event_day": _days_or_nan(seen.event[kept], seen.event[kept] < NEVER),
                }
            ),
            _one_rate(histories, design, reoffences, person, zero),
        ],
        axis=1,
    )
    did_join = people["joined_day"].notna()
    waiting = months_to_days(design.waiting_months)
    old = reoffences.day <= extract_day(histories) - waiting - months_to_days(12)
    delay = (reoffences.outcome_day - reoffences.day)[old]
    tallies = Tallies(
        people=len(people),
        late=late,
        joined_later=joined_later,
        unseen=int((~people["mature"]).sum()),
        returned=_returned(histories, design, person, zero),
        joined=int(did_join.sum()),
        assessed=int(people["assessed"].sum()),
        assessed_joined=int((people["assessed"] & did_join).sum()),
        in_custody=in_custody,
        old=int(old.sum()),  # so old that slow proof would be seen
        slow=int((delay > waiting).sum()),
        slow_12=int((delay > months_to_days(12)).sum()),
        slow_18=int((delay > months_to_days(18)).sum()),
        rows=len(rows),
        events=int(rows["event"].sum()),
    )
    return Found(people, rows, flow, reoffences, tallies)


def rows_beside_known(rows: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Put beside each row at risk what was known of the person on the index date."""
    known = people.drop(columns=OUTCOMES)
    return rows.merge(known, left_on="person", right_index=True, how="left")


def in_cohorts(exposed: np.ndarray, names: tuple[str, str]) -> pd.Categorical:
    """Name the cohort of each row: before or without joining, and after."""
    return pd.Categorical(np.where(exposed, names[1], names[0]), categories=names)


def _one_rate(
    histories: Histories, design: FollowUpDesign, reoffences: Reoffences, person: Days, zero: Days
) -> pd.DataFrame:
    """Count what the rate counts: reoffences within `months`, proven by `waiting_months` after."""
    months, waiting = months_to_days(design.months), months_to_days(design.waiting_months)
    mature = zero + months + waiting <= extract_day(histories)
    end = np.full(len(person), months)
    pair, _ = reoffences.within(person, zero, zero + end, proven_upto=zero + end + waiting)
    if not design.seen_everywhere:
        mature &= ~(next_move(histories, person, zero) <= zero + end)
    count = pd.Series(np.bincount(pair, minlength=len(person))).astype("Int64").where(mature)
    died = to_days(histories.cases.people["death_date"])[person]
    alive = np.where(died < NEVER, np.minimum(end, died - zero), end)
    which, start, stop = stretches(histories.stays, person, zero, alive)
    at_risk = np.bincount(which, weights=stop - start, minlength=len(person))
    return pd.DataFrame(
        {
            "mature": mature,
            "reoffended": count > 0,
            "n_reoffences": count,
            "days_at_risk": pd.Series(at_risk).astype("Int64").where(mature),
            "calendar_days": pd.Series(alive).astype("Int64").where(mature),
        }
    )


def _days_or_nan(day: Days, known: np.ndarray) -> np.ndarray:
    return np.where(known, day.astype(float), np.nan)


def _returned(histories: Histories, design: FollowUpDesign, person: Days, zero: Days) -> int:
    """Count the people who came back under the programme they had left."""
    episodes = histories.cases.episodes
    again = episodes[episodes["programme"] == design.leaving]
    keys = np.sort(pack(histories.positions(again["person_id"]), to_days(again["start_date"])))
    later = before(keys, person, zero + 1)[1]
    return int((before(keys, person, zero * 0 + NEVER)[1] > later).sum())
