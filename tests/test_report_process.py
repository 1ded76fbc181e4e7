"""Needs and implementation in the report: nothing small, nothing uncleared, nothing as markup."""

import csv
import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from desistance.disclosure import INTERNAL, PUBLICATION
from desistance.evaluation import EvaluationPlan, evaluate
from desistance.histories.paired import paired_change
from desistance.report import write_report
from desistance.report.process import _net, has_small_number
from desistance.synthetic import SimulationDesign, simulate_cases
from small_counts import small_counts

TABLES = ("needs_together", "number_of_needs", "needs_known", "needs_change", "reach", "partners",
          "endings", "partners_each", "first_contact", "action_log")  # fmt: skip


@pytest.fixture(scope="module")
def found():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=4)
    return evaluate(cases, EvaluationPlan(title="A pilot"))


@pytest.fixture(scope="module")
def released(found, tmp_path_factory):
    return write(found, tmp_path_factory.mktemp("released") / "report")


def write(found, folder, **plan):
    found = dataclasses.replace(found, plan=dataclasses.replace(found.plan, **plan))
    write_report(found, folder)
    return folder


def rows(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def with_notes(found, **columns):
    log = found.cases.action_log.head(1).assign(**columns)
    return dataclasses.replace(found, cases=dataclasses.replace(found.cases, action_log=log))


# Small counts


def test_no_small_count_is_in_any_of_the_new_tables(released):
    assert {f"{name}.csv" for name in TABLES} <= {path.name for path in released.iterdir()}
    assert small_counts(released) == []


def test_the_scanner_would_find_them(found, tmp_path):
    raw = write(found, tmp_path / "raw", disclosure=INTERNAL)
    hit = {name.removesuffix(".csv") for name, _, _ in small_counts(raw)}
    assert {"needs_known", "endings", "partners_each",
            "reach"} <= hit  # fmt: skip


def test_every_count_shown_is_rounded_and_ratios_rest_on_what_is_shown(released):
    for row in rows(released, "needs_together"):
        cells = [row[name] for name in ("both", "only_first", "only_second", "neither")]
        assert all(cell == "suppressed" or int(cell) % 5 == 0 for cell in cells)
        if "suppressed" in cells:
            assert row["phi"] == row["lift"] == "suppressed"
        else:
            a, b, c, d = map(int, cells)
            product = np.sqrt(float((a + b) * (c + d) * (a + c) * (b + d)))
            assert float(row["phi"]) == pytest.approx((a * d - b * c) / product)


def round_to_five(count):
    return np.floor((count + 2) / 5) * 5


def tables_that_fit(before, none, later, none_later, moved):
    """Every 2 x 2 table with these rounded margins and so many people who changed, in tens."""
    near = np.arange(-2, 3)
    grid = np.meshgrid(before + near, none + near, later + near, np.arange(130), indexing="ij")
    first, rest, second, appeared = (part.ravel() for part in grid)
    stayed = second - appeared
    resolved, never = first - stayed, rest - appeared
    can = (stayed >= 0) & (resolved >= 0) & (never >= 0)
    can &= round_to_five(resolved + never) == none_later
    can &= np.maximum(np.ceil((appeared + resolved) / 10), 1) == moved
    return resolved[can], appeared[can]


def test_a_released_change_does_not_give_back_how_few_went_which_way():
    """Even to somebody who knows every margin, also the one that is not shown, and the method.

    All that is released of a pathway is made of rounded margins and of tens of people who changed.
    """
    rng = np.random.default_rng(20261125)
    cells = np.column_stack([rng.integers(0, most, 600) for most in (70, 30, 10, 70)])
    twice = pd.DataFrame(cells, columns=["stayed", "resolved", "appeared", "never"])
    twice = twice.assign(term="x", n=cells.sum(axis=1))
    released = _net(twice, PUBLICATION).frame
    widths = []
    for (_, resolved, appeared, never), row in zip(cells, released.itertuples(), strict=True):
        if np.isnan(row.change):
            continue
        before, none = int(row.need_before), int(row.n) - int(row.need_before)
        later, none_later = int(row.need_later), int(round_to_five(resolved + never))
        moved = max(np.ceil((resolved + appeared) / 10), 1)
        most = max(10 * moved, abs(later - before))
        made = paired_change([(most + later - before) / 2], [(most - later + before) / 2], [row.n])
        assert [row.change, row.conf_low, row.conf_high] == pytest.approx(
            [part[0] for part in made[:3]]
        )
        fits = tables_that_fit(before, none, later, none_later, moved)
        assert (resolved, appeared) in set(zip(*fits, strict=True))
        widths += [
            len(np.unique(part))
            for count, part in zip((resolved, appeared), fits, strict=True)
            if 0 < count < 10
        ]
    assert len(widths) > 300
    assert min(widths) >= 3


def test_a_change_of_few_people_is_not_reported():
    few = pd.DataFrame({"term": ["x", "y"], "stayed": [8, 30], "resolved": [6, 4],
                        "appeared": [4, 2], "never": [8, 5], "n": [26, 41]})  # fmt: skip
    assert _net(few, PUBLICATION).frame["change"].isna().all()


# Notes


@pytest.mark.parametrize(
    ("note", "small"),
    [("2 tenancies lost", True), ("Nine of them", True), ("about 40 of 120", False),
     ("10 people", False), ("7 Pathways Plus and IOM", False), ("7 people of 7PP", True),
     ("none", False), ("one", True), ("0 refused", False), ("3.5 weeks", True)],
)  # fmt: skip
def test_small_numbers_are_found_in_figures_and_in_words(note, small):
    assert has_small_number(note, 10, ("7PP", "7 Pathways Plus")) is small


def test_only_cleared_notes_without_small_numbers_are_printed(found, released, tmp_path):
    log = found.cases.action_log
    assert log["release"].tolist().count(False) == 1
    printed = {row["note_text"] for row in rows(released, "action_log")}
    held = log["release"].astype(bool) & ~log["note"].str.startswith("2 ")
    assert printed == set(log.loc[held, "note"])
    assert "Draft for the board" not in page(released)
    assert "landlords" not in page(released)
    logged = [row for row in rows(released, "suppressed") if row["table"] == "action_log"]
    assert [row["rule"] for row in logged] == ["a note holds a number of 1 to 9"]
    inside = write(found, tmp_path / "internal", disclosure=INTERNAL)
    assert "landlords" in page(inside)
    assert "Draft for the board" not in page(inside)  # not cleared is not printed anywhere


def test_a_note_is_text_and_nothing_else(found, tmp_path):
    odd = with_notes(found, note="<script>alert('x')</script> {{ many * many }} & more")
    folder = write(odd, tmp_path / "report")
    assert "<script>" not in page(folder)
    assert "&lt;script&gt;alert(" in page(folder)
    assert "{{ many * many }}" in page(folder)
    formula = with_notes(found, note="=HYPERLINK(somewhere)")
    folder = write(formula, tmp_path / "formula")
    assert rows(folder, "action_log")[0]["note_text"].startswith("'=HYPERLINK")


def test_without_a_cleared_note_the_page_says_so(found, tmp_path):
    folder = write(with_notes(found, release=False), tmp_path / "report")
    assert "1 of 1 notes are not cleared for a report." in page(folder)
    empty = with_notes(found, release=pd.NA)
    assert "not cleared" in page(write(empty, tmp_path / "empty"))


# Pilots with less


def test_a_pilot_without_support_assessments_or_notes_has_a_report_all_the_same(tmp_path):
    cases = simulate_cases(SimulationDesign(n_people=150), rng=2)
    bare = dataclasses.replace(
        cases, **{name: getattr(cases, name).head(0) for name in
                  ("support", "assessments", "action_log")})  # fmt: skip
    found = evaluate(bare, EvaluationPlan())
    told = dataclasses.asdict(found.process)
    assert set(told.values()) == {None}
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page(write(found, tmp_path / "report")))
    assert "Partners and implementation" not in headings
    assert "Pathway needs" in headings


def test_the_exact_numbers_stand_in_an_internal_report(found, tmp_path):
    folder = write(found, tmp_path / "report", disclosure=INTERNAL)
    change = found.process.change.changes.set_index("term")
    told = {row["term"]: row for row in rows(folder, "needs_change")}
    names = found.process.change.names
    for code, row in change.iterrows():
        if row["n"]:
            assert float(told[names[code]]["conf_low"]) == pytest.approx(row["conf_low"])
            assert int(told[names[code]]["n"]) == row["n"]
