"""What going live did to areas that went live at different times.

One call gives the effect by month since go-live, by calendar month, by go-live group and over all
live months (`grouptime`), a randomisation test of it (`fewareas.permuted`), whether groups moved
alike before, the stacked event study, and two-way fixed effects as a yardstick (`stacked`).

Bands hold all months since go-live at once: areas' influences are multiplied by normal draws, and
the level of each month's interval is lowered until all hold together as often as is said. The test
of the months before go-live asks, from the same draws, how often the smallest of their p-values
would be as small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from desistance.comparison.fewareas.areafit import FEW_AREAS
from desistance.comparison.fewareas.permuted import Randomised, randomised, ways_to_go_live
from desistance.comparison.rollout.areamonths import PER, Panel, panel_of
from desistance.comparison.rollout.grouptime import (
    NEVER,
    Average,
    Cells,
    averaged,
    group_time,
    overall,
    overall_shares,
    shares_by,
)
from desistance.comparison.rollout.stacked import EventStudy, TwoWay, event_study, two_way
from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, ORANGE, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Against = Literal["not-yet", "never"]
OVERALL, RANDOMISED = "all live months", "all live months, randomised"
SINCE, CALENDAR, GROUP = "months since go-live", "calendar month", "go-live month"
STACKED, STACKED_ALL = "stacked: months since go-live", "stacked: all live months of the window"
TWO_WAY = "two-way fixed effects (yardstick, biased)"
HEADLINES = (OVERALL, RANDOMISED, STACKED_ALL, TWO_WAY)
AT_ONCE = 2_000_000  # numbers worked on at once
ALIKE = 0.1  # p-value below which groups are said not to have moved alike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RolloutEffects(Result):
    """Effects of going live.

    Attributes
    ----------
    frame : DataFrame
        ``measure, group, month, n, estimate, std_error, df, conf_low, conf_high, band_low,
        band_high, p_value, note``: `month` counts from go-live, `n` live areas.
    group_times : DataFrame
        ``go_live, month, estimate, std_error, n_live, n_compared``: every group in every month.
    pre_trend : dict
        ``n_months, p_value`` of the months before go-live together.
    n_areas, n_live, n_ways : int
        Areas, those that went live, and the ways to go live that were gone through.
    wrong_sign : float
        Share of live area-months that two-way fixed effects count with the wrong sign.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    group_times: pd.DataFrame
    pre_trend: dict[str, float]
    outcome: str
    n_areas: int
    n_live: int
    n_ways: int
    wrong_sign: float
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per average and month."""
        return self.frame.copy()

    def effect(self, measure: str = OVERALL) -> pd.Series:
        """Give the first row of a measure."""
        found = self.frame[self.frame["measure"] == measure]
        if found.empty:
            raise ModelError(f"`measure` is one of {', '.join(self.frame['measure'].unique())}.")
        return found.iloc[0]

    def summary(self) -> str:
        """Say what going live did, and whether the areas moved alike before."""
        headlines = self.frame[self.frame["measure"].isin(HEADLINES)]
        before = (
            f"{NOT_ESTIMABLE}: {number(self.pre_trend['n_months'], 0)} months with an error"
            if np.isnan(self.pre_trend["p_value"])
            else f"p {number(self.pre_trend['p_value'])} over "
            f"{self.pre_trend['n_months']:.0f} months"
        )
        columns = ["measure", "n", "estimate", "std_error", "conf_low", "conf_high", "p_value",
                   "note"]  # fmt: skip
        return "\n".join(
            [
                f"Change in {self.outcome} by going live: {self.n_live} of {self.n_areas} areas",
                self.definition,
                text_table(headlines[columns]),
                f"Before go-live, live and other areas moved alike: {before}",
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the effect by month since go-live, with bands; months before it show trends."""
        ax = new_axes(ax)
        with house_style():
            ax.axhline(0, color=DARK_GREY, lw=0.8, ls="-")
            ax.axvline(-0.5, color=DARK_GREY, lw=0.8, ls="--")
            rows = self.frame[self.frame["measure"] == SINCE]
            x, mean = rows["month"].to_numpy(float), rows["estimate"].to_numpy(float)
            low, high, under, over = rows[
                ["conf_low", "conf_high", "band_low", "band_high"]
            ].to_numpy(float).T  # fmt: skip
            for months in (x < 0, x >= 0):
                ax.fill_between(x[months], under[months], over[months], color=DARK_BLUE, alpha=0.15)
            ax.errorbar(x, mean, yerr=(mean - low, high - mean), fmt="o", ms=5, capsize=2, lw=1.4,
                        color=DARK_BLUE, label="group-time average")  # fmt: skip
            stacked = self.frame[self.frame["measure"] == STACKED].dropna(subset=["estimate"])
            if len(stacked):
                place = stacked["month"].to_numpy(float) + 0.18
                ax.plot(place, stacked["estimate"], "^", ms=5, color=ORANGE, label="stacked")
            ax.set(xlabel="Months since go-live (band: all months at once)",
                   ylabel=f"Change in {self.outcome}")  # fmt: skip
            ax.yaxis.label.set_fontsize(10)
            ax.legend(fontsize=10)
        return ax


def rollout_effects(
    source: FollowUp | pd.DataFrame,
    *,
    against: Against = "not-yet",
    base_months: int = 3,
    anticipation: int = 0,
    weigh: Literal["exposure", "areas"] = "exposure",
    window: tuple[int, int] = (6, 6),
    per: float = PER,
    permutations: int = 1_999,
    draws: int = 4_999,
    confidence: float = 0.95,
    rng: int | np.random.Generator = 0,
) -> RolloutEffects:
    """Estimate what going live did, when areas went live at different times.

    Parameters
    ----------
    source
        A follow-up, or a frame with ``area, month, outcome, go_live`` and perhaps ``exposure``; see
        `desistance.comparison.rollout.areamonths`.
    against
        Compare with areas "not-yet" live, or "never" live.
    base_months
        Months before go-live that live months are held against: 1 for Callaway and Sant'Anna.
    anticipation
        Months before go-live in which it may already have told.
    weigh
        Areas count by their mean "exposure", or all the same ("areas").
    window
        Months before and after go-live that are shown, and stacked. The overall effect takes in
        every live month.
    per
        Of how much exposure the rate is.
    permutations
        All ways to go live are gone through where there are no more; else so many are drawn.
    draws
        Behind the bands and the test of months before go-live.
    confidence
        Of intervals and bands.
    rng
        A seed or a numpy Generator.

    Raises
    ------
    ModelError
        If the frame cannot be read, no area goes live after the first months, or nobody is there to
        compare.

    References
    ----------
    See `desistance.comparison.rollout.grouptime` and `desistance.comparison.rollout.stacked`.

    Examples
    --------
    >>> months, go_live = np.arange(8), {"A": 3, "B": 3, "C": 5, "D": None, "E": None, "F": None}
    >>> panel = pd.DataFrame(
    ...     [(area, month, 9 + ord(area) % 5 - 2 * (start is not None and month >= start), start)
    ...      for area, start in go_live.items() for month in months],
    ...     columns=["area", "month", "outcome", "go_live"])
    >>> found = rollout_effects(panel, base_months=1, window=(2, 2))
    >>> found.to_frame()[["measure", "n", "estimate", "p_value"]].head(2).round(3)
                           measure  n  estimate  p_value
    0              all live months  3      -2.0      NaN
    1  all live months, randomised  3      -2.0    0.017
    """
    if against not in get_args(Against):
        raise ModelError(f"`against` is one of {', '.join(get_args(Against))}.")
    if anticipation < 0 or base_months < 1 or window[0] < base_months + anticipation:
        raise ModelError("`anticipation` is 0 or more, `base_months` 1 or more, and the window "
                         "holds both.")  # fmt: skip
    if window[1] < 0:
        raise ModelError("The window holds a live month.")
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1.")
    panel, told = _kept(panel_of(source, per=per), anticipation)
    weight, n_months = panel.weight(weigh), len(panel.months)
    never = panel.start == n_months
    if against == NEVER and not never.any():
        raise ModelError('No area stays without going live: use `against="not-yet"`.')
    rng = np.random.default_rng(rng)
    design = {"base_months": base_months, "anticipation": anticipation}
    cells = group_time(panel.y, weight, panel.start, against=against, **design)
    if not cells.after().any():
        raise ModelError("No live month has both a live area and one to compare it with.")
    alone = np.unique(panel.start[~never], return_counts=True)[1].min() < 2
    rows, pre_trend = _averages(cells, panel, window, within=not alone, **design,
                                confidence=confidence, draws=draws, rng=rng)  # fmt: skip
    chance = _randomise(panel, weight, against, design, permutations, confidence, rng)
    rows.insert(1, {
        "measure": RANDOMISED, "n": int((~never).sum()), "estimate": rows[0]["estimate"],
        "conf_low": chance.conf_low, "conf_high": chance.conf_high, "p_value": chance.p_value,
        "note": f"{'all' if chance.exact else 'drawn'} {chance.n_ways:,} ways to go live",
    })  # fmt: skip
    study = event_study(panel.y, weight, panel.start, window=window, **design)
    yardstick = two_way(panel.y, weight, panel.start)
    rows += [*_stacked_rows(study, window, confidence), _yardstick_row(yardstick, confidence)]
    frame = pd.DataFrame(rows).reindex(columns=[
        "measure", "group", "month", "n", "estimate", "std_error", "df", "conf_low", "conf_high",
        "band_low", "band_high", "p_value", "note"])  # fmt: skip
    frame = frame.fillna({"note": "", "group": ""}).astype({"month": "Int64", "n": "Int64"})
    definition = (
        f"areas {'not yet' if against != NEVER else 'never'} live compared, "
        f"{'the same for all areas' if weigh == 'areas' else 'areas weighted by exposure'}; "
        f"errors over areas, {'of all live areas' if alone else 'within go-live months'}; "
        f"held against the last {base_months} months before go-live"
        + (f", less {anticipation} of anticipation" if anticipation else "")
    )
    return RolloutEffects(
        frame, _group_times(cells, panel, within=not alone), pre_trend, panel.outcome,
        len(panel.areas), int((~never).sum()), chance.n_ways, yardstick.wrong_sign, definition,
        (*told, *_caveats(panel, alone, study, yardstick, pre_trend)),
    )  # fmt: skip


def _kept(panel: Panel, anticipation: int) -> tuple[Panel, tuple[str, ...]]:
    """Leave out areas that were live from the first month on: nothing is known of them before."""
    early = panel.start <= anticipation
    unseen = panel.exposure.sum(axis=1) == 0
    kept = ~(early | unseen)
    told = list(panel.caveats)
    if early.any():
        told.append(Caveat("{n} areas were live in the first months there are; left out.",
                           n=int(early.sum())))  # fmt: skip
    if (unseen & ~early).any():
        told.append(Caveat("{n} areas have no outcome in any month; left out.",
                           n=int((unseen & ~early).sum())))  # fmt: skip
    start = panel.start[kept]
    if not (start < len(panel.months)).any():
        raise ModelError("No area goes live after the first months there are.")
    areas = tuple(area for area, keep in zip(panel.areas, kept, strict=True) if keep)
    return Panel(areas, panel.months, panel.y[kept], panel.exposure[kept], start, panel.outcome,
                 tuple(told)), tuple(told)  # fmt: skip


def _averages(
    cells: Cells, panel: Panel, window: tuple[int, int], *, within: bool, base_months: int,
    anticipation: int, confidence: float, draws: int, rng: np.random.Generator,
) -> tuple[list[dict[str, Any]], dict[str, float]]:  # fmt: skip
    """Rows of every average, and the test of the months before go-live."""
    months = np.arange(len(panel.months))
    since = months - cells.groups[:, None]
    calendar, group = np.broadcast_arrays(months, cells.groups[:, None])
    after, known = cells.after(), np.isfinite(cells.att)
    shown = known & (since >= -window[0]) & (since <= window[1])

    def average(share: Floats) -> Average:
        return averaged(cells, share, panel.start, within=within)

    rows = [{"measure": OVERALL} | _told(average(overall_shares(cells)), confidence)]
    by_month = {e: average(share) for e, share in shares_by(cells, since, shown).items()}
    bands, pre_trend = _together(by_month, base_months + anticipation, confidence, draws, rng)
    for e, found in by_month.items():
        row = {"measure": SINCE, "month": e} | _told(found, confidence)
        if base_months == 1 and e == -1 - anticipation:
            row |= {"estimate": 0.0, "note": "base month"}
            row |= dict.fromkeys(("std_error", "df", "conf_low", "conf_high", "p_value"), np.nan)
        rows.append(row | bands.get(e, {}))
    for measure, label in ((CALENDAR, calendar), (GROUP, group)):
        size = shares_by(cells, label, after)
        if measure == GROUP:  # months count alike within a group
            size = {g: share / share.sum() for g, share in size.items()}
        rows += [
            {"measure": measure, "group": panel.months[value]} | _told(average(share), confidence)
            for value, share in size.items()
        ]
    return rows, pre_trend


def _told(found: Average, confidence: float) -> dict[str, Any]:
    row: dict[str, Any] = {"n": found.n_live, "estimate": found.estimate}
    if np.isnan(found.std_error):
        return row | {"note": f"error {NOT_ESTIMABLE}: too few areas"}
    if found.std_error <= 1e-12 * max(1.0, abs(found.estimate)):
        return row | {"note": f"error {NOT_ESTIMABLE}: nothing varies between areas"}
    reach = float(t.ppf(0.5 + confidence / 2, found.df)) * found.std_error
    return row | {
        "std_error": found.std_error, "df": found.df, "conf_low": found.estimate - reach,
        "conf_high": found.estimate + reach,
        "p_value": float(2 * t.sf(abs(found.estimate / found.std_error), found.df)),
    }  # fmt: skip


def _together(
    by_month: dict[int, Average], held_against: int, confidence: float, draws: int,
    rng: np.random.Generator,
) -> tuple[dict[int, dict[str, float]], dict[str, float]]:  # fmt: skip
    """Widen the intervals to bands, and test the months before go-live together."""
    known = [e for e, one in by_month.items() if one.std_error > 1e-12 * max(1, abs(one.estimate))]
    before = [e for e in known if e < -held_against]
    pre_trend = {"n_months": float(len(before)), "p_value": np.nan}
    if not known:
        return {}, pre_trend
    influence = np.stack([by_month[e].influence / by_month[e].std_error for e in known])
    chance = 2 * norm.sf(np.abs(rng.standard_normal((draws, influence.shape[1])) @ influence.T))
    level = float(np.quantile(chance.min(axis=1), 1 - confidence))
    bands = {}
    for e in known:
        one = by_month[e]
        reach = float(t.isf(level / 2, one.df)) * one.std_error
        bands[e] = {"band_low": one.estimate - reach, "band_high": one.estimate + reach}
    if before:
        own = [2 * t.sf(abs(by_month[e].estimate / by_month[e].std_error), by_month[e].df)
               for e in before]  # fmt: skip
        smallest = chance[:, [known.index(e) for e in before]].min(axis=1)
        pre_trend["p_value"] = float((1 + (smallest <= min(own)).sum()) / (1 + draws))
    return bands, pre_trend


def _randomise(
    panel: Panel, weight: Floats, against: str, design: dict[str, int], most: int,
    confidence: float, rng: np.random.Generator,
) -> Randomised:  # fmt: skip
    """Hand the go-live months out again, and estimate the overall effect each time."""
    order, exact = ways_to_go_live(panel.start, most, rng)
    both = np.stack([panel.y, np.where(np.isnan(panel.y), np.nan, panel.live)])  # (2, n, T)
    step = max(1, AT_ONCE // (2 * panel.y.size * len(np.unique(panel.start))))
    found = [
        overall(group_time(both[:, some], weight[some], panel.start, against=against, **design))
        for some in np.split(order, np.arange(step, len(order), step))
    ]  # fmt: skip
    effect, share = np.concatenate(found, axis=1)
    return randomised(effect, share, exact=exact, confidence=confidence)


def _stacked_rows(
    study: EventStudy | None, window: tuple[int, int], confidence: float
) -> list[dict[str, Any]]:
    if study is None:
        note = (f"{NOT_ESTIMABLE}: no go-live month is seen {window[0]} months before and "
                f"{window[1]} after with areas not live")  # fmt: skip
        return [{"measure": STACKED_ALL, "note": note}]
    rows: list[dict[str, Any]] = []
    labels = [(STACKED, int(month)) for month in study.month] + [(STACKED_ALL, pd.NA)]
    values = zip(labels, study.estimate, study.std_error, study.df, strict=True)
    for (measure, month), estimate, error, df in values:
        one = _told(Average(estimate, error, df, study.n_live, 0, np.empty(0)), confidence)
        if np.isnan(df) and estimate == 0:
            one["note"] = "base month"
        rows.append({"measure": measure, "month": month} | one)
    return rows


def _yardstick_row(found: TwoWay, confidence: float) -> dict[str, Any]:
    one = Average(found.estimate, found.std_error, found.df, 0, 0, np.empty(0))
    return {"measure": TWO_WAY} | _told(one, confidence) | {"n": pd.NA}


def _group_times(cells: Cells, panel: Panel, *, within: bool) -> pd.DataFrame:
    rows = []
    for k, t_ in np.argwhere(np.isfinite(cells.att)):
        share = np.zeros_like(cells.att)
        share[k, t_] = 1.0
        found = averaged(cells, share, panel.start, within=within)
        rows.append(
            {
                "go_live": panel.months[cells.groups[k]], "month": panel.months[t_],
                "estimate": found.estimate, "std_error": found.std_error,
                "n_live": found.n_live, "n_compared": int((cells.compared[k, :, t_] > 0).sum()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _caveats(
    panel: Panel, alone: bool, study: EventStudy | None, yardstick: TwoWay,
    pre_trend: dict[str, float],
) -> list[str]:  # fmt: skip
    told: list[str] = []
    if len(panel.areas) < FEW_AREAS:
        told.append(
            Caveat(
                f"Only {{areas}} areas: below {FEW_AREAS}, errors over areas are hardly known. Put "
                "the randomisation p-value before the interval.",
                areas=len(panel.areas),
            )
        )
    if alone:
        told.append("Some go-live months have one area: errors also hold how effects differ "
                    "between areas, and tend to be too wide.")  # fmt: skip
    if pre_trend["p_value"] < ALIKE:
        told.append("Live and other areas did not move alike before go-live: the effect may be "
                    "the trend going on.")  # fmt: skip
    if study is not None and study.n_left_out:
        told.append(f"{study.n_left_out} go-live months make no stack: the window is not all there "
                    "or no area is left to compare.")  # fmt: skip
    if yardstick.wrong_sign > 0:
        told.append(f"Two-way fixed effects count {100 * yardstick.wrong_sign:.0f} % of the live "
                    "area-months with the wrong sign: not to be quoted.")  # fmt: skip
    told.append("The randomisation test is exact if go-live months were handed out by chance; "
                "where areas were chosen, it shows how unusual the effect is.")  # fmt: skip
    return told
