"""Write `daily.csv` and `certified.json` again: ``python -m tests.certified.make``."""

from __future__ import annotations

import json
from math import ceil, exp, log
from pathlib import Path
from random import Random

from tests.certified.fifty_digits import cox, time_model
from tests.certified.studies import studies

HERE = Path(__file__).parent
OF_TIME = ("rossi", "recid", "veteran")


def daily(n: int = 800) -> str:
    """Make up people followed for up to two years: many days, few ties, a calendar year."""
    draw = Random(20_261_124)
    lines = ["arm,priors,age,year,day,event"]
    for _ in range(n):
        arm, priors = int(draw.random() < 0.3), int(-4 * log(1 - draw.random()))
        age, year = round(18 + 30 * draw.random(), 2), 2012 + int(10 * draw.random())
        rate = exp(-0.4 * arm + 0.06 * priors - 0.03 * (age - 30) + 0.05 * (year - 2016)) / 500
        day = ceil(-log(1 - draw.random()) / rate)
        last = 180 + int(551 * draw.random())
        lines.append(f"{arm},{priors},{age},{year},{min(day, last)},{int(day <= last)}")
    return "\n".join(lines) + "\n"


def certified() -> list[dict[str, object]]:
    """Solve every model of every study."""
    answers = []
    for name, study in studies().items():
        for ties in ("efron", "breslow"):
            answers.append({"study": name, "model": "cox", "ties": ties} | cox(study, ties))
        if name in OF_TIME:
            for distribution in ("weibull", "log-normal"):
                answers.append(
                    {"study": name, "model": "time", "distribution": distribution}
                    | time_model(study, distribution)
                )
    return answers


if __name__ == "__main__":
    (HERE / "daily.csv").write_text(daily(), encoding="utf-8")
    answers = json.dumps(certified(), indent=1)
    (HERE / "certified.json").write_text(answers + "\n", encoding="utf-8")
