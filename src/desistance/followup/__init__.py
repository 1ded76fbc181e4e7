"""From leaving a programme to the end of follow-up: who reoffended, after how long at risk.

This room owns every rule of time; no other restates them, and tests/spec/ draws them.

    day 0        the index date: the day a person left the programme (IOM)
    day d        d days later; a person is at risk on days 1, 2, ... so an offence on day 0 is not
                 a reoffence
    joining      the day the other programme (7 Pathways Plus) starts. Days up to and including
                 it are unexposed, later days exposed: the same person is in both cohorts in turn
    custody      a day spent wholly in custody is not a day at risk; the day of going in and the
                 day of release are. The calendar clock goes on meanwhile; the street clock stops
    reoffence    the first offence after day 0 that is in the offence set, was not committed in
                 custody, and was proven within the waiting period after it
    the end      the first of: a proven reoffence (event); death; leaving the force area; the last
                 day of follow-up (all censored)
    maturity     a person counts for the one-year rate once 12 months of follow-up and 6 of
                 waiting lie before the extract date; until then `reoffended` is unknown, not no

The one-year rate keeps the rule of the official statistics: reoffences in (0, 365] proven by day
365 + 183; whoever moved away meanwhile is left out of it, unless offences are seen everywhere.
Hazards, and the comparison, give every offence the same time to be proven (the waiting period),
whenever it was committed, so that people seen for longer do not look worse. They may watch longer:
up to `watch_months`, or to the last day whose waiting period is complete in the extract.
"""

from desistance.followup.design import FollowUpDesign
from desistance.followup.eligibility import index_dates
from desistance.followup.followup import FollowUp, follow_up
from desistance.followup.inblocks import FollowUpInBlocks
from desistance.followup.onpeople import in_cohorts

__all__ = [
    "FollowUp",
    "FollowUpDesign",
    "FollowUpInBlocks",
    "follow_up",
    "in_cohorts",
    "index_dates",
]
