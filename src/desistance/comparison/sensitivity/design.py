"""The choices of a stress test, fixed before outcomes are seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from desistance.checks import is_number, is_whole
from desistance.errors import ModelError
from desistance.followup.design import Clock

Outcome = Literal["rate", "frequency", "time"]
OFFENCE_SETS = ("ANY_RECORDABLE", "ACQUISITIVE_ALL", "SAC_HMICFRS2022", "SAC_HO2008", "VIOLENT")


@dataclass(frozen=True, slots=True)
class SensitivityDesign:
    """Which choices are changed, one at a time, and which checks are made.

    A value that the follow-up or the balance has already is not run again. Of a plain frame, the
    outcomes and the negative control are arguments of `stress_test`.

    Attributes
    ----------
    outcome
        The effect that is stressed: "rate", "frequency" or "time".
    family
        Effects whose p-values are shown adjusted for how many they are.
    unfair_time_zeros
        Whether to show what unfair clocks would have found: everyone who joined followed from
        joining and the others from leaving, and by whether they ever joined. They are marked, and
        never read as support.
    days_left_out
        First days after joining that are left out on both sides.
    months, waiting_months, clocks, offence_sets
        Other values for the follow-up.
    later_joiners
        Whether to change what becomes of comparison people who join later.
    calipers, ratios
        Other values for the balance.
    exits_left_out
        Spans of days, both ends in: whoever left in one is left out in turn (a police operation,
        an early release).
    areas
        Whether to leave out each area in turn.
    detection
        Whether to split reoffences by how they came to notice.
    negative_control
        Offence set that the programme should not move, or None.
    """

    outcome: Outcome = "rate"
    family: tuple[Outcome, ...] = ("rate", "frequency", "time")
    unfair_time_zeros: bool = True
    days_left_out: tuple[int, ...] = (30, 90)
    months: tuple[int, ...] = (6, 18)
    waiting_months: tuple[int, ...] = (3, 12)
    clocks: tuple[Clock, ...] = ("calendar", "street")
    offence_sets: tuple[str, ...] = OFFENCE_SETS
    later_joiners: bool = True
    calipers: tuple[float, ...] = (0.1, 0.4)
    ratios: tuple[int, ...] = (1, 5)
    exits_left_out: tuple[tuple[date, date], ...] = ()
    areas: bool = True
    detection: bool = True
    negative_control: str | None = "SUMMARY_MOTORING"

    def __post_init__(self) -> None:
        unknown = {self.outcome, *self.family} - {*get_args(Outcome)}
        if unknown or not self.family:
            raise ModelError(f"`outcome` and `family` are of {', '.join(get_args(Outcome))}.")
        self._check_values()
        if any(first > last for first, last in self.exits_left_out):
            raise ModelError("A span of `exits_left_out` begins before it ends.")

    def _check_values(self) -> None:
        """Refuse values that no follow-up and no balance can have."""
        for name, values, least in (
            ("days_left_out", self.days_left_out, 1), ("months", self.months, 1),
            ("waiting_months", self.waiting_months, 0), ("ratios", self.ratios, 1),
        ):  # fmt: skip
            if not all(is_whole(value, least) for value in values):
                raise ModelError(f"`{name}` are whole numbers, {least} or more.")
        if not all(is_number(caliper) and caliper > 0 for caliper in self.calipers):
            raise ModelError("`calipers` are above 0.")
        if set(self.clocks) - {*get_args(Clock)}:
            raise ModelError(f"`clocks` are of {', '.join(get_args(Clock))}.")
