"""Typed terms and effects that change with time: what they say, refuse, and may never do."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import (
    Category,
    Interaction,
    Ridge,
    Spline,
    Steps,
    check_proportional_hazards,
    concordance,
    cox_residuals,
    fit_cox,
    fit_fine_gray,
    fit_flexible_parametric,
    fit_parametric,
    fit_recurrent,
    fit_split_population,
    kaplan_meier,
    log_rank,
)
from desistance.survival.terms import read_terms
from desistance.timetoevent import TimeToEvent
from tests.estimators import ESTIMATORS
from tests.faults.spoilt import clean

CURVE, TIER = Spline("age", knots=3), Category("tier", reference="FREE")
TYPED = [CURVE, "pilot", TIER, Interaction("pilot", TIER)]
NAMES = (
    *("age spline 1", "age spline 2", "pilot", "tier[FIXED]", "tier[FLEX]"),
    *("pilot:tier[FIXED]", "pilot:tier[FLEX]"),
)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(11)
    n = 400
    frame = pd.DataFrame(
        {
            "pid": np.arange(n),
            "age": rng.integers(18, 60, n).astype(float),
            "pilot": rng.random(n) < 0.5,
            "tier": rng.choice(["FIXED", "FLEX", "FREE"], n),
            "code": rng.integers(1, 4, n),
            "site": np.arange(n) // 10,
            "region": rng.choice(["north", "south"], n),
            "day": rng.integers(1, 60, n),
            "kind": rng.choice(["theft", "violence"], n),
        }
    )
    frame["reoffended"] = rng.random(n) < 0.6
    frame["entry"] = np.minimum(rng.integers(0, 20, n), frame.day - 1)
    return frame


def times_of(frame, **columns):
    columns = {"stop": "day", "event": "reoffended", "person": "pid", **columns}
    return TimeToEvent.from_frame(frame, **columns)


def cut_at(frame, day):
    """Write each person's row as two, before and after a day."""
    before = frame[frame.entry < day]
    before = before.assign(
        day=before.day.clip(upper=day), reoffended=before.reoffended & (before.day <= day)
    )
    after = frame[frame.day > day]
    return pd.concat([before, after.assign(entry=after.entry.clip(lower=day))], ignore_index=True)


def estimates(fit):
    return fit.to_frame(log=True)[["estimate", "std_error"]]


@pytest.mark.parametrize(
    "fit_by",
    [
        fit_cox,
        lambda times, terms: fit_fine_gray(times, terms, cause="theft"),
        lambda times, terms: fit_recurrent(times, terms, model="andersen-gill"),
        fit_parametric,
        lambda times, terms: fit_flexible_parametric(times, terms, knots=2),
        fit_split_population,
    ],
    ids=["cox", "fine-gray", "recurrent", "parametric", "flexible", "split"],
)
def test_every_model_reads_typed_terms_as_the_columns_they_stand_for(people, fit_by):
    times = times_of(people, cause="kind")
    fit = fit_by(times, TYPED)
    _, read_as = read_terms(times, TYPED)
    made = [column for term in read_as for column in term.values(people)]
    by_hand = people.assign(**{f"x{j}": column for j, column in enumerate(made)})
    again = fit_by(times_of(by_hand, cause="kind"), [f"x{j}" for j in range(len(made))])
    assert set(NAMES) <= set(fit.to_frame().term)
    assert_allclose(estimates(fit), estimates(again), rtol=1e-9, atol=1e-12)


def test_a_profile_meets_the_terms_as_rows_do(people):
    times = times_of(people)
    _, read_as = read_terms(times, TYPED)
    row = people.iloc[[5]]
    for term in read_as:
        assert term.of(row.iloc[0].to_dict()) == pytest.approx(
            [float(column[0]) for column in term.values(row)], rel=1e-15
        )
    fit = fit_cox(times, TYPED)
    with pytest.raises(ModelError, match="none of the labels fitted"):
        fit.survival_at({"age": 30, "pilot": True, "tier": "VIP"}, [10])
    with pytest.raises(ModelError, match="says nothing of 'tier'"):
        fit.survival_at({"age": 30, "pilot": True}, [10])
    with pytest.raises(ModelError, match="'age' is not a number"):
        fit.survival_at({"age": np.nan, "pilot": True, "tier": "FREE"}, [10])


def test_fixed_terms_make_of_blocks_what_they_make_of_all_rows(people):
    _, read_as = read_terms(times_of(people), TYPED)
    ordered = people.sort_values("tier")  # so that no block has every label
    for term in read_as:
        whole = term.values(ordered)
        blocks = [term.values(ordered[i : i + 90]) for i in range(0, 400, 90)]
        for j, column in enumerate(whole):
            assert_allclose(np.concatenate([block[j] for block in blocks]), column, rtol=0)
        assert term.fixed(times_of(people.head(40))) == term


def test_knots_and_fits_do_not_change_when_rows_are_cut(people):
    whole, cut = times_of(people, start="entry"), times_of(cut_at(people, 20), start="entry")
    fit, again = fit_cox(whole, TYPED), fit_cox(cut, TYPED)
    assert fit.read_as == again.read_as
    assert_allclose(estimates(fit), estimates(again), rtol=1e-9)


def test_codes_in_numbers_are_labels_on_demand(people):
    fit = fit_cox(times_of(people), [Category("code", reference="2")])
    assert fit.terms == ("code[1]", "code[3]")
    as_floats = people.assign(code=people.code.astype(float).where(people.pid > 2))
    again = fit_cox(times_of(as_floats), [Category("code", reference="2")])
    assert (again.terms, again.n_left_out) == (fit.terms, 3)
    shown = fit.survival_at({"code": 3}, [10]).estimate
    assert shown.equals(fit.survival_at({"code": 3.0}, [10]).estimate)
    typed = people.assign(code=people.code.astype(str))
    assert fit_cox(times_of(typed), [Category("code", reference="2")]).terms == fit.terms


def test_an_interaction_without_its_parts_says_so(people):
    fit = fit_cox(times_of(people), ["age", Interaction("age", "tier")])
    assert any("`age:tier` is a term and `tier` is not" in caveat for caveat in fit.caveats)
    assert not any("is a term" in caveat for caveat in fit_cox(times_of(people), TYPED).caveats)


def test_a_term_test_is_the_same_whatever_the_reference(people):
    statistics = [
        fit_cox(times_of(people), ["age", Category("tier", reference=label)]).term_tests().statistic
        for label in ("FIXED", "FLEX", "FREE")
    ]
    assert_allclose(statistics, [statistics[0]] * 3, rtol=1e-9)
    fit = fit_cox(times_of(people), ["age", "tier"])
    age = fit.to_frame().iloc[0]
    assert fit.term_tests().statistic[0] == pytest.approx(age.statistic**2, rel=1e-12)
    assert fit.term_tests().df.to_list() == [1, 2]
    assert "Wald tests of whole terms" in fit.summary()
    ridge = fit_cox(times_of(people), ["age", "tier"], penalty=Ridge(1.0)).term_tests()
    assert ridge.statistic.isna().all()


def test_a_term_test_leaves_out_what_is_not_estimable(people):
    frame = people.assign(tier2=people.tier, need=(people.index % 9 == 0))
    frame["reoffended"] &= ~frame.need
    tests = fit_cox(times_of(frame), ["tier", Category("tier2"), "need"]).term_tests()
    assert tests.df.to_list() == [2, 0, 0]
    assert tests.note[1].startswith("not estimable: the same as `tier[FLEX]`")
    assert tests.statistic.isna().to_list() == [False, True, True]


def test_an_effect_is_against_its_reference_and_at_what_the_others_are(people):
    fit = fit_cox(times_of(people), TYPED)
    labels = fit.effect_of("tier", given={"pilot": False})
    assert labels.value.to_list() == ["FREE", "FIXED", "FLEX"]
    assert labels.loc[0, ["estimate", "std_error"]].to_list() == [1.0, 0.0]
    shown = fit.to_frame().set_index("term")
    assert labels.estimate[1] == pytest.approx(shown.estimate["tier[FIXED]"], rel=1e-12)
    assert labels.conf_low[2] == pytest.approx(shown.conf_low["tier[FLEX]"], rel=1e-12)
    pilot = fit.effect_of("pilot", [True], reference=False, given={"tier": "FLEX"})
    sum_of_two = fit.coefficients["pilot"] + fit.coefficients["pilot:tier[FLEX]"]
    assert np.log(pilot.estimate[0]) == pytest.approx(sum_of_two, rel=1e-12)
    curve = fit.effect_of("age")
    assert len(curve) == 41
    # Straight outside the knots: equal steps give equal ratios.
    tail = np.log(fit.effect_of("age", [70, 75, 80], reference=40).estimate)
    assert np.diff(tail, 2) == pytest.approx([0.0], abs=1e-12)
    for asked, says in [
        ({"column": "height"}, "No term reads 'height'"),
        ({"column": "pilot"}, "Say at which values"),
        ({"column": "tier"}, "says nothing of 'pilot'"),
        ({"column": "tier", "at": ["VIP"]}, "none of the labels"),
    ]:
        with pytest.raises(ModelError, match=says):
            fit.effect_of(**asked)


def test_pictures_of_effects(people):
    fit = fit_cox(times_of(people), TYPED)
    curve = fit.plot_effect("age", reference=30)
    assert curve.get_yscale() == "log"
    assert curve.get_xlabel() == "age"
    labels = fit.plot_effect("tier", given={"pilot": True})
    assert labels.get_yticklabels()[0].get_text().startswith("tier FREE")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Spline("age", knots=2), "3 to 7"),
        (lambda: Spline("age", knots=[1, 3, 2]), "ascending"),
        (lambda: Spline("age", knots=[1, 2]), "at least 3"),
        (lambda: Spline("age", knots=[1, 2, np.inf]), "ascending order"),
        (lambda: Interaction("age"), "two terms or more"),
        (lambda: Interaction("age", CURVE), "a column of its own"),
        (lambda: Category("tier", reference="X", levels=("A", "B")), "none of its labels: A, B"),
        (lambda: Category("tier", levels=("A", "A")), "read the same"),
        (lambda: Steps([]), "list of whole numbers"),
        (lambda: Steps([0, 9]), "above 0"),
        (lambda: Steps([9, 9]), "ascending"),
        (lambda: Steps([9.5]), "whole numbers"),
    ],
)
def test_a_term_that_means_nothing_is_refused_when_it_is_written(make, says):
    with pytest.raises(ModelError, match=says):
        make()


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ([Spline("height")], "'height' is not a column"),
        ([Spline("tier")], "not numbers"),
        ([Spline("pilot")], "too few distinct values"),
        ([Spline("far")], "infinite in 1 row"),
        ([Interaction("far", "pilot")], "infinite in 1 row"),
        ([Category("pid")], "who a person is"),
        ([Category("id")], "an id is not a term"),
        ([Category("half")], "holds fractions"),
        ([Category("tier", reference="VIP")], "none of its labels: FIXED, FLEX, FREE"),
        ([Category("tier", levels=("FIXED", "FLEX"))], r"a label that was not fitted in \d+ rows"),
        (["tier", Category("tier")], "a covariate called 'tier\\[FLEX\\]' twice"),
        ([Spline("age"), Spline("age")], "twice"),
        ([7], "not int"),
        (Spline("age"), "a list of columns and terms"),
        ([Interaction("pid", "age")], "who a person is"),
    ],
)
def test_what_the_rows_cannot_carry_is_a_clear_error(people, terms, says):
    frame = people.assign(
        far=np.where(people.index == 3, np.inf, people.age), half=people.age / 2, id=people.pid + 7
    )
    with pytest.raises(ModelError, match=says):
        fit_cox(times_of(frame), terms)


def test_rows_with_an_empty_part_are_left_out_and_counted(people):
    holes = people.assign(
        age=people.age.where(people.pid > 3), tier=people.tier.where(people.pid < 398)
    )
    fit = fit_cox(times_of(holes), TYPED)
    assert (fit.n, fit.n_left_out) == (394, 6)
    varying = fit_cox(times_of(holes), TYPED, time_varying={"tier": Steps([9])})
    assert (varying.n, varying.n_people, varying.n_left_out) == (394, 394, 6)


# ---- effects that change with time ------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ties": "breslow"},
        {"ties": "exact"},
        {"penalty": "firth"},
        {"strata": "region"},
        {"variance": "robust"},
        {"variance": "cluster", "cluster": "site"},
    ],
    ids=str,
)
def test_if_every_effect_jumps_on_a_day_the_fit_is_two_fits(people, options):
    """Rows up to the day, and rows from it on, then share no parameter."""
    options = {"ties": "efron", **options}
    frame = people[:150] if options["ties"] == "exact" else people
    times = times_of(frame, start="entry")
    terms = ["age", "pilot"]
    fit = fit_cox(times, terms, time_varying=dict.fromkeys(terms, Steps([20])), **options)
    cut = cut_at(frame, 20)
    halves = [
        fit_cox(times_of(cut[late], start="entry"), terms, **options)
        for late in (cut.entry < 20, cut.entry >= 20)
    ]
    together = np.ravel(np.column_stack([half.log_hazards for half in halves]))
    assert_allclose(fit.log_hazards, together, rtol=1e-7, atol=1e-9)
    if "penalty" not in options:  # Firth's is known up to a constant
        assert fit.log_likelihood == pytest.approx(sum(half.log_likelihood for half in halves))
    errors = np.column_stack([np.sqrt(np.diag(half.covariance)) for half in halves])
    assert_allclose(np.sqrt(np.diag(fit.covariance)), errors.ravel(), rtol=1e-6)
    assert (fit.n, fit.n_people, fit.n_events) == (len(frame), len(frame), frame.reoffended.sum())


@pytest.mark.parametrize("how", ["log", "linear", Steps([10, 30])], ids=str)
def test_cutting_rows_beforehand_changes_nothing(people, how):
    whole, cut = times_of(people, start="entry"), times_of(cut_at(people, 17), start="entry")
    options = {"time_varying": {"pilot": how}, "strata": "region", "variance": "cluster"}
    fit, again = (fit_cox(times, ["age", "pilot"], **options) for times in (whole, cut))
    assert_allclose(estimates(fit), estimates(again), rtol=1e-9)
    profile = {"age": 40, "pilot": True}
    assert_allclose(
        fit.survival_at(profile, [5, 17, 40]).iloc[:, 2:6].to_numpy(float),
        again.survival_at(profile, [5, 17, 40]).iloc[:, 2:6].to_numpy(float),
        rtol=1e-9,
    )


def test_a_step_after_the_last_day_changes_nothing_but_names_it(people):
    plain = fit_cox(times_of(people), ["age", "pilot"])
    fit = fit_cox(times_of(people), ["age", "pilot"], time_varying={"pilot": Steps([500])})
    assert fit.notes == ("", "", "not estimable: constant among those at risk together")
    assert_allclose(fit.log_hazards[:2], plain.log_hazards, rtol=1e-9)
    predicted = fit.survival_at({"age": 30, "pilot": True}, [30])
    shown = plain.survival_at({"age": 30, "pilot": True}, [30])
    assert_allclose(predicted.estimate, shown.estimate, rtol=1e-9)
    assert fit.term_tests().note[2] == "not estimable: a part of the term is not"


def test_the_names_follow_the_clock(people):
    weeks = times_of(people, unit="weeks")
    fit = fit_cox(weeks, ["age", "tier"], time_varying={"tier": "linear", "age": Steps([8])})
    assert fit.terms == (
        *("age[0 to 8 weeks]", "age[after 8 weeks]"),
        *("tier[FLEX]", "tier[FLEX]:week", "tier[FREE]", "tier[FREE]:week"),
    )


def test_the_clock_and_the_covariates_may_be_scaled(people):
    fit = fit_cox(times_of(people), ["age", "pilot"], time_varying={"age": "log"})
    scaled = people.assign(day=people.day * 7, age=people.age * 1e5 + 3e8)
    again = fit_cox(times_of(scaled), ["age", "pilot"], time_varying={"age": "log"})
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-10)
    assert again.log_hazards[1] * 1e5 == pytest.approx(fit.log_hazards[1], rel=1e-6)
    assert again.log_hazards[2] == pytest.approx(fit.log_hazards[2], rel=1e-6)


def test_an_effect_on_a_day_is_that_of_the_day(people):
    fit = fit_cox(times_of(people), ["age", "pilot"], time_varying={"pilot": "log"})
    with pytest.raises(ModelError, match="say on which `day`"):
        fit.effect_of("pilot", [True], reference=False)
    on = fit.effect_of("pilot", [True], reference=False, day=9)
    beta = fit.coefficients
    expected = beta["pilot"] + np.log(9) * beta["pilot:log(day)"]
    assert np.log(on.estimate[0]) == pytest.approx(expected, rel=1e-12)


def test_what_has_no_meaning_with_a_changing_effect_is_refused(people):
    times = times_of(people)
    fit = fit_cox(times, ["age", "pilot"], time_varying={"pilot": "log"})
    for ask in (cox_residuals, check_proportional_hazards):
        with pytest.raises(ModelError, match="changes with time"):
            ask(fit, times)
    with pytest.raises(ModelError, match="'pilot' changes with time"):
        concordance(times, fit)
    for wrong, says in [
        ({"tier": "log"}, "one of the terms: 'age'"),
        ({"age": "sqrt"}, "by 'log', 'linear' or Steps"),
        ({"age": 90}, "by 'log', 'linear' or Steps"),
    ]:
        with pytest.raises(ModelError, match=says):
            fit_cox(times, ["age"], time_varying=wrong)


def test_too_many_pieces_are_refused_before_they_are_made(people, monkeypatch):
    monkeypatch.setattr("desistance.survival.cox.overtime.MOST_PIECES", 1000)
    with pytest.raises(ModelError, match=r"400 rows are .* Steps"):
        fit_cox(times_of(people), ["age"], time_varying={"age": "log"})
    assert fit_cox(times_of(people), ["age"], time_varying={"age": Steps([9])}).n == 400


@pytest.mark.parametrize("how", ["log", "linear", Steps([3, 9])], ids=str)
@pytest.mark.parametrize(
    "rows",
    [
        lambda frame: frame[:0],
        lambda frame: frame[:1],
        lambda frame: frame.assign(reoffended=False),
        lambda frame: frame.assign(reoffended=True),
        lambda frame: frame.assign(day=5, entry=0),
        lambda frame: frame.assign(pilot=True),
        lambda frame: frame.assign(reoffended=frame.reoffended & frame.pilot),
    ],
    ids=["nobody", "one", "no event", "all events", "one day", "constant", "none without"],
)
def test_too_little_data_is_a_result_with_the_reason(people, rows, how):
    times = times_of(rows(people), start="entry")
    fit = fit_cox(times, ["age", "pilot"], time_varying={"pilot": how}, variance="cluster")
    frame = fit.to_frame()
    assert (frame.note.ne("") == frame.estimate.isna()).all()
    assert fit.summary()
    assert len(fit.survival_at({"age": 30, "pilot": True}, [3, 20]))
    fit.term_tests()
    fit.effect_of("pilot", [True], reference=False, day=4)


def test_nobody_left_to_place_knots_by_is_an_error(people):
    with pytest.raises(ModelError, match="too few distinct values"):
        fit_cox(times_of(people[:0]), [Spline("age")])
    assert fit_cox(times_of(people[:0]), [Spline("age", knots=[20, 30, 40])]).n == 0


@pytest.mark.parametrize(
    "estimator", [one for one in ESTIMATORS if "terms" in one.traits], ids=lambda one: one.name
)
def test_what_happened_is_no_term(estimator):
    """Whatever the columns of stop, event and cause are called, and whichever model is asked."""
    frame = clean().assign(start=0)
    columns = ["day", "event", *(["kind"] if "causes" in estimator.traits else [])]
    for name in columns:
        with pytest.raises(ModelError, match=f"'{name}' says what happened"):
            estimator(frame, (name, "age"))
    estimator(frame.assign(began=frame.age), ("began", "arm"))  # a column of its own is


@pytest.mark.parametrize(
    "ask",
    [
        lambda times: fit_cox(times, ["age"], strata="reoffended"),
        lambda times: fit_cox(times, ["age"], strata=["tier", "day"]),
        lambda times: fit_cox(times, ["age"], frailty="reoffended"),
        lambda times: kaplan_meier(times, by="reoffended"),
        lambda times: log_rank(times, "reoffended"),
        lambda times: log_rank(times, "tier", strata="day"),
    ],
)
def test_what_happened_makes_no_groups(people, ask):
    with pytest.raises(ModelError, match="says what happened: it is no term and no group"):
        ask(times_of(people))
