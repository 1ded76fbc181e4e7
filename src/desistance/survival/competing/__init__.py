"""Competing events: custody, death or another kind of offence came first.

    cumulative_incidence   the share for whom each kind of event came first, day by day
    gray_test              do groups differ in that share?
    fit_cause_specific     a Cox model of each cause, and the shares they imply for a profile
    fit_fine_gray          which people have a higher share, term by term

Treating a competing event as a censoring (1 - Kaplan–Meier) answers what would happen if it could
not come, and overstates what does happen. Each row has at most one event, and nothing follows it;
its kind is `TimeToEvent.cause`, 1, 2, ... for `cause_labels`.
"""

from desistance.survival.competing.finegray import FineGrayFit, fit_fine_gray
from desistance.survival.competing.gray import GrayTest, gray_test
from desistance.survival.competing.implied import CauseSpecificFit, fit_cause_specific
from desistance.survival.competing.incidence import (
    CumulativeIncidence,
    cumulative_incidence,
    influence_of_incidence,
)

__all__ = [
    "CauseSpecificFit",
    "CumulativeIncidence",
    "FineGrayFit",
    "GrayTest",
    "cumulative_incidence",
    "fit_cause_specific",
    "fit_fine_gray",
    "gray_test",
    "influence_of_incidence",
]
