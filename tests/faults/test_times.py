"""Bad rows at the door: `TimeToEvent.from_frame` gives one clear error, or the right number."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from desistance.errors import DataError
from desistance.survival import fit_cox, kaplan_meier
from desistance.timetoevent import TimeToEvent, as_times

N = 80
CANARY = "SMITH99"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(80)
    day = rng.integers(30, 700, N)
    return pd.DataFrame(
        {
            "pid": [f"{CANARY}-{i}" for i in range(N)],
            "start": np.minimum(rng.integers(0, 40, N), day - 1),
            "day": day,
            "event": (rng.random(N) < 0.65).astype(int),
            "arm": rng.integers(0, 2, N),
            "age": rng.integers(18, 60, N).astype(float),
            "weight": rng.uniform(0.5, 2, N),
            "area": rng.choice(["a", "b"], N),
            "cause": rng.choice(["theft", "violence"], N),
        }
    )


def times_of(frame, **columns):
    return TimeToEvent.from_frame(frame, **{"stop": "day", "event": "event", **columns})


def put(column, value, rows=(3,), dtype=None):
    """Change some rows of a column, having turned it into `dtype`."""

    def spoil(frame):
        spoilt = frame[column].astype(dtype or frame[column].dtype)
        spoilt[list(rows)] = value
        return frame.assign(**{column: spoilt})

    return spoil


def whole(column, make):
    return lambda frame: frame.assign(**{column: make(frame)})


EVERYTHING = {"start": "start", "person": "pid", "weight": "weight", "strata": "area",
              "cause": "cause"}  # fmt: skip
FAULTS = {
    "empty time": (put("day", np.nan, dtype=float), "'day' is empty in 1 row (row 3)"),
    "empty event": (put("event", np.nan, dtype=float), "an unknown event is not a 0"),
    "nullable event": (put("event", pd.NA, dtype="Int64"), "'event' is empty in 1 row (row 3)"),
    "nullable bool event": (put("event", pd.NA, dtype="boolean"), "'event' is empty"),
    "negative time": (put("day", -5), "'day' is negative in 1 row"),
    "infinite time": (put("day", np.inf, dtype=float), "'day' is infinite in 1 row"),
    "part of a day": (put("day", 30.5, dtype=float), "'day' is not a whole number in 1 row"),
    "year fractions": (whole("day", lambda f: f.day / 365.25), "not a whole number in 80 rows"),
    "events 1 and 2": (whole("event", lambda f: f.event + 1), "'event' is neither 0 nor 1"),
    "events 0, 1, 2": (put("event", 2), "neither 0 nor 1 in 1 row (row 3); codes are not"),
    "events as text": (whole("event", lambda f: f.event.astype(str)), "not bool or 0/1"),
    "events Y and N": (whole("event", lambda f: np.where(f.event, "Y", "N")), "not bool or 0/1"),
    "times as text": (whole("day", lambda f: f.day.astype(str)), "holds object, not numbers"),
    "times with n/k": (put("day", "n/k", dtype=object), "holds object, not numbers"),
    "timedeltas": (whole("day", lambda f: pd.to_timedelta(f.day, "D")), "timedelta64[ns]"),
    "dates": (whole("day", lambda f: pd.Timestamp("2026-01-01")), "turn dates into days"),
    "python dates": (whole("day", lambda f: dt.date(2026, 1, 1)), "turn dates into days"),
    "complex": (whole("day", lambda f: f.day + 0j), "complex128"),
    "bool times": (whole("day", lambda f: f.day > 0), "holds bool, not numbers"),
    "start after stop": (put("start", 10_000), "'day' is not after 'start' in 1 row"),
    "start at stop": (whole("start", lambda f: f.day), "not after 'start' in 80 rows"),
    "day 0": (put("day", 0), "no time at risk"),
    "negative start": (put("start", -1), "'start' is negative"),
    "9999-12-31": (put("day", 2_900_000), "longer than 120 years"),
    "time x 1e300": (whole("day", lambda f: f.day * 1e300), "longer than 120 years"),
    "time x 1e-300": (whole("day", lambda f: f.day * 1e-300), "no time at risk"),
    "negative weight": (put("weight", -1.0), "'weight' is empty, infinite, zero or negative"),
    "zero weight": (put("weight", 0.0), "leave out rows that weigh nothing"),
    "empty weight": (put("weight", np.nan), "'weight' is empty"),
    "infinite weight": (put("weight", np.inf), "'weight' is empty, infinite"),
    "weights as text": (whole("weight", lambda f: f.weight.astype(str)), "not weights"),
    "all weights tiny": (whole("weight", lambda f: 1e-300), "scale the weights"),
    "empty person": (put("pid", None), "'pid' is empty in 1 row"),
    "empty stratum": (put("area", None), "'area' is empty in 1 row"),
    "event without cause": (
        lambda f: f.assign(event=1, cause=f.cause.where(f.index != 3)),
        "'cause' names no cause for the event in 1 row (row 3)",
    ),
    "overlapping rows": (put("pid", f"{CANARY}-4"), "overlap an earlier row of the same person"),
    "every row twice": (lambda f: pd.concat([f, f]), "80 rows"),
    "rows after the event": (
        lambda f: pd.concat([f.assign(event=1), f.assign(start=f.day, day=f.day + 9)]),
        "80 rows (row 80, 81, 82, 83, 84, ...) follow the event of the same person",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_error_that_names_no_one(frame, fault):
    spoil, says = FAULTS[fault]
    with pytest.raises(DataError) as error:
        times_of(spoil(frame), **EVERYTHING)
    assert says in str(error.value)
    assert CANARY not in str(error.value)
    assert error.value.__context__ is None


def test_all_faults_come_at_once(frame):
    spoilt = put("weight", -1.0)(put("day", -5)(put("event", 7)(frame)))
    with pytest.raises(DataError) as error:
        times_of(spoilt, weight="weight")
    assert str(error.value).count("\n- ") == 3


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"stop": "days"}, "`stop='days'` is not a column; there are 'pid'"),
        ({"start": "from", "person": "who"}, "`start='from'` is not a column"),
        ({"unit": "fortnights"}, "`unit` must be one of days, weeks, months, years"),
    ],
)
def test_names_are_checked_first(frame, columns, says):
    with pytest.raises(DataError, match=says):
        times_of(frame, **columns)


def test_a_column_that_stands_twice_is_named(frame):
    doubled = pd.concat([frame, frame[["day"]]], axis=1)
    with pytest.raises(DataError, match="'day' stands 2 times"):
        times_of(doubled)


def test_only_times_are_times():
    with pytest.raises(DataError, match=r"from_frame.*stop="):
        as_times(pd.DataFrame({"day": [1]}))

    class Followed:
        def times(self):
            return "rows"

    assert as_times(Followed()) == "rows"


HARMLESS = {
    "bool events": whole("event", lambda f: f.event == 1),
    "nullable types": lambda f: f.astype({"day": "Int64", "event": "boolean", "age": "Float64"}),
    "whole floats": whole("day", lambda f: f.day + 1e-9),
    "unsigned": whole("day", lambda f: f.day.astype("uint16")),
    "pyarrow": lambda f: f.astype({"day": "int64[pyarrow]", "event": "bool[pyarrow]"}),
    "labels of the index twice": lambda f: f.set_axis([0] * N, axis=0),
}


@pytest.mark.parametrize("form", HARMLESS)
def test_other_forms_of_the_same_rows_give_the_same_numbers(frame, form):
    one, two = times_of(frame), times_of(HARMLESS[form](frame))
    assert fit_cox(two, ["arm", "age"]).coefficients == fit_cox(one, ["arm", "age"]).coefficients
    pd.testing.assert_frame_equal(kaplan_meier(two).to_frame(), kaplan_meier(one).to_frame())


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (whole("age", lambda f: f.age * 3.15e16), 3.15e16),
        (whole("age", lambda f: f.age * 1e-12), 1e-12),
        (whole("age", lambda f: f.age.astype("int32") * 10), 10),
    ],
)
def test_covariates_of_any_size_are_fitted(frame, change, factor):
    one, two = (fit_cox(times_of(f), ["arm", "age"]) for f in (frame, change(frame)))
    assert two.coefficients["age"] * factor == pytest.approx(one.coefficients["age"], rel=1e-9)


def test_one_tiny_weight_is_a_row_left_out(frame):
    quiet = int(np.flatnonzero(frame.event == 0)[0])
    light = frame.assign(weight=np.where(frame.index == quiet, 1e-300, 1.0))
    one = fit_cox(times_of(light, weight="weight"), ["arm", "age"])
    two = fit_cox(times_of(frame.drop(index=quiet)), ["arm", "age"])
    assert one.log_hazards == pytest.approx(two.log_hazards, rel=1e-10)


def test_all_times_tied_is_fitted_by_both_rules(frame):
    tied = times_of(frame.assign(day=90))
    efron, breslow = (fit_cox(tied, ["arm", "age"], ties=ties) for ties in ("efron", "breslow"))
    assert np.isfinite(efron.log_hazards).all()
    assert np.abs(breslow.log_hazards).max() < np.abs(efron.log_hazards).max()


def test_one_event_and_an_arm_of_one_are_results(frame):
    first = frame.assign(event=(frame.index == 5).astype(int))
    lonely = frame.assign(arm=(frame.index == 5).astype(int))
    for spoilt in (first, lonely):
        fit = fit_cox(times_of(spoilt), ["arm", "age"])
        assert len(fit.to_frame()) == 2
        kaplan_meier(times_of(spoilt), by="arm").summary()


def test_rows_left_out_add_up(frame):
    times = times_of(frame, person="pid", strata="area", weight="weight", cause="cause")
    fewer = times.only(frame.age.to_numpy() > 30, "young")
    assert fewer.n_in == N == fewer.n + fewer.left_out["young"]
    assert fewer.person.tolist() == list(np.unique(fewer.person, return_inverse=True)[1])
    assert len(fewer.columns) == len(fewer.weight) == len(fewer.strata) == len(fewer.cause)
    assert times.only(np.ones(N, bool), "nothing") is times
    again = fewer.only(fewer.stop > 100, "young")
    assert again.n + again.left_out["young"] == N


def test_a_repr_shows_shapes_and_no_one(frame):
    shown = repr(times_of(frame, person="pid"))
    assert shown == f"<TimeToEvent: 80 rows of 80 people, {frame.event.sum()} events, in days>"


def test_age_may_be_the_clock():
    frame = pd.DataFrame({"entry": [816, 900], "exit": [1_207, 950], "died": [1, 0]})
    times = TimeToEvent.from_frame(frame, start="entry", stop="exit", event="died", unit="months")
    assert times.stop.max() == 1_207
