"""Kaplan–Meier curves: the share not yet reoffended, day by day, group by group.

S falls on every event day by the factor (1 - events / at risk), weights in both, over the risk
sets of `risksets`. Conventions:

* A group may change within a person (the days before a change count for the old group): the
  Simon–Makuch curve. A row that the same person carries on in the same group is no censoring.
* Counts are rows at risk and events, never weighted; the estimate is weighted.
* Without weights the variance is Greenwood's. With weights it is the infinitesimal jackknife
  over people: how far S would move were each person's weight a little larger, squared and added
  up, as R's ``survfit(..., robust=TRUE)``.
* The median is the first day with S <= 0.5, and its limits the first days on which the limits of
  S are <= 0.5. (R takes the middle of the step where S is exactly 0.5.)
* S is not known after a group's last follow-up: NaN, not the last value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.plots import house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.intervals import Interval, survival_interval
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import labelled, told_of_left_out
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TOUCHES = 1e-12  # S this near to 0.5 is 0.5
LIMITS = ["estimate", "std_error", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True, eq=False)
class Survival(Result):
    """Kaplan–Meier curves by group.

    Attributes
    ----------
    curve : DataFrame
        What `to_frame` gives.
    groups : DataFrame
        group, n (rows), n_events, last_day; one row a group.
    variance : "Greenwood", or "infinitesimal jackknife over people" with weights
    """

    curve: pd.DataFrame
    groups: pd.DataFrame
    by: str | None
    unit: str
    confidence: float
    interval: Interval
    variance: str
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each group and day on which anyone entered late, left or had the event."""
        return self.curve

    def at(self, days: Sequence[int]) -> pd.DataFrame:
        """Read the curves on given days; NaN with a note after a group's last follow-up."""
        wanted = np.asarray(days, dtype=np.int64)
        found = [self._group_at(label, last, wanted) for label, last in self._last_days()]
        return pd.concat(found, ignore_index=True) if found else self.curve.head(0)

    def _last_days(self) -> list[tuple[str, int]]:
        return list(zip(self.groups.group, self.groups.last_day, strict=True))

    def _group_at(self, label: str, last: int, days: Ints) -> pd.DataFrame:
        line = self.curve[self.curve.group == label]
        known = line.day.to_numpy()
        reached = np.searchsorted(known, days, side="right")
        coming = np.minimum(np.searchsorted(known, days), max(len(known) - 1, 0))
        start = pd.DataFrame({"estimate": [1.0], "note": f"{NOT_ESTIMABLE}: no event yet"})
        steps = pd.concat([start, line[[*LIMITS, "note"]]], ignore_index=True).iloc[reached]
        out = pd.DataFrame({"group": label, "day": days})
        out["n_at_risk"] = line.n_at_risk.to_numpy()[coming] if len(known) else 0
        out[[*LIMITS, "note"]] = steps[[*LIMITS, "note"]].to_numpy()
        out[LIMITS] = out[LIMITS].astype(float)
        late = days > last
        out.loc[late, LIMITS] = np.nan
        out.loc[late, "n_at_risk"] = 0
        out.loc[late, "note"] = f"{NOT_ESTIMABLE}: after the last follow-up, {last}"
        return out

    def median(self) -> pd.DataFrame:
        """First day by which half have had the event, with limits: a row a group."""
        rows = []
        for label, _ in self._last_days():
            line = self.curve[self.curve.group == label]
            day, low, high = (
                _first_day(line, column) for column in ("estimate", "conf_low", "conf_high")
            )
            note = f"{NOT_ESTIMABLE}: fewer than half had the event" if np.isnan(day) else ""
            rows.append((label, day, low, high, note))
        return pd.DataFrame(rows, columns=["group", "estimate", "conf_low", "conf_high", "note"])

    def summary(self) -> str:
        """Say who was followed, by which definitions, and the medians."""
        lines = [
            f"Kaplan–Meier: {number(self.n_people)} people, {number(self.n_events)} events, "
            f"{number(self.n)} rows" + (f", by {self.by}" if self.by else ""),
            f"{self.variance} variance, {100 * self.confidence:g} % {self.interval} intervals",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.groups),
            "",
            f"Median, in {self.unit}:",
            text_table(self.median()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share not yet reoffended against time since the index date."""
        ax = new_axes(ax)
        with house_style():
            for label, last in self._last_days():
                line = self.curve[self.curve.group == label]
                day = np.concatenate([[0], line.day, [last]])
                low, share, high = (
                    np.concatenate([[1.0], line[column].fillna(line.estimate), [np.nan]])
                    for column in ("conf_low", "estimate", "conf_high")
                )
                share[-1] = share[-2]
                ax.step(day, share, where="post", label=label)
                ax.fill_between(day, low, high, step="post", alpha=0.2)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since index date",
                ylabel="Share not yet reoffended",
                ylim=(0, 1.02),
            )
            if self.by and len(self.groups):
                ax.legend()
        return ax


def kaplan_meier(
    times: TimeToEvent | HasTimes,
    by: str | None = None,
    *,
    confidence: float = 0.95,
    interval: Interval = "log-log",
) -> Survival:
    """Estimate the share not yet reoffended, with delayed entry and weights.

    Parameters
    ----------
    times
        Rows of people at risk.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    confidence, interval
        Of the limits; see `intervals` for the four kinds.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({"day": [9, 13, 13, 18, 23], "reoffended": [1, 1, 0, 1, 0]})
    >>> curve = kaplan_meier(TimeToEvent.from_frame(frame, stop="day", event="reoffended"))
    >>> curve.to_frame()[["day", "n_at_risk", "n_events", "n_censored", "estimate"]]
       day  n_at_risk  n_events  n_censored  estimate
    0    9          5         1           0       0.8
    1   13          4         1           1       0.6
    2   18          2         1           0       0.3
    3   23          1         0           1       0.3
    """
    came = as_times(times)
    kept, group, labels = labelled(came, by) if by else (came, np.zeros(came.n, np.int64), ("all",))
    enters, leaves = _late_entries(kept, group), _leavers(kept, group)
    sets = risk_sets(
        kept.start, kept.stop, kept.event, stratum=group, weight=kept.weight,
        marked=(
            np.concatenate([group[enters], group[leaves]]),
            np.concatenate([kept.start[enters], kept.stop[leaves]]),
        ),
    )  # fmt: skip
    share, error = _share_and_error(sets, kept.person)
    low, high = survival_interval(share, error, confidence, interval)
    curve = pd.DataFrame(
        {
            "group": np.array(labels, dtype=object)[sets.stratum],
            "day": sets.day,
            "n_at_risk": np.rint(sets.at_risk(np.ones(sets.n))).astype(np.int64),
            "n_events": sets.n_events,
            "n_censored": sets.at_last(leaves.astype(float)).astype(np.int64),
            "estimate": share,
            "std_error": share * error,
            "conf_low": low,
            "conf_high": high,
            "note": _notes(share),
        }
    )
    last_day = np.zeros(len(labels), np.int64)
    np.maximum.at(last_day, group, kept.stop)
    groups = pd.DataFrame(
        {
            "group": labels,
            "n": np.bincount(group, minlength=len(labels)),
            "n_events": np.bincount(group[kept.event], minlength=len(labels)),
            "last_day": last_day,
        }
    )
    return Survival(
        curve, groups, by, kept.unit, confidence, interval,
        "Greenwood" if kept.weight is None else "infinitesimal jackknife over people",
        kept.n, len(np.unique(kept.person)), int(kept.event.sum()), came.n - kept.n,
        _caveats(came, kept, curve, groups),
    )  # fmt: skip


def influence_of_survival(times: TimeToEvent, day: int) -> tuple[float, Floats]:
    """Estimate S on a day, and how far each row moves it: the infinitesimal jackknife.

    Returns
    -------
    The estimate, and an array of shape (n,): each row's weight times the derivative of S by it.
    Added up by person (or cluster), squared, added up and rooted, they give the robust standard
    error of S, as R's ``survfit(..., robust=TRUE, cluster=)``.
    """
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    hazard, moved = _hazard_and_move(sets)
    passed = sets.day <= day
    share = float(np.prod(1 - hazard[passed]))
    return share, -share * _row_moves(sets, np.where(passed, moved, 0.0), hazard * moved * passed)


def _share_and_error(sets: RiskSets, person: Ints) -> tuple[Floats, Floats]:
    """S on every listed day, and the standard error of its logarithm, shape (K,) each."""
    hazard, moved = _hazard_and_move(sets)
    share = np.empty_like(hazard)
    for run in sets.runs:
        share[run] = np.cumprod(1 - hazard[run], axis=1)
    if sets.weight is None:
        variance = sets.running(hazard * moved)
    else:
        variance = _jackknife(sets, person, moved, hazard * moved)
    error = np.sqrt(np.maximum(variance, 0.0))
    return share, np.where((share > 0) & (share < 1), error, np.nan)


def _hazard_and_move(sets: RiskSets) -> tuple[Floats, Floats]:
    """Hazard of each day, and how far one more unit of events would move log S, (K,) each.

    The move is 0 where S has fallen to 0 and nothing can move it.
    """
    at_risk = sets.at_risk(sets.weights())
    none = np.zeros(sets.n_days)
    hazard = np.divide(sets.event_weight, at_risk, out=none.copy(), where=sets.n_events > 0)
    all_had_it = sets.at_risk(np.ones(sets.n)) - sets.n_events < 0.5
    hazard[all_had_it & (sets.n_events > 0)] = 1.0
    left = at_risk - sets.event_weight
    return hazard, np.divide(1.0, left, out=none, where=(hazard > 0) & (hazard < 1))


def _row_moves(sets: RiskSets, moved: Floats, path: Floats) -> Floats:
    """What each row's weight adds to -log S over its stay, shape (n,); arguments (K,)."""
    return -sets.weights() * sets.over_stay(path, moved)[slice(None)]


def _jackknife(sets: RiskSets, person: Ints, moved: Floats, path: Floats) -> Floats:
    """Variance of log S on every day from each person's total move, shape (K,).

    A person's total is constant between rows, and falls with the running `path` C while at
    risk: a - w C, with a = what earlier rows left + w C at entry. So the squares over all who
    are at risk add up from sums of a^2, a w and w^2, in one sweep over days.
    """
    say = np.flatnonzero(sets.has_say)
    order = say[np.lexsort((sets.last[say], person[say], sets.stratum[sets.last[say]]))]
    group, who = sets.stratum[sets.last[order]], person[order]
    carries_on = (group[1:] == group[:-1]) & (who[1:] == who[:-1])
    move = _row_moves(sets, moved, path)[order]
    first = np.concatenate([[True], ~carries_on])[: len(order)]
    left = _running_within(move, first)
    start = np.zeros(sets.n)
    running = np.append(sets.running(path), 0.0)
    start[order] = left - move
    if sets.before is not None:
        start += sets.weights() * running[sets.before]
    staying = [
        sets.at_risk(v) - sets.at_last(v)
        for v in (start**2, start * sets.weights(), sets.weights() ** 2)
    ]
    gone = np.bincount(sets.last[order], left**2, sets.n_days).astype(float)
    if sets.before is not None and carries_on.any():
        back = sets.before[order[1:][carries_on]] + 1
        gone -= np.bincount(back, left[:-1][carries_on] ** 2, sets.n_days)
    path_so_far = running[: sets.n_days]
    return (
        staying[0] - 2 * path_so_far * staying[1] + path_so_far**2 * staying[2] + sets.running(gone)
    )


def _running_within(values: Floats, first: NDArray[np.bool_]) -> Floats:
    """Running sums that begin anew wherever `first` is true."""
    total: Floats = np.cumsum(values)
    before = (total - values)[first][np.cumsum(first) - 1]
    within: Floats = total - before
    return within


def _late_entries(times: TimeToEvent, group: Ints) -> NDArray[np.bool_]:
    """Rows that come in after day 0 without carrying on a row of the same person and group."""
    _, carried_on = _seams(times, group)
    return (times.start > 0) & ~carried_on


def _leavers(times: TimeToEvent, group: Ints) -> NDArray[np.bool_]:
    """Rows that end without an event and are not carried on."""
    carries_on, _ = _seams(times, group)
    return ~times.event & ~carries_on


def _seams(times: TimeToEvent, group: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows the same person and group carries on, and which carry one on, (n,) each."""
    order = np.lexsort((times.start, times.person))
    this, following = order[:-1], order[1:]
    seam = (
        (times.person[this] == times.person[following])
        & (group[this] == group[following])
        & (times.stop[this] == times.start[following])
    )
    before, after = np.zeros(times.n, bool), np.zeros(times.n, bool)
    before[this[seam]], after[following[seam]] = True, True
    return before, after


def _first_day(line: pd.DataFrame, column: str) -> float:
    below = line.day[line[column] <= 0.5 + TOUCHES]
    return float(below.iloc[0]) if len(below) else np.nan


def _notes(share: Floats) -> NDArray[np.object_]:
    notes = np.full(len(share), "", dtype=object)
    notes[share == 1] = f"{NOT_ESTIMABLE}: no event yet"
    notes[share == 0] = f"{NOT_ESTIMABLE}: everyone at risk had the event"
    return notes


def _caveats(
    came: TimeToEvent, kept: TimeToEvent, curve: pd.DataFrame, groups: pd.DataFrame
) -> tuple[str, ...]:
    said = told_of_left_out(came, kept)
    if not kept.n:
        said.append("Nobody is at risk.")
    empties = curve[curve.estimate == 0].groupby("group", sort=False).day.min()
    for label, last in zip(groups.group, groups.last_day, strict=True):
        if empties.get(label, last) < last:
            said.append(
                f"{label}: at some time everyone at risk had the event while others entered later, "
                "so the curve is 0 from there on; start it at a later day."
            )
    return tuple(said)
