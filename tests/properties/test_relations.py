"""Every relation of `relations`, on every estimator it fits: one cohort each, or `EXAMPLES`."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.relations import ELSEWHERE, RELATIONS, pairs

EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
TESTS = Path(__file__).parents[1]
CASES = [
    pytest.param(
        one, that, id=f"{one.number}: {one.sentence}: {that.name}",
        marks=[pytest.mark.slow] if "slow" in that.traits else [],
    )
    for one, that in pairs()
]  # fmt: skip


@pytest.mark.parametrize(("relation", "estimator"), CASES)
def test_the_relation_holds(relation, estimator):
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**31))
    def holds(seed):
        gap = relation.gap(estimator, seed)
        assert gap is None or gap <= 1, f"{gap:.3g} times the tolerance"

    holds()


def test_all_thirty_six_are_somewhere():
    assert {one.number for one in RELATIONS} | set(ELSEWHERE) == set(range(1, 37))
    written = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    for _, tests in ELSEWHERE.values():
        for test in tests:
            assert any(f"def {test}(" in text for text in written), test
