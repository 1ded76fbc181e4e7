"""The front door: what `import desistance` costs, shows, and promises about the package."""

import ast
import importlib
import importlib.metadata
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import desistance
from desistance import comparison, plots, survival

ROOT = Path(__file__).parents[1]
ROOMS = Path(desistance.__file__).parent
SOURCES = sorted(ROOMS.rglob("*.py"))
HEAVY = ("numpy", "pandas", "matplotlib", "scipy", "sklearn", "lifelines", "pydantic", "typer")
STORY = [name for names in desistance.STREET.values() for name in names]


def test_importing_the_package_loads_nothing_heavy():
    loaded = f"import sys, desistance; print([m for m in {HEAVY} if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_a_cox_model_opens_nothing_it_does_not_need():
    fitted = """if True:
        import sys
        import pandas as pd
        import desistance
        rows = pd.DataFrame({"day": [3, 5, 8, 9], "event": [1, 1, 0, 1], "x": [1, 0, 1, 2]})
        times = desistance.TimeToEvent.from_frame(rows, stop="day", event="event")
        desistance.fit_cox(times, ["x"]).to_frame()
        print([m for m in ("matplotlib", "scipy.optimize", "scipy.stats") if m in sys.modules])
    """
    shown = subprocess.run(
        [sys.executable, "-c", fitted], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_planning_a_pilot_opens_no_estimator():
    asked = """if True:
        import sys
        from desistance.cli import app
        app(["power", "60"], standalone_mode=False)
        heavy = ("matplotlib", "sklearn", "sqlalchemy", "statsmodels")
        print([m for m in sys.modules if m.startswith(("desistance.balance", *heavy))])
    """
    shown = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1] == "[]"


def test_the_public_names_stand_in_the_order_of_the_story():
    assert desistance.__all__ == STORY
    assert desistance.__dir__() == STORY
    assert dir(desistance) == sorted(STORY)
    assert "stress_test" in dir(desistance.comparison)
    assert desistance.comparison.sensitivity.stress_test is desistance.stress_test
    assert STORY[0] == "load_cases"
    assert STORY.index("follow_up") < STORY.index("fit_cox") < STORY.index("write_report")


@pytest.mark.parametrize("name", STORY)
def test_every_public_name_resolves_to_the_thing_of_that_name(name):
    assert getattr(desistance, name).__name__ == name


@pytest.mark.parametrize("package", [desistance, comparison, survival, plots])
def test_editors_see_the_same_names_as_python(package):
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    branch = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {(name.name, line.module) for line in branch.body for name in line.names}
    assert seen == {(name, f"{package.__name__}.{room}") for name, room in package._ROOM_OF.items()}
    for name, room in package._ROOM_OF.items():
        opened = importlib.import_module(f"{package.__name__}.{room}")
        assert getattr(package, name) is getattr(opened, name)
    with pytest.raises(AttributeError, match="has no attribute 'recidivism'"):
        package.recidivism  # noqa: B018


def test_the_api_page_shows_the_same_names_in_the_same_order():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert re.findall(r"^ {3}desistance\.(\w+)$", page, re.MULTILINE) == STORY


def test_one_version_everywhere():
    version = desistance.__version__
    assert importlib.metadata.version("desistance") == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_types_are_shipped():
    assert (ROOMS / "py.typed").is_file()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOMS)))
def test_no_text_is_ever_run_as_code(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(function, "attr", getattr(function, "id", None)) for function in called}
    assert not names & {"eval", "exec", "query", "read_pickle", "to_pickle"}
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert not imported & {"pickle", "joblib", "shelve", "marshal"}


def test_every_lock_is_hashed_and_names_no_host():
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    names = "bench-pymatchit bench boot build dev run spark"
    assert [lock.stem for lock in locks] == names.split()
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-z][^\n]*==.*(?:\n .*)*", text, re.MULTILINE)
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins)
        assert "://" not in text


def test_a_connection_to_another_machine_is_refused(no_network):
    with socket.socket() as outward, pytest.raises(no_network):
        outward.connect(("192.0.2.1", 80))  # an address kept for examples
