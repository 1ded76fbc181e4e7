"""What disclosure control may never do, whatever the counts."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from desistance.disclosure import DisclosurePolicy, Rate, protect_counts, protect_effect

SHARE = Rate("estimate", "n_events", "n", interval=("conf_low", "conf_high"))
counts = st.integers(0, 120)
tables = st.lists(st.tuples(counts, counts), min_size=1, max_size=6)
policies = st.builds(
    lambda smallest, base: DisclosurePolicy(min_cell=smallest, round_to=min(base, smallest)),
    st.integers(5, 30),
    st.sampled_from([3, 5, 10]),
)


def frame_of(pairs):
    frame = pd.DataFrame(pairs, columns=["n_events", "rest"])
    frame = frame.assign(
        group=[f"area {i}" for i in range(len(frame))], n=frame.n_events + frame.rest
    )
    return frame.drop(columns="rest").assign(estimate=0.5, conf_low=0.4, conf_high=0.6)


def protect(frame, policy, attribute=False):
    return protect_counts(
        frame, counts=["n", "n_events"], rates=[SHARE], policy=policy, attribute=attribute
    )


@given(tables, policies, st.booleans())
def test_no_small_count_nor_small_remainder_is_shown(pairs, policy, attribute):
    shown = protect(frame_of(pairs), policy, attribute).frame
    for count in (shown["n"], shown["n_events"], shown["n"] - shown["n_events"]):
        there = count.dropna()
        assert ((there == 0) | (there >= policy.min_cell) | (there % policy.round_to == 0)).all()
        assert not ((there > 0) & (there < policy.min_cell)).any()


@given(tables, policies, st.booleans())
def test_protecting_twice_is_protecting_once(pairs, policy, attribute):
    once = protect(frame_of(pairs), policy, attribute)
    twice = protect(once.frame, policy, attribute)
    pd.testing.assert_frame_equal(twice.frame, once.frame)
    assert twice.log.empty


@given(tables, st.integers(5, 29), st.integers(1, 20), st.booleans())
def test_a_higher_threshold_never_releases_more(pairs, smallest, more, attribute):
    lower = DisclosurePolicy(min_cell=smallest, min_group=50)
    higher = DisclosurePolicy(min_cell=smallest + more, min_group=50 + more)
    frame = frame_of(pairs)
    shown_by_lower = protect(frame, lower, attribute).frame.notna()
    shown_by_higher = protect(frame, higher, attribute).frame.notna()
    assert (shown_by_lower | ~shown_by_higher).all(axis=None)


@given(tables, policies, st.booleans())
def test_every_suppressed_cell_is_logged_once_without_its_value(pairs, policy, attribute):
    table = protect(frame_of(pairs), policy, attribute)
    hidden = {
        (f"group={table.frame.group[row]}", column)
        for column in table.frame
        for row in table.frame.index[table.hidden[column]]
    }
    logged = list(zip(table.log["where"], table.log["column"], strict=True))
    assert set(logged) == hidden
    assert len(logged) == len(hidden)
    assert table.frame.isna().equals(table.hidden)


@given(
    people=st.integers(1, 80),
    share=st.floats(0, 1),
    smallest=st.integers(5, 20),
    more=st.integers(0, 10),
)
def test_an_effect_hidden_by_a_threshold_is_hidden_by_a_higher_one(people, share, smallest, more):
    effect = pd.DataFrame({"term": ["7PP"], "estimate": [0.8123]})

    def reported(policy):
        table = protect_effect(
            effect,
            n_people={"7PP": people, "IOM": 200},
            n_events={"7PP": int(share * people), "IOM": 100},
            policy=policy,
        )
        again = protect_effect(
            table.frame,
            n_people={"7PP": people, "IOM": 200},
            n_events={"7PP": int(share * people), "IOM": 100},
            policy=policy,
        )
        pd.testing.assert_frame_equal(again.frame, table.frame)
        return table.frame["estimate"].notna().item()

    low = reported(DisclosurePolicy(min_cell=smallest))
    high = reported(DisclosurePolicy(min_cell=smallest + more, min_group=30 + more))
    assert low or not high
