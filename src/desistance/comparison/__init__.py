"""7 Pathways Plus against former IOM: the effects, and what may be said of them."""

from desistance.comparison.effects import (
    AdjustedCurves,
    Binary,
    CohortComparison,
    Count,
    Effects,
    Mean,
    TimeTo,
    adjusted_curves,
    bootstrap_effects,
    compare_cohorts,
    doubly_robust,
)
from desistance.comparison.money import BreakEven, break_even
from desistance.comparison.multiplicity import adjusted_p
from desistance.comparison.plural import By, CohortEffects, compare_by, compare_by_each
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
from desistance.comparison.sidebyside import side_by_side
from desistance.comparison.triangulation import (
    Design,
    ExternalRate,
    Triangulation,
    UnderDesign,
    check_designs,
    triangulate,
)
from desistance.comparison.wording import effect_sentence, rate_sentence

__all__ = [
    "AdjustedCurves",
    "Binary",
    "BreakEven",
    "By",
    "CohortComparison",
    "CohortEffects",
    "Count",
    "Design",
    "EValue",
    "Effects",
    "ExternalRate",
    "Mean",
    "Pooled",
    "Power",
    "RosenbaumBounds",
    "SensitivityDesign",
    "StressTest",
    "TimeTo",
    "TippingPoint",
    "Triangulation",
    "UnderDesign",
    "adjusted_curves",
    "adjusted_p",
    "bootstrap_effects",
    "break_even",
    "check_designs",
    "compare_by",
    "compare_by_each",
    "compare_cohorts",
    "doubly_robust",
    "e_value",
    "effect_sentence",
    "pool_areas",
    "power",
    "rate_sentence",
    "rosenbaum_bounds",
    "side_by_side",
    "simulated_power",
    "stress_test",
    "tipping_point",
    "tipping_unseen",
    "triangulate",
]
