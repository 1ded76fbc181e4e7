"""Few areas, few people: errors, tests and intervals that hold where large samples are not there.

`leastsquares` has the clustered variance CR2 with Satterthwaite's degrees of freedom, `wild` the
wild cluster bootstrap, `permuted` randomisation of the areas' go-live, `areafit` the regression
that shows them side by side, and `exact` two groups of people and one yes-or-no outcome.
"""

from desistance.comparison.fewareas.areafit import AreaFit, fit_by_area
from desistance.comparison.fewareas.exact import ExactComparison, exact_two_by_two

__all__ = ["AreaFit", "ExactComparison", "exact_two_by_two", "fit_by_area"]
