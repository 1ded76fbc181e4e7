"""From a list of names and typed terms to terms that are settled, and the rows they leave out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from desistance.errors import ModelError
from desistance.survival.suspicion import noticed
from desistance.survival.terms.columns import left_out, one_column, refuse_ids, refuse_outcomes
from desistance.survival.terms.kinds import Interaction, Term, plain_term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.timetoevent import TimeToEvent


def read_terms(
    times: TimeToEvent, terms: Sequence[str | Term]
) -> tuple[TimeToEvent, tuple[Term, ...]]:
    """Fix the terms, leaving out and counting rows where a column of one is empty.

    Raises
    ------
    ModelError
        If the terms are not a list of distinct columns, or terms, that can make covariates.
    """
    if isinstance(terms, str | Term):
        raise ModelError(f"`terms` is a list of columns and terms: write [{terms!r}].")
    if not isinstance(terms, Collection):
        raise ModelError(f"`terms` is a list of columns and terms, not {type(terms).__name__}.")
    if not len(terms):
        raise ModelError("`terms` is empty; name at least one column.")
    wrong = [term for term in terms if not isinstance(term, str | Term)]
    if wrong:
        raise ModelError(
            f"A term is a column's name or a term object, not {type(wrong[0]).__name__}."
        )
    if len(set(terms)) < len(terms):
        raise ModelError("`terms` names a column or a term twice.")
    came, columns = times, {name: one_column(times, name) for name in columns_of(terms)}
    for name, column in columns.items():
        refuse_ids(came, column)
        refuse_outcomes(came, name)
    for name, column in columns.items():
        times = left_out(times, column if times is came else times.columns[name])
    if times is not came:
        columns = {name: times.columns[name] for name in columns}
    fixed = tuple(
        term.fixed(times) if isinstance(term, Term) else plain_term(columns[term]) for term in terms
    )
    names = [name for term in fixed for name in term.names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"`terms` makes a covariate called {twice!r} twice.")
    times = noticed(times, columns.values())
    said = without_parts(fixed)
    return replace(times, caveats=(*times.caveats, *said)) if said else times, fixed


def without_parts(terms: tuple[Term, ...]) -> list[str]:
    """Say which parts of an interaction are no terms themselves."""
    there = {term.columns for term in terms}
    return [
        f"`{term.label}` is a term and `{part.label}` is not: unless the fit is stratified by it, "
        f"the interaction also holds what `{part.label}` does by itself."
        for term in terms
        if isinstance(term, Interaction)
        for part in term.terms
        if part.columns not in there
    ]


def columns_of(terms: Sequence[str | Term]) -> list[str]:
    """The columns that terms read, each once."""
    named = [(term,) if isinstance(term, str) else term.columns for term in terms]
    return list(dict.fromkeys(name for names in named for name in names))
