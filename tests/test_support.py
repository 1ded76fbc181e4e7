"""Support: who was reached, how soon and how much, by hand; rows accounted for."""

import numpy as np
import pandas as pd
import pytest

from desistance import kaplan_meier
from desistance.cases import CaseData
from desistance.errors import DataError, PlanError
from desistance.histories import build_histories
from desistance.histories.support import first_contact, support_summary

START = pd.Timestamp("2022-03-01")
EXTRACT = "2023-01-01"  # 306 days after the start


def histories_of(support, ends=(), died=None):
    """Four people in 7PP from day 1: `support` is (person, day from 1, partner, pathway, kind)."""
    people = pd.DataFrame({"person_id": list("ABCDE")})
    people["death_date"] = people["person_id"].map(died or {})
    episodes = people[["person_id"]].iloc[:4].assign(programme="7PP", start_date=START)
    episodes["end_date"] = episodes["person_id"].map(
        {person: START + pd.Timedelta(days=days) for person, days in ends}
    )
    table = pd.DataFrame(support, columns=["person_id", "day", "partner", "pathway", "kind"])
    table["contact_date"] = START + pd.to_timedelta(table.pop("day") - 1, unit="D")
    needs = pd.DataFrame({
        "person_id": ["A", "B", "C", "D"], "assessed_date": START, "tool": "LOCAL",
        "pathway": ["ACC", "ACC", "ACC", "DRG"], "score": [9.0, 9.0, 1.0, 9.0],
        "score_min": 0.0, "score_max": 10.0})  # fmt: skip
    frames = {
        "people": people, "episodes": episodes, "assessments": needs, "support": table,
        "offences": pd.DataFrame({"person_id": ["A"], "offence_date": ["2020-01-01"],
                                  "offence_code": ["045"], "outcome": ["nfa"]}),
    }  # fmt: skip
    return build_histories(CaseData.from_frames(frames, extract_date=EXTRACT))


def measures(histories, **choices):
    found = support_summary(histories, **choices)
    return found, found.measures.set_index(["group", "term"])


SUPPORT = [
    ("A", 3, "housing", "ACC", "referral"), ("A", 10, "housing", "ACC", "contact"),
    ("A", 40, "housing", "Accommodation", "review"), ("A", 41, "nhs", "DRG", "contact"),
    ("B", 5, "housing", "ACC", "referral"), ("C", 1, "housing", "ACC", "contact"),
    ("C", 2, "housing", "ACC", "disengaged"), ("D", 20, "nhs", "DRG", "contact"),
    ("D", 30, "nhs", "DRG", "completed"),
]  # fmt: skip


def test_reach_is_of_people_known_to_have_the_need():
    _, table = measures(histories_of(SUPPORT))
    row = table.loc["any partner", "ACC"]
    told = ["n_need", "n_need_unknown", "referred", "referred_need", "in_contact"]
    assert row[told].tolist() == [2, 1, 2, 2, 2]
    assert row[["in_contact_need", "contacts"]].tolist() == [1, 3]
    assert table.loc[("any partner", "any pathway"), "n_need"] is pd.NA


def test_support_on_a_part_counts_for_the_whole_pathway():
    _, table = measures(histories_of(SUPPORT))
    assert table.loc[("nhs", "DRG"), "in_contact"] == 2
    assert table.loc[("nhs", "SUB"), "in_contact"] == 2
    assert table.loc[("any partner", "SUB"), "n_need"] == 1  # known of D: drugs alone suffice
    assert ("nhs", "ACC") not in table.index


def test_dose_is_contacts_by_months_under_the_programme():
    found, table = measures(histories_of(SUPPORT, ends=[("A", 100), ("B", 50)]))
    months = (100 + 50 + 307 + 307) / (365.25 / 12)
    row = table.loc["any partner", "any pathway"]
    assert row["months"] == pytest.approx(months)
    assert row["dose"] == pytest.approx(5 / months)
    seen = np.array([3, 0, 1, 1]) - row["dose"] * np.array([100, 50, 307, 307]) / (365.25 / 12)
    spread = np.exp(1.959964 * np.sqrt((seen**2).sum()) / 5)
    assert row["dose_high"] / row["dose"] == pytest.approx(spread, rel=1e-6)
    assert found.agencies["n"].tolist() == [0, 3, 1]


@pytest.mark.parametrize(("gap", "silent"), [(59, 1), (60, 0)])
def test_contact_ends_in_one_way_only(gap, silent):
    # A was last in contact on day 41 and managed to day 101: 60 days without.
    _, table = measures(histories_of(SUPPORT, ends=[("A", 101)]), gap_days=gap)
    row = table.loc["any partner", "any pathway"]
    assert row[["in_contact", "completed", "disengaged", "silent"]].tolist() == [3, 1, 1, silent]


def test_who_comes_back_has_not_dropped_out():
    back = [
        *SUPPORT,
        ("C", 200, "housing", "ACC", "contact"),
        ("C", 300, "housing", "ACC", "contact"),
    ]
    _, table = measures(histories_of(back), gap_days=90)
    row = table.loc["housing", "any pathway"]
    assert row[["disengaged", "silent"]].tolist() == [0, 1]  # A is silent


def test_every_row_is_accounted_for():
    rows = [
        *SUPPORT, ("E", 9, "police", "ACC", "contact"), ("A", 0, "police", "ACC", "contact"),
        ("B", 51, "police", "ACC", "contact"), ("C", 9, "police", "luck", "contact"),
        ("C", 9, "dwp", None, "contact"),
    ]  # fmt: skip
    found, _ = measures(histories_of(rows, ends=[("B", 50)]))
    told = found.accounting.set_index("reason")["n_rows"]
    assert told.tolist() == [9, 1, 1, 1, 1, 1]
    assert told.sum() == len(rows)
    assert any("3 of 14 rows of support are outside" in caveat for caveat in found.caveats)


def test_first_contact_waits_from_day_one():
    waiting = first_contact(histories_of(SUPPORT, ends=[("B", 50)]))
    assert waiting.stop.tolist() == [10, 50, 1, 20]
    assert waiting.event.tolist() == [True, False, True, True]
    curve = kaplan_meier(waiting).at([1, 10, 20])
    assert curve["estimate"].tolist() == pytest.approx([3 / 4, 1 / 2, 1 / 4])
    referral = first_contact(histories_of(SUPPORT), kind="referral", pathway="ACC")
    assert referral.stop.tolist() == [3, 5]  # the two with the need
    by_nhs = first_contact(histories_of(SUPPORT), partner="nhs")
    assert by_nhs.event.tolist() == [True, False, False, True]


def test_nobody_waits_beyond_death_or_the_extract():
    waiting = first_contact(histories_of([], died={"B": START + pd.Timedelta(days=29)}))
    assert waiting.stop.tolist() == [307, 30, 307, 307]


def test_since_leaving_counts_from_the_end_of_the_episode():
    histories = histories_of([("A", 120, "nhs", "DRG", "contact")], ends=[("A", 100)])
    assert first_contact(histories, since="leaving").stop.tolist() == [20]


def test_order_of_rows_changes_nothing():
    one = support_summary(histories_of(SUPPORT)).to_frame()
    two = support_summary(histories_of(SUPPORT[::-1])).to_frame()
    pd.testing.assert_frame_equal(one, two)


def test_no_support_at_all_is_a_table_of_zeros():
    found, table = measures(histories_of([]))
    assert table.loc[("any partner", "any pathway"), ["referred", "contacts"]].tolist() == [0, 0]
    assert found.agencies["n"].tolist() == [4]
    assert "Support of 4 people" in found.summary()


def test_what_cannot_be_is_refused():
    histories = histories_of(SUPPORT)
    with pytest.raises(DataError, match="there are 7PP"):
        support_summary(histories, programme="NOM")
    with pytest.raises(PlanError, match="`since`"):
        support_summary(histories, since="birth")
    with pytest.raises(PlanError, match="`gap_days`"):
        support_summary(histories, gap_days=0)
    with pytest.raises(PlanError, match="`kind`"):
        first_contact(histories, kind="letter")
    with pytest.raises(DataError, match="no pathway"):
        first_contact(histories, pathway="LUCK")
