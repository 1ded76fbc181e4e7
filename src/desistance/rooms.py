"""Packages whose rooms are opened when one of their names is first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def opener(
    package: str, room_of: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` of a package: a name opens the room it lives in, once.

    The rooms themselves can be had by name too.

    Parameters
    ----------
    package
        Its ``__name__``.
    room_of
        The room of each name, below the package.

    Examples
    --------
    >>> get, names = opener("desistance.plots", {"new_axes": "drawing"})
    >>> get("new_axes").__name__, names()
    ('new_axes', ['new_axes'])
    """
    rooms = {room.partition(".")[0] for room in room_of.values()}

    def opened(name: str) -> Any:
        if name in room_of:
            found = getattr(import_module(f"{package}.{room_of[name]}"), name)
        elif name in rooms:
            found = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, found)
        return found

    return opened, lambda: list(room_of)
