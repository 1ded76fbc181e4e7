"""Effects that change with the days since time zero.

``time_varying={term: how}`` takes a term of the fit and lets its effect change:

    "log"                       beta + gamma log(day): `needs` is the log hazard ratio on day 1,
                                `needs:log(day)` what it gains for each 2.7-fold of the days
    "linear"                    beta + gamma day: `needs` on day 0, `needs:day` the gain a day
    Steps([90, 180])            one log hazard ratio for each stretch of days, (0, 90] and so on:
                                `needs[0 to 90 days]`, ..., `needs[after 180 days]`

Nothing is approximated: rows are cut where the effect changes, at the steps, or for "log" and
"linear" at each event day of the row's stratum, as R's ``tt()`` and ``survSplit`` do. The pieces
of a row stay together in robust variances, and all counts are of rows as they came.

Before it is multiplied by time a covariate is counted from its value nearest to 0. That changes
no coefficient, for on any one day it is the same for all; but 1985 times the day would drown what
tells people apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from desistance.errors import ModelError
from desistance.results import number
from desistance.survival.covariates import covariates, measured
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import Term

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

    from desistance.survival.covariates import Covariates
    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_PIECES = 20_000_000


@dataclass(frozen=True, slots=True)
class Steps:
    """An effect that is constant up to and including each of some days, then jumps.

    Parameters
    ----------
    days
        Where it jumps: whole units of time, ascending, above 0.

    Examples
    --------
    >>> Steps([90, 180])
    Steps(days=(90, 180))
    """

    days: Sequence[int]

    def __post_init__(self) -> None:
        """Refuse days that part nothing."""
        days = np.asarray(self.days)
        if days.ndim != 1 or not days.size or days.dtype.kind not in "iu":
            raise ModelError("`days` of Steps is a list of whole numbers.")
        if days[0] <= 0 or (np.diff(days) <= 0).any():
            raise ModelError("`days` of Steps are above 0 and in ascending order.")
        object.__setattr__(self, "days", tuple(map(int, days)))


How = Steps | Literal["log", "linear"]


@dataclass(frozen=True, slots=True)
class TimeVarying(Term):
    """A term whose effect changes with time: q covariates for each of its own.

    `nearest` are the values that its own covariates are counted from.
    """

    term: Term
    how: How
    unit: str
    nearest: tuple[float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.term.columns

    @property
    def label(self) -> str:
        """What the term is called."""
        return self.term.label

    @property
    def names(self) -> tuple[str, ...]:
        """Each of the term's covariates, at each step or with each function of time."""
        return tuple(f"{name}{how}" for name in self.term.names for how in self._hows())

    def _hows(self) -> list[str]:
        if isinstance(self.how, Steps):
            edges = (0, *self.how.days)
            stretches = [
                f"[{low} to {high} {self.unit}]"
                for low, high in zip(edges, self.how.days, strict=False)
            ]
            return [*stretches, f"[after {edges[-1]} {self.unit}]"]
        day = self.unit.removesuffix("s")
        return ["", f":log({day})" if self.how == "log" else f":{day}"]

    def fixed(self, times: TimeToEvent) -> TimeVarying:
        """Settle the term."""
        return replace(self, term=self.term.fixed(times))

    def factors(self, days: Ints) -> list[NDArray[Any]]:
        """What the term's covariates are multiplied by on `days` (m,): q arrays of shape (m,)."""
        if isinstance(self.how, Steps):
            stretch = np.searchsorted(self.how.days, days, side="left")
            return [stretch == j for j in range(len(self.how.days) + 1)]
        return [np.ones(len(days), bool), np.log(days) if self.how == "log" else days.astype(float)]

    def on(self, days: Ints, columns: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Multiply the term's own covariates, each of shape (m,), by the day's factors."""
        factors = self.factors(days)
        counted = [
            column - nearest if nearest else column
            for column, nearest in zip(columns, self.nearest, strict=True)
        ]
        return [np.multiply(column, factor) for column in counted for factor in factors]

    def at_zero(self, days: Ints) -> Floats:
        """Make the covariates on m days of someone whose own are all 0, shape (m, p)."""
        return np.column_stack(self.on(days, [np.zeros(len(days)) for _ in self.nearest]))

    def over(self, profile: Mapping[str, object], days: Ints) -> Floats:
        """Make the covariates of one profile on each of m days, shape (m, p)."""
        constant = [np.full(len(days), value) for value in self.term.of(profile)]
        return np.column_stack(self.on(days, constant))

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:  # noqa: ARG002
        """Refuse: there is no one number to a row."""
        raise self._no_one_number()

    def of(self, profile: Mapping[str, object]) -> list[float]:  # noqa: ARG002
        """Refuse: there is no one number to a profile."""
        raise self._no_one_number()

    def _no_one_number(self) -> ModelError:
        return ModelError(
            f"The effect of {self.label!r} changes with time, so this cannot be done with the "
            "fit: fit it without `time_varying`."
        )

    def contrasts(self) -> Floats:
        """Combinations of the covariates that are 0 where the effect is constant, (c, q)."""
        own, q = len(self.term.names), len(self._hows())
        each = np.eye(q)
        one = each[1:] - each[:-1] if isinstance(self.how, Steps) else each[1:]
        return np.kron(np.eye(own), one).astype(float)


def let_vary(
    times: TimeToEvent, terms: tuple[Term, ...], time_varying: Mapping[str, How] | None
) -> tuple[Term, ...]:
    """Let the effects of the terms named by their label change with time."""
    if time_varying is not None and not isinstance(time_varying, Mapping):
        raise ModelError("`time_varying` says of terms how they change, as {'age': 'log'}.")
    hows = dict(time_varying or {})
    labels = [term.label for term in terms]
    unknown = [name for name in hows if labels.count(name) != 1]
    if unknown:
        raise ModelError(
            f"`time_varying` names {', '.join(map(repr, unknown))}; it names one of the terms: "
            f"{', '.join(map(repr, labels))}."
        )
    for how in hows.values():
        if not isinstance(how, Steps) and how not in ("log", "linear"):
            raise ModelError("An effect changes with time by 'log', 'linear' or Steps([...]).")
    return tuple(
        TimeVarying(term, hows[term.label], times.unit, _nearest(times, term))
        if term.label in hows
        else term
        for term in terms
    )


def _nearest(times: TimeToEvent, term: Term) -> tuple[float, ...]:
    """The value nearest to 0 within the range of each of a term's covariates."""
    if not times.n:
        return (0.0,) * len(term.names)
    columns = term.values(times.columns)
    return tuple(float(np.clip(0.0, column.min(), column.max())) for column in columns)


def at_zero(terms: tuple[Term, ...], days: Ints) -> Floats | float:
    """Make the covariates of someone whose own are all 0, on K days: shape (K, p), or 0."""
    if not any(isinstance(term, TimeVarying) for term in terms):
        return 0.0
    return np.hstack(
        [
            term.at_zero(days)
            if isinstance(term, TimeVarying)
            else np.zeros((len(days), len(term.names)))
            for term in terms
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class LaidOut:
    """Rows as they are fitted: m pieces of n rows.

    `origin` (m,) says which row a piece is of; None where no row is cut.
    """

    sets: RiskSets
    covariates: Covariates
    origin: Ints | None


def by_piece(codes: Ints, origin: Ints | None) -> Ints:
    """Give the pieces, shape (m,), what their rows have, (n,); `origin` is as in `LaidOut`."""
    return codes if origin is None else codes[origin]


def lay_out(times: TimeToEvent, stratum: Ints | None, terms: tuple[Term, ...]) -> LaidOut:
    """Make risk sets and covariates of the rows, cut where an effect changes."""
    varying = [term for term in terms if isinstance(term, TimeVarying)]
    if not varying:
        sets = risk_sets(times.start, times.stop, times.event, stratum=stratum, weight=times.weight)
        return LaidOut(sets, covariates(times, terms, sets), None)
    origin, start, stop = _pieces(times, stratum, varying)
    sets = risk_sets(
        start,
        stop,
        times.event[origin] & (stop == times.stop[origin]),
        stratum=None if stratum is None else stratum[origin],
        weight=None if times.weight is None else times.weight[origin],
    )
    columns: list[NDArray[Any]] = []
    for term in terms:
        inner = term.term if isinstance(term, TimeVarying) else term
        own = [column[origin] for column in inner.values(times.columns)]
        columns += term.on(stop, own) if isinstance(term, TimeVarying) else own
    names = tuple(name for term in terms for name in term.names)
    return LaidOut(sets, measured(names, columns, sets), origin)


def _pieces(
    times: TimeToEvent, stratum: Ints | None, varying: list[TimeVarying]
) -> tuple[Ints, Ints, Ints]:
    """Cut rows wherever an effect changes: of each piece the row, start and stop, (m,) each."""
    strata = np.zeros(times.n, np.int64) if stratum is None else stratum
    span = times.last_day + 1
    start, stop = strata * span + times.start, strata * span + times.stop
    hows = [term.how for term in varying]
    if all(isinstance(how, Steps) for how in hows):
        days = {day for how in hows if isinstance(how, Steps) for day in how.days if day < span}
        begins = np.arange(int(strata.max(initial=0)) + 1)[:, None] * span
        cuts = (begins + np.array(sorted(days), np.int64)).ravel()
    else:
        cuts = np.unique(stop[times.event])
    first = np.searchsorted(cuts, start, side="right")
    count = np.searchsorted(cuts, stop, side="left") - first + 1
    if count.sum() > MOST_PIECES:
        raise ModelError(
            f"Cut at every event day, {number(times.n)} rows are {number(int(count.sum()))}, too "
            "many to fit: let the effect change by Steps, or count time in weeks or months."
        )
    origin = np.repeat(np.arange(times.n), count)
    ends = np.cumsum(count)
    place = np.arange(len(origin)) - (ends - count)[origin] + first[origin]
    edges = np.concatenate([[-1], cuts, [np.iinfo(np.int64).max]])
    low = np.maximum(start[origin], edges[place])
    high = np.minimum(stop[origin], edges[place + 1])
    back = strata[origin] * span
    return origin, low - back, high - back
