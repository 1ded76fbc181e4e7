"""The comparison by designs of time, and whether time before joining counts as exposed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from desistance.comparison.timing import (
    ImmortalTime,
    TimedComparisons,
    TimeDesign,
    check_immortal_time,
    compare_designs,
)
from desistance.comparison.timing.compare import ALL
from desistance.comparison.timing.design import Grace, Model, Name
from desistance.errors import ModelError, PlanError
from desistance.followup import follow_up

if TYPE_CHECKING:
    from desistance.balance import Balance
    from desistance.followup import FollowUp


@dataclass(frozen=True, slots=True)
class TimingDesign:
    """The designs of time that stand side by side; see `TimeDesign` for each choice.

    What joining is modelled on is that of the plan's balance; "risk-set" is the plan's comparison.

    Attributes
    ----------
    designs
        Names, in the order to be shown: "risk-set", "nested-trials", "landmark", "time-varying",
        "clone-censor-weight".
    model, every_days, quiet_only, landmark_days, grace_days, grace, truncate
        As in `TimeDesign`.
    """

    designs: tuple[Name, ...] = ALL
    model: Model = "ridge"
    every_days: int = 7
    quiet_only: bool = False
    landmark_days: int = 90
    grace_days: int = 90
    grace: Grace = "evenly"
    truncate: float | None = 0.99

    def __post_init__(self) -> None:
        if not self.designs or len(set(self.designs)) < len(self.designs):
            raise PlanError("`designs` of `timing` names one design or more, each once.")
        problem = ""
        try:
            self.of(())
        except ModelError as error:
            problem = str(error)
        if problem:
            raise PlanError(f"`timing` cannot be used: {problem}")

    def of(self, terms: tuple[str, ...]) -> list[TimeDesign]:
        """Give each design, joining modelled on these terms."""
        return [
            TimeDesign(
                name, terms, self.model, None, self.every_days, self.quiet_only, self.landmark_days,
                self.grace_days, self.grace, None, self.truncate,
            )
            for name in self.designs
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Where time before joining stands, and what each design of time found."""

    immortal: ImmortalTime
    compared: TimedComparisons

    def summary(self) -> str:
        """Say everything in plain text."""
        return f"{self.immortal.summary()}\n\n{self.compared.summary()}"


def compare_timing(
    followed: FollowUp, balanced: Balance, design: TimingDesign, terms: tuple[str, ...]
) -> Timing:  # fmt: skip
    """Check the follow-up for immortal time, and run the designs on the same people."""
    by_calendar = followed
    if followed.design.clock != "calendar":
        histories = followed.histories
        by_calendar = follow_up(
            histories.cases, histories, replace(followed.design, clock="calendar")
        )
    return Timing(
        check_immortal_time(by_calendar),
        compare_designs(followed, design.of(terms), balanced=balanced),
    )
