"""Twelve certified digits for every model of every study."""

from fractions import Fraction

import numpy as np
import pytest

from tests.certified import exact
from tests.certified.__main__ import BEGIN, END
from tests.certified.digits import (
    CERTIFIED,
    digits,
    name_of,
    of_curve,
    of_fit,
    with_curves,
)
from tests.certified.make import HERE, daily
from tests.certified.studies import studies

ENOUGH = 12


@pytest.mark.parametrize("answer", CERTIFIED, ids=lambda a: f"{a['study']}, {name_of(a)}")
def test_fits_have_twelve_digits(answer):
    counts = of_fit(answer)
    assert min(counts.values()) >= ENOUGH, counts


@pytest.mark.parametrize("study", with_curves(), ids=lambda study: study.name)
def test_curves_have_twelve_digits(study):
    counts = of_curve(study)
    assert min(counts.values()) >= ENOUGH, counts


def test_every_study_is_certified_by_both_tie_rules():
    cox = {(a["study"], a["ties"]) for a in CERTIFIED if a["model"] == "cox"}
    assert cox == {(name, ties) for name in studies() for ties in ("efron", "breslow")}
    assert len(studies()) >= 8


def test_the_page_has_every_model_and_shows_twelve_digits():
    page = (HERE.parents[1] / "docs" / "trust.md").read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines()]
    rows = [cells for cells in rows if cells and cells[0] in studies()]
    fits = {(answer["study"], name_of(answer)) for answer in CERTIFIED}
    assert {(cells[0], cells[1]) for cells in rows if cells[1] != "curves"} == fits
    assert min(float(cell) for cells in rows for cell in cells[2:] if cell) >= ENOUGH


def test_the_made_up_data_are_made_again():
    assert (HERE / "daily.csv").read_text(encoding="utf-8") == daily()


def test_digits_are_counted_as_they_should_be():
    assert digits([1.0], ["1"]) == 15
    assert digits([1.001, 5.0], ["1", "5"]) == pytest.approx(3, abs=1e-10)
    assert np.isnan(digits([np.nan, 5.0], ["1", "5"]))
    with pytest.raises(ValueError, match="zip"):
        digits([1.0], ["1", "2"])


def test_fractions_are_solved_exactly():
    matrix = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]]
    assert exact._solved(matrix, [Fraction(3), Fraction(5)]) == [Fraction(4, 5), Fraction(7, 5)]
