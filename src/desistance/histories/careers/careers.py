"""The offences of each person within a window, and the time at liberty to commit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import offence_classes
from desistance.catalogue import offence_set as set_named
from desistance.errors import DataError
from desistance.histories.days import NEVER, before, months_to_days, pack
from desistance.histories.groups import column_of, groups_of
from desistance.histories.streettime import Clock, about, read_windows, time_caveats, time_spent
from desistance.results import Caveat

if TYPE_CHECKING:
    from pathlib import Path

    from desistance.histories import Histories
    from desistance.histories.days import Days
    from desistance.histories.streettime import Dates


@dataclass(frozen=True, slots=True, eq=False)
class Careers:
    """Careers within windows; made by `trace_careers`.

    Attributes
    ----------
    people : DataFrame, one row per person and window
        ``person_id, since, until``; the time of the window as in `StreetTime`; ``sex,
        ethnicity`` and the further columns of `cases.people`.
    offences : DataFrame, one row per offence that counts
        ``person`` (position in `people`, rising), ``day``, ``street_day`` (days at risk from the
        first of the window to this one), ``offence_code, offence_class, parent_group`` and
        ``n_accomplices`` (NaN where the crime has no reference).
    position : int64 array, shape (n_people,)
        Each person's position in the histories.
    clock : Clock
        Which days of a person are days at risk.
    offence_set, waiting_months
        Which offences count, and how much longer than the window they may take to be proven.
    caveats : tuple of str
    """

    histories: Histories
    people: pd.DataFrame
    offences: pd.DataFrame
    position: Days
    clock: Clock
    offence_set: str
    waiting_months: int
    caveats: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Careers: {len(self.people)} people, {len(self.offences)} offences>"

    @property
    def person(self) -> Days:
        """Give whose each offence is: a position in `people`."""
        return self.offences["person"].to_numpy(np.int64)

    @property
    def n_offences(self) -> Days:
        """Count each person's offences."""
        return np.bincount(self.person, minlength=len(self.people)).astype(np.int64)

    @property
    def definition(self) -> str:
        """Say what counts as an offence."""
        later = f" or {self.waiting_months} months after it" if self.waiting_months else ""
        return f"offences in {self.offence_set}, not in custody, proven by the window's end{later}"

    def groups(self, by: str | pd.Series | None) -> dict[str, np.ndarray]:
        """Say who is in each group: everyone first, then the labels of a column of `people`."""
        return groups_of(column_of(by, self.people), len(self.people))


def trace_careers(
    histories: Histories,
    person_ids: pd.Series | None = None,
    *,
    since: Dates = None,
    until: Dates = None,
    offence_set: str | Path = "ANY_RECORDABLE",
    waiting_months: int = 0,
    seen_everywhere: bool = False,
) -> Careers:
    """Take each person's offences within a window, and the time at liberty to commit them.

    Parameters
    ----------
    histories
        Of the people.
    person_ids
        Who; a person may be asked about several times. Everybody when None.
    since
        First day of the window: one date, or one each on the index of `person_ids`; the tenth
        birthday when None.
    until
        First day after it, in the same way, such as the index date; when None, the last for which
        the data hold all that may count.
    offence_set
        Which offences count, by name in the catalogue or as the path of a file.
    waiting_months
        How much longer than the window an offence may take to be proven. With 0, what was not
        proven by `until` does not count: right for what was known on an index date, too low a
        count of the last months for a description.
    seen_everywhere
        Whether offences are seen wherever people live: then days outside the area count.

    Raises
    ------
    DataError
        If a window ends later than the data can tell of, or begins after its end, or has no first
        day because the month of birth is not known.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=100), rng=1))
    >>> trace_careers(histories, since="2022-01-01", until="2023-01-01", waiting_months=6)
    <Careers: 100 people, 169 offences>
    """
    if waiting_months < 0:
        raise DataError("`waiting_months` is not negative.")
    waiting = months_to_days(waiting_months)
    ids, position, first, until_day = read_windows(
        histories, person_ids, since, until, waiting_days=waiting
    )
    clock = Clock.of(histories, seen_everywhere=seen_everywhere)
    people = time_spent(histories, clock, ids, position, first, until_day)
    known_by = until_day + waiting
    chosen = set_named(offence_set)
    listed = histories.offences
    listed = listed[
        listed["proven"].to_numpy() & chosen.is_in(listed["offence_code"]).to_numpy(bool)
    ]
    keys = pack(listed["person"].to_numpy(), listed["offence_day"].to_numpy())
    start, stop = before(keys, position, first)[1], before(keys, position, until_day)[1]
    person, place = spread(start, np.maximum(stop - start, 0))
    offences = listed.iloc[place]
    in_time = offences["outcome_day"].to_numpy() < known_by[person]
    day = offences["offence_day"].to_numpy()
    at_risk = clock.at_risk(position[person], day) & ~offences["in_custody"].to_numpy(bool)
    kept = in_time & at_risk
    told = offences[kept].reset_index(drop=True)
    day, person = day[kept], person[kept]
    groups = offence_classes().set_index("offence_class")["parent_group"]
    found = pd.DataFrame(
        {
            "person": person,
            "day": day,
            "street_day": clock.street_days(position[person], first[person], day + 1),
            "offence_code": told["offence_code"],
            "offence_class": told["offence_class"],
            "parent_group": told["offence_class"].map(groups),
            "n_accomplices": _accomplices(histories, told["row"].to_numpy(), known_by[person]),
        }
    )
    caveats = (
        *_caveats(int((in_time & ~at_risk).sum()), int((at_risk & ~in_time).sum())),
        *time_caveats(histories, people, position, until_day),
    )
    return Careers(
        histories, about(histories, people, position), found, position, clock, chosen.label,
        waiting_months, caveats,
    )  # fmt: skip


def spread(first: Days, count: Days) -> tuple[Days, Days]:
    """List ``first[i], first[i] + 1, ...`` (`count[i]` of them) for every i, with i beside each."""
    owner = np.repeat(np.arange(len(first)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count - first, count)


def _accomplices(histories: Histories, row: Days, known_by: Days) -> np.ndarray:
    """Count the other people proven, by a day, to have committed the crime of each row.

    Parameters
    ----------
    row : int64 array, shape (n,)
        Positions in `cases.offences`.
    known_by : int64 array, shape (n,)
        Only what was proven before this day counts.
    """
    reference = histories.cases.offences["crime_ref"]
    code = pd.factorize(reference)[0].astype(np.int64)  # -1 where there is none
    offences = histories.offences
    proven = pd.DataFrame(
        {
            "code": code[offences["row"].to_numpy()],
            "person": offences["person"],
            "outcome_day": offences["outcome_day"],
        }
    )[offences["proven"].to_numpy() & (code[offences["row"].to_numpy()] >= 0)]
    each = proven.groupby(["code", "person"], sort=True)["outcome_day"].min().reset_index()
    keys = np.sort(pack(each["code"].to_numpy(), each["outcome_day"].to_numpy()))
    mine = code[row]
    first, end = before(keys, mine, np.minimum(known_by, NEVER))
    return np.where(mine >= 0, end - first - 1.0, np.nan)


def _caveats(inside: int, later: int) -> list[str]:
    said: list[str] = []
    if inside:
        said.append(
            Caveat(
                "{offences} offences committed in custody, outside the area or after death do not "
                "count.",
                offences=inside,
            )
        )
    if later:
        said.append(
            Caveat(
                "{offences} offences of the windows were proven only later and do not count; "
                "`waiting_months` gives them longer.",
                offences=later,
            )
        )
    return said
