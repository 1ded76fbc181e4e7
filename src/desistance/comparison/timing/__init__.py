"""Equal time for both sides: five designs that ask when people joined, and give one kind of answer.

Everybody's clock starts on the day of leaving. The designs differ in whom they set beside whom on
it, and so in the question they answer; `designs` draws each. What they share:

copy         a person followed from one day, on one side of the comparison. A person may have many
joined       from the day after joining on; the day itself, and those before, are not programme time
later        what becomes of comparison people who join later: "keep" them as they are, "censor"
             them on the day they join, or "weigh" up those who stay for those who were censored
window       `every_days` days since leaving, over which the hazard of joining is modelled from what
             was known on its first day; see `joining`
horizon      `months` after the first day of a copy. The rate and the days without reoffending count
             days in custody in; the hazard ratio leaves them out

Variances add up all copies of a person before squaring. "robust" takes weights as known,
"bootstrap" draws people and fits the weights anew.
"""

from desistance.comparison.timing.compare import compare_designs, compare_over_time
from desistance.comparison.timing.design import TimeDesign
from desistance.comparison.timing.immortal import ImmortalTime, check_immortal_time
from desistance.comparison.timing.result import TimedComparison, TimedComparisons

__all__ = [
    "ImmortalTime",
    "TimeDesign",
    "TimedComparison",
    "TimedComparisons",
    "check_immortal_time",
    "compare_designs",
    "compare_over_time",
]
