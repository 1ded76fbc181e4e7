"""Cells as text, whatever they came as, and where a table's columns stand in its source.

Every reader gives a `RawTable`: only the columns that were asked for, each cell as the text a
person would write, "" for an empty one. Dates come as ISO text. A cell that was stored as a
number (or a date) where text is due is marked, for it may have lost its leading zeros already.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from desistance.cases.mapping import suggestion
from desistance.cases.quality import NO_LINES, Finding, Source
from desistance.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from desistance.cases.mapping import CaseMapping
    from desistance.schemas import Table

SURROGATES = re.compile("[\ud800-\udfff]")
TOTALS = re.compile(
    r"(grand |sub-?)?totals?\b[\s:=]*[\d,.]*"
    r"|((no\.|number) of )?(records?|rows?|count)\s*[:=]\s*[\d,]*"
    r"|\(?[\d,]+ (rows?|records?)( (selected|affected|returned))?\)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """One column: its cells as text, and which of them were stored as a number or a date."""

    cells: pa.Array
    stored_as_number: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """The asked-for columns of a table, as text, with the line each row stands on."""

    table: Table
    source: Source
    columns: dict[str, Texts]
    lines: NDArray[np.int64]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What to look for in one source: a table as the mapping says it stands there."""

    table: Table
    mapping: CaseMapping
    source: Source

    def places(self, headings: Sequence[str]) -> dict[str, int]:
        """Find each column's place among the headings, spaces and capitals aside.

        Headings are never printed, but for one that is nearly the one looked for: a file without
        a header has a person's data where the headings should be.
        """
        tidied = [_tidy(heading) for heading in headings]
        place = {heading: position for position, heading in reversed([*enumerate(tidied)])}
        faults = [
            f"columns {place[heading] + 1} and {position + 1} have the same heading; rename one"
            for position, heading in enumerate(tidied)
            if heading and place[heading] != position
        ]
        part, found = self.mapping.of(self.table), {}
        for column in self.mapping.columns(self.table):
            heading = self.mapping.heading(self.table, column.name)
            if _tidy(heading) in place:
                found[column.name] = place[_tidy(heading)]
            elif column.required or column.name in part.columns or column not in self.table.columns:
                near = suggestion(heading, filter(None, tidied))
                faults.append(f"there is no column `{heading}`{near}")
        if faults:
            raise DataError(
                f"{self.source}: {'; '.join(faults)}. Headings are read from line "
                f"{part.header_row or 1}; names and line can be set under "
                f"[{self.table.name}] in the mapping."
            )
        return found

    def tidied(self, headings: Sequence[str], places: dict[str, int]) -> list[Finding]:
        """Log the headings whose spaces or capitals were put right."""
        line = np.array([self.mapping.of(self.table).header_row or 1], np.int64)
        return [
            self.finding(name, "heading", "spaces and capitals of the heading put right",
                         "repaired", line)
            for name, position in places.items()
            if headings[position] != self.mapping.heading(self.table, name)
        ]  # fmt: skip

    def finding(
        self, column: str, rule: str, says: str, fate: Any, lines: NDArray[np.int64] = NO_LINES
    ) -> Finding:
        """Say what a rule found in this source."""
        return Finding(self.source, self.table.name, column, rule, says, fate, lines)


def from_arrow(values: pa.Array | pa.ChunkedArray) -> Texts | None:
    """Give an Arrow column as text; None if it does not hold cells."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return None
    cells = pc.fill_null(pc.cast(values, pa.large_string()), "")
    number = np.zeros(len(values), bool)
    if pa.types.is_floating(kind):
        number = values.is_valid().to_numpy(zero_copy_only=False)
    return Texts(cells, number)


def from_objects(values: Iterable[Any], numbers: tuple[type, ...] = (float,)) -> Texts:
    """Give a column of Python values as text; `numbers` are the types to mark."""
    values = list(values)
    texts = [_cell(value) for value in values]
    stored = [
        isinstance(value, numbers) and not isinstance(value, bool) and text != ""
        for value, text in zip(values, texts, strict=True)
    ]
    return Texts(pa.array(texts, pa.large_string()), np.array(stored, bool))


def from_series(values: pd.Series | list[Any]) -> Texts:
    """Give a column in memory as text."""
    array = None
    with suppress(pa.ArrowException, TypeError, ValueError, OverflowError):  # of several kinds
        array = from_arrow(pa.array(values, from_pandas=True))
    return from_objects(values) if array is None else array


def fingerprint(columns: dict[str, Texts]) -> str:
    """Hash the cells of a table that has no file."""
    digest = sha256()
    for name, texts in columns.items():
        digest.update(f"\x1d{name}\x1e".encode())
        digest.update("\x1f".join(texts.cells.to_pylist()).encode())
    return digest.hexdigest()


def in_order(n: int) -> NDArray[np.int64]:
    """Number rows that stand under one header line."""
    return np.arange(2, n + 2, dtype=np.int64)


def _tidy(heading: str) -> str:
    return " ".join(heading.replace("\ufeff", "").split()).casefold()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
