"""Split population: people who reoffend eventually, and people who never do."""

from desistance.survival.cure.fit import fit_split_population
from desistance.survival.cure.result import SplitPopulationFit

__all__ = ["SplitPopulationFit", "fit_split_population"]
