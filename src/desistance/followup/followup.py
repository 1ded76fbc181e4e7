"""Who is followed, from when, and what came of it: the people, their rows, and the flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import FollowUpError
from desistance.followup.design import FollowUpDesign
from desistance.followup.eligibility import described, flow_of, refuse_bias, time_zero
from desistance.followup.outcomes import by_cause, repeated
from desistance.followup.rules import (
    REOFFENCE,
    Reoffences,
    countable,
    cut_at,
    extract_day,
    next_move,
    on_street_clock,
    stretches,
    watch,
)
from desistance.histories.days import (
    NEVER,
    before,
    months_to_days,
    pack,
    to_days,
)
from desistance.results import Caveat, html_table
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.cases import CaseData
    from desistance.histories import Histories
    from desistance.histories.days import Days


UNEQUAL = 0.10  # a gap in the share assessed that a reader must know of
OUTCOMES = [
    "joined_day", "end_day", "ended_by", "event_day", "mature", "reoffended", "n_reoffences",
    "days_at_risk", "calendar_days",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """People followed from time zero, their rows at risk, and who was left out.

    Attributes
    ----------
    people : DataFrame, one row per person followed
        ``person_id, index_date``; what the case file says of them; what was known on the index
        date (see `Histories.known_on`); ``joined_day`` (NaN if never), ``end_day``, ``ended_by``,
        ``event_day`` (NaN if none); and for the one-year rate ``mature``, ``reoffended``,
        ``n_reoffences`` (NA unless mature), ``days_at_risk`` and ``calendar_days``.
    rows : DataFrame, one row per stretch at risk
        ``person`` (position in `people`), ``start, stop, event, cohort, exposed``.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: from everyone in the data to the people followed.
    reoffences : Reoffences
        Every offence that may count, whoever committed it.
    """

    design: FollowUpDesign
    histories: Histories
    people: pd.DataFrame
    rows: pd.DataFrame
    flow: pd.DataFrame
    reoffences: Reoffences
    caveats: tuple[str, ...]

    def __repr__(self) -> str:
        joined = int(self.people["joined_day"].notna().sum())
        return (
            f"<FollowUp: {len(self.people)} people, {joined} joined {self.design.joining}, "
            f"{int(self.rows['event'].sum())} reoffended while watched>"
        )

    def _repr_html_(self) -> str:
        return html_table(self.flow, caption="From everyone in the data to the people followed")

    @property
    def known(self) -> pd.DataFrame:
        """Give what was known of each person on the index date: nothing that came after."""
        return self.people.drop(columns=OUTCOMES)

    @property
    def position(self) -> Days:
        """Give each person's position in the histories."""
        return self.histories.positions(self.people["person_id"])

    @property
    def index_day(self) -> Days:
        """Give each person's index date as a day number."""
        return to_days(self.people["index_date"])

    @property
    def joined(self) -> Days:
        """Give the day from day 0 on which each person joined; `NEVER` if not."""
        return self.people["joined_day"].fillna(NEVER).to_numpy(np.int64)

    def times(self) -> TimeToEvent:
        """Give the rows at risk, with what was known on the index date beside them."""
        frame = self.rows.merge(self.known, left_on="person", right_index=True, how="left")
        return TimeToEvent.from_frame(
            frame, start="start", stop="stop", event="event", person="person"
        )

    def repeated(self) -> TimeToEvent:
        """Give rows that go on after a reoffence; see `desistance.followup.outcomes`."""
        return repeated(self)

    def by_cause(self, sets: Mapping[str, str]) -> TimeToEvent:
        """Give rows up to the first reoffence or death, with its kind.

        Parameters
        ----------
        sets
            Name of each kind and its offence set, ``{"acquisitive": "SAC_HMICFRS2022"}``, the one
            that goes first first; see `desistance.followup.outcomes`.
        """
        return by_cause(self, sets)

    def known_from(self, person: Days, day: Days) -> pd.DataFrame:
        """Say what was known about people on a later day.

        Parameters
        ----------
        person, day : int64 arrays, shape (n,)
            Positions in `people`, and days since their index dates.
        """
        return self.histories.known(self.position[person], self.index_day[person] + day)

    def at_liberty(self, person: Days, day: Days) -> np.ndarray:
        """Say who was watched and in the community on a later day (same pairs as `known_from`)."""
        now = self.index_day[person] + day
        position = self.position[person]
        gone = to_days(self.histories.cases.people["death_date"])[position] <= now
        if not self.design.seen_everywhere:
            gone |= next_move(self.histories, position, self.index_day[person]) <= now
        return ~(gone | self.histories.stays.holds(position, now))

    def from_day(
        self, person: Days, day: Days, *, months: int, until_joining: np.ndarray
    ) -> pd.DataFrame:
        """Follow people from a later day than their index date, by the same rules.

        Parameters
        ----------
        person, day : int64 arrays, shape (n,)
            Positions in `people`, and the day of each from which to follow.
        months
            How long to watch at most.
        until_joining : bool array, shape (n,)
            Where true, watching ends on the day the person joins.

        Returns
        -------
        DataFrame, one row per stretch at risk
            ``pair`` (position in `person`), ``start, stop`` in days since that day,
            ``n_reoffences`` within the stretch; and of the pair ``end`` (last day watched) and
            ``first_event`` (`NEVER` if none).
        """
        zero, position = self.index_day[person] + day, self.position[person]
        joins = np.where(until_joining, self.joined[person], NEVER)
        seen = watch(
            self.histories, self.design, self.reoffences, position, zero,
            days=months_to_days(months), joined=np.where(joins < NEVER, joins - day, NEVER),
        )  # fmt: skip
        pair, start, stop = stretches(self.histories.stays, position, zero, seen.end)
        whose, when = seen.reoffences
        inside = np.searchsorted(pack(pair, stop), pack(whose, when))
        return pd.DataFrame(
            {
                "pair": pair,
                "start": start,
                "stop": stop,
                "first_event": seen.event[pair],
                "n_reoffences": np.bincount(inside, minlength=len(pair)),
                "end": seen.end[pair],
            }
        )


def follow_up(
    cases: CaseData,
    histories: Histories,
    design: FollowUpDesign | None = None,
    *,
    acknowledge_bias: bool = False,
) -> FollowUp:
    """Follow everyone who left the programme, from the day they left.

    Parameters
    ----------
    cases, histories
        The data, and the histories built from them.
    design
        The choices; see `FollowUpDesign`, and `desistance.followup` for the rules of time.
    acknowledge_bias
        Run a design that makes its own effect, with a caveat in place of the refusal.

    Raises
    ------
    BiasError
        If people are compared by whether they ever joined, or cohorts have different time zeros,
        while somebody joined after day 0.
    FollowUpError
        If nobody can be followed; the message lists where everyone was left out.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=100), rng=1)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> int(followed.flow["n_left_out"].sum()) + len(followed.people)
    100
    """
    design = design or FollowUpDesign()
    if histories.cases is not cases:
        raise FollowUpError("These histories were built from other case data.")
    person = np.arange(len(histories.person_ids))
    zero, joined_on, left_out = time_zero(histories, design)
    if design.time_zero == "own start":
        own = np.where(joined_on < NEVER, joined_on, zero)
        refuse_bias(design, own > zero, acknowledged=acknowledge_bias)
        zero = own
    joined = np.where(joined_on < NEVER, joined_on - zero, NEVER)
    if design.exposure == "ever":
        refuse_bias(design, (joined > 0) & (joined < NEVER), acknowledged=acknowledge_bias)
        joined = np.where(joined < NEVER, 0, NEVER)
    reoffences, in_custody = countable(histories, design)
    days = None if design.watch_months is None else months_to_days(design.watch_months)
    seen = watch(histories, design, reoffences, person, zero, days=days)
    last = np.minimum(seen.end, seen.event)
    pair, start, stop = stretches(histories.stays, person, zero, last)
    left_out["no day of complete follow-up before the extract"] = seen.end < 1
    left_out["in custody for the whole of follow-up"] = ~np.isin(person, pair)
    kept, flow = flow_of(left_out)
    if not kept.any():
        raise FollowUpError("Nobody can be followed:\n" + flow.to_string(index=False))
    pair, start, stop = cut_at(pair, start, stop, person, joined)
    event = stop == seen.event[pair]
    exposed = start >= joined[pair]
    if design.clock == "street":
        start, stop = on_street_clock(pair, start, stop)
    rows = pd.DataFrame({
        "person": (np.cumsum(kept) - 1)[pair],
        "start": start,
        "stop": stop,
        "event": event,
        "cohort": in_cohorts(exposed, design.names),
        "exposed": exposed,
    })[kept[pair]].reset_index(drop=True)  # fmt: skip
    person, zero = person[kept], zero[kept]
    people = pd.concat(
        [
            described(histories, design, person, zero),
            histories.known(person, zero),
            pd.DataFrame(
                {
                    "joined_day": _days_or_nan(joined_on[kept] - zero, joined_on[kept] < NEVER),
                    "end_day": last[kept],
                    "ended_by": np.where(seen.event <= seen.end, REOFFENCE, seen.ended_by)[kept],
                    "event_day": _days_or_nan(seen.event[kept], seen.event[kept] < NEVER),
                }
            ),
            _one_rate(histories, design, reoffences, person, zero),
        ],
        axis=1,
    )
    returned = _returned(histories, design, person, zero)
    caveats = _caveats(design, people, in_custody, returned, acknowledged=acknowledge_bias)
    return FollowUp(design, histories, people, rows, flow, reoffences, caveats)


def in_cohorts(exposed: np.ndarray, names: tuple[str, str]) -> pd.Categorical:
    """Name the cohort of each row: before or without joining, and after."""
    return pd.Categorical(np.where(exposed, names[1], names[0]), categories=names)


def _one_rate(
    histories: Histories, design: FollowUpDesign, reoffences: Reoffences, person: Days, zero: Days
) -> pd.DataFrame:
    """Count what the rate counts: reoffences within `months`, proven by `waiting_months` after."""
    months, waiting = months_to_days(design.months), months_to_days(design.waiting_months)
    mature = zero + months + waiting <= extract_day(histories)
    end = np.full(len(person), months)
    pair, _ = reoffences.within(person, zero, zero + end, proven_upto=zero + end + waiting)
    if not design.seen_everywhere:
        mature &= ~(next_move(histories, person, zero) <= zero + end)
    count = pd.Series(np.bincount(pair, minlength=len(person))).astype("Int64").where(mature)
    died = to_days(histories.cases.people["death_date"])[person]
    alive = np.where(died < NEVER, np.minimum(end, died - zero), end)
    which, start, stop = stretches(histories.stays, person, zero, alive)
    at_risk = np.bincount(which, weights=stop - start, minlength=len(person))
    return pd.DataFrame(
        {
            "mature": mature,
            "reoffended": count > 0,
            "n_reoffences": count,
            "days_at_risk": pd.Series(at_risk).astype("Int64").where(mature),
            "calendar_days": pd.Series(alive).astype("Int64").where(mature),
        }
    )


def _days_or_nan(day: Days, known: np.ndarray) -> np.ndarray:
    return np.where(known, day.astype(float), np.nan)


def _returned(histories: Histories, design: FollowUpDesign, person: Days, zero: Days) -> int:
    """Count the people who came back under the programme they had left."""
    episodes = histories.cases.episodes
    again = episodes[episodes["programme"] == design.leaving]
    keys = np.sort(pack(histories.positions(again["person_id"]), to_days(again["start_date"])))
    later = before(keys, person, zero + 1)[1]
    return int((before(keys, person, zero * 0 + NEVER)[1] > later).sum())


def _caveats(
    design: FollowUpDesign,
    people: pd.DataFrame,
    in_custody: int,
    returned: int,
    *,
    acknowledged: bool,
) -> tuple[str, ...]:
    said: list[str] = []
    if acknowledged and (design.exposure == "ever" or design.time_zero != "exit"):
        said.append(
            "This design makes its own effect (immortal time or unequal time zeros); it was run "
            "with the bias acknowledged and must not be read as the effect of the programme."
        )
    unseen = int((~people["mature"]).sum())
    if unseen:
        said.append(
            Caveat(
                f"{{unseen}} of {{people}} people moved away within {design.months} months, or "
                f"have not completed them and {design.waiting_months} of waiting: they are in the "
                "hazards, not in the rate.",
                unseen=unseen,
                people=len(people),
            )
        )
    if returned:
        said.append(
            Caveat(
                f"{{returned}} people came back under {design.leaving} after leaving; they are "
                "followed on.",
                returned=returned,
            )
        )
    joined = people["joined_day"].notna()
    assessed = people["assessed"].groupby(joined).mean()
    if len(assessed) == 2 and abs(assessed[True] - assessed[False]) > UNEQUAL:
        said.append(
            f"The share assessed on their needs differs by more than {100 * UNEQUAL:.0f} points "
            f"between people who joined {design.joining} and the others."
        )
    if in_custody:
        said.append(
            Caveat(
                "{offences} offences committed in custody are not counted as reoffences.",
                offences=in_custody,
            )
        )
    return tuple(said)
