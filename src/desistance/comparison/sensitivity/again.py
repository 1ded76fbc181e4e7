"""The same comparison again with one thing changed: a choice, the people, or what counts.

`checks` names every check there is; here they are made of a follow-up, in `frames` those of them
that a plain frame allows. Each run goes through `follow_up`, the balance and `compare_cohorts` as
the first one did. Cohorts are matched again only where the change could move a match: the clock,
the offence set and the length of follow-up cannot, since no outcome is read to match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from desistance.balance import (
    Balance,
    BalanceDesign,
    balance_cohorts,
    match_cohorts,
)
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.contrasts import is_ratio
from desistance.comparison.effects.wording import not_reported
from desistance.errors import DesistanceError, ModelError
from desistance.followup import FollowUp, follow_up
from desistance.followup.rules import countable
from desistance.histories import build_histories
from desistance.results import NOT_ESTIMABLE, NOT_REPORTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from desistance.balance import Propensity
    from desistance.comparison.effects import Effects
    from desistance.comparison.effects.variance import Clustering
    from desistance.comparison.sensitivity.design import Outcome, SensitivityDesign
    from desistance.followup import FollowUpDesign

Row = dict[str, Any]
Rebalance = BalanceDesign | Callable[[FollowUp], Balance]
EFFECT = ["outcome", "estimate", "std_error", "conf_low", "conf_high", "p_value", "note"]
OUTCOME_ONLY = {"clock", "offence_set", "months"}  # of the follow-up: no match depends on them

Check = tuple[str, str, Any]  # its kind, what is changed, and how

TIME_ZERO, LEFT_OUT, WAITING = "time zero", "first days left out", "waiting period"
MONTHS, CLOCK, OFFENCES = "length of follow-up", "clock", "offence set"
LATER, CALIPER, RATIO = "who joins later", "caliper", "matches for each"
EXITS, AREA = "exits left out", "area left out"
CONTROL, DETECTION = "negative control", "how it came to notice"
OWN_START, EVER = "own start", "by ever joining"
FOUND = {"reported by a victim": "victim", "found proactively": "proactive"}
AS_IT_SHOULD = "as it should be: the interval holds no difference"
DIFFERS = "differs, though it should not: the cohorts, or how they are watched, are unlike"
UNFAIR = "makes its own effect: shows what an unfair clock would have found"


def checks(
    design: SensitivityDesign, areas: Sequence[object], *, until_joining: bool = False
) -> Iterator[Check]:
    """Name every check that a design asks for, in the order they are told."""
    cut = not until_joining
    yield from ((WAITING, f"{n} months", {"waiting_months": n}) for n in design.waiting_months)
    yield from ((MONTHS, f"{n} months", {"months": n}) for n in design.months)
    yield from ((CLOCK, name, {"clock": name}) for name in design.clocks)
    yield from ((OFFENCES, name, {"offence_set": name}) for name in design.offence_sets)
    yield from ((LEFT_OUT, f"{days} days", days) for days in design.days_left_out)
    if design.later_joiners:
        yield LATER, "watched until they join" if cut else "stay as matched", cut
    yield from ((CALIPER, f"{far:g} SD", {"caliper": far}) for far in design.calipers)
    yield from ((RATIO, str(few), {"ratio": few}) for few in design.ratios)
    yield from ((EXITS, f"{span[0]} to {span[1]}", span) for span in design.exits_left_out)
    if design.areas:
        yield from ((AREA, str(area), area) for area in areas or [""])
    if design.unfair_time_zeros:
        yield from ((TIME_ZERO, term, term) for term in (OWN_START, EVER))
    if design.detection:
        yield from ((DETECTION, term, kind) for term, kind in FOUND.items())
    if design.negative_control:
        yield CONTROL, design.negative_control, {"offence_set": design.negative_control}


def attempt(
    say: Callable[[str], None], group: str, term: str, run: Callable[..., Row], *given: Any
) -> Row:
    """Run one analysis; where it cannot be done, the row says why."""
    say(f"{group}: {term}")
    try:
        row = run(*given)
    except DesistanceError as refused:
        row = {"note": f"{NOT_ESTIMABLE}: {str(refused).splitlines()[0]}"}
    return {"group": group, "term": term} | row


def effect_row(compared: Effects, outcome: str, balanced: Balance) -> Row:
    """Take the row of an effect, with how many joined and were matched, and what it rests on."""
    effect = compared.effect(outcome)
    row: Row = {name: effect[name] for name in EFFECT}
    row["note"] = not_reported(balanced) or row["note"]
    return row | {"n": balanced.n_matched, "basis": compared.rests_on(outcome)}


def told_of_control(row: Row) -> Row:
    """Say whether a negative control came out as it should."""
    if np.isfinite(row["estimate"]) and not row["note"].startswith(NOT_REPORTED):
        none = 1.0 if is_ratio(row["outcome"]) else 0.0
        holds = row["conf_low"] <= none <= row["conf_high"]
        row["note"] = (row["note"] or AS_IT_SHOULD) if holds else DIFFERS
    return row


@dataclass(frozen=True, slots=True)
class Analysis:
    """The comparison as planned, and how to do it again.

    Attributes
    ----------
    followed, balanced, until_joining, clusters, confidence
        Of the comparison as planned.
    balance
        How the cohorts were made alike: a design, or a function of a follow-up.
    chance
        The scores that a design matches on; None of a function.
    outcome
        The effect that is compared.
    say
        Called with the name of each analysis before it starts.
    """

    followed: FollowUp
    balanced: Balance
    balance: Rebalance
    chance: Propensity | None
    until_joining: bool
    clusters: Clustering | None
    confidence: float
    outcome: Outcome
    say: Callable[[str], None] = lambda _: None

    def rebalance(self, followed: FollowUp) -> Balance:
        """Make the cohorts of another follow-up alike in the same way."""
        if isinstance(self.balance, BalanceDesign):
            return balance_cohorts(followed, self.balance)
        return self.balance(followed)

    def effect(self, followed: FollowUp, balanced: Balance, **changed: Any) -> Row:
        """Compare, and give the row of the effect."""
        options: dict[str, Any] = {
            "until_joining": self.until_joining, "clusters": self.clusters,
            "confidence": self.confidence,
        }  # fmt: skip
        compared = compare_cohorts(followed, balanced, (self.outcome,), **options | changed)
        return effect_row(compared, self.outcome, balanced)

    def followed_by(self, **changed: Any) -> tuple[FollowUp, Balance]:
        """Follow up by a design changed in one respect, and match again where it matters."""
        again = _follow(self.followed, replace(self.followed.design, **changed))
        same = again.people["person_id"].equals(self.followed.people["person_id"])
        if same and changed.keys() <= OUTCOME_ONLY:
            return again, self.balanced
        return again, self.rebalance(again)


def again(analysis: Analysis, design: SensitivityDesign) -> Iterator[Row]:
    """Run the comparison in every other way that is not as planned."""
    if design.outcome != "time":  # the others know no clock
        design = replace(design, clocks=())
    areas = sorted(analysis.followed.people["area_id"].dropna().unique())
    asked = checks(design, areas, until_joining=analysis.until_joining)
    for group, term, changed in asked:
        if not _as_planned(analysis, group, changed):
            yield attempt(analysis.say, group, term, RUNS[group], analysis, changed)


def _as_planned(analysis: Analysis, group: str, changed: Any) -> bool:
    """Whether a change is none."""
    if group in (WAITING, MONTHS, CLOCK, OFFENCES):
        plan = analysis.followed.design
        return all(getattr(plan, name) == value for name, value in changed.items())
    if group in (CALIPER, RATIO) and isinstance(analysis.balance, BalanceDesign):
        return replace(analysis.balance, **changed) == analysis.balance
    return False


def _follow(followed: FollowUp, design: FollowUpDesign) -> FollowUp:
    histories = followed.histories
    return follow_up(histories.cases, histories, design, acknowledge_bias=True)


def _by(analysis: Analysis, changed: dict[str, Any]) -> Row:
    return analysis.effect(*analysis.followed_by(**changed))


def _until(analysis: Analysis, cut: bool) -> Row:
    """Watch those who join later until they join, or as matched: as the plan does not."""
    return analysis.effect(analysis.followed, analysis.balanced, until_joining=cut)


def _later(analysis: Analysis, days: int) -> Row:
    """Start both sides of every match some days later."""
    matches = analysis.balanced.matches
    later = replace(analysis.balanced, matches=matches.assign(day=matches["day"] + days))
    return analysis.effect(analysis.followed, later)


def _matched(analysis: Analysis, changed: dict[str, Any]) -> Row:
    """Match again on the same scores, with another caliper or another number of people."""
    plan, chance = analysis.balance, analysis.chance
    if not isinstance(plan, BalanceDesign) or chance is None:
        raise ModelError("the cohorts were not made by a BalanceDesign")
    own = {"ratio": plan.ratio, "caliper": plan.caliper, "exact": plan.exact} | changed
    return analysis.effect(analysis.followed, match_cohorts(chance, replacement=True, **own))


def _unfair(analysis: Analysis, clock: str) -> Row:
    """Show what a design that makes its own effect would have found."""
    row = _own_start(analysis) if clock == OWN_START else _ever(analysis)
    return row | {"note": row["note"] or UNFAIR}


def _own_start(analysis: Analysis) -> Row:
    """Follow those who joined from joining, and set the others beside them from leaving."""
    return _by(analysis, {"time_zero": "own start"})


def _ever(analysis: Analysis) -> Row:
    """Follow everyone from leaving, and count those who ever joined as exposed from then."""
    people = analysis.followed.people
    ever = people["joined_day"].where(people["joined_day"].isna(), 0.0)
    followed = replace(analysis.followed, people=people.assign(joined_day=ever))
    return analysis.effect(followed, analysis.rebalance(followed))


def _without_exits(analysis: Analysis, span: tuple[date, date]) -> Row:
    """Leave out those who left in a span of days."""
    first, last = map(pd.Timestamp, span)
    return _without(analysis, analysis.followed.people["index_date"].between(first, last))


def _without_area(analysis: Analysis, area: str) -> Row:
    return _without(analysis, analysis.followed.people["area_id"].eq(area).fillna(False))


def _without(analysis: Analysis, out: pd.Series) -> Row:
    fewer = without(analysis.followed, out.to_numpy(bool))
    return analysis.effect(fewer, analysis.rebalance(fewer))


def without(followed: FollowUp, out: NDArray[np.bool_]) -> FollowUp:
    """Leave people out of a follow-up, as if they had not been in the data.

    Parameters
    ----------
    out : bool array, shape (n_people,)
    """
    if not out.any() or out.all():
        raise ModelError("nobody is left out" if not out.any() else "nobody remains")
    place = np.cumsum(~out) - 1
    rows = followed.rows[~out[followed.rows["person"]]]
    step = pd.DataFrame(
        [("left out to see how far the result rests on them", int(out.sum()), int((~out).sum()))],
        columns=followed.flow.columns,
    )
    return replace(
        followed,
        people=followed.people[~out].reset_index(drop=True),
        rows=rows.assign(person=place[rows["person"]]).reset_index(drop=True),
        flow=pd.concat([followed.flow, step], ignore_index=True),
    )


def _only_found(analysis: Analysis, kind: str) -> Row:
    """Let only reoffences count that came to notice in one way; what was known stays as it was."""
    followed = analysis.followed
    histories = followed.histories
    offences = histories.cases.offences
    told = offences["detection"].isin(["victim", "proactive"])
    if not told.any():
        raise ModelError("no offence says how it came to notice")
    kept = offences[offences["detection"].eq(kind).fillna(False)]
    some = build_histories(replace(histories.cases, offences=kept), histories.design)
    reoffences = countable(some, followed.design)[0]
    row = analysis.effect(replace(followed, reoffences=reoffences), analysis.balanced)
    if not row["note"] and not told.all():
        row["note"] = f"{100 * (1 - told.mean()):.0f} % of the offences in the data are neither"
    return row


def _control(analysis: Analysis, changed: dict[str, Any]) -> Row:
    """Compare reoffences the programme should not move."""
    return told_of_control(_by(analysis, changed))


RUNS: dict[str, Callable[[Analysis, Any], Row]] = {
    WAITING: _by, MONTHS: _by, CLOCK: _by, OFFENCES: _by, LEFT_OUT: _later, LATER: _until,
    CALIPER: _matched, RATIO: _matched, EXITS: _without_exits, AREA: _without_area,
    TIME_ZERO: _unfair, DETECTION: _only_found, CONTROL: _control,
}  # fmt: skip
