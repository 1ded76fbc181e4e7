"""Make cohorts alike before any outcome is compared."""

from desistance.balance.matching import Balance, BalanceDesign, balance_cohorts

__all__ = ["Balance", "BalanceDesign", "balance_cohorts"]
