"""A simulation study: custody takes people away as fast as reoffending does.

Aim: the Aalen-Johansen estimator finds the share who reoffend first, 1 - Kaplan-Meier overstates
it. Data: 2,000 cohorts of 300, reoffending and custody each of hazard 0.5 a year, watched for 200
to 900 days, half of them from a day of the first 90. Estimand: the share for whom a reoffence
comes first within a year, (1 - exp(-1)) / 2 = 0.316. Performance: bias and coverage of 95 %
intervals, with Monte Carlo error; size of Gray's test where two cohorts are alike; and where the
custody of one is twice as fast, bias and coverage of a Fine-Gray log hazard ratio with late entry.
"""

import numpy as np
import pandas as pd
import pytest

from desistance.survival import cumulative_incidence, fit_fine_gray, gray_test, kaplan_meier
from desistance.timetoevent import TimeToEvent

REPLICATES = 2_000
TRUTH = (1 - np.exp(-1)) / 2


def cohort(rng, n=300):
    exact = rng.exponential(730, size=(n, 2))
    came = np.ceil(exact.min(axis=1)).astype(int)
    until = rng.integers(200, 901, n)
    frame = pd.DataFrame(
        {
            "enter": rng.integers(0, 91, n) * (rng.random(n) < 0.5),
            "day": np.minimum(came, until),
            "over": came <= until,
            "what": np.array(["reoffence", "custody"])[exact.argmin(axis=1)],
            "arm": rng.random(n) < 0.5,
        }
    )
    return times_of(frame[frame.enter < frame.day])


def times_of(frame):
    return TimeToEvent.from_frame(frame, start="enter", stop="day", event="over", cause="what")


def said(name, bias, error, inside):
    print(  # noqa: T201 - the figures are what a study is for
        f"\n{name}: bias {bias:+.4f} (Monte Carlo error {error:.4f}), coverage {inside:.1%}"
    )


@pytest.mark.slow
def test_incidence_is_right_where_one_minus_kaplan_meier_is_not():
    shares, naive = np.empty((REPLICATES, 3)), np.empty(REPLICATES)
    for seed in range(REPLICATES):
        times = cohort(np.random.default_rng([8, seed]))
        found = cumulative_incidence(times).at([365])
        row = found[found.cause == "reoffence"].iloc[0]
        shares[seed] = row[["estimate", "conf_low", "conf_high"]].astype(float)
        only = times.columns.assign(over=times.cause == 2)
        naive[seed] = 1 - kaplan_meier(times_of(only)).at([365]).estimate[0]
    bias = shares[:, 0].mean() - TRUTH
    inside = ((shares[:, 1] <= TRUTH) & (shares[:, 2] >= TRUTH)).mean()
    said("Aalen-Johansen", bias, shares[:, 0].std(ddof=1) / REPLICATES**0.5, inside)
    said("1 - Kaplan-Meier", naive.mean() - TRUTH, naive.std(ddof=1) / REPLICATES**0.5, np.nan)
    assert abs(bias) < 0.005
    assert 0.935 < inside < 0.965
    assert naive.mean() - TRUTH > 0.06


@pytest.mark.slow
def test_grays_test_keeps_its_size_with_late_entry():
    cohorts = (cohort(np.random.default_rng([8, seed])) for seed in range(REPLICATES))
    rejected = np.mean([gray_test(one, "arm").p_values < 0.05 for one in cohorts], axis=0)
    print(f"\nGray's test rejects {rejected.round(4)}")  # noqa: T201
    assert ((rejected > 0.035) & (rejected < 0.065)).all()


@pytest.mark.slow
def test_fine_and_gray_are_right_with_late_entry():
    """Fine and Gray's own design: share(x) = 1 - (1 - p (1 - exp(-t)))^exp(b x), p 0.5, b 0.7."""
    p, b, found = 0.5, 0.7, np.empty((REPLICATES, 2))
    for seed in range(REPLICATES):
        rng = np.random.default_rng([88, seed])
        x = rng.random(400) < 0.5
        ratio = np.exp(b * x)
        ever = 1 - (1 - p) ** ratio
        first = rng.random(400) < ever
        share = rng.random(400) * ever
        inside = 1 - (1 - (1 - share) ** (1 / ratio)) / p
        exact = np.where(first, -np.log(np.maximum(inside, 1e-300)), rng.exponential(1 / ratio))
        came, until = np.ceil(exact * 300).astype(int), rng.integers(150, 901, 400)
        enter = rng.integers(0, 200, 400) * (rng.random(400) < 0.5)
        frame = pd.DataFrame(
            {"enter": enter, "day": np.minimum(came, until), "over": came <= until, "x": x,
             "what": np.where(first, "reoffence", "custody")}
        )  # fmt: skip
        fit = fit_fine_gray(times_of(frame[frame.enter < frame.day]), ["x"], cause="reoffence")
        found[seed] = fit.to_frame(log=True).loc[0, ["estimate", "std_error"]]
    bias = found[:, 0].mean() - b
    inside = (np.abs(found[:, 0] - b) < 1.96 * found[:, 1]).mean()
    said("Fine-Gray", bias, found[:, 0].std(ddof=1) / REPLICATES**0.5, inside)
    assert abs(bias) < 0.02
    assert 0.935 < inside < 0.965
