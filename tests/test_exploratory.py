"""Effects by need and by dose: found where they are, not where they are not, stamped for both."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance import TimeToEvent, effects_by_dose, effects_by_need, fit_cox
from desistance.balance import BalanceDesign, balance_cohorts, estimate_propensity, match_cohorts
from desistance.cases import CaseData
from desistance.comparison import compare_cohorts
from desistance.comparison.exploratory.rows import rate_difference, rows_of_matches
from desistance.comparison.exploratory.shrinkage import drawn_in
from desistance.errors import DataError, ModelError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples
from tests.studies.by_need import EFFECT, NEEDS, null, rows

HAZARD, COMPARED = "hazard ratio of joining", "with against without"


def explored(times, **choices):
    return effects_by_need(times, needs=NEEDS, exposed="joined", **choices)


@pytest.fixture(scope="module")
def pilot():
    cases = simulate_cases(SimulationDesign(n_people=220, missing_needs=0.0), rng=4)
    followed = follow_up(cases, build_histories(cases))
    return followed, balance_cohorts(followed)


def test_an_effect_that_differs_by_one_need_is_found_there():
    found = explored(rows(np.random.default_rng(3), 5000, by_need=[-0.8]), horizon=365)
    frame = found.to_frame()
    asked = frame[(frame["outcome"] == HAZARD) & (frame["group"] == COMPARED)].set_index("term")
    log = np.log(asked.loc[NEEDS, "estimate"])
    assert log["need_ACC"] == pytest.approx(-0.8, abs=2.5 * asked.loc["need_ACC", "std_error"])
    assert asked.index[asked["p_holm"] < 0.05].tolist() == ["need_ACC"]
    together = found.tests.set_index("term").loc["joining by every need, together"]
    assert together["p_value"] < 1e-6
    assert together["df"] == 7
    within = frame[frame["group"] == "without the need"].set_index(["outcome", "term"])
    assert np.log(within.loc[(HAZARD, "need_ACC"), "estimate"]) == pytest.approx(EFFECT, abs=0.15)
    gap = frame[frame["outcome"].str.startswith("difference") & (frame["group"] == COMPARED)]
    assert gap.set_index("term")["p_holm"].idxmin() == "need_ACC"
    assert gap.set_index("term").loc["need_ACC", "estimate"] < -10


def test_where_no_effect_differs_holm_finds_none_and_drawing_in_helps():
    plain, holm, raw, drawn, covered = np.array([null(seed, 400) for seed in range(30)]).mean(
        axis=0
    )
    assert holm <= 0.1  # 3 of 30; the study has the figure
    assert plain > 0.1  # seven questions do find something
    assert drawn < 0.9 * raw
    assert covered > 0.85


def test_effects_drawn_in_are_nearer_to_true_ones_that_differ():
    rng = np.random.default_rng(2)
    covariance = 0.08 * (0.7 * np.eye(7) + 0.3)
    raw, drawn, covered = [], [], []
    for _ in range(150):
        truth = rng.normal(-0.3, 0.2, 7)
        seen = rng.multivariate_normal(truth, covariance)
        mean, error, _ = drawn_in(seen, covariance, 0.5)
        raw.append(((seen - truth) ** 2).mean())
        drawn.append(((mean - truth) ** 2).mean())
        covered.append((np.abs(mean - truth) < 1.96 * error).mean())
    assert np.mean(drawn) < 0.9 * np.mean(raw)
    assert 0.92 < np.mean(covered) < 0.99


@examples(15)
@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=7), st.floats(0.05, 1), st.floats(-1, 1),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_drawing_in_keeps_to_no_order_and_moves_with_all(effects, error, shift, random):
    theta, covariance = np.array(effects), error**2 * (np.eye(len(effects)) + 0.3)
    mean, spread, tau = drawn_in(theta, covariance, 0.5)
    mixed = list(range(len(theta)))
    random.shuffle(mixed)
    again, errors, other = drawn_in(theta[mixed] + shift, covariance, 0.5)
    assert again == pytest.approx(mean[mixed] + shift, abs=1e-9)
    assert errors == pytest.approx(spread[mixed], abs=1e-9)
    assert other == pytest.approx(tau, abs=1e-9)
    assert np.ptp(mean) <= np.ptp(theta) + 1e-12
    assert mean.mean() == pytest.approx(theta.mean(), abs=1e-9)  # errors all alike
    assert (np.diff(mean[np.argsort(theta)]) > -1e-9).all()


def test_a_pilot_is_explored_with_the_comparison_it_came_with(pilot):
    followed, balanced = pilot
    found = effects_by_need(followed, balanced, bands=(99,))
    frame = found.to_frame()
    headline = [f"need_{code}" for code in followed.histories.scheme.headline]
    assert list(dict.fromkeys(frame["term"])) == [*headline, "number of needs"]
    assert set(frame["status"]) == {"exploratory"}
    assert found.summary().startswith("Exploratory: ")
    assert found.plot().get_title(loc="left") == "Exploratory"
    # a band that holds everybody whose needs are known is the comparison itself
    matches = balanced.matches
    known = followed.known_from(matches["person"].to_numpy(), matches["day"].to_numpy())
    known = known["n_needs"].notna().to_numpy()
    kept = replace(balanced, matches=matches[known].reset_index(drop=True))
    band = frame[frame["group"] == "0 to 98"].iloc[0]
    effect = compare_cohorts(followed, kept).effect("time")
    assert band["estimate"] == pytest.approx(effect["estimate"], rel=1e-9)
    assert band["std_error"] == pytest.approx(effect["std_error"], rel=1e-9)
    # and so, for rates, is a need that everybody has
    rate = rate_difference(
        rows_of_matches(followed, kept, pd.DataFrame(index=kept.matches.index)).whole, 365
    )
    effect = compare_cohorts(followed, kept).effect("rate")
    assert rate[0] == pytest.approx(effect["estimate"], rel=1e-9)
    assert np.sqrt((rate[1] ** 2).sum()) == pytest.approx(effect["std_error"], rel=1e-9)


def test_groups_too_small_say_so_and_ask_no_question():
    times = rows(np.random.default_rng(1), 300)
    columns = times.columns.assign(need_ACC=False)
    columns.loc[:11, "need_ACC"] = True
    frame = columns.assign(day=times.stop, event=times.event)
    found = explored(TimeToEvent.from_frame(frame, stop="day", event="event"))
    lost = found.to_frame().query("term == 'need_ACC'")
    assert lost["note"].str.startswith("not reported: fewer than 30 people").all()
    assert lost[["estimate", "p_value", "p_holm", "shrunk"]].isna().all(axis=None)
    kept = found.to_frame().query("term == 'need_ETE' and group == @COMPARED")
    assert kept["p_value"].notna().all()
    assert any("not estimable" in one for one in found.caveats)
    few = explored(rows(np.random.default_rng(1), 90))
    together = few.tests.set_index("term").loc["joining by every need, together"]
    assert "for each of 15 terms" in together["note"]
    assert np.isnan(together["p_value"])


def test_a_need_that_was_not_assessed_is_left_out_and_counted():
    times = rows(np.random.default_rng(1), 300)
    need = times.columns["need_ACC"].astype("boolean")
    need[:40] = pd.NA
    frame = times.columns.assign(need_ACC=need, day=times.stop, event=times.event)
    found = explored(TimeToEvent.from_frame(frame, stop="day", event="event"))
    n = found.to_frame().query("group == @COMPARED").set_index("term")["n"]
    assert n["need_ACC"] == 260
    assert n["need_ETE"] == 300
    assert any(one.startswith("Up to 40 of 300 people") for one in found.caveats)


def dosed(seed, n=400):
    """People who left one day; half join on day 20; contacts stop at an arrest, and do nothing."""
    rng = np.random.default_rng(seed)
    leave = pd.Timestamp("2021-01-01")
    arrested = np.ceil(rng.exponential(300, n)).astype(int)
    joined = (rng.random(n) < 0.5) & (arrested > 20)
    ids = np.array([f"P{k:04d}" for k in range(n)])

    def on(day):
        return leave + pd.to_timedelta(day, unit="D")

    seen = arrested < 700
    person, day = np.nonzero(rng.random((n, 360)) < rng.gamma(2, 0.01, n)[:, None])
    kept = joined[person] & (day + 21 < arrested[person])
    born = pd.to_datetime([f"{year}-01-01" for year in rng.integers(1970, 2002, n)])
    frames = {
        "people": pd.DataFrame({"person_id": ids, "birth_month": born}),
        "episodes": pd.concat([
            pd.DataFrame({"person_id": ids, "programme": "IOM",
                          "start_date": on(-300), "end_date": leave}),
            pd.DataFrame({"person_id": ids[joined], "programme": "7PP", "start_date": on(20)}),
        ]),
        "offences": pd.DataFrame({
            "person_id": ids[seen], "offence_date": on(arrested[seen]),
            "outcome_date": on(arrested[seen]), "offence_code": "028", "outcome": "convicted"}),
        "support": pd.DataFrame({
            "person_id": ids[person[kept]], "contact_date": on(day[kept] + 21),
            "partner": np.where(rng.random(kept.sum()) < 0.5, "nhs", "housing"),
            "pathway": "HLT", "kind": "contact"}).drop_duplicates(
                ["person_id", "contact_date", "partner"]),
    }  # fmt: skip
    cases = CaseData.from_frames(frames, extract_date=pd.Timestamp("2024-01-01"))
    design = FollowUpDesign(months=12, waiting_months=0, watch_months=12)
    followed = follow_up(cases, build_histories(cases), design)
    return followed, balance_cohorts(followed, BalanceDesign(terms=("age",)))


def test_contacts_that_do_nothing_do_nothing_from_the_landmark_on():
    followed, balanced = dosed(5)
    found = effects_by_dose(followed, balanced, landmark=60)
    frame = found.to_frame()
    trend = frame[frame["group"] == "per further contact"].iloc[0]
    assert abs(np.log(trend["estimate"])) < 2.5 * trend["std_error"]
    # the count of all contacts, staying free included, makes an effect of nothing
    times = followed.times()
    every = followed.histories.cases.support.groupby("person_id").size()
    columns = times.columns.assign(
        contacts=times.columns["person_id"].map(every).fillna(0).astype(float),
        day=times.stop, begun=times.start, event=times.event, person=times.person,
    )  # fmt: skip
    ours = columns[columns["exposed"]]
    naive = TimeToEvent.from_frame(ours, start="begun", stop="day", event="event", person="person")
    row = fit_cox(naive, ["contacts"]).to_frame().iloc[0]
    assert row["conf_high"] < 0.95
    assert list(frame.loc[frame["term"] == "contacts", "group"]) == [
        "0", "1 to 3", "4 or more", "per further contact"
    ]  # fmt: skip
    joiners = frame.loc[frame["term"].eq("contacts"), "n"]
    assert joiners.iloc[:3].sum() == joiners.iloc[3]
    assert frame.loc[frame["term"].isin(["nhs", "housing"]), "p_holm"].notna().all()
    assert set(frame["status"]) == {"exploratory"}


def test_who_reoffended_before_the_landmark_is_not_in_it():
    followed, balanced = dosed(6, 250)
    early, late = (effects_by_dose(followed, balanced, landmark=k) for k in (10, 100))
    n = [one.to_frame().query("group == 'per further contact'")["n"].iloc[0]
         for one in (early, late)]  # fmt: skip
    joined = followed.people["joined_day"].notna() & followed.people["joined_day"].lt(
        followed.people["end_day"]
    )
    gone = followed.people["event_day"] - followed.people["joined_day"]
    matched = balanced.matches.loc[balanced.matches["exposed"], "person"]
    left = [int((joined & ~(gone <= k)).iloc[matched].sum()) for k in (10, 100)]
    assert n == left


def test_refusals_say_what_to_do(pilot):
    followed, balanced = pilot
    times = rows(np.random.default_rng(1), 60)
    for match, call in (
        ("needs `balanced`", lambda: effects_by_need(followed)),
        ("leave `balanced` out", lambda: effects_by_need(times, balanced, needs=NEEDS)),
        ("`needs` names", lambda: effects_by_need(times, exposed="joined")),
        ("is not a column", lambda: effects_by_need(times, needs=["x"], exposed="joined")),
        ("no yes or no", lambda: effects_by_need(times, needs=["n_needs"], exposed="joined")),
        ("`exposed='x'`", lambda: effects_by_need(times, needs=NEEDS, exposed="x")),
        ("`cluster='x'`", lambda: explored(times, cluster="x")),
        ("`number='x'`", lambda: explored(times, number="x")),
        ("ascending", lambda: explored(times, bands=(4, 2))),
        ("`landmark`", lambda: effects_by_dose(followed, balanced, landmark=0)),
        ("known of a follow-up, not", lambda: effects_by_dose(times.columns, balanced)),
        (
            "not a Propensity",
            lambda: effects_by_dose(followed, estimate_propensity(followed, terms=["age"])),
        ),
        ("`horizon` is a whole number", lambda: explored(times, horizon="365")),
        ("`confidence` lies", lambda: explored(times, confidence=95)),
        ("no row of the kinds", lambda: effects_by_dose(followed, balanced, kinds=["tea"])),
    ):
        with pytest.raises(ModelError, match=match):
            call()
    plain = pd.DataFrame({"joined": [0, 0, 0, 1, 1, 0], "age": [20, 25, 31, 30, 41, 45]})
    of_frame = match_cohorts(estimate_propensity(plain, exposed="joined", terms=["age"]))
    with pytest.raises(ModelError, match="is of a frame"):
        effects_by_need(followed, of_frame)
    with pytest.raises(DataError, match="not DataFrame"):
        effects_by_need(plain, needs=["age"], exposed="joined")
    with pytest.raises(ModelError, match="plain frame"):
        effects_by_dose(followed, of_frame)
