"""The definitions of desistance against curves and kernels written out in R (`desistance.R`)."""

import json
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance import TimeToEvent, measure_desistance

HERE = Path(__file__).parent
ARMS = json.loads((HERE / "desistance.json").read_text(encoding="utf-8"))["arms"]
YEAR = 365.25


@pytest.fixture(scope="module")
def measured():
    rows = pd.read_csv(HERE / "survival_recurrent.csv")
    times = TimeToEvent.from_frame(
        rows, start="begin", stop="end", event="again", person="person", recurrent=True
    )
    return {
        day: measure_desistance(
            times, "arm", crime_free_years=day / YEAR, threshold=0.09 * YEAR,
            reference=0.04 * YEAR, window_years=4 / YEAR, bandwidth_years=6 / YEAR,
            replicates=100, rng=1,
        )
        for day in (10, 20)
    }  # fmt: skip


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: f"arm-{arm['arm']}")
def test_shares_rates_and_days_are_those_by_hand(measured, arm):
    label = str(arm["arm"])
    for place, day in enumerate((10, 20)):
        frame = measured[day].to_frame().set_index(["group", "outcome"])
        static = frame.loc[(label, "static")]
        found = [static.estimate, static.conf_low, static.conf_high]
        assert_allclose(found, [arm[name][place] for name in ("share", "low", "high")], rtol=1e-9)
    rate, hazard = measured[10].rate.curve, measured[10].convergence.curve
    assert_allclose(rate.estimate[rate.group == label], arm["rate"], atol=1e-12)
    assert_allclose(hazard.estimate[hazard.group == label], arm["hazard"], atol=1e-12)
    for outcome, day in {"dynamic": arm["below"], "hazard convergence": arm["met"]}.items():
        expected = float("nan") if day is None else day
        assert YEAR * frame.loc[(label, outcome)].estimate == pytest.approx(expected, nan_ok=True)


def test_there_are_days_to_compare():
    assert sum(arm[name] is not None for arm in ARMS for name in ("below", "met")) == 4
