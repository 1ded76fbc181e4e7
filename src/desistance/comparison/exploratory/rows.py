"""The rows that effects are explored on, and one effect of them at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from desistance.checks import flags_of, is_whole
from desistance.comparison.effects.followed import balance_of
from desistance.comparison.effects.result import Basis
from desistance.comparison.effects.wording import FEWEST
from desistance.errors import ModelError
from desistance.followup.rules import on_street_clock
from desistance.histories.days import months_to_days
from desistance.results import NOT_ESTIMABLE, NOT_REPORTED
from desistance.survival import fit_cox, influence_of_survival
from desistance.survival.residuals import cox_residuals
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.balance import Balance
    from desistance.followup import FollowUp
    from desistance.survival import CoxFit
    from desistance.survival.terms import Term

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

Row = dict[str, Any]
FEWEST_EVENTS = 5
EXPOSED, PERSON, CLUSTER = "exposed", "person", "cluster"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of people at risk with ``exposed`` (0/1), ``person`` and ``cluster`` as columns.

    People are counted by the second, variances add up over the third.

    Attributes
    ----------
    first : TimeToEvent
        Up to the first reoffence, for hazards.
    whole : TimeToEvent
        The same from day 0 with custody counted in, for rates.
    horizon : int or None
        The day rates are read on.
    """

    first: TimeToEvent
    whole: TimeToEvent
    horizon: int | None


def rows_of_matches(
    followed: FollowUp, balanced: Balance, known: pd.DataFrame, *, landmark: int = 0
) -> Rows:
    """Follow matched people from the day they are compared on, or from a landmark after it.

    `known` holds what is said of each match, a row for each of `balanced.matches`.
    """
    matches, design = balance_of(balanced).matches, followed.design
    if PERSON not in matches:
        raise ModelError(
            "Such a balance is of a plain frame: give rows of people at risk with their weights."
        )
    rows = followed.from_day(
        matches[PERSON].to_numpy(), matches["day"].to_numpy(), months=design.months,
        until_joining=np.zeros(len(matches), bool),
    )  # fmt: skip
    about = matches[[PERSON, "weight"]].assign(
        exposed=matches["exposed"].astype(float), cluster=matches[PERSON]
    )
    rows = rows.join(about.join(known[[name for name in known if name not in about]]), on="pair")
    whole = rows.drop_duplicates("pair").copy()
    whole["event"] = whole["first_event"] <= whole["end"]
    whole["stop"] = np.minimum(whole["end"], whole["first_event"])
    kept = rows[(rows["start"] < rows["first_event"]) & (rows["stop"] > landmark)].copy()
    kept = kept[kept["first_event"] > landmark]
    kept["event"] = kept["first_event"] <= kept["stop"]
    kept["stop"] = np.minimum(kept["stop"], kept["first_event"])
    kept["start"] = np.maximum(kept["start"], landmark)
    if design.clock == "street":
        kept["start"], kept["stop"] = on_street_clock(*kept[["pair", "start", "stop"]].to_numpy().T)
    return Rows(_times(kept, "start"), _times(whole, None), months_to_days(design.months))


def _times(frame: pd.DataFrame, start: str | None) -> TimeToEvent:
    return TimeToEvent.from_frame(
        frame, start=start, stop="stop", event="event", person="pair", weight="weight"
    )


def rows_as_given(
    times: TimeToEvent, exposed: str, cluster: str | None, horizon: int | None
) -> Rows:
    """Take rows as they are, with `exposed` as 0 and 1."""
    if horizon is not None and not is_whole(horizon):
        raise ModelError(f"`horizon` is a whole number of {times.unit}, 1 or more.")
    if exposed not in times.columns:
        raise ModelError(f"`exposed={exposed!r}` is not a column.")
    values = flags_of(times.columns[exposed])
    if values.isna().any() or not values.isin([0, 1]).all():
        raise ModelError(f"{exposed!r} holds other values than yes and no, or 1 and 0.")
    if cluster is not None and cluster not in times.columns:
        raise ModelError(f"`cluster={cluster!r}` is not a column.")
    together = times.person if cluster is None else times.columns[cluster].to_numpy()
    columns = times.columns.assign(
        exposed=values.astype(float), person=times.person, cluster=together
    )
    rows = replace(times, columns=columns)
    return Rows(rows, rows, horizon)


def people(rows: TimeToEvent, mask: Bools | None = None) -> tuple[int, int]:
    """Count different people, and those of them who reoffended."""
    table = rows.columns if mask is None else rows.columns[mask]
    event = rows.event if mask is None else rows.event[mask]
    return int(table[PERSON].nunique()), int(table.loc[event, PERSON].nunique())


def sides(rows: TimeToEvent) -> dict[str, Bools]:
    """Tell those who joined from the people they are compared with."""
    joined = rows.columns[EXPOSED].to_numpy() == 1
    return {"who joined": joined, "compared": ~joined}


def rests_on(rows: TimeToEvent, groups: dict[str, Bools]) -> Basis:
    """Count the people of each group an effect rests on, and those of them who reoffended."""
    counted = {name: people(rows, mask) for name, mask in groups.items()}
    return Basis(
        {name: n for name, (n, _) in counted.items()},
        {name: n_events for name, (_, n_events) in counted.items()},
    )


def too_few(rows: TimeToEvent, groups: dict[str, Bools]) -> str:
    """Say which group is too small to say anything of; empty where none is."""
    on = rests_on(rows, groups)
    for name, n in on.n_people.items():
        if n < FEWEST:
            return f"{NOT_REPORTED}: fewer than {FEWEST} people {name}"
        if on.n_events[name] < FEWEST_EVENTS:
            return f"{NOT_ESTIMABLE}: fewer than {FEWEST_EVENTS} reoffenders {name}"
    return ""


def in_bands(count: Floats, bands: Sequence[int]) -> tuple[list[str], NDArray[np.int64]]:
    """Name the bands that begin at 0 and at each of `bands`, and say which each count (n,) is in.

    Raises
    ------
    ModelError
        If they are not whole numbers from 1 on, ascending.
    """
    if not len(bands) or min(bands) < 1 or (np.diff(bands) < 1).any():
        raise ModelError("`bands` are whole numbers from 1 on, ascending.")
    names = [
        f"{low}" if high == low + 1 else f"{low} to {high - 1}"
        for low, high in pairwise([0, *bands])
    ]
    return [*names, f"{bands[-1]} or more"], np.searchsorted(np.asarray(bands), count, "right")


def fit(rows: TimeToEvent, terms: Sequence[str | Term]) -> CoxFit:
    """Fit a Cox model with variance over people."""
    return fit_cox(rows, terms, variance="cluster", cluster=CLUSTER)


def moves(fitted: CoxFit, rows: TimeToEvent) -> pd.DataFrame:
    """How far each person moves each log hazard: squared and added up, their variance."""
    return by_person(cox_residuals(fitted, rows, "dfbeta").drop(columns="day"), rows)


def by_person(by_row: pd.DataFrame, rows: TimeToEvent) -> pd.DataFrame:
    """Add up what rows move, over the rows of each person."""
    return by_row.groupby(rows.columns[CLUSTER].to_numpy()[by_row.index]).sum()


def rate_difference(rows: TimeToEvent, day: int) -> tuple[float, pd.Series]:
    """Reoffenders per 100 by a day, exposed less others, and how far each person moves it.

    NaN where one of them is not watched so long.
    """
    total, moved = 0.0, np.zeros(rows.n)
    for side, sign in ((1.0, 1.0), (0.0, -1.0)):
        mask = (rows.columns[EXPOSED] == side).to_numpy()
        group = rows.only(mask, "other cohort")
        share, by_row = influence_of_survival(group, day)
        if not group.n or (group.last_day < day and share > 0):
            return np.nan, pd.Series(moved)
        total += sign * 100 * (1 - share)
        moved[mask] = -sign * 100 * by_row
    return total, by_person(pd.DataFrame({"moved": moved}), rows)["moved"]


def told(
    estimate: float, error: float, z: float, *, ratio: bool, asked: bool = False
) -> dict[str, float]:
    """Lay out one effect: of a ratio, the logarithm comes in; with its p-value if it is asked."""
    values = np.array([estimate, estimate - z * error, estimate + z * error])
    shown = np.exp(values) if ratio else values
    row = dict(zip(("estimate", "conf_low", "conf_high"), map(float, shown), strict=True))
    row["std_error"] = error
    if asked:
        row["p_value"] = float(2 * norm.sf(abs(estimate / error)))
    return row
