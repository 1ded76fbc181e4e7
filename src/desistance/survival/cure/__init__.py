"""Split population: people who reoffend eventually, and people who never do."""

from desistance.survival.cure.fit import SplitPopulationFit, fit_split_population

__all__ = ["SplitPopulationFit", "fit_split_population"]
