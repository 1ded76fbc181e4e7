"""Every rule of time stated in `desistance.followup`, as a timeline."""

import pandas as pd
import pytest

from desistance.errors import BiasError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from tests.spec.__main__ import PAGE, page
from tests.spec.rules import TIMELINES
from tests.spec.telling import rows_told, told
from tests.spec.timelines import cases_of, on


def followed(days, **design):
    cases = cases_of(days)
    chosen = FollowUpDesign(**{"waiting_months": 0, "months": 1} | design)
    return follow_up(cases, build_histories(cases), chosen)


@pytest.mark.parametrize("timeline", TIMELINES, ids=lambda timeline: timeline.says)
def test_timeline(timeline):
    assert told(timeline) == timeline.told


def test_the_page_has_the_rules_of_the_tests():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make rules`"


@pytest.mark.parametrize(("lag", "counts"), [(183, True), (184, False)])
def test_every_offence_has_the_same_time_to_be_proven(lag, counts):
    days = "E" + "." * 99 + "o" + "." * 900
    person = follow_late(days, lag, FollowUpDesign())
    assert pd.notna(person["event_day"]) == counts  # however long the person is watched
    assert person["reoffended"]  # the official rate: by day 365 + 183


@pytest.mark.parametrize(
    ("last_day", "mature"), [(365 + 182, False), (365 + 183, True)], ids=["a day short", "complete"]
)
def test_the_rate_waits_for_twelve_months_and_six(last_day, mature):
    cases = cases_of("E" + "." * last_day)
    person = follow_up(cases, build_histories(cases), FollowUpDesign()).people.iloc[0]
    assert person["mature"] == mature
    assert pd.isna(person["reoffended"]) != mature  # unknown until then, never "no"


@pytest.mark.parametrize(("lag", "counts"), [(183, True), (184, False)])
def test_the_rate_counts_what_is_proven_by_the_end_of_waiting(lag, counts):
    days = "E" + "." * 364 + "o" + "." * 400
    assert follow_late(days, lag, FollowUpDesign())["reoffended"] == counts


def follow_late(days, lag, design):
    """Follow one person whose last offence was proven `lag` days after it."""
    cases = cases_of(days)
    late = cases.offences.copy()
    last = late["offence_date"] == late["offence_date"].max()
    late.loc[last, "outcome_date"] += pd.Timedelta(days=lag)
    cases = type(cases).from_frames(
        {"people": cases.people, "episodes": cases.episodes, "offences": late},
        extract_date=cases.extract_date,
    )
    return follow_up(cases, build_histories(cases), design).people.iloc[0]


def test_whoever_moved_away_is_unknown_to_the_rate_unless_seen_everywhere():
    days = "E" + "." * 99 + "M" + "." * 600
    cases = cases_of(days, "E" + "." * 700)
    histories = build_histories(cases)
    here = follow_up(cases, histories, FollowUpDesign()).people
    assert here["mature"].tolist() == [False, True]
    assert here["end_day"].iloc[0] == 100
    national = follow_up(cases, histories, FollowUpDesign(seen_everywhere=True)).people
    assert national["mature"].tolist() == [True, True]
    assert (national["end_day"] > 400).all()


def test_a_spell_that_ends_on_the_day_it_began_is_no_stay():
    spell = pd.DataFrame({"person_id": "A", "in_date": [on(5)], "out_date": [on(5)],
                          "kind": "remand"})  # fmt: skip
    cases = cases_of("E...................", custody=spell)
    design = FollowUpDesign(waiting_months=0, months=1)
    assert rows_told(follow_up(cases, build_histories(cases), design).rows) == ("(0, 19]",)


def test_whoever_comes_back_is_followed_on_and_counted():
    again = pd.DataFrame({
        "person_id": "A", "programme": "IOM", "start_date": [on(-200), on(100)],
        "end_date": [on(0), on(300)]})  # fmt: skip
    cases = cases_of("E" + "." * 700, episodes=again)
    followed = follow_up(cases, build_histories(cases), FollowUpDesign())
    assert "1 people came back under IOM after leaving" in followed.caveats[0]


def test_ever_against_never_is_refused_and_says_why():
    with pytest.raises(BiasError, match="would be counted as its own"):
        followed("E.....J.............", exposure="ever")
    cases = cases_of("E.....J.............")
    design = FollowUpDesign(waiting_months=0, exposure="ever")
    seen = follow_up(cases, build_histories(cases), design, acknowledge_bias=True)
    assert rows_told(seen.rows) == ("(0, 19] 7PP",)
    assert "makes its own effect" in seen.caveats[0]


def test_the_flow_adds_up():
    flow = followed("E...................").flow
    steps = flow["n_remaining"].shift(fill_value=1) - flow["n_left_out"]
    assert (steps == flow["n_remaining"]).all()


def test_unequal_shares_assessed_are_said():
    assessed = pd.DataFrame({
        "person_id": ["A"], "assessed_date": [on(-10)], "tool": "LOCAL", "pathway": "ACC",
        "score": [8.0], "score_min": 0.0, "score_max": 10.0})  # fmt: skip
    cases = cases_of("E...J" + "." * 700, "E" + "." * 704, assessments=assessed)
    followed = follow_up(cases, build_histories(cases), FollowUpDesign())
    assert "share assessed on their needs differs by more than 10 points" in followed.caveats[0]
