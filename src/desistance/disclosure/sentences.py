"""Counts inside sentences: rounded or withheld like the counts of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from desistance.disclosure.policy import PUBLICATION, DisclosurePolicy
from desistance.results import Caveat

if TYPE_CHECKING:
    from collections.abc import Callable


def protect_sentence(sentence: str, policy: DisclosurePolicy = PUBLICATION) -> str:
    """Write a sentence with its counts made safe to release.

    Parameters
    ----------
    sentence
        A `Caveat`, which knows its counts; plain text has none and is given back as it is.
    policy
        The thresholds.

    Examples
    --------
    >>> protect_sentence(Caveat("{left} of {all} people were not assessed.", left=3, all=612))
    'Fewer than 10 of about 610 people were not assessed.'
    """
    if not isinstance(sentence, Caveat) or not policy.protects:
        return str(sentence)
    words = sentence.with_counts(_shown(policy))
    return words[:1].upper() + words[1:]


def _shown(policy: DisclosurePolicy) -> Callable[[int], str]:
    def shown(count: int) -> str:
        if count == 0:
            return "none"
        if policy.is_small(np.array([float(count)]))[0]:
            return f"fewer than {policy.min_cell}"
        return f"about {policy.rounded(np.array([float(count)]))[0]:,.0f}"

    return shown
