"""Rows of people at risk in blocks: frames in memory, Parquet files, or a home of blocks.

Every block holds whole people, so that what belongs to a person never depends on how the rows
were cut. Rows of one person that stand on both sides of a cut are joined; a person who comes back
later is a fault, because nobody could then say whether their rows overlap: sort by person first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from desistance.errors import DataError, SourceError
from desistance.timetoevent.plain import plain
from desistance.timetoevent.rows import TimeToEvent, outcome_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from desistance.engine import Home, Tables

    Ints = NDArray[np.int64]
    T = TypeVar("T")

MOST_FAULTS = 5


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


@dataclass(frozen=True, slots=True, eq=False)
class TimesInBlocks:
    """Checked (start, stop] rows that are read block by block; what `fit_cox` takes for many rows.

    Attributes
    ----------
    source
        Where the rows are; it must not change while it is used.
    roles
        The column of each role given to `from_parquet` or `from_frames`.
    strata_labels
        Of all blocks, in order.
    n, n_people, n_events
        Over all blocks.
    caveats
        What is odd about the rows; estimators repeat it.
    """

    source: Source
    roles: dict[str, str]
    unit: str
    strata_labels: tuple[str, ...]
    n: int
    n_people: int
    n_events: int
    caveats: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<TimesInBlocks: {self.n} rows of {self.n_people} people, {self.n_events} events, "
            f"in {self.unit}>"
        )

    @classmethod
    def from_parquet(
        cls,
        path: str | Path,
        *,
        stop: str,
        event: str,
        start: str | None = None,
        person: str | None = None,
        strata: str | None = None,
        weight: str | None = None,
        unit: str = "days",
        recurrent: bool = False,
    ) -> TimesInBlocks:
        """Check a Parquet file, or those of a folder in the order of their names.

        Each row group is checked by itself as `TimeToEvent.from_frame` would; the other arguments
        are as there. Memory is needed for one row group at a time, and 8 bytes a person.

        Raises
        ------
        SourceError
            If there is no such file, or no Parquet file in the folder.
        DataError
            If a column is missing, if rows cannot be used as people at risk, or if rows of one
            person stand apart: sort by `person` before writing the files.

        Examples
        --------
        >>> import tempfile
        >>> frame = pd.DataFrame({"week": [20, 17, 52], "arrest": [1, 1, 0]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.to_parquet(f"{folder}/releases.parquet")
        ...     TimesInBlocks.from_parquet(folder, stop="week", event="arrest", unit="weeks")
        <TimesInBlocks: 3 rows of 3 people, 2 events, in weeks>
        """
        roles = {
            "stop": stop, "event": event, "start": start, "person": person, "strata": strata,
            "weight": weight,
        }  # fmt: skip
        return _checked(Parquet(_files(Path(path))), roles, unit, recurrent=recurrent)

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[pd.DataFrame],
        *,
        stop: str,
        event: str,
        start: str | None = None,
        person: str | None = None,
        strata: str | None = None,
        weight: str | None = None,
        unit: str = "days",
        recurrent: bool = False,
    ) -> TimesInBlocks:
        """Check frames that are one cohort in blocks; see `from_parquet`.

        Examples
        --------
        >>> frame = pd.DataFrame({"week": [20, 17, 52], "arrest": [1, 1, 0]})
        >>> blocks = [frame, frame]
        >>> TimesInBlocks.from_frames(blocks, stop="week", event="arrest", unit="weeks")
        <TimesInBlocks: 6 rows of 6 people, 4 events, in weeks>
        """
        held = tuple(map(plain, frames))
        if not held:
            raise DataError("There is no frame to read.")
        roles = {
            "stop": stop, "event": event, "start": start, "person": person, "strata": strata,
            "weight": weight,
        }  # fmt: skip
        return _checked(InFrames(held), roles, unit, recurrent=recurrent)

    @classmethod
    def at_home(cls, home: Home, table: str, names: Sequence[str], counts: Counts) -> TimesInBlocks:
        """Hold a table of rows that were checked when they were made: start, stop, event, person.

        Parameters
        ----------
        names
            The columns of the table.
        counts
            Rows, people and events over all blocks.
        """
        roles = {name: name for name in ("start", "stop", "event", "person")}
        return cls(AtHome(home, table, tuple(names)), roles, "days", (), *counts)

    def times_in_blocks(self) -> TimesInBlocks:
        """Give the rows, as anything that has blocks of them does."""
        return self

    def each(self, function: Callable[[TimeToEvent], T], columns: Sequence[str]) -> Iterator[T]:
        """Apply a function to the rows of every block, with some columns besides their roles.

        The function may run elsewhere: what it holds must be small, and no part of the blocks.
        """
        wanted = list(dict.fromkeys([*self.roles.values(), *columns]))
        to_rows = partial(_to_rows, function, self.roles, self.unit, self.strata_labels)
        return self.source.each(to_rows, wanted, self.roles.get("person"))


Counts = tuple[int, int, int]


@runtime_checkable
class HasBlocks(Protocol):
    """Anything that can give its rows of people at risk in blocks."""

    def times_in_blocks(self) -> TimesInBlocks:
        """Give the rows in blocks."""
        ...


def _to_rows(
    function: Callable[[TimeToEvent], T],
    role: dict[str, str],
    unit: str,
    strata_labels: tuple[str, ...],
    _: str,
    frame: pd.DataFrame,
) -> T:
    """Apply a function to rows that were checked before."""
    n = len(frame)
    person = np.arange(n)
    if "person" in role:
        person = pd.factorize(frame[role["person"]])[0].astype(np.int64)
    strata = None
    if "strata" in role:
        codes, labels = pd.factorize(frame[role["strata"]])
        place = {label: code for code, label in enumerate(strata_labels)}
        strata = np.array([place[str(label)] for label in labels], np.int64)[codes]
    return function(
        TimeToEvent(
            _whole(frame[role["start"]]) if "start" in role else np.zeros(n, np.int64),
            _whole(frame[role["stop"]]),
            frame[role["event"]].to_numpy(bool),
            person,
            strata,
            frame[role["weight"]].to_numpy(float) if "weight" in role else None,
            None, strata_labels, (), frame, unit, n, {}, role.get("person"),
            outcome_columns=outcome_columns(role),
        )
    )  # fmt: skip


def _whole(column: pd.Series) -> Ints:
    values = column.to_numpy()
    if values.dtype.kind == "f":
        values = np.round(values)
    return values.astype(np.int64, copy=False)


def _files(path: Path) -> tuple[Path, ...]:
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


def _checked(
    source: Source, named: dict[str, str | None], unit: str, *, recurrent: bool
) -> TimesInBlocks:
    """Go through the rows once: the checks of `TimeToEvent`, and that people are whole."""
    roles = {role: name for role, name in named.items() if name is not None}
    there = source.columns()
    missing = [f"`{role}={name!r}`" for role, name in roles.items() if name not in there]
    if missing:
        raise DataError(
            f"{', '.join(missing)}: no such column in every block; there are "
            f"{', '.join(map(repr, there))}."
        )
    faults: list[str] = []
    people: list[NDArray[np.uint64]] = []
    dtypes: set[str] = set()
    labels: set[str] = set()
    n = n_people = n_events = 0
    check = partial(_check_block, roles, unit, recurrent)
    for block in source.each(check, list(roles.values()), roles.get("person")):
        if block.fault:
            faults.append(block.fault)
            if len(faults) == MOST_FAULTS:
                break
            continue
        n, n_people, n_events = n + block.n, n_people + block.n_people, n_events + block.n_events
        labels.update(block.labels)
        dtypes.update(block.dtype)
        people.append(block.people)
    if faults:
        raise DataError("\n".join(faults))
    if not n:
        raise DataError("There is no row to read.")
    _people_are_whole(people, dtypes)
    return TimesInBlocks(source, roles, unit, tuple(sorted(labels)), n, n_people, n_events)


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    """A block that was checked: what is wrong, or what there is; `people` are hashes of ids."""

    fault: str
    n: int = 0
    n_people: int = 0
    n_events: int = 0
    labels: tuple[str, ...] = ()
    dtype: tuple[str, ...] = ()
    people: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))


def _check_block(
    roles: dict[str, str], unit: str, recurrent: bool, place: str, frame: pd.DataFrame
) -> _Checked:
    try:
        block = TimeToEvent.from_frame(frame, **roles, unit=unit, recurrent=recurrent)
    except DataError as error:
        return _Checked(f"{place}: {error}")
    counts = block.n, int(block.person.max(initial=-1)) + 1, int(block.event.sum())
    if "person" not in roles:
        return _Checked("", *counts, block.strata_labels)
    ids = frame[roles["person"]].unique()
    hashed = pd.util.hash_array(np.asarray(ids))
    return _Checked("", *counts, block.strata_labels, (str(ids.dtype),), hashed)


def _people_are_whole(people: list[NDArray[np.uint64]], dtypes: set[str]) -> None:
    if len(dtypes) > 1:
        raise DataError(
            f"`person` holds {' and '.join(sorted(dtypes))} in different blocks; write it as one."
        )
    seen = np.sort(np.concatenate(people)) if people else np.zeros(0, np.uint64)
    apart = len(np.unique(seen[1:][seen[1:] == seen[:-1]]))
    if apart:
        raise DataError(
            f"The rows of {apart} people stand in blocks that do not follow each other: sort by "
            "`person` before the rows are written, so that each person's rows stand together."
        )


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
