"""Who may be followed, from what day, and who is left out for which reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.followup.rules import extract_day, lives_elsewhere
from desistance.histories.custody import join_stays
from desistance.histories.days import NEVER, before, pack, to_dates, to_days

if TYPE_CHECKING:
    from desistance.followup.design import FollowUpDesign
    from desistance.histories import Histories
    from desistance.histories.custody import Stays
    from desistance.histories.days import Days


def time_zero(
    histories: Histories, design: FollowUpDesign
) -> tuple[Days, Days, dict[str, np.ndarray]]:
    """Find when each person in the data left, and joined, and who is not eligible and why.

    Returns
    -------
    zero, joined_on : int64 arrays, shape (n_people,)
        Day of leaving (the extract date for those who did not), and of joining after it.
    left_out : dict of reason to bool array, shape (n_people,)
        In the order in which people are left out.
    """
    n = len(histories.person_ids)
    people, episodes = histories.cases.people, histories.cases.episodes
    extract = extract_day(histories)
    under = _spells(histories, episodes[episodes["programme"] == design.leaving])
    ended = under.came_out <= extract
    lower, upper = _window(design)
    eligible = ended & (lower <= under.came_out) & (under.came_out <= upper)
    zero = _first_per_person(n, under.person[eligible], under.came_out[eligible])
    age = histories.age(np.arange(n), np.minimum(zero, extract))
    known_zero = np.where(zero < NEVER, zero, extract)
    other = episodes[episodes["programme"] == design.joining]
    starts, whose = to_days(other["start_date"]), histories.positions(other["person_id"])
    after = (starts >= known_zero[whose]) & (starts <= extract)
    joined_on = _first_per_person(n, whose[after], starts[after])
    earlier = starts < known_zero[whose]
    dead = to_days(people["death_date"]) <= known_zero
    everyone = np.arange(n)
    left_out = {
        f"never managed under {design.leaving}": ~np.isin(everyone, under.person),
        f"still under {design.leaving} on the extract date": ~np.isin(
            everyone, under.person[ended]
        ),
        f"left {design.leaving} outside the dates of the design": zero == NEVER,
        f"under {design.min_age}, or of unknown age": ~(age >= design.min_age)
        & (design.min_age > 0),
        f"died on or before the day of leaving {design.leaving}": dead,
        "lived outside the area on that day": lives_elsewhere(histories, everyone, known_zero)
        & (not design.seen_everywhere),
        f"had started {design.joining} before leaving {design.leaving}": np.isin(
            everyone, whose[earlier]
        ),
    }
    return known_zero, joined_on, left_out


def index_dates(histories: Histories, design: FollowUpDesign) -> pd.Series:
    """Give the day of leaving of everyone who may be followed, on an index of ids.

    It rests on the programmes people were in, where they lived, and when they were born and died.
    """
    zero, _, left_out = time_zero(histories, design)
    may = ~np.logical_or.reduce(list(left_out.values()))
    return pd.Series(to_dates(zero[may]).to_numpy(), index=histories.person_ids[may])


def _window(design: FollowUpDesign) -> tuple[int, int]:
    bounds = pd.to_datetime(pd.Series([design.exits_from, design.exits_to], dtype="object"))
    lower, upper = to_days(bounds)
    return (0 if lower == NEVER else int(lower)), int(upper)


def _spells(histories: Histories, episodes: pd.DataFrame) -> Stays:
    """Join the spells of a programme: moving tier on one day is not leaving."""
    return join_stays(
        histories.positions(episodes["person_id"]),
        to_days(episodes["start_date"]),
        to_days(episodes["end_date"]),
        NEVER - 1,
    )


def _first_per_person(n: int, person: Days, day: Days) -> Days:
    first = np.full(n, NEVER)
    np.minimum.at(first, person, day)
    return first


def flow_of(left_out: dict[str, np.ndarray]) -> tuple[np.ndarray, pd.DataFrame]:
    """Leave people out one reason at a time, so that the counts always add up."""
    remaining = np.ones(len(next(iter(left_out.values()))), bool)
    steps = [("people in the data", 0, len(remaining))]
    for reason, out in left_out.items():
        n_out = int((remaining & out).sum())
        remaining = remaining & ~out
        steps.append((reason, n_out, int(remaining.sum())))
    return remaining, pd.DataFrame(steps, columns=["step", "n_left_out", "n_remaining"])


def described(
    histories: Histories, design: FollowUpDesign, person: Days, zero: Days
) -> pd.DataFrame:
    """Take what the case file says of each person and of the spell that just ended."""
    cases = histories.cases
    stated = ["person_id", "sex", "ethnicity", *cases.extra]
    people = cases.people.iloc[person][stated].reset_index(drop=True)
    people.insert(1, "index_date", to_dates(zero))
    ended = cases.episodes[cases.episodes["programme"] == design.leaving]
    keys = pack(histories.positions(ended["person_id"]), to_days(ended["end_date"]))
    order = np.argsort(keys, kind="stable")
    # Own-start designs move day 0 past the exit: the last spell ended by then is the one meant.
    last = before(keys[order], person, zero + 1)[1] - 1
    told = ["area_id", "tier", "end_reason", "statutory_status"]
    return people.join(ended.iloc[order[last]][told].reset_index(drop=True))
