"""Published risk scores, recomputed from what was known of a person on any day.

Research re-implementations, not operational scores: nothing here is for a decision about a
person. What goes into a score is told by the histories, and nothing from the day on does:

    sanction          an occasion on which an offence was proven before the day
    last offence      of what was proven on the last such day, the offence committed last; of
                      several committed on one day, the one with the lowest code, which is broadly
                      the gravest, since codes run from murder to summary motoring
    ages              birthdays completed, counted from the first of the month of birth
    offence-free      whole months in the community since the last of what the score's file names
                      (an offence known by then, a sanction, a release); a night in custody is not
                      in the community, and somebody in custody the night before has none

A history that begins after somebody's first sanction makes the career too short and the sanctions
too few: scores need careers from their beginning.
"""

from desistance.histories.scores.formulas import (
    all_reoffending_predictor,
    copas_rate,
    ogp,
    ogrs3,
    ovp,
)
from desistance.histories.scores.scores import RiskScores, risk_scores

__all__ = [
    "RiskScores",
    "all_reoffending_predictor",
    "copas_rate",
    "ogp",
    "ogrs3",
    "ovp",
    "risk_scores",
]
