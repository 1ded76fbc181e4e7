"""The kinds of term; what each stands for is said in `terms`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.survival.splines import restricted_cubic
from desistance.survival.terms.columns import (
    labels_of,
    numbers,
    one_column,
    refuse_ids,
    whole,
)
from desistance.timetoevent import where

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from desistance.timetoevent import TimeToEvent

FEWEST_KNOTS, MOST_KNOTS = 3, 7


@dataclass(frozen=True, slots=True)
class Term:
    """What covariates are made from: one column or several, all of whose rows are filled in."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What the term is called as a whole."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """What the covariates are called, once the term is fixed."""
        raise NotImplementedError

    def fixed(self, times: TimeToEvent) -> Term:
        """Settle from the rows what the term leaves open: its labels or knots."""
        raise NotImplementedError

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:
        """Make the covariates, each of shape (n,), from n rows or a block of them."""
        raise NotImplementedError

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Make the covariates of one named profile."""
        raise NotImplementedError

    def over(self, profile: Mapping[str, object], days: NDArray[np.int64]) -> NDArray[np.float64]:
        """Make the covariates of one profile on each of m days, shape (m, p)."""
        return np.tile(self.of(profile), (len(days), 1))


@dataclass(frozen=True, slots=True)
class Number(Term):
    """A column of numbers or bools, as it stands."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def label(self) -> str:
        """The column's name."""
        return self.column

    @property
    def names(self) -> tuple[str, ...]:
        """The column's name."""
        return (self.column,)

    def fixed(self, times: TimeToEvent) -> Number:  # noqa: ARG002
        """Nothing is open."""
        return self

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:
        """Read the column, shape (n,)."""
        return [numbers(rows[self.column], self.column)]

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Read the profile's number."""
        return [_number_in(profile, self.column)]


@dataclass(frozen=True, slots=True)
class Category(Term):
    """A column of labels: a covariate of 0 and 1 for each but the first.

    Parameters
    ----------
    column
        Text, a category, bools, or whole numbers that are codes.
    reference
        The label the others are set against; the first when left out.
    levels
        Every label there may be, in order; those found in the rows when left out.

    Examples
    --------
    >>> Category("tier", reference="FREE", levels=("FIXED", "FLEX", "FREE")).names
    ('tier[FIXED]', 'tier[FLEX]')
    """

    column: str
    reference: str | None = None
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Put the reference first, and refuse labels that cannot be told apart."""
        levels = tuple(map(str, self.levels))
        if self.reference is not None:
            object.__setattr__(self, "reference", str(self.reference))
        if len(set(levels)) < len(levels):
            raise ModelError(f"Labels of {self.column!r} read the same: give each its own.")
        if self.reference is not None and levels:
            if self.reference not in levels:
                raise ModelError(
                    f"The reference of {self.column!r} is none of its labels: {', '.join(levels)}."
                )
            levels = (self.reference, *(level for level in levels if level != self.reference))
        object.__setattr__(self, "levels", levels)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def label(self) -> str:
        """The column's name."""
        return self.column

    @property
    def names(self) -> tuple[str, ...]:
        """The column with each label but the first."""
        if len(self.levels) < 2:
            return (self.column,)
        return tuple(f"{self.column}[{level}]" for level in self.levels[1:])

    def fixed(self, times: TimeToEvent) -> Category:
        """Find the labels."""
        if self.levels:
            return self
        refuse_ids(times, one_column(times, self.column), codes=True)
        labels = labels_of(whole(times.columns[self.column], self.column), self.column, codes=True)
        return replace(self, levels=labels or (self.reference or "",))

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:
        """Tell the labels apart, shape (n,) each."""
        column = whole(rows[self.column], self.column).astype("category")
        place = {level: code for code, level in enumerate(self.levels)}
        code_of = [place.get(str(label), -1) for label in column.cat.categories]
        codes = np.array([*code_of, -1])[column.cat.codes.to_numpy()]
        if (codes < 0).any():
            raise ModelError(
                f"Column {self.column!r} has a label that was not fitted in {where(codes < 0)}."
            )
        return [codes == code for code in range(1, max(2, len(self.levels)))]

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Tell the profile's label apart."""
        value = _in(profile, self.column)
        if isinstance(value, float | np.floating) and float(value).is_integer():
            value = value if str(value) in self.levels else int(value)
        if str(value) not in self.levels:
            raise ModelError(
                f"The profile's {self.column!r} is none of the labels fitted: "
                f"{', '.join(self.levels)}."
            )
        return [float(str(value) == level) for level in self.levels[1:] or ("",)]


@dataclass(frozen=True, slots=True)
class Spline(Term):
    """A column of numbers as a restricted cubic spline: a curve, straight outside its knots.

    The covariates span the curve (see `splines`) and mean nothing one by one: read
    `CoxFit.effect_of` and `term_tests`.

    Parameters
    ----------
    column
        Numbers.
    knots
        How many, 3 to 7, at Harrell's quantiles of the people's values (each value of a person
        counts once, however many rows it fills); or where, in ascending order.

    References
    ----------
    Harrell (2015), Regression Modeling Strategies, 2nd ed., section 2.4.

    Examples
    --------
    >>> Spline("age", knots=[20, 30, 45]).names
    ('age spline 1', 'age spline 2')
    """

    column: str
    knots: int | Sequence[float] = 4

    def __post_init__(self) -> None:
        """Refuse knots that make no curve."""
        if isinstance(self.knots, int):
            if not FEWEST_KNOTS <= self.knots <= MOST_KNOTS:
                raise ModelError(f"A number of knots is {FEWEST_KNOTS} to {MOST_KNOTS}.")
            return
        knots = tuple(map(float, self.knots))
        if len(knots) < FEWEST_KNOTS or not np.isfinite(knots).all() or min(np.diff(knots)) <= 0:
            raise ModelError(
                f"Knots of {self.column!r} are at least {FEWEST_KNOTS} numbers in ascending order."
            )
        object.__setattr__(self, "knots", knots)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def label(self) -> str:
        """The column's name, as a spline."""
        return f"{self.column} spline"

    @property
    def places(self) -> tuple[float, ...]:
        """Where the knots are, once the term is fixed."""
        return () if isinstance(self.knots, int) else tuple(self.knots)

    @property
    def names(self) -> tuple[str, ...]:
        """One fewer than there are knots."""
        return tuple(f"{self.label} {j}" for j in range(1, len(self.places)))

    def fixed(self, times: TimeToEvent) -> Spline:
        """Place the knots."""
        if not isinstance(self.knots, int):
            return self
        count = self.knots
        x = numbers(times.columns[self.column], self.column)
        x = pd.DataFrame({"person": times.person, "x": x}).drop_duplicates().x.to_numpy(float)
        outer = 0.10 if count == 3 else 0.05 if count <= 6 else 0.025
        places = np.quantile(x, np.linspace(outer, 1 - outer, count)) if len(x) else np.zeros(count)
        if min(np.diff(places)) <= 0:
            raise ModelError(
                f"Column {self.column!r} has too few distinct values for {count} knots at its "
                "quantiles: ask for fewer, name where they are, or enter it as it stands."
            )
        return replace(self, knots=tuple(map(float, places)))

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:
        """Make the columns of the curve, shape (n,) each."""
        x = numbers(rows[self.column], self.column).astype(float)
        return list(restricted_cubic(x, self.places))

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Make the columns of the curve at the profile's number."""
        x = np.array([_number_in(profile, self.column)])
        return [float(column[0]) for column in restricted_cubic(x, self.places)]


@dataclass(frozen=True, slots=True, init=False)
class Interaction(Term):
    """Products of the covariates of several terms: whether one effect depends on another.

    Only the products: name the parts as terms too, unless a part is what the fit is stratified
    by.

    Parameters
    ----------
    parts
        Two column names or terms, or more, of different columns.

    Examples
    --------
    >>> tier = Category("tier", levels=("FIXED", "FLEX", "FREE"))
    >>> Interaction(Spline("age", knots=[20, 30, 45]), tier).names[:2]
    ('age spline 1:tier[FLEX]', 'age spline 1:tier[FREE]')
    """

    parts: tuple[str | Term, ...]

    def __init__(self, *parts: str | Term) -> None:
        """Refuse fewer than two parts, and a column that stands in two."""
        columns = [name for p in parts for name in ((p,) if isinstance(p, str) else p.columns)]
        if len(parts) < 2 or len(set(columns)) < len(columns):
            raise ModelError(
                "An Interaction is of two terms or more, each of a column of its own; for a curve "
                "use Spline."
            )
        object.__setattr__(self, "parts", parts)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The parts, once the term is fixed."""
        return tuple(part for part in self.parts if isinstance(part, Term))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of every part."""
        names = [(p,) if isinstance(p, str) else p.columns for p in self.parts]
        return tuple(name for some in names for name in some)

    @property
    def label(self) -> str:
        """The parts' labels."""
        return ":".join(part if isinstance(part, str) else part.label for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of one part with every name of the others."""
        return tuple(map(":".join, product(*(term.names for term in self.terms))))

    def fixed(self, times: TimeToEvent) -> Interaction:
        """Settle every part."""
        return Interaction(*(fixed_term(times, part) for part in self.parts))

    def values(self, rows: pd.DataFrame) -> list[NDArray[Any]]:
        """Multiply the parts' covariates, shape (n,) each."""
        parts = product(*(term.values(rows) for term in self.terms))
        return [reduce(np.multiply, columns) for columns in parts]

    def of(self, profile: Mapping[str, object]) -> list[float]:
        """Multiply the parts' covariates of the profile."""
        return [float(np.prod(x)) for x in product(*(term.of(profile) for term in self.terms))]


def fixed_term(times: TimeToEvent, term: str | Term) -> Term:
    """Say what a column name stands for, and settle what a term leaves open."""
    return term.fixed(times) if isinstance(term, Term) else plain_term(times.columns[term])


def plain_term(column: pd.Series) -> Term:
    """Say what a column stands for: a number, or a category of the labels in it."""
    name = str(column.name)
    if column.dtype.kind in "biuf":
        return Number(name)
    return Category(name, levels=labels_of(column, name) or ("",))


def _in(profile: Mapping[str, object], name: str) -> object:
    if name not in profile:
        raise ModelError(f"The profile says nothing of {name!r}.")
    return profile[name]


def _number_in(profile: Mapping[str, object], name: str) -> float:
    value = _in(profile, name)
    if not isinstance(value, int | float | np.number | np.bool_) or not np.isfinite(value):
        raise ModelError(f"The profile's {name!r} is not a number.")
    return float(value)
