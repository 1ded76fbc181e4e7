"""Parametric survival: families of curves with a formula, fitted by maximum likelihood."""

from desistance.survival.parametric.fit import ParametricFit, fit_parametric
from desistance.survival.parametric.flexible import FlexibleFit, fit_flexible_parametric

__all__ = ["FlexibleFit", "ParametricFit", "fit_flexible_parametric", "fit_parametric"]
