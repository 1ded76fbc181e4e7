"""What is handed the wrong kind of thing says which it takes; yes and no are read as they stand."""

import numpy as np
import pandas as pd
import pytest

import desistance as ds
from desistance.errors import DesistanceError


@pytest.fixture(scope="module")
def cases():
    return ds.simulate_cases(ds.SimulationDesign(n_people=110), rng=3)


@pytest.fixture(scope="module")
def followed(cases):
    return ds.follow_up(cases, ds.build_histories(cases))


@pytest.fixture(scope="module")
def frame():
    n = np.arange(120)
    return pd.DataFrame({"joined": np.where(n % 3 == 0, "Yes", "no "), "x": n % 7, "y": n % 2})


NAMES = "followed|frame|areas|sets|source|simulation|grace_days"
CALLS = {
    "a follow-up for `triangulate`": lambda f, *_: ds.triangulate(f, ["A"]),
    "a follow-up for `compare_by`": lambda f, *_: ds.compare_by(f, "area"),
    "a follow-up for `balance_cohorts`": lambda f, *_: ds.balance_cohorts(f),
    "a follow-up for `area_months`": lambda f, *_: ds.area_months(f),
    "a frame for `fit_by_area`": lambda _, u, __: ds.fit_by_area(u, "rate", ["live"]),
    "a frame for `pool_areas`": lambda _, u, __: ds.pool_areas(u, scale="ratio"),
    "a frame for `rosenbaum_bounds`": lambda _, u, __: ds.rosenbaum_bounds(u, outcome="y"),
    "either for `rollout_effects`": lambda _, __, cases: ds.rollout_effects(cases),
    "a design for `simulated_power`": lambda *_: ds.simulated_power(60),
    "whole days of grace": lambda _, u, __: ds.compare_over_time(
        u, "clone-censor-weight", grace_days="x"
    ),
}


@pytest.mark.parametrize("wanted", CALLS)
def test_the_wrong_kind_is_told_what_is_wanted(wanted, frame, followed, cases):
    with pytest.raises(DesistanceError, match=f"`({NAMES})`"):
        CALLS[wanted](frame, followed, cases)


def test_yes_and_no_are_one_and_nought(frame):
    told = frame.assign(y=np.where(frame["y"] == 1, "YES", "No"))
    numbers = frame.assign(joined=(frame["joined"] == "Yes").astype(int))
    answers = []
    for one in (told, numbers):
        matched = ds.match_cohorts(ds.estimate_propensity(one, exposed="joined", terms=["x"]))
        answers.append(ds.compare_cohorts(one, matched, [ds.Binary("y")]).to_frame())
    pd.testing.assert_frame_equal(*answers)
    maybe = frame.assign(joined=frame["joined"].where(frame.index > 0, "maybe"))
    with pytest.raises(DesistanceError, match="holds other values than 0 and 1, or yes and no"):
        ds.estimate_propensity(maybe, exposed="joined", terms=["x"])
