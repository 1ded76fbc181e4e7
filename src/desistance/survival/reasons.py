"""Why a Cox term is not estimable, and what a reader must know before reading the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE, Caveat, ErrorCaveat
from desistance.survival.penalty import Ridge
from desistance.survival.terms import told_of_left_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.newton import Maximum
    from desistance.survival.partial_likelihood import PartialLikelihood
    from desistance.survival.penalty import Penalty
    from desistance.timetoevent import TimeToEvent

    Ints = NDArray[np.int64]

Variance = Literal["model", "robust", "cluster"]
FEWEST_EVENTS_PER_TERM, FAR_TOO_FEW_PER_TERM = 10, 5
FEWEST_CLUSTERS = 30


def why_not_estimable(problem: PartialLikelihood, top: Maximum) -> tuple[str, ...]:
    """Why each term is not estimable; empty where it is."""
    names = problem.covariates.names
    if not problem.sets.n_days:
        return (f"{NOT_ESTIMABLE}: no event",) * len(names)
    why = [""] * len(names)
    for j, others in top.aliased.items():
        why[j] = told_alias(names, others) or "constant among those at risk together"
    for far in np.flatnonzero(top.runaway):
        why[far] = why_monotone(*problem.seen(int(far)), names[far])
    for late in np.flatnonzero(top.unsettled & ~top.runaway):
        why[late] = f"the fit had not settled after {top.iterations} steps"
    return tuple(f"{NOT_ESTIMABLE}: {reason}" if reason else "" for reason in why)


def told_alias(names: tuple[str, ...], others: tuple[int, ...]) -> str:
    """Say which terms a term repeats; empty where it repeats none."""
    told = ", ".join(f"`{names[other]}`" for other in others)
    return f"{'the same as' if len(others) == 1 else 'a combination of'} {told}" if told else ""


def why_monotone(x: NDArray[Any], event: NDArray[np.bool_], name: str) -> str:
    """Say which side of a flag has no event, or that the covariate sorts the events."""
    values, with_event = np.unique(x), np.unique(x[event])
    if len(values) == 2 and len(with_event) == 1:
        without = values[values != with_event[0]][0]
        return f"no event among those with `{name}` {float(without):g}"
    return f"no event contradicts `{name}`: the likelihood rises without end"


@dataclass(frozen=True, slots=True)
class Counted:
    """What was fitted, in numbers.

    `most_events` is of one person, 0 where a shared frailty allows for several.
    """

    n: int
    n_people: int
    n_events: int
    most_events: int
    n_clusters: int


def caveats_of(
    came: TimeToEvent,
    kept: TimeToEvent,
    notes: tuple[str, ...],
    variance: Variance,
    clusters: Ints,
    *,
    penalised: bool = False,
    shared: bool = False,
) -> tuple[str, ...]:
    """What a reader must know before reading the numbers."""
    counted = Counted(
        kept.n,
        kept.n_people,
        int(kept.event.sum()),
        0 if shared else int(np.bincount(kept.person[kept.event]).max(initial=0)),
        int(clusters.max(initial=-1)) + 1,
    )
    told = caveats_of_counts(counted, notes, variance, penalised=penalised)
    return (*told_of_left_out(came, kept), *told)


def caveats_of_counts(
    counted: Counted, notes: tuple[str, ...], variance: Variance, *, penalised: bool = False
) -> tuple[str, ...]:
    """What the numbers of people, events and clusters call for."""
    said: list[str] = []
    fitted, events = sum(not note for note in notes), counted.n_events
    if not penalised and fitted and events < FEWEST_EVENTS_PER_TERM * fitted:
        said.append(
            Caveat(
                f"{{ratio}} events per term ({{events}} events, {fitted} terms): "
                f"{told_of_few_events(events, fitted)}.",
                ratio=events // fitted,
                events=events,
            )
        )
    elif fitted > events:
        said.append(
            Caveat(
                f"More terms ({fitted}) than events ({{events}}): the estimates owe more to the "
                "penalty than to the data.",
                events=events,
            )
        )
    if variance == "model" and counted.most_events > 1:
        said.append(ErrorCaveat("Some people have several events: use variance='cluster'."))
    if variance == "robust" and counted.n_people < counted.n:
        said.append(ErrorCaveat("Some people have several rows: use variance='cluster'."))
    if variance == "cluster" and 0 < counted.n_clusters < FEWEST_CLUSTERS:
        said.append(
            ErrorCaveat(
                f"Only {{clusters}} clusters: below {FEWEST_CLUSTERS}, the clustered variance is "
                "too small.",
                clusters=counted.n_clusters,
            )
        )
    return tuple(said)


def refuse_few_clusters(cluster: str | None, n_clusters: int, n_terms: int) -> None:
    """Refuse a named column of so few groups that their moves, which add up to 0, have no spread.

    Of one group the sandwich is 0; of no more groups than terms it is in some direction.
    """
    if cluster is not None and 0 < n_clusters <= n_terms:
        raise ModelError(
            f"`cluster={cluster!r}` makes {n_clusters} group{'s' * (n_clusters != 1)} for "
            f"{n_terms} term{'s' * (n_terms != 1)}, and a clustered variance needs more groups "
            "than terms: name a finer column, enter fewer terms, or leave `cluster` out."
        )


def told_of_few_events(events: int, terms: int) -> str:
    """Say what so few events do to so many unpenalised terms; empty where they are enough."""
    if events >= FEWEST_EVENTS_PER_TERM * terms:
        return ""
    told = f"below {FEWEST_EVENTS_PER_TERM}, estimates are unstable and too far from 1"
    if events >= FAR_TOO_FEW_PER_TERM * terms:
        return told
    return f"{told}; below {FAR_TOO_FEW_PER_TERM}, fit fewer terms or with a penalty"


def offer_of_firth(
    events: int, top: Maximum, variance: Variance, ties: str, *, weighted: bool
) -> tuple[str, ...]:
    """Offer Firth's penalty where it helps and can be had."""
    to_fit = len(top.beta) - len(top.aliased)
    few = 0 < events < FEWEST_EVENTS_PER_TERM * to_fit
    can_be_had = variance == "model" and not weighted and ties != "exact"
    if not (can_be_had and (few or top.runaway.any())):
        return ()
    return (
        "penalty='firth' takes out most of the bias of few events, and gives a finite estimate "
        "and interval where no event contradicts a term.",
    )


def what_the_penalty_does(penalty: Penalty | None) -> tuple[str, ...]:
    """Say how estimates with a penalty are to be read."""
    if isinstance(penalty, Ridge):
        return (
            f"A ridge (theta {penalty.theta:g}) draws hazard ratios towards 1, by the units of "
            "each term: intervals and p-values are not those of an unpenalised fit.",
        )
    return ()
