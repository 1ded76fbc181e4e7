"""The effect of joining on those who joined: one-year rate, frequency, and time to first.

Everyone is followed from the same day since leaving: those who joined from the day they joined,
each person they are compared with from that same day. By default the cohorts stay as they were
matched: a comparison person who joins later stays in the comparison, which can only make an effect
look smaller. Watching such people until they join instead answers another question, and is fair
only if who joins later is like who does not. Three outcomes are compared:

rate
    Reoffenders per 100 within the follow-up: 100 * (1 - Kaplan-Meier) with days in custody counted
    in, so it is the plain share where nobody dies, moves or is cut short; difference of the two.
frequency
    Reoffences per year at risk, days in custody taken out; ratio of the two.
time to first
    Hazard ratio from a Cox model with joining as its one term, days in custody taken out.

A person may stand in many matches, and in both groups, so every variance adds up a person's
influence over all rows before squaring it. It does not add the uncertainty of the propensity
model, which for matching errs on the wide side more often than not.

Matching with replacement, ATT: Stuart (2010), Statistical Science 25(1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from desistance.comparison.wording import rate_sentence
from desistance.errors import ModelError
from desistance.followup import in_cohorts
from desistance.followup.rules import on_street_clock
from desistance.histories.days import DAYS_A_YEAR, NEVER, months_to_days
from desistance.plots import DARK_GREY, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table
from desistance.survival import (
    Survival,
    fit_cox,
    influence_of_survival,
    influences_of_survival,
    kaplan_meier,
)
from desistance.survival.intervals import survival_interval
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from desistance.balance import Balance
    from desistance.followup import FollowUp

OUTCOMES = ("rate", "frequency", "time")
RATE = "reoffenders per 100 people"
DIFFERENCE = "difference in reoffenders per 100 people"
FREQUENCY = "reoffences per year at risk"
RATIO = "ratio of reoffences per year at risk"
HAZARD = "hazard ratio of the first reoffence"
AGAINST = "joined against comparison"
WEIGHTED = "weighted to those who joined"
TINY = 1e-9  # a standard error below this is none


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CohortComparison(Result):
    """What joining did, by outcome.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, n, n_events, person_years, estimate, std_error, conf_low, conf_high,
        p_value, note``; `std_error` of a ratio is that of its logarithm.
    sentence : str
        What may be said of the rate.
    curves : Survival
        Share not yet reoffended in both matched cohorts.
    n_people, n_reoffenders : dict
        People of each group, and those of them who reoffended while watched.
    light : str
        Worst traffic light of the balance the effects rest on.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    sentence: str
    curves: Survival
    n_people: dict[str, int]
    n_reoffenders: dict[str, int]
    light: str
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per outcome and group, and one per effect."""
        return self.frame.copy()

    def effect(self, outcome: str) -> pd.Series:
        """Give the row of one effect: "rate", "frequency" or "time"."""
        name = {"rate": DIFFERENCE, "frequency": RATIO, "time": HAZARD}[outcome]
        return self.frame[self.frame["outcome"] == name].iloc[0]

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

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals."""
        ax = new_axes(ax, size=(7.2, 2.2))
        rows = self.frame[self.frame["outcome"].isin([RATIO, HAZARD])].dropna(subset=["estimate"])
        place = np.arange(len(rows))[::-1]
        share, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
        ax.axvline(1, color=DARK_GREY, lw=0.8)
        ax.errorbar(share, place, xerr=(share - low, high - share), fmt="o", capsize=3)
        ax.set_yticks(place, rows["outcome"].str.capitalize())
        ratio_axis(ax)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlabel("Ratio (below 1: less reoffending)")
        return ax


def compare_cohorts(
    followed: FollowUp,
    balanced: Balance,
    outcomes: Sequence[str] = OUTCOMES,
    *,
    until_joining: bool = False,
    confidence: float = 0.95,
) -> CohortComparison:
    """Compare those who joined with the people matched to them.

    Parameters
    ----------
    followed, balanced
        From `follow_up` and `balance_cohorts`.
    outcomes
        Any of "rate", "frequency" and "time", in the order to be reported.
    until_joining
        Watch a comparison person only until the day that person joins too.
    confidence
        Of the intervals.

    Returns
    -------
    CohortComparison
        Effect on those who joined and could be matched; see `desistance.comparison.effects`.
    """
    unknown = [name for name in outcomes if name not in OUTCOMES]
    if unknown:
        raise ModelError(f"`outcomes` may be {', '.join(OUTCOMES)}; not {', '.join(unknown)}.")
    design, matches = followed.design, balanced.matches
    rows = followed.from_day(
        matches["person"].to_numpy(),
        matches["day"].to_numpy(),
        months=design.months,
        until_joining=until_joining & ~matches["exposed"].to_numpy(),
    )
    rows = rows.join(matches[["person", "exposed", "weight"]], on="pair")
    rows["cohort"] = in_cohorts(rows["exposed"].to_numpy(), design.names)
    first = _until_first(rows, design.clock)
    z = float(norm.ppf(0.5 + confidence / 2))
    effects = {
        "rate": lambda: _rate(_unbroken(rows), months_to_days(design.months), design.names, z),
        "frequency": lambda: _frequency(rows, design.names, z),
        "time": lambda: [_hazard(first, confidence)],
    }
    frame = pd.DataFrame([row for name in outcomes for row in effects[name]()])
    frame = frame.reindex(columns=[
        "outcome", "group", "n", "n_events", "person_years", "estimate", "std_error", "conf_low",
        "conf_high", "p_value", "note"])  # fmt: skip
    frame = frame.fillna({"note": ""}).astype({"n": "Int64", "n_events": "Int64"})
    sentence = ""
    if "rate" in outcomes:
        difference = frame[frame["outcome"] == DIFFERENCE].iloc[0]
        sentence = rate_sentence(
            difference["conf_low"], difference["conf_high"], n_joined=balanced.n_matched,
            n_compared=balanced.n_compared, light=balanced.light, names=design.names,
            months=design.months,
        )  # fmt: skip
    definition = (
        f"proven reoffences in {design.offence_set} within {design.months} months of joining "
        f"{design.joining} (comparison: of the same day since leaving {design.leaving})"
    )
    people = rows.groupby("cohort", observed=True)["person"].nunique()
    happened = first.columns[first.event]
    reoffenders = happened.groupby("cohort", observed=True)["person"].nunique()
    return CohortComparison(
        frame,
        sentence,
        _curves(first, design.names, confidence),
        {name: int(people.get(name, 0)) for name in design.names},
        {name: int(reoffenders.get(name, 0)) for name in design.names},
        balanced.light,
        definition,
        _caveats(followed, matches, until_joining=until_joining),
    )


def _until_first(rows: pd.DataFrame, clock: str) -> TimeToEvent:
    """Keep the rows up to each pair's first reoffence, on the clock of the design."""
    kept = rows[rows["start"] < rows["first_event"]].copy()
    kept["event"] = kept["first_event"] <= kept["stop"]
    kept["stop"] = np.minimum(kept["stop"], kept["first_event"])
    if clock == "street":
        days = kept[["pair", "start", "stop"]].to_numpy()
        kept["start"], kept["stop"] = on_street_clock(*days.T)
    return TimeToEvent.from_frame(
        kept, start="start", stop="stop", event="event", person="pair", weight="weight"
    )


def _unbroken(rows: pd.DataFrame) -> TimeToEvent:
    """Give each pair one row from day 0 to its reoffence or its end, custody and all."""
    whole = rows.drop_duplicates("pair").copy()
    whole["event"] = whole["first_event"] <= whole["end"]
    whole["stop"] = np.minimum(whole["end"], whole["first_event"])
    return TimeToEvent.from_frame(whole, stop="stop", event="event", person="pair", weight="weight")


def _curves(first: TimeToEvent, names: tuple[str, str], confidence: float) -> Survival:
    """Estimate the matched curves; errors over people, whose rows in several matches overlap."""
    curves = kaplan_meier(first, by="cohort", confidence=confidence)
    frame = curves.curve.copy()
    for name in names:
        group = first.only((first.columns["cohort"] == name).to_numpy(), "other cohort")
        lines = frame["group"] == name
        frame.loc[lines, "std_error"] = [
            _clustered(by_row, group.columns["person"])
            for _, by_row in influences_of_survival(group, frame.loc[lines, "day"])
        ]
    share = frame["estimate"].to_numpy()
    error = np.where(
        (share > 0) & (share < 1), frame["std_error"] / np.maximum(share, TINY), np.nan
    )
    low, high = survival_interval(share, error, confidence, curves.interval)
    frame = frame.assign(conf_low=low, conf_high=high)
    return replace(curves, curve=frame, variance=f"{curves.variance}, in all their matches")


def _rate(
    first: TimeToEvent, days: int, names: tuple[str, str], z: float
) -> list[dict[str, object]]:
    rows, shares, influence = [], [], np.zeros(first.n)
    for name, sign in zip(names, (-1, 1), strict=True):
        mask = (first.columns["cohort"] == name).to_numpy()
        group = first.only(mask, "other cohort")
        survival, by_row = influence_of_survival(group, days)
        if not mask.any() or (group.stop.max() < days and survival > 0):
            note = f"{NOT_ESTIMABLE}: nobody of {name} is watched to day {days}"
            return [{"outcome": DIFFERENCE, "group": AGAINST, "note": note}]
        error = 100 * _clustered(by_row, group.columns["person"])
        if error < TINY:
            note = f"{NOT_ESTIMABLE}: in {name}, nobody or everybody reoffended"
            return [{"outcome": DIFFERENCE, "group": AGAINST, "note": note}]
        share = 100 * (1 - survival)
        shares.append(share)
        influence[mask] = -sign * by_row
        rows.append({
            "outcome": RATE, "group": name, "n": group.columns["person"].nunique(),
            "n_events": _events(group), "estimate": share, "std_error": error,
            "conf_low": max(share - z * error, 0.0),
            "conf_high": min(share + z * error, 100.0)})  # fmt: skip
    error = 100 * _clustered(influence, first.columns["person"])
    return [*rows, _effect(DIFFERENCE, shares[1] - shares[0], error, z)]


def _events(group: TimeToEvent) -> int:
    """Count the people who reoffended: matches repeat them."""
    return int(group.columns.loc[group.event, "person"].nunique())


def _clustered(influence: np.ndarray, person: pd.Series) -> float:
    """Add up each person's influence, then square: the variance allows for repeats."""
    by_person = pd.Series(influence).groupby(person.to_numpy()).sum()
    return float(np.sqrt((by_person**2).sum()))


def _frequency(rows: pd.DataFrame, names: tuple[str, str], z: float) -> list[dict[str, object]]:
    years = (rows["stop"] - rows["start"]) / DAYS_A_YEAR
    told: list[dict[str, object]] = []
    logs, influence = [], np.zeros(len(rows))
    for name, sign in zip(names, (-1, 1), strict=True):
        mask = (rows["cohort"] == name).to_numpy()
        weight = rows["weight"].to_numpy() * mask
        events, total = float(weight @ rows["n_reoffences"]), float(weight @ years)
        row: dict[str, object] = {
            "outcome": FREQUENCY, "group": name, "n": rows.loc[mask, "person"].nunique(),
            "person_years": total, "n_events": round(events),
            "note": "" if name == names[1] else WEIGHTED}  # fmt: skip
        if events == 0 or total == 0:
            told.append(row | {"note": f"{NOT_ESTIMABLE}: no reoffence"})
            logs.append(np.nan)
            continue
        rate = events / total
        own = weight * (rows["n_reoffences"] - rate * years) / events
        influence += sign * own
        error = _clustered(own, rows["person"])
        logs.append(np.log(rate))
        told.append(row | {
            "estimate": rate, "std_error": error, "conf_low": rate * np.exp(-z * error),
            "conf_high": rate * np.exp(z * error)})  # fmt: skip
    error = _clustered(influence, rows["person"])
    return [*told, _effect(RATIO, logs[1] - logs[0], error, z, ratio=True)]


def _hazard(first: TimeToEvent, confidence: float) -> dict[str, object]:
    fitted = fit_cox(first, ["exposed"], variance="cluster", cluster="person")
    row = fitted.to_frame(log=True).iloc[0]
    z = float(norm.ppf(0.5 + confidence / 2))
    return _effect(HAZARD, row["estimate"], row["std_error"], z, ratio=True) | {
        "n_events": _events(first)
    }


def _effect(
    outcome: str, estimate: float, error: float, z: float, *, ratio: bool = False
) -> dict[str, object]:
    row: dict[str, object] = {"outcome": outcome, "group": AGAINST}
    if not np.isfinite(estimate) or not error > TINY:
        return row | {"note": f"{NOT_ESTIMABLE}: no reoffence in one of the cohorts"}
    low, high = estimate - z * error, estimate + z * error
    shown = np.exp([estimate, low, high]) if ratio else np.array([estimate, low, high])
    return row | {
        "estimate": shown[0], "std_error": error, "conf_low": shown[1], "conf_high": shown[2],
        "p_value": float(2 * norm.sf(abs(estimate / error))),
    }  # fmt: skip


def _caveats(followed: FollowUp, matches: pd.DataFrame, *, until_joining: bool) -> tuple[str, ...]:
    joining = followed.design.joining
    said = ["Likeness was made on what is recorded; what is not may still differ."]
    compared = matches.loc[~matches["exposed"], "person"]
    crossed = int((followed.joined[compared.unique()] < NEVER).sum())
    if crossed:
        said.append(
            Caveat(
                f"{{crossed}} of {{people}} comparison people joined {joining} later: "
                + (
                    "they are watched until then, which is fair only if they are like the others."
                    if until_joining
                    else "they stay as matched, which makes an effect look smaller than it is."
                ),
                crossed=crossed,
                people=int(compared.nunique()),
            )
        )
    return tuple(said)
