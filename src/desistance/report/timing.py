"""The designs of time side by side, after what each asks and whether its time is fairly counted.

Each design is protected by the people and reoffenders of either of its sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from desistance.comparison import side_by_side
from desistance.comparison.effects.wording import not_reported
from desistance.comparison.sidebyside import agreement
from desistance.comparison.timing.result import HAZARD, RATE, draw_hazards
from desistance.disclosure import protect_counts, protect_sentence, stacked, unprotected
from desistance.plots import figure_png
from desistance.report.page import Figure, KeyFigure, Prose, Section, Table
from desistance.report.words import readable, without_counts

if TYPE_CHECKING:
    from desistance.balance import Balance
    from desistance.comparison.timing import ImmortalTime, TimedComparisons
    from desistance.disclosure import ProtectedTable
    from desistance.evaluation import Timing
    from desistance.report.page import Block
    from desistance.report.story import Story

RISK_SET = "risk-set"
NUMBERS = ("estimate", "conf_low", "conf_high", "p_value")


def timing(story: Story, found: Timing, balanced: Balance) -> Section:
    """Tell whether time before joining is counted fairly, then what each design of time found."""
    compared = found.compared
    protected = protected_designs(story, compared, balanced)
    story.tables["timing"] = protected
    effects = Table(
        readable(side_by_side(protected.frame, "group").rename(columns={"group": "design"})),
        "The effect of joining by each design of time, with 95% intervals",
        note="The designs answer different questions on the same people, and are never averaged. "
        "How alike their weights make the cohorts is not measured, but for risk-set.",
    )
    frame = compared.to_frame()
    told = frame[(protected.frame["estimate"].notna() & frame["estimate"].notna()).to_numpy()]
    blocks: list[Block] = [
        *immortal(story, found.immortal),
        Table(
            pd.DataFrame({
                "Design": [one.design.label for one in compared.results],
                "What it asks": [one.estimand for one in compared.results],
            }),
            "What each design of time asks",
            folded=True,
        ),
        effects,
        Prose((agreement(told, "group"),)),
    ]  # fmt: skip
    if protected.frame.loc[protected.frame["outcome"] == HAZARD, "estimate"].notna().any():
        blocks.append(Figure(
            figure_png(draw_hazards(protected.frame).figure),
            "Hazard ratio of the first reoffence by each design of time, with 95% intervals",
            "One row a design: a mark for the hazard ratio and a line for its interval, on a "
            "logarithmic axis around 1. The numbers are in the table.",
            effects,
        ))  # fmt: skip
    blocks.append(Table(
        pd.DataFrame([
            {"Design": one.design.label, "Caveat": protect_sentence(said, story.policy)}
            for one in compared.results
            for said in one.caveats
        ]),
        "What must be read with each design of time",
        folded=True,
    ))  # fmt: skip
    return Section("Is time counted fairly?", tuple(blocks))


def immortal(story: Story, found: ImmortalTime) -> list[Block]:
    """Say whether time in which nobody could reoffend counts as exposed."""
    rows = protect_counts(
        found.frame[["group", "n", "person_years"]], counts=["n", "person_years"],
        policy=story.policy, table="immortal_time",
    )  # fmt: skip
    said = "Time before joining is counted as exposed: this makes an effect."
    if not found.found:
        said = "No time before joining is counted as exposed."
    detail = (
        "Whoever joins has first got through the days before. Counted as exposed, such days would "
        "make an effect where there is none."
    )
    return [
        KeyFigure(said, detail),
        story.table("immortal_time", rows, "Time at risk, by what it is counted as", folded=True),
        story.caveats(found.caveats),
    ]


def protected_designs(
    story: Story, compared: TimedComparisons, balanced: Balance
) -> ProtectedTable:  # fmt: skip
    """Protect the effects of each design; each is shown where it may be read at all."""
    frame = compared.to_frame().drop(columns=["std_error", "n_events"])
    people: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    why = {one.design.label: one.withheld for one in compared.results}
    why[RISK_SET] = not_reported(balanced) or why.get(RISK_SET, "")
    for one in compared.results:
        sides = one.frame[one.frame["outcome"] == RATE].set_index("group")
        n, n_events = (
            {str(side): int(count) for side, count in sides[name].items()}
            for name in ("n", "n_events")
        )
        people[one.design.label] = n, n_events
    parts = []
    for place in range(len(frame)):
        row = frame.iloc[[place]]
        label = str(row["group"].iloc[0])
        if why.get(label):
            row = row.assign(note=why[label], **dict.fromkeys(NUMBERS, float("nan")))
        if label in people:
            parts.append(story.protect(row, *people[label], "timing"))
        else:
            parts.append(unprotected(row.assign(note=row["note"].map(without_counts))))
    return stacked(parts)
