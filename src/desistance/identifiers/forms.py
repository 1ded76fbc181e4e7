"""Identifiers of people in England and Wales: their forms, and the letter that checks some.

The letter is the number, read as one integer, modulo 23, counted into `LETTERS`; I, O and S are
not among them. A change of any one digit changes the letter, because no power of 10 is a multiple
of 23.

    scheme  canonical       letter over                         also accepted
    pnc     2002/0073319Z   year (2 digits), serial (7 digits)  02/73319Z, 2002/73319Z, 0273319Z
    cro     065656/91H      year (2), serial (6)                65656/91H
            SF05/482703J    year (2), serial as it is           SF05-482703J (search files)
    noms    A1234BC         none                                any capitals and spaces
    crn     X123456         none                                any capitals and spaces
    asn     11/33AB/01/00000000012X   not checked here          11/33AB/01/12X
    local   as given        none                                any; one system's own numbers

A PNC number with a slash, dash or space after its year is split there; without one, 9 digits or
fewer begin with a year of two. A year of two digits is of this century if it is not after the
year given, else of the last. Only the letters of `pnc` and `cro` could be verified against
published vectors; the forms of `noms`, `crn` and `asn` are common knowledge (`verified=False`).

References
----------
HMPPS, hmpps-person-record: the PNC and CRO identifiers and their test vectors.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
FIRST_YEAR = 1900  # nobody under supervision has an older number

REASONS = {
    "empty": "there is an identifier",
    "form": "the identifier has the form of its scheme",
    "letter": "the check letter is one that is used (not I, O or S)",
    "check": "the check letter fits the digits",
    "year": "the year is not after the year of the extract",
}

LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТУХЅІЈ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "‐‑‒–—―−﹘﹣" + "⁄∕",
    "ABEKMHOPCTYXSIJ" + "ABEZHIKMNOPTYX" + "---------" + "//",
)  # Cyrillic, Greek, dashes, slashes


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of identifier: its canonical form, in words and as a pattern.

    Attributes
    ----------
    name, says
        Its short name, and what it is.
    canonical
        Pattern of the canonical spelling.
    has_letter
        Whether a check letter is verified.
    needs_year
        Whether its two-digit years need the year of the extract.
    verified
        Whether form and letter were checked against a published source.
    """

    name: str
    says: str
    canonical: str
    has_letter: bool = False
    needs_year: bool = False
    verified: bool = False


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("pnc", "Police National Computer id", r"\d{4}/\d{7}[A-Z]", True, True, True),
        Scheme("cro", "Criminal Records Office number", r"\d{6}/\d{2}[A-Z]|SF\d{2}/\d{1,6}[A-Z]",
               True, False, True),
        Scheme("noms", "prison number", r"[A-Z]\d{4}[A-Z]{2}"),
        Scheme("crn", "case reference number of probation", r"[A-Z]\d{6}"),
        Scheme("asn", "arrest summons number", r"\d{2}/[0-9A-Z]{4}/\d{2}/\d{11}[A-Z]"),
        Scheme("local", "a system's own number, of any form", r".+"),
    )
}  # fmt: skip


def check_identifiers(values: pd.Series, scheme: str, *, year: int | None = None) -> pd.DataFrame:
    """Bring identifiers to their canonical spelling, and say which are not valid, and why.

    Parameters
    ----------
    values : Series of text, shape (n,)
        Identifiers as they were typed; missing ones are `empty`.
    scheme
        "pnc", "cro", "noms", "crn", "asn" or "local".
    year
        For "pnc": the year of the extract, which decides the century of two-digit years.

    Returns
    -------
    DataFrame, shape (n, 3)
        On the index of `values`: canonical (text; missing where not valid), valid, and reason
        ("" where valid, else a key of `desistance.identifiers.REASONS`).

    Raises
    ------
    DataError
        If there is no such scheme, or a year is due and not given. Never about a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance import check_identifiers
    >>> typed = pd.Series(["02/73319z", "2002 - 0073319Z", "02/73318Z"])
    >>> checked = check_identifiers(typed, "pnc", year=2026)
    >>> checked["canonical"].tolist()
    ['2002/0073319Z', '2002/0073319Z', <NA>]
    >>> checked["reason"].tolist()
    ['', '', 'check']
    """
    if scheme not in SCHEMES:
        raise DataError(f"There is no scheme of that name; there are {', '.join(SCHEMES)}.")
    if SCHEMES[scheme].needs_year and year is None:
        raise DataError(f"`{scheme}` has years of two digits: pass the year of the extract.")
    which, different = pd.factorize(values.astype("string"), use_na_sentinel=False)
    given = pd.Series(different).fillna("")
    texts = pd.Series([tidied(text) for text in given], dtype="string")
    canonical, reason = _READERS[scheme](texts, year or 0)
    reason = np.where(texts == "", "empty", reason)
    canonical = canonical.mask(pd.Series(reason != ""))
    return pd.DataFrame(
        {
            "canonical": canonical.to_numpy()[which],
            "valid": (reason == "")[which],
            "reason": reason[which],
        },
        index=values.index,
    ).astype({"canonical": "string", "reason": "string"})


def check_letters(numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    """Give the check letter of each number; shape (n,)."""
    return np.array(list(LETTERS))[numbers % len(LETTERS)]


def tidied(text: str) -> str:
    """Give a text in capitals of plain Latin, with single spaces and none around or unseen."""
    if text.isascii() and text.isprintable():
        return " ".join(text.upper().split())
    plain = unicodedata.normalize("NFKC", text)
    seen = "".join(" " if c.isspace() else c for c in plain if unicodedata.category(c) != "Cf")
    return " ".join(seen.upper().translate(LOOKALIKES).split())


def _pnc(texts: pd.Series, year: int) -> tuple[pd.Series, NDArray[np.str_]]:
    split = _parts(texts, r"(\d{4}|\d{2}) ?[/ -] ?(\d[\d ]*)[/ -]{0,3}([A-Z])")
    joined = texts.str.replace(r"[ -]", "", regex=True)
    short = _parts(joined, r"(\d{2})(\d{1,7})([A-Z])")
    long = _parts(joined, r"(\d{4})(\d{7})([A-Z])")
    parts = split.where(split[0] != "", short.where(short[0] != "", long))
    parts[1] = parts[1].str.replace(" ", "")
    formed = (parts[0] != "") & parts[1].str.len().between(1, 7)
    given, serial = _whole(parts[0], formed), _whole(parts[1], formed)
    of_two = given % 100
    century = np.where(of_two <= year % 100, year // 100, year // 100 - 1) * 100
    full = np.where(parts[0].str.len() == 4, given, century + of_two)
    reason = _reason(formed, of_two * 10**7 + serial, parts[2])
    wrong_year = (reason == "") & ((full > year) | (full < FIRST_YEAR))
    return _written("{:04d}/{:07d}{}", full, serial, parts[2]), np.where(wrong_year, "year", reason)


def _cro(texts: pd.Series, _: int) -> tuple[pd.Series, NDArray[np.str_]]:
    joined = texts.str.replace(" ", "").str.replace("-", "/").str.replace("//", "/")
    joined = joined.str.replace(r"/([A-Z])$", r"\1", regex=True)
    plain = _parts(joined, r"(\d{1,6})/(\d{2})([A-Z])")
    padded = _parts(joined, r"(\d{6})(\d{2})([A-Z])")
    plain = plain.where(plain[0] != "", padded)
    search = _parts(joined, r"SF(\d{2})/?(\d{1,6})([A-Z])")
    is_search = search[0] != ""
    formed = is_search | (plain[0] != "")
    serial = _whole(plain[0].where(~is_search, search[1]), formed)
    of_two = _whole(plain[1].where(~is_search, search[0]), formed)
    letter = plain[2].where(~is_search, search[2])
    n_digits = np.array([len(str(number)) for number in serial], np.int64)
    number = of_two * np.where(is_search, 10**n_digits, 10**6) + serial
    canonical = _written("{0:06d}/{1:02d}{2}", serial, of_two, letter)
    canonical = canonical.where(~is_search, _written("SF{1:02d}/{0:d}{2}", serial, of_two, letter))
    return canonical, _reason(formed, number, letter)


def _asn(texts: pd.Series, _: int) -> tuple[pd.Series, NDArray[np.str_]]:
    joined = texts.str.replace(" ", "").str.replace("-", "/")
    parts = _parts(joined, r"(\d{2})/([0-9A-Z]{4})/(\d{2})/(\d{1,11})/?([A-Z])")
    whole = _parts(joined, r"(\d{2})([0-9A-Z]{4})(\d{2})(\d{11})([A-Z])")
    parts = parts.where(parts[0] != "", whole)
    serial = parts[3].str.zfill(11)
    canonical = parts[0] + "/" + parts[1] + "/" + parts[2] + "/" + serial + parts[4]
    return canonical, np.where(parts[0] != "", "", "form")


def _formed(scheme: str) -> Callable[[pd.Series, int], tuple[pd.Series, NDArray[np.str_]]]:
    def read(texts: pd.Series, _: int) -> tuple[pd.Series, NDArray[np.str_]]:
        joined = texts.str.replace(r"[ -]", "", regex=True)
        return joined, np.where(joined.str.fullmatch(SCHEMES[scheme].canonical), "", "form")

    return read


def _local(texts: pd.Series, _: int) -> tuple[pd.Series, NDArray[np.str_]]:
    return texts, np.full(len(texts), "", dtype="<U6")


_READERS = {
    "pnc": _pnc,
    "cro": _cro,
    "noms": _formed("noms"),
    "crn": _formed("crn"),
    "asn": _asn,
    "local": _local,
}


def _parts(texts: pd.Series, pattern: str) -> pd.DataFrame:
    """Split the texts that fit a pattern as a whole; the others give empty texts."""
    ascii_digits = pattern.replace(r"[\d ]", "[0-9 ]").replace(r"\d", "[0-9]")
    return texts.str.extract(f"^(?:{ascii_digits})$").fillna("")


def _whole(digits: pd.Series, formed: pd.Series) -> NDArray[np.int64]:
    return digits.where(formed, "0").to_numpy(dtype=str).astype(np.int64)


def _reason(formed: pd.Series, numbers: NDArray[np.int64], letter: pd.Series) -> NDArray[np.str_]:
    letters = letter.to_numpy(dtype=str)
    used = np.isin(letters, list(LETTERS))
    fits = check_letters(numbers) == letters
    return np.select([~formed.to_numpy(dtype=bool), ~used, ~fits], ["form", "letter", "check"], "")


def _written(
    form: str, first: NDArray[np.int64], second: NDArray[np.int64], letter: pd.Series
) -> pd.Series:
    texts = map(form.format, first.tolist(), second.tolist(), letter.to_numpy(dtype=str).tolist())
    return pd.Series(list(texts), dtype="string")
