"""From text to values: every cell is judged first, and only a good one becomes a value.

Each different text of a column is judged once, whatever the number of rows. Spaces around a text
are put right; then it is empty, a code to be translated, or a value of the column's kind:

    date     see `dates`
    number   digits with at most one point; no thousands separators, no units
    flag     true/false, yes/no, y/n, 1/0, in any capitals
    text     as it stands; capitals are put right where the codes are a closed list

An impossible value puts the row in quarantine. A column in which too many dates are not written
in their format at all stops the load: its format is not the declared one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.cases.cells import TOTALS, RawTable, Texts
from desistance.cases.dates import Cell, DateReader
from desistance.cases.mapping import FLAG_CODES
from desistance.cases.quality import NO_LINES, Finding, count, on_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from numpy.typing import NDArray

    from desistance.cases.mapping import CaseMapping
    from desistance.cases.quality import Outcome
    from desistance.schemas import Column

# What must hold of a cell, and what becomes of a row where it does not.
CELL_RULES: dict[str, tuple[str, Outcome]] = {
    "totals_row": ("a row is not a line of totals", "quarantined"),
    "empty_cell": ("the cell is not empty", "quarantined"),
    "broken_cell": ("the cell is no spreadsheet error or formula not worked out", "quarantined"),
    "number_as_text": (
        "an id or code is stored as text; as a number it loses leading zeros and long ends",
        "quarantined",
    ),
    "unknown_code": ("the code is one of the table's, or the mapping translates it", "quarantined"),
    "not_a_number": ("the cell is a plain number", "quarantined"),
    "not_a_flag": ("the cell says yes or no", "quarantined"),
    "bare_number": ("a date is no bare number, unless 'excel-serial' is declared", "quarantined"),
    "misformatted_date": ("a date is written in the format of its column", "quarantined"),
    "impossible_date": ("the day exists and lies in 1900 to 2199", "quarantined"),
    "placeholder_date": ("the day is no placeholder such as 01/01/1900", "quarantined"),
    "no_end_here": ("31/12/9999 stands only where something may last", "quarantined"),
    "no_end": ("31/12/9999 read as: not ended", "repaired"),
}
TIDYING = {
    "tidied": "spaces or capitals of {} put right, first on this line",
    "time_dropped": "time of day of {} dropped, first on this line",
    "day_dropped": "day of the month of {} dropped, first on this line",
}
UNREAD = ("misformatted_date", "bare_number")
ENOUGH_ROWS = 30  # to wonder why no day is after the 12th

GARBLED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]|[ÃÂ][\x80-\xbf]|â€")
SPREADSHEET_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!)")
SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", re.IGNORECASE)
FLAGS = {
    **dict.fromkeys(("true", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "no", "n", "0"), False),
}


@dataclass(frozen=True, slots=True, eq=False)
class ParsedTable:
    """A table's rows as values, which of them have a faulty cell, and why the load must stop."""

    raw: RawTable
    rows: pd.DataFrame
    faulty: NDArray[np.bool_]
    findings: tuple[Finding, ...]
    refusals: tuple[str, ...]


def parse_table(raw: RawTable, mapping: CaseMapping, latest: date | None) -> ParsedTable:
    """Turn the text of a table into values.

    Parameters
    ----------
    raw, mapping
        The table as read, and what its texts mean.
    latest
        A year of two digits is the last one not after this day.
    """
    totals = _totals(raw)
    faulty, rows, refusals = totals.copy(), {}, []
    findings = [*raw.findings, *_findings(raw, raw.table.key[0], {"totals_row": totals})]
    for column in mapping.columns(raw.table):
        if column.name not in raw.columns:
            rows[column.name] = empty_column(column, len(raw.lines))
            continue
        judged = _JudgedColumn(raw, column, mapping, latest)
        rows[column.name] = judged.as_column()
        broken = {rule: rows_in & ~totals for rule, rows_in in judged.broken().items()}
        findings += _findings(raw, column.name, broken)
        findings += [*judged.tidyings(), *judged.warnings()]
        refusals += judged.refusals()
        for rule, rows_in in broken.items():
            if CELL_RULES[rule][1] == "quarantined":
                faulty |= rows_in
    return ParsedTable(raw, pd.DataFrame(rows), faulty, tuple(findings), tuple(refusals))


def empty_column(column: Column, n: int) -> Any:
    """Give a column of nothing, of its kind."""
    return _spread([None], np.zeros(n, np.int32), column)


def _findings(raw: RawTable, column: str, broken: dict[str, NDArray[np.bool_]]) -> list[Finding]:
    return [
        Finding(raw.source, raw.table.name, column, rule, *CELL_RULES[rule], raw.lines[rows])
        for rule, rows in broken.items()
        if rows.any()
    ]


def _totals(raw: RawTable) -> NDArray[np.bool_]:
    """Find lines such as "Total" or "Records: 123": where an id should be, or beside none."""
    texts = {column.name for column in raw.table.columns if column.kind == "text"}
    first, *others = (name for name in raw.columns if name in texts)
    total = _matching(raw.columns[first], TOTALS.fullmatch)
    beside_none = _matching(raw.columns[first], lambda text: not text)
    for name in others if beside_none.any() else ():
        total |= beside_none & _matching(raw.columns[name], TOTALS.fullmatch)
    return total


def _matching(texts: Texts, holds: Callable[[str], object]) -> NDArray[np.bool_]:
    which, different = _different(texts)
    return np.isin(which, [n for n, text in enumerate(different) if holds(text.strip())])


def _different(texts: Texts) -> tuple[NDArray[np.int32], list[str]]:
    """Give which of the different texts each row has, and the different texts."""
    encoded = texts.cells.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


class _JudgedColumn:
    """One column, each of its different texts judged."""

    def __init__(
        self, raw: RawTable, column: Column, mapping: CaseMapping, latest: date | None
    ) -> None:
        self._raw, self._column, self._mapping = raw, column, mapping
        self._codes = mapping.codes(raw.table, column.name)
        self._missing = mapping.missing_texts(raw.table, column.name)
        self._format = mapping.date_format(raw.table, column.name)
        self._dates = DateReader(self._format, latest, column.open_end, column.whole_month)
        self._known = {code.casefold(): code for code in column.codes}
        self._which, self._texts = _different(raw.columns[column.name])
        judge = {
            "date": self._dates.read,
            "number": _number,
            "flag": self._flag,
            "text": self._text,
        }[column.kind]
        self._cells = [self._judged(text, judge) for text in self._texts]

    def as_column(self) -> Any:
        """Give the values, spread over the rows."""
        return _spread([cell.value for cell in self._cells], self._which, self._column)

    def broken(self) -> dict[str, NDArray[np.bool_]]:
        """Give, by rule, the rows whose cell breaks it."""
        found = {cell.rule for cell in self._cells}
        broken = {
            rule: self._rows(cell.rule == rule for cell in self._cells)
            for rule in CELL_RULES
            if rule in found
        }
        if self._column.kind == "text" and not (self._known or self._codes):
            stored = self._raw.columns[self._column.name].stored_as_number
            stored = stored & self._rows(cell.value is not None for cell in self._cells)
            broken["number_as_text"] = broken.get("number_as_text", False) | stored
        return broken

    def tidyings(self) -> list[Finding]:
        """Log what was put right without a change of meaning: once a column, on its first line."""
        found = []
        for rule, says in TIDYING.items():
            rows = self._rows(rule in cell.tidied for cell in self._cells)
            if rows.any():
                told = says.format(count(int(rows.sum()), "cell"))
                found.append(self._finding(rule, told, "repaired", self._raw.lines[rows][:1]))
        return found

    def warnings(self) -> list[Finding]:
        """Warn if no day is after the 12th in a column long enough."""
        pairs = [cell.day_month for cell in self._cells if cell.day_month]
        swappable = bool(pairs) and max(map(max, pairs)) <= 12
        if not swappable or len(self._which) < ENOUGH_ROWS or self._column.whole_month:
            return []
        says = "no day is after the 12th: day and month may be swapped"
        return [self._finding("day_or_month", says, "warned", NO_LINES)]

    def refusals(self) -> list[str]:
        """Say why the column cannot be trusted as a whole."""
        garbled = self._rows(
            not (text.isascii() and text.isprintable()) and GARBLED.search(text)
            for text in self._texts
        )
        unread = self._rows(cell.rule in UNREAD for cell in self._cells)
        filled = self._rows(cell.rule or cell.value is not None for cell in self._cells)
        zoned = self._rows(cell.has_zone for cell in self._cells)
        unzoned = self._rows(cell.value is not None and not cell.has_zone for cell in self._cells)
        faults = {
            "hold garbled letters or control characters; declare the encoding, or export again": (
                garbled
            )
        }
        if unread.sum() > self._mapping.max_misformatted * filled.sum():
            faults[
                f"are not dates written as {self._format!r}; declare how they are written under "
                f"[{self._raw.table.name}.dates]"
            ] = unread
        if unzoned.any():
            faults["have a time zone and others have none; use one of the two"] = zoned
        return [
            f"{self._raw.source}: {count(int(rows.sum()), 'cell')} of `{self._column.name}` "
            f"({on_lines(self._raw.lines[rows])}) {why}."
            for why, rows in faults.items()
            if rows.any()
        ]

    def _rows(self, is_so: Iterable[object]) -> NDArray[np.bool_]:
        """Give the rows that have a text of which something is so."""
        so = np.fromiter(map(bool, is_so), bool, len(self._texts))
        return so[self._which] if len(so) else np.zeros(len(self._which), bool)

    def _judged(self, given: str, judge: Callable[[str], Cell]) -> Cell:
        text = given.strip()
        if text in self._missing:
            return Cell() if self._column.may_be_empty else Cell(rule="empty_cell")
        if text.startswith("#") and SPREADSHEET_ERROR.fullmatch(text):
            return Cell(rule="broken_cell")
        cell = judge(text)
        return cell if text == given else cell._replace(tidied=("tidied", *cell.tidied))

    def _text(self, text: str) -> Cell:
        if text in self._codes:
            return Cell(self._codes[text])
        if not self._known:
            lost = "+" in text and SCIENTIFIC.fullmatch(text)
            return Cell(rule="number_as_text") if lost else Cell(text)
        code = self._known.get(text.casefold())
        if code is None:
            return Cell(rule="unknown_code")
        return Cell(code, tidied=() if code == text else ("tidied",))

    def _flag(self, text: str) -> Cell:
        if text in self._codes:
            return Cell(self._codes[text] == FLAG_CODES[0])
        value = FLAGS.get(text.casefold())
        return Cell(rule="not_a_flag") if value is None else Cell(value)

    def _finding(self, rule: str, says: str, fate: Outcome, lines: NDArray[np.int64]) -> Finding:
        raw = self._raw
        return Finding(raw.source, raw.table.name, self._column.name, rule, says, fate, lines)


def _number(text: str) -> Cell:
    value = float(text) if NUMBER.fullmatch(text) else np.inf
    return Cell(value) if np.isfinite(value) else Cell(rule="not_a_number")


def _spread(values: list[Any], which: NDArray[np.int32], column: Column) -> Any:
    """Spread the values of the different texts over the rows, in the column's kind."""
    if column.kind == "date":
        days = np.array([np.datetime64(value or "NaT", "D") for value in values], "M8[D]")
        return days.astype("M8[ns]")[which]
    if column.kind == "number":
        return np.array([np.nan if value is None else value for value in values], float)[which]
    dtype: Any = "boolean" if column.kind == "flag" else "string"
    known = pd.array([pd.NA if value is None else value for value in values], dtype=dtype)
    return known.take(which)
