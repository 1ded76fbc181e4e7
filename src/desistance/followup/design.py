"""The choices of a follow-up, fixed before outcomes are seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from desistance.errors import FollowUpError

Clock = Literal["calendar", "street"]
Exposure = Literal["time-varying", "ever"]
TimeZero = Literal["exit", "own start"]


@dataclass(frozen=True, slots=True)
class FollowUpDesign:
    """Who is followed, from when, for how long, and what counts.

    Attributes
    ----------
    leaving, joining
        Programme whose exit is time zero, and programme that may start later.
    names
        What the two cohorts are called in tables: before or without joining, and after.
    exits_from, exits_to
        Only people who left on or between these days.
    min_age
        In completed years on the index date.
    months, waiting_months
        Follow-up of the rate, and how much longer an offence may take to be proven.
    watch_months
        How long hazards watch; as long as the data allow when None.
    offence_set
        Which reoffences count, by name in the catalogue or as the path of a file.
    seen_everywhere
        Whether offences are seen wherever people live (as in national data): then moving away
        ends nothing.
    clock
        "calendar" leaves custody out of the days at risk; "street" also stops the clock.
    exposure
        "time-varying" (a person is exposed from joining on) or "ever" (from day 0 on, if
        joining ever: makes its own effect, see `follow_up`).
    time_zero
        "exit" for everyone, or "own start": people who joined are followed from joining and the
        others from exit (makes its own effect, see `follow_up`).
    """

    leaving: str = "IOM"
    joining: str = "7PP"
    names: tuple[str, str] = ("former IOM", "7 Pathways Plus")
    exits_from: date | None = None
    exits_to: date | None = None
    min_age: int = 18
    months: int = 12
    waiting_months: int = 6
    watch_months: int | None = None
    offence_set: str = "ANY_RECORDABLE"
    seen_everywhere: bool = False
    clock: Clock = "calendar"
    exposure: Exposure = "time-varying"
    time_zero: TimeZero = "exit"

    def __post_init__(self) -> None:
        for name, choices in (("clock", Clock), ("exposure", Exposure), ("time_zero", TimeZero)):
            if getattr(self, name) not in get_args(choices):
                raise FollowUpError(f"`{name}` is one of {', '.join(get_args(choices))}.")
        if self.months < 1 or self.waiting_months < 0:
            raise FollowUpError("A follow-up lasts a month or more, and waiting is not negative.")
        if self.watch_months is not None and self.watch_months < 1:
            raise FollowUpError("`watch_months` is a month or more, or None.")
        if self.leaving == self.joining:
            raise FollowUpError("`leaving` and `joining` must be two programmes.")
