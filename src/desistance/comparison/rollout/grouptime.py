"""The effect on each go-live group in each month, and what it comes to on average.

For areas that went live in month g, the effect in month t is

    ATT(g, t) = mean of (Y_t - Y_base) over them - the same over areas not live

where base is the mean of the last `base_months` months before go-live (and before `anticipation`
months of it); of one month for Callaway and Sant'Anna, of more where counts are small, as the noise
of the base is in every effect. Areas not live are those not live by the later of t and base
("not-yet"), or never ("never"). Months before the base show whether the groups moved alike before;
they are no effects.

Averages weigh areas, not months: over areas live for e months, over areas live in month t, and over
all of them, each by its mean over its live months. The go-live months are taken as given.

The variance adds up, for each area, what it brought as a live area and what it brought as one of
those compared, and squares. As a live area it is measured from its go-live group's mean, or, where
a group is one area, from the mean of all: then the variance holds how effects differ between groups
too, and is too wide rather than too narrow. Each is divided by the root of 1 - its share, so that
one group and two months give Welch's standard error; degrees of freedom are Welch's.

References
----------
Callaway and Sant'Anna (2021), Journal of Econometrics 225(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

NEVER, NOT_YET = "never", "not-yet"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """K go-live groups, n areas, T months; any number of leading axes where outcomes have them.

    Attributes
    ----------
    groups : int64 array, shape (K,)
        Place of the first live month.
    att : float64 array, shape (K, T)
        NaN where nobody is compared, or seen.
    live, compared : float64 arrays, shape (K, n, T)
        Share of each area in the means; 0 elsewhere.
    change : float64 array, shape (K, n, T)
        Outcome less that of the base, 0 where not seen.
    size : float64 array, shape (K,)
        Weight of the group's areas.
    """

    groups: Ints
    att: Floats
    live: Floats
    compared: Floats
    change: Floats
    size: Floats

    def after(self) -> Flags:
        """Say which cells are effects: of live months, with a number. Shape (K, T)."""
        months = np.arange(self.att.shape[-1])
        return (months >= self.groups[:, None]) & np.isfinite(self.att)


def group_time(
    y: Floats, weight: Floats, start: Ints, *, against: str, base_months: int = 1,
    anticipation: int = 0,
) -> Cells:  # fmt: skip
    """Estimate every cell.

    Parameters
    ----------
    y
        Outcomes, shape (..., n, T); NaN where there is none.
    weight
        Of the areas, shape (..., n).
    start
        Place of each area's first live month, shape (n,); T if not live by the last.
    against
        "never" or "not-yet".
    """
    n_months = y.shape[-1]
    groups = np.unique(start[start < n_months])
    months = np.arange(n_months)
    parts = []
    for group in groups:
        base = group - 1 - anticipation
        first = max(base - base_months + 1, 0)
        change = y - _mean(y[..., first : base + 1])
        seen = np.isfinite(change)
        others = np.repeat((start == n_months)[:, None], n_months, axis=1)
        if against == NOT_YET:
            last = np.maximum(months, base) + anticipation
            others |= (start[:, None] > last) & (start != group)[:, None]
        share = weight[..., None] * seen
        parts.append(
            (
                _shares(share * (start == group)[:, None]),
                _shares(share * others),
                np.where(seen, change, 0.0),
            )
        )
    live, compared, change = (np.stack(part, axis=-3) for part in zip(*parts, strict=True))
    att = ((live - compared) * change).sum(axis=-2)
    there = (live.sum(axis=-2) > 0) & (compared.sum(axis=-2) > 0)
    size = np.stack([(weight * (start == group)).sum(axis=-1) for group in groups], axis=-1)
    return Cells(groups, np.where(there, att, np.nan), live, compared, change, size)


def _mean(y: Floats) -> Floats:
    """Average over the months seen; NaN where none is."""
    seen = np.isfinite(y)
    n = seen.sum(axis=-1, keepdims=True)
    total = np.where(seen, y, 0.0).sum(axis=-1, keepdims=True)
    return np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)


def _shares(weight: Floats) -> Floats:
    """Divide by the sum over areas; all 0 where that is."""
    total = weight.sum(axis=-2, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)


def overall(cells: Cells) -> Floats:
    """Average over live months within a group, then over groups by their areas: shape (...)."""
    return (np.where(cells.after(), cells.att, 0.0) * overall_shares(cells)).sum(axis=(-2, -1))


def overall_shares(cells: Cells) -> Floats:
    """Share of each cell in the overall effect, shape (..., K, T)."""
    after = cells.after()
    months = after.sum(axis=-1, keepdims=True)
    size = np.where(months > 0, cells.size[..., None], 0.0)
    total = size.sum(axis=-2, keepdims=True)
    spread = np.divide(size, months, out=np.zeros_like(size), where=months > 0)
    share = np.divide(spread, total, out=np.zeros_like(spread), where=total > 0)
    return np.where(after, share, 0.0)


def shares_by(cells: Cells, label: Ints, wanted: Flags) -> dict[int, Floats]:
    """Share of each cell in the average of each label: by event time, calendar month, group.

    Parameters
    ----------
    label
        Shape (K, T).
    wanted
        Which cells may count, shape (K, T).
    """
    found: dict[int, Floats] = {}
    for value in np.unique(label[wanted]):
        size = np.where(wanted & (label == value), cells.size[:, None], 0.0)
        found[int(value)] = size / size.sum()
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """An average of cells: its estimate, error, degrees of freedom, live and compared areas.

    ``influence`` has what each area brings, shape (n,); all NaN where the error is not known.
    """

    estimate: float
    std_error: float
    df: float
    n_live: int
    n_compared: int
    influence: Floats


def averaged(cells: Cells, share: Floats, start: Ints, *, within: bool) -> Average:
    """Average cells by their shares, shape (K, T), with an error over areas.

    `within` measures live areas from their own group's mean, not from the mean of all.
    """
    other = (cells.compared * cells.change).sum(axis=1, keepdims=True)  # (K, 1, T)
    pull = share[:, None, :] * cells.live
    own = pull.sum(axis=(0, 2))
    brought = (pull * (cells.change - other)).sum(axis=(0, 2))
    live = own > 0
    group = np.where(live, start, -1) if within else np.where(live, 0, -1)
    influence, sets = np.zeros(len(start)), np.unique(group[live])
    with np.errstate(divide="ignore", invalid="ignore"):
        for one in sets:
            mine = group == one
            part = own[mine] / own[mine].sum()
            centred = brought[mine] - part * brought[mine].sum()
            influence[mine] += centred / np.sqrt(np.maximum(1 - part, 0))
        apart = cells.compared * (cells.change - other) / np.sqrt(np.maximum(1 - cells.compared, 0))
        moved = np.where(cells.compared > 0, apart, 0.0)
    moved = np.where(share[:, None, :] > 0, moved, 0.0)
    influence -= (share[:, None, :] * moved).sum(axis=(0, 2))
    compared = (np.where(share[:, None, :] > 0, cells.compared, 0.0) > 0).any(axis=(0, 2)) & ~live
    estimate = float(np.where(share > 0, cells.att * share, 0.0).sum())
    variance = float((influence**2).sum())
    parts, room = [live], [live.sum() - len(sets)]
    if compared.sum() > 1:
        parts, room = [*parts, compared], [*room, compared.sum() - 1]
    else:  # one area that is compared alone has no spread of its own
        parts = [live | compared]
    df = _welch(np.array([(influence[part] ** 2).sum() for part in parts]), np.array(room))
    error = np.sqrt(variance) if np.isfinite(df) else np.nan
    if not np.isfinite(error):
        influence = np.full(len(start), np.nan)
    return Average(estimate, error, df, int(live.sum()), int(compared.sum()), influence)


def _welch(variance: Floats, df: Ints) -> float:
    """Join the degrees of freedom of parts; NaN where there are none, or no variance."""
    if not np.isfinite(variance).all() or (df < 1).any():
        return np.nan
    if variance.sum() == 0:
        return float(df.sum())
    return float(variance.sum() ** 2 / (variance**2 / df).sum())
