"""Draw docs/rules-of-time.md from the timelines: ``python -m tests.spec``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.spec import timelines
from tests.spec.rules import SECTIONS
from tests.spec.timelines import Timeline, day_0

PAGE = Path(__file__).parents[2] / "docs" / "rules-of-time.md"
HEAD = """# Rules of time

<!-- Written by `make rules` from tests/spec/rules.py; a test keeps the two the same. -->

Every rule by which days are counted, as a life in which it shows. Each drawing is a test: it is
turned into a case file, run through the library, and must give what stands below it. The rules are
stated in [Methods](methods.md#rules-of-time), in the words of the [glossary](glossary.md).

One character is a day, and what happens on the same days is drawn on lines of its own:

```text
{legend}
```

Below a drawing, `-` is a day at risk, `=` a day at risk after joining, and `*` the day of a
reoffence (or, by kind, of death). `(5, 19]` means at risk on the days after day 5, up to and
including day 19.
"""
LABEL = 10
STEP = 10


def page() -> str:
    """Write the whole page."""
    legend = timelines.__doc__.split("\n\n")[1]
    parts = [HEAD.format(legend="\n".join(line[4:] for line in legend.splitlines()))]
    for title, rules in SECTIONS.items():
        parts += [f"## {title}\n", *map(drawing, rules)]
    return "\n".join(parts)


def drawing(rule: Timeline) -> str:
    """Draw a rule: days, life, days at risk, and what comes out of it."""
    lines = rule.days.splitlines()
    shown = [("day", _ruler(max(map(len, lines)), day_0(rule.days)))]
    shown += [("" if place else "life", line) for place, line in enumerate(lines)]
    if rule.told[0].startswith("(") and rule.of in ("at risk", "every reoffence", "first, by kind"):
        shown += [("at risk", _marks(rule))] * (rule.design.get("clock") != "street")
    label = "rows" if rule.of == "at risk" else rule.of
    shown += [("" if place else label, told) for place, told in enumerate(rule.told)]
    if rule.design:
        design = ", ".join(f"{name} = {value}" for name, value in rule.design.items())
        shown.append(("design", design))
    width = max(LABEL, *(len(label) + 2 for label, _ in shown))
    text = "\n".join(f"{label:<{width}}{line}".rstrip() for label, line in shown)
    return f"{rule.says}\n\n```text\n{text}\n```\n"


def _ruler(length: int, zero: int) -> str:
    """Number every tenth day from day 0, as far as a drawing goes."""
    ruler = ""
    for place in range(zero % STEP, length, STEP):
        ruler = ruler.ljust(place) + str(place - zero)
    return ruler


def _marks(rule: Timeline) -> str:
    """Mark each day at risk under its character."""
    zero, marks = day_0(rule.days), {}
    for told in rule.told:
        start, stop = map(int, re.match(r"\((\d+), (\d+)\]", told).groups())
        marks |= dict.fromkeys(range(start + 1, stop + 1), "=" if "7PP" in told else "-")
        if "event" in told or (rule.of == "first, by kind" and not told.endswith("]")):
            marks[stop] = "*"
    return "".join(marks.get(day, " ") for day in range(-zero, max(marks) + 1))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
