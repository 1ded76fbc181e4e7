from datetime import date

import numpy as np
import pandas as pd
import pytest

from desistance.balance import balance_cohorts
from desistance.comparison import compare_cohorts, rate_sentence
from desistance.errors import ModelError
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases

NAMES = ("former IOM", "7 Pathways Plus")


def evaluated(n, seed, **design):
    cases = simulate_cases(SimulationDesign(n_people=n, **design), rng=seed)
    followed = follow_up(cases, build_histories(cases))
    return cases, followed, balance_cohorts(followed)


@pytest.fixture(scope="module")
def pilot():
    return evaluated(400, 8)


@pytest.fixture(scope="module")
def compared(pilot):
    return compare_cohorts(pilot[1], pilot[2])


def test_the_rate_is_the_plain_share_where_watching_never_ends_early():
    _, followed, balanced = evaluated(
        500, 3, deaths_per_year=0.0, moves_per_year=0.0, recalls_per_year=0.0,
        last_exit=date(2021, 12, 31),
    )  # fmt: skip
    frame = compare_cohorts(followed, balanced).frame
    joined = frame[(frame["group"] == NAMES[1]) & frame["outcome"].str.startswith("reoffenders")]
    matches = balanced.matches[balanced.matches["exposed"]]
    rows = followed.from_day(
        matches["person"].to_numpy(), matches["day"].to_numpy(), months=12,
        until_joining=np.zeros(len(matches), bool),
    )  # fmt: skip
    share = 100 * (rows.groupby("pair")["first_event"].min() <= 365).mean()
    assert joined["estimate"].item() == pytest.approx(share, abs=1e-9)


def test_standard_errors_match_a_bootstrap_of_people(pilot, compared):
    _, followed, balanced = pilot
    matches = balanced.matches
    rng = np.random.default_rng(1)
    people = matches["person"].unique()
    found = []
    for _ in range(60):
        copies = pd.Series(rng.choice(people, len(people))).value_counts()
        times = matches["person"].map(copies).fillna(0).astype(int)
        drawn = matches.loc[matches.index.repeat(times)].reset_index(drop=True)
        again = compare_cohorts(followed, _with(balanced, drawn), ("rate", "time"))
        found.append([again.effect("rate")["estimate"], np.log(again.effect("time")["estimate"])])
    spread = np.std(np.array(found, float), axis=0, ddof=1)
    # 60 replicates know a standard error to about 9 %.
    assert spread[0] == pytest.approx(compared.effect("rate")["std_error"], rel=0.3)
    assert spread[1] == pytest.approx(compared.effect("time")["std_error"], rel=0.3)


def _with(balanced, matches):
    return type(balanced)(
        balanced.design, balanced.names, matches, balanced.table, balanced.flow, balanced.caveats
    )


def test_without_anybody_to_compare_nothing_is_estimated(pilot):
    _, followed, balanced = pilot
    joined = balanced.matches[balanced.matches["exposed"]]
    # Put on the other side, they are watched until they join: not at all.
    both = _with(balanced, pd.concat([joined, joined.assign(exposed=False)], ignore_index=True))
    found = compare_cohorts(followed, both)
    for outcome in ("rate", "frequency", "time"):
        assert found.effect(outcome)["note"].startswith("not estimable")
        assert np.isnan(found.effect(outcome)["estimate"])
    assert found.sentence.startswith("Not reported")


def test_effects_come_in_the_order_asked_for(pilot):
    frame = compare_cohorts(pilot[1], pilot[2], ("time", "rate")).frame
    assert frame["outcome"].tolist()[0] == "hazard ratio of the first reoffence"
    assert len(frame) == 4


def test_an_unknown_outcome_is_refused(pilot):
    with pytest.raises(ModelError, match="`outcomes` may be rate, frequency, time; not luck"):
        compare_cohorts(pilot[1], pilot[2], ("luck",))


def test_a_known_effect_lies_within_the_interval_and_nothing_far_off():
    cases, followed, balanced = evaluated(2_500, 21)
    effect = compare_cohorts(followed, balanced).effect("rate")
    truth = cases.truth.rate_joined - cases.truth.rate_without
    assert effect["conf_low"] <= truth <= effect["conf_high"]
    assert effect["conf_high"] < 0


class TestSentence:
    def say(self, low, high, **other):
        told = {"n_joined": 90, "n_compared": 300, "light": "green", "names": NAMES} | other
        return rate_sentence(low, high, **told)

    def test_lower(self):
        said = self.say(-14.2, -2.6)
        assert "could be lower by between 2 and 15 people" in said
        assert said.endswith("This is a statistically significant result.")

    def test_higher(self):
        assert "could be higher by between 1 and 9 people" in self.say(1.9, 8.1)

    def test_limits_are_rounded_outwards_even_to_nothing(self):
        assert "could be lower by up to 15 people" in self.say(-14.2, -0.3)

    def test_inconclusive_is_never_no_effect(self):
        said = self.say(-9.4, 3.2)
        assert "anywhere from 10 lower to 4 higher" in said
        assert "inconclusive" in said
        assert "should not be taken to mean that it fails" in said
        assert "no effect" not in said

    def test_the_edge_is_inconclusive(self):
        assert "inconclusive" in self.say(-9.4, 0.0)
        assert "inconclusive" in self.say(0.0, 9.4)

    @pytest.mark.parametrize(
        "other", [{"n_joined": 29}, {"n_compared": 29}, {"light": "red"}], ids=str
    )
    def test_not_reported(self, other):
        said = self.say(-14.2, -2.6, **other)
        assert said.startswith("Not reported")
        assert not any(figure in said for figure in ("14", "15", "2.6"))

    def test_not_estimable_is_not_reported(self):
        assert self.say(float("nan"), float("nan")).startswith("Not reported")
