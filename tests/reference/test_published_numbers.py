"""Numbers that stand in print, as they stand there: the source over each, its precision kept.

`public_data` has the frames; the same models are held to R, digit by digit, beside this.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from desistance.survival import fit_cox, fit_parametric, kaplan_meier, mean_cumulative_function
from desistance.timetoevent import TimeToEvent
from tests.reference.public_data import ROLES, frame_of


def times_of(study, **more):
    roles = {k: v for k, v in ROLES[study].items() if k not in ("cluster", "strata")}
    return TimeToEvent.from_frame(frame_of(study), **(roles | more))


def as_printed(found, decimals):
    for name, value in decimals.items():
        whole, _, digits = str(value).partition(".")
        assert found[name] == pytest.approx(value, abs=0.51 * 10.0 ** -len(digits)), (name, whole)


# Fox and Weisberg, Cox Proportional-Hazards Regression for Survival Data in R (appendix to An R
# Companion to Applied Regression): mod.allison, mod.allison.2, mod.allison.3; `mar` is married.
# The row of `fin` was read there, the others are quoted at second hand.
FOX = {
    "wide": (
        {"fin": -0.379, "age": -0.057, "race": 0.314, "wexp": -0.150, "mar": -0.434,
         "paro": -0.085, "prio": 0.091},
        {"fin": 0.191, "age": 0.022, "race": 0.308, "wexp": 0.212, "mar": 0.382, "paro": 0.196,
         "prio": 0.029},
        (33.3, 432, 114),
    ),
    "employed": (
        {"fin": -0.357, "age": -0.046, "race": 0.339, "wexp": -0.026, "mar": -0.294,
         "paro": -0.064, "prio": 0.085, "employed": -1.328},
        {"fin": 0.191, "age": 0.022, "race": 0.310, "wexp": 0.211, "mar": 0.383, "paro": 0.195,
         "prio": 0.029, "employed": 0.251},
        (68.7, 19809, 114),
    ),
    "employed_before": (
        {"fin": -0.351, "age": -0.050, "race": 0.321, "wexp": -0.048, "mar": -0.345,
         "paro": -0.047, "prio": 0.092, "employed_before": -0.787},
        {"fin": 0.192, "age": 0.022, "race": 0.309, "wexp": 0.213, "mar": 0.383, "paro": 0.196,
         "prio": 0.029, "employed_before": 0.218},
        (47.2, 19377, 113),
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", FOX)
def test_fox_and_weisbergs_rossi_releases(model):
    coefficients, errors, (ratio, n, n_events) = FOX[model]
    fit = fit_cox(times_of("rossi" if model == "wide" else "rossi_weeks"), list(coefficients))
    assert (fit.n, fit.n_events) == (n, n_events)
    found = np.sqrt(np.diag(fit.covariance))
    assert_allclose(fit.log_hazards, list(coefficients.values()), atol=5.1e-4)
    assert_allclose(found, list(errors.values()), atol=5.1e-4)
    assert fit.tests().statistic[0] == pytest.approx(ratio, abs=0.051)


# G. Rodríguez, Cox Model for Recidivism Data, Princeton (data.princeton.edu/pop509/recid2),
# Stata's stcox with efron.
RATIOS = {
    "workprg": (1.054341, 0.0952997), "priors": (1.100222, 0.014745),
    "tserved": (1.012483, 0.0016826), "felon": (0.7361351, 0.077207),
    "drugs": (1.30457, 0.1278366),
}  # fmt: skip


def test_rodriguezs_north_carolina_releases():
    others = ["black", "married", "educ", "age"]
    fit = fit_cox(times_of("recid", unit="months"), [*RATIOS, *others])
    assert (fit.n, fit.n_events) == (1445, 552)
    assert frame_of("recid").durat.sum() == 80013
    as_printed(
        {"null": fit.log_likelihood_null, "fit": fit.log_likelihood},
        {"null": -3891.7741, "fit": -3820.9142},
    )
    assert fit.tests().statistic[0] == pytest.approx(141.72, abs=0.0051)
    found = fit.to_frame().set_index("term")
    as_printed(found.estimate, {name: ratio for name, (ratio, _) in RATIOS.items()})
    errors = found.estimate * found.std_error  # of the ratio, by the delta method
    as_printed(errors, {name: error for name, (_, error) in RATIOS.items()})


# Wooldridge, Introductory Econometrics, table 17.4: censored log-normal regression.
WOOLDRIDGE = {
    "workprg": (-0.063, 0.120), "priors": (-0.137, 0.021), "tserved": (-0.019, 0.003),
    "felon": (0.444, 0.145), "alcohol": (-0.635, 0.144), "drugs": (-0.298, 0.133),
    "black": (-0.543, 0.117), "married": (0.341, 0.140), "educ": (0.023, 0.025),
    "age": (0.0039, 0.0006),
}  # fmt: skip


def test_wooldridges_north_carolina_releases():
    times = times_of("recid", unit="months")
    fit = fit_parametric(times, list(WOOLDRIDGE), distribution="log-normal")
    errors = dict(zip(fit.coefficients, np.sqrt(np.diag(fit.solution.covariance)), strict=True))
    as_printed(fit.coefficients, {name: value for name, (value, _) in WOOLDRIDGE.items()})
    as_printed(errors, {name: error for name, (_, error) in WOOLDRIDGE.items()})
    assert fit.coefficients["intercept"] == pytest.approx(4.099, abs=5.1e-4)
    assert errors["intercept"] == pytest.approx(0.348, abs=5.1e-4)
    assert np.exp(fit.coefficients["scale"]) == pytest.approx(1.810, abs=5.1e-4)
    of_log_time = np.log(times.stop[times.event]).sum()  # his value is on the scale of log time
    assert fit.log_likelihood + of_log_time == pytest.approx(-1597.06, abs=0.0051)


def test_shares_not_yet_returned():
    recid = kaplan_meier(times_of("recid", unit="months")).at([12, 24, 36, 60, 72])
    shares = [0.873356, 0.766090, 0.704498, 0.637370, 0.619703]
    assert_allclose(recid.estimate, shares, atol=5.1e-7)
    rossi = kaplan_meier(times_of("rossi")).at([52])
    assert rossi.estimate[0] == pytest.approx(0.736111, abs=5.1e-7)


# Cox with the ten covariates of Wooldridge, Efron's ties.
def test_coxs_model_of_the_north_carolina_releases():
    fit = fit_cox(times_of("recid", unit="months"), list(WOOLDRIDGE))
    as_printed(fit.coefficients, {"priors": 0.088017, "alcohol": 0.432999, "felon": -0.283904})
    assert fit.log_likelihood == pytest.approx(-3813.0785, abs=5.1e-5)


# R package reda 0.5.6, mcf() of Nelson's valve seats (Nelson 1995, Technometrics 37, 147-157) by
# days: mean number and its Lawless-Nadeau error.
SEATS = {
    100: (0.146341463414634, 0.0551993371072554), 200: (0.268292682926829, 0.0773166134009753),
    300: (0.463414634146342, 0.109607275665324), 400: (0.658536585365854, 0.131841648287459),
    500: (0.808536585365854, 0.149254940609431), 600: (1.01426413954542, 0.173844328450389),
    650: (1.32046529133481, 0.228505154950117),
}  # fmt: skip


def test_nelsons_valve_seats():
    times = times_of("valve_seats", recurrent=True)
    found = mean_cumulative_function(times).at([2 * day for day in SEATS])
    assert_allclose(found[["estimate", "std_error"]], list(SEATS.values()), rtol=1e-12)
