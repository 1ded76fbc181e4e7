"""How many reoffended, how often, and per how much time at risk.

sums    what is counted of people and of rows at risk; whole numbers, so that those of blocks
        of people add up to those of all, without rounding
rates   the measures made of them, with their intervals
"""

from desistance.rates.rates import SHARE, ReoffendingRates, reoffending_rates

__all__ = ["SHARE", "ReoffendingRates", "reoffending_rates"]
