"""What can go wrong, in a short family; each kind has the exit code the command line ends with.

An error says what is wrong, how many and where (file, column, row numbers), and what to do.
It never carries a person's value or id. All faults of a table are collected and raised once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class DesistanceError(Exception):
    """Anything this library refuses to do, in one clear sentence."""

    exit_code = 1


class PlanError(DesistanceError):
    """A plan, mapping or catalogue file that cannot be used as it stands."""

    exit_code = 2


class SourceError(DesistanceError):
    """A file, folder or database that is missing or cannot be read."""

    exit_code = 3


class DataError(DesistanceError):
    """Data that were read but break a rule no single row can answer for."""

    exit_code = 4


class FollowUpError(DesistanceError):
    """A follow-up that the data cannot support, or that would be unfair by construction."""

    exit_code = 5


class ModelError(DesistanceError):
    """A model that was asked for something it cannot mean."""

    exit_code = 6


class NobodyToMatchError(ModelError):
    """Those who joined have nobody to be compared with; `flow` counts where they were lost."""

    def __init__(self, message: str, flow: pd.DataFrame) -> None:
        super().__init__(f"{message}\n{flow.to_string(index=False)}")
        self.flow = flow


class NoOverlapError(ModelError):
    """No weights can make two cohorts alike: on some mix of the terms they do not overlap."""


class BiasError(FollowUpError):
    """A comparison whose design makes its own effect; `acknowledge_bias=True` lets it run."""

    exit_code = 7


class OutputError(DesistanceError):
    """A result that could not be written; nothing was left under its final name."""

    exit_code = 8


class EngineError(DesistanceError):
    """An engine for large data that is not installed, or is asked for what it cannot do."""

    exit_code = 9
