"""A page: a heading, a banner, sections of prose, key figures, tables and figures, in one file.

The page is a single HTML file that reads nothing from elsewhere and runs no script. All text goes
through one jinja2 environment that escapes it, whoever wrote it. A figure always carries words
for those who cannot see it, and the table of the numbers it shows. Tables and figures are
numbered in the order they stand in.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from desistance.plots import figure_png, house_style, new_axes
from desistance.results import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TEMPLATE = "page.html.j2"

Drawing = bytes | Callable[["Axes"], object]


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs of plain text."""

    kind: ClassVar[str] = "prose"
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """The one sentence to remember, in a box; `detail` says on what it rests."""

    kind: ClassVar[str] = "key figure"
    sentence: str
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table with its caption; the first column names the rows.

    `frame` is tidy, or what `ProtectedTable.shown` gives: numbers and the words that stand for
    suppressed ones. Numbers that are not whole have `digits` decimals. One that is `folded` is
    opened by the reader.
    """

    kind: ClassVar[str] = "table"
    frame: pd.DataFrame
    caption: str
    note: str = ""
    digits: int = 2
    folded: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure: PNG bytes, or a function that draws on Axes; its words and its numbers.

    `caption` states the finding, `alt` says what is to be seen, `table` holds the numbers drawn.
    """

    kind: ClassVar[str] = "figure"
    drawing: Drawing
    caption: str
    alt: str
    table: Table
    note: str = ""


Block = Prose | KeyFigure | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything a page says; `render` makes the file of it.

    Examples
    --------
    >>> page = Page("7 Pathways Plus", (Section("In short", (Prose(("Too early to say.",)),)),))
    >>> "<h1>7 Pathways Plus</h1>" in render(page)
    True
    """

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    banner: str = ""
    footer: tuple[str, ...] = ()


def render(page: Page) -> str:
    """Write the page as one HTML file; the same page gives the same text."""
    return _environment().get_template(TEMPLATE).render(page=page)


def png(drawing: Drawing) -> bytes:
    """Give the PNG of a figure, drawing it first if need be; the same bytes each time."""
    if isinstance(drawing, bytes):
        return drawing
    with house_style():
        axes = new_axes()
        drawing(axes)
        return figure_png(axes.figure)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cells": _cells, "png_source": _png_source}
    return environment


def _cells(table: Table) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """Give headings and rows as text; a column with a number in it stands to the right."""
    rows = list(table.frame.itertuples(index=False, name=None))
    sides = [
        "number" if any(map(_is_number, column)) else "text" for column in zip(*rows, strict=True)
    ]
    sides = sides or ["text"] * table.frame.shape[1]
    headings = list(zip(map(str, table.frame.columns), sides, strict=True))
    body = [
        [(number(cell, table.digits), side) for cell, side in zip(row, sides, strict=True)]
        for row in rows
    ]
    return headings, body


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool)


def _png_source(drawing: Drawing) -> str:
    """Give the text an image is read from."""
    return "data:image/png;base64," + b64encode(png(drawing)).decode("ascii")
