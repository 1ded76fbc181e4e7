"""Reach, dose, drop-out and partners, by pathway and partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import ndtri

from desistance.errors import DataError, PlanError
from desistance.histories.days import DAYS_A_YEAR, to_dates
from desistance.histories.needs.answers import ask
from desistance.histories.needs.change import NeedsDesign
from desistance.histories.paired import share_interval
from desistance.histories.support.managed import ANY_PARTNER, ANY_PATHWAY, managed
from desistance.plots import DARK_BLUE, TURQUOISE, new_axes
from desistance.results import NOT_ESTIMABLE, Caveat, Result, text_table
from desistance.timetoevent import TimeToEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from desistance.histories.histories import Histories
    from desistance.histories.support.managed import Managed, Since

    Floats = NDArray[np.float64]

CONTACTS = ("contact", "review")
Kind = Literal["contact", "referral"]
MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SupportSummary(Result):
    """What support people of a programme had.

    Attributes
    ----------
    n : int
        People of the programme.
    measures : DataFrame
        One row per partner (`group`) and pathway (`term`), any of either among them: ``n_need,
        n_need_unknown`` (people, on a pathway), ``referred, referred_need, in_contact,
        in_contact_need`` (people), ``contacts``, ``months`` (person-months managed), ``dose,
        dose_low, dose_high`` (contacts per person-month), ``completed, disengaged, silent``
        (people in contact, by how contact ended).
    agencies : DataFrame
        ``n_partners, n``: people by how many partners they were referred to or in contact with.
    accounting : DataFrame
        ``reason, n_rows``: what became of every row of `support`.
    gap_days : int
        After how many days without contact somebody counts as silent.
    names : dict
        Of the pathways, by code.
    caveats : tuple of str
    """

    n: int
    measures: pd.DataFrame
    agencies: pd.DataFrame
    accounting: pd.DataFrame
    gap_days: int
    names: dict[str, str]
    definition: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row per partner, pathway and measure, then people by number of partners."""
        rows = [row for _, one in self.measures.iterrows() for row in self._rows(one)]
        share, low, high = share_interval(self.agencies["n"], np.full(len(self.agencies), self.n))
        number = self.agencies.assign(
            group=ANY_PARTNER, term=self.agencies["n_partners"].astype(str) + " partners",
            outcome="number of partners", n_events=self.agencies["n"], n=self.n, estimate=share,
            conf_low=low, conf_high=high, note="",
        )  # fmt: skip
        columns = ["group", "term", "outcome", "n", "n_events", "person_years", "estimate",
                   "conf_low", "conf_high", "note"]  # fmt: skip
        return pd.DataFrame([*rows, *number.to_dict("records")], columns=columns)

    def _rows(self, one: pd.Series) -> Iterable[dict[str, object]]:
        label = {"group": one["group"], "term": one["term"]}
        shares = [
            ("referred", one["referred"], self.n),
            ("in contact", one["in_contact"], self.n),
            ("completed", one["completed"], one["in_contact"]),
            ("disengaged", one["disengaged"], one["in_contact"]),
            (f"no contact for {self.gap_days} days", one["silent"], one["in_contact"]),
        ]
        if one["term"] != ANY_PATHWAY:
            shares += [
                ("referred, of those with the need", one["referred_need"], one["n_need"]),
                ("in contact, of those with the need", one["in_contact_need"], one["n_need"]),
            ]
        for outcome, some, n in shares:
            share, low, high = share_interval([some], [n])
            yield label | {
                "outcome": outcome, "n": n, "n_events": some, "estimate": share[0],
                "conf_low": low[0], "conf_high": high[0],
                "note": "" if n else f"{NOT_ESTIMABLE}: nobody",
            }  # fmt: skip
        yield label | {
            "outcome": "contacts per month", "n": self.n, "n_events": one["contacts"],
            "person_years": one["months"] / MONTHS_A_YEAR, "estimate": one["dose"],
            "conf_low": one["dose_low"], "conf_high": one["dose_high"],
            "note": "" if self.n else f"{NOT_ESTIMABLE}: nobody",
        }  # fmt: skip

    def summary(self) -> str:
        """Say whom support reached, how much there was, and what became of the rows."""
        margins = (self.measures["group"] == ANY_PARTNER) | (self.measures["term"] == ANY_PATHWAY)
        columns = ["group", "term", "n_need", "referred", "in_contact", "in_contact_need",
                   "contacts", "dose", "completed", "disengaged", "silent"]  # fmt: skip
        head = f"Support of {self.n:,} people, {self.definition}"
        return "\n".join([
            head, text_table(self.measures.loc[margins, columns]), "Partners per person:",
            text_table(self.agencies), "Rows of support:", text_table(self.accounting),
            *self.caveats])  # fmt: skip

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw, of the people with each need, the shares referred and in contact."""
        rows = self.measures
        drawn = rows[(rows["group"] == ANY_PARTNER) & (rows["term"] != ANY_PATHWAY)]
        return draw_reach(drawn, self.names, ax=ax)


def draw_reach(rows: pd.DataFrame, names: dict[str, str], *, ax: Axes | None = None) -> Axes:
    """Draw reach by pathway, from ``term, n_need, referred_need, in_contact_need``."""
    ax = new_axes(ax, size=(6.6, max(2.6, 0.5 * len(rows) + 1.2)))
    place = np.arange(len(rows))[::-1]
    among = rows["n_need"].astype(float).where(rows["n_need"] > 0)
    for column, shift, colour, label in (
        ("referred_need", 0.19, DARK_BLUE, "referred"),
        ("in_contact_need", -0.19, TURQUOISE, "in contact"),
    ):
        share = (rows[column].astype(float) / among).fillna(0)
        ax.barh(place + shift, share, 0.36, color=colour, label=label)
    ax.set_yticks(place, [names.get(term, term) for term in rows["term"]])
    ax.set(xlabel="Share of people with the need", xlim=(0, 1))
    ax.grid(visible=False, axis="y")
    ax.grid(axis="x")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, frameon=False)
    return ax


def support_summary(
    histories: Histories,
    *,
    programme: str = "7PP",
    since: Since = "joining",
    gap_days: int = 90,
    design: NeedsDesign | None = None,
    confidence: float = 0.95,
) -> SupportSummary:
    """Measure reach, dose, drop-out and partners; see `desistance.histories.support`.

    Parameters
    ----------
    histories
        From `build_histories`.
    programme, since
        Whose people, from joining the programme or from leaving it.
    gap_days
        Somebody in contact, who neither completed nor said they left, is silent if more than so
        many days pass from the last contact to the end of the episode or the data.
    design
        Which assessments say who had a need on the first day; see `NeedsDesign`.
    confidence
        Of the dose's interval, which lets some people be seen more often than others.

    Raises
    ------
    DataError
        If nobody was in the programme.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, simulate_cases, support_summary
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> found = support_summary(build_histories(cases))
    >>> int(found.accounting["n_rows"].sum()) == len(cases.support)
    True
    """
    if gap_days < 1:
        raise PlanError("`gap_days` is 1 or more.")
    scheme = histories.scheme
    people = managed(histories, programme, since)
    needs = _needs(histories, people, scheme.codes, design or NeedsDesign())
    members = {pathway.code: pathway.members for pathway in scheme.pathways}
    partners = sorted(people.rows["partner"].unique())
    rows = []
    for partner in (ANY_PARTNER, *partners):
        for column, pathway in enumerate((ANY_PATHWAY, *scheme.codes), start=-1):
            some = people.about(partner, pathway, members.get(pathway, ()))
            if some.empty and partner != ANY_PARTNER:
                continue
            need = needs[:, column] if column >= 0 else np.full(people.n, np.nan)
            rows.append({"group": partner, "term": pathway}
                        | _measure(some, people.length, need, gap_days, confidence))  # fmt: skip
    measures = pd.DataFrame(rows)
    whole = measures["term"] == ANY_PATHWAY
    counts = ["n_need", "n_need_unknown", "referred_need", "in_contact_need"]
    measures[counts] = measures[counts].astype("Int64").mask(whole)
    told = people.rows[people.rows["kind"].isin([*CONTACTS, "referral"])]
    several = told.drop_duplicates(["place", "partner"])["place"]
    number = np.bincount(np.bincount(several, minlength=people.n), minlength=len(partners) + 1)
    agencies = pd.DataFrame({"n_partners": np.arange(len(number)), "n": number})
    names = {pathway.code: pathway.name for pathway in scheme.pathways}
    return SupportSummary(
        people.n, measures, agencies, people.accounting, gap_days, names,
        f"from {since} {programme}", tuple(_caveats(people, needs)),
    )  # fmt: skip


def first_contact(
    histories: Histories,
    *,
    programme: str = "7PP",
    since: Since = "joining",
    kind: Kind = "contact",
    pathway: str | None = None,
    partner: str | None = None,
    design: NeedsDesign | None = None,
) -> TimeToEvent:
    """Give the time to the first contact as rows that `kaplan_meier` takes.

    Parameters
    ----------
    histories, programme, since, design
        As in `support_summary`.
    kind
        Wait for a "contact" or for a "referral".
    pathway
        Only support on this pathway, and only people known to have the need on the first day.
    partner
        Only support by this partner.

    Returns
    -------
    TimeToEvent
        One row a person: days from 1, the first day itself; without a contact, censored at the
        end of the episode, at death or at the extract. Columns ``person_id, start_date``.

    Examples
    --------
    >>> from desistance import SimulationDesign, build_histories, first_contact, kaplan_meier
    >>> from desistance import simulate_cases
    >>> cases = simulate_cases(SimulationDesign(n_people=200), rng=3)
    >>> waiting = first_contact(build_histories(cases), kind="referral")
    >>> bool(kaplan_meier(waiting).at([28])["estimate"].item() < 0.5)
    True
    """
    if kind not in get_args(Kind):
        raise PlanError(f"`kind` is one of {', '.join(get_args(Kind))}.")
    scheme = histories.scheme
    if pathway is not None and pathway not in scheme.codes:
        raise DataError(f"{pathway!r} is no pathway of scheme {scheme.name}.")
    people = managed(histories, programme, since)
    members = {part.code: part.members for part in scheme.pathways}
    rows = people.about(
        partner or ANY_PARTNER, pathway or ANY_PATHWAY, members[pathway] if pathway else ()
    )
    rows = rows[rows["kind"].isin(CONTACTS if kind == "contact" else [kind])]
    day = people.length.copy()
    contacted = np.zeros(people.n, bool)
    contacted[rows["place"]] = True
    np.minimum.at(day, rows["place"].to_numpy(), rows["day"].to_numpy())
    frame = pd.DataFrame({
        "person_id": people.person_ids, "start_date": to_dates(people.start), "day": day,
        "contacted": contacted})  # fmt: skip
    if pathway is not None:
        needs = _needs(histories, people, [pathway], design or NeedsDesign())
        frame = frame[needs[:, 0] == 1].reset_index(drop=True)
    return TimeToEvent.from_frame(frame, stop="day", event="contacted", person="person_id")


def _needs(
    histories: Histories, people: Managed, codes: Iterable[str], design: NeedsDesign
) -> Floats:
    """Say who had which need on the first day, shape (people, pathways): 1, 0 or NaN."""
    asked = ask(histories, people.person_ids, to_dates(people.start))
    rows = asked.latest(people.start - design.days_before, people.start + design.days_after)
    return asked.table(tuple(codes), rows)


def _measure(
    rows: pd.DataFrame, length: NDArray[np.int64], need: Floats, gap_days: int, confidence: float
) -> dict[str, object]:
    """Measure one partner and pathway.

    Parameters
    ----------
    rows
        ``place, day, kind`` of its referrals and contacts.
    length, need : arrays, shape (n,)
        Days watched; 1, 0 or NaN.
    """
    place, day, kind = (rows[name].to_numpy() for name in ("place", "day", "kind"))
    n = len(length)

    def last(*kinds: str) -> NDArray[np.int64]:
        such = np.isin(kind.astype(str), kinds)
        found = np.zeros(n, np.int64)
        np.maximum.at(found, place[such], day[such])
        return found

    seen = np.bincount(place[np.isin(kind.astype(str), CONTACTS)], minlength=n)
    referred, contact = last("referral") > 0, last(*CONTACTS)
    reached = contact > 0
    done, left = last("completed"), last("disengaged")
    completed = reached & (done >= contact) & (done >= left)
    disengaged = reached & ~completed & (left >= contact)
    silent = reached & ~completed & ~disengaged & (length - contact > gap_days)
    months = length / (DAYS_A_YEAR / MONTHS_A_YEAR)
    dose, low, high = _dose(seen.astype(float), months, confidence)
    return {
        "n_need": int((need == 1).sum()), "n_need_unknown": int(np.isnan(need).sum()),
        "referred": int(referred.sum()), "referred_need": int((referred & (need == 1)).sum()),
        "in_contact": int(reached.sum()), "in_contact_need": int((reached & (need == 1)).sum()),
        "contacts": int(seen.sum()), "months": float(months.sum()),
        "dose": dose, "dose_low": low, "dose_high": high, "completed": int(completed.sum()),
        "disengaged": int(disengaged.sum()), "silent": int(silent.sum()),
    }  # fmt: skip


def _dose(seen: Floats, months: Floats, confidence: float) -> tuple[float, float, float]:
    """Divide contacts by months; the variance is that of a ratio of sums over people, in logs."""
    if months.sum() <= 0:
        return np.nan, np.nan, np.nan
    dose = float(seen.sum() / months.sum())
    if dose == 0 or len(seen) < 2:
        return dose, np.nan, np.nan
    error = float(np.sqrt(((seen - dose * months) ** 2).sum()) / seen.sum())
    spread = float(np.exp(ndtri((1 + confidence) / 2) * error))
    return dose, dose / spread, dose * spread


def _caveats(people: Managed, needs: Floats) -> Iterable[str]:
    known = ~np.isnan(needs)
    nobody_asked = int((~known.any(axis=1)).sum())
    if nobody_asked:
        yield Caveat(
            "{unasked} of {n} people were not assessed on any pathway: whether support reached "
            "their needs is not known.", unasked=nobody_asked, n=people.n,
        )  # fmt: skip
    lost = people.accounting.set_index("reason")["n_rows"]
    left_out = int(lost[lost.index.str.startswith("left out")].sum())
    if left_out:
        yield Caveat(
            "{left} of {rows} rows of support are outside the episodes looked at and left out.",
            left=left_out, rows=int(lost.sum()),
        )  # fmt: skip
    if unknown := int(lost[lost.index.str.startswith("used, but")].sum()):
        yield Caveat(
            "{unknown} rows of support name no pathway of the scheme: they count for partners and "
            "in all, not for a pathway.", unknown=unknown,
        )  # fmt: skip
