"""Each person's history in order, and what was known of it on any day.

What is known on a day rests only on what had been written down before it:

* an offence is known from the day after it was recorded (or, without a recorded date, after its
  outcome; with neither, never);
* it is proven from the day after its conviction or caution;
* an assessment counts from the day after it was made, for `needs_last_months`: one made on
  joining a programme is part of the programme;
* a day in custody is a night begun before that day.

So nothing that happens from the day itself on can change what was known on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from desistance.cases import CasesInBlocks
from desistance.catalogue import offence_class, offence_set, pathway_needs, scheme
from desistance.errors import DataError
from desistance.histories.custody import Stays, join_stays
from desistance.histories.days import (
    DAYS_A_MONTH,
    DAYS_A_YEAR,
    NEVER,
    before,
    completed_years,
    months_to_days,
    pack,
    put_in_order,
    to_days,
    unpack_day,
)
from desistance.histories.priors import Known, Proven, at, order_known, order_proven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from desistance.cases import CaseData
    from desistance.catalogue import PathwayScheme
    from desistance.histories.days import Days

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryDesign:
    """Which definitions a history is told by.

    Attributes
    ----------
    scheme
        Pathway scheme, by name in the catalogue or as the path of a file.
    offence_sets
        Sets whose previous offences are counted, beside all of them.
    proven_by
        Outcomes that prove an offence.
    needs_last_months
        For how long an assessment stands.
    custody_months
        Over how long before the day custody is added up.
    """

    scheme: str = "7PP"
    offence_sets: tuple[str, ...] = ("SAC_HMICFRS2022",)
    proven_by: tuple[str, ...] = ("convicted", "caution")
    needs_last_months: int = 12
    custody_months: int = 24


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Every person's offences, custody and needs, ordered; built by `build_histories`.

    Attributes
    ----------
    person_ids : Index, shape (n_people,)
        Sorted; a person is known by the position here.
    offences : DataFrame
        One row per offence, sorted by person and day, with columns ``person, offence_day,
        known_day, outcome_day, proven, in_custody, offence_class, offence_code, sanction, row``
        (`row` is the position in `cases.offences`).
    proven : Proven
        Those proven, in the order of their outcomes.
    recorded : Known
        All of them, in the order in which they became known.
    stays : Stays
        Custody, joined.
    needs : DataFrame
        One row per assessed pathway: ``person, day, pathway, need`` (NA when not assessed).
    """

    cases: CaseData
    design: HistoryDesign
    scheme: PathwayScheme
    person_ids: pd.Index
    offences: pd.DataFrame
    proven: Proven
    recorded: Known
    stays: Stays
    needs: pd.DataFrame

    def __repr__(self) -> str:
        return f"<Histories: {len(self.person_ids)} people, {len(self.offences)} offences>"

    def positions(self, person_ids: pd.Series) -> Days:
        """Find each person's position; every id must be known."""
        found = _positions(self.person_ids, person_ids)
        if (found < 0).any():
            raise DataError(f"{(found < 0).sum()} of {len(found)} people are not in `people`.")
        return found

    def known_on(self, person_ids: pd.Series, dates: pd.Series) -> pd.DataFrame:
        """Say what was known about each person on each date.

        Parameters
        ----------
        person_ids, dates : Series, shape (n,)
            Pairs of a person and a day; a person may be asked about many times.

        Returns
        -------
        DataFrame, shape (n, ...)
            On the index of `person_ids`: ``age`` and ``age_at_onset`` (years), ``n_previous``
            and ``n_previous_<set>`` (proven offences), ``n_sanctions``, ``career_years``,
            ``copas_rate``, ``months_since_offence``, ``custody_days`` (in the last
            `custody_months`), ``need_<pathway>`` (by the latest assessment that stands; NA, where
            there is none or it gave no answer, is never "no"), ``n_needs`` (of the scheme's
            headline pathways, parts not counted twice) and ``assessed``.
        """
        person, day = self.positions(person_ids), to_days(dates)
        if (day == NEVER).any():
            raise DataError(f"{(day == NEVER).sum()} of {len(day)} dates are empty.")
        return self.known(person, day).set_index(person_ids.index)

    def known(self, person: Days, day: Days) -> pd.DataFrame:
        """Do the work of `known_on` for positions and day numbers."""
        birth = to_days(self.cases.people["birth_month"])[person]
        columns = {"age": self.age(person, day)}
        columns |= _career(self.proven, self.recorded, person, day, birth)
        window = months_to_days(self.design.custody_months)
        columns["custody_days"] = self.stays.nights_between(person, day - window, day)
        return pd.DataFrame(columns | self._needs(person, day))

    def age(self, person: Days, day: Days) -> np.ndarray:
        """Count the completed years of each person on each day; NaN if the birth is not known."""
        birth = to_days(self.cases.people["birth_month"])[person]
        return np.where(birth == NEVER, np.nan, completed_years(birth, day))

    def _needs(self, person: Days, day: Days) -> dict[str, pd.Series]:
        columns: dict[str, pd.Series] = {}
        oldest = day - months_to_days(self.design.needs_last_months)
        for code in self.scheme.codes:
            rows = self.needs[self.needs["pathway"] == code]
            keys = pack(rows["person"].to_numpy(), rows["day"].to_numpy())
            first, end = before(keys, person, day)
            last = np.maximum(end - 1, 0)
            stands = end > first
            if len(rows):
                stands &= unpack_day(keys[last]) >= oldest
                flags = rows["need"].to_numpy(dtype=float, na_value=np.nan)[last]
                need = pd.Series(np.where(stands, flags, np.nan)).astype("boolean")
            else:
                need = pd.Series(pd.NA, index=range(len(person)), dtype="boolean")
            columns[f"need_{code}"] = need
        every = pd.DataFrame(columns)[[f"need_{code}" for code in self.scheme.headline]]
        columns["assessed"] = every.notna().any(axis=1)
        columns["n_needs"] = every.sum(axis=1, min_count=1).astype("Int64")
        return columns

    def timeline(self, person_id: str) -> pd.DataFrame:
        """List everything dated about one person, in order.

        Returns
        -------
        DataFrame
            Columns ``date, what, detail``: personal data, for the person's case worker only.
        """
        cases = self.cases
        said: list[tuple[pd.DataFrame, str, str, str]] = [
            (cases.episodes, "start_date", "starts", "programme"),
            (cases.episodes, "end_date", "leaves", "programme"),
            (cases.offences, "offence_date", "offence", "offence_code"),
            (cases.offences, "outcome_date", "outcome", "outcome"),
            (cases.custody, "in_date", "into custody", "kind"),
            (cases.custody, "out_date", "released", "kind"),
            (cases.assessments, "assessed_date", "assessed", "pathway"),
            (cases.support, "contact_date", "support", "partner"),
        ]
        events = [
            pd.DataFrame(
                {
                    "date": mine[date],
                    "what": what,
                    "detail": mine[detail].astype("string"),
                }
            )
            for table, date, what, detail in said
            for mine in [table[table["person_id"] == person_id]]
            if len(mine)
        ]
        if not events:
            raise DataError("Nothing is dated about that person.")
        together = pd.concat(events).dropna(subset=["date"])
        return together.sort_values(["date", "what"], kind="stable").reset_index(drop=True)


@overload
def build_histories(cases: CaseData, design: HistoryDesign | None = None) -> Histories: ...
@overload
def build_histories(
    cases: CasesInBlocks, design: HistoryDesign | None = None
) -> HistoriesInBlocks: ...
def build_histories(
    cases: CaseData | CasesInBlocks, design: HistoryDesign | None = None
) -> Histories | HistoriesInBlocks:
    """Order every person's offences, custody and needs.

    Parameters
    ----------
    cases
        Checked case data, from `load_cases` or `simulate_cases`; or in blocks, from `open_cases`:
        then each block's histories are built when something is asked of them.
    design
        The definitions to use.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=50), rng=1)
    >>> two = cases.people.head(2)
    >>> thirtieth = two["birth_month"] + pd.DateOffset(years=30)
    >>> build_histories(cases).known_on(two["person_id"], thirtieth)["age"].tolist()
    [30.0, 30.0]
    """
    design = design or HistoryDesign()
    if isinstance(cases, CasesInBlocks):
        return HistoriesInBlocks(cases, design)
    ids = pd.Index(cases.people["person_id"])
    chosen = scheme(design.scheme)

    custody = cases.custody
    offences, proven, recorded = _ordered_offences(
        cases.offences, _positions(ids, cases.offences["person_id"]), design
    )
    return Histories(
        cases=cases,
        design=design,
        scheme=chosen,
        person_ids=ids,
        offences=offences,
        proven=proven,
        recorded=recorded,
        stays=join_stays(
            _positions(ids, custody["person_id"]),
            to_days(custody["in_date"]),
            to_days(custody["out_date"]),
            int(to_days(pd.Series([cases.extract_date]))[0]),
        ),
        needs=_ordered_needs(
            cases.assessments, _positions(ids, cases.assessments["person_id"]), chosen
        ),
    )


def _positions(ids: pd.Index, person_ids: pd.Series) -> Days:
    """Find each id's position, looking up a run of one id once; -1 where it is not known."""
    values = np.asarray(person_ids, dtype=object)
    if not len(values):
        return np.zeros(0, np.int64)
    begins = np.ones(len(values), bool)
    begins[1:] = values[1:] != values[:-1]
    starts = np.flatnonzero(begins)
    found = ids.get_indexer(pd.Index(values[starts], dtype=ids.dtype)).astype(np.int64)
    return np.repeat(found, np.diff(starts, append=len(values)))


@dataclass(frozen=True, slots=True, eq=False)
class HistoriesInBlocks:
    """Histories of people in blocks, each built when something is asked of them."""

    cases: CasesInBlocks
    design: HistoryDesign

    def __repr__(self) -> str:
        return (
            f"<HistoriesInBlocks: {self.cases.n_people} people, "
            f"{self.cases.about.n_rows['offences']} offences>"
        )

    def each(self, function: Callable[[Histories], T]) -> Iterator[T]:
        """Apply a function to every block's histories; see `CasesInBlocks.each`."""
        return self.cases.each(partial(_of_histories, function, self.design))

    def known_on(self, person_ids: pd.Series, dates: pd.Series) -> pd.DataFrame:
        """Say what was known about each person on each date; see `Histories.known_on`."""
        asked = pd.DataFrame({"person_id": person_ids.array, "date": dates.array})
        found = pd.concat(self.each(partial(_known_of, asked)))
        if len(found) < len(asked):
            raise DataError(
                f"{len(asked) - len(found)} of {len(asked)} people are not in `people`."
            )
        return found.sort_index().set_index(person_ids.index)


def _of_histories(function: Callable[[Histories], T], design: HistoryDesign, cases: CaseData) -> T:
    return function(build_histories(cases, design))


def _known_of(asked: pd.DataFrame, histories: Histories) -> pd.DataFrame:
    mine = asked[asked["person_id"].isin(histories.person_ids)]
    return histories.known_on(mine["person_id"], mine["date"])


def _ordered_offences(
    offences: pd.DataFrame, person: Days, design: HistoryDesign
) -> tuple[pd.DataFrame, Proven, Known]:
    offence_day = to_days(offences["offence_date"])
    spelled, spellings = pd.factorize(offences["offence_code"], sort=True)
    order = put_in_order(person, offence_day, spelled + 1)[1]
    person, offence_day, spelled = person[order], offence_day[order], spelled[order]
    recorded = to_days(offences["recorded_date"])[order]
    outcome = to_days(offences["outcome_date"])[order]
    known = np.maximum(np.where(recorded < NEVER, recorded, outcome), offence_day)
    said, sayings = pd.factorize(offences["outcome"].to_numpy(object))
    proves = np.append(np.isin(sayings, design.proven_by), False)  # the last: nothing said
    proven = proves[said][order] & (outcome < NEVER)
    occasion, occasions = pd.factorize(offences["occasion_id"].to_numpy(object)[order])
    occasion = np.where(occasion < 0, len(occasions) + outcome, occasion)  # else, by day of outcome
    every = pd.Series(spellings, dtype="string")
    codes, classes = every.array, offence_class(every).array
    ordered = pd.DataFrame(
        {
            "person": person,
            "offence_day": offence_day,
            "known_day": known,
            "outcome_day": outcome,
            "proven": proven,
            "in_custody": offences["in_custody"].to_numpy(bool, na_value=False)[order],
            "offence_code": codes.take(spelled, allow_fill=True),
            "offence_class": classes.take(spelled, allow_fill=True),
            "occasion": occasion,
            "row": np.arange(len(offences))[order],
        }
    )
    sets = {
        name: np.append(offence_set(name).is_in(every).to_numpy(bool), False)[spelled]
        for name in design.offence_sets
    }
    of_proven = order_proven(
        person[proven], offence_day[proven], outcome[proven],
        sets={name: is_in[proven] for name, is_in in sets.items()}, occasion=occasion[proven],
    )  # fmt: skip
    return ordered, of_proven, order_known(person, offence_day, known)


def _ordered_needs(assessments: pd.DataFrame, person: Days, chosen: PathwayScheme) -> pd.DataFrame:
    dated = assessments.assign(person=person, day=to_days(assessments["assessed_date"]))
    needs = pathway_needs(dated, chosen, by=("person", "day"))
    return needs.sort_values(["pathway", "person", "day"], kind="stable").reset_index(drop=True)


def _career(
    proven: Proven, known: Known, person: Days, day: Days, birth: Days
) -> dict[str, np.ndarray]:
    """Count what was proven, and measure the time since the last offence, as known on each day."""
    first, end = before(proven.keys, person, day)
    found = end > first
    columns: dict[str, np.ndarray] = {"n_previous": end - first}
    for name, hits in proven.hits.items():
        columns[f"n_previous_{name}"] = hits[end] - hits[first]
    n_sanctions = proven.sanctions[end] - proven.sanctions[first]
    first_sanction = at(unpack_day(proven.keys), first, found, otherwise=day)
    career_years = (day - first_sanction) / DAYS_A_YEAR
    onset = at(proven.earliest, end - 1, found, otherwise=birth)
    last_offence = known.last_offence(person, day)
    return columns | {
        "n_sanctions": n_sanctions,
        "career_years": career_years,
        "copas_rate": np.log((n_sanctions + 1) / (career_years + 10)),
        "age_at_onset": np.where(found & (birth < NEVER), completed_years(birth, onset), np.nan),
        "months_since_offence": np.where(
            last_offence < NEVER, (day - last_offence) / DAYS_A_MONTH, np.nan
        ),
    }
