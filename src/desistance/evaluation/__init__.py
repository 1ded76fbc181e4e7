"""The plan of an evaluation, and the evaluation itself."""

from desistance.evaluation.evaluation import Evaluation, evaluate
from desistance.evaluation.plan import EvaluationPlan, load_plan

__all__ = ["Evaluation", "EvaluationPlan", "evaluate", "load_plan"]
