"""A regression on rows that come in areas, with the errors that few areas allow.

Least squares, weighted if asked, and for each term two answers: the clustered variance CR2 with
Satterthwaite's degrees of freedom (see `leastsquares`), and the wild cluster bootstrap (see
`wild`). Where they disagree, the areas are too few or too unlike for either to be leant on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import t

from desistance.checks import refuse_no_frame
from desistance.comparison.fewareas.leastsquares import cr2, least_squares
from desistance.comparison.fewareas.wild import POINTS, Pattern, patterns, wild_test
from desistance.errors import ModelError
from desistance.plots import DARK_GREY, MARKERS, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

CR2, WILD = "CR2, Satterthwaite", "wild bootstrap"
FEW_AREAS = 10  # clusters, below which a caveat is due
FEWEST_DF = 4.0  # below which Student's t no longer describes the statistic (Tipton 2015)
SIX_POINTS_BELOW = 10  # areas, below which two points have too few patterns


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AreaFit(Result):
    """What each term does to the outcome.

    Attributes
    ----------
    frame : DataFrame
        ``term, interval, estimate, std_error, statistic, df, conf_low, conf_high, p_value, note``:
        two rows a term, by CR2 and by the wild bootstrap.
    n, n_areas : int
        Rows, and areas.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    outcome: str
    n: int
    n_areas: int
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Two rows per term."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what was fitted, on how many areas, and what came of it."""
        return "\n".join(
            [
                f"{self.outcome}: least squares on {self.n:,} rows of {self.n_areas} areas",
                self.definition,
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each term with both intervals."""
        terms = list(dict.fromkeys(self.frame["term"]))
        ax = new_axes(ax, size=(7.2, 1.4 + 0.6 * len(terms)))
        with house_style():
            ax.axvline(0, color=DARK_GREY, lw=0.8)
            for i, (interval, rows) in enumerate(self.frame.groupby("interval", sort=False)):
                place = np.arange(len(terms))[::-1] + 0.12 - 0.24 * i
                values = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float)
                values[~np.isfinite(values)] = np.nan
                ax.errorbar(
                    values[:, 0], place, xerr=np.abs(values[:, 1:].T - values[:, 0]),
                    fmt=MARKERS[i], capsize=3, label=str(interval))  # fmt: skip
            ax.set_yticks(range(len(terms)), terms[::-1])
            ax.set(xlabel=f"Change in {self.outcome}", ylim=(-0.6, len(terms) - 0.4))
            ax.legend()
        return ax


def fit_by_area(
    frame: pd.DataFrame,
    outcome: str,
    terms: Sequence[str],
    *,
    area: str = "area",
    fixed: Sequence[str] = (),
    weight: str | None = None,
    wild: Pattern | None = None,
    draws: int = 9_999,
    confidence: float = 0.95,
    rng: int | np.random.Generator = 0,
) -> AreaFit:
    """Regress an outcome on terms, rows of one area being alike.

    Parameters
    ----------
    frame
        A row an observation: an area-month, a person.
    outcome, terms
        Columns of numbers, or of yes and no.
    area
        The column of the clusters.
    fixed
        Columns each of whose labels gets an intercept: ``("area", "month")``.
    weight
        A column of numbers above 0: person-months behind a rate.
    wild
        Weights of the bootstrap: "rademacher" or "webb"; the latter below ten areas when None.
    draws
        Every pattern of weights is gone through where there are no more; else so many are drawn.
    confidence
        Of the intervals.
    rng
        A seed or a numpy Generator.

    Raises
    ------
    ModelError
        If a column is missing or no number, weights are not above 0, or there is one area.

    References
    ----------
    See `desistance.comparison.fewareas.leastsquares` and `desistance.comparison.fewareas.wild`.

    Examples
    --------
    >>> rates = pd.DataFrame({
    ...     "area": list("AABBCCDDEEFF"),
    ...     "live": [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0],
    ...     "year": [1, 2] * 6,
    ...     "rate": [9.1, 7.2, 8.0, 6.5, 9.9, 7.1, 8.2, 8.4, 7.7, 7.5, 9.0, 9.3],
    ... })
    >>> fit_by_area(rates, "rate", ["live"], fixed=["area", "year"]).to_frame()[
    ...     ["interval", "estimate", "std_error", "df", "p_value"]].round(3)
                 interval  estimate  std_error   df  p_value
    0  CR2, Satterthwaite    -2.167      0.414  4.0    0.006
    1      wild bootstrap    -2.167        NaN  NaN    0.012
    """
    if wild is not None and wild not in POINTS:
        raise ModelError(f"`wild` is one of {', '.join(POINTS)}.")
    if not terms:
        raise ModelError("Name the `terms` to be fitted.")
    kept, left_out = _complete(
        frame, [outcome, *terms, area, *fixed, *([weight] if weight else [])]
    )
    y, own = _numbers(kept, outcome), [_numbers(kept, term) for term in terms]
    weights = _numbers(kept, weight) if weight else np.ones(len(kept))
    if not (weights > 0).all():
        raise ModelError(f"{(weights <= 0).sum()} of {len(kept)} weights are not above 0.")
    cluster, names = pd.factorize(kept[area])
    if len(names) < 2:
        raise ModelError("There are rows of fewer than two areas: nothing tells areas' errors.")
    x = np.column_stack([*own, *_intercepts(kept, fixed)])
    fit = least_squares(x, y, weights, cluster)
    contrasts = np.eye(x.shape[1])[: len(terms)]
    estimate, error, df = cr2(fit, contrasts)
    kind: Pattern = wild or ("webb" if len(names) < SIX_POINTS_BELOW else "rademacher")
    drawn = patterns(len(names), kind, draws, np.random.default_rng(rng))
    rows: list[dict[str, Any]] = []
    for k, term in enumerate(terms):
        one: dict[str, Any] = {"term": term}
        if not np.isfinite(estimate[k]):
            note = f"{NOT_ESTIMABLE}: a combination of other terms"
            rows += [one | {"interval": name, "note": note} for name in (CR2, WILD)]
            continue
        one["estimate"] = estimate[k]
        if not error[k] > 0:
            note = f"{NOT_ESTIMABLE}: nothing varies between areas"
            rows += [one | {"interval": name, "note": note} for name in (CR2, WILD)]
            continue
        statistic, reach = estimate[k] / error[k], t.ppf(0.5 + confidence / 2, df[k]) * error[k]
        rows.append(one | {
            "interval": CR2, "std_error": error[k], "statistic": statistic, "df": df[k],
            "conf_low": estimate[k] - reach, "conf_high": estimate[k] + reach,
            "p_value": float(2 * t.sf(abs(statistic), df[k])),
            "note": f"fewer than {FEWEST_DF:.0f} df" if df[k] < FEWEST_DF else ""})  # fmt: skip
        found = wild_test(
            fit, weights, cluster, k, drawn, confidence=confidence, std_error=float(error[k])
        )
        rows.append(one | {
            "interval": WILD, "conf_low": found.conf_low, "conf_high": found.conf_high,
            "p_value": found.p_value, "note": ""})  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=[
        "term", "interval", "estimate", "std_error", "statistic", "df", "conf_low", "conf_high",
        "p_value", "note"])  # fmt: skip
    return AreaFit(
        table, outcome, len(kept), len(names),
        f"{'weighted by ' + weight if weight else 'not weighted'}; errors over areas; wild "
        f"bootstrap with {_told(drawn.exact, len(drawn.weights), kind)}",
        (*_left_out(left_out), *few_areas(len(names))),
    )  # fmt: skip


def few_areas(n_areas: int) -> tuple[str, ...]:
    """Warn where areas are few."""
    if n_areas >= FEW_AREAS:
        return ()
    told = (
        f"Only {{areas}} areas: below {FEW_AREAS}, errors over areas are hardly known. Put the "
        "randomisation or bootstrap p-value before the interval."
    )
    return (Caveat(told, areas=n_areas),)


def _told(exact: bool, n: int, kind: str) -> str:
    return f"{'all' if exact else 'drawn'} {n:,} patterns of {kind.capitalize()} weights"


def _left_out(n: int) -> tuple[str, ...]:
    return (Caveat("{n} rows with an empty cell are left out.", n=n),) if n else ()


def _complete(frame: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, int]:
    refuse_no_frame(frame, "frame")
    missing = [name for name in names if name not in frame]
    if missing:
        raise ModelError(f"The frame lacks {', '.join(missing)}.")
    kept = frame.dropna(subset=names)
    if kept.empty:
        raise ModelError("Every row has an empty cell.")
    return kept, len(frame) - len(kept)


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if frame[name].dtype.kind not in "biuf":
        raise ModelError(f"`{name}` holds no numbers; for labels use `fixed`.")
    values = frame[name].to_numpy(float)
    if not np.isfinite(values).all():
        raise ModelError(f"{(~np.isfinite(values)).sum()} values of `{name}` are infinite.")
    return values


def _intercepts(frame: pd.DataFrame, fixed: Sequence[str]) -> list[NDArray[np.float64]]:
    """One column a label: of the first column all labels, of the others all but their first."""
    if not fixed:
        return [np.ones(len(frame))]
    columns: list[NDArray[np.float64]] = []
    for i, name in enumerate(fixed):
        codes, labels = pd.factorize(frame[name], sort=True)
        columns += list(np.eye(len(labels))[codes].T[(1 if i else 0) :])
    return columns
