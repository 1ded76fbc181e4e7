"""The command line as a user types it: one sentence for every end, and nobody's data in any."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from desistance.cli import app
from desistance.synthetic import SimulationDesign, simulate_cases, write_simulation
from small_counts import small_counts

SHIPPED = Path(__file__).parents[1] / "data" / "synthetic"


def run(*words):
    """Run a command in this process, which is much faster than to start one."""
    return CliRunner().invoke(app, [*map(str, words)])


def start(*words):
    """Run a command as a user does."""
    command = [sys.executable, "-m", "desistance", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluated") / "report"
    done = start("evaluate", SHIPPED / "messy" / "plan.toml", "--out", out)
    assert done.returncode == 0, done.stderr
    return done, out


def test_evaluate_says_the_accounting_the_sentence_and_where_the_report_is(report):
    done, out = report
    lines = done.stdout.strip().splitlines()
    rows_in, used, aside, merged = (
        int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", lines[0])
    )
    assert rows_in == used + aside + merged
    assert "100 typical people" in lines[1]
    assert lines[-1] == f"Report: {out / 'report.html'}"
    assert done.stderr == ""


def test_the_report_holds_the_page_tables_figures_and_a_manifest_that_fits(report):
    _, out = report
    names = {path.name for path in out.iterdir()}
    assert {"report.html", "manifest.json", "flow.csv", "effects.csv", "figure-1.png"} <= names
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["about"]["plan"]["title"].startswith("7 Pathways Plus")
    assert set(manifest["about"]["inputs"]) >= {"people.csv", "offences.csv"}


def test_no_small_count_leaves_in_the_report(report):
    assert small_counts(report[1]) == []


def test_the_same_input_gives_the_same_bytes(report, tmp_path):
    again = tmp_path / "again"
    env = os.environ | {"TZ": "Pacific/Apia", "PYTHONHASHSEED": "12", "LANG": "tr_TR.UTF-8"}
    subprocess.run(
        [sys.executable, "-m", "desistance", "evaluate", SHIPPED / "messy" / "plan.toml", "--out",
         again],
        check=True, capture_output=True, cwd=tmp_path, env=env,
    )  # fmt: skip
    for path in report[1].iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_check_prints_the_accounting_and_writes_the_quarantine_file(tmp_path):
    done = run("check", SHIPPED / "messy", "--out", tmp_path / "quality")
    assert done.exit_code == 0
    assert "offences.offence_date: the day is no placeholder" in done.stdout
    quarantine = (tmp_path / "quality" / "quarantine.csv").read_text(encoding="utf-8")
    assert "offences.csv" in quarantine
    assert "placeholder_date" in quarantine


def test_simulate_writes_what_simulate_cases_makes(tmp_path):
    assert run("simulate", "--out", tmp_path / "a", "--people", 60, "--seed", 3).exit_code == 0
    write_simulation(simulate_cases(SimulationDesign(n_people=60), rng=3), tmp_path / "b")
    for path in (tmp_path / "b").iterdir():
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()


def test_simulate_leaves_a_plan_that_can_be_run_and_keeps_one_that_is_there(tmp_path):
    made = ("simulate", "--out", tmp_path, "--people", 300)
    plan = tmp_path / "plan.toml"
    assert f"desistance evaluate {plan}" in run(*made).stdout
    done = run("evaluate", plan, "--out", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    plan.write_text('title = "Ours"\ndata = "."\n', encoding="utf-8")
    assert "desistance evaluate" not in run(*made).stdout
    assert "Ours" in plan.read_text(encoding="utf-8")


def test_power_says_what_pilots_of_a_size_can_find():
    done = run("power", 60, 142, "--ratio", 10, "--hazard-ratio", 0.8)
    assert done.exit_code == 0, done.stderr
    assert "18.743" in done.stdout
    assert "12.259" in done.stdout
    assert "1,908" in done.stdout
    made_up = run("power", 40, "--simulate", 2, "--seed", 1)
    assert "2 simulated pilots of 40 people, true hazard ratio 0.6" in made_up.stdout
    assert run("power", 1).exit_code == 6
    told = run("power", 40, "--simulate", 2, "--difference", -10)
    assert told.exit_code == 2
    assert "leave `--ratio`, `--rate` and `--difference` out" in told.stderr


def plan_of(folder, text=""):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("plan", "code", "says"),
    [
        ("titel = 'x'", 2, "`titel` is not a setting"),
        ("data = 'nowhere'", 3, "nowhere"),
        ("[follow_up]\nexits_from = 2040-01-01", 5, "Nobody can be followed"),
        ("[hazards]\nterms = ['shoe_size']", 6, "shoe_size"),
        ("[follow_up]\nexposure = 'ever'", 7, "would be counted as its own"),
    ],
)
def test_every_end_is_one_sentence_and_a_code_of_its_own(tmp_path, plan, code, says):
    if "data" not in plan:
        plan = f'data = "{SHIPPED}"\n{plan}'
    done = run("evaluate", plan_of(tmp_path / "p", plan), "--out", tmp_path / "out")
    assert done.exit_code == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_nobody_to_compare_is_told_without_counts(tmp_path):
    text = f'data = "{SHIPPED / "messy"}"\n[follow_up]\njoining = "nothing"\n'
    done = run("evaluate", plan_of(tmp_path / "p", text), "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1] == "The cohorts are not compared: nobody who joined could be made like others."
    assert lines[2].startswith("Report: ")


def test_a_folder_that_is_no_report_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    done = run("evaluate", SHIPPED / "messy" / "plan.toml", "--out", tmp_path / "mine")
    assert done.exit_code == 8
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_data_with_too_much_wrong_end_with_code_4(tmp_path):
    write_simulation(simulate_cases(SimulationDesign(n_people=30), rng=1), tmp_path)
    offences = (tmp_path / "offences.csv").read_text(encoding="utf-8")
    broken = re.sub(r"\d\d/\d\d/(\d{4})", r"\1-13-45", offences)
    (tmp_path / "offences.csv").write_text(broken, encoding="utf-8")
    done = run("check", tmp_path)
    assert done.exit_code == 4
    assert "offence_date" in done.stderr


def test_interrupted_leaves_no_half_report(tmp_path):
    out = tmp_path / "report"
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "desistance", "evaluate", SHIPPED / "plan.toml",
         "--out", out],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not process.stderr.readline().endswith(" desistance.report\n"):  # all is imported
        assert process.poll() is None
    time.sleep(1)  # in the middle of the work, long before the report is written
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_no_word_of_anybodys_data_in_what_is_printed(tmp_path):
    """Every text cell is a token of its own; no command may print one, whatever is wrong."""
    cases = simulate_cases(SimulationDesign(n_people=60, messy=True), rng=1)
    tokens = set()
    for name, table in cases.raw.items():
        for column in ("person_id", "crime_ref", "occasion_id", "area_id"):
            if column in table:
                table[column] = [f"zq{value}qz" if value else "" for value in table[column]]
                tokens |= set(table[column]) - {""}
        table["surname"] = [f"zq{name}{row}qz" for row in range(len(table))]
        tokens |= set(table["surname"])
    write_simulation(cases, tmp_path / "files")
    wide = "max_quarantined = 1.0\nmax_misformatted = 1.0\n"
    (tmp_path / "files" / "mapping.toml").write_text(wide, encoding="utf-8")
    plan = plan_of(tmp_path / "files", 'mapping = "mapping.toml"')
    said = ""
    for words in (
        ("check", tmp_path / "files", "--mapping", tmp_path / "files" / "mapping.toml",
         "--out", tmp_path / "quality"),
        ("check", tmp_path / "files"),
        ("evaluate", plan, "--out", tmp_path / "report"),
        ("evaluate", plan_of(tmp_path / "other", "data = '../files'"), "--out", tmp_path / "r2"),
    ):  # fmt: skip
        done = run(*words)
        said += done.stdout + done.stderr
    for folder in ("quality", "report"):
        for path in (tmp_path / folder).glob("*.*"):
            if path.suffix != ".png":
                said += path.read_text(encoding="utf-8")
    assert len(tokens) > 500
    assert [token for token in tokens if token in said] == []
