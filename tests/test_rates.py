import numpy as np
import pandas as pd
import pytest

from desistance.errors import FollowUpError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.rates import reoffending_rates
from desistance.synthetic import SimulationDesign, simulate_cases
from desistance.timetoevent import TimeToEvent


@pytest.fixture(scope="module")
def followed():
    cases = simulate_cases(SimulationDesign(n_people=300), rng=9)
    return follow_up(cases, build_histories(cases))


def row(result, outcome, group="everyone"):
    frame = result.to_frame()
    return frame[(frame["outcome"] == outcome) & (frame["group"] == group)].iloc[0]


def test_measures_agree_with_counting_by_hand(followed):
    rates, mature = reoffending_rates(followed), followed.people[followed.people["mature"]]
    counts = mature["n_reoffences"].to_numpy(float)
    share = row(rates, "reoffended within 12 months")
    assert (share["n"], share["n_events"]) == (len(mature), (counts > 0).sum())
    assert share["estimate"] == pytest.approx((counts > 0).mean(), abs=1e-15)
    assert row(rates, "reoffences per person")["estimate"] == pytest.approx(counts.mean())
    per_reoffender = row(rates, "reoffences per reoffender")["estimate"]
    assert per_reoffender == pytest.approx(counts[counts > 0].mean())
    street = row(rates, "reoffences per year in the community")
    assert street["person_years"] == pytest.approx(mature["days_at_risk"].sum() / 365.25)
    calendar = row(rates, "reoffences per year")
    assert calendar["person_years"] > street["person_years"]
    assert calendar["estimate"] < street["estimate"]


def test_the_interval_of_a_frequency_matches_a_bootstrap_of_people(followed):
    mature = followed.people[followed.people["mature"]]
    counts, days = mature["n_reoffences"].to_numpy(float), mature["calendar_days"].to_numpy(float)
    rng = np.random.default_rng(3)
    draws = rng.integers(0, len(mature), (4_000, len(mature)))
    logs = np.log(counts[draws].sum(axis=1) / days[draws].sum(axis=1))
    told = row(reoffending_rates(followed), "reoffences per year")
    error = (np.log(told["conf_high"]) - np.log(told["conf_low"])) / (2 * 1.959963984540054)
    assert error == pytest.approx(logs.std(), rel=0.06)
    # A Poisson interval would be far too narrow for reoffences that come in bursts.
    assert error > 1.5 / np.sqrt(counts.sum())


def test_exact_poisson_interval_of_first_events():
    # R 4.2: poisson.test(10, 40 * 100 / 365.25)$conf.int
    frame = pd.DataFrame({"day": [100] * 40, "event": [1] * 10 + [0] * 30})
    told = row(
        reoffending_rates(TimeToEvent.from_frame(frame, stop="day", event="event"), by=None),
        "first reoffences per year at risk",
    )
    assert told["estimate"] == pytest.approx(0.913125, abs=1e-12)
    assert told["conf_low"] == pytest.approx(0.4378789303, abs=1e-9)
    assert told["conf_high"] == pytest.approx(1.6792693861, abs=1e-9)


def test_a_cohort_people_join_later_has_no_share_but_a_rate(followed):
    rates = reoffending_rates(followed)
    share = row(rates, "reoffended within 12 months", "7 Pathways Plus")
    assert np.isnan(share["estimate"])
    assert share["note"].startswith("not estimable: people join during follow-up")
    assert row(rates, "first reoffences per year at risk", "7 Pathways Plus")["estimate"] > 0


def test_first_reoffences_stand_on_both_clocks(followed):
    rates, people = reoffending_rates(followed), followed.people
    for group in ("everyone", "former IOM", "7 Pathways Plus"):
        street = row(rates, "first reoffences per year at risk", group)
        calendar = row(rates, "first reoffences per year", group)
        assert calendar["n_events"] == street["n_events"] > 0
        assert calendar["person_years"] > street["person_years"]
    end, joined = people["end_day"], people["joined_day"].fillna(np.inf)
    everyone = row(rates, "first reoffences per year")
    assert everyone["person_years"] == pytest.approx(end.sum() / 365.25)
    before = row(rates, "first reoffences per year", "former IOM")["person_years"]
    assert before == pytest.approx(np.minimum(end, joined).sum() / 365.25)
    reoffended = people["ended_by"] == "reoffence"
    assert everyone["n_events"] == reoffended.sum()
    after = row(rates, "first reoffences per year", "7 Pathways Plus")["n_events"]
    assert after == (reoffended & (end > joined)).sum()


def test_groups_that_change_within_a_person_have_no_share(followed):
    frame = reoffending_rates(followed, by="exposed").to_frame()
    told = frame[frame["group"] == "True"].iloc[0]
    assert told["note"].startswith("not estimable")


def test_three_people_alike_have_no_interval():
    cases = simulate_cases(SimulationDesign(n_people=200), rng=1)
    followed = follow_up(cases, build_histories(cases))
    people = followed.people.copy()
    people.loc[:, "mature"] = False
    one_each = people.index[people["n_reoffences"].eq(1).fillna(False)][:3]
    people.loc[one_each, "mature"] = True
    people.loc[one_each, "calendar_days"] = 365
    few = type(followed)(
        followed.design, followed.histories, people, followed.rows, followed.flow,
        followed.reoffences, (),
    )  # fmt: skip
    told = row(reoffending_rates(few, by=None), "reoffences per year")
    assert told["estimate"] == pytest.approx(365.25 / 365)
    assert np.isnan(told["conf_low"])


def test_groups_of_any_column_add_up(followed):
    frame = reoffending_rates(followed, by="tier").to_frame()
    shares = frame[frame["outcome"] == "reoffended within 12 months"].set_index("group")
    parts = shares.drop(index="everyone")
    assert parts["n"].sum() == shares.loc["everyone", "n"]
    assert parts["n_events"].sum() == shares.loc["everyone", "n_events"]


def test_nobody_mature_is_a_result_not_an_error():
    cases = simulate_cases(SimulationDesign(n_people=40), rng=1)
    histories = build_histories(cases)
    late = follow_up(cases, histories, FollowUpDesign(exits_from=pd.Timestamp("2023-06-01")))
    told = row(reoffending_rates(late), "reoffended within 12 months")
    assert np.isnan(told["estimate"])
    assert "nobody's follow-up is complete" in told["note"]


def test_an_unknown_column_is_an_error_that_lists_the_columns(followed):
    with pytest.raises(FollowUpError, match=r"'colour' is not a column; there are .*tier"):
        reoffending_rates(followed, by="colour")
