"""How much hidden bias a matched finding would survive: Rosenbaum's bounds.

Two people of a matched set may differ in their odds of being exposed by a factor of up to Gamma,
for a reason nobody recorded. Gamma of 1 is a randomised trial within sets. For each Gamma the
bounds give the largest p-value such a bias could leave.

yes or no
    Of sets of any make, the number of exposed people with the outcome (Mantel and Haenszel; of
    pairs, McNemar). In a set of n with k exposed and m outcomes it is at worst extended
    hypergeometric with odds Gamma: of one exposed, yes with chance Gamma m / (Gamma m + n - m).
    The sets are added up exactly.
a number
    Of pairs, Wilcoxon's signed ranks, each positive with chance Gamma / (1 + Gamma) at worst: exact
    up to `EXACT` pairs, by the normal distribution beyond. Pairs without a difference are ranked
    with the others and score nothing.

Everybody stands in one set.

References
----------
Rosenbaum (2002), Observational Studies, second edition, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import binom, norm, rankdata

from desistance.balance.covariates import one_column
from desistance.checks import flags_of, is_number, numbers_of, refuse_no_frame
from desistance.comparison.effects.contrasts import reach
from desistance.errors import ModelError
from desistance.plots import DARK_GREY, house_style, new_axes, ratio_axis
from desistance.results import Caveat, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Alternative = Literal["two-sided", "less", "greater"]
GAMMAS = (1.0, 1.25, 1.5, 2.0, 3.0)
LARGEST_P = "largest p-value a hidden bias could leave"
EXACT = 100  # pairs whose ranks are added up exactly
BEYOND = 1e6  # a bias nobody would claim


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RosenbaumBounds(Result):
    """What hidden bias could do to a matched finding.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, term, n, p_value``: `term` is Gamma, `n` the sets that tell anything.
    gamma : float
        Largest Gamma at which the finding still stands; 1 if it does not stand without bias.
    confidence : float
        The finding stands while the p-value is at most 1 less this.
    test : str
    n_sets : int
    caveats : tuple of str
    """

    frame: pd.DataFrame
    gamma: float
    confidence: float
    test: str
    n_sets: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row for each Gamma."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say up to what bias the finding stands."""
        level = number(1 - self.confidence, 2)
        stands = (
            f"stands up to a bias of {number(self.gamma, 2)} in the odds of being exposed"
            if self.gamma > 1
            else "does not stand even without hidden bias"
        )
        return "\n".join(
            [
                f"Hidden bias, {self.test} on {self.n_sets} matched sets: the finding {stands} "
                f"(at {level})",
                text_table(self.frame),
                *self.caveats,
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the largest p-value by Gamma."""
        ax = new_axes(ax)
        with house_style():
            ax.plot(self.frame["term"], self.frame["p_value"], marker="o")
        ax.axhline(1 - self.confidence, color=DARK_GREY, lw=0.8)
        ratio_axis(ax)
        ax.set(xlabel="Bias in the odds of being exposed (Gamma)", ylabel="Largest p-value")
        ax.set_ylim(bottom=0)
        return ax


def rosenbaum_bounds(
    sets: pd.DataFrame,
    *,
    outcome: str,
    exposed: str = "exposed",
    match: str = "match",
    gammas: Sequence[float] = GAMMAS,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> RosenbaumBounds:
    """Bound the p-value of a matched comparison under hidden bias.

    Parameters
    ----------
    sets
        A row for each person of each matched set.
    outcome
        Column of yes or no (or 1 and 0), or of numbers in pairs.
    exposed, match
        Columns that say who was exposed, and in which set a row stands.
    gammas
        Biases to show, 1 or more.
    alternative
        Whether the exposed do more ("greater") or less of the outcome. "two-sided" doubles the
        smaller p-value.
    confidence
        For the largest bias at which the finding stands.

    Raises
    ------
    ModelError
        If a column is missing or has empty cells, no set has both kinds of people, or numbers do
        not come in pairs.

    Examples
    --------
    >>> pairs = pd.DataFrame({"match": [0, 0, 1, 1, 2, 2], "exposed": [True, False] * 3,
    ...                       "again": [0, 1, 0, 1, 1, 1]})
    >>> found = rosenbaum_bounds(pairs, outcome="again", gammas=[1, 2], alternative="less")
    >>> found.to_frame()["p_value"].round(3).tolist()
    [0.25, 0.444]
    """
    if alternative not in get_args(Alternative):
        raise ModelError(f"`alternative` is one of {', '.join(get_args(Alternative))}.")
    if not len(gammas) or not all(map(is_number, gammas)) or not min(gammas) >= 1:
        raise ModelError("`gammas` are numbers, 1 or more.")
    reach(confidence)
    y, joined, code, dropped = _read(sets, outcome, exposed, match)
    n_sets = int(code.max()) + 1
    if np.isin(y, [0, 1]).all():
        more, informative = _tail_of_counts(y, joined, code)
        less, _ = _tail_of_counts(1 - y, joined, code)
        test = "exact Mantel-Haenszel test"
    else:
        more, informative = _tail_of_ranks(*_pairs(y, joined, code))
        less, _ = _tail_of_ranks(*_pairs(-y, joined, code))
        test = f"signed-rank test ({'exact' if informative <= EXACT else 'normal'})"
    sides = {"greater": (more,), "less": (less,), "two-sided": (more, less)}[alternative]

    def largest_p(gamma: float) -> float:
        return min(1.0, len(sides) * min(tail(gamma) for tail in sides))

    frame = pd.DataFrame({
        "outcome": LARGEST_P,
        "term": [float(gamma) for gamma in gammas],
        "n": informative,
        "p_value": [largest_p(gamma) for gamma in gammas],
    })  # fmt: skip
    said = []
    if dropped:
        said.append(Caveat("{sets} sets without both kinds of people are left out.", sets=dropped))
    return RosenbaumBounds(
        frame, _largest_gamma(largest_p, 1 - confidence), confidence, f"{alternative} {test}",
        n_sets, tuple(said),
    )  # fmt: skip


def _read(
    sets: pd.DataFrame, outcome: str, exposed: str, match: str
) -> tuple[Floats, NDArray[np.bool_], Ints, int]:
    """Take the columns, keep the sets with both kinds of people, and number them."""
    refuse_no_frame(sets, "sets")
    for name in (outcome, exposed, match):
        if name not in sets:
            raise ModelError(f"{name!r} is not a column.")
        one_column(sets, name)
        if sets[name].isna().any():
            raise ModelError(f"{name!r} is empty in {sets[name].isna().sum()} rows.")
    flags = flags_of(sets[exposed])
    if not flags.isin([0, 1]).all():
        raise ModelError(f"{exposed!r} holds other values than 0 and 1, or yes and no.")
    joined = flags.to_numpy(bool)
    whose = pd.factorize(sets[match])[0]
    n_ours, n_all = np.bincount(whose, joined), np.bincount(whose)
    both = (n_ours > 0) & (n_ours < n_all)
    if not both.any():
        raise ModelError("No matched set has both exposed and other people.")
    kept = both[whose]
    code = (np.cumsum(both) - 1)[whose[kept]]
    return numbers_of(sets[outcome])[kept], joined[kept], code, int((~both).sum())


def _tail_of_counts(
    y: Floats, joined: NDArray[np.bool_], code: Ints
) -> tuple[Callable[[float], float], int]:
    """Chance, by Gamma, of at least as many exposed people with the outcome."""
    n, k = np.bincount(code), np.bincount(code, joined).astype(np.int64)
    m = np.bincount(code, y).astype(np.int64)
    tells = (m > 0) & (m < n)
    seen = int(y[joined & tells[code]].sum())
    makes, count = np.unique(np.column_stack([n, k, m])[tells], axis=0, return_counts=True)

    def tail(gamma: float) -> float:
        total, least = np.ones(1), 0
        for (size, ours, with_it), times in zip(makes.tolist(), count.tolist(), strict=True):
            few, chance = _set_at_worst(size, ours, with_it, gamma)
            least += times * few
            if len(chance) == 2:
                total = np.convolve(total, binom.pmf(np.arange(times + 1), times, chance[1]))
            else:
                for _ in range(times):
                    total = np.convolve(total, chance)
        return float(total[max(seen - least, 0) :].sum())

    return tail, int(tells.sum())


def _set_at_worst(n: int, k: int, m: int, gamma: float) -> tuple[int, Floats]:
    """Least count of one set, and the chances of that and of each one more."""
    few, many = max(0, k + m - n), min(k, m)
    t = np.arange(few, many + 1)
    log = t * np.log(gamma) - (
        gammaln(t + 1) + gammaln(m - t + 1) + gammaln(k - t + 1) + gammaln(n - m - k + t + 1)
    )
    chance = np.exp(log - log.max())
    return few, chance / chance.sum()


def _pairs(y: Floats, joined: NDArray[np.bool_], code: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Twice the rank of each pair's difference, 0 if there is none, and whether it is positive."""
    if (np.bincount(code) != 2).any():
        raise ModelError("An outcome that is a number needs pairs: one exposed and one other.")
    difference = np.bincount(code, np.where(joined, y, -y))
    twice = np.rint(2 * rankdata(np.abs(difference))).astype(np.int64)
    return np.where(difference == 0, 0, twice), difference > 0


def _tail_of_ranks(
    twice: Ints, positive: NDArray[np.bool_]
) -> tuple[Callable[[float], float], int]:
    """Chance, by Gamma, of positive ranks that add up to at least as much."""
    scores = twice[twice > 0]
    seen = int(twice[positive].sum())

    def tail(gamma: float) -> float:
        p = gamma / (1 + gamma)
        if len(scores) > EXACT:
            spread = np.sqrt(p * (1 - p) * (scores.astype(float) ** 2).sum())
            return float(norm.sf((seen - p * scores.sum()) / spread))
        total = np.zeros(int(scores.sum()) + 1)
        total[0] = 1.0
        for score in scores.tolist():
            moved = np.zeros_like(total)
            moved[score:] = total[:-score]
            total = (1 - p) * total + p * moved
        return float(total[seen:].sum())

    return tail, len(scores)


def _largest_gamma(largest_p: Callable[[float], float], level: float) -> float:
    if largest_p(1.0) > level:
        return 1.0
    if largest_p(BEYOND) <= level:
        return float("inf")
    root = brentq(lambda log: largest_p(float(np.exp(log))) - level, 0.0, np.log(BEYOND), xtol=1e-9)
    return float(np.exp(root))
