"""Write the tables of docs/trust.md on bad input, relations and studies: ``python -m tests.trust``.

The studies are not run again: their results are kept in tests/studies/results.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.estimators import ESTIMATORS, FAMILIES
from tests.faults.inputs import INPUTS
from tests.faults.judge import by_family, judge
from tests.properties.relations import ELSEWHERE, RELATIONS, pairs
from tests.studies.design import met
from tests.studies.trials import STUDIES

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a table as the page has it."""
    lines = [list(head), ["---"] * len(list(head)), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def bad_input() -> str:
    """Judge every input and estimator."""
    rows, counts = [], dict.fromkeys(("R", "W", "N", "E", ""), 0)
    for bad in INPUTS:
        cells = {one.name: judge(bad, one) for one in ESTIMATORS}
        for cell in cells.values():
            counts[cell.code] = counts.get(cell.code, 0) + 1
        rows.append([bad.number, bad.what, *by_family(cells).values()])
    blank = counts.pop("")
    told = ", ".join(f"{code} {n:,}" for code, n in counts.items())
    text = f"{sum(counts.values()):,} answers of {len(ESTIMATORS)} estimators: {told}; {blank:,} "
    return f"{text}do not apply.\n\n" + table(["#", "input", *FAMILIES], rows)


def relations() -> str:
    """List the relations and what they are tried on."""
    rows = []
    for number in range(1, 37):
        for one in RELATIONS:
            if one.number == number:
                names = [that.name for relation, that in pairs() if relation is one]
                rows.append([number, one.sentence, _told_of_names(names)])
        if number in ELSEWHERE:
            sentence, tests = ELSEWHERE[number]
            rows.append([number, sentence, ", ".join(f"`{test}`" for test in tests)])
    return table(["#", "relation", "tried on (or by the test)"], rows)


def _told_of_names(names: list[str]) -> str:
    missing = [one.name for one in ESTIMATORS if one.name not in names]
    if not missing:
        return f"all {len(names)}"
    if len(missing) < 4:
        return f"all but {', '.join(missing)}"
    by_verb: dict[str, list[str]] = {}
    for name in names:
        verb, _, option = name.partition(" ")
        by_verb.setdefault(verb, []).append(option or "default")
    told = [
        verb if options == ["default"] else f"{verb} ({', '.join(options)})"
        for verb, options in by_verb.items()
    ]
    return f"{len(names)}: {', '.join(told)}"


def studies() -> str:
    """Lay out the results of the studies."""
    parts = []
    for study in STUDIES:
        found = study.recorded()
        rows = [
            _told_of_figure(scenario, goal, found["scenarios"][scenario][goal.measure])
            for scenario, choices in study.scenarios.items()
            for goal in study.goals(**choices)
        ]
        parts.append(
            f"**{study.number}. {study.aim}** {found['replicates']:,} replicates.\n\n"
            + table(["data", "measure", "figure (error)", "goal", ""], rows)
        )
    return "\n\n".join(parts)


def _told_of_figure(scenario: str, goal, found) -> list[str]:
    share = goal.kind == "share"
    scale, digits, unit = (100, 1, " %") if share else (1, 4, "")
    figure = f"{scale * found['figure']:.{digits}f}{unit} ({scale * found['error']:.{digits}f})"
    bounds = [goal.low, goal.high]
    known = [bound for bound in bounds if abs(bound) != float("inf")]
    if not known:
        return [scenario, goal.measure, figure, "", ""]
    low, high = (f"{scale * bound:.4g}{unit}" for bound in bounds)
    if len(known) == 2:
        told = f"{low} to {high}"
    else:
        told = f"{low} or more" if goal.low in known else f"{high} or less"
    return [scenario, goal.measure, figure, told, "met" if met(goal, found) else "**missed**"]


SECTIONS = {"bad input": bad_input, "relations": relations, "studies": studies}


def section(name: str) -> str:
    """Give what the page has between the marks of a section."""
    return _between(name).search(PAGE.read_text(encoding="utf-8")).group(1).strip()


def put(name: str, text: str) -> None:
    """Write a section anew, leaving the rest of the page as it is."""
    page = PAGE.read_text(encoding="utf-8")
    marked = f"<!-- {name}: begin -->\n\n{text}\n\n<!-- {name}: end -->"
    PAGE.write_text(_between(name).sub(lambda _: marked, page), encoding="utf-8")


def _between(name: str) -> re.Pattern[str]:
    return re.compile(f"<!-- {name}: begin -->(.*?)<!-- {name}: end -->", re.DOTALL)


if __name__ == "__main__":
    for name, written in SECTIONS.items():
        put(name, written())
