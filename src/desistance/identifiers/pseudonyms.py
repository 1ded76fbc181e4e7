"""Pseudonyms: HMAC-SHA256 of a scheme and a canonical identifier, under the key of a project.

A pseudonym is `p` and 128 bits in hexadecimal; among a million people two share one with a chance
below 1e-26, and it is checked. The letter keeps a spreadsheet from reading one as a number. The
scheme is part of what is hashed: the same number under two schemes cannot be linked.
"""

from __future__ import annotations

import pandas as pd

from desistance.errors import DataError
from desistance.identifiers.keys import DOMAIN, PseudonymKey

HEX_DIGITS = 32


def make_pseudonyms(canonical: pd.Series, scheme: str, key: PseudonymKey) -> pd.Series:
    """Give each identifier its pseudonym.

    Parameters
    ----------
    canonical : Series of text, shape (n,)
        The `canonical` of `check_identifiers`; missing ones stay missing.
    scheme
        What kind of identifier it is; each has pseudonyms of its own.
    key
        The key of the project.

    Returns
    -------
    Series of text, shape (n,)

    Raises
    ------
    DataError
        If two identifiers came to one pseudonym.

    Examples
    --------
    >>> import pandas as pd
    >>> from desistance.identifiers import PseudonymKey, make_pseudonyms
    >>> made = make_pseudonyms(pd.Series(["X123456", None]), "crn", PseudonymKey(bytes(range(32))))
    >>> made.str.len().tolist()
    [33, <NA>]
    """
    which, different = pd.factorize(canonical.astype("string"))
    domain = f"{DOMAIN}/{scheme}\0".encode()
    made = ["p" + key.digest(domain + text.encode()).hex()[:HEX_DIGITS] for text in different]
    if len(set(made)) < len(made):
        raise DataError("Two identifiers came to one pseudonym; report this, and make a new key.")
    return pd.Series(pd.array(made, "string").take(which, allow_fill=True), index=canonical.index)
