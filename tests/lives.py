"""Short lives for tests: people, offences and custody by day numbers, as histories."""

import pandas as pd

from desistance.cases import CaseData
from desistance.histories import build_histories

BIRTH = pd.Timestamp("2000-01-01")
ORIGIN = pd.Timestamp("2020-01-01")  # day 0
LAST = 2_000  # day of the extract
ANYTHING = {"max_quarantined": 1.0, "max_misformatted": 1.0}


def on(day):
    """Give the date of a day."""
    return ORIGIN + pd.Timedelta(days=int(day))


def dates(days):
    return pd.Series([pd.NaT if day is None else on(day) for day in days], dtype="datetime64[ns]")


def histories_of(
    *, offences=(), custody=(), away=(), deaths=None, people=None, births=None, last=LAST
):
    """Build histories.

    Parameters
    ----------
    offences
        ``(person, day, code)``, and more if need be: days until proven (None: never), crime_ref.
    custody, away
        ``(person, day in, day out or None, kind)`` and ``(person, from, to or None)``.
    """
    offences = [(*o, *(1, None)[len(o) - 3 :]) for o in offences]
    named = sorted({row[0] for rows in (offences, custody, away) for row in rows})
    people, deaths, births = people or named, deaths or {}, births or {}
    tables = {
        "people": pd.DataFrame({
            "person_id": people, "birth_month": [births.get(p, BIRTH) for p in people],
            "death_date": dates([deaths.get(p) for p in people])}),
        "episodes": pd.DataFrame({
            "person_id": people, "programme": "IOM", "start_date": on(-100), "end_date": on(0)}),
        "offences": pd.DataFrame({
            "person_id": [o[0] for o in offences],
            "offence_date": dates([o[1] for o in offences]),
            "recorded_date": dates([o[1] for o in offences]),
            "outcome_date": dates([None if o[3] is None else o[1] + o[3] for o in offences]),
            "offence_code": [o[2] for o in offences],
            "crime_ref": pd.Series([o[4] for o in offences], dtype="string"),
            "outcome": ["pending" if o[3] is None else "convicted" for o in offences]}),
        "custody": pd.DataFrame({
            "person_id": [c[0] for c in custody], "in_date": dates([c[1] for c in custody]),
            "out_date": dates([c[2] for c in custody]), "kind": [c[3] for c in custody]}),
        "residence": pd.DataFrame({
            "person_id": [a[0] for a in away], "in_area": [False] * len(away),
            "from_date": dates([a[1] for a in away]), "to_date": dates([a[2] for a in away])}),
    }  # fmt: skip
    given = {name: table for name, table in tables.items() if len(table) or name != "residence"}
    return build_histories(CaseData.from_frames(given, extract_date=on(last), mapping=ANYTHING))
