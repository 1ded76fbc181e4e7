"""The choices of a comparison over time, fixed before outcomes are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from desistance.balance import BalanceDesign
from desistance.checks import is_whole
from desistance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

Name = Literal["risk-set", "nested-trials", "landmark", "time-varying", "clone-censor-weight"]
Later = Literal["keep", "censor", "weigh"]
Grace = Literal["evenly", "at the latest"]
Model = Literal["ridge", "logistic"]

LATER: dict[str, tuple[Later, ...]] = {  # what each design can do with those who join later
    "risk-set": ("keep", "censor", "weigh"),
    "nested-trials": ("weigh", "censor", "keep"),
    "landmark": ("keep", "censor", "weigh"),
    "time-varying": ("weigh",),
    "clone-censor-weight": ("weigh",),
}


@dataclass(frozen=True, slots=True)
class TimeDesign:
    """How time is made equal.

    Attributes
    ----------
    name
        "risk-set", "nested-trials", "landmark", "time-varying" or "clone-censor-weight"; see
        `desistance.comparison.timing.designs`.
    terms
        What joining is modelled on, as in `BalanceDesign`; none for no adjustment.
    model
        "ridge" (a ridge of 1 on standardised columns) or "logistic" (maximum likelihood).
    months
        How long each copy is watched; those of the follow-up when None.
    every_days
        Length of the windows; a nested trial starts in each.
    quiet_only
        Whether nested trials take only people who have not reoffended since leaving, as the other
        designs but risk sets do; else what they did since is a matter for `terms`.
    landmark_days
        The landmark, in days since leaving.
    grace_days, grace
        Up to which day somebody may join to follow the strategy "join", and when in that time:
        "evenly", each day as likely as another, or "at the latest": as people do, and on the last
        days whoever has not yet.
    later
        What becomes of comparison people who join later; by default "keep" in risk sets and at a
        landmark, "weigh" in nested trials. See `desistance.comparison.timing`.
    truncate
        Largest weight for joining or staying, as a quantile of those that are not 1: larger ones
        are cut to it, and counted. None for no limit.
    """

    name: Name = "risk-set"
    terms: Sequence[str] = BalanceDesign().terms
    model: Model = "ridge"
    months: int | None = None
    every_days: int = 7
    quiet_only: bool = False
    landmark_days: int = 90
    grace_days: int = 90
    grace: Grace = "evenly"
    later: Later | None = None
    truncate: float | None = 0.99

    def __post_init__(self) -> None:
        for name, value, known in (
            ("name", self.name, get_args(Name)),
            ("model", self.model, get_args(Model)),
            ("grace", self.grace, get_args(Grace)),
            ("later", self.later or "keep", get_args(Later)),
        ):
            if value not in known:
                raise ModelError(f"`{name}` is one of {', '.join(known)}.")
        if isinstance(self.terms, str):
            raise ModelError("`terms` is a list of columns.")
        if self.later is not None and self.later not in LATER[self.name]:
            raise ModelError(f'{self.name!r} can only "weigh" those who join later.')
        whole = (self.every_days, self.landmark_days, 1 if self.months is None else self.months)
        if not all(map(is_whole, whole)) or not is_whole(self.grace_days, 0):
            raise ModelError(
                "Months, windows and the landmark are whole numbers from 1 on, `grace_days` from 0."
            )
        if self.truncate is not None and not 0.5 < self.truncate < 1:
            raise ModelError("`truncate` is a quantile between 0.5 and 1, or None.")
        object.__setattr__(self, "terms", tuple(self.terms))

    @property
    def then(self) -> Later:
        """What becomes of comparison people who join later."""
        return self.later or LATER[self.name][0]

    @property
    def label(self) -> str:
        """What the design is called in a table."""
        told = {
            "landmark": f" at day {self.landmark_days}",
            "clone-censor-weight": f" within {self.grace_days} days",
            "nested-trials": f" every {self.every_days} days",
        }.get(self.name, "")
        return self.name + told + (f", later {self.later}" if self.later else "")
