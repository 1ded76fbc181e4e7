"""The checks of a stress test that a plain frame allows; of every other one, what it would need.

A frame has no dates and no offences: what changes a date, a clock or which offences count needs a
follow-up. Cohorts are scored and made alike again where people are left out, and matched again on
the same scores where the caliper or the number of matches is another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.balance import Balance, Propensity, match_cohorts
from desistance.balance.covariates import one_column
from desistance.comparison.effects import Binary, Count, Mean, TimeTo
from desistance.comparison.effects.compare import arms_of
from desistance.comparison.effects.contrasts import AGAINST
from desistance.comparison.effects.outcomes import Outcome
from desistance.comparison.sensitivity.again import (
    AREA,
    CALIPER,
    CLOCK,
    CONTROL,
    DETECTION,
    EXITS,
    LATER,
    LEFT_OUT,
    MONTHS,
    OFFENCES,
    RATIO,
    TIME_ZERO,
    WAITING,
    attempt,
    checks,
    effect_row,
    told_of_control,
)
from desistance.comparison.sensitivity.takes import HAPPENED, UNKNOWN, UNSEEN, share_of
from desistance.comparison.sensitivity.tipping import UNSEEN_NEEDED
from desistance.errors import ModelError
from desistance.results import NOT_ESTIMABLE
from desistance.timetoevent import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desistance.comparison.effects import Effects
    from desistance.comparison.effects.outcomes import Arms
    from desistance.comparison.sensitivity.again import Check, Row
    from desistance.comparison.sensitivity.design import SensitivityDesign
    from desistance.comparison.sensitivity.tipping import Kind

MakeAlike = Callable[[Propensity], Balance]
ONLY = "only a follow-up knows"
LACKS = {
    WAITING: f"{ONLY} when an offence was proven",
    MONTHS: f"{ONLY} when offences were committed",
    CLOCK: f"{ONLY} the days in custody",
    OFFENCES: f"{ONLY} of what kind offences were",
    LEFT_OUT: f"{ONLY} the day of joining",
    LATER: f"{ONLY} who joined later",
    EXITS: f"{ONLY} the day of leaving",
    TIME_ZERO: f"{ONLY} the days of leaving and of joining",
    DETECTION: f"{ONLY} how offences came to notice",
    UNSEEN: f"{ONLY} who of those without a reoffence was watched to the end",
    AREA: "no column of areas is named; see `area`",
    CONTROL: "no outcome is named that should not move; see `negative_control`",
}
KIND_OF: dict[type, Kind] = {
    Mean: "difference of means", Binary: "difference", Count: "rate ratio", TimeTo: "hazard ratio",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameAnalysis:
    """The comparison of a frame as planned, and how to do it again.

    Attributes
    ----------
    frame, balanced, person, confidence
        Of the comparison as planned.
    outcomes
        The first is stressed; all are the family.
    score, balance, compare
        How the chance of being exposed was estimated, the cohorts made alike, and compared.
    chance
        The scores of the whole frame.
    propensity
        Given where standard errors count the weights as estimated.
    area, control
        Column of areas, and the outcome that should not move.
    say
        Called with the name of each analysis before it starts.
    """

    frame: pd.DataFrame
    balanced: Balance
    outcomes: tuple[Outcome, ...]
    score: Callable[[pd.DataFrame], Propensity]
    balance: MakeAlike
    compare: Callable[..., Effects]
    chance: Propensity
    propensity: Propensity | None
    person: str | None
    confidence: float
    area: str | None
    control: Outcome | None
    say: Callable[[str], None]

    @property
    def outcome(self) -> Outcome:
        """The outcome whose effect is stressed."""
        return self.outcomes[0]

    def compared(self, outcome: Outcome) -> Effects:
        """Compare one outcome of the cohorts as planned."""
        return self.compare(self.frame, self.balanced, [outcome], propensity=self.propensity)

    def effect(self, name: str, frame: pd.DataFrame, balanced: Balance, chance: Propensity) -> Row:
        """Compare other cohorts, and give the row of the effect that is stressed."""
        counted = None if self.propensity is None else chance
        compared = self.compare(frame, balanced, [self.outcome], propensity=counted)
        return effect_row(compared, name, balanced)

    def choices(self) -> dict[str, Any]:
        """Give the choices of `match_cohorts` by which the cohorts were matched."""
        made = self.balance
        if isinstance(made, partial) and made.func is match_cohorts:
            return dict(made.keywords)
        if made is not match_cohorts:
            raise ModelError("the cohorts were not made by `match_cohorts`, or a partial of it")
        return {}

    def arms(self, balanced: Balance) -> Arms:
        """Take the rows that are compared."""
        return arms_of(self.frame, balanced, person=self.person)

    def areas(self) -> pd.Series:
        """Read the column of areas."""
        assert self.area is not None
        return one_column(plain(self.frame), self.area)


def checked_balance(analysis: FrameAnalysis) -> MakeAlike:
    """Refuse what makes no balance of a score."""
    if not callable(analysis.balance):
        raise ModelError(
            "`balance` of a frame is `match_cohorts`, `weigh_cohorts` or a partial of one, not a "
            f"{type(analysis.balance).__name__}."
        )
    return analysis.balance


def checked_control(analysis: FrameAnalysis) -> None:
    """Refuse a negative control that cannot stand beside the effect."""
    control, outcome = analysis.control, analysis.outcome
    if control is None:
        return
    if not isinstance(control, Outcome) or kind_of(control) != kind_of(outcome):
        raise ModelError(
            f"`negative_control` is a {type(outcome).__name__} as the first of `outcomes` is: both "
            "stand on one scale."
        )
    analysis.compared(control)  # a column that is not there is refused before anything is run


def main_effect(compared: Effects) -> str:
    """Name the first effect of an outcome, which is the one that is stressed."""
    effects = compared.frame.loc[compared.frame["group"] == AGAINST, "outcome"]
    if effects.empty:
        raise ModelError("Nobody has the outcome, so there is no effect to stress.")
    return str(effects.iloc[0])


def kind_of(outcome: Outcome) -> Kind:
    """Say what the main effect of an outcome is."""
    caused = isinstance(outcome, TimeTo) and outcome.cause is not None
    return "difference" if caused else KIND_OF[type(outcome)]


def again_of_frame(
    analysis: FrameAnalysis, design: SensitivityDesign, effect: str
) -> Iterator[Row]:
    """Run the comparison in every other way that a frame allows and that is not as planned."""
    for group, term, changed in _asked(analysis, design):
        if group in (CALIPER, RATIO) and not _as_planned(analysis, changed):
            yield attempt(analysis.say, group, term, _matched, analysis, effect, changed)
        elif group == AREA and analysis.area is not None:
            yield attempt(analysis.say, group, term, _without, analysis, effect, changed)
    control = analysis.control
    if control is not None:
        term = control.event if isinstance(control, TimeTo) else control.column
        yield attempt(analysis.say, CONTROL, term, _control, analysis, control)


def lacking(analysis: FrameAnalysis, design: SensitivityDesign) -> Iterator[Row]:
    """Name every check that was asked for and that a frame does not allow, and say why."""
    made = {CALIPER, RATIO}
    made |= {AREA} if analysis.area is not None else set()
    made |= {CONTROL} if analysis.control is not None else set()
    asked = [(group, term) for group, term, _ in _asked(analysis, design)]
    for group, term in asked:
        if group not in made:
            yield _not_done(group, "" if group == CONTROL else term)
    yield _not_done(UNSEEN, "") | {"outcome": UNSEEN_NEEDED}


def _not_done(group: str, term: str) -> Row:
    return {"group": group, "term": term, "note": f"{NOT_ESTIMABLE}: {LACKS[group]}"}


def _asked(analysis: FrameAnalysis, design: SensitivityDesign) -> Iterator[Check]:
    known: list[Any] = [] if analysis.area is None else [*analysis.areas().dropna().unique()]
    return checks(design, sorted(known, key=str))


def _as_planned(analysis: FrameAnalysis, changed: dict[str, Any]) -> bool:
    """Whether a change is none."""
    try:
        own = {"ratio": 1, "caliper": None} | analysis.choices()
    except ModelError:
        return False
    return all(own[name] == value for name, value in changed.items())


def _matched(analysis: FrameAnalysis, effect: str, changed: dict[str, Any]) -> Row:
    """Match again on the same scores, with another caliper or another number of people."""
    balanced = match_cohorts(analysis.chance, **analysis.choices() | changed)
    return analysis.effect(effect, analysis.frame, balanced, analysis.chance)


def _without(analysis: FrameAnalysis, effect: str, area: Any) -> Row:
    """Leave an area out, as if its people had not been in the frame."""
    kept = ~analysis.areas().eq(area).fillna(False).to_numpy(bool)
    if kept.all() or not kept.any():
        raise ModelError("nobody is left out" if kept.all() else "nobody remains")
    frame = analysis.frame[kept]
    chance = analysis.score(frame)
    return analysis.effect(effect, frame, analysis.balance(chance), chance)


def _control(analysis: FrameAnalysis, control: Outcome) -> Row:
    """Compare an outcome that being exposed should not move."""
    compared = analysis.compared(control)
    return told_of_control(effect_row(compared, main_effect(compared), analysis.balanced))


def measured(analysis: FrameAnalysis, compared: Effects) -> tuple[Kind, float, float]:
    """Say what the effect is, how common the outcome is without exposure, and how it spreads.

    Per 100 of the comparison cohort, NaN where that was not compared; and of a mean the standard
    deviation within cohorts, as they weigh (the root of their mean variance).
    """
    one = analysis.outcome
    label, spread = main_effect(compared).removeprefix("difference in "), 1.0
    if isinstance(one, TimeTo) and one.cause is None:
        label = f"{one.event} by {one.horizon} per 100 people"
    elif isinstance(one, Mean):
        arms = analysis.arms(analysis.balanced)
        y = arms.numbers(one.column)
        means, _ = arms.ratio(y, np.ones(len(y)))
        square = (y - np.where(arms.joined, means[1], means[0])) ** 2
        spread = float(np.sqrt(np.mean(arms.ratio(square, np.ones(len(y)))[0])))
    return kind_of(one), share_of(compared, label, analysis.balanced.names[0]), spread


def sets_of(analysis: FrameAnalysis) -> pd.DataFrame:
    """Match sets in which nobody stands twice, and say of each row what became of it."""
    own = analysis.choices()
    balanced = match_cohorts(analysis.chance, **own | {"ratio": 1, "replacement": False})
    arms = analysis.arms(balanced)
    if len(np.unique(arms.clusters.person)) < len(arms.joined):
        raise ModelError("people stand in several matched sets")
    happened, unknown = _became(analysis.outcome, arms)
    return pd.DataFrame({
        "match": arms.clusters.match, "exposed": arms.joined, HAPPENED: happened,
        UNKNOWN: unknown,
    })  # fmt: skip


def _became(outcome: Outcome, arms: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Give the outcome of each row (n,), and whether it is not known."""
    if isinstance(outcome, Binary):
        found = arms.yes_or_no(outcome.column)
    elif isinstance(outcome, Mean) or (isinstance(outcome, Count) and outcome.exposure is None):
        found = arms.numbers(outcome.column)
    elif isinstance(outcome, TimeTo) and outcome.horizon and not (outcome.start or outcome.cause):
        times = outcome.times(arms)
        by_then = times.event & (times.stop <= outcome.horizon)
        return by_then, ~by_then & (times.stop < outcome.horizon)
    else:
        raise ModelError(
            "bounds are of a yes or no, a number, or an event by a `horizon`; not of counts for "
            "each unit of an exposure, late starts or causes"
        )
    return found, np.zeros(len(found), bool)
