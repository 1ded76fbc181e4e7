"""What `fit_parametric` says: terms, notes, caveats, faces. Its numbers are in tests/reference."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from desistance.errors import ModelError
from desistance.survival import fit_parametric
from desistance.survival.parametric.distributions import derivatives, standard
from desistance.timetoevent import TimeToEvent

DISTRIBUTIONS = ("weibull", "exponential", "log-normal", "log-logistic", "generalised-gamma")


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(11)
    n = 250
    frame = pd.DataFrame(
        {
            "age": rng.normal(35, 9, n).round(1),
            "need": rng.random(n) < 0.3,
            "tier": rng.choice(["FIXED", "FLEX", "FREE"], n),
            "region": rng.choice(["north", "south"], n),
        }
    )
    day = rng.lognormal(3.5 + 0.02 * (frame.age - 35), 0.8)
    frame["day"] = np.ceil(np.minimum(day, 60)).astype(int)
    frame["reoffended"] = day <= 60
    return frame


def times_of(frame, **columns):
    return TimeToEvent.from_frame(frame, stop="day", event="reoffended", **columns)


# --- the distributions -------------------------------------------------------------------

Z = np.array([-6.0, -2.0, -0.3, 0.0, 0.7, 2.0, 4.0])
OF_SCIPY = {
    "weibull": stats.gumbel_l,
    "exponential": stats.gumbel_l,
    "log-normal": stats.norm,
    "log-logistic": stats.logistic,
}


@pytest.mark.parametrize("distribution", OF_SCIPY)
def test_densities_and_survival_are_scipys(distribution):
    found, theirs = standard(distribution, Z, 0.0), OF_SCIPY[distribution]
    assert_allclose(found.density, theirs.logpdf(Z), rtol=1e-13)
    assert_allclose(found.survival, theirs.logsf(Z), rtol=1e-12)


@pytest.mark.parametrize("q", [-1.5, -0.4, -0.013, 0.013, 0.4, 1.0, 1.5])
def test_the_generalised_gamma_is_scipys_power_of_a_gamma(q):
    found = standard("generalised-gamma", Z, q)
    t = np.exp(Z)  # scipy's: x^c is gamma with shape a
    theirs = stats.gengamma(q**-2, q, scale=q ** (2 / q) if q > 0 else abs(q) ** (2 / q))
    assert_allclose(found.density, theirs.logpdf(t) + Z, rtol=2e-9, atol=1e-9)
    assert_allclose(found.survival, theirs.logsf(t), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("of_density", [True, False])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("q", [-0.7, 0.003, 0.9])
def test_derivatives_are_what_differences_say(distribution, q, of_density):
    def at(z, shape):
        value, slopes, bends = derivatives(distribution, z, shape, of_density=of_density)
        return value, np.array(slopes), np.array(bends)

    step = 1e-4
    _, slope, bend = at(Z, q)
    (up, up1, _), (down, down1, _) = at(Z + step, q), at(Z - step, q)
    tolerance = {"rtol": 1e-6, "atol": 1e-6}
    assert_allclose(slope[0], (up - down) / 2 / step, **tolerance)
    assert_allclose(bend[:2], (up1 - down1) / 2 / step, **tolerance)
    (up, up1, _), (down, down1, _) = at(Z, q + step), at(Z, q - step)
    assert_allclose(slope[1], (up - down) / 2 / step, **tolerance)
    assert_allclose(bend[1:], (up1 - down1) / 2 / step, **tolerance)


def test_near_a_shape_of_zero_the_generalised_gamma_runs_smoothly_into_the_normal():
    for of_density in (True, False):
        at, *_ = derivatives("log-normal", Z, 0.0, of_density=of_density)
        near, slope, _ = derivatives("generalised-gamma", Z, 1e-6, of_density=of_density)
        assert_allclose(near, at + 1e-6 * slope[1], rtol=1e-10, atol=1e-15)


# --- terms and notes ---------------------------------------------------------------------


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_group_without_events_is_named_and_the_others_are_as_without_it(people, distribution):
    frame = people.assign(reoffended=people.reoffended & ~people.need, months=people.age * 12 + 3)
    fit = fit_parametric(times_of(frame), ["age", "need", "months", "tier"],
                         distribution=distribution)  # fmt: skip
    notes = dict(zip(fit.solution.names, fit.solution.notes, strict=True))
    assert {name: note for name, note in notes.items() if note} == {
        "need": "not estimable: no event among those with `need` 1",
        "months": "not estimable: the same as `age`",
    }
    rest = fit_parametric(times_of(frame[~frame.need]), ["age", "tier"], distribution=distribution)
    for name, value in rest.coefficients.items():
        assert fit.coefficients[name] == pytest.approx(value, rel=1e-5, abs=1e-7)
    assert fit.log_likelihood == pytest.approx(rest.log_likelihood, abs=2e-6)
    shown = fit.to_frame().set_index("term").loc[["need", "months"]]
    assert shown.drop(columns="note").isna().all(None)
    predicted = fit.survival_at({"age": 30, "need": 0, "months": 0, "tier": "FLEX"}, [10])
    assert predicted.note[0] == "not estimable: a term of the fit is not"


def test_a_first_label_without_events_spoils_its_contrasts_and_nothing_else(people):
    frame = people.assign(reoffended=people.reoffended & (people.tier != "FIXED"))
    fit = fit_parametric(times_of(frame), ["age", "tier"])
    assert np.isnan([fit.coefficients[name] for name in ("intercept", "tier[FLEX]")]).all()
    rest = fit_parametric(times_of(frame[frame.tier != "FIXED"]), ["age", "tier"])
    assert fit.coefficients["age"] == pytest.approx(rest.coefficients["age"], rel=1e-6)


@pytest.mark.parametrize("rows", [0, 5])
def test_without_events_nothing_is_estimable(people, rows):
    frame = people.head(rows).assign(reoffended=False)
    fit = fit_parametric(times_of(frame), ["age"])
    assert fit.solution.notes == ("not estimable: no event",) * 3
    assert np.isnan(fit.log_likelihood)
    assert "no event" in fit.summary()


def test_a_fit_that_cannot_settle_says_so(people):
    fit = fit_parametric(times_of(people.head(1).assign(reoffended=True)))
    assert all("not settled" in note for note in fit.solution.notes)
    assert np.isnan([fit.log_likelihood, fit.aic]).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"distribution": "gompertz"}, "is one of weibull, exponential"),
        ({"variance": "hc0"}, "'model', 'robust' or 'cluster'"),
        ({"cluster": "region"}, "only with variance='cluster'"),
        ({"terms": ["height"]}, "'height' is not a column"),
        ({"terms": "age"}, r"write \['age'\]"),
    ],
)
def test_what_cannot_be_meant_is_a_clear_error(people, options, says):
    with pytest.raises(ModelError, match=says):
        fit_parametric(times_of(people), **options)


def test_rows_without_a_term_are_counted_and_weights_and_strata_told(people):
    frame = people.assign(weight=2.5)
    frame.loc[[3, 8], "age"] = np.nan
    fit = fit_parametric(times_of(frame, weight="weight", strata="region"), ["age"])
    assert (fit.n, fit.n_left_out) == (248, 2)
    assert fit.caveats[0] == "Rows left out (`age` is empty): 2."
    assert fit.caveats[1].startswith("The weights are read as numbers of people alike")
    assert fit.caveats[2].startswith("The rows' strata are not used")


# --- faces -------------------------------------------------------------------------------


def test_time_ratios_are_exponentials_and_the_shape_is_itself(people):
    fit = fit_parametric(times_of(people), ["age"], distribution="generalised-gamma")
    ratios, logs = fit.to_frame(), fit.to_frame(log=True)
    assert list(logs.term) == ["intercept", "age", "scale", "shape"]
    numbers = ["estimate", "conf_low", "conf_high"]
    assert_allclose(ratios[numbers][:3], np.exp(logs[numbers][:3]))
    assert_allclose(ratios[numbers].loc[3], logs[numbers].loc[3])
    assert logs.statistic.isna().tolist() == [True, False, True, True]


def test_a_prediction_marks_what_is_extrapolated_and_starts_at_one(people):
    fit = fit_parametric(times_of(people), ["age"])
    found = fit.survival_at({"age": 30}, [0, 30, 61])
    assert found.estimate[0] == 1
    assert np.isnan(found.std_error[0])
    assert (found.conf_low < found.estimate)[1:].all()
    assert list(found.note) == [
        "not estimable: nobody is at risk before day 1",
        "",
        "extrapolated: after the last follow-up, 60",
    ]
    assert fit.survival_at({"age": 30}, []).empty


def test_the_error_of_a_prediction_is_that_of_a_fit_centred_there(people):
    # With every covariate 0 at the profile and the scale known, log(-log S) is a plain sum.
    frame = people.assign(age=people.age - 30)
    fit = fit_parametric(times_of(frame), ["age"], distribution="exponential")
    found = fit.survival_at({"age": 0}, [20]).iloc[0]
    log_error = fit.to_frame(log=True).std_error[0]
    by_hand = found.estimate * -np.log(found.estimate) * log_error
    assert found.std_error == pytest.approx(by_hand, rel=1e-12)


def test_summary_and_picture_name_the_distribution_and_the_scale(people):
    fit = fit_parametric(times_of(people), ["age"], distribution="log-normal")
    assert fit.summary().startswith("Parametric survival, log-normal: 250 people")
    assert "on the scale of time" in fit.summary()
    ax = fit.plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "Kaplan–Meier",
        "log-normal",
    ]
    assert np.abs(fit.curve.estimate - fit.curve.observed).max() < 0.08


def test_the_curve_is_of_people_as_they_began():
    frame = pd.DataFrame({"pid": [0, 0, 1, 2], "from": [9, 0, 0, 0], "day": [20, 9, 14, 30]})
    frame["reoffended"], frame["x"] = [True, False, True, True], [5.0, 1.0, 2.0, 0.0]
    fit = fit_parametric(times_of(frame, start="from", person="pid"), ["x"],
                         distribution="exponential")  # fmt: skip
    by_hand = [fit.survival_at({"x": x}, [30]).estimate[0] for x in (1.0, 2.0, 0.0)]
    assert fit.curve.estimate.iloc[-1] == pytest.approx(np.mean(by_hand), rel=1e-12)


@pytest.mark.parametrize("distribution", ["exponential", "weibull", "log-normal"])
def test_what_nobody_moves_has_no_robust_error_and_spoils_no_other(distribution):
    """All of the reference group reoffend on one day: with a scale of its own, only it is moved."""
    frame = pd.DataFrame({"day": [30] * 20 + list(range(10, 50)), "x": [0] * 20 + [1] * 40})
    times = TimeToEvent.from_frame(frame.assign(event=1), stop="day", event="event")
    robust = fit_parametric(times, ["x"], distribution=distribution, variance="robust")
    model = fit_parametric(times, ["x"], distribution=distribution).to_frame().set_index("term")
    told = robust.to_frame().set_index("term")
    assert_allclose(told["estimate"], model["estimate"])
    assert told.loc["intercept", ["std_error", "conf_low", "conf_high"]].isna().all()
    assert told.loc["intercept", "note"].endswith("nobody moves it, so the robust variance is 0")
    assert told.loc["x", "std_error"] > 0.01
    assert (robust.survival_at({"x": 1}, [20, 40])["std_error"] > 0.01).all()
    if distribution == "exponential":
        fixed = robust.survival_at({"x": 0}, [20, 40])
        assert fixed["estimate"].notna().all()
        assert fixed["std_error"].isna().all()
        assert fixed["note"].str.endswith("nobody moves it, so the robust variance is 0").all()


def test_a_fit_without_a_top_foretells_nothing():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"day": rng.integers(1, 100, 30), "event": [1] + [0] * 29,
                          "arm": rng.integers(0, 2, 30)})  # fmt: skip
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    fit = fit_parametric(times, ["arm"], distribution="generalised-gamma")
    found = fit.survival_at({"arm": 1}, [5, 50])
    assert found["estimate"].isna().all()
    assert found["note"].str.startswith("not estimable: ").all()
