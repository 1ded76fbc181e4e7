"""A simulation study: no effect, proof takes 120 days on average, the pilot is younger.

Aim: with equal time for every offence to be proven, a younger pilot does not look better. Data:
1,000 people who left 36 to 18 months before the extract and never joined, and 500 who left in the
18 months before it and joined on that day, reoffending at a constant 0.82 a year, proven after an
exponential delay of mean 120 days. Estimand: log hazard ratio of joining, 0. Methods: whatever is
known by the extract, without waiting; waiting periods of 6 months, and of 12, within which 95 in
100 offences are proven. Performance: bias, with Monte Carlo error. The one without waiting has to
be wrong.
"""

import numpy as np
import pandas as pd

from desistance.cases import CaseData
from desistance.followup import FollowUpDesign, follow_up
from desistance.histories import build_histories
from desistance.survival import fit_cox
from desistance.timetoevent import TimeToEvent

EXTRACT = pd.Timestamp("2024-01-01")
PILOT, BASELINE, LAG = 500, 1_000, 120


def drawn(rng):
    """Draw days from leaving to reoffending, to its proof, and to the extract."""
    joined = np.arange(PILOT + BASELINE) < PILOT
    ahead = np.where(joined, rng.integers(30, 549, len(joined)),
                     rng.integers(549, 1096, len(joined)))  # fmt: skip
    day = np.ceil(rng.exponential(365 / 0.82, len(joined))).astype(int)
    proven = day + np.ceil(rng.exponential(LAG, len(joined))).astype(int)
    return joined, ahead, day, proven


def cases_of(joined, ahead, day, proven):
    ids = np.array([f"P{number:04d}" for number in range(len(joined))])
    left = EXTRACT - pd.to_timedelta(ahead, unit="D")
    known = proven <= ahead
    frames = {
        "people": pd.DataFrame({"person_id": ids, "birth_month": pd.Timestamp("1990-01-01")}),
        "episodes": pd.concat([
            pd.DataFrame({"person_id": ids, "programme": "IOM", "end_date": left,
                          "start_date": left - pd.Timedelta(days=300)}),
            pd.DataFrame({"person_id": ids[joined], "programme": "7PP",
                          "start_date": left[joined]}),
        ]),
        "offences": pd.DataFrame({
            "person_id": ids[known], "offence_code": "028", "outcome": "convicted",
            "offence_date": (left + pd.to_timedelta(day, unit="D"))[known],
            "outcome_date": (left + pd.to_timedelta(proven, unit="D"))[known]}),
    }  # fmt: skip
    return CaseData.from_frames(frames, extract_date=EXTRACT)


def known_by_the_extract(joined, ahead, day, proven):
    event = proven <= ahead
    frame = pd.DataFrame(
        {"stop": np.where(event, day, ahead), "event": event, "exposed": joined}
    )  # fmt: skip
    times = TimeToEvent.from_frame(frame, stop="stop", event="event")
    return fit_cox(times, ["exposed"]).coefficients["exposed"]


def estimates(rng):
    """Give log hazard ratios: without waiting, with 6 months, and with 12."""
    people = drawn(rng)
    cases = cases_of(*people)
    histories = build_histories(cases)
    return known_by_the_extract(*people), *(
        fit_cox(
            follow_up(cases, histories, FollowUpDesign(waiting_months=months)), ["exposed"]
        ).coefficients["exposed"]
        for months in (6, 12)
    )  # fmt: skip


def test_equal_waiting_makes_a_younger_pilot_no_better():
    found = np.array([estimates(np.random.default_rng([7, seed])) for seed in range(8)])
    unequal, six, twelve = found.mean(axis=0)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert unequal < -3 * error[0]
    assert abs(six) < 3 * error[1]
    assert abs(twelve) < 3 * error[2]


def test_slow_proof_and_a_young_extract_are_said():
    cases = cases_of(*drawn(np.random.default_rng([7, 1])))
    said = follow_up(cases, build_histories(cases)).caveats
    assert any("have not completed them and 6 of waiting" in caveat for caveat in said)
    assert any("were proven only after the waiting period of 6 months" in one for one in said)
    histories = build_histories(cases)
    patient = follow_up(cases, histories, FollowUpDesign(waiting_months=18)).caveats
    assert not any("were proven only after" in caveat for caveat in patient)
