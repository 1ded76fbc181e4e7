"""How many groups: by BIC, or by how well people left out are foretold.

Cross-validation divides the people, never a person's periods, into folds. Each fold is left out in
turn, the model fitted to the others, and the log-likelihood of the people left out added up:
larger is better. It is proper, unlike a distance between counts and a person's own posterior
curve, which has seen those counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_BLUE, house_style, new_axes
from desistance.results import Result, number, text_table
from desistance.trajectories.fit import check_starts, told
from desistance.trajectories.model import check_groups, find_top, make_model
from desistance.trajectories.result import Trajectories

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.trajectories.model import Model

    Floats = NDArray[np.float64]

By = Literal["bic", "cross-validation"]
FOLD_STARTS = 5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupChoice(Result):
    """Fits of several numbers of groups, and which one is best.

    Attributes
    ----------
    fits : Trajectories of each number tried
    held_out : shape (fits, people), or None without cross-validation
        Log-likelihood of each person by the fit that had not seen them.
    """

    fits: tuple[Trajectories, ...]
    by: By
    held_out: Floats | None
    folds: int
    seed: int | None
    caveats: tuple[str, ...]

    @property
    def best(self) -> Trajectories:
        """The fit with the smallest BIC, or the largest held-out log-likelihood."""
        if self.held_out is None:
            return min(self.fits, key=lambda fit: fit.bic)
        return self.fits[self._foretells_best]

    @property
    def _foretells_best(self) -> int:
        """Place of the fit whose held-out log-likelihood is largest."""
        return 0 if self.held_out is None else int(self.held_out.sum(axis=1).argmax())

    def to_frame(self) -> pd.DataFrame:
        """What each number of groups comes to, a row each.

        `estimate` is the criterion: BIC, or the held-out log-likelihood less that of the best
        number, with the standard error of that difference over people.
        """
        rows = []
        for fit in self.fits:
            groups = fit.groups()
            rows.append(
                {
                    "n_groups": fit.n_groups,
                    "estimate": fit.bic,
                    "log_likelihood": fit.log_likelihood,
                    "n_parameters": fit.n_parameters,
                    "bic": fit.bic,
                    "bic_by_period": fit.bic_by_period,
                    "entropy": fit.entropy,
                    "smallest_share": groups["estimate"].min(),
                    "least_posterior": groups["average_posterior"].min(),
                    "least_odds": groups["odds_of_correct"].min(),
                    "starts_at_best": fit.starts_at_best,
                    "note": "; ".join(dict.fromkeys(filter(None, groups["note"]))),
                }
            )
        frame = pd.DataFrame(rows)
        if self.held_out is not None:
            less = self.held_out - self.held_out[self._foretells_best]
            frame["estimate"] = less.sum(axis=1)
            spread = less.std(axis=1, ddof=1) * np.sqrt(less.shape[1])
            frame.insert(2, "std_error", spread)
        return frame

    def summary(self) -> str:
        """Say what was compared, by which measure, and what is best."""
        seed = "of a generator" if self.seed is None else f"seed {self.seed}"
        how = "BIC (by people; smaller is better)"
        if self.held_out is not None:
            how = (
                f"log-likelihood of people left out in {self.folds} folds ({seed}), less the best "
                "(larger is better)"
            )
        counts = ", ".join(str(fit.n_groups) for fit in self.fits)
        lines = [
            f"Number of groups: {self.best.n_groups} of {counts} is best for "
            f"{number(self.best.n_people)} people",
            f"Estimate: {how}",
            text_table(self.to_frame()),
            "No measure finds a true number: prefer one whose groups are well told apart and large "
            "enough to matter, and show the others.",
        ]
        return "\n".join(lines + [f"Caveat: {caveat}" for caveat in self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the criterion against the number of groups."""
        ax, frame = new_axes(ax), self.to_frame()
        with house_style():
            error = frame["std_error"] if self.held_out is not None else None
            ax.errorbar(
                frame["n_groups"], frame["estimate"], yerr=error, color=DARK_BLUE, marker="o",
                linestyle="-", capsize=3,
            )  # fmt: skip
            label = "BIC" if self.held_out is None else "Held-out log-likelihood, less the best"
            ax.set(xlabel="Number of groups", ylabel=label, xticks=frame["n_groups"])
        return ax


def choose_groups(
    panel: pd.DataFrame,
    *,
    groups: Iterable[int] = range(1, 6),
    by: By = "bic",
    folds: int = 10,
    starts: int = 20,
    rng: int | np.random.Generator,
    **model: Any,
) -> GroupChoice:
    """Fit several numbers of groups and compare them.

    Parameters
    ----------
    panel
        As in `fit_trajectories`.
    groups
        The numbers to try.
    by
        "bic" or "cross-validation".
    folds
        Parts the people are divided into.
    starts, rng
        As in `fit_trajectories`; the folds come of `rng` too. A fold climbs from the fit of all
        people and from 5 starts of its own.
    **model
        What else `fit_trajectories` takes.

    Raises
    ------
    ModelError
        As `fit_trajectories`; or for folds that are fewer than 2 or more than the people.

    References
    ----------
    Schwarz (1978), Annals of Statistics 6, 461-464; Smyth (2000), Statistics and Computing 10,
    63-72.

    Examples
    --------
    >>> draw = np.random.default_rng(5)
    >>> age, often = np.tile(range(18, 26), 300), np.repeat(np.arange(300) < 90, 8)
    >>> panel = pd.DataFrame({"person_id": np.repeat(range(300), 8), "period": age,
    ...                       "n_offences": draw.poisson(np.where(often, 3.0, 0.5)), "exposure": 1})
    >>> choose_groups(panel, groups=(1, 2, 3), family="poisson", degree=1, rng=1).best.n_groups
    2
    """
    if by not in get_args(By):
        raise ModelError(f"`by` is one of {', '.join(get_args(By))}.")
    check_starts(starts)
    numbers = tuple(dict.fromkeys(groups))
    if not numbers:
        raise ModelError("`groups` names no number to try.")
    made = make_model(panel, **model)
    for n_groups in numbers:
        check_groups(made, n_groups)
    draw = np.random.default_rng(rng)
    n = len(made.panel.first)
    if by == "cross-validation" and not 2 <= folds <= n:
        raise ModelError(f"`folds` is from 2 to the {n} people.")
    fold = draw.permutation(np.arange(n) % folds)
    fits = tuple(told(made, find_top(made, k, starts, draw), rng) for k in numbers)
    held_out = None
    if by == "cross-validation":
        held_out = np.stack([_held_out(made, fit, fold, draw) for fit in fits])
    seed = fits[0].seed
    return GroupChoice(fits, by, held_out, folds, seed, fits[0].caveats)


def _held_out(model: Model, fit: Trajectories, fold: NDArray[np.int64], draw: Any) -> Floats:
    """Log-likelihood of each person by the fit of the other folds, weighted: (people,)."""
    mixture, found = fit.top.mixture, np.zeros(len(fold))
    for left_out in range(fold.max() + 1):
        seen, unseen = np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)
        top = find_top(
            model, fit.n_groups, FOLD_STARTS, draw, from_here=fit.top.point.params[0], people=seen
        )
        others = mixture.of_people(unseen)
        found[unseen] = others.log_likelihoods(top.point.params)[0] * others.weight
    return found
