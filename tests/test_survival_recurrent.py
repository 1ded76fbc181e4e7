"""Repeated events and curves that add up: exact numbers, layouts, ends, refusals, faces."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from desistance.errors import ModelError
from desistance.survival import (
    fit_cox,
    fit_recurrent,
    mean_cumulative_function,
    nelson_aalen,
)
from desistance.survival.recurrent import NAMES
from desistance.timetoevent import TimeToEvent


def times_of(**columns):
    roles = ("start", "person", "weight", "strata", "cause")
    named = {name: name for name in roles if name in columns}
    return TimeToEvent.from_frame(
        pd.DataFrame(columns), stop="stop", event="event", recurrent=True, **named
    )


def three_people(**columns):
    """a: reoffends on 30 and 50, until 90. b: in custody from 20 to 40, until 60. c: from 10."""
    return times_of(
        person=["a", "a", "a", "b", "b", "c"], start=[0, 30, 50, 0, 40, 10],
        stop=[30, 50, 90, 20, 60, 70], event=[1, 1, 0, 0, 1, 0], **columns,
    )  # fmt: skip


def test_the_mean_counts_only_people_who_are_at_risk():
    frame = mean_cumulative_function(three_people()).to_frame().set_index("day")
    # Day 30: b is in custody. Day 60: a goes on, c was there from day 10.
    assert frame.n_at_risk[[30, 50, 60]].tolist() == [2, 3, 3]
    assert frame.n_events[[30, 50, 60]].tolist() == [1, 1, 1]
    exactly = [Fraction(1, 2), Fraction(5, 6), Fraction(7, 6)]
    assert frame.estimate[[30, 50, 60]].tolist() == pytest.approx(list(map(float, exactly)))
    # How far each of a, b, c moves the mean by day 60.
    moves = np.array([1 / 4 + 2 / 9 - 1 / 9, 0 - 1 / 9 + 2 / 9, -1 / 4 - 1 / 9 - 1 / 9])
    assert frame.std_error[60] == pytest.approx(np.sqrt((moves**2).sum()))
    assert frame.n_censored.sum() == 3  # b into custody, c and a at their ends


@pytest.mark.parametrize("terminal", [None, "died"])
def test_people_in_blocks_move_the_mean_as_all_at_once(monkeypatch, terminal):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {"person": np.repeat(np.arange(200), 4), "start": np.tile([0, 3, 5, 8], 200)}
    )
    frame["stop"] = frame.start + rng.integers(1, 4, 800).clip(max=np.tile([3, 2, 3, 3], 200))
    frame["event"] = rng.random(800) < 0.4
    frame = frame[rng.random(800) < 0.8].assign(w=lambda rows: rng.uniform(0.5, 2, len(rows)))
    frame["died"] = ~frame.person.duplicated(keep="last") & (frame.person % 3 == 0)
    times = TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", weight="w",
        recurrent=True,
    )  # fmt: skip
    at_once = mean_cumulative_function(times, terminal=terminal).to_frame()
    monkeypatch.setattr("desistance.survival.influence.ROWS_IN_CACHE", 7)
    in_blocks = mean_cumulative_function(times, terminal=terminal).to_frame()
    pd.testing.assert_frame_equal(in_blocks, at_once, rtol=1e-12)


def test_the_dead_no_longer_reoffend_but_the_censored_might():
    columns = {
        "person": [1, 2, 2, 3, 3, 4],
        "start": [0, 0, 20, 0, 20, 0],
        "stop": [10, 20, 30, 20, 30, 30],
        "event": [0, 1, 0, 1, 0, 1],
    }
    died = [1, 0, 0, 0, 0, 0]
    alive = mean_cumulative_function(times_of(**columns)).at([30])
    with_death = mean_cumulative_function(times_of(**columns, died=died), terminal="died")
    assert alive.estimate[0] == pytest.approx(3 / 3)
    assert with_death.at([30]).estimate[0] == pytest.approx(3 / 4)
    assert with_death.to_frame().n_censored.tolist() == [0, 0, 2]


def test_death_may_be_a_cause_or_a_column():
    columns = {"person": [1, 1, 2, 3], "start": [0, 8, 0, 0], "stop": [8, 20, 15, 20]}
    cause = ["reoffence", "", "death", "reoffence"]
    by_cause = times_of(**columns, event=[1, 0, 1, 1], cause=cause)
    by_column = times_of(**columns, event=[1, 0, 0, 1], died=[False, False, True, False])
    one = mean_cumulative_function(by_cause, terminal="death")
    assert one.caveats == ("Nobody has a second event: the rows may end at the first.",)
    two = mean_cumulative_function(by_column, terminal="died")
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    assert one.n_events == 2
    everything = mean_cumulative_function(by_cause)
    assert everything.n_events == 3
    assert "Events of every cause are counted" in everything.caveats[1]


def test_a_reoffence_on_the_day_of_death_counts():
    columns = {"person": [1, 2], "stop": [10, 30], "event": [1, 1], "died": [1, 0]}
    found = mean_cumulative_function(times_of(**columns), terminal="died").at([10, 30])
    assert found.estimate.tolist() == [1 / 2, 1 / 2 + 1 / 2]


def test_a_person_who_never_reoffends_counts():
    without = times_of(person=[1, 2], stop=[10, 20], event=[1, 0])
    more = times_of(person=[1, 2, 3, 4], stop=[10, 20, 20, 20], event=[1, 0, 0, 0])
    estimates = [mean_cumulative_function(times).at([20]).estimate[0] for times in (without, more)]
    assert estimates == [0.5, 0.25]


def test_the_cumulative_hazard_and_aalens_variance_are_exact_fractions():
    day, event = [3, 3, 5, 5, 9, 12], [1, 0, 1, 1, 0, 1]
    frame = nelson_aalen(times_of(stop=day, event=event)).to_frame().set_index("day")
    hazard = Fraction(1, 6) + Fraction(2, 4) + Fraction(1, 1)
    variance = Fraction(1, 36) + Fraction(2, 16) + Fraction(1, 1)
    assert frame.estimate[12] == pytest.approx(float(hazard), rel=1e-15)
    assert frame.std_error[12] == pytest.approx(float(variance) ** 0.5, rel=1e-15)
    spread = np.exp(1.959963984540054 * frame.std_error[12] / frame.estimate[12])
    assert frame.conf_high[12] == pytest.approx(frame.estimate[12] * spread)
    assert frame.conf_low[12] == pytest.approx(frame.estimate[12] / spread)


def test_nothing_is_said_before_an_event_nor_after_the_last_follow_up():
    curve = nelson_aalen(times_of(stop=[4, 8, 9], event=[0, 1, 0]))
    at = curve.at([2, 4, 8, 10])
    assert at.estimate.tolist()[:3] == [0, 0, 0.5]
    assert np.isnan(at.estimate[3])
    assert at.note.tolist() == [
        "not estimable: no event yet",
        "not estimable: no event yet",
        "",
        "not estimable: after the last follow-up, 9",
    ]
    assert at.std_error.isna().tolist() == [True, True, False, True]


def test_several_events_a_person_send_the_reader_to_the_mean_number():
    assert "mean_cumulative_function" in nelson_aalen(three_people()).caveats[0]
    assert not nelson_aalen(times_of(stop=[4, 8], event=[1, 1])).caveats


LAYOUTS = {
    "andersen-gill": [(0, 30, 1), (30, 50, 1), (50, 90, 0)],
    "pwp-total": [(0, 30, 1), (30, 50, 1), (50, 90, 0)],
    "pwp-gap": [(0, 30, 1), (0, 20, 1), (0, 40, 0)],
    "wlw": [(0, 30, 1), (0, 30, 0), (30, 50, 1)],
}


@pytest.mark.parametrize("model", NAMES)
def test_rows_are_laid_out_as_the_module_draws_them(model, monkeypatch):
    seen = {}

    def keep(times, terms, **options):
        seen["times"] = times
        return fit_cox(times, terms, **options)

    monkeypatch.setattr("desistance.survival.recurrent.fit_cox", keep)
    fit_recurrent(three_people(priors=[4, 4, 4, 1, 1, 2]), ["priors"], model=model)
    times = seen["times"]
    of_a = times.person == 0
    rows = zip(times.start[of_a], times.stop[of_a], times.event[of_a], strict=True)
    assert list(rows) == LAYOUTS[model]
    numbers = {"andersen-gill": None, "wlw": [0, 1, 1]}.get(model, [0, 1, 2])
    assert (times.strata[of_a].tolist() if numbers else times.strata) == numbers


def test_the_strata_of_the_rows_are_kept_beside_the_event_number():
    times = three_people(priors=[4, 4, 4, 1, 1, 2], strata=["n", "n", "n", "s", "s", "s"])
    one = fit_recurrent(times, ["priors"]).cox
    two = fit_recurrent(times, ["priors"], model="wlw").cox
    assert one.strata == ("the rows' strata",)
    assert one.baseline.groups == ("n", "s")
    assert two.strata == ("the rows' strata", "event number")
    assert two.baseline.groups[:2] == ("n, event 1", "n, event 2")


def test_a_row_left_out_does_not_renumber_the_next():
    times = three_people(priors=[np.nan, 4, 4, 1, 1, 2])
    fit = fit_recurrent(times, ["priors"], model="pwp-total")
    assert fit.numbers.n_events.tolist() == [1, 1, 0]
    assert (fit.n, fit.n_left_out) == (5, 1)
    assert fit.caveats[0] == "Rows left out (`priors` is empty): 1."


def test_counts_are_of_people_and_not_of_rows_laid_out():
    fit = fit_recurrent(three_people(priors=[4, 4, 4, 1, 1, 2]), ["priors"], model="wlw", up_to=2)
    assert fit.numbers.to_numpy().tolist() == [["event 1", 3, 2], ["event 2", 3, 1]]
    assert (fit.n, fit.n_people, fit.n_events, fit.n_left_out) == (5, 3, 3, 1)
    assert "Rows left out (after event 2): 1." in fit.caveats
    assert any("fewer than 10 events" in caveat for caveat in fit.caveats)


def test_no_second_event_is_said():
    times = times_of(person=[1, 2, 3], stop=[5, 8, 9], event=[1, 1, 0], x=[1, 3, 2])
    assert "Nobody has a second event" in fit_recurrent(times, ["x"]).caveats[0]
    quiet = times_of(person=[1, 2], stop=[5, 8], event=[0, 0], x=[1, 3])
    for model in NAMES:
        assert fit_recurrent(quiet, ["x"], model=model).to_frame().note[0].startswith("not est")


def test_an_unknown_choice_or_nobody_named_is_an_error():
    times = three_people(x=range(6))
    for choice in ({"model": "frailty"}, {"up_to": 0}, {"up_to": 1.5}):
        with pytest.raises(ModelError):
            fit_recurrent(times, ["x"], **choice)
    with pytest.raises(ModelError, match=r"^`ties` is 'efron' or 'breslow'"):
        fit_recurrent(times, ["x"], ties="exact")
    with pytest.raises(ModelError, match="list of columns"):
        fit_recurrent(times, "x")
    nobody = times_of(stop=[5, 8], event=[1, 1], x=[1, 2])
    for estimate in (mean_cumulative_function, lambda data: fit_recurrent(data, ["x"])):
        with pytest.raises(ModelError, match="name the column of people"):
            estimate(nobody)
    for confidence in (0, 1, 95):
        with pytest.raises(ModelError, match="confidence"):
            nelson_aalen(times, confidence=confidence)


@pytest.mark.parametrize("died", [[0, 0, 2, 0, 0, 0], [0, 0, None, 0, 0, 0], list("abcdef")])
def test_a_terminal_column_is_a_truth(died):
    with pytest.raises(ModelError, match="bool or 0/1"):
        mean_cumulative_function(three_people(died=died), terminal="died")


def test_nothing_follows_a_terminal_event():
    with pytest.raises(ModelError, match=r"Nothing may follow .* 2 rows \(row 1, 2\) do"):
        mean_cumulative_function(three_people(died=[1, 0, 0, 0, 0, 0]), terminal="died")
    with pytest.raises(ModelError, match="not a column"):
        mean_cumulative_function(three_people(), terminal="death")


def test_nobody_is_a_result():
    none = times_of(person=np.array([], int), stop=np.array([], int), event=np.array([], bool))
    for curve in (mean_cumulative_function(none), nelson_aalen(none)):
        assert curve.to_frame().empty
        assert curve.caveats == ("Nobody is at risk.",)
        assert "0 people" in curve.summary()
        curve.plot()


def test_the_faces():
    times = three_people(x=[4, 4, 4, 1, 1, 2], tier=["A", "A", "A", "B", "B", "B"])
    curve = mean_cumulative_function(times, "tier")
    assert "by tier" in curve.summary()
    assert [line.get_label() for line in curve.plot().get_lines()] == ["A", "B"]
    assert "<table>" in curve._repr_html_()
    fit = fit_recurrent(times, ["x"], model="pwp-gap")
    assert "Prentice–Williams–Peterson, gap time: 3 people, 3 events, 6 rows" in fit.summary()
    assert fit.coefficients == fit.cox.coefficients
    assert np.log(fit.to_frame().estimate[0]) == pytest.approx(fit.to_frame(log=True).estimate[0])
    assert "4" not in fit.plot().get_xlabel()


def test_where_everyone_is_alike_the_mean_has_no_interval_of_no_width():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 2, 2],
            "start": [0, 8, 0, 10],
            "stop": [8, 20, 10, 24],
            "again": [1, 0, 1, 0],
        }
    )  # fmt: skip
    times = TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="again", person="who", recurrent=True
    )
    row = mean_cumulative_function(times).at([12]).iloc[0]
    assert row.estimate == 1
    assert np.isnan(row[["std_error", "conf_low", "conf_high"]].astype(float)).all()
    assert row.note.startswith("not estimable: all people are alike")
