"""The tables of a case file: what each column means, its kind, and the rules it must keep.

The reader, the data dictionary in the docs and the synthetic pilot all come from these tables.
Conventions, stated once:

* An id is text. Dates are whole days. A spell runs from its first day up to, not including, its
  last date: `end_date` is the first day no longer in the programme, `out_date` the first day free.
* An empty cell means unknown, and is never read as "no".
* Columns that no table names are not read at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["text", "date", "number", "flag"]
Fate = Literal["quarantine", "warn"]

FAR_OFF = pd.Timestamp("2262-01-01")  # later than any day a table may hold
PROVEN = ("convicted", "caution")
PARTNERS = ("third_sector", "housing", "probation", "dwp", "nhs", "police")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its kind, its meaning, and whether it may be absent or empty."""

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    may_be_empty: bool = False
    codes: tuple[str, ...] = ()
    open_end: bool = False  # 31/12/9999 here means "not ended", not a date
    whole_month: bool = False  # the day of the month is not kept


@dataclass(frozen=True, slots=True)
class Rule:
    """What every row of a table must keep; `holds` gives True for the rows that do.

    `code` is the stable name printed in the quarantine file; `column` the one to look at.
    """

    code: str
    says: str
    column: str
    holds: Callable[[pd.DataFrame], pd.Series]
    fate: Fate = "quarantine"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the case file."""

    name: str
    one_row_is: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    required: bool = False

    def column(self, name: str) -> Column:
        """Find a column by its name."""
        return next(column for column in self.columns if column.name == name)


def _in_order(earlier: str, later: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Hold unless both dates are known and the later one comes before the earlier one."""
    return lambda rows: ~(rows[later] < rows[earlier])


def _apart(start: str, end: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Hold unless a spell starts before an earlier one of the same person has ended."""

    def holds(rows: pd.DataFrame) -> pd.Series:
        spells = rows.sort_values(["person_id", start, end])
        ends = spells[end].fillna(FAR_OFF).groupby(spells["person_id"]).cummax()
        last_end = ends.groupby(spells["person_id"]).shift()
        return (~(spells[start] < last_end)).reindex(rows.index)

    return holds


def _one_open(rows: pd.DataFrame) -> pd.Series:
    """Hold unless a person is more than once in a programme that has not ended."""
    is_open = rows["end_date"].isna()
    n_open = is_open.groupby([rows["person_id"], rows["programme"]]).transform("sum")
    return ~(is_open & (n_open > 1))


PERSON = Column("person_id", "text", "pseudonym; never a name or a PNC number")

PEOPLE = Table(
    "people",
    one_row_is="one person",
    required=True,
    key=("person_id",),
    columns=(
        PERSON,
        Column("birth_month", "date", "first day of the month of birth", False, True,
               whole_month=True),
        Column("sex", "text", "sex as recorded", False, True, ("M", "F", "U")),
        Column("ethnicity", "text", "ethnic group, self-defined where known", False, True),
        Column("death_date", "date", "day of death; empty while alive", False, True),
    ),
    rules=(
        Rule("death_before_birth", "the day of death is not before the month of birth",
             "death_date", _in_order("birth_month", "death_date")),
    ),
)  # fmt: skip

EPISODES = Table(
    "episodes",
    one_row_is="one spell of management of one person under one programme",
    required=True,
    key=("person_id", "programme", "start_date"),
    columns=(
        PERSON,
        Column("programme", "text", "IOM, 7PP, or the name another force gives its own"),
        Column("start_date", "date", "first day under the programme"),
        Column("end_date", "date", "first day no longer under it; empty while it lasts",
               False, True, open_end=True),
        Column("end_reason", "text", "why it ended", False, True, (
            "risk_reduced", "sentence_end", "reset", "custody_long", "moved_area",
            "transferred_scheme", "non_engagement", "death", "capacity", "completed", "other")),
        Column("area_id", "text", "neighbourhood policing area", False, True),
        Column("tier", "text", "IOM tier", False, True, ("FIXED", "FLEX", "FREE", "NONE")),
        Column("statutory_status", "text", "court order or licence at the start", False, True, (
            "licence", "community_order", "suspended_sentence", "post_sentence", "none")),
    ),
    rules=(
        Rule("end_before_start", "an episode does not end before it starts",
             "end_date", _in_order("start_date", "end_date")),
        Rule("several_open", "a person has one open episode of a programme at most",
             "end_date", _one_open),
        Rule("overlapping_episodes", "a person's episodes do not overlap",
             "start_date", _apart("start_date", "end_date"), "warn"),
    ),
)  # fmt: skip

OFFENCES = Table(
    "offences",
    one_row_is="one offence of one person",
    required=True,
    key=("person_id", "offence_date", "offence_code", "crime_ref"),
    columns=(
        PERSON,
        Column("crime_ref", "text", "reference of the crime; tells two alike offences apart",
               False, True),
        Column("occasion_id", "text", "the sanction occasion that dealt with it", False, True),
        Column("offence_date", "date",
               "day the offence was committed, or the first it may have been"),
        Column("recorded_date", "date", "day the police recorded it", False, True),
        Column("outcome_date", "date", "day of the outcome: conviction, caution, ...", False, True),
        Column("offence_code", "text", "Home Office class, with or without subclass: 028, 028/01"),
        Column("outcome", "text", "what came of it", True, False, (
            "convicted", "caution", "charged", "community_resolution", "outcome22", "tic",
            "acquitted", "nfa", "pending")),
        Column("in_custody", "flag", "committed while in custody", False, True),
        Column("detection", "text", "how it came to notice", False, True,
               ("victim", "proactive", "tic", "unknown")),
    ),
    rules=(
        Rule("offence_code_form", "an offence code is 028, 028/01 or 02801",
             "offence_code", lambda rows: rows["offence_code"].str.fullmatch(r"\d{3}(/?\d{2})?")),
        Rule("recorded_before_offence", "an offence is not recorded before it is committed",
             "recorded_date", _in_order("offence_date", "recorded_date")),
        Rule("outcome_before_offence", "an outcome does not come before the offence",
             "outcome_date", _in_order("offence_date", "outcome_date")),
        Rule("outcome_before_recorded", "an outcome does not come before the record",
             "outcome_date", _in_order("recorded_date", "outcome_date"), "warn"),
        Rule("proven_without_date", "a conviction or caution has the day it came",
             "outcome_date",
             lambda rows: ~(rows["outcome"].isin(PROVEN) & rows["outcome_date"].isna()), "warn"),
    ),
)  # fmt: skip

CUSTODY = Table(
    "custody",
    one_row_is="one spell in custody",
    key=("person_id", "in_date", "kind"),
    columns=(
        PERSON,
        Column("in_date", "date", "day of going in"),
        Column("out_date", "date", "first day free; empty while inside",
               False, True, open_end=True),
        Column("kind", "text", "why inside", False, True,
               ("remand", "sentence", "recall", "hospital", "immigration")),
    ),
    rules=(
        Rule("end_before_start", "nobody comes out before going in",
             "out_date", _in_order("in_date", "out_date")),
        Rule("overlapping_spells", "a person's spells in custody do not overlap",
             "in_date", _apart("in_date", "out_date"), "warn"),
    ),
)  # fmt: skip

ASSESSMENTS = Table(
    "assessments",
    one_row_is="one pathway of one assessment",
    key=("person_id", "assessed_date", "tool", "pathway"),
    columns=(
        PERSON,
        Column("assessed_date", "date", "day of the assessment"),
        Column("tool", "text", "which tool: a name in the pathway catalogue"),
        Column("pathway", "text", "which pathway: a code of the tool's scheme"),
        Column("score", "number", "score as given; empty when there is none", False, True),
        Column("score_min", "number", "lowest score the tool allows", False, True),
        Column("score_max", "number", "highest score the tool allows", False, True),
        Column("missing_reason", "text", "why there is no score", False, True,
               ("not_assessed", "refused", "not_applicable", "not_shared", "unknown")),
        Column("n_items_missing", "number", "items left unanswered, which counted as 0",
               False, True),
    ),
    rules=(
        Rule("range_reversed", "the lowest score is not above the highest",
             "score_min", lambda rows: ~(rows["score_min"] > rows["score_max"])),
        Rule("score_out_of_range", "a score lies between the lowest and the highest",
             "score", lambda rows: ~(
                 (rows["score"] < rows["score_min"]) | (rows["score"] > rows["score_max"]))),
        Rule("score_and_reason", "a score has no reason why it is missing",
             "missing_reason",
             lambda rows: ~(rows["score"].notna() & rows["missing_reason"].notna())),
        Rule("neither_score_nor_reason", "a missing score has a reason",
             "missing_reason",
             lambda rows: rows["score"].notna() | rows["missing_reason"].notna(), "warn"),
        Rule("score_without_range", "the lowest and highest score are given with a score",
             "score_max", lambda rows: rows["score"].isna() | (
                 rows["score_min"].notna() & rows["score_max"].notna()), "warn"),
        Rule("items_missing", "every item of a score was answered: one left out leans it low",
             "n_items_missing",
             lambda rows: rows["score"].isna() | ~(rows["n_items_missing"] > 0), "warn"),
    ),
)  # fmt: skip

AREAS = Table(
    "areas",
    one_row_is="one area",
    key=("area_id",),
    columns=(
        Column("area_id", "text", "the area's code, as in `episodes`"),
        Column("go_live_date", "date", "first day the programme was offered there; empty if never",
               False, True, open_end=True),
    ),
)  # fmt: skip

RESIDENCE = Table(
    "residence",
    one_row_is="one spell of living in or out of the force area",
    key=("person_id", "from_date"),
    columns=(
        PERSON,
        Column("in_area", "flag", "whether the person lived where offences would be seen"),
        Column("from_date", "date", "first day"),
        Column("to_date", "date", "first day no longer; empty while it lasts",
               False, True, open_end=True),
    ),
    rules=(
        Rule("end_before_start", "a stay does not end before it starts",
             "to_date", _in_order("from_date", "to_date")),
        Rule("overlapping_stays", "a person's stays do not overlap",
             "from_date", _apart("from_date", "to_date"), "warn"),
    ),
)  # fmt: skip

SUPPORT = Table(
    "support",
    one_row_is="one referral to, or contact with, a partner",
    key=("person_id", "contact_date", "partner", "pathway", "kind"),
    columns=(
        PERSON,
        Column("contact_date", "date", "day of the contact"),
        Column("partner", "text", "who", True, False, PARTNERS),
        Column("pathway", "text", "which pathway it served", False, True),
        Column("kind", "text", "what happened", False, True,
               ("referral", "contact", "review", "completed", "disengaged")),
    ),
)  # fmt: skip

# What tells on a person: an address, a number of the police or of health, a date of birth.
IDENTIFIES = (
    r"@|\b\d{2,4}/\d{1,7}[A-Z]\b|\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\b\d{6,}\b|"
    r"\b[A-Z]{2}\d{6}[A-Z]\b|\b\d{3} \d{3} \d{4}\b|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
)
LONGEST_NOTE = 280  # characters

ACTION_LOG = Table(
    "action_log",
    one_row_is="one note of what the partners learnt or agreed; never about a person",
    key=("note_id",),
    columns=(
        Column("note_id", "text", "number of the note"),
        Column("note_date", "date", "day of the note"),
        Column("pathway", "text", "which pathway it is about", False, True),
        Column("partner", "text", "who is to act, or acted", False, True, PARTNERS),
        Column("status", "text", "how far it is", True, False,
               ("open", "in_progress", "done", "dropped")),
        Column("note", "text",
               f"what was learnt or agreed, in {LONGEST_NOTE} characters; no name, no case"),
        Column("release", "flag", "read and cleared for a report; empty means no", False, True),
    ),
    rules=(
        Rule("note_too_long", f"a note has at most {LONGEST_NOTE} characters, on one line", "note",
             lambda rows: ~((rows["note"].str.len() > LONGEST_NOTE)
                            | rows["note"].str.contains(r"[\x00-\x1f\x7f]"))),
        Rule("note_identifies", "a note holds no address, telephone or other number of a person",
             "note", lambda rows: ~rows["note"].str.contains(IDENTIFIES, case=False)),
    ),
)  # fmt: skip

EXTRACT = Table(
    "extract",
    one_row_is="one source of the extract",
    key=("source",),
    columns=(
        Column("source", "text", "the system the data came from, or the table it filled"),
        Column("extract_date", "date", "day the data were taken"),
        Column("complete_to", "date", "last day its records are complete to", False, True),
        Column("n_rows", "number", "rows the source says it sent", False, True),
    ),
    rules=(
        Rule("complete_after_extract", "a source is not complete to a day after it was taken",
             "complete_to", _in_order("complete_to", "extract_date")),
    ),
)  # fmt: skip

TABLES = (
    *(PEOPLE, EPISODES, OFFENCES, CUSTODY, ASSESSMENTS),
    *(AREAS, RESIDENCE, SUPPORT, ACTION_LOG, EXTRACT),
)
