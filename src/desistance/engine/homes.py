"""What every home of blocks can do; see `desistance.engine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

Tables = dict[str, pd.DataFrame]
Wanted = Mapping[str, Sequence[str] | None]  # the columns of each table to read; None is all


class Home(Protocol):
    """Blocks of whole people, each of them a few tables under the same names.

    A function that is given to a home may run elsewhere: it must hold nothing but settings and
    small arrays, and never the home.
    """

    @property
    def n_blocks(self) -> int:
        """How many blocks there are at most; blocks of nobody are never shown to a function."""
        ...

    def each(self, function: Callable[[Tables], T], wanted: Wanted) -> Iterator[T]:
        """Apply a function to every block, in the same order every time; small results."""
        ...

    def keep(self, function: Callable[[Tables], Tables], wanted: Wanted) -> Home:
        """Apply a function to every block, and keep the tables it makes where they are."""
        ...
