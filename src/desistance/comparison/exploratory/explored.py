"""What was explored: effects of joining by need, or by dose, stamped as such."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.plots import DARK_BLUE, DARK_GREY, ORANGE, house_style, new_axes, ratio_axis
from desistance.results import Result, text_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from desistance.comparison.effects.result import Basis

STAMP = "exploratory"
HAZARD = "hazard ratio of joining"
AMONG = "hazard ratio among those who joined"
DIFFERENCE = "difference in reoffenders per 100 people"
COMPARED = "with against without"
TRENDS = PER_NEED, PER_CONTACT = "per further need", "per further contact"
COLUMNS = [
    "outcome", "term", "group", "n", "n_events", "estimate", "std_error", "conf_low", "conf_high",
    "p_value", "p_holm", "p_bh", "shrunk", "shrunk_low", "shrunk_high", "status", "note",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explored(Result):
    """Effects of joining by need, or by dose: exploratory.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, term, group, n`` (people)``, n_events`` (people who reoffended)``, estimate,
        std_error`` (of ratios, of the logarithm)``, conf_low, conf_high, p_value, p_holm, p_bh,
        shrunk, shrunk_low, shrunk_high, status, note``. Only what is a question of its own has
        p-values: whether an effect differs.
    tests : DataFrame
        ``term, statistic, df, p_value, note``: of several effects together, and of trends.
    basis, tests_basis : tuple of Basis
        What each row of `frame`, and of `tests`, rests on.
    tau : float
        Spread of effects between needs, on the log scale; NaN where none are drawn in.
    """

    title: str
    frame: pd.DataFrame
    tests: pd.DataFrame
    basis: tuple[Basis, ...]
    tests_basis: tuple[Basis, ...]
    tau: float
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome, need (or dose, or partner) and group."""
        return self.frame.copy()

    def with_frame(self, frame: pd.DataFrame) -> Explored:
        """Give the same with other numbers, such as protected ones."""
        return replace(self, frame=frame)

    def summary(self) -> str:
        """Say what was explored and what was found, and that it proves nothing."""
        shown = self.frame.drop(columns=["status"]).dropna(axis="columns", how="all")
        drawn = (
            [f"Effects are drawn towards their mean: tau {self.tau:.3f} on the log scale."]
            if np.isfinite(self.tau)
            else []
        )
        return "\n".join(
            [
                f"Exploratory: {self.title}, {self.definition}",
                text_table(shown),
                "",
                text_table(self.tests),
                *drawn,
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios, raw and drawn in, stamped for what they are."""
        shown = self.frame["outcome"].isin([HAZARD, AMONG])
        rows = self.frame[shown & ~self.frame["group"].isin([COMPARED, *TRENDS])]
        ax = new_axes(ax, size=(9.6, 0.3 * len(rows) + 2.0))
        place = np.arange(len(rows))[::-1].astype(float)
        with house_style():
            ax.axvline(1.0, color=DARK_GREY, linewidth=1)
            ax.hlines(place, rows["conf_low"], rows["conf_high"], color=DARK_BLUE)
            ax.plot(rows["estimate"], place, "s", color=DARK_BLUE, label="as estimated")
            if rows["shrunk"].notna().any():
                ax.hlines(
                    place - 0.3, rows["shrunk_low"], rows["shrunk_high"], color=ORANGE, lw=1.4
                )
                ax.plot(rows["shrunk"], place - 0.3, "D", ms=5, color=ORANGE, label="drawn in")
                ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0))  # beside the title
            ratio_axis(ax)
            labels = rows["term"].astype(str) + ", " + rows["group"].astype(str)
            lost = rows["note"].ne("")
            ax.set_yticks(place, (labels + lost.map({True: " (no estimate)", False: ""})).tolist())
            ax.set(
                xlabel="Hazard ratio (below 1: less reoffending)",
                ylim=(-0.8, max(len(rows) - 0.4, 0.6)),
                title="Exploratory",
            )
        return ax
