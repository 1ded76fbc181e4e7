"""What is odd is said once, with counts that can be protected, and what is not is left alone."""

import numpy as np
import pandas as pd
import pytest

from desistance.results import Caveat
from desistance.survival import fit_cox, kaplan_meier
from desistance.timetoevent import TimeToEvent

N = 60
RNG = np.random.default_rng(4)
FRAME = pd.DataFrame({"day": RNG.integers(5, 90, N), "event": RNG.random(N) < 0.8})
FIRST = np.arange(N)


def said(column, frame=FRAME, **roles):
    rows = frame.assign(x=column)
    times = TimeToEvent.from_frame(rows, stop="day", event="event", **roles)
    return [told for told in fit_cox(times, ["x"]).caveats if told.startswith("`x`")]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (FIRST < 3, "`x` is 1 for 3 of 60 people"),
        ((FIRST >= 4).astype(float), "`x` is 0 for 4 of 60 people"),
        (np.where(FIRST < 2, "FLEX", "FIXED"), "`x` is FLEX for 2 of 60 people"),
        (np.where(FIRST < 9, 99, FIRST % 40), "`x` is one number of nines, far from all others, "
         "for 9 of 60 people"),
        (np.where(FIRST < 9, -9.0, 1 + FIRST % 5), "for 9 of 60 people"),
    ],
)  # fmt: skip
def test_a_handful_of_people_and_codes_for_unknown_are_said(column, told):
    (caveat,) = said(column)
    assert told in caveat
    assert isinstance(caveat, Caveat)
    assert caveat.with_counts(lambda _: "some") != caveat


@pytest.mark.parametrize(
    "column",
    [
        FIRST < 5,
        np.where(FIRST % 2, "FLEX", "FIXED"),
        FIRST + 40,  # 99 is one age of many
        np.where(FIRST < 3, 0.5, FIRST % 2),
        RNG.lognormal(3, 1.5, N),
    ],
)
def test_what_is_ordinary_is_not(column):
    assert said(column) == []


def test_people_are_counted_and_not_their_rows():
    person = FIRST // 15
    rows = FRAME.assign(person=person, start=15 * (FIRST % 15), event=False)
    rows["day"] = rows.start + 15
    rows.loc[FIRST % 15 == 14, "event"] = True
    told = said(person == 0, rows, person="person", start="start")
    rest = "of 4 people: what is said of it rests on them alone."
    assert told == [f"`x` is 0 for 3 {rest}", f"`x` is 1 for 1 {rest}"]


def test_many_small_groups_are_one_sentence():
    times = TimeToEvent.from_frame(FRAME.assign(area=FIRST // 3), stop="day", event="event")
    (told,) = kaplan_meier(times, "area").caveats
    assert told.startswith("20 labels of `area` are each of fewer than 5 people")


@pytest.mark.parametrize(("copies", "times"), [(2, 2), (3, 3), (1, 0)])
def test_copies_of_all_rows_are_said_however_they_are_mixed(copies, times):
    rows = pd.concat([FRAME] * copies, ignore_index=True).sample(frac=1, random_state=1)
    rows["pid"] = [f"P{number}" for number in range(len(rows))]
    told = TimeToEvent.from_frame(rows, stop="day", event="event").caveats
    assert told == () if not times else told[0].startswith(f"Every row stands {times} times")


def test_few_rows_that_happen_to_be_alike_are_not_copies():
    rows = FRAME.head(9)
    rows = pd.concat([rows, rows], ignore_index=True)
    assert TimeToEvent.from_frame(rows, stop="day", event="event").caveats == ()
