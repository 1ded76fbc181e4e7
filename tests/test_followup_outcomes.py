import numpy as np
import pytest

from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import cumulative_incidence, kaplan_meier, mean_cumulative_function
from desistance.synthetic import SimulationDesign, simulate_cases
from tests.spec.timelines import cases_of


def followed(*timelines, **design):
    cases = cases_of(*timelines)
    chosen = FollowUpDesign(**{"waiting_months": 0, "months": 1} | design)
    return follow_up(cases, build_histories(cases), chosen)


def rows_of(times):
    columns = zip(times.start, times.stop, times.event, times.columns["exposed"], strict=True)
    return [f"({a}, {b}]" + " event" * int(e) + " 7PP" * int(x) for a, b, e, x in columns]


def test_every_reoffence_ends_a_row_and_the_rows_go_on():
    times = followed("E...o.J..o...[##]..o", "E...................").repeated()
    assert rows_of(times) == [
        "(0, 4] event", "(4, 6]", "(6, 9] event 7PP", "(9, 13] 7PP", "(15, 19] event 7PP",
        "(0, 19]",
    ]  # fmt: skip


def test_death_is_said_on_the_row_it_ends():
    times = followed("E...o.....D", "E..........").repeated()
    assert times.columns["died"].tolist() == [False, True, False]


def test_the_street_clock_runs_on_through_repeated_rows():
    times = followed("E...o.[###].o.......", clock="street").repeated()
    assert rows_of(times) == ["(0, 4] event", "(4, 6]", "(6, 9] event", "(9, 16]"]


def test_kinds_of_first_reoffence_and_death():
    cases = cases_of("E...o.....", "E.....D...", "E.........")
    offences = cases.offences.copy()
    people = follow_up(cases, build_histories(cases), FollowUpDesign(waiting_months=0, months=1))
    kinds = {"acquisitive": "SAC_HMICFRS2022"}
    times = people.by_cause(kinds)
    assert times.cause_labels == ("acquisitive", "death")
    assert times.columns["cause"].tolist() == ["acquisitive", "death", ""]
    offences["offence_code"] = "008"
    other = type(cases).from_frames(
        {"people": cases.people, "episodes": cases.episodes, "offences": offences},
        extract_date=cases.extract_date,
    )
    design = FollowUpDesign(waiting_months=0, months=1)
    told = follow_up(other, build_histories(other), design).by_cause(kinds)
    assert told.columns["cause"].tolist() == ["other reoffence", "death", ""]


def test_they_agree_with_first_reoffences_where_they_must():
    cases = simulate_cases(SimulationDesign(n_people=200, deaths_per_year=0.0), rng=3)
    pilot = follow_up(cases, build_histories(cases))
    by_kind = cumulative_incidence(pilot.by_cause({"SAC": "SAC_HMICFRS2022"})).at([365])
    share_left = kaplan_meier(pilot).at([365])["estimate"].item()
    assert by_kind["estimate"].sum() == pytest.approx(1 - share_left, abs=1e-12)
    often = mean_cumulative_function(pilot.repeated(), terminal="died").at([365])
    occasions = pilot.people["n_reoffences"].astype(float).mean()
    assert 0.4 * occasions < often["estimate"].item() < 1.3 * occasions
    assert np.isfinite(often["std_error"].item())
