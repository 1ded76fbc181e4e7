"""How likely people are still watched: the weights of Fine and Gray's risk sets.

Somebody who had a competing event before day t weighs, on day t,

    P(still watched just before t) / P(still watched just before their event)

by the product-limit of censoring: over the days from the event up to, not including, t,

    (1 - left on the day / at risk on the day),

everyone at risk counted, those with an event on the day too (as cmprsk's ``crr``). After a group's
last day the probability is 0. With late entry each factor is divided by that of having entered,
from the product-limit of entry in reverse time (Geskus, 2011):

    (1 - entered on the day / at risk just after the day).

Both are estimated within groups of people watched alike, case weights included. Tables have a row
for each group and a column for each day from 0 to the last; where days are many more than rows
(seconds, say), for each moment at which a row starts or stops, since only their order matters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from desistance.errors import ModelError
from desistance.survival.competing.causes import causes_of
from desistance.survival.risksets import FEW_KEYS
from desistance.timetoevent import in_order, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.competing.subdistribution import SubdistributionSets
    from desistance.survival.partial_likelihood import PartialLikelihood, Point
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

CERTAIN = 1 - 1e-12  # a share this near to 1 is 1


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """The probability of being watched, and what it is estimated from.

    Attributes
    ----------
    times, group : the n rows, and the group of each, codes 0..g - 1
    leaves, enters : bool arrays, shape (n,)
        Rows that end in a censoring, and rows that come in after day 0.
    at_risk, just_after : float64 arrays, shape (g, days)
        Weights at risk on each day, and just after it.
    leaving, entering : float64 arrays, shape (g, days)
        Shares of them who leave, and who entered on the day.
    probability : float64 array, shape (g, days)
        Of still being watched just before each day, up to a factor that cancels.
    """

    times: TimeToEvent
    group: Ints
    leaves: Truths
    enters: Truths
    at_risk: Floats
    just_after: Floats
    leaving: Floats
    entering: Floats
    probability: Floats

    @property
    def late_entry(self) -> bool:
        """Whether anyone comes in after day 0."""
        return bool(self.enters.any())


def numbered(times: TimeToEvent) -> tuple[TimeToEvent, Ints | None]:
    """Count time by the moments at which a row starts or stops, where days are many more than rows.

    Also gives the moments, in order; None where time is counted as it was.
    """
    if times.last_day <= 4 * times.n + FEW_KEYS:
        return times, None
    moments, place = np.unique(np.concatenate([[0], times.start, times.stop]), return_inverse=True)
    start, stop = np.split(place[1:], 2)
    return replace(times, start=start, stop=stop), moments


def watch(times: TimeToEvent, group: Ints, cause: int) -> Watch:
    """Estimate how likely people are still watched on each day.

    Raises
    ------
    ModelError
        If a person's rows leave a gap or change group, or if at some time everyone at risk had
        only just entered, so that nobody shows how likely entry was.
    """
    first, last = _ends_of_people(times, group)
    leaves, enters = last & ~times.event, first & (times.start > 0)
    shape = (int(group.max(initial=-1)) + 1, times.last_day + 1)
    weight: Floats = np.ones(times.n) if times.weight is None else times.weight

    def table(day: Ints, values: Floats) -> Floats:
        sums = np.bincount(group * shape[1] + day, values, shape[0] * shape[1])
        return sums.astype(float).reshape(shape)

    change = table(times.start, weight) - table(times.stop, weight)
    count = np.cumsum(
        table(times.start, first.astype(float)) - table(times.stop, last.astype(float)), axis=1
    )
    just_after = np.where(count > 0.5, np.cumsum(change, axis=1), 0.0)
    at_risk = np.concatenate([np.zeros((shape[0], 1)), just_after[:, :-1]], axis=1)
    leaving = _share(table(times.stop, weight * leaves), at_risk)
    entering = _share(table(times.start, weight * enters), just_after)
    _refuse_unknown_entry(times, group, cause, entering)
    stays = np.where(leaving < CERTAIN, 1 - leaving, 1.0)
    stays[np.arange(shape[1]) >= _last_day(times, group, shape[0])[:, None]] = 0.0
    stays /= np.where(entering < CERTAIN, 1 - entering, 1.0)
    probability = np.ones(shape)
    np.cumprod(stays[:, :-1], axis=1, out=probability[:, 1:])
    return Watch(
        times, group, leaves, enters, at_risk, just_after, leaving, entering, probability
    )  # fmt: skip


def influence_of_watching(
    problem: PartialLikelihood,
    sets: SubdistributionSets,
    at: Point,
    watched: Watch,
    stratum: Ints | None,
) -> Floats:
    """How far each row moves the score of p covariates through the weights, shape (n, p).

    Fine and Gray's psi: on a day u, let Q be what those who had a competing event before will take
    from the score on u and later, each in their own stratum. A censoring on u spares it
    Q / at risk. An entry comes after the events of its day: it costs Q / at risk just after u, with
    Q of the events up to u and what they will take after u. Each row moves the score by its own
    less those expected of it.
    """
    times, days = watched.times, watched.probability.shape[1]
    ends, begins = watched.group * days + times.stop, watched.group * days + times.start
    who, p = sets.stayers, problem.p
    x = np.ones((1 + p, len(who)))
    for j, (column, centre) in enumerate(
        zip(problem.covariates.columns, problem.covariates.centre, strict=True), 1
    ):
        np.subtract(column[who], centre, out=x[j])
    table = (len(watched.probability), days, 1 + p)
    taken = (sets.watched * at.tied.hazard)[:, :, None] * (at.at_risk / at.at_risk[:, :1])
    to_those_gone, to_those_there = np.zeros((2, *table[:2], p))

    def owed(so_far: Floats, to_come: Floats) -> Floats:
        return so_far[..., 1:] * to_come[..., :1] - so_far[..., :1] * to_come[..., 1:]

    for code in np.unique(sets.stratum):
        mine = np.ones(len(who), bool) if stratum is None else stratum[who] == code
        stays = csc_array(
            ((at.risk[who] * sets.lasting)[mine], ends[who[mine]], np.arange(mine.sum() + 1)),
            shape=(watched.probability.size, mine.sum()),
        )
        gone = (stays @ x[:, mine].T).reshape(table)
        takes = np.zeros(table)
        on = sets.stratum == code
        takes[:, sets.day[on]] = taken[:, on]
        so_far = np.cumsum(gone, axis=1)
        to_come = np.cumsum(takes[:, ::-1], axis=1)[:, ::-1]
        to_those_gone += owed(so_far - gone, to_come)
        if watched.late_entry:
            to_those_there += owed(so_far, to_come - takes)
    leave = _share(to_those_gone, watched.at_risk[:, :, None])
    path = np.cumsum(leave * watched.leaving[:, :, None], axis=1)
    staying, leaving = (step.reshape(-1, p) for step in (-path, leave - path))
    moved = np.concatenate([staying, leaving]).take(ends + watched.leaves * len(staying), axis=0)
    if times.enters_late:
        moved -= staying.take(begins, axis=0)
    if watched.late_entry:
        enter = _share(to_those_there, watched.just_after[:, :, None])
        expected = enter * watched.entering[:, :, None]
        path = np.cumsum(expected, axis=1) - expected
        enter, path = enter.reshape(-1, p), path.reshape(-1, p)
        moved -= watched.enters[:, None] * enter.take(begins, axis=0)
        moved += path.take(ends, axis=0) - path.take(begins, axis=0)
    return moved if sets.weight is None else moved * sets.weight[:, None]


def _ends_of_people(times: TimeToEvent, group: Ints) -> tuple[Truths, Truths]:
    """Which rows are the first, and the last, of a person; refuse gaps and changes of group."""
    if times.n_people == times.n:
        return np.ones(times.n, bool), np.ones(times.n, bool)
    order = np.arange(times.n)[in_order(times.person, times.start)]
    this, following = order[:-1], order[1:]
    same = times.person[this] == times.person[following]
    gap, other = np.zeros(times.n, bool), np.zeros(times.n, bool)
    gap[following] = same & (times.stop[this] < times.start[following])
    other[following] = same & (group[this] != group[following])
    if gap.any():
        raise ModelError(
            f"Before {where(gap)} the same person has a gap: a Fine–Gray model needs one stretch "
            "of days a person, because the weights say who is still watched. Use `fit_cox` for "
            "the cause, others censored, with `cumulative_incidence`."
        )
    if other.any():
        raise ModelError(
            f"In {where(other)} a person changes group of `strata`: how somebody is watched must "
            "be known when they enter."
        )
    first, last = np.ones(times.n, bool), np.ones(times.n, bool)
    first[following[same]], last[this[same]] = False, False
    return first, last


def _refuse_unknown_entry(times: TimeToEvent, group: Ints, cause: int, entering: Floats) -> None:
    """Refuse days on which all had just entered, between a competing event and the cause."""
    of_cause = times.stop[causes_of(times) == cause]
    competing = times.event & (causes_of(times) != cause)
    known = np.zeros(entering.shape)
    np.add.at(known, (group[competing], times.stop[competing]), 1.0)
    days = np.arange(entering.shape[1]) < of_cause.max(initial=0)
    unknown = (entering >= CERTAIN) & (np.cumsum(known, axis=1) > 0) & days
    if unknown.any():
        raise ModelError(
            f"On {int(unknown.any(axis=0).sum())} days everyone at risk had only just entered, "
            "after others had a competing event, so the weights of a Fine–Gray model are unknown. "
            "Start following everyone at a later day, or merge groups of `strata`."
        )


def _last_day(times: TimeToEvent, group: Ints, n_groups: int) -> Ints:
    last = np.zeros(n_groups, np.int64)
    np.maximum.at(last, group, times.stop)
    return last


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
