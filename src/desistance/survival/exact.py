"""The exact partial likelihood of tied events, for time that is counted in few, coarse steps.

On a day with d events among n at risk, the likelihood is that of drawing just those d people
from all sets of d that could have been drawn:

    product of the events' relative risks / e_d(relative risks of those at risk)

with e_d the sum, over all sets of d, of the product of their risks. It is added up person by
person, with its first and second derivatives, in n * d steps instead of one for each set:

    e_k(first i) = e_k(first i - 1) + risk_i * e_(k-1)(first i - 1)

References: Gail, Lubin and Rubinstein (1981); R survival 3.5, `coxph` with ``ties = "exact"``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from desistance.errors import ModelError
from desistance.survival.partial_likelihood import PartialLikelihood, evaluate, partial_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.covariates import Covariates
    from desistance.survival.partial_likelihood import Point
    from desistance.survival.risksets import RiskSets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_CELLS = 1e9  # multiplied and added at every step of the fit
LARGEST_LOG_COUNT = 650.0  # of sets of d people: the most a float holds, with room to spare


@dataclass(frozen=True, slots=True, eq=False)
class TiedDays:
    """The m event days with the same number of events, `n_events`.

    `members` (m, n) are the rows at risk on each, `there` (m, n) says which of the places are
    taken.
    """

    n_events: int
    members: Ints
    there: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ExactLikelihood(PartialLikelihood):
    """The exact likelihood of rows without weights; its baseline hazard is Breslow's."""

    tied_days: tuple[TiedDays, ...]

    def evaluate(self, beta: Floats) -> Point:
        """Log-likelihood and score at scaled coefficients `beta` (p,)."""
        point = evaluate(self, beta)
        slope = beta / self.covariates.scale
        value, expected = float(self.events @ slope), np.zeros(self.p)
        for days in self.tied_days:
            log_sums, means, _ = _sums_over_sets(self, days, slope, second=False)
            value -= float(log_sums.sum())
            expected += means.sum(axis=0)
        score = (self.events - expected) / self.covariates.scale
        sound = np.isfinite([value, *score, point.log_likelihood]).all()
        return replace(point, log_likelihood=value if sound else -np.inf, score=score)

    def information(self, at: Point) -> Floats:
        """Minus the second derivative by scaled coefficients, shape (p, p)."""
        scale = self.covariates.scale
        total = np.zeros((self.p, self.p))
        for days in self.tied_days:
            _, means, squares = _sums_over_sets(self, days, at.beta / scale, second=True)
            total += squares.sum(axis=0) - means.T @ means
        return total / np.outer(scale, scale)


def exact_likelihood(sets: RiskSets, covariates: Covariates) -> ExactLikelihood:
    """Set up the exact likelihood.

    Raises
    ------
    ModelError
        If the ties are so many that the sums would not end, or not fit a number.
    """
    _refuse_too_many_ties(sets, len(covariates.names))
    plain = partial_likelihood(sets, covariates, "breslow")
    return ExactLikelihood(sets, covariates, "breslow", plain.events, _tied_days(sets))


def _refuse_too_many_ties(sets: RiskSets, p: int) -> None:
    d = sets.n_events
    n = sets.at_risk(np.ones(sets.n))
    cells = float((d * n).sum()) * (1 + p + p * p)
    log_count = gammaln(n + 1) - gammaln(d + 1) - gammaln(n - d + 1)
    if cells > MOST_CELLS or log_count.max(initial=0.0) > LARGEST_LOG_COUNT:
        raise ModelError(
            f"The ties are too many for ties='exact': up to {d.max():,} events a day among "
            f"{n.max():,.0f} at risk. Use ties='efron'."
        )


def _tied_days(sets: RiskSets) -> tuple[TiedDays, ...]:
    """Gather who is at risk, side by side for the days with as many events."""
    rows = np.flatnonzero(sets.has_say)
    last = sets.last[rows].astype(np.int64)
    first = np.searchsorted(sets.stratum, sets.stratum[last])
    if sets.before is not None:
        before = sets.before[rows]
        first = np.where(before < sets.n_days, before + 1, first)
    stay = last - first + 1
    day = np.repeat(first, stay) + np.arange(stay.sum()) - np.repeat(np.cumsum(stay) - stay, stay)
    order = np.argsort(day, kind="stable")
    members = np.repeat(rows, stay)[order]
    n = np.bincount(day, minlength=sets.n_days)
    begins = np.cumsum(n) - n
    found = []
    for n_events in np.unique(sets.n_events[sets.n_events > 0]):
        days = np.flatnonzero(sets.n_events == n_events)
        place = np.arange(n[days].max())
        there = place < n[days][:, None]
        at = np.where(there, begins[days][:, None] + place, 0)
        found.append(TiedDays(int(n_events), members[at], there))
    return tuple(found)


def _sums_over_sets(
    problem: ExactLikelihood, days: TiedDays, slope: Floats, *, second: bool
) -> tuple[Floats, Floats, Floats]:
    """Sums over all sets of d people on each of m days, by the recursion of the module.

    Returns log e_d (m,), its slope (m, p) and, if `second`, the second derivative of e_d over
    e_d (m, p, p).
    """
    m, d, p = len(days.members), days.n_events, problem.p
    x = _covariates_of(problem, days.members)
    line = np.where(days.there, x @ slope, -np.inf)
    highest = line.max(axis=1)
    risk = np.exp(line - highest[:, None])
    sums = np.zeros((m, 1 + d))
    sums[:, 0] = 1.0
    slopes, curves = np.zeros((m, 1 + d, p)), np.zeros((m, 1 + d, p, p))
    with np.errstate(all="ignore"):
        for i in range(risk.shape[1]):
            r, here = risk[:, i, None], x[:, i, None]
            if second:
                half = slopes[:, :-1] + here * sums[:, :-1, None] / 2
                cross = here[..., None] * half[:, :, None]
                curves[:, 1:] += r[..., None, None] * (
                    curves[:, :-1] + cross + cross.swapaxes(2, 3)
                )
            slopes[:, 1:] += r[..., None] * (slopes[:, :-1] + here * sums[:, :-1, None])
            sums[:, 1:] += r * sums[:, :-1]
        total = sums[:, d]
        return (
            np.log(total) + d * highest,
            slopes[:, d] / total[:, None],
            curves[:, d] / total[:, None, None],
        )


def _covariates_of(problem: ExactLikelihood, members: Ints) -> Floats:
    """Take the centred covariates of rows (m, n), shape (m, n, p)."""
    x = problem.covariates
    return np.stack([x.columns[j][members] - x.centre[j] for j in range(problem.p)], axis=-1)
