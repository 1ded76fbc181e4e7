"""Match each person who joined to people of the same risk set with a like chance of joining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance.diagnostics import (
    AMBER,
    GREEN,
    balance_table,
    effective_size,
    traffic_light,
)
from desistance.balance.propensity import covariate_columns, log_odds_of_joining
from desistance.balance.riskset import candidates
from desistance.errors import ModelError, NobodyToMatchError
from desistance.plots import DARK_GREY, new_axes
from desistance.results import Caveat, Result, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from desistance.followup import FollowUp

NEEDS = "needs"  # stands for every pathway need of the scheme


@dataclass(frozen=True, slots=True)
class BalanceDesign:
    """How cohorts are made alike.

    Attributes
    ----------
    terms
        What the chance of joining is modelled on: columns of `Histories.known_on` as known on
        the day of joining, columns of `FollowUp.people` fixed on leaving, and "needs" for every
        pathway.
    ratio
        Up to how many people each one who joined is compared with, the nearest first; everyone
        within the caliper when None (radius matching, as the Justice Data Lab does). A person
        may serve several.
    caliper
        Furthest two matched log odds may be apart, in standard deviations of the log odds over
        all risk sets; obeyed pair by pair.
    exact
        Columns (as in `terms`) on which matched people must agree.
    """

    terms: tuple[str, ...] = (
        "age", "sex", "tier", "n_previous", "n_previous_SAC_HMICFRS2022", "copas_rate",
        "months_since_offence", "custody_days", NEEDS,
    )  # fmt: skip
    ratio: int | None = None
    caliper: float = 0.2
    exact: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.ratio is not None and self.ratio < 1) or not self.caliper > 0:
            raise ModelError("`ratio` is 1 or more, or None, and `caliper` is above 0.")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Balance(Result):
    """Who is compared with whom, and how alike they are.

    Attributes
    ----------
    design : BalanceDesign
    names : tuple of str
        Comparison group, and those who joined.
    matches : DataFrame
        ``match, person, day, exposed, log_odds, weight``: the sets that stand, one row each for
        the person who joined (weight 1) and everyone compared (weights of a set add up to 1).
    table : DataFrame
        The balance, see `desistance.balance.diagnostics`.
    flow : DataFrame
        ``step, n_left_out, n_remaining``: from everyone who joined to those matched.
    caveats : tuple of str
    """

    design: BalanceDesign
    names: tuple[str, str]
    matches: pd.DataFrame
    table: pd.DataFrame
    flow: pd.DataFrame
    caveats: tuple[str, ...]

    @property
    def n_matched(self) -> int:
        """How many of those who joined are matched."""
        return int(self.matches["exposed"].sum())

    @property
    def n_compared(self) -> int:
        """How many different people they are compared with."""
        return int(self.matches.loc[~self.matches["exposed"], "person"].nunique())

    @property
    def light(self) -> str:
        """The worst traffic light of the table."""
        return traffic_light(float(self.table["smd_after"].abs().max()))

    def to_frame(self) -> pd.DataFrame:
        """One row per column of numbers: means, and differences before and after."""
        return self.table.copy()

    def summary(self) -> str:
        """Say what was matched to what, and how well."""
        return "\n".join(
            [
                f"{self.n_matched} people of {self.names[1]} matched to {self.n_compared} of "
                f"{self.names[0]} on the same day since leaving: balance is {self.light}",
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
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
        return ax


def balance_cohorts(followed: FollowUp, design: BalanceDesign | None = None) -> Balance:
    """Match those who joined to those who had not, on equal days since leaving.

    On the day each person joins, the people who could have joined the same number of days after
    leaving form a risk set; the chance of joining is modelled over all sets from what was known
    on that day; those of the set within the caliper are compared. No outcome is read.

    Parameters
    ----------
    followed
        From `follow_up`, with the exposure that starts later.
    design
        The choices; see `BalanceDesign`.

    Returns
    -------
    Balance
        Estimand: the effect on those who joined and could be matched.

    Raises
    ------
    ModelError
        If nobody joined, or a term is unknown.
    """
    design = design or BalanceDesign()
    rows, flow = candidates(followed)
    if rows.empty:
        raise NobodyToMatchError(
            f"Nobody who joined {followed.design.joining} can be matched.", flow
        )
    person, day = rows["person"].to_numpy(), rows["day"].to_numpy()
    known = followed.known_from(person, day)
    fixed = followed.known.iloc[person].reset_index(drop=True)
    known = known.join(fixed[[name for name in fixed if name not in known]])
    needs = [f"need_{code}" for code in followed.histories.scheme.headline]
    terms = [name for term in design.terms for name in (needs if term == NEEDS else (term,))]
    columns = covariate_columns(known, terms)
    exposed = rows["exposed"].to_numpy()
    log_odds = log_odds_of_joining(columns, exposed, day)
    rows["log_odds"] = log_odds
    alike = rows["match"].astype(str)
    for name in design.exact:
        alike = alike + "|" + covariate_labels(known, name)
    ratio = len(rows) if design.ratio is None else design.ratio
    weight = _nearest(rows, alike, ratio, design.caliper * float(log_odds.std()))
    rows["weight"] = weight
    set_size = rows.groupby("match")["match"].transform("size")
    before = np.where(exposed, 1.0, 1 / (set_size - 1))
    table = balance_table(columns, exposed, before, weight)
    n_matched = int((weight[exposed] > 0).sum())
    n_sets = int(exposed.sum())
    step = ("nobody near enough in the chance of joining", n_sets - n_matched, n_matched)
    flow = pd.concat([flow, pd.DataFrame([step], columns=flow.columns)], ignore_index=True)
    matches = rows[weight > 0].reset_index(drop=True)
    return Balance(design, followed.design.names, matches, table, flow, _caveats(matches, table))


def covariate_labels(known: pd.DataFrame, name: str) -> pd.Series:
    """Give the labels of a column on which matched people must agree; unknown is a label."""
    if name not in known:
        raise ModelError(
            f"{name!r} is not known of people; there are {', '.join(map(str, known))}."
        )
    return known[name].astype("string").fillna("unknown")


def _nearest(rows: pd.DataFrame, alike: pd.Series, ratio: int, caliper: float) -> np.ndarray:
    """Weigh the nearest `ratio` of each set within the caliper; 1 for the person who joined."""
    exposed, log_odds = rows["exposed"].to_numpy(), rows["log_odds"].to_numpy()
    match = rows["match"].to_numpy()
    own = pd.Series(log_odds[exposed], index=match[exposed])
    own_group = pd.Series(alike.to_numpy()[exposed], index=match[exposed])
    distance = np.abs(log_odds - own.reindex(match).to_numpy())
    fits = ~exposed & (distance <= caliper) & (own_group.reindex(match).to_numpy() == alike)
    order = np.lexsort((rows["person"], distance, ~fits, match))
    place = pd.Series(1, index=order).groupby(match[order]).cumsum().sort_index().to_numpy()
    chosen = fits.to_numpy() & (place <= ratio)
    n_chosen = pd.Series(chosen).groupby(match).transform("sum").to_numpy()
    share = 1 / np.maximum(n_chosen, 1)
    return np.where(exposed, (n_chosen > 0).astype(float), chosen * share)


def _caveats(matches: pd.DataFrame, table: pd.DataFrame) -> tuple[str, ...]:
    compared = matches[~matches["exposed"]]
    size = effective_size(compared.groupby("person")["weight"].sum().to_numpy())
    said: list[str] = [
        Caveat(
            "Each comparison person may serve several matches; together they carry as much weight "
            "as {size} people.",
            size=round(size),
        )
    ]
    unlike = table.loc[table["smd_after"].abs() > AMBER, "term"]
    if len(unlike):
        said.append(f"Not balanced (beyond {AMBER}): {', '.join(unlike)}.")
    elif (table["smd_after"].abs() > GREEN).any():
        said.append(f"Every difference is within {AMBER}, some beyond {GREEN}.")
    return tuple(said)
