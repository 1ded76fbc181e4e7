"""The frailties of groups: who is in which, what was found, what must be known to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc, gammaincinv

from desistance.results import NOT_ESTIMABLE, Caveat
from desistance.survival.terms import labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PERSON = "person"


@dataclass(frozen=True, slots=True, eq=False)
class SharedFrailty:
    """Gamma frailties of G groups.

    Attributes
    ----------
    by : the column whose labels form the groups
    groups : the labels
    n_events, n_expected : arrays, shape (G,)
        Events seen, and expected by the terms alone.
    theta, std_error, conf_low, conf_high
        Variance of the frailty, 95 % limits by its profile; without error where it is 0. NaN
        where `note` says why.
    log_likelihood, log_likelihood_without
        With the frailties integrated out, and of the same terms without frailty.
    """

    by: str
    groups: tuple[str, ...]
    n_events: Ints
    n_expected: Floats
    theta: float
    std_error: float
    conf_low: float
    conf_high: float
    log_likelihood: float
    log_likelihood_without: float
    note: str

    @property
    def statistic(self) -> float:
        """Of the likelihood-ratio test that there is no frailty."""
        return 2 * (self.log_likelihood - self.log_likelihood_without)

    @property
    def p_value(self) -> float:
        """Of the same test, at the edge: half a chi-squared with one degree of freedom."""
        return 1.0 if self.theta == 0 else float(chdtrc(1, max(self.statistic, 0.0))) / 2

    def variance(self) -> pd.DataFrame:
        """One row: the variance of the frailty, and the test that it is 0."""
        return pd.DataFrame(
            {
                "term": [f"variance of frailty by {self.by}"],
                "n": [len(self.groups)], "estimate": [self.theta], "std_error": [self.std_error],
                "conf_low": [self.conf_low], "conf_high": [self.conf_high],
                "statistic": [self.statistic], "p_value": [self.p_value], "note": [self.note],
            }
        )  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Predicted frailties, a row a group: above 1, events come faster than its terms tell.

        The error and the 95 % limits are of the frailty given the data, all else taken as known.
        """
        if self.theta == 0:
            shape = rate = np.full(len(self.groups), np.inf)
            z = low = high = np.ones(len(self.groups))
        else:
            shape, rate = 1 / self.theta + self.n_events, 1 / self.theta + self.n_expected
            z, low, high = (
                found / rate for found in (shape, *(gammaincinv(shape, p) for p in (0.025, 0.975)))
            )
        return pd.DataFrame(
            {
                "group": self.groups, "n_events": self.n_events, "n_expected": self.n_expected,
                "estimate": z, "std_error": z / np.sqrt(shape), "conf_low": low,
                "conf_high": high, "note": self.note,
            }
        )  # fmt: skip


def frailty_groups(times: TimeToEvent, by: str) -> tuple[Ints, tuple[str, ...]]:
    """Group rows, none of them without a label: codes (n,) and labels; "person" is who they are."""
    if by != PERSON:
        return labelled(times, by)[1:]
    if times.person_column is None:
        return times.person, tuple(map(str, range(times.n_people)))
    names = times.columns[times.person_column].iloc[times.first_rows()]
    return times.person, tuple(map(str, names))


def what_frailty_asks(times: TimeToEvent, shared: SharedFrailty) -> tuple[str, ...]:
    """What must be known before a frailty is read."""
    said: list[str] = []
    if shared.n_events.max(initial=0) == 1:
        said.append(
            f"No group of {shared.by} has more than one event: nothing but a hazard ratio that "
            "fades over follow-up tells the frailty's variance. Do not read it as how much groups "
            "differ."
        )
    first = np.full(times.n_people, np.iinfo(np.int64).max)
    np.minimum.at(first, times.person, times.start)
    late = int((first > 0).sum())
    if late:
        said.append(
            Caveat(
                "{people} people entered after day 0: if the frail had left before, the frailty is "
                "that of those who stayed.",
                people=late,
            )
        )
    return tuple(said)


def without_error(survival: pd.DataFrame) -> pd.DataFrame:
    """Empty the error and limits of predicted survival, which would not count the frailties'."""
    survival[["std_error", "conf_low", "conf_high"]] = np.nan
    note = f"{NOT_ESTIMABLE}: the error, for a fit with frailty"
    return survival.assign(note=survival.note.mask(survival.note.eq(""), note))
