"""The rows that are compared: people of a frame, or of the risk sets of a follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from desistance.balance.covariates import one_column
from desistance.balance.riskset import candidates
from desistance.checks import flags_of
from desistance.errors import ModelError, NobodyToMatchError
from desistance.timetoevent import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from desistance.balance.comparators import Comparator
    from desistance.followup import FollowUp

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEEDS = "needs"  # stands for every pathway need of the scheme
NAMES = ("not exposed", "exposed")


@runtime_checkable
class Followed(Protocol):
    """A follow-up, told from a frame by what it can do."""

    def known_from(self, person: Ints, day: Ints) -> pd.DataFrame:
        """What was known of people on days since leaving."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows, and what is known of each.

    Attributes
    ----------
    frame : DataFrame, n rows
    exposed : bool array, shape (n,)
    person : int64 array, shape (n,)
    sets : DataFrame or None, n rows
        ``match, person, day, exposed`` of a follow-up.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: of those exposed.
    terms, names
        Columns to compare, and what the cohorts are called: not exposed, and exposed.
    """

    frame: pd.DataFrame
    exposed: Bools
    person: Ints
    sets: pd.DataFrame | None
    flow: pd.DataFrame
    terms: list[str]
    names: tuple[str, str]


def rows_of(
    people: pd.DataFrame | FollowUp,
    terms: Sequence[str],
    *,
    exposed: str | None = None,
    comparator: Comparator | None = None,
) -> Rows:
    """Read a row a person of a frame, or a row for each person of each risk set of a follow-up.

    Raises
    ------
    ModelError
        If `people` is neither, the choices are not for it, or nobody can be compared.
    """
    terms = [] if isinstance(terms, str) else list(terms)
    if not terms:
        raise ModelError("`terms` is a list of columns, one at least.")
    if isinstance(people, pd.DataFrame):
        if comparator is not None:
            raise ModelError("`comparator` needs a follow-up: a frame has no areas and no days.")
        people = plain(people)
        flags = _exposed(people, exposed)
        person = np.arange(len(people))
        return Rows(people, flags, person, None, _everyone(flags), list(terms), NAMES)
    if not isinstance(people, Followed):
        raise ModelError("`people` is a frame with a row a person, or a follow-up.")
    if exposed is not None:
        raise ModelError("`exposed` is for a frame; a follow-up knows who joined.")
    sets, flow = candidates(people, comparator)
    if sets.empty:
        raise NobodyToMatchError(f"Nobody who joined {people.design.joining} can be matched.", flow)
    person = sets["person"].to_numpy()
    known = known_of(people, person, sets["day"].to_numpy())
    wanted = needs_named(people, terms)
    return Rows(known, sets["exposed"].to_numpy(), person, sets, flow, wanted, people.design.names)


def refuse_no_followup(value: object) -> None:
    """Refuse what is no follow-up."""
    if not isinstance(value, Followed):
        raise ModelError(f"`followed` is from `follow_up`, not a {type(value).__name__}.")


def needs_named(followed: FollowUp, terms: Iterable[str]) -> list[str]:
    """Put the pathway needs of the scheme in the place of `NEEDS`."""
    needs = [f"need_{code}" for code in followed.histories.scheme.headline]
    return [name for term in terms for name in (needs if term == NEEDS else (term,))]


def known_of(followed: FollowUp, person: Ints, day: Ints) -> pd.DataFrame:
    """Tell what was known of each row on its day, and what was fixed on leaving."""
    known = followed.known_from(person, day)
    fixed = followed.known.iloc[person].reset_index(drop=True)
    return known.join(fixed[[name for name in fixed if name not in known]])


def weight_before(exposed: Bools, sets: pd.DataFrame | None) -> Floats:
    """What rows (n,) weigh before they are balanced: of a risk set, the others share a weight."""
    if sets is None:
        return np.ones(len(exposed))
    size = sets.groupby("match")["match"].transform("size").to_numpy()
    return np.where(exposed, 1.0, 1 / (size - 1))


def refuse_repeated(index: pd.Index) -> None:
    """Refuse labels that cannot tell rows apart."""
    if index.has_duplicates:
        raise ModelError("The index of the frame has labels that repeat; `reset_index()` it.")


def _exposed(frame: pd.DataFrame, exposed: str | None) -> Bools:
    if exposed is None:
        raise ModelError("`exposed` names the column that says who was exposed.")
    if exposed not in frame:
        raise ModelError(f"`exposed={exposed!r}` is not a column.")
    values = flags_of(one_column(frame, exposed))
    if values.isna().any():
        raise ModelError(f"{exposed!r} is empty in {values.isna().sum()} of {len(values)} rows.")
    if not values.isin([0, 1]).all():
        raise ModelError(f"{exposed!r} holds other values than 0 and 1, or yes and no.")
    found = values.to_numpy(dtype=bool)
    if found.all() or not found.any():
        raise ModelError(f"{exposed!r} is the same for everybody: there is nobody to compare.")
    return found


def _everyone(exposed: Bools) -> pd.DataFrame:
    return pd.DataFrame(
        [("people who were exposed", 0, int(exposed.sum()))],
        columns=["step", "n_left_out", "n_remaining"],
    )
