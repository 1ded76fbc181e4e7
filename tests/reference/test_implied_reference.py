"""Shares implied by a Cox model of each cause, against R survival 3.5-3: see implied.R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival.competing import fit_cause_specific
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "implied.json").read_text())
ROWS = pd.read_csv(HERE / "competing.csv")


@pytest.mark.parametrize("cell", ANSWERS["cells"], ids=lambda c: f"{c['ties']}-{c['entry']}")
def test_shares_and_errors_are_rs(cell):
    start = {"start": "entry"} if cell["entry"] else {}
    times = TimeToEvent.from_frame(ROWS, stop="day", event="event", cause="cause", **start)
    fit = fit_cause_specific(times, ["priors", "need"], ties=cell["ties"])
    found = fit.incidence_at({"priors": 0.7, "need": 1}, ANSWERS["days"])
    table = found.pivot_table(index="day", columns="cause", values=["estimate", "std_error"])
    order = [*ANSWERS["causes"], "no event"]
    assert_allclose(table.estimate[order], cell["share"], rtol=1e-10)
    assert_allclose(found.groupby("day").estimate.sum(), 1.0, rtol=1e-14)
    if "error" in cell:
        assert_allclose(table.std_error[order], cell["error"], rtol=1e-9)
    assert np.isfinite(found[["conf_low", "conf_high"]]).all(axis=None)
