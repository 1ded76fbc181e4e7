"""Make cohorts alike before any outcome is compared."""

from desistance.balance.cohorts import Balance
from desistance.balance.comparators import CalendarRules, Comparator, eligible
from desistance.balance.diagnostics import balance_table, effective_size
from desistance.balance.matching import (
    BalanceDesign,
    balance_cohorts,
    balance_sets,
    match_cohorts,
    score_sets,
)
from desistance.balance.propensity import Propensity, estimate_propensity, within_sets
from desistance.balance.riskset import candidates, comparison_flow, mature_joiners
from desistance.balance.weights import weigh_cohorts

__all__ = [
    "Balance",
    "BalanceDesign",
    "CalendarRules",
    "Comparator",
    "Propensity",
    "balance_cohorts",
    "balance_sets",
    "balance_table",
    "candidates",
    "comparison_flow",
    "effective_size",
    "eligible",
    "estimate_propensity",
    "match_cohorts",
    "mature_joiners",
    "score_sets",
    "weigh_cohorts",
    "within_sets",
]
