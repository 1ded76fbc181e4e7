"""Excel workbooks (.xlsx): judged as a zip file first, then as a sheet, then read.

A workbook is refused if it would unpack to far more than it is, if a sheet reaches far beyond its
cells, counts dates from 1904, has merged cells or empty rows among the others, or stops exactly
where a spreadsheet must. A cell with an error, or a formula that was never worked out, is read as
`BROKEN`, so that it is not taken for an empty one. Older formats (.xls, .ods) are not read,
because there the two cannot be told apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from desistance.cases.cells import RawTable, from_objects
from desistance.cases.csvfile import ADVICE, refuse_cut
from desistance.cases.quality import count, on_lines
from desistance.errors import DataError, SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.cases.cells import Wanted

BROKEN = "#N/A"
MOST_RATIO = 100
MOST_UNPACKED = 2**31
MOST_CELLS = 20_000_000
LONGEST_CELL = 32_767
STORED = (int, float, date, time, timedelta)

CELL = re.compile(rb'<(?:\w+:)?c\s[^>]*?\br="([A-Z]{1,3})(\d+)"')
BROKEN_CELL = re.compile(
    rb'<(?:\w+:)?c\s([^>]*\bt="e"[^>]*)>'
    rb"|<(?:\w+:)?c\b((?![^>]*\bt=\"str\")[^>]*[^/>])>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d+)"')
HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\bhidden="(?:1|true)"')


@dataclass(frozen=True, slots=True, eq=False)
class Workbook:
    """An opened workbook."""

    file: str
    archive: ZipFile
    book: CalamineWorkbook

    @property
    def sheets(self) -> list[str]:
        """Its sheets by name."""
        return self.book.sheet_names

    def part(self, sheet: str) -> bytes:
        """Give the XML of a sheet."""
        place = self.sheets.index(sheet)
        found = None
        try:
            book = self.archive.read("xl/workbook.xml")
            links = self.archive.read("xl/_rels/workbook.xml.rels")
            key = re.findall(rb'<(?:\w+:)?sheet\s[^>]*?\w+:id="([^"]+)"', book)[place]
            link = next(
                x for x in re.findall(rb"<Relationship\s[^>]*>", links) if b'"%b"' % key in x
            )
            target = re.search(rb'Target="([^"]+)"', link)[1].decode()  # type: ignore[index]
            found = self.archive.read(target.lstrip("/") if target[0] == "/" else f"xl/{target}")
        except (KeyError, IndexError, StopIteration, TypeError, UnicodeDecodeError):
            pass  # answered for below, without the driver's words
        if found is None:
            raise SourceError(
                f"{self.file} is not laid out as Excel does; save it again with Excel."
            )
        return found


def open_workbook(data: bytes, file: str) -> Workbook:
    """Open a workbook that is safe to unpack."""
    fault = workbook = None
    try:
        archive = ZipFile(BytesIO(data))
        entries = archive.infolist()
        ratio = max((e.file_size / max(e.compress_size, 1) for e in entries), default=0)
        if ratio > MOST_RATIO or sum(e.file_size for e in entries) > MOST_UNPACKED:
            fault = f"would unpack to more than {MOST_RATIO} times its size, or more than 2 GB"
        elif archive.testzip() is not None:
            fault = "is damaged"
        else:
            workbook = Workbook(file, archive, CalamineWorkbook.from_filelike(BytesIO(data)))
            if re.search(rb'date1904="(?:1|true)"', archive.read("xl/workbook.xml")):
                fault = "counts its dates from 1904; switch that off in Excel and check the dates"
    except (BadZipFile, CalamineError, KeyError, NotImplementedError, RuntimeError, ValueError):
        fault = "is not an Excel workbook, is damaged, or has a password"
    if fault or workbook is None:
        raise SourceError(f"{file} {fault}.")
    return workbook


def read_sheet(workbook: Workbook, sheet: str, wanted: Wanted) -> RawTable:
    """Read the wanted columns of one sheet."""
    declared = wanted.mapping.of(wanted.table).header_row
    header_row = declared or 1
    xml = workbook.part(sheet)
    _refuse_far_cells(xml, wanted)
    grid = _grid(workbook, sheet, header_row, wanted)
    refuse_cut(len(grid), wanted)
    for row, column in _broken(xml):
        if row < len(grid) and column < len(grid[row]):
            grid[row][column] = BROKEN
    headings = [str(heading) for heading in grid[header_row - 1]] if len(grid) >= header_row else []
    places = wanted.places(headings)
    filled = np.array([any(cell != "" for cell in row) for row in grid[header_row:]], bool)
    _refuse_spacers(filled, header_row, wanted, declared=declared is not None)
    rows = [row for row, full in zip(grid[header_row:], filled, strict=True) if full]
    lines = np.flatnonzero(filled) + header_row + 1
    columns = {
        name: from_objects((row[place] for row in rows), STORED) for name, place in places.items()
    }
    for name, texts in columns.items():
        if any(len(cell) == LONGEST_CELL for cell in texts.cells.to_pylist()):
            raise DataError(
                f"{wanted.source}: `{name}` has a text of {LONGEST_CELL:,} characters, the longest "
                "a spreadsheet can hold, so it may be cut off; export it again as CSV."
            )
    findings = wanted.tidied(headings, places)
    visible = {s.name: s.visible for s in workbook.book.sheets_metadata}[sheet]
    if HIDDEN_ROW.search(xml) or visible != SheetVisibleEnum.Visible:
        says = "the sheet or some of its rows are hidden; they were read all the same"
        findings.append(wanted.finding("", "hidden", says, "warned"))
    return RawTable(wanted.table, wanted.source, columns, lines.astype(np.int64), tuple(findings))


def _refuse_far_cells(xml: bytes, wanted: Wanted) -> None:
    """Refuse a sheet whose last cell lies far beyond the others, before it is laid out."""
    n, last_row, letters = 0, 0, set()
    for n, cell in enumerate(CELL.finditer(xml), start=1):  # noqa: B007
        letters.add(cell[1])
        last_row = max(last_row, int(cell[2]))
    box = last_row * max(map(_column_number, letters), default=0)
    if box > MOST_CELLS or box > max(1_000_000, MOST_RATIO * n):
        raise DataError(
            f"{wanted.source} reaches to line {last_row:,} with only {count(n, 'cell')}, or is too "
            "large for a sheet; delete what stands far below or right, or export it as CSV."
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _grid(workbook: Workbook, sheet: str, header_row: int, wanted: Wanted) -> list[list[Any]]:
    grid: list[list[Any]] | None = None
    merged = False
    try:
        found = workbook.book.get_sheet_by_name(sheet)
        ranges = found.merged_cell_ranges or []
        merged = any(end[0] >= header_row - 1 for _, end in ranges)
        grid = found.to_python(skip_empty_area=False) if found.total_height else []
    except CalamineError:
        pass  # answered for below, without the driver's words
    if grid is None:
        raise SourceError(f"{wanted.source} cannot be read; save it again with Excel.")
    if merged:
        raise DataError(f"{wanted.source} has merged cells; take the merging off, row by row.")
    return grid


def _broken(xml: bytes) -> list[tuple[int, int]]:
    """Find cells with an error or a formula that was never worked out: (row, column) from 0."""
    references = (REFERENCE.search(hit[1] or hit[2]) for hit in BROKEN_CELL.finditer(xml))
    return [(int(r[2]) - 1, _column_number(r[1]) - 1) for r in references if r]


def _refuse_spacers(
    filled: NDArray[np.bool_], header_row: int, wanted: Wanted, *, declared: bool
) -> None:
    last = np.flatnonzero(filled)
    spacers = np.flatnonzero(~filled[: last[-1]]) if len(last) else last
    if len(spacers) and not declared:
        lines = spacers + header_row + 1
        raise DataError(
            f"{wanted.source}: {count(len(lines), 'row')} ({on_lines(lines)}) {ADVICE['spacers']}."
        )
