import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from desistance.cases import load_cases
from desistance.errors import PlanError
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import fit_cox
from desistance.synthetic import SimulationDesign, simulate_cases, write_simulation

SHIPPED = Path(__file__).parents[1] / "data" / "synthetic"


@pytest.mark.parametrize(
    ("folder", "design"),
    [
        (SHIPPED, SimulationDesign(motoring_per_year=0.4)),
        (SHIPPED / "messy", SimulationDesign(n_people=300, messy=True)),
    ],
    ids=["clean", "messy"],
)
def test_the_shipped_data_come_out_again_bit_for_bit(folder, design, tmp_path):
    write_simulation(simulate_cases(design, rng=2026), tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(p.name for p in folder.iterdir() if p.suffix in (".csv", ".json"))
    for name in made:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_messy_rows_are_all_accounted_for_and_the_clean_ones_survive():
    clean = simulate_cases(SimulationDesign(n_people=300), rng=2026)
    cases = load_cases(SHIPPED / "messy")
    truth = json.loads((SHIPPED / "messy" / "truth.json").read_text(encoding="utf-8"))
    told = cases.quality.to_frame().set_index("table")
    assert (told["n_in"] == told["n_used"] + told["n_quarantined"] + told["n_merged"]).all()
    added = told["n_in"].sum() - sum(len(table) for table in clean.raw.values())
    assert added == sum(truth["n_messy"].values())
    repeated = sum(n for kind, n in truth["n_messy"].items() if kind.endswith("repeated row"))
    assert told["n_merged"].sum() == repeated
    # The placeholder for "no end" is repaired, so those rows are used.
    repaired = truth["n_messy"]["custody: placeholder for no end"]
    assert told["n_quarantined"].sum() == added - repeated - repaired
    assert len(cases.people) == len(clean.people)
    assert cases.offences.equals(clean.offences)


def test_motoring_offences_come_alike_to_all_and_leave_the_rest_as_it_was():
    plain = simulate_cases(SimulationDesign(), rng=5)
    cases = simulate_cases(SimulationDesign(motoring_per_year=0.5), rng=5)
    motoring = cases.raw["offences"].iloc[len(plain.raw["offences"]) :]
    assert cases.raw["offences"].head(len(plain.raw["offences"])).equals(plain.raw["offences"])
    assert all(cases.raw[name].equals(plain.raw[name]) for name in plain.raw if name != "offences")
    assert motoring["crime_ref"].is_unique
    spent = cases.custody.merge(cases.offences, on="person_id")
    spent = spent[spent["offence_code"].isin(motoring["offence_code"])]
    went_in, out = spent["in_date"], spent["out_date"].fillna(pd.Timestamp.max)
    assert not ((went_in < spent["offence_date"]) & (spent["offence_date"] < out)).any()
    assert not motoring["crime_ref"].isin(plain.raw["offences"]["crime_ref"]).any()
    histories = build_histories(cases)
    counted, before = (
        follow_up(of, build_histories(of)).people["n_reoffences"] for of in (cases, plain)
    )
    assert counted.equals(before)
    lesser = follow_up(cases, histories, FollowUpDesign(offence_set="SUMMARY_MOTORING"))
    ratio = fit_cox(lesser, ["exposed"]).to_frame().iloc[0]
    assert ratio.conf_low < 1 < ratio.conf_high


def test_the_same_seed_gives_the_same_people_and_another_gives_others():
    design = SimulationDesign(n_people=50)
    first, second, third = (simulate_cases(design, rng=seed) for seed in (1, 1, 2))
    assert first.offences.equals(second.offences)
    assert not first.offences.equals(third.offences)


def test_about_as_many_reoffend_as_the_benchmark_says():
    # Justice Data Lab, Leeds IOM (2017): 56 in 100 within a year, 2.05 reoffences a person.
    cases = simulate_cases(SimulationDesign(n_people=3_000, effect=1.0), rng=1)
    people = follow_up(cases, build_histories(cases)).people
    counts = people.loc[people["mature"], "n_reoffences"].to_numpy(float)
    assert (counts > 0).mean() == pytest.approx(0.56, abs=0.04)
    assert counts.mean() == pytest.approx(2.05, abs=0.25)
    # Far more spread out than Poisson counts: negative binomial alpha near 2.
    assert (counts.var() - counts.mean()) / counts.mean() ** 2 == pytest.approx(1.7, abs=0.5)


def test_the_truth_agrees_with_what_comes_out_without_frailty_or_selection():
    design = SimulationDesign(
        n_people=6_000, selection="random", effect=0.5, moves_per_year=0.0, deaths_per_year=0.0
    )
    cases = simulate_cases(design, rng=4)
    followed = follow_up(cases, build_histories(cases))
    joined = np.flatnonzero(followed.people["joined_day"].notna())
    rows = followed.from_day(
        joined, followed.joined[joined], months=12, until_joining=np.zeros(len(joined), bool)
    )
    last = rows.groupby("pair").agg(end=("stop", "max"), first=("first_event", "min"))
    whole_year = last["end"] >= 364
    seen = 100 * ((last["first"] <= 365) & whole_year).sum() / whole_year.sum()
    assert seen == pytest.approx(cases.truth.rate_joined, abs=4.0)
    assert cases.truth.rate_without > cases.truth.rate_joined + 10


def test_selection_on_risk_brings_in_people_with_more_needs():
    random = simulate_cases(SimulationDesign(n_people=1_500, selection="random"), rng=3)
    risk = simulate_cases(SimulationDesign(n_people=1_500, selection="risk"), rng=3)

    def needs_gap(cases):
        people = follow_up(cases, build_histories(cases)).people
        joined = people["joined_day"].notna()
        needs = people["n_needs"].astype(float)
        return needs[joined].mean() - needs[~joined].mean()

    assert abs(needs_gap(random)) < 0.35
    assert needs_gap(risk) > 0.5


def test_more_visits_find_more_offences():
    quiet = simulate_cases(SimulationDesign(n_people=400), rng=3)
    visited = simulate_cases(SimulationDesign(n_people=400, proactive_per_year=2.0), rng=3)
    assert not quiet.offences["detection"].eq("proactive").any()
    assert visited.offences["detection"].eq("proactive").sum() > 50


@pytest.mark.parametrize(
    "choice",
    [{"n_live_areas": 9}, {"effect": 0.0}, {"join_share": 1.5}, {"selection": "whim"}],
)
def test_an_impossible_design_is_refused(choice):
    with pytest.raises(PlanError):
        SimulationDesign(**choice)
