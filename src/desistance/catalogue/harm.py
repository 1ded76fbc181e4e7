"""Harm weights: how many days a class of offence weighs.

A scale is a TOML header and, beside it under the same name, a CSV table with the columns
``offence_class, weight, figure, verified``. A class that no published figure fits has no weight.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from desistance.catalogue.offences import offence_classes, refuse_unknown
from desistance.catalogue.reader import (
    DATA,
    EDITION_MAY,
    EDITION_MUST,
    Edition,
    check,
    locate,
    read_edition,
    read_toml,
)
from desistance.errors import PlanError, SourceError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_COLUMNS = ["offence_class", "weight", "figure", "verified"]


def harm_weights(name_or_path: str | Path) -> pd.DataFrame:
    """Load a scale of harm by its name in the catalogue, or from the path of its TOML header.

    Returns
    -------
    DataFrame, indexed by every offence class
        Columns ``weight`` (days; NaN where there is no figure), ``figure`` (what the source
        calls it), ``verified`` (NA where there is no figure), ``name, version, source``.

    Raises
    ------
    PlanError
        If there is no such scale, or its files cannot be used as they stand.

    Examples
    --------
    >>> from desistance.catalogue import harm_weights
    >>> harm_weights("ONS_CSS").loc[["028", "034", "092"], "weight"].tolist()
    [438.0, 746.0, nan]
    """
    header = locate("harm_weights", name_or_path)
    raw = read_toml(header)
    check(raw, header.name, EDITION_MUST, EDITION_MAY)
    scale = Edition(**read_edition(raw, header.name))
    weights = _read_weights(header, scale)
    every = pd.Index(offence_classes()["offence_class"])
    return weights.reindex(every).assign(
        name=scale.name, version=scale.version, source=scale.source
    )


def _read_weights(header: Traversable, scale: Edition) -> pd.DataFrame:
    rows, where = _read_table(header)
    published = offence_classes()["offence_class"].tolist()
    refuse_unknown(where, "offence_class", rows["offence_class"].tolist(), published)
    weight = pd.to_numeric(rows["weight"], errors="coerce")
    faults = {
        "`offence_class` is there a second time": rows["offence_class"].duplicated(),
        "`weight` should be a number of days, from 0 on": ~weight.between(0, float("inf"), "left"),
        "`verified` should be yes or no": ~rows["verified"].isin(["yes", "no"]),
    }
    said = [
        f"{fault} (line {', '.join(str(line) for line in rows.index[found] + 2)})"
        for fault, found in faults.items()
        if found.any()
    ]
    if said:
        raise PlanError(f"{where}: {'; '.join(said)}.")
    verified = ((rows["verified"] == "yes") & scale.verified).astype("boolean")
    return rows.assign(weight=weight.astype(float), verified=verified).set_index("offence_class")


def _read_table(header: Traversable) -> tuple[pd.DataFrame, str]:
    name = header.name.removesuffix(".toml") + ".csv"
    file = header.parent / name if isinstance(header, Path) else DATA / "harm_weights" / name
    if not file.is_file():
        raise SourceError(f"There is no file {name} beside {header.name}: the weights stand there.")
    with file.open(encoding="utf-8") as table:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    if list(rows.columns) != _COLUMNS:
        raise PlanError(f"{name}: the columns should be {', '.join(_COLUMNS)}.")
    return rows, name
