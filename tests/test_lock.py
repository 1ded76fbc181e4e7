"""A plan locked before outcomes are opened: what is read, what is written, what changes later."""

import json
import shutil
from dataclasses import fields, replace
from datetime import date

import pandas as pd
import pytest
from typer.testing import CliRunner

from desistance.cases import load_cases
from desistance.catalogue import load_offence_set, load_scheme, offence_set
from desistance.catalogue.reader import DATA
from desistance.cli import app
from desistance.errors import DataError, OutputError, PlanError
from desistance.evaluation import evaluate, load_plan, lock_plan, read_lock
from desistance.followup import FollowUpDesign, follow_up, index_dates
from desistance.histories import build_histories
from desistance.report import write_report
from desistance.synthetic import SimulationDesign, simulate_cases, write_simulation
from small_counts import small_counts

PLAN = """
title = "A pilot"
comparators = ["A", "C", "B"]
data = "files"
[follow_up]
exits_from = 2020-10-01
[balance]
terms = ["age", "n_previous", "months_since_offence"]
[hazards]
terms = ["exposed", "age"]
"""
DESIGN = FollowUpDesign(exits_from=date(2020, 10, 1))
HAPPENED = {"offences": "offence_date", "custody": "in_date", "assessments": "assessed_date",
            "support": "contact_date"}  # fmt: skip
CANARY = "canary"


@pytest.fixture(scope="module")
def made():
    return simulate_cases(SimulationDesign(n_people=160), rng=6)


@pytest.fixture
def place(tmp_path, made):
    write_simulation(made, tmp_path / "files")
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def after_index(folder):
    """Say by table which rows are dated on or after their person's index date, by other means."""
    cases = load_cases(folder)
    left = cases.episodes[cases.episodes["programme"] == "IOM"].groupby("person_id")["end_date"]
    index = left.min()  # nobody left twice; B looks at those too who left before the plan's dates
    found = {}
    for table, column in HAPPENED.items():
        raw = pd.read_csv(folder / f"{table}.csv", dtype=str, keep_default_na=False)
        day = pd.to_datetime(raw[column], format="%d/%m/%Y")
        found[table] = raw, ~(day < raw["person_id"].map(index))
    return found, index


def poisoned(folder):
    """Make every cell that tells an outcome unreadable: any look at it stops a load."""
    found, index = after_index(folder)
    for table, (raw, later) in found.items():
        for column in raw.columns.drop(["person_id", HAPPENED[table]]):
            raw.loc[later, column] = f"{CANARY}\x00\x07"
        if table == "offences":
            day = pd.to_datetime(raw["outcome_date"], format="%d/%m/%Y", errors="coerce")
            settled = ~later & ~(day < raw["person_id"].map(index)) & day.notna()
            assert settled.any()
            raw.loc[settled, "outcome"] = f"{CANARY}\x07"
        assert later.any()
        raw.to_csv(folder / f"{table}.csv", index=False)
    for path in folder.glob("*.csv"):  # a NUL byte is refused on reading: only unreadable cells
        path.write_bytes(path.read_bytes().replace(b"\x00", b""))


def test_locking_reads_no_outcome(place):
    """Outcomes are unreadable: nothing but locking gets past them."""
    whole = lock_plan(place / "plan.toml")
    (place / "plan.lock.json").unlink()
    poisoned(place / "files")
    with pytest.raises(DataError):
        load_cases(place / "files")
    locked = lock_plan(place / "plan.toml")
    pd.testing.assert_frame_equal(locked.followed.people, whole.followed.people)
    assert locked.summary() == whole.summary()
    assert CANARY not in locked.summary()
    assert CANARY not in (place / "plan.lock.json").read_text(encoding="utf-8")
    assert not locked.followed.rows["event"].any()


def test_no_parser_meets_a_cell_from_the_index_date_on(place, monkeypatch):
    """Spy on every text that is judged while the plan is locked."""
    poisoned(place / "files")
    met = []
    judged = "desistance.cases.parse._JudgedColumn._judged"
    module = __import__("desistance.cases.parse", fromlist=["_JudgedColumn"])
    before = module._JudgedColumn._judged

    def spy(self, given, judge):
        met.append(given)
        return before(self, given, judge)

    monkeypatch.setattr(judged, spy)
    lock_plan(place / "plan.toml")
    assert len(met) > 1000
    assert [text for text in met if CANARY in text] == []


def test_what_is_known_on_the_index_date_is_known_without_outcomes(place):
    nothing = load_cases(place / "files", before=pd.Series(dtype="datetime64[ns]"))
    assert len(nothing.offences) == len(nothing.custody) == len(nothing.assessments) == 0
    index = index_dates(build_histories(nothing), DESIGN)
    cases = load_cases(place / "files", before=index)
    followed = follow_up(cases, build_histories(cases), DESIGN)
    whole = load_cases(place / "files")
    with_outcomes = follow_up(whole, build_histories(whole), DESIGN)
    pd.testing.assert_frame_equal(followed.known, with_outcomes.known)
    day = cases.offences["person_id"].map(index)
    assert (cases.offences["offence_date"] < day).all()
    assert not (cases.offences["outcome_date"] >= day).any()
    assert (cases.custody["in_date"] < cases.custody["person_id"].map(index)).all()


def test_a_lock_says_the_whole_plan_and_is_never_written_over(place):
    locked = lock_plan(place / "plan.toml", on=date(2024, 10, 1))
    text = (place / "plan.lock.json").read_text(encoding="utf-8")
    said = json.loads(text)
    assert said["plan"]["follow_up"]["months"] == 12  # a default, told as well
    assert said["locked_on"] == "2024-10-01"
    assert said["extract_date"] == "2024-09-30"
    assert set(said["inputs"]) >= {"offences.csv", "episodes.csv"}
    assert said["sha256"] == locked.lock.sha256
    assert read_lock(place / "plan.toml") == locked.lock
    with pytest.raises(OutputError, match="never written over"):
        lock_plan(place / "plan.toml")
    assert (place / "plan.lock.json").read_text(encoding="utf-8") == text


def test_the_same_plan_and_files_give_the_same_lock(place, tmp_path):
    first = lock_plan(place / "plan.toml").lock
    other = tmp_path / "other"
    shutil.copytree(place / "files", other / "files")
    shutil.copy(place / "plan.toml", other / "plan.toml")
    assert lock_plan(other / "plan.toml").lock.text() == first.text()
    assert first.locked_on == "2024-09-30"  # of the extract: no clock is read


def test_a_lock_changed_by_hand_is_no_lock(place):
    lock_plan(place / "plan.toml")
    path = place / "plan.lock.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    other_plan = whole["plan"] | {"title": "B"}
    for change in ({"plan": other_plan}, {"inputs": {}}, {"sha256": "0" * 64}, {"seal": ""},
                   {"locked_on": "1999-01-01"}, {"plan": None}):  # fmt: skip
        path.write_text(json.dumps(whole | change), encoding="utf-8")
        with pytest.raises(PlanError, match="not a lock as it was written"):
            read_lock(place / "plan.toml")


def test_every_later_change_is_a_deviation(place):
    lock_plan(place / "plan.toml")
    lock = read_lock(place / "plan.toml")
    plan, cases = load_plan(place / "plan.toml"), load_cases(place / "files")
    assert lock.deviations(plan, cases).empty
    changed = replace(
        plan, title="B", follow_up=replace(plan.follow_up, months=9),
        balance=replace(plan.balance, terms=("age",)), comparators=("A",),
    )  # fmt: skip
    with (place / "files" / "areas.csv").open("a", encoding="utf-8") as file:
        file.write("AREA9,01/01/2021\n")
    again = load_cases(place / "files", extract_date="2024-09-29")
    told = replace(lock, version="0.0.1").deviations(changed, again).set_index("what")
    assert told.index.tolist() == [
        "plan: balance.terms", "plan: comparators", "plan: follow_up.months", "plan: title",
        "file: areas.csv", "extract date", "version of desistance",
    ]  # fmt: skip
    assert told.loc["plan: follow_up.months"].tolist() == ["12", "9"]
    assert told.loc["extract date"].tolist() == ["2024-09-30", "2024-09-29"]


def test_each_setting_of_what_is_asked_for_besides_is_a_deviation_of_its_own(place):
    asked = 'outcomes = ["rate"]\n' + PLAN + "[missing]\n[timing]\n[sensitivity]\n[exploratory]\n"
    (place / "plan.toml").write_text(asked, encoding="utf-8")
    lock_plan(place / "plan.toml")
    lock, plan = read_lock(place / "plan.toml"), load_plan(place / "plan.toml")
    cases = load_cases(place / "files")
    assert lock.deviations(plan, cases).empty
    changed = replace(
        plan, outcomes=("rate", "severity"), offence_sets=("VIOLENT",),
        missing=replace(plan.missing, seed=4), timing=replace(plan.timing, landmark_days=30),
        sensitivity=replace(plan.sensitivity, areas=False), exploratory=None,
    )  # fmt: skip
    told = lock.deviations(changed, cases).set_index("what")
    assert [name for name in told.index if "exploratory" not in name] == [
        "plan: missing.seed", "plan: offence_sets", "plan: outcomes", "plan: sensitivity.areas",
        "plan: timing.landmark_days",
    ]  # fmt: skip
    assert told.loc["plan: sensitivity.areas"].tolist() == ["true", "false"]
    gone = {f"plan: exploratory.{setting.name}" for setting in fields(plan.exploratory)}
    assert gone < set(told.index)


def test_no_setting_escapes_the_lock(place):
    """Each setting of the plan, changed alone, is one deviation by its name."""
    lock_plan(place / "plan.toml")
    lock = read_lock(place / "plan.toml")
    cases = load_cases(place / "files")
    plan = load_plan(place / "plan.toml")
    for setting in fields(plan):
        was = lock.plan.pop(setting.name)
        told = lock.deviations(plan, cases)["what"]
        assert len(told)
        assert told.str.startswith(f"plan: {setting.name}").all()
        lock.plan[setting.name] = was


def test_a_definition_named_as_a_file_is_part_of_what_is_locked(place):
    own = place / "own.toml"
    own.write_text('name = "OWN"\nversion = "1"\nvalid_from = "2025"\nsource = "a test"\n'
                   'classes = ["028"]\n', encoding="utf-8")  # fmt: skip
    text = PLAN.replace("[follow_up]", '[follow_up]\noffence_set = "own.toml"')
    (place / "plan.toml").write_text(text, encoding="utf-8")
    lock_plan(place / "plan.toml")
    lock, plan = read_lock(place / "plan.toml"), load_plan(place / "plan.toml")
    cases = load_cases(place / "files")
    assert lock.deviations(plan, cases).empty
    assert lock.inputs.keys() - cases.sources.keys() == {"own.toml"}  # the name, not its place
    beside = replace(plan, follow_up=DESIGN, offence_sets=(*plan.offence_sets, str(own)))
    own.write_text(own.read_text(encoding="utf-8").replace("028", "029"), encoding="utf-8")
    assert lock.deviations(plan, cases)["what"].tolist() == ["file: own.toml"]
    assert f"file: {own}" in lock.deviations(beside, cases)["what"].tolist()


def test_a_definition_of_your_own_is_read_from_where_the_plan_lies(place, monkeypatch):
    """Wherever a plan names one, and wherever the command is run."""
    own = ('name = "OWN"\nversion = "1"\nvalid_from = "2025"\nsource = "a test"\n'
           'classes = ["028"]\n')  # fmt: skip
    for name in ("reoffence", "previous", "further", "stressed", "control"):
        (place / f"{name}.toml").write_text(own, encoding="utf-8")
    (place / "own").mkdir()
    shutil.copy(str(DATA / "tools" / "RAG.toml"), place / "own" / "reoffence.toml")
    scheme = (DATA / "schemes" / "NOMS7.toml").read_text(encoding="utf-8")
    (place / "own" / "scheme.toml").write_text(
        scheme.replace('"RAG"', '"reoffence.toml"'), encoding="utf-8"
    )
    (place / "plan.toml").write_text(
        'outcomes = ["rate"]\noffence_sets = ["further.toml"]\n'
        + PLAN.replace("[follow_up]", '[follow_up]\noffence_set = "reoffence.toml"')
        + '[histories]\nscheme = "own/scheme.toml"\noffence_sets = ["previous.toml"]\n'
        '[sensitivity]\noffence_sets = ["stressed.toml"]\nnegative_control = "control.toml"\n'
        "areas = false",
        encoding="utf-8",
    )
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    locked = CliRunner().invoke(app, ["plan", "lock", "../plan.toml"])
    assert locked.exit_code == 0, locked.stderr
    monkeypatch.chdir(place)
    ran = CliRunner().invoke(app, ["evaluate", "plan.toml", "--out", "report"])
    assert ran.exit_code == 0, ran.stderr
    assert "deviations: 0" in ran.stdout
    plan, lock = load_plan("plan.toml"), read_lock("plan.toml")
    monkeypatch.chdir(place / "elsewhere")
    assert offence_set(plan.offence_sets[0]).name == "OWN"
    assert load_offence_set(plan.offence_sets[0]).name == "OWN"
    assert load_scheme(plan.histories.scheme).name == "NOMS7"
    for name in ("own/reoffence.toml", "reoffence.toml"):  # a tool, and an offence set
        with (place / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
    deviations = lock.deviations(plan, load_cases(place / "files"))["what"]
    assert sorted(deviations) == ["file: own/reoffence.toml", "file: reoffence.toml"]


def report(place, lock):
    found = evaluate(load_cases(place / "files"), load_plan(place / "plan.toml"), lock=lock)
    shutil.rmtree(place / "report", ignore_errors=True)
    page = write_report(found, place / "report").read_text(encoding="utf-8")
    about = json.loads((place / "report" / "manifest.json").read_text(encoding="utf-8"))["about"]
    return page, about["lock"]


def test_a_definition_that_is_not_there_is_not_locked(place):
    changed = PLAN.replace('data = "files"', 'data = "files"\noffence_sets = ["nowhere.toml"]')
    (place / "plan.toml").write_text(changed, encoding="utf-8")
    with pytest.raises(PlanError, match=r"no file 'nowhere\.toml'"):
        lock_plan(place / "plan.toml")
    assert not (place / "plan.lock.json").exists()


def test_the_report_and_manifest_say_whether_the_plan_was_kept(place):
    page, told = report(place, None)
    assert "was not locked before outcomes were opened" in page
    assert told == {"locked": False}
    locked = lock_plan(place / "plan.toml")
    page, told = report(place, locked.lock)
    assert "nothing was changed since" in page
    assert (told["sha256"], told["deviations"]) == (locked.lock.sha256, [])
    (place / "plan.toml").write_text(PLAN.replace('"A pilot"', '"Another"'), encoding="utf-8")
    page, told = report(place, read_lock(place / "plan.toml"))
    assert "1 thing is not as the plan was locked" in page
    assert "plan: title" in page
    assert told["deviations"] == [{"what": "plan: title", "locked": '"A pilot"',
                                   "now": '"Another"'}]  # fmt: skip
    assert small_counts(place / "report") == []


def test_the_command_line_locks_once_and_evaluate_counts_deviations(place):
    def run(*words):
        return CliRunner().invoke(app, [*map(str, words)])

    done = run("plan", "lock", place / "plan.toml", "--on", "2024-10-02")
    assert done.exit_code == 0, done.stderr
    assert "Balance, as known on the day of leaving" in done.stdout
    assert "plan.lock.json" in done.stdout
    assert run("plan", "lock", place / "plan.toml").exit_code == 8
    assert run("plan", "lock", place / "plan.toml", "--on", "soon").exit_code == 2
    changed = PLAN.replace("[hazards]", "caliper = 0.3\n[hazards]")
    (place / "plan.toml").write_text(changed, encoding="utf-8")
    done = run("evaluate", place / "plan.toml", "--out", place / "report")
    assert done.exit_code == 0, done.stderr
    assert "The plan was locked; deviations: 1" in done.stdout
