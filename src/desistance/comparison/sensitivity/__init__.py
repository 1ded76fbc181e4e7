"""How far a finding moves when a choice does, and what bias it would survive."""

from desistance.comparison.sensitivity.bounds import RosenbaumBounds, rosenbaum_bounds
from desistance.comparison.sensitivity.design import SensitivityDesign
from desistance.comparison.sensitivity.evalue import EValue, e_value
from desistance.comparison.sensitivity.found import StressTest
from desistance.comparison.sensitivity.stress import stress_test
from desistance.comparison.sensitivity.tipping import TippingPoint, tipping_point, tipping_unseen

__all__ = [
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
]
