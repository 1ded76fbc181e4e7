"""What calibration, events per parameter and implied shares must do; R's numbers are apart."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import (
    calibration,
    cumulative_incidence,
    events_per_parameter,
    fit_cause_specific,
    fit_cox,
    fit_fine_gray,
    fit_flexible_parametric,
    fit_parametric,
    fit_split_population,
    kaplan_meier,
)
from desistance.survival.penalty import Ridge
from desistance.timetoevent import TimeToEvent

RNG = np.random.default_rng(5)
N = 400
ROWS = pd.DataFrame({"x": RNG.normal(size=N).round(2), "tier": RNG.choice(["a", "b", "c"], N)})
ROWS["due"] = np.ceil(RNG.weibull(0.8, N) * 90 * np.exp(-0.6 * ROWS.x)).astype(int)
ROWS.loc[RNG.random(N) < 0.3, "due"] = 9999
ROWS["until"] = RNG.integers(100, 250, N)
ROWS["day"] = np.minimum(ROWS.due, ROWS.until)
ROWS["event"] = ROWS.due <= ROWS.until
ROWS["kind"] = RNG.choice(["theft", "violence"], N)


def times_of(frame, **roles):
    frame = frame.reset_index(drop=True)
    return TimeToEvent.from_frame(frame, stop="day", event="event", **roles)


TIMES = times_of(ROWS)
FITS = {
    "cox": fit_cox(TIMES, ["x", "tier"]),
    "parametric": fit_parametric(TIMES, ["x", "tier"]),
    "gamma": fit_parametric(TIMES, ["x", "tier"], distribution="generalised-gamma"),
    "odds": fit_flexible_parametric(TIMES, ["x", "tier"], knots=2, scale="odds"),
    "split": fit_split_population(TIMES, ["x"], share_terms=["tier"]),
}


@pytest.mark.parametrize("name", FITS)
def test_predicted_risks_are_those_of_the_fit(name):
    fit = FITS[name]
    for row in (0, 7):
        one = ROWS.iloc[[row]]
        found = calibration(fit, times_of(one), day=90, groups=1).to_frame()
        profile = one.iloc[0].to_dict()
        risk = 1 - fit.survival_at(profile, [90]).estimate[0]
        assert_allclose(found.predicted, risk, rtol=1e-10)
        before = fit.survival_at(profile, [min(one.day.iloc[0], 90)]).estimate[0]
        assert_allclose(found.n_expected, -np.log(before), rtol=1e-9)


def test_a_cox_fit_is_calibrated_on_its_own_rows_and_that_is_said():
    fit = fit_cox(TIMES, ["x", "tier"], ties="breslow")
    found = calibration(fit, TIMES, day=int(ROWS.day.max()))
    assert_allclose(found.measures.estimate, 1.0, rtol=1e-9)
    assert any("better here" in caveat for caveat in found.caveats)
    assert not any(
        "better here" in c for c in calibration(FITS["cox"], times_of(ROWS[:300]), day=90).caveats
    )


def test_rows_may_be_cut_and_come_in_any_order():
    whole = calibration(FITS["cox"], TIMES, day=90)
    rows = ROWS.assign(person=range(N), start=0)
    late = rows.assign(start=rows.day // 2)
    halves = pd.concat([late, rows.assign(day=late.start, event=False)[late.start > 0]])
    cut = calibration(FITS["cox"], times_of(halves, start="start", person="person"), day=90)
    assert_allclose(
        cut.measures.iloc[:, 1:6].astype(float),
        whole.measures.iloc[:, 1:6].astype(float),
        rtol=1e-9,
    )
    pd.testing.assert_frame_equal(cut.to_frame(), whole.to_frame(), rtol=1e-9)


def test_risks_that_spread_too_far_have_a_slope_below_1():
    wild = times_of(ROWS[:40].assign(**{f"z{j}": RNG.normal(size=40) for j in range(6)}))
    fit = fit_cox(wild, ["x", *(f"z{j}" for j in range(6))])
    rest = ROWS[40:].assign(**{f"z{j}": RNG.normal(size=N - 40) for j in range(6)})
    slope = calibration(fit, times_of(rest), day=90).measures.iloc[1]
    assert slope.conf_high < 1


def test_one_risk_for_all_is_one_group():
    constant = ROWS.assign(x=1.0, tier="a")
    found = calibration(FITS["cox"], times_of(constant), day=90)
    assert len(found.to_frame()) == 1
    assert found.measures.note[1].startswith("not estimable: constant")
    assert any("1 groups" in caveat for caveat in found.caveats)
    observed = 1 - kaplan_meier(TIMES).at([90]).estimate[0]
    assert_allclose(found.to_frame().estimate, observed, rtol=1e-12)


def test_a_group_in_which_everyone_had_the_event_has_a_risk_of_1():
    early = ROWS[ROWS.due <= 60].assign(day=lambda d: d.due, event=True)
    frame = calibration(FITS["cox"], times_of(early), day=90, groups=2).to_frame()
    assert (frame.estimate == 1).all()
    assert frame.note.str.contains("everyone at risk had the event").all()


def test_people_without_events_have_no_ratio():
    quiet = calibration(FITS["cox"], times_of(ROWS.assign(event=False)), day=90)
    assert quiet.measures.note.str.startswith("not estimable").all()
    assert quiet.n_events == 0
    assert quiet.plot().get_xlabel()


def test_what_cannot_be_predicted_is_refused():
    by_kind = fit_cox(TIMES, ["x", "tier"], strata="kind")
    fading = fit_cox(TIMES, ["x"], time_varying={"x": "log"})
    arson = times_of(ROWS.assign(kind="arson"))
    cases = [
        (FITS["cox"], TIMES, 5000, "follow-up ends on day"),
        (FITS["cox"], times_of(ROWS.assign(tier="z")), 90, "label that was not fitted"),
        (FITS["cox"], times_of(ROWS.drop(columns="x")), 90, "'x' is not a column"),
        (FITS["cox"], TIMES, 0, "above 0"),
        (by_kind, arson, 90, "no baseline"),
        (fading, TIMES, 90, "time_varying"),
        (cumulative_incidence(times_of(ROWS, cause="kind")), TIMES, 90, "predicts no risk"),
    ]  # fmt: skip
    for fit, times, day, told in cases:
        with pytest.raises(ModelError, match=told):
            calibration(fit, times, day=day)


def test_rows_after_the_horizon_have_no_say():
    frame = ROWS.assign(start=0)
    frame.loc[:9, ["start", "day"]] = [150, 200]
    found = calibration(FITS["cox"], times_of(frame, start="start"), day=90)
    assert found.n_people == N - 10
    assert found.n_left_out == 0


def test_the_meter_of_events_counts_covariates_and_warns_twice():
    rows = events_per_parameter(TIMES, ["x", "tier"])
    assert rows.n_parameters == (3,)
    assert rows.n_events == (int(ROWS.event.sum()),)
    assert rows.to_frame().note[0] == ""
    few = times_of(ROWS[:30])
    events = int(ROWS.event[:30].sum())
    for terms, told in ((["x", "tier"], "below 10"), (["x", "tier", "kind", "until"], "below 5")):
        frame = events_per_parameter(few, terms).to_frame()
        assert frame.estimate[0] == events / frame.df[0]
        assert told in frame.note[0]
        assert any(told in caveat for caveat in fit_cox(few, terms).caveats)


def test_the_meter_counts_the_rows_it_leaves_out_and_refuses_what_a_fit_would():
    holes = times_of(ROWS.assign(x=ROWS.x.where(ROWS.index > 40)))
    found = events_per_parameter(holes, ["x"])
    assert (found.n, found.n_left_out) == (N - 41, 41)
    assert found.n_events == (int(ROWS.event[41:].sum()),)
    assert "Rows left out (`x` is empty): 41." in found.caveats
    assert "Rows left out: 41" in found.summary()
    with pytest.raises(ModelError, match=r"'x' is infinite in 1 row \(row 3\)"):
        events_per_parameter(times_of(ROWS.assign(x=ROWS.x.where(ROWS.index != 3, np.inf))), ["x"])
    nobody = events_per_parameter(times_of(ROWS.head(0)), ["x"])
    assert nobody.to_frame().note.tolist() == ["not estimable: nobody is at risk"]
    assert nobody.to_frame().estimate.isna().all()
    nobody.plot()


def test_too_few_events_are_refused_unless_a_penalty_holds_them_back():
    few = times_of(ROWS[:12])
    with pytest.raises(ModelError, match=r"fewer than 5\.0 each"):
        events_per_parameter(few, ["x", "tier"]).require()
    assert events_per_parameter(TIMES, ["x"]).require() is None
    assert events_per_parameter(fit_cox(few, ["x", "tier"], penalty="firth")).require() is None


def test_every_fit_of_a_hazard_has_a_meter():
    assert [events_per_parameter(fit).n_parameters[0] for fit in FITS.values()] == [3] * 5
    causes = times_of(ROWS, cause="kind")
    both = events_per_parameter(fit_cause_specific(causes, ["x"])).to_frame()
    assert both.group.to_list() == ["theft", "violence"]
    assert both.n_events.sum() == ROWS.event.sum()
    one = events_per_parameter(fit_fine_gray(causes, ["x"], cause="theft"))
    assert one.n_events == (both.n_events[0],)
    drawn = fit_cox(times_of(ROWS[:20]), ["x", "tier", "until"], penalty=Ridge(1.0))
    assert events_per_parameter(drawn).to_frame().note[0] == "the fit has a penalty"
    for source, terms in ((FITS["cox"], ["x"]), (TIMES, None), (kaplan_meier(TIMES), None)):
        with pytest.raises(ModelError):
            events_per_parameter(source, terms)


def test_one_cause_implies_the_curve_of_its_cox_model():
    fit = fit_cause_specific(times_of(ROWS.assign(kind="theft"), cause="kind"), ["x"])
    found = fit.incidence_at({"x": 0.5}, [30, 90])
    curve = fit.fits[0].survival_at({"x": 0.5}, [30, 90])
    both = found.set_index(["cause", "day"])
    assert_allclose(both.loc["theft"].estimate, 1 - curve.estimate, rtol=1e-12)
    assert_allclose(both.loc["no event"].std_error, curve.std_error, rtol=1e-10)
    assert_allclose(both.loc["theft"].std_error, curve.std_error, rtol=1e-10)


def test_shares_without_a_pull_are_near_those_of_aalen_and_johansen():
    causes = times_of(ROWS.assign(flag=np.arange(N) % 2), cause="kind")
    fit = fit_cause_specific(causes, ["flag"])
    by = cumulative_incidence(causes, by="flag").at([90])
    found = fit.incidence_at({"flag": 1}, [90]).set_index("cause")
    for cause in ("theft", "violence"):
        share = by[(by.group == "1") & (by.cause == cause)].iloc[0]
        assert_allclose(found.estimate[cause], share.estimate, atol=0.04)
        assert_allclose(found.std_error[cause], share.std_error, rtol=0.4)


def test_implied_shares_end_where_follow_up_does_and_stand_before_any_event():
    causes = times_of(ROWS, cause="kind")
    fit = fit_cause_specific(causes, ["x"], strata="tier")
    found = fit.incidence_at({"x": 0.0}, [0, 60, 5000])
    assert found.groupby("group").size().to_dict() == dict.fromkeys("abc", 9)
    assert found[found.day == 5000].note.str.startswith("not estimable: after").all()
    start = found[found.day == 0]
    assert start.estimate.to_list() == [0, 0, 1] * 3
    middle = found[found.day == 60]
    assert_allclose(middle.groupby("group").estimate.sum(), 1, rtol=1e-14)
    assert fit.n_left_out == 0
    holes = ROWS.assign(x=ROWS.x.mask(ROWS.index < 3))
    assert fit_cause_specific(times_of(holes, cause="kind"), ["x"]).n_left_out == 3
    nobody = times_of(ROWS.assign(event=False), cause="kind")
    with pytest.raises(ModelError, match="No row has an event"):
        fit_cause_specific(nobody, ["x"])
