"""Participation, frequency, onset, length, pauses, near repeats, accomplices, concentration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.histories.ages import completed_age
from desistance.histories.careers.frequencies import exact_poisson, gamma_poisson
from desistance.histories.careers.rows import (
    OVER_PEOPLE,
    mean_of,
    mean_row,
    rate_rows,
    share_row,
    tidy,
    wilson_row,
    z_of,
)
from desistance.histories.days import DAYS_A_MONTH, DAYS_A_YEAR, to_days
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.histories.careers.careers import Careers
    from desistance.histories.careers.rows import Row

    Floats = NDArray[np.float64]

PARTICIPATION = "share who offended"
STREET, CALENDAR = "offences per year in the community", "offences per year"
PER_ACTIVE = "offences per person who offended"
SHAPE, RATE = "gamma shape (alpha)", "gamma rate (beta, years)"
ONSET, LAST, LENGTH = "age at first offence", "age at last offence", "years from first to last"
BETWEEN = "days between days of offending"
ALONE = "share of offences with an accomplice in the data"
GINI, TOP = "Gini coefficient of offences", "share of offences by the top tenth of people"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CareerMeasures(Result):
    """Measures of careers, of people and of groups.

    Attributes
    ----------
    people : DataFrame, one row per person and window
        Personal data: ``person_id, n_offences, calendar_days, street_days``; offences per year on
        either clock, ``frequency_calendar`` and ``frequency`` (NaN if never at risk), with the
        latter's exact Poisson limits ``conf_low, conf_high`` and ``frequency_shrunk``; ``onset_age,
        last_age`` (completed years), ``career_years``; ``n_days`` of offending, ``longest_gap``
        and ``longest_gap_street`` (months), ``n_gaps, n_gaps_street`` longer than `gap_months`, and
        ``n_spells, n_spells_street``: runs of offending that such gaps part.
    frame : DataFrame
        One row per group and measure: ``group, outcome, interval, n, n_events, person_years,
        estimate, std_error, conf_low, conf_high, note``.
    shape, rate
        Alpha and beta (years) of the gamma distribution of everybody's rates; NaN where it cannot
        be told.
    definition : str
        What counts as an offence.
    caveats : tuple of str
    """

    people: pd.DataFrame
    frame: pd.DataFrame
    shape: float
    rate: float
    gap_months: float
    near_repeat_days: int
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and measure."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say the measures and their definition in plain text."""
        first = f"Careers of {len(self.people):,} people: {self.definition}"
        return "\n".join([first, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each group's rate on both clocks, with intervals over people."""
        ax = new_axes(ax)
        frame = self.frame[(self.frame["interval"] == OVER_PEOPLE)]
        for number, outcome in enumerate((STREET, CALENDAR)):
            rows = frame[frame["outcome"] == outcome]
            rate, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
            place = np.arange(len(rows))[::-1] + 0.12 - 0.24 * number
            ax.errorbar(
                rate, place, xerr=(rate - low, high - rate), fmt="os"[number], capsize=3,
                label=outcome.removeprefix("offences "),
            )  # fmt: skip
            ax.set_yticks(np.arange(len(rows))[::-1], rows["group"])
        ax.set(xlabel="Offences per year", xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
        ax.legend(loc="best")
        return ax


def career_measures(
    careers: Careers,
    *,
    by: str | pd.Series | None = None,
    gap_months: float = 12,
    near_repeat_days: int = 14,
    confidence: float = 0.95,
) -> CareerMeasures:
    """Measure participation, frequency, onset, length, pauses, near repeats and accomplices.

    Parameters
    ----------
    careers
        From `trace_careers`.
    by
        Column of `careers.people`, or labels on its index, that forms the groups.
    gap_months
        A longer time between two offences parts two spells of offending.
    near_repeat_days
        An offence is a near repeat if the person's last of the same class was as recent.
    confidence
        Of the intervals. Those of a person's rate are exact Poisson's; a group's has both those and
        intervals over people, which allow for some offending more than others.

    Raises
    ------
    DataError
        If `by` is not a column of the people; the message lists the columns there are.

    References
    ----------
    Blumstein, Cohen, Roth and Visher (1986), Criminal Careers and "Career Criminals". Piquero,
    Farrington and Blumstein (2003), Crime and Justice 30, 359-506. Garwood (1936).

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=200), rng=1))
    >>> careers = trace_careers(histories, since="2021-01-01", until="2023-01-01", waiting_months=6)
    >>> frame = career_measures(careers).to_frame().set_index(["outcome", "interval"])
    >>> both = ["offences per year", "offences per year in the community"]
    >>> frame.loc[[(clock, "over people") for clock in both], "estimate"].round(2).tolist()
    [1.81, 2.0]
    """
    if not gap_months > 0 or near_repeat_days < 1:
        raise DataError("`gap_months` is above 0, and `near_repeat_days` a day or more.")
    groups, z = careers.groups(by), z_of(confidence)
    people, days = careers.people, _days_of_offending(careers)
    counts = careers.n_offences.astype(float)
    street, calendar = (people[c].to_numpy(float) for c in ("street_days", "calendar_days"))
    shape, rate, _ = gamma_poisson(counts, street / DAYS_A_YEAR)
    told = _people(careers, days, gap_months * DAYS_A_MONTH, confidence)
    at_risk = street > 0
    with np.errstate(invalid="ignore"):
        shrunk = (shape + counts) / (rate + street / DAYS_A_YEAR)
    told.insert(8, "frequency_shrunk", np.where(at_risk, shrunk, np.nan))
    several = told["n_days"].to_numpy() > 1
    near, repeatable = _near_repeats(careers, near_repeat_days)
    accomplices = careers.offences["n_accomplices"].to_numpy(float)
    with_others = np.bincount(careers.person, accomplices > 0, len(people))
    referenced = np.bincount(careers.person, ~np.isnan(accomplices), len(people))
    gaps = np.maximum(told["n_days"].to_numpy() - 1.0, 0)
    rows: list[Row] = []
    for group, mask in groups.items():

        def say(outcome: str, row: Row, group: str = group) -> None:
            rows.append({"group": group, "outcome": outcome} | row)

        def mean(outcome: str, values: Floats, mask: np.ndarray = mask) -> None:
            say(outcome, mean_row(values[mask], z))

        active = counts > 0
        say(PARTICIPATION, wilson_row(int((active & mask).sum()), int(mask.sum()), z))
        for outcome, exposure in ((STREET, street), (CALENDAR, calendar)):
            for row in rate_rows(counts[mask], exposure[mask], confidence):
                say(outcome, row)
        mean(PER_ACTIVE, np.where(active, counts, np.nan))
        alpha, beta, note = gamma_poisson(counts[mask], street[mask] / DAYS_A_YEAR)
        n = int((mask & at_risk).sum())
        say(SHAPE, {"n": n, "estimate": alpha, "note": note})
        say(RATE, {"n": n, "estimate": beta, "note": note})
        mean(ONSET, told["onset_age"].to_numpy(float))
        mean(LAST, told["last_age"].to_numpy(float))
        mean(LENGTH, np.where(several, told["career_years"], np.nan))
        for clock, column in {"": "", " at liberty": "_street"}.items():
            total = told[f"days_between{column}"].to_numpy(float)
            say(f"{BETWEEN}{clock}", mean_of(total[mask], gaps[mask], z))
            paused = told[f"n_gaps{column}"].to_numpy() > 0
            say(
                f"share with a pause over {gap_months:g} months{clock}",
                wilson_row(int((paused & mask).sum()), int((several & mask).sum()), z),
            )
        say(
            f"share repeated, same class, within {near_repeat_days} days",
            share_row(near[mask], repeatable[mask], z),
        )
        say(ALONE, share_row(with_others[mask], referenced[mask], z))
        for outcome, value in _concentration(counts[mask]).items():
            say(outcome, {"n": int(mask.sum()), "n_events": int(counts[mask].sum())} | value)
    told = told.drop(columns=["days_between", "days_between_street"])
    return CareerMeasures(
        told, tidy(rows), shape, rate, gap_months, near_repeat_days, careers.definition,
        careers.caveats,
    )  # fmt: skip


def _days_of_offending(careers: Careers) -> pd.DataFrame:
    """One row per person and day with an offence, in order."""
    offences = careers.offences[["person", "day", "street_day"]]
    return offences.drop_duplicates(["person", "day"]).reset_index(drop=True)


def _people(careers: Careers, days: pd.DataFrame, gap: float, confidence: float) -> pd.DataFrame:
    people, n = careers.people, len(careers.people)
    counts = careers.n_offences
    person, day = days["person"].to_numpy(np.int64), days["day"].to_numpy(np.int64)
    told = people[["person_id", "calendar_days", "street_days"]].assign(n_offences=counts)
    told = told[["person_id", "n_offences", "calendar_days", "street_days"]]
    for name, clock in {"frequency_calendar": "calendar_days", "frequency": "street_days"}.items():
        years = people[clock].to_numpy(float) / DAYS_A_YEAR
        told[name] = np.divide(counts, years, out=np.full(n, np.nan), where=years > 0)
    limits = exact_poisson(counts, confidence)
    for name, limit in zip(("conf_low", "conf_high"), limits, strict=True):
        told[name] = np.divide(limit, years, out=np.full(n, np.nan), where=years > 0)
    first, last = np.full(n, -1), np.full(n, -1)
    first[person[::-1]] = day[::-1]  # the last written is the earliest
    last[person] = day
    some = counts > 0
    for name, when in {"onset_age": first, "last_age": last}.items():
        age = completed_age(careers.histories, careers.position, np.maximum(when, 0))
        told[name] = np.where(some, age, np.nan)
    told["career_years"] = np.where(some, (last - first) / DAYS_A_YEAR, np.nan)
    told["n_days"] = np.bincount(person, minlength=n)
    same = person[1:] == person[:-1]
    for suffix, clock in {"": "day", "_street": "street_day"}.items():
        apart = np.diff(days[clock].to_numpy(np.int64))[same]
        whose = person[1:][same]
        longest = np.full(n, np.nan)
        np.fmax.at(longest, whose, apart / DAYS_A_MONTH)
        n_gaps = np.bincount(whose, apart > gap, n).astype(np.int64)
        told[f"longest_gap{suffix}"] = longest
        told[f"n_gaps{suffix}"] = n_gaps
        told[f"n_spells{suffix}"] = np.where(some, n_gaps + 1, 0)
        told[f"days_between{suffix}"] = np.bincount(whose, apart, n)
    return told


def _near_repeats(careers: Careers, within: int) -> tuple[Floats, Floats]:
    """Count each person's offences that were repeated so soon, and those that could have been.

    An offence could have been repeated if so many days of its window came after it; only these
    are counted, so that windows that end soon after an offence make no difference.
    """
    offences = careers.offences.drop_duplicates(["person", "offence_class", "day"])
    offences = offences.sort_values(["person", "offence_class", "day"], kind="stable")
    person, day = offences["person"].to_numpy(np.int64), offences["day"].to_numpy(np.int64)
    kind = pd.factorize(offences["offence_class"])[0]
    soon = np.zeros(len(day), bool)
    soon[:-1] = (person[1:] == person[:-1]) & (kind[1:] == kind[:-1]) & (np.diff(day) <= within)
    n = len(careers.people)
    end = to_days(careers.people["since"]) + careers.people["calendar_days"].to_numpy(np.int64)
    seen = day + within < end[person]
    soon_ones, all_ones = np.bincount(person, soon & seen, n), np.bincount(person, seen, n)
    return soon_ones.astype(float), all_ones.astype(float)


def _concentration(counts: Floats) -> dict[str, Row]:
    """Say how unevenly offences are spread over people: Gini's coefficient, and the top tenth."""
    n, total = len(counts), counts.sum()
    if not total:
        nothing: Row = {"note": f"{NOT_ESTIMABLE}: no offence"}
        return {GINI: nothing, TOP: nothing}
    rising = np.sort(counts)
    gini = ((2 * np.arange(1, n + 1) - n - 1) * rising).sum() / (n * total)
    return {
        GINI: {"estimate": gini},
        TOP: {"estimate": rising[n - int(np.ceil(0.1 * n)) :].sum() / total},
    }
