"""How many digits the library shares with the certified numbers.

Digits are -log10 of the relative error, counted up to 15; of several numbers, the fewest.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from mpmath import log10, mp, mpf

from desistance.survival import fit_cox, fit_parametric, kaplan_meier, log_rank, nelson_aalen
from tests.certified import exact
from tests.certified.studies import studies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.certified.studies import Study

CERTIFIED = json.loads((Path(__file__).parent / "certified.json").read_text(encoding="utf-8"))
MOST = 15.0
Counts = dict[str, float]


def digits(found: Iterable[float], certified: Iterable[str | mpf]) -> float:
    """Count the digits that the worst of several numbers has in common with its certificate."""
    counts = [MOST]
    with mp.workdps(60):
        for ours, theirs in zip(found, certified, strict=True):
            right = mpf(theirs)
            error = abs(mpf(float(ours)) - right) / abs(right)
            counts.append(float(-log10(error)) if error else MOST)
    return float(np.min(counts))  # NaN is fewer than any


def of_fit(answer: dict) -> Counts:
    """Fit a certified model and count."""
    study = studies()[answer["study"]]
    if answer["model"] == "cox":
        options = {"ties": answer["ties"], "strata": study.strata}
        fit = fit_cox(study.times(), list(study.terms), **options)
        found, covariance = fit.log_hazards, fit.covariance
    else:
        fit = fit_parametric(study.times(), list(study.terms), distribution=answer["distribution"])
        found, covariance = fit.solution.values, fit.solution.covariance
    counts = {
        "coefficients": digits(found, answer["coefficients"]),
        "standard errors": digits(covariance.diagonal() ** 0.5, answer["std_error"]),
        "log-likelihood": digits([fit.log_likelihood], [answer["log_likelihood"]]),
    }
    if "std_error_by_cluster" in answer:
        by = fit_cox(
            study.times(), list(study.terms), **options, variance="cluster", cluster=study.cluster
        )
        errors = by.covariance.diagonal() ** 0.5
        counts["clustered errors"] = digits(errors, answer["std_error_by_cluster"])
    return counts


def of_curve(study: Study) -> Counts:
    """Count for the curves, which are exact fractions; rows with weights are not."""
    times, right = study.times(), exact.curve(study)
    share = kaplan_meier(times).to_frame().set_index("day").loc[right["day"]]
    hazard = nelson_aalen(times).to_frame().set_index("day").loc[right["day"]]
    known = share.estimate > 0
    return {
        "Kaplan–Meier": digits(share.estimate[known], right["share"]),
        "Greenwood's error": digits(share.std_error[known], right["error"]),
        "Nelson–Aalen": digits(hazard.estimate, right["hazard"]),
        "log-rank": digits([log_rank(times, study.group).statistic], [exact.log_rank(study)]),
    }


def name_of(answer: dict) -> str:
    """Say which model an answer is of."""
    if answer["model"] == "cox":
        return f"Cox, {answer['ties'].capitalize()}"
    return {"weibull": "Weibull", "log-normal": "log-normal"}[answer["distribution"]]


@cache
def with_curves() -> tuple[Study, ...]:
    """The studies whose curves are exact: without weights."""
    return tuple(s for s in studies().values() if s.group and not s.weight)


def all_counts() -> Iterator[tuple[str, str, Counts]]:
    """Every study, model and what was counted."""
    for answer in CERTIFIED:
        yield answer["study"], name_of(answer), of_fit(answer)
    for study in with_curves():
        yield study.name, "curves", of_curve(study)
