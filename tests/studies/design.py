"""What a simulation study is, how it is run, and what is recorded of it.

A study gives an estimate, a limit or a verdict for each replicate; what is recorded is means over
replicates with their Monte Carlo standard error. Replicate k of a scenario has the seed
``SeedSequence(2026, spawn_key=(study, scenario, k))``, so that it can be run alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).with_name("results")
REPLICATES = 2_000


@dataclass(frozen=True)
class Goal:
    """What is measured in each replicate, and between what its summary has to lie.

    ``kind`` is "share" (of replicates in which it is true), "bias" (mean less the truth) or
    "ratio" (mean of the model's standard errors to the spread of the estimates).
    """

    measure: str
    kind: str
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Study:
    """A study: its number, its aim in a sentence, its scenarios, and one replicate of one.

    ``replicate(rng, **scenario)`` gives numbers by the names in ``goals(**scenario)``; a "ratio"
    takes a pair (estimate, standard error), NaN where there is no estimate.
    """

    number: int
    aim: str
    scenarios: dict[str, dict[str, Any]]
    replicate: Callable[..., dict[str, Any]]
    goals: Callable[..., tuple[Goal, ...]]
    replicates: int = REPLICATES

    @property
    def path(self) -> Path:
        """Where its results are kept."""
        return RESULTS / f"study-{self.number:02d}.json"

    def one(self, scenario: str, replicate: int) -> dict[str, Any]:
        """Run one replicate, by itself."""
        place = list(self.scenarios).index(scenario)
        seed = np.random.SeedSequence(2026, spawn_key=(self.number, place, replicate))
        return self.replicate(np.random.default_rng(seed), **self.scenarios[scenario])

    def run(self) -> dict[str, Any]:
        """Run all scenarios and sum them up."""
        found, replicates = {}, self.replicates
        for scenario, choices in self.scenarios.items():
            made = [self.one(scenario, number) for number in range(replicates)]
            found[scenario] = {
                goal.measure: summed_up(goal, [one[goal.measure] for one in made])
                for goal in self.goals(**choices)
            } | {"first replicate": made[0]}
        return {"replicates": replicates, "scenarios": found}

    def record(self) -> None:
        """Run, and keep the results."""
        RESULTS.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self.run(), indent=1) + "\n", encoding="utf-8")

    def recorded(self) -> dict[str, Any]:
        """Give the results kept."""
        return json.loads(self.path.read_text(encoding="utf-8"))


def summed_up(goal: Goal, values: list[Any]) -> dict[str, Any]:
    """Give the figure, its Monte Carlo standard error, and how many replicates had a number."""
    table = np.array(values, dtype=float)
    table = table[np.isfinite(table.reshape(len(table), -1)).all(axis=1)]
    n = len(table)
    if goal.kind == "ratio":
        figure = table[:, 1].mean() / table[:, 0].std(ddof=1)
        error = figure / np.sqrt(2 * (n - 1))
    else:
        figure, error = table.mean(), table.std(ddof=1) / np.sqrt(n)
    return {"figure": float(figure), "error": float(error), "n": n}


def met(goal: Goal, found: dict[str, Any]) -> bool:
    """Whether a figure lies where it has to."""
    return goal.low <= found["figure"] <= goal.high
