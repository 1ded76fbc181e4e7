"""What an estimator does with a bad input, judged by code and not by eye.

    R   right: the numbers of rows that mean the same, or R's
    W   right, with a caveat that names what is odd
    N   `not estimable` and the reason in the cell; every other cell right
    E   a clear error: the column or the rows, what to do, no value, nobody's id
        (blank: not applicable)

and what may not be:

    wrong      a number that is not right, or one that should not be
    dropped    right only because rows were left out without a word
    silent     right, but nothing is said of what is odd
    obscure    an error that names neither column nor rows, or shows a value
    uncaught   any other exception, or a warning
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from desistance.errors import DesistanceError
from tests.estimators import BY_NAME, ESTIMATORS, FAMILIES, KEYS, VALUES, numbers, predictions
from tests.faults.inputs import INPUTS
from tests.faults.spoilt import ANY, CANARY, clean, cut, same

if TYPE_CHECKING:
    from tests.estimators import Estimator
    from tests.faults.spoilt import Input

GOOD = ("R", "W", "N", "E", "")
NEVER_SHOWN = re.compile(rf"{CANARY}|7777|(?<!31/12/)9,?999|2,?900,?000")
ODD = Path(__file__).with_name("odd.json")
TOLERANCE = 1e-6  # the inputs that shift a covariate by 1e8 keep no more


@dataclass(frozen=True)
class Cell:
    """The verdict on one input and one estimator; `why` says what was seen."""

    code: str
    why: str = ""


def judge(bad: Input, estimator: Estimator) -> Cell:
    """Give an estimator a bad input and say what came of it."""
    reason = _not_for(bad, estimator)
    if reason:
        return Cell("", reason)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            spoilt = bad.spoil(clean())
            result = estimator(spoilt, bad.terms)
            found, told = numbers(result), " ".join(getattr(result, "caveats", ()))
            summary, foretold = result.summary(), predictions(result, spoilt)
    except DesistanceError as error:
        said = str(error)
        clear = re.search(bad.error, said, re.DOTALL) and not NEVER_SHOWN.search(said)
        return Cell("E" if clear else "obscure", said)
    except Exception as error:  # noqa: BLE001 - the verdict is that anything came
        return Cell("uncaught", repr(error))
    if NEVER_SHOWN.search(told + " ".join(found.note)):
        return Cell("obscure", told)
    if (foretold.estimate.isna() & foretold.note.eq("")).any():
        return Cell("wrong", "an empty prediction without a reason")
    cell = _judge_numbers(bad, estimator, found, told)
    if cell.code == "silent" and not bad.says and "not estimable: " in summary:
        return Cell("N", summary)
    return cell


def _not_for(bad: Input, estimator: Estimator) -> str:
    if bad.needs != ANY and not bad.needs & estimator.traits:
        return "reads no such column"
    for trait, reason in bad.without.items():
        if (trait[0] == "!" and trait[1:] not in estimator.traits) or trait in estimator.traits:
            return reason
    return ""


def _judge_numbers(bad: Input, estimator: Estimator, found: pd.DataFrame, told: str) -> Cell:
    expected = _expected(bad.number, estimator.name)
    empty = found.reindex(columns=["estimate", "statistic"]).isna().all(axis=1)
    if expected is None:
        none = empty if "hazards" not in estimator.traits else empty | ~found.term.isin(bad.terms)
        penalised = re.search("owe more to the penalty", told)
        if not none.all() and not penalised:
            return Cell("wrong", "a number where there can be none")
        expected = found.head(0)
    factor = bad.factor if "terms" in estimator.traits else {}
    others_are_drawn = "drawn" in estimator.traits and bad.like not in (same, cut)
    values = ("estimate",) if others_are_drawn else VALUES
    gap, compared = _gap_to(found, expected, bad, factor, values)
    if gap:
        return Cell("wrong", gap)
    blank = found[empty & ~found.note.str.match("interval")]
    unexplained = blank[~blank.note.str.startswith("not estimable: ")]
    if len(unexplained) and "n_expected" not in found and "df" not in unexplained:
        return Cell("wrong", f"{len(unexplained)} empty cells without a reason")
    if bad.says and not re.search(bad.says, told):
        return Cell("dropped" if "left out" in bad.says else "silent", told)
    if bad.says:
        return Cell("W", told)
    reasons = " ".join(sorted(set(blank.note) - _usual_notes(estimator.name)))
    if not compared and not reasons:
        said = re.search("Nobody|No row has an event", told)
        return Cell("N" if said else "silent", told)
    return Cell("N" if reasons else "R", reasons)


@cache
def _expected(number: int, name: str) -> pd.DataFrame | None:
    """R's numbers, or those of rows that mean the same; None where there is no number."""
    bad, estimator = INPUTS[number - 1], BY_NAME[name]
    by_r = json.loads(ODD.read_text()).get(str(number), {}).get(name) if ODD.exists() else None
    if by_r is not None:
        return pd.DataFrame(by_r)
    if bad.like is None:
        return None
    if bad.like is cut or (bad.like_terms != bad.terms and "terms" not in estimator.traits):
        return numbers(estimator(cut(bad.spoil(clean())), bad.terms))
    return numbers(estimator(bad.like(clean()), bad.like_terms))


@cache
def _usual_notes(name: str) -> frozenset[str]:
    """Notes of an estimator on the clean rows."""
    return frozenset(numbers(BY_NAME[name](clean())).note)


def _gap_to(
    found: pd.DataFrame,
    expected: pd.DataFrame,
    bad: Input,
    factor: dict[str, float],
    values: tuple[str, ...],
) -> tuple[str, int]:
    """Say where the numbers found are not those expected, and how many could be compared."""
    keys = [key for key in KEYS if key in found and key in expected]
    one = found.assign(**{key: found[key].astype(str) for key in keys if key != "day"})
    two = expected.assign(**{key: expected[key].astype(str) for key in keys if key != "day"})
    if bad.only and "term" in keys:
        two = two[two.term.isin(bad.only)]
    if "day" in keys:
        two = two.assign(day=two.day / bad.days)
        if "n_events" in two:
            two = two[(two.n_events > 0) | ~two.n_events.any()]
    if not keys:
        one = one[one.statistic.notna()]
        one, two = one.assign(row=range(len(one))), two.assign(row=range(len(two)))
    merged = two.merge(
        one, on=keys or ["row"], how="left", suffixes=("_expected", ""), indicator=True
    )
    if (merged._merge != "both").any():
        return f"{(merged._merge != 'both').sum()} rows are missing", 0
    units = merged.term.map(factor).fillna(1.0).to_numpy() if "term" in merged else 1.0
    compared = 0
    for value in values:
        if value not in found or value not in expected:
            continue
        mine, theirs = (merged[c].to_numpy(float) for c in (value, f"{value}_expected"))
        if value in ("estimate", "std_error", "conf_low", "conf_high"):
            mine = mine * units
        seen = np.isfinite(theirs)
        if value != "estimate" or bad.cell:
            seen &= ~(np.isnan(mine) & merged.note.str.match(f"not estimable: {bad.cell}"))
        compared += int(seen.sum())
        off = ~np.isclose(mine[seen], theirs[seen], rtol=TOLERANCE, atol=TOLERANCE)
        if off.any():
            at = np.flatnonzero(off)[0]
            return f"{value}: {mine[seen][at]:.8g} in place of {theirs[seen][at]:.8g}", compared
    return "", compared


def by_family(cells: dict[str, Cell]) -> dict[str, str]:
    """Put the verdicts on one input together by family of estimators: their codes, once each."""
    return {
        family: " ".join(
            sorted({cells[one.name].code for one in ESTIMATORS if one.family == family} - {""})
        )
        for family in FAMILIES
    }
