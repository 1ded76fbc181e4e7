"""The hazard of joining, window by window of days since leaving.

A person can join in a window if, on its first day, they had not joined and were there to do so.
Whether they did is modelled by pooled logistic regression on what was known on that first day and
on time, in bands with about equally many who joined; without terms it is the plain share of each
band. After the last day on which anybody joined the hazard is 0.

The numerator of stabilised weights is the same without terms.

References: Robins, Hernán and Brumback (2000), Epidemiology 11(5); D'Agostino and others (1990),
Statistics in Medicine 9(12), of pooled logistic regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from desistance.balance.covariates import in_standard_units, varying_columns
from desistance.balance.propensity import RIDGE
from desistance.balance.rows import known_of, needs_named
from desistance.followup.rules import extract_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.comparison.timing.design import Model
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

JOINERS_A_BAND, MOST_BANDS = 10, 8
SURE = 1 - 1e-9  # no hazard is as high as 1, so that weights are finite


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """W windows of days since leaving: ``start[w], ..., start[w] + length[w] - 1``."""

    start: Ints
    length: Ints

    @classmethod
    def up_to(cls, last: int, *, every: int, edge: int = 0) -> Windows:
        """Cut days 0 to `last` into windows of `every` days, one of which begins on `edge`."""
        start = np.unique(np.append(0, np.arange(edge % every, last + 1, every)))
        return cls(start, np.diff(np.append(start, max(last + 1, start[-1] + 1))))

    def of(self, day: Ints) -> Ints:
        """Give the window that holds each day; the last one, W, stands for all days after."""
        end = self.start[-1] + self.length[-1]
        return np.where(day >= end, len(self.start), np.searchsorted(self.start, day, "right") - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Joining:
    """Who could join when, and who did: m pairs of a person and a window.

    Attributes
    ----------
    person, window : int64 arrays, shape (m,)
    joins : bool array, shape (m,)
    columns : float64 array, shape (m, p)
        Standardised covariates.
    band : int64 array, shape (m,)
        Of time; -1 after the last window in which anybody joined.
    """

    n_people: int
    windows: Windows
    model: Model
    person: Ints
    window: Ints
    joins: Bools
    columns: Floats
    band: Ints

    def hazards(self, counts: Floats) -> tuple[Floats, Floats]:
        """Fit, each person counted so many times: hazards with terms and without, (n, W + 1).

        0 where a person could not join.
        """
        shape = self.n_people, len(self.windows.start) + 1
        with_terms, without = np.zeros(shape), np.zeros(shape)
        inside = self.band >= 0
        who, when, band = self.person[inside], self.window[inside], self.band[inside]
        joins = self.joins[inside]
        weight = counts[who]
        total = np.bincount(band, weight)
        share = np.divide(
            np.bincount(band, weight * joins), total, out=np.zeros_like(total), where=total > 0
        )
        without[who, when] = share[band]
        with_terms[who, when] = share[band]
        if self.columns.shape[1] and 0 < weight @ joins < weight.sum():
            in_band = (band[:, None] == np.arange(1, band.max() + 1)).astype(float)
            x = np.column_stack([self.columns[inside], in_band])
            with_terms[who, when] = chances(x, joins, weight, self.model)
        return np.minimum(with_terms, SURE), np.minimum(without, SURE)


def chances(x: Floats, happened: Bools, weight: Floats, model: Model) -> Floats:
    """Fit a logistic model to rows (m, p), and give each row's chance, shape (m,)."""
    used = weight > 0
    fitted = (
        LogisticRegression(C=1 / RIDGE, tol=1e-8, max_iter=10_000) if model == "ridge"
        else LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    ).fit(x[used], happened[used], sample_weight=weight[used])  # fmt: skip
    found: Floats = fitted.predict_proba(x)[:, 1]
    return found


def joining_of(
    followed: FollowUp,
    windows: Windows,
    last: Ints,
    terms: Sequence[str],
    model: Model,
    *,
    first: int = 0,
    at_liberty: bool,
) -> Joining:
    """List who could join in which window.

    Parameters
    ----------
    last : int64 array, shape (n_people,)
        Nobody joins on or after this day, nor can join in a window that begins on or after it.
    first
        Windows before this one are passed over.
    at_liberty
        Whether only people at liberty on the first day of a window could join in it.
    """
    n, joined = len(followed.people), followed.joined
    person, window = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(n), np.arange(first, len(windows.start)), indexing="ij")
    )
    day = windows.start[window]
    able = (joined[person] >= day) & (day < last[person])
    able &= followed.index_day[person] + day <= extract_day(followed.histories)
    person, window, day = person[able], window[able], day[able]
    if at_liberty:
        free = followed.at_liberty(person, day)
        person, window, day = person[free], window[free], day[free]
    joins = (joined[person] < day + windows.length[window]) & (joined[person] < last[person])
    return Joining(
        n, windows, model, person, window, joins,
        standardised(followed, person, day, terms), _bands(window, joins),
    )  # fmt: skip


def _bands(window: Ints, joins: Bools) -> Ints:
    """Cut windows into bands with about equally many who joined."""
    when = window[joins]
    if not len(when):
        return np.full(len(window), -1)
    n_bands = int(np.clip(len(when) // JOINERS_A_BAND, 1, MOST_BANDS))
    shares = np.arange(1, n_bands) / n_bands
    edges = np.unique(np.quantile(when, shares, method="higher")) if n_bands > 1 else np.zeros(0)
    edges = edges[edges > when.min()]
    return np.where(window > when.max(), -1, np.searchsorted(edges, window, "right"))


def standardised(followed: FollowUp, person: Ints, day: Ints, terms: Sequence[str]) -> Floats:
    """Turn what was known of people on days since leaving into columns of mean 0, shape (m, p)."""
    if not terms or not len(person):
        return np.zeros((len(person), 0))
    columns = varying_columns(known_of(followed, person, day), needs_named(followed, terms))
    return in_standard_units(columns.to_numpy(float))[0]
