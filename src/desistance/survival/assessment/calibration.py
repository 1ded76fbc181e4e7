"""Are predicted risks right? Predicted against observed, by groups of predicted risk and over all.

By a day, the horizon:

    predicted   1 - S(day | terms as they were on the person's first row)
    observed    1 - Kaplan–Meier's share without the event among people of like predicted risk, late
                entries at risk from their day on
    n_expected  each row's cumulative hazard by the fit while it was at risk, added up

and over all, events up to the horizon,

    observed over expected   events / n_expected: a Poisson model of events with the logarithm of
                             the expected as its offset, 1 where risks are right on the whole
    calibration slope        the log hazard ratio of the logarithm of each row's predicted
                             cumulative hazard, in a Cox model with the fit's strata: 1 where risks
                             spread as far as they should, below 1 where they spread too far

The errors take the fit as given, as one takes a published score.

References: Crowson, Atkinson and Therneau (2016); Royston and Altman (2013); Austin, Harrell and
van Klaveren (2020).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, number, text_table
from desistance.survival.assessment.prediction import (
    columns_read,
    cumulative_hazards,
    stratum_of_fit,
)
from desistance.survival.cox import CoxFit, fit_cox
from desistance.survival.curves import kaplan_meier
from desistance.survival.hazardratios import Z95
from desistance.survival.residuals import strata_columns
from desistance.survival.suspicion import noticed
from desistance.survival.terms import columns_of, told_of_left_out, without_empty
from desistance.timetoevent import as_times, where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.assessment.prediction import Predicts
    from desistance.survival.partial_likelihood import Ties
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PREDICTED, GROUP = "log cumulative hazard", "predicted risk group"
RATIO, SLOPE = "observed over expected", "calibration slope"
FEWEST_EVENTS = 100
NOBODY_LEFT = f"{NOT_ESTIMABLE}: the interval, as everyone at risk had the event"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration(Result):
    """Predicted and observed risk by a day.

    Attributes
    ----------
    by_group : DataFrame
        What `to_frame` gives.
    measures : DataFrame
        term, estimate, std_error, conf_low, conf_high, statistic, p_value (of the value 1), note:
        observed over expected, and the calibration slope. The error of the ratio is of its
        logarithm.
    day, unit : the horizon
    n_events : events up to the horizon
    """

    by_group: pd.DataFrame
    measures: pd.DataFrame
    model: str
    day: int
    unit: str
    weighted: bool
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row a group, the lowest predicted risk first.

        `predicted` is the people's mean risk by the day, `estimate` the risk observed, with a 95 %
        interval; n are people.
        """
        return self.by_group.copy()

    def summary(self) -> str:
        """Say whose risks were checked, by which day, and what was found."""
        lines = [
            f"Calibration of {self.model} by day {self.day} ({self.unit}): "
            f"{number(self.n_people)} people, {number(self.n_events)} events, {number(self.n)} "
            "rows" + (", weighted" if self.weighted else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.measures),
            "",
            text_table(self.by_group),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw observed against predicted risk, a point a group, beside the line of equality."""
        ax = new_axes(ax)
        seen = self.by_group.dropna(subset=["estimate", "predicted"])
        edge = 1.05 * max([*seen.estimate, *seen.conf_high.dropna(), *seen.predicted, 0.05])
        with house_style():
            ax.axline((0, 0), slope=1, color=DARK_GREY, linewidth=1)
            ax.vlines(seen.predicted, seen.conf_low, seen.conf_high, color=DARK_BLUE)
            ax.plot(seen.predicted, seen.estimate, "o", color=DARK_BLUE)
            ax.set(
                xlabel=f"Predicted risk by day {self.day}", ylabel="Observed risk (95 % interval)",
                xlim=(0, edge), ylim=(0, edge),
            )  # fmt: skip
        return ax


def calibration(
    fitted: Predicts, times: TimeToEvent | HasTimes, *, day: int = 365, groups: int = 10
) -> Calibration:
    """Compare the risks a fit predicts with what happened.

    Parameters
    ----------
    fitted
        A Cox, parametric, flexible parametric or split-population fit.
    times
        People it has not seen, or, for a first look, those it was made from. Their first events;
        weights are used.
    day
        The horizon, in the rows' unit.
    groups
        How many groups of people of like predicted risk to make; fewer where many have the same.

    Raises
    ------
    ModelError
        If the fit cannot predict for these rows or by this day, or rows follow an event.

    References
    ----------
    Crowson, Atkinson and Therneau (2016), Stat. Methods Med. Res. 25, 1692-1706.

    Examples
    --------
    >>> from desistance.survival import fit_parametric
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> found = calibration(fit_parametric(times, ["priors"]), times, day=30, groups=2)
    >>> found.to_frame()[["group", "n", "predicted", "estimate"]].round(2)
      group  n  predicted  estimate
    0     1  6       0.32      0.33
    1     2  4       0.91      0.62
    """
    came = as_times(times)
    needed = columns_of(columns_read(fitted))
    needed += strata_columns(fitted) if isinstance(fitted, CoxFit) else []
    kept = came
    for name in needed:
        kept = without_empty(kept, name)
    kept = noticed(kept, map(kept.columns.__getitem__, needed))
    _check(fitted, kept, day, groups)
    at_horizon = np.full(kept.n, day, np.int64)
    by_day = cumulative_hazards(fitted, kept)
    whole = by_day(at_horizon)
    stop = np.minimum(kept.stop, day)
    event = kept.event & (kept.stop <= day)
    inside = kept.start < day
    expected = np.where(inside, by_day(stop) - by_day(np.minimum(kept.start, day)), 0.0)
    group = _groups(kept, -np.expm1(-whole), groups)
    rows = replace(
        kept, stop=stop, event=event, strata=None, strata_labels=(),
        columns=pd.DataFrame({GROUP: group, PREDICTED: _log(whole)}),
    )  # fmt: skip
    rows = rows.only(inside, f"after day {day}") if not inside.all() else rows
    frame = _by_group(rows, whole[inside], expected[inside], day)
    stratum = stratum_of_fit(fitted, kept)[inside] if isinstance(fitted, CoxFit) else None
    events = int(event[inside].sum())
    return Calibration(
        by_group=frame,
        measures=pd.DataFrame([_ratio(rows, expected[inside]), _slope(fitted, rows, stratum)]),
        model=type(fitted).__name__,
        day=day,
        unit=kept.unit,
        weighted=kept.weight is not None,
        n=rows.n,
        n_people=len(np.unique(rows.person)),
        n_events=events,
        n_left_out=came.n - kept.n,
        caveats=(*told_of_left_out(came, kept), *_caveats(fitted, kept, events, frame, groups)),
    )


def _check(fitted: Predicts, times: TimeToEvent, day: int, groups: int) -> None:
    if day < 1 or groups < 1:
        raise ModelError("`day` and `groups` are whole numbers above 0.")
    if not times.n:
        raise ModelError("Nobody is at risk, so there is no risk to compare.")
    last = np.zeros(times.n_people, np.int64)
    np.maximum.at(last, times.person, times.stop)
    after = times.event & (times.stop < last[times.person])
    if after.any():
        raise ModelError(
            f"After the event of {where(after)} the same person has more rows: a risk is of the "
            "first event; leave what follows out."
        )
    if isinstance(fitted, CoxFit):
        ends = min(fitted.baseline.last_day)
        if day > ends:
            raise ModelError(
                f"The fit's follow-up ends on day {ends}, so it predicts no risk by day {day}: "
                "choose an earlier `day`, or a parametric fit."
            )


def _log(hazard: Floats) -> Floats:
    return np.log(np.maximum(hazard, np.finfo(float).tiny))


def _groups(times: TimeToEvent, risk: Floats, groups: int) -> Ints:
    """Number each row's group from 1 by the risk of the person's first row, shape (n,)."""
    of_person = risk[times.first_rows()]
    cuts = np.unique(np.quantile(of_person, np.arange(1, groups) / groups)) if len(risk) else risk
    codes = np.searchsorted(cuts, of_person, side="left")
    return np.unique(codes, return_inverse=True)[1][times.person] + 1


def _by_group(rows: TimeToEvent, whole: Floats, expected: Floats, day: int) -> pd.DataFrame:
    weight = np.ones(rows.n) if rows.weight is None else rows.weight
    group = rows.columns[GROUP].to_numpy()
    first = rows.first_rows()
    risk, of_first, heavy = -np.expm1(-whole[first]), group[first], weight[first]
    curve = kaplan_meier(rows, by=GROUP)
    numbers = np.unique(group)
    labels = [str(g) for g in numbers]
    said = curve.at([day]).set_index("group").loc[labels]
    last = curve.to_frame().groupby("group").estimate.last().reindex(labels)
    said = said.assign(
        estimate=said.estimate.mask(last.eq(0), 0.0), note=said.note.mask(last.eq(0), NOBODY_LEFT)
    )
    return pd.DataFrame(
        {
            "group": labels,
            "n": [int((of_first == g).sum()) for g in numbers],
            "n_events": [int(rows.event[group == g].sum()) for g in numbers],
            "n_expected": [float((weight * expected)[group == g].sum()) for g in numbers],
            "predicted": [
                np.average(risk[of_first == g], weights=heavy[of_first == g]) for g in numbers
            ],
            "estimate": 1 - said.estimate.to_numpy(),
            "std_error": said.std_error.to_numpy(),
            "conf_low": 1 - said.conf_high.to_numpy(),
            "conf_high": 1 - said.conf_low.to_numpy(),
            "note": said.note.to_numpy(),
        }
    )


def _ratio(rows: TimeToEvent, expected: Floats) -> dict[str, object]:
    weight = np.ones(rows.n) if rows.weight is None else rows.weight
    events, squares = weight @ rows.event, weight**2 @ rows.event
    wanted = float(weight @ expected)
    if not events or not wanted > 0:
        why = "no event" if not events else "none is expected"
        return _measure(RATIO, np.nan, np.nan, f"{NOT_ESTIMABLE}: {why} up to the day")
    log, error = float(np.log(events / wanted)), float(np.sqrt(squares)) / float(events)
    low, high = np.exp([log - Z95 * error, log + Z95 * error])
    found = _measure(RATIO, log, error, "")
    return found | {"estimate": np.exp(log), "conf_low": low, "conf_high": high}


def _slope(fitted: Predicts, rows: TimeToEvent, stratum: Ints | None) -> dict[str, object]:
    ties: Ties = "efron"
    if isinstance(fitted, CoxFit):
        rows = replace(rows, strata=stratum, strata_labels=fitted.baseline.groups)
        ties = "breslow" if fitted.ties == "breslow" else "efron"
    fit = fit_cox(
        rows, [PREDICTED], ties=ties, variance="model" if rows.weight is None else "cluster"
    )
    slope, error = float(fit.log_hazards[0]), float(np.sqrt(fit.covariance[0, 0]))
    found = _measure(SLOPE, slope - 1, error, fit.notes[0])
    return found | {
        "estimate": slope, "conf_low": slope - Z95 * error, "conf_high": slope + Z95 * error,
    }  # fmt: skip


def _measure(term: str, off: float, error: float, note: str) -> dict[str, object]:
    """A row of `measures`; `off` is how far the estimate is from what it should be."""
    z = off / error if error else np.nan
    return {
        "term": term, "estimate": np.nan, "std_error": error, "conf_low": np.nan,
        "conf_high": np.nan, "statistic": z, "p_value": 2 * ndtr(-abs(z)), "note": note,
    }  # fmt: skip


def _caveats(
    fitted: Predicts, times: TimeToEvent, events: int, frame: pd.DataFrame, groups: int
) -> tuple[str, ...]:
    said: list[str] = []
    if (times.n, int(times.event.sum())) == (fitted.n, fitted.n_events):
        said.append(
            "These seem to be the rows the fit was made from: its risks look better here than they "
            "will on other people. Check them on people it has not seen."
        )
    if events < FEWEST_EVENTS:
        said.append(
            Caveat(
                f"{{events}} events up to the day: below {FEWEST_EVENTS}, calibration is told only "
                "roughly.",
                events=events,
            )
        )
    if len(frame) < groups:
        said.append(f"Many people have the same risk: {len(frame)} groups in place of {groups}.")
    if isinstance(fitted, CoxFit) and fitted.frailty is not None:
        said.append("Risks are those of a group of frailty 1, not of these groups.")
    return tuple(said)
