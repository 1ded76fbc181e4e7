"""Ids that are known to be one person's: a table somebody made, after looking.

It has two columns, `person_id` and `merged_into`: the first is no longer used, the second takes its
rows. Chains are followed to their end. Nothing is merged that this table does not name.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pandas as pd

from desistance.errors import DataError, SourceError
from desistance.identifiers import check_identifiers

COLUMNS = ["person_id", "merged_into"]


def read_merges(path: str | Path, scheme: str, *, year: int | None = None) -> pd.Series:
    """Read which ids are merged into which.

    Parameters
    ----------
    path
        A CSV file in UTF-8 with the columns person_id and merged_into.
    scheme, year
        As in `check_identifiers`.

    Returns
    -------
    Series of text
        The canonical id that remains, by the canonical id that does not.

    Raises
    ------
    SourceError
        If the file cannot be read.
    DataError
        If a row has an id that is not valid, an id is merged into two others, or ids are merged
        in a circle.
    """
    rows = _rows(Path(path))
    checked = {name: check_identifiers(rows[name], scheme, year=year) for name in COLUMNS}
    wrong = ~(checked["person_id"].valid & checked["merged_into"].valid)
    pairs = pd.DataFrame({name: checked[name].canonical for name in COLUMNS})[~wrong]
    pairs = pairs[pairs.person_id != pairs.merged_into].drop_duplicates()
    several = pairs.person_id[pairs.person_id.duplicated()].nunique()
    faults = {
        "rows have an id that is not valid": int(wrong.sum()),
        "ids are merged into more than one": int(several),
    }
    into = pairs.drop_duplicates("person_id").set_index("person_id").merged_into
    for _ in range(max(len(into), 1).bit_length()):  # each turn doubles the length followed
        into = into.map(into).fillna(into)
    faults["ids are merged in a circle"] = int(into.isin(into.index).sum())
    told = [f"{n} {what}" for what, n in faults.items() if n]
    if told:
        raise DataError(f"The table of merged ids cannot be used: {'; '.join(told)}.")
    return into


def _rows(path: Path) -> pd.DataFrame:
    rows = None
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)
    except (OSError, ValueError):  # pandas' and the decoder's faults are ValueErrors
        pass
    if rows is None or not set(COLUMNS) <= set(rows.columns):
        raise SourceError(
            "The table of merged ids is a CSV file in UTF-8 with the columns person_id and "
            "merged_into; this one cannot be read as such."
        )
    return rows[COLUMNS]
