"""What an effect is worth in money, and what it would have to be to pay for the programme.

Break-even asks how many reoffences the programme has to prevent, for each person, to cost no more
than it saves; it stands whether or not an effect was found. Cost averted follows from an effect and
its interval, and is no headline where the interval holds no effect. Costs of reoffences and of the
programme are in the prices of one year, which is printed; nothing is uprated here.

References
----------
Home Office and Ministry of Justice (2011), Integrated Offender Management: value for money toolkit;
HM Treasury, The Green Book.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_GREY, new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEEDED = "reoffences to prevent for each person, to break even"
PREVENTED = "reoffences prevented for each person"
SAVED = "cost averted for each person"
NET = "cost averted less cost of the programme, for each person"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BreakEven(Result):
    """What the programme has to prevent to pay for itself, and what it did.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, estimate, conf_low, conf_high, note``; money in pounds.
    price_year : str
    conclusive : bool
        Whether the interval of reoffences prevented leaves out none.
    """

    frame: pd.DataFrame
    price_year: str
    conclusive: bool
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per amount."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what would pay for the programme; and what it saved, if it can be said to save."""
        return "\n".join(
            [
                f"Break-even in prices of {self.price_year}",
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw reoffences prevented, with their interval, against what would break even."""
        ax = new_axes(ax, size=(7.2, 2.4))
        for y, name in ((1, NEEDED), (0, PREVENTED)):
            row = self.frame[self.frame["outcome"] == name].iloc[0]
            ax.plot([row["conf_low"], row["conf_high"]], [y, y], color="C0", ls="-")
            ax.plot(row["estimate"], y, "o", color="C0")
        ax.axvline(0, color=DARK_GREY, lw=0.8)
        ax.set_yticks([1, 0], ["Needed to break even", "Prevented"])
        ax.set(ylim=(-0.6, 1.6), xlabel="Reoffences for each person")
        return ax


def _note(low: float, high: float) -> str:
    """Say of an interval whether it is there, and clear of 0."""
    if np.isnan(low):
        return f"{NOT_ESTIMABLE}: no effect was given"
    return "" if low > 0 or high < 0 else "inconclusive: not for a headline"


def break_even(
    *,
    cost_per_person: float,
    cost_per_reoffence: float | tuple[float, float, float],
    price_year: str,
    prevented: tuple[float, float, float] | None = None,
) -> BreakEven:
    """Compare what a programme costs with what it prevents.

    Parameters
    ----------
    cost_per_person
        Of the programme, in pounds.
    cost_per_reoffence
        Mean cost of a reoffence, in pounds of the same year; with a low and a high behind it where
        it is uncertain.
    price_year
        Whose prices all costs are in, such as "2015/16".
    prevented
        Reoffences prevented for each person, with interval: estimate, low, high. Leave out where
        nothing was estimated.

    Raises
    ------
    ModelError
        If a cost is not above 0, or a low is above a high.

    Examples
    --------
    >>> told = break_even(cost_per_person=1200.0, cost_per_reoffence=4000.0, price_year="2015/16",
    ...                   prevented=(0.5, -0.1, 1.1))
    >>> told.to_frame()[["estimate", "note"]].iloc[[0, 2]].values.tolist()
    [[0.3, ''], [2000.0, 'inconclusive: not for a headline']]
    """
    cost, low, high = (
        cost_per_reoffence if isinstance(cost_per_reoffence, tuple) else (cost_per_reoffence,) * 3
    )
    if not (0 < low <= cost <= high and cost_per_person > 0):
        raise ModelError("Costs are above 0, and the low, the mean and the high are in order.")
    if not str(price_year).strip():
        raise ModelError('`price_year` says whose prices costs are in, such as "2015/16".')
    estimate, least, most = prevented or (np.nan,) * 3
    if prevented is not None and not least <= estimate <= most:
        raise ModelError("`prevented` is an estimate between its low and its high.")
    # The ends of the product of two intervals: a low number at whichever cost makes it lowest.
    averted = (estimate * cost, min(least * low, least * high), max(most * low, most * high))
    net = [amount - cost_per_person for amount in averted]
    rows = [
        (NEEDED, cost_per_person / cost, cost_per_person / high, cost_per_person / low, ""),
        (PREVENTED, estimate, least, most, _note(least, most)),
        (SAVED, *averted, _note(*averted[1:])),
        (NET, *net, _note(*net[1:])),
    ]
    frame = pd.DataFrame(rows, columns=["outcome", "estimate", "conf_low", "conf_high", "note"])
    said = [
        "Costs to society are not cash that anybody gets back, and only reoffences that came to "
        "notice are counted."
    ]
    conclusive = not _note(least, most)
    if prevented is not None and not conclusive:
        said.append("The effect is inconclusive: quote what would break even, not what was saved.")
    return BreakEven(frame, price_year, conclusive, tuple(said))
