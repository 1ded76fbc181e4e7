"""Criminal careers: small lives by hand, slow readers, what may never leak, and known truth."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance import (
    age_crime_curve,
    build_histories,
    career_harm,
    career_measures,
    crime_mix,
    specialisation,
    trace_careers,
)
from desistance.cases import CaseData
from desistance.errors import DataError
from desistance.histories.careers.frequencies import gamma_poisson
from desistance.histories.careers.mix import chance, diversity
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples
from tests.lives import histories_of, on

WINDOW = {"since": on(0), "until": on(1_000)}
BURGLARY, ROBBERY, SHOP, DRUGS = "028/01", "034/01", "046", "092/60"


def traced(**life):
    return trace_careers(histories_of(**life), **WINDOW)


def rows(result, outcome):
    frame = result.to_frame()
    return frame[frame["outcome"] == outcome]


def row(result, outcome):
    return rows(result, outcome).iloc[0]


@pytest.fixture(scope="module")
def simulated():
    histories = build_histories(simulate_cases(SimulationDesign(n_people=250), rng=2))
    return trace_careers(histories, waiting_months=6)


class TestWhatCounts:
    def test_proven_offences_at_liberty_within_the_window(self):
        careers = traced(
            offences=[
                ("A", -1, BURGLARY),  # before the window
                ("A", 0, BURGLARY), ("A", 10, SHOP),
                ("A", 25, SHOP),  # inside
                ("A", 20, SHOP), ("A", 30, SHOP),  # on the days of going in and out
                ("A", 500, SHOP, None),  # never proven
                ("A", 900, SHOP, 200),  # proven after the window
                ("A", 1_000, SHOP),  # after it
                ("A", 40, "010/00"),  # a class nobody published
            ],
            custody=[("A", 20, 30, "remand")],
        )  # fmt: skip
        assert careers.offences["day"].sub(careers.offences["day"].iloc[0]).tolist() == [
            0,
            10,
            20,
            30,
        ]
        # Days 21 to 29 were spent wholly inside.
        assert careers.offences["street_day"].tolist() == [1, 11, 21, 22]
        assert careers.caveats[0].startswith("1 offences committed in custody")
        assert careers.caveats[1].startswith("1 offences of the windows were proven only later")

    def test_waiting_gives_offences_longer_to_be_proven(self):
        life = {"offences": [("A", 900, SHOP, 200)]}
        later = trace_careers(histories_of(**life), waiting_months=6, **WINDOW)
        assert len(later.offences) == 1
        assert "or 6 months after it" in later.definition

    def test_offences_outside_the_area_or_after_death_do_not_count(self):
        life = {"offences": [("A", 10, SHOP), ("A", 50, SHOP)], "away": [("A", 40, 60)]}
        assert len(traced(**life).offences) == 1
        seen = trace_careers(histories_of(**life), seen_everywhere=True, **WINDOW)
        assert len(seen.offences) == 2

    def test_a_set_can_be_chosen(self):
        histories = histories_of(offences=[("A", 10, SHOP), ("A", 20, BURGLARY)])
        sac = trace_careers(histories, offence_set="SAC_HMICFRS2022", **WINDOW)
        assert sac.offences["offence_class"].tolist() == ["028"]
        assert sac.offence_set == "SAC_HMICFRS2022 (version 1)"

    def test_a_person_may_have_several_windows(self):
        histories = histories_of(offences=[("A", 10, SHOP), ("A", 510, SHOP), ("B", 10, SHOP)])
        ids = pd.Series(["A", "B", "A"], index=["x", "y", "z"])
        since = pd.Series([on(0), on(0), on(500)], index=ids.index)
        careers = trace_careers(histories, ids, since=since, until=since + pd.Timedelta(days=500))
        assert careers.n_offences.tolist() == [1, 1, 1]
        assert careers.people.index.tolist() == ["x", "y", "z"]

    def test_mistakes_are_errors(self, simulated):
        histories = histories_of(people=["A"])
        with pytest.raises(DataError, match="not negative"):
            trace_careers(histories, waiting_months=-1)
        with pytest.raises(DataError, match="windows end after 22 December 2024"):
            trace_careers(histories, until=on(1_900), waiting_months=6)
        with pytest.raises(DataError, match="'colour' is not a column; there are person_id"):
            career_measures(simulated, by="colour")
        with pytest.raises(DataError, match="`kinds` is one of"):
            crime_mix(simulated, kinds="colour")
        with pytest.raises(DataError, match="`kinds` is one of"):
            specialisation(simulated, kinds="colour", rng=1)
        with pytest.raises(DataError, match="`gap_months` is above 0"):
            career_measures(simulated, gap_months=0)
        with pytest.raises(DataError, match="`width` is a year or more"):
            age_crime_curve(simulated, width=0)
        with pytest.raises(DataError, match="`uprate` is a factor"):
            career_harm(simulated, uprate=0)
        with pytest.raises(DataError, match="index of the people"):
            career_measures(simulated, by=pd.Series(["a"]))


class TestMeasures:
    def test_one_career_by_hand(self):
        # Offends on days 0, 100 and 700; inside from 150 to 601, so 450 whole days.
        careers = traced(
            offences=[("A", 0, SHOP), ("A", 100, SHOP), ("A", 100, DRUGS), ("A", 700, SHOP)],
            custody=[("A", 150, 601, "sentence")], people=["A", "B"],
        )  # fmt: skip
        told = career_measures(careers, gap_months=12).people.iloc[0]
        assert (told["n_offences"], told["n_days"]) == (4, 3)
        assert told["frequency_calendar"] == pytest.approx(4 / (1_000 / 365.25))
        assert told["frequency"] == pytest.approx(4 / (550 / 365.25))
        assert (told["onset_age"], told["last_age"]) == (20, 21)
        assert told["career_years"] == pytest.approx(700 / 365.25)
        # 600 calendar days are a pause of over a year; 150 days at liberty are not.
        assert told["longest_gap"] == pytest.approx(600 / (365.25 / 12))
        assert told["longest_gap_street"] == pytest.approx(150 / (365.25 / 12))
        assert (told["n_gaps"], told["n_gaps_street"]) == (1, 0)
        assert (told["n_spells"], told["n_spells_street"]) == (2, 1)

    def test_somebody_who_never_offended_has_a_rate_of_zero_and_no_onset(self):
        careers = traced(offences=[("A", 5, SHOP)], people=["A", "B"])
        told = career_measures(careers).people.iloc[1]
        assert (told["n_offences"], told["frequency"], told["n_spells"]) == (0, 0.0, 0)
        assert told["conf_low"] == 0
        # With no event the exact upper limit is -log(0.025) over the exposure.
        assert told["conf_high"] == pytest.approx(-np.log(0.025) / (1_000 / 365.25))
        assert told[["onset_age", "last_age", "career_years", "longest_gap"]].isna().all()

    def test_somebody_never_at_risk_has_no_rate(self):
        careers = traced(custody=[("A", -5, 1_500, "sentence")], offences=[("B", 5, SHOP)])
        measures = career_measures(careers)
        told = measures.people.iloc[0]
        assert told[["frequency", "conf_low", "conf_high", "frequency_shrunk"]].isna().all()
        assert told["frequency_calendar"] == 0
        assert row(measures, "offences per year in the community")["n"] == 1

    def test_group_rows_add_up_and_agree_with_counting(self, simulated):
        measures = career_measures(simulated, by="sex")
        people, street = measures.people, rows(measures, "offences per year in the community")
        exact = street[street["interval"] == "exact Poisson"].set_index("group")
        over = street[street["interval"] == "over people"].set_index("group")
        assert exact.loc["everyone", "n_events"] == people["n_offences"].sum()
        assert exact.loc[["F", "M"], "n_events"].sum() == people["n_offences"].sum()
        years = people["street_days"].sum() / 365.25
        assert over.loc["everyone", "estimate"] == pytest.approx(people["n_offences"].sum() / years)
        width = (over["conf_high"] - over["conf_low"]) / (exact["conf_high"] - exact["conf_low"])
        assert (width > 2).all()  # offences come in bursts of the same people
        share = rows(measures, "share who offended").set_index("group")
        assert share.loc["everyone", "n_events"] == (people["n_offences"] > 0).sum()

    def test_counts_that_vary_no_more_than_by_chance_have_no_gamma(self):
        careers = traced(offences=[(person, 5, SHOP) for person in "ABCDE"])
        measures = career_measures(careers)
        told = row(measures, "gamma shape (alpha)")
        assert np.isnan(told["estimate"])
        assert told["note"] == "not estimable: counts vary no more than by chance"
        assert measures.people["frequency_shrunk"].isna().all()
        nobody = career_measures(traced(people=["A", "B"]))
        assert row(nobody, "gamma shape (alpha)")["note"] == "not estimable: no offence"

    def test_near_repeats_are_shares_of_what_could_be_repeated(self):
        careers = traced(offences=[
            ("A", 10, SHOP), ("A", 20, SHOP), ("A", 22, DRUGS), ("A", 60, SHOP),
            ("A", 995, SHOP),  # its fortnight is not over
        ])  # fmt: skip
        told = row(career_measures(careers), "share repeated, same class, within 14 days")
        assert (told["n"], told["n_events"]) == (4, 1)

    def test_accomplices_are_other_people_of_the_same_crime_proven_by_then(self):
        careers = traced(offences=[
            ("A", 10, SHOP, 5, "r1"), ("B", 10, SHOP, 5, "r1"), ("C", 10, SHOP, 5, "r2"),
            ("A", 30, SHOP, 5, "r3"), ("B", 30, SHOP, 1_500, "r3"),  # proven too late
            ("A", 40, SHOP, 5, None),
        ])  # fmt: skip
        assert careers.offences["n_accomplices"].fillna(-1).tolist() == [1, 0, -1, 1, 0]
        told = row(career_measures(careers), "share of offences with an accomplice in the data")
        assert (told["n"], told["n_events"], told["estimate"]) == (4, 2, 0.5)

    def test_concentration(self):
        offences = [("A", day, SHOP) for day in range(7)] + [("B", 1, SHOP)]
        measures = career_measures(traced(offences=offences, people=list("ABCD")))
        # Counts 0, 0, 1, 7: Gini = (2 (1*0 + 2*0 + 3*1 + 4*7) - 5 * 8) / (4 * 8)
        assert row(measures, "Gini coefficient of offences")["estimate"] == pytest.approx(22 / 32)
        assert row(measures, "share of offences by the top tenth of people")["estimate"] == 7 / 8


class TestMix:
    def test_diversity_by_hand(self):
        plain, corrected = diversity(np.array([[2.0, 1, 1], [1, 0, 0], [0, 0, 0], [3, 0, 0]]))
        assert plain[[0, 1, 3]].tolist() == [1 - 6 / 16, 0.0, 0.0]
        assert corrected[[0, 3]].tolist() == pytest.approx([4 / 3 * 10 / 16, 0.0])
        assert np.isnan(corrected[[1, 2]]).all()

    def test_chance_is_the_mean_and_spread_over_all_deals(self):
        # Every deal of 7 offences of three kinds to people with 2, 3, 1 and 1.
        kinds, n = np.array([3.0, 2, 2]), np.array([2.0, 3, 1, 1])
        expected, error, shared = chance(kinds, n)
        deals = {deal[:5] for deal in permutations([0, 0, 0, 1, 1, 2, 2])}
        weight = []
        found = []
        for deal in deals:
            left = Counter([0, 0, 0, 1, 1, 2, 2]) - Counter(deal)
            weight.append(2 if len(left) == 2 else 1)  # ways to deal the last two
            hands = [np.bincount(hand, minlength=3) for hand in (deal[:2], deal[2:])]
            found.append(diversity(np.array(hands, float))[1])
        found, weight = np.array(found), np.array(weight) / sum(weight)
        mean = weight @ found
        apart = found - mean
        assert mean == pytest.approx([expected, expected], abs=1e-12)
        assert np.sqrt(weight @ apart**2) == pytest.approx(error[:2], abs=1e-12)
        assert weight @ (apart[:, 0] * apart[:, 1]) == pytest.approx(shared, abs=1e-12)

    def test_corrected_diversity_is_unbiased_and_plain_is_not(self):
        rng, share = np.random.default_rng(5), np.array([0.5, 0.3, 0.2])
        truth = 1 - (share**2).sum()
        for n in (2, 5, 20):
            plain, corrected = diversity(rng.multinomial(n, share, 40_000).astype(float))
            error = corrected.std() / 200
            assert corrected.mean() == pytest.approx(truth, abs=4 * error)
            assert plain.mean() == pytest.approx((n - 1) / n * truth, abs=4 * error)

    def test_people_who_offend_at_random_show_no_specialisation(self):
        rng, codes = np.random.default_rng(11), np.array(["028", "034", "046", "105"])
        offences = [
            (f"P{person:03d}", int(day), str(codes[rng.integers(4)]))
            for person in range(150)
            for day in rng.choice(900, rng.integers(1, 9), replace=False)
        ]
        told = row(crime_mix(traced(offences=offences)), "corrected diversity")
        assert abs(told["statistic"]) < 3
        mine = [(who, day, str(codes[int(who[1:]) % 4])) for who, day, _ in offences]
        specialised = row(crime_mix(traced(offences=mine)), "corrected diversity")
        assert specialised["estimate"] == 0
        assert specialised["statistic"] < -20

    def test_shares_add_up_to_one_in_every_group(self, simulated):
        for kinds in ("parent_group", "offence_class"):
            shares = rows(crime_mix(simulated, by="sex", kinds=kinds), "share of offences")
            assert shares.groupby("group")["estimate"].sum().tolist() == pytest.approx([1, 1, 1])


def by_person(careers):
    return [mine for _, mine in careers.offences.groupby("person")]


def steps_of(mine):
    """Walk through one person's days, and every pair of offences on a day and the next."""
    table = Counter()
    days = [day["parent_group"].tolist() for _, day in mine.groupby("day")]
    for here, there in pairwise(days):
        for one in here:
            for other in there:
                table[one, other] += 1 / (len(here) * len(there))
    return table


def slow_specialisation(people):
    """Add up the steps of everybody, and set those that stay with a kind against chance."""
    table = Counter()
    for steps in people:
        for pair, n in steps.items():
            table[pair] += n
    total = sum(table.values())
    found, numerator, denominator = {}, 0.0, 0.0
    for kind in sorted({kind for pair in table for kind in pair}):
        leaving = sum(n for (one, _), n in table.items() if one == kind)
        coming = sum(n for (_, other), n in table.items() if other == kind)
        expected = leaving * coming / total
        if leaving > expected:
            found[kind] = (table[kind, kind] - expected) / (leaving - expected)
        numerator += table[kind, kind] - expected
        denominator += leaving - expected
    return found | {"all kinds together": numerator / denominator}


class TestSpecialisation:
    def test_the_formula_by_hand(self):
        # Steps: B-B, B-B, B-T of A; T-T, T-B of B. From B: 2 B, 1 T; from T: 1 B, 1 T.
        offences = [("A", day, code) for day, code in enumerate([BURGLARY] * 3 + [SHOP])]
        offences += [("B", day, code) for day, code in enumerate([SHOP, SHOP, BURGLARY])]
        found = specialisation(traced(offences=offences), rng=1, replicates=50)
        assert found.transitions.to_numpy().tolist() == [[2, 1], [1, 1]]
        told = found.to_frame().set_index("term")
        assert told.loc["Burglary", "n_expected"] == pytest.approx(9 / 5)
        assert told.loc["Burglary", "estimate"] == pytest.approx((2 - 9 / 5) / (3 - 9 / 5))
        assert told.loc["Theft and handling", "estimate"] == pytest.approx(
            (1 - 4 / 5) / (2 - 4 / 5)
        )
        assert told.loc["all kinds together", "estimate"] == pytest.approx(0.4 / 2.4)

    def test_a_slow_reader_finds_the_same(self, simulated):
        told = specialisation(simulated, rng=1, replicates=20).to_frame().set_index("term")
        for term, value in slow_specialisation(map(steps_of, by_person(simulated))).items():
            assert told.loc[term, "estimate"] == pytest.approx(value, abs=1e-12)

    def test_the_order_of_offences_of_one_day_is_no_matter(self):
        day = [("A", 1, BURGLARY), ("A", 1, SHOP), ("A", 2, SHOP)]
        found = specialisation(traced(offences=day), rng=1, replicates=20)
        assert found.transitions.to_numpy().tolist() == [[0, 0.5], [0, 0.5]]

    def test_perfect_specialists_have_one(self):
        offences = [(who, day, code) for who, code in (("A", BURGLARY), ("B", SHOP), ("C", SHOP))
                    for day in range(5)]  # fmt: skip
        told = specialisation(traced(offences=offences), rng=1, replicates=50).to_frame()
        assert told["estimate"].tolist() == [1.0, 1.0, 1.0]

    def test_the_interval_is_that_of_drawing_people_one_at_a_time(self, simulated):
        found = specialisation(simulated, rng=3, replicates=300)
        told = found.to_frame().set_index("term").loc["all kinds together"]
        rng = np.random.default_rng(4)
        steps = [found for found in map(steps_of, by_person(simulated)) if found]
        values = [
            slow_specialisation(steps[who] for who in rng.integers(0, len(steps), len(steps)))
            for _ in range(400)
        ]
        assert len(simulated.people) > len(steps)
        width = told["conf_high"] - told["conf_low"]
        spread = np.std([value["all kinds together"] for value in values])
        assert width == pytest.approx(2 * 1.96 * spread, rel=0.15)

    def test_a_seed_gives_the_same_numbers_and_is_kept(self, simulated):
        one, other = (specialisation(simulated, rng=5, replicates=60) for _ in range(2))
        pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
        assert one.seed == 5

    def test_nobody_with_two_days_is_not_estimable(self):
        told = specialisation(traced(offences=[("A", 1, SHOP)]), rng=1, replicates=20).to_frame()
        assert told["estimate"].isna().all()
        assert told["note"].str.startswith("not estimable").all()


class TestHarm:
    def test_sums_by_hand_and_what_has_no_weight_is_not_zero(self):
        careers = traced(
            offences=[("A", 1, BURGLARY), ("A", 2, ROBBERY), ("A", 3, DRUGS), ("B", 1, DRUGS)],
            people=["A", "B", "C"],
        )
        found = career_harm(careers, uprate=1.25)
        people = found.people
        assert people.loc[0, ["harm_CCHI", "harm_ONS_CSS"]].tolist() == [638.5, 1184.0]
        assert people.loc[0, "cost"] == pytest.approx(1.25 * (5_930 + 11_320))
        assert people.loc[1, ["harm_CCHI", "harm_ONS_CSS", "cost"]].isna().all()
        assert people.loc[2, ["harm_CCHI", "harm_ONS_CSS", "cost"]].tolist() == [0, 0, 0]
        assert people["n_without_CCHI"].tolist() == [1, 1, 0]
        share = row(found, "share of offences without a CCHI weight")
        assert (share["n"], share["n_events"]) == (4, 2)
        assert found.costs == "RR99 (version 2018), pounds of 2015/16 times 1.25"
        assert found.scales == ("CCHI (version 2026)", "ONS_CSS (version 2016)")
        assert found.caveats[0].startswith("2 offences are costed with figures of RR99")

    def test_escalation_by_hand(self):
        # The last two offences of B are of one day: they share their order.
        careers = traced(offences=[
            ("A", 1, SHOP), ("A", 2, SHOP), ("A", 3, BURGLARY),
            ("B", 1, SHOP), ("B", 5, BURGLARY), ("B", 5, ROBBERY),
        ])  # fmt: skip
        w = np.log1p([1, 1, 273.5, 1, 273.5, 365])
        x = np.array([-1, 0, 1, -1, 0.5, 0.5])
        told = row(career_harm(careers), "log(1 + CCHI) per further offence")
        assert told["estimate"] == pytest.approx((x * w).sum() / (x**2).sum())
        assert (told["n"], told["n_events"]) == (2, 6)

    def test_worse_people_who_offend_more_are_no_escalation(self):
        # A: one kind, light, twice; B: one kind, grave, ten times. Nobody gets worse.
        offences = [("A", day, SHOP) for day in range(2)]
        offences += [("B", day, ROBBERY) for day in range(10)]
        told = row(career_harm(traced(offences=offences)), "log(1 + CCHI) per further offence")
        assert told["estimate"] == pytest.approx(0, abs=1e-12)

    def test_one_offence_each_has_no_slope(self):
        told = row(
            career_harm(traced(offences=[("A", 1, SHOP)])), "log(1 + CCHI) per further offence"
        )
        assert told["note"] == "not estimable: nobody has two offences with a weight"


class TestAgeCrimeCurve:
    def test_exposure_and_counts_by_hand(self):
        # Born on 1 January 2000: 20 on day 0, 21 on day 366, 22 on day 731.
        careers = traced(
            offences=[("A", 0, SHOP), ("A", 365, SHOP), ("A", 366, SHOP)],
            custody=[("A", 400, 501, "sentence")], people=["A", "B"],
        )  # fmt: skip
        curve = age_crime_curve(careers).to_frame()
        curve = curve[curve["interval"] != "over people"].set_index(["outcome", "age"])
        street = curve.loc["offences per year in the community"]
        assert street["n_events"].tolist() == [2, 1, 0]
        days = (street["person_years"] * 365.25).tolist()
        assert days == pytest.approx([2 * 366, 2 * 365 - 100, 2 * 269])
        calendar = curve.loc["offences per year", "person_years"] * 365.25
        assert calendar.tolist() == pytest.approx([2 * 366, 2 * 365, 2 * 269])
        assert curve.loc["share who offended", "estimate"].tolist() == [0.5, 0.5, 0.0]

    def test_ages_add_up_to_the_window(self, simulated):
        for width in (1, 5):
            frame = age_crime_curve(simulated, by="sex", width=width).to_frame()
            frame = frame[frame["interval"] != "over people"]
            for outcome, days in {
                "offences per year in the community": "street_days",
                "offences per year": "calendar_days",
            }.items():
                mine = frame[frame["outcome"] == outcome]
                everyone = mine[mine["group"] == "everyone"]
                total = simulated.people[days].sum() / 365.25
                assert everyone["person_years"].sum() == pytest.approx(total)
                assert everyone["n_events"].sum() == len(simulated.offences)
                parts = mine[mine["group"] != "everyone"]
                assert parts["n_events"].sum() == len(simulated.offences)

    def test_people_of_unknown_age_are_left_out_and_said(self):
        careers = traced(offences=[("A", 1, SHOP), ("B", 1, SHOP)], births={"B": pd.NaT})
        curve = age_crime_curve(careers)
        assert curve.to_frame()["n"].max() == 1
        assert curve.caveats[0] == "1 people of unknown age are left out."


FACES = {
    "measures": career_measures, "mix": crime_mix, "harm": career_harm, "curve": age_crime_curve,
}  # fmt: skip


@pytest.mark.parametrize("face", FACES)
def test_nobody_and_nothing_are_results_not_errors(face):
    told = FACES[face](traced(people=["A", "B"]))
    assert told.summary()
    assert told.to_frame()["note"].str.startswith("not estimable").any() or face == "curve"


def cut(cases, day):
    """Take away what happened, was proven or ended from a day on."""

    def without(table, column):
        return table.assign(**{column: table[column].mask(table[column] >= day)})

    offences = cases.offences[cases.offences["recorded_date"] < day]
    pending = offences["outcome"].mask(offences["outcome_date"] >= day, "pending")
    custody = cases.custody[cases.custody["in_date"] < day]
    residence = cases.residence[cases.residence["from_date"] < day]
    return CaseData.from_frames(
        {
            "people": without(cases.people, "death_date"),
            "episodes": cases.episodes,
            "offences": without(offences.assign(outcome=pending), "outcome_date"),
            "custody": without(custody, "out_date"),
            "residence": without(residence, "to_date"),
        },
        extract_date=cases.extract_date,
    )


CASES = simulate_cases(SimulationDesign(n_people=60), rng=5)


@examples(8)
@given(days=st.integers(300, 1_200), waiting=st.sampled_from([0, 6]))
def test_nothing_after_the_window_changes_a_career(days, waiting):
    until = CASES.extract_date - pd.Timedelta(days=days)
    known_by = until + pd.Timedelta(days=round(waiting * 365.25 / 12))
    window = {"until": until, "waiting_months": waiting}
    now = trace_careers(build_histories(CASES), **window)
    then = trace_careers(build_histories(cut(CASES, known_by)), **window)
    pd.testing.assert_frame_equal(now.people, then.people)
    pd.testing.assert_frame_equal(now.offences, then.offences)
    assert len(now.offences) > 20
    pd.testing.assert_frame_equal(career_measures(now).people, career_measures(then).people)


def test_the_order_of_rows_and_the_names_of_people_change_nothing():
    cases = simulate_cases(SimulationDesign(n_people=80), rng=6)
    ids = cases.people["person_id"]
    names = dict(zip(ids, np.random.default_rng(1).permutation(ids), strict=True))
    tables = {
        name: getattr(cases, name).sample(frac=1, random_state=2)
        for name in ("people", "episodes", "offences", "custody", "residence")
    }
    renamed = {name: t.assign(person_id=t["person_id"].map(names)) for name, t in tables.items()}
    other = CaseData.from_frames(renamed, extract_date=cases.extract_date)
    one, two = (trace_careers(build_histories(each)) for each in (cases, other))
    for measure in (career_measures, crime_mix, career_harm, age_crime_curve):
        left, right = measure(one).to_frame(), measure(two).to_frame()
        pd.testing.assert_frame_equal(left, right, rtol=1e-10)


def lives_with_custody(rng, n, rate, jailed):
    """People who offend at the same rate whenever at liberty; some are in custody for long."""
    offences, custody = [], []
    for number in range(n):
        name = f"P{number:04d}"
        inside = int(rng.integers(200, 800)) if rng.random() < jailed else 0
        free = 1_000 - inside
        if inside:
            custody.append((name, free, 1_001, "sentence"))
        for day in np.flatnonzero(rng.random(free) < rate / 365.25):
            offences.append((name, int(day), SHOP))
    return histories_of(people=[f"P{i:04d}" for i in range(n)], offences=offences, custody=custody)


def test_with_custody_the_calendar_hides_offending_and_the_street_does_not():
    truth, rng = 2.0, np.random.default_rng(20)
    careers = trace_careers(lives_with_custody(rng, 300, truth, jailed=0.5), **WINDOW)
    measures = career_measures(careers)
    street, calendar = (
        rows(measures, outcome).set_index("interval").loc["exact Poisson"]
        for outcome in ("offences per year in the community", "offences per year")
    )
    assert street["conf_low"] < truth < street["conf_high"]
    # A quarter of the time was spent inside, so the calendar shows three quarters of the rate.
    assert calendar["conf_high"] < 0.9 * truth
    share = careers.people["street_days"].sum() / careers.people["calendar_days"].sum()
    assert calendar["estimate"] == pytest.approx(share * street["estimate"], rel=1e-9)


def test_gamma_poisson_finds_the_truth_and_shrinks_towards_it():
    rng = np.random.default_rng(3)
    years = rng.uniform(0.2, 2.5, 20_000)
    true = rng.gamma(1.5, 1 / 0.8, 20_000)
    counts = rng.poisson(true * years).astype(float)
    shape, rate, _ = gamma_poisson(counts, years)
    assert (shape, rate) == pytest.approx((1.5, 0.8), rel=0.06)
    raw, shrunk = counts / years, (shape + counts) / (rate + years)
    assert ((shrunk - true) ** 2).mean() < 0.6 * ((raw - true) ** 2).mean()
