"""Disclosure control: the rules one by one, then attacks on what is released."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from desistance.disclosure import (
    INTERNAL,
    PUBLICATION,
    SUPPRESSED,
    DisclosurePolicy,
    Rate,
    open_data,
    protect_counts,
    protect_curve,
    protect_effect,
)
from desistance.errors import DataError, PlanError
from desistance.release import release_folder, write_csv, write_text
from desistance.report.page import Page, Section, Table, render
from small_counts import small_counts

SHARE = Rate("estimate", "n_events", "n", interval=("conf_low", "conf_high"))


def rates(n, n_events):
    frame = pd.DataFrame({"group": "7PP", "n": n, "n_events": n_events}, index=range(len(n)))
    return frame.assign(estimate=frame.n_events / frame.n, conf_low=0.1, conf_high=0.9)


def protected_rates(n, n_events, **choices):
    return protect_counts(rates(n, n_events), counts=["n", "n_events"], rates=[SHARE], **choices)


# The policy


def test_a_policy_is_read_from_toml():
    choices = tomllib.loads("min_cell = 8\nmin_group = 40")
    assert DisclosurePolicy(**choices) == DisclosurePolicy(min_cell=8, min_group=40)


@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        ({"name": "none"}, "must be one of"),
        ({"min_cell": 1}, "`min_cell` must be 5 or more"),
        ({"round_to": 1}, "`round_to` must be 3 or more"),
        ({"round_to": 11}, "at most `min_cell`"),
        ({"min_group": 9}, "`min_group` must lie"),
        ({"min_curve": 20}, "and `min_curve`"),
        ({"min_cell": "10"}, "min_cell must be whole numbers"),
        ({"min_cell": True}, "min_cell must be whole numbers"),
        ({"name": "open_data", "reason": "published"}, "30 characters"),
        ({"name": "open_data", "reason": " " * 40}, "30 characters"),
    ],
)
def test_a_policy_that_would_not_protect_is_refused(choices, fault):
    with pytest.raises(PlanError, match=fault):
        DisclosurePolicy(**choices)


def test_only_publication_protects_and_the_others_say_so_on_the_page():
    public = open_data("Rossi, Berk and Lenihan (1980), public since 1980")
    assert (PUBLICATION.protects, INTERNAL.protects, public.protects) == (True, False, False)
    assert PUBLICATION.banner == ""
    assert "Not for release" in INTERNAL.banner
    assert "Rossi" in public.banner


def test_an_unprotected_table_passes_unchanged():
    frame = rates([12], [3])
    table = protect_counts(frame, counts=["n", "n_events"], rates=[SHARE], policy=INTERNAL)
    pd.testing.assert_frame_equal(table.frame, frame)
    assert table.log.empty
    assert not table.hidden.to_numpy().any()


# Counts and rates


def test_small_counts_are_suppressed_and_all_others_rounded():
    table = protect_counts(pd.DataFrame({"n": [0, 1, 9, 10, 12, 13, 1013]}), counts=["n"])
    hidden = SUPPRESSED
    assert table.shown()["n"].tolist() == [0, hidden, hidden, 10, 10, 15, 1015]
    assert table.log["rule"].tolist() == ["a count of 1 to 9"] * 2


def test_a_count_that_rounding_makes_small_is_suppressed_too():
    policy = DisclosurePolicy(min_cell=11, round_to=5)
    shown = protect_counts(pd.DataFrame({"n": [11, 12, 13]}), counts=["n"], policy=policy).shown()
    assert shown["n"].tolist() == [SUPPRESSED, SUPPRESSED, 15]


def test_a_rate_and_its_interval_come_from_the_rounded_parts():
    row = protected_rates([143], [58]).frame.iloc[0]
    assert (row.n, row.n_events) == (145, 60)
    assert row.estimate == 60 / 145
    # R 4.2.2, prop.test(60, 145, correct = FALSE)$conf.int
    assert [row.conf_low, row.conf_high] == pytest.approx([0.3368636609, 0.4951723847], abs=1e-9)


def test_a_rate_per_person_year_has_the_exact_poisson_interval():
    frame = pd.DataFrame({"n_events": [38], "person_years": [99.2], "rate": [0.38],
                          "low": [0.2], "high": [0.6]})  # fmt: skip
    rate = Rate("rate", "n_events", "person_years", kind="rate", interval=("low", "high"))
    row = protect_counts(frame, counts=["n_events", "person_years"], rates=[rate]).frame.iloc[0]
    # R 4.2.2, poisson.test(40, 100)$conf.int
    assert [row.rate, row.low, row.high] == pytest.approx(
        [0.4, 0.2857658644, 0.5446864696], abs=1e-9
    )


@pytest.mark.parametrize(
    ("n", "n_events", "hidden", "rule"),
    [
        (50, 48, "n_events", "all but 1 to 9 of the group"),
        (50, 3, "n_events", "a count of 1 to 9"),
        (8, 0, "n_events", "its group is suppressed"),
        (29, 15, "estimate", "fewer than 30 in the group"),
    ],
)
def test_a_count_that_would_give_a_small_one_back_is_suppressed(n, n_events, hidden, rule):
    table = protected_rates([n], [n_events])
    logged = table.log.set_index("column")["rule"]
    assert logged[hidden] == rule
    assert table.shown()["estimate"].tolist() == [SUPPRESSED]


def test_none_and_all_tell_on_everybody_when_they_describe_people():
    frame = pd.DataFrame({"need": ["Drugs", "Alcohol"], "n": [60, 60], "n_events": [0, 60]})
    plain = protect_counts(frame, counts=["n", "n_events"])
    told = protect_counts(
        frame.assign(estimate=[0.0, 1.0]),
        counts=["n", "n_events"],
        rates=[Rate("estimate", "n_events", "n")],
        attribute=True,
    )
    assert plain.frame["n_events"].tolist() == [0, 60]
    assert told.shown()["n_events"].tolist() == [SUPPRESSED] * 2
    assert told.shown()["estimate"].tolist() == [SUPPRESSED] * 2
    assert told.log["where"].unique().tolist() == ["need=Drugs", "need=Alcohol"]


def test_totals_are_the_sums_of_what_is_shown():
    frame = pd.DataFrame({"group": ["7PP", "IOM"], "need": [4, 62], "no_need": [73, 158]})
    table = protect_counts(
        frame, counts=["need", "no_need"], sums={"n": ("need", "no_need")}, total="Both"
    )
    assert table.shown().to_numpy().tolist() == [
        ["7PP", SUPPRESSED, 75, 75],
        ["IOM", 60, 160, 220],
        ["Both", 60, 235, 295],
    ]


def test_a_rate_among_a_sum_is_hidden_when_a_part_of_the_sum_is():
    frame = pd.DataFrame({"group": ["a", "b"], "need": [44, 40], "no_need": [4, 40], "share": 0.5})
    table = protect_counts(
        frame,
        counts=["need", "no_need"],
        sums={"n": ("need", "no_need")},
        rates=[Rate("share", "need", "n")],
        total="All",
    )
    assert table.shown()["share"].tolist() == [SUPPRESSED, 0.5, SUPPRESSED]


def test_a_second_count_is_hidden_where_subtraction_would_give_the_first_back():
    # 13 and 13 are shown as 15, their total with 1 is 27, shown as 25 elsewhere: only 1 fits.
    frame = pd.DataFrame({"a": [13, 13], "b": [13, 17], "c": [1, 6]})
    table = protect_counts(frame, counts=["a", "b", "c"], sums={"n": ("a", "b", "c")})
    assert table.hidden[["a", "b", "c"]].to_numpy().tolist() == [
        [True, False, True],
        [False, False, True],
    ]
    assert "give a suppressed count back" in table.log["rule"].iloc[0]


def test_numbers_stay_numbers_and_empty_cells_stay_empty():
    frame = rates([143, 120], [58, 60])
    frame.loc[1, "estimate"] = np.nan
    table = protect_counts(frame, counts=["n", "n_events"], rates=[SHARE])
    assert str(table.frame["n"].dtype) == "Int64"
    assert table.frame["estimate"].dtype == "float64"
    assert np.isnan(table.shown()["estimate"].iloc[1])


@pytest.mark.parametrize(
    "column",
    [pd.Series([0.5]), pd.Series([pd.Timestamp("2024-05-01")]), pd.Series([7], dtype=object)],
)
def test_a_column_nobody_named_is_refused_without_its_values(column):
    with pytest.raises(DataError, match=r"no rule protects: extra\. Name them") as caught:
        protect_counts(pd.DataFrame({"n": [50], "extra": column}), counts=["n"])
    assert "2024" not in str(caught.value)


def test_a_column_that_is_not_there_or_no_number_is_refused():
    with pytest.raises(DataError, match="no column n_events"):
        protect_counts(pd.DataFrame({"n": [50]}), counts=["n", "n_events"])
    with pytest.raises(DataError, match="n must hold numbers"):
        protect_counts(pd.DataFrame({"n": ["fifty"]}), counts=["n"])


# Attacks on tables


def random_tables(many=200, seed=20261123):
    rng = np.random.default_rng(seed)
    for _ in range(many):
        cells = np.where(
            rng.random((2, 2)) < 0.4, rng.integers(1, 10, (2, 2)), rng.integers(0, 36, (2, 2))
        )
        yield pd.DataFrame(cells, columns=["need", "no_need"]).assign(group=["7PP", "IOM"])


def release(frame):
    return protect_counts(
        frame, counts=["need", "no_need"], sums={"n": ("need", "no_need")}, total="All"
    )


def could_be(shown, any_size):
    """The counts a reader must hold possible in one cell."""
    if shown == SUPPRESSED:
        return np.arange(1, 40 if any_size else 10)
    return np.array([0]) if shown == 0 else np.arange(max(shown - 2, 10), shown + 3)


def every_table(cells, true_sums, any_size):
    """All 2 x 2 tables that agree with the released cells and the rounded true margins."""
    ranges = [could_be(shown, any_size) for shown in cells]
    a, b, c, d = (grid.ravel() for grid in np.meshgrid(*ranges, indexing="ij"))
    fits = np.ones(a.size, bool)
    for total, truth in zip((a + b, c + d, a + c, b + d, a + b + c + d), true_sums, strict=True):
        small = PUBLICATION.is_small(np.array([float(truth)]))[0]
        known = PUBLICATION.rounded(np.array([float(truth)]))
        fits &= (total < 10) if small else PUBLICATION.rounded(total.astype(float)) == known
    return np.stack([a, b, c, d])[:, fits]


def test_subtraction_gives_no_suppressed_cell_back():
    """Even to somebody who knows the rounded true margins from another table."""
    widths = []
    for frame in random_tables():
        protected = release(frame)
        true = frame[["need", "no_need"]].to_numpy()
        cells = protected.shown()[["need", "no_need"]].to_numpy()[:2].ravel()
        sums = [*true.sum(axis=1), *true.sum(axis=0), true.sum()]
        helped = protected.log["rule"].str.contains("give a suppressed").any()
        tables = every_table(cells, sums, any_size=helped)
        widths += [len(set(tables[i])) for i in range(4) if cells[i] == SUPPRESSED]
    assert len(widths) > 300
    assert min(widths) >= 3


def test_without_protection_subtraction_gives_nearly_all_back():
    """The attack itself works: with exact margins a lone suppressed cell has one value left."""
    frame = pd.DataFrame({"group": ["7PP", "IOM"], "need": [4, 62], "no_need": [73, 158]})
    shown = release(frame).frame
    assert frame["need"].sum() - 62 == 4
    assert shown["need"].iloc[-1] - shown["need"].iloc[1] == 0


def test_no_small_count_is_found_in_a_released_folder(tmp_path):
    raw, safe = tmp_path / "raw", tmp_path / "safe"
    for place, protect in ((raw, False), (safe, True)):
        with release_folder(place, {}) as part:
            for number, frame in enumerate(random_tables(25)):
                shown = release(frame).shown() if protect else frame
                write_csv(shown, part / f"table-{number}.csv")
                page = Page("Needs", (Section("Needs", (Table(shown, "Needs"),)),))
                write_text(render(page), part / f"page-{number}.html")
    assert len(small_counts(raw)) > 60
    assert small_counts(safe) == []


# Curves


def kaplan_meier_rows(time, event, start=None, group="7PP"):
    """Kaplan-Meier by hand, with log-log intervals: another path than the library's."""
    start = np.zeros_like(time) if start is None else start
    days = np.unique(time)
    at_risk = ((time >= days[:, None]) & (start < days[:, None])).sum(axis=1)
    events = ((time == days[:, None]) & event).sum(axis=1)
    leaving = (time == days[:, None]).sum(axis=1)
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.cumsum(events / (at_risk * (at_risk - events)))) / np.log(survival)
        low, high = survival ** np.exp(-1.96 * error), survival ** np.exp(1.96 * error)
    return pd.DataFrame(
        {"group": group, "day": days, "n_at_risk": at_risk, "n_events": events,
         "n_censored": leaving - events, "estimate": survival, "std_error": 0.05,
         "conf_low": np.fmin(low, high), "conf_high": np.fmax(low, high)}
    )  # fmt: skip


def cohort(n, rng, late=False):
    reoffence = np.ceil(rng.weibull(0.8, n) * 480).astype(int)
    end = rng.integers(180, 731, n)
    start = np.where(rng.random(n) < 0.3, rng.integers(1, 60, n), 0) if late else np.zeros(n, int)
    time = np.maximum(np.minimum(reoffence, end), start + 1)
    return kaplan_meier_rows(time, reoffence <= end, start)


def height(curve, days):
    steps = np.append(1.0, curve["estimate"].to_numpy(float))
    return steps[np.searchsorted(curve["day"].to_numpy(float), days, side="right")]


def assert_valid(curve):
    assert (np.diff(curve["estimate"]) <= 0).all()
    assert curve["estimate"].between(0, 1).all()
    inside = curve.dropna(subset=["conf_low"])
    assert (inside["conf_low"] <= inside["estimate"]).all()
    assert (inside["estimate"] <= inside["conf_high"]).all()
    assert inside["conf_low"].min() >= 0
    assert inside["conf_high"].max() <= 1
    at_risk = curve["n_at_risk"].dropna().astype(int)
    assert (at_risk >= 10).all()
    assert (at_risk % 5 == 0).all()


@pytest.mark.parametrize(
    ("n", "many", "largest"), [(100, 50, 0.10), (150, 200, 0.065), (1000, 30, 0.04)]
)
@pytest.mark.parametrize("late", [False, True])
def test_a_released_curve_is_valid_and_near_the_exact_one(n, many, largest, late):
    rng = np.random.default_rng(n)
    gaps = []
    for _ in range(many):
        exact = cohort(n + 60 * late, rng, late)
        curve = protect_curve(exact).frame
        assert_valid(curve)
        days = np.arange(min(366, curve["day"].iloc[-1] + 1))
        gaps.append(np.abs(height(curve, days) - height(exact, days)).max())
    assert np.median(gaps) <= largest


def rebuilt(curve, n):
    """Read events and risk sets off a curve, as from a picture, knowing the group's size only."""
    steps = curve[["day", "estimate"]].astype(float).to_numpy()
    found, before, most = set(), 1.0, n
    for day, survival in steps:
        if 0 < survival < before:
            events = np.arange(1, 16)
            at_risk = events / (1 - survival / before)
            whole = (np.abs(at_risk - np.round(at_risk)) < 1e-6) & (at_risk < most + 0.5)
            best = np.flatnonzero(whole if whole.any() else at_risk < most + 0.5)
            if best.size:  # the largest risk set that fits: few have left
                most = round(at_risk[best[-1]]) - int(events[best[-1]])
                found.add((int(day), most + int(events[best[-1]]), int(events[best[-1]])))
        before = survival
    return found


def test_risk_sets_cannot_be_rebuilt_from_a_released_curve():
    rng = np.random.default_rng(7)
    raw, released, dates = 0, 0, 0
    for _ in range(40):
        exact = cohort(150, rng)
        happened = exact[exact["n_events"] > 0]
        truth = set(happened[["day", "n_at_risk", "n_events"]].itertuples(index=False, name=None))
        raw += len(truth & rebuilt(exact, 150))
        released += len(truth & rebuilt(protect_curve(exact).frame, 150))
        dates += len(truth)
    assert raw / dates > 0.9
    assert released / dates <= 0.01


def test_steps_stand_on_quarter_months_and_counts_on_third_months():
    curve = protect_curve(cohort(400, np.random.default_rng(1))).frame
    quarter_months = np.round(np.arange(100) * 365.25 / 48)
    assert set(curve["day"]) <= set(quarter_months)
    counted = curve.loc[curve["n_at_risk"].notna(), "day"].tolist()
    assert counted[:5] == [0, 91, 183, 274, 365]
    assert set(curve.columns) == {
        "group", "day", "n_at_risk", "estimate", "conf_low", "conf_high", "note"
    }  # fmt: skip
    assert (curve["estimate"].round(3) == curve["estimate"]).all()


def test_a_curve_ends_before_few_are_at_risk_and_the_log_says_so():
    exact = cohort(150, np.random.default_rng(3))
    table = protect_curve(exact)
    few = exact.loc[exact["n_at_risk"] < 10, "day"].iloc[0]
    assert table.frame["day"].max() < few
    assert table.log["rule"].tolist() == ["the curve ends: fewer than 10 people at risk"]
    assert table.log["where"].tolist() == ["group=7PP"]


def test_a_small_group_has_values_at_6_and_12_months_only():
    exact = cohort(90, np.random.default_rng(5))
    curve = protect_curve(exact).frame
    assert curve["day"].tolist() == [183, 365]
    assert curve["estimate"].tolist() == pytest.approx(height(exact, [183, 365]), abs=0.005)
    assert_valid(curve)


def test_what_happens_between_two_values_must_not_be_small_either():
    time = np.concatenate([np.arange(1, 31), [200, 201, 202], np.full(40, 365)])
    table = protect_curve(kaplan_meier_rows(time, time < 365))
    assert table.frame["note"].str.startswith("not reported").tolist() == [True, False]
    assert table.shown()["estimate"].iloc[0] == "not reported"


def test_a_group_below_thirty_is_not_reported():
    both = pd.concat(
        [
            cohort(29, np.random.default_rng(5)),
            cohort(150, np.random.default_rng(6)).assign(group="IOM"),
        ]
    )
    table = protect_curve(both)
    shown = table.shown()
    small = shown[shown["group"] == "7PP"]
    assert small["note"].tolist() == ["not reported: fewer than 30 people"]
    assert small["estimate"].tolist() == ["not reported"]
    assert (table.frame["group"] == "IOM").sum() > 5


def test_a_curve_whose_first_days_have_few_at_risk_is_not_reported():
    start = np.concatenate([[0] * 5, np.full(120, 30)])
    time = np.concatenate([[10], np.arange(40, 164)])
    table = protect_curve(kaplan_meier_rows(time, np.full(125, True), start))
    assert table.frame["note"].tolist() == ["not reported: fewer than 10 people at risk"]


def test_rows_that_lose_people_are_refused():
    exact = cohort(150, np.random.default_rng(3))
    with pytest.raises(DataError, match="do not add up"):
        protect_curve(exact[exact["n_events"] > 0])
    with pytest.raises(DataError, match="n_events, n_censored; one that was protected"):
        protect_curve(protect_curve(exact).frame)


def test_an_unprotected_curve_passes_unchanged():
    exact = cohort(40, np.random.default_rng(3))
    pd.testing.assert_frame_equal(protect_curve(exact, policy=INTERNAL).frame, exact)


# Effects


EFFECT = pd.DataFrame(
    {"term": ["7PP"], "n": [303], "n_events": [163], "estimate": [0.81234], "conf_low": [0.61111],
     "conf_high": [1.05555], "p_value": [0.12345]}
)  # fmt: skip


def test_an_effect_between_groups_large_enough_is_rounded():
    table = protect_effect(
        EFFECT, n_people={"7PP": 83, "IOM": 220}, n_events={"7PP": 43, "IOM": 120}
    )
    assert table.frame.iloc[0].tolist() == ["7PP", 305, 165, 0.81, 0.61, 1.06, 0.123, ""]
    assert table.log.empty


@pytest.mark.parametrize(
    ("n_people", "n_events", "n_terms", "reason"),
    [
        ((29, 220), (14, 120), 1, "fewer than 30 people in a group"),
        ((83, 220), (9, 120), 1, "fewer than 10 people with or without the event"),
        ((83, 220), (74, 120), 1, "fewer than 10 people with or without the event"),
        ((83, 220), (43, 56), 10, "fewer than 10 events for each term"),
    ],
)
def test_an_effect_on_few_people_is_not_reported(n_people, n_events, n_terms, reason):
    groups = ("7PP", "IOM")
    table = protect_effect(
        EFFECT,
        n_people=dict(zip(groups, n_people, strict=True)),
        n_events=dict(zip(groups, n_events, strict=True)),
        n_terms=n_terms,
    )
    shown = table.shown().iloc[0]
    assert set(shown.drop(["term", "note"])) == {"not reported"}
    assert shown["note"].startswith(f"not reported: {reason}")
    assert len(table.log) == 6


def test_harm_that_two_people_did_is_not_reported():
    told = {"n_people": {"7PP": 83, "IOM": 220}, "n_events": {"7PP": 43, "IOM": 120}}
    assert protect_effect(EFFECT, **told, of_two=0.9).log.empty
    assert protect_effect(EFFECT, **told | {"n_events": {}}, of_two=0.9).log.empty  # of a mean
    few = protect_effect(EFFECT, n_people={"7PP": 29, "IOM": 220}, n_events={})
    assert few.frame["note"].iloc[0] == "not reported: fewer than 30 people in a group"
    table = protect_effect(EFFECT, **told, of_two=0.91)
    assert table.frame["note"].item() == "not reported: two people make up more than 90% of it"
    assert table.frame["estimate"].isna().all()


def test_a_small_count_beside_an_effect_is_hidden():
    table = protect_effect(
        EFFECT.assign(n_at_risk=7),
        n_people={"7PP": 83, "IOM": 220},
        n_events={"7PP": 43, "IOM": 120},
    )
    assert table.shown()["n_at_risk"].tolist() == ["not reported"]
    assert table.log["rule"].tolist() == ["a count of 1 to 9"]


def test_an_unprotected_effect_passes_unchanged():
    table = protect_effect(EFFECT, n_people={"7PP": 3}, n_events={"7PP": 1}, policy=INTERNAL)
    pd.testing.assert_frame_equal(table.frame, EFFECT)
