"""When the hazard of reoffending has come down to a reference: hazard convergence, "redemption".

The day of convergence is the first from which the smoothed hazard (see `smoothed`) stays at or
below the reference plus a tolerance, for a time to hold:

    hazard  \\
             \\__
    limit  - - -\\- - - -/\\- - - - - - - - - - -     limit = reference + tolerance
                 \\_____/  \\____________________
                 ^ not held  ^ day of convergence

It is read within the follow-up and never beyond it. Where the hazard is still above the limit at
the end of what can be seen, or has not been below it for long enough, there is no such day, and
the note says later than which day it must be: the last on which the hazard was above.

A reference is a constant, a table by day or by age, or another group, whose own uncertainty then
counts too. A table by age is averaged, day by day, over those still at risk, each at the age they
then are: the same-age reference of Blumstein and Nakamura.

Limits are of the bootstrap by person: bandwidths, and what a table says, are kept; a replicate
without convergence counts as later than any day. They do not hold what smoothing hides.

References: Kurlychek, Brame and Bushway (2006), Criminology and Public Policy 5, 483-504;
Blumstein and Nakamura (2009), Criminology 47, 327-359.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError, ModelError
from desistance.plots import DARK_GREY, DARK_PINK, house_style
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.groups import group_rows
from desistance.survival.resampling.draws import units_of
from desistance.survival.smoothed import (
    NOTHING_SEEN,
    check_bandwidth,
    draw_hazards,
    said_of_edges,
    smoothers_of,
    told_of_groups,
)
from desistance.survival.terms import told_of_left_out, without_empty
from desistance.timetoevent import PER_YEAR, as_times, where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.groups import GroupRows
    from desistance.survival.smoothed import Smoother
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_REPLICATES = 100
AGES_READ = 100  # days on which the ages of those at risk are averaged
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HazardConvergence(Result):
    """Days on which groups' hazards have come down to a reference.

    Attributes
    ----------
    days : DataFrame
        What `to_frame` gives.
    curve : DataFrame
        group, day, n_at_risk, estimate (the smoothed hazard), std_error, conf_low, conf_high,
        note and limit (the reference plus the tolerance).
    seen : DataFrame
        group, n, n_events, first_day, last_day, bandwidth, note.
    reference, tolerance, hold
        What was compared with, in words; how much more is near enough, and for how long it must
        last, in `unit`.
    """

    days: pd.DataFrame
    curve: pd.DataFrame
    seen: pd.DataFrame
    reference: str
    tolerance: float
    hold: int
    by: str | None
    unit: str
    confidence: float
    replicates: int
    seed: int
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Day of convergence with limits, a row a group; the note says why there is none.

        Of a group that has not converged, `conf_low` is the day that convergence is later than
        by the bootstrap, or the last day above the limit if that is earlier.
        """
        return self.days

    def hazards(self) -> pd.DataFrame:
        """The smoothed hazards, with the `limit` each is held against."""
        return self.curve

    def summary(self) -> str:
        """Say who was followed, against what, and when the hazards met it."""
        lines = [
            f"Hazard convergence: {number(self.n_people)} people, {number(self.n_events)} events, "
            f"{number(self.n)} rows" + (f", by {self.by}" if self.by else ""),
            f"Reference: {self.reference}; tolerance {self.tolerance:g} per "
            f"{self.unit.removesuffix('s')}; to hold for {self.hold} {self.unit}",
            f"Bootstrap by person, {number(self.replicates)} replicates, seed {self.seed}, "
            f"{100 * self.confidence:g} % percentile limits",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            f"Day of convergence, in {self.unit}:",
            text_table(self.days),
            "",
            f"What can be seen, and bandwidths, in {self.unit}:",
            text_table(self.seen),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the hazards with their bands, the limit, and the days they met it."""
        ax = draw_hazards(self.curve, self.unit, ax=ax)
        with house_style():
            for label, line in self.curve.groupby("group", sort=False):
                ax.plot(line.day, line.limit, color=DARK_GREY, linestyle=":", linewidth=1.4)
                for day in self.days.estimate[self.days.group == label].dropna():
                    ax.axvline(day, color=DARK_PINK, linewidth=1.2)
        return ax


def hazard_convergence(
    times: TimeToEvent | HasTimes,
    *,
    reference: float | str | pd.DataFrame,
    by: str | None = None,
    age: str | None = None,
    tolerance: float = 0.0,
    hold: int | None = None,
    bandwidth: float | None = None,
    replicates: int = 500,
    confidence: float = 0.95,
    rng: int | np.random.Generator,
) -> HazardConvergence:
    """Find the day from which the hazard stays at or below a reference, or a bound for it.

    Parameters
    ----------
    times
        Rows of people at risk; late entries count from the day after, weights are used.
    reference
        A hazard per unit of time; or a table with columns `day` and `hazard`, or `age` (in
        years) and `hazard`, each row good until the next; or a label of `by`, whose own hazard
        the others are set against.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    age
        With a table by age, the column of age in years on the index date; rows without are left
        out and counted.
    tolerance
        How much above the reference is near enough, per unit of time.
    hold
        For how long it must stay there; half a year when left out. With 1, the first meeting.
    bandwidth
        As in `smoothed_hazard`, for every group.
    replicates, confidence
        Of the bootstrap by person.
    rng
        The seed, or a generator that one is drawn from.

    Raises
    ------
    ModelError
        If choices cannot be meant. A group that has not converged, or cannot be seen, is no
        error: its note says so.
    DataError
        If the table does not say a hazard for every day, or age, that is needed.

    References
    ----------
    See the module.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> draw = np.random.default_rng(1)
    >>> day = np.ceil(800 * draw.weibull(0.6, 3000)).astype(int)
    >>> frame = pd.DataFrame({"day": day.clip(max=1460), "reoffended": day <= 1460})
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> found = hazard_convergence(times, reference=0.0008, bandwidth=200, replicates=200, rng=7)
    >>> found.to_frame()[["group", "estimate", "conf_low", "conf_high"]]
      group  estimate  conf_low  conf_high
    0   all     637.0     559.0     1005.0
    """
    came = as_times(times)
    wait = max(1, int(PER_YEAR[came.unit] / 2)) if hold is None else hold
    _check_choices(tolerance, wait, replicates, confidence)
    check_bandwidth(bandwidth)
    table = _table_of(reference, by, age)
    aged = without_empty(came, age) if age else came
    rows = group_rows(aged, by)
    if table is None and (reference not in rows.labels or len(rows.labels) < 2):
        raise ModelError(
            f"`reference` is one of at least two groups of {by!r}; there are: "
            f"{', '.join(rows.labels) or 'none'}."
        )
    seed = int(rng.integers(2**63)) if isinstance(rng, np.random.Generator) else int(rng)
    smoothers = smoothers_of(rows, bandwidth)
    hazards = _replicated(rows, smoothers, seed, replicates)
    seen = told_of_groups(rows, smoothers)
    curves, days = [], []
    for group, label in enumerate(rows.labels):
        own = smoothers[group]
        if table is None and label == reference:
            continue
        if table is None:
            base = rows.labels.index(str(reference))
            limit = _read_at(own.day, smoothers[base].day, hazards[base]) + tolerance
        else:
            limit = _expected(table, rows, group, own.day, age)[:, None] + tolerance
        known = ~np.isnan(limit[:, 0])
        found = _converged(hazards[group][known], limit[known], own.day[known], wait)
        told = _told_of(*found, own.day[known], wait, confidence, rows.times.unit)
        days.append({"group": label, "n": seen.n[group], "n_events": seen.n_events[group], **told})
        curves.append(own.frame(label, confidence).assign(limit=limit[:, 0]))
    if table is None:
        curves.append(smoothers[base].frame(str(reference), confidence).assign(limit=np.nan))
    frame = pd.DataFrame(days, columns=["group", "n", "n_events", *_no_day("")])
    kept = rows.times
    curve = pd.concat(curves or [NOTHING_SEEN.frame("", confidence)], ignore_index=True)
    return HazardConvergence(
        frame, curve, seen, _told(reference), tolerance, wait, by,
        kept.unit, confidence, replicates, seed, kept.n, rows.n_people, int(kept.event.sum()),
        came.n - kept.n,
        (*told_of_left_out(came, aged), *rows.said, *said_of_edges(smoothers, rows.labels)),
    )  # fmt: skip


def _check_choices(tolerance: float, hold: int, replicates: int, confidence: float) -> None:
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ModelError("`tolerance` is a hazard per unit of time, 0 or above.")
    if hold < 1:
        raise ModelError("`hold` is a length of time of at least 1, in the unit of the times.")
    if replicates < FEWEST_REPLICATES:
        raise ModelError(f"`replicates` is at least {FEWEST_REPLICATES}.")
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")


def _table_of(
    reference: float | str | pd.DataFrame, by: str | None, age: str | None
) -> pd.DataFrame | None:
    """The reference as a table of `day` or `age` and `hazard`, sorted; None for a group."""
    by_age = isinstance(reference, pd.DataFrame) and "age" in reference
    if by_age != (age is not None):
        raise ModelError("`age` names a column of ages if `reference` is a table by age, only.")
    if isinstance(reference, str):
        if by is None:
            raise ModelError("`reference` names a group: say the column of groups with `by`.")
        return None
    if not isinstance(reference, pd.DataFrame):
        reference = pd.DataFrame({"day": [0], "hazard": [reference]})
    key = "age" if by_age else "day"
    if not {key, "hazard"} <= set(reference.columns):
        raise DataError("The reference is a table with columns `day` or `age`, and `hazard`.")
    table = reference[[key, "hazard"]].apply(pd.to_numeric, errors="coerce").sort_values(key)
    if not len(table) or not np.isfinite(table).all(axis=None) or (table.hazard < 0).any():
        raise DataError("The reference holds a hazard that is empty, infinite or below 0.")
    if table[key].duplicated().any():
        raise DataError(f"The reference says the hazard of one `{key}` twice.")
    return table


def _expected(
    table: pd.DataFrame, rows: GroupRows, group: int, day: Ints, age: str | None
) -> Floats:
    """The table's hazard on each day (m,); by age, averaged over those of the group at risk."""
    if age is None:
        return _looked_up(table, "day", day)
    own = rows.entries.group == group
    ages = pd.to_numeric(rows.times.columns[age][own], errors="coerce").to_numpy(float)
    if not np.isfinite(ages).all():
        raise ModelError(f"Column {age!r} holds no ages in {where(~np.isfinite(ages))}.")
    start, stop = rows.times.start[own], rows.times.stop[own]
    weight = rows.sets.weights()[own]
    read = np.unique(np.append(day[:: max(1, len(day) // AGES_READ)], day[-1:]))
    means = []
    for now in read:
        at_risk = (start < now) & (now <= stop)
        then = ages[at_risk] + now / PER_YEAR[rows.times.unit]
        means.append(np.average(_looked_up(table, "age", then), weights=weight[at_risk]))
    return np.interp(day, read, means) if len(day) else np.zeros(0)


def _looked_up(table: pd.DataFrame, key: str, wanted: Floats | Ints) -> Floats:
    row = np.searchsorted(table[key], wanted, side="right") - 1
    if (row < 0).any():
        raise DataError(f"The reference begins after the first `{key}` it is needed for.")
    return table.hazard.to_numpy(float)[row]


def _replicated(
    rows: GroupRows, smoothers: list[Smoother], seed: int, replicates: int
) -> list[Floats]:
    """Every group's hazard, and those of the replicates: arrays of shape (m, 1 + replicates)."""
    if not smoothers:
        return []
    sets, which = rows.sets, np.concatenate([one.which for one in smoothers])
    steps = np.zeros((len(which), 1 + replicates))
    if len(which):
        units, weight = units_of(rows.times, "person", seed)[1], sets.weights()
        for replicate in range(1 + replicates):
            drawn = weight if not replicate else weight * units.drawn(replicate - 1)
            events, at_risk = sets.at_last(sets.event * drawn), sets.at_risk(drawn)
            some = events[which] > 0
            steps[some, replicate] = (events[which] / np.where(some, at_risk[which], 1.0))[some]
    ends = np.cumsum([len(one.which) for one in smoothers])[:-1]
    parts = np.split(steps, ends)
    return [np.maximum(one.kernel @ part, 0.0) for one, part in zip(smoothers, parts, strict=True)]


def _read_at(day: Ints, known: Ints, hazards: Floats) -> Floats:
    """Hazards (k, r) of the days `known` (k,) on `day` (m,), NaN outside, shape (m, r)."""
    if not len(known):
        return np.full((len(day), hazards.shape[1]), np.nan)
    columns = [np.interp(day, known, column, np.nan, np.nan) for column in hazards.T]
    return np.stack(columns, axis=1)


def _converged(hazards: Floats, limit: Floats, day: Ints, hold: int) -> tuple[Floats, Floats]:
    """First day (r,) from which each hazard stays at its limit or below for `hold`; inf for none.

    `hazards` (m, r), `limit` (m, r) or (m, 1), `day` (m,). Then the last day above, -inf for none.
    """
    if not len(day):
        none = np.full(hazards.shape[1], np.inf)
        return none, -none
    above = hazards > limit * (1 + ROUNDING)
    coming = np.where(above, day[:, None], np.inf)
    coming = np.minimum.accumulate(coming[::-1], axis=0)[::-1]
    until = day[:, None] + hold
    holds = (coming >= until) & (until - 1 <= day[-1])
    found = np.where(holds.any(axis=0), day[np.argmax(holds, axis=0)], np.inf)
    return found, np.where(above, day[:, None], -np.inf).max(axis=0)


def _told_of(
    found: Floats, above: Floats, day: Ints, hold: int, confidence: float, unit: str
) -> dict[str, object]:
    """The day of convergence with its limits, and what is to be said of it."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(found[1:], [tail, 1 - tail], method="inverted_cdf")
    if not len(day):
        return _no_day("too few are at risk, or have events, to see the hazards side by side")
    if np.isinf(found[0]) and np.isinf(above[0]):
        return _no_day(f"seen for less than the {hold} {unit} it must hold")
    if np.isinf(found[0]):
        short = above[0] == day[-1]
        why = "follow-up is too short" if short else f"not below for {hold} {unit} since"
        return _no_day(f"later than {above[0]:.0f} {unit}; {why}", min(low, above[0]))
    said = []
    if found[0] == day[0]:
        said.append("at or below since it can be seen")
    if above[0] > found[0]:
        said.append(f"above again later, last at {above[0]:.0f} {unit}")
    if np.isinf(high):
        said.append(f"no upper limit: {np.isinf(found[1:]).mean():.0%} of replicates found no day")
    low, high = (np.nan if np.isinf(limit) else float(limit) for limit in (low, high))
    return {"estimate": found[0], "conf_low": low, "conf_high": high, "note": "; ".join(said)}


def _no_day(why: str, later_than: float = np.nan) -> dict[str, object]:
    note = f"{NOT_ESTIMABLE}: {why}"
    return {"estimate": np.nan, "conf_low": later_than, "conf_high": np.nan, "note": note}


def _told(reference: float | str | pd.DataFrame) -> str:
    if isinstance(reference, pd.DataFrame):
        return "a table by age" if "age" in reference else "a table by day"
    return f"the hazard of {reference}" if isinstance(reference, str) else f"{reference:g}"
