"""Clean rows, and ways to spoil them; what an `Input` says of rows spoilt so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.estimators import TERMS

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[pd.DataFrame], pd.DataFrame]

CANARY = "SMITH99"
N = 80
ANY = frozenset()


def clean() -> pd.DataFrame:
    """Make 80 people, 52 of whom reoffend, most within a year, and the others never."""
    rng = np.random.default_rng(2_080)
    event = rng.permutation(N) < 52
    arm, age = rng.integers(0, 2, N), rng.integers(18, 60, N).astype(float)
    scale = 150 * np.exp(-0.3 * arm + 0.01 * (age - 40))
    day = np.where(event, np.ceil(rng.weibull(1.3, N) * scale), rng.integers(900, 1100, N))
    return pd.DataFrame(
        {
            "pid": [f"{CANARY}-{number:02d}" for number in range(N)],
            "day": day.astype(int),
            "event": event.astype(int),
            "arm": arm,
            "age": age,
            "area": rng.choice(["a", "b"], N),
            "kind": rng.choice(["theft", "violence"], N),
        }
    )


def put(column: str, value: object, rows: tuple[int, ...] = (3,), dtype: object = None) -> Spoil:
    """Change some rows of a column, having turned it into `dtype`."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        spoilt = frame[column].astype(dtype or frame[column].dtype)
        spoilt[list(rows)] = value
        return frame.assign(**{column: spoilt})

    return spoil


def whole(column: str, make: Callable[[pd.DataFrame], object]) -> Spoil:
    """Change a whole column."""
    return lambda frame: frame.assign(**{column: make(frame)})


def same(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave the rows as they are."""
    return frame


@dataclass(frozen=True)
class Input:
    """One spoilt frame, and what is right to answer.

    Attributes
    ----------
    terms, like_terms : what is fitted to the spoilt rows, and to those that mean the same
    factor : what the estimate of a term is multiplied by in the spoilt rows
    needs : traits of which an estimator must have one
    without : traits that keep an estimator out, each with the reason
    days : how much longer a day of the rows that mean the same is
    only : terms that are compared; all when empty
    """

    number: int
    what: str
    spoil: Spoil
    error: str = "^$"
    like: Spoil | None = None
    says: str = ""
    cell: str = ""
    terms: tuple[str, ...] = TERMS
    like_terms: tuple[str, ...] = TERMS
    factor: dict[str, float] = field(default_factory=dict)
    needs: frozenset[str] = ANY
    without: dict[str, str] = field(default_factory=dict)
    days: int = 1
    only: tuple[str, ...] = ()


def has(*traits: str) -> frozenset[str]:
    """Name traits."""
    return frozenset(traits)


def cut(frame: pd.DataFrame) -> pd.DataFrame:
    """Cut every row in two, on days of its own."""
    whole = frame.assign(start=0, person=frame.pid)
    at = 1 + (7 * np.arange(len(frame))) % np.maximum(frame.day - 1, 1)
    longer = frame.day > 1
    first = whole.assign(day=at, event=0)[longer]
    return pd.concat([first, whole.assign(start=np.where(longer, at, 0))], ignore_index=True)


def of_arm(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame.arm == 1].reset_index(drop=True)


def nobody_in_arm_reoffends(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(event=frame.event.where(frame.arm == 1, 0))


def one_event(frame: pd.DataFrame) -> pd.DataFrame:
    among = frame[(frame.arm == 1) & (frame.event == 1)]
    only = (among.age - 40).abs().idxmin()
    return frame.assign(event=(frame.index == only).astype(int))


def late(frame: pd.DataFrame) -> pd.DataFrame:
    """Let every third person come on somebody's day of reoffending."""
    days = np.sort(frame.day[frame.event == 1].to_numpy())
    before = days[np.maximum(np.searchsorted(days, frame.day) - 5, 0)]
    comes_late = (frame.index % 3 == 0) & (before < frame.day) & (before < 60)
    return frame.assign(start=np.where(comes_late, before, 0))


def late_between(frame: pd.DataFrame) -> pd.DataFrame:
    """The same risk sets without entries on days of reoffending."""
    tied = late(frame)
    return tied.assign(start=np.where(tied.start > 0, 2 * tied.start + 1, 0), day=2 * tied.day)


def tiny_weight(frame: pd.DataFrame) -> pd.DataFrame:
    first = frame.index == frame.index[frame.event == 0][0]
    return frame.assign(weight=np.where(first, 1e-300, 1.0))


def without_tiny(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=frame.index[frame.event == 0][0]).assign(weight=1.0)


def many_terms(frame: pd.DataFrame) -> pd.DataFrame:
    noise = np.random.default_rng(42).normal(size=(12, 15))
    return frame.head(12).assign(**{f"x{j}": noise[:, j] for j in range(15)})


def spoilt_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Two series of one frame, one of them sorted, put side by side again."""
    day = frame.day.sort_values()
    return pd.DataFrame({"day": day, "event": frame.event}).join(
        frame.drop(columns=["day", "event"])
    )


def unequal(frame: pd.DataFrame) -> pd.DataFrame:
    parts = {"day": frame.day.head(N - 5), **{c: frame[c] for c in frame.columns.drop("day")}}
    return pd.DataFrame(parts)


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(pid=frame.pid + "-again")], ignore_index=True)


def one_in_arm(frame: pd.DataFrame) -> pd.DataFrame:
    first = frame.index[(frame.event == 1)][10]
    return frame.assign(arm=(frame.index == first).astype(int))


def gap(frame: pd.DataFrame) -> pd.DataFrame:
    later = frame.head(5).assign(start=frame.day - 1, day=frame.day + 30)
    return pd.concat([frame.assign(start=0), later], ignore_index=True).assign(
        person=lambda f: f.pid
    )


def after_event(frame: pd.DataFrame) -> pd.DataFrame:
    some = frame[frame.event == 1].head(5)
    later = some.assign(start=some.day, day=some.day + 30, event=0)
    return pd.concat([frame.assign(start=0), later], ignore_index=True).assign(
        person=lambda f: f.pid
    )


def dummies(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{"tier[high]": frame.age > 45, "tier[low]": frame.age < 30})


def tiers(frame: pd.DataFrame) -> pd.DataFrame:
    tier = np.select([frame.age > 45, frame.age < 30], ["high", "low"], "even")
    return frame.assign(tier=tier)
