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
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.sparse import csc_array

from desistance.survival.risksets import DROWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.survival.covariates import Covariates
    from desistance.survival.risksets import RiskSets, StaySums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Ties = Literal["efron", "breslow"]
SAFE_EXPONENT = 300.0
EVENTS_IN_CACHE = 8_000
SAME_LIKELIHOOD = 1e-9  # as a share; rows in another order add up to a little less
ALIKE = 10  # binary places that risks of one size may differ by
NEVER_TAKEN_AWAY = -10_000  # in place of a size
HALF_A_ROW = 0.5


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

    def squares(self, at: Point) -> Floats:
        """Add up hazard-weighted squares of the covariates over the rows, shape (p, p)."""
        return squares(self, at, at.risk)

    def between(self, at: Point) -> Floats:
        """What the means of the risk sets take from the information, shape (p, p)."""
        r, d, tied = at.at_risk[:, 1:], at.dying[:, 1:], at.tied
        cross = (r * tied.square_tied[:, None]).T @ d
        taken: Floats = (r * tied.square[:, None]).T @ r - cross - cross.T
        return taken + (d * tied.square_twice[:, None]).T @ d

    def by_day(self, at: Point) -> tuple[TieSums, Floats]:
        """Sums over the events of each day, and its part of the hazard-weighted mean covariate.

        The second has shape (K, p); both are shifted.
        """
        return at.tied, mean_path(at)

    def tie_sums(self, at_risk: Floats, dying: Floats) -> Floats:
        """Sums of `TieSums`, in its order, shape (6, K), from those at risk and dying, (K,)."""
        sets = self.sets
        sums = np.zeros((6, sets.n_days))
        return sums_by_day(self.ties, sets.n_events, sets.event_weight, at_risk, dying, sums)

    @property
    def may_drown(self) -> bool:
        """Whether sums over those at risk have rows taken away again, see `drowned`."""
        return self.sets.may_drown

    def by_size(self, beta: Floats, shift: float, risk: Floats) -> dict[int, Floats]:  # noqa: ARG002
        """Scatter rows of `risk` (n,) by its size, see `tables_by_size`."""
        return tables_by_size(self, risk)

    def residuals(self, at: Point) -> Iterator[tuple[slice | NDArray[np.integer[Any]], Floats]]:
        """What each row adds to the scaled score: which m rows, and (m, p)."""
        return score_residuals(self, at)

    def seen(self, j: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Covariate j of the rows in any risk set, and whether they end in an event."""
        say = self.sets.has_say
        return self.covariates.columns[j][say], self.sets.event[say]


def partial_likelihood(sets: RiskSets, covariates: Covariates, ties: Ties) -> PartialLikelihood:
    """Set up the likelihood of rows whose risk sets and covariates are known."""
    return PartialLikelihood(sets, covariates, ties, centred_events(sets, covariates))


def centred_events(sets: RiskSets, covariates: Covariates) -> Floats:
    """Add up the centred covariates of the events, weights included, shape (p,)."""
    events = np.zeros(len(covariates.names))
    for rows in sets.blocks(1 + len(events), tables=False):
        events += of_events(sets, rows, covariates.block(rows)[1:])
    return events


def of_events(sets: RiskSets, rows: slice, x: Floats) -> Floats:
    """Add up covariates `x` (p, m) of the events among a block of m rows, weights included."""
    happened = sets.event[rows]
    weight = happened if sets.weight is None else happened * sets.weight[rows]
    return x @ weight.astype(float, copy=False)


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
    shift = find_shift(problem, beta)
    table, risk = scatter(problem, beta, shift)
    return point_at(problem, beta, shift, risk, table)


def risks(problem: PartialLikelihood, beta: Floats, shift: float) -> Floats:
    """Weighted relative risks of all rows, shape (n,), divided by exp(`shift`)."""
    sets, risk = problem.sets, np.empty(problem.sets.n)
    line = np.concatenate([[-shift], beta / problem.covariates.scale])
    for rows in sets.blocks(1 + problem.p, tables=False):
        risk[rows] = relative_risk(sets, rows, line @ problem.covariates.block(rows))
    return risk


def scatter(problem: PartialLikelihood, beta: Floats, shift: float) -> tuple[Floats, Floats]:
    """Scatter every row's relative risk, alone and times its covariates; the risks (n,) too."""
    sets, risk = problem.sets, np.empty(problem.sets.n)
    line = np.concatenate([[-shift], beta / problem.covariates.scale])
    table = sets.empty_table(1 + problem.p)
    for rows in sets.blocks(1 + problem.p):
        x = problem.covariates.block(rows)
        risk[rows] = relative_risk(sets, rows, line @ x)
        table += sets.weighted_tables(rows, risk[rows], x)
    return table, risk


def relative_risk(sets: RiskSets, rows: slice | Ints, predictor: Floats) -> Floats:
    """Weighted relative risks of a block of m rows, shape (m,); `predictor` (m,) is spent."""
    risk: Floats = np.exp(np.minimum(predictor, SAFE_EXPONENT, out=predictor), out=predictor)
    if sets.weight is not None:
        risk *= sets.weight[rows]
    return risk


def point_at(
    problem: PartialLikelihood, beta: Floats, shift: float, risk: Floats, table: Floats
) -> Point:
    """Make value and score of the tables that the rows were scattered into."""
    sets, scale = problem.sets, problem.covariates.scale
    slope = beta / scale
    at_risk, dying = sets.split(table)
    if problem.may_drown and drowned(at_risk[:, 0]):
        at_risk = at_risk_by_size(sets, problem.by_size(beta, shift, risk))
    with np.errstate(all="ignore"):
        tied = TieSums(*problem.tie_sums(at_risk[:, 0], dying[:, 0]))
        expected = tied.hazard @ at_risk[:, 1:] - tied.hazard_tied @ dying[:, 1:]
        weights = sets.event_weight.sum()
        value = float(problem.events @ slope - shift * weights - tied.log.sum())
        score = (problem.events - expected) / scale
        sound = np.isfinite([value, *score, tied.square.sum()]).all()
    return Point(
        beta, value if sound else -np.inf, score, risk, shift, at_risk, dying, tied
    )  # fmt: skip


def same_likelihood(one: float, other: float) -> bool:
    """Whether two log-likelihoods are of the same rows, which may stand in another order."""
    return bool(np.isclose(one, other, rtol=SAME_LIKELIHOOD, atol=SAME_LIKELIHOOD))


def drowned(at_risk: Floats) -> bool:
    """Whether sums over those at risk (K,) may be the rounding of larger ones, see `drowning`."""
    return drowning(at_risk) > len(at_risk) / DROWNED


def drowning(at_risk: Floats, later: float = 0.0) -> float:
    """How many times as large the largest sum after each sum over those at risk is, added up.

    Sums (days,) are made from the last day back, and who enters late is taken away again; `later`
    is the largest after these days.
    """
    peak = np.maximum(np.maximum.accumulate(at_risk[::-1]), later)[::-1]
    with np.errstate(all="ignore"):
        return float(np.where(at_risk > 0, peak / at_risk, np.inf).sum())


def over_stay(sets: RiskSets, at: Point, increments: Floats, spared: Floats) -> StaySums:
    """Ready `increments` to be added up over the stay of each row, see `RiskSets.over_stay`."""
    if sets.may_drown and drowned(at.at_risk[:, 0]):
        return sets.over_each_stay(increments, spared)
    return sets.over_stay(increments, spared)


def tables_by_size(problem: PartialLikelihood, risk: Floats) -> dict[int, Floats]:
    """Scatter `risk` (n,), alone and times covariates, and how many rows there are.

    Those who enter late have a table for each size of their risk; tables are (2, K + 1, 2 + p).
    """
    sets = problem.sets
    size = np.full(sets.n, NEVER_TAKEN_AWAY)
    if sets.before is not None:
        late = sets.before < sets.n_days
        size[late] = np.frexp(risk[late])[1] // ALIKE
    tables = {}
    for own in np.unique(size).tolist():
        table, here = sets.empty_table(2 + problem.p), size == own
        for rows in sets.blocks(2 + problem.p):
            counted, x = here[rows].astype(float), problem.covariates.block(rows)
            table[..., :-1] += sets.weighted_tables(rows, risk[rows] * counted, x)
            table[..., -1:] += sets.weighted_tables(rows, counted, x[:1])
        tables[own] = table
    return tables


def at_risk_by_size(sets: RiskSets, tables: dict[int, Floats]) -> Floats:
    """Add up over those at risk, shape (K, 1 + p), from `tables_by_size`.

    Where nobody of a size is at risk, what is left of their sum is rounding, and left out.
    """
    sums = [sets.split(tables[size])[0] for size in sorted(tables)]
    return np.sum([here[:, :-1] * (here[:, -1:] > HALF_A_ROW) for here in sums], axis=0)


def find_shift(problem: PartialLikelihood, beta: Floats) -> float:
    """The largest exponent, where any could overflow; else 0."""
    if np.abs(beta) @ problem.covariates.reach < SAFE_EXPONENT:
        return 0.0
    slope, say = beta / problem.covariates.scale, problem.sets.has_say
    return max(
        float(np.max(slope @ problem.covariates.block(rows)[1:, say[rows]], initial=-np.inf))
        for rows in problem.sets.blocks(1 + problem.p)
    )


def sums_by_day(
    ties: Ties, d: Ints, weight: Floats, at_risk: Floats, dying: Floats, sums: Floats
) -> Floats:
    """Fill in `sums` of `TieSums`, in its order, 0 (6, days); `d` events a day of a `weight`."""
    sums[0] = weight * np.log(at_risk)
    hazard = np.divide(weight, at_risk, out=sums[1])
    np.divide(hazard, at_risk, out=sums[3])
    if ties == "breslow":
        return sums
    tied = np.flatnonzero(d > 1)
    ends, first = np.cumsum(d[tied]), 0
    while first < len(tied):
        some = np.searchsorted(ends, ends[first] + EVENTS_IN_CACHE)
        days = tied[first : max(int(some), first + 1)]
        sums[:, days] = Shares.of(d[days], weight[days]).sums(at_risk[days], dying[days])
        first += len(days)
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What each of m events on K days takes from those at risk.

    `share` (m,) is f of the module, 0 of one event a day; `day` (m,) and `begins` (K,) say which
    event is on which day, and `weight` (K,) is the events' mean weight.
    """

    day: Ints
    begins: Ints
    share: Floats
    weight: Floats

    @classmethod
    def of(cls, d: Ints, weight: Floats) -> Shares:
        """Share out the days among `d` events on each, of a `weight` in all; (K,) both."""
        begins = np.cumsum(d) - d
        share = (np.arange(d.sum()) - np.repeat(begins, d)) / np.repeat(d, d)
        return cls(np.repeat(np.arange(len(d)), d), begins, share, weight / d)

    def sums(self, at_risk: Floats, dying: Floats) -> Floats:
        """Sums of `TieSums`, in its order, shape (6, K), from those at risk and dying, (K,)."""
        left = at_risk.take(self.day) - self.share * dying.take(self.day)
        terms = np.empty((6, len(left)))
        log, one, tied, square, square_tied, square_twice = terms
        np.log(left, out=log)
        np.divide(1.0, left, out=one)
        np.multiply(self.share, one, out=tied)
        np.multiply(one, one, out=square)
        np.multiply(one, tied, out=square_tied)
        np.multiply(tied, tied, out=square_twice)
        return np.add.reduceat(terms, self.begins, axis=1) * self.weight


def information(problem: PartialLikelihood, at: Point) -> Floats:
    """Minus the second derivative by scaled coefficients, shape (p, p): a second pass."""
    total = problem.squares(at) - problem.between(at)
    return total / np.outer(problem.covariates.scale, problem.covariates.scale)


def squares(problem: PartialLikelihood, at: Point, risk: Floats) -> Floats:
    """Add up hazard-weighted squares of the covariates over rows with `risk` (n,): (p, p)."""
    sets, total = problem.sets, np.zeros((problem.p, problem.p))
    hazard = over_stay(sets, at, at.tied.hazard, at.tied.hazard_tied)
    for rows in sets.blocks(1 + problem.p, tables=False):
        x = problem.covariates.block(rows)[1:]
        weight = risk[rows] * hazard[rows]
        if weight.min() < 0:  # where days are weighed by something that may be below 0
            total += (x * weight) @ x.T
        else:  # of a matrix by its own transpose only half is computed
            x *= np.sqrt(weight, out=weight)
            total += x @ x.T
    return total


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
    hazard = over_stay(sets, at, tied.hazard, tied.hazard_tied)
    path = over_stay(sets, at, mean_path(at), tied_path)
    for rows in sets.blocks(1 + problem.p, tables=False):
        x, last = problem.covariates.block(rows)[1:], sets.last[rows]
        happened = sets.event[rows] if sets.weight is None else sets.event[rows] * sets.weight[rows]
        residuals = path[rows]
        residuals *= at.risk[rows, None]
        residuals -= happened[:, None] * mean.take(last, axis=0)
        x *= happened - at.risk[rows] * hazard[rows]
        residuals += x.T
        residuals /= problem.covariates.scale
        yield rows, residuals


def clustered_score(problem: PartialLikelihood, at: Point, cluster: Ints) -> Floats:
    """Score residuals added up by cluster codes 0, 1, ..., shape (clusters, p)."""
    total = np.zeros((int(cluster.max(initial=-1)) + 1, problem.p))
    for rows, residuals in problem.residuals(at):
        here = cluster[rows]
        first = int(here.min())
        reach = int(here.max()) + 1 - first
        where: slice | Ints = slice(first, first + reach)
        if reach > 2 * len(here):
            where, here = np.unique(here, return_inverse=True)
            first, reach = 0, len(where)
        ends = np.arange(len(here) + 1)
        members = csc_array((np.ones(len(here)), here - first, ends), shape=(reach, len(here)))
        total[where] += members @ residuals
    return total
