"""The arithmetic of the rules of time (stated in `desistance.followup`), on arrays of days.

Everything here works on pairs of a person and a day 0, so the same rules serve follow-up from
leaving a programme and follow-up from any later day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import offence_set
from desistance.histories.custody import Stays, join_stays
from desistance.histories.days import NEVER, before, months_to_days, pack, to_days, unpack_day

if TYPE_CHECKING:
    from desistance.followup.design import FollowUpDesign
    from desistance.histories import Histories
    from desistance.histories.days import Days

REOFFENCE, DEATH, MOVED = "reoffence", "death", "moved away"
JOINED, COMPLETE = "joined", "end of follow-up"


@dataclass(frozen=True, slots=True, eq=False)
class Reoffences:
    """Every offence that may count as a reoffence, sorted by person and day."""

    person: Days
    day: Days
    outcome_day: Days
    code: np.ndarray

    def within(
        self,
        person: Days,
        after: Days,
        upto: Days,
        *,
        waiting: int = 0,
        proven_upto: Days | None = None,
    ) -> tuple[Days, Days]:
        """Find the reoffences of each pair in ``after < day <= upto`` that were proven in time.

        Parameters
        ----------
        waiting
            Days within which each must be proven: the same for every offence.
        proven_upto
            Or, in its place, the day of each pair by which all must be proven.

        Returns
        -------
        pair, day : int64 arrays, shape (n_found,)
            Which pair each belongs to (in rising order), and on what day it was committed.
        """
        pair, found = self.found_within(
            person, after, upto, waiting=waiting, proven_upto=proven_upto
        )
        return pair, self.day[found]

    def found_within(
        self,
        person: Days,
        after: Days,
        upto: Days,
        *,
        waiting: int = 0,
        proven_upto: Days | None = None,
    ) -> tuple[Days, Days]:
        """Find what `within` finds: the pair, and the place of each in these arrays."""
        keys = pack(self.person, self.day)
        first, end = (np.searchsorted(keys, pack(person, day + 1)) for day in (after, upto))
        pair, found = spread(first, np.maximum(end - first, 0))
        last = self.day[found] + waiting if proven_upto is None else proven_upto[pair]
        in_time = self.outcome_day[found] <= last
        return pair[in_time], found[in_time]


def spread(first: Days, count: Days) -> tuple[Days, Days]:
    """List ``first[i], first[i] + 1, ...`` (`count[i]` of them) for every i, with i beside each."""
    owner = np.repeat(np.arange(len(first)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return owner, np.repeat(first, count) + place


def countable(histories: Histories, design: FollowUpDesign) -> tuple[Reoffences, int]:
    """Pick the offences that may count, and how many were left out as committed in custody."""
    offences = histories.offences
    counts = offences["proven"].to_numpy() & (
        offence_set(design.offence_set).is_in(offences["offence_code"]).to_numpy(bool)
    )
    person, day = offences["person"].to_numpy(), offences["offence_day"].to_numpy()
    inside = offences["in_custody"].to_numpy() | histories.stays.holds(person, day)
    kept = counts & ~inside
    outcome_day, code = offences["outcome_day"].to_numpy(), offences["offence_code"].to_numpy()
    found = Reoffences(person[kept], day[kept], outcome_day[kept], code[kept])
    return found, int((counts & inside).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What was seen of each pair of a person and a day 0; days count from day 0.

    Attributes
    ----------
    end : int64 array, shape (n_pairs,)
        Last day watched, were there no reoffence; below 1 where nothing can be watched.
    ended_by : object array, shape (n_pairs,)
        Why watching ends there: `DEATH`, `MOVED`, `JOINED` or `COMPLETE`.
    event : int64 array, shape (n_pairs,)
        Day of the first reoffence, `NEVER` if none.
    reoffences : two int64 arrays, shape (n_found,)
        Pair and day of every reoffence up to `end`.
    found : int64 array, shape (n_found,)
        The place of each in the `Reoffences`.
    """

    end: Days
    ended_by: np.ndarray
    event: Days
    reoffences: tuple[Days, Days]
    found: Days


def watch(
    histories: Histories,
    design: FollowUpDesign,
    reoffences: Reoffences,
    person: Days,
    zero: Days,
    *,
    days: int | None,
    joined: Days | None = None,
) -> Watched:
    """Watch each pair from its day 0 to the first of the ends in `desistance.followup`.

    Parameters
    ----------
    person, zero : int64 arrays, shape (n_pairs,)
        Position and day 0.
    days
        How long to watch at most; as long as the data allow when None.
    joined : int64 array, shape (n_pairs,), optional
        Days from day 0 on which watching ends because the person joins (`NEVER` if not).
    """
    waiting = months_to_days(design.waiting_months)
    complete = extract_day(histories) - zero - waiting
    complete = complete if days is None else np.minimum(complete, days)
    ends = {DEATH: _since(zero, to_days(histories.cases.people["death_date"])[person])}
    if not design.seen_everywhere:
        ends[MOVED] = _since(zero, next_move(histories, person, zero))
    if joined is not None:
        ends[JOINED] = joined
    ends[COMPLETE] = complete  # last: on a day with two ends, the other one is told
    table = np.stack(list(ends.values()))
    end = table.min(axis=0)
    ended_by = np.array(list(ends), dtype=object)[table.argmin(axis=0)]
    pair, found = reoffences.found_within(person, zero, zero + end, waiting=waiting)
    day = reoffences.day[found] - zero[pair]
    event = np.full(len(person), NEVER)
    np.minimum.at(event, pair, day)
    return Watched(end, ended_by, event, (pair, day), found)


def extract_day(histories: Histories) -> int:
    """Give the day the data were taken."""
    return int(to_days(pd.Series([histories.cases.extract_date]))[0])


def _since(zero: Days, day: Days) -> Days:
    return np.where(day < NEVER, day - zero, NEVER)


def next_move(histories: Histories, person: Days, zero: Days) -> Days:
    """Find the first day after day 0 from which each person lived elsewhere."""
    away = _spells_elsewhere(histories)
    keys = pack(away.person, away.went_in)
    place = before(keys, person, zero + 1)[1]
    later = _read(keys, place)
    same_person = (later >> 24) == person
    return np.where(same_person, later & NEVER, NEVER)


def lives_elsewhere(histories: Histories, person: Days, zero: Days) -> np.ndarray:
    """Say who lived outside the area on day 0."""
    away = _spells_elsewhere(histories)
    first, end = before(pack(away.person, away.went_in), person, zero + 1)
    return (end > first) & (_read(away.came_out, end - 1) > zero)


def _spells_elsewhere(histories: Histories) -> Stays:
    """Join the spells of living elsewhere, as stays in custody are joined."""
    residence = histories.cases.residence
    elsewhere = residence[residence["in_area"].eq(False).fillna(False)]
    return join_stays(
        histories.positions(elsewhere["person_id"]),
        to_days(elsewhere["from_date"]),
        to_days(elsewhere["to_date"]),
        NEVER - 1,
    )


def _read(values: Days, place: Days) -> Days:
    """Read values at places that may lie beyond either end (0 or -1 there)."""
    if not len(values):
        return np.full(len(place), -1)
    inside = (place >= 0) & (place < len(values))
    return np.where(inside, values[np.clip(place, 0, len(values) - 1)], -1)


def stretches(stays: Stays, person: Days, zero: Days, last: Days) -> tuple[Days, Days, Days]:
    """Cut (0, last] of each pair at the days spent wholly in custody.

    Returns
    -------
    pair, start, stop : int64 arrays, shape (n_stretches,)
        Days from day 0, at risk in (start, stop]; sorted by pair and start.
    """
    holds_a_day = stays.came_out - stays.went_in > 1  # one night leaves every day at risk
    whose = stays.person[holds_a_day]
    went_in, came_out = stays.went_in[holds_a_day], stays.came_out[holds_a_day]
    first = np.searchsorted(pack(whose, came_out), pack(person, zero), side="right")
    end = before(pack(whose, went_in), person, zero + np.maximum(last, 0))[1]
    gaps = np.maximum(end - first, 0)
    pair, place = spread(first, gaps + 1)  # one stretch before each stay, and one after the last
    is_last = place == (first + gaps)[pair]
    is_first = place == first[pair]
    start = np.where(is_first, 0, _read(came_out, place - 1) - 1 - zero[pair])
    stop = np.where(is_last, last[pair], _read(went_in, place) - zero[pair])
    start, stop = np.maximum(start, 0), np.minimum(stop, last[pair])
    kept = stop > start
    return pair[kept], start[kept], stop[kept]


def on_street_clock(pair: Days, start: Days, stop: Days) -> tuple[Days, Days]:
    """Count only days at risk: every stretch starts where the one before it stopped."""
    run = np.cumsum(stop - start)
    first = np.searchsorted(pair, pair)  # the pair's first stretch
    before_pair = run[first] - (stop - start)[first]
    new_stop = run - before_pair
    return new_stop - (stop - start), new_stop


def cut_at(pair: Days, start: Days, stop: Days, whose: Days, day: Days) -> tuple[Days, Days, Days]:
    """Cut stretches (sorted by pair and start) at days of their pair that lie inside them.

    Parameters
    ----------
    whose, day : int64 arrays, shape (n_cuts,)
        Pair and day of each cut; those inside no stretch cut nothing.
    """
    if not len(pair):
        return pair, start, stop
    holding = np.searchsorted(pack(pair, stop), pack(whose, np.minimum(day, NEVER)))
    last = len(pair) - 1
    held = np.minimum(holding, last)
    inside = (holding <= last) & (pair[held] == whose) & (start[held] < day) & (day < stop[held])
    keys = np.sort(np.concatenate([pack(pair, start), pack(whose[inside], day[inside])]))
    keys = keys[np.append(True, keys[1:] > keys[:-1])]
    pairs, starts = keys >> 24, unpack_day(keys)
    stops = stop[np.searchsorted(pack(pair, stop), keys + 1)]
    same = pairs[1:] == pairs[:-1]
    stops[:-1] = np.where(same, np.minimum(stops[:-1], starts[1:]), stops[:-1])
    return pairs, starts, stops
