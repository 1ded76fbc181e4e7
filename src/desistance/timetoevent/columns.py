"""Read the columns that rows of people at risk are made of, and say what is wrong with them.

Each takes a frame, the name of a column of n rows and the faults found so far, and adds its own:
how many rows, and which, never their values. What it gives where there is a fault is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = 1e-6  # how far a float may be from a whole unit


def columns_exist(frame: pd.DataFrame, named: dict[str, str | None]) -> None:
    """Refuse names, by role, that are no column or stand for several."""
    faults = []
    for role, name in named.items():
        if name is None:
            continue
        times = list(frame.columns).count(name)
        if times == 0:
            columns = ", ".join(map(repr, frame.columns))
            faults.append(f"`{role}={name!r}` is not a column; there are {columns}")
        elif times > 1:
            faults.append(f"column {name!r} stands {times} times in the frame; keep one")
    if faults:
        raise DataError("; ".join(faults) + ".")


def where(bad: NDArray[np.bool_]) -> str:
    """Say how many rows and the first few row numbers, counted from 0; never their values."""
    rows = np.flatnonzero(bad)
    first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    return f"{len(rows)} row{'s' * (len(rows) != 1)} (row {first})"


def whole(frame: pd.DataFrame, name: str, faults: list[str]) -> NDArray[np.int64]:
    """Read whole numbers from 0 on, int64 (n,)."""
    column = frame[name]
    zeros = np.zeros(len(frame), np.int64)
    if column.dtype.kind in "mM" or column.dtype.kind not in "iuf":
        faults.append(
            f"column {name!r} holds {column.dtype}, not numbers: times are whole days; turn dates "
            "into days since the index date first"
        )
        return zeros
    values = column.to_numpy(dtype=float, na_value=np.nan)
    for kind, bad in {
        "empty": np.isnan(values),
        "infinite": np.isinf(values),
        "negative": values < 0,
        "not a whole number": ~np.isclose(values, np.round(values), rtol=0, atol=WHOLE),
    }.items():
        if bad.any():
            faults.append(f"column {name!r} is {kind} in {where(bad)}")
            return zeros
    return np.round(values).astype(np.int64) if (values < 2**53).all() else zeros + 2**53


def truth(frame: pd.DataFrame, name: str, faults: list[str]) -> NDArray[np.bool_]:
    """Read bools, or 0 and 1, bool (n,)."""
    column = frame[name]
    falses = np.zeros(len(frame), bool)
    missing = column.isna().to_numpy()
    if missing.any():
        faults.append(f"column {name!r} is empty in {where(missing)}; an unknown event is not a 0")
        return falses
    if column.dtype.kind not in "biuf":
        faults.append(
            f"column {name!r} holds {column.dtype}, not bool or 0/1: say which value means the "
            f"event, for example frame[{name!r}] == 'yes'"
        )
        return falses
    values = column.to_numpy(dtype=float)
    other = ~np.isin(values, (0.0, 1.0))
    if other.any():
        faults.append(
            f"column {name!r} is neither 0 nor 1 in {where(other)}; codes are not guessed"
        )
        return falses
    return values.astype(bool)


def codes(
    frame: pd.DataFrame, name: str, faults: list[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give rows the code of their label, int64 (n,), and the labels in order."""
    column = frame[name]
    missing = column.isna().to_numpy()
    if missing.any():
        faults.append(f"column {name!r} is empty in {where(missing)}")
        return np.zeros(len(frame), np.int64), ()
    return _texts(column)


def people_of(frame: pd.DataFrame, name: str, faults: list[str]) -> NDArray[np.int64]:
    """Give rows the code of their person; numbers in their own order, which is faster."""
    if frame[name].dtype.kind not in "iuf" or frame[name].isna().any():
        return codes(frame, name, faults)[0]
    return pd.factorize(frame[name], sort=True)[0].astype(np.int64)


def weights_of(frame: pd.DataFrame, name: str, faults: list[str]) -> NDArray[np.float64]:
    """Read weights above zero, float64 (n,)."""
    if frame[name].dtype.kind not in "iuf":
        faults.append(f"column {name!r} holds {frame[name].dtype}, not weights")
        return np.ones(len(frame))
    values = frame[name].to_numpy(dtype=float, na_value=np.nan, copy=True)
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        faults.append(
            f"column {name!r} is empty, infinite, zero or negative in {where(bad)}; weights are "
            "above zero (leave out rows that weigh nothing)"
        )
        return np.ones(len(frame))
    # A sum over rows must stay a number: what matters is how weights compare with each other.
    if values.size and (values.max() > 1e150 or values.max() < 1e-150):
        faults.append(
            f"column {name!r} is beyond 1e150 or below 1e-150; scale the weights to mean 1"
        )
    return values


def causes_of(
    frame: pd.DataFrame, name: str, events: NDArray[np.bool_], faults: list[str]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Give rows the code of the kind of event, 0 for none, int64 (n,), and the kinds in order."""
    missing = frame[name].isna().to_numpy() & events
    if missing.any():
        faults.append(f"column {name!r} names no cause for the event in {where(missing)}")
        return None, ()
    code, known = _texts(frame.loc[events, name])
    causes = np.zeros(len(frame), np.int64)
    causes[events] = code + 1
    return causes, known


def _texts(column: pd.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give rows the code of their text, in the order of the texts; what reads the same is one."""
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=False) != "string":
        column = column.map(str)  # else 1 and True, which are equal, would be one
    codes, labels = pd.factorize(column)
    texts, place = np.unique(pd.Index(labels).astype(str).to_numpy(object), return_inverse=True)
    return place.astype(np.int64)[codes], tuple(texts)
