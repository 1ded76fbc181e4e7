"""Two cohorts made alike: who weighs how much, and how alike they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from desistance.balance.diagnostics import (
    AMBER,
    GREEN,
    compare_columns,
    effective_size,
    traffic_light,
)
from desistance.balance.rows import weight_before
from desistance.errors import NobodyToMatchError
from desistance.plots import DARK_GREY, new_axes
from desistance.results import Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.balance.propensity import Propensity

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MATCHED = "ATT"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Balance(Result):
    """Who is compared with whom, and how alike they are.

    Attributes
    ----------
    method : str
        How the cohorts were made alike.
    estimand : str
        Whom the effect is on: "ATT" (those exposed), "ATE" (everybody) or "ATO" (the overlap).
    names : tuple of str
        Comparison group, and those who were exposed.
    matches : DataFrame
        A row for each row of the input in each match it stands in: ``match, row, exposed,
        log_odds, weight``, and ``person, day`` of a follow-up. `row` is the place in the input;
        weighted rows are each a match of their own.
    table : DataFrame
        The balance, see `desistance.balance.diagnostics`.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: from everyone exposed to those compared.
    index : Index
        Of the input.
    caveats : tuple of str
    """

    method: str
    estimand: str
    names: tuple[str, str]
    matches: pd.DataFrame
    table: pd.DataFrame
    flow: pd.DataFrame
    index: pd.Index
    caveats: tuple[str, ...]

    @property
    def weights(self) -> pd.Series:
        """What each row of the input weighs, on its index; 0 for a row that is not compared."""
        total = np.bincount(self.matches["row"], self.matches["weight"], minlength=len(self.index))
        return pd.Series(total, index=self.index, name="weight")

    @property
    def n_matched(self) -> int:
        """How many of those exposed are compared."""
        return self._people(exposed=True)

    @property
    def n_compared(self) -> int:
        """How many different people they are compared with."""
        return self._people(exposed=False)

    @property
    def n_effective(self) -> int:
        """As how many people who weigh equally those compared count."""
        return round(effective_size(_carried(self.matches, exposed=False)))

    def _people(self, *, exposed: bool) -> int:
        return len(_carried(self.matches, exposed=exposed))

    @property
    def light(self) -> str:
        """The worst traffic light of the table."""
        return traffic_light(float(self.table["smd_after"].abs().max()))

    def to_frame(self) -> pd.DataFrame:
        """One row per column of numbers: means, and differences before and after."""
        return self.table.copy()

    def summary(self) -> str:
        """Say what was compared with what, and how alike they are."""
        on_day = " on the same day since leaving" if "day" in self.matches else ""
        return "\n".join(
            [
                f"{self.n_matched} people of {self.names[1]} compared with {self.n_compared} of "
                f"{self.names[0]}{on_day} ({self.method}, {self.estimand}): balance is "
                f"{self.light}",
                text_table(self.flow),
                text_table(self.table),
                *self.caveats,
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the standardised mean differences before and after (a love plot)."""
        ax = new_axes(ax, size=(7.2, 0.28 * len(self.table) + 1.6))
        place = np.arange(len(self.table))[::-1]
        ax.axvspan(-AMBER, AMBER, color=DARK_GREY, alpha=0.12, lw=0, label="within 0.10")
        ax.axvline(0, color=DARK_GREY, lw=0.8)
        ax.plot(self.table["smd_before"], place, "o", mfc="none", label="before matching")
        ax.plot(self.table["smd_after"], place, "s", label="after matching")
        ax.set_yticks(place, self.table["term"])
        ax.set_xlabel("Standardised mean difference")
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
        return ax


def balanced_rows(
    propensity: Propensity,
    one: Ints,
    other: Ints,
    method: str,
    said: Sequence[str] = (),
    *,
    full: bool = False,
) -> Balance:
    """Weigh pairs of exposed and other rows; with `full`, the sets that pairs chain together."""
    n = len(propensity.exposed)
    if full:
        links = coo_array((np.ones(len(one)), (one, other)), shape=(n, n))
        rows = np.flatnonzero(np.bincount(np.concatenate([one, other]), minlength=n))
        match = connected_components(links, directed=False)[1][rows].astype(np.int64)
    else:
        ours = np.flatnonzero(np.bincount(one, minlength=n))
        rows = np.concatenate([ours, other])
        match = np.concatenate([ours, one])
    exposed = propensity.exposed[rows]
    n_ours, n_theirs = (np.bincount(match[exposed == flag], minlength=n) for flag in (True, False))
    weight = np.where(exposed, 1.0, n_ours[match] / np.maximum(n_theirs[match], 1))
    if propensity.sets is not None:
        match = propensity.sets["match"].to_numpy()[rows]
    matches = pd.DataFrame({"match": match, "row": rows, "exposed": exposed, "weight": weight})
    return cohorts(propensity, matches, method, MATCHED, said)


def cohorts(
    propensity: Propensity,
    matches: pd.DataFrame,
    method: str,
    estimand: str,
    said: Sequence[str] = (),
) -> Balance:
    """Tell how alike weighted rows are, and who was lost."""
    exposed, sets = propensity.exposed, propensity.sets
    after: Floats = np.bincount(matches["row"], matches["weight"], minlength=len(exposed)).astype(
        float
    )
    n_matched, n_exposed = int((after[exposed] > 0).sum()), int(exposed.sum())
    step = ("nobody near enough in the chance of joining", n_exposed - n_matched, n_matched)
    flow = pd.concat(
        [propensity.flow, pd.DataFrame([step], columns=propensity.flow.columns)], ignore_index=True
    )
    if not n_matched:
        raise NobodyToMatchError(f"Nobody of {propensity.names[1]} can be compared.", flow)
    before = weight_before(exposed, sets)
    match, row = matches["match"].to_numpy(), matches["row"].to_numpy()
    in_order = np.argsort((2 * match + ~exposed[row]) * len(exposed) + row)  # each is one number
    matches = matches.iloc[in_order]
    row = matches["row"].to_numpy()
    known = {"log_odds": propensity.log_odds[row]}
    if sets is not None:
        known |= {name: sets[name].to_numpy()[row] for name in ("person", "day")}
    matches = matches.assign(**known).reset_index(drop=True)
    table = compare_columns(propensity.columns, exposed, before, after, pooled=estimand != MATCHED)
    return Balance(
        method, estimand, propensity.names, matches, table, flow, propensity.frame.index,
        (*propensity.caveats, *said, *_caveats(matches, table)),
    )  # fmt: skip


def _carried(matches: pd.DataFrame, *, exposed: bool) -> Floats:
    """What each person of a cohort weighs in all matches together."""
    who = matches["person" if "person" in matches else "row"].to_numpy()
    inside = matches["exposed"].to_numpy() == exposed
    total = np.bincount(who[inside], matches["weight"].to_numpy()[inside]).astype(float)
    return total[np.bincount(who[inside]) > 0]


def _caveats(matches: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    weight = _carried(matches, exposed=False)
    said: list[str] = []
    if weight.max() - weight.min() > 1e-9:
        said.append(
            Caveat(
                "Comparison people weigh unequally; together they carry as much as {size} people.",
                size=round(effective_size(weight)),
            )
        )
    differs = np.abs(table["smd_after"].to_numpy())
    unlike = table["term"].to_numpy()[differs > AMBER]
    if len(unlike):
        said.append(f"Not balanced (beyond {AMBER}): {', '.join(unlike)}.")
    elif (differs > GREEN).any():
        said.append(f"Every difference is within {AMBER}, some beyond {GREEN}.")
    return said
