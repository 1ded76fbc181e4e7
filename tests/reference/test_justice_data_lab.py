"""The Justice Data Lab's published results, from as many people as it printed.

Ministry of Justice, Justice Data Lab statistics, under the Open Government Licence v3.0; read from
the pages named in `justice_data_lab.csv`. Rates and limits stand there in whole points, and the
size of the comparison group does not: it is taken to be MANY times as large, as theirs are large.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from desistance.balance import estimate_propensity, weigh_cohorts
from desistance.comparison import Binary, compare_cohorts, rate_sentence

PRINTED = pd.read_csv(Path(__file__).with_name("justice_data_lab.csv"))
WITH_LIMITS = PRINTED[PRINTED["low"].notna()].to_dict("records")
WITH_RATES = PRINTED[PRINTED["rate_joined"].notna()].to_dict("records")
PAGE = Path(__file__).parents[2] / "docs" / "methods" / "effects.md"
MANY = 20
NAMES = ("comparison", "programme")


def by_name(printed):
    return printed["programme"]


def printed_as(rate, n):
    """Give the least and the most reoffenders of n whose share prints as `rate`."""
    counts = np.arange(n + 1)
    fits = counts[np.floor(100 * counts / n + 0.5) == rate]
    return int(fits[0]), int(fits[-1])


def found(joined, compared):
    """Give the interval of the difference and what may be said, from (reoffenders, people)."""
    parts = [
        pd.DataFrame({"joined": side, "again": np.arange(n) < events, "age": np.arange(n) % 2})
        for side, (events, n) in enumerate((compared, joined))
    ]
    frame = pd.concat(parts, ignore_index=True)
    scored = estimate_propensity(frame, exposed="joined", terms=["age"], names=NAMES)
    balanced = weigh_cohorts(scored)
    row = compare_cohorts(frame, balanced, [Binary("again")]).effect(
        "difference in again per 100 people"
    )
    said = rate_sentence(
        row["conf_low"], row["conf_high"], n_joined=balanced.n_matched,
        n_compared=balanced.n_compared, light=balanced.light, names=NAMES,
    )  # fmt: skip
    return row["conf_low"], row["conf_high"], said


def people_of(printed, fold=MANY):
    """Of the people who print as the rates do, those whose difference is midway in the limits."""
    n, middle = printed["n_joined"], (printed["low"] + printed["high"]) / 2
    off = middle - (printed["rate_joined"] - printed["rate_compared"])
    least, most = printed_as(printed["rate_joined"], n)
    joined = int(np.clip(round(n * (printed["rate_joined"] + off / 2) / 100), least, most))
    bounds = printed_as(printed["rate_compared"], fold * n)
    compared = int(np.clip(round(fold * n * (joined / n - middle / 100)), *bounds))
    return (joined, n), (compared, fold * n)


@pytest.mark.parametrize("printed", WITH_LIMITS, ids=by_name)
def test_people_behind_the_printed_rates_give_the_printed_limits(printed):
    low, high, said = found(*people_of(printed))
    assert (round(low), round(high)) == (printed["low"], printed["high"])
    assert f"lower by between {-printed['high']:.0f} and {-printed['low']:.0f} people" in said


@pytest.mark.parametrize("printed", WITH_LIMITS, ids=by_name)
def test_the_width_does_not_depend_on_which_people(printed):
    """Printed limits are each off by half a point at most, so their distance by one."""
    n = printed["n_joined"]
    for joined in printed_as(printed["rate_joined"], n):
        compared = printed_as(printed["rate_compared"], MANY * n)[0]
        low, high, _ = found((joined, n), (compared, MANY * n))
        assert high - low == pytest.approx(printed["high"] - printed["low"], abs=1)


@pytest.mark.parametrize("printed", WITH_RATES, ids=by_name)
def test_all_people_behind_the_printed_rates_give_the_printed_conclusion(printed):
    n, many = printed["n_joined"], MANY * printed["n_joined"]
    nearest = (
        printed_as(printed["rate_joined"], n)[1], printed_as(printed["rate_compared"], many)[0]
    )  # fmt: skip
    low, high, said = found((nearest[0], n), (nearest[1], many))
    assert printed["conclusion"] == "lower"
    assert low < high < 0
    assert said.endswith("This is a statistically significant result.")


def test_a_comparison_group_that_is_not_large_counts():
    """Blue Sky: 72 people, 1 to 23 lower; it takes some 300 people beside them to say so."""
    printed = next(one for one in WITH_LIMITS if one["programme"] == "Blue Sky")
    joined, (events, many) = people_of(printed)
    for n, conclusive in ((72, False), (250, False), (400, True)):
        high, said = found(joined, (round(n * events / many), n))[1:]
        assert (high < 0) == conclusive
        assert ("inconclusive" in said) != conclusive


def test_inconclusive_is_said_as_of_leeds():
    """142 people beside a rate of 56: more people are needed, and that is not "no effect"."""
    leeds = PRINTED[PRINTED["conclusion"] == "inconclusive"].iloc[0]
    n, many = leeds["n_joined"], MANY * leeds["n_joined"]
    compared = round(many * leeds["rate_compared"] / 100), many
    for rate, inconclusive in ((47, False), (49, True), (56, True), (63, True), (65, False)):
        said = found((round(n * rate / 100), n), compared)[2]
        assert ("more people would need to" in said) == inconclusive
        assert ("should not be taken to mean that it fails to affect it" in said) == inconclusive


def test_the_page_says_what_was_found():
    page = PAGE.read_text(encoding="utf-8")
    for printed in WITH_LIMITS:
        low, high, _ = found(*people_of(printed))
        line = (
            f"| {printed['programme']} | {printed['n_joined']:,} | {printed['rate_joined']:.0f}, "
            f"{printed['rate_compared']:.0f} | {-printed['high']:.0f} to {-printed['low']:.0f} | "
            f"{-high:.1f} to {-low:.1f} |"
        )
        assert line in page, line
