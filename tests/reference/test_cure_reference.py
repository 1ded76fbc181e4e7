"""A split population with a Cox latency against EM, and against its likelihood, written out in R.

`cure.R` makes the people and the answers; smcure's own published numbers are in the methods page.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import fit_split_population
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "cure.json").read_text(encoding="utf-8"))["cells"]
PEOPLE = pd.read_csv(HERE / "cure.csv")


def name_of(cell):
    return "-".join(["cox", *(name for name in ("weights", "entry") if cell[name])])


@pytest.mark.parametrize("cell", ANSWERS, ids=name_of)
def test_a_cox_latency_is_where_rs_em_ends(cell):
    columns = {"weight": "w"} if cell["weights"] else {}
    columns |= {"start": "entry"} if cell["entry"] else {}
    times = TimeToEvent.from_frame(PEOPLE, stop="stop", event="event", **columns)
    fit = fit_split_population(times, ["need", "priors"], share_terms=["need"], latency="cox")
    found = fit.solution
    assert_allclose(found.values, cell["estimate"], atol=1e-9)
    assert fit.log_likelihood == pytest.approx(cell["loglik"], abs=1e-9)
    assert_allclose(found.day, cell["day"])
    to_zero = np.dot(cell["estimate"][:2], found.centre)
    assert_allclose(
        found.baseline.cumulative, np.array(cell["cumulative"]) * np.exp(to_zero), rtol=1e-8
    )
    predicted = fit.survival_at({"need": 1, "priors": 0.5}, cell["at"])
    assert_allclose(predicted.estimate, cell["survival"], atol=1e-10)
    errors = fit.maximum(log=True).set_index(["group", "term"]).std_error
    order = [("latency", "need"), ("latency", "priors"), ("share", "intercept"), ("share", "need")]
    assert_allclose(errors[order], cell["std_error"], rtol=2e-6)  # theirs by differences
