"""What may be said of a difference, in the manner of the Justice Data Lab.

Deterministic: an estimate and its interval per 100 people in, one paragraph out. The limits are
rounded outwards. Inconclusive is never "no effect", and no figure stands without its interval.

References
----------
Ministry of Justice, Justice Data Lab statistics (wording of conclusive and inconclusive results).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desistance.balance import Balance

FEWEST = 30  # people in either group, below which nothing is reported


def not_reported(balanced: Balance) -> str:
    """Say why no effect may be read from a comparison; empty where one may.

    Weights that leave the comparison resting on few people are as bad as few people.
    """
    if balanced.light == "red":
        return "not reported: the cohorts are too unlike (balance is red)"
    if min(balanced.n_matched, balanced.n_compared) < FEWEST:
        return f"not reported: fewer than {FEWEST} people in a group"
    if balanced.n_effective < FEWEST:
        return f"not reported: after weighting, fewer than {FEWEST} people carry the comparison"
    return ""


def rate_sentence(
    low: float,
    high: float,
    *,
    n_joined: int,
    n_compared: int,
    light: str,
    names: tuple[str, str],
    months: int = 12,
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

    Examples
    --------
    >>> names = ("former IOM", "7 Pathways Plus")
    >>> said = rate_sentence(-14.2, -2.6, n_joined=90, n_compared=300, light="green", names=names)
    >>> said[55:]
    'the number who reoffend within 12 months could be lower by between 2 and 15 people than for \
similar people in the former IOM group. This is a statistically significant result.'
    """
    comparison, joined = names
    if min(n_joined, n_compared) < FEWEST:
        return f"Not reported: a result needs at least {FEWEST} people in each group."
    if light == "red":
        return (
            "Not reported: the two groups are too unlike for a difference between them to be read "
            "as the effect of the programme."
        )
    if not (math.isfinite(low) and math.isfinite(high)):
        return "Not reported: the difference cannot be estimated."
    people = f"For any 100 typical people who joined {joined}, the number who reoffend within "
    people += f"{months} months could be "
    than = f" than for similar people in the {comparison} group."
    if high < 0:
        span = _between(math.floor(-high), math.ceil(-low))
        return f"{people}lower by {span}{than} This is a statistically significant result."
    if low > 0:
        span = _between(math.floor(low), math.ceil(high))
        return f"{people}higher by {span}{than} This is a statistically significant result."
    return (
        f"{people}anywhere from {math.ceil(-low)} lower to {math.ceil(high)} higher{than} The "
        "result is inconclusive: more people would need to join and be available for analysis to "
        "tell in which way the programme affects reoffending. This should not be taken to mean "
        "that it fails to affect it."
    )


def _between(few: int, many: int) -> str:
    people = "person" if many == 1 else "people"
    return f"between {few} and {many} people" if few else f"up to {many} {people}"
