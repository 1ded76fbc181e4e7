"""What must not move a trajectory, and what must move it in a known way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from desistance.trajectories import fit_trajectories
from search import examples
from tests.trajectory_people import FAMILIES, people_of

PEOPLE = {family: people_of(n=120, seed=21, family=family) for family in FAMILIES}
MODELS = [*((family, {}) for family in FAMILIES), ("zip", {"inflation": "tau"})]


def fit(rows, family="zip", **options):
    return fit_trajectories(rows, groups=2, family=family, **({"starts": 3, "rng": 1} | options))


def same(one, two, *, curve=1.0):
    """Say that two fits are the same top, the curves of the second `curve` times the first's."""
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)
    assert_allclose(two.groups().estimate, one.groups().estimate, atol=1e-6)
    assert_allclose(two.groups().std_error, one.groups().std_error, rtol=1e-5)
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert_allclose(two.curve()[column], curve * one.curve()[column], rtol=1e-5)


@pytest.mark.parametrize(("family", "options"), MODELS)
@given(seed=st.integers(0, 2**16))
@examples(2)
def test_the_order_of_rows_is_nothing(family, options, seed):
    rows = PEOPLE[family]
    one = fit(rows, family, **options)
    two = fit(rows.sample(frac=1, random_state=seed), family, **options)
    assert_allclose(two.to_frame().estimate, one.to_frame().estimate, rtol=0, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 2**16))
@examples(2)
def test_names_of_people_are_nothing(family, seed):
    rows = PEOPLE[family]
    names = rows.person_id.unique()
    other = dict(zip(names, np.random.default_rng(seed).permutation(len(names)), strict=True))
    renamed = rows.assign(person_id=rows.person_id.map(other))
    one, two = fit(rows, family), fit(renamed, family)
    same(one, two)
    chances = two.memberships().set_index("person_id").p_1
    mine = one.memberships()
    assert_allclose(chances[mine.person_id.map(other)], mine.p_1, atol=1e-5)


@pytest.mark.parametrize(("family", "options"), MODELS)
@given(shift=st.integers(-3000, 3000), scale=st.sampled_from([0.25, 1.0, 12.0]))
@examples(2)
def test_the_clock_of_time_is_nothing(family, options, shift, scale):
    rows = PEOPLE[family]
    moved = rows.assign(period=rows.period * scale + shift)
    knots = {} if family == "logit" else {"knots": [4.0], "degree": 1}
    at = {} if family == "logit" else {"knots": [4.0 * scale + shift], "degree": 1}
    same(fit(rows, family, **options, **knots), fit(moved, family, **options, **at))


@pytest.mark.parametrize(("family", "options"), MODELS)
@given(scale=st.sampled_from([1 / 365.25, 0.5, 30.0]))
@examples(2)
def test_the_unit_of_exposure_moves_the_intercept_alone(family, options, scale):
    rows = PEOPLE[family]
    one = fit(rows, family, **options)
    two = fit(rows.assign(exposure=rows.exposure * scale), family, **options)
    moved = two.to_frame().estimate - one.to_frame().estimate
    intercepts = one.to_frame().term == "intercept"
    assert_allclose(moved[intercepts], -np.log(scale), atol=1e-6)
    assert_allclose(moved[~intercepts], 0, atol=1e-5)
    assert_allclose(two.to_frame().std_error[~intercepts], one.to_frame().std_error[~intercepts],
                    rtol=1e-5)  # fmt: skip
    if family != "logit" and not options:
        assert_allclose(two.curve().estimate, one.curve().estimate / scale, rtol=1e-5)
        assert_allclose(two.groups().mean_rate, one.groups().mean_rate / scale, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@given(scale=st.floats(0.01, 100))
@examples(2)
def test_weights_that_are_all_the_same_are_nothing(family, scale):
    rows = PEOPLE[family]
    same(
        fit(rows, family, variance="robust"),
        fit(rows.assign(weight=scale), family, weight="weight", variance="robust"),
    )


@pytest.mark.parametrize("family", ["zip", "logit"])
def test_a_person_of_weight_two_is_two_people(family):
    rows = PEOPLE[family]
    twice = rows.person_id.isin(rows.person_id.unique()[::3])
    again = rows[twice].assign(person_id=lambda frame: frame.person_id + " again")
    both = fit_trajectories(
        pd.concat([rows, again]), groups=2, family=family, starts=3, rng=1, variance="robust"
    )
    weighted = fit(rows.assign(weight=1 + twice), family, weight="weight", variance="robust")
    assert_allclose(weighted.to_frame().estimate, both.to_frame().estimate, atol=1e-6)
    assert_allclose(weighted.curve().estimate, both.curve().estimate, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likelihood_only_grows_with_groups_and_terms(family):
    rows = PEOPLE[family]
    values = [
        fit_trajectories(rows, groups=g, family=family, starts=4, rng=1).log_likelihood
        for g in (1, 2, 3)
    ]
    assert np.diff(values).min() > -1e-6
    assert fit(rows, family, degree=1).log_likelihood < fit(rows, family).log_likelihood
    linked = fit(rows, family, membership=["need"])
    assert linked.log_likelihood > fit(rows, family).log_likelihood
