from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from desistance.balance import (
    BalanceDesign,
    balance_cohorts,
    balance_table,
    estimate_propensity,
    match_cohorts,
)
from desistance.balance.covariates import covariate_columns
from desistance.balance.diagnostics import compare_columns, effective_size, traffic_light
from desistance.cases import CaseData
from desistance.errors import ModelError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.synthetic import SimulationDesign, simulate_cases


@pytest.fixture(scope="module")
def followed():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=5)
    return follow_up(cases, build_histories(cases))


@pytest.fixture(scope="module")
def balanced(followed):
    return balance_cohorts(followed, BalanceDesign(ratio=3))


def test_nobody_is_compared_who_was_not_there_on_that_day(followed, balanced):
    others = balanced.matches[~balanced.matches["exposed"]]
    people = followed.people
    joined = people["joined_day"].to_numpy()[others["person"]]
    assert not (joined <= others["day"]).any()
    when = people["index_date"].to_numpy()[others["person"]] + pd.to_timedelta(others["day"], "D")
    deaths = followed.histories.cases.people.set_index("person_id")["death_date"]
    died = deaths.loc[people["person_id"].to_numpy()[others["person"]]].to_numpy()
    assert not (died <= when.to_numpy()).any()
    custody = followed.histories.cases.custody
    spells = others.assign(
        person_id=people["person_id"].to_numpy()[others["person"]], on=when
    ).merge(custody, on="person_id")
    out = spells["out_date"].fillna(pd.Timestamp("2100-01-01"))
    assert not ((spells["in_date"] < spells["on"]) & (spells["on"] < out)).any()


def test_the_caliper_is_obeyed_pair_by_pair(followed, balanced):
    matches = balanced.matches
    own = matches[matches["exposed"]].set_index("match")["log_odds"]
    gap = (matches["log_odds"] - own.loc[matches["match"]].to_numpy()).abs()
    loose = balance_cohorts(followed, BalanceDesign(caliper=1e9))
    everyone = loose.matches  # every risk set whole: what the caliper's unit is taken over
    assert gap.max() <= 0.2 * everyone["log_odds"].std(ddof=0) + 1e-12


def test_weights_of_a_set_add_up_to_the_one_who_joined(balanced):
    weight = balanced.matches.groupby(["match", "exposed"])["weight"].sum().unstack()
    assert weight[True].tolist() == [1.0] * len(weight)
    assert weight[False].to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert balanced.matches.groupby("match").size().max() <= 4


def test_the_nearest_are_chosen(followed):
    one = balance_cohorts(followed, BalanceDesign(ratio=1)).matches
    whole = balance_cohorts(followed, BalanceDesign(caliper=1e9)).matches
    own = whole[whole["exposed"]].set_index("match")["log_odds"]
    rest = whole[~whole["exposed"]]
    gap = (rest["log_odds"] - own.loc[rest["match"]].to_numpy()).abs()
    nearest = gap.groupby(rest["match"]).min()
    chosen = one[~one["exposed"]]
    distance = (chosen["log_odds"] - own.loc[chosen["match"]].to_numpy()).abs()
    assert distance.to_numpy() == pytest.approx(nearest.loc[chosen["match"]].to_numpy(), abs=1e-12)


@pytest.mark.parametrize("ratio", [1, 2])
def test_without_replacement_each_person_of_a_follow_up_serves_once(followed, ratio):
    scored = estimate_propensity(followed, terms=["age", "n_previous"])
    gaps = {}
    for method in ("nearest", "optimal"):
        matches = match_cohorts(scored, method=method, ratio=ratio).matches
        others = matches[~matches["exposed"]]
        assert others["person"].is_unique
        own = matches[matches["exposed"]].set_index("match")["log_odds"]
        gap = (others["log_odds"] - own.loc[others["match"]].to_numpy()).abs()
        gaps[method] = (-len(own), -len(others), gap.sum())
    assert gaps["optimal"] < gaps["nearest"]


def test_the_smd_is_the_documented_one(followed, balanced):
    whole = balance_cohorts(followed, BalanceDesign(ratio=3, terms=("age",)))
    joiners = whole.matches
    row = whole.table.iloc[0]
    age = followed.known_from(joiners["person"].to_numpy(), joiners["day"].to_numpy())["age"]
    exposed = joiners["exposed"].to_numpy()
    mean_joined = age[exposed].mean()
    mean_after = np.average(age[~exposed], weights=joiners["weight"][~exposed])
    assert row["mean_after"] == pytest.approx(mean_after, abs=1e-12)
    if whole.n_matched == whole.flow["n_remaining"].iloc[2]:
        assert row["smd_after"] == pytest.approx(
            (mean_joined - mean_after) / age[exposed].std(ddof=1), abs=1e-12
        )


def test_matching_makes_the_cohorts_more_alike():
    cases = simulate_cases(SimulationDesign(n_people=900, selection="risk"), rng=2)
    table = balance_cohorts(follow_up(cases, build_histories(cases))).table
    assert table["smd_before"].abs().mean() > 2 * table["smd_after"].abs().mean()


def test_row_order_and_names_of_people_do_not_matter(followed):
    cases = followed.histories.cases
    ids = cases.people["person_id"]
    renamed = dict(zip(ids, [f"X{number:04d}" for number in range(len(ids))], strict=True))
    names = ("people", "episodes", "offences", "custody", "assessments", "residence")
    frames = {
        name: (table := getattr(cases, name))
        .assign(person_id=table["person_id"].map(renamed))
        .sample(frac=1, random_state=1)
        for name in names
    }
    other = CaseData.from_frames(frames, extract_date=cases.extract_date)
    again = balance_cohorts(follow_up(other, build_histories(other)), BalanceDesign(ratio=3))
    first = balance_cohorts(followed, BalanceDesign(ratio=3))
    pd.testing.assert_frame_equal(first.table, again.table, rtol=1e-9)
    assert first.matches[["match", "person"]].equals(again.matches[["match", "person"]])


def test_exact_columns_agree_within_every_match(followed):
    matches = balance_cohorts(followed, BalanceDesign(exact=("tier",))).matches
    tier = followed.people["tier"].to_numpy()[matches["person"]]
    assert (pd.Series(tier).groupby(matches["match"]).nunique() == 1).all()


def test_outcomes_are_not_read(followed):
    people = followed.people.copy()
    for name in ("event_day", "reoffended", "n_reoffences", "ended_by"):
        people[name] = pd.NA
    blind = type(followed)(
        followed.design, followed.histories, people, followed.rows.iloc[:0], followed.flow,
        followed.reoffences, (),
    )  # fmt: skip
    pd.testing.assert_frame_equal(balance_cohorts(blind).table, balance_cohorts(followed).table)


@pytest.mark.parametrize("design", [{"terms": ("reoffended",)}, {"exact": ("end_day",)}], ids=str)
def test_outcomes_cannot_be_named_as_terms(followed, design):
    with pytest.raises(ModelError, match="is not known of people"):
        balance_cohorts(followed, BalanceDesign(**design))


def test_a_term_that_does_not_vary_among_those_who_joined_is_measured_all_the_same():
    columns = pd.DataFrame({"man": [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]})
    exposed = np.array([True, True, False, False, False, False])
    before = np.array([1, 1, 0.5, 0.5, 0.5, 0.5])
    after = np.array([1, 1, 1.0, 0.0, 0.5, 0.5])
    table = compare_columns(columns, exposed, before, after)
    assert table["smd_after"].item() == 0
    assert 0 < table["smd_before"].item() < 2


def test_missing_is_a_state_of_its_own_never_no():
    known = pd.DataFrame({"need": pd.array([True, False, None, None], dtype="boolean")})
    columns = covariate_columns(known, ["need"])
    assert columns["need"].tolist() == [1.0, 0.0, 0.5, 0.5]
    assert columns["need unknown"].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_nobody_joined_is_an_error_that_shows_the_flow(followed):
    design = FollowUpDesign(joining="no such programme")
    nobody = follow_up(followed.histories.cases, followed.histories, design)
    with pytest.raises(ModelError, match="people who joined"):
        balance_cohorts(nobody)


def test_an_unknown_term_is_an_error_that_lists_what_is_known(followed):
    with pytest.raises(ModelError, match="'shoe_size' is not known of people; there are age"):
        balance_cohorts(followed, BalanceDesign(terms=("shoe_size",)))


@pytest.mark.parametrize("kind", ["flags", "few values", "numbers"])
def test_gaps_of_distributions_are_those_of_scipy_and_of_looking_at_every_value(kind):
    rng = np.random.default_rng(4)
    n, exposed = 90, rng.random(90) < 0.4
    column = {
        "flags": rng.integers(0, 2, n), "few values": rng.integers(0, 4, n),
        "numbers": rng.normal(size=n),
    }[kind].astype(float)  # fmt: skip
    copies = rng.integers(0, 3, n)  # a row that weighs two is two rows
    told = compare_columns(pd.DataFrame({"x": column}), exposed, np.ones(n), copies.astype(float))
    values, joined = np.repeat(column, copies), np.repeat(exposed, copies)
    for ks, mean, x, ours in (
        ("ks_before", "ecdf_before", column, exposed), ("ks_after", "ecdf_after", values, joined)
    ):  # fmt: skip
        assert told[ks].item() == pytest.approx(stats.ks_2samp(x[ours], x[~ours]).statistic)
        gaps = [abs((x[ours] <= at).mean() - (x[~ours] <= at).mean()) for at in np.unique(column)]
        assert told[mean].item() == pytest.approx(np.mean(gaps), abs=1e-12)


@pytest.mark.parametrize(
    ("smd", "light"), [(0.05, "green"), (-0.051, "amber"), (0.1, "amber"), (-0.101, "red"),
                       (float("nan"), "red")]
)  # fmt: skip
def test_traffic_lights(smd, light):
    assert traffic_light(smd) == light


def test_effective_size_of_equal_weights_is_their_number():
    assert effective_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 1e-9])) == pytest.approx(1)


def test_a_term_already_balanced_or_telling_all_is_fitted_without_a_warning():
    half = np.repeat([0, 1], 40)
    even = pd.DataFrame({"joined": half, "age": np.tile([20, 30], 40)})
    told = estimate_propensity(even, exposed="joined", terms=["age"]).coefficients.iloc[0]
    assert told["estimate"] == pytest.approx(0, abs=1e-12)
    assert told["std_error"] == pytest.approx(2 / np.sqrt(80) / 5, rel=1e-9)
    apart = pd.DataFrame({"joined": half, "age": np.arange(80)})
    scored = estimate_propensity(apart, exposed="joined", terms=["age"])
    assert "certain" in scored.caveats[0]
    assert scored.coefficients["p_value"].iloc[0] > 0.9


@pytest.mark.parametrize(("method", "penalty"), [("logistic", 0.0), ("ridge", 1.0)])
@pytest.mark.parametrize("rare", ["seldom", "as if certain in every so-manieth row"])
def test_a_score_solves_its_equations_whatever_a_start_from_some_rows_says(method, penalty, rare):
    """Where the slopes are, x'(exposed - chance) is the ridge's share: 0 without one."""
    rng, n = np.random.default_rng(8), 60_000
    x, exposed = rng.normal(size=n), rng.random(n) < 0.3
    flag = rng.random(n) < 3e-4
    if rare != "seldom":  # rows that the start reads are all exposed, others of the flag are not
        exposed[flag] = False
        exposed[:30:3] = flag[:30:3] = True
    frame = pd.DataFrame({"x": x, "flag": flag, "joined": exposed})
    told = estimate_propensity(frame, exposed="joined", terms=["x", "flag"], method=method)
    columns = frame[["x", "flag"]].to_numpy(float)
    z = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    slopes = told.coefficients["estimate"].to_numpy() * columns.std(axis=0)
    left = exposed - expit(told.log_odds)
    assert z.T @ left == pytest.approx(penalty * slopes, abs=1e-7)
    assert left.sum() == pytest.approx(0, abs=1e-7)


def test_a_column_alike_in_one_cohort_does_not_seem_to_vary():
    """The mean of ten times 0.1 is not 0.1, by a rounding that must not become a spread."""
    others = np.random.default_rng(1).normal(size=30)
    for k in (3, 6, 10, 20):
        frame = pd.DataFrame({"joined": np.arange(k + 30) < k, "c": np.append([0.1] * k, others)})
        told = balance_table(frame, exposed="joined", terms=["c"])
        gap = (0.1 - others.mean()) / frame["c"].std()
        assert told["smd_before"].item() == pytest.approx(gap)
        assert told["variance_ratio_before"].item() == 0


def test_matches_of_many_people_stand_together_in_their_order():
    rng, n = np.random.default_rng(2), 60_000
    frame = pd.DataFrame({"x": rng.normal(size=n), "place": rng.integers(0, 3_000, n),
                          "joined": rng.random(n) < 0.4})  # fmt: skip
    scored = estimate_propensity(frame, exposed="joined", terms=["x"])
    found = match_cohorts(scored, method="full", exact=["place"]).matches
    assert found["match"].is_monotonic_increasing
    assert int(found["match"].max()) * n * 2 > 2**31  # what a short number would not hold


@pytest.fixture
def two_sites():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"site": rng.integers(1, 4, 300), "prev": rng.poisson(3.0, 300)})
    return frame.assign(joined=rng.random(300) < frame["site"] / 5)


LABELS = {
    "a category of numbers": lambda site: site.astype("category"),
    "a category of decimals": lambda site: (site + 0.5).astype("category"),
    "numbers and text": lambda site: site.astype(object).where(site < 3, "c"),
    "text": lambda site: site.astype(str),
    "pandas text": lambda site: site.astype("string"),
    "with gaps": lambda site: site.where(site < 3).astype("category"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_count_whatever_they_are_kept_as(two_sites, kind):
    site = LABELS[kind](two_sites["site"])
    texts = site.astype(object).map(str).where(site.notna(), None)
    made = covariate_columns(two_sites.assign(site=site), ["prev", "site"])
    pd.testing.assert_frame_equal(
        made, covariate_columns(two_sites.assign(site=texts), ["prev", "site"])
    )
    assert made.shape[1] == 3
    fitted = estimate_propensity(two_sites.assign(site=site), exposed="joined", terms=["site"])
    assert fitted.coefficients["estimate"].abs().max() > 0.2


@pytest.mark.parametrize("kind", ["int64", "Int64", "boolean", "decimal", "with gaps"])
def test_numbers_in_a_column_of_objects_are_numbers(two_sites, kind):
    site = two_sites["site"]
    numbers = {
        "boolean": site > 1, "with gaps": site.astype("Float64").where(site > 1),
    }.get(kind, site)  # fmt: skip
    objects = numbers.map(Decimal) if kind == "decimal" else numbers.astype(object)
    made, wanted = (
        covariate_columns(two_sites.assign(site=column), ["prev", "site"])
        for column in (objects, numbers)
    )
    assert made.columns[:2].tolist() == ["prev", "site"]
    pd.testing.assert_frame_equal(made, wanted, check_dtype=False)


def test_not_known_and_a_label_that_says_so_are_one_state():
    first = covariate_columns(pd.DataFrame({"x": ["unknown", "white", None, "xhosa"]}), ["x"])
    assert list(first) == ["x xhosa", "x unknown"]
    assert first["x unknown"].tolist() == [1, 0, 1, 0]
    mixed = pd.DataFrame({"x": [Decimal("1.5"), 2, None, True]}, dtype=object)
    assert covariate_columns(mixed, ["x"])["x"].tolist() == [1.5, 2.0, 1.5, 1.0]
    known = pd.DataFrame({"tier": ["a", "unknown", None, "b"]})
    columns = covariate_columns(known, ["tier"])
    assert columns["tier unknown"].tolist() == [0, 1, 1, 0]


def test_two_terms_of_one_name_are_refused():
    known = pd.DataFrame({"need": [1.0, np.nan, 0.0], "need unknown": [3.0, 1.0, 2.0]})
    for terms in (["need", "need unknown"], ["need unknown", "need"]):
        with pytest.raises(ModelError, match="make a column 'need unknown'"):
            covariate_columns(known, terms)
    assert list(covariate_columns(known, ["need", "need"])) == ["need", "need unknown"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda joined: np.where(joined, "yes", "perhaps"), "other values than 0 and 1"),
        (lambda joined: joined + 1, "other values than 0 and 1"),
        (lambda joined: joined.where(joined), "is empty in"),
        (lambda joined: joined | True, "nobody to compare"),
    ],
)
def test_a_balance_table_asks_who_was_exposed_as_a_score_does(two_sites, change, says):
    rows = two_sites.assign(joined=change(two_sites["joined"]))
    for read in (balance_table, estimate_propensity):
        with pytest.raises(ModelError, match=says):
            read(rows, exposed="joined", terms=["prev"])


def test_a_balance_table_of_a_follow_up_is_that_of_its_balance(followed, balanced):
    terms, weights = BalanceDesign().terms, balanced.weights
    table = balance_table(followed, terms=terms, weights=weights)
    pd.testing.assert_frame_equal(table, balanced.table, rtol=1e-9)
    before = balance_table(followed, terms=terms)
    assert before["smd_after"].equals(before["smd_before"])
    for choices, says in (
        ({"exposed": "joined"}, "a follow-up knows who joined"),
        ({"weights": weights.iloc[1:]}, "without a comparator"),
        ({"weights": balanced}, "is a Series"),
    ):
        with pytest.raises(ModelError, match=says):
            balance_table(followed, terms=terms, **choices)
