"""How the programme ran: the needs it met, what became of them, and the support there was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from desistance.histories.needs import (
    NeedsDesign,
    NeedsOverTime,
    NeedsTogether,
    need_cooccurrence,
    needs_over_time,
)
from desistance.histories.support import SupportSummary, first_contact, support_summary
from desistance.survival import Survival, kaplan_meier

if TYPE_CHECKING:
    from desistance.followup import FollowUp


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """The process beside the impact.

    Attributes
    ----------
    together
        Needs of everybody followed, on leaving; None without assessments.
    change
        Needs of those who joined, on joining and later; None if nobody joined.
    support, contact
        Support of everybody in the programme, and the time to the first contact; None where
        nobody was in it or the table `support` is empty.
    """

    together: NeedsTogether | None
    change: NeedsOverTime | None
    support: SupportSummary | None
    contact: Survival | None

    def summary(self) -> str:
        """Say everything in plain text."""
        parts = (self.together, self.change, self.support)
        return "\n\n".join(part.summary() for part in parts if part is not None)


def describe_process(followed: FollowUp, needs: NeedsDesign) -> Process:
    """Describe needs and support, without comparing anybody."""
    histories, people = followed.histories, followed.people
    assessed = len(histories.cases.assessments) > 0
    joined = people[people["joined_day"].notna()]
    since = joined["index_date"] + pd.to_timedelta(joined["joined_day"].astype("int64"), unit="D")
    programme = followed.design.joining
    supported = len(histories.cases.support) > 0 and bool(
        histories.cases.episodes["programme"].eq(programme).any()
    )
    return Process(
        need_cooccurrence(histories, people["person_id"], people["index_date"], design=needs)
        if assessed
        else None,
        needs_over_time(histories, joined["person_id"], since, design=needs)
        if assessed and len(joined)
        else None,
        support_summary(histories, programme=programme, design=needs) if supported else None,
        kaplan_meier(first_contact(histories, programme=programme)) if supported else None,
    )
