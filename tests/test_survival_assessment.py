"""What concordance, tests of proportional hazards and residuals must do; R's numbers are apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import check_proportional_hazards, concordance, cox_residuals, fit_cox
from desistance.survival.penalty import Ridge
from desistance.timetoevent import TimeToEvent

TERMS = ["x", "arm", "tier"]


@st.composite
def cohorts(draw):
    """Frames of 25 to 50 rows with ties in days and scores, late entries, weights, two areas."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(25, 50))
    start = rng.integers(0, 6, n) * (rng.random(n) < 0.5)
    frame = pd.DataFrame(
        {
            "person": range(n),
            "start": start,
            "stop": start + rng.integers(2, draw(st.sampled_from([8, 40])), n),
            "event": rng.random(n) < 0.7,
            "x": np.round(rng.normal(size=n), 1),
            "arm": rng.random(n) < 0.5,
            "tier": rng.choice(["FIXED", "FLEX"], n),
            "area": rng.choice(["a", "b"], n),
            "weight": rng.uniform(0.3, 3, n).round(3),
        }
    )
    assume(frame.event.sum() > 10)
    return frame


def times_of(frame, **roles):
    roles = {name: name for name in ("start", "person", "weight") if name in frame} | roles
    return TimeToEvent.from_frame(frame, stop="stop", event="event", **roles)


def fit_of(times, **options):
    fit = fit_cox(times, TERMS, **options)
    assume(not any(fit.notes) and np.abs(fit.log_hazards).max() < 5)
    return fit


def by_pairs(frame):
    """Concordance within areas, one pair after the other."""
    higher = whole = 0.0
    for one in frame[frame.event].itertuples():
        for other in frame[frame.area == one.area].itertuples():
            at_risk = other.start < one.stop <= other.stop
            if at_risk and not (other.event and other.stop == one.stop):
                weight = one.weight * other.weight
                whole += weight
                higher += weight * (0.5 + 0.5 * np.sign(one.x - other.x))
    return higher / whole, whole


@given(cohorts())
def test_concordance_is_that_of_all_pairs_one_after_the_other(frame):
    found = concordance(times_of(frame), "x", strata="area")
    assert_allclose([found.estimate, found.pairs], by_pairs(frame), rtol=1e-12)


@given(cohorts())
def test_the_error_of_concordance_is_the_derivative_by_weight(frame):
    frame = frame.assign(first=frame.index < 6)
    found = concordance(times_of(frame), "x", strata="area", cluster="first")
    nudge = 1e-6
    heavier = frame.assign(weight=frame.weight * (1 + nudge * frame["first"]))
    moved = (by_pairs(heavier)[0] - found.estimate) / nudge
    # Weights all made larger move nothing, so the other group moves it as far back.
    assert_allclose(found.std_error, 2**0.5 * abs(moved), atol=1e-5)


@given(cohorts())
def test_turning_a_score_round_turns_concordance_and_stretching_it_does_nothing(frame):
    frame = frame.assign(turned=-frame.x, stretched=np.exp(3 * frame.x) + 100)
    one, turned, stretched = (concordance(times_of(frame), s) for s in ("x", "turned", "stretched"))
    assert_allclose(one.estimate + turned.estimate, 1, rtol=1e-14)
    assert_allclose(one.std_error, turned.std_error, rtol=1e-10)
    assert (one.estimate, one.std_error) == (stretched.estimate, stretched.std_error)


@given(cohorts(), st.integers(0, 2**31))
def test_cutting_rows_in_two_changes_nothing(frame, seed):
    cut = np.random.default_rng(seed).integers(frame.start + 1, frame.stop)
    both = pd.concat(
        [frame.assign(stop=cut, event=False), frame.assign(start=cut)], ignore_index=True
    )
    one, two = (times_of(f) for f in (frame, both))
    fits = fit_of(one), fit_of(two)
    agree = [concordance(t, "x") for t in (one, two)]
    assert_allclose(agree[0].estimate, agree[1].estimate, rtol=1e-12)
    assert_allclose(agree[0].std_error, agree[1].std_error, rtol=1e-9)
    for clock in ("km", "identity", "log"):
        tests = [
            check_proportional_hazards(fit, times, transform=clock).to_frame()
            for fit, times in zip(fits, (one, two), strict=True)
        ]
        assert_allclose(tests[0].statistic, tests[1].statistic, rtol=1e-7, atol=1e-9)


@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_residuals_add_up_to_nothing_and_dfbeta_to_the_sandwich(frame, ties):
    times = times_of(frame)
    fit = fit_of(times, ties=ties, strata="area", variance="robust")
    martingale = cox_residuals(fit, times).martingale * frame.weight
    assert_allclose(martingale.groupby(frame.area).sum(), 0, atol=1e-9)
    schoenfeld = cox_residuals(fit, times, "schoenfeld")[list(fit.terms)]
    assert len(schoenfeld) == frame.event.sum()
    assert_allclose(cox_residuals(fit, times, "score")[list(fit.terms)].sum(), 0, atol=1e-9)
    moves = cox_residuals(fit, times, "dfbeta")[list(fit.terms)].to_numpy()
    assert_allclose(moves.T @ moves, fit.covariance, rtol=1e-9, atol=1e-12)
    # Those tied share their mean weight, so weighted sums are 0 where weights are alike.
    alike = times_of(frame.drop(columns="weight"))
    plain = fit_of(alike, ties=ties, strata="area")
    assert_allclose(
        cox_residuals(plain, alike, "schoenfeld")[list(plain.terms)].sum(), 0, atol=1e-9
    )


@given(cohorts())
def test_the_scale_of_a_term_moves_no_test(frame):
    one, two = times_of(frame), times_of(frame.assign(x=50 - 3 * frame.x))
    tests = [check_proportional_hazards(fit_of(t), t).to_frame() for t in (one, two)]
    assert_allclose(tests[0].statistic, tests[1].statistic, rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(11)
    n = 300
    frame = pd.DataFrame(
        {
            "x": np.round(rng.normal(size=n), 2),
            "arm": rng.random(n) < 0.5,
            "tier": rng.choice(["FIXED", "FLEX", "FREE"], n),
            "stop": rng.integers(1, 60, n),
            "event": rng.random(n) < 0.6,
        }
    )
    frame["flat"], frame["again"] = 1.0, 2 * frame.x
    return frame


def test_a_hazard_ratio_that_turns_round_is_found(people):
    early = people.assign(arm=(people.stop < 30) == people.event)
    times = times_of(early)
    checked = check_proportional_hazards(fit_cox(times, ["x", "arm"]), times)
    p_value = checked.to_frame().set_index("term").p_value
    assert p_value["arm"] < 1e-10
    assert p_value["GLOBAL"] < 1e-10
    assert p_value["x"] > 0.001
    assert "do not change with time (km)" in checked.summary()


def test_terms_that_are_not_estimable_are_named_and_left_out(people):
    times = times_of(people)
    with_aliases = fit_cox(times, ["x", "flat", "again", "tier"])
    checked = check_proportional_hazards(with_aliases, times)
    frame = checked.to_frame().set_index("term")
    assert frame.note["flat"] == "not estimable: constant among those at risk together"
    assert frame.note["again"] == "not estimable: the same as `x`"
    assert frame.loc[["flat", "again"], ["statistic", "p_value"]].isna().all(axis=None)
    alone = check_proportional_hazards(fit_cox(times, ["x", "tier"]), times).to_frame()
    assert_allclose(frame.statistic.dropna(), alone.statistic, rtol=1e-9)
    assert frame.df.to_list() == [1, 0, 0, 2, 3]
    shown = cox_residuals(with_aliases, times, "dfbeta").columns
    assert shown.to_list() == ["day", "x", "tier[FLEX]", "tier[FREE]"]


def test_a_term_is_tested_by_the_labels_that_are_estimable(people):
    times = times_of(people.assign(free=people.tier == "FREE"))
    frame = check_proportional_hazards(fit_cox(times, ["free", "tier"]), times).to_frame()
    assert frame.df.to_list() == [1, 1, 2]
    assert frame.note[1] == "`tier[FREE]` not estimable: the same as `free`"
    together = check_proportional_hazards(fit_cox(times, ["tier"]), times).to_frame()
    assert_allclose(frame.statistic[2], together.statistic[0], rtol=1e-9)


def test_a_term_without_events_leaves_the_others_as_without_its_people(people):
    frame = people.assign(need=people.index % 9 == 0)
    frame["event"] &= ~frame.need
    whole, rest = times_of(frame), times_of(frame[~frame.need])
    one, two = (
        check_proportional_hazards(fit_cox(times, terms), times, transform="identity").to_frame()
        for times, terms in ((whole, ["need", "x", "arm"]), (rest, ["x", "arm"]))
    )
    assert one.note[0] == "not estimable: no event among those with `need` 1"
    assert_allclose(one.statistic[1:], two.statistic, rtol=1e-7)


def test_events_on_one_day_show_no_change(people):
    times = times_of(people.assign(event=people.event & (people.stop == 30)))
    frame = check_proportional_hazards(fit_cox(times, ["x"]), times).to_frame()
    assert frame.note.to_list() == [
        "not estimable: too few event days to see a change", "not estimable: no term is",
    ]  # fmt: skip
    assert frame.p_value.isna().all()


def test_without_events_nothing_is_estimable(people):
    times = times_of(people.assign(event=False))
    fit = fit_cox(times, ["x", "arm"])
    checked = check_proportional_hazards(fit, times)
    assert checked.to_frame().note.str.startswith("not estimable").all()
    assert "not estimable" in checked.plot().get_title()
    assert (cox_residuals(fit, times).martingale == 0).all()
    assert cox_residuals(fit, times, "schoenfeld").empty
    found = concordance(times, "x").to_frame().loc[0]
    assert found.note == "not estimable: no two people can be compared"
    assert np.isnan(found.estimate)
    assert np.isnan(concordance(times_of(people.iloc[:0]), "x").std_error)


def test_rows_left_out_by_the_fit_are_missing_from_the_residuals(people):
    frame = people.assign(x=people.x.where(people.index % 50 != 7))
    times = times_of(frame)
    fit = fit_cox(times, ["x"])
    found = cox_residuals(fit, times)
    assert found.index.equals(people.index[people.index % 50 != 7])
    agreed = concordance(times, fit)
    assert agreed.n_left_out == 6
    assert agreed.caveats == ("Rows left out (`x` is empty): 6.",)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda frame: frame.iloc[:-1], "299 rows"),
        (lambda frame: frame.assign(x=frame.x.iloc[::-1].to_numpy()), "another likelihood"),
        (lambda frame: frame.assign(weight=1.0 + frame.arm), "another likelihood"),
        (lambda frame: frame.assign(tier="FIXED"), "another likelihood"),
        (lambda frame: frame.assign(tier="NONE"), "a label that was not fitted in 300 rows"),
    ],
)
def test_other_rows_than_the_fits_are_refused(people, changed, says):
    fit = fit_cox(times_of(people), TERMS)
    with pytest.raises(ModelError, match=says):
        cox_residuals(fit, times_of(changed(people)))
    with pytest.raises(ModelError, match=says):
        check_proportional_hazards(fit, times_of(changed(people)))


def test_what_is_asked_wrongly_is_a_clear_error(people):
    times = times_of(people.assign(far=np.where(people.index == 3, np.inf, 1.0)))
    fit = fit_cox(times, TERMS)
    with pytest.raises(ModelError, match="'martingale', 'deviance'"):
        cox_residuals(fit, times, "pearson")
    with pytest.raises(ModelError, match="'km', 'rank'"):
        check_proportional_hazards(fit, times, transform="sqrt")
    with pytest.raises(ModelError, match="'x', 'arm', 'tier"):
        check_proportional_hazards(fit, times).plot(covariate="tier")
    with pytest.raises(ModelError, match="exact ties, a penalty or a frailty"):
        cox_residuals(fit_cox(times, ["x"], penalty=Ridge(1.0)), times)
    with pytest.raises(ModelError, match="not numbers"):
        concordance(times, "tier")
    with pytest.raises(ModelError, match=r"infinite in 1 row \(row 3\)"):
        concordance(times, "far")
    with pytest.raises(ModelError, match="leave `strata` out"):
        concordance(times, fit, strata="arm")
    with pytest.raises(ModelError, match="ranks nobody"):
        concordance(times, fit_cox(times, ["x", "flat"]))
    with pytest.raises(ModelError, match="not fitted in 10 rows"):
        concordance(times_of(people.assign(tier=["NEW"] * 10 + ["FLEX"] * 290)), fit)


def test_a_fit_ranks_people_it_has_not_seen_as_its_predicted_hazards_do(people):
    fit = fit_cox(times_of(people.iloc[:150]), TERMS)
    rest = people.iloc[150:].assign(
        line=lambda frame: (
            frame.x * fit.coefficients["x"]
            + frame.arm * fit.coefficients["arm"]
            + (frame.tier == "FLEX") * fit.coefficients["tier[FLEX]"]
            + (frame.tier == "FREE") * fit.coefficients["tier[FREE]"]
        )
    )
    one, two = concordance(times_of(rest), fit), concordance(times_of(rest), "line")
    assert_allclose([one.estimate, one.std_error], [two.estimate, two.std_error], rtol=1e-12)
    two_labels = rest[rest.tier != "FIXED"]
    assert concordance(times_of(two_labels), fit).n == len(two_labels)


def test_both_results_have_their_faces(people):
    times = times_of(people)
    fit = fit_cox(times, TERMS, variance="robust")
    checked, agreed = check_proportional_hazards(fit, times), concordance(times, fit)
    assert "a sandwich" in checked.caveats[0]
    assert checked.plot(covariate="tier[FREE]").get_ylabel() == "Log hazard ratio of tier[FREE]"
    assert checked.plot().get_xlabel() == "Days"
    assert agreed.plot().get_xlabel() == "Concordance (95 % interval)"
    assert "A higher score expects the event sooner" in agreed.summary()
    row = agreed.to_frame().loc[0]
    assert row.conf_low < row.estimate < row.conf_high


def test_a_perfect_ranking_has_no_interval_of_no_width():
    frame = pd.DataFrame({"day": [1, 2, 3, 4], "event": 1, "score": [4, 3, 2, 1]})
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    row = concordance(times, "score").to_frame().iloc[0]
    assert row.estimate == 1
    assert np.isnan(row.std_error)
    assert row.note.startswith("not estimable: all pairs are ranked alike")


def test_one_group_is_no_cluster_of_concordance():
    frame = pd.DataFrame({"day": [1, 2, 3, 4], "event": 1, "score": [4, 2, 3, 1], "area": "all"})
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    with pytest.raises(ModelError, match="makes 1 group"):
        concordance(times, "score", cluster="area")
