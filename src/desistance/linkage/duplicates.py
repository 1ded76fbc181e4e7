"""People under two ids who look like one person; the list is restricted, and merges nobody.

A pair is listed if it shares all of one of these, with nothing of them empty:

    same_<identifier>  an identifier beside `person_id`: a declared extra column of `people`
    same_crime         birth month and sex, and the reference, day and code of an offence
    same_offences      birth month and sex, and day and code of two offences or more
    same_episode       birth month and sex, and area, programme and first day of an episode

Twins, and co-offenders born in one month, are listed too: that is why somebody has to look. Where
more than ten people share one thing, each is paired with the next only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from desistance.errors import DataError
from desistance.identifiers import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desistance.cases import CaseData

MOST_PAIRED = 10  # people who share one thing and are all paired with each other
BORN = ["birth_month", "sex"]
PAIR = ["person_a", "person_b"]


def suspected_duplicates(
    cases: CaseData, *, identifiers: Sequence[str] | None = None
) -> pd.DataFrame:
    """List pairs of people who may be one, and why. Restricted; nobody is merged.

    Parameters
    ----------
    cases
        From `load_cases`.
    identifiers
        Extra columns of `people` that identify a person; by default those declared that are
        named pnc, cro, noms, crn or asn.

    Returns
    -------
    DataFrame, shape (pairs, 4)
        person_a, person_b (a before b), reasons (see `desistance.linkage.duplicates`, joined by
        ", "), n_reasons; pairs with most reasons first.

    Raises
    ------
    DataError
        If an identifier is no extra column of `people`.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance import CaseData, suspected_duplicates
    >>> people = pd.DataFrame({"person_id": ["A", "B", "C"], "cro": ["p1", "p1", "p2"]})
    >>> rows = {"person_id": ["A"], "programme": "IOM", "start_date": "2020-01-01"}
    >>> crime = {"person_id": ["A"], "offence_date": "2021-01-01", "offence_code": "028",
    ...          "outcome": "nfa"}
    >>> cases = CaseData.from_frames(
    ...     {"people": people, "episodes": pd.DataFrame(rows), "offences": pd.DataFrame(crime)},
    ...     extract_date="2024-09-30", mapping={"people": {"extra": {"cro": "text"}}})
    >>> suspected_duplicates(cases).values.tolist()
    [['A', 'B', 'same_cro', 1]]
    """
    known = [name for name in cases.extra if name in SCHEMES]
    chosen = known if identifiers is None else list(identifiers)
    unknown = [name for name in chosen if name not in cases.extra]
    if unknown:
        raise DataError(f"{', '.join(unknown)}: no extra column of `people` that was loaded.")
    people, born = cases.people, ["person_id", *BORN]
    offences = cases.offences.merge(people[born], on="person_id")
    episodes = cases.episodes.merge(people[born], on="person_id")
    found = [
        *(_sharing(people, [name]).assign(reasons=f"same_{name}") for name in chosen),
        _sharing(offences, [*BORN, "crime_ref", "offence_date", "offence_code"]).assign(
            reasons="same_crime"
        ),
        _often(_sharing(offences, [*BORN, "offence_date", "offence_code"], every=True)),
        _sharing(episodes, [*BORN, "area_id", "programme", "start_date"]).assign(
            reasons="same_episode"
        ),
    ]
    pairs = pd.concat(found)[[*PAIR, "reasons"]].drop_duplicates()
    listed = pairs.groupby(PAIR)["reasons"].agg([", ".join, "size"]).reset_index()
    listed.columns = pd.Index([*PAIR, "reasons", "n_reasons"])
    order = ["n_reasons", *PAIR]
    return listed.sort_values(order, ascending=[False, True, True], ignore_index=True)


def _sharing(rows: pd.DataFrame, columns: list[str], *, every: bool = False) -> pd.DataFrame:
    """Pair the people who share what is in the columns; `every` gives a row for each share."""
    known = rows[["person_id", *columns]].dropna().drop_duplicates()
    known = known.assign(thing=known.groupby(columns, sort=False).ngroup())
    known = known.sort_values(["thing", "person_id"], ignore_index=True)
    size = known.groupby("thing")["thing"].transform("size")
    few = known.loc[(size > 1) & (size <= MOST_PAIRED), ["thing", "person_id"]]
    paired = few.merge(few, on="thing", suffixes=("_a", "_b"))
    many = known[size > MOST_PAIRED].reset_index(drop=True)
    after = many.shift(-1)
    chained = pd.DataFrame({"person_id_a": many["person_id"], "person_id_b": after["person_id"]})[
        (many["thing"] == after["thing"]).to_numpy(bool)
    ]
    pairs = pd.concat([paired[paired["person_id_a"] < paired["person_id_b"]], chained])
    pairs = pairs.rename(columns={"person_id_a": "person_a", "person_id_b": "person_b"})[PAIR]
    return pairs if every else pairs.drop_duplicates()


def _often(pairs: pd.DataFrame) -> pd.DataFrame:
    """Keep the pairs that share two things or more."""
    shared = pairs.groupby(PAIR).size()
    return shared[shared > 1].index.to_frame(index=False).assign(reasons="same_offences")
