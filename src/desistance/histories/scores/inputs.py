"""What a score needs to know of a person on a day, from the histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.histories.days import (
    DAYS_A_MONTH,
    NEVER,
    before,
    completed_months,
    completed_years,
    pack,
    to_days,
)

if TYPE_CHECKING:
    from desistance.histories.days import Days
    from desistance.histories.histories import Histories


def inputs_on(histories: Histories, person: Days, day: Days) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Collect what every score needs, and the days offence-free months may start from.

    Returns
    -------
    inputs : DataFrame, shape (n, ...)
        ``sex, age, n_sanctions, age_first_sanction, age_last_sanction, years_first_to_second,
        offence_code``; ages in completed years.
    moments : DataFrame, shape (n, 3)
        ``offence, sanction, release``: the last day of each before the day asked about, -1 where
        there was none; `release` is the day itself for people in custody the night before.
    """
    known = histories.known(person, day)
    people = histories.cases.people
    birth = to_days(people["birth_month"])[person]
    proven = histories.offences[histories.offences["proven"]].sort_values(
        ["person", "outcome_day", "offence_day", "offence_code"],
        ascending=[True, True, True, False],
    )
    first, end = before(pack(*_columns(proven, "person", "outcome_day")), person, day)
    some = end > first
    first_day = _read(proven["outcome_day"], first, some, NEVER)
    last_day = _read(proven["outcome_day"], end - 1, some, NEVER)
    first_age, last_age = (completed_years(birth, each) for each in (first_day, last_day))
    sanctions = known["n_sanctions"].to_numpy(np.int64)
    inputs = pd.DataFrame(
        {
            "sex": people["sex"].to_numpy()[person],
            "age": known["age"].to_numpy(float),
            "n_sanctions": sanctions,
            "age_first_sanction": first_age,
            "age_last_sanction": last_age,
            "years_first_to_second": np.where(sanctions == 2, last_age - first_age, np.nan),
            "offence_code": _read(proven["offence_code"], end - 1, some, None),
        }
    )
    since = np.rint(known["months_since_offence"].to_numpy(float) * DAYS_A_MONTH)
    moments = pd.DataFrame(
        {
            "offence": np.where(np.isnan(since), -1, day - np.nan_to_num(since)).astype(np.int64),
            "sanction": np.where(some, last_day, -1),
            "release": _released(histories, person, day),
        }
    )
    return inputs, moments


def offence_free(
    histories: Histories, person: Days, day: Days, moments: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Count whole months in the community since the last of the moments, and the age then.

    Returns
    -------
    months, age : float arrays, shape (n,)
        NaN where there was no such moment.
    """
    since = moments.max(axis=1).to_numpy(np.int64)
    began = np.where(since < 0, day, since)
    stays = histories.stays
    nights = stays.nights_before(person, day) - stays.nights_before(person, began)
    birth = to_days(histories.cases.people["birth_month"])[person]
    months, age = completed_months(began + nights, day), completed_years(birth, began)
    return np.where(since < 0, np.nan, months), np.where(since < 0, np.nan, age)


def _released(histories: Histories, person: Days, day: Days) -> Days:
    stays = histories.stays
    first, end = before(pack(stays.person, stays.came_out), person, day)
    last = _read(pd.Series(stays.came_out), end - 1, end > first, -1)
    inside = stays.nights_before(person, day) > stays.nights_before(person, day - 1)
    return np.where(inside, day, last)


def _columns(table: pd.DataFrame, *names: str) -> tuple[Days, ...]:
    return tuple(table[name].to_numpy(np.int64) for name in names)


def _read(values: pd.Series, where: Days, found: np.ndarray, otherwise: Any) -> np.ndarray:
    """Read `values` at the places found, and `otherwise` elsewhere."""
    if not len(values):
        return np.full(len(where), otherwise)
    return np.where(found, values.to_numpy()[np.clip(where, 0, len(values) - 1)], otherwise)
