"""Pairs of records with the probability that they are of one person, and the people they make.

People are made of links by following them: if a is b and b is c, then a is c. A set of links is
either all those at or above a threshold, or one draw, in which each link is kept with its own
probability, independently of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from desistance.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.linkage.plan import LinkPlan

PAIR_COLUMNS = ("table_a", "record_a", "table_b", "record_b", "probability")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Links:
    """Records of agency tables, and which may be of one person.

    Attributes
    ----------
    records : DataFrame, shape (n, 2)
        table and record_id, one row a record.
    pairs : DataFrame, shape (k, 5)
        table_a, record_a, table_b, record_b, probability; the likeliest first. Restricted.
    plan, seed
        What made them; None if they were made elsewhere.
    """

    records: pd.DataFrame
    pairs: pd.DataFrame
    plan: LinkPlan | None = None
    seed: int | None = None
    _places: NDArray[np.int64] = field(init=False)  # of both records of each pair; shape (2, k)

    def __post_init__(self) -> None:
        missing = [name for name in PAIR_COLUMNS if name not in self.pairs.columns]
        if missing or not {"table", "record_id"} <= set(self.records.columns):
            raise DataError(
                f"Links need records with table and record_id, and pairs with "
                f"{', '.join(PAIR_COLUMNS)}."
            )
        object.__setattr__(self, "_places", _places(self.records, self.pairs))
        n_wrong = int((~self.pairs["probability"].between(0, 1)).sum())
        n_unknown = int((self._places < 0).any(axis=0).sum())
        n_twice = int(self.records.duplicated(["table", "record_id"]).sum())
        told = [
            f"{n} {what}"
            for n, what in (
                (n_wrong, "pairs have no probability from 0 to 1"),
                (n_unknown, "pairs name a record that is not among the records"),
                (n_twice, "records stand there twice"),
            )
            if n
        ]
        if told:
            raise DataError(f"The links cannot be used: {'; '.join(told)}.")

    def at(self, threshold: float) -> NDArray[np.bool_]:
        """Tell which links have at least this probability; shape (k,)."""
        return self.pairs["probability"].to_numpy() >= threshold

    def drawn(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw each link with its own probability; shape (k,)."""
        return rng.random(len(self.pairs)) < self.pairs["probability"].to_numpy()

    def people(self, kept: NDArray[np.bool_]) -> pd.DataFrame:
        """Give the people that a set of links makes.

        Parameters
        ----------
        kept : shape (k,)
            Which links hold, from `at` or `drawn`.

        Returns
        -------
        DataFrame, shape (n, 3)
            table, record_id and person (0, 1, ... in the order of the records).
        """
        a, b = self._places[:, kept]
        n = len(self.records)
        graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
        person = pd.factorize(connected_components(graph, directed=False)[1])[0]
        return self.records[["table", "record_id"]].assign(person=person)

    def __repr__(self) -> str:
        tables = self.records["table"].nunique()
        return (
            f"<Links: {len(self.pairs):,} pairs among {len(self.records):,} records of "
            f"{tables} table{'s' * (tables != 1)}>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[1:-1]}</p>"


def _places(records: pd.DataFrame, pairs: pd.DataFrame) -> NDArray[np.int64]:
    """Give the places of both records of each pair; shape (2, k), -1 where there is none."""
    known = pd.MultiIndex.from_frame(records[["table", "record_id"]].astype(object))
    known = known[~known.duplicated()]
    sides = [
        pd.MultiIndex.from_arrays(
            [pairs[f"{part}_{side}"].astype(object) for part in ("table", "record")]
        )
        for side in "ab"
    ]
    return np.array([known.get_indexer(side) for side in sides]).reshape(2, -1)
