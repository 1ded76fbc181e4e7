"""The effect of joining by need, and by the number of needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2

from desistance.comparison.effects.contrasts import reach
from desistance.comparison.effects.followed import balance_of
from desistance.comparison.exploratory.explored import (
    COLUMNS,
    COMPARED,
    DIFFERENCE,
    HAZARD,
    PER_NEED,
    STAMP,
    Explored,
)
from desistance.comparison.exploratory.rows import (
    EXPOSED,
    PERSON,
    Row,
    Rows,
    fit,
    in_bands,
    moves,
    people,
    rate_difference,
    rests_on,
    rows_as_given,
    rows_of_matches,
    sides,
    told,
    too_few,
)
from desistance.comparison.exploratory.shrinkage import drawn_in
from desistance.comparison.multiplicity import adjusted_p
from desistance.errors import ModelError
from desistance.followup import FollowUp
from desistance.results import NOT_ESTIMABLE, Caveat
from desistance.survival import Interaction
from desistance.timetoevent import as_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from desistance.balance import Balance
    from desistance.comparison.effects.result import Basis
    from desistance.timetoevent import TimeToEvent

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

WITH, WITHOUT = "with the need", "without the need"
NUMBER = "number of needs"
EVENTS_A_TERM = 5  # below it a model of all needs says nothing
FEWEST_DRAWN_IN = 3
SPREAD = 0.5  # of the prior of tau: needs whose hazard ratios differ by a factor of 1.6


def effects_by_need(
    followed: FollowUp | TimeToEvent,
    balanced: Balance | None = None,
    *,
    needs: Sequence[str] | None = None,
    exposed: str = EXPOSED,
    cluster: str | None = None,
    number: str | None = "n_needs",
    bands: Sequence[int] = (2, 4),
    horizon: int | None = None,
    spread: float = SPREAD,
    confidence: float = 0.95,
) -> Explored:
    """Explore for whom joining does more: by each need, and by the number of needs.

    Parameters
    ----------
    followed, balanced
        A follow-up and its matches, where needs are those known on the day of joining; or rows of
        people at risk that hold their weights, and no balance.
    needs
        Yes/no columns; of a follow-up, every pathway need by default.
    exposed, cluster
        Of rows, the column that says who joined, and the one over whose groups variances add up
        (the pair of a match, say; the person when left out).
    number, bands
        The column with the number of needs, left aside where there is none; and the first number
        of each band after the first: (2, 4) makes 0 to 1, 2 to 3, 4 or more.
    horizon
        Of rows, the day to compare rates on; none are compared without it.
    spread
        Scale of the half-normal prior of tau, by which effects are drawn in.
    confidence
        Of the intervals.

    Returns
    -------
    Explored

    Raises
    ------
    ModelError
        If a column is missing, or is no yes/no.

    Examples
    --------
    >>> from desistance import TimeToEvent
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"joined": rng.random(400) < 0.5, "need_SUB": rng.random(400) < 0.5})
    >>> rate = np.where(frame.joined & frame.need_SUB, 0.004, 0.008)
    >>> frame["day"] = np.ceil(rng.exponential(1 / rate)).astype(int)
    >>> times = TimeToEvent.from_frame(frame.assign(event=True), stop="day", event="event")
    >>> found = effects_by_need(times, needs=["need_SUB"], exposed="joined", number=None)
    >>> found.to_frame()[["group", "n", "estimate"]].round(2)
                      group    n  estimate
    0         with the need  197      0.59
    1      without the need  203      1.26
    2  with against without  400      0.47
    """
    rows, needs, definition = _read(followed, balanced, needs, exposed, cluster, number, horizon)
    z = reach(confidence)
    if number is not None and number not in rows.first.columns:
        if number != "n_needs":
            raise ModelError(f"`number={number!r}` is not a column.")
        number = None
    _check(rows.first.columns, needs)
    found: list[Row] = []
    moved: dict[str, pd.Series] = {}
    for need in needs:
        ratio, by_person = _ratios(rows.first, need, z)
        found += ratio
        if by_person is not None:
            moved[need] = by_person
    if rows.horizon is not None:
        for need in needs:
            found += _differences(rows.whole, need, rows.horizon, z)
    on, jointly = _jointly(rows.first, needs)
    tests, of_tests = [jointly], [on]
    if number is not None:
        bands_found, trend = _by_number(rows.first, number, bands, z)
        found += bands_found
        tests.append(trend)
        of_tests.append(bands_found[-1]["of"])
    frame = pd.DataFrame(found).reindex(columns=COLUMNS).fillna({"note": ""}).assign(status=STAMP)
    frame[["p_holm", "p_bh"]] = np.nan
    for outcome in (HAZARD, DIFFERENCE):
        family = frame["outcome"].eq(outcome) & frame["group"].eq(COMPARED)
        p = frame.loc[family, "p_value"].to_numpy(float)
        frame.loc[family, "p_holm"], frame.loc[family, "p_bh"] = adjusted_p(p), adjusted_p(p, "bh")
    tau = _draw_in(frame, moved, spread, z)
    return Explored(
        "effect of joining by need", frame.astype({"n": "Int64", "n_events": "Int64"}),
        pd.DataFrame(tests, columns=["term", "statistic", "df", "p_value", "note"]),
        tuple(row["of"] for row in found), tuple(of_tests), tau,
        definition, tuple(_caveats(rows.first, needs, frame)),
    )  # fmt: skip


def _read(
    followed: FollowUp | TimeToEvent, balanced: Balance | None, needs: Sequence[str] | None,
    exposed: str, cluster: str | None, number: str | None, horizon: int | None,
) -> tuple[Rows, list[str], str]:  # fmt: skip
    if isinstance(followed, FollowUp):
        if balanced is None:
            raise ModelError("A follow-up needs `balanced`: who is compared with whom.")
        if PERSON not in balance_of(balanced).matches:
            raise ModelError("This balance is of a frame: needs are known of a follow-up.")
        scheme = followed.histories.scheme
        needs = list(needs or (f"need_{code}" for code in scheme.headline))
        matches = balanced.matches
        known = followed.known_from(matches["person"].to_numpy(), matches["day"].to_numpy())
        fixed = followed.known.iloc[matches["person"].to_numpy()].reset_index(drop=True)
        known = known.join(fixed[[name for name in fixed if name not in known]])
        wanted = [name for name in (*needs, number) if name is not None and name in known]
        design = followed.design
        return (
            rows_of_matches(followed, balanced, known[wanted]),
            needs,
            f"proven reoffences in {design.offence_set} within {design.months} months of joining "
            f"{design.joining} (balance: {balanced.light})",
        )
    times = as_times(followed)
    if balanced is not None:
        raise ModelError("Rows hold their own weights: leave `balanced` out.")
    if not needs:
        raise ModelError("`needs` names the yes/no columns of rows to look at.")
    return rows_as_given(times, exposed, cluster, horizon), list(needs), f"in {times.unit}"


def _check(columns: pd.DataFrame, needs: Sequence[str]) -> None:
    absent = [name for name in needs if name not in columns]
    if absent:
        raise ModelError(f"{', '.join(map(repr, absent))} is not a column.")
    wrong = [name for name in needs if not columns[name].dropna().isin([0, 1]).all()]
    if wrong:
        raise ModelError(f"{', '.join(map(repr, wrong))} is no yes or no.")


def _known(rows: TimeToEvent, needs: Sequence[str]) -> tuple[TimeToEvent, pd.DataFrame]:
    """Keep rows on which every need is known, as 0 and 1."""
    table = rows.columns[list(needs)].astype("Float64")
    known = table.notna().all(axis=1).to_numpy()
    kept = rows.only(known, "a need is not known")
    return kept, table[known].astype(float).reset_index(drop=True)


def _cells(kept: TimeToEvent, has: Bools) -> dict[str, Bools]:
    joined = kept.columns[EXPOSED].to_numpy() == 1
    return {
        f"{who} {what}": one & other
        for what, other in ((WITH, has), (WITHOUT, ~has))
        for who, one in (("who joined", joined), ("compared", ~joined))
    }


def _ratios(rows: TimeToEvent, need: str, z: float) -> tuple[list[Row], pd.Series | None]:
    """Hazard ratios with and without a need, and how far each person moves the first."""
    kept, table = _known(rows, [need])
    has = table[need].to_numpy() == 1
    begun = _begun(HAZARD, need, kept, has)
    note = too_few(kept, _cells(kept, has))
    if note:
        return [row | {"note": note} for row in begun], None
    fitted = fit(kept, [EXPOSED, need, Interaction(EXPOSED, need)])
    contrasts = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    log = contrasts @ fitted.log_hazards
    error = np.sqrt(np.diag(contrasts @ fitted.covariance @ contrasts.T))
    if not (np.isfinite(log).all() and (error > 0).all()):
        note = next((one for one in fitted.notes if one), f"{NOT_ESTIMABLE}: no error")
        return [row | {"note": note} for row in begun], None
    shown = [
        row | told(log[j], error[j], z, ratio=True, asked=j == 2) for j, row in enumerate(begun)
    ]
    by_person = moves(fitted, kept)
    return shown, by_person.iloc[:, 0] + by_person.iloc[:, 2]


def _begun(outcome: str, need: str, kept: TimeToEvent, has: Bools) -> list[Row]:
    """The rows of a need before any effect: whom they are of."""
    begun, cells = [], _cells(kept, has)
    for group, mask in ((WITH, has), (WITHOUT, ~has), (COMPARED, None)):
        n, n_events = people(kept, mask)
        own = {name: cell for name, cell in cells.items() if name.endswith(f" {group}")}
        begun.append(
            {"outcome": outcome, "term": need, "group": group, "n": n, "n_events": n_events,
             "of": rests_on(kept, own or cells)}
        )  # fmt: skip
    return begun


def _differences(rows: TimeToEvent, need: str, day: int, z: float) -> list[Row]:
    kept, table = _known(rows, [need])
    has = table[need].to_numpy() == 1
    begun = _begun(DIFFERENCE, need, kept, has)
    note = too_few(kept, _cells(kept, has))
    if note:
        return [row | {"note": note} for row in begun]
    one, moved = rate_difference(kept.only(has, "other need"), day)
    other, against = rate_difference(kept.only(~has, "other need"), day)
    if not np.isfinite([one, other]).all():
        note = f"{NOT_ESTIMABLE}: nobody of a group is watched to day {day}"
        return [row | {"note": note} for row in begun]
    values = (one, moved), (other, against), (one - other, moved.sub(against, fill_value=0.0))
    return [
        row | told(value, float(np.sqrt((by**2).sum())), z, ratio=False, asked=j == 2)
        for j, (row, (value, by)) in enumerate(zip(begun, values, strict=True))
    ]


def _jointly(rows: TimeToEvent, needs: Sequence[str]) -> tuple[Basis, tuple[object, ...]]:
    """Test every product of joining and a need in one model."""
    label = "joining by every need, together"
    kept, _ = _known(rows, needs)
    on = rests_on(kept, sides(kept))
    n_terms = 2 * len(needs) + 1
    n_events = people(kept)[1]
    if n_events < EVENTS_A_TERM * n_terms:
        few = f"fewer than {EVENTS_A_TERM} reoffenders for each of {n_terms} terms"
        return on, (label, np.nan, len(needs), np.nan, f"{NOT_ESTIMABLE}: {few}")
    products = [Interaction(EXPOSED, need) for need in needs]
    fitted = fit(kept, [EXPOSED, *needs, *products])
    place = np.arange(len(needs) + 1, n_terms)
    lost = [fitted.notes[j] for j in place if fitted.notes[j]]
    if lost:
        return on, (label, np.nan, len(needs), np.nan, lost[0])
    log = fitted.log_hazards[place]
    statistic = float(log @ np.linalg.solve(fitted.covariance[np.ix_(place, place)], log))
    return on, (label, statistic, len(needs), float(chi2.sf(statistic, len(needs))), "")


def _by_number(
    rows: TimeToEvent, number: str, bands: Sequence[int], z: float
) -> tuple[list[Row], tuple[object, ...]]:
    """The effect in each band of the number of needs, and its change per further need."""
    kept, table = _known(rows, [number])
    count = table[number].to_numpy()
    names, band = in_bands(count, bands)
    joined = kept.columns[EXPOSED].to_numpy() == 1
    found: list[Row] = []
    for j, name in enumerate(names):
        inside = band == j
        n, n_events = people(kept, inside)
        groups = {"who joined": inside & joined, "compared": inside & ~joined}
        row: Row = {
            "outcome": HAZARD, "term": NUMBER, "group": name, "n": n, "n_events": n_events,
            "of": rests_on(kept, groups),
        }  # fmt: skip
        note = too_few(kept, groups)
        if not note:
            fitted = fit(kept.only(inside, "other number"), [EXPOSED])
            note = fitted.notes[0]
        if note:
            found.append(row | {"note": note})
            continue
        error = float(np.sqrt(fitted.covariance[0, 0]))
        found.append(row | told(float(fitted.log_hazards[0]), error, z, ratio=True))
    n, n_events = people(kept)
    groups = sides(kept)
    row = {"outcome": HAZARD, "term": NUMBER, "group": PER_NEED, "n": n,
           "n_events": n_events, "of": rests_on(kept, groups)}  # fmt: skip
    label = "joining by the number of needs, trend"
    note = too_few(kept, groups)
    if not note:
        fitted = fit(kept, [EXPOSED, number, Interaction(EXPOSED, number)])
        note = fitted.notes[2]
    if note:
        return [*found, row | {"note": note}], (label, np.nan, 1, np.nan, note)
    log, error = float(fitted.log_hazards[2]), float(np.sqrt(fitted.covariance[2, 2]))
    shown = told(log, error, z, ratio=True, asked=True)
    return [*found, row | shown], (label, (log / error) ** 2, 1, shown["p_value"], "")


def _draw_in(frame: pd.DataFrame, moved: dict[str, pd.Series], spread: float, z: float) -> float:
    """Draw the effects among those with each need towards their mean, in place; give tau."""
    if len(moved) < FEWEST_DRAWN_IN:
        return float("nan")
    by_person = pd.DataFrame(moved).fillna(0.0).to_numpy()
    lines = frame.index[
        frame["outcome"].eq(HAZARD) & frame["group"].eq(WITH) & frame["term"].isin(list(moved))
    ]
    log = np.log(frame.loc[lines, "estimate"].to_numpy(float))
    mean, error, tau = drawn_in(log, by_person.T @ by_person, spread)
    for name, value in (
        ("shrunk", mean), ("shrunk_low", mean - z * error), ("shrunk_high", mean + z * error)
    ):  # fmt: skip
        frame.loc[lines, name] = np.exp(value)
    return tau


def _caveats(rows: TimeToEvent, needs: Sequence[str], frame: pd.DataFrame) -> list[str]:
    said = [
        "Exploratory: to be read for what to look at next, not as findings; intervals of single "
        "groups do not allow for how many there are.",
        "Cohorts were made alike as a whole, not within each need.",
    ]
    unknown = rows.columns[list(needs)].isna().groupby(rows.columns["person"].to_numpy()).any()
    most = int(unknown.sum().max())
    if most:
        said.append(
            Caveat(
                "Up to {most} of {all} people are left out of a need's rows: it was not assessed.",
                most=most, all=len(unknown),
            )
        )  # fmt: skip
    n_lost = int(frame.loc[frame["group"].eq(COMPARED), "note"].ne("").sum())
    if n_lost:
        said.append(f"{n_lost} of the effects asked about are not estimable: groups too small.")
    return said
