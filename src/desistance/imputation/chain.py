"""One chain of equations: statsmodels walks it, each equation is drawn here, on arrays.

`MICEData` keeps what was missing, orders the equations and goes round. Its own draws come from
formulas that are evaluated as Python, and from numpy's global state in older versions, so each
update is ours: a draw depends on the generator handed in, and touches no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit
from statsmodels.imputation.mice import MICEData

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DONORS = 5
STEPS, ENOUGH, LONGEST = 50, 1e-10, 5.0  # of Newton's climb, on standardised covariates
RIDGE = 1e-8  # of a regression of numbers, in parts of its information


class Chain(MICEData):  # type: ignore[misc] # statsmodels has no types
    """The chain of one copy.

    Parameters
    ----------
    frame : DataFrame of float, shape (n, p)
        A person a row; what is missing is NaN. Columns are named x0, x1, ...
    yes_no
        Columns of 0 and 1.
    shift
        Added to the log odds of a column's missing values, an array of shape (n,) each.
    rng
        Where every draw comes from.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        yes_no: frozenset[str],
        shift: Mapping[str, Floats],
        rng: np.random.Generator,
    ) -> None:
        super().__init__(frame)
        self.yes_no, self.shift, self.draws = yes_no, shift, rng
        for name in self._cycle_order:  # chains start apart, so that they can be seen to meet
            known = self.data[name].to_numpy()[self.ix_obs[name]]
            self._fill(name, rng.choice(known, len(self.ix_miss[name])))

    def update(self, vname: str) -> None:
        """Draw the missing values of one column, given the present values of the others."""
        place = self.data.columns.get_loc(vname)
        values = self.data.to_numpy()
        seen, lost = self.ix_obs[vname], self.ix_miss[vname]
        x, y = np.delete(values, place, axis=1), values[seen, place]
        spread = x[seen].std(axis=0)
        told = spread > 0
        x = (x[:, told] - x[seen][:, told].mean(axis=0)) / spread[told]
        if vname in self.yes_no:
            drawn = draw_yes_no(x[seen], y, x[lost], self.shift[vname][lost], self.draws)
        else:
            drawn = draw_near(x[seen], y, x[lost], self.draws)
        self._fill(vname, drawn)

    def _fill(self, name: str, values: Floats) -> None:
        self.data.iloc[self.ix_miss[name], self.data.columns.get_loc(name)] = values


def draw_yes_no(
    x: Floats, y: Floats, x_lost: Floats, shift: Floats, rng: np.random.Generator
) -> Floats:
    """Draw yes or no from a logistic model whose coefficients are drawn first.

    Parameters
    ----------
    x, y : shapes (n, p) and (n,)
        Standardised covariates and answers of those who have one.
    x_lost, shift : shapes (k, p) and (k,)
        Of the others; `shift` is added to their log odds.
    """
    p = x.shape[1]
    made_up = np.vstack([np.eye(p), -np.eye(p)])
    rows = _with_ones(np.vstack([x, made_up]))
    answer = np.concatenate([y, np.full(2 * p, 0.5)])
    weight = np.concatenate([np.ones(len(x)), np.full(2 * p, (p + 1) / max(2 * p, 1))])
    slopes = np.zeros(p + 1)
    for _ in range(STEPS):
        chance = expit(rows @ slopes)
        information = (rows * (weight * chance * (1 - chance))[:, None]).T @ rows
        step = np.linalg.solve(information, (weight * (answer - chance)) @ rows)
        furthest = float(np.abs(step).max())
        slopes += step * min(1.0, LONGEST / max(furthest, ENOUGH))
        if furthest < ENOUGH:
            break
    slopes += _off(information, rng)
    drawn: Floats = rng.random(len(x_lost)) < expit(_with_ones(x_lost) @ slopes + shift)
    return drawn.astype(float)


def draw_near(x: Floats, y: Floats, x_lost: Floats, rng: np.random.Generator) -> Floats:
    """Draw the number of one of the nearest by predicted mean; arguments as `draw_yes_no`."""
    rows = _with_ones(x)
    n, p = rows.shape
    information = rows.T @ rows
    information += RIDGE * np.diag(np.diag(information))
    slopes = np.linalg.solve(information, y @ rows)
    squares = float(((y - rows @ slopes) ** 2).sum())
    spread = np.sqrt(squares / rng.chisquare(max(n - p, 1)))
    target = _with_ones(x_lost) @ (slopes + spread * _off(information, rng))
    order = np.argsort(rows @ slopes, kind="stable")
    mean = (rows @ slopes)[order]
    first = np.clip(np.searchsorted(mean, target) - DONORS, 0, max(n - 2 * DONORS, 0))
    near = first[:, None] + np.arange(min(2 * DONORS, n))
    far = np.abs(mean[near] - target[:, None])
    nearest = np.take_along_axis(near, np.argsort(far, axis=1, kind="stable"), axis=1)
    pick = rng.integers(0, min(DONORS, n), len(target))
    donor: Floats = y[order[nearest[np.arange(len(target)), pick]]]
    return donor


def _with_ones(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), x])


def _off(information: Floats, rng: np.random.Generator) -> Floats:
    """Draw how far coefficients are from their estimate, by the inverse information."""
    root = cholesky(information, lower=True)
    drawn: Floats = solve_triangular(root.T, rng.standard_normal(len(root)), lower=False)
    return drawn
