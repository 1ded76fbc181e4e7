"""How strong a confounder nobody recorded would have to be to explain an effect away: the E-value.

With a risk ratio RR of 1 or more (below 1, take 1 / RR), a confounder that goes with both the
exposure and the outcome by risk ratios of

    E = RR + sqrt(RR * (RR - 1))

can explain it away; one weaker in both cannot. Other effects are brought to a risk ratio first:

risk ratio, rate ratio
    As they are.
odds ratio, hazard ratio
    As they are where the outcome is rare. Where it is common (over 15 in 100 by the end of
    follow-up) sqrt(OR), and (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)).
difference
    Of risks, over the risk of those not exposed (`baseline`), which is taken as known.
standardised difference
    exp(0.91 d).

References
----------
VanderWeele and Ding (2017), Annals of Internal Medicine 167(4); Ding and VanderWeele (2016),
Epidemiology 27(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_GREY, house_style, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Result, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scale = Literal[
    "risk ratio", "rate ratio", "odds ratio", "hazard ratio", "difference",
    "standardised difference",
]  # fmt: skip
TICKS = (1, 1.5, 2, 3, 5, 10, 20)
E_VALUE = "E-value"
OF_ESTIMATE, OF_LIMIT = "of the estimate", "of the limit nearest to no difference"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EValue(Result):
    """The E-values of an effect.

    Attributes
    ----------
    estimate, limit : float
        E-value of the estimate, and of the confidence limit nearest to no effect (1 if the
        interval holds no effect); NaN where there is none.
    risk_ratio : tuple of float
        The estimate and that limit as risk ratios.
    definition : str
    note : str
        Why an E-value is not estimable.
    """

    estimate: float
    limit: float
    risk_ratio: tuple[float, float]
    definition: str
    note: str

    def to_frame(self) -> pd.DataFrame:
        """One row for the estimate and one for the limit."""
        return pd.DataFrame({
            "outcome": E_VALUE, "term": [OF_ESTIMATE, OF_LIMIT],
            "estimate": [self.estimate, self.limit], "note": self.note})  # fmt: skip

    def summary(self) -> str:
        """Say what a confounder would have to be like."""
        if self.note:
            return f"E-value of {self.definition}: {self.note}."
        return "\n".join(
            [
                f"E-value of {self.definition}: {number(self.estimate, 2)}, and "
                f"{number(self.limit, 2)} to bring the interval to no difference",
                text_table(self.to_frame()),
                "A confounder nobody recorded would have to go with both joining and reoffending "
                f"by risk ratios of {number(self.estimate, 2)} each, beyond what is balanced, to "
                "explain the estimate away; weaker ones cannot.",
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw every pair of strengths that would be enough."""
        ax = new_axes(ax)
        with house_style():
            told = (("the estimate", self.risk_ratio[0]), ("the interval", self.risk_ratio[1]))
            for name, ratio in told:
                bias = max(ratio, 1 / ratio)
                if not np.isfinite(bias) or bias <= 1:
                    continue
                one = bias * np.geomspace(1.001, 30, 400)
                ax.plot(one, bias * (one - 1) / (one - bias), label=f"explains {name} away")
                corner = float(_e_value(bias))
                ax.plot(corner, corner, "o", color=DARK_GREY)
            if ax.get_legend_handles_labels()[0]:
                ax.legend()
        ratio_axis(ax)
        ratio_axis(ax, "y")
        ax.set(
            xlim=(1, 20), ylim=(1, 20), xticks=TICKS, yticks=TICKS,
            xlabel="Risk ratio of the confounder with being exposed",
            ylabel="Risk ratio with the outcome",
        )  # fmt: skip
        return ax


def e_value(
    estimate: float,
    conf_low: float,
    conf_high: float,
    *,
    scale: Scale,
    common: bool = True,
    baseline: float | None = None,
) -> EValue:
    """Say how strong an unmeasured confounder would have to be.

    Parameters
    ----------
    estimate, conf_low, conf_high
        An effect and its interval.
    scale
        What it is; see `desistance.comparison.sensitivity.evalue`.
    common
        Whether more than about 15 in 100 have the outcome by the end, which matters for odds and
        hazard ratios alone.
    baseline
        Of a difference: the risk of those not exposed, in the same unit.

    Raises
    ------
    ModelError
        If the scale is unknown, a ratio is not above 0, the limits are the wrong way round, or a
        difference comes without its baseline.

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7, scale="risk ratio")
    >>> round(found.estimate, 2), round(found.limit, 2)
    (7.26, 3.0)
    """
    if scale not in get_args(Scale):
        raise ModelError(f"`scale` is one of {', '.join(get_args(Scale))}.")
    found = np.array([estimate, conf_low, conf_high], dtype=float)
    of_ratio = scale.endswith("ratio")
    if of_ratio and (found <= 0).any():
        raise ModelError("A ratio and its limits are above 0.")
    if conf_low > conf_high or estimate < conf_low or estimate > conf_high:
        raise ModelError("The estimate lies within its limits, the lower one first.")
    if (scale == "difference") != (baseline is not None):
        raise ModelError("`baseline` is for a difference, and a difference needs it.")
    definition = f"a {scale} of {number(float(estimate), 2)}"
    if np.isnan(found).any():
        why = f"{NOT_ESTIMABLE}: there is no estimate"
        return EValue(np.nan, np.nan, (np.nan, np.nan), f"a {scale}", why)
    ratio, low, high = _risk_ratio(found, scale, baseline, common=common)
    nearest = low if ratio > 1 else high
    if low <= 1 <= high:
        nearest = 1.0
    if min(ratio, nearest) <= 0:
        why = f"{NOT_ESTIMABLE}: the difference is as large as the baseline"
        return EValue(np.nan, np.nan, (np.nan, np.nan), definition, why)
    whole, limit = _e_value(np.array([ratio, nearest]))
    return EValue(float(whole), float(limit), (float(ratio), float(nearest)), definition, "")


def _risk_ratio(
    found: np.ndarray, scale: Scale, baseline: float | None, *, common: bool
) -> np.ndarray:
    """Bring an effect and its limits (increasing functions all) to risk ratios."""
    if scale == "difference":
        if baseline is None or not baseline > 0:
            raise ModelError("`baseline` is above 0.")
        return 1 + found / baseline
    if scale == "standardised difference":
        return np.exp(0.91 * found)
    if scale == "odds ratio" and common:
        return np.sqrt(found)
    if scale == "hazard ratio" and common:
        return (1 - 0.5 ** np.sqrt(found)) / (1 - 0.5 ** np.sqrt(1 / found))
    return found


def _e_value(ratio: np.ndarray | float) -> np.ndarray:
    larger = np.maximum(ratio, 1 / np.asarray(ratio))
    return larger + np.sqrt(larger * (larger - 1))
