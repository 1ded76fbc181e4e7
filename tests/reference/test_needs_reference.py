"""Two-by-two tables against R (needs.R beside this file), scipy, and exact enumeration."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, contingency

from desistance.histories.paired import odds_ratio, paired_change, phi, share_interval

TABLES = json.loads(Path(__file__).with_name("needs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("told", TABLES, ids=lambda told: str(told["table"]))
def test_the_net_change_is_that_of_r(told):
    n = sum(told["table"])
    _, more, fewer, _ = told["table"]
    change, low, high, p_value = paired_change([more], [fewer], [n])
    assert change[0] == (more - fewer) / n
    assert [low[0], high[0]] == pytest.approx([told["low"], told["high"]], abs=1e-8)
    assert p_value[0] == pytest.approx(told["mcnemar"], abs=1e-12)


@pytest.mark.parametrize("told", TABLES, ids=lambda told: str(told["table"]))
def test_the_odds_ratio_is_that_of_r_and_scipy(told):
    estimate, low, high, p_value = odds_ratio(*told["table"])
    assert p_value == pytest.approx(told["fisher"], rel=1e-6)
    if min(told["table"]) == 0:
        assert np.isnan([estimate, low, high]).all()
        return
    table = np.array(told["table"]).reshape(2, 2)
    peer = contingency.odds_ratio(table)
    interval = peer.confidence_interval()
    assert [estimate, low, high] == pytest.approx(
        [peer.statistic, interval.low, interval.high], rel=1e-6
    )
    # fisher.test looks for its roots to about three digits, less far out.
    assert [estimate, low, high] == pytest.approx(
        [told[name] for name in ("odds", "odds_low", "odds_high")], rel=0.03
    )


def test_phi_is_a_correlation():
    one, two = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([1, 0, 1, 1, 0, 0, 0])
    assert phi(*np.array([2.0, 1.0, 1.0, 3.0])) == pytest.approx(np.corrcoef(one, two)[0, 1])
    assert np.isnan(phi(*np.array([3.0, 0.0, 4.0, 0.0])))


def test_exact_limits_of_a_share_hold_just_half_the_error_in_each_tail():
    share, low, high = share_interval([7, 0, 20, 0], [20, 20, 20, 0])
    assert share[:3].tolist() == [0.35, 0, 1]
    assert binom.sf(6, 20, low[0]) == pytest.approx(0.025)
    assert binom.cdf(7, 20, high[0]) == pytest.approx(0.025)
    assert (low[1], high[2]) == (0, 1)
    assert np.isnan([share[3], low[3], high[3]]).all()


@pytest.mark.parametrize(
    ("appear", "resolve"), [(0.05, 0.05), (0.05, 0.25), (0.02, 0.4), (0.1, 0.3)]
)
def test_the_interval_holds_the_true_change_about_as_often_as_it_says(appear, resolve):
    """Known truth: 4,000 pilots of 60 people, each drawn from the same shares."""
    drawn = np.random.default_rng(20261125).multinomial(
        60, [appear, resolve, 1 - appear - resolve], size=4_000
    )
    _, low, high, _ = paired_change(drawn[:, 0], drawn[:, 1], np.full(4_000, 60))
    held = ((low <= appear - resolve) & (appear - resolve <= high)).mean()
    assert 0.935 <= held <= 0.97


def test_exchanging_before_and_later_turns_the_change_round():
    forth = paired_change([3, 0, 7], [9, 4, 7], [40, 20, 30])
    back = paired_change([9, 4, 7], [3, 0, 7], [40, 20, 30])
    assert forth[0].tolist() == (-back[0]).tolist()
    assert forth[1] == pytest.approx(-back[2], abs=1e-12)
    assert forth[3].tolist() == back[3].tolist()
