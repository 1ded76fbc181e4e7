"""No estimator answers a bad input with a wrong number, a lost row, or words that do not help."""

import pandas as pd
import pytest

from tests.estimators import ESTIMATORS
from tests.faults.inputs import INPUTS
from tests.faults.judge import GOOD, judge
from tests.faults.odd import FILE, odd_rows

QUICK = [one for one in ESTIMATORS if "slow" not in one.traits]
SLOW = [one for one in ESTIMATORS if "slow" in one.traits]


def test_there_are_sixty_one():
    assert [bad.number for bad in INPUTS] == list(range(1, 62))


@pytest.mark.parametrize("bad", INPUTS, ids=lambda bad: f"{bad.number} {bad.what}")
def test_every_answer_is_a_good_one(bad):
    found = {one.name: judge(bad, one) for one in QUICK}
    assert {name: cell for name, cell in found.items() if cell.code not in GOOD} == {}


@pytest.mark.slow
@pytest.mark.parametrize("bad", INPUTS, ids=lambda bad: f"{bad.number} {bad.what}")
def test_so_is_every_slow_answer(bad):
    found = {one.name: judge(bad, one) for one in SLOW}
    assert {name: cell for name, cell in found.items() if cell.code not in GOOD} == {}


def test_a_wrong_answer_is_seen():
    class Careless:
        name, family, traits = "kaplan_meier", "KM", frozenset({"groups", "curves", "weights"})

        def __call__(self, frame, terms):
            kept = frame.assign(arm=frame.arm.fillna(0), age=frame.age.fillna(0))
            return next(one for one in ESTIMATORS if one.name == self.name)(kept, terms)

    assert judge(INPUTS[2], Careless()).code == "wrong"


def test_r_read_the_rows_that_are_judged():
    pd.testing.assert_frame_equal(pd.read_csv(FILE), odd_rows())
