"""Draw people, their past, and day by day what they do after leaving.

Everyone is followed on the clock of days since leaving IOM, all people at once, one day at a
time: who joins, who offends, who goes to custody. The rate of offending of person i on day d is

    reoffences_per_year / 365.25
        * d^(shape - 1), scaled to mean 1 over the first year
        * frailty_i * exp(0.25 * (risk_i - mean risk))
        * effect, if i joined before day d
        * live_area_ratio, if i lives where the programme is to start
        * yearly_ratio ^ (years of the calendar since the first exit)

where the risk score adds up needs and youth, and the frailty is a gamma factor of mean 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.synthetic.design import SimulationDesign

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

YEAR = 365.25
FAR = 10**6  # a day nobody reaches
PENALTY = 0.9  # the share of motoring offences that end in one

# Share of people with each need on leaving: accommodation and alcohol as in the identified-needs
# figures of October 2024 (custody and community between them); the others are plausible, no more.
NEED_PREVALENCE = {
    "ACC": 0.55, "ETE": 0.60, "HLT": 0.45, "DRG": 0.55, "ALC": 0.24, "FIN": 0.50, "FAM": 0.45,
    "ATB": 0.70,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Those who left, as drawn: arrays of shape (n_people,), days counted from `first_exit`."""

    exit: Ints
    area: Ints
    age: Floats
    male: NDArray[np.bool_]
    needs: NDArray[np.bool_]  # (n_people, n_pathways)
    risk: Floats
    rate: Floats  # occasions per day at liberty, before the fall with time and the effect
    inside_at_exit: NDArray[np.bool_]


def draw_people(design: SimulationDesign, rng: np.random.Generator) -> People:
    n = design.n_people
    span = (design.last_exit - design.first_exit).days
    latent = rng.normal(size=n)
    thresholds = ndtri(1 - np.array(list(NEED_PREVALENCE.values())))
    loading = 0.6  # of each need on the one latent factor
    noise = rng.normal(size=(n, len(thresholds)))
    needs = loading * latent[:, None] + np.sqrt(1 - loading**2) * noise > thresholds
    age = 19 + rng.gamma(3.0, 4.5, size=n).clip(0, 40)
    risk = needs.sum(axis=1) + 0.08 * (30 - age)
    frailty = rng.gamma(1 / design.frailty_variance, design.frailty_variance, size=n)
    rate = design.reoffences_per_year / YEAR * frailty * np.exp(0.25 * (risk - risk.mean()))
    return People(
        exit=rng.integers(0, span + 1, size=n),
        area=rng.integers(0, design.n_areas, size=n),
        age=age,
        male=rng.random(n) < 0.9,
        needs=needs,
        risk=risk,
        rate=rate,
        inside_at_exit=rng.random(n) < 0.04,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What people did, one entry per occasion or spell; days count from each one's exit."""

    offender: Ints
    offence_day: Ints
    proactive: NDArray[np.bool_]
    proven: NDArray[np.bool_]
    inmate: Ints
    went_in: Ints
    came_out: Ints  # FAR where the spell lasts beyond the extract
    kind: NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Future:
    """The time after leaving: events, and the day each person joined, died and moved (or FAR)."""

    events: Events
    joined: Ints
    died: Ints
    moved: Ints
    last: Ints


def draw_past(
    design: SimulationDesign, people: People, rng: np.random.Generator
) -> tuple[Events, Ints]:
    """Draw each career before leaving IOM, and when IOM began."""
    n = design.n_people
    iom_days = rng.integers(180, 720, size=n)
    career = np.minimum((people.age - 14) * YEAR * rng.uniform(0.3, 1.0, size=n), 12 * YEAR)
    count = 1 + rng.poisson(0.3 * career * people.rate)
    who = np.repeat(np.arange(n), count)
    ago = 20 + np.maximum(career, 400)[who] * rng.random(len(who)) ** 2  # thicker towards the end
    day = -np.ceil(ago).astype(np.int64)
    proven = rng.random(len(who)) < design.proven_share
    jailed = proven & (rng.random(len(who)) < design.custody_share)
    length = _custody_days(jailed.sum(), rng)
    inmate, went_in = who[jailed], day[jailed]
    came_out = np.minimum(went_in + length, -1)
    inmate = np.concatenate([inmate, np.flatnonzero(people.inside_at_exit)])
    waiting_inside = int(people.inside_at_exit.sum())
    went_in = np.concatenate([went_in, np.full(waiting_inside, -10)])
    came_out = np.concatenate([came_out, rng.integers(20, 200, size=waiting_inside)])
    order = np.lexsort((went_in, inmate))
    inmate, went_in, came_out = _without_overlaps(inmate[order], went_in[order], came_out[order])
    at_liberty = ~_inside(who, day, inmate, went_in, came_out)
    events = Events(
        who[at_liberty], day[at_liberty], np.zeros(at_liberty.sum(), bool), proven[at_liberty],
        inmate, went_in, came_out, np.where(rng.random(len(inmate)) < 0.3, "remand", "sentence"),
    )  # fmt: skip
    return events, iom_days


def _custody_days(n: int, rng: np.random.Generator) -> Ints:
    return np.ceil(rng.lognormal(np.log(60), 0.8, size=n)).astype(np.int64) + 1


def _without_overlaps(inmate: Ints, went_in: Ints, came_out: Ints) -> tuple[Ints, Ints, Ints]:
    """Drop a spell that begins before the one kept last has ended (sorted by person and day)."""
    kept, whose, until = np.zeros(len(inmate), bool), -1, 0
    for spell, (person, first, last) in enumerate(zip(inmate, went_in, came_out, strict=True)):
        kept[spell] = person != whose or first > until
        if kept[spell]:
            whose, until = person, last
    return inmate[kept], went_in[kept], came_out[kept]


def _inside(who: Ints, day: Ints, inmate: Ints, went_in: Ints, came_out: Ints) -> np.ndarray:
    """Say which days were spent wholly in custody."""
    place = np.searchsorted(inmate * 10**6 + went_in, who * 10**6 + day) - 1
    at = np.maximum(place, 0)
    if not len(inmate):
        return np.zeros(len(who), bool)
    return (place >= 0) & (inmate[at] == who) & (went_in[at] < day) & (day < came_out[at])


def live_on(
    design: SimulationDesign, people: People, past: Events, rng: np.random.Generator
) -> Future:
    """Go through the days after leaving, everyone at once."""
    n = design.n_people
    last = (design.extract_date - design.first_exit).days - people.exit
    died = _waiting_time(design.deaths_per_year, n, rng)
    moved = _waiting_time(design.moves_per_year, n, rng)
    joined, free_from, last_offence = np.full(n, FAR), np.zeros(n, np.int64), np.full(n, -FAR)
    np.maximum.at(free_from, past.inmate, past.came_out)
    np.maximum.at(last_offence, past.offender, past.offence_day)
    area_live = _go_live(design)[people.area] - people.exit
    eagerness = _eagerness(design, people)
    fall, places = fall_of_rate(design, int(last.max())), rate_of_place(design, people.area)
    offences: list[tuple[Ints, int, np.ndarray, np.ndarray]] = []
    spells: list[tuple[Ints, int, Ints, np.ndarray]] = []
    for day in range(int(last.max()) + 1):
        here = (day <= last) & (day <= died)
        free = here & (day >= free_from)
        may_join = free & (joined == FAR) & (day >= area_live) & (day < moved)
        may_join &= day <= design.join_within_days
        if design.selection == "recency":
            may_join &= day - last_offence > 60
        joined[may_join & (rng.random(n) < eagerness)] = day
        if day == 0:
            continue
        rate = people.rate * fall[day] * np.where(joined < day, design.effect, 1.0)
        rate = rate * places * years_fall(design, people.exit + day)
        visited = np.where(joined < day, design.proactive_per_year / YEAR, 0.0)
        draw = rng.random(n)
        offends = free & (draw < -np.expm1(-(rate + visited)))
        recalled = free & ~offends & (rng.random(n) < design.recalls_per_year / YEAR)
        who = np.flatnonzero(offends)
        proven = rng.random(len(who)) < design.proven_share
        proactive = rng.random(len(who)) * (rate + visited)[who] > rate[who]
        offences.append((who, day, proactive, proven))
        last_offence[who] = day
        jailed = who[proven & (rng.random(len(who)) < design.custody_share)]
        inside = np.concatenate([jailed, np.flatnonzero(recalled)])
        length = _custody_days(len(inside), rng)
        free_from[inside] = day + length
        kind = np.where(np.arange(len(inside)) < len(jailed), "sentence", "recall")
        spells.append((inside, day, day + length, kind))
    return Future(_gather(offences, spells), joined, died, moved, np.minimum(last, died))


def drive(
    design: SimulationDesign, past: Events, future: Future, rng: np.random.Generator
) -> Events:
    """Draw lesser motoring offences after leaving, at one rate for everyone at liberty."""
    count = rng.poisson(design.motoring_per_year / YEAR * future.last)
    who = np.repeat(np.arange(len(count)), count)
    day = 1 + (rng.random(len(who)) * future.last[who]).astype(np.int64)
    for events in (past, future.events):
        order = np.lexsort((events.went_in, events.inmate))
        spells = events.inmate[order], events.went_in[order], events.came_out[order]
        free = ~_inside(who, day, *spells)
        who, day = who[free], day[free]
    proven = rng.random(len(who)) < PENALTY
    nobody = np.zeros(len(who), bool)
    return replace(future.events, offender=who, offence_day=day, proactive=nobody, proven=proven)


def _waiting_time(per_year: float, n: int, rng: np.random.Generator) -> Ints:
    days = np.ceil(rng.exponential(size=n) * YEAR / max(per_year, 1e-9))
    return np.minimum(days, FAR).astype(np.int64)


def _go_live(design: SimulationDesign) -> Ints:
    """Give the day each area goes live, from `first_exit`; FAR if never."""
    first = (design.first_go_live - design.first_exit).days
    day = first + design.go_live_every_days * np.arange(design.n_areas)
    return np.where(np.arange(design.n_areas) < design.n_live_areas, day, FAR)


def _eagerness(design: SimulationDesign, people: People) -> Floats:
    """Give each person's daily chance of joining while they may."""
    daily = 1 - (1 - design.join_share) ** (1 / max(design.join_within_days, 1))
    if design.selection != "risk":
        return np.full(design.n_people, daily)
    pull = np.exp(0.5 * (people.risk - people.risk.mean()) / max(people.risk.std(), 1e-9))
    return daily * pull / pull.mean()


def fall_of_rate(design: SimulationDesign, days: int) -> Floats:
    """Give the fall of the rate with days since leaving, of mean 1 over the first year."""
    day = np.arange(1, max(days, 365) + 367, dtype=float)
    fall = day ** (design.shape - 1)
    return np.concatenate([[0.0], fall / fall[:365].mean()])


def rate_of_place(design: SimulationDesign, area: Ints) -> Floats:
    """Give what the rate is multiplied by where people live."""
    return np.where(area < design.n_live_areas, design.live_area_ratio, 1.0)


def years_fall(design: SimulationDesign, day: Ints) -> Floats:
    """Give what the rate is multiplied by on days of the calendar, from `first_exit`."""
    return np.asarray(design.yearly_ratio ** (day / YEAR))


def _gather(
    offences: list[tuple[Ints, int, np.ndarray, np.ndarray]],
    spells: list[tuple[Ints, int, Ints, np.ndarray]],
) -> Events:
    """Put the days' events one after the other."""
    none = np.zeros(0, np.int64)
    who, day, proactive, proven = zip(*offences, strict=True) if offences else ((none,),) * 4
    inmate, went_in, came_out, kind = zip(*spells, strict=True) if spells else ((none,),) * 4
    return Events(
        np.concatenate(who),
        np.repeat(day, [len(group) for group in who]),
        np.concatenate(proactive),
        np.concatenate(proven),
        np.concatenate(inmate),
        np.repeat(went_in, [len(group) for group in inmate]),
        np.concatenate(came_out),
        np.concatenate(kind),
    )
