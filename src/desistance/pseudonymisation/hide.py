"""One table: its ids checked and hidden, each of its rows accounted for.

    person_id               the scheme's canonical spelling, then a pseudonym; not valid: quarantine
    crime_ref, occasion_id  a pseudonym of the reference as it stands; empty stays empty
    people.<scheme>         a declared extra column named pnc, cro, noms, crn or asn: a pseudonym of
                            its own scheme; left empty, with a warning, where it is not valid
    people.birth_month      the first of the month, as an ISO date: a day of birth is not written
    all else                as it stands

A text stored as a number may have lost its zeros, and goes to quarantine, as it would on loading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.cases.check import Sorting
from desistance.cases.parse import CELL_RULES, parse_table
from desistance.cases.quality import NO_LINES, count, on_lines
from desistance.errors import DataError
from desistance.identifiers import (
    REASONS,
    SCHEMES,
    PseudonymKey,
    check_identifiers,
    make_pseudonyms,
)
from desistance.schemas import PEOPLE, PERSON, Column

if TYPE_CHECKING:
    from datetime import date

    from desistance.cases.cells import RawTable
    from desistance.cases.mapping import CaseMapping

REFERENCES = ("crime_ref", "occasion_id")
ALSO_IDS = tuple(name for name in SCHEMES if name != "local")
TELLING = ("pnc", "cro")  # schemes whose check letter tells them from other texts
WRITTEN = re.compile(
    r"(?<![0-9A-Z/])((?:(?:[0-9]{2}|[0-9]{4})/[0-9]{3,7}|[0-9]{4,6}/[0-9]{2}|SF[0-9]{2}/[0-9]{3,6})"
    r"[A-Z])(?![0-9A-Z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Hiding:
    """How ids are hidden: the same for every table."""

    key: PseudonymKey
    scheme: str
    year: int | None
    mapping: CaseMapping
    merges: pd.Series
    latest: date | None


@dataclass(frozen=True, slots=True, eq=False)
class HiddenTable:
    """A table with its rows sorted, and what it is restricted to know.

    Attributes
    ----------
    sorting
        The rows, hidden, as text; which are used, which merged.
    lookup : DataFrame
        scheme, identifier (canonical) and pseudonym of the rows used. Restricted.
    set_aside : DataFrame
        line, column and text of the ids that were not valid. Restricted.
    """

    sorting: Sorting
    lookup: pd.DataFrame
    set_aside: pd.DataFrame


def hide_table(raw: RawTable, hiding: Hiding) -> HiddenTable:
    """Hide the ids of one table."""
    mapping, n = hiding.mapping, len(raw.lines)
    cells = {name: texts.cells.to_pylist() for name, texts in raw.columns.items()}
    rows = pd.DataFrame(cells, dtype="string", index=range(n))
    sorting = Sorting(
        raw.table, raw.source, rows, raw.lines, np.ones(n, bool), np.zeros(n, bool),
        list(raw.findings),
    )  # fmt: skip
    columns = [column for column in mapping.columns(raw.table) if column.name in rows]
    _set_numbers_aside(sorting, raw, columns, mapping)
    _round_births(sorting, raw, columns, hiding)
    lookups, aside = [], []
    if PERSON.name in rows:
        checked = _checked(sorting, PERSON.name, hiding.scheme, hiding)
        wrong = _judge_ids(sorting, checked)
        aside.append(_given(sorting, PERSON.name, wrong))
        final = checked.canonical.map(hiding.merges).fillna(checked.canonical)
        if raw.table is PEOPLE:
            _merge_people(sorting, checked.canonical, final, hiding)
        lookups.append(_hide(sorting, PERSON.name, hiding.scheme, checked.canonical, final, hiding))
    else:
        nothing = rows.apply(lambda cells: cells.str.strip() == "").all(axis=1)
        sorting.judge("empty_row", "", "a row is not empty", "quarantined", nothing)
    for name in (*REFERENCES, *(mapping.people.extra if raw.table is PEOPLE else ())):
        if name in rows and name in (*REFERENCES, *ALSO_IDS):
            scheme = name if name in ALSO_IDS else "local"
            checked = _checked(sorting, name, scheme, hiding)
            wrong = ~checked.valid & (checked.reason != "empty")
            says = f"not a valid {name}: left empty"
            sorting.judge("identifier_dropped", name, says, "warned", wrong)
            aside.append(_given(sorting, name, wrong))
            canonical = checked.canonical
            lookups.append(_hide(sorting, name, name, canonical, canonical, hiding))
    _refuse_left_over(sorting, columns)
    lookup = pd.concat(lookups or [NO_LOOKUP]).drop_duplicates()
    return HiddenTable(sorting, lookup, pd.concat(aside or [NOT_GIVEN]))


NO_LOOKUP = pd.DataFrame(columns=["scheme", "identifier", "pseudonym"], dtype="string")
NOT_GIVEN = pd.DataFrame({"line": NO_LINES, "column": [], "text": []}).astype(
    {"column": "string", "text": "string"}
)


def _checked(sorting: Sorting, name: str, scheme: str, hiding: Hiding) -> pd.DataFrame:
    """Check a column of ids; texts that the mapping takes for missing are empty."""
    given = sorting.rows[name].mask(_is_empty(sorting, name, hiding))
    return check_identifiers(given, scheme, year=hiding.year)


def _is_empty(sorting: Sorting, name: str, hiding: Hiding) -> pd.Series:
    missing = hiding.mapping.missing_texts(sorting.table, name)
    return sorting.rows[name].str.strip().isin(missing)


def _judge_ids(sorting: Sorting, checked: pd.DataFrame) -> pd.Series:
    """Put rows whose person has no valid id into quarantine; log what was respelled."""
    for reason, says in REASONS.items():
        sorting.judge(
            f"id_{reason}", PERSON.name, says, "quarantined", checked.reason == reason
        )  # fmt: skip
    respelled = checked.valid & (checked.canonical != sorting.rows[PERSON.name])
    if respelled.any():
        n = count(int(respelled.sum()), "id")
        says = f"{n} put into canonical spelling, first on this line"
        first = sorting.lines[respelled.to_numpy(bool)][:1]
        sorting.note("id_respelled", PERSON.name, says, "repaired", first)
    return ~checked.valid


def _set_numbers_aside(
    sorting: Sorting, raw: RawTable, columns: list[Column], mapping: CaseMapping
) -> None:
    for column in columns:
        if column.kind == "text" and not (column.codes or mapping.codes(raw.table, column.name)):
            stored = pd.Series(raw.columns[column.name].stored_as_number)
            says = CELL_RULES["number_as_text"][0]
            sorting.judge("number_as_text", column.name, says, "quarantined", stored)


def _round_births(sorting: Sorting, raw: RawTable, columns: list[Column], hiding: Hiding) -> None:
    """Write the first of the month where the day is not kept; what cannot be read is set aside."""
    for column in columns:
        if not column.whole_month:
            continue
        names = [raw.table.key[0], column.name]
        part = replace(raw, columns={name: raw.columns[name] for name in names}, findings=())
        parsed = parse_table(part, hiding.mapping, hiding.latest)
        if parsed.refusals:
            raise DataError("The case files cannot be used:\n- " + "\n- ".join(parsed.refusals))
        found = [f for f in parsed.findings if f.column == column.name]
        for finding in found:
            if finding.fate == "quarantined":
                bad = pd.Series(np.isin(raw.lines, finding.lines))
                sorting.judge(finding.rule, column.name, finding.says, "quarantined", bad)
            else:
                sorting.findings.append(finding)
        days = parsed.rows[column.name].dt.strftime("%Y-%m-%d")
        sorting.rows[column.name] = days.fillna("").astype("string")


def _merge_people(sorting: Sorting, own: pd.Series, final: pd.Series, hiding: Hiding) -> None:
    """Keep one row of people whose ids are merged: that of the id that remains, if it has one.

    Cells it leaves empty are taken from the merged rows, in the order of the file.
    """
    usable = pd.Series(sorting.used) & own.notna()
    moved = usable & own.isin(hiding.merges.index)
    if not moved.any():
        return
    involved = usable & final.isin(final[moved])
    order = sorted(final.index[involved], key=lambda place: (bool(moved[place]), place))
    people, rows = final.loc[order], sorting.rows.drop(columns=PERSON.name)
    empty = pd.DataFrame({name: _is_empty(sorting, name, hiding) for name in map(str, rows)})
    known = rows.mask(empty).loc[order]
    first = known.groupby(people, sort=False).transform("first")
    merged = people.duplicated() & moved.loc[order]
    heads = people.index[~people.duplicated()]
    sorting.rows.loc[heads, rows.columns] = first.loc[heads].fillna("")
    differs = (known.notna() & (known != first).fillna(value=False)).any(axis=1)
    sorting.judge(
        "merged_differs", "", "a merged row says what the row it is merged into says",
        "warned", merged & differs,
    )  # fmt: skip
    says = "an id is not merged into another one"
    sorting.judge("merged_into", PERSON.name, says, "merged", merged)


def _hide(
    sorting: Sorting, name: str, domain: str, own: pd.Series, final: pd.Series, hiding: Hiding
) -> pd.DataFrame:
    """Put pseudonyms in place of ids; give the lookup of the rows that are not in quarantine."""
    hidden = make_pseudonyms(final, domain, hiding.key)
    sorting.rows[name] = hidden.fillna("")
    known = pd.DataFrame({"scheme": domain, "identifier": own, "pseudonym": hidden})
    return known[(sorting.used | sorting.merged) & own.notna().to_numpy()].astype("string")


def _given(sorting: Sorting, name: str, wrong: pd.Series) -> pd.DataFrame:
    rows = wrong.to_numpy(bool)
    given = {"line": sorting.lines[rows], "column": name, "text": sorting.rows.loc[rows, name]}
    return pd.DataFrame(given).astype({"column": "string"})


def _refuse_left_over(sorting: Sorting, columns: list[Column]) -> None:
    """Refuse a table in which PNC or CRO numbers stand where no id belongs."""
    faults = []
    for column in columns:
        if column.kind != "text" or column.name in (PERSON.name, *REFERENCES, *ALSO_IDS):
            continue
        found = sorting.rows[column.name].str.extractall(WRITTEN)[0]
        telling = [check_identifiers(found, scheme, year=9999).valid for scheme in TELLING]
        places = found.index[np.logical_or.reduce(telling)].get_level_values(0).unique()
        if len(places):
            lines = on_lines(sorting.lines[places])
            faults.append(f"{count(len(places), 'cell')} of `{column.name}` ({lines})")
    if faults:
        raise DataError(
            f"{sorting.source}: {', '.join(faults)} hold what look like PNC or CRO numbers, and "
            "would be written as they are. Leave the column out, or, in `people`, declare it as "
            "an extra column named pnc or cro."
        )
