"""Who is at risk when: the risk-set convention, stated once, and the codes that carry it.

A row (start, stop] is at risk from just after `start` up to and including `stop`:

    event days              10         20         30
                             |          |          |
    (0, 20]   event     -----+----------X          |     at risk on 10 and 20
    (0, 20]   censored  -----+----------o          |     at risk on 10 and 20
    (10, 30]  entered        (----------+----------o     at risk on 20 and 30, not on 10
    (12, 18]  between        |  (----o  |          |     in no risk set: changes nothing

So an entry on an event day comes too late for that day, an event comes before a censoring on
the same day, and a row that covers no event day has no say. Strata share no risk set.

The event days are numbered 0..K - 1, stratum after stratum. A row is in the risk sets numbered
``before + 1, ..., last``; the number K stands for "none". A sum over those at risk is then a
scatter and a running sum from the end of each stratum: add the row's value at `last`, take it
away again at `before`. Nothing is sorted, no covariate is copied, and tables made from blocks
of rows add up to the table of them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csc_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int32]
    Runs = tuple[tuple[Ints, int], ...]

CELLS_IN_CACHE = 384_000  # of one block of covariates
EVERY = slice(None)
DROWNED = 1e-6  # a sum, in parts of one that it was taken from
FEW_KEYS = 64_000  # that a table of all keys may have, however few the rows


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """Risk-set codes of n rows and K event days; see the module for what they mean.

    Attributes
    ----------
    last : int32 array, shape (n,)
        The last risk set of each row; an event happens in it. K for none.
    before : int32 array, shape (n,), or None
        The risk set just before the row's first; K for none, None when nobody enters late.
    event : bool array, shape (n,)
    weight : float64 array, shape (n,), or None
        None when every row weighs 1.
    copies : int64 array, shape (n,), or None
        How many rows alike each stands for, in counts and in sums over rows; None for one each.
    day, stratum : int64 arrays, shape (K,)
        What each number stands for.
    n_events : int64 array, shape (K,)
        Of the rows, never weighted. Where rows were given to the days of others (`of_rows`), the
        events are still those of all.
    event_weight : float64 array, shape (K,)
        The events' weights added up.
    runs : pairs of an int64 array, shape (strata,), and a number
        Where strata begin that have as many days, and how many these are.
    """

    last: Codes
    before: Codes | None
    event: NDArray[np.bool_]
    weight: Floats | None
    copies: Ints | None
    day: Ints
    stratum: Ints
    n_events: Ints
    event_weight: Floats
    runs: Runs

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.last)

    @property
    def n_days(self) -> int:
        """K, how many event days there are over all strata."""
        return len(self.day)

    @property
    def has_say(self) -> NDArray[np.bool_]:
        """Which rows are in any risk set, shape (n,)."""
        return self.last < self.n_days

    @property
    def may_drown(self) -> bool:
        """Whether sums over those at risk have rows taken away again."""
        return self.before is not None

    def leaves(self, rows: slice | Ints = EVERY) -> Codes:
        """Every row's `last`, or that of some, and K + 1 more where it ends in an event, (m,)."""
        return self.last[rows] + np.int32(self.n_days + 1) * self.event[rows]

    def weights(self, rows: slice | Ints = EVERY) -> Floats:
        """Every row's weight, shape (n,), or that of some."""
        return np.ones(len(self.last[rows])) if self.weight is None else self.weight[rows]

    def blocks(self, width: int, *, tables: bool = True) -> Iterator[slice]:
        """Cut the rows into blocks that stay in cache with `width` covariates.

        Blocks that are scattered into `tables` of all days are not smaller than these.
        """
        size = max(1024, CELLS_IN_CACHE // width, tables * 2 * (self.n_days + 1))
        for first in range(0, self.n, size):
            yield slice(first, min(first + size, self.n))

    def of_rows(
        self,
        start: Ints,
        stop: Ints,
        event: NDArray[np.bool_],
        *,
        stratum: Ints | None = None,
        weight: Floats | None = None,
    ) -> RiskSets:
        """Keep the days, and give rows of (start, stop] their codes; arrays of shape (n,)."""
        span = 1 + max(int(stop.max(initial=0)), int(self.day.max(initial=0)))
        n_strata = 1 + int(self.stratum.max(initial=0))
        none, key = np.int32(self.n_days), self.stratum * span + self.day
        begins: Codes = np.zeros(1, np.int32)
        if stratum is not None:
            n_strata = max(n_strata, 1 + int(stratum.max(initial=0)))
            begins = np.searchsorted(key, np.arange(n_strata) * span).astype(np.int32)[stratum]
            start, stop = stratum * span + start, stratum * span + stop
        find = finder(key, n_strata * span, len(stop))
        last, before = find(stop), find(start[:1] if start.strides == (0,) else start)
        has_say = last > before
        late = has_say & (before >= begins)
        np.copyto(last, none, where=~has_say)
        return replace(
            self,
            last=last,
            before=np.where(late, before, none) if late.any() else None,
            event=event,
            weight=weight,
        )

    def of(self, event: NDArray[np.bool_]) -> RiskSets:
        """Keep the days and who is at risk on them, for other events: rows (n,) ending on one."""
        return replace(self, event=event).with_counts()

    def with_counts(self) -> RiskSets:
        """Count the events of each risk set, and add up their weights."""
        copies = None if self.copies is None else self.copies[self.event]
        n_events = np.bincount(self.last[self.event], copies, self.n_days + 1)[: self.n_days]
        weight = n_events.astype(float)
        if self.weight is not None:
            weight = self.at_last(self.event * self.weight)
        n_events = n_events.astype(np.int64, copy=False)
        return replace(self, n_events=n_events, event_weight=weight)

    def running(self, table: Floats, *, out: Floats | None = None) -> Floats:
        """Add up `table` (K, ...) from the first day of each stratum on; `out` may be `table`."""
        out = np.empty_like(table) if out is None else out
        for begins, length in self.runs:
            if len(begins) == 1:
                days = slice(begins[0], begins[0] + length)
                np.cumsum(table[days], axis=0, out=out[days])
            else:
                run = begins[:, None] + np.arange(length)
                out[run] = np.cumsum(table[run], axis=1)
        return out

    def running_back(self, table: Floats) -> Floats:
        """Add up `table` (K, ...) from the last day of each stratum back to its first."""
        return add_up_back(table, self.runs, out=np.empty_like(table))

    def each_run(self) -> Iterator[Ints]:
        """Give the numbers of the strata that have as many days, (strata, days) each."""
        for begins, length in self.runs:
            yield begins[:, None] + np.arange(length)

    def at_last(self, values: Floats | NDArray[np.bool_]) -> Floats:
        """Add up `values` (n,) by the rows' last risk set, shape (K,)."""
        return self._summed(self.last, values)

    def n_at_risk(self) -> Ints:
        """Count those at risk on each event day, never weighted, shape (K,)."""
        net = np.bincount(self.last, self.copies, self.n_days + 1).astype(float)
        if self.before is not None:
            net -= np.bincount(self.before, self.copies, self.n_days + 1)
        return self.running_back(net[: self.n_days]).astype(np.int64)

    def weight_at_risk(self) -> Floats:
        """Add up the weights of those at risk on each event day, shape (K,)."""
        return self.n_at_risk().astype(float) if self.weight is None else self.at_risk(self.weight)

    def at_risk(self, values: Floats) -> Floats:
        """Add up `values` (n,) over those at risk on each event day, shape (K,)."""
        net = self.at_last(values)
        if self.before is not None:
            net -= self._summed(self.before, values)
        return self.running_back(net)

    def _summed(self, code: Codes, values: Floats | NDArray[np.bool_]) -> Floats:
        every = values if self.copies is None else values * self.copies
        sums = np.bincount(code, every, self.n_days + 1)[: self.n_days]
        return sums.astype(float, copy=False)

    def empty_table(self, width: int) -> Floats:
        """Make the table that those of blocks of rows with `width` columns are added up in."""
        return np.zeros((2, self.n_days + 1, width))

    def weighted_tables(self, rows: slice, risk: Floats, x: Floats) -> Floats:
        """Scatter ``risk * x`` of a block of m rows, to be added up and given to `split`.

        `risk` has shape (m,), `x` (q, m); the table has shape (2, K + 1, q): leaving without
        an event less entering, and leaving with one.
        """
        table: Floats = self.scatter(rows, risk) @ x.T
        return table.reshape(2, self.n_days + 1, -1)

    def scatter(self, rows: slice, values: Floats) -> csc_array:
        """Put `values` of a block of m rows where `weighted_tables` has them: (2 * (K + 1), m)."""
        m, codes, signed = len(values), self.leaves(rows), values
        if self.before is not None:
            leaves, codes, signed = codes, np.empty(2 * m, np.int32), np.empty(2 * m)
            codes[::2], codes[1::2] = leaves, self.before[rows]
            signed[::2], signed[1::2] = values, -values
        ends = np.arange(0, len(codes) + 1, len(codes) // m, dtype=np.int32)
        return csc_array((signed, codes, ends), shape=(2 * (self.n_days + 1), m))

    def split(self, table: Floats) -> tuple[Floats, Floats]:
        """Turn a whole scatter table into sums over those at risk and over events, (K, q) each."""
        events = table[1, : self.n_days]
        return self.running_back(table[0, : self.n_days] + events), events

    def over_each_stay(self, increments: Floats, spared: Floats) -> EachStay:
        """Do as `over_stay`, to the last digit of each row."""
        nothing = np.zeros((1, *increments.shape[1:]))
        every, own = np.concatenate([increments, nothing]), np.concatenate([spared, nothing])
        return EachStay(self, self.over_stay(increments, spared).total, every, own)

    def over_stay(self, increments: Floats, spared: Floats) -> StaySums:
        """Ready `increments` (K, ...) to be added up over the risk sets each row is in.

        On the day of its own event a row is `spared` (K, ...) of the increment.
        """
        total, nothing = self.running(increments), np.zeros((1, *increments.shape[1:]))
        return StaySums(self, np.concatenate([total, nothing, total - spared, nothing]))


@dataclass(frozen=True, slots=True, eq=False)
class StaySums:
    """Sums of day-by-day increments over the risk sets of each row; index it by rows."""

    sets: RiskSets
    total: Floats

    def __getitem__(self, rows: slice | Ints) -> Floats:
        stayed: Floats = self.total.take(self.sets.leaves(rows), axis=0)
        if self.sets.before is not None:
            stayed -= self.total.take(self.sets.before[rows], axis=0)
        return stayed


@dataclass(frozen=True, slots=True, eq=False)
class EachStay(StaySums):
    """As `StaySums`, where the sum before a row's first day may drown what it adds to it.

    `increments` and `spared` (K + 1, ...), the last of them 0, are then added up row by row.
    """

    increments: Floats
    spared: Floats

    def __getitem__(self, rows: slice | Ints) -> Floats:
        stayed = StaySums.__getitem__(self, rows)
        assert self.sets.before is not None
        last, before = self.sets.last[rows], self.sets.before[rows]
        little = np.abs(stayed) < DROWNED * np.abs(self.total[before])
        few = np.flatnonzero(
            little.reshape(len(stayed), -1).any(axis=1) & (last < self.sets.n_days)
        )
        if len(few):
            last = last[few]
            ends = np.column_stack([before[few] + 1, last + 1]).ravel()
            stayed[few] = np.add.reduceat(self.increments, ends, axis=0)[::2]
            own = few[self.sets.event[rows][few]]
            stayed[own] -= self.spared[self.sets.last[rows][own]]
        return stayed


def risk_sets(
    start: Ints,
    stop: Ints,
    event: NDArray[np.bool_],
    *,
    stratum: Ints | None = None,
    weight: Floats | None = None,
    copies: Ints | None = None,
    marked: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> RiskSets:
    """Give every row of (start, stop] its risk-set codes.

    `stratum` holds codes 0, 1, ...; `copies` is as in `RiskSets`; `marked` says of which rows
    `start`, and of which `stop`, is to be numbered like an event day. All arrays are of shape (n,).
    """
    span, n_strata = int(stop.max(initial=0)) + 1, 1
    stop_key = stop
    if stratum is not None:
        n_strata, stop_key = int(stratum.max(initial=0)) + 1, stratum * span + stop
    wanted = stop_key[event if marked is None else event | marked[1]]
    if marked is not None and marked[0].any():
        begins = start if stratum is None else stratum * span + start
        wanted = np.concatenate([wanted, begins[marked[0]]])
    key = distinct(wanted, n_strata * span, len(stop))
    del wanted, stop_key
    none = all_one(len(key))
    of, day = (none, key) if n_strata == 1 else (key // span, key % span)
    bare = event_days(of, day, none, np.broadcast_to(0.0, len(key)))
    sets = bare.of_rows(start, stop, event, stratum=stratum, weight=weight)
    return replace(sets, copies=copies).with_counts()


def event_days(stratum: Ints, day: Ints, n_events: Ints, event_weight: Floats) -> RiskSets:
    """Risk sets of no row yet, on K known days in order; see `of_rows`. All of shape (K,)."""
    none = np.zeros(0, np.int32)
    event = np.zeros(0, bool)
    return RiskSets(
        none, None, event, None, None, day, stratum, n_events, event_weight,
        runs_of(stratum),
    )  # fmt: skip


def all_one(n: int) -> Ints:
    """Give n rows, or days, the one code 0, in the memory of one."""
    return np.broadcast_to(np.int64(0), n)


def distinct(wanted: Ints, n_cells: int, n: int) -> Ints:
    """Find the distinct keys: by a table of all that may be when it is small beside n rows."""
    if n_cells > 4 * n + FEW_KEYS:
        key = np.sort(wanted)  # much faster than np.unique, which hashes
        new = np.ones(len(key), bool)
        np.greater(key[1:], key[:-1], out=new[1:])
        return key[new]
    return np.flatnonzero(np.bincount(wanted, minlength=n_cells)).astype(np.int64)


def finder(key: Ints, n_cells: int, n: int) -> Callable[[Ints], Codes]:
    """Give a way to number the last key at or below each of n rows' keys, -1 for none.

    By a table as well.
    """
    if n_cells > 4 * n + FEW_KEYS:
        return lambda rows: _found_in_order(key, rows)
    present = np.zeros(n_cells, np.int32)
    present[key] = 1
    return (np.cumsum(present, dtype=np.int32) - np.int32(1)).take


def _found_in_order(key: Ints, rows: Ints) -> Codes:
    """Find by going through the rows in order: a search of keys in order stays in the cache."""
    n = len(rows)
    if not n or rows.min() == rows.max():
        return np.full(n, np.searchsorted(key, rows[:1], side="right") - 1, np.int32)
    places = _places(rows)
    if places:
        order = _packed(rows, places)
        begins = np.searchsorted(order, key << places)  # the first row at or after each key
        order &= (1 << places) - 1
    else:
        order = np.argsort(rows)
        begins = np.searchsorted(rows[order], key)
    lengths = np.diff(begins, prepend=0, append=n)
    del begins
    codes = np.repeat(np.arange(-1, len(key), dtype=np.int32), lengths)
    del lengths
    found: Codes = np.empty(n, np.int32)
    found[order] = codes
    return found


def order_of(values: Ints | Codes) -> Ints:
    """The order of whole numbers from 0, alike ones as they stand, shape (n,)."""
    places = _places(values)
    if not places:
        return np.argsort(values, kind="stable")
    order = _packed(values, places)
    order &= (1 << places) - 1
    return order


def _packed(values: Ints | Codes, places: int) -> Ints:
    """Sort numbers that have their own place in the lower binary places: much faster."""
    packed = values.astype(np.int64)
    packed <<= places
    packed |= np.arange(len(values), dtype=np.int32)
    packed.sort()
    return packed


def _places(values: Ints | Codes) -> int:
    """How many binary places hold the place of each of n numbers; 0 where they do not fit."""
    places = len(values).bit_length()
    return places if int(values.max(initial=0)).bit_length() + places <= 63 else 0


def add_up_back(table: NDArray[Any], runs: Runs, *, out: NDArray[Any]) -> NDArray[Any]:
    """Add up `table` (K, ...) from the last day of each of the `runs` back to its first."""
    for begins, length in runs:
        if len(begins) == 1:
            days = slice(begins[0], begins[0] + length)
            np.cumsum(table[days][::-1], axis=0, out=out[days][::-1])
        else:
            run = begins[:, None] + np.arange(length)
            out[run] = np.cumsum(table[run][:, ::-1], axis=1)[:, ::-1]
    return out


def runs_of(stratum: Ints) -> Runs:
    """Group the strata by how many days they have; at most about sqrt(2 K) groups."""
    if len(stratum) and stratum[0] == stratum[-1]:
        return ((np.zeros(1, np.int64), len(stratum)),)
    begins = np.flatnonzero(np.diff(stratum, prepend=-1))
    lengths = np.diff(begins, append=len(stratum))
    return tuple((begins[lengths == length], int(length)) for length in np.unique(lengths))
