"""Variances of a Cox fit, from scaled coefficients to log hazards.

    model     the inverse information: right when the model is and rows are independent
    robust    the sandwich over rows: for weights, one row a person
    cluster   the sandwich over people, or over a column of groups: for several rows or events
              a person, matched pairs, areas

Both sandwiches add up score residuals made by the fit's own tie rule, as R's coxph does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desistance.survival.partial_likelihood import clustered_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import PartialLikelihood

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


NOTHING = 1e-16  # of the model's variance


def unscaled(covariance: Floats, problem: PartialLikelihood) -> Floats:
    """Turn a covariance of scaled coefficients into one of log hazards, shape (p, p)."""
    scale = problem.covariates.scale
    return covariance / np.outer(scale, scale)


def sandwich(problem: PartialLikelihood, top: Maximum, cluster: Ints | None) -> Floats:
    """Add up the squares of what each row, or cluster of rows, moves the coefficients by."""
    if cluster is not None:
        moves = clustered_score(problem, top.point, cluster) @ top.covariance
        return unscaled(moves.T @ moves, problem)
    total = np.zeros_like(top.covariance)
    for _, residuals in problem.residuals(top.point):
        moves = residuals @ top.covariance
        total += moves.T @ moves
    return unscaled(total, problem)


def told_apart(covariance: Floats, model: Floats) -> Floats:
    """Empty the rows and columns of a sandwich for terms that nobody moves.

    `model` (p, p) is the inverse information. Where everyone had the event on one day each
    residual is 0, and what is left of the sandwich is rounding.
    """
    return blanked(covariance, unmoved(np.diag(covariance), np.diag(model), NOTHING))


def unmoved(variance: Floats, model: Floats, nothing: float) -> NDArray[np.bool_]:
    """Which variances (m,) are next to `nothing` in parts of the model's, (m,)."""
    return (variance <= nothing * model) & (model > 0)


def blanked(covariance: Floats, blank: NDArray[np.bool_]) -> Floats:
    """Empty the rows and columns of terms that are not estimable."""
    return np.where(blank | blank[:, None], np.nan, covariance)


def score_statistic(top: Maximum) -> float:
    """The score test that no term matters, by the information at 0."""
    score, matrix = top.null.score, top.null_information
    if top.aliased:
        kept = [j for j in range(len(score)) if j not in top.aliased]
        score, matrix = score[kept], matrix[np.ix_(kept, kept)]
    return float(score @ np.linalg.solve(matrix, score))
