"""What a pair's probability becomes when a record has one partner in another table at most.

Splink judges each pair by itself. If a record has one partner or none, its candidates compete, and
the more records have a partner, the less likely it is that one has none. With o the odds of a pair
by itself, and a and b the shares of both tables' records that have a partner in the other,

    w = o / ((1 - a) (1 - b))           odds against both having no partner
    p = w / (1 + the sum of w over all pairs with either record)

and a and b are the sums of p over the records: found by going round until they stay. It is an
approximation to the sum over all one-to-one matchings, exact where all candidates are one record's.

References
----------
Sadinle (2017), Bayesian estimation of bipartite matchings for record linkage, JASA 112.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MOST_ROUNDS = 500
CLOSE = 1e-9
MOST_PARTNERED = 0.999
MOST_CERTAIN = 1 - 1e-12


def one_to_one(pairs: pd.DataFrame, sizes: Mapping[str, int]) -> pd.DataFrame:
    """Let the candidates of each record compete, and keep pairs that are the likeliest for both.

    Parameters
    ----------
    pairs
        As in `Links`, of different tables; the probability of each pair by itself.
    sizes
        Records of each table.

    Returns
    -------
    DataFrame
        The pairs kept, the likeliest first, with the probability given the others.
    """
    probability = np.zeros(len(pairs))
    of_tables = pairs.groupby(["table_a", "table_b"], sort=False).ngroup().to_numpy()
    for group in range(of_tables.max(initial=-1) + 1):
        rows = np.flatnonzero(of_tables == group)
        both = pairs.iloc[rows]
        tables = both[["table_a", "table_b"]].iloc[0]
        probability[rows] = _competing(
            both["probability"].to_numpy(),
            pd.factorize(both["record_a"])[0],
            pd.factorize(both["record_b"])[0],
            (sizes[tables["table_a"]], sizes[tables["table_b"]]),
        )
    order = ["probability", "table_a", "record_a", "table_b", "record_b"]
    pairs = pairs.assign(probability=probability).sort_values(
        order, ascending=[False, True, True, True, True], ignore_index=True
    )
    best = ~pairs.duplicated(["table_a", "record_a", "table_b"])
    best &= ~pairs.duplicated(["table_b", "record_b", "table_a"])
    return pairs[best].reset_index(drop=True)


def _competing(
    alone: NDArray[np.float64], a: NDArray[np.int64], b: NDArray[np.int64], sizes: tuple[int, int]
) -> NDArray[np.float64]:
    """Give the probabilities of pairs given each other; all of shape (pairs,)."""
    certain = np.minimum(alone, MOST_CERTAIN)
    odds = certain / (1 - certain)
    partnered, found = np.zeros(2), alone
    for _ in range(MOST_ROUNDS):
        weight = odds / np.prod(1 - partnered)
        rivals = np.bincount(a, weight)[a] + np.bincount(b, weight)[b] - weight
        found = weight / (1 + rivals)
        before, partnered = partnered, np.minimum(found.sum() / np.array(sizes), MOST_PARTNERED)
        if np.abs(partnered - before).max() < CLOSE:
            break
    return found
