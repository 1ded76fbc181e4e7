"""Desistance by four definitions, side by side, and what each can say by now."""

from desistance.desisting.measures import measure_desistance
from desistance.desisting.result import MeasuredDesistance

__all__ = ["MeasuredDesistance", "measure_desistance"]
