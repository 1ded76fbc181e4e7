"""Who is who: suspects listed and never merged, links as probabilities, and what they cost."""

import itertools
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from agencies import PLAN, agencies, are_one, n_true_pairs
from casefiles import checked
from desistance import (
    LinkColumn,
    LinkPlan,
    SimulationDesign,
    link_sensitivity,
    link_tables,
    nelson_aalen,
    simulate_cases,
    suspected_duplicates,
)
from desistance.errors import DataError, ModelError, PlanError
from desistance.linkage import Links, pairs
from desistance.linkage.onetoone import _competing, one_to_one
from desistance.timetoevent import TimeToEvent

THRESHOLDS = (0.5, 0.7, 0.9, 0.95, 0.99)


# --- suspected duplicates ---------------------------------------------------------------------


def cases(people=(), offences=(), episodes=(), extra=()):
    """Give cases from rows of text; offences and episodes have columns of their own below."""
    tables = {
        "people": pd.DataFrame(people, columns=["person_id", "birth_month", "sex", *extra]),
        "offences": pd.DataFrame(
            [(*row, "nfa") for row in offences],
            columns=["person_id", "offence_date", "offence_code", "crime_ref", "outcome"],
        ),
        "episodes": pd.DataFrame(
            episodes, columns=["person_id", "programme", "area_id", "start_date"]
        ),
    }
    mapping = {"people": {"extra": dict.fromkeys(extra, "text")}, "extract_date": None}
    del mapping["extract_date"]
    return checked(tables, **mapping, extract_date=pd.Timestamp("2024-09-30").date())


TWO = [("a", "1990-05-01", "M"), ("b", "1990-05-01", "M"), ("c", "1990-06-01", "M")]


def reasons(given):
    found = suspected_duplicates(given)
    return {(row.person_a, row.person_b): row.reasons for row in found.itertuples()}


def test_one_identifier_on_two_people():
    people = [(*row, cro) for row, cro in zip(TWO, ["p1", "p2", "p1"], strict=True)]
    assert reasons(cases(people, extra=["cro"])) == {("a", "c"): "same_cro"}


def test_one_crime_on_two_people_born_in_one_month():
    crime = ("2021-03-04", "028/01", "R1")
    given_rows = cases(TWO, [("a", *crime), ("b", *crime), ("c", *crime)])
    assert reasons(given_rows) == {("a", "b"): "same_crime"}


def test_two_alike_offences_or_more():
    days = [("2021-03-04", "028/01", ""), ("2021-04-04", "045", "")]
    both = [(person, *row) for person in "ab" for row in days]
    assert reasons(cases(TWO, both)) == {("a", "b"): "same_offences"}
    assert reasons(cases(TWO, both[:3])) == {}


def test_one_first_day_in_one_area():
    rows = [(person, "IOM", "north", "2020-01-13") for person in "abc"]
    assert reasons(cases(TWO, episodes=rows)) == {("a", "b"): "same_episode"}


def test_unknown_is_never_the_same():
    people = [("a", "", "M", ""), ("b", "", "M", "")]
    rows = [(person, "IOM", "", "2020-01-13") for person in "ab"]
    crimes = [(person, "2021-03-04", "028", "R1") for person in "ab"]
    assert reasons(cases(people, crimes, rows, extra=["cro"])) == {}


def test_most_reasons_come_first_and_nobody_is_merged():
    people = [(*row, cro) for row, cro in zip(TWO, ["p1", "p1", "p1"], strict=True)]
    rows = [(person, "IOM", "north", "2020-01-13") for person in "ab"]
    found = suspected_duplicates(cases(people, episodes=rows, extra=["cro"]))
    assert found["n_reasons"].tolist() == [2, 1, 1]
    assert found.loc[0, "reasons"] == "same_cro, same_episode"
    assert len(cases(people, episodes=rows, extra=["cro"]).people) == 3


def test_many_with_one_thing_are_each_paired_with_the_next():
    people = [(f"p{n:02d}", "", "", "x") for n in range(40)]
    found = suspected_duplicates(cases(people, extra=["cro"]))
    assert found["person_a"].tolist() == [f"p{n:02d}" for n in range(39)]
    assert found["person_b"].tolist() == [f"p{n:02d}" for n in range(1, 40)]


def test_identifiers_can_be_named_and_must_be_loaded():
    people = [("a", "", "", "x"), ("b", "", "", "x")]
    given_rows = cases(people, extra=["niche"])
    assert len(suspected_duplicates(given_rows)) == 0
    assert suspected_duplicates(given_rows, identifiers=["niche"])["reasons"].tolist() == [
        "same_niche"
    ]
    with pytest.raises(DataError, match="cro: no extra column"):
        suspected_duplicates(given_rows, identifiers=["cro"])


def test_a_second_id_for_some_people_is_found_in_a_simulated_pilot():
    simulated = simulate_cases(SimulationDesign(n_people=120), rng=4)
    raw = {name: table.copy() for name, table in simulated.raw.items()}
    twice = raw["people"]["person_id"].head(5).tolist()
    alias = {name: f"{name}-again" for name in twice}
    raw["people"] = pd.concat(
        [raw["people"], raw["people"].head(5).assign(person_id=lambda t: t.person_id.map(alias))]
    )
    moved = raw["episodes"][raw["episodes"]["person_id"].isin(twice)]
    raw["episodes"] = pd.concat(
        [raw["episodes"], moved.assign(person_id=moved.person_id.map(alias))]
    )
    found = suspected_duplicates(checked(raw))
    listed = set(zip(found["person_a"], found["person_b"], strict=True))
    assert {tuple(sorted(pair)) for pair in alias.items()} <= listed


@given(st.lists(st.tuples(st.sampled_from("MF"), st.sampled_from("xyz")), max_size=14))
def test_the_list_is_that_of_every_pair_compared(kinds):
    people = [(f"p{n:02d}", "1990-05-01", sex, cro) for n, (sex, cro) in enumerate(kinds)]
    kept = [row for row in people if sum(row[3] == other[3] for other in people) <= 10]
    expected = {(a[0], b[0]) for a, b in itertools.combinations(kept, 2) if a[3] == b[3]}
    assert set(reasons(cases(kept, extra=["cro"]))) == expected


# --- links and the people they make -----------------------------------------------------------


def links(probabilities, n=6):
    """Give a chain of records, each linked to the next."""
    records = pd.DataFrame({"table": "police", "record_id": [str(k) for k in range(n)]})
    rows = [("police", str(k), "police", str(k + 1), p) for k, p in enumerate(probabilities)]
    return Links(records, pd.DataFrame(rows, columns=list(pairs.PAIR_COLUMNS)))


def test_links_are_followed_from_record_to_record():
    chain = links([0.9, 0.8, 0.3, 0.9, 0.1])
    assert chain.people(chain.at(0.5))["person"].tolist() == [0, 0, 0, 1, 1, 2]
    assert chain.people(chain.at(0.95))["person"].tolist() == [0, 1, 2, 3, 4, 5]
    assert chain.people(chain.at(0.0))["person"].nunique() == 1


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_higher_threshold_never_makes_fewer_people(probabilities):
    chain = links(probabilities)
    n = [chain.people(chain.at(t))["person"].nunique() for t in (0, *THRESHOLDS, 1)]
    assert n == sorted(n)


def test_links_are_drawn_with_their_probability():
    chain = links([0.0, 1.0, 0.3, 0.7, 0.5])
    rng = np.random.default_rng(2)
    share = np.mean([chain.drawn(rng) for _ in range(4_000)], axis=0)
    assert share[:2].tolist() == [0.0, 1.0]
    assert share[2:] == pytest.approx([0.3, 0.7, 0.5], abs=0.03)  # four standard errors


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"probability": [1.2]}, "1 pairs have no probability"),
        ({"probability": [np.nan]}, "1 pairs have no probability"),
        ({"record_b": ["secret"]}, "1 pairs name a record that is not"),
    ],
)
def test_links_that_cannot_be_are_refused(change, says):
    good = links([0.5])
    with pytest.raises(DataError, match=says) as caught:
        Links(good.records, good.pairs.assign(**change))
    assert "secret" not in str(caught.value)


def test_links_need_their_columns_and_records_once():
    good = links([0.5])
    with pytest.raises(DataError, match="Links need records"):
        Links(good.records, good.pairs.drop(columns="probability"))
    with pytest.raises(DataError, match="6 records stand there twice"):
        Links(pd.concat([good.records] * 2), good.pairs)


def test_links_show_no_record():
    assert repr(links([0.5])) == "<Links: 1 pairs among 6 records of 1 table>"
    assert links([0.5])._repr_html_() == "<p>Links: 1 pairs among 6 records of 1 table</p>"


# --- what the links cost ----------------------------------------------------------------------


def n_people(people):
    return people["person"].nunique()


def test_thresholds_and_draws_stand_in_one_table():
    found = link_sensitivity(links([0.99, 0.8, 0.6, 0.2]), n_people, rng=3, draws=40)
    frame = found.to_frame()
    assert frame["group"].tolist() == [*(f"at {t:g}" for t in THRESHOLDS), "draws of links"]
    assert frame["n"].tolist()[:5] == [3, 2, 1, 1, 1]
    assert frame["estimate"].tolist()[:5] == [3, 4, 5, 5, 5]
    assert len(found.draws) == 40
    assert frame["note"].iloc[-1].startswith("error of the links alone")
    assert "seed 3" in found.summary()


def test_certain_links_cost_nothing():
    found = link_sensitivity(links([1.0, 1.0, 0.0]), lambda p: (n_people(p), 0.5), rng=1)
    last = found.to_frame().iloc[-1]
    assert last["std_error"] == pytest.approx(0.5)
    assert found.share_of_links["estimate"] == 0
    assert last["conf_high"] - last["estimate"] == pytest.approx(1.959964 * 0.5, abs=1e-6)


def test_the_expected_number_of_people_is_that_of_the_probabilities():
    probabilities = [0.9, 0.7, 0.4, 0.2, 0.6]
    found = link_sensitivity(links(probabilities), n_people, rng=8, draws=800)
    last = found.to_frame().iloc[-1]
    error = np.sqrt(sum(p * (1 - p) for p in probabilities))  # of one draw
    assert last["estimate"] == pytest.approx(6 - sum(probabilities), abs=4 * error / 800**0.5)
    assert last["std_error"] == pytest.approx(error, rel=0.11)


def test_the_same_seed_gives_the_same_numbers():
    one, two, other = (link_sensitivity(links([0.5] * 5), n_people, rng=seed) for seed in (1, 1, 2))
    assert_frame_equal(one.to_frame(), two.to_frame())
    assert not one.draws.equals(other.draws)


def test_results_of_the_library_can_be_carried():
    rng = np.random.default_rng(5)
    days = pd.Series(rng.integers(1, 300, 6), index=[str(k) for k in range(6)])

    def at_day_200(people):
        rows = people.assign(day=people["record_id"].map(days).to_numpy(), event=True)
        first = rows.groupby("person", as_index=False)[["day", "event"]].min()
        curve = nelson_aalen(TimeToEvent.from_frame(first, stop="day", event="event")).to_frame()
        return curve[curve["day"] <= 200].tail(1).assign(term="by day 200")

    found = link_sensitivity(links([0.5] * 5), at_day_200, rng=1, draws=10)
    assert found.to_frame()["term"].unique().tolist() == ["by day 200"]
    assert 0 < found.share_of_links["by day 200"] < 1


def test_an_estimate_that_fails_in_one_draw_is_not_told():
    found = link_sensitivity(
        links([0.5, 0.5]), lambda p: np.nan if n_people(p) == 4 else 1.0, rng=1, draws=30
    )
    last = found.to_frame().iloc[-1]
    assert np.isnan(last[["estimate", "std_error", "conf_low"]].astype(float)).all()
    assert last["note"].startswith("not estimable: ")
    assert "of 30 draws" in last["note"]
    assert "estimate: not estimable." in found.summary()


@pytest.mark.parametrize(
    ("estimate", "options", "says"),
    [
        (n_people, {"draws": 1}, "Two draws or more"),
        (n_people, {"level": 1.0}, "level between"),
        (n_people, {"thresholds": (0.5, 1.5)}, "from 0 to 1"),
        (lambda p: pd.DataFrame({"x": [1]}), {}, "columns term and estimate"),
        (lambda p: pd.DataFrame({"term": ["a", "a"], "estimate": [1, 2]}), {}, "a term twice"),
        (lambda p: pd.DataFrame({"term": [f"{n_people(p)}"], "estimate": [1]}), {}, "same terms"),
    ],
)
def test_what_cannot_be_meant_is_refused(estimate, options, says):
    with pytest.raises(ModelError, match=says):
        link_sensitivity(links([0.9, 0.6]), estimate, rng=1, **options)


def test_the_plot_has_a_point_for_every_row():
    def two(people):
        n = n_people(people)
        return pd.DataFrame({"term": ["people", "half"], "estimate": [n, n / 2], "std_error": 0.1})

    ax = link_sensitivity(links([0.9, 0.6]), two, rng=1).plot()
    assert [text.get_text() for text in ax.get_xticklabels()][-1] == "draws of links"
    assert len(ax.containers) == 2
    plt.close("all")


# --- one partner at most ----------------------------------------------------------------------


def candidates(rows):
    frame = pd.DataFrame(rows, columns=["record_a", "record_b", "probability"])
    return frame.assign(table_a="x", table_b="y")[list(pairs.PAIR_COLUMNS)]


def brute_force(rows, odds_of_a_partner):
    """Give the probability of each pair by adding up all one-to-one matchings."""
    total, of_pair = 0.0, np.zeros(len(rows))
    for n in range(len(rows) + 1):
        for some in itertools.combinations(range(len(rows)), n):
            a, b = [rows[k][0] for k in some], [rows[k][1] for k in some]
            if len(set(a)) == len(set(b)) == n:
                weight = np.prod([rows[k][2] / (1 - rows[k][2]) for k in some] or [1.0])
                total += weight * odds_of_a_partner**n
                of_pair[list(some)] += weight * odds_of_a_partner**n
    return of_pair / total


def test_candidates_for_one_record_compete_as_in_all_matchings():
    rows = [("1", "1", 0.6), ("1", "2", 0.5), ("1", "3", 0.2)]
    found = _competing(
        np.array([0.6, 0.5, 0.2]), np.zeros(3, int), np.arange(3), (10**9, 10**9)
    )  # so many records that hardly any has a partner
    assert found == pytest.approx(brute_force(rows, 1.0), abs=1e-6)


def test_candidates_compete_nearly_as_in_all_matchings():
    rows = [("1", "1", 0.7), ("1", "2", 0.3), ("2", "2", 0.6), ("3", "3", 0.8)]
    a, b, p = (np.array(column) for column in zip(*rows, strict=True))
    found = _competing(p.astype(float), a.astype(int), b.astype(int), (10**9, 10**9))
    assert found == pytest.approx(brute_force(rows, 1.0), abs=0.06)


def test_where_most_have_a_partner_a_lone_candidate_is_likelier():
    many = [(str(n), str(n), 0.999) for n in range(90)]
    doubtful = [(str(n), str(n), 0.5) for n in range(90, 100)]
    found = one_to_one(candidates(many + doubtful), {"x": 100, "y": 100})
    assert len(found) == 100
    assert found["probability"].iloc[-1] > 0.9


def test_a_sure_pair_rules_its_rivals_out():
    rows = [("1", "1", 0.999999), ("1", "2", 0.6), ("2", "1", 0.6)]
    found = one_to_one(candidates(rows), {"x": 1000, "y": 1000})
    assert found[["record_a", "record_b"]].to_numpy().tolist() == [["1", "1"]]
    assert found["probability"][0] > 0.99999


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 2, st.floats(0, 1)), max_size=25))
def test_what_competes_stays_a_probability_and_no_record_has_more_than_one(rows):
    once = {(a, b): p for a, b, p in rows}
    given_rows = candidates([(str(a), str(b), p) for (a, b), p in once.items()])
    found = one_to_one(given_rows, {"x": 6, "y": 6})
    assert found["probability"].between(0, 1).all()
    assert found["record_a"].is_unique
    assert found["record_b"].is_unique


# --- the plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"columns": (LinkColumn("a; DROP TABLE x"), LinkColumn("b"))}, "is no column name"),
        ({"columns": (LinkColumn("sex"),)}, "two columns or more"),
        ({"columns": (LinkColumn("sex"), LinkColumn("sex"))}, "each once"),
        ({"blocks": ()}, "`blocks` and `sure`"),
        ({"blocks": ((),)}, "`blocks` and `sure`"),
        ({"sure": ()}, "`blocks` and `sure`"),
        ({"blocks": (("sex",), ("sex", "area_id"))}, "`sex` is in every block"),
        ({"recall": 0.0}, "are shares"),
        ({"least": 1.0}, "are shares"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(change, says):
    with pytest.raises(PlanError, match=says):
        replace(PLAN, **change)


def test_only_the_columns_of_the_plan_are_read():
    assert PLAN.read == ["record_id", "birth_month", "initials", "area_id", "sex"]


# --- Splink -----------------------------------------------------------------------------------

with_splink = pytest.mark.skipif(
    pairs.splink is None, reason="Splink is not installed: pip install 'desistance[link]'"
)


def test_without_splink_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pairs, "splink", None)
    with pytest.raises(ModelError, match=r"pip install 'desistance\[link\]'"):
        link_tables(agencies(1), PLAN, rng=1)


@pytest.fixture(scope="module")
def tables():
    return agencies(7)


@pytest.fixture(scope="module")
def linked(tables):
    if pairs.splink is None:
        pytest.skip("Splink is not installed: pip install 'desistance[link]'")
    return link_tables(tables, PLAN, rng=1)


def test_precision_rises_and_recall_falls_with_the_threshold(tables, linked):
    true, n_true = are_one(linked.pairs, tables), n_true_pairs(tables)
    kept = [linked.at(threshold) for threshold in THRESHOLDS]
    precision = [true[links].mean() for links in kept]
    recall = [true[links].sum() / n_true for links in kept]
    assert precision[0] > 0.97
    assert precision[-1] >= max(precision) - 0.005
    assert recall == sorted(recall, reverse=True)
    assert recall[0] > 0.75
    assert recall[-1] > 0.6


def test_a_probability_is_about_the_share_that_is_true(tables, linked):
    true, probability = are_one(linked.pairs, tables), linked.pairs["probability"]
    assert probability.sum() == pytest.approx(true.sum(), rel=0.06)
    alone = link_tables(tables, replace(PLAN, one_to_one=False), rng=1)
    both = linked.pairs.merge(alone.pairs, on=list(pairs.PAIR_COLUMNS[:4]), suffixes=("", "_alone"))
    error, error_alone = (
        ((both[name] - are_one(both, tables)) ** 2).sum()
        for name in ("probability", "probability_alone")
    )
    assert len(both) > 700
    assert error < 0.7 * error_alone


def test_the_same_seed_gives_the_same_pairs(tables, linked):
    again = link_tables(tables, PLAN, rng=1)
    assert_frame_equal(again.pairs, linked.pairs, check_exact=True)


def test_pairs_are_of_different_tables_in_order_and_one_to_one(tables, linked):
    found = linked.pairs
    order = {name: n for n, name in enumerate(tables)}
    assert (found["table_a"].map(order) < found["table_b"].map(order)).all()
    assert not found.duplicated(["table_a", "record_a", "table_b"]).any()
    assert not found.duplicated(["table_b", "record_b", "table_a"]).any()
    assert found["probability"].is_monotonic_decreasing
    assert found["probability"].min() >= PLAN.least


def test_the_number_of_people_is_carried_with_its_error(tables, linked):
    found = link_sensitivity(linked, n_people, rng=1, draws=20)
    n = found.to_frame().set_index("group")["estimate"]
    truth = len(set().union(*(table["truth"] for table in tables.values())))
    assert n["at 0.5"] < n["at 0.99"]
    assert abs(n["draws of links"] - truth) < abs(n["at 0.99"] - truth)


@with_splink
def test_duplicates_within_one_table_are_found(tables):
    police, rng = tables["police"], np.random.default_rng(2)
    again = police.head(60).assign(record_id=[f"again{n}" for n in range(60)])
    for column in ("birth_month", "initials", "area_id"):
        slip = rng.random(60) < 0.1
        again.loc[slip, column] = rng.choice(police[column], slip.sum())
    given_rows = {"police": pd.concat([police, again], ignore_index=True)}
    found = link_tables(given_rows, PLAN, rng=1)
    true = are_one(found.pairs, given_rows)
    kept = found.at(0.9)
    assert set(found.pairs["table_a"]) == {"police"}
    assert true[kept].mean() > 0.9
    assert true[kept].sum() > 40


@with_splink
def test_nothing_is_written_and_nothing_fetched(tables, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    link_tables(tables, PLAN, rng=1)
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().out + capfd.readouterr().err == ""


@with_splink
def test_duckdb_is_shut_in():
    with pairs.duckdb.connect(":memory:") as connection:
        for setting in pairs.SHUT_IN:
            connection.execute(setting)
        for attack in (
            "SELECT * FROM read_csv('/etc/passwd')",
            "COPY (SELECT 1) TO '/tmp/leak.csv'",
            "INSTALL spatial",
            "LOAD spatial",
            "ATTACH '/tmp/leak.db'",
            "SET enable_external_access = true",
        ):
            with pytest.raises(pairs.duckdb.Error):
                connection.execute(attack)


@with_splink
def test_a_model_that_cannot_be_trained_says_so_without_a_value():
    token = "canary"
    rows = pd.DataFrame({"record_id": ["1", "2"], "birth_month": [f"{token}1", f"{token}2"]})
    rows = rows.assign(initials=[f"{token}3", f"{token}4"], area_id="", sex=["M", "F"])
    with pytest.raises(ModelError, match=r"could not train|says how well") as caught:
        link_tables({"police": rows, "housing": rows}, PLAN, rng=1)
    assert token not in str(caught.value)
    assert caught.value.__context__ is None


@with_splink
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="sex"), "`police` has no column sex"),
        (lambda t: t.assign(record_id="same"), "one that stands there already"),
        (lambda t: t.assign(record_id=""), "records have no record_id"),
    ],
)
def test_a_table_that_cannot_be_linked_is_refused(tables, change, says):
    with pytest.raises(DataError, match=says):
        link_tables({**tables, "police": change(tables["police"])}, PLAN, rng=1)


@with_splink
def test_a_table_has_a_plain_name(tables):
    with pytest.raises(DataError, match="lower-case letters"):
        link_tables({"a'; --": tables["police"]}, PLAN, rng=1)


def test_plans_compare_as_values():
    assert LinkPlan(PLAN.columns, PLAN.blocks, PLAN.sure, max_pairs=100_000) == PLAN
