"""Is the follow-up long enough to tell people who never reoffend from those who have not yet?

Only a plateau tells them apart: a stretch at the end of follow-up in which many are watched and
nobody reoffends any more. A share is said to be identified if all of these hold, else
`not identified` stands in its place:

1. Maller and Zhou's test: with t the last event, T the last follow-up and N the people with an
   event in (2t - T, t], the chance (1 - N / n)^n of seeing so long a gap after the last event had
   the events been cut off is below 5 %. (It takes three late events; none counts if t = T.)
2. At least 10 people are followed past the middle of that gap. (Ours: one person watched for very
   long makes any gap.)
3. By the fit, no more than a fifth of those who reoffend eventually have yet to do so on day T.
   (Ours: when everybody is censored on the same day, the test alone passes one time in four
   although hazards never fell.)
4. The likelihood has a top at a share below 1.
5. With a Cox latency: at least 10 people are at risk on every event day before most have entered.

References: Maller and Zhou (1992), Biometrika 79, 731-739; (1996) Survival Analysis with
Long-Term Survivors, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from desistance.timetoevent import TimeToEvent

LEVEL = 0.05
FEWEST_BEYOND = 10
MOST_TO_COME = 0.20


@dataclass(frozen=True, slots=True)
class Plateau:
    """How follow-up ends: n people, the last event and follow-up in `unit`.

    `n_late` had their event in (2 `last_event` - `last_day`, `last_event`], `n_beyond` are
    followed past the middle between the two; `p_value` is of Maller and Zhou's test.
    """

    n: int
    last_event: int
    last_day: int
    n_late: int
    n_beyond: int
    unit: str

    @property
    def p_value(self) -> float:
        """The chance of so long a gap if follow-up were too short."""
        return float((1 - self.n_late / self.n) ** self.n) if self.n else 1.0


def plateau(times: TimeToEvent) -> Plateau:
    """Measure the end of follow-up; people are counted, not weighted."""
    last_event, last_day = int(times.stop[times.event].max(initial=0)), times.last_day
    late = times.event & (times.stop > 2 * last_event - last_day) & (last_event < last_day)
    beyond = 2 * times.stop > last_event + last_day
    n, n_late, n_beyond = (
        int(np.count_nonzero(np.bincount(people)))
        for people in (times.person, times.person[late], times.person[beyond])
    )
    return Plateau(n, last_event, last_day, n_late, n_beyond, times.unit)


def why_thin_early(times: TimeToEvent) -> str:
    """Why early risk sets cannot carry a curve without a formula; empty where they can.

    Late entry may leave a handful at risk at first: an event among them then takes a large part
    of all eventual reoffenders, seen or not, with it.
    """
    if not times.enters_late:
        return ""
    day = np.unique(times.stop[times.event])
    at_risk = np.searchsorted(np.sort(times.start), day) - np.searchsorted(np.sort(times.stop), day)
    early = np.arange(len(day)) < (np.argmax(at_risk) if len(day) else 0)
    thin = day[early & (at_risk < FEWEST_BEYOND)]
    if not len(thin):
        return ""
    return (
        f"fewer than {FEWEST_BEYOND} people are at risk at {thin[0]} {times.unit}, before most "
        "enter: without a formula nothing makes up for it"
    )


def why_not_identified(end: Plateau, to_come: float, fault: str) -> str:
    """Why the shares cannot be told; empty where they can.

    `to_come` is the share of eventual events that the fit expects after the last follow-up,
    `fault` what is wrong with the fit itself.
    """
    if fault:
        return fault
    if end.p_value >= LEVEL:
        return (
            f"no plateau: the last event, at {end.last_event} {end.unit}, is too near the last "
            f"follow-up, at {end.last_day} (Maller–Zhou p = {end.p_value:.3f}, needs < {LEVEL})"
        )
    if end.n_beyond < FEWEST_BEYOND:
        return (
            f"no plateau: fewer than {FEWEST_BEYOND} people are followed past the middle between "
            f"the last event, at {end.last_event} {end.unit}, and the last follow-up, at "
            f"{end.last_day}"
        )
    if to_come > MOST_TO_COME:
        return (
            f"follow-up is too short: by this fit {to_come:.0%} of eventual events come after "
            f"{end.last_day} {end.unit}, needs {MOST_TO_COME:.0%} or fewer"
        )
    return ""
