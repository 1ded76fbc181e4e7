"""The hazard as a smooth curve: how likely an event is on each day for those still at risk.

Nelson and Aalen's steps are averaged over the days around each day t, weighed by Epanechnikov's
kernel 0.75 (1 - u^2) of u = (t - event day) / bandwidth. Nearer than a bandwidth to either end of
what can be seen, one side of the kernel is cut off; the rest is multiplied by a + c u so that it
still weighs to 1 around t itself (Gasser and Müller's boundary kernel, as Klein and Moeschberger
print it). Such a kernel can fall below 0; a hazard cannot, and is then 0.

A group can be seen from the first to the last day with at least 10 people at risk, up to the
first day with fewer. Late entries count from the day after, weights are used; a weight counts
with its square in the variance.

Without a bandwidth the one is taken, of twelve between a fortieth and a half of what can be seen,
that leaves out each day in turn best (least-squares cross-validation; days are put together in
some thousand where there are more); its own uncertainty is in no interval.

References: Ramlau-Hansen (1983), Annals of Statistics 11, 453-466; Klein and Moeschberger (2003),
Survival Analysis, section 6.2; Müller and Wang (1994), Biometrics 50, 61-76.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from desistance.errors import ModelError
from desistance.plots import house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, number, text_table
from desistance.survival.groups import group_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.groups import GroupRows
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_AT_RISK = 10
MOST_DAYS = 1_000  # of a curve; further apart where there are more
NARROWEST, WIDEST, CANDIDATES = 1 / 40, 1 / 2, 12


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SmoothedHazard(Result):
    """Smoothed hazards by group.

    Attributes
    ----------
    curve : DataFrame
        What `to_frame` gives.
    groups : DataFrame
        group, n (rows), n_events, first_day, last_day (what can be seen), bandwidth, note.
    """

    curve: pd.DataFrame
    groups: pd.DataFrame
    by: str | None
    unit: str
    confidence: float
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Hazard per unit of time: a row for each group and day, at most some 1,000 days each."""
        return self.curve

    def summary(self) -> str:
        """Say who was followed, by which definitions, and how far each hazard can be seen."""
        lines = [
            f"Smoothed hazard: {number(self.n_people)} people, {number(self.n_events)} events, "
            f"{number(self.n)} rows" + (f", by {self.by}" if self.by else ""),
            f"Epanechnikov kernel with boundary kernels, {100 * self.confidence:g} % log intervals",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            f"What can be seen, and bandwidths, in {self.unit}:",
            text_table(self.groups),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the hazards with their bands against time since the index date."""
        return draw_hazards(self.curve, self.unit, ax=ax)


def draw_hazards(curve: pd.DataFrame, unit: str, *, ax: Axes | None = None) -> Axes:
    """Draw smoothed hazards: group, day, estimate, conf_low, conf_high."""
    ax = new_axes(ax)
    with house_style():
        for label, line in curve.groupby("group", sort=False):
            ax.plot(line.day, line.estimate, label=label)
            ax.fill_between(line.day, line.conf_low, line.conf_high, alpha=0.15)
        ax.set(
            xlabel=f"{unit.capitalize()} since index date",
            ylabel=f"Hazard per {unit.removesuffix('s')}",
        )
        ax.set_ylim(bottom=0)
        if curve.group.nunique() > 1:
            ax.legend()
    return ax


def smoothed_hazard(
    times: TimeToEvent | HasTimes,
    by: str | None = None,
    *,
    bandwidth: float | None = None,
    confidence: float = 0.95,
) -> SmoothedHazard:
    """Estimate the hazard of the event as a smooth curve, with delayed entry and weights.

    Parameters
    ----------
    times
        Rows of people at risk.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    bandwidth
        How far the kernel reaches to either side, in the unit of the times; by cross-validation
        for each group when left out. At most half of what can be seen.
    confidence
        Of the limits, made on the log scale; of the smoothed hazard, not of what smoothing hides.

    Raises
    ------
    ModelError
        If `bandwidth` or `confidence` cannot be meant. A group that cannot be seen has a note.

    References
    ----------
    See the module; in R, `muhaz`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> rng = np.random.default_rng(4)
    >>> day = np.ceil(rng.exponential(300, 500)).astype(int)
    >>> frame = pd.DataFrame({"day": day.clip(max=365), "reoffended": day <= 365})
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> hazard = smoothed_hazard(times, bandwidth=60).to_frame()
    >>> hazard.iloc[[59, 179, 299]][["day", "estimate", "conf_low", "conf_high"]].round(4)
         day  estimate  conf_low  conf_high
    59    60    0.0032    0.0027     0.0038
    179  180    0.0035    0.0028     0.0042
    299  300    0.0034    0.0027     0.0044
    """
    check_bandwidth(bandwidth)
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
    rows = group_rows(times, by)
    smoothers = smoothers_of(rows, bandwidth)
    curves = [
        smoother.frame(label, confidence)
        for label, smoother in zip(rows.labels, smoothers, strict=True)
    ]
    curve = pd.concat(curves or [NOTHING_SEEN.frame("", confidence)], ignore_index=True)
    groups = told_of_groups(rows, smoothers)
    kept = rows.times
    return SmoothedHazard(
        curve, groups, by, kept.unit, confidence, kept.n, rows.n_people, int(kept.event.sum()),
        rows.n_left_out, (*rows.said, *said_of_edges(smoothers, rows.labels)),
    )  # fmt: skip


def check_bandwidth(bandwidth: float | None) -> None:
    """Refuse a bandwidth that is no length of time."""
    if bandwidth is not None and not (np.isfinite(bandwidth) and bandwidth >= 1):
        raise ModelError("`bandwidth` is a length of time of at least 1, in the unit of the times.")


@dataclass(frozen=True, slots=True, eq=False)
class Smoother:
    """How the steps of one group become a curve.

    Attributes
    ----------
    which : int64 array, shape (K,)
        The numbers, in the risk sets, of the event days that can be seen.
    day : int64 array, shape (m,)
        The days of the curve; none where nothing can be seen.
    at_risk : int64 array, shape (m,)
        People at risk on them.
    kernel : float64 array, shape (m, K)
        The curve is ``kernel @ steps``.
    steps, squares : float64 arrays, shape (K,)
        Of Nelson and Aalen's curve, and their variances.
    bandwidth : NaN where nothing can be seen
    short : whether enough are at risk again after the last day
    """

    which: Ints
    day: Ints
    at_risk: Ints
    kernel: Floats
    steps: Floats
    squares: Floats
    bandwidth: float
    short: bool

    def frame(self, label: str, confidence: float) -> pd.DataFrame:
        """The curve of one group: group, day, n_at_risk, estimate, its error and limits, note."""
        hazard = np.maximum(self.kernel @ self.steps, 0.0)
        error = np.sqrt(self.kernel**2 @ self.squares)
        known = hazard > 0
        with np.errstate(over="ignore"):  # close to 0 the limits are 0 and infinity
            z = float(ndtri((1 + confidence) / 2))
            turn = np.exp(z * error / np.where(known, hazard, np.nan))
        return pd.DataFrame(
            {
                "group": label, "day": self.day, "n_at_risk": self.at_risk, "estimate": hazard,
                "std_error": error, "conf_low": hazard / turn, "conf_high": hazard * turn,
                "note": np.where(known, "", f"{NOT_ESTIMABLE}: no event near this day, no limits"),
            }
        )  # fmt: skip


NOTHING_SEEN = Smoother(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0)),
    np.zeros(0), np.zeros(0), np.nan, short=False,
)  # fmt: skip


def smoothers_of(rows: GroupRows, bandwidth: float | None) -> list[Smoother]:
    """Ready every group's smoother."""
    return [_smoother(rows, group, bandwidth) for group in range(len(rows.labels))]


def _smoother(rows: GroupRows, group: int, bandwidth: float | None) -> Smoother:
    first, last, short = _seen(rows, group)
    sets = rows.sets
    inside = (sets.stratum == group) & (sets.n_events > 0) & (sets.day > first) & (sets.day <= last)
    which = np.flatnonzero(inside)
    if not len(which):
        return replace(NOTHING_SEEN, short=short)
    at_risk = sets.at_risk(sets.weights())[which]
    steps = sets.event_weight[which] / at_risk
    squares = sets.at_last(sets.event * sets.weights() ** 2)[which] / at_risk**2
    widest = max(1.0, (last - first) * WIDEST)
    if bandwidth is None:
        bandwidth = _best(sets.day[which], steps, first, last)
    width = min(float(bandwidth), widest)
    apart = -(-(last - first) // MOST_DAYS)
    day = np.arange(first + 1, last + 1, apart)
    return Smoother(
        which, day, _at_risk_on(rows, group, day),
        kernel(day, sets.day[which], width, first, last), steps, squares, width, short,
    )  # fmt: skip


def _seen(rows: GroupRows, group: int) -> tuple[int, int, bool]:
    """Just before the first and on the last day with enough at risk, and if there are more."""
    own = rows.entries.group == group
    start, stop = rows.times.start[own], rows.times.stop[own]
    day, place = np.unique(np.concatenate([start, stop]), return_inverse=True)
    come, go = (np.bincount(of, minlength=len(day)) for of in np.split(place, 2))
    enough = np.cumsum(come - go) >= FEWEST_AT_RISK  # from after each day up to the next
    if not enough.any():
        return 0, 0, False
    first = int(np.argmax(enough))
    last = first + int(np.argmin(enough[first:]))
    return int(day[first]), int(day[last]), bool(enough[last:].any())


def _at_risk_on(rows: GroupRows, group: int, day: Ints) -> Ints:
    own = rows.entries.group == group
    entered = np.searchsorted(np.sort(rows.times.start[own]), day)
    left = np.searchsorted(np.sort(rows.times.stop[own]), day)
    return (entered - left).astype(np.int64)


def kernel(day: Ints, event_day: Ints, width: float, first: int, last: int) -> Floats:
    """Weights of events on `event_day` (K,) for the hazard on `day` (m,), shape (m, K).

    What can be seen is (first, last]. A day stands at its middle.
    """
    off = (day[:, None] - event_day) / width
    left = np.minimum((day - 0.5 - first) / width, 1.0)[:, None]
    right = np.minimum((last - day + 0.5) / width, 1.0)[:, None]
    near_left = left <= right
    cut, u = np.minimum(left, right), np.where(near_left, off, -off)
    below = (1 + cut) ** 4 * (19 - 18 * cut + 3 * cut**2)
    a = 64 * (2 - 4 * cut + 6 * cut**2 - 3 * cut**3) / below
    c = 240 * (1 - cut) ** 2 / below
    weights = 0.75 * (1 - u**2) * (a + c * u) / width
    found: Floats = np.where((np.abs(u) <= 1) & (u <= cut + 1e-12), weights, 0.0)
    return found


def _best(event_day: Ints, steps: Floats, first: int, last: int) -> float:
    """The bandwidth that leaves out each day in turn best; see Klein and Moeschberger."""
    length = last - first
    widths = np.unique(np.maximum(np.geomspace(NARROWEST, WIDEST, CANDIDATES) * length, 1.0))
    apart = -(-length // MOST_DAYS)
    day = np.arange(first + 1, last + 1, apart)
    event_day, binned = np.unique((event_day - first - 1) // apart, return_inverse=True)
    event_day = first + 1 + event_day * apart + (apart - 1) // 2
    steps = np.bincount(binned, steps).astype(float)
    losses = []
    for width in widths:
        whole = kernel(day, event_day, width, first, last) @ steps
        others = kernel(event_day, event_day, width, first, last)
        np.fill_diagonal(others, 0.0)
        losses.append(apart * float(whole @ whole) - 2 * float(steps @ others @ steps))
    return float(widths[int(np.argmin(losses))])


def told_of_groups(rows: GroupRows, smoothers: list[Smoother]) -> pd.DataFrame:
    """Count each group, and say from when to when it can be seen, and how smoothly."""
    groups = rows.counts(rows.times.event).drop(columns="last_day")
    groups["first_day"] = [int(one.day[0]) if len(one.day) else 0 for one in smoothers]
    groups["last_day"] = [int(one.day[-1]) if len(one.day) else 0 for one in smoothers]
    groups["bandwidth"] = [one.bandwidth for one in smoothers]
    why = f"{NOT_ESTIMABLE}: no event while {FEWEST_AT_RISK} or more are at risk"
    groups["note"] = ["" if len(one.day) else why for one in smoothers]
    return groups


def said_of_edges(smoothers: list[Smoother], labels: tuple[str, ...]) -> list[str]:
    """Say where follow-up thins out and fills up again."""
    return [
        f"{label}: fewer than {FEWEST_AT_RISK} people are at risk after {one.day[-1]}, and more "
        "again later; the later part is not used."
        for one, label in zip(smoothers, labels, strict=True)
        if one.short and len(one.day)
    ] + _few_events(smoothers, labels)


def _few_events(smoothers: list[Smoother], labels: tuple[str, ...]) -> list[str]:
    counts = [len(one.which) for one in smoothers]
    return [
        Caveat(
            f"{label}: the hazard rests on {{days}} days with an event; its shape says little.",
            days=count,
        )
        for count, label in zip(counts, labels, strict=True)
        if 0 < count < FEWEST_AT_RISK
    ]
