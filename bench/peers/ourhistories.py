"""desistance: histories, by its functions on packed integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.data import LAST, WATCHED, WINDOW, digest
from desistance.followup.rules import cut_at, spread
from desistance.histories.custody import join_stays
from desistance.histories.days import among, before, pack, unpack_day
from desistance.histories.priors import at, order_proven

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns
    from desistance.histories.days import Days

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]


def histories(columns: Columns) -> Fit:
    """What is known before a day, and what came after it, by the functions on packed integers."""
    whole: dict[str, Days] = {
        name: values.astype(np.int64, copy=False) for name, values in columns.items()
    }
    person, zero = np.arange(len(columns["index_day"])), whole["index_day"]
    whose, day, serious = (whole[n] for n in ("offence_person", "offence_day", "serious"))

    def fit() -> Answer:
        proven = order_proven(whose, day, day, sets={"serious": serious > 0})
        first, end = before(proven.keys, person, zero)
        found = end > first
        hits = proven.hits["serious"]
        stays = join_stays(whole["custody_person"], whole["in_day"], whole["out_day"], LAST)
        after, upto = (
            np.searchsorted(proven.keys, pack(person, zero + d)) for d in (1, WATCHED + 1)
        )
        pair, place = spread(after, upto - after)
        when = unpack_day(proven.keys[place]) - zero[pair]
        last = np.full_like(person, WATCHED)
        until = np.full_like(person, -1)
        until[pair[::-1]] = when[::-1]
        spell, start, stop = cut_at(person, 0 * person, last, pair, when)
        event = among(pack(spell, stop), pack(pair, when))
        return digest(
            end - first, hits[end] - hits[first],
            at(proven.earliest, end - 1, found, otherwise=0 * zero - 1),
            np.where(found, unpack_day(at(proven.keys, end - 1, found, otherwise=zero)), -1),
            until, np.bincount(pair, minlength=len(person)),
            stays.nights_between(person, zero - WINDOW, zero),
            stays.nights_between(person, zero, zero + WATCHED),
            spell, start, stop, event,
        )  # fmt: skip

    return fit
