"""What the report says, section by section, in the order of the method: balance before effect.

Every number passes disclosure control on its way to the page: tables of counts, curves, effects,
and the counts inside sentences. The tables of the page are also the files released beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from desistance.comparison.effects.wording import NOT_COMPARED, not_reported
from desistance.disclosure import (
    ProtectedTable,
    Rate,
    coarser,
    protect_counts,
    protect_curve,
    protect_effect,
    protect_sentence,
    unprotected,
    wider,
)
from desistance.plots import figure_png
from desistance.rates import SHARE
from desistance.report.designs import lock, other_comparisons, trial
from desistance.report.drawings import steps
from desistance.report.effects import effect, headline
from desistance.report.exploratory import exploratory
from desistance.report.missing import missing
from desistance.report.page import Block, Figure, KeyFigure, Page, Prose, Section, Table
from desistance.report.process import PARTNER_WORDS, implementation, needs_blocks
from desistance.report.sensitivity import sensitivity
from desistance.report.timing import timing
from desistance.report.words import (
    ABOUT_PEOPLE,
    TERMS,
    by_month,
    fitted_on,
    log_rank_words,
    needs_table,
    readable,
)
from desistance.survival.hazardratios import forest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desistance.balance import Balance
    from desistance.evaluation import Evaluation
    from desistance.survival import CoxFit, Survival


class Story:
    """The sections of one evaluation's report, and the protected tables they show.

    `tables` fills as the sections are written: file name to protected table.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.policy = evaluation.plan.disclosure
        self.tables: dict[str, ProtectedTable] = {}

    def page(self) -> Page:
        """Write the page."""
        plan, extract = self.evaluation.plan, self.evaluation.cases.extract_date
        design = plan.follow_up
        return Page(
            title=plan.title,
            subtitle=f"People who left {design.leaving}, before and after joining "
            f"{design.names[1]}. Data taken on {extract.day} {extract:%B %Y}.",
            banner=self.policy.banner,
            sections=tuple(self.sections()),
            footer=("Made with desistance, from the plan and data named in manifest.json.",),
        )

    def sections(self) -> Iterable[Section]:
        """Write the sections, in the order of the method."""
        found = self.evaluation
        yield self.in_short()
        yield self.method()
        yield self.data()
        yield self.rates()
        yield self.time_to_reoffence()
        yield self.needs()
        if (process := implementation(self)) is not None:
            yield process
        if found.balanced is not None and found.effects is not None:
            yield self.balance(found.balanced)
            yield effect(self, found.effects, found.balanced)
            if found.triangulation is not None or found.cohorts:
                yield other_comparisons(self)
            if found.timing is not None:
                yield timing(self, found.timing, found.balanced)
            if found.stress is not None:
                yield sensitivity(self, found.stress, found.balanced)
            if found.explored:
                yield exploratory(self, found.explored, found.balanced)
        elif found.not_compared is not None:
            yield Section("Are the cohorts alike?", (self.matching(found.not_compared),))
        yield self.limits()

    def in_short(self) -> Section:
        """Give the one sentence to remember."""
        found, names = self.evaluation, self.evaluation.plan.follow_up.names
        blocks: list[Block] = [Prose(found.plan.notes)] if found.plan.notes else []
        if found.effects is None:
            blocks.append(KeyFigure(NOT_COMPARED))
        else:
            blocks.append(KeyFigure(
                headline(self, found.effects),
                f"Compared are people who joined {names[1]} with {names[0]} people matched to them "
                f"on the same day since leaving. Balance: {found.effects.light}.",
            ))  # fmt: skip
        return Section("In short", tuple(blocks))

    def method(self) -> Section:
        """Say what was done, and by which definitions."""
        design = self.evaluation.plan.follow_up
        balance, hazards = self.evaluation.plan.balance, self.evaluation.plan.hazards
        said = {
            "Time zero": f"the day a person left {design.leaving}",
            "Exposure": f"{design.joining}, from the day after joining"
            if design.exposure == "time-varying"
            else f"{design.joining}, ever (biased unless everyone joins on day 0)",
            "Follow-up": f"{design.months} months, and {design.waiting_months} more for an offence "
            "to be proven",
            "Reoffence": f"{design.offence_set}, proven by "
            f"{' or '.join(self.evaluation.plan.histories.proven_by)}, not committed in custody",
            "Clock": f"{design.clock}; days wholly in custody are not days at risk",
            "Pathway needs": f"scheme {self.evaluation.plan.histories.scheme}; not assessed is not "
            "the same as no need",
            "Matching": "people on the same day since leaving, "
            + (f"the {balance.ratio} nearest" if balance.ratio else "everyone")
            + f" within {balance.caliper} standard deviations of the log odds of joining",
            "Hazards": f"Cox, {hazards.ties} ties, {hazards.variance} variance",
            "Small numbers": self.policy.name.replace("_", " "),
        }
        table = pd.DataFrame({"choice": list(said), "made": list(said.values())})
        design_table = Table(readable(table), "The design and its definitions")
        found = self.evaluation
        return Section("What was done", (trial(found), *lock(found), design_table))

    def data(self) -> Section:
        """Account for every row read and every person left out."""
        quality, flow = self.evaluation.cases.quality.to_frame(), self.evaluation.followed.flow
        about_people = quality[quality["table"].isin(ABOUT_PEOPLE)]
        counts = ["n_in", "n_used", "n_quarantined", "n_merged"]
        rows = protect_counts(about_people, counts=counts, policy=self.policy, table="rows")
        people = protect_counts(
            flow, counts=["n_left_out", "n_remaining"], policy=self.policy, table="flow"
        )
        return Section("Data, and who was left out", (
            self.table("rows", rows, "Rows read, used, set aside and merged"),
            self.table("flow", people, "From everyone in the data to the people followed"),
            self.caveats(self.evaluation.followed.caveats),
        ))  # fmt: skip

    def rates(self) -> Section:
        """Give one-year measures and rates per year."""
        frame = self.evaluation.rates.to_frame()
        share = SHARE.format(months=self.evaluation.plan.follow_up.months)
        is_share, per_year = frame["outcome"] == share, frame["person_years"].notna()
        bounds = ("conf_low", "conf_high")
        shares = Rate("estimate", "n_events", "n", "share", bounds)
        means = Rate("estimate", "n_events", "n", "rate", bounds)
        yearly = Rate("estimate", "n_events", "person_years", "rate", bounds)
        return Section("Reoffending", (
            Prose((f"What counts: {self.evaluation.rates.definition}.",)),
            self.rate_table("reoffended", frame[is_share], shares, "Who reoffended"),
            self.rate_table("reoffences", frame[~is_share & ~per_year], means,
                            "How many reoffences"),
            self.rate_table("frequency", frame[per_year], yearly, "How often, per year"),
        ))  # fmt: skip

    def rate_table(self, name: str, frame: pd.DataFrame, rate: Rate, caption: str) -> Table:
        """Protect rates: worked out again from rounded counts, their intervals with them."""
        counts = [c for c in ("n", "n_events", "person_years") if frame[c].notna().any()]
        told = ["group", "outcome", *counts, "estimate", "conf_low", "conf_high", "note"]
        frame = frame[told].reset_index(drop=True)
        if not counts:
            return self.table(name, unprotected(frame), caption)
        protected = protect_counts(
            frame, counts=counts, rates=[rate], policy=self.policy, table=name)  # fmt: skip
        if self.policy.protects:
            bursts = frame["outcome"].str.startswith("reoffences per")
            protected = replace(protected, frame=wider(protected.frame, frame, bursts))
        return self.table(name, protected, caption, digits=3)

    def time_to_reoffence(self) -> Section:
        """Draw the curves of both cohorts, with delayed entry."""
        names = self.evaluation.plan.follow_up.names
        difference = self.evaluation.difference.to_frame()
        said = Prose((
            f"A person counts as {names[0]} until joining and as {names[1]} from then on, so time "
            "before joining is never credited to the programme. These curves are not adjusted for "
            "who joins; the comparison below is.",
            log_rank_words(difference),
        ))  # fmt: skip
        return Section("Time to the first reoffence", (
            self.curve("overall", self.evaluation.overall, "Share not yet reoffended, everyone"),
            said,
            self.curve("curves", self.evaluation.curves, "Share not yet reoffended, by cohort"),
        ))  # fmt: skip

    def needs(self) -> Section:
        """Say which needs were found, and which hazards go with them."""
        table = needs_table(self.evaluation)
        protected = protect_counts(
            table, counts=["need", "no_need", "not_assessed"],
            sums={"n": ("need", "no_need", "not_assessed")}, attribute=True, policy=self.policy,
            table="needs",
        )  # fmt: skip
        blocks: list[Block] = [self.table("needs", protected, "Pathway needs on leaving")]
        blocks += needs_blocks(self)
        if self.evaluation.hazards is not None:
            blocks += self.hazards(self.evaluation.hazards)
            if self.evaluation.missing is not None:
                blocks += missing(self, self.evaluation.hazards, self.evaluation.missing)
        return Section("Pathway needs", tuple(blocks))

    def hazards(self, fitted: CoxFit) -> list[Block]:
        """Give the Cox model, on the log scale and as ratios."""
        frame = fitted.to_frame(log=True)
        ratios = fitted.to_frame()
        frame = frame.rename(columns={"estimate": "log_hazard_ratio"})
        frame.insert(3, "hazard_ratio", ratios["estimate"])
        frame[["conf_low", "conf_high"]] = ratios[["conf_low", "conf_high"]]
        events = {"everyone": fitted.n_events}
        protected = protect_effect(
            frame, n_people={"everyone": fitted.n_people}, n_events=events, n_terms=len(frame),
            policy=self.policy, table="hazards",
        )  # fmt: skip
        shown = self.table(
            "hazards", protected, "Hazard ratios of the first reoffence (Cox model)",
            note="" if self.policy.protects else fitted_on(fitted), digits=self.digits,
        )  # fmt: skip
        blocks: list[Block] = [self.caveats(fitted.caveats)]
        if not protected.hidden.to_numpy().any():
            worded = ratios.assign(term=[self.words(term) for term in ratios["term"]])
            blocks.append(Figure(
                figure_png(forest(worded).figure),
                "Hazard ratios with their 95% intervals; to the left of 1, fewer reoffend",
                "One row a term: a mark for the hazard ratio and a line for its interval, on a "
                "logarithmic axis around 1. The numbers are in the table.",
                shown,
            ))  # fmt: skip
        else:
            blocks.append(shown)
        return blocks

    def balance(self, balanced: Balance) -> Section:
        """Show how alike the cohorts are, before any effect."""
        means = ["mean_joined", "mean_before", "mean_after"]
        frame = balanced.to_frame()
        if self.policy.protects:  # a mean of a yes/no column times the people is a count
            frame = frame.drop(columns=means).round(2)
        worded = frame.assign(term=[self.words(term) for term in frame["term"]])
        table = self.table(
            "balance", unprotected(frame), "Standardised mean differences",
            note="Up to 0.05 is green, up to 0.10 amber, beyond that red.",
        )  # fmt: skip
        return Section("Are the cohorts alike?", (
            self.matching(balanced.flow),
            self.caveats(balanced.caveats),
            Figure(
                figure_png(replace(balanced, table=worded).plot().figure),
                f"Balance is {balanced.light}: differences between the cohorts by term",
                "One row a term: an open mark for the difference before matching and a filled one "
                "after, around 0. The numbers are in the table.",
                table,
            ),
        ))  # fmt: skip

    def matching(self, flow: pd.DataFrame) -> Table:
        """Account for everyone who joined."""
        counts = ["n_left_out", "n_remaining"]
        protected = protect_counts(flow, counts=counts, policy=self.policy, table="matching")
        return self.table("matching", protected, "From everyone who joined to those matched")

    def protect(
        self, frame: pd.DataFrame, n_people: dict[str, int], n_events: dict[str, int], name: str,
        *, of_two: float = 0.0,
    ) -> ProtectedTable:  # fmt: skip
        """Protect effects between groups, rates per 100 in coarser steps where people are few."""
        if self.policy.protects:
            few = min(n_people.values(), default=0) < self.policy.min_curve
            frame = coarser(frame, self.policy.round_to if few else 1)
        return protect_effect(
            frame, n_people=n_people, n_events=n_events, of_two=of_two, policy=self.policy,
            table=name,
        )  # fmt: skip

    def limits(self) -> Section:
        """Say what may and what may not be read out of this report."""
        balanced = self.evaluation.balanced
        also = ", and how those who joined compare with people like them in what is recorded"
        if balanced is None or not_reported(balanced):
            also = "; not how those who joined compare with others, as nothing is reported of that"
        return Section("What you can say, and what you cannot", (
            Prose((
                f"You can say how many people were followed, how often they reoffended{also}.",
                "You cannot say that the programme caused the difference beyond what matching on "
                "recorded history and needs allows; that an inconclusive result means the "
                "programme does not work; or anything about one person.",
            )),
        ))  # fmt: skip

    def curve(self, name: str, curves: Survival, caption: str) -> Block:
        """Draw protected curves, with the table of the same numbers."""
        protected = protect_curve(curves.to_frame(), policy=self.policy, table=name)
        self.tables[name] = protected
        table = Table(
            readable(by_month(protected)), f"{caption}: by month", protected.note, self.digits
        )
        drawn = protected.frame.dropna(subset=["estimate"])
        return table if drawn.empty else Figure(
            lambda ax: steps(drawn, ax),
            caption,
            "Falling step lines, one a cohort, of the share not yet reoffended against days. The "
            "numbers are in the table.",
            table,
        )  # fmt: skip

    @property
    def digits(self) -> int:
        """How many decimals a share or ratio is printed with."""
        return 2 if self.policy.protects else 6

    def table(
        self, name: str, protected: ProtectedTable, caption: str, *, note: str = "",
        digits: int = 2, folded: bool = False,
    ) -> Table:  # fmt: skip
        """Remember a table for the released files, and show it on the page."""
        self.tables[name] = protected
        shown = protected.shown()
        if "term" in shown:
            shown["term"] = [self.words(str(term)) for term in shown["term"]]
        return Table(readable(shown), caption, note or protected.note, digits, folded)

    def words(self, term: str) -> str:
        """Name a term in words: a need by its pathway, the exposure by the programme, a partner."""
        names = {p.code: p.name for p in self.evaluation.followed.histories.scheme.pathways}
        if term == "exposed":
            return f"Joined {self.evaluation.plan.follow_up.names[1]}"
        if term.startswith("need_"):
            code, _, unknown = term.removeprefix("need_").partition(" ")
            return f"{names[code]}: {'not assessed' if unknown else 'need'}"
        return TERMS.get(term, PARTNER_WORDS.get(term, term))

    def caveats(self, caveats: Iterable[str]) -> Prose:
        """Say caveats, with their counts protected."""
        return Prose(tuple(protect_sentence(caveat, self.policy) for caveat in caveats))
