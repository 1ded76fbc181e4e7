"""The weighted relatives of the log-rank test: definitions day by day, names, refusals."""

import numpy as np
import pandas as pd
import pytest

from desistance.errors import ModelError
from desistance.survival import log_rank
from desistance.timetoevent import TimeToEvent

RNG = np.random.default_rng(8)
FRAME = pd.DataFrame({"start": RNG.integers(0, 6, 80), "arm": RNG.random(80) < 0.5})
FRAME["day"] = FRAME.start + RNG.integers(1, 12, 80)
FRAME["event"] = RNG.random(80) < 0.7
FRAME["area"] = RNG.choice(["north", "south"], 80)
TIMES = TimeToEvent.from_frame(FRAME, start="start", stop="day", event="event")


def by_hand(frame, rho, gamma):
    """Weighted observed less expected of one arm, and its variance, day by day."""
    share, score, variance = 1.0, 0.0, 0.0
    for day in sorted(frame.day[frame.event].unique()):
        risk = frame[(frame.start < day) & (frame.day >= day)]
        events = risk[risk.event & (risk.day == day)]
        n, d, mine = len(risk), len(events), risk.arm.mean()
        weight = share**rho * (1 - share) ** gamma
        score += weight * (events.arm.sum() - d * mine)
        variance += weight**2 * d * mine * (1 - mine) * (n - d) / max(n - 1, 1)
        share *= 1 - d / n
    return score, variance


@pytest.mark.parametrize(("rho", "gamma"), [(0, 0), (1, 0), (0, 1), (1, 1), (0.3, 2)])
@pytest.mark.parametrize("strata", [None, "area"])
def test_each_day_counts_for_what_the_definition_says(rho, gamma, strata):
    parts = [FRAME] if strata is None else [part for _, part in FRAME.groupby("area")]
    score, variance = np.sum([by_hand(part, rho, gamma) for part in parts], axis=0)
    found = log_rank(TIMES, "arm", strata=strata, rho=rho, gamma=gamma)
    assert found.score[1] == pytest.approx(score, abs=1e-12)
    assert found.score.sum() == pytest.approx(0, abs=1e-12)
    assert found.covariance[1, 1] == pytest.approx(variance)
    assert found.statistic == pytest.approx(score**2 / variance)


def test_observed_and_expected_are_never_weighted():
    plain, late = log_rank(TIMES, "arm"), log_rank(TIMES, "arm", gamma=1)
    assert late.to_frame().n_events.tolist() == plain.to_frame().n_events.tolist()
    assert late.expected.tolist() == plain.expected.tolist()
    assert plain.score == pytest.approx(plain.observed - plain.expected)


def test_late_differences_are_found_by_late_weights():
    day = np.tile(np.arange(1, 41), 2)
    arm = np.repeat([False, True], 40)
    late = np.where(arm & (day > 20), day * 3, day)
    frame = pd.DataFrame({"day": late, "event": True, "arm": arm})
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    p_values = [log_rank(times, "arm", gamma=gamma).p_value for gamma in (0, 1)]
    assert p_values[1] < p_values[0] / 10


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ({}, "Log-rank test by arm"),
        ({"rho": 1}, "Peto–Peto test by arm"),
        ({"at_risk": 1}, "Gehan–Breslow test by arm"),
        ({"at_risk": 0.5}, "Tarone–Ware test by arm"),
        ({"rho": 1, "at_risk": 1}, "Weighted log-rank test (rho 1, gamma 0, at risk 1) by arm"),
        ({"gamma": 0.5}, "Fleming–Harrington test (rho 0, gamma 0.5) by arm"),
    ],
)
def test_the_test_says_its_name(weights, name):
    assert log_rank(TIMES, "arm", **weights).summary().startswith(name)


@pytest.mark.parametrize(
    "weights", [{"rho": -1}, {"gamma": -0.1}, {"rho": np.nan}, {"at_risk": -1}]
)
def test_negative_weights_are_refused(weights):
    with pytest.raises(ModelError, match="0 or above"):
        log_rank(TIMES, "arm", **weights)


def test_equal_weights_of_rows_give_the_robust_test_whatever_they_are():
    tests = [
        log_rank(
            TimeToEvent.from_frame(
                FRAME.assign(w=weight), start="start", stop="day", event="event", weight="w"
            ),
            "arm",
        )
        for weight in (1.0, 7.5)
    ]
    assert tests[1].statistic == pytest.approx(tests[0].statistic)
    assert tests[0].observed == pytest.approx(log_rank(TIMES, "arm").observed)
    assert "jackknife over people variance" in tests[0].summary()


def test_cutting_a_persons_rows_leaves_the_weighted_test():
    frame = FRAME.assign(person=range(80), w=RNG.random(80) + 0.5)
    long = frame[frame.day - frame.start > 3]
    first = long.assign(day=long.start + 2, event=False)
    cut = pd.concat([frame.assign(start=frame.start + 2 * frame.index.isin(long.index)), first])
    whole, parts = (
        TimeToEvent.from_frame(
            rows, start="start", stop="day", event="event", person="person", weight="w"
        )
        for rows in (frame, cut)
    )
    assert log_rank(parts, "arm", rho=1).statistic == pytest.approx(
        log_rank(whole, "arm", rho=1).statistic
    )


def test_nobody_and_one_group_with_weights_are_not_estimable():
    for rows in (FRAME[:0], FRAME[FRAME.arm]):
        times = TimeToEvent.from_frame(
            rows.assign(w=2.0), start="start", stop="day", event="event", weight="w"
        )
        assert log_rank(times, "arm").df == 0
