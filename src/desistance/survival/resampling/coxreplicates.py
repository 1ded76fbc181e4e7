"""Cox's model on many resamples at once: a person drawn c times is c people.

A resample gives every row a frequency c (0 for those not drawn) beside its weight w. On an event
day the deaths are then d = sum of c over the events, each with Efron's own turn among the d, and
their mean weight is (sum of c w) / d: the likelihood of the rows written out c times, without
writing them out. Arrays have a column for each of the B replicates, so that the kernel of
`risksets` adds up all of them in one sweep, and the information of all is one matrix product of
the rows' hazards (n, B) with the products of pairs of covariates (n, p (p + 1) / 2).

All replicates climb together from the estimate of everybody, by Newton's steps. Those that do not
come to rest at once (a term that is constant or monotone in the resample, say) are left to
`newton`, one by one, on rows written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.survival.risksets import DROWNED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import PartialLikelihood
    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

EVERYBODY = slice(None)
AT_REST = 1e-11  # size of a step, in scaled coefficients
NEAR = 1e-3  # from here on the information is kept
MOST_STEPS = 30
ALIKE = 1e-8  # of the smallest eigenvalue, covariates scaled to information 1


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What all replicates share: the likelihood of everybody, p covariates `x` (p, n) per scale."""

    problem: PartialLikelihood
    x: Floats

    def second_moments(self, hazard: Floats) -> Floats:
        """Sums of ``x_j x_k hazard``, j >= k row after row, shape (p (p + 1) / 2, B)."""
        below, along = np.tril_indices(len(self.x))
        total = np.zeros((len(below), hazard.shape[1]))
        for rows in self.problem.sets.blocks(2 * len(below)):
            x = self.x[:, rows]
            total += (x[below] * x[along]) @ hazard[rows]
        return total


def design_of(problem: PartialLikelihood, kept: Ints) -> Design:
    """Lay out the covariates numbered `kept` for many evaluations."""
    centred = problem.covariates.block(slice(0, problem.sets.n))[1 + kept]
    return Design(problem, centred / problem.covariates.scale[kept, None])


def climb(design: Design, start: Floats, count: Floats) -> tuple[Floats, Truths]:
    """Climb from scaled coefficients `start` (p,) for frequencies `count` (n, B).

    Returns the scaled coefficients, shape (p, B), and which replicates came to rest, (B,).
    """
    draws = _draws_of(design.problem, count)
    beta = np.repeat(start[:, None], count.shape[1], axis=1)
    sound, rests = draws.count.sum(axis=0) > 0, np.zeros(count.shape[1], bool)
    last_size = np.full(count.shape[1], np.inf)
    inverse: Floats = np.empty(0)
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            at = _evaluate(design, draws, beta)
            sound &= ~at.lost
            if np.max(last_size, where=sound & ~rests, initial=0.0) > NEAR:
                matrix = _information(design, draws, at)
                sound &= _well_told(matrix)
                matrix[~sound] = np.eye(len(start))
                inverse = np.linalg.inv(matrix).astype(float, copy=False)
            step = np.einsum("bjk,kb->jb", inverse, at.score)
            size = np.abs(step).max(axis=0, initial=0.0)
            stuck = ~(size <= last_size / 2)
            sound &= ~stuck | (size < 1e-8)
            moving = sound & ~rests
            beta[:, moving] += step[:, moving]
            rests |= moving & ((size < AT_REST) | stuck)
            last_size = size
            if not (sound & ~rests).any():
                break
    return beta, sound & rests


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """What B resamples make of the rows, and of the tied events of each day.

    Attributes
    ----------
    frequency : float64 array, shape (n, B)
        Times drawn, times the row's weight.
    observed : float64 array, shape (n, B)
        The same for rows that end in an event, else 0.
    count : float64 array, shape (K, B)
        Events drawn on each day.
    weight : float64 array, shape (K, B)
        Their mean weight; 0 where there is none.
    cell : int64 array, shape (E,)
        Day times B, and replicate, of every event drawn.
    turn : float64 array, shape (E,)
        The share of the events of its cell that goes before it: 0 with Breslow's ties.
    begins, filled : int64 arrays
        Where each cell begins among the events, and which cell it is.
    """

    frequency: Floats
    observed: Floats
    count: Floats
    weight: Floats
    cell: Ints
    turn: Floats
    begins: Ints
    filled: Ints

    def added(self, values: Floats) -> Floats:
        """Add `values` (E,) up by day and replicate, times the mean weight, shape (K, B)."""
        total = np.zeros(self.count.size)
        if len(self.filled):
            total[self.filled] = np.add.reduceat(values, self.begins)
        return total.reshape(self.count.shape) * self.weight


def _draws_of(problem: PartialLikelihood, count: Floats) -> _Draws:
    sets = problem.sets
    frequency = count if sets.weight is None else count * sets.weight[:, None]
    observed = frequency * sets.event[:, None]
    events = _by_day(sets, count * sets.event[:, None])
    weight = np.divide(_by_day(sets, observed), events, out=np.zeros_like(events), where=events > 0)
    filled = np.flatnonzero(events)
    tied = events.ravel()[filled].astype(np.int64)
    if problem.ties == "breslow":  # one turn for all
        return _Draws(
            frequency, observed, events, weight * events, filled, np.zeros(len(filled)),
            np.arange(len(filled)), filled,
        )  # fmt: skip
    begins = np.cumsum(tied) - tied
    turn = (np.arange(tied.sum()) - np.repeat(begins, tied)) / np.repeat(tied, tied)
    return _Draws(
        frequency, observed, events, weight, np.repeat(filled, tied), turn, begins, filled
    )


def _by_day(sets: RiskSets, values: Floats) -> Floats:
    """Add `values` (n, B) of rows that end in an event up by day, shape (K, B)."""
    return sets.weighted_tables(EVERYBODY, np.ones(sets.n), values.T)[1, : sets.n_days]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """The likelihood at coefficients (p, B): `score` (p, B) and what the information needs.

    `risk` and `hazard` (n, B) are relative risks, and times the hazard over the row's stay;
    `left` (E,) is one over the risk left at each event's turn; `lost` (B,) says where sums over
    those at risk may be rounding, see `partial_likelihood.drowning`.
    """

    score: Floats
    risk: Floats
    hazard: Floats
    left: Floats
    lost: Truths


def _evaluate(design: Design, draws: _Draws, beta: Floats) -> _Place:
    sets = design.problem.sets
    risk = design.x.T @ beta
    np.exp(risk, out=risk)
    risk *= draws.frequency
    at_risk, dying = sets.split(sets.weighted_tables(EVERYBODY, np.ones(sets.n), risk.T))
    left = 1 / (at_risk.ravel()[draws.cell] - draws.turn * dying.ravel()[draws.cell])
    stay = sets.over_stay(draws.added(left), draws.added(draws.turn * left))
    hazard = stay[EVERYBODY]
    hazard *= risk
    lost = np.zeros(beta.shape[1], bool)
    if sets.may_drown:
        peak = np.maximum.accumulate(at_risk[::-1], axis=0)[::-1]
        drowning = np.where(draws.count > 0, peak / at_risk, 0.0)
        drowning[(draws.count > 0) & ~(at_risk > 0)] = np.inf
        lost |= drowning.sum(axis=0) > len(drowning) / DROWNED
    return _Place(design.x @ (draws.observed - hazard), risk, hazard, left, lost)


def _information(design: Design, draws: _Draws, at: _Place) -> Floats:
    """Minus the second derivative of every replicate, shape (B, p, p)."""
    sets, p = design.problem.sets, len(design.x)
    square, tied = at.left**2, draws.turn * at.left**2
    once, twice, both = map(draws.added, (square, tied, draws.turn * tied))
    sums = [sets.split(sets.weighted_tables(EVERYBODY, x, at.risk.T)) for x in design.x]
    total = design.second_moments(at.hazard)
    matrix = np.empty((total.shape[1], p, p))
    place = 0
    for j, (r_j, d_j) in enumerate(sums):
        of_risk, of_dying = once * r_j - twice * d_j, both * d_j - twice * r_j
        for k in range(j + 1):
            r_k, d_k = sums[k]
            spread = np.einsum("kb,kb->b", of_risk, r_k) + np.einsum("kb,kb->b", of_dying, d_k)
            matrix[:, j, k] = matrix[:, k, j] = total[place] - spread
            place += 1
    return matrix


def _well_told(matrix: Floats) -> Truths:
    """Which of B informations (B, p, p) tell every covariate from the others, shape (B,)."""
    size = np.sqrt(np.einsum("bjj->bj", matrix))
    alike = matrix / (size[:, :, None] * size[:, None, :])
    well = np.isfinite(alike).all(axis=(1, 2))
    well[well] = np.linalg.eigvalsh(alike[well])[:, 0] > ALIKE
    return well
