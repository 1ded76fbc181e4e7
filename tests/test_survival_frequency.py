"""What `fit_frequency` says; R's numbers are in tests/reference."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import fit_recurrent
from desistance.survival.frequency import fit_frequency
from desistance.timetoevent import TimeToEvent


def people(n=300, seed=5, spread=0.8):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"person": range(n), "age": rng.normal(32, 8, n).round(1)})
    frame["need"] = rng.random(n) < 0.4
    frame["area"] = rng.choice(["north", "south", "west"], n)
    frame["days"] = rng.integers(90, 366, n)
    kind = rng.gamma(1 / spread, spread, n)
    frame["count"] = rng.poisson(kind * frame.days / 150 * np.exp(0.6 * frame.need))
    return frame


def rows_of(frame, gap=0):
    rows = frame.loc[frame.index.repeat(frame["count"] + 1)].reset_index(drop=True)
    which = rows.groupby("person").cumcount()
    width = rows.days // (rows["count"] + 1)
    rows["start"] = which * (width + gap)
    rows["stop"] = rows.start + np.where(which < rows["count"], width, rows.days - which * width)
    rows["event"] = which < rows["count"]
    return rows


def times_of(rows, **roles):
    return TimeToEvent.from_frame(
        rows, start="start", stop="stop", event="event", person="person", recurrent=True, **roles
    )


def test_exposure_is_time_on_the_street_and_cuts_of_rows_change_nothing():
    frame = people()
    fit = fit_frequency(times_of(rows_of(frame)), ["age", "need"])
    assert (fit.n, fit.n_events) == (300, frame["count"].sum())
    assert fit.exposure == frame.days.sum()
    away = fit_frequency(times_of(rows_of(frame, gap=20)), ["age", "need"])
    assert_allclose(away.log_rates, fit.log_rates, rtol=1e-12)
    rows = rows_of(frame)
    middle = rows.assign(stop=rows.start + 1, event=False)
    cut = pd.concat([middle, rows.assign(start=rows.start + 1)])
    cut = fit_frequency(times_of(cut[cut.stop > cut.start]), ["age", "need"])
    assert_allclose(cut.log_rates, fit.log_rates, rtol=1e-9)
    assert 0.4 < fit.dispersion < 1.4
    assert fit.test_of_dispersion()[1] < 1e-6


def test_units_of_time_and_of_terms_change_nothing():
    rows = rows_of(people())
    fit = fit_frequency(times_of(rows), ["age", "need"])
    weeks = rows.assign(start=7 * rows.start, stop=7 * rows.stop, age=12 * rows.age + 1e4)
    other = fit_frequency(times_of(weeks), ["age", "need"])
    assert other.coefficients["age"] * 12 == pytest.approx(fit.coefficients["age"], rel=1e-8)
    assert other.coefficients["need"] == pytest.approx(fit.coefficients["need"], rel=1e-8)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-10)
    at = [f.rate_at({"age": age, "need": True}) for f, age in ((fit, 30), (other, 360 + 1e4))]
    assert_allclose(at[0].estimate, 7 * at[1].estimate, rtol=1e-7)
    assert_allclose(at[0].std_error, 7 * at[1].std_error, rtol=1e-7)


def test_the_rate_without_terms_is_events_over_person_years():
    frame = people()
    frame["count"] = np.random.default_rng(2).binomial(4, frame.days / 400)
    fit = fit_frequency(times_of(rows_of(frame)))
    assert fit.dispersion == 0
    assert fit.test_of_dispersion() == (0.0, 1.0)
    crude = frame["count"].sum() / frame.days.sum() * 365.25
    assert fit.rate_at({}).estimate[0] == pytest.approx(crude, rel=1e-12)


@pytest.mark.parametrize("unit", ["days", "weeks"])
def test_without_terms_the_one_rate_is_shown(unit):
    fit = fit_frequency(times_of(rows_of(people()), unit=unit))
    frame, log, at = fit.to_frame(), fit.to_frame(log=True), fit.rate_at({})
    assert frame.term.tolist() == ["reoffences per person-year"]
    limits = ["estimate", "conf_low", "conf_high"]
    assert_allclose(frame[limits], at[limits])
    assert_allclose(np.log(frame[limits]), log[limits])
    assert frame.std_error[0] == log.std_error[0] == pytest.approx(at.std_error[0] / at.estimate[0])
    assert frame[["statistic", "p_value"]].isna().all(axis=None)
    assert fit.coefficients == {"reoffences per person-year": log.estimate[0]}
    assert "reoffences per person-year" in fit.summary()
    assert fit.plot().get_xlabel() == "Reoffences per person-year (95 % interval)"


@pytest.mark.parametrize("n", [0, 3])
def test_without_terms_and_events_there_is_no_rate(n):
    fit = fit_frequency(times_of(rows_of(people().head(n).assign(count=0))))
    assert fit.to_frame().note.tolist() == ["not estimable: no event"]
    assert fit.rate_at({}).note[0] == "not estimable: no event"
    fit.plot()


FEW = {
    "one person": ([3], [100], [], True),
    "two people and a term": ([3, 1], [100, 80], ["age"], True),
    "one event each, on one day": ([1] * 20, [50] * 20, [], False),
    "one event each, on one day, and a term": ([1] * 20, [50] * 20, ["age"], False),
    "all at one rate": ([2, 2, 4, 4], [100, 100, 200, 200], ["age"], False),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", FEW)
def test_counts_that_are_met_exactly_have_the_errors_of_poisson_and_no_robust_ones(case):
    counts, days, terms, few = FEW[case]
    frame = people(len(counts)).assign(count=counts, days=days)
    times = times_of(rows_of(frame))
    fit, robust = (fit_frequency(times, terms, variance=kind) for kind in ("model", "robust"))
    assert fit.dispersion == 0
    if not terms:
        assert fit.to_frame().std_error[0] == pytest.approx(sum(counts) ** -0.5)
    assert np.isfinite(fit.to_frame().std_error).all()
    assert robust.to_frame().std_error.isna().all()
    assert robust.to_frame().note.str.contains("nobody moves it").all()
    assert robust.rate_at({"age": 30}).note[0].endswith("the robust variance is 0")
    assert any("no more people than coefficients" in said for said in fit.caveats) == few


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("counts", "days", "age", "dispersion"),
    [([0, 0, 1], [188, 288, 41], None, 4.699),
     ([0, 4, 0, 0, 2], [23, 209, 221, 246, 112], [-0.2, 0.3, -1.2, -0.4, -1.2], 1.499)],
)  # fmt: skip
def test_a_dispersion_is_found_though_the_first_climb_strays(counts, days, age, dispersion):
    frame = people(len(counts)).assign(count=counts, days=days, age=age or 0.0)
    fit = fit_frequency(times_of(rows_of(frame)), ["age"] if age else [])
    assert fit.dispersion == pytest.approx(dispersion, abs=1e-3)  # the top of a profile by hand


def test_without_dispersion_it_is_near_andersen_and_gills_model():
    times = times_of(rows_of(people(2000, spread=1e-9)))
    counted, timed = fit_frequency(times, ["need"]), fit_recurrent(times, ["need"])
    assert counted.coefficients["need"] == pytest.approx(timed.coefficients["need"], abs=0.03)


def test_a_need_without_any_event_is_named_and_the_others_are_as_without_it():
    frame = people()
    frame["flag"] = frame["count"].eq(0) & (frame.index % 3 == 0)
    frame["tier"] = np.where(frame.flag, "FREE", np.where(frame.need, "FLEX", "FIXED"))
    fit = fit_frequency(times_of(rows_of(frame)), ["age", "need", "flag"])
    without = fit_frequency(times_of(rows_of(frame[~frame.flag])), ["age", "need"])
    assert fit.notes == ("", "", "not estimable: no event among those with `flag` 1")
    assert_allclose(fit.log_rates[:3], without.log_rates, rtol=1e-8)
    assert_allclose(fit.covariance[:3, :3], without.covariance, rtol=1e-7)
    assert np.isnan(fit.coefficients["flag"])
    assert fit.rate_at({"age": 30, "need": 0, "flag": 0}).note[0].startswith("not estimable")
    first = pd.Categorical(frame.tier, ["FREE", "FLEX", "FIXED"])  # against those with no event
    by_tier = fit_frequency(times_of(rows_of(frame.assign(tier=first))), ["age", "tier"])
    assert [bool(note) for note in by_tier.notes] == [False, True, True]


def test_people_without_a_term_are_counted_and_repeated_terms_named():
    frame = people()
    frame.loc[frame.index[:7], "age"] = np.nan
    frame["months"] = frame.age * 12
    fit = fit_frequency(times_of(rows_of(frame)), ["age", "months"])
    assert (fit.n, fit.n_left_out) == (293, 7)
    assert fit.notes[1] == "not estimable: the same as `age`"
    assert "People left out (`age` is empty): 7." in fit.caveats
    assert fit.n_rows == len(rows_of(frame[frame.age.notna()]))


@pytest.mark.parametrize("variance", ["model", "robust"])
def test_a_term_that_repeats_others_has_no_number_and_predicts_nothing(variance):
    frame = people().assign(flat=3.0, months=lambda f: 12 * f.age)
    times = times_of(rows_of(frame))
    fit = fit_frequency(times, ["age", "flat", "months", "need"], variance=variance)
    plain = fit_frequency(times, ["age", "need"], variance=variance)
    assert fit.notes[1:3] == ("not estimable: constant", "not estimable: the same as `age`")
    for log in (False, True):
        told = fit.to_frame(log=log).set_index("term").drop(columns="note")
        assert told.loc[["flat", "months"]].isna().all(axis=None)
        assert_allclose(told.loc[["age", "need"]], plain.to_frame(log=log).iloc[:, 1:-1])
    assert np.isnan([fit.coefficients["flat"], fit.coefficients["months"]]).all()
    profile = {"age": 30, "need": True, "flat": 3.0, "months": 360}
    assert_allclose(
        fit.rate_at(profile).iloc[:, :4].astype(float),
        plain.rate_at(profile).iloc[:, :4].astype(float),
    )


def test_a_term_that_changes_and_first_events_alone_are_told():
    rows = rows_of(people())
    rows["later"] = rows.start > 0
    assert any("changes over" in said for said in fit_frequency(times_of(rows), ["later"]).caveats)
    first = rows.drop_duplicates("person")
    assert any("second event" in said for said in fit_frequency(times_of(first)).caveats)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_without_events_nothing_is_estimable(n):
    frame = people().head(n).assign(count=0)
    fit = fit_frequency(times_of(rows_of(frame)), ["age", "need"])
    assert all(note.startswith("not estimable") for note in fit.notes)
    assert fit.to_frame().estimate.isna().all()
    assert "not estimable" in fit.summary()


def test_weights_and_rows_without_a_person_are_refused():
    rows = rows_of(people()).assign(w=1.5)
    with pytest.raises(ModelError, match="weights"):
        fit_frequency(times_of(rows, weight="w"))
    plain = TimeToEvent.from_frame(rows, start="start", stop="stop", event="event")
    with pytest.raises(ModelError, match="person"):
        fit_frequency(plain)


def test_every_dispersion_is_found_without_a_warning():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        frame = people(int(rng.integers(8, 60)), seed, float(rng.choice([0.05, 0.8, 5.0])))
        fit = fit_frequency(times_of(rows_of(frame)), ["need"])
        assert np.isfinite(fit.log_likelihood) or all(fit.notes)
