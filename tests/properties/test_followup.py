"""Follow-up against a slow reading of its rules: one person, one day at a time."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from desistance.cases import CaseData
from desistance.errors import FollowUpError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from tests.spec.timelines import on

LAST = 60  # day of the extract
WAITING = 30

day = st.integers(-10, LAST)
lives = st.fixed_dictionaries({
    "joined": st.none() | st.integers(0, LAST),
    "died": st.none() | st.integers(1, LAST),
    "moved": st.none() | st.integers(1, LAST),
    "custody": st.lists(st.tuples(day, st.integers(0, 25)), max_size=4),
    "offences": st.lists(
        st.tuples(st.integers(-5, LAST), st.none() | st.integers(0, 45)), max_size=6
    ),
})  # fmt: skip


def slowly(life):
    """Read the rules off `desistance.followup`; rows as (start, stop, event, exposed)."""
    nights = {night for first, n in life["custody"] for night in range(first, first + n)}

    def inside(d):  # slept inside the night before and the night after
        return d - 1 in nights and d in nights

    end = min(LAST - WAITING, life["died"] or LAST, life["moved"] or LAST)
    reoffences = [
        d for d, lag in life["offences"]
        if 0 < d <= end and lag is not None and lag <= WAITING and d + lag <= LAST and not inside(d)
    ]  # fmt: skip
    event = min(reoffences, default=None)
    joined = LAST + 1 if life["joined"] is None else life["joined"]
    rows = []
    for d in range(1, (event or end) + 1):
        if inside(d):
            continue
        exposed = d > joined
        if rows and rows[-1][1] == d - 1 and rows[-1][3] == exposed:
            rows[-1][1] = d
        else:
            rows.append([d - 1, d, False, exposed])
        rows[-1][2] = d == event
    return [tuple(row) for row in rows]


def dates(days):
    """Give dates of days, and no date for none."""
    return pd.Series([pd.NaT if d is None else on(d) for d in days], dtype="datetime64[ns]")


def frames(life):
    """Write a life down as the tables of a case file."""
    offences = [(d, lag) for d, lag in life["offences"] if lag is None or d + lag <= LAST]
    custody, joins = life["custody"], life["joined"] is not None
    return {
        "people": pd.DataFrame({
            "person_id": ["A"],
            "birth_month": [pd.Timestamp("1990-01-01")],
            "death_date": dates([life["died"]]),
        }),
        "episodes": pd.DataFrame({
            "person_id": "A",
            "programme": ["IOM", *["7PP"] * joins],
            "start_date": dates([-200, *[life["joined"]] * joins]),
            "end_date": dates([0, *[None] * joins]),
        }),
        "offences": pd.DataFrame({
            "person_id": "A",
            "offence_code": "028",
            "crime_ref": list(map(str, range(len(offences)))),
            "offence_date": dates([d for d, _ in offences]),
            "outcome_date": dates([None if lag is None else d + lag for d, lag in offences]),
            "outcome": ["pending" if lag is None else "convicted" for _, lag in offences],
        }),
        "custody": pd.DataFrame({
            "person_id": "A",
            "kind": ["remand", "sentence", "recall", "hospital"][: len(custody)],
            "in_date": dates([first for first, _ in custody]),
            "out_date": dates([first + n for first, n in custody]),
        }),
        "residence": pd.DataFrame({
            "person_id": "A",
            "in_area": False,
            "from_date": dates([life["moved"]] if life["moved"] else []),
        }),
    }  # fmt: skip


@given(lives)
def test_rows_agree_with_reading_the_rules_a_day_at_a_time(life):
    # A death quarantines what comes after it; the fast and the slow reading see the same data.
    if life["died"] is not None:
        dead = life["died"]
        life = life | {
            "offences": [(d, lag) for d, lag in life["offences"] if d <= dead],
            "custody": [(first, n) for first, n in life["custody"] if first + n <= dead],
            "joined": None if (life["joined"] or 0) > dead else life["joined"],
            "moved": None if (life["moved"] or 0) > dead else life["moved"],
        }
    life["custody"] = [(first, n) for first, n in life["custody"] if first + n <= LAST]
    anything = {"max_quarantined": 1.0, "max_misformatted": 1.0}
    cases = CaseData.from_frames(frames(life), extract_date=on(LAST), mapping=anything)
    design = FollowUpDesign(waiting_months=1, months=1)
    expected = slowly(life)
    try:
        followed = follow_up(cases, build_histories(cases), design)
    except FollowUpError:
        assert expected == []
        return
    rows = followed.rows
    told = list(zip(rows["start"], rows["stop"], rows["event"], rows["exposed"], strict=True))
    assert told == expected
