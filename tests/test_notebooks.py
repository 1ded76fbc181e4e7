"""The notebooks: run again as `make notebooks` does, they show what the kept ones show."""

import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "notebooks").glob("[0-9]*.py"))
A_FIGURE = "a figure"


@pytest.fixture(scope="module")
def run_again(tmp_path_factory):
    """Run a copy of all notebooks, beside a copy of the data they read."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    shutil.copytree(ROOT / "data", folder / "data")
    for kept in folder.glob("notebooks/*.ipynb"):
        kept.unlink()
    done = subprocess.run(
        [sys.executable, folder / "notebooks" / "execute.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "notebooks"


def read(notebook):
    return nbformat.read(notebook, as_version=4)


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def shown(notebook):
    """What each cell of code shows: its texts, and that there is a figure but not which."""
    return [
        (cell.source, [text_of(output) for output in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def text_of(output):
    if output.output_type == "stream":
        return output.name, output.text
    data = output.data
    return A_FIGURE if "image/png" in data else (data.get("text/markdown"), data["text/plain"])


def test_there_is_a_notebook_for_every_step():
    assert [script.stem[:2] for script in SCRIPTS] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_pair_has_the_same_cells(script):
    kept = read(script.with_suffix(".ipynb"))
    assert cells(kept) == cells(jupytext.read(script, fmt="py:percent"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_shows_what_it_showed(script, run_again):
    again = shown(read(run_again / f"{script.stem}.ipynb"))
    assert again == shown(read(script.with_suffix(".ipynb")))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_warns_of_nothing_and_draws_what_it_plots(script, run_again):
    for source, outputs in shown(read(run_again / f"{script.stem}.ipynb")):
        assert not [text for text in outputs if text[0] == "stderr"]
        assert outputs.count(A_FIGURE) == source.count(".plot().figure")
