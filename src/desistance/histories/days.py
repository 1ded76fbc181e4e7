"""Whole days as integers, and searches within a person, without a loop over people.

A day is the number of days since 1 January 1900, or `NEVER` when there is no date. A person is
the position of the id among the sorted ids. Packing both into one integer, ``person << 24 | day``,
makes an array that is sorted by person and then by day, so that one `searchsorted` answers "how
many before this day" for any number of people at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Days = NDArray[np.int64]

EPOCH = np.datetime64("1900-01-01", "D")
NEVER = (1 << 24) - 1  # later than any date a table can hold
WHOLE = 63  # bits of an integer that are not its sign
DAYS_A_MONTH = 365.25 / 12
DAYS_A_YEAR = 365.25


def to_days(dates: pd.Series) -> Days:
    """Count days since 1900; `NEVER` where there is no date."""
    values = dates.to_numpy("datetime64[D]")
    days = (values - EPOCH).astype(np.int64)
    days[np.isnat(values)] = NEVER
    return days


def to_dates(days: Days) -> pd.Series:
    """Turn days back into dates; no date where the day is `NEVER`."""
    dates = EPOCH + days.astype("timedelta64[D]")
    dates[days == NEVER] = np.datetime64("NaT")
    return pd.Series(dates.astype("datetime64[ns]"))


def months_to_days(months: float) -> int:
    """Count the days of a number of months: 12 are 365 days and 6 are 183."""
    return round(months * DAYS_A_MONTH)


def pack(person: Days, day: Days) -> Days:
    """Join person and day to one sortable integer."""
    return (person << 24) | day


def put_in_order(person: Days, day: Days, rank: Days | None = None) -> tuple[Days, Days | slice]:
    """Put rows in order by person, then day, then rank (small and not negative), first come first.

    Where all of it and the row's number fit in one integer, those are sorted in place, which is
    many times faster than finding an order and gives the same one.

    Returns
    -------
    keys : int64 array, shape (n,)
        Person and day, packed and sorted.
    order : int64 array, shape (n,), or a slice of everything where rows are in order already
    """
    keys = pack(person, day)
    ranks = 0 if rank is None else int(rank.max(initial=0)).bit_length()
    if not len(keys) or (not ranks and is_sorted(keys)):
        return keys, slice(None)
    first = int(day.min())
    last = int(day.max(initial=first - 1, where=day < NEVER)) + 1  # stands for `NEVER`
    days, rows = max(last - first, 1).bit_length(), len(keys).bit_length()
    bits = int(person.max()).bit_length() + days + ranks
    if bits > WHOLE:
        order = np.lexsort((keys,) if rank is None else (rank, keys))
        return keys[order], order
    short = np.minimum(day, last)
    short -= first
    short |= person << days
    if rank is not None:
        short <<= ranks
        short |= rank
    if is_sorted(short):
        return keys, slice(None)
    if bits + rows > WHOLE:
        order = np.argsort(short, kind="stable")
        return keys[order], order
    short <<= rows
    short |= np.arange(len(keys))
    short.sort()
    order = short & ((1 << rows) - 1)
    short >>= rows + ranks
    np.right_shift(short, days, out=keys)
    keys <<= 24
    short &= (1 << days) - 1
    short += first
    short[short == last] = NEVER
    keys |= short
    return keys, order


def is_sorted(keys: Days) -> bool:
    """Say whether keys rise or stay."""
    return bool((keys[1:] >= keys[:-1]).all())


def among(keys: Days, sorted_keys: Days) -> NDArray[np.bool_]:
    """Say which keys are among others that are sorted."""
    if not len(sorted_keys):
        return np.zeros(len(keys), bool)
    place = np.searchsorted(sorted_keys, keys)
    found: NDArray[np.bool_] = sorted_keys[np.minimum(place, len(sorted_keys) - 1)] == keys
    return found


def unpack_day(key: Days) -> Days:
    """Read the day of a packed key."""
    return key & NEVER


def before(keys: Days, person: Days, day: Days) -> tuple[Days, Days]:
    """Find the stretch of sorted packed `keys` of each person that falls before each day.

    Returns
    -------
    first, end : int64 arrays, shape of `person`
        ``keys[first:end]`` are the entries of that person strictly before that day.
    """
    return np.searchsorted(keys, pack(person, day * 0)), np.searchsorted(keys, pack(person, day))


def completed_years(born: Days, day: Days) -> NDArray[np.float64]:
    """Count the birthdays of each person up to each day; NaN where either is `NEVER`."""
    birth, now = to_dates(born).dt, to_dates(day).dt
    years = (
        now.year
        - birth.year
        - ((now.month < birth.month) | ((now.month == birth.month) & (now.day < birth.day)))
    )
    return years.to_numpy(float)


def completed_months(start: Days, day: Days) -> NDArray[np.float64]:
    """Count the whole calendar months from each start to each day; NaN where either is `NEVER`."""
    begun, now = to_dates(start).dt, to_dates(day).dt
    months = 12 * (now.year - begun.year) + now.month - begun.month - (now.day < begun.day)
    return months.to_numpy(float)
