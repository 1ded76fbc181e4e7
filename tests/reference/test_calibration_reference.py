"""Calibration against R survival 3.5-3 and glm, on people not fitted: see calibration.R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import calibration, fit_cox
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "calibration.json").read_text())
ROWS = pd.read_csv(HERE / "frailty.csv")


def times_of(frame, **roles):
    return TimeToEvent.from_frame(
        frame.reset_index(drop=True), start="entry", stop="day", event="event", **roles
    )


@pytest.mark.parametrize("cell", ANSWERS, ids=["plain", "strata", "weights"])
def test_calibration_on_other_people_is_rs(cell):
    strata = "region" if cell["strata"] else None
    fit = fit_cox(times_of(ROWS[:200]), ["priors", "need"], strata=strata)
    other = ROWS[200:].assign(weight=lambda d: 0.5 + d.need + np.abs(d.priors))
    times = times_of(other, **({"weight": "weight"} if cell["weights"] else {}))
    found = calibration(fit, times, day=20, groups=5)
    ratio, slope = found.measures.to_dict("records")
    assert_allclose([ratio["estimate"], ratio["std_error"]], [cell["ratio"], cell["ratio_error"]])
    if not cell["weights"]:
        assert_allclose(ratio["std_error"], cell["glm_error"], rtol=1e-9)
    assert_allclose(ratio["estimate"], cell["ratio"], rtol=1e-10)
    assert_allclose(slope["estimate"], cell["slope"], rtol=1e-9)
    assert_allclose(slope["std_error"], cell["slope_error"], rtol=1e-9)
    frame, answer = found.to_frame(), pd.DataFrame(cell["groups"])
    columns = ["n", "n_events", "n_expected", "predicted", "estimate"]
    assert_allclose(frame[columns], answer[columns], rtol=1e-10)
    if not cell["weights"]:
        assert_allclose(frame.std_error, answer.std_error, rtol=1e-10)
