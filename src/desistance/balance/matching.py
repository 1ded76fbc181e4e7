"""Match each person who was exposed to people who were not, with a like chance of it.

Of a follow-up, only people of the same risk set are matched: all have gone the same time since
leaving. Of a frame, a row is a person. A person exposed weighs 1, and those matched to them share a
weight of 1, so that the comparison stands for those exposed who could be matched (ATT). Nobody's
place in the table matters: ties go to the label, or the person, that comes first.

nearest
    Greedy: those exposed are served by their score, see `nearest`; everybody within the caliper
    with ``ratio=None`` (radius matching, as the Justice Data Lab does).
optimal
    First as many of those exposed as can be are given one, then as many pairs are made as can be:
    of all such pairs, those with the least total distance. Of a follow-up, over all risk sets
    together, so that each person serves once (Li, Propert and Rosenbaum 2001, Journal of the
    American Statistical Association 96(455)). Whom somebody serves then depends on how long they
    could; not so with replacement, as designs have it.
full
    Sets of one of a cohort and any number of the other, with the least total distance. Of a
    follow-up, risk set by risk set: a person may serve in several.
strata
    Everybody who agrees on the `exact` and `coarsened` columns, whatever their score.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from desistance.balance.cohorts import Balance, balanced_rows
from desistance.balance.comparators import Comparator
from desistance.balance.covariates import one_column
from desistance.balance.nearest import Order, nearest, once_each, within
from desistance.balance.optimal import full_sets, optimal_pairs
from desistance.balance.propensity import Method, estimate_propensity, label_order, scored
from desistance.balance.rows import NEEDS, refuse_no_followup
from desistance.balance.weights import weigh_cohorts
from desistance.checks import is_number, is_whole, numbers_of
from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from desistance.balance.propensity import Propensity
    from desistance.followup import FollowUp

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

DECIMALS = 12
REUSED = "with replacement"  # of a fixed number of neighbours, who may serve several
Way = Literal["nearest", "optimal", "full", "strata"]
SetWay = Literal["match", "entropy", "inverse"]
Distance = Literal["probability", "log-odds"]


@dataclass(frozen=True, slots=True)
class BalanceDesign:
    """How cohorts are made alike.

    Attributes
    ----------
    terms
        What the chance of joining is modelled on: columns of `Histories.known_on` as known on
        the day of joining, columns of `FollowUp.people` fixed on leaving, and "needs" for every
        pathway.
    ratio
        Up to how many people each one who joined is compared with, the nearest first; everyone
        within the caliper when None (radius matching, as the Justice Data Lab does). A person
        may serve several.
    caliper
        Furthest two matched log odds may be apart, in standard deviations of the log odds over
        all risk sets; obeyed pair by pair.
    exact
        Columns (as in `terms`) on which matched people must agree.
    propensity
        How the chance is estimated; see `desistance.balance.propensity`.
    way
        "match", or weigh everybody of the risk sets: "entropy" until the means are equal, or
        "inverse"; see `desistance.balance.weights`.
    comparator
        Who may be compared; everybody at risk on the same day since leaving when None. See
        `desistance.balance.comparators`.
    """

    terms: tuple[str, ...] = (
        "age", "sex", "tier", "n_previous", "n_previous_SAC_HMICFRS2022", "copas_rate",
        "months_since_offence", "custody_days", NEEDS,
    )  # fmt: skip
    ratio: int | None = None
    caliper: float = 0.2
    exact: tuple[str, ...] = ()
    propensity: Method = "ridge"
    way: SetWay = "match"
    comparator: Comparator | None = None

    def __post_init__(self) -> None:
        _check(self.ratio, self.caliper)


def balance_cohorts(followed: FollowUp, design: BalanceDesign | None = None) -> Balance:
    """Match those who joined to those who had not, on equal days since leaving.

    On the day each person joins, the people who could have joined the same number of days after
    leaving form a risk set; the chance of joining is modelled over all sets from what was known
    on that day; those of the set within the caliper are compared. No outcome is read.

    Parameters
    ----------
    followed
        From `follow_up`, with the exposure that starts later.
    design
        The choices; see `BalanceDesign`.

    Returns
    -------
    Balance
        Estimand: the effect on those who joined and could be matched.

    Raises
    ------
    ModelError
        If nobody joined, or a term is unknown.
    """
    design = design or BalanceDesign()
    return balance_sets(score_sets(followed, design), design)


def score_sets(followed: FollowUp, design: BalanceDesign) -> Propensity:
    """Estimate the chance of joining within the risk sets of a design."""
    refuse_no_followup(followed)
    return estimate_propensity(
        followed, terms=design.terms, method=design.propensity, comparator=design.comparator
    )


def balance_sets(propensity: Propensity, design: BalanceDesign) -> Balance:
    """Match or weigh within the risk sets, as a design says."""
    if design.way != "match":
        return weigh_cohorts(propensity, method=design.way)
    return match_cohorts(
        propensity, ratio=design.ratio, replacement=True, caliper=design.caliper,
        exact=design.exact,
    )  # fmt: skip


def match_cohorts(
    propensity: Propensity,
    *,
    method: Way = "nearest",
    ratio: int | None = 1,
    replacement: bool = False,
    caliper: float | None = None,
    distance: Distance | None = None,
    exact: Sequence[str] = (),
    coarsened: Mapping[str, Sequence[float]] | None = None,
    order: Order = "largest",
) -> Balance:
    """Match those exposed to people with a like chance of it.

    Parameters
    ----------
    propensity
        From `estimate_propensity`, of a frame or a follow-up.
    method
        See `desistance.balance.matching`.
    ratio
        Up to how many are matched to each exposed; everybody within the caliper when None.
    replacement
        Whether a person may serve several.
    caliper
        Furthest a pair may be apart, in standard deviations of the distance over all rows; obeyed
        pair by pair. None for any distance.
    distance
        What is compared: "probability" (the default of a frame) or "log-odds" (of a follow-up).
    exact, coarsened
        Columns on which matched people must agree, and inner edges of the intervals within which
        they must: ``{"age": [25, 35]}`` makes three, each closed on the left.
    order
        Whether the largest or smallest score is served first by "nearest".

    Returns
    -------
    Balance
        `weights` stand on the index of the input.

    Raises
    ------
    ModelError
        If the choices do not go together, or nobody can be matched.

    Examples
    --------
    >>> frame = pd.DataFrame({"joined": [0, 0, 0, 1, 1, 0], "age": [20, 25, 31, 30, 41, 45]})
    >>> fitted = estimate_propensity(frame, exposed="joined", terms=["age"])
    >>> match_cohorts(fitted).weights.tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    """
    scored(propensity)
    _check(ratio, caliper)
    ratio = None if ratio is None else int(ratio)
    _choices(method, ratio, distance, order, caliper, replacement=replacement)
    of_frame = propensity.sets is None
    distance = distance or ("probability" if of_frame else "log-odds")
    score = propensity.log_odds if distance == "log-odds" else expit(propensity.log_odds)
    score = np.round(score, DECIMALS)  # people with the same covariates have the same score
    spread = float(score.std(ddof=1))
    furthest = np.inf if caliper is None else caliper * spread
    person = np.arange(len(score)) if of_frame else propensity.sets["person"].to_numpy()  # type: ignore[index]
    place, block = _blocks(propensity, exact, coarsened or {})
    served = score[place], propensity.exposed[place], block[place]
    if method == "strata":
        one, other = _strata(*served[1:])
    elif method == "optimal":
        one, other = optimal_pairs(
            *served, ratio=ratio or 1, caliper=furthest, person=None if of_frame else person[place]
        )
    elif method == "full":
        one, other = full_sets(*served, caliper=furthest)
    elif ratio is None:
        one, other = within(*served, caliper=furthest)
    elif of_frame or replacement:
        one, other = nearest(
            *served, ratio=ratio, replacement=replacement, caliper=furthest, order=order
        )
    else:
        one, other = once_each(*served, person[place], ratio=ratio, caliper=furthest, order=order)
    one, other = place[one], place[other]
    told = {
        "nearest": "everyone" if ratio is None else f"the {ratio} nearest",
        "optimal": f"the best {ratio} in all",
        "full": "full matching",
        "strata": "strata",
    }[method]
    if replacement and ratio is not None:
        told += f" {REUSED}"
    if method != "strata" and caliper is not None:
        told += f" within {caliper:g} SD of the {distance.replace('-', ' ')}"
    said = []
    if caliper is None and method != "strata" and len(one):
        worst = float(np.abs(score[one] - score[other]).max()) / spread
        said.append(
            f"There is no caliper: the pair furthest apart is {worst:.2f} standard deviations of "
            f"the {distance} apart."
        )
    return balanced_rows(propensity, one, other, told, said, full=method in ("full", "strata"))


def _check(ratio: float | None, caliper: float | None) -> None:
    if not (ratio is None or is_whole(ratio)):
        raise ModelError("`ratio` is a whole number, 1 or more, or None.")
    if not (caliper is None or (is_number(caliper) and caliper > 0)):
        raise ModelError("`caliper` is a number above 0.")


def _choices(
    method: str, ratio: int | None, distance: str | None, order: str, caliper: float | None,
    *, replacement: bool,
) -> None:  # fmt: skip
    """Refuse choices that do not go together."""
    for name, value, known in (
        ("method", method, get_args(Way)),
        ("distance", distance or "log-odds", get_args(Distance)),
        ("order", order, get_args(Order)),
    ):
        if value not in known:
            raise ModelError(f"`{name}` is one of {', '.join(known)}.")
    if ratio is None and method == "nearest" and (caliper is None or not replacement):
        raise ModelError("`ratio=None` needs a `caliper` and `replacement=True`.")
    if ratio is None and method == "optimal":
        raise ModelError('`ratio=None` is for method="nearest", not "optimal".')
    if ratio not in (None, 1) and method in ("full", "strata"):
        raise ModelError(
            f'`ratio` is not for method="{method}", whose sets are as large as they come.'
        )
    if caliper is not None and method == "strata":
        raise ModelError('`caliper` is not for method="strata", which looks at no score.')
    if replacement and method != "nearest":
        raise ModelError(f'`replacement=True` is for method="nearest", not "{method}".')


def _blocks(
    propensity: Propensity, exact: Sequence[str], coarsened: Mapping[str, Sequence[float]]
) -> tuple[Ints, Ints]:
    """Order the rows by label, or by person; and number the groups whose members may be matched."""
    frame = propensity.frame
    keys: list[Ints] = []
    for name in exact:
        keys.append(pd.factorize(one_column(frame, name).astype("string").fillna("unknown"))[0])
    for name, edges in coarsened.items():
        known = numbers_of(one_column(frame, name))
        interval = np.searchsorted(_inner_edges(name, edges), known, "right")
        keys.append(np.where(np.isnan(known), -1, interval))
    if propensity.sets is None:
        place = label_order(frame.index)
    else:
        keys.append(propensity.sets["match"].to_numpy())
        place = np.lexsort((propensity.sets["person"], propensity.sets["match"]))
    if not keys:
        return place, np.zeros(len(frame), np.int64)
    block = np.unique(np.column_stack(keys), axis=0, return_inverse=True)[1]
    return place, block.reshape(-1)


def _inner_edges(name: str, edges: object) -> Floats:
    """Refuse edges that bound no intervals."""
    found = [] if isinstance(edges, str) or not isinstance(edges, Iterable) else list(edges)
    if not found or not all(map(is_number, found)) or (np.diff(found) <= 0).any():
        raise ModelError(f"The edges of {name!r} in `coarsened` are numbers that rise.")
    return np.array(found, float)


def _strata(exposed: NDArray[np.bool_], block: Ints) -> tuple[Ints, Ints]:
    """Chain the members of every block that has both cohorts: each to the first of the other."""
    rows = np.arange(len(block))
    n = int(block.max()) + 1
    first = np.full((2, n), len(block))
    np.minimum.at(first, (exposed.astype(int), block), rows)
    both = (first.max(axis=0) < len(block))[block]
    ours, theirs = rows[exposed & both], rows[~exposed & both]
    one = np.concatenate([ours, first[1][block[theirs]]])
    other = np.concatenate([first[0][block[ours]], theirs])
    return one, other
