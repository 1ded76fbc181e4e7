"""A table of areas and calendar months, from a follow-up or as given.

From a follow-up: the people who left the programme are watched for a fixed time from the day they
left, by the rules of `desistance.followup`, whether they joined or not. Their days at risk and
their reoffences are counted in the area they left it in, by calendar month. An area is live from
the first of the month nearest to its go-live date on.

As given: a row an area and month, with the columns

    area, month     month a whole number, or a date in it
    outcome         a count if there is `exposure`, else a rate or any number
    exposure        what the count came from (person-months); may be absent
    go_live         the area's first live month, as `month`; empty if never

In arrays: months are places 0 to T - 1 without a gap, go-live is such a place, and T for an area
not live by then. Where an area-month is missing, or nobody was at risk in it, there is no outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance.rows import refuse_no_followup
from desistance.errors import FollowUpError, ModelError
from desistance.followup import FollowUp
from desistance.followup.rules import spread, stretches, watch
from desistance.histories.days import DAYS_A_MONTH, months_to_days, to_dates
from desistance.results import Caveat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.histories.days import Days

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEEDED = ("area", "month", "outcome", "go_live")
PER = 100.0  # person-months of a rate


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Areas by months, in arrays.

    Attributes
    ----------
    areas, months : names, shapes (n,) and (T,)
    y : float64 array, shape (n, T)
        Outcome, NaN where there is none.
    exposure : float64 array, shape (n, T)
        0 where there is no outcome; 1 elsewhere if none was given.
    start : int64 array, shape (n,)
        Place of the first live month; T if not live by the last.
    outcome : what `y` is
    caveats : tuple of str
    """

    areas: tuple[str, ...]
    months: tuple[str, ...]
    y: Floats
    exposure: Floats
    start: Ints
    outcome: str
    caveats: tuple[str, ...]

    @property
    def live(self) -> NDArray[np.bool_]:
        """Say which area-months are live, shape (n, T)."""
        return np.arange(len(self.months)) >= self.start[:, None]

    def weight(self, weigh: str) -> Floats:
        """Weigh the areas, shape (n,): by their mean exposure, or all the same."""
        if weigh not in ("exposure", "areas"):
            raise ModelError('`weigh` is "exposure" or "areas".')
        if weigh == "areas":
            return np.ones(len(self.areas))
        return self.exposure.sum(axis=1) / np.maximum(np.isfinite(self.y).sum(axis=1), 1)


def area_months(followed: FollowUp, *, months: int | None = None) -> pd.DataFrame:
    """Count reoffences and person-months at risk by area and calendar month.

    Parameters
    ----------
    followed
        People who left the programme; whether they joined plays no part.
    months
        How long each is watched from the day of leaving; the months of the design when None. A
        fixed time keeps people of an area alike from month to month.

    Returns
    -------
    DataFrame, one row per area and calendar month with somebody at risk
        ``area, month`` (its first day), ``outcome`` (reoffences), ``exposure`` (person-months),
        ``go_live`` (empty if never). In `attrs`, ``no_area`` counts people without a known area.

    Raises
    ------
    FollowUpError
        If no area has a row in `areas`.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=100), rng=1)
    >>> table = area_months(follow_up(cases, build_histories(cases)))
    >>> list(table)
    ['area', 'month', 'outcome', 'exposure', 'go_live']
    """
    refuse_no_followup(followed)
    histories, design = followed.histories, followed.design
    areas = histories.cases.areas
    place = pd.Index(areas["area_id"]).get_indexer(pd.Index(followed.people["area_id"]))
    if not (place >= 0).any():
        raise FollowUpError(
            "No area that people left the programme in is in `areas`: there is no go-live date."
        )
    position, zero = followed.position, followed.index_day
    days = months_to_days(design.months if months is None else months)
    seen = watch(histories, design, followed.reoffences, position, zero, days=days)
    pair, start, stop = stretches(histories.stays, position, zero, seen.end)
    first, last = (_month(zero[pair] + day) for day in (start + 1, stop))
    row, month = spread(first, last - first + 1)
    begin, end = _first_day(month), _first_day(month + 1)
    day_one, day_last = (zero[pair] + start + 1)[row], (zero[pair] + stop)[row]
    at_risk = np.minimum(end, day_last + 1) - np.maximum(begin, day_one)
    whose, when = seen.reoffences
    exposed = pd.DataFrame({"area": place[pair[row]], "month": month, "exposure": at_risk})
    events = pd.DataFrame({"area": place[whose], "month": _month(zero[whose] + when), "outcome": 1})
    keys = ["area", "month"]
    table = exposed[exposed["area"] >= 0].groupby(keys)["exposure"].sum().to_frame()
    table["outcome"] = events[events["area"] >= 0].groupby(keys)["outcome"].sum()
    table = table.fillna({"outcome": 0}).reset_index()
    live = pd.to_datetime(areas["go_live_date"]).to_numpy("datetime64[D]")[table["area"]]
    counted = pd.DataFrame(
        {
            "area": areas["area_id"].to_numpy()[table["area"]],
            "month": to_dates(_first_day(table["month"].to_numpy())),
            "outcome": table["outcome"].astype(np.int64),
            "exposure": table["exposure"] / DAYS_A_MONTH,
            "go_live": _nearest_month(live),
        }
    )
    counted.attrs["no_area"] = int((place < 0).sum())
    return counted


def _month(day: Days) -> Days:
    """Count months since January 1970 of the month that each day lies in."""
    return to_dates(day).to_numpy("datetime64[M]").astype(np.int64)


def _first_day(month: Days) -> Days:
    """Give the first day of each month, counted since 1900."""
    first = month.astype("datetime64[M]").astype("datetime64[D]")
    return (first - np.datetime64("1900-01-01", "D")).astype(np.int64)


def _nearest_month(day: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Give the first of the month nearest to each date; no date where there is none."""
    first = day.astype("datetime64[M]")
    following = first + 1
    late = (day - first.astype("datetime64[D]")) > (following.astype("datetime64[D]") - day)
    nearest = np.where(late, following, first)
    return np.where(np.isnat(day), np.datetime64("NaT", "M"), nearest).astype("datetime64[ns]")


def panel_of(source: FollowUp | pd.DataFrame, *, per: float = PER) -> Panel:
    """Arrange a follow-up, or a plain frame (see this module), by area and month."""
    if isinstance(source, FollowUp):
        table = area_months(source)
        outcome = f"reoffences per {per:g} person-months at risk"
    else:
        if not isinstance(source, pd.DataFrame):
            raise ModelError(f"`source` is a follow-up or a frame, not a {type(source).__name__}.")
        table, outcome = source, f"outcome per {per:g} of exposure"
        if "exposure" not in table:
            table, outcome, per = source.assign(exposure=1.0), "outcome", 1.0
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise ModelError(f"The frame lacks {', '.join(missing)}.")
    if table.empty:
        raise ModelError("The frame has no rows.")
    if table[["area", "month"]].isna().any(axis=None) or (
        table.duplicated(["area", "month"]).any()
    ):
        raise ModelError("Each row has an area and a month, and no two rows have the same.")
    area, areas = pd.factorize(table["area"], sort=True)
    live = table.groupby(area)["go_live"]
    if (live.nunique(dropna=False) > 1).any():
        raise ModelError("An area has one `go_live`, the same in all its rows.")
    month, first, named = _places(_as_months(table["month"]))
    dates = _as_months(table["month"]).dtype.kind == "M"
    start = _places_of(_as_months(live.first()), first, len(named), dates=dates)
    y, exposure = np.full((2, len(areas), len(named)), np.nan)
    counts, behind = (_numbers(table, name) for name in ("outcome", "exposure"))
    if (behind < 0).any():
        raise ModelError(f"{(behind < 0).sum()} of {len(behind)} exposures are below 0.")
    known = (behind > 0) & np.isfinite(counts)
    y[area[known], month[known]] = per * counts[known] / behind[known]
    exposure[area[known], month[known]] = behind[known]
    told: list[str] = []
    none = int(np.isnan(y).sum())
    if none:
        told.append(
            Caveat("{none} of {all} area-months have no outcome, or nobody at risk; they count "
                   "nowhere.", none=none, all=y.size)
        )  # fmt: skip
    no_area = table.attrs.get("no_area", 0)
    if no_area:
        told.append(
            Caveat("{n} people left the programme in no area of `areas`; left out.", n=no_area)
        )
    return Panel(tuple(map(str, areas)), named, y, np.nan_to_num(exposure), start, outcome,
                 tuple(told))  # fmt: skip


def _as_months(values: pd.Series) -> pd.Series:
    """Read dates kept as objects, and periods, as dates."""
    values = values.infer_objects()
    return values.dt.to_timestamp() if isinstance(values.dtype, pd.PeriodDtype) else values


def _places(month: pd.Series) -> tuple[Ints, int, tuple[str, ...]]:
    """Number months from 0 without a gap; also the first month's own number, and all names."""
    dates = month.dtype.kind == "M"
    number = _number(month, dates=dates)
    first, last = int(number.min()), int(number.max())
    every = np.arange(first, last + 1)
    named = every.astype("datetime64[M]") if dates else every
    return number - first, first, tuple(map(str, named))


def _places_of(live: pd.Series, first: int, n_months: int, *, dates: bool) -> Ints:
    start = np.full(len(live), n_months)
    known = live.notna().to_numpy()
    if known.any():
        start[known] = np.clip(_number(live[known], dates=dates) - first, 0, n_months)
    return start


def _number(month: pd.Series, *, dates: bool) -> Ints:
    if dates:
        if month.dtype.kind != "M":
            raise ModelError("`month` and `go_live` are both dates, or both whole numbers.")
        return month.to_numpy("datetime64[M]").astype(np.int64)
    if month.dtype.kind not in "iuf" or not (month == month.round()).all():
        raise ModelError("`month` and `go_live` are both dates, or both whole numbers.")
    return month.to_numpy(np.int64)


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    if table[name].dtype.kind not in "biuf":
        raise ModelError(f"`{name}` holds no numbers.")
    values = table[name].to_numpy(float, na_value=np.nan)
    if np.isinf(values).any():
        raise ModelError(f"{np.isinf(values).sum()} values of `{name}` are infinite.")
    return values
