"""One area's series across its go-live: interrupted time series.

    y_t = level + slope t + change of level + change of slope (t - go-live) + season + error

the changes from go-live on. With `compare`, y is the area's outcome less that of the areas that
never go live, so that what moves both leaves no trace. Months are weighted by the person-months
behind them, and errors allow for neighbouring months being alike:

hac
    Newey and West's, over `lags` months, with the n / (n - k) correction.
ar1
    The model fitted anew with errors that follow the month before (Cochrane and Orcutt, iterated;
    months are not weighted, and are taken to have no gap).

References
----------
Wagner, Soumerai, Zhang and Ross-Degnan (2002), Journal of Clinical Pharmacy and Therapeutics 27(4);
Newey and West (1987), Econometrica 55(3), and (1994), Review of Economic Studies 61(4), for the
number of lags, 4 (n / 100) to the power of 2/9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.ticker import MaxNLocator
from scipy.stats import t

from desistance.comparison.rollout.areamonths import PER, Panel, panel_of
from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, ORANGE, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]

Errors = Literal["hac", "ar1"]
LEVEL, SLOPE = "change of level at go-live", "change of slope, per month"
MEAN = "mean change over live months"
FEWEST = 6  # months on either side of go-live


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InterruptedSeries(Result):
    """Changes at go-live, for each area that went live.

    Attributes
    ----------
    frame : DataFrame
        ``group, term, n, estimate, std_error, statistic, df, conf_low, conf_high, p_value, note``.
    series : DataFrame
        ``group, month, since, observed, fitted, without``; the last is the fit had nothing
        changed.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    series: pd.DataFrame
    outcome: str
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Three rows per area."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what changed at go-live."""
        n = self.frame["group"].nunique()
        return "\n".join(
            [
                f"Interrupted time series of {self.outcome}: {n} areas",
                self.definition,
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the first area's months, the fit, and the fit had nothing changed."""
        ax = new_axes(ax)
        with house_style():
            if len(self.series):
                group = self.series["group"].iloc[0]
                rows = self.series[self.series["group"] == group]
                ax.plot(rows["since"], rows["observed"], "o", ms=4, color=DARK_GREY, label="seen")
                live = rows[rows["since"] >= 0]
                ax.plot(live["since"], live["fitted"], "-", color=DARK_BLUE, label="fitted")
                before = rows[rows["since"] < 0]
                ax.plot(before["since"], before["fitted"], "-", color=DARK_BLUE)
                ax.plot(live["since"], live["without"], "--", color=ORANGE,
                        label="had nothing changed")  # fmt: skip
                ax.legend(title=str(group), fontsize=10, title_fontsize=10)
            ax.axvline(-0.5, color=DARK_GREY, lw=0.8, ls="--")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set(
                xlabel="Months since go-live",
                ylabel=(self.outcome[0].upper() + self.outcome[1:]).replace(", ", ",\n"),
            )
            ax.yaxis.label.set_fontsize(10)
        return ax


def interrupted_time_series(
    source: FollowUp | pd.DataFrame,
    *,
    compare: bool = False,
    harmonics: int = 0,
    errors: Errors = "hac",
    lags: int | None = None,
    per: float = PER,
    confidence: float = 0.95,
) -> InterruptedSeries:
    """Follow each live area's series across its go-live.

    Parameters
    ----------
    source
        A follow-up, or a frame of areas and months; see `desistance.comparison.rollout.areamonths`.
    compare
        Take out the areas that never go live, month by month.
    harmonics
        Sine and cosine pairs of a yearly season: 1 or 2 are enough, 0 for none.
    errors, lags
        See `desistance.comparison.rollout.interrupted`.
    per, confidence
        Of how much exposure the rate is, and of the intervals.

    Raises
    ------
    ModelError
        If no area goes live, or `compare` is asked for and every area does.

    Examples
    --------
    >>> months = np.arange(24)
    >>> rate = 10 - 0.1 * np.maximum(months - 12, 0) - 3 * (months >= 12)
    >>> rate = rate + 0.2 * np.sin(2.1 * months)
    >>> panel = pd.DataFrame({"area": "A", "month": months, "outcome": rate, "go_live": 12})
    >>> interrupted_time_series(panel).to_frame()[["term", "estimate"]].round(2)
                               term  estimate
    0    change of level at go-live     -2.94
    1    change of slope, per month     -0.10
    2  mean change over live months     -3.49
    """
    if errors not in get_args(Errors):
        raise ModelError(f"`errors` is one of {', '.join(get_args(Errors))}.")
    if harmonics < 0 or (lags is not None and lags < 0):
        raise ModelError("`harmonics` and `lags` are 0 or more.")
    panel = panel_of(source, per=per)
    n_months = len(panel.months)
    never = panel.start == n_months
    if never.all():
        raise ModelError("No area goes live in the months there are.")
    if compare and not never.any():
        raise ModelError("Every area goes live: there is none to compare with.")
    other = _pooled(panel, never) if compare else (np.zeros(n_months), np.full(n_months, np.inf))
    rows: list[dict[str, Any]] = []
    parts: list[pd.DataFrame] = []
    for i in np.flatnonzero(~never):
        found, series = _one(panel, int(i), other, harmonics, errors, lags, confidence)
        rows += found
        if series is not None:
            parts.append(series)
    frame = pd.DataFrame(rows).reindex(columns=[
        "group", "term", "n", "estimate", "std_error", "statistic", "df", "conf_low", "conf_high",
        "p_value", "note"])  # fmt: skip
    definition = (
        f"{'less the areas that never go live' if compare else 'nothing compared'}; "
        f"{harmonics or 'no'} seasonal harmonics; errors {errors}"
    )
    told = list(panel.caveats)
    if not compare:
        told.append("Nothing is compared: whatever else changed at go-live is in these figures.")
    told.append("The trend before go-live is taken to go on for ever: the further from go-live, "
                "the less it may be relied on.")  # fmt: skip
    return InterruptedSeries(
        frame.fillna({"note": ""}), _together(parts),
        panel.outcome + (", less areas never live" if compare else ""), definition, tuple(told),
    )  # fmt: skip


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns=["group", "month", "since", "observed", "fitted", "without"])


def _pooled(panel: Panel, never: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Outcome of the areas never live together, month by month, and the exposure behind it."""
    weight = panel.exposure[never]
    total = weight.sum(axis=0)
    added = (np.nan_to_num(panel.y[never]) * weight).sum(axis=0)
    return np.divide(added, total, out=np.full(len(total), np.nan), where=total > 0), total


def _one(
    panel: Panel, i: int, other: tuple[Floats, Floats], harmonics: int, errors: str,
    lags: int | None, confidence: float,
) -> tuple[list[dict[str, Any]], pd.DataFrame | None]:  # fmt: skip
    y, start = panel.y[i] - other[0], int(panel.start[i])
    month = np.arange(len(y))
    with np.errstate(divide="ignore"):
        weight = 1 / (1 / panel.exposure[i] + 1 / other[1])
    seen = np.isfinite(y) & (weight > 0)
    live = month >= start
    group = panel.areas[i]
    if min((seen & live).sum(), (seen & ~live).sum()) < FEWEST:
        note = f"{NOT_ESTIMABLE}: fewer than {FEWEST} months before or after go-live"
        return [{"group": group, "term": term, "n": int(seen.sum()), "note": note}
                for term in (LEVEL, SLOPE, MEAN)], None  # fmt: skip
    since = month - start
    turn = 2 * np.pi * month / 12
    season = [f(k * turn) for k in range(1, harmonics + 1) for f in (np.sin, np.cos)]
    x = np.column_stack([live, since * live, np.ones(len(y)), since, *season]).astype(float)
    estimates, covariance = _fit(y[seen], x[seen], weight[seen], errors, lags)
    n, k = int(seen.sum()), x.shape[1]
    contrasts = np.zeros((3, k))
    contrasts[0, 0] = contrasts[1, 1] = contrasts[2, 0] = 1.0
    contrasts[2, 1] = since[seen & live].mean()
    rows: list[dict[str, Any]] = []
    for term, contrast in zip((LEVEL, SLOPE, MEAN), contrasts, strict=True):
        estimate, error = contrast @ estimates, np.sqrt(contrast @ covariance @ contrast)
        row: dict[str, Any] = {"group": group, "term": term, "n": n, "estimate": estimate}
        if error <= 1e-10 * (1 + np.abs(y[seen]).max()):
            rows.append(row | {"note": f"error {NOT_ESTIMABLE}: the fit is perfect"})
            continue
        reach = t.ppf(0.5 + confidence / 2, n - k) * error
        rows.append(row | {
            "std_error": error, "statistic": estimate / error, "df": n - k,
            "conf_low": estimate - reach, "conf_high": estimate + reach,
            "p_value": float(2 * t.sf(abs(estimate / error), n - k))})  # fmt: skip
    series = pd.DataFrame(
        {"group": group, "month": panel.months, "since": since, "observed": y,
         "fitted": x @ estimates, "without": x[:, 2:] @ estimates[2:]})  # fmt: skip
    return rows, series


def _fit(
    y: Floats, x: Floats, weight: Floats, errors: str, lags: int | None
) -> tuple[Floats, Floats]:
    if errors == "ar1":
        fitted = sm.GLSAR(y, x, rho=1).iterative_fit(maxiter=200, rtol=1e-12)
    else:
        most = int(4 * (len(y) / 100) ** (2 / 9)) if lags is None else lags
        fitted = sm.WLS(y, x, weights=weight).fit(
            cov_type="HAC", cov_kwds={"maxlags": most, "use_correction": True}
        )
    return np.asarray(fitted.params), np.asarray(fitted.cov_params())
