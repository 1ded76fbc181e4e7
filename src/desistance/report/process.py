"""What the report says of needs and of the programme at work: how needs go together and change,
whom support reached, and what the partners noted.

Numbers that rest on several counts (how closely two needs go together, a net change) are worked
out again from the released counts. So is the interval of a net change, with the number of people
whose answer changed taken up to the next block of `min_cell`: exact limits would give it back, and
with it how many went which way.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.catalogue import pathway_word
from desistance.disclosure import (
    ProtectedTable,
    Rate,
    protect_counts,
    protect_curve,
    unprotected,
)
from desistance.histories.needs.together import EVERYONE, draw_network
from desistance.histories.paired import odds_ratio, paired_change, phi
from desistance.histories.support.managed import ANY_PARTNER, ANY_PATHWAY
from desistance.histories.support.summary import draw_reach
from desistance.plots import DARK_BLUE, figure_png
from desistance.report.drawings import steps
from desistance.report.page import Block, Figure, Prose, Section, Table
from desistance.report.words import by_month, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from desistance.disclosure import DisclosurePolicy
    from desistance.histories.needs import NeedsOverTime, NeedsTogether
    from desistance.histories.support import SupportSummary
    from desistance.report.story import Story
    from desistance.survival import Survival

CELLS = ["both", "only_first", "only_second", "neither"]
KNOWN = {"need": ("need",), "no_need": ("no_need",), "refused": ("refused",),
         "not_applicable": ("not_applicable",)}  # fmt: skip
PARTNER_WORDS = {
    "third_sector": "third sector", "housing": "housing", "probation": "probation",
    "dwp": "work and pensions", "nhs": "health", "police": "police",
}  # fmt: skip
FEW_IN_WORDS = {
    word: number for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), start=1)
}  # fmt: skip


def needs_blocks(story: Story) -> list[Block]:
    """Show needs together and needs over time."""
    process, blocks = story.evaluation.process, list[Block]()
    if process.together is not None:
        blocks += _together(story, process.together)
    if process.change is not None:
        blocks += _change(story, process.change)
    return blocks


def implementation(story: Story) -> Section | None:
    """Show whom support reached, how soon, how much, and what the partners noted."""
    process, blocks = story.evaluation.process, list[Block]()
    if process.support is not None:
        blocks += _support(story, process.support)
    if process.contact is not None:
        blocks.append(_contact(story, process.contact))
    if len(story.evaluation.cases.action_log):
        blocks += _action_log(story)
    return Section("Partners and implementation", tuple(blocks)) if blocks else None


def _together(story: Story, found: NeedsTogether) -> list[Block]:
    """Draw the network of needs and the number of needs, from released counts."""
    policy, names = story.policy, found.names
    pairs = found.pairs[["first", "second", *CELLS]]
    both = pairs["first"].map(names) + " & " + pairs["second"].map(names)
    cells = pairs[CELLS].assign(term=both)
    protected = protect_counts(
        cells[["term", *CELLS]], counts=CELLS, sums={"n": CELLS}, attribute=True, policy=policy,
        table="needs_together",
    )  # fmt: skip
    frame = protected.frame.copy()
    frame["n"] = frame[CELLS].astype("Int64").sum(axis=1, min_count=1)
    whole = frame[CELLS].notna().all(axis=1) & (frame["n"] >= _least(policy)).fillna(False)
    counts = frame[CELLS].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # nobody with a need
        margins = (counts[:, 0] + counts[:, 1]) * (counts[:, 0] + counts[:, 2])
        lift = counts[:, 0] * counts.sum(axis=1) / margins
    frame["lift"] = pd.Series(lift).where(whole & (margins > 0))
    frame["phi"] = pd.Series(phi(*counts.T)).where(whole)
    limits = [
        odds_ratio(*map(int, row))[1:3] if good else (np.nan, np.nan)
        for row, good in zip(counts, whole, strict=True)
    ]
    drawn = pairs[["first", "second"]].reset_index(drop=True).assign(phi=frame["phi"])
    drawn[["conf_low", "conf_high"]] = limits
    needs = protect_counts(
        found.needs.assign(no_need=found.needs["n"] - found.needs["need"])[
            ["term", "need", "no_need"]],
        counts=["need", "no_need"], attribute=True, policy=policy, table="needs",
    ).frame  # fmt: skip
    dots = needs.assign(n=needs["need"] + needs["no_need"]).astype({"need": float, "n": float})
    table = story.table(
        "needs_together", _widened(protected, frame.sort_values("phi", ascending=False)),
        "Pairs of needs, of people assessed on both",
        note=f"More together: people with both over those expected, were needs independent. "
        f"Phi: correlation. {protected.note}",
    )  # fmt: skip
    blocks: list[Block] = [
        Figure(
            figure_png(draw_network(dots, drawn, names).figure),
            "Which pathway needs are found in the same people, on leaving",
            "A circle of dots, one a pathway, as large as the share with the need, and a line for "
            "each pair, as wide as the two go together; thin and grey where chance would do. The "
            "numbers are in the table.",
            table,
        ),
        _number_of_needs(story, found),
        story.caveats(found.caveats),
    ]  # fmt: skip
    return blocks


def _number_of_needs(story: Story, found: NeedsTogether) -> Figure:
    everyone = found.counts[found.counts["group"] == EVERYONE]
    terms = [_many(n, "need") for n in everyone["n_needs"]]
    frame = pd.DataFrame({"term": terms, "n": everyone["n"].to_numpy()})
    protected = protect_counts(
        frame, counts=["n"], total="all", attribute=True, policy=story.policy,
        table="number_of_needs",
    )  # fmt: skip
    shown = protected.frame[protected.frame["term"] != "all"]
    height = shown["n"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)

    def bars(ax: Axes) -> None:
        number = np.arange(len(height))
        ax.bar(number, np.nan_to_num(height), color=DARK_BLUE, width=0.7)
        for place in np.flatnonzero(np.isnan(height)):
            ax.annotate("not\nshown", (place, 0), (0, 3), textcoords="offset points", ha="center",
                        fontsize=9)  # fmt: skip
        ax.set(xlabel="Number of pathway needs", ylabel="People assessed on every pathway",
               xticks=number)  # fmt: skip

    return Figure(
        bars,
        "How many pathway needs people have at once, on leaving",
        "One bar for each number of needs, from none to all of them, as high as there are people "
        "with so many. The numbers are in the table.",
        story.table("number_of_needs", protected, "People by number of needs"),
    )


def _change(story: Story, found: NeedsOverTime) -> list[Block]:
    """Say what is known of the needs of those who joined, and how they changed."""
    policy, names = story.policy, found.names
    several = found.changes["group"].nunique() > 1

    def named(tool: str, term: str) -> str:
        return f"{names[term]}{f' ({tool})' if several else ''}"

    wide = found.answers.pivot_table(
        index=["group", "term", "when"], columns="answer", values="n", sort=False
    ).astype(int)
    parts = {name: wide[[*columns]].sum(axis=1) for name, columns in KNOWN.items()}
    told = [column for columns in KNOWN.values() for column in columns]
    parts["not_assessed"] = wide.drop(columns=told).sum(axis=1)
    frame = pd.DataFrame(parts).reset_index()
    frame = frame.loc[:, [c for c in frame if c not in KNOWN or frame[c].any()]]
    counts = [name for name in parts if name in frame]
    frame["term"] = [
        f"{named(tool, term)}, {'on joining' if when == 'before' else 'later'}"
        for tool, term, when in zip(frame["group"], frame["term"], frame["when"], strict=True)
    ]
    known = protect_counts(
        frame[["term", *counts]], counts=counts, sums={"n": counts}, attribute=True, policy=policy,
        table="needs_known",
    )  # fmt: skip
    twice = found.changes[found.changes["n"] > 0].reset_index(drop=True)
    changed = _net(twice, policy)
    changed.frame.insert(0, "term", [named(a, b) for a, b in zip(twice["group"], twice["term"],
                                                               strict=True)])  # fmt: skip
    changed.hidden.insert(0, "term", False)
    return [
        story.table("needs_known", known, "What is known of the needs of those who joined",
                    note=f"Not assessed: nobody asked, or the answer was not shared. {known.note}"),
        story.table("needs_change", changed,
                    "Needs of those who joined and were assessed twice: on joining and later",
                    note="A negative change means that fewer have the need. " + changed.note),
        story.caveats(found.caveats),
    ]  # fmt: skip


def _net(twice: pd.DataFrame, policy: DisclosurePolicy) -> ProtectedTable:
    """Protect shares before and later, and the net change between them."""
    counts = pd.DataFrame({
        "need_before": twice["stayed"] + twice["resolved"],
        "none_before": twice["appeared"] + twice["never"],
        "need_later": twice["stayed"] + twice["appeared"],
        "none_later": twice["resolved"] + twice["never"],
    })  # fmt: skip
    names = [str(name) for name in counts]
    protected = protect_counts(
        counts.assign(label=twice["term"]), counts=names,
        sums={"n": names[:2], "n_later": names[2:]}, attribute=True, policy=policy,
        table="needs_change",
    )  # fmt: skip
    frame = protected.frame.copy()
    if not policy.protects:
        frame["n"] = twice["n"]
        told = frame.assign(change=twice["change"], conf_low=twice["conf_low"],
                            conf_high=twice["conf_high"], p_value=twice["p_value"])  # fmt: skip
        columns = ["n", "need_before", "need_later", "change", "conf_low", "conf_high", "p_value"]
        return unprotected(told[columns])
    whole = frame[names].notna().all(axis=1) & (frame["n"] >= policy.min_group).fillna(False)
    n = frame["n"].astype("Float64").where(whole).to_numpy(dtype=float, na_value=np.nan)
    later, before = (
        frame[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        for name in ("need_later", "need_before")
    )
    net = later - before
    moved = np.maximum(np.ceil((twice["resolved"] + twice["appeared"]) / policy.min_cell), 1)
    most = np.maximum(moved * policy.min_cell, np.abs(net))
    change, low, high, _ = paired_change((most + net) / 2, (most - net) / 2, n)
    frame = frame.assign(change=change, conf_low=low + 0.0, conf_high=high + 0.0)
    told = frame[["n", "need_before", "need_later", "change", "conf_low", "conf_high"]]
    note = (
        f"{protected.note} Intervals of the change take the number of people whose answer changed "
        f"up to the next {policy.min_cell}, and are a little too wide."
    )
    return replace(_widened(protected, told), note=note)


def _support(story: Story, found: SupportSummary) -> list[Block]:
    """Say whom support reached, by pathway and partner, and how it ended."""
    policy, measures = story.policy, found.measures
    pathways = measures[(measures["group"] == ANY_PARTNER) & (measures["term"] != ANY_PATHWAY)]
    reach = pathways[["term", "n_need", "referred_need", "in_contact_need"]].reset_index(drop=True)
    reach["term"] = reach["term"].map(found.names)
    counts = ["n_need", "referred_need", "in_contact_need"]
    for share, of in (("referred_share", "referred_need"), ("contact_share", "in_contact_need")):
        reach[share] = (reach[of].astype(float) / reach["n_need"].astype(float)).where(
            reach["n_need"] > 0)  # fmt: skip
    reached = protect_counts(
        reach, counts=counts, attribute=True, policy=policy, table="reach",
        rates=[Rate("referred_share", "referred_need", "n_need"),
               Rate("contact_share", "in_contact_need", "n_need")],
    )  # fmt: skip
    drawn = reached.frame[reached.frame[["referred_share", "contact_share"]].notna().all(axis=1)]
    table = story.table(
        "reach", reached, "People with each need on joining, referred and in contact")  # fmt: skip
    blocks: list[Block] = [
        table if drawn.empty else Figure(
            figure_png(draw_reach(drawn, {}).figure),
            "Whom support reached, of the people with each need on joining",
            "Two bars a pathway: the share of people with the need who were referred, and who were "
            "in contact. The numbers are in the table.",
            table,
        ),
    ]  # fmt: skip
    partners = measures[measures["term"] == ANY_PATHWAY].assign(
        group=measures["group"].replace(PARTNER_WORDS))  # fmt: skip
    dose = partners[["group", "referred", "in_contact", "contacts", "months", "dose"]]
    dose = dose.reset_index(drop=True)
    dose["contacts_each"] = dose["contacts"] / dose["in_contact"].where(dose["in_contact"] > 0)
    dosed = protect_counts(
        dose, counts=["referred", "in_contact", "contacts", "months"], policy=policy,
        table="partners",
        rates=[Rate("contacts_each", "contacts", "in_contact", kind="rate"),
               Rate("dose", "contacts", "months", kind="rate")],
    )  # fmt: skip
    ways = ["completed", "disengaged", "silent", "went_on"]
    ended = partners.assign(went_on=partners["in_contact"] - partners[ways[:3]].sum(axis=1))
    endings = protect_counts(
        ended[["group", *ways]].reset_index(drop=True), counts=ways, sums={"in_contact": ways},
        policy=policy, table="endings",
    )  # fmt: skip
    number = pd.DataFrame(
        {
            "term": [_many(n, "partner") for n in found.agencies["n_partners"]],
            "n": found.agencies["n"],
        }
    )
    several = protect_counts(
        number, counts=["n"], total="all", policy=policy, table="partners_each")  # fmt: skip
    blocks += [
        story.table("partners", dosed, "People referred and in contact, and contacts, by partner"),
        story.table("endings", endings, "How contact ended, of the people in contact",
                    note=f"Silent: no contact for more than {found.gap_days} days before the end "
                    f"of the episode or of the data. {endings.note}"),
        story.table("partners_each", several, "People by number of partners"),
        story.caveats(found.caveats),
    ]  # fmt: skip
    return blocks


def _contact(story: Story, curve: Survival) -> Block:
    """Draw how soon people were in contact."""
    protected = protect_curve(curve.to_frame(), policy=story.policy, table="first_contact")
    story.tables["first_contact"] = protected
    caption = "Share not yet in contact with any partner, from joining on"
    table = Table(readable(by_month(protected)), f"{caption}: by month", protected.note,
                  story.digits)  # fmt: skip
    drawn = protected.frame.dropna(subset=["estimate"])
    return table if drawn.empty else Figure(
        lambda ax: steps(drawn, ax, says="Share not yet in contact"),
        caption,
        "A falling step line of the share of people who joined and had no contact yet, against "
        "days. The numbers are in the table.",
        table,
    )  # fmt: skip


def _action_log(story: Story) -> list[Block]:
    """Print the notes that were cleared for a report and hold no small number."""
    log, policy = story.evaluation.cases.action_log, story.policy
    design, scheme = story.evaluation.plan.follow_up, story.evaluation.followed.histories.scheme
    names = (design.joining, *design.names)
    cleared = log[log["release"].astype("boolean").fillna(value=False)].sort_values(
        ["note_date", "note_id"], kind="stable"
    )
    few = np.array(
        [policy.protects and has_small_number(note, policy.min_cell, names)
         for note in cleared["note"]], bool,
    )  # fmt: skip
    notes = cleared[~few]
    called = {pathway.code: pathway.name for pathway in scheme.pathways}
    frame = pd.DataFrame({
        "date": notes["note_date"].dt.strftime("%B %Y"),
        "pathway": pathway_word(notes["pathway"], scheme).map(called).fillna("all"),
        "partner": notes["partner"].map(PARTNER_WORDS).fillna("all"),
        "status": notes["status"].str.replace("_", " "),
        "note_text": notes["note"],
    }).reset_index(drop=True).astype(object)  # fmt: skip
    rule = f"a note holds a number of 1 to {policy.min_cell - 1}"
    withheld = pd.DataFrame({
        "table": "action_log", "where": "note_id=" + cleared["note_id"][few], "column": "note",
        "rule": rule})  # fmt: skip
    told = [f"{len(log) - len(cleared)} of {len(log)} notes are not cleared for a report."]
    if few.any():
        told.append(f"{few.sum()} more are left out, because {rule}.")
    shown = replace(unprotected(frame), log=withheld)
    table = story.table("action_log", shown, "Action-learning log", note=" ".join(told))
    return [table] if len(frame) else [Prose((f"Action-learning log: {' '.join(told)}",))]


def has_small_number(note: str, smallest: int, names: tuple[str, ...] = ()) -> bool:
    """Say whether a note holds a number from 1 to below `smallest`, the programme's name aside.

    Examples
    --------
    >>> has_small_number("7 Pathways Plus lost two tenancies", 10, ("7 Pathways Plus",))
    True
    >>> has_small_number("7 Pathways Plus lost some tenancies", 10, ("7 Pathways Plus",))
    False
    """
    for name in sorted(names, key=len, reverse=True):
        note = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", note, flags=re.IGNORECASE)
    words = re.findall(r"\d+|[^\W\d_]+", note.casefold())
    numbers = (int(word) if word.isdecimal() else FEW_IN_WORDS.get(word, 0) for word in words)
    return any(0 < number < smallest for number in numbers)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _least(policy: DisclosurePolicy) -> int:
    return policy.min_group if policy.protects else 1


def _widened(protected: ProtectedTable, frame: pd.DataFrame) -> ProtectedTable:
    """Take a frame with other columns; what rests on hidden counts is hidden with them."""
    hidden = protected.hidden.reindex(columns=frame.columns, index=frame.index, fill_value=False)
    for name in ("lift", "phi", "change", "conf_low", "conf_high"):
        if name in frame and protected.hidden.to_numpy().any():
            hidden[name] = frame[name].isna()
    return replace(
        protected, frame=frame.reset_index(drop=True), hidden=hidden.reset_index(drop=True)
    )
