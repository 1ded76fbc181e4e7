"""The case data: every table checked once, at the door, so that nobody downstream checks again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.cases.before import rows_before
from desistance.cases.check import Sorting, in_key_order, refuse_too_many, sort_rows, sort_together
from desistance.cases.mapping import CaseMapping, read_mapping
from desistance.cases.parse import ParsedTable, empty_column, parse_table
from desistance.cases.quality import NO_LINES, QualityReport, Source, faults_frame
from desistance.cases.read import read_frames, read_source
from desistance.errors import DataError
from desistance.schemas import EXTRACT, TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.cases.cells import RawTable

ACCOUNTS = ("table", "n_in", "n_used", "n_quarantined", "n_merged")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CaseData:
    """The tables of `desistance.schemas`, checked.

    Attributes
    ----------
    people, episodes, offences, custody, assessments, areas, residence, support, action_log,
    extract
        A DataFrame each, rows in the order of the table's key. Text is "string", dates are
        datetime64[ns], numbers float64, flags "boolean". A table that was not given is empty.
    extra
        Names of the further columns of `people` that the mapping declares.
    quality
        What became of every row.
    sources
        SHA-256 of each file, the mapping among them.
    extract_date
        Day the data were taken: nothing after it is known.
    """

    people: pd.DataFrame
    episodes: pd.DataFrame
    offences: pd.DataFrame
    custody: pd.DataFrame
    assessments: pd.DataFrame
    areas: pd.DataFrame
    residence: pd.DataFrame
    support: pd.DataFrame
    action_log: pd.DataFrame
    extract: pd.DataFrame
    extra: tuple[str, ...]
    quality: QualityReport
    sources: dict[str, str]
    extract_date: pd.Timestamp

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        *,
        extract_date: date | str | None = None,
        mapping: CaseMapping | Mapping[str, Any] | str | Path | None = None,
    ) -> CaseData:
        """Check tables that are in memory already, by the same rules as files.

        Parameters
        ----------
        frames
            By table name. A column of dates, numbers, flags or text is taken as it is; dates
            and numbers may also be text.
        extract_date, mapping
            As in `load_cases`.

        Returns
        -------
        CaseData

        Raises
        ------
        PlanError, SourceError, DataError
            As `load_cases` does.

        Examples
        --------
        >>> import pandas as pd
        >>> cases = CaseData.from_frames(
        ...     {
        ...         "people": pd.DataFrame({"person_id": ["A", "B"]}),
        ...         "episodes": pd.DataFrame({
        ...             "person_id": ["A", "B"], "programme": "IOM",
        ...             "start_date": ["01/02/2020", "2020-03-01"]}),
        ...         "offences": pd.DataFrame({
        ...             "person_id": ["A"], "offence_date": ["05/06/2021"],
        ...             "offence_code": ["028/01"], "outcome": ["charged"]}),
        ...     },
        ...     extract_date="2024-09-30",
        ... )
        >>> cases
        <CaseData: 2 people, 2 episodes, 1 offences, extracted on 30 September 2024>
        """
        checked = read_mapping(mapping)
        return cls(**_checked(read_frames(frames, checked), checked, extract_date))

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{len(getattr(self, table.name)):,} {table.name}"
            for table in TABLES
            if table is not EXTRACT and len(getattr(self, table.name))
        )
        return (
            f"<{type(self).__name__}: {shapes or 'no rows'}, "
            f"extracted on {self.extract_date.day} {self.extract_date:%B %Y}>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.quality._repr_html_()}"


def load_cases(
    source: str | Path,
    mapping: CaseMapping | Mapping[str, Any] | str | Path | None = None,
    *,
    extract_date: date | str | None = None,
    before: pd.Series | None = None,
) -> CaseData:
    """Load case files or a database, check every row, and account for each.

    Parameters
    ----------
    source
        A folder of CSV, Excel (.xlsx) or Parquet files named by table (people.csv, ...), or with
        `cases.xlsx` in it, a sheet a table; such a workbook itself; or the address of a database
        (``sqlite:///cases.db``, ``postgresql+pg8000://user@host/name``).
    mapping
        TOML file with the names, codes and date formats of the source; see docs/data.md.
    extract_date
        Day the data were taken, a date or "2024-09-30". Without it: the mapping's, or else the
        earliest in the table `extract`.
    before
        A day for each person, on an index of ids: offences, custody, assessments and support from
        that day on, and those of all other people, are not read. See `desistance.cases.before`.

    Returns
    -------
    CaseData
        ``cases.quality`` says what became of every row.

    Raises
    ------
    PlanError
        If the mapping names something that does not exist.
    SourceError
        If a file or table is missing or cannot be opened.
    DataError
        If what was read cannot be trusted as a whole: a column is missing, dates are in another
        format, more rows than `max_quarantined` are faulty. Everything found is said at once, by
        file, column and line; never a value.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from desistance.cases import load_cases
    >>> with TemporaryDirectory() as folder:
    ...     for name, rows in {
    ...         "people": ["person_id,sex", "A,F", "B,M"],
    ...         "episodes": ["person_id,programme,start_date", "A,IOM,01/02/2020"],
    ...         "offences": ["person_id,offence_date,offence_code,outcome", "B,05/06/2021,028,nfa"],
    ...     }.items():
    ...         _ = Path(folder, f"{name}.csv").write_text("\\n".join(rows))
    ...     cases = load_cases(folder, extract_date="2024-09-30")
    >>> print(cases.quality.summary().splitlines()[0])
    4 rows in = 4 used + 0 in quarantine + 0 merged with a copy
    """
    checked = read_mapping(mapping)
    found = _checked(read_source(source, checked), checked, extract_date, before)
    if isinstance(mapping, str | Path):
        found["sources"][Path(mapping).name] = sha256(Path(mapping).read_bytes()).hexdigest()
    return CaseData(**found)


def _checked(
    raws: dict[str, RawTable],
    mapping: CaseMapping,
    extract_date: date | str | None,
    before: pd.Series | None = None,
) -> dict[str, Any]:
    """Parse and check all tables; the fields of `CaseData`."""
    given = _day(extract_date) or mapping.extract_date
    extract = raws.get("extract")
    parsed = {} if extract is None else {"extract": parse_table(extract, mapping, given)}
    taken = given or _earliest(parsed.get("extract"))
    if before is not None:
        raws = {name: rows_before(raw, mapping, taken, before) for name, raw in raws.items()}
    parsed |= {
        name: parse_table(raw, mapping, taken) for name, raw in raws.items() if name != "extract"
    }
    refusals = [why for table in parsed.values() for why in table.refusals]
    if refusals:
        raise DataError("The case files cannot be used:\n- " + "\n- ".join(refusals))
    if taken is None:
        raise DataError(
            "Nothing says when the data were taken: pass `extract_date`, set it in the mapping, or "
            "give the table `extract`."
        )
    sortings = {
        table.name: sort_rows(parsed[table.name])
        if table.name in parsed
        else _nothing(table, mapping)
        for table in TABLES
    }
    sort_together(sortings, pd.Timestamp(taken))
    refuse_too_many(sortings, mapping.max_quarantined)
    sources = {raw.source.file: raw.source.sha256 for raw in raws.values()}
    accounting = pd.DataFrame([sorting.counts() for sorting in sortings.values()], columns=ACCOUNTS)
    findings = [finding for sorting in sortings.values() for finding in sorting.findings]
    return {
        **{name: in_key_order(sorting) for name, sorting in sortings.items()},
        "extra": tuple(mapping.people.extra),
        "quality": QualityReport(accounting, faults_frame(findings), sources),
        "sources": sources,
        "extract_date": pd.Timestamp(taken),
    }


def _nothing(table: Table, mapping: CaseMapping) -> Sorting:
    """Stand in for a table that was not given."""
    rows = pd.DataFrame({c.name: empty_column(c, 0) for c in mapping.columns(table)})
    no_rows = np.zeros(0, bool)
    absent = Sorting(table, Source("", "", ""), rows, NO_LINES, no_rows, no_rows.copy())
    absent.note("table_absent", "", "the table was not given", "warned", NO_LINES)
    return absent


def _earliest(extract: ParsedTable | None) -> date | None:
    """Give the earliest day a source was taken, if any is known."""
    if extract is None:
        return None
    days = extract.rows.loc[~extract.faulty, "extract_date"].dropna()
    return days.min().date() if len(days) else None


def _day(given: date | str | None) -> date | None:
    """Take a date, or its ISO text, as a date."""
    if isinstance(given, datetime):
        return given.date()
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError:
        pass
    raise DataError('`extract_date` is a date, or text such as "2024-09-30".')
