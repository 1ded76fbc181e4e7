"""Time to reoffending: curves, hazards, and who is at risk when.

`risksets` states the risk-set convention once; every estimator here stands on it.
"""

from desistance.survival.assessment import (
    Calibration,
    Concordance,
    EventsPerParameter,
    ProportionalHazards,
    calibration,
    check_proportional_hazards,
    concordance,
    events_per_parameter,
)
from desistance.survival.competing import (
    CauseSpecificFit,
    CumulativeIncidence,
    FineGrayFit,
    GrayTest,
    cumulative_incidence,
    fit_cause_specific,
    fit_fine_gray,
    gray_test,
    influence_of_incidence,
)
from desistance.survival.convergence import HazardConvergence, hazard_convergence
from desistance.survival.cox import CoxFit, Steps, fit_cox
from desistance.survival.cumulative import (
    CumulativeCurve,
    mean_cumulative_function,
    nelson_aalen,
)
from desistance.survival.cure import SplitPopulationFit, fit_split_population
from desistance.survival.curves import (
    Survival,
    influence_of_survival,
    influences_of_survival,
    kaplan_meier,
)
from desistance.survival.logrank import LogRank, log_rank
from desistance.survival.parametric import (
    FlexibleFit,
    ParametricFit,
    fit_flexible_parametric,
    fit_parametric,
)
from desistance.survival.penalty import Ridge
from desistance.survival.recurrent import RecurrentFit, fit_recurrent
from desistance.survival.resampling import Bootstrap, bootstrap
from desistance.survival.residuals import cox_residuals
from desistance.survival.restricted import (
    RestrictedMean,
    influence_of_restricted_mean,
    restricted_mean,
)
from desistance.survival.smoothed import SmoothedHazard, smoothed_hazard
from desistance.survival.terms import Category, Interaction, Spline
from desistance.timetoevent import TimesInBlocks

__all__ = [
    "Bootstrap",
    "Calibration",
    "Category",
    "CauseSpecificFit",
    "Concordance",
    "CoxFit",
    "CumulativeCurve",
    "CumulativeIncidence",
    "EventsPerParameter",
    "FineGrayFit",
    "FlexibleFit",
    "GrayTest",
    "HazardConvergence",
    "Interaction",
    "LogRank",
    "ParametricFit",
    "ProportionalHazards",
    "RecurrentFit",
    "RestrictedMean",
    "Ridge",
    "SmoothedHazard",
    "Spline",
    "SplitPopulationFit",
    "Steps",
    "Survival",
    "TimesInBlocks",
    "bootstrap",
    "calibration",
    "check_proportional_hazards",
    "concordance",
    "cox_residuals",
    "cumulative_incidence",
    "events_per_parameter",
    "fit_cause_specific",
    "fit_cox",
    "fit_fine_gray",
    "fit_flexible_parametric",
    "fit_parametric",
    "fit_recurrent",
    "fit_split_population",
    "gray_test",
    "hazard_convergence",
    "influence_of_incidence",
    "influence_of_restricted_mean",
    "influence_of_survival",
    "influences_of_survival",
    "kaplan_meier",
    "log_rank",
    "mean_cumulative_function",
    "nelson_aalen",
    "restricted_mean",
    "smoothed_hazard",
]
