"""scikit-learn: matching as users write it around its logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from bench.data import digest, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "scikit-learn"


def read(columns: Columns) -> Columns:
    """Hold the terms as one matrix."""
    return {**columns, "x": np.column_stack([columns[name] for name in terms(columns)])}


def logit(held: Columns) -> Fit:
    """The logistic regression alone."""
    return lambda: {"coef": list(_model(held).coef_[0])}


def matching(held: Columns) -> Fit:
    """Give each who is exposed, the largest score first, the nearest in the score who is left."""

    def fit() -> Answer:
        model = _model(held)
        score = model.predict_proba(held["x"])[:, 1]
        exposed = np.flatnonzero(held["exposed"])
        others = np.flatnonzero(held["exposed"] == 0)
        left, caliper = score[others], 0.2 * score.std(ddof=1)
        got: dict[int, int] = {}
        for row in exposed[np.argsort(-score[exposed], kind="stable")].tolist():
            gap = np.abs(left - score[row])
            nearest = int(gap.argmin())
            if gap[nearest] <= caliper:
                got[row] = int(others[nearest])
                left[nearest] = np.inf
        return digest(sorted(got), [got[row] for row in sorted(got)]) | {
            "coef": list(model.coef_[0])
        }

    return fit


def matching_reused(held: Columns) -> Fit:
    """Give each who is exposed the nearest in the score, who may serve several."""

    def fit() -> Answer:
        model = _model(held)
        score = model.predict_proba(held["x"])[:, 1:]
        exposed = np.flatnonzero(held["exposed"])
        others = np.flatnonzero(held["exposed"] == 0)
        search = NearestNeighbors(n_neighbors=1).fit(score[others])
        gap, place = search.kneighbors(score[exposed])
        near = gap[:, 0] <= 0.2 * score.std(ddof=1)
        pairs = exposed[near], others[place[near, 0]]
        return digest(*pairs) | {"coef": list(model.coef_[0])}

    return fit


def _model(held: Columns) -> LogisticRegression:
    """The fastest of its solvers here, asked for more digits than by default."""
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    fitted: LogisticRegression = model.fit(held["x"], held["exposed"])
    return fitted
