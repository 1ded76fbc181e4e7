"""What a term does as a whole: a joint test, and its effect at one value against another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE
from desistance.survival.cox.overtime import TimeVarying
from desistance.survival.hazardratios import Z95
from desistance.survival.terms import Category, Interaction, Spline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from desistance.survival.cox.fitted import CoxFit
    from desistance.survival.terms import Term

    Floats = NDArray[np.float64]

POINTS_DRAWN = 41
SPANS_NOTHING = 1e-10  # of the largest eigenvalue


def term_tests(fitted: CoxFit) -> pd.DataFrame:
    """Wald tests, one row a term, and one more where its effect changes with time."""
    rows = []
    for term, places in _with_places(fitted.read_as):
        notes = [fitted.notes[j] for j in places]
        found = [j for j, note in zip(places, notes, strict=True) if not note]
        missing = "; ".join(
            f"`{fitted.terms[j]}` {fitted.notes[j]}" for j in places if fitted.notes[j]
        )
        if not found:
            missing = notes[0]
        one = np.eye(len(fitted.terms))
        rows.append((term.label, *_wald(fitted, one[found]), missing))
        if isinstance(term, TimeVarying):
            contrasts = term.contrasts() @ one[places]
            why = f"{NOT_ESTIMABLE}: a part of the term is not" if missing else ""
            label = f"{term.label}, change with time"
            rows.append((label, *_wald(fitted, contrasts[: 0 if missing else None]), why))
    return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "note"])


def _with_places(terms: tuple[Term, ...]) -> Iterator[tuple[Term, list[int]]]:
    first = 0
    for term in terms:
        yield term, list(range(first, first + len(term.names)))
        first += len(term.names)


def _wald(fitted: CoxFit, contrasts: Floats) -> tuple[float, int, float]:
    """Test that combinations (c, p) of the log hazards are 0; c = 0 for no test."""
    used = np.flatnonzero((contrasts != 0).any(axis=0))
    contrasts = contrasts[:, used]
    off = contrasts @ fitted.log_hazards[used]
    spread = contrasts @ fitted.covariance[np.ix_(used, used)] @ contrasts.T
    if not len(contrasts) or np.isnan(spread).any():
        return np.nan, 0, np.nan
    size = np.sqrt(np.diag(spread))
    turned, directions = np.linalg.eigh(spread / np.outer(size, size))
    kept = turned > SPANS_NOTHING * turned[-1]
    statistic = float(np.sum((directions.T[kept] @ (off / size)) ** 2 / turned[kept]))
    return statistic, int(kept.sum()), float(chdtrc(kept.sum(), statistic))


def effect_of(
    fitted: CoxFit,
    column: str,
    at: Sequence[object] | None,
    reference: object,
    given: Mapping[str, object] | None,
    day: int | None,
) -> pd.DataFrame:
    """Hazard ratios of each value in `at` against the reference; see `CoxFit.effect_of`."""
    terms = [(term, places) for term, places in _with_places(fitted.read_as)
             if column in term.columns]  # fmt: skip
    if not terms:
        read = dict.fromkeys(name for term in fitted.read_as for name in term.columns)
        raise ModelError(f"No term reads {column!r}; there are {', '.join(map(repr, read))}.")
    if day is None and any(isinstance(term, TimeVarying) for term, _ in terms):
        raise ModelError(f"The effect of {column!r} changes with time: say on which `day`.")
    if day is not None and day < 1:
        raise ModelError("`day` is 1 or later.")
    at, reference = _values(column, [term for term, _ in terms], at, reference)
    places = [j for _, mine in terms for j in mine]
    days = np.array([day or 1], np.int64)

    def covariates(value: object) -> Floats:
        profile = {**(given or {}), column: value}
        return np.concatenate([term.over(profile, days)[0] for term, _ in terms])

    off = np.array([covariates(value) for value in at]) - covariates(reference)
    slopes, spread = fitted.log_hazards[places], fitted.covariance[np.ix_(places, places)]
    lost = [f"`{fitted.terms[j]}`" for j in places if np.isnan(fitted.log_hazards[j])]
    with np.errstate(over="ignore"):
        log, error = off @ slopes, np.sqrt(np.einsum("ap,pq,aq->a", off, spread, off))
        low, high = np.exp(log - Z95 * error), np.exp(log + Z95 * error)
        ratio = np.exp(log)
    note = f"{NOT_ESTIMABLE}: {', '.join(lost)} is not" if lost else ""
    return pd.DataFrame(
        {
            "term": column, "value": list(at), "estimate": ratio, "std_error": error,
            "conf_low": low, "conf_high": high, "note": note,
        }
    )  # fmt: skip


def _values(
    column: str, terms: Sequence[Term], at: Sequence[object] | None, reference: object
) -> tuple[Sequence[object], object]:
    """Where to look where nobody says: over a spline's knots, or at every label."""
    for part in (part for term in terms for part in _parts(term) if part.columns == (column,)):
        if isinstance(part, Spline):
            knots = part.places
            at = np.linspace(knots[0], knots[-1], POINTS_DRAWN).tolist() if at is None else at
            reference = knots[len(knots) // 2] if reference is None else reference
        if isinstance(part, Category):
            at = part.levels if at is None else at
            reference = part.levels[0] if reference is None else reference
    if at is None or reference is None:
        raise ModelError(
            f"Say at which values of {column!r}, and against which: `at`, `reference`."
        )
    return at, reference


def _parts(term: Term) -> tuple[Term, ...]:
    inner = term.term if isinstance(term, TimeVarying) else term
    return inner.terms if isinstance(inner, Interaction) else (inner,)
