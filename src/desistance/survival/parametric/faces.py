"""What fits of one population and of a split one show alike: predictions, curve, caveats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, DARK_PINK, house_style, new_axes
from desistance.results import AT_THE_EDGE, NOT_ESTIMABLE, ErrorCaveat
from desistance.survival.curves import hazard_and_move, share_left
from desistance.survival.hazardratios import NO_ERROR
from desistance.survival.reasons import caveats_of, refuse_few_clusters
from desistance.survival.risksets import risk_sets
from desistance.survival.terms import labelled, read_terms, without_empty
from desistance.timetoevent import days_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.reasons import Variance
    from desistance.survival.terms import Term
    from desistance.timetoevent import Days, TimeToEvent

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DAYS_DRAWN = 41
LIMITS = ["estimate", "std_error", "conf_low", "conf_high"]


class Solved(Protocol):
    """A fit of P coefficients, whatever its distribution."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Why each coefficient is not estimable, P of them; empty where it is."""
        ...

    @property
    def is_term(self) -> NDArray[np.bool_]:
        """Which coefficients are of terms, shape (P,)."""
        ...

    def mean_survival(
        self, x: Floats, share_x: Floats | None, weight: Floats, days: Ints
    ) -> Floats:
        """Survival on each day, averaged over covariates x (1 + p, n) with weights (n,)."""
        ...


class Predicts(Protocol):
    """A fit that predicts with limits."""

    def survival(self, x: Floats, share_x: Floats | None, days: Ints) -> pd.DataFrame:
        """Share without the event at covariates `x` (1 + p,), a row per day, with 95 % limits."""
        ...


def rows_to_fit(
    came: TimeToEvent, *terms: Sequence[str | Term], cluster: str | None
) -> tuple[TimeToEvent, tuple[tuple[Term, ...], ...]]:
    """Leave out rows where a term or the cluster is empty; read each list of terms."""
    kept = came if cluster is None else without_empty(came, cluster)
    n, read = kept.n, []
    for names in terms:
        kept, own = read_terms(kept, names) if len(names) else (kept, ())
        read.append(own)
    if kept.n < n:
        read = [read_terms(kept, names)[1] if len(names) else () for names in terms]
    return kept, tuple(read)


def clusters_of(
    times: TimeToEvent, variance: Variance, cluster: str | None, *terms: Sequence[Term]
) -> Ints | None:
    """Which rows the sandwich adds up before it squares, shape (n,); None for no sandwich."""
    if variance not in ("model", "robust", "cluster"):
        raise ModelError("`variance` is 'model', 'robust' or 'cluster'.")
    if cluster is not None and variance != "cluster":
        raise ModelError("`cluster` has a meaning only with variance='cluster'.")
    if variance == "model":
        return None
    if variance == "robust":
        return np.arange(times.n)
    if not cluster:
        return times.person
    codes = labelled(times, cluster)[1]
    n_terms = sum(len(term.names) for read_as in terms for term in read_as)
    refuse_few_clusters(cluster, int(codes.max(initial=-1)) + 1, max(n_terms, 1))
    return codes


def caveats(
    came: TimeToEvent,
    kept: TimeToEvent,
    solution: Solved,
    variance: Variance,
    clusters: Ints | None,
) -> tuple[str, ...]:
    """What a reader must know before reading the numbers."""
    of_terms = zip(solution.notes, solution.is_term, strict=True)
    notes = tuple(note for note, is_term in of_terms if is_term)
    said = list(
        caveats_of(came, kept, notes, variance, kept.person if clusters is None else clusters)
    )
    if kept.weight is not None and variance == "model":
        said.append(
            ErrorCaveat(
                "The weights are read as numbers of people alike; for balancing weights use "
                "variance='robust', or 'cluster' with several rows a person."
            )
        )
    if kept.strata is not None:
        said.append("The rows' strata are not used: all share one distribution.")
    return tuple(said)


def told_of_variance(variance: Variance, clusters: str, *, weighted: bool) -> str:
    """Name the kind of variance, and whether there are weights."""
    kind = {
        "model": "model variance",
        "robust": "robust variance over rows",
        "cluster": f"robust variance clustered by {clusters}",
    }[variance]
    return kind[0].upper() + kind[1:] + (", weighted" if weighted else "")


def covariates_of(read_as: tuple[Term, ...], profile: Mapping[str, object]) -> Floats:
    """Make one and the covariates of a profile, shape (1 + p,)."""
    return np.array([1.0, *(value for term in read_as for value in term.of(profile))])


def predicted(
    solution: Predicts,
    x: Floats,
    share_x: Floats | None,
    days: Days,
    last_day: int,
    *,
    why_not_later: str = "",
) -> pd.DataFrame:
    """Survival at covariates `x` (1 + p,) on each day, with a note after the last follow-up.

    Extrapolation is marked, or left empty where there is a reason against it.
    """
    frame = with_reasons(solution.survival(x, share_x, days_asked(days)), last_day)
    if why_not_later:
        later = frame.day > last_day
        frame.loc[later, LIMITS] = np.nan
        frame.loc[later, "note"] = why_not_later
    return frame


def with_reasons(frame: pd.DataFrame, last_day: int) -> pd.DataFrame:
    """Mark predictions after the last follow-up, and those that could not be made."""
    later = frame.day > last_day
    frame["note"] = np.where(later, f"extrapolated: after the last follow-up, {last_day}", "")
    frame.loc[frame.estimate.isna(), "note"] = f"{NOT_ESTIMABLE}: a term of the fit is not"
    edge = frame.estimate.isin([0, 1])
    frame.loc[edge, "std_error"] = np.nan
    frame.loc[edge & frame.note.eq(""), "note"] = AT_THE_EDGE
    frame.loc[frame.std_error.isna() & frame.note.eq(""), "note"] = NO_ERROR
    frame.loc[frame.day.le(0), "note"] = f"{NOT_ESTIMABLE}: nobody is at risk before day 1"
    return frame


def fitted_curve(
    times: TimeToEvent, solution: Solved, x: Floats, share_x: Floats | None = None
) -> pd.DataFrame:
    """The fitted curve, averaged over people at covariates `x` (1 + p, n), and Kaplan-Meier's.

    A person counts with the covariates and the weight of their first row.
    """
    if not times.n:
        return pd.DataFrame(columns=["day", "estimate", "observed"], dtype=float)
    days = np.unique(np.linspace(1, times.last_day, DAYS_DRAWN).astype(np.int64))
    first = times.first_rows()
    weight = np.ones(times.n) if times.weight is None else times.weight
    sets = risk_sets(times.start, times.stop, times.event, weight=times.weight)
    steps = np.append(1.0, share_left(sets, hazard_and_move(sets)[0]))
    observed = steps[np.searchsorted(sets.day, days, side="right")]
    return pd.DataFrame(
        {
            "day": days,
            "estimate": solution.mean_survival(
                x[:, first], None if share_x is None else share_x[:, first], weight[first], days
            ),
            "observed": observed,
        }
    )


def draw_fit(curve: pd.DataFrame, label: str, unit: str, *, ax: Axes | None = None) -> Axes:
    """Draw a fitted curve over the Kaplan-Meier curve that it should follow."""
    ax = new_axes(ax)
    with house_style():
        ax.step(curve.day, curve.observed, where="post", color=DARK_BLUE, label="Kaplan–Meier")
        ax.plot(curve.day, curve.estimate, color=DARK_PINK, linestyle="--", label=label)
        ax.set(
            xlabel=f"{unit.capitalize()} since index date",
            ylabel="Share not yet reoffended",
            ylim=(0, 1.02),
        )
        ax.legend()
    return ax
