"""What the simulated programme writes down: later assessments, how support ended, and its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.synthetic.population import FAR

if TYPE_CHECKING:
    from desistance.synthetic.population import Future, Ints

# Chance that a need has gone, or a new one come, by the next assessment.
RESOLVED, APPEARED = 0.40, 0.06
REVIEWED = 0.75  # of those who joined; nobody assesses those whom nobody manages
REACH = {
    "ACC": 0.9, "ETE": 0.8, "HLT": 0.6, "DRG": 0.85, "ALC": 0.8, "FIN": 0.75, "FAM": 0.5,
    "ATB": 0.7,
}  # fmt: skip
ENDED = {"completed": 0.35, "disengaged": 0.20}  # of the referrals with a contact

NOTES = (
    ("14/01/2021", "ACC", "housing", "done", True,
     "Housing needs the referral before release, not after: agreed a common form and inbox."),
    ("25/03/2021", "", "police", "done", True,
     "Officers ask partners what a visit is for before they go; visits alone change little."),
    ("09/06/2021", "SUB", "nhs", "in_progress", True,
     "Drug and alcohol services keep separate waiting lists; people with both needs wait longest."),
    ("30/09/2021", "FIN", "dwp", "done", True,
     "A work coach now joins the weekly meeting, and benefit claims start the same day."),
    ("17/02/2022", "ATB", "probation", "open", True,
     "Groups are in working hours and clash with jobs; evening places to be found."),
    ("05/05/2022", "FAM", "third_sector", "dropped", True,
     "Family mediation was offered and hardly taken up; mentoring is asked for instead."),
    ("12/09/2022", "ACC", "housing", "open", True,
     "2 landlords withdrew from the scheme and others are being asked."),
    ("21/11/2022", "HLT", "nhs", "in_progress", False,
     "Draft for the board only: the mental health contract is under review."),
    ("16/03/2023", "ETE", "dwp", "done", True,
     "Employers want a single contact for references; the third sector has taken it on."),
)  # fmt: skip


def review(
    first: pd.DataFrame,
    needs: np.ndarray,
    future: Future,
    ids: np.ndarray,
    exit_date: np.ndarray,
    extract: np.datetime64,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Assess most of those who joined again, three to nine months after: needs resolve, new come.

    Parameters
    ----------
    first, needs
        The first assessments, all pathways of a person one after the other, and the needs that
        were there, shape (people, pathways).
    """
    n, n_pathways = len(ids), len(first) // len(ids)
    day = future.joined + rng.integers(90, 271, n)
    seen = (future.joined < FAR) & (rng.random(n) < REVIEWED)
    seen &= (day < np.minimum(future.died, future.moved)) & (
        exit_date + np.minimum(day, FAR // 10) <= extract
    )
    score = first["score"].to_numpy().reshape(n, n_pathways)
    change = rng.random((n, n_pathways))
    is_need = np.where(needs, change >= RESOLVED, change < APPEARED)
    again = np.where(
        is_need, rng.integers(7, 11, (n, n_pathways)), rng.integers(0, 6, (n, n_pathways))
    ).astype(float)
    unknown = np.isnan(score) & (rng.random((n, n_pathways)) < 0.6)  # most stay unasked
    rows = first.assign(
        assessed_date=np.repeat(exit_date + np.minimum(day, FAR // 10), n_pathways),
        score=np.where(unknown, np.nan, again).ravel(),
        missing_reason=np.where(unknown, "not_assessed", "").ravel(),
    )
    return rows[np.repeat(seen, n_pathways)]


def reached(support: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Take out what never came about: some needs are referred to nobody."""
    need = support.drop_duplicates(["person_id", "pathway"])[["person_id", "pathway"]]
    need = need.sort_values(["person_id", "pathway"])
    taken_up = rng.random(len(need)) < need["pathway"].map(REACH).to_numpy(float)
    return support.merge(need[taken_up])


def endings(
    support: pd.DataFrame,
    ids: np.ndarray,
    died: np.ndarray,
    extract: np.datetime64,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Say of some referrals, a few weeks after their last contact, how they ended."""
    last = support.sort_values("contact_date").drop_duplicates(
        ["person_id", "pathway"], keep="last"
    )
    last = last.sort_values(["person_id", "pathway"])
    draw = rng.random(len(last))
    kind: np.ndarray = np.select(
        [draw < ENDED["completed"], draw < sum(ENDED.values())], [*ENDED], ""
    )
    weeks: Ints = rng.integers(2, 9, len(last))
    when = last["contact_date"].to_numpy("M8[D]") + 7 * weeks
    alive = when <= died[np.searchsorted(ids, last["person_id"].to_numpy(str))]
    rows = last.assign(contact_date=when, kind=kind)
    return rows[(kind != "") & (when <= extract) & alive]


def action_log() -> pd.DataFrame:
    """Give the notes of meetings; one is not cleared for a report, and one names a count."""
    columns = ["note_date", "pathway", "partner", "status", "release", "note"]
    notes = pd.DataFrame(NOTES, columns=columns)
    notes["release"] = notes["release"].map({True: "yes", False: "no"})
    notes["note_date"] = pd.to_datetime(notes["note_date"], format="%d/%m/%Y")
    notes.insert(0, "note_id", [f"N{number}" for number in range(1, len(notes) + 1)])
    return notes[["note_id", "note_date", "pathway", "partner", "status", "note", "release"]]
