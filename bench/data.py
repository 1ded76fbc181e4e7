"""Made-up people, the same for every package: columns from a seed, as raw doubles on disk.

Days are whole, 1 to 730, about half of the rows end in an event, and columns x00, x01, ... are the
terms: every third is yes-or-no, the others normal. A folder of columns is written once, and named
by what made it, so that a changed recipe is never read from old files.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Columns = dict[str, NDArray[np.generic]]

SEED = 20_261_124
DAYS = 730
WINDOW, WATCHED = 730, 365  # days that histories look back on and forward to
FIRST, LAST = 40_900, 45_280  # days of offending, since 1900: 2012 to 2023
KEPT = Path(__file__).parent / ".data"
WHOLE = (
    "start", "stop", "person", "strata", "cause", "cohort", "replicates", "drawn", "index_day",
    "offence_person", "offence_day", "serious", "custody_person", "in_day", "out_day", "exposed",
)  # fmt: skip


def made(recipe: str, size: int, kept: Path = KEPT) -> Path:
    """Give the folder of columns of `recipe` with `size` rows, made if it is not there."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    folder = kept / f"{recipe}-{size}-{version}"
    if not folder.is_dir():
        kept.mkdir(exist_ok=True)
        half = Path(mkdtemp(dir=kept))
        for name, values in RECIPES[recipe](np.random.default_rng(SEED), size).items():
            values.astype("<f8").tofile(half / f"{name}.f64")
        if folder.is_dir():
            shutil.rmtree(half)
        else:
            half.rename(folder)
    return folder


def digest(*columns: ArrayLike) -> dict[str, list[float]]:
    """Hash whole numbers, so that an answer with one other number is another answer."""
    hashed = hashlib.sha256()
    for column in columns:
        hashed.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    text = hashed.hexdigest()
    return {"digest": [float(int(text[at : at + 8], 16)) for at in range(0, len(text), 8)]}


def columns(folder: Path) -> Columns:
    """Read a folder of columns: whole numbers as int64, `event` as bool, the rest as float64."""
    read = {}
    for path in sorted(folder.glob("*.f64")):
        values = np.fromfile(path, dtype="<f8")
        kind = "i8" if path.stem in WHOLE else "?" if path.stem == "event" else "f8"
        read[path.stem] = values.astype(kind, copy=False)
    return read


def terms(names: Iterable[object]) -> list[str]:
    """Those of the columns that are terms."""
    return [str(name) for name in names if str(name).startswith("x")]


def right_censored(rng: np.random.Generator, n: int, p: int = 10) -> Columns:
    """One row a person, watched for up to 730 days."""
    x = _terms(rng, n, p)
    last = rng.integers(1, DAYS + 1, n)
    day = np.ceil(_times(rng, x, 450))
    return {"stop": np.minimum(day, last), "event": day <= last, **_named(x)}


def start_stop(rng: np.random.Generator, n: int, p: int = 10) -> Columns:
    """About five rows a person, cut at random days; events may repeat."""
    people = n // 4 + 2
    cuts = np.sort(rng.integers(1, DAYS, (people, 4)), axis=1)
    start = np.column_stack([np.zeros(people), cuts]).ravel()
    stop = np.column_stack([cuts, np.full(people, DAYS)]).ravel()
    person = np.repeat(np.arange(people), 5)
    kept = np.flatnonzero(stop > start)[:n]
    x = _terms(rng, n, p)
    rows = {"start": start[kept], "stop": stop[kept], "person": person[kept]}
    event = _times(rng, x, 200) <= rows["stop"] - rows["start"]
    return {**rows, "event": event, **_named(x)}


def weighted_strata(rng: np.random.Generator, n: int) -> Columns:
    """As `start_stop`, with five strata of people and weights."""
    rows = start_stop(rng, n)
    weight = np.round(rng.uniform(0.4, 3, n), 3)
    return {**rows, "strata": rows["person"].astype(int) % 5, "weight": weight}


def continuous(rng: np.random.Generator, n: int, p: int = 10) -> Columns:
    """As `right_censored`, in seconds: hardly two events at once."""
    x = _terms(rng, n, p)
    second = 86_400 * DAYS
    last = rng.integers(1, second, n)
    time = np.ceil(_times(rng, x, 450 * 86_400))
    return {"stop": np.minimum(time, last), "event": time <= last, **_named(x)}


def two_cohorts(rng: np.random.Generator, n: int) -> Columns:
    """As `right_censored` with one term: the cohort, 0 or 1."""
    rows = right_censored(rng, n, 1)
    return {"stop": rows["stop"], "event": rows["event"], "cohort": rows["x00"]}


def competing(rng: np.random.Generator, n: int) -> Columns:
    """Causes 1 and 2 compete; 0 is censored. Five terms."""
    x = _terms(rng, n, 5)
    first, second = _times(rng, x, 700), _times(rng, -x, 900)
    last = rng.integers(1, DAYS + 1, n)
    day = np.minimum(np.ceil(np.minimum(first, second)), last)
    cause = np.where(np.minimum(first, second) <= last, np.where(first < second, 1, 2), 0)
    return {"stop": day, "event": cause > 0, "cause": cause, **_named(x)}


def repeated(rng: np.random.Generator, n: int) -> Columns:
    """`n` people watched for up to 730 days, each with about two events; a row ends in each."""
    last = rng.integers(180, DAYS + 1, n)
    person = np.repeat(np.arange(n), rng.poisson(2.0 * last / 455))
    keys = np.unique(person * (DAYS + 1) + rng.integers(1, last[person]))
    people, day = (
        np.concatenate([keys // (DAYS + 1), np.arange(n)]),
        np.append(keys % (DAYS + 1), last),
    )
    order = np.lexsort((day, people))
    people, stop = people[order], day[order]
    start = np.append(0, stop[:-1])
    start[np.append(True, people[1:] != people[:-1])] = 0
    return {"person": people, "start": start, "stop": stop, "event": stop < last[people]}


def split_population(rng: np.random.Generator, n: int) -> Columns:
    """Four terms of whether and how soon people reoffend; a third of the others leave before.

    So an expectation step has something to tell: who of those that left might yet have reoffended.
    """
    x = _terms(rng, n, 4)
    reoffends = rng.random(n) < 1 / (1 + np.exp(0.2 - x @ [0.5, -0.3, 0.6, -0.2]))
    day = np.ceil(120 * np.exp(-(x @ [0.3, 0.2, -0.4, 0.1])) * rng.weibull(1.2, n))
    last = rng.integers(365, 2_500, n)
    event = reoffends & (day <= last)
    return {"stop": np.where(event, day, last), "event": event, **_named(x)}


def resampled(rng: np.random.Generator, replicates: int) -> Columns:
    """2,000 people as `right_censored`, and whom each replicate draws (as `desistance` does)."""
    people = 2_000
    drawn = draws(replicates, people).ravel()
    every = np.full(people, replicates)
    return {**right_censored(rng, people), "replicates": every, "drawn": drawn}


def draws(replicates: int, people: int) -> NDArray[np.int64]:
    """Whom each replicate draws, shape (replicates, people)."""
    streams = (np.random.SeedSequence(SEED, spawn_key=(b,)) for b in range(replicates))
    return np.array([np.random.default_rng(one).integers(0, people, people) for one in streams])


def pairs(rng: np.random.Generator, n: int) -> Columns:
    """As `right_censored`, every two rows a stratum of their own, as after matching."""
    return {**right_censored(rng, n), "strata": np.arange(n) // 2}


def _terms(rng: np.random.Generator, n: int, p: int) -> Floats:
    x = rng.standard_normal((n, p))
    x[:, ::3] = x[:, ::3] > 0
    return x


def _times(rng: np.random.Generator, x: Floats, typical: float) -> Floats:
    """Exponential times whose log hazards rise by -0.3 to 0.3 a term."""
    slopes = np.linspace(-0.3, 0.3, x.shape[1])
    return np.maximum(rng.exponential(typical, len(x)) * np.exp(-x @ slopes), 1e-6)


def _named(x: Floats) -> Columns:
    return {f"x{j:02d}": x[:, j] for j in range(x.shape[1])}


def histories(rng: np.random.Generator, n: int) -> Columns:
    """`n` people with an index day, 10 offences (some serious) and 2 spells in custody each.

    Offences come in no order; the spells of a person may overlap. Days count from 1900.
    """
    whose = rng.permutation(np.repeat(np.arange(n), 10))
    inside = np.repeat(np.arange(n), 2)
    went_in = rng.integers(FIRST, LAST, len(inside))
    return {
        "index_day": rng.integers(43_500, 44_500, n),
        "offence_person": whose,
        "offence_day": rng.integers(FIRST, LAST, len(whose)),
        "serious": rng.random(len(whose)) < 0.3,
        "custody_person": inside,
        "in_day": went_in,
        "out_day": went_in + rng.integers(1, 200, len(inside)),
    }


def confounded(rng: np.random.Generator, n: int) -> Columns:
    """Ten terms, on which it depends who is exposed: about a quarter are."""
    x = _terms(rng, n, 10)
    odds = np.exp(x @ np.linspace(-0.3, 0.3, 10) - 1.2)
    return {"exposed": rng.random(n) < odds / (1 + odds), **_named(x)}


RECIPES: dict[str, Callable[[np.random.Generator, int], Columns]] = {
    "right_censored": right_censored,
    "thirty_terms": lambda rng, n: right_censored(rng, n, 30),
    "start_stop": start_stop,
    "weighted_strata": weighted_strata,
    "continuous": continuous,
    "two_cohorts": two_cohorts,
    "competing": competing,
    "repeated": repeated,
    "split_population": split_population,
    "resampled": resampled,
    "pairs": pairs,
    "histories": histories,
    "confounded": confounded,
}
