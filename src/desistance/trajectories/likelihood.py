"""The likelihood of a mixture of trajectories, its slopes and curvature, for many starts at once.

With L_ig the log-likelihood of person i's periods in group g and pi_ig the share of group g among
people like i, a person of weight v_i adds

    v_i log sum_g pi_ig exp(L_ig),    log pi_ig / pi_i1 = m_i theta_g.

A start is one row of parameters: for each group the p of its curve and the q of its second
predictor (see `families`), then theta of the second and later groups, r each. All arrays carry
the starts in front: (starts, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from desistance.trajectories import families

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.trajectories.families import Family, Moves

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The likelihood at some starts.

    Attributes
    ----------
    params : shape (starts, P)
    value : shape (starts,)
    score : shape (starts, P)
    complete, observed : shape (starts, P, P)
        Minus the second derivatives if everyone's group were known by the posterior, which is
        what EM climbs by; and those of the likelihood itself.
    posterior : shape (starts, groups, people)
    each, scores : shapes (starts, people) and (starts, P, people)
        What each person adds to `value` and to `score`, without weights.
    """

    params: Floats
    value: Floats
    score: Floats
    complete: Floats
    observed: Floats
    posterior: Floats
    each: Floats
    scores: Floats

    def of(self, some: NDArray[np.bool_]) -> Point:
        """The same at some of the starts."""
        return Point(*(getattr(self, field.name)[some] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """The rows of a panel, sorted by person, and what is fitted to them.

    Attributes
    ----------
    count, log_exposure : shape (rows,)
    curve, second : shapes (rows, p) and (rows, q)
        Designs of the two predictors; `second` is of one column with `tau` or a dispersion.
    first : shape (people,)
        The first row of each person.
    members, weight : shapes (people, r) and (people,)
    tau
        Whether logit p = -tau eta (Lambert's ZIP(tau)) instead of a design.
    """

    family: Family
    tau: bool
    n_groups: int
    count: Floats
    log_exposure: Floats
    curve: Floats
    second: Floats
    first: Ints
    members: Floats
    weight: Floats

    @property
    def per_group(self) -> int:
        """Parameters of one group."""
        return self.curve.shape[1] + self.second.shape[1]

    @property
    def n_parameters(self) -> int:
        """Parameters of all groups and of the membership."""
        return self.n_groups * self.per_group + (self.n_groups - 1) * self.members.shape[1]

    @property
    def person(self) -> Ints:
        """The person of each row, shape (rows,)."""
        return np.repeat(np.arange(len(self.first)), np.diff([*self.first, len(self.count)]))

    def of_people(self, people: Ints) -> Mixture:
        """The same model of some people, by position."""
        rows = np.flatnonzero(np.isin(self.person, people))
        lengths = np.diff([*self.first, len(self.count)])[people]
        return replace(
            self, count=self.count[rows], log_exposure=self.log_exposure[rows],
            curve=self.curve[rows], second=self.second[rows],
            first=np.cumsum(lengths) - lengths, members=self.members[people],
            weight=self.weight[people],
        )  # fmt: skip

    def of_one_group(self) -> Mixture:
        """The same rows as one group, which has no membership to model."""
        return replace(self, n_groups=1)

    def split(self, params: Floats) -> tuple[Floats, Floats]:
        """Parameters by group, (starts, groups, p + q), and of membership, (starts, groups, r)."""
        starts, r, own = len(params), self.members.shape[1], self.n_groups * self.per_group
        groups = params[:, :own].reshape(starts, self.n_groups, self.per_group)
        theta = params[:, own:].reshape(starts, self.n_groups - 1, r)
        return groups, np.concatenate([np.zeros((starts, 1, r)), theta], axis=1)

    def join(self, groups: Floats, theta: Floats) -> Floats:
        """Undo `split`, making the first group the reference."""
        starts = len(groups)
        against = (theta - theta[:, :1])[:, 1:]
        return np.hstack([groups.reshape(starts, -1), against.reshape(starts, -1)])

    def predictors(self, params: Floats) -> tuple[Floats, Floats]:
        """Both predictors of each row: (starts, groups, rows)."""
        groups, _ = self.split(params)
        p = self.curve.shape[1]
        eta = groups[..., :p] @ self.curve.T + self.log_exposure
        second = -groups[..., p:] * eta if self.tau else groups[..., p:] @ self.second.T
        return eta, second

    def rows(self, params: Floats) -> Moves:
        """Log-probabilities of the rows and their derivatives: (starts, groups, rows)."""
        eta, second = self.predictors(params)
        if self.family == "poisson":
            return families.poisson(self.count, eta)
        if self.family == "logit":
            return families.logit(self.count, eta)
        if self.family == "negative-binomial":
            return families.negative_binomial(self.count, eta, second[..., :1])
        moves = families.zip_(self.count, eta, second)
        return _through_tau(moves, eta, self.split(params)[0][..., -1:]) if self.tau else moves

    def log_shares(self, params: Floats) -> Floats:
        """Log of each person's shares before anything is counted: (starts, groups, people)."""
        odds = self.split(params)[1] @ self.members.T
        return odds - logsumexp(odds, axis=1, keepdims=True)

    def log_likelihoods(self, params: Floats) -> Floats:
        """What each person adds, without weights: (starts, people)."""
        inside = np.add.reduceat(self.rows(params).value, self.first, axis=-1)
        return logsumexp(self.log_shares(params) + inside, axis=1)

    def at(self, params: Floats, given: Floats | None = None) -> Point:
        """Evaluate everything at some starts.

        `given` (starts, groups, people), if there is one, stands in the place of the posterior:
        `value` is then the likelihood of groups known by it, and `complete` its curvature.
        """
        moves, log_shares = self.rows(params), self.log_shares(params)
        joint = log_shares + np.add.reduceat(moves.value, self.first, axis=-1)
        each = logsumexp(joint, axis=1)
        posterior = np.exp(joint - each[:, None]) if given is None else given
        if given is not None:
            each = (given * joint).sum(axis=1)
        shares = np.exp(log_shares)
        own = self._scores_in_group(moves)
        complete = self._complete(moves, posterior, shares)
        parts = (posterior[:, :, None] * own).reshape(len(params), -1, len(self.first))
        surprise = (posterior - shares)[:, 1:]
        of_members = (surprise[:, :, None] * self.members.T).reshape(
            len(params), -1, parts.shape[2]
        )
        scores = np.concatenate([parts, of_members], axis=1)
        return Point(
            params, each @ self.weight, scores @ self.weight, complete,
            complete - self._hidden(own, posterior, scores), posterior, each, scores,
        )  # fmt: skip

    def _scores_in_group(self, moves: Moves) -> Floats:
        """Each person's slopes if they were of each group: (starts, groups, p + q, people)."""
        columns = [moves.eta * column for column in self.curve.T]
        if moves.second is not None:
            columns += [moves.second * column for column in self.second.T]
        return np.stack([np.add.reduceat(c, self.first, axis=-1) for c in columns], axis=2)

    def _complete(self, moves: Moves, posterior: Floats, shares: Floats) -> Floats:
        """Minus the second derivatives if groups were known: (starts, P, P), in blocks."""
        x, w, p, b = self.curve, self.second, self.curve.shape[1], self.per_group
        starts, r = len(posterior), self.members.shape[1]
        weight = (posterior * self.weight)[..., self.person]
        full = np.zeros((starts, self.n_parameters, self.n_parameters))
        block = np.zeros((starts, self.n_groups, b, b))
        block[..., :p, :p] = _curvature(weight * moves.eta_eta, x, x)
        if moves.eta_second is not None and moves.second_second is not None:
            cross = _curvature(weight * moves.eta_second, x, w)
            block[..., :p, p:], block[..., p:, :p] = cross, np.swapaxes(cross, -1, -2)
            block[..., p:, p:] = _curvature(weight * moves.second_second, w, w)
        for g in range(self.n_groups):
            at = slice(g * b, (g + 1) * b)
            full[:, at, at] = -block[:, g]
        for g in range(1, self.n_groups):
            for h in range(1, self.n_groups):
                spread = shares[:, g] * ((g == h) - shares[:, h]) * self.weight
                row, column = (self.n_groups * b + (k - 1) * r for k in (g, h))
                full[:, row : row + r, column : column + r] = _curvature(
                    spread, self.members, self.members
                )
        return full

    def _hidden(self, own: Floats, posterior: Floats, scores: Floats) -> Floats:
        """What not knowing the groups takes from the information (Louis 1982): (starts, P, P).

        The variance, over a person's possible groups, of the slopes they would add.
        """
        starts, _, b, n = own.shape
        lifted = np.zeros((starts, self.n_parameters, n))
        r, after = self.members.shape[1], self.n_groups * b
        total = -_products(scores, scores, self.weight)
        if self.n_groups > 1:  # slopes of membership less those of the shares, which cancel
            mean = posterior[:, 1:, None] * self.members.T
            centred = scores.copy()
            centred[:, after:] = mean.reshape(starts, -1, n)
            total = -_products(centred, centred, self.weight)
        for g in range(self.n_groups):
            lifted[:] = 0
            lifted[:, g * b : (g + 1) * b] = own[:, g]
            if g:
                lifted[:, after + (g - 1) * r : after + g * r] = self.members.T
            total += _products(lifted, lifted, posterior[:, g] * self.weight)
        return total


def _curvature(weight: Floats, left: Floats, right: Floats) -> Floats:
    """Sum weight x left x right' over rows: (..., rows) to (..., left columns, right columns)."""
    pairs = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
    return (weight @ pairs).reshape(*weight.shape[:-1], left.shape[1], right.shape[1])


def _products(left: Floats, right: Floats, weight: Floats) -> Floats:
    """Sum weighted outer products over people: (starts, P, people) to (starts, P, P)."""
    return (left * weight[..., None, :]) @ np.swapaxes(right, 1, 2)


def _through_tau(moves: Moves, eta: Floats, tau: Floats) -> Moves:
    """Derivatives by eta and tau where the second predictor is -tau eta."""
    by, cross, twice = moves.second, moves.eta_second, moves.second_second
    assert by is not None and cross is not None and twice is not None  # noqa: PT018
    return families.Moves(
        moves.value, moves.eta - tau * by, -eta * by,
        moves.eta_eta - 2 * tau * cross + tau**2 * twice,
        -eta * (cross - tau * twice) - by, eta**2 * twice,
    )  # fmt: skip
