"""The target trial, the lock and its deviations, and the comparison under other designs.

Balance before effect, as everywhere: who was compared under each design, how alike they are, and
only then what came of it. A design whose balance is red shows no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from desistance.catalogue import comparator_words
from desistance.comparison import side_by_side
from desistance.comparison.effects.followed import HAZARD, RATE, RATIO
from desistance.disclosure import protect_counts, stacked, unprotected
from desistance.plots import figure_png
from desistance.report.page import Figure, KeyFigure, Prose, Section, Table
from desistance.report.words import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.balance import Balance
    from desistance.comparison import CohortEffects, Triangulation
    from desistance.disclosure import ProtectedTable
    from desistance.evaluation import Evaluation
    from desistance.report.page import Block
    from desistance.report.story import Story

COUNTS = ["n_left_out", "n_remaining"]
BY = {
    "area": "area",
    "tier": "tier",
    "wave": "quarter of joining",
    "exit wave": "quarter of leaving",
}


def trial(evaluation: Evaluation) -> Table:
    """Put the target trial beside its emulation."""
    return Table(
        readable(evaluation.plan.trial_table()),
        "The trial one would run, and how this evaluation stands in for it",
        note="The right-hand column is made from the settings of the plan.",
    )


def lock(evaluation: Evaluation) -> list[Block]:
    """Say whether the plan was locked before outcomes were opened, and what changed since."""
    if evaluation.lock is None or evaluation.deviations is None:
        return [KeyFigure(
            "This plan was not locked before outcomes were opened.",
            "Nothing shows that its choices were made without knowing what they would find.",
        )]  # fmt: skip
    deviations, locked = evaluation.deviations, evaluation.lock
    detail = f"Locked on {locked.locked_on}, with {locked.sha256[:12]} as its hash."
    if not len(deviations):
        said = "The plan was locked before outcomes were opened, and nothing was changed since."
        return [KeyFigure(said, detail)]
    one = len(deviations) == 1
    said = f"{len(deviations)} {'thing is' if one else 'things are'} not as the plan was locked."
    table = Table(readable(deviations), "Deviations from the locked plan")
    return [KeyFigure(said, detail), table]


def lock_record(evaluation: Evaluation) -> dict[str, object]:
    """Say the same for the manifest."""
    if evaluation.lock is None or evaluation.deviations is None:
        return {"locked": False}
    return {
        "locked": True,
        "sha256": evaluation.lock.sha256,
        "locked_on": evaluation.lock.locked_on,
        "version": evaluation.lock.version,
        "deviations": evaluation.deviations.to_dict(orient="records"),
    }


def other_comparisons(story: Story) -> Section:
    """Tell the comparison under other designs, and by cohort."""
    found, blocks = story.evaluation, []
    if found.triangulation is not None:
        blocks += list(_designs(story, found.triangulation))
    for cohorts in found.cohorts:
        blocks += list(_by_cohort(story, cohorts))
    return Section("Do other comparisons agree?", tuple(blocks))


def _designs(story: Story, told: Triangulation) -> Iterable[Block]:
    words = [comparator_words(letter) for letter in told.found]
    yield Table(
        readable(pd.DataFrame({
            "design": [f"{each.letter}: {each.title}" for each in words],
            "who": [each.who for each in words],
            "says": [each.says for each in words],
            "cannot": [each.cannot for each in words],
        })),
        "Who is compared under each design, and what that can say",
    )  # fmt: skip
    flows = [
        under.compared.assign(design=letter)[["design", "step", *COUNTS]]
        for letter, under in told.found.items()
        if under.compared is not None
    ]
    if flows:
        flow = protect_counts(
            pd.concat(flows, ignore_index=True), counts=COUNTS, policy=story.policy,
            table="designs_flow",
        )  # fmt: skip
        yield story.table("designs_flow", flow, "From everyone followed to the people compared")
    balances = {
        letter: under.balanced for letter, under in told.found.items() if under.balanced is not None
    }
    if balances:
        yield _alike(story, "designs_balance", "design", balances)
    protected = stacked([_protected(story, told, letter) for letter in told.found])
    story.tables["designs"] = protected
    shown = told.with_frame(protected.frame)
    wide = side_by_side(protected.frame)
    compared = wide["design"].str[0] != "E"
    table = Table(
        readable(wide.loc[compared].drop(columns=["note", RATE], errors="ignore")),
        "The effect of joining under each design, with 95% intervals",
        note=f"What counts: {told.definition}. Level: on the Maryland scale, from 1 (a "
        "correlation) to 5 (random allocation).",
    )  # fmt: skip
    yield table
    notes = [
        f"{row['design']}: {row['note']}." for _, row in wide[compared].iterrows() if row["note"]
    ]
    there = told.frame[protected.frame["estimate"].notna().to_numpy()]
    agreed = told.with_frame(there).agreement()  # limits rounded outwards may touch no difference
    yield Prose((agreed, *notes, *_described(wide[~compared]), *told.caveats))
    drawn = protected.frame["outcome"].isin([RATIO, HAZARD]) & protected.frame["conf_low"].notna()
    if drawn.any():
        yield Figure(
            figure_png(shown.plot().figure),
            "Ratios under each design, with 95% intervals; to the left of 1, less reoffending",
            "One row a design: a mark for each ratio and a line for its interval, on a "
            "logarithmic axis around 1. The numbers are in the table.",
            table,
        )


def _described(external: pd.DataFrame) -> Iterable[str]:
    """Say the rate of E in words that compare nothing."""
    for _, row in external.iterrows():
        yield (
            f"{row['design']}: reoffenders per 100 people who joined: {row[RATE]}. "
            f"{row['note'][:1].upper()}{row['note'][1:]}."
        )


def _protected(story: Story, told: Triangulation, letter: str) -> ProtectedTable:
    """Protect the effects of a design; areas and a published rate are nobody's."""
    rows = told.frame[told.frame["design"] == letter].drop(columns="std_error")
    rows["level"] = rows["level"].astype("string").fillna("").astype(object)  # it is no count
    effects = told.found[letter].effects
    if effects is not None:
        return story.protect(rows, effects.n_people, effects.n_reoffenders, "designs")
    if letter == "D" and rows["n"].notna().any():
        n = int(rows["n"].sum())  # an effect on areas tells nobody how many of them reoffended
        return story.protect(rows, {"areas": n}, {"areas": n // 2}, "designs")
    if letter != "E":
        return unprotected(rows)
    own, name = rows["n"].notna(), told.names[1]
    n = int(rows.loc[own, "n"].sum())
    events = {name: round(n * float(rows.loc[own, "estimate"].fillna(0).sum()) / 100)}
    return stacked([
        story.protect(rows[own], {name: n}, events, "designs"),
        unprotected(rows[~own]),
    ])  # fmt: skip


def _by_cohort(story: Story, told: CohortEffects) -> Iterable[Block]:
    name = f"by_{told.by.replace(' ', '_')}"
    if told.balanced:
        yield _alike(story, f"{name}_balance", "group", told.balanced)
    frames = []
    for group, rows in told.frame.groupby("group", sort=False):
        effects, shown = told.found.get(str(group)), rows.drop(columns="std_error")
        frames.append(
            unprotected(shown.assign(n=shown["n"].where(shown["n"] < 0)))
            if effects is None
            else story.protect(shown, effects.n_people, effects.n_reoffenders, name)
        )
    yield Prose(told.caveats)
    story.tables[name] = protected = stacked(frames)
    yield Table(
        readable(side_by_side(protected.frame, "group")),
        f"The effect of joining by {BY[told.by]}, with 95% intervals",
        note=f"What counts: {told.definition}.",
    )


def _alike(story: Story, name: str, label: str, balances: dict[str, Balance]) -> Table:
    """Show how alike the cohorts of each comparison are: its worst term."""
    rows = []
    for group, balanced in balances.items():
        worst = balanced.table.loc[balanced.table["smd_after"].abs().idxmax()]
        rows.append({
            label: group, "term": story.words(str(worst["term"])),
            "smd_before": round(float(worst["smd_before"]), 2) + 0.0,
            "smd_after": round(float(worst["smd_after"]), 2) + 0.0, "light": balanced.light,
        })  # fmt: skip
    return story.table(
        name, unprotected(pd.DataFrame(rows)),
        "How alike the cohorts are: the term that differs most",
        note="Standardised mean differences: up to 0.05 green, up to 0.10 amber, beyond that red.",
    )  # fmt: skip
