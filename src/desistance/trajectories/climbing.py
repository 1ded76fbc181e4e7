"""From many seeded starts to the tops of a mixture's likelihood.

A mixture has several tops. Each start is a division of the people: by quantiles of how much they
offended for what one group would expect; by k-means of how much in each part of the time; and then
at random, in turn around people drawn as centres and by shares drawn for each. From the groups a
division makes, each start climbs first as EM does, by Newton's steps on the likelihood of groups
known by the posterior, and then by Newton's steps on the likelihood itself, to the top. A step that
does not gain is shortened. Curvature of the wrong sign is turned round, so that a saddle is left.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.trajectories.likelihood import Mixture

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DIVIDE_STEPS = 8
EM_STEPS = 40
MOST_STEPS = 300
NO_GAIN = 1e-9  # log-likelihood that another step would add
LONGEST = 2.0  # step of a parameter, in designs of unit size
HALVINGS = 12
FLATTEST = 1e-10  # least curvature a step is measured by
CERTAIN = 0.8  # how far a division is believed at first
PARTS = 6  # of the time, at most, for k-means
MOST_AT_ONCE = 2_000_000  # starts x groups x rows held at a time


def climb_all(mixture: Mixture, params: Floats) -> tuple[Floats, Floats]:
    """Climb from many starts: the tops (starts, P), and their log-likelihoods (starts,)."""
    at_once = max(1, MOST_AT_ONCE // (mixture.n_groups * len(mixture.count)))
    tops = [climb(mixture, params[k : k + at_once]) for k in range(0, len(params), at_once)]
    top = np.concatenate(tops)
    each = [mixture.log_likelihoods(one[None])[0] @ mixture.weight for one in top]
    return top, np.array(each)


def climb(
    mixture: Mixture, params: Floats, *, em_steps: int = EM_STEPS, given: Floats | None = None,
    most_steps: int = MOST_STEPS,
) -> Floats:  # fmt: skip
    """Climb from starts (starts, P) until another step would not gain; `given` as in `Mixture.at`.

    With `given`, the top is that of groups known by it.
    """
    params, active = params.copy(), np.arange(len(params))
    point = mixture.at(params, given)
    for number in range(most_steps):
        by_em = given is not None or number < em_steps
        step, gain = _step(point.score, point.complete if by_em else point.observed)
        ends = (gain < NO_GAIN) & (given is not None or not by_em)
        length = np.ones((len(active), 1))
        there = mixture.at(point.params + step, given)
        least = point.value - np.where(ends, NO_GAIN, 0.0)
        worse = np.flatnonzero(~(there.value >= least))
        if len(worse):
            for _ in range(HALVINGS):
                length[worse] /= 4
                shorter = (point.params + length * step)[worse]
                value = mixture.at(shorter, None if given is None else given[worse]).value
                worse = worse[~(value >= least[worse])]
                if not len(worse):
                    break
            length[worse] = 0.0  # no way up that rounding lets us see
            ends |= (length[:, 0] == 0) & (given is not None or not by_em)
            there = mixture.at(point.params + length * step, given)
        params[active], active = there.params, active[~ends]
        if not len(active):
            break
        point = there.of(~ends)
        given = None if given is None else given[~ends]
    return params


def _step(score: Floats, information: Floats) -> tuple[Floats, Floats]:
    """Newton's step (starts, P) with curvature made positive, and half its slope (starts,)."""
    sizes, directions = np.linalg.eigh(information)
    along = np.einsum("spk,sp->sk", directions, score)
    step = np.einsum("spk,sk->sp", directions, along / np.maximum(np.abs(sizes), FLATTEST))
    longest = np.abs(step).max(axis=1, initial=0.0)
    step *= np.minimum(1.0, LONGEST / np.maximum(longest, LONGEST))[:, None]
    return step, (step * score).sum(axis=1) / 2


def starts(mixture: Mixture, one: Floats, time: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Make starts from n divisions: (n, P); `one` (p + q,) are one group's, `time` of the rows."""
    groups = np.tile(one, (n, mixture.n_groups, 1))
    theta = np.zeros((n, mixture.n_groups, mixture.members.shape[1]))
    params = mixture.join(groups, theta)
    if mixture.n_groups == 1:
        return params[:1]
    divided = _divisions(mixture, one, time, n, rng)
    at_once = max(1, MOST_AT_ONCE // (mixture.n_groups * len(mixture.count)))
    return np.concatenate([
        climb(mixture, params[k : k + at_once], given=divided[k : k + at_once],
              most_steps=DIVIDE_STEPS)
        for k in range(0, n, at_once)
    ])  # fmt: skip


def _divisions(
    mixture: Mixture, one: Floats, time: Floats, n: int, rng: np.random.Generator
) -> Floats:
    """Divide the people n times: (n, groups, people), adding up to 1 over groups."""
    observed, expected = _by_part(mixture, one, time)
    overall = (observed.sum(axis=1) + 1) / (expected.sum(axis=1) + 1)
    ranks = np.argsort(np.argsort(overall, kind="stable"), kind="stable")
    features = np.log((observed + 1) / (expected + 1))
    people = len(overall)
    made = [_believed(ranks * mixture.n_groups // people, mixture.n_groups)]
    if n > 1:
        made.append(_believed(_k_means(features, mixture.n_groups, rng), mixture.n_groups))
    while len(made) < n:
        if len(made) % 2:
            shares = rng.exponential(size=(mixture.n_groups, people)) ** 2
            made.append(shares / shares.sum(axis=0))
        else:
            centres = features[rng.choice(people, mixture.n_groups, replace=False)]
            far = ((features[:, None] - centres) ** 2).sum(axis=2)
            made.append(_believed(far.argmin(axis=1), mixture.n_groups))
    return np.stack(made[:n])


def _by_part(mixture: Mixture, one: Floats, time: Floats) -> tuple[Floats, Floats]:
    """Counts and what one group expects, by person and part of the time: (people, parts)."""
    whole = mixture.of_one_group()
    eta, _ = whole.predictors(one[None])
    expected = np.exp(np.clip(eta[0, 0], -50, 50))
    expected *= mixture.count.sum() / expected.sum()
    moments = np.unique(time)
    n_parts = min(PARTS, len(moments))
    part = np.searchsorted(moments, time) * n_parts // len(moments)
    sums = []
    for what in (mixture.count, expected):
        table = np.zeros((len(mixture.first), n_parts))
        np.add.at(table, (mixture.person, part), what)
        sums.append(table)
    return sums[0], sums[1]


def _believed(labels: Ints, n_groups: int) -> Floats:
    """Shares (groups, people) that believe labels (people,) by `CERTAIN`."""
    return CERTAIN * (labels == np.arange(n_groups)[:, None]) + (1 - CERTAIN) / n_groups


def _k_means(features: Floats, n_groups: int, rng: np.random.Generator) -> Ints:
    with warnings.catch_warnings():  # fewer kinds of people than groups: some groups stay empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        seed = int(rng.integers(2**31))
        return KMeans(n_groups, n_init=10, random_state=seed).fit(features).labels_
