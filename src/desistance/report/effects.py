"""What joining did: the sentence to remember, what may be said of each effect, then the numbers.

Each row is protected by the people it rests on: those who died are fewer than those who reoffended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.disclosure import NOT_REPORTED, in_blocks, protect_effect, stacked, unprotected
from desistance.histories.days import months_to_days
from desistance.report.drawings import points
from desistance.report.page import Figure, KeyFigure, Section

if TYPE_CHECKING:
    from desistance.comparison import CohortComparison
    from desistance.disclosure import ProtectedTable
    from desistance.report.page import Block
    from desistance.report.story import Story

QUARTERS = (3, 6, 9, 12)
AT_ONCE = 8  # rows of numbers that a reader takes in; more are folded
FIRST = (
    "The first is what the plan led with. The others say more of the same people: with several "
    "outcomes, one may differ by chance."
)


def effect(story: Story, effects: CohortComparison) -> Section:
    """Give the effect on those who joined."""
    protected = protected_effects(story, effects)
    blocks: list[Block] = [KeyFigure(headline(story, effects))]
    words = in_words(effects, protected)
    if words is not None:
        blocks.append(story.table("words", words, "What may be said of each effect", note=FIRST))
    blocks += [
        story.table(
            "effects", protected, "The effect of joining, on those who joined and were matched",
            note=f"What counts: {effects.definition}. {protected.note}",
            folded=len(protected.frame) > AT_ONCE,
        ),
        matched_curves(story, effects),
        story.caveats(effects.caveats),
    ]  # fmt: skip
    return Section("What joining did", tuple(blocks))


def protected_effects(story: Story, effects: CohortComparison) -> ProtectedTable:
    """Protect each effect by the people of both groups, and those of them with its event."""
    frame = effects.to_frame()
    if story.policy.protects:
        frame = frame.drop(columns="std_error")
    return stacked([
        story.protect(frame.iloc[[place]], on.n_people, on.n_events, "effects", of_two=on.of_two)
        for place, on in enumerate(effects.basis)
    ])  # fmt: skip


def headline(story: Story, effects: CohortComparison) -> str:
    """Give the first outcome's sentence, unless disclosure control withholds it."""
    note = str(protected_effects(story, effects).frame["note"].iloc[0])
    return f"{note.capitalize()}." if note.startswith(NOT_REPORTED) else effects.sentence


def in_words(effects: CohortComparison, protected: ProtectedTable) -> ProtectedTable | None:
    """Say each effect with its interval and what may be said of it; None if that is said already.

    An effect that is withheld has the reason in the place of words.
    """
    words = effects.words
    if words["sentence"].nunique() < 2:
        return None
    shown = protected.frame.loc[words.index, [*words.columns.drop("sentence"), "estimate",
                                              "conf_low", "conf_high", "note"]]  # fmt: skip
    withheld = shown["note"].str.startswith(NOT_REPORTED)
    said = words["sentence"].mask(withheld, shown["note"].str.capitalize() + ".")
    return unprotected(shown.drop(columns="note").assign(sentence=said))


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
