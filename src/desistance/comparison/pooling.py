"""Pool the results of areas, or of forces, from aggregates: nothing else has to leave a force.

fixed
    One effect everywhere; weights are inverse variances.
random
    Effects that differ between areas with variance tau squared (Paule and Mandel), and their mean.
    Its interval is Hartung and Knapp's, by Student's t, with an error never below the fixed one's;
    the prediction interval is for the effect in another area.

Areas are taken as independent, which aggregates cannot show: every result says so.

References
----------
Paule and Mandel (1982); Hartung and Knapp (2001), Statistics in Medicine 20(24); Higgins, Thompson
and Spiegelhalter (2009), Journal of the Royal Statistical Society A 172(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, norm, t

from desistance.balance.covariates import one_column
from desistance.checks import numbers_of, refuse_no_frame
from desistance.comparison.effects.contrasts import reach
from desistance.errors import ModelError
from desistance.plots import DARK_GREY, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Caveat, Result, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Scale = Literal["difference", "ratio"]
FIXED, RANDOM, PREDICTED = "all areas: one effect", "all areas: mean effect", "another area"
LIMITS = ["conf_low", "conf_high"]
FEWEST = 5  # areas, below which tau is hardly known
INDEPENDENT = (
    "The areas are taken as independent. If anybody stands in the results of more than one, such "
    "as comparison people who are shared, the pooled intervals are too narrow."
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pooled(Result):
    """One outcome over k areas.

    Attributes
    ----------
    frame : DataFrame
        ``group, estimate, std_error, conf_low, conf_high, p_value, note``: a row for each area,
        then for one effect, the mean effect, and the effect in another area (an interval alone).
        Of ratios, `std_error` is that of the logarithm.
    heterogeneity : dict
        ``q, df, p_value, i_squared, tau`` (of logarithms, for ratios).
    """

    frame: pd.DataFrame
    outcome: str
    scale: Scale
    confidence: float
    heterogeneity: dict[str, float]
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per area, and the pooled ones."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say how alike the areas are, and what they show together."""
        h = self.heterogeneity
        return "\n".join(
            [
                f"{self.outcome}, pooled over {len(self.frame) - 3} areas",
                text_table(self.frame),
                f"Heterogeneity: Q {number(h['q'])} on {number(int(h['df']))} df (p "
                f"{number(h['p_value'])}), I² {number(100 * h['i_squared'], 0)} %, tau "
                f"{number(h['tau'])}",
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the areas and what they show together (a forest plot)."""
        ax = new_axes(ax, size=(7.2, 0.36 * len(self.frame) + 1.2))
        place = np.arange(len(self.frame))[::-1]
        values = self.frame[["estimate", "conf_low", "conf_high"]].to_numpy(float)
        ax.axvline(1 if self.scale == "ratio" else 0, color=DARK_GREY, lw=0.8)
        for y, (estimate, low, high) in zip(place, values, strict=True):
            ax.plot([low, high], [y, y], color="C0", ls="-", lw=1.6)
            if np.isfinite(estimate):
                ax.plot(estimate, y, "s" if y > 2 else "D", color="C0" if y > 2 else "C2")
        ax.set_yticks(place, self.frame["group"])
        ax.axhline(2.5, color=DARK_GREY, lw=0.6)
        if self.scale == "ratio":
            ratio_axis(ax)
        ax.set_xlabel(self.outcome[0].upper() + self.outcome[1:])
        return ax


def pool_areas(
    areas: pd.DataFrame,
    *,
    scale: Scale,
    outcome: str = "effect",
    confidence: float = 0.95,
) -> Pooled:
    """Pool one outcome over areas, or forces.

    Parameters
    ----------
    areas
        A row an area: ``group, estimate, std_error``. Of ratios, `std_error` is that of the
        logarithm, as in every frame of effects of this library. Where it is not told, as in what a
        report releases, ``conf_low, conf_high`` stand for it: limits at `confidence`. Rows without
        an estimate are left out and counted.
    scale
        "difference", or "ratio" to pool logarithms.
    outcome
        What the estimates are of; printed.

    Raises
    ------
    ModelError
        If a column is missing, a group is there twice, or fewer than two areas have an estimate.

    Examples
    --------
    >>> areas = pd.DataFrame({
    ...     "group": ["Leicester", "Derby", "Lincoln"],
    ...     "estimate": [0.7, 0.9, 0.8],
    ...     "std_error": [0.2, 0.15, 0.25],
    ... })
    >>> pool_areas(areas, scale="ratio", outcome="hazard ratio").to_frame()["estimate"].round(2)
    0    0.70
    1    0.90
    2    0.80
    3    0.82
    4    0.82
    5     NaN
    Name: estimate, dtype: float64
    """
    refuse_no_frame(areas, "areas")
    by_limits = "std_error" not in areas and set(LIMITS) <= set(areas)
    errors = LIMITS if by_limits else ["std_error"]
    missing = [name for name in ("group", "estimate", *errors) if name not in areas]
    if missing:
        raise ModelError(f"`areas` lacks {', '.join(missing)}.")
    if scale not in ("difference", "ratio"):
        raise ModelError('`scale` is "difference" or "ratio".')
    if areas["group"].duplicated().any():
        raise ModelError("A group is there twice in `areas`: pool one outcome at a time.")
    estimate, error, *high = (numbers_of(one_column(areas, name)) for name in ("estimate", *errors))
    if high:
        error = _error_of(error, high[0], scale, reach(confidence))
    known = np.isfinite(estimate) & np.isfinite(error)
    if (error[known] <= 0).any() or (scale == "ratio" and (estimate[known] <= 0).any()):
        raise ModelError("Standard errors, and ratios, are above 0.")
    if known.sum() < 2:
        raise ModelError("Fewer than two areas have an estimate: there is nothing to pool.")
    y = np.log(estimate[known]) if scale == "ratio" else estimate[known]
    s = error[known]
    z = reach(confidence)
    whole = np.full(len(known), np.nan)
    whole[known] = y
    rows = [_row(group, one, own, z) for group, one, own in zip(areas["group"], whole, error,
                                                                strict=True)]  # fmt: skip
    pooled, found = _pooled(y, s, confidence)
    frame = pd.DataFrame([*rows, *pooled])
    if scale == "ratio":
        limits = ["estimate", "conf_low", "conf_high"]
        frame[limits] = np.exp(frame[limits])
    told: list[str] = [INDEPENDENT]
    if by_limits:
        told.append(
            f"Standard errors are read from the {100 * confidence:g} % limits, and are as coarse "
            "as those are rounded."
        )
    if not known.all():
        told.append(Caveat("{n} areas have no estimate and are left out.", n=int((~known).sum())))
    if known.sum() < FEWEST:
        told.append(
            f"Fewer than {FEWEST} areas: how far they differ is hardly known, so the mean effect "
            "and the effect in another area are uncertain beyond what intervals say."
        )
    return Pooled(frame, outcome, scale, confidence, found, tuple(told))


def _error_of(low: Floats, high: Floats, scale: Scale, z: float) -> Floats:
    """The standard errors that limits were made with, of logarithms for ratios."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "ratio":
            low, high = np.log(low), np.log(high)
        error: Floats = (high - low) / (2 * z)
    return np.where(np.isfinite(error), error, np.nan)


def _row(group: str, estimate: float, error: float, z: float) -> dict[str, object]:
    if not np.isfinite(estimate):
        return {"group": group, "estimate": np.nan, "note": f"{NOT_ESTIMABLE}: none was given"}
    return {
        "group": group, "estimate": estimate, "std_error": error,
        "conf_low": estimate - z * error, "conf_high": estimate + z * error,
        "p_value": 2 * norm.sf(abs(estimate / error)), "note": "",
    }  # fmt: skip


def _pooled(
    y: Floats, s: Floats, confidence: float
) -> tuple[list[dict[str, object]], dict[str, float]]:
    """One effect, the mean effect and the effect in another area, with how far areas differ."""
    k, z = len(y), float(norm.ppf(0.5 + confidence / 2))
    fixed, q = _weighted(y, s, 0.0)
    tau2 = _paule_mandel(y, s)
    mean, spread = _weighted(y, s, tau2)
    weight = 1 / (s**2 + tau2)
    reach = float(t.ppf(0.5 + confidence / 2, k - 1))
    error = np.sqrt(max(spread / (k - 1), 1.0) / weight.sum())
    rows = [
        _row(FIXED, fixed, float(np.sqrt(1 / (1 / s**2).sum())), z),
        _row(RANDOM, mean, error, reach) | {"p_value": 2 * t.sf(abs(mean / error), k - 1)},
    ]
    if k > 2:
        far = float(t.ppf(0.5 + confidence / 2, k - 2)) * np.sqrt(tau2 + error**2)
        rows.append({"group": PREDICTED, "estimate": np.nan, "conf_low": mean - far,
                     "conf_high": mean + far, "note": "interval for a new area"})  # fmt: skip
    else:
        rows.append({"group": PREDICTED, "estimate": np.nan,
                     "note": f"{NOT_ESTIMABLE}: two areas say nothing of another"})  # fmt: skip
    found = {
        "q": q, "df": k - 1, "p_value": float(chi2.sf(q, k - 1)),
        "i_squared": max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0, "tau": float(np.sqrt(tau2)),
    }  # fmt: skip
    return rows, found


def _weighted(y: Floats, s: Floats, tau2: float) -> tuple[float, float]:
    """Mean by inverse variances, and the weighted squares around it."""
    weight = 1 / (s**2 + tau2)
    mean = float(weight @ y / weight.sum())
    return mean, float(weight @ (y - mean) ** 2)


def _paule_mandel(y: Floats, s: Floats) -> float:
    """The variance between areas at which the weighted squares are as many as expected."""

    def surplus(tau2: float) -> float:
        return _weighted(y, s, tau2)[1] - (len(y) - 1)

    if surplus(0.0) <= 0:
        return 0.0
    top = float(np.var(y, ddof=1) + s.max() ** 2)
    while surplus(top) > 0:
        top *= 2
    return float(brentq(surplus, 0.0, top, xtol=1e-15, rtol=1e-14))
