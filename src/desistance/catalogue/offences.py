"""Home Office offence classes, and the sets of them that count as one kind of offence.

A class is the first three digits of an offence code. It may be written `028`, `28`, `028/01`,
`28/1` or `02801`. Anything else is unknown and stays unknown: four digits (a leading zero lost
on the way), a counting-rules code with a letter (28A), a class nobody published. An unknown code
is in no set; `unknown_codes` counts them, so that a report can say how many there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from desistance.catalogue.reader import (
    DATA,
    EDITION_MAY,
    EDITION_MUST,
    LIST,
    Edition,
    check,
    locate,
    nearest,
    path_of,
    read_edition,
    read_texts,
    read_toml,
)
from desistance.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Collection
    from importlib.resources.abc import Traversable

_SPELLINGS = r"^\s*(?:(\d{3})\d{2}|(\d{1,3})\s*(?:/\s*\d{1,2})?)\s*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffenceSet(Edition):
    """A named set of offence classes.

    Attributes
    ----------
    classes
        Every class in the set, sorted.
    groups, exclude
        As the file states them: parent groups taken whole, and classes left out again.
    """

    classes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def is_in(self, codes: pd.Series) -> pd.Series:
        """Say of each offence code whether it is in the set; an unknown code is not.

        Examples
        --------
        >>> import pandas as pd
        >>> from desistance.catalogue import offence_set
        >>> codes = pd.Series(["028/01", "04600", "not known"])
        >>> offence_set("SAC_HMICFRS2022").is_in(codes).tolist()
        [True, False, False]
        """
        return offence_class(codes).isin(self.classes).astype(bool)


def offence_class(codes: pd.Series) -> pd.Series:
    """Bring offence codes to their three-digit class; NA where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.catalogue import offence_class
    >>> offence_class(pd.Series(["028/01", "28/1", "02801", "28", "2801", "28A"])).tolist()
    ['028', '028', '028', '028', <NA>, <NA>]
    """
    position, spellings = pd.factorize(codes)
    parts = pd.Series(spellings, dtype="string").str.extract(_SPELLINGS)
    found = parts[0].fillna(parts[1]).str.zfill(3)
    found = found.where(found.isin(list(_groups())))
    taken = found.array.take(position, allow_fill=True)
    return pd.Series(taken, index=codes.index, name="offence_class")


def unknown_codes(codes: pd.Series) -> pd.Series:
    """Count the offence codes that are in no class, by spelling; empty cells are not codes."""
    unknown = codes[offence_class(codes).isna() & codes.notna()]
    return unknown.astype("string").value_counts().rename("n").rename_axis("offence_code")


def offence_classes() -> pd.DataFrame:
    """List every offence class.

    Returns
    -------
    DataFrame
        Columns ``offence_class, name, parent_group, breach``, one row per class. `breach` is
        True for classes that hold nothing but breaches of orders.
    """
    return _classes().copy()


def offence_set(name_or_path: str | Path) -> OffenceSet:
    """Load an offence set by its name in the catalogue, or from the path of a file.

    Raises
    ------
    PlanError
        If there is no such set, or the file cannot be used as it stands.

    Examples
    --------
    >>> from desistance.catalogue import offence_set
    >>> offence_set("SAC_HO2008").label
    'SAC_HO2008 (version 1)'
    """
    return _read_offence_set(locate("offence_sets", name_or_path))


def load_offence_set(path: str | Path) -> OffenceSet:
    """Load an offence set from the user's own file, in the form of the shipped ones."""
    return _read_offence_set(locate("offence_sets", path_of(path)))


def _read_offence_set(file: Traversable) -> OffenceSet:
    raw, where = read_toml(file), file.name
    check(
        raw, where, EDITION_MUST, {**EDITION_MAY, "classes": LIST, "groups": LIST, "exclude": LIST}
    )
    classes, groups, exclude = (
        read_texts(raw, key, where) for key in ("classes", "groups", "exclude")
    )
    group_of = _groups()
    refuse_unknown(where, "classes", classes, group_of)
    refuse_unknown(where, "groups", groups, set(group_of.values()))
    refuse_unknown(where, "exclude", exclude, group_of)
    chosen = {each for each, group in group_of.items() if group in groups} | {*classes}
    if not chosen - {*exclude}:
        raise PlanError(f"{where}: `classes` and `groups` leave no class in the set.")
    return OffenceSet(
        **read_edition(raw, where),
        classes=tuple(sorted(chosen - {*exclude})),
        groups=groups,
        exclude=exclude,
    )


def refuse_unknown(where: str, key: str, words: Collection[str], known: Collection[str]) -> None:
    """Refuse a list that names a class or group nobody published."""
    unknown = [f"{word!r}{nearest(word, known)}" for word in words if word not in known]
    if unknown:
        raise PlanError(f"{where}: `{key}` has what is not in the catalogue: {', '.join(unknown)}.")


@cache
def _classes() -> pd.DataFrame:
    with (DATA / "offence_classes.csv").open(encoding="utf-8") as table:
        read = pd.read_csv(table, dtype=str, keep_default_na=False)
    return read.assign(breach=read["breach"] == "yes")


@cache
def _groups() -> dict[str, str]:
    """Parent group by class."""
    table = _classes()
    return dict(zip(table["offence_class"], table["parent_group"], strict=True))
