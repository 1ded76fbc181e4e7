"""Careers against R (`careers.R`), scipy, statsmodels, and two published sets of histories."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.stats import chi2

from desistance import (
    age_crime_curve,
    career_harm,
    career_measures,
    crime_mix,
    specialisation,
    trace_careers,
)
from desistance.cases import CaseData
from desistance.histories import build_histories
from desistance.histories.careers.frequencies import exact_poisson, gamma_poisson
from tests.lives import ANYTHING, histories_of, on

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "careers.json").read_text())
ROWS = pd.read_csv(HERE / "careers.csv", dtype={"code": str})
ELSEWHERE = HERE.parents[2] / "shared" / "reference"


def floats(name):
    return np.array(ANSWERS[name], dtype=float)


@pytest.fixture(scope="module")
def careers():
    """The people of careers.R, watched for 1,000 days, in custody at the end of them."""
    names = [f"P{n:02d}" for n in range(1, 61)]
    custody = [
        (name, 1_000 - inside - 1, 1_000, "sentence")
        for name, inside in zip(names, ANSWERS["inside"], strict=True)
        if inside
    ]
    offences = [(names[r.person - 1], r.day, r.code) for r in ROWS.itertuples()]
    histories = histories_of(people=names, offences=offences, custody=custody)
    return trace_careers(histories, since=on(0), until=on(1_000), waiting_months=6)


def test_counts_exposure_and_exact_limits_are_rs(careers):
    people = career_measures(careers).people
    assert people["n_offences"].tolist() == ANSWERS["count"]
    assert (1_000 - people["street_days"]).tolist() == ANSWERS["inside"]
    assert_allclose(people["conf_low"], floats("low"), rtol=1e-12)
    assert_allclose(people["conf_high"], floats("high"), rtol=1e-12)


def test_gamma_poisson_is_rs_negative_binomial(careers):
    measures = career_measures(careers)
    assert measures.shape == pytest.approx(ANSWERS["theta"], rel=1e-9)
    assert measures.shape / measures.rate == pytest.approx(ANSWERS["rate"], rel=1e-9)
    told = measures.people
    years = told["street_days"] / 365.25
    shrunk = (measures.shape + told["n_offences"]) / (measures.rate + years)
    assert_allclose(told["frequency_shrunk"], shrunk, rtol=1e-12)


def test_forward_specialisation_and_its_table_are_rs(careers):
    found = specialisation(careers, rng=1, kinds="offence_class", replicates=50)
    assert_allclose(found.transitions, ANSWERS["transitions"], atol=1e-12)
    estimate = found.to_frame()["estimate"]
    assert_allclose(estimate, [*ANSWERS["fsc"], ANSWERS["fsc_all"]], rtol=1e-10)


def test_escalation_is_rs_within_person_slope(careers):
    frame = career_harm(careers).to_frame().set_index("outcome")
    row = frame.loc["log(1 + CCHI) per further offence"]
    assert row["estimate"] == pytest.approx(ANSWERS["slope"], rel=1e-9)
    assert row["std_error"] == pytest.approx(ANSWERS["slope_se"], rel=1e-9)


def test_escalation_is_a_mixed_models_slope_once_each_mean_order_is_a_term(careers):
    weights = {"028": 273.5, "034": 365, "046": 1, "105": 10, "149": 2}
    rows = ROWS.assign(order=ROWS.groupby("person").cumcount() + 1.0)
    mean = rows.groupby("person")["order"].transform("mean")
    terms = sm.add_constant(pd.DataFrame({"within": rows["order"] - mean, "mean": mean}))
    fit = sm.MixedLM(np.log1p(rows["code"].map(weights)), terms, rows["person"]).fit()
    assert fit.params["within"] == pytest.approx(ANSWERS["slope"], rel=1e-6)


def test_diversity_is_rs(careers):
    people = crime_mix(careers, kinds="offence_class").people
    assert_allclose(people["diversity"], floats("diversity"), rtol=1e-12)
    assert_allclose(people["diversity_corrected"], floats("corrected"), rtol=1e-12, atol=1e-15)


def test_poisson_limits_are_scipys_chi_squares():
    events = np.arange(200)
    low, high = exact_poisson(events, 0.9)
    assert_allclose(low[1:], chi2.ppf(0.05, 2 * events[1:]) / 2, rtol=1e-12)
    assert low[0] == 0
    assert_allclose(high, chi2.ppf(0.95, 2 * events + 2) / 2, rtol=1e-12)


def test_gamma_poisson_is_statsmodels_negative_binomial():
    rng = np.random.default_rng(8)
    years = rng.uniform(0.1, 3, 400)
    counts = rng.poisson(rng.gamma(0.7, 1 / 0.4, 400) * years).astype(float)
    shape, rate, note = gamma_poisson(counts, years)
    fit = sm.NegativeBinomial(counts, np.ones(400), exposure=years).fit(
        disp=0, method="newton", maxiter=200, tol=1e-14
    )
    assert note == ""
    assert shape == pytest.approx(1 / fit.params[1], rel=1e-7)
    assert shape / rate == pytest.approx(np.exp(fit.params[0]), rel=1e-7)


def data_of(name):
    folder = ELSEWHERE / name
    if not (folder / "reference.json").is_file():
        pytest.skip("the reference data are not here")
    return folder, json.loads((folder / "reference.json").read_text())["analyses"]


@pytest.fixture(scope="module")
def toronto():
    """Each contact of an age on the birthday; the time not free at the end of that year of age.

    Ages stand two years higher: the door takes nobody under ten.
    """
    folder, answers = data_of("toronto_youth_1")
    contacts = pd.read_csv(folder / "TO1.csv", index_col="person")
    free = pd.read_csv(folder / "TO1Risk.csv", index_col="person")
    tables = long(contacts, "n").merge(long(free, "free"), on=["person", "age"])
    ids = "T" + tables["person"].astype(str).str.zfill(3)
    born = pd.Timestamp("1948-02-01")
    birthdays = birthday_in(1950 + tables["age"])
    nxt = birthday_in(1951 + tables["age"])
    whole = ((1 - tables["free"]) * (nxt - birthdays).dt.days).round()
    inside = whole >= 1
    whole = whole.clip(upper=362)  # of a year spent wholly inside, the days of contact are left
    n = tables["n"].to_numpy()
    people = pd.Series(sorted(ids.unique()))
    frames = {
        "people": pd.DataFrame({"person_id": people, "birth_month": born}),
        "episodes": pd.DataFrame(
            {"person_id": people, "programme": "IOM", "start_date": pd.Timestamp("1989-01-01")}
        ),
        "offences": pd.DataFrame({
            "person_id": ids.repeat(n), "offence_date": birthdays.repeat(n),
            "outcome_date": birthdays.repeat(n), "outcome": "convicted", "offence_code": "046",
            "crime_ref": [str(place) for place in range(n.sum())]}),
        "custody": pd.DataFrame({
            "person_id": ids[inside], "kind": "sentence", "out_date": nxt[inside],
            "in_date": nxt[inside] - pd.to_timedelta(whole[inside] + 1, unit="D")}),
    }  # fmt: skip
    cases = CaseData.from_frames(frames, extract_date="1989-06-01", mapping=ANYTHING)
    careers = trace_careers(
        build_histories(cases), since=pd.Timestamp("1958-02-01"), until=pd.Timestamp("1989-02-01")
    )
    return careers, answers["career_summary"]["result"]


def long(wide, name):
    tall = wide.reset_index().melt("person", var_name="age", value_name=name)
    return tall.assign(age=tall["age"].str.removeprefix("age").astype(int))


def birthday_in(year):
    return pd.to_datetime(year.astype(str) + "-02-01")


def test_toronto_careers(toronto):
    careers, answers = toronto
    measures = career_measures(careers)
    people, frame = measures.people, measures.to_frame().set_index("outcome")
    assert len(people) == answers["n_persons"]
    assert people["n_offences"].sum() == answers["total_contacts"]
    assert people["n_offences"].var() == pytest.approx(answers["var_total"], rel=1e-12)
    assert people["onset_age"].mean() - 2 == pytest.approx(answers["mean_onset_age"], rel=1e-12)
    assert people["onset_age"].median() - 2 == answers["median_onset_age"]
    assert people["last_age"].mean() - 2 == pytest.approx(answers["mean_last_age"], rel=1e-12)
    span = people["last_age"] - people["onset_age"]
    assert span.mean() == pytest.approx(answers["mean_duration"], rel=1e-12)
    assert frame.loc["Gini coefficient of offences", "estimate"] == pytest.approx(answers["gini"])
    top = frame.loc["share of offences by the top tenth of people", "estimate"]
    assert top == pytest.approx(answers["share_top_10pct"], rel=1e-12)


def test_toronto_age_crime_curve(toronto):
    careers, answers = toronto
    curve = age_crime_curve(careers).to_frame()
    curve = curve[curve["interval"] != "over people"].set_index(["outcome", "age"])
    street = curve.loc["offences per year in the community"]
    assert (street.index - 2).tolist() == answers["ages"]
    assert street["n_events"].tolist() == answers["contacts_by_age"]
    share = curve.loc["share who offended"]
    assert share["n_events"].tolist() == answers["active_by_age"]
    assert_allclose(share["estimate"].astype(float), answers["participation_by_age"], rtol=1e-12)
    # Custody is in whole days here, and a leap year is 366 / 365.25 years long: 0.2 %.
    assert_allclose(street["person_years"], answers["person_years_free_by_age"], rtol=2.5e-3)
    assert_allclose(street["estimate"], answers["rate_per_free_year_by_age"], rtol=2.5e-3)
    assert int(street["estimate"].astype(float).idxmax()) - 2 == answers["peak_age"]
    calendar = curve.loc["offences per year", "estimate"].astype(float)
    assert (calendar <= street["estimate"]).all()


@pytest.fixture(scope="module")
def chicago():
    folder, answers = data_of("chicago_arrests")
    people = pd.read_csv(folder / "demo.csv", dtype={"person_id": str}, parse_dates=["bdate"])
    arrests = pd.concat(
        pd.read_csv(folder / name, dtype={"person_id": str}, parse_dates=["arrest_date"])
        for name in ("prior_arrests.csv", "case.csv")
    )[["person_id", "arrest_date"]].drop_duplicates()
    frames = {
        "people": pd.DataFrame({
            "person_id": people["person_id"],
            "birth_month": people["bdate"].dt.to_period("M").dt.to_timestamp()}),
        "episodes": pd.DataFrame({
            "person_id": people["person_id"], "programme": "IOM",
            "start_date": pd.Timestamp("2012-01-01")}),
        "offences": pd.DataFrame({
            "person_id": arrests["person_id"], "offence_date": arrests["arrest_date"],
            "outcome_date": arrests["arrest_date"], "outcome": "convicted",
            "offence_code": "046"}),
    }  # fmt: skip
    # Some of these arrests are dated before the tenth birthday: a fault of the data.
    cases = CaseData.from_frames(frames, extract_date="2013-12-31", mapping=ANYTHING)
    too_young = arrests.merge(people, on="person_id")
    young = too_young["arrest_date"] < too_young["bdate"] + pd.DateOffset(years=10)
    return build_histories(cases), answers, young.sum()


def test_chicago_participation_and_frequency(chicago):
    histories, answers, n_young = chicago
    told = answers["participation_frequency"]["result"]
    for place, year in enumerate(told["year"]):
        careers = trace_careers(histories, since=f"{year}-01-01", until=f"{year + 1}-01-01")
        frame = career_measures(careers).to_frame().set_index("outcome")
        share = frame.loc["share who offended"]
        # The door quarantines the arrests of children under ten.
        assert 0 <= told["active"][place] - share["n_events"] <= n_young
        near = {"abs": n_young / told["persons"]}
        assert share["estimate"] == pytest.approx(told["participation"][place], **near)
        per_active = frame.loc["offences per person who offended", "estimate"]
        assert per_active == pytest.approx(told["lambda"][place], abs=2e-3)


def test_chicago_careers(chicago):
    histories, answers, n_young = chicago
    told = answers["history_summary"]["result"]
    careers = trace_careers(histories, since="1990-01-01")
    measures = career_measures(careers)
    people, frame = measures.people, measures.to_frame().set_index("outcome")
    lost = told["n_arrest_dates"] - int(people["n_offences"].sum())
    assert lost == n_young
    assert people["n_offences"].mean() == pytest.approx(told["mean_arrests"], abs=0.02)
    assert people["n_offences"].max() == told["max_arrests"]
    assert frame.loc["Gini coefficient of offences", "estimate"] == pytest.approx(
        told["gini"], abs=2e-3
    )
    between = frame.loc["days between days of offending", "estimate"]
    assert between == pytest.approx(told["gap_days_mean"], rel=5e-3)
    span = people.loc[people["n_days"] > 1, "career_years"].mean() * 365.25
    assert span == pytest.approx(told["career_span_days_mean_two_plus"], rel=5e-3)
