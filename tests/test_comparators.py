"""Who may be compared under each design: against looking at every pair, and at equal maturity."""

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from desistance.balance import (
    BalanceDesign,
    CalendarRules,
    Comparator,
    balance_cohorts,
    candidates,
    comparison_flow,
    estimate_propensity,
    within_sets,
)
from desistance.catalogue import comparator_words
from desistance.comparison import ExternalRate, compare_by, triangulate
from desistance.comparison.effects.followed import RATE
from desistance.comparison.rollout import rollout_effects
from desistance.errors import ModelError, NobodyToMatchError, PlanError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases

DESIGN = FollowUpDesign(exits_from=date(2020, 4, 1))
LONG = SimulationDesign(n_people=560, first_exit=date(2018, 1, 1))
YEAR, WAITING = 365, 183


@pytest.fixture(scope="module")
def cases():
    return simulate_cases(LONG, rng=12)


@pytest.fixture(scope="module")
def followed(cases):
    """Everybody, whenever they left."""
    return follow_up(cases, build_histories(cases), replace(DESIGN, exits_from=None))


@pytest.fixture(scope="module")
def pilot(cases):
    """Those who left since the pilot began."""
    return follow_up(cases, build_histories(cases), DESIGN)


@pytest.fixture(scope="module")
def few():
    cases = simulate_cases(replace(LONG, n_people=110), rng=7)
    return follow_up(cases, build_histories(cases), replace(DESIGN, exits_from=None))


def every_pair(followed, letter, *, exits_from):
    """Look at every pair of a joiner and somebody else, one by one, with dates."""
    cases, day = followed.histories.cases, pd.Timedelta
    live = cases.areas.set_index("area_id")["go_live_date"].to_dict()
    died = cases.people.set_index("person_id")["death_date"].to_dict()
    away = cases.residence[~cases.residence["in_area"].astype(bool)]
    custody = cases.custody.fillna({"out_date": pd.Timestamp("2100-01-01")})
    left = away.groupby("person_id")["from_date"].min().to_dict()
    spells = {who: list(zip(rows["in_date"], rows["out_date"], strict=True))
              for who, rows in custody.groupby("person_id")}  # fmt: skip
    people = followed.people[["person_id", "index_date", "area_id", "joined_day"]]
    people = list(people.itertuples(index=False, name=None))

    def there(who, when):
        gone = left.get(who, when + day(1, "D")) <= when or died[who] <= when
        return not gone and not any(i < when < o for i, o in spells.get(who, ()))

    found = set()
    for (one, ours), (other, theirs) in itertools.permutations(enumerate(people), 2):
        if not ours[3] >= 0 or theirs[3] <= ours[3]:
            continue
        then, when = (each[1] + day(ours[3], "D") for each in (ours, theirs))
        if max(then, when) + day(YEAR + WAITING, "D") > cases.extract_date:
            continue
        if exits_from and ours[1] < exits_from:
            continue
        began = live[theirs[2]]
        near, same_area = abs(then - when) <= day(183, "D"), ours[2] == theirs[2]
        of_year = abs(then.dayofyear - when.dayofyear)
        season = min(of_year, YEAR - of_year) <= 45
        fits = {
            "any": True,
            "A": near and not began <= when + day(YEAR, "D"),
            "B": same_area and season and when + day(YEAR + WAITING, "D") < began,
            "C": same_area and near and began <= when,
        }  # fmt: skip
        if fits[letter] and there(ours[0], then) and there(theirs[0], when):
            found.add((one, other))
    return found


@pytest.mark.parametrize("letter", ["any", "A", "B", "C"])
def test_the_people_compared_are_those_that_looking_at_every_pair_finds(few, letter):
    followed, since = few, date(2020, 4, 1) if letter == "B" else None
    rows, flow = candidates(followed, Comparator(letter, exits_from=since))
    joiner = rows[rows["exposed"]].set_index("match")["person"]
    others = rows[~rows["exposed"]]
    mine = set(zip(joiner.loc[others["match"]], others["person"], strict=True))
    assert mine == every_pair(followed, letter, exits_from=since and pd.Timestamp(since))
    assert mine
    assert flow["n_remaining"].iloc[-1] == rows["exposed"].sum() == len({one for one, _ in mine})
    assert flow["n_remaining"].iloc[0] - flow["n_left_out"].sum() == flow["n_remaining"].iloc[-1]
    told = comparison_flow(followed, Comparator(letter, exits_from=since))
    assert told["n_remaining"].iloc[0] == len(followed.people)
    assert told["n_remaining"].iloc[-1] == others["person"].nunique()
    assert (told["n_left_out"] >= 0).all()


def test_pairs_are_found_in_parts_as_at_once(followed, monkeypatch):
    whole = candidates(followed, Comparator("A"))
    monkeypatch.setattr("desistance.balance.riskset.PAIRS_AT_ONCE", 1)
    for one, other in zip(candidates(followed, Comparator("A")), whole, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("letter", ["any", "A", "B", "C"])
def test_everybody_compared_has_the_whole_follow_up_behind_them(followed, letter):
    rows, _ = candidates(followed, Comparator(letter))
    seen = followed.from_day(
        rows["person"].to_numpy(), rows["day"].to_numpy(), months=12,
        until_joining=np.zeros(len(rows), bool),
    ).drop_duplicates("pair")  # fmt: skip
    people = rows.iloc[seen["pair"]]
    ended = followed.people.iloc[people["person"]]
    cut = (seen["end"] < YEAR).to_numpy()
    # Whoever is watched for less died or moved; the extract cuts nobody short.
    died = followed.histories.cases.people.set_index("person_id")["death_date"]
    left = set(followed.histories.cases.residence["person_id"]) | set(died.dropna().index)
    assert set(ended.loc[cut, "person_id"]) <= left


def test_maturity_is_that_of_the_source_complete_to_the_earliest_day(cases, pilot):
    early = cases.extract.assign(complete_to=pd.to_datetime(["2023-03-31", pd.NaT]))
    less = replace(cases, extract=early)
    followed = follow_up(less, build_histories(less), DESIGN)
    rows, _ = candidates(followed, Comparator("A"))
    last = followed.index_day[rows["person"]] + rows["day"] + YEAR + WAITING
    complete = pd.Timestamp("2023-03-31")
    assert pd.Timestamp("1900-01-01") + pd.Timedelta(days=last.max()) <= complete
    assert len(candidates(pilot, Comparator("A"))[0]) > len(rows)


def test_an_early_offence_has_no_longer_to_be_proven_for_having_been_early():
    """Equal lag: years to be proven in, yet historical people's late convictions do not count."""
    slow = simulate_cases(replace(LONG, n_people=300, outcome_lag_days=150.0), rng=2)
    followed = follow_up(slow, build_histories(slow), replace(DESIGN, exits_from=None))
    rows, _ = candidates(followed, Comparator("B"))
    others = rows[~rows["exposed"]].drop_duplicates(["person", "day"])
    seen = followed.from_day(
        others["person"].to_numpy(), others["day"].to_numpy(), months=12,
        until_joining=np.zeros(len(others), bool),
    )  # fmt: skip
    reoffences, position = followed.reoffences, followed.position[others["person"]]
    zero = followed.index_day[others["person"]] + others["day"].to_numpy()
    late = reoffences.outcome_day - reoffences.day > WAITING
    n_late = n_counted = 0
    end = seen.groupby("pair")["end"].first()
    for pair, until in end.items():
        ours = (reoffences.person == position[pair]) & (reoffences.day > zero[pair])
        ours &= reoffences.day <= zero[pair] + until
        n_late += int((ours & late).sum())
        n_counted += int((ours & ~late).sum())
    assert n_late > 0
    assert seen["n_reoffences"].sum() == n_counted


def test_a_comparator_needs_a_follow_up_and_a_known_letter():
    frame = pd.DataFrame({"joined": [0, 1, 0, 1], "age": [20, 30, 40, 25]})
    with pytest.raises(ModelError, match="needs a follow-up"):
        estimate_propensity(frame, exposed="joined", terms=["age"], comparator=Comparator("A"))
    with pytest.raises(ModelError, match="one of any, A, B, C"):
        Comparator("Z")
    with pytest.raises(ModelError, match="half a year"):
        CalendarRules(season_days=300)


def test_no_days_of_going_live_means_nobody_under_b_and_c_and_everybody_unknown_under_a(cases):
    bare = replace(cases, areas=cases.areas.iloc[:0])
    followed = follow_up(bare, build_histories(bare), DESIGN)
    for letter, says in (("A", "table of areas"), ("B", "no day is known"), ("C", "no day is kn")):
        with pytest.raises(NobodyToMatchError) as caught:
            balance_cohorts(followed, BalanceDesign(comparator=Comparator(letter)))
        told = comparison_flow(followed, Comparator(letter))["step"].tolist()
        assert any(says in step for step in [*told, *caught.value.flow["step"]])


@pytest.fixture(scope="module")
def told(pilot):
    terms = ("age", "n_previous", "months_since_offence")
    return triangulate(
        pilot, ["A", "C", "B", "D", "E"], balance=BalanceDesign(terms=terms, way="entropy"),
        external=ExternalRate(35.2, "a published rate"),
    )  # fmt: skip


def test_designs_stand_side_by_side_each_with_its_balance_and_level(told):
    wide = told.side_by_side()
    assert wide["design"].str[0].tolist() == ["A", "C", "B", "D", "E"]
    assert wide["light"].tolist()[:3] == ["green"] * 3
    assert wide["level"].tolist()[:3] == [4, 3, 3]
    for letter in "ABC":
        found = told.found[letter]
        assert np.allclose(found.balanced.table["smd_after"], 0, atol=1e-8)
        rate = told.frame[told.frame["design"] == letter].iloc[0]
        assert rate["estimate"] == found.effects.effect("rate")["estimate"]
    assert "not independent" in told.summary()


def test_b_finds_its_people_before_the_dates_of_the_plan(told):
    left = told.found["B"].compared
    assert left["n_remaining"].iloc[0] > told.found["A"].compared["n_remaining"].iloc[0]


CAUSAL = (
    "effect", "impact", "cause", "caus", "because", "reduc", "prevent", "due to", "lower",
    "higher", "fewer", "less", "more", "better", "worse", "significant", "than", "differ",
)  # fmt: skip


def test_the_external_rate_is_never_put_in_causal_words(told):
    rows = told.frame[told.frame["design"] == "E"]
    words = comparator_words("E")
    said = " ".join([*rows["outcome"], *rows["note"], *rows["group"], words.title, words.short,
                     words.who, words.says])  # fmt: skip
    assert [word for word in CAUSAL if word in said.lower()] == []
    assert set(rows["outcome"]) == {RATE}  # two rates, and no difference of them
    assert rows["p_value"].isna().all()
    assert "E" not in told.agreement().replace("Effect", "")
    assert comparator_words("E").levels == {"green": 1, "amber": 1, "red": 1}


def test_the_rate_beside_the_external_one_is_the_plain_share():
    design = replace(LONG, deaths_per_year=0.0, moves_per_year=0.0, n_people=200)
    cases = simulate_cases(design, rng=4)
    pilot = follow_up(cases, build_histories(cases), DESIGN)
    told = triangulate(pilot, ["E"], external=ExternalRate(50.0, "made up")).frame.iloc[0]
    people = pilot.people
    over = people["index_date"] + pd.to_timedelta(people["joined_day"], "D")
    mature = people[over + pd.Timedelta(days=YEAR + WAITING) <= cases.extract_date]
    rows = pilot.from_day(
        mature.index.to_numpy(), mature["joined_day"].to_numpy(np.int64), months=12,
        until_joining=np.zeros(len(mature), bool),
    )  # fmt: skip
    share = (rows.groupby("pair")["first_event"].min() <= YEAR).mean()
    assert told["n"] == len(mature)
    assert told["estimate"] == pytest.approx(100 * share, abs=1e-9)


def test_the_level_of_areas_is_that_of_the_rollout(pilot, followed, few):
    row = triangulate(pilot, ["D"]).frame.iloc[0]
    overall = rollout_effects(followed).effect()
    assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(
        overall[["estimate", "conf_low", "conf_high"]].tolist()
    )
    assert row["level"] == 3
    assert "joined or not" in row["note"]
    cases = few.histories.cases
    bare = replace(cases, areas=cases.areas.iloc[:0])
    nowhere = follow_up(bare, build_histories(bare), DESIGN)
    told = triangulate(nowhere, ["D"]).frame.iloc[0]
    assert np.isnan(told["estimate"])
    assert told["note"].startswith("not estimable: ")


def test_areas_without_an_interval_show_no_number(pilot, followed, monkeypatch):
    found = rollout_effects(followed)
    few = {"std_error": np.nan, "conf_low": np.nan, "conf_high": np.nan, "p_value": np.nan,
           "note": "error not estimable: too few areas"}  # fmt: skip
    alone = replace(found, frame=found.frame.assign(**few))
    monkeypatch.setattr(
        "desistance.comparison.triangulation.rollout_effects", lambda *_, **__: alone
    )
    row = triangulate(pilot, ["D"]).frame.iloc[0]
    assert np.isnan(row["estimate"])
    assert row["note"] == "not estimable: too few areas"


def test_a_red_balance_or_few_people_show_no_estimate():
    small = simulate_cases(replace(LONG, n_people=70), rng=3)
    pilot = follow_up(small, build_histories(small), DESIGN)
    told = triangulate(pilot, ["A", "C"], balance=BalanceDesign(caliper=5.0))
    assert told.frame["estimate"].isna().all()
    assert told.frame["note"].str.startswith(("not reported", "not estimable")).all()
    assert told.agreement() == "No design gives an effect that can be read."
    assert told.plot().get_xlabel()


@pytest.mark.parametrize("designs", [["A", "A"], ["F"], ["E"], []])
def test_designs_that_cannot_be_run_are_refused(followed, designs):
    with pytest.raises(PlanError):
        triangulate(followed, designs)


def test_cohorts_part_those_who_joined_and_tiers_are_compared_within(pilot):
    design = BalanceDesign(terms=("age", "n_previous"), way="entropy")
    everyone = candidates(pilot, Comparator("any"))[0]
    n = int(everyone["exposed"].sum())
    for by in ("area", "tier", "wave", "exit wave"):
        found = compare_by(pilot, by, balance=design, outcomes=["frequency"])
        assert found.to_frame()["n"].sum() == n
        few = found.frame["n"] < 30
        assert found.frame.loc[few, "estimate"].isna().all()
        assert found.frame.loc[few, "note"].str.startswith("not reported").all()
    tiers = compare_by(pilot, "tier", balance=design, outcomes=["frequency"])
    assert tiers.balanced
    for tier, balanced in tiers.balanced.items():
        assert set(pilot.people["tier"].iloc[balanced.matches["person"]]) == {tier}
        assert balanced.light == "green"


def test_cohorts_take_a_concurrent_or_historical_baseline(followed):
    for letter in ("A", "B"):
        design = BalanceDesign(terms=("age",), way="entropy", comparator=Comparator(letter))
        found = compare_by(followed, "tier", balance=design, outcomes=["frequency"])
        allowed = set(candidates(followed, Comparator(letter))[0]["person"])
        assert found.balanced
        for balanced in found.balanced.values():
            assert set(balanced.matches["person"]) <= allowed


def test_a_wave_is_the_quarter_of_joining(pilot):
    people = pilot.people[pilot.people["joined_day"].notna()]
    joined = people["index_date"] + pd.to_timedelta(people["joined_day"], "D")
    quarters = {f"{day.year} Q{day.quarter}" for day in joined}
    found = compare_by(pilot, "wave", balance=BalanceDesign(terms=("age",)), outcomes=["time"])
    assert set(found.frame["group"]) <= quarters
    with pytest.raises(ModelError, match="area, tier, wave, exit wave"):
        compare_by(pilot, "moon")


def test_a_set_that_loses_its_joiner_or_everybody_else_is_left_out(followed):
    scored = estimate_propensity(followed, terms=["age"], comparator=Comparator("A"))
    match = scored.sets["match"].to_numpy()
    first, second = np.unique(match)[:2]
    keep = ~((match == first) & scored.exposed) & ~((match == second) & ~scored.exposed)
    kept = within_sets(scored, keep)
    assert set(kept.sets["match"]) == set(match) - {first, second}
    assert kept.flow["n_left_out"].iloc[-1] == 1
    with pytest.raises(NobodyToMatchError):
        within_sets(scored, scored.exposed)
