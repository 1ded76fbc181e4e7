"""The simulation studies of the estimators: two arms of one make, in whole days.

Unless a study says otherwise, somebody reoffends at a constant rate of 0.82 a year (56 in 100
within a year), counted in whole days, and is watched to the end of the year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from desistance.balance import estimate_propensity, weigh_cohorts
from desistance.comparison import Binary, TimeTo, compare_cohorts, power
from desistance.comparison.planning.formula import CHANCE, HAZARD, SMALLEST
from desistance.errors import BiasError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import (
    check_proportional_hazards,
    cumulative_incidence,
    fit_cox,
    kaplan_meier,
    log_rank,
)
from desistance.timetoevent import TimeToEvent
from tests.studies import test_areas_going_live as areas
from tests.studies.design import Goal, Study
from tests.studies.faulty_extracts import change
from tests.studies.test_competing_risks import cohort, times_of
from tests.studies.test_immortal_time import pilot
from tests.studies.test_recording_lag import estimates

if TYPE_CHECKING:
    from numpy.random import Generator

YEAR, RATE = 365, 0.82 / 365
COVERAGE, SIZE = (0.935, 0.965), (0.035, 0.065)


def two_arms(rng: Generator, sizes: tuple[int, int], ratio: float = 1.0) -> TimeToEvent:
    """Watch two arms of given sizes for a year; the second has `ratio` times the rate."""
    arm = np.repeat([0, 1], sizes)
    day = np.ceil(rng.exponential(1 / (RATE * np.where(arm, ratio, 1.0)))).astype(int)
    frame = pd.DataFrame({"day": np.minimum(day, YEAR), "event": day <= YEAR, "arm": arm})
    return TimeToEvent.from_frame(frame, stop="day", event="event")


def log_ratio(fit: Any) -> tuple[float, float, bool]:
    """Give an estimate, its standard error, and whether there is one."""
    row = fit.to_frame(log=True).iloc[0]
    return float(row.estimate), float(row.std_error), bool(np.isfinite(row.estimate))


def log_hazard(rng: Generator, n: int, ratio: float) -> dict[str, Any]:
    """Study 1: log hazard ratio, its standard error, and whether the interval holds the truth."""
    b, error, _ = log_ratio(fit_cox(two_arms(rng, (n // 2, n - n // 2), ratio), ["arm"]))
    off = b - np.log(ratio)
    inside = bool(abs(off) < 1.959964 * error) if np.isfinite(off) else np.nan
    return {"bias": off, "SE ratio": (off, error), "coverage": inside}


def tests_of_nothing(rng: Generator, sizes: tuple[int, int]) -> dict[str, Any]:
    """Studies 2 and 3: which tests reject at 5 % where the arms do not differ."""
    times = two_arms(rng, sizes)
    fit = fit_cox(times, ["arm"])
    p = fit.tests().set_index("term").p_value
    found = bool(np.isfinite(fit.log_hazards[0]))
    return {
        "log-rank": bool(log_rank(times, "arm").p_value < 0.05),
        "likelihood ratio": bool(p["likelihood ratio"] < 0.05),
        "Wald": bool(p["Wald"] < 0.05) if found else np.nan,
        "no estimate": not found,
    }


def limits_of_the_curve(rng: Generator, n: int) -> dict[str, Any]:
    """Study 4: whether limits of the share not reoffending hold it at 6 and 12 months."""
    day, until = np.ceil(rng.exponential(1 / RATE, n)).astype(int), rng.integers(180, 731, n)
    frame = pd.DataFrame({"day": np.minimum(day, until), "event": day <= until})
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    found: dict[str, Any] = {}
    for kind in ("plain", "log", "log-log", "logit"):
        at = kaplan_meier(times, interval=kind).at([183, YEAR])
        truth = np.exp(-RATE * at.day)
        inside = (at.conf_low <= truth) & (truth <= at.conf_high)
        known = at.conf_low.notna()
        for months, one, there in zip((6, 12), inside, known, strict=True):
            found[f"{kind}, {months} months"] = bool(one) if there else np.nan
    return found


def several_spells(rng: Generator, n: int) -> dict[str, Any]:
    """Study 5: three spells a person in the community, unlike people, no difference of arms."""
    arm = np.arange(n) % 2
    rate = RATE * rng.gamma(1 / 0.67, 0.67, n)
    day = np.ceil(rng.exponential(1 / rate, (3, n))).astype(int)
    spell = pd.DataFrame(
        {
            "person": np.tile(np.arange(n), 3),
            "stop": np.minimum(day, 180).ravel(),
            "event": (day <= 180).ravel(),
            "arm": np.tile(arm, 3),
        }
    )
    spell["stop"] = spell.groupby("person").stop.cumsum()
    spell["start"] = spell.groupby("person").stop.shift(fill_value=0)
    times = TimeToEvent.from_frame(
        spell, start="start", stop="stop", event="event", person="person", recurrent=True
    )
    naive, robust = (fit_cox(times, ["arm"], variance=kind) for kind in ("model", "cluster"))
    found = {"warned": any("variance='cluster'" in caveat for caveat in naive.caveats)}
    for name, fit in (("naive", naive), ("robust", robust)):
        b, error, _ = log_ratio(fit)
        found[f"{name} coverage"] = bool(abs(b) < 1.959964 * error)
    return found


def immortal_time(rng: Generator) -> dict[str, Any]:
    """Study 6: no effect, people joining up to 180 days after leaving; see `test_immortal_time`."""
    cases = pilot(rng)
    histories = build_histories(cases)
    found: dict[str, Any] = {}
    for name, exposure in (("", "time-varying"), (", ever against never", "ever")):
        design = FollowUpDesign(waiting_months=0, watch_months=12, exposure=exposure)
        followed = follow_up(cases, histories, design, acknowledge_bias=True)
        b, error, _ = log_ratio(fit_cox(followed, ["exposed"]))
        found |= {f"bias{name}": b, f"rejected{name}": bool(abs(b) > 1.959964 * error)}
    try:
        follow_up(cases, histories, FollowUpDesign(waiting_months=0, exposure="ever"))
    except BiasError:
        return found | {"ever against never, refused": True}
    return found | {"ever against never, refused": False}


def slow_proof(rng: Generator) -> dict[str, Any]:
    """Study 7: no effect, proof takes 120 days on average; see `test_recording_lag`."""
    without, six, twelve = estimates(rng)
    return {"bias, waiting 6 months": six, "bias, waiting 12 months": twelve,
            "bias without waiting": without}  # fmt: skip


def custody_as_fast(rng: Generator) -> dict[str, Any]:
    """Study 8: the share who reoffend before custody within a year."""
    truth = (1 - np.exp(-1)) / 2
    times = cohort(rng)
    at = cumulative_incidence(times).at([YEAR])
    row = at[at.cause == "reoffence"].iloc[0]
    alone = times_of(times.columns.assign(over=times.cause == 2))
    return {
        "bias": float(row.estimate - truth),
        "coverage": bool(row.conf_low <= truth <= row.conf_high),
        "bias of 1 - Kaplan-Meier": float(1 - kaplan_meier(alone).at([YEAR]).estimate[0] - truth),
    }


def confounded(rng: Generator, n: int, ratio: float) -> pd.DataFrame:
    """Watch people for a year of whom those at higher risk join more often."""
    risk = rng.normal(size=n)
    joined = rng.random(n) < expit(-0.7 + 0.8 * risk)
    rate = RATE * np.exp(0.4 * risk + np.log(ratio) * joined)
    day = np.ceil(rng.exponential(1 / rate)).astype(int)
    frame = pd.DataFrame({"day": np.minimum(day, YEAR), "event": (day <= YEAR).astype(int)})
    return frame.assign(risk=risk, joined=joined.astype(int))


def true_difference(ratio: float) -> float:
    """Effect of `confounded` on the rate of those who join, per 100, by quadrature."""
    risk = np.linspace(-9, 9, 20_001)
    weight = np.exp(-(risk**2) / 2) * expit(-0.7 + 0.8 * risk)
    left = [np.exp(-RATE * YEAR * r * np.exp(0.4 * risk)) for r in (ratio, 1.0)]
    return float(100 * (weight @ (left[1] - left[0])) / weight.sum())


def weighted_to_those_who_joined(rng: Generator, n: int, ratio: float) -> dict[str, Any]:
    """Study 9: effects with the weights of a propensity score, taken as given and as estimated."""
    people = confounded(rng, n, ratio)
    scored = estimate_propensity(people, exposed="joined", terms=["risk"])
    weighed = weigh_cohorts(scored)
    outcomes = [TimeTo("day", "event"), Binary("event")]
    given = compare_cohorts(people, weighed, outcomes)
    counted = compare_cohorts(people, weighed, outcomes, propensity=scored)
    truth, found = true_difference(ratio), {}
    for kind, effects in (("", given), (", weights estimated", counted)):
        row = effects.effect("difference in event per 100 people")
        found |= {
            "bias of the rate": (row.estimate - truth) / 100,
            f"coverage, rate{kind}": bool(row.conf_low <= truth <= row.conf_high),
        }
        if ratio == 1:  # else hazard ratios of unlike people do not average
            row = effects.effect("hazard ratio of event")
            found |= {
                "bias of the log hazard ratio": float(np.log(row.estimate)),
                f"coverage, hazard ratio{kind}": bool(row.conf_low <= 1 <= row.conf_high),
            }
    gap = people.groupby("joined")["event"].mean()
    return found | {"bias of the rate, unweighted": float(gap[1] - gap[0] - truth / 100)}


def rare_need(rng: Generator, n: int, share: float, ratio: float) -> dict[str, Any]:
    """Study 10: a need of few, sometimes none of whom reoffend."""
    need = np.zeros(n, int)
    need[: max(round(share * n), 1)] = 1
    day = np.ceil(rng.exponential(1 / (RATE * np.where(need, ratio, 1.0)))).astype(int)
    until = 150
    frame = pd.DataFrame({"day": np.minimum(day, until), "event": day <= until, "need": need})
    times = TimeToEvent.from_frame(frame, stop="day", event="event")
    fit = fit_cox(times, ["need"])
    row = fit.to_frame().iloc[0]
    separated = not (frame.event & frame.need.eq(1)).any()
    empty = row[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all()
    offered = any("firth" in caveat for caveat in fit.caveats)
    firth = fit_cox(times, ["need"], penalty="firth").to_frame().iloc[0]
    return {
        "separated": separated,
        "flagged, blank and Firth offered": bool(empty and row.note and offered)
        if separated
        else np.nan,
        "flagged without need": bool(row.note) if not separated else np.nan,
        "coverage of Firth": bool(firth.conf_low <= ratio <= firth.conf_high),
    }


def test_of_proportionality(rng: Generator, n: int) -> dict[str, Any]:
    """Study 11: how often proportional hazards are rejected where they hold."""
    times = two_arms(rng, (n // 2, n - n // 2), 0.6)
    age = rng.normal(30, 8, times.n)
    times = TimeToEvent.from_frame(times.columns.assign(age=age), stop="day", event="event")
    checked = check_proportional_hazards(fit_cox(times, ["arm", "age"]), times).to_frame()
    return {term: bool(p < 0.05) for term, p in zip(checked.term, checked.p_value, strict=True)}


def as_planned(rng: Generator, n: int, k: int, ratio: float) -> dict[str, Any]:
    """Study 12: whether n people, with k times as many beside them, find a hazard ratio."""
    times = two_arms(rng, (n * k, n), ratio)
    fit = fit_cox(times, ["arm"], variance="robust")
    share = times.columns.assign(event=times.event).groupby("arm")["event"].mean()
    gap, each = abs(share[1] - share[0]), np.array([n * k, n])
    pooled = times.event.mean()
    none = np.sqrt(pooled * (1 - pooled) * (1 / each).sum())
    error = np.sqrt((share * (1 - share) / each).sum())
    b, of_b, _ = log_ratio(fit)
    return {
        "hazard ratio, log-rank": bool(log_rank(times, "arm").p_value < 0.05),
        "hazard ratio, Cox": bool(abs(b) > 1.959964 * of_b),
        "difference in the rate, error pooled": bool(gap > 1.959964 * none),
        "difference in the rate, as compared": bool(gap > 1.959964 * error),
    }


def planned(n: int, k: int, ratio: float) -> dict[str, float]:
    """What `power` tells of study 12."""
    rate = -100 * np.expm1(-RATE * YEAR)
    told = power(
        n, ratio=k, rate=rate, difference=-100 * np.expm1(-RATE * YEAR * ratio) - rate,
        hazard_ratio=ratio,
    )  # fmt: skip
    return told.frame.set_index("outcome")["estimate"].astype(float).to_dict()


def near(share: float) -> tuple[float, float]:
    """Two points either side of a share."""
    return (share - 0.02, share + 0.02)


def smallest_ratio(n: int, k: int) -> float:
    """Give the hazard ratio whose rate differs by the smallest difference that `power` tells."""
    drop = planned(n, k, 0.5)[SMALLEST] / 100
    return float(-np.log(np.exp(-RATE * YEAR) + drop) / (RATE * YEAR))


def live_at_different_times(rng: Generator) -> dict[str, Any]:
    """Study 14: effects that grow and differ; see `test_areas_going_live`."""
    noise = areas.errors(rng, len(areas.START), areas.MONTHS)
    names = ("overall effect", "stacked event study", "two-way fixed effects")
    return {
        f"bias, {name}": off
        for name, off in zip(names, areas.missed(areas.EFFECT + noise), strict=True)
    }


def _shares(names: tuple[str, ...], between: tuple[float, float]) -> tuple[Goal, ...]:
    return tuple(Goal(name, "share", *between) for name in names)


STUDIES = (
    Study(
        1,
        "Cox's log hazard ratio is right, and its standard error and limits hold.",
        {f"n {n}, HR {hr}": {"n": n, "ratio": hr} for n in (80, 150, 400) for hr in (1.0, 0.6)},
        log_hazard,
        lambda n, ratio: (
            Goal("bias", "bias", *((-0.02, 0.02) if n < 150 else (-0.01, 0.01))),
            Goal("SE ratio", "ratio", 0.97, 1.03),
            Goal("coverage", "share", *COVERAGE),
        ),
        replicates=10_000,  # of 2,000, a ratio of standard errors has an error of 0.016
    ),
    Study(
        2,
        "Tests reject 5 in 100 where there is no difference.",
        {f"n {n}": {"sizes": (n // 2, n // 2)} for n in (80, 150, 400)},
        tests_of_nothing,
        lambda sizes: _shares(
            ("log-rank", "likelihood ratio", "Wald"), SIZE if sum(sizes) >= 150 else (0.0, 0.07)
        ),
    ),
    Study(
        3,
        "So they do where a small pilot meets a large baseline.",
        {f"{n} against 150": {"sizes": (150, n)} for n in (10, 15, 30, 60)},
        tests_of_nothing,
        lambda sizes: (
            *_shares(("log-rank", "likelihood ratio"), SIZE),
            Goal("no estimate", "share"),
        ),
    ),
    Study(
        4,
        "Limits of a Kaplan-Meier curve hold as often as they say (log-log is the default).",
        {f"n {n}": {"n": n} for n in (40, 120)},
        limits_of_the_curve,
        lambda n: tuple(
            Goal(f"{kind}, {months} months", "share", *(COVERAGE if kind == "log-log" else ()))
            for kind in ("log-log", "logit", "log", "plain")
            for months in (6, 12)
        ),
    ),
    Study(
        5,
        "Several spells a person: limits clustered by person hold, others do not and say so.",
        {"100 people": {"n": 100}, "200 people": {"n": 200}},
        several_spells,
        lambda n: (
            Goal("robust coverage", "share", 0.93),
            Goal("naive coverage", "share"),
            Goal("warned", "share", 1.0),
        ),
    ),
    Study(
        6,
        "Joining late: the fair clock finds nothing, ever against never does, and is refused.",
        {"400 people": {}},
        immortal_time,
        lambda: (
            Goal("bias", "bias", -0.02, 0.02),
            Goal("rejected", "share", 0.0, 0.065),
            Goal("bias, ever against never", "bias", high=-0.3),
            Goal("rejected, ever against never", "share"),
            Goal("ever against never, refused", "share", 1.0),
        ),
    ),
    Study(
        7,
        "Where proof is slow and the pilot young, equal time for it finds nothing.",
        {"1,500 people": {}},
        slow_proof,
        lambda: (
            Goal("bias, waiting 6 months", "bias", -0.02, 0.02),
            Goal("bias, waiting 12 months", "bias", -0.02, 0.02),
            Goal("bias without waiting", "bias", high=-0.05),
        ),
        replicates=1_000,
    ),
    Study(
        8,
        "With custody as fast as reoffending, Aalen-Johansen is right and 1 - Kaplan-Meier is not.",
        {"300 people": {}},
        custody_as_fast,
        lambda: (
            Goal("bias", "bias", -0.005, 0.005),
            Goal("coverage", "share", *COVERAGE),
            Goal("bias of 1 - Kaplan-Meier", "bias", 0.06),
        ),
    ),
    Study(
        9,
        "Weighted to those who joined, effects are theirs, and limits hold as often as they say.",
        {"no effect": {"n": 500, "ratio": 1.0}, "hazard ratio 0.7": {"n": 500, "ratio": 0.7}},
        weighted_to_those_who_joined,
        lambda n, ratio: (
            Goal("bias of the rate", "bias", -0.01, 0.01),
            Goal("bias of the rate, unweighted", "bias", 0.05),
            Goal("coverage, rate", "share", 0.935, 0.97),
            Goal("coverage, rate, weights estimated", "share", *COVERAGE),
            *(
                (
                    Goal("bias of the log hazard ratio", "bias", -0.01, 0.01),
                    Goal("coverage, hazard ratio", "share", 0.935, 0.97),
                    Goal("coverage, hazard ratio, weights estimated", "share", *COVERAGE),
                )
                if ratio == 1
                else ()
            ),
        ),
    ),
    Study(
        10,
        "A need none of whose holders reoffend has no hazard ratio, and Firth's has limits.",
        {
            "4 in 100 of 150": {"n": 150, "share": 0.04, "ratio": 1.0},
            "4 in 100 of 150, HR 0.5": {"n": 150, "share": 0.04, "ratio": 0.5},
            "10 of 160": {"n": 160, "share": 0.0625, "ratio": 0.6},
        },
        rare_need,
        lambda n, share, ratio: (
            Goal("separated", "share"),
            Goal("flagged, blank and Firth offered", "share", 1.0),
            Goal("flagged without need", "share", 0.0, 0.0),
            Goal("coverage of Firth", "share", 0.93),
        ),
    ),
    Study(
        11,
        "The test of proportional hazards rejects 5 in 100 where they hold.",
        {f"n {n}": {"n": n} for n in (80, 150, 400)},
        test_of_proportionality,
        lambda n: _shares(("arm", "age", "GLOBAL"), SIZE),
    ),
    Study(
        12,
        "Effects are found as often as `power` tells, its smallest difference in four of five.",
        {
            f"{n} beside {n * k}, HR {ratio:.2f}": {"n": n, "k": k, "ratio": ratio}
            for n, k, ratio in (
                (40, 1, 0.6),
                (75, 1, 0.6),
                (200, 1, 0.6),
                (60, 10, 0.6),
                (30, 3, 0.4),
                (142, 3, smallest_ratio(142, 3)),
            )
        },
        as_planned,
        lambda n, k, ratio: (
            Goal("hazard ratio, log-rank", "share", *near(planned(n, k, ratio)[HAZARD])),
            Goal("hazard ratio, Cox", "share", *near(planned(n, k, ratio)[HAZARD])),
            Goal(
                "difference in the rate, error pooled",
                "share",
                *near(planned(n, k, ratio)[CHANCE]),
            ),
            Goal("difference in the rate, as compared", "share"),
        ),
        replicates=5_000,
    ),
    Study(
        13,
        "Faulty rows move the log hazard ratio by less than 0.02, as far as they can be cleaned.",
        {f"{share:.0%}": {"share": share} for share in (0.01, 0.05)},
        change,
        lambda share: (
            Goal("dates swapped", "bias", -0.02, 0.02),
            Goal("people under two ids", "bias"),
            Goal("people under two ids, merged", "bias", -0.02, 0.02),
            Goal("custody missing", "bias", -0.02, 0.02),
            Goal("dates swapped, size", "bias"),
            Goal("people under two ids, size", "bias"),
            Goal("people under two ids, merged, size", "bias"),
            Goal("custody missing, size", "bias"),
            Goal("dates swapped, offences in quarantine", "share"),
            Goal("people under two ids, still there", "share"),
        ),
        replicates=60,  # each beside the same pilot without faults: differences are known well
    ),
    Study(
        14,
        "Where effects grow and differ, only two-way fixed effects miss them.",
        {"12 areas, 24 months": {}},
        live_at_different_times,
        lambda: (
            Goal("bias, overall effect", "bias", -0.05, 0.05),
            Goal("bias, stacked event study", "bias", -0.05, 0.05),
            Goal("bias, two-way fixed effects", "bias", 0.5 * abs(areas.TRUTH)),
        ),
    ),
)
