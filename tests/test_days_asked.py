"""Every curve reads the days it is asked for in one way."""

import numpy as np
import pandas as pd
import pytest

from desistance import (
    TimeToEvent,
    cumulative_incidence,
    fit_cox,
    fit_fine_gray,
    fit_flexible_parametric,
    fit_parametric,
    fit_split_population,
    kaplan_meier,
    mean_cumulative_function,
    nelson_aalen,
)
from desistance.errors import ModelError
from desistance.survival import fit_cause_specific

PROFILE = {"x": 1}
ASKED = {
    "kaplan_meier": lambda t: kaplan_meier(t).at,
    "nelson_aalen": lambda t: nelson_aalen(t).at,
    "mean_cumulative_function": lambda t: mean_cumulative_function(t).at,
    "cumulative_incidence": lambda t: cumulative_incidence(t).at,
    "fit_cox": lambda t: of(fit_cox(t, ["x"]).survival_at),
    "fit_fine_gray": lambda t: of(fit_fine_gray(t, ["x"], cause="reoffence").incidence_at),
    "fit_cause_specific": lambda t: of(fit_cause_specific(t, ["x"]).incidence_at),
    "fit_parametric": lambda t: of(fit_parametric(t, ["x"]).survival_at),
    "fit_parametric gamma": lambda t: of(
        fit_parametric(t, ["x"], distribution="generalised-gamma").survival_at
    ),
    "fit_flexible_parametric": lambda t: of(fit_flexible_parametric(t, ["x"]).survival_at),
    "fit_flexible_parametric hazard": lambda t: of(fit_flexible_parametric(t, ["x"]).hazard_at),
    "fit_split_population": lambda t: of(fit_split_population(t, ["x"]).survival_at),
    "fit_split_population cox": lambda t: of(
        fit_split_population(t, ["x"], latency="cox").survival_at
    ),
}


def of(reader):
    return lambda days: reader(PROFILE, days)


@pytest.fixture(scope="module")
def times():
    rng = np.random.default_rng(3)
    n = 200
    x = rng.integers(0, 2, n)
    day = np.ceil(rng.weibull(1.3, n) * 60 * np.exp(-0.4 * x)).astype(int) + 2
    reoffends = rng.random(n) < 0.7
    last = rng.integers(100, 300, n)
    event = reoffends & (day <= last)
    frame = pd.DataFrame({
        "day": np.where(event, day, last), "event": event, "x": x, "who": np.arange(n),
        "cause": np.where(event, rng.choice(["reoffence", "custody"], n), None),
    })  # fmt: skip
    return TimeToEvent.from_frame(
        frame, stop="day", event="event", cause="cause", person="who", recurrent=True
    )


@pytest.fixture(scope="module", params=ASKED)
def at(request, times):
    return ASKED[request.param](times)


def test_one_day_is_a_list_of_one(at):
    pd.testing.assert_frame_equal(at(50), at([50]))
    pd.testing.assert_frame_equal(at(np.int64(50)), at(pd.Series([50.0])))


NO_DAYS = [5.7, [5, np.nan], [-1], "soon", "365", True, 1e30, [pd.Timedelta(1)], None, [[1, 2]]]


@pytest.mark.parametrize("days", [*NO_DAYS, {"day": 3}], ids=repr)
def test_what_is_no_day_is_refused(at, days):
    with pytest.raises(ModelError, match=r"`days` is one whole number from 0 on"):
        at(days)


def test_limits_that_are_not_known_say_why(at):
    found = at([0, 1, 50])
    limits = [name for name in ("std_error", "conf_low", "conf_high") if name in found]
    unknown = found[[*limits, "estimate"]].isna()
    assert found["note"].ne("")[unknown.any(axis=1)].all()
    assert not unknown[found["note"] == ""].to_numpy().any()
    assert (unknown[limits].nunique(axis=1) <= 1).all()


def test_one_share_is_a_list_of_one(times):
    curve = kaplan_meier(times)
    pd.testing.assert_frame_equal(curve.quantiles(0.5), curve.quantiles([0.5]))


def test_no_event_yet_is_said_only_of_days_before_the_first(times):
    fit = fit_cause_specific(times, ["x"])
    certain = pd.concat([fit.incidence_at({"x": x}, [1, 290]) for x in (-90.0, 90.0)])
    late = certain[(certain["day"] == 290) & certain["std_error"].isna()]
    assert len(late)
    assert late["note"].eq("not estimable: at 0 or 1 there are no limits").all()
    assert certain.loc[certain["day"] == 1, "note"].eq("not estimable: no event yet").all()


@pytest.mark.parametrize("fit", [fit_cox, fit_parametric, fit_flexible_parametric])
def test_at_0_and_1_there_are_no_limits_and_a_reason(times, fit):
    found = pd.concat([fit(times, ["x"]).survival_at({"x": x}, [30]) for x in (-600.0, 600.0)])
    assert sorted(found["estimate"]) == [0, 1]
    assert found[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)
    assert found["note"].eq("not estimable: at 0 or 1 there are no limits").all()
