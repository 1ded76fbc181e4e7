"""Repeated reoffending by Cox regression: every reoffence counts, not only the first.

Four ways to lay out the same rows, each fitted by `fit_cox` with robust variance over people. A
person with reoffences on days 30 and 50, watched until day 90:

    andersen-gill   (0, 30]X  (30, 50]X  (50, 90]          one baseline: reoffences are all alike
    pwp-total       (0, 30]X  (30, 50]X  (50, 90]          a baseline for the first, second, ...
                     1st       2nd        3rd
    pwp-gap         (0, 30]X  (0, 20]X   (0, 40]           the same, the clock set back to 0 by
                     1st       2nd        3rd              each reoffence
    wlw             (0, 30]X                        1st    everyone is at risk of the first, the
                    (0, 30]   (30, 50]X             2nd    second, ... all at once, from day 0
                    (0, 30]   (30, 50]   (50, 90]   3rd

A reoffence is the person's first, second, ... among those in the rows. Reoffences on the same day
are one: rows (start, stop] cannot hold two. Days without a row (custody) are days without risk in
all four; the clock of "pwp-gap" runs on through them.

References: Andersen and Gill (1982); Prentice, Williams and Peterson (1981); Wei, Lin and
Weissfeld (1989); Therneau and Grambsch (2000), chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import Result, number, text_table
from desistance.survival.cox import CoxFit, fit_cox
from desistance.survival.cumulative import named_people
from desistance.survival.terms import read_terms, told_of_left_out
from desistance.timetoevent import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes, TimeToEvent

    Ints = NDArray[np.int64]

Model = Literal["andersen-gill", "pwp-total", "pwp-gap", "wlw"]
FEWEST_EVENTS = 10  # with a number, for a baseline of its own

NAMES: dict[Model, str] = {
    "andersen-gill": "Andersen–Gill",
    "pwp-total": "Prentice–Williams–Peterson, total time",
    "pwp-gap": "Prentice–Williams–Peterson, gap time",
    "wlw": "Wei–Lin–Weissfeld",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RecurrentFit(Result):
    """A fitted model of repeated reoffending.

    Attributes
    ----------
    cox : CoxFit
        The fit to the laid-out rows, with robust variance over people.
    numbers : DataFrame
        n (people at risk) and n_events of the first, second, ... event; one row a number.
    up_to : the last event counted, if people were followed no further
    n, n_people, n_events, n_left_out
        Rows, people and events before rows were laid out, and rows left out.
    """

    model: Model
    cox: CoxFit
    numbers: pd.DataFrame
    up_to: int | None
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    @property
    def coefficients(self) -> dict[str, float]:
        """Log hazard ratio by term."""
        return self.cox.coefficients

    @property
    def log_likelihood(self) -> float:
        """At the fit, as if rows were independent."""
        return self.cox.log_likelihood

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Hazard ratios with 95 % intervals, one row a term; log hazard ratios with `log`."""
        return self.cox.to_frame(log=log)

    def summary(self) -> str:
        """Say who was fitted, by which model, and what was found."""
        lines = [
            f"{NAMES[self.model]}: {number(self.n_people)} people, {number(self.n_events)} events, "
            f"{number(self.n)} rows",
            f"{self.cox.ties.capitalize()} ties, robust variance clustered by person"
            + (", weighted" if self.cox.weighted else "")
            + (f", strata by {', '.join(self.cox.strata)}" if self.cox.strata else "")
            + (f", up to event {self.up_to}" if self.up_to else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Hazard ratios with 95 % intervals (std_error is of the log hazard ratio):",
            text_table(self.to_frame()),
            "",
            text_table(self.numbers),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios on a log axis, each with its numbers."""
        return self.cox.plot(ax=ax)


def fit_recurrent(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term],
    *,
    model: Model = "andersen-gill",
    up_to: int | None = None,
    ties: Ties = "efron",
) -> RecurrentFit:
    """Fit a Cox model to repeated events, with variance clustered by person.

    Parameters
    ----------
    times
        Rows of people at risk, with a person column, made with ``recurrent=True``. Their weights
        and strata are used.
    terms
        Columns to enter, as in `fit_cox`.
    model
        "andersen-gill", "pwp-total", "pwp-gap" or "wlw"; see the module.
    up_to
        Follow people to their first, second, ... event of this number and no further: high
        numbers have few events, too few for a baseline of their own.
    ties
        "efron" or "breslow".

    Raises
    ------
    ModelError
        If the rows name no person, or a column cannot be a term.

    References
    ----------
    Lin and Wei (1989) for the variance; R survival 3.5, `coxph` with ``cluster``.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "person": [1, 1, 2, 3, 3, 3, 4, 5], "start": [0, 20, 0, 0, 15, 40, 0, 0],
    ...     "stop": [20, 90, 60, 15, 40, 80, 35, 70], "again": [1, 0, 1, 1, 1, 0, 0, 1],
    ...     "priors": [3, 3, 1, 5, 5, 5, 2, 0],
    ... })
    >>> times = TimeToEvent.from_frame(
    ...     frame, start="start", stop="stop", event="again", person="person", recurrent=True
    ... )
    >>> round(fit_recurrent(times, ["priors"]).coefficients["priors"], 3)
    0.138
    """
    if model not in NAMES:
        raise ModelError(f"`model` is one of {', '.join(map(repr, NAMES))}.")
    if up_to is not None and not (isinstance(up_to, int | np.integer) and up_to >= 1):
        raise ModelError("`up_to` is a whole number of events, 1 or more.")
    if ties not in ("efron", "breslow"):
        raise ModelError(
            "`ties` is 'efron' or 'breslow': repeated events need a variance over people, which "
            "there is for these alone."
        )
    came = named_people(times)
    which, since = _events_so_far(came)
    most = int(which.max(initial=1))
    kept = _number_in_strata(came, which, most)
    if model == "pwp-gap":
        kept = replace(kept, start=kept.start - since, stop=kept.stop - since)
    if up_to is not None:
        kept = kept.only(which <= up_to, f"after event {up_to}")
    kept, _ = read_terms(kept, terms)
    laid_out = _at_risk_of_all(kept, most) if model == "wlw" else kept
    numbers = _numbers(laid_out, most)
    strata = [] if came.strata is None else ["the rows' strata"]
    if model == "andersen-gill":
        laid_out = replace(
            laid_out,
            strata=None if came.strata is None else _codes(laid_out) // most,
            strata_labels=came.strata_labels,
        )
    else:
        strata.append("event number")
    cox = fit_cox(laid_out, terms, ties=ties, variance="cluster")
    return RecurrentFit(
        model, replace(cox, strata=tuple(strata)), numbers, up_to,
        kept.n, cox.n_people, cox.n_events, came.n - kept.n,
        tuple(dict.fromkeys(
            (*told_of_left_out(came, kept), *_caveats(numbers, model), *cox.caveats)
        )),
    )  # fmt: skip


def _events_so_far(times: TimeToEvent) -> tuple[Ints, Ints]:
    """Which event each row waits for (1 for the first), and the day of the one before, (n,) each.

    The day is 0 where there was none.
    """
    rows = pd.DataFrame(
        {"person": times.person, "event": times.event, "day": np.where(times.event, times.stop, 0)}
    ).iloc[in_order(times.person, times.start)]
    by_person = rows.groupby("person")
    which = by_person.event.cumsum() - rows.event + 1
    since = by_person.day.cummax().groupby(rows.person).shift(fill_value=0)
    return which.sort_index().to_numpy(np.int64), since.sort_index().to_numpy(np.int64)


def _number_in_strata(times: TimeToEvent, which: Ints, most: int) -> TimeToEvent:
    """Cross the rows' strata with the event each row waits for, 1 to `most`.

    So the number stays with its row, whichever rows are left out.
    """
    labels = tuple(
        f"{label}, event {number}" if label else f"event {number}"
        for label in times.strata_labels or ("",)
        for number in range(1, most + 1)
    )
    return replace(times, strata=_codes(times) * most + which - 1, strata_labels=labels)


def _codes(times: TimeToEvent) -> Ints:
    return np.zeros(times.n, np.int64) if times.strata is None else times.strata


def _at_risk_of_all(times: TimeToEvent, most: int) -> TimeToEvent:
    """Lay the rows out once for each event number, up to the event of that number."""
    strata = _codes(times)
    which = strata % most + 1
    last = int(which[times.event].max(initial=1))
    rows = np.concatenate([np.flatnonzero(which <= number) for number in range(1, last + 1)])
    number = np.repeat(
        np.arange(1, last + 1), [(which <= number).sum() for number in range(1, last + 1)]
    )
    return replace(
        times,
        start=times.start[rows],
        stop=times.stop[rows],
        event=times.event[rows] & (which[rows] == number),
        person=times.person[rows],
        strata=strata[rows] // most * most + number - 1,
        weight=None if times.weight is None else times.weight[rows],
        cause=None,
        columns=times.columns.iloc[rows].reset_index(drop=True),
        n_in=len(rows) + sum(times.left_out.values()),
    )


def _numbers(times: TimeToEvent, most: int) -> pd.DataFrame:
    """Count people at risk of, and having, the first, second, ... event."""
    which = _codes(times) % most + 1
    rows = pd.DataFrame({"group": which, "n": times.person, "n_events": times.event})
    counted = rows.groupby("group").agg({"n": "nunique", "n_events": "sum"}).reset_index()
    return counted.assign(group="event " + counted.group.astype(str))


def _caveats(numbers: pd.DataFrame, model: Model) -> list[str]:
    """Say when events do not repeat, or too seldom for a baseline of each number."""
    said: list[str] = []
    if (numbers.n_events > 0).sum() < 2:
        said.append("Nobody has a second event: this is a Cox model of the first.")
    few = numbers.n_events.between(1, FEWEST_EVENTS - 1)
    if few.any() and model != "andersen-gill":
        said.append(
            f"Event numbers with fewer than {FEWEST_EVENTS} events have a baseline of their own: "
            "choose a lower `up_to`."
        )
    return said
