"""A Cox model of each cause, and the share for whom each comes first that they imply together.

Each cause's hazard has its own model, the others' events censored. For one profile, let cause k
add ``a_k`` to its cumulative hazard on a day, all causes together ``a``, and let S be the share
without any event just before it. On that day

    the share of cause k rises by   S (1 - exp(-a)) a_k / a
    the share without any event is  S exp(-a)

so that the shares and S = exp(-all cumulative hazards) add up to 1, as in R's ``survfit`` of a
multi-state coxph. Errors are by the delta method, from the increments and the log hazards of every
cause, which are independent between causes; R 3.5 gives none.

References: Cheng, Fine and Wei (1998); Rosthoj, Andersen and Abildstrom (2004).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.results import (
    AT_THE_EDGE,
    NO_EVENT_YET,
    NOT_ESTIMABLE,
    ErrorCaveat,
    Result,
    number,
    text_table,
)
from desistance.survival.competing.causes import causes_of, first_events
from desistance.survival.cox import fit_cox
from desistance.survival.hazardratios import forest
from desistance.survival.intervals import survival_interval
from desistance.survival.terms import read_terms, told_of_left_out, without_empty
from desistance.timetoevent import days_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.baseline import BaselineHazard
    from desistance.survival.cox import CoxFit
    from desistance.survival.partial_likelihood import Ties
    from desistance.survival.terms import Term
    from desistance.timetoevent import Days, HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NO_EVENT = "no event"
SMALL = 1e-2  # a hazard of one day for which a series is nearer than the formula
SERIES = (-1 / 2, 1 / 3, -1 / 8, 1 / 30, -1 / 144, 1 / 840)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CauseSpecificFit(Result):
    """A Cox fit for every cause.

    Attributes
    ----------
    causes : the causes' labels
    fits : CoxFit of each
        Its events are those of the cause; others are censored.
    n, n_people, n_events, n_left_out
        Rows, people and events (of any cause) fitted, and rows left out by this fit.
    """

    causes: tuple[str, ...]
    fits: tuple[CoxFit, ...]
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    @property
    def coefficients(self) -> dict[str, float]:
        """Log hazard ratio by cause and term, as "custody, priors"."""
        frame = self.to_frame(log=True)
        return dict(zip(frame.cause + ", " + frame.term, frame.estimate, strict=True))

    def to_frame(self, *, log: bool = False) -> pd.DataFrame:
        """Hazard ratios, a row for each cause and term; see `CoxFit.to_frame`."""
        frames = [fit.to_frame(log=log) for fit in self.fits]
        return pd.concat(
            [
                frame.assign(cause=cause, n_events=fit.n_events)
                for cause, fit, frame in zip(self.causes, self.fits, frames, strict=True)
            ],
            ignore_index=True,
        )[["cause", "n_events", *frames[0].columns]]

    def incidence_at(self, profile: Mapping[str, object], days: Days) -> pd.DataFrame:
        """Predict the share for whom each cause comes first, for one profile.

        Parameters
        ----------
        profile
            A value for every column the terms were read from.
        days
            In the rows' unit; NaN beyond the last follow-up of the stratum.

        Returns
        -------
        DataFrame
            group, cause, day, estimate, std_error, conf_low, conf_high (95 %, of log(-log(1 -
            share))), note: a row for each stratum, cause and day, and one for "no event". The
            estimates of a day add up to 1.
        """
        wanted = days_asked(days)
        parts = []
        for code, label in enumerate(self.fits[0].baseline.groups):
            shares, errors = _shares(
                [_increments(fit, profile, code) for fit in self.fits], wanted
            )  # fmt: skip
            note = np.full(len(wanted), "", dtype=object)
            last = self.fits[0].baseline.last_day[code]
            note[wanted > last] = f"{NOT_ESTIMABLE}: after the last follow-up, {last}"
            if any(np.isnan(fit.baseline.slopes).any() for fit in self.fits):
                note[note == ""] = f"{NOT_ESTIMABLE}: a term of a fit is not"
            edge = np.where(shares[:, -1] == 1, NO_EVENT_YET, AT_THE_EDGE)
            for place, cause in enumerate([*self.causes, NO_EVENT]):
                share = np.where(note == "", shares[:, place], np.nan)
                inside = (share > 0) & (share < 1)
                error = np.where(inside, errors[:, place], np.nan)
                left = np.where(inside, 1 - share, np.nan)
                low, high = survival_interval(left, error / left, 0.95, "log-log")
                parts.append(
                    pd.DataFrame(
                        {
                            "group": label, "cause": cause, "day": wanted, "estimate": share,
                            "std_error": error, "conf_low": 1 - high, "conf_high": 1 - low,
                            "note": np.where((note == "") & ~inside, edge, note),
                        }
                    )
                )  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> str:
        """Say who was fitted, by which definitions, and what was found."""
        first = self.fits[0]
        lines = [
            f"Cause-specific Cox models of {len(self.causes)} causes: {number(self.n_people)} "
            f"people, {number(self.n_events)} events, {number(self.n)} rows",
            f"{first.ties.capitalize()} ties, model variance"
            + (", weighted" if first.weighted else "")
            + (f", strata by {', '.join(first.strata)}" if first.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            "Hazard ratios with 95 % intervals (std_error is of the log hazard ratio):",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw a forest of hazard ratios on a log axis, cause after cause."""
        frame = self.to_frame()
        return forest(frame.assign(term=frame.cause + ": " + frame.term), ax=ax)


def fit_cause_specific(
    times: TimeToEvent | HasTimes,
    terms: Sequence[str | Term],
    *,
    ties: Ties = "efron",
    strata: str | Sequence[str] | None = None,
) -> CauseSpecificFit:
    """Fit a Cox model of each cause, the others censored.

    Parameters
    ----------
    times
        Rows of people at risk whose events have causes; nothing follows an event.
    terms, ties, strata
        As in `fit_cox`, the same for every cause. A row with an empty term is in none of the fits.

    Raises
    ------
    ModelError
        If the rows name no causes, or go on after an event; if a name is not a column, or a column
        cannot be a term.

    References
    ----------
    Cheng, Fine and Wei (1998), Biometrics 54, 219-228; R survival 3.5, multi-state `coxph`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "over": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "what": ["reoffence", "custody", None, "reoffence", "custody", None, "reoffence",
    ...              "reoffence", None, "custody"],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="over", cause="what")
    >>> fit = fit_cause_specific(times, ["priors"])
    >>> fit.incidence_at({"priors": 5}, [30])[["cause", "estimate", "std_error"]].round(3)
           cause  estimate  std_error
    0    custody     0.110      0.216
    1  reoffence     0.334      0.266
    2   no event     0.557      0.302
    """
    came = first_events(times)
    if not came.cause_labels:
        raise ModelError("No row has an event, so there is no cause to fit.")
    kept = came
    for name in [strata] if isinstance(strata, str) else list(strata or ()):
        kept = without_empty(kept, name)
    kept, read_as = read_terms(kept, terms)
    cause = causes_of(kept)
    fits = tuple(
        fit_cox(replace(kept, event=cause == code), read_as, ties=ties, strata=strata)
        for code in range(1, len(came.cause_labels) + 1)
    )
    said = [
        f"{label}: {caveat}"
        for label, fit in zip(came.cause_labels, fits, strict=True)
        for caveat in fit.caveats
    ]
    if kept.weight is not None:
        said.append(
            ErrorCaveat(
                "Errors take the weights for counts of people: with other weights, bootstrap."
            )
        )
    return CauseSpecificFit(
        came.cause_labels, fits, kept.n, kept.n_people,
        int(kept.event.sum()), came.n - kept.n, (*told_of_left_out(came, kept), *said),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Increments:
    """What K days of one cause and stratum add for a profile, p covariates.

    `hazard` and `variance` (K,) are of the cumulative hazard, were the log hazards known; `moved`
    (K, p) is what log hazards of the given `covariance` (p, p) move the hazard by.
    """

    day: Ints
    hazard: Floats
    variance: Floats
    moved: Floats
    covariance: Floats


def _increments(fit: CoxFit, profile: Mapping[str, object], code: int) -> Increments:
    base: BaselineHazard = fit.baseline
    mine = base.group == code
    x = np.hstack([term.over(profile, base.day) for term in fit.read_as])
    centred = np.broadcast_to(x - base.centre, (len(mine), len(base.centre)))[mine]
    hazard, variance, path = (
        np.diff(values[mine], axis=0, prepend=np.zeros_like(values[:1]))
        for values in (base.hazard, base.variance, base.path)
    )
    ratio = np.exp(centred @ np.nan_to_num(base.slopes))
    moved = ratio[:, None] * (centred * hazard[:, None] - path)
    covariance = np.nan_to_num(base.covariance)
    return Increments(base.day[mine], hazard * ratio, variance * ratio**2, moved, covariance)


def _shares(parts: list[Increments], wanted: Ints) -> tuple[Floats, Floats]:
    """Shares of m causes and of no event by each day wanted, and their errors, (days, m + 1)."""
    day = np.unique(np.concatenate([part.day for part in parts]))
    place = [np.searchsorted(day, part.day) for part in parts]
    hazard = np.zeros((len(day), len(parts)))
    for c, part in enumerate(parts):
        hazard[place[c], c] = part.hazard
    total = hazard.sum(axis=1)
    left = np.exp(-np.cumsum(total))
    before = np.concatenate([[1.0], left])[: len(left)]
    rate, slope = _share_of_hazard(total)
    share = np.cumsum((before * rate)[:, None] * hazard, axis=0)
    shares, errors = np.zeros((2, len(wanted), len(parts) + 1))
    shares[:, -1] = 1.0
    for row, passed in enumerate(np.searchsorted(day, wanted, side="right")):
        if passed == 0:
            continue
        here = slice(passed)
        shares[row] = [*share[passed - 1], left[passed - 1]]
        to_come = share[here] - share[passed - 1]
        both = before[here, None] * hazard[here] * slope[here, None] + to_come
        spread = np.zeros(len(parts) + 1)
        for c, part in enumerate(parts):
            seen = place[c] < passed
            at = place[c][seen]
            moves = np.column_stack([both[at], np.full(len(at), -left[passed - 1])])
            moves[:, c] += before[at] * rate[at]
            by_log_hazard = moves.T @ part.moved[seen]
            spread += part.variance[seen] @ moves**2
            spread += np.einsum("kp,pq,kq->k", by_log_hazard, part.covariance, by_log_hazard)
        errors[row] = np.sqrt(spread)
    return shares, errors


def _share_of_hazard(total: Floats) -> tuple[Floats, Floats]:
    """(1 - exp(-a)) / a and its slope, shape (K,)."""
    a = np.maximum(total, SMALL)
    slope = np.where(
        total < SMALL,
        np.polynomial.polynomial.polyval(total, SERIES),
        (np.exp(-a) * (1 + a) - 1) / a**2,
    )
    rate = np.divide(-np.expm1(-total), total, out=np.ones_like(total), where=total > 0)
    return rate, slope
