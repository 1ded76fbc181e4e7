"""Standard errors of effects: who belongs together, and whether the weights were estimated.

Every effect here is a function of weighted sums over rows, and comes with how far each row moves
it: its weight times the derivative by it (its influence). A standard error adds the moves of
rows that belong together before it squares them:

person
    All rows of a person: matching repeats people, and puts them in both cohorts.
match
    All rows of a match: a pair without replacement, a set in full matching. Too small where people
    stand in several matches, which a caveat says.
both
    Variance by person, and by match, less that by the rows which share both (Cameron, Gelbach and
    Miller 2011). By match alone where everybody stands in one match, by row where everybody is
    weighed. Should the difference not be above 0, the larger of the two.

There is no small-sample factor: these are R's ``sandwich::vcovCL(type = "HC0", cadjust = FALSE)``
and ``coxph(cluster =)``. They take the weights as given, which for the effect on those exposed
errs on the wide side more often than not. With `propensity` they are counted as estimated, where
they are a formula of a logistic model: row i then moves the model's coefficients too, and through
them the weights of all.

References
----------
Abadie and Spiess (2022), JASA 117(538), of matches; Austin and Small (2014), Statistics in
Medicine 33(24); Cameron, Gelbach and Miller (2011), Journal of Business and Economic Statistics
29(2); Lunceford and Davidian (2004), Statistics in Medicine 23(19), of estimated weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.sparse import csc_array
from scipy.special import expit

from desistance.errors import ModelError
from desistance.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from desistance.balance import Balance, Propensity

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Clustering = Literal["person", "match", "both"]
CELLS_AT_ONCE = 1_000_000  # of moves
SAME = 1e-6  # how far a weight may be from its formula, in parts of it


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which of n rows belong together.

    Attributes
    ----------
    person, match : int64 arrays, shape (n,)
    by : how they are clustered
    through_weights : pair of float64 arrays, shape (n, p), or None
        What each row moves the p coefficients of the weights' model by, and the slopes of the
        logarithm of its weight by them.
    """

    person: Ints
    match: Ints
    by: Clustering
    through_weights: tuple[Floats, Floats] | None = None

    def own_error(self, moves: Floats, keep: NDArray[np.bool_]) -> float:
        """Give the standard error of a cohort's number; rows outside `keep` (n,) hardly move it."""
        if self.through_weights is not None or moves[~keep].any():
            return self.one_error(moves)
        return Clusters(self.person[keep], self.match[keep], self.by).one_error(moves[keep])

    def error(self, moves: Floats) -> Floats:
        """Standard errors of q numbers, shape (q,), that rows move by `moves` (q, n)."""
        if self.through_weights is not None:
            coefficients, slopes = self.through_weights
            moves = moves + moves @ slopes @ coefficients.T
        if self.by != "both":
            return np.sqrt(_squares(moves, self.person if self.by == "person" else self.match))
        person, match = _squares(moves, self.person), _squares(moves, self.match)
        shared = self.person * (int(self.match.max(initial=0)) + 1) + self.match
        both = person + match - _squares(moves, shared)
        return np.sqrt(np.where(both > 0, both, np.maximum(person, match)))

    def errors(self, moves: Iterable[Floats]) -> Floats:
        """Standard errors of many numbers, each with the moves (n,) of the rows: shape (q,)."""
        at_once, moves = max(1, CELLS_AT_ONCE // max(1, len(self.person))), iter(moves)
        some = iter(lambda: list(islice(moves, at_once)), [])
        return np.concatenate([np.zeros(0), *(self.error(np.array(each)) for each in some)])

    def one_error(self, moves: Floats) -> float:
        """Give the standard error of one number, that rows move by `moves` (n,)."""
        return float(self.error(moves[None])[0])


def told_of(clusters: Clusters) -> list[str]:
    """Say where errors by match alone leave out that people stand in several matches."""
    pairs = pd.DataFrame({"person": clusters.person, "match": clusters.match}).drop_duplicates()
    several = int((pairs.groupby("person").size() > 1).sum())
    if clusters.by != "match" or not several:
        return []
    return [
        Caveat(
            "{several} people stand in several matches, and errors by match alone take them for "
            'others each time: they are too small. Use `clusters="both"`.',
            several=several,
        )
    ]


def _squares(moves: Floats, code: Ints) -> Floats:
    """Add up moves (q, n) by code, square, and add up: shape (q,)."""
    codes, known = pd.factorize(code)
    ends = np.arange(len(codes) + 1)
    members = csc_array((np.ones(len(codes)), codes, ends), shape=(len(known), len(codes)))
    total: Floats = ((members @ moves.T) ** 2).sum(axis=0)
    return total


def checked_clustering(by: str) -> Clustering:
    """Refuse a clustering that is none."""
    if by not in get_args(Clustering):
        raise ModelError(f"`clusters` is one of {', '.join(get_args(Clustering))}.")
    return by  # type: ignore[return-value]


def weights_estimated(propensity: Propensity, balanced: Balance) -> tuple[Floats, Floats]:
    """Say how the rows of a weighted balance move their weights; see `Clusters.through_weights`.

    Raises
    ------
    ModelError
        If the weights are not a formula of this logistic model: one over the chance, its odds,
        or the chance of the other cohort, uncut.
    """
    exposed, chance = propensity.exposed, expit(propensity.log_odds)
    rows = balanced.matches["row"].to_numpy()
    formula, slope = {
        "ATT": (np.where(exposed, 1.0, chance / (1 - chance)), np.where(exposed, 0.0, 1.0)),
        "ATE": (
            1 / np.where(exposed, chance, 1 - chance),
            np.where(exposed, chance - 1, chance),
        ),
        "ATO": (
            np.where(exposed, 1 - chance, chance),
            np.where(exposed, -chance, 1 - chance),
        ),
    }[balanced.estimand]
    fits = propensity.method == "logistic" and propensity.sets is None
    fits = fits and np.array_equal(np.sort(rows), np.arange(len(exposed)))
    if fits:
        weight = balanced.weights.to_numpy()
        for side in (exposed, ~exposed):
            share = weight[side] / formula[side]
            fits = fits and bool(np.ptp(share) <= SAME * share.mean())
    if not fits:
        raise ModelError(
            "Only inverse and overlap weights, uncut, of this very logistic model on a frame can "
            "be counted as estimated: leave `propensity` out, or use `bootstrap_effects`."
        )
    x = np.column_stack([np.ones(len(exposed)), propensity.columns.to_numpy(float)])
    largest = np.abs(x).max(axis=0)
    x /= np.where(largest > 0, largest, 1.0)
    return model_moves(x, exposed, chance)[rows], (slope[:, None] * x)[rows]


def model_moves(x: Floats, exposed: NDArray[np.bool_], chance: Floats) -> Floats:
    """What each row moves the coefficients of a logistic model by, shape (n, p)."""
    information = (x * (chance * (1 - chance))[:, None]).T @ x
    moves: Floats = (x * (exposed - chance)[:, None]) @ np.linalg.pinv(information, hermitian=True)
    return moves
