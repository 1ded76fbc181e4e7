"""What a comparison of cohorts found, by outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.comparison.effects.contrasts import AGAINST, is_ratio
from desistance.comparison.effects.followed import (
    CAME_FIRST,
    DIFFERENCE,
    FREE_DIFFERENCE,
    HAZARD,
    RATIO,
    SCALES,
)
from desistance.comparison.effects.variance import Clustering
from desistance.errors import ModelError
from desistance.followup.rules import REOFFENCE
from desistance.plots import DARK_GREY, new_axes, ratio_axis
from desistance.results import Result, text_table
from desistance.survival import Survival

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

SHORT = {
    "rate": DIFFERENCE, "frequency": RATIO, "time": HAZARD, "rmst": FREE_DIFFERENCE,
    "severity": f"difference in days of harm for each person ({SCALES[0]})",
    "incidence": f"difference in {CAME_FIRST[REOFFENCE]}",
}  # fmt: skip
UNSEEN = "Likeness was made on what is recorded; what is not may still differ."


@dataclass(frozen=True, slots=True)
class Basis:
    """What a number rests on.

    Attributes
    ----------
    n_people, n_events
        By cohort: people, and those of them with the event; of a mean those who have another amount
        than the usual one (0, or what half of them have), and nothing where there is none.
    of_two
        Of a sum (harm, a mean), the largest share of a cohort's that two people have.
    """

    n_people: dict[str, int]
    n_events: dict[str, int]
    of_two: float = 0.0


def basis_of(told: Iterable[Mapping[str, Any]], names: tuple[str, str]) -> Basis:
    """Read what a number rests on from what each cohort's row tells."""
    each = dict(zip(names, told, strict=True))
    events = {name: one.get("n_events", one.get("n_any")) for name, one in each.items()}
    return Basis(
        {name: int(one["n"]) for name, one in each.items()},
        {name: int(n) for name, n in events.items() if n is not None},
        max(float(one.get("of_two", 0.0)) for one in each.values()),
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Effects(Result):
    """What being exposed did, by outcome.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, n, n_events, person_years, estimate, std_error, conf_low, conf_high,
        p_value, note``, and ``offence_set`` where several were asked for; `std_error` of a ratio
        is that of its logarithm.
    light : str
        Worst traffic light of the balance the effects rest on.
    estimand : str
        Whom the effects are on, see `Balance`.
    clusters : str
        How rows were put together for standard errors.
    definition : str
    caveats : tuple of str
    basis : tuple of Basis
        What each row of `frame` rests on.
    """

    frame: pd.DataFrame
    light: str
    estimand: str
    clusters: Clustering
    definition: str
    caveats: tuple[str, ...]
    basis: tuple[Basis, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome and group, and one per effect."""
        return self.frame.copy()

    def effect(self, outcome: str, offence_set: str | None = None) -> pd.Series:
        """Give the row of one effect.

        Parameters
        ----------
        outcome
            Of a follow-up, its short name ("rate" is the difference); or the words in the column
            `outcome`.
        offence_set
            Where several were asked for; the follow-up's own by default.
        """
        rows = self.frame[self.frame["group"] == AGAINST]
        if offence_set is not None:
            rows = rows[rows["offence_set"] == offence_set]
        name = SHORT.get(outcome, outcome)
        found = rows[(rows["outcome"] == name) | rows["outcome"].str.startswith(f"{name} of the ")]
        if found.empty:
            there = ", ".join(map(repr, dict.fromkeys(rows["outcome"])))
            raise ModelError(f"{outcome!r} is no effect that was estimated; there are {there}.")
        return found.iloc[0]

    def rests_on(self, outcome: str) -> Basis:
        """Say what one effect rests on."""
        place: int = self.frame.index.get_indexer(pd.Index([self.effect(outcome).name]))[0]
        return self.basis[place]

    def summary(self) -> str:
        """Say the balance, the effects and what they allow to be said."""
        return "\n".join(
            [
                f"Effect of joining, on {self.definition} (balance: {self.light})",
                text_table(self.frame),
                *self.caveats,
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals; where there is none, the differences."""
        rows = self.frame[self.frame["group"] == AGAINST].dropna(subset=["estimate"])
        ratios = rows["outcome"].map(is_ratio).astype(bool)
        rows = rows[ratios] if ratios.any() else rows
        ax = new_axes(ax, size=(7.2, 1.2 + 0.5 * max(len(rows), 1)))
        place = np.arange(len(rows))[::-1]
        share, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
        ax.axvline(1.0 if ratios.any() else 0.0, color=DARK_GREY, lw=0.8)
        ax.errorbar(share, place, xerr=(share - low, high - share), fmt="o", capsize=3)
        names = rows["outcome"].str.capitalize()
        if "offence_set" in rows:
            names += ", " + rows["offence_set"]
        ax.set_yticks(place, names)
        ax.set_ylim(-0.6, max(len(rows), 1) - 0.4)
        if ratios.any() or not len(rows):
            ratio_axis(ax)
            ax.set_xlabel("Ratio (below 1: less reoffending)")
        else:
            ax.set_xlabel("Difference, exposed less comparison")
        return ax


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CohortComparison(Effects):
    """What joining did to people followed up, by outcome; see `Effects`.

    Attributes
    ----------
    sentence : str
        What may be said of the first outcome.
    words : DataFrame
        ``outcome, sentence``, and ``offence_set`` where several were asked for: what may be said of
        each effect; its index is that of `frame`.
    curves : Survival
        Share not yet reoffended in both matched cohorts.
    n_people, n_reoffenders : dict
        People of each group, and those of them who reoffended while watched.
    """

    sentence: str
    words: pd.DataFrame
    curves: Survival
    n_people: dict[str, int]
    n_reoffenders: dict[str, int]

    def rows_of(self, outcomes: Sequence[str]) -> list[dict[str, Any]]:
        """Give one effect of each outcome, by its short name, as a row for a table of several."""
        return [
            {str(name): value for name, value in self.effect(one).items()} | {"outcome": SHORT[one]}
            for one in outcomes
        ]

    def summary(self) -> str:
        """Say the balance, the effects and what they allow to be said."""
        return "\n".join(
            [
                f"Effect of joining, on {self.definition} (balance: {self.light})",
                text_table(self.frame),
                self.sentence,
                *self.caveats,
            ]
        )
