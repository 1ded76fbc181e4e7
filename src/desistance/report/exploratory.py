"""For whom joining may do more: explored, and marked as such in words, tables and figures.

Each row is protected by the people of every group it sets beside another. How many those are is not
told: the people with a need and without it would give each other back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desistance.comparison.effects.wording import not_reported
from desistance.comparison.exploratory.explored import TRENDS
from desistance.comparison.sidebyside import with_interval
from desistance.disclosure import protect_effect, stacked
from desistance.plots import figure_png
from desistance.report.page import Figure, KeyFigure, Prose, Section, Table
from desistance.report.words import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.balance import Balance
    from desistance.comparison.exploratory import Explored
    from desistance.disclosure import ProtectedTable
    from desistance.report.page import Block
    from desistance.report.story import Story

HEADING = "Exploratory: for whom joining may do more"
LEVEL = 0.05


def exploratory(story: Story, found: tuple[Explored, ...], balanced: Balance) -> Section:
    """Tell what was explored, after what that is worth."""
    why = not_reported(balanced)
    if why:  # what may not be read of everybody may not be read of some
        return Section(HEADING, (Prose((f"{why[:1].upper()}{why[1:]}.",)),))
    blocks: list[Block] = [KeyFigure(
        "Nothing in this section is a finding.",
        "Many questions were asked of few people, and some of them differ by chance. It says what "
        "to look at next, in other people.",
    )]  # fmt: skip
    for one in found:
        by = "need" if one.title.endswith("by need") else "dose"
        blocks += explored(story, one, f"explored_{by}")
    return Section(HEADING, tuple(blocks))


def explored(story: Story, found: Explored, name: str) -> Iterable[Block]:
    """Give the questions with their p-values, adjusted for how many they are, then all groups."""
    protected = protected_rows(story, found, name)
    title = f"{found.title[:1].upper()}{found.title[1:]}"
    p_holm = protected.frame["p_holm"].dropna()
    stand = int((p_holm < LEVEL).sum())
    yield Prose((
        f"{title}, {found.definition}.",
        f"Of {len(p_holm)} questions, {stand or 'none'} {'have' if stand > 1 else 'has'} a p-value "
        f"below {LEVEL} once adjusted for how many they are (Holm).",
    ))  # fmt: skip
    yield asked(
        story, protected, f"Exploratory: {found.title}; whether it differs, with adjusted p-values"
    )
    yield story.table(
        f"{name}_together", together(story, found, name),
        "Exploratory: several effects together, and trends", digits=3, folded=True,
    )  # fmt: skip
    table = story.table(name, protected, f"Exploratory: {found.title}, in each group")
    drawn = protected.frame.assign(term=[named(story, term) for term in protected.frame["term"]])
    yield Figure(
        figure_png(found.with_frame(drawn).plot().figure),
        f"Exploratory: {found.title}, hazard ratios in each group",
        "One row a group: a mark for the hazard ratio and a line for its interval, on a "
        "logarithmic axis around 1; drawn-in values below where there are any. The numbers are in "
        "the table.",
        table,
    )
    yield story.caveats(found.caveats)


def asked(story: Story, protected: ProtectedTable, caption: str) -> Table:
    """Show the questions, each with its effect and its p-values as they are and adjusted."""
    rows = protected.shown()[protected.frame["p_value"].notna() | protected.hidden["p_value"]]
    told = protected.frame.loc[rows.index]
    effect = told.apply(with_interval, axis=1)
    beside = (
        told["group"].where(told["group"].isin(TRENDS), "").map(lambda of: f", {of}" if of else "")
    )
    shown = rows[["outcome", "p_value", "p_holm", "p_bh"]].assign(
        effect=effect.mask(effect == "", protected.token),
        term=[named(story, term) for term in told["term"]] + beside,
    )
    columns = ["term", "outcome", "effect", "p_value", "p_holm", "p_bh"]
    return Table(readable(shown[columns]), caption, protected.note, digits=3)


def named(story: Story, term: str) -> str:
    """Name a term in words, a need by its pathway alone."""
    return story.words(term).removesuffix(": need")


def protected_rows(story: Story, found: Explored, name: str) -> ProtectedTable:
    """Protect each row by the groups it rests on."""
    frame = found.to_frame()
    if story.policy.protects:
        frame = frame.drop(columns=["n", "n_events", "std_error"])
    return stacked([
        story.protect(frame.iloc[[place]], on.n_people, on.n_events, name)
        for place, on in enumerate(found.basis)
    ])  # fmt: skip


def together(story: Story, found: Explored, name: str) -> ProtectedTable:
    """Protect the tests of several effects; a model of k products has 2 k + 1 terms."""
    return stacked([
        protect_effect(
            found.tests.iloc[[place]], n_people=on.n_people,
            n_events=on.n_events, n_terms=2 * int(found.tests["df"].iloc[place]) + 1,
            policy=story.policy, table=f"{name}_together",
        )
        for place, on in enumerate(found.tests_basis)
    ])  # fmt: skip
