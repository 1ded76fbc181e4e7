"""What may never move the numbers, from case files on: dates, names, cleaning, who is excluded."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance import reoffending_rates
from desistance.cases import CaseData
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.schemas import TABLES
from desistance.survival import fit_cox, kaplan_meier, log_rank
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples
from tests.estimators import BY_NAME
from tests.properties.relations import cohort

FOUR_YEARS = 1_461  # as long wherever they begin, and months stay months
NAMES = [table.name for table in TABLES]


@pytest.fixture(scope="module")
def cases():
    return simulate_cases(SimulationDesign(n_people=200), rng=5)


def frames_of(cases):
    return {name: getattr(cases, name).copy() for name in NAMES if len(getattr(cases, name))}


def numbers_of(cases):
    followed = follow_up(cases, build_histories(cases))
    fit = fit_cox(followed, ["exposed", "age"], variance="cluster")
    curve = kaplan_meier(followed, by="cohort").to_frame()
    return [followed.flow, reoffending_rates(followed).to_frame(), curve, fit.to_frame(log=True)]


def same(one, other, *, exactly=True):
    for mine, theirs in zip(one, other, strict=True):
        # Sums over people in another order may differ in the last bits.
        pd.testing.assert_frame_equal(mine, theirs, check_exact=exactly)


def test_all_dates_may_move(cases):
    moved = frames_of(cases)
    for table in moved.values():
        for column in table.columns[table.dtypes.astype(str).str.startswith("datetime")]:
            table[column] = table[column] + pd.Timedelta(days=FOUR_YEARS)
    later = CaseData.from_frames(
        moved, extract_date=cases.extract_date + pd.Timedelta(days=FOUR_YEARS)
    )
    same(numbers_of(cases), numbers_of(later))


def test_people_may_have_other_names(cases):
    renamed = frames_of(cases)
    for table in renamed.values():
        if "person_id" in table:
            table["person_id"] = [
                hashlib.sha256(b"key" + name.encode()).hexdigest() for name in table.person_id
            ]
    same(
        numbers_of(cases),
        numbers_of(CaseData.from_frames(renamed, extract_date=cases.extract_date)),
        exactly=False,
    )


def test_cleaning_twice_is_cleaning_once():
    messy = simulate_cases(SimulationDesign(n_people=120, messy=True), rng=6)
    again = CaseData.from_frames(frames_of(messy), extract_date=messy.extract_date)
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(messy, name), getattr(again, name))
    assert (again.quality.accounting.n_quarantined == 0).all()


def test_somebody_excluded_changes_only_the_accounting(cases):
    more = frames_of(cases)
    never_left = more["people"].head(1).assign(person_id="NEVER-LEFT", death_date=pd.NaT)
    more["people"] = pd.concat([more["people"], never_left], ignore_index=True)
    first, *others = numbers_of(cases)
    flow, *again = numbers_of(CaseData.from_frames(more, extract_date=cases.extract_date))
    same(others, again)
    assert flow.n_remaining.iloc[0] == first.n_remaining.iloc[0] + 1
    assert flow.n_remaining.iloc[-1] == first.n_remaining.iloc[-1]


seeds = st.integers(0, 2**31)


@examples(20)
@given(seeds)
def test_the_log_rank_test_is_that_of_a_stack_of_two_by_two_tables(seed):
    frame = cohort(seed)
    observed = expected = variance = 0.0
    for day in np.unique(frame.day[frame.event == 1]):
        there = frame[frame.day >= day]
        n, m = len(there), int(there.arm.sum())
        d = int(((there.day == day) & (there.event == 1)).sum())
        observed += ((there.day == day) & (there.event == 1) & (there.arm == 1)).sum()
        expected += d * m / n
        variance += d * m * (n - m) * (n - d) / (n**2 * max(n - 1, 1))
    found = log_rank(BY_NAME["log_rank"].times(frame), "arm")
    assert_allclose(found.statistic, (observed - expected) ** 2 / variance, rtol=1e-10)


@examples(20)
@given(seeds, st.floats(-5, 5))
def test_a_step_in_a_covariate_is_a_power_of_the_curve(seed, step):
    fit = BY_NAME["fit_cox"](cohort(seed))
    days = [5, 10, 20]
    one = fit.survival_at({"arm": 0, "age": 35.0}, days).estimate
    two = fit.survival_at({"arm": 0, "age": 35.0 + step}, days).estimate
    power = np.exp(fit.coefficients["age"] * step)
    assert_allclose(two, one**power, rtol=1e-12)
