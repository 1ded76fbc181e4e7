"""What was known about a person before any given day: offences, custody, needs."""

from desistance.histories.histories import Histories, HistoryDesign, build_histories

__all__ = ["Histories", "HistoryDesign", "build_histories"]
