"""Parametric survival: families of curves with a formula, fitted by maximum likelihood."""

from desistance.survival.parametric.fit import ParametricFit, fit_parametric

__all__ = ["ParametricFit", "fit_parametric"]
