"""The answers of assessments by person, day, tool and pathway; the latest of them in a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import pathway_answers, pathway_of, tool_word
from desistance.errors import DataError
from desistance.histories.days import NEVER, to_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.histories.days import Days
    from desistance.histories.histories import Histories

NO_ASSESSMENT = "no_assessment"
KEY = ["tool", "pathway", "place"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The people asked about and everything assessed of them.

    Attributes
    ----------
    index_day : int64 array, shape (n,), or None
        Day zero of each person asked about.
    answers : DataFrame
        ``tool, pathway, place, day, need, answer, share, n_items_missing``: `place` is the person's
        among those asked about, `need` 1, 0 or NaN. One row per day, tool and pathway.
    n_unmapped
        Rows of assessments that speak of no pathway of the scheme.
    """

    n: int
    index_day: Days | None
    answers: pd.DataFrame
    n_unmapped: int

    def latest(self, low: Days | None = None, high: Days | None = None) -> pd.DataFrame:
        """Take the latest answer from day `low` to day `high` of each person, both included."""
        return self._one(low, high, last=True)

    def first(self) -> pd.DataFrame:
        """Take the first answer of each person."""
        return self._one(None, None, last=False)

    def table(self, codes: Sequence[str], rows: pd.DataFrame) -> NDArray[np.float64]:
        """Lay the answers of `rows` (see `latest`) out by person and pathway, whatever the tool.

        Of several tools the later answer counts, and of the same day a need.

        Returns
        -------
        float array, shape (n, len(codes))
            1 a need, 0 none, NaN unknown.
        """
        known = rows[rows["need"].notna()].sort_values(["day", "need"], kind="stable")
        latest = known.drop_duplicates(["place", "pathway"], keep="last")
        latest = latest[latest["pathway"].isin(codes)]
        table = np.full((self.n, len(codes)), np.nan)
        column = pd.Index(codes).get_indexer(pd.Index(latest["pathway"]))
        table[latest["place"].to_numpy(), column] = latest["need"]
        return table

    def _one(self, low: Days | None, high: Days | None, *, last: bool) -> pd.DataFrame:
        rows = self.answers
        inside = np.ones(len(rows), bool)
        if low is not None:
            inside &= rows["day"].to_numpy() >= low[rows["place"].to_numpy()]
        if high is not None:
            inside &= rows["day"].to_numpy() <= high[rows["place"].to_numpy()]
        rows = rows[inside]
        order = rows["day"].where(rows["need"].notna(), -1 if last else NEVER)
        ordered = rows.assign(order=order).sort_values([*KEY, "order", "day"], kind="stable")
        return ordered.drop_duplicates(KEY, keep="last" if last else "first").drop(columns="order")


def ask(histories: Histories, person_ids: pd.Series | None, dates: pd.Series | None) -> Asked:
    """Read the assessments of some people, or of everybody."""
    if person_ids is None and dates is not None:
        raise DataError("`dates` are of people: give `person_ids` as well.")
    if person_ids is None:
        person_ids = pd.Series(histories.person_ids)
    person = histories.positions(person_ids)
    if len(np.unique(person)) < len(person):
        raise DataError(
            f"{len(person) - len(np.unique(person))} of {len(person)} people are asked about "
            "twice; ask about each once."
        )
    index_day = None if dates is None else to_days(dates)
    if index_day is not None and (index_day == NEVER).any():
        raise DataError(f"{(index_day == NEVER).sum()} of {len(index_day)} dates are empty.")
    place = np.full(len(histories.person_ids), -1)
    place[person] = np.arange(len(person))

    rows = histories.cases.assessments
    rows = rows.assign(
        place=place[histories.positions(rows["person_id"])],
        day=to_days(rows["assessed_date"]),
        tool=tool_word(rows["tool"], histories.scheme),
    )
    rows = rows[rows["place"] >= 0]
    found = pathway_answers(rows, histories.scheme, by=("place", "day", "tool"))
    found["need"] = found["need"].to_numpy(dtype=float, na_value=np.nan)
    unmapped = int(pathway_of(rows, histories.scheme).isna().sum())
    return Asked(len(person), index_day, found, unmapped)
