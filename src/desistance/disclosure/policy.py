"""How much protection a table needs, and what a protected table is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from desistance.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

SUPPRESSED = "suppressed"  # what a reader, and a screen reader, meets in the cell
NOT_REPORTED = "not reported"

LABELS = ("outcome", "group", "cause", "term", "day", "note")  # say what a row is about

SHORTEST_REASON = 30  # characters
LOG = ("table", "where", "column", "rule")
NAMES = ("publication", "internal", "open_data")


@dataclass(frozen=True, slots=True)
class DisclosurePolicy:
    """Thresholds for what may be released; `PUBLICATION` unless somebody says otherwise.

    Parameters
    ----------
    name
        "publication" protects. "internal" does not, and its banner says "not for release".
        "open_data" does not either, because the data are public already: say why in `reason`.
    min_cell
        The smallest count that is shown (5 or more).
    round_to
        What shown counts are rounded to (3 or more, at most `min_cell`).
    min_group
        The fewest people a rate, a curve or an effect is reported for.
    min_curve
        The fewest people a whole curve is drawn for; below it only its values at 6 and 12
        months are given, because protection costs a small group's curve more than chance does.
    reason
        Why open data need no protection, in 30 characters or more; printed in the report.

    Examples
    --------
    >>> DisclosurePolicy(min_cell=8).protects
    True
    >>> INTERNAL.banner
    'Internal: small numbers are not protected. Not for release.'
    """

    name: Literal["publication", "internal", "open_data"] = "publication"
    min_cell: int = 10
    round_to: int = 5
    min_group: int = 30
    min_curve: int = 100
    reason: str = ""

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise PlanError("This disclosure policy cannot be used: " + "; ".join(faults) + ".")

    def _faults(self) -> Iterable[str]:
        if self.name not in NAMES:
            yield f"`name` must be one of {', '.join(NAMES)}"
        numbers = [field.name for field in fields(self) if field.name not in ("name", "reason")]
        wrong = [name for name in numbers if type(getattr(self, name)) is not int]
        if wrong:
            yield f"{', '.join(wrong)} must be whole numbers"
            return
        if self.min_cell < 5:
            yield "`min_cell` must be 5 or more; for unprotected tables use the internal policy"
        if not 3 <= self.round_to <= self.min_cell:
            yield "`round_to` must be 3 or more, and at most `min_cell`"
        if not self.min_cell <= self.min_group <= self.min_curve:
            yield "`min_group` must lie between `min_cell` and `min_curve`"
        if self.name == "open_data" and len(self.reason.strip()) < SHORTEST_REASON:
            yield (
                f"open data need a `reason` of {SHORTEST_REASON} characters or more: where the "
                "data are published"
            )

    @property
    def protects(self) -> bool:
        """Whether small numbers are protected at all."""
        return self.name == "publication"

    @property
    def banner(self) -> str:
        """What stands at the top of every page made under this policy; empty if nothing need."""
        return {
            "publication": "",
            "internal": "Internal: small numbers are not protected. Not for release.",
            "open_data": f"Small numbers are shown, because the data are public: {self.reason}",
        }[self.name]

    @property
    def note(self) -> str:
        """Say under a table what was done to it."""
        if not self.protects:
            return ""
        return (
            f"Counts of 1 to {self.min_cell - 1}, and counts that would give them back, are "
            f"{SUPPRESSED}. Other counts are rounded to the nearest {self.round_to}, rates are "
            "worked out from rounded counts, and totals are the sums of the counts shown."
        )

    def is_small(self, counts: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Find counts too small to show, before or after rounding; NaN is not small."""
        whole = self.rounded(counts)
        return ((counts > 0) & (counts < self.min_cell)) | ((whole > 0) & (whole < self.min_cell))

    def rounded(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Round to the nearest `round_to`, halves up; NaN stays NaN."""
        half = self.round_to // 2
        return np.asarray(np.floor((np.rint(counts) + half) / self.round_to) * self.round_to)


PUBLICATION = DisclosurePolicy()
INTERNAL = DisclosurePolicy("internal")


def open_data(reason: str) -> DisclosurePolicy:
    """Show everything, because the data are public already; `reason` says where.

    Examples
    --------
    >>> open_data("Rossi, Berk and Lenihan (1980), public since 1980").protects
    False
    """
    return DisclosurePolicy("open_data", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class ProtectedTable:
    """A table that may be released under its policy.

    Attributes
    ----------
    frame
        The released numbers; a suppressed cell is empty (NaN or <NA>), so columns stay numeric.
    hidden : DataFrame of bool, same shape and index as `frame`
        Which cells are empty because they were suppressed.
    log : DataFrame with columns table, where, column, rule
        One row for each suppressed cell, without its value.
    token
        What stands for a suppressed cell when the table is shown.
    note
        What was done, for the line under the table.
    """

    frame: pd.DataFrame
    hidden: pd.DataFrame
    log: pd.DataFrame
    token: str = SUPPRESSED
    note: str = ""

    def shown(self) -> pd.DataFrame:
        """Give the table as text and numbers, for a page or a file."""
        return self.frame.astype(object).mask(self.hidden, self.token)


def unprotected(frame: pd.DataFrame) -> ProtectedTable:
    """Pass a table through under a policy that does not protect."""
    hidden = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    return ProtectedTable(frame.copy(), hidden, pd.DataFrame(columns=LOG))


def stacked(tables: Sequence[ProtectedTable]) -> ProtectedTable:
    """Put protected tables with the same columns one below the other."""
    whole = [
        name for name in tables[0].frame if any(t.frame[name].dtype == "Int64" for t in tables)
    ]
    kinds = dict.fromkeys(whole, "Int64")  # where all was withheld, nothing says so any more
    frame = pd.concat([table.frame.astype(kinds) for table in tables], ignore_index=True)
    hidden = pd.concat([table.hidden for table in tables], ignore_index=True)
    logs = [table.log for table in tables if len(table.log)]
    log = pd.concat(logs, ignore_index=True) if logs else tables[0].log
    return ProtectedTable(frame, hidden, log, tables[0].token, tables[0].note)


def suppression_log(table: str, frame: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """List the cells that a rule hides: `rules` holds its words, or an empty text."""
    lines = [
        (table, row_label(frame.loc[row]), column, rules.loc[row, column])
        for row in rules.index
        for column in rules.columns
        if rules.loc[row, column]
    ]
    return pd.DataFrame(lines, columns=LOG, dtype=object)


def row_label(row: pd.Series[Any]) -> str:
    """Name a row by its labels, for the log."""
    return ", ".join(
        f"{name}={value}"
        for name, value in row.items()
        if name != "note" and (name in LABELS or isinstance(value, str))
    )
