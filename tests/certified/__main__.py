"""Print how many digits are right; with a page named, put the table into that page as well.

``make digits`` does both.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.certified.digits import all_counts
from tests.certified.studies import studies

BEGIN, END = "<!-- digits: begin -->", "<!-- digits: end -->"


def table() -> str:
    """Lay the counts out as a table in Markdown, and say what the data are."""
    rows = list(all_counts())
    quantities = list(dict.fromkeys(name for _, _, counts in rows for name in counts))
    lines = [["data", "model", *quantities], ["---"] * (2 + len(quantities))]
    for study, model, counts in rows:
        cells = [f"{counts[name]:.1f}" if name in counts else "" for name in quantities]
        lines.append([study, model, *cells])
    about = [f"- **{study.name}**: {study.about}" for study in studies().values()]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", *about])


def main() -> None:
    """Count, print, renew."""
    counted = table()
    sys.stdout.write(counted + "\n")
    for name in sys.argv[1:]:
        page = Path(name)
        before, _, after = re.split(f"({BEGIN}.*{END})", page.read_text("utf-8"), flags=re.DOTALL)
        page.write_text(f"{before}{BEGIN}\n\n{counted}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
