"""What a shared frailty must do; R's numbers are apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import check_proportional_hazards, cox_residuals, fit_cox
from desistance.survival.penalty import Ridge
from desistance.timetoevent import TimeToEvent
from search import examples

TERMS = ["x", "need"]


def cohort(seed=1, n=300, areas=25, theta=0.8, coarse=1):
    rng = np.random.default_rng(seed)
    area = rng.integers(0, areas, n)
    z = rng.gamma(1 / theta, theta, areas)[area] if theta else np.ones(n)
    x, need = np.round(rng.normal(size=n), 2), rng.random(n) < 0.4
    day = np.ceil(rng.exponential(60 / (z * np.exp(0.5 * x - 0.4 * need))) / coarse).astype(int)
    until = rng.integers(30, 120, n) // coarse + 1
    return pd.DataFrame(
        {"day": np.minimum(day, until), "event": day <= until, "x": x, "need": need,
         "area": [f"a{code:02d}" for code in area]}
    )  # fmt: skip


def times_of(frame, **roles):
    return TimeToEvent.from_frame(frame, stop="day", event="event", **roles)


def fit_of(frame, by="area", **options):
    return fit_cox(times_of(frame), TERMS, frailty=by, **options)


def same(one, other, tolerance=1e-9):
    assert_allclose(one.frailty.theta, other.frailty.theta, rtol=tolerance)
    assert_allclose(one.log_hazards, other.log_hazards, rtol=tolerance, atol=tolerance)
    assert_allclose(one.covariance, other.covariance, rtol=1e-7, atol=1e-10)
    assert_allclose(one.frailty.std_error, other.frailty.std_error, rtol=1e-7)


@pytest.mark.parametrize("kind", [int, float, "Int64", "Float64"])
@pytest.mark.parametrize("by", ["person", "pid"])
def test_groups_that_are_numbers_stand_in_their_order(kind, by):
    frame = cohort(n=120).assign(pid=np.tile(np.arange(1, 13), 10), person=np.arange(120))
    frame = frame.assign(pid=frame.pid.astype(kind), person=frame.person.astype(kind))
    fit = fit_cox(times_of(frame, person="person"), TERMS, frailty=by)
    assert fit.frailty.groups == tuple(map(str, np.unique(frame[by])))


def integrated(frame, beta, theta):
    """The likelihood with gamma frailties integrated out, Breslow's, by its own formula.

    Hazards of the days are climbed to by the EM algorithm, people one by one.
    """
    day, event = frame.day.to_numpy(), frame.event.to_numpy()
    line = frame[TERMS].astype(float).to_numpy() @ beta
    area = pd.factorize(frame.area)[0]
    d, z, nu = np.bincount(area, event), np.ones(area.max() + 1), 1 / theta
    days = np.unique(day[event])
    deaths = (day[event] == days[:, None]).sum(axis=1)
    at_risk = day >= days[:, None]
    for _ in range(3000):
        hazard = deaths / (at_risk @ (z[area] * np.exp(line)))
        expected = np.bincount(area, np.exp(line) * (hazard @ at_risk))
        z = (nu + d) / (nu + expected)
    rise = [np.log(nu + np.arange(int(m))).sum() for m in d]
    value = np.sum(rise) + np.sum(nu * np.log(nu) - (nu + d) * np.log(nu + expected))
    value += line[event].sum() + np.sum(deaths * np.log(hazard))
    return value - np.sum(deaths * np.log(deaths) - deaths)


def test_the_likelihood_and_both_errors_are_those_of_its_own_formula():
    frame = cohort(n=60, areas=8, coarse=4)
    fit = fit_of(frame, ties="breslow")
    place = np.array([*fit.log_hazards, fit.frailty.theta])

    def value(place):
        return integrated(frame, place[:2], place[2])

    assert_allclose(value(place), fit.log_likelihood, rtol=1e-11)
    steps = np.diag([1e-3, 1e-3, 1e-3])
    slopes = [value(place + step) - value(place - step) for step in steps]
    assert_allclose(slopes, 0, atol=1e-5)
    second = [
        [
            value(place + a + b)
            - value(place + a - b)
            - value(place - a + b)
            + value(place - a - b)
            for a in steps
        ]
        for b in steps
    ]
    curved = -np.array(second) / 4e-6
    assert_allclose(np.linalg.inv(curved)[:2, :2], fit.covariance, rtol=1e-3)
    assert_allclose(np.linalg.inv(curved)[2, 2] ** 0.5, fit.frailty.std_error, rtol=1e-3)
    assert_allclose(np.linalg.inv(curved[:2, :2]), fit.model_covariance, rtol=1e-3)


@examples(8)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["efron", "breslow"]))
def test_nothing_moves_what_may_not_move_it(seed, ties):
    frame = cohort(seed, n=80, areas=7, coarse=5)
    fit = fit_of(frame, ties=ties)
    if fit.frailty.theta == 0:
        return
    assert_allclose(fit.frailty.to_frame().estimate.mean(), 1, rtol=1e-10)
    mixed = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    same(fit, fit_of(mixed, ties=ties))
    same(fit, fit_of(frame.assign(x=frame.x + 1000.0), ties=ties), 1e-7)
    other = fit_of(frame.assign(day=frame.day * 7, area="z" + frame.area), ties=ties)
    same(fit, other)
    cut = frame.assign(person=range(len(frame)), start=0)
    late = cut.assign(start=cut.day // 2)
    halves = pd.concat([cut.assign(day=late.start, event=False)[late.start > 0], late])
    halves = times_of(halves.reset_index(drop=True), start="start", person="person")
    same(fit, fit_cox(halves, TERMS, frailty="area", ties=ties))


def test_limits_of_the_variance_are_where_its_profile_has_dropped():
    frame = cohort(n=60, areas=8, coarse=4)
    shared = fit_of(frame, ties="breslow").frailty
    assert shared.conf_low < shared.theta < shared.conf_high
    assert shared.p_value < 0.05
    assert shared.conf_low > 0


def test_areas_that_do_not_differ_have_no_frailty():
    fit = fit_of(cohort(seed=3, theta=0))
    plain = fit_cox(times_of(cohort(seed=3, theta=0)), TERMS)
    assert fit.frailty.theta == 0
    assert fit.frailty.p_value == 1
    assert fit.frailty.conf_low == 0 < fit.frailty.conf_high
    assert_allclose(fit.log_hazards, plain.log_hazards, rtol=1e-12)
    assert_allclose(fit.covariance, plain.covariance, rtol=1e-12)
    frame = fit.frailty.to_frame()
    assert (frame.estimate == 1).all()
    assert frame.note.str.contains("at its edge, 0").all()


def test_people_with_one_event_each_are_told_of():
    fit = fit_of(cohort(n=120), by="person")
    assert any("more than one event" in caveat for caveat in fit.caveats)


def test_several_events_a_person_are_what_the_frailty_is_for():
    frame = cohort(n=200, areas=40)
    frame = frame.assign(start=frame.groupby("area").day.transform(lambda d: d.cumsum() - d))
    frame = frame.assign(day=frame.start + frame.day)
    times = times_of(frame, start="start", person="area", recurrent=True)
    fit = fit_cox(times, TERMS, frailty="person")
    same(fit, fit_cox(times, TERMS, frailty="area"))
    assert not any("several events" in caveat for caveat in fit.caveats)
    assert len(fit.frailty.groups) == 40


def test_late_entries_are_told_of():
    frame = cohort(n=100).assign(start=0)
    frame.loc[:9, "start"] = frame.day[:10] - 1
    fit = fit_cox(times_of(frame, start="start"), TERMS, frailty="area")
    told = next(caveat for caveat in fit.caveats if "entered after day 0" in caveat)
    assert told.counts == {"people": int((frame.start > 0).sum())}


def test_terms_that_cannot_be_told_do_not_spoil_the_others():
    frame = cohort()
    same_twice = frame.assign(twice=2 * frame.x, never=~frame.event & (frame.index < 40))
    fit = fit_cox(times_of(same_twice), ["x", "twice", "never", "need"], frailty="area")
    assert "same as `x`" in fit.notes[1]
    assert "no event among those with `never` 1" in fit.notes[2]
    assert np.isfinite(fit.log_hazards[[0, 3]]).all()


@pytest.mark.parametrize("change", ["no event", "one area", "an area a row", "one day"])
def test_odd_cohorts_give_an_answer_or_a_reason(change):
    frame = cohort(n=40, areas=5)
    if change == "no event":
        frame["event"] = False
    elif change == "one area":
        frame["area"] = "a"
    elif change == "an area a row":
        frame["area"] = [f"a{row}" for row in range(len(frame))]
    else:
        frame["day"] = 3
    fit = fit_of(frame)
    told = fit.frailty.variance().iloc[0]
    assert np.isfinite(told.estimate) or told.note.startswith("not estimable")
    assert "nan" not in fit.summary().split()
    if change == "one area":
        assert told.estimate == 0


def test_rows_without_an_area_are_counted():
    frame = cohort()
    frame.loc[:4, "area"] = None
    assert fit_of(frame).n_left_out == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"variance": "cluster"}, "no robust variance with a frailty"),
        ({"ties": "exact"}, "does not go with ties='exact'"),
        ({"penalty": Ridge(1.0)}, "does not go with a penalty"),
        ({"frailty": "county"}, "'county' is not a column"),
    ],
)
def test_what_does_not_go_with_a_frailty_is_refused(options, told):
    with pytest.raises(ModelError, match=told):
        fit_cox(times_of(cohort(n=50)), TERMS, **({"frailty": "area"} | options))


def test_weights_are_refused():
    times = times_of(cohort(n=50).assign(weight=1.5), weight="weight")
    with pytest.raises(ModelError, match="takes no weights"):
        fit_cox(times, TERMS, frailty="area")


def test_what_a_fit_with_frailty_does_not_give_is_said():
    times = times_of(cohort())
    fit = fit_cox(times, TERMS, frailty="area")
    with pytest.raises(ModelError, match="frailty has no residuals"):
        cox_residuals(fit, times)
    with pytest.raises(ModelError, match="frailty has no residuals"):
        check_proportional_hazards(fit, times)
    curve = fit.survival_at({"x": 0, "need": False}, [20])
    assert 0 < curve.estimate[0] < 1
    assert np.isnan(curve.std_error[0])
    assert curve.note[0].startswith("not estimable")
    assert fit.tests().set_index("term").note["score"].startswith("not estimable")
    assert "gamma frailty by area" in fit.summary()


def test_a_monotone_likelihood_with_late_entry_is_told_without_a_warning():
    frame = pd.DataFrame({
        "day": [60, 44, 4, 47, 34, 30], "event": [1, 0, 1, 0, 1, 0], "arm": [1, 0, 1, 1, 1, 1],
        "age": [100036, 100029, 100023, 100017, 100034, 100027], "area": list("bacacb"),
        "start": [34, 3, 0, 20, 5, 25],
    })  # fmt: skip
    times = TimeToEvent.from_frame(frame, stop="day", event="event", start="start")
    fit = fit_cox(times, ["arm", "age"], frailty="area")
    assert fit.to_frame()["note"].str.startswith("not estimable: ").all()
