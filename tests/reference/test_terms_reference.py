"""Typed terms and effects that change with time against R survival 3.5-3 and splines.

`terms.R` makes terms.csv and the answers. R's splines have another basis of the same curves, so
they are compared by what they say: likelihood, ratios, tests, predictions.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.survival import (
    Category,
    Interaction,
    Spline,
    Steps,
    check_proportional_hazards,
    fit_cox,
)
from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "terms.json").read_text())
PEOPLE = pd.read_csv(HERE / "terms.csv")
PROFILE = {"age": 33, "need": 1}


def name_of(cell):
    chosen = [name for name, on in cell["options"].items() if on is True]
    return "-".join([cell["options"]["ties"], *chosen])


@pytest.fixture(scope="module", params=ANSWERS["cells"], ids=name_of)
def cell(request):
    return request.param


def fit_of(cell, terms, **choices):
    options = cell["options"]
    named = {"weight": "weight"} if options["weights"] else {}
    named |= {"start": "entry"} if options["entry"] else {}
    times = TimeToEvent.from_frame(PEOPLE, stop="day", event="event", **named)
    if options["cluster"]:
        choices |= {"variance": "cluster", "cluster": "site"}
    strata = "region" if options["strata"] else None
    return fit_cox(times, terms, ties=options["ties"], strata=strata, **choices), times


def same(fit, answer):
    assert_allclose([fit.log_likelihood_null, fit.log_likelihood], answer["loglik"], rtol=1e-11)
    assert_allclose(fit.log_hazards, answer["coefficients"], rtol=1e-8, atol=1e-10)
    assert_allclose(fit.covariance, answer["covariance"], rtol=1e-8, atol=1e-12)


def same_survival(fit, profile, answer):
    predicted = fit.survival_at(profile, ANSWERS["days"])
    shown = predicted[predicted.group.isin(["all", "north"])]
    assert_allclose(shown.estimate, answer["survival"], rtol=1e-8)
    assert_allclose(shown.std_error, answer["survival_error"], rtol=1e-8, atol=1e-12)


def test_references_and_products_are_rs(cell):
    tier = Category("tier", reference="FREE")
    products = [Interaction("age", "need"), Interaction("need", tier)]
    fit, _ = fit_of(cell, ["age", "need", tier, *products])
    assert fit.terms[2:] == (
        *("tier[FIXED]", "tier[FLEX]", "age:need"),
        *("need:tier[FIXED]", "need:tier[FLEX]"),
    )
    same(fit, cell["products"])


def test_a_spline_is_rs(cell):
    answer = cell["spline"]
    fit, _ = fit_of(cell, [Spline("age", knots=4), "need"])
    assert_allclose(fit.read_as[0].places, ANSWERS["knots"], rtol=1e-14)
    assert_allclose(fit.log_likelihood, answer["loglik"][1], rtol=1e-11)
    assert_allclose(fit.log_hazards[3], answer["coefficients"][3], rtol=1e-8)
    effect = fit.effect_of("age", ANSWERS["ages"], reference=40)
    assert_allclose(np.log(effect.estimate), answer["log_ratio"], rtol=1e-8, atol=1e-10)
    assert_allclose(effect.std_error, answer["error"], rtol=1e-8)
    assert_allclose(fit.term_tests().statistic[0], answer["wald"], rtol=1e-8)
    same_survival(fit, {"age": 29, "need": 1}, answer)


def test_typed_terms_have_rs_tests_of_proportional_hazards(cell):
    terms = [Spline("age", knots=4), "need", "tier", Interaction("age", "need")]
    fit, times = fit_of(cell, terms)
    tests = check_proportional_hazards(fit, times).to_frame()
    assert tests.term.to_list() == ["age spline", "need", "tier", "age:need", "GLOBAL"]
    assert_allclose(tests[["statistic", "df", "p_value"]].to_numpy(float), cell["zph"], rtol=1e-8)


def test_an_effect_along_log_time_is_rs(cell):
    fit, _ = fit_of(cell, ["age", "need"], time_varying={"need": "log"})
    assert fit.terms == ("age", "need", "need:log(day)")
    same(fit, cell["log"])
    if "tt" in cell:
        same(fit, cell["tt"])
    same_survival(fit, PROFILE, cell["log"])


def test_an_effect_along_time_is_rs(cell):
    fit, _ = fit_of(cell, ["need", "age"], time_varying={"need": "linear"})
    assert fit.terms == ("need", "need:day", "age")
    same(fit, cell["linear"])


def test_a_category_along_log_time_is_rs(cell):
    fit, _ = fit_of(cell, ["tier", "need"], time_varying={"tier": "log"})
    assert fit.terms[:2] == ("tier[FLEX]", "tier[FLEX]:log(day)")
    same(fit, cell["tiers"])


def test_an_effect_in_steps_is_rs(cell):
    fit, _ = fit_of(cell, ["need", "age"], time_varying={"need": Steps([10, 20])})
    assert fit.terms[:3] == ("need[0 to 10 days]", "need[10 to 20 days]", "need[after 20 days]")
    same(fit, cell["steps"])
    same_survival(fit, PROFILE, cell["steps"])
    tests = fit.term_tests().set_index("term")
    assert_allclose(tests.statistic["need, change with time"], cell["steps"]["change"], rtol=1e-8)
