"""What became of every row: used, merged with its copy, or in quarantine with a reason.

A finding names a file, a line, a column and a rule; never a value and never an id. Lines count as
an editor or a spreadsheet counts them, from 1, with the header; a row in memory or in a database
has the line it would have under one header line. A finding without a line is about a whole column
or table.

Its fate is one of

    quarantined   the row is left out
    merged        the row is the same as another one, which is kept
    repaired      the row is kept, with a cell put right
    warned        the row is kept as it is
"""

from __future__ import annotations

import csv
import os
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from desistance.errors import DataError, OutputError
from desistance.results import html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Outcome = Literal["quarantined", "merged", "repaired", "warned"]
FAULT_COLUMNS = ("file", "sheet", "line", "table", "column", "rule", "says", "fate")
FILE_COLUMNS = ("sha256", *FAULT_COLUMNS)
NO_LINES: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table came from."""

    file: str
    sheet: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.file}, sheet {self.sheet!r}" if self.sheet else self.file


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What one rule said of one column of a table, on which lines."""

    source: Source
    table: str
    column: str
    rule: str
    says: str
    fate: Outcome
    lines: NDArray[np.int64]

    def to_frame(self) -> pd.DataFrame:
        """One row a line; one row without a line if it is about the whole column."""
        lines = pd.array(self.lines if len(self.lines) else [None], dtype="Int64")
        told = (self.source.file, self.source.sheet, lines, self.table, self.column, self.rule,
                self.says, self.fate)  # fmt: skip
        return pd.DataFrame(dict(zip(FAULT_COLUMNS, told, strict=True)), index=range(len(lines)))


def faults_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Lay findings out one row a line, in the order of the files."""
    frames = [finding.to_frame() for finding in findings]
    if not frames:
        return pd.DataFrame({name: [] for name in FAULT_COLUMNS}).astype({"line": "Int64"})
    order = ["table", "line", "column", "rule"]
    return pd.concat(frames, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)


def count(n: int, one: str) -> str:
    """Write a number with its noun: 1 row, 2 rows."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {one}s"


def on_lines(lines: NDArray[np.int64]) -> str:
    """Say which lines, the first five of them."""
    first = ", ".join(map(str, lines[:5]))
    return f"line{'s' * (len(lines) != 1)} {first}{', ...' * (len(lines) > 5)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QualityReport:
    """What was found wrong with the case files, and what became of every row.

    Attributes
    ----------
    accounting : DataFrame
        One row a table: table, n_in, n_used, n_quarantined, n_merged; for each
        ``n_in == n_used + n_quarantined + n_merged``.
    faults : DataFrame
        One row for each line and rule: file, sheet, line, table, column, rule, says (what the
        rule says), fate (quarantined, merged, repaired or warned).
    sources : dict
        SHA-256 of each file.
    """

    accounting: pd.DataFrame
    faults: pd.DataFrame
    sources: Mapping[str, str]

    def __post_init__(self) -> None:
        parts = self.accounting[["n_used", "n_quarantined", "n_merged"]].sum(axis=1)
        lost = self.accounting.loc[self.accounting["n_in"] != parts, "table"]
        if len(lost):
            raise DataError(f"Rows of {', '.join(lost)} are not accounted for; report this fault.")

    def to_frame(self) -> pd.DataFrame:
        """One row a table: how many rows came in, were used, quarantined and merged."""
        return self.accounting.copy()

    def summary(self) -> str:
        """Say what became of the rows, and which rules spoke how often."""
        total = self.accounting.drop(columns="table").sum()
        head = (
            f"{count(total.n_in, 'row')} in = {total.n_used:,} used + {total.n_quarantined:,} in "
            f"quarantine + {total.n_merged:,} merged with a copy"
        )
        parts = [head, "", text_table(self.accounting)]
        for fate in ("quarantined", "merged", "repaired", "warned"):
            told = self.faults[self.faults["fate"] == fate]
            if len(told):
                parts += ["", f"{fate}:"]
                rules = told.groupby(["table", "column", "rule", "says"]).size()
                parts += [
                    f"  {row.n:>7,}  {row.table}{'.' if row.column else ''}{row.column}: "
                    f"{row.says} [{row.rule}]"
                    for row in rules.reset_index(name="n").itertuples()
                ]
        return "\n".join(parts)

    def write(self, folder: str | Path) -> None:
        """Write `quarantine.csv`, `warnings.csv` and `accounting.csv`, readable by you alone.

        Parameters
        ----------
        folder
            Made if need be. The files hold line numbers and rules, no values and no ids.

        Raises
        ------
        OutputError
            If a file cannot be written; the ones before it are whole, it is not there.
        """
        faults = self.faults.copy()
        faults.insert(0, "sha256", faults["file"].map(dict(self.sources)))
        quarantined = faults["fate"] == "quarantined"
        for name, frame in {
            "quarantine.csv": faults[quarantined].drop(columns="fate"),
            "warnings.csv": faults[~quarantined],
            "accounting.csv": self.accounting,
        }.items():
            _write_private(Path(folder) / name, _as_csv(frame))

    def _repr_html_(self) -> str:
        return html_table(self.accounting, caption=self.summary().splitlines()[0])

    def __repr__(self) -> str:
        return f"<QualityReport: {self.summary().splitlines()[0]}>"


def _as_csv(frame: pd.DataFrame) -> str:
    """Write a frame as CSV in which no cell can be taken for a formula."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.astype(object).where(frame.notna(), "").itertuples(index=False):
        cells = map(str, row)
        writer.writerow(
            f"'{cell}" if cell.startswith(tuple("=+-@\t\r")) else cell for cell in cells
        )
    return text.getvalue()


def _write_private(path: Path, text: str) -> None:
    """Put a file in place at once, with mode 0600, or not at all."""
    part = path.with_name(f".{path.name}.part")
    reason = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        reason = error.strerror
    if reason is not None:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise OutputError(f"{path.name} could not be written to {path.parent}: {reason}.")
