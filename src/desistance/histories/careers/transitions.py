"""Whether the next offence is of the same kind: forward specialisation.

With O_kk the transitions from kind k to itself, R_k those from k, C_k those to k and T all,

    E_k = R_k C_k / T          FSC_k = (O_kk - E_k) / (R_k - E_k)

0 is what chance gives, 1 what a perfect specialist does. All kinds together it is the sum of the
numerators over the sum of the denominators (Cohen's kappa of the table). Offences of one day have
no order, so a step goes from each offence of one day to each of the person's next day of
offending, the pairs sharing a weight of 1: no rule of which came first decides anything.

References
----------
Farrington, Snyder and Finnegan (1988), Criminology 26, 461-487. Paternoster and others (1998),
J. Quant. Criminol. 14, 133-154, on its sampling distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from desistance.errors import DataError
from desistance.histories.careers.careers import spread
from desistance.histories.careers.mix import Kinds
from desistance.plots import new_axes
from desistance.results import NOT_ESTIMABLE, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.histories.careers.careers import Careers
    from desistance.histories.careers.rows import Row

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ALL = "all kinds together"
OUTCOME = "forward specialisation"
AT_ONCE = 4_000_000  # draws of people held in memory together


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Specialisation(Result):
    """Forward specialisation, by kind of crime and group.

    Attributes
    ----------
    frame : DataFrame
        One row per group and kind: ``group, outcome, term, n`` (people with a transition),
        ``n_at_risk`` (transitions from the kind), ``n_events`` (to the same kind), ``n_expected``
        (so many by chance), ``estimate``, the percentile interval of the bootstrap by person,
        ``note``.
    transitions : DataFrame
        Of everyone: rows are the kind, columns the kind of the next offence. Days with several
        offences share a step out, so counts need not be whole.
    kinds, replicates, seed
        What was told apart, and how people were drawn.
    caveats : tuple of str
    """

    frame: pd.DataFrame
    transitions: pd.DataFrame
    kinds: Kinds
    replicates: int
    seed: int
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per group and kind."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say how specialised people are, in plain text."""
        first = (
            f"Forward specialisation by {self.kinds}: {self.definition}; bootstrap of "
            f"{self.replicates:,} by person, seed {self.seed}"
        )
        return "\n".join([first, text_table(self.frame), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each kind's coefficient with its interval, one marker a group."""
        ax = new_axes(ax)
        rows = self.frame[self.frame["estimate"].notna()]
        terms = list(self.frame["term"].unique())[::-1]
        groups = list(rows["group"].unique())
        for number, group in enumerate(groups):
            mine = rows[rows["group"] == group]
            value, low, high = mine[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
            place = np.array([terms.index(term) for term in mine["term"]], float)
            place += 0.15 * ((len(groups) - 1) / 2 - number)
            ax.errorbar(
                value, place, xerr=(np.fmax(value - low, 0), np.fmax(high - value, 0)),
                fmt="os^DvP"[number % 6], capsize=3, label=group,
            )  # fmt: skip
        ax.axvline(0, color="#6F777B", linewidth=1)
        ax.set_yticks(np.arange(len(terms)), terms)
        ax.set_xlabel("Forward specialisation (0: as by chance)")
        if len(groups) > 1:
            ax.legend(loc="best")
        return ax


def specialisation(
    careers: Careers,
    *,
    rng: int | np.random.Generator,
    by: str | pd.Series | None = None,
    kinds: Kinds = "parent_group",
    replicates: int = 1000,
    confidence: float = 0.95,
) -> Specialisation:
    """Give the forward specialisation coefficient of each kind of crime.

    Parameters
    ----------
    careers
        From `trace_careers`.
    rng
        The seed, or a generator that one is drawn from.
    by
        Column of `careers.people`, or labels on its index, that forms the groups.
    kinds
        What is one kind: "parent_group" (burglary, theft and handling, ...) or "offence_class".
    replicates, confidence
        Of the bootstrap by person: a person's transitions go together, and formulae that take
        them as independent give limits that are too narrow.

    Raises
    ------
    DataError
        If `by` is not a column of the people, or a choice is not one there is.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, trace_careers
    >>> histories = build_histories(simulate_cases(SimulationDesign(n_people=200), rng=1))
    >>> careers = trace_careers(histories)
    >>> found = specialisation(careers, rng=1, replicates=200).to_frame()
    >>> found.loc[found["term"] == "all kinds together", "estimate"].round(3).tolist()
    [-0.007]
    """
    if kinds not in get_args(Kinds):
        raise DataError(f"`kinds` is one of {', '.join(get_args(Kinds))}.")
    seed = int(rng.integers(2**63)) if isinstance(rng, np.random.Generator) else index(rng)
    labels, steps = _steps(careers, kinds)
    k = len(labels)
    rows: list[Row] = []
    for group, mask in careers.groups(by).items():
        mine = steps[np.flatnonzero(mask)]
        mine = mine[np.flatnonzero(np.diff(mine.indptr))]  # people with a step
        total = np.asarray(mine.sum(axis=0)).reshape(1, k, k)
        value = _coefficients(total)[0]
        same, expected, leaving = (part[0] for part in _parts(total))
        drawn = _drawn(mine, k, replicates, np.random.default_rng(seed))
        low, high = _limits(drawn, confidence)
        for place, term in enumerate([*labels, ALL]):
            known = np.isfinite(value[place])
            rows.append({
                "group": group, "outcome": OUTCOME, "term": term, "n": mine.shape[0],
                "n_at_risk": leaving[place], "n_events": same[place],
                "n_expected": expected[place], "estimate": value[place], "conf_low": low[place],
                "conf_high": high[place],
                "note": "" if known else f"{NOT_ESTIMABLE}: no transition to compare",
            })  # fmt: skip
    everyone = np.asarray(steps.sum(axis=0)).reshape(k, k)
    return Specialisation(
        pd.DataFrame(rows),
        pd.DataFrame(everyone, pd.Index(labels, name="from"), pd.Index(labels, name="to")),
        kinds, replicates, seed, careers.definition, careers.caveats,
    )  # fmt: skip


def _steps(careers: Careers, kinds: Kinds) -> tuple[list[str], csr_array]:
    """Weigh each person's steps between kinds, shape (n_people, k * k)."""
    kind, labels = pd.factorize(careers.offences[kinds], sort=True)
    person, day = careers.person, careers.offences["day"].to_numpy(np.int64)
    new_day = np.ones(len(person), bool)
    new_day[1:] = (person[1:] != person[:-1]) | (day[1:] != day[:-1])
    first = np.flatnonzero(new_day)
    size = np.diff(np.append(first, len(person)))
    nxt = np.zeros(len(first), bool)  # whether the person has a next day
    nxt[:-1] = person[first[1:]] == person[first[:-1]]
    of = np.cumsum(new_day) - 1  # the day of offending each offence belongs to
    after = np.minimum(of + 1, max(len(first) - 1, 0))
    here, there = spread(first[after], np.where(nxt[of], size[after], 0))
    weight = 1.0 / (size[of[here]] * size[after[here]])
    k = max(len(labels), 1)
    cell = kind[here] * k + kind[there]
    shape = (len(careers.people), k * k)
    return [*map(str, labels)] or ["none"], csr_array((weight, (person[here], cell)), shape=shape)


def _parts(tables: Floats) -> tuple[Floats, Floats, Floats]:
    """Give O, E and R of tables (b, k, k), each (b, k + 1): every kind, and their sum."""
    leaving, coming = tables.sum(axis=2), tables.sum(axis=1)
    total = leaving.sum(axis=1, keepdims=True)
    expected = leaving * coming / np.where(total > 0, total, 1)
    parts = (np.diagonal(tables, axis1=1, axis2=2), expected, leaving)
    return tuple(np.hstack([part, part.sum(axis=1, keepdims=True)]) for part in parts)  # type: ignore[return-value]


def _coefficients(tables: Floats) -> Floats:
    """Give the coefficient of each kind and of all, shape (b, k + 1); NaN where there is none."""
    same, expected, leaving = _parts(tables)
    rest = leaving - expected
    return np.divide(same - expected, rest, out=np.full(rest.shape, np.nan), where=rest > 1e-12)


def _drawn(steps: csr_array, k: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Draw people again and again, and give their coefficients, shape (replicates, k + 1)."""
    m = steps.shape[0]
    if m < 2:
        return np.full((replicates, k + 1), np.nan)
    together = max(1, AT_ONCE // max(m, k * k))
    found = []
    for done in range(0, replicates, together):
        b = min(together, replicates - done)
        draw = rng.integers(0, m, (b, m)) + m * np.arange(b)[:, None]
        times = np.bincount(draw.ravel(), minlength=b * m).reshape(b, m)
        found.append(_coefficients((steps.T @ times.T).T.reshape(b, k, k)))
    return np.concatenate(found)


def _limits(drawn: Floats, confidence: float) -> Floats:
    """Take percentiles of what was drawn, shape (2, k + 1); NaN where most draws have none."""
    tail = (1 - confidence) / 2
    enough = np.isfinite(drawn).mean(axis=0) > 0.5
    limits = np.full((2, drawn.shape[1]), np.nan)
    limits[:, enough] = np.nanquantile(drawn[:, enough], [tail, 1 - tail], axis=0)
    return limits
