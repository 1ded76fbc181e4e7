"""Faulty rows of the kinds that extracts bring, added to clean tables; each kind is counted.

Every row here is about a person of its own or is a copy of a clean row, so the clean rows stay
what they were and the reader's accounting can be checked against the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import numpy as np

COPIES = 3  # rows of each kind

# What to overwrite in a copied clean row, by table and kind of fault.
FAULTS: dict[str, dict[str, dict[str, str]]] = {
    "people": {
        "repeated row": {},
        "no id": {"person_id": ""},
        "birth date of a placeholder": {"person_id": "Q{n}1", "birth_month": "01/01/1900"},
        "born after the extract": {"person_id": "Q{n}2", "birth_month": "01/03/2031"},
        "unknown sex code": {"person_id": "Q{n}3", "sex": "9"},
    },
    "episodes": {
        "repeated row": {},
        "ends before it starts": {"start_date": "02/05/2022", "end_date": "01/05/2022"},
        "unknown person": {"person_id": "Z{n}1"},
    },
    "offences": {
        "repeated row": {},
        "no id": {"person_id": ""},
        "unknown person": {"person_id": "Z{n}2"},
        "impossible day": {"offence_date": "31/02/2021", "crime_ref": "X{n}1"},
        "month first": {"offence_date": "04/13/2021", "crime_ref": "X{n}2"},
        "spreadsheet serial number": {"offence_date": "44291", "crime_ref": "X{n}3"},
        "placeholder date": {"offence_date": "01/01/1970", "crime_ref": "X{n}4"},
        "outcome before offence": {
            "offence_date": "05/06/2021", "recorded_date": "05/06/2021",
            "outcome_date": "01/06/2021", "crime_ref": "X{n}5"},
        "after the extract": {
            "offence_date": "01/02/2031", "recorded_date": "", "outcome_date": "",
            "outcome": "pending", "crime_ref": "X{n}6"},
        "unknown outcome": {"outcome": "disposed", "crime_ref": "X{n}7"},
        "total row": {
            "person_id": "Total", "offence_date": "", "recorded_date": "", "outcome_date": "",
            "offence_code": "", "outcome": "", "crime_ref": ""},
    },
    "custody": {
        "ends before it starts": {"in_date": "09/09/2019", "out_date": "01/09/2019"},
        "placeholder for no end": {
            "person_id": "P00001", "in_date": "{n}/09/2024", "out_date": "31/12/9999"},
    },
    "assessments": {
        "score out of range": {"assessed_date": "03/03/2019", "score": "99", "missing_reason": ""},
        "unknown reason": {
            "assessed_date": "04/03/2019", "score": "", "missing_reason": "no idea"},
    },
}  # fmt: skip


def add_faults(
    tables: dict[str, pd.DataFrame], rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Add every kind of faulty row and shuffle the tables.

    Returns
    -------
    tables
        As text, with the faulty rows among the others.
    counts : dict
        Faulty rows by ``"table: kind"``.
    """
    messy, counts = dict(tables), {}
    for name, kinds in FAULTS.items():
        clean = tables[name]
        added = []
        for kind, overwrite in kinds.items():
            rows = clean.iloc[rng.choice(len(clean), min(COPIES, len(clean)), replace=False)].copy()
            for column, text in overwrite.items():
                rows[column] = [text.format(n=number) for number in range(1, len(rows) + 1)]
            added.append(rows)
            counts[f"{name}: {kind}"] = len(rows)
        together = pd.concat([clean, *added], ignore_index=True)
        messy[name] = together.iloc[rng.permutation(len(together))].reset_index(drop=True)
    return messy, counts
