"""A figure for each offence class: harm weights and unit costs are read in the same way.

A scale is a TOML header and, beside it under the same name, a CSV table with one row per offence
class. A class that no published figure fits has no row, and no figure: it is not zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from desistance.catalogue.offences import offence_classes, refuse_unknown
from desistance.catalogue.reader import DATA
from desistance.errors import PlanError, SourceError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from desistance.catalogue.reader import Edition


def read_figures(
    kind: str, header: Traversable, edition: Edition, *, value: str, unit: str, more: str = ""
) -> pd.DataFrame:
    """Read the table beside a header.

    Parameters
    ----------
    kind
        Folder of the catalogue.
    value, unit
        The column that holds the figure, and what it is a number of.
    more
        A second column of numbers, which may be empty.

    Returns
    -------
    DataFrame, indexed by every offence class
        Columns `value` (and `more`), ``figure``, ``verified`` (NA where there is no figure),
        ``name, version, source``.
    """
    columns = ["offence_class", value, *([more] if more else []), "figure", "verified"]
    rows, where = _read_table(kind, header, columns)
    every = offence_classes()["offence_class"]
    refuse_unknown(where, "offence_class", rows["offence_class"].tolist(), every.tolist())
    faults = {
        "`offence_class` is there a second time": rows["offence_class"].duplicated(),
        f"`{value}` should be a number of {unit}, from 0 on": ~_numbers(rows[value]),
        "`verified` should be yes or no": ~rows["verified"].isin(["yes", "no"]),
    }
    if more:
        faults[f"`{more}` should be empty, or a number from 0 on"] = ~(
            _numbers(rows[more]) | (rows[more] == "")
        )
    said = [
        f"{fault} (line {', '.join(str(line) for line in rows.index[found] + 2)})"
        for fault, found in faults.items()
        if found.any()
    ]
    if said:
        raise PlanError(f"{where}: {'; '.join(said)}.")
    for column in columns[1:-2]:
        rows[column] = pd.to_numeric(rows[column]).astype(float)
    rows["verified"] = ((rows["verified"] == "yes") & edition.verified).astype("boolean")
    return (
        rows.set_index("offence_class")
        .reindex(pd.Index(every))
        .assign(name=edition.name, version=edition.version, source=edition.source)
    )


def _numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce").between(0, float("inf"), "left")


def _read_table(kind: str, header: Traversable, columns: list[str]) -> tuple[pd.DataFrame, str]:
    name = header.name.removesuffix(".toml") + ".csv"
    file = header.parent / name if isinstance(header, Path) else DATA / kind / name
    if not file.is_file():
        raise SourceError(f"There is no file {name} beside {header.name}: the figures stand there.")
    with file.open(encoding="utf-8") as table:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    if list(rows.columns) != columns:
        raise PlanError(f"{name}: the columns should be {', '.join(columns)}.")
    return rows, name
