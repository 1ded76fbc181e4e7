"""What may never move the numbers, and what must: relations of survival estimates.

Each relation is tried on small cohorts full of ties, late entries and odd groups. Comments give
the tolerance's reason where it is not that of rounding.
"""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.survival import fit_cox, kaplan_meier, log_rank
from desistance.survival.covariates import covariates
from desistance.survival.newton import maximise
from desistance.survival.partial_likelihood import partial_likelihood, score_residuals
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import read_terms
from desistance.timetoevent import TimeToEvent

ROLES = ("start", "person", "weight", "strata")


@st.composite
def cohorts(draw, *, late=True, ties=True, weighted=False):
    """A frame of 30 to 60 rows, enough of them events for three terms."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(30, 60))
    length = rng.integers(2, draw(st.sampled_from([9, 40])), n)
    start = rng.integers(0, 8, n) * (rng.random(n) < 0.5) if late else np.zeros(n, int)
    stop = start + length
    if not ties:
        stop = rng.permutation(n) + 9 * late + 2
    frame = pd.DataFrame(
        {
            "start": start,
            "stop": stop,
            "event": rng.random(n) < draw(st.sampled_from([0.5, 1.0])),
            "x": np.round(rng.normal(size=n), 2),
            "arm": rng.random(n) < 0.5,
            "tier": rng.choice(["FIXED", "FLEX"], n),
            "area": rng.choice(["a", "b", "c"], n),
        }
    )
    if weighted:
        frame["weight"] = rng.uniform(0.3, 3, n).round(3)
    assume(frame.event.sum() > 12)
    return frame


def times_of(frame, **more):
    roles = {name: name for name in ROLES if name in frame} | more
    return TimeToEvent.from_frame(frame, stop="stop", event="event", recurrent=True, **roles)


TERMS = ["x", "arm", "tier"]


def cox(frame, **options):
    fit = fit_cox(times_of(frame), TERMS, **options)
    assume(not any(fit.notes))
    assume(np.abs(fit.log_hazards).max() < 5)
    return fit


def same(one, other, tolerance=1e-10, beta=1.0, error=1.0):
    """Coefficients times `beta`, standard errors times `error`."""
    assert_allclose(one.log_hazards * beta, other.log_hazards, rtol=tolerance, atol=tolerance)
    scale = np.outer(np.ones(3) * error, np.ones(3) * error)
    assert_allclose(
        one.covariance * scale, other.covariance, rtol=tolerance,
        atol=tolerance * np.abs(other.covariance).max(),
    )  # fmt: skip


@given(cohorts(weighted=True), st.sampled_from(["efron", "breslow"]), st.randoms())
def test_rows_may_come_in_any_order(frame, ties, random):
    order = random.sample(range(len(frame)), len(frame))
    mixed = frame.iloc[order].reset_index(drop=True)
    same(cox(frame, ties=ties, variance="cluster"), cox(mixed, ties=ties, variance="cluster"))
    pd.testing.assert_frame_equal(
        kaplan_meier(times_of(frame), "tier").to_frame(),
        kaplan_meier(times_of(mixed), "tier").to_frame(),
        rtol=1e-11,
    )


@given(cohorts(), st.sampled_from([7, 30]))
def test_only_the_order_of_days_matters(frame, days):
    stretched = frame.assign(start=frame.start * days, stop=frame.stop * days)
    bent = frame.assign(start=frame.start**2, stop=frame.stop**2)
    fit = cox(frame)
    for other in (stretched, bent):
        same(fit, cox(other), 1e-12)
        one, two = log_rank(times_of(frame), "arm"), log_rank(times_of(other), "arm")
        assert_allclose(one.statistic, two.statistic, rtol=1e-12)
    one, two = (kaplan_meier(times_of(f)).to_frame() for f in (frame, stretched))
    assert_allclose(one.estimate, two.estimate, rtol=1e-13)
    assert (one.day * days).tolist() == two.day.tolist()


@given(cohorts(), st.sampled_from([(1e3, 1e-9), (1e8, 1e-6)]))
def test_a_covariate_may_start_anywhere(frame, shift):
    far, tolerance = shift  # 1e8 + x keeps 8 decimals of x
    same(cox(frame), cox(frame.assign(x=frame.x + far)), tolerance)


@given(cohorts())
def test_a_covariate_may_be_in_any_unit(frame):
    units = np.array([1e-6, 1, 1])
    fit = cox(frame)
    same(fit, cox(frame.assign(x=frame.x * 1e6)), 1e-9, beta=units, error=units)
    back = cox(frame.assign(x=frame.x * 1e12))
    assert_allclose(back.log_hazards[0] * 1e12, fit.log_hazards[0], rtol=1e-9)


@given(cohorts())
def test_swapping_the_arms_turns_the_sign(frame):
    fit, swapped = cox(frame), cox(frame.assign(arm=~frame.arm))
    same(fit, swapped, beta=np.array([1, -1, 1]), error=np.array([1, -1, 1]))
    one, two = fit.to_frame().loc[1], swapped.to_frame().loc[1]
    assert_allclose(one.conf_low, 1 / two.conf_high, rtol=1e-10)
    assert_allclose(one.p_value, two.p_value, rtol=1e-9)


@given(cohorts())
def test_the_reference_label_and_the_order_of_terms_do_not_matter(frame):
    fit = cox(frame)
    turned = frame.assign(tier=pd.Categorical(frame.tier, ["FLEX", "FIXED"]))
    other = fit_cox(times_of(turned), ["tier", "arm", "x"])
    assert_allclose(other.log_likelihood, fit.log_likelihood, rtol=1e-12)
    assert_allclose(other.coefficients["tier[FIXED]"], -fit.coefficients["tier[FLEX]"], rtol=1e-9)


@given(cohorts(), st.sampled_from(["breslow", "efron"]))
def test_weight_two_is_every_row_twice_under_breslow_but_not_under_efron(frame, ties):
    twice, heavy = pd.concat([frame, frame]), frame.assign(weight=2.0)
    one, two = cox(twice, ties=ties), cox(heavy, ties=ties)
    if ties == "breslow":
        same(one, two)
    else:
        # A copy makes ties of days that had none.
        assert np.abs(one.log_hazards - two.log_hazards).max() > 1e-7
    alone = cox(frame, ties=ties)
    same(alone, two, error=0.5**0.5)


@given(cohorts(ties=False, weighted=True))
def test_without_ties_the_tie_rule_does_not_matter(frame):
    same(cox(frame, ties="efron"), cox(frame, ties="breslow"), 1e-12)


@given(cohorts(weighted=True), st.sampled_from(["efron", "breslow"]))
def test_a_row_of_no_weight_is_a_row_left_out_when_it_has_no_event(frame, ties):
    rows = ~frame.event & (frame.index % 3 == 0)
    light = frame.assign(weight=frame.weight.where(~rows, 1e-14))
    same(cox(frame[~rows], ties=ties), cox(light, ties=ties), 1e-8)


@given(cohorts(weighted=True), st.sampled_from(["efron", "breslow"]))
def test_a_row_of_no_weight_with_an_event_alone_on_its_day_is_a_row_left_out(frame, ties):
    alone = frame.event & ~frame.stop.where(frame.event).duplicated(keep=False)
    rows = alone & (alone.cumsum() <= 3)
    light = frame.assign(weight=frame.weight.where(~rows, 1e-14))
    assume((frame.event & ~rows).sum() > 12)
    same(cox(frame[~rows], ties=ties), cox(light, ties=ties), 1e-8)


@given(cohorts(weighted=True), st.sampled_from(["efron", "breslow"]), st.integers(0, 2**31))
def test_cutting_rows_in_two_changes_nothing(frame, ties, seed):
    frame = frame.assign(person=range(len(frame)))
    cut = np.random.default_rng(seed).integers(frame.start + 1, frame.stop)
    first = frame.assign(stop=cut, event=False)
    both = pd.concat([first, frame.assign(start=cut)], ignore_index=True)
    for variance in ("model", "cluster"):
        one, two = (cox(f, ties=ties, variance=variance) for f in (frame, both))
        same(one, two)
        assert_allclose(two.log_likelihood, one.log_likelihood, rtol=1e-11)
        assert_allclose(
            two.baseline.to_frame().estimate, one.baseline.to_frame().estimate, rtol=1e-9
        )
    pd.testing.assert_frame_equal(
        kaplan_meier(times_of(both), "tier").to_frame(),
        kaplan_meier(times_of(frame), "tier").to_frame(),
        rtol=1e-9,
    )
    plain = [f.drop(columns="weight") for f in (frame, both)]
    one, two = (log_rank(times_of(f), "tier") for f in plain)
    assert_allclose(two.statistic, one.statistic, rtol=1e-10)


@given(cohorts(), st.floats(-1e6, 1e6))
def test_time_that_covers_no_event_changes_nothing(frame, x):
    first = int(frame.stop[frame.event].min())
    early = {"start": 0, "stop": first - 1, "event": False, "x": x, "arm": True, "tier": "FLEX"}
    assume(first > 1)
    more = pd.concat([frame, pd.DataFrame([early | {"area": "a"}])], ignore_index=True)
    same(cox(frame), cox(more), 1e-12)
    assert_allclose(
        log_rank(times_of(more), "arm").statistic,
        log_rank(times_of(frame), "arm").statistic,
        rtol=1e-12,
    )


@given(cohorts())
def test_the_same_cohort_in_two_strata_halves_the_variance(frame):
    both = pd.concat([frame.assign(strata="one"), frame.assign(strata="two")])
    same(cox(frame), cox(both), error=0.5**0.5)


@given(cohorts())
def test_a_stratum_without_events_changes_nothing(frame):
    frame = frame.assign(strata=frame.area)
    quiet = frame.assign(strata="quiet", event=False, x=frame.x * 3 + 100)
    same(cox(frame), cox(pd.concat([quiet, frame])), 1e-12)


@given(cohorts(ties=False), st.sampled_from(["arm", "area"]))
def test_log_rank_is_the_score_test_without_ties(frame, by):
    test = log_rank(times_of(frame), by)
    fit = fit_cox(times_of(frame), [by])
    assume(not any(note.startswith("not estimable: const") for note in fit.notes))
    assert_allclose(fit.score_statistic, test.statistic, rtol=1e-10, atol=1e-12)
    assert fit.degrees == test.df


@given(cohorts(late=False))
def test_without_censoring_the_curve_is_the_share_still_to_come(frame):
    frame = kaplan_meier(times_of(frame.assign(event=True))).to_frame()
    total = frame.n_events.sum()
    assert_allclose(frame.estimate, 1 - frame.n_events.cumsum() / total, atol=1e-12)


@given(cohorts(late=False, ties=False))
def test_event_and_censoring_curves_multiply_to_the_share_at_risk(frame):
    event = kaplan_meier(times_of(frame)).to_frame()
    censored = kaplan_meier(times_of(frame.assign(event=~frame.event))).to_frame()
    still = 1 - np.arange(1, len(frame) + 1) / len(frame)
    assert_allclose(event.estimate * censored.estimate, still, atol=1e-12)


@given(cohorts(), st.integers(3, 20))
def test_a_curve_does_not_know_the_future(frame, day):
    cut = frame[frame.start < day]
    cut = cut.assign(event=cut.event & (cut.stop <= day), stop=cut.stop.clip(upper=day))
    whole, known = kaplan_meier(times_of(frame)), kaplan_meier(times_of(cut))
    days = range(int(cut.stop.max()))
    assert (whole.at(days).estimate == known.at(days).estimate).all()


@given(cohorts(late=False))
def test_a_censoring_comes_after_the_events_of_its_day(frame):
    frame = frame.assign(start=frame.start * 3, stop=frame.stop * 3)
    later = frame.assign(stop=frame.stop + (~frame.event).astype(int))
    days = frame.stop[frame.event].unique()
    one, two = (kaplan_meier(times_of(f)).at(days) for f in (frame, later))
    assert (one.estimate == two.estimate).all()
    same(cox(frame), cox(later), 1e-14)
    earlier = frame.assign(stop=frame.stop - (~frame.event).astype(int))
    together = (frame.event & frame.stop.isin(frame.stop[~frame.event])).any()
    moved = (kaplan_meier(times_of(earlier)).at(days).estimate != one.estimate).any()
    assert moved == together


@given(cohorts(), st.integers(0, 2**31))
def test_whole_weights_are_rows_repeated_in_the_curve(frame, seed):
    times = np.random.default_rng(seed).integers(1, 4, len(frame))
    repeated = kaplan_meier(times_of(frame.loc[np.repeat(frame.index, times)])).to_frame()
    weighted = kaplan_meier(times_of(frame.assign(weight=1.0 * times))).to_frame()
    assert_allclose(weighted.estimate, repeated.estimate, atol=1e-12)


@given(cohorts(weighted=True), st.sampled_from(["efron", "breslow"]))
def test_score_residuals_add_up_to_nothing_and_foretell_leaving_a_row_out(frame, ties):
    fit = cox(frame, ties=ties)
    times, terms = read_terms(times_of(frame), TERMS)
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    problem = partial_likelihood(sets, covariates(times, terms, sets), ties)
    residuals = np.vstack([block for _, block in score_residuals(problem, maximise(problem).point)])
    assert_allclose(residuals.sum(axis=0), 0, atol=1e-9)
    # The derivative by a row's weight: nudge one weight and fit again.
    nudge = 1e-4
    heavier = frame.assign(weight=frame.weight.where(frame.index != 3, frame.weight * (1 + nudge)))
    moved = (cox(heavier, ties=ties).log_hazards - fit.log_hazards) / nudge
    foretold = residuals[3] * problem.covariates.scale @ fit.covariance
    tied = frame.event & frame.stop.eq(frame.stop[3])
    if ties == "breslow" or tied.sum() < 2 or not frame.event[3]:
        assert_allclose(moved, foretold, atol=1e-3 * np.abs(foretold).max() + 1e-6)


@given(cohorts(weighted=True))
def test_constant_weights_change_no_robust_answer(frame):
    plain = cox(frame.drop(columns="weight"), variance="robust")
    same(plain, cox(frame.assign(weight=2.5), variance="robust"))


@given(cohorts())
def test_a_cohort_compared_with_its_own_copy_does_not_differ(frame):
    both = pd.concat([frame.assign(copy=False), frame.assign(copy=True)], ignore_index=True)
    fit = fit_cox(times_of(both), ["copy"])
    assert_allclose(fit.log_hazards, 0, atol=1e-10)
    assert_allclose(log_rank(times_of(both), "copy").statistic, 0, atol=1e-20)
