"""Group-based trajectories: how people's offending went over age or time, in a few groups.

A finite mixture (Nagin 2005): each group has a curve of offences per unit of exposure, and each
person a chance of being in each group. What a period adds is in `families`, the curves in `basis`,
the likelihood in `likelihood`, the way to its top in `climbing`. Conventions:

* Exposure enters: log mu = curve + log exposure. Without it custody looks like desistance.
* Groups stand in order of their share, the largest first, or of their mean rate, the lowest
  first, so that the same data and seed give the same names.
* BIC is -2 log-likelihood + parameters x log n: smaller is better. n are the people; that with the
  rows in their place is given beside it.
* Standard errors are of the information of the whole mixture, so that they know that nobody's
  group is known; or of the sandwich over people.
* What the data cannot say is kept and said: a group of fewer people than its parameters, an
  inflation or a dispersion that runs to its limit, a likelihood that is flat in some direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desistance.errors import ModelError
from desistance.results import Caveat
from desistance.trajectories.model import SAME_TOP, check_groups, find_top, make_model
from desistance.trajectories.result import Trajectories

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from desistance.trajectories.families import Family
    from desistance.trajectories.model import Inflation, Model, Order, Top, Variance

FEW_PEOPLE = 200


def fit_trajectories(
    panel: pd.DataFrame,
    *,
    groups: int,
    family: Family = "zip",
    time: str = "period",
    count: str = "n_offences",
    exposure: str | None = "exposure",
    person: str = "person_id",
    degree: int = 2,
    knots: int | Sequence[float] = 0,
    inflation: Inflation = 0,
    membership: Sequence[str] = (),
    weight: str | None = None,
    centre: float | None = None,
    unit: float | None = None,
    order: Order = "share",
    variance: Variance = "model",
    starts: int = 20,
    rng: int | np.random.Generator,
) -> Trajectories:
    """Fit a number of trajectory groups to counts of offences by period.

    Parameters
    ----------
    panel
        One row a person and period, as from `offences_by_period`.
    groups
        How many; `choose_groups` compares several.
    family
        "zip", "poisson", "negative-binomial", or "logit": whether there is any offence, its odds
        in proportion to exposure.
    time, count, exposure, person
        Columns. Exposure is in any unit, years at liberty say; rates are per unit of it. None
        takes every period as one unit, and is said in a caveat.
    degree, knots
        Of each group's curve in `time`: a polynomial, or a spline with a number of knots at
        quantiles of the times, or with the knots named.
    inflation
        Of "zip": the degree of logit p in time, in each group (0: a constant), or "tau": logit p
        = -tau log mu (Lambert's ZIP(tau), as crimCV's).
    membership
        Columns that make one group more likely than another; each fixed for a person. Numbers and
        yes or no enter as they are, texts as indicators of all levels but the first.
    weight
        A column of weights of people, scaled to a mean of 1; needs ``variance="robust"``.
    centre, unit
        Terms are of z = (time - centre) / unit; the middle and half the range if left out.
    order
        "share", the largest group first, or "rate", that of the lowest mean rate first.
    variance
        "model" (the observed information of the mixture) or "robust" (its sandwich over people).
    starts
        How many divisions of the people to climb from.
    rng
        A seed or generator for them.

    Raises
    ------
    ModelError
        If a column or choice cannot be used, people are fewer than parameters, or there are fewer
        than 3 periods. Groups that say too little are no error: their `note` says so.

    References
    ----------
    Nagin (2005), Group-Based Modeling of Development; Nielsen et al. (2014), Communications in
    Statistics, Theory and Methods 43, 4337-4356.

    Examples
    --------
    >>> import pandas as pd
    >>> draw = np.random.default_rng(5)
    >>> age, often = np.tile(range(18, 26), 300), np.repeat(np.arange(300) < 90, 8)
    >>> free = draw.uniform(0.3, 1, 2400).round(2)
    >>> mean = free * np.where(often, 3.0, np.exp(0.4 - 0.4 * (age - 18)))
    >>> panel = pd.DataFrame({"person_id": np.repeat(range(300), 8), "age": age,
    ...                       "n_offences": draw.poisson(mean), "exposure": free})
    >>> fit = fit_trajectories(panel, groups=2, family="poisson", time="age", degree=1, rng=1)
    >>> fit.groups()[["group", "estimate", "n"]].round(2)
      group  estimate    n
    0     1       0.7  211
    1     2       0.3   89
    """
    model = make_model(
        panel, person=person, time=time, count=count, exposure=exposure, weight=weight,
        family=family, degree=degree, knots=knots, inflation=inflation, membership=membership,
        centre=centre, unit=unit, order=order, variance=variance,
    )  # fmt: skip
    check_groups(model, groups)
    check_starts(starts)
    top = find_top(model, groups, starts, np.random.default_rng(rng))
    return told(model, top, rng)


def check_starts(starts: int) -> None:
    """Refuse a search without a start."""
    if starts < 1:
        raise ModelError("A search needs a start: `starts` is 1 or more.")


def told(model: Model, top: Top, rng: int | np.random.Generator) -> Trajectories:
    """Put what was found into words and columns."""
    return Trajectories(
        model, top, rng if isinstance(rng, int | np.integer) else None, tuple(_caveats(model, top))
    )


def _caveats(model: Model, top: Top) -> list[str]:
    panel, said = model.panel, list[str]()
    n, n_groups, n_starts = len(panel.first), top.mixture.n_groups, len(top.tops)
    for count, what in (
        (panel.n_empty, "{n} periods without a count are left out."),
        (panel.n_unexposed, "{n} periods without any exposure are left out."),
        (panel.n_uncovered, "{n} people without a value of a membership term are left out."),
        (panel.n_lost, "{n} people have no period left and are left out."),
    ):
        if count:
            said.append(Caveat(what, n=int(count)))
    if model.exposure is None:
        said.append("Exposure is not used: time in custody looks like time without offences.")
    if n < FEW_PEOPLE:
        said.append(Caveat("{n} people are few for groups (200 or more is usual).", n=n))
    reached = int((top.tops > top.tops.max() - SAME_TOP).sum())
    if n_groups > 1 and reached == 1 < n_starts:
        said.append(
            f"Only 1 of {n_starts} starts reached the best top: there may be a better one; take "
            "more starts or fewer groups."
        )
    if not top.settled:
        said.append("The climb had not come to rest: take fewer groups or terms.")
    if top.unknown.any():
        said.append("The likelihood is flat in some directions: see the notes.")
    if model.tau and (top.second < 0).any():
        said.append("A tau is below 0: in that group there are more extra zeros where counts rise.")
    return said
