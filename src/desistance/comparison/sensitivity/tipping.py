"""What it would take to tip a finding: a confounder nobody recorded, or the people not followed.

A finding tips when what nearest speaks for it, the estimate or the limit of its interval nearest
to no effect, is moved to no effect.

A yes-or-no confounder that p1 of the exposed and p0 of the others have
    moves a difference, of risks or of means, by (p1 - p0) times the difference it makes itself, and
    multiplies a ratio by (1 + p1 (g - 1)) / (1 + p0 (g - 1)), where g is its own ratio with the
    outcome. Its effect is taken to be the same in both cohorts. Of a hazard ratio this is close for
    a rare outcome only.
People not followed to the end, m1 of the exposed and m0 of the others,
    move a difference of risks by m1 d1 - m0 d0, where d1 and d0 are how much oftener, than those
    followed as long were seen to, they had the outcome.

Each is solved for g, the difference, or d. The error of the estimate is left as it is.

References
----------
Lin, Psaty and Kronmal (1998), Biometrics 54(3); VanderWeele and Arah (2011), Epidemiology 22(1);
White, Horton, Carpenter and Pocock (2011), BMJ 342, d40, of people not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from desistance.errors import ModelError
from desistance.plots import DARK_GREY, MARKERS, house_style, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Result, number, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

Kind = Literal["difference", "difference of means", "risk ratio", "rate ratio", "hazard ratio"]
RATIO_NEEDED = "ratio of the outcome in those with the confounder to those without"
DIFFERENCE_NEEDED = "difference the confounder makes, per 100 people"
MEANS_NEEDED = "difference of means the confounder makes"
UNSEEN_NEEDED = "how much oftener people not followed had the outcome, per 100 of them"
AXES = {
    RATIO_NEEDED: "Ratio of the confounder with the outcome",
    DIFFERENCE_NEEDED: "Difference it makes, per 100 people",
    MEANS_NEEDED: "Difference of means it makes",
    UNSEEN_NEEDED: "Difference from the others, per 100",
}
TIPS_ESTIMATE, TIPS_LIMIT = "tips the estimate", "tips the interval"
SHARES = ((0.1, 0.3), (0.3, 0.5), (0.1, 0.5), (0.3, 0.7), (0.2, 0.8))
HUNDRED = 100.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TippingPoint(Result):
    """What would tip a finding.

    Attributes
    ----------
    frame : DataFrame
        ``outcome, group, term, estimate, note``: what is needed (`estimate`) to tip the estimate
        or the interval (`group`) in a given setting (`term`).
    definition : str
    """

    frame: pd.DataFrame
    definition: str

    def to_frame(self) -> pd.DataFrame:
        """One row for each setting, of the estimate and of the interval."""
        return self.frame.copy()

    def summary(self) -> str:
        """Say what would tip the finding."""
        return f"What would tip {self.definition}\n{text_table(self.frame)}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw what is needed in each setting."""
        terms = list(dict.fromkeys(self.frame["term"]))
        ax = new_axes(ax, size=(8.0, 0.4 * len(terms) + 1.6))
        place = {term: len(terms) - 1 - i for i, term in enumerate(terms)}
        with house_style():
            for marker, (group, rows) in zip(MARKERS, self.frame.groupby("group"), strict=False):
                height = rows["term"].map(place)
                ax.plot(rows["estimate"], height, marker, ls="", label=str(group))
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        ax.set_yticks(list(place.values()), terms, fontsize=9)
        ax.set_ylim(-0.6, len(terms) - 0.4)
        needed = self.frame["outcome"].iloc[0]
        if needed == RATIO_NEEDED:
            ratio_axis(ax)
        ax.axvline(float(needed == RATIO_NEEDED), color=DARK_GREY, lw=0.8)
        ax.set_xlabel(AXES[needed])
        return ax


def tipping_point(
    estimate: float,
    conf_low: float,
    conf_high: float,
    *,
    scale: Kind,
    shares: Sequence[tuple[float, float]] | None = None,
) -> TippingPoint:
    """Say how strong an unmeasured yes-or-no confounder must be to tip a finding.

    Parameters
    ----------
    estimate, conf_low, conf_high
        An effect and its interval; a difference is per 100 people, one of means in their unit.
    scale
        What it is.
    shares
        Share of the exposed, and of the others, who have the confounder. By default a few in
        which what raises the outcome is rarer where the outcome was.

    Raises
    ------
    ModelError
        If the scale is unknown, a share lies outside 0 to 1, or the limits are out of order.

    Examples
    --------
    >>> found = tipping_point(-10.0, -18.0, -2.0, scale="difference", shares=[(0.3, 0.5)])
    >>> found.to_frame()["estimate"].round(6).tolist()
    [50.0, 10.0]
    """
    if scale not in get_args(Kind):
        raise ModelError(f"`scale` is one of {', '.join(get_args(Kind))}.")
    of_ratio = scale.endswith("ratio")
    most = HUNDRED if scale == "difference" else np.inf
    targets = _targets(estimate, conf_low, conf_high, none=float(of_ratio))
    if shares is None:
        lower = estimate < float(of_ratio)
        shares = SHARES if lower else [(q, p) for p, q in SHARES]
    if any(not 0 <= share <= 1 for pair in shares for share in pair):
        raise ModelError("`shares` lie from 0 to 1.")
    rows = []
    for group, target, why in targets:
        for p1, p0 in shares:
            term = f"{_of_100(p1)} of 100 exposed, {_of_100(p0)} of 100 others"
            needed, lacking = _strength(target, p1, p0, most, of_ratio=of_ratio)
            rows.append(_row(group, term, needed, why or lacking))
    frame = pd.DataFrame(rows)
    needed_of = {"difference": DIFFERENCE_NEEDED, "difference of means": MEANS_NEEDED}
    frame.insert(0, "outcome", needed_of.get(scale, RATIO_NEEDED))
    told = "" if np.isnan(estimate) else f" of {number(float(estimate), 2)}"
    return TippingPoint(frame, f"a {scale}{told}: an unmeasured confounder")


def tipping_unseen(
    estimate: float, conf_low: float, conf_high: float, *, unseen: tuple[float, float]
) -> TippingPoint:
    """Say how unlike the others people not followed to the end must be to tip a finding.

    Parameters
    ----------
    estimate, conf_low, conf_high
        Difference of risks per 100 people, exposed minus others, and its interval.
    unseen
        Share of the exposed, and of the others, who were not followed to the end and not seen to
        have the outcome.

    Raises
    ------
    ModelError
        If a share lies outside 0 to 1, or the limits are out of order.

    Examples
    --------
    >>> found = tipping_unseen(-10.0, -18.0, -2.0, unseen=(0.1, 0.05)).to_frame()
    >>> found[found["group"] == "tips the interval"]["estimate"].round(1).tolist()
    [20.0, -40.0, 13.3]
    """
    if any(not 0 <= share <= 1 for share in unseen):
        raise ModelError("`unseen` are two shares from 0 to 1.")
    m1, m0 = unseen
    settings = (
        ("exposed people not followed only", m1),
        ("others not followed only", -m0),
        ("both, in opposite directions", m1 + m0),
    )
    rows = []
    for group, target, why in _targets(estimate, conf_low, conf_high, none=0.0):
        for term, moves in settings:
            needed = -target / moves if moves else np.nan
            lacking = "" if moves else f"{NOT_ESTIMABLE}: all were followed"
            if abs(needed) > HUNDRED:
                needed = np.nan
                lacking = f"{NOT_ESTIMABLE}: even 100 more or fewer in 100 would not be enough"
            rows.append(_row(group, term, needed, why or lacking))
    frame = pd.DataFrame(rows)
    frame.insert(0, "outcome", UNSEEN_NEEDED)
    told = "" if np.isnan(estimate) else f" of {number(float(estimate), 1)} per 100"
    return TippingPoint(
        frame,
        f"a difference{told}: people not followed ({_of_100(m1)} of 100 exposed, "
        f"{_of_100(m0)} of 100 others)",
    )


def _targets(
    estimate: float, low: float, high: float, *, none: float
) -> list[tuple[str, float, str]]:
    """What must be moved to no effect, and why that cannot be asked."""
    if low > high or estimate < low or estimate > high or (none == 1 and low <= 0):
        raise ModelError("The estimate lies within its limits, the lower one first; ratios > 0.")
    why = f"{NOT_ESTIMABLE}: there is no estimate" if np.isnan([estimate, low, high]).any() else ""
    nearest = high if estimate < none else low
    holds = (
        f"{NOT_ESTIMABLE}: the interval holds no difference already" if low <= none <= high else ""
    )
    return [(TIPS_ESTIMATE, estimate, why), (TIPS_LIMIT, nearest, why or holds)]


def _strength(
    target: float, p1: float, p0: float, most: float, *, of_ratio: bool
) -> tuple[float, str]:
    """Solve for the confounder's own effect; no difference is beyond `most`."""
    if p1 == p0:
        return np.nan, f"{NOT_ESTIMABLE}: it is as common in both"
    if of_ratio:
        slope = p1 - target * p0
        needed = 1 + (target - 1) / slope if slope else np.nan
        enough = needed > 0
    else:
        needed = target / (p1 - p0)
        enough = abs(needed) <= most
    why = "" if enough else f"{NOT_ESTIMABLE}: no confounder so spread is strong enough"
    return (needed if enough else np.nan), why


def _row(group: str, term: str, needed: float, note: str) -> dict[str, object]:
    return {"group": group, "term": term, "estimate": np.nan if note else needed, "note": note}


def _of_100(share: float) -> str:
    return f"{HUNDRED * share:.3g}"
