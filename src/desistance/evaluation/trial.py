"""The trial one would run, and how this evaluation stands in for it, item by item.

The seven items are those of the target trial framework. The words of the trial come from the plan's
table ``[target_trial]``; the words of its emulation are made from the settings of the same plan, so
the table cannot say one thing and the code do another.

References
----------
Hernán and Robins (2016), American Journal of Epidemiology 183(8); Cashin and others (2025), TARGET
statement, JAMA.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pandas as pd

from desistance.catalogue import comparator_words
from desistance.errors import PlanError
from desistance.results import html_table

if TYPE_CHECKING:
    from datetime import date

    from desistance.balance import BalanceDesign
    from desistance.evaluation.plan import EvaluationPlan
    from desistance.followup import FollowUpDesign

NOT_STATED = "not stated in the plan"
MEASURES = {
    "rate": "difference in reoffenders per 100 people",
    "frequency": "ratio of reoffences per year at risk",
    "time": "hazard ratio of the first reoffence",
    "rmst": "difference in days without reoffending",
    "severity": "difference and ratio of the harm of reoffences, by the Cambridge index and the "
    "severity score of the ONS",
    "incidence": "difference in who reoffended first, death and moving away competing",
}


@dataclass(frozen=True, slots=True)
class TargetTrial:
    """The randomised trial that would answer the question.

    Attributes
    ----------
    eligibility
        Who would be let in.
    strategies
        What would be compared.
    assignment
        How people would come to either.
    time_zero
        From when they would be followed.
    outcome
        What would count, and by which clock.
    contrast
        Which effect: of being assigned, or of taking part.
    analysis
        How it would be estimated.

    Examples
    --------
    >>> trial = TargetTrial(
    ...     eligibility="Adults leaving IOM", strategies="Offer or none", assignment="By lot",
    ...     time_zero="The day of leaving", outcome="A proven reoffence within a year",
    ...     contrast="Intention to treat", analysis="Difference in shares")
    >>> trial.assignment
    'By lot'
    """

    eligibility: str
    strategies: str
    assignment: str
    time_zero: str
    outcome: str
    contrast: str
    analysis: str

    def __post_init__(self) -> None:
        empty = [item for item in ITEMS if not getattr(self, item).strip()]
        if empty:
            raise PlanError(f"The target trial says nothing of {', '.join(empty)}.")

    def _repr_html_(self) -> str:
        said = {words(item): getattr(self, item) for item in ITEMS}
        frame = pd.DataFrame({"item": list(said), "target trial": list(said.values())})
        return html_table(frame, caption="The target trial")


ITEMS = tuple(item.name for item in fields(TargetTrial))


def words(item: str) -> str:
    """Give the name of an item as a reader meets it."""
    return item.replace("_", " ").capitalize()


def trial_table(plan: EvaluationPlan) -> pd.DataFrame:
    """Put the target trial beside its emulation.

    Returns
    -------
    DataFrame
        ``item, target_trial, emulation``, a row an item.
    """
    emulated = emulation(plan)
    said = [
        NOT_STATED if plan.target_trial is None else getattr(plan.target_trial, i) for i in ITEMS
    ]
    return pd.DataFrame(
        {
            "item": [words(item) for item in ITEMS],
            "target_trial": said,
            "emulation": [emulated[item] for item in ITEMS],
        }
    )


def emulation(plan: EvaluationPlan) -> dict[str, str]:
    """Say by item what the settings of a plan do."""
    design = plan.follow_up
    return {
        "eligibility": _eligibility(design),
        "strategies": f"Having joined {design.joining} by a day after leaving {design.leaving}, "
        f"against not having joined by then{_comparators(plan)}.",
        "assignment": f"As if by lot among people the same number of days after leaving, given "
        f"{_known(plan.balance)}.",
        "time_zero": _time_zero(design),
        "outcome": _outcome(plan),
        "contrast": _contrast(plan),
        "analysis": _analysis(plan),
    }


def _eligibility(design: FollowUpDesign) -> str:
    ends = [("on or after", design.exits_from), ("on or before", design.exits_to)]
    when = " and ".join(f"{side} {_day(day)}" for side, day in ends if day is not None)
    told = [
        f"Left {design.leaving}{f' {when}' if when else ''}",
        f"aged {design.min_age} or over" if design.min_age else "of any age",
        "alive on that day",
        *([] if design.seen_everywhere else ["living in the area"]),
        f"not under {design.joining} before",
    ]
    return ", ".join(told) + "."


def _comparators(plan: EvaluationPlan) -> str:
    own = plan.balance.comparator
    among = "" if own is None or own.letter == "any" else f", {comparator_words(own.letter).title}"
    others = [f"{each} ({comparator_words(each).title})" for each in plan.comparators]
    return among + (f"; and again under designs {', '.join(others)}" if others else "")


def _known(balance: BalanceDesign) -> str:
    terms, exact = (
        [name.replace("_", " ") for name in names] for names in (balance.terms, balance.exact)
    )
    return ", ".join(terms) + (f"; the same {' and '.join(exact)} in a match" if exact else "")


def _time_zero(design: FollowUpDesign) -> str:
    if design.time_zero == "own start":
        return (
            f"The day of joining {design.joining} for those who joined and the day of leaving "
            f"{design.leaving} for the others: unequal time zeros, which make an effect."
        )
    whole = f"The day of leaving {design.leaving}. "
    if design.exposure == "ever":
        return whole + "Those who ever joined count as exposed from it, which makes an effect."
    return whole + (
        "Those who joined are compared from the day of joining, each with people from the same "
        "number of days after leaving; days before joining are nobody's success."
    )


def _outcome(plan: EvaluationPlan) -> str:
    design = plan.follow_up
    return (
        f"A reoffence in {design.offence_set} within {design.months} months, proven "
        f"({' or '.join(plan.histories.proven_by)}) within {design.waiting_months} months of being "
        f"committed, not committed in custody; {design.clock} clock."
    )


def _contrast(plan: EvaluationPlan) -> str:
    joining = plan.follow_up.joining
    later = (
        f"people compared are watched until they join {joining}"
        if plan.until_joining
        else f"people compared who join {joining} later stay as they were matched"
    )
    measures = "; ".join(MEASURES[name] for name in plan.outcomes)
    again = f"; and again counting {' and '.join(plan.offence_sets)}" if plan.offence_sets else ""
    return f"The effect of joining on those who joined: {measures}{again}. As started: {later}."


def _analysis(plan: EvaluationPlan) -> str:
    told = [f"{_made_alike(plan.balance)}, variance over people."]
    if plan.hazards.terms:
        told.append(
            f"Cox model of the first reoffence on {', '.join(plan.hazards.terms)} ("
            f"{plan.hazards.ties} ties, {plan.hazards.variance} variance)."
        )
    if plan.missing is not None:
        tried = (
            f"; the effect of {plan.missing.tipping} until it tips" if plan.missing.tipping else ""
        )
        told.append(
            f"The same with missing needs filled in {plan.missing.copies} times over (seed "
            f"{plan.missing.seed}){tried}."
        )
    if plan.comparators:
        told.append(f"Other designs: {_ways(plan.comparators_way)}, at equal maturity.")
    if plan.cohorts:
        by = ", ".join(plan.cohorts)
        told.append(f"By {by}: {_ways(plan.cohorts_way)}, at equal maturity.")
    if plan.timing is not None:
        named = ", ".join(design.label for design in plan.timing.of(plan.balance.terms))
        told.append(f"By designs of time: {named}.")
    if plan.sensitivity is not None:
        measure = MEASURES[plan.sensitivity.outcome]
        told.append(f"Stress test: the {measure}, again with one choice changed at a time.")
    if plan.exploratory is not None:
        explored = {"need": plan.exploratory.needs, "dose": plan.exploratory.dose}
        by = " and ".join(name for name, asked in explored.items() if asked)
        told.append(f"Explored, and no finding: the effect by {by}.")
    return " ".join(told)


def _made_alike(balance: BalanceDesign) -> str:
    if balance.way != "match":
        return _ways(balance.way).capitalize()
    nearest = f"the {balance.ratio} nearest" if balance.ratio else "everyone"
    return (
        f"Matching within risk sets on the chance of joining ({balance.propensity}): {nearest} "
        f"within {balance.caliper:g} standard deviations of its log odds"
    )


def _ways(way: str) -> str:
    return {
        "match": "matching as in the main comparison",
        "entropy": "weights within risk sets until the means are equal",
        "inverse": "weights within risk sets by the odds of joining",
    }[way]


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
