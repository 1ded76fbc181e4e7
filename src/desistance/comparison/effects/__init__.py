"""The effect of being exposed: how many reoffend, how often, how soon, how badly.

Of a follow-up, everyone is followed from the same day since leaving: those who joined from the day
they joined, each person they are compared with from that same day. By default the cohorts stay as
they were matched: a comparison person who joins later stays in the comparison, which can only make
an effect look smaller. Watching such people until they join instead answers another question, and
is fair only if who joins later is like who does not. Outcomes of a follow-up:

rate
    Reoffenders per 100 within the follow-up: 100 * (1 - Kaplan-Meier) with days in custody counted
    in, so it is the plain share where nobody dies, moves or is cut short; difference and ratio.
frequency
    Reoffences per year at risk, days in custody taken out; ratio of the two.
time
    Hazard ratio from a Cox model with joining as its one term, days in custody taken out.
rmst
    Mean days without reoffending out of the follow-up, the area under the rate's curve; difference.
severity
    Harm of all reoffences within the follow-up for each person, by the Cambridge index and by the
    severity score of the ONS, in days: each day's harm over those still watched, added up, so it is
    the plain mean where nobody dies, moves or is cut short; difference and ratio. An offence
    without a weight counts as none, and such offences are counted.
incidence
    Per 100, for whom a reoffence came first, with death and moving away as competing events
    (Aalen-Johansen); difference. It is lower than the rate, which asks what would be seen if nobody
    died or moved.

Outcomes of a plain frame are named by its columns, see `outcomes`. Standard errors are in
`variance`, what is robust to one wrong model in `doublyrobust`, curves in `adjusted`, the bootstrap
in `resampled`, and what may be said of them in `wording`.

Matching with replacement, ATT: Stuart (2010), Statistical Science 25(1).
"""

from desistance.comparison.effects.adjusted import adjusted_curves
from desistance.comparison.effects.compare import compare_cohorts
from desistance.comparison.effects.curves import AdjustedCurves
from desistance.comparison.effects.doublyrobust import doubly_robust
from desistance.comparison.effects.outcomes import Binary, Count, Mean, TimeTo
from desistance.comparison.effects.resampled import bootstrap_effects
from desistance.comparison.effects.result import CohortComparison, Effects

__all__ = [
    "AdjustedCurves",
    "Binary",
    "CohortComparison",
    "Count",
    "Effects",
    "Mean",
    "TimeTo",
    "adjusted_curves",
    "bootstrap_effects",
    "compare_cohorts",
    "doubly_robust",
]
