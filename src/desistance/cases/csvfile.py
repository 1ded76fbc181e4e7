"""CSV, read strictly: what is not one clean table is refused, never patched.

Refused are NUL bytes, text that is not in its encoding, quotes that do not close, rows with more
or fewer cells than the header, a pair of quotes that swallowed whole rows, empty rows among the
others, and a file that ends exactly where a spreadsheet stops. Two things are put right: empty
rows at the end, and a last line such as "Total" or "Records: 123".
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from desistance.cases.cells import TOTALS, RawTable, Texts
from desistance.cases.quality import count, on_lines
from desistance.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desistance.cases.cells import Wanted

BATCH = 50_000
SPREADSHEET_ENDS = (65_536, 1_048_576)
ADVICE = {
    "ragged": "do not have as many cells as the header; a comma inside a cell needs quotes",
    "swallowed": "hold a pair of quotes that runs over several lines and may have swallowed rows",
    "spacers": "are empty, with rows below them; declare `header_row` if they are only spacers",
}


def read_csv(data: bytes, wanted: Wanted) -> RawTable:
    """Read the wanted columns of a CSV file."""
    part = wanted.mapping.of(wanted.table)
    text = _decoded(data, wanted, part.encoding or wanted.mapping.encoding)
    rows = _Rows(text, part.header_row or 1, wanted)
    places = wanted.places(rows.header)
    columns: dict[str, list[pa.Array]] = {name: [] for name in places}
    lines: list[int] = []
    for batch in rows.batches():
        lines += [line for line, _ in batch]
        for name, place in places.items():
            columns[name].append(pa.array([row[place] for _, row in batch], pa.large_string()))
    _refuse_faults(rows, wanted, spacers_declared=part.header_row is not None)
    never = np.zeros(len(lines), bool)
    texts = {
        name: Texts(pa.chunked_array(parts, pa.large_string()).combine_chunks(), never)
        for name, parts in columns.items()
    }
    findings = tuple(wanted.tidied(rows.header, places))
    return RawTable(wanted.table, wanted.source, texts, np.array(lines, np.int64), findings)


def refuse_cut(n_lines: int, wanted: Wanted) -> None:
    """Refuse a table that ends on the last line a spreadsheet can hold."""
    if n_lines in SPREADSHEET_ENDS:
        raise DataError(
            f"{wanted.source} ends on line {n_lines:,}, the last a spreadsheet can hold: rows may "
            "be cut off; export it again as CSV or Parquet, straight from the system."
        )


def _decoded(data: bytes, wanted: Wanted, encoding: str | None) -> str:
    if (nul := data.find(b"\0")) >= 0:
        raise DataError(
            f"{wanted.source} holds a NUL byte on line {_line(data, nul)}; export it again as CSV "
            "in UTF-8."
        )
    bad = 0
    for name in filter(None, ("utf-8-sig", encoding)):
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            bad = error.start
    raise DataError(
        f"{wanted.source} is not {encoding or 'UTF-8'} text on line {_line(data, bad)}; declare "
        'its encoding in the mapping (encoding = "cp1252" for most Windows exports).'
    )


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


class _Rows:
    """The rows under the header, in batches of (line, cells), with the faults met on the way."""

    def __init__(self, text: str, header_row: int, wanted: Wanted) -> None:
        stream = StringIO(text, newline="")
        self.line = header_row - 1  # the last line read so far
        for _ in range(self.line):
            next(stream, None)
        self._skipped = self.line
        self._reader = csv.reader(stream, strict=True)
        self._wanted = wanted
        self.header = next(self._parsed(), [])
        self.faults: dict[str, list[int]] = {kind: [] for kind in ADVICE}

    def batches(self) -> Iterator[list[tuple[int, list[str]]]]:
        """Give the rows that have as many cells as the header."""
        width, batch, empty = len(self.header), [], []
        before = self.line
        for row in self._parsed():
            first, before = before + 1, self.line
            if not any(row):
                empty.append(first)
                continue
            if empty:
                self.faults["spacers"] += empty
                empty = []
            if len(row) != width:
                if not TOTALS.fullmatch(next(filter(None, row)).strip()):
                    self.faults["ragged"].append(first)
                row = (row + [""] * width)[:width]  # noqa: PLW2901
            if self.line > first and _swallowed(row):
                self.faults["swallowed"].append(first)
            batch.append((first, row))
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    def _parsed(self) -> Iterator[list[str]]:
        broken = False
        while True:
            try:
                row = next(self._reader, None)
            except csv.Error:
                broken, row = True, None
            if row is None:
                break
            self.line = self._skipped + self._reader.line_num
            yield row
        if broken:
            raise DataError(
                f"{self._wanted.source}: a quote opened on line {self.line + 1} or below is not "
                "closed, or is followed by more text; put it right, or double it."
            )


def _swallowed(row: list[str]) -> bool:
    """Whether a cell that runs over lines holds as many commas as a whole row."""
    inside = sum(cell.count(",") for cell in row if "\n" in cell or "\r" in cell)
    return inside >= len(row) - 1


def _refuse_faults(rows: _Rows, wanted: Wanted, *, spacers_declared: bool) -> None:
    if spacers_declared:
        rows.faults["spacers"].clear()
    faults = [
        f"{count(len(lines), 'row')} ({on_lines(np.array(lines))}) {ADVICE[kind]}"
        for kind, lines in rows.faults.items()
        if lines
    ]
    if faults:
        raise DataError(f"{wanted.source}: " + "; ".join(faults) + ".")
    refuse_cut(rows.line, wanted)
