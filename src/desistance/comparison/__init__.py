"""7 Pathways Plus against former IOM: the effects, and what may be said of them."""

from desistance.comparison.effects import CohortComparison, compare_cohorts
from desistance.comparison.money import BreakEven, break_even
from desistance.comparison.pooling import Pooled, pool_areas
from desistance.comparison.power import Power, power, simulated_power
from desistance.comparison.wording import rate_sentence

__all__ = [
    "BreakEven",
    "CohortComparison",
    "Pooled",
    "Power",
    "break_even",
    "compare_cohorts",
    "pool_areas",
    "power",
    "rate_sentence",
    "simulated_power",
]
