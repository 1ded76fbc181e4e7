"""The bootstrap of any estimate, by person."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from desistance.errors import ModelError
from desistance.survival.resampling.draws import units_of
from desistance.survival.resampling.keeping import fingerprint, kept_in
from desistance.survival.resampling.replicates import Bootstrap, caveats_of, counted
from desistance.survival.resampling.replicators import replicator
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from desistance.survival.resampling.keeping import Kept
    from desistance.survival.resampling.replicators import Replicator
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]

LOST = (
    "A worker process ended before its work was done. In a script, what starts workers stands "
    'under `if __name__ == "__main__":`; if it does, memory may have run out: take fewer `workers`.'
)


def bootstrap(
    estimator: Callable[[TimeToEvent], Any],
    times: TimeToEvent | HasTimes,
    *,
    rng: int | np.random.Generator,
    replicates: int = 1000,
    by: str = "person",
    as_weights: bool = False,
    workers: int = 1,
    keep: str | Path | None = None,
) -> Bootstrap:
    """Estimate again on people drawn at random, to see how far an estimate would have varied.

    Parameters
    ----------
    estimator
        ``functools.partial(fit_cox, terms=[...])`` with its options, many fitted at once (one by
        one with exact ties, a penalty, a frailty or effects that change with time); or any
        function of rows of people at risk that gives one of our results (a model's coefficients,
        else its tidy frame), a tidy frame, or a dict of numbers.
    times
        The rows; all rows of a person are drawn together.
    rng
        The seed, or a generator that one is drawn from.
    replicates
        How many; more can be added later, the first stay the same.
    by
        "person", or a column whose groups are drawn whole: areas, matched pairs.
    as_weights
        Give `estimator` somebody drawn twice as one who weighs 2, not as two people: quicker,
        and right where the two are the same to it.
    workers
        Processes to share the work; above 1, `estimator` must be a function, or a `partial` of
        one, that another process can import. Any number gives the same bits.
    keep
        An ``.npz`` file for finished replicates: the same call goes on from it after a stop.

    Raises
    ------
    ModelError
        If there are fewer than two units, a group of `by` holds part of a person, what
        `estimator` gives cannot be read, or `keep` holds replicates of something else. An
        error of this library in a replicate is no error: it is counted, and its reason kept.

    References
    ----------
    Efron and Tibshirani (1993); Davison and Hinkley (1997); for censored data Efron (1981), J.
    Am. Stat. Assoc. 76, 312-319.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.survival import fit_cox
    >>> from desistance.timetoevent import TimeToEvent
    >>> frame = pd.DataFrame({
    ...     "days": [9, 13, 13, 18, 23, 28, 31, 34, 45, 48],
    ...     "reoffended": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1],
    ...     "priors": [5, 2, 4, 6, 1, 1, 3, 2, 0, 1],
    ... })
    >>> times = TimeToEvent.from_frame(frame, stop="days", event="reoffended")
    >>> found = bootstrap(partial(fit_cox, terms=["priors"]), times, replicates=200, rng=1)
    >>> found.to_frame()[["term", "n", "estimate", "std_error"]].round(4)
         term    n  estimate  std_error
    0  priors  199     0.572      0.395
    """
    asked, hands = whole_number(replicates, "replicates", 2), whole_number(workers, "workers", 1)
    if hands > 1:
        _refuse_unimportable(estimator)
    came = as_times(times)
    given = int(rng.integers(2**63)) if isinstance(rng, np.random.Generator) else rng
    seed = whole_number(given, "rng", 0)
    kept, units = units_of(came, by, seed)
    found = estimator(kept)
    what = replicator(estimator, found, kept, units, as_weights=as_weights)
    done = kept_in(keep, fingerprint(kept, units, what) if keep is not None else "")
    values, whys = replicated(what, asked, hands, done)
    n, n_people = counted(found, kept)
    return Bootstrap(
        measure=what.label,
        terms=what.names,
        estimates=what.estimate,
        replicates=values,
        notes=what.notes,
        reasons=whys,
        acceleration=what.acceleration,
        units=by,
        n_units=units.size,
        n=n,
        n_people=n_people,
        n_left_out=came.n - n,
        seed=seed,
        caveats=caveats_of(came, kept, found, by, units.size, values, len(whys)),
    )


def replicated(
    what: Replicator, asked: int, workers: int, done: Kept | None = None
) -> tuple[Floats, dict[int, str]]:
    """Compute what is not `done` of the replicates asked for: (asked, p), and why some lack one."""
    done = kept_in(None, "") if done is None else done
    _finish(what, done, -(-asked // what.together), workers)
    values = np.concatenate([done.blocks[b][0] for b in range(-(-asked // what.together))])[:asked]
    whys = {
        replicate: why
        for _, some in done.blocks.values()
        for replicate, why in some.items()
        if replicate < asked
    }
    return values, dict(sorted(whys.items()))


def _finish(what: Replicator, done: Kept, blocks: int, workers: int) -> None:
    """Compute the blocks that are not done yet."""
    open_blocks = [number for number in range(blocks) if number not in done.blocks]
    if workers == 1 or len(open_blocks) < 2:
        for number in open_blocks:
            done.add(number, what.block(number))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        asked = {pool.submit(what.block, number): number for number in open_blocks}
        try:
            for answer in as_completed(asked):
                done.add(asked[answer], answer.result())
        except BaseException as stopped:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(stopped, BrokenProcessPool):
                raise ModelError(LOST) from None
            raise


def whole_number(value: Any, name: str, least: int) -> int:
    """Refuse what is no whole number of at least `least`."""
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ModelError(f"`{name}` is a whole number of at least {least}.")
    return number


def _refuse_unimportable(estimator: Callable[..., Any]) -> None:
    named = estimator.func if isinstance(estimator, partial) else estimator
    if "<" in getattr(named, "__qualname__", "<"):
        raise ModelError(
            "With `workers` above 1 the estimator must be a function that another process can "
            "import, or a `functools.partial` of one, not one written inside another or a lambda."
        )
