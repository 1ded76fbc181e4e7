"""The table of comparator designs says what the study found, and a replicate can be run alone."""

import numpy as np
import pytest

from tests.studies.comparators import DESIGNS, SCENARIOS, recorded, replicate, section, table

KEPT = recorded()


def bias(scenario, letter, scale="difference"):
    off, error, *_ = KEPT["scenarios"][scenario][letter][scale]
    return off, error


def test_the_page_shows_what_was_found():
    assert section() == table(KEPT)
    assert list(KEPT["scenarios"]) == list(SCENARIOS)


def test_a_replicate_run_alone_is_the_one_recorded():
    again = replicate("those at risk", 0, KEPT["elsewhere"])
    for letter in DESIGNS:
        found = KEPT["first"]["those at risk"][letter]
        assert again[letter] == pytest.approx(found, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_replicate_of_every_scenario_is_the_one_recorded(scenario):
    again = replicate(scenario, 0, KEPT["elsewhere"])
    for letter in DESIGNS:
        found = KEPT["first"][scenario][letter]
        assert again[letter] == pytest.approx(found, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("scenario", ["joining at random", "those at risk"])
@pytest.mark.parametrize("letter", ["A", "B", "C"])
def test_on_what_is_recorded_each_design_finds_nothing_where_there_is_nothing(scenario, letter):
    off, error = bias(scenario, letter)
    assert abs(off) < 3 * error
    assert KEPT["scenarios"][scenario][letter]["difference"][2] >= 0.93


def test_each_design_fails_where_its_words_say_it_does():
    assert bias("those at risk, pilot areas worse", "A")[0] > 3
    assert bias("those at risk, rates falling", "B")[0] < -3
    thinned = "those at risk, and a true effect of 0.6"
    for letter, scale, least in (("C", "log ratio", 0.15), ("D", "log ratio", 0.15)):
        off, error = bias(thinned, letter, scale)
        assert off - 2 * error > least
    for letter in "AB":  # nobody they compare joins later
        assert abs(bias(thinned, letter)[0]) < 2
    assert np.abs([bias(name, "E")[0] for name in SCENARIOS]).max() > 10


def test_a_rule_of_recency_is_not_caught_by_a_straight_line():
    off, error = bias("those who have not offended lately", "C")
    assert -3 < off < -2 * error
