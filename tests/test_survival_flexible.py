"""What `fit_flexible_parametric` says, and what may not move it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import fit_cox, fit_flexible_parametric, kaplan_meier
from desistance.survival.splines import restricted_cubic, slope_of_restricted_cubic
from desistance.timetoevent import TimeToEvent


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(7)
    n = 400
    frame = pd.DataFrame({"age": rng.normal(35, 9, n).round(1), "need": rng.random(n) < 0.3})
    day = np.ceil(rng.lognormal(4 + 0.02 * (frame.age - 35) - 0.5 * frame.need, 0.9))
    frame["day"] = np.minimum(day, 150).astype(int)
    frame["start"] = np.minimum(rng.integers(0, 20, n) * (rng.random(n) < 0.4), frame.day - 1)
    frame["reoffended"] = day <= 150
    frame["person"] = np.arange(n)
    return frame


def times_of(frame, **columns):
    roles = {"start": "start", "stop": "day", "event": "reoffended", "person": "person"}
    return TimeToEvent.from_frame(frame, **(roles | columns))


def numbers(fit):
    frame = fit.to_frame(log=True)
    return np.concatenate([frame.estimate, frame.std_error, [fit.log_likelihood]])


def test_the_columns_are_straight_outside_the_knots_and_have_the_slope_they_say():
    knots = np.array([1.0, 2.0, 2.5, 4.0])
    x = np.linspace(0, 5, 501)
    columns, slopes = restricted_cubic(x, knots), slope_of_restricted_cubic(x, knots)
    assert columns.shape == (3, 501)
    assert_allclose(np.gradient(columns, x, axis=1)[:, 1:-1], slopes[:, 1:-1], atol=2e-4)
    outside = (x < 0.99) | (x > 4.01)
    bend = np.diff(columns, 2, axis=1)[:, outside[1:-1]]
    assert_allclose(bend, 0, atol=1e-13)


def test_it_agrees_with_cox_on_hazard_ratios_and_with_kaplan_meier_on_the_curve(people):
    times = times_of(people)
    fit, cox = (
        fit_flexible_parametric(times, ["age", "need"], knots=3),
        fit_cox(times, ["age", "need"]),
    )
    for term, error in zip(fit.coefficients, cox.to_frame().std_error, strict=True):
        assert abs(fit.coefficients[term] - cox.coefficients[term]) < 0.15 * error
    assert (fit.curve.estimate - fit.curve.observed).abs().max() < 0.03
    alone = fit_flexible_parametric(times, knots=3)
    days = [10, 40, 80, 120]
    observed = kaplan_meier(times).at(days)
    assert_allclose(alone.survival_at({}, days).estimate, observed.estimate, atol=0.03)
    assert_allclose(alone.survival_at({}, days).std_error, observed.std_error, rtol=0.3)


@pytest.mark.parametrize("scale", ["hazard", "odds"])
def test_units_and_cuts_of_rows_change_nothing(people, scale):
    fit = fit_flexible_parametric(times_of(people), ["age", "need"], scale=scale)
    other = people.assign(day=7 * people.day, start=7 * people.start, age=people.age * 12 - 1e4)
    again = fit_flexible_parametric(times_of(other), ["age", "need"], scale=scale)
    factor = np.array([12, 1, 12, 1])
    assert_allclose(numbers(again)[:4] * factor, numbers(fit)[:4], rtol=1e-8)
    jacobian = np.log(7) * people.reoffended.sum()
    assert again.log_likelihood == pytest.approx(fit.log_likelihood - jacobian, abs=1e-8)
    cut = people[people.day - people.start > 10]
    early, late = cut.assign(day=cut.start + 5, reoffended=False), cut.assign(start=cut.start + 5)
    rows = pd.concat([people[people.day - people.start <= 10], early, late])
    assert_allclose(
        numbers(fit_flexible_parametric(times_of(rows), ["age", "need"], scale=scale)),
        numbers(fit), rtol=1e-9,
    )  # fmt: skip


def test_a_weight_of_two_is_two_people_and_clusters_follow_the_person(people):
    knots = [20, 60]
    weighted = fit_flexible_parametric(
        times_of(people.assign(w=2), weight="w"), ["age"], knots=knots
    )
    doubled = pd.concat([people, people.assign(person=people.person + 1000)])
    assert_allclose(
        numbers(weighted),
        numbers(fit_flexible_parametric(times_of(doubled), ["age"], knots=knots)), rtol=1e-9,
    )  # fmt: skip
    copies = doubled.assign(site=doubled.person % 1000)
    clustered = fit_flexible_parametric(
        times_of(copies), ["age"], knots=knots, variance="cluster", cluster="site"
    )
    robust = fit_flexible_parametric(times_of(people), ["age"], knots=knots, variance="robust")
    assert_allclose(clustered.to_frame().std_error, robust.to_frame().std_error, rtol=1e-9)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (lambda d: d.assign(reoffended=False), "no event"),
        (lambda d: d.head(0), "no event"),
        (lambda d: d.assign(reoffended=d.index == d.day.idxmin()), "too few days with an event"),
    ],
)
def test_where_the_events_do_not_bear_it_the_cells_say_so(people, rows, why):
    fit = fit_flexible_parametric(times_of(rows(people)), ["age"])
    assert fit.to_frame().note.str.contains(why).all()
    assert fit.to_frame().estimate.isna().all()
    assert fit.survival_at({"age": 30}, [10]).estimate.isna().all()
    assert why in fit.summary()
    fit.plot()


def test_terms_that_repeat_or_have_no_event_leave_the_others_right(people):
    plain = fit_flexible_parametric(times_of(people), ["age", "need"])
    none = people.assign(flag=~people.reoffended & (people.index % 9 == 0), months=people.age * 12)
    fit = fit_flexible_parametric(times_of(none), ["age", "months", "need", "flag"])
    notes = dict(zip(fit.to_frame().term, fit.to_frame().note, strict=True))
    assert "the same as `age`" in notes["months"]
    assert "no event among those with `flag` 1" in notes["flag"]
    assert (
        fit.to_frame()
        .set_index("term")
        .loc[["months", "flag"]]
        .drop(columns="note")
        .isna()
        .all(None)
    )
    kept = fit_flexible_parametric(times_of(none[~none.flag]), ["age", "need"])
    assert fit.coefficients["age"] == pytest.approx(kept.coefficients["age"], abs=1e-6)
    assert plain.to_frame().note.eq("").all()


def test_predictions_after_the_last_follow_up_and_before_day_1_are_marked(people):
    fit = fit_flexible_parametric(times_of(people), ["age"])
    found = fit.survival_at({"age": 30}, [0, 50, 151])
    assert found.estimate[0] == 1.0
    assert found.note.tolist()[:2] == ["not estimable: nobody is at risk before day 1", ""]
    assert found.note[2].startswith("extrapolated")
    assert fit.hazard_at({"age": 30}, [0]).note[0].startswith("not estimable")
    step = fit.survival_at({"age": 30}, [50, 51])
    hazard = fit.hazard_at({"age": 30}, [50, 51]).estimate.mean()
    assert -np.diff(np.log(step.estimate))[0] == pytest.approx(hazard, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knots": -1}, "0 to 10"),
        ({"knots": [50, 20]}, "rise"),
        ({"knots": [1000]}, "before the last"),
        ({"knots": [0.0]}, "above 0"),
        ({"scale": "probit"}, "hazard"),
        ({"variance": "cluster", "cluster": "region"}, "not a column"),
    ],
)
def test_choices_that_cannot_be_are_refused(people, options, message):
    with pytest.raises(ModelError, match=message):
        fit_flexible_parametric(times_of(people), ["age"], **options)


def test_it_says_when_the_fitted_cumulative_hazard_falls():
    rng = np.random.default_rng(3)
    day = np.concatenate([rng.integers(1, 4, 60), rng.integers(300, 330, 6)])
    frame = pd.DataFrame({"day": day, "reoffended": True, "start": 0, "person": range(66)})
    fit = fit_flexible_parametric(times_of(frame), knots=[2, 3.2, 310])
    falls = (np.diff(fit.survival_at({}, range(1, 330)).estimate) > 0).any()
    assert falls == any("falls" in caveat for caveat in fit.caveats)
    assert falls


@pytest.mark.parametrize(("days", "knots"), [([3, 9], 2), ([3, 9], 1), ([2, 5, 9], 2)])
def test_fewer_days_with_an_event_than_knots_are_too_few(days, knots):
    frame = pd.DataFrame({"day": [*days, 12, 13], "event": [1] * len(days) + [0, 0]})
    fit = fit_flexible_parametric(
        TimeToEvent.from_frame(frame, stop="day", event="event"), knots=knots
    )
    notes = fit.solution.notes
    assert all(note.startswith("not estimable: too few days with an event") for note in notes)
