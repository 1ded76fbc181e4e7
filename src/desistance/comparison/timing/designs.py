"""Whom each design sets beside whom, on the clock of days since leaving.

    day                  0         30        60        90            horizon
    people               E---------|---------|---------|----- ... -----|
    A joined on day 40   E.............J+++++++++++++++++++ ... +++++
    B never joined       E......................................... .....

risk-set             On day 40, A and those who had not joined, matched by their chance of it.
                       A             [+++++++++++++++++++ ... until day 40 + horizon
                       B             [................... ... the same
nested-trials        The same in a trial a window, everybody who could have joined in it weighed by
                     their odds of joining; who joins later is censored, and others weigh more.
                       trial of 35..41   A, joined         [++++++++++ ...
                                         B, not            [.......... ...
                       trial of 42..48   B, not                  [.... ...
                     Its day 0 is the last day of its window, for both sides.
landmark             On day 90, those who have not reoffended; joined by then, or not.
                       A                                [+++ ...
                       B                                [... ...
time-varying         One row of time after the other; no copies.
                       A               [..............](+++++++++++++ ...
                       B               [............................. ...
clone-censor-weight  Everybody twice, from day 0: as one to join in the grace period (here 90 days)
                     and as one never to join. A copy is censored when its person does otherwise.
                       A, to join      [..............+++++++++++++++ ...
                       A, never        [..............]
                       B, to join      [.........................]
                       B, never        [............................. ...

References
----------
Hernán, Brumback and Robins (2000), Epidemiology 11(5), of marginal structural Cox models; Gran
and others (2010), Statistics in Medicine 29(26), of sequential trials; Anderson, Cain and Gelber
(1983), Journal of Clinical Oncology 1(11), of landmarks; Cain and others (2010), International
Journal of Biostatistics 6(2), of clones and even grace periods; Hernán (2018), BMJ 360, k182.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.balance import BalanceDesign, balance_cohorts
from desistance.comparison.timing.joining import Windows, chances, joining_of, standardised
from desistance.errors import ModelError, NobodyToMatchError
from desistance.followup.rules import extract_day
from desistance.histories.days import NEVER, months_to_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from desistance.balance import Balance
    from desistance.comparison.timing.design import TimeDesign
    from desistance.comparison.timing.joining import Joining
    from desistance.followup import FollowUp

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

FLOW = ["step", "n_left_out", "n_remaining"]


@dataclass(frozen=True, slots=True, eq=False)
class Emulation:
    """Copies of people on either side, and how to weigh them.

    Attributes
    ----------
    copies : DataFrame, c rows
        ``person`` (position in `FollowUp.people`), ``day`` (first day, since leaving), ``trial``,
        ``exposed``, and ``until``: last day kept, from the first one (`NEVER` if all are).
    windows : Windows, or None where no weight changes with time
    joining : Joining, or None where no hazard of joining is needed
    base : function of counts (n_people,) and hazards (n_people, W + 1)
        Gives each copy's weight on its first day, shape (c,).
    factor : function of hazards with terms and without, copies, windows and exposure, (r,) each
        Gives what each row's weight is multiplied by.
    flow : DataFrame
        ``step, n_left_out, n_remaining``, of people.
    """

    copies: pd.DataFrame
    windows: Windows | None
    joining: Joining | None
    base: Callable[[Floats, Floats], Floats]
    factor: Callable[[Floats, Floats, Ints, Ints, Bools], Floats] | None
    flow: pd.DataFrame


def emulate(followed: FollowUp, design: TimeDesign, balanced: Balance | None = None) -> Emulation:
    """Set people beside each other as the design says.

    Raises
    ------
    NobodyToMatchError
        If one side has nobody; the message counts where they were lost.
    """
    if design.name == "risk-set":
        return _risk_set(followed, design, balanced)
    makers = {
        "nested-trials": _nested_trials,
        "landmark": _landmark,
        "time-varying": _time_varying,
        "clone-censor-weight": _clones,
    }
    return makers[design.name](followed, design)


def _risk_set(followed: FollowUp, design: TimeDesign, balanced: Balance | None) -> Emulation:
    if balanced is None:
        balanced = balance_cohorts(
            followed, BalanceDesign(terms=tuple(design.terms), propensity=design.model)
        )
    matches = balanced.matches
    copies = matches[["person", "day", "exposed"]].assign(trial=matches["match"])
    fixed = matches["weight"].to_numpy()
    return _with_later(followed, design, copies, lambda *_: fixed, balanced.flow)


def _nested_trials(followed: FollowUp, design: TimeDesign) -> Emulation:
    joined = followed.joined
    windows = Windows.up_to(_last_joined(joined), every=design.every_days)
    last = _first_event(followed) if design.quiet_only else np.full(len(joined), NEVER)
    joining = joining_of(followed, windows, last, design.terms, design.model, at_liberty=True)
    person, window = joining.person, joining.window
    day = windows.start[window] + windows.length[window] - 1
    ready = able(followed, person, day) & (day < last[person])
    in_trial = ready & _both_sides(window, joining.joins, ready)
    person, window, day = person[in_trial], window[in_trial], day[in_trial]
    exposed = joining.joins[in_trial]
    n = int((joined < NEVER).sum())
    n_could, n_in = int(joining.joins.sum()), int(exposed.sum())
    flow = pd.DataFrame(
        [
            ("people who joined", 0, n),
            (
                "elsewhere, dead or in custody when their window began"
                + (", or had reoffended" if design.quiet_only else ""),
                n - n_could, n_could,
            ),
            ("nobody to compare with, or no follow-up after the window", n_could - n_in, n_in),
        ],
        columns=FLOW,
    )  # fmt: skip
    copies = pd.DataFrame({"person": person, "day": day, "exposed": exposed, "trial": window})

    def odds_of_joining(counts: Floats, hazard: Floats) -> Floats:
        chance = hazard[person, window]
        return like_those_exposed(chance / (1 - chance), exposed, window, counts[person])

    return _with_later(
        followed, design, copies, odds_of_joining, flow, windows=windows, joining=joining
    )


def _landmark(followed: FollowUp, design: TimeDesign) -> Emulation:
    day, joined = design.landmark_days, followed.joined
    everyone = np.arange(len(joined))
    quiet = _first_event(followed) > day
    there = quiet & able(followed, everyone, np.full(len(joined), day))
    person = np.flatnonzero(there)
    exposed = joined[person] <= day
    flow = pd.DataFrame(
        [
            ("people followed", 0, len(joined)),
            (f"reoffended by day {day}", int((~quiet).sum()), int(quiet.sum())),
            ("in custody, elsewhere, dead or without follow-up on that day",
             int((quiet & ~there).sum()), len(person)),
        ],
        columns=FLOW,
    )  # fmt: skip
    copies = pd.DataFrame({"person": person, "day": day, "exposed": exposed, "trial": 0})
    x = standardised(followed, person, np.zeros_like(person), design.terms)

    def odds_of_joining(counts: Floats, _: Floats) -> Floats:
        weight = counts[person]
        share = np.full(len(person), weight @ exposed / weight.sum())
        chance = chances(x, exposed, weight, design.model) if x.shape[1] else share
        return like_those_exposed(chance / (1 - chance), exposed, copies["trial"], weight)

    return _with_later(followed, design, copies, odds_of_joining, flow)


def _time_varying(followed: FollowUp, design: TimeDesign) -> Emulation:
    joined, n = followed.joined, len(followed.people)
    last = _first_end(followed)
    windows = Windows.up_to(_last_joined(np.where(joined < last, joined, NEVER)),
                            every=design.every_days)  # fmt: skip
    joining = joining_of(followed, windows, last, design.terms, design.model, at_liberty=False)
    copies = pd.DataFrame(
        {"person": np.arange(n), "day": 0, "trial": 0, "exposed": False, "until": NEVER}
    )
    when = windows.of(np.minimum(joined, NEVER))
    begin = np.append(windows.start, windows.start[-1] + windows.length[-1])[when]

    def stabilised(h: Floats, h_bar: Floats, copy: Ints, window: Ints, exposed: Bools) -> Floats:
        day = np.where(exposed, begin[copy], middle(windows, window, np.zeros_like(window)))
        stayed = _stayed(windows, h, copy, day) - _stayed(windows, h_bar, copy, day)
        ratio = np.ones(len(copy))
        mine = copy[exposed], when[copy[exposed]]
        ratio[exposed] = h_bar[mine] / np.where(h[mine] > 0, h[mine], 1.0)
        return np.exp(stayed) * ratio

    return Emulation(copies, windows, joining, lambda *_: np.ones(n), stabilised, _followed(n))


def _clones(followed: FollowUp, design: TimeDesign) -> Emulation:
    joined, n, grace = followed.joined, len(followed.people), design.grace_days
    last = _first_end(followed)
    until = max(months_to_days(design.months or followed.design.months), grace + 1)
    windows = Windows.up_to(until, every=design.every_days, edge=grace + 1)
    joining = joining_of(followed, windows, last, design.terms, design.model, at_liberty=False)
    n_grace = int(windows.of(np.array([grace + 1]))[0])
    if not (joining.joins & (joining.window < n_grace)).any():
        raise NobodyToMatchError("Nobody joined in the grace period.", _followed(n))
    latest = joining.window[joining.joins].max()
    if latest < n_grace - 1:
        raise ModelError(
            f"Nobody joined on the last days of a grace period of {grace} days, so nobody stands "
            f"for those who were to: choose {windows.start[latest + 1] - 1} days or fewer."
        )
    person, to_join = np.repeat(np.arange(n), 2), np.tile([True, False], n)
    day = joined[person]
    copies = pd.DataFrame({
        "person": person, "day": 0, "trial": 0, "exposed": to_join,
        "until": np.where(to_join, np.where(day <= grace, NEVER, grace), day),
    })  # fmt: skip
    could = np.zeros((n, n_grace), bool)
    inside = joining.window < n_grace
    could[joining.person[inside], joining.window[inside]] = True
    did = np.zeros_like(could)
    inside &= joining.joins
    did[joining.person[inside], joining.window[inside]] = True
    length = windows.length[:n_grace]
    evenly = length / np.cumsum(length[::-1])[::-1]

    def kept(h: Floats, _: Floats, copy: Ints, window: Ints, exposed: Bools) -> Floats:
        wanted = np.broadcast_to(evenly, could.shape).copy()
        own = h[:, :n_grace]
        if design.grace == "at the latest":
            wanted[:, :-1] = own[:, :-1]
        ratio = np.where(could, (1 - wanted) / (1 - own), 1.0)
        ratio[:, -1] = 1.0  # who has not joined by then is kept no longer
        ratio[did] = (wanted / np.where(own > 0, own, 1.0))[did]
        path = np.cumprod(np.column_stack([np.ones(n), ratio]), axis=1)
        whose = person[copy]
        never = np.exp(_stayed(windows, h, whose, middle(windows, window, np.zeros_like(window))))
        return np.where(exposed, path[whose, np.minimum(window, n_grace)], never)

    return Emulation(copies, windows, joining, lambda *_: np.ones(2 * n), kept, _followed(n))


def _with_later(
    followed: FollowUp,
    design: TimeDesign,
    copies: pd.DataFrame,
    base: Callable[[Floats, Floats], Floats],
    flow: pd.DataFrame,
    *,
    windows: Windows | None = None,
    joining: Joining | None = None,
) -> Emulation:
    """Say what becomes of comparison people who join later."""
    exposed = copies["exposed"].to_numpy()
    if exposed.all() or not exposed.any():
        side = followed.design.names[int(not exposed.any())]
        raise NobodyToMatchError(f"There is nobody of {side} to compare.", flow)
    person, day = copies["person"].to_numpy(), copies["day"].to_numpy()
    joined = followed.joined[person]
    leaves = ~exposed & (joined < NEVER) & (design.then != "keep")
    copies = copies.assign(until=np.where(leaves, joined - day, NEVER)).reset_index(drop=True)
    if design.then != "weigh":
        return Emulation(copies, None, joining, base, None, flow)
    if windows is None:
        edge = design.landmark_days + 1 if design.name == "landmark" else 0
        windows = Windows.up_to(_last_joined(followed.joined), every=design.every_days, edge=edge)
    if joining is None:
        joining = joining_of(
            followed, windows, np.full(len(followed.people), NEVER), design.terms, design.model,
            at_liberty=True, first=int(windows.of(day.min(keepdims=True) + 1)[0]),
        )  # fmt: skip

    def stayed(h: Floats, _: Floats, copy: Ints, window: Ints, exposed: Bools) -> Floats:
        after = day[copy] + 1
        until = _stayed(windows, h, person[copy], middle(windows, window, after))
        since = _stayed(windows, h, person[copy], after.astype(float))
        return np.where(exposed, 1.0, np.exp(until - since))

    return Emulation(copies, windows, joining, base, stayed, flow)


def like_those_exposed(
    odds: Floats, exposed: Bools, trial: Ints | pd.Series, weight: Floats
) -> Floats:
    """Weigh each trial's comparison people by their odds, to as many as are exposed in it (ATT)."""
    trial = np.asarray(trial)
    theirs = np.bincount(trial, weight * odds * ~exposed)
    ours = np.bincount(trial, weight * exposed, len(theirs))
    scale = np.divide(ours, theirs, out=np.zeros_like(ours), where=theirs > 0)
    return np.where(exposed, 1.0, odds * scale[trial])


def middle(windows: Windows, window: Ints, after: Ints) -> Floats:
    """Give the day half way through what a window holds from day `after` on, shape (r,)."""
    last = len(windows.start) - 1
    inside = np.minimum(window, last)
    end = windows.start[inside] + windows.length[inside]
    day = (np.maximum(windows.start[inside], after) + end - 1) / 2
    return np.where(window > last, end, day)


def _stayed(windows: Windows, h: Floats, person: Ints, day: Floats) -> Floats:
    """Minus the logarithm of the chance not to have joined before a day, shape (r,)."""
    daily = -np.log1p(-h[:, :-1]) / windows.length
    path = np.cumsum(np.column_stack([np.zeros(len(h)), daily * windows.length]), axis=1)
    window = windows.of(np.floor(day).astype(np.int64))
    inside = np.minimum(window, len(windows.start) - 1)
    begun = np.where(window > inside, 0.0, (day - windows.start[inside]) * daily[person, inside])
    found: Floats = path[person, window] + begun
    return found


def able(followed: FollowUp, person: Ints, day: Ints) -> Bools:
    """Say who was at liberty on a day since leaving, with a day of complete follow-up to come."""
    waiting = months_to_days(followed.design.waiting_months)
    ahead = extract_day(followed.histories) - followed.index_day[person] - day - waiting
    found: Bools = followed.at_liberty(person, day) & (ahead >= 1)
    return found


def _both_sides(trial: Ints, exposed: Bools, ready: Bools) -> Bools:
    """Say which rows are of a trial with somebody on either side."""
    ours = np.bincount(trial, exposed & ready)
    theirs = np.bincount(trial, ~exposed & ready)
    found: Bools = ((ours > 0) & (theirs > 0))[trial]
    return found


def _first_event(followed: FollowUp) -> Ints:
    found: Ints = followed.people["event_day"].fillna(NEVER).to_numpy(np.int64)
    return found


def _first_end(followed: FollowUp) -> Ints:
    """The day of each person's first reoffence, or the one after they were last watched."""
    event = followed.people["event_day"].notna().to_numpy()
    found: Ints = followed.people["end_day"].to_numpy() + ~event
    return found


def _last_joined(joined: Ints) -> int:
    if not (joined < NEVER).any():
        flow = pd.DataFrame([("people who joined", 0, 0)], columns=FLOW)
        raise NobodyToMatchError("Nobody joined.", flow)
    return int(joined[joined < NEVER].max())


def _followed(n: int) -> pd.DataFrame:
    return pd.DataFrame([("people followed", 0, n)], columns=FLOW)
