"""The faces every result has: a tidy frame, plain words, a picture, a table in a notebook.

A `Result` holds numbers and the definitions they rest on; it does no arithmetic. Tidy columns
are drawn from `COLUMNS`. A number that cannot be estimated is NaN in its column and the column
`note` says why, beginning with "not estimable".
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

COLUMNS = (
    *("outcome", "group", "cause", "term", "day", "n", "n_at_risk", "n_events", "n_censored"),
    *("n_expected", "person_years"),
    *("estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value", "note"),
)

NOT_ESTIMABLE = "not estimable"
NOT_REPORTED = "not reported"
AT_THE_EDGE = f"{NOT_ESTIMABLE}: at 0 or 1 there are no limits"
NO_EVENT_YET = f"{NOT_ESTIMABLE}: no event yet"


class Caveat(str):
    """A sentence that must be read with a result; it remembers which of its words are counts.

    So the report can print the sentence with its counts rounded or withheld.

    Examples
    --------
    >>> caveat = Caveat("{left} of {all} people were not assessed.", left=3, all=1200)
    >>> caveat
    '3 of 1,200 people were not assessed.'
    >>> caveat.with_counts(lambda count: "some" if count < 10 else f"about {count}")
    'some of about 1200 people were not assessed.'
    """

    __slots__ = ("counts", "template")

    template: str
    counts: dict[str, int]

    def __new__(cls, template: str, **counts: int) -> Caveat:
        """Fill the counts in where the template names them."""
        caveat = super().__new__(cls, _fill(template, counts, "{:,}".format))
        caveat.template, caveat.counts = template, counts
        return caveat

    def with_counts(self, show: Callable[[int], str]) -> str:
        """Write the sentence with its counts shown another way."""
        return _fill(self.template, self.counts, show)


class ErrorCaveat(Caveat):
    """A caveat on standard errors alone: what has others, as a bootstrap does, does not repeat it.

    Examples
    --------
    >>> ErrorCaveat("Some people have several rows: use variance='cluster'.")
    "Some people have several rows: use variance='cluster'."
    """

    __slots__ = ()


def _fill(template: str, counts: dict[str, int], show: Callable[[int], str]) -> str:
    """Put each count where the template names it; other braces stay as they are."""
    for name, count in counts.items():
        template = template.replace(f"{{{name}}}", show(count))
    return template


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What an estimator found. Subclasses are frozen and slotted, and fill in `to_frame`.

    A result is equal to itself alone: compare frames.
    """

    def to_frame(self) -> pd.DataFrame:
        """One row per term, group or day; columns from `COLUMNS`."""
        raise NotImplementedError  # every subclass has its own rows

    def summary(self) -> str:
        """Say in plain text what was estimated, on whom, by which definitions."""
        raise NotImplementedError

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the result on `ax`, or on a new figure, and return the Axes."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return html_table(self.to_frame(), caption=self.summary().splitlines()[0])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary().splitlines()[0]}>"


def number(value: Any, digits: int = 3) -> str:
    """Print one cell: whole numbers whole, others with `digits` decimals, what is missing empty."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return _decimal(float(value), digits)
    return str(value)


def _decimal(value: float, digits: int) -> str:
    if np.isnan(value):
        return ""
    if abs(value) >= 1000 and value.is_integer():
        return f"{value:,.0f}"
    too_small = 0 < abs(value) < 10.0**-digits
    return f"{value:.2g}" if too_small else f"{value:.{digits}f}"


def text_table(frame: pd.DataFrame, digits: int = 3) -> str:
    """Lay a small frame out as aligned text, without its index."""
    cells = [list(map(str, frame.columns))]
    cells += [[number(value, digits) for value in row] for row in frame.itertuples(index=False)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def html_table(frame: pd.DataFrame, caption: str, digits: int = 3) -> str:
    """Write a small frame as an accessible table: caption, scoped headers, all text escaped."""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    body = []
    for row in frame.itertuples(index=False):
        first, *rest = (escape(number(value, digits)) for value in row)
        cells = "".join(f'<td style="text-align:right;padding-left:1em">{c}</td>' for c in rest)
        body.append(f'<tr><th scope="row">{first}</th>{cells}')
    rows = "</tr>".join(body) + ("</tr>" if body else "")
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
