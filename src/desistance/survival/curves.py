"""Kaplan–Meier curves: the share not yet reoffended, day by day, group by group.

S falls on every event day by the factor (1 - events / at risk), weights in both, over the risk
sets of `risksets`. Conventions:

* Groups are those of `groups`; one that changes within a person makes the Simon–Makuch curve.
* Counts are rows at risk and events, never weighted; the estimate is weighted.
* Without weights the variance is Greenwood's. With weights it is the infinitesimal jackknife
  over people: how far S would move were each person's weight a little larger, squared and added
  up, as R's ``survfit(..., robust=TRUE)``.
* The median is the first day with S <= 0.5, and its limits the first days on which the limits of
  S are <= 0.5; other quantiles likewise. (R takes the middle of the step where S is exactly 0.5.)
* S is not known after a group's last follow-up: NaN, not the last value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import house_style, new_axes
from desistance.results import NO_EVENT_YET, NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.groupcounts import group_counts
from desistance.survival.groups import group_rows, read_curve
from desistance.survival.influence import OVER_PEOPLE, row_moves, variance_over_people
from desistance.survival.intervals import Interval, survival_interval
from desistance.survival.risksets import risk_sets
from desistance.timetoevent import HasBlocks, days_asked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GREENWOOD = "Greenwood"
TOUCHES = 1e-12  # S this near to 0.5, say, is 0.5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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

    def at(self, days: Days) -> pd.DataFrame:
        """Read the curves on given days; NaN with a note after a group's last follow-up."""
        return read_curve(self.curve, self.groups, days_asked(days), first=1.0)

    def _last_days(self) -> list[tuple[str, int]]:
        return list(zip(self.groups.group, self.groups.last_day, strict=True))

    def median(self) -> pd.DataFrame:
        """First day by which half have had the event, with limits: a row a group."""
        return self.quantiles([0.5]).drop(columns="share")

    def quantiles(self, shares: float | Sequence[float] = (0.25, 0.5, 0.75)) -> pd.DataFrame:
        """First days by which given shares have had the event: a row a group and share.

        A limit is the first day on which that of S is as low; NaN where it never is.

        Returns
        -------
        DataFrame
            group, share, estimate, conf_low, conf_high, note; days in `unit`.

        Raises
        ------
        ModelError
            If a share is not between 0 and 1.
        """
        asked: list[float] = np.atleast_1d(shares).tolist()
        if not all(0 < share < 1 for share in asked):
            raise ModelError("`shares` lie between 0 and 1, as 0.25.")
        rows = []
        for label, _ in self._last_days():
            line = self.curve[self.curve.group == label]
            for share in asked:
                day, low, high = (
                    _first_day(line, column, 1 - share)
                    for column in ("estimate", "conf_low", "conf_high")
                )
                many = "half" if share == 0.5 else f"{100 * share:g} %"
                note = f"{NOT_ESTIMABLE}: fewer than {many} had the event" if np.isnan(day) else ""
                rows.append((label, share, day, low, high, note))
        columns = ["group", "share", "estimate", "conf_low", "conf_high", "note"]
        return pd.DataFrame(rows, columns=columns)

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
    times: TimeToEvent | HasTimes | HasBlocks,
    by: str | None = None,
    *,
    confidence: float = 0.95,
    interval: Interval = "log-log",
) -> Survival:
    """Estimate the share not yet reoffended, with delayed entry and weights.

    Parameters
    ----------
    times
        Rows of people at risk, at once or in blocks (without weights).
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
    if isinstance(times, HasBlocks):
        blocks = times.times_in_blocks()
        counted = group_counts(blocks, by)
        sets = counted.sets
        hazard, moved = hazards(sets, counted.n_at_risk.astype(float), counted.n_at_risk)
        share, error = _with_error(sets, hazard, sets.running(hazard * moved))
        listed, groups, left_out, said = (
            counted.days(), counted.counts, counted.n_left_out, counted.said,
        )  # fmt: skip
        unit, variance = blocks.unit, GREENWOOD
        n, n_people, n_events = int(groups.n.sum()), counted.n_people, int(groups.n_events.sum())
    else:
        rows = group_rows(times, by, together=True)
        kept, event = rows.times, rows.entries.event
        share, error = _share_and_error(rows.sets, rows.entries.person)
        listed, groups = rows.days(rows.sets, rows.ends & ~event), rows.counts(event)
        left_out, said = rows.n_left_out, rows.said
        unit, variance = kept.unit, GREENWOOD if kept.weight is None else OVER_PEOPLE
        n, n_people, n_events = kept.n, rows.n_people, int(groups.n_events.sum())
    low, high = survival_interval(share, error, confidence, interval)
    curve = pd.DataFrame({
        **listed, "estimate": share, "std_error": share * error, "conf_low": low,
        "conf_high": high, "note": _notes(share),
    })  # fmt: skip
    return Survival(
        curve, groups, by, unit, confidence, interval, variance, n, n_people, n_events, left_out,
        (*said, *emptied_early(curve, groups)),
    )  # fmt: skip


def influence_of_survival(times: TimeToEvent, day: int) -> tuple[float, Floats]:
    """Estimate S on a day, and how far each row moves it: the infinitesimal jackknife.

    Returns
    -------
    The estimate, and an array of shape (n,): each row's weight times the derivative of S by it.
    Added up by person (or cluster), squared, added up and rooted, they give the robust standard
    error of S, as R's ``survfit(..., robust=TRUE, cluster=)``.
    """
    return next(influences_of_survival(times, [day]))


def influences_of_survival(
    times: TimeToEvent, days: Iterable[float]
) -> Iterator[tuple[float, Floats]]:
    """Give `influence_of_survival` on each of many days."""
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    hazard, moved = hazard_and_move(sets)
    path = hazard * moved
    for day in days:
        passed = sets.day <= day
        share = float(np.prod(1 - hazard[passed]))
        yield share, -share * row_moves(sets, np.where(passed, moved, 0.0), path * passed)


def _share_and_error(sets: RiskSets, person: Ints) -> tuple[Floats, Floats]:
    """S on every listed day, and the standard error of its logarithm, shape (K,) each."""
    hazard, moved = hazard_and_move(sets)
    if sets.weight is None:
        variance = sets.running(hazard * moved)
    else:
        variance = variance_over_people(sets, person, moved, hazard * moved)
    return _with_error(sets, hazard, variance)


def _with_error(sets: RiskSets, hazard: Floats, variance: Floats) -> tuple[Floats, Floats]:
    share = share_left(sets, hazard)
    error = np.sqrt(np.maximum(variance, 0.0))
    return share, np.where((share > 0) & (share < 1), error, np.nan)


def share_left(sets: RiskSets, hazard: Floats) -> Floats:
    """Multiply up S from the hazard of each day, within strata, shape (K,)."""
    share = np.empty_like(hazard)
    for run in sets.each_run():
        share[run] = np.cumprod(1 - hazard[run], axis=1)
    return share


def just_before(sets: RiskSets, share: Floats) -> Floats:
    """S just before each day: that of the day before it in its stratum, else 1; shape (K,)."""
    before = np.ones_like(share)
    for run in sets.each_run():
        before[run[:, 1:]] = share[run[:, :-1]]
    return before


def hazard_and_move(sets: RiskSets) -> tuple[Floats, Floats]:
    """Hazard of each day, and how far one more unit of events would move log S, (K,) each.

    The move is 0 where S has fallen to 0 and nothing can move it.
    """
    n_at_risk = sets.n_at_risk()
    at_risk = n_at_risk.astype(float) if sets.weight is None else sets.weight_at_risk()
    return hazards(sets, at_risk, n_at_risk)


def hazards(sets: RiskSets, at_risk: Floats, n_at_risk: NDArray[Any]) -> tuple[Floats, Floats]:
    """Do the work of `hazard_and_move` for weights and numbers at risk, (K,) each."""
    none = np.zeros(sets.n_days)
    hazard = np.divide(sets.event_weight, at_risk, out=none.copy(), where=sets.n_events > 0)
    all_had_it = n_at_risk - sets.n_events < 0.5
    hazard[all_had_it & (sets.n_events > 0)] = 1.0
    left = at_risk - sets.event_weight
    return hazard, np.divide(1.0, left, out=none, where=(hazard > 0) & (hazard < 1))


def _first_day(line: pd.DataFrame, column: str, level: float) -> float:
    below = line.day[line[column] <= level + TOUCHES]
    return float(below.iloc[0]) if len(below) else np.nan


def _notes(share: Floats) -> NDArray[np.object_]:
    notes = np.full(len(share), "", dtype=object)
    notes[share == 1] = NO_EVENT_YET
    notes[share == 0] = f"{NOT_ESTIMABLE}: everyone at risk had the event"
    return notes


def emptied_early(curve: pd.DataFrame, groups: pd.DataFrame) -> Iterator[str]:
    """Say which curves fell to 0 for want of people early on, not for all having had the event."""
    fallen = curve[curve.estimate == 0]
    group, day = fallen.group.to_numpy(), fallen.day.to_numpy()
    for label, last in zip(groups.group, groups.last_day, strict=True):
        if (day[group == label] < last).any():
            yield (
                f"{label}: at some time everyone at risk had the event while others entered later, "
                "so the curve is 0 from there on; start it at a later day."
            )
