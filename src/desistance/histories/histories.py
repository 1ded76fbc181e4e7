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
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

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
    to_days,
    unpack_day,
)

if TYPE_CHECKING:
    from desistance.cases import CaseData
    from desistance.catalogue import PathwayScheme
    from desistance.histories.days import Days


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
    stays: Stays
    needs: pd.DataFrame

    def __repr__(self) -> str:
        return f"<Histories: {len(self.person_ids)} people, {len(self.offences)} offences>"

    def positions(self, person_ids: pd.Series) -> Days:
        """Find each person's position; every id must be known."""
        found = self.person_ids.get_indexer(pd.Index(person_ids))
        if (found < 0).any():
            raise DataError(f"{(found < 0).sum()} of {len(found)} people are not in `people`.")
        return found.astype(np.int64)

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
            `custody_months`), ``need_<pathway>`` (NA means not assessed, never "no"),
            ``n_needs`` (of the scheme's headline pathways, parts not counted twice) and
            ``assessed``.
        """
        person, day = self.positions(person_ids), to_days(dates)
        if (day == NEVER).any():
            raise DataError(f"{(day == NEVER).sum()} of {len(day)} dates are empty.")
        return self.known(person, day).set_index(person_ids.index)

    def known(self, person: Days, day: Days) -> pd.DataFrame:
        """Do the work of `known_on` for positions and day numbers."""
        birth = to_days(self.cases.people["birth_month"])[person]
        columns = {"age": np.where(birth == NEVER, np.nan, completed_years(birth, day))}
        columns |= _career(self.offences, self.design, person, day, birth)
        window = months_to_days(self.design.custody_months)
        columns["custody_days"] = self.stays.nights_before(person, day) - (
            self.stays.nights_before(person, day - window)
        )
        return pd.DataFrame(columns | self._needs(person, day))

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


def build_histories(cases: CaseData, design: HistoryDesign | None = None) -> Histories:
    """Order every person's offences, custody and needs.

    Parameters
    ----------
    cases
        Checked case data, from `load_cases` or `simulate_cases`.
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
    ids = pd.Index(cases.people["person_id"])
    chosen = scheme(design.scheme)

    def position(table: pd.DataFrame) -> Days:
        return ids.get_indexer(pd.Index(table["person_id"])).astype(np.int64)

    custody = cases.custody
    return Histories(
        cases=cases,
        design=design,
        scheme=chosen,
        person_ids=ids,
        offences=_ordered_offences(cases.offences, position(cases.offences), design),
        stays=join_stays(
            position(custody),
            to_days(custody["in_date"]),
            to_days(custody["out_date"]),
            int(to_days(pd.Series([cases.extract_date]))[0]),
        ),
        needs=_ordered_needs(cases.assessments, position(cases.assessments), chosen),
    )


def _ordered_offences(offences: pd.DataFrame, person: Days, design: HistoryDesign) -> pd.DataFrame:
    offence_day = to_days(offences["offence_date"])
    recorded, outcome = to_days(offences["recorded_date"]), to_days(offences["outcome_date"])
    known = np.where(recorded < NEVER, recorded, outcome)
    proven = offences["outcome"].isin(design.proven_by).to_numpy(bool) & (outcome < NEVER)
    occasion = offences["occasion_id"].fillna(offences["outcome_date"].astype("string"))
    ordered = pd.DataFrame(
        {
            "person": person,
            "offence_day": offence_day,
            "known_day": np.maximum(known, offence_day),
            "outcome_day": outcome,
            "proven": proven,
            "in_custody": offences["in_custody"].fillna(False).to_numpy(bool),
            "offence_code": offences["offence_code"].to_numpy(),
            "offence_class": offence_class(offences["offence_code"]).to_numpy(),
            "occasion": occasion.to_numpy(),
            "row": np.arange(len(offences)),
        }
    )
    ordered = ordered.sort_values(["person", "offence_day", "offence_code"], kind="stable")
    return ordered.reset_index(drop=True)


def _ordered_needs(assessments: pd.DataFrame, person: Days, chosen: PathwayScheme) -> pd.DataFrame:
    dated = assessments.assign(person=person, day=to_days(assessments["assessed_date"]))
    needs = pathway_needs(dated, chosen, by=("person", "day"))
    return needs.sort_values(["pathway", "person", "day"], kind="stable").reset_index(drop=True)


def _career(
    offences: pd.DataFrame, design: HistoryDesign, person: Days, day: Days, birth: Days
) -> dict[str, np.ndarray]:
    """Count what was proven, and measure the time since the last offence, as known on each day."""
    proven = offences[offences["proven"]].sort_values(["person", "outcome_day"], kind="stable")
    whose, offence_day = proven["person"].to_numpy(), proven["offence_day"].to_numpy()
    outcome_keys = pack(whose, proven["outcome_day"].to_numpy())
    first, end = before(outcome_keys, person, day)
    found = end > first
    columns: dict[str, np.ndarray] = {"n_previous": end - first}
    for name in design.offence_sets:
        hits = _running_count(offence_set(name).is_in(proven["offence_code"]).to_numpy(bool))
        columns[f"n_previous_{name}"] = hits[end] - hits[first]
    sanctions = _running_count(~proven.duplicated(["person", "occasion"]).to_numpy())
    n_sanctions = sanctions[end] - sanctions[first]
    first_sanction = _at(unpack_day(outcome_keys), first, found, otherwise=day)
    career_years = (day - first_sanction) / DAYS_A_YEAR
    # Persons rise, so a running extreme of packed keys never leaks from one to the next.
    earliest = NEVER - unpack_day(np.maximum.accumulate(pack(whose, NEVER - offence_day)))
    onset = _at(earliest, end - 1, found, otherwise=birth)
    known = offences.sort_values(["person", "known_day"], kind="stable")
    latest = unpack_day(
        np.maximum.accumulate(pack(known["person"].to_numpy(), known["offence_day"].to_numpy()))
    )
    begin, until = before(
        pack(known["person"].to_numpy(), known["known_day"].to_numpy()), person, day
    )
    last_offence = _at(latest, until - 1, until > begin, otherwise=np.full_like(day, NEVER))
    return columns | {
        "n_sanctions": n_sanctions,
        "career_years": career_years,
        "copas_rate": np.log((n_sanctions + 1) / (career_years + 10)),
        "age_at_onset": np.where(found & (birth < NEVER), completed_years(birth, onset), np.nan),
        "months_since_offence": np.where(
            last_offence < NEVER, (day - last_offence) / DAYS_A_MONTH, np.nan
        ),
    }


def _running_count(flags: np.ndarray) -> Days:
    return np.concatenate([[0], np.cumsum(flags)])


def _at(values: Days, where: Days, found: np.ndarray, *, otherwise: Days) -> Days:
    """Read `values` at the places found, and `otherwise` elsewhere."""
    if not len(values):
        return otherwise
    return np.where(found, values[np.clip(where, 0, len(values) - 1)], otherwise)
