"""The effect of joining by how much support came early, and by partner, from a landmark on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.comparison.effects.contrasts import reach
from desistance.comparison.effects.followed import balance_of
from desistance.comparison.exploratory.explored import (
    AMONG,
    COLUMNS,
    HAZARD,
    PER_CONTACT,
    STAMP,
    Explored,
)
from desistance.comparison.exploratory.rows import (
    EXPOSED,
    PERSON,
    Row,
    fit,
    in_bands,
    people,
    rests_on,
    rows_of_matches,
    told,
    too_few,
)
from desistance.comparison.multiplicity import adjusted_p
from desistance.errors import ModelError
from desistance.followup import FollowUp
from desistance.histories.days import to_days
from desistance.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.balance import Balance
    from desistance.timetoevent import TimeToEvent

CONTACTS = ("contact", "review", "completed")
DOSE, PARTNER = "contacts", "partner"
SEEN = "seen against not"


def effects_by_dose(
    followed: FollowUp,
    balanced: Balance,
    *,
    landmark: int = 60,
    bands: Sequence[int] = (1, 4),
    kinds: Sequence[str] = CONTACTS,
    confidence: float = 0.95,
) -> Explored:
    """Explore the effect of joining by contacts in the first days, and by partner.

    Parameters
    ----------
    followed, balanced
        A follow-up and its matches.
    landmark
        Days after joining whose contacts count. Everybody is followed from there, if they have
        not reoffended by then.
    bands
        The first number of contacts of each band after the first: (1, 4) makes 0, 1 to 3, 4 or
        more. Each band is set against the matched people who did not join.
    kinds
        Which rows of the support table are contacts.
    confidence
        Of the intervals.

    Returns
    -------
    Explored
        Joiners whom each partner saw, against the other joiners, are the questions with p-values;
        the trend is per further contact among those who joined.

    Raises
    ------
    ModelError
        If the landmark lies outside the follow-up, or there is no support table to count.
    """
    if not isinstance(followed, FollowUp):
        raise ModelError(f"Dose is known of a follow-up, not of a {type(followed).__name__}.")
    design, matches = followed.design, balance_of(balanced).matches
    if not 1 <= landmark < design.months * 28:
        raise ModelError("`landmark` is a day after joining, well within the follow-up.")
    if PERSON not in matches:
        raise ModelError("Such a balance is of a plain frame: dose is known of a follow-up.")
    seen = _contacts(followed, matches, landmark, kinds)
    rows = rows_of_matches(followed, balanced, seen, landmark=landmark).first
    z = reach(confidence)
    found, trend = _by_dose(rows, bands, z)
    partners = [str(name) for name in seen if name != DOSE]
    asked = [_by_partner(rows, name, z) for name in partners]
    rows_found = [*found, *asked]
    frame = pd.DataFrame(rows_found).reindex(columns=COLUMNS).fillna({"note": ""})
    frame = frame.assign(status=STAMP)
    family = frame["group"].eq(SEEN)
    frame[["p_holm", "p_bh"]] = np.nan
    p = frame.loc[family, "p_value"].to_numpy(float)
    frame.loc[family, "p_holm"], frame.loc[family, "p_bh"] = adjusted_p(p), adjusted_p(p, "bh")
    gone = matches[PERSON][matches["exposed"]].nunique() - (
        rows.columns.loc[rows.columns[EXPOSED] == 1, PERSON].nunique()
    )
    return Explored(
        f"effect of joining by contacts within {landmark} days", frame.astype(
            {"n": "Int64", "n_events": "Int64"}
        ),
        pd.DataFrame([trend], columns=["term", "statistic", "df", "p_value", "note"]),
        tuple(row["of"] for row in rows_found),
        (found[-1]["of"],),
        float("nan"),
        f"proven reoffences in {design.offence_set} from day {landmark} to {design.months} months "
        f"after joining {design.joining} (balance: {balanced.light})",
        (
            "Exploratory: people who are seen more differ from those seen less in more than being "
            "seen; nothing here made them alike.",
            Caveat(
                f"{{gone}} people who joined are not followed from day {landmark}: they had "
                "reoffended, or were no longer watched.",
                gone=int(gone),
            ),
        ),
    )  # fmt: skip


def _contacts(
    followed: FollowUp, matches: pd.DataFrame, landmark: int, kinds: Sequence[str]
) -> pd.DataFrame:
    """Count contacts of each match from joining to the landmark: in all, and by partner."""
    support = followed.histories.cases.support
    support = support[support["kind"].isin(list(kinds))]
    if support.empty:
        raise ModelError(f"The support table has no row of the kinds {', '.join(kinds)}.")
    place = pd.Index(followed.people["person_id"]).get_indexer(pd.Index(support["person_id"]))
    contact = pd.DataFrame(
        {PERSON: place, "on": to_days(support["contact_date"]), "by": support["partner"].to_numpy()}
    )
    joined = matches[matches["exposed"]]
    person = joined[PERSON].to_numpy()
    from_day = followed.index_day[person] + joined["day"].to_numpy()
    pairs = pd.DataFrame({PERSON: person, "pair": joined.index, "from": from_day})
    inside = pairs.merge(contact, on=PERSON)
    after = inside["on"] - inside["from"]
    inside = inside[(after > 0) & (after <= landmark)]
    by_partner = pd.crosstab(inside["pair"], inside["by"])
    partners = sorted(contact["by"].dropna().unique())
    by_partner = by_partner.reindex(index=matches.index, columns=partners, fill_value=0)
    table = (by_partner > 0).astype(float)
    return table.assign(**{DOSE: by_partner.sum(axis=1).astype(float)})


def _by_dose(
    rows: TimeToEvent, bands: Sequence[int], z: float
) -> tuple[list[Row], tuple[object, ...]]:
    joined = rows.columns[EXPOSED].to_numpy() == 1
    dose = rows.columns[DOSE].to_numpy()
    names, band = in_bands(dose, bands)
    found: list[Row] = []
    for j, name in enumerate(names):
        inside = joined & (band == j)
        n, n_events = people(rows, inside)
        groups = {"with so many contacts": inside, "compared": ~joined}
        row: Row = {
            "outcome": HAZARD, "term": DOSE, "group": name, "n": n, "n_events": n_events,
            "of": rests_on(rows, groups),
        }  # fmt: skip
        note = too_few(rows, groups)
        if not note:
            fitted = fit(rows.only(inside | ~joined, "other dose"), [EXPOSED])
            note = fitted.notes[0]
        if not note:
            error = float(np.sqrt(fitted.covariance[0, 0]))
            row |= told(float(fitted.log_hazards[0]), error, z, ratio=True)
        found.append(row | {"note": note})
    ours = rows.only(joined, "did not join")
    n, n_events = people(ours)
    groups = {"who joined": np.ones(ours.n, bool)}
    row = {"outcome": AMONG, "term": DOSE, "group": PER_CONTACT, "n": n,
           "n_events": n_events, "of": rests_on(ours, groups)}  # fmt: skip
    label = "joining by contacts, trend"
    log, error, note = _among_joiners(ours, DOSE, groups)
    if note:
        return [*found, row | {"note": note}], (label, np.nan, 1, np.nan, note)
    shown = told(log, error, z, ratio=True, asked=True)
    return [*found, row | shown], (label, (log / error) ** 2, 1, shown["p_value"], "")


def _by_partner(rows: TimeToEvent, name: str, z: float) -> Row:
    """Joiners whom a partner saw by the landmark, against the other joiners."""
    ours = rows.only(rows.columns[EXPOSED].to_numpy() == 1, "did not join")
    seen = ours.columns[name].to_numpy() == 1
    n, n_events = people(ours, seen)
    groups = {"seen": seen, "not seen": ~seen}
    row: Row = {
        "outcome": AMONG, "term": name, "group": SEEN, "n": n, "n_events": n_events,
        "of": rests_on(ours, groups),
    }  # fmt: skip
    log, error, note = _among_joiners(ours, name, groups)
    if note:
        return row | {"note": note}
    return row | told(log, error, z, ratio=True, asked=True)


def _among_joiners(
    ours: TimeToEvent, term: str, groups: dict[str, np.ndarray]
) -> tuple[float, float, str]:
    note = too_few(ours, groups)
    if note:
        return np.nan, np.nan, note
    fitted = fit(ours, [term])
    return float(fitted.log_hazards[0]), float(np.sqrt(fitted.covariance[0, 0])), fitted.notes[0]
