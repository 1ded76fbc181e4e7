"""7 Pathways Plus against former IOM: the effects, and what may be said of them."""

from desistance.comparison.effects import CohortComparison, compare_cohorts
from desistance.comparison.money import BreakEven, break_even
from desistance.comparison.multiplicity import adjusted_p
from desistance.comparison.pooling import Pooled, pool_areas
from desistance.comparison.power import Power, power, simulated_power
from desistance.comparison.sensitivity import (
    EValue,
    RosenbaumBounds,
    SensitivityDesign,
    StressTest,
    TippingPoint,
    e_value,
    rosenbaum_bounds,
    stress_test,
    tipping_point,
    tipping_unseen,
)
from desistance.comparison.wording import rate_sentence

__all__ = [
    "BreakEven",
    "CohortComparison",
    "EValue",
    "Pooled",
    "Power",
    "RosenbaumBounds",
    "SensitivityDesign",
    "StressTest",
    "TippingPoint",
    "adjusted_p",
    "break_even",
    "compare_cohorts",
    "e_value",
    "pool_areas",
    "power",
    "rate_sentence",
    "rosenbaum_bounds",
    "simulated_power",
    "stress_test",
    "tipping_point",
    "tipping_unseen",
]
