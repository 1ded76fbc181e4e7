"""Put a simulated pilot into files, as a force would send them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from desistance.synthetic.simulate import SimulatedCases


def as_text(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Write every cell as text: dates as dd/mm/yyyy, whole numbers whole, unknown as empty."""

    def written(column: pd.Series) -> pd.Series:
        if column.dtype.kind == "M":
            return column.dt.strftime("%d/%m/%Y").fillna("")
        if column.dtype.kind == "f":
            return column.map("{:g}".format).replace("nan", "")
        return column.fillna("").astype(str)

    return {name: table.apply(written).reset_index(drop=True) for name, table in tables.items()}


def write_simulation(cases: SimulatedCases, folder: str | Path) -> None:
    """Write one CSV file a table, and `truth.json` beside them.

    Parameters
    ----------
    cases
        From `simulate_cases`.
    folder
        Made if need be; files of the same names are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in cases.raw.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    truth = json.dumps(asdict(cases.truth), indent=2) + "\n"
    (folder / "truth.json").write_text(truth, encoding="utf-8")
