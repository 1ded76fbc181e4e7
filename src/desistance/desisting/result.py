"""What the four definitions found, and the estimates they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from desistance.plots import DARK_GREY, PALETTE, house_style, new_axes
from desistance.results import Result, number, text_table
from desistance.timetoevent import PER_YEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from desistance.survival.convergence import HazardConvergence
    from desistance.survival.cure import SplitPopulationFit
    from desistance.survival.curves import Survival
    from desistance.survival.smoothed import SmoothedHazard

DEFINITIONS = ("static", "dynamic", "hazard convergence", "split population")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeasuredDesistance(Result):
    """Desistance by four definitions.

    Attributes
    ----------
    frame : DataFrame
        What `to_frame` gives.
    survival
        The curve the static definition is read from.
    hazard
        The smoothed hazard of a first reoffence.
    rate
        The smoothed rate of all reoffences, held against the threshold; None where rows end at
        the first. The errors of its curve (not of its days) take a person's reoffences for
        independent.
    convergence
        The hazard held against the reference; None without one.
    split : dict of group to SplitPopulationFit
    definition
        What a reoffence is, and the clock.
    threshold
        In reoffences a year at risk.
    """

    frame: pd.DataFrame
    survival: Survival
    hazard: SmoothedHazard
    rate: HazardConvergence | None
    convergence: HazardConvergence | None
    split: dict[str, SplitPopulationFit]
    definition: str
    threshold: float
    by: str | None
    unit: str
    replicates: int
    seed: int
    n_people: int
    n_events: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Four rows a group: shares from 0 to 1, times in years, 95 % limits or a bound.

        `outcome` is the definition; `n` people and `n_events` reoffences are those it counts;
        `can_say` and `cannot_say` are sentences. Without an estimate, `conf_low` of a time is
        what it is later than, and `conf_high` of a share what it is at most.
        """
        return self.frame

    def summary(self) -> str:
        """Say who was followed, the four numbers, and what they can and cannot say."""
        numbers = self.frame.drop(columns=["can_say", "cannot_say"])
        lines = [
            f"Desistance by four definitions: {number(self.n_people)} people, "
            f"{number(self.n_events)} reoffences" + (f", by {self.by}" if self.by else ""),
            f"Reoffence: {self.definition}",
            f"95 % limits; rates by bootstrap over people, {number(self.replicates)} replicates, "
            f"seed {self.seed}",
            "",
            text_table(numbers),
        ]
        told = self.frame[["outcome", "group", "can_say", "cannot_say"]].astype(str)
        for outcome, group, can, cannot in told.itertuples(index=False, name=None):
            lines += ["", f"{outcome.capitalize()}, {group}"]
            lines += [f"  can say:    {can}", f"  cannot say: {cannot}"]
        return "\n".join(
            [*lines, *([""] if self.caveats else []), *(f"Caveat: {said}" for said in self.caveats)]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the rate of all reoffences, and of first ones among those who have none."""
        ax, year = new_axes(ax), PER_YEAR[self.unit]
        curves = [("first reoffences", self.hazard.curve, "--")]
        if self.rate is not None:
            curves.insert(0, ("all reoffences", self.rate.curve, "-"))
        with house_style():
            for kind, curve, style in curves:
                lines = curve.groupby("group", sort=False)
                for colour, (group, line) in zip(cycle(PALETTE), lines, strict=False):
                    label = f"{group}: {kind}" if self.by else kind.capitalize()
                    years, rate = line.day / year, line.estimate * year
                    ax.plot(years, rate, color=colour, linestyle=style, label=label)
            ax.axhline(self.threshold, color=DARK_GREY, linestyle=":", linewidth=1.4)
            ax.set(xlabel="Years since index date", ylabel="Reoffences per year at risk")
            ax.set_ylim(bottom=0)
            ax.legend()
        return ax
