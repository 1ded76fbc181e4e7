"""The plan of an evaluation, its lock, and the evaluation itself."""

from desistance.evaluation.evaluation import Evaluation, evaluate
from desistance.evaluation.exploring import ExploratoryDesign
from desistance.evaluation.lock import Locked, PlanLock, lock_plan, read_lock, settings_of
from desistance.evaluation.missing import Missing, MissingDesign
from desistance.evaluation.plan import EvaluationPlan, load_plan
from desistance.evaluation.timing import Timing, TimingDesign
from desistance.evaluation.trial import TargetTrial

__all__ = [
    "Evaluation",
    "EvaluationPlan",
    "ExploratoryDesign",
    "Locked",
    "Missing",
    "MissingDesign",
    "PlanLock",
    "TargetTrial",
    "Timing",
    "TimingDesign",
    "evaluate",
    "load_plan",
    "lock_plan",
    "read_lock",
    "settings_of",
]
