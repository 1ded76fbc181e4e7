"""Whether a model may be believed: does its hazard ratio hold, does it rank people rightly."""

from desistance.survival.assessment.proportionality import (
    ProportionalHazards,
    check_proportional_hazards,
)
from desistance.survival.assessment.ranking import Concordance, concordance

__all__ = ["Concordance", "ProportionalHazards", "check_proportional_hazards", "concordance"]
