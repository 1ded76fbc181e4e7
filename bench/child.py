"""One measurement, in a process of its own: `python -m bench.child PEER JOB FOLDER [once]`.

Prints JSON: what was found (`answer`), CPU and wall seconds of making the input (`door`) and of the
fit, peaks of memory in bytes, or `missing` and why. `peers/r.R` does the same for R. The first
call of each is not counted, unless it takes so long (`SLOW`) that a second tells nothing new.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from bench.data import columns

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_ENOUGH = 0.3  # CPU seconds over which a short call is repeated
SLOW = 30.0


def measure(peer: str, job: str, folder: Path, *, once: bool) -> dict[str, Any]:
    """Fit `job` by `peer` to the columns in `folder`, and say what it took."""
    try:
        module = import_module(f"bench.peers.{peer}")
    except ImportError as error:
        return {"missing": str(error)}
    held = columns(folder)
    size = sum(values.nbytes for values in held.values())
    held = module.read(held)
    make: Callable[[Any], Callable[[], Any]] = getattr(module, job)
    found: dict[str, Any] = {"version": version(module.PACKAGE), "input_bytes": size}
    if once:
        return found | {"answer": make(held)()}
    began = process_time()
    found |= _with_memory(make, held)
    if process_time() - began <= SLOW:
        found |= _with_memory(make, held)
        fit = make(held)
        found["door"] = _timed(lambda: make(held))
        found["fit"] = _timed(fit)
    return found


def _with_memory(make: Callable[[Any], Callable[[], Any]], held: Any) -> dict[str, Any]:
    """One call of each, their times and peaks of memory."""
    before = _settled()
    door, fit = _once(lambda: make(held))
    door_peak, between = _peak(), _settled()
    took, answer = _once(fit)
    return {
        "answer": answer,
        "door": door,
        "fit": took,
        "door_bytes": _above(door_peak, before),
        "fit_bytes": _above(_peak(), between),
    }


def _once(action: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    cpu, wall = process_time(), perf_counter()
    done = action()
    return (process_time() - cpu, perf_counter() - wall), done


def _timed(action: Callable[[], Any]) -> tuple[float, float]:
    """CPU and wall seconds of one call, the mean over enough of them to be told."""
    cpu, wall, calls = process_time(), perf_counter(), 0
    while calls == 0 or process_time() - cpu < LONG_ENOUGH:
        action()
        calls += 1
    return (process_time() - cpu) / calls, (perf_counter() - wall) / calls


def _settled() -> int | None:
    """Give freed memory back, begin a new peak, and say what is held (Linux only)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _peak()
    return None


def _peak() -> int | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return None


def _above(peak: int | None, before: int | None) -> int | None:
    return None if peak is None or before is None else max(0, peak - before)


if __name__ == "__main__":
    peer, job, folder = sys.argv[1:4]
    print(json.dumps(measure(peer, job, Path(folder), once=sys.argv[4:] == ["once"])))
