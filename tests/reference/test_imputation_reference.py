"""Rubin's rules, chained equations and products of joining and a need, against R.

`imputation.R` (survival 3.5, mice 3.15) makes the people and the answers.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from desistance import (
    TimeToEvent,
    effects_by_need,
    fit_cox,
    impute_needs,
    kaplan_meier,
    pool_curves,
    pool_fits,
)
from desistance.comparison.exploratory import rows as exploratory_rows
from desistance.rubin import put_together

R = json.loads((Path(__file__).parent / "imputation.json").read_text())
PEOPLE = pd.DataFrame(R["people"])


def times(need, **roles):
    frame = PEOPLE.assign(need=need)
    return TimeToEvent.from_frame(frame, stop="day", event="event", person="person", **roles)


@pytest.fixture(scope="module")
def copies():
    return [times(need) for need in R["copies"]["needs"]]


@pytest.mark.parametrize("answer", R["scalars"], ids=lambda one: f"{len(one['q'])} copies")
def test_numbers_are_put_together_as_mice_does(answer):
    q, u = (np.array(answer[name])[:, None] for name in "qu")
    complete = answer["complete"] or np.inf
    found = put_together(q, u, complete_df=complete)
    for name in ("estimate", "within", "between", "variance", "df", "missing"):
        assert getattr(found, name) == pytest.approx([answer[name]], abs=1e-8), name


def test_cox_fits_are_put_together_as_mice_does(copies):
    pooled = pool_fits([fit_cox(copy, ["joined", "need", "age"]) for copy in copies])
    frame, answer = pooled.to_frame(log=True), R["copies"]
    assert frame["estimate"].tolist() == pytest.approx(answer["estimate"], abs=1e-8)
    assert (frame["std_error"] ** 2).tolist() == pytest.approx(answer["variance"], abs=1e-8)
    # mice counts a share below 1e-4 as 1e-4; those of `joined` and the others are above it
    assert frame["df"].tolist() == pytest.approx(answer["df"], rel=1e-7)
    assert frame["missing_information"].tolist() == pytest.approx(answer["missing"], abs=1e-8)
    test = pooled.joint_test(["joined", "need"]).iloc[0]
    assert test["statistic"] == pytest.approx(answer["d1"], rel=1e-8)
    assert test["df_error"] == pytest.approx(answer["d1_df"], rel=1e-8)
    assert test["p_value"] == pytest.approx(answer["d1_p"], rel=1e-6)


def test_curves_are_put_together_on_the_cloglog_scale(copies):
    found = pool_curves([kaplan_meier(copy, by="need") for copy in copies], days=[100])
    for row, answer in zip(found.to_frame().to_dict("records"), R["curve"], strict=True):
        ours = [row["estimate"], row["conf_low"], row["conf_high"]]
        assert ours == pytest.approx(answer, abs=1e-8)


def test_chained_equations_agree_with_mice_but_for_the_draws():
    imputed = impute_needs(
        times(PEOPLE["need"].astype(float)), ["joined", "age", "need"], copies=150, cycles=2, rng=3
    )
    frame = imputed.fit_cox(["joined", "need", "age"]).to_frame(log=True)
    answer = R["many"]
    off = (frame["estimate"] - answer["estimate"]) / answer["error"]
    assert off.abs().max() < 0.12  # of a standard error
    assert frame["std_error"].tolist() == pytest.approx(answer["error"], rel=0.04)
    assert imputed.to_frame()["mean_imputed"][0] == pytest.approx(answer["share"], abs=0.03)


def test_the_effect_with_and_without_a_need_is_that_of_coxph(monkeypatch):
    monkeypatch.setattr(exploratory_rows, "FEWEST", 10)  # these people are fewer than 30 in a group
    known = PEOPLE[PEOPLE["need"].notna()]
    rows = TimeToEvent.from_frame(
        known, stop="day", event="event", person="person", weight="weight"
    )
    found = effects_by_need(rows, needs=["need"], exposed="joined", cluster="pair").to_frame()
    assert np.log(found["estimate"]).tolist() == pytest.approx(R["product"]["log"], abs=1e-8)
    assert found["std_error"].tolist() == pytest.approx(R["product"]["error"], abs=1e-8)
