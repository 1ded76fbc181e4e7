"""The partial likelihood of few rows: they stay in the cache, so nothing is made twice.

With some hundreds of people a Newton step takes less time than what surrounds it. What no step
changes is then made once: the covariates put together, the scatter of rows into the tables of
days, and the shares of tied events. The numbers are those of `partial_likelihood`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.survival.partial_likelihood import (
    PartialLikelihood,
    Point,
    Shares,
    centred_events,
    find_shift,
    over_stay,
    point_at,
    relative_risk,
)
from desistance.survival.risksets import EVERY

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csc_array

    from desistance.survival.covariates import Covariates, PutTogether
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FewRows(PartialLikelihood):
    """The likelihood of n rows in one block.

    Attributes
    ----------
    covariates : PutTogether
    scattered : sparse array, shape (2 * (K + 1), n)
        Where the rows go in the tables, see `RiskSets.weighted_tables`.
    shares : of the events of every day
    """

    covariates: PutTogether
    scattered: csc_array
    shares: Shares

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score at scaled coefficients `beta` (p,)."""
        shift, matrix = find_shift(self, beta), self.covariates.matrix
        line = np.concatenate([[-shift], beta / self.covariates.scale])
        risk = relative_risk(self.sets, EVERY, matrix @ line)
        table = self.scattered @ (matrix * risk[:, None])
        return point_at(self, beta, shift, risk, table.reshape(2, -1, 1 + self.p))

    def squares(self, at: Point) -> Floats:
        """Add up hazard-weighted squares of the covariates over the rows, shape (p, p)."""
        weight = over_stay(self.sets, at, at.tied.hazard, at.tied.hazard_tied)[EVERY]
        weight *= at.risk
        rooted = np.sqrt(np.maximum(weight, 0.0, out=weight), out=weight)
        x = self.covariates.matrix[:, 1:] * rooted[:, None]
        return x.T @ x

    def tie_sums(self, at_risk: Floats, dying: Floats) -> Floats:
        """Sums of `TieSums`, in its order, shape (6, K), from those at risk and dying, (K,)."""
        return self.shares.sums(at_risk, dying)


def few_rows(sets: RiskSets, covariates: Covariates, ties: Ties) -> FewRows:
    """Set up the likelihood of rows that fit in one block."""
    d = sets.n_events if ties == "efron" else np.ones_like(sets.n_events)
    x = covariates.put_together(np.ascontiguousarray(covariates.block(slice(0, sets.n)).T))
    scattered, shares = sets.scatter(EVERY, np.ones(sets.n)), Shares.of(d, sets.event_weight)
    return FewRows(sets, x, ties, centred_events(sets, x), scattered, shares)
