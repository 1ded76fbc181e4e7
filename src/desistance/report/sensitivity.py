"""How far the effect moves when one choice is changed, and what it would take to overturn it.

Each row is protected by the people it rests on. How many they are is not told: left out area by
area, the sizes would give each other's differences back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from desistance.comparison.effects.wording import not_reported
from desistance.comparison.sensitivity.found import withheld
from desistance.disclosure import stacked, unprotected
from desistance.plots import figure_png
from desistance.report.page import Figure, Prose, Section
from desistance.report.words import without_counts

if TYPE_CHECKING:
    from desistance.balance import Balance
    from desistance.comparison import StressTest
    from desistance.disclosure import ProtectedTable
    from desistance.report.page import Block
    from desistance.report.story import Story

NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
HEADING = "Would other choices change it?"


def sensitivity(story: Story, stress: StressTest, balanced: Balance) -> Section:
    """Tell the stress test: how far the effect moves, then every check."""
    protected = protected_checks(story, stress)
    shown = stress.with_frame(protected.frame)
    if story.policy.protects:  # their sentence counts the matched sets; the row has the rest
        stress = replace(stress, bounds=None)
    why = not_reported(balanced) or str(shown.planned["note"])
    if why:  # what may not be read as planned may not be read otherwise
        return Section(HEADING, (Prose((f"{why[:1].upper()}{why[1:]}.",)),))
    table = story.table(
        "sensitivity", protected, "The effect with one choice changed at a time, and what it takes",
        note="Analyses besides the planned one show how far one finding moves: none is a finding "
        "of its own.",
    )  # fmt: skip
    on = stress.basis[0]
    family = story.protect(stress.family, on.n_people, on.n_events, "family")
    blocks: list[Block] = [
        Prose(tuple(stress.sentences(protected.frame))),
        Figure(
            figure_png(shown.plot().figure),
            f"How far each kind of change moves the {stress.outcome}, the furthest first",
            "A bar for each kind of change, from the least to the largest estimate, on a thin line "
            "that goes as far as any of their intervals, around a line for the effect as planned "
            "with its interval as a band; below it, checks that should come out in a known way. "
            "The numbers are in the table.",
            table,
        ),
        story.table(
            "family", family, "P-values of the effects as planned, adjusted for how many they are",
            digits=3, folded=True,
        ),
    ]  # fmt: skip
    return Section(HEADING, tuple(blocks))


def protected_checks(story: Story, stress: StressTest) -> ProtectedTable:
    """Protect each check by the people it compares; see `StressTest.basis`."""
    frame = stress.to_frame()
    frame.loc[withheld(frame), NUMBERS] = float("nan")
    if not story.policy.protects:
        return unprotected(frame)
    frame["note"] = [without_counts(note) for note in frame["note"]]
    frame = frame.drop(columns=["n", "std_error"])
    return stacked([
        story.protect(
            frame.iloc[[place]], on.n_people, on.n_events, "sensitivity", of_two=on.of_two
        )
        for place, on in enumerate(stress.basis)
    ])  # fmt: skip
