"""Where rows in blocks come from: frames in memory, Parquet files, or a home of blocks.

Each gives frames of whole people, again and again. Rows of one person that stand on both sides of a
cut are joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from desistance.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    from desistance.engine import Home, Tables

    T = TypeVar("T")


class Source(Protocol):
    """Frames of whole people that can be gone through again and again."""

    def columns(self) -> tuple[str, ...]:
        """The columns that every frame has."""
        ...

    def each(
        self, function: Callable[[str, pd.DataFrame], T], columns: Sequence[str], person: str | None
    ) -> Iterator[T]:
        """Apply a function to every frame: its place in words, and some columns, rows from 0."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class InFrames:
    """Frames that are there already."""

    held: tuple[pd.DataFrame, ...]

    def columns(self) -> tuple[str, ...]:
        """The columns that every frame has."""
        return _shared([tuple(frame.columns) for frame in self.held])

    def each(
        self, function: Callable[[str, pd.DataFrame], T], columns: Sequence[str], person: str | None
    ) -> Iterator[T]:
        """Apply a function to every frame, cut anew so that people are whole."""
        frames = (
            (f"frame {number}", frame[list(columns)].reset_index(drop=True))
            for number, frame in enumerate(self.held)
        )
        for place, frame in _whole_people(frames, person):
            yield function(place, frame)


@dataclass(frozen=True, slots=True, eq=False)
class AtHome:
    """A table of a home of blocks, whose people are whole already; `names` are its columns."""

    home: Home
    table: str
    names: tuple[str, ...]

    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return self.names

    def each(
        self, function: Callable[[str, pd.DataFrame], T], columns: Sequence[str], person: str | None
    ) -> Iterator[T]:
        """Apply a function to the table of every block, wherever that is."""
        del person  # people are whole
        return self.home.each(
            partial(_to_table, function, self.table), {self.table: tuple(columns)}
        )


def _to_table(function: Callable[[str, pd.DataFrame], T], table: str, tables: Tables) -> T:
    return function(table, tables[table])


@dataclass(frozen=True, slots=True, eq=False)
class Parquet:
    """The row groups of Parquet files, file after file."""

    files: tuple[Path, ...]

    def columns(self) -> tuple[str, ...]:
        """The columns that every file has."""
        return _shared([tuple(pq.read_schema(file).names) for file in self.files])

    def each(
        self, function: Callable[[str, pd.DataFrame], T], columns: Sequence[str], person: str | None
    ) -> Iterator[T]:
        """Apply a function to every row group, cut anew so that people are whole."""
        for place, frame in _whole_people(self._row_groups(columns), person):
            yield function(place, frame)

    def _row_groups(self, columns: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
        for path in self.files:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=list(columns), use_threads=False)
                    frame = table.to_pandas(
                        split_blocks=True,
                        self_destruct=True,
                        use_threads=False,
                        ignore_metadata=True,
                    )
                    del table
                    yield f"{path.name}, row group {group}", frame


def _shared(columns: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    first, *others = columns
    return tuple(name for name in first if all(name in names for names in others))


def parquet_files(path: Path) -> tuple[Path, ...]:
    """Find a Parquet file, or those of a folder in the order of their names."""
    found = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else (path,)
    if not found:
        raise SourceError(f"There is no file *.parquet in the folder {path.name!r}.")
    if not all(file.is_file() for file in found):
        raise SourceError(f"There is no file or folder {path.name!r}.")
    for file in found:
        try:
            pq.read_schema(file)
        except (pa.ArrowException, OSError):
            raise SourceError(f"The file {file.name!r} is no Parquet file.") from None
    return found


def _whole_people(
    frames: Iterator[tuple[str, pd.DataFrame]], person: str | None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Cut frames anew so that no person is cut in two, if their rows stand together.

    The last person of a frame waits for the next; so that nothing large is copied, they are then a
    small frame of their own.
    """
    waiting, place = None, ""
    for here, frame in frames:
        if person is None:
            yield here, frame
        if person is None or not len(frame):
            continue
        who, begin = frame[person].to_numpy(), 0
        if waiting is not None:
            other = np.flatnonzero(who != waiting[person].iloc[0])
            begin = int(other[0]) if len(other) else len(who)
            if begin:
                waiting = pd.concat([waiting, frame.iloc[:begin]], ignore_index=True)
            if begin == len(who):
                continue
            yield place, waiting
        other = np.flatnonzero(who != who[-1])
        end = min(len(who) - 1, max(begin, int(other[-1]) + 1 if len(other) else 0))
        waiting, place = _cut(frame, end, len(who)).copy(), f"{here}, rows from {end}"
        if end > begin:
            yield f"{here}, rows from {begin}" if begin else here, _cut(frame, begin, end)
    if waiting is not None:
        yield place, waiting


def _cut(frame: pd.DataFrame, begin: int, end: int) -> pd.DataFrame:
    """Some rows, numbered from 0, without a copy."""
    some = frame.iloc[begin:end]
    some.index = pd.RangeIndex(len(some))
    return some
