"""How grave, how costly, and whether it gets worse: harm weights, unit costs, escalation.

Escalation is the slope of log(1 + weight) on the order of a person's offences, within people:
each person's offences are compared with that person's own mean, so that people who offend often
and gravely cannot pass for people who get worse. A random-intercept model mixes the two unless
each person's mean order is a term, and then gives this very slope. The standard error is of the
sandwich over people. Offences of one day share their mean order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from desistance.catalogue import cost_of, harm_weights, unit_costs
from desistance.errors import DataError
from desistance.histories.careers.rows import (
    OVER_PEOPLE,
    mean_of,
    mean_row,
    rate_rows,
    share_row,
    tidy,
    z_of,
)
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.histories.careers.careers import Careers
    from desistance.histories.careers.rows import Row

    Floats = NDArray[np.float64]

PER_YEAR, PER_CALENDAR = "per year in the community", "per year"
ESCALATION = "log(1 + {}) per further offence"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CareerHarm(Result):
    """Harm, cost and escalation of careers, in groups.

    Attributes
    ----------
    people : DataFrame, one row per person and window
        Personal data: ``person_id, n_offences``, and for each scale and the costs the sum over
        offences with a figure, ``harm_<scale>`` and ``cost`` (NaN if no offence has one), and
        ``n_without_<scale>``, ``n_without_cost``.
    frame : DataFrame
        One row per group and measure: ``group, outcome, interval, n, n_events, person_years,
        estimate, std_error, conf_low, conf_high, statistic, p_value, note``.
    scales, costs
        Names and versions of the weights, and of the costs with their price year and factor.
    caveats : tuple of str
    """

    people: pd.DataFrame
    frame: pd.DataFrame
    scales: tuple[str, ...]
    costs: str
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and measure."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say harm and cost with the scales they rest on, in plain text."""
        first = f"Harm of {len(self.people):,} careers: {self.definition}"
        scales = f"Weights: {', '.join(self.scales)}. Costs: {self.costs}."
        return "\n".join([first, scales, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw how much graver a further offence is, by scale and group."""
        ax = new_axes(ax)
        rows = self.frame[self.frame["outcome"].str.startswith("log(1 + ")]
        names = rows["group"] + ", " + rows["outcome"].str.extract(r"\+ (\w+)\)")[0]
        value, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
        place = np.arange(len(rows))[::-1]
        ax.errorbar(value, place, xerr=(value - low, high - value), fmt="o", capsize=3)
        ax.axvline(0, color="#6F777B", linewidth=1)
        ax.set_yticks(place, names)
        ax.set_xlabel("Escalation: log(1 + harm) per further offence")
        return ax


def career_harm(
    careers: Careers,
    *,
    by: str | pd.Series | None = None,
    scales: Sequence[str | Path] = ("CCHI", "ONS_CSS"),
    costs: str | Path = "RR99",
    uprate: float = 1.0,
    confidence: float = 0.95,
) -> CareerHarm:
    """Weigh and cost people's offences, and see whether they get graver.

    Parameters
    ----------
    careers
        From `trace_careers`.
    by
        Column of `careers.people`, or labels on its index, that forms the groups.
    scales
        Harm weights, by name in the catalogue or as the paths of files. They differ fortyfold on
        some crimes: give both.
    costs
        Unit costs, in the same way. They are of crimes; a proven offence is one, so no multiplier
        from recorded to actual crime is applied.
    uprate
        Factor from the price year of the costs to another, by the GDP deflator of your choice.
    confidence
        Of the intervals, which are over people.

    Raises
    ------
    DataError, PlanError
        If `by` is not a column of the people; if a scale or costs cannot be read.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=200), rng=1))
    >>> found = career_harm(trace_careers(histories, since="2022-01-01", until="2023-01-01"))
    >>> frame = found.to_frame().set_index("outcome")
    >>> float(frame.loc["share of offences without a CCHI weight", "estimate"])
    0.04
    """
    if not uprate > 0:
        raise DataError("`uprate` is a factor above 0.")
    groups, z = careers.groups(by), z_of(confidence)
    person, n = careers.person, len(careers.people)
    counts = careers.n_offences.astype(float)
    street, calendar = (careers.people[c].to_numpy(float) for c in ("street_days", "calendar_days"))
    weights = [harm_weights(scale) for scale in scales]
    priced = unit_costs(costs)
    figures: dict[str, tuple[str, str, Floats]] = {}  # column: unit, what is lacking, per offence
    for weight in weights:
        name = weight["name"].iloc[0]
        each = careers.offences["offence_class"].map(weight["weight"]).to_numpy(float)
        figures[f"harm_{name}"] = (f"{name} days", f"{name} weight", each)
    year, label = priced["price_year"].iloc[0], priced["name"].iloc[0]
    money = f"pounds of {year}" + (f" times {uprate:g}" if uprate != 1 else "")
    figures["cost"] = (
        money,
        f"{label} cost",
        cost_of(careers.offences["offence_code"], priced, uprate=uprate).to_numpy(float),
    )
    told = careers.people[["person_id"]].assign(n_offences=careers.n_offences)
    rows: list[Row] = []
    order = _order(careers)
    for column, (_, _, each) in figures.items():
        known = ~np.isnan(each)
        total = np.bincount(person, np.nan_to_num(each), n).astype(float)
        without = np.bincount(person, ~known, n).astype(float)
        told[column] = np.where((without == counts) & (counts > 0), np.nan, total)
        told[f"n_without_{column.removeprefix('harm_')}"] = without.astype(np.int64)
    for group, mask in groups.items():
        for column, (unit, lacking, each) in figures.items():
            total = told[column].to_numpy(float)
            without = told[f"n_without_{column.removeprefix('harm_')}"].to_numpy(float)
            known = mask & ~np.isnan(total)
            sums: dict[str, Row] = {f"{unit} per person": mean_row(total[known], z)}
            for name, days in {PER_YEAR: street, PER_CALENDAR: calendar}.items():
                (row,) = rate_rows(total[known], days[known], confidence, exact=False)
                sums[f"{unit} {name}"] = row
            with_one = counts - without
            sums[f"{unit} per offence that has a figure"] = mean_of(
                total[known], with_one[known], z
            )
            sums[f"share of offences without a {lacking}"] = share_row(
                without[mask], counts[mask], z
            )
            if column != "cost":
                mine = mask[person] & ~np.isnan(each)
                sums[ESCALATION.format(lacking.removesuffix(" weight"))] = escalation(
                    person[mine], order[mine], np.log1p(each[mine]), z
                )
            rows += [{"group": group, "outcome": outcome} | row for outcome, row in sums.items()]
    return CareerHarm(
        told, tidy(rows),
        tuple(f"{w['name'].iloc[0]} (version {w['version'].iloc[0]})" for w in weights),
        f"{label} (version {priced['version'].iloc[0]}), {money}",
        careers.definition, (*_caveats(careers, priced, label), *careers.caveats),
    )  # fmt: skip


def _order(careers: Careers) -> Floats:
    """Number each person's offences from 1; those of one day share their mean number."""
    offences = careers.offences
    place = offences.groupby("person", sort=False).cumcount().to_numpy() + 1.0
    return (
        pd.Series(place)
        .groupby([careers.person, offences["day"].to_numpy()])
        .transform("mean")
        .to_numpy(float)
    )


def escalation(person: np.ndarray, order: Floats, harm: Floats, z: float) -> Row:
    """Regress harm on order within people, with the sandwich over people.

    Parameters
    ----------
    person : int64 array, shape (n,)
    order, harm : float64 arrays, shape (n,)
        Of each offence: its number in the career, and log(1 + weight).
    """
    if not len(person):
        return {"n": 0, "note": f"{NOT_ESTIMABLE}: no offence has a weight"}
    n = np.bincount(person).astype(float)
    x, y = (v - (np.bincount(person, v) / np.maximum(n, 1))[person] for v in (order, harm))
    spread = (x**2).sum()
    several = np.bincount(person, x**2) > 0
    row: Row = {"n": int(several.sum()), "n_events": int(n[several].sum())}
    if spread <= 0:
        return row | {"note": f"{NOT_ESTIMABLE}: nobody has two offences with a weight"}
    slope = float((x * y).sum() / spread)
    row |= {"estimate": slope, "interval": OVER_PEOPLE}
    error = float(np.sqrt((np.bincount(person, x * (y - slope * x)) ** 2).sum()) / spread)
    if several.sum() < 2 or error <= 0:
        return row
    return row | {
        "std_error": error, "conf_low": slope - z * error, "conf_high": slope + z * error,
        "statistic": slope / error, "p_value": float(2 * ndtr(-abs(slope / error))),
    }  # fmt: skip


def _caveats(careers: Careers, priced: pd.DataFrame, label: str) -> list[str]:
    used = careers.offences["offence_class"].map(priced["verified"])
    unverified = int((used == False).sum())  # noqa: E712 -- NA is neither
    if not unverified:
        return []
    return [
        Caveat(
            f"{{offences}} offences are costed with figures of {label} that were not checked "
            "against their source; your own file may take their place.",
            offences=unverified,
        )
    ]
