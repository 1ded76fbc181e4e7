"""Reading no further than a day of each person: what had happened before it, and nothing after.

Of every table of things that happen to people, two columns are read whole: whose row it is, and the
day. The other cells are looked at only in rows dated before that person's day; all other rows, and
those of people without a day, are left unread: their cells are neither parsed nor checked nor
counted, because even their number would tell how many reoffended. What became of an earlier offence
from that day on is not known yet: it is pending. What people are, the programmes
they were in and where they lived are read as always.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from desistance.cases.cells import Texts
from desistance.cases.parse import parse_table

if TYPE_CHECKING:
    from datetime import date

    from desistance.cases.cells import RawTable
    from desistance.cases.mapping import CaseMapping

PENDING = "pending"
HAPPENINGS = {  # what tells how a person fared, and the column with its day
    "offences": "offence_date",
    "custody": "in_date",
    "assessments": "assessed_date",
    "support": "contact_date",
}


def rows_before(
    raw: RawTable, mapping: CaseMapping, latest: date | None, before: pd.Series
) -> RawTable:
    """Keep the rows of a table dated before each person's day.

    Parameters
    ----------
    before
        Day of each person, on an index of ids.
    """
    if raw.table.name not in HAPPENINGS:
        return raw
    dated = HAPPENINGS[raw.table.name]
    day, own = _days(raw, dated, mapping, latest, before)
    kept = (day < own).to_numpy(bool)
    earlier = replace(
        raw,
        columns={name: _only(texts, kept) for name, texts in raw.columns.items()},
        lines=raw.lines[kept],
    )
    if "outcome_date" not in raw.columns:
        return earlier
    settled, own = _days(earlier, "outcome_date", mapping, latest, before)
    later, words = (settled >= own).to_numpy(bool), {"outcome_date": "", "outcome": PENDING}
    return replace(earlier, columns={
        name: _worded(texts, later, words[name]) if name in words else texts
        for name, texts in earlier.columns.items()
    })  # fmt: skip


def _days(
    raw: RawTable, dated: str, mapping: CaseMapping, latest: date | None, before: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Read one column of days, and that of the person each row is about."""
    two = {name: raw.columns[name] for name in ("person_id", dated) if name in raw.columns}
    rows = parse_table(replace(raw, columns=two), mapping, latest).rows
    return rows[dated], pd.to_datetime(rows["person_id"].map(before))


def _worded(texts: Texts, where: np.ndarray, word: str) -> Texts:
    cells = pc.if_else(pa.array(where), pa.scalar(word, pa.large_string()), texts.cells)
    return Texts(cells, texts.stored_as_number & ~where)


def _only(texts: Texts, kept: np.ndarray) -> Texts:
    return Texts(texts.cells.filter(pa.array(kept)), texts.stored_as_number[kept])
