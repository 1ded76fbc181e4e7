"""The report of an evaluation: what it says, and what it must not let anybody work out."""

import csv
import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from desistance.balance import BalanceDesign
from desistance.comparison import ExternalRate, SensitivityDesign
from desistance.comparison.effects.wording import not_reported
from desistance.disclosure import INTERNAL, open_data
from desistance.evaluation import (
    EvaluationPlan,
    ExploratoryDesign,
    MissingDesign,
    TimingDesign,
    evaluate,
)
from desistance.evaluation.plan import HazardDesign
from desistance.report import write_report
from desistance.report.page import render
from desistance.report.story import Story
from desistance.report.timing import protected_designs
from desistance.report.words import log_rank_words
from desistance.synthetic import SimulationDesign, simulate_cases
from small_counts import small_counts

TERMS = ("age", "n_previous", "months_since_offence", "n_needs")
NUMBERS = ("n", "n_events", "person_years", "estimate", "conf_low", "conf_high", "p_value")
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


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A pilot compared under every design, some of them not balanced, and by cohort."""
    folder = tmp_path_factory.mktemp("several") / "report"
    return (*report(
        folder, 420, 5, comparators=("A", "C", "B", "D", "E"), cohorts=("area", "tier"),
        external=ExternalRate(35.2, "a published rate"), balance=BalanceDesign(terms=TERMS),
    ), folder)  # fmt: skip


def test_other_designs_show_their_balance_before_their_effects(several):
    found, page, folder = several
    section = page[page.index(">Do other comparisons agree?</h2>") :]
    order = ["Who is compared under each design", "From everyone followed to the people compared",
             "How alike the cohorts are", "The effect of joining under each design"]  # fmt: skip
    assert [section.index(text) for text in order] == sorted(section.index(t) for t in order)
    assert page.index("What joining did</h2>") < page.index("Do other comparisons agree?</h2>")
    told = {(row["design"], row["outcome"]): row for row in rows(folder, "designs.csv")}
    assert {letter for letter, _ in told} == set("ABCDE")
    withheld = [letter for letter, under in found.triangulation.found.items()
                if under.withheld or under.balanced is None]  # fmt: skip
    assert withheld
    for (letter, _), row in told.items():
        if letter in withheld and letter in "ABC":
            assert row["estimate"] == row["conf_low"] == row["p_value"] == ""
            assert row["note"].startswith(("not reported", "not estimable"))


def test_whether_designs_agree_is_told_of_intervals_before_they_are_rounded(several):
    found, page, folder = several
    shown = {row["design"] for row in rows(folder, "designs.csv") if row["conf_low"]}
    frame = found.triangulation.frame
    whole = found.triangulation.with_frame(frame[frame["design"].isin(shown)])
    assert whole.agreement() in page
    # Rounded outwards to whole people, an interval that leaves out no difference may touch it.
    far = frame["conf_high"].where(
        frame["outcome"] != "difference in reoffenders per 100 people", -0.4
    )
    low = frame["conf_low"].where(far.ne(-0.4), -9.0)
    near = dataclasses.replace(found, triangulation=found.triangulation.with_frame(
        frame.assign(conf_low=low, conf_high=far)))  # fmt: skip
    said = render(Story(near).page())
    assert re.search(r"Difference in reoffenders per 100 people: lower in [^i]*\.", said)


def test_other_designs_and_cohorts_give_no_small_count_away(several):
    found, _, folder = several
    assert small_counts(folder) == []
    exact = {under.balanced.n_compared for under in found.triangulation.found.values()
             if under.balanced is not None}  # fmt: skip
    odd = {str(count) for count in exact if count % 5}
    assert odd
    for name in ("designs.csv", "designs_flow.csv", "by_area.csv", "by_tier.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        assert not odd & set(re.findall(r"(?<![\d.])\d+(?![\d.])", text)), name


def test_a_small_cohort_is_named_and_not_reported(several):
    _, _, folder = several
    few = [row for row in rows(folder, "by_area.csv") if row["note"]]
    assert few
    for row in few:
        assert row["estimate"] == row["n"] == row["n_compared"] == ""


def test_the_external_rate_is_told_without_a_comparison(several):
    _, page, _ = several
    said = re.search(r"<p>E: external[^<]*</p>", page)[0]
    assert "elsewhere 35.2" in said
    assert not re.search(r"effect|lower|higher|fewer|more|less|reduc|caus|than|signific", said)


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


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """Every outcome, by two sets of offences, in a pilot in which few move away and fewer die."""
    folder = tmp_path_factory.mktemp("every") / "report"
    return (*report(
        folder, 300, 4, outcomes=("rate", "frequency", "time", "rmst", "severity", "incidence"),
        offence_sets=("SAC_HMICFRS2022", "VIOLENT"),
    ), folder)  # fmt: skip


def test_every_outcome_is_told_in_words_and_then_in_numbers(every):
    found, page, folder = every
    section = page[page.index(">What joining did</h2>") :]
    assert section.index("What may be said of each effect") < section.index("<details>")
    assert "Show table" in section
    said = [row for name in ("words", "words_2", "words_3") for row in rows(folder, f"{name}.csv")]
    assert len(said) == len(found.effects.words)
    for row in said:
        assert row["sentence"].startswith(("For ", "Counting ", "Not reported"))
        if row["sentence"].startswith("Not reported"):
            assert row["estimate"] == row["conf_low"] == ""
    # A small count elsewhere hides no headline.
    assert said[0]["sentence"] == found.effects.sentence
    assert found.effects.sentence in page[: page.index(">What was done</h2>")]
    assert len(rows(folder, "effects.csv")) == len(found.effects.frame)


def test_an_outcome_that_few_had_is_withheld_alone(every):
    found, _, folder = every
    assert small_counts(folder) == []
    told = rows(folder, "effects.csv")
    few = [
        min(*on.n_events.values(), *(n - on.n_events[of] for of, n in on.n_people.items())) < 10
        for on in found.effects.basis
    ]
    assert 0 < sum(few) < len(few)
    for row, is_few in zip(told, few, strict=True):
        assert row["note"].startswith("not reported") == is_few
        if is_few:
            assert not re.search(r"\d", "".join(row[name] for name in NUMBERS))


LITTLE = SensitivityDesign(
    days_left_out=(30,), months=(), waiting_months=(3,), offence_sets=("VIOLENT", "DRUG"),
    unfair_time_zeros=False, detection=False, calipers=(0.1,), ratios=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def stressed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stressed") / "report"
    return (*report(folder, 300, 4, sensitivity=LITTLE), folder)


def test_the_stress_test_is_told_after_the_effect_with_its_tornado(stressed):
    found, page, folder = stressed
    section = page[page.index(">Would other choices change it?</h2>") :]
    assert page.index("What joining did</h2>") < page.index("Would other choices change it?</h2>")
    assert "How far each kind of change moves" in re.search(r"<figcaption>.*", section)[0]
    assert len(rows(folder, "sensitivity.csv")) == len(found.stress.frame)
    assert {row["outcome"] for row in rows(folder, "family.csv")} == set(
        found.stress.family["outcome"]
    )
    said = found.stress.sentences()[0]
    assert ("inconclusive" in said) != found.stress.conclusive


def test_the_stress_test_gives_no_sizes_away(stressed):
    """Left out area by area, exact sizes would be those of the areas."""
    found, page, folder = stressed
    assert small_counts(folder) == []
    told = rows(folder, "sensitivity.csv")
    assert "n" not in told[0]
    assert "matched sets" not in page
    for row, on in zip(told, found.stress.basis, strict=True):
        if min(on.n_events.values()) < 10:
            assert row["estimate"] == row["p_value"] == "" or "not reported" in row["estimate"]
        if "per 100 people" in row["outcome"] and row["conf_low"] not in ("", "not reported"):
            assert float(row["conf_low"]) % 1 == 0


def test_a_comparison_that_is_not_reported_is_not_stressed_either(stressed, tmp_path):
    found = stressed[0]
    unlike = found.balanced.table.assign(smd_after=0.3)
    red = dataclasses.replace(found, balanced=dataclasses.replace(found.balanced, table=unlike))
    write_report(red, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    section = page[page.index(">Would other choices change it?</h2>") :]
    assert "Not reported: the cohorts are too unlike" in section
    assert not (tmp_path / "report" / "sensitivity.csv").exists()


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("timed") / "report"
    design = TimingDesign(landmark_days=20)  # few have joined by then
    return (*report(folder, 300, 4, timing=design, balance=BalanceDesign(terms=TERMS)), folder)


def test_designs_of_time_stand_side_by_side_after_what_they_ask(timed):
    found, page, folder = timed
    section = page[page.index(">Is time counted fairly?</h2>") :]
    order = [
        "No time before joining is counted as exposed", "What each design of time asks",
        "The effect of joining by each design of time", "Hazard ratio of the first reoffence: ",
        "<figcaption>",
    ]  # fmt: skip
    assert [section.index(text) for text in order] == sorted(section.index(t) for t in order)
    told = {(row["group"], row["outcome"]): row for row in rows(folder, "timing.csv")}
    assert len(told) == 3 * len(found.timing.compared.results)
    for one in found.timing.compared.results:
        assert one.estimand in section.replace("&#39;", "'")
    counts = [
        count
        for said in found.timing.compared.caveats
        for count in getattr(said, "counts", {}).values()
    ]
    odd = {str(count) for count in counts if count > 20 and count % 5}
    assert odd
    text = re.sub(r"<[^>]+>", " ", section[: section.index("</section>")])
    assert not odd & set(re.findall(r"(?<![\d.])\d+(?![\d.])", text))


def test_a_design_of_time_that_few_carry_is_withheld_alone(timed):
    found, _, folder = timed
    assert small_counts(folder) == []
    few = {
        one.design.label: bool(one.withheld)
        or one.frame["n"].min() < 30
        or one.frame["n_events"].min() < 10
        for one in found.timing.compared.results
    }
    assert few["landmark at day 20"]
    assert not all(few.values())
    for row in rows(folder, "timing.csv"):
        assert row["note"].startswith("not reported") == few[row["group"]]
        if few[row["group"]]:
            assert not re.search(r"\d", row["estimate"] + row["conf_low"])
        elif "per 100" in row["outcome"]:
            assert float(row["conf_low"]) % 1 == 0
    assert set(rows(folder, "immortal_time.csv")[0]) == {"group", "n", "person_years"}


def test_risk_sets_whose_balance_is_red_show_no_effect(timed, tmp_path):
    found = timed[0]
    unlike = found.balanced.table.assign(smd_after=0.3)
    red = dataclasses.replace(found, balanced=dataclasses.replace(found.balanced, table=unlike))
    write_report(red, tmp_path / "report")
    own = [row for row in rows(tmp_path / "report", "timing.csv") if row["group"] == "risk-set"]
    assert own
    for row in own:
        assert row["estimate"] == row["p_value"] == ""
        assert "too unlike" in row["note"]
    there = {path.name for path in (tmp_path / "report").iterdir()}
    assert not there & {"effects.csv", "words.csv", "matched.csv"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "The effect of joining, on those who joined and were matched" not in page
    assert "not how those who joined compare with others" in page


def one_carries(matches):
    """Let one comparison row weigh as much as all the others and more."""
    first = matches.index == matches.index[~matches["exposed"].astype(bool)][0]
    return matches.assign(weight=np.where(first, 1e6, matches["weight"]))


@pytest.mark.parametrize(
    ("of_balance", "of_design", "why"),
    [
        ({}, {}, ""),
        ({"table": lambda rows: rows.assign(smd_after=0.3)}, {}, "too unlike"),
        ({"matches": lambda rows: rows[rows.match < 20]}, {}, "fewer than 30 people in a group"),
        ({"matches": one_carries}, {}, "after weighting"),
        ({}, {"joined": 29}, "fewer than 30 people in a group"),
        ({}, {"carried": 29}, "after weighting"),
    ],
    ids=["neither", "red", "few matched", "few carry", "few joined", "few carry its copies"],
)
def test_risk_sets_are_read_only_where_their_balance_and_they_themselves_allow_it(
    timed, of_balance, of_design, why
):
    """Either rule alone withholds every number, and no other design's."""
    found = timed[0]
    changed = {name: change(getattr(found.balanced, name)) for name, change in of_balance.items()}
    balanced = dataclasses.replace(found.balanced, **changed)
    own, *others = found.timing.compared.results
    own = dataclasses.replace(own, counts=own.counts | of_design)
    assert own.design.label == "risk-set"
    assert bool(not_reported(balanced)) == bool(of_balance)
    assert bool(own.withheld) == bool(of_design)
    compared = dataclasses.replace(found.timing.compared, results=(own, *others))
    shown = protected_designs(Story(found), compared, balanced).frame.set_index("group")
    before = protected_designs(Story(found), found.timing.compared, found.balanced).frame
    numbers = ["estimate", "conf_low", "conf_high", "p_value"]
    assert shown.loc["risk-set", numbers].isna().all(axis=None) == bool(why)
    assert shown.loc["risk-set", "note"].str.contains(why).all()
    pd.testing.assert_frame_equal(
        shown.drop("risk-set"), before.set_index("group").drop("risk-set"), check_dtype=False
    )


@pytest.mark.parametrize(
    ("counts", "why"),
    [({"joined": 24}, "fewer than 30 people in a group"), ({"carried": 15}, "after weighting")],
    ids=["few joined", "few carry"],
)
def test_copies_of_people_do_not_make_a_design_of_time_one_of_many(timed, tmp_path, counts, why):
    found = timed[0]
    copied = next(
        one for one in found.timing.compared.results if one.design.name == "clone-censor-weight"
    )
    assert not copied.withheld
    few = dataclasses.replace(copied, counts=copied.counts | counts)
    compared = dataclasses.replace(found.timing.compared, results=(few,))
    timing = dataclasses.replace(found.timing, compared=compared)
    write_report(dataclasses.replace(found, timing=timing), tmp_path / "report")
    for row in rows(tmp_path / "report", "timing.csv"):
        assert row["estimate"] == row["conf_low"] == row["p_value"] == ""
        assert why in row["note"]


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored") / "report"
    design = ExploratoryDesign()
    return (*report(folder, 450, 4, exploratory=design, balance=BalanceDesign(terms=TERMS)), folder)


def test_what_is_explored_says_so_wherever_it_is_met(explored):
    _, page, folder = explored
    start = page.index(">Exploratory: for whom joining may do more</h2>")
    section = page[start : page.index("</section>", start)]
    assert "Nothing in this section is a finding." in section
    for caption in re.findall(
        r"<(?:figcaption|caption)[^>]*>(.*?)</(?:figcaption|caption)>", section
    ):
        assert "Exploratory" in caption
    assert "p (Holm)" in section
    assert "p (Benjamini–Hochberg)" in section
    for name in ("explored_need.csv", "explored_dose.csv"):
        assert {row["status"] for row in rows(folder, name)} == {"exploratory"}


def test_what_rests_on_a_small_group_is_not_explored_in_public(explored):
    found, _, folder = explored
    assert small_counts(folder) == []
    n_few = 0
    for one, name in zip(found.explored, ("explored_need", "explored_dose"), strict=True):
        own = one.to_frame()["note"].str.startswith("not reported")
        for row, on, few_here in zip(rows(folder, f"{name}.csv"), one.basis, own, strict=True):
            few = (
                few_here
                or min(on.n_people.values()) < 30
                or any(
                    min(on.n_events[of], n - on.n_events[of]) < 10 for of, n in on.n_people.items()
                )
            )
            n_few += few
            assert row["note"].startswith("not reported") == few
            if few:
                assert not re.search(r"\d", row["estimate"] + row["p_value"] + row["shrunk"])
            assert "n" not in row
    assert n_few


def test_complete_cases_stand_beside_what_was_filled_in(tmp_path):
    design = MissingDesign(copies=3, cycles=3, tipping="exposed", deltas=(-3, 3))
    found, page = report(
        tmp_path / "report", 400, 4, missing=design, balance=BalanceDesign(terms=TERMS),
        hazards=HazardDesign(("exposed", "age", "need_SUB", "need_ACC")),
    )  # fmt: skip
    needs = page[page.index(">Pathway needs</h2>") : page.index(">Are the cohorts alike?</h2>")]
    assert "complete cases" in needs
    assert "Filled in 3 times over" in needs
    assert "as unassessed needs grow unlike those assessed" in needs
    told = rows(tmp_path / "report", "missing.csv")
    pooled = found.missing.pooled.to_frame().set_index("term")["estimate"]
    whole = found.hazards.to_frame().set_index("term")["estimate"]
    for row in told:
        own = pooled if row["outcome"] == "filled in" else whole
        assert float(row["estimate"]) == pytest.approx(own[row["term"]], abs=0.0051)
    assert len(told) == 8
    assert small_counts(tmp_path / "report") == []
    exact = found.missing.imputed.table["n_missing"]
    odd = {str(count) for count in exact if count % 5}
    assert odd
    assert not odd & set(re.findall(r"(?<![\d.])\d+(?![\d.])", re.sub(r"<[^>]+>", " ", needs)))
    about = json.loads((tmp_path / "report" / "manifest.json").read_text(encoding="utf-8"))
    assert about["about"]["seed"] == 0


def test_a_ratio_of_rates_is_not_rounded_to_a_whole_number(small):
    found, _, folder = small
    exact = found.effects.frame.set_index("outcome")["estimate"]
    name = "ratio of reoffenders per 100 people"
    told = {row["outcome"]: row for row in rows(folder, "effects.csv")}
    assert float(told[name]["estimate"]) == pytest.approx(exact[name], abs=0.006)


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


def test_no_p_value_is_nothing():
    tested = pd.DataFrame({"p_value": [np.nan, 1e-9]})
    assert log_rank_words(tested).endswith("p < 0.001.")
    assert log_rank_words(tested.assign(p_value=0.0316)).endswith("p = 0.032.")
