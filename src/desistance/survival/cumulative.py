"""Curves that add up: the cumulative hazard, and the mean number of reoffences per person.

Both add (events / at risk) over the days, weights in both, over the risk sets of `risksets`; what
differs is what they are read as, and the variance:

    nelson_aalen                 minus the logarithm of the share not yet reoffended; without
                                 weights Aalen's variance, events / at risk^2 added up
    mean_cumulative_function     reoffences per person by a day, everybody counted, those who never
                                 reoffend too; always the jackknife over people (see `influence`),
                                 since one person's reoffences come together

With a terminal event (death) the mean is Ghosh and Lin's: each day's step is multiplied by the
share alive just before it, so that the dead no longer reoffend, rather than being treated as
people who would have gone on. Its variance is the jackknife of the product.

Limits are those of the logarithm: estimate * exp(+-z error / estimate).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from desistance.errors import ModelError
from desistance.plots import house_style, new_axes
from desistance.results import NO_EVENT_YET, NOT_ESTIMABLE, ErrorCaveat, Result, number, text_table
from desistance.survival.curves import hazard_and_move, just_before, share_left
from desistance.survival.groups import LIMITS, group_rows, read_curve
from desistance.survival.influence import OVER_PEOPLE, jackknife, row_moves, variance_over_people
from desistance.survival.terms import one_column
from desistance.timetoevent import as_times, days_asked, where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.groups import GroupRows
    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ALIKE = 1e-7  # a standard error, in parts of the estimate, that is rounding
ALL_ALIKE = f"{NOT_ESTIMABLE}: all people are alike, so their spread is 0"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CumulativeCurve(Result):
    """Cumulative hazards, or mean numbers of reoffences, by group.

    Attributes
    ----------
    measure : "cumulative hazard" or "mean number of reoffences"
    curve : DataFrame
        What `to_frame` gives.
    groups : DataFrame
        group, n (rows), n_events, last_day; one row a group.
    variance : "Aalen", or "infinitesimal jackknife over people"
    terminal : what ends a person's reoffending for good, if named
    """

    measure: str
    curve: pd.DataFrame
    groups: pd.DataFrame
    by: str | None
    unit: str
    confidence: float
    variance: str
    terminal: str | None
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
        return read_curve(self.curve, self.groups, days_asked(days), first=0.0)

    def summary(self) -> str:
        """Say who was followed, by which definitions, and where the curves end."""
        last = self.curve.groupby("group", sort=False).tail(1)
        lines = [
            f"{self.measure.capitalize()}: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows"
            + (f", by {self.by}" if self.by else ""),
            f"{self.variance} variance, {100 * self.confidence:g} % log intervals"
            + (f"; ended for good by {self.terminal}" if self.terminal else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.groups),
            "",
            f"On the last day, in {self.unit}:",
            text_table(last[["group", "day", *LIMITS, "note"]]),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the curves against time since the index date, with their limits."""
        ax = new_axes(ax)
        with house_style():
            for label, last in zip(self.groups.group, self.groups.last_day, strict=True):
                line = self.curve[self.curve.group == label]
                day = np.concatenate([[0], line.day, [last]])
                low, estimate, high = (
                    np.concatenate([[0.0], line[column].fillna(line.estimate), [np.nan]])
                    for column in ("conf_low", "estimate", "conf_high")
                )
                estimate[-1] = estimate[-2]
                ax.step(day, estimate, where="post", label=label)
                ax.fill_between(day, low, high, step="post", alpha=0.2)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since index date",
                ylabel=self.measure.capitalize(),
                ylim=(0, None),
            )
            if self.by and len(self.groups):
                ax.legend()
        return ax


def nelson_aalen(
    times: TimeToEvent | HasTimes, by: str | None = None, *, confidence: float = 0.95
) -> CumulativeCurve:
    """Estimate the cumulative hazard of the event, with delayed entry and weights.

    Parameters
    ----------
    times
        Rows of people at risk. With weights the variance is robust, over people.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    confidence
        Of the limits.

    References
    ----------
    Nelson (1972); Aalen (1978); R survival, `survfit`, its ``cumhaz`` and ``std.chaz``.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({"day": [9, 13, 13, 18, 23], "reoffended": [1, 1, 0, 1, 0]})
    >>> curve = nelson_aalen(TimeToEvent.from_frame(frame, stop="day", event="reoffended"))
    >>> curve.at([9, 13, 18])[["day", "n_at_risk", "estimate"]]
       day  n_at_risk  estimate
    0    9          5      0.20
    1   13          4      0.45
    2   18          2      0.95
    """
    rows = group_rows(times, by, together=True)
    sets, kept = rows.sets, rows.times
    step, moved = _steps(sets)
    if kept.weight is None:
        variance, kind = sets.running(step * moved), "Aalen"
    else:
        variance, kind = variance_over_people(sets, kept.person, moved, step * moved), OVER_PEOPLE
    if rows.n_people < kept.n and np.bincount(kept.person, kept.event).max(initial=0) > 1:
        rows.said.append(
            ErrorCaveat(
                "Some people have several events: `mean_cumulative_function` has the right "
                "variance."
            )
        )
    return _cumulative_curve(
        rows, sets, sets.running(step), np.sqrt(np.maximum(variance, 0.0)),
        measure="cumulative hazard", by=by, confidence=confidence, variance=kind,
        ends_for_good=np.zeros(sets.n, bool),
    )  # fmt: skip


def mean_cumulative_function(
    times: TimeToEvent | HasTimes,
    by: str | None = None,
    *,
    confidence: float = 0.95,
    terminal: str | None = None,
) -> CumulativeCurve:
    """Estimate the mean number of reoffences per person by each day.

    Parameters
    ----------
    times
        Rows of people at risk, with a person column, made with ``recurrent=True``. People who
        never reoffend have a row too; late entries and days in custody are days without a row.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    confidence
        Of the limits.
    terminal
        What ends a person's reoffending for good: a label of the rows' cause, or a column of
        bool or 0/1 that is true of the row that ends in it (an event of that row is then a
        reoffence on the same day). Left out, the dead are treated as
        people who went on unseen, and the mean is of a world without death.

    Raises
    ------
    ModelError
        If the rows name no person, `terminal` is neither a cause nor such a column, or rows
        follow it.

    References
    ----------
    Nelson (1995); Lawless and Nadeau (1995); Cook and Lawless (1997); Ghosh and Lin (2000).

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "person": ["a", "a", "b", "c"], "start": [0, 20, 0, 0], "stop": [20, 90, 90, 40],
    ...     "reoffended": [1, 0, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(
    ...     frame, start="start", stop="stop", event="reoffended", person="person", recurrent=True
    ... )
    >>> mean_cumulative_function(times).at([20, 40])[["day", "n_at_risk", "estimate"]].round(3)
       day  n_at_risk  estimate
    0   20          3     0.333
    1   40          3     0.667
    """
    rows = group_rows(named_people(times), by)
    kept = rows.times
    dies = np.zeros(kept.n, bool) if terminal is None else _terminal_rows(kept, terminal)
    sets = rows.sets.of(kept.event & ~dies) if terminal in kept.cause_labels else rows.sets
    if np.bincount(kept.person, sets.event).max(initial=0) == 1:
        rows.said.append("Nobody has a second event: the rows may end at the first.")
    if terminal is None and len(kept.cause_labels) > 1:
        rows.said.append("Events of every cause are counted; name a terminal one in `terminal`.")
    deaths = rows.sets.of(dies) if dies.any() else None
    estimate, variance = _mean_and_variance(sets, deaths, kept.person)
    return _cumulative_curve(
        rows, sets, estimate, np.sqrt(np.maximum(variance, 0.0)),
        measure="mean number of reoffences", by=by, confidence=confidence, variance=OVER_PEOPLE,
        terminal=terminal, ends_for_good=dies,
    )  # fmt: skip


def named_people(times: TimeToEvent | HasTimes) -> TimeToEvent:
    """Take rows that say who they belong to, as repeated events must."""
    came = as_times(times)
    if came.person_column is None:
        raise ModelError(
            "Repeated events need to know whose they are: name the column of people with "
            "`TimeToEvent.from_frame(..., person=..., recurrent=True)`."
        )
    return came


def _terminal_rows(times: TimeToEvent, terminal: str) -> NDArray[np.bool_]:
    """Say which rows end in the terminal event, shape (n,)."""
    if times.cause is not None and terminal in times.cause_labels:
        dies: NDArray[np.bool_] = times.cause == 1 + times.cause_labels.index(terminal)
    else:
        column = one_column(times, terminal)
        if column.isna().any() or not column.isin([0, 1]).all():
            raise ModelError(
                f"`terminal={terminal!r}` is neither a cause of the rows nor a column of bool or "
                "0/1 without empty cells."
            )
        dies = column.to_numpy(dtype=bool)
    end = np.full(times.n_people, np.iinfo(np.int64).max)
    np.minimum.at(end, times.person[dies], times.stop[dies])
    after = times.stop > end[times.person]
    if after.any():
        raise ModelError(
            f"Nothing may follow the terminal event {terminal!r} of the same person, and "
            f"{where(after)} do."
        )
    return dies


def _steps(sets: RiskSets) -> tuple[Floats, Floats]:
    """Events over those at risk on each day, and what one more event would add, (K,) each."""
    at_risk = sets.weight_at_risk()
    moved = np.divide(1.0, at_risk, out=np.zeros(sets.n_days), where=sets.n_events > 0)
    return sets.event_weight * moved, moved


def _mean_and_variance(
    reoffences: RiskSets, deaths: RiskSets | None, person: Ints
) -> tuple[Floats, Floats]:
    """Mean number of reoffences by each day, and its variance over people, (K,) each.

    With m the mean, S the share alive just before a day and D a person's move of -log S, the
    person moves m(t) by what they move its steps, less the integral of m(t) - m(u) over D.
    """
    step, moved = _steps(reoffences)
    if deaths is None:
        spread = variance_over_people(reoffences, person, moved, step * moved)
        return reoffences.running(step), spread
    hazard, death_moved = hazard_and_move(deaths)
    before = just_before(deaths, share_left(deaths, hazard))
    mean = reoffences.running(before * step)
    path = before * step * moved
    death_path = hazard * death_moved
    died = row_moves(deaths, death_moved, death_path)
    move = row_moves(reoffences, before * moved, path)
    move += row_moves(deaths, mean * death_moved, mean * death_path)
    spread = jackknife(
        reoffences, person, np.column_stack([move, died]).__getitem__,
        np.column_stack([path + mean * death_path, death_path]),
    )  # fmt: skip
    return mean, spread[:, 0, 0] - 2 * mean * spread[:, 0, 1] + mean**2 * spread[:, 1, 1]


def _cumulative_curve(
    rows: GroupRows,
    sets: RiskSets,
    estimate: Floats,
    error: Floats,
    *,
    measure: str,
    by: str | None,
    confidence: float,
    variance: str,
    ends_for_good: NDArray[np.bool_],
    terminal: str | None = None,
) -> CumulativeCurve:
    """Put the result together from an estimate and its error on every day, (K,) each."""
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
    any_event = sets.running(sets.n_events.astype(float)) > 0
    alike = any_event & (error <= ALIKE * estimate)
    error = np.where(any_event & ~alike, error, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.exp(ndtri((1 + confidence) / 2) * error / estimate)
    curve = pd.DataFrame({
        **rows.days(sets, rows.ends & ~sets.event & ~ends_for_good),
        "estimate": estimate,
        "std_error": error,
        "conf_low": estimate / spread,
        "conf_high": estimate * spread,
        "note": np.select([~any_event, alike], [NO_EVENT_YET, ALL_ALIKE], ""),
    })  # fmt: skip
    return CumulativeCurve(
        measure, curve, rows.counts(sets.event), by, rows.times.unit, confidence, variance,
        terminal, rows.times.n, rows.n_people, int(sets.n_events.sum()), rows.n_left_out,
        tuple(rows.said),
    )  # fmt: skip
