"""The rules of time, as timelines: one character a day, the first the day of leaving IOM.

    E  leaves IOM (day 0)        J  joins 7PP             .  a day in the community
    [  goes into custody         #  a whole day inside    ]  first day free
    {  goes in, having offended that day                  }  first day free, and offends
    o  offence, convicted        x  offence, not proven   D  dies      M  moves away

Below each stand the rows at risk that must come out, as (start, stop], with `event` where the
row ends in a reoffence and `7PP` where the person is exposed. Follow-up ends on the last
character; the waiting period is over unless the example says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from desistance.cases import CaseData

EXIT = pd.Timestamp("2021-01-01")


@dataclass(frozen=True)
class Timeline:
    says: str
    days: str
    rows: tuple[str, ...]
    design: dict[str, Any] = field(default_factory=dict)


TIMELINES = (
    Timeline(
        "Without any event, follow-up ends on its last day.",
        "E...................",
        ("(0, 19]",),
    ),
    Timeline(
        "A proven offence ends it.",
        "E.........o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "An offence on the day of leaving is not a reoffence.",
        "o.........o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Only the first counts.",
        "E....o....o.........",
        ("(0, 5] event",),
    ),
    Timeline(
        "An offence that was not proven does not count.",
        "E....x....o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Before joining a person is unexposed, after it exposed.",
        "E.....J.............",
        ("(0, 6]", "(6, 19] 7PP"),
    ),
    Timeline(
        "Whoever joins on the day of leaving is exposed throughout.",
        "J...................",
        ("(0, 19] 7PP",),
    ),
    Timeline(
        "Who reoffends before joining never counts as exposed.",
        "E...o.J.............",
        ("(0, 4] event",),
    ),
    Timeline(
        "A day wholly in custody is not a day at risk; the days of going in and out are.",
        "E....[####].........",
        ("(0, 5]", "(9, 19]"),
    ),
    Timeline(
        "An offence on the day of release counts.",
        "E....[###}..........",
        ("(0, 5]", "(8, 9] event"),
    ),
    Timeline(
        "An offence inside custody does not count.",
        "E....[#o##].........",
        ("(0, 5]", "(9, 19]"),
    ),
    Timeline(
        "Arrested on the day of the offence: the offence counts.",
        "E....{####].........",
        ("(0, 5] event",),
    ),
    Timeline(
        "On the street clock, custody stops the clock.",
        "E....[####]....o....",
        ("(0, 5]", "(5, 11] event"),
        {"clock": "street"},
    ),
    Timeline(
        "Joining while inside counts from release.",
        "E....[#J##].........",
        ("(0, 5]", "(9, 19] 7PP"),
    ),
    Timeline(
        "In custody on leaving: at risk from release.",
        "[####]..............",
        ("(4, 19]",),
    ),
    Timeline(
        "Death ends follow-up.",
        "E.........D.........",
        ("(0, 10]",),
    ),
    Timeline(
        "So does moving away; what happens elsewhere is not seen.",
        "E.........M....o....",
        ("(0, 10]",),
    ),
)


def cases_of(*timelines: str, **more: pd.DataFrame) -> CaseData:
    """Make case data of one person a timeline (A, B, ...), with further tables as they are."""
    last = max(map(len, timelines)) - 1
    together = [tables_of(days, chr(ord("A") + place)) for place, days in enumerate(timelines)]
    frames = {
        name: pd.concat([tables[name] for tables in together if len(tables[name])] or
                        [together[0][name]])
        for name in together[0]
    }  # fmt: skip
    anything = {"max_quarantined": 1.0, "max_misformatted": 1.0}
    return CaseData.from_frames(frames | more, extract_date=on(last), mapping=anything)


def on(day: int) -> pd.Timestamp:
    """Give the date of a day."""
    return EXIT + pd.Timedelta(days=day)


def tables_of(days: str, person: str) -> dict[str, pd.DataFrame]:
    """Make the tables of one timeline."""
    offences = [(day, sign) for day, sign in enumerate(days) if sign in "ox{}"]
    goes_in = [day for day, sign in enumerate(days) if sign in "[{"]
    comes_out = [day for day, sign in enumerate(days) if sign in "]}"]
    joins = [day for day, sign in enumerate(days) if sign == "J"]
    dies = [on(day) for day, sign in enumerate(days) if sign == "D"]
    moves = [on(day) for day, sign in enumerate(days) if sign == "M"]
    episodes = [(person, "IOM", on(-200), on(0)), *((person, "7PP", on(d), pd.NaT) for d in joins)]
    return {
        "people": pd.DataFrame({
            "person_id": [person],
            "birth_month": [pd.Timestamp("1990-01-01")],
            "death_date": [dies[0] if dies else pd.NaT],
        }),
        "episodes": pd.DataFrame(
            episodes, columns=["person_id", "programme", "start_date", "end_date"]),
        "offences": pd.DataFrame({
            "person_id": person,
            "offence_date": [on(-400), *(on(day) for day, _ in offences)],
            "outcome_date": [on(-300), *(on(day) for day, _ in offences)],
            "offence_code": "028",
            "outcome": ["convicted", *("nfa" if sign == "x" else "convicted"
                                       for _, sign in offences)],
        }),
        "custody": pd.DataFrame({
            "person_id": person,
            "in_date": pd.Series([on(day) for day in goes_in], dtype="datetime64[ns]"),
            "out_date": pd.Series(
                [on(day) for day in comes_out] + [pd.NaT] * (len(goes_in) - len(comes_out)),
                dtype="datetime64[ns]"),
            "kind": "sentence",
        }),
        "residence": pd.DataFrame({
            "person_id": person, "in_area": False,
            "from_date": pd.Series(moves, dtype="datetime64[ns]"),
        }),
    }  # fmt: skip
