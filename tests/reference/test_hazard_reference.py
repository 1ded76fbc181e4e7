"""Smoothed hazards against kernels and boundary kernels written out in R (`hazard.R`)."""

import json
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import smoothed_hazard
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "hazard.json").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("cell", ANSWERS, ids=lambda cell: f"bandwidth-{cell['bandwidth']}")
def test_a_smoothed_hazard_is_the_one_by_hand(cell):
    columns = {"weight": "w"} if cell["weights"] else {}
    columns |= {"start": "entry"} if cell["entry"] else {}
    people = pd.read_csv(HERE / "cure.csv")
    times = TimeToEvent.from_frame(people, stop="stop", event="event", **columns)
    found = smoothed_hazard(times, bandwidth=cell["bandwidth"])
    assert found.groups.first_day[0] == cell["first"]
    assert found.groups.last_day[0] == cell["last"]
    assert_allclose(found.to_frame().estimate, cell["estimate"], atol=1e-12)
    assert_allclose(found.to_frame().std_error, cell["std_error"], atol=1e-12)
    chosen = smoothed_hazard(times).groups.bandwidth[0]
    assert chosen == pytest.approx(max(cell["best"], 1), rel=1e-12)
