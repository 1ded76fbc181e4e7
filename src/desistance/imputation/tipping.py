"""How unlike those assessed the others would have to be for the conclusion to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.imputation.copies import expanded, impute_needs, pathway_needs
from desistance.plots import DARK_BLUE, DARK_GREY, DARK_PINK, house_style, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.survival.terms import Term
    from desistance.timetoevent import HasTimes, TimeToEvent

    Floats = NDArray[np.float64]

DELTAS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
SAID = {-1: "below 1", 0: "inconclusive", 1: "above 1"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TippingNeeds(Result):
    """One hazard ratio under needs ever more unlike those assessed.

    Attributes
    ----------
    frame : DataFrame
        ``delta, estimate, std_error, conf_low, conf_high, p_value, mean_imputed, note``:
        `mean_imputed` is the share that was given the need, over those shifted.
    of : str
        The covariate whose hazard ratio it is.
    conclusion : str
        With delta 0: "below 1", "above 1" or "inconclusive".
    tips : tuple of two floats
        The delta nearest 0 at which the conclusion changes, below and above it, read off between
        the values tried; NaN where it does not within them.
    """

    frame: pd.DataFrame
    of: str
    among: str | None
    conclusion: str
    tips: tuple[float, float]
    copies: int
    seed: int
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per delta."""
        return self.frame.copy()

    def sentences(self) -> list[str]:
        """Say whether, and where, the conclusion changes, on either side."""
        tried = self.frame["delta"]
        said = []
        for tip, furthest, side in zip(
            self.tips, (tried.min(), tried.max()), ("down", "up"), strict=True
        ):
            if np.isfinite(tip):
                share = np.interp(tip, tried, self.frame["mean_imputed"])
                said.append(
                    f"It changes at delta {tip:.2f}: the odds of an unassessed need are "
                    f"{number(float(np.exp(tip)), 2)} times what missing at random gives, "
                    f"{100 * share:.0f} % of them with it."
                )
            elif furthest:
                said.append(f"It holds {side} to delta {furthest:g}, the furthest tried.")
        return said

    def summary(self) -> str:
        """Say whether, and where, the conclusion changes."""
        where = f" where {self.among}" if self.among else ""
        return "\n".join(
            [
                f"Tipping point of the hazard ratio of {self.of}: {self.conclusion} with needs "
                f"missing at random ({self.copies} copies, seed {self.seed})",
                f"Delta is added to the log odds of a need that was not assessed{where}.",
                text_table(self.frame),
                *self.sentences(),
                *(f"Caveat: {caveat}" for caveat in self.caveats),
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratio with its interval against delta, and where it tips."""
        ax = new_axes(ax)
        with house_style():
            ax.axhline(1.0, color=DARK_GREY, linewidth=1)
            ax.fill_between(
                self.frame["delta"], self.frame["conf_low"], self.frame["conf_high"],
                color=DARK_BLUE, alpha=0.2, linewidth=0,
            )  # fmt: skip
            ax.plot(self.frame["delta"], self.frame["estimate"], "o-", color=DARK_BLUE)
            for tip in self.tips:
                if np.isfinite(tip):
                    ax.axvline(tip, color=DARK_PINK, ls="--", linewidth=1.4)
                    ax.annotate(
                        f"changes at {tip:.2f}", (tip, 1.0), xycoords=("data", "axes fraction"),
                        xytext=(0, 4), textcoords="offset points", ha="center",
                    )  # fmt: skip
            ratio_axis(ax, "y")
            ax.set(
                xlabel="Delta: added to the log odds of a need not assessed",
                ylabel=f"Hazard ratio of {self.of}",
            )
        return ax


def tipping_needs(
    followed: TimeToEvent | HasTimes,
    terms: Sequence[str | Term],
    *,
    of: str,
    using: Sequence[str | Term] = (),
    deltas: Sequence[float] = DELTAS,
    shifted: Sequence[str] | None = None,
    among: str | None = None,
    modified: Sequence[str] = (),
    copies: int = 20,
    cycles: int = 10,
    rng: int = 0,
    confidence: float = 0.95,
    **choices: Any,
) -> TippingNeeds:
    """Shift the log odds of unassessed needs until the conclusion changes.

    Parameters
    ----------
    followed, terms
        As for `impute_needs`; the terms are those of the Cox model.
    of
        The covariate whose hazard ratio the conclusion is about ("exposed").
    using
        Further columns that predict who has a need.
    deltas
        Shifts of the log odds to try, 0 among them. The same draws serve all.
    shifted, among, modified, copies, cycles
        As for `impute_needs`. An effect of joining tips when needs are shifted among those who
        joined (``among="exposed"``), hardly when they are shifted for everyone alike.
    rng
        Seed.
    confidence
        Of the interval; the conclusion is whether it leaves out 1, and on which side.
    **choices
        Of `fit_cox`.

    Returns
    -------
    TippingNeeds

    Raises
    ------
    ModelError
        If `of` is not a covariate of the model, or no yes/no column has missing values.

    References
    ----------
    Cro, Morris, Kenward and Carpenter (2020), Statistics in Medicine 39(21).
    """
    tried = np.unique(np.append(np.asarray(deltas, float), 0.0))
    needs = pathway_needs(followed)
    read = expanded(terms, needs)
    predictors = [*terms, *(one for one in using if one not in terms)]
    rows = []
    for delta in tried.tolist():
        imputed = impute_needs(
            followed, predictors, modified=modified, copies=copies, cycles=cycles, delta=delta,
            shifted=shifted, among=among, rng=rng,
        )  # fmt: skip
        if not imputed.yes_no:
            raise ModelError("No yes/no column among the terms has missing values: nothing tips.")
        pooled = imputed.fit_cox(read, confidence=confidence, **choices)
        if of not in pooled.terms:
            raise ModelError(f"`of` is one of {', '.join(map(repr, pooled.terms))}.")
        row = pooled.to_frame().set_index("term").loc[of]
        moved = imputed.yes_no if shifted is None else shifted
        who = _who(imputed.times, among)
        means = [
            float(values[:, who[imputed.lost[name]]].mean())
            for name, values in imputed.drawn.items()
            if name in moved and who[imputed.lost[name]].any()
        ]
        rows.append({"delta": delta, **row[["estimate", "std_error", "conf_low", "conf_high",
            "p_value"]], "mean_imputed": float(np.mean(means)) if means else np.nan,
            "note": row["note"]})  # fmt: skip
    frame = pd.DataFrame(rows)
    conclusion, tips = _tips(frame)
    return TippingNeeds(
        frame, of, among, conclusion, tips, copies, rng,
        ("How far needs are shifted is judgement: no data tell delta.",),
    )  # fmt: skip


def _who(times: TimeToEvent, among: str | None) -> NDArray[np.bool_]:
    """Whose needs are shifted, by person: read on the last row, as `impute_needs` does."""
    n = int(times.person.max(initial=-1)) + 1
    who = np.ones(n, bool)
    if among is not None:
        order = np.argsort(times.stop, kind="stable")
        who[times.person[order]] = times.columns[among].to_numpy(bool, na_value=False)[order]
    return who


def _tips(frame: pd.DataFrame) -> tuple[str, tuple[float, float]]:
    """Find where the interval first comes to the other side of 1, going each way from 0."""
    limits = np.log(frame[["conf_low", "conf_high"]].to_numpy(float))
    if np.isnan(limits).any():
        return NOT_ESTIMABLE, (np.nan, np.nan)
    delta = frame["delta"].to_numpy(float)
    side = np.where(limits[:, 1] < 0, -1, np.where(limits[:, 0] > 0, 1, 0))
    zero = int(np.flatnonzero(delta == 0)[0])
    return SAID[int(side[zero])], (
        _first_change(delta, side, limits, zero, -1),
        _first_change(delta, side, limits, zero, 1),
    )


def _first_change(
    delta: Floats, side: NDArray[np.int64], limits: Floats, zero: int, step: int
) -> float:
    now = zero
    while 0 <= now + step < len(delta):
        following = now + step
        if side[following] != side[zero]:
            lost = side[zero] or side[following]
            limit = limits[:, 1 if lost < 0 else 0]
            share = limit[now] / (limit[now] - limit[following])
            return float(delta[now] + share * (delta[following] - delta[now]))
        now = following
    return float("nan")
