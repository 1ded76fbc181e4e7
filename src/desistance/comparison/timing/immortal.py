"""Is time in which people had to stay free of reoffending counted as exposed?

Whoever joins some days after the clock started has got through those days: who reoffends first is
seldom taken on, and in a first-event analysis never counts as joined. If those days are counted as
exposed they hold no reoffence by construction, and the exposed look better than they are, whatever
the programme does. The check adds such days up, counts the reoffences on them, and tells how many
the unexposed had in as many days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import BiasError, DataError
from desistance.followup import FollowUp
from desistance.histories.days import NEVER
from desistance.plots import DARK_GREY, house_style, new_axes
from desistance.results import Caveat, Result, number, text_table
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

KINDS = (
    "before joining, counted as exposed",
    "before joining, counted as unexposed",
    "after joining, counted as exposed",
    "after joining, counted as unexposed",
    "of people who never joined",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImmortalTime(Result):
    """Whether time before joining is counted as exposed.

    Attributes
    ----------
    frame : DataFrame
        A row per kind of time: ``group, n`` (people), ``n_events``, ``n_expected`` (at the rate of
        unexposed time; of time before joining counted as exposed), ``person_years``.
    n_late : int
        People who joined after their clock started.
    found : bool
        Whether there is immortal time.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    n_late: int
    found: bool
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per kind of time."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what was checked and what was found."""
        verdict = "time before joining is counted as exposed" if self.found else (
            "no time before joining is counted as exposed"
        )  # fmt: skip
        return "\n".join(
            [
                f"Immortal time: {verdict} ({number(self.n_late)} people joined after their clock "
                "started)",
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the person-years of each kind; those that must be none are named first."""
        ax = new_axes(ax, size=(7.2, 2.8))
        place = np.arange(len(self.frame))[::-1]
        with house_style():
            ax.barh(place, self.frame["person_years"], color=DARK_GREY)
            ax.set_yticks(place, self.frame["group"])
            ax.set_xlabel("Person-years at risk")
        return ax


def check_immortal_time(
    data: FollowUp | TimeToEvent | pd.DataFrame,
    *,
    exposed: str = "exposed",
    joined: str = "joined_day",
    index: str | None = None,
    start: str | None = None,
    stop: str = "stop",
    event: str = "event",
    person: str | None = None,
    acknowledge_bias: bool = False,
) -> ImmortalTime:
    """Refuse a comparison in which exposed people could not have reoffended for a while.

    Parameters
    ----------
    data
        A follow-up, rows of people at risk, or a frame with such rows.
    exposed
        Column that says which rows a comparison would count as exposed.
    joined
        Column of the day, on the clock of `stop`, on which a person joined (empty if never); or,
        with `index`, of the date.
    index
        Column of the date on which a person's clock starts.
    start, stop, event, person
        Columns of a frame: as in `TimeToEvent.from_frame`.
    acknowledge_bias
        Give the result in place of the refusal.

    Returns
    -------
    ImmortalTime

    Raises
    ------
    BiasError
        If days before joining are counted as exposed, or clocks start on different days.
    DataError
        If a column is missing, or cannot be what it is named as.

    References
    ----------
    Suissa (2008), American Journal of Epidemiology 167(4); Lévesque and others (2010), BMJ 340,
    b5087.

    Examples
    --------
    >>> ever = pd.DataFrame({
    ...     "stop": [300, 365, 40, 365], "event": [1, 0, 1, 0],
    ...     "joined_day": [90, 120, None, None], "exposed": [True, True, False, False],
    ... })
    >>> check_immortal_time(ever)
    Traceback (most recent call last):
    ...
    desistance.errors.BiasError: 210 days before joining, of 2 people, are counted as exposed, and \
hold 0 reoffences ...
    """
    own_start = False
    if isinstance(data, FollowUp):
        design = data.design
        times = data.times()
        day = data.people["joined_day"].to_numpy(float)[times.columns["person"].to_numpy()]
        own_start = design.time_zero == "own start" and bool((data.joined < NEVER).any())
        exposed, joined = "exposed", "joined_day"
        if design.clock == "street":
            raise DataError(
                "On the street clock days are not those since leaving; check the same follow-up "
                'with `clock="calendar"`.'
            )
    else:
        times = (
            data if isinstance(data, TimeToEvent) else TimeToEvent.from_frame(
                data, start=start, stop=stop, event=event, person=person
            )
        )  # fmt: skip
        day = _day_of(times.columns, joined, index)
    is_exposed = _exposed(times.columns, exposed)
    result = _checked(times, is_exposed, day, own_start=own_start)
    if acknowledge_bias:
        return result
    if own_start:
        raise BiasError(
            "Those who joined are followed from joining and the others from leaving: the one have "
            'passed the first weeks, when the risk is highest. Use `time_zero="exit"`.'
        )
    if result.found:
        row = result.frame.iloc[0]
        raise BiasError(
            f"{number(round(row['person_years'] * 365.25))} days before joining, of "
            f"{number(int(row['n']))} people, are counted as exposed, and hold "
            f"{number(int(row['n_events']))} reoffences where the unexposed had "
            f"{row['n_expected']:.1f} in as many days. This makes an effect even where there is "
            "none. Cut each person's time on the day of joining and count what comes before as "
            "unexposed, or use `compare_over_time`."
        )
    return result


def _day_of(columns: pd.DataFrame, joined: str, index: str | None) -> Floats:
    """The day each row's person joined on, NaN if never, shape (n,)."""
    for name in (joined, index):
        if name is not None and name not in columns:
            raise DataError(f"{name!r} is not a column; there are {', '.join(map(str, columns))}.")
    when = columns[joined]
    if index is None:
        if when.dtype.kind not in "iuf" and not when.isna().all():
            raise DataError(
                f"{joined!r} holds {when.dtype}, not days; of dates, name the first day of the "
                "clock as `index`."
            )
        return when.to_numpy(float, na_value=np.nan)
    if when.dtype.kind != "M" or columns[index].dtype.kind != "M":
        raise DataError(f"With `index`, {joined!r} and {index!r} hold dates.")
    if columns[index].isna().any():
        raise DataError(f"{index!r} is empty in {columns[index].isna().sum()} rows.")
    days = (when - columns[index]).dt.days
    return np.asarray(days, float)


def _exposed(columns: pd.DataFrame, exposed: str) -> Bools:
    if exposed not in columns:
        raise DataError(f"{exposed!r} is not a column; there are {', '.join(map(str, columns))}.")
    if not columns[exposed].isin([0, 1]).all():
        raise DataError(f"{exposed!r} holds other values than 0 and 1, or yes and no.")
    return columns[exposed].to_numpy(bool)


def _checked(times: TimeToEvent, exposed: Bools, day: Floats, *, own_start: bool) -> ImmortalTime:
    """Add up each kind of time; all arguments are of the n rows."""
    never = ~np.isfinite(day)
    cut = np.where(never, np.inf, np.maximum(day, 0.0))
    before = np.clip(np.minimum(times.stop, cut) - times.start, 0, None) * ~never
    after = (times.stop - times.start - before) * ~never
    early = times.event & (times.stop <= cut) & ~never
    late = times.event & ~early & ~never
    parts = (
        (before, early, exposed), (before, early, ~exposed), (after, late, exposed),
        (after, late, ~exposed), ((times.stop - times.start) * never, times.event & never, never),
    )  # fmt: skip
    frame = pd.DataFrame(
        [
            {
                "group": kind,
                "n": len(np.unique(times.person[which & (days > 0)])),
                "n_events": int((happened & which).sum()),
                "person_years": float((days * which).sum()) / 365.25,
            }
            for kind, (days, happened, which) in zip(KINDS, parts, strict=True)
        ]
    )
    unexposed_days = float(((times.stop - times.start) * ~exposed).sum())
    rate = float((times.event & ~exposed).sum()) / unexposed_days if unexposed_days else np.nan
    expected = np.full(len(frame), np.nan)
    expected[0] = rate * frame["person_years"].iloc[0] * 365.25
    frame.insert(3, "n_expected", expected)
    late_people = np.unique(times.person[~never & (day > 0)])
    seen_before = np.unique(times.person[~never & (before > 0)])
    unseen = len(np.setdiff1d(late_people, seen_before))
    said: list[str] = []
    if own_start:
        said.append("Clocks start on joining for some and on leaving for others.")
    if unseen:
        said.append(
            Caveat(
                "Of {unseen} people nothing is here of the time before they joined. If it was "
                "seen, add it as unexposed: without it the unexposed are those who never joined.",
                unseen=unseen,
            )
        )
    odd = int((exposed & never).sum())
    if odd:
        said.append(
            Caveat("{odd} rows are counted as exposed of people without a day of joining.", odd=odd)
        )
    return ImmortalTime(
        frame, len(late_people), bool(frame["person_years"].iloc[0] > 0) or own_start, tuple(said)
    )
