"""Are there enough events for the terms? A meter to read before a fit, or beside one.

A parameter is a covariate that a term makes: a category of four labels has three. Below ten events
a parameter estimates without a penalty are unstable and run too far from 1; below five, fit fewer
terms or with a penalty. The levels are those of the caveats of every fit (see `reasons`).

References: Peduzzi, Concato, Feinstein and Holford (1995); Vittinghoff and McCulloch (2007), for
the lower level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.reasons import (
    FAR_TOO_FEW_PER_TERM,
    FEWEST_EVENTS_PER_TERM,
    told_of_few_events,
)
from desistance.survival.terms import read_terms, told_of_left_out
from desistance.timetoevent import TimeToEvent, as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes

NOBODY = f"{NOT_ESTIMABLE}: nobody is at risk"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EventsPerParameter(Result):
    """How many events there are for each parameter: a row for each model.

    Attributes
    ----------
    models : what is counted, "" for one model alone
    n_events, n_parameters : of each
    penalised : whether a penalty holds the estimates back
    n, n_people, n_left_out : rows and people counted, and rows left out for an empty term
    """

    models: tuple[str, ...]
    n_events: tuple[int, ...]
    n_parameters: tuple[int, ...]
    penalised: bool
    n: int
    n_people: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Events, parameters (`df`), events per parameter (`estimate`), and what they allow."""
        counts = list(zip(self.n_events, self.n_parameters, strict=True))
        told = [told_of_few_events(*count) if self.n else NOBODY for count in counts]
        return pd.DataFrame(
            {
                "group": [model or "all events" for model in self.models],
                "n_events": self.n_events,
                "df": self.n_parameters,
                "estimate": [
                    events / terms if terms and self.n else np.nan for events, terms in counts
                ],
                "note": ["the fit has a penalty" if self.penalised else note for note in told],
            }
        )

    def summary(self) -> str:
        """Say how many events there are for each parameter, and whether they are enough."""
        lines = [
            f"Events per parameter: {number(sum(self.n_events))} events, {number(self.n)} rows",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.to_frame(), digits=1),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def require(self, least: float = FAR_TOO_FEW_PER_TERM) -> None:
        """Refuse to go on with fewer than `least` events a parameter, unless there is a penalty.

        Raises
        ------
        ModelError
            The message says how many events there are for how many parameters.
        """
        counts = zip(self.models, self.n_events, self.n_parameters, strict=True)
        few = [one for one in counts if one[1] < least * one[2]]
        if few and not self.penalised:
            told = "; ".join(
                f"{model + ': ' if model else ''}{events} events for {terms} parameters"
                for model, events, terms in few
            )
            raise ModelError(
                f"{told}: fewer than {number(float(least), 1)} each. Fit fewer terms, or fit with "
                "a penalty (`penalty='firth'`)."
            )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a bar for each model, beside the two levels."""
        frame = self.to_frame()
        ax = new_axes(ax, size=(7.2, 1.2 + 0.5 * len(frame)))
        with house_style():
            ax.barh(np.arange(len(frame))[::-1], frame.estimate, color=DARK_BLUE)
            for level in (FAR_TOO_FEW_PER_TERM, FEWEST_EVENTS_PER_TERM):
                ax.axvline(level, color=DARK_GREY, linewidth=1, linestyle="--")
            ax.set_yticks(np.arange(len(frame))[::-1], frame.group.to_list())
            ax.set(xlabel="Events per parameter")
        return ax


def events_per_parameter(
    source: TimeToEvent | HasTimes | Result, terms: Sequence[str | Term] | None = None
) -> EventsPerParameter:
    """Count the events there are for each parameter, before fitting or after.

    Parameters
    ----------
    source
        Rows of people at risk, or any fit of a hazard.
    terms
        With rows: the terms to be fitted, as in `fit_cox`; rows where one is empty do not count.

    Raises
    ------
    ModelError
        If `terms` are missing with rows, given with a fit, or cannot be terms; or if the result is
        no fit.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> events_per_parameter(times, ["priors"]).to_frame()[["n_events", "df", "estimate"]]
       n_events  df  estimate
    0         7   1       7.0
    """
    if isinstance(source, Result):
        if terms is not None:
            raise ModelError("A fit has its own terms: leave `terms` out.")
        return _of_fit(source)
    if terms is None:
        raise ModelError("Name the `terms` to be fitted.")
    came = as_times(source)
    kept, read_as = read_terms(came, terms)
    parameters = sum(len(term.values(kept.columns)) for term in read_as)
    return EventsPerParameter(
        ("",), (int(kept.event.sum()),), (parameters,), False, kept.n, kept.n_people,
        came.n - kept.n, tuple(told_of_left_out(came, kept)),
    )  # fmt: skip


def _of_fit(fitted: Any) -> EventsPerParameter:
    penalised = getattr(fitted, "penalty", None) is not None
    if hasattr(fitted, "causes"):
        parts = [_of_fit(fit) for fit in fitted.fits]
        events = tuple(part.n_events[0] for part in parts)
        terms = tuple(part.n_parameters[0] for part in parts)
        return EventsPerParameter(
            fitted.causes, events, terms, False, fitted.n, fitted.n_people, fitted.n_left_out, ()
        )
    if hasattr(fitted, "fits"):  # of copies of the same rows, in which the events are the same
        return _of_fit(fitted.fits[0])
    if hasattr(fitted, "solution"):
        parameters = int(np.sum(fitted.solution.is_term))
    elif hasattr(fitted, "log_hazards"):
        parameters = len(fitted.terms)
    else:
        raise ModelError(f"{type(fitted).__name__} is no fit of a hazard: pass rows and `terms`.")
    return EventsPerParameter(
        ("",), (fitted.n_events,), (parameters,), penalised, fitted.n, fitted.n_people,
        fitted.n_left_out, (),
    )  # fmt: skip
