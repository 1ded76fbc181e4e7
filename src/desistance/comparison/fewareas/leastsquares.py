"""Weighted least squares with a variance over clusters that holds when they are few.

CR2 divides out how far each cluster pulls the fit towards itself, so that the variance is unbiased
were the errors independent and alike; Satterthwaite's degrees of freedom say how well that variance
is known. Both take the identity as the working model, whatever the weights.

References
----------
Bell and McCaffrey (2002), Survey Methodology 28(2); Pustejovsky and Tipton (2018), Journal of
Business and Economic Statistics 36(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ZERO = 1e-10  # an eigenvalue, or a share of a column, below this is none


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A fit of p columns to N rows in m clusters.

    Attributes
    ----------
    x : float64 array, shape (N, p)
    solver : float64 array, shape (p, N)
        Coefficients are ``solver @ y``; where columns repeat others, the shortest of them all.
    coefficients : float64 array, shape (p,)
    residual : float64 array, shape (N,)
    clusters : list of m int arrays
        Rows of each cluster.
    """

    x: Floats
    solver: Floats
    coefficients: Floats
    residual: Floats
    clusters: list[Ints]

    def estimable(self, contrasts: Floats) -> NDArray[np.bool_]:
        """Say which contrasts, shape (k, p), the rows can tell."""
        lost = contrasts - contrasts @ self.solver @ self.x
        return np.abs(lost).max(axis=1) <= np.sqrt(ZERO) * np.abs(contrasts).max(axis=1)


def least_squares(x: Floats, y: Floats, weight: Floats, cluster: Ints) -> LeastSquares:
    """Fit; `cluster` holds the codes 0 to m - 1, and weights are above 0."""
    root = np.sqrt(weight)
    solver = np.asarray(np.linalg.pinv(x * root[:, None], rcond=ZERO) * root, np.float64)
    coefficients = solver @ y
    order = np.argsort(cluster, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(cluster))[:-1])
    return LeastSquares(x, solver, coefficients, y - x @ coefficients, rows)


def cr2(fit: LeastSquares, contrasts: Floats) -> tuple[Floats, Floats, Floats]:
    """Estimate contrasts of the coefficients, their errors, and their degrees of freedom.

    Parameters
    ----------
    contrasts
        Shape (k, p).

    Returns
    -------
    estimate, std_error, df : float64 arrays, shape (k,)
        NaN where the rows cannot tell a contrast, or its error.
    """
    x, solver = fit.x, fit.solver
    k, p, m = len(contrasts), x.shape[1], len(fit.clusters)
    inner = solver @ solver.T
    score, size = np.empty((k, m)), np.empty((k, m))
    pulled, pulls = np.empty((k, m, p)), np.empty((k, m, p))
    for j, rows in enumerate(fit.clusters):
        own_x, own_solver = x[rows], solver[:, rows]
        hat = own_x @ own_solver
        spread = np.eye(len(rows)) - hat - hat.T + own_x @ inner @ own_x.T
        adjusted = contrasts @ own_solver @ _root_inverse(spread)  # (k, rows)
        score[:, j] = adjusted @ fit.residual[rows]
        size[:, j] = (adjusted**2).sum(axis=1)
        pulled[:, j], pulls[:, j] = adjusted @ own_x, adjusted @ own_solver.T
    error = np.sqrt((score**2).sum(axis=1))
    cross = -pulls @ pulled.transpose(0, 2, 1)
    gram = cross + cross.transpose(0, 2, 1)
    gram += (pulled @ inner) @ pulled.transpose(0, 2, 1)
    gram[:, np.arange(m), np.arange(m)] += size
    trace, squares = np.einsum("kjj->k", gram), (gram**2).sum(axis=(1, 2))
    known = fit.estimable(contrasts) & (trace > ZERO * np.abs(inner).max())
    df = np.divide(trace**2, squares, out=np.full(k, np.nan), where=known)
    estimate = np.where(fit.estimable(contrasts), contrasts @ fit.coefficients, np.nan)
    return estimate, np.where(known, error, np.nan), df


def _root_inverse(matrix: Floats) -> Floats:
    """Take the symmetric inverse square root, leaving out what the matrix sends to 0."""
    value, vector = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = value > ZERO
    return (vector[:, kept] / np.sqrt(value[kept])) @ vector[:, kept].T
