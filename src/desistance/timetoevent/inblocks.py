"""Rows of people at risk in blocks, from any of `sources`.

Every block holds whole people, so that what belongs to a person never depends on how the rows
were cut. A person who comes back later is a fault, because nobody could then say whether their rows
overlap: sort by person first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.timetoevent.plain import plain
from desistance.timetoevent.rows import TimeToEvent, outcome_columns
from desistance.timetoevent.sources import AtHome, InFrames, Parquet, parquet_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from desistance.engine import Home
    from desistance.timetoevent.sources import Source

    Ints = NDArray[np.int64]
    T = TypeVar("T")

MOST_FAULTS = 5


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
        return _checked(Parquet(parquet_files(Path(path))), roles, unit, recurrent=recurrent)

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
