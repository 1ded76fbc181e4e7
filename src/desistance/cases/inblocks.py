"""Case data in blocks of people: in memory, in files larger than memory, or on Spark.

A block is a `CaseData` of some of the people, with all that is known of them; every person is in
one block. `write_blocks` makes a folder of blocks and `open_cases` opens it, here or on Spark:

    cases.json                   when the data were taken, the columns, how many rows there are
    people/block-00000.parquet   a folder for each table, and in it a file for each block
    offences/block-00000.parquet ...
    whole/areas/...              the tables that are not of people, and what became of every row
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from desistance.cases.casedata import ACCOUNTS, CaseData
from desistance.cases.check import sorted_by_key
from desistance.cases.quality import QualityReport, faults_frame
from desistance.engine import InFiles, InMemory, Wanted, spark_for
from desistance.engine.local import read_table, write_block
from desistance.errors import DataError, OutputError, SourceError
from desistance.schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from pyspark.sql import SparkSession

    from desistance.engine import Home, Tables

    T = TypeVar("T")

OF_PEOPLE = tuple(
    table.name for table in TABLES if any(c.name == "person_id" for c in table.columns)
)
WHOLE = tuple(table.name for table in TABLES if table.name not in OF_PEOPLE)
PEOPLE_A_BLOCK = 100_000
FORM = 1  # of the folder; a later one that cannot be read as this has another number


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What every block is told: what is not of single people.

    Attributes
    ----------
    dtypes : dict
        Of the columns of each table.
    whole : dict
        The tables that are not of people.
    n_rows : dict
        Rows of each table of people, over all blocks.
    """

    extract_date: pd.Timestamp
    extra: tuple[str, ...]
    dtypes: dict[str, dict[str, str]]
    whole: Tables
    n_rows: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CasesInBlocks:
    """Case data that are read block by block; see `open_cases`.

    `build_histories`, `follow_up`, and what is estimated of the follow-up in blocks
    (`reoffending_rates`, `kaplan_meier`, `fit_cox`) take it as they take a `CaseData`.

    Attributes
    ----------
    home
        Where the blocks are; they must not change while they are used.
    about
        What every block is told.
    quality
        What became of every row.
    in_order
        Whether the rows of a block stand in the order of their table's key already.
    """

    home: Home
    about: About
    quality: QualityReport
    in_order: bool = True

    @property
    def extract_date(self) -> pd.Timestamp:
        """Day the data were taken."""
        return self.about.extract_date

    @property
    def n_people(self) -> int:
        """How many people there are in all blocks."""
        return self.about.n_rows["people"]

    @property
    def n_blocks(self) -> int:
        """How many blocks there are, of somebody or not."""
        return self.home.n_blocks

    @property
    def wanted(self) -> Wanted:
        """Every table of people, as homes are asked for them."""
        return dict.fromkeys(OF_PEOPLE)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n:,} {name}" for name, n in self.about.n_rows.items() if n)
        return (
            f"<CasesInBlocks: {shapes or 'no rows'}, in {self.n_blocks:,} blocks, "
            f"extracted on {self.extract_date.day} {self.extract_date:%B %Y}>"
        )

    def each(self, function: Callable[[CaseData], T]) -> Iterator[T]:
        """Apply a function to every block; what it gives back comes here, so let it be small.

        Parameters
        ----------
        function
            Of a `CaseData`. It may run elsewhere: let it hold no open file and no session.
        """
        return self.home.each(self.then(function), self.wanted)

    def then(self, function: Callable[[CaseData], T]) -> Callable[[Tables], T]:
        """Give a function of a block's tables, for the home, for one of its case data."""
        return partial(_applied, function, self.about, self.in_order)

    def in_memory(self) -> CaseData:
        """Read all blocks into one `CaseData`, which must fit in memory."""
        blocks = list(self.each(_as_it_is))
        if not blocks:
            raise DataError("There is nobody in the blocks.")
        together: dict[str, Any] = {
            name: sorted_by_key(
                TABLE[name], pd.concat([getattr(b, name) for b in blocks], ignore_index=True)
            )
            for name in OF_PEOPLE
        }
        return replace(
            blocks[0], **together, quality=self.quality, sources=dict(self.quality.sources)
        )


TABLE = {table.name: table for table in TABLES}


def _as_it_is(cases: CaseData) -> CaseData:
    return cases


def _applied(function: Callable[[CaseData], T], about: About, in_order: bool, tables: Tables) -> T:
    return function(case_data(tables, about, in_order=in_order))


def case_data(tables: Tables, about: About, *, in_order: bool) -> CaseData:
    """Make case data of a block's tables; what became of the rows is only known of them all."""
    frames = {}
    for name, frame in tables.items():
        right = _of_dtypes(frame, about.dtypes[name])
        frames[name] = right if in_order else sorted_by_key(TABLE[name], right)
    return CaseData(
        **frames,
        **about.whole,
        extra=about.extra,
        quality=QualityReport(pd.DataFrame(columns=list(ACCOUNTS)), faults_frame([]), {}),
        sources={},
        extract_date=about.extract_date,
    )


def _of_dtypes(frame: pd.DataFrame, dtypes: dict[str, str]) -> pd.DataFrame:
    wrong = {column: t for column, t in dtypes.items() if str(frame[column].dtype) != t}
    return frame.astype(wrong) if wrong else frame


def open_cases(
    source: str | Path | CaseData,
    engine: Literal["local"] | SparkSession = "local",
    *,
    n_blocks: int | None = None,
) -> CasesInBlocks:
    """Open case data in blocks of people, to be worked on block by block, here or on Spark.

    Parameters
    ----------
    source
        A folder that `write_blocks` wrote (on Spark, any address the cluster can read), or a
        `CaseData`, whose people are then shared out.
    engine
        "local", or a SparkSession. Nothing else changes: the same functions give the same
        numbers.
    n_blocks
        How many blocks to make of a `CaseData`, and on Spark how many partitions to work with;
        about 100,000 people in each when left out.

    Raises
    ------
    SourceError
        If there is no such folder, or not all of it was written.
    EngineError
        If `engine` is something else, or Spark is not installed.

    Examples
    --------
    >>> from desistance import SimulationDesign, open_cases, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=50), rng=1)
    >>> open_cases(cases, n_blocks=4).n_blocks
    4
    """
    local = isinstance(engine, str) and engine == "local"
    if isinstance(source, CaseData):
        about = _about(source)
        blocks = tuple(_cut(source, n_blocks))
        if local:
            return CasesInBlocks(InMemory(blocks), about, source.quality)
        home = spark_for(engine).from_memory(engine, blocks, n_blocks or len(blocks))
        return CasesInBlocks(home, about, source.quality, in_order=False)
    if local:
        folder = Path(source)
        n, about, quality = _read_about(_text(folder), partial(_read_whole, folder))
        return CasesInBlocks(InFiles(folder, n), about, quality)
    room = spark_for(engine)
    address = str(source).rstrip("/")
    n, about, quality = _read_about(
        room.text(engine, f"{address}/cases.json"), partial(room.small_table, engine, address)
    )
    home = room.from_files(engine, address, OF_PEOPLE, n_blocks or n)
    return CasesInBlocks(home, about, quality, in_order=False)


def write_blocks(
    cases: CaseData | Iterable[CaseData], folder: str | Path, *, n_blocks: int | None = None
) -> None:
    """Write case data as a folder of blocks of people, for `open_cases`.

    Parameters
    ----------
    cases
        One `CaseData`; or several of different people, one after the other, when all do not fit
        in memory: a generator that loads and checks the files of one part of the country after
        the other, say. All must have been taken on one day, with the same columns.
    folder
        Made if need be; it must be empty. Readable by you alone.
    n_blocks
        How many blocks to make of each `CaseData`; about 100,000 people in each when left out.

    Raises
    ------
    OutputError
        If there is something in the folder.
    DataError
        If parts differ in their day or columns, or a person is in two of them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from desistance import SimulationDesign, open_cases, simulate_cases, write_blocks
    >>> with TemporaryDirectory() as folder:
    ...     write_blocks(simulate_cases(SimulationDesign(n_people=50), rng=1), folder, n_blocks=5)
    ...     cases = open_cases(folder)
    >>> cases.n_people, cases.n_blocks
    (50, 5)
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"There is something in the folder {folder.name!r}: name an empty one.")
    first: About | None = None
    quality: list[QualityReport] = []
    people: list[np.ndarray] = []
    n_rows: Counter[str] = Counter()
    number = 0
    for part in [cases] if isinstance(cases, CaseData) else cases:
        about = _about(part)
        first = first or about
        _refuse_other(first, about)
        quality.append(part.quality)
        n_rows.update(about.n_rows)
        people.append(pd.util.hash_array(part.people["person_id"].to_numpy(object)))
        for block in _cut(part, n_blocks):
            write_block(block, folder, number)
            number += 1
    if first is None or not number:
        raise DataError("There is nobody to write.")
    _refuse_twice(np.concatenate(people))
    accounting = pd.concat([q.accounting for q in quality]).groupby("table", sort=False).sum()
    whole = {
        **first.whole,
        "accounting": accounting.reset_index(),
        "faults": pd.concat([q.faults for q in quality], ignore_index=True),
    }
    write_block(whole, folder / "whole", 0)
    said = {
        "form": FORM,
        "n_blocks": number,
        "extract_date": f"{first.extract_date:%Y-%m-%d}",
        "extra": list(first.extra),
        "dtypes": first.dtypes,
        "n_rows": {name: n_rows[name] for name in OF_PEOPLE},
        "sources": {file: sha for q in quality for file, sha in q.sources.items()},
    }
    (folder / "cases.json").write_text(json.dumps(said, indent=1), encoding="utf-8")


def _about(cases: CaseData) -> About:
    frames = {table.name: getattr(cases, table.name) for table in TABLES}
    return About(
        cases.extract_date,
        cases.extra,
        {name: {c: str(t) for c, t in frame.dtypes.items()} for name, frame in frames.items()},
        {name: frames[name] for name in WHOLE},
        {name: len(frames[name]) for name in OF_PEOPLE},
    )


def _cut(cases: CaseData, n_blocks: int | None) -> Iterator[Tables]:
    """Cut the tables of people into blocks, people in the order they stand in."""
    people = pd.Index(cases.people["person_id"])
    if n_blocks is not None and n_blocks < 1:
        raise DataError("`n_blocks` is 1 or more.")
    n = min(n_blocks or ceil(len(people) / PEOPLE_A_BLOCK), len(people))
    edges = np.linspace(0, len(people), n + 1).round().astype(np.int64)
    ordered = {}
    for name in OF_PEOPLE:
        frame = getattr(cases, name)
        whose = people.get_indexer(pd.Index(frame["person_id"]))
        if (whose[1:] < whose[:-1]).any():
            order = np.argsort(whose, kind="stable")
            frame, whose = frame.iloc[order], whose[order]
        ordered[name] = frame, np.searchsorted(whose, edges)
    for block in range(n):
        yield {
            name: frame.iloc[cuts[block] : cuts[block + 1]].reset_index(drop=True)
            for name, (frame, cuts) in ordered.items()
        }


def _refuse_other(first: About, other: About) -> None:
    if other.extract_date != first.extract_date:
        raise DataError(
            f"One part was extracted on {first.extract_date:%d %B %Y} and another on "
            f"{other.extract_date:%d %B %Y}: load all with one `extract_date`."
        )
    for name, dtypes in first.dtypes.items():
        if other.dtypes[name] != dtypes:
            raise DataError(f"The parts have different columns in `{name}`: use one mapping.")


def _refuse_twice(people: np.ndarray) -> None:
    seen = np.sort(people)
    twice = len(np.unique(seen[1:][seen[1:] == seen[:-1]]))
    if twice:
        raise DataError(
            f"{twice} people are in more than one part: share the rows out by person before "
            "they are written, so that all that is known of somebody is in one part."
        )


def _text(folder: Path) -> str:
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder.name!r}.")
    path = folder / "cases.json"
    if not path.is_file():
        raise SourceError(
            f"The folder {folder.name!r} holds no cases.json: it was not written by "
            "`write_blocks`, or not to the end. For other files use `load_cases`."
        )
    return path.read_text("utf-8")


def _read_whole(folder: Path, name: str) -> pd.DataFrame:
    return read_table(folder / "whole" / name / "block-00000.parquet")


def _read_about(
    text: str, table: Callable[[str], pd.DataFrame]
) -> tuple[int, About, QualityReport]:
    said: dict[str, Any] = json.loads(text)
    if said["form"] != FORM:
        raise SourceError("These blocks were written by another version: write them again.")
    about = About(
        pd.Timestamp(said["extract_date"]),
        tuple(said["extra"]),
        said["dtypes"],
        {name: _of_dtypes(table(name), said["dtypes"][name]) for name in WHOLE},
        said["n_rows"],
    )
    quality = QualityReport(table("accounting"), table("faults"), said["sources"])
    return int(said["n_blocks"]), about, quality
