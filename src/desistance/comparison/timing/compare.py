"""Compare those who joined with those who did not, on equal time."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from desistance.balance import effective_size
from desistance.checks import is_whole
from desistance.comparison.effects.contrasts import reach
from desistance.comparison.effects.followed import balance_of
from desistance.comparison.effects.wording import too_few, unreadable
from desistance.comparison.timing.design import TimeDesign
from desistance.comparison.timing.designs import emulate
from desistance.comparison.timing.estimates import by_model, by_side, log_hazard_ratio, rows_of
from desistance.comparison.timing.result import (
    DAYS,
    DAYS_GAINED,
    DIFFERENCE,
    HAZARD,
    RATE,
    TimedComparison,
    TimedComparisons,
)
from desistance.errors import BiasError, ModelError, NobodyToMatchError
from desistance.followup import FollowUp
from desistance.followup.rules import extract_day
from desistance.histories.days import NEVER, months_to_days
from desistance.results import NOT_ESTIMABLE, Caveat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.balance import Balance
    from desistance.comparison.timing.design import Name
    from desistance.comparison.timing.designs import Emulation
    from desistance.comparison.timing.estimates import Rows

    Floats = NDArray[np.float64]

Variance = Literal["robust", "bootstrap"]
AGAINST = "joined against comparison"
ALL: tuple[Name, ...] = (
    "risk-set", "nested-trials", "landmark", "time-varying", "clone-censor-weight",
)  # fmt: skip
FEW_WEIGHED = 0.25  # effective share of a side's people below which it rests on few of them
LONGEST = 1200  # months: as long as the data allow


def compare_over_time(
    followed: FollowUp,
    design: Name | TimeDesign = "risk-set",
    *,
    balanced: Balance | None = None,
    variance: Variance = "robust",
    replicates: int = 200,
    rng: int = 0,
    confidence: float = 0.95,
    **choices: Any,
) -> TimedComparison:
    """Compare those who joined with those who did not, by one design of time.

    Parameters
    ----------
    followed
        From `follow_up`, with the exposure that starts later.
    design, choices
        A `TimeDesign`, or its name with the other choices beside it: ``landmark_days=30``.
    balanced
        Matches to be used by "risk-set", from `balance_cohorts`; made from `terms` when None.
    variance
        "robust" takes weights as known; "bootstrap" draws people and fits the weights anew (not
        of "risk-set": drawing people is not valid for matches, so it stays robust).
    replicates, rng
        Of the bootstrap.
    confidence
        Of the intervals.

    Returns
    -------
    TimedComparison
        Hazard ratio, difference of rates and of days without reoffending, with the question they
        answer.

    Raises
    ------
    BiasError
        If the follow-up counts time before joining as exposed, or starts at different time zeros.
    ModelError
        If choices do not go together.
    NobodyToMatchError
        If one side has nobody; the message counts where they were lost.

    References
    ----------
    See `desistance.comparison.timing.designs`; Abadie and Imbens (2008), Econometrica 76(6), of the
    bootstrap of matches.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=300), rng=1)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> found = compare_over_time(followed, "landmark", landmark_days=60, terms=["age"])
    >>> found.effect("time")[["estimate", "conf_low", "conf_high"]].astype(float).round(2).tolist()
    [0.87, 0.38, 2.0]
    """
    design = _designed(design, choices)
    _refuse(followed, design, balanced, variance, replicates, confidence)
    made = emulate(followed, design, balanced)
    time_varying = design.name == "time-varying"
    months = design.months or followed.design.months
    horizon = months_to_days(months)
    longest = followed.design.watch_months or LONGEST
    whole, at_risk = rows_of(
        followed, made, months=longest if time_varying else months,
        exposed_from_joining=time_varying,
    )  # fmt: skip
    n_people = len(followed.people)
    estimate = by_model if time_varying else by_side
    everyone = np.ones(n_people)
    weights, n_cut = _weights(made, (whole, at_risk), everyone, design.truncate)
    values, moves = estimate(whole, weights[0], horizon, n_people)
    log_ratio, ratio_error = log_hazard_ratio(at_risk, weights[1], clustered=True)
    errors = np.sqrt((moves**2).sum(axis=0))
    told = "robust, clustered by person"
    if variance == "bootstrap" and design.name != "risk-set":
        drawn = np.random.default_rng(rng)
        again = np.empty((replicates, 7))
        for place in range(replicates):
            counts = np.bincount(drawn.integers(0, n_people, n_people), minlength=n_people)
            new, _ = _weights(made, (whole, at_risk), counts.astype(float), design.truncate)
            again[place, :6] = estimate(whole, new[0], horizon, n_people)[0]
            again[place, 6] = log_hazard_ratio(at_risk, new[1], clustered=False)[0]
        *errors, ratio_error = np.nanstd(again, axis=0, ddof=1)
        told = f"bootstrap of {replicates} draws of people, weights fitted anew, seed {rng}"
    elif variance == "bootstrap":
        told += " (the bootstrap is not valid for matches)"
    frame = _frame(
        (log_ratio, ratio_error), values, np.asarray(errors), confidence,
        followed.design.names, _people(whole, weights[0]), horizon,
    )  # fmt: skip
    short = _cut_short(followed, made, horizon) if not time_varying else 0
    counts_told = {
        "people": int(made.copies["person"].nunique()),
        "joined": _n_joined(followed, whole),
        "trials": int(made.copies["trial"].nunique()),
        "copies": len(made.copies),
        "events": len(np.unique(whole.person[whole.event])),
        "carried": round(min(effective_size(one) for one in _carried(whole, weights[0]))),
        "cut": n_cut,
        "cut short": short,
    }
    return TimedComparison(
        design,
        frame,
        _estimand(followed, design, months),
        counts_told,
        made.flow,
        f"proven reoffences in {followed.design.offence_set}",
        told,
        (
            *_caveats(followed, design, made, whole, weights[0], counts_told),
            *unreadable(too_few(counts_told["joined"], counts_told["carried"])),
        ),
    )


def compare_designs(
    followed: FollowUp,
    designs: Sequence[Name | TimeDesign] = ALL,
    *,
    balanced: Balance | None = None,
    variance: Variance = "robust",
    replicates: int = 200,
    rng: int = 0,
    confidence: float = 0.95,
    **choices: Any,
) -> TimedComparisons:
    """Run several designs of time on the same people; the arguments are `compare_over_time`'s.

    `choices` are of the designs given by name, one at least if there are choices. A design with
    nobody on one side is told as not estimable.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=300), rng=1)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> found = compare_designs(followed, ["landmark", "time-varying"], terms=["age"])
    >>> found.to_frame()["group"].tolist()[:2]
    ['landmark at day 90', 'time-varying']
    """
    if isinstance(designs, str | TimeDesign) or not len(designs):
        raise ModelError("`designs` is a list of designs, one at least.")
    by_name = any(isinstance(one, str) for one in designs)
    results, failed = [], {}
    for one in designs:
        design = _designed(one, choices if isinstance(one, str) or not by_name else {})
        try:
            results.append(
                compare_over_time(
                    followed, design, balanced=balanced if design.name == "risk-set" else None,
                    variance=variance, replicates=replicates, rng=rng, confidence=confidence,
                )
            )  # fmt: skip
        except NobodyToMatchError as nobody:
            failed[design.label] = f"{NOT_ESTIMABLE}: {str(nobody).splitlines()[0]}"
    return TimedComparisons(tuple(results), failed)


def _designed(design: Name | TimeDesign, choices: dict[str, Any]) -> TimeDesign:
    """Make a design of a name and choices; a design has its own."""
    known = [one.name for one in fields(TimeDesign)][1:]
    unknown = choices.keys() - {*known}
    if unknown:
        raise ModelError(
            f"{', '.join(sorted(unknown))} is no choice of a `TimeDesign`; there are "
            f"{', '.join(known)}."
        )
    if isinstance(design, str):
        return TimeDesign(design, **choices)
    if choices:
        raise ModelError(
            f"A `TimeDesign` has its own choices: set {', '.join(choices)} in it, or give the "
            "design by name."
        )
    return design


def _refuse(
    followed: FollowUp, design: TimeDesign, balanced: Balance | None, variance: str,
    replicates: int, confidence: float,
) -> None:  # fmt: skip
    if not isinstance(followed, FollowUp):
        raise ModelError(f"`followed` is a follow-up, not a {type(followed).__name__}.")
    told = followed.design
    if told.exposure != "time-varying" or told.time_zero != "exit":
        raise BiasError(
            "This follow-up counts time before joining as exposed, or starts people's clocks on "
            f"different days. Follow people from leaving {told.leaving}, exposed from joining on "
            '(`exposure="time-varying", time_zero="exit"`).'
        )
    if balanced is not None and (
        design.name != "risk-set" or "day" not in balance_of(balanced).matches
    ):
        raise ModelError('`balanced` is for "risk-set", from `balance_cohorts` of this follow-up.')
    if variance not in ("robust", "bootstrap"):
        raise ModelError("`variance` is one of robust, bootstrap.")
    if not is_whole(replicates, 2):
        raise ModelError("`replicates` is a whole number, 2 or more.")
    reach(confidence)


def _weights(
    made: Emulation, tables: tuple[Rows, Rows], counts: Floats, truncate: float | None
) -> tuple[list[Floats], int]:
    """Weigh the rows of each table, each person counted so many times; and how many were cut."""
    n = len(counts)
    hazards = (np.zeros((n, 1)),) * 2 if made.joining is None else made.joining.hazards(counts)
    base = made.base(counts, hazards[0])
    found, cut = [], np.zeros(n, bool)
    limit = np.inf
    for rows in tables:
        weight = counts[rows.person] * base[rows.copy]
        if made.factor is not None:
            factor = made.factor(*hazards, rows.copy, rows.window, rows.exposed)
            changed = (factor != 1) & (weight > 0)
            if truncate is not None and changed.any():
                limit = min(limit, float(np.quantile(factor[changed], truncate)))
            over = changed & (factor > limit)
            cut[rows.person[over]] = True
            weight = weight * np.where(over, limit, factor)
        found.append(weight)
    return found, int(cut.sum())


def _people(rows: Rows, weight: Floats) -> list[tuple[int, int]]:
    """Count people, and those of them who reoffended, on each side."""
    told = []
    for side in (False, True):
        mine = (rows.exposed == side) & (weight > 0)
        n = len(np.unique(rows.person[mine]))
        told.append((n, len(np.unique(rows.person[mine & rows.event]))))
    return told


def _carried(rows: Rows, weight: Floats) -> list[Floats]:
    """Add up weighted time at risk of each person, on either side."""
    time = weight * (rows.stop - rows.start)
    sides = [rows.exposed == side for side in (False, True)]
    each = [np.bincount(rows.person[mine], time[mine]).astype(float) for mine in sides]
    return [one[one > 0] for one in each]


def _n_joined(followed: FollowUp, rows: Rows) -> int:
    exposed = rows.person[rows.exposed]
    return int((followed.joined[np.unique(exposed)] < NEVER).sum())


def _cut_short(followed: FollowUp, made: Emulation, horizon: int) -> int:
    """Count the people whose time to the horizon and the waiting period the extract cuts short."""
    person, day = made.copies["person"].to_numpy(), made.copies["day"].to_numpy()
    needs = horizon + months_to_days(followed.design.waiting_months)
    ahead = extract_day(followed.histories) - followed.index_day[person] - day
    return len(np.unique(person[ahead < needs]))


def _frame(
    hazard: tuple[float, float],
    values: Floats,
    errors: Floats,
    confidence: float,
    names: tuple[str, str],
    people: list[tuple[int, int]],
    horizon: int,
) -> pd.DataFrame:
    z = float(norm.ppf(0.5 + confidence / 2))
    told = [_row(HAZARD, AGAINST, *hazard, z, ratio=True)]
    for first, outcome, effect, unit, most in (
        (0, RATE, DIFFERENCE, 100.0, 100.0), (3, DAYS, DAYS_GAINED, 1.0, float(horizon)),
    ):  # fmt: skip
        for side, name in enumerate(names):
            row = _row(outcome, name, unit * values[first + side], unit * errors[first + side], z)
            told.append(row | {
                "conf_low": max(row["conf_low"], 0.0), "conf_high": min(row["conf_high"], most),
                "p_value": np.nan, "n": people[side][0], "n_events": people[side][1]})  # fmt: skip
        told.append(_row(effect, AGAINST, unit * values[first + 2], unit * errors[first + 2], z))
    frame = pd.DataFrame(told).assign(note="")[
        ["outcome", "group", "n", "n_events", "estimate", "std_error", "conf_low", "conf_high",
         "p_value", "note"]]  # fmt: skip
    why = (
        f"{NOT_ESTIMABLE}: no reoffence on one side, everybody reoffended, or nobody is watched to "
        f"day {horizon}"
    )
    return frame.assign(note=np.where(frame["estimate"].isna(), why, "")).astype(
        {"n": "Int64", "n_events": "Int64"}
    )


def _row(
    outcome: str, group: str, estimate: float, error: float, z: float, *, ratio: bool = False
) -> dict[str, Any]:
    if not (np.isfinite(estimate) and error > 1e-9):
        estimate = error = np.nan
    low, high = estimate - z * error, estimate + z * error
    shown = np.exp([estimate, low, high]) if ratio else np.array([estimate, low, high])
    return {
        "outcome": outcome, "group": group, "n": None, "n_events": None, "estimate": shown[0],
        "std_error": error, "conf_low": shown[1], "conf_high": shown[2],
        "p_value": float(2 * norm.sf(abs(estimate / error))) if error > 0 else np.nan,
    }  # fmt: skip


def _estimand(followed: FollowUp, design: TimeDesign, months: int) -> str:
    joining, leaving = followed.design.joining, followed.design.leaving
    within = f"within {months} months"
    otherwise = {
        "keep": "not joining that day, whatever they did later",
        "censor": "staying as they were, if who joins later is like who does not",
        "weigh": "never joining",
    }[design.then]
    return {
        "risk-set": f"the effect of joining {joining}, on those who joined, against {otherwise}; "
        f"{within} of joining.",
        "nested-trials": f"the effect of joining {joining}, on those who joined, against "
        f"{otherwise}; {within} of the end of the window in which they joined.",
        "landmark": f"the effect of having joined {joining} by day {design.landmark_days} since "
        f"leaving {leaving}, on those who had and had not reoffended, against "
        f"{otherwise.replace('not joining that day', 'not having joined by then')}; {within} of "
        "that day.",
        "time-varying": f"the hazard on days after joining {joining} against days before or "
        "without it, were everybody as likely to join; the rates are those of this hazard ratio "
        f"if all had joined on the day of leaving, and if nobody had, {within} of leaving.",
        "clone-censor-weight": f"the effect of joining {joining} within {design.grace_days} days "
        f"of leaving {leaving} ({design.grace}) against never joining, on everybody who left; "
        f"{within} of leaving.",
    }[design.name]


def _caveats(
    followed: FollowUp,
    design: TimeDesign,
    made: Emulation,
    rows: Rows,
    weight: Floats,
    told: dict[str, int],
) -> list[str]:
    joining = followed.design.joining
    said: list[str] = [
        "Likeness was made on what is recorded; what is not may still differ."
        if design.terms or design.name == "risk-set"
        else "Nothing was adjusted for: fair only if it is chance who joins and when."
    ]
    copies = made.copies
    compared = copies.loc[~copies["exposed"], "person"].unique()
    crossed = int((followed.joined[compared] < NEVER).sum())
    if crossed and design.then != "weigh":
        what = {
            "keep": "they stay, which makes an effect look smaller than it is.",
            "censor": "they are watched until then, which is fair only if they are like the rest.",
        }[design.then]
        said.append(
            Caveat(f"{{crossed}} comparison people joined {joining} at some time: {what}",
                   crossed=crossed)
        )  # fmt: skip
    if told["cut short"]:
        said.append(
            Caveat(
                "The extract is younger than follow-up and waiting period for {short} of {people} "
                "people: they are watched as far as their offences can have been proven.",
                short=told["cut short"], people=told["people"],
            )
        )  # fmt: skip
    if told["cut"]:
        said.append(
            Caveat(
                f"Weights above their {design.truncate:.0%} quantile were cut to it, of {{cut}} "
                "people.",
                cut=told["cut"],
            )
        )
    if design.name == "nested-trials" and design.every_days > 1:
        said.append(
            f"Up to {design.every_days - 1} days between joining and the end of the window are "
            "not counted, on either side."
        )
    if design.name == "clone-censor-weight":
        said.append(
            "Until people join, the two copies of a person are the same, so the hazard ratio is an "
            "average that changes with the horizon: read the rates."
        )
    for name, carried in zip(followed.design.names, _carried(rows, weight), strict=True):
        size = effective_size(carried)
        if 0 < size < FEW_WEIGHED * len(carried):
            said.append(
                Caveat(
                    f"The {{n}} people of {name} weigh very unequally: together they carry as much "
                    "as {size}.",
                    n=len(carried), size=round(size),
                )
            )  # fmt: skip
    return said
