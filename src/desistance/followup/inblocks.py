"""A follow-up in blocks: its rows stay where the cases are, and sums of them come here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.errors import FollowUpError
from desistance.followup.onpeople import follow_people, rows_beside_known
from desistance.followup.tallies import Tallies, refuse, told
from desistance.histories import build_histories
from desistance.results import html_table
from desistance.timetoevent import TimesInBlocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from desistance.cases import CaseData
    from desistance.engine import Home, Tables
    from desistance.followup.design import FollowUpDesign
    from desistance.histories import HistoriesInBlocks, HistoryDesign

    T = TypeVar("T")

AT_ONCE = {
    "people", "rows", "reoffences", "known", "position", "index_day", "joined", "times", "repeated",
    "by_cause", "known_from", "at_liberty", "from_day",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class FollowUpInBlocks:
    """People followed from time zero, block by block; `follow_up` of cases in blocks makes it.

    `reoffending_rates`, `kaplan_meier` and `fit_cox` take it as they take a `FollowUp`.

    Attributes
    ----------
    kept : Home
        The tables of the blocks: `people` and `rows` of `FollowUp`, what was known of the person
        beside each row.
    flow : DataFrame
        ``step, n_left_out, n_remaining``, of everyone.
    tallies
        Counts of everyone.
    columns : dict
        The columns of each table of `kept`.
    """

    design: FollowUpDesign
    histories: HistoriesInBlocks
    kept: Home
    flow: pd.DataFrame
    tallies: Tallies
    columns: dict[str, tuple[str, ...]]
    caveats: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"<FollowUpInBlocks: {self.tallies.people} people, {self.tallies.joined} joined "
            f"{self.design.joining}, {self.tallies.events} reoffended while watched>"
        )

    def _repr_html_(self) -> str:
        return html_table(self.flow, caption="From everyone in the data to the people followed")

    def __getattr__(self, name: str) -> Any:
        if name in AT_ONCE:
            raise FollowUpError(
                f"`{name}` needs everyone at once, and these people are in blocks: take sums of "
                f"them by `each`, or as many people as fit in memory by `follow_up` of "
                "`cases.in_memory()`, or of one part of the cases."
            )
        raise AttributeError(name)

    def times_in_blocks(self) -> TimesInBlocks:
        """Give the rows at risk, with what was known on the index date beside them, in blocks."""
        counts = self.tallies.rows, self.tallies.people, self.tallies.events
        return TimesInBlocks.at_home(self.kept, "rows", self.columns["rows"], counts)

    def each(
        self,
        function: Callable[[pd.DataFrame], T],
        table: str = "people",
        columns: Sequence[str] | None = None,
    ) -> Iterator[T]:
        """Apply a function to a table of every block; what it gives back comes here.

        Parameters
        ----------
        function
            Of a DataFrame. It may run elsewhere: let it hold no open file and no session.
        table, columns
            ``people`` or ``rows``, and which of its columns to read; all when left out.
        """
        return self.kept.each(partial(_of_table, function, table), {table: columns})


def _of_table(function: Callable[[pd.DataFrame], T], table: str, tables: Tables) -> T:
    return function(tables[table])


def in_blocks(
    histories: HistoriesInBlocks, design: FollowUpDesign, *, acknowledged: bool
) -> FollowUpInBlocks:
    """Follow the people of every block, keep what is found there, and add up the counts."""
    cases = histories.cases
    kept = cases.home.keep(cases.then(partial(_follow, histories.design, design)), cases.wanted)
    counted = list(kept.each(_counts, {"flow": None, "tallies": None, "columns": None}))
    if not counted:
        raise FollowUpError("Nobody can be followed: there is nobody in the data.")
    flow, tallies, columns = counted[0]
    for more, others, _ in counted[1:]:
        flow[["n_left_out", "n_remaining"]] += more[["n_left_out", "n_remaining"]]
        tallies += others
    refuse(flow, tallies, design, acknowledged=acknowledged)
    caveats = told(tallies, design, acknowledged=acknowledged)
    return FollowUpInBlocks(design, histories, kept, flow, tallies, columns, caveats)


def _follow(of_histories: HistoryDesign, design: FollowUpDesign, cases: CaseData) -> Tables:
    found = follow_people(build_histories(cases, of_histories), design)
    tables = {"people": found.people, "rows": rows_beside_known(found.rows, found.people)}
    names = [(table, name) for table, frame in tables.items() for name in frame.columns]
    return {
        **tables,
        "flow": found.flow,
        "tallies": pd.DataFrame([asdict(found.tallies)]),
        "columns": pd.DataFrame(names, columns=["table", "name"]),
    }


def _counts(tables: Tables) -> tuple[pd.DataFrame, Tallies, dict[str, tuple[str, ...]]]:
    tallies = Tallies(*map(int, tables["tallies"].iloc[0]))
    names = tables["columns"].groupby("table", sort=False)["name"]
    return tables["flow"], tallies, {str(table): tuple(some) for table, some in names}
