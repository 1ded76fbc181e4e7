"""pymatchit: its formula, its matching, in an environment of its own (it needs an older patsy)."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

import pandas as pd
from pymatchit import MatchIt

from bench.data import digest, terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data import Columns

    Answer = dict[str, list[float]]
    Fit = Callable[[], Answer]

PACKAGE = "pymatchit-causal"


def read(columns: Columns) -> pd.DataFrame:
    """Hold the columns as a frame."""
    return pd.DataFrame(columns)


def matching(frame: pd.DataFrame) -> Fit:
    """A logistic score, and the nearest within 0.2 of its standard deviations, each once."""
    formula = "exposed ~ " + " + ".join(terms(frame))

    def fit() -> Answer:
        model = MatchIt(frame, method="nearest", replace=False, ratio=1, caliper=0.2)
        with redirect_stdout(StringIO()):  # it says how it goes
            model.fit(formula)
        got = {int(row): int(other) for row, (other,) in model.matched_indices.items()}
        return digest(sorted(got), [got[row] for row in sorted(got)])

    return fit
