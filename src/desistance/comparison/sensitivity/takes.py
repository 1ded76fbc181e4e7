"""What it would take to overturn a finding: the rows of a stress test that run nothing again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.comparison.sensitivity.bounds import RosenbaumBounds, rosenbaum_bounds
from desistance.comparison.sensitivity.evalue import e_value
from desistance.comparison.sensitivity.tipping import (
    HUNDRED,
    TIPS_LIMIT,
    tipping_point,
    tipping_unseen,
)
from desistance.errors import DesistanceError
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from desistance.comparison.effects import Effects
    from desistance.comparison.sensitivity.again import Row
    from desistance.comparison.sensitivity.tipping import Kind

INTERVAL = ("estimate", "conf_low", "conf_high")
COMMON = 15.0  # per 100 people with the outcome, beyond which a hazard ratio is no risk ratio
CONFOUNDING, CONFOUNDER = "unmeasured confounding", "unmeasured confounder"
HIDDEN, UNSEEN = "hidden bias", "people not followed to the end"
GAMMA = "largest bias (Gamma) at which {} would still be found"
HAPPENED, UNKNOWN = "(outcome)", "(not seen)"


def share_of(compared: Effects, outcome: str, group: str) -> float:
    """Per 100 of a cohort with the outcome; NaN where that was not compared."""
    frame = compared.to_frame()
    share = frame.loc[frame["outcome"].eq(outcome) & frame["group"].eq(group), "estimate"]
    return float(share.iloc[0]) if len(share) else float("nan")


def strengths(planned: Row, scale: Kind, share: float, spread: float = 1.0) -> Iterator[Row]:
    """E-values, and the confounders that would tip the effect.

    Parameters
    ----------
    planned, scale
        The row of the effect, and what it is.
    share
        Per 100 of the comparison cohort with the outcome, or NaN.
    spread
        Of a difference of means: the standard deviation within cohorts.
    """
    found = [float(planned[name]) for name in INTERVAL]
    if scale == "difference of means":
        told = e_value(*(value / spread for value in found), scale="standardised difference")
    else:
        known = share if share > 0 else HUNDRED  # without a rate there is no difference either
        told = e_value(
            *found, scale=scale, common=not share <= COMMON,
            baseline=known if scale == "difference" else None,
        )  # fmt: skip
    yield from _records(told.to_frame().assign(group=CONFOUNDING))
    yield from _tips(tipping_point(*found, scale=scale).to_frame(), CONFOUNDER)


def unseen(planned: Row, shares: tuple[float, float]) -> list[Row]:
    """Say how unlike people not followed would have to be."""
    found = [float(planned[name]) for name in INTERVAL]
    return _tips(tipping_unseen(*found, unseen=shares).to_frame(), UNSEEN)


def bounded(
    sets: Callable[[], pd.DataFrame], confidence: float
) -> tuple[RosenbaumBounds | None, str]:
    """Bound the p-value on the sets, or say why that cannot be.

    Parameters
    ----------
    sets
        Gives sets in which everybody stands once: ``match, exposed``, `HAPPENED`, and `UNKNOWN` of
        those not seen for as long, who are left out.
    """
    try:
        rows = sets()
        found = rosenbaum_bounds(rows[~rows[UNKNOWN]], outcome=HAPPENED, confidence=confidence)
    except DesistanceError as refused:
        return None, f"{NOT_ESTIMABLE}: {str(refused).splitlines()[0]}"
    return found, ""


def hidden(bounds: RosenbaumBounds | None, why: str, what: str) -> Row:
    """Tell the largest bias at which `what` would still be found."""
    row: Row = {"outcome": GAMMA.format(what), "group": HIDDEN, "term": "", "note": why}
    if bounds is not None:
        note = "" if bounds.gamma > 1 else "not found even without hidden bias"
        row |= {
            "term": bounds.test, "n": bounds.n_sets, "estimate": bounds.gamma, "note": note,
            "p_value": bounds.frame["p_value"].iloc[0],
        }  # fmt: skip
    return row


def _tips(frame: pd.DataFrame, group: str) -> list[Row]:
    """Take what tips the interval; where that holds no effect already, what tips the estimate."""
    of_limit = frame["group"].eq(TIPS_LIMIT)
    settled = frame.loc[of_limit, "note"].str.contains("already").any()
    chosen = frame[~of_limit if settled else of_limit]
    return _records(chosen.assign(term=chosen["group"] + ": " + chosen["term"], group=group))


def _records(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
