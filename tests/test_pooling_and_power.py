import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from desistance.comparison import break_even, pool_areas, power, simulated_power
from desistance.errors import ModelError
from desistance.synthetic import SimulationDesign

FROM_R = json.loads((Path(__file__).parent / "reference" / "pooling.json").read_text())

# Smallest drop found four times in five at the 5 % level, comparison rate 56 %, in points: for each
# number exposed, with 1, 3 and 10 compared with each (methods brief of the evaluation).
DROPS = {
    30: (34.5, 28.8, 26.1), 60: (25.1, 20.7, 18.7), 100: (19.6, 16.1, 14.6),
    142: (16.5, 13.5, 12.3), 200: (14.0, 11.4, 10.3), 500: (8.8, 7.2, 6.5),
    1000: (6.3, 5.1, 4.6),
}  # fmt: skip
EVENTS = {0.8: (631, 841, 1908), 0.7: (247, 330, 747), 0.6: (121, 161, 364)}


@pytest.mark.parametrize("people", DROPS)
def test_smallest_drops_are_those_of_the_table(people):
    found = power(people, ratio=[1, 3, 10]).to_frame()
    drops = found.loc[found["outcome"].str.startswith("smallest"), "estimate"]
    assert drops.round(1).tolist() == list(DROPS[people])


@pytest.mark.parametrize("hazard_ratio", EVENTS)
def test_events_needed_are_those_of_the_table(hazard_ratio):
    found = power(100, ratio=[1, 3, 10], hazard_ratio=hazard_ratio).to_frame()
    needed = found.loc[found["outcome"].str.startswith("reoffenders needed"), "estimate"]
    # The table rounds up or to the nearest; either is within one.
    assert np.abs(needed.to_numpy() - EVENTS[hazard_ratio]).max() < 1


def test_power_is_that_of_r():
    found = power(142, difference=-10).to_frame().set_index("outcome")["estimate"]
    assert found["chance of finding the difference"] == pytest.approx(FROM_R["power"], abs=1e-8)
    smallest = power(60).to_frame()["estimate"].iloc[0]
    assert smallest == pytest.approx(100 * FROM_R["drop"], abs=1e-6)


def test_power_by_formula_is_the_share_of_tests_that_find_the_drop():
    rng, n, k = np.random.default_rng(3), 142, 3
    ours, theirs = rng.binomial(n, 0.42, 20_000) / n, rng.binomial(n * k, 0.56, 20_000) / (n * k)
    pooled = (ours + k * theirs) / (1 + k)
    z = (ours - theirs) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / (n * k)))
    found = power(n, ratio=k, difference=-14).to_frame().set_index("outcome")["estimate"]
    assert found["chance of finding the difference"] == pytest.approx(
        (np.abs(z) > 1.959964).mean(), abs=0.012
    )


def test_too_few_people_find_nothing():
    assert "not estimable" in power(2).to_frame()["note"].iloc[0]


def test_simulated_pilots_are_the_same_from_the_same_seed_and_find_a_large_effect():
    design = SimulationDesign(n_people=240, effect=0.2, missing_needs=0.0)
    first, again = (simulated_power(design, replicates=4, rng=5).to_frame() for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    chance = first[first["outcome"].str.startswith("chance")].set_index("outcome")["estimate"]
    assert chance["chance of finding the hazard ratio of the first reoffence"] >= 0.5


@pytest.mark.parametrize("case", ["unlike", "alike", "two"])
def test_pooling_is_that_of_metafor(case):
    wanted = FROM_R[case]
    areas = pd.DataFrame(
        {"group": [f"area {i}" for i in range(len(wanted["y"]))], "estimate": wanted["y"],
         "std_error": wanted["s"]}
    )  # fmt: skip
    found = pool_areas(areas, scale="difference")
    pooled = found.to_frame().tail(3)
    numbers = pooled[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].to_numpy(float)
    assert numbers[0, :4] == pytest.approx(wanted["fixed"], rel=1e-9)
    assert numbers[1] == pytest.approx(wanted["random"], rel=1e-6)
    assert found.heterogeneity["tau"] ** 2 == pytest.approx(wanted["tau2"], rel=1e-6, abs=1e-12)
    assert found.heterogeneity["q"] == pytest.approx(wanted["q"], rel=1e-12)
    if case == "two":
        assert pooled["note"].iloc[2].startswith("not estimable")


def test_ratios_are_pooled_as_logarithms():
    areas = pd.DataFrame({"group": list("abc"), "estimate": [0.5, 0.7, 1.1], "std_error": 0.2})
    as_logs = areas.assign(estimate=np.log(areas["estimate"]))
    ratios = pool_areas(areas, scale="ratio").to_frame()
    logs = pool_areas(as_logs, scale="difference").to_frame()
    limits = ["estimate", "conf_low", "conf_high"]
    assert ratios[limits].to_numpy() == pytest.approx(
        np.exp(logs[limits].to_numpy()), rel=1e-12, nan_ok=True
    )
    assert ratios["p_value"].to_numpy() == pytest.approx(logs["p_value"].to_numpy(), nan_ok=True)


def test_the_order_of_areas_does_not_matter_and_areas_without_an_estimate_are_counted():
    areas = pd.DataFrame(
        {
            "group": list("abcd"),
            "estimate": [0.5, 0.7, np.nan, 1.1],
            "std_error": [0.2, 0.3, 0.1, 0.2],
        }
    )
    first = pool_areas(areas, scale="ratio")
    again = pool_areas(areas.iloc[::-1], scale="ratio")
    columns = ["estimate", "conf_low", "conf_high"]
    assert again.to_frame().tail(3)[columns].to_numpy(float) == pytest.approx(
        first.to_frame().tail(3)[columns].to_numpy(float), rel=1e-12, nan_ok=True
    )
    assert any("1 areas have no estimate" in caveat for caveat in first.caveats)


@pytest.mark.parametrize(("scale", "confidence"), [("ratio", 0.95), ("difference", 0.9)])
def test_limits_stand_for_an_error_that_a_report_does_not_release(scale, confidence):
    areas = pd.DataFrame({
        "group": list("abc"), "estimate": [0.7, 0.9, 0.8], "std_error": [0.2, 0.15, 0.25],
    })  # fmt: skip
    whole = pool_areas(areas, scale=scale, confidence=confidence)
    released = whole.to_frame().iloc[:3].drop(columns="std_error")
    again = pool_areas(released, scale=scale, confidence=confidence)
    pd.testing.assert_frame_equal(again.to_frame(), whole.to_frame(), rtol=1e-12)
    assert any("as coarse as those are rounded" in said for said in again.caveats)
    with pytest.raises(ModelError, match="lacks std_error"):
        pool_areas(released[["group", "estimate"]], scale=scale)


def test_that_areas_are_taken_as_independent_is_said():
    """Where half of each estimate's variance is of people who are shared, limits are too narrow."""
    rng, s, hits = np.random.default_rng(9), 0.2, []
    for _ in range(400):
        shared, own = rng.normal(0, s * np.sqrt(0.5), (2, 6))
        y = -0.2 + shared[0] + own
        found = pool_areas(
            pd.DataFrame({"group": list("abcdef"), "estimate": y, "std_error": s}),
            scale="difference",
        )
        row = found.to_frame().set_index("group").loc["all areas: one effect"]
        hits.append(row["conf_low"] < -0.2 < row["conf_high"])
    assert np.mean(hits) < 0.8
    assert "Caveat: The areas are taken as independent." in found.summary()


def test_coverage_of_the_mean_effect_where_areas_differ():
    rng, hits, narrow = np.random.default_rng(8), [], []
    for _ in range(400):
        s = rng.uniform(0.1, 0.3, 6)
        y = rng.normal(-0.2, np.sqrt(s**2 + 0.2**2))
        frame = pd.DataFrame({"group": list("abcdef"), "estimate": y, "std_error": s})
        rows = pool_areas(frame, scale="difference").to_frame().iloc[6:8]
        covered = (rows["conf_low"] < -0.2) & (rows["conf_high"] > -0.2)
        narrow.append(covered.iloc[0])
        hits.append(covered.iloc[1])
    assert 0.92 < np.mean(hits) < 0.985
    assert np.mean(narrow) < 0.85  # one effect for all: too sure of itself


@pytest.mark.parametrize(
    ("areas", "says"),
    [
        (pd.DataFrame({"group": ["a", "a"], "estimate": 1.0, "std_error": 1.0}), "twice"),
        (pd.DataFrame({"group": ["a"], "estimate": 1.0, "std_error": 1.0}), "Fewer than two"),
        (pd.DataFrame({"group": ["a", "b"], "estimate": 1.0}), "lacks std_error"),
        (
            pd.DataFrame({"group": ["a", "b"], "estimate": ["c", "d"], "std_error": 1.0}),
            "Column 'estimate' holds text",
        ),
        (pd.DataFrame({"group": ["a", "b"], "estimate": -1.0, "std_error": 1.0}), "above 0"),
    ],
)
def test_areas_that_cannot_be_pooled_are_refused(areas, says):
    with pytest.raises(ModelError, match=says):
        pool_areas(areas, scale="ratio")


@pytest.mark.parametrize(
    ("people", "choices", "says"),
    [
        ("60", {}, "whole numbers, 2 or more"),
        (60.5, {}, "whole numbers, 2 or more"),
        (60, {"ratio": "10"}, "`ratio` is above 0"),
        (60, {"rate": "56"}, "are numbers"),
        (60, {"difference": "-5"}, "are numbers"),
        (60, {"hazard_ratio": 0.0}, "above 0"),
        (60, {"wanted": "0.8"}, "are numbers"),
    ],
    ids=str,
)
def test_power_of_what_is_no_number_is_refused(people, choices, says):
    with pytest.raises(ModelError, match=says):
        power(people, **choices)


def test_break_even_is_plain_arithmetic_and_an_unclear_saving_is_no_headline():
    told = break_even(
        cost_per_person=900.0, cost_per_reoffence=(3000.0, 2000.0, 4500.0), price_year="2015/16",
        prevented=(0.5, -0.1, 1.0),
    )  # fmt: skip
    frame = told.to_frame().set_index("outcome")
    needed = frame.iloc[0][["estimate", "conf_low", "conf_high"]].tolist()
    assert needed == pytest.approx([0.3, 0.2, 0.45])
    saved = frame.iloc[2][["estimate", "conf_low", "conf_high"]].tolist()
    assert saved == pytest.approx([1500.0, -450.0, 4500.0])
    assert not told.conclusive
    assert "not for a headline" in frame["note"].iloc[2]
    assert "2015/16" in told.summary()
    sure = break_even(cost_per_person=900.0, cost_per_reoffence=3000.0, price_year="2015/16",
                      prevented=(0.5, 0.2, 0.8))  # fmt: skip
    assert sure.conclusive
    assert sure.to_frame()["note"].tolist() == [
        "",
        "",
        "",
        "inconclusive: not for a headline",
    ]  # 0.2 of 3000 is less than 900


def test_a_price_without_its_year_is_refused():
    with pytest.raises(ModelError, match="whose prices"):
        break_even(cost_per_person=1.0, cost_per_reoffence=2.0, price_year=" ")


@pytest.mark.parametrize("cost", [0.0, (3.0, 4.0, 5.0)])
def test_costs_that_cannot_be_are_refused(cost):
    with pytest.raises(ModelError, match="above 0"):
        break_even(cost_per_person=1.0, cost_per_reoffence=cost, price_year="2020/21")
