"""Birthdays and ages: only the month of birth is known, so a birthday is the first of a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.histories.days import EPOCH, NEVER, to_days

if TYPE_CHECKING:
    from desistance.histories import Histories
    from desistance.histories.days import Days

AGE_OF_RESPONSIBILITY = 10  # of criminal responsibility, in England and Wales


def birthday(histories: Histories, person: Days, age: int | Days) -> Days:
    """Give the day on which each person reached an age; `NEVER` where birth is not known."""
    dates = (_month_of_birth(histories, person) + 12 * np.asarray(age)).astype("datetime64[ns]")
    return to_days(pd.Series(dates))


def completed_age(histories: Histories, person: Days, day: Days) -> np.ndarray:
    """Count each person's birthdays up to a day, as floats; NaN where birth is not known."""
    born = _month_of_birth(histories, person)
    month = (EPOCH + np.minimum(day, NEVER - 1).astype("timedelta64[D]")).astype("datetime64[M]")
    years = (month - born).astype(np.int64) // 12
    return np.where(np.isnat(born), np.nan, years.astype(float))


def _month_of_birth(histories: Histories, person: Days) -> np.ndarray:
    return histories.cases.people["birth_month"].to_numpy("datetime64[M]")[person]
