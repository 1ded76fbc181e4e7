"""Concordance, tests of proportional hazards and residuals against R survival 3.5-3.

`assessment.R` makes the answers, of survival_lattice.csv and of the Rossi releases.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi
from numpy.testing import assert_allclose

from desistance.survival import check_proportional_hazards, concordance, cox_residuals, fit_cox
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "assessment.json").read_text())
LATTICE = pd.read_csv(HERE / "survival_lattice.csv").assign(band=lambda d: np.round(d.priors))
WITH_RESIDUALS = [cell for cell in ANSWERS["cells"] if "residuals" in cell]


def name_of(cell):
    options = [name for name in ("weights", "strata", "entry") if cell[name]]
    return "-".join([cell["ties"], *options])


def times_of(cell):
    weight = {"weight": "weight"} if cell["weights"] else {}
    start = {"start": "entry"} if cell["entry"] else {}
    return TimeToEvent.from_frame(LATTICE, stop="day", event="event", **weight, **start)


def fit_of(cell, **options):
    strata = "region" if cell["strata"] else None
    terms = ["priors", "need", "tier"]
    return fit_cox(times_of(cell), terms, ties=cell["ties"], strata=strata, **options)


def same_tests(checked, answer):
    frame = checked.to_frame()
    assert_allclose(frame.statistic, answer["statistic"], rtol=1e-10, atol=1e-12)
    assert frame.df.to_list() == answer["df"]
    assert_allclose(frame.p_value, answer["p_value"], rtol=1e-10, atol=1e-12)


def same_share(found, answer):
    assert_allclose(
        [found.estimate, found.std_error], [answer["estimate"], answer["std_error"]], rtol=1e-12
    )


@pytest.mark.parametrize("cell", ANSWERS["cells"], ids=name_of)
def test_every_test_of_proportional_hazards_is_rs(cell):
    times, fit = times_of(cell), fit_of(cell)
    for answer in cell["tests"]:
        same_tests(check_proportional_hazards(fit, times, transform=answer["transform"]), answer)
    robust = fit_of(cell, variance="cluster", cluster="site")
    same_tests(check_proportional_hazards(robust, times), cell["robust"])


@pytest.mark.parametrize("cell", ANSWERS["cells"], ids=name_of)
def test_concordance_and_its_error_are_rs(cell):
    times, strata = times_of(cell), "region" if cell["strata"] else None
    same_share(concordance(times, fit_of(cell)), cell["fitted"])
    for score in ("priors", "band"):
        same_share(concordance(times, score, strata=strata), cell[score]["plain"])
        over_sites = concordance(times, score, strata=strata, cluster="site")
        same_share(over_sites, cell[score]["sites"])


@pytest.mark.parametrize("cell", WITH_RESIDUALS, ids=name_of)
def test_every_kind_of_residual_is_rs(cell):
    times, fit, answer = times_of(cell), fit_of(cell), cell["residuals"]
    for kind in ("martingale", "deviance"):
        assert_allclose(cox_residuals(fit, times, kind)[kind], answer[kind], atol=1e-10)
    for kind in ("score", "dfbeta"):
        found = cox_residuals(fit, times, kind)[list(fit.terms)]
        assert_allclose(found, answer[kind], rtol=1e-10, atol=1e-11)
    found = cox_residuals(fit, times, "schoenfeld").loc[answer["events"], list(fit.terms)]
    assert_allclose(found, answer["schoenfeld"], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("cell", WITH_RESIDUALS, ids=name_of)
def test_the_points_of_the_picture_are_rs(cell):
    answer = cell["residuals"]
    events = LATTICE.loc[answer["events"]]
    changes = check_proportional_hazards(fit_of(cell), times_of(cell)).changes
    found = changes.loc[answer["events"]].drop(columns=["day", "time"])
    theirs = pd.DataFrame(answer["scaled"], columns=found.columns, index=found.index)
    groups = [events.region if cell["strata"] else events.event, events.day]
    for _, rows in events.groupby(groups):
        one, other = (np.sort(frame.loc[rows.index], axis=0) for frame in (found, theirs))
        assert_allclose(one, other, rtol=1e-10, atol=1e-11)


@pytest.fixture(scope="module")
def releases():
    return TimeToEvent.from_frame(load_rossi(), stop="week", event="arrest", unit="weeks")


def test_the_rossi_releases_show_what_they_show_in_r(releases):
    fit = fit_cox(releases, ["fin", "age", "race", "wexp", "mar", "paro", "prio"])
    for answer in ANSWERS["rossi"]:
        same_tests(check_proportional_hazards(fit, releases, transform=answer["transform"]), answer)
    same_share(concordance(releases, fit), ANSWERS["rossi_agrees"])
