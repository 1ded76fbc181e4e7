"""Who could have been compared with whom: the people in the same place on the same day.

On the day a person joins, `day` days after leaving, the candidates are the people who, the same
number of days after leaving themselves, had not joined (nor join that very day), were alive, in
the area and at liberty, and still have follow-up ahead. So everyone in a set has gone the same
time since leaving: the time that a comparison must not give to one side only. A comparator design
leaves more people out, see `comparators`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance.comparators import Comparator, eligible
from desistance.histories.days import NEVER, months_to_days, to_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desistance.balance.comparators import Eligible
    from desistance.followup import FollowUp
    from desistance.histories.days import Days

STEPS = ["step", "n_left_out", "n_remaining"]
PAIRS_AT_ONCE = 2_000_000


def candidates(
    followed: FollowUp, comparator: Comparator | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List everyone of every risk set.

    Returns
    -------
    rows : DataFrame, one row per set and person
        ``match`` (position of the joiner among all joiners), ``person`` (position in
        `followed.people`), ``day``, ``exposed``.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: from everyone who joined to those with a set.
    """
    rows, flow, _ = _sets(followed, comparator)
    return rows, flow


def mature_joiners(followed: FollowUp) -> Days:
    """Give the positions of those who joined and have their whole follow-up behind them."""
    joiners, able, _ = joiners_of(followed, eligible(followed, Comparator("any")))
    return joiners[able]


def comparison_flow(followed: FollowUp, comparator: Comparator | None = None) -> pd.DataFrame:
    """Account for the people compared: a person is left out of a design once out of every set.

    Returns
    -------
    DataFrame
        ``step, n_left_out, n_remaining``: from everybody followed to those in a set.
    """
    return _sets(followed, comparator)[2]


def _sets(
    followed: FollowUp, comparator: Comparator | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List the risk sets, and account for those who joined and for the people compared."""
    joined = followed.joined
    asked = None if comparator is None else eligible(followed, comparator)
    joiners, match, steps = joiners_of(followed, asked)
    rows, reached = [], {"people followed": np.ones(len(joined), bool)}
    for some in _chunks(match, len(joined)):
        day = joined[joiners[some]]
        place, other = np.nonzero(joined[None, :] > day[:, None])
        unfit = [("joined, in custody, elsewhere, dead or without follow-up on that day",
                  ~_able(followed, other, day[place]))]  # fmt: skip
        if asked is not None:
            unfit += asked.others(joiners[some][place], other, day[place])
        fit = np.ones(len(other), bool)
        for reason, out in unfit:
            fit &= ~out
            reached.setdefault(reason, np.zeros(len(joined), bool))[other[fit]] = True
        rows.append(pd.DataFrame({"match": some[place[fit]], "person": other[fit]}))
    together = pd.concat(rows or [pd.DataFrame({"match": [], "person": []}, dtype=np.int64)])
    found = together["match"].unique()
    steps.append(("nobody to compare with on that day", len(match) - len(found), len(found)))
    own = pd.DataFrame({"match": found, "person": joiners[found]})
    table = pd.concat([own, together]).sort_values("match", kind="stable", ignore_index=True)
    table["day"] = joined[joiners[table["match"]]]
    table["exposed"] = joiners[table["match"]] == table["person"]
    return table, pd.DataFrame(steps, columns=STEPS), _told(reached)


def joiners_of(
    followed: FollowUp, asked: Eligible | None
) -> tuple[Days, Days, list[tuple[str, int, int]]]:
    """Find those who joined, and which of them a design can follow.

    Returns
    -------
    joiners : int64 array, shape (n_joined,)
        Positions in `followed.people`.
    able : int64 array
        Places in `joiners` of those who can be followed.
    steps : list of (step, n_left_out, n_remaining)
    """
    joiners = np.flatnonzero(followed.joined < NEVER)
    day = followed.joined[joiners]
    able = np.arange(len(joiners))
    steps = [("people who joined", 0, len(joiners))]
    reasons = [("in custody, elsewhere, dead or without follow-up on that day",
                ~_able(followed, joiners, day))]  # fmt: skip
    if asked is not None:
        reasons += asked.joiners(joiners, day)
    for reason, out in reasons:
        left, able = able, able[~out[able]]
        steps.append((reason, len(left) - len(able), len(able)))
    return joiners, able, steps


def _chunks(match: Days, n: int) -> Iterator[Days]:
    """Cut the joiners into parts of whom all pairs fit into memory."""
    size = max(PAIRS_AT_ONCE // n, 1)
    return (match[start : start + size] for start in range(0, len(match), size))


def _told(reached: dict[str, np.ndarray]) -> pd.DataFrame:
    counts = [int(people.sum()) for people in reached.values()]
    rows = [
        (reason, before - now, now)
        for reason, before, now in zip(reached, [counts[0], *counts], counts, strict=False)
    ]
    return pd.DataFrame(rows, columns=STEPS)


def _able(followed: FollowUp, person: Days, day: Days) -> np.ndarray:
    """Say who was at liberty that day with at least one complete day of follow-up to come."""
    waiting = months_to_days(followed.design.waiting_months)
    extract = to_days(pd.Series([followed.histories.cases.extract_date]))[0]
    ahead = extract - followed.index_day[person] - day - waiting
    return followed.at_liberty(person, day) & (ahead >= 1)
