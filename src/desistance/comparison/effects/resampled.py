"""The bootstrap of effects: score, match or weigh, and compare again on people drawn at random.

The chance of being exposed is estimated anew on each draw, so limits count that it is estimated,
whatever the method. Somebody drawn twice is two people. Replicate number b is drawn from child b of
the seed: the same whoever computes it. A replicate in which something cannot be estimated is
counted, and its reason kept.

Not for matching to a fixed number of nearest neighbours with replacement: how often a person serves
jumps from draw to draw, and the spread of replicates is not that of the effect (Abadie and Imbens
2008). A caveat says so, and what to use: the errors of `compare_cohorts`, or everybody within a
caliper, strata or weights, which change smoothly.

References
----------
Austin (2016), Statistics in Medicine 35(30); Abadie and Imbens (2008), Econometrica 76(6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance import estimate_propensity, match_cohorts
from desistance.balance.matching import REUSED
from desistance.balance.propensity import label_order
from desistance.comparison.effects.compare import (
    MAIN,
    arms_of,
    laid_out,
    rows_compared,
    rows_followed,
)
from desistance.comparison.effects.contrasts import AGAINST, tidy
from desistance.comparison.effects.followed import OUTCOMES, compared
from desistance.comparison.effects.outcomes import KINDS, listed
from desistance.errors import DesistanceError, ModelError
from desistance.results import NOT_ESTIMABLE, Caveat
from desistance.survival import Bootstrap
from desistance.survival.resampling import replicated, whole_number
from desistance.survival.resampling.draws import Units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from desistance.balance import Balance, Propensity
    from desistance.comparison.effects.outcomes import Outcome
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Found = tuple[Floats, dict[int, str]]

ONE_BY_ONE = 4
FEWEST, MOST_LACKING = 30, 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """From people to effects, by the choices of an evaluation."""

    exposed: str | None
    terms: tuple[str, ...]
    method: str
    balance: Callable[[Propensity], Balance]
    outcomes: tuple[str | Outcome, ...]
    offence_sets: tuple[str, ...]
    until_joining: bool

    def balanced(self, people: FollowUp | pd.DataFrame) -> Balance:
        """Score and balance."""
        scored = estimate_propensity(
            people,
            exposed=self.exposed,
            terms=self.terms,
            method=self.method,  # type: ignore[arg-type]
        )
        return self.balance(scored)

    def effects(self, people: FollowUp | pd.DataFrame, balanced: Balance) -> dict[str, float]:
        """Compare: the effects by name, NaN where not estimable."""
        if isinstance(people, pd.DataFrame):
            frame = tidy(rows_compared(arms_of(people, balanced), self.outcomes))
        else:
            own = compared(
                people, balanced, until_joining=self.until_joining, by="person", confidence=0.95
            )
            frame = laid_out(rows_followed(own, self.outcomes, self.offence_sets))
        frame = frame[frame["group"] == AGAINST]
        names = frame["outcome"]
        if self.offence_sets:
            names = names + ", " + frame["offence_set"]
        return dict(zip(names, frame["estimate"].astype(float), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class EffectsReplicator:
    """The pipeline on people drawn at random; see `survival.resampling.replicators.Replicator`."""

    people: FollowUp | pd.DataFrame
    units: Units
    pipeline: Pipeline
    names: tuple[str, ...]
    estimate: Floats
    notes: tuple[str, ...]
    label: str = "effect"
    acceleration: None = None
    together: int = ONE_BY_ONE

    def block(self, number: int) -> Found:
        """Estimate on the replicates of a block."""
        first = number * self.together
        values, whys = np.full((self.together, len(self.names)), np.nan), {}
        for b in range(self.together):
            people = _drawn(self.people, self.units.drawn(first + b))
            try:
                found = self.pipeline.effects(people, self.pipeline.balanced(people))
            except DesistanceError as error:
                whys[first + b] = str(error).splitlines()[0]
                continue
            values[b] = [found.get(name, np.nan) for name in self.names]
            if (np.isnan(values[b]) & ~np.isnan(self.estimate)).any():
                whys[first + b] = "an effect is not estimable"
        return values, whys


def _drawn(people: FollowUp | pd.DataFrame, count: Ints) -> FollowUp | pd.DataFrame:
    """Write each row out as often as it was drawn."""
    place = np.repeat(np.arange(len(count)), count)
    if isinstance(people, pd.DataFrame):
        return people.iloc[place].reset_index(drop=True)
    return people.drawn(place)


def bootstrap_effects(
    people: FollowUp | pd.DataFrame,
    *,
    terms: Sequence[str],
    rng: int,
    exposed: str | None = None,
    method: str = "logistic",
    balance: Callable[[Propensity], Balance] = match_cohorts,
    outcomes: Sequence[str] | Sequence[Outcome] = MAIN,
    offence_sets: Sequence[str] = (),
    until_joining: bool = False,
    by: str | None = None,
    replicates: int = 500,
    workers: int = 1,
) -> Bootstrap:
    """See how far effects would have varied with other people, the score estimated anew each time.

    Parameters
    ----------
    people
        A follow-up, or a frame with a row a person.
    terms, exposed, method
        As of `estimate_propensity`.
    rng
        The seed.
    balance
        What makes the cohorts alike: `match_cohorts`, `weigh_cohorts`, or a ``functools.partial``
        of one with its choices.
    outcomes, offence_sets, until_joining
        As of `compare_cohorts`.
    by
        Of a frame: a column whose groups are drawn whole (areas, people with several rows).
    replicates
        How many; more can be added later, the first stay the same.
    workers
        Processes to share the work; any number gives the same bits.

    Returns
    -------
    Bootstrap
        A term for each effect, as `compare_cohorts` gives it: ratios are ratios, and `std_error` is
        of the ratio itself.

    Raises
    ------
    ModelError
        If the effects cannot be estimated on everybody. In a replicate that is no error: it is
        counted, and its reason kept.

    References
    ----------
    See `desistance.comparison.effects.resampled`.

    Examples
    --------
    >>> from functools import partial
    >>> from desistance import Mean, weigh_cohorts
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"age": rng.integers(18, 50, 80)})
    >>> frame["joined"] = rng.random(80) < frame.age / 70
    >>> frame["harm"] = rng.poisson(9 - frame.age / 10)
    >>> found = bootstrap_effects(
    ...     frame, exposed="joined", terms=["age"], outcomes=[Mean("harm")], rng=1, replicates=40,
    ...     balance=partial(weigh_cohorts, method="overlap"),
    ... )
    >>> found.to_frame()["term"].tolist()
    ['difference in mean harm']
    """
    asked = whole_number(replicates, "replicates", 2)
    hands, seed = whole_number(workers, "workers", 1), whole_number(rng, "rng", 0)
    if isinstance(people, pd.DataFrame):
        people = people.iloc[
            label_order(people.index)
        ]  # so that who is drawn is no matter of order
        n, code = len(people), np.arange(len(people))
        if by is not None:
            if by not in people or people[by].isna().any():
                raise ModelError(f"`by={by!r}` is not a column without empty cells.")
            code = pd.factorize(people[by], sort=True)[0]
    elif by is not None:
        raise ModelError("`by` is for a frame; of a follow-up people are drawn.")
    else:
        n, code = len(people.people), np.arange(len(people.people))
    if code.max(initial=-1) < 1:
        raise ModelError("A bootstrap takes two people to draw from, or two groups, at least.")
    units = Units(by or "person", code.astype(np.int64), int(code.max(initial=-1)) + 1, seed)
    kinds = KINDS if isinstance(people, pd.DataFrame) else tuple(OUTCOMES)
    pipeline = Pipeline(
        exposed,
        tuple(terms),
        method,
        balance,
        tuple(listed(outcomes, kinds)),
        tuple(offence_sets),
        until_joining,
    )
    balanced = pipeline.balanced(people)
    effects = pipeline.effects(people, balanced)
    estimate = np.array(list(effects.values()), dtype=float)
    notes = tuple(np.where(np.isnan(estimate), f"{NOT_ESTIMABLE}: see the effects", "").tolist())
    what = EffectsReplicator(people, units, pipeline, tuple(effects), estimate, notes)
    values, whys = replicated(what, asked, hands)
    return Bootstrap(
        measure=what.label, terms=what.names, estimates=estimate, replicates=values, notes=notes,
        reasons=whys, acceleration=None, units=units.name, n_units=units.size, n=n, n_people=n,
        n_left_out=0, seed=seed, caveats=tuple(_caveats(balanced, units, asked, len(whys))),
    )  # fmt: skip


def _caveats(balanced: Balance, units: Units, asked: int, lacking: int) -> list[str]:
    said: list[str] = ["The chance of being exposed is estimated anew on each replicate."]
    if REUSED in balanced.method:
        said.append(
            f"The bootstrap is not valid for {balanced.method} (Abadie and Imbens 2008): read the "
            "errors of `compare_cohorts`, or bootstrap everybody within a caliper "
            "(`ratio=None`), or weights."
        )
    if units.size < FEWEST:
        said.append(
            Caveat(
                f"Only {{units}} to draw from: below {FEWEST}, limits from a bootstrap are too "
                "narrow.",
                units=units.size,
            )
        )
    if lacking > MOST_LACKING * asked:
        said.append(
            f"{lacking} of {asked} replicates lack an effect: the limits say less than their "
            "confidence; see `reasons`."
        )
    return said
