"""Careers with a known end, for which all four definitions of desistance have a formula.

A share never offends again. Everybody else offends at a constant rate until a day of desistance
that is exponential. So the first reoffence, for those who have one, is exponential too, with both
rates added: a split population whose share, curve and hazards are known, as is the mean rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from desistance.timetoevent import TimeToEvent

YEAR = 365.25


@dataclass(frozen=True)
class Careers:
    at_once: float = 0.2  # share who desist on day 0
    rate: float = 1.5  # reoffences a year until desistance
    ending: float = 0.5  # desistance a year

    @property
    def ever(self) -> float:
        """Share who reoffend eventually."""
        return (1 - self.at_once) * self.rate / (self.rate + self.ending)

    def free_for(self, years: float) -> float:
        """Share with no reoffence for so long."""
        return 1 - self.ever * (1 - np.exp(-(self.rate + self.ending) * years))

    def rate_below(self, threshold: float) -> float:
        """Years until the mean rate comes down to a threshold."""
        return np.log((1 - self.at_once) * self.rate / threshold) / self.ending

    def hazard_below(self, reference: float) -> float:
        """Years until the hazard of a first reoffence comes down to a reference."""
        both = self.rate + self.ending
        left = reference * (1 - self.ever) / (self.ever * (both - reference))
        return -np.log(left) / both

    def simulate(self, n: int, seed: int, *, years: tuple[float, float] = (6, 8)) -> TimeToEvent:
        """Follow n people for between so many years, in whole days."""
        rng = np.random.default_rng([2001, seed])
        last = np.floor(YEAR * rng.uniform(*years, n)).astype(int)
        desists = YEAR * rng.exponential(1 / self.ending, n) * (rng.random(n) >= self.at_once)
        count = rng.poisson(self.rate * desists / YEAR)
        person = np.repeat(np.arange(n), count)
        day = np.ceil(desists[person] * rng.random(len(person))).astype(int)
        kept = (day >= 1) & (day <= last[person])
        events = pd.DataFrame({"person": person[kept], "stop": day[kept], "event": True})
        ends = pd.DataFrame({"person": np.arange(n), "stop": last, "event": False})
        rows = pd.concat([events.drop_duplicates(["person", "stop"]), ends])
        rows = rows.sort_values(["person", "stop", "event"], ascending=[True, True, False])
        rows = rows.drop_duplicates(["person", "stop"])
        rows["start"] = rows.groupby("person")["stop"].shift(fill_value=0)
        return TimeToEvent.from_frame(
            rows, start="start", stop="stop", event="event", person="person", recurrent=True
        )
