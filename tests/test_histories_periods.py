"""`offences_by_period`: which period an offence falls in, and how long each was at liberty."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance.cases import CaseData
from desistance.errors import DataError
from desistance.histories import build_histories, offences_by_period
from desistance.histories.days import DAYS_A_YEAR, months_to_days
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples

DAY = pd.Timestamp("2021-07-01")


def day(text):
    return pd.Timestamp(text)


@pytest.fixture(scope="module")
def histories():
    dates = ["offence_date", "recorded_date", "outcome_date"]
    frames = {
        "people": pd.DataFrame({
            "person_id": ["A", "B"], "birth_month": [day("1990-02-01"), pd.NaT]}),
        "episodes": pd.DataFrame({
            "person_id": ["A", "B"], "programme": "IOM",
            "start_date": day("2019-01-01"), "end_date": DAY}),
        "offences": pd.DataFrame(
            [
                ("A", "2020-12-29", "2020-12-29", "2021-06-30", "046", "convicted"),  # the last day
                ("A", "2020-12-30", "2020-12-30", "2021-02-01", "045", "convicted"),  # one too late
                ("A", "2020-08-01", "2020-08-01", "2021-02-15", "045", "convicted"),  # too long
                ("A", "2020-08-02", "2020-08-02", "2020-09-01", "045", "nfa"),
                ("A", "2020-01-20", "2020-01-20", "2020-03-01", "028/01", "caution"),
                ("A", "2020-03-10", "2020-03-10", "2020-05-01", "045", "convicted"),  # inside
                ("A", "2015-01-01", "2015-01-01", "2015-02-01", "045", "convicted"),  # before all
            ],
            columns=["person_id", *dates, "offence_code", "outcome"],
        ).astype(dict.fromkeys(dates, "datetime64[ns]")),
        "custody": pd.DataFrame({
            "person_id": ["A"], "kind": ["sentence"],
            "in_date": [day("2020-03-01")], "out_date": [day("2020-04-01")]}),
    }  # fmt: skip
    return build_histories(CaseData.from_frames(frames, extract_date=day("2023-01-01")))


def panel_of(histories, **options):
    return offences_by_period(
        histories, pd.Series(["A", "B"]), pd.Series([DAY, DAY]), periods=2, **options
    )


def test_each_offence_falls_in_the_period_it_was_committed_in(histories):
    panel = panel_of(histories)
    assert list(panel.columns) == [
        "person_id", "period", "start", "age", "n_offences", "exposure"
    ]  # fmt: skip
    assert panel.person_id.tolist() == ["A", "A", "B", "B"]
    assert panel.period.tolist() == [-2, -1, -2, -1]
    end = DAY - pd.Timedelta(days=183)
    assert panel.start[:2].tolist() == [
        end - pd.Timedelta(days=365), end - pd.Timedelta(days=183)
    ]  # fmt: skip
    assert panel.n_offences.tolist() == [1, 1, 0, 0]
    assert panel_of(histories, offences="SAC_HMICFRS2022").n_offences.tolist() == [1, 0, 0, 0]
    assert panel_of(histories, waiting_months=0).n_offences.sum() == 0  # none proven on its day


def test_exposure_is_the_years_at_liberty(histories):
    panel = panel_of(histories)
    days = (panel.exposure * DAYS_A_YEAR).round(6).tolist()
    assert days == [365 - 183 - 31, 183, 365 - 183, 183]
    middle = panel.start[0] + pd.Timedelta(days=91)
    assert panel.age[0] == pytest.approx((middle - day("1990-02-01")).days / DAYS_A_YEAR)
    assert panel.age[2:].isna().all()


@given(seed=st.integers(0, 50), months=st.integers(1, 4), waiting=st.integers(0, 9))
@examples(6)
def test_it_is_a_slow_reading_of_each_day(seed, months, waiting):
    cases = simulate_cases(SimulationDesign(n_people=6), rng=seed)
    histories = build_histories(cases)
    people = cases.people.person_id
    dates = pd.Series(day("2021-03-01"), index=people.index)
    panel = offences_by_period(
        histories, people, dates, periods=4, months=months, waiting_months=waiting
    )
    last = day("2021-03-01") - pd.Timedelta(days=months_to_days(waiting))
    ends = [last - pd.Timedelta(days=months_to_days(months * k)) for k in range(4, -1, -1)]
    known = histories.offences
    for row in panel.itertuples():
        first, end = ends[row.period + 4], ends[row.period + 5]
        whose = list(histories.person_ids).index(row.person_id)
        nights = sum(
            ((cases.custody.in_date <= night)
             & (cases.custody.out_date.fillna(cases.extract_date + pd.Timedelta(days=1)) > night)
             & (cases.custody.person_id == row.person_id)).any()
            for night in pd.date_range(first, end, inclusive="left")
        )  # fmt: skip
        mine = known[(known.person == whose) & known.proven & ~known.in_custody]
        at = pd.Timestamp("1900-01-01") + pd.to_timedelta(mine.offence_day, unit="D")
        inside = histories.stays.holds(mine.person.to_numpy(), mine.offence_day.to_numpy())
        in_time = mine.outcome_day - mine.offence_day <= months_to_days(waiting)
        count = int(((at >= first) & (at < end) & in_time & ~inside).sum())
        assert row.n_offences == count
        assert row.exposure == pytest.approx(
            max((end - first).days - nights, count > 0) / DAYS_A_YEAR
        )


def test_nothing_from_the_day_itself_on_is_used():
    cases = simulate_cases(SimulationDesign(n_people=60), rng=4)
    people, index = cases.people.person_id, day("2021-03-01")
    dates = pd.Series(index, index=people.index)
    whole = offences_by_period(build_histories(cases), people, dates)
    later = (cases.offences.outcome_date >= index) | (cases.offences.offence_date >= index)
    tables = {name: getattr(cases, name) for name in ("people", "episodes", "custody")}
    before = CaseData.from_frames(
        tables | {"offences": cases.offences[~later]}, extract_date=cases.extract_date
    )
    assert later.any()
    pd.testing.assert_frame_equal(offences_by_period(build_histories(before), people, dates), whole)


@pytest.mark.parametrize(("people", "dates", "options", "says"), [
    (["A", "A"], [DAY, DAY], {}, "1 of 2 people are named again"),
    (["A", "B"], [DAY, pd.NaT], {}, "1 of 2 dates are empty"),
    (["A", "C"], [DAY, DAY], {}, "1 of 2 people are not in"),
    (["A"], [DAY], {"periods": 0}, "one or more"),
    (["A"], [DAY], {"months": 0}, "of a month or more"),
    (["A"], [DAY], {"waiting_months": -1}, "not negative"),
])  # fmt: skip
def test_what_cannot_be_meant_is_a_clear_error(histories, people, dates, options, says):
    with pytest.raises(DataError, match=says):
        offences_by_period(histories, pd.Series(people), pd.Series(dates), **options)


def test_a_panel_goes_straight_into_trajectories(histories):
    panel = panel_of(histories)
    assert np.isfinite(panel.exposure).all()
    assert {"person_id", "period", "n_offences", "exposure"} <= set(panel.columns)
