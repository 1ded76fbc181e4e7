"""Weigh the comparison people until they are like those exposed.

inverse
    The odds of being exposed for the effect on those exposed (ATT); one over the chance of the
    cohort a person is in for the effect on everybody (ATE).
overlap
    The chance of being in the other cohort, for the effect where the cohorts overlap (ATO): no
    weight can grow large, and after a logistic model all means are equal.
entropy
    The weights nearest to equal ones under which all means equal those of the exposed (ATT).
covariate-balancing
    The logistic model that makes means equal instead of the likelihood large (ATT, ATE); for the
    ATT it gives the same weights as "entropy".

Of a follow-up, the comparison people of a risk set share a weight of 1 ("inverse": in proportion to
their odds of joining; "entropy": so that the means of all sets together are equal): ATT only.

References
----------
Li, Morgan and Zaslavsky (2018), JASA 113(521); Hainmueller (2012), Political Analysis 20(1); Imai
and Ratkovic (2014), Journal of the Royal Statistical Society B 76(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from desistance.balance.cohorts import Balance, cohorts
from desistance.balance.covariates import in_standard_units
from desistance.balance.dual import balancing_weights, set_weights
from desistance.balance.propensity import scored
from desistance.checks import is_number
from desistance.errors import ModelError, NoOverlapError
from desistance.results import Caveat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.balance.propensity import Propensity

    Floats = NDArray[np.float64]

Way = Literal["inverse", "overlap", "entropy", "covariate-balancing"]
Estimand = Literal["ATT", "ATE", "ATO"]

MEANS = {  # what each way can answer
    "inverse": ("ATT", "ATE"), "overlap": ("ATO",), "entropy": ("ATT",),
    "covariate-balancing": ("ATT", "ATE"),
}  # fmt: skip
STEPS, ENOUGH = 200, 1e-12


def weigh_cohorts(
    propensity: Propensity,
    *,
    method: Way = "inverse",
    estimand: Estimand | None = None,
    truncate: float | None = None,
) -> Balance:
    """Weigh people so that the cohorts are alike.

    Parameters
    ----------
    propensity
        From `estimate_propensity`, of a frame or a follow-up.
    method
        See `desistance.balance.weights`.
    estimand
        Whom the effect is on: "ATT" by default, "ATO" of "overlap".
    truncate
        Largest weight, as a quantile of each cohort's weights (0.99): larger ones are cut to it,
        and counted.

    Returns
    -------
    Balance
        `weights` stand on the index of the input; their sum in each cohort is the number of people
        exposed (ATT), or of the cohort.

    Raises
    ------
    ModelError
        If the choices do not go together, or no weights can make the means equal.

    Examples
    --------
    >>> from desistance.balance import estimate_propensity
    >>> frame = pd.DataFrame({"joined": [0, 0, 0, 1, 1, 0], "age": [20, 25, 31, 30, 41, 45]})
    >>> fitted = estimate_propensity(frame, exposed="joined", terms=["age"])
    >>> weighed = weigh_cohorts(fitted, method="entropy")
    >>> weighed.weights.round(2).tolist()
    [0.25, 0.32, 0.45, 1.0, 1.0, 0.98]
    >>> float(weighed.table["smd_after"].abs().max().round(9))
    0.0
    """
    scored(propensity)
    if method not in get_args(Way):
        raise ModelError(f"`method` is one of {', '.join(get_args(Way))}.")
    estimand = estimand or MEANS[method][0]  # type: ignore[assignment]
    if estimand not in MEANS[method]:
        raise ModelError(f"{method!r} answers {' and '.join(MEANS[method])}, not {estimand!r}.")
    if truncate is not None and not (is_number(truncate) and 0.5 < truncate < 1):
        raise ModelError("`truncate` is a quantile between 0.5 and 1.")
    exposed = propensity.exposed
    if propensity.sets is not None:
        if method not in ("inverse", "entropy") or estimand != "ATT":
            raise ModelError(
                'Of a follow-up, people are weighed by "inverse" or "entropy", for the ATT.'
            )
        sets = propensity.sets["match"].to_numpy()
        weight = (
            set_weights(propensity.log_odds, exposed, sets) if method == "inverse"
            else balancing_weights(_standard(propensity), exposed, sets)
        )  # fmt: skip
    else:
        weight = _weights(propensity, method, estimand)
    said: list[str] = []
    if truncate is not None:
        weight, n_cut = _truncated(weight, exposed, truncate)
        said.append(
            Caveat(f"{{cut}} weights above the {truncate:.0%} quantile were cut to it.", cut=n_cut)
        )
    rows = np.flatnonzero(weight > 0)
    match = rows if propensity.sets is None else propensity.sets["match"].to_numpy()[rows]
    matches = pd.DataFrame(
        {"match": match, "row": rows, "exposed": exposed[rows], "weight": weight[rows]}
    )
    return cohorts(propensity, matches, f"{method} weights", str(estimand), said)


def _standard(propensity: Propensity) -> Floats:
    return in_standard_units(propensity.columns.to_numpy(float))[0]


def _weights(propensity: Propensity, method: str, estimand: str | None) -> Floats:
    exposed, chance = propensity.exposed, expit(propensity.log_odds)
    one_set = np.zeros(len(exposed), np.int64)
    if method == "overlap":
        weight = np.where(exposed, 1 - chance, chance)
    elif method == "entropy" or (method == "covariate-balancing" and estimand == "ATT"):
        return balancing_weights(_standard(propensity), exposed, one_set)
    elif estimand == "ATT":
        return set_weights(propensity.log_odds, exposed, one_set)
    else:
        if method == "covariate-balancing":
            chance = _balancing_chance(_standard(propensity), exposed, propensity.log_odds)
        weight = 1 / np.where(exposed, chance, 1 - chance)
    for side in (exposed, ~exposed):
        weight[side] *= side.sum() / weight[side].sum()
    return weight


def _balancing_chance(x: Floats, exposed: NDArray[np.bool_], log_odds: Floats) -> Floats:
    """Solve for the logistic model under whose weights both cohorts have the same means.

    The equations are the slope of ``sum exp(-s_i x_i b) - s_i x_i b``, with s_i = 1 for those
    exposed and -1 for the others, which is convex in b.
    """
    whole = np.column_stack([np.ones(len(x)), x])
    sign = np.where(exposed, 1.0, -1.0)
    slopes = np.linalg.lstsq(whole, np.clip(log_odds, -5, 5), rcond=None)[0]

    def at(slopes: Floats) -> tuple[float, Floats, Floats]:
        score = sign * (whole @ slopes)
        risk = np.exp(np.minimum(-score, 500))
        return float((risk - score).sum()), risk, -(sign * (1 + risk)) @ whole

    value, risk, gradient = at(slopes)
    for _ in range(STEPS):
        step = np.linalg.lstsq((whole * risk[:, None]).T @ whole, gradient, rcond=1e-12)[0]
        size = 1.0
        while size > 1e-10:
            new = at(slopes - size * step)
            if new[0] <= value - 1e-4 * size * float(gradient @ step) or size < 1e-9:
                break
            size /= 2
        slopes, (value, risk, gradient) = slopes - size * step, new
        if np.abs(gradient).max() <= ENOUGH * len(x):
            break
    if np.abs(gradient).max() > 1e-8 * len(x):
        raise NoOverlapError(
            "No weights make both cohorts alike on every term: on some mix of the terms they do "
            "not overlap. Leave terms out, or match."
        )
    chance: Floats = expit(whole @ slopes)
    return chance


def _truncated(weight: Floats, exposed: NDArray[np.bool_], quantile: float) -> tuple[Floats, int]:
    weight, n_cut = weight.copy(), 0
    for side in (exposed, ~exposed):
        limit, total = np.quantile(weight[side], quantile), weight[side].sum()
        n_cut += int((weight[side] > limit).sum())
        weight[side] = np.minimum(weight[side], limit)
        weight[side] *= total / weight[side].sum()
    return weight, n_cut
