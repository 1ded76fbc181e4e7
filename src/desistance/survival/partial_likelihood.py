"""The arithmetic of Cox's partial likelihood: value, score, information, maximum, residuals.

On an event day with d events among those at risk, let R be the weighted relative risks of those
at risk added up, D those of the events, and w the events' mean weight. The day adds

    -w * sum over l = 0..d-1 of log(R - f_l D)        f_l = l / d  (Efron),  0  (Breslow)

to the log-likelihood, and everything else (score, information, baseline hazard, residuals) is
differentiated from the same sum, so one tie rule holds throughout, as in R's survival.

Covariates enter centred; coefficients here are per standard deviation ("scaled"), so a step of
1e-12 means the same for a need flag and for a year of birth. Relative risks are shifted by a
constant before `exp` where they could overflow; it cancels everywhere but in the baseline.

References: Efron (1977); Therneau and Grambsch (2000), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import csc_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.survival.covariates import Covariates
    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Ties = Literal["efron", "breslow"]
SAFE_EXPONENT = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class PartialLikelihood:
    """What the likelihood is of: n rows with p covariates, their risk sets, the tie rule.

    `events` (p,) is the centred covariates of the events added up, weights included.
    """

    sets: RiskSets
    covariates: Covariates
    ties: Ties
    events: Floats

    @property
    def p(self) -> int:
        """How many covariates there are."""
        return len(self.covariates.names)

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score at scaled coefficients `beta` (p,)."""
        return evaluate(self, beta)

    def information(self, at: Point) -> Floats:
        """Minus the second derivative by scaled coefficients, shape (p, p)."""
        return information(self, at)


def partial_likelihood(sets: RiskSets, covariates: Covariates, ties: Ties) -> PartialLikelihood:
    """Set up the likelihood of rows whose risk sets and covariates are known."""
    events = np.zeros(len(covariates.names))
    for rows in sets.blocks(1 + len(events)):
        happened = sets.event[rows]
        weight = happened if sets.weight is None else happened * sets.weight[rows]
        events += (covariates.block(rows)[1:] * weight).sum(axis=1)
    return PartialLikelihood(sets, covariates, ties, events)


@dataclass(frozen=True, slots=True, eq=False)
class TieSums:
    """Sums over the tied events of each day, arrays of shape (K,).

    With q the share f over powers of the denominator R - f D, each sum times the mean weight:
    `hazard` is of 1/q, `hazard_tied` of f/q, `square` of 1/q^2, `square_tied` of f/q^2 and
    `square_twice` of f^2/q^2; `log` is of log q.
    """

    log: Floats
    hazard: Floats
    hazard_tied: Floats
    square: Floats
    square_tied: Floats
    square_twice: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The likelihood at one set of scaled coefficients.

    `risk` (n,) are weighted relative risks divided by exp(`shift`); `at_risk` and `dying`
    (K, 1 + p) their sums over risk sets and over events, first alone, then times covariates.
    """

    beta: Floats
    log_likelihood: float
    score: Floats
    risk: Floats
    shift: float
    at_risk: Floats
    dying: Floats
    tied: TieSums


def evaluate(problem: PartialLikelihood, beta: Floats) -> Point:
    """Log-likelihood and score at scaled coefficients `beta` (p,): one pass over the rows.

    Where the numbers leave the range of a float the log-likelihood is -inf.
    """
    sets, scale = problem.sets, problem.covariates.scale
    slope = beta / scale
    shift = _shift(problem, beta)
    line = np.concatenate([[-shift], slope])
    risk = np.empty(sets.n)
    table = sets.empty_table(1 + problem.p)
    for rows in sets.blocks(1 + problem.p):
        x = problem.covariates.block(rows)
        risk[rows] = np.exp(np.minimum(line @ x, SAFE_EXPONENT))
        if sets.weight is not None:
            risk[rows] *= sets.weight[rows]
        table += sets.weighted_tables(rows, risk[rows], x)
    at_risk, dying = sets.split(table)
    with np.errstate(all="ignore"):
        tied = tie_sums(problem, at_risk[:, 0], dying[:, 0])
        expected = tied.hazard @ at_risk[:, 1:] - tied.hazard_tied @ dying[:, 1:]
        weights = sets.event_weight.sum()
        value = float(problem.events @ slope - shift * weights - tied.log.sum())
        score = (problem.events - expected) / scale
        sound = np.isfinite([value, *score, tied.square.sum()]).all()
    return Point(
        beta, value if sound else -np.inf, score, risk, shift, at_risk, dying, tied
    )  # fmt: skip


def _shift(problem: PartialLikelihood, beta: Floats) -> float:
    """The largest exponent, where any could overflow; else 0."""
    if np.abs(beta) @ problem.covariates.reach < SAFE_EXPONENT:
        return 0.0
    slope, say = beta / problem.covariates.scale, problem.sets.has_say
    return max(
        float(np.max(slope @ problem.covariates.block(rows)[1:, say[rows]], initial=-np.inf))
        for rows in problem.sets.blocks(1 + problem.p)
    )


def tie_sums(problem: PartialLikelihood, at_risk: Floats, dying: Floats) -> TieSums:
    """Sum over the events of each day by the tie rule; arguments of shape (K,)."""
    d, weight = problem.sets.n_events, problem.sets.event_weight
    if problem.ties == "breslow" or d.max(initial=0) <= 1:
        hazard, none = weight / at_risk, np.zeros(len(d))
        return TieSums(weight * np.log(at_risk), hazard, none, hazard / at_risk, none, none)
    first = np.cumsum(d) - d
    day = np.repeat(np.arange(len(d)), d)
    share = (np.arange(len(day)) - first[day]) / d[day]
    left = at_risk[day] - share * dying[day]

    def added(values: Floats) -> Floats:
        sums: Floats = weight / d * np.add.reduceat(values, first)
        return sums

    return TieSums(
        added(np.log(left)),
        added(1 / left), added(share / left),
        added(left**-2), added(share * left**-2), added((share / left) ** 2),
    )  # fmt: skip


def information(problem: PartialLikelihood, at: Point) -> Floats:
    """Minus the second derivative by scaled coefficients, shape (p, p): a second pass."""
    sets, p = problem.sets, problem.p
    total = np.zeros((p, p))
    hazard = sets.over_stay(at.tied.hazard, at.tied.hazard_tied)
    for rows in sets.blocks(1 + p):
        x = problem.covariates.block(rows)[1:]
        total += (x * (at.risk[rows] * hazard[rows])) @ x.T
    r, d, tied = at.at_risk[:, 1:], at.dying[:, 1:], at.tied
    cross = (r * tied.square_tied[:, None]).T @ d
    total -= (r * tied.square[:, None]).T @ r - cross - cross.T
    total -= (d * tied.square_twice[:, None]).T @ d
    return total / np.outer(problem.covariates.scale, problem.covariates.scale)


def mean_path(at: Point) -> Floats:
    """Day-by-day increments of the hazard-weighted mean covariate, shape (K, p), shifted."""
    return (
        at.tied.square[:, None] * at.at_risk[:, 1:] - at.tied.square_tied[:, None] * at.dying[:, 1:]
    )


def mean_covariates(problem: PartialLikelihood, at: Point) -> Floats:
    """The centred covariates the model expects of an event on each day, shape (K, p)."""
    r, d, tied = at.at_risk[:, 1:], at.dying[:, 1:], at.tied
    total: Floats = tied.hazard[:, None] * r - tied.hazard_tied[:, None] * d
    return total / problem.sets.event_weight[:, None]


def score_residuals(problem: PartialLikelihood, at: Point) -> Iterator[tuple[slice, Floats]]:
    """What each row adds to the scaled score, weights included: blocks of rows, (m, p) each."""
    sets, tied = problem.sets, at.tied
    r, d = at.at_risk[:, 1:], at.dying[:, 1:]
    mean = np.vstack([mean_covariates(problem, at), np.zeros((1, problem.p))])
    tied_path = tied.square_tied[:, None] * r - tied.square_twice[:, None] * d
    hazard = sets.over_stay(tied.hazard, tied.hazard_tied)
    path = sets.over_stay(mean_path(at), tied_path)
    for rows in sets.blocks(1 + problem.p):
        x = problem.covariates.block(rows)[1:].T
        happened = sets.event[rows] if sets.weight is None else sets.event[rows] * sets.weight[rows]
        observed = happened[:, None] * (x - mean[sets.last[rows]])
        expected = at.risk[rows, None] * (x * hazard[rows][:, None] - path[rows])
        yield rows, (observed - expected) / problem.covariates.scale


def clustered_score(problem: PartialLikelihood, at: Point, cluster: Ints) -> Floats:
    """Score residuals added up by cluster codes 0, 1, ..., shape (clusters, p)."""
    total = np.zeros((int(cluster.max(initial=-1)) + 1, problem.p))
    for rows, residuals in score_residuals(problem, at):
        here, code = np.unique(cluster[rows], return_inverse=True)
        members = csc_array(
            (np.ones(len(code)), code, np.arange(len(code) + 1)), shape=(len(here), len(code))
        )
        total[here] += members @ residuals
    return total
