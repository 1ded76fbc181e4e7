"""Put the effects of two cohorts together: of a follow-up, and of a plain frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from desistance.comparison.effects.contrasts import AGAINST, TINY, reach, tidy
from desistance.comparison.effects.followed import (
    OUTCOMES,
    Compared,
    balance_of,
    compared,
    until_first,
    unweighed,
)
from desistance.comparison.effects.outcomes import KINDS, Arms, Outcome, listed
from desistance.comparison.effects.result import (
    UNSEEN,
    Basis,
    CohortComparison,
    Effects,
    basis_of,
)
from desistance.comparison.effects.variance import (
    Clustering,
    Clusters,
    checked_clustering,
    told_of,
    weights_estimated,
)
from desistance.comparison.effects.wording import effect_sentence, not_reported, unreadable
from desistance.errors import ModelError
from desistance.histories.days import NEVER
from desistance.results import Caveat
from desistance.survival import Survival, influences_of_survival, kaplan_meier
from desistance.survival.intervals import survival_interval
from desistance.timetoevent import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.balance import Balance, Propensity
    from desistance.comparison.effects.contrasts import Row
    from desistance.comparison.effects.followed import Measured
    from desistance.followup import FollowUp, FollowUpDesign
    from desistance.timetoevent import TimeToEvent

MAIN: tuple[Measured, ...] = ("rate", "frequency", "time")


@overload
def compare_cohorts(
    people: FollowUp,
    balanced: Balance,
    outcomes: Sequence[str] = ...,
    *,
    offence_sets: Sequence[str] = ...,
    until_joining: bool = ...,
    clusters: Clustering | None = ...,
    confidence: float = ...,
) -> CohortComparison: ...
@overload
def compare_cohorts(
    people: pd.DataFrame,
    balanced: Balance,
    outcomes: Sequence[Outcome],
    *,
    person: str | None = ...,
    propensity: Propensity | None = ...,
    clusters: Clustering | None = ...,
    confidence: float = ...,
) -> Effects: ...
def compare_cohorts(
    people: FollowUp | pd.DataFrame,
    balanced: Balance,
    outcomes: Sequence[str] | Sequence[Outcome] = MAIN,
    *,
    offence_sets: Sequence[str] = (),
    until_joining: bool = False,
    person: str | None = None,
    propensity: Propensity | None = None,
    clusters: Clustering | None = None,
    confidence: float = 0.95,
) -> CohortComparison | Effects:
    """Compare those exposed with the people matched to them, or weighed to be like them.

    Parameters
    ----------
    people, balanced
        A follow-up and its `balance_cohorts` (or any balance of it); or a frame, and the balance
        made of it.
    outcomes
        Of a follow-up, any of "rate", "frequency", "time", "rmst", "severity" and "incidence", in
        the order to be reported. Of a frame, a list of `Mean`, `Binary`, `Count` and `TimeTo`.
    offence_sets
        Of a follow-up: sets of the catalogue to count beside its own, with every outcome again for
        each ("SAC_HMICFRS2022").
    until_joining
        Of a follow-up: watch a comparison person only until the day that person joins too.
    person
        Of a frame: a column that says which rows are the same person; each its own by default.
    propensity
        Of a frame weighed by "inverse" or "overlap": the logistic model behind the weights, so that
        standard errors count them as estimated.
    clusters
        Which rows belong together: "person" (the default of a follow-up), "match" or "both" (the
        default of a frame); see `desistance.comparison.effects.variance`.
    confidence
        Of the intervals.

    Returns
    -------
    CohortComparison of a follow-up, Effects of a frame
        Effect on those who joined and could be matched, or whom `balanced.estimand` says; see
        `desistance.comparison.effects`.

    Raises
    ------
    ModelError
        If an outcome or a column is unknown, a column is empty somewhere, or the frame is not the
        one that was balanced.

    Examples
    --------
    >>> from desistance import Mean, estimate_propensity, weigh_cohorts
    >>> frame = pd.DataFrame({
    ...     "joined": [0, 0, 0, 1, 1, 0], "age": [20, 25, 31, 30, 41, 45],
    ...     "harm": [9, 8, 5, 3, 4, 6],
    ... })
    >>> scored = estimate_propensity(frame, exposed="joined", terms=["age"])
    >>> effects = compare_cohorts(frame, weigh_cohorts(scored), [Mean("harm")])
    >>> effects.to_frame()[["outcome", "estimate", "conf_low", "conf_high"]].round(2)
                       outcome  estimate  conf_low  conf_high
    0                mean harm      6.34      5.41       7.26
    1                mean harm      3.50      2.81       4.19
    2  difference in mean harm     -2.84     -3.99      -1.68
    """
    reach(confidence)
    if isinstance(people, pd.DataFrame):
        if offence_sets or until_joining:
            raise ModelError("`offence_sets` and `until_joining` are for a follow-up.")
        return _of_frame(people, balanced, outcomes, person, propensity, clusters, confidence)
    if person is not None or propensity is not None:
        raise ModelError(
            "`person` and `propensity` are for a frame. Of a follow-up, `bootstrap_effects` counts "
            "the propensity model as estimated."
        )
    own = compared(
        people, balanced, until_joining=until_joining,
        by=checked_clustering(clusters or "person"), confidence=confidence,
    )  # fmt: skip
    found = rows_followed(own, outcomes, offence_sets)
    frame, design, first = laid_out(found), people.design, until_first(own)
    definition = (
        f"proven reoffences in {design.offence_set} within {design.months} months of joining "
        f"{design.joining} (comparison: of the same day since leaving {design.leaving})"
    )
    names = design.names
    said = _caveats(people, balanced.matches, until_joining=until_joining)
    said += unreadable(not_reported(balanced))
    said += told_of(own.clusters(balanced.matches))
    if "severity" in outcomes:
        said += unweighed(own)
    basis, words = _basis(found), _words(frame, balanced, design, confidence)
    n_people = own.rows.groupby("cohort", observed=True)["person"].nunique()
    n_reoffenders = _reoffenders(first)
    return CohortComparison(
        frame,
        balanced.light,
        getattr(balanced, "estimand", "ATT"),
        own.by,
        definition,
        tuple(said),
        basis,
        words["sentence"].iloc[0] if len(words) else "",
        words,
        _curves(first, own),
        {name: int(n_people.get(name, 0)) for name in names},
        {name: int(n_reoffenders.get(name, 0)) for name in names},
    )


def rows_followed(
    people: Compared, outcomes: Sequence[object], offence_sets: Sequence[str] = ()
) -> list[tuple[Compared, list[Row]]]:
    """Estimate every outcome of a follow-up, by each offence set, its own first."""
    outcomes = listed(outcomes, OUTCOMES)
    unknown = [str(name) for name in outcomes if name not in OUTCOMES]
    if unknown:
        raise ModelError(f"`outcomes` may be {', '.join(OUTCOMES)}; not {', '.join(unknown)}.")
    by_set = [people, *map(people.counting, offence_sets)]
    return [(one, [row for name in outcomes for row in OUTCOMES[str(name)](one)]) for one in by_set]


def laid_out(found: list[tuple[Compared, list[Row]]]) -> pd.DataFrame:
    """Lay rows out, and name their offence set where there are several."""
    frames = [tidy(rows) for _, rows in found]
    if len(found) == 1:
        return frames[0]
    for frame, (people, _) in zip(frames, found, strict=True):
        frame.insert(0, "offence_set", people.followed.design.offence_set)
    return pd.concat(frames, ignore_index=True)


def _reoffenders(first: TimeToEvent) -> pd.Series:
    """Count the people of each cohort who reoffended."""
    happened = first.columns[first.event]
    return happened.groupby("cohort", observed=True)["person"].nunique()


def _basis(found: list[tuple[Compared, list[Row]]]) -> tuple[Basis, ...]:
    """Say which people each row rests on: all that were matched, where it does not say itself."""
    told = []
    for people, rows in found:
        n = people.rows.groupby("cohort", observed=True)["person"].nunique()
        events = _reoffenders(until_first(people))
        of_set = [{"n": n.get(name, 0), "n_events": events.get(name, 0)} for name in people.names]
        for row in rows:
            of = row.get("of", of_set)
            told.append(basis_of(of, people.names))
    return tuple(told)


def _other_set(row: pd.Series, design: FollowUpDesign) -> str:
    named = row.get("offence_set", design.offence_set)
    return "" if named == design.offence_set else str(named)


def _words(
    frame: pd.DataFrame, balanced: Balance, design: FollowUpDesign, confidence: float
) -> pd.DataFrame:
    """Say what each effect shows."""
    effects = frame[frame["group"] == AGAINST]
    said = [
        effect_sentence(
            row["outcome"], row["conf_low"], row["conf_high"], n_joined=balanced.n_matched,
            n_compared=balanced.n_compared, light=balanced.light, names=design.names,
            months=design.months, counted=_other_set(row, design),
            n_effective=balanced.n_effective, confidence=confidence,
        )
        for _, row in effects.iterrows()
    ]  # fmt: skip
    words = effects[[name for name in ("offence_set", "outcome") if name in effects]]
    return words.assign(sentence=said)[[bool(one) for one in said]]


def rows_compared(arms: Arms, outcomes: Sequence[object]) -> list[Row]:
    """Estimate every outcome of a frame."""
    rows: list[Row] = []
    for outcome in listed(outcomes, KINDS):
        if not isinstance(outcome, Outcome):
            raise ModelError(
                "Of a frame, each of `outcomes` is a Mean, Binary, Count or TimeTo of its "
                f"columns, not {type(outcome).__name__}."
            )
        rows += outcome.effects(arms)
    return rows


def arms_of(
    frame: pd.DataFrame,
    balanced: Balance,
    *,
    person: str | None = None,
    propensity: Propensity | None = None,
    by: Clustering = "both",
    confidence: float = 0.95,
) -> Arms:
    """Take the compared rows of a frame, as often as they were matched."""
    if "person" in balance_of(balanced).matches:
        raise ModelError("This balance is of a follow-up: pass the follow-up.")
    if not frame.index.equals(balanced.index):
        raise ModelError("The frame is not the one that was balanced: their labels differ.")
    matches = balanced.matches
    place = matches["row"].to_numpy()
    rows = plain(frame).iloc[place].reset_index(drop=True)
    who = place
    if person is not None:
        if person not in frame or frame[person].isna().any():
            raise ModelError(f"`person={person!r}` is not a column without empty cells.")
        who = pd.factorize(frame[person])[0][place]
    match = pd.factorize(matches["match"])[0]
    through = None if propensity is None else weights_estimated(propensity, balanced)
    return Arms(
        rows, matches["exposed"].to_numpy(bool), matches["weight"].to_numpy(float),
        balanced.names, Clusters(who, match, by, through),
        reach(confidence),
    )  # fmt: skip


def _of_frame(
    frame: pd.DataFrame,
    balanced: Balance,
    outcomes: Sequence[object],
    person: str | None,
    propensity: Propensity | None,
    clusters: Clustering | None,
    confidence: float,
) -> Effects:
    by = checked_clustering(clusters or "both")
    arms = arms_of(frame, balanced, person=person, propensity=propensity, by=by,
                   confidence=confidence)  # fmt: skip
    said = [UNSEEN, *unreadable(not_reported(balanced)), *told_of(arms.clusters)]
    if propensity is not None:
        said.append("Standard errors count the weights as estimated.")
    rows = rows_compared(arms, outcomes)
    return Effects(
        tidy(rows), balanced.light, balanced.estimand, by,
        f"{len(arms.rows)} rows ({balanced.method}, {balanced.estimand})", tuple(said),
        tuple(basis_of(row["of"], arms.names) for row in rows),
    )  # fmt: skip


def _curves(first: TimeToEvent, people: Compared) -> Survival:
    """Estimate the matched curves; errors over people, whose rows in several matches overlap."""
    curves = kaplan_meier(first, by="cohort", confidence=people.confidence)
    frame = curves.curve.copy()
    for name in people.names:
        group = first.only((first.columns["cohort"] == name).to_numpy(), "other cohort")
        clusters = people.clusters(group.columns)
        lines = frame["group"] == name
        frame.loc[lines, "std_error"] = clusters.errors(
            by_row for _, by_row in influences_of_survival(group, frame.loc[lines, "day"])
        )
    share = frame["estimate"].to_numpy()
    error = np.where(
        (share > 0) & (share < 1), frame["std_error"] / np.maximum(share, TINY), np.nan
    )
    low, high = survival_interval(share, error, people.confidence, curves.interval)
    frame = frame.assign(conf_low=low, conf_high=high)
    return replace(curves, curve=frame, variance=f"{curves.variance}, in all their matches")


def _caveats(followed: FollowUp, matches: pd.DataFrame, *, until_joining: bool) -> list[str]:
    joining = followed.design.joining
    said = [UNSEEN]
    compared = matches.loc[~matches["exposed"], "person"]
    crossed = int((followed.joined[compared.unique()] < NEVER).sum())
    if crossed:
        said.append(
            Caveat(
                f"{{crossed}} of {{people}} comparison people joined {joining} later: "
                + (
                    "they are watched until then, which is fair only if they are like the others."
                    if until_joining
                    else "they stay as matched, which makes an effect look smaller than it is."
                ),
                crossed=crossed,
                people=int(compared.nunique()),
            )
        )
    return said
