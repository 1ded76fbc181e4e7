"""Scores rest on the past alone; the order, names and blocks of people change nothing."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from desistance import risk_scores
from desistance.cases import CaseData
from desistance.histories import build_histories
from search import examples
from tests.spec.timelines import on

EXTRACT = 2_000
CODES = ["028/01", "034", "046/00", "105", "149/00", "092/60", "00801"]
OUTCOMES = ["convicted", "caution", "nfa"]

days = st.integers(-1_500, EXTRACT)
offences = st.lists(
    st.tuples(
        days,
        st.integers(0, 30),
        st.integers(0, 300),
        st.sampled_from(CODES),
        st.sampled_from(OUTCOMES),
    ),
    max_size=8,
)  # committed, days to the record, days from it to the outcome
custody = st.lists(st.tuples(days, st.integers(0, 400)), max_size=3)
lives = st.tuples(offences, custody, st.sampled_from(["M", "F", "U"]), st.integers(12, 40))
pasts = st.lists(lives, min_size=1, max_size=4)
dates = st.lists(st.integers(-1_000, EXTRACT), min_size=1, max_size=6)
few = examples(8)  # a case file is checked for each


def date(day):
    return on(day) if day <= EXTRACT else pd.NaT


def told_by(lives, names=None, order=None, known_before=None):
    """Build histories; `known_before` leaves out what was not written down before that day."""
    names = names or [f"P{number}" for number in range(len(lives))]
    cut = EXTRACT + 1 if known_before is None else known_before
    people, rows, spells = [], [], []
    for name, (committed, stays, sex, age) in zip(names, lives, strict=True):
        people.append((name, on(-1_500 - 366 * age).replace(day=1), sex))
        for number, (day, record, lag, code, outcome) in enumerate(committed):
            recorded, settled = day + record, day + record + lag
            if recorded >= cut:
                continue
            known = outcome if settled < cut else "pending"
            when = date(settled) if settled < cut else pd.NaT
            rows.append((name, f"{name}-{number}", on(day), date(recorded), when, code, known))
        spells += [
            (name, on(went), date(went + nights), ("remand", "sentence")[nights % 2])
            for went, nights in stays
            if went < cut
        ]
    frames = {
        "people": pd.DataFrame(people, columns=["person_id", "birth_month", "sex"]),
        "episodes": pd.DataFrame({
            "person_id": names, "programme": "IOM", "start_date": on(0)}),
        "offences": pd.DataFrame(rows, columns=[
            "person_id", "crime_ref", "offence_date", "recorded_date", "outcome_date",
            "offence_code", "outcome"]),
        "custody": pd.DataFrame(spells, columns=["person_id", "in_date", "out_date", "kind"])
        .drop_duplicates(["person_id", "in_date", "kind"]),
    }  # fmt: skip
    if order is not None:
        frames = {name: frame.sample(frac=1, random_state=order) for name, frame in frames.items()}
    return build_histories(CaseData.from_frames(frames, extract_date=on(EXTRACT)))


def scores(told, names, asked):
    return risk_scores(told, pd.Series(names), pd.Series([on(day) for day in asked])).rows


def names_of(lives):
    return [f"P{number}" for number in range(len(lives))]


@few
@given(lives=pasts, asked=st.integers(-1_000, EXTRACT))
def test_what_happens_from_the_day_on_changes_nothing(lives, asked):
    names, dates = names_of(lives), [asked] * len(lives)
    everything = scores(told_by(lives), names, dates)
    past = scores(told_by(lives, known_before=asked), names, dates)
    pd.testing.assert_frame_equal(everything, past)


@few
@given(lives=pasts, asked=dates, order=st.integers(0, 99))
def test_order_and_names_and_blocks_change_nothing(lives, asked, order):
    names = names_of(lives)
    others = [f"Q{9 - number}" for number in range(len(lives))]  # in another order, too
    pairs = pd.MultiIndex.from_product([range(len(lives)), asked])
    who, when = pairs.get_level_values(0), pairs.get_level_values(1)
    at_once = scores(told_by(lives), [names[place] for place in who], when)
    shuffled = told_by(lives, names=others, order=order)
    again = scores(shuffled, [others[place] for place in who], when)
    pd.testing.assert_frame_equal(
        at_once.drop(columns="person_id"), again.drop(columns="person_id")
    )
    alone = scores(told_by(lives[:1], names=names[:1]), names[:1] * len(asked), asked)
    first = at_once[at_once["person_id"] == names[0]]
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), first.reset_index(drop=True))


@few
@given(lives=pasts, asked=dates)
def test_a_score_is_a_probability_or_says_why_it_is_none(lives, asked):
    people = [name for name in names_of(lives) for _ in asked]
    rows = scores(told_by(lives), people, [*asked] * len(lives))
    known = rows["estimate"].between(0, 1, "neither")
    assert (known | rows["estimate"].isna()).all()
    assert rows.loc[~known, "note"].str.startswith("not estimable: ").all()
    assert not rows.loc[known, "note"].str.startswith("not estimable").any()
    assert rows.loc[known, "percent"].between(1, 99).all()
    assert rows["months_offence_free"].dropna().between(0, 36).all()
    assert (rows["band"].isna() == ~known).all()
