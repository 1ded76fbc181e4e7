"""What may be said of a difference, in the manner of the Justice Data Lab.

Deterministic: an estimate and its interval per 100 people in, one paragraph out. The limits are
rounded outwards. Inconclusive is never "no effect", and no figure stands without its interval.

References
----------
Ministry of Justice, Justice Data Lab statistics (wording of conclusive and inconclusive results).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desistance.comparison.effects.followed import (
    CAME_FIRST,
    DIFFERENCE,
    FREE_DIFFERENCE,
    HAZARD,
    RATIO,
)
from desistance.followup.rules import REOFFENCE
from desistance.results import NOT_REPORTED

if TYPE_CHECKING:
    from desistance.balance import Balance

NOT_COMPARED = "The cohorts are not compared: nobody who joined could be made like others."
FEWEST = 30  # people in either group, below which nothing is reported


@dataclass(frozen=True, slots=True)
class Measure:
    """What a sentence is about, and in what it counts."""

    subject: str
    unit: str
    one: str


OF_100 = "For any 100 typical people who joined {joined}, the number who "
TYPICAL = "For typical people who joined {joined}, the "
MEASURES = {  # by how the outcome of a row begins
    DIFFERENCE: Measure(OF_100 + "reoffend within {months} months", " people", " person"),
    RATIO: Measure(TYPICAL + "number of reoffences per year at risk", "%", "%"),
    HAZARD: Measure(
        TYPICAL + "chance on any day of a first reoffence, if none came yet,", "%", "%"
    ),
    FREE_DIFFERENCE: Measure(
        TYPICAL + "number of days without reoffending within {months} months", " days", " day"
    ),
    "difference in days of harm": Measure(
        TYPICAL + "harm of each one's reoffences within {months} months, by {scale},",
        " days", " day",
    ),
    f"difference in {CAME_FIRST[REOFFENCE]}": Measure(
        OF_100 + "reoffend within {months} months before they die or move away",
        " people", " person",
    ),
}  # fmt: skip


def not_reported(balanced: Balance) -> str:
    """Say why no effect may be read from a comparison; empty where one may.

    Weights that leave the comparison resting on few people are as bad as few people.
    """
    if balanced.light == "red":
        return f"{NOT_REPORTED}: the cohorts are too unlike (balance is red)"
    return too_few(min(balanced.n_matched, balanced.n_compared), balanced.n_effective)


def too_few(n: int, n_effective: float) -> str:
    """Say why a comparison of `n` people in the smaller group is not reported, or nothing.

    `n_effective` is as how many people who weigh equally they count.
    """
    if n < FEWEST:
        return f"{NOT_REPORTED}: fewer than {FEWEST} people in a group"
    if n_effective < FEWEST:
        return f"{NOT_REPORTED}: after weighting, fewer than {FEWEST} people carry the comparison"
    return ""


def unreadable(why: str) -> list[str]:
    """Say so where no effect may be read, see `not_reported`: errors of few are too small."""
    return [f"No effect is to be read from this: {why.partition(': ')[2]}."] if why else []


def rate_sentence(
    low: float,
    high: float,
    *,
    n_joined: int,
    n_compared: int,
    light: str,
    names: tuple[str, str],
    months: int = 12,
    confidence: float = 0.95,
) -> str:
    """Say what the one-year rate difference shows.

    Parameters
    ----------
    low, high
        Interval of the difference in reoffenders per 100 people, joined minus comparison.
    n_joined, n_compared
        People in each group.
    light
        Worst traffic light of the balance: "green", "amber" or "red".
    names
        Comparison group, and those who joined.
    months
        Of follow-up.
    confidence
        Of the interval; named where it is not 95 %, which the words are made for.

    Examples
    --------
    >>> names = ("former IOM", "7 Pathways Plus")
    >>> said = rate_sentence(-14.2, -2.6, n_joined=90, n_compared=300, light="green", names=names)
    >>> said[55:]
    'the number who reoffend within 12 months could be lower by between 2 and 15 people than for \
similar people in the former IOM group. This is a statistically significant result.'
    """
    return effect_sentence(
        DIFFERENCE, low, high, n_joined=n_joined, n_compared=n_compared, light=light, names=names,
        months=months, confidence=confidence,
    )  # fmt: skip


def effect_sentence(
    outcome: str,
    low: float,
    high: float,
    *,
    n_joined: int,
    n_compared: int,
    light: str,
    names: tuple[str, str],
    months: int = 12,
    counted: str = "",
    n_effective: float = math.inf,
    confidence: float = 0.95,
) -> str:
    """Say what an effect shows; empty where there are no words for it.

    Parameters
    ----------
    outcome
        Of the row of the effect: "hazard ratio of the first reoffence".
    low, high
        Its interval, joined against comparison.
    n_joined, n_compared, light, names, months, confidence
        As in `rate_sentence`.
    counted
        The set of offences, where it is not that of the follow-up.
    n_effective
        As how many people who weigh equally those compared count.

    Examples
    --------
    >>> said = effect_sentence(
    ...     "ratio of reoffences per year at risk", 0.45, 0.82, n_joined=90, n_compared=300,
    ...     light="green", names=("former IOM", "7 Pathways Plus"))
    >>> said[47:167]
    'the number of reoffences per year at risk could be lower by between 18 and 55% than for \
similar people in the former IOM'
    """
    measure = next((one for begins, one in MEASURES.items() if outcome.startswith(begins)), None)
    if measure is None:
        return ""
    if light == "red":
        return (
            "Not reported: the two groups are too unlike for a difference between them to be read "
            "as the effect of the programme."
        )
    if min(n_joined, n_compared) < FEWEST:
        return f"Not reported: a result needs at least {FEWEST} people in each group."
    if n_effective < FEWEST:
        return f"Not reported: after weighting, fewer than {FEWEST} people carry the comparison."
    if not (math.isfinite(low) and math.isfinite(high)):
        return "Not reported: the difference cannot be estimated."
    if measure.unit == "%":
        low, high = (round(100 * (limit - 1), 9) for limit in (low, high))  # 0.72: 28% less
    scale = re.search(r"\((\w+)\)$", outcome)
    said = measure.subject.format(
        joined=names[1], months=months, scale="" if scale is None else scale[1].replace("_", " ")
    )
    if counted:
        said = f"Counting {counted} alone: {said[:1].lower()}{said[1:]}"
    than = f" than for similar people in the {names[0]} group."
    at = "" if confidence == 0.95 else f" at {100 * confidence:g}% confidence"
    if high < 0 or low > 0:
        way, few, many = ("lower", -high, -low) if high < 0 else ("higher", low, high)
        span = _between(math.floor(few), math.ceil(many), measure)
        return (
            f"{said} could be {way} by {span}{than} This is a statistically significant result{at}."
        )
    unit = "" if measure.unit == " people" else measure.unit
    return (
        f"{said} could be anywhere from {math.ceil(-low)}{unit} lower to {math.ceil(high)}{unit} "
        f"higher{than} The result is inconclusive{at}: more people would need to join and be "
        "available for analysis to tell in which way the programme affects reoffending. This "
        "should not be taken to mean that it fails to affect it."
    )


def _between(few: int, many: int, measure: Measure) -> str:
    if few:
        return f"between {few} and {many}{measure.unit}"
    return f"up to {many}{measure.one if many == 1 else measure.unit}"
