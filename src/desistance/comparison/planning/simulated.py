"""Power and precision by simulation of the very design."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance import BalanceDesign, balance_cohorts
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.contrasts import is_ratio
from desistance.comparison.planning.formula import Power
from desistance.errors import ModelError, NobodyToMatchError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def simulated_power(
    simulation: SimulationDesign,
    *,
    design: FollowUpDesign | None = None,
    balance: BalanceDesign | None = None,
    replicates: int = 200,
    rng: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Power:
    """Run the very design on made-up pilots, again and again.

    Parameters
    ----------
    simulation
        What the pilots are like, and the effect they truly have.
    design, balance
        How people are followed up and made alike.
    replicates, rng
        How many pilots; pilot k comes of child k of the seed, so that any can be made again.
    progress
        Called with the number of each pilot done.

    Returns
    -------
    Power
        For each effect: how often its interval left out no effect, `std_error` the Monte-Carlo
        error, and half its interval's mean width; `n` people exposed and matched on average.

    Examples
    --------
    >>> few = SimulationDesign(n_people=120, missing_needs=0.0)
    >>> simulated_power(few, replicates=2, rng=1).to_frame()["outcome"].iloc[0]
    'chance of finding the difference in reoffenders per 100 people'
    """
    if not isinstance(simulation, SimulationDesign):
        raise ModelError(
            f"`simulation` is a SimulationDesign, not a {type(simulation).__name__}: for numbers "
            "of people alone use `power`."
        )
    if replicates < 2:
        raise ModelError("`replicates` is 2 or more.")
    found: list[dict[str, NDArray[np.float64]]] = []
    matched, lost = [], 0
    for k, seed in enumerate(np.random.SeedSequence(rng).spawn(replicates)):
        cases = simulate_cases(simulation, rng=np.random.default_rng(seed))
        followed = follow_up(cases, build_histories(cases), design)
        try:
            balanced = balance_cohorts(followed, balance)
        except NobodyToMatchError:
            lost += 1
            continue
        effects = compare_cohorts(followed, balanced)
        matched.append(balanced.n_matched)
        rows = [effects.effect(name) for name in ("rate", "frequency", "time")]
        found.append({
            str(row["outcome"]): row[["estimate", "conf_low", "conf_high"]].to_numpy(float)
            for row in rows
        })  # fmt: skip
        if progress is not None:
            progress(k + 1)
    if not found:
        raise ModelError("Nobody could be matched in any pilot; make them larger.")
    told: list[dict[str, object]] = []
    for outcome in found[0]:
        values = np.array([one[outcome] for one in found])
        none = 1.0 if is_ratio(outcome) else 0.0
        sure = (values[:, 1] > none) | (values[:, 2] < none)
        scale = np.log if none else np.asarray
        width = (scale(values[:, 2]) - scale(values[:, 1])) / 2
        share = float(sure.mean())
        error = float(np.sqrt(share * (1 - share) / len(sure)))
        about = {"group": "as designed", "n": round(float(np.mean(matched)))}
        unit = " of the logarithm" if none else ""
        told.append(
            about
            | {"outcome": f"chance of finding the {outcome}", "estimate": share, "std_error": error}
        )
        told.append(about | {"outcome": f"half width of the interval of the {outcome}{unit}",
                             "estimate": float(np.nanmean(width))})  # fmt: skip
    frame = pd.DataFrame(told).assign(note="")
    order = ["outcome", "group", "n", "estimate", "std_error", "note"]
    said = [f"{lost} of {replicates} pilots had nobody to match."] if lost else []
    return Power(
        frame[order].sort_values("outcome", kind="stable").reset_index(drop=True),
        f"{len(found)} simulated pilots of {simulation.n_people} people, true hazard ratio "
        f"{simulation.effect:g}",
        tuple(said),
    )
