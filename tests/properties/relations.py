"""Relations that hold between an estimate and that of changed rows, for every estimator they fit.

Numbers are those of the list of 36 relations the library was designed against. `RELATIONS` are
tried on every estimator of `tests.estimators` whose traits fit; `ELSEWHERE` names the tests of
the others, which have a shape of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.estimators import ESTIMATORS, TERMS, VALUES, numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tests.estimators import Estimator

    Change = Callable[[pd.DataFrame, Generator], pd.DataFrame]

POINT = ("estimate",)
PENALISED = ("fit_cox firth", "fit_cox ridge", "fit_cox frailty")
ESTIMATES_ONLY = ("fit_fine_gray", "concordance", "restricted_mean")  # errors are over people
DRAWN = ("bootstrap", "hazard_convergence")  # errors are of the people who are there to draw
OWN_CLOCK = ("check_proportional_hazards",)  # its clock is the curve of all rows, as R's


def cohort(seed: int) -> pd.DataFrame:
    """Make 60 people full of ties, two arms, days 4 to 40."""
    rng = np.random.default_rng(seed)
    n = 60
    arm, age = rng.permutation(n) % 2, np.round(rng.normal(35, 9, n), 1)
    day = np.minimum(4 + np.floor(rng.weibull(1.4, n) * np.exp(2.2 - 0.3 * arm)), 40).astype(int)
    day = np.where(rng.random(n) < 0.25, 40, day)
    event = (day < 40) & (rng.random(n) < 0.85)
    return pd.DataFrame(
        {
            "pid": [f"P{number:03d}" for number in range(n)],
            "day": day,
            "event": event.astype(int),
            "arm": arm,
            "age": age,
            "area": rng.choice(["a", "b"], n),
            "kind": rng.choice(["theft", "violence"], n),
        }
    )


@dataclass(frozen=True)
class Relation:
    """What must become of the numbers when rows are changed so.

    Attributes
    ----------
    fits : says of an estimator whether the relation is one of its own
    change, base : the changed rows, and those they are set against, from a cohort
    terms, swapped : the terms fitted to both; and to the changed rows, when others
    only : terms compared, all when empty
    values : columns compared
    days, unit, error, statistic : what a day, the estimate of a term, a standard error and a
        statistic are multiplied by
    rename : groups that change their names
    before : the first changed day on which nothing is compared
    """

    number: int
    sentence: str
    fits: Callable[[Estimator], bool]
    change: Change
    base: Change = lambda frame, _: frame
    swapped: tuple[str, ...] = TERMS
    only: tuple[str, ...] = ()
    values: tuple[str, ...] = VALUES
    days: Callable[[pd.Series], pd.Series] = lambda day: day
    unit: dict[str, float] = field(default_factory=dict)
    error: float = 1.0
    statistic: float = 1.0
    rename: dict[str, str] = field(default_factory=dict)
    before: float = np.inf
    tolerance: float = 1e-8

    def gap(self, estimator: Estimator, seed: int) -> float | None:
        """How far the numbers are from where they must be, by tolerance; None if there are none."""
        frame, rng = cohort(seed), np.random.default_rng([seed, 1])
        one = numbers(estimator(self.base(frame, rng)))
        if "term" in one and one[one.term.isin(TERMS)].note.str.startswith("not est").any():
            return None
        two = numbers(estimator(self.change(frame, rng), self.swapped))
        return self._apart(self._expected(one), two) / self._tolerance(estimator)

    def _tolerance(self, estimator: Estimator) -> float:
        climbs = "terms" in estimator.traits and "ranks" not in estimator.traits
        return max(self.tolerance, 1e-6 if climbs else 0.0)

    def _expected(self, one: pd.DataFrame) -> pd.DataFrame:
        unit = one.term.map(self.unit).fillna(1.0) if "term" in one else pd.Series(1.0, one.index)
        for value in ("estimate", "std_error", "conf_low", "conf_high"):
            if value in one:
                one[value] = one[value] * (unit if value == "estimate" else unit.abs())
        if "std_error" in one:
            one["std_error"] = one.std_error * self.error
        if "statistic" in one:
            one["statistic"] = one.statistic * np.sign(unit) * self.statistic
        if "day" in one:
            one["day"] = self.days(one.day)
            listed = one.n_events > 0 if "n_events" in one else True
            one = one[(one.day < self.before) & listed].copy()
        if "group" in one:
            one["group"] = one.group.astype(str).replace(self.rename)
        return one

    def _apart(self, one: pd.DataFrame, two: pd.DataFrame) -> float:
        keys = [key for key in ("group", "cause", "term", "day") if key in one]
        if self.only and "term" in keys:
            one = one[one.term.isin(self.only)]
        two = two.assign(**{key: two[key].astype(str) for key in keys if key == "group"})
        both = one.merge(two, on=keys, how="left", suffixes=("", "_two"), indicator=True)
        if (both._merge != "both").any():
            return np.inf
        worst = 0.0
        for value in set(self.values) & set(one.columns):
            a, b = (both[name].to_numpy(float) for name in (value, f"{value}_two"))
            if (np.isnan(a) != np.isnan(b)).any():
                return np.inf
            off = np.abs(a - b) / np.maximum(np.abs(a), 1e-2)
            worst = max(worst, float(np.nanmax(off, initial=0.0)))
        return worst


def trait(*names: str, but: tuple[str, ...] = ()) -> Callable[[Estimator], bool]:
    """Say that a relation is one of estimators with all these traits, but for some by name."""
    return lambda one: set(names) <= one.traits and not one.name.startswith(but or ("\0",))


def _cut(frame: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    at = rng.integers(1, frame.day)
    whole = frame.assign(start=0, person=frame.pid)
    parts = [whole.assign(day=at, event=0), whole.assign(start=at)]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)


def _twice(frame: pd.DataFrame, _: Generator) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(pid=frame.pid + "b")], ignore_index=True)


def _light(frame: pd.DataFrame) -> pd.Series:
    return frame.event.eq(0) & (frame.day < 40)


def _with(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Add five people, alike but for `columns`."""
    more = frame.head(5).assign(pid=[f"X{k}" for k in range(5)], event=0, **columns)
    return pd.concat([frame, more], ignore_index=True)


def _in_strata(frame: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    both = _twice(frame, rng)
    return both.assign(strata=both.pid.str.endswith("b"))


def _quiet(frame: pd.DataFrame, _: Generator) -> pd.DataFrame:
    more = frame.assign(pid=frame.pid + "q", event=0, age=3 * frame.age, strata="quiet")
    return pd.concat([frame.assign(strata=frame.area), more], ignore_index=True)


def _stop(frame: pd.DataFrame, _: Generator) -> pd.DataFrame:
    return frame.assign(event=frame.event * (frame.day <= 12), day=frame.day.clip(upper=12))


RELATIONS = (
    Relation(1, "rows may come in any order", trait(),
             lambda f, rng: f.iloc[rng.permutation(len(f))]),
    Relation(2, "days times 7: only days change", trait("ranks"),
             lambda f, _: f.assign(day=7 * f.day), days=lambda day: 7 * day),
    Relation(2, "days times 7: only intercept and scale change",
             trait("terms", "weights", but=("fit_cox time-varying",)),
             lambda f, _: f.assign(day=7 * f.day), only=TERMS),
    Relation(3, "only the order of days matters", trait("ranks"),
             lambda f, _: f.assign(day=f.day**2), days=lambda day: day**2),
    Relation(4, "a covariate + 1,000", trait("terms"),
             lambda f, _: f.assign(age=f.age + 1000), only=TERMS),
    Relation(4, "a score + 1,000", trait("score"), lambda f, _: f.assign(age=f.age + 1000)),
    Relation(5, "a covariate + 1e8", trait("terms"),
             lambda f, _: f.assign(age=f.age + 1e8), only=TERMS, tolerance=1e-5),
    Relation(6, "a covariate times 1e6", trait("terms", but=("fit_cox ridge",)),
             lambda f, _: f.assign(age=f.age * 1e6), only=TERMS, unit={"age": 1e-6}),
    Relation(7, "the arms swapped: the sign turns", trait("terms", "hazards"),
             lambda f, _: f.assign(arm=1 - f.arm), only=TERMS, unit={"arm": -1.0},
             values=("estimate", "std_error", "statistic", "p_value")),
    Relation(7, "the arms swapped: the same test", trait("tests", "groups"),
             lambda f, _: f.assign(arm=1 - f.arm), values=("statistic", "p_value"),
             rename={"0": "1", "1": "0"}),
    Relation(7, "the arms swapped: the same curves", trait("groups", "curves"),
             lambda f, _: f.assign(arm=1 - f.arm), rename={"0": "1", "1": "0"}),
    Relation(8, "terms in another order", trait("terms"), lambda f, _: f, swapped=TERMS[::-1]),
    Relation(9, "weight 2 is every row twice (not with Efron's ties: see 10)",
             lambda one: one.name.startswith(("fit_cox breslow", "fit_parametric")),
             lambda f, _: f.assign(weight=2.0), base=_twice),
    Relation(9, "weight 2 is every row twice: estimates",
             lambda one: one.name in ESTIMATES_ONLY or {"weights", "curves"} <= one.traits,
             lambda f, _: f.assign(weight=2.0), base=_twice, values=POINT),
    Relation(12, "a weight of 1e-14 is a row left out",
             trait("weights", but=(*OWN_CLOCK, *DRAWN, "smoothed_hazard")),
             lambda f, _: f.assign(weight=np.where(_light(f), 1e-14, 1.0)),
             base=lambda f, _: f[~_light(f)].assign(weight=1.0), tolerance=1e-7),
    Relation(13, "rows cut in two", trait(), _cut),
    Relation(14, "people who leave before the first event", trait("ranks"),
             lambda f, _: _with(f, day=2)),
    Relation(15, "the cohort twice, in two strata: half the variance",
             trait("strata", "hazards", but=PENALISED), _in_strata, only=TERMS,
             values=("estimate", "std_error"), error=0.5**0.5),
    Relation(15, "the cohort twice, in two strata: twice the statistic", trait("groups", "tests"),
             _in_strata, values=("statistic",), statistic=2.0),
    Relation(16, "a stratum without events", trait("strata", but=OWN_CLOCK), _quiet,
             base=lambda f, _: f.assign(strata=f.area), tolerance=1e-7),
    Relation(19, "a third arm that leaves at once", trait("groups", "ranks"),
             lambda f, _: _with(f, day=2, arm=2), values=("estimate", "std_error", "statistic")),
    Relation(23, "a curve does not know the future", trait("groups", "curves"), _stop, before=12),
    Relation(24, "a censoring comes after the events of its day",
             trait("ranks", but=("fit_fine_gray",)),
             lambda f, _: f.assign(day=3 * f.day + 1 - f.event), days=lambda day: 3 * day),
)  # fmt: skip

ELSEWHERE = {
    8: (
        "another reference label",
        ["test_the_reference_label_and_the_order_of_terms_do_not_matter"],
    ),
    10: (
        "weight 2 is not every row twice under Efron",
        ["test_weight_two_is_every_row_twice_under_breslow_but_not_under_efron"],
    ),
    11: (
        "without ties the tie rule does not matter, with weights too",
        ["test_without_ties_the_tie_rule_does_not_matter"],
    ),
    17: (
        "the log-rank statistic is Cox's score test",
        ["test_log_rank_is_the_score_test_without_ties"],
    ),
    18: (
        "the log-rank test is Mantel and Haenszel's over the days",
        ["test_the_log_rank_test_is_that_of_a_stack_of_two_by_two_tables"],
    ),
    20: (
        "without censoring the curve is the share still to come",
        ["test_without_censoring_the_curve_is_the_share_still_to_come"],
    ),
    21: (
        "curves of events and of censorings multiply to the share at risk",
        ["test_event_and_censoring_curves_multiply_to_the_share_at_risk"],
    ),
    22: ("Kaplan–Meier and Greenwood as exact fractions", ["test_curves_have_twelve_digits"]),
    25: (
        "whole weights in a curve are rows repeated",
        ["test_whole_weights_are_rows_repeated_in_the_curve"],
    ),
    26: (
        "restricted means add up over horizons, and scale with days",
        ["test_restricted_means_add_up_scale_and_are_areas"],
    ),
    27: (
        "incidences and the share without an event add up to 1",
        ["test_incidences_and_the_share_without_any_event_add_up_to_one"],
    ),
    28: (
        "residuals add up to 0 and foretell leaving a row out",
        [
            "test_score_residuals_add_up_to_nothing_and_foretell_leaving_a_row_out",
            "test_residuals_add_up_to_nothing_and_dfbeta_to_the_sandwich",
        ],
    ),
    29: (
        "S(t given x + d) is S(t given x) to the power exp(b d)",
        ["test_a_step_in_a_covariate_is_a_power_of_the_curve"],
    ),
    30: (
        "C of a score and of its negative add up to 1; stretching does nothing",
        ["test_turning_a_score_round_turns_concordance_and_stretching_it_does_nothing"],
    ),
    31: (
        "equal weights change nothing; a cohort does not differ from its copy",
        [
            "test_constant_weights_change_no_robust_answer",
            "test_a_cohort_compared_with_its_own_copy_does_not_differ",
            "test_copies_differ_in_nothing",
        ],
    ),
    32: ("all dates moved: every number the same", ["test_all_dates_may_move"]),
    33: ("other pseudonyms: every number the same", ["test_people_may_have_other_names"]),
    34: (
        "CSV, Parquet, a workbook, a database, a frame: the same cases",
        ["test_the_same_cases_come_out_whatever_they_are_kept_in"],
    ),
    35: (
        "cleaning twice is cleaning once; who is excluded changes only the accounting",
        [
            "test_cleaning_twice_is_cleaning_once",
            "test_somebody_excluded_changes_only_the_accounting",
        ],
    ),
    36: (
        "protecting twice is protecting once; a higher threshold releases no more",
        ["test_protecting_twice_is_protecting_once", "test_a_higher_threshold_never_releases_more"],
    ),
}


def pairs() -> list[tuple[Relation, Estimator]]:
    """List every relation with every estimator it fits."""
    return [(one, that) for one in RELATIONS for that in ESTIMATORS if one.fits(that)]
