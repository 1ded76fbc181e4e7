"""Time to reoffending: curves, hazards, and who is at risk when.

`risksets` states the risk-set convention once; every estimator here stands on it.
"""

from desistance.survival.assessment import (
    Concordance,
    ProportionalHazards,
    check_proportional_hazards,
    concordance,
)
from desistance.survival.competing import (
    CumulativeIncidence,
    FineGrayFit,
    GrayTest,
    cumulative_incidence,
    fit_fine_gray,
    gray_test,
)
from desistance.survival.cox import CoxFit, fit_cox
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
from desistance.survival.parametric import ParametricFit, fit_parametric
from desistance.survival.penalty import Ridge
from desistance.survival.recurrent import RecurrentFit, fit_recurrent
from desistance.survival.residuals import cox_residuals
from desistance.survival.restricted import RestrictedMean, restricted_mean

__all__ = [
    "Concordance",
    "CoxFit",
    "CumulativeCurve",
    "CumulativeIncidence",
    "FineGrayFit",
    "GrayTest",
    "LogRank",
    "ParametricFit",
    "ProportionalHazards",
    "RecurrentFit",
    "RestrictedMean",
    "Ridge",
    "SplitPopulationFit",
    "Survival",
    "check_proportional_hazards",
    "concordance",
    "cox_residuals",
    "cumulative_incidence",
    "fit_cox",
    "fit_fine_gray",
    "fit_parametric",
    "fit_recurrent",
    "fit_split_population",
    "gray_test",
    "influence_of_survival",
    "influences_of_survival",
    "kaplan_meier",
    "log_rank",
    "mean_cumulative_function",
    "nelson_aalen",
    "restricted_mean",
]
