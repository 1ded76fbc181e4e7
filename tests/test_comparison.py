from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from desistance.balance import balance_cohorts
from desistance.comparison import compare_cohorts, effect_sentence, rate_sentence
from desistance.errors import ModelError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases
from tests.spec.timelines import cases_of

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
    return replace(balanced, matches=matches)


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


def two_groups(joined, others, length=400):
    """Follow people on timelines; those who join do so on day 1 and are matched to all others."""
    cases = cases_of(*joined, *others)
    design = FollowUpDesign(months=12, waiting_months=0)
    followed = follow_up(cases, build_histories(cases), design)
    n, n_joined = len(followed.people), len(joined)
    matches = pd.DataFrame({
        "match": 0, "person": np.arange(n), "day": 1, "exposed": np.arange(n) < n_joined,
        "weight": 1.0})  # fmt: skip
    table = pd.DataFrame({"smd_after": [0.0]})
    balance = type("Matched", (), {"matches": matches, "light": "green", "table": table,
                                   "n_matched": 99, "n_compared": 99,
                                   "n_effective": 99})  # fmt: skip
    return followed, balance


def test_days_in_custody_do_not_change_how_many_reoffended():
    recalled, free = "EJ...[####################]" + "." * 400, "EJ" + "." * 420
    offends, not_joined = "EJ" + "." * 298 + "o" + "." * 120, "E" + "." * 421
    also = "E" + "." * 299 + "o" + "." * 120
    followed, balance = two_groups(
        [recalled, free, offends, offends], [also, also] + [not_joined] * 2
    )
    found = compare_cohorts(followed, balance, ("rate",)).frame
    rates = found[found["outcome"] == "reoffenders per 100 people"].set_index("group")["estimate"]
    assert rates[NAMES[1]] == pytest.approx(50.0, abs=1e-12)
    assert rates[NAMES[0]] == pytest.approx(50.0, abs=1e-12)


def test_nobody_or_everybody_reoffending_in_a_group_is_not_estimable():
    quiet, offends = "EJ" + "." * 420, "E" + "." * 50 + "o" + "." * 370
    followed, balance = two_groups([quiet] * 4, [offends, offends, "E" + "." * 421])
    found = compare_cohorts(followed, balance, ("rate",))
    assert found.effect("rate")["note"] == (
        "not estimable: in 7 Pathways Plus, nobody or everybody reoffended"
    )
    assert found.sentence.startswith("Not reported")


def test_a_comparison_person_who_joins_later_stays_unless_told_otherwise(pilot):
    _, followed, balanced = pilot
    as_matched = compare_cohorts(followed, balanced, ("rate",))
    cut = compare_cohorts(followed, balanced, ("rate",), until_joining=True)
    assert "they stay as matched" in as_matched.caveats[1]
    assert "watched until then" in cut.caveats[1]
    assert as_matched.effect("rate")["estimate"] != cut.effect("rate")["estimate"]


def test_the_street_clock_counts_days_in_the_community_only(pilot):
    cases, followed, balanced = pilot
    street = follow_up(cases, followed.histories, FollowUpDesign(clock="street"))
    calendar = compare_cohorts(followed, balanced, ("time", "rate"))
    other = compare_cohorts(street, balanced, ("time", "rate"))
    assert calendar.effect("time")["estimate"] != other.effect("time")["estimate"]
    assert calendar.effect("rate")["estimate"] == other.effect("rate")["estimate"]


def test_effects_come_in_the_order_asked_for(pilot):
    frame = compare_cohorts(pilot[1], pilot[2], ("time", "rate")).frame
    assert frame["outcome"].tolist()[0] == "hazard ratio of the first reoffence"
    assert len(frame) == 5  # the hazard ratio; two rates, their difference and ratio


def test_an_unknown_outcome_is_refused(pilot):
    with pytest.raises(ModelError, match="not luck"):
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

    def test_another_level_is_named(self):
        assert self.say(-14.2, -2.6, confidence=0.8).endswith(
            "significant result at 80% confidence."
        )
        assert "inconclusive at 99% confidence: more" in self.say(-9.4, 3.2, confidence=0.99)

    def test_not_estimable_is_not_reported(self):
        assert self.say(float("nan"), float("nan")).startswith("Not reported")


@pytest.mark.parametrize(
    ("outcome", "interval", "says"),
    [
        ("ratio of reoffences per year at risk", (0.454, 0.816), "by between 18 and 55% than"),
        ("hazard ratio of the first reoffence", (0.72, 1.218), "from 28% lower to 22% higher than"),
        ("hazard ratio of the first reoffence", (1.004, 1.9), "higher by up to 90% than"),
        ("difference in days without reoffending of the first 365", (3.4, 48.3),
         "within 12 months could be higher by between 3 and 49 days than"),
        ("difference in days of harm for each person (ONS_CSS)", (-9.2, 4.1),
         "by ONS CSS, could be anywhere from 10 days lower to 5 days higher than"),
        ("difference in reoffenders before death or moving away per 100 people", (-8.9, -1.1),
         "before they die or move away could be lower by between 1 and 9 people than"),
    ],
)  # fmt: skip
def test_every_effect_has_words_with_limits_rounded_outwards(outcome, interval, says):
    told = {"n_joined": 90, "n_compared": 300, "light": "green", "names": NAMES}
    said = effect_sentence(outcome, *interval, **told)
    assert says in said
    assert ("inconclusive" in said) == (" anywhere " in said)
    assert "no effect" not in said
    again = effect_sentence(outcome, *interval, **told, counted="VIOLENT")
    assert again.startswith("Counting VIOLENT alone: for ")
    assert effect_sentence(outcome, *interval, **told | {"light": "red"}).startswith("Not reported")
    assert effect_sentence("deaths before reoffending per 100 people", 1.0, 2.0, **told) == ""


def test_an_effect_that_few_carry_has_no_sentence(pilot):
    _, followed, balanced = pilot
    matches = balanced.matches.copy()
    first = matches.index[~matches["exposed"]][:8]
    matches.loc[first, "weight"] *= 1_000
    few = replace(balanced, matches=matches)
    assert few.n_effective < 30 <= few.n_compared
    compared = compare_cohorts(followed, few)
    assert compared.words["sentence"].str.contains("fewer than 30 people carry").all()
    assert any("No effect is to be read from this" in said for said in compared.caveats)
    assert not any("is to be read" in said for said in compare_cohorts(*pilot[1:]).caveats)


def test_each_effect_says_whom_it_rests_on(pilot):
    _, followed, balanced = pilot
    outcomes = ("incidence", "time", "severity")
    found = compare_cohorts(followed, balanced, outcomes, offence_sets=["VIOLENT"])
    frame, basis = found.frame, pd.Series(found.basis)
    assert len(basis) == len(frame)
    rows = frame[frame["n"].notna() & frame["group"].isin(NAMES)]
    for place, row in rows.iterrows():
        assert basis[place].n_people[row["group"]] == row["n"]
        assert basis[place].n_events[row["group"]] == row["n_events"]
    of_time = frame.index[frame["outcome"].eq("hazard ratio of the first reoffence")]
    own, violent = (sum(basis[place].n_events.values()) for place in of_time)
    assert own == sum(found.n_reoffenders.values()) > violent
    harm = frame["outcome"].str.contains("harm")
    own = frame["offence_set"].eq("ANY_RECORDABLE")
    assert (basis[harm & own].map(lambda on: 0 < on.of_two < 1)).all()
    assert (basis[~harm].map(lambda on: on.of_two) == 0).all()
    assert found.words["offence_set"].unique().tolist() == ["ANY_RECORDABLE", "VIOLENT"]
    assert found.sentence == found.words["sentence"].iloc[0]


def test_harm_that_two_people_did_is_known_as_such(pilot):
    _, followed, balanced = pilot
    matches = balanced.matches
    exposed = matches[matches["exposed"]]
    reoffended = followed.people["event_day"].notna().to_numpy()[exposed["person"]]
    kept = pd.concat(
        [exposed[reoffended].head(2), exposed[~reoffended], matches[~matches["exposed"]]]
    )
    found = compare_cohorts(followed, _with(balanced, kept.reset_index(drop=True)), ("severity",))
    assert {round(on.of_two, 12) for on in found.basis} == {1.0}


def test_the_matched_curve_has_the_errors_of_people_not_of_pairs():
    """At the last day the curve's error is that of the rate (no custody, deaths or moves here)."""
    _, followed, balanced = evaluated(
        400, 5, deaths_per_year=0.0, moves_per_year=0.0, recalls_per_year=0.0
    )
    found = compare_cohorts(followed, balanced)
    end = found.curves.at([365]).set_index("group")
    rates = found.frame[found.frame["outcome"] == "reoffenders per 100 people"].set_index("group")
    for name in NAMES:
        assert 100 * end.loc[name, "std_error"] == pytest.approx(
            rates.loc[name, "std_error"], rel=0.02
        )
