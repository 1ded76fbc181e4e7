"""What errors for few areas, and exact intervals for few people, must do."""

import json
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.comparison.fewareas import exact_two_by_two, fit_by_area
from desistance.comparison.fewareas.areafit import CR2, WILD
from desistance.comparison.fewareas.exact import EXACT, MID_P
from desistance.comparison.fewareas.permuted import ways_to_go_live
from desistance.errors import ModelError
from search import examples

REFERENCE = Path(__file__).parent / "reference"
FROM_R = json.loads((REFERENCE / "rollout.json").read_text())
PANEL = pd.read_csv(REFERENCE / "rollout.csv")
PANEL["rate"] = 100 * PANEL["outcome"] / PANEL["exposure"]
PANEL["live"] = PANEL["month"] >= PANEL["go_live"]
TESTED = ["estimate", "std_error", "df", "p_value"]
TWO_WAY = {"fixed": ["area", "month"], "weight": "exposure", "wild": "rademacher"}


def by(fit, interval):
    return fit.to_frame().query("interval == @interval")


def test_cr2_and_satterthwaites_degrees_of_freedom_are_those_of_r():
    weighted = by(fit_by_area(PANEL, "rate", ["live"], **TWO_WAY), CR2)
    assert_allclose(weighted[TESTED].to_numpy()[0], FROM_R["weighted"], rtol=1e-9)
    plain = by(fit_by_area(PANEL, "rate", ["live", "exposure"], draws=9), CR2)
    assert_allclose(plain[TESTED].to_numpy(), FROM_R["plain"], rtol=1e-9)


def test_wild_bootstrap_is_that_of_fitting_every_pattern_in_r():
    for tested, p_value in zip((0, -6), FROM_R["wild"], strict=True):
        rows = PANEL.assign(rate=PANEL["rate"] - tested * PANEL["live"])
        found = by(fit_by_area(rows, "rate", ["live"], **TWO_WAY), WILD)
        assert found["p_value"].item() == p_value


@pytest.mark.parametrize("wild", ["rademacher", "webb"])
def test_wild_intervals_hold_what_is_not_rejected(wild):
    choices = TWO_WAY | {"wild": wild, "draws": 999, "confidence": 0.9}
    row = by(fit_by_area(PANEL, "rate", ["live"], **choices), WILD).iloc[0]

    def p_value(effect):
        rows = PANEL.assign(rate=PANEL["rate"] - effect * PANEL["live"])
        return by(fit_by_area(rows, "rate", ["live"], **choices), WILD)["p_value"].item()

    for end, inwards in ((row["conf_low"], 1e-10), (row["conf_high"], -1e-10)):
        assert p_value(end + inwards) > 0.1
        assert p_value(end - 1000 * inwards) <= 0.1


@examples(10)
@given(st.integers(0, 10_000))
def test_order_names_and_scale_change_nothing(seed):
    rng = np.random.default_rng(seed)
    names = dict(zip("ABCDEFGHI", rng.permutation(list("stuvwxyzk")), strict=True))
    moved = PANEL.sample(frac=1, random_state=seed)
    moved = moved.assign(area=moved["area"].map(names), rate=3 * moved["rate"] + 7,
                         exposure=5 * moved["exposure"])  # fmt: skip
    ours, theirs = (fit_by_area(rows, "rate", ["live"], **TWO_WAY).to_frame()
                    for rows in (PANEL, moved))  # fmt: skip
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert_allclose(3 * ours[column], theirs[column], rtol=1e-8)
    assert_allclose(ours[["df", "p_value"]], theirs[["df", "p_value"]], rtol=1e-8)


def test_what_cannot_be_told_is_said():
    rows = PANEL.assign(twice=2 * PANEL["exposure"], same=1.0)
    rows.loc[3, "rate"] = np.nan
    fit = fit_by_area(rows, "rate", ["exposure", "twice"], draws=9)
    assert fit.to_frame()["note"].str.startswith("not estimable: a combination").all()
    assert fit.n == 179
    assert any("1 rows with an empty cell" in caveat for caveat in fit.caveats)
    assert any(caveat.startswith("Only 9 areas") for caveat in fit.caveats)
    for spoilt, terms, choices in (
        (PANEL, ["outcomes"], {}), (PANEL, ["area"], {}), (PANEL, [], {}),
        (PANEL.assign(exposure=0), ["live"], {"weight": "exposure"}),
        (PANEL[PANEL["area"] == "A"], ["live"], {}), (PANEL.assign(rate=np.inf), ["live"], {}),
        (PANEL.assign(rate=np.nan), ["live"], {}), (PANEL, ["live"], {"wild": "normal"}),
    ):  # fmt: skip
        with pytest.raises(ModelError):
            fit_by_area(spoilt, "rate", terms, **choices)


def test_ways_to_go_live_are_all_there_once():
    start = np.array([3, 5, 5, 9, 9])
    order, exact = ways_to_go_live(start, 30, np.random.default_rng(1))
    assert exact
    assert order.shape == (30, 5)
    assert order[0].tolist() == [0, 1, 2, 3, 4]
    handed = np.empty_like(order)
    np.put_along_axis(handed, order, np.tile(start, (30, 1)), axis=1)
    assert len(np.unique(handed, axis=0)) == 30
    assert (np.sort(handed, axis=1) == start).all()
    order, exact = ways_to_go_live(start, 29, np.random.default_rng(1))
    assert not exact
    assert order.shape == (30, 5)


def tails(a, n1, events, n0, odds):
    """Exact chances of fewer than, just, and more than `a` at a rational odds ratio."""
    seen = range(max(0, events - n0), min(n1, events) + 1)
    weight = {k: comb(n1, k) * comb(n0, events - k) * odds**k for k in seen}
    total = sum(weight.values())
    return [sum((w for k, w in weight.items() if keep(k)), Fraction(0)) / total
            for keep in (lambda k: k < a, lambda k: k == a, lambda k: k > a)]  # fmt: skip


@pytest.mark.parametrize(("a", "n1", "c", "n0"), [(3, 12, 9, 13), (0, 8, 4, 20), (5, 40, 30, 90)])
@pytest.mark.parametrize(("interval", "half"), [(EXACT, 1), (MID_P, Fraction(1, 2))])
def test_ends_of_exact_intervals_leave_just_their_tails(a, n1, c, n0, interval, half):
    row = exact_two_by_two((a, c), (n1, n0)).to_frame().iloc[2:].set_index("interval").loc[interval]
    below, at, _ = tails(a, n1, a + c, n0, Fraction(row["conf_high"]))
    assert float(below + half * at) == pytest.approx(0.025, abs=1e-11)
    if a:
        _, at, above = tails(a, n1, a + c, n0, Fraction(row["conf_low"]))
        assert float(above + half * at) == pytest.approx(0.025, abs=1e-11)
        weight = {k: Fraction(comb(n1, k) * comb(n0, a + c - k)) * Fraction(row["estimate"]) ** k
                  for k in range(max(0, a + c - n0), min(n1, a + c) + 1)}  # fmt: skip
        mean = sum(k * w for k, w in weight.items()) / sum(weight.values())
        assert float(mean) == pytest.approx(a, abs=1e-9)
    below, at, above = tails(a, n1, a + c, n0, Fraction(1))
    p_value = min(1, 2 * min(below + half * at, above + half * at))
    assert row["p_value"] == pytest.approx(float(p_value), abs=1e-12)


@pytest.mark.parametrize("numbers", FROM_R["fisher"], ids=lambda one: str(one[:4]))
def test_exact_intervals_are_those_of_r(numbers):
    a, n1, c, n0 = (int(one) for one in numbers[:4])
    rows = exact_two_by_two((a, c), (n1, n0)).to_frame()
    expected = [np.inf if one is None else one for one in numbers[4:]]
    odds = rows.loc[2, ["estimate", "conf_low", "conf_high", "p_value"]].to_numpy(float)
    assert_allclose(odds[:3], expected[:3], rtol=2e-3)  # R's search stops there
    assert odds[3] == pytest.approx(expected[3], abs=1e-12)
    assert_allclose(rows.loc[0, ["conf_low", "conf_high"]].to_numpy(float), expected[4:], rtol=1e-9)


@given(st.integers(0, 12), st.integers(0, 12))
def test_groups_the_other_way_round_turn_the_odds_ratio_over(a, c):
    one = exact_two_by_two((a, c), (12, 12)).to_frame().iloc[2:]
    other = exact_two_by_two((c, a), (12, 12)).to_frame().iloc[2:]
    if a + c in (0, 24):
        assert one["note"].str.startswith("not estimable").all()
        return
    with np.errstate(divide="ignore"):
        assert_allclose(1 / one["conf_low"], other["conf_high"], rtol=1e-9)
    assert_allclose(one["p_value"], other["p_value"], atol=1e-12)
    assert one["p_value"].iloc[1] <= one["p_value"].iloc[0]
    assert one["conf_high"].iloc[1] <= one["conf_high"].iloc[0]


@pytest.mark.parametrize(("events", "people"), [((3, 2), (2, 5)), ((-1, 2), (2, 5)),
                                                ((1.5, 2), (2, 5)), ((0, 0), (0, 5))])  # fmt: skip
def test_counts_that_cannot_be_are_refused(events, people):
    with pytest.raises(ModelError):
        exact_two_by_two(events, people)
