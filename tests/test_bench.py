"""The benchmarks: no ratio without agreement, well-formed cases, the same people every time."""

import ast
import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from bench import data, histories, page, pairs
from bench.cases import CASES, Case, Rival
from desistance import CaseData
from desistance.cases.inblocks import TABLE

RIVALS = [(case, rival) for case in CASES for rival in case.rivals]
NAMED = [f"{case.name}-{rival.peer}-{rival.job or case.job}" for case, rival in RIVALS]
SOME = Case("P0", "made up", "cox", "right_censored", 10, 10, (Rival("r", 2),), memory=0.5)


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Let `pairs` believe what the processes said; returns who ran, in order."""
    order = []

    def believe(**said):
        def run(_case, peer, _job, _folder, _timeout):
            order.append(peer)
            told = said[peer]
            return told.pop(0) if isinstance(told, list) else told

        monkeypatch.setattr(pairs, "_run", run)
        monkeypatch.setattr(pairs, "made", lambda *_: tmp_path)
        return order

    return believe


def said(cpu, *, coef=(1.0, -2.0), door=0.0, taken=50):
    answer = {"coef": list(coef), "se": [0.1, 0.2], "loglik": [-7.0]}
    return {
        "answer": answer, "fit": (cpu, cpu), "door": (door, door), "version": "1",
        "fit_bytes": taken, "input_bytes": 100,
    }  # fmt: skip


def test_a_ratio_is_the_median_over_pairs_in_turn(ran):
    order = ran(r=[said(3.0), said(8.0), said(5.0)], ours=said(1.0, door=1.0))
    found = pairs.compare(SOME, SOME.rivals[0], 10, pairs=3)
    assert order == ["r", "ours"] * 3
    assert found.fit == (5.0, 3.0, 8.0)
    assert found.whole == (2.5, 1.5, 4.0)
    assert found.ours == 0.5
    assert found.fine
    assert "5 x (3-8)" in str(found)


@pytest.mark.parametrize(
    "coef",
    [(1.0, -2.0 * (1 + 2e-8)), (1.0,), (1.0, float("nan")), (), (1.0, float("inf"))],
    ids=["differs", "shorter", "empty cell", "none", "infinite"],
)
def test_there_is_no_ratio_without_agreement(ran, coef):
    order = ran(r=said(3.0, coef=coef), ours=said(1.0))
    found = pairs.compare(SOME, SOME.rivals[0], 10)
    assert order == ["r", "ours"]
    assert (found.fit, found.whole) == (None, None)
    assert found.refused.startswith("they disagree: coef")
    assert not found.fine
    assert "no ratio" in str(found)


def test_an_answer_that_must_agree_must_be_there(ran):
    without = said(3.0)
    del without["answer"]["se"]
    ran(r=without, ours=said(1.0))
    assert "se inf" in pairs.compare(SOME, SOME.rivals[0], 10).refused


def test_a_difference_within_the_tolerance_is_told_with_it(ran):
    ran(r=said(3.0, coef=(1.0, -2.0 * (1 + 2e-9))), ours=said(1.0))
    found = pairs.compare(SOME, SOME.rivals[0], 10, pairs=1)
    assert found.gaps["coef"] == (pytest.approx(2e-9), 1e-8)
    assert "coef 2e-09 (of 1e-08)" in str(found)


def test_a_missing_or_slow_peer_is_no_fault_and_a_broken_one_is(ran):
    for why, fine in {"missing": True, "slow": True, "failed": False}.items():
        ran(r={why: "so"}, ours=said(1.0))
        found = pairs.compare(SOME, SOME.rivals[0], 10)
        assert (found.fit, found.fine) == (None, fine)
        assert f"r {why}: so" in str(found)
        ran(r=said(1.0), ours={why: "so"})
        assert not pairs.compare(SOME, SOME.rivals[0], 10).fine


def test_below_half_a_goal_is_not_fine(ran):
    ran(r=said(1.1), ours=said(1.0))
    assert pairs.compare(SOME, SOME.rivals[0], 10, pairs=1).fine
    ran(r=said(0.9), ours=said(1.0))
    assert not pairs.compare(SOME, SOME.rivals[0], 10, pairs=1).fine
    ran(r=said(9.0), ours=said(1.0, taken=101))
    assert not pairs.compare(SOME, SOME.rivals[0], 10, pairs=1).fine


def test_a_peer_that_is_not_installed_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(pairs, "made", lambda *_: tmp_path)
    found = pairs.compare(SOME, Rival("nobody"), 10)
    assert found.refused.startswith("nobody missing: No module named")
    assert found.fine


@pytest.mark.parametrize(("case", "rival"), RIVALS, ids=NAMED)
def test_cases_are_well_formed(case, rival):
    assert case.small <= case.size
    assert case.data in data.RECIPES
    exact = all(allowed <= 1e-8 for allowed in rival.agree.values())
    assert rival.because or (rival.agree and exact)
    assert rival.agree or case.measure == "import"
    if case.measure != "import":
        assert case.job in _jobs("ours")
        assert rival.peer == "r" or (rival.job or case.job) in _jobs(rival.peer)
        if rival.peer == "r":
            assert f"  {rival.job or case.job} = function()" in _source("r.R")


def test_cases_are_named_once():
    names = [(case.name, rival.peer, rival.job) for case, rival in RIVALS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("recipe", data.RECIPES)
def test_the_same_people_every_time(recipe, tmp_path):
    first = data.columns(data.made(recipe, 200, tmp_path / "a"))
    again = data.columns(data.made(recipe, 200, tmp_path / "b"))
    assert {name: column.tobytes() for name, column in first.items()} == {
        name: column.tobytes() for name, column in again.items()
    }
    assert data.made(recipe, 200, tmp_path / "a") == next((tmp_path / "a").iterdir())
    if recipe == "histories":
        assert len(first["offence_day"]) == 5 * len(first["in_day"]) == 10 * len(first["index_day"])
        return
    if recipe == "confounded":
        assert 0.1 < first["exposed"].mean() < 0.4
    else:
        assert first["event"].dtype == bool
        assert (first["stop"] > first.get("start", 0)).all()
    if recipe not in ("resampled", "repeated"):
        assert {len(column) for column in first.values()} == {200}


def test_about_half_of_many_rows_end_in_an_event():
    for recipe in ("right_censored", "start_stop", "continuous", "competing"):
        rows = data.RECIPES[recipe](np.random.default_rng(1), 20_000)
        assert 0.4 < rows["event"].mean() < 0.6
    rows = data.right_censored(np.random.default_rng(1), 100_000)
    assert 700 < len(np.unique(rows["stop"][rows["event"]])) <= data.DAYS


def test_what_is_kept_makes_the_table(ran, tmp_path):
    ran(r=said(3.0), ours=said(1.0))
    found = pairs.compare(CASES[0], CASES[0].rivals[0], 10, pairs=1)
    assert page.keep(found, tmp_path).name == "P1-r-10.json"
    assert page.keep(replace(found, refused="r missing: so", unmeasured=True), tmp_path) is None
    refused = replace(found, size=20, fit=None, whole=None, refused="they disagree: coef 1")
    page.keep(refused, tmp_path)
    assert [one.size for one in page.kept(tmp_path)] == [10, 20]
    text = tmp_path / "page.md"
    text.write_text(f"before\n{page.BEGIN}old\n{page.END}\nafter\n", encoding="utf-8")
    page.write_page(text, tmp_path)
    once = text.read_text("utf-8")
    page.write_page(text, tmp_path)
    assert text.read_text("utf-8") == once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert "| 10 | r | ≥ 12 | 3 (3 to 3) |" in once
    assert "| 20 | r | ≥ 12 | they disagree: coef 1 |" in once


def test_the_page_shows_what_is_kept():
    assert page.table(page.kept()) in page.PAGE.read_text("utf-8")
    for path in page.RESULTS.glob("*.json"):
        kept = json.loads(path.read_text("utf-8"))
        assert (kept["fit"] is None) == bool(kept["refused"])


def test_a_small_case_from_start_to_end(monkeypatch, tmp_path):
    """The whole way, against lifelines; no claim about speed."""
    monkeypatch.setattr(pairs, "made", lambda recipe, size: data.made(recipe, size, tmp_path))
    case = next(case for case in CASES if case.name == "P5")
    rival = next(rival for rival in case.rivals if rival.peer == "lifelines")
    found = pairs.compare(case, rival, 300, pairs=1)
    assert not found.refused
    assert set(found.gaps) == {"coef", "se", "loglik"}
    assert found.fit[0] > 0


def test_histories_are_the_same_by_whoever_writes_them(tmp_path):
    columns = data.columns(data.made("histories", 120, tmp_path))
    ours = import_module("bench.peers.ours")
    answer = ours.histories(ours.read(columns))()
    for peer, job in (
        ("pandas", "histories"), ("pandas", "histories_by_person"), ("polars", "histories"),
        ("duckdb", "histories"),
    ):  # fmt: skip
        try:
            module = import_module(f"bench.peers.{peer}")
        except ImportError:
            continue
        assert getattr(module, job)(module.read(columns))() == answer, (peer, job)
    columns["index_day"][7] += 400
    assert ours.histories(ours.read(columns))() != answer


def test_people_made_for_the_whole_way_pass_every_check():
    made = histories.made_cases(40, block=3)
    frames = {name: getattr(made, name) for name in ("people", "episodes", "offences", "custody")}
    checked = CaseData.from_frames(frames, extract_date=made.extract_date.date())
    for name, frame in frames.items():
        key = [column for column in TABLE[name].key if frame[column].notna().any()]
        assert len(checked.quality.to_frame().loc[lambda t: t.n_quarantined > 0]) == 0
        pd.testing.assert_frame_equal(
            getattr(checked, name)[key].sort_values(key, ignore_index=True),
            frame[key].sort_values(key, ignore_index=True),
        )


def test_the_whole_way_is_the_same_from_files(tmp_path, capsys):
    histories.by_hand(300, None, None, tmp_path)
    told = capsys.readouterr().out
    assert "300 people, 3,000 offences" in told
    assert histories.study(histories.made_cases(300))[0] in told


def _source(name):
    return (pairs.PEERS / name).read_text("utf-8")


def _jobs(peer):
    tree = ast.parse(_source(f"{peer}.py"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
