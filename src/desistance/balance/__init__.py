"""Make cohorts alike before any outcome is compared."""

from desistance.balance.cohorts import Balance
from desistance.balance.diagnostics import balance_table
from desistance.balance.matching import BalanceDesign, balance_cohorts, match_cohorts
from desistance.balance.propensity import Propensity, estimate_propensity
from desistance.balance.weights import weigh_cohorts

__all__ = [
    "Balance",
    "BalanceDesign",
    "Propensity",
    "balance_cohorts",
    "balance_table",
    "estimate_propensity",
    "match_cohorts",
    "weigh_cohorts",
]
