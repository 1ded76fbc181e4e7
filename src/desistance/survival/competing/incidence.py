"""The share for whom each kind of event came first: the Aalen–Johansen estimator.

On every event day a cause's share rises by S just before the day times (the cause's events / at
risk), weights in both, with S the Kaplan–Meier share without any event; so the shares and S add
up to 1, and a single cause is 1 - S. Ties need no order: a day's events of all causes share its
risk set, and a censoring on the day comes after them (see `risksets`).

The variance is the infinitesimal jackknife over people (see `influence`), with weights and without:
R's multi-state ``survfit``. That of cmprsk's ``cuminc`` is Aalen's, a few per cent away from it
in small groups and the same in large ones. Limits are those of log(-log(1 - share)), so that one
cause has the limits of Kaplan–Meier's curve, turned over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.plots import house_style, new_axes
from desistance.results import NO_EVENT_YET, NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.competing.causes import causes_of, first_events
from desistance.survival.curves import hazard_and_move, just_before, share_left
from desistance.survival.groups import LIMITS, group_rows, read_curve
from desistance.survival.influence import jackknife
from desistance.survival.intervals import survival_interval
from desistance.survival.risksets import risk_sets
from desistance.timetoevent import days_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ALL_OF_THEM = 1e-12  # a share this near to 1 is 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CumulativeIncidence(Result):
    """The share for whom each cause came first, by group.

    Attributes
    ----------
    curve : DataFrame
        What `to_frame` gives.
    groups : DataFrame
        group, n (rows), n_events (of any cause), last_day; one row a group.
    causes : the labels of the causes, in the order of their codes
    """

    curve: pd.DataFrame
    groups: pd.DataFrame
    causes: tuple[str, ...]
    by: str | None
    unit: str
    confidence: float
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each group, cause and day on which anyone entered late, left or had an event.

        `n_events` is of the row's cause, `n_censored` of people who left without any.
        """
        return self.curve

    def at(self, days: Days) -> pd.DataFrame:
        """Read the shares on given days; NaN with a note after a group's last follow-up."""
        wanted = days_asked(days)
        found = [self.curve.head(0)]
        for cause in self.causes:
            line = self.curve[self.curve.cause == cause]
            found.append(read_curve(line, self.groups, wanted, first=0.0).assign(cause=cause))
        together = pd.concat([part for part in found if len(part)] or found, ignore_index=True)
        place = together.group.map({label: i for i, label in enumerate(self.groups.group)})
        columns = ["group", "cause", "day", "n_at_risk", *LIMITS, "note"]
        return together.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)[columns]

    def summary(self) -> str:
        """Say who was followed, by which definitions, and where the shares end."""
        last = self.curve.groupby(["group", "cause"], sort=False).tail(1)
        lines = [
            f"Cumulative incidence of {len(self.causes)} causes: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows"
            + (f", by {self.by}" if self.by else ""),
            "Aalen–Johansen, infinitesimal jackknife variance over people, "
            f"{100 * self.confidence:g} % intervals of log(-log(1 - share))",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.groups),
            "",
            f"Share by the last day, in {self.unit}:",
            text_table(last[["group", "cause", "day", *LIMITS, "note"]]),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each share against time since the index date."""
        ax = new_axes(ax)
        last_day = dict(zip(self.groups.group, self.groups.last_day, strict=True))
        with house_style():
            for (group, cause), line in self.curve.groupby(["group", "cause"], sort=False):
                day = np.concatenate([[0], line.day, [last_day[group]]])
                low, share, high = (
                    np.concatenate([[0.0], line[column].fillna(line.estimate), [np.nan]])
                    for column in ("conf_low", "estimate", "conf_high")
                )
                share[-1] = share[-2]
                ax.step(day, share, where="post", label=f"{group}, {cause}" if self.by else cause)
                ax.fill_between(day, low, high, step="post", alpha=0.2)
            ax.set(
                xlabel=f"{self.unit.capitalize()} since index date",
                ylabel="Share for whom it came first",
                ylim=(0, None),
            )
            if len(self.curve):
                ax.legend()
        return ax


def cumulative_incidence(
    times: TimeToEvent | HasTimes, by: str | None = None, *, confidence: float = 0.95
) -> CumulativeIncidence:
    """Estimate the share for whom each kind of event came first, with late entry and weights.

    Parameters
    ----------
    times
        Rows of people at risk whose events have causes; nothing follows an event.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    confidence
        Of the limits.

    Raises
    ------
    ModelError
        If the rows name no causes, or go on after an event.

    References
    ----------
    Aalen and Johansen (1978); R survival, multi-state `survfit`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 13, 18, 23], "over": [1, 1, 0, 1, 0],
    ...     "what": ["reoffence", "custody", None, "reoffence", None],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="over", cause="what")
    >>> cumulative_incidence(times).at([9, 18])[["cause", "day", "n_at_risk", "estimate"]]
           cause  day  n_at_risk  estimate
    0    custody    9          5       0.0
    1    custody   18          2       0.2
    2  reoffence    9          5       0.2
    3  reoffence   18          2       0.5
    """
    rows = group_rows(first_events(times), by, together=True)
    kept, sets, causes = rows.times, rows.sets, rows.times.cause_labels
    cause, event = rows.entries.cause, rows.entries.event
    share, variance = share_and_variance(sets, cause, len(causes), rows.entries.person)
    inside = (share > 0) & (share < 1)
    error = np.where(inside, np.sqrt(np.maximum(variance, 0.0)), np.nan)
    left = np.where(inside, 1 - share, np.nan)
    low, high = survival_interval(left, error / left, confidence, "log-log")
    order = np.argsort(np.tile(sets.stratum, len(causes)), kind="stable")
    code, day = np.divmod(order, max(sets.n_days, 1))
    days = {name: of[day] for name, of in rows.days(sets, rows.ends & ~event).items()}
    n_events = _events_by_cause(sets, cause, len(causes), np.ones(sets.n))
    curve = pd.DataFrame({
        "group": days["group"], "cause": np.array(causes, dtype=object)[code], **days,
        "n_events": n_events.astype(np.int64)[day, code], "estimate": share[day, code],
        "std_error": error[day, code], "conf_low": 1 - high[day, code],
        "conf_high": 1 - low[day, code], "note": _notes(share)[day, code],
    }, copy=False)  # fmt: skip
    groups = rows.counts(event)
    return CumulativeIncidence(
        curve, groups, causes, by, kept.unit, confidence, kept.n, rows.n_people,
        int(np.count_nonzero(kept.event)), rows.n_left_out,
        (*rows.said, *_emptied_early(sets, share, groups)),
    )  # fmt: skip


def _emptied_early(sets: RiskSets, share: Floats, groups: pd.DataFrame) -> Iterator[str]:
    """Say where everyone at risk had had an event before others entered."""
    nobody_left = share.sum(axis=1) > 1 - ALL_OF_THEM
    if not nobody_left.any():
        return
    for code, label, last in zip(groups.index, groups.group, groups.last_day, strict=True):
        if (nobody_left & (sets.stratum == code) & (sets.day < last)).any():
            yield (
                f"{label}: at some time everyone at risk had an event while others entered later, "
                "so the shares stand still from there on; start them at a later day."
            )


def share_and_variance(
    sets: RiskSets, cause: Ints, n_causes: int, person: Ints
) -> tuple[Floats, Floats]:
    """Share of each cause on every day, and its variance over people, shape (K, m) each.

    One more event of cause c moves the share of cause k by (S / at risk, if c is k) + F_k m on its
    day, with F_k the share and m the move of -log S; and by -F_k(t) m until day t.
    """
    share, path, jump = _share_and_paths(sets, cause, n_causes)
    spread = jackknife(sets, person, _moves(sets, cause, path, jump).__getitem__, path)
    own = np.diagonal(spread, axis1=1, axis2=2)[:, :n_causes]
    crossed = spread[:, :n_causes, n_causes]
    return share, own - 2 * share * crossed + share**2 * spread[:, -1, -1][:, None]


def _share_and_paths(sets: RiskSets, cause: Ints, n_causes: int) -> tuple[Floats, Floats, Floats]:
    """Share of each cause (K, m), and what a day at risk, and an event of a cause, move."""
    hazard, moved = hazard_and_move(sets)
    left = share_left(sets, hazard)
    before = just_before(sets, left)
    at_risk = sets.weight_at_risk()
    per_event = np.divide(before, at_risk, out=np.zeros_like(before), where=hazard > 0)
    events = _events_by_cause(sets, cause, n_causes, sets.weights())
    share = sets.running(per_event[:, None] * events)
    share[share > 1 - ALL_OF_THEM] = 1.0
    path = np.column_stack(
        [
            (per_event / np.maximum(at_risk, np.finfo(float).tiny))[:, None] * events
            + share * (hazard * moved)[:, None],
            hazard * moved,
        ]
    )
    jump = np.repeat(np.column_stack([share * moved[:, None], moved])[:, None], n_causes + 1, 1)
    jump[:, 0] = 0.0
    for code in range(n_causes):
        jump[:, code + 1, code] += per_event
    return share, path, jump


def _events_by_cause(sets: RiskSets, cause: Ints, n_causes: int, weights: Floats) -> Floats:
    """Add up the weights (n,) of each day's events of every cause, shape (K, m)."""
    each = [sets.at_last(weights * (cause == code + 1)) for code in range(n_causes)]
    return np.array(each).reshape(n_causes, sets.n_days).T


def influence_of_incidence(times: TimeToEvent, day: int) -> tuple[Floats, Floats]:
    """Estimate each cause's share by a day, shape (m,), and how far each row moves it, (n, m).

    As `influence_of_survival`: each row's weight times the derivative by it.
    """
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    cause, n_causes = causes_of(times), len(times.cause_labels)
    passed = sets.day <= day
    if not passed.any():
        return np.zeros(n_causes), np.zeros((times.n, n_causes))
    share, path, jump = _share_and_paths(sets, cause, n_causes)
    now = share[np.flatnonzero(passed)[-1]]
    moves = _moves(sets, cause, path * passed[:, None], jump * passed[:, None, None])
    return now, moves[:, :n_causes] - now * moves[:, n_causes:]


def _moves(sets: RiskSets, cause: Ints, path: Floats, jump: Floats) -> Floats:
    """What each row moves over its whole stay, shape (n, q); `jump` is (K, causes, q)."""
    so_far = np.concatenate([sets.running(path), np.zeros((1, path.shape[1]))])
    end = np.concatenate([jump - so_far[:-1, None], np.zeros((1, *jump.shape[1:]))])
    move: Floats = end[sets.last, cause]
    if sets.before is not None:
        move += so_far[sets.before]
    return sets.weights()[:, None] * move


def _notes(share: Floats) -> NDArray[np.object_]:
    notes = np.full(share.shape, "", dtype=object)
    notes[share == 0] = NO_EVENT_YET
    notes[share == 1] = f"{NOT_ESTIMABLE}: everyone at risk had the event"
    return notes
