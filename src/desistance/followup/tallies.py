"""Counts that a follow-up is judged and told by: those of blocks of people add up."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from desistance.errors import BiasError, FollowUpError
from desistance.results import Caveat

if TYPE_CHECKING:
    import pandas as pd

    from desistance.followup.design import FollowUpDesign

UNEQUAL = 0.10  # a gap in the share assessed that a reader must know of
SLOW = 0.10  # a share proven after the waiting period that a reader must know of
FEWEST_OFFENCES = 30  # from which delays are told


@dataclass(frozen=True, slots=True)
class Tallies:
    """How many of what.

    Attributes
    ----------
    people, joined, assessed, assessed_joined
        Followed; of them, who ever joined, was assessed by day 0, and both.
    late, joined_later
        In the data: whose own start is later than the exit, and who joined after day 0, where the
        design makes something of it.
    unseen : of the people, who is in the hazards and not in the rate
    returned : of the people, who came back under the programme
    in_custody : offences committed in custody that are not counted
    old, slow, slow_12, slow_18
        Offences committed more than 12 months and the waiting period before the extract; of them,
        proven only after the waiting period, and after so many months.
    rows, events : at risk
    """

    people: int = 0
    late: int = 0
    joined_later: int = 0
    unseen: int = 0
    returned: int = 0
    joined: int = 0
    assessed: int = 0
    assessed_joined: int = 0
    in_custody: int = 0
    old: int = 0
    slow: int = 0
    slow_12: int = 0
    slow_18: int = 0
    rows: int = 0
    events: int = 0

    def __add__(self, other: Tallies) -> Tallies:
        """Count together."""
        return Tallies(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def refuse(
    flow: pd.DataFrame, tallies: Tallies, design: FollowUpDesign, *, acknowledged: bool
) -> None:
    """Refuse a follow-up that makes its own effect, or of nobody."""
    for late in (tallies.late, tallies.joined_later):
        if late and not acknowledged:
            raise BiasError(_told_of_bias(design, late))
    if not tallies.people:
        raise FollowUpError("Nobody can be followed:\n" + flow.to_string(index=False))


def told(tallies: Tallies, design: FollowUpDesign, *, acknowledged: bool) -> tuple[str, ...]:
    """Say what a reader must know of a follow-up."""
    said: list[str] = []
    if acknowledged and (design.exposure == "ever" or design.time_zero != "exit"):
        said.append(
            "This design makes its own effect (immortal time or unequal time zeros); it was run "
            "with the bias acknowledged and must not be read as the effect of the programme."
        )
    if tallies.unseen:
        said.append(
            Caveat(
                f"{{unseen}} of {{people}} people moved away within {design.months} months, or "
                f"have not completed them and {design.waiting_months} of waiting: they are in the "
                "hazards, not in the rate.",
                unseen=tallies.unseen,
                people=tallies.people,
            )
        )
    if tallies.returned:
        said.append(
            Caveat(
                f"{{returned}} people came back under {design.leaving} after leaving; they are "
                "followed on.",
                returned=tallies.returned,
            )
        )
    if _unequally_assessed(tallies):
        said.append(
            f"The share assessed on their needs differs by more than {100 * UNEQUAL:.0f} points "
            f"between people who joined {design.joining} and the others."
        )
    if tallies.in_custody:
        said.append(
            Caveat(
                "{offences} offences committed in custody are not counted as reoffences.",
                offences=tallies.in_custody,
            )
        )
    if tallies.old >= FEWEST_OFFENCES and tallies.slow > SLOW * tallies.old:
        said.append(_told_of_slow_proof(tallies, design))
    return tuple(said)


def _told_of_slow_proof(tallies: Tallies, design: FollowUpDesign) -> Caveat:
    return Caveat(
        "{late} of {all} offences committed long before the extract were proven only after the "
        f"waiting period of {design.waiting_months} months, and do not count; {{late_12}} took "
        "over 12 months, and {late_18} over 18. That is fair only if proof took as long in both "
        "cohorts.",
        late=tallies.slow,
        all=tallies.old,
        late_12=tallies.slow_12,
        late_18=tallies.slow_18,
    )


def _unequally_assessed(tallies: Tallies) -> bool:
    others = tallies.people - tallies.joined
    if not (tallies.joined and others):
        return False
    share = tallies.assessed_joined / tallies.joined
    return abs(share - (tallies.assessed - tallies.assessed_joined) / others) > UNEQUAL


def _told_of_bias(design: FollowUpDesign, late: int) -> str:
    why = (
        f"The days before joining {design.joining} would be counted as its own, and where "
        "reoffending keeps people from joining nobody can reoffend on them"
        if design.exposure == "ever"
        else f"People who join {design.joining} are past the first weeks after leaving "
        f"{design.leaving}, when the risk is highest, and the others are not"
    )
    choice = '`exposure="time-varying"`' if design.exposure == "ever" else '`time_zero="exit"`'
    return (
        f"{late} people joined {design.joining} after the day they left {design.leaving}. "
        f"{why}, so this comparison shows an effect even where there is none. Use {choice}, or "
        "pass `acknowledge_bias=True` to see the biased figure."
    )
