"""From column names and typed terms to covariates, and which rows that leaves out.

    "age"                     numbers, bool: one covariate, as it stands
    "tier"                    text, category: one covariate of 0 and 1 for each label after the
                              first, named ``tier[FLEX]``; the first is what they are set against
    Category("tier", ...)     the same, with a reference of your own, or for codes in numbers
    Spline("age", knots=4)    a smooth curve, straight outside its knots: ``age spline 1``, ...
    Interaction("age", ...)   products, ``age:tier[FLEX]``: whether one effect depends on another

Labels go in the order of their category, else of the alphabet; labels nobody has are not used.
A row with an empty value is left out and counted, an infinite value is an error.

A term is `fixed` once, from all rows: its labels and knots are then its own, and it makes the
same covariates from any block of rows, and from rows it has not seen.
"""

from desistance.survival.terms.acrossblocks import bare_rows, joined, labels_across
from desistance.survival.terms.columns import (
    labelled,
    one_column,
    told_of_left_out,
    without_empty,
)
from desistance.survival.terms.kinds import Category, Interaction, Number, Spline, Term
from desistance.survival.terms.read import columns_of, read_terms, without_parts

__all__ = [
    "Category",
    "Interaction",
    "Number",
    "Spline",
    "Term",
    "bare_rows",
    "columns_of",
    "joined",
    "labelled",
    "labels_across",
    "one_column",
    "read_terms",
    "told_of_left_out",
    "without_empty",
    "without_parts",
]
