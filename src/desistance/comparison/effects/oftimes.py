"""Numbers of both cohorts from rows of people at risk: shares and means by a day, log hazards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from desistance.comparison.effects.contrasts import OfBoth
from desistance.survival import (
    cox_residuals,
    fit_cox,
    influence_of_incidence,
    influence_of_restricted_mean,
    influence_of_survival,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.comparison.effects.contrasts import Row
    from desistance.comparison.effects.variance import Clusters
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Estimate = Callable[[TimeToEvent, int], tuple[float, Floats]]


def share_by(times: TimeToEvent, day: int) -> tuple[float, Floats]:
    """Share who had the event by a day, 1 - Kaplan–Meier, and what rows move it by."""
    survival, by_row = influence_of_survival(times, day)
    return 1 - survival, -by_row


def share_first(code: int) -> Estimate:
    """Give the estimate of the share for whom the cause of this code came first by a day."""

    def share(times: TimeToEvent, day: int) -> tuple[float, Floats]:
        values, moves = influence_of_incidence(times, day)
        return float(values[code - 1]), moves[:, code - 1]

    return share


def mean_until(times: TimeToEvent, day: int) -> tuple[float, Floats]:
    """Mean time without the event out of the first so many days, and what rows move it by."""
    return influence_of_restricted_mean(times, day)


def by_day(
    times: TimeToEvent,
    joined: NDArray[np.bool_],
    names: tuple[str, str],
    day: int,
    estimate: Estimate,
    told: tuple[Row, Row],
    *,
    scale: float = 1.0,
    most: float = 1.0,
    same: str,
) -> OfBoth:
    """Estimate a number of each cohort's curve up to a day; none where nobody is watched so far."""
    moves, values, note = np.zeros((2, times.n)), [], ""
    for place, name in enumerate(names):
        mask = joined == bool(place)
        group = times.only(mask, "other cohort")
        value, moves[place, mask] = estimate(group, day)
        short = not mask.any() or group.last_day < day
        if short and not (mask.any() and influence_of_survival(group, day)[0] == 0):
            note = note or f"nobody of {name} is watched to day {day}"
        values.append(value)
    return OfBoth(
        (values[0], values[1]), moves, joined, told, scale, (0.0, scale * most), note, same
    )


def log_hazard(times: TimeToEvent, exposed: str, clusters: Clusters) -> tuple[float, float]:
    """Log hazard ratio of a column, and its standard error; NaN where a cohort is one person."""
    is_exposed = times.columns[exposed].to_numpy(bool)
    if min(len(np.unique(clusters.person[side])) for side in (is_exposed, ~is_exposed)) < 2:
        return np.nan, np.nan
    if clusters.by == "person" and clusters.through_weights is None:
        rows = replace(times, columns=times.columns.assign(person=clusters.person))
        fitted = fit_cox(rows, [exposed], variance="cluster", cluster="person")
        row = fitted.to_frame(log=True).iloc[0]
        return float(row["estimate"]), float(row["std_error"])
    fitted = fit_cox(times, [exposed], variance="robust")
    log = float(fitted.log_hazards[0])
    if np.isnan(log):
        return log, np.nan
    return log, clusters.one_error(cox_residuals(fitted, times, "dfbeta")[exposed].to_numpy())
