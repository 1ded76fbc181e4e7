"""Evaluate offender-management pilots, from case files to a report that is safe to share.

The public names stand in `STREET` in the order of the method: load the cases, build histories,
follow people up, estimate, compare, report. `import desistance` loads none of them: a room is
opened when one of its names is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.rooms import opener

__version__ = "0.1.0"

STREET = {
    "cases": ("load_cases", "CaseData", "open_cases", "write_blocks", "CasesInBlocks"),
    "engine": ("start_spark",),
    "identifiers": ("check_identifiers",),
    "pseudonymisation": ("pseudonymise",),
    "linkage": ("suspected_duplicates", "LinkColumn", "LinkPlan", "link_sensitivity"),
    "linkage.pairs": ("link_tables",),  # not with the others: it opens splink
    "synthetic": ("simulate_cases", "SimulationDesign"),
    "histories": ("build_histories", "Histories", "risk_scores", "offences_by_period"),
    "histories.streettime": ("street_time",),
    "histories.careers": (
        "trace_careers",
        "Careers",
        "career_measures",
        "age_crime_curve",
        "crime_mix",
        "specialisation",
        "career_harm",
    ),
    "histories.needs": ("needs_over_time", "need_cooccurrence", "need_sequence", "NeedsDesign"),
    "histories.support": ("support_summary", "first_contact"),
    "followup": ("follow_up", "FollowUp", "FollowUpDesign"),
    "timetoevent": ("TimeToEvent", "TimesInBlocks"),
    "rates": ("reoffending_rates",),
    "survival": (
        "kaplan_meier",
        "nelson_aalen",
        "restricted_mean",
        "log_rank",
        "fit_cox",
        "Category",
        "Spline",
        "Interaction",
        "Steps",
        "Ridge",
        "check_proportional_hazards",
        "cox_residuals",
        "concordance",
        "calibration",
        "events_per_parameter",
        "fit_parametric",
        "fit_flexible_parametric",
        "fit_split_population",
        "smoothed_hazard",
        "hazard_convergence",
        "cumulative_incidence",
        "gray_test",
        "fit_fine_gray",
        "fit_cause_specific",
        "mean_cumulative_function",
        "fit_recurrent",
        "bootstrap",
    ),
    "survival.frequency": ("fit_frequency",),  # not with the others: it opens statsmodels
    "trajectories": ("fit_trajectories", "choose_groups"),
    "desisting": ("measure_desistance",),
    "balance": (
        "estimate_propensity",
        "match_cohorts",
        "weigh_cohorts",
        "balance_table",
        "balance_cohorts",
        "BalanceDesign",
        "Comparator",
    ),
    "imputation": ("impute_needs", "pool_fits", "pool_curves", "tipping_needs"),
    "comparison": (
        "compare_cohorts",
        "triangulate",
        "compare_by",
        "ExternalRate",
        "stress_test",
        "SensitivityDesign",
        "e_value",
        "rosenbaum_bounds",
        "tipping_point",
        "tipping_unseen",
        "adjusted_p",
        "Binary",
        "Mean",
        "Count",
        "TimeTo",
        "doubly_robust",
        "adjusted_curves",
        "bootstrap_effects",
        "pool_areas",
        "break_even",
    ),
    "comparison.planning": ("power", "simulated_power"),
    "comparison.rollout": ("area_months", "rollout_effects", "fit_stepped_wedge"),
    "comparison.rollout.interrupted": ("interrupted_time_series",),  # it opens statsmodels
    "comparison.fewareas": ("fit_by_area", "exact_two_by_two"),
    "comparison.timing": (
        "compare_over_time",
        "compare_designs",
        "TimeDesign",
        "check_immortal_time",
    ),
    "comparison.exploratory": ("effects_by_need", "effects_by_dose"),
    "evaluation": ("EvaluationPlan", "TargetTrial", "lock_plan", "Evaluation", "evaluate"),
    "report": ("write_report",),
    "disclosure": ("DisclosurePolicy",),
}

_ROOM_OF = {name: room for room, names in STREET.items() for name in names}

__all__ = list(_ROOM_OF)

if TYPE_CHECKING:  # what editors and mypy see; a test keeps it the same as STREET
    from desistance.balance import BalanceDesign as BalanceDesign
    from desistance.balance import Comparator as Comparator
    from desistance.balance import balance_cohorts as balance_cohorts
    from desistance.balance import balance_table as balance_table
    from desistance.balance import estimate_propensity as estimate_propensity
    from desistance.balance import match_cohorts as match_cohorts
    from desistance.balance import weigh_cohorts as weigh_cohorts
    from desistance.cases import CaseData as CaseData
    from desistance.cases import CasesInBlocks as CasesInBlocks
    from desistance.cases import load_cases as load_cases
    from desistance.cases import open_cases as open_cases
    from desistance.cases import write_blocks as write_blocks
    from desistance.comparison import Binary as Binary
    from desistance.comparison import Count as Count
    from desistance.comparison import ExternalRate as ExternalRate
    from desistance.comparison import Mean as Mean
    from desistance.comparison import SensitivityDesign as SensitivityDesign
    from desistance.comparison import TimeTo as TimeTo
    from desistance.comparison import adjusted_curves as adjusted_curves
    from desistance.comparison import adjusted_p as adjusted_p
    from desistance.comparison import bootstrap_effects as bootstrap_effects
    from desistance.comparison import break_even as break_even
    from desistance.comparison import compare_by as compare_by
    from desistance.comparison import compare_cohorts as compare_cohorts
    from desistance.comparison import doubly_robust as doubly_robust
    from desistance.comparison import e_value as e_value
    from desistance.comparison import pool_areas as pool_areas
    from desistance.comparison import rosenbaum_bounds as rosenbaum_bounds
    from desistance.comparison import stress_test as stress_test
    from desistance.comparison import tipping_point as tipping_point
    from desistance.comparison import tipping_unseen as tipping_unseen
    from desistance.comparison import triangulate as triangulate
    from desistance.comparison.exploratory import effects_by_dose as effects_by_dose
    from desistance.comparison.exploratory import effects_by_need as effects_by_need
    from desistance.comparison.fewareas import exact_two_by_two as exact_two_by_two
    from desistance.comparison.fewareas import fit_by_area as fit_by_area
    from desistance.comparison.planning import power as power
    from desistance.comparison.planning import simulated_power as simulated_power
    from desistance.comparison.rollout import area_months as area_months
    from desistance.comparison.rollout import fit_stepped_wedge as fit_stepped_wedge
    from desistance.comparison.rollout import rollout_effects as rollout_effects
    from desistance.comparison.rollout.interrupted import (
        interrupted_time_series as interrupted_time_series,
    )
    from desistance.comparison.timing import TimeDesign as TimeDesign
    from desistance.comparison.timing import check_immortal_time as check_immortal_time
    from desistance.comparison.timing import compare_designs as compare_designs
    from desistance.comparison.timing import compare_over_time as compare_over_time
    from desistance.desisting import measure_desistance as measure_desistance
    from desistance.disclosure import DisclosurePolicy as DisclosurePolicy
    from desistance.engine import start_spark as start_spark
    from desistance.evaluation import Evaluation as Evaluation
    from desistance.evaluation import EvaluationPlan as EvaluationPlan
    from desistance.evaluation import TargetTrial as TargetTrial
    from desistance.evaluation import evaluate as evaluate
    from desistance.evaluation import lock_plan as lock_plan
    from desistance.followup import FollowUp as FollowUp
    from desistance.followup import FollowUpDesign as FollowUpDesign
    from desistance.followup import follow_up as follow_up
    from desistance.histories import Histories as Histories
    from desistance.histories import build_histories as build_histories
    from desistance.histories import offences_by_period as offences_by_period
    from desistance.histories import risk_scores as risk_scores
    from desistance.histories.careers import Careers as Careers
    from desistance.histories.careers import age_crime_curve as age_crime_curve
    from desistance.histories.careers import career_harm as career_harm
    from desistance.histories.careers import career_measures as career_measures
    from desistance.histories.careers import crime_mix as crime_mix
    from desistance.histories.careers import specialisation as specialisation
    from desistance.histories.careers import trace_careers as trace_careers
    from desistance.histories.needs import NeedsDesign as NeedsDesign
    from desistance.histories.needs import need_cooccurrence as need_cooccurrence
    from desistance.histories.needs import need_sequence as need_sequence
    from desistance.histories.needs import needs_over_time as needs_over_time
    from desistance.histories.streettime import street_time as street_time
    from desistance.histories.support import first_contact as first_contact
    from desistance.histories.support import support_summary as support_summary
    from desistance.identifiers import check_identifiers as check_identifiers
    from desistance.imputation import impute_needs as impute_needs
    from desistance.imputation import pool_curves as pool_curves
    from desistance.imputation import pool_fits as pool_fits
    from desistance.imputation import tipping_needs as tipping_needs
    from desistance.linkage import LinkColumn as LinkColumn
    from desistance.linkage import LinkPlan as LinkPlan
    from desistance.linkage import link_sensitivity as link_sensitivity
    from desistance.linkage import suspected_duplicates as suspected_duplicates
    from desistance.linkage.pairs import link_tables as link_tables
    from desistance.pseudonymisation import pseudonymise as pseudonymise
    from desistance.rates import reoffending_rates as reoffending_rates
    from desistance.report import write_report as write_report
    from desistance.survival import Category as Category
    from desistance.survival import Interaction as Interaction
    from desistance.survival import Ridge as Ridge
    from desistance.survival import Spline as Spline
    from desistance.survival import Steps as Steps
    from desistance.survival import bootstrap as bootstrap
    from desistance.survival import calibration as calibration
    from desistance.survival import check_proportional_hazards as check_proportional_hazards
    from desistance.survival import concordance as concordance
    from desistance.survival import cox_residuals as cox_residuals
    from desistance.survival import cumulative_incidence as cumulative_incidence
    from desistance.survival import events_per_parameter as events_per_parameter
    from desistance.survival import fit_cause_specific as fit_cause_specific
    from desistance.survival import fit_cox as fit_cox
    from desistance.survival import fit_fine_gray as fit_fine_gray
    from desistance.survival import fit_flexible_parametric as fit_flexible_parametric
    from desistance.survival import fit_parametric as fit_parametric
    from desistance.survival import fit_recurrent as fit_recurrent
    from desistance.survival import fit_split_population as fit_split_population
    from desistance.survival import gray_test as gray_test
    from desistance.survival import hazard_convergence as hazard_convergence
    from desistance.survival import kaplan_meier as kaplan_meier
    from desistance.survival import log_rank as log_rank
    from desistance.survival import mean_cumulative_function as mean_cumulative_function
    from desistance.survival import nelson_aalen as nelson_aalen
    from desistance.survival import restricted_mean as restricted_mean
    from desistance.survival import smoothed_hazard as smoothed_hazard
    from desistance.survival.frequency import fit_frequency as fit_frequency
    from desistance.synthetic import SimulationDesign as SimulationDesign
    from desistance.synthetic import simulate_cases as simulate_cases
    from desistance.timetoevent import TimesInBlocks as TimesInBlocks
    from desistance.timetoevent import TimeToEvent as TimeToEvent
    from desistance.trajectories import choose_groups as choose_groups
    from desistance.trajectories import fit_trajectories as fit_trajectories
else:
    __getattr__, __dir__ = opener(__name__, _ROOM_OF)
