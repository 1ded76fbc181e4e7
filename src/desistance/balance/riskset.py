"""Who could have been compared with whom: the people in the same place on the same day.

On the day a person joins, `day` days after leaving, the candidates are the people who, the same
number of days after leaving themselves, had not joined (nor join that very day), were alive, in
the area and at liberty, and still have follow-up ahead. So everyone in a set has gone the same
time since leaving: the time that a comparison must not give to one side only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.histories.days import NEVER, months_to_days, to_days

if TYPE_CHECKING:
    from desistance.followup import FollowUp
    from desistance.histories.days import Days


def candidates(followed: FollowUp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List everyone of every risk set.

    Returns
    -------
    rows : DataFrame, one row per set and person
        ``match`` (position of the joiner among all joiners), ``person`` (position in
        `followed.people`), ``day``, ``exposed``.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: from everyone who joined to those with a set.
    """
    joined = followed.joined
    joiners = np.flatnonzero(joined < NEVER)
    able = _able(followed, joiners, joined[joiners])
    rows, n_alone = [], 0
    for match, joiner in enumerate(joiners):
        if not able[match]:
            continue
        day = joined[joiner]
        others = np.flatnonzero(joined > day)
        others = others[_able(followed, others, np.full(len(others), day))]
        n_alone += len(others) == 0
        if len(others):
            person = np.append(joiner, others)
            rows.append(pd.DataFrame({"match": match, "person": person, "day": day}))
    n, n_able = len(joiners), int(able.sum())
    flow = pd.DataFrame(
        [
            ("people who joined", 0, n),
            ("in custody, elsewhere, dead or without follow-up on that day", n - n_able, n_able),
            ("nobody to compare with on that day", n_alone, n_able - n_alone),
        ],
        columns=["step", "n_left_out", "n_remaining"],
    )
    if not rows:
        empty = pd.DataFrame({"match": [], "person": [], "day": []}, dtype=np.int64)
        return empty.assign(exposed=np.zeros(0, bool)), flow
    table = pd.concat(rows, ignore_index=True)
    return table.assign(exposed=joiners[table["match"]] == table["person"]), flow


def _able(followed: FollowUp, person: Days, day: Days) -> np.ndarray:
    """Say who was at liberty that day with at least one complete day of follow-up to come."""
    waiting = months_to_days(followed.design.waiting_months)
    extract = to_days(pd.Series([followed.histories.cases.extract_date]))[0]
    ahead = extract - followed.index_day[person] - day - waiting
    return followed.at_liberty(person, day) & (ahead >= 1)
