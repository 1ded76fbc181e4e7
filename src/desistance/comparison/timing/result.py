"""What a comparison over time found, and several of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.comparison.effects.wording import too_few
from desistance.comparison.timing.design import TimeDesign
from desistance.plots import DARK_GREY, house_style, new_axes, ratio_axis
from desistance.results import Caveat, Result, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HAZARD = "hazard ratio of the first reoffence"
RATE = "reoffenders per 100 people"
DIFFERENCE = "difference in reoffenders per 100 people"
DAYS = "days without reoffending"
DAYS_GAINED = "difference in days without reoffending"
EFFECTS = {"time": HAZARD, "rate": DIFFERENCE, "days": DAYS_GAINED}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimedComparison(Result):
    """What joining did, by one design of time.

    Attributes
    ----------
    design : TimeDesign
    frame : DataFrame
        ``outcome, group, n, n_events, estimate, std_error, conf_low, conf_high, p_value, note``;
        `n` and `n_events` are people; `std_error` of the hazard ratio is of its logarithm.
    estimand : str
        The question it answers.
    counts : dict
        ``people``, ``joined`` and ``events`` (people), ``carried`` (as how many people who weigh
        equally the smaller side counts), ``trials``, ``copies``, ``cut`` (people whose weight
        was), ``cut short`` (people not watched to the horizon by the extract).
    flow : DataFrame
        ``step, n_left_out, n_remaining``, of people.
    definition, variance : str
    caveats : tuple of str
    """

    design: TimeDesign
    frame: pd.DataFrame
    estimand: str
    counts: dict[str, int]
    flow: pd.DataFrame
    definition: str
    variance: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome and side, and one per effect."""
        return self.frame.copy()

    @property
    def withheld(self) -> str:
        """Why no effect may be read from it; empty where one may.

        Copies of people who never joined stand on both sides: people who joined count.
        """
        return too_few(self.counts["joined"], self.counts["carried"])

    def effect(self, outcome: str) -> pd.Series:
        """Give the row of one effect: "time" (hazard ratio), "rate" or "days"."""
        return self.frame[self.frame["outcome"] == EFFECTS[outcome]].iloc[0]

    def summary(self) -> str:
        """Say the question, who was compared, and what was found."""
        told = self.counts
        return "\n".join(
            [
                f"{self.design.label}: {self.estimand}",
                f"On {self.definition}.",
                f"{number(told['people'])} people, {number(told['joined'])} of whom joined; "
                f"{number(told['trials'])} trials, {number(told['copies'])} copies; "
                f"{self.variance}",
                text_table(self.flow),
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw both sides' rates with their intervals."""
        ax = new_axes(ax, size=(7.2, 2.2))
        rows = self.frame[self.frame["outcome"] == RATE]
        place = np.arange(len(rows))[::-1]
        with house_style():
            ax.hlines(place, rows["conf_low"], rows["conf_high"])
            ax.plot(rows["estimate"], place, "s")
            ax.set_yticks(place, rows["group"])
            ax.set(xlabel="Reoffenders per 100 people", ylim=(-0.6, len(rows) - 0.4))
        return ax


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimedComparisons(Result):
    """Several designs on the same people, side by side.

    Attributes
    ----------
    results : tuple of TimedComparison
    failed : dict of str
        Label of each design that could not be used, and why.
    """

    results: tuple[TimedComparison, ...]
    failed: dict[str, str]

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be read with every one of them; each result has its own beside."""
        return tuple(
            Caveat(f"{one.design.label}: {said.template}", **said.counts)
            if isinstance(said, Caveat)
            else f"{one.design.label}: {said}"
            for one in self.results
            for said in one.caveats
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per effect and design; `group` is the design."""
        told = [
            one.effect(name).to_frame().T.assign(
                group=one.design.label, n=one.counts["people"], n_events=one.counts["events"]
            )
            for name in EFFECTS
            for one in self.results
        ]  # fmt: skip
        told += [
            pd.DataFrame({"outcome": [outcome], "group": label, "note": why})
            for outcome in EFFECTS.values()
            for label, why in self.failed.items()
        ]
        frame = pd.concat(told, ignore_index=True).infer_objects()
        order = {outcome: place for place, outcome in enumerate(EFFECTS.values())}
        frame = frame.iloc[frame["outcome"].map(order).argsort(kind="stable")]
        return frame.astype({"n": "Int64", "n_events": "Int64"}).reset_index(drop=True)

    def summary(self) -> str:
        """Say what each design asks, and what it found."""
        return "\n".join(
            [
                f"{len(self.results)} designs of time, on the same people",
                *(f"{one.design.label}: {one.estimand}" for one in self.results),
                text_table(self.to_frame()),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the designs' hazard ratios with their intervals."""
        return draw_hazards(self.to_frame(), ax)


def draw_hazards(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw hazard ratios with their intervals, a row for each design that has one."""
    rows = frame[frame["outcome"] == HAZARD].dropna(subset=["estimate"])
    ax = new_axes(ax, size=(7.2, 1.2 + 0.5 * len(rows)))
    place = np.arange(len(rows))[::-1]
    ratio, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
    with house_style():
        ax.axvline(1, color=DARK_GREY, lw=0.8)
        ax.errorbar(ratio, place, xerr=(ratio - low, high - ratio), fmt="o", capsize=3)
        ax.set_yticks(place, rows["group"])
        ratio_axis(ax)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlabel("Hazard ratio (below 1: less reoffending)")
    return ax
