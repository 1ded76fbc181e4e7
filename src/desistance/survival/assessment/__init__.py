"""Whether a model may be believed: does its hazard ratio hold, does it rank people rightly, are its
risks right, and are there events enough for its terms."""

from desistance.survival.assessment.calibration import Calibration, calibration
from desistance.survival.assessment.eventsperparameter import (
    EventsPerParameter,
    events_per_parameter,
)
from desistance.survival.assessment.proportionality import (
    ProportionalHazards,
    check_proportional_hazards,
)
from desistance.survival.assessment.ranking import Concordance, concordance

__all__ = [
    "Calibration",
    "Concordance",
    "EventsPerParameter",
    "ProportionalHazards",
    "calibration",
    "check_proportional_hazards",
    "concordance",
    "events_per_parameter",
]
