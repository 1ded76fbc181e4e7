"""Outcomes of people followed up: rate, frequency, time, days without, harm, competing events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from desistance.catalogue import harm_weights, offence_class
from desistance.comparison.effects.contrasts import OfBoth, effect_row, no_effect, reach, rows_of
from desistance.comparison.effects.oftimes import (
    by_day,
    log_hazard,
    mean_until,
    share_by,
    share_first,
)
from desistance.comparison.effects.variance import Clustering, Clusters
from desistance.errors import ModelError
from desistance.followup import FollowUp, in_cohorts
from desistance.followup.rules import COMPLETE, DEATH, JOINED, MOVED, REOFFENCE, on_street_clock
from desistance.histories.days import DAYS_A_YEAR, months_to_days
from desistance.results import NOT_ESTIMABLE, Caveat
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.balance import Balance
    from desistance.comparison.effects.contrasts import Row
    from desistance.comparison.effects.oftimes import Estimate
    from desistance.followup.rules import Watched

    Floats = NDArray[np.float64]

Measured = Literal["rate", "frequency", "time", "rmst", "severity", "incidence"]
RATE = "reoffenders per 100 people"
DIFFERENCE = "difference in reoffenders per 100 people"
RATE_RATIO = "ratio of reoffenders per 100 people"
FREQUENCY = "reoffences per year at risk"
RATIO = "ratio of reoffences per year at risk"
HAZARD = "hazard ratio of the first reoffence"
FREE = "days without reoffending"
FREE_DIFFERENCE = "difference in days without reoffending"
WEIGHTED = "weighted to those who joined"
SCALES = ("CCHI", "ONS_CSS")
CAME_FIRST = {
    REOFFENCE: "reoffenders before death or moving away per 100 people",
    DEATH: "deaths before reoffending or moving away per 100 people",
    MOVED: "people who moved away before reoffending per 100 people",
}
NOBODY = "nobody or everybody reoffended"
TOO_LITTLE = 1e-12  # of the weight watched at first: nobody is left


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The matched people of a follow-up, from the day of joining on, and what they did.

    Attributes
    ----------
    followed, matches : who, see `Balance.matches`
    rows : DataFrame
        Stretches at risk, of `FollowUp.from_day`, with ``person, match, exposed, weight, cohort``.
    until_joining : bool array
        Of each match row, whether watching ends on the day of joining.
    by, confidence
    """

    followed: FollowUp
    matches: pd.DataFrame
    rows: pd.DataFrame
    until_joining: NDArray[np.bool_]
    by: Clustering
    confidence: float

    @property
    def names(self) -> tuple[str, str]:
        """Comparison group, and those who joined."""
        return self.followed.design.names

    @property
    def days(self) -> int:
        """How long the follow-up is."""
        return months_to_days(self.followed.design.months)

    @property
    def z(self) -> float:
        """How many standard errors an interval reaches."""
        return reach(self.confidence)

    def clusters(self, rows: pd.DataFrame) -> Clusters:
        """Say which rows belong together."""
        return Clusters(rows["person"].to_numpy(), rows["match"].to_numpy(), self.by)

    def counting(self, offence_set: str) -> Compared:
        """Count another set of offences."""
        followed = self.followed.counting(offence_set)
        return _compared(followed, self.matches, self.until_joining, self.by, self.confidence)

    def watched(self) -> Watched:
        """Give every reoffence, and how each match row's watching ended."""
        return self.followed.watch_from(
            self.matches["person"].to_numpy(), self.matches["day"].to_numpy(),
            months=self.followed.design.months, until_joining=self.until_joining,
        )  # fmt: skip


def compared(
    followed: FollowUp, balanced: Balance, *, until_joining: bool, by: Clustering,
    confidence: float,
) -> Compared:  # fmt: skip
    """Follow everybody who is compared from the day of joining on."""
    if not isinstance(followed, FollowUp):
        raise ModelError(f"`people` is a follow-up or a frame, not a {type(followed).__name__}.")
    if "person" not in balance_of(balanced).matches:
        raise ModelError("This balance is of a frame: pass the frame.")
    until = until_joining & ~balanced.matches["exposed"].to_numpy()
    return _compared(followed, balanced.matches, until, by, confidence)


def balance_of(balanced: Balance) -> Balance:
    """Refuse what holds no matches."""
    if not hasattr(balanced, "matches"):
        raise ModelError(
            "`balanced` is from `balance_cohorts`, `match_cohorts` or `weigh_cohorts`, not a "
            f"{type(balanced).__name__}."
        )
    return balanced


def _compared(
    followed: FollowUp, matches: pd.DataFrame, until: NDArray[np.bool_], by: Clustering,
    confidence: float,
) -> Compared:  # fmt: skip
    rows = followed.from_day(
        matches["person"].to_numpy(), matches["day"].to_numpy(), months=followed.design.months,
        until_joining=until,
    )  # fmt: skip
    rows = rows.join(matches[["person", "match", "exposed", "weight"]], on="pair")
    rows["cohort"] = in_cohorts(rows["exposed"].to_numpy(), followed.design.names)
    return Compared(followed, matches, rows, until, by, confidence)


def until_first(people: Compared) -> TimeToEvent:
    """Keep the rows up to each pair's first reoffence, on the clock of the design."""
    rows = people.rows
    kept = rows[rows["start"] < rows["first_event"]].copy()
    kept["event"] = kept["first_event"] <= kept["stop"]
    kept["stop"] = np.minimum(kept["stop"], kept["first_event"])
    if people.followed.design.clock == "street":
        days = kept[["pair", "start", "stop"]].to_numpy()
        kept["start"], kept["stop"] = on_street_clock(*days.T)
    return TimeToEvent.from_frame(
        kept, start="start", stop="stop", event="event", person="pair", weight="weight"
    )


def unbroken(people: Compared) -> TimeToEvent:
    """Give each pair one row from day 0 to its reoffence or its end, custody and all."""
    whole = people.rows.drop_duplicates("pair").copy()
    whole["event"] = whole["first_event"] <= whole["end"]
    whole["stop"] = np.minimum(whole["end"], whole["first_event"])
    return TimeToEvent.from_frame(whole, stop="stop", event="event", person="pair", weight="weight")


def reoffenders(times: TimeToEvent) -> int:
    """Count the people who reoffended: matches repeat them."""
    return int(times.columns.loc[times.event, "person"].nunique())


def rate(people: Compared) -> list[Row]:
    """Compare reoffenders per 100 within the follow-up."""
    times = unbroken(people)
    both = _by_day(people, times, share_by, scale=100.0)
    return rows_of(both, people.names, RATE, people.clusters(times.columns), people.z,
                   difference=DIFFERENCE, ratio=RATE_RATIO)  # fmt: skip


def rmst(people: Compared) -> list[Row]:
    """Compare mean days without reoffending within the follow-up."""
    times = unbroken(people)
    both = _by_day(people, times, mean_until, most=people.days)
    label, gap = (f"{name} of the first {people.days}" for name in (FREE, FREE_DIFFERENCE))
    return rows_of(both, people.names, label, people.clusters(times.columns), people.z,
                   difference=gap)  # fmt: skip


def _by_day(people: Compared, times: TimeToEvent, estimate: Estimate, *, same: str = NOBODY,
            scale: float = 1.0, most: float = 1.0) -> OfBoth:  # fmt: skip
    """Estimate a number of each cohort's curve up to the end of the follow-up."""
    joined = times.columns["exposed"].to_numpy(bool)
    sides = [times.only(joined == bool(place), "other cohort") for place in (0, 1)]
    told: list[Row] = [
        {"n": side.columns["person"].nunique(), "n_events": reoffenders(side)} for side in sides
    ]
    return by_day(times, joined, people.names, people.days, estimate, (told[0], told[1]),
                  scale=scale, most=most, same=same)  # fmt: skip


def frequency(people: Compared) -> list[Row]:
    """Compare reoffences per year at risk."""
    rows, names, z = people.rows, people.names, people.z
    years = (rows["stop"] - rows["start"]) / DAYS_A_YEAR
    clusters = people.clusters(rows)
    told: list[Row] = []
    logs, influence = [], np.zeros(len(rows))
    for name, sign in zip(names, (-1, 1), strict=True):
        mask = (rows["cohort"] == name).to_numpy()
        weight = rows["weight"].to_numpy() * mask
        events, total = float(weight @ rows["n_reoffences"]), float(weight @ years)
        row: Row = {
            "outcome": FREQUENCY, "group": name, "n": rows.loc[mask, "person"].nunique(),
            "person_years": total, "n_events": round(events),
            "note": "" if name == names[1] else WEIGHTED}  # fmt: skip
        if events == 0 or total == 0:
            told.append(row | {"note": f"{NOT_ESTIMABLE}: no reoffence"})
            logs.append(np.nan)
            continue
        rate = events / total
        own = np.asarray(weight * (rows["n_reoffences"] - rate * years) / events)
        influence += sign * own
        error = clusters.one_error(own)
        logs.append(np.log(rate))
        told.append(row | {
            "estimate": rate, "std_error": error, "conf_low": rate * np.exp(-z * error),
            "conf_high": rate * np.exp(z * error)})  # fmt: skip
    error = clusters.one_error(influence)
    return [*told, effect_row(RATIO, float(logs[1] - logs[0]), error, z, ratio=True)]


def time(people: Compared) -> list[Row]:
    """Compare hazards of the first reoffence."""
    first = until_first(people)
    log, error = log_hazard(first, "exposed", people.clusters(first.columns))
    row = effect_row(HAZARD, log, error, people.z, ratio=True)
    return [row | {"n_events": reoffenders(first)}]


def severity(people: Compared) -> list[Row]:
    """Compare harm for each person within the follow-up, by each scale."""
    seen = people.watched()
    pair, day = seen.reoffences
    codes = offence_class(pd.Series(people.followed.reoffences.code[seen.found]))
    matches = people.matches
    watched = seen.end >= 1
    rows: list[Row] = []
    for scale in SCALES:
        weights = harm_weights(scale)["weight"]
        harm = weights.reindex(codes).fillna(0.0).to_numpy(float)
        both = _of_harm(people, pair, np.minimum(day, people.days), harm, seen.end)
        label = f"days of harm for each person ({scale})"
        rows += rows_of(
            both, people.names, label, people.clusters(matches[watched]), people.z,
            difference=f"difference in {label}", ratio=f"ratio of {label}",
        )  # fmt: skip
    return rows


def _of_harm(
    people: Compared, pair: np.ndarray, day: np.ndarray, harm: Floats, end: np.ndarray
) -> OfBoth:
    """Mean harm of each cohort: what a day brings to those still watched, added up over days.

    Row i of weight w moves it by w (its harm on day d / Y_d - H_d / Y_d^2 while watched), added
    up over days, with Y_d the weight watched and H_d the harm of day d.
    """
    matches, days = people.matches, people.days
    watched = end >= 1
    weight = matches["weight"].to_numpy(float)
    joined = matches["exposed"].to_numpy(bool)
    moves, values, told, note = np.zeros((2, len(weight))), [], [], ""
    for place, name in enumerate(people.names):
        mine = (joined == bool(place)) & watched
        last = np.minimum(end, days)
        leaving = np.bincount(last[mine], weight[mine], minlength=days + 1)
        at_risk = leaving[::-1].cumsum()[::-1]
        ours = mine[pair]
        brought = np.bincount(day[ours], weight[pair[ours]] * harm[ours], minlength=days + 1)
        some = at_risk > TOO_LITTLE * at_risk[:1]
        per_day = np.divide(1.0, at_risk, out=np.zeros(days + 1), where=some)
        path = np.cumsum(brought * per_day**2)
        own = np.bincount(pair[ours], harm[ours] * per_day[day[ours]], minlength=len(weight))
        moves[place] = np.where(mine, weight * (own - path[np.clip(last, 0, days)]), 0.0)
        values.append(float(brought @ per_day))
        if not mine.any() or last[mine].max() < days:
            note = note or f"nobody of {name} is watched to day {days}"
        each = np.bincount(matches["person"].to_numpy()[pair[ours]], (weight[pair] * harm)[ours])
        told.append({
            "n": matches.loc[mine, "person"].nunique(),
            "n_events": matches.loc[np.unique(pair[ours]), "person"].nunique(),
            "of_two": np.sort(each)[-2:].sum() / max(each.sum(), TOO_LITTLE),
        })  # fmt: skip
    return OfBoth(
        (values[0], values[1]), moves[:, watched], joined[watched], (told[0], told[1]),
        limits=(0.0, np.inf), note=note, same="nobody did any harm that has a weight",
    )  # fmt: skip


def unweighed(people: Compared) -> list[str]:
    """Say how many of the reoffences have no weight."""
    found = np.unique(people.watched().found)
    codes = offence_class(pd.Series(people.followed.reoffences.code[found]))
    said: list[str] = []
    for scale in SCALES:
        without = harm_weights(scale)["weight"].reindex(codes).isna()
        if without.any():
            said.append(
                Caveat(
                    f"{{without}} of {{n}} reoffences have no weight in {scale} and count as no "
                    "harm.",
                    without=int(without.sum()), n=len(found),
                )
            )  # fmt: skip
    return said


def incidence(people: Compared) -> list[Row]:
    """Compare who reoffended, died or moved away first within the follow-up."""
    seen = people.watched()
    frame = people.matches.assign(
        stop=np.minimum(seen.end, seen.event),
        cause=np.where(seen.event <= seen.end, REOFFENCE, seen.ended_by),
    )[seen.end >= 1]
    frame["event"] = ~frame["cause"].isin([COMPLETE, JOINED])
    times = TimeToEvent.from_frame(
        frame, stop="stop", event="event", weight="weight", cause="cause"
    )
    clusters = people.clusters(frame)
    joined = frame["exposed"].to_numpy(bool)
    rows: list[Row] = []
    for cause, label in CAME_FIRST.items():
        if cause not in times.cause_labels:
            if cause == REOFFENCE:
                rows.append(no_effect(f"difference in {label}", "no reoffence"))
            continue
        first = share_first(times.cause_labels.index(cause) + 1)
        both = _by_day(people, times, first, scale=100.0, same="nobody or everybody had it")
        of_cause = [
            frame.loc[(joined == bool(place)) & (frame["cause"] == cause), "person"].nunique()
            for place in (0, 1)
        ]
        one, other = both.told
        told = (one | {"n_events": of_cause[0]}, other | {"n_events": of_cause[1]})
        both = replace(both, told=told)
        rows += rows_of(both, people.names, label, clusters, people.z,
                        difference=f"difference in {label}")  # fmt: skip
    return rows


OUTCOMES: dict[str, Callable[[Compared], list[Row]]] = {
    "rate": rate, "frequency": frequency, "time": time, "rmst": rmst, "severity": severity,
    "incidence": incidence,
}  # fmt: skip
