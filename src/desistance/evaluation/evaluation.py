"""The evaluation: the story of the library, in the order of the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from desistance.balance import Balance, balance_cohorts
from desistance.comparison import CohortComparison, compare_cohorts
from desistance.errors import ModelError
from desistance.followup import FollowUp, follow_up
from desistance.histories import build_histories
from desistance.rates import ReoffendingRates, reoffending_rates
from desistance.survival import CoxFit, LogRank, Survival, fit_cox, kaplan_meier, log_rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from desistance.cases import CaseData
    from desistance.evaluation.plan import EvaluationPlan

NEEDS = "needs"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything an evaluation found, and the plan and data it rests on.

    `hazards` is None where the plan asks for no model; `balanced` and `effects` are None where
    nobody joined who could be matched, and `not_compared` says why.
    """

    plan: EvaluationPlan
    cases: CaseData
    followed: FollowUp
    rates: ReoffendingRates
    overall: Survival
    curves: Survival
    difference: LogRank
    hazards: CoxFit | None
    balanced: Balance | None
    effects: CohortComparison | None
    not_compared: str = ""

    def __repr__(self) -> str:
        return f"<Evaluation: {self.plan.title}: {len(self.followed.people)} people followed>"

    def summary(self) -> str:
        """Say everything in plain text, in the order of the report."""
        results = (self.rates, self.curves, self.hazards, self.balanced, self.effects)
        told = [repr(self.followed), *(part.summary() for part in results if part is not None)]
        return "\n\n".join([*told, self.not_compared]).strip()


def evaluate(
    cases: CaseData, plan: EvaluationPlan, *, progress: Callable[[str], None] | None = None
) -> Evaluation:
    """Run the plan, in the order of the method.

    Parameters
    ----------
    cases
        From `load_cases` or `simulate_cases`.
    plan
        The choices, see `EvaluationPlan`; `load_plan` reads them from a file.
    progress
        Called with the name of each step before it starts.

    Examples
    --------
    >>> from desistance import EvaluationPlan, SimulationDesign, evaluate, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> evaluate(cases, EvaluationPlan(title="A pilot")).effects.effect("time")["outcome"]
    'hazard ratio of the first reoffence'
    """
    say = progress or (lambda _: None)
    say("Building histories")
    histories = build_histories(cases, plan.histories)
    say("Following people up")
    followed = follow_up(cases, histories, plan.follow_up)
    say("Measuring reoffending")
    rates = reoffending_rates(followed)
    overall = kaplan_meier(followed)
    curves = kaplan_meier(followed, by="cohort")
    difference = log_rank(followed, by="cohort")
    say("Fitting hazards")
    hazards = _hazards(followed, plan)
    say("Balancing the cohorts")
    try:
        balanced = balance_cohorts(followed, plan.balance)
    except ModelError as error:
        why = str(error)
        return Evaluation(
            plan, cases, followed, rates, overall, curves, difference, hazards, None, None, why
        )
    say("Comparing the cohorts")
    effects = compare_cohorts(followed, balanced, plan.outcomes)
    return Evaluation(
        plan, cases, followed, rates, overall, curves, difference, hazards, balanced, effects
    )


def _hazards(followed: FollowUp, plan: EvaluationPlan) -> CoxFit | None:
    """Fit the plan's Cox model, with "needs" spelt out."""
    needs = [f"need_{code}" for code in followed.histories.scheme.headline]
    terms = [name for term in plan.hazards.terms for name in (needs if term == NEEDS else [term])]
    if not terms:
        return None
    return fit_cox(followed, terms, ties=plan.hazards.ties, variance=plan.hazards.variance)
