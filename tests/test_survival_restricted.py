"""Restricted means: exact areas, what lies beyond follow-up, shared people, refusals, faces."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from desistance.errors import ModelError
from desistance.survival import restricted_mean
from desistance.timetoevent import TimeToEvent


def times_of(**columns):
    named = {name: name for name in ("start", "person", "weight") if name in columns}
    return TimeToEvent.from_frame(pd.DataFrame(columns), stop="stop", event="event", **named)


COHORT = ["7PP"] * 3 + ["IOM"] * 4
TWO = times_of(stop=[4, 10, 12, 3, 6, 9, 12], event=[1, 1, 0, 1, 0, 1, 0], cohort=COHORT)


def test_the_area_and_greenwoods_variance_are_exact_fractions():
    found = restricted_mean(TWO, "cohort", horizon=11).to_frame()
    one = 4 + Fraction(2, 3) * 6 + Fraction(1, 3) * 1
    other = 3 + Fraction(3, 4) * 6 + Fraction(3, 8) * 2
    # Area after each event, squared, over at risk times (at risk - events).
    one_variance = (one - 4) ** 2 / 6 + Fraction(1, 3) ** 2 / 2
    other_variance = (other - 3) ** 2 / 12 + Fraction(3, 4) ** 2 / 2
    assert found.estimate.tolist() == pytest.approx(
        [float(x) for x in (one, other, other - one, other / one)], rel=1e-14
    )
    difference = float(one_variance + other_variance) ** 0.5
    of_ratio = float(one_variance / one**2 + other_variance / other**2) ** 0.5
    errors = [float(one_variance) ** 0.5, float(other_variance) ** 0.5, difference, of_ratio]
    assert found.std_error.tolist() == pytest.approx(errors, rel=1e-14)
    z = 1.959963984540054
    assert found.conf_low[2] == pytest.approx(found.estimate[2] - z * difference)
    assert found.conf_high[3] == pytest.approx(found.estimate[3] * np.exp(z * of_ratio))
    assert found.statistic[2] == pytest.approx(found.estimate[2] / difference)
    assert found.p_value.isna().tolist() == [True, True, False, False]


def test_events_after_the_horizon_do_not_count():
    early = restricted_mean(TWO, "cohort", horizon=5)
    assert early.groups.n_events.tolist() == [1, 1]
    assert early.means.tolist() == pytest.approx([4 + 2 / 3, 3 + 2 * 3 / 4])


def test_a_horizon_beyond_the_common_follow_up_is_refused():
    short = times_of(stop=[4, 10, 12, 3, 6, 9, 9], event=[1, 1, 0, 1, 0, 1, 0], cohort=COHORT)
    assert restricted_mean(short, "cohort", horizon=9).horizon == 9
    with pytest.raises(ModelError, match=r"1 of 2 groups\. All are known up to 9"):
        restricted_mean(short, "cohort", horizon=10)


def test_a_curve_that_came_down_to_0_is_known_for_good():
    times = times_of(stop=[4, 6, 12], event=[1, 1, 0], cohort=["a", "a", "b"])
    means = restricted_mean(times, "cohort", horizon=12).means
    assert means.tolist() == [5, 12]


def test_times_that_do_not_vary_have_no_error_and_lend_none():
    times = times_of(stop=[4, 6, 12, 12], event=[1, 0, 0, 0], cohort=["a", "a", "b", "b"])
    found = restricted_mean(times, "cohort", horizon=6).to_frame()
    assert found.estimate.tolist() == pytest.approx([5, 6, 1, 1.2])
    assert found.note.tolist() == ["", *["not estimable: the times do not vary"] * 3]
    assert found.std_error.isna().tolist() == [False, True, True, True]


def test_people_in_both_groups_are_not_counted_as_two():
    both = {"stop": [4, 10, 12, 4, 10, 12], "event": [1, 1, 0] * 2, "cohort": list("aaabbb")}
    person = [1, 2, 3, 4, 5, 6]
    apart = restricted_mean(times_of(**both, person=person), "cohort", horizon=11)
    assert apart.variance == "Greenwood"
    # The same three people, in one group after the other.
    later = both | {"start": [0, 0, 0, 12, 12, 12], "stop": [4, 10, 12, 16, 22, 24]}
    shared = restricted_mean(
        TimeToEvent.from_frame(
            pd.DataFrame(later | {"person": [1, 2, 3] * 2}),
            start="start", stop="stop", event="event", person="person", recurrent=True,
        ),
        "cohort", horizon=12,
    )  # fmt: skip
    assert shared.variance == "infinitesimal jackknife over people"
    told = "b: nobody is at risk up to 12, and the curve is taken as 1 until then."
    assert told in shared.caveats
    changing = times_of(
        person=[1, 1, 2, 3, 6, 4, 5], start=[0, 5, 0, 0, 5, 0, 0], stop=[5, 9, 8, 5, 12, 12, 4],
        event=[0, 1, 1, 0, 0, 0, 1], joined=["no", "yes", "no", "no", "yes", "no", "no"],
    )  # fmt: skip
    covariance = restricted_mean(changing, "joined", horizon=10).covariance
    # Person 1 alone is in both: on day 4 at risk of 4.0 days' area, on day 9 the event of 0.5.
    assert covariance[0, 1] == pytest.approx((-4.0 / 20) * (0.5 / 2))


@pytest.mark.parametrize("horizon", [0, -5, 3.5, True, None])
def test_a_horizon_is_a_whole_number(horizon):
    with pytest.raises(ModelError, match="whole number of days"):
        restricted_mean(TWO, horizon=horizon)


def test_nobody_and_odd_choices_are_errors():
    nobody = times_of(stop=np.array([], int), event=np.array([], bool))
    with pytest.raises(ModelError, match="Nobody is at risk"):
        restricted_mean(nobody, horizon=5)
    with pytest.raises(ModelError, match="confidence"):
        restricted_mean(TWO, horizon=5, confidence=95)
    with pytest.raises(ModelError, match="not a column"):
        restricted_mean(TWO, "street", horizon=5)


def test_the_faces():
    found = restricted_mean(TWO, "cohort", horizon=11)
    assert found.summary().startswith("Restricted mean time up to 11 days: 7 people, 4 events")
    ax = found.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["7PP", "IOM"]
    assert "first 11" in ax.get_xlabel()
    assert restricted_mean(TWO, horizon=11).to_frame().group.tolist() == ["all"]


def test_means_of_hours_have_limits_and_no_warning():
    stop = np.arange(1, 61) * 400
    times = TimeToEvent.from_frame(
        pd.DataFrame({"stop": stop, "event": True, "cohort": ["7PP", "IOM"] * 30}),
        stop="stop", event="event", unit="hours",
    )  # fmt: skip
    found = restricted_mean(times, "cohort", horizon=20_000).to_frame()
    assert found["std_error"].max() > 710  # whose exponential no float holds
    assert np.isfinite(found[["conf_low", "conf_high"]]).all(axis=None)
