"""Blocks on Spark: a partition is a block, and the functions run on the executors.

All tables of the cases are one Spark table: a row says which table it is of, and holds that table's
columns (the others are NULL). It is shared out by person, so a partition holds whole people, and a
function is given the partition as frames. Days are DATE throughout, never time stamps. What `keep`
makes stays with the executors as Arrow bytes, a row for each column, so that a pass reads no more
than it asks for. What `each` gives back comes here by Spark's serializer, as functions go there.
"""

from __future__ import annotations

import os
import shutil
import sys
import weakref
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import AnalysisException
from pyspark.serializers import CPickleSerializer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.storagelevel import StorageLevel

from desistance.engine.local import as_arrow, as_frame
from desistance.errors import EngineError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from desistance.engine.homes import Tables, Wanted

    T = TypeVar("T")
    Batches = Iterator[pa.RecordBatch]

PERSON = "person_id"
RESULT = "result binary"
KEPT = "table_name string, column_name string, place int, data binary"
BYTES_A_ROW = 16 << 20  # of a column that is kept: Java holds no more than 2 GB in one value


@dataclass(frozen=True, slots=True, eq=False)
class OnSpark:
    """Blocks that are the partitions of one Spark table with all rows of all tables."""

    rows: DataFrame
    n_blocks: int
    columns: Mapping[str, Sequence[str]]

    def each(self, function: Callable[[Tables], T], wanted: Wanted) -> Iterator[T]:
        """Apply a function to every partition that holds anyone; its results come here."""
        run = self._run(_answer, function, wanted)
        yield from _results(self._asked(wanted).mapInArrow(run, RESULT))

    def keep(self, function: Callable[[Tables], Tables], wanted: Wanted) -> KeptOnSpark:
        """Apply a function to every partition, and leave the tables it makes on the executors."""
        made = self._asked(wanted).mapInArrow(self._run(_packed, function, wanted), KEPT)
        return kept(made, self.n_blocks)

    def _asked(self, wanted: Wanted) -> DataFrame:
        return self.rows.where(f.col("table_name").isin(list(wanted)))

    def _run(
        self, give: Callable[..., Batches], function: Callable[[Tables], Any], wanted: Wanted
    ) -> Callable[[Batches], Batches]:
        asked = {name: tuple(wanted[name] or self.columns[name]) for name in wanted}
        return partial(_on_partition, give, function, partial(_split, asked))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class KeptOnSpark:
    """Tables that a function made of every partition, column by column."""

    rows: DataFrame
    n_blocks: int

    def each(self, function: Callable[[Tables], T], wanted: Wanted) -> Iterator[T]:
        """Apply a function to every partition that holds anyone; its results come here."""
        run = partial(_on_partition, _answer, function, _unpacked)
        yield from _results(self._asked(wanted).mapInArrow(run, RESULT))

    def keep(self, function: Callable[[Tables], Tables], wanted: Wanted) -> KeptOnSpark:
        """Apply a function to every partition, and leave the tables it makes on the executors."""
        run = partial(_on_partition, _packed, function, _unpacked)
        return kept(self._asked(wanted).mapInArrow(run, KEPT), self.n_blocks)

    def _asked(self, wanted: Wanted) -> DataFrame:
        def of(table: str, columns: Sequence[str] | None) -> Any:
            is_table = f.col("table_name") == table
            if columns is None:
                return is_table
            return is_table & f.col("column_name").isin(list(columns))

        return self.rows.where(reduce(lambda a, b: a | b, (of(*one) for one in wanted.items())))


def kept(made: DataFrame, n_blocks: int) -> KeptOnSpark:
    """Let the executors keep rows, on disk where memory is short, until nothing uses them."""
    home = KeptOnSpark(made.persist(StorageLevel.MEMORY_AND_DISK), n_blocks)
    weakref.finalize(home, _let_go, home.rows).atexit = False
    return home


def _let_go(rows: DataFrame) -> None:
    if rows.sparkSession.getActiveSession() is not None:
        rows.unpersist()


def _results(answers: DataFrame) -> Iterator[Any]:
    serializer = CPickleSerializer()
    for row in answers.collect():
        yield serializer.loads(bytes(row[0]))


def _on_partition(
    give: Callable[[Any], Batches],
    function: Callable[[Tables], Any],
    read: Callable[[pa.Table], Tables],
    batches: Batches,
) -> Batches:
    """Read a partition, apply the function and give what it made; nothing where nobody is."""
    held = list(batches)
    if any(batch.num_rows for batch in held):
        yield from give(function(read(pa.Table.from_batches(held))))


def _answer(answer: Any) -> Batches:
    yield pa.RecordBatch.from_pydict({"result": [CPickleSerializer().dumps(answer)]})


def _split(asked: Mapping[str, Sequence[str]], rows: pa.Table) -> Tables:
    """Part the rows of a partition into the frames of its tables."""
    tables = {}
    of = rows.column("table_name")
    for name, columns in asked.items():
        mine = rows.filter(pc.equal(of, name))
        tables[name] = as_frame(
            pa.table({
                column: mine.column(PERSON if column == PERSON else _called(name, column))
                for column in columns
            })
        )  # fmt: skip
    return tables


def _called(table: str, column: str) -> str:
    return f"{table}__{column}"


def _packed(tables: Tables) -> Batches:
    """Give every column of tables as Arrow bytes, cut where they are long."""
    for table, frame in tables.items():
        for column in frame.columns:
            arrow = as_arrow(frame[[column]])
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, arrow.schema) as stream:
                stream.write_table(arrow)
            data = sink.getvalue()
            for place, first in enumerate(range(0, data.size, BYTES_A_ROW)):
                part = data.slice(first, min(BYTES_A_ROW, data.size - first)).to_pybytes()
                yield pa.RecordBatch.from_pydict(
                    {
                        "table_name": [table], "column_name": [column],
                        "place": pa.array([place], pa.int32()), "data": [part],
                    }
                )  # fmt: skip


def _unpacked(rows: pa.Table) -> Tables:
    """Put tables together again from their columns, which stand in order."""
    parts: dict[str, dict[str, list[bytes]]] = {}
    for row in rows.select(["table_name", "column_name", "data"]).to_pylist():
        table = parts.setdefault(row["table_name"], {})
        table.setdefault(row["column_name"], []).append(row["data"])
    return {
        table: pd.concat(
            [as_frame(pa.ipc.open_stream(b"".join(data)).read_all()) for data in columns.values()],
            axis=1,
        )
        for table, columns in parts.items()
    }


def is_session(engine: object) -> bool:
    """Say whether this is a SparkSession."""
    return isinstance(engine, SparkSession)


def from_memory(session: SparkSession, blocks: Sequence[Tables], n_blocks: int) -> OnSpark:
    """Send tables of people to Spark."""
    together = {
        name: as_arrow(pd.concat([block[name] for block in blocks], ignore_index=True))
        for name in blocks[0]
    }
    frames = {
        name: session.createDataFrame(table.replace_schema_metadata())
        for name, table in together.items()
    }
    return _shared_out(frames, n_blocks)


def from_files(session: SparkSession, folder: str, tables: Sequence[str], n_blocks: int) -> OnSpark:
    """Let Spark read the tables of people in a folder."""
    return _shared_out(
        {name: session.read.parquet(f"{folder}/{name}") for name in tables}, n_blocks
    )


def _shared_out(frames: Mapping[str, DataFrame], n_blocks: int) -> OnSpark:
    """Make one table of all, shared out by person, so that nobody is in two partitions."""
    columns = {name: tuple(frame.columns) for name, frame in frames.items()}
    renamed = [
        frame.select(
            f.lit(name).alias("table_name"),
            *(frame[c].alias(c if c == PERSON else _called(name, c)) for c in frame.columns),
        )
        for name, frame in frames.items()
    ]
    rows = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), renamed)
    return OnSpark(rows.repartition(n_blocks, PERSON), n_blocks, columns)


def text(session: SparkSession, address: str) -> str:
    """Read a small text file from wherever Spark can."""
    try:
        return str(session.read.text(address, wholetext=True).first()[0])
    except AnalysisException:
        name = address.rsplit("/", 2)
    raise SourceError(
        f"Spark finds no {name[-1]} in the folder {name[-2]!r}: it was not written by "
        "`write_blocks`, or not to the end, or the cluster cannot see it."
    )


def small_table(session: SparkSession, folder: str, name: str) -> pd.DataFrame:
    """Read a small table to this machine."""
    rows = session.read.parquet(f"{folder}/whole/{name}")
    return as_frame(rows.toArrow())


def start(cores: int, memory: str) -> SparkSession:
    """Start Spark on this machine; see `desistance.engine.start_spark`."""
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin/java").exists())):
        raise EngineError(
            "Spark needs Java 17 or 21, and there is none on the PATH or in JAVA_HOME. Install it "
            "(Debian: apt-get install openjdk-17-jre-headless; others: adoptium.net), or stay with "
            'engine="local".'
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    return (
        SparkSession.builder.master(f"local[{cores}]")
        .appName("desistance")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.memory", memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
