"""Kaplan–Meier and log-rank: exact fractions, groups, follow-up's end, faces."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from desistance.errors import ModelError
from desistance.survival import kaplan_meier, log_rank
from desistance.timetoevent import TimeToEvent


def times_of(day, event, **columns):
    frame = pd.DataFrame({"day": day, "event": event, **columns})
    roles = {name: name for name in ("start", "person", "weight") if name in columns}
    return TimeToEvent.from_frame(frame, stop="day", event="event", **roles)


def test_curve_and_greenwood_are_exact_fractions():
    rng = np.random.default_rng(5)
    start = rng.integers(0, 9, 60)
    day = start + rng.integers(1, 15, 60)
    event = rng.random(60) < 0.6
    share, greenwood = Fraction(1), Fraction(0)
    frame = kaplan_meier(times_of(day, event, start=start)).to_frame().set_index("day")
    for t in sorted(set(day[event])):
        n, d = int(((start < t) & (day >= t)).sum()), int((event & (day == t)).sum())
        share *= 1 - Fraction(d, n)
        if share == 0:
            assert frame.estimate[t] == 0
            assert frame.note[t].startswith("not estimable")
            continue
        greenwood += Fraction(d, n * (n - d))
        assert frame.estimate[t] == pytest.approx(float(share), rel=1e-14)
        error = float(share) * float(greenwood) ** 0.5
        assert frame.std_error[t] == pytest.approx(error, rel=1e-14)


def test_an_event_comes_before_a_censoring_on_the_same_day():
    frame = kaplan_meier(times_of([5, 5, 9], [1, 0, 0])).to_frame()
    assert frame[["n_at_risk", "n_events", "n_censored"]].to_numpy().tolist() == [
        [3, 1, 1],
        [1, 0, 1],
    ]
    assert frame.estimate.tolist() == pytest.approx([2 / 3, 2 / 3])


def test_nothing_is_said_after_the_last_follow_up():
    curve = kaplan_meier(times_of([5, 8, 9, 9], [1, 1, 0, 0]))
    at = curve.at([0, 4, 5, 7, 9, 10])
    assert at.estimate.tolist()[:5] == pytest.approx([1, 1, 0.75, 0.75, 0.5])
    assert at.n_at_risk.tolist() == [4, 4, 4, 3, 2, 0]
    assert np.isnan(at.estimate[5])
    assert at.note[5] == "not estimable: after the last follow-up, 9"


def test_median_is_the_first_day_at_or_below_one_half():
    touching = kaplan_meier(times_of([10, 20, 30, 40], [1, 1, 1, 1])).median()
    assert touching.estimate[0] == 20  # R takes 25, the middle of the step
    never = kaplan_meier(times_of([10, 20, 30], [1, 0, 0])).median()
    assert np.isnan(never.estimate[0])
    assert never.note[0] == "not estimable: fewer than half had the event"


def test_a_label_that_changes_within_a_person_moves_the_later_days():
    times = times_of(
        [5, 12, 9, 12], [0, 1, 1, 0],
        start=[0, 5, 0, 0], person=["a", "a", "b", "c"], enrolled=["no", "yes", "no", "no"],
    )  # fmt: skip
    frame = kaplan_meier(times, by="enrolled").to_frame()
    assert frame[["group", "day", "n_at_risk"]].to_numpy().tolist() == [
        ["no", 5, 3], ["no", 9, 2], ["no", 12, 1], ["yes", 5, 0], ["yes", 12, 1],
    ]  # fmt: skip


def test_rows_that_carry_on_are_no_censorings():
    whole = kaplan_meier(times_of([12, 9], [1, 0], person=["a", "b"]))
    cut = times_of([4, 12, 9], [0, 1, 0], start=[0, 4, 0], person=["a", "a", "b"])
    pd.testing.assert_frame_equal(kaplan_meier(cut).to_frame(), whole.to_frame())


def test_a_risk_set_that_empties_early_is_a_caveat():
    curve = kaplan_meier(times_of([3, 9, 9], [1, 1, 0], start=[0, 4, 5]))
    assert curve.to_frame().estimate.iloc[-1] == 0
    assert "everyone at risk had the event while others entered later" in curve.caveats[0]
    assert not kaplan_meier(times_of([3, 9], [1, 1])).caveats


def test_people_without_a_label_are_left_out_and_counted():
    times = times_of([3, 4, 5, 6], [1, 1, 0, 1], cohort=["IOM", None, "7PP", "7PP"])
    curve, test = kaplan_meier(times, by="cohort"), log_rank(times, "cohort")
    assert curve.groups.group.tolist() == ["7PP", "IOM"]
    for result in (curve, test):
        assert result.n_left_out == 1
        assert "Rows left out (`cohort` is empty): 1." in result.caveats


@pytest.mark.parametrize("event", [[0, 0, 0], [1, 1, 1]])
def test_no_events_and_all_events_are_results(event):
    frame = kaplan_meier(times_of([3, 4, 5], event)).to_frame()
    assert frame.estimate.iloc[-1] == 1 - event[0]
    assert frame.note.iloc[-1].startswith("not estimable")


def test_nobody_is_a_result():
    empty = times_of(np.array([], int), np.array([], bool), cohort=[])
    for curve in (kaplan_meier(empty), kaplan_meier(empty, by="cohort")):
        assert curve.to_frame().empty
        assert curve.caveats == ("Nobody is at risk.",)
        assert "0 people" in curve.summary()
        curve.plot()
    assert kaplan_meier(empty).at([5]).estimate.isna().all()
    assert np.isnan(log_rank(empty, "cohort").p_value)


@pytest.mark.parametrize("choice", [{"confidence": 95}, {"interval": "exact"}, {"by": "street"}])
def test_unknown_choices_are_errors(choice):
    with pytest.raises(ModelError):
        kaplan_meier(times_of([3, 4], [1, 0]), **choice)


@pytest.mark.parametrize(
    ("event", "cohort"), [([0, 0, 0], ["a", "a", "b"]), ([1, 1, 0], ["a", "a", "a"])]
)
def test_log_rank_without_two_groups_at_an_event_is_not_estimable(event, cohort):
    found = log_rank(times_of([3, 4, 5], event, cohort=cohort), "cohort")
    assert found.df == 0
    assert np.isnan(found.p_value)
    assert found.to_frame().note.iloc[-1].startswith("not estimable")


def test_quantiles_are_first_days_and_so_are_their_limits():
    curve = kaplan_meier(times_of([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 1, 0, 1, 0]))
    found = curve.quantiles([0.25, 0.5, 0.9])
    line = curve.to_frame()
    assert found.share.tolist() == [0.25, 0.5, 0.9]
    assert found.estimate.tolist()[:2] == [2, 4]  # S is 0.75 on day 2, 0.5 on day 4
    assert found.conf_low[1] == line.day[line.conf_low <= 0.5].iloc[0]
    assert np.isnan(found.estimate[2])
    assert found.note[2] == "not estimable: fewer than 90 % had the event"
    assert (
        found[found.share == 0.5]
        .drop(columns="share")
        .reset_index(drop=True)
        .equals(curve.median())
    )


@pytest.mark.parametrize("share", [0, 1, 75])
def test_shares_lie_between_0_and_1(share):
    with pytest.raises(ModelError, match="between 0 and 1"):
        kaplan_meier(times_of([3, 4], [1, 0])).quantiles([share])


def test_faces():
    times = times_of([3, 4, 5, 9], [1, 1, 0, 1], cohort=["IOM", "7PP", "7PP", "IOM"])
    curve, test = kaplan_meier(times, by="cohort"), log_rank(times, "cohort")
    assert "Greenwood variance, 95 % log-log intervals" in curve.summary()
    axes = curve.plot()
    assert axes.get_xlabel() == "Days since index date"
    assert axes.get_ylabel() == "Share not yet reoffended"
    assert [line.get_label() for line in axes.lines] == ["7PP", "IOM"]
    assert axes.lines[1].get_xydata().tolist()[:2] == [[0, 1], [3, 0.5]]
    assert test.to_frame().group.tolist() == ["7PP", "IOM", "all"]
    assert test.to_frame().n_expected.iloc[-1] == pytest.approx(3)
    assert "Log-rank test by cohort: 4 rows, 3 events" in test.summary()
    assert test.plot().get_ylabel() == "Events"
