"""Tables of a database, read in one read-only transaction.

Names of tables and columns come from the database's own catalogue and are quoted; nothing of the
mapping is ever part of a statement unless the catalogue has it. Rows are numbered in the order of
the table's key.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from desistance.cases.cells import RawTable, Wanted, fingerprint, from_series, in_order
from desistance.cases.mapping import suggestion
from desistance.cases.quality import Source
from desistance.errors import DesistanceError, SourceError
from desistance.schemas import TABLES

if TYPE_CHECKING:
    from desistance.cases.mapping import CaseMapping
    from desistance.schemas import Table


def read_database(url: str, mapping: CaseMapping) -> list[RawTable | DesistanceError]:
    """Read the tables there are, or say what is wrong with each."""
    engine = _engine(url)
    fault = None
    try:
        with engine.connect() as connection:
            return _tables(read_only(connection), mapping)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises may carry a password
        fault = type(error).__name__
    finally:
        engine.dispose()
    raise SourceError(f"The database cannot be read ({fault}); check its address and your rights.")


def read_only(connection: sa.Connection) -> sa.Connection:
    """Let a connection see one moment of the database, and change nothing in it."""
    if connection.dialect.name != "postgresql":
        return connection  # an SQLite file is opened read-only
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _engine(url: str) -> sa.Engine:
    fault = engine = None
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite":
            address, fault = _read_only_sqlite(address)
        engine = sa.create_engine(address, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        fault = f"needs {error.name}; install desistance[postgresql] for PostgreSQL"
    except SQLAlchemyError:
        fault = "is not written as SQLAlchemy does: postgresql+pg8000://user@host/name"
    if fault or engine is None:
        raise SourceError(f"The address of the database {fault}.")
    return engine


def _read_only_sqlite(address: sa.URL) -> tuple[sa.URL, str | None]:
    path = Path(address.database or "")
    if not path.is_file():
        return address, "names no SQLite file that exists"
    read_only = address.set(database=path.resolve().as_uri(), query={"mode": "ro", "uri": "true"})
    return read_only, None


def _tables(connection: sa.Connection, mapping: CaseMapping) -> list[RawTable | DesistanceError]:
    catalogue = sa.inspect(connection)
    there = [*catalogue.get_table_names(), *catalogue.get_view_names()]
    found: list[RawTable | DesistanceError] = []
    for table in TABLES:
        named = mapping.of(table).table
        name = named or table.name
        try:
            if name in there:
                headings = [column["name"] for column in catalogue.get_columns(name)]
                found.append(_table(connection, table, name, headings, mapping))
            elif table.required or named:
                near = suggestion(name, there)
                found.append(SourceError(f"The database has no table for `{table.name}`{near}."))
        except DesistanceError as error:
            found.append(error)
    return found


def _table(
    connection: sa.Connection, table: Table, name: str, headings: list[str], mapping: CaseMapping
) -> RawTable:
    wanted = Wanted(table, mapping, Source(f"{name} (database)", "", ""))
    places = wanted.places(headings)
    columns: dict[str, sa.ColumnClause[Any]] = {
        column: sa.column(_quoted(headings[place])) for column, place in places.items()
    }
    first = [columns[column] for column in table.key if column in columns]
    statement = (
        sa.select(*columns.values())
        .select_from(sa.table(_quoted(name)))
        .order_by(*first, *columns.values())
    )
    rows = connection.execute(statement).fetchall()
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    texts = {
        column: from_series(list(values)) for column, values in zip(columns, cells, strict=True)
    }
    source = Source(wanted.source.file, "", fingerprint(texts))
    findings = Wanted(table, mapping, source).tidied(headings, places)
    return RawTable(table, source, texts, in_order(len(rows)), tuple(findings))


def _quoted(name: str) -> sa.quoted_name:
    return sa.quoted_name(name, quote=True)
