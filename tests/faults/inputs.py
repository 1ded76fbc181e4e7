"""Sixty-one bad or odd inputs, and what a right answer to each is.

The list and its numbers are those the library was designed against. Each input spoils clean
rows (`clean`) and says what may come of it: an error that matches `error`; the numbers of
other rows that mean the same (`like`, made from the clean
rows, or `cut` from the spoilt ones), with a caveat that matches `says` where something must
be said; or no number, for a reason that matches `cell`. Where rows are odd but honest and no
other rows mean the same, R's numbers are in `odd.json`, made by `odd.R` from `odd.csv`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.estimators import TERMS
from tests.faults import spoilt as to
from tests.faults.spoilt import Input, cut, has, put, same, whole

MANY = tuple(f"x{j}" for j in range(15))
ALL_GROUPS = has("terms", "groups", "score")
COVARIATES = has("terms", "score")
NO_WEIGHTS = {"!weights": "takes no weights"}
COUNTS = {"counts": "counts covariates, whether or not they can be told apart"}
NOT_LINEAR = {"units": "a ridge minds the units of covariates, as its page says"}
TIMES = "whole days"

INPUTS = (
    Input(1, "empty time", put("day", np.nan, dtype=float), r"'day' is empty in 1 row \(row 3\)"),
    Input(
        2, "empty event", put("event", np.nan, dtype=float), r"'event' is empty in 1 row \(row 3\)"
    ),
    Input(
        3,
        "empty covariate, group or score",
        lambda f: put("age", np.nan)(put("arm", np.nan, dtype=float)(f)),
        like=lambda f: f.drop(index=3).assign(arm=f.arm.astype(float)),
        says=r"[Ll]eft out.*: 1\.",
        needs=ALL_GROUPS,
    ),
    Input(4, "negative time", put("day", -7777), r"'day' is negative in 1 row \(row 3\)"),
    Input(
        5,
        "time 0 with an event",
        put("day", 0),
        r"'day' is not after 'start' in 1 row \(row 3\).*event on day 0",
    ),
    Input(
        6, "infinite time", put("day", np.inf, dtype=float), r"'day' is infinite in 1 row \(row 3\)"
    ),
    Input(
        7,
        "infinite covariate or score",
        put("age", np.inf),
        r"'age' is infinite in 1 row \(row 3\)",
        needs=COVARIATES,
    ),
    Input(
        8,
        "no event at all",
        whole("event", lambda f: 0),
        "no cause (of any event|to fit)|terms that are not estimable",
        like=cut,
    ),
    Input(9, "everybody has the event", whole("event", lambda f: 1), like=cut),
    Input(
        10,
        "one person",
        lambda f: f.head(1).assign(event=1, kind="violence"),
        "terms that are not estimable|units to draw from",
        like=cut,
    ),
    Input(
        11,
        "nobody",
        lambda f: f.head(0),
        "no cause (of any event|to fit)|terms that are not estimable|Nobody is at risk|"
        "units to draw from",
    ),
    Input(
        12,
        "constant covariate",
        whole("flat", lambda f: 4.0),
        "not estimable",
        like=same,
        terms=(*TERMS, "flat"),
        needs=has("terms"),
        without=COUNTS,
    ),
    Input(
        13,
        "exact collinearity",
        whole("same", lambda f: 2 * f.age + 1),
        "not estimable",
        like=same,
        terms=(*TERMS, "same"),
        needs=has("terms"),
        without={"units": "a ridge shares the effect out, as it is meant to", **COUNTS},
    ),
    Input(
        14,
        "collinear but for noise of 1e-9",
        whole("same", lambda f: f.age + 1e-9 * np.sin(np.arange(len(f)))),
        "not estimable",
        like=same,
        terms=(*TERMS, "same"),
        needs=has("terms"),
        without={"units": "a ridge shares the effect out, as it is meant to", **COUNTS},
    ),
    Input(
        15,
        "an arm without events",
        to.nobody_in_arm_reoffends,
        "terms that are not estimable",
        like=to.of_arm,
        like_terms=("age",),
        only=("age",),
        cell="not identified",
        without=COUNTS,
    ),
    Input(
        16,
        "one event only",
        to.one_event,
        "no cause (of any event|to fit)|terms that are not estimable",
        like=lambda f: to.of_arm(to.one_event(f)),
        like_terms=("age",),
        only=("age",),
        without=COUNTS,
    ),
    Input(
        17,
        "events coded 1 and 2",
        whole("event", lambda f: f.event + 1),
        "'event' is neither 0 nor 1 in 52 rows",
    ),
    Input(
        18,
        "events coded 0, 1 and 2",
        put("event", 2),
        r"'event' is neither 0 nor 1 in 1 row \(row 3\)",
    ),
    Input(
        19,
        "events as text 0 and 1",
        whole("event", lambda f: f.event.astype(str)),
        "'event' holds object, not bool or 0/1",
    ),
    Input(
        20,
        "events as Y and N",
        whole("event", lambda f: np.where(f.event, "Y", "N")),
        "'event' holds object, not bool or 0/1",
    ),
    Input(21, "events as bool", whole("event", lambda f: f.event == 1), like=same),
    Input(
        22,
        "times as text",
        whole("day", lambda f: f.day.astype(str)),
        f"'day' holds object, not numbers.*{TIMES}",
    ),
    Input(
        23,
        "times with n/k",
        put("day", "n/k", dtype=object),
        f"'day' holds object, not numbers.*{TIMES}",
    ),
    Input(
        24,
        "times as durations",
        whole("day", lambda f: pd.to_timedelta(f.day, "D")),
        f"'day' holds timedelta.*{TIMES}",
    ),
    Input(
        25,
        "times as dates",
        whole("day", lambda f: pd.Timestamp("2020-01-01") + pd.to_timedelta(f.day, "D")),
        f"'day' holds datetime.*{TIMES}",
    ),
    Input(
        26,
        "covariate in nanoseconds since 1970",
        whole("age", lambda f: (1.6e18 + f.age * 3.2e16).astype("int64")),
        like=same,
        factor={"age": 3.2e16},
        needs=COVARIATES,
        without=NOT_LINEAR,
        only=(*TERMS, "the Cox fit"),
    ),
    Input(
        27,
        "covariate of the order of 1e-12",
        whole("age", lambda f: f.age * 1e-12),
        like=same,
        factor={"age": 1e-12},
        needs=COVARIATES,
        without=NOT_LINEAR,
    ),
    Input(
        28,
        "covariate shifted by 1e8",
        whole("age", lambda f: f.age + 1e8),
        like=same,
        needs=COVARIATES,
        only=(*TERMS, "the Cox fit"),
    ),
    Input(29, "one weight of 1e-300", to.tiny_weight, like=to.without_tiny, without=NO_WEIGHTS),
    Input(
        30,
        "all weights of 1e-300",
        whole("weight", lambda f: 1e-300),
        "'weight' is beyond 1e150 or below 1e-150; scale",
    ),
    Input(
        31,
        "a negative weight",
        lambda f: put("weight", -7777.0)(f.assign(weight=1.0)),
        r"'weight' is .*negative in 1 row \(row 3\)",
    ),
    Input(
        32,
        "a weight of 0",
        lambda f: put("weight", 0.0)(f.assign(weight=1.0)),
        r"'weight' is .*zero .* in 1 row \(row 3\).*leave out",
    ),
    Input(
        33,
        "an empty weight",
        lambda f: put("weight", np.nan)(f.assign(weight=1.0)),
        r"'weight' is empty.* in 1 row \(row 3\)",
    ),
    Input(
        34,
        "start after stop",
        lambda f: put("start", 7777)(f.assign(start=0)),
        r"'day' is not after 'start' in 1 row \(row 3\)",
    ),
    Input(
        35,
        "start at stop",
        whole("start", lambda f: f.day),
        "'day' is not after 'start' in 80 rows",
    ),
    Input(
        36,
        "negative start",
        lambda f: put("start", -7777)(f.assign(start=0)),
        r"'start' is negative in 1 row \(row 3\)",
    ),
    Input(
        37,
        "entry on a day with events",
        to.late,
        like=to.late_between,
        days=2,
        without={"!ranks": "has no risk sets"},
    ),
    Input(38, "rows not in order", lambda f: f.sample(frac=1, random_state=1), like=same),
    Input(39, "labels of the index twice", lambda f: f.set_axis([0] * len(f), axis=0), like=same),
    Input(
        40, "every row twice, with other ids", to.twice, like=cut, says="Every row stands 2 times"
    ),
    Input(
        41, "all on one day", whole("day", lambda f: 90), "terms that are not estimable", like=cut
    ),
    Input(
        42,
        "more terms than people",
        to.many_terms,
        "terms that are not estimable",
        terms=MANY,
        needs=has("terms"),
        without=COUNTS,
    ),
    Input(
        43,
        "time times 1e300",
        whole("day", lambda f: f.day * 1e300),
        "'day' is longer than 120 years in 80 rows",
    ),
    Input(
        44,
        "time times 1e-300",
        whole("day", lambda f: f.day * 1e-300),
        "'day' is not after 'start' in 80 rows",
    ),
    Input(
        45,
        "nullable event with an empty cell",
        put("event", pd.NA, dtype="Int64"),
        r"'event' is empty in 1 row \(row 3\)",
    ),
    Input(
        46,
        "nullable types, nothing empty",
        lambda f: f.astype({"day": "Int64", "event": "boolean", "age": "Float64", "arm": "Int64"}),
        like=same,
    ),
    Input(
        47,
        "text as covariate",
        to.tiers,
        like=to.dummies,
        terms=("arm", "tier"),
        like_terms=("arm", "tier[low]", "tier[high]"),
        needs=has("terms"),
        without={
            "units": "text is entered in units of its own",
            "tests": "tests all labels at once",
        },
    ),
    Input(
        48,
        "numbers in an object column",
        whole("age", lambda f: f.age.astype(object)),
        "'age' holds object",
        needs=COVARIATES,
    ),
    Input(
        49,
        "times equal but for the last bit",
        whole("day", lambda f: np.nextafter(f.day.astype(float), 1e9 * (f.index % 2))),
        like=same,
    ),
    Input(
        50,
        "a column that stands twice",
        lambda f: pd.concat([f, f[["age", "arm"]]], axis=1),
        "[Cc]olumn '(age|arm)' stands 2 times",
        needs=ALL_GROUPS,
    ),
    Input(
        51,
        "9999 for an unknown age",
        put("age", 9999.0, (3, 20, 41, 60)),
        like=cut,
        says="`age` is one number of nines, .* for 4 of 80",
        needs=COVARIATES,
    ),
    Input(
        52,
        "31/12/9999 for an unknown end",
        put("day", 2_900_000),
        r"'day' is longer than 120 years in 1 row \(row 3\)",
    ),
    Input(
        53,
        "one person in an arm",
        to.one_in_arm,
        like=cut,
        says="`arm` is 1 for 1 of 80",
        needs=has("terms", "groups"),
    ),
    Input(54, "time and event in other orders", to.spoilt_order, like=same),
    Input(55, "time shorter than event", to.unequal, r"'day' is empty in 5 rows"),
    Input(
        56,
        "test of groups, an empty time",
        put("day", np.nan, dtype=float),
        r"'day' is empty in 1 row \(row 3\)",
        needs=has("tests"),
    ),
    Input(57, "test of groups, no event", whole("event", lambda f: 0), needs=has("tests")),
    Input(
        58,
        "test of groups, one group",
        to.of_arm,
        needs=has("tests"),
        without={"terms": "reads no groups"},
    ),
    Input(
        59,
        "empty stratum",
        lambda f: put("strata", None)(f.assign(strata=f.area)),
        r"'strata' is empty in 1 row \(row 3\)",
    ),
    Input(
        60,
        "overlapping rows of a person",
        to.gap,
        "5 rows .* overlap an earlier row of the same person",
    ),
    Input(
        61,
        "rows after the event",
        to.after_event,
        "5 rows .* follow the event of the same person",
        without={"repeated": "repeated events may be followed by more rows"},
    ),
)
