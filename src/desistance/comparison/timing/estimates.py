"""The arithmetic of weighted copies: hazard ratio, rate, and days without reoffending.

A side's curve is Kaplan and Meier's with weights; the rate is 1 - S at the horizon, and the days
without reoffending the area under S up to it. Where the side changes with time there is no curve a
side. There the rates are those of a Cox model with one term (Breslow): everybody exposed from
day 0, ``1 - exp(-L(h) * hazard ratio)``, against nobody, ``1 - exp(-L(h))``.

Each functional comes with what one row moves it by (the infinitesimal jackknife).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.followup.rules import cut_at, on_street_clock
from desistance.histories.days import NEVER
from desistance.survival import fit_cox
from desistance.survival.curves import hazard_and_move, share_left
from desistance.survival.influence import row_moves
from desistance.survival.risksets import risk_sets
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.comparison.timing.designs import Emulation
    from desistance.comparison.timing.joining import Windows
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NAMES = ("share0", "share1", "difference", "days0", "days1", "days difference")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Time of copies, r rows sorted by copy; a row lies within one window and on one side.

    `start, stop` count from the copy's first day, `window` is of days since leaving.
    """

    copy: Ints
    person: Ints
    window: Ints
    exposed: Bools
    start: Ints
    stop: Ints
    event: Bools


def rows_of(
    followed: FollowUp, made: Emulation, *, months: int, exposed_from_joining: bool
) -> tuple[Rows, Rows]:
    """Watch every copy, with days in custody counted in; and taken out, on the design's clock."""
    copies = made.copies
    person, day = copies["person"].to_numpy(), copies["day"].to_numpy()
    found = followed.from_day(person, day, months=months, until_joining=np.zeros(len(copies), bool))
    pair = found["pair"].to_numpy()
    event = found["first_event"].to_numpy()
    last = np.minimum(np.minimum(found["end"], event), copies["until"].to_numpy()[pair])
    ends = pd.DataFrame({"copy": pair, "end": last, "event": event <= last})
    ends = ends.drop_duplicates("copy").reset_index(drop=True)
    start = found["start"].to_numpy()
    kept = start < last
    joins = followed.joined[person] - day if exposed_from_joining else np.full(len(copies), NEVER)
    whose, when = _cuts(made.windows, day, ends, joins)

    def pieces(pair: Ints, start: Ints, stop: Ints, *, street: bool) -> Rows:
        pair, start, stop = cut_at(pair, start, stop, whose, when)
        at_event = np.full(len(copies), NEVER)
        at_event[ends["copy"][ends["event"]]] = ends["end"][ends["event"]]
        happened = stop == at_event[pair]
        side = start >= joins[pair] if exposed_from_joining else copies["exposed"].to_numpy()[pair]
        window = (
            np.zeros_like(pair) if made.windows is None
            else made.windows.of(day[pair] + start + 1)
        )  # fmt: skip
        if street:
            start, stop = on_street_clock(pair, start, stop)
        return Rows(pair, person[pair], window, side, start, stop, happened)

    at_risk = pieces(
        pair[kept], start[kept], np.minimum(found["stop"], last)[kept].to_numpy(),
        street=followed.design.clock == "street",
    )  # fmt: skip
    watched = ends[ends["end"] > 0]
    copy = watched["copy"].to_numpy()
    whole = pieces(copy, np.zeros_like(copy), watched["end"].to_numpy(), street=False)
    return whole, at_risk


def _cuts(windows: Windows | None, day: Ints, ends: pd.DataFrame, joins: Ints) -> tuple[Ints, Ints]:
    """List the days, from the first of each copy, after which a new row begins."""
    copy, end = ends["copy"].to_numpy(), ends["end"].to_numpy()
    cuts = [(copy, joins[copy])]
    if windows is not None:
        last = windows.start[-1] + windows.length[-1]
        begins = np.append(windows.start, last)[1:] - 1
        first = np.searchsorted(begins, day[copy], "right")
        stop = np.searchsorted(begins, day[copy] + end, "left")
        count = np.maximum(stop - first, 0)
        which = np.repeat(np.arange(len(copy)), count)
        place = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        cuts.append((copy[which], begins[first[which] + place] - day[copy[which]]))
    return np.concatenate([c for c, _ in cuts]), np.concatenate([d for _, d in cuts])


def log_hazard_ratio(rows: Rows, weight: Floats, *, clustered: bool) -> tuple[float, float]:
    """Fit Cox's model with the side as its one term: log hazard ratio and standard error."""
    used = weight > 0
    frame = pd.DataFrame({
        "start": rows.start[used], "stop": rows.stop[used], "event": rows.event[used],
        "exposed": rows.exposed[used], "person": rows.person[used], "weight": weight[used],
    })  # fmt: skip
    if frame["exposed"].nunique() < 2 or not frame["event"].any():
        return np.nan, np.nan
    times = TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", weight="weight"
    )
    fitted = fit_cox(
        times, ["exposed"], variance="cluster", cluster="person"
    ) if clustered else fit_cox(times, ["exposed"])  # fmt: skip
    row = fitted.to_frame(log=True).iloc[0]
    return float(row["estimate"]), float(row["std_error"])


def by_side(rows: Rows, weight: Floats, horizon: int, n_people: int) -> tuple[Floats, Floats]:
    """Estimate both sides' curves.

    Returns
    -------
    values : float64 array, shape (6,)
        See `NAMES`: shares that reoffended, days without, comparison first, and differences.
        NaN where a side is not watched to the horizon.
    moves : float64 array, shape (n_people, 6)
        What each person moves them by.
    """
    values, moves = np.full(6, np.nan), np.zeros((n_people, 6))
    for side in (0, 1):
        mine = (rows.exposed == bool(side)) & (weight > 0)
        found = _one_curve(
            rows.start[mine], rows.stop[mine], rows.event[mine], weight[mine], horizon
        )
        if found is None:
            continue
        share, area, of_share, of_area = found
        values[[side, 3 + side]] = 1 - share, area
        for place, by_row in ((side, -of_share), (3 + side, of_area)):
            moves[:, place] = np.bincount(rows.person[mine], by_row, n_people)
    return _with_differences(values, moves)


def _one_curve(
    start: Ints, stop: Ints, event: Bools, weight: Floats, horizon: int
) -> tuple[float, float, Floats, Floats] | None:
    """S at the horizon, the area under it up to there, and what each row moves them by."""
    if not len(stop):
        return None
    sets = risk_sets(start, stop, event, weight=weight)
    hazard, moved = hazard_and_move(sets)
    passed = sets.day <= horizon
    share = share_left(sets, hazard)
    at_horizon = float(share[passed][-1]) if passed.any() else 1.0
    if stop.max() < horizon and at_horizon > 0:
        return None
    first, area = _areas(sets.day, share, horizon)
    of_share = -at_horizon * row_moves(sets, moved * passed, hazard * moved * passed)
    of_area = -row_moves(sets, moved * area, hazard * moved * area)
    return at_horizon, first, of_share, of_area


def _areas(day: Ints, share: Floats, horizon: int) -> tuple[float, Floats]:
    """Area under a curve from day 0 up to the horizon, and from each of K days on."""
    following = np.minimum(np.append(day[1:], horizon), horizon)
    width = following - np.minimum(day, horizon)
    area: Floats = np.cumsum((share * width)[::-1])[::-1]
    if not len(day):
        return float(horizon), area
    return float(min(day[0], horizon) + area[0]), area


def by_model(rows: Rows, weight: Floats, horizon: int, n_people: int) -> tuple[Floats, Floats]:
    """Estimate what a Cox model with the side as its one term says of both; as `by_side`."""
    values, moves = np.full(6, np.nan), np.zeros((n_people, 6))
    used = weight > 0
    start, stop, event = rows.start[used], rows.stop[used], rows.event[used]
    side, w, person = rows.exposed[used], weight[used], rows.person[used]
    if not (side & event).any() or not (~side & event).any():
        return values, moves
    sets = risk_sets(start, stop, event, weight=w)
    theirs, ours = sets.at_risk(w * ~side), sets.at_risk(w * side)
    events, of_ours = sets.event_weight, sets.at_last(w * (event & side))
    slope = 0.0
    for _ in range(50):
        risk = theirs + ours * np.exp(slope)
        mean = ours * np.exp(slope) / risk
        information = float(events @ (mean * (1 - mean)))
        step = float((of_ours - events * mean).sum()) / information
        slope += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    ratio = np.exp(slope)
    risk = theirs + ours * ratio
    mean, jump = ours * ratio / risk, events / risk
    passed = sets.day <= horizon

    def martingale(moved: Floats) -> Floats:
        """Sum over a row's stay of `moved` (K,) times its events less those expected, (n,)."""
        return np.where(
            side,
            row_moves(sets, moved, moved * jump * ratio),
            row_moves(sets, moved, moved * jump),
        )

    of_slope = (side * martingale(np.ones(sets.n_days)) - martingale(mean)) / information
    hazard = np.cumsum(jump)
    at = float(hazard[passed][-1]) if passed.any() else 0.0
    for place, factor in ((0, 1.0), (1, ratio)):
        curve = np.exp(-hazard * factor)
        left = float(np.exp(-at * factor))
        whole, area = _areas(sets.day, curve, horizon)
        values[[place, 3 + place]] = 1 - left, whole
        lost = _areas(sets.day, curve * hazard * factor, horizon)[1] if place else area * 0
        for column, by_day, by_slope in (
            (place, left * factor * passed, left * factor * at * place),
            (3 + place, -factor * area, -float(lost[0])),
        ):
            inner = martingale(by_day / risk)
            total = inner + (by_slope - float(by_day @ (mean * jump))) * of_slope
            moves[:, column] = np.bincount(person, total, n_people)
    return _with_differences(values, moves)


def _with_differences(values: Floats, moves: Floats) -> tuple[Floats, Floats]:
    for first in (0, 3):
        values[first + 2] = values[first + 1] - values[first]
        moves[:, first + 2] = moves[:, first + 1] - moves[:, first]
    return values, moves
