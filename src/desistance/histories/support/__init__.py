"""Partners and implementation: whom support reached, how soon, how much, and who dropped out.

Conventions, stated once:

* People count from the first day of their first episode of the programme up to its end, their death
  or the extract; `since="leaving"` from its end on. Day 1 is that first day itself.
* A "contact" or "review" is a contact. A "referral" is none, and neither is the word that support
  was completed or broken off.
* Support on a member of a pathway (drugs) counts for the pathway (drugs and alcohol) as well.
* People whose need on a pathway is not known are counted apart, never as without it.
* Rows of support outside the episode, about people not in the programme, or about a pathway the
  scheme does not know, are counted, and all but the last left out.
"""

from desistance.histories.support.summary import (
    SupportSummary,
    first_contact,
    support_summary,
)

__all__ = ["SupportSummary", "first_contact", "support_summary"]
