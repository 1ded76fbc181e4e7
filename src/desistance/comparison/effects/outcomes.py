"""Outcomes of a plain frame: which column, and what is compared of it.

Mean      difference of means
Binary    difference and ratio of the share, per 100
Count     ratio of counts, for each row or for each unit of an exposure
TimeTo    hazard ratio of the first event; with a `horizon`, difference and ratio of the share
          who had it by then (1 - Kaplan–Meier) and difference of the mean time without it.
          With a `cause`, the share for whom each cause came first (Aalen–Johansen) instead
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from desistance.checks import flags_of, is_whole
from desistance.comparison.effects.contrasts import OfBoth, effect_row, rows_of
from desistance.comparison.effects.oftimes import (
    by_day,
    log_hazard,
    mean_until,
    share_by,
    share_first,
)
from desistance.errors import ModelError
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from desistance.comparison.effects.contrasts import Row
    from desistance.comparison.effects.oftimes import Estimate
    from desistance.comparison.effects.variance import Clusters

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

EXPOSED, WEIGHT = "(exposed)", "(weight)"


@dataclass(frozen=True, slots=True)
class Arms:
    """n compared rows of a frame: who is exposed, what each weighs, who belongs together."""

    rows: pd.DataFrame
    joined: Bools
    weight: Floats
    names: tuple[str, str]
    clusters: Clusters
    z: float

    def numbers(self, column: str) -> Floats:
        """Read a column of numbers without gaps."""
        return _numbers(self._column(column))

    def yes_or_no(self, column: str) -> Floats:
        """Read a column of 1 and 0, or yes and no, without gaps."""
        values = _numbers(flags_of(self._column(column)))
        if not np.isin(values, (0.0, 1.0)).all():
            raise ModelError(f"{column!r} holds other values than 0 and 1, or yes and no.")
        return values

    def _column(self, name: str) -> pd.Series:
        if name not in self.rows:
            raise ModelError(f"{name!r} is not a column of the frame.")
        return self.rows[name]

    def told(
        self, events: NDArray[Any] | None = None, amounts: Floats | None = None
    ) -> tuple[Row, Row]:
        """Count each cohort's people, and those with the event.

        Of amounts (n,) also the share two people have of their sum and, where one amount (0, or
        what half of them have) is the usual one, how many have another; see `Basis`.
        """
        person, usual = self.clusters.person, np.nan
        if amounts is not None and len(amounts):
            found, often = np.unique(amounts, return_counts=True)
            usual = found[often.argmax()] if 2 * often.max() >= len(amounts) else np.nan
            usual = 0.0 if 0 in found else usual
        both: list[Row] = []
        for side in (~self.joined, self.joined):
            row: Row = {"n": len(np.unique(person[side]))}
            if events is not None:
                row["n_events"] = len(np.unique(person[side & (events > 0)]))
            if amounts is not None:
                each = np.bincount(person[side], (self.weight * np.abs(amounts))[side])
                row["of_two"] = np.sort(each)[-2:].sum() / max(each.sum(), np.finfo(float).tiny)
                if not np.isnan(usual):
                    row["n_any"] = len(np.unique(person[side & (amounts != usual)]))
            both.append(row)
        return both[0], both[1]

    def ratio(self, above: Floats, below: Floats) -> tuple[tuple[float, float], Floats]:
        """Divide weighted sums of each cohort; and what each row moves the two by, (2, n)."""
        values, moves = [], np.zeros((2, len(above)))
        for place in (0, 1):
            weight = self.weight * (self.joined == bool(place))
            total = float(weight @ below)
            value = float(weight @ above) / total if total > 0 else np.nan
            values.append(value)
            moves[place] = weight * (above - value * below) / total if total > 0 else 0.0
        return (values[0], values[1]), moves


def _numbers(values: pd.Series) -> Floats:
    column = values.name
    if values.isna().any():
        raise ModelError(
            f"{column!r} is empty in {int(values.isna().sum())} of {len(values)} compared "
            "rows: leave these rows out before the cohorts are balanced."
        )
    if values.dtype.kind not in "biuf" or not np.isfinite(values.to_numpy(float)).all():
        raise ModelError(f"{column!r} holds {values.dtype}, or values that are not numbers.")
    return values.to_numpy(float)


@dataclass(frozen=True, slots=True)
class Mean:
    """Compare the mean of a column."""

    column: str

    def effects(self, arms: Arms) -> list[Row]:
        """Give both means and their difference."""
        y = arms.numbers(self.column)
        values, moves = arms.ratio(y, np.ones(len(y)))
        label = f"mean {self.column}"
        both = OfBoth(values, moves, arms.joined, arms.told(amounts=y))
        return rows_of(both, arms.names, label, arms.clusters, arms.z,
                       difference=f"difference in {label}")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Binary:
    """Compare how many in 100 have a column of yes and no, or 1 and 0."""

    column: str

    def effects(self, arms: Arms) -> list[Row]:
        """Give both shares, their difference and their ratio."""
        y = arms.yes_or_no(self.column)
        values, moves = arms.ratio(y, np.ones(len(y)))
        label = f"{self.column} per 100 people"
        both = OfBoth(values, moves, arms.joined, arms.told(y), 100.0, (0.0, 100.0),
                      same="nobody or everybody has it")  # fmt: skip
        return rows_of(
            both, arms.names, label, arms.clusters, arms.z,
            difference=f"difference in {label}", ratio=f"ratio of {label}",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """Compare a column of counts, for each row or for each unit of an `exposure` column."""

    column: str
    exposure: str | None = None

    def effects(self, arms: Arms) -> list[Row]:
        """Give both rates and their ratio."""
        y = arms.numbers(self.column)
        time = np.ones(len(y)) if self.exposure is None else arms.numbers(self.exposure)
        if (y < 0).any() or (time < 0).any():
            raise ModelError(f"{self.column!r} and its exposure are not below 0.")
        values, moves = arms.ratio(y, time)
        label = f"{self.column} for each {self.exposure or 'person'}"
        note = "" if np.isfinite(values).all() else f"no {self.exposure} in one of the cohorts"
        both = OfBoth(values, moves, arms.joined, arms.told(y, y), limits=(0.0, np.inf), note=note,
                      same="nobody has any, or all have as many")  # fmt: skip
        return rows_of(both, arms.names, label, arms.clusters, arms.z, ratio=f"ratio of {label}")


@dataclass(frozen=True, slots=True)
class TimeTo:
    """Compare times to an event, or to the first of several causes; see the module.

    Attributes
    ----------
    stop, event, start : columns, as of `TimeToEvent.from_frame`
    horizon : in the unit of `stop`
    cause : column of labels, read where the event is true
    """

    stop: str
    event: str
    horizon: int | None = None
    start: str | None = None
    cause: str | None = None

    def __post_init__(self) -> None:
        if self.cause is not None and self.horizon is None:
            raise ModelError("With a `cause`, shares are compared at a `horizon`: say which.")
        if self.horizon is None:
            return
        if not is_whole(self.horizon):
            raise ModelError("`horizon` is a whole number in the unit of `stop`, 1 or more.")
        object.__setattr__(self, "horizon", int(self.horizon))

    def times(self, arms: Arms) -> TimeToEvent:
        """Read the rows."""
        frame = arms.rows.assign(**{EXPOSED: arms.joined, WEIGHT: arms.weight})
        return TimeToEvent.from_frame(
            frame.reset_index(drop=True), stop=self.stop, event=self.event, start=self.start,
            weight=WEIGHT, cause=self.cause,
        )  # fmt: skip

    def effects(self, arms: Arms) -> list[Row]:
        """Give the hazard ratio, and what stands at the horizon."""
        times = self.times(arms)
        if self.cause is not None:
            return self._of_causes(arms, times)
        log, error = log_hazard(times, EXPOSED, arms.clusters)
        rows = [
            effect_row(f"hazard ratio of {self.event}", log, error, arms.z, ratio=True,
                       why=f"no {self.event}, or only one person, in one of the cohorts")
            | {"of": arms.told(times.event)}
        ]  # fmt: skip
        if self.horizon is None:
            return rows
        label = f"{self.event} by {self.horizon} per 100 people"
        both = self._by_horizon(arms, times, share_by, 100.0, times.event)
        rows += rows_of(
            both, arms.names, label, arms.clusters, arms.z,
            difference=f"difference in {label}", ratio=f"ratio of {label}",
        )  # fmt: skip
        label = f"mean {self.stop} without {self.event} of the first {self.horizon}"
        both = self._by_horizon(arms, times, mean_until, 1.0, times.event)
        return rows + rows_of(both, arms.names, label, arms.clusters, arms.z,
                              difference=f"difference in {label}")  # fmt: skip

    def _of_causes(self, arms: Arms, times: TimeToEvent) -> list[Row]:
        rows: list[Row] = []
        causes = np.zeros(times.n, np.int64) if times.cause is None else times.cause
        for code, cause in enumerate(times.cause_labels, start=1):
            label = f"{cause} first by {self.horizon} per 100 people"
            both = self._by_horizon(arms, times, share_first(code), 100.0, causes == code)
            rows += rows_of(
                both, arms.names, label, arms.clusters, arms.z,
                difference=f"difference in {label}", ratio=f"ratio of {label}",
            )  # fmt: skip
        return rows

    def _by_horizon(
        self, arms: Arms, times: TimeToEvent, estimate: Estimate, scale: float, event: Bools
    ) -> OfBoth:
        assert self.horizon is not None
        return by_day(
            times, arms.joined, arms.names, self.horizon, estimate,
            arms.told(event & (times.stop <= self.horizon)), scale=scale,
            most=1.0 if scale == 100.0 else float(self.horizon), same="nobody or everybody had it",
        )  # fmt: skip


Outcome = Mean | Binary | Count | TimeTo
KINDS = ("Mean", "Binary", "Count", "TimeTo")


def listed(outcomes: object, kinds: Iterable[str]) -> list[Any]:
    """Take a list of outcomes; one left bare, and none, is refused."""
    bare = isinstance(outcomes, str) or not isinstance(outcomes, Iterable)
    found = [] if bare else list(outcomes)  # type: ignore[call-overload]
    if not found:
        raise ModelError(f"`outcomes` is a list of {', '.join(kinds)}, one at least.")
    return found
