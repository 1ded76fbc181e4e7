"""Street time: small lives by hand, and a slow reader that walks through every day."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance import street_time
from desistance.errors import DataError
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.histories.streettime import PRECEDENCE
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples
from tests.lives import LAST, histories_of, on

KINDS = (*PRECEDENCE, None)


def one(**life):
    window = {"since": on(0), "until": on(100)}
    return street_time(histories_of(people=["A"], **life), **window).people.iloc[0]


def test_a_life_without_custody_is_all_street():
    told = one()
    assert (told["calendar_days"], told["street_days"], told["nights"]) == (100, 100, 0)
    assert not told["never_at_risk"]


def test_the_days_of_going_in_and_out_are_street_days_and_the_nights_are_all_told():
    told = one(custody=[("A", 10, 15, "remand")])
    assert (told["nights"], told["nights_remand"]) == (5, 5)
    assert (told["days_inside"], told["street_days"]) == (4, 96)


def test_overlapping_spells_are_told_once_by_precedence():
    # Remand 10 to 30, sentence 20 to 40, recall 35 to 50, hospital 25 to 28, no reason 45 to 55.
    spells = [
        ("A", 10, 30, "remand"), ("A", 20, 40, "sentence"), ("A", 35, 50, "recall"),
        ("A", 25, 28, "hospital"), ("A", 45, 55, None),
    ]  # fmt: skip
    told = one(custody=spells)
    assert told["nights"] == 45
    assert told["nights_remand"] == 10
    assert told["nights_sentence"] == 17
    assert told["nights_hospital"] == 3
    assert told["nights_recall"] == 10
    assert told["nights_unknown"] == 5
    assert told["days_inside"] == 44


def test_another_precedence_moves_nights_and_loses_none():
    spells = [("A", 10, 30, "remand"), ("A", 20, 40, "recall")]
    told = street_time(
        histories_of(custody=spells), since=on(0), until=on(100),
        precedence=("remand", "recall", "sentence"),
    ).people.iloc[0]  # fmt: skip
    assert (told["nights_remand"], told["nights_recall"], told["nights"]) == (20, 10, 30)


def test_death_and_leaving_the_area_end_or_interrupt_the_time_at_risk():
    told = one(away=[("A", 40, 50)], custody=[("A", 45, 60, "sentence")], deaths={"A": 79})
    assert told["calendar_days"] == 80  # the day of death is the last
    assert told["days_inside"] == 14
    assert told["days_away"] == 5  # 41 to 45; from the 46th inside
    assert told["street_days"] == 80 - 14 - 5


def test_days_away_count_where_offences_are_seen_everywhere():
    away = histories_of(away=[("A", 40, None)])
    seen = street_time(away, since=on(0), until=on(100), seen_everywhere=True).people.iloc[0]
    assert (seen["days_away"], seen["street_days"]) == (0, 100)


def test_an_open_spell_is_closed_with_the_extract_and_said():
    histories = histories_of(custody=[("A", 90, None, "sentence")], last=99)
    found = street_time(histories, since=on(0))
    assert found.people.iloc[0]["nights"] == 10
    assert "1 spells in custody have no end: they are closed with the extract." in found.caveats


def test_who_was_never_at_risk_is_named_and_counted():
    histories = histories_of(custody=[("A", -5, 200, "sentence")], people=["A", "B"])
    found = street_time(histories, since=on(0), until=on(100))
    assert found.people.loc[found.people["never_at_risk"], "person_id"].tolist() == ["A"]
    row = found.to_frame().set_index("outcome").loc["never at risk"]
    assert row["n"] == 1
    assert any(caveat.startswith("1 people were never at risk") for caveat in found.caveats)


def test_groups_add_up():
    histories = build_histories(simulate_cases(SimulationDesign(n_people=80), rng=4))
    frame = street_time(histories, by="sex").to_frame().set_index(["group", "outcome"])
    for outcome in ("calendar days", "street days", "nights in custody"):
        whole = frame.loc[("everyone", outcome), "person_years"]
        parts = [frame.loc[(group, outcome), "person_years"] for group in ("F", "M")]
        assert sum(parts) == pytest.approx(whole)
    labels = pd.Series(histories.person_ids, name="person_id").str[-1]
    own = street_time(histories, by=labels).to_frame()
    assert set(own["group"]) == {"everyone", *map(str, range(10))}


def test_the_street_days_of_a_follow_up_are_its_days_at_risk():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=7)
    histories = build_histories(cases)
    mature = follow_up(cases, histories).people.query("mature").reset_index(drop=True)
    index_date = mature["index_date"]
    told = street_time(
        histories, mature["person_id"], since=index_date + pd.Timedelta(days=1),
        until=index_date + pd.Timedelta(days=366),
    ).people  # fmt: skip
    assert (told["street_days"] == mature["days_at_risk"]).all()
    assert (told["calendar_days"] == mature["calendar_days"]).all()
    assert (told["days_inside"] > 0).sum() > 20


def slow(spells, away, death, since, until):
    """Walk through the days of one window."""
    days = {"calendar": 0, "inside": 0, "away": 0, "street": 0}
    nights = dict.fromkeys(KINDS, 0)
    for day in range(since, until):
        if death is not None and day > death:
            break
        held = [kind for start, stop, kind in spells if start <= day < stop]
        # A day is wholly inside if last night and this one are.
        last_night = [kind for start, stop, kind in spells if start <= day - 1 < stop]
        inside = bool(held) and bool(last_night)
        gone = any(start <= day < stop for start, stop in away) and any(
            start <= day - 1 < stop for start, stop in away
        )
        days["calendar"] += 1
        if held:
            nights[next(kind for kind in KINDS if kind in held)] += 1
        days["inside" if inside else "away" if gone else "street"] += 1
    return days, nights


spans = st.tuples(st.integers(-20, 60), st.integers(0, 30)).map(lambda s: (s[0], s[0] + s[1]))


@examples(40)
@given(
    spells=st.lists(st.tuples(spans, st.sampled_from(KINDS)), max_size=6),
    away=st.lists(spans, max_size=3),
    death=st.none() | st.integers(0, 80),
    window=st.tuples(st.integers(-10, 30), st.integers(0, 60)),
)
def test_every_day_and_night_is_told_as_a_slow_reader_tells_it(spells, away, death, window):
    spells = [(*span, kind) for span, kind in spells]
    keys = {(start, kind) for start, _, kind in spells}
    if len(keys) < len(spells) or len({start for start, _ in away}) < len(away):
        return  # the tables take one spell a day and kind
    since, until = window[0], window[0] + window[1]
    histories = histories_of(
        people=["A", "B"], custody=[("A", *spell) for spell in spells],
        away=[("A", *span) for span in away], deaths={"A": death},
    )  # fmt: skip
    told = street_time(histories, since=on(since), until=on(until)).people.iloc[0]
    # A spell that begins after death is quarantined at the door.
    kept = histories.cases.custody
    alive = {
        (
            (row.in_date - on(0)).days,
            (row.out_date - on(0)).days,
            None if pd.isna(row.kind) else row.kind,
        )
        for row in kept.itertuples()
    }
    days, nights = slow(sorted(alive, key=str), away, death, since, until)
    assert told["calendar_days"] == days["calendar"]
    assert told["street_days"] == days["street"]
    assert told["days_inside"] == days["inside"]
    assert told["days_away"] == days["away"]
    assert told["nights"] == sum(nights.values())
    for kind, n in nights.items():
        assert told[f"nights_{kind or 'unknown'}"] == n


def test_windows_that_cannot_be_are_errors_without_ids():
    histories = histories_of(people=["Zebedee"])
    with pytest.raises(DataError, match="1 of 1 windows end after") as caught:
        street_time(histories, since=on(0), until=on(LAST + 2))
    assert "Zebedee" not in str(caught.value)
    street_time(histories, since=on(0), until=on(LAST + 1))  # the last day counts
    with pytest.raises(DataError, match="end before they begin"):
        street_time(histories, since=on(5), until=on(4))
    unborn = histories_of(people=["Zebedee"], births={"Zebedee": pd.NaT})
    with pytest.raises(DataError, match="month of birth is not known"):
        street_time(unborn)
    with pytest.raises(DataError, match="index of `person_ids`"):
        street_time(histories, since=pd.Series([on(0)], index=["x"]))
    with pytest.raises(DataError, match="is not a column; there are"):
        street_time(histories, by="colour")
    with pytest.raises(DataError, match="1 of 1 dates of `since` are empty"):
        street_time(histories, since=pd.Series([pd.NaT]))


def test_without_a_first_day_a_window_begins_on_the_tenth_birthday():
    told = street_time(histories_of(people=["A"]), until=on(0)).people.iloc[0]
    assert told["since"] == pd.Timestamp("2010-01-01")
    assert told["calendar_days"] == (on(0) - pd.Timestamp("2010-01-01")).days


def test_plot_stacks_the_nights_by_kind():
    spells = [("A", 10, 30, "remand"), ("B", 20, 40, "sentence")]
    found = street_time(histories_of(custody=spells), since=on(0), until=on(100))
    ax = found.plot()
    widths = np.array([bar.get_width() for bar in ax.patches])
    assert widths.sum() == pytest.approx(40 / 200)
