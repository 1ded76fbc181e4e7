"""What was measured: kept as JSON in `results`, and shown as a table in docs/performance.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cases import CASES
from bench.pairs import Comparison, short, told_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"
HEAD = (
    "| case | rows | peer | goal | fit | whole | memory, ours | peer's | agreement |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def keep(found: Comparison, folder: Path = RESULTS) -> Path | None:
    """Write a comparison beside the others; one that was not measured leaves the last one be."""
    if found.unmeasured:
        return None
    folder.mkdir(exist_ok=True)
    job = f"-{found.job}" if found.job else ""
    path = folder / f"{found.case}-{found.peer}{job}-{found.size}.json"
    path.write_text(json.dumps(_rounded(found.as_json()), indent=1) + "\n", encoding="utf-8")
    return path


def kept(folder: Path = RESULTS) -> list[Comparison]:
    """Read what was kept, in the order of the cases and rivals."""
    places = [(c.name, r.peer, r.job if r.job != c.job else "") for c in CASES for r in c.rivals]
    read = [Comparison(**json.loads(path.read_text("utf-8"))) for path in folder.glob("*.json")]
    known = [found for found in read if (found.case, found.peer, found.job) in places]
    return sorted(known, key=lambda one: (places.index((one.case, one.peer, one.job)), one.size))


def table(found: list[Comparison]) -> str:
    """The measurements as a Markdown table, and the machines they are of."""
    if not found:
        return "Nothing is kept yet: run `python -m bench --full --keep`.\n"
    machines = " and ".join(sorted({one.machine for one in found}))
    versions = {f"{one.peer}: {one.version}" for one in found if one.version}
    return (
        f"Measured on {machines}, one thread. Versions: {'; '.join(sorted(versions))}.\n\n"
        + HEAD
        + "".join(_lines(found))
    )


def write_page(page: Path = PAGE, folder: Path = RESULTS) -> Path:
    """Put the table of what is kept into the page, between its marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table(kept(folder))}\n{END}{after}", encoding="utf-8")
    return page


def _lines(found: list[Comparison]) -> Iterator[str]:
    what = {case.name: case.what for case in CASES}
    for one in found:
        name = f"{one.peer} ({one.job})" if one.job else one.peer
        goal = "" if one.goal is None else f"≥ {one.goal:.3g}"
        memory = "" if one.memory_goal is None else f" (≤ {one.memory_goal:g})"
        agreement = told_gaps(one.gaps) + (f"; {one.because}" if one.because else "")
        cells = (
            [one.refused, "", "", ""]
            if one.refused
            else [
                _ratio(one.fit), _ratio(one.whole),
                _parts(one.ours) + (memory if one.ours is not None else ""), _parts(one.theirs),
            ]
        )  # fmt: skip
        case = f"{one.case}: {what[one.case]}"
        yield "| " + " | ".join([case, f"{one.size:,}", name, goal, *cells, agreement]) + " |\n"


def _ratio(ratio: tuple[float, float, float] | None) -> str:
    return "" if ratio is None else "{} ({} to {})".format(*map(short, ratio))


def _parts(memory: float | None) -> str:
    return "" if memory is None else f"{memory:.2f}"


def _rounded(value: Any) -> Any:
    """Keep three or so digits: more would say more than such a measurement knows."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
