"""Curves of two cohorts as a result: their difference, who is at risk, and the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from desistance.comparison.effects.contrasts import AGAINST
from desistance.plots import house_style, new_axes
from desistance.results import NO_EVENT_YET, NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.intervals import survival_interval
from desistance.timetoevent import TimeToEvent, days_asked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import Days

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

TINY = 1e-12
TICKS = 5
WHO = "(person)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AdjustedCurves(Result):
    """Curves of two cohorts made alike, their difference, and who was at risk.

    Attributes
    ----------
    curve : DataFrame
        ``group, day, n_at_risk, n_events, estimate, std_error, conf_low, conf_high, note``: a row
        for each cohort and day on which anybody of either had the event; counts are of rows.
    gap : DataFrame
        ``group, day, estimate, std_error, conf_low, conf_high, p_value, note``: exposed less
        comparison.
    rows : TimeToEvent
        The people, as weighted.
    joined : bool array, shape (rows.n,)
    names : tuple of str
        Comparison, and those exposed.
    method, estimand, unit, confidence
    """

    curve: pd.DataFrame
    gap: pd.DataFrame
    rows: TimeToEvent
    joined: Bools
    names: tuple[str, str]
    method: str
    estimand: str
    unit: str
    confidence: float
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each cohort and day, then the difference on each day."""
        return pd.concat([self.curve, self.gap], ignore_index=True)

    def at(self, days: Days) -> pd.DataFrame:
        """Read both curves and their difference on given days."""
        wanted = pd.DataFrame({"day": days_asked(days)})
        last = {
            name: int(self.rows.stop[self.joined == bool(place)].max(initial=0))
            for place, name in enumerate(self.names)
        }
        last[AGAINST] = min(last.values())
        columns = ["estimate", "std_error", "conf_low", "conf_high"]
        found = []
        for group, line in self.to_frame().groupby("group", sort=False):
            place = np.searchsorted(line["day"], wanted["day"], side="right") - 1
            read = line.iloc[np.maximum(place, 0)][[*columns, "note"]].reset_index(drop=True)
            first = 0.0 if group == AGAINST else 1.0
            read.loc[place < 0, columns] = [first, np.nan, np.nan, np.nan]
            read.loc[place < 0, "note"] = NO_EVENT_YET
            late = (wanted["day"] > last[str(group)]).to_numpy()
            read.loc[late, columns] = np.nan
            read.loc[late, "note"] = f"{NOT_ESTIMABLE}: after the last follow-up"
            found.append(wanted.assign(group=group).join(read)[["group", "day", *columns, "note"]])
        return pd.concat(found, ignore_index=True)

    def risk_table(self, days: Days) -> pd.DataFrame:
        """Count who is at risk on given days: ``group, day, n_at_risk, weight_at_risk``.

        `n_at_risk` counts people, `weight_at_risk` adds up what they weigh.
        """
        rows = self.rows
        weight = np.ones(rows.n) if rows.weight is None else rows.weight
        told = []
        for place, name in enumerate(self.names):
            mine = self.joined == bool(place)
            for day in days_asked(days).tolist():
                here = mine & (rows.start <= max(day - 1, 0)) & (rows.stop >= day)
                n = len(np.unique(rows.columns[WHO].to_numpy()[here]))
                told.append((name, day, n, float(weight[here].sum())))
        return pd.DataFrame(told, columns=["group", "day", "n_at_risk", "weight_at_risk"])

    def summary(self) -> str:
        """Say how the cohorts were made alike, and where the curves stand."""
        who = self.rows.columns[WHO]
        last = int(min(self.rows.stop[self.joined == side].max(initial=0) for side in (0, 1)))
        days = sorted({round(last * part / 4) for part in (1, 2, 3, 4)})
        return "\n".join(
            [
                f"Adjusted curves ({self.method}, {self.estimand}): {self.names[1]} against "
                f"{self.names[0]}, {number(len(who[self.rows.event].unique()))} of "
                f"{number(len(who.unique()))} people with an event",
                text_table(self.at(days)),
                "",
                f"At risk, by {self.unit}:",
                text_table(self.risk_table([0, *days]), digits=1),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw both curves with their limits, over the table of who is at risk."""
        ax = new_axes(ax, size=(7.2, 5.0))
        most = self.rows.last_day
        ticks = np.asarray(MaxNLocator(TICKS, integer=True).tick_values(0, most))
        ticks = ticks[(ticks >= 0) & (ticks <= most)].astype(int)
        table = self.risk_table(ticks.tolist())
        with house_style():
            for place, name in enumerate(self.names):
                line = self.curve[self.curve["group"] == name]
                end = int(self.rows.stop[self.joined == bool(place)].max(initial=0))
                days = np.concatenate([[0], line["day"], [end]])
                low, share, high = (
                    np.concatenate([[1.0], line[column].fillna(line["estimate"]), [np.nan]])
                    for column in ("conf_low", "estimate", "conf_high")
                )
                low[-1], share[-1], high[-1] = low[-2], share[-2], high[-2]
                (drawn,) = ax.step(days, share, where="post", label=name)
                ax.fill_between(
                    days, low, high, step="post", alpha=0.2, color=drawn.get_color(), lw=0
                )
                mine, height = table[table["group"] == name], -0.30 - 0.07 * place
                ax.text(
                    -0.07, height, name, ha="right", transform=ax.transAxes, fontsize=9,
                    color=drawn.get_color(),
                )  # fmt: skip
                for day, n, size in mine[["day", "n_at_risk", "weight_at_risk"]].to_numpy(float):
                    ax.text(
                        day, height, f"{n:,.0f} ({size:,.0f})", ha="center",
                        transform=ax.get_xaxis_transform(), fontsize=9, color=drawn.get_color(),
                    )  # fmt: skip
            ax.text(0.0, -0.22, "At risk: people (weight)", transform=ax.transAxes, fontsize=9)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since the start",
                ylabel="Share not yet reoffended", ylim=(0, 1.02), xticks=ticks,
            )  # fmt: skip
            ax.legend()
        return ax


def laid_out(
    rows: TimeToEvent, joined: Bools, days: Ints, share: Floats, error: Floats,
    names: tuple[str, str], method: str, estimand: str, confidence: float, said: list[str],
) -> AdjustedCurves:  # fmt: skip
    """Lay curves (2 cohorts and their difference, K days) out as frames."""
    last = [int(rows.stop[joined == bool(place)].max(initial=0)) for place in (0, 1)]
    parts = []
    for place, name in enumerate(names):
        mine = joined == bool(place)
        counted = _per_day(rows, mine, days)
        known = days <= last[place]
        inside = known & (share[place] > TINY) & (share[place] < 1 - TINY)
        s, e = np.where(known, share[place], np.nan), np.where(inside, error[place], np.nan)
        low, high = survival_interval(s, e / np.where(inside, s, np.nan), confidence, "log-log")
        note = np.where(known, "", f"{NOT_ESTIMABLE}: after the last follow-up, {last[place]}")
        note = np.where(known & (share[place] >= 1 - TINY), NO_EVENT_YET, note)
        note = np.where(known & (share[place] <= TINY), f"{NOT_ESTIMABLE}: everyone had it", note)
        parts.append(
            counted.assign(group=name, estimate=s, std_error=e, conf_low=low, conf_high=high,
                           note=note)
        )  # fmt: skip
    known = days <= min(last)
    value = np.where(known, share[2], np.nan)
    spread = np.where(known & (error[2] > TINY), error[2], np.nan)
    half = norm.ppf(0.5 + confidence / 2) * spread
    gap = pd.DataFrame({
        "group": AGAINST, "day": days, "estimate": value, "std_error": spread,
        "conf_low": value - half, "conf_high": value + half,
        "p_value": 2 * norm.sf(np.abs(value / spread)),
        "note": np.where(np.isnan(spread), f"{NOT_ESTIMABLE}: a curve is not known", ""),
    })  # fmt: skip
    columns = ["group", "day", "n_at_risk", "n_events", "estimate", "std_error", "conf_low",
               "conf_high", "note"]  # fmt: skip
    curve = pd.concat(parts, ignore_index=True)[columns]
    return AdjustedCurves(
        curve, gap, rows, joined, names, method, estimand, rows.unit, confidence, tuple(said)
    )


def _per_day(rows: TimeToEvent, mine: Bools, days: Ints) -> pd.DataFrame:
    """Count the rows at risk on each day, and their events."""
    start, stop = np.sort(rows.start[mine]), np.sort(rows.stop[mine])
    at_risk = np.searchsorted(start, days) - np.searchsorted(stop, days)
    events = np.sort(rows.stop[mine & rows.event])
    happened = np.searchsorted(events, days, side="right") - np.searchsorted(events, days)
    return pd.DataFrame({"day": days, "n_at_risk": at_risk, "n_events": happened})
