"""From a number of each cohort to rows: the two numbers, their difference and their ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from desistance.checks import is_number
from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.comparison.effects.variance import Clusters

    Floats = NDArray[np.float64]

Row = dict[str, Any]
AGAINST = "joined against comparison"
TINY = 1e-9  # a standard error below this is none
COLUMNS = [
    "outcome", "group", "n", "n_events", "person_years", "estimate", "std_error", "conf_low",
    "conf_high", "p_value", "note",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class OfBoth:
    """A number of each cohort, the comparison first, and what n rows move it by.

    Attributes
    ----------
    each : two floats, in units of 1 / `scale`
    moves : float64 array, shape (2, n)
    joined : bool array, shape (n,)
    told : of each cohort, what else its row says (``n``, ``n_events``), and what `Basis` needs
    limits : what the number cannot be beyond, in the units shown
    note : why it cannot be estimated, or empty
    """

    each: tuple[float, float]
    moves: Floats
    joined: NDArray[np.bool_]
    told: tuple[Row, Row]
    scale: float = 1.0
    limits: tuple[float, float] = (-np.inf, np.inf)
    note: str = ""
    same: str = "all are the same"


def reach(confidence: float) -> float:
    """Say how many standard errors an interval reaches; refuse a confidence that is none."""
    if not is_number(confidence) or not 0 < confidence < 1:
        raise ModelError("`confidence` lies between 0 and 1, as 0.95.")
    return float(norm.ppf(0.5 + confidence / 2))


def rows_of(
    both: OfBoth,
    names: tuple[str, str],
    label: str,
    clusters: Clusters,
    z: float,
    *,
    difference: str = "",
    ratio: str = "",
) -> list[Row]:
    """Give each cohort's row, and those of the contrasts that have a label.

    Beside what it shows, each says under ``of`` which people of either cohort it rests on.
    """
    contrasts = [name for name in (difference, ratio) if name]
    if both.note:
        return [no_effect(name, both.note) | {"of": both.told} for name in contrasts]
    rows: list[Row] = []
    errors = []
    for place, (name, value) in enumerate(zip(names, both.each, strict=True)):
        error = both.scale * clusters.own_error(both.moves[place], both.joined == bool(place))
        shown = both.scale * value
        if error <= TINY * max(abs(shown), np.finfo(float).tiny):
            return [
                no_effect(one, f"in {name}, {both.same}") | {"of": both.told} for one in contrasts
            ]
        errors.append(error)
        rows.append(
            {"outcome": label, "group": name}
            | both.told[place]
            | {
                "estimate": shown, "std_error": error,
                "conf_low": max(shown - z * error, both.limits[0]),
                "conf_high": min(shown + z * error, both.limits[1]),
            }
        )  # fmt: skip
    if difference:
        gap = both.scale * both.each[1] - both.scale * both.each[0]
        error = both.scale * clusters.one_error(both.moves[1] - both.moves[0])
        rows.append(effect_row(difference, gap, error, z, least=TINY * max(errors)))
    if ratio:
        if min(both.each) <= 0:
            rows.append(no_effect(ratio, "a ratio is of numbers above 0"))
        else:
            gap = float(np.log(both.each[1]) - np.log(both.each[0]))
            moves = both.moves[1] / both.each[1] - both.moves[0] / both.each[0]
            rows.append(effect_row(ratio, gap, clusters.one_error(moves), z, ratio=True))
    return [row | {"of": both.told} for row in rows]


def effect_row(
    outcome: str, estimate: float, error: float, z: float, *, ratio: bool = False,
    least: float = TINY, why: str = "no reoffence, or only one person, in one of the cohorts",
) -> Row:  # fmt: skip
    """Give the row of one effect; of a ratio the estimate and error are of its logarithm."""
    if not np.isfinite(estimate) or not error > least:
        return no_effect(outcome, why)
    low, high = estimate - z * error, estimate + z * error
    shown = np.exp([estimate, low, high]) if ratio else np.array([estimate, low, high])
    return {
        "outcome": outcome, "group": AGAINST,
        "estimate": shown[0], "std_error": error, "conf_low": shown[1], "conf_high": shown[2],
        "p_value": float(2 * norm.sf(abs(estimate / error))),
    }  # fmt: skip


def is_ratio(outcome: str) -> bool:
    """Tell the name of a ratio from that of a difference, whatever the columns are called."""
    return outcome.startswith(("ratio of ", "hazard ratio of "))


def tidy(rows: list[Row]) -> pd.DataFrame:
    """Lay rows out in the columns every effect has."""
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return frame.fillna({"note": ""}).astype({"n": "Int64", "n_events": "Int64"})


def no_effect(outcome: str, why: str) -> Row:
    """Give the row of an effect that cannot be estimated."""
    return {"outcome": outcome, "group": AGAINST, "note": f"{NOT_ESTIMABLE}: {why}"}
