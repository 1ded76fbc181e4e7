"""Terms as a design for Newton, and coefficients back in the terms' own units.

Inside, a covariate is centred and per standard deviation, with a one before it; outside,
coefficients are per unit and the intercept is where every covariate is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from desistance.results import NOT_ESTIMABLE
from desistance.survival.newton import find_aliases
from desistance.survival.reasons import told_alias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.survival.terms import Term
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]

INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """An intercept and p covariates of n rows, of which k are not aliased.

    Attributes
    ----------
    names : 1 + p of them, the intercept first
    notes : for each name, why it is not estimable, or empty
    plain : float64 array, shape (1 + p, n)
        One, and the covariates as they are.
    matrix : float64 array, shape (1 + k, n)
        One, and the covariates that are kept, centred and per standard deviation.
    back : float64 array, shape (1 + p, 1 + k)
        Turns coefficients of `matrix` into those of `plain`; 0 for what is aliased.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    plain: Floats
    matrix: Floats
    back: Floats


def single(name: str, n: int) -> Design:
    """A design of nothing but one coefficient, the same for all n rows."""
    one = np.ones((1, n))
    return Design((name,), ("",), one, one, np.ones((1, 1)))


def design(times: TimeToEvent, terms: Sequence[Term], weight: Floats) -> Design:
    """Make the design of `terms`; `weight` (n,) has mean 1."""
    columns = [x for term in terms for x in term.values(times.columns)]
    plain = np.vstack([np.ones(times.n), *columns])
    centre = plain @ weight / max(times.n, 1)
    off = plain - centre[:, None]
    scale = np.sqrt(off**2 @ weight / max(times.n, 1))
    flat = scale <= 1e-12 * np.abs(centre)
    scale[flat] = 1.0
    off[flat] = 0.0
    scaled = off / scale[:, None]
    aliased = find_aliases((weight * scaled) @ scaled.T, float(times.n))
    kept = [0, *(j for j in range(1, len(plain)) if j not in aliased)]
    matrix, back = scaled[kept], np.zeros((len(plain), len(kept)))
    matrix[0] = 1.0
    back[kept, range(len(kept))] = 1 / scale[kept]
    back[0, 1:] = -centre[kept[1:]] / scale[kept[1:]]
    names = (INTERCEPT, *(name for term in terms for name in term.names))
    told = {j: told_alias(names, others) or "constant" for j, others in aliased.items() if j}
    notes = tuple(f"{NOT_ESTIMABLE}: {told[j]}" if j in told else "" for j in range(len(names)))
    return Design(names, notes, plain, matrix, back)
