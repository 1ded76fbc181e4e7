"""The same comparison again with one thing changed: a choice, the people, or what counts.

Each run goes through `follow_up`, the balance and `compare_cohorts` as the first one did. Cohorts
are matched again only where the change could move a match: the clock, the offence set and the
length of follow-up cannot, since no outcome is read to match.
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
from desistance.errors import DesistanceError, ModelError
from desistance.followup import FollowUp, follow_up
from desistance.followup.rules import countable
from desistance.histories import build_histories
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from desistance.balance import Propensity
    from desistance.comparison.effects import CohortComparison
    from desistance.comparison.sensitivity.design import Outcome, SensitivityDesign
    from desistance.followup import FollowUpDesign

Row = dict[str, Any]
Rebalance = BalanceDesign | Callable[[FollowUp], Balance]
EFFECT = ["outcome", "estimate", "std_error", "conf_low", "conf_high", "p_value", "note"]
OUTCOME_ONLY = {"clock", "offence_set", "months"}  # of the follow-up: no match depends on them

TIME_ZERO, LEFT_OUT, WAITING = "time zero", "first days left out", "waiting period"
MONTHS, CLOCK, OFFENCES = "length of follow-up", "clock", "offence set"
LATER, CALIPER, RATIO = "who joins later", "caliper", "matches for each"
EXITS, AREA = "exits left out", "area left out"
CONTROL, DETECTION = "negative control", "how it came to notice"
AS_IT_SHOULD = "as it should be: the interval holds no difference"
DIFFERS = "differs, though it should not: the cohorts, or how they are watched, are unlike"
UNLIKE = "balance is red: the cohorts are too unlike to be read"
UNFAIR = "makes its own effect: shows what an unfair clock would have found"


@dataclass(frozen=True, slots=True)
class Analysis:
    """The comparison as planned, and how to do it again.

    Attributes
    ----------
    followed, balanced, until_joining, confidence
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
            "until_joining": self.until_joining, "confidence": self.confidence
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


def attempt(
    analysis: Analysis, group: str, term: str, run: Callable[..., Row], *given: Any
) -> Row:  # fmt: skip
    """Run one analysis; where it cannot be done, the row says why."""
    analysis.say(f"{group}: {term}")
    try:
        row = run(analysis, *given)
    except DesistanceError as refused:
        row = {"note": f"{NOT_ESTIMABLE}: {str(refused).splitlines()[0]}"}
    return {"group": group, "term": term} | row


def effect_row(compared: CohortComparison, outcome: Outcome, balanced: Balance) -> Row:
    """Take the row of an effect, with how many joined and were matched, and what it rests on."""
    effect = compared.effect(outcome)
    row: Row = {name: effect[name] for name in EFFECT}
    if balanced.light == "red":
        row["note"] = row["note"] or UNLIKE
    return row | {"n": balanced.n_matched, "basis": compared.rests_on(outcome)}


def _follow(followed: FollowUp, design: FollowUpDesign) -> FollowUp:
    histories = followed.histories
    return follow_up(histories.cases, histories, design, acknowledge_bias=True)


def changed_choices(analysis: Analysis, design: SensitivityDesign) -> Iterator[Row]:
    """Change one choice of the follow-up, the comparison or the balance at a time."""
    plan = analysis.followed.design
    clocks = design.clocks if design.outcome == "time" else ()  # the others know no clock
    others: list[tuple[str, str, dict[str, Any]]] = [
        *((WAITING, f"{n} months", {"waiting_months": n}) for n in design.waiting_months),
        *((MONTHS, f"{n} months", {"months": n}) for n in design.months),
        *((CLOCK, name, {"clock": name}) for name in clocks),
        *((OFFENCES, name, {"offence_set": name}) for name in design.offence_sets),
    ]  # fmt: skip
    for group, term, changed in others:
        if any(getattr(plan, name) != value for name, value in changed.items()):
            yield attempt(analysis, group, term, _by, changed)
    for days in design.days_left_out:
        yield attempt(analysis, LEFT_OUT, f"{days} days", _later, days)
    if design.later_joiners:
        term = "stay as matched" if analysis.until_joining else "watched until they join"
        yield attempt(analysis, LATER, term, _until)
    yield from _other_matches(analysis, design)


def _by(analysis: Analysis, changed: dict[str, Any]) -> Row:
    return analysis.effect(*analysis.followed_by(**changed))


def _until(analysis: Analysis) -> Row:
    """Watch those who join later until they join, or as matched: as the plan does not."""
    cut = not analysis.until_joining
    return analysis.effect(analysis.followed, analysis.balanced, until_joining=cut)


def _later(analysis: Analysis, days: int) -> Row:
    """Start both sides of every match some days later."""
    matches = analysis.balanced.matches
    later = replace(analysis.balanced, matches=matches.assign(day=matches["day"] + days))
    return analysis.effect(analysis.followed, later)


def _other_matches(analysis: Analysis, design: SensitivityDesign) -> Iterator[Row]:
    """Match again on the same scores, with another caliper or another number of people."""
    plan = analysis.balance
    others: list[tuple[str, str, dict[str, Any]]] = [
        *((CALIPER, f"{far:g} SD", {"caliper": far}) for far in design.calipers),
        *((RATIO, str(few), {"ratio": few}) for few in design.ratios),
    ]
    for group, term, changed in others:
        if not isinstance(plan, BalanceDesign) or replace(plan, **changed) != plan:
            yield attempt(analysis, group, term, _matched, changed)


def _matched(analysis: Analysis, changed: dict[str, Any]) -> Row:
    plan, chance = analysis.balance, analysis.chance
    if not isinstance(plan, BalanceDesign) or chance is None:
        raise ModelError("the cohorts were not made by a BalanceDesign")
    own = {"ratio": plan.ratio, "caliper": plan.caliper, "exact": plan.exact} | changed
    return analysis.effect(analysis.followed, match_cohorts(chance, replacement=True, **own))


def unfair_clocks(analysis: Analysis) -> Iterator[Row]:
    """Show what the designs that make their own effect would have found."""
    for term, run in (("own start", _own_start), ("by ever joining", _ever)):
        row = attempt(analysis, TIME_ZERO, term, run)
        yield row | {"note": row["note"] or UNFAIR}


def _own_start(analysis: Analysis) -> Row:
    """Follow those who joined from joining, and set the others beside them from leaving."""
    return _by(analysis, {"time_zero": "own start"})


def _ever(analysis: Analysis) -> Row:
    """Follow everyone from leaving, and count those who ever joined as exposed from then."""
    people = analysis.followed.people
    ever = people["joined_day"].where(people["joined_day"].isna(), 0.0)
    followed = replace(analysis.followed, people=people.assign(joined_day=ever))
    return analysis.effect(followed, analysis.rebalance(followed))


def fewer_people(analysis: Analysis, design: SensitivityDesign) -> Iterator[Row]:
    """Leave out those who left in some span of days, then each area in turn."""
    people = analysis.followed.people
    for first, last in design.exits_left_out:
        out = people["index_date"].between(pd.Timestamp(first), pd.Timestamp(last))
        yield attempt(analysis, EXITS, f"{first} to {last}", _without, out)
    if design.areas:
        for area in sorted(people["area_id"].dropna().unique()) or [""]:
            out = people["area_id"].eq(area).fillna(False)
            yield attempt(analysis, AREA, str(area), _without, out)


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


def by_detection(analysis: Analysis) -> Iterator[Row]:
    """Count only the reoffences victims reported, and only those officers found."""
    yield attempt(analysis, DETECTION, "reported by a victim", _only_found, "victim")
    yield attempt(analysis, DETECTION, "found proactively", _only_found, "proactive")


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


def negative_control(analysis: Analysis, offence_set: str) -> Row:
    """Compare reoffences the programme should not move."""
    row = attempt(analysis, CONTROL, offence_set, _by, {"offence_set": offence_set})
    if np.isfinite(row.get("estimate", np.nan)):
        none = 0.0 if analysis.outcome == "rate" else 1.0
        holds = row["conf_low"] <= none <= row["conf_high"]
        row["note"] = AS_IT_SHOULD if holds else DIFFERS
    return row
