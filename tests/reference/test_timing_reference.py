"""Nested trials and clones against R: `timing.R` builds them again, with loops, from timing.csv.

Weights by glm, hazard ratio by coxph with weights and clusters, rates by survfit (survival 3.5-3).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from desistance.cases import CaseData
from desistance.comparison.timing import TimeDesign, compare_over_time
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "timing.json").read_text())
PEOPLE = pd.read_csv(HERE / "timing.csv")
EXIT = pd.Timestamp("2021-01-01")
CHOICES = {"terms": ("sex", "tier"), "model": "logistic", "every_days": 30, "truncate": None}


def followed_up():
    """Turn the table into case files: all leave on one day, nobody dies, moves or is jailed."""
    ids = pd.Series([f"P{number:03d}" for number in range(len(PEOPLE))])
    joined, seen = PEOPLE.joined.notna(), PEOPLE.event.notna()
    days = PEOPLE[["joined", "event"]].astype("Int64")
    on = {name: EXIT + pd.to_timedelta(days[name], unit="D") for name in days}
    frames = {
        "people": pd.DataFrame(
            {"person_id": ids, "birth_month": pd.Timestamp("1990-01-01"), "sex": PEOPLE.sex}
        ),
        "episodes": pd.concat([
            pd.DataFrame({"person_id": ids, "programme": "IOM", "tier": PEOPLE.tier,
                          "start_date": EXIT - pd.Timedelta(days=300), "end_date": EXIT}),
            pd.DataFrame({"person_id": ids[joined], "programme": "7PP",
                          "start_date": on["joined"][joined]}),
        ]),
        "offences": pd.DataFrame({
            "person_id": ids[seen], "offence_date": on["event"][seen],
            "outcome_date": on["event"][seen], "offence_code": "028", "outcome": "convicted"}),
    }  # fmt: skip
    cases = CaseData.from_frames(frames, extract_date=EXIT + pd.Timedelta(days=800))
    design = FollowUpDesign(months=6, waiting_months=0, watch_months=12)
    return follow_up(cases, build_histories(cases), design)


@pytest.mark.parametrize(
    ("name", "design"),
    [
        ("nested", TimeDesign("nested-trials", **CHOICES)),
        ("clones", TimeDesign("clone-censor-weight", grace_days=60, **CHOICES)),
    ],
)
def test_designs_are_those_of_r(name, design):
    answer = ANSWERS[name]
    found = compare_over_time(followed_up(), design)
    hazard = found.effect("time")
    assert np.log(hazard["estimate"]) == pytest.approx(answer["log_ratio"], abs=1e-8)
    assert hazard["std_error"] == pytest.approx(answer["error"], rel=1e-7)
    rates = found.frame[found.frame["outcome"] == "reoffenders per 100 people"]
    assert_allclose(100 - rates["estimate"], 100 * np.array(answer["share"]), atol=1e-7)
    assert_allclose(rates["std_error"], 100 * np.array(answer["share_error"]), rtol=1e-7)
