"""What the effects of areas going live must do: by hand, by another reader, by R, by symmetry."""

import json
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import ttest_ind
from statsmodels.regression.mixed_linear_model import MixedLM

from desistance.comparison.rollout import area_months, fit_stepped_wedge, rollout_effects
from desistance.comparison.rollout.areamonths import panel_of
from desistance.comparison.rollout.effects import (
    CALENDAR,
    GROUP,
    OVERALL,
    RANDOMISED,
    SINCE,
    STACKED,
    STACKED_ALL,
    TWO_WAY,
)
from desistance.comparison.rollout.interrupted import LEVEL, MEAN, SLOPE, interrupted_time_series
from desistance.errors import FollowUpError, ModelError
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.histories.days import DAYS_A_MONTH
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples

REFERENCE = Path(__file__).parent / "reference"
FROM_R = json.loads((REFERENCE / "rollout.json").read_text())
PANEL = pd.read_csv(REFERENCE / "rollout.csv")
QUICK = {"permutations": 60, "draws": 99}


def table(rates, go_live):
    """Make a frame of `rates` (areas by months) whose areas are called A, B, ..."""
    return pd.DataFrame(
        [
            (chr(65 + i), month, rate, go_live[i])
            for i, row in enumerate(rates)
            for month, rate in enumerate(row)
        ],
        columns=["area", "month", "outcome", "go_live"],
    )


def of(frame, measure):
    return frame[frame["measure"] == measure]


def att_by_reading(frame, group, month, *, against, base_months=1, anticipation=0):
    """ATT(g, t) read off a frame row by row, in whatever numbers it holds."""
    value = {(r.area, r.month): r.outcome for r in frame.itertuples() if r.outcome == r.outcome}
    weight, live = {}, {}
    for row in frame.itertuples():
        weight.setdefault(row.area, []).append(getattr(row, "weight", 1))
        live[row.area] = None if row.go_live != row.go_live else row.go_live
    months = [group - anticipation - k for k in range(base_months, 0, -1)]
    base = months[-1]

    def change(area):
        before = [value[area, m] for m in months if (area, m) in value]
        if not before or (area, month) not in value:
            return None
        return value[area, month] - sum(before) / len(before)

    def mean(areas):
        told = [(weight[a][0], change(a)) for a in areas if change(a) is not None]
        return sum(w * c for w, c in told) / sum(w for w, _ in told) if told else None

    mine = [a for a, g in live.items() if g == group]
    if against == "never":
        others = [a for a, g in live.items() if g is None]
    else:
        last = max(month, base) + anticipation
        others = [a for a, g in live.items() if g is None or (g > last and g != group)]
    ours, theirs = mean(mine), mean(others)
    return None if ours is None or theirs is None else ours - theirs


def test_group_time_effects_are_those_by_hand():
    # Three areas and four months, in exact arithmetic; A live from month 1, B from 2, C never.
    rates = [[4, 3, 1, 0], [6, 7, 4, 5], [5, 6, 6, 8]]
    found = rollout_effects(table(rates, [1, 2, np.nan]), base_months=1, window=(1, 2), **QUICK)
    effects = found.group_times.set_index(["go_live", "month"])["estimate"]
    # A: -1 - mean(1, 1) = -2 in month 1; -3 - 1 = -4 in month 2; -4 - 3 = -7 in month 3.
    # B: -3 - 0 = -3 in month 2; -2 - 2 = -4 in month 3; and month 0 against 1: -1 - (-1) = 0.
    assert effects.to_dict() == {
        ("1", "0"): 0, ("1", "1"): -2, ("1", "2"): -4, ("1", "3"): -7,
        ("2", "0"): 0, ("2", "1"): 0, ("2", "2"): -3, ("2", "3"): -4,
    }  # fmt: skip
    assert found.effect()["estimate"] == pytest.approx((-13 / 3 - 3.5) / 2, abs=1e-14)
    since = found.to_frame().pipe(of, SINCE).set_index("month")["estimate"]
    assert since.loc[[0, 1, 2]].tolist() == [-2.5, -4, -7]


@pytest.mark.parametrize("against", ["never", "not-yet"])
@pytest.mark.parametrize(("base_months", "anticipation"), [(1, 0), (3, 0), (2, 1)])
def test_group_time_effects_are_those_of_another_reader(against, base_months, anticipation):
    rng = np.random.default_rng(8)
    go_live = [4, 4, 6, 7, 7, np.nan, np.nan, np.nan]
    frame = table(rng.integers(0, 40, (8, 10)), go_live).astype({"outcome": object})
    frame["outcome"] = [Fraction(int(value), 7) for value in frame["outcome"]]
    frame = frame[rng.random(len(frame)) < 0.9]
    found = rollout_effects(
        frame.astype({"outcome": float}), against=against, base_months=base_months,
        anticipation=anticipation, window=(3, 2), **QUICK)  # fmt: skip
    checked, by_group = 0, {4: [], 6: [], 7: []}
    seen = found.group_times.set_index(["go_live", "month"])["estimate"]
    for group, effects in by_group.items():
        for month in range(10):
            exact = att_by_reading(frame, group, month, against=against, base_months=base_months,
                                   anticipation=anticipation)  # fmt: skip
            if exact is None:
                assert (str(group), str(month)) not in seen.index
                continue
            assert seen[str(group), str(month)] == pytest.approx(float(exact), abs=1e-13)
            checked += 1
            if month >= group:
                effects.append(exact)
    assert checked > 20
    size = {4: 2, 6: 1, 7: 2}
    told = [g for g in by_group if by_group[g]]
    overall = sum(size[g] * sum(by_group[g]) / len(by_group[g]) for g in told)
    overall /= sum(size[g] for g in told)
    assert found.effect()["estimate"] == pytest.approx(float(overall), abs=1e-13)


def test_one_group_and_two_months_are_welchs_test():
    rng = np.random.default_rng(2)
    before, after = rng.normal(10, 2, 11), rng.normal(9, 3, 11)
    go_live = [1.0] * 4 + [np.nan] * 7
    found = rollout_effects(table(np.column_stack([before, after]), go_live), base_months=1,
                            window=(1, 0), **QUICK).effect()  # fmt: skip
    change = after - before
    welch = ttest_ind(change[:4], change[4:], equal_var=False)
    assert found["estimate"] == pytest.approx(change[:4].mean() - change[4:].mean(), abs=1e-13)
    assert found["p_value"] == pytest.approx(welch.pvalue, abs=1e-12)
    assert found["df"] == pytest.approx(welch.df, abs=1e-10)
    limits = welch.confidence_interval()
    assert_allclose(found[["conf_low", "conf_high"]].to_numpy(float), limits, atol=1e-11)


def test_randomised_go_live_is_that_of_going_through_every_way():
    rng = np.random.default_rng(4)
    rates, go_live = rng.integers(0, 30, (5, 6)).astype(float), [2, 3, 3, np.nan, np.nan]
    found = rollout_effects(table(rates, go_live), base_months=1, window=(1, 1), draws=99,
                            confidence=0.8)  # fmt: skip
    row = found.effect(RANDOMISED)
    assert found.n_ways == 30
    assert row["note"] == "all 30 ways to go live"
    live = np.array([[month >= start for month in range(6)] for start in go_live])

    def overall(outcomes, starts):
        frame, total = table(outcomes, starts), 0.0
        for group, size in ((2, 1), (3, 2)):
            cells = [att_by_reading(frame, group, m, against="not-yet") for m in range(group, 6)]
            total += size * np.mean([cell for cell in cells if cell is not None]) / 3
        return total

    ways = sorted({tuple(str(g) for g in way) for way in permutations(go_live)})
    ways = [[float(g) for g in way] for way in ways]

    def p_value(effect):
        left = rates - effect * live
        far = np.abs([overall(left, way) for way in ways])
        return np.mean(far >= abs(overall(left, go_live)) - 1e-9)

    assert row["p_value"] == pytest.approx(p_value(0.0), abs=1e-12)
    for end, inwards in ((row["conf_low"], 1e-6), (row["conf_high"], -1e-6)):
        assert p_value(end + inwards) > 0.2
        assert p_value(end - inwards) <= 0.2


def test_intervals_are_endless_where_there_are_too_few_ways():
    found = rollout_effects(table([[1, 5, 2.0], [3, 1, 4], [2, 2, 9]], [1, np.nan, np.nan]),
                            base_months=1, window=(1, 1), draws=99).effect(RANDOMISED)  # fmt: skip
    assert found["p_value"] >= 1 / 3
    assert np.isinf([found["conf_low"], found["conf_high"]]).all()


@examples(10)
@given(st.integers(0, 10_000))
def test_names_order_and_what_moves_all_areas_change_nothing(seed):
    rng = np.random.default_rng(seed)
    go_live = np.array([3, 3, 5, 5, np.nan, np.nan, np.nan])
    rates = rng.normal(10, 2, (7, 9))
    order = rng.permutation(7)
    moved = rates + rng.normal(0, 5, 9) + rng.normal(0, 5, 7)[:, None]
    shuffled = table(moved[order], go_live[order]).sample(frac=1, random_state=seed)
    ours, theirs = (
        rollout_effects(frame, window=(3, 3), permutations=210, draws=99).to_frame()
        for frame in (table(rates, go_live), shuffled)
    )
    exact = ["estimate", "std_error", "df", "conf_low", "conf_high", "p_value"]
    assert_allclose(ours[exact].to_numpy(float), theirs[exact].to_numpy(float), atol=1e-8)


def test_stacked_event_study_is_that_of_r():
    found = rollout_effects(PANEL, base_months=1, window=(5, 6), **QUICK)
    rows = found.to_frame().pipe(of, STACKED).query("month != -1")
    assert rows["month"].tolist() == FROM_R["stacked"]["month"]
    for column in ("estimate", "std_error", "df"):
        assert_allclose(rows[column].to_numpy(), FROM_R["stacked"][column], rtol=1e-9)
    after = found.effect(STACKED_ALL)[["estimate", "std_error", "df"]].to_numpy(float)
    assert_allclose(after, FROM_R["stacked"]["after"], rtol=1e-9)
    two_way = found.effect(TWO_WAY)[["estimate", "std_error", "df"]].to_numpy(float)
    assert not np.isclose(two_way[0], found.effect()["estimate"], atol=0.1)
    # With mean exposures as weights the yardstick is not the weighted fit of R; with all areas
    # alike, and every month there, it is the plain fit.
    assert found.pre_trend["n_months"] == 4


def test_stacked_effects_are_means_of_group_time_effects_against_areas_never_live():
    rng = np.random.default_rng(3)
    go_live = [5, 5, 7, 7, 7, np.nan, np.nan, np.nan]
    found = rollout_effects(table(rng.normal(10, 2, (8, 12)), go_live), against="never",
                            base_months=2, window=(4, 4), **QUICK)  # fmt: skip
    frame = found.to_frame()
    ours = frame.pipe(of, SINCE).set_index("month")["estimate"]
    stacked = frame.pipe(of, STACKED).set_index("month")["estimate"]
    assert_allclose(stacked, ours, atol=1e-10)


def test_interrupted_series_are_those_of_r():
    columns = ["estimate", "std_error"]
    for name, choices in (
        ("alone", {"harmonics": 1, "lags": 2}),
        ("less", {"compare": True, "lags": 2}),
        ("ar1", {"errors": "ar1"}),
    ):
        rows = interrupted_time_series(PANEL, **choices).to_frame()
        rows = rows[rows["group"] == "A"].set_index("term")[columns]
        found = rows.loc[[LEVEL, SLOPE]].to_numpy().T.ravel()
        assert_allclose(found, FROM_R["interrupted"][name], rtol=1e-8)


def test_a_series_without_noise_gives_back_its_changes():
    months = np.arange(30)
    rate = 5 + 0.2 * months + np.cos(2 * np.pi * months / 12) - (months >= 15) * (
        2 + 0.1 * (months - 15))  # fmt: skip
    frame = pd.DataFrame({"area": "A", "month": months, "outcome": rate, "go_live": 15})
    rows = interrupted_time_series(frame, harmonics=1).to_frame().set_index("term")
    assert_allclose(rows.loc[[LEVEL, SLOPE, MEAN], "estimate"], [-2, -0.1, -2.7], atol=1e-10)
    assert rows["note"].str.contains("the fit is perfect").all()
    short = interrupted_time_series(frame[frame["month"] < 19])
    assert short.to_frame()["note"].str.startswith("not estimable").all()
    assert short.plot().get_xlabel() == "Months since go-live"


@pytest.mark.parametrize("weigh", ["exposure", "areas"])
def test_stepped_wedge_is_that_of_lme4_and_statsmodels(weigh):
    fitted = fit_stepped_wedge(PANEL, weigh=weigh)
    row = fitted.to_frame().iloc[0]
    found = [row["estimate"], row["std_error"], fitted.between, fitted.within]
    assert_allclose(found, FROM_R["mixed"][weigh], rtol=1e-6)  # lme4 stops there
    panel = PANEL.assign(root=np.sqrt(PANEL["exposure"] / PANEL["exposure"].mean()))
    root = panel["root"].to_numpy() if weigh == "exposure" else np.ones(len(panel))
    x = np.column_stack([PANEL["month"] >= PANEL["go_live"], np.eye(20)[PANEL["month"]]])
    rate = (100 * PANEL["outcome"] / PANEL["exposure"]).to_numpy()
    theirs = MixedLM(rate * root, x * root[:, None], PANEL["area"].to_numpy(),
                     exog_re=root[:, None]).fit(method="bfgs")  # fmt: skip
    assert fitted.between == pytest.approx(theirs.cov_re[0, 0], rel=1e-3)
    assert row["estimate"] == pytest.approx(theirs.params[0], rel=1e-4)


def test_stepped_wedge_has_the_error_of_hussey_and_hughes():
    rng = np.random.default_rng(6)
    go_live = [1, 2, 3, 4, 5, 6]
    rates = rng.normal(0, 2, 6)[:, None] + rng.normal(10, 1, (6, 7))
    fitted = fit_stepped_wedge(table(rates, go_live))
    live = (np.arange(7) >= np.array(go_live)[:, None]).astype(float)
    areas, months, tau2, s2 = 6, 7, fitted.between, fitted.within
    u, w, v = live.sum(), (live.sum(axis=0) ** 2).sum(), (live.sum(axis=1) ** 2).sum()
    variance = areas * s2 * (s2 + months * tau2) / (
        (areas * u - w) * s2
        + (u**2 + areas * months * u - months * w - areas * v) * tau2
    )  # fmt: skip
    assert tau2 > 0
    assert fitted.to_frame()["std_error"].iloc[0] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_areas_that_do_not_differ_are_told():
    rng = np.random.default_rng(1)
    rates = rng.normal(10, 1, (5, 6))
    fitted = fit_stepped_wedge(table(rates - rates.mean(axis=1)[:, None], [2, 3, 4, 5, np.nan]))
    assert fitted.between == 0
    assert any("put at 0" in caveat for caveat in fitted.caveats)


@pytest.fixture(scope="module")
def followed():
    cases = simulate_cases(SimulationDesign(n_people=150), rng=5)
    return follow_up(cases, build_histories(cases))


def test_area_months_are_those_of_counting_every_day(followed):
    found = area_months(followed, months=9).set_index(["area", "month"])
    everyone = np.arange(len(followed.people))
    rows = followed.from_day(everyone, everyone * 0, months=9,
                             until_joining=np.zeros(len(everyone), bool))  # fmt: skip
    days = {}
    for row in rows.itertuples():
        person = followed.people.loc[row.pair]
        for day in range(row.start + 1, row.stop + 1):
            date = person["index_date"] + pd.Timedelta(days=day)
            key = person["area_id"], date.replace(day=1)
            days[key] = days.get(key, 0) + 1
    assert len(days) == len(found)
    counted = found["exposure"] * DAYS_A_MONTH
    assert_allclose(counted.to_numpy(), [days[key] for key in found.index], atol=1e-9)
    assert found["outcome"].sum() == rows["n_reoffences"].sum() > 0
    # Go-live on 31 December is January; on 30 September October; on 1 April April.
    live = found.groupby("area")["go_live"].first().dropna().dt.strftime("%Y-%m").to_dict()
    assert live == {"AREA1": "2020-10", "AREA2": "2021-01", "AREA3": "2021-04", "AREA4": "2021-07",
                    "AREA5": "2021-10"}  # fmt: skip


def test_a_follow_up_and_its_table_give_the_same_effects(followed):
    ours = rollout_effects(followed, **QUICK)
    theirs = rollout_effects(area_months(followed), **QUICK)
    columns = ["estimate", "std_error", "p_value"]
    assert_allclose(ours.to_frame()[columns].to_numpy(float),
                    theirs.to_frame()[columns].to_numpy(float))  # fmt: skip
    assert "reoffences per 100 person-months" in ours.summary()
    assert any(caveat.startswith("Only 8 areas") for caveat in ours.caveats)
    assert {CALENDAR, GROUP, OVERALL} <= set(ours.to_frame()["measure"])


def test_seeds_and_bands():
    one, two, other = (rollout_effects(PANEL, permutations=60, rng=r).to_frame() for r in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)
    shown = one.dropna(subset=["band_low", "conf_low"])
    assert (shown["band_low"] < shown["conf_low"]).all()
    assert (shown["band_high"] > shown["conf_high"]).all()


def test_areas_live_from_the_start_are_left_out_and_told():
    frame = pd.concat([PANEL, PANEL[PANEL["area"] == "A"].assign(area="Z", go_live=0)])
    found = rollout_effects(frame, **QUICK)
    assert found.n_areas == 9
    assert any("1 areas were live in the first months" in caveat for caveat in found.caveats)
    assert found.effect()["estimate"] == rollout_effects(PANEL, **QUICK).effect()["estimate"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(lambda f: f.drop(columns="go_live"), "lacks go_live"),
     (lambda f: f.iloc[:0], "no rows"),
     (lambda f: pd.concat([f, f.iloc[[0]]]), "no two rows"),
     (lambda f: f.assign(go_live=np.arange(len(f))), "one `go_live`"),
     (lambda f: f.assign(go_live=np.nan), "No area goes live"),
     (lambda f: f.assign(exposure=-1.0), "180 of 180 exposures are below 0"),
     (lambda f: f.assign(outcome="x"), "holds no numbers"),
     (lambda f: f.assign(month=pd.Timestamp("2024-01-01") + pd.to_timedelta(f.index * 31, "D")),
      "both dates, or both whole numbers")],
)  # fmt: skip
def test_frames_that_cannot_be_read_are_refused(spoil, told):
    with pytest.raises(ModelError, match=told):
        rollout_effects(spoil(PANEL), **QUICK)


def test_choices_that_cannot_be_are_refused(followed):
    every = PANEL.dropna(subset=["go_live"])
    for frame, choices in (
        (PANEL, {"against": "later"}), (PANEL, {"weigh": "people"}), (PANEL, {"window": (1, 1)}),
        (PANEL, {"confidence": 1.0}), (every, {"against": "never"}),
    ):  # fmt: skip
        with pytest.raises(ModelError):
            rollout_effects(frame, **choices)
    with pytest.raises(ModelError, match="none to compare"):
        interrupted_time_series(every, compare=True)
    with pytest.raises(ModelError, match="too few"):
        fit_stepped_wedge(PANEL[PANEL["area"] < "C"])
    with pytest.raises(ModelError, match="`measure` is one of"):
        rollout_effects(PANEL, **QUICK).effect("rate")
    people = followed.people.assign(area_id="elsewhere")
    lost = type(followed)(followed.design, followed.histories, people, followed.rows,
                          followed.flow, followed.reoffences, followed.caveats)  # fmt: skip
    with pytest.raises(FollowUpError, match="no go-live date"):
        area_months(lost)


def test_dates_and_numbers_are_the_same_months():
    dates = PANEL.assign(
        month=pd.to_datetime("2021-03-15") + PANEL["month"].map(lambda m: pd.DateOffset(months=m)),
        go_live=[pd.NaT if np.isnan(g) else pd.Timestamp("2021-03-01") + pd.DateOffset(months=g)
                 for g in PANEL["go_live"]],
    )  # fmt: skip
    ours, theirs = panel_of(PANEL), panel_of(dates)
    assert theirs.months[:2] == ("2021-03", "2021-04")
    assert_allclose(ours.y, theirs.y)
    assert ours.start.tolist() == theirs.start.tolist()
