"""What is fitted to a panel, for any number of groups: choices, designs and one fit in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import expit, log_expit

from desistance.errors import ModelError
from desistance.trajectories.basis import basis_of, of_unit_size
from desistance.trajectories.climbing import climb, climb_all, starts
from desistance.trajectories.families import Family
from desistance.trajectories.likelihood import Mixture
from desistance.trajectories.panel import read_panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from desistance.trajectories.basis import Basis
    from desistance.trajectories.likelihood import Point
    from desistance.trajectories.panel import Panel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Order = Literal["share", "rate"]
Variance = Literal["model", "robust"]
Inflation = int | Literal["tau"]

SAME_TOP = 1e-3  # log-likelihood
FLAT = 1e-4  # information, in designs of unit size, below which a direction is not estimable
UNSETTLED = 1e-6  # twice the log-likelihood that another step would gain
LOADS = 1e-3  # part of a coefficient that lies in such directions


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A panel and the choices that do not depend on the number of groups.

    Attributes
    ----------
    basis, inflation_basis : the curve, and that of logit p (None without one)
    back : shapes (p, p), (q, q) and (r, r)
        From coefficients of designs of unit size to those of `basis`, of the second predictor and
        of `panel.members`.
    """

    panel: Panel
    family: Family
    tau: bool
    basis: Basis
    inflation_basis: Basis | None
    back: tuple[Floats, Floats, Floats]
    designs: tuple[Floats, Floats, Floats]
    order: Order
    variance: Variance
    exposure: str | None
    weighted: bool
    time: str

    def mixture(self, n_groups: int) -> Mixture:
        """The likelihood of so many groups."""
        curve, second, members = self.designs
        return Mixture(
            self.family, self.tau, n_groups, self.panel.count, np.log(self.panel.exposure), curve,
            second, self.panel.first, members, self.panel.weight,
        )  # fmt: skip

    @property
    def second_names(self) -> tuple[str, ...]:
        """Names of the second predictor's terms."""
        if self.tau:
            return ("tau",)
        if self.inflation_basis is not None:
            return tuple(f"inflation: {name}" for name in self.inflation_basis.names)
        return ("log dispersion",) if self.family == "negative-binomial" else ()


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The best top of a mixture, groups in order; user's coefficients, see `Model.back`.

    Attributes
    ----------
    curve, second, membership : shapes (groups, p), (groups, q) and (groups, r)
        Membership is of log odds against the first group, whose row is 0.
    covariance : shape (P, P)
        In the order of `likelihood`.
    unknown : shape (P,)
        Where the likelihood is flat.
    tops : shape (starts,)
        The log-likelihood each start came to.
    settled
        Whether another step would gain nothing.
    """

    mixture: Mixture
    point: Point
    curve: Floats
    second: Floats
    membership: Floats
    covariance: Floats
    unknown: NDArray[np.bool_]
    tops: Floats
    settled: bool

    @property
    def log_likelihood(self) -> float:
        """At the best top."""
        return float(self.point.value[0])

    @property
    def posterior(self) -> Floats:
        """Shape (people, groups)."""
        return self.point.posterior[0].T


def make_model(
    frame: pd.DataFrame, *, family: Family = "zip", time: str = "period",
    count: str = "n_offences", exposure: str | None = "exposure", person: str = "person_id",
    degree: int = 2, knots: int | Sequence[float] = 0, inflation: Inflation = 0,
    membership: Sequence[str] = (), weight: str | None = None, centre: float | None = None,
    unit: float | None = None, order: Order = "share", variance: Variance = "model",
) -> Model:  # fmt: skip
    """Check the choices, read the panel and make the designs; see `fit_trajectories`."""
    for name, value, allowed in (
        ("family", family, get_args(Family)),
        ("order", order, get_args(Order)),
        ("variance", variance, get_args(Variance)),
    ):
        if value not in allowed:
            raise ModelError(f"`{name}` is one of {', '.join(allowed)}.")
    if isinstance(inflation, str) and inflation != "tau":
        raise ModelError("`inflation` is a degree (0 for a constant) or 'tau'.")
    if weight is not None and variance == "model":
        raise ModelError("With weights the variance is robust: give `variance='robust'`.")
    panel = read_panel(
        frame, person=person, time=time, count=count, exposure=exposure, membership=membership,
        weight=weight,
    )  # fmt: skip
    basis = basis_of(panel.time, degree, knots, centre, unit)
    tau = family == "zip" and inflation == "tau"
    inflated = None
    if family == "zip" and not isinstance(inflation, str):
        inflated = basis_of(panel.time, inflation, 0, centre, unit)
    curve, curve_back = of_unit_size(basis.matrix(panel.time), basis.names)
    members, members_back = of_unit_size(panel.members, panel.member_names)
    if inflated is not None:
        second, second_back = of_unit_size(inflated.matrix(panel.time), inflated.names)
    else:
        q = int(tau or family == "negative-binomial")
        second, second_back = np.ones((len(panel.time), q)), np.eye(q)
    return Model(
        panel, family, tau, basis, inflated, (curve_back, second_back, members_back),
        (curve, second, members), order, variance, exposure, weight is not None, time,
    )  # fmt: skip


def check_groups(model: Model, n_groups: int) -> None:
    """Refuse more groups than the people, or their periods, can tell apart."""
    n, n_parameters = len(model.panel.first), model.mixture(n_groups).n_parameters
    if n_groups < 1 or int(n_groups) != n_groups:
        raise ModelError(f"A number of groups is 1 or more, not {n_groups}.")
    if n < n_parameters:
        raise ModelError(
            f"{n_groups} groups have {n_parameters} parameters, more than the {n} people: take "
            "fewer groups, a lower degree or a simpler family."
        )
    if model.family == "logit" and model.panel.lengths.max() < 2 * n_groups - 1:
        raise ModelError(
            f"{n_groups} groups of yes or no need {2 * n_groups - 1} periods a person to be told "
            f"apart; the most anybody has is {model.panel.lengths.max()}."
        )


def find_top(
    model: Model, n_groups: int, n_starts: int, rng: np.random.Generator,
    *, from_here: Floats | None = None,
    people: Ints | None = None,
) -> Top:  # fmt: skip
    """Climb from seeded starts, and from one top `from_here` (P,); of some people only if named."""
    mixture = model.mixture(n_groups)
    time = model.panel.time
    if people is not None:
        time = time[np.isin(mixture.person, people)]
        mixture = mixture.of_people(people)
    begun = starts(mixture, _one_group(mixture), time, n_starts, rng)
    if from_here is not None:
        begun = np.vstack([from_here, begun])
    found, values = climb_all(mixture, begun)
    return _described(model, mixture, _in_order(model, mixture, found[values.argmax()]), values)


def _one_group(mixture: Mixture) -> Floats:
    """Parameters of one group for everybody, shape (p + q,)."""
    one, begin = mixture.of_one_group(), np.zeros((1, mixture.per_group))
    rate = mixture.count.sum() / np.exp(mixture.log_exposure).sum()
    begin[0, 0] = np.log(max(rate, 1e-6) / mixture.curve[0, 0])
    return climb(one, begin)[0]


def _in_order(model: Model, mixture: Mixture, params: Floats) -> Floats:
    """Put the groups in order: the largest share first, or the lowest mean rate first."""
    groups, theta = mixture.split(params[None])
    if model.order == "share":
        keys = -np.exp(mixture.log_shares(params[None])[0]) @ mixture.weight
    else:
        keys = mean_rates(mixture, params)
    order = np.argsort(keys, kind="stable")
    return mixture.join(groups[:, order], theta[:, order])[0]


def mean_rates(mixture: Mixture, params: Floats) -> Floats:
    """What each group would have per unit of exposure over all rows, or its mean chance of any."""
    eta, second = mixture.predictors(params[None])
    if mixture.family == "logit":
        return expit(eta[0]).mean(axis=1)
    expected = np.exp(eta[0] + (log_expit(-second[0]) if mixture.family == "zip" else 0.0))
    return expected.sum(axis=1) / np.exp(mixture.log_exposure).sum()


def _described(model: Model, mixture: Mixture, params: Floats, tops: Floats) -> Top:
    """Turn a top into the user's coefficients and their covariance."""
    point = mixture.at(params[None])
    p, g, own = mixture.curve.shape[1], mixture.n_groups, mixture.per_group
    back = np.zeros((mixture.n_parameters, mixture.n_parameters))
    for k in range(g):
        back[k * own : k * own + p, k * own : k * own + p] = model.back[0]
        back[k * own + p : (k + 1) * own, k * own + p : (k + 1) * own] = model.back[1]
    r = mixture.members.shape[1]
    for k in range(g * own, mixture.n_parameters, r):
        back[k : k + r, k : k + r] = model.back[2]
    sizes, directions = np.linalg.eigh(point.observed[0])
    known = sizes > FLAT
    inverse = (directions[:, known] / sizes[known]) @ directions[:, known].T
    settled = bool(point.score[0] @ inverse @ point.score[0] < UNSETTLED)
    if model.variance == "robust":
        moves = inverse @ (point.scores[0] * mixture.weight)
        inverse = moves @ moves.T
    lost = np.abs(back @ directions[:, ~known]) > LOADS * np.abs(back).max(axis=1)[:, None]
    groups, theta = mixture.split((back @ params)[None])
    return Top(
        mixture, point, groups[0, :, :p], groups[0, :, p:], theta[0], back @ inverse @ back.T,
        lost.any(axis=1), tops, settled,
    )  # fmt: skip
