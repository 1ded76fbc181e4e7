"""The log-rank test: do the groups' hazards differ, day by day, over the same risk sets?

Each day's observed less expected events may be weighted by S ** rho * (1 - S) ** gamma, with S the
Kaplan–Meier share of all groups together just before the day, in each stratum its own (Fleming and
Harrington's family), or by a power of the number at risk:

    rho = 0, gamma = 0    the log-rank test: every day alike; best where hazards are proportional
    rho = 1, gamma = 0    Peto and Peto's modification of the Wilcoxon test: early days count most
    rho = 0, gamma = 1    late days count most
    rho = 1, gamma = 1    the days in the middle
    at_risk = 1           Gehan and Breslow's test; censoring, too, decides which days count
    at_risk = 0.5         Tarone and Ware's test, between it and the log-rank test

The weights belong in the plan: chosen after seeing the curves, the p-value means nothing.

Where the rows have weights of their own, risk sets, events and S are weighted, and the variance is
that of the score over people (see `influence`): the robust score test of a Cox model with Breslow's
ties. Else it is hypergeometric.
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
from desistance.survival.alike import entries_of
from desistance.survival.curves import just_before, share_left
from desistance.survival.influence import OVER_PEOPLE, row_moves
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
    n : int64 array, shape (G,)
        Rows of each group.
    observed, expected : arrays, shape (G,)
        Events, and those expected were the hazards the same, every day alike. Weights of rows
        count in both; without any, `observed` is of whole numbers.
    score : float64 array, shape (G,)
        Observed - expected, each day weighted.
    covariance : float64 array, shape (G, G)
        Of the score.
    rho, gamma, at_risk : of the weights of days; see the module
    variance : "hypergeometric", or "infinitesimal jackknife over people" with weights
    statistic, df, p_value
        Chi-squared; NaN with 0 degrees where the groups are never at risk together.
    """

    groups: tuple[str, ...]
    n: Ints
    observed: Ints | Floats
    expected: Floats
    score: Floats
    covariance: Floats
    statistic: float
    df: int
    p_value: float
    rho: float
    gamma: float
    at_risk: float
    variance: str
    by: str
    strata: tuple[str, ...]
    n_events: int
    n_people: int
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
            f"{number(self.n_events)} events"
            + (f", strata by {', '.join(self.strata)}" if self.strata else ""),
            f"{self.variance.capitalize()} variance"
            + (
                ", weighted: events in the table add up weights"
                if self.variance == OVER_PEOPLE
                else ""
            ),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def _name(self) -> str:
        told = f"rho {self.rho:g}, gamma {self.gamma:g}"
        named: dict[tuple[float, float, float], str] = {
            (0, 0, 0): "Log-rank test", (1, 0, 0): "Peto–Peto test",
            (0, 0, 1): "Gehan–Breslow test", (0, 0, 0.5): "Tarone–Ware test",
        }  # fmt: skip
        if not self.at_risk:
            other = f"Fleming–Harrington test ({told})"
        else:
            other = f"Weighted log-rank test ({told}, at risk {self.at_risk:g})"
        return named.get((self.rho, self.gamma, self.at_risk), other)

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
    at_risk: float = 0.0,
) -> LogRank:
    """Test whether groups have the same hazard, with delayed entry, strata and weights.

    Parameters
    ----------
    times
        Rows of people at risk; with weights the variance is robust, over people.
    by
        A column whose labels form the groups; it may change within a person. Rows without a
        label are left out and counted.
    strata
        A column, or several, within which groups are compared; the rows' own strata if any
        when left out.
    rho, gamma, at_risk
        Which days count more; ``rho=1`` is Peto and Peto's test, ``at_risk=1`` Gehan and
        Breslow's. See the module.

    Raises
    ------
    ModelError
        If `rho`, `gamma` or `at_risk` is negative.

    References
    ----------
    Mantel (1966); Peto and Peto (1972); Breslow (1970); Tarone and Ware (1977); Harrington and
    Fleming (1982); weights: Lin and Wei (1989); R survival, `survdiff` and `coxph`.

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
    if not all(0 <= power < np.inf for power in (rho, gamma, at_risk)):
        raise ModelError("`rho`, `gamma` and `at_risk` are 0 or above.")
    if by is None:
        raise ModelError("`by` names the column whose groups are compared.")
    names = [strata] if isinstance(strata, str) else list(strata or ())
    kept = came
    for name in names:
        kept = without_empty(kept, name)
    kept, group, labels = labelled(kept, by)
    stratum = labelled(kept, names)[1] if names else kept.strata
    cells = group if stratum is None else stratum * len(labels) + group
    rows = entries_of(kept, cells, int(cells.max(initial=0)) + 1, together=True)
    own, within = rows.group % len(labels), rows.group // len(labels)
    sets = risk_sets(
        rows.start, rows.stop, rows.event, stratum=within if within.any() else None,
        weight=kept.weight, copies=rows.copies,
    )  # fmt: skip
    counts = _weights(sets, rho, gamma, at_risk)
    observed, expected, score, covariance = _compared(sets, own, len(labels), counts)
    if kept.weight is not None:
        covariance = _over_people(sets, own, len(labels), counts, kept.person)
    statistic, df = chi_squared(score, covariance)
    n = np.bincount(own, rows.copies, len(labels)).astype(np.int64)
    return LogRank(
        labels, n,
        np.rint(observed).astype(np.int64) if kept.weight is None else observed,
        expected, score, covariance, statistic, df,
        float(chdtrc(df, statistic)) if df else np.nan, rho, gamma, at_risk,
        "hypergeometric" if kept.weight is None else OVER_PEOPLE, by,
        tuple(names) or (("the rows' strata",) if stratum is not None else ()),
        int(np.count_nonzero(kept.event)), kept.n_people, came.n - kept.n,
        (*told_of_left_out(came, kept), *small_groups(kept, group, labels, by, n)),
    )  # fmt: skip


def _weights(sets: RiskSets, rho: float, gamma: float, at_risk: float) -> Floats:
    """What each day counts for, shape (K,)."""
    n = sets.at_risk(sets.weights())
    before = just_before(sets, share_left(sets, np.minimum(sets.event_weight / n, 1.0)))
    counts: Floats = before**rho * (1 - before) ** gamma * n**at_risk
    return counts


def _compared(
    sets: RiskSets, group: Ints, n_groups: int, counts: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Observed and expected events (G,), score (G,), its hypergeometric covariance (G, G).

    The score and its covariance have each day count `counts` (K,) times.
    """
    rows = sets.weights()
    each = [group == code for code in range(n_groups)]
    mine = np.array([sets.at_risk(rows * own) for own in each])
    events = np.array([sets.at_last(rows * (sets.event & own)) for own in each])
    mine, events = (table.reshape(n_groups, sets.n_days) for table in (mine, events))
    all_of_them, d = mine.sum(axis=0), sets.event_weight
    share = mine / all_of_them
    spread = counts**2 * d * (all_of_them - d) / np.maximum(all_of_them - 1, 1)
    covariance = np.diag(share @ spread) - (share * spread) @ share.T
    return events.sum(axis=1), share @ d, (events - share * d) @ counts, covariance


def _over_people(
    sets: RiskSets, group: Ints, n_groups: int, counts: Floats, person: Ints
) -> Floats:
    """Covariance of the score from what each person adds to it, shape (G, G)."""
    rows = sets.weights()
    all_of_them = sets.at_risk(rows)
    hazard = sets.event_weight / all_of_them
    own = row_moves(sets, counts, counts * hazard)
    added = np.zeros((n_groups, int(person.max(initial=-1)) + 1))
    for code in range(n_groups):
        path = counts * sets.at_risk(rows * (group == code)) / all_of_them
        moved = own * (group == code) - row_moves(sets, path, path * hazard)
        added[code] = np.bincount(person, moved)
    covariance: Floats = added @ added.T
    return covariance


def chi_squared(gap: Floats, covariance: Floats) -> tuple[float, int]:
    """The statistic and its degrees of freedom, the rank of the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    used = values > 1e-9 * values.max(initial=0.0)
    turned = vectors.T[used] @ gap
    degrees = int(used.sum())
    return (float(turned**2 @ (1 / values[used])) if degrees else np.nan), degrees
