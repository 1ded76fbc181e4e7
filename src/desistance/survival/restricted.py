"""Restricted mean time: days without reoffending out of the first so many, on average.

The area under Kaplan–Meier's curve up to a horizon chosen beforehand. It needs no proportional
hazards, and a difference of it is in days. Conventions:

* The horizon lies within every group's follow-up, since the area beyond is not known; a group
  whose curve has come down to 0 is known for good.
* Without weights, and with everyone in one group, the variance is Greenwood's: each event day's
  share of it times the area after the day, squared. Otherwise it is the jackknife over people
  (see `influence`), and groups that share people are correlated.
* Groups are compared with the first, in the order of their labels. The limits of a ratio are
  those of its logarithm.

References: Irwin (1949); Royston and Parmar (2013); Uno and others (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.special import ndtr, ndtri

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.curves import emptied_early, hazard_and_move, share_left
from desistance.survival.groups import group_rows
from desistance.survival.influence import OVER_PEOPLE, row_moves
from desistance.survival.risksets import risk_sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.groups import GroupRows
    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RestrictedMean(Result):
    """Restricted mean times of G groups, and how they differ from the first.

    Attributes
    ----------
    groups : DataFrame
        group, n (rows), n_events (up to the horizon), last_day; one row a group.
    means : float64 array, shape (G,)
    covariance : float64 array, shape (G, G)
        Of the means, by `variance`.
    horizon : in `unit`s
    variance : "Greenwood", or "infinitesimal jackknife over people"
    """

    groups: pd.DataFrame
    means: Floats
    covariance: Floats
    horizon: int
    by: str | None
    unit: str
    confidence: float
    variance: str
    n: int
    n_people: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row a group, then its difference from and its ratio to the first group.

        `std_error` and `statistic` of a ratio are those of its logarithm.
        """
        labels = self.groups.group.to_list()
        rows = [
            (label, "mean", mean, self._error({place: 1.0}))
            for place, (label, mean) in enumerate(zip(labels, self.means, strict=True))
        ]
        for place in range(1, len(labels)):
            name, first, mean = f"{labels[place]} against {labels[0]}", *self.means[[0, place]]
            difference = self._error({0: -1.0, place: 1.0})
            ratio = self._error({0: -1 / first, place: 1 / mean})
            rows.append((name, "difference", mean - first, difference))
            rows.append((name, "ratio", mean / first, ratio))
        frame = pd.DataFrame(rows, columns=["group", "term", "estimate", "std_error"])
        return _with_limits(frame, self.confidence)

    def _error(self, contrast: dict[int, float]) -> float:
        """Standard error of a sum of means; NaN if one of them has none."""
        places, factors = list(contrast), np.array(list(contrast.values()))
        matrix = self.covariance[np.ix_(places, places)]
        known = bool((np.diag(matrix) > 0).all())
        return float(np.sqrt(factors @ matrix @ factors)) if known else np.nan

    def summary(self) -> str:
        """Say who was followed, up to when, by which definitions, and what was found."""
        lines = [
            f"Restricted mean time up to {self.horizon} {self.unit}: "
            f"{number(self.n_people)} people, {number(self.groups.n_events.sum())} events, "
            f"{number(self.n)} rows" + (f", by {self.by}" if self.by else ""),
            f"{self.variance} variance, {100 * self.confidence:g} % intervals",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.groups),
            "",
            f"Means and differences in {self.unit} (std_error of a ratio is of its logarithm):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each group's mean with its limits, the first group on top."""
        ax = new_axes(ax, size=(7.2, 1.4 + 0.6 * len(self.groups)))
        means = self.to_frame().iloc[: len(self.groups)]
        place = np.arange(len(means))[::-1]
        with house_style():
            ax.hlines(place, means.conf_low, means.conf_high, color=DARK_BLUE)
            ax.plot(means.estimate, place, "s", color=DARK_BLUE)
            ax.set_yticks(place, means.group.to_list())
            ax.set(
                xlabel=f"Mean {self.unit} without reoffending out of the first {self.horizon}",
                ylim=(-0.5, len(means) - 0.5),
            )
        return ax


def restricted_mean(
    times: TimeToEvent | HasTimes,
    by: str | None = None,
    *,
    horizon: int,
    confidence: float = 0.95,
) -> RestrictedMean:
    """Average the time without the event up to a horizon, and compare groups by it.

    Parameters
    ----------
    times
        Rows of people at risk.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    horizon
        In the rows' unit; chosen beforehand, and within every group's follow-up.
    confidence
        Of the limits.

    Raises
    ------
    ModelError
        If some group is not followed as far as the horizon; the message names the last day on
        which all still are.

    References
    ----------
    Royston and Parmar (2013); R survival, `survfit`, printed with ``rmean=``.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 18, 23, 28, 31], "reoffended": [1, 1, 1, 1, 0, 1],
    ...     "cohort": ["IOM", "IOM", "7PP", "IOM", "7PP", "7PP"],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> found = restricted_mean(times, "cohort", horizon=20).to_frame()
    >>> found[["group", "term", "estimate"]].round(2)
                 group        term  estimate
    0              7PP        mean     19.33
    1              IOM        mean     14.00
    2  IOM against 7PP  difference     -5.33
    3  IOM against 7PP       ratio      0.72
    """
    if not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
    rows = group_rows(times, by)
    sets, kept = rows.sets, rows.times
    hazard, moved = hazard_and_move(sets)
    share = share_left(sets, hazard)
    _refuse_unknown(rows, share, horizon)
    first, area = _areas(sets, share, horizon, len(rows.labels))
    in_two_groups = len(np.unique(kept.person)) < len(
        np.unique(rows.entries.group * kept.n + kept.person)
    )
    if kept.weight is None and not in_two_groups:
        by_group = np.bincount(sets.stratum, hazard * moved * area**2, len(rows.labels))
        covariance, kind = np.diag(by_group.astype(float)), "Greenwood"
    else:
        covariance, kind = _over_people(rows, hazard, moved, area), OVER_PEOPLE
    return RestrictedMean(
        rows.counts(kept.event & (kept.stop <= horizon)), first, covariance, horizon, by,
        kept.unit, confidence, kind, kept.n, rows.n_people, rows.n_left_out,
        (*rows.said, *_caveats(rows, share)),
    )  # fmt: skip


def influence_of_restricted_mean(times: TimeToEvent, horizon: int) -> tuple[float, Floats]:
    """Estimate the mean of everyone up to a horizon, and how far each row moves it, shape (n,).

    As `influence_of_survival`, of the area under the curve. The caller sees to it that the rows
    are watched to the horizon.
    """
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    if not sets.n_days:
        return float(horizon), np.zeros(times.n)
    hazard, moved = hazard_and_move(sets)
    first, area = _areas(sets, share_left(sets, hazard), horizon, 1)
    return float(first[0]), -row_moves(sets, moved * area, hazard * moved * area)


def _refuse_unknown(rows: GroupRows, share: Floats, horizon: int) -> None:
    """Refuse a horizon up to which some group's curve is not known."""
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise ModelError(f"`horizon` is a whole number of {rows.times.unit}, 1 or more.")
    if not rows.times.n:
        raise ModelError("Nobody is at risk, so there is no time to average.")
    last = rows.counts(rows.times.event).last_day.to_numpy()
    down_to_0 = np.bincount(rows.sets.stratum, share == 0, len(last)) > 0
    short = (last < horizon) & ~down_to_0
    if short.any():
        raise ModelError(
            f"`horizon={horizon}` lies after the last follow-up of {short.sum()} of {len(last)} "
            f"groups. All are known up to {last[~down_to_0].min()}: choose a horizon no later."
        )


def _areas(sets: RiskSets, share: Floats, horizon: int, n_groups: int) -> tuple[Floats, Floats]:
    """Area under S from day 0, by group (G,), and from each listed day on (K,)."""
    following = np.full(sets.n_days, horizon)
    for run in sets.each_run():
        following[run[:, :-1]] = sets.day[run[:, 1:]]
    width = np.minimum(following, horizon) - np.minimum(sets.day, horizon)
    area = sets.running_back(share * width)
    begins = np.searchsorted(sets.stratum, np.arange(n_groups))
    return np.minimum(sets.day[begins], horizon) + area[begins], area


def _over_people(rows: GroupRows, hazard: Floats, moved: Floats, area: Floats) -> Floats:
    """Covariance of the means, shape (G, G), from how far each person moves each of them."""
    moves = row_moves(rows.sets, moved * area, hazard * moved * area)
    by_person = coo_array((moves, (rows.entries.group, rows.times.person))).tocsr()
    return (by_person @ by_person.T).toarray()


def _caveats(rows: GroupRows, share: Floats) -> Iterator[str]:
    curve = pd.DataFrame(
        {
            "group": np.array(rows.labels, dtype=object)[rows.sets.stratum],
            "day": rows.sets.day,
            "estimate": share,
        }
    )
    yield from emptied_early(curve, rows.counts(rows.times.event))
    first = np.full(len(rows.labels), np.iinfo(np.int64).max)
    np.minimum.at(first, rows.entries.group, rows.times.start)
    for label, day in zip(rows.labels, first, strict=True):
        if day > 0:
            yield f"{label}: nobody is at risk up to {day}, and the curve is taken as 1 until then."


def _with_limits(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Add limits, the test of no difference, and a note where times do not vary."""
    z = ndtri((1 + confidence) / 2)
    is_ratio, is_mean = frame.term == "ratio", frame.term == "mean"
    half = z * frame.std_error
    low, high = frame.estimate - half, frame.estimate + half
    compared = frame.estimate.mask(is_mean).mask(is_ratio, np.log(frame.estimate.where(is_ratio)))
    statistic = compared / frame.std_error
    with np.errstate(over="ignore"):  # of means and differences, which have limits of their own
        by = np.exp(half)
    return frame.assign(
        conf_low=np.where(is_ratio, frame.estimate / by, low),
        conf_high=np.where(is_ratio, frame.estimate * by, high),
        statistic=statistic,
        p_value=2 * ndtr(-np.abs(statistic)),
        note=np.where(frame.std_error.isna(), f"{NOT_ESTIMABLE}: the times do not vary", ""),
    )
