"""Tables of counts and rates: suppress, round, work the rates out again, add up what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy import stats

from desistance.disclosure.policy import (
    LABELS,
    PUBLICATION,
    DisclosurePolicy,
    ProtectedTable,
    suppression_log,
    unprotected,
)
from desistance.disclosure.subtraction import hide_what_subtracts
from desistance.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rate:
    """A column that divides one count by another.

    Parameters
    ----------
    column, of, among
        The rate, its numerator and its denominator.
    kind
        "share" when people are counted among people: what remains must not be small either.
        "rate" when events are counted in person-years, or may be more than the people.
    interval
        The columns of its 95% bounds, which are worked out from the rounded counts: Wilson's for
        a share, the exact Poisson interval for a rate.
    per
        What the rate is given per: 100 for percentages.
    """

    column: str
    of: str
    among: str
    kind: Literal["share", "rate"] = "share"
    interval: tuple[str, str] | None = None
    per: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns this rate fills."""
        return (self.column, *(self.interval or ()))


def protect_counts(
    frame: pd.DataFrame,
    *,
    counts: Sequence[str],
    rates: Sequence[Rate] = (),
    sums: Mapping[str, Sequence[str]] | None = None,
    total: str | None = None,
    attribute: bool = False,
    policy: DisclosurePolicy = PUBLICATION,
    table: str = "table",
) -> ProtectedTable:
    """Make a table of counts safe to release; see `disclosure` for the rules.

    Parameters
    ----------
    frame
        One row per group; text columns and those of `LABELS` say what a row is about.
    counts
        Columns of counts, and of person-years (a person-year is about a person).
    rates
        Columns that divide one count by another; a rate already empty stays empty.
    sums
        Columns that are sums of counts in their row, ``{"n": ("need", "no_need")}``.
    total
        Label of a last row that adds up the rows; they must not overlap. None for no such row.
    attribute
        Whether the rows or columns describe something about a person (a health need, a kind of
        offence): then "none of them" and "all of them" tell on everybody, and are suppressed.
    policy, table
        The thresholds, and what the log calls this table.

    Raises
    ------
    DataError
        If a column of numbers or dates is not named: nothing passes unprotected by oversight.

    Examples
    --------
    >>> needs = pd.DataFrame({"group": ["7PP", "IOM"], "need": [4, 62], "no_need": [71, 158]})
    >>> protected = protect_counts(needs, counts=["need", "no_need"])
    >>> protected.shown().values.tolist()
    [['7PP', 'suppressed', 70], ['IOM', 60, 160]]
    """
    if not policy.protects:
        return unprotected(frame)
    sums = {name: list(parts) for name, parts in (sums or {}).items()}
    _check_columns(frame, counts, rates, sums)
    cells = frame.reset_index(drop=True)
    true = cells[list(counts)].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    values = pd.DataFrame(true, columns=list(counts))
    for name, parts in sums.items():
        values[name] = values[parts].sum(axis=1, skipna=False)

    rules = pd.DataFrame("", index=values.index, columns=[*counts], dtype=object)
    for name in counts:
        _count_rules(values[name].to_numpy(), rules, name, policy, attribute=attribute)
    _hide_until_settled(values, rules, rates, sums, policy, attribute=attribute, total=total)

    released = pd.DataFrame(index=cells.index)
    for name in counts:
        released[name] = policy.rounded(values[name].where(rules[name] == "").to_numpy())
    for name, parts in sums.items():
        released[name] = released[parts].sum(axis=1, min_count=1)
        rules[name] = np.where(released[name].isna() & values[name].notna(), "no part is shown", "")
    for rate in rates:
        _rate_rules(cells, values, released, rules, rate, sums, policy)

    if total is not None:
        cells, released, rules = _with_total(cells, released, rules, rates, total)
    return _assemble(cells, released, rules, rates, policy, table)


def _check_columns(
    frame: pd.DataFrame,
    counts: Sequence[str],
    rates: Sequence[Rate],
    sums: Mapping[str, Sequence[str]],
) -> None:
    ratios = [name for rate in rates for name in rate.columns]
    absent = [name for name in [*counts, *ratios] if name not in frame]
    if absent:
        raise DataError(f"There is no column {', '.join(absent)} to protect.")
    not_numbers = [name for name in counts if not is_numeric_dtype(frame[name])]
    if not_numbers:
        raise DataError(f"{', '.join(not_numbers)} must hold numbers to be protected as counts.")
    named = {*counts, *ratios, *sums, *LABELS}
    unnamed = [
        str(name)
        for name in frame.columns
        if name not in named and not frame[name].dropna().map(lambda v: isinstance(v, str)).all()
    ]
    if unnamed:
        raise DataError(
            f"{len(unnamed)} columns hold numbers or dates that no rule protects: "
            f"{', '.join(unnamed)}. Name them among the counts or rates, or drop them."
        )


def _mark(rules: pd.DataFrame, name: str, where: NDArray[np.bool_], rule: str) -> None:
    """Write down a rule where the cell is not hidden yet."""
    rules.loc[where & (rules[name] == "").to_numpy(), name] = rule


def _count_rules(
    count: NDArray[np.float64],
    rules: pd.DataFrame,
    name: str,
    policy: DisclosurePolicy,
    *,
    attribute: bool,
) -> None:
    _mark(rules, name, policy.is_small(count), f"a count of 1 to {policy.min_cell - 1}")
    if attribute:
        _mark(rules, name, count == 0, "nobody in the group has the attribute")


def _hide_until_settled(
    values: pd.DataFrame,
    rules: pd.DataFrame,
    rates: Sequence[Rate],
    sums: Mapping[str, Sequence[str]],
    policy: DisclosurePolicy,
    *,
    attribute: bool,
    total: str | None,
) -> None:
    """Hide what gives a hidden cell back, until nothing more need be hidden."""
    sums_of_cells = _sums_of_cells(rules, sums, total)
    before = -1
    while before != (before := int((rules != "").sum().sum())):
        for rate in rates:
            _part_rules(values, rules, rate, policy, attribute=attribute)
        counts = values[rules.columns].to_numpy().ravel()
        hidden = (rules != "").to_numpy().ravel()
        more = hide_what_subtracts(counts, hidden, sums_of_cells, policy).reshape(rules.shape)
        for place, name in enumerate(rules.columns):
            _mark(rules, name, more[:, place], "it would give a suppressed count back")


def _sums_of_cells(
    rules: pd.DataFrame, sums: Mapping[str, Sequence[str]], total: str | None
) -> list[NDArray[np.int64]]:
    """The cells (numbered along the rows) of each sum: rows, columns, and the whole table."""
    cell = np.arange(rules.size).reshape(rules.shape)
    place = {name: number for number, name in enumerate(rules.columns)}
    blocks = [cell[:, np.array([place[name] for name in parts])] for parts in sums.values()]
    rows = [row for block in blocks for row in block]
    if total is None:
        return rows
    return rows + list(cell.T) + [block.ravel() for block in blocks]


def _part_rules(
    values: pd.DataFrame,
    rules: pd.DataFrame,
    rate: Rate,
    policy: DisclosurePolicy,
    *,
    attribute: bool,
) -> None:
    """Hide a numerator whose remainder is small, or whose group is hidden."""
    of, among = values[rate.of].to_numpy(), values[rate.among].to_numpy()
    if rate.among in rules:
        _mark(rules, rate.of, (rules[rate.among] != "").to_numpy(), "its group is suppressed")
    if rate.kind == "share":
        rest = policy.is_small(among - of) | policy.is_small(
            policy.rounded(among) - policy.rounded(of)
        )
        _mark(rules, rate.of, rest, f"all but 1 to {policy.min_cell - 1} of the group")
        if attribute:
            _mark(rules, rate.of, of == among, "everybody in the group has the attribute")


def _rate_rules(
    cells: pd.DataFrame,
    values: pd.DataFrame,
    released: pd.DataFrame,
    rules: pd.DataFrame,
    rate: Rate,
    sums: Mapping[str, Sequence[str]],
    policy: DisclosurePolicy,
) -> None:
    """Work a rate out from its rounded parts, or say why it is hidden."""
    of, among = released[rate.of].to_numpy(), released[rate.among].to_numpy()
    parts = [rate.of, *sums.get(rate.among, [rate.among])]
    part_hidden = (rules[parts] != "").any(axis=1).to_numpy()
    few = (among < policy.min_group) | (values[rate.among].to_numpy() < policy.min_group)
    for name, quotient in zip(rate.columns, _rate_and_bounds(of, among, rate), strict=False):
        rules[name] = ""
        there = cells[name].notna().to_numpy()
        _mark(rules, name, there & part_hidden, "a part of it is suppressed")
        _mark(rules, name, there & few, f"fewer than {policy.min_group} in the group")
        released[name] = np.where(there & (rules[name] == ""), quotient, np.nan)


def _rate_and_bounds(
    of: NDArray[np.float64], among: NDArray[np.float64], rate: Rate
) -> tuple[NDArray[np.float64], ...]:
    """Divide, and give 95% bounds: Wilson (1927) for a share, Garwood (1936) for a rate."""
    among = np.where(among > 0, among, np.nan)
    middle = of / among
    if rate.kind == "share":
        z = NormalDist().inv_cdf(0.975)
        centre = (of + z**2 / 2) / (among + z**2)
        spread = z * np.sqrt(of * (1 - middle) + z**2 / 4) / (among + z**2)
        low, high = np.clip(centre - spread, 0, 1), np.clip(centre + spread, 0, 1)
    else:
        low = np.where(of > 0, stats.chi2.ppf(0.025, 2 * np.maximum(of, 1)) / 2, 0) / among
        high = stats.chi2.ppf(0.975, 2 * (of + 1)) / 2 / among
    return middle * rate.per, low * rate.per, high * rate.per


def _with_total(
    cells: pd.DataFrame,
    released: pd.DataFrame,
    rules: pd.DataFrame,
    rates: Sequence[Rate],
    total: str,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Add a last row: the sums of the counts shown, and the rates they make."""
    last = len(cells)
    label = next(name for name in cells.columns if name not in released)
    row = released.sum(min_count=1).to_frame().T
    hidden = (rules != "").any()
    for rate in rates:
        of, among = row[rate.of].to_numpy(), row[rate.among].to_numpy()
        whole = not (hidden[rate.of] or hidden[rate.among])
        for name, value in zip(rate.columns, _rate_and_bounds(of, among, rate), strict=False):
            row[name] = value if whole else np.nan
    row.index = pd.Index([last])
    ruled = pd.DataFrame("", index=row.index, columns=rules.columns, dtype=object)
    for name in ruled.columns[row[ruled.columns].isna().iloc[0] & hidden[ruled.columns]]:
        ruled.loc[last, name] = "a part of it is suppressed"
    labels = pd.DataFrame({label: [total]}, index=row.index)
    return (
        pd.concat([cells.astype(object), labels.astype(object)]),
        pd.concat([released, row]),
        pd.concat([rules, ruled]),
    )


def _assemble(
    cells: pd.DataFrame,
    released: pd.DataFrame,
    rules: pd.DataFrame,
    rates: Sequence[Rate],
    policy: DisclosurePolicy,
    table: str,
) -> ProtectedTable:
    fractions = {name for rate in rates for name in rate.columns}
    order = [*cells.columns, *(name for name in released if name not in cells)]
    frame = pd.DataFrame(
        {
            name: cells[name]
            if name not in released
            else released[name].astype("float64" if name in fractions else "Int64")
            for name in order
        }
    )
    hidden = (rules != "").reindex(columns=order, fill_value=False)
    log = suppression_log(table, frame, rules.reindex(columns=[n for n in order if n in rules]))
    return ProtectedTable(frame, hidden, log, note=policy.note)
