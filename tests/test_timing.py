from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from desistance.balance import BalanceDesign, balance_cohorts
from desistance.cases import CaseData
from desistance.comparison import compare_cohorts
from desistance.comparison.timing import (
    TimeDesign,
    check_immortal_time,
    compare_designs,
    compare_over_time,
)
from desistance.comparison.timing.designs import emulate
from desistance.comparison.timing.estimates import by_model, by_side, rows_of
from desistance.errors import BiasError, DataError, ModelError, NobodyToMatchError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import fit_cox
from desistance.synthetic import SimulationDesign, simulate_cases
from desistance.timetoevent import TimeToEvent
from tests.spec.timelines import cases_of

TERMS = ("age", "n_previous", "n_needs")
NAMES = ["risk-set", "nested-trials", "landmark", "time-varying", "clone-censor-weight"]


def followed_of(n=300, seed=2, **design):
    cases = simulate_cases(SimulationDesign(n_people=n), rng=seed)
    return follow_up(cases, build_histories(cases), FollowUpDesign(**design))


@pytest.fixture(scope="module")
def followed():
    return followed_of()


def numbers(found):
    return found.to_frame()[["estimate", "std_error"]].to_numpy(float)


# --- clones, in fractions ------------------------------------------------------------------------

PEOPLE = {  # the day of joining and of reoffending of each, in 40 days; grace: days 0 and 1
    "A": (0, 10), "B": (1, None), "C": (None, 1), "D": (None, 20), "E": (None, None),
    "F": (5, None), "G": (1, 15),
}  # fmt: skip


def timeline(joined, event):
    days = list("E" + "." * 40)
    if event:
        days[event] = "o"
    if joined is not None:
        days[joined] = "J"
    return "".join(days)


def test_clones_are_what_fractions_say():
    cases = cases_of(*(timeline(*days) for days in PEOPLE.values()))
    design = FollowUpDesign(months=1, waiting_months=0)
    followed = follow_up(cases, build_histories(cases), design)
    found = compare_over_time(
        followed, "clone-censor-weight", terms=(), every_days=1, grace_days=1, truncate=None
    )
    # People not yet joined nor reoffended on days 0 to 5: 7, 5, 3, 3, 3, 3; four joined.
    hazard = Fraction(4, 24)
    on_day_0 = Fraction(1, 2) / hazard
    waits = (1 - Fraction(1, 2)) / (1 - hazard)
    on_day_1 = waits / hazard
    # Day 1: A has joined; C reoffends among B to G, who have not. Days 10 and 15: A, then G.
    left = 1 - waits / (on_day_0 + 6 * waits)
    to_10 = left
    left *= 1 - on_day_0 / (on_day_0 + 2 * on_day_1)
    to_15 = left
    left *= Fraction(1, 2)
    days = 1 + 9 * to_10 + 5 * to_15 + 15 * left
    # Never: A leaves on day 0, B and G on day 1, F on day 5; C reoffends among 6, D among 2.
    never_to_20 = Fraction(5, 6)
    never = never_to_20 / 2
    never_days = 1 + 19 * never_to_20 + 10 * never
    assert left == Fraction(60, 187)
    assert found.frame["estimate"].iloc[1:].tolist() == pytest.approx(
        [float(x) for x in (
            100 * (1 - never), 100 * (1 - left), 100 * (never - left),
            never_days, days, days - never_days,
        )], abs=1e-10,
    )  # fmt: skip


def test_at_the_latest_only_those_of_the_last_days_stand_for_the_rest():
    cases = cases_of(*(timeline(*days) for days in PEOPLE.values()))
    followed = follow_up(cases, build_histories(cases), FollowUpDesign(months=1, waiting_months=0))
    found = compare_over_time(
        followed, "clone-censor-weight", terms=(), every_days=1, grace_days=1, truncate=None,
        grace="at the latest",
    )  # fmt: skip
    # All weigh 1 on day 1, and of those joining on it B and G weigh 6 from day 2 on.
    left = Fraction(6, 7) * (1 - Fraction(1, 13)) * Fraction(1, 2)
    assert found.frame["estimate"].iloc[2] == pytest.approx(float(100 * (1 - left)), abs=1e-10)


# --- held against the rest of the library -----------------------------------------------------


def test_risk_sets_are_compared_as_before(followed):
    balanced = balance_cohorts(followed, BalanceDesign(terms=TERMS))
    before = compare_cohorts(followed, balanced)
    for found in (
        compare_over_time(followed, balanced=balanced),
        compare_over_time(followed, "risk-set", terms=TERMS),
    ):
        for outcome in ("time", "rate"):
            now, then = found.effect(outcome), before.effect(outcome)
            names = ["estimate", "std_error", "conf_low", "conf_high"]
            assert_allclose(now[names].astype(float), then[names].astype(float), rtol=1e-9)
    cut = compare_over_time(followed, balanced=balanced, later="censor")
    told = compare_cohorts(followed, balanced, until_joining=True)
    assert cut.effect("rate")["estimate"] == pytest.approx(told.effect("rate")["estimate"])


@pytest.mark.parametrize("clock", ["calendar", "street"])
def test_time_varying_without_terms_is_cox_on_the_rows(clock):
    followed = followed_of(clock=clock)
    fitted = fit_cox(followed, ["exposed"], variance="cluster").to_frame().iloc[0]
    found = compare_over_time(followed, "time-varying", terms=()).effect("time")
    for name in ("estimate", "std_error", "conf_low"):
        assert found[name] == pytest.approx(fitted[name], rel=1e-9)


def test_moves_of_the_model_are_its_derivatives(followed):
    """One person's weight up a little: every functional moves by that person's move."""
    for name, estimate in (("time-varying", by_model), ("landmark", by_side)):
        made = emulate(followed, TimeDesign(name, ()))
        rows = rows_of(followed, made, months=12, exposed_from_joining=name == "time-varying")[0]
        weight = np.linspace(0.5, 1.5, len(followed.people))[rows.person]
        _, moves = estimate(rows, weight, 300, len(followed.people))
        for person in rows.person[:: len(rows.person) // 5]:
            step = 1e-5
            up, down = (
                estimate(rows, np.where(rows.person == person, weight * (1 + sign * step), weight),
                         300, len(followed.people))[0]
                for sign in (1, -1)
            )  # fmt: skip
            assert_allclose((up - down) / (2 * step), moves[person], rtol=1e-5, atol=1e-9)


def test_robust_and_bootstrap_errors_agree(followed):
    choices = {"terms": ("age",), "every_days": 60, "later": "weigh"}
    robust = compare_over_time(followed, "landmark", **choices)
    few, again, drawn = (
        compare_over_time(
            followed, "landmark", variance="bootstrap", replicates=n, rng=1, **choices
        )
        for n in (3, 3, 20)
    )
    assert_allclose(numbers(few), numbers(again), rtol=0, atol=0)
    assert_allclose(numbers(drawn)[:, 0], numbers(robust)[:, 0], rtol=1e-12)
    # 20 draws know a standard error to about 16 %.
    ratio = numbers(drawn)[:, 1] / numbers(robust)[:, 1]
    assert ((ratio > 0.5) & (ratio < 1.5)).all()
    assert "20 draws of people" in drawn.variance
    matched = compare_over_time(followed, "risk-set", terms=TERMS, variance="bootstrap")
    assert "not valid for matches" in matched.variance


# --- what may not change anything --------------------------------------------------------------


@pytest.fixture
def tables():
    cases = simulate_cases(SimulationDesign(n_people=200), rng=5)
    return {name: frame.copy() for name, frame in cases.raw.items()}


def found_in(tables, extract):
    cases = CaseData.from_frames(tables, extract_date=extract)
    followed = follow_up(cases, build_histories(cases))
    return numbers(compare_designs(followed, terms=("age", "sex"), every_days=30))


def test_order_names_and_the_calendar_change_nothing(tables):
    extract = pd.Timestamp("2024-09-30")
    first = found_in(tables, extract)
    assert np.isfinite(first).all()
    assert len(first) == 3 * len(NAMES)
    rng = np.random.default_rng(0)
    shuffled = {name: frame.sample(frac=1, random_state=3) for name, frame in tables.items()}
    assert_allclose(found_in(shuffled, extract), first, rtol=1e-9)
    ids = tables["people"]["person_id"].tolist()
    other = dict(zip(ids, rng.permutation(ids), strict=True))
    renamed = {
        name: frame.assign(person_id=frame["person_id"].map(other))
        if "person_id" in frame
        else frame
        for name, frame in tables.items()
    }
    assert_allclose(found_in(renamed, extract), first, rtol=1e-6)
    moved = {
        name: frame.assign(**{
            column: _later(frame[column]) for column in frame if column.endswith(("_date", "month"))
        })
        for name, frame in tables.items()
    }  # fmt: skip
    assert_allclose(found_in(moved, extract + pd.DateOffset(years=28)), first, rtol=1e-9)


def _later(column):
    """Move dates by 28 years, in which the calendar repeats itself."""
    return column.str.replace(r"(\d{4})$", lambda year: str(int(year.group(1)) + 28), regex=True)


# --- immortal time -----------------------------------------------------------------------------


def test_a_plain_frame_of_ever_against_never_is_refused():
    frame = pd.DataFrame({
        "stop": [300, 365, 40, 365], "event": [1, 0, 1, 0], "joined_day": [90, 120, None, None],
        "exposed": [1, 1, 0, 0],
    })  # fmt: skip
    with pytest.raises(BiasError, match="210 days before joining, of 2 people") as refusal:
        check_immortal_time(frame)
    # The unexposed reoffended once in 405 days: 210 days would hold 0.52 reoffences.
    assert "hold 0 reoffences where the unexposed had 0.5 in as many days" in str(refusal.value)
    with pytest.raises(BiasError, match="210 days"):
        check_immortal_time(TimeToEvent.from_frame(frame, stop="stop", event="event"))
    seen = check_immortal_time(frame, acknowledge_bias=True)
    assert seen.found
    assert seen.frame["person_years"].iloc[0] * 365.25 == pytest.approx(210)


def test_dates_are_turned_into_days():
    zero = pd.Timestamp("2022-01-01")
    frame = pd.DataFrame({
        "stop": [300, 40], "event": [1, 1], "exposed": [True, False],
        "joined": [zero + pd.Timedelta(days=90), pd.NaT], "left": zero,
    })  # fmt: skip
    with pytest.raises(BiasError, match="90 days before joining, of 1 people"):
        check_immortal_time(frame, joined="joined", index="left")
    with pytest.raises(DataError, match="name the first day of the clock as `index`"):
        check_immortal_time(frame, joined="joined")


def test_time_cut_on_joining_passes():
    frame = pd.DataFrame({
        "person": [1, 1, 2, 3], "start": [0, 90, 0, 60], "stop": [90, 300, 40, 100],
        "event": [0, 1, 1, 0], "joined_day": [90, 90, None, 60], "exposed": [0, 1, 0, 1],
    })  # fmt: skip
    seen = check_immortal_time(frame, start="start", person="person")
    assert not seen.found
    assert seen.frame["n"].tolist() == [0, 1, 2, 0, 1]
    assert seen.frame["n_events"].tolist() == [0, 0, 1, 0, 1]
    assert "Of 1 people nothing is here of the time before they joined" in seen.caveats[0]


def test_follow_ups_are_checked(followed):
    assert not check_immortal_time(followed).found
    cases = followed.histories.cases
    for design, said in (
        ({"exposure": "ever"}, "days before joining"),
        ({"time_zero": "own start"}, "followed from joining and the others from leaving"),
    ):
        biased = follow_up(
            cases, followed.histories, FollowUpDesign(**design), acknowledge_bias=True
        )
        with pytest.raises(BiasError, match=said):
            check_immortal_time(biased)
        assert check_immortal_time(biased, acknowledge_bias=True).found
        with pytest.raises(BiasError):
            compare_over_time(biased)


# --- how results read, and what is refused -------------------------------------------------------


def test_designs_stand_side_by_side(followed):
    two = [TimeDesign("landmark", TERMS, landmark_days=days) for days in (30, 60)]
    found = compare_designs(followed, ["nested-trials", *two], terms=TERMS, every_days=30)
    frame = found.to_frame()
    assert frame["group"].tolist()[:3] == [
        "nested-trials every 30 days", "landmark at day 30", "landmark at day 60"
    ]  # fmt: skip
    alone = compare_over_time(followed, two[1]).effect("rate")
    beside = frame[frame["outcome"].str.startswith("difference in reoff")].iloc[2]
    assert beside["estimate"] == alone["estimate"]
    assert "against never joining" in found.summary()
    assert any(
        "The extract is younger than follow-up and waiting period for" in caveat
        for caveat in found.caveats
    )


def test_a_design_without_anybody_is_told_beside_the_others():
    quiet = "E" + "." * 60
    cases = cases_of(quiet, quiet, "E" + "." * 20 + "o" + "." * 39, "E.J" + "." * 58)
    followed = follow_up(cases, build_histories(cases), FollowUpDesign(months=1, waiting_months=0))
    found = compare_designs(followed, ["landmark", "time-varying"], terms=(), landmark_days=1)
    notes = found.to_frame().groupby("group")["note"].first()
    assert notes["landmark at day 1"] == (
        "not estimable: There is nobody of 7 Pathways Plus to compare."
    )
    assert notes["time-varying"].startswith("not estimable: no reoffence on one side")


def test_weights_that_are_cut_are_counted(followed):
    free, cut = (
        compare_over_time(followed, "nested-trials", terms=TERMS, truncate=limit)
        for limit in (None, 0.9)
    )
    assert free.counts["cut"] == 0
    assert cut.counts["cut"] > 0
    assert any("above their 90% quantile were cut" in caveat for caveat in cut.caveats)


def test_copies_follow_the_rules(followed):
    joined = followed.joined
    nested = emulate(followed, TimeDesign("nested-trials", TERMS)).copies
    person, day = nested["person"].to_numpy(), nested["day"].to_numpy()
    late = np.where(nested["exposed"], day - joined[person], 0)
    assert ((late >= 0) & (late < 7)).all()
    assert (joined[person][~nested["exposed"]] > day[~nested["exposed"]]).all()
    assert followed.at_liberty(person, day).all()
    clones = emulate(followed, TimeDesign("clone-censor-weight", TERMS)).copies
    assert len(clones) == 2 * len(followed.people)
    mark = emulate(followed, TimeDesign("landmark", TERMS, landmark_days=30)).copies
    event = followed.people["event_day"].to_numpy(float)[mark["person"]]
    assert not (event <= 30).any()
    assert_frame_equal(
        mark[["exposed"]].reset_index(drop=True),
        pd.DataFrame({"exposed": joined[mark["person"]] <= 30}),
    )


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"design": "luck"}, "`name` is one of risk-set, nested-trials"),
        ({"design": "time-varying", "later": "keep"}, 'can only "weigh" those who join later'),
        ({"terms": "age"}, "`terms` is a list of columns"),
        ({"truncate": 0.2}, "`truncate` is a quantile"),
        ({"every_days": 0}, "are whole numbers from 1 on"),
        ({"months": 0}, "are whole numbers from 1 on"),
        ({"luck": 1}, "luck is no choice of a `TimeDesign`"),
        ({"design": TimeDesign("landmark"), "landmark_days": 30}, "has its own choices: set landm"),
        ({"confidence": 95}, "`confidence` lies between 0 and 1"),
        ({"variance": "model"}, "`variance` is one of robust, bootstrap"),
        ({"replicates": 1}, "`replicates` is a whole number, 2 or more"),
        ({"design": "landmark", "terms": ("luck",)}, "'luck' is not known of people"),
        ({"design": "clone-censor-weight", "grace_days": 400}, "choose .* days or fewer"),
    ],
)
def test_choices_that_cannot_be_are_refused(followed, choices, said):
    with pytest.raises(ModelError, match=said):
        compare_over_time(followed, **choices)


def test_designs_side_by_side_take_choices_by_name_only(followed):
    made = TimeDesign("landmark", landmark_days=30, terms=["age"])
    for designs, choices, said in (
        ([made], {"landmark_days": 60}, "has its own choices"),
        ([], {}, "`designs` is a list of designs"),
        (made, {}, "`designs` is a list of designs"),
        ("landmark", {}, "`designs` is a list of designs"),
    ):
        with pytest.raises(ModelError, match=said):
            compare_designs(followed, designs, **choices)
    found = compare_designs(followed, [made, "landmark"], landmark_days=60, terms=["age"])
    assert [one.design.landmark_days for one in found.results] == [30, 60]


def test_what_is_no_follow_up_and_no_balance_is_refused(followed):
    with pytest.raises(ModelError, match="is a follow-up, not a DataFrame"):
        compare_over_time(followed.people)
    with pytest.raises(ModelError, match="not a BalanceDesign"):
        compare_over_time(followed, balanced=BalanceDesign())


def test_nobody_joined_is_said():
    quiet, offends = "E" + "." * 60, "E" + "." * 20 + "o" + "." * 39
    cases = cases_of(quiet, offends)
    followed = follow_up(cases, build_histories(cases), FollowUpDesign(months=1, waiting_months=0))
    for name in ("nested-trials", "time-varying", "landmark", "clone-censor-weight"):
        with pytest.raises(NobodyToMatchError):
            compare_over_time(followed, name, terms=())
