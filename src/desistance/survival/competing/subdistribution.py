"""Who stands for those not yet lost to a cause: the risk sets of Fine and Gray.

Somebody who had a competing event can no longer have the cause, and so belongs with those who have
not had it: they stay in the cause's risk sets for good. with a weight that falls as they
would have been lost to follow-up (see `watching`).

    event days of the cause   10         20         30
                               |          |          |
    (0, 20]   the cause   -----+----------X          |     at risk on 10 and 20, weight 1
    (0, 12]   competing   -----+--x . . . + . . . . .+     at risk on 10 with weight 1, on 20 and
                                                           30 with the weight of those days
    (0, 12]   censored    -----+--o       |          |     at risk on 10

A sum over a risk set is the sum over those at risk as in `risksets`, and for each group of people
watched alike a running sum from the first day on of those who stay, times the day's weight. Who
stays does so in their own stratum.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from desistance.survival.competing.causes import causes_of
from desistance.survival.risksets import RiskSets, StaySums, risk_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.competing.watching import Watch
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class SubdistributionSets(RiskSets):
    """Risk sets in which m rows stay on after a competing event, with falling weight.

    Attributes
    ----------
    stayers : int64 array, shape (m,)
        The rows that stay on, in order.
    joins : int32 array, shape (m,)
        Group times (K + 1), and the first risk set after the competing event; K for none.
    lasting : float64 array, shape (m,)
        One over the probability of still being watched just before the competing event.
    watched : float64 array, shape (g, K)
        The probability of still being watched, just before each event day.
    """

    stayers: Ints
    joins: Codes
    lasting: Floats
    watched: Floats

    @property
    def has_say(self) -> NDArray[np.bool_]:
        """Which rows are in any risk set, shape (n,)."""
        say = self.last < self.n_days
        say[self.stayers] |= self.joins % (self.n_days + 1) < self.n_days
        return say

    def staying(self, rows: slice) -> tuple[Ints, slice]:
        """Who of a block of rows stays on, and where they stand among the stayers."""
        first, end, _ = rows.indices(self.n)
        here = slice(*np.searchsorted(self.stayers, (first, end)).tolist())
        return self.stayers[here] - first, here

    @property
    def may_drown(self) -> bool:
        """No: some of those who enter late are not taken away again, but stay on."""
        return False

    def empty_table(self, width: int) -> Floats:
        """Hold what `weighted_tables` adds up, shape (2 + g, K + 1, width)."""
        return np.zeros((2 + len(self.watched), self.n_days + 1, width))

    def weighted_tables(self, rows: slice, risk: Floats, x: Floats) -> Floats:
        """Scatter ``risk * x`` of a block of rows; those who stay on once more, by group."""
        table = RiskSets.weighted_tables(self, rows, risk, x)
        who, here = self.staying(rows)
        ends = np.arange(len(who) + 1, dtype=np.int32)
        shape = (len(self.watched) * (self.n_days + 1), len(who))
        on = csc_array((risk[who] * self.lasting[here], self.joins[here], ends), shape=shape)
        stayed = on @ np.ascontiguousarray(x[:, who].T)
        return np.concatenate([table, stayed.reshape(-1, *table.shape[1:])])

    def split(self, table: Floats) -> tuple[Floats, Floats]:
        """Turn a whole scatter table into sums over risk sets and over events, (K, q) each."""
        at_risk, events = RiskSets.split(self, table[:2])
        for watched, joining in zip(self.watched, table[2:], strict=True):
            at_risk += watched[:, None] * self.running(joining[: self.n_days])
        return at_risk, events

    def over_stay(self, increments: Floats, spared: Floats) -> StaySums:
        """Ready `increments` (K, ...) to be added up over the risk sets each row is in."""
        total = RiskSets.over_stay(self, increments, spared).total
        falling = np.einsum("gk,k...->gk...", self.watched, increments)
        later = np.zeros((len(falling), self.n_days + 1, *increments.shape[1:]))
        for group, by_group in enumerate(falling):
            later[group, :-1] = self.running_back(by_group)
        return SubdistributionStays(self, total, later.reshape(-1, *increments.shape[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class SubdistributionStays(StaySums):
    """Sums over the risk sets of each row, those after a competing event too."""

    sets: SubdistributionSets
    later: Floats

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]  # blocks of rows only
        stayed = StaySums.__getitem__(self, rows)
        who, here = self.sets.staying(rows)
        stayed[who] += (self.later[self.sets.joins[here]].T * self.sets.lasting[here]).T
        return stayed


def subdistribution_sets(
    times: TimeToEvent, cause: int, watch: Watch, stratum: Ints | None = None
) -> SubdistributionSets:
    """Give every row its codes in the risk sets of one cause, within strata (n,) if there are."""
    causes = causes_of(times)
    base = risk_sets(times.start, times.stop, causes == cause, stratum=stratum, weight=times.weight)
    stayers = np.flatnonzero((causes > 0) & (causes != cause))
    group, stop = watch.group[stayers], times.stop[stayers]
    own = np.zeros(len(stayers), np.int64) if stratum is None else stratum[stayers]
    span = watch.probability.shape[1]
    next_day = np.searchsorted(base.stratum * span + base.day, own * span + stop, side="right")
    ends = np.searchsorted(base.stratum, own, side="right")
    joins = group * (base.n_days + 1) + np.where(next_day < ends, next_day, base.n_days)
    told = {field.name: getattr(base, field.name) for field in fields(base)}
    return SubdistributionSets(
        **told,
        stayers=stayers,
        joins=joins.astype(np.int32),
        lasting=1 / watch.probability[group, stop],
        watched=watch.probability[:, base.day],
    )
