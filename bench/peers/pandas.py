"""pandas: histories by whole columns, and person by person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.data import WATCHED, WINDOW, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "pandas"


def read(columns: Columns) -> Columns:
    """Leave the columns as they are: they have three lengths."""
    return columns


def _frames(columns: Columns) -> Any:
    """People, offences and custody."""
    people = pd.DataFrame({"index_day": columns["index_day"]})
    return (
        people,
        pd.DataFrame(
            {
                "person": columns["offence_person"], "day": columns["offence_day"],
                "serious": columns["serious"],
            }
        ),
        pd.DataFrame(
            {
                "person": columns["custody_person"], "went_in": columns["in_day"],
                "came_out": columns["out_day"],
            }
        ),
    )  # fmt: skip


def histories(columns: Columns) -> Fit:
    """Merge, sort and group, without a loop over people."""
    people, offences, custody = _frames(columns)

    def fit() -> Answer:
        rows = offences.merge(people, left_on="person", right_index=True)
        prior = rows[rows.day < rows.index_day].groupby("person")
        told = pd.DataFrame(index=people.index)
        told["n_prior"] = prior.size()
        told["n_serious"] = prior.serious.sum()
        told["onset"] = prior.day.min()
        told["last"] = prior.day.max()
        after = rows.day - rows.index_day
        inside = rows.assign(stop=after)[(after > 0) & (after <= WATCHED)]
        again = inside.groupby("person")
        told["first"] = again.stop.min()
        told["n_again"] = again.size()
        stays = custody.merge(people, left_on="person", right_index=True)
        stays = stays.sort_values(["person", "went_in"])
        latest = stays.groupby("person").came_out.cummax().groupby(stays.person).shift(fill_value=0)
        for name, begins, ends in (("before", -WINDOW, 0), ("after", 0, WATCHED)):
            low = np.maximum(np.maximum(stays.went_in, latest), stays.index_day + begins)
            high = np.minimum(stays.came_out, stays.index_day + ends)
            told[f"nights_{name}"] = (high - low).clip(lower=0).groupby(stays.person).sum()
        told = told.fillna({"onset": -1, "last": -1, "first": -1}).fillna(0)
        ends = inside[["person", "stop"]].drop_duplicates().assign(event=1)
        closing = pd.DataFrame({"person": people.index, "stop": WATCHED, "event": 0})
        spells = pd.concat([ends, closing]).sort_values(
            ["person", "stop", "event"], ascending=[True, True, False]
        )
        spells["start"] = spells.groupby("person").stop.shift(fill_value=0)
        spells = spells[spells.stop > spells.start]
        return digest(
            *(told[name] for name in told),
            *(spells[n] for n in ("person", "start", "stop", "event")),
        )

    return fit


def histories_by_person(columns: Columns) -> Fit:
    """Apply a function to each person's rows, with arrays inside it."""
    people, offences, custody = _frames(columns)

    def fit() -> Answer:
        rows = offences.merge(people, left_on="person", right_index=True).groupby("person")
        told = np.array(rows.apply(_one_career, include_groups=False).tolist())
        stays = custody.merge(people, left_on="person", right_index=True).groupby("person")
        nights = np.array(stays.apply(_one_custody, include_groups=False).tolist())
        spells = rows.apply(_one_year, include_groups=False)
        whose = np.repeat(np.arange(len(people)), spells.map(len))
        return digest(*told.T, *nights.T, whose, *np.concatenate(spells.tolist()).T)

    return fit


def _one_career(rows: Any) -> tuple[int, ...]:
    day, serious, index_day = rows.to_numpy().T
    before, after = day < index_day, day - index_day
    prior, again = day[before], after[(after > 0) & (after <= WATCHED)]
    return (
        len(prior), serious[before].sum(),
        *((prior.min(), prior.max()) if len(prior) else (-1, -1)),
        again.min() if len(again) else -1, len(again),
    )  # fmt: skip


def _one_custody(rows: Any) -> tuple[int, int]:
    stays = rows.to_numpy()
    before = after = until = 0
    for went_in, came_out, index_day in stays[np.argsort(stays[:, 0], kind="stable")]:
        low = max(went_in, until)
        before += max(min(came_out, index_day) - max(low, index_day - WINDOW), 0)
        after += max(min(came_out, index_day + WATCHED) - max(low, index_day), 0)
        until = max(until, came_out)
    return before, after


def _one_year(rows: Any) -> np.ndarray:
    day, _, index_day = rows.to_numpy().T
    after = day - index_day
    days = np.unique(after[(after > 0) & (after <= WATCHED)])
    stop = days if len(days) and days[-1] == WATCHED else np.append(days, WATCHED)
    start = np.concatenate([[0], stop[:-1]])
    return np.column_stack([start, stop, np.isin(stop, days)])
