"""Run every notebook here and keep it with what its cells show: `make notebooks`.

The cells come from the .py of each pair. The .ipynb is the same from run to run and from machine
to machine: cells are numbered, and nothing is kept of when, where or on which Python they ran.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def executed(script: Path) -> nbformat.NotebookNode:
    """Run the cells of a script, in its own folder and without anybody's settings."""
    notebook = jupytext.read(script, fmt="py:percent")
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id, cell.metadata = f"cell-{number:02}", {}
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(script.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    with TemporaryDirectory() as no_settings:
        client.execute(env={**os.environ, "IPYTHONDIR": no_settings})
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return notebook


def main() -> None:
    """Run them all, in the order of their numbers."""
    for script in sorted(HERE.glob("[0-9]*.py")):
        nbformat.write(executed(script), script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
