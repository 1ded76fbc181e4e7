"""Needs over time, needs together, and needs in order.

Conventions, stated once:

* An answer is "need" or "no_need", or says why there is neither (`desistance.catalogue.ANSWERS`,
  and "no_assessment" where no row speaks of the pathway at all). What is not an answer is counted
  by its reason and never read as "no need".
* In a window of days the latest answer counts. A row without an answer never puts an earlier
  answer aside: somebody who refused in June still had the need found in May.
* Only answers of one tool are compared with each other. Tools stand in groups of their own; where
  answers of several tools must stand side by side, a caveat says so.
* Needs of a pathway with members (drugs or alcohol) are rolled up within each assessment.
"""

from desistance.histories.needs.change import NeedsDesign, NeedsOverTime, needs_over_time
from desistance.histories.needs.sequence import NeedSequence, need_sequence
from desistance.histories.needs.together import NeedsTogether, need_cooccurrence

__all__ = [
    "NeedSequence",
    "NeedsDesign",
    "NeedsOverTime",
    "NeedsTogether",
    "need_cooccurrence",
    "need_sequence",
    "needs_over_time",
]
