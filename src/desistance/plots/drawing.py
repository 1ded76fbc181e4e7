"""The house style of `plots`, by matplotlib: axes to draw on, and figures as bytes."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from desistance.plots import LINE_STYLES, PALETTE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

SIZE = (6.6, 4.0)  # inches
DOTS_PER_INCH = 160

STYLE: Any = {  # the stubs know each setting by name
    "axes.axisbelow": True,
    "axes.edgecolor": "#6F777B",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": "#0B0C0C",
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=LINE_STYLES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 12,
    "grid.color": "#D9DCDE",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "patch.linewidth": 0,
    "savefig.facecolor": "white",
    "svg.hashsalt": "desistance",
    "xtick.color": "#3D3D3D",
    "ytick.color": "#3D3D3D",
    "ytick.left": False,
}


def house_style() -> AbstractContextManager[None]:
    """Draw in the house style: legends and labels made inside take its sizes and fonts."""
    return mpl.rc_context(STYLE)


class Picture(Figure):
    """A figure that a notebook shows as it is released: same size, same bytes."""

    def _repr_png_(self) -> tuple[bytes, dict[str, float]]:
        width, height = self.get_size_inches() * 100
        return figure_png(self), {"width": width, "height": height}


def ratio_axis(ax: Axes, which: Literal["x", "y"] = "x") -> None:
    """Make an axis logarithmic, with ticks that read as ratios: 0.5, 0.7, 1, 1.5, 2."""
    ax.set(**{f"{which}scale": "log"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 1.25, 1.5, 2, 3, 5, 7, 8.5), numticks=12))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def new_axes(ax: Axes | None = None, *, size: tuple[float, float] = SIZE) -> Axes:
    """Give `ax` back, or an empty Axes in the house style on a figure of its own.

    Examples
    --------
    >>> ax = new_axes()
    >>> lines = ax.plot([0, 365], [1.0, 0.6], label="7 Pathways Plus")
    >>> figure_png(ax.figure)[:4]
    b'\\x89PNG'
    """
    if ax is not None:
        return ax
    with house_style():
        figure = Picture(figsize=size, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        return figure.add_subplot()


def figure_png(figure: Figure | SubFigure) -> bytes:
    """Draw a figure as PNG bytes that are the same each time and say nothing of the machine."""
    while not isinstance(figure, Figure):
        figure = figure.figure
    png = BytesIO()
    with house_style():
        figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return png.getvalue()
