"""How the days of a window were spent: in the community, in custody and why, outside the area.

A window runs from its first day up to, not including, `until`: a history up to an index date
holds nothing of that day. It also ends with the day of death. Of its days,

    calendar days   are all of them
    days inside     were spent wholly in custody: neither the day of going in nor of release
    days away       were spent wholly outside the area, and not inside: offences are not seen
    street days     are the rest: the days at risk, as in `desistance.followup`

Nights in custody tell why. One night with several reasons is told once, for the first of
`PRECEDENCE`: somebody in hospital is there whatever the warrant says; a sentence holds a person
who is also recalled or remanded, and a recall one who is also remanded. So the nights of all kinds
add up to the nights inside. A spell without an end is closed with the extract, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.histories.ages import AGE_OF_RESPONSIBILITY, birthday
from desistance.histories.custody import Stays, join_stays
from desistance.histories.days import DAYS_A_YEAR, NEVER, to_dates, to_days
from desistance.histories.groups import EVERYONE, column_of, groups_of
from desistance.plots import PALETTE, new_axes
from desistance.results import Caveat, Result, text_table

if TYPE_CHECKING:
    from datetime import date

    from matplotlib.axes import Axes

    from desistance.histories import Histories
    from desistance.histories.days import Days

    Dates = date | str | pd.Series | None

PRECEDENCE = ("hospital", "sentence", "recall", "remand", "immigration")
UNKNOWN = "unknown"  # a spell that does not say why comes last

IN_THE_CALENDAR, ON_THE_STREET = "calendar days", "street days"
INSIDE, AWAY, NIGHTS = "days inside", "days away", "nights in custody"
NEVER_AT_RISK = "never at risk"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StreetTime(Result):
    """Time on the street and in custody, of people and of groups.

    Attributes
    ----------
    people : DataFrame, one row per person and window
        Personal data: ``person_id, since, until, calendar_days, street_days, days_inside,
        days_away, nights, nights_<kind>, never_at_risk``, on the index of the ids asked about.
    frame : DataFrame
        One row per group and way of spending time: ``group, outcome, n`` (people with any),
        ``person_years`` and ``estimate`` (its share of the calendar days).
    caveats : tuple of str
    """

    people: pd.DataFrame
    frame: pd.DataFrame
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and way of spending time."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say how time was spent, in plain text."""
        total = self.frame[self.frame["group"] == EVERYONE].set_index("outcome")["person_years"]
        first = (
            f"Street time: {total[ON_THE_STREET]:,.1f} of {total[IN_THE_CALENDAR]:,.1f} "
            f"person-years in the community, {len(self.people):,} people"
        )
        return "\n".join([first, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share of nights in custody, by kind, one bar a group."""
        ax = new_axes(ax)
        nights = self.frame[self.frame["outcome"].str.startswith("nights: ")]
        groups = list(nights["group"].unique())[::-1]
        left = np.zeros(len(groups))
        for number, (kind, rows) in enumerate(nights.groupby("outcome", sort=False)):
            share = rows.set_index("group")["estimate"].reindex(groups).fillna(0).to_numpy(float)
            kind_name = str(kind).removeprefix("nights: ")
            ax.barh(groups, share, left=left, label=kind_name, color=PALETTE[number], height=0.6)
            left += share
        ax.set(xlabel="Share of nights in custody", xlim=(0, max(1.25 * left.max(), 0.01)))
        ax.legend()
        return ax


def street_time(
    histories: Histories,
    person_ids: pd.Series | None = None,
    *,
    since: Dates = None,
    until: Dates = None,
    by: str | pd.Series | None = None,
    seen_everywhere: bool = False,
    precedence: tuple[str, ...] = PRECEDENCE,
) -> StreetTime:
    """Count calendar days, street days and nights in custody of each person's window.

    Parameters
    ----------
    histories
        Of the people.
    person_ids
        Who; a person may be asked about several times. Everybody when None.
    since
        First day of the window: one date, or one each on the index of `person_ids`; the tenth
        birthday when None.
    until
        First day after it, in the same way; the end of the data when None.
    by
        Column of `cases.people`, or labels on the index of `person_ids`, that forms the groups.
    seen_everywhere
        Whether offences are seen wherever people live: then days outside the area count.
    precedence
        Which kind of custody a night with several is told for.

    Raises
    ------
    DataError
        If a window ends after the data or before it begins, or has no first day because the
        month of birth is not known.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, street_time
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=100), rng=1))
    >>> time = street_time(histories, since="2023-01-01", until="2024-01-01").people
    >>> bool((time["street_days"] + time["days_inside"] + time["days_away"]
    ...     == time["calendar_days"]).all())
    True
    """
    ids, person, first, end = read_windows(histories, person_ids, since, until)
    clock = Clock.of(histories, seen_everywhere=seen_everywhere)
    people = time_spent(histories, clock, ids, person, first, end, precedence)
    groups = groups_of(column_of(by, about(histories, people, person)), len(people))
    kinds = [name for name in map(str, people) if name.startswith("nights_")]
    said = {
        IN_THE_CALENDAR: "calendar_days", ON_THE_STREET: "street_days", INSIDE: "days_inside",
        AWAY: "days_away", NIGHTS: "nights",
    } | {f"nights: {kind.removeprefix('nights_')}": kind for kind in kinds}  # fmt: skip
    rows = []
    for group, mask in groups.items():
        some = people[mask]
        calendar = some["calendar_days"].sum()
        rows += [
            {
                "group": group, "outcome": outcome, "n": int((some[column] > 0).sum()),
                "person_years": some[column].sum() / DAYS_A_YEAR,
                "estimate": some[column].sum() / calendar if calendar else np.nan,
            }
            for outcome, column in said.items()
            if outcome in {*list(said)[:5]} or people[column].any()
        ]  # fmt: skip
        none = int(some["never_at_risk"].sum())
        rows.append({"group": group, "outcome": NEVER_AT_RISK, "n": none})
    return StreetTime(people, pd.DataFrame(rows), time_caveats(histories, people, person, end))


def about(histories: Histories, people: pd.DataFrame, person: Days) -> pd.DataFrame:
    """Put what `cases.people` says of each person beside what was found."""
    cases = histories.cases
    stated = cases.people.iloc[person][["sex", "ethnicity", *cases.extra]]
    return people.join(stated.set_index(people.index))


def read_windows(
    histories: Histories,
    person_ids: pd.Series | None,
    since: Dates,
    until: Dates,
    *,
    waiting_days: int = 0,
) -> tuple[pd.Series, Days, Days, Days]:
    """Read whose windows they are, and the first day of each and the first day after it."""
    ids = pd.Series(histories.person_ids) if person_ids is None else person_ids
    person = histories.positions(ids)
    latest = last_day(histories) + 1 - waiting_days
    end = np.full(len(ids), latest) if until is None else _one_each(until, ids, "until")
    first = (
        birthday(histories, person, AGE_OF_RESPONSIBILITY)
        if since is None
        else _one_each(since, ids, "since")
    )
    if (first == NEVER).any():
        raise DataError(
            f"{(first == NEVER).sum()} of {len(ids)} windows have no first day, as the month of "
            "birth is not known: pass `since`, or leave these people out."
        )
    if (end > latest).any():
        last = histories.cases.extract_date - pd.Timedelta(days=waiting_days)
        raise DataError(
            f"{(end > latest).sum()} of {len(ids)} windows end after {last:%d %B %Y}, the last day "
            "the data can tell of: choose an earlier `until`."
        )
    if (first > end).any():
        raise DataError(f"{(first > end).sum()} of {len(ids)} windows end before they begin.")
    return ids, person, first, end


def _one_each(dates: Dates, ids: pd.Series, name: str) -> Days:
    if isinstance(dates, pd.Series):
        if not dates.index.equals(ids.index):
            raise DataError(f"`{name}` does not stand on the index of `person_ids`.")
        days = to_days(dates)
    else:
        days = to_days(pd.Series(pd.to_datetime(np.repeat(np.datetime64(dates, "D"), len(ids)))))
    if (days == NEVER).any():
        raise DataError(f"{(days == NEVER).sum()} of {len(ids)} dates of `{name}` are empty.")
    return days


def last_day(histories: Histories) -> int:
    """Give the day the data were taken."""
    return int(to_days(pd.Series([histories.cases.extract_date]))[0])


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Which days of a person are no days at risk: those wholly inside, and with those away."""

    death: Days
    inside: Stays
    gone: Stays

    @classmethod
    def of(cls, histories: Histories, *, seen_everywhere: bool) -> Clock:
        """Read the clock of everybody."""
        inside = histories.stays.whole_days()
        away = None if seen_everywhere else _elsewhere(histories).whole_days()
        gone = inside if away is None else inside.joined_with(away)
        return cls(to_days(histories.cases.people["death_date"]), inside, gone)

    def end(self, person: Days, until: Days) -> Days:
        """Give the first day after the window that counts: nothing does after the day of death."""
        return np.minimum(until, self.death[person] + 1)

    def street_days(self, person: Days, since: Days, until: Days) -> Days:
        """Count the days at risk from `since` up to, not including, `until`."""
        end = self.end(person, until)
        return np.maximum(end - since, 0) - _between(self.gone, person, since, end)

    def at_risk(self, person: Days, day: Days) -> np.ndarray:
        """Say who was at risk on a day."""
        return (_between(self.gone, person, day, day + 1) == 0) & (day <= self.death[person])


def _between(stays: Stays, person: Days, since: Days, until: Days) -> Days:
    until = np.maximum(since, until)
    return stays.nights_before(person, until) - stays.nights_before(person, since)


def time_spent(
    histories: Histories,
    clock: Clock,
    ids: pd.Series,
    person: Days,
    since: Days,
    until: Days,
    precedence: tuple[str, ...] = PRECEDENCE,
) -> pd.DataFrame:
    """Count the days of each window, shape (n_windows,), as `StreetTime.people` has them."""
    end = clock.end(person, until)
    calendar = np.maximum(end - since, 0)
    inside = _between(clock.inside, person, since, end)
    gone = _between(clock.gone, person, since, end)
    told = {
        "person_id": ids.to_numpy(),
        "since": to_dates(since).to_numpy(),
        "until": to_dates(until).to_numpy(),
        "calendar_days": calendar,
        "street_days": calendar - gone,
        "days_inside": inside,
        "days_away": gone - inside,
        "nights": _between(histories.stays, person, since, end),
    }
    before = np.zeros(len(ids), np.int64)
    for kind, stays in _up_to_each_kind(histories, precedence).items():
        so_far = _between(stays, person, since, end)
        told[f"nights_{kind}"] = so_far - before
        before = so_far
    told["never_at_risk"] = told["street_days"] == 0
    return pd.DataFrame(told, index=ids.index)


def _up_to_each_kind(histories: Histories, precedence: tuple[str, ...]) -> dict[str, Stays]:
    """Join the spells of the first kind, of the first two, and so on; the last are all of them."""
    custody = histories.cases.custody
    person = histories.positions(custody["person_id"])
    went_in, came_out = to_days(custody["in_date"]), to_days(custody["out_date"])
    ranks = {kind: place for place, kind in enumerate(precedence)}
    rank = custody["kind"].map(ranks).fillna(len(precedence)).to_numpy(np.int64)
    extract, kinds = last_day(histories), (*precedence, UNKNOWN)
    upto = {kind: rank <= place for place, kind in enumerate(kinds)}
    return {
        kind: join_stays(person[some], went_in[some], came_out[some], extract)
        for kind, some in upto.items()
    }


def _elsewhere(histories: Histories) -> Stays:
    """Join the spells of living outside the area."""
    residence = histories.cases.residence
    elsewhere = residence[residence["in_area"].eq(False).fillna(False)]
    return join_stays(
        histories.positions(elsewhere["person_id"]),
        to_days(elsewhere["from_date"]),
        to_days(elsewhere["to_date"]),
        NEVER - 1,
    )


def time_caveats(
    histories: Histories, people: pd.DataFrame, person: Days, until: Days
) -> tuple[str, ...]:
    """Say what a reader of street time must know."""
    said: list[str] = []
    custody = histories.cases.custody
    latest = np.full(len(histories.person_ids), -1)
    np.maximum.at(latest, person, until)
    whose = histories.positions(custody["person_id"])
    still_in = custody["out_date"].isna().to_numpy(bool)
    n_open = int((still_in & (to_days(custody["in_date"]) < latest[whose])).sum())
    if n_open:
        said.append(
            Caveat(
                "{spells} spells in custody have no end: they are closed with the extract.",
                spells=n_open,
            )
        )
    never = int(people["never_at_risk"].sum())
    if never:
        said.append(
            Caveat(
                "{people} people were never at risk in their window: they have no rate.",
                people=never,
            )
        )
    away = int((people["days_away"] > 0).sum())
    if away:
        said.append(
            Caveat(
                "{people} people lived outside the area for a time; those days, and the offences "
                "on them, do not count.",
                people=away,
            )
        )
    return tuple(said)
