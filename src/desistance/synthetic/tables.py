"""Write the simulated lives down as the tables of a case file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.synthetic.population import FAR, NEED_PREVALENCE, drive
from desistance.synthetic.programme import action_log, endings, reached, review

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desistance.synthetic.design import SimulationDesign
    from desistance.synthetic.population import Events, Floats, Future, Ints, People

OFFENCE_MIX = {
    "028/01": 0.14, "030/01": 0.07, "034/01": 0.05, "039/00": 0.04, "045/01": 0.12,
    "048/01": 0.10, "049/10": 0.10, "046/00": 0.20, "105/01": 0.08, "149/00": 0.05,
    "092/60": 0.05,
}  # fmt: skip
MOTORING_MIX = {"809/01": 0.4, "816/01": 0.35, "804/03": 0.15, "804/01": 0.1}
PROACTIVE_CODE = "092/60"
PARTNERS = {
    "ACC": "housing", "ETE": "dwp", "HLT": "nhs", "DRG": "nhs", "ALC": "nhs", "FIN": "dwp",
    "FAM": "third_sector", "ATB": "probation",
}  # fmt: skip
UNPROVEN = ("nfa", "community_resolution", "outcome22", "acquitted")
TOOL = "LOCAL"
ITEM_MISSING = 0.02  # of the pathways of people who were assessed


def tabulate(
    design: SimulationDesign,
    people: People,
    past: Events,
    iom_days: Ints,
    future: Future,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Give the tables of `desistance.schemas`, with dates as dates."""
    ids = np.array([f"P{number:05d}" for number in range(1, design.n_people + 1)])
    exit_date = np.datetime64(design.first_exit, "D") + people.exit
    extract = np.datetime64(design.extract_date, "D")
    joined = np.flatnonzero(future.joined < FAR)
    ended = _programme_end(future, joined, rng)
    areas = np.array([f"AREA{number}" for number in range(1, design.n_areas + 1)])
    go_live = [
        np.datetime64(design.first_go_live, "D") + design.go_live_every_days * place
        if place < design.n_live_areas
        else np.datetime64("NaT")
        for place in range(design.n_areas)
    ]
    died = _date(exit_date, future.died, extract)
    later, traffic = rng.spawn(2)  # what was added to the tables later leaves the rest as it was
    offences = [_offences(design, events, ids, exit_date, rng) for events in (past, future.events)]
    if design.motoring_per_year:
        offences += [_motoring(design, past, future, ids, exit_date, traffic)]
    return {
        "people": pd.DataFrame({
            "person_id": ids,
            "birth_month": (exit_date - (people.age * 365.25).astype(int)).astype("M8[M]"),
            "sex": np.where(people.male, "M", "F"),
            "death_date": died,
        }),
        "episodes": pd.DataFrame({
            "person_id": np.concatenate([ids, ids[joined]]),
            "programme": ["IOM"] * len(ids) + ["7PP"] * len(joined),
            "start_date": np.concatenate([
                exit_date - iom_days, exit_date[joined] + future.joined[joined]]),
            "end_date": np.concatenate([exit_date, _date(exit_date[joined], ended, extract)]),
            "end_reason": np.concatenate([
                np.where(people.inside_at_exit, "custody_long",
                         rng.choice(["risk_reduced", "sentence_end", "reset"], len(ids))),
                np.where(ended < FAR, "completed", "")]),
            "area_id": np.concatenate([areas[people.area], areas[people.area[joined]]]),
            "tier": np.concatenate([
                rng.choice(["FIXED", "FLEX", "FREE"], len(ids), p=[0.6, 0.3, 0.1]),
                np.full(len(joined), "NONE")]),
        }),
        "offences": pd.concat(offences),
        "custody": pd.concat([
            _custody(events, ids, exit_date, extract) for events in (past, future.events)
        ]),
        "assessments": pd.concat([
            first := _assessments(design, people, ids, exit_date, rng),
            review(first, people.needs, future, ids, exit_date, extract, later),
        ]),
        "areas": pd.DataFrame({"area_id": areas, "go_live_date": np.array(go_live)}),
        "residence": _residence(future, ids, exit_date, iom_days, extract),
        "support": pd.concat([
            contacts := reached(
                _support(people, future, ids, exit_date, joined, ended, extract, rng), later),
            endings(contacts, ids, exit_date + np.minimum(future.died, FAR // 10), extract, later),
        ]),
        "action_log": action_log(),
        "extract": pd.DataFrame({
            "source": ["police", "probation"],
            "extract_date": [extract, extract],
        }),
    }  # fmt: skip


def _date(zero: np.ndarray, day: Ints, extract: np.datetime64) -> np.ndarray:
    """Give the date of a day, or none where it lies beyond the extract."""
    date = zero + np.minimum(day, FAR // 10)
    return np.where(date <= extract, date, np.datetime64("NaT"))


def _programme_end(future: Future, joined: Ints, rng: np.random.Generator) -> Ints:
    """Draw when those who joined left again: at their death at the latest."""
    end = future.joined[joined] + rng.integers(120, 400, size=len(joined))
    return np.minimum(end, np.maximum(future.died[joined], future.joined[joined] + 1))


def _offences(
    design: SimulationDesign,
    events: Events,
    ids: np.ndarray,
    exit_date: np.ndarray,
    rng: np.random.Generator,
    mix: Mapping[str, float] = OFFENCE_MIX,
) -> pd.DataFrame:
    """Give the offences of each occasion, as far as they were recorded by the extract."""
    extract = np.datetime64(design.extract_date, "D")
    n = len(events.offender)
    committed = exit_date[events.offender] + events.offence_day
    recorded = committed + rng.geometric(1 / (1 + design.recording_lag_days), size=n) - 1
    sigma = 0.6
    lag = rng.lognormal(np.log(design.outcome_lag_days) - sigma**2 / 2, sigma, size=n)
    settled = recorded + np.ceil(lag).astype(int)
    outcome = np.where(
        events.proven,
        np.where(rng.random(n) < 0.85, "convicted", "caution"),
        rng.choice(UNPROVEN, n, p=[0.5, 0.2, 0.2, 0.1]),
    )
    count = np.where(events.proactive, 1, 1 + rng.poisson(0.4, size=n))
    place = np.repeat(np.arange(n), count)
    codes = rng.choice(list(mix), len(place), p=list(mix.values()))
    known = settled <= extract
    rows = pd.DataFrame(
        {
            "person_id": ids[events.offender[place]],
            "crime_ref": "",
            "occasion_id": "",
            "offence_date": committed[place],
            "recorded_date": recorded[place],
            "outcome_date": np.where(known, settled, np.datetime64("NaT"))[place],
            "offence_code": np.where(events.proactive[place], PROACTIVE_CODE, codes),
            "outcome": np.where(known, outcome, "pending")[place],
            "detection": np.where(events.proactive, "proactive", "victim")[place],
        }
    )
    who, day = rows["person_id"].str[1:], rows["offence_date"].dt.strftime("%y%m%d")
    rows["occasion_id"] = "OC" + day + who
    rows["crime_ref"] = rows["occasion_id"].str[2:] + "/" + (
        rows.groupby("occasion_id").cumcount() + 1).astype(str)  # fmt: skip
    return rows[np.asarray(recorded <= extract)[place]]


def _motoring(
    design: SimulationDesign,
    past: Events,
    future: Future,
    ids: np.ndarray,
    exit_date: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Give lesser motoring offences, found by officers, under references of their own."""
    events = drive(design, past, future, rng)
    rows = _offences(design, events, ids, exit_date, rng, MOTORING_MIX)
    named = {name: "T" + rows[name] for name in ("crime_ref", "occasion_id")}
    return rows.assign(detection="proactive", **named)


def _custody(
    events: Events, ids: np.ndarray, exit_date: np.ndarray, extract: np.datetime64
) -> pd.DataFrame:
    went_in = exit_date[events.inmate] + events.went_in
    rows = pd.DataFrame(
        {
            "person_id": ids[events.inmate],
            "in_date": went_in,
            "out_date": _date(exit_date[events.inmate], events.came_out, extract),
            "kind": events.kind,
        }
    )
    return rows[np.asarray(went_in <= extract)]


def _assessments(
    design: SimulationDesign,
    people: People,
    ids: np.ndarray,
    exit_date: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Give one assessment a person, near leaving; the riskier, the less of it was done."""
    n, n_pathways = people.needs.shape
    when = exit_date - rng.integers(0, 90, size=n)
    score: Floats = np.where(
        people.needs, rng.integers(7, 11, (n, n_pathways)), rng.integers(0, 6, (n, n_pathways))
    ).astype(float)
    pull = np.exp(0.4 * (people.risk - people.risk.mean()))
    nobody_asked = rng.random(n) < np.minimum(design.missing_needs * pull, 0.9)
    missing = nobody_asked[:, None] | (rng.random((n, n_pathways)) < ITEM_MISSING)
    reason = rng.choice(["not_assessed", "refused", "not_shared"], (n, n_pathways))
    return pd.DataFrame(
        {
            "person_id": np.repeat(ids, n_pathways),
            "assessed_date": np.repeat(when, n_pathways),
            "tool": TOOL,
            "pathway": np.tile(list(NEED_PREVALENCE), n),
            "score": np.where(missing, np.nan, score).ravel(),
            "score_min": 0.0,
            "score_max": 10.0,
            "missing_reason": np.where(missing, reason, "").ravel(),
        }
    )


def _residence(
    future: Future, ids: np.ndarray, exit_date: np.ndarray, iom_days: Ints, extract: np.datetime64
) -> pd.DataFrame:
    """Give two spells for those who moved away; the others have none and count as resident."""
    gone = np.flatnonzero(
        (future.moved < future.last) & (exit_date + np.minimum(future.moved, FAR // 10) <= extract)
    )
    left = exit_date[gone] + future.moved[gone]
    nothing = np.full(len(gone), np.datetime64("NaT"))
    return pd.DataFrame(
        {
            "person_id": np.concatenate([ids[gone], ids[gone]]),
            "in_area": ["yes"] * len(gone) + ["no"] * len(gone),
            "from_date": np.concatenate([exit_date[gone] - iom_days[gone], left]),
            "to_date": np.concatenate([left, nothing]),
        }
    )


def _support(
    people: People,
    future: Future,
    ids: np.ndarray,
    exit_date: np.ndarray,
    joined: Ints,
    ended: Ints,
    extract: np.datetime64,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Give a referral, and some contacts, for every need of those who joined."""
    place, pathway = np.nonzero(people.needs[joined])
    contacts = 1 + rng.poisson(2.0, size=len(place))
    which = np.repeat(np.arange(len(place)), contacts)
    is_first = np.r_[True, which[1:] != which[:-1]] if len(which) else np.zeros(0, bool)
    who = joined[place[which]]
    stay = np.maximum(ended - future.joined[joined], 2)[place[which]]
    delay = (
        np.where(is_first, rng.integers(0, 28, len(which)), rng.integers(28, 180, len(which)))
        % stay
    )
    when = exit_date[who] + future.joined[who] + delay
    codes = np.array(list(NEED_PREVALENCE))[pathway[which]]
    rows = pd.DataFrame(
        {
            "person_id": ids[who],
            "contact_date": when,
            "partner": [PARTNERS[code] for code in codes],
            "pathway": codes,
            "kind": np.where(is_first, "referral", "contact"),
        }
    )
    rows = rows[when <= extract]
    return rows.drop_duplicates(["person_id", "contact_date", "partner", "pathway", "kind"])
