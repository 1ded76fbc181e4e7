"""How the report puts things: names of columns and terms, and small tables made readable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from desistance.histories.days import months_to_days
from desistance.results import NOT_ESTIMABLE
from desistance.schemas import PERSON, TABLES

if TYPE_CHECKING:
    from desistance.disclosure import ProtectedTable
    from desistance.evaluation import Evaluation
    from desistance.survival import CoxFit

ABOUT_PEOPLE = [table.name for table in TABLES if any(c is PERSON for c in table.columns)]
TERMS = {
    "age": "Age",
    "age_at_onset": "Age at first proven offence",
    "n_previous": "Previous proven offences",
    "n_previous_SAC_HMICFRS2022": "Previous serious acquisitive offences",
    "n_sanctions": "Previous sanctions",
    "career_years": "Years since first sanction",
    "copas_rate": "Copas rate",
    "months_since_offence": "Months since last recorded offence",
    "custody_days": "Days in custody, last two years",
    "n_needs": "Number of needs",
}
P_VALUES = ("p_value", "p_holm", "p_bh")
LEAST = 0.001  # p-value that is printed as a number
MONTHS = (*range(3, 25, 3), *range(30, 121, 6))
HEADINGS = {
    "term": "Term",
    "group": "Group",
    "outcome": "Measure",
    "step": "Step",
    "table": "Table",
    "day": "Day",
    "n": "People",
    "n_in": "Rows in",
    "n_used": "Used",
    "n_quarantined": "Set aside",
    "n_merged": "Merged",
    "n_left_out": "Left out",
    "n_remaining": "Remaining",
    "n_at_risk": "At risk",
    "n_events": "Events",
    "n_censored": "Censored",
    "person_years": "Years at risk",
    "need": "Need",
    "no_need": "No need",
    "not_assessed": "Not assessed",
    "estimate": "Estimate",
    "std_error": "Standard error",
    "conf_low": "95% low",
    "conf_high": "95% high",
    "statistic": "Statistic",
    "p_value": "p",
    "note": "Note",
    "hazard_ratio": "Hazard ratio",
    "log_hazard_ratio": "Log hazard ratio",
    "month": "Month",
    "mean_joined": "Mean, joined",
    "mean_before": "Mean before",
    "mean_after": "Mean after",
    "smd_before": "Difference before",
    "smd_after": "Difference after",
    "light": "Light",
    "both": "Both",
    "only_first": "First alone",
    "only_second": "Second alone",
    "neither": "Neither",
    "lift": "More together",
    "phi": "Phi",
    "refused": "Refused",
    "not_applicable": "Not applicable",
    "need_before": "Need on joining",
    "need_later": "Need later",
    "change": "Net change",
    "n_need": "With the need",
    "referred_need": "Of them referred",
    "in_contact_need": "Of them in contact",
    "referred_share": "Share referred",
    "contact_share": "Share in contact",
    "referred": "Referred",
    "in_contact": "In contact",
    "contacts": "Contacts",
    "months": "Months managed",
    "dose": "Contacts a month",
    "contacts_each": "Contacts each",
    "completed": "Completed",
    "disengaged": "Broke off",
    "silent": "Silent",
    "went_on": "Went on",
    "date": "Date",
    "pathway": "Pathway",
    "partner": "Partner",
    "status": "Status",
    "note_text": "Note",
    "choice": "Choice",
    "item": "Item",
    "target_trial": "The target trial",
    "emulation": "This evaluation",
    "what": "What",
    "locked": "As locked",
    "now": "Now",
    "design": "Design",
    "who": "Who is compared",
    "says": "Can say",
    "cannot": "Cannot say",
    "n_compared": "Compared",
    "level": "Level",
    "made": "In this evaluation",
    "offence_set": "Offences counted",
    "sentence": "What may be said",
    "delta": "Delta",
    "mean_imputed": "Share given the need",
    "effect": "Effect, with its 95% interval",
    "df": "Degrees of freedom",
    "shrunk": "Drawn in",
    "shrunk_low": "Drawn in, low",
    "shrunk_high": "Drawn in, high",
    "p_holm": "p (Holm)",
    "p_bh": "p (Benjamini–Hochberg)",
    "holm": "p (Holm)",
    "bh": "p (Benjamini–Hochberg)",
}


def needs_table(evaluation: Evaluation) -> pd.DataFrame:
    """Count, by pathway, the people with the need, without it, and not assessed."""
    people, scheme = evaluation.followed.people, evaluation.followed.histories.scheme
    rows = []
    for pathway in scheme.pathways:
        need = people[f"need_{pathway.code}"]
        rows.append(
            {
                "term": pathway.name,
                "need": int(need.fillna(False).sum()),
                "no_need": int((~need.fillna(True)).sum()),
                "not_assessed": int(need.isna().sum()),
                "n": len(need),
            }
        )
    return pd.DataFrame(rows)


def fitted_on(fitted: CoxFit) -> str:
    return (
        f"{fitted.n_people:,} people, {fitted.n_events:,} events, log-likelihood "
        f"{fitted.log_likelihood:.6f}."
    )


def by_month(protected: ProtectedTable) -> pd.DataFrame:
    """Read each curve at the ends of months, as far as it goes."""
    shown = protected.shown()
    rows = []
    for _, curve in shown.dropna(subset=["day"]).groupby("group", sort=False):
        for month in MONTHS:
            until = curve[curve["day"] <= months_to_days(month)]
            if len(until) and months_to_days(month) <= curve["day"].max():
                rows.append(until.iloc[-1].to_dict() | {"month": month})
    if not rows:
        return shown
    columns = ["group", "month", *(c for c in shown if c not in ("group", "day", "n_at_risk"))]
    return pd.DataFrame(rows)[columns]


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns with nothing in them, and name the others in words.

    Examples
    --------
    >>> readable(pd.DataFrame({"p_value": [0.0, 0.04], "note": ["", ""]}))["p"].tolist()
    ['< 0.001', 0.04]
    """
    filled = [name for name in frame if (frame[name].notna() & (frame[name] != "")).any()]
    of_tests = {name: frame[name].map(_not_nothing) for name in filled if name in P_VALUES}
    return frame[filled].assign(**of_tests).rename(columns=HEADINGS)


def _not_nothing(p_value: object) -> object:
    return f"< {LEAST}" if isinstance(p_value, float) and p_value < LEAST / 2 else p_value


def without_counts(note: str) -> str:
    """Keep why something cannot be estimated, unless numbers of people stand in it.

    Examples
    --------
    >>> without_counts("not estimable: no reoffence in one of the cohorts")
    'not estimable: no reoffence in one of the cohorts'
    >>> without_counts("not estimable: 7 of 40 index dates are too late")
    'not estimable'
    """
    why = note.startswith(NOT_ESTIMABLE) and re.search(r"\d", note) is not None
    return NOT_ESTIMABLE if why else note


def log_rank_words(difference: pd.DataFrame) -> str:
    row = difference.dropna(subset=["p_value"])
    if row.empty:
        return "The curves cannot be tested against each other."
    p_value = row["p_value"].iloc[0]
    told = f"< {LEAST}" if p_value < LEAST / 2 else f"= {p_value:.3f}"
    return f"Log-rank test with delayed entry: p {told}."
