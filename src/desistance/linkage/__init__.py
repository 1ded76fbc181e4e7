"""Who is who: people under two ids, and the records of agencies that share no id.

    duplicates   people in `CaseData` who look like one person: a list for somebody to look at
    plan         which columns of agency tables are compared, and which pairs are tried
    pairs        Splink's probability that two records are of one person (`desistance[link]`)
    onetoone     what those become when a record has one partner in another table at most
    links        the pairs, and the people they make at a threshold or in one draw
    sensitivity  any estimate again under other links, and what the links add to its error

Nothing here merges anybody in the case files. A suspected duplicate becomes a merge only through a
table that names it (`pseudonymise(..., merges=)`); a probable link stays a probability, and is
carried into the estimate as one.
"""

from desistance.linkage.duplicates import suspected_duplicates
from desistance.linkage.links import Links
from desistance.linkage.plan import LinkColumn, LinkPlan
from desistance.linkage.sensitivity import LinkSensitivity, link_sensitivity

__all__ = [
    "LinkColumn",
    "LinkPlan",
    "LinkSensitivity",
    "Links",
    "link_sensitivity",
    "suspected_duplicates",
]
