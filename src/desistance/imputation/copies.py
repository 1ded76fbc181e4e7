"""Completed copies of the rows, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.followup import FollowUp
from desistance.imputation.chain import Chain
from desistance.imputation.people import read_people
from desistance.imputation.pooled import PooledCox, PooledCurves, pool_curves, pool_fits
from desistance.plots import DARK_BLUE, ORANGE, house_style, new_axes
from desistance.results import Caveat, Result, text_table
from desistance.survival import fit_cox, kaplan_meier
from desistance.survival.terms import columns_of
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.imputation.people import People
    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEEDS, COUNT = "needs", "n_needs"
APART = 1.2  # of chains: beyond it they have not met
MANY = 0.5  # a share missing that a reader must know of
FRAME = ["term", "n", "n_missing", "mean_known", "mean_imputed", "convergence", "note"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Imputed(Result):
    """Rows whose missing needs were filled in m times.

    Attributes
    ----------
    times : TimeToEvent
        The rows as they came.
    needs : tuple of str
        What "needs" stands for among the terms.
    lost : dict of int64 arrays, shape (k,)
        By column: the people (codes of `times.person`) whose value is missing.
    drawn : dict of float64 arrays, shape (m, k)
        By column: what they were given in each copy.
    history : float64 array, shape (m, cycles, q)
        Mean of what was given, by copy, cycle and column.
    count : str or None
        The column that counts the needs; counted anew in each copy.
    table : DataFrame
        What `to_frame` gives.
    """

    times: TimeToEvent
    needs: tuple[str, ...]
    lost: dict[str, Ints]
    drawn: dict[str, Floats]
    history: Floats
    yes_no: frozenset[str]
    count: str | None
    table: pd.DataFrame
    delta: float
    seed: int | None
    caveats: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.history)

    def __iter__(self) -> Iterator[TimeToEvent]:
        return (self.copy(k) for k in range(len(self)))

    def copy(self, k: int) -> TimeToEvent:
        """Give the rows of copy k, counted from 0, with nothing missing that was to be filled."""
        columns = self.times.columns.copy()
        for name, people in self.lost.items():
            given = np.zeros(int(self.times.person.max(initial=-1)) + 1)
            given[people] = self.drawn[name][k]
            filled = columns[name].to_numpy(float, na_value=np.nan)
            filled = np.where(np.isnan(filled), given[self.times.person], filled)
            columns[name] = filled.astype(bool) if name in self.yes_no else filled
        if self.count is not None:
            columns[self.count] = columns[list(self.needs)].astype(float).sum(axis=1)
        return replace(self.times, columns=columns)

    def fit_cox(
        self, terms: Sequence[str | Term], *, confidence: float = 0.95, **choices: Any
    ) -> PooledCox:
        """Fit a Cox model to every copy and put the fits together; choices are `fit_cox`'s."""
        read = expanded(terms, self.needs)
        return pool_fits([fit_cox(copy, read, **choices) for copy in self], confidence=confidence)

    def kaplan_meier(self, by: str | None = None, *, confidence: float = 0.95) -> PooledCurves:
        """Estimate curves on every copy and put them together."""
        return pool_curves([kaplan_meier(copy, by=by) for copy in self], confidence=confidence)

    def to_frame(self) -> pd.DataFrame:
        """One row per column filled in.

        `mean_known` and `mean_imputed` are shares where a column is yes or no. `convergence` is
        the potential scale reduction of the chains over the second half of the cycles: near 1
        they have met.
        """
        return self.table.copy()

    def summary(self) -> str:
        """Say what was filled in, for how many, and whether the chains met."""
        seed = "a generator" if self.seed is None else f"seed {self.seed}"
        shifted = f", log odds shifted by {self.delta:g}" if self.delta else ""
        lines = [
            f"{len(self)} completed copies of {len(self.table)} columns by chained equations, "
            f"{self.history.shape[1]} cycles ({seed}){shifted}",
            text_table(self.table) if len(self.table) else "Nothing was missing.",
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share with each need: among those assessed, and as filled in, copy by copy."""
        ax = new_axes(ax, size=(7.2, 0.45 * len(self.table) + 1.6))
        shown = self.table[self.table["term"].isin(self.yes_no)]
        place = np.arange(len(shown))[::-1].astype(float)
        with house_style():
            for y, name in zip(place, shown["term"], strict=True):
                means = 100 * self.drawn[name].mean(axis=1)
                ax.plot(
                    means, np.full(len(means), y), "o", mfc="none", color=ORANGE, ms=4,
                    label="as filled in, each copy" if y == place[0] else None,
                )  # fmt: skip
            ax.plot(
                100 * shown["mean_known"], place, "s", color=DARK_BLUE, label="of those assessed"
            )
            ax.set_yticks(place, shown["term"].to_list())
            ax.set(xlabel="People with the need (%)", xlim=(-2, 102))
            if len(shown):
                ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return ax


def impute_needs(
    followed: TimeToEvent | HasTimes,
    terms: Sequence[str | Term],
    *,
    modified: Sequence[str] = (),
    copies: int = 20,
    cycles: int = 10,
    delta: float = 0.0,
    shifted: Sequence[str] | None = None,
    among: str | None = None,
    count: str | None = None,
    rng: int | np.random.Generator = 0,
) -> Imputed:
    """Fill in missing needs by chained equations.

    Parameters
    ----------
    followed
        A follow-up, or rows of people at risk; name their `person` column if somebody has
        several rows.
    terms
        Every column of the analysis, and any other that says who is not assessed or what they
        need. Numbers and yes/no columns with missing values are filled in; the others predict,
        and of text a missing value is a label of its own. Of a follow-up, "needs" stands for
        every pathway need. Events and cumulative hazard are always among the predictors.
    modified
        Columns whose effect may depend on needs ("exposed", say): they predict together with
        events and hazard as well, as an interaction in the analysis asks for.
    copies, cycles
        How many copies, and rounds of each chain.
    delta, shifted, among
        What is added to the log odds of a need that was not assessed; of which columns (all that
        are yes or no); and a yes/no column whose people it is added for (everyone).
    count
        A column to hold the number of needs in each copy; of a follow-up with "needs" among the
        terms, "n_needs".
    rng
        Seed, or generator.

    Returns
    -------
    Imputed
        Iterate over it for the copies; see `fit_cox` and `kaplan_meier` of it.

    Raises
    ------
    ModelError
        If a term is not a column, changes within a person, or is known of nobody.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=150), rng=1)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> imputed = impute_needs(followed, ["exposed", "age", "need_SUB"], copies=3, rng=1)
    >>> imputed.fit_cox(["exposed", "need_SUB"]).to_frame()["term"].to_list()
    ['exposed', 'need_SUB']
    """
    if copies < 2 or cycles < 2:
        raise ModelError("`copies` and `cycles` are 2 or more.")
    needs = pathway_needs(followed)
    read = expanded(terms, needs)
    if count is None and NEEDS in terms:
        count = COUNT
    times = as_times(followed)
    people = read_people(times, columns_of(read), list(modified))
    unknown = [name for name in shifted or () if name not in people.yes_no]
    if unknown:
        raise ModelError(
            f"`shifted` names {', '.join(map(repr, unknown))}, of which no yes or no is missing."
        )
    needs = needs if NEEDS in terms else tuple(name for name in read if name in people.yes_no)
    shift = _shifts(times, people, delta, people.yes_no if shifted is None else shifted, among)
    given, history = _drawn(people, shift, _children(rng, copies), cycles)
    lost = {name: np.flatnonzero(people.frame[name].isna()) for name in people.incomplete}
    values = {name: given[j] for j, name in enumerate(people.incomplete)}
    table = _table(people, values, history)
    return Imputed(
        times, needs, lost, values, history, people.yes_no, count, table, delta,
        int(rng) if isinstance(rng, int | np.integer) else None, _caveats(table, delta, among),
    )  # fmt: skip


def pathway_needs(followed: TimeToEvent | HasTimes) -> tuple[str, ...]:
    """Name the needs of a follow-up's scheme; of other rows nothing says which they are."""
    if isinstance(followed, FollowUp):
        return tuple(f"need_{code}" for code in followed.histories.scheme.headline)
    return ()


def expanded(terms: Sequence[str | Term], needs: Sequence[str]) -> list[str | Term]:
    """Put the needs where "needs" stands among the terms."""
    if isinstance(terms, str):
        raise ModelError(f"`terms` is a list: write [{terms!r}].")
    if NEEDS in terms and not needs:
        raise ModelError('"needs" stands for the needs of a follow-up; name the columns of rows.')
    return [name for term in terms for name in (needs if term == NEEDS else (term,))]


def _children(rng: int | np.random.Generator, copies: int) -> list[np.random.Generator]:
    return np.random.default_rng(rng).spawn(copies)


def _shifts(
    times: TimeToEvent, people: People, delta: float, shifted: Collection[str], among: str | None
) -> dict[str, Floats]:
    """Say what is added to each person's log odds, by column."""
    if among is not None and among not in times.columns:
        raise ModelError(f"`among={among!r}` is not a column.")
    n = len(people.frame)
    who = (
        np.ones(n) if among is None
        else times.columns[among].iloc[people.last].to_numpy(float, na_value=0.0)
    )  # fmt: skip
    if not np.isin(who, (0, 1)).all():
        raise ModelError(f"`among={among!r}` holds other values than yes and no.")
    return {name: delta * who * (name in shifted) for name in people.yes_no}


def _drawn(
    people: People, shift: dict[str, Floats], rngs: list[np.random.Generator], cycles: int
) -> tuple[list[Floats], Floats]:
    """Run a chain for each copy: what it ends in, by column, and the means on the way."""
    safe = {name: f"x{j}" for j, name in enumerate(people.frame)}
    frame = people.frame.rename(columns=safe)
    yes_no = frozenset(safe[name] for name in people.yes_no)
    moved = {safe[name]: by for name, by in shift.items()}
    ours = [safe[name] for name in people.incomplete]
    history = np.zeros((len(rngs), cycles, len(ours)))
    given: list[list[Floats]] = [[] for _ in ours]
    for k, rng in enumerate(rngs):
        chain = Chain(frame, yes_no, moved, rng)
        for cycle in range(cycles):
            chain.update_all()
            history[k, cycle] = [chain.data[x].to_numpy()[chain.ix_miss[x]].mean() for x in ours]
        for j, x in enumerate(ours):
            given[j].append(chain.data[x].to_numpy()[chain.ix_miss[x]].copy())
    return [np.array(one) for one in given], history


def _table(people: People, values: dict[str, Floats], history: Floats) -> pd.DataFrame:
    rows = [
        (
            name,
            len(people.frame),
            int(people.frame[name].isna().sum()),
            float(people.frame[name].mean()),
            float(values[name].mean()),
            scale_reduction(history[:, :, j]),
            "",
        )
        for j, name in enumerate(people.incomplete)
    ]
    return pd.DataFrame(rows, columns=FRAME)


def scale_reduction(means: Floats) -> float:
    """Compare chains (m, cycles) with each other: 1 where they have met."""
    cycles = means.shape[1]
    late = means[:, min(cycles // 2, cycles - 2) :]
    n = late.shape[1]
    within, between = late.var(axis=1, ddof=1).mean(), late.mean(axis=1).var(ddof=1)
    if within <= 0:
        return 1.0 if between <= 0 else float("inf")
    return float(np.sqrt((n - 1) / n + between / within))


def _caveats(table: pd.DataFrame, delta: float, among: str | None) -> tuple[str, ...]:
    said = [
        "People not assessed are taken to be like those assessed, given the terms."
        if not delta
        else f"Log odds of a need that was not assessed are shifted by {delta:g}"
        + (f" where {among}." if among else ".")
    ]
    apart = table.loc[table["convergence"] > APART, "term"]
    if len(apart):
        said.append(f"The chains have not met for {', '.join(apart)}: ask for more cycles.")
    many = table.loc[table["n_missing"] > MANY * table["n"], "term"]
    if len(many):
        said.append(
            f"More than half of the values are missing of {', '.join(many)}: what is found rests "
            "on the model more than on data."
        )
    most = int(table["n_missing"].max()) if len(table) else 0
    if most:
        said.append(
            Caveat("Up to {most} of {n} people were filled in.", most=most, n=int(table["n"].max()))
        )
    return tuple(said)
