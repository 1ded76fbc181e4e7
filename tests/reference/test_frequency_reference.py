"""Negative binomial frequency against R's MASS::glm.nb and glm (`frequency.R`)."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival.frequency import fit_frequency
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "frequency.json").read_text())
PEOPLE = pd.read_csv(HERE / "frequency.csv")
TERMS = ["age", "need", "tier"]


def rows_of(people, count):
    """Lay each person's reoffences out over their days, with a week away after each."""
    rows = []
    for person in people.itertuples():
        parts = np.linspace(0, person.days, getattr(person, count) + 2).astype(int)
        for k, (start, stop) in enumerate(pairwise(parts)):
            event = k + 2 < len(parts)
            rows.append((person.Index, start + 7 * k, stop + 7 * k, event))
    laid_out = pd.DataFrame(rows, columns=["row", "start", "stop", "event"])
    frame = laid_out.join(people, on="row")
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="person", recurrent=True
    )


@pytest.mark.parametrize(
    ("options", "covariance"),
    [
        ({}, "covariance"),
        ({"variance": "robust"}, "robust"),
        ({"variance": "cluster", "cluster": "area"}, "clustered"),
    ],
)
def test_it_is_rs_glm_nb_with_its_sandwich(options, covariance):
    fit = fit_frequency(rows_of(PEOPLE, "count"), TERMS, **options)
    assert fit.n == 200
    assert fit.n_events == PEOPLE["count"].sum()
    assert fit.exposure == PEOPLE.days.sum()
    assert_allclose(fit.log_rates, ANSWERS["estimate"], rtol=1e-9)
    assert_allclose(fit.covariance, ANSWERS[covariance], rtol=1e-8)
    assert fit.dispersion == pytest.approx(ANSWERS["dispersion"], rel=1e-9)
    assert fit.log_likelihood == pytest.approx(ANSWERS["loglik"], rel=1e-12)
    assert fit.log_likelihood_poisson == pytest.approx(ANSWERS["loglik_poisson"], rel=1e-12)


def test_counts_that_vary_no_more_than_poissons_are_rs_glm():
    fit, answer = fit_frequency(rows_of(PEOPLE, "even"), ["age", "need"]), ANSWERS["even"]
    assert fit.dispersion == 0
    assert_allclose(fit.log_rates, answer["estimate"], rtol=1e-9)
    assert_allclose(fit.covariance, answer["covariance"], rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(answer["loglik"], rel=1e-12)
