"""Competing events: exact fractions, brute-force weights, refusals, faces."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.results import COLUMNS
from desistance.survival import (
    cumulative_incidence,
    fit_cox,
    fit_fine_gray,
    gray_test,
    kaplan_meier,
)
from desistance.survival.competing.subdistribution import subdistribution_sets
from desistance.survival.competing.watching import watch
from desistance.timetoevent import TimeToEvent


def times_of(day, what, **columns):
    what = pd.Series(what, dtype=object)
    frame = pd.DataFrame({"day": day, "what": what, "over": what.notna(), **columns})
    roles = {n: n for n in ("start", "person", "weight", "strata") if n in columns}
    return TimeToEvent.from_frame(frame, stop="day", event="over", cause="what", **roles)


def many(n=200, seed=7, **more):
    """Rows full of ties, some of them entered late."""
    rng = np.random.default_rng(seed)
    day = rng.integers(2, 30, n)
    columns = {
        "start": np.minimum(rng.integers(0, 12, n) * (rng.random(n) < 0.4), day - 1),
        "x": rng.normal(size=n).round(2),
        "arm": rng.choice(["a", "b"], n),
        "area": rng.integers(0, 40, n),
    }
    what = rng.choice(np.array(["custody", "reoffence", None], dtype=object), n)
    return times_of(day, what, **(columns | more))


def test_causes_that_are_equal_but_read_differently_are_two():
    """Python takes True for 1; a kind of event called True is not the one called 1."""
    kinds = pd.Series([1, True, None, "1", 1.0], dtype=object)
    frame = pd.DataFrame({"day": [1, 2, 3, 4, 5], "event": [1, 1, 0, 1, 1], "kind": kinds})
    times = TimeToEvent.from_frame(frame, stop="day", event="event", cause="kind")
    assert times.cause_labels == ("1", "1.0", "True")
    assert times.cause.tolist() == [1, 3, 0, 1, 2]


def test_incidence_is_exact_fractions():
    times = many()
    left, shares = Fraction(1), {1: Fraction(0), 2: Fraction(0)}
    frame = cumulative_incidence(times).to_frame().set_index(["cause", "day"]).estimate
    for t in sorted(set(times.stop[times.event])):
        n = int(((times.start < t) & (times.stop >= t)).sum())
        came = {c: int(((times.stop == t) & (times.cause == c)).sum()) for c in shares}
        for code, label in enumerate(times.cause_labels, start=1):
            shares[code] += left * Fraction(came[code], n)
            assert frame[label, t] == pytest.approx(float(shares[code]), abs=1e-15)
        left *= 1 - Fraction(sum(came.values()), n)


def test_one_cause_has_kaplan_meiers_curve_error_and_limits_turned_over():
    times = many(start=np.zeros(200, int))
    one = times_of(times.stop, np.where(times.event, "any", None))
    curve = cumulative_incidence(one).to_frame()
    share = kaplan_meier(one).to_frame()
    assert_allclose(curve.estimate, 1 - share.estimate, atol=1e-14)
    assert_allclose(curve.std_error, share.std_error, rtol=1e-10)
    assert_allclose(curve.conf_low, 1 - share.conf_high, rtol=1e-9)
    assert_allclose(curve.conf_high, 1 - share.conf_low, rtol=1e-9)
    columns = ["day", "n_at_risk", "n_events", "n_censored"]
    pd.testing.assert_frame_equal(curve[columns], share[columns])


def test_counts_are_of_the_rows_own_cause():
    frame = cumulative_incidence(times_of([5, 5, 5, 9], ["c", "r", None, "r"])).to_frame()
    counted = frame[["cause", "day", "n_at_risk", "n_events", "n_censored", "estimate"]]
    assert counted.to_numpy().tolist() == [
        ["c", 5, 4, 1, 1, 0.25], ["c", 9, 1, 0, 0, 0.25],
        ["r", 5, 4, 1, 1, 0.25], ["r", 9, 1, 1, 0, 0.75],
    ]  # fmt: skip


def test_nothing_is_said_before_an_event_nor_after_the_last_follow_up():
    at = cumulative_incidence(times_of([4, 6, 9], ["r", "c", None])).at([3, 5, 10])
    assert at.cause.tolist() == ["c"] * 3 + ["r"] * 3
    assert at.estimate.tolist()[:2] == [0, 0]
    assert at.estimate[4] == pytest.approx(1 / 3)
    assert at.estimate.isna().tolist() == [False, False, True] * 2
    assert at.note[1] == "not estimable: no event yet"
    assert at.note[2] == "not estimable: after the last follow-up, 9"
    assert at.std_error.notna().tolist() == [False, False, False, False, True, False]


def test_everyone_having_one_cause_is_a_share_of_one():
    last = cumulative_incidence(times_of([4, 6, 9], ["r"] * 3)).to_frame().iloc[-1]
    assert last.estimate == 1
    assert np.isnan(last.std_error)
    assert last.note == "not estimable: everyone at risk had the event"


def test_a_risk_set_that_empties_early_is_a_caveat():
    emptied = times_of([3, 4, 9, 9], ["r", "c", "r", None], start=[0, 0, 5, 5])
    assert "everyone at risk had an event" in cumulative_incidence(emptied).caveats[0]
    assert not cumulative_incidence(times_of([3, 9], ["r", "c"])).caveats


def test_people_written_alike_count_as_one_by_one():
    """The short way for people of one row each gives what the long way does."""
    times = many(start=np.zeros(200, int), weight=np.linspace(0.5, 2, 200))
    half = times.stop // 2
    both = pd.concat(
        [
            times.columns.assign(person=range(200), day=half, what=None),
            times.columns.assign(person=range(200), start=half),
        ],
        ignore_index=True,
    )
    names = ["start", "person", "weight"]
    cut = times_of(both.day, both.what.to_numpy(), **{name: both[name] for name in names})
    pd.testing.assert_frame_equal(
        cumulative_incidence(cut).to_frame(), cumulative_incidence(times).to_frame(), rtol=1e-10
    )


def test_risk_sets_of_fine_and_gray_are_brute_force():
    times = many(weight=np.linspace(0.5, 2, 200))
    group = (times.columns.arm == "b").to_numpy().astype(np.int64)
    watched = watch(times, group, 2)
    sets = subdistribution_sets(times, 2, watched)
    days, w = np.unique(times.stop[times.cause == 2]), times.weight
    assert sets.day.tolist() == days.tolist()
    here = (times.start < days[:, None]) & (times.stop >= days[:, None])
    stays = here.astype(float)
    for i in np.flatnonzero(times.cause == 1):
        mine = group == group[i]
        for k, t in enumerate(days):
            if t <= times.stop[i]:
                continue
            factor = 1.0
            for u in range(times.stop[i], t):
                left = w[mine & (times.stop == u) & ~times.event].sum()
                came = w[mine & (times.start == u)].sum()
                at_risk = w[mine & (times.start < u) & (times.stop >= u)].sum()
                after = w[mine & (times.start <= u) & (times.stop > u)].sum()
                factor *= (1 - left / at_risk) / (1 - came / after) if after else 0.0
            stays[k, i] = factor
    table, x = sets.empty_table(2), np.stack([np.ones(200), times.columns.x])
    increments = np.linspace(1, 2, len(days))
    summed = sets.over_stay(increments, 0 * increments)
    for rows in (slice(0, 90), slice(90, 200)):
        table += sets.weighted_tables(rows, w[rows], x[:, rows])
        assert_allclose(summed[rows], (increments @ stays)[rows], rtol=1e-11)
    assert_allclose(sets.split(table)[0], (stays * w) @ x.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("baselines", [None, "arm"])
@pytest.mark.parametrize("strata", [None, "arm"])
def test_the_variance_counts_what_each_person_moves_the_weights_by(strata, baselines):
    """Against the change of the coefficient when one person weighs a little more."""
    n, step = 60, 1e-4
    rng = np.random.default_rng(3)
    place = rng.permutation(2 * n) + 1  # no two days alike: ties are where crr's rule is coarse
    start, day = np.sort(place.reshape(n, 2)).T
    start[start > 60] = 0
    what = rng.choice(np.array(["c", "r", "r", None], dtype=object), n)
    columns = {"start": start, "x": rng.normal(size=n), "arm": rng.choice(["a", "b"], n)}

    def slope(weight):
        times = times_of(day, what, weight=weight, **columns)
        return fit_fine_gray(times, ["x"], cause="r", strata=strata, baselines=baselines)

    moved = [
        (slope(1 + step * one).log_hazards[0] - slope(1 - step * one).log_hazards[0]) / (2 * step)
        for one in np.eye(n)
    ]
    variance = slope(np.ones(n)).covariance[0, 0]
    assert variance == pytest.approx(np.sum(np.square(moved)), rel=0.03)


@pytest.mark.parametrize("baselines", [None, "arm"])
def test_a_cause_without_competitors_is_coxs_model(baselines):
    times = many()
    one = times_of(times.stop, np.where(times.event, "any", None), start=times.start,
                   x=times.columns.x, arm=times.columns.arm)  # fmt: skip
    fit = fit_fine_gray(one, ["x"], cause="any", baselines=baselines)
    cox = fit_cox(one, ["x"], ties="breslow", variance="robust", strata=baselines)
    assert_allclose(fit.log_hazards, cox.log_hazards, rtol=1e-12)
    assert_allclose(fit.covariance, cox.covariance, rtol=1e-10)
    shares = fit.incidence_at({"x": 1}, [5, 20])
    found = cox.survival_at({"x": 1}, [5, 20])
    assert shares.group.tolist() == found.group.tolist()
    assert_allclose(shares.estimate, 1 - found.estimate, rtol=1e-12)


def test_the_rows_own_strata_have_each_a_baseline():
    codes = (many().columns.arm == "b").astype(int)
    fit = fit_fine_gray(many(strata=codes), ["x"], cause="custody")
    named = fit_fine_gray(many(), ["x"], cause="custody", baselines="arm")
    assert_allclose(fit.log_hazards, named.log_hazards, rtol=1e-13)
    assert_allclose(fit.covariance, named.covariance, rtol=1e-12)
    assert "a baseline for each of the rows' strata" in fit.summary()
    assert "a baseline for each of arm" in named.summary()


def test_terms_that_say_too_little_are_not_estimable():
    flag = (many().cause == 1) & (np.arange(200) % 2 == 0)  # nobody with the flag has the cause
    fit = fit_fine_gray(
        many(flat=np.ones(200), flag=flag), ["x", "flat", "flag"], cause="reoffence"
    )
    assert fit.notes[0] == ""
    assert fit.notes[1] == "not estimable: constant among those at risk together"
    assert fit.notes[2] == "not estimable: no event among those with `flag` 1"
    assert np.isnan(fit.covariance[2]).all()
    share = fit.incidence_at({"x": 0, "flat": 1, "flag": True}, [5])
    assert share.note[0] == "not estimable: a term of the fit is not"


def test_rows_left_out_are_counted():
    columns = {"arm": ["a", "b", None, "a", "b"], "x": [1, 2, 3, None, 5]}
    times = times_of([2, 3, 4, 5, 6], ["r", "c", "r", "r", None], **columns)
    assert cumulative_incidence(times, "arm").n_left_out == 1
    assert "Rows left out (`arm` is empty): 1." in gray_test(times, "arm").caveats
    assert fit_fine_gray(times, ["x"], cause="r", strata="arm").n_left_out == 2


def test_groups_never_at_risk_together_have_no_test():
    times = times_of([2, 3, 9, 9], ["r", "r", "r", None], start=[0, 0, 5, 5], arm=list("aabb"))
    frame = gray_test(times, "arm").to_frame()
    assert np.isnan(frame.statistic[0])
    assert frame.note[0] == "not estimable: no event with two groups at risk"


def test_nobody_is_a_result():
    times = many().only(np.zeros(200, bool), "nobody")
    for curve in (cumulative_incidence(times), cumulative_incidence(times, "arm")):
        assert curve.to_frame().empty
        assert curve.at([5]).estimate.isna().all()
        assert "0 people" in curve.summary()
        curve.plot()
    assert gray_test(times, "arm").to_frame().p_value.isna().all()
    fit = fit_fine_gray(times, ["x"], cause="reoffence")
    assert fit.notes == ("not estimable: no event",)
    assert fit.summary()


CAUSED = many()
REFUSED = {
    "no causes": (
        lambda: cumulative_incidence(TimeToEvent.from_frame(CAUSED.columns, stop="day",
                                                            event="over")),
        "do not say which kind of event came",
    ),
    "an unknown cause": (lambda: gray_test(CAUSED, "arm", cause="death"), "no cause of any event"),
    "weights": (lambda: gray_test(many(weight=np.ones(200)), "arm"), "not defined with weights"),
    "rho": (lambda: gray_test(CAUSED, "arm", rho=np.inf), "finite"),
    "confidence": (lambda: cumulative_incidence(CAUSED, confidence=95), "between 0 and 1"),
    "an unknown column": (lambda: cumulative_incidence(CAUSED, "tier"), "is not a column"),
    "gaps": (
        lambda: fit_fine_gray(
            times_of([3, 9, 9], [None, "r", "r"], start=[0, 5, 0], person=[1, 1, 2], x=[1, 2, 3]),
            ["x"], cause="r",
        ),
        r"Before 1 row \(row 1\) the same person has a gap",
    ),
    "a change of group": (
        lambda: fit_fine_gray(
            times_of([5, 9, 9], [None, "r", "r"], start=[0, 5, 0], person=[1, 1, 2],
                     x=[1, 2, 3], arm=["a", "b", "a"]),
            ["x"], cause="r", strata="arm",
        ),
        "changes group of `strata`",
    ),
    "unknown entry": (
        lambda: fit_fine_gray(
            times_of([3, 4, 8, 9], ["r", "c", "r", None], start=[0, 0, 5, 5], x=[1, 2, 3, 1]),
            ["x"], cause="r",
        ),
        "On 1 days everyone at risk had only just entered",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused(what):
    ask, message = REFUSED[what]
    with pytest.raises(ModelError, match=message):
        ask()


def test_rows_after_an_event_are_refused():
    frame = pd.DataFrame({"p": [1, 1, 2], "a": [0, 4, 0], "b": [4, 8, 9], "e": [1, 1, 0],
                          "k": ["r", "c", None]})  # fmt: skip
    times = TimeToEvent.from_frame(
        frame, start="a", stop="b", event="e", cause="k", person="p", recurrent=True
    )
    with pytest.raises(ModelError, match=r"After the event of 1 row \(row 0\)"):
        cumulative_incidence(times)


def test_results_have_every_face():
    results = [
        cumulative_incidence(CAUSED, "arm"),
        gray_test(CAUSED, "arm", rho=1),
        fit_fine_gray(CAUSED, ["x", "arm"], cause="custody", strata="arm", cluster="area"),
    ]
    for result in results:
        frame = result.to_frame()
        assert set(frame) <= set(COLUMNS)
        assert list(frame) == sorted(frame, key=COLUMNS.index)
        assert "Rows left out: 0" in result.summary()
        assert "<table>" in result._repr_html_()
        ax = result.plot()
        assert result.plot(ax=ax) is ax
    assert results[2].coefficients.keys() == {"x", "arm[b]"}
    assert "custody" in results[2].summary()
    assert "clustered by area" in results[2].summary()
    assert "Censoring and entry within arm" in results[2].summary()
