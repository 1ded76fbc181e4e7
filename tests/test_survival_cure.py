"""What `fit_split_population` says, and above all when it refuses to tell a share."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from desistance.errors import ModelError
from desistance.survival import fit_cox, fit_parametric, fit_split_population, kaplan_meier
from desistance.timetoevent import TimeToEvent

LATENCIES = ("weibull", "exponential", "log-normal", "log-logistic", "cox")


def releases(n=600, *, share=0.4, mean=100, follow=(800, 1000), seed=5):
    """Simulate people of whom `share` return, on average after `mean` days."""
    rng = np.random.default_rng(seed)
    day, ends = np.ceil(rng.exponential(mean, n)).astype(int), rng.integers(*follow, n)
    returns = (rng.random(n) < share) & (day <= ends)
    return pd.DataFrame(
        {
            "day": np.where(returns, day, ends),
            "returned": returns,
            "need": rng.random(n) < 0.5,
            "priors": rng.normal(size=n).round(2),
            "pid": np.arange(n) // 2,
        }
    )


def times_of(frame, **columns):
    return TimeToEvent.from_frame(frame, stop="day", event="returned", **columns)


# --- the verdict -------------------------------------------------------------------------


@pytest.mark.parametrize("latency", LATENCIES)
def test_with_a_plateau_the_shares_are_told_and_add_up(latency):
    fit = fit_split_population(times_of(releases()), latency=latency)
    assert fit.not_identified == ""
    shares = fit.shares().set_index("group")
    eventual, never = shares.loc["eventual reoffenders"], shares.loc["eventual desisters"]
    assert eventual.estimate + never.estimate == pytest.approx(1, abs=1e-15)
    assert eventual.conf_low < 0.4 < eventual.conf_high
    assert never.conf_low == pytest.approx(1 - eventual.conf_high)
    assert fit.mean_share == pytest.approx(expit(fit.to_frame(log=True).estimate[0]))
    assert "eventual desisters" in fit.summary()
    assert "EVENTUAL REOFFENDERS" in fit.summary()


def no_plateau(frame, says):
    fit = fit_split_population(times_of(frame), latency="exponential")
    assert says in fit.not_identified
    shares = fit.shares()
    assert shares[["estimate", "std_error", "conf_low", "conf_high"]].isna().all(None)
    assert shares.note.str.startswith("not estimable: not identified, ").all()
    told = fit.to_frame()
    assert told.estimate.isna().all()
    assert set(told.note) == {"not estimable: not identified"}
    assert "Share of eventual desisters: not identified; " in fit.summary()
    assert "EVENTUAL" not in fit.summary()


def test_one_year_of_a_slow_process_tells_no_share():
    no_plateau(
        releases(mean=500, follow=(365, 366)),
        "no plateau: the last event, at 347 days, is too near",
    )


def test_an_event_on_the_last_day_leaves_no_plateau():
    frame = releases()
    frame.loc[frame.day.idxmax(), "returned"] = True
    no_plateau(frame, "p = 1.000")


def test_a_gap_that_only_a_few_people_make_is_no_plateau():
    frame = releases(mean=500, follow=(300, 301))
    frame.loc[frame.index[~frame.returned][:9], "day"] = 1500
    no_plateau(frame, "fewer than 10 people are followed past the middle")


def test_a_gap_by_chance_does_not_pass_for_a_plateau():
    # A constant hazard, all followed for the same year; the last ten days happen to be empty.
    frame = releases(share=1.0, mean=600, follow=(365, 366))
    frame.loc[frame.returned & (frame.day > 355), ["day", "returned"]] = [365, False]
    fit = fit_split_population(times_of(frame), latency="exponential")
    assert fit.tests().p_value[0] < 0.05
    assert fit.not_identified
    assert "eventual" in fit.not_identified


def test_when_everybody_returns_there_is_no_share_to_tell():
    frame = releases(share=1.0)
    assert frame.returned.all()
    no_plateau(frame, "as where everybody reoffends eventually")


@pytest.mark.parametrize("rows", [0, 5])
def test_without_events_nothing_is_told(rows):
    no_plateau(releases().head(rows).assign(returned=False), "no event")


def test_an_identified_share_that_leans_on_a_long_tail_says_so():
    frame = releases(mean=400, n=2000, seed=8)
    frame = frame[~(frame.returned & (frame.day > 850))]
    fit = fit_split_population(times_of(frame), latency="exponential")
    assert fit.not_identified == ""
    assert fit.to_come > 0.05
    assert "leans on the shape of the latency" in fit.caveats[-1]


def test_maller_and_zhous_test_counts_the_late_events():
    frame = pd.DataFrame({"day": [5, 20, 40, 60, 62, 64, *[100] * 20]})
    frame["returned"] = frame.day < 100
    fit = fit_split_population(times_of(frame))
    # last event 64, last follow-up 100: events in (28, 64] are those at 40, 60, 62 and 64
    assert fit.tests()[["n", "n_events"]].to_numpy().tolist() == [[26, 4]]
    assert fit.tests().p_value[0] == pytest.approx((22 / 26) ** 26, rel=1e-12)


# --- terms -------------------------------------------------------------------------------


def test_odds_ratios_are_of_eventual_reoffending_and_time_ratios_of_how_soon():
    rng = np.random.default_rng(2)
    frame = releases(n=2000)
    returns = rng.random(2000) < np.where(frame.need, 0.7, 0.2)
    day = np.ceil(rng.exponential(np.where(frame.need, 200, 50))).astype(int)
    frame["day"], frame["returned"] = np.where(returns, day, 3000), returns
    fit = fit_split_population(times_of(frame), ["need"], latency="exponential")
    found = fit.to_frame().set_index(["group", "term"]).estimate
    assert found["share", "need"] == pytest.approx((0.7 / 0.3) / (0.2 / 0.8), rel=0.3)
    assert found["latency", "need"] == pytest.approx(4, rel=0.3)
    # With nearly all returns seen, the share is the plain share and its odds ratio the plain one.
    plain = frame.groupby("need").returned.mean()
    assert found["share", "need"] == pytest.approx(
        plain[True] / (1 - plain[True]) / (plain[False] / (1 - plain[False])), rel=1e-3
    )
    assert fit.mean_share == pytest.approx(frame.returned.mean(), rel=1e-4)


def test_share_terms_may_differ_from_those_of_latency():
    fit = fit_split_population(times_of(releases()), ["priors"], share_terms=["need"])
    assert fit.to_frame()[["group", "term"]].to_numpy().tolist() == [
        ["share", "intercept"],
        ["share", "need"],
        ["latency", "intercept"],
        ["latency", "priors"],
        ["latency", "scale"],
    ]
    none = fit_split_population(times_of(releases()), ["priors"], share_terms=[])
    assert list(none.to_frame().query("group == 'share'").term) == ["intercept"]


def test_the_curve_stands_within_the_follow_up_and_no_further_without_a_verdict():
    frame = releases(mean=500, follow=(365, 366))
    fit = fit_split_population(times_of(frame), latency="weibull")
    found = fit.survival_at({}, [100, 400])
    assert found.estimate[0] == pytest.approx(1 - (frame.day <= 100).mean(), abs=0.03)
    assert np.isnan(found.estimate[1])
    assert found.note[1].startswith("not estimable: after the last follow-up")
    told = fit_split_population(times_of(releases())).survival_at({}, [0, 100, 2000])
    assert told.estimate[2] == pytest.approx(0.6, abs=0.05)
    assert told.note[2].startswith("extrapolated")


def test_a_split_beats_one_population_where_there_are_two():
    times = times_of(releases())
    assert fit_split_population(times).aic < fit_parametric(times).aic - 50


def test_a_picture_has_the_plateau_only_where_it_is_told():
    assert len(fit_split_population(times_of(releases())).plot().lines) == 3
    slow = releases(mean=500, follow=(365, 366))
    assert len(fit_split_population(times_of(slow)).plot().lines) == 2


# --- a Cox latency -----------------------------------------------------------------------


def test_with_nobody_who_never_returns_the_hazard_ratio_is_coxs():
    frame = releases(share=1.0, n=300)
    fit = fit_split_population(times_of(frame), ["need", "priors"], share_terms=[], latency="cox")
    assert "as where everybody reoffends" in fit.not_identified
    plain = fit_cox(times_of(frame), ["need", "priors"], ties="breslow")
    found = fit.maximum(log=True).set_index(["group", "term"]).estimate["latency"]
    assert_allclose(found[["need", "priors"]], plain.log_hazards, atol=1e-8)


def test_without_terms_the_share_is_that_of_the_plateau():
    # Breslow's jumps to the last event but one, which takes all but 1 / e of those left.
    fit = fit_split_population(times_of(releases()), latency="cox")
    curve = kaplan_meier(times_of(releases())).to_frame()
    assert fit.mean_share == pytest.approx(1 - curve.estimate.iloc[-1], abs=2e-3)


def test_a_cox_latency_has_hazard_ratios_and_no_scale():
    fit = fit_split_population(times_of(releases()), ["need"], latency="cox")
    assert fit.to_frame()[["group", "term"]].to_numpy().tolist() == [
        ["share", "intercept"], ["share", "need"], ["latency", "need"],
    ]  # fmt: skip
    assert np.isnan(fit.aic)
    assert "hazard ratios among them" in fit.summary()
    assert "Breslow ties" in fit.summary()


def test_the_hazard_ratio_of_latency_is_found():
    rng = np.random.default_rng(2)
    frame = releases(n=3000)
    returns = rng.random(3000) < 0.5
    day = np.ceil(rng.exponential(np.where(frame.need, 50, 150))).astype(int)
    frame["day"], frame["returned"] = np.where(returns, day, 3000), returns
    fit = fit_split_population(times_of(frame), ["need"], latency="cox")
    found = fit.to_frame().set_index(["group", "term"]).estimate
    assert found["latency", "need"] == pytest.approx(3, rel=0.1)
    assert found["share", "need"] == pytest.approx(1, rel=0.15)


def test_the_verdict_asks_how_a_weibull_would_go_on():
    frame = releases(share=1.0, mean=600, follow=(365, 366))
    frame.loc[frame.returned & (frame.day > 355), ["day", "returned"]] = [365, False]
    fit = fit_split_population(times_of(frame), latency="cox")
    assert fit.tests().p_value[0] < 0.05
    assert "eventual" in fit.not_identified


def test_a_handful_at_risk_before_the_others_enter_can_carry_no_curve():
    frame = releases()
    frame["start"] = np.minimum(np.where(frame.index < 5, 0, 40), frame.day - 1)
    fit = fit_split_population(times_of(frame, start="start"), latency="cox")
    assert "fewer than 10 people are at risk at " in fit.not_identified
    assert "before most enter" in fit.not_identified


def test_one_event_day_is_enough_for_a_curve():
    frame = releases(60).assign(day=40, returned=False)
    frame.loc[:19, "returned"] = True
    frame.loc[20:, "day"] = 400
    fit = fit_split_population(times_of(frame), ["priors"], latency="cox")
    assert np.isfinite(fit.log_likelihood)
    assert fit.mean_share == pytest.approx(1 / 3, abs=1e-6)


def test_a_term_that_no_event_contradicts_does_not_spoil_the_others():
    frame = releases()
    frame["never"] = (frame.index % 7 == 0) & ~frame.returned
    fit = fit_split_population(times_of(frame), ["never", "priors"], latency="cox")
    notes = fit.maximum().set_index(["group", "term"]).note
    assert notes["share", "never"].startswith("not estimable: ")
    assert notes["share", "priors"] == notes["latency", "priors"] == ""
    without = fit_split_population(times_of(frame[~frame.never]), ["priors"], latency="cox")
    assert_allclose(
        fit.maximum(log=True).query("term == 'priors'").estimate,
        without.maximum(log=True).query("term == 'priors'").estimate, rtol=1e-5,
    )  # fmt: skip


def test_a_repeated_and_a_constant_term_are_said_to_be_so():
    frame = releases().assign(again=lambda rows: rows.priors * 2, same=1)
    fit = fit_split_population(times_of(frame), ["priors", "again", "same"], latency="cox")
    notes = fit.maximum().set_index(["group", "term"]).note
    for group in ("share", "latency"):
        assert "the same as `priors`" in notes[group, "again"]
        assert "constant" in notes[group, "same"]
    one = fit_split_population(times_of(frame), ["priors"], latency="cox")
    assert fit.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)


def test_a_cox_latency_whose_last_step_leads_nowhere_is_not_identified():
    day = [108, 306, 355, 119, 220, 264, 328, 159, 152, 306, 207, 289, 220, 227, 224]
    frame = pd.DataFrame({
        "day": day, "returned": np.arange(15) < 2, "arm": [1, 0, 0, 0, 1, 1, *[0] * 5, 1, 1, 1, 0],
        "age": [34, 19, 31, 37, 49, 35, 47, 40, 47, 41, 42, 36, 35, 35, 22],
    })  # fmt: skip
    fit = fit_split_population(times_of(frame), ["arm", "age"], latency="cox")
    assert fit.not_identified
    assert fit.shares().estimate.isna().all()
    assert "Split population" in fit.summary()


def test_a_robust_variance_has_coefficients_and_no_limits_of_the_curve():
    frame = releases()
    model = fit_split_population(times_of(frame), ["need"], latency="cox")
    robust = fit_split_population(times_of(frame), ["need"], latency="cox", variance="robust")
    assert_allclose(robust.maximum().std_error, model.maximum().std_error, rtol=0.2)
    found = robust.survival_at({"need": 1}, [100])
    assert found.estimate.notna().all()
    assert found.conf_low.isna().all()
    assert "by the model's variance only" in found.note[0]


def test_a_robust_error_that_is_only_rounding_is_not_told():
    frame = releases().assign(day=lambda f: np.where(f.returned, 30, f.day + 30))
    fit = fit_split_population(times_of(frame), ["priors"], latency="cox", variance="robust")
    told = fit.maximum(log=True).set_index(["group", "term"]).loc[("latency", "priors")]
    assert np.isnan(told.std_error)  # all who return do so on one day: nobody moves the effect
    assert told.note == "not estimable: nobody moves it, so the robust variance is 0"
    assert abs(told.estimate) < 1e-9
    model = fit_split_population(times_of(frame), ["priors"], latency="cox").maximum(log=True)
    assert (model.std_error > 0.01).all()


def test_beyond_the_last_event_the_curve_is_the_share_that_never_returns():
    fit = fit_split_population(times_of(releases()), ["need"], latency="cox")
    found = fit.survival_at({"need": 0}, [0, fit.end.last_event + 1, fit.end.last_day])
    odds = fit.to_frame().estimate[0]
    assert_allclose(found.estimate, [1, 1 / (1 + odds), 1 / (1 + odds)], rtol=1e-12)
    assert found.std_error[1] == pytest.approx(fit.shares().std_error[0], rel=0.6)


@pytest.mark.parametrize("change", [{"day": 7}, {"day": 40, "event": True}, {"one": True}])
def test_a_cox_latency_stands_thin_and_flat_data(change):
    frame = releases(60)
    if "one" in change:
        frame["returned"] = frame.index == frame.day.idxmin()
    elif "event" in change:
        frame["day"], frame["returned"] = 40, True
    else:
        frame["day"], frame["returned"] = 7, frame.index % 2 == 0
    fit = fit_split_population(times_of(frame), ["priors"], latency="cox")
    assert fit.not_identified
    assert fit.summary()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"latency": "gompertz"}, "is one of weibull, log-normal"),
        ({"terms": ["height"]}, "'height' is not a column"),
        ({"terms": ["spell"]}, "changes within 2 people"),
        ({"terms": [], "share_terms": ["spell"]}, "changes within 2 people"),
        ({"variance": "hc0"}, "'model', 'robust' or 'cluster'"),
    ],
)
def test_what_cannot_be_meant_is_a_clear_error(options, says):
    frame = pd.DataFrame({"person": [1, 1, 2, 2, 3], "from": [0, 9, 0, 9, 0]})
    frame["spell"] = [1, 2, 1, 2, 1]
    frame["day"], frame["returned"] = [9, 20, 9, 30, 50], [False, True, False, True, False]
    times = times_of(frame, start="from", person="person")
    with pytest.raises(ModelError, match=says):
        fit_split_population(times, **options)


def test_repeated_events_are_refused():
    frame = pd.DataFrame({"person": [1, 1, 2], "from": [0, 9, 0], "day": [9, 20, 50]})
    frame["returned"] = [True, True, False]
    times = times_of(frame, start="from", person="person", recurrent=True)
    with pytest.raises(ModelError, match="1 people have several events"):
        fit_split_population(times)
