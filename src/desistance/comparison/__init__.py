"""7 Pathways Plus against former IOM: the effects, and what may be said of them."""

from desistance.comparison.effects import CohortComparison, compare_cohorts
from desistance.comparison.wording import rate_sentence

__all__ = ["CohortComparison", "compare_cohorts", "rate_sentence"]
