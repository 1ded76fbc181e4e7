"""How every picture looks: colours, line styles, fonts, and bytes that never change.

Conventions, stated once:

* Colours are the categorical palette of the Government Analysis Function, in its order; lines
  differ by style as well, so that colour is never alone in telling groups apart.
* Figures are drawn without pyplot, so that no state leaks from one to the next. In a notebook,
  end a cell with ``result.plot().figure`` to see it.
* The same figure gives the same PNG bytes: no date, no software version, fixed size and dots.

Matplotlib is opened by the first name of `drawing` that is used, as it takes longer to load than
many a model to fit.

References
----------
Government Analysis Function, Data visualisation: colours in charts (six-colour palette).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.rooms import opener

DARK_BLUE, TURQUOISE, DARK_PINK, ORANGE, DARK_GREY, LIGHT_PURPLE = PALETTE = (
    "#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1",
)  # fmt: skip
LINE_STYLES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")

_ROOM_OF = dict.fromkeys(
    ("Picture", "figure_png", "house_style", "new_axes", "ratio_axis"), "drawing"
)

if TYPE_CHECKING:  # what editors and mypy see; a test keeps it the same
    from desistance.plots.drawing import Picture as Picture
    from desistance.plots.drawing import figure_png as figure_png
    from desistance.plots.drawing import house_style as house_style
    from desistance.plots.drawing import new_axes as new_axes
    from desistance.plots.drawing import ratio_axis as ratio_axis
else:
    __getattr__, __dir__ = opener(__name__, _ROOM_OF)
