"""7 Pathways Plus against former IOM: the effects, and what may be said of them.

Each room is opened when one of its names is first used: planning a pilot needs no estimator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.rooms import opener

_ROOMS = {
    "effects": (
        "AdjustedCurves",
        "Binary",
        "CohortComparison",
        "Count",
        "Effects",
        "Mean",
        "TimeTo",
        "adjusted_curves",
        "bootstrap_effects",
        "compare_cohorts",
        "doubly_robust",
    ),
    "money": ("BreakEven", "break_even"),
    "multiplicity": ("adjusted_p",),
    "planning": ("Power", "power", "simulated_power"),
    "plural": ("By", "CohortEffects", "compare_by", "compare_by_each"),
    "pooling": ("Pooled", "pool_areas"),
    "sensitivity": (
        "EValue",
        "RosenbaumBounds",
        "SensitivityDesign",
        "StressTest",
        "TippingPoint",
        "e_value",
        "rosenbaum_bounds",
        "stress_test",
        "tipping_point",
        "tipping_unseen",
    ),
    "sidebyside": ("side_by_side",),
    "triangulation": (
        "Design",
        "ExternalRate",
        "Triangulation",
        "UnderDesign",
        "check_designs",
        "triangulate",
    ),
    "effects.wording": ("effect_sentence", "rate_sentence"),
}

_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = list(_ROOM_OF)

if TYPE_CHECKING:  # what editors and mypy see; a test keeps it the same as the rooms
    from desistance.comparison.effects import AdjustedCurves as AdjustedCurves
    from desistance.comparison.effects import Binary as Binary
    from desistance.comparison.effects import CohortComparison as CohortComparison
    from desistance.comparison.effects import Count as Count
    from desistance.comparison.effects import Effects as Effects
    from desistance.comparison.effects import Mean as Mean
    from desistance.comparison.effects import TimeTo as TimeTo
    from desistance.comparison.effects import adjusted_curves as adjusted_curves
    from desistance.comparison.effects import bootstrap_effects as bootstrap_effects
    from desistance.comparison.effects import compare_cohorts as compare_cohorts
    from desistance.comparison.effects import doubly_robust as doubly_robust
    from desistance.comparison.effects.wording import effect_sentence as effect_sentence
    from desistance.comparison.effects.wording import rate_sentence as rate_sentence
    from desistance.comparison.money import BreakEven as BreakEven
    from desistance.comparison.money import break_even as break_even
    from desistance.comparison.multiplicity import adjusted_p as adjusted_p
    from desistance.comparison.planning import Power as Power
    from desistance.comparison.planning import power as power
    from desistance.comparison.planning import simulated_power as simulated_power
    from desistance.comparison.plural import By as By
    from desistance.comparison.plural import CohortEffects as CohortEffects
    from desistance.comparison.plural import compare_by as compare_by
    from desistance.comparison.plural import compare_by_each as compare_by_each
    from desistance.comparison.pooling import Pooled as Pooled
    from desistance.comparison.pooling import pool_areas as pool_areas
    from desistance.comparison.sensitivity import EValue as EValue
    from desistance.comparison.sensitivity import RosenbaumBounds as RosenbaumBounds
    from desistance.comparison.sensitivity import SensitivityDesign as SensitivityDesign
    from desistance.comparison.sensitivity import StressTest as StressTest
    from desistance.comparison.sensitivity import TippingPoint as TippingPoint
    from desistance.comparison.sensitivity import e_value as e_value
    from desistance.comparison.sensitivity import rosenbaum_bounds as rosenbaum_bounds
    from desistance.comparison.sensitivity import stress_test as stress_test
    from desistance.comparison.sensitivity import tipping_point as tipping_point
    from desistance.comparison.sensitivity import tipping_unseen as tipping_unseen
    from desistance.comparison.sidebyside import side_by_side as side_by_side
    from desistance.comparison.triangulation import Design as Design
    from desistance.comparison.triangulation import ExternalRate as ExternalRate
    from desistance.comparison.triangulation import Triangulation as Triangulation
    from desistance.comparison.triangulation import UnderDesign as UnderDesign
    from desistance.comparison.triangulation import check_designs as check_designs
    from desistance.comparison.triangulation import triangulate as triangulate
else:
    __getattr__, __dir__ = opener(__name__, _ROOM_OF)
