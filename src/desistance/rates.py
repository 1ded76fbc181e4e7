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
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from desistance.errors import FollowUpError
from desistance.followup import FollowUp, in_cohorts
from desistance.histories.careers.frequencies import exact_poisson, over_people
from desistance.histories.groups import EVERYONE, groups_of
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table
from desistance.timetoevent import PER_YEAR, TimeToEvent, as_times

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    followed: FollowUp | TimeToEvent, by: str | None = "cohort", *, confidence: float = 0.95
) -> ReoffendingRates:
    """Measure reoffending for everyone, and for the groups of a column.

    Parameters
    ----------
    followed
        A `FollowUp`, or a `TimeToEvent` (which has no one-year measures, only the rate of first
        events per person-year).
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
    times = as_times(followed)
    if by is not None and by not in times.columns:
        if by == "cohort":
            by = None
        else:
            raise FollowUpError(
                f"{by!r} is not a column; there are {', '.join(map(str, times.columns))}."
            )
    rows = []
    if isinstance(followed, FollowUp):
        rows += _one_year(followed, by, confidence)
    rows += _per_year_at_risk(times, by, confidence)
    if isinstance(followed, FollowUp):
        rows += _per_calendar_year(followed, by, confidence)
    frame = pd.DataFrame(rows).sort_values(
        "group", key=lambda groups: groups != EVERYONE, kind="stable"
    )
    frame = frame.reindex(columns=[
        "group", "outcome", "n", "n_events", "person_years", "estimate", "conf_low", "conf_high",
        "note"]).fillna({"note": ""}).astype({"n": "Int64", "n_events": "Int64"})  # fmt: skip
    definition = "first events per person-year"
    caveats: tuple[str, ...] = ()
    if isinstance(followed, FollowUp):
        design, caveats = followed.design, followed.caveats
        definition = (
            f"proven reoffences in {design.offence_set} within {design.months} months of leaving "
            f"{design.leaving}, proven within {design.waiting_months} more"
        )
    return ReoffendingRates(frame.reset_index(drop=True), definition, caveats)


def _one_year(followed: FollowUp, by: str | None, confidence: float) -> list[dict[str, object]]:
    people, design = followed.people, followed.design
    joined_later = (people["joined_day"] > 0).any() and design.exposure == "time-varying"
    share = SHARE.format(months=design.months)
    column, unfair = None, []
    if by == "cohort":
        if joined_later:
            unfair = list(design.names)
        else:
            joined = people["joined_day"].notna()
            column = joined.map({False: design.names[0], True: design.names[1]})
    elif by in people:
        column = people[by]
    elif by is not None:
        unfair = sorted(map(str, followed.rows[by].unique()))
    rows: list[dict[str, object]] = [
        {
            "group": name,
            "outcome": share,
            "note": f"{NOT_ESTIMABLE}: people join during follow-up; see the comparison",
        }
        for name in unfair
    ]
    mature = people["mature"].to_numpy(bool)
    z = norm.ppf(0.5 + confidence / 2)
    for group, mask in groups_of(column, len(people)).items():
        some = people[mask & mature]
        n, counts = len(some), some["n_reoffences"].to_numpy(float, na_value=np.nan)
        if n == 0:
            note = f"{NOT_ESTIMABLE}: nobody's follow-up is complete"
            rows.append({"group": group, "outcome": share, "n": 0, "note": note})
            continue
        reoffenders, reoffences = int((counts > 0).sum()), int(counts.sum())
        low, high = proportion_confint(reoffenders, n, alpha=1 - confidence, method="wilson")
        rows.append({
            "group": group, "outcome": share, "n": n, "n_events": reoffenders,
            "estimate": reoffenders / n, "conf_low": low, "conf_high": high})  # fmt: skip
        for outcome, values in {PER_PERSON: counts, PER_REOFFENDER: counts[counts > 0]}.items():
            if len(values) < 2:
                continue
            error = values.std(ddof=1) / np.sqrt(len(values)) or np.nan  # no spread, no interval
            rows.append({
                "group": group, "outcome": outcome, "n": len(values), "n_events": reoffences,
                "estimate": values.mean(), "conf_low": np.fmax(values.mean() - z * error, 0.0),
                "conf_high": values.mean() + z * error})  # fmt: skip
        for outcome, days in {CALENDAR: "calendar_days", STREET: "days_at_risk"}.items():
            years = some[days].to_numpy(float) / PER_YEAR["days"]
            rows.append({"group": group, "outcome": outcome} | _frequency(counts, years, z))
    return rows


def _frequency(counts: np.ndarray, years: np.ndarray, z: float) -> dict[str, object]:
    """Divide reoffences by years; the interval lets some people offend more than others."""
    row: dict[str, object] = {
        "n": len(counts), "n_events": int(counts.sum()), "person_years": float(years.sum()),
    }  # fmt: skip
    rate, low, high = over_people(counts, years, z)
    if np.isnan(rate):
        note = "no reoffence" if years.sum() > 0 else "no time at risk"
        return row | {"note": f"{NOT_ESTIMABLE}: {note}"}
    return row | {"estimate": rate, "conf_low": low, "conf_high": high}


def _per_year_at_risk(
    times: TimeToEvent, by: str | None, confidence: float
) -> list[dict[str, object]]:
    column = None if by is None else times.columns[by]
    years = (times.stop - times.start) / PER_YEAR[times.unit]
    return [
        _rate(group, FIRST, times.person[mask], times.event[mask], years[mask], confidence)
        for group, mask in groups_of(column, times.n).items()
    ]


def _per_calendar_year(
    followed: FollowUp, by: str | None, confidence: float
) -> list[dict[str, object]]:
    """Give first reoffences with custody left in the time: the calendar beside the street."""
    people, end = followed.people, followed.people["end_day"].to_numpy(np.int64)
    joined = np.minimum(followed.joined, end)
    start, stop = np.concatenate([0 * end, joined]), np.concatenate([joined, end])
    exposed = np.repeat([False, True], len(people))
    event = np.tile(people["event_day"].to_numpy(float) == end, 2) & (stop == np.tile(end, 2))
    kept = stop > start
    person = np.tile(np.arange(len(people)), 2)[kept]
    told = followed.known.iloc[person].assign(
        exposed=exposed[kept], cohort=in_cohorts(exposed[kept], followed.design.names)
    )
    if by is not None and by not in told:
        return []
    years = (stop - start)[kept] / PER_YEAR["days"]
    return [
        _rate(group, FIRST_CALENDAR, person[mask], event[kept][mask], years[mask], confidence)
        for group, mask in groups_of(None if by is None else told[by], len(told)).items()
    ]


def _rate(
    group: str,
    outcome: str,
    person: np.ndarray,
    event: np.ndarray,
    years: np.ndarray,
    confidence: float,
) -> dict[str, object]:
    """Divide events by years, with the exact Poisson interval (Garwood 1936)."""
    events, total = int(event.sum()), float(years.sum())
    row: dict[str, object] = {
        "group": group, "outcome": outcome, "n": len(np.unique(person)), "n_events": events,
        "person_years": total,
    }  # fmt: skip
    if total <= 0:
        return row | {"note": f"{NOT_ESTIMABLE}: no time at risk"}
    low, high = exact_poisson(events, confidence)
    return row | {
        "estimate": events / total, "conf_low": float(low) / total,
        "conf_high": float(high) / total,
    }  # fmt: skip
