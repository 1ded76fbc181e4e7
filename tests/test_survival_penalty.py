"""Firth's penalty, the ridge, and exact ties: against R, against brute force, and what they say.

Ridge and exact ties are R's (`reference/penalty.R`). Firth's top is found again from the
likelihood alone, its slope by differences.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.errors import ModelError
from desistance.survival import Ridge, fit_cox
from desistance.survival.covariates import covariates
from desistance.survival.partial_likelihood import partial_likelihood
from desistance.survival.penalty import Penalised
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import read_terms
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent / "reference"
ANSWERS = json.loads((HERE / "penalty.json").read_text())
LATTICE = pd.read_csv(HERE / "survival_lattice.csv").assign(
    flex=lambda rows: (rows.tier == "FLEX").astype(float)
)
TERMS = ["priors", "need", "flex"]
SMALL = LATTICE.iloc[:40].assign(never=lambda rows: 1.0 * ((rows.row % 4 == 0) & (rows.event == 0)))


def times_of(frame, **columns):
    return TimeToEvent.from_frame(frame, **{"stop": "day", "event": "event", **columns})


def options(cell):
    entry = {"start": "entry"} if cell["entry"] else {}
    return entry | ({"weight": "weight"} if cell.get("weights") else {})


def test_a_ridge_is_rs():
    for cell in ANSWERS["ridges"]:
        fit = fit_cox(
            times_of(LATTICE, **options(cell)), TERMS, ties=cell["ties"],
            strata="region" if cell["strata"] else None, penalty=Ridge(cell["theta"]),
        )  # fmt: skip
        assert_allclose(fit.log_hazards, cell["coefficients"], atol=1e-8)
        assert_allclose(fit.covariance, cell["covariance"], atol=1e-8)


def test_exact_ties_are_rs():
    for cell in ANSWERS["exact"]:
        rows = LATTICE.iloc[:60] if cell["entry"] else LATTICE
        strata = "region" if cell["strata"] else None
        fit = fit_cox(times_of(rows, **options(cell)), TERMS, ties="exact", strata=strata)
        assert_allclose(fit.log_hazards, cell["coefficients"], atol=1e-8)
        assert_allclose(fit.covariance, cell["covariance"], atol=1e-8)
        assert_allclose([fit.log_likelihood_null, fit.log_likelihood], cell["loglik"], rtol=1e-10)
        assert fit.score_statistic == pytest.approx(cell["score"], rel=1e-8)


def test_an_exact_likelihood_is_that_of_drawing_the_events_from_all_sets():
    frame = pd.DataFrame({"day": [2, 2, 3, 4, 5], "event": [1, 1, 0, 0, 0], "x": [3, 1, 2, 0, 1]})
    fit = fit_cox(times_of(frame), ["x"], ties="exact")
    risk = np.exp(fit.coefficients["x"] * frame.x)
    sets = sum(risk[i] * risk[j] for i, j in itertools.combinations(range(5), 2))
    assert fit.log_likelihood == pytest.approx(np.log(risk[0] * risk[1] / sets), abs=1e-12)


def penalised(frame, terms, ties, strata, **columns):
    """Give Firth's likelihood of scaled coefficients, and the scale."""
    times, read_as = read_terms(times_of(frame, **columns), terms)
    stratum = frame[strata].astype("category").cat.codes.to_numpy(np.int64) if strata else None
    sets = risk_sets(times.start, times.stop, times.event, stratum=stratum)
    problem = partial_likelihood(sets, covariates(times, read_as, sets), ties)
    return Penalised(problem, "firth", np.arange(problem.p)), problem.covariates.scale


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("strata", [None, "region"])
@pytest.mark.parametrize("columns", [{}, {"start": "entry"}], ids=["", "entry"])
def test_the_slope_of_firths_likelihood_is_its_difference_and_zero_at_the_top(
    ties, strata, columns
):
    this, scale = penalised(SMALL, [*TERMS, "never"], ties, strata, **columns)
    beta, h = np.array([0.3, -0.2, 0.1, -0.4]), 1e-5
    steps = h * np.eye(4)
    value = [[this.look(beta + s * e).point.log_likelihood for s in (1, -1)] for e in steps]
    assert_allclose(this.look(beta).point.score, np.diff(value)[:, 0] / (-2 * h), atol=1e-7)
    fit = fit_cox(
        times_of(SMALL, **columns), [*TERMS, "never"], ties=ties, strata=strata, penalty="firth"
    )
    top = this.look(fit.log_hazards * scale)
    assert np.abs(top.point.score).max() < 1e-9
    assert top.point.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-10)


def test_firth_by_hand_for_one_flag_that_no_event_contradicts():
    frame = pd.DataFrame({"day": [1, 2, 3], "event": [1, 0, 0], "flag": [0, 1, 1]})
    fit = fit_cox(times_of(frame), ["flag"], penalty="firth")
    # log L* = -log(1 + 2r) + (log(2r) - 2 log(1 + 2r)) / 2 is highest where 2r = 1/3.
    assert fit.coefficients["flag"] == pytest.approx(np.log(1 / 6), abs=1e-10)
    row = fit.to_frame(log=True).iloc[0]
    assert row.std_error == pytest.approx((3 / 16) ** -0.5)
    for limit in (row.conf_low, row.conf_high):
        r = np.exp(limit)
        value = np.log(2 * r) / 2 - 2 * np.log(1 + 2 * r)
        best = np.log(1 / 3) / 2 - 2 * np.log(4 / 3)
        assert 2 * (best - value) == pytest.approx(3.841458820694124, abs=1e-8)
    assert row.note == "interval and p-value by profile penalised likelihood"


def test_a_monotone_term_offers_firth_and_firth_says_no_more_of_it():
    plain = fit_cox(times_of(SMALL), ["priors", "never"])
    assert "no event among those with `never` 1" in plain.notes[1]
    assert any("penalty='firth'" in caveat for caveat in plain.caveats)
    fit = fit_cox(times_of(SMALL), ["priors", "never"], penalty="firth")
    assert np.isfinite(fit.to_frame(log=True).drop(columns=["term", "note"]).to_numpy()).all()
    assert not any("event" in caveat for caveat in fit.caveats)
    assert "Firth's penalised likelihood" in fit.summary()


def test_what_does_not_go_together_is_refused():
    weighted = times_of(SMALL, weight="weight")
    for choices, says in [
        ({"penalty": "lasso"}, "Ridge"),
        ({"penalty": "firth"}, "no weights"),
        ({"ties": "exact"}, "no weights"),
        ({"ties": "exact", "penalty": "firth"}, "not with 'exact'"),
        ({"ties": "exact", "variance": "robust"}, "no robust variance"),
        ({"penalty": Ridge(1), "variance": "cluster"}, "no robust variance"),
    ]:
        with pytest.raises(ModelError, match=says):
            fit_cox(weighted, ["priors"], **choices)
    with pytest.raises(ModelError, match="above 0"):
        Ridge(0)
    crowd = pd.DataFrame({"day": 1 + np.arange(4000) // 2000, "event": 1, "x": np.arange(4000) % 7})
    with pytest.raises(ModelError, match="too many for ties='exact'"):
        fit_cox(times_of(crowd), ["x"], ties="exact")
