"""What a stress test found: the table, the words and the tornado."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator

from desistance.comparison.effects.contrasts import is_ratio
from desistance.comparison.effects.result import SHORT
from desistance.comparison.sensitivity.again import (
    AREA,
    CALIPER,
    CLOCK,
    CONTROL,
    DETECTION,
    EXITS,
    LATER,
    LEFT_OUT,
    MONTHS,
    OFFENCES,
    RATIO,
    TIME_ZERO,
    WAITING,
)
from desistance.comparison.sensitivity.evalue import E_VALUE
from desistance.plots import (
    DARK_BLUE,
    DARK_GREY,
    DARK_PINK,
    TURQUOISE,
    house_style,
    new_axes,
    ratio_axis,
)
from desistance.results import NOT_REPORTED, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from desistance.comparison.effects.result import Basis
    from desistance.comparison.sensitivity.bounds import RosenbaumBounds

PLANNED = "as planned"
FAIR = (LEFT_OUT, WAITING, MONTHS, CLOCK, OFFENCES, LATER, CALIPER, RATIO, EXITS, AREA)
APART = {TIME_ZERO: DARK_GREY, DETECTION: TURQUOISE, CONTROL: DARK_PINK}
WIDE = 8.0  # a span of ratios beyond which every tick would crowd the axis
FAMILY = ["outcome", "estimate", "conf_low", "conf_high", "p_value", "holm", "bh"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StressTest(Result):
    """How far an effect moves, and what it would take to overturn it.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, term, n, estimate, std_error, conf_low, conf_high, p_value, note``: a row
        for each check. `group` is the kind of check and `term` what was changed; the first row is
        the effect as planned, and `n` those who joined and were matched.
    outcome : str
        The effect that was stressed.
    n_analyses : int
        Times the effect was estimated, or tried to be, besides the planned one.
    family : DataFrame
        Effects as planned, with ``p_value`` and, adjusted for how many they are, ``holm, bh``.
    bounds : RosenbaumBounds or None
    definition : str
    light : str
        Worst traffic light of the balance as planned.
    basis : tuple of Basis
        What each row of `frame` rests on: as planned, where it compares nobody itself.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    outcome: str
    n_analyses: int
    family: pd.DataFrame
    bounds: RosenbaumBounds | None
    definition: str
    light: str
    basis: tuple[Basis, ...]
    caveats: tuple[str, ...]

    @property
    def planned(self) -> pd.Series:
        """The effect as planned."""
        return self.frame.iloc[0]

    @property
    def conclusive(self) -> bool:
        """Whether the interval as planned leaves out no difference."""
        return bool(self.planned["conf_high"] < self._none or self.planned["conf_low"] > self._none)

    @property
    def alternatives(self) -> pd.DataFrame:
        """The fair alternatives that could be estimated, and may be read."""
        return self._readable(FAIR)

    def to_frame(self) -> pd.DataFrame:
        """One row for each check."""
        return self.frame.copy()

    def _readable(self, groups: Iterable[str]) -> pd.DataFrame:
        rows = self.frame[self.frame["group"].isin(groups) & ~withheld(self.frame)]
        return rows.dropna(subset=["estimate"])

    def with_frame(self, frame: pd.DataFrame) -> StressTest:
        """Give the same with other numbers, such as protected ones."""
        return replace(self, frame=frame)

    def sentences(self, shown: pd.DataFrame | None = None) -> list[str]:
        """Say how far the effect moves, and what would overturn it.

        With the rows of `frame` as they may be shown, only what is there is told, in its numbers.
        """
        shown = self.frame if shown is None else shown
        return [*self._moves(shown), *self._takes(shown)]

    def summary(self) -> str:
        """Say how far the effect moves, and what would overturn it."""
        planned = self.planned
        told = f"{_number(planned['estimate'])} ({_number(planned['conf_low'])} to "
        told += f"{_number(planned['conf_high'])})"
        if np.isnan(planned["estimate"]):
            told = str(planned["note"])
        return "\n".join(
            [
                f"Stress test of the {self.outcome}: {told} as planned; {self.n_analyses} "
                "analyses besides",
                f"On {self.definition} (balance: {self.light}).",
                text_table(self.frame),
                *self.sentences(),
                f"P-values of the effects as planned, adjusted for being {len(self.family)}:",
                text_table(self.family),
                "The other analyses show how far one finding moves: none is a finding of its own.",
                *self.caveats,
            ]
        )

    def _moves(self, shown: pd.DataFrame) -> list[str]:
        """Say how many alternatives agree, and which are furthest apart."""
        there = shown["estimate"].notna().reindex(self.alternatives.index)
        fair, planned = self.alternatives[there], self.planned
        told = []
        if len(fair) and pd.notna(planned["estimate"]):
            none = self._none
            agree = (fair["estimate"] < none) == (planned["estimate"] < none)
            clear = (fair["conf_high"] < none) | (fair["conf_low"] > none)
            low, high = _ends(shown.loc[fair.index])
            told.append(
                f"Of {len(fair)} fair alternatives, {int(agree.sum())} point the same way as the "
                f"plan, {int((agree & clear).sum())} with an interval that leaves out no "
                "difference."
                if self.conclusive
                else "The effect is inconclusive as planned. Of "
                f"{len(fair)} fair alternatives, {int(clear.sum())} have an interval that leaves "
                "out no difference: none of them makes the plan's result another."
            )
            told.append(f"Estimates run from {_told(low)} to {_told(high)}.")
        if unread := int((withheld(shown) & shown["group"].isin(FAIR)).sum()):
            told.append(f"Not counted, as they are not to be read: {unread}; the table says why.")
        missing = shown["estimate"].isna() & (shown["outcome"] == self.outcome)
        missing &= ~withheld(shown)
        if missing.any():
            told.append(f"Without an estimate: {int(missing.sum())}; the table says why.")
        control = shown[shown["group"] == CONTROL]
        for term, note in control[["term", "note"]].itertuples(index=False):
            told.append(f"Negative control{f' ({term})' if term else ''}: {note}.")
        return told

    def _takes(self, shown: pd.DataFrame) -> list[str]:
        values = shown.loc[shown["outcome"] == E_VALUE, "estimate"].to_numpy(float)
        told = []
        if np.isfinite(values).all() and self.conclusive:
            what = "reoffending" if self.outcome in SHORT.values() else "the outcome"
            told.append(
                f"A confounder nobody recorded would have to go with both joining and {what} "
                f"by risk ratios of {number(values[0], 2)} to explain the estimate away, and of "
                f"{number(values[1], 2)} to bring its interval to no difference."
            )
        if self.bounds is not None:
            told.append(self.bounds.summary().splitlines()[0] + ".")
        return told

    @property
    def _none(self) -> float:
        return 1.0 if is_ratio(self.outcome) else 0.0

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw how far each kind of change moves the effect, the furthest first (a tornado)."""
        fair, planned = self.alternatives, self.planned
        reach = fair.groupby("group")["estimate"].agg(["min", "max"])
        scaled = np.log if self._none else lambda value: value
        centre = planned["estimate"]
        span = scaled(reach["max"].clip(lower=centre)) - scaled(reach["min"].clip(upper=centre))
        groups = span.sort_values(ascending=False, kind="stable").index.tolist()
        apart = self._readable(APART)
        ax = new_axes(ax, size=(8.6, 0.42 * (len(groups) + len(apart)) + 1.9))
        with house_style():
            if np.isfinite(centre):
                ax.axvspan(planned["conf_low"], planned["conf_high"], color=DARK_BLUE, alpha=0.1,
                           lw=0, label="as planned, with its interval")  # fmt: skip
                ax.axvline(centre, color=DARK_BLUE, ls="-", lw=1.4)
            ax.axvline(self._none, color=DARK_GREY, ls="-", lw=0.8)
            labels = []
            top = len(groups) + len(apart) - 1
            for place, group in enumerate(groups):
                _bar(ax, top - place, fair[fair["group"] == group], centre, first=not place)
                labels.append(group[0].upper() + group[1:])
            for place in range(len(apart)):
                row = apart.iloc[place]
                _apart(ax, len(apart) - 1 - place, row)
                group = str(row["group"])
                labels.append(f"{group[0].upper()}{group[1:]}: {row['term']}")
            if groups and len(apart):
                ax.axhline(len(apart) - 0.5, color=DARK_GREY, ls=":", lw=0.8)
            ax.set_yticks(range(top, -1, -1), labels, fontsize=9)
            ax.set_ylim(-0.7, top + 0.7)
            ax.grid(visible=False)
            if np.isfinite(centre):
                ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, fontsize=9)
        if self._none:
            ratio_axis(ax)
        ax.margins(x=0.18)
        if self._none and ax.get_xlim()[1] > WIDE * ax.get_xlim()[0]:
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        ax.set_xlabel(self.outcome[0].upper() + self.outcome[1:])
        return ax


def withheld(frame: pd.DataFrame) -> pd.Series:
    """Which checks of a stress test say that they may not be read."""
    return frame["note"].fillna("").str.startswith(NOT_REPORTED)


def _told(row: pd.Series) -> str:
    low, high = _number(row["conf_low"]), _number(row["conf_high"])
    return f"{_number(row['estimate'])} ({low} to {high}; {row['group']}: {row['term']})"


def _ends(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give the rows of the least and of the largest estimate."""
    estimates = rows["estimate"].to_numpy(float)
    return rows.iloc[int(estimates.argmin())], rows.iloc[int(estimates.argmax())]


def _bar(ax: Axes, place: int, rows: pd.DataFrame, centre: float, *, first: bool) -> None:
    """Draw from the least to the largest estimate, and name the change at either end.

    A thin line goes as far as any of their intervals.
    """
    low, high = _ends(rows)
    reach = np.nanmin([low["estimate"], centre]), np.nanmax([high["estimate"], centre])
    ax.plot(reach, (place, place), color=DARK_BLUE, ls="-", lw=7, alpha=0.35, solid_capstyle="butt")
    limits = rows["conf_low"].min(), rows["conf_high"].max()
    said = "as far as any of their intervals" if first else None
    ax.plot(limits, (place, place), color=DARK_BLUE, ls="-", lw=0.7, label=said)
    ax.plot(rows["estimate"], np.full(len(rows), place), "|", color=DARK_BLUE, ms=9, mew=1.4)
    for row, side in ((low, -1), (high, 1)):
        if not side * (row["estimate"] - centre) <= 0:
            ax.annotate(
                str(row["term"]), (row["estimate"], place), (5 * side, 3),
                textcoords="offset points", va="bottom", ha="left" if side > 0 else "right",
                fontsize=8, bbox={"fc": "white", "alpha": 0.7, "lw": 0, "pad": 0.8},
            )  # fmt: skip


def _apart(ax: Axes, place: int, row: pd.Series) -> None:
    """Draw a check that is not an alternative, with its interval."""
    low, estimate, high = (float(row[name]) for name in ("conf_low", "estimate", "conf_high"))
    unfair = row["group"] == TIME_ZERO
    colour = APART[str(row["group"])]
    ax.plot((low, high), (place, place), color=colour, ls=":" if unfair else "-", lw=1.6)
    ax.plot(estimate, place, "D" if unfair else "o", color=colour, ms=6,
            mfc="white" if unfair else colour)  # fmt: skip


def _number(value: Any) -> str:
    return number(float(value), 2)
