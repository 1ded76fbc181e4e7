"""The fifteen biases that an evaluation of a pilot has to face, one test each.

In each the truth is known, a naive analysis misses it by more than is said, and what the library
does by default finds it, within `SURE` standard errors, or refuses and says why. Which remedy and
which diagnostic goes with each is on the page on biases (docs/methods/biases.md).
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from desistance import (
    BalanceDesign,
    Binary,
    CaseData,
    Count,
    FollowUpDesign,
    SensitivityDesign,
    SimulationDesign,
    TimeToEvent,
    adjusted_curves,
    balance_cohorts,
    build_histories,
    check_immortal_time,
    compare_cohorts,
    cumulative_incidence,
    estimate_propensity,
    fit_by_area,
    fit_cox,
    follow_up,
    kaplan_meier,
    match_cohorts,
    rollout_effects,
    simulate_cases,
    stress_test,
    weigh_cohorts,
)
from desistance.comparison.fewareas.areafit import CR2
from desistance.comparison.rollout.effects import OVERALL, TWO_WAY
from desistance.errors import BiasError, ModelError
from tests.studies import by_need, missing_needs
from tests.studies import test_areas_going_live as areas
from tests.studies.test_competing_risks import cohort, times_of
from tests.studies.test_immortal_time import followed_by, pilot
from tests.studies.test_recording_lag import estimates
from tests.studies.trials import confounded

SURE = 3.5  # standard errors
LEFT = pd.Timestamp("2021-01-01")
EXTRACT = pd.Timestamp("2024-01-01")
PAGE = Path(__file__).parents[1] / "docs" / "methods" / "biases.md"


def cases_of(n, offences, *, joined=None, **tables):
    """Put n people who all left on one day into case files; `offences` are (person, day) since.

    `joined` is the day of joining of each, NaN if never; other tables are frames with `person`.
    """
    ids = np.array([f"P{number:05d}" for number in range(n)])
    joined = np.full(n, np.nan) if joined is None else joined
    person, day = offences
    on = LEFT + pd.to_timedelta(day, unit="D")
    some = ~np.isnan(joined)
    frames = {
        "people": pd.DataFrame({"person_id": ids, "birth_month": pd.Timestamp("1990-01-01")}),
        "episodes": pd.concat([
            pd.DataFrame({"person_id": ids, "programme": "IOM", "end_date": LEFT,
                          "start_date": LEFT - pd.Timedelta(days=300)}),
            pd.DataFrame({"person_id": ids[some], "programme": "7PP",
                          "start_date": LEFT + pd.to_timedelta(joined[some], unit="D")}),
        ]),
        "offences": pd.DataFrame({
            "person_id": ids[person], "offence_date": on, "outcome_date": on,
            "offence_code": "028", "outcome": "convicted"}),
    }  # fmt: skip
    for name, table in tables.items():
        frames[name] = table.assign(person_id=ids[table["person"]]).drop(columns="person")
    return CaseData.from_frames(frames, extract_date=EXTRACT)


def followed_of(cases, **design):
    return follow_up(cases, build_histories(cases), FollowUpDesign(**design))


def log_ratio(times, term="exposed"):
    row = fit_cox(times, [term]).to_frame(log=True).iloc[0]
    return row["estimate"], row["std_error"]


def is_right(found, truth=0.0):
    estimate, error = found
    return abs(estimate - truth) < SURE * error


def test_1_selection():
    """Those at higher risk join: naive, they reoffend 7 in 100 more; there is no effect."""
    people = confounded(np.random.default_rng(1), 8_000, 1.0)
    shares = 100 * people.groupby("joined")["event"].mean()
    assert shares[1] - shares[0] > 7
    scored = estimate_propensity(people, exposed="joined", terms=["risk"])
    balanced = weigh_cohorts(scored)
    assert balanced.table["smd_before"].abs().max() > 0.5
    assert balanced.light == "green"
    effect = compare_cohorts(people, balanced, [Binary("event")]).effect(
        "difference in event per 100 people"
    )
    assert is_right(effect[["estimate", "std_error"]])


def test_2_regression_to_the_mean():
    """People join after a bad quarter: naive, a third fewer offences after than before."""
    rng = np.random.default_rng(2)
    n, quarters = 6_000, 8
    rate = rng.gamma(2, 0.4, n)  # a quarter, the same before and after
    before = rng.poisson(rate[:, None], (n, quarters))
    joined = rng.random(n) < expit(-3 + 1.0 * before[:, -1])
    people = pd.DataFrame({
        "joined": joined, "last": before[:, -1], "earlier": before[:, :-1].sum(axis=1),
        "after": rng.poisson(4 * rate),
    })  # fmt: skip
    one = people[people["joined"]]
    assert one["after"].sum() / (4 * one["last"].sum()) < 2 / 3
    scored = estimate_propensity(people, exposed="joined", terms=["last", "earlier"])
    effect = compare_cohorts(people, match_cohorts(scored, caliper=0.2), [Count("after")]).effect(
        "ratio of after for each person"
    )
    assert is_right((np.log(effect["estimate"]), effect["std_error"]))


def test_3_immortal_time():
    """Who joins late got that far: naive, a hazard ratio below 0.7; there is no effect."""
    cases = pilot(np.random.default_rng(3), n=2_500)
    naive = followed_by(cases, "ever")
    assert np.exp(log_ratio(naive)[0]) < 0.7
    with pytest.raises(BiasError, match="shows an effect even where there is none"):
        followed_of(cases, exposure="ever")
    with pytest.raises(BiasError, match="days before joining"):
        check_immortal_time(naive)
    assert is_right(log_ratio(followed_of(cases, waiting_months=0, watch_months=12)))


def test_4_prevalent_people():
    """On day 200 those join who are still free of offences: naive, 0.75; there is no effect."""
    rng = np.random.default_rng(4)
    n = 3_000
    day = np.ceil(400 * rng.exponential(size=n) ** 2).astype(int)  # the hazard falls
    joined = np.where((day > 200) & (rng.random(n) < 0.6), 200.0, np.nan)
    seen = np.flatnonzero(day < 1_000)
    cases = cases_of(n, (seen, day[seen]), joined=joined)
    with pytest.raises(BiasError, match="past the first weeks"):
        followed_of(cases, time_zero="own start")
    naive = follow_up(
        cases, build_histories(cases), FollowUpDesign(waiting_months=0, time_zero="own start"),
        acknowledge_bias=True,
    )  # fmt: skip
    assert np.exp(log_ratio(naive)[0]) < 0.75
    assert is_right(log_ratio(followed_of(cases, waiting_months=0)))


def test_5_staggered_roll_out():
    """Effects grow from month to month: naive, two-way fixed effects find less than half."""
    y = areas.EFFECT + areas.errors(np.random.default_rng(5), len(areas.START), areas.MONTHS) / 4
    area, month = np.indices(y.shape).reshape(2, -1)
    go_live = np.where(areas.START < areas.MONTHS, areas.START, np.nan)[area]
    frame = pd.DataFrame({"area": area, "month": month, "outcome": y.ravel(), "go_live": go_live})
    found = rollout_effects(frame, permutations=199, draws=199)
    assert abs(found.effect(TWO_WAY)["estimate"]) < 0.5 * abs(areas.TRUTH)
    assert "biased" in TWO_WAY
    assert is_right(found.effect(OVERALL)[["estimate", "std_error"]], areas.TRUTH)


def test_6_surveillance():
    """Those who join are visited and found out more: naive, 10 in 100 more; there is no effect."""
    design = SimulationDesign(n_people=500, effect=1.0, selection="random", proactive_per_year=1.0)
    cases = simulate_cases(design, rng=6)
    followed = followed_of(cases)
    few = BalanceDesign(terms=("age", "n_previous"), propensity="logistic")
    only = SensitivityDesign(
        unfair_time_zeros=False, days_left_out=(), months=(), waiting_months=(), clocks=(),
        offence_sets=(), later_joiners=False, calipers=(), ratios=(), areas=False,
        negative_control=None,
    )  # fmt: skip
    stressed = stress_test(followed, balance_cohorts(followed, few), only, balance=few)
    assert stressed.planned["conf_low"] > 10
    rows = stressed.to_frame().set_index("term")
    assert is_right(rows.loc["reported by a victim", ["estimate", "std_error"]])


def test_7_unequal_follow_up():
    """Proof takes 120 days, and the pilot is younger: naive, 0.75; there is no effect."""
    found = np.array([estimates(np.random.default_rng([7, seed])) for seed in range(6)])
    (naive, equal, _), error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert np.exp(naive) < 0.75
    assert is_right((equal, error[1]))


def test_8_few_people_and_many_needs():
    """Thirty events, ten needs: naive, a log hazard ratio of 1 is found as 1.2; three suffice."""
    rng = np.random.default_rng(8)
    needs, found = [f"need_{i}" for i in range(10)], []
    for _ in range(150):
        x = rng.random((40, 10)) < 0.5
        day = np.ceil(rng.exponential(300 * np.exp(-1.0 * x[:, 0]))).astype(int)
        frame = pd.DataFrame(x, columns=needs).assign(day=np.minimum(day, 365), event=day <= 365)
        times = TimeToEvent.from_frame(frame, stop="day", event="event")
        every = fit_cox(times, needs)
        assert any("too far from 1" in caveat for caveat in every.caveats)
        with pytest.raises(ModelError, match=r"fewer than 5\.0 each"):
            adjusted_curves(times, every, exposed=needs[0])
        found.append([every.log_hazards[0], fit_cox(times, needs[:3]).log_hazards[0]])
    (naive, few), error = np.nanmean(found, axis=0), np.nanstd(found, axis=0) / np.sqrt(150)
    assert naive > 1.2
    assert is_right((few, error[1]), 1.0)


def test_9_needs_that_are_missing():
    """Whoever joined and reoffended is seldom assessed: naive, complete cases are off by 0.3."""
    found = np.array([missing_needs.estimates(seed, n=1_500, copies=4) for seed in range(5)])
    mean = found[:, :, 0].mean(axis=0) - missing_needs.EFFECT
    error = found[:, :, 0].std(axis=0, ddof=1) / np.sqrt(len(found))
    assert mean[1] < -0.3
    assert is_right((mean[2], error[2]))


def test_10_contamination():
    """Most of the others join within months: naive, a hazard ratio of 0.5 is above 0.65."""
    rng = np.random.default_rng(10)
    n = 2_500
    at_once, later = rng.random(n) < 0.4, rng.integers(1, 120, n)
    joins = np.where(at_once, 0, np.where(rng.random(n) < 0.9, later, 9_999))
    spent = 400 * rng.exponential(size=n)  # of days that count half once somebody has joined
    day = np.ceil(np.where(spent < joins, spent, joins + (spent - joins) / 0.5)).astype(int)
    joined = np.where((joins < 9_999) & (joins < day), joins, np.nan)
    seen = np.flatnonzero(day < 1_000)
    followed = followed_of(cases_of(n, (seen, day[seen]), joined=joined), waiting_months=0,
                           watch_months=12)  # fmt: skip
    as_begun = TimeToEvent.from_frame(
        pd.DataFrame({"day": np.minimum(day, 365), "event": day <= 365, "at_once": at_once}),
        stop="day", event="event",
    )  # fmt: skip
    assert np.exp(log_ratio(as_begun, "at_once")[0]) > 0.65
    assert is_right(log_ratio(followed), np.log(0.5))


def test_11_clustering():
    """Eight areas that differ, four of them live: naive, a test of no effect rejects 1 in 4."""
    rng = np.random.default_rng(11)
    area, rejected = np.repeat(np.arange(8), 40), []
    for _ in range(150):
        rate = 1 / (1 + np.exp(-0.6 * rng.normal(size=8)))
        people = pd.DataFrame({
            "area": area, "live": area < 4, "again": rng.random(len(area)) < rate[area],
        })  # fmt: skip
        share = people.groupby("live")["again"].mean()
        error = np.sqrt((share * (1 - share) / 160).sum())
        fit = fit_by_area(people, "again", ["live"], draws=19)
        p = fit.to_frame().set_index("interval").loc[CR2, "p_value"]
        rejected.append([abs(share[True] - share[False]) > 1.96 * error, p < 0.05])
    naive, ours = np.mean(rejected, axis=0)
    assert naive > 0.25
    assert is_right((max(ours - 0.05, 0), np.sqrt(0.05 * 0.95 / len(rejected))))


def test_12_history():
    """Everywhere rates double when the pilot starts: naive, so they do in its areas."""
    rng = np.random.default_rng(12)
    area, month = np.indices((12, 24)).reshape(2, -1)
    level, wave = np.exp(0.2 * rng.normal(size=12)), np.where(np.arange(24) < 12, 1.0, 2.0)
    frame = pd.DataFrame({
        "area": area, "month": month, "go_live": np.where(area < 6, 12.0, np.nan),
        "outcome": rng.poisson(100 * level[area] * wave[month]), "exposure": 100.0,
    })  # fmt: skip
    live = frame[frame["area"] < 6]
    by_time = live.groupby(live["month"] >= 12)["outcome"].sum()
    assert by_time[True] / by_time[False] > 1.9
    before = frame[frame["month"] < 12].groupby("area")["outcome"].mean()  # what an analyst has
    relative = frame.assign(outcome=100 * frame["outcome"] / before[frame["area"]].to_numpy())
    found = rollout_effects(relative, permutations=199, draws=199, per=1.0).effect(OVERALL)
    assert is_right(found[["estimate", "std_error"]])


def test_13_moves_out_of_sight():
    """Those who join move away more, and are lost sight of: naive, 0.8; there is no effect."""
    rng = np.random.default_rng(13)
    n = 3_000
    joined = rng.random(n) < 0.5
    day = np.ceil(rng.exponential(400, n)).astype(int)
    moves = np.where(rng.random(n) < np.where(joined, 0.6, 0.05), rng.integers(30, 300, n), 9_999)
    seen, gone = np.flatnonzero((day < 900) & (day <= moves)), np.flatnonzero(moves < 9_999)
    away = LEFT + pd.to_timedelta(moves[gone], unit="D")
    cases = cases_of(
        n, (seen, day[seen]), joined=np.where(joined, 0.0, np.nan),
        residence=pd.DataFrame({"person": gone, "in_area": False, "from_date": away}),
    )  # fmt: skip
    watch = {"waiting_months": 0, "watch_months": 12}
    assert np.exp(log_ratio(followed_of(cases, seen_everywhere=True, **watch))[0]) < 0.8
    followed = followed_of(cases, **watch)
    assert is_right(log_ratio(followed))
    assert any("moved away" in caveat for caveat in followed.caveats)


def test_14_many_questions():
    """Seven needs and no difference between them: naive, 1 pilot in 4 shows one or more."""
    naive, holm = np.array([by_need.null(seed)[:2] for seed in range(40)]).mean(axis=0)
    assert naive > 0.25
    assert is_right((max(holm - 0.05, 0), np.sqrt(0.05 * 0.95 / 40)))


def test_15_incapacitation():
    """Those who join are recalled more: naive, 0.85 reoffences a year; at liberty as many."""
    rng = np.random.default_rng(15)
    n = 3_000
    joined = rng.random(n) < 0.5
    inside = rng.random(n) < np.where(joined, 0.7, 0.1)
    begin = rng.integers(20, 200, n)
    person = np.repeat(np.arange(n), rng.poisson(1.5, n))
    day = rng.integers(1, 366, len(person))
    free = ~(inside[person] & (day >= begin[person]) & (day < begin[person] + 150))
    person, day = person[free], day[free]
    recalled = np.flatnonzero(inside)
    custody = pd.DataFrame({
        "person": recalled, "kind": "recall",
        "in_date": LEFT + pd.to_timedelta(begin[recalled], unit="D"),
        "out_date": LEFT + pd.to_timedelta(begin[recalled] + 150, unit="D"),
    })  # fmt: skip
    cases = cases_of(n, (person, day), joined=np.where(joined, 0.0, np.nan), custody=custody)
    counts = np.bincount(person, minlength=n)
    assert counts[joined].mean() / counts[~joined].mean() < 0.85
    followed = followed_of(cases, waiting_months=0, watch_months=12)
    assert is_right(log_ratio(followed))
    # Custody as fast as reoffending, as a competing event: 1 - Kaplan-Meier is off by 6 in 100.
    truth, times = (1 - np.exp(-1)) / 2, cohort(np.random.default_rng(8), n=6_000)
    alone = times_of(times.columns.assign(over=times.cause == 2))
    assert 1 - kaplan_meier(alone).at([365])["estimate"].iloc[0] - truth > 0.06
    at = cumulative_incidence(times).at([365])
    share = at[at["cause"] == "reoffence"].iloc[0]
    assert is_right(share[["estimate", "std_error"]], truth)


def test_the_page_has_every_bias_and_its_test():
    numbers = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    tested = [re.findall(r"^test_(\d+)_", name) for name in globals()]
    assert numbers == [number for found in tested for number in found]
