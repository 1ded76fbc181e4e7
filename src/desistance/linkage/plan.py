"""Which columns say that two records are of one person, and which pairs are tried at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from desistance.errors import PlanError

How = Literal["exact", "near", "date"]


@dataclass(frozen=True, slots=True)
class LinkColumn:
    """A column that is compared.

    Attributes
    ----------
    name
        The same in every table.
    how
        "exact": the same or not. "near": also nearly the same text (Jaro–Winkler similarity of
        0.92, then 0.8, or more). "date": ISO dates; also within a month, then within a year.
    rare_counts
        Whether agreeing on a rare value says more than agreeing on a common one.
    """

    name: str
    how: How = "exact"
    rare_counts: bool = False


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """How agency tables are linked.

    Attributes
    ----------
    columns
        What is compared. Two or more.
    blocks
        Only pairs that agree on all columns of one of these are tried; each is also one round of
        training, so each compared column must be left out of one of them.
    sure, recall
        Pairs that agree on all of `sure` are almost surely one person, and make up about this
        share of all the pairs that are: it sets how likely a pair is before it is compared.
    id_column
        Names a record within its table.
    within
        Whether records of one table may be of one person; always so if there is one table.
    one_to_one
        Whether a record has one partner in another table at most: then its candidates compete,
        see `desistance.linkage.onetoone`, and the pairs likeliest for both are kept. Not with
        `within`.
    least
        Pairs less likely than this are not kept.
    max_pairs
        Pairs drawn at random to see how often records of different people agree.

    Examples
    --------
    >>> LinkPlan(
    ...     columns=(LinkColumn("birth_month", "date"), LinkColumn("initials"), LinkColumn("sex")),
    ...     blocks=(("birth_month",), ("initials", "sex")),
    ...     sure=("birth_month", "initials", "sex"),
    ... ).least
    0.01
    """

    columns: tuple[LinkColumn, ...]
    blocks: tuple[tuple[str, ...], ...]
    sure: tuple[str, ...]
    recall: float = 0.7
    id_column: str = "record_id"
    within: bool = False
    one_to_one: bool = True
    least: float = 0.01
    max_pairs: int = 1_000_000

    def __post_init__(self) -> None:
        compared = [column.name for column in self.columns]
        used = {*compared, self.id_column, *self.sure, *(n for block in self.blocks for n in block)}
        faults = [
            f"{name!r} is no column name of lower-case letters, digits and _"
            for name in sorted(used)
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name)
        ]
        faults += [
            f"`{name}` is in every block: nothing can say how well it tells people apart"
            for name in compared
            if self.blocks and all(name in block for block in self.blocks)
        ]
        if len(set(compared)) < max(len(compared), 2):
            faults.append("two columns or more are compared, each once")
        if not self.blocks or not all(self.blocks) or not self.sure:
            faults.append("`blocks` and `sure` name columns")
        if not (0 < self.recall <= 1 and 0 < self.least < 1 and self.max_pairs > 0):
            faults.append("`recall` and `least` are shares, and `max_pairs` is above 0")
        if faults:
            raise PlanError(f"The plan of the linkage cannot be used: {'; '.join(faults)}.")

    @property
    def read(self) -> list[str]:
        """The columns that are read; no other column of a table is."""
        blocks = (name for block in self.blocks for name in block)
        compared = (column.name for column in self.columns)
        return list(dict.fromkeys([self.id_column, *compared, *self.sure, *blocks]))

    def matched_once(self, n_tables: int) -> bool:
        """Whether a record has one partner in another table at most."""
        return self.one_to_one and not self.within and n_tables > 1
