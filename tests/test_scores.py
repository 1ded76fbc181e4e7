"""Risk scores: the published vectors, a slow reading of the same rules, what cannot be scored."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from desistance import risk_scores
from desistance.cases import CaseData
from desistance.catalogue import copas_variant, score_table
from desistance.errors import DataError, PlanError, SourceError
from desistance.followup import follow_up
from desistance.histories import (
    all_reoffending_predictor,
    build_histories,
    copas_rate,
    ogp,
    ogrs3,
    ovp,
)
from desistance.synthetic import SimulationDesign, simulate_cases
from tests.slow_scores import (
    WEIGHTS,
    logistic,
    slow_arp,
    slow_arp_log_odds,
    slow_inputs,
    slow_ogrs3,
)

OFFENCE_CODES = Path(os.environ.get("DESISTANCE_OFFENCE_CODES", "ho_offence_codes.csv"))

# ministryofjustice/hmpps-arns-risk-actuarial-api, fixtures ogrs3-input-*.json and their expected
# scores: age at the start of follow-up, sanctions, age at the first and at the current sanction,
# offence weight; whole per cent in one and two years. All male.
OGRS3_VECTORS = [
    (61, 2, 47, 59, 0.7606, 8, 16),
    (30, 2, 21, 30, -0.0607, 9, 17),
    (44, 22, 17, 33, -0.7956, 35, 52),
]
# The same source, tests of the All Reoffending Predictor: age at the start, sanctions, ages at the
# first and current sanction, offence group, months; total on the log-odds scale; per cent.
ARP_VECTORS = [
    (30, 2, 21, 30, "other_offences", 36, -3.109291542898093, 4.27),
    (36, 2, 20, 36, "criminal_damage", 0, -1.843413998935392, 13.66),
]
# Ibid.: the Copas terms alone. Sex, sanctions, ages; the linear and the squared term.
ARP_COPAS = [
    ("M", 18, 20, 30, -1.07644580928222293, 0.06213937529875994),
    ("F", 7, 24, 26, -1.41374724711547508, -0.07579472433956820),
]

sexes = st.sampled_from(["M", "F"])
careers = st.tuples(st.integers(10, 60), st.integers(0, 30), st.integers(0, 15)).map(
    lambda ages: (ages[0], ages[0] + ages[1], ages[0] + ages[1] + ages[2])
)  # first sanction, last sanction, start of follow-up
weights = st.floats(-1.2, 1.0)


def logit(p):
    return np.log(p) - np.log1p(-p)


class TestPublishedVectors:
    @pytest.mark.parametrize("vector", OGRS3_VECTORS)
    def test_ogrs3(self, vector):
        *inputs, one_year, two_years = vector
        assert np.floor(100 * ogrs3("M", *inputs) + 0.5).tolist() == [[one_year, two_years]]

    @pytest.mark.parametrize("vector", ARP_VECTORS)
    def test_the_predictor(self, vector):
        age, count, first, last, group, months, total, per_cent = vector
        weight = score_table("ARP").offence[group]
        found = all_reoffending_predictor("M", age, count, first, last, weight, months)
        assert logit(found).item() == pytest.approx(total, abs=1e-12)
        assert round(100 * found.item(), 2) == per_cent

    def test_the_terms_of_a_vector(self):
        table = score_table("ARP")
        of_age = np.polynomial.polynomial.polyval(30, [0, *table.by_sex["M"].age])
        assert of_age == pytest.approx(-2.96132507103144, abs=1e-13)
        assert 9 * table.by_sex["M"].years_between == pytest.approx(-0.388846655245651, abs=1e-14)
        free = np.polynomial.polynomial.polyval(36, [0, *table.months])
        assert free == pytest.approx(-1.744142600199456, abs=1e-13)

    @pytest.mark.parametrize(("sex", "count", "first", "last", "once", "twice"), ARP_COPAS)
    def test_the_copas_terms(self, sex, count, first, last, once, twice):
        rate = copas_rate(count, last - first, "OGRS4")
        linear, squared = score_table("ARP").by_sex[sex].copas
        assert linear * rate == pytest.approx(once, abs=1e-14)
        assert squared * rate**2 == pytest.approx(twice, abs=1e-14)

    def test_odds_fall_with_months_without_an_offence(self):
        months = np.array([6, 12, 24, 36, 60])
        odds = logit(all_reoffending_predictor("M", 30, 5, 20, 29, 0.0, months))
        at_once = logit(all_reoffending_predictor("M", 30, 5, 20, 29, 0.0, 0))
        assert np.exp(odds - at_once).round(2).tolist() == [0.67, 0.51, 0.36, 0.17, 0.17]

    def test_all_24_categories_have_a_coefficient(self):
        assert len(score_table("ARP").offence) == 24
        assert len(score_table("OGRS3").offence) == 20

    def test_copas_rates(self):
        # One previous sanction and a current one, 5 years apart: the Ministry's and OGRS3's agree.
        assert copas_rate(1, 5) == copas_rate(2, 5, "OGRS3") == np.log(2 / 15)
        assert copas_rate(2, 5, "OGRS4") == np.log(2 / 31)
        assert copas_rate(2, 5, "OGRS4_VIOLENT_12") == np.log(2 / 17)
        assert copas_rate(2, 5, "OGRS4_VIOLENT_30") == np.log(2 / 35)
        assert not copas_variant("OGRS4_VIOLENT_30").verified
        assert np.isnan(copas_rate([-1, 1, np.nan], [0, -10, 1])).all()
        with pytest.raises(PlanError, match="did you mean 'MOJ'"):
            copas_rate(1, 1, "moj")

    def test_points(self):
        items = {"no_fixed_abode": [0, 1], "unemployed": [0, 1], "activities": [0, 1],
                 "drugs": [0, 2], "thinking": [0, 3], "attitudes": [0, 2]}  # fmt: skip
        # 0, and round(.6 x 47) + 5 + 5 + 3 + round(7.5) + round(2.5) + 5 = 57.
        expected = [[logistic(0.0616 * t - shift) for shift in (3.6832, 3.0795)] for t in (0, 57)]
        assert ogp([0, 47], **items) == pytest.approx(np.array(expected), abs=1e-14)
        assert ovp(40)[0, 1] == pytest.approx(logistic(0.0722 * 40 - 3.8773), abs=1e-14)


class TestAgainstASlowReading:
    @given(sex=sexes, ages=careers, sanctions=st.integers(1, 80), weight=weights)
    def test_ogrs3(self, sex, ages, sanctions, weight):
        first, last, age = ages
        found = ogrs3([sex], [age], [sanctions], [first], [last], [weight])[0]
        expected = slow_ogrs3(sex, age, sanctions, first, last, weight)
        assert found == pytest.approx(expected, rel=1e-12)

    @given(sex=sexes, ages=careers, sanctions=st.integers(1, 80), weight=weights,
           months=st.integers(0, 60))  # fmt: skip
    def test_the_predictor(self, sex, ages, sanctions, weight, months):
        first, last, age = ages
        inputs = (sex, age, sanctions, first, last, weight, months)
        found = logit(all_reoffending_predictor(*([x] for x in inputs)))
        assert found.item() == pytest.approx(slow_arp_log_odds(*inputs), rel=1e-9, abs=1e-9)

    def test_vectors_of_people_are_people_one_by_one(self):
        rng = np.random.default_rng(4)
        first, gap, sex = (
            rng.integers(10, 30, 50),
            rng.integers(0, 20, 50),
            rng.choice(["M", "F"], 50),
        )
        inputs = (
            sex,
            first + gap + 2,
            rng.integers(1, 9, 50),
            first,
            first + gap,
            rng.normal(0, 0.3, 50),
        )
        together = ogrs3(*inputs)
        apart = np.concatenate([ogrs3(*(x[i] for x in inputs)) for i in range(50)])
        assert (together == apart).all()

    @pytest.mark.parametrize(
        "free_from", [("offence", "release"), ("sanction", "release"), ("offence",)]
    )
    def test_histories(self, free_from, tmp_path):
        cases = simulate_cases(SimulationDesign(n_people=40), rng=11)
        ids = cases.people["person_id"].repeat(3).reset_index(drop=True)
        dates = pd.Series(pd.to_datetime(["2019-03-31", "2021-06-15", "2023-02-28"]).tolist() * 40)
        path = tmp_path / "mine.toml"
        path.write_text(
            'name = "MINE"\nversion = "1"\nvalid_from = "2026"\nsource = "test"\n'
            f'based_on = "ARP"\nfree_from = {[*free_from]}\n',
            encoding="utf-8",
        )
        scored = risk_scores(build_histories(cases), ids, dates, scores=("OGRS3", str(path)))
        two_years = scored.rows[scored.rows["years"] == 2]
        sex = cases.people.set_index("person_id")["sex"]
        n_scored = 0
        for row in two_years.itertuples():
            slow = slow_inputs(cases, row.person_id, row.date, free_from)
            if slow is None:
                assert row.note == "not estimable: no offence was proven before the day"
                assert np.isnan(row.estimate)
                continue
            fast = row._asdict()
            of_this = [key for key in slow if row.score == "MINE" or "free" not in key]
            assert {key: fast[key] for key in of_this} == {key: slow[key] for key in of_this}
            if slow["offence_code"][:3] not in WEIGHTS:
                assert (
                    row.note == "not estimable: the class of the last offence spans several weights"
                )
                continue
            of_ogrs3, of_arp = WEIGHTS[slow["offence_code"][:3]]
            career = slow["n_sanctions"], slow["age_first_sanction"], slow["age_last_sanction"]
            if row.score == "OGRS3":
                expected = slow_ogrs3(sex[row.person_id], slow["age"], *career, of_ogrs3)[1]
            else:
                began, months = slow["age_offence_free_from"], slow["months_offence_free"]
                expected = slow_arp(sex[row.person_id], began, *career, of_arp, months)
            assert row.estimate == pytest.approx(expected, rel=1e-9)
            n_scored += 1
        assert n_scored > 100


class TestShape:
    @given(sex=sexes, ages=careers, sanctions=st.integers(1, 120), weight=weights)
    def test_more_sanctions_in_the_same_time_are_never_less_risk(
        self, sex, ages, sanctions, weight
    ):
        first, last, age = ages
        count = np.array([sanctions, sanctions + 1])
        assert (np.diff(ogrs3(sex, age, count, first, last, weight), axis=0) >= 0).all()
        many = all_reoffending_predictor(sex, age, count + 2, first, last, weight, 0)
        assert np.diff(many).item() >= 0

    @given(sex=sexes, ages=careers, sanctions=st.integers(1, 40), weight=weights)
    def test_two_years_are_more_than_one(self, sex, ages, sanctions, weight):
        first, last, age = ages
        one, two = ogrs3(sex, age, sanctions, first, last, weight)[0]
        assert 0 < one < two < 1

    def test_every_age_band_starts_where_it_says(self):
        ages = np.arange(9, 70)
        for sex, bands in score_table("OGRS3").age_from.items():
            risk = logit(ogrs3(sex, ages, 2, 9, 9, 0.0)[:, 0])
            assert np.isnan(risk[0])
            changed = ages[1:][np.diff(risk, prepend=np.nan)[1:] != 0]
            assert changed.tolist() == [*bands]

    @pytest.mark.parametrize("unknown", range(6))
    def test_an_unknown_input_is_an_unknown_score(self, unknown):
        inputs = ["M", 30, 3, 20, 29, 0.1]
        inputs[unknown] = "U" if unknown == 0 else np.nan
        assert np.isnan(ogrs3(*inputs)).all()
        assert np.isnan(all_reoffending_predictor(*inputs, 0)).all()

    def test_what_cannot_be_is_unknown(self):
        assert np.isnan(ogrs3(["M", None, "M"], 30, [0, 3, 3], 20, [20, 20, 5], 0.1)).all()
        assert np.isnan(all_reoffending_predictor("M", 30, [0, 3], 20, 20, 0.1, [0, -1])).all()

    def test_a_table_of_the_other_form_is_refused(self):
        with pytest.raises(PlanError, match="not a score in the form of OGRS3"):
            ogrs3("M", 30, 3, 20, 29, 0.1, table="ARP")
        with pytest.raises(PlanError, match="not a score in the form of the predictor"):
            all_reoffending_predictor("M", 30, 3, 20, 29, 0.1, 0, table="OGRS3")


def day(text):
    return pd.Timestamp(text)


def history(offences, custody=(), *, born="1991-07-01", sex="M"):
    """Give the history of one person, A; an offence is (code, day, outcome day)."""
    frames = {
        "people": pd.DataFrame({"person_id": ["A"], "birth_month": [day(born)], "sex": sex}),
        "episodes": pd.DataFrame({
            "person_id": ["A"], "programme": "IOM", "start_date": [day("2021-01-01")]}),
        "offences": pd.DataFrame(
            [("A", code, day(at), day(at), day(out), "convicted") for code, at, out in offences],
            columns=["person_id", "offence_code", "offence_date", "recorded_date", "outcome_date",
                     "outcome"]),
        "custody": pd.DataFrame(
            [("A", day(went), day(came), "sentence") for went, came in custody],
            columns=["person_id", "in_date", "out_date", "kind"]),
    }  # fmt: skip
    return build_histories(CaseData.from_frames(frames, extract_date=day("2026-01-01")))


TWO = [("028/01", "2012-07-01", "2012-09-01"), ("116/18", "2021-08-01", "2021-08-05")]


def score_of(told, at, *, scores=("OGRS3", "ARP")):
    scored = risk_scores(told, pd.Series(["A"]), pd.Series([day(at)]), scores=scores)
    return scored.rows.set_index(["score", "years"])


class TestFromHistories:
    def test_the_published_vector_from_a_history(self):
        told = history(TWO, custody=[("2021-08-05", "2021-12-12")])
        rows = score_of(told, "2025-01-01")
        assert rows.loc[("ARP", 2), "age_offence_free_from"] == 30
        assert rows.loc[("ARP", 2), "months_offence_free"] == 36
        assert rows.loc[("ARP", 2), "years_first_to_second"] == 9
        assert 100 * rows.loc[("ARP", 2), "estimate"] == pytest.approx(4.27, abs=0.005)
        assert rows.loc[("ARP", 2), "band"] == "low"
        at_release = score_of(told, "2021-12-12")
        assert at_release["percent"].tolist() == [9, 17, 20]
        assert at_release.loc[("ARP", 2), "months_offence_free"] == 0
        assert at_release["offence_group"].tolist() == ["other", "other", "other_offences"]

    @pytest.mark.parametrize(
        ("at", "months"),
        [("2022-01-11", 0), ("2022-01-12", 1), ("2022-12-11", 11), ("2024-12-12", 36),
         ("2025-12-31", 36), ("2021-10-01", 0), ("2021-08-05", 0)],
    )  # fmt: skip
    def test_months_in_the_community_since_release(self, at, months):
        told = history(TWO, custody=[("2021-08-05", "2021-12-12")])
        rows = score_of(told, at, scores=["ARP"])
        assert rows["months_offence_free"].tolist() == [months]

    def test_somebody_in_custody_has_no_month_outside(self):
        told = history(TWO, custody=[("2023-01-01", "2024-01-01")])
        inside = score_of(told, "2023-06-01", scores=["ARP"])
        assert inside["months_offence_free"].tolist() == [0]
        # Going in on the day itself is not known yet: 17 months since 1 August 2021.
        assert score_of(told, "2023-01-01", scores=["ARP"])["months_offence_free"].tolist() == [17]

    def test_the_last_offence_is_the_gravest_of_the_last_sanction(self):
        same_day = [("049", "2021-05-01", "2021-08-05"), ("034", "2021-05-01", "2021-08-05")]
        older = [("001", "2021-04-01", "2021-08-05"), ("028", "2020-05-01", "2020-08-05")]
        rows = score_of(history([*same_day, *older]), "2022-01-01")
        assert rows["offence_code"].unique().tolist() == ["034"]

    @pytest.mark.parametrize(
        ("told", "note"),
        [
            (history(TWO, sex="U"), "not estimable: sex is not recorded as male or female"),
            (history(TWO, born="NaT"), "not estimable: the month of birth is unknown"),
            (history([]), "not estimable: no offence was proven before the day"),
            (history([("092/60", "2021-08-01", "2021-08-05")]),
             "not estimable: the class of the last offence spans several weights"),
            (history([("00000", "2021-08-01", "2021-08-05")]),
             "not estimable: no offence group is published for the code of the last offence"),
            (history([("777", "2021-08-01", "2021-08-05")]),
             "not estimable: no offence group is published for the code of the last offence"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_scored_says_why(self, told, note):
        rows = score_of(told, "2022-01-01")
        assert rows["note"].tolist() == [note] * 3
        assert rows[["estimate", "percent", "band"]].isna().all(axis=None)

    @pytest.mark.parametrize(("sex", "age", "flagged"), [
        ("F", 10, True), ("F", 15, True), ("F", 16, False), ("M", 12, False)])  # fmt: skip
    def test_girls_of_10_to_15_are_flagged(self, sex, age, flagged):
        told = history(
            [("028", f"{2000 + age}-02-01", f"{2000 + age}-03-01")], born="2000-01-01", sex=sex
        )
        rows = score_of(told, f"{2000 + age}-06-01", scores=["OGRS3", "OGRS3_SERVICE"])
        assert rows["estimate"].notna().all()
        assert rows["note"].str.startswith("doubtful").tolist() == [flagged] * 4
        paper, service = logit(rows["estimate"].to_numpy().reshape(2, 2))
        gap = {10: 2 * 0.785, 15: 2 * 0.66952}.get(age, 0) if flagged else 0
        assert service - paper == pytest.approx([gap, gap], abs=1e-9)

    def test_only_figures_that_could_be_verified_are_called_so(self):
        scored = risk_scores(
            history(TWO), pd.Series(["A"]), pd.Series([day("2022-01-01")]), scores=["OGRS3_SERVICE"]
        )
        assert any("could not be verified" in caveat for caveat in scored.caveats)

    def test_per_cent_knows_neither_0_nor_100(self):
        low = score_of(history(TWO[:1], born="1945-01-01", sex="F"), "2025-01-01")
        assert low.loc[("ARP", 2), "estimate"] < 0.005
        assert low.loc[("ARP", 2), "percent"] == 1

    def test_many_dates_of_one_person_are_each_date_alone(self):
        told = history(TWO, custody=[("2021-08-05", "2021-12-12")])
        dates = ["2025-01-01", "2012-08-01", "2013-01-01", "2025-01-01"]
        ids = pd.Series("A", index=[7, 7, 3, 9]).rename("person_id")
        together = risk_scores(told, ids, pd.Series([day(at) for at in dates], index=ids.index))
        covariates = together.covariates()
        assert covariates.index.tolist() == [7, 7, 3, 9]
        assert covariates.columns.tolist() == ["OGRS3_1yr", "OGRS3_2yr", "ARP_2yr"]
        for place, at in enumerate(dates):
            alone = score_of(told, at)["estimate"].to_numpy()
            np.testing.assert_array_equal(covariates.iloc[place], alone)

    def test_refusals(self):
        told, ids = history(TWO), pd.Series(["A"])
        with pytest.raises(DataError, match="1 of 1 dates are empty"):
            risk_scores(told, ids, pd.Series([pd.NaT]))
        with pytest.raises(DataError, match="1 of 1 people are not in"):
            risk_scores(told, pd.Series(["B"]), pd.Series([day("2022-01-01")]))
        for scores in [(), ("OGRS3", "OGRS3")]:
            with pytest.raises(PlanError, match="one or more scores, each once"):
                risk_scores(told, ids, pd.Series([day("2022-01-01")]), scores=scores)
        with pytest.raises(PlanError, match="did you mean 'OGRS3'"):
            risk_scores(told, ids, pd.Series([day("2022-01-01")]), scores=["OGRS"])
        with pytest.raises(DataError, match="`by` has 2 rows for 1 people"):
            risk_scores(told, ids, pd.Series([day("2022-01-01")]), by=pd.Series(["x", "y"]))

    def test_nobody_to_score_is_refused(self):
        nobody = pd.Series([], dtype=str), pd.Series([], dtype="datetime64[ns]")
        with pytest.raises(DataError, match="nobody to score"):
            risk_scores(history(TWO), *nobody)


@pytest.fixture(scope="module")
def followed():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=8)
    return follow_up(cases, build_histories(cases))


@pytest.fixture(scope="module")
def scored(followed):
    people = followed.people
    return risk_scores(
        followed.histories, people["person_id"], people["index_date"], by=people["sex"]
    )


class TestSpread:
    def test_means_and_quantiles_of_groups(self, followed, scored):
        wide = scored.covariates()
        assert wide.index.equals(followed.people.index)
        frame = scored.to_frame().set_index(["outcome", "group", "term"])
        men = wide.loc[followed.people["sex"] == "M", "ARP_2yr"].dropna()
        assert frame.loc[("ARP within 2 years", "M", "mean"), "estimate"] == pytest.approx(
            men.mean()
        )
        lower = frame.loc[("ARP within 2 years", "M", "lower quartile")]
        assert lower["estimate"] == pytest.approx(men.quantile(0.25))
        assert lower["n"] == len(men)

    def test_nothing_rests_on_fewer_than_ten_people(self, followed):
        few = followed.people.head(39)
        scored = risk_scores(
            followed.histories, few["person_id"], few["index_date"], scores=["ARP"]
        )
        n = int(scored.rows["estimate"].notna().sum())
        frame = scored.to_frame().set_index("term")
        assert 20 <= n < 40
        assert frame["estimate"].notna().tolist() == [True, False, False, True, False, False]
        assert frame.loc["median", "note"] == ""
        assert frame.loc["lower quartile", "note"].startswith("not estimable: fewer than 10")
        # Many dates of one person are still one person.
        often = pd.concat([few.head(1)] * 50, ignore_index=True)
        alone = risk_scores(followed.histories, often["person_id"], often["index_date"])
        assert alone.to_frame()["estimate"].isna().all()
        assert isinstance(alone.plot(), Axes)

    def test_it_says_what_it_is(self, scored):
        assert "research re-implementation, not an operational score" in scored.summary()
        assert "research re-implementation" in scored._repr_html_()
        assert scored.definitions == ("OGRS3 (version 3)", "ARP (version static 2026)")
        assert any("not for a decision about a person" in caveat for caveat in scored.caveats)
        rows = scored.rows
        lost = rows[(rows["score"] == "ARP") & rows["estimate"].isna()]
        said = [caveat for caveat in scored.caveats if "by ARP" in caveat]
        assert sum(caveat.counts["some"] for caveat in said) == len(lost)

    def test_no_frame_or_word_names_a_person(self, followed, scored):
        told = scored.summary() + scored._repr_html_() + repr(scored)
        assert not any(person in told for person in followed.people["person_id"])


HEAD = "offence_code,categories\n"


class TestTables:
    def mine(self, folder, *lines, codes=None):
        if codes is not None:
            (folder / "mine.csv").write_text(codes, encoding="utf-8")
            lines = (*lines, 'offences = "mine.csv"')
        head = ('name = "MINE"', 'version = "1"', 'valid_from = "2026"', 'source = "test"')
        (folder / "mine.toml").write_text("\n".join([*head, *lines]), encoding="utf-8")
        return str(folder / "mine.toml")

    def test_a_fuller_table_of_codes_scores_more(self, tmp_path):
        codes = (
            "offence_code,categories\n092/60,drug_possession_supply\n09201,drug_import_export_production\n"
            "028,burglary_domestic\n028/09,\n"
        )
        table = score_table(
            self.mine(tmp_path, 'based_on = "OGRS3"', "verified = false", codes=codes)
        )
        asked = pd.Series(["092/60", "09201", "092", "09277", "028/09", "028/01", "034"])
        found = table.of_offence(asked)
        nan = np.nan
        expected = [0.0772, -0.7956, nan, nan, nan, -0.1239, nan]
        np.testing.assert_array_equal(found["weight"], expected)
        assert (
            found["note"].str.contains("spans several").tolist()
            == [False] * 2 + [True] * 2 + [False] * 3
        )
        assert not table.verified
        assert table.age_from == score_table("OGRS3").age_from

    def test_shared_weights_need_no_single_group(self):
        found = score_table("ARP").of_offence(pd.Series(["005"], index=["x"]))
        assert found.loc["x", "weight"] == -0.110075583936778
        assert (
            found.loc["x", "category"]
            == "violence_against_the_person_abh_plus or firearms_most_serious"
        )

    @pytest.mark.parametrize(
        ("base", "lines", "codes", "fault"),
        [
            ("OGRS3", [], "code,categories\n", "columns should be offence_code"),
            ("OGRS3", [], HEAD + "28A,other\n", r"no published code \(line 2\)"),
            ("OGRS3", [], HEAD + "028,other\n28,other\n", r"second time \(line 3\)"),
            ("OGRS3", [], HEAD + "028,othr\n", "did you mean 'other'"),
            ("OGRS3", ["bands = [50, 75]"], None, "`bands` should be a list of 3 numbers"),
            ("OGRS3", ["bandz = [50, 75, 90]"], None, "did you mean 'bands'"),
            ("OGRS3", ['copas_rate = "OGRS5"'], None, "no Copas rate 'OGRS5'"),
            ("OGRS3", ["[age_from.M]", "ten = 1"], None, "the age a band starts at"),
            ("OGRS3", ["[offence]", 'other = "x"'], None, "`other` should be a number"),
            ("ARP", ['free_from = ["birth"]'], None, "`free_from` should list some of"),
            ("ARP", ["[M]", "constent = 1"], None, "did you mean 'constant'"),
            (None, ['form = "OGRS5"'], HEAD, "`form` should be one of OGRS3, ARP"),
            (None, ['form = "ARP"'], None, "`offences` should name the table"),
        ],
    )
    def test_a_malformed_file_says_where(self, base, lines, codes, fault, tmp_path):
        based = [] if base is None else [f'based_on = "{base}"']
        with pytest.raises(PlanError, match=fault):
            score_table(self.mine(tmp_path, *based, *lines, codes=codes))

    def test_a_table_that_is_not_there(self, tmp_path):
        path = self.mine(tmp_path, 'based_on = "ARP"', 'offences = "gone.csv"')
        with pytest.raises(SourceError, match=r"no file gone\.csv"):
            score_table(path)

    @pytest.mark.skipif(not OFFENCE_CODES.is_file(), reason="the reference data are not here")
    @pytest.mark.parametrize(
        ("score", "column"), [("OGRS3", "ogrs3_weight"), ("ARP", "actuarial_category")]
    )
    def test_a_class_whose_codes_share_a_weight_has_it(self, score, column):
        table = score_table(score)
        codes = pd.read_csv(OFFENCE_CODES, dtype=str, keep_default_na=False)
        codes = codes[~codes[column].isin(["", "999", "UNKNOWN"])]
        codes = codes[codes["ho_code"].str[:3] != "000"]  # no valid code
        if score == "ARP":
            names = codes[column].str.lower().str.replace("harrassment", "harassment")
            codes[column] = names.map(table.offence)
        published = codes[column].astype(float).groupby(codes["ho_code"].str[:3])
        found = table.of_offence(pd.Series(published.first().index))["weight"].to_numpy()
        one = (published.nunique() == 1).to_numpy()
        assert one.sum() > 165
        np.testing.assert_array_equal(found[one], published.first()[one])
        assert np.isnan(found[~one]).all()
