"""The numbers agencies know people by: how they are written, checked, and hidden.

    forms ─► pseudonyms
    keys  ─┘

An identifier is brought to one canonical spelling before anything else is done with it: two
spellings of one number would otherwise be two people for ever. Spaces, dashes, capitals, full-width
and look-alike letters, two-digit years and missing zeros are put right; a check letter that does
not fit is not. What is wrong with an identifier is a code in a table, never an exception, and no
message of this room holds an identifier or a key.
"""

from desistance.identifiers.forms import REASONS, SCHEMES, Scheme, check_identifiers
from desistance.identifiers.keys import (
    PseudonymKey,
    in_git_work_tree,
    make_key_file,
    read_key_file,
)
from desistance.identifiers.pseudonyms import make_pseudonyms

__all__ = [
    "REASONS",
    "SCHEMES",
    "PseudonymKey",
    "Scheme",
    "check_identifiers",
    "in_git_work_tree",
    "make_key_file",
    "make_pseudonyms",
    "read_key_file",
]
