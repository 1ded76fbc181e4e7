"""Histories at scale: `python -m bench.histories`, and by hand with `--people N`.

Without arguments, what `make bench-histories` does: the cases P14 at 1e5 and 1e6 people against
every peer that is there, how our time grows, and the whole way from tables to a Cox model.

    --people 10000000 --ceiling 8    the whole way from Parquet, the process held to 8 GiB
    --people 1000000 --spark 2       the same on Spark, on two cores of this machine
"""

from __future__ import annotations

import argparse
import resource
import sys
from math import ceil, log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import desistance as d
from bench.cases import CASES
from bench.child import measure
from bench.data import FIRST, LAST, SEED, made
from bench.pairs import compare
from desistance.cases.casedata import ACCOUNTS
from desistance.cases.parse import empty_column
from desistance.cases.quality import QualityReport, faults_frame
from desistance.schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desistance.cases import CasesInBlocks
    from desistance.followup import FollowUp, FollowUpInBlocks

PEOPLE_A_BLOCK = 100_000
SIZES = (100_000, 1_000_000)
CODES = ("008", "028/01", "045/10", "046", "092", "105/01")
EXTRACT = pd.Timestamp("2024-12-31")
TERMS = ["age", "sex", "n_previous", "custody_days"]


def made_cases(n: int, *, block: int = 0) -> d.CaseData:
    """Make `n` people with 10 offences and 2 spells in custody each, as if they had been checked.

    Blocks of other numbers hold other people; text, dates and all, as from `load_cases`.
    """
    rng = np.random.default_rng([SEED, block])
    ids = np.char.mod("P%010d", block * PEOPLE_A_BLOCK + np.arange(n)).astype(object)
    offender, inside = np.repeat(np.arange(n), 10), np.repeat(np.arange(n), 2)
    day = rng.integers(FIRST, LAST, (n, 10))
    day.sort(axis=1)
    day = day.ravel()
    recorded = day + rng.integers(0, 20, len(day))
    went_in = rng.integers(FIRST, LAST, len(inside))
    left = rng.integers(43_500, 44_500, n)
    frames: dict[str, dict[str, object]] = {
        "people": {
            "person_id": ids,
            "birth_month": _dates(rng.integers(23_741, 34_699, n), "M"),
            "sex": rng.choice(np.array(["F", "M"], object), n),
        },
        "episodes": {
            "person_id": ids, "programme": "IOM", "start_date": _dates(left - 400),
            "end_date": _dates(left), "end_reason": "completed",
        },
        "offences": {
            "person_id": ids[offender],
            "offence_date": _dates(day),
            "recorded_date": _dates(recorded),
            "outcome_date": _dates(recorded + rng.integers(10, 300, len(day))),
            "offence_code": rng.choice(np.array(CODES, object), len(day)),
            "outcome": np.where(rng.random(len(day)) < 0.7, "convicted", "nfa"),
        },
        "custody": {
            "person_id": ids[inside], "in_date": _dates(went_in),
            "out_date": _dates(went_in + rng.integers(1, 200, len(inside))), "kind": "sentence",
        },
    }  # fmt: skip
    tables = {table.name: _table(table.name, frames.get(table.name, {})) for table in TABLES}
    counts = [(name, len(rows), len(rows), 0, 0) for name, rows in tables.items()]
    quality = QualityReport(pd.DataFrame(counts, columns=list(ACCOUNTS)), faults_frame([]), {})
    return d.CaseData(**tables, extra=(), quality=quality, sources={}, extract_date=EXTRACT)


def _dates(days: np.ndarray, unit: str = "D") -> np.ndarray:
    dates = np.datetime64("1900-01-01", "D") + days.astype("m8[D]")
    return dates.astype(f"M8[{unit}]").astype("M8[ns]")


def _table(name: str, columns: dict[str, object]) -> pd.DataFrame:
    given, table = pd.DataFrame(columns), next(table for table in TABLES if table.name == name)
    filled = {}
    for column in table.columns:
        nothing = empty_column(column, len(given))
        values = given.get(column.name, nothing)
        filled[column.name] = pd.Series(values).astype(pd.Series(nothing).dtype)
    return pd.DataFrame(filled)


def study(cases: d.CaseData | CasesInBlocks) -> tuple[str, dict[str, float]]:
    """Go the whole way, and say what was found and what each step took, in wall seconds."""
    took, began = {}, perf_counter()

    def lap(step: str) -> None:
        nonlocal began
        took[step], began = perf_counter() - began, perf_counter()

    followed: FollowUp | FollowUpInBlocks
    if isinstance(cases, d.CaseData):
        followed = d.follow_up(cases, d.build_histories(cases))
    else:
        followed = d.follow_up(cases, d.build_histories(cases))
    lap("histories and follow-up")
    rates = d.reoffending_rates(followed).to_frame()
    lap("rates")
    curve = d.kaplan_meier(followed, "sex")
    lap("Kaplan-Meier")
    fit = d.fit_cox(followed, TERMS)
    lap("Cox")
    found = (
        f"{curve.n_people:,} people, {curve.n_events:,} events, one-year rate "
        f"{rates['estimate'].iloc[0]:.6f}, log hazard of age {fit.coefficients['age']:.12f}"
    )
    return found, took


def write(people: int, folder: Path) -> None:
    """Write people to a folder of Parquet, block by block."""
    sizes = [PEOPLE_A_BLOCK] * (people // PEOPLE_A_BLOCK) + [people % PEOPLE_A_BLOCK]

    def parts() -> Iterator[d.CaseData]:
        for block, n in enumerate(sizes):
            if n:
                yield made_cases(n, block=block)

    d.write_blocks(parts(), folder, n_blocks=1)


def by_hand(people: int, ceiling: float | None, cores: int | None, folder: Path) -> None:
    """Write a data set and go the whole way from it, under a ceiling or on Spark."""
    cases_in = folder / "cases"
    if not cases_in.is_dir():
        write(people, cases_in)
    size = sum(file.stat().st_size for file in cases_in.rglob("*.parquet"))
    print(f"{people:,} people, {10 * people:,} offences: {size / 2**30:.2f} GiB of Parquet")
    if ceiling is not None:
        resource.setrlimit(resource.RLIMIT_AS, (int(ceiling * 2**30),) * 2)
    engine = "local" if cores is None else d.start_spark(cores, memory="4g")
    n_blocks = None if cores is None else max(2 * cores, ceil(people / PEOPLE_A_BLOCK))
    cpu = process_time()
    found, took = study(d.open_cases(cases_in, engine, n_blocks=n_blocks))
    print(found)
    print(", ".join(f"{step} {seconds:,.0f} s" for step, seconds in took.items()))
    print(f"{sum(took.values()):,.0f} s in all; CPU here {process_time() - cpu:,.0f} s; {_peak()}")


def _peak() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


def beside_peers(pairs: int) -> bool:
    """Measure the cases P14; False if a goal is missed by half."""
    fine = True
    for case in (case for case in CASES if case.name.startswith("P14")):
        for size in (size for size in SIZES if size <= case.size):
            print(f"{case.name}: {case.what}, {size:,} {case.unit}", flush=True)
            for rival in case.rivals:
                found = compare(case, rival, size, pairs=pairs)
                print(f"  {found}", flush=True)
                fine &= found.fine
    return fine


def growth(times: int) -> None:
    """Say how our time for the cases P14 grows, the least of some runs at each size."""
    spent = {
        size: min(
            measure("ours", "histories", made("histories", size), once=False)["fit"][0]
            for _ in range(times)
        )
        for size in SIZES
    }
    print(f"Ours grows with people to the power {_exponent(spent):.2f} (at most 1.20)", flush=True)


def _exponent(seconds: dict[int, float]) -> float:
    (few, quick), (many, slow) = sorted(seconds.items())
    return log(slow / quick) / log(many / few)


def whole_way() -> None:
    """Take what the same costs from tables of text and dates: the door, and all that follows."""
    spent: dict[int, float] = {}
    study(made_cases(1_000))  # so that all is imported
    for people in SIZES:
        cases = made_cases(people)
        cpu = process_time()
        found, _ = study(cases)
        spent[people] = process_time() - cpu
        print(f"The whole way: {found}; CPU {spent[people]:.2f} s, {_peak()}", flush=True)
    print(f"It grows with people to the power {_exponent(spent):.2f}")


def main() -> int:
    """Measure what is asked for; 1 if a ratio was refused or is below half its goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.histories", description=__doc__)
    parser.add_argument("--people", type=int, help="the whole way, with so many people")
    parser.add_argument("--ceiling", type=float, metavar="GIB", help="of the process's memory")
    parser.add_argument("--spark", type=int, metavar="CORES", help="on Spark, on this machine")
    parser.add_argument("--folder", type=Path, help="where to write (and keep) the people")
    parser.add_argument("--pairs", type=int, default=3, help="of runs beside each peer (3)")
    asked = parser.parse_args()
    if asked.people is None:
        whole_way()
        growth(asked.pairs)
        return 0 if beside_peers(asked.pairs) else 1
    if asked.folder is not None:
        by_hand(asked.people, asked.ceiling, asked.spark, asked.folder)
        return 0
    with TemporaryDirectory(prefix="desistance-bench-") as folder:
        by_hand(asked.people, asked.ceiling, asked.spark, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
