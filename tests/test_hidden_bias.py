"""E-values, Rosenbaum's bounds, tipping points and adjusted p-values, on numbers alone."""

import json
from fractions import Fraction
from itertools import combinations, product
from math import comb, prod
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance import adjusted_p, e_value, rosenbaum_bounds, tipping_point, tipping_unseen
from desistance.errors import ModelError
from search import examples

FROM_R = json.loads((Path(__file__).parent / "reference" / "hidden_bias.json").read_text())
RATIOS = st.floats(0.05, 20.0)


class TestEValue:
    # VanderWeele and Ding (2017), Annals of Internal Medicine 167(4): infants not breastfed, 3.9
    # (1.8 to 8.7); breastfeeding and leukaemia, 0.80 (0.71 to 0.91); smokers of Hammond and Horn,
    # 10.73 (8.02 to 14.36).
    @pytest.mark.parametrize(
        ("found", "published", "digits"),
        [((3.9, 1.8, 8.7), (7.26, 3.00), 2), ((0.80, 0.71, 0.91), (1.8, 1.4), 1),
         ((10.73, 8.02, 14.36), (20.9, 15.5), 1)],
    )  # fmt: skip
    def test_published_risk_ratios(self, found, published, digits):
        told = e_value(*found, scale="risk ratio")
        assert (told.estimate, told.limit) == pytest.approx(published, abs=0.51 * 10.0**-digits)
        assert e_value(*found, scale="rate ratio").estimate == told.estimate

    def test_a_common_outcome_brings_hazard_and_odds_ratios_nearer_to_one(self):
        # By the paper's table of conversions, in fifty-digit arithmetic: HR 0.56 (0.46 to 0.69).
        told = e_value(0.56, 0.46, 0.69, scale="hazard ratio")
        assert told.risk_ratio == pytest.approx((0.670083951663, 0.773526739137), abs=1e-11)
        assert (told.estimate, told.limit) == pytest.approx((2.3495312576, 1.9080039433), abs=1e-9)
        rare = e_value(0.56, 0.46, 0.69, scale="hazard ratio", common=False)
        assert rare.estimate == e_value(0.56, 0.46, 0.69, scale="risk ratio").estimate
        odds = e_value(3.0, 2.0, 4.0, scale="odds ratio")
        assert round(odds.estimate, 2) == 2.86  # of sqrt(3)

    def test_a_difference_is_set_against_its_baseline(self):
        told = e_value(-10.0, -18.0, -2.0, scale="difference", baseline=50.0)
        ratio = e_value(0.8, 0.64, 0.96, scale="risk ratio")
        assert (told.estimate, told.limit) == pytest.approx((ratio.estimate, ratio.limit))
        standardised = e_value(-0.5, -0.9, -0.1, scale="standardised difference")
        assert standardised.risk_ratio == pytest.approx(np.exp([-0.455, -0.091]))

    def test_an_interval_that_holds_no_effect_has_an_e_value_of_one(self):
        assert e_value(0.8, 0.6, 1.1, scale="risk ratio").limit == 1.0

    @examples(25)
    @given(ratio=RATIOS, spread=st.floats(1.01, 3.0), common=st.booleans())
    @pytest.mark.parametrize("scale", ["risk ratio", "hazard ratio", "odds ratio"])
    def test_an_effect_and_its_mirror_image_are_as_robust(self, ratio, spread, common, scale):
        one = e_value(ratio, ratio / spread, ratio * spread, scale=scale, common=common)
        other = e_value(1 / ratio, 1 / ratio / spread, spread / ratio, scale=scale, common=common)
        assert (one.estimate, one.limit) == pytest.approx((other.estimate, other.limit), rel=1e-9)
        assert 1 <= one.limit <= one.estimate

    @examples(25)
    @given(ratio=st.floats(1.05, 20.0))
    def test_its_corner_is_just_enough(self, ratio):
        corner = e_value(ratio, ratio, ratio, scale="risk ratio").estimate
        assert corner * corner / (2 * corner - 1) == pytest.approx(ratio, rel=1e-9)

    def test_without_an_estimate_it_says_so(self):
        told = e_value(np.nan, np.nan, np.nan, scale="hazard ratio")
        assert told.note == "not estimable: there is no estimate"
        assert "not estimable" in told.summary()
        too_large = e_value(-60.0, -70.0, -50.0, scale="difference", baseline=55.0)
        assert too_large.note.startswith("not estimable: the difference is as large")

    @pytest.mark.parametrize(
        ("found", "asked", "why"),
        [((0.5, 0.6, 0.7), {"scale": "risk ratio"}, "within its limits"),
         ((-0.5, -0.6, 0.7), {"scale": "risk ratio"}, "above 0"),
         ((-5, -6, 7), {"scale": "difference"}, "`baseline`"),
         ((0.5, 0.4, 0.7), {"scale": "risk"}, "`scale` is one of")],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, found, asked, why):
        with pytest.raises(ModelError, match=why):
            e_value(*found, **asked)


def as_sets(pairs):
    """Lay out (outcome of the exposed, outcome of the other) pairs as rows."""
    return pd.DataFrame({
        "match": np.repeat(np.arange(len(pairs)), 2), "exposed": [True, False] * len(pairs),
        "y": [value for pair in pairs for value in pair]})  # fmt: skip


def p_values(sets, gammas, alternative="greater"):
    found = rosenbaum_bounds(sets, outcome="y", gammas=gammas, alternative=alternative)
    return found.to_frame()["p_value"].to_numpy()


# Morton et al. (1982): lead in the blood of 33 pairs of children, ug per dl, as printed in
# Rosenbaum (2002), section 4.3.
LEAD = [
    *zip(
        [38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15, 10, 45, 39, 22, 35,
         49, 48, 44, 35, 43, 39, 34, 13, 73, 25, 27],
        [16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24, 13, 9, 14, 21, 19, 7,
         18, 19, 12, 11, 22, 25, 16, 13, 11, 13],
        strict=True,
    )
]  # fmt: skip


class TestBounds:
    def test_published_bounds_of_lead_in_blood(self, monkeypatch):
        # Rosenbaum (2002), table 4.2, by the normal distribution.
        monkeypatch.setattr("desistance.comparison.sensitivity.bounds.EXACT", 0)
        found = p_values(as_sets(LEAD), [2, 3, 4, 4.25, 5])
        assert found.round(4).tolist() == [0.0018, 0.0136, 0.0388, 0.0468, 0.0740]

    def test_exact_ranks_come_near_the_normal_ones_as_pairs_grow(self, monkeypatch):
        pairs = as_sets([(d, 0) for d in np.random.default_rng(2).normal(0.4, 1, 90).round(1)])
        exact = p_values(pairs, [1, 1.5])
        monkeypatch.setattr("desistance.comparison.sensitivity.bounds.EXACT", 0)
        assert exact == pytest.approx(p_values(pairs, [1, 1.5]), rel=0.2, abs=1e-4)

    def test_exact_ranks_are_those_of_every_sign(self):
        """Add up the chance of every pattern of signs, in fractions; with a tie and a zero."""
        differences = [3, -1, 4, 4, -2, 0, 7, 6]
        ranks = pd.Series(np.abs(differences)).rank().to_numpy()
        scores = [Fraction(rank) for rank, d in zip(ranks, differences, strict=True) if d]
        seen = sum(Fraction(r) for r, d in zip(ranks, differences, strict=True) if d > 0)
        for gamma in (1, 2, 3):
            up = Fraction(gamma, 1 + gamma)
            exact = sum(
                prod(up if sign else 1 - up for sign in signs)
                for signs in product((0, 1), repeat=len(scores))
                if sum(s for s, sign in zip(scores, signs, strict=True) if sign) >= seen
            )
            found = p_values(as_sets([(d, 0) for d in differences]), [gamma])
            assert found[0] == pytest.approx(float(exact), abs=1e-14)

    def test_pairs_of_smokers_are_binomial(self):
        # Hammond (1964) in Rosenbaum (2002), table 4.1: of 122 pairs of which one died of lung
        # cancer, the smoker died in 110. Still significant at a bias of 5, not of 6.
        pairs = as_sets([(1, 0)] * 110 + [(0, 1)] * 12 + [(0, 0)] * 40 + [(1, 1)] * 3)
        found = rosenbaum_bounds(
            pairs, outcome="y", gammas=[1, 2, 3, 4, 5, 6], alternative="greater"
        )
        for gamma, p in zip(range(1, 7), found.to_frame()["p_value"], strict=True):
            up = Fraction(gamma, 1 + gamma)
            exact = sum(comb(122, t) * up**t * (1 - up) ** (122 - t) for t in range(110, 123))
            assert p == pytest.approx(float(exact), rel=1e-10)
        assert 5 < found.gamma < 6
        assert found.to_frame()["n"].eq(122).all()
        two_sided = rosenbaum_bounds(pairs, outcome="y")
        assert two_sided.gamma == pytest.approx(FROM_R["pairs"], rel=1e-6)

    def test_sets_of_any_make_are_those_of_r(self):
        # Its exact conditional test: the p-value, and the limit of its interval, which is Gamma.
        sets = pd.DataFrame({name: FROM_R[name] for name in ("match", "exposed", "again")})
        sets = sets.rename(columns={"again": "y"})
        assert p_values(sets, [1]) == pytest.approx(FROM_R["greater"], rel=1e-9)
        assert rosenbaum_bounds(sets, outcome="y").gamma == pytest.approx(FROM_R["gamma"], rel=1e-4)

    def test_ranks_without_bias_are_those_of_r(self):
        pairs = as_sets([(change, 0) for change in FROM_R["change"]])
        assert p_values(pairs, [1]) == pytest.approx(FROM_R["ranks"], abs=1e-12)

    def test_the_worst_bias_is_that_of_every_assignment(self):
        """Of one set with two exposed: weigh every choice of two by Gamma to its outcomes."""
        y, gamma = [1, 1, 1, 0, 0], 2
        sets = pd.DataFrame({"match": 0, "exposed": [True, True, False, False, False], "y": y})
        weights = {who: gamma ** sum(y[i] for i in who) for who in combinations(range(5), 2)}
        both = sum(w for who, w in weights.items() if sum(y[i] for i in who) == 2)
        assert p_values(sets, [gamma])[0] == pytest.approx(both / sum(weights.values()), abs=1e-14)

    def test_a_bias_within_gamma_is_not_mistaken_for_an_effect(self):
        """At its worst a bias of 2 makes one of a pair exposed twice in three: never over 5%."""
        n, gamma = 25, 2
        missed, fooled = 0.0, 0.0
        for ours in range(n + 1):
            chance = comb(n, ours) * (2 / 3) ** ours * (1 / 3) ** (n - ours)
            pairs = as_sets([(1, 0)] * ours + [(0, 1)] * (n - ours))
            without, within = p_values(pairs, [1, gamma])
            fooled += chance * (without <= 0.05)
            missed += chance * (within <= 0.05)
        assert missed <= 0.05
        assert fooled > 0.3

    @examples(20)
    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=14))
    def test_more_bias_means_a_larger_p_value_and_labels_mean_nothing(self, pairs):
        sets = as_sets([tuple(map(int, pair)) for pair in pairs])
        rising = p_values(sets, [1, 1.3, 2, 5])
        assert (np.diff(rising) >= -1e-12).all()
        mirrored = sets.assign(exposed=~sets["exposed"])
        assert p_values(mirrored, [1, 2], "less") == pytest.approx(p_values(sets, [1, 2]))
        shuffled = sets.sample(frac=1, random_state=1).assign(match=lambda s: 9 - s["match"])
        assert p_values(shuffled, [1, 2]) == pytest.approx(p_values(sets, [1, 2]), abs=1e-12)

    def test_what_tells_nothing_is_said(self):
        sets = pd.concat([as_sets([(1, 0), (0, 1)]), pd.DataFrame(
            {"match": [7], "exposed": [True], "y": [1]})], ignore_index=True)  # fmt: skip
        found = rosenbaum_bounds(sets, outcome="y")
        assert found.gamma == 1.0
        assert "does not stand even without hidden bias" in found.summary()
        assert found.caveats == ("1 sets without both kinds of people are left out.",)

    @pytest.mark.parametrize(
        ("change", "why"),
        [({"y": [1.0, None, 0, 1]}, "'y' is empty in 1 rows"),
         ({"exposed": [True] * 4}, "No matched set has both"),
         ({"match": [0, 0, 0, 0], "y": [1.5, 2, 3, 4]}, "needs pairs"),
         ({"y": ["c", "d", "e", "f"]}, "Column 'y' holds text"),
         ({"exposed": [2, 0, 1, 0]}, "other values than 0 and 1")],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, change, why):
        sets = as_sets([(1, 0), (0, 1)]).assign(**change)
        with pytest.raises(ModelError, match=why):
            rosenbaum_bounds(sets, outcome="y")


class TestTipping:
    @pytest.mark.parametrize("p1", [0.2, 0.7])
    def test_the_confounder_it_names_makes_the_whole_difference(self, p1):
        """A programme that does nothing, and a confounder that does what looks like its effect."""
        p0, base, makes, n = 0.5, 0.3, 0.35, 60_000
        rng = np.random.default_rng(4)
        exposed = np.arange(n) < n // 2
        has = rng.random(n) < np.where(exposed, p1, p0)
        again = rng.random(n) < base + makes * has
        seen = 100 * (again[exposed].mean() - again[~exposed].mean())
        shares = [(has[exposed].mean(), has[~exposed].mean())]
        found = tipping_point(seen, seen - 1, seen + 1, scale="difference", shares=shares)
        needed = found.to_frame()["estimate"].iloc[0]
        error = 100 * np.sqrt(4 * 0.25 / n) / abs(p1 - p0)
        assert needed == pytest.approx(100 * makes, abs=4 * error)
        ratio = again[exposed].mean() / again[~exposed].mean()
        found = tipping_point(ratio, ratio, ratio, scale="risk ratio", shares=shares)
        needed = found.to_frame()["estimate"].iloc[0]
        assert needed == pytest.approx((base + makes) / base, rel=0.1)

    @examples(25)
    @given(p1=st.floats(0.02, 0.98), p0=st.floats(0.02, 0.98), strength=st.floats(0.2, 8.0))
    def test_a_ratio_made_by_a_confounder_names_that_confounder(self, p1, p0, strength):
        made = (1 + p1 * (strength - 1)) / (1 + p0 * (strength - 1))
        if abs(made - 1) < 1e-3:
            return
        found = tipping_point(made, made, made, scale="risk ratio", shares=[(p1, p0)])
        assert found.to_frame()["estimate"].iloc[0] == pytest.approx(strength, rel=1e-6)

    def test_a_difference_of_means_is_tipped_in_its_own_unit_however_large(self):
        found = tipping_point(-900.0, -1500.0, -300.0, scale="difference of means",
                              shares=[(0.3, 0.5)])  # fmt: skip
        frame = found.to_frame()
        assert frame["estimate"].tolist() == pytest.approx([4500.0, 1500.0])
        assert "100" not in frame["outcome"].iloc[0]
        assert found.plot().get_xlabel() == "Difference of means it makes"

    def test_the_interval_tips_before_the_estimate(self):
        frame = tipping_point(0.6, 0.4, 0.9, scale="risk ratio").to_frame()
        needed = frame.pivot_table(index="term", columns="group", values="estimate").dropna()
        assert (needed["tips the interval"] < needed["tips the estimate"]).all()
        assert (needed > 1).all().all()

    def test_what_no_confounder_can_do_is_not_a_number(self):
        frame = tipping_point(0.5, 0.4, 0.6, scale="risk ratio", shares=[(0.4, 0.5)]).to_frame()
        assert frame["estimate"].isna().all()
        assert frame["note"].iloc[0] == "not estimable: no confounder so spread is strong enough"
        same = tipping_point(-9, -12, -6, scale="difference", shares=[(0.4, 0.4)]).to_frame()
        assert same["note"].eq("not estimable: it is as common in both").all()

    def test_an_interval_that_holds_no_effect_is_tipped_already(self):
        frame = tipping_point(-5.0, -12.0, 2.0, scale="difference").to_frame()
        told = frame[frame["group"] == "tips the interval"]
        assert told["note"].eq("not estimable: the interval holds no difference already").all()

    def test_people_not_followed_tip_what_their_outcomes_would(self):
        """Of 200 exposed 40 are not followed, of 300 others 30: count them in and compare."""
        seen, others = 160, 270
        again, others_again = 64, 135
        difference = 100 * (again / seen - others_again / others)
        found = tipping_unseen(
            difference, difference - 3, difference + 3, unseen=(40 / 200, 30 / 300)
        ).to_frame()
        worse = found["estimate"].iloc[0]
        unseen_again = 40 * (again / seen + worse / 100)
        assert (again + unseen_again) / 200 == pytest.approx(others_again / others)
        both = found["estimate"].iloc[2] / 100
        ours = (again + 40 * (again / seen + both)) / 200
        theirs = (others_again + 30 * (others_again / others - both)) / 300
        assert ours == pytest.approx(theirs)

    def test_nobody_unseen_can_tip_nothing(self):
        notes = tipping_unseen(-10.0, -18.0, -2.0, unseen=(0.0, 0.01)).to_frame()["note"].tolist()
        assert notes[0] == "not estimable: all were followed"
        assert notes[1].startswith("not estimable: even 100 more or fewer")

    @pytest.mark.parametrize(
        ("call", "why"),
        [(lambda: tipping_point(-5, -4, -6, scale="difference"), "within its limits"),
         (lambda: tipping_point(0.5, -0.1, 0.6, scale="risk ratio"), "within its limits"),
         (lambda: tipping_point(-5, -6, -4, scale="difference", shares=[(2, 0)]), "from 0 to 1"),
         (lambda: tipping_point(-5, -6, -4, scale="odds"), "`scale` is one of"),
         (lambda: tipping_unseen(-5, -6, -4, unseen=(2, 0)), "from 0 to 1")],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, call, why):
        with pytest.raises(ModelError, match=why):
            call()


class TestAdjustedP:
    @pytest.mark.parametrize("method", ["holm", "bh"])
    def test_it_is_that_of_r(self, method):
        p = np.array(FROM_R["p"], float)
        assert adjusted_p(p, method) == pytest.approx(
            np.array(FROM_R[method], float), abs=1e-14, nan_ok=True
        )

    @examples(40)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.randoms())
    def test_order_means_nothing_and_holm_is_the_stricter(self, p, random):
        place = list(range(len(p)))
        random.shuffle(place)
        for method in ("holm", "bh"):
            shuffled = adjusted_p(np.array(p)[place], method)
            assert shuffled == pytest.approx(adjusted_p(p, method)[place])
        holm, bh = adjusted_p(p), adjusted_p(p, "bh")
        assert (holm >= bh - 1e-15).all()
        assert (bh >= np.array(p) - 1e-15).all()
        assert holm.max() <= 1

    @pytest.mark.parametrize(
        ("p", "method"),
        [([1.2], "holm"), ([0.2], "sidak"), (0.2, "holm"), (["few", 0.2], "holm")],
    )
    def test_what_cannot_be_is_refused(self, p, method):
        with pytest.raises(ModelError):
            adjusted_p(p, method)
