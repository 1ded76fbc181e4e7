"""What `fit_split_population` says, and above all when it refuses to tell a share."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from desistance.errors import ModelError
from desistance.survival import fit_parametric, fit_split_population
from desistance.timetoevent import TimeToEvent

LATENCIES = ("weibull", "exponential", "log-normal", "log-logistic")


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


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"latency": "cox"}, "Cox latency .* is not offered"),
        ({"latency": "gompertz"}, "is one of weibull, log-normal"),
        ({"terms": ["height"]}, "'height' is not a column"),
        ({"terms": ["day"]}, "changes within 2 people"),
        ({"terms": [], "share_terms": ["day"]}, "changes within 2 people"),
        ({"variance": "hc0"}, "'model', 'robust' or 'cluster'"),
    ],
)
def test_what_cannot_be_meant_is_a_clear_error(options, says):
    frame = pd.DataFrame({"person": [1, 1, 2, 2, 3], "from": [0, 9, 0, 9, 0]})
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
