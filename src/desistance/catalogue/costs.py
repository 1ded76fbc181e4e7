"""Unit costs: what one crime of a class costs, in the prices of one year.

Unit costs are those of a crime. A multiplier turns recorded crimes into crimes that happened, as
many are never recorded; a proven offence is one crime, so no multiplier belongs to it. Prices
are not brought to another year here: the factor, from a deflator of the day, is the user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.catalogue.figures import read_figures
from desistance.catalogue.offences import offence_class
from desistance.catalogue.reader import (
    EDITION_MAY,
    EDITION_MUST,
    TEXT,
    Edition,
    check,
    locate,
    read_edition,
    read_toml,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def unit_costs(name_or_path: str | Path) -> pd.DataFrame:
    """Load unit costs by their name in the catalogue, or from the path of their TOML header.

    Returns
    -------
    DataFrame, indexed by every offence class
        Columns ``cost`` (pounds; NaN where there is no figure), ``multiplier`` (crimes per
        recorded crime; NaN where unknown), ``figure``, ``verified`` (NA where there is no figure),
        ``price_year``, ``name, version, source``.

    Raises
    ------
    PlanError
        If there are no such costs, or their files cannot be used as they stand.

    Examples
    --------
    >>> from desistance.catalogue import unit_costs
    >>> burglary = unit_costs("RR99").loc["028"]
    >>> float(burglary["cost"]), burglary["price_year"], bool(burglary["verified"])
    (5930.0, '2015/16', False)
    """
    header = locate("unit_costs", name_or_path)
    raw = read_toml(header)
    check(raw, header.name, {**EDITION_MUST, "price_year": TEXT}, EDITION_MAY)
    edition = Edition(**read_edition(raw, header.name))
    costs = read_figures(
        "unit_costs", header, edition, value="cost", unit="pounds", more="multiplier"
    )
    return costs.assign(price_year=raw["price_year"])


def cost_of(
    codes: pd.Series, costs: pd.DataFrame, *, uprate: float = 1.0, recorded: bool = False
) -> pd.Series:
    """Give each offence its cost; NaN where its class has none.

    Parameters
    ----------
    codes
        Offence codes, or classes.
    costs
        As `unit_costs` gives them.
    uprate
        Factor from the price year to another, by the GDP deflator of your choice.
    recorded
        Whether these are recorded crimes, not proven offences: then each stands for `multiplier`
        crimes, and has no cost where the multiplier is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> cost_of(pd.Series(["034/01", "092"]), unit_costs("RR99")).tolist()
    [11320.0, nan]
    """
    each = costs["cost"] * (costs["multiplier"] if recorded else 1.0) * uprate
    return offence_class(codes).map(each).astype(float).rename("cost")
