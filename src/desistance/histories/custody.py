"""Spells in custody, joined where they overlap or touch.

A spell runs from the day of going in up to, not including, the first day free. A remand that
becomes a sentence on the same day is one stay. A spell without an end lasts beyond the extract;
one that ends on the day it began is no stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.histories.days import NEVER, before, pack, put_in_order, unpack_day

if TYPE_CHECKING:
    from desistance.histories.days import Days


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """Stays in custody that neither overlap nor touch, sorted by person and day.

    Attributes
    ----------
    person, went_in, came_out : int64 arrays, shape (n_stays,)
    """

    person: Days
    went_in: Days
    came_out: Days

    def nights_before(self, person: Days, day: Days) -> Days:
        """Add up the nights each person spent in custody before each day."""
        nights = np.concatenate([[0], np.cumsum(self.came_out - self.went_in)])
        first, end = before(pack(self.person, self.went_in), person, day)
        total = nights[end] - nights[first]
        last = np.maximum(end - 1, 0)
        still_in = (end > first) & (self._out(last) > day)
        return total - np.where(still_in, self._out(last) - day, 0)

    def nights_between(self, person: Days, day: Days, until: Days) -> Days:
        """Add up the nights each person spent in custody from one day to before a later one."""
        keys = pack(self.person, self.went_in)
        nights = np.concatenate([[0], np.cumsum(self.came_out - self.went_in)])
        total = np.zeros_like(person)
        for sign, when in ((1, until), (-1, day)):
            end = np.searchsorted(keys, pack(person, when))
            last = np.maximum(end - 1, 0)
            out = self._out(last) - when
            beyond = (end > 0) & (self._whose(last) == person) & (out > 0)
            total += sign * (nights[end] - np.where(beyond, out, 0))
        return total

    def holds(self, person: Days, day: Days) -> np.ndarray:
        """Say whether each person spent the whole of that day in custody."""
        first, end = before(pack(self.person, self.went_in), person, day)
        return (end > first) & (self._out(np.maximum(end - 1, 0)) > day)

    def whole_days(self) -> Stays:
        """Take only the days spent wholly inside: neither that of going in nor of release."""
        has_one = self.came_out - self.went_in > 1
        return Stays(self.person[has_one], self.went_in[has_one] + 1, self.came_out[has_one])

    def joined_with(self, other: Stays) -> Stays:
        """Join the stays of both: the days in either."""
        return join_stays(
            np.concatenate([self.person, other.person]),
            np.concatenate([self.went_in, other.went_in]),
            np.concatenate([self.came_out, other.came_out]),
            NEVER - 1,
        )

    def _whose(self, stay: Days) -> Days:
        return self.person[stay] if len(self.person) else np.zeros_like(stay)

    def _out(self, stay: Days) -> Days:
        return self.came_out[stay] if len(self.came_out) else np.zeros_like(stay)


def join_stays(person: Days, went_in: Days, came_out: Days, extract_day: int) -> Stays:
    """Join overlapping and touching spells of each person.

    Parameters
    ----------
    person, went_in, came_out : int64 arrays, shape (n_spells,)
        `came_out` is `NEVER` while the spell lasts.
    extract_day
        Last day of the data; a spell that lasts is closed the day after.
    """
    out = np.where(came_out == NEVER, extract_day + 1, came_out)
    a_night = out > went_in
    person, went_in, out = person[a_night], went_in[a_night], out[a_night]
    keys, order = put_in_order(person, went_in)
    person, went_in, out = keys >> 24, unpack_day(keys), out[order]
    latest_out = np.maximum.accumulate(pack(person, out))  # persons rise, so none leaks to the next
    starts_anew = np.ones(len(person), bool)
    starts_anew[1:] = keys[1:] > latest_out[:-1]
    first = np.flatnonzero(starts_anew)
    last = np.append(first[1:], len(person)) - 1 if len(first) else first
    return Stays(person[first], went_in[first], unpack_day(latest_out[last]))
