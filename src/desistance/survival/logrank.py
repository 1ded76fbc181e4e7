"""The log-rank test: do the groups' hazards differ, day by day, over the same risk sets?

Each day's observed less expected events may be weighted by S ** rho * (1 - S) ** gamma, with S the
Kaplan–Meier share of all groups together just before the day, in each stratum its own (Fleming and
Harrington's family):

    rho = 0, gamma = 0    the log-rank test: every day alike; best where hazards are proportional
    rho = 1, gamma = 0    Peto and Peto's modification of the Wilcoxon test: early days count most
    rho = 0, gamma = 1    late days count most
    rho = 1, gamma = 1    the days in the middle

The weights belong in the plan: chosen after seeing the curves, the p-value means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from desistance.errors import ModelError
from desistance.plots import house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.curves import just_before, share_left
from desistance.survival.risksets import risk_sets
from desistance.survival.suspicion import small_groups
from desistance.survival.terms import labelled, told_of_left_out, without_empty
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LogRank(Result):
    """A log-rank test of G groups, or one of its weighted relatives.

    Attributes
    ----------
    groups : the labels, G of them
    n, observed : int64 arrays, shape (G,)
        Rows and events of each group.
    expected : float64 array, shape (G,)
        Events expected were the hazards the same. Neither is weighted.
    score : float64 array, shape (G,)
        Observed - expected, each day weighted.
    covariance : float64 array, shape (G, G)
        Of the score.
    rho, gamma : of the weights; see the module
    statistic, df, p_value
        Chi-squared; NaN with 0 degrees where the groups are never at risk together.
    """

    groups: tuple[str, ...]
    n: Ints
    observed: Ints
    expected: Floats
    score: Floats
    covariance: Floats
    statistic: float
    df: int
    p_value: float
    rho: float
    gamma: float
    by: str
    strata: tuple[str, ...]
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row a group, and a last row for all of them with the test."""
        frame = pd.DataFrame(
            {
                "group": [*self.groups, "all"],
                "n": [*self.n, self.n.sum()],
                "n_events": [*self.observed, self.observed.sum()],
                "n_expected": [*self.expected, self.expected.sum()],
            }
        )
        is_test = frame.index == len(self.groups)
        for name in ("statistic", "df", "p_value"):
            frame[name] = np.where(is_test, getattr(self, name), np.nan)
        why = "" if self.df else f"{NOT_ESTIMABLE}: no event with two groups at risk"
        frame["note"] = np.where(is_test, why, "")
        return frame

    def summary(self) -> str:
        """Say which groups were compared, and the test."""
        lines = [
            f"{self._name()} by {self.by}: {number(self.n.sum())} rows, "
            f"{number(self.observed.sum())} events"
            + (f", strata by {', '.join(self.strata)}" if self.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def _name(self) -> str:
        if (self.rho, self.gamma) == (0, 0):
            return "Log-rank test"
        if (self.rho, self.gamma) == (1, 0):
            return "Peto–Peto test"
        return f"Fleming–Harrington test (rho {self.rho:g}, gamma {self.gamma:g})"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw observed against expected events of each group."""
        ax = new_axes(ax)
        place = np.arange(len(self.groups))
        with house_style():
            ax.bar(place - 0.2, self.observed, 0.4, label="observed")
            ax.bar(place + 0.2, self.expected, 0.4, label="expected")
            ax.set_xticks(place, self.groups)
            ax.set(xlabel=self.by, ylabel="Events")
            ax.legend()
        return ax


def log_rank(
    times: TimeToEvent | HasTimes,
    by: str,
    *,
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRank:
    """Test whether groups have the same hazard, with delayed entry and strata.

    Parameters
    ----------
    times
        Rows of people at risk; without weights.
    by
        A column whose labels form the groups; it may change within a person. Rows without a
        label are left out and counted.
    strata
        A column, or several, within which groups are compared; the rows' own strata if any
        when left out.
    rho, gamma
        Which days count more; ``rho=1`` is Peto and Peto's test. See the module.

    Raises
    ------
    ModelError
        If the rows have weights: the test is not defined for them. Or if `rho` or `gamma` is
        negative.

    References
    ----------
    Mantel (1966); Peto and Peto (1972); Harrington and Fleming (1982); R survival, `survdiff`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 18, 23, 28, 31], "reoffended": [1, 1, 1, 1, 0, 1],
    ...     "cohort": ["IOM", "IOM", "7PP", "IOM", "7PP", "7PP"],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="reoffended")
    >>> round(log_rank(times, "cohort").p_value, 3)
    0.11
    """
    came = as_times(times)
    if came.weight is not None:
        raise ModelError(
            "The log-rank test is not defined with weights; use the Wald test of `fit_cox` with "
            "variance='cluster'."
        )
    if not (0 <= rho < np.inf and 0 <= gamma < np.inf):
        raise ModelError("`rho` and `gamma` are 0 or above.")
    names = [strata] if isinstance(strata, str) else list(strata or ())
    kept = came
    for name in names:
        kept = without_empty(kept, name)
    kept, group, labels = labelled(kept, by)
    stratum = labelled(kept, names)[1] if names else kept.strata
    sets = risk_sets(kept.start, kept.stop, kept.event, stratum=stratum)
    expected, score, covariance = _compared(sets, group, len(labels), _weights(sets, rho, gamma))
    statistic, df = chi_squared(score, covariance)
    return LogRank(
        labels, np.bincount(group, minlength=len(labels)),
        np.bincount(group[kept.event], minlength=len(labels)),
        expected, score, covariance, statistic, df,
        float(chdtrc(df, statistic)) if df else np.nan, rho, gamma, by,
        tuple(names) or (("the rows' strata",) if stratum is not None else ()),
        came.n - kept.n,
        (*told_of_left_out(came, kept), *small_groups(kept, group, labels, by)),
    )  # fmt: skip


def _weights(sets: RiskSets, rho: float, gamma: float) -> Floats:
    """What each day counts for, shape (K,)."""
    hazard = sets.n_events / sets.at_risk(np.ones(sets.n))
    before = just_before(sets, share_left(sets, hazard))
    return before**rho * (1 - before) ** gamma


def _compared(
    sets: RiskSets, group: Ints, n_groups: int, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Expected events (G,), weighted score (G,) and its hypergeometric covariance (G, G)."""
    mine = np.array([sets.at_risk((group == code).astype(float)) for code in range(n_groups)])
    events = np.array(
        [sets.at_last(1.0 * (sets.event & (group == code))) for code in range(n_groups)]
    )
    mine, events = (table.reshape(n_groups, sets.n_days) for table in (mine, events))
    all_of_them, d = mine.sum(axis=0), sets.n_events
    share = mine / all_of_them
    spread = weight**2 * d * (all_of_them - d) / np.maximum(all_of_them - 1, 1)
    covariance = np.diag(share @ spread) - (share * spread) @ share.T
    return share @ d, (events - share * d) @ weight, covariance


def chi_squared(gap: Floats, covariance: Floats) -> tuple[float, int]:
    """The statistic and its degrees of freedom, the rank of the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    used = values > 1e-9 * values.max(initial=0.0)
    turned = vectors.T[used] @ gap
    degrees = int(used.sum())
    return (float(turned**2 @ (1 / values[used])) if degrees else np.nan), degrees
