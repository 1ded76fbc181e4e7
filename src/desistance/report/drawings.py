"""Pictures of protected curves: whole lines, or single values with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def points(rows: pd.DataFrame, ax: Axes) -> None:
    """Draw values with their intervals, joined by lines; groups a little apart."""
    for place, (group, line) in enumerate(rows.groupby("group", sort=False)):
        apart = line.assign(day=line["day"] + 4 * place)
        _with_intervals(apart, ax, str(group), marker="os"[place % 2])
    ax.set(xlabel="Days since joining", ylabel="Share not yet reoffended", ylim=(0, 1))
    ax.legend(loc="best")


def _with_intervals(line: pd.DataFrame, ax: Axes, label: str, **style: Any) -> None:
    day, share, low, high = line[["day", "estimate", "conf_low", "conf_high"]].to_numpy(float).T
    ax.errorbar(day, share, (share - low, high - share), capsize=3, label=label, **style)


def steps(rows: pd.DataFrame, ax: Axes, says: str = "Share not yet reoffended") -> None:
    """Draw each curve; a group of whom only single values are released, as points."""
    for group, line in rows.groupby("group", sort=False):
        if len(line) > 2:
            ax.step(line["day"], line["estimate"], where="post", label=group)
            ax.fill_between(
                line["day"], line["conf_low"], line["conf_high"], step="post", alpha=0.15
            )
        else:
            _with_intervals(line, ax, str(group), fmt="o")
    ax.set(xlabel="Days", ylabel=says, ylim=(0, 1), xlim=(0, None))
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend(loc="best")
