"""The report of an evaluation: what it says, and what it must not let anybody work out."""

import csv
import dataclasses
import re

import numpy as np
import pytest

from desistance.disclosure import INTERNAL, open_data
from desistance.evaluation import EvaluationPlan, evaluate
from desistance.report import write_report
from desistance.synthetic import SimulationDesign, simulate_cases
from small_counts import small_counts

NAMES = ("former IOM", "7 Pathways Plus")


def report(folder, n, seed, **plan):
    cases = simulate_cases(SimulationDesign(n_people=n), rng=seed)
    found = evaluate(cases, EvaluationPlan(title="A pilot", **plan))
    write_report(found, folder)
    return found, (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "report"
    return (*report(folder, 300, 4), folder)


def rows(folder, name):
    with (folder / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_balance_stands_before_effect_and_sections_are_in_the_order_of_the_method(small):
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", small[1])
    told = [heading for heading in headings if heading != "Contents"]
    assert told == [
        "In short", "What was done", "Data, and who was left out", "Reoffending",
        "Time to the first reoffence", "Pathway needs", "Partners and implementation",
        "Are the cohorts alike?", "What joining did", "What you can say, and what you cannot",
    ]  # fmt: skip


def test_every_figure_has_words_and_the_numbers_behind_it(small):
    figures = re.findall(r"<figure.*?</figure>", small[1], flags=re.DOTALL)
    assert len(figures) >= 4
    for figure in figures:
        assert re.search(r'alt="[^"]{40,}"', figure)
        assert "<table" in figure


def test_publication_shows_no_exact_sizes(small):
    found, page, folder = small
    text = re.sub(r"<[^>]+>", " ", page)
    assert "log-likelihood" not in text
    assert small_counts(folder) == []
    exact = {found.hazards.n_people, found.hazards.n_events, *found.effects.n_people.values()}
    odd = {str(count) for count in exact if count % 5}
    assert odd
    assert not odd & set(re.findall(r"\b\d+\b", text))


def test_the_effects_do_not_give_back_who_reoffended(small):
    """Nobody who reads the rounded rate and sizes can tell the count to fewer than three."""
    _, _, folder = small
    for row in rows(folder, "effects.csv")[:2]:
        people, rate = float(row["n"]), float(row["estimate"])
        fits = [
            events
            for n in np.arange(people - 2, people + 3)
            for events in range(int(n) + 1)
            if abs(100 * events / n - rate) <= (2.5 if people < 100 else 0.5)
        ]
        assert len(set(fits)) >= 3


def test_the_matched_curve_does_not_give_back_a_quarters_reoffences(small):
    found, _, folder = small
    for name in NAMES:
        shares = [float(r["estimate"]) for r in rows(folder, "matched.csv") if r["group"] == name]
        steps = np.abs(np.diff([1.0, *shares])) * found.effects.n_people[name]
        assert all(step < 1.5 or step > 7 for step in steps)  # none, or a block of ten


def test_nobody_to_match_is_said_without_the_counts_of_a_few(tmp_path):
    cases = simulate_cases(SimulationDesign(n_people=80, n_areas=1, n_live_areas=1), rng=2)
    joining = cases.episodes["programme"].eq("7PP")
    one = cases.episodes.loc[joining, "person_id"].head(1)
    kept = cases.episodes[~joining | cases.episodes["person_id"].isin(one)]
    # Everybody else leaves later than anyone can be followed up.
    kept.loc[~kept["person_id"].isin(one), "end_date"] = cases.extract_date
    found = evaluate(dataclasses.replace(cases, episodes=kept), EvaluationPlan())
    assert found.effects is None
    write_report(found, tmp_path / "report")
    assert small_counts(tmp_path / "report") == []


def test_internal_and_open_data_say_what_they_are(tmp_path):
    found, page = report(tmp_path / "internal", 200, 3, disclosure=INTERNAL)
    assert "Not for release" in page
    assert f"{found.hazards.n_people:,} people, {found.hazards.n_events:,} events" in page
    reason = "Made up for these tests, so everybody may see everything"
    _, page = report(tmp_path / "open", 200, 3, disclosure=open_data(reason))
    assert reason in page


def test_an_effect_that_is_withheld_has_no_headline_either(small, tmp_path):
    found = small[0]
    strict = dataclasses.replace(found.plan.disclosure, min_group=400, min_curve=400)
    withheld = dataclasses.replace(found, plan=dataclasses.replace(found.plan, disclosure=strict))
    write_report(withheld, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Not reported: fewer than 400 people in a group" in page
    assert "100 typical people" not in page
