"""Every result has the same faces: found by walking the subclasses, so that none is forgotten."""

import dataclasses
import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import desistance
from desistance import TimeToEvent
from desistance.balance import balance_cohorts
from desistance.comparison import compare_cohorts
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.linkage import Links
from desistance.results import COLUMNS, Caveat, Result, number
from desistance.synthetic import SimulationDesign, simulate_cases
from tests.trajectory_people import people_of

ONE_CHECK = desistance.SensitivityDesign(
    waiting_months=(3,), months=(), offence_sets=(), days_left_out=(), calipers=(), ratios=(),
    areas=False, unfair_time_zeros=False,
)  # fmt: skip


def every_result():
    for module in pkgutil.walk_packages(desistance.__path__, "desistance."):
        if not module.name.endswith(("__main__", "engine.spark")):  # that needs Spark
            importlib.import_module(module.name)
    found, waiting = set(), [Result]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        found.update(kinds)
        waiting += kinds
    return {kind for kind in found if kind.__module__.startswith("desistance")}


@pytest.fixture(scope="module")
def results():
    cases = simulate_cases(SimulationDesign(n_people=250), rng=3)
    histories = build_histories(cases)
    programme = cases.episodes[cases.episodes["programme"] == "7PP"]
    joined = programme["person_id"], programme["start_date"]
    followed = follow_up(cases, histories)
    balanced = balance_cohorts(followed)
    kinds = followed.by_cause({"acquisitive": "SAC_HMICFRS2022"})
    hazards = desistance.fit_cox(followed, ["exposed", "age"], variance="cluster")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"day": rng.integers(1, 90, 200), "event": rng.random(200) < 0.7})
    frame["age"] = rng.normal(30, 5, 200)
    frame["cohort"], frame["kind"] = rng.choice(["a", "b"], 200), rng.choice(["sac", "other"], 200)
    areas = pd.DataFrame({"group": list("ab"), "estimate": [0.8, 0.9], "std_error": 0.2})
    matched = frame.assign(match=frame.index // 2, joined=frame.index % 2)
    plain = TimeToEvent.from_frame(frame, stop="day", event="event", cause="kind")
    records = pd.DataFrame({"table": "police", "record_id": list("123")})
    pairs = {"table_a": "police", "record_a": ["1", "2"], "table_b": "police",
             "record_b": ["2", "3"], "probability": [0.9, 0.4]}  # fmt: skip
    links = Links(records, pd.DataFrame(pairs))
    careers = desistance.trace_careers(followed.histories)
    frame["need"] = np.where(rng.random(200) < 0.3, np.nan, rng.random(200) < 0.5)
    unknown = TimeToEvent.from_frame(frame, stop="day", event="event")
    imputed = desistance.impute_needs(unknown, ["age", "need"], copies=2, cycles=2)
    made = [
        desistance.risk_scores(
            followed.histories, followed.people["person_id"], followed.people["index_date"]
        ),
        desistance.link_sensitivity(links, lambda p: p["person"].nunique(), rng=1),
        desistance.street_time(followed.histories),
        desistance.career_measures(careers),
        desistance.age_crime_curve(careers, width=5),
        desistance.crime_mix(careers),
        desistance.specialisation(careers, replicates=20, rng=1),
        desistance.career_harm(careers),
        desistance.power(60, ratio=[1, 10]),
        desistance.pool_areas(areas, scale="ratio"),
        desistance.break_even(
            cost_per_person=900.0,
            cost_per_reoffence=3000.0,
            price_year="2015/16",
            prevented=(0.5, -0.1, 1.0),
        ),
        desistance.estimate_propensity(followed, terms=["age"]),
        desistance.reoffending_rates(followed),
        desistance.kaplan_meier(followed, by="cohort"),
        desistance.log_rank(followed, by="cohort"),
        desistance.nelson_aalen(followed),
        desistance.restricted_mean(plain, by="cohort", horizon=60),
        hazards,
        desistance.check_proportional_hazards(hazards, followed.times()),
        desistance.concordance(followed.times(), hazards),
        desistance.calibration(hazards, followed.times(), day=180),
        desistance.events_per_parameter(hazards),
        desistance.fit_parametric(plain, ["age"]),
        desistance.fit_flexible_parametric(plain, ["age"], knots=1),
        desistance.fit_split_population(plain, ["age"]),
        desistance.smoothed_hazard(plain, by="cohort"),
        desistance.hazard_convergence(plain, reference=0.02, hold=10, replicates=100, rng=1),
        desistance.cumulative_incidence(kinds, by="sex"),
        desistance.gray_test(kinds, by="sex"),
        desistance.fit_fine_gray(plain, ["age"], cause="sac"),
        desistance.fit_cause_specific(plain, ["age"]),
        desistance.mean_cumulative_function(followed.repeated(), terminal="died"),
        desistance.fit_recurrent(followed.repeated(), ["age"]),
        desistance.fit_frequency(followed.repeated(), ["age"]),
        desistance.bootstrap(desistance.nelson_aalen, plain, replicates=20, rng=1),
        desistance.measure_desistance(followed, reference=0.5, replicates=100, rng=1),
        desistance.fit_trajectories(people_of(n=60, seed=1), groups=2, starts=2, rng=1),
        desistance.choose_groups(people_of(n=60, seed=1), groups=(1, 2), starts=2, rng=1),
        desistance.rollout_effects(followed, permutations=99, draws=99),
        desistance.fit_stepped_wedge(followed),
        desistance.interrupted_time_series(followed),
        desistance.fit_by_area(
            desistance.area_months(followed), "outcome", ["exposure"], weight="exposure", draws=99
        ),
        desistance.exact_two_by_two((3, 9), (12, 13)),
        desistance.triangulate(followed, ["A", "D"]),
        desistance.compare_by(followed, "tier"),
        balanced,
        compare_cohorts(followed, balanced),
        desistance.needs_over_time(histories, *joined),
        desistance.need_cooccurrence(histories),
        desistance.need_sequence(histories),
        desistance.support_summary(histories),
        desistance.stress_test(followed, balanced, ONE_CHECK),
        desistance.e_value(0.6, 0.4, 0.9, scale="hazard ratio"),
        desistance.rosenbaum_bounds(matched, outcome="event", exposed="joined"),
        desistance.tipping_point(0.6, 0.4, 0.9, scale="hazard ratio"),
        desistance.doubly_robust(
            followed, desistance.estimate_propensity(followed, terms=["age"]), ["rate"]
        ),
        desistance.adjusted_curves(followed, balanced),
        desistance.compare_over_time(followed, "landmark", terms=["age"]),
        desistance.compare_designs(followed, ["landmark"], terms=["age"]),
        desistance.check_immortal_time(followed),
        desistance.effects_by_need(followed, balanced),
        imputed,
        imputed.fit_cox(["age", "need"]),
        imputed.kaplan_meier(by="need"),
        desistance.tipping_needs(
            unknown, ["age", "need"], of="age", deltas=(-3, 3), copies=2, cycles=2
        ),
    ]
    return {type(result): result for result in made}


def test_every_kind_of_result_is_here(results):
    assert {kind.__name__ for kind in every_result()} == {kind.__name__ for kind in results}


def test_results_are_frozen_and_slotted(results):
    for kind, result in results.items():
        assert dataclasses.is_dataclass(kind), kind
        assert not hasattr(result, "__dict__"), kind
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            result.caveats = ()


def test_frames_are_tidy(results):
    own = {"covariate", "mean_joined", "mean_before", "mean_after", "smd_before", "smd_after",
           "light", "outcome", "interval", "measure", "horizon", "predicted", "age", "can_say",
           "cannot_say", "n_groups", "log_likelihood", "n_parameters", "bic", "bic_by_period",
           "entropy", "smallest_share", "least_posterior", "least_odds",
           "starts_at_best", "variance_ratio_before", "variance_ratio_after", "ks_before",
           "ks_after", "ecdf_before", "ecdf_after", "month", "band_low",
           "band_high", "n_missing", "mean_known", "mean_imputed", "convergence", "delta",
           "missing_information",
           "p_holm", "p_bh", "shrunk", "shrunk_low", "shrunk_high", "status"}  # fmt: skip
    own |= {"design", "level", "n_compared"}
    for kind, result in results.items():
        frame = result.to_frame()
        assert len(frame), kind
        assert frame.columns.is_unique, kind
        assert set(frame.columns) <= {*COLUMNS, *own}, (kind, set(frame.columns) - {*COLUMNS, *own})


def test_summaries_are_returned_in_plain_words(results, capsys):
    for kind, result in results.items():
        told = result.summary()
        assert len(told.splitlines()[0]) > 15, kind
        assert "nan" not in told.lower().split(), kind
        assert repr(result).startswith(f"<{kind.__name__}: "), kind
    assert capsys.readouterr().out == ""


def test_notebook_tables_have_a_caption_and_scoped_headers(results):
    for kind, result in results.items():
        table = result._repr_html_()
        assert "<caption>" in table, kind
        assert 'scope="col"' in table, kind
        assert "<script" not in table, kind


def test_plots_take_axes_and_give_them_back(results):
    for kind, result in results.items():
        ax = result.plot()
        assert isinstance(ax, Axes), kind
        assert result.plot(ax=ax) is ax, kind
        assert ax.get_xlabel(), kind


def test_caveats_are_sentences(results):
    for kind, result in results.items():
        for caveat in getattr(result, "caveats", ()):
            assert caveat.rstrip().endswith((".", ")")), (kind, caveat)


def test_a_caveat_keeps_other_braces():
    caveat = Caveat("{n} rows left out (`{odd}` is empty).", n=1200)
    assert caveat == "1,200 rows left out (`{odd}` is empty)."
    assert caveat.with_counts(lambda _: "some") == "some rows left out (`{odd}` is empty)."


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, ""), (pd.NA, ""), (float("nan"), ""), (True, "yes"), (1234567, "1,234,567"),
     (1234.0, "1,234"), (0.5, "0.500"), (0.0, "0.000"), (0.00012, "0.00012"), ("x", "x")],
)  # fmt: skip
def test_cells(value, told):
    assert number(value) == told
