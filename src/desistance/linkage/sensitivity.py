"""What uncertain links do to an estimate: again at several thresholds, and again in many draws.

A threshold shows what would have been found by taking the likelier links for certain. The draws
show what not knowing them costs: each keeps every link with its own probability, and the estimates
are put together by Rubin's rules (see `rubin`), as if the draws were copies.

Without standard errors there is no variance within a draw: then the standard error is of the links
alone, and the row says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE, Result, text_table
from desistance.rubin import put_together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.linkage.links import Links

THRESHOLDS = (0.5, 0.7, 0.9, 0.95, 0.99)
POOLED = "draws of links"
LINKS_ALONE = "error of the links alone: the estimate came without one"
FRAME = ["group", "term", "n", "estimate", "std_error", "conf_low", "conf_high", "note"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinkSensitivity(Result):
    """An estimate under other links.

    Attributes
    ----------
    table : DataFrame
        By group (a threshold, or the draws) and term: n links kept (in the draws, their rounded
        mean), estimate, std_error, conf_low, conf_high, note.
    draws : DataFrame, shape (draws, terms)
        The estimates of each draw.
    share_of_links : Series, by term
        Share of the variance that is due to not knowing the links; 1 without standard errors.
    n_records, n_pairs, seed, level
        Records, pairs among them, seed of the draws, level of the intervals.
    caveats : tuple of str
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    share_of_links: pd.Series
    n_records: int
    n_pairs: int
    seed: int | None
    level: float
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per threshold and term, then one per term for the draws."""
        return self.table.copy()

    def summary(self) -> str:
        """Say the estimates, and how much of their error the links make."""
        seed = "a generator" if self.seed is None else f"seed {self.seed}"
        parts = [
            f"Estimates under uncertain links: {self.n_pairs:,} pairs among {self.n_records:,} "
            f"records, {len(self.draws):,} draws ({seed}), {self.level:.0%} intervals.",
            "",
            text_table(self.table),
            "",
        ]
        parts += [
            f"{term}: {share:.0%} of the variance is due to not knowing the links."
            if np.isfinite(share)
            else f"{term}: {NOT_ESTIMABLE}."
            for term, share in self.share_of_links.items()
        ]
        return "\n".join([*parts, *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each estimate with its interval, thresholds first, the draws last."""
        ax = ax or plt.subplots(figsize=(6, 4))[1]
        groups = list(dict.fromkeys(self.table["group"]))
        terms = list(self.draws.columns)
        for place, term in enumerate(terms):
            rows = self.table[self.table["term"] == term]
            x = np.arange(len(rows)) + (place - (len(terms) - 1) / 2) * 0.15
            y = rows["estimate"].to_numpy()
            ends = rows[["conf_low", "conf_high"]].to_numpy()
            size = np.nan_to_num(np.abs(ends - y[:, None]).T)
            ax.errorbar(x, y, yerr=size, fmt="o", capsize=3, label=str(term))
        ax.set_xticks(range(len(groups)), groups)
        ax.set(xlabel="Links taken for certain, and draws of links", ylabel="Estimate")
        if len(terms) > 1:
            ax.legend(frameon=False)
        return ax


def link_sensitivity(
    links: Links,
    estimate: Callable[[pd.DataFrame], Any],
    *,
    rng: int | np.random.Generator,
    thresholds: Sequence[float] = THRESHOLDS,
    draws: int = 50,
    level: float = 0.95,
) -> LinkSensitivity:
    """Estimate again under other links, and count the links in the error.

    Parameters
    ----------
    links
        From `link_tables`, or made elsewhere.
    estimate
        Called with a frame of table, record_id and person, one row a record; gives a number, a
        pair (estimate, standard error), or a result or frame with the columns term and estimate
        and, if known, std_error. Estimates should be on a scale on which they are about normal:
        a hazard ratio as its logarithm.
    rng
        Seed, or generator, of the draws.
    thresholds
        A link at least this probable is taken for certain.
    draws
        Sets of links drawn, two or more.
    level
        Of the intervals.

    Returns
    -------
    LinkSensitivity

    Raises
    ------
    ModelError
        If the arguments cannot be meant, or `estimate` gives different terms for different links.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Goldstein, Harron, Wade (2012),
    The analysis of record-linked data using multiple imputation, Statistics in Medicine 31.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance import link_sensitivity
    >>> from desistance.linkage import Links
    >>> records = pd.DataFrame({"table": ["police"] * 3 + ["housing"] * 2,
    ...                         "record_id": ["1", "2", "3", "1", "2"]})
    >>> pairs = pd.DataFrame({"table_a": "police", "record_a": ["1", "2"], "table_b": "housing",
    ...                       "record_b": ["1", "2"], "probability": [0.99, 0.6]})
    >>> def n_people(people):
    ...     return people["person"].nunique()
    >>> found = link_sensitivity(Links(records, pairs), n_people, rng=1, thresholds=(0.5, 0.9))
    >>> found.to_frame()[["group", "n", "estimate"]].round(2).values.tolist()[:2]
    [['at 0.5', 2, 3.0], ['at 0.9', 1, 4.0]]
    """
    _check(thresholds, draws, level)
    generator = np.random.default_rng(rng)
    seed = rng if isinstance(rng, int) else None
    told = [(f"at {threshold:g}", links.at(threshold)) for threshold in sorted(thresholds)]
    fixed = [(group, kept, _told(estimate, links.people(kept))) for group, kept in told]
    sets = [links.drawn(generator) for _ in range(draws)]
    drawn = [_told(estimate, links.people(kept)) for kept in sets]
    terms = [list(frame.index) for frame in (*(frame for *_, frame in fixed), *drawn)]
    if any(names != terms[0] for names in terms):
        raise ModelError("`estimate` must give the same terms whatever the links.")
    values = np.array([frame["estimate"] for frame in drawn], float)
    errors = np.array([frame["std_error"] for frame in drawn], float)
    z = stats.norm.ppf(0.5 + level / 2)
    rows = [_row_of_threshold(group, kept, frame, z) for group, kept, frame in fixed]
    pooled, share = _pooled(values, errors, level)
    pooled = pooled.assign(
        group=POOLED, term=terms[0], n=round(np.mean([kept.sum() for kept in sets]))
    )
    caveats = (
        "Links are drawn independently of each other, as the model scored them: pairs that no "
        "block tried, and a model that does not fit, are not in the error.",
    )
    return LinkSensitivity(
        pd.concat([*rows, pooled[FRAME]], ignore_index=True),
        pd.DataFrame(values, columns=terms[0]),
        pd.Series(share, index=terms[0]),
        len(links.records),
        len(links.pairs),
        seed,
        level,
        caveats,
    )


def _check(thresholds: Sequence[float], draws: int, level: float) -> None:
    if not all(0 <= threshold <= 1 for threshold in thresholds):
        raise ModelError("A threshold is a probability, from 0 to 1.")
    if draws < 2 or not 0 < level < 1:
        raise ModelError("Two draws or more are needed, and a level between 0 and 1.")


def _told(estimate: Callable[[pd.DataFrame], Any], people: pd.DataFrame) -> pd.DataFrame:
    """Give what an estimate said as a frame of estimate and std_error by term."""
    found = estimate(people)
    if isinstance(found, Result):
        found = found.to_frame()
    if isinstance(found, pd.DataFrame):
        if not {"term", "estimate"} <= set(found.columns):
            raise ModelError("A frame from `estimate` has the columns term and estimate.")
        frame = found.set_index("term").reindex(columns=["estimate", "std_error"])
    else:
        value, error = found if isinstance(found, tuple) else (found, np.nan)
        frame = pd.DataFrame({"estimate": [value], "std_error": [error]}, index=["estimate"])
    if frame.index.has_duplicates:
        raise ModelError("`estimate` gives a term twice: name each row of its frame once.")
    return frame.astype(float)


def _row_of_threshold(
    group: str, kept: NDArray[np.bool_], frame: pd.DataFrame, z: float
) -> pd.DataFrame:
    value, error = frame["estimate"].to_numpy(), frame["std_error"].to_numpy()
    gone = ~np.isfinite(value)
    note = np.where(gone, f"{NOT_ESTIMABLE}: the estimate gave no number", "")
    return pd.DataFrame(
        {
            "group": group,
            "term": frame.index,
            "n": int(kept.sum()),
            "estimate": np.where(gone, np.nan, value),
            "std_error": np.where(gone, np.nan, error),
            "conf_low": np.where(gone, np.nan, value - z * error),
            "conf_high": np.where(gone, np.nan, value + z * error),
            "note": note,
        }
    )


def _pooled(
    values: NDArray[np.float64], errors: NDArray[np.float64], level: float
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Put draws together by Rubin's rules; arrays of shape (draws, terms)."""
    m = len(values)
    failed = (~np.isfinite(values)).sum(axis=0)
    alone: NDArray[np.bool_] = np.asarray(~np.isfinite(errors).all(axis=0))
    together = put_together(values, np.where(alone, 0.0, errors) ** 2)
    variance = together.variance
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1 - np.where(variance > 0, together.within / variance, np.where(alone, 0.0, 1.0))
    low, high = together.interval(level)
    gone = [f"{NOT_ESTIMABLE}: {k} of {m} draws gave no number" if k else "" for k in failed]
    notes = [why or (LINKS_ALONE if one else "") for why, one in zip(gone, alone, strict=True)]
    bad = failed > 0
    columns = {
        "estimate": together.estimate,
        "std_error": np.sqrt(variance),
        "conf_low": low,
        "conf_high": high,
    }
    frame = pd.DataFrame({name: np.where(bad, np.nan, column) for name, column in columns.items()})
    return frame.assign(note=notes), np.where(bad, np.nan, share)
