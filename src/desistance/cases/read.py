"""Find the tables in a folder, a workbook, a database or memory, and read them as text.

In a folder a table is the file of its name (people.csv, offences.xlsx, custody.parquet), the
file the mapping names, or the sheet of its name in `cases.xlsx`. Two candidates are an error.
All tables are read before anything is refused, so that everything is said at once.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from desistance.cases.cells import RawTable, Wanted, fingerprint, from_arrow, from_series, in_order
from desistance.cases.csvfile import read_csv
from desistance.cases.database import read_database
from desistance.cases.mapping import suggestion
from desistance.cases.quality import Source
from desistance.cases.workbook import Workbook, open_workbook, read_sheet
from desistance.errors import DataError, DesistanceError, SourceError
from desistance.schemas import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from desistance.cases.mapping import CaseMapping

CASES = "cases.xlsx"
READ = (".csv", ".xlsx", ".parquet")
NOT_READ = (".xls", ".xlsb", ".xlsm", ".ods")
MOST_BYTES = 4 * 2**30
MOST_PARQUET_CELLS = 1_000_000_000


def read_source(source: str | Path, mapping: CaseMapping) -> dict[str, RawTable]:
    """Read every table that a folder, a workbook or a database has."""
    if "://" in str(source):
        return _all_or_none(read_database(str(source), mapping))
    path = Path(source)
    if path.is_dir():
        folder = _Folder(path, mapping)
        return _all_or_none([_tried(folder.read, table) for table in TABLES])
    if path.is_file() and path.suffix.lower() == ".xlsx":
        folder = _Folder(path.parent, mapping, workbook=path)
        return _all_or_none([_tried(folder.read, table) for table in TABLES])
    raise SourceError(
        "The case files are a folder, a workbook (.xlsx) or the address of a database "
        f"(sqlite:///...); {path.name!r} is none of them, or does not exist."
    )


def read_frames(frames: Mapping[str, pd.DataFrame], mapping: CaseMapping) -> dict[str, RawTable]:
    """Take tables that are in memory already."""
    names = [table.name for table in TABLES]
    faults: list[RawTable | DesistanceError | None] = [
        DataError(f"`{name}` is not a table{suggestion(name, names)}.")
        for name in frames
        if name not in names
    ]

    def read(table: Table) -> RawTable | None:
        if table.name not in frames:
            _refuse_absent(table, "The frames have no table", frames)
            return None
        return _read_frame(frames[table.name], table, mapping)

    return _all_or_none([*faults, *(_tried(read, table) for table in TABLES)])


class _Folder:
    """A folder of case files, each opened once."""

    def __init__(self, path: Path, mapping: CaseMapping, workbook: Path | None = None) -> None:
        self.path = path.resolve()
        self.mapping = mapping
        self.files = sorted(file for file in self.path.iterdir() if file.is_file())
        if workbook is not None:
            self.files = [workbook.resolve()]
        self.shared = workbook.name if workbook is not None else CASES
        self._workbooks: dict[Path, tuple[Workbook, str]] = {}

    def read(self, table: Table) -> RawTable | None:
        """Read a table, or give None if there is none and it need not be there."""
        candidates = self._candidates(table)
        if len(candidates) > 1:
            several = ", ".join(file.name for file in candidates)
            raise SourceError(
                f"`{table.name}` could be {several}; keep one, or name it in the mapping: "
                f'[{table.name}] file = "..."'
            )
        if not candidates:
            stems = {file.stem.casefold(): None for file in self.files}
            _refuse_absent(table, "The folder has no file for", stems)
            return None
        file = candidates[0]
        if file.suffix.lower() in NOT_READ:
            raise SourceError(
                f"{file.name}: {file.suffix} files are not read, because an error in a cell looks "
                "empty in them; save it as .xlsx or CSV."
            )
        if file.suffix.lower() == ".xlsx":
            return self._read_sheet(file, table)
        data = _bytes(file)
        wanted = Wanted(table, self.mapping, Source(file.name, "", sha256(data).hexdigest()))
        return read_csv(data, wanted) if file.suffix.lower() == ".csv" else _parquet(data, wanted)

    def _candidates(self, table: Table) -> list[Path]:
        named = self.mapping.of(table).file
        if named is not None:
            file = (self.path / named).resolve()
            if file not in self.files or file.suffix.lower() not in (*READ, *NOT_READ):
                raise SourceError(
                    f"`{table.name}`: the mapping names a file that is not a CSV, .xlsx or Parquet "
                    f"file in the folder{suggestion(named, (f.name for f in self.files))}."
                )
            return [file]
        own = [
            file
            for file in self.files
            if file.stem.casefold() == table.name and file.suffix.lower() in (*READ, *NOT_READ)
        ]
        shared = [
            file
            for file in self.files
            if file.name.casefold() == self.shared.casefold() and file not in own
            and self._sheet_of(file, table) in self._workbook(file)[0].sheets
        ]  # fmt: skip
        return own + shared

    def _workbook(self, file: Path) -> tuple[Workbook, str]:
        if file not in self._workbooks:
            data = _bytes(file)
            self._workbooks[file] = (open_workbook(data, file.name), sha256(data).hexdigest())
        return self._workbooks[file]

    def _sheet_of(self, file: Path, table: Table) -> str:
        """Name the sheet of a table: the declared one, the one of its name, or the only one."""
        sheets = self._workbook(file)[0].sheets
        declared = self.mapping.of(table).sheet
        if declared is not None:
            return declared
        own = [sheet for sheet in sheets if sheet.strip().casefold() == table.name]
        alone = len(sheets) == 1 and file.name.casefold() != self.shared.casefold()
        return (own or (sheets if alone else [table.name]))[0]

    def _read_sheet(self, file: Path, table: Table) -> RawTable:
        workbook, digest = self._workbook(file)
        sheet = self._sheet_of(file, table)
        if sheet not in workbook.sheets:
            raise SourceError(
                f"{file.name} has {len(workbook.sheets)} sheets and none named {sheet!r}"
                f"{suggestion(sheet, workbook.sheets)}; name it in the mapping: [{table.name}] "
                'sheet = "..."'
            )
        return read_sheet(
            workbook, sheet, Wanted(table, self.mapping, Source(file.name, sheet, digest))
        )


def _refuse_absent(table: Table, problem: str, there: Mapping[str, object]) -> None:
    if table.required:
        raise SourceError(f"{problem} `{table.name}`{suggestion(table.name, there)}.")


def _tried(
    read: Callable[[Table], RawTable | None], table: Table
) -> RawTable | DesistanceError | None:
    try:
        return read(table)
    except DesistanceError as error:
        return error


def _all_or_none(found: Sequence[RawTable | DesistanceError | None]) -> dict[str, RawTable]:
    """Give the tables, or raise everything that is wrong with them at once."""
    faults = [fault for fault in found if isinstance(fault, DesistanceError)]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        together = "\n- ".join(dict.fromkeys(map(str, faults)))
        raise type(faults[0])(f"The case files cannot be read:\n- {together}")
    return {raw.table.name: raw for raw in found if isinstance(raw, RawTable)}


def _bytes(file: Path) -> bytes:
    fault, data = None, b""
    try:
        if file.stat().st_size > MOST_BYTES:
            fault = "is larger than 4 GB; export it as Parquet, or use a database"
        else:
            data = file.read_bytes()
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    if fault:
        raise SourceError(f"{file.name} {fault}.")
    return data


def _parquet(data: bytes, wanted: Wanted) -> RawTable:
    found = None
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        headings = file.schema_arrow.names
        n_rows = file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError):
        n_rows = -1
    if n_rows < 0:
        raise SourceError(f"{wanted.source} is not a Parquet file, or is damaged.")
    places = wanted.places(headings)
    if n_rows * len(places) > MOST_PARQUET_CELLS:
        raise SourceError(f"{wanted.source} has {n_rows:,} rows; use a database for that many.")
    with suppress(pa.ArrowException, OSError, ValueError):  # whose words may hold values
        found = file.read(columns=[headings[place] for place in places.values()])
    if found is None:
        raise SourceError(f"{wanted.source} is damaged.")
    columns = {}
    for name, place in places.items():
        texts = from_arrow(found.column(headings[place]))
        if texts is None:
            raise DataError(
                f"{wanted.source}: `{headings[place]}` holds no cells of text or numbers."
            )
        columns[name] = texts
    findings = tuple(wanted.tidied(headings, places))
    return RawTable(wanted.table, wanted.source, columns, in_order(n_rows), findings)


def _read_frame(frame: pd.DataFrame, table: Table, mapping: CaseMapping) -> RawTable:
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"`{table.name}` is a {type(frame).__name__}, not a DataFrame.")
    headings = [str(name) for name in frame.columns]
    name = f"{table.name} (in memory)"
    places = Wanted(table, mapping, Source(name, "", "")).places(headings)
    columns = {column: from_series(frame.iloc[:, place]) for column, place in places.items()}
    source = Source(name, "", fingerprint(columns))
    findings = tuple(Wanted(table, mapping, source).tidied(headings, places))
    return RawTable(table, source, columns, in_order(len(frame)), findings)
