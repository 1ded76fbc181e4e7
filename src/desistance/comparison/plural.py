"""The effect in each cohort of those who joined: by area, tier or wave of intake.

The matches are those of the whole comparison, cut by whom they are for: the chance of joining is
estimated once, the balance and the effects anew within each cohort. Every cohort has the same
follow-up and waiting behind it (equal maturity), so that early waves do not look worse for having
been watched longer. Cohorts are small, and some differ by chance: their spread is not evidence that
the programme works in one place and not in another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from desistance.balance import (
    BalanceDesign,
    Comparator,
    balance_sets,
    score_sets,
    within_sets,
)
from desistance.balance.rows import refuse_no_followup
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.compare import MAIN
from desistance.comparison.effects.followed import HAZARD, RATIO
from desistance.comparison.effects.result import SHORT
from desistance.comparison.effects.wording import FEWEST, not_reported
from desistance.errors import ModelError, NobodyToMatchError, NoOverlapError
from desistance.histories.days import NEVER, to_dates
from desistance.plots import DARK_GREY, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, NOT_REPORTED, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from desistance.balance import Balance
    from desistance.comparison.effects import CohortComparison
    from desistance.followup import FollowUp

By = Literal["area", "tier", "wave", "exit wave"]
COLUMN = {"area": "area_id", "tier": "tier"}
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
COLUMNS = ("group", "outcome", "n", "n_compared", "light", *NUMBERS, "note")
KINDS = {"n": "Int64", "n_compared": "Int64"} | dict.fromkeys(NUMBERS, "float64")
UNKNOWN = "not known"
FEW = f"{NOT_REPORTED}: fewer than {FEWEST} people joined"
UNLIKE = f"{NOT_ESTIMABLE}: nobody, and no weights, make the cohort and the others alike"


@dataclass(frozen=True, slots=True, repr=False)
class CohortEffects(Result):
    """The effect in each cohort of those who joined.

    Attributes
    ----------
    by : str
        What makes the cohorts: "area", "tier", "wave" (quarter of joining) or "exit wave".
    frame : DataFrame
        A row per cohort and outcome: ``group, outcome, n, n_compared, light, estimate, std_error,
        conf_low, conf_high, p_value, note``. A cohort whose balance is red, or that rests on fewer
        than 30 people, has no estimates here; they stand in ``found[cohort]``.
    found : dict of cohort to CohortComparison
    balanced : dict of cohort to Balance
        Without the cohorts that could not be compared.
    definition : str
    caveats : tuple of str
    """

    by: By
    frame: pd.DataFrame
    found: dict[str, CohortComparison]
    balanced: dict[str, Balance]
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per cohort and outcome."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say the effects by cohort, and how alike each is to those it is compared with."""
        return "\n".join(
            [
                f"Effect of joining by {self.by}, {self.frame['group'].nunique()} cohorts: "
                f"{self.definition}",
                text_table(self.frame, digits=2),
                *self.caveats,
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the ratio of reoffences of each cohort (or its hazard ratio) with its interval."""
        there = self.frame["outcome"].unique()
        outcome = next((name for name in (RATIO, HAZARD) if name in there), there[0])
        rows = self.frame[self.frame["outcome"] == outcome]
        ax = new_axes(ax, size=(7.2, 0.38 * len(rows) + 1.4))
        place = np.arange(len(rows))[::-1]
        share, low, high = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
        ratio = "ratio" in outcome
        ax.axvline(1 if ratio else 0, color=DARK_GREY, lw=0.8)
        ax.errorbar(share, place, xerr=(share - low, high - share), fmt="o", capsize=3)
        ax.set_yticks(place, rows["group"])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        if ratio and np.isfinite(share).any():
            ratio_axis(ax)
        ax.set_xlabel(f"{outcome.capitalize()} (to the left: less reoffending)")
        return ax


def compare_by(
    followed: FollowUp,
    by: By = "wave",
    *,
    balance: BalanceDesign | None = None,
    outcomes: Sequence[str] = MAIN,
    until_joining: bool = False,
    confidence: float = 0.95,
) -> CohortEffects:
    """Compare each cohort of those who joined with the people matched to them.

    Parameters
    ----------
    followed
        From `follow_up`.
    by
        "area" or "tier" on leaving, "wave" for the quarter of joining, "exit wave" for that of
        leaving.
    balance
        How each cohort's people are made alike: weighed until the means are equal when None. Its
        `comparator` names a concurrent or historical baseline; without one it is everybody at risk
        on the same day, at equal maturity.
    outcomes, until_joining, confidence
        As in `compare_cohorts`.

    Raises
    ------
    ModelError
        If `by` is none of these, or nobody can be matched.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=300), rng=3)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> compare_by(followed, "tier", outcomes=["time"]).to_frame()["group"].tolist()
    ['FIXED', 'FLEX', 'FREE']
    """
    return compare_by_each(
        followed, [by], balance=balance, outcomes=outcomes, until_joining=until_joining,
        confidence=confidence,
    )[0]  # fmt: skip


def compare_by_each(
    followed: FollowUp,
    several: Sequence[By],
    *,
    balance: BalanceDesign | None = None,
    outcomes: Sequence[str] = MAIN,
    until_joining: bool = False,
    confidence: float = 0.95,
) -> tuple[CohortEffects, ...]:
    """Do the work of `compare_by` for several kinds of cohort, with one chance of joining."""
    unknown = [by for by in several if by not in get_args(By)]
    if unknown:
        raise ModelError(f"`by` is one of {', '.join(get_args(By))}; not {', '.join(unknown)}.")
    if not len(several):
        return ()
    refuse_no_followup(followed)
    balance = balance or BalanceDesign(way="entropy")
    if balance.comparator is None:
        balance = replace(balance, comparator=Comparator("any"))
    chance = score_sets(followed, balance)
    assert chance.sets is not None
    person, match = chance.sets["person"].to_numpy(), chance.sets["match"].to_numpy()
    own = chance.sets[chance.sets["exposed"]]
    found = []
    for by in several:
        cohort = _cohorts(followed, by)
        of_set = pd.Series(cohort[own["person"]], index=own["match"]).loc[match].to_numpy()
        balanced: dict[str, Balance] = {}
        effects: dict[str, CohortComparison] = {}
        rows: list[dict[str, Any]] = []
        for name in sorted(set(of_set)):
            chosen = of_set == name
            if by == "tier":
                chosen &= cohort[person] == name
            n = int((chosen & chance.exposed).sum())
            why = FEW if n < FEWEST else ""
            try:
                if not why:
                    balanced[name] = balance_sets(within_sets(chance, chosen), balance)
            except (NobodyToMatchError, NoOverlapError):
                why = UNLIKE
            if not why:
                effects[name] = compare_cohorts(
                    followed, balanced[name], outcomes, until_joining=until_joining,
                    confidence=confidence,
                )  # fmt: skip
            head = {"group": name, "n": n}
            rows += [
                row | head for row in _rows(effects.get(name), balanced.get(name), outcomes, why)
            ]
        frame = pd.DataFrame(rows).reindex(columns=COLUMNS).astype(KINDS)
        frame = frame.fillna({"note": "", "light": ""})
        found.append(
            CohortEffects(by, frame, effects, balanced, _definition(followed), _caveats(frame))
        )
    return tuple(found)


def _rows(
    effects: CohortComparison | None, balanced: Balance | None, outcomes: Sequence[str], why: str
) -> list[dict[str, Any]]:
    """Lay out the effects of one cohort, or say why there are none."""
    wanted = [SHORT[outcome] for outcome in outcomes]
    if effects is None or balanced is None:
        return [{"outcome": name, "note": why} for name in wanted]
    head = {"n_compared": balanced.n_compared, "light": balanced.light}
    why = not_reported(balanced)
    if why:
        return [head | {"outcome": name, "note": why} for name in wanted]
    return [row | head for row in effects.rows_of(outcomes)]


def _cohorts(followed: FollowUp, by: By) -> np.ndarray:
    """Name the cohort of each person followed."""
    if by in COLUMN:
        return followed.people[COLUMN[by]].astype("string").fillna(UNKNOWN).to_numpy(object)
    day = followed.index_day
    if by == "wave":
        day = np.where(followed.joined < NEVER, day + followed.joined, NEVER)
    when = to_dates(day).dt
    quarter = when.year.astype("Int64").astype("string") + " Q" + when.quarter.astype(
        "Int64").astype("string")  # fmt: skip
    return quarter.fillna(UNKNOWN).to_numpy(object)


def _definition(followed: FollowUp) -> str:
    design = followed.design
    return (
        f"proven reoffences in {design.offence_set} within {design.months} months of joining "
        f"{design.joining}, of those whose follow-up and waiting are complete"
    )


def _caveats(frame: pd.DataFrame) -> tuple[str, ...]:
    said = [
        "Cohorts share people they are compared with, and some differ by chance: read them all."
    ]
    none = frame.groupby("group")["estimate"].count() == 0
    if none.any():
        said.append(
            f"{int(none.sum())} of {len(none)} cohorts have no estimate: too few people, or too "
            "unlike those they are compared with."
        )
    return tuple(said)
