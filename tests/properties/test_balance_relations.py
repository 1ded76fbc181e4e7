"""Matches and weights against looking at everybody, and what may never change them."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance.balance import estimate_propensity, match_cohorts, weigh_cohorts
from desistance.balance.nearest import nearest, once_each, within
from desistance.balance.optimal import full_sets, optimal_pairs
from desistance.errors import ModelError
from search import examples

scores = st.lists(st.integers(0, 12), min_size=2, max_size=14)


@st.composite
def cohorts_with_ties(draw):
    """Scores on a coarse grid, so that many are equal; at least one person of each cohort."""
    ours, theirs = draw(scores), draw(scores)
    score = np.array(ours + theirs, float) / 4
    exposed = np.arange(len(score)) < len(ours)
    order = np.array(draw(st.permutations(range(len(score)))))
    block = np.array(draw(st.lists(st.integers(0, 1), min_size=len(score), max_size=len(score))))
    return score[order], exposed[order], block


def look_at_everybody(score, exposed, block, ratio, replacement, caliper, order="largest"):
    """Serve in order of the score; each gets the nearest person left, the first of equals."""
    sign = -1 if order == "largest" else 1
    pairs, taken = [], set()
    for here in np.unique(block):
        served = [i for i in range(len(score)) if exposed[i] and block[i] == here]
        served.sort(key=lambda i: (sign * score[i], i))
        for _ in range(ratio):
            for one in served:
                free = [
                    (abs(score[i] - score[one]), i)
                    for i in range(len(score))
                    if not exposed[i] and block[i] == here
                    and (i not in taken if not replacement else (one, i) not in pairs)
                ]  # fmt: skip
                if free and min(free)[0] <= caliper:
                    pairs.append((one, min(free)[1]))
                    taken.add(min(free)[1])
    return sorted(pairs)


@given(
    cohorts_with_ties(), st.integers(1, 3), st.booleans(), st.sampled_from([0.3, 1.0, np.inf]),
    st.sampled_from(["largest", "smallest"]),
)  # fmt: skip
def test_nearest_neighbours_are_those_of_looking_at_everybody(
    case, ratio, replacement, caliper, order
):
    one, other = nearest(*case, ratio=ratio, replacement=replacement, caliper=caliper, order=order)
    found = sorted(zip(one.tolist(), other.tolist(), strict=True))
    assert found == look_at_everybody(*case, ratio, replacement, caliper, order)


def test_where_there_are_fewer_than_asked_for_each_serves_once():
    case = np.zeros(4), np.array([True, True, False, False]), np.zeros(4, np.int64)
    one, other = nearest(*case, ratio=3, replacement=True, caliper=np.inf, order="largest")
    assert list(zip(one, other, strict=True)) == [(0, 2), (0, 3), (1, 2), (1, 3)]


@given(cohorts_with_ties(), st.integers(1, 2), st.sampled_from([0.3, np.inf]))
def test_people_who_stand_in_one_block_only_are_matched_as_rows(case, ratio, caliper):
    choices = {"ratio": ratio, "caliper": caliper, "order": "largest"}
    rows = nearest(*case, replacement=False, **choices)
    people = once_each(*case, np.arange(len(case[0])), **choices)
    for place in (0, 1):
        assert sorted(rows[place].tolist()) == sorted(people[place].tolist())


@given(cohorts_with_ties(), st.sampled_from([0.3, 1.0]))
def test_radius_matching_takes_everybody_within(case, caliper):
    score, exposed, block = case
    one, other = within(*case, caliper=caliper)
    wanted = [
        (i, j)
        for i, j in product(range(len(score)), repeat=2)
        if exposed[i] and not exposed[j] and block[i] == block[j]
        and abs(score[i] - score[j]) <= caliper
    ]  # fmt: skip
    assert sorted(zip(one.tolist(), other.tolist(), strict=True)) == wanted


small = st.lists(st.integers(0, 9), min_size=1, max_size=4)


@given(small, small, st.sampled_from([0.5, 2.0, np.inf]))
@examples(60)
def test_optimal_pairs_are_the_best_of_all(ours, theirs, caliper):
    score = np.array(ours + theirs, float)
    exposed = np.arange(len(score)) < len(ours)
    block = np.zeros(len(score), np.int64)
    one, other = optimal_pairs(score, exposed, block, ratio=1, caliper=caliper)
    best = (0, 0.0)
    wide = [*range(len(ours), len(score)), *[None] * len(ours)]
    for chosen in permutations(wide, len(ours)):
        gaps = [abs(score[i] - score[j]) for i, j in enumerate(chosen) if j is not None]
        if all(gap <= caliper for gap in gaps):
            best = min(best, (-len(gaps), sum(gaps)))
    assert (-len(one), np.abs(score[one] - score[other]).sum()) == pytest.approx(best)


@given(small, small, st.integers(2, 3), st.sampled_from([0.5, 2.0, np.inf]))
@examples(60)
def test_several_optimal_pairs_each_first_give_most_people_one(ours, theirs, ratio, caliper):
    score = np.array(ours + theirs, float)
    exposed = np.arange(len(score)) < len(ours)
    block = np.zeros(len(score), np.int64)
    one, other = optimal_pairs(score, exposed, block, ratio=ratio, caliper=caliper)
    assert len(set(other)) == len(other)
    assert np.bincount(one).max(initial=0) <= ratio
    best = (0, 0, 0.0)
    for chosen in product([None, *range(len(ours))], repeat=len(theirs)):
        pairs = [(i, len(ours) + j) for j, i in enumerate(chosen) if i is not None]
        gaps = [abs(score[i] - score[j]) for i, j in pairs]
        each = np.bincount([i for i, _ in pairs], minlength=1)
        if max(gaps, default=0) <= caliper and each.max() <= ratio:
            best = min(best, (-int((each > 0).sum()), -len(gaps), sum(gaps)))
    found = -len(set(one)), -len(one), np.abs(score[one] - score[other]).sum()
    assert found == pytest.approx(best)


@given(st.lists(st.lists(st.none() | st.integers(0, 9), min_size=3, max_size=3), min_size=1,
                max_size=4), st.integers(1, 2), st.sampled_from([2.0, np.inf]))  # fmt: skip
@examples(60)
def test_who_stands_in_many_blocks_is_the_best_match_of_one(scores, ratio, caliper):
    rows = [(block, -1, 5.0) for block in range(len(scores))]  # those exposed, one a block
    rows += [
        (block, person, float(score))
        for block, own in enumerate(scores)
        for person, score in enumerate(own)
        if score is not None
    ]
    block, person, score = (np.array(column) for column in zip(*rows, strict=True))
    one, other = optimal_pairs(
        score, person < 0, block, ratio=ratio, caliper=caliper, person=person
    )
    assert (block[one] == block[other]).all()
    assert len(set(person[other])) == len(other)
    best = (0, 0, 0.0)
    for chosen in product([None, *range(len(scores))], repeat=3):
        pairs = [(i, scores[i][j]) for j, i in enumerate(chosen) if i is not None]
        each = np.bincount([i for i, _ in pairs], minlength=1)
        if all(s is not None and abs(s - 5) <= caliper for _, s in pairs) and each.max() <= ratio:
            gaps = sum(abs(s - 5) for _, s in pairs)
            best = min(best, (-int((each > 0).sum()), -len(pairs), gaps))
    found = -len(set(one)), -len(one), np.abs(score[one] - score[other]).sum()
    assert found == pytest.approx(best)


def test_matching_more_each_loses_nobody_exposed():
    rng = np.random.default_rng(2)
    score = np.concatenate([rng.normal(0.5, 1, 76), rng.normal(0, 1, 124)])
    exposed, block = np.arange(200) < 76, np.zeros(200, np.int64)
    for ratio in (1, 2, 3):
        one, other = optimal_pairs(score, exposed, block, ratio=ratio, caliper=np.inf)
        assert len(set(one)) == 76
        assert len(other) == min(76 * ratio, 124)


@given(small, small)
@examples(60)
def test_full_matching_is_the_best_cover_and_made_of_stars(ours, theirs):
    score = np.array(ours + theirs, float)
    exposed = np.arange(len(score)) < len(ours)
    one, other = full_sets(score, exposed, np.zeros(len(score), np.int64), caliper=np.inf)
    assert set(one) | set(other) == set(range(len(score)))
    assert all(
        (one == i).sum() == 1 or (other == j).sum() == 1 for i, j in zip(one, other, strict=True)
    )
    edges = list(product(range(len(ours)), range(len(ours), len(score))))
    best = min(
        sum(abs(score[i] - score[j]) for (i, j), kept in zip(edges, flags, strict=True) if kept)
        for flags in product((0, 1), repeat=len(edges))
        if len(edges) <= 12
        and {v for e, kept in zip(edges, flags, strict=True) if kept for v in e}
        == set(range(len(score)))
    ) if len(edges) <= 12 else None  # fmt: skip
    if best is not None:
        assert np.abs(score[one] - score[other]).sum() == pytest.approx(best)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(7)
    made = pd.DataFrame({"age": rng.integers(18, 60, 300), "tier": rng.choice(["a", "b"], 300)})
    made["needs"] = rng.poisson(2.0, 300).astype(float)
    made.loc[rng.random(300) < 0.1, "needs"] = np.nan
    chance = 1 / (1 + np.exp(3 - 0.05 * made["age"] - 0.3 * made["needs"].fillna(2)))
    made["joined"] = rng.random(300) < chance
    made.index = [f"P{i:03d}" for i in rng.permutation(300)]
    return made


WAYS = {
    "nearest": lambda p: match_cohorts(p, caliper=0.2),
    "two each": lambda p: match_cohorts(p, ratio=2, distance="log-odds", exact=["tier"]),
    "with replacement": lambda p: match_cohorts(p, replacement=True),
    "radius": lambda p: match_cohorts(p, ratio=None, replacement=True, caliper=0.2),
    "optimal": lambda p: match_cohorts(p, method="optimal", caliper=0.2),
    "full": lambda p: match_cohorts(p, method="full"),
    "strata": lambda p: match_cohorts(p, method="strata", exact=["tier"], coarsened={"age": [30]}),
    "inverse": weigh_cohorts,
    "overlap": lambda p: weigh_cohorts(p, method="overlap"),
    "entropy": lambda p: weigh_cohorts(p, method="entropy"),
    "covariate-balancing": lambda p: weigh_cohorts(p, method="covariate-balancing", estimand="ATE"),
}
TERMS = ["age", "tier", "needs"]


def propensity_of(frame, **choices):
    return estimate_propensity(frame, exposed="joined", terms=TERMS, **choices)


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_rows_changes_nothing(frame, way):
    first = WAYS[way](propensity_of(frame))
    shuffled = WAYS[way](propensity_of(frame.sample(frac=1, random_state=3)))
    again = shuffled.weights.reindex(frame.index)
    assert again.to_numpy() == pytest.approx(first.weights.to_numpy(), abs=1e-8)


@pytest.mark.parametrize("way", WAYS)
def test_those_exposed_weigh_one_and_the_comparison_as_much_as_they_do(frame, way):
    balanced = WAYS[way](propensity_of(frame))
    weights, joined = balanced.weights, frame["joined"]
    if balanced.estimand == "ATT":
        assert set(weights[joined].round(12)) <= {0.0, 1.0}
        assert weights[~joined].sum() == pytest.approx(weights[joined].sum(), rel=1e-9)
    else:
        assert weights[~joined].sum() == pytest.approx((~joined).sum(), rel=1e-9)
    assert balanced.flow["n_remaining"].iloc[-1] == (weights[joined] > 0).sum()


@pytest.mark.parametrize("way", ["overlap", "entropy", "covariate-balancing"])
def test_these_weights_make_every_mean_equal(frame, way):
    assert WAYS[way](propensity_of(frame)).table["smd_after"].abs().max() < 1e-8


def test_covariate_balancing_for_those_exposed_is_entropy_balancing(frame):
    scored = propensity_of(frame)
    entropy, balancing = (
        weigh_cohorts(scored, method=way).weights for way in ("entropy", "covariate-balancing")
    )
    assert balancing.to_numpy() == pytest.approx(entropy.to_numpy(), abs=1e-12)


def test_the_unit_of_a_covariate_changes_no_weight(frame):
    other = frame.assign(age=1000 + 12 * frame["age"])
    for way in ("inverse", "entropy", "full"):
        first, again = (WAYS[way](propensity_of(rows)).weights for rows in (frame, other))
        assert again.to_numpy() == pytest.approx(first.to_numpy(), abs=1e-7)


def test_not_known_is_a_state_of_its_own(frame):
    table = WAYS["entropy"](propensity_of(frame)).table
    assert "needs unknown" in set(table["term"])


def test_boosted_scores_are_of_people_the_trees_have_not_seen(frame):
    noise = frame.assign(
        **{f"x{i}": np.random.default_rng(i).normal(size=300) for i in range(5)},
        joined=np.random.default_rng(9).random(300) < 0.5,
    )
    scored = estimate_propensity(
        noise, exposed="joined", terms=[f"x{i}" for i in range(5)], method="boosted"
    )
    gap = scored.score[noise["joined"]].mean() - scored.score[~noise["joined"]].mean()
    assert abs(gap) < 0.1


def test_a_truncated_weight_is_counted(frame):
    cut = weigh_cohorts(propensity_of(frame), truncate=0.9)
    assert any("were cut" in caveat for caveat in cut.caveats)
    assert cut.weights.max() < weigh_cohorts(propensity_of(frame)).weights.max()


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"ratio": None}, "needs a `caliper`"),
        ({"method": "optimal", "replacement": True}, "is for method"),
        ({"caliper": 0}, "above 0"),
        ({"caliper": "0.2"}, "is a number above 0"),
        ({"ratio": 1.5}, "is a whole number"),
        ({"ratio": True}, "is a whole number"),
        ({"method": "optimal", "ratio": None}, "is for method"),
        ({"method": "strata", "exact": ["tier"], "caliper": 0.2}, "looks at no score"),
        ({"method": "full", "ratio": 2}, "sets are as large as they come"),
        ({"coarsened": {"age": [40, 30]}}, "numbers that rise"),
        ({"coarsened": {"age": ["30"]}}, "numbers that rise"),
        ({"method": "best"}, "one of nearest"),
        ({"exact": ["height"]}, "is not known"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(frame, choices, says):
    with pytest.raises(ModelError, match=says):
        match_cohorts(propensity_of(frame), **choices)


def test_cohorts_that_do_not_overlap_cannot_be_weighed_alike(frame):
    apart = frame.assign(joined=frame["age"] > 40)
    with pytest.raises(ModelError, match="No weights make"):
        weigh_cohorts(propensity_of(apart, method="ridge"), method="entropy")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.assign(joined=True), "nobody to compare"),
        (lambda rows: rows.assign(joined=2), "other values than 0 and 1"),
        (lambda rows: rows.assign(joined=rows["joined"].astype("boolean").mask(rows["age"] > 50)),
         "is empty in"),
        (lambda rows: rows.set_index("tier"), "repeat"),
        (lambda rows: rows.drop(columns="needs"), "is not known"),
        (lambda rows: rows.assign(age=30, needs=np.nan), "No term differs between people: age"),
        (lambda rows: rows.assign(age=np.where(rows["age"] == 30, np.inf, rows["age"])),
         "'age' is infinite in"),
        (lambda rows: pd.concat([rows, rows["age"]], axis=1), "'age' stands 2 times"),
        (lambda rows: pd.concat([rows, rows["joined"]], axis=1), "'joined' stands 2 times"),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_scored_are_refused(frame, change, says):
    with pytest.raises(ModelError, match=says):
        estimate_propensity(change(frame), exposed="joined", terms=["age", "needs"])


def test_what_is_no_score_of_people_is_refused(frame):
    for balance in (match_cohorts, weigh_cohorts):
        with pytest.raises(ModelError, match="from `estimate_propensity`, not a DataFrame"):
            balance(frame)
    for quantile in ("0.9", 0.2):
        with pytest.raises(ModelError, match="is a quantile between"):
            weigh_cohorts(propensity_of(frame), truncate=quantile)


def test_intervals_of_text_are_refused_without_showing_a_cell(frame):
    with pytest.raises(ModelError, match="Column 'tier' holds text") as refused:
        match_cohorts(propensity_of(frame), coarsened={"tier": [1, 2]})
    assert "'a'" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_ratio_of_two_is_two_however_it_is_written(frame):
    whole, decimal = (match_cohorts(propensity_of(frame), ratio=ratio) for ratio in (2, 2.0))
    assert decimal.weights.equals(whole.weights)
    assert decimal.method == whole.method == "the 2 nearest"


def test_columns_named_by_numbers_are_balanced_like_others(frame):
    apart = frame.assign(age=frame["age"] + 20 * frame["joined"])
    numbered = apart.rename(columns={"age": 7})
    first, again = (
        match_cohorts(estimate_propensity(rows, exposed="joined", terms=[name]))
        for rows, name in ((apart, "age"), (numbered, 7))
    )
    assert again.weights.equals(first.weights)
    assert "Not balanced (beyond 0.1): 7." in again.summary()
