"""Put a simulated pilot together, and work out what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.cases import CaseData
from desistance.synthetic.faults import add_faults
from desistance.synthetic.files import as_text
from desistance.synthetic.population import (
    FAR,
    YEAR,
    draw_past,
    draw_people,
    fall_of_rate,
    live_on,
    rate_of_place,
    years_fall,
)
from desistance.synthetic.tables import tabulate

if TYPE_CHECKING:
    from desistance.synthetic.design import SimulationDesign
    from desistance.synthetic.population import Floats, Future, People

# However few the people, faulty rows asked for are no reason to refuse the rest.
TOLERANT = {"max_quarantined": 1.0, "max_misformatted": 1.0}


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulated programme truly does.

    Attributes
    ----------
    hazard_ratio
        Of a person's rate of offending, joined against not.
    n_joined
        People who joined.
    rate_joined, rate_without
        Proven reoffenders per 100 within a year of joining, among those who joined: as it was,
        and had they not joined (expected values, given each one's own rate).
    n_messy
        Faulty rows added, by kind.
    """

    hazard_ratio: float
    n_joined: int
    rate_joined: float
    rate_without: float
    n_messy: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimulatedCases(CaseData):
    """Case data like any other, with the truth beside them."""

    truth: Truth
    raw: dict[str, pd.DataFrame]


def simulate_cases(design: SimulationDesign, *, rng: int | np.random.Generator) -> SimulatedCases:
    """Simulate a pilot.

    Parameters
    ----------
    design
        The choices; see `SimulationDesign`.
    rng
        A seed or a numpy Generator: the same seed gives the same pilot.

    Returns
    -------
    SimulatedCases
        `CaseData` with ``truth``, and ``raw``: the tables as text, faulty rows among them if
        the design is messy, as `write_simulation` puts them into files.

    Examples
    --------
    >>> from desistance import SimulationDesign, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=100, effect=1.0), rng=7)
    >>> cases.truth.hazard_ratio, len(cases.people)
    (1.0, 100)
    """
    rng = np.random.default_rng(rng)
    people = draw_people(design, rng)
    past, iom_days = draw_past(design, people, rng)
    future = live_on(design, people, past, rng)
    raw = as_text(tabulate(design, people, past, iom_days, future, rng))
    n_messy: dict[str, int] = {}
    if design.messy:
        raw, n_messy = add_faults(raw, rng)
    cases = CaseData.from_frames(
        raw, extract_date=pd.Timestamp(design.extract_date), mapping=TOLERANT
    )
    truth = _truth(design, people, future, n_messy)
    kept = {field.name: getattr(cases, field.name) for field in fields(cases)}
    return SimulatedCases(**kept, truth=truth, raw=raw)


def _truth(
    design: SimulationDesign, people: People, future: Future, n_messy: dict[str, int]
) -> Truth:
    """Work out the one-year risk of those who joined, with the programme and without it."""
    who = np.flatnonzero(future.joined < FAR)
    fall = np.cumsum(fall_of_rate(design, int(future.joined[who].max(initial=0)) + 366))
    year = fall[future.joined[who] + 365] - fall[future.joined[who]]
    halfway = people.exit[who] + future.joined[who] + 183
    others = rate_of_place(design, people.area[who]) * years_fall(design, halfway)
    without = people.rate[who] * year * others
    joined = without * design.effect + design.proactive_per_year * 365 / YEAR

    def per_hundred(expected: Floats) -> float:
        if not len(who):
            return 0.0
        rate = 100 * np.mean(-np.expm1(-design.proven_share * expected))
        return round(float(rate), 9)  # further digits differ between versions of numpy

    return Truth(design.effect, len(who), per_hundred(joined), per_hundred(without), n_messy)
