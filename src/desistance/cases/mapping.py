"""The mapping file: what a force calls things, and what this library calls them.

It is TOML, read once and checked whole. Everything in it is optional; a file whose headings and
codes are those of `desistance.schemas` needs none. What it does not name is not guessed at, and a
name it gets wrong is an error, not an ignored line.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from desistance.errors import PlanError
from desistance.schemas import PEOPLE, TABLES, Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ISO = "iso"
EXCEL_SERIAL = "excel-serial"
BRITISH = "%d/%m/%Y"
DIRECTIVES = frozenset("dmyYbBHMS")
FLAG_CODES = ("true", "false")
STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class TableMapping(BaseModel):
    """How one table stands in the source.

    Attributes
    ----------
    file
        Its file in the folder, if not named as the table; `sheet` of a workbook; `table` of a
        database.
    header_row
        The line of the headings, if not the first.
    encoding
        Of a CSV file that is not UTF-8: "cp1252", say.
    columns
        This library's name of a column, and the heading it has in the file.
    codes
        By column: the text in the file, and the code it stands for.
    dates
        By column: "%d/%m/%Y", "iso" or "excel-serial". Without it, "%d/%m/%Y".
    missing
        By column: texts that mean there is nothing.
    """

    model_config = STRICT

    file: str | None = None
    sheet: str | None = None
    table: str | None = None
    header_row: int | None = Field(default=None, ge=1)
    encoding: str | None = None
    columns: dict[str, str] = {}
    codes: dict[str, dict[str, str]] = {}
    dates: dict[str, str] = {}
    missing: dict[str, list[str]] = {}


class PeopleMapping(TableMapping):
    """How the people stand in the source.

    Attributes
    ----------
    extra
        Further columns to load, and their kind: what is not named here or in
        `desistance.schemas` is never read.
    """

    extra: dict[str, Literal["number", "flag", "text"]] = {}


class CaseMapping(BaseModel):
    """How a force's case files stand to the tables of `desistance.schemas`.

    Attributes
    ----------
    extract_date
        Day the data were taken, if the table `extract` does not say.
    encoding
        Of every CSV file that is not UTF-8 and names none of its own.
    missing
        Texts that mean there is nothing, in every column.
    max_quarantined
        Share of a table's rows in quarantine above which nothing is loaded.
    max_misformatted
        Share of a date column not written in its format above which nothing is loaded.
    """

    model_config = STRICT

    extract_date: date | None = None
    encoding: str | None = None
    missing: list[str] = []
    max_quarantined: float = Field(default=0.05, ge=0, le=1)
    max_misformatted: float = Field(default=0.01, ge=0, le=1)

    people: PeopleMapping = PeopleMapping()
    episodes: TableMapping = TableMapping()
    offences: TableMapping = TableMapping()
    custody: TableMapping = TableMapping()
    assessments: TableMapping = TableMapping()
    areas: TableMapping = TableMapping()
    residence: TableMapping = TableMapping()
    support: TableMapping = TableMapping()
    action_log: TableMapping = TableMapping()
    extract: TableMapping = TableMapping()

    def of(self, table: Table) -> TableMapping:
        """Give the part about one table."""
        part: TableMapping = getattr(self, table.name)
        return part

    def columns(self, table: Table) -> tuple[Column, ...]:
        """List the columns to load: those of the table, and the declared extra ones."""
        if table is not PEOPLE:
            return table.columns
        extra = (
            Column(name, kind, "declared in the mapping", may_be_empty=True)
            for name, kind in self.people.extra.items()
        )
        return (*table.columns, *extra)

    def heading(self, table: Table, column: str) -> str:
        """Give the heading a column has in the file."""
        return self.of(table).columns.get(column, column)

    def codes(self, table: Table, column: str) -> dict[str, str]:
        """Give the texts of a column that stand for codes."""
        return self.of(table).codes.get(column, {})

    def date_format(self, table: Table, column: str) -> str:
        """Give the format dates of a column have; ISO dates are read as well."""
        return self.of(table).dates.get(column, BRITISH)

    def missing_texts(self, table: Table, column: str) -> frozenset[str]:
        """List the texts of a column that mean there is nothing."""
        return frozenset(["", *self.missing, *self.of(table).missing.get(column, [])])


def read_mapping(source: CaseMapping | Mapping[str, Any] | str | Path | None) -> CaseMapping:
    """Read a mapping and check every name in it.

    Parameters
    ----------
    source
        Path of a TOML file, the same as a dict, or None for none.

    Returns
    -------
    CaseMapping

    Raises
    ------
    PlanError
        With everything that is wrong; an unknown name comes with the nearest known one.

    Examples
    --------
    >>> mapping = read_mapping({"people": {"columns": {"person_id": "NominalRef"}}})
    >>> mapping.people.columns
    {'person_id': 'NominalRef'}
    """
    if isinstance(source, CaseMapping):
        return source
    if source is None:
        return CaseMapping()
    name, settings = _settings(source)
    mapping, faults = _validated(settings)
    if mapping is not None:
        faults = _wrong_names(mapping)
    if mapping is None or faults:
        raise PlanError(f"{name} cannot be used: " + "; ".join(faults) + ".")
    return mapping


def suggestion(name: str, known: Iterable[str]) -> str:
    """Name the nearest known name, if there is a near one."""
    near = get_close_matches(name.casefold(), known, n=1, cutoff=0.75)
    return f"; did you mean `{near[0]}`?" if near else ""


def _settings(source: Mapping[str, Any] | str | Path) -> tuple[str, dict[str, Any]]:
    if not isinstance(source, str | Path):
        return "The mapping", dict(source)
    path = Path(source)
    fault, settings = None, {}
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = "is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at .*\)$", str(error))
        fault = f"is not valid TOML {place.group() if place else ''}".rstrip()
    if fault:
        raise PlanError(f"The mapping {path.name} {fault}.")
    return f"The mapping {path.name}", settings


def _validated(settings: dict[str, Any]) -> tuple[CaseMapping | None, list[str]]:
    faults = []
    try:
        return CaseMapping.model_validate(settings), []
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            *inside, last = map(str, fault["loc"])
            where = ".".join([*inside, last])
            if fault["type"] == "extra_forbidden":
                known = PeopleMapping if inside == ["people"] else TableMapping
                fields = (known if inside else CaseMapping).model_fields
                faults.append(f"`{where}` is not a setting{suggestion(last, fields)}")
            else:
                faults.append(f"`{where}`: {fault['msg'][0].lower()}{fault['msg'][1:]}")
    return None, faults


def _wrong_names(mapping: CaseMapping) -> list[str]:
    """List names of columns, codes, formats and encodings that do not exist."""
    faults = [*_wrong_extra(mapping.people), *_wrong_encoding("encoding", mapping.encoding)]
    for table in TABLES:
        part, columns = mapping.of(table), {c.name: c for c in mapping.columns(table)}
        faults += _wrong_encoding(f"{table.name}.encoding", part.encoding)
        for setting in ("columns", "codes", "dates", "missing"):
            for name in getattr(part, setting):
                if name not in columns:
                    near = suggestion(name, columns)
                    faults.append(f"`{table.name}.{setting}`: there is no column `{name}`{near}")
        for name, codes in part.codes.items():
            if name in columns:
                faults += _wrong_codes(table, columns[name], codes.values())
        for name, wanted in part.dates.items():
            if name in columns and columns[name].kind != "date":
                faults.append(f"`{table.name}.dates`: `{name}` does not hold dates")
            elif not _is_date_format(wanted):
                faults.append(
                    f"`{table.name}.dates.{name}` is neither 'iso', 'excel-serial' nor a format "
                    "with day, month and year such as '%d/%m/%Y'"
                )
    return faults


def _wrong_extra(people: PeopleMapping) -> list[str]:
    own = {column.name for column in PEOPLE.columns}
    return [
        f"`people.extra`: `{name}` must be lower-case letters, digits and _, and no column yet"
        for name in people.extra
        if name in own or not re.fullmatch(r"[a-z][a-z0-9_]*", name)
    ]


def _wrong_encoding(where: str, encoding: str | None) -> list[str]:
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        return [f"`{where}` is not an encoding Python knows, such as 'cp1252'"]
    return []


def _wrong_codes(table: Table, column: Column, codes: Iterable[str]) -> list[str]:
    allowed = FLAG_CODES if column.kind == "flag" else column.codes
    where = f"`{table.name}.codes.{column.name}`"
    if column.kind not in ("text", "flag"):
        return [f"{where}: a {column.kind} has no codes"]
    if not allowed:
        return []
    return [
        f"{where}: `{code}` is not one of {', '.join(allowed)}{suggestion(code, allowed)}"
        for code in dict.fromkeys(codes)
        if code not in allowed
    ]


def _is_date_format(text: str) -> bool:
    if text in (ISO, EXCEL_SERIAL):
        return True
    used = re.findall(r"%(.?)", text)
    parts = [{"d"}, {"m", "b", "B"}, {"y", "Y"}]
    return set(used) <= DIRECTIVES and all(sum(map(p.__contains__, used)) == 1 for p in parts)
