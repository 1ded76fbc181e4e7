"""What joining did: the sentence to remember, what may be said of each effect, then the numbers.

Each row is protected by the people it rests on: those who died are fewer than those who reoffended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.comparison.effects.wording import not_reported
from desistance.disclosure import NOT_REPORTED, in_blocks, protect_effect, stacked, unprotected
from desistance.histories.days import months_to_days
from desistance.report.drawings import points
from desistance.report.page import Figure, KeyFigure, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.balance import Balance
    from desistance.comparison import CohortComparison
    from desistance.disclosure import ProtectedTable
    from desistance.report.page import Block, Table
    from desistance.report.story import Story

HEADING = "What joining did"
QUARTERS = (3, 6, 9, 12)
AT_ONCE = 8  # rows of numbers that a reader takes in; more are folded
FIRST = (
    "The first is what the plan led with. The others say more of the same people: with several "
    "outcomes, one may differ by chance."
)


def effect(story: Story, effects: CohortComparison, balanced: Balance) -> Section:
    """Give the effect on those who joined, unless nothing may be read of it."""
    blocks: list[Block]
    if not_reported(balanced):
        blocks = [KeyFigure(headline(story, effects)), story.caveats(effects.caveats)]
        return Section(HEADING, tuple(blocks))
    protected = protected_effects(story, effects)
    blocks = [KeyFigure(headline(story, effects))]
    blocks += [*in_words(story, effects, protected)]
    blocks += [
        story.table(
            "effects", protected, "The effect of joining, on those who joined and were matched",
            note=f"What counts: {effects.definition}. {protected.note}",
            folded=len(protected.frame) > AT_ONCE,
        ),
        matched_curves(story, effects),
        story.caveats(effects.caveats),
    ]  # fmt: skip
    return Section(HEADING, tuple(blocks))


def protected_effects(
    story: Story, effects: CohortComparison, *, most: int | None = None
) -> ProtectedTable:
    """Protect effects, the first `most` of them, each by both groups' people and their events."""
    frame, basis = effects.to_frame()[:most], effects.basis[:most]
    if story.policy.protects:
        frame = frame.drop(columns="std_error")
    return stacked([
        story.protect(frame.iloc[[place]], on.n_people, on.n_events, "effects", of_two=on.of_two)
        for place, on in enumerate(basis)
    ])  # fmt: skip


def headline(story: Story, effects: CohortComparison) -> str:
    """Give the first outcome's sentence, unless disclosure control withholds it."""
    note = str(protected_effects(story, effects, most=1).frame["note"].iloc[0])
    return f"{note.capitalize()}." if note.startswith(NOT_REPORTED) else effects.sentence


def in_words(
    story: Story, effects: CohortComparison, protected: ProtectedTable
) -> Iterable[Table]:  # fmt: skip
    """Say each effect with its interval and what may be said of it, unless that is said already.

    Other offence sets are folded. An effect that is withheld has the reason in the place of words.
    """
    if effects.words["sentence"].nunique() < 2:
        return
    numbers = protected.frame[["estimate", "conf_low", "conf_high"]]
    notes = protected.frame["note"]
    words = effects.words.join(numbers)
    words["sentence"] = words.pop("sentence").mask(
        notes.str.startswith(NOT_REPORTED), notes.str.capitalize() + "."
    )
    own = story.evaluation.plan.follow_up.offence_set
    by_set = words.assign(offence_set=words.get("offence_set", own)).groupby(
        "offence_set", sort=False
    )
    caption = "What may be said of each effect"
    for place, (counted, said) in enumerate(by_set, start=1):
        shown = unprotected(said.drop(columns="offence_set"))
        if counted == own:
            yield story.table("words", shown, caption, note=FIRST)
        else:
            of_set = f"{caption}, counting {counted!s}"
            yield story.table(f"words_{place}", shown, of_set, folded=True)


def matched_curves(story: Story, effects: CohortComparison) -> Block:
    """Draw the weighted curves: whole, or under protection at the ends of quarters."""
    caption = "Share not yet reoffended since the day of joining, matched cohorts"
    if not story.policy.protects:
        return story.curve("matched", effects.curves, caption)
    values = effects.curves.at([months_to_days(month) for month in QUARTERS])
    values = values[["group", "day", "estimate", "conf_low", "conf_high"]]
    people = values["group"].map(effects.n_people).astype(float)
    protected = protect_effect(
        in_blocks(values, people, story.policy.min_cell), n_people=effects.n_people,
        n_events=effects.n_reoffenders, policy=story.policy, table="matched",
    )  # fmt: skip
    table = story.table(
        "matched", protected, f"{caption}: by day",
        note=f"Shares are in blocks of {story.policy.min_cell} people.",
    )  # fmt: skip
    drawn = protected.frame.dropna(subset=["estimate"])
    return table if drawn.empty else Figure(
        lambda ax: points(drawn, ax),
        caption,
        "Points with intervals at three, six, nine and twelve months, one line a cohort, of "
        "the share not yet reoffended. The numbers are in the table.",
        table,
    )  # fmt: skip
