"""What the rows of assessments call tools and pathways, and the range and cut-off that go with it.

Names are compared by their letters and digits alone: "JSTAR", "Justice Star" and "JUSTICE_STAR" are
one tool if the tool's file says so, and "Drugs & alcohol" is "drugs and alcohol".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from desistance.catalogue.pathways import Area, Pathway, PathwayScheme, Tool

_SCORES = ["score", "score_min", "score_max"]
_AREA = ["pathway", "lowest", "highest", "higher_is_worse", "need_if", "not_applicable_at"]


def pathway_word(words: pd.Series, scheme: PathwayScheme) -> pd.Series:
    """Read a pathway's code or name as the scheme's code; NA where it is neither.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.catalogue import scheme
    >>> pathway_word(pd.Series(["fin", "Accommodation", "luck"]), scheme("7PP")).tolist()
    ['FIN', 'ACC', <NA>]
    """
    called = {_plain_word(name): p.code for p in scheme.pathways for name in (p.code, p.name)}
    found = _plain(words).map(called).astype("string")
    return found.set_axis(words.index)


def tool_word(words: pd.Series, scheme: PathwayScheme) -> pd.Series:
    """Call each tool by its name in the scheme, whichever of its names was used.

    A tool the scheme does not know keeps the name it has.
    """
    called = {_plain_word(name): t.name for t in scheme.tools for name in (t.name, *t.also)}
    found = _plain(words).map(called).astype("string").set_axis(words.index)
    return found.fillna(words.astype("string"))


def with_areas(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.DataFrame:
    """Put the range and cut-off of its area beside each score; rows numbered from 0."""
    areas = pd.DataFrame(_areas(scheme), columns=["tool", "called", *_AREA])
    areas = areas.drop_duplicates(["tool", "called"])
    numeric = ["lowest", "highest", "need_if", "not_applicable_at"]
    areas = areas.astype(dict.fromkeys(numeric, "float64"))
    given = assessments.reindex(columns=[*_SCORES, "missing_reason"]).reset_index(drop=True)
    rows: pd.DataFrame = given[_SCORES].apply(pd.to_numeric).astype("Float64").astype("float64")
    rows["missing_reason"] = given["missing_reason"]
    rows["tool"] = _plain(assessments["tool"])
    rows["called"] = _plain(assessments["pathway"])
    rows = rows.merge(areas, how="left", on=["tool", "called"], validate="many_to_one")

    rows["in_scheme"] = rows["tool"].isin(areas["tool"])
    by_code = {_plain_word(code): code for code in scheme.codes}
    rows["pathway"] = rows["pathway"].where(rows["in_scheme"], rows["called"].map(by_code))
    rows["higher_is_worse"] = (
        rows["higher_is_worse"].astype("boolean").fillna(scheme.higher_is_worse).astype(bool)
    )
    rows["lowest"] = rows["lowest"].fillna(rows["score_min"])
    rows["highest"] = rows["highest"].fillna(rows["score_max"])
    return rows


def _areas(scheme: PathwayScheme) -> Iterator[tuple[object, ...]]:
    """List every way to name what a tool scored; the tool's own names come first."""
    for tool in scheme.tools:
        for pathway in scheme.pathways:
            for area in _areas_of(tool, pathway):
                yield from _named(tool, pathway, area, (area.code, area.name, *area.also))
        for pathway in scheme.pathways:
            called = (pathway.code, pathway.name)
            yield from _named(tool, pathway, _one_cut_off(tool, pathway), called)


def _areas_of(tool: Tool, pathway: Pathway) -> list[Area]:
    return [tool.area(code) for name, code in pathway.areas if name == tool.name]


def _one_cut_off(tool: Tool, pathway: Pathway) -> Area | None:
    """Give the area a row means that names only the pathway, if its areas are scored alike."""
    areas = _areas_of(tool, pathway)
    alike = {(area.lowest, area.highest, area.need_if) for area in areas}
    return areas[0] if len(alike) == 1 else tool.every_pathway


def _named(
    tool: Tool, pathway: Pathway, area: Area | None, called: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    scale = (
        (area.lowest, area.highest, tool.higher_is_worse, area.need_if, area.not_applicable_at)
        if area
        else (None, None, tool.higher_is_worse, None, None)
    )
    for tool_name in {_plain_word(name) for name in (tool.name, *tool.also)}:
        for word in called:
            yield (tool_name, _plain_word(word), pathway.code, *scale)


def _plain_word(word: str) -> str:
    """Compare names by their letters and digits alone; "&" is "and"."""
    return "".join(letter for letter in word.replace("&", "and").casefold() if letter.isalnum())


def _plain(words: pd.Series) -> pd.Series:
    plain = {word: _plain_word(str(word)) for word in words.dropna().unique()}
    return words.map(plain).astype("object").reset_index(drop=True)
