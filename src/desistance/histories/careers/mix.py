"""What people offend at: shares of kinds of crime, and how diverse a person's offences are.

A person's diversity is the chance that two of their offences, drawn at random, are of different
kinds. Drawn with replacement it is D = 1 - sum p_k^2, which rises with the number N of offences
whatever the person is like; without, it is N / (N - 1) D, which does not, and is the one to
compare. It takes two offences.

Whether it is low for someone who offends at random in the pooled mix is a permutation: deal
everybody's M offences, M_k of kind k, out again, N to each person as they had. Means and variances
over all such deals are known exactly, from the factorial moments of the hypergeometric
distribution, so nothing is drawn and there is no seed. With (x)_r = x (x - 1) ... (x - r + 1),

    B = sum_k (M_k)_2      C = sum_k (M_k)_3      A = sum_k (M_k)_4 + sum_(k /= l) (M_k)_2 (M_l)_2
    mean of a person's corrected diversity   1 - B / (M)_2
    its variance      [(N)_4 A / (M)_4 + 4 (N)_3 C / (M)_3 + 2 (N)_2 B / (M)_2] / (N)_2^2
                      - (B / (M)_2)^2
    covariance of two people's               A / (M)_4 - (B / (M)_2)^2

References
----------
Simpson (1949), Nature 163, 688. Sullivan, McGloin, Pratt and Piquero (2006), Criminology 44,
199-233, on diversity and the number of offences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import ndtr

from desistance.errors import DataError
from desistance.histories.careers.rows import mean_row, share_row, tidy, z_of
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from desistance.histories.careers.careers import Careers
    from desistance.histories.careers.rows import Row

    Floats = NDArray[np.float64]

Kinds = Literal["parent_group", "offence_class"]

SHARE = "share of offences"
DIVERSITY, CORRECTED = "diversity of a person's offences", "corrected diversity"
POOLED, LARGEST = "diversity of all offences together", "largest possible diversity"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CrimeMix(Result):
    """Kinds of crime in groups, and the diversity of people.

    Attributes
    ----------
    people : DataFrame, one row per person and window
        Personal data: ``person_id, n_offences, n_kinds, diversity, diversity_corrected`` (NaN below
        two offences), and ``z`` against a random deal of everybody's offences: below 0 is more
        specialised than chance.
    frame : DataFrame
        One row per group and kind, then per group and measure: ``group, outcome, term, n, n_events,
        n_expected`` (the mean over random deals), ``estimate, std_error, conf_low, conf_high,
        statistic, p_value, note``.
    kinds
        "parent_group" or "offence_class".
    caveats : tuple of str
    """

    people: pd.DataFrame
    frame: pd.DataFrame
    kinds: Kinds
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and kind, then per group and measure."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say the mix and the diversity in plain text."""
        first = f"Crime mix of {len(self.people):,} people by {self.kinds}: {self.definition}"
        return "\n".join([first, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share of each kind, one marker a group."""
        ax = new_axes(ax)
        shares = self.frame[self.frame["outcome"] == SHARE]
        table = shares.pivot(index="term", columns="group", values="estimate")
        table = table.reindex(columns=shares["group"].unique()).sort_values(table.columns[0])
        place = np.arange(len(table))
        for number, group in enumerate(table):
            lower = 0.12 * ((len(table.columns) - 1) / 2 - number)
            ax.plot(table[group], place + lower, "os^DvP"[number % 6], label=group, linestyle="")
        ax.set_yticks(place, table.index)
        ax.set(xlabel="Share of offences", xlim=(0, None))
        ax.legend(loc="lower right")
        return ax


def crime_mix(
    careers: Careers,
    *,
    by: str | pd.Series | None = None,
    kinds: Kinds = "parent_group",
    confidence: float = 0.95,
) -> CrimeMix:
    """Give the shares of kinds of crime, and how diverse each person's offences are.

    Parameters
    ----------
    careers
        From `trace_careers`.
    by
        Column of `careers.people`, or labels on its index, that forms the groups.
    kinds
        What is one kind: "parent_group" (burglary, theft and handling, ...) or "offence_class".
    confidence
        Of the intervals, which are over people.

    Raises
    ------
    DataError
        If `by` is not a column of the people, or `kinds` not one of the two.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=200), rng=1))
    >>> careers = trace_careers(histories)
    >>> frame = crime_mix(careers).to_frame()
    >>> row = frame[frame["outcome"] == "corrected diversity"].iloc[0]
    >>> row[["estimate", "n_expected"]].astype(float).round(3).tolist()
    [0.643, 0.613]
    """
    if kinds not in get_args(Kinds):
        raise DataError(f"`kinds` is one of {', '.join(get_args(Kinds))}.")
    groups, z = careers.groups(by), z_of(confidence)
    table, labels = _counts(careers, kinds)
    n = table.sum(axis=1)
    people = careers.people[["person_id"]].assign(
        n_offences=n.astype(np.int64), n_kinds=(table > 0).sum(axis=1)
    )
    people["diversity"], people["diversity_corrected"] = diversity(table)
    expected, error, shared = chance(table.sum(axis=0), n)
    corrected = people["diversity_corrected"].to_numpy(float)
    people["z"] = _score(corrected - expected, error)
    rows: list[Row] = []
    for group, mask in groups.items():
        for kind, label in enumerate(labels):
            row = share_row(table[mask, kind], n[mask], z)
            rows.append({"group": group, "outcome": SHARE, "term": label} | row)
        pooled, unbiased = diversity(table[mask].sum(axis=0, keepdims=True))
        size, n_kinds = n[mask].sum(), int((table[mask].sum(axis=0) > 0).sum())
        plain = {"n": int(mask.sum()), "n_events": int(size)}
        for outcome, value in {
            POOLED: pooled[0],
            f"{POOLED}, corrected": unbiased[0],
            LARGEST: 1 - 1 / n_kinds if n_kinds else np.nan,
        }.items():
            note = "" if np.isfinite(value) else f"{NOT_ESTIMABLE}: too few offences"
            rows.append(
                {"group": group, "outcome": outcome, "estimate": value, "note": note} | plain
            )
        told = people.loc[mask, "diversity"].to_numpy(float)
        rows.append({"group": group, "outcome": DIVERSITY} | mean_row(told, z))
        known = mask & (n >= 2)
        row = {"group": group, "outcome": CORRECTED} | mean_row(corrected[known], z)
        m = int(known.sum())
        if m:
            variance = ((error[known] ** 2).sum() + m * (m - 1) * shared) / m**2
            apart = float(corrected[known].mean() - expected)
            statistic = float(_score(np.array([apart]), np.sqrt(np.maximum([variance], 0)))[0])
            row |= {"n_expected": expected, "statistic": statistic}
            row |= {"p_value": float(2 * ndtr(-abs(statistic)))}
        rows.append(row)
    return CrimeMix(people, tidy(rows), kinds, careers.definition, careers.caveats)


def _counts(careers: Careers, kinds: Kinds) -> tuple[Floats, list[str]]:
    """Count each person's offences of each kind, shape (n_people, n_kinds)."""
    kind, labels = pd.factorize(careers.offences[kinds], sort=True)
    n, k = len(careers.people), max(len(labels), 1)
    cell = careers.person * k + kind
    return np.bincount(cell, minlength=n * k).reshape(n, k).astype(float), [*map(str, labels)]


def diversity(table: Floats) -> tuple[Floats, Floats]:
    """Give D and its unbiased form of each row of counts (n, k); NaN without enough offences."""
    n = table.sum(axis=1)
    pairs = (table * (table - 1)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        plain = 1 - (table**2).sum(axis=1) / n**2
        corrected = 1 - pairs / (n * (n - 1))
    return plain, np.where(n >= 2, corrected, np.nan)


def chance(kinds: Floats, n: Floats) -> tuple[float, Floats, float]:
    """Give mean, standard deviation and covariance of corrected diversity over random deals.

    Parameters
    ----------
    kinds : float64 array, shape (k,)
        Offences of each kind, M_k, to be dealt out.
    n : float64 array, shape (n_people,)
        How many each person is dealt.
    """
    total = kinds.sum()
    if total < 2:
        return np.nan, np.full(len(n), np.nan), np.nan
    twos = _falling(kinds, 2)
    two = twos.sum() / _falling(total, 2)
    three = _falling(kinds, 3).sum() / _falling(total, 3) if total > 2 else 0.0
    four = (
        (_falling(kinds, 4).sum() + twos.sum() ** 2 - (twos**2).sum()) / _falling(total, 4)
        if (total > 3)
        else 0.0
    )
    pairs = np.where(n >= 2, _falling(n, 2), np.nan)
    second = (_falling(n, 4) * four + 4 * _falling(n, 3) * three + 2 * _falling(n, 2) * two) / (
        pairs**2
    )
    return float(1 - two), np.sqrt(np.maximum(second - two**2, 0)), float(four - two**2)


def _falling(x: ArrayLike, r: int) -> Floats:
    """Give x (x - 1) ... (x - r + 1)."""
    return np.prod([np.asarray(x, float) - step for step in range(r)], axis=0)


def _score(apart: Floats, error: Floats) -> Floats:
    """Divide by the standard deviation; NaN where deals do not differ."""
    return np.divide(apart, error, out=np.full(len(apart), np.nan), where=error > 1e-12)
