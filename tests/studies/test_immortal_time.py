"""A simulation study: no effect, people joining 0-180 days after leaving.

Aim: the fair clock finds nothing, the naive one finds an effect that is not there. Data: 2,000
pilots of 400 people, 35 in 100 of whom set out to join on a day drawn evenly from the 180 after
leaving (if they have not been arrested before), hazard ratio 1. Estimand: log hazard ratio of
joining. Method: Cox with joining as an exposure that starts later, against ever/never.
Performance: bias, rejection at 5 %, with Monte Carlo error. Source of the figures to reach:
0.62 and 99 % for the naive clock.
"""

import numpy as np
import pandas as pd
import pytest

from desistance.cases import CaseData
from desistance.comparison.timing import TimeDesign, check_immortal_time, compare_over_time
from desistance.errors import BiasError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import fit_cox

EXTRACT = pd.Timestamp("2024-01-01")
EXIT = pd.Timestamp("2022-01-01")


def pilot(rng, n=400):
    """Simulate one pilot: 56 in 100 are arrested in a year; who is arrested first does not join."""
    arrested = np.ceil(rng.exponential(445, size=n)).astype(int)
    wants, join_on = rng.random(n) < 0.35, rng.integers(0, 181, size=n)
    joined = wants & (join_on < arrested)
    ids = np.array([f"P{number:04d}" for number in range(n)])
    seen = arrested < 730
    on = EXIT + pd.to_timedelta(arrested, unit="D")
    frames = {
        "people": pd.DataFrame({"person_id": ids, "birth_month": pd.Timestamp("1990-01-01")}),
        "episodes": pd.concat([
            pd.DataFrame({"person_id": ids, "programme": "IOM",
                          "start_date": EXIT - pd.Timedelta(days=300), "end_date": EXIT}),
            pd.DataFrame({"person_id": ids[joined], "programme": "7PP",
                          "start_date": EXIT + pd.to_timedelta(join_on[joined], unit="D")}),
        ]),
        "offences": pd.DataFrame({
            "person_id": ids[seen], "offence_date": on[seen], "outcome_date": on[seen],
            "offence_code": "028", "outcome": "convicted"}),
    }  # fmt: skip
    return CaseData.from_frames(frames, extract_date=EXTRACT)


@pytest.fixture(scope="module")
def large():
    return pilot(np.random.default_rng([2026, 1]), n=4_000)


def followed_by(cases, exposure):
    design = FollowUpDesign(months=12, waiting_months=0, watch_months=12, exposure=exposure)
    return follow_up(cases, build_histories(cases), design, acknowledge_bias=True)


def test_ever_against_never_makes_an_effect_and_is_caught(large):
    followed = followed_by(large, "ever")
    row = fit_cox(followed, ["exposed"]).to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(0.62, abs=0.06)
    assert row["p_value"] < 1e-6
    with pytest.raises(BiasError, match=r"days before joining, of .* people, .* hold 0 reoffences"):
        check_immortal_time(followed)
    with pytest.raises(BiasError, match="counts time before joining as exposed"):
        compare_over_time(followed, "time-varying", terms=())


@pytest.mark.parametrize(
    "design",
    [
        TimeDesign("nested-trials", (), quiet_only=True, every_days=14),
        TimeDesign("landmark", ()),
        TimeDesign("time-varying", (), every_days=30),
        TimeDesign("clone-censor-weight", (), every_days=30),
    ],
    ids=lambda design: design.name,
)
def test_designs_of_time_find_nothing_in_the_same_pilot(large, design):
    followed = followed_by(large, "time-varying")
    assert not check_immortal_time(followed).found
    found = compare_over_time(followed, design)
    for outcome in ("time", "rate", "days"):
        assert found.effect(outcome)["p_value"] > 0.01
