"""Concordance: of two people, does the one with the higher score reoffend first?

A pair can be compared on day t if one of the two has the event on t, and the other is at risk on
t and does not have it:

    day         0        10       20
    person A    ---------X                  compared with B and C; not with D, who enters too
    person B    ---------o                  late, nor with E, who reoffends on the same day
    person C    ------------------o
    person D             (--------o
    person E    ---------X                  compared with B and C

The pair counts 1 if the one with the event has the higher score, 1/2 if the scores are equal, and
weighs the product of the two weights. Pairs are made within strata only. The standard error is the
infinitesimal jackknife over people, as R's `concordance` with ``cluster``.

Nobody is compared one by one. Those at risk on an event day are those who entered before it less
those who left before it, so a sum over pairs is a sum over points before a place; halving blocks
of places adds those up in n log^2 n steps.

References: Harrell, Califf, Pryor, Lee and Rosati (1982); Therneau and Watson (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_GREY, house_style, new_axes
from desistance.results import NOT_ESTIMABLE, Result, number, text_table
from desistance.survival.cox import CoxFit
from desistance.survival.hazardratios import Z95
from desistance.survival.reasons import refuse_few_clusters
from desistance.survival.residuals import strata_columns
from desistance.survival.risksets import risk_sets
from desistance.survival.suspicion import noticed
from desistance.survival.terms import (
    columns_of,
    labelled,
    one_column,
    told_of_left_out,
    without_empty,
)
from desistance.timetoevent import as_times, where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.risksets import RiskSets
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ALIKE = 1e-14  # a standard error that is rounding


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Concordance(Result):
    """How often the higher score reoffends first.

    Attributes
    ----------
    score : what people were ranked by
    estimate, std_error : NaN where `note` says why
    pairs : the weights of the pairs compared, added up
    strata : columns within which pairs are made
    clusters : what the standard error is over
    """

    score: str
    estimate: float
    std_error: float
    pairs: float
    note: str
    strata: tuple[str, ...]
    clusters: str
    weighted: bool
    n: int
    n_people: int
    n_events: int
    n_left_out: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row: the concordance with a 95 % interval, cut off at 0 and 1."""
        low, high = (self.estimate + side * Z95 * self.std_error for side in (-1, 1))
        return pd.DataFrame(
            {
                "term": [self.score],
                "n": [self.n_people],
                "n_events": [self.n_events],
                "estimate": [self.estimate],
                "std_error": [self.std_error],
                "conf_low": [np.maximum(low, 0.0)],
                "conf_high": [np.minimum(high, 1.0)],
                "note": [self.note],
            }
        )

    def summary(self) -> str:
        """Say who was ranked, by what, and how well."""
        lines = [
            f"Concordance of {self.score}: {number(self.n_people)} people, "
            f"{number(self.n_events)} events, {number(self.n)} rows",
            f"A higher score expects the event sooner; jackknife over {self.clusters}"
            + (", weighted" if self.weighted else "")
            + (f", pairs within {', '.join(self.strata)}" if self.strata else ""),
            f"Rows left out: {number(self.n_left_out)}",
            "",
            text_table(self.to_frame()),
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the concordance and its interval beside 0.5, which chance reaches."""
        ax = new_axes(ax, size=(7.2, 1.6))
        row = self.to_frame().iloc[0]
        with house_style():
            ax.axvline(0.5, color=DARK_GREY, linewidth=1)
            ax.hlines(0, row.conf_low, row.conf_high, color=DARK_BLUE)
            ax.plot(row.estimate, 0, "s", color=DARK_BLUE)
            ax.set_yticks([0], [self.score if not self.note else f"{self.score}\n{self.note}"])
            ax.set(xlabel="Concordance (95 % interval)", xlim=(0, 1), ylim=(-0.5, 0.5))
        return ax


def concordance(
    times: TimeToEvent | HasTimes,
    score: str | CoxFit,
    *,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
) -> Concordance:
    """Measure how often the person with the higher score has the event first.

    Parameters
    ----------
    times
        Rows of people at risk; their weights are used. For a fit they may be the rows it was
        made from or, better, people it has not seen.
    score
        A column of numbers, higher for those expected to have the event sooner; or a Cox fit,
        whose predicted log hazard ranks people within the fit's strata.
    strata
        For a column: a column or several to make pairs within; else the rows' strata.
    cluster
        A column of groups to take the standard error over; people when left out.

    Raises
    ------
    ModelError
        If the score is not numbers, or the fit cannot rank these people.

    References
    ----------
    Harrell et al. (1982), JAMA 247; R survival 3.5, `concordance(..., reverse = TRUE)`.

    Examples
    --------
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23], "reoffended": [1, 1, 0, 1, 1], "priors": [5, 2, 4, 6, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> concordance(times, "priors").to_frame()[["term", "estimate", "std_error"]].round(3)
         term  estimate  std_error
    0  priors     0.625      0.201
    """
    came = as_times(times)
    if isinstance(score, CoxFit):
        if strata is not None:
            raise ModelError("A fit ranks people within its own strata: leave `strata` out.")
        by = strata_columns(score)
        needed, name = columns_of(score.read_as), "the Cox fit"
    else:
        by = [strata] if isinstance(strata, str) else list(strata or ())
        needed, name = [score], score
    kept = came
    for column in [*needed, *by, *([cluster] if cluster else [])]:
        kept = without_empty(kept, column)
    kept = noticed(kept, map(kept.columns.__getitem__, needed))
    values = _predicted(score, kept) if isinstance(score, CoxFit) else _numbers(kept, score)
    stratum = labelled(kept, by)[1] if by else kept.strata
    sets = risk_sets(kept.start, kept.stop, kept.event, stratum=stratum, weight=kept.weight)
    signs, pairs = _pairs_of_rows(sets, np.unique(values, return_inverse=True)[1])
    weight = sets.weights()
    total = float(weight @ pairs) / 2
    difference = float(weight @ signs) / 2 / total if total else np.nan
    groups = labelled(kept, cluster)[1] if cluster else kept.person
    refuse_few_clusters(cluster, int(groups.max(initial=-1)) + 1, 1)
    moves = np.bincount(groups, weight * (signs - difference * pairs))
    spread = float(np.sqrt(moves @ moves)) / 2 / total if total else np.nan
    alike = spread <= ALIKE
    return Concordance(
        score=name,
        estimate=(1 + difference) / 2,
        std_error=np.nan if alike else spread,
        pairs=total,
        note=_note(total, alike=alike),
        strata=tuple(by) or (("the rows' strata",) if stratum is not None else ()),
        clusters=cluster or "people",
        weighted=kept.weight is not None,
        n=kept.n,
        n_people=len(np.unique(kept.person)),
        n_events=int(kept.event.sum()),
        n_left_out=came.n - kept.n,
        caveats=tuple(told_of_left_out(came, kept)),
    )


def _note(pairs: float, *, alike: bool) -> str:
    if not pairs:
        return f"{NOT_ESTIMABLE}: no two people can be compared"
    return f"{NOT_ESTIMABLE}: all pairs are ranked alike, so their spread is 0" if alike else ""


def _numbers(times: TimeToEvent, name: str) -> Floats:
    """Read a score, shape (n,)."""
    column = one_column(times, name)
    if column.dtype.kind not in "biuf":
        raise ModelError(f"The score {name!r} holds {column.dtype}, not numbers.")
    values = column.to_numpy(dtype=float)
    if np.isinf(values).any():
        raise ModelError(f"The score {name!r} is infinite in {where(np.isinf(values))}.")
    return values


def _predicted(fitted: CoxFit, times: TimeToEvent) -> Floats:
    """Predict log hazards, shape (n,): the same for rows with the same covariates."""
    if np.isnan(fitted.log_hazards).any():
        raise ModelError(
            "The fit has terms that are not estimable, so it ranks nobody: fit it without them."
        )
    columns = (x for term in fitted.read_as for x in term.values(times.columns))
    line = np.zeros(times.n)
    for slope, x in zip(fitted.log_hazards, columns, strict=True):
        line += slope * x
    return line


def _pairs_of_rows(sets: RiskSets, rank: Ints) -> tuple[Floats, Floats]:
    """Add up each row's pairs by the other's weight: concordant less discordant, and all.

    `rank` (n,) are scores as 0, 1, ...; both sums have shape (n,). A row with an event leaves
    just before its own day, so that those with events on one day are not compared.
    """
    weight, event, last = sets.weights(), sets.event, sets.last.astype(np.int64)
    enters, leaves = _stays(sets)
    place = np.concatenate([enters, leaves])
    presence = np.concatenate([weight, -weight])
    signs, pairs = np.zeros(sets.n), np.zeros(sets.n)
    signs[event], pairs[event] = _sums_before(
        place, np.tile(rank, 2), presence, last[event], rank[event]
    )
    ends, rows = np.concatenate([leaves, enters]) + 1, np.tile(rank, 2)
    met, of_all = _sums_before(last[event], rank[event], weight[event], ends, rows)
    signs -= met[: sets.n] - met[sets.n :]
    pairs += of_all[: sets.n] - of_all[sets.n :]
    return signs, pairs


def _stays(sets: RiskSets) -> tuple[Ints, Ints]:
    """The risk set before a row's first, and its last to be compared in, shape (n,) each.

    Rows in none enter and leave at once.
    """
    last = sets.last.astype(np.int64)
    begins = np.searchsorted(sets.stratum, sets.stratum)
    first = np.append(begins - 1, sets.n_days)
    enters = first[last]
    if sets.before is not None:
        enters = np.where(sets.before < sets.n_days, sets.before, enters)
    return enters, last - sets.event


def _sums_before(
    place: Ints, rank: Ints, weight: Floats, up_to: Ints, against: Ints
) -> tuple[Floats, Floats]:
    """Add up points placed before each query: ``weight * sign(against - rank)``, and `weight`.

    The m points have shape (m,), the q queries `up_to` and `against` (q,). Sorted by place, the
    points before a query are blocks of 1, 2, 4, ... points, one for each binary digit of their
    number; within blocks the points are sorted by rank.
    """
    order = np.argsort(place, kind="stable")
    rank, weight = rank[order], weight[order]
    before = np.searchsorted(place[order], up_to)
    position = np.arange(len(order))
    n_ranks = int(max(rank.max(initial=0), against.max(initial=0))) + 1
    signs = np.zeros(len(up_to))
    for digit in range(len(order).bit_length()):
        asked = np.flatnonzero(before >> digit & 1)
        block = (before[asked] >> digit) - 1
        key = (position >> digit) * n_ranks + rank
        by_rank = np.argsort(key, kind="stable")
        key, running = key[by_rank], np.append(0.0, np.cumsum(weight[by_rank]))
        lower, upper = (
            running[np.searchsorted(key, block * n_ranks + against[asked], side)]
            for side in ("left", "right")
        )
        signs[asked] += lower + upper - running[block << digit] - running[(block + 1) << digit]
    return signs, np.append(0.0, np.cumsum(weight))[before]
