"""Effects of several designs or cohorts beside each other: as a table, and whether they agree."""

from __future__ import annotations

from typing import Any

import pandas as pd

from desistance.catalogue import comparator_words
from desistance.disclosure import outwards

LABELS = ("n", "n_compared", "light", "level")


def side_by_side(frame: pd.DataFrame, by: str = "design") -> pd.DataFrame:
    """Lay a tidy frame out with a row per design or cohort, effects with intervals as text."""
    rows = []
    labels = [by, *(name for name in LABELS if name in frame)]
    for name, of_one in frame.groupby(by, sort=False):
        first = of_one.iloc[0]
        row: dict[str, Any] = {label: first[label] for label in labels}
        row[by] = design_name(str(name)) if by == "design" else name
        for _, told in of_one.iterrows():
            beside = ""
            if told["outcome"] in row:
                beside = f"{row[told['outcome']] or 'not reported'}; elsewhere "
            row[told["outcome"]] = beside + with_interval(told)
        notes = [note for note in of_one["note"].unique() if note]
        rows.append(row | {"note": "; ".join(notes)})
    table = pd.DataFrame(rows)
    outcomes = [name for name in table if name not in (*labels, "note")]
    return table[[*labels, *outcomes, "note"]].fillna(dict.fromkeys(outcomes, ""))


def agreement(frame: pd.DataFrame, by: str = "design") -> str:
    """Say by effect in which designs it is lower, higher or inconclusive, from intervals alone."""
    shown = frame.dropna(subset=["conf_low", "conf_high"])
    said = []
    for outcome, rows in shown.groupby("outcome", sort=False):
        none = 1.0 if "ratio" in str(outcome) else 0.0
        lower, higher = rows["conf_high"] < none, rows["conf_low"] > none
        kinds = {"lower": lower, "higher": higher, "inconclusive": ~(lower | higher)}
        told = [
            f"{kind} in {', '.join(rows.loc[which, by])}"
            for kind, which in kinds.items()
            if which.any()
        ]
        said.append(f"{str(outcome).capitalize()}: {'; '.join(told)}.")
    return " ".join(said) or "No design gives an effect that can be read."


def design_name(letter: str) -> str:
    """Name a comparator design by its letter and in words."""
    return f"{letter}: {comparator_words(letter).short}"


def with_interval(row: pd.Series[Any]) -> str:
    """Write an effect with its interval, rounded outwards; empty where there is none."""
    if pd.isna(row["estimate"]):
        return ""
    digits = 1 if "per 100" in str(row["outcome"]) else 2
    told = f"{round(row['estimate'], digits) + 0.0:.{digits}f}"
    if pd.isna(row["conf_low"]):
        return told
    limits = row[["conf_low", "conf_high"]].astype(float)
    low, high = (outwards(limits, name, digits)[name] for name in limits.index)
    return f"{told} ({low:.{digits}f} to {high:.{digits}f})"
