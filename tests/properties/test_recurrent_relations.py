"""What may never move the numbers, and what must: repeated events and restricted means."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.survival import (
    fit_cox,
    fit_recurrent,
    kaplan_meier,
    log_rank,
    mean_cumulative_function,
    nelson_aalen,
    restricted_mean,
)
from desistance.survival.recurrent import NAMES
from desistance.timetoevent import TimeToEvent
from search import examples

EXACTLY = 1e-9
FEW = examples(20)


@st.composite
def repeated(draw, *, complete=False):
    """20 to 40 people with rows up to day 30: gaps, late entries, deaths; none if `complete`."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = []
    for person in range(draw(st.integers(20, 40))):
        day = 0 if complete else int(rng.integers(0, 6) * (rng.random() < 0.4))
        end = 30 if complete else int(rng.integers(day + 1, 31))
        death = int(rng.integers(1, 31)) if rng.random() < 0.3 else 99
        end = min(end, max(death, day + 1))
        arm, x, weight = rng.random() < 0.5, round(rng.normal(), 2), round(rng.uniform(0.3, 3), 2)
        while day < end:
            stop = min(day + int(rng.integers(1, 15)), end)
            died = stop == end == max(death, day + 1)
            event = bool(rng.random() < 0.7) and not died
            rows.append((person, day, stop, event, died, arm, x, weight))
            day = stop + (0 if complete else int(rng.integers(1, 4) * (rng.random() < 0.3)))
    names = ["person", "start", "stop", "event", "died", "arm", "x", "weight"]
    return pd.DataFrame(rows, columns=names)


def times_of(frame, **more):
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", recurrent=True, **more
    )


def same_frames(one, other, tolerance=EXACTLY):
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), rtol=tolerance, atol=1e-12)


def first_events(frame):
    """Rows up to each person's first event."""
    earlier = frame.groupby("person").event.cumsum() - frame.event
    return frame[earlier == 0]


@given(repeated(complete=True), st.booleans())
def test_without_censoring_the_mean_is_the_mean_of_the_counts_and_its_error_theirs(frame, weighted):
    people = frame.groupby("person")
    weight = people.weight.first().to_numpy() if weighted else np.ones(people.ngroups)
    role = {"weight": "weight"} if weighted else {}
    found = mean_cumulative_function(times_of(frame, **role), terminal="died")
    for day in (10, 29):
        counts = (frame.event & (frame.stop <= day)).groupby(frame.person).sum().to_numpy()
        mean = np.average(counts, weights=weight)
        moves = weight * (counts - mean) / weight.sum()
        line = found.at([day])
        assert_allclose(line.estimate, mean, rtol=EXACTLY)
        if counts.any():
            assert_allclose(line.std_error, np.sqrt((moves**2).sum()), rtol=1e-7, atol=1e-9)


@given(repeated(), st.integers(0, 2**31))
def test_cutting_rows_and_mixing_them_changes_nothing(frame, seed):
    long = frame.stop - frame.start > 1
    cut = np.random.default_rng(seed).integers(frame.start + 1, frame.stop + ~long)
    first = frame.assign(stop=cut, event=False, died=False)[long]
    rest = frame.assign(start=np.where(long, cut, frame.start))
    both = pd.concat([first, rest]).sample(frac=1, random_state=seed % 2**31)
    for options in ({}, {"terminal": "died"}):
        one, two = (mean_cumulative_function(times_of(f), "arm", **options) for f in (frame, both))
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame(), rtol=EXACTLY, atol=1e-12)
    for model in NAMES:
        one, two = (fit_recurrent(times_of(f), ["x"], model=model, up_to=3) for f in (frame, both))
        same_frames(one, two, 1e-8)


@given(repeated(), st.sampled_from([None, "died"]))
def test_the_same_people_again_halve_the_variance_and_the_same_person_heavier_does_not(
    frame, terminal
):
    alone = mean_cumulative_function(times_of(frame), terminal=terminal).to_frame()
    again = frame.assign(person=frame.person + 1000)
    twice = mean_cumulative_function(times_of(pd.concat([frame, again])), terminal=terminal)
    heavy = mean_cumulative_function(
        times_of(frame.assign(weight=2.0), weight="weight"), terminal=terminal
    )
    known = alone.std_error > 1e-6
    for other, ratio in ((twice, 0.5**0.5), (heavy, 1.0)):
        assert_allclose(other.to_frame().estimate, alone.estimate, rtol=1e-12)
        error = other.to_frame().std_error
        assert_allclose(error[known], alone.std_error[known] * ratio, rtol=1e-7)


@given(repeated())
def test_nobody_dying_and_nobody_reoffending_afterwards_change_nothing(frame):
    plain = mean_cumulative_function(times_of(frame))
    immortal = frame.assign(died=False)
    same_frames(plain, mean_cumulative_function(times_of(immortal), terminal="died"))
    with_death = mean_cumulative_function(times_of(frame), terminal="died").to_frame()
    assert (with_death.estimate <= plain.to_frame().estimate + 1e-12).all()


@given(repeated())
def test_the_mean_number_of_first_events_is_the_cumulative_hazard(frame):
    times = times_of(first_events(frame))
    one, two = mean_cumulative_function(times, "arm"), nelson_aalen(times, "arm")
    assert_allclose(one.to_frame().estimate, two.to_frame().estimate, rtol=1e-13)
    share = kaplan_meier(times, "arm").to_frame()
    assert (np.exp(-two.to_frame().estimate) >= share.estimate - 1e-12).all()
    unit = times_of(first_events(frame).assign(weight=1.0), weight="weight")
    same_frames(mean_cumulative_function(times, "arm"), nelson_aalen(unit, "arm"), 1e-7)


@FEW
@given(repeated(), st.sampled_from(sorted(NAMES)))
def test_up_to_the_first_event_every_model_is_coxs(frame, model):
    first = fit_cox(times_of(first_events(frame)), ["x", "arm"], variance="cluster")
    fit = fit_recurrent(times_of(frame), ["x", "arm"], model=model, up_to=1)
    assert_allclose(fit.cox.log_hazards, first.log_hazards, rtol=1e-8, atol=1e-10)
    assert_allclose(fit.cox.covariance, first.covariance, rtol=1e-7, atol=1e-10)


@FEW
@given(repeated(), st.sampled_from(["andersen-gill", "pwp-total", "wlw"]))
def test_only_the_order_of_days_matters_unless_the_clock_is_set_back(frame, model):
    bent = frame.assign(start=frame.start**2, stop=frame.stop**2)
    one, two = (fit_recurrent(times_of(f), ["x"], model=model, up_to=3) for f in (frame, bent))
    same_frames(one, two, 1e-8)


@given(repeated(complete=True))
def test_without_censoring_the_restricted_mean_is_a_mean_and_greenwood_its_error(frame):
    first = first_events(frame)
    last = first.groupby("person").stop.max()
    whole = pd.DataFrame({"stop": last, "event": True})
    times = TimeToEvent.from_frame(whole, stop="stop", event="event")
    found = restricted_mean(times, horizon=12)
    cut = np.minimum(last, 12)
    assert_allclose(found.means[0], cut.mean(), rtol=1e-12)
    assert_allclose(found.covariance[0, 0], cut.var(ddof=0) / len(cut), rtol=1e-9, atol=1e-14)


@given(repeated(), st.sampled_from([3, 7]))
def test_restricted_means_add_up_scale_and_are_areas(frame, unit):
    first = first_events(frame)
    times = times_of(first)
    last = int(first.stop.max())
    curve = kaplan_meier(times)
    share = curve.at(range(last)).estimate.to_numpy()
    for horizon in (1, last // 2 + 1, last):
        found = restricted_mean(times, horizon=horizon)
        assert_allclose(found.means[0], share[:horizon].sum(), rtol=1e-12)
    longer = times_of(first.assign(start=first.start * unit, stop=first.stop * unit))
    scaled = restricted_mean(longer, horizon=last * unit)
    assert_allclose(scaled.means, found.means * unit, rtol=1e-12)
    assert_allclose(scaled.covariance, found.covariance * unit**2, rtol=1e-10)


@given(repeated())
def test_a_robust_restricted_mean_ignores_the_size_of_weights_and_copies_do_not_differ(frame):
    first = first_events(frame)
    horizon = int(first.stop.max())
    one, two = (
        restricted_mean(times_of(first.assign(weight=w), weight="weight"), horizon=horizon)
        for w in (1.0, 2.5)
    )
    assert_allclose(one.covariance, two.covariance, rtol=1e-9)
    both = pd.concat([first.assign(copy="a"), first.assign(copy="b", person=first.person + 1000)])
    found = restricted_mean(times_of(both), "copy", horizon=horizon).to_frame()
    assert_allclose(found.estimate[2:], [0, 1], atol=1e-12)
    alone = restricted_mean(times_of(first), horizon=horizon)
    assert_allclose(found.std_error[0], alone.covariance[0, 0] ** 0.5 or np.nan)


@given(repeated(), st.sampled_from([(1, 0), (0, 1), (2, 0.5)]))
def test_weighted_log_rank_knows_only_the_order_of_days_and_no_names(frame, weights):
    rho, gamma = weights
    bent = frame.assign(start=frame.start**2, stop=frame.stop**2, arm=~frame.arm)
    one, two = (log_rank(times_of(f), "arm", rho=rho, gamma=gamma) for f in (frame, bent))
    assert_allclose(one.statistic, two.statistic, rtol=1e-9, atol=1e-12)
