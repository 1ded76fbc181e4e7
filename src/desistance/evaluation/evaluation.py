"""The evaluation: the story of the library, in the order of the method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from desistance.balance import Balance, balance_cohorts, candidates
from desistance.comparison import (
    CohortComparison,
    CohortEffects,
    StressTest,
    Triangulation,
    compare_by_each,
    compare_cohorts,
    stress_test,
    triangulate,
)
from desistance.errors import NobodyToMatchError, NoOverlapError
from desistance.evaluation.exploring import explore
from desistance.evaluation.missing import Missing, fill_in
from desistance.evaluation.process import Process, describe_process
from desistance.evaluation.timing import Timing, compare_timing
from desistance.followup import FollowUp, follow_up
from desistance.histories import build_histories
from desistance.rates import ReoffendingRates, reoffending_rates
from desistance.results import text_table
from desistance.survival import CoxFit, LogRank, Survival, fit_cox, kaplan_meier, log_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desistance.cases import CaseData
    from desistance.comparison import SensitivityDesign
    from desistance.comparison.exploratory import Explored
    from desistance.evaluation.lock import PlanLock
    from desistance.evaluation.plan import EvaluationPlan

NEEDS = "needs"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything an evaluation found, and the plan and data it rests on.

    `hazards` is None where the plan asks for no model; `balanced` and `effects` are None where
    nobody who joined could be matched, and `not_compared` counts where they were lost. What the
    plan does not ask for is None, or empty. `lock` is None where the plan was not locked before
    outcomes were opened; `deviations` lists what is not as it was locked (``what, locked, now``).
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
    not_compared: pd.DataFrame | None
    process: Process
    triangulation: Triangulation | None = None
    cohorts: tuple[CohortEffects, ...] = ()
    timing: Timing | None = None
    stress: StressTest | None = None
    explored: tuple[Explored, ...] = ()
    missing: Missing | None = None
    lock: PlanLock | None = None
    deviations: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return f"<Evaluation: {self.plan.title}: {len(self.followed.people)} people followed>"

    def summary(self) -> str:
        """Say everything in plain text, in the order of the report."""
        results = (
            self.rates, self.curves, self.process, self.hazards, self.missing, self.balanced,
            self.effects, self.triangulation, *self.cohorts, self.timing,
            self.stress, *self.explored,
        )  # fmt: skip
        told = [repr(self.followed), *(part.summary() for part in results if part is not None)]
        told = [part for part in told if part]
        if self.not_compared is not None:
            told.append(f"Nobody can be compared:\n{text_table(self.not_compared)}")
        return "\n\n".join(told)


def evaluate(
    cases: CaseData,
    plan: EvaluationPlan,
    *,
    lock: PlanLock | None = None,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Run the plan, in the order of the method.

    Parameters
    ----------
    cases
        From `load_cases` or `simulate_cases`.
    plan
        The choices, see `EvaluationPlan`; `load_plan` reads them from a file.
    lock
        The plan as it was locked (`read_lock`): what differs is listed as a deviation.
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
    deviations = None if lock is None else lock.deviations(plan, cases)
    say("Building histories")
    histories = build_histories(cases, plan.histories)
    say("Following people up")
    followed = follow_up(cases, histories, plan.follow_up)
    say("Measuring reoffending")
    rates = reoffending_rates(followed)
    overall = kaplan_meier(followed)
    curves = kaplan_meier(followed, by="cohort")
    difference = log_rank(followed, by="cohort")
    say("Describing needs and support")
    process = describe_process(followed, plan.needs)
    say("Fitting hazards")
    hazards, missing, terms = None, None, _terms(followed, plan)
    if terms:
        ties, variance = plan.hazards.ties, plan.hazards.variance
        hazards = fit_cox(followed, terms, ties=ties, variance=variance)
    if terms and plan.missing is not None:
        say("Filling in missing needs")
        missing = fill_in(followed, terms, plan.hazards, plan.missing)
    found = Evaluation(
        plan, cases, followed, rates, overall, curves, difference, hazards, None, None, None,
        process, missing=missing, lock=lock, deviations=deviations,
    )  # fmt: skip
    say("Balancing the cohorts")
    try:
        balanced = balance_cohorts(followed, plan.balance)
    except NobodyToMatchError as nobody:
        return replace(found, not_compared=nobody.flow)
    except NoOverlapError:
        return replace(found, not_compared=_without_overlap(followed, plan))
    say("Comparing the cohorts")
    effects = compare_cohorts(
        followed, balanced, plan.outcomes, offence_sets=plan.offence_sets,
        until_joining=plan.until_joining,
    )  # fmt: skip
    found = replace(found, balanced=balanced, effects=effects)
    return replace(found, **dict(_asked_for(followed, balanced, plan, say)))


def _without_overlap(followed: FollowUp, plan: EvaluationPlan) -> pd.DataFrame:
    """Account for those who joined, where no weights make others like them."""
    flow = candidates(followed, plan.balance.comparator)[1]
    left = int(flow["n_remaining"].iloc[-1])
    step = "on some mix of the terms the cohorts do not overlap, so no weights make them alike"
    lost = pd.DataFrame({"step": [step], "n_left_out": [left], "n_remaining": [0]})
    return pd.concat([flow, lost], ignore_index=True)


def _asked_for(
    followed: FollowUp, balanced: Balance, plan: EvaluationPlan, say: Callable[[str], None]
) -> Iterator[tuple[str, Any]]:
    """Do what the plan asks for besides the comparison, by the name it has in the evaluation."""
    if plan.comparators:
        say("Comparing under other designs")
        yield "triangulation", triangulate(
            followed, plan.comparators,
            balance=replace(plan.balance, way=plan.comparators_way), calendar=plan.calendar,
            outcomes=plan.main_outcomes, until_joining=plan.until_joining, external=plan.external,
        )  # fmt: skip
    if plan.cohorts:
        say("Comparing by cohort")
        yield "cohorts", compare_by_each(
            followed, plan.cohorts, balance=replace(plan.balance, way=plan.cohorts_way),
            outcomes=plan.main_outcomes, until_joining=plan.until_joining,
        )  # fmt: skip
    if plan.timing is not None:
        say("Comparing by designs of time")
        yield "timing", compare_timing(followed, balanced, plan.timing, plan.balance.terms)
    if plan.sensitivity is not None:
        say("Stress-testing")
        yield "stress", _stressed(followed, balanced, plan, plan.sensitivity, say)
    if plan.exploratory is not None:
        say("Exploring for whom joining does more")
        yield "explored", explore(followed, balanced, plan.exploratory)


def _stressed(
    followed: FollowUp, balanced: Balance, plan: EvaluationPlan, design: SensitivityDesign,
    say: Callable[[str], None],
) -> StressTest:  # fmt: skip
    """Stress the comparison as the plan makes it."""
    balance = plan.balance
    matched = balance.way == "match" and balance.comparator is None
    if not matched:  # there is no caliper to change
        design = replace(design, calipers=(), ratios=())
    return stress_test(
        followed, balanced, design,
        balance=balance if matched else lambda again: balance_cohorts(again, balance),
        until_joining=plan.until_joining, progress=lambda name: say(f"Stress-testing: {name}"),
    )  # fmt: skip


def _terms(followed: FollowUp, plan: EvaluationPlan) -> list[str]:
    """Name the terms of the plan's Cox model, "needs" spelt out: those anybody was assessed on."""
    columns = [f"need_{code}" for code in followed.histories.scheme.headline]
    needs = [name for name in columns if followed.people[name].notna().any()]
    return [name for term in plan.hazards.terms for name in (needs if term == NEEDS else [term])]
