import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance.cases import CaseData
from desistance.errors import DataError
from desistance.histories import HistoryDesign, build_histories
from desistance.histories.custody import join_stays
from desistance.histories.days import NEVER, pack, put_in_order, to_days
from desistance.synthetic import SimulationDesign, simulate_cases

DAY = pd.Timestamp("2020-01-01")
DATES = ("offence_date", "recorded_date", "outcome_date")


def day(text):
    return pd.Timestamp(text)


@pytest.fixture(scope="module")
def one_person():
    """A career of four offences: one not yet recorded, one not yet proven on 1 January 2020."""
    frames = {
        "people": pd.DataFrame({"person_id": ["A", "B"], "birth_month": [day("1990-02-01")] * 2}),
        "episodes": pd.DataFrame({
            "person_id": ["A", "B"], "programme": "IOM",
            "start_date": day("2019-01-01"), "end_date": day("2020-01-01")}),
        "offences": pd.DataFrame(
            [
                ("A", "2010-02-01", "2010-02-03", "2010-05-01", "028/01", "convicted"),
                ("A", "2018-06-01", "2018-06-01", "2018-09-01", "046", "caution"),
                ("A", "2019-11-01", "2019-11-02", "2020-02-01", "045", "convicted"),
                ("A", "2019-12-30", "2020-01-01", "2020-03-01", "045", "convicted"),
                ("A", "2019-10-01", "2019-10-01", "2019-10-20", "045", "nfa"),
            ],
            columns=["person_id", "offence_date", "recorded_date", "outcome_date", "offence_code",
                     "outcome"],
        ).astype(dict.fromkeys(DATES, "datetime64[ns]")),
        "custody": pd.DataFrame({
            "person_id": ["A", "A"], "kind": ["remand", "sentence"],
            "in_date": [day("2018-09-01"), day("2018-09-11")],
            "out_date": [day("2018-09-11"), day("2018-10-01")]}),
        "assessments": pd.DataFrame({
            "person_id": ["A", "A", "A"],
            "assessed_date": [day("2018-06-01"), day("2019-12-01"), day("2020-01-02")],
            "tool": "LOCAL", "pathway": ["ACC", "ETE", "ETE"], "score": [9.0, 8.0, 0.0],
            "score_min": 0.0, "score_max": 10.0}),
    }  # fmt: skip
    return build_histories(CaseData.from_frames(frames, extract_date=day("2023-01-01")))


@pytest.fixture(scope="module")
def known(one_person):
    ids = pd.Series(["A", "B"])
    return one_person.known_on(ids, pd.Series([DAY, DAY])).set_index(ids)


def test_only_what_was_proven_by_then_counts(known):
    assert known["n_previous"].tolist() == [2, 0]
    assert known["n_previous_SAC_HMICFRS2022"].tolist() == [1, 0]
    assert known["n_sanctions"].tolist() == [2, 0]


def test_the_last_offence_is_the_last_recorded_by_then(known):
    # 1 November 2019: the one of 30 December was recorded on the day itself.
    assert known.loc["A", "months_since_offence"] == pytest.approx(61 / (365.25 / 12))
    assert np.isnan(known.loc["B", "months_since_offence"])


def test_age_onset_and_copas_rate(known):
    assert known.loc["A", "age"] == 29
    assert known.loc["A", "age_at_onset"] == 20
    career = (DAY - day("2010-05-01")).days / 365.25
    assert known.loc["A", "career_years"] == pytest.approx(career, abs=1e-12)
    # Copas rate: ln((previous sanctions + 1) / (career years + 10)).
    assert known.loc["A", "copas_rate"] == pytest.approx(np.log(3 / (career + 10)), abs=1e-12)
    assert known.loc["B", "copas_rate"] == pytest.approx(np.log(1 / 10), abs=1e-12)


def test_nights_in_custody_are_counted_once(known):
    assert known["custody_days"].tolist() == [30, 0]


def test_a_need_is_the_latest_assessment_that_still_stands(known):
    assert known.loc["A", "need_ETE"] is np.True_ or known.loc["A", "need_ETE"] == True  # noqa: E712
    assert pd.isna(known.loc["A", "need_ACC"])  # assessed 19 months before: no longer stands
    assert pd.isna(known.loc["B", "need_ETE"])  # never assessed is not "no"
    assert known["assessed"].tolist() == [True, False]
    assert known.loc["A", "n_needs"] == 1
    assert pd.isna(known.loc["B", "n_needs"])


def test_an_assessment_on_the_day_itself_is_not_yet_known(one_person):
    ids, on_the_day = pd.Series(["A"]), pd.Series([day("2019-12-01")])
    assert pd.isna(one_person.known_on(ids, on_the_day)["need_ETE"].item())
    assert one_person.known_on(ids, on_the_day + pd.Timedelta(days=1))["need_ETE"].item()


def test_an_offence_without_a_recorded_date_is_known_from_its_outcome_or_never():
    def months_since(outcome, outcome_date):
        frames = {
            "people": pd.DataFrame({"person_id": ["A"], "birth_month": [day("1970-01-01")]}),
            "episodes": pd.DataFrame({
                "person_id": ["A"], "programme": "IOM", "start_date": [day("2019-01-01")]}),
            "offences": pd.DataFrame({
                "person_id": ["A"], "offence_date": [day("2019-06-01")], "outcome": [outcome],
                "offence_code": "028", "outcome_date": [outcome_date]}),
        }  # fmt: skip
        cases = CaseData.from_frames(frames, extract_date=day("2023-01-01"))
        told = build_histories(cases).known_on(pd.Series(["A"]), pd.Series([DAY]))
        return told["months_since_offence"].item()

    assert np.isnan(months_since("pending", pd.NaT))
    assert np.isnan(months_since("convicted", day("2020-03-01")))  # the future changes nothing
    assert months_since("convicted", day("2019-08-01")) > 7


def test_what_happens_from_the_day_on_changes_nothing():
    cases = simulate_cases(SimulationDesign(n_people=60), rng=5)
    ids = cases.people["person_id"]
    cut = pd.Series(pd.Timestamp("2022-01-01"), index=ids.index)
    kept = {
        "people": cases.people,
        "episodes": cases.episodes,
        "offences": cases.offences[cases.offences["recorded_date"] < cut[0]],
        "custody": cases.custody[cases.custody["in_date"] < cut[0]],
        "assessments": cases.assessments[cases.assessments["assessed_date"] < cut[0]],
    }
    # What was settled later was not known to be proven either.
    late = kept["offences"]["outcome_date"] >= cut[0]
    kept["offences"] = kept["offences"].assign(
        outcome_date=kept["offences"]["outcome_date"].mask(late),
        outcome=kept["offences"]["outcome"].mask(late, "pending"),
    )
    before = CaseData.from_frames(kept, extract_date=cases.extract_date)
    pd.testing.assert_frame_equal(
        build_histories(cases).known_on(ids, cut), build_histories(before).known_on(ids, cut)
    )


def test_histories_agree_with_counting_one_person_at_a_time():
    cases = simulate_cases(SimulationDesign(n_people=40), rng=11)
    ids = cases.people["person_id"].repeat(4).reset_index(drop=True)
    dates = pd.Series(pd.date_range("2018-03-01", periods=4, freq="500D").tolist() * 40)
    known = build_histories(cases).known_on(ids, dates)
    for row, (person, date) in enumerate(zip(ids, dates, strict=True)):
        mine = cases.offences[cases.offences["person_id"] == person]
        proven = mine[
            mine["outcome"].isin(["convicted", "caution"]) & (mine["outcome_date"] < date)
        ]
        assert known.at[row, "n_previous"] == len(proven)
        assert known.at[row, "n_sanctions"] == proven["occasion_id"].nunique()
        recorded = mine.loc[mine["recorded_date"] < date, "offence_date"]
        since = (date - recorded.max()).days / (365.25 / 12) if len(recorded) else np.nan
        assert known.at[row, "months_since_offence"] == pytest.approx(since, nan_ok=True)
        spells = cases.custody[cases.custody["person_id"] == person]
        window = pd.date_range(date - pd.Timedelta(days=730), date - pd.Timedelta(days=1))
        inside = np.zeros(len(window), bool)
        for spell in spells.itertuples():
            out = spell.out_date if pd.notna(spell.out_date) else pd.Timestamp.max
            inside |= (window >= spell.in_date) & (window < out)
        assert known.at[row, "custody_days"] == inside.sum()


def test_stays_join_where_they_overlap_touch_or_nest():
    person = np.array([0, 0, 0, 1, 1])
    went_in = np.array([10, 15, 30, 10, 40])
    came_out = np.array([20, 25, NEVER, 12, 41])
    stays = join_stays(person, went_in, came_out, extract_day=50)
    assert stays.person.tolist() == [0, 0, 1, 1]
    assert stays.went_in.tolist() == [10, 30, 10, 40]
    assert stays.came_out.tolist() == [25, 51, 12, 41]
    assert stays.nights_before(np.array([0, 0, 1, 1]), np.array([22, 35, 11, 100])).tolist() == [
        12, 20, 1, 3]  # fmt: skip
    assert stays.holds(np.array([0, 0, 0, 1]), np.array([10, 11, 25, 11])).tolist() == [
        False, True, False, True]  # fmt: skip


def test_an_unknown_person_is_an_error_without_the_id(one_person):
    with pytest.raises(DataError, match="1 of 1 people") as caught:
        one_person.known_on(pd.Series(["Zebedee"]), pd.Series([DAY]))
    assert "Zebedee" not in str(caught.value)


def test_a_timeline_lists_everything_dated_in_order(one_person):
    timeline = one_person.timeline("A")
    assert timeline["date"].is_monotonic_increasing
    assert set(timeline["what"]) >= {"offence", "outcome", "into custody", "assessed", "leaves"}


def test_other_sets_and_windows_by_design():
    cases = simulate_cases(SimulationDesign(n_people=30), rng=2)
    design = HistoryDesign(offence_sets=("VIOLENT",), proven_by=("convicted",))
    known = build_histories(cases, design).known_on(
        cases.people["person_id"], pd.Series(cases.extract_date, index=cases.people.index)
    )
    assert "n_previous_VIOLENT" in known
    convicted = cases.offences["outcome"].eq("convicted").sum()
    assert known["n_previous"].sum() == convicted


@given(
    n=st.integers(0, 60),
    people=st.sampled_from([1, 3, 1 << 20, 1 << 37]),
    never=st.sampled_from([0.0, 0.3, 1.0]),
    ranks=st.sampled_from([0, 1, 900]),
    seed=st.integers(0, 99),
)
def test_rows_are_put_in_order_whatever_fits_in_an_integer(n, people, never, ranks, seed):
    rng = np.random.default_rng(seed)
    person = rng.integers(0, 4, n) * (people // 4)
    when = np.where(rng.random(n) < never, NEVER, rng.integers(40_000, 40_004, n))
    rank = rng.integers(0, ranks + 1, n) if ranks else None
    keys, order = put_in_order(person, when, rank)
    expected = np.lexsort((when, person) if rank is None else (rank, when, person))
    np.testing.assert_array_equal(np.arange(n)[order], expected)
    np.testing.assert_array_equal(keys, pack(person, when)[expected])


def test_nights_between_two_days_are_those_before_the_one_less_those_before_the_other():
    rng = np.random.default_rng(2)
    person, went_in = rng.integers(0, 9, 30), rng.integers(0, 90, 30)
    stays = join_stays(person, went_in, went_in + rng.integers(0, 30, 30), 200)
    who, since = rng.integers(0, 10, 200), rng.integers(0, 100, 200)
    until = since + rng.integers(0, 50, 200)
    expected = stays.nights_before(who, until) - stays.nights_before(who, since)
    np.testing.assert_array_equal(stays.nights_between(who, since, until), expected)
    nobody = join_stays(*np.zeros((3, 0), np.int64), 200)
    assert not nobody.nights_between(who, since, until).any()


def test_days_count_whole_days():
    assert to_days(pd.Series([pd.Timestamp("1900-01-02"), pd.NaT])).tolist() == [1, NEVER]
