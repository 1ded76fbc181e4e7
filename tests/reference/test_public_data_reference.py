"""Public studies against R survival 3.5-3 and cmprsk 2.2-11: every question, every answer.

`public_data` says what is asked of which study, `public_data.R` answers it.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import (
    check_proportional_hazards,
    concordance,
    cumulative_incidence,
    fit_cox,
    fit_fine_gray,
    fit_parametric,
    fit_recurrent,
    fit_split_population,
    gray_test,
    kaplan_meier,
    log_rank,
    mean_cumulative_function,
    nelson_aalen,
    restricted_mean,
)
from desistance.timetoevent import TimeToEvent
from tests.reference.public_data import QUESTIONS, frame_of

ANSWERS = json.loads((Path(__file__).parent / "public_data.json").read_text(encoding="utf-8"))
LAWS = {"lognormal": "log-normal", "loglogistic": "log-logistic"}


def times_of(question):
    roles = ("stop", "start", "event", "person", "cause", "weight")
    named = {role: question[role] for role in roles if question.get(role)}
    return TimeToEvent.from_frame(
        frame_of(question["study"]), **named, recurrent=question["kind"] in ("repeated", "number")
    )


def close(found, theirs, rtol=1e-9, atol=1e-14):
    assert_allclose(found, np.array(theirs, dtype=float), rtol=rtol, atol=atol)


def same_at(line, answer, names=("estimate", "std_error")):
    """Compare on days; an error of nothing is 0 in R, and a curve that ended goes on."""
    ended = line.note.str.contains("after the last").to_numpy()
    close(line.estimate[~ended], np.array(answer["estimate"])[~ended])
    for name in names[1:]:
        known = line[name].notna().to_numpy()
        close(line[name][known], np.array(answer[name], dtype=float)[known])
        assert known.any() or (line.estimate == 0).all()


def in_groups(question, frame, answer):
    """Pair the rows of every group with its answer."""
    groups = {str(name): rows for name, rows in frame.groupby("group")}
    if not question["by"]:
        groups = {"all": frame}
    assert set(groups) == set(answer)
    return [(groups[name], answer[name]) for name in answer]


def curve(question, times, answer):
    days, by = question["days"], question["by"]
    for line, theirs in in_groups(question, kaplan_meier(times, by).at(days), answer):
        same_at(line, theirs, ("estimate", "std_error", "conf_low", "conf_high"))
        if not question.get("start"):  # R counts late entries up to the next event as well
            assert line.n_at_risk.tolist() == theirs["n_at_risk"]
    for line, theirs in in_groups(question, nelson_aalen(times, by).at(days), answer):
        same_at(line, {"estimate": theirs["hazard"], "std_error": theirs["hazard_error"]})


def restricted(question, times, answer):
    found = restricted_mean(times, question["by"], horizon=question["days"][0]).to_frame()
    for line, theirs in in_groups(question, found[found.group.isin(answer)], answer):
        close(line.estimate, [theirs["estimate"]])
        close(line.std_error, [theirs["std_error"]])


def compared(question, times, answer):
    found = log_rank(times, question["by"], strata=question.get("strata"), rho=question["rho"])
    close(found.statistic, answer["statistic"])


def cox(question, times, answer):
    variance = {"variance": "robust"} if question.get("robust") else {}
    if question.get("cluster"):
        variance = {"variance": "cluster", "cluster": question["cluster"]}
    strata = question.get("strata")
    fit = fit_cox(times, question["terms"], ties=question["ties"], strata=strata, **variance)
    close(fit.log_hazards, answer["coefficients"], rtol=1e-10)
    close(fit.covariance, answer["covariance"])
    close([fit.log_likelihood_null, fit.log_likelihood], answer["loglik"], rtol=1e-12)
    close(fit.tests().set_index("term").statistic["score"], answer["score"])
    assert (fit.n, fit.n_events) == (answer["n"], answer["n_events"])
    if "concordance" in answer and not question.get("cluster"):
        agreed = concordance(times, fit)
        close([agreed.estimate, agreed.std_error], answer["concordance"])
    if "hazard" in answer:
        ours = fit.baseline.to_frame().set_index("day").estimate
        theirs = pd.Series(answer["hazard"]["estimate"], answer["hazard"]["day"])
        close(ours, theirs[ours.index])
    for asked in answer.get("tests", ()):
        found = check_proportional_hazards(fit, times, transform=asked["clock"]).to_frame()
        close(found.statistic, asked["statistic"], atol=1e-11)
        assert found.df.to_list() == asked["df"]


def time(question, times, answer):
    law = LAWS.get(question["law"], question["law"])
    fit = fit_parametric(times, question["terms"], distribution=law)
    close(fit.solution.values, answer["estimate"])
    close(fit.solution.covariance, answer["covariance"], rtol=1e-8)
    close(fit.log_likelihood, answer["loglik"], rtol=1e-12)


def split(question, times, answer):
    law = LAWS.get(question["law"], question["law"])
    fit = fit_split_population(times, question["terms"], share_terms=question["share"], latency=law)
    assert fit.log_likelihood == pytest.approx(answer["loglik"], abs=2e-8)
    assert fit.log_likelihood >= answer["loglik"] - 1e-10  # R climbs by differences
    error = np.sqrt(np.diag(fit.solution.covariance))
    assert_allclose(np.divide(fit.solution.values, error), answer["estimate"] / error, atol=2e-4)


def incidence(question, times, answer):
    found = cumulative_incidence(times, question["by"]).at(question["days"])
    for rows, theirs in in_groups(question, found, answer):
        for cause, line in rows.groupby("cause"):
            same_at(line, theirs[cause])


def gray(question, times, answer):
    found = gray_test(
        times, question["by"], rho=question["rho"], strata=question.get("strata")
    ).to_frame()
    for cause, theirs in answer.items():
        close(found[found.cause == cause].statistic, [theirs])


def fine_gray(question, times, answer):
    fit = fit_fine_gray(times, question["terms"], cause=question["of"])
    close(fit.log_hazards, answer["coefficients"])
    close(fit.covariance, answer["covariance"])
    close(fit.log_likelihood, answer["loglik"], rtol=1e-12)


def repeated(question, times, answer):
    options = {name: question[name] for name in ("model", "up_to")}
    fit = fit_recurrent(times, question["terms"], **options)
    close(fit.cox.log_hazards, answer["coefficients"], rtol=1e-10)
    close(fit.cox.covariance, answer["covariance"])
    close(fit.log_likelihood, answer["loglik"], rtol=1e-12)


def number(question, times, answer):
    found = mean_cumulative_function(times, question["by"]).at(question["days"])
    for line, theirs in in_groups(question, found, answer):
        same_at(line, theirs)


ASKED = {
    "curve": curve, "restricted": restricted, "test": compared, "cox": cox, "time": time,
    "incidence": incidence, "gray": gray, "fine-gray": fine_gray, "repeated": repeated,
    "number": number, "split": split,
}  # fmt: skip


def name_of(pair):
    number, question = pair
    said = [question.get(key) for key in ("by", "ties", "law", "model", "of", "strata")]
    return "-".join(map(str, [question["study"], question["kind"], *filter(None, said), number]))


@pytest.mark.parametrize("pair", list(enumerate(QUESTIONS)), ids=name_of)
def test_the_answer_is_rs(pair):
    number, question = pair
    ASKED[question["kind"]](question, times_of(question), ANSWERS[number])


def test_every_question_has_an_answer():
    assert len(ANSWERS) == len(QUESTIONS)
