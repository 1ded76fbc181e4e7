"""Gray's test: do groups differ in the share for whom a cause came first?

The log-rank test asks this of hazards; Gray's asks it of the shares themselves, so a group may
differ because the cause comes sooner or because a competing one takes fewer away. In group g, with
Y at risk, S the share without any event and F that of the cause, all just before the day,
R = Y (1 - F) / S stands for those who have not had the cause; observed less expected events of
the cause, expected in proportion to R, are added up with the weight (1 - F0) ** rho, F0 being the
share if all groups had the same.

The covariance adds up, over groups and days, the square of what an event there moves the scores
by, now and through all later R. Ties count as in cmprsk's ``cuminc``: d events out of n vary by
d (1 - (d - 1) / (n - 1)), and for the cause itself d and n are those of all groups.
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
from desistance.survival.competing.causes import cause_code, causes_of, first_events
from desistance.survival.curves import just_before, share_left
from desistance.survival.logrank import chi_squared
from desistance.survival.risksets import risk_sets
from desistance.survival.suspicion import small_groups
from desistance.survival.terms import labelled, told_of_left_out, without_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GrayTest(Result):
    """Gray's tests of G groups, one for each of m causes.

    Attributes
    ----------
    causes : the labels of the causes tested
    n_events : int64 array, shape (m,)
    scores : float64 array, shape (m, G)
        Weighted observed less expected events; they add up to 0.
    covariances : float64 array, shape (m, G, G)
    statistics, dfs, p_values : arrays, shape (m,)
        Chi-squared; NaN with 0 degrees where the cause never comes with two groups at risk.
    """

    causes: tuple[str, ...]
    groups: tuple[str, ...]
    n: int
    n_events: Ints
    scores: Floats
    covariances: Floats
    statistics: Floats
    dfs: Ints
    p_values: Floats
    by: str
    rho: float
    strata: tuple[str, ...]
    n_people: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each cause tested."""
        return pd.DataFrame(
            {
                "cause": self.causes,
                "n": self.n,
                "n_events": self.n_events,
                "statistic": self.statistics,
                "df": self.dfs,
                "p_value": self.p_values,
                "note": np.where(
                    self.dfs > 0, "", f"{NOT_ESTIMABLE}: no event with two groups at risk"
                ),
            }
        )

    def summary(self) -> str:
        """Say which groups were compared, and the tests."""
        lines = [
            f"Gray's test by {self.by} ({', '.join(self.groups)}): {number(self.n)} rows"
            + (f", rho {self.rho:g}" if self.rho else "")
            + (f", strata by {', '.join(self.strata)}" if self.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each group's observed less expected events, cause by cause."""
        ax = new_axes(ax)
        place, width = np.arange(len(self.groups)), 0.8 / max(len(self.causes), 1)
        with house_style():
            for code, cause in enumerate(self.causes):
                ax.bar(place + code * width, self.scores[code], width, label=cause)
            ax.set_xticks(place + width * (len(self.causes) - 1) / 2, self.groups)
            ax.set(xlabel=self.by, ylabel="Events, observed less expected")
            if self.causes:
                ax.legend()
        return ax


def gray_test(
    times: TimeToEvent | HasTimes,
    by: str,
    *,
    cause: str | None = None,
    rho: float = 0.0,
    strata: str | Sequence[str] | None = None,
) -> GrayTest:
    """Test whether groups have the same cumulative incidence of a cause.

    Parameters
    ----------
    times
        Rows of people at risk whose events have causes; without weights.
    by
        A column whose labels form the groups. Rows without a label are left out and counted.
    cause
        The cause to test; every cause in turn when left out.
    rho
        Above 0, early days count more; below 0, late ones.
    strata
        A column, or several, within which groups are compared; the rows' own strata if any
        when left out.

    Raises
    ------
    ModelError
        If the rows name no causes, go on after an event, or have weights.

    References
    ----------
    Gray (1988), Ann. Stat. 16, 1141-1154; R cmprsk, `cuminc`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "day": [9, 13, 18, 23, 28, 31, 34, 40], "over": [1, 1, 1, 1, 0, 1, 1, 0],
    ...     "what": ["custody", "reoffence", "reoffence", "custody", None, "reoffence",
    ...              "reoffence", None],
    ...     "cohort": ["IOM", "IOM", "IOM", "7PP", "7PP", "IOM", "7PP", "7PP"],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="day", event="over", cause="what")
    >>> gray_test(times, "cohort", cause="reoffence").to_frame()[["cause", "df"]]
           cause  df
    0  reoffence   1
    """
    came = first_events(times)
    if came.weight is not None:
        raise ModelError(
            "Gray's test is not defined with weights; use the robust test of `fit_fine_gray`."
        )
    if not np.isfinite(rho):
        raise ModelError("`rho` is a finite number.")
    names = [strata] if isinstance(strata, str) else list(strata or ())
    kept = came
    for name in names:
        kept = without_empty(kept, name)
    kept, group, labels = labelled(kept, by)
    stratum = labelled(kept, names)[1] if names else kept.strata
    sets = risk_sets(kept.start, kept.stop, kept.event, stratum=stratum)
    causes = kept.cause_labels if cause is None else (cause,)
    counts = np.bincount(causes_of(kept), minlength=len(kept.cause_labels) + 1)
    codes = [cause_code(kept, label) for label in causes]
    tested = [_score(sets, group, len(labels), causes_of(kept), code, rho) for code in codes]
    found = [chi_squared(score, covariance) for score, covariance in tested]
    statistics = np.array([statistic for statistic, _ in found])
    dfs = np.array([df for _, df in found], dtype=np.int64)
    return GrayTest(
        causes, labels, kept.n, counts[codes],
        np.array([score for score, _ in tested]), np.array([spread for _, spread in tested]),
        statistics, dfs, chdtrc(dfs.astype(float), statistics), by, rho,
        tuple(names) or (("the rows' strata",) if stratum is not None else ()),
        kept.n_people, came.n - kept.n,
        (*told_of_left_out(came, kept), *small_groups(kept, group, labels, by)),
    )  # fmt: skip


def _score(
    sets: RiskSets, group: Ints, n_groups: int, cause: Ints, code: int, rho: float
) -> tuple[Floats, Floats]:
    """Weighted score of each group (G,) and its covariance (G, G); tables here are (G, K)."""

    def by_group(values: NDArray[np.bool_]) -> Floats:
        slots = sets.n_days + 1
        table = np.bincount(group * slots + sets.last, values, n_groups * slots).astype(float)
        return table.reshape(n_groups, slots)[:, :-1]

    mine, others = by_group(cause == code), by_group((cause > 0) & (cause != code))
    at_risk = np.array([sets.at_risk(1.0 * (group == g)) for g in range(n_groups)])
    at_risk = at_risk.reshape(mine.shape)
    left = _each(lambda hazard: share_left(sets, hazard), _over(mine + others, at_risk))
    before = _each(lambda line: just_before(sets, line), left)
    at_risk = np.where(before > 0, at_risk, 0.0)
    stand = _over(at_risk, before)
    step = _over(mine, stand)
    not_yet = stand * (1 - _each(sets.running, step) + step)
    came, stands = mine.sum(axis=0), stand.sum(axis=0)
    pooled_step = _over(came, stands)
    pooled = sets.running(pooled_step)
    pooled_before = np.minimum(pooled - pooled_step, 1.0)
    weight = np.where(pooled_before < 1, 1 - pooled_before, 1.0) ** rho
    score = (weight * (mine - came * _over(not_yet, not_yet.sum(axis=0)))).sum(axis=1)

    covariance = np.zeros((n_groups, n_groups))
    tied = 1 - _over(np.maximum(others - 1, 0), at_risk - 1)
    for k in range(n_groups):
        now = weight * stand[k] * ((np.arange(n_groups) == k)[:, None] - _over(stand, stands))
        pace = now * _over(pooled_step, 1 - pooled_before)
        later = _each(sets.running_back, pace) - pace
        fall = _over(1 - pooled, left[k])
        all_tied = 1 - _over(np.maximum(came - 1, 0), stands * before[k] - 1)
        for moved, spread in (
            (now + (1 - fall) * later, all_tied * _over(pooled_step, stand[k])),
            (fall * later, tied[k] * _over(others[k], stand[k] ** 2)),
        ):
            covariance += (moved * spread) @ moved.T
    return score, covariance


def _each(change: Callable[[Floats], Floats], table: Floats) -> Floats:
    """Change each row of a table (G, K)."""
    return np.array([change(line) for line in table]).reshape(table.shape)


def _over(top: Floats, bottom: Floats) -> Floats:
    """Divide, giving 0 where there is nothing to divide by."""
    nothing = np.zeros(np.broadcast(top, bottom).shape)
    return np.divide(top, bottom, out=nothing, where=bottom > 0)
