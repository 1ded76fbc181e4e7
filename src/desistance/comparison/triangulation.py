"""Several comparator designs of one plan, side by side: do they agree?

Each of A, B and C is the whole comparison over again (risk sets, chance of joining, matches,
balance, effects) with other people to compare with, at equal maturity and lag: see
`desistance.balance.comparators`. D is not about people but about areas, and is what
`rollout_effects` finds. E sets a published rate beside the rate of those who joined: no difference
is taken, because it would be read as an effect.

The designs share those who joined, so they are not independent, and none is averaged with another.
Where they disagree, they differ in what they cannot rule out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from desistance.balance import (
    BalanceDesign,
    CalendarRules,
    Comparator,
    balance_cohorts,
    candidates,
    comparison_flow,
    eligible,
    mature_joiners,
)
from desistance.balance.rows import refuse_no_followup
from desistance.catalogue import comparator_words
from desistance.comparison.effects import compare_cohorts
from desistance.comparison.effects.compare import MAIN
from desistance.comparison.effects.followed import HAZARD, RATE, RATIO
from desistance.comparison.effects.result import SHORT
from desistance.comparison.effects.wording import not_reported
from desistance.comparison.rollout import rollout_effects
from desistance.comparison.sidebyside import agreement, design_name, side_by_side
from desistance.errors import (
    FollowUpError,
    ModelError,
    NobodyToMatchError,
    NoOverlapError,
    PlanError,
)
from desistance.followup import follow_up
from desistance.histories.days import NEVER, months_to_days
from desistance.plots import DARK_GREY, new_axes, ratio_axis
from desistance.results import NOT_ESTIMABLE, Result, text_table
from desistance.survival import kaplan_meier
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from desistance.balance import Balance
    from desistance.comparison.effects import CohortComparison
    from desistance.followup import FollowUp

Design = Literal["A", "B", "C", "D", "E"]
Row = dict[str, Any]
UNLIKE = "no weights make the cohorts alike on every term"
AREA_LEVEL = "of everyone who left in those areas, joined or not"
DESCRIPTIVE = "a description of other people: not compared"
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
COLUMNS = (
    *("design", "outcome", "group", "n", "n_compared", "light", "level"), *NUMBERS, "note",
)  # fmt: skip
KINDS = dict.fromkeys(("n", "n_compared", "level"), "Int64") | dict.fromkeys(NUMBERS, "float64")


@dataclass(frozen=True, slots=True)
class ExternalRate:
    """A published rate of other people, for design E.

    Attributes
    ----------
    rate
        Reoffenders per 100 people within the follow-up.
    source
        Where it was published, and of whom.
    """

    rate: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 100 or not self.source.strip():
            raise PlanError(
                "An external rate lies from 0 to 100 per 100 people and has a `source`."
            )


@dataclass(frozen=True, slots=True, eq=False)
class UnderDesign:
    """What one design found.

    Attributes
    ----------
    letter
        "A" to "E".
    joiners, compared : DataFrame or None
        ``step, n_left_out, n_remaining``: those who joined, and the people to compare with.
    balanced, effects
        None where nobody can be compared, or the design does not compare people.
    """

    letter: Design
    joiners: pd.DataFrame | None = None
    compared: pd.DataFrame | None = None
    balanced: Balance | None = None
    effects: CohortComparison | None = None

    @property
    def light(self) -> str:
        """Worst traffic light of the balance; empty where people are not compared."""
        return "" if self.balanced is None else self.balanced.light

    @property
    def level(self) -> int:
        """Level on the Maryland scale; 0 where there is no comparison to place on it."""
        if self.letter in ("A", "B", "C") and self.balanced is None:
            return 0
        return comparator_words(self.letter).levels[self.light or "green"]

    @property
    def withheld(self) -> str:
        """Why no effect may be read from it; empty where one may."""
        return "" if self.balanced is None else not_reported(self.balanced)


@dataclass(frozen=True, slots=True, repr=False)
class Triangulation(Result):
    """The same question under several designs.

    Attributes
    ----------
    frame : DataFrame
        A row per design and outcome: ``design, outcome, group, n, n_compared, light, level,
        estimate, std_error, conf_low, conf_high, p_value, note``. A design whose balance is red, or
        that rests on fewer than 30 people, has no estimates here; they stand in
        ``found[letter].effects``.
    found : dict of letter to UnderDesign
    names : tuple of str
        Comparison group, and those who joined.
    definition : str
    caveats : tuple of str
    """

    frame: pd.DataFrame
    found: dict[str, UnderDesign]
    names: tuple[str, str]
    definition: str
    caveats: tuple[str, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """One row per design and outcome."""
        return self.frame.copy()

    def side_by_side(self) -> pd.DataFrame:
        """One row per design, its effects with their intervals as text."""
        return side_by_side(self.frame)

    def with_frame(self, frame: pd.DataFrame) -> Triangulation:
        """Give the same with other numbers, such as protected ones."""
        return replace(self, frame=frame)

    def agreement(self) -> str:
        """Say whether the designs agree, from the intervals alone."""
        shown = self.frame[~self.frame["design"].isin(["D", "E"])]
        return agreement(shown[shown["outcome"].isin(SHORT.values())])

    def summary(self) -> str:
        """Say what each design found, and what it can and cannot say."""
        words = [comparator_words(letter) for letter in self.found]
        return "\n".join(
            [
                f"{len(self.found)} comparator designs side by side: {self.definition}",
                text_table(self.side_by_side(), digits=2),
                self.agreement(),
                *(f"{told.letter}: {told.who} {told.says} {told.cannot}" for told in words),
                *self.caveats,
            ]
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the ratios of each design with their intervals."""
        rows = self.frame[self.frame["outcome"].isin([RATIO, HAZARD])].dropna(subset=["estimate"])
        letters = list(dict.fromkeys(rows["design"])) or list(self.found)
        ax = new_axes(ax, size=(7.2, 0.7 * len(letters) + 1.4))
        place = {letter: float(len(letters) - n) for n, letter in enumerate(letters)}
        ax.axvline(1, color=DARK_GREY, lw=0.8)
        for apart, (outcome, of_kind) in zip(
            (0.14, -0.14), rows.groupby("outcome", sort=False), strict=False
        ):
            share, low, high = of_kind[["estimate", "conf_low", "conf_high"]].to_numpy(float).T
            at = of_kind["design"].map(place).to_numpy() + apart
            ax.errorbar(share, at, xerr=(share - low, high - share), fmt="o" if apart > 0 else "s",
                        capsize=3, label=str(outcome).capitalize())  # fmt: skip
        ax.set_yticks(list(place.values()), [design_name(letter) for letter in letters])
        ax.set_ylim(0.4, len(letters) + 0.6)
        if len(rows):
            ratio_axis(ax)
            ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        ax.set_xlabel("Ratio (below 1: less reoffending)")
        return ax


def triangulate(
    followed: FollowUp,
    designs: Sequence[Design] = ("A", "C"),
    *,
    balance: BalanceDesign | None = None,
    calendar: CalendarRules | None = None,
    outcomes: Sequence[str] = MAIN,
    until_joining: bool = False,
    external: ExternalRate | None = None,
    confidence: float = 0.95,
) -> Triangulation:
    """Ask the same question under several comparator designs.

    Parameters
    ----------
    followed
        From `follow_up`. Its `exits_from` holds for those who joined; the historical people of B
        may have left before it.
    designs
        Letters of the designs, in the order to be shown; see `desistance.balance.comparators`.
    balance
        How each design's people are made alike: weighed by the odds of joining when None; its
        `comparator` is set by the design.
    outcomes, until_joining, confidence
        As in `compare_cohorts`.
    calendar
        How near in the calendar the people compared must be.
    external
        The published rate of E.

    Returns
    -------
    Triangulation
        A design in which nobody can be compared has a row that says so.

    Raises
    ------
    PlanError
        If a letter is unknown or stands twice, or E has no `external` rate.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, follow_up, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=300), rng=3)
    >>> followed = follow_up(cases, build_histories(cases))
    >>> triangulate(followed, ["A", "C"]).to_frame()["design"].unique().tolist()
    ['A', 'C']
    """
    refuse_no_followup(followed)
    check_designs(designs, external)
    if not len(designs):
        raise PlanError("There is no comparator design to run.")
    balance, calendar = balance or BalanceDesign(way="inverse"), calendar or CalendarRules()
    found: dict[str, UnderDesign] = {}
    rows: list[Row] = []
    for letter in designs:
        found[letter] = UnderDesign(letter)
        if letter == "D":
            rows += _area_level(followed, confidence)
        elif letter == "E":
            rows += _external(followed, external, confidence)
        else:
            found[letter] = _under(
                followed, letter, balance, calendar, outcomes, until_joining=until_joining,
                confidence=confidence,
            )  # fmt: skip
            rows += _effects_of(found[letter], outcomes)
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS).astype(KINDS)
    frame = frame.fillna({"note": "", "light": "", "group": ""})
    design = followed.design
    definition = (
        f"proven reoffences in {design.offence_set} within {design.months} months of joining "
        f"{design.joining}, each with {design.waiting_months} months to be proven"
    )
    return Triangulation(frame, found, design.names, definition, _caveats(found))


def check_designs(designs: Sequence[str], external: ExternalRate | None) -> None:
    """Refuse designs that do not exist or stand twice, and E without its rate."""
    unknown = [letter for letter in designs if letter not in get_args(Design)]
    if unknown or len(set(designs)) < len(designs):
        raise PlanError(
            f"`comparators` are some of {', '.join(get_args(Design))}, each once"
            + (f"; not {', '.join(unknown)}." if unknown else ".")
        )
    if "E" in designs and external is None:
        raise PlanError("Comparator E needs an `external` rate, with its source.")


def _under(
    followed: FollowUp,
    letter: Design,
    balance: BalanceDesign,
    calendar: CalendarRules,
    outcomes: Sequence[str],
    *,
    until_joining: bool,
    confidence: float,
) -> UnderDesign:
    """Run the whole comparison with the people of one design."""
    first, widened = None, followed
    if letter == "B":
        first, widened = followed.design.exits_from, _ever_left(followed)
    assert letter in ("A", "B", "C")
    comparator = Comparator(letter, calendar, first)
    compared = comparison_flow(widened, comparator)
    try:
        balanced = balance_cohorts(widened, replace(balance, comparator=comparator))
    except NobodyToMatchError as nobody:
        return UnderDesign(letter, nobody.flow, compared)
    except NoOverlapError:
        return UnderDesign(letter, candidates(widened, comparator)[1], compared)
    effects = compare_cohorts(
        widened, balanced, outcomes, until_joining=until_joining, confidence=confidence
    )
    return UnderDesign(letter, balanced.flow, compared, balanced, effects)


def _effects_of(found: UnderDesign, outcomes: Sequence[str]) -> list[Row]:
    """Lay out the effects of one design, or why there are none."""
    head: Row = {"design": found.letter, "level": found.level or pd.NA, "light": found.light}
    wanted = [SHORT[name] for name in outcomes]
    if found.effects is None or found.balanced is None:
        flows = [flow for flow in (found.compared, found.joiners) if flow is not None]
        lost = [step for flow in flows for step in flow.loc[flow["n_remaining"] == 0, "step"]]
        why = f"nobody to compare ({lost[0]})" if lost else UNLIKE
        return [head | {"outcome": name, "note": f"{NOT_ESTIMABLE}: {why}"} for name in wanted]
    head |= {"n": found.balanced.n_matched, "n_compared": found.balanced.n_compared}
    if found.withheld:
        return [head | {"outcome": name, "note": found.withheld} for name in wanted]
    return [row | head for row in found.effects.rows_of(outcomes)]


def _area_level(followed: FollowUp, confidence: float) -> list[Row]:
    """Estimate what going live did to everyone who left in an area, by `rollout_effects`."""
    head: Row = {"design": "D", "outcome": "difference at area level", "group": "areas"}
    why = ""
    everyone = _ever_left(followed)
    try:
        found = rollout_effects(everyone, confidence=confidence)
    except (ModelError, FollowUpError) as error:
        why = str(error)
    if why:
        return [head | {"note": f"{NOT_ESTIMABLE}: {why[:1].lower()}{why[1:].rstrip('.')}"}]
    row = found.effect()
    head["outcome"] = f"difference at area level in {found.outcome}"
    numbers, note = {name: row[name] for name in NUMBERS}, row["note"] or AREA_LEVEL
    if np.isnan(row["conf_low"]):  # a number without an interval says nothing
        numbers, note = {}, row["note"].removeprefix("error ")
    level = comparator_words("D").levels["green"]
    live = eligible(everyone, Comparator("any")).live < NEVER
    return [head | numbers | {"level": level, "n": int(live.sum()), "note": note}]


def _ever_left(followed: FollowUp) -> FollowUp:
    """Follow those too who left before the dates of the plan."""
    if followed.design.exits_from is None:
        return followed
    histories = followed.histories
    return follow_up(histories.cases, histories, replace(followed.design, exits_from=None))


def _external(followed: FollowUp, external: ExternalRate | None, confidence: float) -> list[Row]:
    """Set the published rate beside that of those who joined; no difference is taken."""
    assert external is not None
    head: Row = {"design": "E", "level": comparator_words("E").levels["green"], "outcome": RATE}
    own: Row = {"group": followed.design.names[1], "note": DESCRIPTIVE}
    own |= _rate_of_joined(followed, confidence)
    other: Row = {
        "group": "published elsewhere",
        "estimate": external.rate,
        "note": external.source,
    }
    return [head | own, head | other]


def _rate_of_joined(followed: FollowUp, confidence: float) -> Row:
    """Estimate the rate of everyone who joined and has a complete follow-up."""
    joiners, design = mature_joiners(followed), followed.design
    if not len(joiners):
        return {"note": f"{NOT_ESTIMABLE}: nobody who joined has a complete follow-up", "n": 0}
    rows = followed.from_day(
        joiners, followed.joined[joiners], months=design.months,
        until_joining=np.zeros(len(joiners), bool),
    ).drop_duplicates("pair")  # fmt: skip
    whole = rows.assign(
        event=rows["first_event"] <= rows["end"], day=np.minimum(rows["end"], rows["first_event"])
    )
    times = TimeToEvent.from_frame(whole, stop="day", event="event")
    at = kaplan_meier(times, confidence=confidence).at([months_to_days(design.months)]).iloc[0]
    return {
        "n": len(rows), "estimate": 100 * (1 - at["estimate"]), "std_error": 100 * at["std_error"],
        "conf_low": 100 * (1 - at["conf_high"]), "conf_high": 100 * (1 - at["conf_low"]),
    }  # fmt: skip


def _caveats(found: dict[str, UnderDesign]) -> tuple[str, ...]:
    said = []
    compared = [under for under in found.values() if under.effects is not None]
    if len(compared) > 1:
        said.append("The designs share those who joined: they are not independent of each other.")
    sizes = {under.balanced.n_matched for under in compared if under.balanced is not None}
    if len(sizes) > 1:
        said.append(
            "Not the same people who joined could be matched under each design, so that the "
            "designs answer for partly different people."
        )
    unlike = [under.letter for under in found.values() if under.withheld]
    if unlike:
        said.append(f"Not reported, for want of balance or people: {', '.join(unlike)}.")
    return tuple(said)
