"""How many reoffended, how often, and per how much time at risk.

The one-year measures follow the Ministry of Justice's proven reoffending statistics and rest on
people whose follow-up and waiting period are complete. They describe a group fixed on the index
date. A cohort that people join later is no such group: those in it have already gone without
reoffending until they joined. For such cohorts the share is `not estimable` here, the rate per
person-year is not, and `compare_cohorts` makes the fair comparison.

Rates per year stand in pairs: on the calendar, and on the street, where days wholly in custody are
no exposure. A programme that sends more people back to custody looks better on the calendar alone.

References
----------
Ministry of Justice, Guide to Proven Reoffending Statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from desistance.errors import FollowUpError
from desistance.followup import FollowUp, FollowUpInBlocks
from desistance.histories.careers.frequencies import exact_poisson
from desistance.plots import new_axes
from desistance.rates.sums import (
    EVERYONE,
    AtRisk,
    Exposure,
    Grouped,
    OneYear,
    at_risk,
    on_calendar,
    one_year,
)
from desistance.results import NOT_ESTIMABLE, Result, text_table
from desistance.timetoevent import PER_YEAR, HasBlocks, TimesInBlocks, TimeToEvent, as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from desistance.followup import FollowUpDesign

SHARE = "reoffended within {months} months"
PER_PERSON = "reoffences per person"
PER_REOFFENDER = "reoffences per reoffender"
CALENDAR = "reoffences per year"
STREET = "reoffences per year in the community"
FIRST, FIRST_CALENDAR = "first reoffences per year at risk", "first reoffences per year"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReoffendingRates(Result):
    """Reoffending in groups.

    Attributes
    ----------
    frame : DataFrame
        One row per group and measure: ``group, outcome, n, n_events, person_years, estimate,
        conf_low, conf_high, note``.
    definition : str
        What counts, in words.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and measure."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say the measures and their definition in plain text."""
        told = text_table(self.frame)
        return "\n".join([f"Reoffending: {self.definition}", told, *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the first measure that every group has, with its interval."""
        ax = new_axes(ax)
        rows = self.frame[self.frame["estimate"].notna()]
        outcome = rows["outcome"].iloc[0] if len(rows) else ""
        rows = rows[rows["outcome"] == outcome]
        place = np.arange(len(rows))[::-1]
        share, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
        ax.errorbar(share, place, xerr=(share - low, high - share), fmt="o", capsize=3)
        ax.set_yticks(place, rows["group"])
        ax.set_xlabel(outcome[:1].upper() + outcome[1:])
        ax.set_xlim(left=0)
        return ax


def reoffending_rates(
    followed: FollowUp | TimeToEvent | FollowUpInBlocks | TimesInBlocks,
    by: str | None = "cohort",
    *,
    confidence: float = 0.95,
) -> ReoffendingRates:
    """Measure reoffending for everyone, and for the groups of a column.

    Parameters
    ----------
    followed
        A `FollowUp`, or a `TimeToEvent` (which has no one-year measures, only the rate of first
        events per person-year); or either of them in blocks.
    by
        Column that forms the groups; "cohort" is the exposure of each row at risk. None for
        everyone only.
    confidence
        Of the intervals: Wilson for the share; robust to people who offend often for reoffences
        per year; exact Poisson for first reoffences; normal for means.

    Returns
    -------
    ReoffendingRates
        Shares from 0 to 1; rates per year of 365.25 days.

    Raises
    ------
    FollowUpError
        If `by` is not a column; the message lists the columns there are.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance import TimeToEvent, reoffending_rates
    >>> frame = pd.DataFrame({"day": [100, 265], "reoffended": [1, 0]})
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> reoffending_rates(times, by=None).to_frame()["estimate"].round(3).tolist()
    [1.001]
    """
    if isinstance(followed, HasBlocks):
        blocks = followed.times_in_blocks()
        by = _found(by, blocks.source.columns())
        named = [] if by is None else [by]
        at = reduce(add, blocks.each(partial(_at_risk, by), named))
        unit = blocks.unit
    else:
        times = as_times(followed)
        by = _found(by, times.columns)
        at, unit = _at_risk(by, times), times.unit
    rows = []
    if isinstance(followed, FollowUp):
        told = _told(by, followed.design, followed.people)
        rows += _one_year(told, at, by, followed.design, confidence)
    elif isinstance(followed, FollowUpInBlocks):
        told = reduce(add, followed.each(partial(_told, by, followed.design)))
        rows += _one_year(told, at, by, followed.design, confidence)
    rows += [
        _rate(group, FIRST, counted, unit, confidence) for group, counted in at.in_order().items()
    ]
    if isinstance(followed, FollowUp):
        calendar = on_calendar(followed.people, by, followed.design.names)
    elif isinstance(followed, FollowUpInBlocks):
        told_calendar = partial(on_calendar, by=by, names=followed.design.names)
        calendar = reduce(add, followed.each(told_calendar))
    else:
        calendar = None
    if calendar is not None:
        rows += [
            _rate(group, FIRST_CALENDAR, counted, "days", confidence)
            for group, counted in calendar.in_order().items()
        ]
    frame = pd.DataFrame(rows).sort_values(
        "group", key=lambda groups: groups != EVERYONE, kind="stable"
    )
    frame = frame.reindex(columns=[
        "group", "outcome", "n", "n_events", "person_years", "estimate", "conf_low", "conf_high",
        "note"]).fillna({"note": ""}).astype({"n": "Int64", "n_events": "Int64"})  # fmt: skip
    definition = "first events per person-year"
    caveats: tuple[str, ...] = ()
    if isinstance(followed, FollowUp | FollowUpInBlocks):
        design, caveats = followed.design, followed.caveats
        definition = (
            f"proven reoffences in {design.offence_set} within {design.months} months of leaving "
            f"{design.leaving}, proven within {design.waiting_months} more"
        )
    return ReoffendingRates(frame.reset_index(drop=True), definition, caveats)


def _found(by: str | None, columns: Sequence[str] | pd.DataFrame) -> str | None:
    if by is None or by in columns:
        return by
    if by == "cohort":
        return None
    raise FollowUpError(f"{by!r} is not a column; there are {', '.join(map(str, columns))}.")


def _at_risk(by: str | None, times: TimeToEvent) -> Grouped[AtRisk]:
    return at_risk(times, None if by is None else times.columns[by])


@dataclass(frozen=True, slots=True)
class Told:
    """One-year sums of a group fixed on day 0, and how many joined after it."""

    n_joined_later: int
    of_people: bool
    groups: Grouped[OneYear]

    def __add__(self, other: Told) -> Told:
        """Count together."""
        later = self.n_joined_later + other.n_joined_later
        return Told(later, self.of_people, self.groups + other.groups)


def _told(by: str | None, design: FollowUpDesign, people: pd.DataFrame) -> Told:
    column = None
    if by == "cohort":
        joined = people["joined_day"].notna()
        column = joined.map({False: design.names[0], True: design.names[1]})
    elif by in people:
        column = people[by]
    later = int((people["joined_day"] > 0).sum())
    return Told(later, by is None or column is not None, one_year(people, column))


def _one_year(
    told: Told, at: Grouped[AtRisk], by: str | None, design: FollowUpDesign, confidence: float
) -> list[dict[str, object]]:
    share = SHARE.format(months=design.months)
    groups, unfair = told.groups.in_order(), []
    if by == "cohort" and told.n_joined_later and design.exposure == "time-varying":
        unfair = list(design.names)
    elif not told.of_people:
        unfair = sorted(label for label in at.sums if label != EVERYONE)
    if unfair:
        groups = {EVERYONE: groups[EVERYONE]}
    rows: list[dict[str, object]] = [
        {
            "group": name,
            "outcome": share,
            "note": f"{NOT_ESTIMABLE}: people join during follow-up; see the comparison",
        }
        for name in unfair
    ]
    z = norm.ppf(0.5 + confidence / 2)
    for group, some in groups.items():
        n, reoffenders, reoffences = some.n, some.reoffenders, some.reoffences
        if n == 0:
            note = f"{NOT_ESTIMABLE}: nobody's follow-up is complete"
            rows.append({"group": group, "outcome": share, "n": 0, "note": note})
            continue
        low, high = proportion_confint(reoffenders, n, alpha=1 - confidence, method="wilson")
        rows.append({
            "group": group, "outcome": share, "n": n, "n_events": reoffenders,
            "estimate": reoffenders / n, "conf_low": low, "conf_high": high})  # fmt: skip
        for outcome, people in {PER_PERSON: n, PER_REOFFENDER: reoffenders}.items():
            if people < 2:
                continue
            mean, off = reoffences / people, people * some.squares - reoffences**2
            error = np.sqrt(off / (people - 1)) / people or np.nan  # no spread, no interval
            rows.append({
                "group": group, "outcome": outcome, "n": people, "n_events": reoffences,
                "estimate": mean, "conf_low": np.fmax(mean - z * error, 0.0),
                "conf_high": mean + z * error})  # fmt: skip
        for outcome, exposure in zip((CALENDAR, STREET), some.exposures, strict=True):
            rows.append({"group": group, "outcome": outcome} | _frequency(some, exposure, z))
    return rows


def _frequency(people: OneYear, exposure: Exposure, z: float) -> dict[str, object]:
    """Divide reoffences by years, with an interval that lets some people offend more than others.

    The variance is that of a ratio of sums over people, on the log scale: a Poisson interval
    would be far too narrow, because reoffences come in bursts of the same people. It is worked
    out of whole numbers, so that nothing cancels.
    """
    events, days = people.reoffences, exposure.days
    total = days / PER_YEAR["days"]
    row: dict[str, object] = {
        "n": people.n, "n_events": events, "person_years": total,
    }  # fmt: skip
    if days <= 0 or events == 0:
        note = "no time at risk" if days <= 0 else "no reoffence"
        return row | {"note": f"{NOT_ESTIMABLE}: {note}"}
    rate = events / total
    off = days**2 * people.squares + events**2 * exposure.squares
    off -= 2 * events * days * exposure.by_count  # sum of (c - rate d) squared, times days squared
    error = np.sqrt(off / days**2) / events
    spread = np.exp(z * error) if people.n > 1 and error > 1e-9 else np.nan
    return row | {"estimate": rate, "conf_low": rate / spread, "conf_high": rate * spread}


def _rate(
    group: str, outcome: str, counted: AtRisk, unit: str, confidence: float
) -> dict[str, object]:
    """Divide events by years, with the exact Poisson interval (Garwood 1936)."""
    events, years = counted.events, counted.time / PER_YEAR[unit]
    row: dict[str, object] = {
        "group": group, "outcome": outcome, "n": counted.n, "n_events": events,
        "person_years": years,
    }  # fmt: skip
    if years <= 0:
        return row | {"note": f"{NOT_ESTIMABLE}: no time at risk"}
    low, high = exact_poisson(events, confidence)
    return row | {
        "estimate": events / years, "conf_low": float(low) / years,
        "conf_high": float(high) / years,
    }  # fmt: skip
