"""The comparator designs A to E on made-up pilots whose effect is known: ``python -m
tests.studies.comparators [replicates]`` runs them and writes the table of
docs/methods/target-trial.md.

Aim: to show what each design removes and what it lets through. Data: pilots of 1,500 people who
left between 2017 and 2023 in eight areas, five of which start the programme from October 2020 on.
Who joins is drawn at random, among those who have not offended lately, or by risk. Then, by risk:
with needs that nobody recorded, in areas where the rate is half as high again, and while rates fall
by an eighth a year. Estimand: the effect on those who joined and were followed to the end. Methods:
A, B and C as `triangulate` runs them; D by `rollout_effects`, as a ratio to the months before
going live; E the rate of those who joined less that of another force,
as nobody should. Performance: bias and coverage of 95% intervals, with Monte Carlo errors.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from desistance.balance import BalanceDesign
from desistance.comparison import ExternalRate, triangulate
from desistance.comparison.effects.followed import RATE
from desistance.comparison.rollout import area_months, rollout_effects
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import kaplan_meier
from desistance.synthetic import SimulationDesign, simulate_cases

RESULTS = Path(__file__).with_name("results") / "comparators.json"
PAGE = Path(__file__).parents[2] / "docs" / "methods" / "target-trial.md"
MARKS = "<!-- designs: begin -->", "<!-- designs: end -->"
PILOT = SimulationDesign(n_people=1_500, first_exit=date(2017, 1, 1))
BEGAN = date(2020, 4, 1)
TERMS = BalanceDesign().terms
BLIND = tuple(term for term in TERMS if term != "needs")
SCENARIOS: dict[str, dict[str, Any]] = {
    "joining at random": {"selection": "random"},
    "those who have not offended lately": {"selection": "recency"},
    "those at risk": {"selection": "risk"},
    "those at risk, and a true effect of 0.6": {"selection": "risk", "effect": 0.6},
    "those at risk, needs not recorded": {"selection": "risk", "terms": BLIND},
    "those at risk, pilot areas worse": {"selection": "risk", "live_area_ratio": 1.5},
    "those at risk, rates falling": {"selection": "risk", "yearly_ratio": 0.875},
}
DESIGNS = ("A", "B", "C", "D", "E")
Z = 1.959964


def replicate(scenario: str, number: int, elsewhere: float) -> dict[str, list[float]]:
    """Run one pilot: by design, the error of the estimate on its scale, and its standard error."""
    choices = dict(SCENARIOS[scenario])
    terms = choices.pop("terms", TERMS)
    design = replace(PILOT, **({"effect": 1.0} | choices))
    place = list(SCENARIOS).index(scenario)
    seed = np.random.SeedSequence(2026, spawn_key=(20, place, number))
    cases = simulate_cases(design, rng=np.random.default_rng(seed))
    truth = cases.truth.rate_joined - cases.truth.rate_without
    histories = build_histories(cases)
    followed = follow_up(cases, histories, FollowUpDesign(exits_from=BEGAN))
    told = triangulate(
        followed, ["A", "B", "C", "E"], balance=BalanceDesign(terms=terms, way="inverse"),
        outcomes=("rate", "frequency"), external=ExternalRate(elsewhere, "another force"),
    )  # fmt: skip
    found: dict[str, list[float]] = {}
    for letter in ("A", "B", "C"):
        effects = told.found[letter].effects
        rate, ratio = effects.effect("rate"), effects.effect("frequency")
        found[letter] = [
            rate["estimate"] - truth, rate["std_error"],
            np.log(ratio["estimate"] / design.effect), ratio["std_error"],
        ]  # fmt: skip
    own = told.frame[(told.frame["design"] == "E") & (told.frame["outcome"] == RATE)].iloc[0]
    found["E"] = [own["estimate"] - elsewhere - truth, own["std_error"], np.nan, np.nan]
    log_ratio, error = area_level(cases, histories)
    found["D"] = [np.nan, np.nan, log_ratio - np.log(design.effect), error]
    return {letter: [float(value) for value in found[letter]] for letter in DESIGNS}


def area_level(cases, histories) -> tuple[float, float]:
    """Put the effect on areas as a log ratio to the live areas' months before going live."""
    followed = follow_up(cases, histories, FollowUpDesign())
    overall = rollout_effects(followed, permutations=99, draws=99).effect()
    months = area_months(followed)
    before = months[months["go_live"].notna() & (months["month"] < months["go_live"])]
    rate = 100 * before["outcome"].sum() / before["exposure"].sum()
    ratio = 1 + overall["estimate"] / rate
    if not ratio > 0:
        return np.nan, np.nan
    return float(np.log(ratio)), float(overall["std_error"] / rate / ratio)


def rate_elsewhere() -> float:
    """Give the one-year rate, from leaving, of everyone in a force without a programme."""
    design = replace(PILOT, n_people=4_000, effect=1.0, join_share=0.0)
    cases = simulate_cases(design, rng=2026)
    followed = follow_up(cases, build_histories(cases))
    return round(100 * (1 - float(kaplan_meier(followed).at([365])["estimate"].iloc[0])), 1)


def summed_up(made: list[dict[str, list[float]]]) -> dict[str, dict[str, list[float]]]:
    """Give by design and scale: bias, its error, coverage, its error, and how many had a number."""
    found: dict[str, dict[str, list[float]]] = {}
    for letter in DESIGNS:
        table = np.array([one[letter] for one in made])
        found[letter] = {}
        for scale, columns in (("difference", [0, 1]), ("log ratio", [2, 3])):
            off, error = table[:, columns][np.isfinite(table[:, columns]).all(axis=1)].T
            n = len(off)
            if n:
                covered = float((np.abs(off) < Z * error).mean())
                found[letter][scale] = [
                    float(off.mean()), float(off.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0,
                    covered, float(np.sqrt(covered * (1 - covered) / n)), n,
                ]  # fmt: skip
    return found


def table(recorded: dict[str, Any]) -> str:
    """Lay the results out as the page has them."""
    lines = [
        "| who joins | design | bias, per 100 people | coverage | bias, log ratio | coverage |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for scenario, by_design in recorded["scenarios"].items():
        for letter, scales in by_design.items():
            cells = []
            for scale, digits in (("difference", 1), ("log ratio", 2)):
                if scale not in scales:
                    cells += ["", ""]
                    continue
                bias, error, covered, off, _ = scales[scale]
                cells += [f"{bias:+.{digits}f} ({error:.{digits}f})",
                          f"{100 * covered:.0f}% ({100 * off:.0f})"]  # fmt: skip
            lines.append("| " + " | ".join([scenario, letter, *cells]) + " |")
    return "\n".join(lines)


def section() -> str:
    """Give what the page has between the marks."""
    page = PAGE.read_text(encoding="utf-8")
    return page.split(MARKS[0])[1].split(MARKS[1])[0].strip()


def recorded() -> dict[str, Any]:
    """Give the results kept."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def record(replicates: int) -> None:
    """Run all scenarios, keep what they found, and write the page."""
    elsewhere, made = rate_elsewhere(), {}
    with ProcessPoolExecutor() as pool:
        for scenario in SCENARIOS:
            run = partial(replicate, scenario, elsewhere=elsewhere)
            made[scenario] = list(pool.map(run, range(replicates)))
            print(scenario, flush=True)  # noqa: T201
    keep(elsewhere, made)


def keep(elsewhere: float, made: dict[str, list[dict[str, list[float]]]]) -> None:
    """Sum replicates up into the file of results and the table of the page."""
    told = {
        "replicates": min(map(len, made.values())), "elsewhere": elsewhere,
        "scenarios": {scenario: summed_up(runs) for scenario, runs in made.items()},
    }  # fmt: skip
    first = {scenario: runs[0] for scenario, runs in made.items()}
    RESULTS.write_text(json.dumps(told | {"first": first}, indent=1) + "\n", encoding="utf-8")
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    text = f"{before}{MARKS[0]}\n\n{table(told)}\n\n{MARKS[1]}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    record(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
