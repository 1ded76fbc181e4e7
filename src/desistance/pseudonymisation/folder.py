"""From raw tables to a folder of pseudonymised ones, whole or not there at all."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.cases.casedata import ACCOUNTS
from desistance.cases.check import refuse_too_many
from desistance.cases.mapping import CaseMapping, read_mapping
from desistance.cases.parse import parse_table
from desistance.cases.quality import QualityReport, faults_frame
from desistance.cases.read import read_source
from desistance.errors import OutputError, PlanError
from desistance.identifiers import SCHEMES, PseudonymKey, in_git_work_tree
from desistance.pseudonymisation.hide import ALSO_IDS, REFERENCES, HiddenTable, Hiding, hide_table
from desistance.pseudonymisation.merges import read_merges
from desistance.release import release_folder, write_csv, write_text
from desistance.schemas import PERSON, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from desistance.cases.cells import RawTable

IDS = (PERSON.name, *REFERENCES)


def pseudonymise(
    source: str | Path,
    key: PseudonymKey,
    out: str | Path,
    *,
    scheme: str = "pnc",
    year: int | None = None,
    mapping: CaseMapping | Mapping[str, Any] | str | Path | None = None,
    merges: str | Path | None = None,
    restricted: str | Path | None = None,
) -> QualityReport:
    """Write case files again, with pseudonyms in place of ids.

    Parameters
    ----------
    source, mapping
        As in `load_cases`. A declared extra column of `people` named pnc, cro, noms, crn or asn
        is hidden as well.
    key
        From `read_key_file`.
    out
        A new folder, private to you: the tables, `mapping.toml` if the codes and dates in them
        still need one, what became of every row, and a manifest with the id of the key.
    scheme
        What the `person_id` of the tables is: "pnc", "cro", "noms", "crn", "asn" or "local".
    year
        For two-digit years of PNC numbers; else that of the extract, as mapping or data give it.
    merges
        See `read_merges`.
    restricted
        A new folder for `lookup.csv` (identifier and pseudonym) and `set_aside.csv` (ids that
        are not valid, as they stood). Without it neither is written anywhere.

    Returns
    -------
    QualityReport
        Rows in = used + in quarantine + merged, for every table.

    Raises
    ------
    PlanError, SourceError, DataError
        As `load_cases` does; also if a text that is no id holds PNC or CRO numbers. No message
        holds a value.
    OutputError
        If a folder exists, lies in another one, or cannot be written; nothing is left of it.

    Examples
    --------
    >>> import tempfile
    >>> from desistance import SimulationDesign, load_cases, pseudonymise, simulate_cases
    >>> from desistance.identifiers import make_key_file
    >>> from desistance.synthetic import write_simulation
    >>> place = tempfile.mkdtemp()
    >>> write_simulation(simulate_cases(SimulationDesign(n_people=50), rng=1), place + "/raw")
    >>> key = make_key_file(place + "/project.key")
    >>> told = pseudonymise(place + "/raw", key, place + "/hidden", scheme="local")
    >>> len(load_cases(place + "/hidden").people)
    50
    """
    checked = read_mapping(mapping)
    _check_settings(checked, scheme)
    _check_places(source, out, restricted)
    raws = read_source(source, checked)
    taken = checked.extract_date or _extract_date(raws, checked)
    if year is None and taken is not None:
        year = taken.year
    if year is None and (SCHEMES[scheme].needs_year or "pnc" in checked.people.extra):
        raise PlanError("Years of two digits: say the year of the extract, as `year`.")
    into = pd.Series(dtype="string") if merges is None else read_merges(merges, scheme, year=year)
    hiding = Hiding(key, scheme, year, checked, into, taken)
    hidden = {name: hide_table(raw, hiding) for name, raw in raws.items()}
    sortings = {name: table.sorting for name, table in hidden.items()}
    refuse_too_many(sortings, checked.max_quarantined)
    report = _report(hidden)
    about = {
        "kind": "pseudonymised tables",
        "key_id": key.id,
        "scheme": scheme,
        "year": year,
        "inputs": dict(sorted(report.sources.items())),
        "accounting": json.loads(report.accounting.to_json(orient="records")),
    }
    with release_folder(out, about) as part:
        for name, table in hidden.items():
            write_text(_as_csv(table.sorting.kept), part / f"{name}.csv")
        left = _mapping_left(checked, set(raws))
        if left:
            write_text(_as_toml(left), part / "mapping.toml")
        report.write(part)
        if restricted is not None:
            _write_restricted(restricted, hidden, about)
    return report


def _check_settings(mapping: CaseMapping, scheme: str) -> None:
    if scheme not in SCHEMES:
        raise PlanError(f"There is no scheme of that name; there are {', '.join(SCHEMES)}.")
    coded = [
        f"`{table.name}.codes.{name}`"
        for table in TABLES
        for name in mapping.of(table).codes
        if name in (*IDS, *ALSO_IDS)
    ]
    not_text = [name for name, kind in mapping.people.extra.items()
                if name in ALSO_IDS and kind != "text"]  # fmt: skip
    if coded or not_text:
        told = [f"{', '.join(coded)}: an id has no codes"] if coded else []
        told += [f"`people.extra.{name}` is text" for name in not_text]
        raise PlanError(f"The mapping cannot be used: {'; '.join(told)}.")


def _check_places(source: str | Path, out: str | Path, restricted: str | Path | None) -> None:
    """Keep raw, pseudonymised and restricted data apart, and write over nothing."""
    new = [Path(folder).resolve() for folder in (out, restricted) if folder is not None]
    places = new if "://" in str(source) else [Path(source).resolve(), *new]
    nested = any(a.is_relative_to(b) for a in places for b in places if a is not b)
    if nested or len(set(places)) < len(places):
        raise OutputError(
            "Raw, pseudonymised and restricted data each need a folder that is in none of the "
            "others."
        )
    if any(folder.exists() for folder in new):
        raise OutputError("An output folder exists already; it is left as it is. Name a new one.")
    if restricted is not None and in_git_work_tree(restricted):
        raise OutputError("Restricted data are not written into a git work tree.")


def _extract_date(raws: dict[str, RawTable], mapping: CaseMapping) -> date | None:
    if "extract" not in raws:
        return None
    days = parse_table(raws["extract"], mapping, None).rows["extract_date"].dropna()
    return None if days.empty else days.min().date()


def _report(hidden: dict[str, HiddenTable]) -> QualityReport:
    sortings = [table.sorting for table in hidden.values()]
    accounting = pd.DataFrame([sorting.counts() for sorting in sortings], columns=list(ACCOUNTS))
    findings = [finding for sorting in sortings for finding in sorting.findings]
    sources = {sorting.source.file: sorting.source.sha256 for sorting in sortings}
    return QualityReport(accounting, faults_frame(findings), sources)


def _write_restricted(
    folder: str | Path, hidden: dict[str, HiddenTable], about: dict[str, Any]
) -> None:
    lookup = pd.concat([table.lookup for table in hidden.values()]).drop_duplicates()
    aside = pd.concat(
        [
            table.set_aside.assign(**asdict(table.sorting.source), table=name)
            for name, table in hidden.items()
        ]
    )
    with release_folder(folder, about | {"kind": "restricted lookup"}) as part:
        write_csv(lookup.sort_values(["scheme", "identifier"]), part / "lookup.csv")
        columns = ["file", "sheet", "line", "table", "column", "text"]
        write_csv(aside[columns], part / "set_aside.csv")


def _as_csv(rows: pd.DataFrame) -> str:
    """Write the cells as they stand: these tables are read again, not released."""
    text = StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(rows.columns)
    lines.writerows(rows.itertuples(index=False, name=None))
    return text.getvalue()


def _mapping_left(mapping: CaseMapping, tables: set[str]) -> dict[str, Any]:
    """Give what of a mapping the tables as written still need."""
    whole = mapping.model_dump(exclude_defaults=True)
    left: dict[str, Any] = {
        name: whole[name]
        for name in ("extract_date", "missing", "max_quarantined", "max_misformatted")
        if name in whole
    }
    for table in TABLES:
        part = whole.get(table.name, {}) if table.name in tables else {}
        rounded = {column.name for column in table.columns if column.whole_month}
        kept = {
            "extra": part.get("extra", {}),
            "codes": part.get("codes", {}),
            "dates": {n: f for n, f in part.get("dates", {}).items() if n not in rounded},
            "missing": {n: m for n, m in part.get("missing", {}).items() if n not in IDS},
        }
        if any(kept.values()):
            left[table.name] = {name: setting for name, setting in kept.items() if setting}
    return left


def _as_toml(settings: dict[str, Any]) -> str:
    return "\n".join(_toml_lines(settings, ())) + "\n"


def _toml_lines(settings: dict[str, Any], under: tuple[str, ...]) -> Iterable[str]:
    plain = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    if under and plain:
        yield f"\n[{'.'.join(under)}]"
    for name, value in plain.items():
        yield f"{_quoted(name)} = {_toml_value(value)}"
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _toml_lines(value, (*under, _quoted(name)))


def _toml_value(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
