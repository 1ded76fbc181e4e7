"""A small clean case file for tests, in which every id is a token that no message may show."""

from pathlib import Path

import pandas as pd
import pytest

from desistance import CaseData, load_cases
from desistance.errors import DesistanceError

TOKEN = "canary"
TOLERANT = {"max_quarantined": 1.0, "max_misformatted": 1.0}
EXTRACT = "2024-09-30"


def clean() -> dict[str, pd.DataFrame]:
    """Give all ten tables as text, without a fault or a warning."""
    ann, bob, cat = (f"{TOKEN}-{name}" for name in ("ann", "bob", "cat"))
    north, south = f"{TOKEN}-north", f"{TOKEN}-south"
    tables = {
        "people": """
            person_id birth_month sex death_date
            {ann}     01/05/1990  F   -
            {bob}     01/06/1985  M   13/02/2024
            {cat}     01/07/1979  U   -""",
        "episodes": """
            person_id programme start_date end_date   end_reason   area_id tier
            {ann}     IOM       13/01/2020 13/01/2021 risk_reduced {north} FIXED
            {bob}     IOM       14/01/2020 14/01/2021 sentence_end {south} FLEX
            {ann}     7PP       13/01/2021 -          -            {north} NONE
            {cat}     IOM       15/01/2020 15/01/2021 reset        {south} FREE""",
        "offences": """
            person_id crime_ref offence_date recorded_date outcome_date offence_code outcome
            {ann}     {n}-1     16/03/2021   17/03/2021    18/06/2021   028/01       convicted
            {bob}     {n}-2     16/04/2021   17/04/2021    18/07/2021   045          caution
            {bob}     {n}-3     16/05/2021   17/05/2021    -            04510        charged""",
        "custody": """
            person_id in_date    out_date   kind
            {ann}     20/06/2021 20/08/2021 sentence
            {bob}     20/07/2021 -          remand""",
        "assessments": """
            person_id assessed_date tool       pathway score score_min score_max missing_reason
            {ann}     13/12/2020    LOCAL_0_10 ACC     7     0         10        -
            {bob}     14/12/2020    LOCAL_0_10 ACC     -     0         10        refused""",
        "areas": """
            area_id go_live_date
            {north} 13/01/2021
            {south} -""",
        "residence": """
            person_id in_area from_date  to_date
            {ann}     yes     13/01/2020 13/06/2022
            {ann}     no      13/06/2022 -""",
        "support": """
            person_id contact_date partner pathway kind
            {ann}     14/01/2021   housing ACC     referral""",
        "action_log": """
            note_id note_date  pathway partner status note              release
            1       15/02/2021 ACC     housing open   Keep-rooms-free   yes
            2       16/02/2021 -       -       done   Meet-on-Thursdays -""",
        "extract": """
            source   extract_date complete_to n_rows
            police   30/09/2024   25/09/2024  -
            offences 30/09/2024   25/09/2024  3""",
    }  # fmt: skip
    words = {"ann": ann, "bob": bob, "cat": cat, "north": north, "south": south, "n": TOKEN}
    frames = {name: _table(text.format(**words)) for name, text in tables.items()}
    frames["offences"]["in_custody"] = ["no", "no", ""]
    frames["offences"]["detection"] = ["victim", "proactive", ""]
    return frames


def _table(text: str) -> pd.DataFrame:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return pd.DataFrame(
        [["" if cell == "-" else cell for cell in row] for row in rows], columns=head
    )


def write_csv(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """Write one CSV file a table."""
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def added(table: str, **cells: str) -> dict[str, pd.DataFrame]:
    """Give the clean tables with the first row of one repeated, some cells overwritten."""
    tables = clean()
    row = {**tables[table].iloc[0], **cells}
    tables[table] = pd.concat([tables[table], pd.DataFrame([row])], ignore_index=True)
    return tables


def changed(table: str, row: int, **cells: str) -> dict[str, pd.DataFrame]:
    """Give the clean tables with some cells of one row overwritten."""
    tables = clean()
    for name, text in cells.items():
        tables[table].loc[row, name] = text
    return tables


def checked(tables: dict[str, pd.DataFrame], **settings: object) -> CaseData:
    """Load tables from memory, whatever the share of faulty rows."""
    return CaseData.from_frames(tables, mapping={**TOLERANT, **settings})


def refusal(error: type[DesistanceError], *source: object, **options: object) -> str:
    """Give the words of a refused load, which show no cell and hide none in a context."""
    with pytest.raises(error) as caught:
        load_cases(*source, **options)
    assert_silent(str(caught.value))
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return str(caught.value)


def assert_silent(text: str) -> None:
    """No id or value of the case file is in a text."""
    assert TOKEN not in text.casefold()


def fates(cases: CaseData, table: str) -> list[tuple[str, str]]:
    """List what was found in one table: (rule, fate), without tables that were not given."""
    found = cases.quality.faults
    return list(
        found.loc[found["table"] == table, ["rule", "fate"]].itertuples(index=False, name=None)
    )
