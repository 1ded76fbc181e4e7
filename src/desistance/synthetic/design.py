"""The choices of a simulated pilot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from desistance.errors import PlanError

Selection = Literal["random", "recency", "risk"]
SELECTIONS = get_args(Selection)


@dataclass(frozen=True, slots=True)
class SimulationDesign:
    """What the simulated pilot is like, and the effect it truly has.

    Attributes
    ----------
    n_people
        People who left IOM.
    n_areas, n_live_areas
        Areas, and how many of them go live, one every `go_live_every_days`.
    first_exit, last_exit, first_go_live, extract_date
        People leave evenly between the first two.
    effect
        Hazard ratio of reoffending from the day after joining; 1 is no effect.
    selection
        Who joins: anyone ("random"), those who have not offended lately ("recency"), or those
        at high risk by their needs and record ("risk").
    join_share
        About what share of people whose area is live join, within `join_within_days` of leaving.
    reoffences_per_year
        Mean occasions of offending per year at liberty in the first year after leaving.
    frailty_variance
        Of a gamma factor with mean 1 on each person's rate: why a few offend most.
    shape
        Weibull shape of the fall of the rate with time since leaving; below 1 it falls.
    proven_share, outcome_lag_days, recording_lag_days
        Share of occasions that end in a conviction or caution; mean days to it, and to recording.
    custody_share, recalls_per_year, deaths_per_year, moves_per_year
        Custody after a proven occasion, and per-year rates of the rest.
    live_area_ratio
        Rate of offending in areas that go live, to that in the others, whatever the programme does.
    yearly_ratio
        Rate of offending in a calendar year, to that in the year before.
    proactive_per_year
        Extra offences per year found only because police visit those who joined.
    motoring_per_year
        Lesser motoring offences per year at liberty after leaving. They are not recordable and
        come alike to everyone, whatever their needs and whether they joined: a negative control.
    missing_needs
        Share of people not assessed at all; higher for those at higher risk.
    messy
        Whether faulty rows of every kind are added to the files.
    """

    n_people: int = 600
    n_areas: int = 8
    n_live_areas: int = 5
    first_exit: date = date(2020, 7, 1)
    last_exit: date = date(2023, 9, 30)
    first_go_live: date = date(2020, 10, 1)
    go_live_every_days: int = 91
    extract_date: date = date(2024, 9, 30)
    effect: float = 0.6
    selection: Selection = "risk"
    join_share: float = 0.6
    join_within_days: int = 180
    reoffences_per_year: float = 2.0
    frailty_variance: float = 1.3
    shape: float = 0.8
    proven_share: float = 0.8
    outcome_lag_days: float = 60.0
    recording_lag_days: float = 3.0
    custody_share: float = 0.3
    recalls_per_year: float = 0.05
    deaths_per_year: float = 0.01
    moves_per_year: float = 0.06
    live_area_ratio: float = 1.0
    yearly_ratio: float = 1.0
    proactive_per_year: float = 0.0
    motoring_per_year: float = 0.0
    missing_needs: float = 0.15
    messy: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.n_live_areas <= self.n_areas or self.n_people < 1:
            raise PlanError("A pilot has people, and at least one of its areas goes live.")
        if not self.first_exit < self.last_exit < self.extract_date:
            raise PlanError("People leave between two days, both before the extract date.")
        if not (self.effect > 0 and self.shape > 0 and self.frailty_variance > 0):
            raise PlanError("`effect`, `shape` and `frailty_variance` are above 0.")
        if not (self.live_area_ratio > 0 and self.yearly_ratio > 0):
            raise PlanError("`live_area_ratio` and `yearly_ratio` are above 0.")
        if self.selection not in SELECTIONS:
            raise PlanError(f"`selection` is one of {', '.join(SELECTIONS)}.")
        shares = (self.join_share, self.proven_share, self.custody_share, self.missing_needs)
        if not all(0 <= share < 1 for share in shares):
            raise PlanError("Shares lie from 0 up to, not including, 1.")
