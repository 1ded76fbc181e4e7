"""For whom joining may do more: explored where the plan asks for it, never a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.comparison.exploratory import Explored, effects_by_dose, effects_by_need
from desistance.comparison.exploratory.dose import CONTACTS
from desistance.errors import PlanError

if TYPE_CHECKING:
    from desistance.balance import Balance
    from desistance.followup import FollowUp


@dataclass(frozen=True, slots=True)
class ExploratoryDesign:
    """What is explored; see `desistance.comparison.exploratory`.

    Attributes
    ----------
    needs, dose
        Whether by need and the number of needs, and by contacts and partner; the second only
        where the table `support` has contacts.
    bands
        The first number of needs of each band after the first.
    landmark, dose_bands
        Days after joining whose contacts count, and the first number of contacts of each band after
        the first.
    """

    needs: bool = True
    dose: bool = True
    bands: tuple[int, ...] = (2, 4)
    landmark: int = 60
    dose_bands: tuple[int, ...] = (1, 4)

    def __post_init__(self) -> None:
        if not (self.needs or self.dose):
            raise PlanError("`exploratory` explores `needs`, `dose` or both.")
        for name, bands in (("bands", self.bands), ("dose_bands", self.dose_bands)):
            if not bands or min(bands) < 1 or (np.diff(bands) < 1).any():
                raise PlanError(
                    f"`{name}` of `exploratory` are whole numbers from 1 on, ascending."
                )


def explore(
    followed: FollowUp, balanced: Balance, design: ExploratoryDesign
) -> tuple[Explored, ...]:  # fmt: skip
    """Explore what the plan asks for, in its order."""
    found = []
    if design.needs:
        found.append(effects_by_need(followed, balanced, bands=design.bands))
    if design.dose and followed.histories.cases.support["kind"].isin(CONTACTS).any():
        found.append(
            effects_by_dose(
                followed, balanced, landmark=design.landmark, bands=design.dose_bands
            )
        )  # fmt: skip
    return tuple(found)
