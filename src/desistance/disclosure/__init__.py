"""Small numbers, and the numbers that would give them back: what may leave the office.

Conventions, stated once:

* A small count is one of 1 to ``min_cell - 1``. It is suppressed, and so is a count whose
  remainder is small (48 of 50 people is also 2 of 50). All other counts are rounded to
  `round_to`; a rate is worked out again from the rounded parts. So whatever is released is a
  function of rounded counts, and exact counts cannot be had back from a percentage or interval.
* A total is the sum of the rounded cells that are shown: it says nothing the cells do not.
* A Kaplan-Meier curve is released from rounded cumulative counts, on a grid of quarter months,
  and ends where few people are left at risk.
* Every suppressed cell is in the log: where it stood and by which rule, never its value.

An independent scanner and a differencing attack in the tests hold this room to its word.

References
----------
ONS, Safe Research Service output checking (threshold 10). OpenSAFELY, statistical disclosure
control (rounding after suppression, midpoint rounding of curves). Justice Data Lab and Ministry
of Justice practice of not reporting on fewer than 30 people.
"""

from desistance.disclosure.coarse import coarser, in_blocks, outwards, wider
from desistance.disclosure.counts import Rate, protect_counts
from desistance.disclosure.curves import protect_curve
from desistance.disclosure.effects import protect_effect
from desistance.disclosure.policy import (
    INTERNAL,
    NOT_REPORTED,
    PUBLICATION,
    SUPPRESSED,
    DisclosurePolicy,
    ProtectedTable,
    open_data,
    stacked,
    unprotected,
)
from desistance.disclosure.sentences import protect_sentence

__all__ = [
    "INTERNAL",
    "NOT_REPORTED",
    "PUBLICATION",
    "SUPPRESSED",
    "DisclosurePolicy",
    "ProtectedTable",
    "Rate",
    "coarser",
    "in_blocks",
    "open_data",
    "outwards",
    "protect_counts",
    "protect_curve",
    "protect_effect",
    "protect_sentence",
    "stacked",
    "unprotected",
    "wider",
]
