"""How a catalogue file is found, opened and checked.

A file that cannot be used is a `PlanError` naming the file and every key at fault: one that is
missing, one nobody reads (so that a slip of the pen never drops a cut-off in silence), one of the
wrong kind.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from desistance.errors import PlanError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.resources.abc import Traversable

DATA = files("desistance.catalogue") / "data"
KINDS = ("schemes", "tools", "offence_sets", "harm_weights", "unit_costs", "scores")

Kinds = tuple[type, ...]

TEXT: Kinds = (str,)
NUMBER: Kinds = (int, float)
FLAG: Kinds = (bool,)
LIST: Kinds = (list,)
TABLE: Kinds = (dict,)
_IN_WORDS = {
    TEXT: "text",
    NUMBER: "a number",
    FLAG: "true or false",
    LIST: "a list",
    TABLE: "a table",
}

EDITION_MUST: dict[str, Kinds] = dict.fromkeys(("name", "version", "valid_from", "source"), TEXT)
EDITION_MAY: dict[str, Kinds] = {"note": TEXT, "verified": FLAG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What every definition says of itself.

    Attributes
    ----------
    name, version
        Printed beside every result that rests on the definition.
    valid_from
        Year, year and month, or day it holds from, as precisely as it is known.
    source, note
        Where it was published; what it cannot do.
    verified
        False when a figure is general knowledge, or a choice made in the file.
    """

    name: str
    version: str
    valid_from: str
    source: str
    note: str = ""
    verified: bool = True

    @property
    def label(self) -> str:
        """Name and version, as a report prints them."""
        return f"{self.name} (version {self.version})"


def names(kind: str | None = None) -> dict[str, tuple[str, ...]]:
    """List what the catalogue ships, by kind.

    Examples
    --------
    >>> from desistance.catalogue import names
    >>> names("harm_weights")
    {'harm_weights': ('CCHI', 'ONS_CSS')}
    """
    if kind is not None and kind not in KINDS:
        raise PlanError(f"The catalogue has no kind {kind!r}{nearest(kind, KINDS)}.")
    return {each: _shipped(each) for each in KINDS if kind in (None, each)}


def _shipped(kind: str) -> tuple[str, ...]:
    found = (entry.name for entry in (DATA / kind).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


class OwnFile(str):
    """The name of a file of the user's own as a plan gives it, read from where the plan lies."""

    folder: Path

    def __new__(cls, name: str, folder: Path = Path()) -> Self:
        own = super().__new__(cls, name)
        own.folder = folder
        return own


def path_of(name_or_path: str | Path) -> Path:
    """Give the path of the user's own file: from where its plan lies, or the working folder."""
    return getattr(name_or_path, "folder", Path()) / name_or_path


def locate(kind: str, name_or_path: str | Path, *, beside: Path | None = None) -> Traversable:
    """Find a shipped file by its name, or the user's own by its path."""
    if isinstance(name_or_path, str) and not name_or_path.endswith(".toml"):
        return shipped(kind, name_or_path)
    path = beside / name_or_path if beside else path_of(name_or_path)
    if not path.is_file():
        raise SourceError(f"There is no file {str(name_or_path)!r} to read {_words(kind)} from.")
    return path


def shipped(kind: str, name: str) -> Traversable:
    """Find a shipped file by its name."""
    there_are = _shipped(kind)
    if name not in there_are:
        raise PlanError(
            f"The catalogue has no {_words(kind)} named {name!r}{nearest(name, there_are)}. There "
            f"are: {', '.join(there_are)}. Your own file is named by its path, ending in .toml."
        )
    return DATA / kind / f"{name}.toml"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the near match of a word that is not known, as the end of a sentence."""
    by_capitals = {name.upper(): name for name in known}
    close = get_close_matches(word.upper(), by_capitals, n=1)
    return f"; did you mean {by_capitals[close[0]]!r}?" if close else ""


def read_toml(file: Traversable) -> dict[str, Any]:
    """Open one TOML file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise PlanError(f"{file.name} is not a TOML file: {fault}.") from fault


def check(raw: Any, where: str, must: Mapping[str, Kinds], may: Mapping[str, Kinds]) -> None:
    """Refuse a table with keys missing, unknown or of the wrong kind; all are named at once."""
    if not isinstance(raw, dict):
        raise PlanError(
            f"{where} should be a table with the keys {', '.join(f'`{k}`' for k in must)}."
        )
    known = {**must, **may}
    faults = [f"`{key}` is missing" for key in must if key not in raw]
    for key, value in raw.items():
        if key not in known:
            faults.append(f"`{key}` is not a key of this table{nearest(key, known)}")
        elif type(value) not in known[key]:
            faults.append(f"`{key}` should be {_IN_WORDS[known[key]]}")
    if faults:
        raise PlanError(f"{where}: {'; '.join(faults)}.")


def read_edition(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Take name, version, source and the rest out of a checked table."""
    if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", raw["valid_from"]):
        raise PlanError(f'{where}: `valid_from` should be like "2026", "2026-04" or "2026-04-01".')
    return {key: raw[key] for key in (*EDITION_MUST, *EDITION_MAY) if key in raw}


def read_texts(raw: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Take a list of texts out of a table; an absent key is an empty list."""
    found = raw.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise PlanError(f'{where}: `{key}` should be a list of texts, such as ["028", "029"].')
    return tuple(found)
