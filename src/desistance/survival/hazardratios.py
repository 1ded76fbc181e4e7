"""Ratios on the log scale as a table and as a forest: the face that every hazard model shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from desistance import plots
from desistance.plots import DARK_BLUE, DARK_GREY
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z95 = 1.959963984540054
NO_ERROR = f"{NOT_ESTIMABLE}: nobody moves it, so the robust variance is 0"
BY_PROFILE = "interval and p-value by profile penalised likelihood"


def hazard_ratios(
    terms: tuple[str, ...],
    log_hazards: Floats,
    covariance: Floats,
    notes: tuple[str, ...],
    *,
    log: bool,
    profile: Floats | None = None,
    tested: NDArray[np.bool_] | bool = True,
) -> pd.DataFrame:
    """Lay out hazard ratios with 95 % intervals, one row a term; log hazard ratios with `log`.

    The intervals and tests are Wald's, or those of a `profile` (see `CoxFit`); a row that is not
    `tested` has no statistic.
    """
    error = np.sqrt(np.diag(covariance))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if profile is None:
            z = np.where(tested, log_hazards / error, np.nan)
            limits = [log_hazards, log_hazards - Z95 * error, log_hazards + Z95 * error]
        else:
            *sides, z = profile.T
            limits = [log_hazards, *sides]
            notes = tuple(note or BY_PROFILE for note in notes)
        estimate, low, high = limits if log else np.exp(limits)
    return pd.DataFrame(
        {
            "term": terms,
            "estimate": estimate,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "statistic": z,
            "p_value": 2 * ndtr(-np.abs(z)),
            "note": np.where(
                np.isnan(error) & ~np.isnan(log_hazards) & (np.array(notes, dtype=object) == ""),
                NO_ERROR,
                notes,
            ),
        }
    )


def effect_curve(frame: pd.DataFrame, name: str, *, ax: Axes | None = None) -> Axes:
    """Draw hazard ratios against the values of a number, on a log axis, with their interval."""
    ax, shown = plots.new_axes(ax), frame.sort_values("value")
    with plots.house_style():
        ax.axhline(1.0, color=DARK_GREY, linewidth=1)
        ax.fill_between(
            shown.value, shown.conf_low, shown.conf_high, color=DARK_BLUE, alpha=0.2, linewidth=0
        )
        ax.plot(shown.value, shown.estimate, color=DARK_BLUE)
        plots.ratio_axis(ax, "y")
        ax.set(xlabel=name, ylabel="Hazard ratio (95 % interval)")
    return ax


def forest(
    frame: pd.DataFrame,
    *,
    ax: Axes | None = None,
    label: str = "Hazard ratio",
    equal: float | None = 1.0,
) -> Axes:
    """Draw tidy hazard ratios on a log axis, the first term on top, numbers in the labels.

    A line stands at `equal`, where there is no difference.
    """
    ax = plots.new_axes(ax, size=(7.2, 1 + 0.6 * len(frame)))
    place = np.arange(len(frame))[::-1]
    ratios = [frame[name].map("{:.2f}".format) for name in ("estimate", "conf_low", "conf_high")]
    numbers = ratios[0] + " (" + ratios[1] + " to " + ratios[2] + ")"
    labels = frame.term + "\n" + numbers.mask(frame.note.str.startswith(NOT_ESTIMABLE), frame.note)
    with plots.house_style():
        if equal is not None:
            ax.axvline(equal, color=DARK_GREY, linewidth=1)
        ax.hlines(place, frame.conf_low, frame.conf_high, color=DARK_BLUE)
        ax.plot(frame.estimate, place, "s", color=DARK_BLUE)
        plots.ratio_axis(ax)
        ax.set_yticks(place, labels.to_list())
        ax.set(xlabel=f"{label} (95 % interval)", ylim=(-0.5, len(frame) - 0.5))
    return ax
