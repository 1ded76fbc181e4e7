"""Time to reoffending: curves, hazards, and who is at risk when.

`risksets` states the risk-set convention once; every estimator here stands on it.
"""

from desistance.survival.cox import CoxFit, fit_cox
from desistance.survival.curves import Survival, influence_of_survival, kaplan_meier
from desistance.survival.logrank import LogRank, log_rank

__all__ = [
    "CoxFit",
    "LogRank",
    "Survival",
    "fit_cox",
    "influence_of_survival",
    "kaplan_meier",
    "log_rank",
]
