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

Of a plain frame, what changes a date, a clock or which offences count cannot be done and is listed
with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from desistance.balance import BalanceDesign, estimate_propensity, match_cohorts
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.followed import RATE, balance_of
from desistance.comparison.effects.outcomes import KINDS, Outcome, listed
from desistance.comparison.multiplicity import adjusted_p
from desistance.comparison.sensitivity.again import Analysis, Rebalance, Row, again, effect_row
from desistance.comparison.sensitivity.design import SensitivityDesign
from desistance.comparison.sensitivity.found import FAMILY, PLANNED, StressTest
from desistance.comparison.sensitivity.frames import (
    FrameAnalysis,
    MakeAlike,
    again_of_frame,
    checked_balance,
    checked_control,
    lacking,
    main_effect,
    measured,
    sets_of,
)
from desistance.comparison.sensitivity.takes import (
    HAPPENED,
    UNKNOWN,
    bounded,
    hidden,
    share_of,
    strengths,
    unseen,
)
from desistance.errors import ModelError
from desistance.histories.days import months_to_days

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from desistance.balance import Balance, Propensity
    from desistance.balance.propensity import Method
    from desistance.comparison.effects import Effects
    from desistance.comparison.effects.variance import Clustering
    from desistance.comparison.sensitivity.bounds import RosenbaumBounds
    from desistance.comparison.sensitivity.tipping import Kind
    from desistance.followup import FollowUp

COLUMNS = [
    "outcome", "group", "term", "n", "estimate", "std_error", "conf_low", "conf_high", "p_value",
    "note",
]  # fmt: skip
SCALES: dict[str, Kind] = {"rate": "difference", "frequency": "rate ratio", "time": "hazard ratio"}
USUAL = SensitivityDesign()


@dataclass(frozen=True, slots=True)
class _Ends:
    """Of each row of the matches: whether it reoffended, and whether it was not seen to the end."""

    reoffended: np.ndarray
    unseen: np.ndarray


@overload
def stress_test(
    people: FollowUp,
    balanced: Balance,
    design: SensitivityDesign | None = ...,
    *,
    balance: Rebalance | None = ...,
    until_joining: bool = ...,
    clusters: Clustering | None = ...,
    confidence: float = ...,
    progress: Callable[[str], None] | None = ...,
) -> StressTest: ...
@overload
def stress_test(
    people: pd.DataFrame,
    balanced: Balance,
    design: SensitivityDesign | None = ...,
    *,
    outcomes: Sequence[Outcome],
    exposed: str,
    terms: Sequence[str],
    method: Method = ...,
    rng: int | None = ...,
    balance: MakeAlike = ...,
    area: str | None = ...,
    negative_control: Outcome | None = ...,
    person: str | None = ...,
    propensity: Propensity | None = ...,
    clusters: Clustering | None = ...,
    confidence: float = ...,
    progress: Callable[[str], None] | None = ...,
) -> StressTest: ...
def stress_test(
    people: FollowUp | pd.DataFrame,
    balanced: Balance,
    design: SensitivityDesign | None = None,
    *,
    outcomes: Sequence[Outcome] = (),
    exposed: str | None = None,
    terms: Sequence[str] = (),
    method: Method = "logistic",
    rng: int | None = None,
    balance: Any = None,
    area: str | None = None,
    negative_control: Outcome | None = None,
    until_joining: bool = False,
    person: str | None = None,
    propensity: Propensity | None = None,
    clusters: Clustering | None = None,
    confidence: float = 0.95,
    progress: Callable[[str], None] | None = None,
) -> StressTest:
    """Try an effect from every side, and say how far it moves.

    Parameters
    ----------
    people, balanced
        A follow-up and its `balance_cohorts` (or any balance of it); or a frame, and the balance
        made of it.
    design
        Which checks; see `SensitivityDesign`, whose `outcome` and `family` are for a follow-up.
    outcomes
        Of a frame: a list of `Mean`, `Binary`, `Count` and `TimeTo`. The first effect of the first
        is stressed (of yes and no the difference, of times the hazard ratio); the first effects of
        all are the family.
    exposed, terms, method, rng
        Of a frame: how the chance of being exposed was estimated, as of `estimate_propensity`.
    balance
        How `balanced` was made. Of a follow-up: the `BalanceDesign`, or a function that makes it
        from a follow-up, ``lambda f: weigh_cohorts(estimate_propensity(f, terms=["age"]))``. Of a
        frame: `match_cohorts` (the default), `weigh_cohorts`, or a ``functools.partial`` of one
        with its choices.
    area, negative_control
        Of a frame: a column whose groups are left out in turn, and an outcome that being exposed
        should not move, of the kind of the first.
    until_joining, person, propensity, clusters, confidence
        Of the comparison as planned; see `compare_cohorts`. With `propensity` each check that
        weighs people anew counts its own weights as estimated.
    progress
        Called with the name of each analysis before it starts.

    Returns
    -------
    StressTest
        A row for each check, in the unit of the effect; where one cannot be made its `note` says
        why. Of a frame these are the checks that need dates or offences.

    Raises
    ------
    ModelError
        If `balance` makes other cohorts than `balanced`: every check would then differ from the
        plan by more than its one change. If a column is unknown, or what is given is not for
        `people` of this make.

    References
    ----------
    See `desistance.comparison.sensitivity.evalue`, `bounds` and `tipping`.

    Examples
    --------
    >>> from desistance import SimulationDesign, balance_cohorts, build_histories
    >>> from desistance import follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=300), rng=3)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> small = SensitivityDesign(areas=False, offence_sets=(), unfair_time_zeros=False)
    >>> stressed = stress_test(followed, balance_cohorts(followed), small)
    >>> stressed.n_analyses, stressed.alternatives["group"].nunique()
    (14, 6)

    A frame, whose people are matched to the nearest within a caliper:

    >>> from functools import partial
    >>> from desistance import Binary
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"age": rng.integers(18, 50, 300)})
    >>> frame["area"] = rng.choice(["N", "S"], 300)
    >>> frame["joined"] = rng.random(300) < frame.age / 120
    >>> frame["again"] = rng.random(300) < 0.7 - 0.25 * frame.joined - frame.age / 200
    >>> near = partial(match_cohorts, caliper=0.2)
    >>> chosen = {"exposed": "joined", "terms": ["age"]}
    >>> stressed = stress_test(
    ...     frame, near(estimate_propensity(frame, **chosen)), outcomes=[Binary("again")],
    ...     balance=near, area="area", **chosen,
    ... )
    >>> stressed.alternatives[["group", "term", "estimate"]].round(1)
                  group    term  estimate
    1           caliper  0.1 SD     -23.4
    2           caliper  0.4 SD     -24.1
    3  matches for each       5     -23.0
    4     area left out       N     -15.2
    5     area left out       S     -32.6
    >>> stressed.bounds.frame[["term", "p_value"]].round(3).head(3)
       term  p_value
    0  1.00    0.003
    1  1.25    0.025
    2  1.50    0.090
    >>> stressed.frame.loc[stressed.frame["group"] == "clock", "note"].iloc[0]
    'not estimable: only a follow-up knows the days in custody'
    """
    design, say = design or USUAL, progress or (lambda _: None)
    if isinstance(people, pd.DataFrame):
        if until_joining:
            raise ModelError("`until_joining` is for a follow-up.")
        balance = match_cohorts if balance is None else balance
        score = partial(
            estimate_propensity, exposed=exposed, terms=terms, method=method, rng=rng or 0
        )
        compare = partial(compare_cohorts, person=person, clusters=clusters, confidence=confidence)
        return _of_frame(
            FrameAnalysis(
                people, balanced, tuple(listed(outcomes, KINDS)), score, balance, compare,
                score(people), propensity, person, confidence, area, negative_control, say,
            ),
            design,
        )  # fmt: skip
    given = (exposed, rng, area, negative_control, person, propensity)
    if outcomes or terms or any(one is not None for one in given):
        raise ModelError(
            "`outcomes`, `exposed`, `terms`, `rng`, `area`, `negative_control`, `person` and "
            "`propensity` are for a frame; of a follow-up, see `SensitivityDesign`."
        )
    balance = BalanceDesign() if balance is None else balance
    return _of_follow_up(
        Analysis(
            people, balanced, balance, _chance(people, balance), until_joining, clusters,
            confidence, design.outcome, say,
        ),
        design,
    )  # fmt: skip


def _of_follow_up(analysis: Analysis, design: SensitivityDesign) -> StressTest:
    followed, balanced = analysis.followed, analysis.balanced
    made = _made_again(followed, analysis.balance, analysis.chance)
    _same_cohorts(made, balanced, "the BalanceDesign, or the function of a follow-up,")
    compared = compare_cohorts(
        followed, balanced, list(dict.fromkeys((design.outcome, *design.family))),
        until_joining=analysis.until_joining, clusters=analysis.clusters,
        confidence=analysis.confidence,
    )  # fmt: skip
    planned = effect_row(compared, design.outcome, balanced)
    bounds, why = bounded(lambda: _sets(analysis), analysis.confidence)
    share = share_of(compared, RATE, followed.design.names[0])
    takes = [
        *strengths(planned, SCALES[design.outcome], share),
        hidden(bounds, why, "more or fewer reoffenders"),
    ]
    if design.outcome == "rate":
        takes += unseen(planned, _shares_unseen(followed, balanced.matches))
    family = [compared.effect(name) for name in dict.fromkeys(design.family)]
    return _together(compared, planned, list(again(analysis, design)), takes, family, bounds)


def _of_frame(analysis: FrameAnalysis, design: SensitivityDesign) -> StressTest:
    if (design.outcome, design.family) != (USUAL.outcome, USUAL.family):
        raise ModelError(
            "`outcome` and `family` of a design are for a follow-up; of a frame, name `outcomes`."
        )
    balanced = analysis.balanced
    effects = [analysis.compared(one) for one in dict.fromkeys(analysis.outcomes)]
    checked_control(analysis)
    made = checked_balance(analysis)(analysis.chance)
    _same_cohorts(made, balanced, "the `exposed`, `terms`, `method`, `rng` and `balance`")
    compared, name = effects[0], main_effect(effects[0])
    planned = effect_row(compared, name, balanced)
    bounds, why = bounded(lambda: sets_of(analysis), analysis.confidence)
    takes = [
        *strengths(planned, *measured(analysis, compared)),
        hidden(bounds, why, f"a {name}" if name.startswith("difference") else "a difference"),
        *lacking(analysis, design),
    ]
    rows = list(again_of_frame(analysis, design, name))
    family = [one.effect(main_effect(one)) for one in effects]
    return _together(compared, planned, rows, takes, family, bounds)


def _together(
    compared: Effects, planned: Row, again: list[Row], takes: list[Row],
    family: list[pd.Series], bounds: RosenbaumBounds | None,
) -> StressTest:  # fmt: skip
    """Lay the rows out: as planned, run again, and what it would take."""
    planned = planned | {"group": PLANNED, "term": ""}
    rows = [planned, *({"outcome": planned["outcome"]} | row for row in [*again, *takes])]
    frame = pd.DataFrame(rows, columns=COLUMNS).fillna({"note": ""})
    frame = frame.astype(dict.fromkeys(COLUMNS[4:9], float) | {"n": "Int64"})
    return StressTest(
        frame,
        str(planned["outcome"]),
        len(again),
        _adjusted(family),
        bounds,
        compared.definition,
        compared.light,
        tuple((planned | row)["basis"] for row in rows),
        compared.caveats,
    )


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


def _same_cohorts(made: Balance, given: Balance, by: str) -> None:
    """Refuse a balance that `balance` does not give."""
    keys = ["row", "match", "exposed", "weight"]
    one, other = (
        balance_of(made_by).matches[keys].sort_values(keys[:2]).to_numpy(float)
        for made_by in (made, given)
    )
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-6, atol=1e-9):
        raise ModelError(
            "`balance` does not give the cohorts of `balanced`, so that every check would change "
            f"more than one thing. Pass {by} that made `balanced`."
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


def _sets(analysis: Analysis) -> pd.DataFrame:
    """Give pairs in which nobody stands twice, and how the follow-up of each person ended."""
    matches = _apart(analysis)
    ends = _ends(analysis.followed, matches)
    return matches.assign(**{HAPPENED: ends.reoffended, UNKNOWN: ends.unseen})


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


def _shares_unseen(followed: FollowUp, matches: pd.DataFrame) -> tuple[float, float]:
    """Share of those who joined, and of the others, who were not seen to the end."""
    ends = _ends(followed, matches)
    weight, joined = matches["weight"].to_numpy(), matches["exposed"].to_numpy()
    ours, theirs = (
        float(weight[side & ends.unseen].sum() / weight[side].sum()) for side in (joined, ~joined)
    )
    return ours, theirs


def _adjusted(family: list[pd.Series]) -> pd.DataFrame:
    """Adjust the p-values of the effects as planned for how many they are."""
    frame = pd.DataFrame(family).reindex(columns=FAMILY[:5]).reset_index(drop=True)
    p = frame["p_value"].astype(float)
    return frame.assign(holm=adjusted_p(p, "holm"), bh=adjusted_p(p, "bh"))
