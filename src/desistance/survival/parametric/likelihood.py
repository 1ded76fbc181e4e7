"""The likelihood of rows (start, stop], for one population or one split in two.

A row adds, times its weight,

    log density(stop) if it ends in an event, else log survival(stop),  -  log survival(start)

so a late entry is conditioned on, and rows cut from one stay add up to the whole stay. Where a
share pi of people has the event eventually and the others never,

    density = pi f,   survival = 1 - pi + pi S,   log(pi / (1 - pi)) = share

Every row has four predictors: location, log of the scale, shape, share. A part of the model is a
design that makes one of them from coefficients; a predictor without a part stays at 0, and a
model without a share has one population. Scale and shape are the same for all rows. All
derivatives are exact, up to the shape's (see `distributions`).

Times enter as logarithms around their mean, covariates centred and per standard deviation, so
that neither days for months nor pounds for pence change what is found. The value here is that of
log time; on the scale of time it is less by the logarithms of the event times (`jacobian`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from desistance.survival.parametric.distributions import Distribution, derivatives

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LOCATION, LOG_SCALE, SHAPE, SHARE = range(4)
ROWS_IN_CACHE = 8192


class Jet(NamedTuple):
    """A quantity of n rows with its derivatives by the predictors, arrays of shape (n,).

    `slope` by predictor, `bend` by two of them, in ascending order, where it is not 0.
    """

    value: Floats
    slope: dict[int, Floats]
    bend: dict[tuple[int, int], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class LogRows:
    """Rows in logarithms less `centre`; weights have mean 1 and were `mean_weight` times that.

    `late` (m,) numbers the rows that enter after 0, at `log_start` (m,).
    """

    log_stop: Floats
    event: NDArray[np.bool_]
    weight: Floats
    late: Ints
    log_start: Floats
    centre: float
    mean_weight: float

    @property
    def jacobian(self) -> float:
        """What the log-likelihood of log time loses on the scale of time."""
        return float((self.weight * (self.log_stop + self.centre))[self.event].sum())


def log_rows(times: TimeToEvent) -> LogRows:
    """Take rows to logarithms."""
    weight = np.ones(times.n) if times.weight is None else times.weight
    mean_weight = float(weight.sum()) / max(times.n, 1)
    weight = weight / mean_weight
    log_stop = np.log(times.stop)
    centre = float(log_stop @ weight) / max(times.n, 1)
    late = np.flatnonzero(times.start > 0)
    return LogRows(
        log_stop - centre, times.event, weight, late, np.log(times.start[late]) - centre,
        centre, mean_weight,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Coefficients' way to a predictor: `design` has shape (coefficients, n)."""

    predictor: int
    design: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The log-likelihood at `theta` (p,), its score (p,) and its matrix of second derivatives."""

    theta: Floats
    value: float
    score: Floats
    bend: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows that add the same thing, few enough to stay in cache.

    They are numbered `rows` (m,); the quantity is read at `log_time` (m,) and counts `weight` (m,)
    times, below zero for the start of a late entry. `designs` are cut from the parts'.
    """

    rows: Ints
    log_time: Floats
    weight: Floats
    of_density: bool
    designs: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """What is to be maximised: a distribution, and the rows in pieces.

    `runs` say which predictor each of the `parts` makes, and where its coefficients are.
    """

    distribution: Distribution
    parts: tuple[Part, ...]
    pieces: tuple[Piece, ...]
    runs: tuple[tuple[int, slice], ...]

    def __call__(self, theta: Floats) -> Point:
        """Evaluate; where the numbers leave the range of a float the value is -inf."""
        value, score, bend = 0.0, np.zeros(len(theta)), np.zeros((len(theta), len(theta)))
        with np.errstate(all="ignore"):
            for piece in self.pieces:
                jet = self._jet(piece, theta)
                value += float(piece.weight @ jet.value)
                for i, (mine, own) in enumerate(self.runs):
                    x = piece.designs[i]
                    score[own] += x @ (piece.weight * jet.slope[mine])
                    for j, (theirs, other) in enumerate(self.runs[: i + 1]):
                        if (theirs, mine) in jet.bend:
                            weighted = x * (piece.weight * jet.bend[theirs, mine])
                            bend[own, other] += weighted @ piece.designs[j].T
            for i, (_, own) in enumerate(self.runs):
                for _, other in self.runs[:i]:
                    bend[other, own] = bend[own, other].T
        sound = np.isfinite(value) and np.isfinite(score).all() and np.isfinite(bend).all()
        return Point(theta, value if sound else -np.inf, score, bend)

    def scores(self, theta: Floats) -> Floats:
        """Every row's share in the score, shape (coefficients, n)."""
        scores = np.zeros((len(theta), self.parts[0].design.shape[1]))
        for piece in self.pieces:
            slope = self._jet(piece, theta).slope
            for (predictor, own), x in zip(self.runs, piece.designs, strict=True):
                scores[own, piece.rows] += x * (piece.weight * slope[predictor])
        return scores

    def _jet(self, piece: Piece, theta: Floats) -> Jet:
        predictors = {
            predictor: theta[own] @ (x[:, 0] if predictor in (LOG_SCALE, SHAPE) else x)
            for (predictor, own), x in zip(self.runs, piece.designs, strict=True)
        }
        return jet_at(self.distribution, piece.log_time, predictors, of_density=piece.of_density)


def likelihood_of(rows: LogRows, distribution: Distribution, parts: tuple[Part, ...]) -> Likelihood:
    """Set up the likelihood of rows, with a part for every predictor that is not 0."""
    at_start = np.zeros_like(rows.log_stop)
    at_start[rows.late] = rows.log_start
    pieces = [
        Piece(
            which, log_time[which], sign * rows.weight[which], of_density,
            tuple(part.design.take(which, axis=1) for part in parts),
        )
        for numbers, log_time, sign, of_density in (
            (np.flatnonzero(rows.event), rows.log_stop, 1, True),
            (np.flatnonzero(~rows.event), rows.log_stop, 1, False),
            (rows.late, at_start, -1, False),
        )
        for which in np.split(numbers, range(ROWS_IN_CACHE, len(numbers), ROWS_IN_CACHE))
        if len(which)
    ]  # fmt: skip
    sizes = [len(part.design) for part in parts]
    ends = np.cumsum(sizes).tolist()
    runs = tuple(
        (part.predictor, slice(end - size, end))
        for part, size, end in zip(parts, sizes, ends, strict=True)
    )
    return Likelihood(distribution, parts, tuple(pieces), runs)


def jet_at(
    distribution: Distribution,
    log_time: Floats,
    predictors: Mapping[int, Floats],
    *,
    of_density: bool,
) -> Jet:
    """Log density (of log time) or log survival at `log_time` (n,).

    `predictors` are of shape (n,), or () for the scale and the shape; there is one population if
    they name no share.
    """
    log_scale = predictors.get(LOG_SCALE, 0.0)
    per_scale = np.exp(-log_scale)
    z = (log_time - predictors[LOCATION]) * per_scale
    value, (z1, q1), (z2, zq, q2) = derivatives(
        distribution, z, float(predictors.get(SHAPE, 0.0)), of_density=of_density
    )
    slope = {LOCATION: z1 * -per_scale}
    bend = {(LOCATION, LOCATION): z2 * per_scale**2}
    if LOG_SCALE in predictors:
        turn = z * z2 + z1
        slope[LOG_SCALE] = -z * z1 - of_density
        bend[LOCATION, LOG_SCALE] = turn * per_scale
        bend[LOG_SCALE, LOG_SCALE] = z * turn
    if SHAPE in predictors:
        slope[SHAPE] = q1
        bend[LOCATION, SHAPE] = -zq * per_scale
        bend[LOG_SCALE, SHAPE] = -z * zq
        bend[SHAPE, SHAPE] = q2
    jet = Jet(value - of_density * log_scale, slope, bend)
    if SHARE not in predictors:
        return jet
    return (_with_share if of_density else _or_never)(jet, predictors[SHARE])


def _with_share(density: Jet, share: Floats) -> Jet:
    """Turn log f into log(pi f)."""
    eventual, log_rest = logistic(share)
    slope = density.slope | {SHARE: 1 - eventual}
    bend = density.bend | {(SHARE, SHARE): -eventual * (1 - eventual)}
    return Jet(density.value + share - log_rest, slope, bend)


def _or_never(survival: Jet, share: Floats) -> Jet:
    """Turn log S into log(1 - pi + pi S)."""
    eventual, log_rest = logistic(share)
    still, log_both = logistic(share + survival.value)
    turn = still * (1 - still)
    turned = {by: turn * slope for by, slope in survival.slope.items()}
    bend = {
        (one, other): still * value + turned[one] * survival.slope[other]
        for (one, other), value in survival.bend.items()
    }
    bend |= {(by, SHARE): slope for by, slope in turned.items()}
    bend[SHARE, SHARE] = turn - eventual * (1 - eventual)
    slope = {by: still * slope for by, slope in survival.slope.items()}
    slope[SHARE] = still - eventual
    return Jet(log_both - log_rest, slope, bend)


def logistic(x: Floats) -> tuple[Floats, Floats]:
    """The logistic function of x, and log(1 + exp(x)): both to the last digit, and fast."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1 + small), np.maximum(x, 0.0) + np.log1p(small)
