"""The model of needs of complete cases, and with what was missing filled in, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from desistance.comparison import side_by_side
from desistance.disclosure import protect_effect, stacked
from desistance.plots import figure_png
from desistance.report.page import Figure, Prose, Table
from desistance.report.words import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.disclosure import ProtectedTable
    from desistance.evaluation import Missing
    from desistance.imputation import PooledCox, TippingNeeds
    from desistance.report.page import Block
    from desistance.report.story import Story
    from desistance.survival import CoxFit

COMPLETE, FILLED_IN = "complete cases", "filled in"
RATIO = ["estimate", "conf_low", "conf_high", "p_value", "note"]


def missing(story: Story, complete: CoxFit, found: Missing) -> Iterable[Block]:
    """Put the hazard ratios of complete cases beside those of the copies, and say what tips."""
    imputed, pooled = found.imputed, found.pooled
    parts = [
        protected_ratios(story, complete.to_frame(), complete, COMPLETE),
        protected_ratios(story, pooled.to_frame(), pooled.fits[0], FILLED_IN),
    ]
    story.tables["missing"] = both = stacked(parts)
    worded = both.frame.assign(term=[story.words(str(term)) for term in both.frame["term"]])
    cycles = imputed.history.shape[1]
    yield Table(
        readable(side_by_side(worded, "term")),
        "Hazard ratios of complete cases, and with missing needs filled in, with 95% intervals",
        note=f"Filled in {len(imputed)} times over by chained equations ({cycles} cycles, seed "
        f"{imputed.seed}), put together by Rubin's rules.",
    )
    yield story.caveats(imputed.caveats)
    if found.tipping is not None:
        yield from tipping(story, found.tipping, pooled)


def protected_ratios(
    story: Story, frame: pd.DataFrame, fitted: CoxFit, name: str
) -> ProtectedTable:  # fmt: skip
    """Protect the hazard ratios of a model by its people and events."""
    frame = frame[["term", *RATIO]].assign(outcome=name)
    return protect_effect(
        frame, n_people={"everyone": fitted.n_people}, n_events={"everyone": fitted.n_events},
        n_terms=len(frame), policy=story.policy, table="missing",
    )  # fmt: skip


def tipping(story: Story, found: TippingNeeds, pooled: PooledCox) -> Iterable[Block]:
    """Say how unlike those assessed the others would have to be for the conclusion to change."""
    fitted = pooled.fits[0]
    protected = protect_effect(
        found.frame.drop(columns="std_error"), n_people={"everyone": fitted.n_people},
        n_events={"everyone": fitted.n_events}, n_terms=len(pooled.terms), policy=story.policy,
        table="tipping",
    )  # fmt: skip
    of = story.words(found.of)
    caption = f"Hazard ratio of “{of}” as unassessed needs grow unlike those assessed"
    table = story.table("tipping", protected, caption)
    shown = protected.frame.dropna(subset=["estimate"])
    if shown.empty:
        yield table
        return
    yield Prose((
        f"With needs missing at random the hazard ratio of “{of}” is {found.conclusion}.",
        *found.sentences(),
        *found.caveats,
    ))  # fmt: skip
    yield Figure(
        figure_png(replace(found, frame=shown, of=of).plot().figure),
        caption,
        "A line with its interval: the hazard ratio against what is added to the log odds of a "
        "need that was not assessed, around 1. The numbers are in the table.",
        table,
    )
