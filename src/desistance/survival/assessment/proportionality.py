"""Does a hazard ratio hold throughout follow-up? A score test of each term, and of them all.

A term's log hazard ratio is let change with time as ``beta + theta * g(day)``; the test is of
theta = 0, by the score and the information of beta and theta at the fit. The clocks g:

    km         1 - Kaplan–Meier's share without the event just before the day: counts events,
               so that a long thin tail of follow-up has little say
    rank       the place of the day among the ends of all rows
    identity   the day itself
    log        its logarithm

Kaplan–Meier and ranks are of all rows, without strata or weights. A term of several labels has one
test. This is the score test of R's survival since 3.0 (`cox.zph`), not the older approximation.
The points in the picture are Schoenfeld residuals times the inverse of the mean information, around
the estimate: their trend is that of the log hazard ratio.

References: Grambsch and Therneau (1994); Therneau and Grambsch (2000), chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial
from scipy.special import chdtrc

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, ORANGE, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.newton import find_aliases
from desistance.survival.partial_likelihood import information
from desistance.survival.residuals import fit_again, schoenfeld
from desistance.survival.risksets import risk_sets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.cox import CoxFit
    from desistance.survival.residuals import FitAgain
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Transform = Literal["km", "rank", "identity", "log"]
GLOBAL = "GLOBAL"
CUBIC = 3


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ProportionalHazards(Result):
    """Tests that hazard ratios do not change over follow-up.

    Attributes
    ----------
    tests : DataFrame
        term, statistic, df, p_value, note: one row a term, then all together.
    transform : the clock, see the module
    changes : DataFrame, a row per event
        day, the clock's `time`, and the scaled residual of every covariate tested.
    log_hazards : the estimate of every covariate tested
    """

    tests: pd.DataFrame
    transform: Transform
    changes: pd.DataFrame
    log_hazards: dict[str, float]
    unit: str
    n: int
    n_people: int
    n_events: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a term, then ``GLOBAL``: statistic, df, p_value, note."""
        return self.tests.copy()

    def summary(self) -> str:
        """Say what was tested, on whom, and what was found."""
        lines = [
            f"Proportional hazards: {number(self.n_people)} people, {number(self.n_events)} "
            f"events, {number(self.n)} rows",
            f"Score tests that log hazard ratios do not change with time ({self.transform})",
            "",
            text_table(self.tests),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None, covariate: str | None = None) -> Axes:
        """Draw one covariate's log hazard ratio over time: points, a cubic curve, the estimate.

        `covariate` is the first when left out. There is a point for every event: not a picture
        to release.
        """
        ax = new_axes(ax)
        if not self.log_hazards:
            ax.set(title=f"{NOT_ESTIMABLE}: no term is")
            return ax
        name = covariate or next(iter(self.log_hazards))
        if name not in self.log_hazards:
            raise ModelError(f"`covariate` is one of {', '.join(map(repr, self.log_hazards))}.")
        events = self.changes.sort_values("day")
        degree = min(CUBIC, events.time.nunique() - 1)
        curve = Polynomial.fit(events.time, events[name], degree)
        with house_style():
            ax.plot(events.day, events[name], ".", color=DARK_GREY, alpha=0.4)
            ax.axhline(self.log_hazards[name], color=ORANGE, linestyle="--", label="estimate")
            ax.plot(events.day, curve(events.time), color=DARK_BLUE, label="over time")
            ax.set(xlabel=self.unit.capitalize(), ylabel=f"Log hazard ratio of {name}")
            ax.legend()
        return ax


def check_proportional_hazards(
    fitted: CoxFit, times: TimeToEvent | HasTimes, *, transform: Transform = "km"
) -> ProportionalHazards:
    """Test whether the hazard ratios of a Cox fit hold throughout follow-up.

    Parameters
    ----------
    fitted
        The fit.
    times
        The rows it was fitted to.
    transform
        The clock along which a change is looked for: "km", "rank", "identity" or "log".

    Returns
    -------
    ProportionalHazards
        A small p-value says that the ratio changes; a large one that these events do not show
        it. Look at `plot`, and stratify or split follow-up where the change matters.

    Raises
    ------
    ModelError
        If the rows are not those of the fit.

    References
    ----------
    Grambsch and Therneau (1994), Biometrika 81; R survival 3.5, `cox.zph`.

    Examples
    --------
    >>> from desistance.survival import fit_cox
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> checked = check_proportional_hazards(fit_cox(times, ["priors"]), times)
    >>> checked.to_frame().loc[0, ["statistic", "p_value"]].astype(float).round(3).to_list()
    [0.819, 0.365]
    """
    if transform not in get_args(Transform):
        raise ModelError(f"`transform` is one of {', '.join(map(repr, get_args(Transform)))}.")
    again = fit_again(fitted, times)
    event, sets = again.times.event, again.problem.sets
    clock = _clock(again.times, transform, sets.day)
    residuals, scale = schoenfeld(again), again.problem.covariates.scale[again.estimable]
    changes = pd.DataFrame(
        _scaled(again, residuals / scale) / scale + fitted.log_hazards[again.estimable],
        columns=list(again.names),
        index=again.rows[event],
    )
    changes.insert(0, "day", again.times.stop[event], allow_duplicates=True)
    changes.insert(1, "time", clock[sets.last[event]], allow_duplicates=True)
    return ProportionalHazards(
        tests=_tests(fitted, *_score_of_change(again, clock, residuals / scale)),
        transform=transform,
        changes=changes,
        log_hazards={name: fitted.coefficients[name] for name in again.names},
        unit=again.times.unit,
        n=fitted.n,
        n_people=fitted.n_people,
        n_events=fitted.n_events,
        caveats=(*fitted.caveats, *_caveats(fitted)),
    )


def _caveats(fitted: CoxFit) -> tuple[str, ...]:
    if fitted.variance == "model" and not fitted.weighted:
        return ()
    return (
        "The tests rest on the model's variance, not on a sandwich: with weights, or several "
        "events a person, their p-values are a guide.",
    )


def _clock(times: TimeToEvent, transform: Transform, days: Ints) -> Floats:
    """Read the clock on `days` (K,)."""
    if transform == "identity":
        return days.astype(float)
    if transform == "log":
        return np.log(days)
    if transform == "rank":
        ends = np.sort(times.stop)
        sooner, by_then = (np.searchsorted(ends, days, side) for side in ("left", "right"))
        ranks: Floats = (sooner + by_then + 1) / 2
        return ranks
    pooled = risk_sets(times.start, times.stop, times.event)
    stays = 1 - pooled.n_events / pooled.at_risk(np.ones(times.n))
    share = np.append(1.0, np.cumprod(stays))
    return 1 - share[np.searchsorted(pooled.day, days)]


def _information_over(again: FitAgain, factor: Floats) -> Floats:
    """The information of each day times `factor` (K,), added up, shape (q, q)."""
    point = again.top.point
    tied = replace(
        point.tied,
        **{part.name: getattr(point.tied, part.name) * factor for part in fields(point.tied)},
    )
    matrix = information(again.problem, replace(point, tied=tied))
    return matrix[np.ix_(again.estimable, again.estimable)]


def _scaled(again: FitAgain, residuals: Floats) -> Floats:
    """Turn Schoenfeld residuals (events, q) into changes of the coefficients."""
    whole = _information_over(again, np.ones(again.problem.sets.n_days))
    return np.linalg.solve(whole / len(residuals), residuals.T).T.astype(float)


def _score_of_change(
    again: FitAgain, clock: Floats, residuals: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Score of theta (q,), its information beside beta's (q, q), and which thetas have any (q,).

    The clock is centred and scaled, which moves no test.
    """
    sets, event = again.problem.sets, again.times.event
    now = clock[sets.last[event]]
    moves = len(np.unique(now)) > 1
    clock = (clock - now.mean()) / now.std() if moves else np.zeros_like(clock)
    score = (sets.weights()[event] * clock[sets.last[event]]) @ residuals
    whole, cross, own = (_information_over(again, clock**power) for power in (0, 1, 2))
    both = np.block([[whole, cross], [cross, own]])
    aliased = find_aliases(both, float(sets.event_weight.sum()))
    q = len(score)
    shows = np.array([q + j not in aliased for j in range(q)], dtype=bool)
    return score, own - cross @ np.linalg.solve(whole, cross), shows


def _tests(fitted: CoxFit, score: Floats, matrix: Floats, shows: NDArray[np.bool_]) -> pd.DataFrame:
    """Test each term by its own covariates, then all."""
    place = np.cumsum([not note for note in fitted.notes]) - 1
    rows, first = [], 0
    for term in fitted.read_as:
        mine = range(first, first + len(term.names))
        first += len(term.names)
        fit = [j for j in mine if not fitted.notes[j]]
        tested = [int(place[j]) for j in fit if shows[place[j]]]
        note = "; ".join(f"`{fitted.terms[j]}` {fitted.notes[j]}" for j in mine if fitted.notes[j])
        if fit and len(tested) < len(fit):
            note = f"{NOT_ESTIMABLE}: too few event days to see a change"
            tested = []
        elif not fit:
            note = fitted.notes[mine[0]]
        rows.append((term.label, *_test(score, matrix, tested), note))
    everything = np.flatnonzero(shows).tolist()
    note = "" if everything else f"{NOT_ESTIMABLE}: no term is"
    rows.append((GLOBAL, *_test(score, matrix, everything), note))
    return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "note"])


def _test(score: Floats, matrix: Floats, places: list[int]) -> tuple[float, int, float]:
    if not places:
        return np.nan, 0, np.nan
    statistic = float(
        score[places] @ np.linalg.solve(matrix[np.ix_(places, places)], score[places])
    )
    return statistic, len(places), float(chdtrc(len(places), statistic))
