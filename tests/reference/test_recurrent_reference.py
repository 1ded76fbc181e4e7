"""Repeated events, cumulative hazards, restricted means and weighted log-rank tests against R.

`survival_recurrent.R` (survival 3.5-3, mets 1.3.2) makes the data and the answers.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi
from lifelines.statistics import logrank_test
from numpy.testing import assert_allclose

from desistance.survival import (
    fit_recurrent,
    log_rank,
    mean_cumulative_function,
    nelson_aalen,
    restricted_mean,
)
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "survival_recurrent.json").read_text())
REPEATED = pd.read_csv(HERE / "survival_recurrent.csv")
LATTICE = pd.read_csv(HERE / "survival_lattice.csv")
WEIGHT = {"weight": "weight"}
LATE = {"start": "entry"}


def repeated(frame=REPEATED, **columns):
    roles = {"start": "begin", "stop": "end", "event": "again", "person": "person"}
    return TimeToEvent.from_frame(frame, **(roles | columns), recurrent=True)


def lattice(**columns):
    return TimeToEvent.from_frame(LATTICE, stop="day", event="event", **columns)


@pytest.mark.parametrize("model", ANSWERS["models"]["plain"])
@pytest.mark.parametrize(("kind", "options"), [("plain", {}), ("weighted", WEIGHT)])
def test_every_model_of_repeated_events_is_rs(kind, options, model):
    answer = ANSWERS["models"][kind][model]
    up_to = None if model == "andersen-gill" else 3
    fit = fit_recurrent(repeated(**options), ["arm", "priors"], model=model, up_to=up_to)
    assert_allclose(fit.cox.log_hazards, answer["coefficients"], rtol=1e-11)
    assert_allclose(fit.cox.covariance, answer["covariance"], rtol=1e-9)
    assert fit.log_likelihood == pytest.approx(answer["loglik"][1], rel=1e-12)
    assert (fit.cox.n, fit.n_events) == (answer["n"], answer["n_events"])


def compare_curve(curve, answer):
    frame = curve.to_frame().set_index("day").loc[answer["day"]]
    assert_allclose(frame.estimate, answer["estimate"], rtol=1e-11, atol=1e-15)
    known = frame.std_error.notna().to_numpy()
    assert_allclose(frame.std_error[known], np.array(answer["std_error"])[known], rtol=1e-9)
    assert (np.array(answer["estimate"])[~known] == 0).all()


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize(("kind", "options"), [("arm", {}), ("weighted", WEIGHT)])
def test_the_mean_number_and_its_error_over_people_are_rs(kind, options, arm):
    here = REPEATED[REPEATED.arm == arm]
    answer = ANSWERS["mean_number"][f"{kind}{arm}"]
    compare_curve(mean_cumulative_function(repeated(here, **options)), answer)


def untied(arm):
    """One arm with no two people's days alike, as the R script makes it."""
    here = REPEATED[REPEATED.arm == arm].copy()
    for column in ("begin", "end"):
        here[column] = (200 * here[column] + here.person).where(here[column] > 0, 0)
    return here


def asymptotic_error(here, day):
    """Ghosh and Lin's error with 1 / at risk throughout, from dense (people, days) tables."""
    days = np.sort(here.end[(here.again == 1) | (here.died == 1)])
    days = days[days <= day]
    _, person = np.unique(here.person, return_inverse=True)
    at_risk, again, died = np.zeros((3, person.max() + 1, len(days)))
    for row, i in zip(here.itertuples(), person, strict=True):
        at_risk[i] += (row.begin < days) & (days <= row.end)
        again[i] += row.again * (days == row.end)
        died[i] += row.died * (days == row.end)
    n = at_risk.sum(axis=0)
    rate, hazard = again.sum(axis=0) / n, died.sum(axis=0) / n
    alive = np.concatenate([[1], np.cumprod(1 - hazard)[:-1]])
    mean = np.cumsum(alive * rate)
    moves = alive * (again - at_risk * rate) / n
    moves -= (mean[-1] - mean) * (died - at_risk * hazard) / n
    return np.sqrt((moves.sum(axis=1) ** 2).sum())


@pytest.mark.parametrize("arm", [0, 1])
def test_the_mean_with_death_is_ghosh_and_lins_in_mets(arm):
    here, answer = untied(arm), ANSWERS["with_death"][f"arm{arm}"]
    curve = mean_cumulative_function(repeated(here), terminal="died").to_frame().set_index("day")
    assert_allclose(curve.estimate[answer["day"]], answer["estimate"], rtol=1e-11)
    # mets leaves out that a death moves the share alive by 1 / (at risk - deaths), not 1 / at risk.
    assert_allclose(curve.std_error[answer["day"]], answer["std_error"], rtol=0.006)
    for place in (20, 60, len(answer["day"]) - 1):
        expected = asymptotic_error(here, answer["day"][place])
        assert answer["std_error"][place] == pytest.approx(expected, rel=1e-9)


def weighed_mean(here, weight, day):
    """Ghosh and Lin's mean from people's weights, day by day; the weights may be complex."""
    w = weight[np.unique(here.person, return_inverse=True)[1]]
    alive, mean = 1.0, 0.0
    for t in range(1, day + 1):
        n = w[(here.begin < t) & (here.end >= t)].sum()
        if n != 0:
            mean += alive * w[(here.again == 1) & (here.end == t)].sum() / n
            alive *= 1 - w[(here.died == 1) & (here.end == t)].sum() / n
    return mean


@pytest.mark.parametrize("day", [5, 19, 48])
@pytest.mark.parametrize("options", [{}, WEIGHT])
def test_with_ties_the_error_is_the_derivative_by_every_persons_weight(day, options):
    here = REPEATED[REPEATED.arm == 1]
    by_person = here.groupby("person").weight.first().to_numpy()
    weight = by_person if options else np.ones(len(by_person))
    tiny = 1e-100j
    moves = [
        weighed_mean(here, weight + tiny * (np.arange(len(weight)) == i), day).imag / 1e-100
        for i in range(len(weight))
    ]
    found = mean_cumulative_function(repeated(here, **options), terminal="died").at([day])
    assert found.estimate[0] == pytest.approx(weighed_mean(here, weight, day), rel=1e-12)
    assert found.std_error[0] == pytest.approx(np.sqrt(((weight * moves) ** 2).sum()), rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "options"), [("plain", {}), ("entry", LATE), ("weighted_entry", LATE | WEIGHT)]
)
def test_the_cumulative_hazard_and_its_error_are_rs(kind, options):
    compare_curve(nelson_aalen(lattice(**options)), ANSWERS["hazard"][kind])


@pytest.mark.parametrize(
    ("kind", "options"), [("plain", {}), ("entry", LATE), ("weighted_entry", LATE | WEIGHT)]
)
def test_the_restricted_mean_and_its_error_are_rs(kind, options):
    means = restricted_mean(lattice(**options), "tier", horizon=10).to_frame().iloc[:3]
    assert_allclose(means[["estimate", "std_error"]], ANSWERS["means"][kind], rtol=1e-12)


@pytest.mark.parametrize("answer", ANSWERS["tests"], ids=lambda a: f"{a['rho']}-{a['strata']}")
def test_the_weighted_log_rank_test_is_rs(answer):
    strata = "region" if answer["strata"] else None
    found = log_rank(lattice(), "tier", strata=strata, rho=answer["rho"])
    assert_allclose(found.score, answer["score"], rtol=1e-10)
    assert_allclose(found.covariance, answer["covariance"], rtol=1e-11)
    assert found.statistic == pytest.approx(answer["statistic"], rel=1e-10)


@pytest.mark.parametrize(("rho", "gamma"), [(1, 0), (0, 1), (1, 1), (0.5, 2)])
def test_fleming_and_harringtons_weights_are_those_of_lifelines(rho, gamma):
    releases = load_rossi()
    times = TimeToEvent.from_frame(releases, stop="week", event="arrest", unit="weeks")
    aid = releases.fin == 1
    theirs = logrank_test(
        releases.week[aid], releases.week[~aid], releases.arrest[aid], releases.arrest[~aid],
        weightings="fleming-harrington", p=rho, q=gamma,
    )  # fmt: skip
    found = log_rank(times, "fin", rho=rho, gamma=gamma)
    assert found.statistic == pytest.approx(theirs.test_statistic, rel=1e-9)
