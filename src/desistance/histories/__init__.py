"""What was known about a person before any given day: offences, custody, needs, risk scores."""

from desistance.histories.histories import (
    Histories,
    HistoriesInBlocks,
    HistoryDesign,
    build_histories,
)
from desistance.histories.periods import offences_by_period
from desistance.histories.scores import (
    RiskScores,
    all_reoffending_predictor,
    copas_rate,
    ogp,
    ogrs3,
    ovp,
    risk_scores,
)

__all__ = [
    "Histories",
    "HistoriesInBlocks",
    "HistoryDesign",
    "RiskScores",
    "all_reoffending_predictor",
    "build_histories",
    "copas_rate",
    "offences_by_period",
    "ogp",
    "ogrs3",
    "ovp",
    "risk_scores",
]
