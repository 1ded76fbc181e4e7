"""Which needs were there, and which are there later: the same people, by the same tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as student

from desistance.catalogue import ANSWERS
from desistance.errors import PlanError
from desistance.histories.needs.answers import KEY, NO_ASSESSMENT, ask
from desistance.histories.paired import paired_change, share_interval
from desistance.plots import DARK_BLUE, DARK_GREY, TURQUOISE, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from desistance.histories.histories import Histories
    from desistance.histories.needs.answers import Asked

NO_ANSWERS = (*ANSWERS[2:], NO_ASSESSMENT)
BEFORE, LATER = "before", "later"


@dataclass(frozen=True, slots=True)
class NeedsDesign:
    """Which assessments count as before, and which as later.

    Attributes
    ----------
    days_before, days_after
        The baseline is the latest answer from `days_before` days before day zero to `days_after`
        days after it. Answers after day zero may already show what a programme did, so none
        counts unless asked for: 28 lets in the first four weeks, and a caveat counts them.
    later_from, later_to
        Later is the latest answer from day `later_from` to day `later_to`; None for no last day.
    """

    days_before: int = 180
    days_after: int = 0
    later_from: int = 29
    later_to: int | None = 365

    def __post_init__(self) -> None:
        if self.days_before < 0 or self.days_after < 0:
            raise PlanError("`days_before` and `days_after` are 0 or more.")
        if not self.days_after < self.later_from:
            raise PlanError("`later_from` comes after `days_after`: an answer is one or the other.")
        if self.later_to is not None and self.later_to < self.later_from:
            raise PlanError("`later_to` does not come before `later_from`.")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NeedsOverTime(Result):
    """Needs before and later, by tool and pathway.

    Attributes
    ----------
    n : int
        People asked about.
    changes : DataFrame
        One row per tool (`group`) and pathway (`term`): ``n_before, need_before, n_later,
        need_later`` (answers, and needs among them); among the `n` who were answered both times
        ``stayed, resolved, appeared, never``; ``other_tool``: answered before, and later by
        another tool only; the net ``change`` of the share with the need, ``conf_low, conf_high,
        p_value``; ``share_change, share_low, share_high``: mean change of the score as a share of
        its range, where 0 is the best end and 1 the worst.
    answers : DataFrame
        ``group, term, when, answer, n``: every person, by what is known "before" and "later".
    names : dict
        Of the pathways, by code.
    caveats : tuple of str
    """

    n: int
    changes: pd.DataFrame
    answers: pd.DataFrame
    names: dict[str, str]
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per tool, pathway and measure; people without an answer by their reason."""
        rows = [row for _, change in self.changes.iterrows() for row in _rows(change)]
        silent = self.answers[self.answers["answer"].isin(NO_ANSWERS) & (self.answers["n"] > 0)]
        said = silent["when"] + ": " + silent["answer"].str.replace("_", " ")
        unknown = silent[["group", "term"]].assign(outcome=said, n=self.n, n_events=silent["n"])
        columns = ["group", "term", "outcome", "n", "n_events", "estimate", "conf_low", "conf_high",
                   "p_value", "note"]  # fmt: skip
        frame = pd.concat([pd.DataFrame(rows, columns=columns).astype(object), unknown])
        frame = frame.reset_index(drop=True).fillna({"note": ""}).infer_objects()
        return frame.astype({"n": "Int64", "n_events": "Int64"})

    def summary(self) -> str:
        """Say who was assessed twice, and what became of each need."""
        columns = ["group", "term", "n", "stayed", "resolved", "appeared", "never", "change",
                   "conf_low", "conf_high"]  # fmt: skip
        head = f"Needs of {self.n:,} people, {self.definition}"
        return "\n".join([head, text_table(self.changes[columns]), *self.caveats])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share with each need before and later, of those answered both times."""
        drawn = self.changes[self.changes["n"] > 0].reset_index(drop=True)
        ax = new_axes(ax, size=(6.6, max(2.6, 0.42 * len(drawn) + 1.2)))
        place = np.arange(len(drawn))[::-1]
        before = (drawn["stayed"] + drawn["resolved"]) / drawn["n"]
        later = (drawn["stayed"] + drawn["appeared"]) / drawn["n"]
        ax.hlines(place, before, later, color=DARK_GREY, linewidth=1.5)
        ax.plot(before, place, "o", color=DARK_BLUE, mfc="white", mew=2, ms=9, label="before")
        ax.plot(later, place, "s", color=TURQUOISE, ms=8, label="later")
        several = drawn["group"].nunique() > 1
        ax.set_yticks(place, [
            f"{self.names.get(term, term)}{f' ({tool})' if several else ''}"
            for tool, term in zip(drawn["group"], drawn["term"], strict=True)])  # fmt: skip
        ax.set(xlabel="Share with the need, assessed twice", xlim=(0, 1))
        ax.set_ylim(-0.6, len(drawn) - 0.4)
        ax.grid(axis="x")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, frameon=False)
        return ax


def needs_over_time(
    histories: Histories,
    person_ids: pd.Series | None = None,
    dates: pd.Series | None = None,
    *,
    design: NeedsDesign | None = None,
    confidence: float = 0.95,
) -> NeedsOverTime:
    """Compare needs before a day zero with needs later; see `desistance.histories.needs`.

    Parameters
    ----------
    histories
        From `build_histories`; its scheme says what is a need.
    person_ids, dates : Series, shape (n,)
        Whom to ask about, each once, and the day zero of each: leaving or joining. Without
        `dates` the first answer of each person is compared with the last.
    design
        The windows; see `NeedsDesign`.
    confidence
        Of the intervals: Tango's score interval for the net change, exact for shares, Student's
        for the mean change of the score.

    Returns
    -------
    NeedsOverTime
        A negative change means that fewer have the need.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, needs_over_time, simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> joined = cases.episodes[cases.episodes["programme"] == "7PP"]
    >>> histories = build_histories(cases)
    >>> found = needs_over_time(histories, joined["person_id"], joined["start_date"])
    >>> row = found.changes.set_index("term").loc["ACC"]
    >>> bool(row[["stayed", "resolved", "appeared", "never"]].sum() == row["n"])
    True
    """
    design = design or NeedsDesign()
    asked = ask(histories, person_ids, dates)
    zero = asked.index_day
    if zero is None:
        before, later = asked.first(), asked.latest()
    else:
        before = asked.latest(zero - design.days_before, zero + design.days_after)
        last = None if design.later_to is None else zero + design.later_to
        later = asked.latest(zero + design.later_from, last)
    pairs = before.merge(later, how="outer", on=KEY, suffixes=("_before", "_later"))
    if zero is None:  # one answer is the first and the last, and no change
        again = pairs["day_later"] > pairs["day_before"]
        pairs[["need_later", "share_later"]] = pairs[["need_later", "share_later"]].where(again)
        pairs["answer_later"] = pairs["answer_later"].where(
            again | ~pairs["answer_later"].isin(["need", "no_need"]), NO_ASSESSMENT
        )
    order = {code: place for place, code in enumerate(histories.scheme.codes)}
    pairs = pairs.sort_values(["tool", "pathway"], key=lambda c: c.map(order).fillna(0)
                              if c.name == "pathway" else c, kind="stable")  # fmt: skip
    changes, answers = _changes(pairs, confidence), _answers(pairs, asked.n)
    days = (
        "first answer against last"
        if zero is None
        else f"answers of the {design.days_before} days before day zero"
        + (f" and the {design.days_after} after it" if design.days_after else "")
        + f" against the latest from day {design.later_from} "
        + ("on" if design.later_to is None else f"to day {design.later_to}")
    )
    names = {pathway.code: pathway.name for pathway in histories.scheme.pathways}
    caveats = tuple(_caveats(asked, pairs))
    return NeedsOverTime(asked.n, changes, answers, names, days, caveats)


def _changes(pairs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Count each way a need can go, and compare the shares."""
    one, two = pairs["need_before"], pairs["need_later"]
    known, again = one.notna(), two.notna()
    twice = known & again
    elsewhere = (
        pairs[again][["pathway", "place"]].drop_duplicates().assign(elsewhere=True)
    )  # answered later, by whichever tool
    by_other = pairs[["pathway", "place"]].merge(elsewhere, how="left")["elsewhere"].eq(True)
    moved = (pairs["share_later"] - pairs["share_before"]).where(twice)
    flags = pd.DataFrame({
        "group": pairs["tool"], "term": pairs["pathway"],
        "n_before": known, "need_before": one == 1, "n_later": again, "need_later": two == 1,
        "n": twice, "stayed": twice & (one == 1) & (two == 1),
        "resolved": twice & (one == 1) & (two == 0), "appeared": twice & (one == 0) & (two == 1),
        "never": twice & (one == 0) & (two == 0),
        "other_tool": known & ~again & by_other.to_numpy(),
    })  # fmt: skip
    found = flags.groupby(["group", "term"], sort=False).sum().astype(int).reset_index()
    change, low, high, p_value = paired_change(
        found["appeared"], found["resolved"], found["n"], confidence=confidence
    )
    found = found.assign(change=change, conf_low=low, conf_high=high, p_value=p_value)
    scores = moved.groupby([flags["group"], flags["term"]], sort=False)
    scored = scores.agg(["count", "mean", "std"]).reset_index(drop=True).astype(float)
    count = scored["count"]
    error = scored["std"] / np.sqrt(count.where(count > 1))
    half = error.where(error > 0) * student.ppf((1 + confidence) / 2, np.maximum(count - 1, 1))
    return found.assign(
        share_change=scored["mean"], share_low=scored["mean"] - half,
        share_high=scored["mean"] + half,
    )  # fmt: skip


def _answers(pairs: pd.DataFrame, n: int) -> pd.DataFrame:
    """Count everybody by what is known of them, those no row speaks of among them."""
    rows = []
    for (tool, pathway), part in pairs.groupby(["tool", "pathway"], sort=False):
        for when in (BEFORE, LATER):
            counts = part[f"answer_{when}"].value_counts()
            counts[NO_ASSESSMENT] = n - counts.drop(NO_ASSESSMENT, errors="ignore").sum()
            rows += [
                (tool, pathway, when, answer, int(counts.get(answer, 0)))
                for answer in (*ANSWERS, NO_ASSESSMENT)
            ]
    return pd.DataFrame(rows, columns=["group", "term", "when", "answer", "n"])


def _rows(change: pd.Series) -> Iterable[dict[str, object]]:
    """Lay one tool and pathway out as measures."""
    label = {"group": change["group"], "term": change["term"]}
    before = change["stayed"] + change["resolved"]
    for outcome, some, n in (
        ("need before", change["need_before"], change["n_before"]),
        ("need later", change["need_later"], change["n_later"]),
        ("need resolved", change["resolved"], before),
        ("need appeared", change["appeared"], change["n"] - before),
    ):
        share, low, high = share_interval([some], [n])
        yield label | {
            "outcome": outcome, "n": n, "n_events": some, "estimate": share[0],
            "conf_low": low[0], "conf_high": high[0],
            "note": "" if n else f"{NOT_ESTIMABLE}: nobody",
        }  # fmt: skip
    nobody = "" if change["n"] else f"{NOT_ESTIMABLE}: nobody was assessed twice by this tool"
    yield label | {
        "outcome": "net change", "n": change["n"],
        "n_events": change["resolved"] + change["appeared"], "estimate": change["change"],
        "conf_low": change["conf_low"], "conf_high": change["conf_high"],
        "p_value": change["p_value"], "note": nobody,
    }  # fmt: skip
    yield label | {
        "outcome": "mean change of score", "n": change["n"], "estimate": change["share_change"],
        "conf_low": change["share_low"], "conf_high": change["share_high"],
        "note": nobody or ("" if change["n"] == 0 or pd.notna(change["share_change"])
                           else f"{NOT_ESTIMABLE}: the tool has no range"),
    }  # fmt: skip


def _caveats(asked: Asked, pairs: pd.DataFrame) -> Iterable[str]:
    twice = pairs["need_before"].notna() & pairs["need_later"].notna()
    yield Caveat(
        "{twice} of {n} people were assessed both times by one tool. Who is assessed twice is not "
        "everybody, and a change after a low point comes by itself: this is no effect of a "
        "programme.", twice=int(pairs.loc[twice, "place"].nunique()), n=asked.n,
    )  # fmt: skip
    if pairs["tool"].nunique() > 1:
        yield "Answers of different tools are in groups of their own and not compared."
    if asked.index_day is not None:
        known = pairs[pairs["need_before"].notna()]
        after = known["day_before"].to_numpy() > asked.index_day[known["place"].to_numpy()]
        if after.any():
            yield Caveat(
                "The baseline of {after} people was taken after day zero, in one pathway or more.",
                after=int(known.loc[after, "place"].nunique()),
            )  # fmt: skip
    yield from leaning_low(asked)


def leaning_low(asked: Asked) -> Iterable[str]:
    """Say where scores lean low, and which rows speak of no pathway."""
    rows = asked.answers
    low = rows[(rows["n_items_missing"] > 0) & rows["answer"].eq("no_need")]
    if len(low):
        yield Caveat(
            "{low} people have an answer of no need that rests on unanswered items, which counted "
            "as 0: some of these are needs.", low=int(low["place"].nunique()),
        )  # fmt: skip
    if asked.n_unmapped:
        yield Caveat(
            "{rows} rows of assessments speak of no pathway of the scheme and are not used.",
            rows=asked.n_unmapped,
        )  # fmt: skip
