"""What comes out of a timeline, told in a few words: what each drawing is held against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from desistance.errors import BiasError, FollowUpError
from desistance.followup import FollowUp, FollowUpDesign, follow_up
from desistance.histories import HistoryDesign, build_histories
from tests.spec.timelines import Timeline, asked, cases_of, on

KINDS = {"violence": "VIOLENT", "acquisitive": "SAC_HMICFRS2022"}


def told(timeline: Timeline) -> tuple[str, ...]:
    """Run a timeline through the library, and tell what its kind of rule is about."""
    return TELLERS[timeline.of](timeline)


def followed(timeline: Timeline) -> FollowUp:
    cases = cases_of(timeline.days)
    design = FollowUpDesign(**{"waiting_months": 0, "months": 1} | timeline.design)
    return follow_up(cases, build_histories(cases), design)


def at_risk(timeline: Timeline) -> tuple[str, ...]:
    return rows_told(followed(timeline).rows)


def rows_told(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(
        f"({row.start}, {row.stop}]" + " event" * row.event + " 7PP" * row.exposed
        for row in rows.itertuples()
    )


def ended(timeline: Timeline) -> tuple[str, ...]:
    person = followed(timeline).people.iloc[0]
    return (f"day {person.end_day}: {person.ended_by}",)


def every_reoffence(timeline: Timeline) -> tuple[str, ...]:
    times = followed(timeline).repeated()
    rows = times.columns
    return tuple(
        f"({row.start}, {row.stop}]" + " event" * row.event + " death" * row.died
        + " 7PP" * row.exposed
        for row in rows.itertuples()
    )  # fmt: skip


def by_kind(timeline: Timeline) -> tuple[str, ...]:
    rows = followed(timeline).by_cause(KINDS).columns
    return tuple(f"({row.start}, {row.stop}] {row.cause}".rstrip() for row in rows.itertuples())


def the_rate(timeline: Timeline) -> tuple[str, ...]:
    person = followed(timeline).people.iloc[0]
    if not person.mature:
        assert pd.isna(person.reoffended)
        assert pd.isna(person.n_reoffences)
        return ("unknown",)
    assert person.reoffended == (person.n_reoffences > 0)
    days = f"{person.days_at_risk} of {person.calendar_days} days at risk"
    return (f"{person.n_reoffences} reoffences, {days}",)


def left_out(timeline: Timeline) -> tuple[str, ...]:
    with pytest.raises(FollowUpError) as error:
        followed(timeline)
    lines = [line.rsplit(maxsplit=2) for line in str(error.value).splitlines()[2:]]
    return tuple(reason.strip() for reason, n_left_out, _ in lines if n_left_out == "1")


def refused(timeline: Timeline) -> tuple[str, ...]:
    with pytest.raises(BiasError) as error:
        followed(timeline)
    return tuple(phrase for phrase in timeline.told if phrase in str(error.value))


def from_later(timeline: Timeline, *, until_joining: bool = False) -> tuple[str, ...]:
    people = followed(timeline)
    person, day = np.array([0]), np.array([asked(timeline.days)])
    rows = people.from_day(person, day, months=1, until_joining=np.array([until_joining]))
    return tuple(
        f"({row.start}, {row.stop}], {row.n_reoffences} reoffences" for row in rows.itertuples()
    )


def until_joining(timeline: Timeline) -> tuple[str, ...]:
    return from_later(timeline, until_joining=True)


def known(timeline: Timeline) -> tuple[str, ...]:
    cases = cases_of(timeline.days, record=False)
    design = HistoryDesign(**{"scheme": "7PP"} | timeline.design)
    when = pd.Series([on(asked(timeline.days))])
    row = build_histories(cases, design).known_on(pd.Series(["A"]), when).iloc[0]
    names = [phrase.split(": ")[0] for phrase in timeline.told]
    return tuple(f"{name}: {_word(row[name])}" for name in names)


def _word(value: object) -> str:
    if pd.isna(value):
        return "unknown"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{round(float(value), 2):g}"


TELLERS = {
    "at risk": at_risk,
    "ends": ended,
    "every reoffence": every_reoffence,
    "first, by kind": by_kind,
    "the rate": the_rate,
    "left out": left_out,
    "refused": refused,
    "from the day asked": from_later,
    "from the day asked, until joining": until_joining,
    "known": known,
}
