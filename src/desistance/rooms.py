"""Packages whose rooms are opened when one of their names is first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def opener(package: str, room_of: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package: it opens the room a name lives in, once.

    Parameters
    ----------
    package
        Its ``__name__``.
    room_of
        The room of each name, below the package.

    Examples
    --------
    >>> opener("desistance.plots", {"new_axes": "drawing"})("new_axes").__name__
    'new_axes'
    """

    def opened(name: str) -> Any:
        if name not in room_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{room_of[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return opened
