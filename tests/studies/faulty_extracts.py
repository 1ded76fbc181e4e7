"""Faults of real extracts put into simulated pilots, and what they do to the hazard ratio.

dates       offence and outcome dates with day and month the other way round, where both can be
twice       people under a second id, which half of their offences and starts of 7 Pathways Plus go
            to; one offence in twenty stands under both, and six in ten people have a CRO number
custody     spells in custody that nobody sent

Cleaning is what the library does on its own (rows that break a rule are in quarantine), and of
people under two ids a merge of those `suspected_duplicates` lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.cases import CaseData
from desistance.followup import follow_up
from desistance.histories import build_histories
from desistance.linkage import suspected_duplicates
from desistance.survival import fit_cox
from desistance.synthetic import SimulationDesign, simulate_cases

if TYPE_CHECKING:
    from numpy.random import Generator

    Tables = dict[str, pd.DataFrame]

PILOT = SimulationDesign(n_people=600, selection="random")


def change(rng: Generator, share: float) -> dict[str, Any]:
    """Study 13: how far each fault moves the log hazard ratio of joining from the clean one."""
    clean = simulate_cases(PILOT, rng=rng)
    truth, raw = log_ratio(clean), with_numbers(clean.raw, rng)
    swapped = read(with_swapped_dates(raw, share, rng))
    two_ids = with_second_ids(raw, share, rng)
    doubled = read(two_ids)
    merged = read(merge(two_ids, suspected_duplicates(doubled)))
    short = read(without_some_custody(raw, share, rng))
    accounts = swapped.quality.accounting.set_index("table").loc["offences"]
    found = {
        "dates swapped": log_ratio(swapped) - truth,
        "people under two ids": log_ratio(doubled) - truth,
        "people under two ids, merged": log_ratio(merged) - truth,
        "custody missing": log_ratio(short) - truth,
    }
    return {
        **found,
        **{f"{name}, size": abs(moved) for name, moved in found.items()},
        "dates swapped, offences in quarantine": accounts["n_quarantined"] / accounts["n_in"],
        "people under two ids, still there": (len(merged.people) - PILOT.n_people)
        / max(len(doubled.people) - PILOT.n_people, 1),
    }


def read(tables: Tables) -> CaseData:
    """Read the tables as a force would have sent them, however many rows are faulty."""
    return CaseData.from_frames(
        tables, extract_date=pd.Timestamp(PILOT.extract_date),
        mapping={"max_quarantined": 1.0, "people": {"extra": {"cro": "text"}}},
    )  # fmt: skip


def log_ratio(cases: CaseData) -> float:
    """Log hazard ratio of joining."""
    fit = fit_cox(follow_up(cases, build_histories(cases)), ["exposed"])
    return float(fit.log_hazards[0])


def with_numbers(tables: Tables, rng: Generator) -> Tables:
    """Give six in ten people a CRO number of their own."""
    people = tables["people"]
    number = pd.Series([f"{n}/20A" for n in range(len(people))], index=people.index)
    return tables | {"people": people.assign(cro=number.where(rng.random(len(people)) < 0.6, ""))}


def with_swapped_dates(tables: Tables, share: float, rng: Generator) -> Tables:
    """Turn round day and month of a share of the dates in which both are 12 at most."""
    offences = tables["offences"].copy()
    for column in ("offence_date", "outcome_date"):
        part = offences[column].str.split("/", expand=True)
        could = pd.to_numeric(part[0], errors="coerce") <= 12
        chosen = could & (rng.random(len(offences)) < share)
        turned = part[1] + "/" + part[0] + "/" + part[2]
        offences[column] = offences[column].mask(chosen, turned)
    return tables | {"offences": offences}


def with_second_ids(tables: Tables, share: float, rng: Generator) -> Tables:
    """Record a share of people under two ids."""
    people, offences, episodes = (tables[name] for name in ("people", "offences", "episodes"))
    some = people[rng.random(len(people)) < share]
    second = some["person_id"] + "B"
    known = set(some["person_id"])

    def of_them(table: pd.DataFrame, chance: float) -> pd.Series:
        return table["person_id"].isin(known) & (rng.random(len(table)) < chance)

    moved = of_them(offences, 0.5)
    copied = offences[of_them(offences, 0.1) & ~moved]
    offences = offences.assign(
        person_id=offences["person_id"].mask(moved, offences["person_id"] + "B")
    )
    started = (episodes["programme"] == "7PP") & of_them(episodes, 0.5)
    return tables | {
        "people": pd.concat([people, some.assign(person_id=second)]),
        "offences": pd.concat([offences, copied.assign(person_id=copied["person_id"] + "B")]),
        "episodes": episodes.assign(
            person_id=episodes["person_id"].mask(started, episodes["person_id"] + "B")
        ),
    }


def merge(tables: Tables, pairs: pd.DataFrame) -> Tables:
    """Give the rows of the second of each pair to the first."""
    into = dict(zip(pairs["person_b"], pairs["person_a"], strict=True))
    return {
        name: table.assign(person_id=table["person_id"].replace(into))
        if "person_id" in table else table
        for name, table in tables.items()
    }  # fmt: skip


def without_some_custody(tables: Tables, share: float, rng: Generator) -> Tables:
    """Leave out a share of the spells in custody."""
    custody = tables["custody"]
    return tables | {"custody": custody[rng.random(len(custody)) >= share]}
