"""What a bootstrap found: an estimate, its replicates, and limits from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, DARK_PINK, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, ErrorCaveat, Result, number, text_table
from desistance.survival.resampling.limits import Interval, limits, spread
from desistance.survival.terms import told_of_left_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]

FEWEST_UNITS = 30
MOST_LACKING = 0.05
FIRST_FEW = 5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bootstrap(Result):
    """R replicates of p estimates, named by `terms`.

    Attributes
    ----------
    measure : what the numbers are: "log hazard ratio", or the result they were read from
    estimates : float64 array, shape (p,)
        On everybody; NaN where `notes` say why there is none.
    replicates : float64 array, shape (R, p)
        -inf or inf where the likelihood of a replicate rises without end; NaN where it cannot
        be estimated.
    reasons : for a replicate, counted from 0, that lacks some number: why
    acceleration : float64 array, shape (p,), or None
        For limits of kind "bca"; None where it is not known.
    units, n_units : what was drawn ("person" or a column), and how many there are
    n, n_people, n_left_out
        Rows and people that the estimate on everybody rests on, as far as it says, and rows left
        out: by it, or because they name no unit.
    seed
        Replicate b is drawn from ``SeedSequence(seed, spawn_key=(b,))``.
    """

    measure: str
    terms: tuple[str, ...]
    estimates: Floats
    replicates: Floats
    notes: tuple[str, ...]
    reasons: dict[int, str]
    acceleration: Floats | None
    units: str
    n_units: int
    n: int
    n_people: int
    n_left_out: int
    seed: int
    caveats: tuple[str, ...]

    def to_frame(
        self, *, interval: Interval = "percentile", confidence: float = 0.95
    ) -> pd.DataFrame:
        """Estimates, standard deviations of replicates and limits (see `limits`), a row a term.

        `n` counts the replicates that the limits rest on: those without end among them (as -inf
        or inf; for "normal", and for `std_error`, left out), those not estimable not.
        """
        if interval not in ("percentile", "basic", "normal", "bca"):
            raise ModelError("`interval` is 'percentile', 'basic', 'normal' or 'bca'.")
        if not 0 < confidence < 1:
            raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
        if interval == "bca" and self.acceleration is None:
            raise ModelError("Limits of kind 'bca' are there for `partial(fit_cox, ...)` only.")
        pushed = np.zeros(len(self.terms)) if self.acceleration is None else self.acceleration
        rows = []
        for j, term in enumerate(self.terms):
            values, estimate = self.replicates[:, j], float(self.estimates[j])
            low, high = limits(values, estimate, confidence, interval, float(pushed[j]))
            rows.append(
                {
                    "term": term,
                    "n": int(np.count_nonzero(~np.isnan(values))),
                    "estimate": estimate,
                    "std_error": np.nan if self.notes[j] else spread(values),
                    "conf_low": low,
                    "conf_high": high,
                    "note": self.notes[j] or _told(values, interval, low, high),
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Say what was drawn, what was found, and which replicates lack a number, and why."""
        what = "people" if self.units == "person" else f"groups of {self.units}"
        lines = [
            f"Bootstrap by {self.units}: {number(len(self.replicates))} replicates of "
            f"{number(self.n_units)} {what}",
            f"Numbers: {self.measure}; seed {self.seed}",
            f"Estimated on {number(self.n_people)} people, {number(self.n)} rows",
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Percentile limits (95 %):",
            text_table(self.to_frame()),
            *self._told_reasons(),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def _told_reasons(self) -> list[str]:
        told = []
        for why, count in Counter(self.reasons.values()).most_common():
            some = [str(b) for b, reason in self.reasons.items() if reason == why][:FIRST_FEW]
            more = ", ..." if count > FIRST_FEW else ""
            told.append(f"Replicates that lack a number: {count} ({', '.join(some)}{more}): {why}")
        return told

    def plot(self, term: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the replicates of one term, the first when left out: a histogram, with limits."""
        name = self.terms[0] if term is None else term
        if name not in self.terms:
            raise ModelError(f"{name!r} is none of {', '.join(self.terms)}.")
        frame, place = self.to_frame(), self.terms.index(name)
        values = self.replicates[:, place]
        ax = new_axes(ax)
        with house_style():
            ax.hist(values[np.isfinite(values)], bins="sqrt", color=DARK_BLUE)
            if np.isfinite(frame.estimate[place]):
                ax.axvline(frame.estimate[place], color=DARK_PINK, linestyle="-")
            for limit in (frame.conf_low[place], frame.conf_high[place]):
                if np.isfinite(limit):
                    ax.axvline(limit, color=DARK_GREY, linestyle="--")
            ax.set(xlabel=f"{name} ({self.measure})", ylabel="Replicates")
        return ax


def _told(values: Floats, interval: Interval, low: float, high: float) -> str:
    """What the limits did with replicates that lack the number; empty where none does."""
    endless, none = int(np.isinf(values).sum()), int(np.isnan(values).sum())
    told = []
    if endless:
        how = "left out" if interval == "normal" else "kept at that end of the limits"
        told.append(f"replicates without end: {endless}, {how}")
    if none:
        told.append(f"replicates not estimable: {none}, left out")
    if np.isnan([low, high]).any():
        told.insert(0, f"limits {NOT_ESTIMABLE}: too few replicates beyond them")
    return "; ".join(told)


def counted(found: Any, times: TimeToEvent) -> tuple[int, int]:
    """Rows and people that an estimate on `times` rests on; all, where it does not say."""
    if not isinstance(found, Result):
        return times.n, times.n_people
    rows = getattr(found, "n_rows", getattr(found, "n", times.n))
    return int(np.sum(rows)), int(getattr(found, "n_people", times.n_people))


def caveats_of(
    came: TimeToEvent,
    kept: TimeToEvent,
    found: Any,
    by: str,
    units: int,
    values: Floats,
    lacking: int,
) -> tuple[str, ...]:
    """What a reader must know before reading the limits, that of the estimate `found` included."""
    repeated = [one for one in getattr(found, "caveats", ()) if not isinstance(one, ErrorCaveat)]
    said = list(dict.fromkeys([*told_of_left_out(came, kept), *repeated]))
    if units < FEWEST_UNITS:
        what = "people" if by == "person" else f"groups of {by}"
        said.append(
            Caveat(
                f"Only {{units}} {what} to draw from: below {FEWEST_UNITS}, limits from a "
                "bootstrap are too narrow.",
                units=units,
            )
        )
    if lacking > MOST_LACKING * len(values):
        said.append(
            f"{lacking} of {len(values)} replicates lack a number: the limits say less than their "
            "confidence; see `reasons`."
        )
    return tuple(said)
