"""A history rests on what came before the day, and on nothing else: order, names, company."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from desistance.cases import CaseData
from desistance.errors import FollowUpError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import HistoryDesign, build_histories
from search import examples
from tests.spec.timelines import on

LAST = 90  # day of the extract
ASKED = 0
DESIGN = HistoryDesign(needs_last_months=1, custody_months=1)
FOLLOWED = FollowUpDesign(months=1, waiting_months=1)

day = st.integers(-80, 60)
lag = st.none() | st.integers(0, 30)
lags = st.tuples(lag, lag).map(  # nothing is settled before it is recorded
    lambda two: tuple(sorted(two)) if None not in two else two
)
offence = st.tuples(day, lags, st.sampled_from(["028", "008"]), st.booleans())
life = st.fixed_dictionaries({
    "offences": st.lists(offence, max_size=6),
    "custody": st.lists(st.tuples(day, st.none() | st.integers(0, 25)), max_size=3),
    "needs": st.lists(st.tuples(day, st.sampled_from([0.0, 8.0, None])), max_size=3,
                      unique_by=lambda one: one[0]),
    "joined": st.none() | st.integers(0, 60),
    "moved": st.none() | st.integers(-40, 60),
})  # fmt: skip
people = st.lists(life, min_size=1, max_size=3)


def tables(lives, names):
    """Write lives down as the tables of a case file."""
    every = [(name, one) for name, one in zip(names, lives, strict=True)]
    offences = [
        (name, on(d), _later(d, recorded), _later(d, outcome), code, inside)
        for name, one in every for d, (recorded, outcome), code, inside in one["offences"]
    ]  # fmt: skip
    custody = [
        (name, on(d), _later(d, nights), kind)
        for name, one in every
        for (d, nights), kind in zip(one["custody"], ("remand", "sentence", "recall"), strict=False)
    ]
    needs = [(name, on(d), score) for name, one in every for d, score in one["needs"]]
    joins = [(name, "7PP", on(one["joined"]), pd.NaT) for name, one in every
             if one["joined"] is not None]  # fmt: skip
    away = [(name, False, on(one["moved"])) for name, one in every if one["moved"] is not None]
    return {
        "people": pd.DataFrame({"person_id": names, "birth_month": pd.Timestamp("1990-01-01")}),
        "episodes": pd.DataFrame(
            [(name, "IOM", on(-200), on(0)) for name in names] + joins,
            columns=["person_id", "programme", "start_date", "end_date"],
        ),
        "offences": _dated(pd.DataFrame(
            offences,
            columns=["person_id", "offence_date", "recorded_date", "outcome_date", "offence_code",
                     "in_custody"],
        )).assign(
            crime_ref=list(map(str, range(len(offences)))),
            outcome=lambda rows: rows["outcome_date"].notna().map(
                {True: "convicted", False: "pending"}),
        ),
        "custody": _dated(
            pd.DataFrame(custody, columns=["person_id", "in_date", "out_date", "kind"])
        ),
        "assessments": _dated(
            pd.DataFrame(needs, columns=["person_id", "assessed_date", "score"])
        ).assign(
            tool="LOCAL", pathway="ACC", score_min=0.0, score_max=10.0,
            score=lambda rows: rows["score"].astype(float),
            missing_reason=lambda rows: rows["score"].isna().map({True: "refused", False: None}),
        ),
        "residence": _dated(pd.DataFrame(away, columns=["person_id", "in_area", "from_date"])),
    }  # fmt: skip


def _later(first, days):
    return pd.NaT if days is None else on(first + days)


def _dated(frame):
    dates = [name for name in frame if name.endswith("_date")]
    return frame.astype(dict.fromkeys(dates, "datetime64[ns]"))


def cases_of(frames):
    anything = {"max_quarantined": 1.0, "max_misformatted": 1.0}
    return CaseData.from_frames(frames, extract_date=on(LAST), mapping=anything)


def known(frames, names):
    asked = pd.Series([on(ASKED)] * len(names))
    return build_histories(cases_of(frames), DESIGN).known_on(pd.Series(names), asked)


def rows_of(frames, names=None):
    """Rows at risk, every reoffence and the people, by name; nothing where nobody is left."""
    cases = cases_of(frames)
    try:
        followed = follow_up(cases, build_histories(cases, DESIGN), FOLLOWED)
    except FollowUpError:
        return []
    name = followed.people["person_id"].replace(names or {})
    tables_of = [
        rows[["start", "stop", "event", "exposed"]].set_index(
            pd.MultiIndex.from_arrays([name.to_numpy()[rows["person"]], rows["start"]])
        )
        for rows in (followed.rows, followed.repeated().columns)
    ]
    of_a_person = followed.people.drop(columns="person_id").set_index(name)
    return [table.sort_index() for table in (*tables_of, of_a_person)]


def before(one):
    """Leave only what was written down before the day asked."""

    def settled(d, days):
        return days if days is not None and d + days < ASKED else None

    kept = [
        (d, (settled(d, recorded), settled(d, outcome)), code, inside)
        for d, (recorded, outcome), code, inside in one["offences"]
    ]  # fmt: skip
    return one | {
        "offences": [offence for offence in kept if offence[1] != (None, None)],
        "custody": [(d, settled(d, nights)) for d, nights in one["custody"] if d < ASKED],
        "needs": [(d, score) for d, score in one["needs"] if d < ASKED],
        "joined": None, "moved": None,
    }  # fmt: skip


@examples(12)
@given(people)
def test_a_history_ignores_everything_from_the_day_on(lives):
    names = list("ABC"[: len(lives)])
    past = [before(one) for one in lives]
    assert_frame_equal(known(tables(lives, names), names), known(tables(past, names), names))


@examples(8)
@given(people, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_people_change_nothing(lives, rng):
    names, others = list("ABC"[: len(lives)]), list("ZYX"[: len(lives)])
    plain, renamed = tables(lives, names), tables(lives, others)
    seed = rng.randrange(2**31)
    shuffled = {name: rows.sample(frac=1, random_state=seed) for name, rows in renamed.items()}
    assert_frame_equal(known(plain, names), known(shuffled, others))
    same(rows_of(plain), rows_of(shuffled, dict(zip(others, names, strict=True))))


@examples(8)
@given(people)
def test_people_are_followed_alone_as_in_company(lives):
    names = list("ABC"[: len(lives)])
    alone = [rows_of(tables([one], [name])) for one, name in zip(lives, names, strict=True)]
    parts = list(zip(*(told for told in alone if told), strict=True))
    same(rows_of(tables(lives, names)), [pd.concat(part) for part in parts])


def same(one, other):
    """Say that two follow-ups have the same rows, or that both have nobody."""
    for mine, theirs in zip(one, other, strict=True):
        assert_frame_equal(mine, theirs)
