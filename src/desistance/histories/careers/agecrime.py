"""The age-crime curve: at each age, offences per year at liberty, per year, and who offended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.histories.ages import birthday, completed_age
from desistance.histories.careers.careers import spread
from desistance.histories.careers.measures import CALENDAR, PARTICIPATION, STREET
from desistance.histories.careers.rows import OVER_PEOPLE, rate_rows, tidy, wilson_row, z_of
from desistance.histories.days import NEVER, to_days
from desistance.plots import new_axes
from desistance.results import Caveat, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from desistance.histories.careers.careers import Careers
    from desistance.histories.careers.rows import Row


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AgeCrimeCurve(Result):
    """Offending by completed age, in groups.

    Attributes
    ----------
    frame : DataFrame
        One row per group, age and measure: ``group, outcome, interval, age, n`` (people seen at
        that age), ``n_events, person_years, estimate, conf_low, conf_high, note``.
    width
        Years that one age stands for, from the age given.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    width: int
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group, age and measure."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say at which age the rate is highest, and the curve, in plain text."""
        rates = self.frame[(self.frame["outcome"] == STREET) & (self.frame["n_events"] > 0)]
        peak = ""
        if len(rates):
            top = rates.iloc[int(np.argmax(rates["estimate"].to_numpy(float)))]
            peak = f"; highest at age {top['age']} ({top['group']})"
        first = f"Age-crime curve, {self.definition}{peak}"
        return "\n".join([first, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw offences per year in the community by age, a line a group.

        The limits are those over people.
        """
        ax = new_axes(ax)
        rates = self.frame[
            (self.frame["outcome"] == STREET) & (self.frame["interval"] == OVER_PEOPLE)
        ]
        for group, rows in rates.groupby("group", sort=False):
            age = rows["age"].to_numpy(float) + self.width / 2
            value, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
            (line,) = ax.plot(age, value, label=group)
            ax.fill_between(age, low, high, alpha=0.18, color=line.get_color(), linewidth=0)
        ax.set(xlabel="Age", ylabel="Offences per year in the community", ylim=(0, None))
        if rates["group"].nunique() > 1:
            ax.legend()
        return ax


def age_crime_curve(
    careers: Careers,
    *,
    by: str | pd.Series | None = None,
    width: int = 1,
    confidence: float = 0.95,
) -> AgeCrimeCurve:
    """Give offences per year by age, with the time at liberty at that age as exposure.

    Parameters
    ----------
    careers
        From `trace_careers`. People whose month of birth is not known are left out and counted.
    by
        Column of `careers.people`, or labels on its index, that forms the groups.
    width
        Years of age that are told together; bands begin at multiples of it.
    confidence
        Of the intervals: of rates both over people and exact Poisson, of shares Wilson.

    Raises
    ------
    DataError
        If `by` is not a column of the people.

    References
    ----------
    Farrington (1986), Crime and Justice 7, 189-250.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=200), rng=1))
    >>> careers = trace_careers(histories)
    >>> curve = age_crime_curve(careers, width=5).to_frame()
    >>> curve.loc[curve["age"] == 25, "n_events"].tolist()
    [620, 620, 620, 620, 111]
    """
    if width < 1:
        raise DataError("`width` is a year or more.")
    groups, z = careers.groups(by), z_of(confidence)
    histories, position, people = careers.histories, careers.position, careers.people
    since = to_days(people["since"])
    until = since + people["calendar_days"].to_numpy(np.int64)
    youngest = completed_age(histories, position, since)
    oldest = completed_age(histories, position, np.maximum(until - 1, since))
    seen = ~np.isnan(youngest) & (until > since)
    first = np.where(seen, youngest, 0).astype(np.int64)
    bands = np.where(seen, np.nan_to_num(oldest) // width - first // width + 1, 0).astype(np.int64)
    owner, band = spread(first // width, bands)
    lower = birthday(histories, position[owner], band * width)
    upper = birthday(histories, position[owner], (band + 1) * width)
    start = np.maximum(since[owner], np.where(lower == NEVER, 0, lower))
    stop = np.maximum(np.minimum(until[owner], upper), start)
    street = careers.clock.street_days(position[owner], start, stop)
    whose, day = careers.person, careers.offences["day"].to_numpy(np.int64)
    age = completed_age(histories, position[whose], day)
    told = ~np.isnan(age)
    offset = np.cumsum(bands) - bands
    cell = offset[whose[told]] + age[told].astype(np.int64) // width - (first // width)[whose[told]]
    counts = np.bincount(cell, minlength=len(owner)).astype(float)
    rows: list[Row] = []
    for group, mask in groups.items():
        mine = mask[owner]
        for each in np.unique(band[mine]):
            here = mine & (band == each)
            n = int(here.sum())
            place: Row = {"group": group, "age": int(each * width)}
            for outcome, days in {STREET: street, CALENDAR: stop - start}.items():
                both = rate_rows(counts[here], days[here].astype(float), confidence)
                rows += [place | {"outcome": outcome} | row | {"n": n} for row in both]
            share = wilson_row(int((counts[here] > 0).sum()), n, z)
            rows.append(place | {"outcome": PARTICIPATION} | share)
    unborn = int(np.isnan(youngest).sum())
    left = (
        (Caveat("{people} people of unknown age are left out.", people=unborn),) if unborn else ()
    )
    return AgeCrimeCurve(tidy(rows), width, careers.definition, (*left, *careers.caveats))
