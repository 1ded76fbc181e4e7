"""Finished replicates on disk, so that a run that was stopped goes on where it was.

One ``.npz`` file holds the blocks that are finished and a fingerprint of what they are of: the
rows, the estimate, what is drawn, the seed. Replicates of anything else are refused. The
file holds estimates only, nothing of any person.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from desistance.errors import ModelError, OutputError

if TYPE_CHECKING:
    from desistance.survival.resampling.draws import Units
    from desistance.survival.resampling.replicators import Found, Replicator
    from desistance.timetoevent import TimeToEvent


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The blocks finished so far, by number; written to `path` unless that is None."""

    path: Path | None
    fingerprint: str
    blocks: dict[int, Found]

    def add(self, number: int, found: Found) -> None:
        """Keep one more block; the file is whole at every moment."""
        self.blocks[number] = found
        if self.path is None:
            return
        whys = {
            replicate: why for _, some in self.blocks.values() for replicate, why in some.items()
        }
        unfinished = self.path.with_name(self.path.name + ".unfinished")
        try:
            with unfinished.open("wb") as file:
                np.savez(
                    file,
                    fingerprint=np.array(self.fingerprint),
                    numbers=np.array(list(self.blocks)),
                    values=np.array([values for values, _ in self.blocks.values()]),
                    lacking=np.array(list(whys), dtype=np.int64),
                    whys=np.array(list(whys.values()), dtype=str),
                )
            os.replace(unfinished, self.path)
        except OSError as error:
            raise OutputError(f"`keep` cannot be written: {error.strerror}.") from error


def kept_in(path: str | Path | None, fingerprint: str) -> Kept:
    """Open a file of finished replicates, or begin one."""
    kept = Kept(None if path is None else Path(path), fingerprint, {})
    if kept.path is None or not kept.path.exists():
        return kept
    try:
        with np.load(kept.path, allow_pickle=False) as file:
            theirs = str(file["fingerprint"])
            numbers, values = file["numbers"].tolist(), file["values"]
            whys = dict(zip(file["lacking"].tolist(), file["whys"].tolist(), strict=True))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(
            "`keep` names a file that holds no replicates of a bootstrap: give it another name."
        ) from error
    if theirs != fingerprint:
        raise ModelError(
            "`keep` names a file with replicates of other rows, of another estimate, of other "
            "units or of another seed: give it another name, or delete it."
        )
    for number, block in zip(numbers, values, strict=True):
        mine = range(number * len(block), (number + 1) * len(block))
        kept.blocks[number] = (block, {b: why for b, why in whys.items() if b in mine})
    return kept


def fingerprint(times: TimeToEvent, units: Units, what: Replicator) -> str:
    """Tell one bootstrap from another: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    digest.update(repr((units.name, units.seed, what.label, what.names, what.together)).encode())
    digest.update(" ".join(f"{value:.9g}" for value in what.estimate).encode())
    for part in (times.start, times.stop, times.event, times.person, times.strata, times.cause,
                 times.weight, units.code):  # fmt: skip
        digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
    digest.update(pd.util.hash_pandas_object(times.columns, index=False).to_numpy().tobytes())
    return digest.hexdigest()
