"""Comparator designs A to E: where people to compare with come from, and what that can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from desistance.catalogue.reader import (
    DATA,
    EDITION_MAY,
    EDITION_MUST,
    TABLE,
    TEXT,
    check,
    nearest,
    read_toml,
)
from desistance.errors import PlanError

LETTERS = ("A", "B", "C", "D", "E")
_FILE = "comparators.toml"
_WORDS = dict.fromkeys(("short", "title", "who", "says", "cannot"), TEXT)
_LIGHTS = ("green", "amber", "red")


@dataclass(frozen=True, slots=True)
class ComparatorWords:
    """What is said of one comparator design.

    Attributes
    ----------
    letter, short, title
        Its names.
    who
        The people compared.
    says, cannot
        What the comparison can and cannot say.
    levels
        Level on the Maryland scale, by the traffic light of the balance.
    """

    letter: str
    short: str
    title: str
    who: str
    says: str
    cannot: str
    levels: dict[str, int]


def comparator_words(letter: str) -> ComparatorWords:
    """Give the words of a design by its letter.

    Examples
    --------
    >>> from desistance.catalogue import comparator_words
    >>> comparator_words("B").title
    'historical, same area'
    """
    if letter not in LETTERS:
        raise PlanError(f"There is no comparator design {letter!r}{nearest(letter, LETTERS)}.")
    raw = read_toml(DATA / _FILE)
    check(raw, _FILE, EDITION_MUST | dict.fromkeys(LETTERS, TABLE), EDITION_MAY)
    design: dict[str, Any] = raw[letter]
    check(design, f"{_FILE}, {letter}", {**_WORDS, "levels": TABLE}, {})
    check(design["levels"], f"{_FILE}, {letter}", dict.fromkeys(_LIGHTS, (int,)), {})
    return ComparatorWords(letter, **design)
