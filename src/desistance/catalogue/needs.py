"""From scores to needs: which pathway a score speaks to, and whether it is a need.

A need is True, False or unknown, and unknown is never "no need". It is unknown when

    there is no score, or a reason is given why there is none     whatever else the row says
    the score lies outside the range of the tool                  99 for "not asked"
    the score is the one that says "does not apply"               a 10 for parenting
    no cut-off is published, or the pathway is not in the scheme  see `unmapped`

The column `pathway` may hold the tool's own code or name for what it scored ("3", "Accommodation")
or the scheme's ("ACC"). Where several areas with different cut-offs speak to a pathway, a row
that names the pathway says too little: its need is unknown.

Parts make one answer by the rule of the pathway, in `pathway_needs`:

    any, max  a need in any part is a need; none only if every part is known to be none
    mean      a need if the share of the range, averaged over all parts, reaches `need_if_share`

Parts are the rows of one pathway at hand and, for a pathway with members, every member. Rows
that do not apply to the person are no parts. A pathway that was also scored directly waits for
no member.

Why a need is unknown is one of `ANSWERS`; where several parts are unknown for several reasons, the
first of them in that order is told. A member that nobody scored is "not_assessed".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue.called import with_areas
from desistance.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.catalogue.pathways import Pathway, PathwayScheme

ANSWERS = (
    *("need", "no_need"),
    *("refused", "not_shared", "not_assessed", "unknown", "no_cut_off", "not_applicable"),
)
RATINGS = ("green", "amber", "red")

_REASON = {answer: place for place, answer in enumerate(ANSWERS) if place > 1}


def needs_from_scores(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.Series:
    """Say of each score whether it is a need.

    Parameters
    ----------
    assessments
        Columns ``tool, pathway, score`` and, where known, ``score_min, score_max,
        missing_reason``; one row per scored pathway.
    scheme
        From `scheme` or `load_scheme`.

    Returns
    -------
    Series of nullable booleans, on the index of `assessments`
        True a need, False none, NA unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.catalogue import needs_from_scores, scheme
    >>> assessments = pd.DataFrame(
    ...     {"tool": "OASYS", "pathway": ["ACC", "9", "FIN"], "score": [2, 3, 5]}
    ... )
    >>> needs_from_scores(assessments, scheme("7PP")).tolist()
    [True, False, <NA>]
    """
    return _rate(assessments, scheme)["need"]


def need_shares(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.Series:
    """Place each score in the range of its tool: 0 is the best end, 1 the worst.

    Returns
    -------
    Series of floats, on the index of `assessments`
        NaN where there is no usable score or no range.
    """
    return _rate(assessments, scheme)["share"]


def ratings_from_shares(
    shares: pd.Series, *, cut_points: tuple[float, float] = (1 / 3, 2 / 3)
) -> pd.Series:
    """Rate shares of the range green, amber or red.

    Parameters
    ----------
    shares
        From `need_shares`: 0 is the best end, 1 the worst.
    cut_points
        From which share on a rating is amber, and from which red.

    Returns
    -------
    Series of strings, on the index of `shares`
        <NA> where there is no share.

    Examples
    --------
    >>> import pandas as pd
    >>> ratings_from_shares(pd.Series([0.0, 0.5, 1.0, None])).tolist()
    ['green', 'amber', 'red', <NA>]
    """
    amber, red = cut_points
    if not 0 < amber < red <= 1:
        raise PlanError("`cut_points` are two shares that rise, above 0 and up to 1.")
    place = np.searchsorted(np.array(cut_points), shares.to_numpy(float), side="right")
    found = pd.Series(np.array(RATINGS, object)[np.minimum(place, 2)], shares.index, dtype="string")
    return found.mask(shares.isna())


def pathway_of(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.Series:
    """Name the scheme's pathway each row speaks to; NA where the scheme knows none."""
    return _rate(assessments, scheme)["pathway"]


def unmapped(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.DataFrame:
    """List what the scheme has no cut-off of its own for, with the number of rows.

    Returns
    -------
    DataFrame
        Columns ``tool, pathway, reason, n``. `reason` is "unknown pathway", "no cut-off", or,
        for a tool the scheme does not name, "unknown tool": its rows are read by the share of
        the range, so see that its worse end is the one the scheme takes it to be.
    """
    rated = _rate(assessments, scheme)
    reason = pd.Series(pd.NA, index=rated.index, dtype="string")
    reason = reason.mask(~rated["in_scheme"], "unknown tool")
    reason = reason.mask(~rated["has_cut_off"], "no cut-off")
    reason = reason.mask(rated["pathway"].isna(), "unknown pathway")
    rows = assessments[["tool", "pathway"]].assign(reason=reason)[reason.notna()]
    columns = ["tool", "pathway", "reason"]
    return rows.groupby(columns, dropna=False, sort=True).size().rename("n").reset_index()


def pathway_needs(
    assessments: pd.DataFrame,
    scheme: PathwayScheme,
    *,
    by: Sequence[str] = ("person_id", "assessed_date"),
) -> pd.DataFrame:
    """Give one answer per pathway, rolled up by the rules of the scheme.

    Parameters
    ----------
    assessments, scheme
        As in `needs_from_scores`.
    by
        Columns of `assessments` within which rows are parts of one answer.

    Returns
    -------
    DataFrame
        Columns of `by`, then ``pathway, need, share``: one row per pathway that any row at hand
        speaks to, in the order of `by` and the scheme. `share` is the largest of the parts', or
        their mean where that is the rule.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.catalogue import pathway_needs, scheme
    >>> assessments = pd.DataFrame(
    ...     {"person_id": "p1", "tool": "OASYS", "pathway": ["DRG", "ALC"], "score": [1, 4]}
    ... )
    >>> found = pathway_needs(assessments, scheme("7PP"), by=["person_id"])
    >>> found[["pathway", "need"]].to_dict("list")
    {'pathway': ['DRG', 'ALC', 'SUB'], 'need': [False, True, True]}
    """
    return pathway_answers(assessments, scheme, by=by)[[*by, "pathway", "need", "share"]]


def pathway_answers(
    assessments: pd.DataFrame,
    scheme: PathwayScheme,
    *,
    by: Sequence[str] = ("person_id", "assessed_date", "tool"),
) -> pd.DataFrame:
    """Give one answer per pathway as `pathway_needs` does, and say why where there is none.

    Parameters
    ----------
    assessments, scheme, by
        As in `pathway_needs`; a column ``n_items_missing`` is added up where there is one.

    Returns
    -------
    DataFrame
        Columns of `by`, then ``pathway, need, share, answer, n_items_missing``: `answer` is one of
        `ANSWERS`, "need" and "no_need" exactly where `need` is known.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.catalogue import pathway_answers, scheme
    >>> assessments = pd.DataFrame({
    ...     "person_id": "p1", "tool": "OASYS", "pathway": ["ACC", "ALC"], "score": [1, None],
    ...     "missing_reason": [None, "refused"]})
    >>> found = pathway_answers(assessments, scheme("7PP"), by=["person_id"])
    >>> dict(zip(found["pathway"], found["answer"]))
    {'ACC': 'no_need', 'ALC': 'refused', 'SUB': 'refused'}
    """
    keys = [*by]
    rated = _rate(assessments, scheme)
    rated = rated[["pathway", "need", "share", "applies", "why"]].reset_index(drop=True)
    unanswered = assessments.reindex(columns=["n_items_missing"]).reset_index(drop=True)
    rated["n_items_missing"] = unanswered["n_items_missing"].astype("float64").fillna(0.0)
    rows = assessments[keys].reset_index(drop=True).join(rated)
    rows = _leave_out_what_does_not_apply(rows[rows["pathway"].notna()], [*keys, "pathway"])
    found = _combine(rows, keys, scheme)
    rolled_up = [pathway for pathway in scheme.pathways if pathway.members]
    parts = [_parts(found, keys, pathway) for pathway in rolled_up]
    direct = found["pathway"].isin([pathway.code for pathway in rolled_up])
    together = pd.concat([found[~direct], *(_combine(part, keys, scheme) for part in parts)])
    order = pd.Categorical(together["pathway"], scheme.codes)
    together = together.assign(order=order).sort_values([*keys, "order"], kind="stable")
    told = together["need"].map({True: "need", False: "no_need"}).astype("string")
    why = together["why"].map(dict(enumerate(ANSWERS))).astype("string")
    together["answer"] = told.fillna(why)
    columns = [*keys, "pathway", "need", "share", "answer", "n_items_missing"]
    return together[columns].reset_index(drop=True)


def _leave_out_what_does_not_apply(rows: pd.DataFrame, group: list[str]) -> pd.DataFrame:
    """Drop rows that do not apply to the person, but one where there is nothing else."""
    ordered = rows.sort_values("applies", ascending=False, kind="stable")
    return ordered[ordered["applies"] | ~ordered.duplicated(group)]


def _parts(found: pd.DataFrame, keys: list[str], pathway: Pathway) -> pd.DataFrame:
    """Take every member of a rolled-up pathway, and its direct score where there is one."""
    direct = found[found["pathway"] == pathway.code]
    members = found[found["pathway"].isin(pathway.members)]
    everyone = pd.concat([direct, members])[keys].drop_duplicates()
    wanted = everyone.merge(pd.DataFrame({"pathway": pathway.members}), how="cross")
    members = wanted.merge(members, how="left", on=[*keys, "pathway"])
    answered = direct.loc[direct["need"].notna(), keys].assign(answered=True)
    waits = members.merge(answered, how="left", on=keys)["answered"].isna()
    members = members[waits | members["need"].notna()]
    nobody_asked = members["need"].isna() & members["why"].isna()
    members["why"] = members["why"].mask(nobody_asked, _REASON["not_assessed"])
    return pd.concat([direct, members]).assign(pathway=pathway.code)


def _combine(parts: pd.DataFrame, keys: list[str], scheme: PathwayScheme) -> pd.DataFrame:
    """Make one answer of the parts of each pathway, by its rule."""
    groups = parts.groupby([*keys, "pathway"], sort=False, dropna=False)
    together = groups.agg(
        need=("need", "max"),
        known=("need", "count"),
        size=("need", "size"),
        largest=("share", "max"),
        mean=("share", "mean"),
        shares=("share", "count"),
        why=("why", "min"),
        n_items_missing=("n_items_missing", "sum"),
    ).reset_index()
    by_mean = together["pathway"].isin([p.code for p in scheme.pathways if p.rule == "mean"])
    whole = together["shares"] == together["size"]
    share = together["largest"].where(~by_mean, together["mean"]).where(whole)
    any_need = together["need"].astype("boolean")
    any_need = any_need.mask((together["known"] < together["size"]) & ~any_need.fillna(False))
    mean_need = (share >= scheme.need_if_share).astype("boolean").mask(~whole)
    need = any_need.where(~by_mean, mean_need)
    told = together[[*keys, "pathway", "n_items_missing"]]
    return told.assign(need=need, share=share, why=together["why"].mask(need.notna()))


def _rate(assessments: pd.DataFrame, scheme: PathwayScheme) -> pd.DataFrame:
    """Rate every row, on the same index: its pathway, its need, and what they rest on."""
    rows = with_areas(assessments, scheme)
    inside = (rows["score"] >= rows["lowest"]) | rows["lowest"].isna()
    inside &= (rows["score"] <= rows["highest"]) | rows["highest"].isna()
    at_top = rows["score"] == rows["not_applicable_at"]
    usable = rows["score"].notna() & rows["missing_reason"].isna() & inside & ~at_top

    worse = rows["higher_is_worse"]
    from_best = (rows["score"] - rows["lowest"]).where(worse, rows["highest"] - rows["score"])
    width = rows["highest"] - rows["lowest"]
    share = (from_best / width.where(width > 0)).where(usable)

    by_score = (rows["score"] >= rows["need_if"]).where(worse, rows["score"] <= rows["need_if"])
    need = by_score.where(rows["in_scheme"], share >= scheme.need_if_share).astype("boolean")
    has_cut_off = rows["need_if"].notna().where(rows["in_scheme"], width > 0)
    need = need.mask(~(usable & has_cut_off & rows["pathway"].notna()))
    rated = pd.DataFrame(
        {
            "pathway": rows["pathway"],
            "need": need,
            "share": share,
            "why": _why(rows["missing_reason"], at_top, usable).mask(need.notna()),
            "applies": ~(at_top | rows["missing_reason"].isin(["not_applicable"])),
            "has_cut_off": has_cut_off,
            "in_scheme": rows["in_scheme"],
        }
    )
    rated.index = assessments.index
    return rated


def _why(missing_reason: pd.Series, at_top: pd.Series, usable: pd.Series) -> pd.Series:
    """Say, as a place in `ANSWERS`, why a row has no answer."""
    given = missing_reason.map(_REASON).astype("float64")
    told: NDArray[np.float64] = np.select(
        [given.notna(), at_top & missing_reason.isna(), ~usable],
        [given, _REASON["not_applicable"], _REASON["unknown"]],
        _REASON["no_cut_off"],
    )
    return pd.Series(told, index=usable.index)
