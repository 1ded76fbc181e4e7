"""Who was managed from which day to which, and the support they had meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from desistance.catalogue import pathway_word
from desistance.errors import DataError, PlanError
from desistance.histories.days import NEVER, to_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.histories.days import Days
    from desistance.histories.histories import Histories

Since = Literal["joining", "leaving"]
ANY_PATHWAY, ANY_PARTNER = "any pathway", "any partner"


@dataclass(frozen=True, slots=True, eq=False)
class Managed:
    """The people of a programme and their support, one row per referral or contact.

    Attributes
    ----------
    person_ids : Series, shape (n,)
    start, length : int64 arrays, shape (n,)
        First day, as a day number, and days watched, 1 or more.
    rows : DataFrame
        ``place`` (of the person among the n), ``day`` (from 1), ``partner, pathway, kind``.
    accounting : DataFrame
        ``reason, n_rows``: what became of every row of `support`.
    """

    person_ids: pd.Series
    start: Days
    length: Days
    rows: pd.DataFrame
    accounting: pd.DataFrame

    @property
    def n(self) -> int:
        """How many people."""
        return len(self.start)

    def about(self, partner: str, pathway: str, members: Sequence[str]) -> pd.DataFrame:
        """Take the rows of a partner and a pathway; either may be any."""
        keep = np.ones(len(self.rows), bool)
        if partner != ANY_PARTNER:
            keep &= self.rows["partner"].eq(partner).to_numpy()
        if pathway != ANY_PATHWAY:
            keep &= self.rows["pathway"].isin([pathway, *members]).to_numpy()
        return self.rows[keep]


def managed(histories: Histories, programme: str, since: Since) -> Managed:
    """Find the people of a programme, and sort the rows of support by whether they are theirs."""
    if since not in get_args(Since):
        raise PlanError(f"`since` is one of {', '.join(get_args(Since))}.")
    cases = histories.cases
    episodes = cases.episodes[cases.episodes["programme"] == programme]
    if episodes.empty:
        known = ", ".join(sorted(cases.episodes["programme"].unique()))
        raise DataError(f"Nobody was in a programme {programme!r}; there are {known or 'none'}.")
    episodes = episodes.sort_values(["person_id", "start_date"], kind="stable")
    if since == "leaving":
        episodes = episodes[episodes["end_date"].notna()]
    first = episodes.drop_duplicates("person_id")
    person = histories.positions(first["person_id"])
    died = to_days(cases.people["death_date"])[person]
    extract = int(to_days(pd.Series([cases.extract_date]))[0])
    begin = to_days(first["start_date" if since == "joining" else "end_date"])
    last = to_days(first["end_date"]) - 1 if since == "joining" else np.full_like(begin, NEVER)
    last = np.minimum(np.minimum(np.where(last >= NEVER - 1, NEVER, last), died), extract)
    watched = last >= begin
    person, begin, length = person[watched], begin[watched], (last - begin + 1)[watched]

    place = np.full(len(histories.person_ids), -1)
    place[person] = np.arange(len(person))
    support = cases.support
    whose = place[histories.positions(support["person_id"])]
    day = to_days(support["contact_date"]) - begin[whose] + 1 if len(begin) else whose * 0
    theirs = whose >= 0
    inside = theirs & (day >= 1) & (day <= length[whose]) if len(begin) else theirs
    pathway = pathway_word(support["pathway"], histories.scheme)
    reasons = {
        "used": inside & pathway.notna().to_numpy(),
        "used, but the pathway is empty": inside & support["pathway"].isna().to_numpy(),
        "used, but the pathway is not in the scheme": inside
        & (support["pathway"].notna() & pathway.isna()).to_numpy(),
        "left out: not a person of the programme": ~theirs,
        "left out: before the first day": theirs & (day < 1),
        "left out: after the last day": theirs & ~inside & (day >= 1),
    }
    rows = pd.DataFrame({
        "place": whose, "day": day, "partner": support["partner"].to_numpy(),
        "pathway": pathway.to_numpy(), "kind": support["kind"].to_numpy()})  # fmt: skip
    accounting = pd.DataFrame(
        {"reason": list(reasons), "n_rows": [int(which.sum()) for which in reasons.values()]}
    )
    ids = first["person_id"][watched].reset_index(drop=True)
    return Managed(ids, begin, length, rows[inside].reset_index(drop=True), accounting)
