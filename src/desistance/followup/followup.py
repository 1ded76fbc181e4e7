"""Who is followed, from when, and what came of it: the people, their rows, and the flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from desistance.errors import FollowUpError
from desistance.followup.design import FollowUpDesign
from desistance.followup.inblocks import FollowUpInBlocks, in_blocks
from desistance.followup.onpeople import OUTCOMES, follow_people, rows_beside_known
from desistance.followup.outcomes import by_cause, repeated
from desistance.followup.rules import Reoffences, countable, next_move, spread, stretches, watch
from desistance.followup.tallies import refuse, told
from desistance.histories import HistoriesInBlocks
from desistance.histories.days import NEVER, months_to_days, pack, to_days
from desistance.results import html_table
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.cases import CaseData, CasesInBlocks
    from desistance.followup.rules import Watched
    from desistance.histories import Histories
    from desistance.histories.days import Days


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
        frame = rows_beside_known(self.rows, self.people)
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

    def counting(self, offence_set: str) -> FollowUp:
        """Count another set of offences from a later day on (`from_day`, `watch_from`).

        `people` and `rows`, which rest on the design's own set, stay as they are.
        """
        design = replace(self.design, offence_set=offence_set)
        reoffences, _ = countable(self.histories, design)
        return replace(self, design=design, reoffences=reoffences)

    def drawn(self, person: Days) -> FollowUp:
        """Take people at these positions; somebody drawn twice is two people.

        `flow` and `caveats` stay those of everybody.
        """
        ends = np.searchsorted(self.rows["person"], person, side="right")
        begins = np.searchsorted(self.rows["person"], person)
        which, row = spread(begins, ends - begins)
        return replace(
            self,
            people=self.people.iloc[person].reset_index(drop=True),
            rows=self.rows.iloc[row].assign(person=which).reset_index(drop=True),
        )

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

    def watch_from(
        self, person: Days, day: Days, *, months: int, until_joining: np.ndarray
    ) -> Watched:
        """Watch people from a later day: how each ended, and every reoffence (see `from_day`)."""
        joins = np.where(until_joining, self.joined[person], NEVER)
        return watch(
            self.histories, self.design, self.reoffences, self.position[person],
            self.index_day[person] + day, days=months_to_days(months),
            joined=np.where(joins < NEVER, joins - day, NEVER),
        )  # fmt: skip

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
        seen = self.watch_from(person, day, months=months, until_joining=until_joining)
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


@overload
def follow_up(
    cases: CaseData,
    histories: Histories,
    design: FollowUpDesign | None = None,
    *,
    acknowledge_bias: bool = False,
) -> FollowUp: ...
@overload
def follow_up(
    cases: CasesInBlocks,
    histories: HistoriesInBlocks,
    design: FollowUpDesign | None = None,
    *,
    acknowledge_bias: bool = False,
) -> FollowUpInBlocks: ...
def follow_up(
    cases: CaseData | CasesInBlocks,
    histories: Histories | HistoriesInBlocks,
    design: FollowUpDesign | None = None,
    *,
    acknowledge_bias: bool = False,
) -> FollowUp | FollowUpInBlocks:
    """Follow everyone who left the programme, from the day they left.

    Parameters
    ----------
    cases, histories
        The data, and the histories built from them. Of cases in blocks the follow-up is in blocks
        too, and its rows stay where the cases are.
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
    if isinstance(histories, HistoriesInBlocks):
        return in_blocks(histories, design, acknowledged=acknowledge_bias)
    found = follow_people(histories, design)
    refuse(found.flow, found.tallies, design, acknowledged=acknowledge_bias)
    caveats = told(found.tallies, design, acknowledged=acknowledge_bias)
    return FollowUp(
        design, histories, found.people, found.rows, found.flow, found.reoffences, caveats
    )
