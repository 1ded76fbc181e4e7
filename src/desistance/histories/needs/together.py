"""Which needs go together: pairs of needs as a network, and how many needs people have at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError
from desistance.histories.needs.answers import ask
from desistance.histories.needs.change import NeedsDesign, leaning_low
from desistance.histories.paired import odds_ratio, phi
from desistance.plots import DARK_BLUE, DARK_GREY, ORANGE, TURQUOISE, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.histories.histories import Histories
    from desistance.histories.needs.answers import Asked

    Floats = NDArray[np.float64]

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NeedsTogether(Result):
    """Needs at one time, in pairs and counted.

    Attributes
    ----------
    n : int
        People asked about.
    needs : DataFrame
        One row per pathway (`term`): ``n`` answered, ``need`` of them with the need.
    pairs : DataFrame
        One row per pair: ``first, second``, ``n`` answered on both, ``both, only_first,
        only_second, neither``, ``n_expected`` (with both, were the needs independent), ``lift``
        (both over expected), ``phi`` (correlation), ``odds_ratio, conf_low, conf_high, p_value``
        (given the margins, exact) and ``note``.
    counts : DataFrame
        People answered on every pathway, by `n_needs`: `group` is everyone, or the people with
        the need of a pathway. ``n``, and for everyone ``n_expected``, were needs independent.
    names : dict
        Of the pathways, by code.
    caveats : tuple of str
    """

    n: int
    needs: pd.DataFrame
    pairs: pd.DataFrame
    counts: pd.DataFrame
    names: dict[str, str]
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Three rows per pair (lift, phi, odds ratio), then people by how many needs they have."""
        pairs, term = self.pairs, self.pairs["first"] + " & " + self.pairs["second"]
        counts = pairs[["n"]].assign(
            group="pair", term=term, n_events=pairs["both"], n_expected=pairs["n_expected"]
        )
        fixed = np.where(pairs["phi"].isna(), f"{NOT_ESTIMABLE}: a need never varies", "")
        limits = pairs[["conf_low", "conf_high", "p_value", "note"]]
        laid_out = [
            counts.assign(outcome="lift", estimate=pairs["lift"], note=""),
            counts.assign(outcome="phi", estimate=pairs["phi"], note=fixed),
            counts.assign(outcome="odds ratio", estimate=pairs["odds_ratio"]).join(limits),
        ]
        frame = pd.concat(laid_out).sort_index(kind="stable")
        number = self.counts.assign(
            outcome="number of needs",
            term=self.counts["n_needs"].astype(str),
            n_events=self.counts["n"],
            n=self.counts.groupby("group")["n"].transform("sum"),
            note="",
        ).drop(columns="n_needs")
        columns = ["outcome", "group", "term", "n", "n_events", "n_expected", "estimate",
                   "conf_low", "conf_high", "p_value", "note"]  # fmt: skip
        return pd.concat([frame, number]).reindex(columns=columns).reset_index(drop=True)

    def summary(self) -> str:
        """Say which needs go together, the closest pair first."""
        closest = self.pairs.sort_values("phi", ascending=False, kind="stable")
        columns = ["first", "second", "n", "both", "n_expected", "lift", "phi", "odds_ratio",
                   "conf_low", "conf_high"]  # fmt: skip
        everyone = self.counts.loc[self.counts["group"] == EVERYONE, ["n_needs", "n", "n_expected"]]
        head = f"Needs together, of {self.n:,} people, {self.definition}"
        return "\n".join([
            head, text_table(closest[columns]), "How many needs:", text_table(everyone),
            *self.caveats])  # fmt: skip

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the network: a dot a need, a line a pair; see `draw_network`."""
        return draw_network(self.needs, self.pairs, self.names, ax=ax)

    def plot_counts(self, *, ax: Axes | None = None) -> Axes:
        """Draw how many needs people have, and how many there would be of each, were they apart."""
        ax = new_axes(ax)
        rows = self.counts[self.counts["group"] == EVERYONE]
        ax.bar(rows["n_needs"], rows["n"], color=DARK_BLUE, width=0.7, label="people")
        ax.plot(rows["n_needs"], rows["n_expected"], "o", color=ORANGE, mfc="white", mew=2,
                label="if needs were independent")  # fmt: skip
        ax.set(xlabel="Number of pathway needs", ylabel="People assessed on every pathway")
        ax.set_xticks(rows["n_needs"])
        ax.set_ylim(bottom=0)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, frameon=False)
        return ax


def draw_network(
    needs: pd.DataFrame, pairs: pd.DataFrame, names: dict[str, str], *, ax: Axes | None = None
) -> Axes:
    """Draw needs on a circle and the pairs between them.

    Parameters
    ----------
    needs
        ``term, n, need``: the dot of a need is as large as the share with it.
    pairs
        ``first, second, phi, conf_low, conf_high``: the line of a pair is as wide as phi is far
        from 0, solid blue above it and dashed orange below; thin and grey where the interval of
        the odds ratio holds 1 or there is none. A pair without a phi has no line.
    """
    ax = new_axes(ax, size=(6.6, 5.2))
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(needs)) / max(len(needs), 1)
    spot = {code: (np.cos(a), np.sin(a)) for code, a in zip(needs["term"], angle, strict=True)}
    drawn = pairs[pairs["phi"].notna()].sort_values("phi", key=abs)
    close, low, high = drawn[["phi", "conf_low", "conf_high"]].to_numpy(float).T
    apart = (low > 1) | (high < 1)
    for place, (one, two) in enumerate(zip(drawn["first"], drawn["second"], strict=True)):
        (x, y), (x_to, y_to) = spot[one], spot[two]
        colour = DARK_BLUE if close[place] > 0 else ORANGE
        ax.plot(
            [x, x_to], [y, y_to], zorder=1 + int(apart[place]), alpha=0.9,
            linewidth=1 + 14 * abs(close[place]) if apart[place] else 0.8,
            color=colour if apart[place] else "#B0B5B8",
            linestyle="-" if close[place] > 0 else "--", solid_capstyle="butt",
        )  # fmt: skip
    share = (needs["need"] / needs["n"].where(needs["n"] > 0)).fillna(0.0)
    size = 60 + 900 * share
    x, y = np.array([spot[code] for code in needs["term"]]).reshape(-1, 2).T
    ax.scatter(x, y, s=size, color=TURQUOISE, edgecolor=DARK_GREY, zorder=3)
    for code, part, area in zip(needs["term"], share, size, strict=True):
        x, y = spot[code]
        away = np.sqrt(area) / 2 + 5  # points: the dot's radius, and a little
        name = fill(names.get(code, code), 18)
        ax.annotate(
            f"{name}\n{part:.0%}" if part else name,
            (x, y), (away * x, away * y), textcoords="offset points", fontsize=10,
            ha="center" if abs(x) < 0.3 else "left" if x > 0 else "right",
            va="center" if abs(y) < 0.5 else "bottom" if y > 0 else "top",
        )  # fmt: skip
    ax.set(xlim=(-1.95, 1.95), ylim=(-1.4, 1.4), aspect="equal", xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel("Dots: share with the need. Lines: how closely two needs go together (phi).",
                  fontsize=10)  # fmt: skip
    return ax


def need_cooccurrence(
    histories: Histories,
    person_ids: pd.Series | None = None,
    dates: pd.Series | None = None,
    *,
    tool: str | None = None,
    pathways: Sequence[str] | None = None,
    design: NeedsDesign | None = None,
    confidence: float = 0.95,
) -> NeedsTogether:
    """Say which needs go together; see `desistance.histories.needs`.

    Parameters
    ----------
    histories, person_ids, dates
        As in `needs_over_time`. The latest answers before day zero count, by the window of
        `design`; without `dates`, the latest there are.
    tool
        Only answers of this tool, by its name in the scheme. Without it the latest of any tool
        count, and a caveat says so where there are several.
    pathways
        Codes of the pathways; the scheme's headline ones unless given.
    confidence
        Of the exact intervals of the odds ratios.

    Raises
    ------
    DataError
        If a pathway is not in the scheme, or nobody was assessed by `tool`.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, need_cooccurrence, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=400), rng=3)
    >>> found = need_cooccurrence(build_histories(cases))
    >>> len(found.pairs)  # seven pathways: 21 pairs
    21
    >>> bool((found.pairs["phi"] > 0).all())  # needs of these people have a common cause
    True
    """
    design = design or NeedsDesign()
    scheme = histories.scheme
    codes = tuple(pathways or scheme.headline)
    if unknown := [code for code in codes if code not in scheme.codes]:
        raise DataError(f"{', '.join(unknown)}: no pathway of scheme {scheme.name}.")
    asked = ask(histories, person_ids, dates)
    zero = asked.index_day
    rows = (
        asked.latest()
        if zero is None
        else asked.latest(zero - design.days_before, zero + design.days_after)
    )
    tools = sorted(rows.loc[rows["need"].notna(), "tool"].unique())
    if tool is not None and tool not in tools:
        raise DataError(f"Nobody was assessed by {tool!r}; there are {', '.join(tools) or 'none'}.")
    rows = rows if tool is None else rows[rows["tool"] == tool]
    table = asked.table(codes, rows)
    needs = pd.DataFrame({
        "term": codes, "n": (~np.isnan(table)).sum(axis=0),
        "need": np.nansum(table, axis=0).astype(int)})  # fmt: skip
    pairs = _pairs(table, codes, confidence)
    when = (
        "latest answers" if zero is None else f"latest of {design.days_before} days before day zero"
    )
    return NeedsTogether(
        asked.n, needs, pairs, _counts(table, codes),
        {pathway.code: pathway.name for pathway in scheme.pathways},
        f"{when}, by {tool or ' and '.join(tools) or 'no tool'}",
        tuple(_caveats(asked, table, tools if tool is None else [], len(pairs))),
    )  # fmt: skip


def _pairs(table: Floats, codes: Sequence[str], confidence: float) -> pd.DataFrame:
    """Count and compare every pair of columns of `table`, shape (people, needs), NaN unknown."""
    rows = []
    for i, j in combinations(range(len(codes)), 2):
        one, two = table[:, i], table[:, j]
        known = ~(np.isnan(one) | np.isnan(two))
        n = int(known.sum())
        cells = [int(((one == a) & (two == b))[known].sum()) for a, b in
                 ((1, 1), (1, 0), (0, 1), (0, 0))]  # fmt: skip
        both, first, second = cells[0], cells[0] + cells[1], cells[0] + cells[2]
        expected = first * second / n if n else np.nan
        ratio, low, high, p_value = odds_ratio(*cells, confidence=confidence)
        nobody = "nobody was assessed on both" if n == 0 else "a cell of the table is empty"
        rows.append({
            "first": codes[i], "second": codes[j], "n": n, "both": both, "only_first": cells[1],
            "only_second": cells[2], "neither": cells[3], "n_expected": expected,
            "lift": both / expected if expected > 0 else np.nan,
            "phi": float(phi(*np.array(cells, float))),
            "odds_ratio": ratio, "conf_low": low, "conf_high": high,
            "p_value": p_value if n else np.nan,
            "note": f"{NOT_ESTIMABLE}: {nobody}" if np.isnan(ratio) else ""})  # fmt: skip
    return pd.DataFrame(rows)


def _counts(table: Floats, codes: Sequence[str]) -> pd.DataFrame:
    """Count the needs of everyone whose answers are all known, and of those with each need."""
    whole = table[~np.isnan(table).any(axis=1)]
    number = whole.sum(axis=1).astype(int)
    shares = whole.mean(axis=0) if len(whole) else np.zeros(len(codes))
    expected = np.ones(1)
    for share in shares:  # the distribution of a sum of independent yes-or-no answers
        expected = np.convolve(expected, [1 - share, share])
    groups = {EVERYONE: number} | {
        code: number[whole[:, place] == 1] for place, code in enumerate(codes)
    }
    parts = [
        pd.DataFrame({
            "group": group, "n_needs": np.arange(len(codes) + 1),
            "n": np.bincount(some, minlength=len(codes) + 1),
            "n_expected": len(whole) * expected if group == EVERYONE else np.nan})
        for group, some in groups.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _caveats(asked: Asked, table: Floats, tools: Sequence[str], n_pairs: int) -> Iterable[str]:
    known = ~np.isnan(table)
    yield Caveat(
        "{whole} of {n} people were answered on every pathway and count by number of needs; {none} "
        "were answered on none.", whole=int(known.all(axis=1).sum()), n=asked.n,
        none=int((~known.any(axis=1)).sum()),
    )  # fmt: skip
    if len(tools) > 1:
        yield (
            f"Answers of {len(tools)} tools ({', '.join(tools)}) stand side by side, with cut-offs "
            "of their own; `tool` takes one."
        )
    if n_pairs > 1:
        yield (
            f"{n_pairs} pairs are looked at, and none was chosen beforehand: of pairs that have "
            "nothing to do with each other about one in twenty stands out by chance."
        )
    yield from leaning_low(asked)
