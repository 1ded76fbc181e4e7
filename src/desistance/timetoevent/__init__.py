"""Rows of people at risk: the one thing every estimator eats.

rows       what a row says, checked once, in one frame
inblocks   the same rows in blocks of whole people, for data larger than memory
sources    where blocks come from: frames, Parquet files, or a home of blocks
plain      columns of other kinds than numpy's, as it would hold them
asked      the days at which a user asks what a curve says
"""

from desistance.timetoevent.asked import Days, days_asked
from desistance.timetoevent.columns import where
from desistance.timetoevent.inblocks import HasBlocks, TimesInBlocks
from desistance.timetoevent.plain import plain
from desistance.timetoevent.rows import (
    PER_YEAR,
    HasTimes,
    TimeToEvent,
    as_times,
    in_order,
    outcome_columns,
)

__all__ = [
    "PER_YEAR", "Days", "HasBlocks", "HasTimes", "TimeToEvent", "TimesInBlocks", "as_times",
    "days_asked", "in_order", "outcome_columns", "plain", "where",
]  # fmt: skip
