"""Needs over time, together and in order: small cases by hand, and what may never happen."""

import dataclasses
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance.cases import CaseData
from desistance.catalogue import ANSWERS, pathway_answers, ratings_from_shares, scheme
from desistance.errors import DataError, PlanError
from desistance.histories import build_histories
from desistance.histories.needs import (
    NeedsDesign,
    need_cooccurrence,
    need_sequence,
    needs_over_time,
)
from search import examples

ZERO = pd.Timestamp("2022-03-01")
EXTRACT = "2023-12-31"


def histories_of(rows, people="ABCDEFGH"):
    """Histories of assessments: (person, days from day zero, pathway, score or reason, tool)."""
    table = pd.DataFrame(
        [
            {
                "person_id": person,
                "assessed_date": ZERO + pd.Timedelta(days=day),
                "tool": tool,
                "pathway": pathway,
                "score": None if isinstance(score, str) else float(score),
                "missing_reason": score if isinstance(score, str) else None,
                "n_items_missing": None,
            }
            for person, day, pathway, score, tool in (
                row if len(row) == 5 else (*row, "LOCAL") for row in rows
            )
        ],
        columns=["person_id", "assessed_date", "tool", "pathway", "score", "missing_reason",
                 "n_items_missing"],
    )  # fmt: skip
    everyone = pd.DataFrame({"person_id": list(people)})
    frames = {
        "people": everyone,
        "episodes": everyone.assign(programme="IOM", start_date="2021-01-01"),
        "offences": pd.DataFrame({"person_id": ["A"], "offence_date": ["2020-01-01"],
                                  "offence_code": ["045"], "outcome": ["nfa"]}),
        "assessments": table,
    }  # fmt: skip
    tolerant = {"max_quarantined": 1.0}
    return build_histories(CaseData.from_frames(frames, extract_date=EXTRACT, mapping=tolerant))


def changes(rows, people="ABCDEFGH", **choices):
    histories = histories_of(rows, people)
    ids = pd.Series(list(people))
    found = needs_over_time(
        histories, ids, pd.Series(ZERO, index=ids.index), design=NeedsDesign(**choices)
    )
    return found, found.changes.set_index(["group", "term"])


def answers(found, term, when):
    table = found.answers.query("term == @term and when == @when").set_index("answer")["n"]
    return {answer: n for answer, n in table.items() if n}


# What is known


def test_every_reason_is_counted_apart_and_none_is_no_need():
    rows = [
        ("A", -5, "ACC", 9), ("B", -5, "ACC", 2), ("C", -5, "ACC", "refused"),
        ("D", -5, "ACC", "not_applicable"), ("E", -5, "ACC", "not_shared"),
        ("F", -5, "ACC", "not_assessed"), ("G", -5, "ACC", "unknown"),
    ]  # fmt: skip
    found, _ = changes(rows)
    assert answers(found, "ACC", "before") == {
        "need": 1, "no_need": 1, "refused": 1, "not_applicable": 1, "not_shared": 1,
        "not_assessed": 1, "unknown": 1, "no_assessment": 1,
    }  # fmt: skip
    assert answers(found, "ACC", "later") == {"no_assessment": 8}
    told = found.to_frame().set_index("outcome")
    assert told.loc["before: refused", "n_events"] == 1
    assert told.loc["before: no assessment", "n"] == 8


def test_the_parenting_of_somebody_without_children_does_not_apply():
    rows = pd.DataFrame({"person_id": "p", "tool": "JSTAR", "pathway": ["6"], "score": [10]})
    found = pathway_answers(rows, scheme("7PP"), by=["person_id"])
    assert found[["pathway", "answer"]].to_numpy().tolist() == [["FAM", "not_applicable"]]


@pytest.mark.parametrize(
    ("drugs", "alcohol", "told"),
    [(9, "refused", "need"), (1, "refused", "refused"), (1, None, "not_assessed"),
     ("not_shared", "refused", "refused"), (1, 1, "no_need")],
)  # fmt: skip
def test_a_pathway_of_several_parts_tells_why_it_is_unknown(drugs, alcohol, told):
    given_answers = {"DRG": drugs, "ALC": alcohol}
    rows = pd.DataFrame([
        {"person_id": "p", "tool": "LOCAL", "pathway": code,
         "score": None if isinstance(score, str) else score,
         "missing_reason": score if isinstance(score, str) else None}
        for code, score in given_answers.items() if score is not None
    ])  # fmt: skip
    found = pathway_answers(rows, scheme("7PP"), by=["person_id"]).set_index("pathway")["answer"]
    assert found["SUB"] == told


def test_no_cut_off_is_a_reason():
    rows = pd.DataFrame({"person_id": "p", "tool": "OASYS", "pathway": ["5"], "score": [3]})
    assert pathway_answers(rows, scheme("7PP"), by=["person_id"])["answer"].item() == "no_cut_off"


def test_ratings_have_cut_points_of_ones_own():
    shares = pd.Series([0.0, 1 / 3, 0.5, 2 / 3, 1.0, np.nan], index=list("abcdef"))
    told = ratings_from_shares(shares).tolist()
    assert told == ["green", "amber", "amber", "red", "red", pd.NA]
    assert ratings_from_shares(shares, cut_points=(0.5, 1.0))["c"] == "amber"
    with pytest.raises(PlanError, match="two shares that rise"):
        ratings_from_shares(shares, cut_points=(0.7, 0.3))


# Change


def test_each_way_a_need_can_go():
    rows = [
        *(("A", day, "ACC", score) for day, score in ((-5, 9), (100, 8))),
        *(("B", day, "ACC", score) for day, score in ((-5, 9), (100, 2))),
        *(("C", day, "ACC", score) for day, score in ((-5, 1), (100, 9))),
        *(("D", day, "ACC", score) for day, score in ((-5, 1), (100, 0))),
        ("E", -5, "ACC", 9), ("F", 100, "ACC", 9),
    ]  # fmt: skip
    found, table = changes(rows)
    row = table.loc["LOCAL", "ACC"]
    assert row[["n", "stayed", "resolved", "appeared", "never"]].tolist() == [4, 1, 1, 1, 1]
    assert row[["n_before", "need_before", "n_later", "need_later"]].tolist() == [5, 3, 5, 3]
    assert row["change"] == 0
    assert row["p_value"] == 1
    assert row["share_change"] == pytest.approx((-0.1 - 0.7 + 0.8 - 0.1) / 4)
    assert "4 of 8 people were assessed both times" in found.caveats[0]


def test_the_latest_answer_of_the_window_is_the_baseline():
    rows = [("A", -181, "ACC", 9), ("A", -180, "ETE", 9), ("A", -20, "ETE", 1), ("A", 0, "FIN", 9),
            ("A", 1, "FIN", 1), ("A", 28, "FAM", 9), ("A", 29, "FAM", 1), ("A", 366, "ATB", 9),
            ("A", -3, "ATB", 1), ("A", 200, "FIN", 2), ("A", 300, "FIN", 9)]  # fmt: skip
    _, table = changes(rows, "A")
    table = table.droplevel(0)
    assert "ACC" not in table.index
    assert table.loc["ETE", ["n_before", "need_before"]].tolist() == [1, 0]
    assert table.loc["FIN", ["need_before", "need_later", "n"]].tolist() == [1, 1, 1]
    assert table.loc["FAM", ["n_before", "n_later"]].tolist() == [0, 1]
    assert table.loc["ATB", ["n_before", "n_later"]].tolist() == [1, 0]


def test_an_answer_after_day_zero_counts_only_when_asked_for_and_is_told():
    rows = [("A", 20, "ACC", 9), ("A", 200, "ACC", 1)]
    found, table = changes(rows, "A")
    assert table["n"].item() == 0
    assert "not estimable: nobody was assessed twice" in found.to_frame()["note"].iloc[4]
    found, table = changes(rows, "A", days_after=28)
    assert table["resolved"].item() == 1
    assert any("baseline of 1 people was taken after day zero" in told for told in found.caveats)


def test_tools_are_not_compared_with_each_other():
    rows = [("A", -5, "3", 4, "OASYS"), ("A", 100, "ACC", 9, "LOCAL"),
            ("B", -5, "1", 3, "Justice Star"), ("B", 100, "1", 8, "JSTAR")]  # fmt: skip
    found, table = changes(rows, "AB")
    assert table.loc[("OASYS", "ACC"), ["n", "other_tool"]].tolist() == [0, 1]
    assert table.loc[("JUSTICE_STAR", "ACC"), ["n", "resolved"]].tolist() == [1, 1]
    assert any("not compared" in told for told in found.caveats)


def test_without_dates_the_first_answer_is_compared_with_the_last():
    rows = [("A", -500, "ACC", 9), ("A", 0, "ACC", 9), ("A", 300, "ACC", 1), ("B", 3, "ACC", 9)]
    found = needs_over_time(histories_of(rows, "AB"))
    assert found.changes[["n_before", "n", "resolved"]].iloc[0].tolist() == [2, 1, 1]
    assert answers(found, "ACC", "later") == {"no_need": 1, "no_assessment": 1}


def test_scores_that_lean_low_and_rows_nobody_can_place_are_told():
    histories = histories_of([("A", -5, "3", 0, "OASYS"), ("B", -5, "luck", 3)])
    cases = histories.cases
    table = cases.assessments.assign(n_items_missing=[3.0, np.nan])
    leaning = build_histories(dataclasses.replace(cases, assessments=table))
    found = need_cooccurrence(leaning)
    assert any(told.startswith("1 people have an answer of no need that rests on unanswered")
               for told in found.caveats)  # fmt: skip
    assert any(told.startswith("1 rows of assessments speak of no pathway")
               for told in found.caveats)  # fmt: skip


def test_a_window_that_cannot_be_is_refused():
    with pytest.raises(PlanError, match="`later_from` comes after `days_after`"):
        NeedsDesign(days_after=29)
    with pytest.raises(PlanError, match="`later_to`"):
        NeedsDesign(later_to=3)
    histories = histories_of([("A", 0, "ACC", 1)])
    with pytest.raises(DataError, match="1 of 2 people are asked about twice"):
        needs_over_time(histories, pd.Series(["A", "A"]))
    with pytest.raises(DataError, match="give `person_ids` as well"):
        needs_over_time(histories, dates=pd.Series([ZERO]))


def test_nobody_assessed_is_said_and_not_an_error():
    histories = histories_of([])
    assert needs_over_time(histories).to_frame().empty
    assert need_sequence(histories).to_frame().empty
    found = need_cooccurrence(histories)
    assert found.pairs["note"].str.contains("nobody was assessed on both").all()
    assert len(found.to_frame())


# Together


def test_a_pair_by_hand():
    marks = [(9, 9)] * 4 + [(9, 1)] * 2 + [(1, 9)] * 1 + [(1, 1)] * 3
    people = "ABCDEFGHIJK"
    rows = [(person, 0, code, score) for person, pair in zip(people, marks, strict=False)
            for code, score in zip(("ACC", "FIN"), pair, strict=True)]  # fmt: skip
    rows += [("K", 0, "ACC", 9), ("K", 0, "FIN", "refused")]
    found = need_cooccurrence(histories_of(rows, people), pathways=("ACC", "FIN"))
    row = found.pairs.iloc[0]
    cells = ["n", "both", "only_first", "only_second", "neither"]
    assert row[cells].tolist() == [10, 4, 2, 1, 3]
    assert row["n_expected"] == 3
    assert row["lift"] == pytest.approx(4 / 3)
    assert row["phi"] == pytest.approx((4 * 3 - 2 * 1) / np.sqrt(6 * 4 * 5 * 5))
    everyone = found.counts[found.counts["group"] == "everyone"]
    assert everyone["n"].tolist() == [3, 3, 4]
    assert everyone["n_expected"].tolist() == pytest.approx([10 * 0.4 * 0.5, 5, 10 * 0.6 * 0.5])
    with_acc = found.counts.loc[found.counts["group"] == "ACC", "n"]
    assert with_acc.tolist() == [0, 2, 4]


def test_an_empty_cell_is_not_estimable_and_nothing_is_added_to_it():
    rows = [(p, 0, c, s) for p, s in (("A", 9), ("B", 1), ("C", 9)) for c in ("ACC", "FIN")]
    row = need_cooccurrence(histories_of(rows), pathways=("ACC", "FIN")).pairs.iloc[0]
    assert row["phi"] == 1
    assert np.isnan(row["odds_ratio"])
    assert row["note"] == "not estimable: a cell of the table is empty"


def test_several_tools_side_by_side_are_told_and_one_can_be_taken():
    rows = [("A", 0, "ACC", 9), ("A", 0, "4", 1, "OASYS"), ("A", 3, "3", 0, "OASYS")]
    histories = histories_of(rows)
    both = need_cooccurrence(histories, pathways=("ACC", "ETE"))
    assert any("2 tools (LOCAL, OASYS)" in told for told in both.caveats)
    assert both.needs["need"].tolist() == [0, 0]
    one = need_cooccurrence(histories, pathways=("ACC", "ETE"), tool="LOCAL")
    assert one.needs[["n", "need"]].to_numpy().tolist() == [[1, 1], [0, 0]]
    with pytest.raises(DataError, match="there are LOCAL, OASYS"):
        need_cooccurrence(histories, tool="SAN")
    with pytest.raises(DataError, match="LUCK: no pathway"):
        need_cooccurrence(histories, pathways=("LUCK",))


# In order


def test_steps_and_firsts_by_hand():
    rows = [
        ("A", 0, "ACC", 9), ("A", 50, "ACC", 9), ("A", 90, "ACC", 1), ("A", 50, "FIN", 9),
        ("A", 120, "FIN", "refused"), ("A", 150, "FIN", 1),
        ("B", 0, "ACC", 1), ("B", 0, "FIN", 9), ("B", 50, "ACC", 9),
        ("C", 0, "ACC", 9), ("C", 0, "FIN", 9),
    ]  # fmt: skip
    found = need_sequence(histories_of(rows))
    steps = found.steps.set_index(["term", "outcome"])
    assert steps.loc[("ACC", "need, then need"), "n_events"] == 1
    assert steps.loc[("ACC", "need, then none"), ["n", "n_at_risk", "estimate"]].tolist() == [
        1, 2, 0.5]  # fmt: skip
    assert steps.loc[("ACC", "none, then need"), "n_events"] == 1
    assert steps.loc[("FIN", "need, then none"), "n_events"] == 1  # the refusal is no step
    firsts = found.firsts.set_index(["what", "term"])[["n", "n_first", "n_tied"]]
    assert firsts.loc["seen", "ACC"].tolist() == [3, 1, 1]
    assert firsts.loc["seen", "FIN"].tolist() == [3, 1, 1]
    assert firsts.loc["resolved", "ACC"].tolist() == [1, 1, 0]
    order = found.order.set_index(["what", "first", "second"]).loc["seen", "ACC", "FIN"]
    assert order[["n", "n_before", "n_same", "n_after", "p_value"]].tolist() == [3, 1, 1, 1, 1.0]


# What may never happen

assessed = st.lists(
    st.tuples(
        st.sampled_from("ABCD"), st.integers(-200, 400), st.sampled_from(["ACC", "DRG", "ALC"]),
        st.sampled_from([0, 3, 7, 10, "refused", "not_assessed", "not_applicable"]),
        st.sampled_from(["LOCAL", "HOME"]),
    ),
    max_size=14, unique_by=lambda row: (row[0], row[1], row[2], row[4]),
)  # fmt: skip
COUNTS = ["n_before", "need_before", "n_later", "need_later", "n", "stayed", "resolved",
          "appeared", "never"]  # fmt: skip


def table_of(rows, people="ABCD"):
    found, table = changes(rows, people)
    return found, table[COUNTS].sort_index()


@given(rows=assessed, seed=st.integers(0, 99))
@examples(6)
def test_order_and_names_of_people_change_nothing(rows, seed):
    rng = np.random.default_rng(seed)
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    called = dict(zip("ABCD", "ZAYB", strict=True))
    renamed = [(called[person], *rest) for person, *rest in shuffled]
    _, one = table_of(rows)
    _, two = table_of(renamed, "BZYA")
    pd.testing.assert_frame_equal(one, two)


@given(rows=assessed)
@examples(6)
def test_everybody_is_counted_once_and_a_row_without_an_answer_changes_no_need(rows):
    found, before = table_of(rows)
    totals = found.answers.groupby(["group", "term", "when"])["n"].sum()
    assert (totals == 4).all()
    assert set(found.answers["answer"]) <= {*ANSWERS, "no_assessment"}
    there = {(person, day, code, tool) for person, day, code, _, tool in rows}
    for reason in ("not_assessed", "refused"):
        silent = [
            (person, day, code, reason, "LOCAL")
            for person, day, code in product("ABCD", (-1, 364), ("ACC", "DRG"))
            if (person, day, code, "LOCAL") not in there
        ]
        _, after = table_of(rows + silent)
        same = after.reindex(before.index)
        pd.testing.assert_frame_equal(same.astype(int), before.astype(int))
        assert (after.drop(before.index) == 0).all(axis=None)
