"""Risk scores as published: coefficients, and the offence groups of each offence class.

A score is a TOML file and the CSV table it names, with the columns ``offence_code, categories``.
A row is a class (028) or a code with its subclass (02801), and `categories` are the published
offence groups it may belong to, joined by ``|``. A code has a weight where all its groups share
one; otherwise the table says why there is none. A code that has no row is looked up by its class,
and a class that has no row has the groups of all its codes.

The user's own file may be `based_on` a shipped one and give only what differs, such as a fuller
table of offences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.catalogue.offences import offence_class, refuse_unknown
from desistance.catalogue.reader import (
    DATA,
    EDITION_MAY,
    EDITION_MUST,
    LIST,
    NUMBER,
    TABLE,
    TEXT,
    Edition,
    Kinds,
    check,
    locate,
    nearest,
    read_edition,
    read_texts,
    read_toml,
    shipped,
)
from desistance.errors import PlanError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

_SUBCLASS = r"^\s*(?:\d{3}(\d{2})|\d{1,3}\s*/\s*(\d{1,2}))\s*$"
SEXES = ("M", "F")
MOMENTS = ("offence", "sanction", "release")
NO_GROUP = "not estimable: no offence group is published for the code of the last offence"
SEVERAL_WEIGHTS = "not estimable: the class of the last offence spans several weights"

_COMMON: dict[str, Kinds] = {
    **EDITION_MUST, "form": TEXT, "offences": TEXT, "bands": LIST, "band_decimals": NUMBER,
    "offence": TABLE, "first_sanction": NUMBER, "copas_rate": TEXT,
}  # fmt: skip
_FORMS: dict[str, dict[str, Kinds]] = {
    "OGRS3": {
        **dict.fromkeys(("one_year", "two_years", "later_sanction", "copas"), NUMBER),
        "age_from": TABLE, "doubtful": TABLE,
    },
    "ARP": {
        **dict.fromkeys(
            ("constant", "sanctions", "second_sanction", "copas_from", "most_months"), NUMBER
        ),
        "months": LIST, "free_from": LIST, "M": TABLE, "F": TABLE,
    },
}  # fmt: skip
_OF_A_SEX: dict[str, Kinds] = {
    "constant": NUMBER, "age": LIST, "years_between": NUMBER, "copas": LIST,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CopasRate(Edition):
    """How a Copas rate counts: ``ln((sanctions + added_sanctions) / (years + added_years))``.

    `counts` says in words which sanctions.
    """

    counts: str
    added_sanctions: float
    added_years: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTable(Edition):
    """What the published scores have in common.

    Attributes
    ----------
    horizons
        Years for which the score gives a probability; the band is read from the last.
    bands, band_decimals
        Per cent from which the band is medium, high and very high, and the decimals the per cent
        is rounded to before it is read.
    first_sanction
        Weight of having one sanction.
    copas_rate
        Which Copas rate the score uses; see `copas_variant`.
    offence
        Weight of each offence group.
    codes
        Offence groups by class or code.
    """

    horizons: tuple[int, ...]
    bands: tuple[float, ...]
    band_decimals: int
    first_sanction: float
    copas_rate: str
    offence: Mapping[str, float]
    codes: Mapping[str, tuple[str, ...]]

    def of_offence(self, codes: pd.Series) -> pd.DataFrame:
        """Look up the offence groups and the weight of each offence code.

        Returns
        -------
        DataFrame, on the index of `codes`
            ``category`` (groups joined by "or"), ``weight`` (NaN where there is none) and
            ``note``, which says why.

        Examples
        --------
        >>> import pandas as pd
        >>> from desistance.catalogue import score_table
        >>> found = score_table("OGRS3").of_offence(pd.Series(["028/01", "092"]))
        >>> found["weight"].tolist()
        [-0.1239, nan]
        >>> found["note"].tolist()
        ['', 'not estimable: the class of the last offence spans several weights']
        """
        position, spellings = pd.factorize(codes)
        found = [
            self._of(code, group) for code, group in _canonical(pd.Series(spellings, dtype=str))
        ]
        found.append(("", float("nan"), NO_GROUP))  # -1, where `factorize` puts an empty cell
        known = pd.DataFrame(found, columns=["category", "weight", "note"])
        return known.take(position).set_index(codes.index)

    def _of(self, code: str, offence_class: str) -> tuple[str, float, str]:
        groups = self.codes.get(code, self.codes.get(offence_class, ()))
        weights = {self.offence[group] for group in groups}
        says = " or ".join(groups)
        if len(weights) == 1:
            return says, weights.pop(), ""
        return says, float("nan"), SEVERAL_WEIGHTS if weights else NO_GROUP


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReconvictionTable(ScoreTable):
    """Coefficients of a score in the form of OGRS3.

    Attributes
    ----------
    constants
        By horizon in years.
    later_sanction
        Weight of having more than one sanction.
    copas
        Weight of the Copas rate.
    age_from
        By sex, the weight of each age band by the age it starts at.
    doubtful, doubtful_note
        By sex, first and last age whose weight is doubtful; what to say of it.
    """

    constants: Mapping[int, float]
    later_sanction: float
    copas: float
    age_from: Mapping[str, Mapping[int, float]]
    doubtful: Mapping[str, tuple[int, int]]
    doubtful_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfASex:
    """Coefficients of the All Reoffending Predictor that differ by sex; powers from the first."""

    constant: float
    age: tuple[float, ...]
    years_between: float
    copas: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictorTable(ScoreTable):
    """Coefficients of a score in the form of the static All Reoffending Predictor.

    Attributes
    ----------
    constant, sanctions, second_sanction
    months, most_months
        Powers of the offence-free months, from the first; months above `most_months` count as that.
    free_from
        Offence-free months start with the latest of these: "offence", "sanction", "release".
    copas_from
        Number of sanctions from which the Copas rate counts.
    by_sex
    """

    constant: float
    sanctions: float
    second_sanction: float
    months: tuple[float, ...]
    most_months: int
    free_from: tuple[str, ...]
    copas_from: int
    by_sex: Mapping[str, OfASex]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsScore(Edition):
    """A score made of points: ``1 / (1 + exp(shift - slope * points))``, a shift for each year."""

    slope: float
    one_year: float
    two_years: float


def points_score(name: str) -> PointsScore:
    """Find the constants of a score made of points, "OGP" or "OVP"."""
    return _points_scores()[name]


@cache
def _points_scores() -> dict[str, PointsScore]:
    raw = read_toml(DATA / "points_scores.toml")
    edition = read_edition(raw, "points_scores.toml")
    return {
        name: PointsScore(**{**edition, "name": name, **score})
        for name, score in raw["score"].items()
    }


def copas_variant(name: str) -> CopasRate:
    """Find how a Copas rate counts, by its name in the catalogue.

    Examples
    --------
    >>> from desistance.catalogue import copas_variant
    >>> copas_variant("MOJ").added_years
    10
    """
    rates = _copas_rates()
    if name not in rates:
        raise PlanError(
            f"There is no Copas rate {name!r}{nearest(name, rates)}. There are: {', '.join(rates)}."
        )
    return rates[name]


@cache
def _copas_rates() -> dict[str, CopasRate]:
    raw = read_toml(DATA / "copas_rates.toml")
    edition = read_edition(raw, "copas_rates.toml")
    return {
        name: CopasRate(**{**edition, "name": name, **rate}) for name, rate in raw["rate"].items()
    }


def score_table(name_or_path: str | Path) -> ReconvictionTable | PredictorTable:
    """Load the coefficients of a score by its name in the catalogue, or from the path of a file.

    Raises
    ------
    PlanError
        If there is no such score, or its files cannot be used as they stand.

    Examples
    --------
    >>> from desistance.catalogue import score_table
    >>> score_table("OGRS3").later_sanction
    0.46306
    """
    return _read_score(locate("scores", name_or_path))


def _read_score(file: Traversable) -> ReconvictionTable | PredictorTable:
    raw, table = _with_base(file)
    where = file.name
    form = raw.get("form")
    if form not in _FORMS:
        raise PlanError(f"{where}: `form` should be one of {', '.join(_FORMS)}.")
    check(raw, where, {**_COMMON, **_FORMS[form]}, EDITION_MAY)
    offence = _read_weights(raw["offence"], f"{where}: [offence]")
    common = {
        **read_edition(raw, where),
        "bands": _read_numbers(raw["bands"], f"{where}: `bands`", 3),
        "band_decimals": int(raw["band_decimals"]),
        "first_sanction": raw["first_sanction"],
        "copas_rate": copas_variant(raw["copas_rate"]).name,
        "offence": offence,
        "codes": _read_codes(table, offence),
    }
    return (_reconviction if form == "OGRS3" else _predictor)(raw, common, where)


def _reconviction(raw: dict[str, Any], common: dict[str, Any], where: str) -> ReconvictionTable:
    by_sex = dict.fromkeys(SEXES, TABLE)
    check(raw["age_from"], f"{where}: [age_from]", by_sex, {})
    doubtful = raw["doubtful"]
    check(doubtful, f"{where}: [doubtful]", {"note": TEXT}, dict.fromkeys(SEXES, LIST))
    ages = {
        sex: _read_numbers(doubtful[sex], f"{where}: [doubtful] `{sex}`", 2)
        for sex in SEXES
        if sex in doubtful
    }
    return ReconvictionTable(
        **common,
        horizons=(1, 2),
        constants={1: raw["one_year"], 2: raw["two_years"]},
        later_sanction=raw["later_sanction"],
        copas=raw["copas"],
        age_from={
            sex: _read_ages(raw["age_from"][sex], f"{where}: [age_from.{sex}]") for sex in SEXES
        },
        doubtful={sex: (int(first), int(last)) for sex, (first, last) in ages.items()},
        doubtful_note=doubtful["note"],
    )


def _predictor(raw: dict[str, Any], common: dict[str, Any], where: str) -> PredictorTable:
    free_from = read_texts(raw, "free_from", where)
    if not free_from or not {*free_from} <= {*MOMENTS}:
        raise PlanError(f"{where}: `free_from` should list some of {', '.join(MOMENTS)}.")
    for sex in SEXES:
        check(raw[sex], f"{where}: [{sex}]", _OF_A_SEX, {})
    return PredictorTable(
        **common,
        horizons=(2,),
        constant=raw["constant"],
        sanctions=raw["sanctions"],
        second_sanction=raw["second_sanction"],
        months=_read_numbers(raw["months"], f"{where}: `months`"),
        most_months=int(raw["most_months"]),
        free_from=free_from,
        copas_from=int(raw["copas_from"]),
        by_sex={
            sex: OfASex(
                constant=raw[sex]["constant"],
                years_between=raw[sex]["years_between"],
                age=_read_numbers(raw[sex]["age"], f"{where}: [{sex}] `age`"),
                copas=_read_numbers(raw[sex]["copas"], f"{where}: [{sex}] `copas`"),
            )
            for sex in SEXES
        },
    )


def _with_base(file: Traversable) -> tuple[dict[str, Any], Traversable]:
    """Read a score file laid over the shipped one it is based on, and find its offence table."""
    raw = read_toml(file)
    base: dict[str, Any] = {}
    table = None
    if "based_on" in raw:
        base, table = _with_base(shipped("scores", str(raw.pop("based_on"))))
        base = {
            key: value for key, value in base.items() if key not in {**EDITION_MUST, **EDITION_MAY}
        }
    if isinstance(raw.get("offences"), str):
        table = (file.parent if isinstance(file, Path) else DATA / "scores") / raw["offences"]
    if table is None:
        raise PlanError(f"{file.name}: `offences` should name the table of offence codes.")
    laid = {
        key: {**base[key], **value} if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in raw.items()
    }  # fmt: skip
    return {**base, **laid}, table


def _read_codes(table: Traversable, offence: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """Read the offence groups of each code, and of each class that has no row of its own."""
    where = table.name
    if not table.is_file():
        raise SourceError(f"There is no file {where}: the offence groups of the codes stand there.")
    with table.open(encoding="utf-8") as opened:
        rows = pd.read_csv(opened, dtype=str, keep_default_na=False)
    if list(rows.columns) != ["offence_code", "categories"]:
        raise PlanError(f"{where}: the columns should be offence_code, categories.")
    codes = _canonical(rows["offence_code"])
    bad = pd.Series([not code for code, _ in codes], dtype=bool)
    twice = pd.Series([code for code, _ in codes], dtype=str).duplicated() & ~bad
    for fault, found in {"is no published code": bad, "is there a second time": twice}.items():
        if found.any():
            lines = ", ".join(str(line) for line in found.index[found] + 2)
            raise PlanError(f"{where}: `offence_code` {fault} (line {lines}).")
    named = [tuple(filter(None, groups.split("|"))) for groups in rows["categories"]]
    refuse_unknown(where, "categories", sorted({g for groups in named for g in groups}), offence)
    groups_of: dict[str, tuple[str, ...]] = {}
    of_class: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for (code, its_class), groups in zip(codes, named, strict=True):
        groups_of[code] = groups
        of_class[its_class].update(dict.fromkeys(groups))
    return {each: tuple(groups) for each, groups in of_class.items()} | groups_of


def _canonical(codes: pd.Series) -> list[tuple[str, str]]:
    """Bring codes to 028 or 02801, with their class; both are empty for what is no code."""
    classes = offence_class(codes).fillna("").astype(str)
    subclass = codes.astype("string").str.extract(_SUBCLASS)
    ending = subclass[0].fillna(subclass[1]).str.zfill(2).fillna("")
    ending = ending.where(classes != "", "")
    return list(zip(classes + ending.astype(str), classes, strict=True))


def _read_weights(raw: Mapping[str, Any], where: str) -> dict[str, float]:
    for group, weight in raw.items():
        if type(weight) not in NUMBER:
            raise PlanError(f"{where}: `{group}` should be a number.")
    return {group: float(weight) for group, weight in raw.items()}


def _read_ages(raw: Mapping[str, Any], where: str) -> dict[int, float]:
    if not raw or not all(age.isdecimal() for age in raw):
        raise PlanError(f"{where}: every key should be the age a band starts at.")
    weights = _read_weights(raw, where)
    return {int(age): weights[age] for age in sorted(weights, key=int)}


def _read_numbers(raw: list[Any], where: str, count: int | None = None) -> tuple[float, ...]:
    fit = bool(raw) and all(type(number) in NUMBER for number in raw)
    if not fit or count not in (None, len(raw)):
        raise PlanError(f"{where} should be a list of {count or 'some'} numbers.")
    return tuple(raw)
