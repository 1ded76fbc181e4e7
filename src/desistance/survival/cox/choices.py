"""Which options of `fit_cox` there are, and which go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from desistance.errors import ModelError
from desistance.survival.partial_likelihood import Ties
from desistance.survival.penalty import Penalty, Ridge

if TYPE_CHECKING:
    from desistance.timetoevent import TimeToEvent

CoxTies = Ties | Literal["exact"]


def check_choices(ties: str, variance: str, cluster: str | None, penalty: Penalty | None) -> None:
    """Refuse options that are unknown, or that do not go together."""
    if ties not in ("efron", "breslow", "exact"):
        raise ModelError("`ties` is 'efron', 'breslow' or 'exact'.")
    if penalty not in (None, "firth") and not isinstance(penalty, Ridge):
        raise ModelError("`penalty` is None, 'firth' or Ridge(theta).")
    if ties == "exact" and penalty is not None:
        raise ModelError("A penalty goes with ties='efron' or 'breslow', not with 'exact'.")
    if variance not in ("model", "robust", "cluster"):
        raise ModelError("`variance` is 'model', 'robust' or 'cluster'.")
    if cluster is not None and variance != "cluster":
        raise ModelError("`cluster` has a meaning only with variance='cluster'.")
    if variance != "model" and (ties == "exact" or penalty is not None):
        what = "ties='exact'" if ties == "exact" else "a penalty"
        raise ModelError(f"There is no robust variance with {what}: use variance='model'.")


def check_weights(times: TimeToEvent, ties: str, penalty: Penalty | None) -> None:
    """Refuse weights where the likelihood has no place for them."""
    if times.weight is not None and (ties == "exact" or penalty == "firth"):
        what = "ties='exact'" if ties == "exact" else "penalty='firth'"
        raise ModelError(f"{what} takes no weights: read the rows without `weight`.")


def check_frailty(
    times: TimeToEvent, frailty: str | None, ties: str, variance: str, penalty: Penalty | None
) -> None:
    """Refuse what a shared frailty does not go with."""
    if frailty is None:
        return
    if ties == "exact" or penalty is not None:
        what = "ties='exact'" if ties == "exact" else "a penalty"
        raise ModelError(f"A frailty does not go with {what}: choose one of them.")
    if variance != "model":
        raise ModelError("There is no robust variance with a frailty: use variance='model'.")
    if times.weight is not None:
        raise ModelError(
            "A frailty takes no weights: they would make its variance too large. Read the rows "
            "without `weight`, or leave `frailty` out and use variance='cluster'."
        )
