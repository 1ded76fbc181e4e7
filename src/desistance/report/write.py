"""Write the report: the page, its tables and figures as files, and the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from desistance.evaluation import settings_of
from desistance.release import release_folder, write_bytes, write_csv, write_text
from desistance.report.designs import lock_record
from desistance.report.page import Figure, Page, png, render
from desistance.report.story import Story

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.evaluation import Evaluation

PAGE = "report.html"


def write_report(evaluation: Evaluation, folder: str | Path) -> Path:
    """Write everything that may be released of an evaluation.

    Parameters
    ----------
    evaluation
        From `evaluate`.
    folder
        Made anew; an unchanged report of ours that stands there is replaced, anything else is
        not touched. It holds ``report.html``, every table as CSV, every figure as PNG,
        ``suppressed.csv`` (which cells were withheld, by which rule) and ``manifest.json``
        (hashes of input and files, versions, the plan, who was left out).

    Returns
    -------
    Path
        Of ``report.html``.

    Raises
    ------
    OutputError
        If the folder may not be replaced, or the disk is full; nothing is left half-written.

    Examples
    --------
    >>> import tempfile
    >>> from desistance import EvaluationPlan, SimulationDesign, evaluate, simulate_cases
    >>> from desistance import write_report
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> found = evaluate(cases, EvaluationPlan(title="A pilot"))
    >>> write_report(found, tempfile.mkdtemp() + "/report").name
    'report.html'
    """
    story = Story(evaluation)
    page = story.page()
    logs = [table.log for table in story.tables.values() if len(table.log)]
    with release_folder(folder, _about(evaluation, story)) as part:
        write_text(render(page), part / PAGE)
        for name, table in story.tables.items():
            write_csv(table.shown(), part / f"{name}.csv")
        if logs:
            write_csv(pd.concat(logs, ignore_index=True), part / "suppressed.csv")
        for number, figure in enumerate(_figures(page), start=1):
            write_bytes(png(figure.drawing), part / f"figure-{number}.png")
    return Path(folder) / PAGE


def _figures(page: Page) -> Iterable[Figure]:
    for section in page.sections:
        yield from (block for block in section.blocks if isinstance(block, Figure))


def _about(evaluation: Evaluation, story: Story) -> dict[str, object]:
    """Say what the report rests on; its counts are the protected ones of the page."""
    flow, missing = story.tables["flow"].shown(), evaluation.plan.missing
    return {
        "plan": settings_of(evaluation.plan),
        "inputs": dict(sorted(evaluation.cases.sources.items())),
        "extract_date": f"{evaluation.cases.extract_date:%Y-%m-%d}",
        "lock": lock_record(evaluation),
        "seed": None if missing is None else missing.seed,  # nothing else is drawn at random
        "exclusions": json.loads(flow.to_json(orient="records")),
    }
