"""The rules a row must keep: alone, in its table, and beside the other tables.

They are asked in this order, each of the rows that are left:

    1  a cell that could not be read                       row in quarantine   (see `parse`)
    2  a row the same as another                           merged
    3  rows with one key and different contents            all in quarantine
    4  the rules of the table, in `desistance.schemas`     as each rule says
    5  `CASE_RULES` below, from first to last              as each rule says

A rule never lets a row go by because a date is empty: unknown is not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from desistance.cases.quality import NO_LINES, Finding, Outcome, Source, count, on_lines
from desistance.errors import DataError
from desistance.schemas import FAR_OFF, TABLES, Fate, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.cases.parse import ParsedTable

OLDEST = 110  # years
OF_CRIMINAL_AGE = 10  # years, in England and Wales
NEAR_EPISODE = pd.Timedelta(days=180)
OUTCOME: dict[Fate, Outcome] = {"quarantine": "quarantined", "warn": "warned"}


@dataclass(slots=True, eq=False)
class Sorting:
    """A table being sorted into rows used, in quarantine and merged."""

    table: Table
    source: Source
    rows: pd.DataFrame
    lines: NDArray[np.int64]
    used: NDArray[np.bool_]
    merged: NDArray[np.bool_]
    findings: list[Finding] = field(default_factory=list)
    _kept: pd.DataFrame | None = None

    @property
    def kept(self) -> pd.DataFrame:
        """The rows used so far, indexed by their place among all rows."""
        if self._kept is None:
            self._kept = self.rows[self.used]
        return self._kept

    def judge(self, rule: str, column: str, says: str, outcome: Outcome, bad: pd.Series) -> None:
        """Do to the rows where `bad` is true what the rule says."""
        places = bad.index.to_numpy()[bad.to_numpy(dtype=bool, na_value=False)]
        if not len(places):
            return
        self.note(rule, column, says, outcome, self.lines[places])
        if outcome in ("quarantined", "merged"):
            self.used[places] = False
            self.merged[places] = outcome == "merged"
            self._kept = None

    def note(
        self, rule: str, column: str, says: str, outcome: Outcome, lines: NDArray[np.int64]
    ) -> None:
        """Keep a finding."""
        self.findings.append(
            Finding(self.source, self.table.name, column, rule, says, outcome, lines)
        )

    def counts(self) -> tuple[str, int, int, int, int]:
        """Give the table's name, and its rows in, used, in quarantine and merged."""
        n_quarantined = int((~self.used & ~self.merged).sum())
        return (
            self.table.name, len(self.used), int(self.used.sum()), n_quarantined,
            int(self.merged.sum()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """What a rule about several tables may look at."""

    sortings: dict[str, Sorting]
    extract_date: pd.Timestamp

    def __getitem__(self, table: str) -> pd.DataFrame:
        """The rows of a table used so far."""
        return self.sortings[table].kept

    def about_person(self, rows: pd.DataFrame, column: str) -> pd.Series:
        """Look up something about the person of each row."""
        return rows["person_id"].map(self["people"].set_index("person_id")[column])

    def left_out(self) -> pd.Series:
        """Whose rows in `people` are all in quarantine."""
        people = self.sortings["people"]
        named = people.rows.loc[~people.used, "person_id"]
        return named[~named.isin(people.kept["person_id"])].dropna()


@dataclass(frozen=True, slots=True)
class CaseRule:
    """What every row of a table must keep beside the other tables; True for rows that do."""

    code: str
    table: str
    column: str
    says: str
    holds: Callable[[Cases], pd.Series]
    fate: Fate = "quarantine"


def sort_rows(parsed: ParsedTable) -> Sorting:
    """Sort the rows of one table by steps 1 to 4."""
    raw, rows = parsed.raw, parsed.rows
    sorting = Sorting(
        raw.table, raw.source, rows, raw.lines, ~parsed.faulty, np.zeros(len(rows), bool),
        list(parsed.findings),
    )  # fmt: skip
    key = list(raw.table.key)
    sorting.judge(
        "same_row", "", "a row is not the same as another", "merged", sorting.kept.duplicated()
    )
    keyed = sorting.kept.dropna(subset=key)
    sorting.judge(
        "same_key", key[0], f"rows with one {', '.join(key)} have the same contents",
        "quarantined", keyed.duplicated(key, keep=False),
    )  # fmt: skip
    for rule in raw.table.rules:
        sorting.judge(
            rule.code, rule.column, rule.says, OUTCOME[rule.fate],
            ~rule.holds(sorting.kept).astype("boolean").fillna(True),
        )  # fmt: skip
    return sorting


def sort_together(sortings: dict[str, Sorting], extract_date: pd.Timestamp) -> None:
    """Sort the rows of all tables by step 5, and count them against what was sent."""
    cases = Cases(sortings, extract_date)
    _reopen(cases)
    for rule in CASE_RULES:
        bad = ~rule.holds(cases).astype("boolean").fillna(True)
        sortings[rule.table].judge(rule.code, rule.column, rule.says, OUTCOME[rule.fate], bad)
    _reconcile(cases)


def refuse_too_many(sortings: dict[str, Sorting], most: float) -> None:
    """Refuse to load when a table has too large a share of its rows in quarantine."""
    faults = []
    for sorting in sortings.values():
        name, n, _, n_quarantined, _ = sorting.counts()
        if n_quarantined > most * n:
            rules = "; ".join(
                f"{finding.column}: {finding.says}, {count(len(finding.lines), 'row')} "
                f"({on_lines(finding.lines)})"
                for finding in sorting.findings
                if finding.fate == "quarantined"
            )
            faults.append(f"`{name}`: {n_quarantined:,} of {count(n, 'row')} - {rules}")
    if faults:
        listed = "\n- ".join(faults)
        raise DataError(
            f"More than {most:.3g} of a table's rows are in quarantine:\n- {listed}\n"
            "Put them right, or set `max_quarantined` in the mapping to load the others."
        )


def in_key_order(sorting: Sorting) -> pd.DataFrame:
    """Give the rows used in the order of the table's key, whatever the order of the file."""
    return sorted_by_key(sorting.table, sorting.kept.reset_index(drop=True))


def sorted_by_key(table: Table, rows: pd.DataFrame) -> pd.DataFrame:
    """Put rows, numbered from 0, in the order of the table's key, then of the other columns."""
    names = dict.fromkeys([*table.key, *rows.columns])
    columns = pa.table({name: pa.array(rows[name], from_pandas=True) for name in names})
    order = pc.sort_indices(columns, sort_keys=[(name, "ascending") for name in names])
    return rows.take(order.to_numpy()).reset_index(drop=True)


def _reopen(cases: Cases) -> None:
    """Take a spell that ends after the extract as not ended: its end is a plan, not an event."""
    for sorting in cases.sortings.values():
        for column in sorting.table.columns:
            if column.open_end:
                late = sorting.kept[column.name] > cases.extract_date
                says = "a day after the extract read as: not yet"
                sorting.judge("not_yet", column.name, says, "repaired", late)
                if late.any():
                    sorting.rows.loc[late.index[late], column.name] = pd.NaT
                    sorting._kept = None


def _reconcile(cases: Cases) -> None:
    """Warn where a table has not as many rows as its source says it sent."""
    extract = cases["extract"]
    sent = extract.dropna(subset=["n_rows"]).set_index("source")["n_rows"]
    for source, n_rows in sent.items():
        sorting = cases.sortings.get(str(source))
        if sorting is not None and n_rows != len(sorting.rows):
            says = f"{len(sorting.rows):,} rows, where the source says it sent {n_rows:,.0f}"
            sorting.note("rows_missing", "", says, "warned", NO_LINES)


def _known_person(table: str) -> Callable[[Cases], pd.Series]:
    return lambda cases: cases[table]["person_id"].isin(cases["people"]["person_id"])


def _person_not_left_out(table: str) -> Callable[[Cases], pd.Series]:
    return lambda cases: ~cases[table]["person_id"].isin(cases.left_out())


def _by_extract(table: str, column: str) -> Callable[[Cases], pd.Series]:
    return lambda cases: ~(cases[table][column] > cases.extract_date)


def _after_birth(table: str, column: str, years: int = 0) -> Callable[[Cases], pd.Series]:
    def holds(cases: Cases) -> pd.Series:
        rows = cases[table]
        return ~(
            rows[column] < cases.about_person(rows, "birth_month") + pd.DateOffset(years=years)
        )

    return holds


def _before_death(table: str, column: str) -> Callable[[Cases], pd.Series]:
    def holds(cases: Cases) -> pd.Series:
        rows = cases[table]
        return ~(rows[column] > cases.about_person(rows, "death_date"))

    return holds


def _nothing_after_death(cases: Cases) -> pd.Series:
    """Hold for people of whom no table says anything after their death."""
    late = [
        rows.loc[~_before_death(table, column)(cases), "person_id"]
        for table, column in HAPPENED.items()
        for rows in [cases[table]]
    ]
    return ~cases["people"]["person_id"].isin(pd.concat(late))


def _not_too_old(cases: Cases) -> pd.Series:
    people = cases["people"]
    last = people["death_date"].fillna(cases.extract_date)
    return ~(people["birth_month"] + pd.DateOffset(years=OLDEST + 1) < last)


def _known_area(cases: Cases) -> pd.Series:
    area = cases["episodes"]["area_id"]
    return area.isna() | area.isin(cases["areas"]["area_id"]) | (len(cases["areas"]) == 0)


def _no_id_in_note(cases: Cases) -> pd.Series:
    """Hold for notes in which no word is the id of a person; ids of three signs are too common."""
    notes = cases["action_log"]["note"]
    words = notes.str.casefold().str.findall(r"[\w/-]+").explode()
    ids = cases.sortings["people"].rows["person_id"].str.casefold()
    named = words.isin(ids[ids.str.len() > 3])
    return ~named.groupby(level=0).any().reindex(notes.index, fill_value=False)


def _live_by_first_start(cases: Cases) -> pd.Series:
    episodes, areas = cases["episodes"], cases["areas"]
    programme = episodes[episodes["programme"] != "IOM"]
    first = programme.groupby("area_id")["start_date"].min()
    return ~(areas["go_live_date"] > areas["area_id"].map(first))


def _at_liberty(cases: Cases) -> pd.Series:
    offences, spells = cases["offences"], cases["custody"]
    inside = _within(offences, "offence_date", spells, spells["in_date"], spells["out_date"])
    return ~inside | offences["in_custody"].fillna(value=False)


def _near_an_episode(cases: Cases) -> pd.Series:
    episodes = cases["episodes"]
    return _within(
        cases["assessments"], "assessed_date", episodes,
        episodes["start_date"] - NEAR_EPISODE, episodes["end_date"] + NEAR_EPISODE,
    )  # fmt: skip


def _within(
    rows: pd.DataFrame, column: str, spells: pd.DataFrame, start: pd.Series, end: pd.Series
) -> pd.Series:
    """Tell which rows have their date strictly inside a spell of the same person.

    With the spells of a person by start, a date is inside one of them exactly if it comes before
    the latest end among those that start before it.
    """
    people = pd.concat([spells["person_id"], rows["person_id"]]).factorize()[0]
    person, who = people[: len(spells)].astype(np.int64), people[len(spells) :].astype(np.int64)
    in_day, out_day, day = (
        dates.fillna(FAR_OFF).to_numpy().astype("M8[D]").astype(np.int64)
        for dates in (start, end, rows[column])
    )
    century = 2**32  # more days than any date has: (person, day) becomes one number
    order = np.lexsort((in_day, person))
    starts = (person * century + in_day)[order]
    last_end = np.maximum.accumulate((person * century + out_day)[order])
    before = np.searchsorted(starts, who * century + day, side="left") - 1
    inside = np.zeros(len(rows), bool)
    found = before >= 0
    inside[found] = last_end[before[found]] > (who * century + day)[found]
    same = np.zeros(len(rows), bool)
    same[found] = person[order][before[found]] == who[found]
    return pd.Series(inside & same, index=rows.index)


# What happens to a living person, and the day it happens.
HAPPENED = {
    "episodes": "start_date",
    "offences": "offence_date",
    "custody": "in_date",
    "assessments": "assessed_date",
    "support": "contact_date",
}
OF_PEOPLE = [
    table.name
    for table in TABLES
    if table.name != "people" and any(column.name == "person_id" for column in table.columns)
]

CASE_RULES: tuple[CaseRule, ...] = (
    *(
        CaseRule("after_extract", table.name, column.name, "nothing happens after the extract",
                 _by_extract(table.name, column.name))
        for table in TABLES if table.name != "extract"
        for column in table.columns if column.kind == "date" and not column.open_end
    ),
    CaseRule("too_old", "people", "birth_month", f"nobody is over {OLDEST}", _not_too_old),
    *(
        CaseRule("person_quarantined", table, "person_id", "the person is not in quarantine",
                 _person_not_left_out(table))
        for table in OF_PEOPLE
    ),
    *(
        CaseRule("unknown_person", table, "person_id", "the person is in `people`",
                 _known_person(table))
        for table in OF_PEOPLE
    ),
    CaseRule("busy_after_death", "people", "death_date",
             "no table tells of a person after death", _nothing_after_death, "warn"),
    *(
        CaseRule("after_death", table, column, "nothing happens to a person after death",
                 _before_death(table, column))
        for table, column in HAPPENED.items()
    ),
    *(
        CaseRule("before_birth", table, column, "nothing happens to a person before birth",
                 _after_birth(table, column))
        for table, column in HAPPENED.items() if table != "offences"
    ),
    CaseRule("under_ten", "offences", "offence_date", "nobody offends under the age of ten",
             _after_birth("offences", "offence_date", OF_CRIMINAL_AGE)),
    CaseRule("offence_inside", "offences", "offence_date",
             "an offence inside a spell in custody is marked `in_custody`", _at_liberty, "warn"),
    CaseRule("far_from_episode", "assessments", "assessed_date",
             "an assessment is within 180 days of an episode of the person", _near_an_episode,
             "warn"),
    CaseRule("unknown_area", "episodes", "area_id", "the area is in `areas`", _known_area, "warn"),
    CaseRule("live_too_late", "areas", "go_live_date",
             "an area goes live before anyone starts there under a programme other than IOM",
             _live_by_first_start, "warn"),
    CaseRule("note_names", "action_log", "note", "no word of a note is the id of a person",
             _no_id_in_note),
)  # fmt: skip
