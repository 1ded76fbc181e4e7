"""The rules of time, as timelines: one character a day, `E` the day of leaving IOM.

    E  leaves IOM (day 0)        I  comes under IOM       .  a day in the community
    J  joins 7PP                 L  leaves 7PP            D  dies
    M  moves away                H  comes home            ?  the day that is asked about
    [  goes into custody         #  a whole day inside    ]  first day free
    {  goes in, having offended that day                  }  first day free, and offends
    o  burglary, convicted       x  burglary, not proven  v  assault, convicted
    n  what is no offence        i  burglary, marked as committed in custody
    a  burglary, convicted on A  b  on B                  c  on C (if drawn; else pending)
    1  a is recorded             2  b is recorded         3  c is recorded
    +  assessed: has the need    -  assessed: has not     ~  assessment without a score

Without an `E` the first character is the day of leaving, or `?` is day 0. Things that happen on the
same days are drawn under each other. The extract is taken on the last character.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from desistance.cases import CaseData

EXIT = pd.Timestamp("2021-01-01")
CODES = {"v": "008", "n": "503"}
LATER = dict(zip("abc", "ABC", strict=True))
RECORDED = dict(zip("abc", "123", strict=True))
IN_FULL = {"x": "nfa", **dict.fromkeys("oviln{}", "convicted")}


@dataclass(frozen=True)
class Timeline:
    """A rule, a life in which it shows, and what must come out, told as `of` says."""

    says: str
    days: str
    told: tuple[str, ...]
    of: str = "at risk"
    design: dict[str, Any] = field(default_factory=dict)


def day_0(days: str) -> int:
    """Find the place of day 0 in a drawing."""
    columns = {sign: place for place, sign in reversed(signs_of(days)) if sign in "E?"}
    return columns.get("E", columns.get("?", 0))


def signs_of(days: str) -> list[tuple[int, str]]:
    """List the signs of a drawing with their places, line by line."""
    return [(place, sign) for line in days.splitlines() for place, sign in enumerate(line)]


def asked(days: str) -> int:
    """Give the day, from day 0, that is asked about."""
    return next(place for place, sign in signs_of(days) if sign == "?") - day_0(days)


def cases_of(*timelines: str, record: bool = True, **more: pd.DataFrame) -> CaseData:
    """Make case data of one person a timeline (A, B, ...), with further tables as they are.

    `record` gives everybody a conviction long before day 0.
    """
    last = max(place for days in timelines for place, _ in signs_of(days)) - day_0(timelines[0])
    together = [
        tables_of(days, chr(ord("A") + place), record=record)
        for place, days in enumerate(timelines)
    ]
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


def tables_of(days: str, person: str, *, record: bool = True) -> dict[str, pd.DataFrame]:
    """Make the tables of one timeline."""
    zero = day_0(days)
    lines = [[(place - zero, sign) for place, sign in enumerate(line)] for line in
             days.splitlines()]  # fmt: skip
    found = [one for line in lines for one in line]

    def spells(opens: str, closes: str) -> list[tuple[int, int | None]]:
        return [spell for line in lines for spell in _spells(line, opens, closes)]

    iom = spells("I", "E") or [(-200, 0)]
    before = [(-200, day) for day, sign in found if sign == "E" and not _opened(lines, day)]
    episodes = [("IOM", *spell) for spell in sorted({*iom, *before}, key=str)] + [
        ("7PP", *spell) for spell in spells("J", "L")
    ]
    dies = [day for day, sign in found if sign == "D"]
    custody, away = spells("[{", "]}"), spells("M", "H")
    offences = _offences(found, record=record)
    return {
        "people": pd.DataFrame({
            "person_id": [person], "birth_month": [pd.Timestamp("1990-01-01")],
            "death_date": _dates([dies[0] if dies else None]),
        }),
        "episodes": pd.DataFrame({
            "person_id": person, "programme": [name for name, *_ in episodes],
            "start_date": _dates([start for _, start, _ in episodes]),
            "end_date": _dates([end for *_, end in episodes]),
        }),
        "offences": offences.assign(person_id=person),
        "custody": pd.DataFrame({
            "person_id": person, "in_date": _dates([start for start, _ in custody]),
            "out_date": _dates([end for _, end in custody]),
            "kind": ["sentence", "remand", "recall"][: len(custody)],
        }),
        "residence": pd.DataFrame({
            "person_id": person, "in_area": False,
            "from_date": _dates([start for start, _ in away]),
            "to_date": _dates([end for _, end in away]),
        }),
        "assessments": _assessments(found).assign(person_id=person),
    }  # fmt: skip


def _spells(line: list[tuple[int, str]], opens: str, closes: str) -> list[tuple[int, int | None]]:
    """Pair the signs of one line that open and close a spell; the last may stay open."""
    starts = [day for day, sign in line if sign in opens]
    ends = [day for day, sign in line if sign in closes]
    return [(start, next((end for end in ends if end > start), None)) for start in starts]


def _opened(lines: list[list[tuple[int, str]]], day: int) -> bool:
    return any(end == day for line in lines for _, end in _spells(line, "I", "E"))


def _offences(found: list[tuple[int, str]], *, record: bool) -> pd.DataFrame:
    place = {sign: day for day, sign in found}
    rows = [(-400, -300, None, "028", "convicted", False)] * record
    for day, sign in found:
        if sign in IN_FULL:
            rows.append((day, day, None, CODES.get(sign, "028"), IN_FULL[sign], sign == "i"))
        elif sign in LATER:
            proven, recorded = place.get(LATER[sign]), place.get(RECORDED[sign])
            outcome = "pending" if proven is None else "convicted"
            rows.append((day, proven, recorded, "028", outcome, False))
    return pd.DataFrame({
        "crime_ref": list(map(str, range(len(rows)))),
        "offence_date": _dates([row[0] for row in rows]),
        "outcome_date": _dates([row[1] for row in rows]),
        "recorded_date": _dates([row[2] for row in rows]),
        "offence_code": [row[3] for row in rows],
        "outcome": [row[4] for row in rows],
        "in_custody": [row[5] for row in rows],
    })  # fmt: skip


def _assessments(found: list[tuple[int, str]]) -> pd.DataFrame:
    made = [(day, sign) for day, sign in found if sign in "+-~"]
    scores = {"+": 8.0, "-": 0.0, "~": float("nan")}
    return pd.DataFrame({
        "assessed_date": _dates([day for day, _ in made]), "tool": "LOCAL", "pathway": "ACC",
        "score": [scores[sign] for _, sign in made], "score_min": 0.0, "score_max": 10.0,
        "missing_reason": ["not_assessed" if sign == "~" else None for _, sign in made],
    })  # fmt: skip


def _dates(days: list[int | None]) -> pd.Series:
    dates = [pd.NaT if day is None else on(day) for day in days]
    return pd.Series(dates, dtype="datetime64[ns]")
