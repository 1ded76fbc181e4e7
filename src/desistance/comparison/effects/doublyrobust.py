"""Effects that are right where either of two models is: the chance of exposure, or the outcome.

Each cohort's mean m is predicted for the people the effect is on by a model of the outcome within
the cohort, and corrected by the weighted mean of what the model missed (augmented inverse
probability weighting):

    mean over the target of m(x)  +  sum_cohort w (y - m(x)) / sum_cohort w

with w one over the chance of the cohort (ATE), or the odds of being exposed (ATT, where the mean of
those exposed is their plain mean). If the chances are right, what is added takes the model's
error away; if the model is right, it adds nothing on average.

outcome models
    Logistic for yes and no, least squares for numbers; main effects of the terms.
times
    A share or a mean time up to a day is made a number for each row first: the cohort's estimate
    plus n times what the row moves it by (the infinitesimal jackknife pseudo-value), which is the
    row's own outcome where nobody is censored. Censoring must not depend on the terms within a
    cohort.
standard errors
    From what each row moves the effect by, through both models too (they are estimated), so that
    they stay right where one of the models is not. A score that is not logistic is taken as
    given. That pseudo-values are made from all rows together is not counted, and widens intervals
    a little at most.

References
----------
Robins, Rotnitzky and Zhao (1994), JASA 89(427); Funk and others (2011), American Journal of
Epidemiology 173(7); Andersen, Syriopoulou and Parner (2017), Statistics in Medicine 36(17), and
Parner, Andersen and Overgaard (2023), Scandinavian Journal of Statistics 50(2), of pseudo-values;
Stefanski and Boos (2002), The American Statistician 56(1), of standard errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from desistance.balance.covariates import covariate_columns
from desistance.balance.diagnostics import compare_columns, effective_size, traffic_light
from desistance.balance.propensity import scored as checked_score
from desistance.comparison.effects.contrasts import OfBoth, reach, rows_of, tidy
from desistance.comparison.effects.followed import FREE, RATE
from desistance.comparison.effects.oftimes import by_day, mean_until, share_by
from desistance.comparison.effects.outcomes import Arms, Binary, Mean, TimeTo, listed
from desistance.comparison.effects.result import UNSEEN, Effects, basis_of
from desistance.comparison.effects.variance import Clustering, Clusters, model_moves
from desistance.errors import ModelError
from desistance.histories.days import months_to_days
from desistance.results import Caveat
from desistance.timetoevent import TimeToEvent, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from desistance.balance import Propensity
    from desistance.comparison.effects.contrasts import Row
    from desistance.comparison.effects.oftimes import Estimate
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

Estimand = Literal["ATT", "ATE"]
FOLLOWED = ("rate", "rmst")
ROBUST = ("Binary", "Mean", "TimeTo with a `horizon`")


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """An outcome as a number for each of n rows, and how it is told."""

    label: str
    y: Floats
    logistic: bool
    told: tuple[Row, Row]
    note: str = ""
    scale: float = 1.0
    limits: tuple[float, float] = (-np.inf, np.inf)
    difference: str = ""
    ratio: str = ""


def doubly_robust(
    people: FollowUp | pd.DataFrame,
    propensity: Propensity,
    outcomes: Sequence[str] | Sequence[Binary | Mean | TimeTo],
    *,
    terms: Sequence[str] | None = None,
    estimand: Estimand = "ATT",
    person: str | None = None,
    confidence: float = 0.95,
) -> Effects:
    """Estimate effects by a model of exposure and one of the outcome; either may be wrong.

    Parameters
    ----------
    people, propensity
        A follow-up or a frame, and its `estimate_propensity`.
    outcomes
        Of a follow-up, "rate" and "rmst", as in `compare_cohorts`; of a frame, `Binary`, `Mean` and
        `TimeTo` with a horizon.
    terms
        Columns the outcome is modelled on; those of the propensity by default.
    estimand
        Whom the effect is on: "ATT" (those exposed) or "ATE" (everybody; of a frame only).
    person
        Of a frame: a column that says which rows are the same person.
    confidence
        Of the intervals.

    Raises
    ------
    ModelError
        If an outcome or a column is unknown or empty somewhere.

    References
    ----------
    See `desistance.comparison.effects.doublyrobust`.

    Examples
    --------
    >>> from desistance import Mean, estimate_propensity
    >>> frame = pd.DataFrame({
    ...     "joined": [0, 0, 0, 1, 1, 0, 1, 0], "age": [20, 25, 31, 30, 41, 45, 28, 38],
    ...     "harm": [9, 8, 5, 3, 4, 6, 5, 7],
    ... })
    >>> scored = estimate_propensity(frame, exposed="joined", terms=["age"])
    >>> effects = doubly_robust(frame, scored, [Mean("harm")])
    >>> effects.effect("difference in mean harm")[["estimate", "std_error"]].astype(float).round(2)
    estimate    -2.88
    std_error    0.70
    Name: 2, dtype: float64
    """
    checked_score(propensity)
    if estimand not in ("ATT", "ATE"):
        raise ModelError('`estimand` is "ATT" or "ATE".')
    of_frame = isinstance(people, pd.DataFrame)
    if of_frame != (propensity.sets is None):
        raise ModelError("`people` and `propensity` are of one make: both of a frame, or neither.")
    if not of_frame and (estimand == "ATE" or person is not None):
        raise ModelError('Of a follow-up, `estimand` is "ATT" and people are known.')
    z = reach(confidence)
    exposed, chance = propensity.exposed, expit(propensity.log_odds)
    scored = _design(propensity.columns, propensity)
    modelled = scored
    if terms is not None:
        modelled = _design(covariate_columns(propensity.frame, terms), propensity)
    if isinstance(people, pd.DataFrame):
        arms = _arms(people, propensity, person, z)
        clusters, made = (
            arms.clusters,
            [one for outcome in listed(outcomes, ROBUST) for one in _of_frame(arms, outcome)],
        )
    else:
        assert propensity.sets is not None
        sets = propensity.sets
        clusters = Clusters(sets["person"].to_numpy(), sets["match"].to_numpy(), "person")
        made = list(_of_follow_up(people, sets, listed(outcomes, FOLLOWED)))
    score = model_moves(scored, exposed, chance) if propensity.method == "logistic" else None
    rows: list[Row] = []
    for one in made:
        both = _augmented(one, modelled, scored, score, exposed, chance, estimand)
        rows += rows_of(both, propensity.names, one.label, clusters, z, difference=one.difference,
                        ratio=one.ratio)  # fmt: skip
    weight = _weight(exposed, chance, estimand)
    table = compare_columns(propensity.columns, exposed, np.ones(len(exposed)), weight,
                            pooled=estimand == "ATE")  # fmt: skip
    said = [*propensity.caveats, UNSEEN]
    if score is None:
        said.append(f"The {propensity.method} score is taken as given in the standard errors.")
    said.append(
        Caveat(
            "By the score, {n} comparison rows carry as much as {size} equal ones.",
            n=int((~exposed).sum()), size=round(effective_size(weight[~exposed])),
        )
    )  # fmt: skip
    by: Clustering = "person"
    return Effects(
        tidy(rows), traffic_light(float(table["smd_after"].abs().max())), estimand, by,
        f"{len(exposed)} rows (augmented inverse probability weighting, {estimand})", tuple(said),
        tuple(basis_of(row["of"], propensity.names) for row in rows),
    )  # fmt: skip


def _design(columns: pd.DataFrame, propensity: Propensity) -> Floats:
    """Terms, an intercept, and the time a follow-up's score knows; scaled, shape (n, p)."""
    parts = [np.ones((len(columns), 1)), columns.to_numpy(float)]
    if propensity.sets is not None:
        day = propensity.sets["day"].to_numpy(float)
        parts.append(np.column_stack([day, np.sqrt(day)]))
    x = np.hstack(parts)
    spread = np.append(1.0, x[:, 1:].std(axis=0))
    centre = np.append(0.0, x[:, 1:].mean(axis=0))
    scaled: Floats = (x - centre) / np.where(spread > 0, spread, 1.0)
    return scaled


def _arms(frame: pd.DataFrame, propensity: Propensity, person: str | None, z: float) -> Arms:
    if not frame.index.equals(propensity.frame.index):
        raise ModelError("The frame is not the one that was scored: their labels differ.")
    who = np.arange(len(frame))
    if person is not None:
        if person not in frame or frame[person].isna().any():
            raise ModelError(f"`person={person!r}` is not a column without empty cells.")
        who = pd.factorize(frame[person])[0]
    clusters = Clusters(who, np.arange(len(frame)), "person")
    return Arms(plain(frame).reset_index(drop=True), propensity.exposed, np.ones(len(frame)),
                propensity.names, clusters, z)  # fmt: skip


def _of_frame(arms: Arms, outcome: object) -> Iterator[_Numbers]:
    if isinstance(outcome, Mean):
        label = f"mean {outcome.column}"
        y, gap = arms.numbers(outcome.column), f"difference in {label}"
        yield _Numbers(label, y, logistic=False, told=arms.told(amounts=y), difference=gap)
    elif isinstance(outcome, Binary):
        y, label = arms.yes_or_no(outcome.column), f"{outcome.column} per 100 people"
        yield _share(label, y, arms.told(y))
    elif isinstance(outcome, TimeTo) and outcome.horizon is not None and outcome.cause is None:
        times, horizon = outcome.times(arms), outcome.horizon
        told = arms.told(times.event & (times.stop <= horizon))
        labels = (
            f"{outcome.event} by {horizon} per 100 people",
            f"mean {outcome.stop} without {outcome.event} of the first {horizon}",
        )
        yield from _of_times(times, arms.joined, arms.names, horizon, told, labels)
    else:
        raise ModelError(f"Doubly robust outcomes are {', '.join(ROBUST)}.")


def _of_follow_up(
    followed: FollowUp, sets: pd.DataFrame, outcomes: Sequence[object]
) -> Iterator[_Numbers]:
    unknown = [str(name) for name in outcomes if name not in FOLLOWED]
    if unknown:
        raise ModelError(f"`outcomes` may be {', '.join(FOLLOWED)}; not {', '.join(unknown)}.")
    days, names = months_to_days(followed.design.months), followed.design.names
    seen = followed.watch_from(
        sets["person"].to_numpy(), sets["day"].to_numpy(), months=followed.design.months,
        until_joining=np.zeros(len(sets), bool),
    )  # fmt: skip
    frame = sets.assign(stop=np.minimum(seen.end, seen.event), event=seen.event <= seen.end)
    times = TimeToEvent.from_frame(frame, stop="stop", event="event")
    joined = sets["exposed"].to_numpy(bool)
    person = sets["person"].to_numpy()
    told: list[Row] = [
        {"n": len(np.unique(person[side])), "n_events": len(np.unique(person[side & times.event]))}
        for side in (~joined, joined)
    ]
    labels = (RATE, f"{FREE} of the first {days}")
    made = dict(
        zip(
            FOLLOWED, _of_times(times, joined, names, days, (told[0], told[1]), labels), strict=True
        )
    )
    for name in outcomes:
        yield made[str(name)]


def _share(label: str, y: Floats, told: tuple[Row, Row], note: str = "") -> _Numbers:
    """Tell a number of 0 and 1 as a share; one that is not, for censoring, by least squares."""
    whole = np.round(y, 9)
    logistic = bool(np.isin(whole, (0.0, 1.0)).all())
    return _Numbers(
        label, whole if logistic else y, logistic, told, note, 100.0, (0.0, 100.0),
        f"difference in {label}", f"ratio of {label}",
    )  # fmt: skip


def _of_times(
    times: TimeToEvent, joined: Bools, names: tuple[str, str], day: int, told: tuple[Row, Row],
    labels: tuple[str, str],
) -> Iterator[_Numbers]:  # fmt: skip
    """Make numbers of the share by a day and of the mean time until it."""
    y, note = _pseudo(times, joined, names, day, share_by, told)
    yield _share(labels[0], y, told, note)
    y, note = _pseudo(times, joined, names, day, mean_until, told)
    yield _Numbers(
        labels[1], y, logistic=False, told=told, note=note, limits=(0.0, float(day)),
        difference=f"difference in {labels[1]}",
    )  # fmt: skip


def _pseudo(
    times: TimeToEvent, joined: Bools, names: tuple[str, str], day: int, estimate: Estimate,
    told: tuple[Row, Row],
) -> tuple[Floats, str]:  # fmt: skip
    """Make a number of each row: its cohort's estimate, and n times what it moves that by."""
    plain = TimeToEvent.from_frame(
        pd.DataFrame({"start": times.start, "stop": times.stop, "event": times.event}),
        start="start", stop="stop", event="event",
    )  # fmt: skip
    both = by_day(plain, joined, names, day, estimate, told, same="")
    size = np.where(joined, joined.sum(), (~joined).sum())
    return np.where(joined, *both.each[::-1]) + size * both.moves.sum(axis=0), both.note


def _weight(exposed: Bools, chance: Floats, estimand: str) -> Floats:
    if estimand == "ATT":
        return np.where(exposed, 1.0, chance / (1 - chance))
    return 1 / np.where(exposed, chance, 1 - chance)


def _augmented(
    one: _Numbers, x: Floats, scored: Floats, score: Floats | None, exposed: Bools, chance: Floats,
    estimand: str,
) -> OfBoth:  # fmt: skip
    """Estimate both means, and what each row moves them by; see the module.

    `x` (n, p) and `scored` (n, q) are the designs of the outcome and of exposure, `score` (n, q)
    what each row moves the coefficients of the latter by.
    """
    n, weight = len(exposed), _weight(exposed, chance, estimand)
    target = exposed.astype(float) if estimand == "ATT" else np.ones(n)
    share = target / target.sum()
    values, moves, note = [], np.zeros((2, n)), one.note
    for place, mine in enumerate((~exposed, exposed)):
        if note:
            break
        if estimand == "ATT" and place:
            values.append(float(share @ one.y))
            moves[1] = share * (one.y - values[1])
            continue
        if one.logistic and np.ptp(one.y[mine]) == 0:
            note = "nobody or everybody of a cohort has it"
            break
        slopes, through = _outcome_model(x[mine], one.y[mine], logistic=one.logistic)
        fitted = expit(x @ slopes) if one.logistic else x @ slopes
        steep = fitted * (1 - fitted) if one.logistic else np.ones(n)
        own = weight * mine / (weight @ mine)
        missed = one.y - fitted
        predicted, corrected = float(share @ fitted), float(own @ missed)
        values.append(predicted + corrected)
        moves[place] = share * (fitted - predicted) + own * (missed - corrected)
        moves[place, mine] += through @ ((share - own) * steep @ x)
        if score is not None:
            slope = {"ATT": np.ones(n), "ATE": np.where(exposed, chance - 1, chance)}[estimand]
            moves[place] += score @ (own * (missed - corrected) * slope @ scored)
    if note:
        values = [np.nan, np.nan]
    return OfBoth((values[0], values[1]), moves, exposed, one.told, one.scale, one.limits, note,
                  "all are the same")  # fmt: skip


def _outcome_model(x: Floats, y: Floats, *, logistic: bool) -> tuple[Floats, Floats]:
    """Fit y (m,) on x (m, p): the coefficients, and what each row moves them by, (m, p)."""
    if logistic:
        model = LogisticRegression(
            C=np.inf, solver="newton-cholesky", tol=1e-12, fit_intercept=False
        )
        slopes = model.fit(x, y > 0.5).coef_[0]
        return slopes, model_moves(x, y > 0.5, expit(x @ slopes))
    inverse = np.linalg.pinv(x.T @ x, hermitian=True)
    slopes = inverse @ (x.T @ y)
    return slopes, (x * (y - x @ slopes)[:, None]) @ inverse
