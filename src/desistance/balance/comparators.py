"""Who may be compared with whom, by design: where and when the comparison people left.

Whatever the design, both sides have gone the same number of days since leaving, and both have their
whole follow-up and waiting behind them in data that are complete to one day (equal maturity, equal
lag). Beyond that:

any   everyone who left, wherever and whenever
A     who lived where the programme does not start before their follow-up is over, within
      `concurrent_months` of the same day of the calendar
B     who lived in the same area, whose follow-up and waiting were over before the programme started
      there, and whose day is within `season_days` of the same day of the year
C     who lived in the same area, where the programme had started by that day, within
      `concurrent_months`

The area is that of leaving; one that the table `areas` does not name is not known to have or to
lack the programme, so its people are in none of A to C.

What these designs can and cannot say is in `desistance.catalogue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.followup.rules import extract_day
from desistance.histories.days import NEVER, months_to_days, to_dates, to_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.followup import FollowUp
    from desistance.histories import Histories
    from desistance.histories.days import Days

    Bools = NDArray[np.bool_]

Letter = Literal["any", "A", "B", "C"]
YEAR = 365


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """How near in the calendar two people must be.

    Attributes
    ----------
    concurrent_months
        Furthest apart of people compared at the same time (A, C).
    season_days
        Furthest apart in the year, whatever the year (B).
    """

    concurrent_months: int = 6
    season_days: int = 45

    def __post_init__(self) -> None:
        if self.concurrent_months < 1 or not 1 <= self.season_days <= YEAR // 2:
            raise ModelError(
                "`concurrent_months` is 1 or more, `season_days` from 1 to half a year."
            )


@dataclass(frozen=True, slots=True)
class Comparator:
    """Who may be compared; see `desistance.balance.comparators`.

    Attributes
    ----------
    letter
        "A", "B" or "C", or "any".
    calendar
        How near in the calendar.
    exits_from
        Those who joined must have left on or after this day; the people compared need not.
    """

    letter: Letter = "any"
    calendar: CalendarRules = field(default_factory=CalendarRules)
    exits_from: date | None = None

    def __post_init__(self) -> None:
        if self.letter not in get_args(Letter):
            raise ModelError(f"`letter` is one of {', '.join(get_args(Letter))}.")


@dataclass(frozen=True, slots=True, eq=False)
class Eligible:
    """What a design asks of everybody followed: arrays of shape (n_people,).

    Attributes
    ----------
    left : int64
        Day of leaving.
    area : int64
        Number of the area, -1 where the table of areas does not name it.
    live : int64
        Day the programme started there, `NEVER` if not.
    months, waiting, last : int
        Days of follow-up and of waiting, and the day to which the data are complete.
    """

    comparator: Comparator
    left: Days
    area: Days
    live: Days
    months: int
    waiting: int
    last: int

    def joiners(self, joiner: Days, day: Days) -> Iterator[tuple[str, Bools]]:
        """Say which of those who joined are left out, one reason at a time."""
        first = self.comparator.exits_from
        if first is not None:
            yield "left before the dates of the plan", self.left[joiner] < _day(first)
        yield self._not_mature(joiner, day)
        if self.comparator.letter in ("B", "C"):
            nowhere = (self.area[joiner] < 0) | (self.live[joiner] == NEVER)
            yield "no day is known on which the programme started in their area", nowhere

    def others(self, joiner: Days, other: Days, day: Days) -> Iterator[tuple[str, Bools]]:
        """Say which of the people compared with each joiner are left out, one reason at a time."""
        ours, theirs = self.left[joiner] + day, self.left[other] + day
        letter, rules = self.comparator.letter, self.comparator.calendar
        yield self._not_mature(other, day)
        if letter == "any":
            return
        if letter == "A":
            yield "the table of areas does not name theirs", self.area[other] < 0
            yield (
                "the programme started in their area before their follow-up was over",
                self.live[other] <= theirs + self.months,
            )
        else:
            yield "lived in another area", self.area[other] != self.area[joiner]
        if letter == "B":
            yield (
                "their follow-up and waiting were not over when the programme started there",
                theirs + self.months + self.waiting >= self.live[other],
            )
            yield "in another season", _apart_in_year(ours, theirs) > rules.season_days
            return
        if letter == "C":
            yield "the programme had not started there by that day", self.live[other] > theirs
        furthest = months_to_days(rules.concurrent_months)
        yield (
            f"more than {rules.concurrent_months} months earlier or later",
            np.abs(ours - theirs) > furthest,
        )

    def _not_mature(self, person: Days, day: Days) -> tuple[str, Bools]:
        over = self.left[person] + day + self.months + self.waiting
        return "follow-up and waiting are not complete in the data", over > self.last


def eligible(followed: FollowUp, comparator: Comparator) -> Eligible:
    """Look up what a design asks of everybody followed."""
    design, areas = followed.design, followed.histories.cases.areas
    place = pd.Index(areas["area_id"]).get_indexer(pd.Index(followed.people["area_id"]))
    live = np.append(to_days(areas["go_live_date"]), NEVER)  # the last is that of no area
    return Eligible(
        comparator, followed.index_day, place.astype(np.int64), live[place],
        months_to_days(design.months), months_to_days(design.waiting_months),
        complete_day(followed.histories),
    )  # fmt: skip


def complete_day(histories: Histories) -> int:
    """Give the day to which every source is complete: the earliest it says, or the extract's."""
    said = to_days(histories.cases.extract["complete_to"])  # `NEVER` where a source says nothing
    return min(extract_day(histories), int(said.min(initial=NEVER)))


def _day(day: date) -> int:
    return int(to_days(pd.Series([pd.Timestamp(day)]))[0])


def _apart_in_year(one: Days, other: Days) -> Days:
    """Count the days between two days of the year, the shorter way round."""
    apart = np.abs(_of_year(one) - _of_year(other))
    return np.minimum(apart, YEAR - np.minimum(apart, YEAR))


def _of_year(day: Days) -> Days:
    return to_dates(day).dt.dayofyear.to_numpy(np.int64)
