"""Pathways out of reoffending, the tools that score them, and how the two fit together.

A tool says what its areas are and from which score on an area is a need. A scheme says which
pathways there are and which areas of each tool speak to them. They are separate files because
they are argued about separately.

* A cut-off applies to the raw score: a need if it is at `need_if` or worse.
* A pathway with `members` is rolled up from them; see `needs`.
* A scheme `based_on` a shipped one takes over its pathways, tools and shares, and adds its own
  pathways after them; tools or shares it names itself replace those of its base.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desistance.catalogue.reader import (
    EDITION_MAY,
    EDITION_MUST,
    FLAG,
    LIST,
    NUMBER,
    TABLE,
    TEXT,
    Edition,
    check,
    locate,
    names,
    path_of,
    read_edition,
    read_texts,
    read_toml,
    shipped,
)
from desistance.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

RULES = ("any", "max", "mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """What a tool scores in one go: its range and cut-offs, None where none is known.

    A score at `not_applicable_at` says that the area does not apply to the person.
    """

    code: str
    name: str
    also: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    need_if: float | None = None
    severe_if: float | None = None
    not_applicable_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Edition):
    """An assessment tool: named areas, or one scale used for every pathway."""

    also: tuple[str, ...]
    higher_is_worse: bool
    areas: tuple[Area, ...]
    every_pathway: Area | None

    def area(self, code: str) -> Area:
        """Find an area by its code."""
        return next(area for area in self.areas if area.code == code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pathway:
    """One pathway: the tool areas that speak to it, and the pathways it is rolled up from.

    `areas` holds pairs of tool and area code. `rule` is how its parts make one answer.
    """

    code: str
    name: str
    areas: tuple[tuple[str, str], ...] = ()
    members: tuple[str, ...] = ()
    rule: str = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwayScheme(Edition):
    """A list of pathways with the tools that score them.

    Attributes
    ----------
    pathways, tools
        In the order of the file.
    need_if_share, higher_is_worse
        For a tool the scheme does not name: a need from this share of the range on, where 0 is
        the best end of the range and 1 the worst.
    """

    pathways: tuple[Pathway, ...]
    tools: tuple[Tool, ...]
    need_if_share: float
    higher_is_worse: bool

    @property
    def codes(self) -> tuple[str, ...]:
        """Every pathway code, rolled up or not."""
        return tuple(pathway.code for pathway in self.pathways)

    @property
    def headline(self) -> tuple[str, ...]:
        """Codes of the pathways that are not a part of another: the seven of "7PP"."""
        parts = {member for pathway in self.pathways for member in pathway.members}
        return tuple(code for code in self.codes if code not in parts)

    def tool(self, name: str) -> Tool:
        """Find a tool by its name."""
        return next(tool for tool in self.tools if tool.name == name)


def scheme(name_or_path: str | Path) -> PathwayScheme:
    """Load a pathway scheme by its name in the catalogue, or from the path of a file.

    Raises
    ------
    PlanError
        If there is no such scheme, or the file cannot be used as it stands.

    Examples
    --------
    >>> from desistance.catalogue import scheme
    >>> scheme("7PP").headline
    ('ACC', 'ETE', 'HLT', 'SUB', 'FIN', 'FAM', 'ATB')
    >>> scheme("7PP").tool("OASYS").area("9").need_if
    4
    """
    return _read_scheme(locate("schemes", name_or_path))


def load_scheme(path: str | Path) -> PathwayScheme:
    """Load a pathway scheme from the user's own file, in the form of the shipped ones.

    A tool file is named by its path from the folder of the scheme file.
    """
    return _read_scheme(locate("schemes", path_of(path)))


def own_tools(scheme: str | Path) -> dict[str, Path]:
    """Find the tool files that a scheme of the user's own names, by their name beside its own."""
    file = path_of(scheme)
    named = read_texts(_with_base(file), "tools", file.name)
    beside = Path(scheme).parent
    return {str(beside / name): file.parent / name for name in named if name.endswith(".toml")}


def _read_scheme(file: Traversable) -> PathwayScheme:
    raw, where = _with_base(file), file.name
    must = {**EDITION_MUST, "tools": LIST, "other_tools": TABLE, "pathway": LIST}
    check(raw, where, must, EDITION_MAY)
    folder = file.parent if isinstance(file, Path) else None
    tools = tuple(
        _read_tool(locate("tools", name, beside=folder)) for name in read_texts(raw, "tools", where)
    )
    others = raw["other_tools"]
    check(others, f"{where}: [other_tools]", {"need_if_share": TEXT, "higher_is_worse": FLAG}, {})
    pathways = tuple(
        _read_pathway(entry, f"{where}: pathway {number}")
        for number, entry in enumerate(raw["pathway"], start=1)
    )
    _check_references(pathways, tools, where)
    return PathwayScheme(
        **read_edition(raw, where),
        pathways=pathways,
        tools=tools,
        need_if_share=_read_share(others["need_if_share"], where),
        higher_is_worse=others["higher_is_worse"],
    )


def _with_base(file: Traversable) -> dict[str, Any]:
    """Read a scheme file, laid over the shipped one it is based on."""
    raw = read_toml(file)
    if "based_on" not in raw:
        return raw
    base = _with_base(shipped("schemes", str(raw.pop("based_on"))))
    own = raw.get("pathway", [])
    if not isinstance(own, list):
        return raw  # refused when it is checked
    kept = {key: base[key] for key in ("tools", "other_tools")}
    return {**kept, **raw, "pathway": [*base["pathway"], *own]}


def _read_share(text: str, where: str) -> float:
    try:
        share = float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        share = 0.0
    if not 0 < share <= 1:
        raise PlanError(f'{where}: `need_if_share` should be above 0 and up to 1, such as "2/3".')
    return share


def _read_pathway(raw: dict[str, Any], where: str) -> Pathway:
    check(raw, where, {"code": TEXT, "name": TEXT}, {"areas": TABLE, "members": LIST, "rule": TEXT})
    rule = raw.get("rule", "any")
    if rule not in RULES:
        raise PlanError(f"{where}: `rule` should be one of {', '.join(RULES)}.")
    areas = raw.get("areas", {})
    return Pathway(
        code=raw["code"],
        name=raw["name"],
        areas=tuple(
            (tool, area) for tool in areas for area in read_texts(areas, tool, f"{where}: `areas`")
        ),
        members=read_texts(raw, "members", where),
        rule=rule,
    )


def _check_references(pathways: tuple[Pathway, ...], tools: tuple[Tool, ...], where: str) -> None:
    """Nothing is named twice; every member, tool and area that is named is there."""
    plain = {pathway.code for pathway in pathways if not pathway.members}
    areas = {tool.name: {area.code for area in tool.areas} for tool in tools}
    faults = [f"the pathway `{code}` is there twice" for code in _twice(p.code for p in pathways)]
    faults += [f"the tool `{name}` is there twice" for name in _twice(tool.name for tool in tools)]
    for pathway in pathways:
        faults += [
            f"`{pathway.code}` has the member `{member}`, which is not a pathway without members"
            for member in pathway.members
            if member not in plain
        ]
        for tool, area in pathway.areas:
            if tool not in {*areas, *names("tools")["tools"]}:
                faults.append(f"`{pathway.code}` has areas of `{tool}`, which is no tool")
            elif area not in areas.get(tool, {area}):  # a shipped tool may be left out
                faults.append(f"`{pathway.code}` has the area `{area}`, which {tool} does not have")
    if faults:
        raise PlanError(f"{where}: {'; '.join(faults)}.")


def _twice(words: Iterable[str]) -> list[str]:
    return [word for word, times in Counter(words).items() if times > 1]


def _read_tool(file: Traversable) -> Tool:
    raw, where = read_toml(file), file.name
    one_of = "area" if "area" in raw else "every_pathway"
    check(
        raw,
        where,
        {**EDITION_MUST, "higher_is_worse": FLAG, one_of: LIST if one_of == "area" else TABLE},
        {**EDITION_MAY, "also": LIST},
    )
    higher_is_worse = raw["higher_is_worse"]
    areas = tuple(
        _read_area(entry, f"{where}: area {number}", higher_is_worse)
        for number, entry in enumerate(raw.get("area", []), start=1)
    )
    if twice := _twice(area.code for area in areas):
        raise PlanError(f"{where}: the area `{twice[0]}` is there twice.")
    every = raw.get("every_pathway")
    return Tool(
        **read_edition(raw, where),
        also=read_texts(raw, "also", where),
        higher_is_worse=higher_is_worse,
        areas=areas,
        every_pathway=_read_scale(every, where, higher_is_worse) if every is not None else None,
    )


def _read_scale(raw: dict[str, Any], where: str, higher_is_worse: bool) -> Area:
    """Read the one scale a tool uses for every pathway: an area without a name of its own."""
    return _read_area({"code": "*", "name": "*", **raw}, f"{where}: every_pathway", higher_is_worse)


def _read_area(raw: dict[str, Any], where: str, higher_is_worse: bool) -> Area:
    numbers = dict.fromkeys(("need_if", "severe_if", "not_applicable_at"), NUMBER)
    check(raw, where, {"code": TEXT, "name": TEXT}, {"also": LIST, "range": LIST, **numbers})
    lowest, highest = _read_range(raw, where)
    area = Area(
        code=raw["code"],
        name=raw["name"],
        also=read_texts(raw, "also", where),
        lowest=lowest,
        highest=highest,
        **{key: raw[key] for key in numbers if key in raw},
    )
    _check_cut_offs(area, where, higher_is_worse)
    return area


def _read_range(raw: dict[str, Any], where: str) -> tuple[float | None, float | None]:
    if "range" not in raw:
        return None, None
    ends = raw["range"]
    if len(ends) != 2 or not all(type(end) in NUMBER for end in ends) or ends[0] >= ends[1]:
        raise PlanError(f"{where}: `range` should be two numbers, the lower first, such as [0, 8].")
    return ends[0], ends[1]


def _check_cut_offs(area: Area, where: str, higher_is_worse: bool) -> None:
    for key, cut_off in (("need_if", area.need_if), ("severe_if", area.severe_if)):
        if cut_off is None or area.lowest is None or area.highest is None:
            continue
        if not area.lowest <= cut_off <= area.highest:
            raise PlanError(f"{where}: `{key}` lies outside the range of the score.")
    if area.need_if is not None and area.severe_if is not None:
        milder, worse = area.need_if, area.severe_if
        if (worse < milder) if higher_is_worse else (worse > milder):
            raise PlanError(f"{where}: `severe_if` is milder than `need_if`.")
