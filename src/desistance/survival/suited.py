"""Which way of computing a partial likelihood suits the rows; the numbers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.survival.fewrows import few_rows
from desistance.survival.manydays import many_days
from desistance.survival.partial_likelihood import partial_likelihood
from desistance.survival.risksets import CELLS_IN_CACHE

if TYPE_CHECKING:
    from desistance.survival.covariates import Covariates
    from desistance.survival.partial_likelihood import PartialLikelihood, Ties
    from desistance.survival.risksets import RiskSets

LARGEST_TABLE = 4_000_000  # bytes, of all days by covariates


def suited_likelihood(sets: RiskSets, covariates: Covariates, ties: Ties) -> PartialLikelihood:
    """Set up the likelihood: of few rows, of many, or of many event days."""
    width = 1 + len(covariates.names)
    if 0 < sets.n * width <= CELLS_IN_CACHE:
        return few_rows(sets, covariates, ties)
    if 16 * sets.n_days * width <= LARGEST_TABLE:
        return partial_likelihood(sets, covariates, ties)
    return many_days(sets, covariates, ties)
