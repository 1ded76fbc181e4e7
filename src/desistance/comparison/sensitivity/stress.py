"""Everything a hostile reader would try, in one call.

as planned
    The effect, and its p-value among those of its family.
one change at a time
    The choices of the follow-up, the comparison and the balance, and the people: the estimate
    should stay about where it is.
checks that should come out in a known way
    A negative control should show no difference. An effect found among reoffences that victims
    reported does not come from police looking harder at one side.
what it would take
    E-value, hidden bias, an unmeasured confounder, and people not followed to the end: how large
    each would have to be to overturn the finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance import BalanceDesign, estimate_propensity, match_cohorts
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.followed import balance_of
from desistance.comparison.multiplicity import adjusted_p
from desistance.comparison.sensitivity.again import (
    Analysis,
    Rebalance,
    Row,
    by_detection,
    changed_choices,
    effect_row,
    fewer_people,
    negative_control,
    unfair_clocks,
)
from desistance.comparison.sensitivity.bounds import RosenbaumBounds, rosenbaum_bounds
from desistance.comparison.sensitivity.design import SensitivityDesign
from desistance.comparison.sensitivity.evalue import e_value
from desistance.comparison.sensitivity.found import FAMILY, PLANNED, StressTest
from desistance.comparison.sensitivity.tipping import (
    HUNDRED,
    TIPS_LIMIT,
    Kind,
    tipping_point,
    tipping_unseen,
)
from desistance.errors import DesistanceError, ModelError
from desistance.histories.days import months_to_days
from desistance.results import NOT_ESTIMABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desistance.balance import Balance, Propensity
    from desistance.comparison.effects import CohortComparison
    from desistance.followup import FollowUp

COLUMNS = [
    "outcome", "group", "term", "n", "estimate", "std_error", "conf_low", "conf_high", "p_value",
    "note",
]  # fmt: skip
INTERVAL = ("estimate", "conf_low", "conf_high")
SCALES: dict[str, Kind] = {"rate": "difference", "frequency": "rate ratio", "time": "hazard ratio"}
BASELINE = "reoffenders per 100 people"
COMMON = 15.0  # reoffenders per 100 beyond which a hazard ratio is no risk ratio
CONFOUNDING, CONFOUNDER = "unmeasured confounding", "unmeasured confounder"
HIDDEN, UNSEEN = "hidden bias", "people not followed to the end"
GAMMA = "largest bias (Gamma) at which more or fewer reoffenders would still be found"


@dataclass(frozen=True, slots=True)
class _Ends:
    """Of each row of the matches: whether it reoffended, and whether it was not seen to the end."""

    reoffended: np.ndarray
    unseen: np.ndarray


def stress_test(
    followed: FollowUp,
    balanced: Balance,
    design: SensitivityDesign | None = None,
    *,
    balance: Rebalance | None = None,
    until_joining: bool = False,
    confidence: float = 0.95,
    progress: Callable[[str], None] | None = None,
) -> StressTest:
    """Try an effect from every side, and say how far it moves.

    Parameters
    ----------
    followed, balanced
        From `follow_up` and `balance_cohorts`.
    design
        Which checks; see `SensitivityDesign`.
    balance
        How `balanced` was made: the `BalanceDesign`, or a function that makes it from a follow-up,
        ``lambda f: weigh_cohorts(estimate_propensity(f, terms=["age"]), method="entropy")``.
    until_joining, confidence
        Of the comparison as planned; see `compare_cohorts`.
    progress
        Called with the name of each analysis before it starts.

    Returns
    -------
    StressTest
        A row for each check; where one cannot be made its `note` says why.

    Raises
    ------
    ModelError
        If `balance` makes other cohorts than `balanced`: every check would then differ from the
        plan by more than its one change.

    Examples
    --------
    >>> from desistance import SimulationDesign, balance_cohorts, build_histories
    >>> from desistance import follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=150), rng=3)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> small = SensitivityDesign(areas=False, offence_sets=(), unfair_time_zeros=False)
    >>> stressed = stress_test(followed, balance_cohorts(followed), small)
    >>> stressed.n_analyses, stressed.alternatives["group"].nunique()
    (14, 6)
    """
    design = design or SensitivityDesign()
    balance = BalanceDesign() if balance is None else balance
    chance = _chance(followed, balance)
    _same_cohorts(_made_again(followed, balance, chance), balanced)
    outcomes = list(dict.fromkeys((design.outcome, *design.family)))
    compared = compare_cohorts(
        followed, balanced, outcomes, until_joining=until_joining, confidence=confidence
    )
    analysis = Analysis(
        followed, balanced, balance, chance, until_joining, confidence, design.outcome,
        progress or (lambda _: None),
    )  # fmt: skip
    planned = effect_row(compared, design.outcome, balanced) | {"group": PLANNED, "term": ""}
    again = [row | {"outcome": planned["outcome"]} for row in _runs(analysis, design)]
    ends = _ends(followed, balanced.matches)
    share = _baseline(compared, followed.design.names[0])
    bounds, why = _bounds(analysis)
    takes = [*_strengths(planned, design, share), *_hidden(bounds, why)]
    takes += _unseen(analysis, planned, ends)
    rows = [planned, *again, *takes]
    frame = pd.DataFrame(rows, columns=COLUMNS).fillna({"note": ""})
    frame = frame.astype(dict.fromkeys(COLUMNS[4:9], float) | {"n": "Int64"})
    return StressTest(
        frame,
        str(planned["outcome"]),
        len(again),
        _family(compared, design),
        bounds,
        compared.definition,
        balanced.light,
        tuple((planned | row)["basis"] for row in rows),
        compared.caveats,
    )


def _runs(analysis: Analysis, design: SensitivityDesign) -> Iterator[Row]:
    """Run the comparison again in every other way."""
    yield from changed_choices(analysis, design)
    yield from fewer_people(analysis, design)
    if design.unfair_time_zeros:
        yield from unfair_clocks(analysis)
    if design.detection:
        yield from by_detection(analysis)
    if design.negative_control:
        yield negative_control(analysis, design.negative_control)


def _chance(followed: FollowUp, balance: Rebalance) -> Propensity | None:
    """Score everyone once, for all the balances of one follow-up."""
    if not isinstance(balance, BalanceDesign):
        return None
    return estimate_propensity(followed, terms=balance.terms, method=balance.propensity)


def _made_again(followed: FollowUp, balance: Rebalance, chance: Propensity | None) -> Balance:
    if isinstance(balance, BalanceDesign):
        assert chance is not None
        return match_cohorts(
            chance, ratio=balance.ratio, replacement=True, caliper=balance.caliper,
            exact=balance.exact,
        )  # fmt: skip
    return balance(followed)


def _same_cohorts(made: Balance, given: Balance) -> None:
    """Refuse a balance that `balance` does not give."""
    keys = ["row", "match", "exposed", "weight"]
    one, other = (
        balance_of(made_by).matches[keys].sort_values(keys[:2]).to_numpy(float)
        for made_by in (made, given)
    )
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-6, atol=1e-9):
        raise ModelError(
            "`balance` does not give the cohorts of `balanced`, so that every check would change "
            "more than one thing. Pass the BalanceDesign, or the function of a follow-up, that "
            "made `balanced`."
        )


def _ends(followed: FollowUp, matches: pd.DataFrame) -> _Ends:
    """Say how the follow-up of each matched row ended; calendar days, custody and all."""
    rows = followed.from_day(
        matches["person"].to_numpy(), matches["day"].to_numpy(), months=followed.design.months,
        until_joining=np.zeros(len(matches), bool),
    ).drop_duplicates("pair")  # fmt: skip
    reoffended, seen = np.zeros(len(matches), bool), np.zeros(len(matches), bool)
    reoffended[rows["pair"]] = rows["first_event"] <= rows["end"]
    seen[rows["pair"]] = rows["end"] >= months_to_days(followed.design.months)
    return _Ends(reoffended, ~(seen | reoffended))


def _baseline(compared: CohortComparison, comparison: str) -> float:
    """Reoffenders per 100 of the comparison cohort; NaN where the rate was not compared."""
    frame = compared.to_frame()
    share = frame.loc[
        frame["outcome"].eq(BASELINE) & frame["group"].eq(comparison), "estimate"
    ].to_numpy(float)
    return float(share[0]) if len(share) else float("nan")


def _strengths(planned: Row, design: SensitivityDesign, share: float) -> Iterator[Row]:
    """E-values, and the confounders that would tip the effect."""
    scale = SCALES[design.outcome]
    found = [float(planned[name]) for name in INTERVAL]
    known = share if share > 0 else HUNDRED  # without a rate there is no difference either
    told = e_value(
        *found, scale=scale, common=not share <= COMMON,
        baseline=known if scale == "difference" else None,
    )  # fmt: skip
    yield from _records(told.to_frame().assign(group=CONFOUNDING))
    tipped = tipping_point(*found, scale=scale)
    yield from _tips(tipped.to_frame(), CONFOUNDER)


def _tips(frame: pd.DataFrame, group: str) -> list[Row]:
    """Take what tips the interval; where that holds no effect already, what tips the estimate."""
    of_limit = frame["group"].eq(TIPS_LIMIT)
    settled = frame.loc[of_limit, "note"].str.contains("already").any()
    chosen = frame[~of_limit if settled else of_limit]
    return _records(chosen.assign(term=chosen["group"] + ": " + chosen["term"], group=group))


def _records(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _bounds(analysis: Analysis) -> tuple[RosenbaumBounds | None, str]:
    """Bound the p-value of reoffending, on sets in which everybody stands once and was seen."""
    try:
        matches = _apart(analysis)
        ends = _ends(analysis.followed, matches)
        sets = matches.assign(reoffended=ends.reoffended)[~ends.unseen]
        found = rosenbaum_bounds(sets, outcome="reoffended", confidence=analysis.confidence)
    except DesistanceError as refused:
        return None, f"{NOT_ESTIMABLE}: {str(refused).splitlines()[0]}"
    return found, ""


def _apart(analysis: Analysis) -> pd.DataFrame:
    """Match pairs in which nobody stands twice: the bounds take sets to be independent."""
    plan, matches = analysis.balance, analysis.balanced.matches
    if isinstance(plan, BalanceDesign):
        assert analysis.chance is not None
        matches = match_cohorts(
            analysis.chance, ratio=1, caliper=plan.caliper, exact=plan.exact
        ).matches
        # Who has served as a comparison does not come back as one who joined.
        served = matches.loc[~matches["exposed"], "person"]
        again = matches.loc[matches["exposed"] & matches["person"].isin(served), "match"]
        matches = matches[~matches["match"].isin(again)]
    if matches["person"].duplicated().any():
        raise ModelError("people stand in several matched sets")
    return matches.reset_index(drop=True)


def _hidden(bounds: RosenbaumBounds | None, why: str) -> list[Row]:
    row: Row = {"outcome": GAMMA, "group": HIDDEN, "term": "", "note": why}
    if bounds is not None:
        note = "" if bounds.gamma > 1 else "not found even without hidden bias"
        row |= {
            "term": bounds.test, "n": bounds.n_sets, "estimate": bounds.gamma, "note": note,
            "p_value": bounds.frame["p_value"].iloc[0],
        }  # fmt: skip
    return [row]


def _unseen(analysis: Analysis, planned: Row, ends: _Ends) -> list[Row]:
    """Say how unlike people not followed would have to be."""
    if analysis.outcome != "rate":
        return []
    matches = analysis.balanced.matches
    weight, joined = matches["weight"].to_numpy(), matches["exposed"].to_numpy()
    ours, theirs = (
        float(weight[side & ends.unseen].sum() / weight[side].sum()) for side in (joined, ~joined)
    )
    found = [float(planned[name]) for name in INTERVAL]
    return _tips(tipping_unseen(*found, unseen=(ours, theirs)).to_frame(), UNSEEN)


def _family(compared: CohortComparison, design: SensitivityDesign) -> pd.DataFrame:
    """Adjust the p-values of the effects as planned for how many they are."""
    rows = [compared.effect(name) for name in dict.fromkeys(design.family)]
    frame = pd.DataFrame(rows).reindex(columns=FAMILY[:5]).reset_index(drop=True)
    p = frame["p_value"].astype(float)
    return frame.assign(holm=adjusted_p(p, "holm"), bh=adjusted_p(p, "bh"))
