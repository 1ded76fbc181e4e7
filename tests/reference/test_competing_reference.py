"""Competing events against R survival 3.5-3 and cmprsk 2.2-11; `competing.R` makes the answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import cumulative_incidence, fit_fine_gray, gray_test
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "competing.json").read_text())
FRAME = pd.read_csv(HERE / "competing.csv")
CAUSES = ["custody", "death", "reoffence"]
TERMS = ["priors", "need", "tier"]


def rows(frame=FRAME, **columns):
    return TimeToEvent.from_frame(
        frame, **{"stop": "day", "event": "event", "cause": "cause", **columns}
    )


def in_two_rows():
    """The same people in two rows each, where there is room."""
    half = (FRAME.entry + FRAME.day) // 2
    two = half > FRAME.entry
    before = FRAME[two].assign(day=half[two], event=0)
    return pd.concat([before, FRAME.assign(entry=half.where(two, FRAME.entry))], ignore_index=True)


INCIDENCES = {
    "plain": rows(),
    "entry": rows(start="entry"),
    "weighted": rows(weight="weight"),
    "weighted_entry": rows(start="entry", weight="weight"),
    "weighted_split": rows(in_two_rows(), start="entry", weight="weight", person="row"),
}


@pytest.mark.parametrize("kind", INCIDENCES)
def test_incidence_and_its_error_are_rs(kind):
    answer = ANSWERS["incidences"][kind]
    frame = cumulative_incidence(INCIDENCES[kind], "tier").to_frame()
    days = pd.MultiIndex.from_arrays([answer["group"], answer["day"]])
    for column, cause in enumerate(CAUSES, start=1):
        ours = frame[frame.cause == cause].set_index(["group", "day"])
        shared = days.intersection(ours.index, sort=False)  # R lists the seams of rows as well
        assert len(shared) == len(ours)
        ours, where = ours.loc[shared], days.get_indexer(shared)
        share, error = (
            np.array(answer[name], float)[where, column] for name in ("share", "std_err")
        )
        assert_allclose(ours.estimate, share, atol=1e-14)
        told = (share > 0) & (share < 1)
        assert_allclose(ours.std_error[told], error[told], rtol=1e-10)
        assert ours.std_error[~told].isna().all()


def test_cmprsks_variance_is_another_and_near():
    answer = ANSWERS["aalen"]
    found = cumulative_incidence(rows()).at(answer["day"])
    assert found.cause.unique().tolist() == answer["cause"]
    assert_allclose(found.estimate, np.ravel(answer["share"]), atol=1e-14)
    gap = np.abs(found.std_error / np.sqrt(np.ravel(answer["variance"])) - 1)
    assert 1e-4 < gap.max() < 0.03


TESTS = {
    "plain": ("tier", {}),
    "two": ("need", {}),
    "rho": ("tier", {"rho": 1}),
    "strata": ("tier", {"strata": "region"}),
    "rho_strata": ("need", {"rho": -0.5, "strata": "region"}),
}


@pytest.mark.parametrize("kind", TESTS)
def test_grays_test_is_cmprsks(kind):
    by, options = TESTS[kind]
    answer, found = ANSWERS["tests"][kind], gray_test(rows(), by, **options).to_frame()
    assert found.cause.tolist() == answer["cause"]
    assert found["df"].tolist() == answer["df"]
    assert_allclose(found.statistic, answer["statistic"], rtol=1e-11)


@pytest.mark.parametrize("kind", ["plain", "custody", "region"])
def test_fine_and_grays_model_is_crrs(kind):
    answer = ANSWERS["fits"][kind]
    fit = fit_fine_gray(
        rows(), TERMS, cause=answer["cause"], strata="region" if kind == "region" else None
    )
    assert_allclose(fit.log_hazards, answer["coefficients"], rtol=1e-11)
    assert_allclose(
        [fit.log_likelihood, fit.log_likelihood_null],
        [answer["loglik"], answer["loglik_null"]],
        rtol=1e-12,
    )
    predicted = fit.incidence_at({"priors": 0.5, "need": 1, "tier": "FREE"}, answer["days"])
    assert_allclose(predicted.estimate, answer["incidence"], rtol=1e-11)
    # With censoring groups crr's variance is not the paper's; ours is (see below).
    tolerance = 0.01 if kind == "region" else 1e-10
    assert_allclose(fit.covariance, answer["covariance"], rtol=tolerance)


def by_the_papers_sums(fit, group, stratum):
    """Fine and Gray's (1999) covariance by person and day; `group` and `stratum` (n,)."""
    every = {
        "priors": FRAME.priors, "need": FRAME.need,
        "tier[FLEX]": FRAME.tier == "FLEX", "tier[FREE]": FRAME.tier == "FREE",
    }  # fmt: skip
    x = np.column_stack([every[name] for name in fit.terms]).astype(float)
    stop, cause = FRAME.day.to_numpy(), FRAME.cause.to_numpy()
    risk, every_day = np.exp(x @ fit.log_hazards), np.arange(stop.max() + 2)
    of_cause = cause == "reoffence"
    competing = FRAME.event.to_numpy(bool) & ~of_cause
    alike = (group[:, None] == group).astype(float)
    here = (stop[:, None] >= every_day).astype(float)  # persons by days
    lost = (stop[:, None] == every_day) & (FRAME.event.to_numpy() == 0)[:, None]
    at_risk = alike @ here
    share_lost = np.divide(alike @ lost, at_risk, out=np.ones_like(at_risk), where=at_risk > 0)
    watched = np.hstack([np.ones((300, 1)), np.cumprod(1 - share_lost, axis=1)[:, :-1]])
    fallen = watched / watched[np.arange(300), stop][:, None]
    stays = np.where(here > 0, 1.0, np.where(competing[:, None], fallen, 0.0)) * risk[:, None]
    happened = (of_cause[:, None] & (stop[:, None] == every_day)).astype(float)
    together = (stratum[:, None] == stratum).astype(float)
    events, left = together @ happened, np.where(together @ stays > 0, together @ stays, 1.0)
    hazard = events / left
    mean = np.einsum("il,lt,lj->itj", together, stays, x, optimize=True) / left[:, :, None]
    off = x[:, None, :] - mean  # persons by days by terms
    scores = np.einsum("it,itj->ij", happened - stays * hazard, off)
    later = np.cumsum(((stays * hazard)[:, :, None] * off)[:, ::-1], axis=1)[:, ::-1]
    owing = (competing[:, None] & (stop[:, None] < every_day)).astype(float)
    surprise = lost - here * share_lost
    for i in range(300):
        owed = np.einsum("j,ju,juk->uk", alike[i], owing, later)
        per_head = owed / np.maximum(at_risk[i], 1)[:, None]
        scores[i] += (surprise[i] * (at_risk[i] > 0)) @ per_head
    return fit.model_covariance @ (scores.T @ scores) @ fit.model_covariance


@pytest.mark.parametrize("strata", [None, "region"])
@pytest.mark.parametrize("baselines", ["region", "need", ["region", "need"]])
def test_the_variance_is_the_papers_with_baselines_apart(strata, baselines):
    fit = fit_fine_gray(rows(), ["priors", "tier"], cause="reoffence", strata=strata,
                        baselines=baselines)  # fmt: skip
    group = FRAME.region.to_numpy() if strata else np.zeros(300)
    stratum = FRAME.groupby(baselines).ngroup().to_numpy()
    assert_allclose(fit.covariance, by_the_papers_sums(fit, group, stratum), rtol=1e-10)


@pytest.mark.parametrize("strata", [None, "region"])
def test_baselines_apart_are_coxph_over_finegrays_weights(strata):
    answer = ANSWERS["baselines"]["within" if strata else "together"]
    fit = fit_fine_gray(rows(**LATE["apart"]), TERMS, cause="reoffence", strata=strata,
                        baselines="region")  # fmt: skip
    assert_allclose(fit.log_hazards, answer["coefficients"], rtol=1e-11)
    assert_allclose(fit.model_covariance, answer["model"], rtol=1e-10)
    gained = np.diff(answer["loglik"])[0]
    assert_allclose(fit.log_likelihood - fit.log_likelihood_null, gained, rtol=1e-10)
    found = fit.incidence_at({"priors": 0.5, "need": 1, "tier": "FREE"}, answer["day"])
    assert set(found.group) == {"north", "south", "west"}
    west = found[found.group == "west"].dropna()
    hazard = np.array(answer["hazard"])[np.isin(answer["day"], west.day)]
    assert_allclose(west.estimate, -np.expm1(-hazard), rtol=1e-10)


@pytest.mark.parametrize("strata", [None, "region"])
def test_the_variance_is_the_papers_within_groups_watched_alike(strata):
    fit = fit_fine_gray(rows(), TERMS, cause="reoffence", strata=strata)
    group = FRAME.region.to_numpy() if strata else np.zeros(300)
    assert_allclose(fit.covariance, by_the_papers_sums(fit, group, np.zeros(300)), rtol=1e-10)
    crr = np.array(ANSWERS["fits"]["region" if strata else "plain"]["covariance"])
    gap = np.abs(crr / fit.covariance - 1).max()
    assert gap < 1e-10 if strata is None else 1e-4 < gap < 0.01


LATE = {
    "entry": {"start": "entry"},
    "apart": {"start": "begin", "stop": "end"},
    "weighted": {"start": "entry", "weight": "weight"},
}


@pytest.mark.parametrize("kind", LATE)
def test_late_entry_is_coxph_over_geskus_weights(kind):
    answer = ANSWERS["late"][kind]
    fit = fit_fine_gray(rows(**LATE[kind]), TERMS, cause="reoffence")
    assert fit.late_entry
    assert_allclose(fit.log_hazards, answer["coefficients"], rtol=1e-10)
    assert_allclose(fit.log_likelihood, answer["loglik"][1], rtol=1e-12)
    assert_allclose(fit.model_covariance, answer["model"], rtol=1e-9)
    known = np.sqrt(np.diag(answer["known_weights"]))
    assert_allclose(np.sqrt(np.diag(fit.covariance)), known, rtol=0.01)


def test_late_entry_without_ties_is_finegray():
    fit = fit_fine_gray(rows(**LATE["apart"]), TERMS, cause="reoffence")
    assert_allclose(fit.log_hazards, ANSWERS["late"]["finegray"], rtol=1e-11)
