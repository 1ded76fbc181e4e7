"""Missing needs: the same whatever the order, no state touched, biased without, right with."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import desistance
from desistance import (
    TimeToEvent,
    events_per_parameter,
    fit_cox,
    impute_needs,
    pool_curves,
    pool_fits,
    tipping_needs,
)
from desistance.errors import ModelError
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.imputation.copies import scale_reduction
from desistance.rubin import put_together
from desistance.synthetic import SimulationDesign, simulate_cases
from search import examples
from tests.studies.missing_needs import EFFECT, estimates, people

TERMS = ["joined", "age", "need"]


def times(frame):
    return TimeToEvent.from_frame(frame, stop="day", event="event", person="pid")


@pytest.fixture(scope="module")
def frame():
    frame = people(np.random.default_rng(5), 150)
    rng = np.random.default_rng(6)
    frame["age"] = rng.normal(30, 6, len(frame)) + 3 * frame["true_need"]
    frame.loc[rng.random(len(frame)) < 0.2, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def imputed(frame):
    return impute_needs(times(frame), TERMS, copies=3, cycles=4, rng=9)


def by_person(imputed):
    return [
        copy.columns.drop_duplicates("pid").set_index("pid")[["age", "need"]].sort_index()
        for copy in imputed
    ]


def test_only_what_was_missing_is_filled_in(frame, imputed):
    for copy in imputed:
        for name in ("age", "need"):
            known = frame[name].notna().to_numpy()
            assert not copy.columns[name].isna().any()
            assert (copy.columns[name][known] == frame[name][known].astype(float)).all()
    numbers = set(frame["age"].dropna())
    assert set(imputed.drawn["age"].ravel()) <= numbers  # somebody's own
    assert set(imputed.drawn["need"].ravel()) == {0.0, 1.0}
    assert len({tuple(one) for one in imputed.drawn["need"]}) == 3  # copies differ


def test_the_order_of_rows_and_the_number_of_copies_change_nothing(frame, imputed):
    rows = pd.concat([
        frame.assign(start=0, stop=np.minimum(frame["day"], 90),
                     happened=frame["event"] & (frame["day"] <= 90)),
        frame.assign(start=90, stop=frame["day"], happened=frame["event"])[frame["day"] > 90],
    ])  # fmt: skip
    mixed = TimeToEvent.from_frame(
        rows.sample(frac=1, random_state=1), start="start", stop="stop", event="happened",
        person="pid",
    )  # fmt: skip
    again = impute_needs(mixed, TERMS, copies=2, cycles=4, rng=9)
    for ours, theirs in zip(by_person(again), by_person(imputed), strict=False):
        pd.testing.assert_frame_equal(ours, theirs)


def test_no_global_state_is_touched(frame):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, other = (
        impute_needs(times(frame), TERMS, copies=2, cycles=2, rng=np.random.default_rng(4))
        for _ in range(2)
    )
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert all((one.drawn[name] == other.drawn[name]).all() for name in one.drawn)
    other = impute_needs(times(frame), TERMS, copies=2, cycles=2, rng=5)
    assert (one.drawn["need"] != other.drawn["need"]).any()


def test_complete_cases_mislead_and_filled_in_needs_do_not():
    found = np.array([estimates(seed, n=400, copies=5) for seed in range(24)])
    whole, complete, filled = found[:, :, 0].mean(axis=0)
    assert abs(complete - EFFECT) > 0.2
    assert abs(filled - EFFECT) < 0.07
    assert abs(filled - whole) < 0.05


def test_a_need_a_covariate_settles_has_a_finite_model():
    frame = people(np.random.default_rng(3), 80)
    frame["housed"] = frame["need"].astype("Float64").fillna(0).astype(bool)  # settles it
    imputed = impute_needs(times(frame), ["joined", "housed", "need"], copies=2, cycles=3)
    assert np.isfinite(imputed.drawn["need"]).all()


def test_delta_moves_the_share_and_only_of_those_named(frame):
    shares, others = [], []
    rows = times(frame)
    joined = np.zeros(len(frame), bool)
    joined[rows.person] = rows.columns["joined"]
    for delta in (-2.0, 0.0, 2.0):
        made = impute_needs(rows, TERMS, copies=9, cycles=3, delta=delta, among="joined", rng=2)
        lost = made.lost["need"]
        shares.append(made.drawn["need"][:, joined[lost]].mean())
        others.append(made.drawn["need"][:, ~joined[lost]].mean())
    assert shares[0] < shares[1] - 0.1 < shares[2] - 0.2
    assert np.ptp(others) < 0.05


def test_the_tipping_point_lies_where_the_interval_meets_one():
    rows = times(people(np.random.default_rng(8), 300))
    choices = {"copies": 4, "cycles": 2, "rng": 9}
    found = tipping_needs(
        rows, ["joined", "need"], of="joined", among="joined", deltas=(-2, 2), **choices
    )
    table = found.to_frame().set_index("delta")
    row = impute_needs(rows, ["joined", "need"], **choices).fit_cox(["joined", "need"]).to_frame()
    assert table.loc[0.0, "estimate"] == row["estimate"][0]  # delta 0 is missing at random
    assert table["mean_imputed"].is_monotonic_increasing
    assert found.conclusion == "below 1"
    low, high = found.tips
    assert np.isnan(high)
    limit = np.log(table["conf_high"])
    assert low == pytest.approx(-2 * limit[0.0] / (limit[0.0] - limit[-2.0]))
    assert -2 < low < 0
    assert f"changes at delta {low:.2f}" in found.summary()


def test_needs_of_a_follow_up_are_filled_in_and_counted():
    cases = simulate_cases(SimulationDesign(n_people=120, missing_needs=0.3), rng=2)
    followed = follow_up(cases, build_histories(cases))
    imputed = impute_needs(followed, ["exposed", "n_previous", "needs"], copies=2, cycles=2)
    copy = imputed.copy(0).columns
    names = [f"need_{code}" for code in followed.histories.scheme.headline]
    assert (copy["n_needs"] == copy[names].sum(axis=1)).all()
    assert imputed.fit_cox(["exposed", "n_needs"]).terms == ("exposed", "n_needs")
    assert not imputed.to_frame()["n_missing"].eq(0).any()


def test_nothing_missing_gives_copies_all_alike(frame):
    whole = times(frame.assign(need=frame["true_need"]))
    imputed = impute_needs(whole, ["joined", "need"], copies=2, cycles=2)
    pooled, plain = imputed.fit_cox(["joined", "need"]), fit_cox(whole, ["joined", "need"])
    assert pooled.coefficients == pytest.approx(plain.coefficients, abs=1e-12)
    assert pooled.missing == pytest.approx(0, abs=0.05)
    assert "Nothing was missing" in imputed.summary()


def test_refusals_say_what_to_do(frame):
    rows = times(frame)
    with pytest.raises(ModelError, match="cannot be read"):
        impute_needs(rows, ["housing"])
    with pytest.raises(ModelError, match="Nobody has a value"):
        impute_needs(times(frame.assign(need=np.nan)), ["need"])
    with pytest.raises(ModelError, match="name the columns of rows"):
        impute_needs(rows, ["needs"])
    with pytest.raises(ModelError, match="2 or more"):
        impute_needs(rows, TERMS, copies=1)
    with pytest.raises(ModelError, match="no yes or no is missing"):
        impute_needs(rows, TERMS, shifted=["joined"])
    with pytest.raises(ModelError, match="other values than yes and no"):
        impute_needs(rows, ["need"], among="day")
    with pytest.raises(ModelError, match="two copies or more"):
        pool_fits([fit_cox(rows, ["joined"])])
    with pytest.raises(ModelError, match="of other terms"):
        pool_fits([fit_cox(rows, ["joined"]), fit_cox(rows, ["age"])])
    with pytest.raises(ModelError, match="nothing tips"):
        tipping_needs(rows, ["joined"], of="joined", copies=2, cycles=2)
    twice = pd.concat(
        [
            frame.assign(start=0, stop=frame["day"], event=False, need=True),
            frame.assign(start=frame["day"], stop=frame["day"] + 1),
        ]
    )
    with pytest.raises(ModelError, match="changes within"):
        impute_needs(
            TimeToEvent.from_frame(twice, start="start", stop="stop", event="event", person="pid"),
            ["need"],
        )


def test_a_term_that_is_lost_in_a_copy_is_not_estimable(frame):
    rows = times(frame)
    none = times(frame.assign(joined=False))
    pooled = pool_fits([fit_cox(rows, ["joined"]), fit_cox(none, ["joined"])])
    events = fit_cox(rows, ["joined"]).n_events
    assert events_per_parameter(pooled).to_frame().estimate.item() == events  # of one term
    pooled = pooled.to_frame()
    assert pooled["note"][0].startswith("not estimable: it is not in 1 of 2")
    assert pooled["estimate"].isna().all()


def test_a_share_of_one_has_no_place_on_the_scale():
    one = pd.DataFrame({"group": "a", "day": [5], "estimate": [1.0], "std_error": [np.nan]})
    other = one.assign(estimate=0.9, std_error=0.05)
    row = pool_curves([one, other]).to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(0.95)
    assert np.isnan(row["conf_low"])
    assert "no interval" in row["note"]


def test_chains_that_have_not_met_are_seen():
    met = np.random.default_rng(1).normal(0, 1, (10, 40))
    assert scale_reduction(met) < 1.1
    assert scale_reduction(met + np.arange(10)[:, None]) > 2


estimates_of_copies = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(0.01, 2)), min_size=2, max_size=8
)


@examples(40)
@given(estimates_of_copies, st.floats(-2, 2), st.floats(0.2, 5), st.randoms(use_true_random=False))
def test_rubins_rules_keep_to_the_scale_and_to_no_order(copies, shift, scale, random):
    q, u = (np.array(values)[:, None] for values in zip(*copies, strict=True))
    plain = put_together(q, u, complete_df=40)
    mixed = list(range(len(q)))
    random.shuffle(mixed)
    moved = put_together((q[mixed] + shift) * scale, u[mixed] * scale**2, complete_df=40)
    assert moved.estimate == pytest.approx((plain.estimate + shift) * scale, abs=1e-9)
    assert moved.variance == pytest.approx(plain.variance * scale**2, rel=1e-9)
    assert moved.df == pytest.approx(plain.df, rel=1e-6)
    assert plain.df[0] <= 40
    assert plain.variance[0] >= plain.within[0] * (1 - 1e-12)
    assert 0 <= plain.missing[0] <= 1


def test_estimates_without_errors_have_those_of_the_copies_alone():
    found = put_together(np.array([[1.0], [2.0], [4.0]]), np.zeros((3, 1)))
    assert found.df == [2.0]
    assert found.missing == [1.0]
    assert found.variance == pytest.approx(4 / 3 * np.var([1, 2, 4], ddof=1))


def test_public_names_are_there():
    assert {"impute_needs", "pool_fits", "pool_curves", "tipping_needs"} <= set(desistance.__all__)
