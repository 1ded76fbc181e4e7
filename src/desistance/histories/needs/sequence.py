"""In which order needs are seen and go: steps between assessments, and which need comes first.

The first assessment finds needs that were there before it, so "first seen" is not "began". A step
is one answer and the next of the same person, tool and pathway, however long between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binom

from desistance.histories.needs.answers import ask
from desistance.histories.needs.change import NeedsDesign, leaning_low
from desistance.plots import DARK_BLUE, TURQUOISE, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from desistance.histories.histories import Histories

STEPS = {
    (1, 1): "need, then need", (1, 0): "need, then none",
    (0, 1): "none, then need", (0, 0): "none, then none",
}  # fmt: skip
SEEN, GONE = "seen", "resolved"
NEVER_SEEN = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NeedSequence(Result):
    """Steps from one assessment to the next, and the order in which needs are seen and resolved.

    Attributes
    ----------
    n : int
        People asked about.
    steps : DataFrame
        One row per tool (`group`), pathway (`term`) and kind of step (`outcome`): ``n`` people
        with such a step, ``n_events`` steps, ``n_at_risk`` steps that begin alike, ``estimate``
        the share of these.
    firsts : DataFrame
        ``group, term, what, n, n_first, n_tied``: of the `n` people in whom the need was "seen",
        or "resolved", for how many it was the first alone, and for how many on the same day as
        others.
    order : DataFrame
        ``group, first, second, what, n, n_before, n_same, n_after, p_value``: of the `n` people
        with both, which came first; the sign test leaves the same day out.
    caveats : tuple of str
    """

    n: int
    steps: pd.DataFrame
    firsts: pd.DataFrame
    order: pd.DataFrame
    names: dict[str, str]
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per step, then per need that came first, then per pair of needs in order."""
        steps = self.steps
        firsts = self.firsts.assign(
            outcome="first " + self.firsts["what"], n_events=self.firsts["n_first"],
            estimate=self.firsts["n_first"] / self.firsts["n"].where(self.firsts["n"] > 0),
        )  # fmt: skip
        decided = self.order["n_before"] + self.order["n_after"]
        order = self.order.assign(
            outcome=self.order["what"] + " in this order",
            term=self.order["first"] + " before " + self.order["second"],
            n_at_risk=decided, n_events=self.order["n_before"],
            estimate=self.order["n_before"] / decided.where(decided > 0),
        )  # fmt: skip
        columns = ["group", "term", "outcome", "n", "n_at_risk", "n_events", "estimate", "p_value"]
        frame = pd.concat([part.reindex(columns=columns) for part in (steps, firsts, order)])
        note = np.where(frame["estimate"].isna(), f"{NOT_ESTIMABLE}: nobody", "")
        return frame.assign(note=note).reset_index(drop=True)

    def summary(self) -> str:
        """Say how often needs appear and resolve, and which are seen first."""
        steps = self.steps[["group", "term", "outcome", "n", "n_events", "estimate"]]
        firsts = self.firsts[["group", "term", "what", "n", "n_first", "n_tied"]]
        head = f"Needs from one assessment to the next, of {self.n:,} people"
        return "\n".join([head, text_table(steps), "Which came first:", text_table(firsts),
                          *self.caveats])  # fmt: skip

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw, by pathway, the share of needs resolved and of needs that appear by the next."""
        drawn = self.steps[self.steps["outcome"].isin([STEPS[1, 0], STEPS[0, 1]])]
        wide = drawn.pivot_table(
            index=["group", "term"], columns="outcome", values="estimate", sort=False, dropna=False
        ).reindex(columns=[STEPS[1, 0], STEPS[0, 1]])
        ax = new_axes(ax, size=(6.6, max(2.6, 0.5 * len(wide) + 1.2)))
        place = np.arange(len(wide))[::-1]
        ax.barh(place + 0.19, wide[STEPS[1, 0]].fillna(0), 0.36, color=TURQUOISE,
                label="resolved")  # fmt: skip
        ax.barh(place - 0.19, wide[STEPS[0, 1]].fillna(0), 0.36, color=DARK_BLUE,
                label="new")  # fmt: skip
        several = drawn["group"].nunique() > 1
        ax.set_yticks(place, [
            f"{self.names.get(term, term)}{f' ({tool})' if several else ''}"
            for tool, term in wide.index])  # fmt: skip
        ax.set(xlabel="Share by the next assessment", xlim=(0, 1))
        ax.grid(visible=False, axis="y")
        ax.grid(axis="x")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, frameon=False)
        return ax


def need_sequence(
    histories: Histories,
    person_ids: pd.Series | None = None,
    dates: pd.Series | None = None,
    *,
    design: NeedsDesign | None = None,
) -> NeedSequence:
    """Say in which order needs are seen and resolved; see `desistance.histories.needs`.

    Parameters
    ----------
    histories, person_ids, dates
        As in `needs_over_time`. With `dates`, answers from the design's `days_before` days before
        day zero on; without, all there are.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, need_sequence, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> found = need_sequence(build_histories(cases)).steps.set_index(["term", "outcome"])
    >>> by_step = found.loc["ACC", "n_at_risk"]
    >>> bool(by_step["need, then none"] == by_step["need, then need"])
    True
    """
    asked = ask(histories, person_ids, dates)
    days_before = (design or NeedsDesign()).days_before
    rows = asked.answers[asked.answers["need"].notna()]
    if asked.index_day is not None:
        from_day = asked.index_day - days_before
        rows = rows[rows["day"].to_numpy() >= from_day[rows["place"].to_numpy()]]
    order = {code: place for place, code in enumerate(histories.scheme.codes)}
    rows = rows.assign(rank=rows["pathway"].map(order)).sort_values(
        ["tool", "rank", "place", "day"], kind="stable"
    )
    main = rows[rows["pathway"].isin(histories.scheme.headline)]
    firsts: list[tuple[object, ...]] = []
    pairs: list[tuple[object, ...]] = []
    for tool, part in main.groupby("tool", sort=True):
        for what, days in _days(part, asked.n, histories.scheme.headline).items():
            firsts += _firsts(str(tool), what, days, histories.scheme.headline)
            pairs += _order(str(tool), what, days, histories.scheme.headline)
    steps = _steps(rows)
    n_stepped = int(rows.loc[rows.duplicated(["tool", "rank", "place"]), "place"].nunique())
    caveats = (
        Caveat("{stepped} of {n} people were answered more than once on a pathway. A need first "
               "seen had begun before, and assessments are made when there is reason to.",
               stepped=n_stepped, n=asked.n),
        *leaning_low(asked),
    )  # fmt: skip
    names = {pathway.code: pathway.name for pathway in histories.scheme.pathways}
    first_columns = ["group", "term", "what", "n", "n_first", "n_tied"]
    pair_columns = ["group", "first", "second", "what", "n", "n_before", "n_same", "n_after",
                    "p_value"]  # fmt: skip
    return NeedSequence(
        asked.n, steps, pd.DataFrame(firsts, columns=first_columns),
        pd.DataFrame(pairs, columns=pair_columns), names, caveats,
    )  # fmt: skip


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Count the steps between neighbouring answers; `rows` sorted by tool, pathway, person, day."""
    groups = rows.groupby(["tool", "rank", "place"], sort=False)["need"]
    steps = rows.assign(then=groups.shift(-1)).dropna(subset=["then"])
    found = []
    for (tool, pathway), _ in rows.groupby(["tool", "pathway"], sort=False):
        mine = steps[(steps["tool"] == tool) & (steps["pathway"] == pathway)]
        for (one, two), outcome in STEPS.items():
            alike = mine[mine["need"] == one]
            such = alike[alike["then"] == two]
            share = len(such) / len(alike) if len(alike) else np.nan
            found.append((tool, pathway, outcome, such["place"].nunique(), len(alike), len(such),
                          share))  # fmt: skip
    columns = ["group", "term", "outcome", "n", "n_at_risk", "n_events", "estimate"]
    return pd.DataFrame(found, columns=columns)


def _days(part: pd.DataFrame, n: int, codes: Sequence[str]) -> dict[str, np.ndarray]:
    """Find the day each need was first seen, and first resolved, shape (people, needs)."""
    seen = np.full((n, len(codes)), NEVER_SEEN)
    gone = seen.copy()
    for column, code in enumerate(codes):
        mine = part[part["pathway"] == code]
        place, day, need = (mine[name].to_numpy() for name in ("place", "day", "need"))
        np.minimum.at(seen[:, column], place[need == 1], day[need == 1])
        after = (need == 0) & (day > seen[place, column])
        np.minimum.at(gone[:, column], place[after], day[after])
    return {SEEN: seen, GONE: gone}


def _firsts(
    tool: str, what: str, days: np.ndarray, codes: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    earliest = days.min(axis=1)
    there = days < NEVER_SEEN
    is_first = there & (days == earliest[:, None])
    alone = is_first & (is_first.sum(axis=1) == 1)[:, None]
    for column, code in enumerate(codes):
        n_alone = int(alone[:, column].sum())
        yield (tool, code, what, int(there[:, column].sum()), n_alone,
               int(is_first[:, column].sum()) - n_alone)  # fmt: skip


def _order(
    tool: str, what: str, days: np.ndarray, codes: Sequence[str]
) -> Iterable[tuple[object, ...]]:
    named = list(enumerate(codes))
    for (i, first), (j, second) in combinations(named, 2):
        one, two = days[:, i], days[:, j]
        both = (one < NEVER_SEEN) & (two < NEVER_SEEN)
        before, after = int((both & (one < two)).sum()), int((both & (one > two)).sum())
        decided = before + after
        p_value = min(2 * binom.cdf(min(before, after), decided, 0.5), 1.0) if decided else np.nan
        yield (tool, first, second, what, int(both.sum()), before,
               int(both.sum()) - decided, after, p_value)  # fmt: skip
