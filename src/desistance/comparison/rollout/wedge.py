"""The mixed model of a stepped-wedge design: every area crosses over, at its own time.

    y_it = month t + effect of being live + area i + error,    area i ~ N(0, tau^2)

with an intercept for each month (so that what changes everywhere is not taken for an effect), one
effect from go-live on, and errors of variance sigma^2 / person-months. The restricted likelihood is
searched over the one ratio tau^2 / sigma^2, from a grid, so that no search stops at a false edge;
the tests hold it against `MixedLM` of statsmodels, and lme4. Intervals are by Student's t on
areas - 2 degrees of freedom.

The effect is taken to be there at once and to stay. Where it grows, the estimate may lie outside
all effects there were: see `rollout_effects`.

References
----------
Hussey and Hughes (2007), Contemporary Clinical Trials 28(2); Ford and Westgate (2020) on degrees of
freedom; Kenny, Voldal, Xia, Heagerty and Hughes (2022), Statistics in Medicine 41(22), on effects
that grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.stats import t

from desistance.comparison.fewareas.areafit import few_areas
from desistance.comparison.rollout.areamonths import PER, panel_of
from desistance.errors import ModelError
from desistance.plots import DARK_GREY, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LIVE = "being live"
LOG_RATIOS = (-14.0, 14.0)  # of tau^2 to sigma^2; at the lower end it is 0
TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SteppedWedge(Result):
    """The effect of being live.

    Attributes
    ----------
    frame : DataFrame
        One row: ``term, n, estimate, std_error, statistic, df, conf_low, conf_high, p_value,
        note``.
    between, within : float
        Variance between areas (tau squared), and of an area-month of average weight.
    n, n_areas, n_months : int
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    outcome: str
    between: float
    within: float
    n: int
    n_areas: int
    n_months: int
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Give the one row."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what being live did, and how areas differ."""
        return "\n".join(
            [
                f"Stepped wedge of {self.outcome}: {self.n_areas} areas, {self.n_months} months",
                self.definition,
                text_table(self.frame),
                f"Variance between areas {number(self.between)}, within {number(self.within)}",
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the effect with its interval."""
        ax = new_axes(ax, size=(7.2, 1.8))
        row = self.frame.iloc[0]
        ax.axvline(0, color=DARK_GREY, lw=0.8)
        ax.plot([row["conf_low"], row["conf_high"]], [0, 0], color="C0", ls="-", lw=1.6)
        ax.plot(row["estimate"], 0, "s", color="C0")
        ax.set_yticks([0], [LIVE.capitalize()])
        ax.set_xlabel(f"Change in {self.outcome}", fontsize=10)
        return ax


def fit_stepped_wedge(
    source: FollowUp | pd.DataFrame,
    *,
    weigh: Literal["exposure", "areas"] = "exposure",
    per: float = PER,
    confidence: float = 0.95,
) -> SteppedWedge:
    """Fit the mixed model of a stepped-wedge design.

    Parameters
    ----------
    source
        A follow-up, or a frame of areas and months; see `desistance.comparison.rollout.areamonths`.
    weigh
        Area-months count by their "exposure", or all the same ("areas").
    per, confidence
        Of how much exposure the rate is, and of the interval.

    Raises
    ------
    ModelError
        If fewer than three areas, or no live and other area-months together, are there.

    References
    ----------
    See `desistance.comparison.rollout.wedge`.

    Examples
    --------
    >>> rows = [
    ...     (area, month, 10 + area + month % 3 - 2 * (month > area) + area * month % 2, area + 1)
    ...     for area in range(4) for month in range(6)
    ... ]
    >>> panel = pd.DataFrame(rows, columns=["area", "month", "outcome", "go_live"])
    >>> fit_stepped_wedge(panel).to_frame()[["term", "estimate", "df"]].round(2)
             term  estimate   df
    0  being live     -2.33  2.0
    """
    if weigh not in ("exposure", "areas"):
        raise ModelError('`weigh` is "exposure" or "areas".')
    panel = panel_of(source, per=per)
    area, month = np.nonzero(np.isfinite(panel.y))
    y, live = panel.y[area, month], (month >= panel.start[area]).astype(float)
    n_areas = len(np.unique(area))
    weight = panel.exposure[area, month] if weigh == "exposure" else np.ones(len(y))
    weight = weight / weight.mean()
    if n_areas < 3:
        raise ModelError(f"{n_areas} areas are too few to tell how areas differ.")
    intercepts = np.eye(len(panel.months))[month][:, np.bincount(month) > 0]
    x = np.column_stack([live, intercepts])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ModelError("No month has both a live area and another: nothing is compared.")
    coefficients, errors, between, within = _restricted(y, x, area, weight)
    estimate, error = float(coefficients[0]), float(errors[0])
    df = n_areas - 2
    row: dict[str, Any] = {"term": LIVE, "n": len(y), "estimate": estimate, "note": ""}
    if error > 1e-10 * (1 + np.abs(y).max()):
        reach = t.ppf(0.5 + confidence / 2, df) * error
        row |= {"std_error": error, "statistic": estimate / error, "df": float(df),
                "conf_low": estimate - reach, "conf_high": estimate + reach,
                "p_value": float(2 * t.sf(abs(estimate / error), df))}  # fmt: skip
    else:
        row["note"] = f"error {NOT_ESTIMABLE}: the fit is perfect"
    frame = pd.DataFrame([row]).reindex(columns=[
        "term", "n", "estimate", "std_error", "statistic", "df", "conf_low", "conf_high", "p_value",
        "note"])  # fmt: skip
    told = [*panel.caveats, *few_areas(n_areas)]
    if between == 0:
        told.append("Areas differ no more than months do: the variance between them is put at 0.")
    told.append("The effect is taken to be there at once and to stay; where it grows, see "
                "`rollout_effects`.")  # fmt: skip
    return SteppedWedge(
        frame, panel.outcome, between, within, len(y), n_areas, len(panel.months),
        "month intercepts, a random intercept for each area, restricted maximum likelihood"
        + ("; area-months weighted by exposure" if weigh == "exposure" else ""),
        tuple(told),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What the likelihood needs of the rows: of all (p columns and y), and of each area."""

    cross: Floats  # (p + 1, p + 1)
    by_area: Floats  # (areas, p + 1)
    weight: Floats  # (areas,)

    def at(self, ratio: float) -> Floats:
        """Cross products under the inverse variance, were tau^2 `ratio` times sigma^2."""
        held = ratio / (1 + ratio * self.weight)
        return self.cross - (self.by_area.T * held) @ self.by_area


def _restricted(
    y: Floats, x: Floats, area: Ints, weight: Floats
) -> tuple[Floats, Floats, float, float]:
    """Maximise the restricted likelihood over the ratio of the variances.

    Returns
    -------
    coefficients, std_error : float64 arrays, shape (p,)
    between, within : float
    """
    both = np.column_stack([x, y])
    label = np.unique(area, return_inverse=True)[1]
    share = (label == np.arange(label.max() + 1)[:, None]) * weight
    sums = _Sums((both.T * weight) @ both, share @ both, share.sum(axis=1))
    n, p = x.shape

    def fitted(ratio: float) -> tuple[Floats, Floats, float]:
        cross = sums.at(ratio)
        coefficients = np.asarray(np.linalg.solve(cross[:p, :p], cross[:p, p]), np.float64)
        return cross[:p, :p], coefficients, float(cross[p, p] - cross[:p, p] @ coefficients)

    def lost(log_ratio: float) -> float:
        ratio = float(np.exp(log_ratio))
        information, _, squares = fitted(ratio)
        spread = np.log1p(ratio * sums.weight).sum() + np.linalg.slogdet(information)[1]
        return float((n - p) * np.log(max(squares, TINY)) + spread)

    grid = np.linspace(*LOG_RATIOS, 57)
    best = int(np.argmin([lost(one) for one in grid]))
    ratio = 0.0
    if best > 0:
        bounds = grid[best - 1], grid[min(best + 1, len(grid) - 1)]
        found = minimize_scalar(lost, bounds=bounds, method="bounded", options={"xatol": 1e-10})
        ratio = float(np.exp(found.x))
    information, coefficients, squares = fitted(ratio)
    within = max(squares, 0.0) / (n - p)
    error = np.asarray(np.sqrt(within * np.diag(np.linalg.inv(information))), np.float64)
    return coefficients, error, ratio * within, within
