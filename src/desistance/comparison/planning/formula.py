"""Power and precision by formula, for two groups of people who do not influence each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from desistance import plots
from desistance.checks import is_number, is_whole
from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

SMALLEST = "smallest difference found, in reoffenders per 100 people"
CHANCE = "chance of finding the difference"
WIDTH = "half width of the interval, in reoffenders per 100 people"
EVENTS = "reoffenders needed for the hazard ratio"
HAZARD = "chance of finding the hazard ratio"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Power(Result):
    """What a pilot of a size can find.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, n, n_events, estimate, std_error, note``: `n` people exposed, `group` how
        many each is compared with.
    definition : str
        By which formula, or by simulation of which design.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each question and size."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what can be found, and by which reckoning."""
        told = [f"Power and precision: {self.definition}", text_table(self.frame)]
        return "\n".join(told + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the first question's answer against the people exposed."""
        ax = plots.new_axes(ax)
        first = self.frame[self.frame["outcome"] == self.frame["outcome"].iloc[0]]
        for group, line in first.groupby("group", sort=False):
            ax.plot(line["n"], line["estimate"], "o-", label=str(group))
        outcome = str(first["outcome"].iloc[0])
        ax.set(xlabel="People exposed", ylabel=outcome[0].upper() + outcome[1:], ylim=(0, None))
        ax.legend()
        return ax


def power(
    people: int | Sequence[int],
    *,
    ratio: float | Sequence[float] = 1.0,
    rate: float = 56.0,
    difference: float | None = None,
    hazard_ratio: float | None = None,
    level: float = 0.05,
    wanted: float = 0.8,
) -> Power:
    """Say what a pilot of a size can find.

    Parameters
    ----------
    people
        Exposed, one size or several.
    ratio
        How many each is compared with.
    rate
        Reoffenders per 100 people of the comparison group.
    difference
        Of the rates, in reoffenders per 100 people: its chance of being found is told too. Below 0
        for fewer.
    hazard_ratio
        Likewise, with the reoffenders that are needed to find it.
    level, wanted
        Of a two-sided test, and the chance with which it shall find an effect.

    Raises
    ------
    ModelError
        If a size, rate or effect cannot be.

    References
    ----------
    See `desistance.comparison.planning`. The default rate is that of the comparison group of Leeds
    IOM (Ministry of Justice, 2017).

    Examples
    --------
    >>> power(60, ratio=10).to_frame()["estimate"].round(1).tolist()
    [18.7, 13.2]
    """
    sizes, ratios = np.atleast_1d(people), np.atleast_1d(ratio)
    if not all(is_whole(n, 2) for n in sizes) or not all(is_number(k) and k > 0 for k in ratios):
        raise ModelError("`people` are whole numbers, 2 or more, and `ratio` is above 0.")
    asked = (rate, difference or 0.0, hazard_ratio or 1.0, level, wanted)
    if not all(map(is_number, asked)):
        raise ModelError("Rates, effects, `level` and `wanted` are numbers.")
    sizes, ratios = sizes.astype(int), ratios.astype(float)
    after = rate + (difference or 0.0)
    if not (0 < rate < 100 and 0 < after < 100):
        raise ModelError("`rate`, and `rate` with `difference`, lie between 0 and 100.")
    if difference == 0 or (hazard_ratio is not None and not (0 < hazard_ratio != 1)):
        raise ModelError("An effect to be found is not none; a hazard ratio is above 0.")
    if not (0 < level < 0.5 and 0.5 <= wanted < 1):
        raise ModelError("`level` lies between 0 and 0.5, `wanted` between 0.5 and 1.")
    z = float(norm.isf(level / 2))
    rows: list[dict[str, object]] = []
    for n in sizes.tolist():
        for k in ratios.tolist():
            rows += _answers(n, k, rate / 100, difference, hazard_ratio, z, wanted)
    frame = pd.DataFrame(rows).reindex(columns=["outcome", "group", "n", "n_events", "estimate",
                                                "note"]).fillna({"note": ""})  # fmt: skip
    order = {name: place for place, name in enumerate((SMALLEST, CHANCE, WIDTH, EVENTS, HAZARD))}
    frame = frame.sort_values("outcome", key=lambda names: names.map(order), kind="stable")
    return Power(
        frame.astype({"n": "Int64", "n_events": "Int64"}).reset_index(drop=True),
        f"two-sided {100 * level:g} % test, {100 * wanted:g} % power, {number(rate, 1)} "
        "reoffenders per 100 people of the comparison group",
        ("People are counted as if none stood in two groups or two matches, and as if all were "
         "followed to the end; with weights, count the effective number.",),
    )  # fmt: skip


def _answers(
    n: int, k: float, rate: float, difference: float | None, hazard_ratio: float | None, z: float,
    wanted: float,
) -> list[dict[str, object]]:  # fmt: skip
    about: dict[str, object] = {"group": f"1 to {k:g}", "n": n}
    least = _smallest_drop(n, k, rate, z, float(norm.ppf(wanted)))
    note = "" if np.isfinite(least) else f"{NOT_ESTIMABLE}: not even nobody reoffending is found"
    rows = [{"outcome": SMALLEST, "estimate": 100 * least, "note": note}]
    width = z * _error(n, k, rate + (difference or 0) / 100, rate)
    rows.append({"outcome": WIDTH, "estimate": 100 * width})
    if difference is not None:
        found = norm.cdf(_surplus(n, k, rate, abs(difference) / 100, rate + difference / 100, z))
        rows.append({"outcome": CHANCE, "estimate": float(found)})
    if hazard_ratio is not None:
        share = k / (1 + k) ** 2
        needed = (z + norm.ppf(wanted)) ** 2 / (share * np.log(hazard_ratio) ** 2)
        events = n * (1 - (1 - rate) ** hazard_ratio) + n * k * rate
        rows.append(
            {"outcome": EVENTS, "n_events": int(np.ceil(needed - 1e-9)), "estimate": needed}
        )
        found = _log_rank_chance(n, k, rate, hazard_ratio, z)
        rows.append({"outcome": HAZARD, "n_events": round(events), "estimate": found})
    return [about | row for row in rows]


def _error(n: int, k: float, exposed: float, other: float) -> float:
    return float(np.sqrt(exposed * (1 - exposed) / n + other * (1 - other) / (n * k)))


def _surplus(n: int, k: float, rate: float, gap: float, exposed: float, z: float) -> float:
    """How far a gap lies beyond the edge of the test, in errors under the gap."""
    pooled = (exposed + k * rate) / (1 + k)
    none = float(np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / (n * k))))
    return (gap - z * none) / _error(n, k, exposed, rate)


def _log_rank_chance(n: int, k: float, rate: float, hazard_ratio: float, z: float) -> float:
    """Chance that the log-rank test finds a hazard ratio, everybody being watched to the end.

    Time is the cumulative hazard of the comparison group, whatever its shape. The test takes
    p (1 - p) for the variance of an event, p being the share of those exposed among those at risk.
    """
    node, width = np.polynomial.legendre.leggauss(40)
    end = -np.log1p(-rate)
    time, width = end * (node + 1) / 2, end * width / 2
    ours, theirs = n * np.exp(-hazard_ratio * time), n * k * np.exp(-time)
    p = ours / (ours + theirs)
    ours, theirs = hazard_ratio * ours * width, theirs * width  # events
    surplus = abs(float((ours - p * (ours + theirs)).sum()))
    none = float((p * (1 - p) * (ours + theirs)).sum())
    error = float(((1 - p) ** 2 * ours + p**2 * theirs).sum()) ** 0.5
    return float(norm.cdf((surplus - z * none**0.5) / error))


def _smallest_drop(n: int, k: float, rate: float, z: float, reach: float) -> float:
    def short(gap: float) -> float:
        return _surplus(n, k, rate, gap, rate - gap, z) - reach

    most = rate * (1 - 1e-12)
    return float(brentq(short, 1e-9, most)) if short(most) > 0 else np.nan
