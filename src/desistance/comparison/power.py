"""How small an effect a pilot can find, before or after it is run.

By formula, for two groups of people who do not influence each other: the difference of two rates by
the test whose variance is pooled under no effect (as `power.prop.test` of R); a hazard ratio by the
log-rank test, whose variance under no effect is not its variance under one; and the reoffenders
that the ratio needs (Schoenfeld; for groups of like size, and ratios not far from 1). By
simulation, for the very design: pilots with a known effect are made, followed up, balanced and
compared as the plan says, again and again.

References
----------
Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4;
Schoenfeld (1983), Biometrics 39(2); Lakatos (1988), Biometrics 44(1), of the log-rank test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from desistance.balance import BalanceDesign, balance_cohorts
from desistance.checks import is_number, is_whole
from desistance.comparison.effects import compare_cohorts
from desistance.errors import ModelError, NobodyToMatchError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.synthetic import SimulationDesign, simulate_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

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
        ax = new_axes(ax)
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
    See `desistance.comparison.power`. The default rate is that of the comparison group of Leeds IOM
    (Ministry of Justice, 2017).

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


def simulated_power(
    simulation: SimulationDesign,
    *,
    design: FollowUpDesign | None = None,
    balance: BalanceDesign | None = None,
    replicates: int = 200,
    rng: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Power:
    """Run the very design on made-up pilots, again and again.

    Parameters
    ----------
    simulation
        What the pilots are like, and the effect they truly have.
    design, balance
        How people are followed up and made alike.
    replicates, rng
        How many pilots; pilot k comes of child k of the seed, so that any can be made again.
    progress
        Called with the number of each pilot done.

    Returns
    -------
    Power
        For each effect: how often its interval left out no effect, `std_error` the Monte-Carlo
        error, and half its interval's mean width; `n` people exposed and matched on average.

    Examples
    --------
    >>> few = SimulationDesign(n_people=120, missing_needs=0.0)
    >>> simulated_power(few, replicates=2, rng=1).to_frame()["outcome"].iloc[0]
    'chance of finding the difference in reoffenders per 100 people'
    """
    if replicates < 2:
        raise ModelError("`replicates` is 2 or more.")
    found: list[dict[str, NDArray[np.float64]]] = []
    matched, lost = [], 0
    for k, seed in enumerate(np.random.SeedSequence(rng).spawn(replicates)):
        cases = simulate_cases(simulation, rng=np.random.default_rng(seed))
        followed = follow_up(cases, build_histories(cases), design)
        try:
            balanced = balance_cohorts(followed, balance)
        except NobodyToMatchError:
            lost += 1
            continue
        effects = compare_cohorts(followed, balanced)
        matched.append(balanced.n_matched)
        rows = [effects.effect(name) for name in ("rate", "frequency", "time")]
        found.append({
            str(row["outcome"]): row[["estimate", "conf_low", "conf_high"]].to_numpy(float)
            for row in rows
        })  # fmt: skip
        if progress is not None:
            progress(k + 1)
    if not found:
        raise ModelError("Nobody could be matched in any pilot; make them larger.")
    told: list[dict[str, object]] = []
    for outcome in found[0]:
        values = np.array([one[outcome] for one in found])
        none = 1.0 if "ratio" in outcome else 0.0
        sure = (values[:, 1] > none) | (values[:, 2] < none)
        scale = np.log if none else np.asarray
        width = (scale(values[:, 2]) - scale(values[:, 1])) / 2
        share = float(sure.mean())
        error = float(np.sqrt(share * (1 - share) / len(sure)))
        about = {"group": "as designed", "n": round(float(np.mean(matched)))}
        unit = " of the logarithm" if none else ""
        told.append(
            about
            | {"outcome": f"chance of finding the {outcome}", "estimate": share, "std_error": error}
        )
        told.append(about | {"outcome": f"half width of the interval of the {outcome}{unit}",
                             "estimate": float(np.nanmean(width))})  # fmt: skip
    frame = pd.DataFrame(told).assign(note="")
    order = ["outcome", "group", "n", "estimate", "std_error", "note"]
    said = [f"{lost} of {replicates} pilots had nobody to match."] if lost else []
    return Power(
        frame[order].sort_values("outcome", kind="stable").reset_index(drop=True),
        f"{len(found)} simulated pilots of {simulation.n_people} people, true hazard ratio "
        f"{simulation.effect:g}",
        tuple(said),
    )
