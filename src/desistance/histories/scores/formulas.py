"""The published formulas, on arrays; a person with an unknown input gets NaN.

Probabilities are not rounded on the way. The service that publishes OGRS3 rounds its Copas rate
and its probability to five decimals, so a whole per cent may differ by one where the probability
lies within 0.00001 of a half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from desistance.catalogue import (
    PredictorTable,
    ReconvictionTable,
    copas_variant,
    points_score,
    score_table,
)
from desistance.catalogue.scores import SEXES
from desistance.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def copas_rate(sanctions: ArrayLike, years: ArrayLike, variant: str = "MOJ") -> Floats:
    """Give the Copas rate, ``ln((sanctions + a) / (years + b))``.

    Parameters
    ----------
    sanctions, years : arrays, shape (n,)
        Which sanctions a variant counts is in the catalogue; years since the first of them.
    variant
        "MOJ" (previous sanctions; a = 1, b = 10), "OGRS3" (sanctions with the current one; 0 and
        10), "OGRS4" (0 and 26), "OGRS4_VIOLENT_12", "OGRS4_VIOLENT_30".

    References
    ----------
    Copas and Marshall (1998), J. R. Stat. Soc. C 47, 159-171.

    Examples
    --------
    >>> from desistance.histories import copas_rate
    >>> copas_rate([1, 5], [0, 10]).round(3).tolist()
    [-1.609, -1.204]
    """
    rate = copas_variant(variant)
    counted = np.asarray(sanctions, float) + rate.added_sanctions
    length = np.asarray(years, float) + rate.added_years
    fit = (counted > 0) & (length > 0)
    return np.log(np.where(fit, counted, np.nan) / np.where(fit, length, np.nan))


def ogrs3(
    sex: ArrayLike,
    age: ArrayLike,
    sanctions: ArrayLike,
    age_first_sanction: ArrayLike,
    age_last_sanction: ArrayLike,
    offence_weight: ArrayLike,
    *,
    table: ReconvictionTable | str | Path = "OGRS3",
) -> Floats:
    """Give the OGRS3 probability of a proven reoffence within one and two years.

    Parameters
    ----------
    sex : array of str, shape (n,)
        "M" or "F"; anything else is unknown.
    age, age_first_sanction, age_last_sanction : arrays, shape (n,)
        In completed years: at the start of follow-up, at the first and at the current sanction.
    sanctions : array, shape (n,)
        Number of sanctions, the current one included.
    offence_weight : array, shape (n,)
        Weight of the current offence; see `ScoreTable.of_offence`.
    table
        Coefficients, or where they are.

    Returns
    -------
    array, shape (n, 2)

    References
    ----------
    Howard, Francis, Soothill and Humphreys (2009), OGRS 3: the revised Offender Group
    Reconviction Scale, Ministry of Justice Research Summary 7/09.

    Examples
    --------
    >>> from desistance.histories import ogrs3
    >>> (100 * ogrs3("M", 61, 2, 47, 59, 0.7606)).round().tolist()
    [[8.0, 16.0]]
    """
    chosen = table if isinstance(table, ReconvictionTable) else score_table(table)
    if not isinstance(chosen, ReconvictionTable):
        raise PlanError(f"{chosen.name} is not a score in the form of OGRS3.")
    of_sex, years, count, first, last, weight = _columns(
        sex, age, sanctions, age_first_sanction, age_last_sanction, offence_weight
    )
    of_age = np.full(years.shape, np.nan)
    for each, bands in chosen.age_from.items():
        weights = np.array([np.nan, *bands.values()])
        of_age = np.where(
            of_sex == each, weights[np.searchsorted([*bands], years, "right")], of_age
        )
    status = np.where(count == 1, chosen.first_sanction, chosen.later_sanction)
    rate = copas_rate(count, last - first, chosen.copas_rate)
    score = of_age + status + chosen.copas * rate + weight
    score = np.where(np.isnan(years) | (count < 1), np.nan, score)
    return np.asarray(expit(score[:, None] + np.array([*chosen.constants.values()])))


def all_reoffending_predictor(
    sex: ArrayLike,
    age: ArrayLike,
    sanctions: ArrayLike,
    age_first_sanction: ArrayLike,
    age_last_sanction: ArrayLike,
    offence_weight: ArrayLike,
    offence_free_months: ArrayLike,
    *,
    table: PredictorTable | str | Path = "ARP",
) -> Floats:
    """Give the All Reoffending Predictor, static form: a proven reoffence within two years.

    Parameters
    ----------
    sex, sanctions, age_first_sanction, age_last_sanction, offence_weight
        As in `ogrs3`.
    age : array, shape (n,)
        In completed years when the offence-free months began.
    offence_free_months : array, shape (n,)
        Whole months in the community without an offence; more than 36 count as 36.
    table
        Coefficients, or where they are.

    Returns
    -------
    array, shape (n,)

    References
    ----------
    HM Prison and Probation Service, hmpps-arns-risk-actuarial-api (2026).

    Examples
    --------
    >>> from desistance.histories import all_reoffending_predictor
    >>> months_in = all_reoffending_predictor("M", 30, 2, 21, 30, 0.0384434393037725, [0, 12, 36])
    >>> (100 * months_in).round(2).tolist()
    [20.34, 11.57, 4.27]
    """
    chosen = table if isinstance(table, PredictorTable) else score_table(table)
    if not isinstance(chosen, PredictorTable):
        raise PlanError(f"{chosen.name} is not a score in the form of the predictor.")
    of_sex, years, count, first, last, weight, months = _columns(
        sex, age, sanctions, age_first_sanction, age_last_sanction, offence_weight,
        offence_free_months,
    )  # fmt: skip
    rate = copas_rate(count, last - first, chosen.copas_rate)
    by_sex = np.full(years.shape, np.nan)
    for each, own in chosen.by_sex.items():
        score = own.constant + _powers(own.age, years)
        score = score + np.where(count == 2, own.years_between * (last - first), 0.0)
        score = score + np.where(count >= chosen.copas_from, _powers(own.copas, rate), 0.0)
        by_sex = np.where(of_sex == each, score, by_sex)
    few = np.select([count == 1, count == 2], [chosen.first_sanction, chosen.second_sanction], 0.0)
    free = _powers(chosen.months, np.minimum(months, chosen.most_months))
    score = chosen.constant + by_sex + weight + few + chosen.sanctions * count + free
    return np.asarray(expit(np.where((count < 1) | (months < 0), np.nan, score)))


def ogp(
    ogrs3_percent: ArrayLike,
    *,
    no_fixed_abode: ArrayLike,
    unemployed: ArrayLike,
    activities: ArrayLike,
    drugs: ArrayLike,
    thinking: ArrayLike,
    attitudes: ArrayLike,
) -> Floats:
    """Give the OASys General Predictor: non-violent reoffending within one and two years.

    Parameters
    ----------
    ogrs3_percent : array, shape (n,)
        The two-year OGRS3 score in whole per cent.
    no_fixed_abode, unemployed : bool arrays, shape (n,)
    activities, attitudes : arrays of 0, 1, 2, shape (n,)
        Regular activities encourage offending; attitudes favour it.
    drugs : array of 0 to 4, shape (n,)
        Current drug misuse and motivation to tackle it, added.
    thinking : array of 0 to 6, shape (n,)
        Problem solving, awareness of consequences and understanding of others, added.

    Returns
    -------
    array, shape (n, 2)

    Examples
    --------
    >>> from desistance.histories import ogp
    >>> ogp(50, no_fixed_abode=True, unemployed=True, activities=2, drugs=4, thinking=6,
    ...     attitudes=2).round(3).tolist()
    [[0.652, 0.774]]
    """
    total = _half_up(0.6 * np.asarray(ogrs3_percent, float))
    total = total + 5.0 * np.asarray(no_fixed_abode, float) + 5.0 * np.asarray(unemployed, float)
    total = total + _half_up(3.75 * np.asarray(drugs, float))
    total = total + _half_up(5 * np.asarray(thinking, float) / 6)
    for grade in (activities, attitudes):
        total = total + np.interp(np.asarray(grade, float), [0, 1, 2], [0.0, 3.0, 5.0])
    return _from_points(total, "OGP")


def ovp(points: ArrayLike) -> Floats:
    """Give the OASys Violence Predictor within one and two years, from its points.

    Examples
    --------
    >>> from desistance.histories import ovp
    >>> ovp([0, 50]).round(3).tolist()
    [[0.011, 0.02], [0.287, 0.434]]
    """
    return _from_points(np.asarray(points, float), "OVP")


def _from_points(points: Floats, name: str) -> Floats:
    score = points_score(name)
    shifts = np.array([score.one_year, score.two_years])
    return np.asarray(expit(score.slope * np.atleast_1d(points)[:, None] - shifts))


def _half_up(values: Floats) -> Floats:
    return np.floor(values + 0.5)


def _powers(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Add ``c1 x + c2 x^2 + ...``."""
    return np.asarray(np.polynomial.polynomial.polyval(x, [0.0, *coefficients]))


def _columns(sex: ArrayLike, *numbers: ArrayLike) -> tuple[Any, ...]:
    """Bring all inputs to one length."""
    known = np.asarray(sex, dtype=object)
    known = np.where(np.isin(known.astype(str), SEXES), known, "").astype(str)
    values = (np.asarray(number, float) for number in numbers)
    return tuple(np.broadcast_arrays(np.atleast_1d(known), *values))
