"""One study of awkward cases, and what must be the same of it wherever its blocks live."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from desistance import (
    FollowUpDesign,
    SimulationDesign,
    Spline,
    build_histories,
    fit_cox,
    follow_up,
    kaplan_meier,
    reoffending_rates,
    simulate_cases,
)
from desistance.cases.check import sorted_by_key
from desistance.schemas import OFFENCES

DESIGN = FollowUpDesign(exits_to=pd.Timestamp("2023-01-31").date(), offence_set="ANY_RECORDABLE")
TERMS = ["exposed", "sex", "n_previous", "need_DRG", Spline("age", knots=[25, 35, 45])]
CURVES = ("cohort", "ethnicity", "need_DRG", None)
RATES = ("cohort", "sex", "exposed")
FITS = ({"strata": "sex", "variance": "cluster"}, {"ties": "breslow"})


def awkward_cases(n_people=90, rng=4):
    """Dates that are missing, days shared, people without offences, groups of one, no custody."""
    cases = simulate_cases(SimulationDesign(n_people=n_people), rng=rng)
    rng = np.random.default_rng(8)
    offences = cases.offences
    for name in ("recorded_date", "outcome_date"):
        offences = offences.assign(**{name: offences[name].mask(rng.random(len(offences)) < 0.1)})
    whole_months = offences["offence_date"].to_numpy("M8[M]").astype("M8[ns]")
    offences = offences.assign(offence_date=whole_months)  # many on one day
    innocent = set(cases.people["person_id"][::9])
    offences = offences[~offences["person_id"].isin(innocent)].reset_index(drop=True)
    people = cases.people.assign(
        birth_month=cases.people["birth_month"].mask(cases.people.index == 3),
        ethnicity=cases.people["ethnicity"].mask(cases.people.index < 3, "of its own"),
    )
    return replace(
        cases, people=people, offences=sorted_by_key(OFFENCES, offences),
        custody=cases.custody[:0],
        residence=cases.residence.assign(
            to_date=cases.residence["to_date"].mask(cases.residence.index % 2 == 0)
        ),
    )  # fmt: skip


def study(cases, *, by=RATES, curves=CURVES, fits=FITS, terms=TERMS):
    """Everything that can be had of blocks, by the same few lines as of cases in memory."""
    histories = build_histories(cases)
    followed = follow_up(cases, histories, DESIGN)
    return {
        "followed": followed,
        "rates": [reoffending_rates(followed, name) for name in by],
        "curves": [kaplan_meier(followed, name) for name in curves],
        "fits": [
            fit_cox(followed, [t for t in terms if t != how.get("strata")], **how) for how in fits
        ],
    }  # fmt: skip


def same_study(one, other, *, exactly=True):
    """Compare every number: whole ones are identical, others to 1e-12."""
    first, second = one["followed"], other["followed"]
    pd.testing.assert_frame_equal(first.flow, second.flow)
    assert first.caveats == second.caveats
    for mine, theirs in zip(one["rates"], other["rates"], strict=True):
        pd.testing.assert_frame_equal(mine.to_frame(), theirs.to_frame(), rtol=1e-12)
        assert (mine.definition, mine.caveats) == (theirs.definition, theirs.caveats)
    for mine, theirs in zip(one["curves"], other["curves"], strict=True):
        pd.testing.assert_frame_equal(mine.to_frame(), theirs.to_frame(), check_exact=exactly)
        assert mine.summary() == theirs.summary()
    for mine, theirs in zip(one["fits"], other["fits"], strict=True):
        same_fit(mine, theirs)


def same_fit(mine, theirs):
    """Compare two Cox models."""
    assert mine.terms == theirs.terms
    assert mine.notes == theirs.notes
    assert mine.caveats == theirs.caveats
    for name in ("n", "n_people", "n_events", "n_left_out", "degrees"):
        assert getattr(mine, name) == getattr(theirs, name)
    for name in ("log_hazards", "covariance", "model_covariance"):
        value = getattr(mine, name)
        largest = np.nanmax(np.abs(value))
        assert_allclose(getattr(theirs, name), value, rtol=1e-11, atol=1e-12 * largest)
    for name in ("log_likelihood", "log_likelihood_null", "score_statistic"):
        assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-12)
    for name in ("day", "hazard", "variance"):
        assert_allclose(
            getattr(mine.baseline, name), getattr(theirs.baseline, name), rtol=1e-10, atol=1e-15
        )
