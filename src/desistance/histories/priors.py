"""What was proven and known before a day, counted for any number of people at once.

Offences are put in order once, as packed integers (see `days`); running counts over them then
answer every question by a search. Nothing here loops over people or sorts text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.histories.days import NEVER, before, put_in_order, unpack_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from desistance.histories.days import Days

    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    """Proven offences of everyone, in the order of their outcomes.

    Attributes
    ----------
    keys : int64 array, shape (n,)
        Person and day of the outcome, packed and sorted.
    hits : dict of int64 arrays, shape (1 + n,)
        Running count of those in each offence set.
    sanctions : int64 array, shape (1 + n,)
        Running count of occasions, each counted when its first outcome came.
    earliest : int64 array, shape (n,)
        First day of offending of the person among the offences so far.
    """

    keys: Days
    hits: dict[str, Days]
    sanctions: Days
    earliest: Days


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Offences of everyone, in the order in which they became known.

    Attributes
    ----------
    keys : int64 array, shape (n,)
        Person and day from which each is known, packed and sorted.
    latest : int64 array, shape (n,)
        Last day of offending of the person among the offences so far.
    """

    keys: Days
    latest: Days

    def last_offence(self, person: Days, day: Days) -> Days:
        """Give the last day of offending known before each day; `NEVER` if none."""
        first, end = before(self.keys, person, day)
        return at(self.latest, end - 1, end > first, otherwise=np.full_like(day, NEVER))


def order_proven(
    person: Days,
    offence_day: Days,
    outcome_day: Days,
    *,
    sets: Mapping[str, Bools],
    occasion: Days | None = None,
) -> Proven:
    """Put proven offences in order.

    Parameters
    ----------
    person, offence_day, outcome_day : int64 arrays, shape (n,)
    sets : dict of bool arrays, shape (n,)
        Which offences are in each set.
    occasion : int64 array, shape (n,)
        Codes of the occasions that dealt with them; each its own when left out.
    """
    keys, order = put_in_order(person, outcome_day)
    sanctions = np.arange(len(keys) + 1)
    if occasion is not None:
        together = ((keys >> 24) << 32) | occasion[order]
        sanctions = running_count(~pd.Series(together).duplicated().to_numpy())
    # Persons rise, so a running extreme of packed keys never leaks from one to the next.
    earliest = keys | NEVER
    earliest -= offence_day[order]
    np.maximum.accumulate(earliest, out=earliest)
    earliest &= NEVER
    np.subtract(NEVER, earliest, out=earliest)
    hits = {name: running_count(is_in[order]) for name, is_in in sets.items()}
    return Proven(keys, hits, sanctions, earliest)


def order_known(person: Days, offence_day: Days, known_day: Days) -> Known:
    """Put offences in the order in which they became known; int64 arrays, shape (n,)."""
    keys, order = put_in_order(person, known_day)
    committed = (keys & ~np.int64(NEVER)) | offence_day[order]
    return Known(keys, unpack_day(np.maximum.accumulate(committed)))


def running_count(flags: NDArray[np.generic]) -> Days:
    """Count the true ones so far, shape (1 + n,)."""
    count = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=count[1:])
    return count


def at(values: Days, where: Days, found: Bools, *, otherwise: Days) -> Days:
    """Read `values` at the places found, and `otherwise` elsewhere."""
    if not len(values):
        return otherwise
    return np.where(found, values[np.clip(where, 0, len(values) - 1)], otherwise)
