"""What is estimated again on each resample: a Cox model, many at once, or anything, one by one.

A replicate that cannot be estimated is never left unsaid: its cell is NaN, or -inf or inf where
the likelihood goes on rising in that direction (no event among those with a need, say), and its
reason is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from desistance.errors import DesistanceError, ModelError
from desistance.results import NOT_ESTIMABLE, Result
from desistance.survival.cox import CoxFit, fit_cox
from desistance.survival.cox.overtime import TimeVarying
from desistance.survival.partial_likelihood import clustered_score
from desistance.survival.resampling.coxreplicates import Design, climb, design_of
from desistance.survival.resampling.draws import weighed, written_out
from desistance.survival.resampling.limits import acceleration
from desistance.survival.residuals import FitAgain, fit_again, strata_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from desistance.survival.resampling.draws import Units
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Found = tuple[Floats, dict[int, str]]  # (m, p) values, and why a replicate lacks some

NAMED_BY = ("outcome", "group", "cause", "term", "day")
MOST_TOGETHER, CELLS_TOGETHER = 64, 4_000_000
ONE_BY_ONE = 4


class Replicator(Protocol):
    """Estimates p named numbers on everybody, and on blocks of replicates."""

    @property
    def label(self) -> str:
        """What the numbers are."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Of the p numbers."""
        ...

    @property
    def estimate(self) -> Floats:
        """On everybody, shape (p,)."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Why a number cannot be estimated on everybody; empty where it can."""
        ...

    @property
    def acceleration(self) -> Floats | None:
        """For limits of kind "bca", shape (p,); None where it is not known."""
        ...

    @property
    def together(self) -> int:
        """How many replicates make a block."""
        ...

    def block(self, number: int) -> Found:
        """Replicates ``number * together`` onwards, shape (together, p)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CoxReplicator:
    """Cox models by `coxreplicates`; those that do not come to rest by `fit_cox` itself."""

    units: Units
    fitted: CoxFit
    again: FitAgain
    acceleration: Floats | None
    kept: Ints
    design: Design
    together: int
    label: str = "log hazard ratio"

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates."""
        return self.fitted.terms

    @property
    def estimate(self) -> Floats:
        """Log hazard ratios of everybody."""
        return self.fitted.log_hazards

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the fit."""
        return self.fitted.notes

    def block(self, number: int) -> Found:
        """Climb from the estimate of everybody, all replicates of the block at once."""
        first = number * self.together
        drawn = [self.units.drawn(first + b)[self.again.rows] for b in range(self.together)]
        values = np.full((self.together, len(self.names)), np.nan)
        start, scale = self.again.top.beta, self.again.problem.covariates.scale
        rests, whys = np.zeros(self.together, bool), {}
        if len(self.kept) and not self.again.top.runaway.any():
            count = np.stack(drawn, axis=1).astype(float)
            beta, rests = climb(self.design, start[self.kept], count)
            values[np.ix_(rests, self.kept)] = (beta / scale[self.kept, None]).T[rests]
        unknown = np.array([bool(note) for note in self.notes], dtype=bool)
        for b in np.flatnonzero(~rests) if not unknown.all() else ():
            values[b], why = self._alone(drawn[b])
            if why:
                whys[first + int(b)] = why
        values[:, unknown] = np.nan
        return values, whys

    def _alone(self, count: Ints) -> tuple[Floats, str]:
        """Fit one resample with its rows written out; say what of it is not estimable."""
        rows, fitted = written_out(self.again.times, count), self.fitted
        fit = fit_cox(rows, fitted.read_as, ties=fitted.ties, strata=strata_columns(fitted) or None)
        if not fit.n_events:
            return np.full(len(self.names), np.nan), "no event"
        top = fit_again(fit, rows).top
        values = np.where(top.runaway, np.copysign(np.inf, top.beta), fit.log_hazards)
        for alias, others in top.aliased.items():
            if not self.fitted.notes[alias]:
                values[[alias, *others]] = np.nan  # what is left does not mean the same
        new = {
            note.removeprefix(f"{NOT_ESTIMABLE}: ")
            for note, known in zip(fit.notes, self.fitted.notes, strict=True)
            if note and not known
        }
        return values, "; ".join(sorted(new))


@dataclass(frozen=True, slots=True, eq=False)
class AnyReplicator:
    """Any function of rows of people at risk, on resamples one by one."""

    label: str
    units: Units
    times: TimeToEvent
    estimator: Callable[[TimeToEvent], Any]
    resample: Callable[[TimeToEvent, Ints], TimeToEvent]
    names: tuple[str, ...]
    estimate: Floats
    notes: tuple[str, ...]
    acceleration: None = None
    together: int = ONE_BY_ONE

    def block(self, number: int) -> Found:
        """Estimate on the replicates of a block."""
        first = number * self.together
        values, whys = np.full((self.together, len(self.names)), np.nan), {}
        for b in range(self.together):
            rows = self.resample(self.times, self.units.drawn(first + b))
            try:
                found, partly = numbers_of(self.estimator(rows))
            except DesistanceError as error:
                whys[first + b] = str(error).splitlines()[0]
                continue
            missing = [name for name in self.names if name not in found]
            if not (missing and partly):
                values[b] = [found.get(name, np.nan) for name in self.names]
            if (np.isnan(values[b]) & ~np.isnan(self.estimate)).any():
                whys[first + b] = "a number is missing" if missing else "a number is not estimable"
        return values, whys


def replicator(
    estimator: Callable[..., Any], found: Any, times: TimeToEvent, units: Units, *, as_weights: bool
) -> Replicator:
    """Choose how to replicate an estimator, which gave `found` on everybody."""
    whole = isinstance(estimator, partial) and estimator.func is fit_cox and not estimator.args
    if whole and _at_once(found):
        return _cox_replicator(found, times, units)
    numbers, _ = numbers_of(found)
    values = np.array(list(numbers.values()), dtype=float)
    return AnyReplicator(
        label=type(found).__name__ if isinstance(found, Result) else "estimate",
        units=units,
        times=times,
        estimator=estimator,
        resample=weighed if as_weights else partial(written_out, apart=_apart(found, units)),
        names=tuple(numbers),
        estimate=values,
        notes=tuple(np.where(np.isnan(values), f"{NOT_ESTIMABLE}: see the estimate", "").tolist()),
    )


def _at_once(fitted: CoxFit) -> bool:
    """Whether `coxreplicates` can fit it: not with these options, which go one by one."""
    plain = fitted.ties != "exact" and fitted.penalty is None and fitted.frailty is None
    return plain and not any(isinstance(term, TimeVarying) for term in fitted.read_as)


def _apart(found: Any, units: Units) -> str | None:
    """The column whose groups must stay apart when drawn twice: each has a frailty of its own."""
    shared = found.frailty if isinstance(found, CoxFit) else None
    return units.name if shared and shared.by == units.name != "person" else None


def _cox_replicator(fitted: CoxFit, times: TimeToEvent, units: Units) -> CoxReplicator:
    again = fit_again(fitted, times)
    problem, top = again.problem, again.top
    kept = np.array([j for j in range(problem.p) if j not in top.aliased], dtype=np.int64)
    moves = clustered_score(problem, top.point, units.code[again.rows]) @ top.covariance
    cells = problem.sets.n + 2 * problem.p * problem.sets.n_days + 1
    return CoxReplicator(
        units, fitted, again, acceleration(moves), kept, design_of(problem, kept),
        min(MOST_TOGETHER, max(1, CELLS_TOGETHER // cells)),
    )  # fmt: skip


def numbers_of(found: Any) -> tuple[Mapping[str, float], bool]:
    """Read named numbers from what an estimator gave, and whether all are needed to read one.

    A model's coefficients do: where one is missing, a label was, and the others may be set
    against another.
    """
    coefficients = getattr(found, "coefficients", None)
    if coefficients is not None:
        return coefficients, True
    if isinstance(found, Result):
        found = found.to_frame()
    if isinstance(found, pd.DataFrame):
        keys = [name for name in NAMED_BY if name in found]
        if not keys or "estimate" not in found:
            raise ModelError(
                "A frame to bootstrap has a column `estimate` and one or more of "
                f"{', '.join(NAMED_BY)}, which name its rows."
            )
        names = found[keys].astype(str).agg(", ".join, axis=1)
        if names.duplicated().any():
            raise ModelError("Two rows of the frame to bootstrap have the same name.")
        found = dict(zip(names, found["estimate"].astype(float), strict=True))
    if not isinstance(found, dict) or not found:
        raise ModelError(
            "An estimator to bootstrap gives one of our results, a tidy frame or a dict of "
            f"numbers, not {type(found).__name__}."
        )
    return {str(name): float(value) for name, value in found.items()}, False
