"""Harm weights: how many days a class of offence weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.catalogue.figures import read_figures
from desistance.catalogue.reader import (
    EDITION_MAY,
    EDITION_MUST,
    Edition,
    check,
    locate,
    read_edition,
    read_toml,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


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
    return read_figures("harm_weights", header, scale, value="weight", unit="days")
