"""The bootstrap against R: coxph on rows written out, boot.ci; `bootstrap.R` makes the answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import fit_cox
from desistance.survival.resampling.coxreplicates import climb, design_of
from desistance.survival.resampling.limits import acceleration, limits
from desistance.survival.residuals import fit_again
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "bootstrap.json").read_text())
FRAME = pd.read_csv(HERE / "competing.csv")


def name_of(cell):
    options = [name for name in ("weights", "strata", "entry") if cell[name]]
    return "-".join([cell["by"], cell["ties"], *options])


@pytest.mark.parametrize("cell", ANSWERS["cells"], ids=name_of)
def test_replicates_of_a_cox_model_are_rs(cell):
    times = TimeToEvent.from_frame(
        FRAME, stop="day", event="event", start="entry" if cell["entry"] else None,
        weight="weight" if cell["weights"] else None,
    )  # fmt: skip
    fit = fit_cox(
        times, ["priors", "need", "tier"], ties=cell["ties"],
        strata="region" if cell["strata"] else None,
    )  # fmt: skip
    again = fit_again(fit, times)
    code = np.arange(300) if cell["by"] == "rows" else FRAME.site.to_numpy() - 1
    drawn = np.array(ANSWERS["draws"][cell["by"]]) - 1
    count = np.array([np.bincount(draw, minlength=300)[code] for draw in drawn], float).T
    beta, rests = climb(design_of(again.problem, np.arange(4)), again.top.beta, count)
    assert rests.all()
    assert_allclose(
        beta.T / again.problem.covariates.scale, cell["coefficients"], rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("answer", ANSWERS["limits"], ids=lambda answer: answer["confidence"])
@pytest.mark.parametrize("kind", ["percentile", "basic", "normal", "bca"])
def test_limits_are_those_of_boot_ci(answer, kind):
    x = np.array(ANSWERS["x"])
    pushed = acceleration((x - x.mean())[:, None])[0]
    values = np.array(ANSWERS["replicates"])
    found = limits(values, x.mean(), answer["confidence"], kind, pushed)
    assert_allclose(found, answer[kind], rtol=1e-12)
