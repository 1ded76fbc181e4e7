"""Every rule of time stated in `desistance.followup`, as a timeline."""

import pandas as pd
import pytest

from desistance.errors import BiasError, FollowUpError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from tests.spec.timelines import TIMELINES, cases_of


def followed(days, **design):
    cases = cases_of(days)
    chosen = FollowUpDesign(**{"waiting_months": 0, "months": 1} | design)
    return follow_up(cases, build_histories(cases), chosen)


def told(rows):
    return tuple(
        f"({row.start}, {row.stop}]" + " event" * row.event + " 7PP" * row.exposed
        for row in rows.itertuples()
    )


@pytest.mark.parametrize("timeline", TIMELINES, ids=lambda timeline: timeline.says)
def test_timeline(timeline):
    assert told(followed(timeline.days, **timeline.design).rows) == timeline.rows


def test_an_outcome_after_the_waiting_period_does_not_prove_an_offence():
    cases = cases_of("E" + "." * 400)
    histories = build_histories(cases)
    assert len(follow_up(cases, histories, FollowUpDesign(waiting_months=6)).rows) == 1


@pytest.mark.parametrize(
    ("last_day", "mature"), [(365 + 182, False), (365 + 183, True)], ids=["a day short", "complete"]
)
def test_the_rate_waits_for_twelve_months_and_six(last_day, mature):
    cases = cases_of("E" + "." * last_day)
    person = follow_up(cases, build_histories(cases), FollowUpDesign()).people.iloc[0]
    assert person["mature"] == mature
    assert pd.isna(person["reoffended"]) != mature  # unknown until then, never "no"


def test_proven_within_the_waiting_period_counts_and_a_day_later_does_not():
    for lag, counts in ((183, True), (184, False)):
        days = "E" + "." * 364 + "o" + "." * 400
        cases = cases_of(days)
        late = cases.offences.copy()
        reoffence = late["offence_date"] == late["offence_date"].max()
        late.loc[reoffence, "outcome_date"] += pd.Timedelta(days=lag)
        cases = type(cases).from_frames(
            {"people": cases.people, "episodes": cases.episodes, "offences": late},
            extract_date=cases.extract_date,
        )
        person = follow_up(cases, build_histories(cases), FollowUpDesign()).people.iloc[0]
        assert person["reoffended"] == counts


def test_ever_against_never_is_refused_and_says_why():
    with pytest.raises(BiasError, match="would be counted as its own"):
        followed("E.....J.............", exposure="ever")
    cases = cases_of("E.....J.............")
    design = FollowUpDesign(waiting_months=0, exposure="ever")
    seen = follow_up(cases, build_histories(cases), design, acknowledge_bias=True)
    assert told(seen.rows) == ("(0, 19] 7PP",)
    assert "makes its own effect" in seen.caveats[0]


def test_ever_is_fair_where_everyone_joins_on_day_0():
    assert told(followed("J...................", exposure="ever").rows) == ("(0, 19] 7PP",)


def test_two_time_zeros_are_refused_and_say_why():
    with pytest.raises(BiasError, match="when the risk is highest"):
        followed("E.....J.............", time_zero="own start")


def test_nobody_to_follow_is_an_error_that_shows_the_flow():
    with pytest.raises(FollowUpError, match="in custody for the whole of follow-up"):
        followed("[####")


def test_the_flow_adds_up():
    flow = followed("E...................").flow
    steps = flow["n_remaining"].shift(fill_value=1) - flow["n_left_out"]
    assert (steps == flow["n_remaining"]).all()
