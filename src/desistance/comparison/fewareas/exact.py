"""Two groups and one yes-or-no outcome, exactly: for pilots too small for anything else.

Given how many reoffended in all, how many of them are in the first group follows Fisher's
non-central hypergeometric distribution, which knows of nothing but the odds ratio. Its estimate is
the conditional one of largest likelihood. Two intervals and their p-values are given, each twice
the smaller tail:

exact
    Counts all of what was seen to both tails: never covers less than it says, mostly more.
mid-p
    Counts half of what was seen: covers about what it says on average, at times a little less.

The rate of each group has the exact interval of Clopper and Pearson.

References
----------
Fisher (1935), Journal of the Royal Statistical Society 98(1); Agresti (2013), Categorical Data
Analysis, sections 3.5 and 16.6; Clopper and Pearson (1934), Biometrika 26(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator
from scipy.optimize import brentq
from scipy.special import betaincinv, gammaln, logsumexp

from desistance.errors import ModelError
from desistance.plots import DARK_GREY, new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RATE, ODDS = "reoffenders per 100 people", "odds ratio of reoffending"
EXACT, MID_P = "exact", "mid-p"
FARTHEST = 60.0  # log odds ratio beyond which nothing is sought


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExactComparison(Result):
    """Two rates and their odds ratio.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, interval, n, n_events, estimate, conf_low, conf_high, p_value, note``.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    groups: tuple[str, str]
    confidence: float
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row for each group's rate, and two for the odds ratio."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say both rates, and what the odds ratio may be."""
        return "\n".join(
            [
                f"{self.groups[0]} against {self.groups[1]}, exactly: given the reoffenders in all",
                text_table(self.frame),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw both intervals of the odds ratio, cut where they have no end."""
        ax = new_axes(ax, size=(7.2, 2.0))
        rows = self.frame[self.frame["outcome"] == ODDS]
        values = rows[["estimate", "conf_low", "conf_high"]].to_numpy(float)
        told = values[np.isfinite(values) & (values > 0)]
        least, most = (told.min(), told.max()) if len(told) else (0.5, 2.0)
        for place, (estimate, low, high) in zip((1, 0), values, strict=True):
            if not np.isnan(low):
                ends = [low if low > 0 else least / 3, high if np.isfinite(high) else most * 3]
                ax.plot(ends, [place, place], color="C0", ls="-", lw=1.6)
            if 0 < estimate < np.inf:
                ax.plot(estimate, place, "s", color="C0")
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.axvline(1, color=DARK_GREY, lw=0.8)
        ax.set_yticks((1, 0), rows["interval"].tolist())
        ax.set(xlabel="Odds ratio (below 1: less reoffending)", ylim=(-0.6, 1.6))
        return ax


def exact_two_by_two(
    events: tuple[int, int],
    people: tuple[int, int],
    *,
    groups: tuple[str, str] = ("7 Pathways Plus", "former IOM"),
    confidence: float = 0.95,
) -> ExactComparison:
    """Compare how many of two groups reoffended, without any large-sample formula.

    Parameters
    ----------
    events, people
        Reoffenders, and people, of each group; nobody is in both, or counted twice.
    groups
        What the groups are called.
    confidence
        Of the intervals.

    Raises
    ------
    ModelError
        If counts are no whole numbers, below 0, or more reoffended than there are people.

    References
    ----------
    See `desistance.comparison.fewareas.exact`.

    Examples
    --------
    >>> told = exact_two_by_two((3, 9), (12, 13)).to_frame()
    >>> told[["interval", "estimate", "conf_low", "conf_high", "p_value"]].round(3)
      interval  estimate  conf_low  conf_high  p_value
    0    exact    25.000     5.486     57.186      NaN
    1    exact    69.231    38.574     90.908      NaN
    2    exact     0.162     0.017      1.110    0.068
    3    mid-p     0.162     0.023      0.909    0.038
    """
    a, c = (_whole(count, "events") for count in events)
    n1, n0 = (_whole(count, "people") for count in people)
    if a > n1 or c > n0 or min(n1, n0) < 1:
        raise ModelError("A group has people, and no more of them reoffended than there are.")
    tail = (1 - confidence) / 2
    rows: list[dict[str, Any]] = []
    for name, x, n in ((groups[0], a, n1), (groups[1], c, n0)):
        low = betaincinv(x, n - x + 1, tail) if x else 0.0
        high = betaincinv(x + 1, n - x, 1 - tail) if x < n else 1.0
        rows.append({"outcome": RATE, "group": name, "interval": EXACT, "n": n, "n_events": x,
                     "estimate": 100 * x / n, "conf_low": 100 * low, "conf_high": 100 * high,
                     "note": ""})  # fmt: skip
    both = {"outcome": ODDS, "group": f"{groups[0]} against {groups[1]}", "n": n1 + n0,
            "n_events": a + c}  # fmt: skip
    rows += [both | {"interval": name} | found
             for name, found in _odds_ratio(a, n1, a + c, n0, tail).items()]  # fmt: skip
    frame = pd.DataFrame(rows).reindex(columns=[
        "outcome", "group", "interval", "n", "n_events", "estimate", "conf_low", "conf_high",
        "p_value", "note"])  # fmt: skip
    return ExactComparison(
        frame.astype({"n": "Int64", "n_events": "Int64"}), groups, confidence,
        ("The groups are taken as they are: an exact interval does not make them alike.",),
    )  # fmt: skip


def _whole(count: float, name: str) -> int:
    if isinstance(count, bool) or not float(count).is_integer() or count < 0:
        raise ModelError(f"`{name}` are two whole numbers, 0 or more.")
    return int(count)


def _odds_ratio(a: int, n1: int, events: int, n0: int, tail: float) -> dict[str, dict[str, Any]]:
    """Estimate and both intervals, given how many reoffended in all."""
    seen = np.arange(max(0, events - n0), min(n1, events) + 1)
    if len(seen) == 1:
        note = f"{NOT_ESTIMABLE}: nobody or everybody reoffended"
        return {name: {"note": note} for name in (EXACT, MID_P)}
    weight = _log_choose(n1, seen) + _log_choose(n0, events - seen)

    def chances(log_odds: float) -> Floats:
        log = weight + seen * log_odds
        return np.exp(log - logsumexp(log))

    def root(scored: Floats, wanted: float) -> float:
        """Find the odds ratio under which the mean score is the one wanted."""
        log_odds = brentq(
            lambda b: float(chances(b) @ scored) - wanted,
            -FARTHEST,
            FARTHEST,
            xtol=1e-13,
            rtol=1e-14,
        )
        return float(np.exp(log_odds))

    lowest, highest = a == seen[0], a == seen[-1]
    estimate = 0.0 if lowest else np.inf if highest else root(seen.astype(float), a)
    found: dict[str, dict[str, Any]] = {}
    for name, half in ((EXACT, 1.0), (MID_P, 0.5)):
        below, above = (seen < a) + half * (seen == a), (seen > a) + half * (seen == a)
        none = chances(0.0)
        found[name] = {
            "estimate": estimate,
            "conf_low": 0.0 if lowest else root(above, tail),
            "conf_high": np.inf if highest else root(below, tail),
            "p_value": min(1.0, 2 * min(float(none @ below), float(none @ above))),
            "note": "",
        }
    return found


def _log_choose(n: int, k: NDArray[np.int64]) -> Floats:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
