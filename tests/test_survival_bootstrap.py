"""The bootstrap by person: what is drawn, what is said of each replicate, the same bits always."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from desistance.errors import DataError, ModelError, OutputError
from desistance.survival import (
    Steps,
    bootstrap,
    events_per_parameter,
    fit_cause_specific,
    fit_cox,
    fit_fine_gray,
    fit_parametric,
    kaplan_meier,
    nelson_aalen,
)
from desistance.survival.frequency import fit_frequency
from desistance.survival.resampling.keeping import Kept
from desistance.survival.resampling.limits import limits
from desistance.survival.resampling.replicates import counted
from desistance.timetoevent import TimeToEvent
from search import examples
from tests.estimators import ESTIMATORS, TERMS
from tests.faults.spoilt import clean

FIT = partial(fit_cox, terms=["age", "arm"])


def frame_of(n=120, seed=1, spread=25, rows=1):
    """People in one, or up to `rows`, rows each, full of ties; the last one may hold the event."""
    rng = np.random.default_rng(seed)
    pieces = []
    for person in range(n):
        days = np.cumsum(rng.integers(1, spread, rng.integers(1, rows + 1)))
        pieces.append(
            pd.DataFrame(
                {
                    "pid": person,
                    "start": np.r_[rng.integers(0, days[0]) if rows > 1 else 0, days[:-1]],
                    "stop": days,
                    "event": np.r_[np.zeros(len(days) - 1, bool), rng.random() < 0.7],
                    "age": rng.normal(size=len(days)).round(2),
                    "arm": person % 2,
                    "area": rng.choice(["a", "b", "c"]),
                    "site": person // 4,
                    "weight": rng.uniform(0.4, 3),
                }
            )
        )
    return pd.concat(pieces, ignore_index=True)


def times_of(frame, **columns):
    return TimeToEvent.from_frame(
        frame, start="start", stop="stop", event="event", person="pid", **columns
    )


TIMES = times_of(frame_of())


def same_bits(one, other):
    assert_array_equal(one.replicates, other.replicates)
    assert one.reasons == other.reasons


@examples(20)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["efron", "breslow"]),
    st.sampled_from([None, "area"]),
    st.sampled_from([None, "weight"]),
    st.sampled_from(["person", "site"]),
    st.sampled_from([4, 40]),
)
def test_a_replicate_is_the_fit_of_people_written_out(seed, ties, strata, weight, by, spread):
    frame = frame_of(60, seed, spread, rows=3)
    times = times_of(frame, weight=weight)
    options = {"terms": ["age", "arm"], "ties": ties, "strata": strata}
    found = bootstrap(partial(fit_cox, **options), times, rng=seed, replicates=3, by=by)
    unit = times.person if by == "person" else frame.site.to_numpy()
    for b in range(3):
        stream = np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[b])
        drawn = stream.integers(0, unit.max() + 1, unit.max() + 1)
        people = [
            frame[unit == who].assign(pid=lambda rows, place=place: rows.pid + 1000 * place)
            for place, who in enumerate(drawn)
        ]
        alone = fit_cox(times_of(pd.concat(people, ignore_index=True), weight=weight), **options)
        told = np.isfinite(alone.log_hazards)
        assert_allclose(found.replicates[b][told], alone.log_hazards[told], rtol=1e-12, atol=1e-12)
        assert not np.isfinite(found.replicates[b][~told]).any()
        assert (b in found.reasons) == (not told.all())


@pytest.mark.parametrize("by", ["person", "site"])
def test_many_at_once_is_one_by_one(by):
    together = bootstrap(FIT, TIMES, rng=3, replicates=70, by=by)
    alone = bootstrap(
        lambda rows: fit_cox(rows, ["age", "arm"]), TIMES, rng=3, replicates=70, by=by
    )
    assert_allclose(together.replicates, alone.replicates, rtol=1e-11)
    assert_allclose(together.estimates, alone.estimates)


def test_a_late_entry_that_outweighs_all_others_is_told_apart_in_replicates_too():
    rng = np.random.default_rng(1)
    x, arm = rng.normal(size=300), rng.normal(size=300)
    stop = 1 + (300 * rng.exponential(np.exp(-x - 0.3 * arm))).astype(int)
    frame = pd.DataFrame(
        {"start": 0, "stop": stop, "event": rng.random(300) < 0.7, "age": x, "arm": arm}
    )
    middle = int(np.sort(stop[frame.event])[150])
    frame.loc[300] = [middle - 1, middle, True, 36.0, 0.0]
    frame["pid"] = frame.index
    times = times_of(frame.astype({"event": bool, "start": int, "stop": int}))
    together = bootstrap(FIT, times, rng=3, replicates=9)
    alone = bootstrap(lambda rows: fit_cox(rows, ["age", "arm"]), times, rng=3, replicates=9)
    assert np.isfinite(alone.replicates).all()
    assert_allclose(together.replicates, alone.replicates, rtol=1e-11)


def test_people_left_out_by_an_empty_term_are_drawn_all_the_same():
    holes = frame_of()
    holes.loc[::7, "age"] = np.nan
    times = times_of(holes)
    together = bootstrap(FIT, times, rng=3, replicates=9)
    alone = bootstrap(lambda rows: fit_cox(rows, ["age", "arm"]), times, rng=3, replicates=9)
    assert_allclose(together.replicates, alone.replicates, rtol=1e-11)


@pytest.mark.parametrize(
    "estimator",
    [
        *(FIT, partial(fit_parametric, terms=["age", "arm"]), lambda rows: fit_cox(rows, ["age"])),
        partial(events_per_parameter, terms=["age"]),
    ],
    ids=["cox", "parametric", "any", "events per parameter"],
)
def test_what_the_estimate_left_out_is_counted_and_its_caveats_are_repeated(estimator):
    holes = frame_of(rows=3)
    holes.loc[holes.pid % 7 == 0, "age"] = np.nan
    holes["place"] = holes.site.where(holes.pid > 9)
    times = times_of(holes)
    found, whole = bootstrap(estimator, times, rng=1, replicates=3), estimator(times)
    assert (found.n, found.n_people, found.n_left_out) == (
        whole.n,
        whole.n_people,
        whole.n_left_out,
    )
    assert found.n + found.n_left_out == len(holes)
    assert found.n_units == 120 > found.n_people
    told = f"Rows left out (`age` is empty): {found.n_left_out}."
    assert told in found.caveats
    assert f"Estimated on {found.n_people} people, {found.n} rows" in found.summary()
    assert f"Rows left out: {found.n_left_out}\n" in found.summary()
    placed = bootstrap(estimator, times, rng=1, replicates=3, by="place")
    assert placed.n + placed.n_left_out == len(holes)
    assert "Rows left out (`place` is empty): " in " ".join(placed.caveats)


@pytest.mark.parametrize(
    "estimator",
    [one for one in ESTIMATORS if one.name != "cox_residuals"],  # which is a plain frame
    ids=lambda one: one.name,
)
def test_every_estimate_counts_the_people_it_rests_on(estimator):
    """Three people of 80 have no group, score or term: a bootstrap must not count them."""
    frame = clean()
    holes = frame.assign(day=2 * frame.day, person=frame.pid, arm=frame.arm.astype(float))
    holes.loc[:2, ["arm", "age"]] = np.nan
    parts = [holes.assign(start=0, day=1, event=0), holes.assign(start=1)]
    times = estimator.times(pd.concat(parts, ignore_index=True))
    assert counted(estimator.run(times, TERMS), times) == (154, 77)


def test_caveats_of_errors_it_does_not_use_are_not_repeated():
    rows = times_of(frame_of(rows=3))
    fit = partial(fit_cox, terms=["age"], variance="robust")
    assert "Some people have several rows: use variance='cluster'." in fit(rows).caveats
    assert not any("variance" in told for told in bootstrap(fit, rows, rng=1, replicates=3).caveats)


def test_people_whose_frequency_is_left_out_are_counted_in_rows():
    frame = frame_of(rows=3).assign(event=True)
    frame.loc[frame.pid < 12, "age"] = np.nan
    times = times_of(frame, recurrent=True)
    found = bootstrap(partial(fit_frequency, terms=["age"]), times, rng=1, replicates=3)
    assert found.n_people == 108
    assert found.n_left_out == (frame.pid < 12).sum() > 12
    assert "People left out (`age` is empty): 12." in found.caveats


@pytest.mark.parametrize("estimator", [FIT, nelson_aalen], ids=["cox", "any"])
def test_replicates_are_the_same_however_many_are_asked_for(estimator):
    many = bootstrap(estimator, TIMES, rng=5, replicates=130)
    few = bootstrap(estimator, TIMES, rng=5, replicates=21)
    assert_array_equal(few.replicates, many.replicates[:21])
    assert not np.array_equal(
        few.replicates, bootstrap(estimator, TIMES, rng=6, replicates=21).replicates
    )


def test_bits_are_the_same_for_any_number_of_workers():
    one = bootstrap(FIT, TIMES, rng=5, replicates=130)
    same_bits(one, bootstrap(FIT, TIMES, rng=5, replicates=130, workers=2))


def test_a_generator_gives_the_seed_that_is_told():
    drawn = bootstrap(FIT, TIMES, rng=np.random.default_rng(8), replicates=5)
    same_bits(drawn, bootstrap(FIT, TIMES, rng=drawn.seed, replicates=5))


@pytest.mark.parametrize("estimator", [FIT, nelson_aalen], ids=["cox", "any"])
def test_a_stopped_run_goes_on(estimator, tmp_path, monkeypatch):
    keep, add, written = tmp_path / "replicates.npz", Kept.add, []

    def stop_after_two(self, number, found):
        add(self, number, found)
        written.append(number)
        if len(written) == 2:
            raise KeyboardInterrupt

    whole = bootstrap(estimator, TIMES, rng=5, replicates=200)
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "add", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            bootstrap(estimator, TIMES, rng=5, replicates=200, keep=keep)
    assert keep.exists()
    with monkeypatch.context() as patch:
        patch.setattr(
            Kept,
            "add",
            lambda self, number, found: (written.append(number), add(self, number, found)),
        )
        same_bits(whole, bootstrap(estimator, TIMES, rng=5, replicates=200, keep=keep))
    assert len(written) == len(set(written))
    assert [path.name for path in tmp_path.iterdir()] == ["replicates.npz"]
    more = bootstrap(estimator, TIMES, rng=5, replicates=230, keep=keep)
    assert_array_equal(more.replicates[:200], whole.replicates)


def test_kept_replicates_of_anything_else_are_refused(tmp_path):
    keep = tmp_path / "replicates.npz"
    bootstrap(FIT, TIMES, rng=5, replicates=5, keep=keep)
    changed = frame_of()
    changed.loc[3, "age"] += 0.01
    for estimator, times, options in [
        (FIT, TIMES, {"rng": 6}),
        (FIT, TIMES, {"rng": 5, "by": "site"}),
        (FIT, times_of(changed), {"rng": 5}),
        (partial(fit_cox, terms=["age"]), TIMES, {"rng": 5}),
        (partial(fit_cox, terms=["age", "arm"], ties="breslow"), TIMES, {"rng": 5}),
        (nelson_aalen, TIMES, {"rng": 5}),
    ]:
        with pytest.raises(ModelError, match="of another seed"):
            bootstrap(estimator, times, replicates=5, keep=keep, **options)
    keep.write_text("nothing of the kind")
    with pytest.raises(ModelError, match="holds no replicates"):
        bootstrap(FIT, TIMES, rng=5, keep=keep)
    with pytest.raises(OutputError, match="cannot be written"):
        bootstrap(FIT, TIMES, rng=5, replicates=5, keep=tmp_path / "nowhere" / "x.npz")


def test_why_a_replicate_was_lost_is_kept_too(tmp_path):
    rare = times_of(frame_of(40).assign(flag=lambda f: f.pid == f.pid[f.event].iloc[0]))
    estimator = partial(fit_cox, terms=["age", "flag"])
    keep = tmp_path / "replicates.npz"
    one = bootstrap(estimator, rare, rng=1, replicates=60, keep=keep)
    assert one.reasons
    same_bits(one, bootstrap(estimator, rare, rng=1, replicates=60, keep=keep))


def test_a_likelihood_without_end_is_a_replicate_at_that_end():
    frame = frame_of(60)
    flagged = np.flatnonzero(~frame.event)[:5].tolist() + np.flatnonzero(frame.event)[:1].tolist()
    frame["flag"] = frame.index.isin(flagged)  # one event: one replicate in three has none
    found = bootstrap(
        partial(fit_cox, terms=["age", "flag"]), times_of(frame), rng=2, replicates=99
    )
    low = np.isneginf(found.replicates[:, 1])
    none = np.isnan(found.replicates[:, 1])
    assert 20 < low.sum() < 50
    assert np.isfinite(found.replicates[:, 0]).all()
    assert set(found.reasons) == set(np.flatnonzero(low | none))
    assert "no event among those with `flag` 1" in set(found.reasons.values())
    row = found.to_frame().set_index("term").loc["flag"]
    assert row.conf_low == -np.inf
    assert np.isfinite([row.conf_high, row.std_error]).all()
    assert f"replicates without end: {low.sum()}, kept at that end of the limits" in row.note
    assert np.isfinite(found.to_frame(interval="normal").conf_low).all()
    assert "99 replicates lack a number" in found.caveats[-1]
    assert "no event among those with `flag` 1" in found.summary()
    found.plot("flag")


def test_where_a_label_is_not_drawn_its_neighbours_mean_something_else():
    frame = frame_of(60)
    few = frame.index.isin(np.flatnonzero(frame.event)[[2, 9]])
    frame["tier"] = np.where(few, "first", np.where(frame.arm, "mid", "last"))
    times = times_of(frame)
    together = bootstrap(partial(fit_cox, terms=["tier"]), times, rng=2, replicates=60)
    alone = bootstrap(lambda rows: fit_cox(rows, ["tier"]), times, rng=2, replicates=60)
    for found in (together, alone):
        lost = np.isnan(found.replicates)
        assert 2 < lost.all(axis=1).sum() < 20
        assert (lost.all(axis=1) == lost.any(axis=1)).all()
    told = np.isfinite(together.replicates) & np.isfinite(alone.replicates)
    assert_allclose(together.replicates[told], alone.replicates[told], rtol=1e-11)


def test_a_term_that_cannot_be_estimated_spoils_no_other():
    frame = frame_of().assign(flat=1.0, twice=lambda f: 2 * f.age)
    found = bootstrap(
        partial(fit_cox, terms=["age", "flat", "twice", "arm"]),
        times_of(frame),
        rng=1,
        replicates=9,
    )
    assert_allclose(
        found.replicates[:, [0, 3]], bootstrap(FIT, TIMES, rng=1, replicates=9).replicates
    )
    assert np.isnan(found.replicates[:, [1, 2]]).all()
    table = found.to_frame()
    assert table.note.str.startswith("not estimable").tolist() == [False, True, True, False]
    assert table.loc[1, ["std_error", "conf_low", "conf_high"]].isna().all()
    assert not found.reasons


def test_a_term_without_end_in_everybody_is_not_estimable():
    frame = frame_of().assign(never=lambda f: ~f.event & (f.pid % 2 == 0))
    found = bootstrap(
        partial(fit_cox, terms=["age", "never"]), times_of(frame), rng=1, replicates=5
    )
    assert np.isfinite(found.replicates[:, 0]).all()
    assert found.to_frame().note[1] == "not estimable: no event among those with `never` 1"


def test_nobody_with_an_event():
    found = bootstrap(FIT, times_of(frame_of().assign(event=False)), rng=1, replicates=5)
    assert np.isnan(found.replicates).all()
    assert found.to_frame().note.tolist() == ["not estimable: no event"] * 2
    found.plot()
    assert found.summary()


@pytest.mark.parametrize("change", ["shift", "scale", "time", "weights"])
def test_units_of_covariates_time_and_weights_do_not_matter(change):
    frame, by = frame_of(), 1.0
    if change == "shift":
        frame["age"] += 1e5
    elif change == "scale":
        frame["age"], by = frame.age * 1e6, 1e6
    elif change == "time":
        frame[["start", "stop"]] *= 30
    times = times_of(frame.assign(weight=7e5), weight="weight" if change == "weights" else None)
    moved = bootstrap(FIT, times, rng=1, replicates=20).replicates * [by, 1]
    assert_allclose(moved, bootstrap(FIT, TIMES, rng=1, replicates=20).replicates, rtol=1e-8)


def test_days_without_ties_and_all_on_one_day():
    apart = frame_of().assign(stop=lambda f: np.random.default_rng(1).permutation(len(f)) + 1)
    one_day = frame_of().assign(stop=5, event=lambda f: f.pid % 3 > 0)
    for frame in (apart, one_day):
        times = times_of(frame)
        together = bootstrap(FIT, times, rng=1, replicates=9).replicates
        alone = bootstrap(lambda rows: fit_cox(rows, ["age", "arm"]), times, rng=1, replicates=9)
        assert_allclose(together, alone.replicates, rtol=1e-10)


def test_weighing_twice_is_being_two_people_to_a_curve():
    def curve(rows):
        return kaplan_meier(rows, "arm").at([5, 10])

    people = bootstrap(curve, TIMES, rng=4, replicates=12)
    weights = bootstrap(curve, TIMES, rng=4, replicates=12, as_weights=True)
    assert people.terms == ("0, 5", "0, 10", "1, 5", "1, 10")
    assert_allclose(people.replicates, weights.replicates, rtol=1e-12)


def test_options_the_fast_way_does_not_know_go_one_by_one():
    found = bootstrap(partial(fit_cox, terms=["arm"], penalty="firth"), TIMES, rng=1, replicates=3)
    assert found.measure == "CoxFit"
    assert np.isfinite(found.replicates).all()
    caused = TimeToEvent.from_frame(
        frame_of(40).assign(what=np.where(np.arange(40) % 3, "r", "c")),
        stop="stop", event="event", cause="what",
    )  # fmt: skip
    gray = bootstrap(partial(fit_fine_gray, terms=["age"], cause="r"), caused, rng=1, replicates=3)
    assert np.isfinite(gray.replicates).all()


ONE_BY_ONE = {
    "frailty": {"frailty": "site"},
    "time-varying": {"time_varying": {"age": Steps([12])}},
    "exact ties": {"ties": "exact"},
    "firth": {"penalty": "firth"},
}


@pytest.mark.parametrize("option", ONE_BY_ONE)
def test_a_cox_fit_of_any_options_is_the_same_fit_on_each_resample(option):
    fit = partial(fit_cox, terms=["age", "arm"], **ONE_BY_ONE[option])
    found = bootstrap(fit, TIMES, rng=3, replicates=3)
    alone = bootstrap(lambda rows: fit(rows).coefficients, TIMES, rng=3, replicates=3)
    assert found.terms == fit(TIMES).terms
    assert_array_equal(found.replicates, alone.replicates)


def test_one_by_one_gives_the_same_bits_for_any_number_of_workers():
    fit = partial(fit_cox, terms=["age"], time_varying={"age": "log"})
    one = bootstrap(fit, TIMES, rng=5, replicates=9)
    same_bits(one, bootstrap(fit, TIMES, rng=5, replicates=9, workers=2))


def test_a_group_drawn_twice_has_two_frailties():
    fit = partial(fit_cox, terms=["age"], frailty="site")
    found = bootstrap(fit, TIMES, rng=3, replicates=2, by="site")
    frame = frame_of()
    for b in range(2):
        stream = np.random.default_rng(np.random.SeedSequence(3).spawn(2)[b])
        drawn = stream.integers(0, 30, 30)
        groups = [
            frame[frame.site == site].assign(pid=lambda f, k=k: f.pid + 1000 * k, site=k)
            for k, site in enumerate(drawn)
        ]
        alone = fit(times_of(pd.concat(groups, ignore_index=True)))
        assert len(alone.frailty.groups) == 30
        assert_allclose(found.replicates[b], alone.log_hazards, rtol=1e-6)


def test_somebody_drawn_twice_has_two_frailties_of_their_own():
    frame = frame_of(40, rows=3).assign(event=lambda f: f.pid % 3 > 0)
    times, groups = times_of(frame, recurrent=True), []

    def frailties(rows):
        fit = fit_cox(rows, ["age"], frailty="person")
        groups.append(len(fit.frailty.groups))
        return fit

    bootstrap(frailties, times, rng=3, replicates=2)
    assert set(groups) == {40}


def test_models_of_each_cause_give_log_hazard_ratios():
    kind = np.where(np.arange(120) % 3, "theft", "violence")
    times = times_of(frame_of().assign(kind=kind), cause="kind")
    fit = partial(fit_cause_specific, terms=["age"])
    found = bootstrap(fit, times, rng=1, replicates=3)
    whole = fit(times)
    assert found.terms == ("theft, age", "violence, age")
    assert_allclose(found.estimates, whole.to_frame(log=True).estimate)
    assert dict(zip(found.terms, found.estimates, strict=True)) == whole.coefficients


def test_an_error_in_a_replicate_is_counted_with_its_reason():
    def fussy(rows):
        if not (rows.columns.pid == 5).any():
            raise DataError("A certain person is missing.")
        return {"n": rows.n, "mean": float(rows.stop.mean())}

    found = bootstrap(fussy, TIMES, rng=1, replicates=80)
    lost = np.isnan(found.replicates).all(axis=1)
    assert 0 < lost.sum() < 80
    assert set(found.reasons) == set(np.flatnonzero(lost))
    assert set(found.reasons.values()) == {"A certain person is missing."}
    assert (found.to_frame().n == 80 - lost.sum()).all()


def test_somebody_drawn_twice_is_two_people():
    frame = frame_of(30, rows=3)
    seen = []

    def look(rows):
        whose = pd.DataFrame({"pid": rows.columns.pid, "id": rows.person, "stop": rows.stop})
        assert not whose.duplicated(["id", "stop"]).any()
        assert (whose.groupby("id").pid.nunique() == 1).all()
        seen.append(whose.id.nunique())
        return {"people": whose.id.nunique()}

    bootstrap(look, times_of(frame), rng=1, replicates=10)
    assert seen[0] == 30
    assert set(seen[1:]) == {30}


def test_units_with_an_empty_label_are_left_out_and_counted():
    frame = frame_of()
    frame["place"] = frame.site.where(frame.pid > 9)
    found = bootstrap(FIT, times_of(frame), rng=1, replicates=3, by="place")
    assert found.n_left_out == 10
    assert "Rows left out (`place` is empty): 10." in found.caveats
    assert any(caveat.startswith("Only 28 groups of place") for caveat in found.caveats)


REFUSED = {
    "replicates": ({"replicates": 1}, "`replicates` is a whole number of at least 2"),
    "part of a worker": ({"workers": 1.5}, "`workers` is a whole number"),
    "no seed": ({"rng": None}, "`rng` is a whole number"),
    "a negative seed": ({"rng": -1}, "`rng` is a whole number"),
    "an unknown column": ({"by": "town"}, "is not a column"),
    "one unit": ({"by": "one"}, "There are 1 units to draw from"),
    "part of a person": ({"by": "half"}, "a person is in one group of 'half' and in another"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused(what):
    options, message = REFUSED[what]
    frame = frame_of(30, rows=3).assign(one=1, half=lambda f: np.arange(len(f)) % 2)
    with pytest.raises(ModelError, match=message):
        bootstrap(FIT, times_of(frame), **{"rng": 1, "replicates": 2, **options})


@pytest.mark.parametrize(
    ("gives", "message"),
    [(lambda _: 3.5, "not float"), (lambda _: {}, "gives one of our results"),
     (lambda _: pd.DataFrame({"x": [1]}), "a column `estimate`"),
     (lambda _: pd.DataFrame({"term": ["a", "a"], "estimate": [1, 2]}), "the same name")],
)  # fmt: skip
def test_what_an_estimator_gives_must_be_numbers_with_names(gives, message):
    with pytest.raises(ModelError, match=message):
        bootstrap(gives, TIMES, rng=1)


def test_another_process_must_be_able_to_import_the_estimator():
    with pytest.raises(ModelError, match="can import"):
        bootstrap(lambda rows: fit_cox(rows, ["age"]), TIMES, rng=1, workers=2)


def test_limits_and_terms_that_are_not_there_are_refused():
    cox, curve = (bootstrap(what, TIMES, rng=1, replicates=50) for what in (FIT, nelson_aalen))
    with pytest.raises(ModelError, match="'percentile', 'basic', 'normal' or 'bca'"):
        cox.to_frame(interval="studentised")
    with pytest.raises(ModelError, match="between 0 and 1"):
        cox.to_frame(confidence=95)
    with pytest.raises(ModelError, match="are there for"):
        curve.to_frame(interval="bca")
    with pytest.raises(ModelError, match="none of age, arm"):
        cox.plot("height")
    assert np.isfinite(cox.to_frame(interval="bca", confidence=0.8).conf_low).all()


def test_the_order_of_replicates_has_its_limits():
    values = np.arange(1.0, 100.0)
    assert limits(values, 50, 0.9, "percentile", 0) == (5, 95)
    assert np.isnan(limits(values, 50, 0.999, "percentile", 0)).all()
    assert np.isnan(limits(values[:1], 50, 0.9, "normal", 0)).all()
    assert np.isnan(limits(values + np.nan, 50, 0.9, "percentile", 0)).all()
    assert np.isnan(limits(values, 0.5, 0.9, "bca", 0)).all()  # every replicate is above
    ends = np.r_[np.full(10, -np.inf), values[:80], np.full(9, np.inf)]
    assert limits(ends, 40, 0.9, "percentile", 0) == (-np.inf, np.inf)
    assert limits(ends, 40, 0.9, "basic", 0) == (-np.inf, np.inf)


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
from functools import partial
from desistance import TimeToEvent, bootstrap, fit_cox
from desistance.errors import ModelError
from tests.faults.spoilt import clean

times = TimeToEvent.from_frame(clean(), stop="day", event="event", person="pid")
try:
    bootstrap(partial(fit_cox, terms=["age"]), times, rng=1, replicates=400, workers=2)
except ModelError as error:
    print(error)
""",
        encoding="utf-8",
    )
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert '`if __name__ == "__main__":`' in ran.stdout
