"""What `fit_cox` says: terms, notes, caveats, faces. Its numbers are in tests/reference."""

import numpy as np
import pandas as pd
import pytest

from desistance.errors import ModelError
from desistance.survival import Category, fit_cox
from desistance.timetoevent import TimeToEvent


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(7)
    n = 200
    frame = pd.DataFrame(
        {
            "pid": [f"P{i:03}" for i in range(n)],
            "age": rng.integers(18, 60, n).astype(float),
            "pilot": rng.random(n) < 0.5,
            "tier": rng.choice(["FIXED", "FLEX", "FREE"], n),
            "region": rng.choice(["north", "south"], n),
            "day": rng.integers(1, 40, n),
        }
    )
    frame["reoffended"] = rng.random(n) < 0.6
    return frame


def times_of(frame, **columns):
    columns = {"stop": "day", "event": "reoffended", "person": "pid", **columns}
    return TimeToEvent.from_frame(frame, **columns)


def test_text_is_set_against_its_first_label_and_a_category_keeps_its_order(people):
    fit = fit_cox(times_of(people), ["age", "tier"])
    assert fit.terms == ("age", "tier[FLEX]", "tier[FREE]")
    ordered = people.assign(tier=pd.Categorical(people.tier, ["FREE", "NONE", "FLEX", "FIXED"]))
    again = fit_cox(times_of(ordered), ["age", "tier"])
    assert again.terms == ("age", "tier[FLEX]", "tier[FIXED]")
    assert again.coefficients["tier[FIXED]"] == pytest.approx(-fit.coefficients["tier[FREE]"])
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-13)


def test_nullable_columns_are_read_and_rows_with_an_empty_term_are_counted(people):
    frame = people.assign(
        need=pd.array([None, None, None, *(people.age[3:] > 30)], dtype="boolean"),
        visits=pd.array([*range(199), None], dtype="Int64"),
    )
    fit = fit_cox(times_of(frame), ["need", "visits"])
    assert fit.terms == ("need", "visits")
    assert (fit.n, fit.n_left_out) == (196, 4)
    assert fit.caveats[:2] == (
        "Rows left out (`need` is empty): 3.",
        "Rows left out (`visits` is empty): 1.",
    )
    by_hand = frame.dropna().assign(need=lambda rows: rows.need.astype(float))
    by_hand["visits"] = by_hand.visits.astype(float)
    assert fit.log_hazards == pytest.approx(
        fit_cox(times_of(by_hand), ["need", "visits"]).log_hazards, rel=1e-12
    )


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ("age", r"write \['age'\]"),
        ([], "is empty"),
        (["age", "age"], "twice"),
        (["height"], "'height' is not a column; there are 'pid'"),
        (["pid"], "who a person is"),
        (["pseudonym"], "an id is not a term"),
        (["infinite"], r"infinite in 1 row \(row 3\)"),
        (["typed"], "numbers written as text"),
        (["seen"], "datetime64"),
        (["mixed"], "neither numbers nor text"),
    ],
)
def test_what_cannot_be_a_term_is_a_clear_error(people, terms, says):
    frame = people.assign(
        pseudonym=[f"K{i:03}" for i in range(200)],
        infinite=np.where(np.arange(200) == 3, np.inf, 1.0 * np.arange(200)),
        typed=people.age.astype(str),
        seen=pd.Timestamp("2026-01-01"),
        mixed=pd.Series([1, "a"] * 100, dtype=object),
    )
    with pytest.raises(ModelError, match=says):
        fit_cox(times_of(frame), terms)


@pytest.mark.parametrize(
    "choice",
    [{"ties": "average"}, {"variance": "hc0"}, {"cluster": "region"}, {"strata": "street"}],
)
def test_unknown_choices_are_errors(people, choice):
    with pytest.raises(ModelError):
        fit_cox(times_of(people), ["age"], **choice)


def test_a_column_that_stands_twice_is_an_error(people):
    frame = people.copy()
    frame.insert(0, "age", people.age, allow_duplicates=True)
    with pytest.raises(ModelError, match="stands 2 times"):
        fit_cox(times_of(frame), ["age"])


def test_aliased_terms_say_what_they_repeat_and_spoil_nothing(people):
    rng = np.random.default_rng(1)
    frame = people.assign(
        seven=7.0,
        months=people.age * 12 + 3,
        nearly=people.age + 1e-9 * rng.normal(size=200),
        both=people.age + 5 * people.pilot,
    )
    alone = fit_cox(times_of(frame), ["age", "pilot"])
    fit = fit_cox(times_of(frame), ["age", "seven", "months", "nearly", "pilot", "both"])
    assert dict(zip(fit.terms, fit.notes, strict=True)) == {
        "age": "",
        "seven": "not estimable: constant among those at risk together",
        "months": "not estimable: the same as `age`",
        "nearly": "not estimable: the same as `age`",
        "pilot": "",
        "both": "not estimable: a combination of `age`, `pilot`",
    }
    kept = [0, 4]
    assert fit.log_hazards[kept] == pytest.approx(alone.log_hazards, rel=1e-11)
    assert fit.covariance[np.ix_(kept, kept)] == pytest.approx(alone.covariance, rel=1e-9)
    assert np.isnan(np.delete(fit.log_hazards, kept)).all()
    assert fit.degrees == 2


def test_a_term_without_events_is_named_and_the_others_are_as_without_its_people(people):
    need, none = people.index[::9], people.index[::13]
    frame = people.assign(need=people.index.isin(need), spared=~people.index.isin(none))
    frame["reoffended"] &= ~frame.need & frame.spared
    fit = fit_cox(times_of(frame), ["age", "need", "spared", "tier"])
    assert fit.notes[1] == "not estimable: no event among those with `need` 1"
    assert fit.notes[2] == "not estimable: no event among those with `spared` 0"
    # At the limit those people are in no risk set at all.
    rest = fit_cox(times_of(frame[~frame.need & frame.spared]), ["age", "tier"])
    assert fit.log_hazards[[0, 3, 4]] == pytest.approx(rest.log_hazards, rel=1e-9)
    assert np.diag(fit.covariance)[[0, 3, 4]] == pytest.approx(np.diag(rest.covariance), rel=1e-9)
    assert fit.log_likelihood == pytest.approx(rest.log_likelihood, rel=1e-12)
    shown = fit.to_frame().loc[[1, 2]]
    assert shown[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all(None)


def test_a_number_that_sorts_the_events_is_named():
    frame = pd.DataFrame({"day": range(1, 31), "reoffended": True, "score": range(30, 0, -1)})
    fit = fit_cox(TimeToEvent.from_frame(frame, stop="day", event="reoffended"), ["score"])
    assert fit.notes == ("not estimable: no event contradicts `score`: the likelihood rises "
                         "without end",)  # fmt: skip
    assert np.isnan(fit.log_hazards).all()


@pytest.mark.parametrize(
    ("rows", "events", "note"),
    [
        (200, 0, "no event"),
        (1, 1, "constant among those at risk together"),
        (0, 0, "no event"),
    ],
)
def test_too_little_data_is_a_result_with_the_reason(people, rows, events, note):
    frame = people[:rows].assign(reoffended=bool(events))
    for variance in ("model", "robust", "cluster"):
        fit = fit_cox(times_of(frame), ["age", "tier"], variance=variance)
        assert fit.notes == (f"not estimable: {note}",) * len(fit.terms)
        assert np.isnan(fit.log_hazards).all()
        assert fit.log_likelihood == 0
        assert fit.tests().statistic.isna().all()
        assert "Cox" in fit.summary()


def test_more_terms_than_events_are_told_apart_as_far_as_they_go():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(12, 30)), columns=[f"x{i}" for i in range(30)])
    frame["day"], frame["reoffended"] = rng.permutation(12) + 1, True
    fit = fit_cox(
        TimeToEvent.from_frame(frame, stop="day", event="reoffended"), list(frame.columns[:30])
    )
    assert all(note.startswith("not estimable") for note in fit.notes)


def test_events_per_term_and_dependence_are_caveats(people):
    few = people.assign(reoffended=people.index < 15)
    fit = fit_cox(times_of(few), ["age", "tier"])
    assert "5 events per term (15 events, 3 terms)" in fit.caveats[0]
    twice = pd.concat([people.assign(start=0), people.assign(start=people.day, day=people.day + 9)])
    rows = times_of(twice, start="start", recurrent=True)
    assert any("several events" in caveat for caveat in fit_cox(rows, ["age"]).caveats)
    assert any("several rows" in c for c in fit_cox(rows, ["age"], variance="robust").caveats)
    assert any(
        "Only 2 clusters" in caveat
        for caveat in fit_cox(rows, ["age"], variance="cluster", cluster="region").caveats
    )
    assert not fit_cox(rows, ["age"], variance="cluster").caveats


def test_rows_strata_are_used_and_an_empty_stratum_is_counted(people):
    named = fit_cox(times_of(people), ["age"], strata="region")
    assert fit_cox(times_of(people, strata="region"), ["age"]).log_hazards == named.log_hazards
    assert named.baseline.groups == ("north", "south")
    crossed = fit_cox(times_of(people), ["age"], strata=["region", "tier"])
    assert crossed.baseline.groups[:2] == ("north, FIXED", "north, FLEX")
    holes = people.assign(region=people.region.where(people.index > 4))
    fit = fit_cox(times_of(holes), ["age"], strata="region")
    assert (fit.n, fit.caveats) == (195, ("Rows left out (`region` is empty): 5.",))


def test_survival_of_a_profile_is_a_power_of_another_and_stops_at_the_last_follow_up(people):
    fit = fit_cox(times_of(people), ["age", "tier"])
    young = fit.survival_at({"age": 20, "tier": "FLEX"}, [0, 10, 30])
    older = fit.survival_at({"age": 35, "tier": "FLEX"}, [0, 10, 30])
    power = np.exp(15 * fit.coefficients["age"])
    assert older.estimate.tolist() == pytest.approx((young.estimate**power).tolist(), rel=1e-12)
    assert young.estimate[0] == 1
    late = fit.survival_at({"age": 20, "tier": "FREE"}, [people.day.max() + 1])
    assert late.estimate.isna().all()
    assert late.note[0] == f"not estimable: after the last follow-up, {people.day.max()}"


@pytest.mark.parametrize("profile", [{"age": 20}, {"age": 20, "tier": "VIP"}, {"age": "x"}])
def test_a_profile_that_does_not_fit_is_an_error_without_its_values(people, profile):
    with pytest.raises(ModelError, match="profile") as error:
        fit_cox(times_of(people), ["age", "tier"]).survival_at(profile, [10])
    assert "VIP" not in str(error.value)


def test_faces(people):
    fit = fit_cox(times_of(people), ["age", "pilot"], strata="region", variance="robust")
    log, ratio = fit.to_frame(log=True), fit.to_frame()
    assert ratio[["estimate", "conf_low", "conf_high"]].equals(
        np.exp(log[["estimate", "conf_low", "conf_high"]])
    )
    assert ratio[["std_error", "p_value"]].equals(log[["std_error", "p_value"]])
    said = fit.summary()
    assert "200 people" in said
    assert "Efron ties, robust variance over rows, strata by region" in said
    axes = fit.plot()
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(1.5) == "1.5"
    assert f"{ratio.estimate[0]:.2f} (" in axes.get_yticklabels()[0].get_text()


def test_one_row_that_outweighs_all_others_hides_no_monotone_likelihood():
    frame = pd.DataFrame(
        {
            "start": [0, 0, 0, 4, 0, 2, 4, 0, 0, 0], "stop": [4, 2, 1, 5, 4, 4, 5, 4, 5, 1],
            "event": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            "x": [-0.1, -0.8, 0.1, -1.1, -0.7, -1.9, 0.2, 0.7, -1.3, 0.1],
            "z": [1, 1, 0, 1, 0, 0, 1, 0, 1, 0], "c": [1, 0, 1, 0, 1, 2, 0, 2, 2, 2],
            "w": [5.8, 0.17, 0.97, 0.012, 0.18, 0.42, 0.002, 0.001, 88.4, 4.95],
        }
    )  # fmt: skip
    times = TimeToEvent.from_frame(frame, start="start", stop="stop", event="event", weight="w")
    fit = fit_cox(times, ["x", "z", "c"])
    assert all(note.startswith("not estimable: no event ") for note in fit.notes)
    assert np.isnan(fit.log_hazards).all()
    assert np.isnan(fit.covariance).all()


def test_one_group_is_no_cluster(people):
    times = times_of(people.assign(one="all"))
    with pytest.raises(ModelError, match="makes 1 group for 1 term"):
        fit_cox(times, ["age"], variance="cluster", cluster="one")
    with pytest.raises(ModelError, match="makes 2 groups for 2 terms"):
        fit_cox(times, ["age", "pilot"], variance="cluster", cluster="region")
    fit = fit_cox(times, ["age"], variance="cluster", cluster="region")
    assert "Only 2 clusters" in str(fit.caveats)


def test_where_nobody_moves_a_term_a_robust_error_is_not_estimable(people):
    fit = fit_cox(times_of(people.assign(day=1, reoffended=True)), ["age"], variance="robust")
    row = fit.to_frame().iloc[0]
    assert row.estimate == pytest.approx(1)
    assert np.isnan(row[["std_error", "conf_low", "conf_high", "p_value"]].astype(float)).all()
    assert row.note.startswith("not estimable: nobody moves it")
    assert fit.tests().note.iloc[-1].startswith("not estimable")
    assert fit.term_tests().p_value.isna().all()


def test_labels_that_read_the_same_are_refused(people):
    mixed = people.assign(code=pd.Series([1, "1"] * 100, dtype=object))
    with pytest.raises(ModelError, match="'code' read the same"):
        fit_cox(times_of(mixed), ["age"], strata="code")
    with pytest.raises(ModelError, match="read the same"):
        fit_cox(
            times_of(people.assign(a=["x", "x, y"] * 100, b=["y, z", "z"] * 100)),
            ["age"],
            strata=["a", "b"],
        )


def test_codes_may_be_named_as_numbers(people):
    times = times_of(people.assign(code=[0, 1, 2, 3] * 50))
    as_number, as_text = (fit_cox(times, [Category("code", reference=r)]) for r in (2, "2"))
    assert as_number.terms == ("code[0]", "code[1]", "code[3]")
    assert as_number.coefficients == as_text.coefficients
