"""Needs that nobody assessed, filled in for the model of needs: beside its complete cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from desistance.errors import PlanError
from desistance.imputation import Imputed, PooledCox, TippingNeeds, impute_needs, tipping_needs
from desistance.imputation.tipping import DELTAS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.evaluation.plan import HazardDesign
    from desistance.followup import FollowUp


@dataclass(frozen=True, slots=True)
class MissingDesign:
    """How missing needs are filled in for the Cox model of needs; see `desistance.imputation`.

    Attributes
    ----------
    copies, cycles, seed
        Completed copies, rounds of each chain, and the seed of the draws.
    using
        Columns besides those of the model that say who has a need, or who was not assessed.
    tipping
        The covariate of the model whose conclusion is tried under needs ever more unlike those
        assessed ("exposed"); None for no such trial.
    among
        A yes/no column whose people's unassessed needs are shifted then; None for everyone's.
    deltas
        Shifts of the log odds to be tried, besides 0.
    """

    copies: int = 20
    cycles: int = 10
    seed: int = 0
    using: tuple[str, ...] = ()
    tipping: str | None = None
    among: str | None = "exposed"
    deltas: tuple[float, ...] = DELTAS

    def __post_init__(self) -> None:
        if min(self.copies, self.cycles) < 2 or self.seed < 0:
            raise PlanError(
                "`copies` and `cycles` of `missing` are 2 or more, its `seed` 0 or more."
            )
        if not self.deltas:
            raise PlanError("`deltas` of `missing` are one shift or more.")


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """The model of needs with what was missing filled in.

    `tipping` is None where the plan does not ask for it, or no need is missing.
    """

    imputed: Imputed
    pooled: PooledCox
    tipping: TippingNeeds | None

    def summary(self) -> str:
        """Say everything in plain text."""
        parts = (self.imputed, self.pooled, self.tipping)
        return "\n\n".join(part.summary() for part in parts if part is not None)


def fill_in(
    followed: FollowUp, terms: Sequence[str], hazards: HazardDesign, design: MissingDesign
) -> Missing:
    """Fill in what is missing of the terms of a Cox model, and fit it to every copy."""
    using = [name for name in design.using if name not in terms]
    imputed = impute_needs(
        followed, [*terms, *using], copies=design.copies, cycles=design.cycles, rng=design.seed
    )
    pooled = imputed.fit_cox(terms, ties=hazards.ties, variance=hazards.variance)
    tipping = None
    if design.tipping is not None and imputed.yes_no:
        tipping = tipping_needs(
            followed, terms, of=design.tipping, using=using, deltas=design.deltas,
            among=design.among, copies=design.copies, cycles=design.cycles, rng=design.seed,
            ties=hazards.ties, variance=hazards.variance,
        )  # fmt: skip
    return Missing(imputed, pooled, tipping)
