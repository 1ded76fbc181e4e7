"""One row of a table of measures each: means over people, shares, rates on both clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from desistance.histories.careers.frequencies import exact_poisson, over_people
from desistance.histories.days import DAYS_A_YEAR
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Row = dict[str, object]

COLUMNS = [
    "group", "outcome", "interval", "term", "age", "n", "n_events", "n_expected", "person_years",
    "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value", "note",
]  # fmt: skip
OVER_PEOPLE, EXACT, WILSON = "over people", "exact Poisson", "Wilson"


def z_of(confidence: float) -> float:
    """Give the normal quantile of a two-sided interval."""
    return float(ndtri(0.5 + confidence / 2))


def tidy(rows: Sequence[Row]) -> pd.DataFrame:
    """Lay rows out in the order of `COLUMNS`, without those nobody filled in."""
    frame = pd.DataFrame(rows)
    frame = frame[[name for name in COLUMNS if name in frame]]
    for name in ("n", "n_events", "age"):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    return frame.assign(note=frame["note"].fillna("") if "note" in frame else "")


def mean_row(values: Floats, z: float) -> Row:
    """Give the mean over people, leaving out NaN, with a normal interval."""
    known = values[~np.isnan(values)]
    if not len(known):
        return {"n": 0, "note": f"{NOT_ESTIMABLE}: nobody has one"}
    row: Row = {"n": len(known), "estimate": known.mean(), "interval": OVER_PEOPLE}
    if len(known) < 2 or not known.std() > 0:
        return row
    error = known.std(ddof=1) / np.sqrt(len(known))
    limits = {"conf_low": known.mean() - z * error, "conf_high": known.mean() + z * error}
    return row | {"std_error": error} | limits


def mean_of(total: Floats, among: Floats, z: float) -> Row:
    """Give the mean of things that people have several of, with an interval over people.

    Parameters
    ----------
    total, among : float64 arrays, shape (n_people,)
        Their sum, and how many there are.
    """
    n = among.sum()
    if n <= 0:
        return {"n": 0, "note": f"{NOT_ESTIMABLE}: there is none to take a mean of"}
    mean = total.sum() / n
    error = float(np.sqrt(((total - mean * among) ** 2).sum()) / n)
    row: Row = {"n": int(n), "estimate": mean, "interval": OVER_PEOPLE}
    if (among > 0).sum() < 2 or error <= 0:
        return row
    return row | {"std_error": error, "conf_low": mean - z * error, "conf_high": mean + z * error}


def share_row(hits: Floats, among: Floats, z: float) -> Row:
    """Give a share of things that people have several of, with an interval over people.

    Parameters
    ----------
    hits, among : float64 arrays, shape (n_people,)
    """
    row = {"n_events": int(hits.sum())} | mean_of(hits, among, z)
    if "conf_low" in row:
        low, high = float(row["conf_low"]), float(row["conf_high"])  # type: ignore[arg-type]
        row |= {"conf_low": max(low, 0.0), "conf_high": min(high, 1.0)}
    return row


def wilson_row(hits: int, n: int, z: float) -> Row:
    """Give a share of people, with Wilson's interval."""
    row: Row = {"n": n, "n_events": hits}
    if not n:
        return row | {"note": f"{NOT_ESTIMABLE}: nobody is in the group"}
    centre, half = hits + z**2 / 2, z * np.sqrt(hits * (n - hits) / n + z**2 / 4)
    return row | {
        "estimate": hits / n, "interval": WILSON,
        "conf_low": max((centre - half) / (n + z**2), 0.0),
        "conf_high": min((centre + half) / (n + z**2), 1.0),
    }  # fmt: skip


def rate_rows(counts: Floats, days: Floats, confidence: float, *, exact: bool = True) -> list[Row]:
    """Give a rate per year of `days`: with limits over people and, of counts, exact ones."""
    years = days / DAYS_A_YEAR
    row: Row = {"n": int((days > 0).sum()), "person_years": years.sum()}
    if exact:
        row["n_events"] = int(counts.sum())
    if years.sum() <= 0:
        return [row | {"note": f"{NOT_ESTIMABLE}: no time at risk"}]
    rate, low, high = over_people(counts, years, z_of(confidence))
    if np.isnan(rate):
        rate = 0.0
    people = row | {"estimate": rate, "conf_low": low, "conf_high": high, "interval": OVER_PEOPLE}
    if not exact:
        return [people]
    low, high = (float(limit) / years.sum() for limit in exact_poisson(counts.sum(), confidence))
    poisson = {"estimate": rate, "conf_low": low, "conf_high": high, "interval": EXACT}
    return [people, row | poisson]
