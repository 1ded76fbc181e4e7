"""Trajectories against likelihoods climbed in R (`trajectories.R`), and crimCV's Toronto fits.

The Toronto data are crimCV's (GPL) and are not in the repository: TO1.csv, TO1adj.csv (counts
divided by time at risk and rounded), TO1Risk.csv, and reference.json of crimCV 1.0.0 and of EM and
Newton's steps in R, in the folder named by DESISTANCE_TORONTO.
"""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from desistance.trajectories import fit_trajectories
from desistance.trajectories.climbing import starts

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "trajectories.json").read_text())
PANEL = pd.read_csv(HERE / "trajectories.csv")


@pytest.mark.parametrize(("name", "options"), [
    ("poisson", {"family": "poisson"}),
    ("zip", {"family": "zip"}),
    ("tau", {"family": "zip", "inflation": "tau"}),
    ("negative-binomial", {"family": "negative-binomial"}),
    ("logit", {"family": "logit"}),
    ("membership", {"family": "zip", "membership": ["need"]}),
])  # fmt: skip
def test_it_is_the_top_found_in_r(name, options):
    fit = fit_trajectories(PANEL, groups=2, person="person", starts=4, rng=1, **options)
    answer, frame = ANSWERS[name], fit.to_frame()
    assert fit.log_likelihood == pytest.approx(answer["loglik"], abs=1e-9)
    assert_allclose(frame.estimate, answer["params"], atol=1e-7)
    assert_allclose(frame.std_error, answer["std_error"], rtol=2e-6)


# --- crimCV's Toronto youth ---------------------------------------------------------------

TORONTO = Path(os.environ.get("DESISTANCE_TORONTO", "toronto"))
toronto = pytest.mark.skipif(
    not (TORONTO / "reference.json").exists(), reason="the reference data are not here"
)


def youth(counts="TO1"):
    """Lay out 378 males at 31 ages; time at risk is at least a day, as in the reference."""
    table, risk = (pd.read_csv(TORONTO / f"{name}.csv") for name in (counts, "TO1Risk"))
    rows = table.melt("person", var_name="age", value_name="contacts")
    rows["free"] = risk.melt("person")["value"].clip(lower=1 / 365)
    rows["age"] = rows["age"].str.removeprefix("age").astype(int)
    return rows


def toronto_answer(name):
    return json.loads((TORONTO / "reference.json").read_text())["analyses"][name]["result"]


def toronto_fit(rows, **options):
    return fit_trajectories(
        rows, person="person", time="age", count="contacts", centre=20, unit=10, rng=3, **options
    )


@toronto
@pytest.mark.parametrize(("name", "options"), [
    ("poisson_cubic_1groups", {"groups": 1, "degree": 3}),
    ("poisson_cubic_2groups", {"groups": 2, "degree": 3, "starts": 4}),
    ("poisson_cubic_3groups", {"groups": 3, "degree": 3}),
    ("poisson_cubic_4groups", {"groups": 4, "degree": 3, "starts": 4}),
    ("poisson_cubic_exposure_2groups", {"groups": 2, "degree": 3, "exposure": "free", "starts": 4}),
    ("poisson_cubic_exposure_3groups", {"groups": 3, "degree": 3, "exposure": "free", "starts": 4}),
    ("zip_quadratic_2groups", {"groups": 2, "family": "zip", "starts": 4}),
])  # fmt: skip
def test_torontos_trajectories(name, options):
    answer = toronto_answer(f"gbtm_{name}")
    fit = toronto_fit(youth(), **({"family": "poisson", "exposure": None} | options))
    groups, frame = fit.groups(), fit.to_frame()
    assert fit.log_likelihood == pytest.approx(answer["loglik"], abs=1e-7)
    assert fit.bic == pytest.approx(answer["bic_n_persons"], abs=1e-7)
    assert fit.aic == pytest.approx(answer["aic"], abs=1e-7)
    assert fit.n_parameters == answer["n_parameters"]
    assert_allclose(groups.estimate, answer["group_share_pi"], atol=1e-7)
    assert groups.n.tolist() == answer["assigned_counts"]
    assert_allclose(groups.average_posterior, answer["average_posterior_probability"], rtol=1e-7)
    terms = frame[frame.term.str.match("intercept|z")]
    assert_allclose(terms.estimate, np.ravel(answer["beta_by_group"]), atol=1e-7)
    # the reference's come of numerical second derivatives of long steps; ours are R's above to 2e-6
    assert_allclose(terms.std_error, np.ravel(answer["se_beta_by_group"]), rtol=2e-3)
    assert_allclose(fit.curve().estimate, np.ravel(answer["expected_count_at_ages"]), rtol=1e-6)
    if fit.n_groups > 1:
        odds = answer["odds_of_correct_classification"]
        assert_allclose(groups.odds_of_correct, odds, rtol=1e-6)
        assert fit.entropy == pytest.approx(answer["entropy_relative"], abs=1e-8)


@toronto
def test_torontos_youth_by_crimcv_in_two_groups():
    answer = toronto_answer("crimCV_ZIPtau_2groups_degree2")
    fit = toronto_fit(youth("TO1adj"), groups=2, inflation="tau", exposure=None, starts=4)
    groups, frame = fit.groups(), fit.to_frame()
    assert fit.log_likelihood == pytest.approx(answer["loglik"], abs=1e-8)
    assert fit.aic == pytest.approx(answer["aic_package"], abs=1e-8)
    assert fit.bic_by_period == pytest.approx(answer["bic_package"], abs=1e-8)
    assert_allclose(groups.estimate[::-1], answer["prob"], atol=1e-7)
    assert_allclose(frame[frame.term == "tau"].estimate[::-1], answer["tau"], atol=1e-7)
    assert groups.n.tolist()[::-1] == answer["group_sizes"]


@toronto
def test_torontos_youth_by_crimcv_in_three_groups():
    """crimCV keeps tau from falling below 0: ours is higher, and its own top is the top at 0."""
    answer = toronto_answer("crimCV_ZIPtau_3groups_degree2")
    fit = toronto_fit(youth("TO1adj"), groups=3, inflation="tau", exposure=None)
    assert answer["tau"][0] < 1e-12
    assert fit.log_likelihood > answer["loglik"] + 34
    assert any("tau is below 0" in caveat for caveat in fit.caveats)
    mixture = fit.top.mixture
    taus = np.arange(1, 4) * mixture.per_group - 1
    limits = [(0.0 if j in taus else None, None) for j in range(mixture.n_parameters)]

    def downhill(params):
        point = mixture.at(params[None])
        return -point.value[0], -point.score[0]

    one, time = np.array([0.1, 0.0, 0.0, 0.1]), fit.model.panel.time
    held = [
        minimize(downhill, begin, jac=True, method="L-BFGS-B", bounds=limits,
                 options={"maxiter": 5000, "maxfun": 9000, "ftol": 1e-15})
        for begin in starts(mixture, one, time, 10, np.random.default_rng(1))
    ]  # fmt: skip
    best = min(held, key=lambda found: found.fun)
    shares = np.exp(mixture.log_shares(best.x[None])[0, :, 0])
    order = np.argsort(shares)
    assert -best.fun == pytest.approx(answer["loglik"], abs=1e-5)
    assert_allclose(shares[order], answer["prob"], atol=1e-5)
    assert_allclose(best.x[taus][order], answer["tau"], atol=1e-4)
