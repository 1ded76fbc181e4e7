"""Where large tables live: cut into blocks of people, in memory, in files, or on Spark.

Everything this library says of people is a function of whole people, so a table may be cut between
people anywhere. A *home* is where the blocks are, and it does two things with them:

    each   apply a function to every block, and bring back the small results: counts, sums
    keep   apply a function that makes tables of every block, and leave these where they are

What is computed is written once, as functions of one block; no home knows any of it. The results
of blocks add up or stand one after the other, so they do not depend on the cuts or on the home.

    local   blocks in memory, or a folder of Parquet files that may be larger than memory; one
            block at a time
    spark   a partition is a block; the same functions run on the executors, which need this
            library, and rows never come to the driver
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from desistance.engine.homes import Home, Tables, Wanted
from desistance.engine.local import InFiles, InMemory
from desistance.errors import EngineError

if TYPE_CHECKING:
    from types import ModuleType

    from pyspark.sql import SparkSession

__all__ = ["Home", "InFiles", "InMemory", "Tables", "Wanted", "spark_for", "start_spark"]


def spark_for(engine: Any) -> ModuleType:
    """Open the room of Spark for an `engine` that is not "local".

    Raises
    ------
    EngineError
        If it is no SparkSession, or pyspark is not installed.
    """
    room = _spark()
    if not room.is_session(engine):
        raise EngineError(
            f'`engine` is "local" or a SparkSession, not {type(engine).__name__}; '
            "`start_spark()` starts a session on this machine."
        )
    return room


def start_spark(cores: int = 2, *, memory: str = "2g") -> SparkSession:
    """Start Spark on this machine, set up as this library needs it.

    Parameters
    ----------
    cores
        How many blocks are worked on at once.
    memory
        Of the Java process. That of Python comes on top of it, for every core.

    Raises
    ------
    EngineError
        If pyspark or Java is missing; the message says what to install.

    Notes
    -----
    On a cluster make the session as you are used to. What matters: ``spark.sql.session.timeZone``
    is UTC, and the executors' Python (``PYSPARK_PYTHON``) is the driver's version and has this
    library installed.
    """
    session: SparkSession = _spark().start(cores, memory)
    return session


def _spark() -> ModuleType:
    try:
        return import_module("desistance.engine.spark")
    except ImportError as error:
        missing = error.name or "pyspark"
    raise EngineError(
        f"Spark needs the package {missing.split('.')[0]}: pip install 'desistance[spark]'. It "
        "also needs Java 17 or 21 (Debian: apt-get install openjdk-17-jre-headless). Data that fit "
        'on one disk need neither: engine="local".'
    )
