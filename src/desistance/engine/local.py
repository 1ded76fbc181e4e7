"""Blocks on this machine: in memory, or in a folder of Parquet files.

A folder holds a sub-folder for each table and in it one file for each block,
``block-00000.parquet`` and so on. Days are stored as dates and never as time stamps, so that
other programs read the same.
"""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from desistance.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from desistance.engine.homes import Tables, Wanted

    T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """Blocks that are there already."""

    blocks: tuple[Tables, ...]

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.blocks)

    def each(self, function: Callable[[Tables], T], wanted: Wanted) -> Iterator[T]:
        """Apply a function to every block, one after the other."""
        for block in self.blocks:
            yield function({
                name: block[name] if columns is None else block[name][list(columns)]
                for name, columns in wanted.items()
            })  # fmt: skip

    def keep(self, function: Callable[[Tables], Tables], wanted: Wanted) -> InMemory:
        """Apply a function to every block, and hold the tables it makes."""
        return InMemory(tuple(self.each(function, wanted)))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class InFiles:
    """Blocks in a folder of Parquet files; one block at a time is in memory."""

    folder: Path
    n_blocks: int

    def each(self, function: Callable[[Tables], T], wanted: Wanted) -> Iterator[T]:
        """Apply a function to every block, one after the other."""
        for number in range(self.n_blocks):
            yield function({
                name: read_table(_place(self.folder, name, number), columns)
                for name, columns in wanted.items()
            })  # fmt: skip

    def keep(self, function: Callable[[Tables], Tables], wanted: Wanted) -> InFiles:
        """Apply a function to every block, and keep the tables it makes in files of their own.

        The files are in the system's folder for temporary files (set TMPDIR for another), to be
        read by you alone, and go when nothing uses them any more.
        """
        folder = Path(mkdtemp(prefix="desistance-"))
        kept = InFiles(folder, self.n_blocks)
        weakref.finalize(kept, shutil.rmtree, folder, ignore_errors=True)
        for number, tables in enumerate(self.each(function, wanted)):
            write_block(tables, folder, number)
        return kept


def write_block(tables: Tables, folder: Path, number: int) -> None:
    """Write the tables of one block of people."""
    for name, frame in tables.items():
        path = _place(folder, name, number)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pq.write_table(as_arrow(frame), path)


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    """Turn a frame into an Arrow table without its index; days become dates."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            days = table.column(place).cast(pa.date32())
            table = table.set_column(place, field.name, days)
    return table


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table back into the frame it was made from."""
    frame: pd.DataFrame = table.to_pandas(date_as_object=False, use_threads=False)
    dates = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(dates, "datetime64[ns]")) if len(dates) else frame


def read_table(path: Path, columns: object = None) -> pd.DataFrame:
    """Read some columns of a file that `write_block` wrote."""
    try:
        with pq.ParquetFile(path) as file:
            return as_frame(file.read(columns=columns, use_threads=False))
    except FileNotFoundError:
        where = f"{path.parent.name}/{path.name}"
    raise SourceError(f"There is no file {where!r}; write the blocks again.")


def _place(folder: Path, table: str, number: int) -> Path:
    return folder / table / f"block-{number:05}.parquet"
