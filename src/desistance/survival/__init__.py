"""Time to reoffending: curves, hazards, and who is at risk when.

`risksets` states the risk-set convention once; every estimator here stands on it. Each is opened
when it is first used: a Cox model does without what a picture, a spline or a bootstrap needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.rooms import opener

_ROOMS = {
    "assessment": (
        "Calibration",
        "Concordance",
        "EventsPerParameter",
        "ProportionalHazards",
        "check_proportional_hazards",
        "concordance",
        "events_per_parameter",
    ),
    "assessment.calibration": ("calibration",),
    "competing": (
        "CauseSpecificFit",
        "CumulativeIncidence",
        "FineGrayFit",
        "GrayTest",
        "cumulative_incidence",
        "fit_cause_specific",
        "fit_fine_gray",
        "gray_test",
        "influence_of_incidence",
    ),
    "convergence": ("HazardConvergence", "hazard_convergence"),
    "cox": ("CoxFit", "Steps", "fit_cox"),
    "cumulative": ("CumulativeCurve", "mean_cumulative_function", "nelson_aalen"),
    "cure": ("SplitPopulationFit", "fit_split_population"),
    "curves": ("Survival", "influence_of_survival", "influences_of_survival", "kaplan_meier"),
    "logrank": ("LogRank", "log_rank"),
    "parametric": ("FlexibleFit", "ParametricFit", "fit_flexible_parametric", "fit_parametric"),
    "penalty": ("Ridge",),
    "recurrent": ("RecurrentFit", "fit_recurrent"),
    "resampling": ("Bootstrap",),
    "resampling.bootstrap": ("bootstrap",),
    "residuals": ("cox_residuals",),
    "restricted": ("RestrictedMean", "influence_of_restricted_mean", "restricted_mean"),
    "smoothed": ("SmoothedHazard", "smoothed_hazard"),
    "terms": ("Category", "Interaction", "Spline"),
}

_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = list(_ROOM_OF)

if TYPE_CHECKING:  # what editors and mypy see; a test keeps it the same as the rooms
    from desistance.survival.assessment import Calibration as Calibration
    from desistance.survival.assessment import Concordance as Concordance
    from desistance.survival.assessment import EventsPerParameter as EventsPerParameter
    from desistance.survival.assessment import ProportionalHazards as ProportionalHazards
    from desistance.survival.assessment import (
        check_proportional_hazards as check_proportional_hazards,
    )
    from desistance.survival.assessment import concordance as concordance
    from desistance.survival.assessment import events_per_parameter as events_per_parameter
    from desistance.survival.assessment.calibration import calibration as calibration
    from desistance.survival.competing import CauseSpecificFit as CauseSpecificFit
    from desistance.survival.competing import CumulativeIncidence as CumulativeIncidence
    from desistance.survival.competing import FineGrayFit as FineGrayFit
    from desistance.survival.competing import GrayTest as GrayTest
    from desistance.survival.competing import cumulative_incidence as cumulative_incidence
    from desistance.survival.competing import fit_cause_specific as fit_cause_specific
    from desistance.survival.competing import fit_fine_gray as fit_fine_gray
    from desistance.survival.competing import gray_test as gray_test
    from desistance.survival.competing import influence_of_incidence as influence_of_incidence
    from desistance.survival.convergence import HazardConvergence as HazardConvergence
    from desistance.survival.convergence import hazard_convergence as hazard_convergence
    from desistance.survival.cox import CoxFit as CoxFit
    from desistance.survival.cox import Steps as Steps
    from desistance.survival.cox import fit_cox as fit_cox
    from desistance.survival.cumulative import CumulativeCurve as CumulativeCurve
    from desistance.survival.cumulative import mean_cumulative_function as mean_cumulative_function
    from desistance.survival.cumulative import nelson_aalen as nelson_aalen
    from desistance.survival.cure import SplitPopulationFit as SplitPopulationFit
    from desistance.survival.cure import fit_split_population as fit_split_population
    from desistance.survival.curves import Survival as Survival
    from desistance.survival.curves import influence_of_survival as influence_of_survival
    from desistance.survival.curves import influences_of_survival as influences_of_survival
    from desistance.survival.curves import kaplan_meier as kaplan_meier
    from desistance.survival.logrank import LogRank as LogRank
    from desistance.survival.logrank import log_rank as log_rank
    from desistance.survival.parametric import FlexibleFit as FlexibleFit
    from desistance.survival.parametric import ParametricFit as ParametricFit
    from desistance.survival.parametric import fit_flexible_parametric as fit_flexible_parametric
    from desistance.survival.parametric import fit_parametric as fit_parametric
    from desistance.survival.penalty import Ridge as Ridge
    from desistance.survival.recurrent import RecurrentFit as RecurrentFit
    from desistance.survival.recurrent import fit_recurrent as fit_recurrent
    from desistance.survival.resampling import Bootstrap as Bootstrap
    from desistance.survival.resampling.bootstrap import bootstrap as bootstrap
    from desistance.survival.residuals import cox_residuals as cox_residuals
    from desistance.survival.restricted import RestrictedMean as RestrictedMean
    from desistance.survival.restricted import (
        influence_of_restricted_mean as influence_of_restricted_mean,
    )
    from desistance.survival.restricted import restricted_mean as restricted_mean
    from desistance.survival.smoothed import SmoothedHazard as SmoothedHazard
    from desistance.survival.smoothed import smoothed_hazard as smoothed_hazard
    from desistance.survival.terms import Category as Category
    from desistance.survival.terms import Interaction as Interaction
    from desistance.survival.terms import Spline as Spline
else:
    __getattr__, __dir__ = opener(__name__, _ROOM_OF)
