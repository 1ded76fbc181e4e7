"""A history cut into periods before a day: how many offences in each, and how long at liberty.

An offence counts in the period it was committed in, if it was proven within the waiting period
after it and was not committed in custody. The last period ends the waiting period before the day,
so that every offence has had the same time to be proven, and nothing from the day itself on is
used. Exposure is the days that were not nights in custody, in years; a period with an offence has
at least one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import offence_set
from desistance.errors import DataError
from desistance.histories.days import (
    DAYS_A_YEAR,
    NEVER,
    before,
    months_to_days,
    pack,
    to_dates,
    to_days,
)

if TYPE_CHECKING:
    from desistance.histories.days import Days
    from desistance.histories.histories import Histories


def offences_by_period(
    histories: Histories,
    person_ids: pd.Series,
    dates: pd.Series,
    *,
    periods: int = 8,
    months: int = 6,
    waiting_months: int = 6,
    offences: str | None = None,
) -> pd.DataFrame:
    """Count each person's proven offences, and years at liberty, by period before a day.

    Parameters
    ----------
    histories
        From `build_histories`.
    person_ids, dates : Series, shape (n,)
        Each person once, and the day (the index date, say) before which the periods lie.
    periods, months
        How many, and how long each.
    waiting_months
        For how long an offence may wait to be proven; the last period ends so long before the day.
    offences
        An offence set of the catalogue; all offences if left out.

    Returns
    -------
    DataFrame, shape (n * periods, 6)
        ``person_id, period`` (-periods to -1), ``start`` (its first day), ``age`` (years, at its
        middle), ``n_offences`` and ``exposure`` (years at liberty; 0 for a period wholly in
        custody). Choose periods in which people were old enough to be convicted.

    Raises
    ------
    DataError
        If a person is unknown or named twice, a date is empty, or a length is not positive.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=50), rng=1)
    >>> left = cases.episodes[cases.episodes["programme"] == "IOM"].drop_duplicates("person_id")
    >>> panel = offences_by_period(build_histories(cases), left["person_id"], left["end_date"])
    >>> panel.groupby("period")["exposure"].mean().round(2).tail(2).tolist()
    [0.47, 0.48]
    """
    if periods < 1 or months < 1 or waiting_months < 0:
        raise DataError("Periods are one or more, of a month or more; waiting is not negative.")
    person, day = histories.positions(person_ids), to_days(dates)
    if (day == NEVER).any():
        raise DataError(f"{(day == NEVER).sum()} of {len(day)} dates are empty.")
    again = pd.Series(person).duplicated()
    if again.any():
        raise DataError(f"{again.sum()} of {len(again)} people are named again: give one day each.")
    back = [months_to_days(months * k) for k in range(periods, -1, -1)]
    edges = (day - months_to_days(waiting_months))[:, None] - np.array(back)
    who = np.repeat(person, periods + 1).reshape(edges.shape)
    counted = np.diff(before(_counted_keys(histories, waiting_months, offences), who, edges)[1])
    nights = np.diff(histories.stays.nights_before(who, edges))
    free = np.maximum(np.diff(edges) - nights, counted > 0)
    birth = to_days(histories.cases.people["birth_month"])[person][:, None]
    age = ((edges[:, 1:] + edges[:, :-1]) / 2 - birth) / DAYS_A_YEAR
    return pd.DataFrame(
        {
            "person_id": np.repeat(np.asarray(person_ids), periods),
            "period": np.tile(np.arange(-periods, 0), len(person)),
            "start": to_dates(edges[:, :-1].ravel()),
            "age": np.where(birth == NEVER, np.nan, age).ravel(),
            "n_offences": counted.ravel(),
            "exposure": free.ravel() / DAYS_A_YEAR,
        }
    )


def _counted_keys(histories: Histories, waiting_months: int, offences: str | None) -> Days:
    """Person and day of every offence that counts, packed and sorted."""
    rows = histories.offences
    person, day = rows["person"].to_numpy(), rows["offence_day"].to_numpy()
    in_time = rows["outcome_day"].to_numpy() <= day + months_to_days(waiting_months)
    inside = rows["in_custody"].to_numpy() | histories.stays.holds(person, day)
    counts = rows["proven"].to_numpy() & in_time & ~inside
    if offences is not None:
        counts &= offence_set(offences).is_in(rows["offence_code"]).to_numpy(bool)
    return pack(person[counts], day[counts])
